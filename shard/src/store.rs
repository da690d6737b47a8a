//! The netted ledger on disk: nothing is acknowledged before it is in the journal, and whatever was acknowledged is there again
//! after a crash, once.
//!
//! A folder holds `journal/` and checkpoints. Opening reads the oldest checkpoint and replays the journal from there. Messages
//! are kept for [`Settings::keep_milliseconds`]; the last [`Settings::keep_roots`] roots prove accounts, also after older messages are
//! gone, because what is pruned lies before a checkpoint that is older than all of them.

mod checkpoint;
mod intake;
mod record;

use crate::journal::{Frame, Journal, JournalError, SEGMENT_BYTES};
use crate::netted::layout::{Account, SignedMessage, destination, triad_digest};
use crate::netted::{Accounts, Closed, NettedError, NettedLedger, Rules, Sent, Trie, View};
use ark_bn254::Fr;
use checkpoint::Checkpoint;
use record::Record;
use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use trifold_circuits::channel::Opening;
use trifold_circuits::field::Element;
use trifold_circuits::netted::assembly::{Assembly, AssemblyError, Carried};
use trifold_circuits::netted::circuit::PartKeys;
use trifold_circuits::netted::part_inputs::Home;
use trifold_circuits::netted::traffic::{Received, Traffic};
use trifold_circuits::schnorr::PublicKey;
use trifold_verifier::trie::Path as TriePath;

pub use intake::{Intake, IntakeError};

/// Most messages of a frame; so many of the longest fit one by far.
const FRAME_MESSAGES: usize = 1 << 16;

/// Why a store was not opened, or did not take something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    Netted(#[from] NettedError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{path}: {source}")]
    Io {
        path: String,
        source: std::io::Error,
    },
    #[error("{path}: not a checkpoint: {reason}")]
    Checkpoint { path: String, reason: &'static str },
    #[error("{path}: the accounts do not lead to the root that the checkpoint names")]
    CheckpointRoot { path: String },
    #[error("{path}: no checkpoint, but a journal")]
    NoCheckpoint { path: String },
    #[error("{path}: a shard is kept here already")]
    Exists { path: String },
    #[error("{path}: made for another network, shard or depth")]
    OtherRules { path: String },
    #[error("journal frame {frame} is malformed: {source}")]
    Record { frame: u64, source: postcard::Error },
    #[error("journal frame {frame} does not follow from what is before it: {reason}")]
    Replay { frame: u64, reason: String },
    #[error("the messages of epoch {epoch} are not kept any more, or it is not over")]
    NotKept { epoch: u64 },
    #[error("no root of epoch {epoch} is kept")]
    NoRoot { epoch: u64 },
    #[error("account {account} is outside the trie")]
    Account { account: u64 },
    #[error("the epoch's proof: {0}")]
    Assembly(#[from] AssemblyError),
}

/// How long what is kept.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Messages stay readable at least so long after the end of their epoch.
    pub keep_milliseconds: u64,
    /// Roots that accounts can be proven under, the newest included; at least 1.
    pub keep_roots: usize,
    /// A checkpoint is written at the end of the first epoch that ends so long after the last one.
    pub checkpoint_milliseconds: u64,
    /// Length at which a segment of the journal ends.
    pub segment_bytes: u64,
}

impl Default for Settings {
    /// Seven days of messages, 64 roots, a checkpoint a day.
    fn default() -> Self {
        const DAY_MILLISECONDS: u64 = 24 * 60 * 60 * 1000;
        Self {
            keep_milliseconds: 7 * DAY_MILLISECONDS,
            keep_roots: 64,
            checkpoint_milliseconds: DAY_MILLISECONDS,
            segment_bytes: SEGMENT_BYTES,
        }
    }
}

/// An epoch that has ended and been hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    pub epoch: u64,
    /// Root of the account trie.
    pub root: Fr,
    pub messages: Vec<SignedMessage>,
    /// In order of destination and sender.
    pub outbox: Vec<Sent>,
}

/// That an account is under a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountProof {
    /// The accounts of the bottom node.
    pub triad: [Account; 3],
    /// From the bottom node up.
    pub path: TriePath,
}

