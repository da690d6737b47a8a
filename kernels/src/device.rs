//! A device: its memory, its streams, and what it can do.

use std::fmt;
use std::sync::Arc;

use bytemuck::Pod;

use crate::buffer::Buffer;
use crate::card::{Card, CardId};
use crate::cubin_cache::CubinCache;
use crate::driver::{Driver, Priority};
use crate::error::{DeviceError, Result};
use crate::module::Module;
use crate::pinned::Pinned;
use crate::stream::{Grid, Stream};

/// What a kernel's launch can count on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub multiprocessors: u32,
    /// The most dynamic shared memory that a block can ask for.
    pub shared_bytes_per_block: u32,
    pub threads_per_block: u32,
    pub total_bytes: u64,
}

/// Threads that run in step; blocks are whole warps.
const WARP_THREADS: u32 = 32;

impl Limits {
    /// Whether a launch of this size is possible; if not, why.
    pub(crate) fn check(&self, grid: Grid) -> std::result::Result<(), String> {
        if grid.threads == 0
            || !grid.threads.is_multiple_of(WARP_THREADS)
            || grid.threads > self.threads_per_block
        {
            return Err(format!(
                "a block has whole warps of {WARP_THREADS} threads, at most {}",
                self.threads_per_block
            ));
        }
        if grid.blocks > i32::MAX as u32 {
            return Err(format!("at most {} blocks", i32::MAX));
        }
        if grid.shared_bytes > self.shared_bytes_per_block {
            return Err(format!(
                "at most {} bytes of shared memory",
                self.shared_bytes_per_block
            ));
        }
        Ok(())
    }
}

/// Device memory at one moment; other programs on the card use it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    pub free_bytes: u64,
    pub total_bytes: u64,
}

/// What card to emulate.
#[cfg(feature = "emulator")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmulatorConfig {
    pub memory_bytes: u64,
    pub multiprocessors: u32,
    pub shared_bytes_per_block: u32,
    /// Host threads that run blocks.
    pub threads: u32,
    /// Permutes blocks and the threads of each block; 0 keeps their natural order.
    pub seed: u64,
    /// Streams do nothing until somebody waits for them, and then only what he waits for: a missing wait between two
    /// streams, or memory that goes too early, shows.
    pub deferred: bool,
}

#[cfg(feature = "emulator")]
impl Default for EmulatorConfig {
    /// The smallest shared memory of the supported cards (99 KiB, compute capability 8.6 to 12.0). `TRIFOLD_EMULATOR_SEED` and
    /// `TRIFOLD_EMULATOR_THREADS` replace the last two numbers.
    fn default() -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
        Self {
            memory_bytes: 8 << 30,
            multiprocessors: 4,
            shared_bytes_per_block: 99 << 10,
            threads: number("TRIFOLD_EMULATOR_THREADS").unwrap_or(1) as u32,
            seed: number("TRIFOLD_EMULATOR_SEED").unwrap_or(0),
            deferred: number("TRIFOLD_EMULATOR_DEFERRED").unwrap_or(0) != 0,
        }
    }
}

/// A card or an emulated one. Clones are the same device.
#[derive(Clone)]
pub struct Device {
    driver: Arc<dyn Driver>,
    /// Copies that the host waits for go through a stream of their own.
    transfers: Arc<Stream>,
}

impl Device {
    pub(crate) fn new(driver: Arc<dyn Driver>) -> Result<Self> {
        let transfers = Arc::new(Stream::new(driver.clone(), Priority::Normal)?);
        Ok(Self { driver, transfers })
    }

    /// The cards of this machine, as the driver numbers them; makes no context and takes no memory on any of them.
    ///
    /// Errors: `NoDriver`, `DriverTooOld`, `NoCard`, `Driver`.
    pub fn cards() -> Result<Vec<Card>> {
        crate::driver::cuda::cards()
    }

    /// A card of this machine; compiled kernels are kept in `CubinCache::of_the_user`.
    ///
    /// Errors: those of `cards`, `UnknownCard`, `UnsupportedCard`.
    pub fn cuda(id: &CardId) -> Result<Self> {
        Self::cuda_with(id, CubinCache::of_the_user())
    }

