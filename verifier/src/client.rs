//! The light client: it holds one network's constants and the newest global state whose proof it has checked.
//!
//! A proof shows that a state descends from genesis through valid epochs. It does not show which of two valid successors
//! is canonical, that the state is the newest, or that the data behind its roots is available. Where that matters, start
//! from a pinned checkpoint, ask several sources, and demand a [`Path`] of descent from the state already held.

use ark_bn254::Fr;
use thiserror::Error;

use crate::groth16::{PreparedVerifyingKey, Proof, VerifyError, VerifyingKey};
use crate::statement::{
    Account, Body, GlobalState, HISTORY_DEPTH, Keys, Leaf, NestStatement, RangeError,
};
use crate::trie::{Path, TrieError};

/// Why an update was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ClientError {
    #[error("the genesis state is not the one of this network")]
    WrongGenesis,
    #[error(transparent)]
    Range(#[from] RangeError),
    #[error("epoch {epoch}: {error}")]
    Proof { epoch: u64, error: VerifyError },
    #[error("the state was verified for another network")]
    OtherNetwork,
    #[error("epoch {epoch} is older than epoch {held}, which is held already")]
    Stale { epoch: u64, held: u64 },
    #[error("epoch {epoch} is held already, with this very state")]
    Known { epoch: u64 },
    #[error("equivocation: two valid states of epoch {epoch} exist, and the other one is held")]
    Equivocation { epoch: u64 },
    #[error("epoch {epoch} is not shown to descend from the state held: {error}")]
    Descent { epoch: u64, error: TrieError },
    #[error("the descent path is for epoch {found}, but epoch {held} is held")]
    DescentEpoch { found: u64, held: u64 },
}

/// The constants of one network, shipped with a client.
///
/// `keys.nest` has to be the digest of `nest_key`; whoever ships the constants computes it from the real key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    pub keys: Keys,
    /// Digest of G_0.
    pub genesis: Fr,
    pub nest_key: VerifyingKey,
}

impl Network {
    /// The public input of a global proof for `state`.
    pub fn statement(&self, state: &GlobalState) -> NestStatement {
        NestStatement {
            keys: self.keys.digest(),
            genesis: self.genesis,
            global: state.digest(),
        }
    }

    /// Checks one update's proof; a [`LightClient`] does it faster from the second on.
    pub fn verify(&self, update: &Update) -> Result<VerifiedState, ClientError> {
        verify_update(self, &self.nest_key.prepare(), update)
    }
}

/// What a light client is sent: a state and the claim's proof, neither trusted yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update {
    pub state: GlobalState,
    pub proof: Proof,
}

/// A global state whose proof was checked; only a [`LightClient`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedState {
    state: GlobalState,
    statement: NestStatement,
}

impl VerifiedState {
    pub fn state(&self) -> &GlobalState {
        &self.state
    }

    /// Checks that `leaf` is what this state records for the shard at the path's index.
    pub fn check_leaf(&self, leaf: &Leaf, path: &Path) -> Result<(), TrieError> {
        path.verify(
            leaf.digest(),
            self.state.root,
            usize::from(self.state.depth),
        )
    }

    /// Checks that `earlier` is the state that this one's history records for its epoch.
    pub fn check_earlier(&self, earlier: &GlobalState, path: &Path) -> Result<(), TrieError> {
        if path.index != earlier.epoch {
            return Err(TrieError::WrongIndex {
                found: path.index,
                expected: earlier.epoch,
            });
        }
        path.verify(earlier.digest(), self.state.history, HISTORY_DEPTH)
    }

    /// Checks an account of the reference program: account under body, body in leaf, leaf under this state. The path of
    /// the account has the `levels` of its shard's trie.
    pub fn check_account(&self, receipt: &AccountReceipt, levels: usize) -> Result<(), TrieError> {
        self.check_leaf(&receipt.leaf, &receipt.leaf_path)?;
        if receipt.body.digest() != receipt.leaf.body {
            return Err(TrieError::WrongRoot);
        }
        let account = receipt.account.digest();
        receipt
            .account_path
            .verify(account, receipt.body.state_root, levels)
    }
}

/// An account and its way up to the global root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountReceipt {
    pub account: Account,
    pub account_path: Path,
    pub body: Body,
    pub leaf: Leaf,
    pub leaf_path: Path,
}

/// Follows one network from state to state.
#[derive(Clone, Debug)]
pub struct LightClient {
    network: Network,
    nest_key: PreparedVerifyingKey,
    held: VerifiedState,
}

impl LightClient {
    /// Starts at genesis, which needs no proof: its digest is a constant of the network.
    pub fn from_genesis(network: Network, genesis: GlobalState) -> Result<Self, ClientError> {
        if genesis.digest() != network.genesis || genesis.epoch != 0 {
            return Err(ClientError::WrongGenesis);
        }
        genesis.check_ranges()?;
        let nest_key = network.nest_key.prepare();
        Ok(Self {
            network,
            nest_key,
            held: VerifiedState {
                state: genesis,
                statement: network.statement(&genesis),
            },
        })
    }

    /// Starts at a state that the user pins, after checking its proof.
    pub fn from_checkpoint(network: Network, checkpoint: &Update) -> Result<Self, ClientError> {
        let nest_key = network.nest_key.prepare();
        let held = verify_update(&network, &nest_key, checkpoint)?;
        Ok(Self {
            network,
            nest_key,
            held,
        })
    }

    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The newest state accepted so far.
    pub fn held(&self) -> &VerifiedState {
        &self.held
    }

    /// Checks an update's proof; changes nothing, and says nothing about the state held.
    pub fn verify(&self, update: &Update) -> Result<VerifiedState, ClientError> {
        verify_update(&self.network, &self.nest_key, update)
    }

    /// Checks that the history of `next` records the state held, so that `next` is no fork of it.
    pub fn check_descent(&self, next: &VerifiedState, path: &Path) -> Result<(), ClientError> {
        self.check_network(next)?;
        let (held, epoch) = (self.held.state(), next.state().epoch);
        if path.index != held.epoch {
            return Err(ClientError::DescentEpoch {
                found: path.index,
                held: held.epoch,
            });
        }
        let checked = next.check_earlier(held, path);
        checked.map_err(|error| ClientError::Descent { epoch, error })
    }

    /// Moves on to a verified state of a later epoch.
    pub fn advance(&mut self, next: VerifiedState) -> Result<(), ClientError> {
        self.check_network(&next)?;
        let (epoch, held) = (next.state().epoch, self.held.state().epoch);
        if epoch > held {
            self.held = next;
            return Ok(());
        }
        Err(match next == self.held {
            true => ClientError::Known { epoch },
            false if epoch == held => ClientError::Equivocation { epoch },
            false => ClientError::Stale { epoch, held },
        })
    }

    fn check_network(&self, next: &VerifiedState) -> Result<(), ClientError> {
        let of = |verified: &VerifiedState| (verified.statement.keys, verified.statement.genesis);
        if of(next) == of(&self.held) {
            Ok(())
        } else {
            Err(ClientError::OtherNetwork)
        }
    }
}

fn verify_update(
    network: &Network,
    nest_key: &PreparedVerifyingKey,
    update: &Update,
) -> Result<VerifiedState, ClientError> {
    let state = update.state;
    state.check_ranges()?;
    let statement = network.statement(&state);
    let checked = nest_key.verify(statement.digest(), &update.proof);
    checked.map_err(|error| ClientError::Proof {
        epoch: state.epoch,
        error,
    })?;
    Ok(VerifiedState { state, statement })
}
