//! Keys and proofs go both ways between this prover and public snarkjs.

#[macro_use]
mod support;

use std::fs;

use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField};
use support::{Fixture, backends, inputs, inputs_json};
use trifold_prover::{KeyError, ProofWithStatement};
use trifold_verifier::groth16::{Proof, VerifyingKey};
use trifold_verifier::json;

/// Bytes of a `.wtns` file before the values of the witness.
const WTNS_HEADER_BYTES: usize = 76;

fn write_proof(fixture: &Fixture, proven: &ProofWithStatement) {
    let proof = &proven.proof;
    let proof = Proof::new(proof.a, proof.b, proof.c).unwrap();
    fs::write(fixture.path("proof.json"), json::proof_to_json(&proof)).unwrap();
    fs::write(
        fixture.path("public.json"),
        json::public_to_json(proven.public[0]),
    )
    .unwrap();
}

fn snarkjs_verifies(fixture: &Fixture) {
    fixture.snarkjs(arguments![
        "groth16",
        "verify",
        "vk.json",
        "public.json",
        "proof.json"
    ]);
}

fn snarkjs_witness(fixture: &Fixture) {
    fs::write(fixture.path("inputs.json"), inputs_json(7)).unwrap();
    let wasm = &fixture.artifact.wasm;
    fixture.snarkjs(arguments![
        "wtns",
        "calculate",
        wasm,
        "inputs.json",
        "w.wtns"
    ]);
}

#[test]
fn snarkjs_computes_the_same_witness() {
    let fixture = Fixture::new();
    snarkjs_witness(&fixture);
    let bytes = fs::read(fixture.path("w.wtns")).unwrap();
    let values = fixture.witness();
    let ours = values
        .iter()
        .flat_map(|value| value.into_bigint().to_bytes_le());
    assert!(bytes[WTNS_HEADER_BYTES..].iter().copied().eq(ours));
}

#[test]
fn snarkjs_verifies_our_proof_under_the_key_it_reads_from_ours() {
    let fixture = Fixture::new();
    let exported = fixture.path("exported.zkey");
    fixture.cache.export(&fixture.manifest, &exported).unwrap();
    fixture.snarkjs(arguments![
        "zkey",
        "export",
        "verificationkey",
        "exported.zkey",
        "vk.json"
    ]);
    for backend in backends() {
        let proven = fixture.prover(backend.as_ref()).prove(&inputs(7)).unwrap();
        write_proof(&fixture, &proven);
        snarkjs_verifies(&fixture);
    }
    let text = fs::read_to_string(fixture.path("vk.json")).unwrap();
    let snarkjs_key = json::verifying_key_from_json(&text).unwrap();
    assert_eq!(snarkjs_key, verifying_key(&fixture));
}

fn verifying_key(fixture: &Fixture) -> VerifyingKey {
    let key = fixture.key().verifying_key();
    let gamma_abc = &key.gamma_abc_g1;
    VerifyingKey::new(
        key.alpha_g1,
        key.beta_g2,
        key.gamma_g2,
        key.delta_g2,
        gamma_abc,
    )
    .unwrap()
}

#[test]
fn our_verifier_accepts_what_snarkjs_proves_with_our_key() {
    let fixture = Fixture::new();
    snarkjs_witness(&fixture);
    let key = fixture.key_path();
    fixture.snarkjs(arguments![
        "groth16",
        "prove",
        &key,
        "w.wtns",
        "proof.json",
        "public.json"
    ]);
    let read = |name| fs::read_to_string(fixture.path(name)).unwrap();
    let proof = json::proof_from_json(&read("proof.json")).unwrap();
    let x = json::public_from_json(&read("public.json")).unwrap();
    let verifying_key = verifying_key(&fixture).prepare();
    assert_eq!(x, fixture.witness()[1]);
    verifying_key.verify(x, &proof).unwrap();
    verifying_key.verify(x + Fr::from(1), &proof).unwrap_err();
}

#[test]
fn a_ceremony_by_snarkjs_is_imported_and_proves() {
    let fixture = Fixture::new();
    let r1cs = &fixture.artifact.r1cs;
    let run = |arguments: &[&std::path::Path]| fixture.snarkjs(arguments);
    run(arguments!["powersoftau", "new", "bn128", "7", "0.ptau"]);
    run(arguments![
        "powersoftau",
        "contribute",
        "0.ptau",
        "1.ptau",
        "-e=some"
    ]);
    run(arguments![
        "powersoftau",
        "prepare",
        "phase2",
        "1.ptau",
        "2.ptau"
    ]);
    run(arguments!["groth16", "setup", r1cs, "2.ptau", "0.zkey"]);
    run(arguments![
        "zkey",
        "contribute",
        "0.zkey",
        "1.zkey",
        "-e=more"
    ]);
    run(arguments![
        "zkey",
        "export",
        "verificationkey",
        "1.zkey",
        "vk.json"
    ]);

    let import = |name| fixture.cache.import("powers", r1cs, &fixture.path(name));
    let error = import("0.zkey").unwrap_err();
    assert!(
        error.to_string().contains("delta is plus or minus gamma"),
        "{error}"
    );
    let manifest = import("1.zkey").unwrap();
    assert!(!manifest.insecure_development_key);
    let preferred = fixture.cache.find("powers", r1cs).unwrap().unwrap();
    assert_eq!(preferred, manifest);
    let key = fixture.cache.open(&manifest).unwrap();
    for backend in backends() {
        let prover = fixture.prover_of(key.clone(), backend.as_ref());
        write_proof(&fixture, &prover.prove(&inputs(7)).unwrap());
        snarkjs_verifies(&fixture);
    }
}

#[test]
fn a_key_for_another_circuit_is_not_imported() {
    let fixture = Fixture::new();
    let other = fixture
        .checkout
        .compile_test("tests/proving/products.circom")
        .unwrap();
    let import = fixture
        .cache
        .import("products", &other.r1cs, &fixture.key_path());
    assert!(matches!(import, Err(KeyError::Circuit { .. })));
}
