//! The device layer on every device that is here: launches, warp services, atomics, carry chains, copies, and what must fail.

use ark_ff::BigInt;
use rand::{Rng, SeedableRng, rngs::StdRng};
use trifold_kernels::{
    Argument, Device, DeviceError, EmulatorConfig, Grid, Module, Stream, args, test_devices,
};

const MODULE: Module = Module::DeviceTest;

fn grid(blocks: u32, threads: u32, shared_bytes: u32) -> Grid {
    Grid {
        blocks,
        threads,
        shared_bytes,
    }
}

/// Launches a kernel that must not fail, and waits for it.
fn run(stream: &Stream, kernel: &'static str, grid: Grid, arguments: &[Argument]) {
    stream.launch(MODULE, kernel, grid, arguments).unwrap();
    stream.synchronize().unwrap();
}

fn on_every_device(test: impl Fn(&Device, &Stream)) {
    for device in test_devices() {
        test(&device, &device.stream().unwrap());
    }
}

/// Emulated cards that run blocks and threads in other orders, and blocks on two host threads.
fn permuted_emulators() -> Vec<Device> {
    let config = |seed, threads| EmulatorConfig {
        seed,
        threads,
        ..EmulatorConfig::default()
    };
    [(0, 1), (1, 1), (2, 2), (3, 3)]
        .map(|(seed, threads)| Device::emulator_with(config(seed, threads)).unwrap())
        .into()
}

fn launch_reason(result: Result<(), DeviceError>) -> String {
    match result {
        Err(DeviceError::Launch { reason, .. }) => reason,
        other => panic!("expected a launch error, got {other:?}"),
    }
}

#[test]
fn a_launch_covers_every_element_once() {
    on_every_device(|device, stream| {
        let words: Vec<u32> = (0..1000).collect();
        let input = device.upload(&words).unwrap();
        let output = device.alloc::<u32>(1000).unwrap();
        let grid = Grid::covering(1000, 64);
        run(
            stream,
            "add_word",
            grid,
            args![&input, 7u32, &output, 1000u64],
        );
        assert_eq!(output.download().unwrap(), (7..1007).collect::<Vec<u32>>());
    });
}

#[test]
fn blocks_sum_through_shared_memory_and_atomics() {
    let sum_on = |device: &Device| {
        let stream = device.stream().unwrap();
        let words: Vec<u32> = (0..5000).map(|i| i * 3).collect();
        let input = device.upload(&words).unwrap();
        let sum = device.alloc_zeroed::<u64>(1).unwrap();
        let grid = Grid::covering(5000, 256).with_shared_bytes(256 * 4);
        stream
            .launch(MODULE, "block_sum", grid, args![&input, 5000u64, &sum])
            .unwrap();
        assert_eq!(
            sum.download().unwrap(),
            [words.iter().map(|word| u64::from(*word)).sum::<u64>()]
        );
    };
    test_devices()
        .iter()
        .chain(&permuted_emulators())
        .for_each(sum_on);
}

/// What `warp_services` answers to one lane, given what all lanes bring.
fn warp_answers(lanes: &[u32], lane: usize) -> [u32; 8] {
    let ballot = |vote: &dyn Fn(u32) -> bool| {
        lanes
            .iter()
            .enumerate()
            .map(|(index, value)| u32::from(vote(*value)) << index)
            .sum::<u32>()
    };
    let own = lanes[lane];
    let any = u32::from(lanes.contains(&7)) + 2 * u32::from(lanes.iter().all(|value| *value < 100));
    [
        ballot(&|value| value == own),
        ballot(&|value| value % 2 == 1),
        lanes[31 - lane],
        if lane >= 3 { lanes[lane - 3] } else { own },
        if lane < 29 { lanes[lane + 3] } else { own },
        lanes[lane ^ 1],
        lanes[7],
        any,
    ]
}

