//! Which backend to use: by name, or the best that this machine has.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use super::{Backend, BackendError, Cpu, Fallback, Paired};
#[cfg(feature = "icicle")]
use super::{DeviceName, Icicle, IcicleOptions};

/// A backend by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// A CUDA card where a usable one is, else the CPU.
    #[default]
    Auto,
    Cpu,
    Cuda,
    Icicle,
    /// Two of the others, neither of them automatic.
    Paired(Box<[Choice; 2]>),
}

/// How to use the chosen backend's device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The first card when absent.
    pub card: Option<CardChoice>,
    /// The most device memory to use; all that is free, less a reserve, when absent.
    pub memory_budget_bytes: Option<u64>,
    pub low_memory: LowMemory,
    /// Where the operator's ICICLE is; ICICLE's default folder and the system's loader when absent.
    pub icicle_folder: Option<PathBuf>,
    /// ICICLE's name of a device, such as `CUDA:1` or `CPU`; else the card, or the processor if it has no card.
    pub icicle_device: Option<String>,
}

/// Which card of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardChoice {
    /// The driver's present number of the card.
    Index(u32),
    /// `GPU-` and a UUID, as `nvidia-smi -L` writes it.
    Uuid(String),
}

/// Whether keys lie in device memory without precomputed multiples, which takes less memory and more time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LowMemory {
    /// When a key does not fit otherwise.
    #[default]
    Auto,
    On,
    /// A key that does not fit is an error.
    Off,
}

/// The text names no choice.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{found:?} is not {expected}")]
pub struct ChoiceError {
    found: String,
    expected: &'static str,
}

/// A backend, and why it is not a better one.
pub struct Selected {
    pub backend: Arc<dyn Backend>,
    /// One line for the operator when `auto` had to take the CPU.
    pub note: Option<String>,
}

/// Gets a backend ready.
///
/// # Errors
/// [`BackendError::Unavailable`] when the machine or this build has none of that name, with the reason.
pub fn select(choice: &Choice, options: &Options) -> Result<Selected, BackendError> {
    let backend: Arc<dyn Backend> = match choice {
        Choice::Auto => return Ok(automatic(options)),
        Choice::Paired(pair) => {
            let [first, second] = &**pair;
            let first = select(first, options)?.backend;
            Arc::new(Paired::new(first, select(second, options)?.backend))
        }
        Choice::Cpu => Arc::new(Cpu),
        Choice::Cuda => cuda(options)?,
        Choice::Icicle => icicle(options)?,
    };
    let note = None;
    Ok(Selected { backend, note })
}

fn automatic(options: &Options) -> Selected {
    match cuda(options) {
        Ok(device) => Selected {
            backend: Arc::new(Fallback::new(device)),
            note: None,
        },
        Err(error) => Selected {
            backend: Arc::new(Cpu),
            note: Some(note(&error)),
        },
    }
}

/// One line, even when a compiler had more to say.
fn note(error: &BackendError) -> String {
    let reason = error.to_string();
    let reason = reason.lines().next().unwrap_or_default();
    format!("proving on the CPU: {reason}")
}

#[cfg(feature = "cuda")]
fn cuda(options: &Options) -> Result<Arc<dyn Backend>, BackendError> {
    Ok(Arc::new(super::Cuda::open(options)?))
}

#[cfg(not(feature = "cuda"))]
fn cuda(_: &Options) -> Result<Arc<dyn Backend>, BackendError> {
    Err(left_out("cuda"))
}

#[cfg(feature = "icicle")]
fn icicle(options: &Options) -> Result<Arc<dyn Backend>, BackendError> {
    let unavailable = |reason: String| BackendError::Unavailable {
        backend: "icicle".into(),
        reason,
    };
    let device = match (&options.icicle_device, &options.card) {
        (Some(name), _) => Some(
            name.parse()
                .map_err(|error| unavailable(format!("{error}")))?,
        ),
        (None, Some(CardChoice::Index(index))) => Some(DeviceName::cuda(*index)),
        (None, Some(CardChoice::Uuid(uuid))) => {
            let how = "set CUDA_VISIBLE_DEVICES to the UUID and leave the card out";
            return Err(unavailable(format!(
                "it knows cards by number, not as {uuid}: {how}"
            )));
        }
        (None, None) => None,
    };
    let folder = options.icicle_folder.clone();
    Ok(Arc::new(Icicle::new(&IcicleOptions { folder, device })?))
}

#[cfg(not(feature = "icicle"))]
fn icicle(_: &Options) -> Result<Arc<dyn Backend>, BackendError> {
    Err(left_out("icicle"))
}

#[cfg(not(all(feature = "cuda", feature = "icicle")))]
fn left_out(backend: &str) -> BackendError {
    BackendError::Unavailable {
        backend: backend.into(),
        reason: format!("this program was built without the feature {backend}"),
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Auto => formatter.write_str("auto"),
            Self::Cpu => formatter.write_str("cpu"),
            Self::Cuda => formatter.write_str("cuda"),
            Self::Icicle => formatter.write_str("icicle"),
            Self::Paired(pair) => write!(formatter, "paired:{},{}", pair[0], pair[1]),
        }
    }
}

impl FromStr for Choice {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        match text {
            "auto" => Ok(Self::Auto),
            _ => single(text).or_else(|| paired(text)).ok_or(ChoiceError {
                found: text.into(),
                expected: "a backend: auto, cpu, cuda, icicle, or paired:X,Y with two of the last three",
            }),
        }
    }
}

fn single(text: &str) -> Option<Choice> {
    match text {
        "cpu" => Some(Choice::Cpu),
        "cuda" => Some(Choice::Cuda),
        "icicle" => Some(Choice::Icicle),
        _ => None,
    }
}

fn paired(text: &str) -> Option<Choice> {
    let (first, second) = text.strip_prefix("paired:")?.split_once(',')?;
    let pair = [single(first)?, single(second)?];
    (first != second).then(|| Choice::Paired(Box::new(pair)))
}

impl FromStr for CardChoice {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let index = text.parse().map(Self::Index);
        match text.starts_with("GPU-") {
            true => Ok(Self::Uuid(text.into())),
            false => index.map_err(|_| ChoiceError {
                found: text.into(),
                expected: "a card: its number, or GPU- and its UUID",
            }),
        }
    }
}

impl FromStr for LowMemory {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        match text {
            "auto" => Ok(Self::Auto),
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err(ChoiceError {
                found: text.into(),
                expected: "auto, on or off",
            }),
        }
    }
}
