//! This machine: its disk, its limits, its ports, its secrets.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::statvfs::statvfs;
use trifold_circuits::artifacts::Checkout;

use super::Finding;
use crate::private;

/// Free disk below which keys and circuits don't fit, and below which they soon won't, in bytes.
const DISK_REFUSE_BYTES: u64 = 1 << 30;
const DISK_WARN_BYTES: u64 = 8 << 30;
/// Open files below which connections are refused, and below which many readers of the page may be.
const FILES_REFUSE: u64 = 256;
const FILES_WARN: u64 = 1024;

/// What every process needs.
pub fn look() -> Vec<Finding> {
    let cache = Checkout::find();
    let cache = cache.map(|checkout| folder("cache", checkout.cache()));
    std::iter::once(open_files()).chain(cache.ok()).collect()
}

/// A folder that must be writable and have room.
pub fn folder(check: &'static str, path: &Path) -> Finding {
    let probe = path.join(format!(".doctor-{}", std::process::id()));
    let written = std::fs::create_dir_all(path).and_then(|()| std::fs::write(&probe, b"doctor"));
    let _ = std::fs::remove_file(&probe);
    if let Err(error) = written {
        let found = format!("{}: {error}", path.display());
        return Finding::refuse(
            check,
            found,
            "make it writable for this user, or set TRIFOLD_CACHE",
        );
    }
    match statvfs(path) {
        Ok(stat) => disk(check, stat.blocks_available() * stat.fragment_size()),
        Err(error) => Finding::warn(
            check,
            format!("{}: {error}", path.display()),
            "see to its disk",
        ),
    }
}

/// Free bytes of a disk.
pub fn disk(check: &'static str, free_bytes: u64) -> Finding {
    let found = format!("{} MiB free", free_bytes >> 20);
    let advice = "free some space";
    match free_bytes {
        bytes if bytes < DISK_REFUSE_BYTES => Finding::refuse(check, found, advice),
        bytes if bytes < DISK_WARN_BYTES => Finding::warn(check, found, advice),
        _ => Finding::ok(check, found),
    }
}

/// How many files this process may have open.
pub fn open_files() -> Finding {
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, _)) => files(soft),
        Err(error) => Finding::warn("open files", error.to_string(), "see ulimit -n"),
    }
}

fn files(limit: u64) -> Finding {
    let (check, found) = ("open files", format!("{limit} allowed"));
    let advice = "raise it: ulimit -n, or LimitNOFILE in the unit";
    match limit {
        files if files < FILES_REFUSE => Finding::refuse(check, found, advice),
        files if files < FILES_WARN => Finding::warn(check, found, advice),
        _ => Finding::ok(check, found),
    }
}

/// Whether the address of the page and the metrics is free.
pub fn port(address: SocketAddr) -> Finding {
    let check = "listen address";
    match TcpListener::bind(address) {
        Ok(_) if !address.ip().is_loopback() => Finding::warn(
            check,
            format!("{address}: others can read it, and it asks nobody who they are"),
            "put a proxy with TLS and a login before it",
        ),
        Ok(_) => Finding::ok(check, address.to_string()),
        Err(error) => {
            let found = format!("{address}: {error}");
            Finding::refuse(check, found, "choose another, or end what uses it")
        }
    }
}

/// Whether a file with a secret is its owner's alone.
pub fn secret(path: &Path) -> Finding {
    match private::read(path) {
        Ok(_) => Finding::ok("secret", path.display().to_string()),
        Err(error) => Finding::refuse("secret", format!("{error:#}"), "see to the file"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::Grade;
    use super::*;

    #[test]
    fn a_folder_that_is_a_file_is_refused_and_a_good_one_is_left_as_it_was() {
        let folder_path = tempfile::tempdir().unwrap();
        let good = folder("cache", folder_path.path());
        assert!(good.found.contains("MiB free"), "{good}");
        assert_eq!(std::fs::read_dir(folder_path.path()).unwrap().count(), 0);
        let file = folder_path.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert_eq!(folder("cache", &file).grade, Grade::Refuse);
    }

    #[test]
    fn a_full_disk_and_few_files_are_told_and_then_refused() {
        let grades = [0, DISK_REFUSE_BYTES, DISK_WARN_BYTES].map(|free| disk("x", free).grade);
        assert_eq!(grades, [Grade::Refuse, Grade::Warn, Grade::Ok]);
        let grades = [64, FILES_REFUSE, FILES_WARN].map(|limit| files(limit).grade);
        assert_eq!(grades, [Grade::Refuse, Grade::Warn, Grade::Ok]);
    }

    #[test]
    fn a_busy_port_is_refused_and_an_open_one_told() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(port(taken.local_addr().unwrap()).grade, Grade::Refuse);
        assert_eq!(port("127.0.0.1:0".parse().unwrap()).grade, Grade::Ok);
        assert_eq!(port("0.0.0.0:0".parse().unwrap()).grade, Grade::Warn);
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nkey.seed");
        assert_eq!(secret(&path).grade, Grade::Refuse);
        private::write(&path, "S").unwrap();
        assert_eq!(secret(&path).grade, Grade::Ok);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(secret(&path).grade, Grade::Refuse);
    }
}