#[test]
fn warp_collectives_answer_as_a_card_does() {
    let mut random = StdRng::seed_from_u64(1);
    let mut words: Vec<u32> = (0..1024).map(|_| random.random_range(0..9)).collect();
    words[100] = 1000;
    let expected: Vec<u32> = words
        .chunks(32)
        .flat_map(|lanes| (0..32).flat_map(|lane| warp_answers(lanes, lane)))
        .collect();
    for device in test_devices().iter().chain(&permuted_emulators()) {
        let stream = device.stream().unwrap();
        let input = device.upload(&words).unwrap();
        let output = device.alloc::<u32>(8 * 1024).unwrap();
        run(
            &stream,
            "warp_services",
            grid(4, 256, 0),
            args![&input, &output],
        );
        assert_eq!(output.download().unwrap(), expected);
    }
}

#[test]
fn atomics_lose_nothing() {
    for device in test_devices().iter().chain(&permuted_emulators()) {
        let stream = device.stream().unwrap();
        let words = device
            .upload(&[0, 0, u32::MAX, 0, u32::MAX, 0, 0, 0, 0u32])
            .unwrap();
        let doubles = device.upload(&[0, 5u64]).unwrap();
        run(
            &stream,
            "atomic_services",
            grid(16, 64, 0),
            args![&words, &doubles],
        );
        let sum = 1023 * 1024 / 2;
        assert_eq!(
            words.download().unwrap(),
            [sum, 1023, 0, u32::MAX, 0, 1, 1, 1, 1]
        );
        let doubles = doubles.download().unwrap();
        assert_eq!(doubles[0], u64::from(sum) << 32);
        assert!(
            (6..=1024).contains(&doubles[1]),
            "thread 5 comes after some and before others: {}",
            doubles[1]
        );
    }
}

#[test]
fn bit_services_agree_with_rust() {
    on_every_device(|device, stream| {
        let mut random = StdRng::seed_from_u64(2);
        let mut words: Vec<u32> = (0..64).map(|_| random.random()).collect();
        words[..4].copy_from_slice(&[0, 1, u32::MAX, 1 << 31]);
        let input = device.upload(&words).unwrap();
        let output = device.alloc::<u32>(8 * 64).unwrap();
        run(
            stream,
            "bit_services",
            grid(1, 64, 0),
            args![&input, &output],
        );
        for (lane, (word, found)) in words
            .iter()
            .zip(output.download().unwrap().chunks(8))
            .enumerate()
        {
            let pair = u64::from(!word) << 32 | u64::from(*word);
            let first_set = if *word == 0 {
                0
            } else {
                word.trailing_zeros() + 1
            };
            let (left, right) = ((pair << 5 >> 32) as u32, (pair >> 5) as u32);
            let below = (1u32 << (lane % 32)) - 1;
            let bits = [
                word.leading_zeros(),
                word.count_ones(),
                word.reverse_bits(),
                first_set,
            ];
            assert_eq!(found, [&bits[..], &[left, right, below, *word]].concat());
        }
    });
}

fn limbs(words: &[u32]) -> BigInt<4> {
    let limb = |pair: usize| u64::from(words[2 * pair + 1]) << 32 | u64::from(words[2 * pair]);
    BigInt([limb(0), limb(1), limb(2), limb(3)])
}

