//! The seeds of every fuzz target, without a fuzzer: as they are, cut short at every length, and with every byte changed.

mod common;
#[path = "../fuzz/targets.rs"]
mod targets;
#[path = "light/world.rs"]
mod world;

use std::fs;
use std::path::Path;

/// Changes of a long seed are spread over this many places.
const PLACES: usize = 300;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let files = fs::read_dir(folder.join(target)).unwrap();
    files
        .map(|file| fs::read(file.unwrap().path()).unwrap())
        .collect()
}

#[test]
fn every_seed_passes_its_target() {
    for (name, target) in targets::TARGETS {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name}");
        for seed in seeds {
            target(&seed);
            for place in (0..seed.len()).step_by(seed.len().div_ceil(PLACES)) {
                target(&seed[..place]);
                let mut changed = seed.clone();
                changed[place] ^= 1 << (place % 8);
                target(&changed);
            }
        }
    }
}
