//! The plan as people see it.

use std::collections::BTreeSet;

use super::epoch::{Epoch, Level};
use super::proofs::Proving;
use super::{Place, Planner, Time};
use crate::Digest;
use crate::view::{CellState, Cells, EpochStage, EpochView, LevelView, SHOWN_HOLDERS};
use crate::wire::VERSION;

/// The name of the worker that holds a task.
type Holder<'a> = &'a dyn Fn(&Digest) -> Option<String>;

impl Planner {
    /// The epochs in work, the oldest first; the last one is forming. `held` are the tasks that live workers hold.
    pub fn epoch_views(&self, now: Time, held: &BTreeSet<Digest>) -> Vec<EpochView> {
        let forming = self.head.epoch + 1..=self.forming_epoch();
        let closed = self
            .epochs
            .values()
            .map(|epoch| self.closed_view(epoch, now));
        let forming = forming.map(|epoch| self.forming_view(epoch, now));
        let mut views: Vec<EpochView> = closed.chain(forming).collect();
        for id in held {
            self.mark(&mut views, id, |level| &mut level.proving);
        }
        for quarantined in self.quarantined().filter(|quarantined| quarantined.last) {
            self.mark(&mut views, &quarantined.task, |level| &mut level.failed);
        }
        let pace = self.pace.per_second(now);
        let mut ahead = 0;
        for view in &mut views {
            // Older epochs go first.
            ahead += view.total - view.done;
            view.eta_seconds = pace.map(|pace| ahead as f64 / pace);
        }
        views
    }

    /// Counts a queued task as something else.
    fn mark(
        &self,
        views: &mut [EpochView],
        id: &Digest,
        which: impl Fn(&mut LevelView) -> &mut u64,
    ) {
        let Some(wanted) = self.task(id).filter(|wanted| self.shows(wanted.place, id)) else {
            return;
        };
        let epoch = self.expected_epoch(wanted.place);
        let view = views.iter_mut().find(|view| view.epoch == epoch);
        let level = view.and_then(|view| {
            let nest = view.levels.len() - 1;
            view.levels.get_mut(wanted.place.level().unwrap_or(nest))
        });
        if let Some(level) = level.filter(|level| level.queued > 0) {
            level.queued -= 1;
            *which(level) += 1;
        }
    }

    /// Whether the state of this task is that of its place: of the proofs of a snapshot only one is shown.
    fn shows(&self, place: &Place, id: &Digest) -> bool {
        let snapshot = place.snapshot();
        let proofs = snapshot.and_then(|(shard, snapshot)| self.proofs_of(shard, &snapshot));
        proofs.is_none_or(|(_, proofs)| proofs.shown().task == Some(*id))
    }

    fn closed_view(&self, epoch: &Epoch, now: Time) -> EpochView {
        let members = epoch.members.len() as u64;
        let shards = self.shards.len() as u64;
        let missing = epoch
            .programs
            .iter()
            .filter(|m| m.proofs.program.proof.is_none());
        let missing = missing.count() as u64;
        let programs = LevelView {
            queued: missing,
            proven: members - missing,
            carried: shards.saturating_sub(members),
            ..LevelView::default()
        };
        let mut levels = vec![programs];
        levels.extend(epoch.levels.iter().map(merges_view));
        levels.push(nest_view(&epoch.nest));
        let stage = match (&epoch.nest.proof, epoch.top_proof()) {
            (Some(_), _) => EpochStage::Published,
            (None, Some(_)) => EpochStage::Nesting,
            (None, None) => EpochStage::Merging,
        };
        let merges: usize = epoch.levels.iter().map(|level| level.nodes.len()).sum();
        EpochView {
            epoch: epoch.state.epoch,
            stage,
            depth: epoch.state.depth,
            members,
            silent: shards.saturating_sub(members),
            transfers: epoch.transfers,
            age_ms: now.saturating_sub(epoch.closed_at),
            done: levels.iter().map(|level| level.proven).sum(),
            total: members + merges as u64 + 1,
            eta_seconds: None,
            levels,
        }
    }

