//! What a light client's whole check costs against arkworks' verification alone, in turns on one core.
//!
//!     cargo run --release -p trifold-verifier --example light_time

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;
use std::time::Instant;

use ark_bn254::Bn254;
use ark_groth16::{Groth16, prepare_verifying_key};
use common::{Trapdoor, scalar};
use trifold_verifier::client::{LightClient, Network, Update};
use trifold_verifier::groth16::Proof;
use trifold_verifier::statement::{GlobalState, Keys};

const RUNS: usize = 1000;

fn main() {
    let trapdoor = Trapdoor::new(1);
    let keys = Keys {
        merge: scalar(1),
        nest: scalar(2),
        registry: scalar(3),
    };
    let network = Network {
        keys,
        genesis: scalar(4),
        nest_key: trapdoor.key(),
    };
    let state = GlobalState {
        epoch: 5,
        depth: 2,
        root: scalar(6),
        history: scalar(7),
        in_flight: 8,
    };
    let x = network.statement(&state).digest();
    let proof = trapdoor.prove(x);
    let update = Update { state, proof };
    let client = LightClient::from_checkpoint(network, &update).expect("a valid checkpoint");
    let (bytes, proof_bytes) = (update.to_bytes(), proof.to_bytes());
    let key = network.nest_key;
    let prepared = key.prepare();
    let theirs = prepare_verifying_key(&ark_groth16::VerifyingKey::<Bn254> {
        alpha_g1: key.alpha_g1(),
        beta_g2: key.beta_g2(),
        gamma_g2: key.gamma_g2(),
        delta_g2: key.delta_g2(),
        gamma_abc_g1: key.gamma_abc_g1().to_vec(),
    });
    let ark_proof = ark_groth16::Proof {
        a: proof.a(),
        b: proof.b(),
        c: proof.c(),
    };
    let work: [(&str, &dyn Fn() -> bool); 7] = [
        ("arkworks: verify", &|| {
            Groth16::<Bn254>::verify_proof(&theirs, black_box(&ark_proof), &[x]).expect("one input")
        }),
        ("light client: whole check", &|| {
            let update = Update::from_bytes(black_box(&bytes)).expect("valid bytes");
            client.verify(&update).is_ok()
        }),
        ("ours: verify", &|| {
            prepared.verify(x, black_box(&proof)).is_ok()
        }),
        ("ours: decode proof", &|| {
            Proof::from_bytes(black_box(&proof_bytes)).is_ok()
        }),
        ("ours: digest of state", &|| black_box(&state).digest() != x),
        ("ours: digest of keys", &|| black_box(&keys).digest() != x),
        ("ours: prepare key", &|| {
            black_box(&key).prepare();
            true
        }),
    ];
    let mut microseconds = work.map(|_| Vec::with_capacity(RUNS));
    for _ in 0..RUNS {
        for ((_, run), times) in work.iter().zip(&mut microseconds) {
            let start = Instant::now();
            assert!(run(), "a valid proof is refused");
            times.push(1e6 * start.elapsed().as_secs_f64());
        }
    }
    microseconds
        .iter_mut()
        .for_each(|times| times.sort_by(f64::total_cmp));
    println!(
        "{RUNS} runs in turns{:>26} {:>9} {:>7} {:>7}",
        "min, us", "median", "times", "times"
    );
    let peer = &microseconds[0];
    for ((name, _), times) in work.iter().zip(&microseconds) {
        let (least, middle) = (times[0], times[RUNS / 2]);
        let (least_ratio, ratio) = (least / peer[0], middle / peer[RUNS / 2]);
        println!("{name:32} {least:9.1} {middle:9.1} {least_ratio:7.3} {ratio:7.3}");
    }
}
