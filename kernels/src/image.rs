//! Where a module's machine code comes from: the build, the cache, or NVRTC.

use std::fmt;

use crate::cubin_cache::CubinCache;
use crate::error::{DeviceError, Result};
use crate::module::{Module, PREBUILT};
use crate::rtc::Compiler;

/// Code that the driver can load.
pub(crate) struct Image {
    bytes: Vec<u8>,
    origin: String,
}

impl Image {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for Image {
    /// The way it was made.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

/// The code that nvcc made when this was built, for all cards at once.
pub(crate) fn prebuilt(module: Module) -> Option<Image> {
    let (_, bytes) = PREBUILT.iter().find(|(name, _)| *name == module.name())?;
    Some(Image {
        bytes: bytes.to_vec(), // the driver reads structures: embedded bytes have no alignment
        origin: "embedded by the build".into(),
    })
}

/// The code that NVRTC makes for a card, from the cache if it was made before.
///
/// Errors: `NoCompiler`, `Compile`. A cache that cannot be written is only reported.
pub(crate) fn compiled(
    module: Module,
    major: u32,
    minor: u32,
    cache: Option<&CubinCache>,
) -> Result<Image> {
    let missing = || DeviceError::NoCompiler {
        architecture: format!("sm_{major}{minor}"),
    };
    let compiler = Compiler::find().ok_or_else(missing)?;
    let target = compiler.target(major, minor)?;
    let name = format!(
        "{}.{}.{}",
        module.name(),
        target.architecture(),
        compiler.key(module, target)
    );
    if let Some(bytes) = cache.and_then(|cache| cache.get(&name)) {
        return Ok(Image {
            bytes,
            origin: "from the cache".into(),
        });
    }
    let bytes = compiler.compile(module, target)?;
    if let Some(Err(error)) = cache.map(|cache| cache.put(&name, &bytes)) {
        tracing::warn!(%error, "the compiled kernels are not kept");
    }
    let (major, minor) = compiler.version();
    Ok(Image {
        bytes,
        origin: format!("compiled by NVRTC {major}.{minor}"),
    })
}
