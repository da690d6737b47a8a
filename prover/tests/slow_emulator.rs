//! A real circuit through the whole cuda backend on the kernels' emulator: `transfer` with three slots.

#[path = "../../circuits/tests/transfer/support.rs"]
mod ledger;
mod support;

use std::sync::Arc;

use ark_bn254::{Bn254, Fr};
use ark_groth16::{Groth16, prepare_verifying_key};
use support::Fixture;
use trifold_circuits::artifacts::{Checkout, CircuitSpec, Parameter};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::transfer::Size;
use trifold_kernels::{Device, EmulatorConfig};
use trifold_prover::backend::{Cuda, LowMemory, Options};
use trifold_prover::{Backend, Cpu, self_test};
use trifold_verifier::groth16::{Proof, VerifyingKey};

/// No more slots for messages than there must be.
const SIZE: Size = Size {
    receives: 1,
    sends: 1,
    ..ledger::SIZE
};

fn transfer() -> Fixture {
    let parameter = |name: &str, value: usize| Parameter {
        name: name.into(),
        value: value as u64,
    };
    let size = SIZE;
    let spec = CircuitSpec {
        name: format!("transfer-{}-{}", size.transfers, size.depth),
        template: Some("Transfer".into()),
        parameters: vec![
            parameter("N", size.transfers),
            parameter("M", size.receives),
            parameter("S", size.sends),
            parameter("DEPTH", size.depth),
        ],
        ..CircuitSpec::unlisted("programs/transfer.circom".into())
    };
    let checkout = Checkout::find().unwrap();
    let artifact = checkout.compile(&spec, &|_| {}).unwrap();
    Fixture::with(checkout, artifact)
}

/// All three transfers, and the first two of them.
fn batches() -> [Inputs; 2] {
    [3, 2].map(|events| {
        let mut batch = ledger::batch();
        batch.steps.truncate(events);
        batch.inputs(SIZE).unwrap().0
    })
}

fn emulated(low_memory: LowMemory) -> Cuda {
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get());
    let config = EmulatorConfig {
        threads: threads as u32,
        ..EmulatorConfig::default()
    };
    let options = Options {
        low_memory,
        ..Options::default()
    };
    let device = Device::emulator_with(config).unwrap();
    Cuda::on("cuda-emulator", device, &options).unwrap()
}

#[test]
fn the_self_test_passes_with_and_without_tables() {
    for low_memory in [LowMemory::Off, LowMemory::On] {
        let found = self_test(Arc::new(emulated(low_memory))).unwrap();
        assert_eq!((found.vectors, found.proofs), (9, 3));
    }
}

#[test]
fn transfers_are_proven_together_and_verify_everywhere() {
    let fixture = transfer();
    let prover = fixture.prover(&emulated(LowMemory::Off));
    let key = fixture.key().verifying_key();
    let ours = VerifyingKey::new(
        key.alpha_g1,
        key.beta_g2,
        key.gamma_g2,
        key.delta_g2,
        &key.gamma_abc_g1,
    );
    let (ours, theirs) = (ours.unwrap().prepare(), prepare_verifying_key(&key));
    for proven in prover.prove_many(&batches()) {
        let proven = proven.unwrap();
        let proof = &proven.proof;
        let accepts = Groth16::<Bn254>::verify_proof(&theirs, proof, &proven.public);
        assert!(accepts.unwrap());
        let proof = Proof::new(proof.a, proof.b, proof.c).unwrap();
        ours.verify(proven.public[0], &proof).unwrap();
        ours.verify(proven.public[0] + Fr::from(1), &proof)
            .unwrap_err();
    }
}

#[test]
fn transfers_without_tables_agree_with_the_cpu() {
    let fixture = transfer();
    let witnesses = batches().map(|inputs| fixture.witness_of(&inputs));
    let witnesses = witnesses.each_ref().map(|witness| &witness[..]);
    let commit = |backend: &dyn Backend| {
        let loaded = backend.load(fixture.key()).unwrap();
        loaded.commit(&witnesses).unwrap()
    };
    assert_eq!(commit(&emulated(LowMemory::On)), commit(&Cpu));
}