    /// An epoch that is sealed, or that would be sealed now.
    fn forming_view(&self, epoch: u64, now: Time) -> EpochView {
        let sealed = self
            .seals
            .values()
            .nth((epoch - self.head.epoch - 1) as usize);
        let shards: Vec<u32> = match sealed {
            Some(seal) => seal.members.keys().copied().collect(),
            None => self.eligible.shards().collect(),
        };
        let since = sealed.map_or(self.eligible.first(), |seal| Some(seal.since));
        let members = shards.len() as u64;
        let missing = match sealed {
            Some(seal) => seal.missing as u64,
            None => self.unproven(&shards),
        };
        let silent = self.shards.len() as u64 - members;
        let programs = LevelView {
            waiting: silent,
            queued: missing,
            proven: members - missing,
            ..LevelView::default()
        };
        let mut levels = vec![programs];
        let mut changed = shards;
        for _ in 0..self.head.depth {
            changed.iter_mut().for_each(|index| *index /= 3);
            changed.dedup();
            levels.push(waiting_view(changed.len() as u64));
        }
        levels.push(waiting_view(1));
        let above: u64 = levels[1..].iter().map(|level| level.waiting).sum();
        EpochView {
            epoch,
            stage: EpochStage::Forming,
            depth: self.head.depth,
            members,
            silent,
            transfers: 0,
            age_ms: since.map_or(0, |since| now.saturating_sub(since)),
            done: members - missing,
            total: members + above,
            eta_seconds: None,
            levels,
        }
    }

    fn unproven(&self, shards: &[u32]) -> u64 {
        let free = shards
            .iter()
            .filter_map(|shard| self.shards.get(shard)?.first_free());
        free.filter(|pending| pending.proofs.program.proof.is_none())
            .count() as u64
    }

    /// Every cell of the tree of an epoch in work. `holder` names the live worker that holds a task.
    pub fn cells(&self, epoch: u64, holder: Holder<'_>) -> Option<Cells> {
        let mut picture = Picture {
            planner: self,
            holder,
            levels: Vec::new(),
            holders: Vec::new(),
        };
        let depth = match self.epochs.get(&epoch) {
            Some(plan) => picture.draw_closed(plan),
            None if (self.head.epoch + 1..=self.forming_epoch()).contains(&epoch) => {
                picture.draw_forming(epoch)
            }
            None => return None,
        };
        Some(Cells {
            version: VERSION,
            epoch,
            depth,
            levels: picture.levels,
            holders: picture.holders,
        })
    }
}

impl Place {
    /// Its level among those of an [`EpochView`]; none for the nest, which is the last.
    fn level(&self) -> Option<usize> {
        match self {
            Place::Program { .. } | Place::Part { .. } => Some(0),
            Place::Merge { level, .. } => Some(1 + usize::from(*level)),
            Place::Nest { .. } => None,
        }
    }
}

fn merges_view(level: &Level) -> LevelView {
    LevelView {
        waiting: (level.nodes.len() - level.started) as u64,
        queued: (level.started - level.proven) as u64,
        proven: level.proven as u64,
        carried: level.existing.saturating_sub(level.nodes.len()) as u64,
        ..LevelView::default()
    }
}

fn nest_view(nest: &Proving) -> LevelView {
    let state = (nest.task.is_some(), nest.proof.is_some());
    LevelView {
        waiting: u64::from(state == (false, false)),
        queued: u64::from(state == (true, false)),
        proven: u64::from(state.1),
        ..LevelView::default()
    }
}

fn waiting_view(waiting: u64) -> LevelView {
    LevelView {
        waiting,
        ..LevelView::default()
    }
}

/// The cells of an epoch as they are drawn.
struct Picture<'a> {
    planner: &'a Planner,
    holder: Holder<'a>,
    levels: Vec<String>,
    holders: Vec<(u8, u32, String)>,
}