impl AccountProof {
    /// The root that it leads to in a trie of `depth` levels; `None` where the path does not fit one.
    pub fn root(&self, depth: u8) -> Option<Fr> {
        let levels = usize::from(depth).checked_sub(1)?;
        self.path.root(triad_digest(&self.triad), levels).ok()
    }
}

/// A durable shard. Messages are taken while an epoch that has ended is being hashed, checkpointed and pruned.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    settings: Settings,
    /// Taken after `back` where both are held.
    front: Mutex<Front>,
    back: Mutex<Back>,
}

/// What takes messages.
#[derive(Debug)]
struct Front {
    ledger: NettedLedger,
    journal: Journal,
}

/// What looks back.
#[derive(Debug)]
struct Back {
    trie: Trie,
    /// The newest last.
    versions: VecDeque<Version>,
    /// Marks of the checkpoints on disk, the oldest first.
    checkpoints: VecDeque<Mark>,
    /// Of the epochs whose messages are kept.
    ends: VecDeque<End>,
}

/// The accounts at the end of an epoch; `None` is what the shard started with.
#[derive(Debug)]
struct Version {
    epoch: Option<u64>,
    root: Fr,
    view: View,
    /// Messages of clients in the epoch, and what they sent to other shards.
    events: usize,
    sent: Vec<Sent>,
}

/// Where a checkpoint stands.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// The epoch that was next.
    epoch: u64,
    /// The journal's frame that was next.
    frame: u64,
    milliseconds: u64,
}

/// An end of an epoch: the frames from `first` to before `end` hold its messages.
#[derive(Clone, Copy, Debug)]
struct End {
    epoch: u64,
    first: u64,
    end: u64,
}

impl Store {
    /// Makes the store of a new shard.
    ///
    /// # Errors
    /// There is one already, the accounts don't fit the rules, or the disk fails.
    pub fn create(
        folder: &Path,
        rules: Rules,
        accounts: Accounts,
        settings: Settings,
    ) -> Result<Self, StoreError> {
        NettedLedger::new(rules, accounts.clone(), 0)?;
        let path = folder.display().to_string();
        if !checkpoint::list(folder)?.is_empty() {
            return Err(StoreError::Exists { path });
        }
        std::fs::create_dir_all(folder).map_err(|source| StoreError::Io { path, source })?;
        let root = Trie::of(&accounts, rules.depth).root();
        let mark = Mark {
            epoch: 0,
            frame: 0,
            milliseconds: 0,
        };
        Checkpoint::new(&rules, mark, root).create(folder, &accounts)?;
        Self::open(folder, rules, settings)
    }

    /// Opens a store: reads the oldest checkpoint, replays the journal, and ends where the last acknowledgement was.
    ///
    /// # Errors
    /// Another process has it open, it was made under other rules, or something in it is damaged.
    pub fn open(folder: &Path, rules: Rules, settings: Settings) -> Result<Self, StoreError> {
        let checkpoints = checkpoint::list(folder)?;
        let oldest = checkpoints
            .first()
            .ok_or_else(|| StoreError::NoCheckpoint {
                path: folder.display().to_string(),
            })?;
        let (checkpoint, accounts) = Checkpoint::read(oldest, &rules)?;
        let mut replay = Replay::new(rules, checkpoint, accounts, settings)?;
        let journal = Journal::open(
            &folder.join("journal"),
            checkpoint.mark.frame,
            settings.segment_bytes,
            |frame| replay.take(frame),
        )?;
        let marks = checkpoints
            .iter()
            .map(|path| Checkpoint::mark(path, &rules));
        replay.back.checkpoints = marks.collect::<Result<_, _>>()?;
        Ok(Self {
            folder: folder.into(),
            settings,
            front: Mutex::new(Front {
                ledger: replay.ledger,
                journal,
            }),
            back: Mutex::new(replay.back),
        })
    }

    /// Takes messages together; those that are `Ok` are on disk when this returns.
    ///
    /// # Errors
    /// Nothing is known to be on disk; the store takes nothing more until it is opened again.
    pub fn submit(
        &self,
        messages: Vec<SignedMessage>,
    ) -> Result<Vec<Result<(), NettedError>>, StoreError> {
        let mut front = self.front();
        let mut results = Vec::with_capacity(messages.len());
        for group in messages.chunks(FRAME_MESSAGES) {
            front.journal.check()?;
            let before = front.ledger.messages().len();
            results.extend(front.ledger.accept(group.to_vec()));
            let accepted = front.ledger.messages()[before..].to_vec();
            if !accepted.is_empty() {
                front.append(&Record::Messages(accepted))?;
            }
        }
        Ok(results)
    }

