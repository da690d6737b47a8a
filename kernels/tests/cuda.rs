//! The CUDA driver layer against a libcuda and a libnvrtc made for the purpose (`fake_cuda/`), each test in a process of its own:
//! what is refused and in which words, what is compiled and kept, and that everything ends in the right order.

use std::path::{Path, PathBuf};
use std::process::Command;

use trifold_kernels::{CardId, CubinCache, Device, DeviceError, Grid, Module, args};

const CHILD: &str = "TRIFOLD_TEST_FAKE_CUDA";
const SECOND: CardId = CardId([0x11; 16]);

/// Compiles the stand-ins into a folder.
fn fakes(folder: &Path) {
    for name in ["cuda", "nvrtc"] {
        let source =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fake_cuda/{name}.c"));
        let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
        compiler.args([
            "-std=gnu11",
            "-O1",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-shared",
            "-fPIC",
            "-pthread",
            "-o",
        ]);
        let status = compiler
            .arg(folder.join(format!("lib{name}.so")))
            .arg(source)
            .status()
            .unwrap();
        assert!(status.success());
    }
}

/// Runs the body in a child that finds the stand-ins, and returns what the child wrote to stderr; nothing in the child itself.
fn with_fakes(test: &str, environment: &[(&str, &str)], body: fn()) -> Option<String> {
    if std::env::var_os(CHILD).is_some() {
        body();
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    fakes(folder.path());
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", test, "--nocapture", "--test-threads", "1"])
        .envs(environment.iter().copied());
    child.env(CHILD, "1").env("LD_LIBRARY_PATH", folder.path());
    child.env("TRIFOLD_CACHE", folder.path());
    let output = child.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(
        !said.contains("left\n") && !said.contains("goes before"),
        "{said}"
    );
    Some(said)
}

fn message(result: Result<impl std::fmt::Debug, DeviceError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_machine_without_a_driver_is_told_so() {
    match Device::cards() {
        Err(DeviceError::NoDriver) => {
            assert_eq!(
                message(Device::cards()),
                "no CUDA driver on this machine (libcuda is not there)"
            );
            assert_eq!(message(Device::cuda(&SECOND)), message(Device::cards()));
        }
        other => eprintln!("left out: a machine without a driver (this one: {other:?})"),
    }
}

#[test]
fn an_old_driver_is_refused_with_its_version() {
    with_fakes(
        "an_old_driver_is_refused_with_its_version",
        &[("FAKE_VERSION", "11040")],
        || {
            let expected = "the CUDA driver supports CUDA 11.4, at least 12.0 is needed";
            assert_eq!(message(Device::cards()), expected);
            assert_eq!(message(Device::cuda(&SECOND)), expected);
        },
    );
}

#[test]
fn a_driver_without_a_card_is_told_so() {
    for (name, value) in [("FAKE_NO_DEVICE", "1"), ("FAKE_CARDS", "0")] {
        with_fakes(
            "a_driver_without_a_card_is_told_so",
            &[(name, value)],
            || {
                assert_eq!(
                    message(Device::cards()),
                    "the CUDA driver is there but finds no card"
                );
                assert_eq!(Device::cuda(&SECOND).unwrap_err(), DeviceError::NoCard);
            },
        );
    }
}

#[test]
fn an_old_card_is_listed_and_refused_by_name() {
    with_fakes(
        "an_old_card_is_listed_and_refused_by_name",
        &[("FAKE_CAPABILITY", "75")],
        || {
            assert_eq!(Device::cards().unwrap()[1].compute_capability, (7, 5));
            let expected = "card Fake 1 has compute capability 7.5, at least 8.0 is needed";
            assert_eq!(message(Device::cuda(&SECOND)), expected);
        },
    );
}

#[test]
fn cards_are_listed_and_chosen_by_their_uuid() {
    with_fakes("cards_are_listed_and_chosen_by_their_uuid", &[], || {
        let cards = Device::cards().unwrap();
        assert_eq!((cards.len(), cards[1].ordinal, cards[1].id), (2, 1, SECOND));
        assert_eq!(
            (cards[1].multiprocessors, cards[1].driver_version),
            (132, (13, 0))
        );
        assert_eq!(cards[1].total_bytes, 1 << 20);
        let unknown = CardId([7; 16]);
        assert_eq!(
            message(Device::cuda(&unknown)),
            format!("there is no card {unknown} on this machine")
        );
        let device = Device::cuda(&SECOND).unwrap();
        let expected = format!("Fake 1 ({SECOND}, sm_90, CUDA 13.0 driver)");
        assert_eq!(
            (device.describe(), device.limits().shared_bytes_per_block),
            (expected.as_str(), 227 << 10)
        );
    });
}

fn add(device: &Device, stream: &trifold_kernels::Stream, shared_bytes: u32) -> Vec<u32> {
    let input = device.upload(&[5u32; 100]).unwrap();
    let output = device.alloc_zeroed::<u32>(100).unwrap();
    let grid = Grid::covering(100, 32).with_shared_bytes(shared_bytes);
    stream
        .launch(
            Module::DeviceTest,
            "add_word",
            grid,
            args![&input, 2u32, &output, 100u64],
        )
        .unwrap();
    output.download().unwrap()
}

#[test]
fn work_runs_from_any_thread_and_everything_is_released() {
    let said = with_fakes(
        "work_runs_from_any_thread_and_everything_is_released",
        &[],
        || {
            let device = Device::cuda(&SECOND).unwrap();
            device.load(&[Module::DeviceTest, Module::Sort]).unwrap();
            let stream = device.stream_high_priority().unwrap();
            for shared_bytes in [0, 48 << 10, 100 << 10, 1 << 10, 227 << 10] {
                assert_eq!(add(&device, &stream, shared_bytes), [7; 100]);
            }
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope
                        .spawn(|| assert_eq!(add(&device, &device.stream().unwrap(), 0), [7; 100]));
                }
            });
            // The device goes first, on another thread than the rest.
            let buffer = device.alloc::<u32>(8).unwrap();
            let mut host = device.pinned::<u32>(8).unwrap();
            host.as_mut_slice().unwrap().fill(3);
            stream.copy_in(&buffer, &mut host).unwrap();
            stream.copy_out(&mut host, &buffer).unwrap();
            stream.fill_zero(&buffer).unwrap();
            let event = stream.record().unwrap();
            assert!(!event.is_reached().unwrap());
            std::thread::spawn(move || drop(device)).join().unwrap();
            assert_eq!(host.as_slice().unwrap(), [3; 8]);
            stream.copy_in(&buffer, &mut host).unwrap();
            std::thread::spawn(move || drop((host, stream, event, buffer)))
                .join()
                .unwrap();
        },
    );
    if let Some(said) = said {
        assert_eq!(
            said.matches("fake nvrtc: device_test.cu --gpu-architecture=sm_90")
                .count(),
            1,
            "{said}"
        );
    }
}

