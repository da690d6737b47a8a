//! The driver of the CPU emulator (`emulator/emulator.cpp`). Everything happens at once, in the order of the calls.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Driver, EventHandle, Priority, StreamHandle};
use crate::device::{EmulatorConfig, Limits, Memory};
use crate::error::{DeviceError, Result};
use crate::module::Module;
use crate::stream::{Argument, Grid};

/// What fresh memory is filled with, so that a read of it shows.
const POISON: u8 = 0xa5;
const ALIGNMENT: usize = 256;
const ERROR_BYTES: usize = 1024;

unsafe extern "C" {
    fn trifold_emulator_launch(
        module: *const c_char,
        name: *const c_char,
        blocks: u32,
        threads: u32,
        shared_bytes: u32,
        arguments: *const *mut c_void,
        kinds: *const c_char,
        host_threads: u32,
        seed: u64,
        error: *mut c_char,
        error_size: usize,
    ) -> c_int;
}

pub(crate) struct Emulator {
    config: EmulatorConfig,
    limits: Limits,
    used_bytes: AtomicU64,
}

impl Emulator {
    pub(crate) fn new(config: EmulatorConfig) -> Self {
        let limits = Limits {
            multiprocessors: config.multiprocessors,
            shared_bytes_per_block: config.shared_bytes_per_block,
            threads_per_block: 1024,
            total_bytes: config.memory_bytes,
        };
        Self {
            config,
            limits,
            used_bytes: AtomicU64::new(0),
        }
    }

    /// Takes the bytes from the emulated card's memory.
    fn reserve(&self, bytes: u64) -> Result<()> {
        let total = self.config.memory_bytes;
        let take = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= total);
        self.used_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .map(|_| ())
            .map_err(|used| DeviceError::OutOfMemory {
                wanted_bytes: bytes,
                free_bytes: total - used,
            })
    }
}

fn layout(bytes: usize) -> Result<Layout> {
    Layout::from_size_align(bytes, ALIGNMENT).map_err(|_| DeviceError::OutOfMemory {
        wanted_bytes: bytes as u64,
        free_bytes: 0,
    })
}

