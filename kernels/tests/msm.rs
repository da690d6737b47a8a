//! Multi-scalar multiplication against arkworks: scalars and points of every awkward kind, windows, tables, batches.

#[path = "support/multiplication.rs"]
mod multiplication;
#[path = "support/points.rs"]
mod points;
mod support;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use multiplication::{
    Prepared, UNLIMITED, agrees, config, demand, devices_and_a_late_one, scratch, to_device,
};
use points::Oracle;
use support::{emulator, random, upload};
use trifold_kernels::msm::{
    Bases, G1, G2, Groups, MsmConfig, MsmDemand, MsmError, MsmPlan, MsmScratch, MsmSums, ScalarMap,
    Scalars, StreamedBases,
};
use trifold_kernels::{Device, test_devices};

/// Scalars that stress digits, signs and the balance of buckets.
fn awkward(n: usize) -> Vec<(&'static str, Vec<Fr>)> {
    let half = -Fr::ONE / Fr::from(2);
    let power = |i: usize| Fr::from(2).pow([(i % 254) as u64]);
    let cycle = |values: &[Fr]| values.iter().copied().cycle().take(n).collect::<Vec<_>>();
    vec![
        ("dense", random(n, 3)),
        ("all zero", vec![Fr::ZERO; n]),
        ("all one", vec![Fr::ONE; n]),
        ("all -1", vec![-Fr::ONE; n]),
        ("all equal", vec![random(2, 5)[1]; n]),
        ("0, 1, -1", cycle(&[Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::ONE])),
        ("powers of two", (0..n).map(power).collect()),
        ("minus powers of two", (0..n).map(|i| -power(i)).collect()),
        (
            "around half",
            cycle(&[half, half + Fr::ONE, half - Fr::ONE]),
        ),
        (
            "few dense",
            (0..n)
                .map(|i| {
                    if i % 7 == 0 {
                        random(2, i as u64)[1]
                    } else {
                        Fr::from(i as u64 % 2)
                    }
                })
                .collect(),
        ),
    ]
}

#[test]
fn awkward_scalars() {
    for device in test_devices() {
        for (window_bits, tables) in [(4, 16), (7, 37), (8, 8)] {
            let mut all =
                Prepared::<G1>::new(&device, G1::random(200, 1), 1, config(window_bits, tables));
            awkward(200)
                .iter()
                .for_each(|(what, scalars)| all.agrees(scalars, what));
        }
    }
}

#[test]
fn awkward_scalars_in_g2() {
    for device in test_devices() {
        let mut all = Prepared::<G2>::new(&device, G2::random(60, 1), 1, config(6, 43));
        awkward(60)
            .iter()
            .for_each(|(what, scalars)| all.agrees(scalars, what));
    }
}

/// Equal and opposite points meet in one bucket: sums double, vanish, and go on after they vanished.
#[test]
fn awkward_points() {
    fn check<G: Oracle>(device: &Device, config: MsmConfig) {
        let (some, n) = (G::random(4, 9), 70);
        let (p, q) = (some[0], some[1]);
        let cycle =
            |points: &[G::Point]| points.iter().copied().cycle().take(n).collect::<Vec<_>>();
        let lists = [
            cycle(&[p]),
            cycle(&[p, p, -p, q]),
            cycle(&[p, -p, -p, p, q, -q]),
        ];
        for points in lists {
            let mut all = Prepared::<G>::new(device, points, 1, config);
            all.agrees(&vec![Fr::ONE; n], "all one");
            all.agrees(&vec![random(2, 1)[1]; n], "all equal");
            all.agrees(&random(n, 2), "dense");
        }
    }
    for device in test_devices() {
        check::<G1>(&device, config(6, 22));
        check::<G1>(
            &device,
            MsmConfig {
                min_chunk_pairs: 3,
                ..config(7, 19)
            },
        );
        check::<G2>(&device, config(5, 51));
    }
}

