//! The product of optimal ate pairings that Groth16 asks for, some of them with points of G2 known long before.
//!
//! Lines and steps are those of Aranha, Barreto, Longa and Ricardini 2013 ("The realm of the pairings", section 4) in homogeneous
//! coordinates; the exponent of the final exponentiation is a multiple of (p^12 - 1)/r after Fuentes-Castañeda, Knapp
//! and Rodríguez-Henríquez 2011 ("Faster hashing to G2", section 5), so results are comparable with each other only.

use alloc::vec::Vec;

use ark_bn254::{
    Bn254, Config, Fq, Fq2, Fq6, Fq12, Fq12Config, G1Affine, G1Projective, G2Affine, g2,
};
use ark_ec::bn::BnConfig;
use ark_ec::pairing::PairingOutput;
use ark_ec::short_weierstrass::SWCurveConfig;
use ark_ff::fields::Fp12Config;
use ark_ff::{AdditiveGroup, CyclotomicMultSubgroup, Field, batch_inversion};

use super::subgroup::psi_affine;

/// `prod e(P, Q)` over both kinds of pairs, `None` if a pair is degenerate.
pub fn product(
    pairs: &[(G1Affine, G2Affine)],
    fixed: &[(&FixedLines, G1Projective)],
) -> Option<PairingOutput<Bn254>> {
    final_exponentiation(miller_loop(pairs, fixed)).map(PairingOutput)
}

/// One operation on the point that a Miller loop carries along.
#[derive(Clone, Copy)]
enum Step {
    Double,
    Add(usize),
}

/// The steps for 6x + 2, then those for the two images of Frobenius.
fn steps() -> impl Iterator<Item = Step> {
    let digits = Config::ATE_LOOP_COUNT.iter().rev().skip(1);
    let ladder = digits.flat_map(|digit| {
        let addend = match digit {
            0 => None,
            1 => Some(Step::Add(Addends::POINT)),
            _ => Some(Step::Add(Addends::NEGATED)),
        };
        core::iter::once(Step::Double).chain(addend)
    });
    ladder.chain([Step::Add(Addends::IMAGE), Step::Add(Addends::SECOND_IMAGE)])
}

/// What a loop adds: Q, -Q, psi(Q) and -psi^2(Q).
struct Addends;

impl Addends {
    const POINT: usize = 0;
    const NEGATED: usize = 1;
    const IMAGE: usize = 2;
    const SECOND_IMAGE: usize = 3;

    fn of(q: G2Affine) -> [G2Affine; 4] {
        let image = psi_affine(&q);
        [q, -q, image, -psi_affine(&image)]
    }
}

/// A line l, up to a factor in Fq2: at P it is `l[0] y + l[1] x w + l[2] w^3`.
type Line = [Fq2; 3];

/// The running multiple of Q, in homogeneous coordinates.
struct Runner {
    x: Fq2,
    y: Fq2,
    z: Fq2,
    addends: [G2Affine; 4],
}

impl Runner {
    fn new(q: G2Affine) -> Self {
        Self {
            x: q.x,
            y: q.y,
            z: Fq2::ONE,
            addends: Addends::of(q),
        }
    }

    fn step(&mut self, step: Step) -> Line {
        match step {
            Step::Double => self.double(),
            Step::Add(which) => self.add(which),
        }
    }

    /// The tangent. Coordinates are four times those of the paper, which saves its halvings.
    fn double(&mut self) -> Line {
        let (xx, yy, zz) = (self.x.square(), self.y.square(), self.z.square());
        let xy = self.x * self.y;
        let yz = (self.y + self.z).square() - yy - zz;
        let e = g2::Config::COEFF_B * (zz.double() + zz);
        let f = e.double() + e;
        let ee = e.square();
        self.x = xy.double() * (yy - f);
        self.y = (yy + f).square() - (ee.double() + ee).double().double();
        self.z = (yy * yz).double().double();
        [-yz, xx.double() + xx, e - yy]
    }

