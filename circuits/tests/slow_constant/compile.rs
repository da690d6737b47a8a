use std::fs;
use std::os::unix::fs::symlink;
use trifold_circuits::artifacts::{Artifact, Checkout, CircuitSpec};
use trifold_circuits::groth16::{ConstantKey, generate};

/// Compiles a main of this folder with the key's file for that many proofs, in a checkout of its own that shares library,
/// tools and cache with this one: the key's file is larger than anything that belongs into the repository.
pub fn compile(name: &str, main: &str, key: &ConstantKey, proofs: usize) -> Artifact {
    let checkout = Checkout::find().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let circuits = folder.path().join("circuits");
    fs::create_dir(&circuits).unwrap();
    symlink(checkout.root().join("tools"), folder.path().join("tools")).unwrap();
    symlink(checkout.root().join("circuits/lib"), circuits.join("lib")).unwrap();
    fs::write(circuits.join("circuits.toml"), "").unwrap();
    let generated = generate::constant_key(key, proofs).unwrap();
    fs::write(circuits.join("key.circom"), generated).unwrap();
    let source = format!("{name}.circom");
    fs::write(circuits.join(&source), main).unwrap();
    let cache = std::path::absolute(checkout.cache()).unwrap();
    let copy = Checkout::above(folder.path(), &cache).unwrap();
    copy.compile(&CircuitSpec::unlisted(source.into()), &|_| {})
        .unwrap()
}
