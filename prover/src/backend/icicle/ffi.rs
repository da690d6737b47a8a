//! The C interface of ICICLE v3 and v4: its structures and functions, and calls of them that check every length.
//!
//! The layouts are those of ICICLE's public headers `device.h`, `runtime.h`, `msm.h`, `ntt.h` and `vec_ops.h`, which
//! agree in all tags from v3.0.0 to v4.0.0 but for one: before v3.1.0 `VecOpsConfig` ends with its extension at offset
//! 16, where it has `columns_batch` and padding since. Both are zero here, so all versions read the same.
//!
//! ICICLE reports some mistakes by a C++ exception, and no C function can say so. Its functions are declared as ones
//! that may unwind: then the process ends with ICICLE's own message instead of running on in an undefined state.

use std::ffi::{CString, c_char, c_int, c_void};
use std::mem::offset_of;
use std::path::Path;
use std::sync::Arc;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use super::error::{Code, IcicleError};

/// An element of either field in standard form, little-endian.
pub type Words = [u64; 4];

/// Loaded in this order, each for the next to see.
const LIBRARIES: [&str; 3] = [
    "libicicle_device.so",
    "libicicle_field_bn254.so",
    "libicicle_curve_bn254.so",
];
/// Room for the names of the registered devices.
const NAMES_BYTES: usize = 256;

/// `Device`: what and which.
#[repr(C)]
#[derive(Clone, Copy)]
struct RawDevice {
    kind: [u8; 64],
    id: c_int,
}

/// `MSMConfig`.
#[repr(C)]
struct MsmConfig {
    stream: *mut c_void,
    precompute_factor: c_int,
    c: c_int,
    bitsize: c_int,
    batch_size: c_int,
    are_points_shared_in_batch: bool,
    are_scalars_on_device: bool,
    are_scalars_montgomery_form: bool,
    are_points_on_device: bool,
    are_points_montgomery_form: bool,
    are_results_on_device: bool,
    is_async: bool,
    ext: *mut c_void,
}

/// `NTTConfig<scalar_t>`.
#[repr(C)]
struct NttConfig {
    stream: *mut c_void,
    coset_gen: Words,
    batch_size: c_int,
    columns_batch: bool,
    ordering: c_int,
    are_inputs_on_device: bool,
    are_outputs_on_device: bool,
    is_async: bool,
    ext: *mut c_void,
}

/// `NTTInitDomainConfig`.
#[repr(C)]
struct NttInitDomainConfig {
    stream: *mut c_void,
    is_async: bool,
    ext: *mut c_void,
}

/// `VecOpsConfig`.
#[repr(C)]
struct VecOpsConfig {
    stream: *mut c_void,
    is_a_on_device: bool,
    is_b_on_device: bool,
    is_result_on_device: bool,
    is_async: bool,
    batch_size: c_int,
    columns_batch: bool,
    padding: [u8; 7],
    ext: *mut c_void,
}

const _: () = {
    assert!(size_of::<RawDevice>() == 68 && offset_of!(RawDevice, id) == 64);
    assert!(size_of::<MsmConfig>() == 40 && offset_of!(MsmConfig, ext) == 32);
    assert!(offset_of!(MsmConfig, batch_size) == 20 && offset_of!(MsmConfig, is_async) == 30);
    assert!(size_of::<NttConfig>() == 64 && offset_of!(NttConfig, ext) == 56);
    assert!(offset_of!(NttConfig, batch_size) == 40 && offset_of!(NttConfig, ordering) == 48);
    assert!(offset_of!(NttConfig, is_async) == 54);
    assert!(size_of::<NttInitDomainConfig>() == 24 && offset_of!(NttInitDomainConfig, ext) == 16);
    assert!(size_of::<VecOpsConfig>() == 32 && offset_of!(VecOpsConfig, ext) == 24);
    assert!(offset_of!(VecOpsConfig, batch_size) == 12);
};

/// `NTTDir`.
#[derive(Clone, Copy)]
pub enum Direction {
    Forward = 0,
    Inverse = 1,
}

/// `Ordering::kNN`: natural order in and out.
const NATURAL: c_int = 0;