    /// The chord.
    fn add(&mut self, which: usize) -> Line {
        let q = &self.addends[which];
        let theta = self.y - q.y * self.z;
        let lambda = self.x - q.x * self.z;
        let d = lambda.square();
        let e = lambda * d;
        let g = self.x * d;
        let h = e + self.z * theta.square() - g.double();
        self.x = lambda * h;
        self.y = theta * (g - h) - e * self.y;
        self.z *= e;
        [lambda, -theta, theta * q.x - lambda * q.y]
    }
}

/// All lines of a fixed Q, divided by their first coefficient.
#[derive(Clone, Debug)]
pub struct FixedLines(Vec<[Fq2; 2]>);

impl FixedLines {
    /// For a point of the subgroup, not infinity.
    pub fn new(q: G2Affine) -> Self {
        let mut runner = Runner::new(q);
        let lines: Vec<Line> = steps().map(|step| runner.step(step)).collect();
        let mut inverses: Vec<Fq2> = lines.iter().map(|line| line[0]).collect();
        batch_inversion(&mut inverses);
        let scaled = lines.iter().zip(inverses);
        Self(scaled.map(|([_, a, b], c)| [*a * c, *b * c]).collect())
    }
}

/// (x/y, 1/y) of each point. Odd order: no y is 0 but that of infinity, which comes out as (0, 0) and whose lines are then 1.
fn ratios<'a>(points: impl Iterator<Item = &'a G1Projective> + Clone) -> Vec<[Fq; 2]> {
    let mut inverses: Vec<Fq> = points.clone().map(|point| point.y).collect();
    batch_inversion(&mut inverses);
    let ratio = |(point, inverse): (&G1Projective, Fq)| {
        let scaled = point.z * inverse;
        [point.x * scaled, point.z.square() * scaled]
    };
    points.zip(inverses).map(ratio).collect()
}

fn miller_loop(pairs: &[(G1Affine, G2Affine)], fixed: &[(&FixedLines, G1Projective)]) -> Fq12 {
    let mut runners: Vec<Runner> = pairs.iter().map(|(_, q)| Runner::new(*q)).collect();
    let ratios = ratios(fixed.iter().map(|(_, point)| point));
    let mut f = Fq12::ONE;
    for (at, step) in steps().enumerate() {
        if at > 0 && matches!(step, Step::Double) {
            f.square_in_place();
        }
        for ((p, _), runner) in pairs.iter().zip(&mut runners) {
            let [mut a, mut b, c] = runner.step(step);
            a.mul_assign_by_fp(&p.y);
            b.mul_assign_by_fp(&p.x);
            f.mul_by_034(&a, &b, &c);
        }
        for ((lines, _), [x_over_y, y_inverse]) in fixed.iter().zip(&ratios) {
            let [mut a, mut b] = lines.0[at];
            a.mul_assign_by_fp(x_over_y);
            b.mul_assign_by_fp(y_inverse);
            multiply_by_unit_line(&mut f, &a, &b);
        }
    }
    f
}

/// f (1 + a w + b w^3).
fn multiply_by_unit_line(f: &mut Fq12, a: &Fq2, b: &Fq2) {
    let (mut low, mut high): (Fq6, Fq6) = (f.c1, f.c0);
    low.mul_by_01(a, b);
    high.mul_by_01(a, b);
    f.c0 += Fq12Config::mul_fp6_by_nonresidue_in_place(&mut low);
    f.c1 += high;
}

/// f^(2x (6x^2 + 3x + 1) (p^12 - 1)/r).
fn final_exponentiation(f: Fq12) -> Option<Fq12> {
    let mut conjugate = f;
    conjugate.conjugate_in_place();
    let easy = conjugate * f.inverse()?;
    let r = easy.frobenius_map(2) * easy;
    Some(hard_part(r))
}

