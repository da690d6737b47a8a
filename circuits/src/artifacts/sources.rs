use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use super::program::OWN;
use super::{ArtifactError, Checkout, CircuitSpec, at};

/// Everything that a circuit is compiled from: texts by their path relative to `circuits/`; what is below [`OWN`] is the
/// program's own.
pub(super) struct Sources {
    /// The file that holds `main`, relative to `circuits/`.
    pub main: PathBuf,
    texts: BTreeMap<PathBuf, String>,
}

impl Sources {
    /// Follows the includes of a circuit: each is looked up beside the including file, then in `circuits/`.
    pub fn collect(checkout: &Checkout, spec: &CircuitSpec) -> Result<Self, ArtifactError> {
        let places = Places {
            circuits: checkout.root().join("circuits"),
            own: spec.folder.clone(),
        };
        let mut texts = BTreeMap::new();
        let main = match spec.main_text() {
            Some(text) => {
                let main = PathBuf::from(format!("{}.main.circom", spec.name));
                texts.insert(main.clone(), text);
                main
            }
            None => spec.source.clone(),
        };
        let mut pending = vec![spec.source.clone()];
        while let Some(file) = pending.pop() {
            if texts.contains_key(&file) {
                continue;
            }
            let path = places.path(&file);
            let text = std::fs::read_to_string(&path).map_err(at(path))?;
            for include in includes(&text) {
                pending.push(places.resolve(&file, &include)?);
            }
            texts.insert(file, text);
        }
        Ok(Self { main, texts })
    }

    /// SHA-256 over the compiler, the level of simplification and every path and text, each with its length.
    pub fn digest(&self, compiler: &str, optimization: u8) -> [u8; 32] {
        let mut hasher = Sha256::new();
        let mut absorb = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        absorb(b"trifold/circuit/v1");
        absorb(compiler.as_bytes());
        absorb(&[optimization]);
        absorb(self.main.to_string_lossy().as_bytes());
        for (path, text) in &self.texts {
            absorb(path.to_string_lossy().as_bytes());
            absorb(text.as_bytes());
        }
        hasher.finalize().into()
    }

    /// Writes the texts below `folder`, which the compiler then reads and nothing else.
    pub fn write(&self, folder: &Path) -> Result<(), ArtifactError> {
        for (path, text) in &self.texts {
            let path = folder.join(path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(at(parent))?;
            }
            std::fs::write(&path, text).map_err(at(&path))?;
        }
        Ok(())
    }
}

/// The paths in the `include "…";` statements of a text, comments left out.
fn includes(text: &str) -> Vec<String> {
    let code = without_comments(text);
    let quoted = |rest: &str| {
        rest.trim_start()
            .strip_prefix('"')?
            .split('"')
            .next()
            .map(str::to_owned)
    };
    code.split("include").skip(1).filter_map(quoted).collect()
}

fn without_comments(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("//").into_iter().chain(rest.find("/*")).min() {
        code.push_str(&rest[..at]);
        let end = if rest[at..].starts_with("//") {
            "\n"
        } else {
            "*/"
        };
        rest = match rest[at + 2..].find(end) {
            Some(length) => &rest[at + 2 + length + end.len()..],
            None => "",
        };
        code.push('\n');
    }
    code + rest
}

/// Where sources are read from.
struct Places {
    circuits: PathBuf,
    /// The folder of a program that is not ours.
    own: Option<PathBuf>,
}

impl Places {
    /// Where the text of this path is.
    fn path(&self, file: &Path) -> PathBuf {
        match (&self.own, file.strip_prefix(OWN)) {
            (Some(own), Ok(inside)) => own.join(inside),
            _ => self.circuits.join(file),
        }
    }

    fn resolve(&self, file: &Path, include: &str) -> Result<PathBuf, ArtifactError> {
        let beside = file.parent().map(|parent| plain(&parent.join(include)));
        let candidates = [beside.flatten(), plain(Path::new(include))];
        let found = candidates
            .into_iter()
            .flatten()
            .find(|path| self.path(path).is_file());
        found.ok_or_else(|| ArtifactError::MissingInclude {
            file: file.into(),
            include: include.into(),
        })
    }
}

/// The path without `.` and `..`; `None` when it leads out of the folder.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => out.push(name),
            Component::CurDir => {}
            Component::ParentDir if out.pop() => {}
            _ => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_leave_out_comments() {
        let text = "include \"a.circom\"; // include \"b.circom\";\n/* include \"c.circom\"; */ include  \"../d.circom\";";
        assert_eq!(includes(text), ["a.circom", "../d.circom"]);
    }

    #[test]
    fn a_path_stays_inside_the_folder() {
        assert_eq!(
            plain(Path::new("lib/groth16/../trie.circom")),
            Some("lib/trie.circom".into())
        );
        assert_eq!(plain(Path::new("../secret.circom")), None);
        assert_eq!(plain(Path::new("/etc/passwd")), None);
    }
}