#[test]
fn carry_chains_are_exact() {
    use ark_ff::BigInteger;
    on_every_device(|device, stream| {
        let mut random = StdRng::seed_from_u64(3);
        let edges = [0, 1, u32::MAX, u32::MAX - 1, 1 << 31];
        let words: Vec<u32> = (0..16 * 256)
            .map(|_| {
                if random.random() {
                    random.random()
                } else {
                    edges[random.random_range(0..edges.len())]
                }
            })
            .collect();
        let input = device.upload(&words).unwrap();
        let output = device.alloc::<u32>(23 * 256).unwrap();
        run(
            stream,
            "carry_chains",
            grid(4, 64, 0),
            args![&input, &output],
        );
        for (case, found) in words.chunks(16).zip(output.download().unwrap().chunks(23)) {
            let (a, b) = (limbs(&case[..8]), limbs(&case[8..]));
            let (mut sum, mut difference) = (a, a);
            let carry = sum.add_with_carry(&b);
            let borrow = difference.sub_with_borrow(&b);
            assert_eq!((limbs(&found[..8]), found[8]), (sum, u32::from(carry)));
            assert_eq!(
                (limbs(&found[9..17]), found[17]),
                (difference, if borrow { u32::MAX } else { 0 })
            );
            let mut short_b = b;
            short_b.0[2..].fill(0);
            let product = a.mul_low(&short_b);
            let low = [product.0[0], product.0[1], product.0[2] & 0xffff_ffff];
            assert_eq!(limbs(&[&found[18..], &[0, 0, 0]].concat()).0[..3], low);
        }
    });
}

#[test]
fn the_emulator_names_what_a_card_leaves_undefined() {
    for device in permuted_emulators() {
        let stream = device.stream().unwrap();
        let output = device.alloc::<u32>(64).unwrap();
        let launch = |kernel| {
            let launched = stream.launch(MODULE, kernel, grid(2, 64, 256), args![&output]);
            launch_reason(launched.and_then(|()| stream.synchronize()))
        };
        let barrier = launch("divergent_barrier");
        assert!(
            barrier.contains("divergent barrier") && barrier.contains("for 32 threads"),
            "{barrier}"
        );
        let warp = launch("divergent_warp");
        assert!(
            warp.contains("divergent warp_ballot") && warp.contains("for 1 threads"),
            "{warp}"
        );
        let two = launch("two_barriers");
        assert!(two.contains("others wait"), "{two}");
        stream
            .launch(MODULE, "bounded", grid(1, 64, 0), args![&output])
            .unwrap();
        assert_eq!(
            output.download().unwrap(),
            [64; 64],
            "a failed block leaves no trace in the next"
        );
    }
}

#[test]
fn another_seed_shows_a_missing_barrier() {
    let found = [0, 1].map(|seed| {
        let device = Device::emulator_with(EmulatorConfig {
            seed,
            ..EmulatorConfig::default()
        })
        .unwrap();
        let output = device.alloc::<u32>(64).unwrap();
        let stream = device.stream().unwrap();
        stream
            .launch(MODULE, "order_dependent", grid(1, 64, 256), args![&output])
            .unwrap();
        output.download().unwrap()
    });
    assert_ne!(found[0], found[1]);
}

#[test]
fn a_wrong_launch_is_refused_and_named() {
    let device = Device::emulator().unwrap();
    let stream = device.stream().unwrap();
    let output = device.alloc::<u32>(64).unwrap();
    let error = stream
        .launch(MODULE, "no_such", grid(1, 32, 0), args![])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "kernel device_test::no_such (1 x 32, 0 bytes shared): there is no such kernel"
    );
    let refused =
        |grid, arguments: &[_]| launch_reason(stream.launch(MODULE, "bounded", grid, arguments));
    assert!(refused(grid(1, 32, 0), args![&output, 1u32]).contains("\"pw\", the parameters \"p\""));
    assert!(refused(grid(1, 32, 0), args![1u64]).contains("\"d\", the parameters \"p\""));
    assert!(refused(grid(1, 128, 0), args![&output]).contains("bound to 64"));
    assert!(refused(grid(1, 33, 0), args![&output]).contains("whole warps"));
    assert!(refused(grid(1, 0, 0), args![&output]).contains("whole warps"));
    assert!(refused(grid(1, 2048, 0), args![&output]).contains("at most 1024"));
    assert!(
        refused(grid(1, 32, (99 << 10) + 1), args![&output])
            .contains("101376 bytes of shared memory")
    );
    assert_eq!(
        stream.launch(MODULE, "bounded", grid(0, 32, 0), args![&output]),
        Ok(())
    );
}

