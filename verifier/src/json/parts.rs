//! What a source tells beside bundles and receipts: a network's constants, the way to an earlier state, an account.

use alloc::string::{String, ToString};

use serde_json::{Value, json};

use super::message::{message_claim, message_claim_value};
use super::receipt::{
    account_claim, account_claim_value, netted_account_claim, netted_account_claim_value, past,
    past_value,
};
use super::{JsonError, Node, network, network_value, parse, pretty};
use crate::claim::{AccountClaim, MessageClaim, NettedAccountClaim};
use crate::client::Network;
use crate::receipt::PastState;

/// What the constants of a network say they are.
pub const NETWORK_FORMAT: &str = "trifold/network/v1";
/// What an earlier state with its path says it is.
pub const DESCENT_FORMAT: &str = "trifold/descent/v1";

impl Network {
    /// Reads a network's constants. Whoever trusts them trusts whoever they are from.
    pub fn from_json(text: &str) -> Result<Self, JsonError> {
        let root = parse(text)?;
        let root = Node::root(&root);
        root.at("format")?.exactly(NETWORK_FORMAT)?;
        network(&root)
    }

    pub fn to_json(&self) -> String {
        pretty(&marked(NETWORK_FORMAT, network_value(self)))
    }
}

impl PastState {
    /// Reads an earlier state and its path; nothing of it is verified.
    pub fn from_json(text: &str) -> Result<Self, JsonError> {
        let root = parse(text)?;
        let root = Node::root(&root);
        root.at("format")?.exactly(DESCENT_FORMAT)?;
        past(&root)
    }

    pub fn to_json(&self) -> String {
        pretty(&marked(DESCENT_FORMAT, past_value(self)))
    }
}

impl AccountClaim {
    /// Reads the `account` part of a receipt; nothing of it is verified.
    pub fn from_json(text: &str) -> Result<Self, JsonError> {
        account_claim(&Node::root(&parse(text)?))
    }

    pub fn to_json(&self) -> String {
        pretty(&account_claim_value(self))
    }
}

impl NettedAccountClaim {
    /// Reads the `netted_account` part of a receipt; nothing of it is verified.
    pub fn from_json(text: &str) -> Result<Self, JsonError> {
        netted_account_claim(&Node::root(&parse(text)?))
    }

    pub fn to_json(&self) -> String {
        pretty(&netted_account_claim_value(self))
    }
}

impl MessageClaim {
    /// Reads what a shard is claimed to have sent; nothing of it is verified.
    pub fn from_json(text: &str) -> Result<Self, JsonError> {
        message_claim(&Node::root(&parse(text)?))
    }

    pub fn to_json(&self) -> String {
        pretty(&message_claim_value(self))
    }
}

fn marked(format: &str, mut value: Value) -> Value {
    value["format"] = json!(format.to_string());
    value
}
