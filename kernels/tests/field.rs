//! The fields and the curves' formulas against arkworks.

#[path = "support/points.rs"]
mod points;

use ark_bn254::{Fq, Fq2, Fr};
use ark_ff::{AdditiveGroup, BigInt, BigInteger, Field, PrimeField};
use ark_std::rand::{SeedableRng, rngs::StdRng};
use points::{Oracle, fq, fq_bytes, fq2, fq2_bytes};
use trifold_kernels::msm::{G1, G2};
use trifold_kernels::{Device, FieldBytes, Grid, Module, Pod, args, test_devices};

/// 0, 1, -1, 2, (p - 1)/2, (p + 1)/2, powers of two and their Montgomery neighbours, then random values.
fn values<F: PrimeField<BigInt = BigInt<4>>>(count: usize, seed: u64) -> Vec<F> {
    let half = -F::ONE / F::from(2_u64);
    let mut values = vec![
        F::ZERO,
        F::ONE,
        -F::ONE,
        F::from(2_u64),
        half,
        half + F::ONE,
    ];
    values.extend((0..254).step_by(31).map(|bit| F::from(2_u64).pow([bit])));
    // Values whose Montgomery form is small, or all ones in its lower words.
    let r_inverse = F::from(2_u64).pow([256]).inverse().unwrap();
    values.extend([1, u64::from(u32::MAX), u64::MAX].map(|word| F::from(word) * r_inverse));
    let mut rng = StdRng::seed_from_u64(seed);
    values.resize_with(count.max(values.len()), || F::rand(&mut rng));
    values
}

/// Every one of a few values with every other, then random ones.
fn pairs<F: PrimeField<BigInt = BigInt<4>>>() -> (Vec<F>, Vec<F>) {
    let edges = values::<F>(0, 1);
    let mut a: Vec<_> = edges
        .iter()
        .flat_map(|value| vec![*value; edges.len()])
        .collect();
    let mut b: Vec<_> = (0..edges.len()).flat_map(|_| edges.clone()).collect();
    a.extend(values::<F>(200, 2));
    b.extend(values::<F>(200, 3).into_iter().rev());
    (a, b)
}

/// Runs a kernel of two inputs, or one, with a thread for each element, and `results` outputs a thread.
fn run<T: Pod, R: Pod>(
    device: &Device,
    kernel: &'static str,
    a: &[T],
    b: Option<&[T]>,
    results: usize,
) -> Vec<R> {
    let stream = device.stream().unwrap();
    let output = device.alloc::<R>(a.len() * results).unwrap();
    let (n, first) = (a.len() as u32, device.upload(a).unwrap());
    let grid = Grid::covering(a.len() as u64, 64);
    match b.map(|b| device.upload(b).unwrap()) {
        Some(second) => stream.launch(
            Module::FieldTest,
            kernel,
            grid,
            args![&first, &second, n, &output],
        ),
        None => stream.launch(Module::FieldTest, kernel, grid, args![&first, n, &output]),
    }
    .unwrap();
    stream.synchronize().unwrap();
    output.download().unwrap()
}

fn operations<F: Field>(a: &F, b: &F) -> [F; 6] {
    [*a + b, *a - b, -*a, *a * b, a.square(), *a * b - b.square()]
}

fn bytes<F: PrimeField<BigInt = BigInt<4>>>(
    value: &F,
    montgomery: impl Fn(&F) -> BigInt<4>,
) -> FieldBytes {
    FieldBytes(montgomery(value).0)
}

