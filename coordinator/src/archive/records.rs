//! What was published and found right, and what is told of it. No IO.

use std::collections::BTreeMap;

use trifold_verifier::claim::{ClaimError, ShardClaim};
use trifold_verifier::client::{ClientError, LightClient, Network, Update};
use trifold_verifier::codec::DecodeError;
use trifold_verifier::groth16::Proof;
use trifold_verifier::json;
use trifold_verifier::receipt::{PastState, Receipt};
use trifold_verifier::statement::{GlobalState, Keys, Leaf};
use trifold_verifier::trie::Path;
use trifold_verifier::verified::VerifiedState;

use super::history::History;
use super::leaves::{Change, Leaves, Opened};
use crate::coordinator::Placed;
use crate::wire::GlobalProof;

/// Where a network starts.
#[derive(Clone)]
pub struct Origin {
    /// What its light clients know.
    pub network: Network,
    /// G_0.
    pub genesis: GlobalState,
    /// The genesis shards' leaves by index.
    pub leaves: BTreeMap<u32, Leaf>,
}

/// What is wrong with what was published: the stream is not this network's, or somebody changed it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("the genesis state is not that of its leaves, or not the network's")]
    Genesis,
    #[error("what is published for epoch {expected} is of epoch {found}")]
    Epoch { found: u64, expected: u64 },
    #[error("epoch {0} is of another network")]
    OtherNetwork(u64),
    #[error("epoch {epoch}: a depth of {depth} after one of {before}")]
    Depth { epoch: u64, depth: u8, before: u8 },
    #[error("epoch {epoch}: shard {shard} is out of order or outside the trie")]
    Shard { epoch: u64, shard: u32 },
    #[error("epoch {0}: the published leaves don't lead to the root")]
    Root(u64),
    #[error("epoch {0}: the history is not that of the states before")]
    History(u64),
    #[error("epoch {epoch}: a malformed proof: {error}")]
    Malformed { epoch: u64, error: DecodeError },
    #[error(transparent)]
    Proof(#[from] ClientError),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    #[error("epoch {epoch} is not published; the newest is {newest}")]
    Epoch { epoch: u64, newest: u64 },
    #[error("no epoch is published yet")]
    NoEpoch,
    #[error("epoch 0 is genesis: it needs no proof and has none")]
    Genesis,
    #[error("epoch {under} is not after epoch {epoch}, so its history does not hold it")]
    NotAfter { epoch: u64, under: u64 },
    #[error(
        "the leaf of shard {shard} at epoch {epoch} was published as a digest only, before leaves were published whole"
    )]
    DigestOnly { shard: u32, epoch: u64 },
    #[error("what is recorded of epoch {epoch} does not verify: {error}")]
    Broken { epoch: u64, error: ClaimError },
}

impl Missing {
    /// A short stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Missing::Epoch { .. } => "no_such_epoch",
            Missing::NoEpoch => "no_epoch",
            Missing::Genesis => "no_proof",
            Missing::NotAfter { .. } => "not_after",
            Missing::DigestOnly { .. } => "digest_only",
            Missing::Broken { .. } => "broken",
        }
    }
}

/// An epoch that was found right and is not taken in yet.
pub struct Checked {
    epoch: Epoch,
    change: Change,
}

struct Epoch {
    verified: VerifiedState,
    /// `None`: genesis.
    proof: Option<Proof>,
}

impl Epoch {
    fn state(&self) -> &GlobalState {
        self.verified.state()
    }
}

/// All epochs that were published and found right.
pub struct Records {
    /// At genesis: it verifies, and never moves.
    client: LightClient,
    epochs: Vec<Epoch>,
    leaves: Leaves,
    /// The digests of all states.
    history: History,
}

impl Records {
    /// Genesis alone.
    ///
    /// # Errors
    /// [`Fault::Genesis`]
    pub fn new(origin: &Origin) -> Result<Self, Fault> {
        let (state, places) = (origin.genesis, 3u64.pow(origin.genesis.depth.into()));
        let client = LightClient::from_genesis(origin.network, state)?;
        let mut leaves = Leaves::new();
        if origin
            .leaves
            .keys()
            .any(|shard| u64::from(*shard) >= places)
        {
            return Err(Fault::Genesis);
        }
        let placed = origin.leaves.iter();
        let placed = placed.map(|(shard, leaf)| (*shard, leaf.digest(), Some(*leaf)));
        let change = leaves.change(0, 0, state.depth, placed);
        if change.root != state.root {
            return Err(Fault::Genesis);
        }
        leaves.take(change);
        let mut history = History::new();
        history.push(state.digest());
        let genesis = Epoch {
            verified: *client.held(),
            proof: None,
        };
        Ok(Self {
            client,
            epochs: vec![genesis],
            leaves,
            history,
        })
    }

    /// What a light client of the network knows.
    pub fn network(&self) -> &Network {
        self.client.network()
    }

    /// The newest epoch; 0 is genesis.
    pub fn newest(&self) -> u64 {
        self.epochs.len() as u64 - 1
    }

    /// Number of versions kept of leaves and of the trie's nodes.
    pub fn versions(&self) -> (usize, usize) {
        self.leaves.versions()
    }

