//! The driver of real cards: CUDA's driver interface, loaded at run time.
//!
//! One primary context a card, retained while a `Cuda` lives and made current on the calling thread by every call. Buffers,
//! streams and events keep the `Cuda` alive, so modules and context go last.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::{CStr, CString, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{ptr, thread};

use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::{self, CUdevice_attribute as DeviceAttribute, CUresult};

use super::{Driver, EventHandle, Priority, StreamHandle};
use crate::card::{Card, CardId};
use crate::cubin_cache::CubinCache;
use crate::device::{Limits, Memory};
use crate::error::{DeviceError, Result};
use crate::image::{self, Image};
use crate::module::Module;
use crate::stream::{Argument, Grid};

/// The oldest driver: cubins of CUDA 12 compilers need it.
const OLDEST_DRIVER: (u32, u32) = (12, 0);
/// The oldest cards: Ampere.
const OLDEST_CARD: (u32, u32) = (8, 0);
/// What a block may use without asking first.
const SHARED_BYTES_WITHOUT_ASKING: u32 = 48 << 10;
/// Waits after each launch, so that an error names its kernel.
const SYNCHRONIZE_LAUNCHES: &str = "TRIFOLD_SYNCHRONIZE_LAUNCHES";

/// The functions of libcuda that this file uses; cudarc looks them up on first use, where a missing one panics.
const SYMBOLS: &[&str] = &[
    "cuCtxGetStreamPriorityRange",
    "cuCtxSetCurrent",
    "cuCtxSynchronize",
    "cuDeviceGet",
    "cuDeviceGetAttribute",
    "cuDeviceGetCount",
    "cuDeviceGetName",
    "cuDeviceGetUuid_v2",
    "cuDevicePrimaryCtxRelease_v2",
    "cuDevicePrimaryCtxRetain",
    "cuDevicePrimaryCtxSetFlags_v2",
    "cuDeviceTotalMem_v2",
    "cuDriverGetVersion",
    "cuEventCreate",
    "cuEventDestroy_v2",
    "cuEventQuery",
    "cuEventRecord",
    "cuEventSynchronize",
    "cuFuncSetAttribute",
    "cuGetErrorName",
    "cuGetErrorString",
    "cuInit",
    "cuLaunchKernel",
    "cuMemAlloc_v2",
    "cuMemFreeHost",
    "cuMemFree_v2",
    "cuMemGetInfo_v2",
    "cuMemHostAlloc",
    "cuMemcpyDtoDAsync_v2",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyHtoDAsync_v2",
    "cuMemsetD8Async",
    "cuModuleGetFunction",
    "cuModuleLoadData",
    "cuModuleUnload",
    "cuStreamCreateWithPriority",
    "cuStreamDestroy_v2",
    "cuStreamSynchronize",
    "cuStreamWaitEvent",
];

/// Loads and initialises the driver; the version of CUDA that it supports.
fn initialize() -> Result<(u32, u32)> {
    // SAFETY: asks only whether a library can be loaded; libcuda may be loaded at any time.
    if !unsafe { sys::is_culib_present() } {
        return Err(DeviceError::NoDriver);
    }
    // SAFETY: the library is there; symbols are only looked up.
    let missing = unsafe {
        let library = sys::culib();
        SYMBOLS.iter().find(|name| {
            library
                .get::<unsafe extern "C" fn()>(name.as_bytes())
                .is_err()
        })
    };
    if let Some(name) = missing {
        return Err(DeviceError::Driver {
            operation: "loading libcuda",
            reason: format!("it has no {name}"),
        });
    }
    let mut version = 0;
    // SAFETY: writes one number; may be called before initialisation.
    check("asking for the driver's version", unsafe {
        sys::cuDriverGetVersion(&mut version)
    })?;
    let version = version.max(0) as u32;
    let found = (version / 1000, version % 1000 / 10);
    if found < OLDEST_DRIVER {
        let (needed_major, needed_minor) = OLDEST_DRIVER;
        return Err(DeviceError::DriverTooOld {
            found_major: found.0,
            found_minor: found.1,
            needed_major,
            needed_minor,
        });
    }
    match result::init() {
        Ok(()) => Ok(found),
        Err(DriverError(CUresult::CUDA_ERROR_NO_DEVICE)) => Err(DeviceError::NoCard),
        Err(error) => Err(failed("initialising the CUDA driver", error)),
    }
}