/// r^(p^3 (12x^3 + 6x^2 + 4x - 1) + p^2 (12x^3 + 6x^2 + 6x) + p (12x^3 + 6x^2 + 4x) + 12x^3 + 12x^2 + 6x + 1).
fn hard_part(r: Fq12) -> Fq12 {
    let square = |value: &Fq12| value.cyclotomic_square();
    let r_2x = square(&power_x(&r));
    let r_4x = square(&r_2x);
    let r_6x = r_4x * r_2x;
    let r_6xx = power_x(&r_6x);
    let r_12xxx = power_x(&square(&r_6xx));
    let a = r_12xxx * r_6xx * r_6x;
    let b = a * inverse(&r_2x);
    let once = a * r_6xx * r;
    let thrice = b * inverse(&r);
    once * b.frobenius_map(1) * a.frobenius_map(2) * thrice.frobenius_map(3)
}

/// Inverse of an element of order dividing p^6 + 1.
fn inverse(value: &Fq12) -> Fq12 {
    let mut conjugate = *value;
    conjugate.conjugate_in_place();
    conjugate
}

/// x in non-adjacent form of width 4, highest digit first.
const X_DIGITS: [i8; 63] = digits_of_x();

const fn digits_of_x() -> [i8; 63] {
    let (mut rest, mut digits, mut at) = (Config::X[0] as i128, [0; 63], 63);
    while at > 0 {
        at -= 1;
        if rest & 1 == 1 {
            let low = rest & 15;
            digits[at] = (if low < 8 { low } else { low - 16 }) as i8;
            rest -= digits[at] as i128;
        }
        rest >>= 1;
    }
    assert!(rest == 0);
    digits
}

/// value^x in the cyclotomic subgroup.
fn power_x(value: &Fq12) -> Fq12 {
    let square = value.cyclotomic_square();
    let mut odd = [*value; 4];
    for i in 1..odd.len() {
        odd[i] = odd[i - 1] * square;
    }
    let mut power = Fq12::ONE;
    for (at, &digit) in X_DIGITS.iter().enumerate() {
        if at > 0 {
            power.cyclotomic_square_in_place();
        }
        let factor = &odd[usize::from(digit.unsigned_abs() / 2)];
        match digit {
            0 => {}
            1.. => power *= factor,
            _ => power *= inverse(factor),
        }
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::Fr;
    use ark_ec::pairing::Pairing;
    use ark_ec::{AffineRepr, CurveGroup};

    fn g1(scalar: u64) -> G1Affine {
        (G1Affine::generator() * Fr::from(scalar)).into_affine()
    }

    fn g2(scalar: u64) -> G2Affine {
        (G2Affine::generator() * Fr::from(scalar)).into_affine()
    }

    /// Both exponentiate by the same multiple of (p^12 - 1)/r, so even the values agree.
    #[test]
    fn is_arkworks_pairing() {
        for i in 1..20 {
            let (p, q) = (g1(3 * i), g2(5 * i * i));
            let expected = Some(Bn254::pairing(p, q));
            assert_eq!(product(&[(p, q)], &[]), expected);
            let lines = FixedLines::new(q);
            assert_eq!(product(&[], &[(&lines, p * Fr::from(1))]), expected);
        }
    }

    #[test]
    fn multiplies_pairs_of_both_kinds() {
        let lines = [FixedLines::new(g2(7)), FixedLines::new(-g2(9))];
        let doubled = g1(4) + g1(5);
        let value = product(
            &[(g1(2), g2(3)), (-g1(6), g2(11))],
            &[(&lines[0], doubled), (&lines[1], g1(8) * Fr::from(2))],
        );
        let exponent = Fr::from(2 * 3 + 9 * 7) - Fr::from(6 * 11 + 16 * 9);
        let base = Bn254::pairing(G1Affine::generator(), G2Affine::generator());
        assert_eq!(value, Some(base * exponent));
    }

    #[test]
    fn infinity_is_paired_to_one() {
        let lines = FixedLines::new(g2(7));
        let zero = [G1Projective::ZERO, g1(3) - g1(3)];
        for zero in zero {
            assert_eq!(product(&[], &[(&lines, zero)]), Some(PairingOutput::ZERO));
            let pairs = [(zero.into_affine(), g2(7))];
            assert_eq!(product(&pairs, &[]), Some(PairingOutput::ZERO));
        }
        assert_eq!(product(&[], &[]), Some(PairingOutput::ZERO));
    }
}
