//! The shard's state in a file: JSON, replaced atomically.

use crate::program::ProgramShard;
use crate::shard::{Shard, ShardError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

/// Longest state file read, in bytes.
pub const MAX_STATE_BYTES: u64 = 1 << 30;

/// Why a state file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{path}: {source}")]
    Io {
        path: String,
        source: std::io::Error,
    },
    #[error("{path}: more than {MAX_STATE_BYTES} bytes")]
    TooLong { path: String },
    #[error("{path}: {source}")]
    Malformed {
        path: String,
        source: serde_json::Error,
    },
    #[error("{path}: {source}")]
    State { path: String, source: ShardError },
    #[error("{path}: a shard that runs {program}, which is not ours")]
    Program { path: String, program: String },
}

/// Tells the files apart.
#[derive(Deserialize)]
struct Tag {
    program: Option<String>,
}

/// Replaces the file at `path`; whoever reads it sees the old state or the new one, also after a crash.
pub fn save(shard: &Shard, path: &Path) -> Result<(), FileError> {
    write_json(path, shard)
}

/// Reads what [`save`] wrote and checks that it fits together.
pub fn load(path: &Path) -> Result<Shard, FileError> {
    let shard: Shard = read_ours(path)?;
    shard.check().map_err(|source| FileError::State {
        path: name(path),
        source,
    })?;
    Ok(shard)
}

/// Reads something of a shard whose program is one of ours.
pub(crate) fn read_ours<T: DeserializeOwned>(path: &Path) -> Result<T, FileError> {
    match program(path)? {
        Some(program) => Err(FileError::Program {
            path: name(path),
            program,
        }),
        None => read_json(path),
    }
}

/// Name of the program in the file of a shard whose program is not ours; `None` in that of another shard.
pub fn program(path: &Path) -> Result<Option<String>, FileError> {
    Ok(read_json::<Tag>(path)?.program)
}

/// As [`save`], for a shard whose program is not ours.
pub fn save_program(shard: &ProgramShard, path: &Path) -> Result<(), FileError> {
    write_json(path, shard)
}

/// Reads what [`save_program`] wrote and checks that it fits together.
pub fn load_program(path: &Path) -> Result<ProgramShard, FileError> {
    let shard: ProgramShard = read_json(path)?;
    shard.check().map_err(|source| FileError::State {
        path: name(path),
        source,
    })?;
    Ok(shard)
}

/// Replaces a file by the JSON of something.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), FileError> {
    let text = serde_json::to_vec(value).map_err(|source| FileError::Malformed {
        path: name(path),
        source,
    })?;
    write(path, &text).map_err(|source| FileError::Io {
        path: name(path),
        source,
    })
}

/// Reads what [`write_json`] wrote.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, FileError> {
    let io = |source| FileError::Io {
        path: name(path),
        source,
    };
    let mut text = Vec::new();
    let file = fs::File::open(path).map_err(io)?;
    let read = file.take(MAX_STATE_BYTES + 1).read_to_end(&mut text);
    read.map_err(io)?;
    if text.len() as u64 > MAX_STATE_BYTES {
        return Err(FileError::TooLong { path: name(path) });
    }
    serde_json::from_slice(&text).map_err(|source| FileError::Malformed {
        path: name(path),
        source,
    })
}

/// Replaces a file wholly or not at all; it is on disk when this returns.
pub(crate) fn write(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    fs::File::open(folder)?.sync_all()
}

fn name(path: &Path) -> String {
    path.display().to_string()
}
