//! Streams: what a device does one after another.

use std::sync::Arc;

use bytemuck::Pod;

use crate::buffer::{Buffer, BufferSlice};
use crate::driver::{Driver, EventHandle, Priority, StreamHandle};
use crate::error::{DeviceError, Result};
use crate::module::Module;
use crate::pinned::Pinned;

/// The size of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// None of them: nothing is launched.
    pub blocks: u32,
    /// Threads of a block: whole warps of 32, at most 1024.
    pub threads: u32,
    /// Dynamic shared memory of a block.
    pub shared_bytes: u32,
}

impl Grid {
    /// As many blocks of `threads` as give each of `items` a thread.
    pub fn covering(items: u64, threads: u32) -> Self {
        let blocks = items.div_ceil(u64::from(threads.max(1)));
        Self {
            blocks: u32::try_from(blocks).unwrap_or(u32::MAX),
            threads,
            shared_bytes: 0,
        }
    }

    pub fn with_shared_bytes(self, shared_bytes: u32) -> Self {
        Self {
            shared_bytes,
            ..self
        }
    }

    pub(crate) fn error(self, module: Module, kernel: &'static str, reason: String) -> DeviceError {
        let Self {
            blocks,
            threads,
            shared_bytes,
        } = self;
        DeviceError::Launch {
            module: module.name(),
            kernel,
            blocks,
            threads,
            shared_bytes,
            reason,
        }
    }
}

/// One argument of a kernel, as `args!` makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    Address(u64),
    Word(u32),
    Double(u64),
}

impl Argument {
    /// The value as the driver reads it: little-endian, from the first byte on.
    pub(crate) fn bits(self) -> u64 {
        match self {
            Self::Address(bits) | Self::Double(bits) => bits,
            Self::Word(bits) => u64::from(bits),
        }
    }

    /// The letter of the emulator's launch table.
    #[cfg(feature = "emulator")]
    pub(crate) fn kind(self) -> char {
        match self {
            Self::Address(_) => 'p',
            Self::Word(_) => 'w',
            Self::Double(_) => 'd',
        }
    }
}

impl From<u32> for Argument {
    fn from(value: u32) -> Self {
        Self::Word(value)
    }
}

impl From<u64> for Argument {
    fn from(value: u64) -> Self {
        Self::Double(value)
    }
}

impl<T: Pod> From<&Buffer<T>> for Argument {
    fn from(buffer: &Buffer<T>) -> Self {
        Self::Address(buffer.as_slice().address())
    }
}

impl<T: Pod> From<&mut Buffer<T>> for Argument {
    fn from(buffer: &mut Buffer<T>) -> Self {
        Self::Address(buffer.as_slice().address())
    }
}

impl<T: Pod> From<BufferSlice<'_, T>> for Argument {
    fn from(slice: BufferSlice<'_, T>) -> Self {
        Self::Address(slice.address())
    }
}

/// The arguments of a launch: buffers, slices, `u32` and `u64`, in the order of the kernel's parameters.
#[macro_export]
macro_rules! args {
    ($($argument:expr),* $(,)?) => { &[$($crate::Argument::from($argument)),*] };
}

/// Work is done in the order it was given, beside that of other streams. Dropping a stream does not wait for its work.
pub struct Stream {
    driver: Arc<dyn Driver>,
    handle: StreamHandle,
}

impl Stream {
    pub(crate) fn new(driver: Arc<dyn Driver>, priority: Priority) -> Result<Self> {
        let handle = driver.create_stream(priority)?;
        Ok(Self { driver, handle })
    }

    pub(crate) fn handle(&self) -> StreamHandle {
        self.handle
    }

    /// Waits for all that the stream was given; reports what went wrong in it since the last time.
    pub fn synchronize(&self) -> Result<()> {
        self.driver.synchronize_stream(self.handle)
    }

    /// An event behind all that the stream was given so far.
    pub fn record(&self) -> Result<Event> {
        let handle = self.driver.record(self.handle)?;
        Ok(Event {
            driver: self.driver.clone(),
            handle,
        })
    }

    /// As `record`; if there can be no event, the work is done when the error returns.
    fn record_or_finish(&self) -> Result<Event> {
        self.record().inspect_err(|_| {
            let _ = self.synchronize(); // the first error is the one to report
        })
    }

    /// What the stream is given from now on starts after the event.
    pub fn wait(&self, event: &Event) -> Result<()> {
        self.driver.wait(self.handle, event.handle)
    }