fn field_agrees<F: PrimeField<BigInt = BigInt<4>>>(
    device: &Device,
    kernels: [&'static str; 2],
    montgomery: impl Fn(&F) -> BigInt<4>,
) {
    let to_bytes = |value: &F| bytes(value, &montgomery);
    let (a, b) = pairs::<F>();
    let (a_bytes, b_bytes): (Vec<_>, Vec<_>) = (
        a.iter().map(to_bytes).collect(),
        b.iter().map(to_bytes).collect(),
    );
    let found: Vec<FieldBytes> = run(device, kernels[0], &a_bytes, Some(&b_bytes), 6);
    let expected: Vec<_> = a
        .iter()
        .zip(&b)
        .flat_map(|(a, b)| operations(a, b))
        .collect();
    assert_eq!(found, expected.iter().map(to_bytes).collect::<Vec<_>>());

    let found: Vec<FieldBytes> = run(device, kernels[1], &a_bytes, None, 4);
    for (value, found) in a.iter().zip(found.chunks(4)) {
        assert_eq!(found[0], FieldBytes(value.into_bigint().0));
        assert_eq!(found[1], to_bytes(value));
        assert_eq!(found[2], to_bytes(&value.inverse().unwrap_or(F::ZERO)));
        assert_eq!(found[3], to_bytes(&(*value * F::from(1_u64 << 11))));
    }
}

#[test]
fn prime_fields() {
    for device in test_devices() {
        field_agrees::<Fq>(&device, ["fq_operations", "fq_conversions"], |value| {
            value.0
        });
        field_agrees::<Fr>(&device, ["fr_operations", "fr_conversions"], |value| {
            value.0
        });
    }
}

#[test]
fn values_above_the_modulus_are_the_same_values() {
    let (a, b) = pairs::<Fq>();
    let (a_bytes, b_bytes): (Vec<_>, Vec<_>) = (
        a.iter().map(fq_bytes).collect(),
        b.iter().map(fq_bytes).collect(),
    );
    for device in test_devices() {
        let found: Vec<FieldBytes> = run(&device, "fq_lazy_products", &a_bytes, Some(&b_bytes), 5);
        for ((a, b), found) in a.iter().zip(&b).zip(found.chunks(5)) {
            let expected = [*a * b, a.square(), *a * b - *b * (*a + b), *a - b, Fq::ONE];
            assert_eq!(
                found.iter().map(fq).collect::<Vec<_>>(),
                expected,
                "{a} {b}"
            );
        }
    }
}

#[test]
fn quadratic_extension() {
    let (a, b) = pairs::<Fq>();
    let pack = |c0: &[Fq], c1: &[Fq]| {
        c0.iter()
            .zip(c1)
            .map(|(c0, c1)| Fq2::new(*c0, *c1))
            .collect::<Vec<_>>()
    };
    let (reversed_a, reversed_b): (Vec<_>, Vec<_>) = (
        a.iter().rev().copied().collect(),
        b.iter().rev().copied().collect(),
    );
    let (a, b) = (pack(&a, &reversed_b), pack(&b, &reversed_a));
    let to_bytes = |values: &[Fq2]| values.iter().map(fq2_bytes).collect::<Vec<_>>();
    for device in test_devices() {
        let found: Vec<[FieldBytes; 2]> = run(
            &device,
            "fq2_operations",
            &to_bytes(&a),
            Some(&to_bytes(&b)),
            6,
        );
        let expected: Vec<_> = a
            .iter()
            .zip(&b)
            .flat_map(|(a, b)| operations(a, b))
            .collect();
        assert_eq!(found.iter().map(fq2).collect::<Vec<_>>(), expected);
        let found: Vec<[FieldBytes; 2]> = run(&device, "fq2_inverse", &to_bytes(&a), None, 1);
        let expected: Vec<_> = a.iter().map(|a| a.inverse().unwrap_or(Fq2::ZERO)).collect();
        assert_eq!(found.iter().map(fq2).collect::<Vec<_>>(), expected);
    }
}

/// Different, equal, opposite and infinite points, by mixed and by full additions.
fn curve_agrees<G: Oracle>(device: &Device, kernel: &'static str) {
    let some = G::random(6, 7);
    let (p, q, zero) = (some[0], some[1], G::Point::default());
    let mut pairs = vec![
        (p, q),
        (p, p),
        (p, -p),
        (p, zero),
        (zero, p),
        (zero, zero),
        (p + p, p),
        (-p, p + p),
    ];
    pairs.extend(some.iter().zip(some.iter().rev()).map(|(a, b)| (*a, *b)));
    let (a, b): (Vec<_>, Vec<_>) = pairs
        .iter()
        .map(|(a, b)| (G::to_device(a), G::to_device(b)))
        .unzip();
    let found: Vec<G::Jacobian> = run(device, kernel, &a, Some(&b), 4);
    for ((a, b), found) in pairs.iter().zip(found.chunks(4)) {
        let found: Vec<_> = found.iter().map(G::from_jacobian).collect();
        assert_eq!(found, [*a + b, *a + b, *a + a, *a - b]);
    }
}

#[test]
fn curves() {
    for device in test_devices() {
        curve_agrees::<G1>(&device, "g1_operations");
        curve_agrees::<G2>(&device, "g2_operations");
    }
}

#[test]
fn constants_follow_from_the_moduli() {
    let source = include_str!("../include/field/bn254.hpp");
    for modulus in [Fq::MODULUS, Fr::MODULUS] {
        let mut doubled = modulus;
        doubled.mul2();
        for words in [modulus, doubled] {
            for word in words
                .0
                .iter()
                .flat_map(|word| [*word as u32, (*word >> 32) as u32])
            {
                assert!(
                    source.contains(&format!("0x{word:08x}u")),
                    "0x{word:08x} is missing"
                );
            }
        }
    }
    assert!(source.contains(&format!("INVERSE = 0x{:08x}u", Fq::INV as u32)));
    assert!(source.contains(&format!("INVERSE = 0x{:08x}u", Fr::INV as u32)));
}
