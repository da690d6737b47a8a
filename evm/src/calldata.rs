//! Calldata for the contracts: what Solidity's ABI makes of an update or a receipt.

use ark_ff::{BigInteger, PrimeField};
use thiserror::Error;
use trifold_verifier::Fr;
use trifold_verifier::claim::{AccountClaim, ShardClaim};
use trifold_verifier::client::{Network, Update};
use trifold_verifier::groth16::Proof;
use trifold_verifier::receipt::{PastState, Receipt};
use trifold_verifier::refusal;
use trifold_verifier::statement::{Account, Body, GlobalState, Leaf};
use trifold_verifier::trie::Path;

use crate::abi::{Value, encode};

/// A function of the contracts that takes an update or a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    pub name: &'static str,
    /// The contract that has it.
    pub contract: &'static str,
    selector: [u8; 4],
}

impl Function {
    /// First bytes of the hash of its signature.
    pub fn selector(&self) -> [u8; 4] {
        self.selector
    }
}

const CLIENT: &str = "TrifoldLightClient";
const RECEIPTS: &str = "TrifoldReceipts";

/// Holds a newer state.
pub const ADVANCE: Function = Function {
    name: "advance",
    contract: CLIENT,
    selector: [0x4b, 0xf9, 0xa8, 0x27],
};
/// Checks a state's proof.
pub const VERIFY: Function = Function {
    name: "verify",
    contract: CLIENT,
    selector: [0x99, 0xe3, 0xb8, 0x4e],
};
/// Checks a shard under the state held.
pub const VERIFY_LEAF: Function = Function {
    name: "verifyLeaf",
    contract: RECEIPTS,
    selector: [0xae, 0x37, 0xed, 0xbc],
};
/// Checks that the state held records an earlier one.
pub const VERIFY_PAST: Function = Function {
    name: "verifyPast",
    contract: RECEIPTS,
    selector: [0x33, 0xb6, 0x60, 0x3e],
};
/// Checks a receipt under the state held, without its proof.
pub const VERIFY_UNDER_HELD: Function = Function {
    name: "verifyUnderHeld",
    contract: RECEIPTS,
    selector: [0x72, 0x6e, 0xbc, 0x6a],
};
/// Checks a receipt by its own proof.
pub const VERIFY_RECEIPT: Function = Function {
    name: "verifyReceipt",
    contract: RECEIPTS,
    selector: [0x14, 0x03, 0x43, 0xc0],
};
/// All of them.
pub const FUNCTIONS: [Function; 6] = [
    ADVANCE,
    VERIFY,
    VERIFY_LEAF,
    VERIFY_PAST,
    VERIFY_UNDER_HELD,
    VERIFY_RECEIPT,
];

/// Why there is no calldata for a receipt.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CalldataError {
    #[error("the receipt is of another network than the contract")]
    OtherNetwork,
    #[error("the {what}'s path is to index {found}, the claim is about {expected}")]
    WrongIndex {
        what: &'static str,
        found: u64,
        expected: u64,
    },
    #[error("the receipt is about its proven state, not about an earlier one")]
    NoPast,
    #[error("the contracts don't check accounts of netted shards")]
    NettedAccount,
}

impl CalldataError {
    /// The reason, as one word of [`refusal`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherNetwork => refusal::OTHER_NETWORK,
            Self::WrongIndex { .. } => refusal::WRONG_INDEX,
            Self::NoPast | Self::NettedAccount => refusal::FORMAT,
        }
    }
}

/// For [`ADVANCE`].
pub fn advance(update: &Update) -> Vec<u8> {
    call(ADVANCE, &[state(&update.state), proof(&update.proof)])
}

/// For [`VERIFY`].
pub fn verify(update: &Update) -> Vec<u8> {
    call(VERIFY, &[state(&update.state), proof(&update.proof)])
}

/// For [`VERIFY_LEAF`]: the receipt's shard, under whatever state is held.
pub fn verify_leaf(network: &Network, receipt: &Receipt) -> Result<Vec<u8>, CalldataError> {
    check_network(network, receipt)?;
    Ok(call(VERIFY_LEAF, &[shard(&receipt.shard)?]))
}

/// For [`VERIFY_PAST`]: the receipt's past state, under whatever state is held.
pub fn verify_past(network: &Network, receipt: &Receipt) -> Result<Vec<u8>, CalldataError> {
    check_network(network, receipt)?;
    let earlier = receipt.past.as_ref().ok_or(CalldataError::NoPast)?;
    Ok(call(
        VERIFY_PAST,
        &[past(earlier, receipt.update.state.epoch)?],
    ))
}

