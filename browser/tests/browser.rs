//! The package in Node and the page in a headless Chromium, both as the build makes them, over the corpus that all implementations
//! share.
//!
//! Without the Rust target wasm32-unknown-unknown, or for the page a Chromium, a test says so and passes, unless `CI` is set
//! (or `TRIFOLD_REQUIRE_CHROMIUM`). `TRIFOLD_CHROMIUM` names another one; `TRIFOLD_SCREENSHOTS` is a folder for pictures of the page.

use std::path::{Path, PathBuf};
use std::process::Command;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn required(names: &[&str]) -> bool {
    names.iter().any(|name| std::env::var_os(name).is_some())
}

/// The folder of the package and the page, built; `None` without the target.
fn light() -> Option<PathBuf> {
    let arguments = [
        "--print",
        "target-libdir",
        "--target",
        "wasm32-unknown-unknown",
    ];
    let found = Command::new("rustc")
        .args(arguments)
        .output()
        .expect("rustc");
    let library = String::from_utf8(found.stdout).expect("a path");
    if !Path::new(library.trim()).is_dir() {
        assert!(
            !required(&["CI"]),
            "no wasm32-unknown-unknown: run `tools/fetch wasm`"
        );
        eprintln!(
            "skipped: no Rust target wasm32-unknown-unknown, so nothing was tested; `tools/fetch wasm` adds it"
        );
        return None;
    }
    node(Command::new("node").arg(here().join("build.mjs")));
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    Some(here().join("..").join(target).join("light"))
}

fn node(command: &mut Command) {
    let status = command.status().expect("node");
    assert!(status.success(), "the script says what failed: {status}");
}

fn chromium() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("TRIFOLD_CHROMIUM") {
        return Some(path.into());
    }
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH")?;
    let mut candidates =
        std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    candidates.find(|path| path.exists())
}

fn node_modules() -> PathBuf {
    let root = here().join("..");
    let cache =
        std::env::var_os("TRIFOLD_CACHE").map_or(root.join(".cache"), |cache| root.join(cache));
    let modules = cache.join("tools/npm/node_modules");
    assert!(
        modules.join("playwright-core").exists(),
        "no playwright-core: run `tools/fetch npm`"
    );
    modules.canonicalize().expect("its real place")
}

#[test]
fn the_package_in_node() {
    let Some(light) = light() else { return };
    let script = here().join("tests/package.test.mjs");
    node(
        Command::new("node")
            .arg("--test")
            .arg(script)
            .env("TRIFOLD_LIGHT", light),
    );
}

#[test]
fn the_page_in_a_browser() {
    let Some(chromium) = chromium() else {
        let required = required(&["CI", "TRIFOLD_REQUIRE_CHROMIUM"]);
        assert!(
            !required,
            "no Chromium: install it, or name one in TRIFOLD_CHROMIUM"
        );
        eprintln!("skipped: no Chromium, so the page was not tested");
        return;
    };
    let Some(light) = light() else { return };
    let script = here().join("tests/page.mjs");
    node(
        Command::new("node")
            .arg(script)
            .arg(node_modules())
            .arg(chromium)
            .arg(light),
    );
}