#[test]
fn every_number_of_points() {
    for device in test_devices() {
        for n in [0, 1, 31, 32, 33, 256, 257, 1000] {
            agrees::<G1>(&device, n, MsmConfig::default());
        }
        for n in [0, 1, 33, 100] {
            agrees::<G2>(&device, n, MsmConfig::default());
        }
    }
}

/// Everything that may be chosen; also chunks shorter and longer than a bucket, and sorts of one to three passes.
#[test]
fn every_geometry() {
    for device in test_devices() {
        for (window_bits, tables) in [(3, 1), (4, 9), (7, 3), (7, 128), (11, 2), (12, 5)] {
            agrees::<G1>(&device, 50, config(window_bits, tables));
        }
        for (chunk_waves, min_chunk_pairs, sort_bits) in
            [(1, 1, 1), (1, 2, 4), (4, 17, 8), (1, 1000, 10), (9, 64, 3)]
        {
            agrees::<G1>(
                &device,
                50,
                MsmConfig {
                    chunk_waves,
                    min_chunk_pairs,
                    sort_bits,
                    ..config(8, 2)
                },
            );
        }
    }
}

/// Every chunk has many pairs, and partial sums take several levels, as with millions of points on a card.
#[test]
fn many_pairs_for_each_thread() {
    use trifold_kernels::EmulatorConfig;
    let small = EmulatorConfig {
        multiprocessors: 1,
        ..EmulatorConfig::default()
    };
    let device = Device::emulator_with(small).unwrap();
    let config = MsmConfig {
        chunk_waves: 1,
        ..config(5, 51)
    };
    let mut all = Prepared::<G1>::new(&device, G1::random(700, 8), 1, config);
    all.agrees(&random(700, 8), "dense");
    all.agrees(&vec![-Fr::from(31); 700], "equal");
}

#[test]
fn batches() {
    for device in devices_and_a_late_one() {
        let points = G1::random(120, 4);
        for (batch, tables) in [(2, 9), (3, 64), (13, 22)] {
            let mut scalars = random(120 * batch as usize, 7);
            scalars[120..240].fill(Fr::ZERO);
            let found = Prepared::<G1>::new(&device, points.clone(), batch, config(6, tables))
                .multiply(&scalars, batch);
            let expected: Vec<_> = scalars
                .chunks(120)
                .map(|scalars| G1::multiply(&points, scalars))
                .collect();
            assert_eq!(found, expected, "batch of {batch}");
        }
    }
}

/// The same sort for a list in G1 and one in G2, a map with gaps and repetitions, a smaller batch than everything was made
/// for, and the scratch used again.
#[test]
fn one_sort_for_both_groups() {
    let (n, stride, batch) = (90, 150, 3);
    let indices: Vec<u32> = (0..n as u32).map(|i| (i * 7 + 3) % 149).collect();
    let (in_g1, in_g2) = (G1::random(n, 5), G2::random(n, 6));
    for device in devices_and_a_late_one() {
        let stream = device.stream().unwrap();
        let plan = MsmPlan::new(&demand(n, batch, Groups::Both), &config(8, 3)).unwrap();
        let map = ScalarMap::new(&device, &indices).unwrap();
        let bases_g1 = Bases::<G1>::new(&device, &stream, &to_device::<G1>(&in_g1), &plan).unwrap();
        let bases_g2 = Bases::<G2>::new(&device, &stream, &to_device::<G2>(&in_g2), &plan).unwrap();
        let mut scratch = scratch(&device, &plan, batch, Groups::Both);
        let mut sums_g1 = MsmSums::new(&device, &plan, batch).unwrap();
        let mut sums_g2 = MsmSums::new(&device, &plan, batch).unwrap();
        for (batch, seed) in [(3, 1), (1, 2), (2, 3)] {
            let witnesses = random(stride * batch as usize, seed);
            let values = upload(&device, &witnesses);
            let scalars = Scalars {
                values: values.as_slice(),
                stride,
                batch,
            };
            let pairs = scratch.sort(&stream, &plan, &map, scalars).unwrap();
            pairs.multiply(&bases_g1, &mut sums_g1).unwrap();
            pairs.multiply(&bases_g2, &mut sums_g2).unwrap();
            let of_points = |witness: &[Fr]| {
                indices
                    .iter()
                    .map(|i| witness[*i as usize])
                    .collect::<Vec<_>>()
            };
            let lists: Vec<_> = witnesses.chunks(stride).map(of_points).collect();
            let expected: Vec<_> = lists
                .iter()
                .map(|scalars| G1::multiply(&in_g1, scalars))
                .collect();
            assert_eq!(sums_g1.fold(G1::from_jacobian).unwrap(), expected);
            let expected: Vec<_> = lists
                .iter()
                .map(|scalars| G2::multiply(&in_g2, scalars))
                .collect();
            assert_eq!(sums_g2.fold(G2::from_jacobian).unwrap(), expected);
        }
    }
}