/// Declares the table of functions and how it is filled: one block for each library, in the order of [`LIBRARIES`].
macro_rules! functions {
    ($($place:literal { $($name:ident($($argument:ty),*);)* })*) => {
        struct Functions {
            $($($name: unsafe extern "C-unwind" fn($($argument),*) -> c_int,)*)*
        }

        impl Functions {
            fn of(libraries: &[Library; 3]) -> Result<Self, IcicleError> {
                Ok(Self {
                    $($($name: {
                        // SAFETY: the type is that of ICICLE's header of this name. That the library means the same is
                        // what the handshake is for: it computes known answers before anything else is asked.
                        let found = unsafe { libraries[$place].get(concat!(stringify!($name), "\0").as_bytes()) };
                        *found.map_err(|_| IcicleError::Function {
                            library: LIBRARIES[$place].to_owned(),
                            function: stringify!($name),
                        })?
                    },)*)*
                })
            }
        }
    };
}

functions! {
    0 {
        icicle_load_backend_from_env_or_default();
        icicle_load_backend(*const c_char, bool);
        icicle_get_registered_devices(*mut c_char, usize);
        icicle_is_device_available(*const RawDevice);
        icicle_set_device(*const RawDevice);
        icicle_get_available_memory(*mut usize, *mut usize);
        icicle_malloc(*mut *mut c_void, usize);
        icicle_free(*mut c_void);
        icicle_copy_to_device(*mut c_void, *const c_void, usize);
        icicle_copy_to_host(*mut c_void, *const c_void, usize);
    }
    1 {
        bn254_ntt_init_domain(*const Words, *const NttInitDomainConfig);
        bn254_ntt_release_domain();
        bn254_ntt(*const Words, c_int, c_int, *const NttConfig, *mut Words);
        bn254_vector_mul(*const Words, *const Words, u64, *const VecOpsConfig, *mut Words);
        bn254_vector_sub(*const Words, *const Words, u64, *const VecOpsConfig, *mut Words);
    }
    2 {
        bn254_msm(*const Words, *const Words, c_int, *const MsmConfig, *mut Words);
        bn254_g2_msm(*const Words, *const Words, c_int, *const MsmConfig, *mut Words);
    }
}

/// The curve's two groups; a coordinate has one or two elements of the base field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    G1 = 1,
    G2 = 2,
}

impl Group {
    /// Elements of an affine point.
    pub fn affine_words(self) -> usize {
        2 * self as usize
    }

    /// Elements of a projective point.
    pub fn projective_words(self) -> usize {
        3 * self as usize
    }

    /// The function that sums up in this group.
    pub fn function(self) -> &'static str {
        match self {
            Self::G1 => "bn254_msm",
            Self::G2 => "bn254_g2_msm",
        }
    }
}

/// The functions of a loaded ICICLE. The libraries stay loaded until the process ends: they own threads and statics.
pub struct Libraries {
    functions: Functions,
}

impl Libraries {
    /// Loads the three libraries from a folder, or from where the system's loader finds them.
    ///
    /// # Errors
    /// A library or function is missing.
    pub fn open(folder: Option<&Path>) -> Result<Self, IcicleError> {
        let open = |name: &str| {
            let path = folder.map_or_else(|| name.into(), |folder| folder.join(name));
            // SAFETY: loading runs the initializers of a library that the operator installed as ICICLE and named.
            unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_GLOBAL) }.map_err(|error| {
                IcicleError::Library {
                    library: path.display().to_string(),
                    reason: innermost(&error),
                }
            })
        };
        let libraries = [
            open(LIBRARIES[0])?,
            open(LIBRARIES[1])?,
            open(LIBRARIES[2])?,
        ];
        let functions = Functions::of(&libraries);
        std::mem::forget(libraries);
        Ok(Self {
            functions: functions?,
        })
    }

    /// Loads what drives the cards: from `backend` in the folder if there is one, or else from where ICICLE looks by
    /// itself, `ICICLE_BACKEND_INSTALL_DIR` or its default folder. That there is none is no error: the processor
    /// needs none, and a device that is missing is noticed when it is asked for.
    pub fn load_backends(&self, folder: Option<&Path>) {
        let own = folder.map(|folder| folder.join("backend"));
        let own = own.filter(|path| path.is_dir());
        match own.and_then(|path| CString::new(path.into_os_string().into_encoded_bytes()).ok()) {
            // SAFETY: the path is a string that ends with a zero and outlives the call.
            Some(path) => unsafe { (self.functions.icicle_load_backend)(path.as_ptr(), true) },
            // SAFETY: takes no argument.
            None => unsafe { (self.functions.icicle_load_backend_from_env_or_default)() },
        };
    }

    /// Names of the kinds of devices, as ICICLE lists them.
    pub fn registered_devices(&self) -> String {
        let mut names = [0_u8; NAMES_BYTES];
        // SAFETY: the buffer has the length that is passed.
        let code = unsafe {
            (self.functions.icicle_get_registered_devices)(names.as_mut_ptr().cast(), NAMES_BYTES)
        };
        let names = names.split(|&byte| byte == 0).next().unwrap_or_default();
        match Code(code) {
            Code::SUCCESS => String::from_utf8_lossy(names).into_owned(),
            _ => String::new(),
        }
    }
}