    /// As `cuda`, with another place for compiled kernels, or none.
    pub fn cuda_with(id: &CardId, cache: Option<CubinCache>) -> Result<Self> {
        Self::new(Arc::new(crate::driver::cuda::Cuda::open(id, cache)?))
    }

    /// The CPU emulator, with the default configuration.
    #[cfg(feature = "emulator")]
    pub fn emulator() -> Result<Self> {
        Self::emulator_with(EmulatorConfig::default())
    }

    #[cfg(feature = "emulator")]
    pub fn emulator_with(config: EmulatorConfig) -> Result<Self> {
        Self::new(Arc::new(crate::driver::emulator::Emulator::new(config)))
    }

    /// The device in words, for messages and reports.
    pub fn describe(&self) -> &str {
        self.driver.describe()
    }

    pub fn limits(&self) -> &Limits {
        self.driver.limits()
    }

    pub fn memory(&self) -> Result<Memory> {
        self.driver.memory()
    }

    /// Makes the kernels of these modules ready, compiling them side by side where no build has
    /// embedded them and no cache has them; the first launch of each would do it otherwise.
    ///
    /// Errors: `NoCompiler`, `Compile`, `Load`.
    pub fn load(&self, modules: &[Module]) -> Result<()> {
        self.driver.load(modules)
    }

    /// Waits for all that any stream of the device was given.
    pub fn synchronize(&self) -> Result<()> {
        self.driver.synchronize()
    }

    pub fn stream(&self) -> Result<Stream> {
        Stream::new(self.driver.clone(), Priority::Normal)
    }

    /// A stream whose waiting blocks go before those of other streams.
    pub fn stream_high_priority(&self) -> Result<Stream> {
        Stream::new(self.driver.clone(), Priority::High)
    }

    /// `len` elements of undefined content (0xa5 bytes on the emulator).
    pub fn alloc<T: Pod>(&self, len: usize) -> Result<Buffer<T>> {
        let bytes = (len as u64).checked_mul(size_of::<T>() as u64);
        let Some(bytes) = bytes.filter(|bytes| *bytes <= isize::MAX as u64) else {
            let free_bytes = self.memory()?.free_bytes;
            return Err(DeviceError::OutOfMemory {
                wanted_bytes: u64::MAX,
                free_bytes,
            });
        };
        let address = self.driver.allocate(bytes)?;
        Ok(Buffer::new(self.clone(), address, len))
    }

    /// `len` elements of zero bytes; any stream may use them.
    pub fn alloc_zeroed<T: Pod>(&self, len: usize) -> Result<Buffer<T>> {
        let buffer = self.alloc(len)?;
        self.transfers.fill_zero(&buffer)?;
        self.transfers.synchronize()?;
        Ok(buffer)
    }

    /// A copy of `values` in device memory; any stream may use it.
    pub fn upload<T: Pod>(&self, values: &[T]) -> Result<Buffer<T>> {
        let buffer = self.alloc(values.len())?;
        self.transfers.copy_in_slice(&buffer, values)?;
        Ok(buffer)
    }

    /// Zeroed page-locked host memory, for copies that overlap with work.
    pub fn pinned<T: Pod>(&self, len: usize) -> Result<Pinned<T>> {
        Pinned::new(self.driver.clone(), len)
    }

    pub(crate) fn driver(&self) -> &Arc<dyn Driver> {
        &self.driver
    }

    pub(crate) fn transfers(&self) -> &Stream {
        &self.transfers
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Device").field(&self.describe()).finish()
    }
}

/// Every device that tests can use here: the emulator, and the first card where there is one. Says what it leaves out.
#[cfg(feature = "emulator")]
pub fn test_devices() -> Vec<Device> {
    let mut devices = vec![Device::emulator().expect("the emulator starts")];
    match Device::cards().and_then(|cards| Device::cuda(&cards[0].id)) {
        Ok(card) => devices.push(card),
        Err(error) => eprintln!("left out: a card ({error})"),
    }
    devices
}
