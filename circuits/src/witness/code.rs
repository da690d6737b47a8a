//! The machine code of a witness calculator: compiled once, then kept beside the wasm.
//!
//! The file is named after the engine's version and settings, and starts with the digests of the wasm and of the code.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::{Config, Engine, Module, OptLevel};

use super::{WitnessError, at};

const DIGEST_BYTES: usize = 32;

/// The engine that all calculators are compiled for.
pub fn engine() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::Speed);
    config.wasm_backtrace_max_frames(None);
    Engine::new(&config)
}

/// Loads a wasm file's machine code, compiling the wasm when there is none that fits.
pub fn load(engine: &Engine, path: &Path) -> Result<Module, WitnessError> {
    let wasm = std::fs::read(path).map_err(at(path))?;
    let digest: [u8; DIGEST_BYTES] = Sha256::digest(&wasm).into();
    let cache = cache_path(engine, path);
    match cached(engine, &cache, &digest) {
        Some(module) => Ok(module),
        None => compile(engine, path, &wasm, &digest, &cache),
    }
}

fn cache_path(engine: &Engine, path: &Path) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    path.with_extension(format!("{:016x}.code", hasher.finish()))
}

/// Code that is absent, damaged or another wasm's is no error: it is made again.
fn cached(engine: &Engine, cache: &Path, wasm_digest: &[u8]) -> Option<Module> {
    let bytes = std::fs::read(cache).ok()?;
    let (header, code) = bytes.split_at_checked(2 * DIGEST_BYTES)?;
    let (of_wasm, of_code) = header.split_at(DIGEST_BYTES);
    if of_wasm != wasm_digest || of_code != Sha256::digest(code).as_slice() {
        return None;
    }
    // SAFETY: `code` is whole and was written by `compile` below for this engine: its digest and the engine's
    // compatibility hash agree. Whoever can forge both in the user's own cache can replace this program as well.
    unsafe { Module::deserialize(engine, code) }.ok()
}

fn compile(
    engine: &Engine,
    path: &Path,
    wasm: &[u8],
    digest: &[u8],
    cache: &Path,
) -> Result<Module, WitnessError> {
    let refused = |error: wasmtime::Error| WitnessError::Module {
        path: path.to_owned(),
        reason: format!("{error:#}"),
    };
    let module = Module::from_binary(engine, wasm).map_err(refused)?;
    let code = module.serialize().map_err(refused)?;
    store(cache, digest, &code).map_err(at(cache))?;
    Ok(module)
}

/// Writes the cache file under another name first, so that no reader sees half of it.
fn store(cache: &Path, digest: &[u8], code: &[u8]) -> std::io::Result<()> {
    let folder = cache.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(digest)?;
    file.write_all(&Sha256::digest(code))?;
    file.write_all(code)?;
    file.persist(cache)?;
    Ok(())
}
