//! Why a call was refused.

use alloc::string::{String, ToString};

use thiserror::Error;
use trifold_verifier::claim::ClaimError;
use trifold_verifier::client::ClientError;
use trifold_verifier::codec::DecodeError;
use trifold_verifier::json::JsonError;
use trifold_verifier::receipt::ReceiptError;
use trifold_verifier::refusal;

use crate::answer;
use crate::session::MAX_CLIENTS;

#[derive(Debug, Error)]
pub enum Refusal {
    #[error("{0}")]
    Input(&'static str),
    #[error("no operation {0}")]
    Operation(u32),
    #[error("client {0} is not open")]
    Closed(u32),
    #[error("{MAX_CLIENTS} clients are open already")]
    TooManyClients,
    #[error("the bundle is of another network than the one that is trusted")]
    OtherNetwork,
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
}

impl Refusal {
    /// The reason, as one word that all implementations share.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Input(_) | Self::Operation(_) | Self::Closed(_) => refusal::FORMAT,
            Self::TooManyClients => refusal::RANGE,
            Self::OtherNetwork => refusal::OTHER_NETWORK,
            Self::Decode(error) => error.code(),
            Self::Json(error) => error.code(),
            Self::Client(error) => error.code(),
            Self::Claim(error) => error.code(),
            Self::Receipt(error) => error.code(),
        }
    }

    /// `{"code", "message"}`.
    pub fn to_json(&self) -> String {
        answer::refusal(self.code(), &self.to_string())
    }
}