/// One device of a loaded ICICLE. ICICLE's choice of a device belongs to the thread, so every call makes it again.
pub struct Device {
    libraries: Arc<Libraries>,
    raw: RawDevice,
    name: String,
}

impl Device {
    /// The device of a kind and number, if ICICLE has one of this kind.
    pub fn find(libraries: &Arc<Libraries>, kind: &str, id: i32) -> Option<Self> {
        let mut raw = RawDevice { kind: [0; 64], id };
        let last = raw.kind.len() - 1;
        raw.kind[..last]
            .get_mut(..kind.len())?
            .copy_from_slice(kind.as_bytes());
        let functions = &libraries.functions;
        // SAFETY: the structure is ICICLE's `Device`, its kind ends with a zero.
        let code = unsafe { (functions.icicle_is_device_available)(&raw) };
        (Code(code) == Code::SUCCESS).then(|| Self {
            libraries: libraries.clone(),
            raw,
            name: format!("{kind}:{id}"),
        })
    }

    /// Kind and number.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The functions, with this device chosen for the calling thread.
    fn functions(&self) -> Result<&Functions, IcicleError> {
        let functions = &self.libraries.functions;
        // SAFETY: the structure is ICICLE's `Device`, and the device is registered.
        let code = unsafe { (functions.icicle_set_device)(&self.raw) };
        self.check("icicle_set_device", code)?;
        Ok(functions)
    }

    fn check(&self, function: &'static str, code: c_int) -> Result<(), IcicleError> {
        match Code(code) {
            Code::SUCCESS => Ok(()),
            code => Err(IcicleError::Call {
                function,
                device: self.name.clone(),
                code,
            }),
        }
    }

    /// Free and all bytes of the device; none where ICICLE does not say.
    pub fn memory(&self) -> Result<Option<(u64, u64)>, IcicleError> {
        let (mut total, mut free) = (0, 0);
        // SAFETY: two integers to write to.
        let code =
            unsafe { (self.functions()?.icicle_get_available_memory)(&mut total, &mut free) };
        Ok((Code(code) == Code::SUCCESS).then_some((free as u64, total as u64)))
    }

    /// Memory for elements, with nothing in it.
    ///
    /// # Errors
    /// No room.
    pub fn allocate(self: &Arc<Self>, words: usize) -> Result<Buffer, IcicleError> {
        let bytes = words.max(1) * size_of::<Words>();
        let mut start = std::ptr::null_mut();
        // SAFETY: a pointer to write to.
        let code = unsafe { (self.functions()?.icicle_malloc)(&mut start, bytes) };
        if [Code::OUT_OF_MEMORY, Code::ALLOCATION_FAILED].contains(&Code(code))
            && let Some((free_bytes, total_bytes)) = self.memory()?
        {
            return Err(IcicleError::Memory {
                device: self.name.clone(),
                wanted_bytes: bytes as u64,
                free_bytes,
                total_bytes,
            });
        }
        self.check("icicle_malloc", code)?;
        Ok(Buffer {
            device: self.clone(),
            start,
            words,
        })
    }