    /// Copies to the device while the host goes on; `source` remembers it.
    ///
    /// Errors: `Length` if the lengths differ.
    pub fn copy_in<'a, T: Pod>(
        &self,
        target: impl Into<BufferSlice<'a, T>>,
        source: &mut Pinned<T>,
    ) -> Result<()> {
        let target = target.into();
        same_length("copy to the device", target.len(), source.len())?;
        // SAFETY: both have `target.bytes()` bytes; `source` is page-locked and waits for the event before anything changes it.
        unsafe {
            self.driver.copy_in(
                self.handle,
                target.address(),
                source.address(),
                source.bytes(),
            )?
        };
        source.used_until(self.record_or_finish()?);
        Ok(())
    }

    /// Copies to the device and waits for it, so for all that the stream was given before.
    ///
    /// Errors: `Length` if the lengths differ.
    pub fn copy_in_slice<'a, T: Pod>(
        &self,
        target: impl Into<BufferSlice<'a, T>>,
        source: &[T],
    ) -> Result<()> {
        let target = target.into();
        same_length("copy to the device", target.len(), source.len())?;
        // SAFETY: both have `target.bytes()` bytes; the copy is done before the borrow of `source` ends.
        unsafe {
            self.driver.copy_in(
                self.handle,
                target.address(),
                source.as_ptr().cast(),
                target.bytes(),
            )?
        };
        self.synchronize()
    }

    /// Copies to the host while the host goes on; `target` waits for it when it is looked at.
    ///
    /// Errors: `Length` if the lengths differ.
    pub fn copy_out<'a, T: Pod>(
        &self,
        target: &mut Pinned<T>,
        source: impl Into<BufferSlice<'a, T>>,
    ) -> Result<()> {
        let source = source.into();
        same_length("copy from the device", source.len(), target.len())?;
        // SAFETY: both have `target.bytes()` bytes; `target` is page-locked and waits for the event before anyone looks at it.
        unsafe {
            self.driver.copy_out(
                self.handle,
                target.address(),
                source.address(),
                target.bytes(),
            )?
        };
        target.used_until(self.record_or_finish()?);
        Ok(())
    }

    /// Copies within the device.
    ///
    /// Errors: `Length` if the lengths differ, `Driver` if the ranges overlap.
    pub fn copy<'a, 'b, T: Pod>(
        &self,
        target: impl Into<BufferSlice<'a, T>>,
        source: impl Into<BufferSlice<'b, T>>,
    ) -> Result<()> {
        let (target, source) = (target.into(), source.into());
        same_length("copy within the device", target.len(), source.len())?;
        let bytes = target.bytes() as u64;
        if target.address() < source.address() + bytes
            && source.address() < target.address() + bytes
        {
            return Err(DeviceError::Driver {
                operation: "copy within the device",
                reason: "the ranges overlap".into(),
            });
        }
        // SAFETY: both have `bytes` bytes and do not overlap.
        unsafe {
            self.driver.copy(
                self.handle,
                target.address(),
                source.address(),
                target.bytes(),
            )
        }
    }

    pub fn fill_zero<'a, T: Pod>(&self, target: impl Into<BufferSlice<'a, T>>) -> Result<()> {
        let target = target.into();
        if target.is_empty() {
            return Ok(());
        }
        // SAFETY: the slice is allocated.
        unsafe {
            self.driver
                .fill_zero(self.handle, target.address(), target.bytes())
        }
    }

    /// Launches a kernel. Nothing checks that the arguments are those that a card's kernel expects (the emulator does): every
    /// kernel has one typed wrapper that checks the lengths of what it passes.
    ///
    /// Errors: `Launch`; what goes wrong while the kernel runs shows at a later call, as a rule at `synchronize`.
    pub fn launch(
        &self,
        module: Module,
        kernel: &'static str,
        grid: Grid,
        arguments: &[Argument],
    ) -> Result<()> {
        if grid.blocks == 0 {
            return Ok(());
        }
        self.driver
            .limits()
            .check(grid)
            .map_err(|reason| grid.error(module, kernel, reason))?;
        // SAFETY: the wrapper of the kernel has checked the arguments (see above).
        unsafe {
            self.driver
                .launch(self.handle, module, kernel, grid, arguments)
        }
    }
}

fn same_length(what: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(DeviceError::Length {
        what,
        found: found as u64,
        expected: expected as u64,
    })
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: the handle is this stream's own.
        unsafe { self.driver.destroy_stream(self.handle) };
    }
}

/// A point in the work of a stream.
pub struct Event {
    driver: Arc<dyn Driver>,
    handle: EventHandle,
}

impl Event {
    /// Waits until the stream has come here.
    pub fn synchronize(&self) -> Result<()> {
        self.driver.synchronize_event(self.handle)
    }

    /// Whether the stream has come here.
    pub fn is_reached(&self) -> Result<bool> {
        self.driver.is_reached(self.handle)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the handle is this event's own.
        unsafe { self.driver.destroy_event(self.handle) };
    }
}
