//! Content-addressed blobs: every reader checks the digest of what it was handed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;

use crate::Digest;

/// Largest blob that may be stored, in bytes.
pub const MAX_ARTIFACT_BYTES: usize = 64 << 20;

/// Why a blob could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    #[error("artifact {0} is not in the store")]
    Missing(Digest),
    #[error("artifact {digest} is larger than the {limit} bytes its reader accepts")]
    TooLarge { digest: Digest, limit: usize },
    #[error("artifact {wanted} is broken: its bytes have digest {found}")]
    Broken { wanted: Digest, found: Digest },
    #[error("artifact store: {0}")]
    Store(String),
}

/// One blob of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub digest: Digest,
    /// Time since it was last stored.
    pub age: Duration,
    pub bytes: u64,
}

/// A store of blobs named by their SHA-256 digest.
#[async_trait]
pub trait Artifacts: Send + Sync {
    /// Stores `bytes` durably and returns their name. Storing the same bytes again is harmless and makes them young.
    async fn put(&self, bytes: Bytes) -> Result<Digest, ArtifactError>;

    /// What the store holds, in order of the digests, also what was left behind by an interrupted `put`.
    async fn list(&self) -> Result<Vec<Listed>, ArtifactError>;

    /// Whether the store holds something under `digest`; reads none of it.
    async fn holds(&self, digest: &Digest) -> Result<bool, ArtifactError>;

    /// Removes the blob; none of that name is as good.
    async fn delete(&self, digest: &Digest) -> Result<(), ArtifactError>;

    /// What the store holds under `digest`, at most `limit` bytes, not checked yet: callers use [`fetch`].
    async fn get_unchecked(&self, digest: &Digest, limit: usize) -> Result<Bytes, ArtifactError>;
}

/// Reads the blob named `digest` and checks that it is the one.
pub async fn fetch(
    store: &dyn Artifacts,
    digest: &Digest,
    limit: usize,
) -> Result<Bytes, ArtifactError> {
    let bytes = store.get_unchecked(digest, limit).await?;
    if bytes.len() > limit {
        return Err(ArtifactError::TooLarge {
            digest: *digest,
            limit,
        });
    }
    match Digest::of(&bytes) {
        found if found == *digest => Ok(bytes),
        found => Err(ArtifactError::Broken {
            wanted: *digest,
            found,
        }),
    }
}

pub(crate) fn name_of(bytes: &Bytes) -> Result<Digest, ArtifactError> {
    let digest = Digest::of(bytes);
    if bytes.len() > MAX_ARTIFACT_BYTES {
        return Err(ArtifactError::TooLarge {
            digest,
            limit: MAX_ARTIFACT_BYTES,
        });
    }
    Ok(digest)
}

/// Blobs in memory, gone with the process.
#[derive(Default)]
pub struct MemoryArtifacts(Mutex<BTreeMap<Digest, (Bytes, Instant)>>);

impl MemoryArtifacts {
    fn blobs(&self) -> MutexGuard<'_, BTreeMap<Digest, (Bytes, Instant)>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

#[async_trait]
impl Artifacts for MemoryArtifacts {
    async fn put(&self, bytes: Bytes) -> Result<Digest, ArtifactError> {
        let digest = name_of(&bytes)?;
        self.blobs().insert(digest, (bytes, Instant::now()));
        Ok(digest)
    }

    async fn list(&self) -> Result<Vec<Listed>, ArtifactError> {
        let listed = |(digest, (bytes, since)): (&Digest, &(Bytes, Instant))| Listed {
            digest: *digest,
            age: since.elapsed(),
            bytes: bytes.len() as u64,
        };
        Ok(self.blobs().iter().map(listed).collect())
    }

    async fn holds(&self, digest: &Digest) -> Result<bool, ArtifactError> {
        Ok(self.blobs().contains_key(digest))
    }

    async fn delete(&self, digest: &Digest) -> Result<(), ArtifactError> {
        self.blobs().remove(digest);
        Ok(())
    }

