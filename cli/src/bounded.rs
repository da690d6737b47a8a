//! Files that somebody else may have written: no more of one is read than its limit allows.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, ensure};

/// The bytes of a file of at most `limit` bytes; pipes and files that grow meanwhile included.
///
/// # Errors
/// It can't be read, or is longer.
pub fn read(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let shown = || path.display().to_string();
    let file = File::open(path).with_context(shown)?;
    let mut bytes = Vec::new();
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.with_context(shown)?;
    ensure!(
        bytes.len() as u64 <= limit,
        "{}: more than the {limit} bytes that are read",
        path.display()
    );
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_at_its_limit_is_read_and_a_longer_one_or_an_endless_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert!(
            read(&path, 4)
                .unwrap_err()
                .to_string()
                .contains("more than")
        );
        assert!(read(Path::new("/dev/zero"), 100).is_err());
    }
}