    /// Opens an account.
    pub fn open_account(&self, key: PublicKey) -> Result<u32, StoreError> {
        let mut front = self.front();
        front.journal.check()?;
        let account = front.ledger.open(key)?;
        front.append(&Record::Open(key))?;
        Ok(account)
    }

    /// Ends the epoch at wall time `now_milliseconds`, with these messages of other shards. Messages are taken for the next one as
    /// soon as this one is netted, while its nodes are hashed here.
    pub fn close_epoch(
        &self,
        now_milliseconds: u64,
        taken: Vec<Opening>,
    ) -> Result<Committed, StoreError> {
        let mut back = self.back();
        let (closed, frame) = {
            let mut front = self.front();
            front.journal.check()?;
            let closed = front.ledger.close(taken);
            let frame = front.append(&Record::Close {
                epoch: closed.epoch,
                milliseconds: now_milliseconds,
                received: closed.received.clone(),
            })?;
            (closed, frame)
        };
        let root = back.commit(&closed, frame, self.settings.keep_roots);
        let epoch = closed.epoch;
        self.front().append(&Record::Root {
            epoch,
            root: Element(root),
        })?;
        self.keep(&mut back, &closed, frame, now_milliseconds)?;
        Ok(Committed {
            epoch,
            root,
            messages: closed.messages,
            outbox: closed.outbox,
        })
    }

    /// Writes a checkpoint when it is due and deletes what is older than all that is kept.
    fn keep(
        &self,
        back: &mut Back,
        closed: &Closed,
        frame: u64,
        now: u64,
    ) -> Result<(), StoreError> {
        let last = back.checkpoints.back().map_or(0, |mark| mark.milliseconds);
        if now.saturating_sub(last) >= self.settings.checkpoint_milliseconds {
            let mark = Mark {
                epoch: closed.epoch + 1,
                frame: frame + 1,
                milliseconds: now,
            };
            let rules = *self.front().ledger.rules();
            let checkpoint = Checkpoint::new(&rules, mark, back.trie.root());
            checkpoint.create(&self.folder, &closed.accounts)?;
            back.checkpoints.push_back(mark);
        }
        let horizon = now.saturating_sub(self.settings.keep_milliseconds);
        let Some(base) = back.forget(horizon) else {
            return Ok(());
        };
        checkpoint::delete_before(&self.folder, base.epoch)?;
        Ok(self.front().journal.prune(base.frame)?)
    }

    /// The messages of an epoch that has ended, as the journal keeps them.
    pub fn messages_of(&self, epoch: u64) -> Result<Vec<SignedMessage>, StoreError> {
        let back = self.back();
        let end = back.ends.iter().find(|end| end.epoch == epoch);
        let End { first, end, .. } = *end.ok_or(StoreError::NotKept { epoch })?;
        let mut messages = Vec::new();
        let frames = self.front().journal.frames(first..end)?;
        for Frame { number, payload } in frames {
            if let Record::Messages(more) = Record::decode(number, &payload)? {
                messages.extend(more);
            }
        }
        Ok(messages)
    }

    /// The messages of other shards that an epoch took, as the journal keeps them.
    pub fn received_of(&self, epoch: u64) -> Result<Vec<Received>, StoreError> {
        let back = self.back();
        let end = back.ends.iter().find(|end| end.epoch == epoch);
        let End { end, .. } = *end.ok_or(StoreError::NotKept { epoch })?;
        for Frame { number, payload } in self.front().journal.frames(end..end + 1)? {
            if let Record::Close { received, .. } = Record::decode(number, &payload)? {
                return Ok(received);
            }
        }
        Err(StoreError::NotKept { epoch })
    }

    /// What clients sent to other shards in an epoch that has ended, in order of destination and sender.
    pub fn sent_of(&self, epoch: u64) -> Result<Vec<Sent>, StoreError> {
        self.ended(epoch, |_, after| after.sent.clone())
    }

    /// How many messages of clients an epoch that has ended held.
    pub fn events_of(&self, epoch: u64) -> Result<usize, StoreError> {
        self.ended(epoch, |_, after| after.events)
    }