#[test]
fn a_block_gets_all_the_shared_memory_it_asks_for() {
    on_every_device(|device, stream| {
        let bytes = device.limits().shared_bytes_per_block;
        let kept = device.alloc_zeroed::<u32>(1).unwrap();
        run(
            stream,
            "fill_shared",
            grid(3, 1024, bytes),
            args![&kept, bytes / 4],
        );
        assert_eq!(kept.download().unwrap(), [3 * (bytes / 4)]);
    });
}

#[test]
fn memory_runs_out_in_an_error_and_comes_back() {
    let device = Device::emulator_with(EmulatorConfig {
        memory_bytes: 1000,
        ..EmulatorConfig::default()
    })
    .unwrap();
    let first = device.alloc::<u64>(100).unwrap();
    let error = device.alloc::<u32>(51).unwrap_err();
    assert_eq!(
        error,
        DeviceError::OutOfMemory {
            wanted_bytes: 204,
            free_bytes: 200
        }
    );
    assert!(error.is_out_of_memory());
    assert!(
        device
            .alloc::<u64>(usize::MAX / 4)
            .unwrap_err()
            .is_out_of_memory()
    );
    assert_eq!(device.memory().unwrap().free_bytes, 200);
    drop(first);
    assert_eq!(device.memory().unwrap().free_bytes, 1000);
    assert!(device.alloc::<u32>(250).is_ok());
}

#[test]
fn a_card_that_cannot_give_so_much_says_how_much_it_has() {
    on_every_device(|device, _| {
        let wanted = 1usize << 46;
        match device.alloc::<u8>(wanted).unwrap_err() {
            DeviceError::OutOfMemory {
                wanted_bytes,
                free_bytes,
            } => {
                assert_eq!(wanted_bytes, wanted as u64);
                assert!(free_bytes > 0 && free_bytes < wanted_bytes);
            }
            other => panic!("{other}"),
        }
    });
}

#[test]
fn copies_carry_every_byte_both_ways() {
    on_every_device(|device, stream| {
        let words: Vec<u32> = (0..3000).map(|i| i * 7).collect();
        let mut host = device.pinned::<u32>(3000).unwrap();
        assert_eq!(host.as_slice().unwrap(), [0; 3000]);
        host.as_mut_slice().unwrap().copy_from_slice(&words);
        let buffer = device.alloc::<u32>(3000).unwrap();
        let other = device.alloc_zeroed::<u32>(3000).unwrap();
        stream.copy_in(&buffer, &mut host).unwrap();
        host.as_mut_slice().unwrap().fill(1);
        stream
            .copy(
                other.slice(1000..2000).unwrap(),
                buffer.slice(0..1000).unwrap(),
            )
            .unwrap();
        stream.copy_out(&mut host, &other).unwrap();
        let expected = [&[0; 1000], &words[..1000], &[0; 1000]].concat();
        assert_eq!(host.as_slice().unwrap(), expected);
        stream.fill_zero(other.slice(1500..1600).unwrap()).unwrap();
        stream
            .copy_in_slice(other.slice(0..2).unwrap(), &[5, 6])
            .unwrap();
        let mut expected = expected;
        expected[1500..1600].fill(0);
        expected[..2].copy_from_slice(&[5, 6]);
        assert_eq!(other.download().unwrap(), expected);
        assert_eq!(
            other.slice(1000..1003).unwrap().download().unwrap(),
            words[..3]
        );
    });
}

