//! Who may announce a snapshot: the shard's operator, whose key stands in the genesis file.
//!
//! The announcement carries a signature of its own, over network, shard and the blob's digest, so that a stranger's costs
//! the coordinator one signature check and neither a fetch nor an inspection; the blob carries the operator's signature of
//! its content wherever it goes, so a worker or an auditor needs nothing else to check it (`trifold_circuits::snapshot`).

use ark_bn254::Fr;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use trifold_circuits::field;

use crate::Digest;
use crate::wire::{Submission, VERSION};

/// What every signed announcement starts with.
pub const SUBMISSION_DOMAIN: &str = "trifold/submission/v1";

/// Why an announcement is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubmissionError {
    #[error("the submission is not signed")]
    Unsigned,
    #[error("the submission is not signed by the operator of shard {0} for this network")]
    WrongSignature(u32),
    #[error("shard {0} has no key in the genesis file")]
    UnknownShard(u32),
}

impl SubmissionError {
    /// The error's name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::WrongSignature(_) => "wrong_signature",
            Self::UnknownShard(_) => "unknown_shard",
        }
    }
}

/// An Ed25519 signature as it travels, hex in text. Not checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SignatureBytes(pub [u8; Signature::BYTE_SIZE]);

impl From<SignatureBytes> for String {
    fn from(signature: SignatureBytes) -> String {
        hex::encode(signature.0)
    }
}

impl TryFrom<String> for SignatureBytes {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut bytes = [0; Signature::BYTE_SIZE];
        let decoded = hex::decode_to_slice(&text, &mut bytes);
        decoded
            .map(|()| Self(bytes))
            .map_err(|_| "a signature is 128 hex digits".into())
    }
}

impl Submission {
    /// The announcement of a stored snapshot, signed by the shard's operator for this network (the digest of G_0).
    pub fn signed(network: &Fr, shard: u32, snapshot: Digest, operator: &SigningKey) -> Self {
        let signature = operator.sign(signed_digest(network, shard, &snapshot).as_bytes());
        Self {
            version: VERSION,
            shard,
            snapshot,
            signature: Some(SignatureBytes(signature.to_bytes())),
        }
    }

    /// The key that it is queued under.
    pub fn key(&self) -> String {
        format!("{}.{}", self.shard, self.snapshot)
    }

    /// Checks the signature under the shard's key; `None` where the genesis file has no such shard.
    ///
    /// # Errors
    /// There is no key or no signature, or it is not one of this network, shard and snapshot; malleable signatures and
    /// keys of small order are refused.
    pub fn check(
        &self,
        network: &Fr,
        operator: Option<&VerifyingKey>,
    ) -> Result<(), SubmissionError> {
        let operator = operator.ok_or(SubmissionError::UnknownShard(self.shard))?;
        let signature = self.signature.ok_or(SubmissionError::Unsigned)?;
        let digest = signed_digest(network, self.shard, &self.snapshot);
        operator
            .verify_strict(digest.as_bytes(), &Signature::from_bytes(&signature.0))
            .map_err(|_| SubmissionError::WrongSignature(self.shard))
    }
}

fn signed_digest(network: &Fr, shard: u32, snapshot: &Digest) -> Digest {
    let (network, shard) = (field::to_bytes(network), shard.to_le_bytes());
    let items: [&[u8]; 3] = [&network, &shard, snapshot.as_bytes()];
    Digest::of_list(SUBMISSION_DOMAIN, items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{decode, encode};

    const WRONG: Result<(), SubmissionError> = Err(SubmissionError::WrongSignature(3));

    fn network() -> Fr {
        Fr::from(7)
    }

    fn operator(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn submission() -> Submission {
        Submission::signed(&network(), 3, Digest::of(b"snapshot"), &operator(3))
    }

    fn check(submission: &Submission) -> Result<(), SubmissionError> {
        submission.check(&network(), Some(&operator(3).verifying_key()))
    }

    #[test]
    fn it_round_trips_and_passes_under_its_operators_key() {
        let submission = submission();
        assert_eq!(decode(&encode(&submission)), Ok(submission.clone()));
        assert_eq!(check(&submission), Ok(()));
    }

    #[test]
    fn it_holds_for_one_network_one_shard_one_snapshot_and_one_key() {
        let good = submission();
        let key = operator(3).verifying_key();
        assert_eq!(good.check(&Fr::from(8), Some(&key)), WRONG);
        let other = operator(2).verifying_key();
        assert_eq!(good.check(&network(), Some(&other)), WRONG);
        let snapshot = Digest::of(b"another");
        let moved = Submission {
            snapshot,
            ..good.clone()
        };
        assert_eq!(check(&moved), WRONG);
        let moved = Submission { shard: 4, ..good };
        assert_eq!(check(&moved), Err(SubmissionError::WrongSignature(4)));
    }

    #[test]
    fn every_flipped_bit_and_a_missing_signature_are_refused() {
        let good = submission();
        let SignatureBytes(bytes) = good.signature.unwrap();
        for place in 0..8 * bytes.len() {
            let mut damaged = bytes;
            damaged[place / 8] ^= 1 << (place % 8);
            let signature = Some(SignatureBytes(damaged));
            assert_eq!(
                check(&Submission {
                    signature,
                    ..good.clone()
                }),
                WRONG
            );
        }
        let unsigned = Submission {
            signature: None,
            ..good.clone()
        };
        assert_eq!(check(&unsigned), Err(SubmissionError::Unsigned));
        let unknown = good.check(&network(), None);
        assert_eq!(unknown, Err(SubmissionError::UnknownShard(3)));
    }

    /// s + l verifies under a lax check: the same signature in other bytes.
    #[test]
    fn a_malleable_signature_is_refused() {
        const ORDER: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9,
            0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let good = submission();
        let SignatureBytes(mut bytes) = good.signature.unwrap();
        let mut carry = 0;
        for (byte, order) in bytes[32..].iter_mut().zip(ORDER) {
            let sum = u16::from(*byte) + u16::from(order) + carry;
            (*byte, carry) = (sum as u8, sum >> 8);
        }
        let signature = Some(SignatureBytes(bytes));
        assert_eq!(check(&Submission { signature, ..good }), WRONG);
    }

    /// With a key of order 1 the signature R = 1, s = 0 holds for every message under a lax check.
    #[test]
    fn a_key_of_small_order_signs_nothing() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let key = VerifyingKey::from_bytes(&identity).unwrap();
        let mut bytes = [0; 64];
        bytes[0] = 1;
        let signature = Some(SignatureBytes(bytes));
        let forged = Submission {
            signature,
            ..submission()
        };
        assert_eq!(forged.check(&network(), Some(&key)), WRONG);
    }

    #[test]
    fn a_message_without_the_field_is_an_unsigned_one() {
        let snapshot = Digest::of(b"snapshot");
        let text = format!(r#"{{"version":{VERSION},"shard":3,"snapshot":"{snapshot}"}}"#);
        let read: Submission = decode(text.as_bytes()).unwrap();
        assert_eq!(check(&read), Err(SubmissionError::Unsigned));
    }
}
