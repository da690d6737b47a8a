//! The key cache: a folder of `.zkey` files named by circuit and digest, each with a manifest beside it.
//!
//! `<circuit>-<first 16 digits of SHA-256>.zkey` and `.json`. A key appears by one rename after it was synced, its
//! manifest after it; a lock per circuit keeps two processes from making the same key twice.

mod manifest;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use trifold_circuits::r1cs::R1cs;

use crate::key::{KeyDigest, KeyError, ProvingKey};
use crate::setup::{self, Entropy, Progress, SetupError, Stage};

pub use manifest::KeyManifest;

const WRITE_BUFFER_BYTES: usize = 1 << 20;
/// Unfinished files start with this.
const UNFINISHED: &str = ".unfinished-";

/// A folder of keys.
#[derive(Clone, Debug)]
pub struct KeyCache {
    folder: PathBuf,
}

impl KeyCache {
    /// The cache in a folder, which is made when the first key is.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Every key in the cache, in the order of their names.
    ///
    /// # Errors
    /// A manifest is damaged.
    pub fn list(&self) -> Result<Vec<KeyManifest>, KeyError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(at(&self.folder))?,
        };
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry.map_err(at(&self.folder))?.path());
        }
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        });
        paths.sort();
        paths.iter().map(|path| KeyManifest::read(path)).collect()
    }

    /// The key for a compiled circuit: a ceremony's before a development key, a newer one before an older.
    ///
    /// # Errors
    /// A manifest is damaged, or the constraint system can't be read.
    pub fn find(&self, circuit: &str, r1cs: &Path) -> Result<Option<KeyManifest>, KeyError> {
        self.find_digest(circuit, &hex::encode(file_digest(r1cs)?))
    }

    /// Maps a key whose manifest was found here.
    ///
    /// # Errors
    /// The file is absent, damaged, or another than the manifest tells.
    pub fn open(&self, manifest: &KeyManifest) -> Result<Arc<ProvingKey>, KeyError> {
        let path = self.key_path(manifest);
        let found_bytes = fs::metadata(&path).map_err(at(&path))?.len();
        if found_bytes != manifest.size_bytes {
            return Err(KeyError::Size {
                path,
                expected_bytes: manifest.size_bytes,
                found_bytes,
            });
        }
        let key = ProvingKey::open(&path, &manifest.digest()?)?;
        manifest.check_verifying_key(&path, &key)?;
        Ok(Arc::new(key))
    }

    /// Makes a development key for a compiled circuit, or finds the one there is.
    ///
    /// # Errors
    /// The constraint system is malformed or too big, or the disk is full.
    pub fn find_or_create(
        &self,
        circuit: &str,
        r1cs: &Path,
        entropy: &Entropy,
        progress: &mut Progress,
    ) -> Result<KeyManifest, KeyError> {
        let digest = file_digest(r1cs)?;
        if let Some(found) = self.find_digest(circuit, &hex::encode(digest))? {
            return Ok(found);
        }
        let _lock = self.lock(circuit)?;
        match self.find_digest(circuit, &hex::encode(digest))? {
            Some(found) => Ok(found),
            None => self.create_locked(circuit, r1cs, &digest, entropy, progress),
        }
    }

    /// Makes a development key for a compiled circuit, even when there is a key already.
    ///
    /// # Errors
    /// As [`KeyCache::find_or_create`].
    pub fn create(
        &self,
        circuit: &str,
        r1cs: &Path,
        entropy: &Entropy,
        progress: &mut Progress,
    ) -> Result<KeyManifest, KeyError> {
        let digest = file_digest(r1cs)?;
        let _lock = self.lock(circuit)?;
        self.create_locked(circuit, r1cs, &digest, entropy, progress)
    }

    /// Takes over a ceremony's key after a full check of it.
    ///
    /// # Errors
    /// A malformed key, a point outside its group, or a key for another circuit.
    pub fn import(&self, circuit: &str, r1cs: &Path, zkey: &Path) -> Result<KeyManifest, KeyError> {
        let digest = file_digest(r1cs)?;
        let system = R1cs::from_path(r1cs)?;
        let _lock = self.lock(circuit)?;
        let file = self.unfinished(circuit)?;
        fs::copy(zkey, file.path()).map_err(at(zkey))?;
        let key = ProvingKey::open_unknown(file.path()).map_err(|error| error.renamed(zkey))?;
        manifest::check_circuit(&key, circuit, &system).map_err(|error| error.renamed(zkey))?;
        self.keep(file, KeyManifest::new(circuit, &digest, &key, false, now()))
    }

    /// Copies a key to a file of its own, for snarkjs or another machine.
    ///
    /// # Errors
    /// The key is damaged, or the file can't be written.
    pub fn export(&self, manifest: &KeyManifest, path: &Path) -> Result<(), KeyError> {
        self.open(manifest)?;
        fs::copy(self.key_path(manifest), path).map_err(at(path))?;
        Ok(())
    }

    /// Where a key's file is.
    pub fn key_path(&self, manifest: &KeyManifest) -> PathBuf {
        self.folder.join(format!("{}.zkey", manifest.file_stem()))
    }

    fn find_digest(&self, circuit: &str, r1cs: &str) -> Result<Option<KeyManifest>, KeyError> {
        let keys = self.list()?.into_iter();
        let keys = keys.filter(|key| key.circuit == circuit && key.circuit_sha256 == r1cs);
        let rank = |key: &KeyManifest| (!key.insecure_development_key, key.created_unix_seconds);
        Ok(keys.max_by_key(rank))
    }

    fn create_locked(
        &self,
        circuit: &str,
        r1cs: &Path,
        digest: &KeyDigest,
        entropy: &Entropy,
        progress: &mut Progress,
    ) -> Result<KeyManifest, KeyError> {
        let file = self.unfinished(circuit)?;
        let path = file.path().to_owned();
        let system = R1cs::from_path(r1cs)?;
        let mut buffer = BufWriter::with_capacity(WRITE_BUFFER_BYTES, file.as_file());
        let written = setup::write_key(&system, digest, entropy, &mut buffer, progress);
        written.map_err(|error| match error {
            SetupError::Key(error) => error,
            SetupError::Io(source) => at(&path)(source),
        })?;
        buffer.flush().map_err(at(&path))?;
        drop((buffer, system));
        progress(Stage::Digest, 0, 1);
        let key = ProvingKey::open_written(&path)?;
        let manifest = KeyManifest::new(circuit, digest, &key, true, now());
        let manifest = self.keep(file, manifest)?;
        progress(Stage::Digest, 1, 1);
        Ok(manifest)
    }

    fn lock(&self, circuit: &str) -> Result<File, KeyError> {
        let usable = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if circuit.is_empty() || !circuit.bytes().all(usable) {
            return Err(KeyError::Manifest {
                path: self.folder.clone(),
                reason: format!("{circuit:?} is no name for a circuit"),
            });
        }
        fs::create_dir_all(&self.folder).map_err(at(&self.folder))?;
        let path = self.folder.join(format!(".{circuit}.lock"));
        let file = File::create(&path).map_err(at(&path))?;
        file.lock().map_err(at(&path))?;
        Ok(file)
    }

    /// A file under another name, after those of interrupted runs are removed; the lock is held.
    fn unfinished(&self, circuit: &str) -> Result<NamedTempFile, KeyError> {
        let prefix = format!("{UNFINISHED}{circuit}.");
        for entry in fs::read_dir(&self.folder).map_err(at(&self.folder))? {
            let entry = entry.map_err(at(&self.folder))?;
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                fs::remove_file(entry.path()).map_err(at(&entry.path()))?;
            }
        }
        let file = tempfile::Builder::new()
            .prefix(&prefix)
            .tempfile_in(&self.folder);
        file.map_err(at(&self.folder))
    }

    /// Gives a finished key its name, then writes the manifest that makes it count.
    fn keep(&self, key: NamedTempFile, manifest: KeyManifest) -> Result<KeyManifest, KeyError> {
        let path = self.key_path(&manifest);
        key.as_file().sync_all().map_err(at(&path))?;
        key.persist(&path).map_err(|error| at(&path)(error.error))?;
        let path = path.with_extension("json");
        let mut file = NamedTempFile::new_in(&self.folder).map_err(at(&self.folder))?;
        file.write_all(&manifest.to_json()).map_err(at(&path))?;
        file.as_file().sync_all().map_err(at(&path))?;
        file.persist(&path)
            .map_err(|error| at(&path)(error.error))?;
        Ok(manifest)
    }
}

/// SHA-256 of a file.
fn file_digest(path: &Path) -> Result<KeyDigest, KeyError> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path).map_err(at(path))?;
    std::io::copy(&mut file, &mut HashWriter(&mut hasher)).map_err(at(path))?;
    Ok(hasher.finalize().into())
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn now() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    elapsed.map_or(0, |elapsed| elapsed.as_secs())
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> KeyError {
    let path = path.to_owned();
    move |source| KeyError::Io { path, source }
}
