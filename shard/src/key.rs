//! The operator's secret key in a file of its own, which only its owner may read.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use ed25519_dalek::SigningKey;

/// What a key file starts with; the seed follows in hex.
const TITLE: &str = "trifold-shard-key-v1";
/// Length of a key file, in bytes; no more than one byte beyond it is read.
pub const KEY_BYTES: u64 = TITLE.len() as u64 + 66;
/// Permissions of a key file.
pub const KEY_MODE: u32 = 0o600;

/// Why a key file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{path}: {source}")]
    Io {
        path: String,
        source: std::io::Error,
    },
    #[error(
        "{path}: others may read or change this key (mode {mode:o}); chmod 600 it, and replace the key if they did"
    )]
    Open { path: String, mode: u32 },
    #[error("{path}: not a shard's key file")]
    Malformed { path: String },
}

/// Writes a new key file; one that is there already is left alone.
///
/// # Errors
/// The file exists, or can't be written.
pub fn create(key: &SigningKey, path: &Path) -> Result<(), KeyError> {
    let write = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(KEY_MODE)
            .open(path)?;
        writeln!(file, "{TITLE} {}", hex::encode(key.to_bytes()))?;
        file.sync_all()
    };
    write().map_err(|source| io(path, source))
}

/// Reads what [`create`] wrote.
///
/// # Errors
/// The file can't be read, is open to others than its owner, or holds something else.
pub fn load(path: &Path) -> Result<SigningKey, KeyError> {
    let file = File::open(path).map_err(|source| io(path, source))?;
    check_mode(path, &file)?;
    let mut text = String::new();
    let read = file.take(KEY_BYTES + 1).read_to_string(&mut text);
    read.map_err(|source| io(path, source))?;
    let malformed = || KeyError::Malformed { path: name(path) };
    parse(&text).ok_or_else(malformed)
}

fn parse(text: &str) -> Option<SigningKey> {
    let seed = text.strip_prefix(TITLE)?.strip_prefix(' ')?;
    let mut bytes = [0; 32];
    hex::decode_to_slice(seed.strip_suffix('\n')?, &mut bytes).ok()?;
    Some(SigningKey::from_bytes(&bytes))
}

/// Whether only its owner may read a file; `Ok` too where there is no such file.
///
/// # Errors
/// [`KeyError::Open`] names the mode.
pub fn check_private(path: &Path) -> Result<(), KeyError> {
    match fs::metadata(path) {
        Ok(metadata) => check(path, &metadata),
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(io(path, source)),
    }
}

/// Of the open file, so that nobody can change what the name means in between.
fn check_mode(path: &Path, file: &File) -> Result<(), KeyError> {
    check(path, &file.metadata().map_err(|source| io(path, source))?)
}

fn check(path: &Path, metadata: &fs::Metadata) -> Result<(), KeyError> {
    let mode = metadata.permissions().mode() & 0o7777;
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(KeyError::Open {
            path: name(path),
            mode,
        }),
    }
}

fn io(path: &Path, source: std::io::Error) -> KeyError {
    KeyError::Io {
        path: name(path),
        source,
    }
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[9; 32])
    }

    #[test]
    fn a_key_round_trips_in_a_file_of_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shard-0.key");
        create(&key(), &path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, KEY_MODE);
        assert_eq!(load(&path).unwrap().to_bytes(), key().to_bytes());
        check_private(&path).unwrap();
        assert!(matches!(create(&key(), &path), Err(KeyError::Io { .. })));
    }

    #[test]
    fn a_key_that_others_may_read_or_change_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shard-0.key");
        create(&key(), &path).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o610, 0o602, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = load(&path).unwrap_err();
            assert!(refused.to_string().contains("chmod 600"), "{refused}");
            assert!(matches!(check_private(&path), Err(KeyError::Open { .. })));
        }
    }

    #[test]
    fn other_files_are_no_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shard-0.key");
        let seed = "11".repeat(32);
        let good = format!("{TITLE} {seed}\n");
        assert_eq!(good.len() as u64, KEY_BYTES);
        let texts = [
            String::new(),
            good[1..].into(),
            good[..good.len() - 1].into(),
            good.replace(TITLE, "trifold-shard-key-v2"),
            good.replace("11\n", "\n"),
            good.clone() + &seed,
        ];
        for text in texts {
            fs::write(&path, &text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(KEY_MODE)).unwrap();
            let refused = load(&path).unwrap_err();
            assert!(matches!(refused, KeyError::Malformed { .. }), "{text:?}");
        }
    }
}
