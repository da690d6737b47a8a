//! Bytes of fixed length as hex digits in text formats, without a string of their own on the way.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;

/// Most bytes.
pub const MAX_BYTES: usize = 128;

/// Writes at most [`MAX_BYTES`] bytes as lower-case digits.
pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let mut room = [0; 2 * MAX_BYTES];
    let digits = room.get_mut(..2 * bytes.len());
    let text = digits.and_then(|digits| {
        hex::encode_to_slice(bytes, digits).ok()?;
        std::str::from_utf8(digits).ok()
    });
    serializer.serialize_str(text.ok_or_else(|| serde::ser::Error::custom("too many bytes"))?)
}

/// Reads exactly `N` bytes; `what` says what they are where they are not.
pub fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
    deserializer: D,
    what: &'static str,
) -> Result<[u8; N], D::Error> {
    deserializer.deserialize_str(Digits { what })
}

struct Digits<const N: usize> {
    what: &'static str,
}

impl<const N: usize> Visitor<'_> for Digits<N> {
    type Value = [u8; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<[u8; N], E> {
        let mut bytes = [0; N];
        let decoded = hex::decode_to_slice(text, &mut bytes);
        decoded.map(|()| bytes).map_err(|_| E::custom(self.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<const N: usize>(text: &str) -> Result<[u8; N], serde_json::Error> {
        let mut text = serde_json::Deserializer::from_str(text);
        deserialize(&mut text, "so many digits")
    }

    fn write(bytes: &[u8]) -> Option<String> {
        let mut text = Vec::new();
        serialize(bytes, &mut serde_json::Serializer::new(&mut text)).ok()?;
        String::from_utf8(text).ok()
    }

    #[test]
    fn bytes_come_back_and_nothing_else_is_taken() {
        let bytes: [u8; MAX_BYTES] = std::array::from_fn(|place| (place as u8).wrapping_mul(7));
        let text = write(&bytes).expect("fits");
        assert_eq!(text, format!("\"{}\"", hex::encode(bytes)));
        assert_eq!(read(&text).expect("digits"), bytes);
        assert_eq!(read(r#""\u0061b""#).expect("escaped digits"), [0xab]);
        assert_eq!(write(&[0; MAX_BYTES + 1]), None);
        for bad in [r#""abc""#, r#""gg""#, r#""""#, "17", "null"] {
            let error = read::<1>(bad).expect_err(bad).to_string();
            assert!(error.contains("so many digits"), "{error}");
        }
    }
}
