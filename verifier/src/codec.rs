//! Canonical bytes: every value has exactly one encoding, and whatever is not one is refused.
//!
//! Integers and field elements are little-endian. A point is compressed as arkworks does it: x, with bit 7 of the last
//! byte set when y is the larger of the two roots (an Fq2 compares by its second coefficient first). Bit 6, which would
//! say infinity, is refused.

mod receipt;

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine, g1, g2};
use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::{BigInt, PrimeField};
use thiserror::Error;

use crate::client::{Network, Update};
use crate::groth16::{InvalidPoint, KeyError, PointFault, Proof, VerifyingKey};
use crate::refusal;
use crate::statement::{GlobalState, Keys, RangeError};

pub use receipt::{MAX_RECEIPT_BYTES, RECEIPT_FORMAT};

/// Bytes of a proof: A (32), B (64), C (32).
pub const PROOF_BYTES: usize = 128;
/// Bytes of a global state: epoch (8), depth (1), root (32), history (32), in_flight (16).
pub const GLOBAL_STATE_BYTES: usize = 89;
/// Bytes of an update: the state, then its proof.
pub const UPDATE_BYTES: usize = GLOBAL_STATE_BYTES + PROOF_BYTES;
/// Bytes of the keys: merge, nest, registry.
pub const KEYS_BYTES: usize = 96;
/// Bytes of a verifying key: alpha (32), beta (64), delta (64), IC[0] (32), IC[1] (32); gamma is the generator.
pub const VERIFYING_KEY_BYTES: usize = 224;
/// Bytes of a network: the keys, the digest of genesis (32), the verifying key of the nest circuit.
pub const NETWORK_BYTES: usize = KEYS_BYTES + 32 + VERIFYING_KEY_BYTES;

const NEGATIVE_FLAG: u8 = 0x80;
const INFINITY_FLAG: u8 = 0x40;

/// Why bytes were refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    #[error("{found} bytes instead of {expected}")]
    Length { found: usize, expected: usize },
    #[error("these bytes do not start as a receipt's do")]
    NotAReceipt,
    #[error("mark {0:#04x} says nothing that is known")]
    Mark(u8),
    #[error("a path of {0} levels, no trie has more than {MAX}", MAX = crate::trie::MAX_LEVELS)]
    Levels(u8),
    #[error("{0} is not below the modulus of its field")]
    NotCanonical(&'static str),
    #[error(transparent)]
    Point(#[from] InvalidPoint),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Range(#[from] RangeError),
}

impl DecodeError {
    /// The reason, as one word of [`refusal`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::Length { .. } => refusal::LENGTH,
            Self::NotAReceipt | Self::Mark(_) => refusal::FORMAT,
            Self::Levels(_) => refusal::WRONG_DEPTH,
            Self::NotCanonical(_) => refusal::NOT_CANONICAL,
            Self::Point(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::Range(error) => error.code(),
        }
    }
}

impl Proof {
    pub fn to_bytes(&self) -> [u8; PROOF_BYTES] {
        let mut writer = Writer::new();
        writer.g1(self.a());
        writer.g2(self.b());
        writer.g1(self.c());
        writer.bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, PROOF_BYTES)?;
        Ok(Self::new(
            reader.g1("A")?,
            reader.g2("B")?,
            reader.g1("C")?,
        )?)
    }
}

impl GlobalState {
    pub fn to_bytes(&self) -> [u8; GLOBAL_STATE_BYTES] {
        let mut writer = Writer::new();
        writer.put(&self.epoch.to_le_bytes());
        writer.put(&[self.depth]);
        writer.fr(self.root);
        writer.fr(self.history);
        writer.put(&self.in_flight.to_le_bytes());
        writer.bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, GLOBAL_STATE_BYTES)?;
        let epoch = u64::from_le_bytes(reader.take()?);
        let [depth] = reader.take()?;
        let (root, history) = (reader.fr("root")?, reader.fr("history")?);
        let in_flight = u128::from_le_bytes(reader.take()?);
        let state = Self {
            epoch,
            depth,
            root,
            history,
            in_flight,
        };
        state.check_ranges()?;
        Ok(state)
    }
}

impl Update {
    pub fn to_bytes(&self) -> [u8; UPDATE_BYTES] {
        let mut writer = Writer::new();
        writer.put(&self.state.to_bytes());
        writer.put(&self.proof.to_bytes());
        writer.bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, UPDATE_BYTES)?;
        let state = GlobalState::from_bytes(&reader.take::<GLOBAL_STATE_BYTES>()?)?;
        let proof = Proof::from_bytes(&reader.take::<PROOF_BYTES>()?)?;
        Ok(Self { state, proof })
    }
}

impl Keys {
    pub fn to_bytes(&self) -> [u8; KEYS_BYTES] {
        let mut writer = Writer::new();
        for key in [self.merge, self.nest, self.registry] {
            writer.fr(key);
        }
        writer.bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, KEYS_BYTES)?;
        let (merge, nest) = (
            reader.fr("merge key digest")?,
            reader.fr("nest key digest")?,
        );
        Ok(Self {
            merge,
            nest,
            registry: reader.fr("registry root")?,
        })
    }
}

impl VerifyingKey {
    pub fn to_bytes(&self) -> [u8; VERIFYING_KEY_BYTES] {
        let mut writer = Writer::new();
        writer.g1(self.alpha_g1());
        writer.g2(self.beta_g2());
        writer.g2(self.delta_g2());
        for point in self.gamma_abc_g1() {
            writer.g1(point);
        }
        writer.bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, VERIFYING_KEY_BYTES)?;
        let alpha = reader.g1("alpha")?;
        let (beta, delta) = (reader.g2("beta")?, reader.g2("delta")?);
        let gamma_abc = [reader.g1("IC[0]")?, reader.g1("IC[1]")?];
        Ok(Self::new(
            alpha,
            beta,
            G2Affine::generator(),
            delta,
            &gamma_abc,
        )?)
    }
}

