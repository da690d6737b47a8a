//! How epochs are formed: which snapshots may enter the next one, when it is sealed, and when it is closed.

use std::collections::{BTreeMap, BTreeSet};

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use trifold_circuits::trie::TrieError;
use trifold_verifier::statement::{GlobalState, IN_FLIGHT_BITS};

use super::epoch::{Epoch, Member, merge_levels};
use super::proofs::Proving;
use super::shards::Pending;
use super::{Action, ClosedEpoch, Planner, Time};
use crate::Digest;
use crate::wire::{Siblings, WireStep};

/// Members of an epoch that is not closed: they are fixed unless one turns out not to fit.
pub(super) struct Seal {
    pub members: BTreeMap<u32, Digest>,
    /// Members whose program is not proven.
    pub missing: usize,
    pub since: Time,
}

/// The shards whose oldest free snapshot may enter the next epoch to be sealed, kept up to date shard by shard.
#[derive(Default)]
pub(super) struct Eligible {
    /// Shards with a free snapshot, eligible or not.
    free: BTreeSet<u32>,
    since: BTreeMap<u32, Time>,
    by_time: BTreeSet<(Time, u32)>,
    /// Triads to look at again.
    touched: BTreeSet<u32>,
    /// The epoch's number and the value in flight that it was made for.
    basis: (u64, u128),
}

impl Eligible {
    /// Something about a shard's queue changed.
    pub fn touch(&mut self, shard: u32) {
        self.touched.insert(shard / 3);
    }

    pub fn count(&self) -> usize {
        self.since.len()
    }

    pub fn contains(&self, shard: u32) -> bool {
        self.since.contains_key(&shard)
    }

    pub fn shards(&self) -> impl Iterator<Item = u32> {
        self.since.keys().copied()
    }

    /// When the first of them was accepted.
    pub fn first(&self) -> Option<Time> {
        self.by_time.first().map(|(since, _)| *since)
    }

    fn remove(&mut self, shard: u32) {
        self.free.remove(&shard);
        if let Some(since) = self.since.remove(&shard) {
            self.by_time.remove(&(since, shard));
        }
    }

    fn insert(&mut self, shard: u32, since: Time) {
        self.since.insert(shard, since);
        self.by_time.insert((since, shard));
    }
}

impl Planner {
    fn may_seal(&self) -> bool {
        self.seals.len() + self.epochs.len() < self.policy.max_epochs_in_flight
    }

    /// Number of the next epoch to be sealed.
    pub(super) fn forming_epoch(&self) -> u64 {
        self.head.epoch + self.seals.len() as u64 + 1
    }

    /// Seals the next epoch if policy says so, or at once if `demanded`. True if it did.
    pub(super) fn seal(&mut self, demanded: bool, now: Time) -> bool {
        self.deadline = None;
        // An operator's demand may go beyond the window: it is bounded by what waits.
        if !demanded && !self.may_seal() {
            return false;
        }
        self.refresh_eligible();
        let Some(since) = self.eligible.first() else {
            return false;
        };
        let complete = self.policy.seal_when_complete && self.eligible.count() == self.shards.len();
        let deadline = self.policy.deadline_ms.map(|wait| since + wait);
        let late = deadline.is_some_and(|deadline| now >= deadline);
        if !(demanded || complete || late) {
            self.deadline = deadline;
            return false;
        }
        self.seal_eligible(since);
        true
    }

    fn seal_eligible(&mut self, since: Time) {
        self.seal_serial += 1;
        let mut seal = Seal {
            members: BTreeMap::new(),
            missing: 0,
            since,
        };
        for shard in self.eligible.shards().collect::<Vec<u32>>() {
            let queue = self.shards.get_mut(&shard);
            let mut free = queue.into_iter().flat_map(|queue| &mut queue.pending);
            if let Some(pending) = free.find(|pending| pending.sealed.is_none()) {
                pending.sealed = Some(self.seal_serial);
                seal.missing += usize::from(pending.proofs.program.proof.is_none());
                seal.members.insert(shard, pending.candidate.snapshot);
            }
            self.eligible.touch(shard);
        }
        self.seals.insert(self.seal_serial, seal);
    }

