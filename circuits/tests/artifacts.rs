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

const PROGRAM: &str = "pragma circom 2.2.0;\ninclude \"lib/square.circom\";\ninclude \"own.circom\";\n\
    template Cube() { signal input x; signal y <== Square()(x); _ <== Own()(y); }\n";

const OWN: &str =
    "pragma circom 2.2.0;\ntemplate Own() { signal input x; signal output z; z <== x * x; }\n";

const DESCRIPTION: &str = "name = \"cube\"\nsource = \"cube.circom\"\ntemplate = \"Cube\"\n";

/// A folder with a program of its own, beside a checkout.
fn program(description: &str) -> (Scratch, PathBuf) {
    let scratch = Scratch::new(&[("lib/square.circom", SQUARE)]);
    let folder = scratch.folder.path().join("elsewhere");
    fs::create_dir_all(&folder).unwrap();
    let files = [
        ("program.toml", description),
        ("cube.circom", PROGRAM),
        ("own.circom", OWN),
    ];
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
    (scratch, folder)
}

#[test]
fn a_program_of_another_folder_takes_our_library_and_its_own_files() {
    let (scratch, folder) = program(DESCRIPTION);
    let checkout = scratch.checkout();
    let manifest = Manifest::load(&checkout).unwrap();
    let spec = manifest.program(&folder).unwrap();
    let artifact = checkout.compile(&spec, &|_| {}).unwrap();
    artifact.check_program().unwrap();
    // It is named by what is in the folder, wherever that is, and is another one when a file of it changes.
    let moved = scratch.folder.path().join("moved");
    fs::rename(&folder, &moved).unwrap();
    let again = manifest.program(&moved).unwrap();
    assert_eq!(
        checkout.cached(&again).unwrap().unwrap().digest,
        artifact.digest
    );
    fs::write(moved.join("own.circom"), OWN.replace("x * x", "x * x + 1")).unwrap();
    assert!(checkout.cached(&again).unwrap().is_none());
}

#[test]
fn a_folder_without_a_sound_program_is_refused() {
    let refused = |description: &str| {
        let (scratch, folder) = program(description);
        let manifest = Manifest::load(&scratch.checkout()).unwrap();
        manifest.program(&folder).unwrap_err().to_string()
    };
    let said = refused("name = \"cube\"\n");
    assert!(said.contains("missing field `source`"), "{said}");
    let said = refused("name = \"cube\"\nsource = \"cube.circom\"\n");
    assert!(said.contains("cube: no template"), "{said}");
    let said = refused(&DESCRIPTION.replace("cube.circom", "/cube.circom"));
    assert!(said.contains("not relative"), "{said}");
    let said = refused(&" ".repeat(1 << 17));
    assert!(said.contains("longer than"), "{said}");

    let (scratch, folder) = program(DESCRIPTION);
    scratch.write(
        "circuits.toml",
        "[[circuit]]\nname = \"cube\"\nsource = \"a\"\n",
    );
    let manifest = Manifest::load(&scratch.checkout()).unwrap();
    let said = manifest.program(&folder).unwrap_err().to_string();
    assert!(said.contains("the name of a circuit of Trifold"), "{said}");

    let (scratch, folder) = program(DESCRIPTION);
    let two = PROGRAM.replace("signal y", "signal output y");
    fs::write(folder.join("cube.circom"), two).unwrap();
    let checkout = scratch.checkout();
    let spec = Manifest::load(&checkout).unwrap().program(&folder).unwrap();
    let artifact = checkout.compile(&spec, &|_| {}).unwrap();
    let error = artifact.check_program().unwrap_err();
    assert!(matches!(error, ArtifactError::Public { public: 2, .. }));
}
