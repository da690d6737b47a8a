//! The cache of compiled circuits: compiled once, renewed when a source changes, never half there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use trifold_circuits::artifacts::{ArtifactError, Checkout, CircuitSpec, Event, Manifest};

const SQUARE: &str =
    "pragma circom 2.2.0;\ntemplate Square() { signal input x; signal output y; y <== x * x; }\n";

const SQUARE_MAIN: &str = "include \"lib/square.circom\";\ncomponent main = Square();\n";

/// A checkout of its own with the real tools and the given files below `circuits/`.
struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    fn new(files: &[(&str, &str)]) -> Self {
        let scratch = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let tools = Checkout::find().unwrap().root().join("tools");
        std::os::unix::fs::symlink(tools, scratch.folder.path().join("tools")).unwrap();
        scratch.write("circuits.toml", "circuit = []\n");
        for (path, text) in files {
            scratch.write(path, text);
        }
        scratch
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join("circuits").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Compiled circuits go to the scratch folder, the fetched tools are the project's.
    fn checkout(&self) -> Checkout {
        let cache = self.folder.path().join("cache");
        let project = Checkout::find().unwrap();
        project.fetch_tools("npm").unwrap();
        fs::create_dir_all(&cache).unwrap();
        let _ = std::os::unix::fs::symlink(project.cache().join("tools"), cache.join("tools"));
        Checkout::above(self.folder.path(), &cache).unwrap()
    }
}

fn square() -> (Scratch, CircuitSpec) {
    let scratch = Scratch::new(&[
        ("lib/square.circom", SQUARE),
        ("tests/square.circom", SQUARE_MAIN),
    ]);
    (scratch, CircuitSpec::unlisted("tests/square.circom".into()))
}

fn events(checkout: &Checkout, spec: &CircuitSpec) -> (Vec<Event>, PathBuf) {
    let seen = Mutex::new(Vec::new());
    let artifact = checkout
        .compile(spec, &|event| seen.lock().unwrap().push(event))
        .unwrap();
    (seen.into_inner().unwrap(), artifact.r1cs)
}

#[test]
fn a_circuit_is_compiled_once_and_again_when_an_included_source_changes() {
    let (scratch, spec) = square();
    let checkout = scratch.checkout();
    assert!(checkout.cached(&spec).unwrap().is_none());
    let (first, r1cs) = events(&checkout, &spec);
    assert_eq!(first, [Event::Compiling]);
    assert_eq!(fs::read(&r1cs).unwrap()[..4], *b"r1cs");
    assert_eq!(events(&checkout, &spec), (vec![], r1cs.clone()));
    scratch.write("lib/square.circom", &SQUARE.replace("x * x", "x * (x + 1)"));
    let (again, other) = events(&checkout, &spec);
    assert_eq!(again, [Event::Compiling]);
    assert_ne!(other, r1cs);
}

#[test]
fn parameters_of_a_listed_circuit_reach_its_template() {
    let template = "pragma circom 2.2.0;\ntemplate Power(n) { signal input x; signal p[n]; p[0] <== x * x;\
                    for (var i = 1; i < n; i++) { p[i] <== p[i - 1] * p[i - 1]; } 0 === p[n - 1]; }\n";
    let listed = |n| {
        format!(
            "[[circuit]]\nname = \"power\"\nsource = \"power.circom\"\ntemplate = \"Power\"\n\
                              parameters = [{{ name = \"n\", value = {n} }}]\n"
        )
    };
    let scratch = Scratch::new(&[("power.circom", template)]);
    let checkout = scratch.checkout();
    let compiled = [3, 4].map(|n| {
        scratch.write("circuits.toml", &listed(n));
        let manifest = Manifest::load(&checkout).unwrap();
        checkout
            .compile(manifest.get("power").unwrap(), &|_| {})
            .unwrap()
    });
    assert_ne!(compiled[0].digest, compiled[1].digest);
    let constraints = compiled
        .each_ref()
        .map(|artifact| artifact.size().unwrap().constraints);
    assert_eq!(constraints, [3, 4]);
    assert!(
        fs::read(&compiled[0].r1cs).unwrap().len() < fs::read(&compiled[1].r1cs).unwrap().len()
    );
}

#[test]
fn two_at_once_compile_once() {
    let (scratch, spec) = square();
    let checkout = scratch.checkout();
    let seen: Vec<_> = std::thread::scope(|scope| {
        let both = [0, 1].map(|_| scope.spawn(|| events(&checkout, &spec).0));
        both.into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(
        seen.iter()
            .filter(|event| **event == Event::Compiling)
            .count(),
        1
    );
}

#[test]
fn what_a_killed_compilation_left_is_not_trusted_and_goes_away() {
    let (scratch, spec) = square();
    let checkout = scratch.checkout();
    let (_, r1cs) = events(&checkout, &spec);
    let finished = r1cs.parent().unwrap().to_owned();
    let name = finished.file_name().unwrap().to_str().unwrap();
    let half = finished.with_file_name(format!(".{name}-killed"));
    fs::rename(&finished, &half).unwrap();
    assert_eq!(events(&checkout, &spec).0, [Event::Compiling]);
    assert!(!half.exists());
}

#[test]
fn refusals_name_their_cause() {
    let broken =
        "pragma circom 2.2.0;\ntemplate T() { signal input x; x === y; }\ncomponent main = T();\n";
    let scratch = Scratch::new(&[
        ("tests/broken.circom", broken),
        ("tests/absent.circom", "include \"gone.circom\";"),
        ("lib/square.circom", SQUARE),
        ("tests/square.circom", SQUARE_MAIN),
    ]);
    let checkout = scratch.checkout();
    let error = checkout.compile_test("tests/broken.circom").unwrap_err();
    assert!(
        matches!(&error, ArtifactError::Compiler { message, .. } if message.contains("y")),
        "{error}"
    );
    let error = checkout.compile_test("tests/absent.circom").unwrap_err();
    assert!(
        matches!(&error, ArtifactError::MissingInclude { include, .. } if include == "gone.circom"),
        "{error}"
    );
    let unknown = Manifest::load(&Checkout::find().unwrap()).unwrap();
    assert!(unknown.get("no-such-circuit").is_err());
    let artifact = checkout.compile_test("tests/square.circom").unwrap();
    fs::write(&artifact.r1cs, b"r1cs").unwrap();
    assert!(matches!(
        artifact.size(),
        Err(ArtifactError::Malformed { .. })
    ));
    assert!(Checkout::above(Path::new("/"), Path::new("cache")).is_err());
}
