//! The operator's ICICLE v3 or v4, loaded when the program runs; nothing of it is needed to build.
//!
//! The points of a key and the roots of unity stay on ICICLE's device; `A w` and `B w` are computed here, and
//! everything after that, six transforms and five sums for each witness, by ICICLE. Its libraries are looked for in a
//! folder that was named, in ICICLE's default folder, and where the system's loader looks.
//!
//! The parity suite passed on the processor's device of v3.4.0 and of v4.0.0, built from their public sources, on
//! 2026-11-21 (x86-64 Linux); not run: its card's device, which is not public. `CONTRIBUTING.md` says how to repeat it.

mod error;
mod ffi;
mod forms;
mod handshake;
mod key;
mod operation;
mod runtime;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use ark_bn254::Fr;

use super::{Backend, BackendError, LoadedKey};
use crate::key::ProvingKey;
use key::IcicleKey;
use runtime::Runtime;

pub use error::IcicleError;
pub use forms::Curve;
pub use operation::{IcicleSum, IcicleTransform};

const NAME: &str = "icicle";

/// Where ICICLE is, and which of its devices to use.
#[derive(Clone, Debug, Default)]
pub struct IcicleOptions {
    /// Folder with the three libraries, or one with a `lib` that has them.
    pub folder: Option<PathBuf>,
    /// Without one: the first card, or else the processor.
    pub device: Option<DeviceName>,
}

/// A device as ICICLE names it: `CUDA:1` is the second card; a name without a number is the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceName {
    kind: String,
    id: i32,
}

impl DeviceName {
    /// A card by its number.
    pub fn cuda(index: u32) -> Self {
        Self::new("CUDA", i32::try_from(index).unwrap_or(i32::MAX))
    }

    fn new(kind: &str, id: i32) -> Self {
        let kind = kind.to_ascii_uppercase();
        Self { kind, id }
    }
}

impl FromStr for DeviceName {
    type Err = IcicleError;

    fn from_str(text: &str) -> Result<Self, IcicleError> {
        let (kind, id) = text.split_once(':').unwrap_or((text, "0"));
        let id = id.parse().ok().filter(|id| (0..1 << 16).contains(id));
        let named = !kind.is_empty() && kind.chars().all(|letter| letter.is_ascii_alphanumeric());
        match id {
            Some(id) if named => Ok(Self::new(kind, id)),
            _ => Err(IcicleError::DeviceName { text: text.into() }),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}

/// A device of ICICLE that has given the known answers.
pub struct Icicle {
    runtime: Arc<Runtime>,
}

impl Icicle {
    /// Loads ICICLE and tries it with small computations. The libraries stay loaded until the process ends.
    ///
    /// # Errors
    /// [`BackendError::Unavailable`]: ICICLE is missing, is another version, has no such device or computes wrongly.
    pub fn new(options: &IcicleOptions) -> Result<Self, BackendError> {
        let runtime = Runtime::open(options).map_err(|error| BackendError::Unavailable {
            backend: NAME.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self { runtime })
    }

    /// A sum alone, to measure it.
    ///
    /// # Errors
    /// The device has no room for points and scalars.
    pub fn sum<C: Curve>(
        &self,
        points: &[C],
        scalars: &[Fr],
    ) -> Result<IcicleSum<C>, BackendError> {
        Ok(IcicleSum::new(&self.runtime, points, scalars)?)
    }

    /// A transform alone, to measure it.
    ///
    /// # Errors
    /// The device has no room for the values.
    pub fn transform(&self, values: &[Fr]) -> Result<IcicleTransform, BackendError> {
        Ok(IcicleTransform::new(&self.runtime, values)?)
    }

    /// Kind and number of the device.
    pub fn device(&self) -> &str {
        self.runtime.device.name()
    }
}

impl Backend for Icicle {
    fn name(&self) -> &str {
        NAME
    }

    fn load(&self, key: Arc<ProvingKey>) -> Result<Box<dyn LoadedKey>, BackendError> {
        Ok(Box::new(IcicleKey::new(self.runtime.clone(), key)?))
    }
}
