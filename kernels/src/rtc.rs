//! Compiles a module for a card with NVRTC, from the embedded sources.

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;

use cudarc::nvrtc::sys;
use sha2::{Digest, Sha256};

use crate::error::{DeviceError, Result};
use crate::module::{HEADERS, Module};

const OPTIONS: [&str; 2] = ["--std=c++17", "--disable-warnings"];

/// What a module is compiled to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Machine code for compute capability `0`.`1`, which cards of the same major number and at least this minor number run.
    Cubin(u32, u32),
    /// PTX for this compute capability, which the driver compiles: for cards newer than the compiler.
    Ptx(u32, u32),
}

impl Target {
    /// The best that a compiler with these architectures (as 90 for 9.0) has for a card.
    fn choose(major: u32, minor: u32, supported: &[u32]) -> Option<Self> {
        let card = 10 * major + minor;
        let best = |fits: &dyn Fn(u32) -> bool| {
            supported.iter().copied().filter(|known| fits(*known)).max()
        };
        if let Some(known) = best(&|known| known / 10 == major && known <= card) {
            return Some(Self::Cubin(known / 10, known % 10));
        }
        best(&|known| known <= card).map(|known| Self::Ptx(known / 10, known % 10))
    }

    /// As the compilers write it: `sm_90` or `compute_90`.
    pub fn architecture(self) -> String {
        match self {
            Self::Cubin(major, minor) => format!("sm_{major}{minor}"),
            Self::Ptx(major, minor) => format!("compute_{major}{minor}"),
        }
    }
}

/// The NVRTC of this machine.
pub struct Compiler {
    version: (u32, u32),
    supported: Vec<u32>,
}

impl Compiler {
    /// Nothing where there is no NVRTC.
    pub fn find() -> Option<Self> {
        // SAFETY: asks only whether a library can be loaded; loading NVRTC runs no code of ours.
        if !unsafe { sys::is_culib_present() } || !has_symbols() {
            return None;
        }
        let (mut major, mut minor, mut count) = (0, 0, 0);
        // SAFETY: the functions write the numbers behind the pointers, and `count` architectures into a vector of that length.
        let supported = unsafe {
            done(sys::nvrtcVersion(&mut major, &mut minor))?;
            done(sys::nvrtcGetNumSupportedArchs(&mut count))?;
            let mut supported: Vec<c_int> = vec![0; usize::try_from(count).ok()?];
            done(sys::nvrtcGetSupportedArchs(supported.as_mut_ptr()))?;
            supported
        };
        let supported = supported
            .into_iter()
            .filter_map(|architecture| u32::try_from(architecture).ok())
            .collect();
        Some(Self {
            version: (u32::try_from(major).ok()?, u32::try_from(minor).ok()?),
            supported,
        })
    }

    /// Major and minor number of NVRTC.
    pub fn version(&self) -> (u32, u32) {
        self.version
    }

    /// What it would compile to for a card of this compute capability.
    ///
    /// Errors: `NoCompiler` if the card is older than everything it knows.
    pub fn target(&self, major: u32, minor: u32) -> Result<Target> {
        let unknown = || DeviceError::NoCompiler {
            architecture: format!("sm_{major}{minor}"),
        };
        Target::choose(major, minor, &self.supported).ok_or_else(unknown)
    }

    /// The image of a module, ready for the driver: a cubin, or PTX ended by a zero byte.
    ///
    /// Errors: `Compile` with the compiler's words.
    pub fn compile(&self, module: Module, target: Target) -> Result<Vec<u8>> {
        let source = module
            .source()
            .ok_or_else(|| failed(module, target, "there is no such source".into()))?;
        let program = Program::new(module, target, source)?;
        program.compile(module, target)?;
        program.image(module, target)
    }

