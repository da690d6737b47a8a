//! Constants derived when they are first used, by the code of the build script.

#[path = "../../build/grain.rs"]
mod grain;
#[path = "../../build/poseidon.rs"]
mod parameters;
mod scalar;

use alloc::boxed::Box;
use alloc::vec::Vec;

use ark_bn254::Fr;
use once_cell::race::OnceBox;

use super::{MAX_INPUTS, Parameters};
use scalar::Scalar;

/// One place for each size from 2 on.
static DERIVED: [OnceBox<Parameters>; MAX_INPUTS] = [const { OnceBox::new() }; MAX_INPUTS];

/// Constants for a state of `T` elements.
pub(super) fn table<const T: usize>() -> &'static Parameters {
    of_size(T)
}

/// One text for all sizes.
#[inline(never)]
fn of_size(t: usize) -> &'static Parameters {
    DERIVED[t - 2].get_or_init(|| Box::new(derive(t)))
}

/// Kept as long as the program runs.
fn derive(t: usize) -> Parameters {
    let parameters = parameters::Parameters::new(t);
    Parameters {
        full: keep(parameters.full.concat()),
        partial: keep(parameters.partial),
        mds: keep(parameters.mds.concat()),
        pre: keep(parameters.pre.concat()),
        sparse: keep(parameters.sparse.concat()),
    }
}

fn keep(values: Vec<Scalar>) -> &'static [Fr] {
    let values: Vec<Fr> = values.into_iter().map(Scalar::into).collect();
    values.leak()
}
