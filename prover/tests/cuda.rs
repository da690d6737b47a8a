//! The cuda backend on the kernels' emulator: every mode of memory, several keys on one card, what does not fit, and a
//! device that fails.

mod support;

use std::sync::Arc;

use ark_bn254::Fr;
use support::{Fixture, adversarial, inputs};
use trifold_kernels::{Device, EmulatorConfig};
use trifold_prover::backend::cuda::{Footprint, footprint};
use trifold_prover::backend::{Cuda, Fallback, LowMemory, Options};
use trifold_prover::{Backend, BackendError, Commitments, Cpu, LoadedKey, ProveError, ProvingKey};

fn config() -> EmulatorConfig {
    EmulatorConfig::default()
}

fn cuda(config: EmulatorConfig, budget: Option<u64>, low_memory: LowMemory) -> Cuda {
    let device = Device::emulator_with(config).unwrap();
    let options = Options {
        memory_budget_bytes: budget,
        low_memory,
        ..Options::default()
    };
    Cuda::on("emulated card", device, &options).unwrap()
}

fn footprint_of(key: &ProvingKey) -> Footprint {
    footprint(key, config().multiprocessors).unwrap()
}

fn error_of(loaded: Result<Box<dyn LoadedKey>, BackendError>) -> BackendError {
    loaded.err().expect("an error")
}

/// What the key's batches give, against the CPU.
fn agrees(backend: &dyn Backend, fixture: &Fixture) {
    let witnesses = adversarial(fixture);
    let witnesses: Vec<&[Fr]> = witnesses.iter().map(Vec::as_slice).collect();
    let commit = |backend: &dyn Backend| -> Vec<Commitments> {
        let loaded = backend.load(fixture.key()).unwrap();
        loaded.commit(&witnesses).unwrap()
    };
    assert_eq!(commit(backend), commit(&Cpu));
}

#[test]
fn tables_and_plain_points_agree_with_the_cpu() {
    let fixture = Fixture::new();
    agrees(&cuda(config(), None, LowMemory::Off), &fixture);
    agrees(&cuda(config(), None, LowMemory::On), &fixture);
}

/// The streams do nothing before somebody waits, so a missing wait gives wrong results.
#[test]
fn streams_wait_for_each_other() {
    let config = EmulatorConfig {
        deferred: true,
        ..config()
    };
    let fixture = Fixture::new();
    for low_memory in [LowMemory::Off, LowMemory::On] {
        agrees(&cuda(config.clone(), None, low_memory), &fixture);
    }
}

/// Hundreds of points, so that they pass in several pieces.
#[test]
fn a_key_that_does_not_fit_is_streamed() {
    let fixture = Fixture::of("tests/proving/chain.circom");
    let footprint = footprint_of(&fixture.key());
    assert!(footprint.streamed_bytes < footprint.points_bytes);
    assert!(footprint.points_bytes < footprint.tables_bytes);
    let witness = fixture.witness();
    let commit = |backend: &dyn Backend| {
        let loaded = backend.load(fixture.key()).unwrap();
        loaded.commit(&[&witness, &witness]).unwrap()
    };
    let expected = commit(&Cpu);
    for budget in [footprint.streamed_bytes, footprint.points_bytes] {
        let backend = cuda(config(), Some(budget), LowMemory::Auto);
        assert_eq!(commit(&backend), expected);
    }
    let too_small = footprint.streamed_bytes - 1;
    let backend = cuda(config(), Some(too_small), LowMemory::Auto);
    let BackendError::Memory {
        wanted_bytes,
        budget_bytes,
        ..
    } = error_of(backend.load(fixture.key()))
    else {
        panic!("another error");
    };
    assert_eq!(wanted_bytes, footprint.streamed_bytes);
    assert_eq!(budget_bytes, too_small);
}

#[test]
fn a_batch_is_split_by_the_memory_there_is() {
    let fixture = Fixture::new();
    let budget = footprint_of(&fixture.key()).points_bytes;
    let backend = cuda(config(), Some(budget), LowMemory::On);
    let loaded = backend.load(fixture.key()).unwrap();
    assert_eq!(loaded.batch_limit(), 1);
    agrees(&backend, &fixture);
    let roomy = cuda(config(), Some(64 * budget), LowMemory::On);
    let limits = [(); 2].map(|()| roomy.load(fixture.key()).unwrap().batch_limit());
    assert!(limits[0] > 4);
    assert_eq!(limits[0], limits[1], "also when it is there already");
}

#[test]
fn what_is_planned_is_what_is_taken_and_all_of_it_comes_back() {
    let fixture = Fixture::new();
    let footprint = footprint_of(&fixture.key());
    let device = Device::emulator().unwrap();
    let free = || device.memory().unwrap().free_bytes;
    // With a budget for more, tables are made as far as they pay and leave room for other keys.
    for (budget, low_memory, least) in [
        (
            2 * footprint.tables_bytes,
            LowMemory::Off,
            footprint.points_bytes,
        ),
        (
            footprint.points_bytes,
            LowMemory::On,
            footprint.points_bytes / 2,
        ),
    ] {
        let options = Options {
            low_memory,
            memory_budget_bytes: Some(budget),
            ..Options::default()
        };
        let before = free();
        let backend = Cuda::on("emulated card", device.clone(), &options).unwrap();
        let loaded = backend.load(fixture.key()).unwrap();
        let taken = before - free();
        assert!(taken <= budget, "{taken} of {budget}");
        assert!(taken > least, "{taken} of {budget}");
        drop((loaded, backend));
        assert_eq!(free(), before);
    }
}