    async fn get_unchecked(&self, digest: &Digest, limit: usize) -> Result<Bytes, ArtifactError> {
        match self.blobs().get(digest) {
            None => Err(ArtifactError::Missing(*digest)),
            Some((bytes, _)) if bytes.len() > limit => Err(ArtifactError::TooLarge {
                digest: *digest,
                limit,
            }),
            Some((bytes, _)) => Ok(bytes.clone()),
        }
    }
}

/// Blobs as files of one directory, each written under a temporary name, synced and renamed.
pub struct DirectoryArtifacts {
    root: PathBuf,
}

impl DirectoryArtifacts {
    /// Opens the store in `root`, creating the directory if needed. One process at a time uses it.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, ArtifactError> {
        let root = root.into();
        std::fs::create_dir_all(&root).map_err(|e| io_error(&root, e))?;
        forget_unfinished(&root).map_err(|e| io_error(&root, e))?;
        Ok(Self { root })
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.root.join(digest.to_string())
    }
}

/// Removes what a writer that was killed left under temporary names.
fn forget_unfinished(root: &Path) -> std::io::Result<()> {
    for file in std::fs::read_dir(root)? {
        let path = file?.path();
        if path.extension().is_some_and(|e| e == TEMPORARY) {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn list_files(root: &Path) -> std::io::Result<Vec<Listed>> {
    let now = SystemTime::now();
    let mut found = Vec::new();
    for file in std::fs::read_dir(root)? {
        let file = file?;
        let name = file.file_name();
        let Some(digest) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // One that was deleted meanwhile is not listed.
        let Ok(metadata) = file.metadata() else {
            continue;
        };
        let age = now.duration_since(metadata.modified()?).unwrap_or_default();
        let bytes = metadata.len();
        found.push(Listed { digest, age, bytes });
    }
    found.sort_by_key(|listed| listed.digest);
    Ok(found)
}

fn remove_file(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// The file was stored again now.
fn touch(path: &Path) -> std::io::Result<()> {
    let file = std::fs::File::options().append(true).open(path)?;
    file.set_modified(SystemTime::now())
}

fn io_error(path: &Path, error: std::io::Error) -> ArtifactError {
    ArtifactError::Store(format!("{}: {error}", path.display()))
}

/// Ends the names of files that are not complete.
const TEMPORARY: &str = "tmp";

/// Writes `bytes` to `path` so that a reader sees all of them or none, even after a power cut.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::sync::atomic::{AtomicU64, Ordering};
    static SERIAL: AtomicU64 = AtomicU64::new(0);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{serial}.{TEMPORARY}", std::process::id()));
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::File::open(directory)?.sync_all()
}

fn read_file(path: &Path, digest: &Digest, limit: usize) -> Result<Bytes, ArtifactError> {
    use std::io::Read;
    let file = match std::fs::File::open(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(ArtifactError::Missing(*digest));
        }
        opened => opened.map_err(|e| io_error(path, e))?,
    };
    let mut bytes = Vec::new();
    let mut bounded = file.take(limit as u64 + 1);
    bounded
        .read_to_end(&mut bytes)
        .map_err(|e| io_error(path, e))?;
    if bytes.len() > limit {
        return Err(ArtifactError::TooLarge {
            digest: *digest,
            limit,
        });
    }
    Ok(bytes.into())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArtifactError> + Send + 'static,
) -> Result<T, ArtifactError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|e| Err(ArtifactError::Store(e.to_string())))
}

#[async_trait]
impl Artifacts for DirectoryArtifacts {
    async fn put(&self, bytes: Bytes) -> Result<Digest, ArtifactError> {
        let digest = name_of(&bytes)?;
        let path = self.path(&digest);
        blocking(move || {
            // A file that is there but broken is replaced.
            let kept = read_file(&path, &digest, bytes.len()).is_ok_and(|old| old == bytes);
            let stored = match kept {
                true => touch(&path),
                false => write_atomically(&path, &bytes),
            };
            stored.map_err(|e| io_error(&path, e))?;
            Ok(digest)
        })
        .await
    }

    async fn list(&self) -> Result<Vec<Listed>, ArtifactError> {
        let root = self.root.clone();
        blocking(move || list_files(&root).map_err(|e| io_error(&root, e))).await
    }

    async fn holds(&self, digest: &Digest) -> Result<bool, ArtifactError> {
        let path = self.path(digest);
        blocking(move || path.try_exists().map_err(|e| io_error(&path, e))).await
    }

    async fn delete(&self, digest: &Digest) -> Result<(), ArtifactError> {
        let path = self.path(digest);
        blocking(move || remove_file(&path).map_err(|e| io_error(&path, e))).await
    }

    async fn get_unchecked(&self, digest: &Digest, limit: usize) -> Result<Bytes, ArtifactError> {
        let (path, digest) = (self.path(digest), *digest);
        blocking(move || read_file(&path, &digest, limit)).await
    }
}