/// The cards of this machine, without touching them: no context is made.
pub(crate) fn cards() -> Result<Vec<Card>> {
    let driver_version = initialize()?;
    let count = result::device::get_count().map_err(|error| failed("counting the cards", error))?;
    if count == 0 {
        return Err(DeviceError::NoCard);
    }
    (0..count)
        .map(|ordinal| card(ordinal, driver_version))
        .collect()
}

fn card(ordinal: i32, driver_version: (u32, u32)) -> Result<Card> {
    let asked = |error| failed("asking a card", error);
    let device = result::device::get(ordinal).map_err(asked)?;
    // SAFETY: the device comes from `get`.
    let attribute =
        |attribute| unsafe { result::device::get_attribute(device, attribute) }.map_err(asked);
    let number = |name| attribute(name).map(|value| value.max(0) as u32);
    let major = number(DeviceAttribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
    let minor = number(DeviceAttribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
    Ok(Card {
        id: CardId(
            result::device::get_uuid(device)
                .map_err(asked)?
                .bytes
                .map(|byte| byte as u8),
        ),
        ordinal: ordinal as u32,
        name: result::device::get_name(device).map_err(asked)?,
        compute_capability: (major, minor),
        multiprocessors: number(DeviceAttribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?,
        shared_bytes_per_block: number(
            DeviceAttribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN,
        )?,
        // SAFETY: as above.
        total_bytes: unsafe { result::device::total_mem(device) }.map_err(asked)? as u64,
        driver_version,
    })
}

/// CUDA's name and words for an error.
fn words(error: DriverError) -> String {
    let text = |text: std::result::Result<&CStr, DriverError>| {
        text.map(|text| text.to_string_lossy().into_owned())
    };
    match (text(error.error_name()), text(error.error_string())) {
        (Ok(name), Ok(meaning)) => format!("{name} ({meaning})"),
        _ => format!("CUDA error {}", error.0 as u32),
    }
}

fn failed(operation: &'static str, error: DriverError) -> DeviceError {
    DeviceError::Driver {
        operation,
        reason: words(error),
    }
}

fn check(operation: &'static str, code: CUresult) -> Result<()> {
    code.result().map_err(|error| failed(operation, error))
}

/// Reports what a destructor cannot return. At the end of a process the driver may be gone already.
fn warn_if_failed(operation: &'static str, result: std::result::Result<(), DriverError>) {
    match result {
        Ok(()) | Err(DriverError(CUresult::CUDA_ERROR_DEINITIALIZED)) => {}
        Err(error) => tracing::warn!(operation, reason = words(error), "the CUDA driver failed"),
    }
}

/// The primary context of a card, retained.
struct Context {
    device: sys::CUdevice,
    handle: sys::CUcontext,
}

// SAFETY: a context may be made current on any thread, on several at once, and its handles may be used from all of them.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    fn retain(ordinal: u32) -> Result<Self> {
        let opened = |error| failed("opening the card", error);
        let device = result::device::get(ordinal as i32).map_err(opened)?;
        // A thread that waits sleeps: the cores are for witnesses. Local memory stays at its largest, so that no launch waits
        // for it to be resized. Where another user of the card has made the context already, it stays as it is.
        let flags = sys::CUctx_flags::CU_CTX_SCHED_BLOCKING_SYNC as u32
            | sys::CUctx_flags::CU_CTX_LMEM_RESIZE_TO_MAX as u32;
        // SAFETY: the device comes from `get`.
        let _ = unsafe { sys::cuDevicePrimaryCtxSetFlags_v2(device, flags) };
        // SAFETY: as above; released on drop.
        let handle = unsafe { result::primary_ctx::retain(device) }.map_err(opened)?;
        Ok(Self { device, handle })
    }

    /// Makes the context current on this thread.
    fn enter(&self) -> Result<()> {
        // SAFETY: the context is retained.
        unsafe { result::ctx::set_current(self.handle) }
            .map_err(|error| failed("entering the card's context", error))
    }

    fn memory(&self) -> Result<Memory> {
        self.enter()?;
        let (free, total) =
            result::mem_get_info().map_err(|error| failed("asking for free memory", error))?;
        Ok(Memory {
            free_bytes: free as u64,
            total_bytes: total as u64,
        })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: retained once by `retain`.
        warn_if_failed("releasing the card's context", unsafe {
            result::primary_ctx::release(self.device)
        });
    }
}

/// A loaded module and those of its functions that were launched, with the shared memory that each may use.
struct Loaded {
    module: sys::CUmodule,
    functions: HashMap<&'static str, (sys::CUfunction, u32)>,
}

// SAFETY: module and function handles belong to the context, not to a thread.
unsafe impl Send for Loaded {}

impl Loaded {
    /// The context is current, and no kernel of the module runs.
    fn unload(self) {
        // SAFETY: loaded by `load_image`; this value is the only owner.
        warn_if_failed(
            "unloading kernels",
            unsafe { sys::cuModuleUnload(self.module) }.result(),
        );
    }
}

pub(crate) struct Cuda {
    card: Card,
    description: String,
    limits: Limits,
    cache: Option<CubinCache>,
    synchronize_launches: bool,
    modules: Mutex<HashMap<Module, Loaded>>,
    context: Context,
}

impl Cuda {
    /// Opens a card. Errors: as `cards`, and `UnknownCard`, `UnsupportedCard`.
    pub(crate) fn open(id: &CardId, cache: Option<CubinCache>) -> Result<Self> {
        let card = cards()?
            .into_iter()
            .find(|card| card.id == *id)
            .ok_or(DeviceError::UnknownCard(*id))?;
        let (major, minor) = card.compute_capability;
        if card.compute_capability < OLDEST_CARD {
            return Err(DeviceError::UnsupportedCard {
                name: card.name,
                major,
                minor,
            });
        }
        let (driver_major, driver_minor) = card.driver_version;
        let description = format!(
            "{} ({id}, sm_{major}{minor}, CUDA {driver_major}.{driver_minor} driver)",
            card.name
        );
        let limits = Limits {
            multiprocessors: card.multiprocessors,
            shared_bytes_per_block: card.shared_bytes_per_block,
            threads_per_block: 1024,
            total_bytes: card.total_bytes,
        };
        let context = Context::retain(card.ordinal)?;
        let synchronize_launches =
            std::env::var_os(SYNCHRONIZE_LAUNCHES).is_some_and(|value| value != "0");
        Ok(Self {
            card,
            description,
            limits,
            cache,
            synchronize_launches,
            modules: Mutex::default(),
            context,
        })
    }

    fn modules(&self) -> MutexGuard<'_, HashMap<Module, Loaded>> {
        // A panic elsewhere leaves a table of loaded modules, which is what it was.
        self.modules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads a module that is not loaded yet, without holding the table while it is compiled; the
    /// context is current.
    fn ensure_loaded(&self, module: Module) -> Result<()> {
        if self.modules().contains_key(&module) {
            return Ok(());
        }
        let loaded = self.load_module(module)?;
        match self.modules().entry(module) {
            Entry::Vacant(place) => drop(place.insert(loaded)),
            Entry::Occupied(_) => loaded.unload(), // another thread was faster
        }
        Ok(())
    }

    /// The function, allowed to use this much shared memory; the context is current.
    fn function(
        &self,
        module: Module,
        kernel: &'static str,
        shared_bytes: u32,
    ) -> Result<sys::CUfunction> {
        self.ensure_loaded(module)?;
        let mut modules = self.modules();
        let gone = || self.load_failed(module, "it is gone".into());
        let loaded = modules.get_mut(&module).ok_or_else(gone)?;
        let (function, allowed) = match loaded.functions.get_mut(kernel) {
            Some(known) => known,
            None => {
                let function = self.find_function(module, loaded.module, kernel)?;
                loaded
                    .functions
                    .entry(kernel)
                    .or_insert((function, SHARED_BYTES_WITHOUT_ASKING))
            }
        };
        if shared_bytes > *allowed {
            let failed = |error| format!("shared memory of {kernel}: {}", words(error));
            allow_shared_memory(*function, shared_bytes)
                .map_err(|error| self.load_failed(module, failed(error)))?;
            *allowed = shared_bytes;
        }
        Ok(*function)
    }

    fn find_function(
        &self,
        module: Module,
        handle: sys::CUmodule,
        kernel: &str,
    ) -> Result<sys::CUfunction> {
        let name =
            CString::new(kernel).map_err(|error| self.load_failed(module, error.to_string()))?;
        let mut function = ptr::null_mut();
        // SAFETY: the module is loaded; the name ends with zero.
        let code = unsafe { sys::cuModuleGetFunction(&mut function, handle, name.as_ptr()) };
        code.result().map_err(|error| {
            self.load_failed(module, format!("no kernel {kernel}: {}", words(error)))
        })?;
        Ok(function)
    }

    fn load_failed(&self, module: Module, reason: String) -> DeviceError {
        DeviceError::Load {
            module: module.name(),
            device: self.description.clone(),
            reason,
        }
    }

    /// The first image that the driver takes: what the build embeds, else what NVRTC makes of the sources.
    fn load_module(&self, module: Module) -> Result<Loaded> {
        let (major, minor) = self.card.compute_capability;
        if let Some(image) = image::prebuilt(module) {
            match self.load_image(module, &image) {
                Ok(loaded) => return Ok(loaded),
                Err(error) => {
                    tracing::warn!(%error, "the embedded kernels do not fit; compiling them here")
                }
            }
        }
        self.load_image(
            module,
            &image::compiled(module, major, minor, self.cache.as_ref())?,
        )
    }

    fn load_image(&self, module: Module, image: &Image) -> Result<Loaded> {
        let mut handle = ptr::null_mut();
        // SAFETY: the image is a whole cubin, fatbin or zero-terminated PTX, and is copied by the driver.
        let code = unsafe { sys::cuModuleLoadData(&mut handle, image.bytes().as_ptr().cast()) };
        code.result()
            .map_err(|error| self.load_failed(module, format!("{} ({image})", words(error))))?;
        tracing::info!(module = module.name(), device = self.description, kernels = %image, "kernels loaded");
        Ok(Loaded {
            module: handle,
            functions: HashMap::new(),
        })
    }
}

/// Lets blocks of the function use so much dynamic shared memory, and asks for as many of them on a
/// multiprocessor as fit.
fn allow_shared_memory(
    function: sys::CUfunction,
    bytes: u32,
) -> std::result::Result<(), DriverError> {
    use sys::CUfunction_attribute as Attribute;
    // SAFETY: the function belongs to a loaded module.
    let set =
        |attribute, value| unsafe { sys::cuFuncSetAttribute(function, attribute, value) }.result();
    set(
        Attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
        bytes as i32,
    )?;
    let most = sys::CUshared_carveout_enum::CU_SHAREDMEM_CARVEOUT_MAX_SHARED as i32;
    let _ = set(
        Attribute::CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT,
        most,
    ); // a hint
    Ok(())
}

fn stream_of(handle: StreamHandle) -> sys::CUstream {
    handle.0 as sys::CUstream
}

fn event_of(handle: EventHandle) -> sys::CUevent {
    handle.0 as sys::CUevent
}

impl Driver for Cuda {
    fn describe(&self) -> &str {
        &self.description
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn memory(&self) -> Result<Memory> {
        self.context.memory()
    }

    fn load(&self, modules: &[Module]) -> Result<()> {
        thread::scope(|scope| {
            let load = |module: &Module| {
                let module = *module;
                scope.spawn(move || {
                    self.context
                        .enter()
                        .and_then(|()| self.ensure_loaded(module))
                })
            };
            let threads: Vec<_> = modules.iter().map(load).collect();
            threads
                .into_iter()
                .zip(modules)
                .try_for_each(|(thread, module)| {
                    thread.join().unwrap_or_else(|_| {
                        Err(self.load_failed(*module, "its thread panicked".into()))
                    })
                })
        })
    }

    fn allocate(&self, bytes: u64) -> Result<u64> {
        if bytes == 0 {
            return Ok(0);
        }
        self.context.enter()?;
        let mut address = 0;
        // SAFETY: writes one address; freed by `free`.
        match unsafe { sys::cuMemAlloc_v2(&mut address, bytes as usize) }.result() {
            Ok(()) => Ok(address),
            Err(DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY)) => Err(DeviceError::OutOfMemory {
                wanted_bytes: bytes,
                free_bytes: self.memory()?.free_bytes,
            }),
            Err(error) => Err(failed("allocating device memory", error)),
        }
    }

    unsafe fn free(&self, address: u64, bytes: u64) {
        if bytes == 0 {
            return;
        }
        // A kernel that still uses the memory would write into the next buffer.
        if let Err(error) = self.synchronize() {
            tracing::warn!(%error, "before device memory is freed");
        }
        // SAFETY: the caller's promise, and the device is idle.
        warn_if_failed("freeing device memory", unsafe {
            result::free_sync(address)
        });
    }

    fn allocate_host(&self, bytes: usize) -> Result<*mut u8> {
        self.context.enter()?;
        let mut address = ptr::null_mut();
        // SAFETY: writes one address; freed by `free_host`.
        match unsafe { sys::cuMemHostAlloc(&mut address, bytes.max(1), 0) }.result() {
            Ok(()) => {
                // SAFETY: just allocated with at least this size.
                unsafe { address.cast::<u8>().write_bytes(0, bytes) };
                Ok(address.cast())
            }
            Err(DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY)) => {
                Err(DeviceError::OutOfHostMemory {
                    wanted_bytes: bytes as u64,
                })
            }
            Err(error) => Err(failed("allocating page-locked memory", error)),
        }
    }

    unsafe fn free_host(&self, address: *mut u8, _bytes: usize) {
        if let Err(error) = self.context.enter() {
            tracing::warn!(%error, "before page-locked memory is freed");
        }
        // SAFETY: the caller's promise.
        warn_if_failed("freeing page-locked memory", unsafe {
            result::free_host(address.cast())
        });
    }

    fn create_stream(&self, priority: Priority) -> Result<StreamHandle> {
        self.context.enter()?;
        let created = |error| failed("creating a stream", error);
        let (least, greatest) = result::stream::get_priority_range().map_err(created)?;
        let priority = if priority == Priority::High {
            greatest
        } else {
            least
        };
        result::stream::create_with_priority(result::stream::StreamKind::NonBlocking, priority)
            .map(|stream| StreamHandle(stream as u64))
            .map_err(created)
    }

    unsafe fn destroy_stream(&self, stream: StreamHandle) {
        if let Err(error) = self.context.enter() {
            tracing::warn!(%error, "before a stream is destroyed");
        }
        // SAFETY: the caller's promise; the driver lets its work end and then frees it.
        warn_if_failed("destroying a stream", unsafe {
            result::stream::destroy(stream_of(stream))
        });
    }

    fn synchronize_stream(&self, stream: StreamHandle) -> Result<()> {
        self.context.enter()?;
        // SAFETY: handles are alive while their owners are.
        unsafe { result::stream::synchronize(stream_of(stream)) }
            .map_err(|error| failed("work on a stream", error))
    }

    fn synchronize(&self) -> Result<()> {
        self.context.enter()?;
        result::ctx::synchronize().map_err(|error| failed("work on the card", error))
    }

    fn record(&self, stream: StreamHandle) -> Result<EventHandle> {
        self.context.enter()?;
        let flags = sys::CUevent_flags::CU_EVENT_DISABLE_TIMING as u32
            | sys::CUevent_flags::CU_EVENT_BLOCKING_SYNC as u32;
        let mut event = ptr::null_mut();
        // SAFETY: writes one handle; destroyed by `destroy_event`.
        check("creating an event", unsafe {
            sys::cuEventCreate(&mut event, flags)
        })?;
        let handle = EventHandle(event as u64);
        // SAFETY: both handles are alive.
        if let Err(error) = unsafe { result::event::record(event, stream_of(stream)) } {
            // SAFETY: created above, given to nobody.
            unsafe { self.destroy_event(handle) };
            return Err(failed("recording an event", error));
        }
        Ok(handle)
    }

    fn wait(&self, stream: StreamHandle, event: EventHandle) -> Result<()> {
        self.context.enter()?;
        // SAFETY: both handles are alive.
        check("waiting for an event", unsafe {
            sys::cuStreamWaitEvent(stream_of(stream), event_of(event), 0)
        })
    }

    fn synchronize_event(&self, event: EventHandle) -> Result<()> {
        self.context.enter()?;
        // SAFETY: the handle is alive.
        unsafe { result::event::synchronize(event_of(event)) }
            .map_err(|error| failed("work before an event", error))
    }

    fn is_reached(&self, event: EventHandle) -> Result<bool> {
        self.context.enter()?;
        // SAFETY: the handle is alive.
        match unsafe { result::event::query(event_of(event)) } {
            Ok(()) => Ok(true),
            Err(DriverError(CUresult::CUDA_ERROR_NOT_READY)) => Ok(false),
            Err(error) => Err(failed("work before an event", error)),
        }
    }

    unsafe fn destroy_event(&self, event: EventHandle) {
        if let Err(error) = self.context.enter() {
            tracing::warn!(%error, "before an event is destroyed");
        }
        // SAFETY: the caller's promise; an event that is still to come is freed when it has come.
        warn_if_failed("destroying an event", unsafe {
            result::event::destroy(event_of(event))
        });
    }

    unsafe fn copy_in(
        &self,
        stream: StreamHandle,
        target: u64,
        source: *const u8,
        bytes: usize,
    ) -> Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        self.context.enter()?;
        // SAFETY: the caller's promise.
        let code =
            unsafe { sys::cuMemcpyHtoDAsync_v2(target, source.cast(), bytes, stream_of(stream)) };
        check("copying to the card", code)
    }

    unsafe fn copy_out(
        &self,
        stream: StreamHandle,
        target: *mut u8,
        source: u64,
        bytes: usize,
    ) -> Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        self.context.enter()?;
        // SAFETY: the caller's promise.
        let code =
            unsafe { sys::cuMemcpyDtoHAsync_v2(target.cast(), source, bytes, stream_of(stream)) };
        check("copying from the card", code)
    }

    unsafe fn copy(
        &self,
        stream: StreamHandle,
        target: u64,
        source: u64,
        bytes: usize,
    ) -> Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        self.context.enter()?;
        // SAFETY: the caller's promise.
        let code = unsafe { sys::cuMemcpyDtoDAsync_v2(target, source, bytes, stream_of(stream)) };
        check("copying within the card", code)
    }

    unsafe fn fill_zero(&self, stream: StreamHandle, target: u64, bytes: usize) -> Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        self.context.enter()?;
        // SAFETY: the caller's promise.
        check("clearing device memory", unsafe {
            sys::cuMemsetD8Async(target, 0, bytes, stream_of(stream))
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
        self.context.enter()?;
        let function = self.function(module, kernel, grid.shared_bytes)?;
        let mut values: Vec<u64> = arguments.iter().map(|argument| argument.bits()).collect();
        let mut addresses: Vec<*mut c_void> = values
            .iter_mut()
            .map(|value| (value as *mut u64).cast())
            .collect();
        let (blocks, threads) = ((grid.blocks, 1, 1), (grid.threads, 1, 1));
        // SAFETY: the function belongs to a loaded module, and the driver copies the arguments before it returns; that they are
        // the kernel's is the caller's promise.
        let launched = unsafe {
            result::launch_kernel(
                function,
                blocks,
                threads,
                grid.shared_bytes,
                stream_of(stream),
                &mut addresses,
            )
        };
        launched.map_err(|error| grid.error(module, kernel, words(error)))?;
        if self.synchronize_launches {
            self.synchronize()
                .map_err(|error| grid.error(module, kernel, error.to_string()))?;
        }
        Ok(())
    }
}

impl Drop for Cuda {
    fn drop(&mut self) {
        if let Err(error) = self.synchronize() {
            tracing::warn!(%error, "before the kernels are unloaded");
        }
        let modules = std::mem::take(&mut *self.modules());
        modules.into_values().for_each(Loaded::unload);
    }
}
