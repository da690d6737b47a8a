//! Verifying keys as a circuit reads them.

use super::curve::{Point, WINDOWS, g2_generator};
use super::flat::{self, Flat};
use super::layout::{COMB_COLUMNS, COMB_ROWS, KEY_NUMBERS, Layout};
use super::limbs::NumberCode;
use super::params::{Mode, Params};
use super::plan::key_initial_value;
use super::transcript::Sponge;
use super::window::{WindowFunction, window_functions};
use ark_bn254::{Bn254, Fq, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AdditiveGroup, AffineRepr, CurveGroup};
use ark_ff::{One, Zero};
use ark_groth16::VerifyingKey;

/// Why a verifying key cannot be used inside a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VkError {
    /// gamma is not the standard generator of G2.
    #[error("gamma is not the standard generator of G2")]
    Gamma,
    /// The circuit has another number of public inputs than one.
    #[error("the key has {0} IC points, one public input needs 2")]
    PublicInputs(usize),
    /// A point is the neutral element.
    #[error("{0} is the point at infinity")]
    Infinity(&'static str),
    /// A point is not on its curve.
    #[error("{0} is not on the curve")]
    OffCurve(&'static str),
    /// A point of the twist is outside the subgroup of order r.
    #[error("{0} is outside the subgroup of order r")]
    Subgroup(&'static str),
    /// delta is gamma or its negative, with which anyone can forge.
    #[error("delta is gamma or its negative: proofs under this key can be forged")]
    DeltaIsGamma,
}

/// A verifying key with one public input, checked, its tables computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedKey {
    params: Params,
    ic0: Point<Fq>,
    comb: Vec<Point<Fq>>,
    mab: Flat,
    delta: Vec<WindowFunction>,
    numbers: Vec<Fq>,
    words: Vec<i128>,
    digest: Fr,
}

impl PreparedKey {
    /// Checks a key and computes its tables and digest, for the deployed parameters.
    pub fn new(key: &VerifyingKey<Bn254>) -> Result<Self, VkError> {
        Self::with_params(key, Params::DEPLOYED)
    }

    /// Like [`PreparedKey::new`], for other parameters.
    pub fn with_params(key: &VerifyingKey<Bn254>, params: Params) -> Result<Self, VkError> {
        check(key)?;
        let comb = comb_table(key.gamma_abc_g1[1]);
        let mab = fixed_pairing(key.alpha_g1, key.beta_g2).ok_or(VkError::Subgroup("beta"))?;
        let delta = window_functions(key.delta_g2).ok_or(VkError::Subgroup("delta"))?;
        let ic0 = Point::from(key.gamma_abc_g1[0]);
        let numbers = numbers(ic0, &comb, &mab, &delta);
        let code = NumberCode::word(&params);
        let words: Vec<i128> = numbers
            .iter()
            .flat_map(|&number| code.signed(number))
            .collect();
        let mut sponge = Sponge::new(key_initial_value(&params, &Layout::new(Mode::Witness)));
        sponge.absorb(&words.iter().map(|&word| Fr::from(word)).collect::<Vec<_>>());
        let digest = sponge.squeeze(1)[0];
        Ok(Self {
            params,
            ic0,
            comb,
            mab,
            delta,
            numbers,
            words,
            digest,
        })
    }

    /// The parameters that the words are cut for.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The key's digest `vkd`.
    pub fn digest(&self) -> Fr {
        self.digest
    }

    /// The 1152 words behind the digest, as field elements: three signed words for each number.
    pub fn words(&self) -> Vec<Fr> {
        self.words.iter().map(|&word| Fr::from(word)).collect()
    }

    /// The signed words of each number.
    pub fn signed_words(&self) -> impl Iterator<Item = &[i128]> {
        self.words.chunks(self.params.word_widths().len())
    }

    /// The numbers behind the words: IC0, the comb's table, mab, delta's windows.
    pub fn numbers(&self) -> &[Fq] {
        &self.numbers
    }

    /// IC0.
    pub fn ic0(&self) -> Point<Fq> {
        self.ic0
    }

    /// The comb's table: entry e is `(2^215 + sum_(row<5) (bit row of e ? + : -) 2^(43 row)) IC1`.
    pub fn comb(&self) -> &[Point<Fq>] {
        &self.comb
    }

    /// Torus form of the Miller value of alpha and beta times `w`.
    pub fn mab(&self) -> &Flat {
        &self.mab
    }

    /// Window functions of delta.
    pub fn delta(&self) -> &[WindowFunction] {
        &self.delta
    }
}

/// A light client's form of a key as arkworks has it.
pub fn ark_key(key: &trifold_verifier::groth16::VerifyingKey) -> VerifyingKey<Bn254> {
    VerifyingKey {
        alpha_g1: key.alpha_g1(),
        beta_g2: key.beta_g2(),
        gamma_g2: key.gamma_g2(),
        delta_g2: key.delta_g2(),
        gamma_abc_g1: key.gamma_abc_g1().to_vec(),
    }
}

fn check(key: &VerifyingKey<Bn254>) -> Result<(), VkError> {
    if key.gamma_g2 != g2_generator() {
        return Err(VkError::Gamma);
    }
    let [ic0, ic1] = key.gamma_abc_g1[..] else {
        return Err(VkError::PublicInputs(key.gamma_abc_g1.len()));
    };
    for (name, point) in [("IC0", ic0), ("IC1", ic1), ("alpha", key.alpha_g1)] {
        check_g1(name, &point)?;
    }
    for (name, point) in [("beta", key.beta_g2), ("delta", key.delta_g2)] {
        check_g2(name, &point)?;
    }
    if key.delta_g2.x == key.gamma_g2.x {
        return Err(VkError::DeltaIsGamma);
    }
    Ok(())
}

fn check_g1(name: &'static str, point: &G1Affine) -> Result<(), VkError> {
    if point.is_zero() {
        return Err(VkError::Infinity(name));
    }
    if !point.is_on_curve() {
        return Err(VkError::OffCurve(name));
    }
    Ok(())
}

fn check_g2(name: &'static str, point: &G2Affine) -> Result<(), VkError> {
    if point.is_zero() {
        return Err(VkError::Infinity(name));
    }
    if !point.is_on_curve() {
        return Err(VkError::OffCurve(name));
    }
    if !point.is_in_correct_subgroup_assuming_on_curve() {
        return Err(VkError::Subgroup(name));
    }
    Ok(())
}

fn comb_table(ic1: G1Affine) -> Vec<Point<Fq>> {
    let mut rows = vec![G1Projective::from(ic1)];
    for row in 1..COMB_ROWS {
        rows.push((0..COMB_COLUMNS).fold(rows[row - 1], |point, _| point.double()));
    }
    let (top, rows) = (rows[COMB_ROWS - 1], &rows[..COMB_ROWS - 1]);
    let entry = |e: usize| {
        let terms = rows.iter().enumerate();
        terms.fold(top, |sum, (row, point)| {
            if e >> row & 1 == 1 {
                sum + point
            } else {
                sum - point
            }
        })
    };
    let entries: Vec<G1Projective> = (0..1 << (COMB_ROWS - 1)).map(entry).collect();
    G1Projective::normalize_batch(&entries)
        .into_iter()
        .map(Point::from)
        .collect()
}

/// Torus form of `ML(alpha, beta) w`; `None` when beta is outside the subgroup.
///
/// The windows' functions leave out an odd power of `w`; the factor restores the completeness it would cost.
fn fixed_pairing(alpha: G1Affine, beta: G2Affine) -> Option<Flat> {
    let mut value = flat::one();
    for (digits, function) in WINDOWS.iter().zip(window_functions(beta)?) {
        for _ in digits {
            value = flat::product(&value, &value);
        }
        value = flat::product(&value, &function.evaluate(alpha.into()));
    }
    flat::torus(&flat::product(&value, &[Fq::zero(), Fq::one()]))
}

fn numbers(ic0: Point<Fq>, comb: &[Point<Fq>], mab: &Flat, delta: &[WindowFunction]) -> Vec<Fq> {
    let mut numbers = Vec::with_capacity(KEY_NUMBERS);
    for point in std::iter::once(&ic0).chain(comb) {
        numbers.extend([point.x, point.y]);
    }
    numbers.extend(flat::odd_coefficients(mab));
    for coefficient in delta.iter().flat_map(|function| &function.coefficients) {
        numbers.extend([coefficient.c0, coefficient.c1]);
    }
    numbers
}