#[test]
fn lengths_and_ranges_are_checked() {
    let device = Device::emulator().unwrap();
    let stream = device.stream().unwrap();
    let buffer = device.alloc::<u32>(10).unwrap();
    let mut host = device.pinned::<u32>(9).unwrap();
    let length =
        |result: Result<(), DeviceError>| matches!(result, Err(DeviceError::Length { .. }));
    assert!(length(stream.copy_in(&buffer, &mut host)));
    assert!(length(stream.copy_out(&mut host, &buffer)));
    assert!(length(stream.copy_in_slice(&buffer, &[0; 11])));
    assert!(length(stream.copy(&buffer, buffer.slice(0..3).unwrap())));
    let overlap = stream.copy(buffer.slice(0..5).unwrap(), buffer.slice(4..9).unwrap());
    assert!(matches!(overlap, Err(DeviceError::Driver { .. })));
    #[allow(clippy::reversed_empty_ranges)]
    for range in [0..11, 11..11, 6..5] {
        assert!(matches!(
            buffer.slice(range),
            Err(DeviceError::Range { len: 10, .. })
        ));
    }
    let inner = buffer.slice(2..5).unwrap();
    assert!(inner.slice(0..4).is_err());
    assert_eq!(inner.slice(3..3).unwrap().len(), 0);
}

#[test]
fn empty_buffers_are_nothing_special() {
    on_every_device(|device, stream| {
        let empty = device.upload::<u64>(&[]).unwrap();
        let mut host = device.pinned::<u64>(0).unwrap();
        stream.copy_in(&empty, &mut host).unwrap();
        stream.copy_out(&mut host, &empty).unwrap();
        stream.copy(&empty, &empty).unwrap();
        stream.fill_zero(&empty).unwrap();
        assert!(
            device
                .alloc_zeroed::<u64>(0)
                .unwrap()
                .download()
                .unwrap()
                .is_empty()
        );
    });
}

#[test]
fn streams_and_events_order_work() {
    on_every_device(|device, stream| {
        let second = device.stream_high_priority().unwrap();
        let input = device.upload(&[1u32; 4096]).unwrap();
        let middle = device.alloc::<u32>(4096).unwrap();
        let output = device.alloc::<u32>(4096).unwrap();
        let grid = Grid::covering(4096, 128);
        stream
            .launch(
                MODULE,
                "add_word",
                grid,
                args![&input, 1u32, &middle, 4096u64],
            )
            .unwrap();
        let event = stream.record().unwrap();
        second.wait(&event).unwrap();
        second
            .launch(
                MODULE,
                "add_word",
                grid,
                args![&middle, 1u32, &output, 4096u64],
            )
            .unwrap();
        let done = second.record().unwrap();
        done.synchronize().unwrap();
        assert!(done.is_reached().unwrap() && event.is_reached().unwrap());
        assert_eq!(output.download().unwrap(), [3; 4096]);
    });
}

#[test]
fn a_device_serves_many_host_threads() {
    on_every_device(|device, _| {
        std::thread::scope(|scope| {
            for word in 0..4u32 {
                let device = device.clone();
                scope.spawn(move || {
                    let stream = device.stream().unwrap();
                    let buffer = device.upload(&[word; 2048]).unwrap();
                    let grid = Grid::covering(2048, 64);
                    for _ in 0..20 {
                        stream
                            .launch(
                                MODULE,
                                "add_word",
                                grid,
                                args![&buffer, 1u32, &buffer, 2048u64],
                            )
                            .unwrap();
                    }
                    stream.synchronize().unwrap();
                    assert_eq!(buffer.download().unwrap(), [word + 20; 2048]);
                });
            }
        });
    });
}

/// A card whose streams do nothing until somebody waits for them.
fn lazy_card() -> Device {
    Device::emulator_with(EmulatorConfig {
        deferred: true,
        ..EmulatorConfig::default()
    })
    .unwrap()
}

#[test]
fn a_lazy_card_shows_a_missing_wait_between_streams() {
    let device = lazy_card();
    let sum = |waits: bool| {
        let (first, second) = (device.stream().unwrap(), device.stream().unwrap());
        let input = device.upload(&[1u32; 64]).unwrap();
        let middle = device.alloc_zeroed::<u32>(64).unwrap();
        let output = device.alloc::<u32>(64).unwrap();
        let mut host = device.pinned::<u32>(64).unwrap();
        let grid = Grid::covering(64, 64);
        first
            .launch(
                MODULE,
                "add_word",
                grid,
                args![&input, 1u32, &middle, 64u64],
            )
            .unwrap();
        let event = first.record().unwrap();
        if waits {
            second.wait(&event).unwrap();
        }
        second
            .launch(
                MODULE,
                "add_word",
                grid,
                args![&middle, 1u32, &output, 64u64],
            )
            .unwrap();
        second.copy_out(&mut host, &output).unwrap();
        host.as_slice().unwrap()[0]
    };
    assert_eq!((sum(false), sum(true)), (1, 3));
}

