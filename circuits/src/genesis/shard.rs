//! One shard at genesis: who submits for it, and what it starts from.

use super::{GenesisError, OperatorKey, Size, TRANSFER};
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

/// A shard as the file has it: accounts, or else a program with body and supply.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    operator: OperatorKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    program: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accounts: Option<Vec<GenesisAccount>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Element>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    supply: Option<u128>,
}

impl GenesisShard {
    /// The shard's first leaf, when its program's key has the digest `program`.
    pub fn leaf(&self, program: Fr) -> Result<Leaf, GenesisError> {
        Ok(Leaf::genesis(
            program,
            self.start.body()?,
            self.start.supply(),
        ))
    }

    pub(super) fn check(&self, shard: usize) -> Result<(), GenesisError> {
        let accounts = self.start.accounts().len();
        if accounts as u64 > Size::DEPLOYED.capacity() {
            return Err(GenesisError::Accounts { shard, accounts });
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
            Self::Program(start) => &start.program,
        }
    }

    /// The accounts of `transfer`; none of another program, whose state the genesis does not know.
    pub fn accounts(&self) -> &[GenesisAccount] {
        match self {
            Self::Accounts(accounts) => accounts,
            Self::Program(_) => &[],
        }
    }

    /// Sum of the balances, below 2^96 because the accounts are fewer than 2^32; or what the file says.
    pub fn supply(&self) -> u128 {
        let balance = |account: &GenesisAccount| u128::from(account.balance);
        match self {
            Self::Accounts(accounts) => accounts.iter().map(balance).sum(),
            Self::Program(start) => start.supply,
        }
    }

    /// Digest of the first body.
    fn body(&self) -> Result<Fr, GenesisError> {
        match self {
            Self::Accounts(accounts) => Ok(transfer::body(state(accounts)?.root()).digest()),
            Self::Program(start) => Ok(start.body),
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
        let (program, accounts, body, supply) = match shard.start {
            Start::Accounts(accounts) => (None, Some(accounts), None, None),
            Start::Program(ProgramStart {
                program,
                body,
                supply,
            }) => (Some(program), None, Some(Element(body)), Some(supply)),
        };
        Self {
            operator: shard.operator,
            program,
            accounts,
            body,
            supply,
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
            body,
            supply,
        } = written;
        let program = program.unwrap_or_else(|| TRANSFER.into());
        let start = match (accounts, body, supply) {
            (Some(accounts), None, None) if program == TRANSFER => Start::Accounts(accounts),
            (None, Some(Element(body)), Some(supply)) if program != TRANSFER => {
                Start::Program(ProgramStart {
                    program,
                    body,
                    supply,
                })
            }
            _ if program == TRANSFER => {
                return Err(format!(
                    "a shard of {TRANSFER} has accounts, and no body or supply"
                ));
            }
            _ => {
                return Err(format!(
                    "a shard of {program} has body and supply, and no accounts"
                ));
            }
        };
        Ok(Self { operator, start })
    }
}
