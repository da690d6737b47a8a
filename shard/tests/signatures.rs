//! Signatures checked together: exactly what single verification accepts, and the wrong ones named.

use ark_bn254::Fr;
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ed_on_bn254::{EdwardsAffine, EdwardsProjective, Fr as Scalar};
use ark_ff::{AdditiveGroup, Field, PrimeField};
use rand::{Rng, SeedableRng, rngs::StdRng};
use trifold_circuits::schnorr::{
    Coordinates, PublicKey, SchnorrError, SecretKey, Signature, challenge, challenge_hash,
};
use trifold_shard::signatures::{Claim, SUM_CLAIMS, refused};

struct Signed {
    key: PublicKey,
    message: Fr,
    signature: Signature,
}

fn signed(count: usize) -> Vec<Signed> {
    let secrets: Vec<SecretKey> = (0..17).map(|i| SecretKey::from_seed(&[i; 32])).collect();
    let sign = |i: usize| {
        let (secret, message) = (&secrets[i % 17], Fr::from(i as u64 / 3));
        Signed {
            key: secret.public(),
            message,
            signature: secret.sign(message),
        }
    };
    (0..count).map(sign).collect()
}

fn claims(all: &[Signed]) -> Vec<Claim> {
    let claim = |signed: &Signed| Claim::new(&signed.key, signed.message, &signed.signature);
    all.iter().map(claim).collect()
}

/// The oracle: one after the other.
fn one_by_one(all: &[Signed]) -> Vec<(usize, SchnorrError)> {
    let verify = |signed: &Signed| signed.key.verify(signed.message, &signed.signature).err();
    let results = all.iter().map(verify).enumerate();
    results.filter_map(|(i, error)| Some((i, error?))).collect()
}

fn coordinates(point: EdwardsAffine) -> Coordinates {
    Coordinates {
        x: point.x,
        y: point.y,
    }
}

/// A point of order 8 and its multiples.
fn small_points() -> Vec<EdwardsAffine> {
    let multiple = |y: u64| {
        let point = EdwardsAffine::get_point_from_y_unchecked(Fr::from(y), false)?;
        Some(point.mul_bigint(Scalar::MODULUS).into_affine())
    };
    let order_8 = |point: &EdwardsAffine| !point.mul_bigint([4u64]).into_affine().is_zero();
    let torsion = (2..).filter_map(multiple).find(order_8).unwrap();
    (0..8u64)
        .map(|i| torsion.mul_bigint([i]).into_affine())
        .collect()
}

/// Signs with R moved by `offset`, so that the equation is off by it or holds with it, as `response_offset` says.
fn sign_moved(secret_scalar: Scalar, message: Fr, offset: EdwardsAffine) -> Signed {
    let generator = EdwardsProjective::generator();
    let key = PublicKey::new(coordinates((generator * secret_scalar).into_affine())).unwrap();
    for attempt in 1u64.. {
        let nonce = Scalar::from(attempt + 1000).pow([7]);
        let commitment = coordinates((generator * nonce + offset).into_affine());
        let hash = challenge_hash(commitment, key.coordinates(), message);
        if let Some(digits) = challenge(hash) {
            let value = digits.iter().rev().fold(Scalar::ZERO, |sum, digit| {
                let magnitude = Scalar::from(1 + 2 * u64::from(digit.magnitude));
                sum * Scalar::from(4)
                    + if digit.positive {
                        magnitude
                    } else {
                        -magnitude
                    }
            });
            let signature = Signature {
                commitment,
                response: nonce + value * secret_scalar,
            };
            return Signed {
                key,
                message,
                signature,
            };
        }
    }
    unreachable!()
}

#[test]
fn right_signatures_pass_in_batches_of_every_size() {
    let all = signed(600);
    let claims = claims(&all);
    for count in [0, 1, 2, 3, 7, 8, 9, 63, 64, 255, 600] {
        assert_eq!(refused(&claims[..count]), [], "{count}");
    }
}

#[test]
fn a_batch_beyond_one_sum_passes_and_names_wrong_ones_by_their_position() {
    let mut all = signed(SUM_CLAIMS + 40);
    assert_eq!(refused(&claims(&all)), []);
    for position in [0, SUM_CLAIMS - 1, SUM_CLAIMS, SUM_CLAIMS + 39] {
        all[position].message += Fr::ONE;
    }
    let found: Vec<usize> = refused(&claims(&all)).iter().map(|(i, _)| *i).collect();
    assert_eq!(found, [0, SUM_CLAIMS - 1, SUM_CLAIMS, SUM_CLAIMS + 39]);
}