#[test]
fn nothing_goes_before_the_work_that_uses_it() {
    let device = lazy_card();
    let output = device.alloc_zeroed::<u32>(64).unwrap();
    {
        let stream = device.stream().unwrap();
        let input = device.alloc::<u32>(64).unwrap();
        let mut host = device.pinned::<u32>(64).unwrap();
        host.as_mut_slice().unwrap().fill(5);
        stream.copy_in(&input, &mut host).unwrap();
        stream
            .launch(
                MODULE,
                "add_word",
                Grid::covering(64, 64),
                args![&input, 1u32, &output, 64u64],
            )
            .unwrap();
    }
    assert_eq!(output.download().unwrap(), [6; 64]);
}

#[test]
fn page_locked_memory_waits_for_its_copies() {
    let device = lazy_card();
    let stream = device.stream().unwrap();
    let [first, second] = [1u32, 2].map(|word| {
        let buffer = device.alloc::<u32>(8).unwrap();
        let mut host = device.pinned::<u32>(8).unwrap();
        host.as_mut_slice().unwrap().fill(word);
        stream.copy_in(&buffer, &mut host).unwrap();
        host.as_mut_slice().unwrap().fill(9);
        buffer
    });
    assert_eq!(
        (first.download().unwrap()[0], second.download().unwrap()[0]),
        (1, 2)
    );
    let event = stream.record().unwrap();
    stream.fill_zero(&first).unwrap();
    let later = stream.record().unwrap();
    assert!(
        event.is_reached().unwrap(),
        "an idle stream is where its events are"
    );
    while !later.is_reached().unwrap() {}
    assert_eq!(first.download().unwrap(), [0; 8]);
}

#[test]
fn a_fault_shows_at_the_next_wait_and_names_its_kernel() {
    let device = lazy_card();
    let stream = device.stream().unwrap();
    let output = device.alloc::<u32>(64).unwrap();
    stream
        .launch(MODULE, "divergent_barrier", grid(1, 64, 0), args![&output])
        .unwrap();
    let error = stream.synchronize().unwrap_err();
    assert!(
        error.to_string().contains("device_test::divergent_barrier"),
        "{error}"
    );
    assert_eq!(stream.synchronize(), Ok(()));
}

/// Writes one word behind a buffer of ten.
#[cfg(feature = "sanitize")]
fn write_out_of_bounds() {
    let device = Device::emulator().unwrap();
    let stream = device.stream().unwrap();
    let buffer = device.upload(&[1u32; 10]).unwrap();
    let large = device.upload(&[1u32; 11]).unwrap();
    let _ = stream.launch(
        MODULE,
        "add_word",
        grid(1, 32, 0),
        args![&large, 1u32, &buffer, 11u64],
    );
}

#[cfg(feature = "sanitize")]
#[test]
fn the_sanitizer_ends_a_kernel_that_leaves_its_buffer() {
    const CHILD: &str = "TRIFOLD_TEST_OUT_OF_BOUNDS";
    if std::env::var_os(CHILD).is_some() {
        return write_out_of_bounds();
    }
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child
        .args([
            "--exact",
            "the_sanitizer_ends_a_kernel_that_leaves_its_buffer",
            "--nocapture",
        ])
        .env(CHILD, "1");
    let output = child.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success()
            && said.contains("heap-buffer-overflow")
            && said.contains("add_word"),
        "{said}"
    );
}
