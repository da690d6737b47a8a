//! Groth16 over BN254 for circuits with one public input (Groth, "On the Size of Pairing-based Non-interactive Arguments").
//!
//! Points are checked when a [`Proof`] or [`VerifyingKey`] is made, so neither can hold a point off its curve, outside
//! its subgroup or at infinity, and verification is pairings only.

mod batch;
mod fixed_base;
mod pairing;
mod square_root;
mod subgroup;

use ark_bn254::{Bn254, Fr, G1Affine, G2Affine};
use ark_ec::pairing::PairingOutput;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::AdditiveGroup;
use thiserror::Error;

use crate::refusal;
use fixed_base::FixedBase;
use pairing::FixedLines;

pub use batch::BatchItem;
pub(crate) use square_root::SquareRoot;

/// What is wrong with a point.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PointFault {
    #[error("is the point at infinity")]
    Infinite,
    #[error("is not on its curve")]
    OffCurve,
    #[error("is on the curve but outside the subgroup of order r")]
    WrongSubgroup,
}

/// A point that was refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{name} {fault}")]
pub struct InvalidPoint {
    pub name: &'static str,
    pub fault: PointFault,
}

impl InvalidPoint {
    /// The reason, as one word of [`refusal`].
    pub fn code(&self) -> &'static str {
        match self.fault {
            PointFault::Infinite => refusal::INFINITY,
            PointFault::OffCurve => refusal::OFF_CURVE,
            PointFault::WrongSubgroup => refusal::WRONG_SUBGROUP,
        }
    }
}

/// Why a verifying key was refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    #[error(transparent)]
    Point(#[from] InvalidPoint),
    #[error("gamma is not the generator of G2")]
    GammaNotGenerator,
    #[error("delta is gamma or its negative, so anyone can forge proofs")]
    DeltaIsGamma,
    #[error("the key is for {0} public inputs instead of 1")]
    PublicInputs(usize),
}

impl KeyError {
    /// The reason, as one word of [`refusal`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::Point(point) => point.code(),
            _ => refusal::WRONG_KEY,
        }
    }
}

/// Why a proof was refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum VerifyError {
    #[error("the proof does not hold for this statement under this key")]
    Pairing,
    #[error("one or more of {0} proofs do not hold for their statements under this key")]
    Batch(usize),
}

impl VerifyError {
    /// The reason, as one word of [`refusal`].
    pub fn code(&self) -> &'static str {
        refusal::PAIRING
    }
}

/// A proof (A, B, C).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    a: G1Affine,
    b: G2Affine,
    c: G1Affine,
}

impl Proof {
    pub fn new(a: G1Affine, b: G2Affine, c: G1Affine) -> Result<Self, InvalidPoint> {
        check_g1("A", &a)?;
        check_g2("B", &b)?;
        check_g1("C", &c)?;
        Ok(Self { a, b, c })
    }

    pub fn a(&self) -> G1Affine {
        self.a
    }

    pub fn b(&self) -> G2Affine {
        self.b
    }

    pub fn c(&self) -> G1Affine {
        self.c
    }
}

/// The key of a circuit with one public input; its gamma is the generator of G2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    alpha_g1: G1Affine,
    beta_g2: G2Affine,
    delta_g2: G2Affine,
    gamma_abc_g1: [G1Affine; 2],
}

impl VerifyingKey {
    pub fn new(
        alpha_g1: G1Affine,
        beta_g2: G2Affine,
        gamma_g2: G2Affine,
        delta_g2: G2Affine,
        gamma_abc_g1: &[G1Affine],
    ) -> Result<Self, KeyError> {
        let gamma_abc_g1 = match *gamma_abc_g1 {
            [constant, linear] => [constant, linear],
            _ => return Err(KeyError::PublicInputs(gamma_abc_g1.len().saturating_sub(1))),
        };
        check_g1("alpha", &alpha_g1)?;
        check_g2("beta", &beta_g2)?;
        check_g2("delta", &delta_g2)?;
        check_g1("IC[0]", &gamma_abc_g1[0])?;
        check_g1("IC[1]", &gamma_abc_g1[1])?;
        let generator = G2Affine::generator();
        if gamma_g2 != generator {
            return Err(KeyError::GammaNotGenerator);
        }
        if delta_g2 == generator || delta_g2 == -generator {
            return Err(KeyError::DeltaIsGamma);
        }
        Ok(Self {
            alpha_g1,
            beta_g2,
            delta_g2,
            gamma_abc_g1,
        })
    }