    /// Copies elements to the device.
    ///
    /// # Errors
    /// No room, or the copy failed.
    pub fn upload(self: &Arc<Self>, values: &[Words]) -> Result<Buffer, IcicleError> {
        let buffer = self.allocate(values.len())?;
        buffer.write(0, values)?;
        Ok(buffer)
    }

    /// Sums of `batch` lists of scalars times the same points, each projective: numerators of x and y, denominator.
    ///
    /// # Errors
    /// The numbers of scalars and points do not fit together, or ICICLE failed.
    pub fn msm(
        &self,
        group: Group,
        scalars: &Buffer,
        points: &Buffer,
        batch: usize,
    ) -> Result<Vec<Words>, IcicleError> {
        let count = points.words / group.affine_words();
        scalars.holds(batch * count)?;
        let config = MsmConfig {
            stream: std::ptr::null_mut(),
            precompute_factor: 1,
            c: 0,
            bitsize: 0,
            batch_size: int("a batch", batch)?,
            are_points_shared_in_batch: true,
            are_scalars_on_device: true,
            are_scalars_montgomery_form: false,
            are_points_on_device: true,
            are_points_montgomery_form: false,
            are_results_on_device: false,
            is_async: false,
            ext: std::ptr::null_mut(),
        };
        let mut results = vec![Words::default(); batch * group.projective_words()];
        let (scalars, points) = (scalars.start.cast(), points.start.cast());
        let (count, results_start) = (int("points", count)?, results.as_mut_ptr());
        let functions = self.functions()?;
        let msm = match group {
            Group::G1 => functions.bn254_msm,
            Group::G2 => functions.bn254_g2_msm,
        };
        // SAFETY: `count` points and `batch` times as many scalars are on this device, the results have room for
        // `batch` projective points, and the call is synchronous, so all of them outlive its work.
        let code = unsafe { msm(scalars, points, count, &config, results_start) };
        self.check(group.function(), code)?;
        Ok(results)
    }

    /// Replaces the roots of unity that ICICLE keeps by those of this root's order; one set is kept for each device.
    ///
    /// # Errors
    /// ICICLE failed.
    pub fn init_domain(&self, root: &Words) -> Result<(), IcicleError> {
        let config = NttInitDomainConfig {
            stream: std::ptr::null_mut(),
            is_async: false,
            ext: std::ptr::null_mut(),
        };
        let functions = self.functions()?;
        // SAFETY: takes no argument; the roots that there were are used by no other call, since calls that use them
        // come through a `Domain`, of which there is one at a time.
        let code = unsafe { (functions.bn254_ntt_release_domain)() };
        self.check("bn254_ntt_release_domain", code)?;
        // SAFETY: a scalar and a configuration to read.
        let code = unsafe { (functions.bn254_ntt_init_domain)(root, &config) };
        self.check("bn254_ntt_init_domain", code)
    }

    /// Transforms consecutive vectors of `size` elements each in place, natural order in and out, over the coset of
    /// a generator. Call it with a domain of at least `size`.
    ///
    /// # Errors
    /// The vectors are no whole number of `size`, or ICICLE failed.
    pub fn ntt(
        &self,
        values: &Buffer,
        size: usize,
        direction: Direction,
        coset_gen: Words,
    ) -> Result<(), IcicleError> {
        let batch = values.words / size;
        values.holds(batch * size)?;
        let config = NttConfig {
            stream: std::ptr::null_mut(),
            coset_gen,
            batch_size: int("a batch", batch)?,
            columns_batch: false,
            ordering: NATURAL,
            are_inputs_on_device: true,
            are_outputs_on_device: true,
            is_async: false,
            ext: std::ptr::null_mut(),
        };
        let (size, start) = (int("a domain", size)?, values.start.cast::<Words>());
        let ntt = self.functions()?.bn254_ntt;
        // SAFETY: `batch` vectors of `size` elements are on this device; input and output may be the same.
        let code = unsafe { ntt(start, size, direction as c_int, &config, start) };
        self.check("bn254_ntt", code)
    }

    /// `values[to..] = values[a..] * values[b..]`, `count` elements each.
    ///
    /// # Errors
    /// The elements do not exist, or ICICLE failed.
    pub fn multiply(
        &self,
        values: &Buffer,
        [a, b, to]: [usize; 3],
        count: usize,
    ) -> Result<(), IcicleError> {
        let multiply = self.functions()?.bn254_vector_mul;
        self.pointwise("bn254_vector_mul", multiply, values, [a, b, to], count)
    }

