//! The subgroup of order r in G2's curve, by the endomorphism psi.

use ark_bn254::{Config, Fq2, G2Affine, G2Projective};
use ark_ec::bn::BnConfig;
use ark_ff::{AdditiveGroup, Field};

/// x in non-adjacent form, lowest digit first.
const X_DIGITS: [i8; 63] = digits_of_x();

const fn digits_of_x() -> [i8; 63] {
    let (mut rest, mut digits, mut at) = (Config::X[0] as i128, [0; 63], 0);
    while at < 63 {
        if rest & 1 == 1 {
            digits[at] = 2 - (rest & 3) as i8;
            rest -= digits[at] as i128;
        }
        rest >>= 1;
        at += 1;
    }
    assert!(rest == 0);
    digits
}

/// Whether a point of the curve has order r or 1.
///
/// After Koshelev, El Housni, Guillevic and Piellard ("Co-factor clearing and subgroup membership testing on pairing-friendly curves", 2022,
/// section 4.2): `[x+1] Q + psi([x] Q) + psi^2([x] Q) = psi^3([2x] Q)`. On the whole curve, whose order is r c, psi solves
/// psi^2 - t psi + p = 0, so that a point that passes has an order dividing a certain N; and gcd(N, r c) = r.
pub fn contains(q: &G2Affine) -> bool {
    let multiple = times_x(q);
    let first = psi(&multiple);
    let second = psi(&first);
    let third = psi(&second).double();
    multiple + first + second + q == third
}

fn times_x(q: &G2Affine) -> G2Projective {
    let negated = -*q;
    let mut multiple = G2Projective::ZERO;
    for digit in X_DIGITS.into_iter().rev() {
        multiple.double_in_place();
        match digit {
            0 => {}
            1 => multiple += q,
            _ => multiple += negated,
        }
    }
    multiple
}

/// The untwist-Frobenius-twist endomorphism; multiplication by p on the subgroup of order r.
pub fn psi(q: &G2Projective) -> G2Projective {
    let (x, y) = psi_of(q.x, q.y);
    G2Projective::new_unchecked(x, y, q.z.frobenius_map(1))
}

/// [`psi`] of a point that is not infinity.
pub fn psi_affine(q: &G2Affine) -> G2Affine {
    let (x, y) = psi_of(q.x, q.y);
    G2Affine::new_unchecked(x, y)
}

fn psi_of(x: Fq2, y: Fq2) -> (Fq2, Fq2) {
    (
        x.frobenius_map(1) * Config::TWIST_MUL_BY_Q_X,
        y.frobenius_map(1) * Config::TWIST_MUL_BY_Q_Y,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{Fr, g2};
    use ark_ec::short_weierstrass::SWCurveConfig;
    use ark_ec::{AffineRepr, CurveConfig, CurveGroup};
    use ark_ff::{PrimeField, Zero};

    fn in_subgroup(q: &G2Affine) -> bool {
        q.mul_bigint(Fr::MODULUS).is_zero()
    }

    /// Points of the curve by their x, most of them outside the subgroup.
    fn points() -> impl Iterator<Item = G2Affine> {
        let candidates = (1u64..).map(|i| Fq2::new(i.into(), (3 * i + 1).into()));
        candidates.filter_map(|x| G2Affine::get_point_from_x_unchecked(x, i_is_odd(x)))
    }

    fn i_is_odd(x: Fq2) -> bool {
        x.c0.into_bigint().0[0] & 1 == 1
    }

    #[test]
    fn psi_multiplies_by_p_in_the_subgroup() {
        let q = (G2Affine::generator() * Fr::from(11)).into_affine();
        let p = ark_bn254::Fq::MODULUS;
        assert_eq!(psi_affine(&q), q.mul_bigint(p).into_affine());
        assert_eq!(psi(&q.into()), q.mul_bigint(p));
    }

    #[test]
    fn says_what_the_definition_says() {
        for point in points().take(40) {
            assert_eq!(contains(&point), in_subgroup(&point));
            assert!(!contains(&point));
            let cleared = point.mul_by_cofactor();
            assert!(contains(&cleared) && in_subgroup(&cleared));
            // Its part outside the subgroup alone, and both parts together.
            let outside = point.mul_bigint(Fr::MODULUS).into_affine();
            assert!(!contains(&outside));
            assert!(!contains(&(outside + cleared).into_affine()));
            assert!(g2::Config::is_in_correct_subgroup_assuming_on_curve(
                &cleared
            ));
        }
    }

    /// The gcd that the criterion rests on, on the prime factors of the cofactor below 2^20 too: a point of such an order fails.
    #[test]
    fn points_of_small_order_fail() {
        let cofactor = <g2::Config as CurveConfig>::COFACTOR;
        let factors = (2u64..1 << 20).filter(|factor| remainder(cofactor, *factor) == 0);
        let smallest = factors.take(2).collect::<alloc::vec::Vec<_>>();
        assert_eq!(smallest, [10069]);
        for point in points().take(8) {
            let part = point.mul_bigint(Fr::MODULUS).into_affine();
            let part = part
                .mul_bigint(quotient(cofactor, smallest[0]))
                .into_affine();
            assert!(part.mul_bigint([smallest[0]]).is_zero());
            assert_eq!(contains(&part), part.is_zero());
        }
    }

    fn remainder(limbs: &[u64], divisor: u64) -> u64 {
        let step =
            |rest: u128, limb: &u64| ((rest << 64) | u128::from(*limb)) % u128::from(divisor);
        limbs.iter().rev().fold(0, step) as u64
    }

    fn quotient(limbs: &[u64], divisor: u64) -> [u64; 4] {
        let mut quotient = [0; 4];
        let mut rest = 0u128;
        for (at, limb) in limbs.iter().enumerate().rev() {
            let wide = (rest << 64) | u128::from(*limb);
            quotient[at] = (wide / u128::from(divisor)) as u64;
            rest = wide % u128::from(divisor);
        }
        quotient
    }
}