#[test]
fn memory_runs_out_with_its_numbers() {
    with_fakes("memory_runs_out_with_its_numbers", &[], || {
        let device = Device::cuda(&SECOND).unwrap();
        let _held = device.alloc::<u8>(1 << 19).unwrap();
        let expected = "out of device memory: 524289 bytes wanted, 524288 free";
        assert_eq!(message(device.alloc::<u8>((1 << 19) + 1)), expected);
        assert!(device.pinned::<u8>(2 << 20).unwrap_err().is_out_of_memory());
        assert_eq!(device.memory().unwrap().free_bytes, 1 << 19);
    });
}

#[test]
fn a_compiled_module_is_kept_and_a_damaged_one_made_anew() {
    let said = with_fakes(
        "a_compiled_module_is_kept_and_a_damaged_one_made_anew",
        &[],
        || {
            let folder = tempfile::tempdir().unwrap();
            let cache = CubinCache::at(folder.path());
            let run = || {
                let device = Device::cuda_with(&SECOND, Some(cache.clone())).unwrap();
                assert_eq!(add(&device, &device.stream().unwrap(), 0), [7; 100]);
            };
            run();
            run();
            let file = std::fs::read_dir(folder.path())
                .unwrap()
                .next()
                .unwrap()
                .unwrap()
                .path();
            assert!(
                file.file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .starts_with("device_test.sm_90.")
            );
            std::fs::write(file, b"cut").unwrap();
            run();
            run();
        },
    );
    if let Some(said) = said {
        assert_eq!(said.matches("fake nvrtc: ").count(), 2, "{said}");
    }
}