#[test]
fn streamed_points() {
    for device in devices_and_a_late_one() {
        let stream = device.stream().unwrap();
        let plan = MsmPlan::new(&demand(64, 2, Groups::G1), &config(8, 1)).unwrap();
        let mut streamed = StreamedBases::<G1>::new(&device, &plan).unwrap();
        let mut scratch = scratch(&device, &plan, 2, Groups::G1);
        for n in [0, 5, 64, 150] {
            let (points, witnesses) = (G1::random(n, 8), random(2 * 400, 9));
            let indices: Vec<u32> = (0..n as u32).map(|i| 399 - i).collect();
            let values = upload(&device, &witnesses);
            let scalars = Scalars {
                values: values.as_slice(),
                stride: 400,
                batch: 2,
            };
            let sums = streamed
                .multiply(
                    &stream,
                    &mut scratch,
                    &to_device::<G1>(&points),
                    &indices,
                    scalars,
                )
                .unwrap();
            assert_eq!(sums.len(), n.div_ceil(64));
            let pieces: Vec<_> = sums
                .iter()
                .map(|sums| sums.fold(G1::from_jacobian).unwrap())
                .collect();
            for (proof, witness) in witnesses.chunks(400).enumerate() {
                let found: ark_bn254::G1Projective = pieces.iter().map(|piece| piece[proof]).sum();
                let scalars: Vec<_> = indices.iter().map(|i| witness[*i as usize]).collect();
                assert_eq!(found, G1::multiply(&points, &scalars), "{n} points");
            }
        }
    }
}

