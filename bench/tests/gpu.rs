//! The harness for cards, from one end to the other, on the kernels' emulator.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use trifold_kernels::Device;

fn bench(arguments: &[&str], out: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trifold-bench"))
        .arg("gpu")
        .args(arguments)
        .arg("--out")
        .arg(out)
        .env_remove("ICICLE_INSTALL_DIR")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_tiny_run_checks_and_times_everything_and_says_what_it_did_not() {
    let out = tempfile::tempdir().unwrap();
    let output = bench(&["--emulator"], out.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let read = |name: &str| std::fs::read_to_string(out.path().join(name)).unwrap();
    let document: Value = serde_json::from_str(&read("gpu-emulated.json")).unwrap();
    let figures = &document["figures"];
    let rows = |name: &str| figures[name].as_array().unwrap().clone();

    assert!(rows("checks").iter().all(|check| check["agrees"] == true));
    let ours = |row: &&Value| row["contender"] == "trifold";
    assert!(rows("checks").iter().filter(ours).count() > 20);
    let timings = rows("timings");
    for operation in ["MSM G1", "MSM G2", "NTT"] {
        let of = |row: &&Value| row["operation"] == operation && row["best_seconds"].is_f64();
        assert!(
            timings.iter().filter(ours).any(|row| of(&row)),
            "{operation}"
        );
    }
    for backend in ["emulator", "cpu"] {
        let is = |row: &&Value| row["backend"] == backend;
        let proofs = rows("proofs").into_iter().find(|row| is(&row)).unwrap();
        assert!(proofs["proofs"].as_u64().unwrap() > 0, "{proofs}");
        let random = rows("random").into_iter().find(|row| is(&row)).unwrap();
        assert_eq!(random["verified"], 4, "{random}");
    }
    assert!(figures["card"].is_null());
    let page = read("gpu-emulated.md");
    assert!(
        page.contains("these figures say nothing about one"),
        "{page}"
    );
    assert!(page.contains("ICICLE: not measured"), "{page}");
    assert!(read("gpu-emulated.svg").contains("not measured"));
}

#[test]
fn without_a_card_one_line_says_so_and_nothing_is_written() {
    if Device::cards().is_ok_and(|cards| !cards.is_empty()) {
        eprintln!("skipped: this machine has a card");
        return;
    }
    let out = tempfile::tempdir().unwrap();
    let output = bench(&[], out.path());
    assert!(output.status.success());
    let line = text(&output.stdout);
    assert!(line.starts_with("no card to measure: "), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert_eq!(out.path().read_dir().unwrap().count(), 0);
}
