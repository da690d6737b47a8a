//! Many signatures checked at once.
//!
//! Claims `s[i] B = R[i] + c[i] A[i]` hold together if `sum(z[i] s[i]) B - sum(z[i] R[i]) - sum(z[i] c[i] A[i]) = 0` for coefficients z drawn at random after the
//! claims are fixed (Bellare, Garay, Rabin, 1998): in a group of prime order a wrong one passes with probability 2^-128. The curve
//! has cofactor 8, where a wrong claim that is off by a point of small order would pass with probability 1/8 or 1/2. So every R is
//! first shown to have prime order or be neutral, as every [`PublicKey`] was when it was made; a claim with another R is one that
//! single verification refuses, for the rest of its equation lies in the subgroup. What is accepted here is therefore exactly what
//! [`PublicKey::verify`] accepts, and what the circuit does.

mod point;
mod subgroup;
mod sum;

use crate::poseidon::hash_6;
use ark_bn254::Fr;
use ark_ec::{CurveGroup, PrimeGroup};
use ark_ed_on_bn254::{EdwardsAffine, EdwardsProjective, Fr as Scalar};
use ark_ff::{AdditiveGroup, PrimeField};
use point::Prepared;
use rand::Rng;
use rayon::prelude::*;
use trifold_circuits::field;
use trifold_circuits::schnorr::{Coordinates, PublicKey, SchnorrError, Signature, challenge};
use trifold_verifier::Fr as Element;

/// Most claims in one sum: more make a sum cheaper per claim, and each of its failures dearer.
pub const SUM_CLAIMS: usize = 4096;
/// No sum is made of fewer claims only to give every core one.
const SHARE_CLAIMS: usize = 64;
/// Fewer claims than this are checked one by one.
const FEW_CLAIMS: usize = 8;

/// That `response` answers the challenge in `hash` under `key` with `commitment`.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    key: EdwardsAffine,
    commitment: Coordinates,
    hash: Element,
    response: Scalar,
}

/// A claim whose every part is in the subgroup.
struct Checked {
    /// Position among the claims given.
    position: usize,
    key: EdwardsAffine,
    commitment: EdwardsAffine,
    challenge: Scalar,
    response: Scalar,
}

impl Claim {
    /// That `signature` signs `message` under `key`, as [`PublicKey::verify`] has it.
    pub fn new(key: &PublicKey, message: Fr, signature: &Signature) -> Self {
        let (r, a) = (signature.commitment, key.coordinates());
        let hash = hash_6(&[field::tag("trifold/sign/v1"), r.x, r.y, a.x, a.y, message]);
        Self::with_hash(key, hash, signature)
    }

    /// With a challenge hash that the caller has made, of at least key, commitment and message.
    pub fn with_hash(key: &PublicKey, hash: Fr, signature: &Signature) -> Self {
        let Coordinates { x, y } = key.coordinates();
        Self {
            key: EdwardsAffine::new_unchecked(x, y),
            commitment: signature.commitment,
            hash,
            response: signature.response,
        }
    }

    fn check(&self, position: usize) -> Result<Checked, SchnorrError> {
        let Coordinates { x, y } = self.commitment;
        let commitment = EdwardsAffine::new_unchecked(x, y);
        if !commitment.is_on_curve() {
            return Err(SchnorrError::CommitmentOffCurve);
        }
        challenge(self.hash).ok_or(SchnorrError::Challenge)?;
        if !subgroup::contains(&commitment) {
            return Err(SchnorrError::Mismatch);
        }
        Ok(Checked {
            position,
            key: self.key,
            commitment,
            challenge: challenge_scalar(self.hash),
            response: self.response,
        })
    }
}

/// Which claims are wrong, by position in ascending order, and why; none if all hold. Uses all of rayon's threads.
pub fn refused(claims: &[Claim]) -> Vec<(usize, SchnorrError)> {
    let share = claims.len().div_ceil(rayon::current_num_threads());
    let size = share.clamp(SHARE_CLAIMS, SUM_CLAIMS);
    let chunks = claims.par_chunks(size).enumerate();
    let mut refused: Vec<_> = chunks
        .flat_map_iter(|(chunk, claims)| refused_of_sum(chunk * size, claims))
        .collect();
    refused.sort_unstable_by_key(|(position, _)| *position);
    refused
}

fn refused_of_sum(first: usize, claims: &[Claim]) -> Vec<(usize, SchnorrError)> {
    let mut refused = Vec::new();
    let mut checked = Vec::with_capacity(claims.len());
    for (position, claim) in (first..).zip(claims) {
        match claim.check(position) {
            Ok(claim) => checked.push(claim),
            Err(error) => refused.push((position, error)),
        }
    }
    if checked.len() < FEW_CLAIMS || !holds(&checked) {
        bisect(&checked, &mut refused);
    }
    refused
}

/// Finds the wrong ones among claims that are few or whose sum has failed.
fn bisect(claims: &[Checked], refused: &mut Vec<(usize, SchnorrError)>) {
    if claims.len() < FEW_CLAIMS {
        let wrong = claims.iter().filter(|claim| !claim.holds());
        return refused.extend(wrong.map(|claim| (claim.position, SchnorrError::Mismatch)));
    }
    let (left, right) = claims.split_at(claims.len() / 2);
    if holds(left) {
        return bisect(right, refused);
    }
    bisect(left, refused);
    if !holds(right) {
        bisect(right, refused);
    }
}

impl Checked {
    fn holds(&self) -> bool {
        let left = EdwardsProjective::generator() * self.response;
        left == self.key * self.challenge + self.commitment
    }
}

/// Whether a random combination of the claims holds. The coefficients come from the operating system's generator by way of
/// ChaCha, after the claims are there.
fn holds(claims: &[Checked]) -> bool {
    let mut rng = rand::rng();
    let mut terms = Vec::with_capacity(claims.len());
    let mut of_generator = Scalar::ZERO;
    for claim in claims {
        let coefficient: u128 = rng.random();
        let scalar = Scalar::from(coefficient);
        of_generator += scalar * claim.response;
        terms.push((scalar, scalar * claim.challenge));
    }
    let commitments = claims.iter().zip(&terms);
    let commitments: Vec<_> = commitments
        .map(|(claim, (z, _))| (Prepared::new(&claim.commitment), z.into_bigint()))
        .collect();
    let keys = claims.iter().zip(&terms);
    let keys: Vec<_> = keys
        .map(|(claim, (_, zc))| (Prepared::new(&claim.key), zc.into_bigint()))
        .collect();
    let right = sum::of_multiples(&commitments, &keys);
    let left = (EdwardsProjective::generator() * of_generator).into_affine();
    right.is(&left)
}

/// The challenge whose signed base-4 digits are the low 128 bits of `hash`, as in [`challenge`].
fn challenge_scalar(hash: Fr) -> Scalar {
    const EVEN: u128 = u128::MAX / 3;
    let [low, high, ..] = hash.into_bigint().0;
    let bits = u128::from(low) | u128::from(high) << 64;
    let (threes, positive) = (bits & EVEN, bits >> 1 & EVEN);
    let negative = EVEN & !positive;
    let part = |digits: u128| Scalar::from(digits + 2 * (threes & digits));
    part(positive) - part(negative)
}
