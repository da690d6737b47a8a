//! Compiled modules on disk, so that a card's kernels are compiled once.

use std::path::{Path, PathBuf};
use std::{env, fs, io, process};

use sha2::{Digest, Sha256};

use crate::error::{DeviceError, Result};

const MAGIC: &[u8; 16] = b"trifold-cubin-1\n";
const DIGEST_BYTES: usize = 32;

/// A folder of images, each beside its digest: a damaged file is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CubinCache {
    folder: PathBuf,
}

impl CubinCache {
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// `kernels` in `TRIFOLD_CACHE`, else `trifold/kernels` in the user's cache folder; nothing where neither is known.
    pub fn of_the_user() -> Option<Self> {
        let folder = |name: &str| {
            env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let folder = match folder("TRIFOLD_CACHE") {
            Some(cache) => cache.join("kernels"),
            None => folder("XDG_CACHE_HOME")
                .or_else(|| Some(folder("HOME")?.join(".cache")))?
                .join("trifold/kernels"),
        };
        Some(Self::at(folder))
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The image kept under this name, if it is there and whole.
    pub fn get(&self, name: &str) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.folder.join(name)).ok()?;
        let head = MAGIC.len() + DIGEST_BYTES;
        let whole = bytes.len() > head
            && bytes.starts_with(MAGIC)
            && Sha256::digest(&bytes[head..]).as_slice() == &bytes[MAGIC.len()..head];
        if !whole {
            tracing::warn!(name, folder = %self.folder.display(), "a damaged file among the compiled kernels is made anew");
            return None;
        }
        Some(bytes.split_off(head))
    }

    /// Keeps an image; readers see the whole of it or nothing.
    ///
    /// Errors: `Cache` if the folder cannot be written.
    pub fn put(&self, name: &str, image: &[u8]) -> Result<()> {
        self.write(name, image).map_err(|error| DeviceError::Cache {
            path: self.folder.display().to_string(),
            reason: error.to_string(),
        })
    }

    fn write(&self, name: &str, image: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let thread = std::thread::current().id();
        let temporary = self
            .folder
            .join(format!(".{name}.{}.{thread:?}", process::id()));
        let bytes = [&MAGIC[..], Sha256::digest(image).as_slice(), image].concat();
        let written = fs::write(&temporary, bytes)
            .and_then(|()| fs::rename(&temporary, self.folder.join(name)));
        if written.is_err() {
            let _ = fs::remove_file(&temporary); // the first error is the one to report
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only_file(cache: &CubinCache) -> PathBuf {
        let files: Vec<_> = fs::read_dir(cache.folder())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }

    #[test]
    fn an_image_comes_back_and_a_damaged_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = CubinCache::at(folder.path().join("new/folder"));
        assert_eq!(cache.get("one"), None);
        cache.put("one", b"image").unwrap();
        assert_eq!(cache.get("one").as_deref(), Some(&b"image"[..]));
        let whole = fs::read(only_file(&cache)).unwrap();
        for index in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[index] ^= 1;
            fs::write(only_file(&cache), &damaged).unwrap();
            assert_eq!(cache.get("one"), None, "byte {index}");
            fs::write(only_file(&cache), &whole[..index]).unwrap();
            assert_eq!(cache.get("one"), None, "cut at {index}");
        }
        cache.put("one", b"again").unwrap();
        assert_eq!(cache.get("one").as_deref(), Some(&b"again"[..]));
        only_file(&cache);
    }

    #[test]
    fn a_folder_that_cannot_be_is_an_error_with_its_path() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = CubinCache::at(file.path().join("below"))
            .put("one", b"image")
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&file.path().display().to_string()),
            "{error}"
        );
    }
}
