//! The driver of the CPU emulator (`emulator/emulator.cpp`). Everything happens at once, in the order of the calls, or as late as
//! the waits allow (`queues`).

mod queues;

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use self::queues::Queues;
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
    queues: Mutex<Queues>,
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
            queues: Mutex::default(),
        }
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the work now, or when somebody waits for it.
    fn give(
        &self,
        stream: StreamHandle,
        work: impl FnOnce() -> Result<()> + Send + 'static,
    ) -> Result<()> {
        if !self.config.deferred {
            return work();
        }
        self.queues().push(stream, Box::new(work));
        Ok(())
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
        self.queues().finish();
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
        Ok(self.queues().create_stream())
    }

    unsafe fn destroy_stream(&self, _stream: StreamHandle) {
        // What it was given is still done, as on a card.
    }

    fn synchronize_stream(&self, stream: StreamHandle) -> Result<()> {
        self.queues().run_stream(stream)
    }

    fn synchronize(&self) -> Result<()> {
        self.queues().run_all()
    }

    fn record(&self, stream: StreamHandle) -> Result<EventHandle> {
        Ok(self.queues().record(stream))
    }

    fn wait(&self, stream: StreamHandle, event: EventHandle) -> Result<()> {
        self.queues().wait(stream, event);
        Ok(())
    }

    fn synchronize_event(&self, event: EventHandle) -> Result<()> {
        self.queues().run_until(event)
    }

    fn is_reached(&self, event: EventHandle) -> Result<bool> {
        Ok(self.queues().poll(event))
    }

    unsafe fn destroy_event(&self, event: EventHandle) {
        self.queues().destroy_event(event);
    }

    unsafe fn copy_in(
        &self,
        stream: StreamHandle,
        target: u64,
        source: *const u8,
        bytes: usize,
    ) -> Result<()> {
        let source = source as u64;
        // SAFETY: the caller's promise.
        self.give(stream, move || unsafe { copy_bytes(target, source, bytes) })
    }

    unsafe fn copy_out(
        &self,
        stream: StreamHandle,
        target: *mut u8,
        source: u64,
        bytes: usize,
    ) -> Result<()> {
        let target = target as u64;
        // SAFETY: the caller's promise.
        self.give(stream, move || unsafe { copy_bytes(target, source, bytes) })
    }

    unsafe fn copy(
        &self,
        stream: StreamHandle,
        target: u64,
        source: u64,
        bytes: usize,
    ) -> Result<()> {
        // SAFETY: the caller's promise.
        self.give(stream, move || unsafe { copy_bytes(target, source, bytes) })
    }

    unsafe fn fill_zero(&self, stream: StreamHandle, target: u64, bytes: usize) -> Result<()> {
        self.give(stream, move || {
            // SAFETY: the caller's promise.
            unsafe { (target as *mut u8).write_bytes(0, bytes) };
            Ok(())
        })
    }

    unsafe fn launch(
        &self,
        stream: StreamHandle,
        module: Module,
        kernel: &'static str,
        grid: Grid,
        arguments: &[Argument],
    ) -> Result<()> {
        let arguments = arguments.to_vec();
        let (threads, seed) = (self.config.threads.max(1), self.config.seed);
        let run = move |blocks| run_kernel(threads, seed, module, kernel, grid, blocks, &arguments);
        run(0)?; // a card, too, refuses a launch at once
        self.give(stream, move || run(grid.blocks))
    }
}

/// # Safety
/// Both are allocated, and do not overlap: device memory is host memory here.
unsafe fn copy_bytes(target: u64, source: u64, bytes: usize) -> Result<()> {
    if bytes > 0 {
        // SAFETY: the caller's promise.
        unsafe { (target as *mut u8).copy_from_nonoverlapping(source as *const u8, bytes) };
    }
    Ok(())
}

/// Runs the first `blocks` blocks of a kernel to their end; with none of them, only checks the launch.
fn run_kernel(
    host_threads: u32,
    seed: u64,
    module: Module,
    kernel: &'static str,
    grid: Grid,
    blocks: u32,
    arguments: &[Argument],
) -> Result<()> {
    let failed = |reason: String| grid.error(module, kernel, reason);
    let name = |text: &str| CString::new(text).map_err(|error| failed(error.to_string()));
    let kinds: String = arguments.iter().map(|argument| argument.kind()).collect();
    let (module_name, kernel_name, kinds) = (name(module.name())?, name(kernel)?, name(&kinds)?);
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
            blocks,
            grid.threads,
            grid.shared_bytes,
            addresses.as_ptr(),
            kinds.as_ptr(),
            host_threads,
            seed,
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