/// Blocks and threads in other orders, and on two host threads: nothing may depend on them.
#[test]
fn every_order() {
    use trifold_kernels::EmulatorConfig;
    for seed in 1..5 {
        let device = Device::emulator_with(EmulatorConfig {
            seed,
            threads: 2,
            ..Default::default()
        })
        .unwrap();
        agrees::<G1>(&device, 200, config(7, 10));
        agrees::<G2>(&device, 40, config(4, 32));
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = emulator(0);
    let stream = device.stream().unwrap();
    let plan = MsmPlan::new(&demand(10, 1, Groups::G1), &config(8, 1)).unwrap();
    let points = to_device::<G1>(&G1::random(10, 1));

    let mut with_infinity = points.clone();
    with_infinity[7] = Default::default();
    let error = Bases::<G1>::new(&device, &stream, &with_infinity, &plan).unwrap_err();
    assert_eq!(error, MsmError::Infinity { index: 7 });
    assert!(matches!(
        Bases::<G1>::new(&device, &stream, &points[1..], &plan),
        Err(MsmError::Length { .. })
    ));
    assert!(matches!(
        MsmPlan::new(&demand(10, 1, Groups::G1), &config(2, 1)),
        Err(MsmError::Window { .. })
    ));
    assert!(matches!(
        MsmPlan::new(&demand(10, 1, Groups::G1), &config(23, 1)),
        Err(MsmError::Window { .. })
    ));
    assert!(matches!(
        MsmPlan::new(&demand(1 << 31, 1, Groups::G1), &config(8, 1)),
        Err(MsmError::Limit { .. })
    ));
    assert!(matches!(
        MsmPlan::new(&demand(1 << 28, 64, Groups::G1), &config(8, 1)),
        Err(MsmError::Limit { .. })
    ));

    let map = ScalarMap::identity(&device, 10).unwrap();
    let values = upload(&device, &random(20, 1));
    let mut scratch = scratch(&device, &plan, 1, Groups::G1);
    let short = Scalars {
        values: values.slice(0..9).unwrap(),
        stride: 10,
        batch: 1,
    };
    assert!(matches!(
        scratch.sort(&stream, &plan, &map, short),
        Err(MsmError::Length { .. })
    ));
    let two = Scalars {
        values: values.as_slice(),
        stride: 10,
        batch: 2,
    };
    assert!(matches!(
        scratch.sort(&stream, &plan, &map, two),
        Err(MsmError::Limit { .. })
    ));

    let other = MsmPlan::new(&demand(10, 1, Groups::G1), &config(8, 2)).unwrap();
    let bases = Bases::<G1>::new(&device, &stream, &points, &other).unwrap();
    let mut sums = MsmSums::new(&device, &plan, 1).unwrap();
    let one = Scalars {
        values: values.as_slice(),
        stride: 10,
        batch: 1,
    };
    let pairs = scratch.sort(&stream, &plan, &map, one).unwrap();
    assert!(matches!(
        pairs.multiply(&bases, &mut sums),
        Err(MsmError::Length { .. })
    ));
}

/// What a plan says that it takes is what is allocated.
#[test]
fn bytes_are_counted() {
    let device = emulator(0);
    let stream = device.stream().unwrap();
    let (used, free) = (
        || device.memory().unwrap().free_bytes,
        device.memory().unwrap().free_bytes,
    );
    let plan = MsmPlan::new(&demand(100, 3, Groups::Both), &config(9, 5)).unwrap();
    let needs = plan
        .scratch_needs(3, Groups::Both, device.limits().multiprocessors)
        .unwrap();
    let scratch = MsmScratch::new(&device, needs).unwrap();
    assert_eq!(free - used(), needs.bytes());
    assert_eq!(scratch.bytes(), needs.bytes());
    let before = used();
    let bases = Bases::<G2>::new(
        &device,
        &stream,
        &to_device::<G2>(&G2::random(100, 1)),
        &plan,
    )
    .unwrap();
    assert_eq!(before - used(), plan.table_bytes::<G2>());
    assert_eq!(bases.bytes(), plan.table_bytes::<G2>());
}

/// The budget bounds the tables; the points alone are always allowed.
#[test]
fn the_budget_bounds_the_tables() {
    let plan = |table_bytes| {
        let demand = MsmDemand {
            points: 1 << 20,
            batch: 1,
            density: 1.0,
            groups: Groups::Both,
            table_bytes,
        };
        MsmPlan::new(&demand, &MsmConfig::default()).unwrap()
    };
    assert_eq!(plan(UNLIMITED).sets(), 1);
    assert_eq!(plan(0).tables(), 1);
    for budget in [300 << 20, 500 << 20, 900 << 20, 2 << 30] {
        let plan = plan(budget);
        assert!(
            plan.table_bytes::<G1>() + plan.table_bytes::<G2>() <= budget,
            "{plan:?}"
        );
        assert!(plan.tables() * plan.sets() >= plan.windows());
    }
}

/// A scratch for many proofs serves fewer, for which the sort may have longer passes.
#[test]
fn scratch_grows_with_the_batch() {
    let config = MsmConfig {
        sort_bits: 8,
        ..config(9, 64)
    };
    let plan = MsmPlan::new(&demand(50, 64, Groups::Both), &config).unwrap();
    let needs = |batch| plan.scratch_needs(batch, Groups::Both, 4).unwrap();
    for batch in 0..64 {
        assert_eq!(
            needs(batch).max(needs(batch + 1)),
            needs(batch + 1),
            "batch of {batch}"
        );
    }
}
