//! The light client: it holds one network's constants and the newest global state whose proof it has checked.
//!
//! A proof shows that a state descends from genesis through valid epochs. It does not show which of two valid successors
//! is canonical, that the state is the newest, or that the data behind its roots is available. Where that matters, start
//! from a pinned checkpoint, ask several sources, and demand a [`Path`] of descent from the state already held.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroU128;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use ark_bn254::Fr;
use once_cell::race::OnceBox;
use thiserror::Error;

use crate::claim::{
    AccountClaim, ClaimError, MessageClaim, NettedAccountClaim, Presence, ShardClaim,
};
use crate::groth16::{BatchItem, PreparedVerifyingKey, Proof, VerifyError, VerifyingKey};
use crate::receipt::{Receipt, ReceiptError, VerifiedReceipt};
use crate::refusal;
use crate::statement::{GlobalState, Keys, Message, NestStatement, RangeError};
use crate::trie::Path;
use crate::verified::{
    Clock, VerifiedAccount, VerifiedNettedAccount, VerifiedShard, VerifiedState,
};

/// Why an update was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ClientError {
    #[error("the genesis state is not the one of this network")]
    WrongGenesis,
    #[error(transparent)]
    Range(#[from] RangeError),
    #[error("epoch {epoch}: {error}")]
    Proof { epoch: u64, error: VerifyError },
    #[error("the state is of another network")]
    OtherNetwork,
    #[error("epoch {epoch} is older than epoch {held}, which is held already")]
    Stale { epoch: u64, held: u64 },
    #[error("epoch {epoch} is held already, with this very state")]
    Known { epoch: u64 },
    #[error("equivocation: two valid states of epoch {epoch} exist, and the other one is held")]
    Equivocation { epoch: u64 },
    #[error("epoch {epoch} is not shown to descend from the state held: {error}")]
    Descent { epoch: u64, error: ClaimError },
}

impl ClientError {
    /// The reason, as one word of [`refusal`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::WrongGenesis | Self::OtherNetwork => refusal::OTHER_NETWORK,
            Self::Range(error) => error.code(),
            Self::Proof { error, .. } => error.code(),
            Self::Stale { .. } => refusal::STALE,
            Self::Known { .. } => refusal::KNOWN,
            Self::Equivocation { .. } => refusal::EQUIVOCATION,
            Self::Descent { error, .. } => error.code(),
        }
    }
}

/// The first update of a batch that was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("update {index} of the batch: {error}")]
pub struct BatchError {
    /// Position in the batch.
    pub index: usize,
    pub error: ClientError,
}

impl BatchError {
    /// The reason, as one word of [`refusal`].
    pub fn code(&self) -> &'static str {
        self.error.code()
    }
}

/// The constants of one network, shipped with a client.
///
/// `keys.nest` has to be the digest of `nest_key`, which this crate can't compute (it is what a circuit reads of a key). So trust
/// a network as a whole, by its bytes: with a `nest_key` from elsewhere, equal `keys` say nothing.
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

    /// Checks one update's proof; a [`LightClient`] does it faster from the third on.
    pub fn verify(&self, update: &Update) -> Result<VerifiedState, ClientError> {
        Verifier::new(*self).verify(update)
    }
}

/// What a light client is sent: a state and the claim's proof, neither trusted yet.
///
/// A proof is not unique: anyone can make another valid proof of the same statement out of it (`(-A, -B, C)` is one). So two updates
/// say the same when their states are equal, whatever their proofs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update {
    pub state: GlobalState,
    pub proof: Proof,
}

/// Follows one network from state to state.
#[derive(Clone, Debug)]
pub struct LightClient {
    verifier: Verifier,
    held: VerifiedState,
}

impl LightClient {
    /// Starts at genesis, which needs no proof: its digest is a constant of the network.
    pub fn from_genesis(network: Network, genesis: GlobalState) -> Result<Self, ClientError> {
        if genesis.digest() != network.genesis || genesis.epoch != 0 {
            return Err(ClientError::WrongGenesis);
        }
        genesis.check_ranges()?;
        Ok(Self {
            held: VerifiedState {
                state: genesis,
                statement: network.statement(&genesis),
            },
            verifier: Verifier::new(network),
        })
    }

