//! Schnorr signatures over Baby Jubjub, in the form a = 1: x^2 + y^2 = 1 + d x^2 y^2 with d = 168696/168700.
//!
//! A signature (R, s) of message m under key A satisfies `s B = R + c A`, B the generator of the subgroup of prime
//! order l. The hash `h = H("trifold/sign/v1", R.x, R.y, A.x, A.y, m)` must lie below [`challenge_bound`], the largest
//! multiple of 2^246 not above r (a signer whose hash does not takes the next nonce, about once in 340 signatures), so that bits
//! of h are bits of a unique integer without a comparison with r. Its low 128 bits, read as 64 digits
//! `(-1)^(1 - b[2i+1]) (1 + 2 b[2i])` to base 4, are the challenge c: an injective map from 128-bit strings to odd integers below
//! 2^128 in magnitude, so two different challenges differ by less than l and are distinct modulo l, which is all that the
//! proof of Schnorr signatures asks (128-bit challenges: Neven, Smart, Warinschi, 2009).
//!
//! The equation is checked without the cofactor. A key with a component of small order gains nobody but its owner anything:
//! times 8 the equation is one over the prime-order subgroup. [`PublicKey`] refuses such keys anyway.
//!
//! Nothing here is constant-time.

use crate::field;
use ark_bn254::Fr;
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ed_on_bn254::{EdwardsAffine, EdwardsProjective, Fr as Scalar};
use ark_ff::{AdditiveGroup, BigInt, BigInteger, Field, PrimeField};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha512};
use trifold_verifier::poseidon;

/// Base-8 digits of the response s.
pub const RESPONSE_DIGITS: usize = 84;
/// Base-4 digits of the challenge c.
pub const CHALLENGE_DIGITS: usize = 64;
/// Hash bits below the part compared with the bound.
pub const CHALLENGE_LOW_BITS: usize = 246;

/// Why a key or a signature was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchnorrError {
    #[error("public key is not a point of the curve")]
    KeyOffCurve,
    #[error("public key is not of prime order")]
    KeyOrder,
    #[error("commitment R of the signature is not a point of the curve")]
    CommitmentOffCurve,
    #[error("challenge hash is not below the bound")]
    Challenge,
    #[error("signature does not match key and message")]
    Mismatch,
}

/// A point other than the neutral one in the subgroup of prime order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Coordinates", into = "Coordinates")]
pub struct PublicKey(EdwardsAffine);

/// Affine coordinates, claimed and unchecked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Coordinates {
    #[serde(with = "field::element")]
    pub x: Fr,
    #[serde(with = "field::element")]
    pub y: Fr,
}

/// A signature (R, s).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Signature {
    /// The commitment R.
    pub commitment: Coordinates,
    /// The response s modulo l.
    #[serde(with = "scalar")]
    pub response: Scalar,
}

/// A signing key.
#[derive(Clone)]
pub struct SecretKey {
    scalar: Scalar,
    public: PublicKey,
}

/// One signed digit: `(1 + 2 magnitude) * (positive ? 1 : -1)`; magnitude is 0..=3 for base 8, 0..=1 for base 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedDigit {
    pub magnitude: u8,
    pub positive: bool,
}

impl PublicKey {
    /// The key at these coordinates.
    pub fn new(coordinates: Coordinates) -> Result<Self, SchnorrError> {
        let point = on_curve(coordinates).ok_or(SchnorrError::KeyOffCurve)?;
        match point.is_in_correct_subgroup_assuming_on_curve() && !point.is_zero() {
            true => Ok(Self(point)),
            false => Err(SchnorrError::KeyOrder),
        }
    }

    /// Affine coordinates.
    pub fn coordinates(&self) -> Coordinates {
        Coordinates {
            x: self.0.x,
            y: self.0.y,
        }
    }

    /// Whether `signature` signs `message` under this key.
    pub fn verify(&self, message: Fr, signature: &Signature) -> Result<(), SchnorrError> {
        let hash = challenge_hash(signature.commitment, self.coordinates(), message);
        verify(self.0, hash, signature)
    }
}

impl Coordinates {
    /// The neutral element (0, 1).
    pub const NEUTRAL: Self = Self {
        x: Fr::ZERO,
        y: Fr::ONE,
    };

    /// (0, 0), no point of the curve: names no key.
    pub const NONE: Self = Self {
        x: Fr::ZERO,
        y: Fr::ZERO,
    };

