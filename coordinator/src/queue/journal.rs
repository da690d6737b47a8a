//! The append-only journal of the embedded queue.
//!
//! A frame is `length u32 LE | first 8 bytes of SHA-256 of the body | body`. Appends of several callers share one
//! `fdatasync`. Opening cuts a torn tail off and replays what is whole; the file is rewritten where it is mostly dead.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use super::QueueError;
use crate::artifacts::write_atomically;

const HEADER_BYTES: usize = 12;
/// Appended bytes after which the dead ones are worth clearing away.
const GROWN_BYTES: u64 = 64 << 20;
const MAX_FRAME_BYTES: usize = 1 << 20;

/// One change of the queue's durable state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    Push {
        lane: String,
        key: String,
        body: Bytes,
    },
    Done {
        lane: String,
        key: String,
    },
    Publish {
        key: String,
        body: Bytes,
    },
    /// An entry of the coordinator's journal, at the next position.
    Append {
        body: Bytes,
    },
    /// Entries of the coordinator's journal below this position are forgotten.
    Shorten {
        before: u64,
    },
}

impl Entry {
    fn encode(&self) -> Vec<u8> {
        let (tag, number, a, b, body): (u8, u64, &str, &str, &[u8]) = match self {
            Entry::Push { lane, key, body } => (0, 0, lane, key, body),
            Entry::Done { lane, key } => (1, 0, lane, key, &[]),
            Entry::Publish { key, body } => (2, 0, key, "", body),
            Entry::Append { body } => (3, 0, "", "", body),
            Entry::Shorten { before } => (4, *before, "", "", &[]),
        };
        let mut out = vec![tag];
        out.extend(number.to_le_bytes());
        for text in [a, b] {
            out.extend((text.len() as u16).to_le_bytes());
            out.extend(text.as_bytes());
        }
        out.extend(body);
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (&tag, rest) = bytes.split_first()?;
        let (number, rest) = rest.split_first_chunk::<8>()?;
        let (a, rest) = text(rest)?;
        let (b, rest) = text(rest)?;
        let body = Bytes::copy_from_slice(rest);
        match tag {
            0 => Some(Entry::Push {
                lane: a,
                key: b,
                body,
            }),
            1 => Some(Entry::Done { lane: a, key: b }),
            2 => Some(Entry::Publish { key: a, body }),
            3 => Some(Entry::Append { body }),
            4 => Some(Entry::Shorten {
                before: u64::from_le_bytes(*number),
            }),
            _ => None,
        }
    }

    fn frame(&self, out: &mut Vec<u8>) {
        let body = self.encode();
        out.extend((body.len() as u32).to_le_bytes());
        out.extend(&Sha256::digest(&body)[..8]);
        out.extend(body);
    }
}

fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (text, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
    Some((String::from_utf8(text.to_vec()).ok()?, rest))
}

/// The entries of all whole frames from the start of `bytes`, up to the first that is torn or broken, and their length.
fn replay(bytes: &[u8]) -> (Vec<Entry>, u64) {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while let Some((entry, tail)) = next_frame(rest) {
        entries.push(entry);
        rest = tail;
    }
    if !rest.is_empty() {
        tracing::warn!(
            bytes = rest.len(),
            "the journal ends in a torn frame, which is dropped"
        );
    }
    (entries, (bytes.len() - rest.len()) as u64)
}

fn next_frame(bytes: &[u8]) -> Option<(Entry, &[u8])> {
    let (header, rest) = bytes.split_at_checked(HEADER_BYTES)?;
    let length = u32::from_le_bytes(header[..4].try_into().ok()?) as usize;
    if length > MAX_FRAME_BYTES {
        return None;
    }
    let (body, rest) = rest.split_at_checked(length)?;
    (Sha256::digest(body)[..8] == header[4..]).then_some(())?;
    Some((Entry::decode(body)?, rest))
}

type Reply = oneshot::Sender<Result<(), String>>;

enum Order {
    Append(Vec<u8>, Option<Reply>),
    /// These frames say everything that those in the file say.
    Replace(Vec<u8>),
}

/// An open journal. Dropping it writes out what was appended.
pub struct Journal {
    sender: Option<mpsc::Sender<Order>>,
    writer: Option<JoinHandle<()>>,
    /// Bytes appended since the file held no dead entries.
    grown: AtomicU64,
}

impl Journal {
    /// Reads the journal at `path` (none is an empty one): its entries, and the bytes up to the end of the last whole one.
    pub fn read(path: &Path) -> Result<(Vec<Entry>, u64), QueueError> {
        let mut bytes = Vec::new();
        match File::open(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
            opened => opened
                .and_then(|mut f| f.read_to_end(&mut bytes))
                .map_err(|e| failed(path, e))?,
        };
        Ok(replay(&bytes))
    }

    /// Opens the journal at `path` for appending behind its first `whole_bytes`; what follows them is cut off.
    pub fn resume(path: PathBuf, whole_bytes: u64) -> Result<Self, QueueError> {
        let file = open(&path).map_err(|e| failed(&path, e))?;
        let cut = file.set_len(whole_bytes).and_then(|()| file.sync_all());
        cut.map_err(|e| failed(&path, e))?;
        Self::start(path, file)
    }

    /// Replaces the journal at `path` by `entries` and opens it for appending.
    pub fn rewrite(path: PathBuf, entries: &[Entry]) -> Result<Self, QueueError> {
        write_atomically(&path, &frames(entries)).map_err(|e| failed(&path, e))?;
        let file = open(&path).map_err(|e| failed(&path, e))?;
        Self::start(path, file)
    }

