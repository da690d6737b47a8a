//! The binding to ICICLE, with a stand-in that checks every argument; the real libraries are in the parity suite.

mod support;

use std::path::Path;
use std::process::Command;

use ark_bn254::Fr;
use support::{Fixture, adversarial, inputs};
use tempfile::TempDir;
use trifold_prover::backend::{DeviceName, Icicle, IcicleOptions};
use trifold_prover::{Backend, BackendError, Cpu};

const LIBRARIES: [(&str, &str); 3] = [
    ("DEVICE", "libicicle_device.so"),
    ("FIELD", "libicicle_field_bn254.so"),
    ("CURVE", "libicicle_curve_bn254.so"),
];

/// An installation with the stand-in, compiled in a variant of its own.
struct Installation {
    folder: TempDir,
}

impl Installation {
    fn new(name: &str, variant: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        for (part, library) in LIBRARIES {
            compile(&folder.path().join(library), part, name, variant);
        }
        Self { folder }
    }

    fn options(&self) -> IcicleOptions {
        IcicleOptions {
            folder: Some(self.folder.path().to_owned()),
            device: None,
        }
    }

    fn open(&self) -> Result<Icicle, BackendError> {
        Icicle::new(&self.options())
    }

    fn refusal(&self) -> String {
        refusal(&self.options())
    }
}

fn compile(library: &Path, part: &str, name: &str, variant: &[&str]) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/icicle/stand_in.c");
    let output = Command::new("cc")
        .args([
            "-O2",
            "-shared",
            "-fPIC",
            "-pthread",
            "-Wall",
            "-Wno-unused",
        ])
        .arg(format!("-D{part}"))
        .arg(format!("-DNAME={name}"))
        .args(variant)
        .arg(source)
        .arg("-o")
        .arg(library)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.is_empty(), "{text}");
}

fn refusal(options: &IcicleOptions) -> String {
    match Icicle::new(options) {
        Ok(_) => panic!("accepted"),
        Err(BackendError::Unavailable { backend, reason }) => {
            assert_eq!(backend, "icicle");
            assert!(!reason.contains('\n'));
            reason
        }
        Err(error) => panic!("{error}"),
    }
}

fn agrees_with_the_processor(backend: &Icicle) {
    let fixture = Fixture::new();
    let witnesses = adversarial(&fixture);
    let witnesses: Vec<&[Fr]> = witnesses.iter().map(Vec::as_slice).collect();
    let expected = Cpu.load(fixture.key()).unwrap().commit(&witnesses).unwrap();
    let loaded = backend.load(fixture.key()).unwrap();
    assert_eq!(loaded.commit(&witnesses).unwrap(), expected);
    assert_eq!(loaded.commit(&[]).unwrap(), []);
    let one = loaded.commit(&witnesses[3..4]).unwrap();
    assert_eq!(one, expected[3..4]);
}

#[test]
fn every_argument_is_as_icicle_has_it_and_results_agree() {
    let installation = Installation::new("same", &[]);
    let backend = installation.open().unwrap();
    assert_eq!((backend.name(), backend.device()), ("icicle", "CPU:0"));
    agrees_with_the_processor(&backend);
}

#[test]
fn the_first_release_of_v3_reads_the_same_arguments() {
    let installation = Installation::new("first", &["-DBEFORE_3_1"]);
    agrees_with_the_processor(&installation.open().unwrap());
}