#[test]
fn a_lack_of_memory_is_told_in_numbers() {
    let fixture = Fixture::new();
    let backend = cuda(config(), Some(1000), LowMemory::Off);
    let error = error_of(backend.load(fixture.key())).to_string();
    let wanted = footprint_of(&fixture.key()).tables_bytes;
    assert!(
        error.contains("1000 bytes free and a budget of 1000"),
        "{error}"
    );
    assert!(error.contains(&fixture.key_path().display().to_string()));
    assert!(wanted > 1000);
}

#[test]
fn automatic_choice_proves_on_the_cpu_what_does_not_fit() {
    let fixture = Fixture::new();
    let small = Arc::new(cuda(config(), Some(1000), LowMemory::Auto));
    agrees(&Fallback::new(small), &fixture);
}

fn other_key(fixture: &Fixture, seed: &str) -> Arc<ProvingKey> {
    let entropy = trifold_prover::Entropy::Seed(seed.as_bytes().to_vec());
    let made = fixture
        .cache
        .create("other", &fixture.artifact.r1cs, &entropy, &mut |_, _, _| {});
    fixture.cache.open(&made.unwrap()).unwrap()
}

/// Two keys where there is room for one: each leaves for the other, and comes back when it is used again.
#[test]
fn keys_take_turns_when_not_all_fit() {
    let fixture = Fixture::new();
    let keys = [fixture.key(), other_key(&fixture, "other")];
    let witness = fixture.witness();
    let budget = footprint_of(&keys[0]).points_bytes * 3 / 2;
    let backend = cuda(config(), Some(budget), LowMemory::On);
    let load = |key: &Arc<ProvingKey>| backend.load(key.clone()).unwrap();
    let loaded = keys.each_ref().map(load);
    for _ in 0..2 {
        for (loaded, key) in loaded.iter().zip(&keys) {
            let expected = Cpu.load(key.clone()).unwrap().commit(&[&witness]).unwrap();
            assert_eq!(loaded.commit(&[&witness]).unwrap(), expected);
        }
    }
}

/// Threads that use both keys of a card with room for one wait for each other's batches.
#[test]
fn keys_in_use_are_not_taken_away() {
    let fixture = Fixture::new();
    let keys = [fixture.key(), other_key(&fixture, "other")];
    let witness = fixture.witness();
    let budget = footprint_of(&keys[0]).points_bytes * 3 / 2;
    let backend = cuda(config(), Some(budget), LowMemory::On);
    std::thread::scope(|scope| {
        for key in &keys {
            let (backend, witness) = (&backend, &witness);
            scope.spawn(move || {
                let expected = Cpu.load(key.clone()).unwrap().commit(&[witness]).unwrap();
                let loaded = backend.load(key.clone()).unwrap();
                for _ in 0..3 {
                    assert_eq!(loaded.commit(&[witness]).unwrap(), expected);
                }
            });
        }
    });
}

#[test]
fn threads_share_a_key_and_get_their_own_results() {
    let fixture = Fixture::new();
    let backend = cuda(config(), None, LowMemory::Off);
    let prover = fixture.prover(&backend);
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let prover = &prover;
            scope.spawn(move || {
                let inputs = [inputs(10 + seed), inputs(20 + seed)];
                let expected = inputs
                    .each_ref()
                    .map(|inputs| prover.witness(inputs).unwrap()[1]);
                for (proven, expected) in prover.prove_many(&inputs).into_iter().zip(expected) {
                    assert_eq!(proven.unwrap().public, [expected]);
                }
            });
        }
    });
}

/// A card without the shared memory that the sort needs: the launch fails, and nothing is computed on it any more.
#[test]
fn a_device_that_fails_is_not_used_any_more() {
    let fixture = Fixture::new();
    let config = EmulatorConfig {
        shared_bytes_per_block: 32 << 10,
        ..config()
    };
    let backend = cuda(config, None, LowMemory::On);
    let prover = fixture.prover(&backend);
    let proven = prover.prove_many(&[inputs(7), inputs(8)]);
    for proven in proven {
        let error = proven.unwrap_err();
        assert!(error.is_fatal(), "{error}");
        assert!(error.to_string().contains("sort_scatter"), "{error}");
    }
    let error = error_of(backend.load(other_key(&fixture, "other")));
    assert!(matches!(error, BackendError::Device { .. }), "{error}");
    assert!(error.is_fatal());
}

#[test]
fn a_witness_of_another_length_costs_nothing_but_itself() {
    let fixture = Fixture::new();
    let backend = cuda(config(), None, LowMemory::On);
    let prover = fixture.prover(&backend);
    let good = fixture.witness();
    let proven = prover.prove_witnesses(&[&good, &good[1..], &good]);
    let [Ok(_), Err(ProveError::Backend(error)), Ok(_)] = &proven[..] else {
        panic!("{proven:?}");
    };
    assert!(!error.is_fatal());
}
