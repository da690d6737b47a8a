//! Files with secrets: made for their owner alone, and not read when others could have.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, ensure};

/// Permissions of a secret.
const MODE: u32 = 0o600;
/// Longest secret read, in bytes.
pub const MAX_SECRET_BYTES: u64 = 64 << 10;

/// Replaces the file at `path` by one that only its owner may read.
///
/// # Errors
/// It can't be written.
pub fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let replace = || -> std::io::Result<()> {
        let temporary = path.with_extension("new");
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(MODE);
        let mut file = options.open(&temporary)?;
        file.set_permissions(PermissionsExt::from_mode(MODE))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    replace().with_context(|| path.display().to_string())
}

/// Reads a secret.
///
/// # Errors
/// It can't be read, is longer than [`MAX_SECRET_BYTES`], or others may read or change it.
pub fn read(path: &Path) -> anyhow::Result<String> {
    let shown = || path.display().to_string();
    let file = File::open(path).with_context(shown)?;
    check(
        path,
        file.metadata().with_context(shown)?.permissions().mode(),
    )?;
    let mut text = String::new();
    let read = file.take(MAX_SECRET_BYTES + 1).read_to_string(&mut text);
    read.with_context(shown)?;
    ensure!(
        text.len() as u64 <= MAX_SECRET_BYTES,
        "{}: more than {MAX_SECRET_BYTES} bytes",
        path.display()
    );
    Ok(text)
}

fn check(path: &Path, mode: u32) -> anyhow::Result<()> {
    ensure!(
        mode & 0o077 == 0,
        "{}: others may read or change this secret (mode {:o}); chmod 600 it, and replace it if they did",
        path.display(),
        mode & 0o7777
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        write(&path, "one").unwrap();
        write(&path, "two").unwrap();
        assert_eq!(read(&path).unwrap(), "two");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, MODE);
        for mode in [0o640, 0o604, 0o622] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            assert!(read(&path).unwrap_err().to_string().contains("chmod 600"));
        }
    }

    #[test]
    fn a_long_file_is_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        write(&path, &"x".repeat(MAX_SECRET_BYTES as usize + 1)).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("more than"));
    }
}
