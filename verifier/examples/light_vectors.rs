//! Writes `tests/vectors/light`, the corpus that all implementations of the light client are tested with.

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/light/corpus.rs"]
mod corpus;
#[path = "../tests/light/flips.rs"]
mod flips;
#[path = "../tests/light/refusals.rs"]
mod refusals;
#[path = "../tests/light/world.rs"]
mod world;

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/light");
    std::fs::create_dir_all(&folder)?;
    for (name, text) in corpus::files() {
        std::fs::write(folder.join(name), text)?;
    }
    Ok(())
}
