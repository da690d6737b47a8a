//! Receipts as JSON: the fields of a bundle, then what is claimed under its state.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::{JsonError, Node, bundle_value, network, parse, pretty, state, state_value, update};
use crate::claim::{AccountClaim, ShardClaim};
use crate::codec::RECEIPT_FORMAT;
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
        })
    }

    pub fn to_json(&self) -> String {
        let mut value = bundle_value(RECEIPT_FORMAT, &self.network, &self.update);
        if let Some(past) = &self.past {
            value["past"] = json!({
                "state": state_value(&past.state),
                "path": path_value(&past.path),
            });
        }
        value["shard"] = shard_value(&self.shard);
        if let Some(account) = &self.account {
            value["account"] = account_claim_value(account);
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
    fn nullable<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Node<'a>) -> Result<T, JsonError>,
    ) -> Result<Option<T>, JsonError> {
        let found = self.at(key)?;
        let present = !found.value.is_null();
        present.then(|| read(&found)).transpose()
    }
}

fn past(node: &Node) -> Result<PastState, JsonError> {
    Ok(PastState {
        state: state(&node.at("state")?)?,
        path: path(&node.at("path")?)?,
    })
}

fn shard(node: &Node) -> Result<ShardClaim, JsonError> {
    Ok(ShardClaim {
        index: node.at("index")?.integer()?,
        leaf: node.nullable("leaf", leaf)?,
        path: path(&node.at("path")?)?,
    })
}

fn leaf(node: &Node) -> Result<Leaf, JsonError> {
    Ok(Leaf {
        program: node.at("program")?.number()?,
        body: node.at("body")?.number()?,
        lamport: node.at("lamport")?.integer()?,
        timestamp: node.at("timestamp")?.integer()?,
        seen_epoch: node.at("seen_epoch")?.integer()?,
        seen_digest: node.at("seen_digest")?.number()?,
        supply: node.at("supply")?.integer()?,
    })
}

fn account_claim(node: &Node) -> Result<AccountClaim, JsonError> {
    Ok(AccountClaim {
        body: body(&node.at("body")?)?,
        index: node.at("index")?.integer()?,
        account: node.nullable("account", account)?,
        path: path(&node.at("path")?)?,
    })
}

fn body(node: &Node) -> Result<Body, JsonError> {
    Ok(Body {
        state_root: node.at("state_root")?.number()?,
        outbox_root: node.at("outbox_root")?.number()?,
        inbox_root: node.at("inbox_root")?.number()?,
    })
}

fn account(node: &Node) -> Result<Account, JsonError> {
    Ok(Account {
        ax: node.at("ax")?.number()?,
        ay: node.at("ay")?.number()?,
        balance: node.at("balance")?.integer()?,
        ordinal: node.at("ordinal")?.integer()?,
    })
}

fn path(node: &Node) -> Result<Path, JsonError> {
    let index = node.at("index")?.integer()?;
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

fn account_claim_value(claim: &AccountClaim) -> Value {
    let body = &claim.body;
    let account = claim.account.as_ref().map(|account| {
        json!({
            "ax": account.ax.to_string(),
            "ay": account.ay.to_string(),
            "balance": account.balance.to_string(),
            "ordinal": account.ordinal.to_string(),
        })
    });
    json!({
        "body": {
            "state_root": body.state_root.to_string(),
            "outbox_root": body.outbox_root.to_string(),
            "inbox_root": body.inbox_root.to_string(),
        },
        "index": claim.index.to_string(),
        "account": account,
        "path": path_value(&claim.path),
    })
}

fn path_value(path: &Path) -> Value {
    let pairs = path.siblings.iter();
    let pairs = pairs.map(|pair| pair.map(|sibling| sibling.to_string()));
    json!({
        "index": path.index.to_string(),
        "siblings": pairs.collect::<Vec<_>>(),
    })
}
