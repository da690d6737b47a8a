//! The backend of NVIDIA's cards: keys lie in device memory, and a batch of witnesses goes through without the host.
//!
//! Needs a driver at run time and nothing at build time. Runs on the kernels' CPU emulator just as well, which is how it
//! is tested where there is no card.

mod card;
mod lists;
mod overlapped;
mod plan;
mod residency;
mod resident;
mod results;
mod slots;
mod streamed;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use ark_bn254::Fr;
use trifold_kernels::msm::MsmError;
use trifold_kernels::{Device, DeviceError, Module};

use super::{Backend, BackendError, Commitments, LoadedKey, LowMemory, Options, check_lengths};
use crate::key::ProvingKey;
use lists::{DeviceMatrices, Lists};
use plan::{KeyPlan, PlanError, Shape};
use residency::Residency;
use resident::ResidentKey;

pub use card::{Card, cards};
pub use plan::Footprint;

/// Left free on a card: for the driver's own needs, which grow with the kernels' stacks, and for other programs.
const RESERVE_BYTES: u64 = 512 << 20;
/// Between two looks at whether a key that has to leave is still in use, which is a batch at most.
const PAUSE: Duration = Duration::from_millis(5);
/// Everything that a proof runs.
const MODULES: [Module; 5] = [
    Module::Sort,
    Module::MsmG1,
    Module::MsmG2,
    Module::Ntt,
    Module::R1cs,
];

/// One card with the keys that lie on it. Clones are the same card.
#[derive(Clone)]
pub struct Cuda {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    device: Device,
    low_memory: LowMemory,
    residency: Residency<ResidentKey>,
    /// Held while a key is uploaded, so that two uploads do not count on the same memory.
    loading: Mutex<()>,
    /// What the device failed with.
    failure: OnceLock<String>,
}

impl Cuda {
    /// A card of this machine, with all kernels ready.
    ///
    /// # Errors
    /// [`BackendError::Unavailable`]: no driver, no such card, one that is too old, or no way to compile the kernels.
    pub fn open(options: &Options) -> Result<Self, BackendError> {
        let open = || {
            let card = card::choose(options.card.as_ref())?;
            let device = Device::cuda(&card.id).map_err(unavailable)?;
            device.load(&MODULES).map_err(unavailable)?;
            Ok::<_, BackendError>(device)
        };
        Self::on("cuda", open()?, options)
    }

    /// Any device under a name of its own; the options' card is not looked at.
    ///
    /// # Errors
    /// [`BackendError::Unavailable`]: the device does not answer.
    pub fn on(name: &str, device: Device, options: &Options) -> Result<Self, BackendError> {
        let free_bytes = device.memory().map_err(unavailable)?.free_bytes;
        let budget_bytes = options.memory_budget_bytes;
        let budget_bytes = budget_bytes.unwrap_or(free_bytes.saturating_sub(RESERVE_BYTES));
        Ok(Self {
            shared: Arc::new(Shared {
                name: name.to_owned(),
                device,
                low_memory: options.low_memory,
                residency: Residency::new(budget_bytes),
                loading: Mutex::new(()),
                failure: OnceLock::new(),
            }),
        })
    }

    /// The device in words.
    pub fn describe(&self) -> &str {
        self.shared.device.describe()
    }

    /// The most device memory that keys and their work take.
    pub fn budget_bytes(&self) -> u64 {
        self.shared.residency.budget_bytes()
    }
}

/// What a key takes on a card of so many multiprocessors, in each mode. Needs no card.
///
/// # Errors
/// The key is malformed.
pub fn footprint(key: &ProvingKey, multiprocessors: u32) -> Result<Footprint, BackendError> {
    let (lists, matrices) = (Lists::new(key)?, DeviceMatrices::new(key)?);
    let footprint = Shape::new(key, &lists, &matrices.view())
        .and_then(|shape| Footprint::new(&shape, multiprocessors));
    footprint.map_err(unavailable)
}

impl Backend for Cuda {
    fn name(&self) -> &str {
        &self.shared.name
    }

    /// Uploads the key, after others that nobody uses have left when there is no room.
    fn load(&self, key: Arc<ProvingKey>) -> Result<Box<dyn LoadedKey>, BackendError> {
        let (lists, matrices) = (Lists::new(&key)?, DeviceMatrices::new(&key)?);
        let shape = Shape::new(&key, &lists, &matrices.view());
        let loaded = CudaKey {
            shared: self.shared.clone(),
            shape: shape.map_err(unavailable)?,
            lists,
            matrices,
            key,
            batch_limit: AtomicUsize::new(1),
        };
        loaded.resident()?;
        Ok(Box::new(loaded))
    }
}

/// A key that is on the card, or can be again.
struct CudaKey {
    shared: Arc<Shared>,
    key: Arc<ProvingKey>,
    lists: Lists,
    matrices: DeviceMatrices,
    shape: Shape,
    /// As it was when the key was last used.
    batch_limit: AtomicUsize,
}

