//! What was verified. Only verification makes these, so whoever holds one need not ask how it came about.

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;

use crate::claim::{
    AccountClaim, ClaimError, MessageClaim, NettedAccountClaim, Presence, ShardClaim,
};
use crate::netted;
use crate::statement::{
    Account, Body, CHANNEL_DEPTH, GlobalState, HISTORY_DEPTH, Leaf, MAX_DEPTH, Message,
    NestStatement,
};
use crate::trie::{self, MAX_LEVELS, Path, TrieError};

/// A global state that descends from genesis through valid epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedState {
    pub(crate) state: GlobalState,
    /// Keys and genesis say of which network.
    pub(crate) statement: NestStatement,
}

impl VerifiedState {
    pub fn state(&self) -> &GlobalState {
        &self.state
    }

    pub fn epoch(&self) -> u64 {
        self.state.epoch
    }

    /// Digest of the keys that the proof was checked under, and of genesis.
    pub fn network(&self) -> (Fr, Fr) {
        (self.statement.keys, self.statement.genesis)
    }

    /// What this state records for a shard.
    ///
    /// A trie of D levels has 3^D places. A shard beyond them is absent from this state without any path.
    pub fn verify_shard(&self, claim: &ShardClaim) -> Result<Presence<VerifiedShard>, ClaimError> {
        let refused = ClaimError::path("shard");
        let index = claim.index;
        claim.path.leads_to(index.into()).map_err(&refused)?;
        let levels = usize::from(self.state.depth);
        if u64::from(index) >= 3u64.pow(self.state.depth.into()) {
            return match (claim.leaf, claim.path.siblings.len()) {
                (None, 0) => Ok(Presence::Absent),
                (None, _) => Err(ClaimError::NoPlace(index, levels)),
                (Some(_), _) => Err(refused(TrieError::IndexOutOfRange {
                    index: index.into(),
                    levels,
                })),
            };
        }
        let digest = claim.leaf.map_or(Fr::ZERO, |leaf| leaf.digest());
        let checked = claim.path.verify(digest, self.state.root, levels);
        checked.map_err(refused)?;
        Ok(Presence::from(claim.leaf).map(|leaf| VerifiedShard {
            under: *self,
            index,
            leaf,
        }))
    }

    /// An earlier state of the same network, which this one's history records. It is as proven as this one.
    pub fn verify_past_state(&self, past: &GlobalState, path: &Path) -> Result<Self, ClaimError> {
        past.check_ranges()?;
        let (epoch, held) = (past.epoch, self.epoch());
        if epoch >= held {
            return Err(ClaimError::NotPast { epoch, held });
        }
        let leads = path.leads_to(epoch);
        let checked =
            leads.and_then(|()| path.verify(past.digest(), self.state.history, HISTORY_DEPTH));
        checked.map_err(ClaimError::path("past state"))?;
        Ok(self.of_same_network(*past))
    }

    fn of_same_network(&self, state: GlobalState) -> Self {
        let global = state.digest();
        let statement = NestStatement {
            global,
            ..self.statement
        };
        Self { state, statement }
    }
}

/// How far a shard had come: its place in the order of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Events so far. A step also exceeds the largest counter that it has received.
    pub lamport: u64,
    /// 48 bits of Unix milliseconds, then 16 bits of logical counter. The shard says this time itself; what is proven is
    /// that it only advances.
    pub timestamp: u64,
    /// Epoch of the newest global state whose proof the shard had checked. With [`VerifiedShard::verify_seen`], its entry for
    /// every other shard in a vector clock.
    pub seen_epoch: u64,
    /// Digest of that state; 0 if none.
    pub seen_digest: Fr,
}

impl Clock {
    /// The part of the timestamp that is Unix time.
    pub fn unix_milliseconds(&self) -> u64 {
        self.timestamp >> 16
    }
}

/// A dense timestamp: no two steps of a network have the same, and a step that could know of another comes after it.
///
/// Within a shard timestamps only advance, a step exceeds those of the shards it received from, and the index breaks ties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    pub timestamp: u64,
    pub shard: u32,
}

/// A shard as a verified state records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedShard {
    under: VerifiedState,
    index: u32,
    leaf: Leaf,
}

impl VerifiedShard {
    /// The state that records it.
    pub fn state(&self) -> &VerifiedState {
        &self.under
    }

    pub fn index(&self) -> u32 {
        self.index
    }

    pub fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    pub fn clock(&self) -> Clock {
        let leaf = &self.leaf;
        Clock {
            lamport: leaf.lamport,
            timestamp: leaf.timestamp,
            seen_epoch: leaf.seen_epoch,
            seen_digest: leaf.seen_digest,
        }
    }

    /// When the shard's newest step was, in an order of all steps of the network.
    pub fn stamp(&self) -> Stamp {
        Stamp {
            timestamp: self.leaf.timestamp,
            shard: self.index,
        }
    }

