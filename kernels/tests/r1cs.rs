//! Sparse products and vectors of scalars against plain arithmetic.

mod support;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use support::{Rows, bytes, download, emulator, random, upload};
use trifold_kernels::{
    Device, DeviceError, FieldBytes, Matrices, SparseMatrices, SparseRows, count_scalars,
    from_montgomery, test_devices, to_montgomery,
};

/// A and B times each of several witnesses.
fn agrees(device: &Device, a: &Rows, b: &Rows, columns: usize, witnesses: usize) {
    let coefficients = support::coefficients();
    let witness: Vec<Fr> = random(columns * witnesses, 9);
    let stream = device.stream().unwrap();
    let table: Vec<_> = coefficients.iter().map(bytes).collect();
    let sparse = SparseMatrices {
        columns,
        coefficients: &table,
        a: a.sparse(),
        b: b.sparse(),
    };
    let matrices = Matrices::new(device, &sparse).unwrap();
    assert!(matrices.bytes() <= Matrices::device_bytes(&sparse).unwrap());
    let (input, rows) = (upload(device, &witness), a.len());
    let results = [(); 2].map(|()| device.alloc::<FieldBytes>(rows * witnesses).unwrap());
    matrices
        .a_times(&stream, input.as_slice(), results[0].as_slice())
        .unwrap();
    matrices
        .b_times(&stream, input.as_slice(), results[1].as_slice())
        .unwrap();
    stream.synchronize().unwrap();
    for (matrix, result) in [a, b].into_iter().zip(&results) {
        let expected: Vec<Fr> = witness
            .chunks(columns)
            .flat_map(|w| matrix.times(&coefficients, w))
            .collect();
        let found = download(result);
        let wrong = found
            .iter()
            .zip(&expected)
            .position(|(found, expected)| found != expected);
        assert_eq!(
            wrong, None,
            "{rows} rows, {columns} columns, {witnesses} witnesses"
        );
    }
}

#[test]
fn products_of_random_rows_agree() {
    for device in test_devices() {
        for (rows, columns, witnesses) in [
            (1, 1, 1),
            (31, 7, 2),
            (32, 40, 5),
            (33, 100, 1),
            (1000, 333, 3),
        ] {
            let (a, b) = (
                Rows::random(rows, columns, 1),
                Rows::random(rows, columns, 2),
            );
            agrees(&device, &a, &b, columns, witnesses);
        }
    }
}

#[test]
fn the_order_of_threads_and_blocks_does_not_matter() {
    for seed in 1..=4 {
        let (a, b) = (
            Rows::random(400, 90, seed),
            Rows::random(400, 90, seed + 10),
        );
        agrees(&emulator(seed), &a, &b, 90, 5);
    }
}

#[test]
fn empty_rows_give_zero() {
    for device in test_devices() {
        let empty = Rows::with_lengths(&[0; 100], 10, 1);
        let mut lengths = [0; 100];
        lengths[99] = 3;
        agrees(&device, &empty, &Rows::with_lengths(&lengths, 10, 1), 10, 2);
    }
}

#[test]
fn rows_of_every_kind_of_length_agree() {
    let lengths = [
        0, 1, 2, 31, 32, 33, 63, 64, 65, 100, 1023, 4095, 4096, 4097, 5000, 1, 0, 10_000,
    ];
    for device in test_devices() {
        let (a, b) = (
            Rows::with_lengths(&lengths, 700, 3),
            Rows::with_lengths(&lengths, 700, 4),
        );
        agrees(&device, &a, &b, 700, 2);
    }
}

#[test]
fn one_giant_row_among_many_agrees() {
    for device in test_devices() {
        let mut lengths = vec![2; 1025];
        lengths[512] = 100_000;
        let (a, b) = (
            Rows::with_lengths(&lengths, 3000, 5),
            Rows::with_lengths(&[1; 1025], 3000, 6),
        );
        agrees(&device, &a, &b, 3000, 1);
    }
}

#[test]
fn the_first_and_the_last_column_and_row_are_used() {
    for device in test_devices() {
        let mut rows = Rows::with_lengths(&[1; 257], 1000, 7);
        for (row, entry) in rows.entries.iter_mut().enumerate() {
            entry.0 = if row % 2 == 0 { 0 } else { 999 };
        }
        agrees(&device, &rows, &rows, 1000, 2);
    }
}

#[test]
fn malformed_matrices_are_refused() {
    let device = emulator(0);
    let table = [bytes(&Fr::ONE)];
    let good = SparseRows {
        starts: &[0, 1, 2],
        entries: &[(0, 0), (1, 0)],
    };
    let refused = |a, columns| {
        let sparse = SparseMatrices {
            columns,
            coefficients: &table,
            a,
            b: good,
        };
        matches!(
            Matrices::new(&device, &sparse),
            Err(DeviceError::Matrix { .. })
        )
    };
    assert!(!refused(good, 2));
    assert!(refused(good, 1));
    assert!(refused(
        SparseRows {
            starts: &[0, 2, 1],
            ..good
        },
        2
    ));
    assert!(refused(
        SparseRows {
            starts: &[0, 1, 3],
            ..good
        },
        2
    ));
    assert!(refused(
        SparseRows {
            starts: &[1, 1, 2],
            ..good
        },
        2
    ));
    assert!(refused(
        SparseRows {
            starts: &[0, 2],
            ..good
        },
        2
    ));
    assert!(refused(
        SparseRows {
            starts: &[],
            ..good
        },
        2
    ));
    assert!(refused(
        SparseRows {
            entries: &[(0, 0), (1, 1)],
            ..good
        },
        2
    ));
}

#[test]
fn scalars_are_counted_by_class() {
    let edges = |power: u64| [Fr::from(power - 1), Fr::from(power)];
    for device in test_devices() {
        let stream = device.stream().unwrap();
        let mut scalars = vec![Fr::ZERO, Fr::ZERO, Fr::ZERO, Fr::ONE, Fr::ONE, -Fr::ONE];
        scalars.extend(edges(1 << 16));
        scalars.extend(edges(1 << 16).map(|scalar| -scalar));
        scalars.extend([
            Fr::from(2),
            Fr::from(u64::MAX),
            -Fr::from(u64::MAX),
            Fr::from(1_u128 << 64),
        ]);
        scalars.extend(
            random(300, 1)
                .into_iter()
                .filter(|scalar| scalar.square() != *scalar && *scalar != -Fr::ONE),
        );
        let dense = scalars.len() as u64 - 13;
        let found = count_scalars(&device, &stream, upload(&device, &scalars).as_slice()).unwrap();
        let expected = [3, 2, 1, 3, 4, dense];
        let counts = [
            found.zero,
            found.one,
            found.minus_one,
            found.below_2_16,
            found.below_2_64,
            found.full,
        ];
        assert_eq!(counts, expected);
    }
}

#[test]
fn conversions_are_those_of_arkworks() {
    for device in test_devices() {
        let (stream, values) = (device.stream().unwrap(), random(1000, 2));
        let buffer = upload(&device, &values);
        from_montgomery(&stream, buffer.as_slice()).unwrap();
        stream.synchronize().unwrap();
        let integers: Vec<_> = values.iter().map(support::integer).collect();
        assert_eq!(buffer.download().unwrap(), integers);
        to_montgomery(&stream, buffer.as_slice()).unwrap();
        stream.synchronize().unwrap();
        assert_eq!(download(&buffer), values);
    }
}