impl Picture<'_> {
    fn draw_closed(&mut self, plan: &Epoch) -> u8 {
        let depth = plan.state.depth;
        let mut members = plan.members.iter().zip(&plan.programs).peekable();
        self.draw(width(depth), |picture, index| {
            match members.next_if(|((shard, _), _)| *shard == index) {
                Some((_, member)) => picture.state(member.proofs.shown(), index),
                None => picture.carried(0, index),
            }
        });
        for (level, found) in (0u8..).zip(&plan.levels) {
            self.draw(width(depth - level - 1), |picture, index| {
                match found.nodes.get(&index) {
                    Some(node) => picture.state(&node.merge, index),
                    None => picture.carried(usize::from(level) + 1, index),
                }
            });
        }
        self.draw(1, |picture, index| picture.state(&plan.nest, index));
        depth
    }

    fn draw_forming(&mut self, epoch: u64) -> u8 {
        let depth = self.planner.head.depth;
        let place = (epoch - self.planner.head.epoch - 1) as usize;
        let seal = self.planner.seals.iter().nth(place);
        let serial = seal.map(|(serial, _)| *serial);
        self.draw(width(depth), |picture, shard| picture.member(shard, serial));
        for level in 1..=depth {
            self.draw(width(depth - level), |picture, index| {
                picture.exists(level.into(), index, CellState::Waiting)
            });
        }
        self.draw(1, |_, _| CellState::Waiting);
        depth
    }

    /// Draws the next level, `width` cells.
    fn draw(&mut self, width: u32, mut cell: impl FnMut(&mut Self, u32) -> CellState) {
        self.levels.push(String::new());
        let mut run: Option<(CellState, u32)> = None;
        for index in 0..width {
            let state = cell(self, index);
            run = match run {
                Some((same, length)) if same == state => Some((same, length + 1)),
                ended => {
                    self.end(ended);
                    Some((state, 1))
                }
            };
        }
        self.end(run);
    }

    fn end(&mut self, run: Option<(CellState, u32)>) {
        let level = self.levels.last_mut();
        if let (Some(level), Some((state, length))) = (level, run) {
            level.push_str(&length.to_string());
            level.push(char::from(state.letter()));
        }
    }

    /// The cell of a shard in an epoch that is not closed.
    fn member(&mut self, shard: u32, serial: Option<u64>) -> CellState {
        let Some(queue) = self.planner.shards.get(&shard) else {
            return CellState::Empty;
        };
        let in_it = self.planner.eligible.contains(shard) || serial.is_some();
        let mut pending = queue.pending.iter();
        match pending.find(|pending| in_it && pending.sealed == serial) {
            Some(pending) => self.state(pending.proofs.shown(), shard),
            None => CellState::Waiting,
        }
    }

    fn state(&mut self, proving: &Proving, index: u32) -> CellState {
        let Some(task) = proving.task else {
            return CellState::Waiting;
        };
        if proving.proof.is_some() {
            return CellState::Proven;
        }
        if self.planner.tasks.parked(&task) {
            return CellState::Failed;
        }
        let Some(worker) = (self.holder)(&task) else {
            return CellState::Queued;
        };
        if self.holders.len() < SHOWN_HOLDERS {
            let level = self.levels.len() - 1;
            self.holders.push((level as u8, index, worker));
        }
        CellState::Proving
    }

    fn carried(&self, level: usize, index: u32) -> CellState {
        self.exists(level, index, CellState::Carried)
    }

    /// `state` if there is a shard below this node of the trie.
    fn exists(&self, level: usize, index: u32, state: CellState) -> CellState {
        match self.planner.leaves.contains(level, index.into()) {
            true => state,
            false => CellState::Empty,
        }
    }
}

fn width(levels: u8) -> u32 {
    3u32.pow(levels.into())
}
