//! Embeds the kernels' sources and, under the feature `emulator`, compiles them for the CPU.

use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let root =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo names the package's folder"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names the output folder"));
    for watched in ["include", "cuda", "emulator"] {
        println!("cargo:rerun-if-changed={watched}");
    }
    let modules = files(&root.join("cuda"), "cu");
    write_sources(&root, &out, &modules);
    if env::var_os("CARGO_FEATURE_EMULATOR").is_some() {
        build_emulator(&root, &out, &modules);
    }
}

/// The files below `folder` with this extension, in order of their paths.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder's entry can be read").path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn stem(path: &Path) -> &str {
    path.file_stem()
        .and_then(|stem| stem.to_str())
        .expect("file names of cuda/ are UTF-8")
}

/// `sources.rs`: every module's text by name, and every header by the name that includes it.
fn write_sources(root: &Path, out: &Path, modules: &[PathBuf]) {
    let mut text = String::from("pub(crate) static MODULES: &[(&str, &str)] = &[\n");
    for path in modules {
        writeln!(text, "    ({:?}, include_str!({path:?})),", stem(path)).expect("a string grows");
    }
    text.push_str("];\npub(crate) static HEADERS: &[(&str, &str)] = &[\n");
    let include = root.join("include");
    for path in files(&include, "hpp") {
        let name = path.strip_prefix(&include).expect("found below include/");
        writeln!(text, "    ({name:?}, include_str!({path:?})),").expect("a string grows");
    }
    text.push_str("];\npub(crate) static PREBUILT: &[(&str, &[u8])] = &[\n");
    for (name, path) in prebuild(root, out, modules) {
        writeln!(text, "    ({name:?}, include_bytes!({path:?})),").expect("a string grows");
    }
    text.push_str("];\n");
    write(&out.join("sources.rs"), &text);
}

/// With `TRIFOLD_NVCC` (the path of nvcc), every module as one file of machine code for all supported cards.
fn prebuild(root: &Path, out: &Path, modules: &[PathBuf]) -> Vec<(String, PathBuf)> {
    println!("cargo:rerun-if-env-changed=TRIFOLD_NVCC");
    let Some(nvcc) = env::var_os("TRIFOLD_NVCC").filter(|path| !path.is_empty()) else {
        return Vec::new();
    };
    modules
        .iter()
        .map(|path| {
            (
                stem(path).to_owned(),
                compile_for_cards(&nvcc, root, out, path),
            )
        })
        .collect()
}

/// Compute capabilities that get machine code; newer cards of the same major number run it too, others the PTX of the first.
const ARCHITECTURES: [u32; 6] = [80, 86, 89, 90, 100, 120];

fn compile_for_cards(nvcc: &OsStr, root: &Path, out: &Path, module: &Path) -> PathBuf {
    let image = out.join(format!("{}.fatbin", stem(module)));
    let mut command = Command::new(nvcc);
    command
        .args(["-fatbin", "-std=c++17", "--threads", "0", "-I"])
        .arg(root.join("include"));
    for architecture in ARCHITECTURES {
        command.arg("-gencode").arg(format!(
            "arch=compute_{architecture},code=sm_{architecture}"
        ));
    }
    command.arg("-gencode").arg(format!(
        "arch=compute_{0},code=compute_{0}",
        ARCHITECTURES[0]
    ));
    command.arg("-o").arg(&image).arg(module);
    let status = command
        .status()
        .unwrap_or_else(|error| panic!("TRIFOLD_NVCC={}: {error}", nvcc.display()));
    assert!(
        status.success(),
        "nvcc could not compile {}: {status}",
        module.display()
    );
    image
}

/// One object for each module, wrapped so that it hands out its launch table, and the table of modules.
fn build_emulator(root: &Path, out: &Path, modules: &[PathBuf]) {
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .opt_level(2)
        .warnings(true)
        .extra_warnings(true);
    build
        .include(root.join("include"))
        .include(root.join("emulator"))
        .file(root.join("emulator/emulator.cpp"));
    build.flag("-U_FORTIFY_SOURCE").flag("-g1"); // a checked longjmp refuses to change stacks
    build.flag("-Wno-unknown-pragmas");
    let mut table = String::from("#include <cstddef>\n#include \"emulator.hpp\"\n");
    let mut entries = String::new();
    for path in modules {
        let name = stem(path);
        let wrapper = out.join(format!("emulator_{name}.cpp"));
        let function = format!("const emulator::Kernel* trifold_emulator_{name}()");
        write(
            &wrapper,
            &format!("#include {path:?}\nextern \"C\" {function} {{ return emulator_kernels; }}\n"),
        );
        build.file(wrapper);
        writeln!(table, "extern \"C\" {function};").expect("a string grows");
        writeln!(entries, "    {{\"{name}\", trifold_emulator_{name}}},").expect("a string grows");
    }
    table.push_str(
        "struct Module {\n    const char* name;\n    const emulator::Kernel* (*kernels)();\n};\n",
    );
    write!(
        table,
        "extern \"C\" {{\nextern const Module trifold_emulator_modules[];\n"
    )
    .expect("a string grows");
    write!(
        table,
        "const Module trifold_emulator_modules[] = {{\n{entries}    {{nullptr, nullptr}}}};\n}}\n"
    )
    .expect("a string grows");
    let table_file = out.join("emulator_modules.cpp");
    write(&table_file, &table);
    build.file(table_file);
    sanitize(&mut build);
    build.compile("trifold_emulator");
}

/// Under the feature `sanitize`, with sanitizers whose runtimes are shared libraries: the test binary is started with that of
/// AddressSanitizer preloaded. A feature, so that the sanitized build stands beside the other one.
fn sanitize(build: &mut cc::Build) {
    if env::var_os("CARGO_FEATURE_SANITIZE").is_none() {
        return;
    }
    build
        .opt_level(1)
        .flag("-fsanitize=address,undefined")
        .flag("-fno-sanitize-recover=all")
        .flag("-fno-omit-frame-pointer");
    for library in ["asan", "ubsan"] {
        println!("cargo:rustc-link-lib=dylib={library}");
    }
}

/// Writes only what has changed, so that a compiler's cache of time stamps holds.
fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return;
    }
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