/// For [`VERIFY_UNDER_HELD`]: the receipt is accepted if the state that is held is the one it was proven under.
pub fn verify_under_held(network: &Network, receipt: &Receipt) -> Result<Vec<u8>, CalldataError> {
    check_network(network, receipt)?;
    Ok(call(VERIFY_UNDER_HELD, &claims(receipt)?))
}

/// For [`VERIFY_RECEIPT`].
pub fn verify_receipt(network: &Network, receipt: &Receipt) -> Result<Vec<u8>, CalldataError> {
    check_network(network, receipt)?;
    let update = [state(&receipt.update.state), proof(&receipt.update.proof)];
    let fields = update.into_iter().chain(claims(receipt)?).collect();
    Ok(call(VERIFY_RECEIPT, &[Value::Tuple(fields)]))
}

fn check_network(network: &Network, receipt: &Receipt) -> Result<(), CalldataError> {
    match receipt.network == *network {
        true => Ok(()),
        false => Err(CalldataError::OtherNetwork),
    }
}

fn call(function: Function, arguments: &[Value]) -> Vec<u8> {
    [&function.selector[..], &encode(arguments)].concat()
}

fn claims(receipt: &Receipt) -> Result<[Value; 3], CalldataError> {
    if receipt.netted_account.is_some() {
        return Err(CalldataError::NettedAccount);
    }
    let proven = receipt.update.state.epoch;
    let past = receipt.past.iter().map(|earlier| past(earlier, proven));
    let account = receipt.account.iter().map(account_claim);
    Ok([
        Value::List(past.collect::<Result<_, _>>()?),
        shard(&receipt.shard)?,
        Value::List(account.collect::<Result<_, _>>()?),
    ])
}

fn state(state: &GlobalState) -> Value {
    let (epoch, depth, in_flight) = (
        state.epoch.into(),
        state.depth.into(),
        state.in_flight.into(),
    );
    words([epoch, depth, state.root, state.history, in_flight])
}

/// Of an element of Fq2, the coefficient of the imaginary unit comes first.
fn proof(proof: &Proof) -> Value {
    let (a, b, c) = (proof.a(), proof.b(), proof.c());
    let b = [b.x.c1, b.x.c0, b.y.c1, b.y.c0];
    Value::Tuple(vec![words([a.x, a.y]), words(b), words([c.x, c.y])])
}

/// A state that is not before the proven one is for the contract to refuse, whatever its path.
fn past(past: &PastState, proven: u64) -> Result<Value, CalldataError> {
    let epoch = past.state.epoch;
    let index = if epoch < proven {
        epoch
    } else {
        past.path.index
    };
    let path = siblings("past state", &past.path, index)?;
    Ok(Value::Tuple(vec![state(&past.state), path]))
}

fn shard(claim: &ShardClaim) -> Result<Value, CalldataError> {
    let path = siblings("shard", &claim.path, claim.index.into())?;
    let leaf = Value::List(claim.leaf.iter().map(leaf).collect());
    Ok(Value::Tuple(vec![word(Fr::from(claim.index)), leaf, path]))
}

fn account_claim(claim: &AccountClaim) -> Result<Value, CalldataError> {
    let path = siblings("account", &claim.path, claim.index)?;
    let account = Value::List(claim.account.iter().map(account).collect());
    Ok(Value::Tuple(vec![
        body(&claim.body),
        word(Fr::from(claim.index)),
        account,
        path,
    ]))
}

fn siblings(what: &'static str, path: &Path, expected: u64) -> Result<Value, CalldataError> {
    let found = path.index;
    match found == expected {
        true => Ok(Value::List(
            path.siblings.iter().map(|pair| words(*pair)).collect(),
        )),
        false => Err(CalldataError::WrongIndex {
            what,
            found,
            expected,
        }),
    }
}

fn leaf(leaf: &Leaf) -> Value {
    words([
        leaf.program,
        leaf.body,
        leaf.lamport.into(),
        leaf.timestamp.into(),
        leaf.seen_epoch.into(),
        leaf.seen_digest,
        leaf.supply.into(),
    ])
}

fn body(body: &Body) -> Value {
    words([body.state_root, body.outbox_root, body.inbox_root])
}

fn account(account: &Account) -> Value {
    words([
        account.ax,
        account.ay,
        account.balance.into(),
        account.ordinal.into(),
    ])
}

fn words<F: PrimeField, const N: usize>(values: [F; N]) -> Value {
    Value::Tuple(values.map(word).into())
}

fn word<F: PrimeField>(value: F) -> Value {
    let bytes = value.into_bigint().to_bytes_be();
    let mut word = [0; 32];
    word[32 - bytes.len()..].copy_from_slice(&bytes);
    Value::Word(word)
}
