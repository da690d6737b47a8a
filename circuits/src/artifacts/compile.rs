use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::sources::Sources;
use super::{ArtifactError, Checkout, CircuitSpec, at};

/// The compiler's last line on success; node's own exit code may be that of a crash afterwards (see tools/circom.mjs).
const FINISHED: &[u8] = b"circom exited with 0\n";

/// A compiled circuit.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The circuit's name.
    pub name: String,
    /// SHA-256 of what it was compiled from, in hexadecimal.
    pub digest: String,
    /// The constraints, in iden3's binary format.
    pub r1cs: PathBuf,
    /// The witness calculator.
    pub wasm: PathBuf,
}

/// What a person waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Another process holds the artifact's lock.
    Waiting,
    /// The compiler runs: minutes for a circuit of a million constraints.
    Compiling,
}

impl Checkout {
    /// The compiled circuit, from the cache or from the compiler.
    ///
    /// # Errors
    /// See [`ArtifactError`].
    pub fn compile(
        &self,
        spec: &CircuitSpec,
        on: &dyn Fn(Event),
    ) -> Result<Artifact, ArtifactError> {
        let (sources, artifact) = self.locate(spec)?;
        if !artifact.exists() {
            let folder = self.cache().join("circuits");
            fs::create_dir_all(&folder).map_err(at(&folder))?;
            let _lock = lock(
                &folder.join(format!(".{}-{}.lock", spec.name, &artifact.digest[..16])),
                on,
            )?;
            if !artifact.exists() {
                on(Event::Compiling);
                self.compile_into(&folder, spec, &sources, &artifact)?;
            }
        }
        Ok(artifact)
    }

    /// As [`Checkout::compile`] for a file with a `main` of its own, relative to `circuits/` (`tests/range.circom`).
    ///
    /// # Errors
    /// See [`ArtifactError`].
    pub fn compile_test(&self, source: impl Into<PathBuf>) -> Result<Artifact, ArtifactError> {
        self.compile(&CircuitSpec::unlisted(source.into()), &|_| {})
    }

    /// The compiled circuit if the cache has it; compiles nothing.
    ///
    /// # Errors
    /// See [`ArtifactError`].
    pub fn cached(&self, spec: &CircuitSpec) -> Result<Option<Artifact>, ArtifactError> {
        let (_, artifact) = self.locate(spec)?;
        Ok(artifact.exists().then_some(artifact))
    }

    fn locate(&self, spec: &CircuitSpec) -> Result<(Sources, Artifact), ArtifactError> {
        let sources = Sources::collect(self, spec)?;
        let digest = hex::encode(sources.digest(&self.compiler()?, spec.optimization));
        let folder = self
            .cache()
            .join("circuits")
            .join(format!("{}-{}", spec.name, &digest[..16]));
        let file = |extension: &str| folder.join(format!("{}.{extension}", spec.name));
        let artifact = Artifact {
            name: spec.name.clone(),
            digest,
            r1cs: file("r1cs"),
            wasm: file("wasm"),
        };
        Ok((sources, artifact))
    }

    /// The pinned compiler: version and hash of its package.
    fn compiler(&self) -> Result<String, ArtifactError> {
        let path = self.root().join("tools/package-lock.json");
        let bytes = fs::read(&path).map_err(at(&path))?;
        let lock: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|error| ArtifactError::Manifest {
                path: path.clone(),
                reason: error.to_string(),
            })?;
        let package = &lock["packages"]["node_modules/circom2"];
        match (package["version"].as_str(), package["integrity"].as_str()) {
            (Some(version), Some(hash)) => Ok(format!("circom2@{version} {hash}")),
            _ => Err(ArtifactError::Manifest {
                path,
                reason: "circom2 is not pinned".into(),
            }),
        }
    }

    /// Compiles in a folder of its own and renames that folder to the artifact's.
    fn compile_into(
        &self,
        folder: &Path,
        spec: &CircuitSpec,
        sources: &Sources,
        artifact: &Artifact,
    ) -> Result<(), ArtifactError> {
        self.fetch_tools("npm")?;
        let prefix = format!(".{}-{}-", spec.name, &artifact.digest[..16]);
        remove_leftovers(folder, &prefix);
        let work = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(folder)
            .map_err(at(folder))?;
        sources.write(work.path())?;
        self.run_compiler(spec, sources, work.path())?;
        let stem = sources
            .main
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let out = work.path().join("artifact");
        fs::create_dir(&out).map_err(at(&out))?;
        take(
            &work.path().join(format!("out/{stem}.r1cs")),
            &out.join(format!("{}.r1cs", spec.name)),
        )?;
        take(
            &work.path().join(format!("out/{stem}_js/{stem}.wasm")),
            &out.join(format!("{}.wasm", spec.name)),
        )?;
        let target = artifact.r1cs.parent().unwrap_or(folder);
        fs::rename(&out, target).map_err(at(target))
    }

    fn run_compiler(
        &self,
        spec: &CircuitSpec,
        sources: &Sources,
        work: &Path,
    ) -> Result<(), ArtifactError> {
        fs::create_dir(work.join("out")).map_err(at(work))?;
        let output = Command::new("node")
            .arg("--no-warnings") // that node's WASI may still change
            .arg("--no-turbo-fast-api-calls") // with them, node 20 crashes in WASI calls now and then
            .arg(self.root().join("tools/circom.mjs"))
            .arg(self.node_script("circom2/circom.wasm"))
            .arg(&sources.main)
            .args(["--r1cs", "--wasm", "-l", ".", "-o", "out"])
            .arg(format!("--O{}", spec.optimization))
            .current_dir(work)
            .stdin(Stdio::null())
            .output()
            .map_err(at("node"))?;
        let finished = output.stdout.ends_with(FINISHED);
        let said = [output.stdout, output.stderr].concat();
        match finished {
            true => Ok(()),
            false => Err(ArtifactError::Compiler {
                name: spec.name.clone(),
                message: complaint(&said),
            }),
        }
    }
}

impl Artifact {
    fn exists(&self) -> bool {
        self.r1cs.is_file() && self.wasm.is_file()
    }
}

/// Holds the lock file until dropped; the system frees it when the process dies.
fn lock(path: &Path, on: &dyn Fn(Event)) -> Result<File, ArtifactError> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(at(path))?;
    if file.try_lock().is_err() {
        on(Event::Waiting);
        file.lock().map_err(at(path))?;
    }
    Ok(file)
}

/// Folders of compilations that were killed; their lock is held here, so nobody uses them.
fn remove_leftovers(folder: &Path, prefix: &str) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)) {
        let _ = fs::remove_dir_all(entry.path());
    }
}

fn take(from: &Path, to: &Path) -> Result<(), ArtifactError> {
    fs::rename(from, to).map_err(at(from))?;
    File::open(to)
        .and_then(|file| file.sync_all())
        .map_err(at(to))
}

/// The compiler's error lines, without its colours, at most 40 of them.
fn complaint(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let mut plain = String::new();
    for (i, piece) in text.split('\u{1b}').enumerate() {
        let tail = if i == 0 {
            Some(piece)
        } else {
            piece.split_once('m').map(|(_, tail)| tail)
        };
        plain.push_str(tail.unwrap_or_default());
    }
    let lines: Vec<_> = plain
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(40)
        .collect();
    lines.join("\n")
}
