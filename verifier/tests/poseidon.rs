//! Poseidon against circomlibjs's reference implementation.

use trifold_verifier::{Fr, poseidon};

struct Vector {
    inputs: Vec<Fr>,
    state: Vec<Fr>,
}

fn vectors() -> Vec<Vector> {
    let json: serde_json::Value =
        serde_json::from_str(include_str!("vectors/poseidon.json")).unwrap();
    let field = |value: &serde_json::Value| value.as_str().unwrap().parse::<Fr>().unwrap();
    let list = |value: &serde_json::Value| value.as_array().unwrap().iter().map(field).collect();
    let vector = |v: &serde_json::Value| Vector {
        inputs: list(&v["inputs"]),
        state: list(&v["state"]),
    };
    json.as_array().unwrap().iter().map(vector).collect()
}

fn check<const N: usize, const T: usize>(vectors: &[Vector]) {
    let of_size: Vec<_> = vectors.iter().filter(|v| v.inputs.len() == N).collect();
    assert_eq!(of_size.len(), 3);
    for vector in of_size {
        let inputs: [Fr; N] = vector.inputs.clone().try_into().unwrap();
        let mut state = [Fr::from(0); T];
        state[1..].copy_from_slice(&inputs);
        poseidon::permute(&mut state);
        assert_eq!(state.as_slice(), vector.state, "{N} inputs");
        assert_eq!(poseidon::hash(&inputs), vector.state[0], "{N} inputs");
    }
}

#[test]
fn matches_circomlib_at_every_size() {
    let vectors = vectors();
    check::<1, 2>(&vectors);
    check::<2, 3>(&vectors);
    check::<3, 4>(&vectors);
    check::<4, 5>(&vectors);
    check::<5, 6>(&vectors);
    check::<6, 7>(&vectors);
    check::<7, 8>(&vectors);
    check::<8, 9>(&vectors);
    check::<9, 10>(&vectors);
    check::<10, 11>(&vectors);
    check::<11, 12>(&vectors);
    check::<12, 13>(&vectors);
    check::<13, 14>(&vectors);
    check::<14, 15>(&vectors);
    check::<15, 16>(&vectors);
    check::<16, 17>(&vectors);
}
