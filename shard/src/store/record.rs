//! What the journal of a store holds.

use super::StoreError;
use crate::netted::layout::SignedMessage;
use serde::{Deserialize, Serialize};
use trifold_circuits::field::Element;
use trifold_circuits::netted::traffic::Received;
use trifold_circuits::schnorr::PublicKey;

/// A frame's payload.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Record {
    /// An account was opened.
    Open(PublicKey),
    /// These were accepted, in this order.
    Messages(Vec<SignedMessage>),
    /// An epoch ended, and took these.
    Close {
        epoch: u64,
        milliseconds: u64,
        received: Vec<Received>,
    },
    /// What it was hashed to.
    Root { epoch: u64, root: Element },
}

impl Record {
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("a vector grows as it has to")
    }

    pub fn decode(frame: u64, payload: &[u8]) -> Result<Self, StoreError> {
        postcard::from_bytes(payload).map_err(|source| StoreError::Record { frame, source })
    }
}
