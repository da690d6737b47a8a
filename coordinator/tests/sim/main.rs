//! The coordinator simulated: several coordinators, a queue and its faults, workers and shards, all from one seed.
//!
//! Time, deliveries, crashes and lies are drawn from the seed, so `TRIFOLD_SIM_SEED=n` replays a run exactly.
//! `TRIFOLD_SIM_SEEDS` is the number of seeds. What is checked stands in `ledger.rs`, which sees every entry that is
//! recorded, and in `World::check`.

mod bus;
mod ledger;
mod world;

use world::World;

/// Random steps before the faults stop.
const STEPS: u32 = 500;
/// Seeds of a run that does not say how many.
const SEEDS: u64 = 200;
/// Seeds that found something once, run every time: epoch 5 was told to be published before epoch 4.
const FOUND: [u64; 1] = [7301];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What all seeds together did: a simulation in which nothing happens finds nothing.
#[derive(Default, Debug)]
struct Total {
    seeds: u64,
    crashes: u64,
    terms: u64,
    conflicts: u64,
    redelivered: u64,
    epochs: u64,
    snapshots: u64,
    dropped: u64,
    checkpoints: u64,
    lies: u64,
}

fn run(seed: u64, total: &mut Total) {
    let mut world = World::new(seed);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        for _ in 0..STEPS {
            world.step();
        }
        world.settle();
        world.check();
    }));
    if let Err(panic) = outcome {
        eprintln!("seed {seed} fails (replay it: SEED={seed} make sim); its last events:");
        world.last_events().for_each(|event| eprintln!("  {event}"));
        std::panic::resume_unwind(panic);
    }
    world.add_to(total);
}

#[test]
fn no_seed_loses_or_doubles_anything() {
    let seeds: Vec<u64> = match number("TRIFOLD_SIM_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("TRIFOLD_SIM_SEEDS").unwrap_or(SEEDS))
            .chain(FOUND)
            .collect(),
    };
    let single = seeds.len() == 1;
    let mut total = Total::default();
    for seed in seeds {
        run(seed, &mut total);
    }
    println!("{total:?}");
    let idle = [
        total.crashes,
        total.conflicts,
        total.epochs,
        total.checkpoints,
    ]
    .contains(&0);
    assert!(single || !idle, "nothing happened: {total:?}");
}

/// The same seed is the same run, to the last byte of the journal.
#[test]
fn a_seed_replays_exactly() {
    let journal = |seed| {
        let mut world = World::new(seed);
        (0..STEPS).for_each(|_| world.step());
        world.journal_digest()
    };
    for seed in 0..3 {
        assert_eq!(journal(seed), journal(seed));
    }
}