#[test]
fn a_card_newer_than_the_compiler_gets_ptx() {
    let test = "a_card_newer_than_the_compiler_gets_ptx";
    let said = with_fakes(test, &[("FAKE_CAPABILITY", "120")], || {
        let device = Device::cuda(&SECOND).unwrap();
        assert_eq!(add(&device, &device.stream().unwrap(), 0), [7; 100]);
    });
    if let Some(said) = said {
        assert!(said.contains("--gpu-architecture=compute_100"), "{said}");
    }
}

#[test]
fn what_cannot_be_compiled_or_loaded_is_named() {
    let test = "what_cannot_be_compiled_or_loaded_is_named";
    for variable in ["FAKE_BAD_SOURCE", "FAKE_BAD_IMAGE"] {
        with_fakes(test, &[(variable, "1")], || {
            let device = Device::cuda(&SECOND).unwrap();
            let error = message(device.load(&[Module::Ntt]));
            let known = [
                "NVRTC could not compile module ntt for sm_90: NVRTC_ERROR_COMPILATION: error: a typo".to_string(),
                format!(
                    "module ntt could not be loaded on {}: CUDA_ERROR_FAKE (fake error 209)",
                    device.describe()
                ),
            ];
            let bad_image = usize::from(std::env::var_os("FAKE_BAD_IMAGE").is_some());
            assert!(error.starts_with(&known[bad_image]), "{error}");
        });
    }
}

#[test]
fn an_unknown_kernel_is_named() {
    with_fakes("an_unknown_kernel_is_named", &[], || {
        let device = Device::cuda(&SECOND).unwrap();
        let stream = device.stream().unwrap();
        let error = message(stream.launch(
            Module::DeviceTest,
            "no_such",
            Grid::covering(1, 32),
            args![],
        ));
        assert!(
            error.contains("device_test") && error.contains("no kernel no_such"),
            "{error}"
        );
    });
}

#[test]
fn a_fault_on_the_card_is_an_error_at_the_next_wait() {
    with_fakes(
        "a_fault_on_the_card_is_an_error_at_the_next_wait",
        &[("FAKE_FAULT", "1")],
        faulting_launch,
    );
}

fn faulting_launch() {
    let device = Device::cuda(&SECOND).unwrap();
    let stream = device.stream().unwrap();
    let launched = stream.launch(
        Module::DeviceTest,
        "bounded",
        Grid::covering(64, 64),
        args![],
    );
    let fault = "CUDA_ERROR_ILLEGAL_ADDRESS (fake error 700)";
    if std::env::var_os("TRIFOLD_SYNCHRONIZE_LAUNCHES").is_some() {
        let expected = format!(
            "kernel device_test::bounded (1 x 64, 0 bytes shared): work on the card failed: {fault}"
        );
        assert_eq!(message(launched), expected);
    } else {
        launched.unwrap();
        assert_eq!(
            message(stream.synchronize()),
            format!("work on a stream failed: {fault}")
        );
    }
    std::process::exit(0); // a card that has faulted releases nothing any more
}

#[test]
fn with_synchronized_launches_a_fault_names_its_kernel() {
    let environment = [("FAKE_FAULT", "1"), ("TRIFOLD_SYNCHRONIZE_LAUNCHES", "1")];
    with_fakes(
        "with_synchronized_launches_a_fault_names_its_kernel",
        &environment,
        faulting_launch,
    );
}

#[test]
fn a_foreign_libcuda_is_refused_by_what_it_lacks() {
    const TEST: &str = "a_foreign_libcuda_is_refused_by_what_it_lacks";
    if std::env::var_os(CHILD).is_some() {
        let expected = "loading libcuda failed: it has no cuCtxGetStreamPriorityRange";
        return assert_eq!(message(Device::cards()), expected);
    }
    let folder = tempfile::tempdir().unwrap();
    fakes(folder.path());
    std::fs::copy(
        folder.path().join("libnvrtc.so"),
        folder.path().join("libcuda.so"),
    )
    .unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", TEST, "--nocapture"])
        .env(CHILD, "1")
        .env("LD_LIBRARY_PATH", folder.path());
    let output = child.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}