    /// What the circuit checks: the equation on any point of the curve, whatever its order.
    pub fn verify(&self, message: Fr, signature: &Signature) -> Result<(), SchnorrError> {
        let hash = challenge_hash(signature.commitment, *self, message);
        self.verify_hash(hash, signature)
    }

    /// The same where the challenge comes from a hash of another shape, which binds R, the key and the message.
    pub fn verify_hash(&self, hash: Fr, signature: &Signature) -> Result<(), SchnorrError> {
        let key = on_curve(*self).ok_or(SchnorrError::KeyOffCurve)?;
        verify(key, hash, signature)
    }
}

impl SecretKey {
    /// The key derived from 32 secret bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let scalar = scalar_from(&[b"trifold/key/v1", seed]);
        let public = PublicKey((EdwardsProjective::generator() * scalar).into_affine());
        Self { scalar, public }
    }

    /// The matching public key.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs `message`; the same message always gets the same signature.
    pub fn sign(&self, message: Fr) -> Signature {
        let mut attempts = (0u64..).filter_map(|attempt| self.attempt(message, attempt));
        attempts
            .next()
            .expect("each attempt succeeds with probability 0.997")
    }

    /// Signs with a challenge of another shape: `hash` gives it for a commitment R. `message` must determine `hash`, and must
    /// not be one that is signed by [`SecretKey::sign`]: a nonce used for two hashes gives the key away.
    pub fn sign_hash(&self, message: Fr, hash: impl Fn(Coordinates) -> Fr) -> Signature {
        let mut attempts = (0u64..).filter_map(|n| self.attempt_hash(message, n, &hash));
        attempts
            .next()
            .expect("each attempt succeeds with probability 0.997")
    }

    fn attempt(&self, message: Fr, attempt: u64) -> Option<Signature> {
        let key = self.public.coordinates();
        self.attempt_hash(message, attempt, |commitment| {
            challenge_hash(commitment, key, message)
        })
    }

    fn attempt_hash(
        &self,
        message: Fr,
        attempt: u64,
        hash: impl Fn(Coordinates) -> Fr,
    ) -> Option<Signature> {
        let nonce = self.nonce(message, attempt);
        let point = (EdwardsProjective::generator() * nonce).into_affine();
        let commitment = Coordinates {
            x: point.x,
            y: point.y,
        };
        let challenge = challenge(hash(commitment))?;
        Some(Signature {
            commitment,
            response: nonce + to_scalar(&challenge, 4) * self.scalar,
        })
    }

    /// Nonce from key, message and attempt, as RFC 6979 asks: no randomness that could fail or repeat.
    fn nonce(&self, message: Fr, attempt: u64) -> Scalar {
        let secret = self.scalar.into_bigint().to_bytes_le();
        let key = self.public.coordinates();
        let (x, y, m) = (
            field::to_bytes(&key.x),
            field::to_bytes(&key.y),
            field::to_bytes(&message),
        );
        scalar_from(&[
            b"trifold/nonce/v1",
            &secret,
            &x,
            &y,
            &m,
            &attempt.to_le_bytes(),
        ])
    }
}

impl Signature {
    /// A signature under the neutral key, for which s B = R suffices; it fills circuit slots that are not in use.
    pub fn neutral(message: Fr) -> Self {
        let signature = |response: u64| {
            let point = (EdwardsProjective::generator() * Scalar::from(response)).into_affine();
            let commitment = Coordinates {
                x: point.x,
                y: point.y,
            };
            Self {
                commitment,
                response: response.into(),
            }
        };
        let verifies = |signature: &Self| Coordinates::NEUTRAL.verify(message, signature).is_ok();
        (0..)
            .map(signature)
            .find(verifies)
            .expect("each response fits with probability 0.997")
    }

