use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{ArtifactError, at};

/// The checkout that the sources are read from, and the cache that everything made from them goes to.
#[derive(Clone, Debug)]
pub struct Checkout {
    root: PathBuf,
    cache: PathBuf,
}

impl Checkout {
    /// The checkout named by `TRIFOLD_ROOT`, else the nearest folder from the current one upwards that holds
    /// `circuits/circuits.toml`. The cache is `TRIFOLD_CACHE` (relative to the root), else `.cache`.
    ///
    /// # Errors
    /// [`ArtifactError::NoCheckout`] when there is none.
    pub fn find() -> Result<Self, ArtifactError> {
        let start = match std::env::var_os("TRIFOLD_ROOT") {
            Some(root) => PathBuf::from(root),
            None => std::env::current_dir().map_err(at("."))?,
        };
        let cache = std::env::var_os("TRIFOLD_CACHE").unwrap_or_else(|| ".cache".into());
        Self::above(&start, Path::new(&cache))
    }

    /// As [`Checkout::find`], from a given folder and with a given cache.
    ///
    /// # Errors
    /// [`ArtifactError::NoCheckout`] when neither `start` nor a folder above it is a checkout.
    pub fn above(start: &Path, cache: &Path) -> Result<Self, ArtifactError> {
        let start = &std::path::absolute(start).map_err(at(start))?;
        let is_checkout = |dir: &&Path| dir.join("circuits/circuits.toml").is_file();
        match start.ancestors().find(is_checkout) {
            Some(root) => Ok(Self {
                root: root.into(),
                cache: root.join(cache),
            }),
            None => Err(ArtifactError::NoCheckout {
                start: start.into(),
            }),
        }
    }

    /// The folder that holds `circuits/`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The project's own cache.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Where the proving and verifying keys are kept.
    pub fn keys(&self) -> PathBuf {
        self.cache.join("keys")
    }

    /// The entry point of a command of the pinned JavaScript tools, e.g. `snarkjs/build/cli.cjs`, to run with `node`.
    pub fn node_script(&self, script: &str) -> PathBuf {
        self.cache.join("tools/npm/node_modules").join(script)
    }

    /// The pinned NATS server.
    pub fn nats_server(&self) -> PathBuf {
        self.cache.join("tools/nats/bin/nats-server")
    }

    /// Fetches a group of pinned tools (`npm` or `nats`) unless the cache has it.
    ///
    /// # Errors
    /// [`ArtifactError::Tools`] with the one line that says what is missing.
    pub fn fetch_tools(&self, group: &str) -> Result<(), ArtifactError> {
        let script = self.root.join("tools/fetch");
        let output = Command::new("sh")
            .arg(&script)
            .arg(group)
            .env("TRIFOLD_CACHE", &self.cache)
            .stdin(Stdio::null())
            .output()
            .map_err(at(&script))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(ArtifactError::Tools(last_line(&output.stderr))),
        }
    }
}

fn last_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let line = text.lines().rfind(|line| !line.trim().is_empty());
    line.unwrap_or("tools/fetch failed")
        .trim_start_matches("trifold: ")
        .to_owned()
}
