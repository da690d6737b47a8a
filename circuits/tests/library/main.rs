//! The basic Circom library against its definitions in Rust; each constraint is shown to bite on edited witnesses.

mod channel;
mod poseidon;
mod range;
mod statement;
mod support;
mod trie;

use std::path::Path;
use trifold_circuits::generated;

#[test]
fn generated_files_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for file in generated::files().unwrap() {
        let text = std::fs::read_to_string(root.join(&file.path)).unwrap();
        assert!(
            text == file.text,
            "{} is stale: run the generator",
            file.path
        );
    }
}
