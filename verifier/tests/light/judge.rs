//! What this crate says to an entry of the corpus: `Ok`, or the code of its refusal.

use serde_json::Value;
use trifold_verifier::claim::{
    AccountClaim, ClaimError, MessageClaim, NettedAccountClaim, ShardClaim,
};
use trifold_verifier::client::{ClientError, LightClient, Update};
use trifold_verifier::codec::DecodeError;
use trifold_verifier::json::{GlobalProof, JsonError};
use trifold_verifier::receipt::{Receipt, ReceiptError, VerifiedReceipt};
use trifold_verifier::trie::Path;

use crate::common::{fr, unhex};
use crate::world::World;

/// A refusal.
#[derive(Debug, PartialEq, Eq)]
pub struct Code(pub &'static str);

macro_rules! coded {
    ($($error:ty),*) => { $(impl From<$error> for Code {
        fn from(error: $error) -> Self {
            Self(error.code())
        }
    })* };
}

coded!(
    DecodeError,
    JsonError,
    ClientError,
    ClaimError,
    ReceiptError
);

pub type Verdict = Result<(), Code>;

/// The verdict on every form that the entry has: bytes, JSON, text.
pub fn judge(world: &World, entry: &Value) -> Vec<Verdict> {
    let bytes = entry["bytes"].as_str().map(unhex);
    let text = match (&entry["json"], &entry["text"]) {
        (Value::Null, text) => text.as_str().map(String::from),
        (json, _) => Some(json.to_string()),
    };
    let from_bytes = bytes.map(|bytes| of_bytes(world, entry, &bytes));
    let from_text = text.map(|text| of_text(world, entry, &text));
    from_bytes.into_iter().chain(from_text).collect()
}

/// The verdicts on an entry of `claims.json` under the state that the client holds: whether what is claimed is there.
pub fn shown(client: &LightClient, entry: &Value) -> Vec<Result<bool, Code>> {
    match entry["kind"].as_str().unwrap() {
        "receipt" => {
            let bytes = Receipt::from_bytes(&unhex(entry["bytes"].as_str().unwrap())).unwrap();
            let json = Receipt::from_json(&entry["json"].to_string()).unwrap();
            assert_eq!(bytes, json);
            assert_eq!(Receipt::from_json(&json.to_json()).unwrap(), json);
            let verified = client.verify_receipt(&json).map_err(Code::from);
            assert_eq!(verified, bytes.verify().map_err(Code::from));
            vec![verified.map(|verified| !verified.netted_account().unwrap().is_absent())]
        }
        kind => vec![claimed(client, kind, entry)],
    }
}

fn claimed(client: &LightClient, kind: &str, entry: &Value) -> Result<bool, Code> {
    let shard = ShardClaim::from_json(&entry["shard"].to_string())?;
    let text = entry["claim"].to_string();
    Ok(match kind {
        "netted_account" => {
            let claim = NettedAccountClaim::from_json(&text)?;
            assert_eq!(
                NettedAccountClaim::from_json(&claim.to_json()).unwrap(),
                claim
            );
            !client.verify_netted_account(&shard, &claim)?.is_absent()
        }
        "account" => {
            let claim = AccountClaim::from_json(&text)?;
            !client.verify_account(&shard, &claim)?.is_absent()
        }
        "message" => {
            let claim = MessageClaim::from_json(&text)?;
            assert_eq!(MessageClaim::from_json(&claim.to_json()).unwrap(), claim);
            !client.verify_message(&shard, &claim)?.is_absent()
        }
        kind => panic!("{kind}"),
    })
}

fn of_bytes(world: &World, entry: &Value, bytes: &[u8]) -> Verdict {
    match entry["kind"].as_str().unwrap() {
        "update" => {
            let update = Update::from_bytes(bytes)?;
            world.client.verify(&update)?;
        }
        "receipt" => {
            receipt(world, &Receipt::from_bytes(bytes)?)?;
        }
        "advance" => {
            let mut client = held(world, entry)?;
            let next = client.verify(&Update::from_bytes(bytes)?)?;
            client.advance(next)?;
        }
        "descent" => {
            let client = held(world, entry)?;
            let next = client.verify(&Update::from_bytes(bytes)?)?;
            client.check_descent(&next, &path(&entry["path"]))?;
        }
        kind => panic!("{kind}"),
    }
    Ok(())
}

fn of_text(world: &World, entry: &Value, text: &str) -> Verdict {
    match entry["kind"].as_str().unwrap() {
        "update" | "bundle" => {
            GlobalProof::from_json(text)?.verify_under(&world.network)?;
        }
        "receipt" => {
            receipt(world, &Receipt::from_json(text)?)?;
        }
        kind => panic!("{kind}"),
    }
    Ok(())
}

/// A receipt by a client that holds the newest state. Without one nobody notices equivocation, but everything else.
fn receipt(world: &World, receipt: &Receipt) -> Result<VerifiedReceipt, Code> {
    let (held, bare) = (
        world.client.verify_receipt(receipt),
        receipt.verify_under(&world.network),
    );
    match held {
        Err(ReceiptError::Update(ClientError::Equivocation { .. })) => assert!(bare.is_ok()),
        _ => assert_eq!(held, bare),
    }
    Ok(held?)
}

fn held(world: &World, entry: &Value) -> Result<LightClient, Code> {
    let held = Update::from_bytes(&unhex(entry["held"].as_str().unwrap()))?;
    Ok(LightClient::from_checkpoint(world.network, &held)?)
}

fn path(value: &Value) -> Path {
    let siblings = value["siblings"].as_array().unwrap().iter();
    Path {
        index: value["index"].as_str().unwrap().parse().unwrap(),
        siblings: siblings
            .map(|pair| [0, 1].map(|i| fr(pair[i].as_str().unwrap())))
            .collect(),
    }
}
