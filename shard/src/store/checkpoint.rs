//! All accounts at the end of an epoch in one file, `checkpoint-<next epoch>`: length of the header, header, accounts, CRC-32.

use super::{Mark, StoreError};
use crate::file;
use crate::netted::{Accounts, Entry, Rules, Trie};
use ark_bn254::Fr;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use trifold_circuits::field::Element;
use trifold_circuits::schnorr::{Coordinates, PublicKey};

const PREFIX: &str = "checkpoint-";
const TITLE: [u8; 16] = *b"trifold-state-v1";
const CHECKSUM_BYTES: usize = 4;

/// What a checkpoint says besides the accounts.
#[derive(Clone, Copy, Debug)]
pub struct Checkpoint {
    pub mark: Mark,
    header: Header,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
struct Header {
    title: [u8; 16],
    network: Element,
    shard: u16,
    depth: u8,
    epoch: u64,
    frame: u64,
    milliseconds: u64,
    root: Element,
}

/// An entry whose key is checked by all cores together.
#[derive(Deserialize, Serialize)]
struct Stored {
    key: Coordinates,
    balance: u64,
    ordinal: u64,
}

impl Stored {
    fn entry(self, path: &Path) -> Result<Entry, StoreError> {
        let key = PublicKey::new(self.key).map_err(|_| malformed(path, "a key is unusable"))?;
        Ok(Entry {
            key,
            balance: self.balance,
            ordinal: self.ordinal,
        })
    }
}

impl Checkpoint {
    pub fn new(rules: &Rules, mark: Mark, root: Fr) -> Self {
        let Mark {
            epoch,
            frame,
            milliseconds,
        } = mark;
        let header = Header {
            title: TITLE,
            network: Element(rules.network),
            shard: rules.shard,
            depth: rules.depth,
            epoch,
            frame,
            milliseconds,
            root: Element(root),
        };
        Self { mark, header }
    }

    /// Writes it; it is there wholly or not at all.
    pub fn create(&self, folder: &Path, accounts: &Accounts) -> Result<(), StoreError> {
        let path = folder.join(format!("{PREFIX}{:016x}", self.mark.epoch));
        let stored = accounts.iter().map(|entry| Stored {
            key: entry.key.coordinates(),
            balance: entry.balance,
            ordinal: entry.ordinal,
        });
        let header = encode(&self.header);
        let mut bytes = (header.len() as u32).to_le_bytes().to_vec();
        bytes.extend(header);
        bytes.extend(encode(&stored.collect::<Vec<_>>()));
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        file::write(&path, &bytes).map_err(|source| io_error(&path, source))
    }

    /// Reads a checkpoint and checks that its accounts lead to its root.
    pub fn read(path: &Path, rules: &Rules) -> Result<(Self, Accounts), StoreError> {
        let (checkpoint, bytes) = open(path, rules)?;
        let stored: Vec<Stored> = decode(path, &bytes)?;
        let entries = stored.into_par_iter().map(|stored| stored.entry(path));
        let entries: Result<Vec<Entry>, StoreError> = entries.collect();
        let accounts: Accounts = entries?.into_iter().collect();
        match Trie::of(&accounts, rules.depth).root() == checkpoint.header.root.0 {
            true => Ok((checkpoint, accounts)),
            false => Err(StoreError::CheckpointRoot { path: name(path) }),
        }
    }

    /// Where a checkpoint stands.
    pub fn mark(path: &Path, rules: &Rules) -> Result<Mark, StoreError> {
        Ok(open(path, rules)?.0.mark)
    }
}

/// Checkpoints of a folder, the oldest first; none where there is no folder.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|source| io_error(folder, source))?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let paths: io::Result<Vec<PathBuf>> = paths.collect();
    let mut paths = paths.map_err(|source| io_error(folder, source))?;
    paths.retain(|path| epoch_of(path).is_some());
    paths.sort();
    Ok(paths)
}

/// Deletes the checkpoints before that of `epoch`.
pub fn delete_before(folder: &Path, epoch: u64) -> Result<(), StoreError> {
    for path in list(folder)? {
        if epoch_of(&path).is_some_and(|found| found < epoch) {
            fs::remove_file(&path).map_err(|source| io_error(&path, source))?;
        }
    }
    Ok(())
}

/// The header, and the bytes of the accounts.
fn open(path: &Path, rules: &Rules) -> Result<(Checkpoint, Vec<u8>), StoreError> {
    let mut bytes = fs::read(path).map_err(|source| io_error(path, source))?;
    let content = bytes.len().checked_sub(CHECKSUM_BYTES);
    let content = content.ok_or_else(|| malformed(path, "too short"))?;
    let checksum = bytes.split_off(content);
    if crc32fast::hash(&bytes).to_le_bytes() != *checksum {
        return Err(malformed(path, "its checksum is another"));
    }
    let split = bytes
        .split_first_chunk::<4>()
        .and_then(|(length, rest)| rest.split_at_checked(u32::from_le_bytes(*length) as usize));
    let (header, accounts) = split.ok_or_else(|| malformed(path, "too short"))?;
    let header: Header = decode(path, header)?;
    let expected = (TITLE, rules.network, rules.shard, rules.depth);
    if (header.title, header.network.0, header.shard, header.depth) != expected {
        return Err(StoreError::OtherRules { path: name(path) });
    }
    let mark = Mark {
        epoch: header.epoch,
        frame: header.frame,
        milliseconds: header.milliseconds,
    };
    Ok((Checkpoint { mark, header }, accounts.to_vec()))
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("a vector grows as it has to")
}

fn decode<T: for<'de> Deserialize<'de>>(path: &Path, bytes: &[u8]) -> Result<T, StoreError> {
    postcard::from_bytes(bytes).map_err(|_| malformed(path, "its content is malformed"))
}

fn epoch_of(path: &Path) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_prefix(PREFIX)?;
    u64::from_str_radix(digits, 16)
        .ok()
        .filter(|_| digits.len() == 16)
}

fn malformed(path: &Path, reason: &'static str) -> StoreError {
    StoreError::Checkpoint {
        path: name(path),
        reason,
    }
}

fn io_error(path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        path: name(path),
        source,
    }
}

fn name(path: &Path) -> String {
    path.display().to_string()
}
