//! The files that a program's author writes: JSON whose numbers are whole, or decimal digits in quotes as circom's are.

use ark_bn254::Fr;
use ark_ff::PrimeField;
use serde_json::{Map, Value};
use trifold_verifier::statement::Body;

/// Longest file read, in bytes.
pub const MAX_FILE_BYTES: usize = 1 << 20;
/// Most digits of a number: those of 2^256.
const MAX_DIGITS: usize = 78;

/// Why a file of a program's author was refused.
#[derive(Debug, thiserror::Error)]
pub enum ProgramFileError {
    #[error("{0} bytes, more than the {MAX_FILE_BYTES} that are read")]
    TooLong(usize),
    #[error("not JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("not an object")]
    NotAnObject,
    #[error("unknown field {field:?}")]
    UnknownField { field: String },
    #[error("{field} is missing")]
    Missing { field: &'static str },
    #[error("{field} and {other} are both given; they say the same")]
    Twice {
        field: &'static str,
        other: &'static str,
    },
    #[error("{field} is no number below {limit}: a whole number, or its decimal digits in quotes")]
    Number { field: String, limit: String },
    #[error("signals is not an object")]
    Signals,
    #[error("signal {name} is nested more than {limit} deep")]
    Nesting { name: String, limit: usize },
}

/// The object in a file, which has no other fields than these.
pub fn object(text: &[u8], fields: &[&str]) -> Result<Map<String, Value>, ProgramFileError> {
    if text.len() > MAX_FILE_BYTES {
        return Err(ProgramFileError::TooLong(text.len()));
    }
    let Value::Object(object) = serde_json::from_slice(text)? else {
        return Err(ProgramFileError::NotAnObject);
    };
    check_fields(&object, fields)?;
    Ok(object)
}

fn check_fields(object: &Map<String, Value>, fields: &[&str]) -> Result<(), ProgramFileError> {
    let unknown = object.keys().find(|key| !fields.contains(&key.as_str()));
    match unknown {
        Some(field) => Err(ProgramFileError::UnknownField {
            field: field.clone(),
        }),
        None => Ok(()),
    }
}

pub fn required<'a>(
    object: &'a Map<String, Value>,
    field: &'static str,
) -> Result<&'a Value, ProgramFileError> {
    object.get(field).ok_or(ProgramFileError::Missing { field })
}

/// The digest of a body, or a state root, which stands for the body without messages around it.
pub fn body(
    object: &Map<String, Value>,
    field: &'static str,
    other: &'static str,
) -> Result<Fr, ProgramFileError> {
    match (object.get(field), object.get(other)) {
        (Some(value), None) => element(value, field),
        (None, Some(value)) => Ok(Body {
            state_root: element(value, other)?,
            ..Body::default()
        }
        .digest()),
        (Some(_), Some(_)) => Err(ProgramFileError::Twice { field, other }),
        (None, None) => Err(ProgramFileError::Missing { field }),
    }
}

/// 0 where it is not given.
pub fn optional<T: TryFrom<u128> + Default>(
    object: &Map<String, Value>,
    field: &'static str,
) -> Result<T, ProgramFileError> {
    let given = object.get(field);
    given.map_or(Ok(T::default()), |value| integer(value, field))
}

pub fn integer<T: TryFrom<u128>>(
    value: &Value,
    field: &'static str,
) -> Result<T, ProgramFileError> {
    let number = digits(value).and_then(|digits| digits.parse::<u128>().ok());
    let number = number.and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| ProgramFileError::Number {
        field: field.into(),
        limit: format!("2^{}", 8 * size_of::<T>()),
    })
}

pub fn element(value: &Value, field: &str) -> Result<Fr, ProgramFileError> {
    let digits = digits(value).filter(|digits| digits.len() <= MAX_DIGITS);
    let number = digits.and_then(|digits| digits.parse::<Fr>().ok().zip(Some(digits)));
    // Whether the text was below the modulus: it is then what the element is written as.
    let canonical = number.filter(|(number, digits)| number.into_bigint().to_string() == *digits);
    let number = canonical.map(|(number, _)| number);
    number.ok_or_else(|| ProgramFileError::Number {
        field: field.into(),
        limit: "the modulus of the scalar field".into(),
    })
}

/// The decimal digits of a whole number.
fn digits(value: &Value) -> Option<String> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.len() <= MAX_DIGITS => text.clone(),
        _ => return None,
    };
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then_some(text)
}
