//! Solidity's ABI encoding, as far as the contracts need it.

const WORD_BYTES: usize = 32;

/// An argument.
pub enum Value {
    Word([u8; WORD_BYTES]),
    /// A struct, or an array of fixed length.
    Tuple(Vec<Value>),
    /// An array of any length.
    List(Vec<Value>),
}

impl Value {
    /// Whether its place holds an offset to it instead of itself.
    fn is_dynamic(&self) -> bool {
        match self {
            Self::Word(_) => false,
            Self::Tuple(fields) => fields.iter().any(Self::is_dynamic),
            Self::List(_) => true,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Word(word) => word.to_vec(),
            Self::Tuple(fields) => encode(fields),
            Self::List(entries) => [&number(entries.len())[..], &encode(entries)].concat(),
        }
    }
}

/// The values one after another; dynamic ones as offsets from the first byte, followed by themselves.
pub fn encode(values: &[Value]) -> Vec<u8> {
    let parts: Vec<(bool, Vec<u8>)> = values
        .iter()
        .map(|value| (value.is_dynamic(), value.bytes()))
        .collect();
    let width =
        |(dynamic, bytes): &(bool, Vec<u8>)| if *dynamic { WORD_BYTES } else { bytes.len() };
    let mut offset = parts.iter().map(width).sum();
    let (mut heads, mut tails) = (Vec::new(), Vec::new());
    for (dynamic, bytes) in parts {
        if dynamic {
            heads.extend(number(offset));
            offset += bytes.len();
            tails.extend(bytes);
        } else {
            heads.extend(bytes);
        }
    }
    heads.extend(tails);
    heads
}

fn number(value: usize) -> [u8; WORD_BYTES] {
    let mut word = [0; WORD_BYTES];
    word[WORD_BYTES - 8..].copy_from_slice(&(value as u64).to_be_bytes());
    word
}
