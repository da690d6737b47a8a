//! The kernels' sparse products and quotient on the deployed circuits, against the constraint systems as they were
//! compiled. On the emulator; on the first card too, where there is one.

use std::collections::HashMap;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, FftField, Field};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rayon::prelude::*;
use trifold_circuits::artifacts::{Checkout, Manifest};
use trifold_circuits::r1cs::{Matrix, R1cs};
use trifold_kernels::{
    Buffer, Device, FieldBytes, Matrices, Quotient, SparseMatrices, SparseRows, test_devices,
};

fn bytes(value: &Fr) -> FieldBytes {
    FieldBytes(value.0.0)
}

/// Rows over a table of coefficients that they share with others.
struct Rows {
    starts: Vec<u32>,
    entries: Vec<(u32, u32)>,
}

/// Distinct coefficients and the place of each.
#[derive(Default)]
struct Table {
    values: Vec<FieldBytes>,
    places: HashMap<Fr, u32>,
}

impl Rows {
    /// The rows of a matrix, and empty ones up to the size of the domain.
    fn new(matrix: &Matrix, size: usize, table: &mut Table) -> Self {
        let (mut starts, mut entries) = (vec![0], Vec::new());
        for row in 0..size {
            if row < matrix.num_rows() {
                let pairs = matrix.row(row);
                entries.extend(pairs.map(|(wire, value)| (wire as u32, table.place(value))));
            }
            starts.push(entries.len() as u32);
        }
        Self { starts, entries }
    }

    fn view(&self) -> SparseRows<'_> {
        SparseRows {
            starts: &self.starts,
            entries: &self.entries,
        }
    }
}

impl Table {
    fn place(&mut self, value: Fr) -> u32 {
        *self.places.entry(value).or_insert_with(|| {
            self.values.push(bytes(&value));
            self.values.len() as u32 - 1
        })
    }
}

/// Bits, small and dense values, as a circuit has them.
fn witness(num_wires: usize) -> Vec<Fr> {
    let dense = Fr::from(3).pow([1 << 20]);
    let value = |wire: usize| match wire % 9 {
        _ if wire == 0 => Fr::ONE,
        0..4 => Fr::ZERO,
        4..6 => Fr::ONE,
        6 => Fr::from(wire as u64),
        7 => -Fr::from(wire as u64),
        _ => dense * Fr::from(wire as u64),
    };
    (0..num_wires).into_par_iter().map(value).collect()
}

fn product(matrix: &Matrix, size: usize, witness: &[Fr]) -> Vec<Fr> {
    let rows = (0..matrix.num_rows()).into_par_iter();
    let mut product: Vec<Fr> = rows.map(|row| matrix.product(row, witness)).collect();
    product.resize(size, Fr::ZERO);
    product
}

/// `a b - c` at the odd points of the domain of twice the size, with arkworks' transforms.
fn quotient(a: &[Fr], b: &[Fr]) -> Vec<Fr> {
    let domain = Radix2EvaluationDomain::<Fr>::new(a.len()).unwrap();
    let root = Fr::get_root_of_unity(2 * a.len() as u64).unwrap();
    let odd = domain.get_coset(root).unwrap();
    let c: Vec<Fr> = a.iter().zip(b).map(|(a, b)| *a * b).collect();
    let [a, b, c] = [a, b, &c].map(|values| odd.fft(&domain.ifft(values)));
    let values = a.iter().zip(&b).zip(&c);
    values.map(|((a, b), c)| *a * b - c).collect()
}

/// A deployed circuit, with the domain of its key.
struct Circuit {
    name: &'static str,
    r1cs: R1cs,
    size: usize,
    table: Table,
    rows: [Rows; 2],
}

impl Circuit {
    fn new(name: &'static str) -> Self {
        let checkout = Checkout::find().unwrap();
        let manifest = Manifest::load(&checkout).unwrap();
        let circuit = manifest.get(name).unwrap();
        let artifact = checkout.compile(circuit, &|_| {}).unwrap();
        let r1cs = R1cs::from_path(&artifact.r1cs).unwrap();
        let size = r1cs.num_constraints().next_power_of_two();
        let mut table = Table::default();
        let rows = [&r1cs.a, &r1cs.b].map(|matrix| Rows::new(matrix, size, &mut table));
        Self {
            name,
            r1cs,
            size,
            table,
            rows,
        }
    }

    fn load(&self, device: &Device) -> Matrices {
        let sparse = SparseMatrices {
            columns: self.r1cs.num_wires,
            coefficients: &self.table.values,
            a: self.rows[0].view(),
            b: self.rows[1].view(),
        };
        let matrices = Matrices::new(device, &sparse).unwrap();
        assert!(matrices.bytes() <= Matrices::device_bytes(&sparse).unwrap());
        matrices
    }

    fn products_agree(&self, device: &Device) {
        let (matrices, witness) = (self.load(device), witness(self.r1cs.num_wires));
        let (input, stream) = (upload(device, &witness), device.stream().unwrap());
        let result = device.alloc(self.size).unwrap();
        let (input, output) = (input.as_slice(), result.as_slice());
        matrices.a_times(&stream, input, output).unwrap();
        let expected = product(&self.r1cs.a, self.size, &witness);
        self.assert_equal(&result.download().unwrap(), &expected, "A");
        matrices.b_times(&stream, input, output).unwrap();
        let expected = product(&self.r1cs.b, self.size, &witness);
        self.assert_equal(&result.download().unwrap(), &expected, "B");
    }

    fn quotient_agrees(&self, device: &Device) {
        let witness = witness(self.r1cs.num_wires);
        let (input, stream) = (upload(device, &witness), device.stream().unwrap());
        let log_n = self.size.ilog2();
        let kernels = Quotient::new(device, self.load(device), log_n).unwrap();
        let scratch = device.alloc(Quotient::scratch_len(log_n, 1)).unwrap();
        let evaluated = kernels.evaluate(&stream, input.as_slice(), scratch.as_slice());
        evaluated.unwrap();
        let found = scratch.slice(0..self.size).unwrap().download().unwrap();
        let [a, b] =
            [&self.r1cs.a, &self.r1cs.b].map(|matrix| product(matrix, self.size, &witness));
        self.assert_equal(&found, &quotient(&a, &b), "quotient");
    }

    fn assert_equal(&self, found: &[FieldBytes], expected: &[Fr], what: &str) {
        assert_eq!(found.len(), expected.len());
        let differs = |(found, expected): (&FieldBytes, &Fr)| *found != bytes(expected);
        let wrong = found.iter().zip(expected).position(differs);
        assert_eq!(wrong, None, "{what} of {}", self.name);
    }
}

fn upload(device: &Device, values: &[Fr]) -> Buffer<FieldBytes> {
    let values: Vec<_> = values.iter().map(bytes).collect();
    device.upload(&values).unwrap()
}

#[test]
fn products_of_the_deployed_circuits_agree() {
    for name in ["merge", "nest", "transfer"] {
        let circuit = Circuit::new(name);
        test_devices()
            .iter()
            .for_each(|device| circuit.products_agree(device));
    }
}

#[test]
fn the_quotient_of_transfer_agrees() {
    let circuit = Circuit::new("transfer");
    test_devices()
        .iter()
        .for_each(|device| circuit.quotient_agrees(device));
}