    fn start(path: PathBuf, file: File) -> Result<Self, QueueError> {
        let (sender, receiver) = mpsc::channel();
        let named = path.clone();
        let writer = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || write_all(&path, file, &receiver))
            .map_err(|e| failed(&named, e))?;
        Ok(Self {
            sender: Some(sender),
            writer: Some(writer),
            grown: AtomicU64::new(0),
        })
    }

    /// Whether so much was appended that it is worth [`Journal::replace`].
    pub fn is_grown(&self) -> bool {
        self.grown.load(Ordering::Relaxed) > GROWN_BYTES
    }

    /// Replaces the file by `entries`, which say everything that was appended so far.
    pub fn replace(&self, entries: &[Entry]) {
        self.grown.store(0, Ordering::Relaxed);
        self.send_order(Order::Replace(frames(entries)));
    }

    /// Appends an entry; the receiver answers once it is on disk.
    pub fn append(&self, entry: &Entry) -> oneshot::Receiver<Result<(), String>> {
        let (reply, receiver) = oneshot::channel();
        self.send(entry, Some(reply));
        receiver
    }

    /// Appends an entry whose loss a restart survives.
    pub fn append_relaxed(&self, entry: &Entry) {
        self.send(entry, None);
    }

    /// The receiver answers once everything that was appended before is on disk.
    pub fn barrier(&self) -> oneshot::Receiver<Result<(), String>> {
        let (reply, receiver) = oneshot::channel();
        self.send_bytes(Vec::new(), Some(reply));
        receiver
    }

    fn send(&self, entry: &Entry, reply: Option<Reply>) {
        let mut bytes = Vec::new();
        entry.frame(&mut bytes);
        self.send_bytes(bytes, reply);
    }

    fn send_bytes(&self, bytes: Vec<u8>, reply: Option<Reply>) {
        self.grown.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.send_order(Order::Append(bytes, reply));
    }

    fn send_order(&self, order: Order) {
        if let Some(sender) = &self.sender {
            // A writer that is gone drops the reply, which its receiver sees.
            let _ = sender.send(order);
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn failed(path: &Path, error: std::io::Error) -> QueueError {
    QueueError::Backend(format!("journal {}: {error}", path.display()))
}

fn frames(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    entries.iter().for_each(|entry| entry.frame(&mut bytes));
    bytes
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// The writer thread: all that waits is written and synced together. After a failed write nothing more is
/// accepted, since what is on disk is no longer known.
fn write_all(path: &Path, mut file: File, receiver: &mpsc::Receiver<Order>) {
    let mut broken: Option<String> = None;
    let mut next = None;
    while let Some(order) = next.take().or_else(|| receiver.recv().ok()) {
        let (mut bytes, reply) = match order {
            Order::Append(bytes, reply) => (bytes, reply),
            Order::Replace(bytes) if broken.is_none() => {
                broken = replace_file(path, &mut file, &bytes).err();
                continue;
            }
            Order::Replace(_) => continue,
        };
        let mut replies: Vec<Reply> = reply.into_iter().collect();
        for order in receiver.try_iter() {
            match order {
                Order::Append(more, reply) => {
                    bytes.extend(more);
                    replies.extend(reply);
                }
                replace => {
                    next = Some(replace);
                    break;
                }
            }
        }
        if broken.is_none() {
            broken = write_group(&mut file, &bytes, !replies.is_empty()).err();
        }
        for reply in replies {
            let _ = reply.send(broken.clone().map_or(Ok(()), Err));
        }
    }
}

/// The old file stays where the new one cannot be written; which of them is there after an error is asked of the disk.
fn replace_file(path: &Path, file: &mut File, bytes: &[u8]) -> Result<(), String> {
    if let Err(error) = write_atomically(path, bytes) {
        tracing::warn!(%error, "the journal may keep its dead entries");
    }
    *file = open(path).map_err(|error| error.to_string())?;
    Ok(())
}

fn write_group(file: &mut File, bytes: &[u8], sync: bool) -> Result<(), String> {
    let written = file.write_all(bytes).and_then(|()| match sync {
        true => file.sync_data(),
        false => Ok(()),
    });
    written.map_err(|error| {
        tracing::error!(%error, "the journal cannot be written; the queue takes nothing more");
        error.to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        vec![
            Entry::Push {
                lane: "results".into(),
                key: "a".into(),
                body: Bytes::from_static(b"1"),
            },
            Entry::Done {
                lane: "results".into(),
                key: "a".into(),
            },
            Entry::Publish {
                key: "p".into(),
                body: Bytes::new(),
            },
            Entry::Append {
                body: Bytes::from_static(b"entry"),
            },
            Entry::Shorten { before: 2 },
        ]
    }

    #[test]
    fn every_torn_tail_leaves_a_prefix() {
        let mut bytes = Vec::new();
        let mut ends = vec![0];
        for entry in entries() {
            entry.frame(&mut bytes);
            ends.push(bytes.len());
        }
        for cut in 0..=bytes.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            let (replayed, length) = replay(&bytes[..cut]);
            assert_eq!(replayed, entries()[..whole], "cut at {cut}");
            assert_eq!(length, ends[whole] as u64);
        }
    }

    #[test]
    fn a_flipped_bit_ends_the_replay() {
        let mut bytes = Vec::new();
        entries().iter().for_each(|entry| entry.frame(&mut bytes));
        for at in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] ^= 1;
            assert!(replay(&broken).0.len() < entries().len(), "byte {at}");
        }
    }
}
