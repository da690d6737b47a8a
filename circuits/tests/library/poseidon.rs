use crate::support::{Circuit, scalars};
use ark_bn254::Fr;
use trifold_verifier::poseidon::{hash, permute};

#[test]
fn hashes_of_every_size_agree() {
    let circuit = Circuit::new("poseidon");
    let all = scalars::<16>();
    let witness = circuit.witness(&[("in", &all)]);
    let [a, b, c, d, e, f, g, h, i, ..] = all;
    let expected = [
        hash(&[a]),
        hash(&[a, b]),
        hash(&[a, b, c]),
        hash(&[a, b, c, d]),
        hash(&[a, b, c, d, e]),
        hash(&[a, b, c, d, e, f]),
        hash(&[a, b, c, d, e, f, g]),
        hash(&[a, b, c, d, e, f, g, h]),
        hash(&[a, b, c, d, e, f, g, h, i]),
        hash(&all),
    ];
    assert_eq!(witness[1..11], expected);
}

#[test]
fn a_permutation_agrees_and_is_pinned_throughout() {
    let circuit = Circuit::new("permutation");
    let mut state = scalars::<17>();
    let witness = circuit.witness(&[("in", &state)]);
    permute(&mut state);
    assert_eq!(witness[1..18], state);
    assert_eq!(circuit.free_wires(&witness), Vec::<usize>::new());
}

#[test]
fn an_s_box_costs_three_constraints_and_linear_layers_none() {
    let circuit = Circuit::new("permutation");
    let outputs = 17; // one linear constraint each, gone where they are used
    assert_eq!(circuit.r1cs.num_constraints(), 3 * (8 * 17 + 68) + outputs);
    let zero = circuit.witness(&[("in", &[Fr::from(0); 17])]);
    assert_eq!(circuit.free_wires(&zero), Vec::<usize>::new());
}