    /// The global state that the shard had seen. It needs no path: the epoch in which the shard named it was valid only if its
    /// history recorded it. Entry j of the shard's vector clock is the `lamport` of shard j there.
    pub fn verify_seen(&self, seen: &GlobalState) -> Result<VerifiedState, ClaimError> {
        seen.check_ranges()?;
        let (epoch, digest) = (self.leaf.seen_epoch, self.leaf.seen_digest);
        match seen.epoch == epoch && seen.digest() == digest {
            true => Ok(self.under.of_same_network(*seen)),
            false => Err(ClaimError::NotSeen),
        }
    }

    fn check_body(&self, body: &Body) -> Result<(), ClaimError> {
        match body.digest() == self.leaf.body {
            true => Ok(()),
            false => Err(ClaimError::WrongBody),
        }
    }

    /// What the shard records for an account.
    pub fn verify_account(
        &self,
        claim: &AccountClaim,
    ) -> Result<Presence<VerifiedAccount>, ClaimError> {
        self.check_body(&claim.body)?;
        let refused = ClaimError::path("account");
        claim.path.leads_to(claim.index).map_err(&refused)?;
        let levels = claim.path.siblings.len();
        if !(1..=MAX_LEVELS).contains(&levels) {
            return Err(ClaimError::AccountLevels(levels));
        }
        let digest = claim.account.map_or(Fr::ZERO, |account| account.digest());
        let checked = claim.path.verify(digest, claim.body.state_root, levels);
        checked.map_err(refused)?;
        Ok(
            Presence::from(claim.account).map(|account| VerifiedAccount {
                shard: *self,
                index: claim.index,
                account,
            }),
        )
    }
}

impl VerifiedShard {
    /// What a netted shard records for an account.
    pub fn verify_netted_account(
        &self,
        claim: &NettedAccountClaim,
    ) -> Result<Presence<VerifiedNettedAccount>, ClaimError> {
        self.check_body(&claim.body)?;
        let state = netted_state(claim)?;
        if state.digest() != claim.body.state_root {
            return Err(ClaimError::WrongNettedState);
        }
        let (index, account) = (claim.index, *claim.account());
        let found = account.is_owned().then_some(VerifiedNettedAccount {
            shard: *self,
            state,
            index,
            account,
        });
        Ok(found.into())
    }

    /// What the shard sent another. A message's index there is its number; the receiver's inbox counts those that it took.
    pub fn verify_message(&self, claim: &MessageClaim) -> Result<Presence<Message>, ClaimError> {
        self.check_body(&claim.body)?;
        let refused = ClaimError::path("channel");
        let (path, channel) = (&claim.channel_path, &claim.channel);
        path.leads_to(claim.destination.into()).map_err(&refused)?;
        let outbox = used(claim.body.outbox_root, MAX_DEPTH.into());
        let checked = path.verify(channel.digest(), outbox, MAX_DEPTH.into());
        checked.map_err(refused)?;
        let refused = ClaimError::path("message");
        claim.path.leads_to(claim.index).map_err(&refused)?;
        let digest = claim.message.map_or(Fr::ZERO, |message| message.digest());
        // A channel without messages is the empty leaf, whatever trie it is said to have.
        let messages = match channel.count {
            0 => trie::empty_digest(CHANNEL_DEPTH),
            _ => channel.messages,
        };
        let checked = claim.path.verify(digest, messages, CHANNEL_DEPTH);
        checked.map_err(refused)?;
        Ok(Presence::from(claim.message))
    }
}

/// The state that a claim's path leads to.
fn netted_state(claim: &NettedAccountClaim) -> Result<netted::State, ClaimError> {
    let depth = claim.depth;
    let levels = match depth {
        1..=netted::MAX_DEPTH => usize::from(depth) - 1,
        _ => return Err(ClaimError::NettedDepth(depth)),
    };
    let root = claim.path.leads_to((claim.index / 3).into());
    let root = root.and_then(|()| claim.path.root(netted::triad_digest(&claim.triad), levels));
    Ok(netted::State {
        network: claim.network,
        keys: claim.keys,
        depth,
        accounts: root.map_err(ClaimError::path("account"))?,
    })
}

/// The root of an outbox; one that was never used is recorded as 0.
fn used(recorded: Fr, levels: usize) -> Fr {
    match recorded == Fr::ZERO {
        true => trie::empty_digest(levels),
        false => recorded,
    }
}

/// An account as a verified shard records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedAccount {
    shard: VerifiedShard,
    index: u64,
    account: Account,
}

impl VerifiedAccount {
    /// The shard that keeps it.
    pub fn shard(&self) -> &VerifiedShard {
        &self.shard
    }

    pub fn index(&self) -> u64 {
        self.index
    }

    pub fn account(&self) -> &Account {
        &self.account
    }
}

/// An account as a verified netted shard records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedNettedAccount {
    shard: VerifiedShard,
    state: netted::State,
    index: u32,
    account: netted::Account,
}

impl VerifiedNettedAccount {
    /// The shard that keeps it.
    pub fn shard(&self) -> &VerifiedShard {
        &self.shard
    }

    /// What the shard's state root says: of which network, under which keys, and the root over all accounts.
    pub fn state(&self) -> &netted::State {
        &self.state
    }

    pub fn index(&self) -> u32 {
        self.index
    }

    pub fn account(&self) -> &netted::Account {
        &self.account
    }
}
