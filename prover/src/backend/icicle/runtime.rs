//! A device that has answered the handshake, shared by all keys of the process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ark_bn254::Fr;
use ark_ff::{FftField, Field};

use super::error::IcicleError;
use super::ffi::{Buffer, Device, Direction, Libraries, Words};
use super::{DeviceName, IcicleOptions, forms, handshake};

/// Where ICICLE installs itself.
const DEFAULT_FOLDER: &str = "/opt/icicle/lib";
/// What the libraries of v1 and v2 are called.
const OLD_PREFIX: &str = "libingo_";

/// Everything that was opened: ICICLE keeps roots of unity for each device of the process, so there is one of us, too.
static OPENED: Mutex<Vec<Opened>> = Mutex::new(Vec::new());

struct Opened {
    folder: Option<PathBuf>,
    libraries: Arc<Libraries>,
    runtimes: Vec<Arc<Runtime>>,
}

/// A device with the roots of unity that ICICLE holds for it.
pub struct Runtime {
    pub device: Arc<Device>,
    /// Size of the domain whose roots ICICLE holds; 0 before the first.
    domain: Mutex<usize>,
}

/// The right to compute with roots of unity of up to an order; there is one at a time.
pub struct Domain<'a> {
    pub device: &'a Arc<Device>,
    _held: MutexGuard<'a, usize>,
}

impl Runtime {
    /// Opens a device once; a second time gives the same.
    ///
    /// # Errors
    /// No ICICLE, no such device, or one with another interface.
    pub fn open(options: &IcicleOptions) -> Result<Arc<Self>, IcicleError> {
        let folder = folder(options.folder.as_deref())?;
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        let place = opened.iter().position(|opened| opened.folder == folder);
        let place = place.map_or_else(
            || {
                let libraries = Arc::new(Libraries::open(folder.as_deref())?);
                libraries.load_backends(folder.as_deref());
                opened.push(Opened {
                    folder,
                    libraries,
                    runtimes: Vec::new(),
                });
                Ok(opened.len() - 1)
            },
            Ok,
        )?;
        opened[place].runtime(options.device.as_ref())
    }

    /// Waits for its turn, and makes ICICLE hold the roots of unity of an order and those below.
    ///
    /// # Errors
    /// ICICLE failed.
    pub fn domain(&self, size: usize) -> Result<Domain<'_>, IcicleError> {
        let mut held = self.domain.lock().unwrap_or_else(PoisonError::into_inner);
        if *held < size {
            *held = 0;
            let root = Fr::get_root_of_unity(size as u64).unwrap_or(Fr::ONE);
            self.device.init_domain(&forms::scalar(&root))?;
            *held = size;
        }
        Ok(Domain {
            device: &self.device,
            _held: held,
        })
    }
}

impl Domain<'_> {
    /// Values of consecutive polynomials over the coset of a generator, in place.
    ///
    /// # Errors
    /// ICICLE failed.
    pub fn evaluate(&self, values: &Buffer, size: usize, coset: Words) -> Result<(), IcicleError> {
        self.device.ntt(values, size, Direction::Forward, coset)
    }

    /// Polynomials of consecutive values over the domain, in place.
    ///
    /// # Errors
    /// ICICLE failed.
    pub fn interpolate(&self, values: &Buffer, size: usize) -> Result<(), IcicleError> {
        let one = forms::scalar(&Fr::ONE);
        self.device.ntt(values, size, Direction::Inverse, one)
    }
}

impl Opened {
    fn runtime(&mut self, wanted: Option<&DeviceName>) -> Result<Arc<Runtime>, IcicleError> {
        let device = self.device(wanted)?;
        let same = |runtime: &&Arc<Runtime>| runtime.device.name() == device.name();
        if let Some(runtime) = self.runtimes.iter().find(same) {
            return Ok(runtime.clone());
        }
        let runtime = Arc::new(Runtime {
            device: Arc::new(device),
            domain: Mutex::new(0),
        });
        handshake::run(&runtime)?;
        self.runtimes.push(runtime.clone());
        Ok(runtime)
    }

    /// The device that is wanted, or else a card, or else the processor.
    fn device(&self, wanted: Option<&DeviceName>) -> Result<Device, IcicleError> {
        let find = |name: &DeviceName| Device::find(&self.libraries, &name.kind, name.id);
        let found = match wanted {
            Some(name) => find(name),
            None => find(&DeviceName::cuda(0)).or_else(|| find(&DeviceName::new("CPU", 0))),
        };
        found.ok_or_else(|| IcicleError::NoDevice {
            wanted: wanted.map_or_else(|| "CUDA or CPU".to_owned(), DeviceName::to_string),
            present: self.libraries.registered_devices(),
        })
    }
}

/// The folder of the libraries: the one that was named, or its `lib`, or ICICLE's own; nothing leaves it to the
/// system's loader.
fn folder(named: Option<&Path>) -> Result<Option<PathBuf>, IcicleError> {
    let Some(named) = named else {
        let default = Path::new(DEFAULT_FOLDER);
        return Ok(default.is_dir().then(|| default.to_owned()));
    };
    let lib = named.join("lib");
    let folder = if lib.is_dir() { lib } else { named.to_owned() };
    let folder = folder
        .canonicalize()
        .map_err(|error| IcicleError::Library {
            library: named.display().to_string(),
            reason: error.to_string(),
        })?;
    match old_library(&folder) {
        Some(library) => Err(IcicleError::OldVersion { folder, library }),
        None => Ok(Some(folder)),
    }
}

fn old_library(folder: &Path) -> Option<String> {
    let entries = folder.read_dir().ok()?;
    let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.find(|name| name.starts_with(OLD_PREFIX))
}
