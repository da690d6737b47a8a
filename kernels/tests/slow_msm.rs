//! Multiplications of thousands of points: several tiles of the sort, several levels of folding, the geometry of the model.

#[path = "support/multiplication.rs"]
mod multiplication;
#[path = "support/points.rs"]
mod points;
mod support;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use multiplication::{Prepared, agrees};
use points::Oracle;
use support::random;
use trifold_kernels::msm::{G1, G2, MsmConfig};
use trifold_kernels::{Device, EmulatorConfig};

fn device(seed: u64) -> Device {
    Device::emulator_with(EmulatorConfig {
        seed,
        multiprocessors: 2,
        ..EmulatorConfig::default()
    })
    .unwrap()
}

#[test]
fn thousands_of_points() {
    agrees::<G1>(&device(1), 1 << 14, MsmConfig::default());
    agrees::<G1>(
        &device(2),
        10_007,
        MsmConfig {
            tables: Some(2),
            ..MsmConfig::default()
        },
    );
    agrees::<G2>(&device(3), 3001, MsmConfig::default());
}

/// As the witness of a circuit: two thirds bits, some small values, few of full size.
#[test]
fn witnesses() {
    let (n, batch) = (6000, 4);
    let dense = random(n * batch, 3);
    let scalar = |i: usize| match i % 10 {
        0 => dense[i],
        1 => Fr::from(i as u64),
        2..=5 => Fr::ONE,
        _ => Fr::ZERO,
    };
    let scalars: Vec<_> = (0..n * batch).map(scalar).collect();
    let device = device(4);
    let mut all = Prepared::<G1>::new(
        &device,
        G1::random(n, 1),
        batch as u32,
        MsmConfig::default(),
    );
    let expected: Vec<_> = scalars
        .chunks(n)
        .map(|scalars| G1::multiply(&all.points, scalars))
        .collect();
    assert_eq!(all.multiply(&scalars, batch as u32), expected);
}

#[test]
fn one_bucket_of_thousands() {
    let device = device(5);
    let mut all = Prepared::<G1>::new(&device, G1::random(20_000, 1), 1, MsmConfig::default());
    all.agrees(&vec![-Fr::ONE; 20_000], "all -1");
}