    /// Looks again at the triads where something changed, or at all that have a free snapshot if that is what changed.
    pub(super) fn refresh_eligible(&mut self) {
        let basis = (self.forming_epoch(), self.head.in_flight);
        let mut triads = std::mem::take(&mut self.eligible.touched);
        if std::mem::replace(&mut self.eligible.basis, basis) != basis {
            triads.extend(self.eligible.free.iter().map(|shard| shard / 3));
        }
        triads.into_iter().for_each(|triad| self.refresh(triad));
    }

    /// The proofs of a triad verify under one key, so an epoch takes shards of one program there: of the one that has
    /// waited longest.
    fn refresh(&mut self, triad: u32) {
        let mut fitting: Vec<(Time, u32, Fr)> = Vec::new();
        for shard in 3 * triad..3 * triad + 3 {
            self.eligible.remove(shard);
            let queue = self.shards.get(&shard);
            let Some(front) = queue.and_then(|queue| queue.first_free()) else {
                continue;
            };
            self.eligible.free.insert(shard);
            let step = &front.candidate.step;
            let (epoch, in_flight) = self.eligible.basis;
            if in_history(step, epoch) && step.received <= in_flight {
                fitting.push((front.accepted_at, shard, step.new.program));
            }
        }
        let oldest = fitting
            .iter()
            .min_by_key(|(since, shard, _)| (*since, *shard));
        let Some(program) = oldest.map(|(_, _, program)| *program) else {
            return;
        };
        for (since, shard, found) in fitting {
            if found == program {
                self.eligible.insert(shard, since);
            }
        }
    }

    /// Closes the oldest sealed epoch if the program proofs of all its members are there. True if it did.
    pub(super) fn close_next(&mut self, now: Time) -> bool {
        let Some(oldest) = self.seals.first_entry() else {
            return false;
        };
        if oldest.get().missing > 0 {
            return false;
        }
        let seal = oldest.remove();
        let members = self.fitting_of(seal.members);
        if members.is_empty() {
            return true;
        }
        match self.close(&members, now) {
            Ok(closed) => {
                let epoch = closed.epoch;
                self.actions.push(Action::Close(closed));
                self.start_merges(epoch);
            }
            // Checked above; a member that slipped through is set free rather than lost.
            Err(_) => members
                .iter()
                .for_each(|(shard, snapshot)| self.unseal(*shard, snapshot)),
        }
        true
    }

    /// The members that may enter the next epoch; others are set free for a later one.
    fn fitting_of(&mut self, seal: BTreeMap<u32, Digest>) -> BTreeMap<u32, Digest> {
        let epoch = self.head.epoch + 1;
        let mut left = self.head.in_flight;
        let mut room = ((1 << IN_FLIGHT_BITS) - 1) - left;
        let mut members = BTreeMap::new();
        for (shard, snapshot) in seal {
            let queue = self.shards.get(&shard);
            let front = queue.and_then(|queue| queue.pending.front());
            let step = front
                .filter(|front| front.candidate.snapshot == snapshot)
                .map(|front| &front.candidate.step);
            // What one member receives must be in flight before the others send.
            match step.filter(|s| in_history(s, epoch) && s.received <= left && s.sent <= room) {
                Some(step) => {
                    (left, room) = (left - step.received, room - step.sent);
                    members.insert(shard, snapshot);
                }
                None => self.unseal(shard, &snapshot),
            }
        }
        members
    }

