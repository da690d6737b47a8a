//! Small computations with known answers, in just the ways in which proofs use ICICLE: a library whose structures have
//! another layout gives other answers, and is refused instead of believed.

use std::sync::Arc;

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::CurveGroup;
use ark_ff::{FftField, Field, Zero};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};

use super::error::IcicleError;
use super::ffi::{Device, Words};
use super::forms::{self, Curve};
use super::runtime::Runtime;

/// Vectors in a batch: more than one, so that a batch size that is read elsewhere shows.
const BATCH: usize = 3;
const DOMAIN: usize = 16;

/// Computes every known answer.
///
/// # Errors
/// ICICLE failed, or gave another answer.
pub fn run(runtime: &Runtime) -> Result<(), IcicleError> {
    let device = &runtime.device;
    copies(device)?;
    pointwise(device)?;
    transforms(runtime)?;
    sums::<G1Affine>(device)?;
    sums::<G2Affine>(device)
}

fn copies(device: &Arc<Device>) -> Result<(), IcicleError> {
    let values = scalars(DOMAIN);
    let found = device.upload(&words(&values))?.download()?;
    known(device, "icicle_copy_to_host", found == words(&values))
}

fn pointwise(device: &Arc<Device>) -> Result<(), IcicleError> {
    let values = scalars(3 * DOMAIN);
    let (a, b) = (&values[..DOMAIN], &values[DOMAIN..2 * DOMAIN]);
    let expect = |function, combine: fn(Fr, Fr) -> Fr, found: &[Words]| {
        let pairs = a.iter().zip(b);
        let expected: Vec<_> = pairs.map(|(a, b)| combine(*a, *b)).collect();
        known(device, function, found[2 * DOMAIN..] == words(&expected))
    };
    let buffer = device.upload(&words(&values))?;
    device.multiply(&buffer, [0, DOMAIN, 2 * DOMAIN], DOMAIN)?;
    expect("bn254_vector_mul", |a, b| a * b, &buffer.download()?)?;
    device.subtract(&buffer, [0, DOMAIN, 2 * DOMAIN], DOMAIN)?;
    expect("bn254_vector_sub", |a, b| a - b, &buffer.download()?)
}

fn transforms(runtime: &Runtime) -> Result<(), IcicleError> {
    let device = &runtime.device;
    let mut expected = scalars(BATCH * DOMAIN);
    let values = device.upload(&words(&expected))?;
    let domain = runtime.domain(2 * DOMAIN)?;
    let root = Fr::get_root_of_unity(2 * DOMAIN as u64).unwrap_or(Fr::ONE);
    let plain = Radix2EvaluationDomain::<Fr>::new(DOMAIN);
    let coset = plain.and_then(|plain| plain.get_coset(root));
    let (Some(plain), Some(coset)) = (plain, coset) else {
        return Ok(());
    };
    domain.interpolate(&values, DOMAIN)?;
    replace(&mut expected, |values| plain.ifft(values));
    known(device, "bn254_ntt", values.download()? == words(&expected))?;
    domain.evaluate(&values, DOMAIN, forms::scalar(&root))?;
    replace(&mut expected, |values| coset.fft(values));
    known(device, "bn254_ntt", values.download()? == words(&expected))
}

fn sums<C: Curve>(device: &Arc<Device>) -> Result<(), IcicleError> {
    let points: Vec<C> = points();
    let mut uploaded = Vec::new();
    points.iter().for_each(|point| point.put(&mut uploaded));
    let scalars = scalars(BATCH * points.len());
    let on_device = device.upload(&words(&scalars))?;
    let found = device.msm(C::GROUP, &on_device, &device.upload(&uploaded)?, BATCH)?;
    let expected = scalars.chunks_exact(points.len()).map(|scalars| {
        let terms = points.iter().zip(scalars);
        Some(terms.map(|(point, scalar)| *point * scalar).sum())
    });
    let found = found.chunks_exact(C::GROUP.projective_words());
    known(device, C::GROUP.function(), found.map(C::sum).eq(expected))
}

/// Small multiples of the generator: some equal, some opposite, one at infinity.
fn points<C: Curve>() -> Vec<C> {
    let multiples = [1_i64, 2, 2, -2, 5, 0, 7];
    let multiple = |&factor: &i64| (C::generator() * Fr::from(factor)).into_affine();
    multiples.iter().map(multiple).collect()
}

/// Zero, one, minus one, and values of full size.
fn scalars(count: usize) -> Vec<Fr> {
    let dense = Fr::from(7).pow([1 << 20]);
    let powers = std::iter::successors(Some(dense), |value| Some(*value * dense));
    let edges = [Fr::zero(), Fr::ONE, -Fr::ONE];
    edges.into_iter().chain(powers).take(count).collect()
}

fn words(values: &[Fr]) -> Vec<Words> {
    values.iter().map(forms::scalar).collect()
}

fn replace(values: &mut [Fr], transform: impl Fn(&[Fr]) -> Vec<Fr>) {
    for vector in values.chunks_exact_mut(DOMAIN) {
        vector.copy_from_slice(&transform(vector));
    }
}

fn known(device: &Device, function: &'static str, equal: bool) -> Result<(), IcicleError> {
    match equal {
        true => Ok(()),
        false => Err(IcicleError::Handshake {
            function,
            device: device.name().to_owned(),
        }),
    }
}