    /// Checks the next epoch: that it goes on where the one before ended, that the leaves lead to its root, that its history is
    /// that of the states before, and that its proof holds.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, published: &GlobalProof, members: &[Placed]) -> Result<Checked, Fault> {
        let (state, expected) = (GlobalState::from(published.state), self.newest() + 1);
        let epoch = state.epoch;
        if epoch != expected {
            return Err(Fault::Epoch {
                found: epoch,
                expected,
            });
        }
        let network = self.network();
        if Keys::from(published.keys) != network.keys || published.genesis != network.genesis {
            return Err(Fault::OtherNetwork(epoch));
        }
        let change = self.check_leaves(&state, members)?;
        if self.history.root(epoch) != state.history {
            return Err(Fault::History(epoch));
        }
        let proof = Proof::from_bytes(&published.proof.0);
        let proof = proof.map_err(|error| Fault::Malformed { epoch, error })?;
        let epoch = Epoch {
            verified: self.client.verify(&Update { state, proof })?,
            proof: Some(proof),
        };
        Ok(Checked { epoch, change })
    }

    fn check_leaves(&self, state: &GlobalState, members: &[Placed]) -> Result<Change, Fault> {
        let (epoch, depth) = (state.epoch, state.depth);
        state.check_ranges().map_err(ClientError::Range)?;
        let before = self.last().state().depth;
        if depth != before && depth != before + 1 {
            return Err(Fault::Depth {
                epoch,
                depth,
                before,
            });
        }
        let places = 3u64.pow(depth.into());
        let mut next = 0;
        for member in members {
            let shard = member.shard;
            if u64::from(shard) < next || u64::from(shard) >= places {
                return Err(Fault::Shard { epoch, shard });
            }
            next = u64::from(shard) + 1;
        }
        let placed = members.iter();
        let placed = placed.map(|member| (member.shard, member.digest, member.leaf));
        // An epoch is below 3^20, which the ranges say.
        let change = self.leaves.change(epoch as u32, before, depth, placed);
        match change.root == state.root {
            true => Ok(change),
            false => Err(Fault::Root(epoch)),
        }
    }

    /// Takes in the epoch that was checked last.
    pub fn take(&mut self, checked: Checked) {
        self.history.push(checked.epoch.state().digest());
        self.leaves.take(checked.change);
        self.epochs.push(checked.epoch);
    }

    fn last(&self) -> &Epoch {
        // Genesis is always there.
        &self.epochs[self.epochs.len() - 1]
    }

    fn epoch(&self, epoch: u64) -> Result<&Epoch, Missing> {
        let newest = self.newest();
        let found = usize::try_from(epoch).ok();
        let found = found.and_then(|epoch| self.epochs.get(epoch));
        found.ok_or(Missing::Epoch { epoch, newest })
    }

    fn update(&self, epoch: u64) -> Result<Update, Missing> {
        let found = self.epoch(epoch)?;
        let state = *found.state();
        match found.proof {
            Some(proof) => Ok(Update { state, proof }),
            None => Err(Missing::Genesis),
        }
    }

    /// The global proof of an epoch with all that checking it takes.
    ///
    /// # Errors
    /// The epoch is not published, or is genesis.
    pub fn bundle(&self, epoch: u64) -> Result<json::GlobalProof, Missing> {
        let update = self.update(epoch)?;
        let network = *self.network();
        Ok(json::GlobalProof { network, update })
    }

    /// That epoch `to` descends from epoch `from`.
    ///
    /// # Errors
    /// One of them is not published, or `to` is not after `from`.
    pub fn descent(&self, from: u64, to: u64) -> Result<PastState, Missing> {
        self.epoch(to)?;
        let state = *self.epoch(from)?.state();
        if from >= to {
            let (epoch, under) = (from, to);
            return Err(Missing::NotAfter { epoch, under });
        }
        let path = self.history.path(from, to);
        Ok(PastState { state, path })
    }

    /// What shard `index` was at `epoch`, or that there was none, under the proof of epoch `under`. It was verified as a light
    /// client does.
    ///
    /// # Errors
    /// An epoch is not published or the wrong one to be under, or the leaf is not known.
    pub fn receipt(&self, epoch: u64, index: u32, under: u64) -> Result<Receipt, Missing> {
        let past = match epoch == under {
            true => None,
            false => Some(self.descent(epoch, under)?),
        };
        let receipt = Receipt {
            network: *self.network(),
            update: self.update(under)?,
            past,
            shard: self.claim(epoch, index)?,
            account: None,
            netted_account: None,
        };
        match self.verify(&receipt) {
            Ok(()) => Ok(receipt),
            Err(error) => Err(Missing::Broken { epoch, error }),
        }
    }

    fn claim(&self, epoch: u64, index: u32) -> Result<ShardClaim, Missing> {
        let depth = self.epoch(epoch)?.state().depth;
        let has_place = u64::from(index) < 3u64.pow(depth.into());
        let nowhere = || Path {
            index: index.into(),
            siblings: Vec::new(),
        };
        let leaf = match self.leaves.leaf(index, epoch) {
            Some(Opened::Leaf(leaf)) => Some(*leaf),
            Some(Opened::DigestOnly) => {
                let shard = index;
                return Err(Missing::DigestOnly { shard, epoch });
            }
            None => None,
        };
        let path = match has_place {
            true => self.leaves.path(index, epoch, depth),
            false => nowhere(),
        };
        Ok(ShardClaim { index, leaf, path })
    }

    /// The paths of a receipt; its proof was verified when it was taken in.
    fn verify(&self, receipt: &Receipt) -> Result<(), ClaimError> {
        // The receipt was made under this epoch.
        let proven = &self.epochs[receipt.update.state.epoch as usize].verified;
        let state = match &receipt.past {
            Some(past) => proven.verify_past_state(&past.state, &past.path)?,
            None => *proven,
        };
        state.verify_shard(&receipt.shard).map(drop)
    }
}
