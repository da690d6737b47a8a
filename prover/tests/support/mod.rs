//! A small circuit, compiled once, with a development key in a folder of the test's own.
#![allow(dead_code)]

pub mod faulty;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::Field;
use tempfile::TempDir;
use trifold_circuits::artifacts::{Artifact, Checkout};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::r1cs::R1cs;
use trifold_circuits::witness::WitnessCalculator;
use trifold_prover::backend::{Cuda, Options, Paired};
use trifold_prover::{Backend, Cpu, Entropy, KeyCache, KeyManifest, Prover, ProvingKey};

pub const CIRCUIT: &str = "powers";
pub const STEPS: u64 = 20;

/// Every backend that this machine can run.
pub fn backends() -> Vec<Box<dyn Backend>> {
    let mut backends: Vec<Box<dyn Backend>> = vec![Box::new(Cpu)];
    backends.push(Box::new(emulated("cuda-emulator")));
    let emulator = Arc::new(emulated("cuda-emulator"));
    backends.push(Box::new(Paired::new(emulator, Arc::new(Cpu))));
    backends.extend(cuda());
    backends.extend(icicle());
    backends
}

/// The cuda backend without a card.
fn emulated(name: &str) -> Cuda {
    let device = trifold_kernels::Device::emulator().unwrap();
    Cuda::on(name, device, &Options::default()).unwrap()
}

/// The first card, where there is one.
fn cuda() -> Option<Box<dyn Backend>> {
    match Cuda::open(&Options::default()) {
        Ok(backend) => {
            eprintln!("backend cuda on {}", backend.describe());
            Some(Box::new(backend))
        }
        Err(error) => {
            eprintln!("skipped: backend cuda ({error})");
            None
        }
    }
}

/// ICICLE, where `ICICLE_INSTALL_DIR` says that there is one.
#[cfg(feature = "icicle")]
fn icicle() -> Option<Box<dyn Backend>> {
    let Some(folder) = std::env::var_os("ICICLE_INSTALL_DIR") else {
        eprintln!("skipped: backend icicle (no ICICLE_INSTALL_DIR)");
        return None;
    };
    let options = trifold_prover::backend::IcicleOptions {
        folder: Some(folder.into()),
        device: None,
    };
    let backend = trifold_prover::backend::Icicle::new(&options).unwrap();
    eprintln!("backend icicle on {}", backend.device());
    Some(Box::new(backend))
}

#[cfg(not(feature = "icicle"))]
fn icicle() -> Option<Box<dyn Backend>> {
    eprintln!("skipped: backend icicle (built without it)");
    None
}

/// Inputs that satisfy the circuit.
pub fn inputs(a: u64) -> Inputs {
    let mut inputs = Inputs::new();
    inputs.insert("a", [Fr::from(a)]);
    inputs.insert("bits", (0..STEPS).map(|i| Fr::from(i % 3 % 2)));
    inputs.insert("unused", [Fr::from(12)]);
    inputs
}

/// The same inputs as snarkjs reads them.
pub fn inputs_json(a: u64) -> String {
    let bits: Vec<String> = (0..STEPS).map(|i| (i % 3 % 2).to_string()).collect();
    format!(
        r#"{{"a": "{a}", "bits": [{}], "unused": "12"}}"#,
        bits.join(", ")
    )
}

pub struct Fixture {
    pub checkout: Checkout,
    pub artifact: Artifact,
    pub folder: TempDir,
    pub cache: KeyCache,
    pub manifest: KeyManifest,
}

impl Fixture {
    pub fn new() -> Self {
        Self::of("tests/proving/powers.circom")
    }

    /// Any circuit with the inputs of `powers`.
    pub fn of(source: &str) -> Self {
        let checkout = Checkout::find().unwrap();
        let artifact = checkout.compile_test(source).unwrap();
        Self::with(checkout, artifact)
    }

    pub fn with(checkout: Checkout, artifact: Artifact) -> Self {
        let folder = TempDir::new().unwrap();
        let cache = KeyCache::new(folder.path().join("keys"));
        let seed = Entropy::Seed(b"parity".to_vec());
        let manifest = cache
            .create(CIRCUIT, &artifact.r1cs, &seed, &mut |_, _, _| {})
            .unwrap();
        Self {
            checkout,
            artifact,
            folder,
            cache,
            manifest,
        }
    }

    pub fn key(&self) -> Arc<ProvingKey> {
        self.cache.open(&self.manifest).unwrap()
    }

    pub fn key_path(&self) -> PathBuf {
        self.cache.key_path(&self.manifest)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn r1cs(&self) -> R1cs {
        R1cs::from_path(&self.artifact.r1cs).unwrap()
    }

    pub fn witness(&self) -> Vec<Fr> {
        self.witness_of(&inputs(7))
    }

    pub fn witness_of(&self, inputs: &Inputs) -> Vec<Fr> {
        let calculator = WitnessCalculator::from_wasm(&self.artifact.wasm).unwrap();
        calculator.calculate(inputs).unwrap()
    }

    pub fn prover(&self, backend: &dyn Backend) -> Prover {
        self.prover_of(self.key(), backend)
    }

    pub fn prover_of(&self, key: Arc<ProvingKey>, backend: &dyn Backend) -> Prover {
        Prover::new(key, backend, &self.artifact.wasm, &self.artifact.r1cs).unwrap()
    }

    /// Runs the pinned snarkjs; its output is shown when it fails.
    pub fn snarkjs(&self, arguments: &[&Path]) {
        self.checkout.fetch_tools("npm").unwrap();
        let output = Command::new("node")
            .arg(self.checkout.node_script("snarkjs/build/cli.cjs"))
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "snarkjs {arguments:?}: {text}");
    }
}

/// A witness, and vectors that are none, since commitments do not ask: equal values, edges, small and full ones.
pub fn adversarial(fixture: &Fixture) -> Vec<Vec<Fr>> {
    let witness = fixture.witness();
    let dense = Fr::from(3).pow([1 << 20]);
    let vector = |value: &dyn Fn(usize) -> Fr| (0..witness.len()).map(value).collect();
    vec![
        vector(&|_| Fr::from(0)),
        vector(&|_| Fr::from(1)),
        vector(&|_| -Fr::from(1)),
        vector(&|wire| dense.pow([wire as u64])),
        vector(&|wire| -Fr::from(wire as u64 % 3)),
        witness,
    ]
}

/// Arguments of a command line.
#[macro_export]
macro_rules! arguments {
    ($($argument:expr),* $(,)?) => { &[$(std::path::Path::new($argument)),*] };
}
