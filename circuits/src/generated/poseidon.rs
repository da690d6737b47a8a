//! Poseidon's constants for the state sizes that circuits use.

use super::{GeneratedFile, HEADER};
use ark_bn254::Fr;
use trifold_verifier::poseidon::{FULL_ROUNDS, Parameters, parameters};

/// circuits/lib/poseidon_constants.circom.
pub fn file() -> GeneratedFile {
    let sizes = [
        (2, parameters::<2>()),
        (3, parameters::<3>()),
        (4, parameters::<4>()),
        (5, parameters::<5>()),
        (6, parameters::<6>()),
        (7, parameters::<7>()),
        (8, parameters::<8>()),
        (9, parameters::<9>()),
        (10, parameters::<10>()),
        (17, parameters::<17>()),
    ];
    let mut text = format!("{HEADER}{INTRODUCTION}");
    let mut table = |name: &str, value: &dyn Fn(usize, &Parameters) -> String| {
        text.push_str(&function(name, &sizes.map(|(t, p)| (t, value(t, p)))));
    };
    table("poseidon_partial_rounds", &|_, p| {
        p.partial.len().to_string()
    });
    table("poseidon_full", &|t, p| matrix(p.full, FULL_ROUNDS, t));
    table("poseidon_partial", &|_, p| list(p.partial));
    table("poseidon_mds", &|t, p| matrix(p.mds, t, t));
    table("poseidon_pre", &|t, p| matrix(p.pre, t, t));
    table("poseidon_sparse", &|t, p| {
        matrix(p.sparse, p.partial.len(), 2 * t - 1)
    });
    GeneratedFile {
        path: "circuits/lib/poseidon_constants.circom".into(),
        text,
    }
}

const INTRODUCTION: &str = "
// Poseidon's constants by state size t, in the sparse form of the paper's appendix B; verifier/build.rs derives them.
// poseidon_full[8][t]: constants of the full rounds. poseidon_partial[]: constant of lane 0 per partial round.
// poseidon_mds[t][t]: the MDS matrix. poseidon_pre[t][t]: its place-holder in the last full round before the partial ones.
// poseidon_sparse[][2t-1]: per partial round, the matrix's first row, then its first column below that.

pragma circom 2.1.6;
";

/// A function of t with one branch per size.
fn function(name: &str, values: &[(usize, String)]) -> String {
    let branch = |(t, value): &(usize, String)| {
        format!("    if (t == {t}) {{\n        return {value};\n    }}\n")
    };
    let branches: String = values.iter().map(branch).collect();
    let (_, unreachable) = &values[0];
    format!("\nfunction {name}(t) {{\n{branches}    assert(0);\n    return {unreachable};\n}}\n")
}

fn list(values: &[Fr]) -> String {
    let values: Vec<String> = values.iter().map(Fr::to_string).collect();
    format!("[{}]", values.join(", "))
}

fn matrix(values: &[Fr], rows: usize, columns: usize) -> String {
    debug_assert_eq!(values.len(), rows * columns);
    let rows: Vec<String> = values.chunks(columns).map(list).collect();
    format!("[\n        {}]", rows.join(",\n        "))
}
