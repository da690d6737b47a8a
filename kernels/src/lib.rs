//! CUDA kernels of Groth16 over BN254 and the device layer that runs them, on a card or on a CPU emulator of one.
//!
//! The kernels are one C++ text (`include/`, `cuda/`), compiled for the card by NVRTC or by nvcc, and for the CPU by the
//! host's compiler. This crate knows no circuit, key or proof, and imports none of ours. `unsafe` is confined to `driver`,
//! `rtc` and the copies of `stream`, `buffer` and `pinned`.

mod buffer;
mod card;
mod cubin_cache;
mod device;
mod driver;
mod error;
mod image;
mod module;
pub mod msm;
mod ntt;
mod pinned;
mod quotient;
mod r1cs;
mod rtc;
mod stream;
mod types;

pub use buffer::{Buffer, BufferSlice};
pub use bytemuck::{Pod, Zeroable};
pub use card::{Card, CardId};
pub use cubin_cache::CubinCache;
pub use device::{Device, Limits, Memory};
#[cfg(feature = "emulator")]
pub use device::{EmulatorConfig, test_devices};
pub use error::{DeviceError, Result};
pub use module::Module;
pub use ntt::{Coset, Direction, MAX_LOG_N, MAX_TILE_LOG, MIN_TILE_LOG, Ntt, Order};
pub use pinned::Pinned;
pub use quotient::Quotient;
pub use r1cs::{
    Matrices, ScalarCounts, SparseMatrices, SparseRows, count_scalars, from_montgomery,
    to_montgomery,
};
pub use rtc::{Compiler, Target};
pub use stream::{Argument, Event, Grid, Stream};
pub use types::{FieldBytes, G1Affine, G1Jacobian, G1Xyzz, G2Affine, G2Jacobian, G2Xyzz};
