//! Whether a backend computes what the CPU computes: a small circuit that is made here, so that nothing need be compiled.

use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;
use std::time::Instant;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use tempfile::NamedTempFile;
use trifold_circuits::r1cs::R1cs;

use crate::backend::{Backend, BackendError, Cpu, Paired};
use crate::key::{KeyError, ProvingKey};
use crate::prover;
use crate::self_check::{Claim, SelfCheck};
use crate::setup::{self, Entropy, SetupError};

/// Steps of the circuit's recurrence.
const STEPS: u32 = 300;
/// Places of the leading one, of the last state, which is public, and of the first.
const ONE: u32 = 0;
const LAST: u32 = 1;
const FIRST: u32 = 2;

/// What a backend was found to do right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SelfTest {
    pub constraints: usize,
    /// Vectors whose commitments agree with the CPU's, bit for bit.
    pub vectors: usize,
    /// Proofs that verify.
    pub proofs: usize,
    /// Of both backends together, the key's upload included.
    pub seconds: f64,
}

/// Runs witnesses, and vectors that are none, through a backend and the CPU.
///
/// # Errors
/// [`BackendError::Differ`] when they differ; [`BackendError::Device`] when a proof does not verify; the backend's own.
pub fn self_test(backend: Arc<dyn Backend>) -> Result<SelfTest, BackendError> {
    let start = Instant::now();
    let name = backend.name().to_owned();
    let r1cs = R1cs::from_bytes(&r1cs()).map_err(KeyError::R1cs)?;
    let key = Arc::new(key(&r1cs)?);
    let witnesses: Vec<_> = (1..4).map(|seed| witness(Fr::from(seed))).collect();
    let vectors = [witnesses.clone(), adversarial(r1cs.num_wires)].concat();
    let vectors: Vec<&[Fr]> = vectors.iter().map(Vec::as_slice).collect();
    let paired = Paired::new(Arc::new(Cpu), backend).load(key.clone())?;
    let commitments = paired.commit(&vectors)?;
    let claims = commitments.iter().zip(&witnesses);
    let claims: Vec<Claim> = claims
        .map(|(commitments, witness)| {
            let proof = prover::blinded(key.header(), commitments);
            (proof, &witness[LAST as usize..][..1])
        })
        .collect();
    let verdicts = SelfCheck::new(&key.verifying_key()).verdicts(&claims);
    if verdicts.contains(&false) {
        let reason = "a proof of its self-test does not verify".into();
        return Err(BackendError::Device {
            backend: name,
            reason,
        });
    }
    Ok(SelfTest {
        constraints: r1cs.num_constraints(),
        vectors: vectors.len(),
        proofs: claims.len(),
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// A development key, the same each time, in a file that goes away with it.
fn key(r1cs: &R1cs) -> Result<ProvingKey, KeyError> {
    let file = NamedTempFile::new().map_err(|source| KeyError::Io {
        path: std::env::temp_dir(),
        source,
    })?;
    let io = |source| KeyError::Io {
        path: file.path().to_owned(),
        source,
    };
    let entropy = Entropy::Seed(b"trifold self-test".to_vec());
    let mut buffer = BufWriter::new(File::create(file.path()).map_err(io)?);
    let written = setup::write_key(r1cs, &[0; 32], &entropy, &mut buffer, &mut |_, _, _| {});
    written.map_err(|error| match error {
        SetupError::Key(error) => error,
        SetupError::Io(source) => io(source),
    })?;
    let file_error = buffer.into_inner().map_err(|error| io(error.into_error()));
    file_error?;
    ProvingKey::open_written(file.path())
}

/// Wires of step `i`: its bit and its state, of which the first and the last have places of their own.
fn bit(i: u32) -> u32 {
    FIRST + 1 + 2 * i
}

fn state(i: u32) -> u32 {
    match i {
        0 => FIRST,
        STEPS => LAST,
        _ => FIRST + 2 * i,
    }
}

/// `bit (bit - 1) = 0` and `state (3 state + 5 bit - 1) = next state` for each step.
fn witness(first: Fr) -> Vec<Fr> {
    let mut witness = vec![Fr::ZERO; num_wires() as usize];
    witness[ONE as usize] = Fr::ONE;
    witness[FIRST as usize] = first;
    for i in 0..STEPS {
        let value = Fr::from(i % 3 % 2);
        let present = witness[state(i) as usize];
        witness[bit(i) as usize] = value;
        witness[state(i + 1) as usize] =
            present * (Fr::from(3) * present + Fr::from(5) * value - Fr::ONE);
    }
    witness
}

/// Values that break multiplications if anything does: none, equal, of the other sign, small, full.
fn adversarial(num_wires: usize) -> Vec<Vec<Fr>> {
    let vector = |value: &dyn Fn(u64) -> Fr| (0..num_wires as u64).map(value).collect();
    let dense = Fr::from(3).pow([1 << 20]);
    vec![
        vector(&|_| Fr::ZERO),
        vector(&|_| Fr::ONE),
        vector(&|_| -Fr::ONE),
        vector(&|_| dense),
        vector(&|wire| dense.pow([wire])),
        vector(&|wire| -Fr::from(wire % 5)),
    ]
}

fn num_wires() -> u32 {
    FIRST + 1 + 2 * STEPS - 1
}

type Row = Vec<(u32, Fr)>;

fn constraints() -> Vec<[Row; 3]> {
    let one = Fr::ONE;
    let of_step = |i: u32| {
        let boolean = [
            vec![(bit(i), one)],
            vec![(ONE, -one), (bit(i), one)],
            vec![],
        ];
        let factor = vec![(ONE, -one), (state(i), Fr::from(3)), (bit(i), Fr::from(5))];
        let recurrence = [vec![(state(i), one)], factor, vec![(state(i + 1), one)]];
        [boolean, recurrence]
    };
    (0..STEPS).flat_map(of_step).collect()
}

/// The circuit as a file of iden3's r1cs format, version 1: a header and the constraints.
fn r1cs() -> Vec<u8> {
    let constraints = constraints();
    let mut header = 32_u32.to_le_bytes().to_vec();
    header.extend(Fr::MODULUS.to_bytes_le());
    let [outputs, public_inputs, private_inputs] = [1, 0, 1];
    for count in [num_wires(), outputs, public_inputs, private_inputs] {
        header.extend(count.to_le_bytes());
    }
    header.extend(u64::from(num_wires()).to_le_bytes());
    header.extend((constraints.len() as u32).to_le_bytes());
    let mut body = Vec::new();
    for row in constraints.iter().flatten() {
        body.extend((row.len() as u32).to_le_bytes());
        for (wire, value) in row {
            body.extend(wire.to_le_bytes());
            body.extend(value.into_bigint().to_bytes_le());
        }
    }
    let mut file = b"r1cs".to_vec();
    file.extend([1_u32, 2].iter().flat_map(|number| number.to_le_bytes()));
    for (section, bytes) in [(1_u32, header), (2, body)] {
        file.extend(section.to_le_bytes());
        file.extend((bytes.len() as u64).to_le_bytes());
        file.extend(bytes);
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_circuit_is_satisfied_by_its_witnesses_only() {
        let r1cs = R1cs::from_bytes(&r1cs()).unwrap();
        let mut witness = witness(Fr::from(7));
        assert_eq!(r1cs.check(&witness), Ok(()));
        witness[LAST as usize] += Fr::ONE;
        assert!(r1cs.check(&witness).is_err());
    }

    #[test]
    fn the_processor_passes() {
        let found = self_test(Arc::new(Cpu)).unwrap();
        assert_eq!(
            (found.constraints, found.vectors, found.proofs),
            (600, 9, 3)
        );
    }
}