#[test]
fn proofs_from_other_threads_verify() {
    let installation = Installation::new("threads", &[]);
    let backend = installation.open().unwrap();
    let fixture = Fixture::new();
    let prover = fixture.prover(&backend);
    std::thread::scope(|scope| {
        let threads = [5, 6].map(|a| {
            let prover = &prover;
            scope.spawn(move || prover.prove(&inputs(a)).unwrap())
        });
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn an_installation_is_opened_once_and_its_memory_is_given_back() {
    let installation = Installation::new("memory", &["-DMEMORY_BYTES=49152"]);
    let fixture = Fixture::new();
    let witness = fixture.witness();
    for _ in 0..6 {
        let backend = installation.open().unwrap();
        let loaded = backend.load(fixture.key()).unwrap();
        loaded.commit(&[&witness]).unwrap();
    }
}

#[test]
fn a_device_without_room_is_an_error_with_its_numbers() {
    let installation = Installation::new("full", &["-DMEMORY_BYTES=8192"]);
    let backend = installation.open().unwrap();
    let error = backend.load(Fixture::new().key()).err().unwrap();
    assert!(error.to_string().contains("of 8192 are free"), "{error}");
}

#[test]
fn a_missing_library_is_named() {
    for (_, library) in LIBRARIES {
        let installation = Installation::new("missing", &[]);
        std::fs::remove_file(installation.folder.path().join(library)).unwrap();
        let reason = installation.refusal();
        assert!(reason.contains(library), "{reason}");
        assert!(
            reason.contains("cannot open shared object file"),
            "{reason}"
        );
    }
    let nowhere = IcicleOptions {
        folder: Some("/nonexistent/icicle".into()),
        device: None,
    };
    assert!(refusal(&nowhere).contains("/nonexistent/icicle"));
}

#[test]
fn a_missing_function_is_named() {
    let installation = Installation::new("without_g2", &["-DWITHOUT_G2"]);
    let reason = installation.refusal();
    assert!(reason.contains("bn254_g2_msm"), "{reason}");
    assert!(reason.contains("libicicle_curve_bn254.so"), "{reason}");
}

#[test]
fn another_layout_is_noticed_before_anything_is_believed() {
    let installation = Installation::new("other", &["-DOTHER_LAYOUT"]);
    let reason = installation.refusal();
    assert!(reason.contains("bn254_msm"), "{reason}");
    assert!(
        reason.contains("its interface is not that of v3 or v4"),
        "{reason}"
    );
}

#[test]
fn an_installation_of_v2_is_named_as_such() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("libingo_curve_bn254.so"), []).unwrap();
    let options = IcicleOptions {
        folder: Some(folder.path().to_owned()),
        device: None,
    };
    assert!(refusal(&options).contains("ICICLE v2"));
}

#[test]
fn a_failing_call_is_an_error_with_its_code() {
    let calls = [
        ("bn254_msm", 3, 13, "the license check failed"),
        ("bn254_g2_msm", 2, 14, "unknown error"),
        ("bn254_ntt", 4, 7, "synchronization failed"),
        ("bn254_vector_sub", 2, 99, "code 99"),
        ("icicle_copy_to_device", 8, 6, "copy failed"),
    ];
    let fixture = Fixture::new();
    let witness = fixture.witness();
    for (function, after, code, text) in calls {
        let flags = [
            format!("-DFAIL={function}"),
            format!("-DFAIL_AFTER={after}"),
            format!("-DFAIL_CODE={code}"),
        ];
        let name = format!("failing_{function}");
        let installation = Installation::new(&name, &flags.each_ref().map(String::as_str));
        let backend = installation.open().unwrap();
        let found = backend.load(fixture.key());
        let error = match found {
            Ok(loaded) => loaded.commit(&[&witness]).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(function) && error.contains(text), "{error}");
    }
}

#[test]
fn a_call_that_fails_in_the_handshake_refuses_the_device() {
    let flags = ["-DFAIL=icicle_malloc", "-DFAIL_AFTER=1", "-DFAIL_CODE=4"];
    let reason = Installation::new("broken", &flags).refusal();
    assert!(reason.contains("CPU:0 has no room"), "{reason}");
}

#[test]
fn a_device_that_is_not_there_is_refused_with_those_that_are() {
    let installation = Installation::new("devices", &[]);
    let with = |device: &str| IcicleOptions {
        device: Some(device.parse().unwrap()),
        ..installation.options()
    };
    let reason = refusal(&with("cuda:1"));
    assert!(
        reason.contains("CUDA:1") && reason.contains("CPU"),
        "{reason}"
    );
    assert!(refusal(&with("CPU:7")).contains("invalid device"));
    assert!(Icicle::new(&with("cpu")).is_ok());
}

#[test]
fn names_of_devices() {
    let name = |text: &str| text.parse::<DeviceName>().map(|name| name.to_string());
    assert_eq!(name("cuda").unwrap(), "CUDA:0");
    assert_eq!(name("CUDA:3").unwrap(), "CUDA:3");
    for wrong in [
        "",
        ":1",
        "CUDA:",
        "CUDA:-1",
        "CUDA:x",
        "CUDA:1:2",
        "a b",
        "CUDA:65536",
    ] {
        assert!(name(wrong).is_err(), "{wrong:?}");
    }
}