#[test]
fn every_kind_of_wrong_signature_is_named_as_single_verification_names_it() {
    let mut rng = StdRng::seed_from_u64(7);
    for round in 0..12 {
        let mut all = signed(150);
        let wrong = [0, 1, 2, 20, 75, 150][round % 6];
        for _ in 0..wrong {
            let position = rng.random_range(0..150);
            let kind = rng.random_range(0..6);
            let other = all[(position + 1) % 150].signature;
            let victim = &mut all[position];
            match kind {
                0 => victim.message += Fr::ONE,
                1 => victim.signature.response += Scalar::ONE,
                2 => victim.signature.response = -victim.signature.response,
                3 => victim.signature.commitment.x = -victim.signature.commitment.x,
                4 => victim.signature.commitment.y += Fr::ONE,
                _ => victim.signature = other,
            }
        }
        assert_eq!(refused(&claims(&all)), one_by_one(&all));
    }
}

#[test]
fn a_component_of_small_order_never_passes_alone_or_in_company() {
    let small = small_points();
    let scalar = Scalar::from(77).pow([5]);
    let own = |offset| sign_moved(scalar, Fr::from(5), offset);
    assert_eq!(
        refused(&claims(&[own(small[0])])),
        [],
        "the neutral point moves nothing"
    );
    for offset in &small[1..] {
        let moved = [own(*offset)];
        assert_eq!(one_by_one(&moved), [(0, SchnorrError::Mismatch)]);
        // By chance alone a batch without the test of R would pass this often.
        for _ in 0..16 {
            assert_eq!(refused(&claims(&moved)), one_by_one(&moved));
        }
        // Two whose errors cancel.
        let mut pair = signed(10);
        pair[3] = own(*offset);
        pair[8] = own(-*offset);
        assert_eq!(refused(&claims(&pair)), one_by_one(&pair));
    }
}

#[test]
fn commitments_of_small_order_are_judged_as_by_single_verification() {
    // The neutral commitment is legitimate for who knows the key: s = c a.
    let scalar = Scalar::from(78).pow([5]);
    let generator = EdwardsProjective::generator();
    let key = PublicKey::new(coordinates((generator * scalar).into_affine())).unwrap();
    for small in small_points() {
        let commitment = coordinates(small);
        let fits = |message: &u64| {
            challenge(challenge_hash(
                commitment,
                key.coordinates(),
                Fr::from(*message),
            ))
            .is_some()
        };
        let message = Fr::from((0..).find(fits).unwrap());
        let digits = challenge(challenge_hash(commitment, key.coordinates(), message)).unwrap();
        let response = digits.iter().rev().fold(Scalar::ZERO, |sum, digit| {
            let magnitude = Scalar::from(1 + 2 * u64::from(digit.magnitude));
            sum * Scalar::from(4)
                + if digit.positive {
                    magnitude
                } else {
                    -magnitude
                }
        }) * scalar;
        let all = [Signed {
            key,
            message,
            signature: Signature {
                commitment,
                response,
            },
        }];
        assert_eq!(refused(&claims(&all)), one_by_one(&all));
        assert_eq!(one_by_one(&all).is_empty(), small.is_zero());
    }
}

#[test]
fn wrong_signatures_that_cancel_in_a_plain_sum_are_found() {
    let mut all = signed(64);
    all[10].signature.response += Scalar::ONE;
    all[20].signature.response -= Scalar::ONE;
    assert_eq!(refused(&claims(&all)), one_by_one(&all));
    assert_eq!(one_by_one(&all).len(), 2);
}

#[test]
fn a_hash_above_the_bound_is_refused() {
    let secret = SecretKey::from_seed(&[9; 32]);
    let (key, message) = (secret.public(), Fr::from(1));
    let signature = secret.sign(message);
    let hash = -Fr::ONE;
    assert!(challenge(hash).is_none());
    let claims = [
        Claim::new(&key, message, &signature),
        Claim::with_hash(&key, hash, &signature),
    ];
    assert_eq!(refused(&claims), [(1, SchnorrError::Challenge)]);
}