    /// Starts at a state that the user pins, after checking its proof.
    pub fn from_checkpoint(network: Network, checkpoint: &Update) -> Result<Self, ClientError> {
        let verifier = Verifier::new(network);
        let held = verifier.verify(checkpoint)?;
        Ok(Self { verifier, held })
    }

    pub fn network(&self) -> &Network {
        &self.verifier.network
    }

    /// The newest state accepted so far.
    pub fn held(&self) -> &VerifiedState {
        &self.held
    }

    /// Checks an update's proof; changes nothing, and says nothing about the state held.
    pub fn verify(&self, update: &Update) -> Result<VerifiedState, ClientError> {
        self.verifier.verify(update)
    }

    /// Checks many updates for little more than one Miller loop each, and names the first that does not hold.
    ///
    /// This crate has no randomness: `coefficient` is called once for each update and has to answer from a cryptographic
    /// generator, out of the reach of whoever made the updates. Who can guess the answers can make a false batch pass.
    pub fn verify_batch(
        &self,
        updates: &[Update],
        coefficient: impl FnMut() -> NonZeroU128,
    ) -> Result<Vec<VerifiedState>, BatchError> {
        self.verifier.verify_batch(updates, coefficient)
    }

    /// Checks a receipt under this client's network, and that it knows no other state of the epoch held.
    ///
    /// A receipt of an epoch before the one held may be of a fork that the state held does not descend from; its
    /// history tells ([`Receipt::under_newer`]).
    pub fn verify_receipt(&self, receipt: &Receipt) -> Result<VerifiedReceipt, ReceiptError> {
        if receipt.network != self.verifier.network {
            return Err(ReceiptError::OtherNetwork);
        }
        let verified = receipt.verify_claims(self.verify(&receipt.update)?)?;
        self.check_equivocation(verified.proven())?;
        self.check_equivocation(verified.state())?;
        Ok(verified)
    }

    /// Checks that the history of `next` records the state held, so that `next` is no fork of it.
    pub fn check_descent(&self, next: &VerifiedState, path: &Path) -> Result<(), ClientError> {
        self.check_network(next)?;
        let epoch = next.epoch();
        match next.verify_past_state(self.held.state(), path) {
            Ok(_) => Ok(()),
            Err(error) => Err(ClientError::Descent { epoch, error }),
        }
    }

    /// Moves on to a verified state of a later epoch.
    pub fn advance(&mut self, next: VerifiedState) -> Result<(), ClientError> {
        self.check_network(&next)?;
        let (epoch, held) = (next.epoch(), self.held.epoch());
        if epoch > held {
            self.held = next;
            return Ok(());
        }
        self.check_equivocation(&next)?;
        Err(match epoch == held {
            true => ClientError::Known { epoch },
            false => ClientError::Stale { epoch, held },
        })
    }

    /// What the state held records for a shard.
    pub fn verify_shard(&self, claim: &ShardClaim) -> Result<Presence<VerifiedShard>, ClaimError> {
        self.held.verify_shard(claim)
    }

    /// How far a shard had come in the state held.
    pub fn clock(&self, claim: &ShardClaim) -> Result<Presence<Clock>, ClaimError> {
        let shard = self.held.verify_shard(claim)?;
        Ok(shard.map(|shard| shard.clock()))
    }

    /// What the state held records for an account of a shard that is there.
    pub fn verify_account(
        &self,
        shard: &ShardClaim,
        account: &AccountClaim,
    ) -> Result<Presence<VerifiedAccount>, ClaimError> {
        self.shard_there(shard)?.verify_account(account)
    }

    /// What the state held records for an account of a netted shard that is there.
    pub fn verify_netted_account(
        &self,
        shard: &ShardClaim,
        account: &NettedAccountClaim,
    ) -> Result<Presence<VerifiedNettedAccount>, ClaimError> {
        self.shard_there(shard)?.verify_netted_account(account)
    }

    /// What the state held records for a message of a shard that is there.
    pub fn verify_message(
        &self,
        shard: &ShardClaim,
        message: &MessageClaim,
    ) -> Result<Presence<Message>, ClaimError> {
        self.shard_there(shard)?.verify_message(message)
    }

