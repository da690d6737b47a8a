//! Receipts as JSON: the fields of a bundle, then what is claimed under its state.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::{
    Json, JsonError, Node, bundle_value, network, parse, pretty, state, state_value, update,
};
use crate::claim::{AccountClaim, NettedAccountClaim, ShardClaim};
use crate::codec::RECEIPT_FORMAT;
use crate::netted;
use crate::receipt::{PastState, Receipt};
use crate::statement::{Account, Body, Leaf};
use crate::trie::{MAX_LEVELS, Path};

impl Receipt {
    /// Reads a receipt; nothing of it is verified.
    pub fn from_json(text: &str) -> Result<Self, JsonError> {
        let root = parse(text)?;
        let root = Node::root(&root);
        root.at("format")?.exactly(RECEIPT_FORMAT)?;
        Ok(Self {
            network: network(&root)?,
            update: update(&root)?,
            past: root.optional("past", past)?,
            shard: shard(&root.at("shard")?)?,
            account: root.optional("account", account_claim)?,
            netted_account: root.optional("netted_account", netted_account_claim)?,
        })
    }

    pub fn to_json(&self) -> String {
        let mut value = bundle_value(RECEIPT_FORMAT, &self.network, &self.update);
        if let Some(past) = &self.past {
            value["past"] = past_value(past);
        }
        value["shard"] = shard_value(&self.shard);
        if let Some(account) = &self.account {
            value["account"] = account_claim_value(account);
        }
        if let Some(account) = &self.netted_account {
            value["netted_account"] = netted_account_claim_value(account);
        }
        pretty(&value)
    }
}

impl<'a> Node<'a> {
    /// A field that may be missing; what is there has to be right.
    fn optional<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Node<'a>) -> Result<T, JsonError>,
    ) -> Result<Option<T>, JsonError> {
        let found = self.find(key)?.ok();
        found.map(|node| read(&node)).transpose()
    }

    /// A field that may be `null`, which says that nothing is there.
    pub(super) fn nullable<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Node<'a>) -> Result<T, JsonError>,
    ) -> Result<Option<T>, JsonError> {
        let found = self.at(key)?;
        let present = *found.value != Json::Null;
        present.then(|| read(&found)).transpose()
    }
}

pub(super) fn past(node: &Node) -> Result<PastState, JsonError> {
    Ok(PastState {
        state: state(&node.at("state")?)?,
        path: path(&node.at("path")?)?,
    })
}

pub(super) fn shard(node: &Node) -> Result<ShardClaim, JsonError> {
    Ok(ShardClaim {
        index: node.integer_at("index")?,
        leaf: node.nullable("leaf", leaf)?,
        path: path(&node.at("path")?)?,
    })
}

fn leaf(node: &Node) -> Result<Leaf, JsonError> {
    Ok(Leaf {
        program: node.element_at("program")?,
        body: node.element_at("body")?,
        lamport: node.integer_at("lamport")?,
        timestamp: node.integer_at("timestamp")?,
        seen_epoch: node.integer_at("seen_epoch")?,
        seen_digest: node.element_at("seen_digest")?,
        supply: node.integer_at("supply")?,
    })
}

pub(super) fn account_claim(node: &Node) -> Result<AccountClaim, JsonError> {
    Ok(AccountClaim {
        body: body(&node.at("body")?)?,
        index: node.integer_at("index")?,
        account: node.nullable("account", account)?,
        path: path(&node.at("path")?)?,
    })
}

pub(super) fn body(node: &Node) -> Result<Body, JsonError> {
    Ok(Body {
        state_root: node.element_at("state_root")?,
        outbox_root: node.element_at("outbox_root")?,
        inbox_root: node.element_at("inbox_root")?,
    })
}

