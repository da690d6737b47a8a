//! Constants of Fq that the circuit contains.

use super::curve::{PSI, g2_generator, twist_b};
use super::flat::frobenius_of_power;
use super::window::{WindowFunction, window_functions};
use ark_bn254::{Fq, Fq2};
use std::sync::LazyLock;

/// Window functions of gamma, the standard generator of G2.
pub static GAMMA_WINDOWS: LazyLock<Vec<WindowFunction>> =
    LazyLock::new(|| window_functions(g2_generator()).expect("the generator lies in G2"));

/// Coefficients at `w^e` and `w^(e+6)`, `e = (2i+1) mod 6`, of the image of `w^(2i+1)` under the q^k-power map.
pub fn frobenius_pair(k: usize, i: usize) -> [Fq; 2] {
    let image = frobenius_of_power(k, 2 * i + 1);
    let e = (2 * i + 1) % 6;
    [image[e], image[e + 6]]
}

/// Both parts of an element of Fq2.
pub fn parts(value: Fq2) -> [Fq; 2] {
    [value.c0, value.c1]
}

/// Constants by the name that the generated file gives them, each with its shape (outermost dimension first).
pub fn named() -> Vec<(&'static str, Vec<usize>, Vec<Fq>)> {
    let frobenius = (1..=3).flat_map(|k| (0..6).flat_map(move |i| frobenius_pair(k, i)));
    let gamma = GAMMA_WINDOWS
        .iter()
        .flat_map(|g| g.coefficients.iter().flat_map(|&c| parts(c)));
    vec![
        ("g16_twist_b", vec![2], parts(twist_b()).to_vec()),
        ("g16_psi_x", vec![2], parts(PSI.x1).to_vec()),
        ("g16_psi_y", vec![2], parts(PSI.y1).to_vec()),
        ("g16_psi2_x", vec![], vec![PSI.x2]),
        ("g16_psi3_x", vec![2], parts(PSI.x3).to_vec()),
        ("g16_psi3_y", vec![2], parts(PSI.y3).to_vec()),
        ("g16_frobenius", vec![3, 6, 2], frobenius.collect()),
        (
            "g16_gamma_windows",
            vec![super::window::WINDOW_COEFFICIENTS, 2],
            gamma.collect(),
        ),
    ]
}
