//! Prepared keys against arkworks, and the keys that are refused.

use crate::support::{Instance, order, snarkjs, synthetic};
use ark_bn254::{Bn254, Fq, Fq2, Fq12, Fr, G1Affine, G2Affine};
use ark_ec::pairing::{MillerLoopOutput, Pairing};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field, One};
use num_bigint::BigUint;
use trifold_circuits::groth16::curve::{Point, WINDOWS};
use trifold_circuits::groth16::flat::{self, Flat};
use trifold_circuits::groth16::key::VkError;
use trifold_circuits::groth16::window::window_functions;
use trifold_circuits::groth16::{PreparedKey, advise};

/// The same element in the tower of arkworks.
fn tower(value: &Flat) -> Fq12 {
    let part = |k: usize| Fq2::new(value[k] + Fq::from(9u64) * value[k + 6], value[k + 6]);
    let half = |k: usize| ark_bn254::Fq6::new(part(k), part(k + 2), part(k + 4));
    Fq12::new(half(0), half(1))
}

/// The Miller value of a pair by window functions.
fn miller(g1: G1Affine, g2: G2Affine) -> Flat {
    let mut value = flat::one();
    for (digits, function) in WINDOWS.iter().zip(window_functions(g2).unwrap()) {
        for _ in digits {
            value = flat::product(&value, &value);
        }
        value = flat::product(&value, &function.evaluate(Point::from(g1)));
    }
    value
}

fn reduced(value: Fq12) -> Fq12 {
    Bn254::final_exponentiation(MillerLoopOutput(value))
        .unwrap()
        .0
}

#[test]
fn the_flat_basis_is_the_tower() {
    let (a, b) = (
        miller(plus_one(), G2Affine::generator()),
        miller(G1Affine::generator(), twice()),
    );
    assert_eq!(tower(&flat::product(&a, &b)), tower(&a) * tower(&b));
    for k in 1..=3 {
        assert_eq!(tower(&flat::frobenius(&a, k)), tower(&a).frobenius_map(k));
    }
    let torus = flat::torus(&a).unwrap();
    assert_eq!((torus[0], torus[2]), (Fq::one(), Fq::ZERO));
    let ratio = tower(&torus) * tower(&a).inverse().unwrap();
    assert_eq!(ratio.c1, ark_bn254::Fq6::ZERO);
}

fn plus_one() -> G1Affine {
    (G1Affine::generator() * Fr::from(11u64)).into_affine()
}

fn twice() -> G2Affine {
    (G2Affine::generator() * Fr::from(29u64)).into_affine()
}

/// The windows leave out one odd power of w, which the final exponentiation does not remove.
#[test]
fn window_functions_times_w_are_the_pairing() {
    let w = flat::embed(Fq2::one(), 1);
    for (g1, g2) in [
        (G1Affine::generator(), twice()),
        (plus_one(), G2Affine::generator()),
    ] {
        let value = flat::product(&miller(g1, g2), &w);
        assert_eq!(reduced(tower(&value)), Bn254::pairing(g1, g2).0);
    }
}

#[test]
fn mab_is_the_pairing_of_alpha_and_beta() {
    for instance in [snarkjs(), synthetic(1), synthetic(2)] {
        let key = instance.prepared();
        let pairing = Bn254::pairing(instance.key.alpha_g1, instance.key.beta_g2).0;
        // The torus form differs from the Miller value by a factor of Fq6, which the final exponentiation removes.
        assert_eq!(reduced(tower(key.mab())), pairing);
    }
}

#[test]
fn the_comb_table_is_made_of_multiples_of_ic1() {
    let instance = synthetic(4);
    let key = instance.prepared();
    let two = Fr::from(2u64);
    for (e, point) in key.comb().iter().enumerate() {
        let row = |row: usize| {
            let power = two.pow([43 * row as u64]);
            if e >> row & 1 == 1 { power } else { -power }
        };
        let scalar = two.pow([215]) + (0..5).map(row).sum::<Fr>();
        let expected = (instance.key.gamma_abc_g1[1] * scalar).into_affine();
        assert_eq!((point.x, point.y), (expected.x, expected.y), "entry {e}");
    }
}

#[test]
fn digests_differ_by_key_and_cover_every_part() {
    let base = snarkjs().prepared();
    assert_eq!(base.words().len(), 1152);
    type Change = fn(&mut Instance);
    let changes: [Change; 5] = [
        |i| i.key.alpha_g1 = plus_one(),
        |i| i.key.beta_g2 = twice(),
        |i| i.key.delta_g2 = twice(),
        |i| i.key.gamma_abc_g1[0] = plus_one(),
        |i| i.key.gamma_abc_g1[1] = plus_one(),
    ];
    for change in changes {
        let mut instance = snarkjs();
        change(&mut instance);
        assert_ne!(instance.prepared().digest(), base.digest());
    }
}