    /// Fixes the next epoch: its members leave their queues, its states are computed.
    pub(super) fn close(
        &mut self,
        members: &BTreeMap<u32, Digest>,
        now: Time,
    ) -> Result<ClosedEpoch, TrieError> {
        let previous = self.head;
        let number = previous.epoch + 1;
        // The only thing that can run out, asked before anything changes; shards outside were refused.
        let history_path = self.history.path(previous.epoch)?;
        let capacity = self.leaves.capacity();
        let deepen = members.keys().any(|shard| u64::from(*shard) >= capacity);
        if deepen {
            self.leaves.deepen()?;
        }
        let taken = self.take_members(members, number);
        let seen_paths = self.seen_paths(&taken)?;
        let digests = taken.iter().map(|pending| {
            let shard = pending.candidate.shard;
            (u64::from(shard), pending.digest)
        });
        let touched = self.leaves.set_many(digests)?;
        self.history.set(previous.epoch, self.head_digest)?;
        let (sent, received) = flows(&taken);
        let state = GlobalState {
            epoch: number,
            depth: previous.depth + u8::from(deepen),
            root: self.leaves.root(),
            history: self.history.root(),
            in_flight: (previous.in_flight + sent).saturating_sub(received),
        };
        let programs: Vec<Member> = taken.into_iter().map(Member::from).collect();
        let epoch = Epoch {
            state,
            previous,
            deepen,
            closed_at: now,
            history_path,
            members: members
                .iter()
                .map(|(s, snapshot)| (*s, *snapshot))
                .collect(),
            transfers: programs.iter().map(|m| m.candidate.transfers).sum(),
            levels: merge_levels(&self.leaves, &touched, &programs),
            programs,
            seen_paths,
            sent,
            received,
            nest: Proving::default(),
        };
        (self.head, self.head_digest) = (state, state.digest());
        let closed = self.closed(&epoch);
        self.epochs.insert(number, epoch);
        Ok(closed)
    }

    fn closed(&self, epoch: &Epoch) -> ClosedEpoch {
        ClosedEpoch {
            epoch: epoch.state.epoch,
            members: epoch.members.clone(),
            silent: (self.shards.len() - epoch.members.len()) as u64,
            transfers: epoch.transfers,
            old_root: epoch.previous.root,
            new_root: epoch.state.root,
        }
    }

    fn take_members(&mut self, members: &BTreeMap<u32, Digest>, epoch: u64) -> Vec<Pending> {
        let take = |(shard, _): (&u32, &Digest)| self.shards.get_mut(shard)?.include(epoch);
        let taken: Vec<Pending> = members.iter().filter_map(take).collect();
        for pending in &taken {
            self.no_longer_waiting(&pending.candidate);
            self.eligible.touch(pending.candidate.shard);
        }
        taken
    }

    /// The paths that the members' merges show, under the history that the next epoch proves against.
    fn seen_paths(&self, members: &[Pending]) -> Result<BTreeMap<u64, Siblings>, TrieError> {
        let seen = members
            .iter()
            .map(|pending| pending.candidate.step.new.seen_epoch);
        let epochs: BTreeSet<u64> = seen.collect();
        let path = |epoch| Ok((epoch, self.history.path(epoch)?.into()));
        epochs.into_iter().map(path).collect()
    }

    /// Sets a snapshot and all that build on it free again.
    pub(super) fn unseal(&mut self, shard: u32, snapshot: &Digest) {
        let Some(queue) = self.shards.get_mut(&shard) else {
            return;
        };
        let Some(first) = queue.position(snapshot) else {
            return;
        };
        for pending in queue.pending.iter_mut().skip(first) {
            let sealed = pending.sealed.take();
            let Some(seal) = sealed.and_then(|serial| self.seals.get_mut(&serial)) else {
                continue;
            };
            if seal.members.remove(&shard).is_some() {
                seal.missing -= usize::from(pending.proofs.program.proof.is_none());
            }
        }
        self.seals.retain(|_, seal| !seal.members.is_empty());
        self.eligible.touch(shard);
        self.formable = true;
    }
}

impl From<Pending> for Member {
    fn from(pending: Pending) -> Self {
        let Pending {
            candidate, proofs, ..
        } = pending;
        Self { candidate, proofs }
    }
}

/// Whether what the step has seen is in the history that epoch `epoch` proves against: G_0 to G_(epoch-2).
fn in_history(step: &WireStep, epoch: u64) -> bool {
    step.new.seen_digest == Fr::ZERO || step.new.seen_epoch + 2 <= epoch
}

fn flows(members: &[Pending]) -> (u128, u128) {
    let steps = members.iter().map(|pending| &pending.candidate.step);
    steps.fold((0, 0), |(sent, received), step| {
        (sent + step.sent, received + step.received)
    })
}