impl Driver for Emulator {
    fn describe(&self) -> &str {
        "CPU emulator"
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn memory(&self) -> Result<Memory> {
        let total_bytes = self.config.memory_bytes;
        Ok(Memory {
            free_bytes: total_bytes - self.used_bytes.load(Ordering::Relaxed),
            total_bytes,
        })
    }

    fn load(&self, _modules: &[Module]) -> Result<()> {
        Ok(())
    }

    fn allocate(&self, bytes: u64) -> Result<u64> {
        if bytes == 0 {
            return Ok(0);
        }
        self.reserve(bytes)?;
        let layout = layout(bytes as usize)?;
        // SAFETY: the layout is not of size 0.
        let address = unsafe { alloc(layout) };
        if address.is_null() {
            self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(DeviceError::OutOfMemory {
                wanted_bytes: bytes,
                free_bytes: 0,
            });
        }
        // SAFETY: just allocated with this size.
        unsafe { address.write_bytes(POISON, layout.size()) };
        Ok(address as u64)
    }

    unsafe fn free(&self, address: u64, bytes: u64) {
        if bytes == 0 {
            return;
        }
        if let Ok(layout) = layout(bytes as usize) {
            // SAFETY: the caller's promise; `allocate` used the same layout.
            unsafe { dealloc(address as *mut u8, layout) };
            self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    fn allocate_host(&self, bytes: usize) -> Result<*mut u8> {
        let out_of_memory = DeviceError::OutOfHostMemory {
            wanted_bytes: bytes as u64,
        };
        let layout = layout(bytes.max(1)).map_err(|_| out_of_memory.clone())?;
        // SAFETY: the layout is not of size 0.
        let address = unsafe { alloc_zeroed(layout) };
        if address.is_null() {
            Err(out_of_memory)
        } else {
            Ok(address)
        }
    }

    unsafe fn free_host(&self, address: *mut u8, bytes: usize) {
        if let Ok(layout) = layout(bytes.max(1)) {
            // SAFETY: the caller's promise; `allocate_host` used the same layout.
            unsafe { dealloc(address, layout) };
        }
    }

    fn create_stream(&self, _priority: Priority) -> Result<StreamHandle> {
        Ok(StreamHandle(0))
    }

    unsafe fn destroy_stream(&self, _stream: StreamHandle) {}

    fn synchronize_stream(&self, _stream: StreamHandle) -> Result<()> {
        Ok(())
    }

    fn synchronize(&self) -> Result<()> {
        Ok(())
    }

    fn record(&self, _stream: StreamHandle) -> Result<EventHandle> {
        Ok(EventHandle(0))
    }

    fn wait(&self, _stream: StreamHandle, _event: EventHandle) -> Result<()> {
        Ok(())
    }

    fn synchronize_event(&self, _event: EventHandle) -> Result<()> {
        Ok(())
    }

    fn is_reached(&self, _event: EventHandle) -> Result<bool> {
        Ok(true)
    }

    unsafe fn destroy_event(&self, _event: EventHandle) {}

    unsafe fn copy_in(
        &self,
        _stream: StreamHandle,
        target: u64,
        source: *const u8,
        bytes: usize,
    ) -> Result<()> {
        // SAFETY: the caller's promise; device memory is host memory here, and never the memory of `source`.
        unsafe { (target as *mut u8).copy_from_nonoverlapping(source, bytes) };
        Ok(())
    }

    unsafe fn copy_out(
        &self,
        _stream: StreamHandle,
        target: *mut u8,
        source: u64,
        bytes: usize,
    ) -> Result<()> {
        // SAFETY: as in `copy_in`.
        unsafe { target.copy_from_nonoverlapping(source as *const u8, bytes) };
        Ok(())
    }

    unsafe fn copy(
        &self,
        _stream: StreamHandle,
        target: u64,
        source: u64,
        bytes: usize,
    ) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { (target as *mut u8).copy_from_nonoverlapping(source as *const u8, bytes) };
        Ok(())
    }

    unsafe fn fill_zero(&self, _stream: StreamHandle, target: u64, bytes: usize) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { (target as *mut u8).write_bytes(0, bytes) };
        Ok(())
    }

    unsafe fn launch(
        &self,
        _stream: StreamHandle,
        module: Module,
        kernel: &'static str,
        grid: Grid,
        arguments: &[Argument],
    ) -> Result<()> {
        let failed = |reason: String| grid.error(module, kernel, reason);
        let name = |text: &str| CString::new(text).map_err(|error| failed(error.to_string()));
        let kinds: String = arguments.iter().map(|argument| argument.kind()).collect();
        let (module_name, kernel_name, kinds) =
            (name(module.name())?, name(kernel)?, name(&kinds)?);
        let mut values: Vec<u64> = arguments.iter().map(|argument| argument.bits()).collect();
        let addresses: Vec<*mut c_void> = values
            .iter_mut()
            .map(|value| (value as *mut u64).cast())
            .collect();
        let mut error = [0u8; ERROR_BYTES];
        // SAFETY: names and kinds end with zero; there is an address for each of the kinds, and the emulator calls the kernel
        // only when these are the kinds of its parameters; `error` has the size that is given.
        let code = unsafe {
            trifold_emulator_launch(
                module_name.as_ptr(),
                kernel_name.as_ptr(),
                grid.blocks,
                grid.threads,
                grid.shared_bytes,
                addresses.as_ptr(),
                kinds.as_ptr(),
                self.config.threads.max(1),
                self.config.seed,
                error.as_mut_ptr().cast(),
                error.len(),
            )
        };
        if code == 0 {
            return Ok(());
        }
        let reason = CStr::from_bytes_until_nul(&error).unwrap_or_default();
        Err(failed(reason.to_string_lossy().into_owned()))
    }
}