    /// The accounts as an epoch left them.
    pub fn view_of(&self, epoch: u64) -> Result<View, StoreError> {
        self.ended(epoch, |_, after| after.view.clone())
    }

    /// Epochs that have ended and whose root is kept, oldest first, with their roots.
    pub fn roots(&self) -> Vec<(u64, Fr)> {
        let back = self.back();
        let root = |version: &Version| Some((version.epoch?, version.root));
        back.versions.iter().filter_map(root).collect()
    }

    /// Proves what an account was at the end of an epoch; also that it did not exist.
    pub fn prove(&self, epoch: u64, account: u32) -> Result<AccountProof, StoreError> {
        let back = self.back();
        let version = back
            .versions
            .iter()
            .find(|version| version.epoch == Some(epoch));
        let version = version.ok_or(StoreError::NoRoot { epoch })?;
        if u64::from(account) >= self.front().ledger.rules().capacity() {
            let account = account.into();
            return Err(StoreError::Account { account });
        }
        Ok(AccountProof {
            triad: version.view.accounts.triad(account / 3),
            path: version.view.trie.path(account / 3),
        })
    }

    /// The parts of the proof of an epoch that has ended, under these keys. `seen` is the digest of the global state that the shard has
    /// seen, 0 if none; the traffic is the epoch's.
    ///
    /// # Errors
    /// Its messages, its root or the root before it are not kept, or it had no messages.
    pub fn assemble(
        &self,
        epoch: u64,
        keys: &PartKeys,
        seen: Fr,
        traffic: &Traffic,
    ) -> Result<Assembly, StoreError> {
        let views = |before: &Version, after: &Version| (before.view.clone(), after.view.clone());
        let (before, after) = self.ended(epoch, views)?;
        let rules = *self.front().ledger.rules();
        let carried = Carried {
            home: Home {
                network: rules.network,
                shard: rules.shard.into(),
                collector: destination(rules.collector, rules.shard.into()),
            },
            depth: rules.depth,
            messages: &self.messages_of(epoch)?,
            triads: &after.accounts.changed_triads(&before.accounts),
            before: &before,
            after: &after,
            traffic,
        };
        Ok(carried.assemble(keys, seen)?)
    }

    /// The newest accounts kept whose root is one that `chosen` accepts.
    pub(crate) fn view(&self, chosen: impl Fn(Fr) -> bool) -> Option<View> {
        let back = self.back();
        let found = back
            .versions
            .iter()
            .rev()
            .find(|version| chosen(version.root));
        found.map(|version| version.view.clone())
    }

    /// Something of the versions before and after an epoch.
    fn ended<T>(
        &self,
        epoch: u64,
        look: impl Fn(&Version, &Version) -> T,
    ) -> Result<T, StoreError> {
        let back = self.back();
        let mut pairs = back.versions.iter().zip(back.versions.iter().skip(1));
        let pair = pairs.find(|(_, after)| after.epoch == Some(epoch));
        let (before, after) = pair.ok_or(StoreError::NoRoot { epoch })?;
        Ok(look(before, after))
    }

    /// Root of the account trie as the last epoch left it.
    pub fn root(&self) -> Fr {
        self.back().trie.root()
    }

    /// Has clients' payments to these shards be refused from now on.
    pub fn refuse(&self, full: HashSet<u16>) {
        self.front().ledger.refuse(full);
    }

    /// Accounts as the last epoch left them, with those opened since.
    pub fn accounts(&self) -> Accounts {
        self.front().ledger.accounts().clone()
    }

    /// Messages of the epoch that is open.
    pub fn pending(&self) -> usize {
        self.front().ledger.messages().len()
    }

    /// The epoch that is open.
    pub fn epoch(&self) -> u64 {
        self.front().ledger.epoch()
    }

    /// The ordinal of the account's next message.
    pub fn next_ordinal(&self, account: u32) -> Option<u64> {
        self.front().ledger.next_ordinal(account)
    }