    fn shard_there(&self, shard: &ShardClaim) -> Result<VerifiedShard, ClaimError> {
        let found = self.held.verify_shard(shard)?.present();
        found.ok_or(ClaimError::NoShard(shard.index))
    }

    /// An earlier state, which the history of the state held records.
    pub fn verify_past_state(
        &self,
        past: &GlobalState,
        path: &Path,
    ) -> Result<VerifiedState, ClaimError> {
        self.held.verify_past_state(past, path)
    }

    fn check_network(&self, next: &VerifiedState) -> Result<(), ClientError> {
        match next.network() == self.held.network() {
            true => Ok(()),
            false => Err(ClientError::OtherNetwork),
        }
    }

    /// Checks that `other` is not a second state of the epoch held.
    fn check_equivocation(&self, other: &VerifiedState) -> Result<(), ClientError> {
        let epoch = other.epoch();
        match epoch == self.held.epoch() && *other != self.held {
            true => Err(ClientError::Equivocation { epoch }),
            false => Ok(()),
        }
    }
}

/// A network with what every verification would compute again.
#[derive(Clone, Debug)]
struct Verifier {
    network: Network,
    /// Digest of the keys.
    keys: Fr,
    nest_key: Key,
}

/// A key that is prepared once it turns out to be needed again: who checks one update, like whoever has just come, is spared that.
#[derive(Debug, Default)]
struct Key {
    used: AtomicBool,
    prepared: OnceBox<PreparedVerifyingKey>,
}

impl Clone for Key {
    fn clone(&self) -> Self {
        Self {
            used: AtomicBool::new(self.used.load(Relaxed)),
            prepared: self.prepared.clone(),
        }
    }
}

impl Verifier {
    fn new(network: Network) -> Self {
        Self {
            network,
            keys: network.keys.digest(),
            nest_key: Key::default(),
        }
    }

    fn prepared(&self) -> &PreparedVerifyingKey {
        let prepare = || Box::new(self.network.nest_key.prepare());
        self.nest_key.prepared.get_or_init(prepare)
    }

    fn verify(&self, update: &Update) -> Result<VerifiedState, ClientError> {
        let (state, statement) = (update.state, self.statement(update)?);
        let (x, proof) = (statement.digest(), &update.proof);
        let verified = match self.nest_key.used.swap(true, Relaxed) {
            false => self.network.nest_key.verify(x, proof),
            true => self.prepared().verify(x, proof),
        };
        match verified {
            Ok(()) => Ok(VerifiedState { state, statement }),
            Err(error) => Err(ClientError::Proof {
                epoch: state.epoch,
                error,
            }),
        }
    }

    fn verify_batch(
        &self,
        updates: &[Update],
        mut coefficient: impl FnMut() -> NonZeroU128,
    ) -> Result<Vec<VerifiedState>, BatchError> {
        let statements = each(updates, |update| self.statement(update))?;
        let pairs = || updates.iter().zip(&statements);
        let items = pairs().map(|(update, statement)| BatchItem {
            x: statement.digest(),
            proof: update.proof,
            coefficient: coefficient(),
        });
        let items: Vec<_> = items.collect();
        if self.prepared().verify_batch(&items).is_err() {
            return each(updates, |update| self.verify(update));
        }
        let verified = pairs().map(|(update, statement)| VerifiedState {
            state: update.state,
            statement: *statement,
        });
        Ok(verified.collect())
    }

    /// What the proof of an update has to be about.
    fn statement(&self, update: &Update) -> Result<NestStatement, ClientError> {
        update.state.check_ranges()?;
        Ok(NestStatement {
            keys: self.keys,
            genesis: self.network.genesis,
            global: update.state.digest(),
        })
    }
}

/// The answers to all updates, or the first refusal.
fn each<T>(
    updates: &[Update],
    answer: impl Fn(&Update) -> Result<T, ClientError>,
) -> Result<Vec<T>, BatchError> {
    let named = |(index, update)| answer(update).map_err(|error| BatchError { index, error });
    updates.iter().enumerate().map(named).collect()
}
