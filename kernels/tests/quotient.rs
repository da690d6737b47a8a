//! The whole way from witnesses to the H scalars, against arkworks' transforms.

mod support;

use ark_bn254::Fr;
use ark_ff::FftField;
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use support::{Rows, bytes, emulator, emulator_with, field, random, upload};
use trifold_kernels::{
    Device, DeviceError, FieldBytes, Matrices, Quotient, SparseMatrices, test_devices,
};

/// The definition: interpolate, evaluate at the odd points of the domain of twice the size, combine.
fn expected(a: Vec<Fr>, b: Vec<Fr>) -> Vec<Fr> {
    let n = a.len();
    let domain = Radix2EvaluationDomain::<Fr>::new(n).unwrap();
    let odd = domain
        .get_coset(Fr::get_root_of_unity(2 * n as u64).unwrap())
        .unwrap();
    let c: Vec<Fr> = a.iter().zip(&b).map(|(a, b)| *a * b).collect();
    let [a, b, c] = [a, b, c].map(|rows| odd.fft(&domain.ifft(&rows)));
    a.iter()
        .zip(&b)
        .zip(&c)
        .map(|((a, b), c)| *a * b - c)
        .collect()
}

struct Case {
    a: Rows,
    b: Rows,
    columns: usize,
    log_n: u32,
}

impl Case {
    fn new(log_n: u32, columns: usize) -> Self {
        let rows = |seed| Rows::random(1 << log_n, columns, seed);
        Self {
            a: rows(1),
            b: rows(2),
            columns,
            log_n,
        }
    }

    fn load(&self, device: &Device) -> Quotient {
        let table: Vec<_> = support::coefficients().iter().map(bytes).collect();
        let sparse = SparseMatrices {
            columns: self.columns,
            coefficients: &table,
            a: self.a.sparse(),
            b: self.b.sparse(),
        };
        Quotient::new(device, Matrices::new(device, &sparse).unwrap(), self.log_n).unwrap()
    }

    fn agrees(&self, device: &Device, quotient: &Quotient, witnesses: usize) {
        let witness = random(self.columns * witnesses, 3);
        let stream = device.stream().unwrap();
        let len = Quotient::scratch_len(self.log_n, witnesses);
        let (input, scratch) = (
            upload(device, &witness),
            device.alloc::<FieldBytes>(len + 5).unwrap(),
        );
        quotient
            .evaluate(&stream, input.as_slice(), scratch.as_slice())
            .unwrap();
        stream.synchronize().unwrap();
        let n = 1 << self.log_n;
        let found = scratch.slice(0..witnesses * n).unwrap().download().unwrap();
        for (index, witness) in witness.chunks(self.columns).enumerate() {
            let rows = [&self.a, &self.b].map(|rows| rows.times(&support::coefficients(), witness));
            let [a, b] = rows;
            let found: Vec<Fr> = found[index * n..(index + 1) * n]
                .iter()
                .map(field)
                .collect();
            assert!(
                found == expected(a, b),
                "2^{}, witness {index} of {witnesses}",
                self.log_n
            );
        }
    }
}

#[test]
fn small_domains_agree() {
    for device in test_devices() {
        for log_n in 0..=9 {
            let case = Case::new(log_n, (1 << log_n) + 3);
            let quotient = case.load(&device);
            for witnesses in [1, 2, 5] {
                case.agrees(&device, &quotient, witnesses);
            }
        }
    }
}

#[test]
fn domains_of_two_and_three_passes_agree() {
    for device in test_devices() {
        for log_n in [11, 12] {
            let case = Case::new(log_n, 1000);
            case.agrees(&device, &case.load(&device), 1);
        }
    }
    let device = emulator_with(0, 1 << 10);
    let case = Case::new(10, 900);
    case.agrees(&device, &case.load(&device), 2);
}

#[test]
fn the_order_of_threads_and_blocks_does_not_matter() {
    for seed in 1..=3 {
        let (device, case) = (emulator_with(seed, 9 << 10), Case::new(9, 500));
        case.agrees(&device, &case.load(&device), 3);
    }
}

#[test]
fn its_memory_is_what_it_says() {
    let (device, case) = (emulator(0), Case::new(12, 100));
    let before = device.memory().unwrap().free_bytes;
    let quotient = case.load(&device);
    let taken = before - device.memory().unwrap().free_bytes;
    assert_eq!(taken, quotient.bytes());
    let tables = quotient.bytes() - quotient.matrices().bytes();
    assert!(tables <= Quotient::table_bytes(12));
}

#[test]
fn wrong_sizes_are_errors() {
    let (device, case) = (emulator(0), Case::new(4, 10));
    let (stream, quotient) = (device.stream().unwrap(), case.load(&device));
    let witnesses = upload(&device, &random(21, 1));
    let scratch = device
        .alloc::<FieldBytes>(Quotient::scratch_len(4, 2) - 1)
        .unwrap();
    let whole = witnesses.slice(0..20).unwrap();
    let too_small = quotient.evaluate(&stream, whole, scratch.as_slice());
    assert!(matches!(too_small, Err(DeviceError::Range { .. })));
    let broken = quotient.evaluate(&stream, witnesses.slice(0..19).unwrap(), scratch.as_slice());
    assert!(matches!(broken, Err(DeviceError::Length { .. })));
    let sparse = SparseMatrices {
        columns: 10,
        coefficients: &[],
        a: case.a.sparse(),
        b: case.b.sparse(),
    };
    assert!(Matrices::new(&device, &sparse).is_err());
    let table: Vec<_> = support::coefficients().iter().map(bytes).collect();
    let matrices = Matrices::new(
        &device,
        &SparseMatrices {
            coefficients: &table,
            ..sparse
        },
    )
    .unwrap();
    assert!(matches!(
        Quotient::new(&device, matrices, 5),
        Err(DeviceError::Length { .. })
    ));
}
