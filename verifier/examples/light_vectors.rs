//! Writes `tests/vectors/light`, the corpus that all implementations of the light client are tested with, and the seeds of the fuzz
//! targets.

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/light/corpus.rs"]
mod corpus;
#[path = "../tests/light/flips.rs"]
mod flips;
#[path = "../tests/light/further.rs"]
mod further;
#[path = "../tests/light/refusals.rs"]
mod refusals;
#[path = "../tests/light/shown.rs"]
mod shown;
#[path = "../tests/light/world.rs"]
mod world;

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = corpus::files().into_iter();
    let files = files.map(|(name, text)| (corpus::FOLDER.into(), name, text.into_bytes()));
    let seeds = corpus::seeds().into_iter();
    let seeds = seeds.map(|(target, name, bytes)| (format!("fuzz/seeds/{target}"), name, bytes));
    for (folder, name, bytes) in files.chain(seeds) {
        let folder = root.join(folder);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