impl Network {
    pub fn to_bytes(&self) -> [u8; NETWORK_BYTES] {
        let mut writer = Writer::new();
        writer.put(&self.keys.to_bytes());
        writer.fr(self.genesis);
        writer.put(&self.nest_key.to_bytes());
        writer.bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, NETWORK_BYTES)?;
        let keys = Keys::from_bytes(&reader.take::<KEYS_BYTES>()?)?;
        let genesis = reader.fr("genesis digest")?;
        let nest_key = VerifyingKey::from_bytes(&reader.take::<VERIFYING_KEY_BYTES>()?)?;
        Ok(Self {
            keys,
            genesis,
            nest_key,
        })
    }
}

/// The 32 bytes of a scalar.
pub fn fr_to_bytes(value: Fr) -> [u8; 32] {
    field_bytes(value)
}

/// The scalar with these bytes, `None` if they are not below r.
pub fn fr_from_bytes(bytes: [u8; 32]) -> Option<Fr> {
    field_from_bytes(bytes)
}

fn field_bytes<F: PrimeField<BigInt = BigInt<4>>>(value: F) -> [u8; 32] {
    let mut bytes = [0; 32];
    let limbs = value.into_bigint().0.map(u64::to_le_bytes);
    bytes
        .iter_mut()
        .zip(limbs.as_flattened())
        .for_each(|(byte, limb)| *byte = *limb);
    bytes
}

fn field_from_bytes<F: PrimeField<BigInt = BigInt<4>>>(bytes: [u8; 32]) -> Option<F> {
    let mut limbs = [0; 4];
    let chunks = bytes.as_chunks::<8>().0;
    limbs
        .iter_mut()
        .zip(chunks)
        .for_each(|(limb, chunk)| *limb = u64::from_le_bytes(*chunk));
    F::from_bigint(BigInt(limbs))
}

/// Fills an array from the front. What would not fit is dropped; the tests compare every length with its constant.
struct Writer<const N: usize> {
    bytes: [u8; N],
    used: usize,
}

impl<const N: usize> Writer<N> {
    fn new() -> Self {
        Self {
            bytes: [0; N],
            used: 0,
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes
            .iter_mut()
            .skip(self.used)
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        self.used += bytes.len();
    }

    fn fr(&mut self, value: Fr) {
        self.put(&field_bytes(value));
    }

    fn g1(&mut self, point: G1Affine) {
        let mut bytes = field_bytes(point.x);
        bytes[31] |= sign(&point);
        self.put(&bytes);
    }

    fn g2(&mut self, point: G2Affine) {
        let mut bytes = [point.x.c0, point.x.c1].map(field_bytes);
        bytes[1][31] |= sign(&point);
        self.put(bytes.as_flattened());
    }
}

fn sign<P: SWCurveConfig>(point: &Affine<P>) -> u8 {
    if point.y > -point.y { NEGATIVE_FLAG } else { 0 }
}

/// Takes bytes from the front of a slice.
struct Reader<'a> {
    bytes: &'a [u8],
    used: usize,
}

impl<'a> Reader<'a> {
    /// For a value of one length only.
    fn new(bytes: &'a [u8], expected: usize) -> Result<Self, DecodeError> {
        match bytes.len() {
            found if found == expected => Ok(Self { bytes, used: 0 }),
            found => Err(DecodeError::Length { found, expected }),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (found, expected) = (self.bytes.len(), self.used + N);
        let taken = self.bytes.get(self.used..expected);
        self.used = expected;
        let taken = taken.and_then(|taken| taken.first_chunk().copied());
        taken.ok_or(DecodeError::Length { found, expected })
    }

    fn fr(&mut self, name: &'static str) -> Result<Fr, DecodeError> {
        field_from_bytes(self.take()?).ok_or(DecodeError::NotCanonical(name))
    }

    fn g1(&mut self, name: &'static str) -> Result<G1Affine, DecodeError> {
        let mut bytes = self.take::<32>()?;
        let negative = take_sign(&mut bytes[31], name)?;
        let x: Fq = field_from_bytes(bytes).ok_or(DecodeError::NotCanonical(name))?;
        point::<g1::Config>(x, negative, name)
    }

    fn g2(&mut self, name: &'static str) -> Result<G2Affine, DecodeError> {
        let (low, mut high) = (self.take::<32>()?, self.take::<32>()?);
        let negative = take_sign(&mut high[31], name)?;
        let coefficient = |bytes| field_from_bytes(bytes).ok_or(DecodeError::NotCanonical(name));
        let x = Fq2::new(coefficient(low)?, coefficient(high)?);
        point::<g2::Config>(x, negative, name)
    }
}

/// Clears the sign flag and returns it; refuses the flag of infinity.
fn take_sign(last: &mut u8, name: &'static str) -> Result<bool, InvalidPoint> {
    if *last & INFINITY_FLAG != 0 {
        return Err(InvalidPoint {
            name,
            fault: PointFault::Infinite,
        });
    }
    let negative = *last & NEGATIVE_FLAG != 0;
    *last &= !NEGATIVE_FLAG;
    Ok(negative)
}

fn point<P: SWCurveConfig>(
    x: P::BaseField,
    negative: bool,
    name: &'static str,
) -> Result<Affine<P>, DecodeError> {
    let roots = Affine::<P>::get_ys_from_x_unchecked(x);
    let (smaller, larger) = roots.ok_or(InvalidPoint {
        name,
        fault: PointFault::OffCurve,
    })?;
    Ok(Affine::new_unchecked(
        x,
        if negative { larger } else { smaller },
    ))
}
