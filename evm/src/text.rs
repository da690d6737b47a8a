//! Numbers and lines of Solidity source.

use ark_ff::{BigInteger, PrimeField};

/// A field element as a literal of 32 bytes.
pub fn word<F: PrimeField>(value: &F) -> String {
    literal(&value.into_bigint())
}

/// A field's modulus as a literal of 32 bytes.
pub fn modulus<F: PrimeField>() -> String {
    literal(&F::MODULUS)
}

fn literal(integer: &impl BigInteger) -> String {
    integer
        .to_bytes_be()
        .iter()
        .fold("0x".into(), |text, byte| text + &format!("{byte:02x}"))
}

/// The lines, each four spaces further in.
pub fn indent(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}