pub(super) fn netted_account_claim(node: &Node) -> Result<NettedAccountClaim, JsonError> {
    let [first, second, third] = node.at("triad")?.entries()?;
    Ok(NettedAccountClaim {
        body: body(&node.at("body")?)?,
        network: node.element_at("network")?,
        keys: node.element_at("keys")?,
        depth: node.integer_at("depth")?,
        index: node.integer_at("index")?,
        triad: [
            netted_account(&first)?,
            netted_account(&second)?,
            netted_account(&third)?,
        ],
        path: path(&node.at("path")?)?,
    })
}

fn netted_account(node: &Node) -> Result<netted::Account, JsonError> {
    Ok(netted::Account {
        key: node.element_at("key")?,
        balance: node.integer_at("balance")?,
        ordinal: node.integer_at("ordinal")?,
    })
}

fn account(node: &Node) -> Result<Account, JsonError> {
    Ok(Account {
        ax: node.element_at("ax")?,
        ay: node.element_at("ay")?,
        balance: node.integer_at("balance")?,
        ordinal: node.integer_at("ordinal")?,
    })
}

pub(super) fn path(node: &Node) -> Result<Path, JsonError> {
    let index = node.integer_at("index")?;
    let siblings = node.at("siblings")?;
    let entries = siblings.list()?;
    if entries.len() > MAX_LEVELS {
        return Err(JsonError::Levels {
            field: siblings.name(),
            levels: entries.len(),
        });
    }
    let pairs = entries.iter().enumerate().map(|(level, value)| {
        let [first, second] = siblings.entry(level, value).entries()?;
        Ok([first.number()?, second.number()?])
    });
    Ok(Path {
        index,
        siblings: pairs.collect::<Result<_, JsonError>>()?,
    })
}

pub(super) fn past_value(past: &PastState) -> Value {
    json!({
        "state": state_value(&past.state),
        "path": path_value(&past.path),
    })
}

fn shard_value(claim: &ShardClaim) -> Value {
    let leaf = claim.leaf.as_ref().map(|leaf| {
        json!({
            "program": leaf.program.to_string(),
            "body": leaf.body.to_string(),
            "lamport": leaf.lamport.to_string(),
            "timestamp": leaf.timestamp.to_string(),
            "seen_epoch": leaf.seen_epoch.to_string(),
            "seen_digest": leaf.seen_digest.to_string(),
            "supply": leaf.supply.to_string(),
        })
    });
    json!({
        "index": claim.index.to_string(),
        "leaf": leaf,
        "path": path_value(&claim.path),
    })
}

pub(super) fn body_value(body: &Body) -> Value {
    json!({
        "state_root": body.state_root.to_string(),
        "outbox_root": body.outbox_root.to_string(),
        "inbox_root": body.inbox_root.to_string(),
    })
}

pub(super) fn account_claim_value(claim: &AccountClaim) -> Value {
    let account = claim.account.as_ref().map(|account| {
        json!({
            "ax": account.ax.to_string(),
            "ay": account.ay.to_string(),
            "balance": account.balance.to_string(),
            "ordinal": account.ordinal.to_string(),
        })
    });
    json!({
        "body": body_value(&claim.body),
        "index": claim.index.to_string(),
        "account": account,
        "path": path_value(&claim.path),
    })
}

pub(super) fn netted_account_claim_value(claim: &NettedAccountClaim) -> Value {
    let triad = claim.triad.map(|account| {
        json!({
            "key": account.key.to_string(),
            "balance": account.balance.to_string(),
            "ordinal": account.ordinal.to_string(),
        })
    });
    json!({
        "body": body_value(&claim.body),
        "network": claim.network.to_string(),
        "keys": claim.keys.to_string(),
        "depth": claim.depth.to_string(),
        "index": claim.index.to_string(),
        "triad": triad,
        "path": path_value(&claim.path),
    })
}

pub(super) fn path_value(path: &Path) -> Value {
    let pairs = path.siblings.iter();
    let pairs = pairs.map(|pair| pair.map(|sibling| sibling.to_string()));
    json!({
        "index": path.index.to_string(),
        "siblings": pairs.collect::<Vec<_>>(),
    })
}