    /// `values[to..] = values[a..] - values[b..]`, `count` elements each.
    ///
    /// # Errors
    /// The elements do not exist, or ICICLE failed.
    pub fn subtract(
        &self,
        values: &Buffer,
        [a, b, to]: [usize; 3],
        count: usize,
    ) -> Result<(), IcicleError> {
        let subtract = self.functions()?.bn254_vector_sub;
        self.pointwise("bn254_vector_sub", subtract, values, [a, b, to], count)
    }

    fn pointwise(
        &self,
        name: &'static str,
        function: unsafe extern "C-unwind" fn(
            *const Words,
            *const Words,
            u64,
            *const VecOpsConfig,
            *mut Words,
        ) -> c_int,
        values: &Buffer,
        [a, b, to]: [usize; 3],
        count: usize,
    ) -> Result<(), IcicleError> {
        let config = VecOpsConfig {
            stream: std::ptr::null_mut(),
            is_a_on_device: true,
            is_b_on_device: true,
            is_result_on_device: true,
            is_async: false,
            batch_size: 1,
            columns_batch: false,
            padding: [0; 7],
            ext: std::ptr::null_mut(),
        };
        let [a, b, to] = [
            values.at(a, count)?,
            values.at(b, count)?,
            values.at(to, count)?,
        ];
        // SAFETY: `count` elements at each place are on this device; element by element, so they may be the same.
        let code = unsafe { function(a, b, count as u64, &config, to) };
        self.check(name, code)
    }
}

/// Memory of a device.
pub struct Buffer {
    device: Arc<Device>,
    start: *mut c_void,
    words: usize,
}

// SAFETY: device memory belongs to no thread: every call chooses the device for the thread that makes it.
unsafe impl Send for Buffer {}
// SAFETY: through a shared reference it is passed to ICICLE only, whose functions may be called from several threads.
// What they write to has one user: the points of a key are written before anyone else has them, and scratch memory is
// not shared.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// Copies elements to the device, from a position on.
    ///
    /// # Errors
    /// They do not fit, or the copy failed.
    pub fn write(&self, position: usize, values: &[Words]) -> Result<(), IcicleError> {
        let (to, from) = (self.at(position, values.len())?, values.as_ptr());
        let copy = self.device.functions()?.icicle_copy_to_device;
        // SAFETY: the source is a slice, its length fits the target.
        let code = unsafe { copy(to.cast(), from.cast(), size_of_val(values)) };
        self.device.check("icicle_copy_to_device", code)
    }

    /// All elements.
    ///
    /// # Errors
    /// The copy failed.
    pub fn download(&self) -> Result<Vec<Words>, IcicleError> {
        let mut values = vec![Words::default(); self.words];
        let copy = self.device.functions()?.icicle_copy_to_host;
        let (to, bytes) = (values.as_mut_ptr().cast(), size_of_val(&values[..]));
        // SAFETY: the target has the buffer's length.
        let code = unsafe { copy(to, self.start, bytes) };
        self.device.check("icicle_copy_to_host", code)?;
        Ok(values)
    }

    fn at(&self, position: usize, count: usize) -> Result<*mut Words, IcicleError> {
        let end = position.saturating_add(count);
        self.holds(end)?;
        // SAFETY: the position is inside of this allocation or at its end.
        Ok(unsafe { self.start.cast::<Words>().add(position) })
    }

    fn holds(&self, words: usize) -> Result<(), IcicleError> {
        match words <= self.words {
            true => Ok(()),
            false => Err(IcicleError::TooMany {
                what: "elements of a buffer",
                count: words,
            }),
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Ok(functions) = self.device.functions() {
            // SAFETY: allocated by this device, freed once; every call that used it has returned.
            unsafe { (functions.icicle_free)(self.start) };
        }
    }
}

/// What the loader said; the error itself says only which call failed.
fn innermost(error: &libloading::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), ToString::to_string)
}

fn int(what: &'static str, count: usize) -> Result<c_int, IcicleError> {
    c_int::try_from(count).map_err(|_| IcicleError::TooMany { what, count })
}
