//! What the tests of scalars share.
#![allow(dead_code, reason = "each test binary uses a part")]

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField, UniformRand};
use ark_std::rand::{Rng, SeedableRng, rngs::StdRng};
use trifold_kernels::{Buffer, Device, EmulatorConfig, FieldBytes, SparseRows};

pub fn emulator(seed: u64) -> Device {
    emulator_with(seed, EmulatorConfig::default().shared_bytes_per_block)
}

pub fn emulator_with(seed: u64, shared_bytes_per_block: u32) -> Device {
    let config = EmulatorConfig {
        seed,
        shared_bytes_per_block,
        ..EmulatorConfig::default()
    };
    Device::emulator_with(config).unwrap()
}

pub fn bytes(value: &Fr) -> FieldBytes {
    FieldBytes(value.0.0)
}

/// The plain integer.
pub fn integer(value: &Fr) -> FieldBytes {
    FieldBytes(value.into_bigint().0)
}

/// Panics on a value that is not canonical.
pub fn field(bytes: &FieldBytes) -> Fr {
    assert!(BigInt(bytes.0) < Fr::MODULUS, "{bytes:?} is not canonical");
    Fr::new_unchecked(BigInt(bytes.0))
}

pub fn upload(device: &Device, values: &[Fr]) -> Buffer<FieldBytes> {
    device
        .upload(&values.iter().map(bytes).collect::<Vec<_>>())
        .unwrap()
}

pub fn download(buffer: &Buffer<FieldBytes>) -> Vec<Fr> {
    buffer.download().unwrap().iter().map(field).collect()
}

/// Dense values with 0, -1 and 1 among them.
pub fn random(count: usize, seed: u64) -> Vec<Fr> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut values: Vec<_> = (0..count).map(|_| Fr::rand(&mut rng)).collect();
    for (value, edge) in values
        .iter_mut()
        .step_by(5)
        .zip([Fr::ZERO, -Fr::ONE, Fr::ONE].iter().cycle())
    {
        *value = *edge;
    }
    values
}

/// Every class of coefficients, in no order.
pub fn coefficients() -> Vec<Fr> {
    let dense = Fr::from(3).pow([1 << 20]);
    vec![
        Fr::from(2),
        -Fr::ONE,
        dense,
        Fr::ONE,
        Fr::ZERO,
        -Fr::from(2),
        Fr::from(1_u64 << 40),
        -dense,
    ]
}

/// Sparse rows whose coefficients are among `coefficients`.
pub struct Rows {
    pub starts: Vec<u32>,
    pub entries: Vec<(u32, u32)>,
}

impl Rows {
    /// Rows of 0 to 79 entries, few of them long: a warp's sum takes the emulator long.
    pub fn random(rows: usize, columns: usize, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let lengths: Vec<_> = (0..rows)
            .map(|_| match rng.gen_range(0..64) {
                0 => rng.gen_range(0..80),
                1..10 => 0,
                _ => rng.gen_range(1..4),
            })
            .collect();
        Self::with_lengths(&lengths, columns, seed)
    }

    pub fn with_lengths(lengths: &[usize], columns: usize, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut starts, mut entries) = (vec![0], Vec::new());
        for length in lengths {
            let entry = |_| {
                (
                    rng.gen_range(0..columns as u32),
                    rng.gen_range(0..coefficients().len() as u32),
                )
            };
            entries.extend((0..*length).map(entry));
            starts.push(entries.len() as u32);
        }
        Self { starts, entries }
    }

    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    pub fn sparse(&self) -> SparseRows<'_> {
        SparseRows {
            starts: &self.starts,
            entries: &self.entries,
        }
    }

    pub fn times(&self, coefficients: &[Fr], witness: &[Fr]) -> Vec<Fr> {
        let row = |ends: &[u32]| &self.entries[ends[0] as usize..ends[1] as usize];
        let product =
            |&(column, place): &(u32, u32)| coefficients[place as usize] * witness[column as usize];
        self.starts
            .windows(2)
            .map(|ends| row(ends).iter().map(product).sum())
            .collect()
    }
}