    /// What an image depends on, as 32 hexadecimal digits.
    pub fn key(&self, module: Module, target: Target) -> String {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        add(&format!("{} {:?}", target.architecture(), self.version));
        OPTIONS.iter().for_each(|option| add(option));
        add(module.source().unwrap_or_default());
        for (name, text) in HEADERS {
            add(name);
            add(text);
        }
        hash.finalize()
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// The functions that cudarc looks up by name on first use, where a missing one panics.
fn has_symbols() -> bool {
    let names = [
        "nvrtcVersion",
        "nvrtcGetNumSupportedArchs",
        "nvrtcGetSupportedArchs",
        "nvrtcCreateProgram",
        "nvrtcDestroyProgram",
        "nvrtcCompileProgram",
        "nvrtcGetProgramLogSize",
        "nvrtcGetProgramLog",
        "nvrtcGetCUBINSize",
        "nvrtcGetCUBIN",
        "nvrtcGetPTXSize",
        "nvrtcGetPTX",
        "nvrtcGetErrorString",
    ];
    // SAFETY: the library is there; the symbols are only looked up.
    unsafe {
        let library = sys::culib();
        names.iter().all(|name| {
            library
                .get::<unsafe extern "C" fn()>(name.as_bytes())
                .is_ok()
        })
    }
}

fn done(code: sys::nvrtcResult) -> Option<()> {
    (code == sys::nvrtcResult::NVRTC_SUCCESS).then_some(())
}

fn failed(module: Module, target: Target, log: String) -> DeviceError {
    DeviceError::Compile {
        module: module.name(),
        architecture: target.architecture(),
        log,
    }
}

/// A program of NVRTC, destroyed on drop.
struct Program(sys::nvrtcProgram);

impl Program {
    fn new(module: Module, target: Target, source: &str) -> Result<Self> {
        let text = |text: &str| {
            CString::new(text).map_err(|error| failed(module, target, error.to_string()))
        };
        let name = text(&format!("{}.cu", module.name()))?;
        let source = text(source)?;
        let names = HEADERS
            .iter()
            .map(|(name, _)| text(name))
            .collect::<Result<Vec<_>>>()?;
        let headers = HEADERS
            .iter()
            .map(|(_, header)| text(header))
            .collect::<Result<Vec<_>>>()?;
        let pointers = |texts: &[CString]| {
            texts
                .iter()
                .map(|text| text.as_ptr())
                .collect::<Vec<*const c_char>>()
        };
        let (names, headers) = (pointers(&names), pointers(&headers));
        let mut program = ptr::null_mut();
        // SAFETY: all strings end with zero and live through the call, which copies them; both arrays have the given length.
        let code = unsafe {
            sys::nvrtcCreateProgram(
                &mut program,
                source.as_ptr(),
                name.as_ptr(),
                headers.len() as c_int,
                headers.as_ptr(),
                names.as_ptr(),
            )
        };
        done(code)
            .map(|()| Self(program))
            .ok_or_else(|| failed(module, target, words(code)))
    }

    fn compile(&self, module: Module, target: Target) -> Result<()> {
        let architecture = format!("--gpu-architecture={}", target.architecture());
        let options = OPTIONS.iter().copied().chain([architecture.as_str()]);
        let options: Vec<CString> = options
            .filter_map(|option| CString::new(option).ok())
            .collect();
        let pointers: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
        // SAFETY: the program is alive, and so are the zero-terminated options, of the given number.
        let code =
            unsafe { sys::nvrtcCompileProgram(self.0, pointers.len() as c_int, pointers.as_ptr()) };
        done(code).ok_or_else(|| failed(module, target, format!("{}: {}", words(code), self.log())))
    }

    /// What the compiler wrote.
    fn log(&self) -> String {
        let read = self.read(
            |program, size| unsafe { sys::nvrtcGetProgramLogSize(program, size) },
            |program, text| unsafe { sys::nvrtcGetProgramLog(program, text) },
        );
        String::from_utf8_lossy(&read.unwrap_or_default())
            .trim_matches(['\0', '\n', ' '])
            .into()
    }

    fn image(&self, module: Module, target: Target) -> Result<Vec<u8>> {
        let image = match target {
            Target::Cubin(..) => self.read(
                |program, size| unsafe { sys::nvrtcGetCUBINSize(program, size) },
                |program, image| unsafe { sys::nvrtcGetCUBIN(program, image) },
            ),
            Target::Ptx(..) => self.read(
                |program, size| unsafe { sys::nvrtcGetPTXSize(program, size) },
                |program, image| unsafe { sys::nvrtcGetPTX(program, image) },
            ),
        };
        image
            .filter(|image| !image.is_empty())
            .ok_or_else(|| failed(module, target, "NVRTC gave no image".into()))
    }

    /// Something that NVRTC hands out as a size and then as bytes.
    fn read(
        &self,
        size: impl Fn(sys::nvrtcProgram, *mut usize) -> sys::nvrtcResult,
        fill: impl Fn(sys::nvrtcProgram, *mut c_char) -> sys::nvrtcResult,
    ) -> Option<Vec<u8>> {
        let mut bytes = 0;
        done(size(self.0, &mut bytes))?;
        let mut read = vec![0u8; bytes];
        done(fill(self.0, read.as_mut_ptr().cast()))?;
        Some(read)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: created by `new`, destroyed once.
        unsafe { sys::nvrtcDestroyProgram(&mut self.0) };
    }
}

/// NVRTC's own words for a result.
fn words(code: sys::nvrtcResult) -> String {
    // SAFETY: the function answers with a static string for any result.
    unsafe { CStr::from_ptr(sys::nvrtcGetErrorString(code)) }
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_gets_code_of_its_own_generation_or_ptx() {
        let supported = [75, 80, 86, 87, 89, 90, 100, 103, 110, 120, 121];
        let target = |major, minor| Target::choose(major, minor, &supported);
        assert_eq!(target(9, 0), Some(Target::Cubin(9, 0)));
        assert_eq!(target(8, 8), Some(Target::Cubin(8, 7)));
        assert_eq!(target(12, 1), Some(Target::Cubin(12, 1)));
        assert_eq!(target(13, 0), Some(Target::Ptx(12, 1)));
        assert_eq!(target(7, 0), None);
        assert_eq!(
            Target::choose(10, 0, &[80, 90]),
            Some(Target::Ptx(9, 0)),
            "a compiler older than the card"
        );
        assert_eq!(Target::Cubin(12, 0).architecture(), "sm_120");
        assert_eq!(Target::Ptx(9, 0).architecture(), "compute_90");
    }
}