#[test]
fn the_words_stand_for_the_numbers() {
    let key = snarkjs().prepared();
    for (number, words) in key.numbers().iter().zip(key.signed_words()) {
        let [low, middle, high] = words[..] else {
            panic!("three words")
        };
        let step = Fq::from(2u64).pow([90]);
        assert_eq!(
            *number,
            Fq::from(low) + step * (Fq::from(middle) + step * Fq::from(high))
        );
        assert!(
            low.unsigned_abs() <= 1 << 89
                && middle.unsigned_abs() <= 1 << 89
                && high.unsigned_abs() <= 1 << 73
        );
    }
}

#[test]
fn keys_that_are_refused() {
    let off_twist = G2Affine::new_unchecked(twice().x, twice().y + Fq2::one());
    let outside = (1u64..)
        .find_map(|i| G2Affine::get_point_from_x_unchecked(Fq2::new(Fq::from(i), Fq::one()), true))
        .unwrap();
    let off_curve = G1Affine::new_unchecked(Fq::from(1u64), Fq::from(3u64));
    let gamma = G2Affine::generator();
    type Change<'a> = Box<dyn Fn(&mut Instance) + 'a>;
    let cases: Vec<(Change<'_>, VkError)> = vec![
        (Box::new(|i| i.key.gamma_g2 = twice()), VkError::Gamma),
        (
            Box::new(|i| i.key.gamma_g2 = G2Affine::zero()),
            VkError::Gamma,
        ),
        (
            Box::new(|i| i.key.gamma_abc_g1.truncate(1)),
            VkError::PublicInputs(1),
        ),
        (
            Box::new(|i| i.key.gamma_abc_g1.push(plus_one())),
            VkError::PublicInputs(3),
        ),
        (
            Box::new(|i| i.key.gamma_abc_g1[0] = G1Affine::zero()),
            VkError::Infinity("IC0"),
        ),
        (
            Box::new(|i| i.key.gamma_abc_g1[1] = G1Affine::zero()),
            VkError::Infinity("IC1"),
        ),
        (
            Box::new(|i| i.key.alpha_g1 = G1Affine::zero()),
            VkError::Infinity("alpha"),
        ),
        (
            Box::new(|i| i.key.beta_g2 = G2Affine::zero()),
            VkError::Infinity("beta"),
        ),
        (
            Box::new(|i| i.key.delta_g2 = G2Affine::zero()),
            VkError::Infinity("delta"),
        ),
        (
            Box::new(|i| i.key.gamma_abc_g1[0] = off_curve),
            VkError::OffCurve("IC0"),
        ),
        (
            Box::new(|i| i.key.gamma_abc_g1[1] = off_curve),
            VkError::OffCurve("IC1"),
        ),
        (
            Box::new(|i| i.key.alpha_g1 = off_curve),
            VkError::OffCurve("alpha"),
        ),
        (
            Box::new(|i| i.key.beta_g2 = off_twist),
            VkError::OffCurve("beta"),
        ),
        (
            Box::new(|i| i.key.delta_g2 = off_twist),
            VkError::OffCurve("delta"),
        ),
        (
            Box::new(|i| i.key.beta_g2 = outside),
            VkError::Subgroup("beta"),
        ),
        (
            Box::new(|i| i.key.delta_g2 = outside),
            VkError::Subgroup("delta"),
        ),
        (Box::new(|i| i.key.delta_g2 = gamma), VkError::DeltaIsGamma),
        (Box::new(|i| i.key.delta_g2 = -gamma), VkError::DeltaIsGamma),
    ];
    for (change, error) in cases {
        let mut instance = snarkjs();
        change(&mut instance);
        assert_eq!(PreparedKey::new(&instance.key).err(), Some(error));
    }
}

/// The residue witness exists exactly for values of order dividing the residue order, as for true statements.
#[test]
fn the_residue_witness_is_a_root() {
    let instance = snarkjs();
    let key = instance.prepared();
    assert!(advise(&crate::support::plan(1), &[&key], &[instance.slot()], &[0]).is_ok());
    let lambda = flat::lambda();
    let exponent = (&lambda * &*flat::RESIDUE_EXPONENT) % flat::residue_order();
    assert_eq!(exponent, BigUint::from(1u32));
    assert_eq!(lambda % order::<Fr>(), BigUint::ZERO);
}
