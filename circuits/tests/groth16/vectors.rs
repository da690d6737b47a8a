//! Digest, numbers and challenges against a separate implementation (see `origin` in the file).

use crate::support::{plan, snarkjs};
use ark_bn254::{Fq, Fr};
use num_bigint::BigInt;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::str::FromStr;
use trifold_circuits::groth16::advice::{Numbers, advise_dishonestly};
use trifold_circuits::groth16::flat;
use trifold_circuits::groth16::oracle::{self, Claim};

fn cases() -> Vec<Value> {
    let file: Value =
        serde_json::from_str(include_str!("../vectors/groth16_transcript.json")).unwrap();
    file["cases"].as_array().unwrap().clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn sha256<'a>(numbers: impl Iterator<Item = &'a Fq>) -> String {
    let decimal: Vec<String> = numbers.map(Fq::to_string).collect();
    hex::encode(Sha256::digest(decimal.join(" ")))
}

#[test]
fn the_key_digest() {
    let key = snarkjs().prepared();
    for case in cases() {
        assert_eq!(key.digest(), Fr::from_str(text(&case["vkd"])).unwrap());
        let mab = flat::odd_coefficients(key.mab()).map(|c| c.to_string());
        assert_eq!(case["mab"], serde_json::json!(mab));
    }
}

#[test]
fn numbers_and_challenges() {
    let instance = snarkjs();
    let key = instance.prepared();
    for case in cases() {
        let proofs = case["proofs"].as_u64().unwrap() as usize;
        let plan = plan(proofs);
        let mut last = Numbers::default();
        let mut record = |_: usize, numbers: &mut Numbers| last = numbers.clone();
        let mut deviation = crate::support::honest_but(&mut record);
        let slots = vec![instance.slot(); proofs];
        let key_of = vec![0; proofs];
        let inputs = advise_dishonestly(&plan, &[&key], &slots, &key_of, &mut deviation).unwrap();
        let hashes = &case["number_sha256"];
        assert_eq!(sha256(last.round1.iter().flatten()), text(&hashes["1"]));
        assert_eq!(sha256(last.round2.iter()), text(&hashes["2"]));
        assert_eq!(
            sha256(last.powers.iter().chain(last.round3.iter().flatten())),
            text(&hashes["3"])
        );

        let (x, active) = (vec![instance.x; proofs], vec![true; proofs]);
        let claim = Claim {
            x: &x,
            active: &active,
            digests: &[key.digest()],
            key_of: &key_of,
        };
        let challenges = oracle::challenges(&plan, &inputs, &claim).unwrap();
        let ends = |values: &[i128]| [values[0], values[values.len() - 1]].map(|v| v.to_string());
        assert_eq!(
            serde_json::json!(ends(&challenges.windows)),
            case["window_coefficients"]
        );
        assert_eq!(
            serde_json::json!(ends(&challenges.group)),
            case["group_coefficients"]
        );
        let z = challenges
            .z
            .iter()
            .rev()
            .fold(BigInt::ZERO, |sum, &limb| (sum << 15) + limb);
        assert_eq!(z.to_string(), text(&case["z"]));
        assert_eq!(challenges.point, Fr::from_str(text(&case["xi"])).unwrap());
    }
}
