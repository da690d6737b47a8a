//! Field elements in files and on the wire: 32 bytes little-endian, or their hex in text formats; canonical only.

use ark_bn254::Fr;
use ark_ff::{BigInt, PrimeField};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::hexadecimal;

/// The 32 bytes of `value`, little-endian.
pub fn to_bytes(value: &Fr) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (chunk, limb) in bytes
        .as_chunks_mut()
        .0
        .iter_mut()
        .zip(value.into_bigint().0)
    {
        *chunk = limb.to_le_bytes();
    }
    bytes
}

/// The element with these little-endian bytes, or `None` when they are not below the modulus.
pub fn from_bytes(bytes: &[u8; 32]) -> Option<Fr> {
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *limb = u64::from_le_bytes(*chunk);
    }
    Fr::from_bigint(BigInt(limbs))
}

/// A field element that serde can carry: hex in human-readable formats, 32 bytes elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element(pub Fr);

impl Serialize for Element {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = to_bytes(&self.0);
        match serializer.is_human_readable() {
            true => hexadecimal::serialize(&bytes, serializer),
            false => bytes.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = match deserializer.is_human_readable() {
            true => hexadecimal::deserialize(deserializer, "a field element is 64 hex digits")?,
            false => <[u8; 32]>::deserialize(deserializer)?,
        };
        from_bytes(&bytes)
            .map(Self)
            .ok_or_else(|| D::Error::custom("field element not below the modulus"))
    }
}

/// For `#[serde(with = "field::element")]` on an `Fr`.
pub mod element {
    use super::*;

    pub fn serialize<S: Serializer>(value: &Fr, serializer: S) -> Result<S::Ok, S::Error> {
        Element(*value).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fr, D::Error> {
        Element::deserialize(deserializer).map(|element| element.0)
    }
}

/// For `#[serde(with = "field::triple")]` on three of them.
pub mod triple {
    use super::*;

    pub fn serialize<S: Serializer>(values: &[Fr; 3], serializer: S) -> Result<S::Ok, S::Error> {
        values.map(Element).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[Fr; 3], D::Error> {
        let elements = <[Element; 3]>::deserialize(deserializer)?;
        Ok(elements.map(|element| element.0))
    }
}

/// An [`Element`] in as many little-endian bytes as it needs, where the format is not for people: most signals are small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortElement(pub Fr);

impl Serialize for ShortElement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = to_bytes(&self.0);
        let length = bytes.iter().rposition(|byte| *byte != 0);
        match serializer.is_human_readable() {
            true => Element(self.0).serialize(serializer),
            false => serializer.serialize_bytes(&bytes[..length.map_or(0, |last| last + 1)]),
        }
    }
}

impl<'de> Deserialize<'de> for ShortElement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return Element::deserialize(deserializer).map(|element| Self(element.0));
        }
        let short = <&[u8]>::deserialize(deserializer)?;
        if short.last() == Some(&0) {
            return Err(D::Error::custom("field element with a leading zero"));
        }
        let mut bytes = [0; 32];
        let place = bytes.get_mut(..short.len());
        let place = place.ok_or_else(|| D::Error::custom("field element of over 32 bytes"))?;
        place.copy_from_slice(short);
        from_bytes(&bytes)
            .map(Self)
            .ok_or_else(|| D::Error::custom("field element not below the modulus"))
    }
}

/// For `#[serde(with = "field::pairs")]` on the sibling pairs of a path.
pub mod pairs {
    use super::*;

    pub fn serialize<S: Serializer>(pairs: &[[Fr; 2]], serializer: S) -> Result<S::Ok, S::Error> {
        let elements: Vec<[Element; 2]> = pairs.iter().map(|pair| pair.map(Element)).collect();
        elements.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<[Fr; 2]>, D::Error> {
        let elements = Vec::<[Element; 2]>::deserialize(deserializer)?;
        Ok(elements
            .into_iter()
            .map(|pair| pair.map(|element| element.0))
            .collect())
    }
}

/// A domain tag: the big-endian integer of its ASCII bytes, at most 31 of them.
pub fn tag(name: &str) -> Fr {
    Fr::from_be_bytes_mod_order(name.as_bytes())
}
