//! One shard at genesis: who submits for it, and what it starts from.

use super::{GenesisError, NETTED, Netted, NettedStart, OperatorKey, Size, TRANSFER};
use crate::field::Element;
use crate::schnorr::PublicKey;
use crate::transfer;
use crate::trie::SparseTrie;
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use trifold_verifier::statement::{Leaf, SUPPLY_BITS};

/// One shard at genesis.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct GenesisShard {
    /// Who may submit the shard's snapshots.
    pub operator: OperatorKey,
    pub start: Start,
}

/// What a shard starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Accounts of `transfer`, in order of their position in the state trie.
    Accounts(Vec<GenesisAccount>),
    /// Accounts of `netted`.
    Netted(NettedStart),
    /// The body of another program.
    Program(ProgramStart),
}

/// What a shard of a program that is not ours starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramStart {
    /// As the genesis lists it.
    pub program: String,
    /// Digest of the shard's first body.
    pub body: Fr,
    /// Value that the shard holds, below 2^96.
    pub supply: u128,
}

/// One account at genesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisAccount {
    pub key: PublicKey,
    pub balance: u64,
}

/// A shard as the file has it: accounts, those of `netted` with the depth of their trie and the collector, or else a program
/// with body and supply.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    operator: OperatorKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    program: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accounts: Option<Vec<GenesisAccount>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    depth: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    collector: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Element>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    supply: Option<u128>,
}

impl GenesisShard {
    /// The shard's first leaf, when its program's key has the digest `program`.
    pub(super) fn leaf(&self, program: Fr, netted: Option<&Netted>) -> Result<Leaf, GenesisError> {
        let body = match (&self.start, netted) {
            (Start::Accounts(accounts), _) => transfer::body(state(accounts)?.root()).digest(),
            (Start::Netted(start), Some(netted)) => start.body(netted)?,
            (Start::Netted(_), None) => return Err(GenesisError::PartKeys),
            (Start::Program(start), _) => start.body,
        };
        Ok(Leaf::genesis(program, body, self.start.supply()))
    }

    pub(super) fn check(&self, shard: usize) -> Result<(), GenesisError> {
        match &self.start {
            Start::Netted(start) => start.check(shard)?,
            start => {
                let accounts = start.accounts().len();
                if accounts as u64 > Size::DEPLOYED.capacity() {
                    return Err(GenesisError::Accounts { shard, accounts });
                }
            }
        }
        match self.start.supply() {
            supply if supply >> SUPPLY_BITS != 0 => Err(GenesisError::Supply { shard, supply }),
            _ => Ok(()),
        }
    }
}

impl Start {
    /// Name of the shard's program.
    pub fn program(&self) -> &str {
        match self {
            Self::Accounts(_) => TRANSFER,
            Self::Netted(_) => NETTED,
            Self::Program(start) => &start.program,
        }
    }

    /// The accounts of one of our programs; none of another, whose state the genesis does not know.
    pub fn accounts(&self) -> &[GenesisAccount] {
        match self {
            Self::Accounts(accounts) | Self::Netted(NettedStart { accounts, .. }) => accounts,
            Self::Program(_) => &[],
        }
    }

    /// Sum of the balances, below 2^96 because the accounts are fewer than 2^32; or what the file says.
    pub fn supply(&self) -> u128 {
        let balance = |account: &GenesisAccount| u128::from(account.balance);
        match self {
            Self::Program(start) => start.supply,
            start => start.accounts().iter().map(balance).sum(),
        }
    }
}

/// The state trie over accounts of `transfer`.
fn state(accounts: &[GenesisAccount]) -> Result<SparseTrie, GenesisError> {
    let mut trie = SparseTrie::new(Size::DEPLOYED.depth)?;
    for (index, account) in (0..).zip(accounts) {
        let key = account.key.coordinates();
        trie.set(index, transfer::account(key, account.balance, 0))?;
    }
    Ok(trie)
}

impl From<GenesisShard> for Written {
    fn from(shard: GenesisShard) -> Self {
        let empty = Self {
            operator: shard.operator,
            program: None,
            accounts: None,
            depth: None,
            collector: None,
            body: None,
            supply: None,
        };
        match shard.start {
            Start::Accounts(accounts) => Self {
                accounts: Some(accounts),
                ..empty
            },
            Start::Netted(start) => Self {
                program: Some(NETTED.into()),
                accounts: Some(start.accounts),
                depth: Some(start.depth),
                collector: Some(start.collector),
                ..empty
            },
            Start::Program(start) => Self {
                program: Some(start.program),
                body: Some(Element(start.body)),
                supply: Some(start.supply),
                ..empty
            },
        }
    }
}

impl TryFrom<Written> for GenesisShard {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written {
            operator,
            program,
            accounts,
            depth,
            collector,
            body,
            supply,
        } = written;
        let program = program.unwrap_or_else(|| TRANSFER.into());
        let written = (accounts, depth.zip(collector), body.zip(supply));
        let odd = depth.is_some() != collector.is_some() || body.is_some() != supply.is_some();
        let start = match (program.as_str(), written) {
            _ if odd => None,
            (TRANSFER, (Some(accounts), None, None)) => Some(Start::Accounts(accounts)),
            (NETTED, (Some(accounts), Some((depth, collector)), None)) => {
                Some(Start::Netted(NettedStart {
                    accounts,
                    depth,
                    collector,
                }))
            }
            (TRANSFER | NETTED, _) => None,
            (_, (None, None, Some((Element(body), supply)))) => {
                let program = program.clone();
                Some(Start::Program(ProgramStart {
                    program,
                    body,
                    supply,
                }))
            }
            _ => None,
        };
        let start = start.ok_or_else(|| match program.as_str() {
            TRANSFER => format!("a shard of {TRANSFER} has accounts, and nothing else"),
            NETTED => {
                format!("a shard of {NETTED} has accounts, depth and collector, and nothing else")
            }
            program => format!("a shard of {program} has body and supply, and nothing else"),
        })?;
        Ok(Self { operator, start })
    }
}