    pub fn alpha_g1(&self) -> G1Affine {
        self.alpha_g1
    }

    pub fn beta_g2(&self) -> G2Affine {
        self.beta_g2
    }

    /// The generator of G2.
    pub fn gamma_g2(&self) -> G2Affine {
        G2Affine::generator()
    }

    pub fn delta_g2(&self) -> G2Affine {
        self.delta_g2
    }

    /// The constant term and the factor of the public input.
    pub fn gamma_abc_g1(&self) -> [G1Affine; 2] {
        self.gamma_abc_g1
    }

    /// Checks e(A, B) = e(alpha, beta) e(IC[0] + x IC[1], gamma) e(C, delta) on its own. For a second proof it is faster to
    /// [`prepare`](Self::prepare) first.
    pub fn verify(&self, x: Fr, proof: &Proof) -> Result<(), VerifyError> {
        let [constant, linear] = self.gamma_abc_g1;
        let statement = (linear * x + constant).into_affine();
        let pairs = [
            (proof.a, proof.b),
            (-self.alpha_g1, self.beta_g2),
            (-statement, self.gamma_g2()),
            (-proof.c, self.delta_g2),
        ];
        match pairing::product(&pairs, &[]) {
            Some(value) if value == PairingOutput::ZERO => Ok(()),
            _ => Err(VerifyError::Pairing),
        }
    }

    /// Does once what every verification would repeat.
    pub fn prepare(&self) -> PreparedVerifyingKey {
        let alpha_beta = pairing::product(&[(self.alpha_g1, self.beta_g2)], &[]);
        let [constant, linear] = self.gamma_abc_g1;
        PreparedVerifyingKey {
            alpha_beta,
            negated_gamma: FixedLines::new(-self.gamma_g2()),
            negated_delta: FixedLines::new(-self.delta_g2),
            constant,
            linear: FixedBase::new(linear),
        }
    }
}

/// A verifying key with e(alpha, beta), the lines of gamma and delta, and multiples of IC[1] at hand.
#[derive(Clone, Debug)]
pub struct PreparedVerifyingKey {
    alpha_beta: Option<PairingOutput<Bn254>>,
    negated_gamma: FixedLines,
    negated_delta: FixedLines,
    constant: G1Affine,
    linear: FixedBase,
}

impl PreparedVerifyingKey {
    /// Checks e(A, B) = e(alpha, beta) e(IC[0] + x IC[1], gamma) e(C, delta).
    pub fn verify(&self, x: Fr, proof: &Proof) -> Result<(), VerifyError> {
        let statement = self.linear.times(x) + self.constant;
        let shared = [
            (&self.negated_gamma, statement),
            (&self.negated_delta, proof.c.into()),
        ];
        match pairing::product(&[(proof.a, proof.b)], &shared) {
            Some(value) if Some(value) == self.alpha_beta => Ok(()),
            _ => Err(VerifyError::Pairing),
        }
    }
}

fn check_g1(name: &'static str, point: &G1Affine) -> Result<(), InvalidPoint> {
    // The whole curve has order r.
    check(name, point.is_zero(), point.is_on_curve(), || true)
}

fn check_g2(name: &'static str, point: &G2Affine) -> Result<(), InvalidPoint> {
    let (infinite, on_curve) = (point.is_zero(), point.is_on_curve());
    check(name, infinite, on_curve, || subgroup::contains(point))
}

fn check(
    name: &'static str,
    infinite: bool,
    on_curve: bool,
    in_subgroup: impl Fn() -> bool,
) -> Result<(), InvalidPoint> {
    let fault = if infinite {
        PointFault::Infinite
    } else if !on_curve {
        PointFault::OffCurve
    } else if !in_subgroup() {
        PointFault::WrongSubgroup
    } else {
        return Ok(());
    };
    Err(InvalidPoint { name, fault })
}
