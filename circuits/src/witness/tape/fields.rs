//! Which functions of the wasm are the field arithmetic.
//!
//! The compiler puts the same 81 functions, at the same addresses, in front of every circuit's own. They are known by
//! their numbers, and the digest of their code says that they are those.

use sha2::{Digest, Sha256};

use super::Unsupported;
use super::module::Module;
use super::operation::Operation;

/// Numbers of the field arithmetic's functions.
const FIRST: u32 = 4;
const COUNT: usize = 81;
/// SHA-256 over their bodies, each with its length in 8 bytes, from circom 2.2.3 for BN254.
const CODE: &str = "7c52763f227b55ef104a4e914997e767c797b780905ca0f8f05a0dad9681f6dc";

/// What a function of the field arithmetic does with the elements at the addresses it is given.
#[derive(Clone, Copy)]
pub enum Task {
    Copy,
    CopyMany,
    IsTrue,
    ToAddress,
    /// Equality as an integer.
    Equal,
    /// Another form of the same element.
    Nothing,
    Inverse,
    Apply(Operation),
}

/// Refuses a module whose field arithmetic is another compiler's.
pub fn check(module: &Module) -> Result<(), Unsupported> {
    let bodies = module.functions.get(..COUNT).unwrap_or_default();
    let mut hasher = Sha256::new();
    for function in bodies {
        hasher.update((function.bytes.len() as u64).to_le_bytes());
        hasher.update(&function.bytes);
    }
    let is_known = hex::encode(hasher.finalize()) == CODE;
    match is_known && module.imports.len() == FIRST as usize {
        true => Ok(()),
        false => Err(Unsupported("the field arithmetic is not circom 2.2.3's")),
    }
}

/// What the function of that number does; `None` for one that is a circuit's own or that no circuit calls.
pub fn task(number: u32) -> Option<Task> {
    Some(match number {
        37 => Task::Copy,
        38 => Task::CopyMany,
        39 => Task::IsTrue,
        41..=43 => Task::Nothing,
        45 => Task::Apply(Operation::Neg),
        47 => Task::ToAddress,
        48 => Task::Apply(Operation::Add),
        49 => Task::Apply(Operation::Sub),
        50 => Task::Equal,
        52 => Task::Apply(Operation::Equal),
        53 => Task::Apply(Operation::NotEqual),
        54 => Task::Apply(Operation::Greater),
        55 => Task::Apply(Operation::AtLeast),
        56 => Task::Apply(Operation::Less),
        57 => Task::Apply(Operation::AtMost),
        58 => Task::Apply(Operation::Mul),
        59 => Task::Apply(Operation::IntegerDiv),
        60 => Task::Apply(Operation::Remainder),
        61 => Task::Inverse,
        62 => Task::Apply(Operation::Div),
        63 => Task::Apply(Operation::Power),
        72 => Task::Apply(Operation::ShiftLeft),
        73 => Task::Apply(Operation::ShiftRight),
        75 => Task::Apply(Operation::BitAnd),
        77 => Task::Apply(Operation::BitOr),
        79 => Task::Apply(Operation::BitXor),
        81 => Task::Apply(Operation::BitNot),
        82 => Task::Apply(Operation::And),
        83 => Task::Apply(Operation::Or),
        84 => Task::Apply(Operation::Not),
        _ => return None,
    })
}

/// Whether a function is part of the field arithmetic.
pub fn contains(number: u32) -> bool {
    (FIRST..FIRST + COUNT as u32).contains(&number)
}
