//! The cards of this machine.

use trifold_kernels::Device;

use super::unavailable;
use crate::backend::{BackendError, CardChoice};

pub use trifold_kernels::Card;

/// The cards as the driver numbers them. Takes no memory on any of them.
///
/// # Errors
/// [`BackendError::Unavailable`]: no driver, one that is too old, or no card.
pub fn cards() -> Result<Vec<Card>, BackendError> {
    Device::cards().map_err(unavailable)
}

/// The card that was asked for, or the first.
pub fn choose(choice: Option<&CardChoice>) -> Result<Card, BackendError> {
    let mut cards = cards()?.into_iter();
    let (found, wanted) = match choice {
        None => (cards.next(), "first card".to_owned()),
        Some(CardChoice::Index(index)) => {
            let found = cards.find(|card| card.ordinal == *index);
            (found, format!("card number {index}"))
        }
        Some(CardChoice::Uuid(uuid)) => {
            let found = cards.find(|card| card.id.to_string().eq_ignore_ascii_case(uuid));
            (found, format!("card {uuid}"))
        }
    };
    found.ok_or_else(|| BackendError::Unavailable {
        backend: "cuda".into(),
        reason: format!("this machine has no {wanted}"),
    })
}
