//! The newest state that was accepted, in a file that survives a crash at any moment.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use trifold_verifier::client::LightClient;
use trifold_verifier::json::{GlobalProof, MAX_TEXT_BYTES};

use crate::bounded;

/// A file with a bundle, and the right to replace it: nobody else has it while we do.
pub struct Checkpoint {
    path: PathBuf,
    /// Where the next one is written first. One that a crash left is overwritten.
    draft: PathBuf,
    _lock: File,
}

impl Checkpoint {
    /// Takes the file, whether it is there or not.
    ///
    /// # Errors
    /// Somebody else holds it, or its folder can't be written.
    pub fn take(path: &Path) -> anyhow::Result<Self> {
        let lock = beside(path, "lock");
        let shown = || lock.display().to_string();
        let opened = OpenOptions::new().create(true).append(true).open(&lock);
        let file = opened.with_context(shown)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "{}: another light client keeps its checkpoint there",
                path.display()
            ),
            Err(TryLockError::Error(error)) => return Err(error).with_context(shown),
        }
        Ok(Self {
            path: path.into(),
            draft: beside(path, "new"),
            _lock: file,
        })
    }

    /// What was stored last, verified anew; `None` if nothing was.
    ///
    /// # Errors
    /// The file is torn or is none, or its proof does not hold.
    pub fn load(&self) -> anyhow::Result<Option<GlobalProof>> {
        let shown = self.path.display();
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| shown.to_string()),
            Ok(_) => {}
        }
        let bytes = bounded::read(&self.path, MAX_TEXT_BYTES as u64)?;
        let refused =
            || format!("{shown}: not a checkpoint, or a torn one; remove it to start anew");
        let text = std::str::from_utf8(&bytes).with_context(refused)?;
        let stored = GlobalProof::from_json(text).with_context(refused)?;
        let verified = LightClient::from_checkpoint(stored.network, &stored.update);
        verified.with_context(refused)?;
        Ok(Some(stored))
    }

    /// Replaces what was stored: whoever reads it sees the old one or the new one, also after a crash.
    ///
    /// # Errors
    /// It can't be written; the old one is still there.
    pub fn store(&self, accepted: &GlobalProof) -> anyhow::Result<()> {
        let shown = || self.path.display().to_string();
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&self.draft)?;
            file.write_all(accepted.to_json().as_bytes())?;
            file.sync_all()?;
            fs::rename(&self.draft, &self.path)?;
            File::open(folder(&self.path))?.sync_all()
        };
        write().with_context(shown)
    }
}

fn folder(path: &Path) -> &Path {
    let folder = path.parent();
    let named = folder.filter(|folder| !folder.as_os_str().is_empty());
    named.unwrap_or(Path::new("."))
}

/// A file of the same name and one ending more.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}