    /// The response as signed digits to base 8, least significant first; their sum is s or s + l, whichever is odd.
    pub fn response_digits(&self) -> [SignedDigit; RESPONSE_DIGITS] {
        let mut integer = self.response.into_bigint();
        if integer.is_even() {
            integer.add_with_carry(&Scalar::MODULUS);
        }
        // (odd + 8^84 - 1) / 2 has base-8 digits d with odd digit 2d - 7.
        integer.add_with_carry(&BigInt([u64::MAX, u64::MAX, u64::MAX, (1 << 60) - 1]));
        integer.div2();
        std::array::from_fn(|i| {
            let bit = |j: usize| u8::from(integer.get_bit(3 * i + j));
            signed_digit(bit(0) + 2 * bit(1) + 4 * bit(2))
        })
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SecretKey")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

impl From<PublicKey> for Coordinates {
    fn from(key: PublicKey) -> Self {
        key.coordinates()
    }
}

impl TryFrom<Coordinates> for PublicKey {
    type Error = SchnorrError;

    fn try_from(coordinates: Coordinates) -> Result<Self, SchnorrError> {
        Self::new(coordinates)
    }
}

/// The hash whose low bits are the challenge.
pub fn challenge_hash(commitment: Coordinates, key: Coordinates, message: Fr) -> Fr {
    let tag = field::tag("trifold/sign/v1");
    poseidon::hash(&[tag, commitment.x, commitment.y, key.x, key.y, message])
}

/// Hashes must be below this multiple of 2^246: `floor(r / 2^246)`.
pub fn challenge_bound() -> u64 {
    Fr::MODULUS.0[3] >> (CHALLENGE_LOW_BITS - 192)
}

/// Digits of the challenge to base 4, least significant first; `None` when `hash` is not below the bound.
pub fn challenge(hash: Fr) -> Option<[SignedDigit; CHALLENGE_DIGITS]> {
    let integer = hash.into_bigint();
    let below = integer.0[3] >> (CHALLENGE_LOW_BITS - 192) < challenge_bound();
    below.then(|| {
        std::array::from_fn(|i| SignedDigit {
            magnitude: u8::from(integer.get_bit(2 * i)),
            positive: integer.get_bit(2 * i + 1),
        })
    })
}

fn verify(key: EdwardsAffine, hash: Fr, signature: &Signature) -> Result<(), SchnorrError> {
    let commitment = on_curve(signature.commitment).ok_or(SchnorrError::CommitmentOffCurve)?;
    let challenge = challenge(hash).ok_or(SchnorrError::Challenge)?;
    let left = EdwardsProjective::generator() * signature.response;
    match left == times_challenge(key, &challenge) + commitment {
        true => Ok(()),
        false => Err(SchnorrError::Mismatch),
    }
}

/// c A for the integer c: a key of composite order must not see c reduced modulo l.
fn times_challenge(
    key: EdwardsAffine,
    challenge: &[SignedDigit; CHALLENGE_DIGITS],
) -> EdwardsProjective {
    let point = EdwardsProjective::from(key);
    let triple = point.double() + point;
    let step = |sum: EdwardsProjective, digit: &SignedDigit| {
        let magnitude = if digit.magnitude == 1 { triple } else { point };
        let multiple = if digit.positive {
            magnitude
        } else {
            -magnitude
        };
        sum.double().double() + multiple
    };
    challenge.iter().rev().fold(EdwardsProjective::ZERO, step)
}

fn on_curve(coordinates: Coordinates) -> Option<EdwardsAffine> {
    let point = EdwardsAffine::new_unchecked(coordinates.x, coordinates.y);
    point.is_on_curve().then_some(point)
}

/// Digit d of 0..=7 as the odd number 2d - 7.
fn signed_digit(digit: u8) -> SignedDigit {
    match digit >= 4 {
        true => SignedDigit {
            magnitude: digit - 4,
            positive: true,
        },
        false => SignedDigit {
            magnitude: 3 - digit,
            positive: false,
        },
    }
}

fn to_scalar(digits: &[SignedDigit], base: u64) -> Scalar {
    let value = |digit: &SignedDigit| {
        let magnitude = Scalar::from(1 + 2 * u64::from(digit.magnitude));
        if digit.positive {
            magnitude
        } else {
            -magnitude
        }
    };
    digits.iter().rev().fold(Scalar::ZERO, |sum, digit| {
        sum * Scalar::from(base) + value(digit)
    })
}

/// 512 hashed bits modulo l; statistically close to uniform, zero with negligible probability.
fn scalar_from(parts: &[&[u8]]) -> Scalar {
    let mut hasher = Sha512::new();
    parts.iter().for_each(|part| hasher.update(part));
    Scalar::from_le_bytes_mod_order(&hasher.finalize())
}

/// Scalars modulo l in serde, canonical only.
mod scalar {
    use super::*;
    use crate::field::Element;
    use serde::{Deserializer, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(value: &Scalar, serializer: S) -> Result<S::Ok, S::Error> {
        let element = Fr::from_bigint(value.into_bigint()).expect("l is below r");
        Element(element).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scalar, D::Error> {
        let element = Element::deserialize(deserializer)?.0;
        Scalar::from_bigint(element.into_bigint())
            .ok_or_else(|| D::Error::custom("response not below the group order"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&[seed; 32])
    }

    #[test]
    fn signatures_verify_and_bind_key_message_and_both_parts() {
        let (alice, bob, message) = (key(1), key(2), Fr::from(77));
        let signature = alice.sign(message);
        assert_eq!(alice.public().verify(message, &signature), Ok(()));
        assert!(
            alice
                .public()
                .verify(message + Fr::ONE, &signature)
                .is_err()
        );
        assert!(bob.public().verify(message, &signature).is_err());
        let response = Signature {
            response: signature.response + Scalar::ONE,
            ..signature
        };
        assert_eq!(
            alice.public().verify(message, &response),
            Err(SchnorrError::Mismatch)
        );
        let commitment = Coordinates {
            x: -signature.commitment.x,
            ..signature.commitment
        };
        assert!(
            alice
                .public()
                .verify(
                    message,
                    &Signature {
                        commitment,
                        ..signature
                    }
                )
                .is_err()
        );
        assert_eq!(alice.sign(message), signature);
    }

    #[test]
    fn signers_skip_nonces_whose_challenge_hash_is_above_the_bound() {
        let alice = key(1);
        let skipped = (0..4000)
            .map(Fr::from)
            .find(|message| alice.attempt(*message, 0).is_none())
            .unwrap();
        assert_eq!(alice.public().verify(skipped, &alice.sign(skipped)), Ok(()));
        assert_eq!(alice.sign(skipped), alice.attempt(skipped, 1).unwrap());
        let forged = Fr::from(challenge_bound()) * Fr::from(2).pow([CHALLENGE_LOW_BITS as u64]);
        assert!(challenge(forged).is_none());
        assert!(challenge(forged - Fr::ONE).is_some());
    }

    #[test]
    fn response_digits_sum_to_the_response() {
        for response in [
            Scalar::ZERO,
            Scalar::ONE,
            -Scalar::ONE,
            -Scalar::from(2),
            Scalar::from(1u64 << 40),
        ] {
            let signature = Signature {
                commitment: Coordinates::NEUTRAL,
                response,
            };
            assert_eq!(to_scalar(&signature.response_digits(), 8), response);
        }
    }

    #[test]
    fn keys_off_the_curve_or_of_small_order_are_refused() {
        let small = [
            Coordinates::NEUTRAL,
            Coordinates {
                x: Fr::ZERO,
                y: -Fr::ONE,
            },
            Coordinates {
                x: Fr::ONE,
                y: Fr::ZERO,
            },
        ];
        small
            .iter()
            .for_each(|key| assert_eq!(PublicKey::new(*key), Err(SchnorrError::KeyOrder)));
        let mixed =
            (key(1).public().0 + EdwardsAffine::new_unchecked(Fr::ONE, Fr::ZERO)).into_affine();
        assert_eq!(
            PublicKey::new(Coordinates {
                x: mixed.x,
                y: mixed.y
            }),
            Err(SchnorrError::KeyOrder)
        );
        let off = Coordinates {
            x: Fr::ONE,
            y: Fr::ONE,
        };
        assert_eq!(PublicKey::new(off), Err(SchnorrError::KeyOffCurve));
    }

    #[test]
    fn d_is_no_square_so_addition_is_complete() {
        let d = <ark_ed_on_bn254::EdwardsConfig as ark_ec::twisted_edwards::TECurveConfig>::COEFF_D;
        assert!(d.legendre().is_qnr());
        assert_eq!(d * Fr::from(168700), Fr::from(168696));
    }

    #[test]
    fn text_form_round_trips_and_refuses_large_responses() {
        let signature = key(3).sign(Fr::from(5));
        let mut value = serde_json::to_value(signature).unwrap();
        assert_eq!(
            serde_json::from_value::<Signature>(value.clone()).unwrap(),
            signature
        );
        let order = field::Element(Fr::from_bigint(Scalar::MODULUS).unwrap());
        value["response"] = serde_json::to_value(order).unwrap();
        assert!(serde_json::from_value::<Signature>(value).is_err());
    }
}
