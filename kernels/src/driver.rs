//! The seam between the safe device layer and what runs kernels. Handles and addresses are the implementation's own 64-bit
//! values; a null address is never dereferenced and belongs to empty buffers.

pub(crate) mod cuda;
#[cfg(feature = "emulator")]
pub(crate) mod emulator;

use crate::device::{Limits, Memory};
use crate::error::Result;
use crate::module::Module;
use crate::stream::{Argument, Grid};

/// A stream of the driver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamHandle(pub(crate) u64);

/// An event of the driver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventHandle(pub(crate) u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    Normal,
    High,
}

pub(crate) trait Driver: Send + Sync {
    /// The device in words, for messages.
    fn describe(&self) -> &str;
    fn limits(&self) -> &Limits;
    fn memory(&self) -> Result<Memory>;

    /// Makes the kernels of these modules ready, so that no launch has to.
    fn load(&self, modules: &[Module]) -> Result<()>;

    /// At least 256-byte aligned device memory; null for no bytes.
    fn allocate(&self, bytes: u64) -> Result<u64>;
    /// Waits until nothing on the device can still use the memory, then frees it.
    ///
    /// # Safety
    /// `address` came from `allocate` with the same `bytes` and is freed once.
    unsafe fn free(&self, address: u64, bytes: u64);
    /// Zeroed page-locked host memory, 64-byte aligned at least.
    fn allocate_host(&self, bytes: usize) -> Result<*mut u8>;
    /// # Safety
    /// `address` came from `allocate_host` with the same `bytes`, is freed once, and no copy uses it any more.
    unsafe fn free_host(&self, address: *mut u8, bytes: usize);

    fn create_stream(&self, priority: Priority) -> Result<StreamHandle>;
    /// # Safety
    /// The stream came from `create_stream` and is not used afterwards.
    unsafe fn destroy_stream(&self, stream: StreamHandle);
    fn synchronize_stream(&self, stream: StreamHandle) -> Result<()>;
    /// Waits for everything given to the device so far.
    fn synchronize(&self) -> Result<()>;
    /// A new event behind all that the stream was given so far.
    fn record(&self, stream: StreamHandle) -> Result<EventHandle>;
    fn wait(&self, stream: StreamHandle, event: EventHandle) -> Result<()>;
    fn synchronize_event(&self, event: EventHandle) -> Result<()>;
    fn is_reached(&self, event: EventHandle) -> Result<bool>;
    /// # Safety
    /// The event came from `record` and is not used afterwards.
    unsafe fn destroy_event(&self, event: EventHandle);

    /// # Safety
    /// `bytes` device bytes at `target` are allocated; the host bytes at `source` are page-locked and stay, unchanged, until the
    /// copy is done, or the caller synchronizes before it returns.
    unsafe fn copy_in(
        &self,
        stream: StreamHandle,
        target: u64,
        source: *const u8,
        bytes: usize,
    ) -> Result<()>;
    /// # Safety
    /// As `copy_in`; nobody reads or writes the host bytes until the copy is done.
    unsafe fn copy_out(
        &self,
        stream: StreamHandle,
        target: *mut u8,
        source: u64,
        bytes: usize,
    ) -> Result<()>;
    /// # Safety
    /// Both ranges are allocated device memory and do not overlap.
    unsafe fn copy(
        &self,
        stream: StreamHandle,
        target: u64,
        source: u64,
        bytes: usize,
    ) -> Result<()>;
    /// # Safety
    /// The range is allocated device memory.
    unsafe fn fill_zero(&self, stream: StreamHandle, target: u64, bytes: usize) -> Result<()>;
    /// # Safety
    /// The arguments are those of the kernel: addresses of buffers that are long enough for what it does with them.
    unsafe fn launch(
        &self,
        stream: StreamHandle,
        module: Module,
        kernel: &'static str,
        grid: Grid,
        arguments: &[Argument],
    ) -> Result<()>;
}