impl LoadedKey for CudaKey {
    fn commit(&self, witnesses: &[&[Fr]]) -> Result<Vec<Commitments>, BackendError> {
        check_lengths(self.key.header(), witnesses)?;
        let resident = self.resident()?;
        let found = resident.commit(witnesses);
        found.map_err(|error| self.shared.failed("a batch of witnesses", error))
    }

    fn batch_limit(&self) -> usize {
        self.batch_limit.load(Ordering::Relaxed)
    }
}

impl CudaKey {
    /// The key on the card: found there, or uploaded.
    fn resident(&self) -> Result<Arc<ResidentKey>, BackendError> {
        let resident = self.find_or_upload()?;
        let batch_limit = resident.batch_limit();
        self.batch_limit.store(batch_limit, Ordering::Relaxed);
        Ok(resident)
    }

    fn find_or_upload(&self) -> Result<Arc<ResidentKey>, BackendError> {
        let (shared, digest) = (&self.shared, self.key.digest());
        shared.usable()?;
        if let Some(resident) = shared.residency.get(digest) {
            return Ok(resident);
        }
        let _loading = shared
            .loading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match shared.residency.get(digest) {
            Some(resident) => Ok(resident),
            None => self.upload(),
        }
    }

    /// Uploads the key in the best mode that fits beside the others. When none does, others leave, as soon as nobody
    /// uses them.
    fn upload(&self) -> Result<Arc<ResidentKey>, BackendError> {
        loop {
            match self.upload_beside_others() {
                Err(BackendError::Memory { .. }) if self.shared.residency.evict() => {}
                Err(BackendError::Memory { .. }) if self.shared.residency.is_in_use() => {
                    thread::sleep(PAUSE);
                }
                result => return result,
            }
        }
    }

    fn upload_beside_others(&self) -> Result<Arc<ResidentKey>, BackendError> {
        let shared = &self.shared;
        let (free_bytes, multiprocessors) =
            (shared.free_bytes()?, shared.device.limits().multiprocessors);
        let alone = shared.residency.is_empty();
        let low_memory = shared.low_memory;
        let plan = KeyPlan::choose(&self.shape, multiprocessors, low_memory, alone, free_bytes);
        let plan = plan.map_err(|error| match error {
            PlanError::Memory { wanted_bytes } => {
                shared.memory_error(self.what(), wanted_bytes, free_bytes)
            }
            PlanError::Msm(error) => unavailable(error),
        })?;
        let resident = ResidentKey::new(
            &shared.device,
            &self.key,
            &self.lists,
            &self.matrices.view(),
            &plan,
        );
        let resident = Arc::new(resident.map_err(|error| shared.failed(&self.what(), error))?);
        let digest = *self.key.digest();
        shared
            .residency
            .insert(digest, plan.bytes(), resident.clone());
        Ok(resident)
    }

    fn what(&self) -> String {
        format!("key {}", self.key.path().display())
    }
}

impl Shared {
    fn usable(&self) -> Result<(), BackendError> {
        match self.failure.get() {
            Some(reason) => Err(self.device_error(reason.clone())),
            None => Ok(()),
        }
    }

    /// What is left of the budget, or of the device when others use it too.
    fn free_bytes(&self) -> Result<u64, BackendError> {
        let memory = self.device.memory();
        let memory = memory.map_err(|error| self.failed("asking for free memory", error.into()))?;
        let device_bytes = memory.free_bytes.saturating_sub(RESERVE_BYTES);
        Ok(self.residency.free_bytes().min(device_bytes))
    }

    /// Says what an error of the device means. After anything but a lack of memory nothing on the device is trusted.
    fn failed(&self, what: &str, error: MsmError) -> BackendError {
        match error {
            MsmError::Device(DeviceError::OutOfMemory {
                wanted_bytes,
                free_bytes,
            }) => self.memory_error(what.to_owned(), wanted_bytes, free_bytes),
            MsmError::Device(DeviceError::OutOfHostMemory { wanted_bytes }) => {
                BackendError::HostMemory {
                    backend: self.name.clone(),
                    wanted_bytes,
                }
            }
            error => {
                let reason = self.failure.get_or_init(|| error.to_string());
                self.device_error(reason.clone())
            }
        }
    }

    fn device_error(&self, reason: String) -> BackendError {
        BackendError::Device {
            backend: self.name.clone(),
            reason,
        }
    }

    fn memory_error(&self, what: String, wanted_bytes: u64, free_bytes: u64) -> BackendError {
        BackendError::Memory {
            backend: self.name.clone(),
            what,
            wanted_bytes,
            free_bytes,
            budget_bytes: self.residency.budget_bytes(),
        }
    }
}

fn unavailable(reason: impl ToString) -> BackendError {
    BackendError::Unavailable {
        backend: "cuda".into(),
        reason: reason.to_string(),
    }
}