    fn front(&self) -> MutexGuard<'_, Front> {
        self.front.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn back(&self) -> MutexGuard<'_, Back> {
        self.back.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Front {
    fn append(&mut self, record: &Record) -> Result<u64, StoreError> {
        Ok(self.journal.append(&record.encode())?)
    }
}

impl Back {
    fn new(mark: Mark, accounts: Accounts, trie: Trie) -> Self {
        Self {
            versions: VecDeque::from([Version {
                epoch: mark.epoch.checked_sub(1),
                root: trie.root(),
                view: View {
                    accounts,
                    trie: trie.clone(),
                },
                events: 0,
                sent: Vec::new(),
            }]),
            trie,
            checkpoints: VecDeque::from([mark]),
            ends: VecDeque::new(),
        }
    }

    /// Hashes what an epoch changed and keeps it as a version. `frame` is where the epoch ended.
    fn commit(&mut self, closed: &Closed, frame: u64, keep_roots: usize) -> Fr {
        let root = self.trie.update(&closed.accounts, &closed.triads);
        self.versions.push_back(Version {
            epoch: Some(closed.epoch),
            root,
            view: View {
                accounts: closed.accounts.clone(),
                trie: self.trie.clone(),
            },
            events: closed.messages.len(),
            sent: closed.outbox.clone(),
        });
        let old = self.versions.len().saturating_sub(keep_roots.max(1));
        self.versions.drain(..old);
        let start = self.checkpoints.front().map_or(0, |mark| mark.frame);
        let first = self.ends.back().map_or(start, |end| end.end + 1);
        self.ends.push_back(End {
            epoch: closed.epoch,
            first,
            end: frame,
        });
        root
    }

    /// The newest checkpoint that everything kept comes after: the roots, and the messages of epochs that ended after
    /// `horizon`. Forgets the checkpoints before it.
    fn forget(&mut self, horizon: u64) -> Option<Mark> {
        let oldest_root = self.versions.front()?.epoch.map_or(0, |epoch| epoch + 1);
        let is_old = |mark: &&Mark| mark.milliseconds <= horizon && mark.epoch <= oldest_root;
        let position = self.checkpoints.iter().take_while(is_old).count();
        self.checkpoints.drain(..position.saturating_sub(1));
        let base = *self.checkpoints.front()?;
        let old = self
            .ends
            .iter()
            .take_while(|end| end.epoch < base.epoch)
            .count();
        self.ends.drain(..old);
        Some(base)
    }
}

/// A store being read back.
struct Replay {
    ledger: NettedLedger,
    back: Back,
    keep_roots: usize,
}

impl Replay {
    fn new(
        rules: Rules,
        checkpoint: Checkpoint,
        accounts: Accounts,
        settings: Settings,
    ) -> Result<Self, StoreError> {
        let trie = Trie::of(&accounts, rules.depth);
        Ok(Self {
            ledger: NettedLedger::new(rules, accounts.clone(), checkpoint.mark.epoch)?,
            back: Back::new(checkpoint.mark, accounts, trie),
            keep_roots: settings.keep_roots,
        })
    }

    fn take(&mut self, Frame { number, payload }: Frame) -> Result<(), StoreError> {
        let wrong = |reason: String| StoreError::Replay {
            frame: number,
            reason,
        };
        match Record::decode(number, &payload)? {
            Record::Open(key) => {
                let opened = self.ledger.apply_open(key);
                opened.map_err(|error| wrong(error.to_string()))?;
            }
            Record::Messages(messages) => {
                let mut messages = messages.into_iter();
                let taken = messages.try_for_each(|signed| self.ledger.apply(signed));
                taken.map_err(|error| wrong(error.to_string()))?;
            }
            Record::Close {
                epoch, received, ..
            } => {
                let taken = received.iter().map(|received| received.opening.clone());
                let closed = self.ledger.close(taken.collect());
                let open = closed.epoch;
                if open != epoch {
                    return Err(wrong(format!("epoch {epoch} ends while {open} is open")));
                }
                if closed.received != received {
                    let reason = format!("other messages have room at the end of epoch {epoch}");
                    return Err(wrong(reason));
                }
                self.back.commit(&closed, number, self.keep_roots);
            }
            Record::Root { epoch, root } => {
                let last = self.back.versions.back();
                if last.map(|last| (last.epoch, last.root)) != Some((Some(epoch), root.0)) {
                    return Err(wrong(format!("the root of epoch {epoch} is another")));
                }
            }
        }
        Ok(())
    }
}
