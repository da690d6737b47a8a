//! Each stage of a multiplication by itself, against a slow and obvious version.

#[path = "support/points.rs"]
mod points;
mod support;

use ark_bn254::{Fq, Fr, G1Projective};
use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::{AdditiveGroup, BigInt, BigInteger, Field, PrimeField};
use ark_std::rand::{Rng, SeedableRng, rngs::StdRng};
use points::{Oracle, fq_bytes};
use support::{bytes, emulator, random};
use trifold_kernels::msm::{
    Bases, G1, G2, Groups, MsmConfig, MsmDemand, MsmPlan, MsmScratch, ScalarMap, Scalars,
};
use trifold_kernels::{
    Buffer, Device, FieldBytes, G1Affine, G1Jacobian, G1Xyzz, Grid, Module, Zeroable, args,
    test_devices,
};

fn plan(points: usize, batch: u32, window_bits: u32, tables: u32) -> MsmPlan {
    let demand = MsmDemand {
        points,
        batch,
        density: 1.0,
        groups: Groups::Both,
        table_bytes: u64::MAX,
    };
    let config = MsmConfig {
        window_bits: Some(window_bits),
        tables: Some(tables),
        ..MsmConfig::default()
    };
    MsmPlan::new(&demand, &config).unwrap()
}

/// The pairs of the scalars, [batch][points], sorted.
fn pairs(device: &Device, plan: &MsmPlan, scalars: &[Fr], batch: u32) -> Vec<(u32, u32)> {
    let stream = device.stream().unwrap();
    let needs = plan
        .scratch_needs(batch, Groups::G1, device.limits().multiprocessors)
        .unwrap();
    let mut scratch = MsmScratch::new(device, needs).unwrap();
    let map = ScalarMap::identity(device, plan.points()).unwrap();
    let values = device
        .upload(&scalars.iter().map(bytes).collect::<Vec<_>>())
        .unwrap();
    let scalars = Scalars {
        values: values.as_slice(),
        stride: plan.points(),
        batch,
    };
    let pairs = scratch.sort(&stream, plan, &map, scalars).unwrap();
    stream.synchronize().unwrap();
    pairs.download().unwrap()
}

/// Scalars from their pairs: [batch][points].
fn recomposed(plan: &MsmPlan, pairs: &[(u32, u32)], batch: u32) -> Vec<Fr> {
    let (n, buckets) = (plan.points() as u32, 1 << (plan.window_bits() - 1));
    let mut scalars = vec![Fr::ZERO; (n * batch) as usize];
    for (key, value) in pairs {
        let (group, size) = (key / buckets, key % buckets + 1);
        let (proof, set) = (group / plan.sets(), group % plan.sets());
        let (table, point) = ((value & 0x7fff_ffff) / n, (value & 0x7fff_ffff) % n);
        let window = u64::from(table * plan.sets() + set);
        let digit = Fr::from(size) * Fr::from(2).pow([window * u64::from(plan.window_bits())]);
        let digit = if value >> 31 == 1 { -digit } else { digit };
        scalars[(proof * n + point) as usize] += digit;
    }
    scalars
}

#[test]
fn digits_recompose_to_the_scalars() {
    let half = -Fr::ONE / Fr::from(2);
    let mut edges = vec![
        Fr::ZERO,
        Fr::ONE,
        -Fr::ONE,
        half,
        half + Fr::ONE,
        -Fr::from(2),
    ];
    edges.extend((0..254).map(|bit| Fr::from(2).pow([bit])));
    edges.extend((0..254).map(|bit| Fr::from(2).pow([bit]) - Fr::ONE));
    edges.extend(random(86, 1));
    for device in test_devices() {
        for (window_bits, tables) in [(3, 1), (5, 7), (8, 1), (13, 5), (16, 16), (22, 12)] {
            let plan = plan(edges.len() / 2, 2, window_bits, tables);
            let pairs = pairs(&device, &plan, &edges, 2);
            assert_eq!(
                recomposed(&plan, &pairs, 2),
                edges,
                "window of {window_bits} bits"
            );
        }
    }
}

#[test]
fn small_scalars_have_few_pairs() {
    let scalars = [
        Fr::ZERO,
        Fr::ONE,
        -Fr::ONE,
        Fr::from(128),
        -Fr::from(128),
        Fr::from(129),
    ];
    let device = emulator(0);
    let pairs = pairs(&device, &plan(6, 1, 8, 4), &scalars, 1);
    assert_eq!(pairs.len(), 1 + 1 + 1 + 1 + 2);
}

fn is_sorted(pairs: &[(u32, u32)]) -> bool {
    pairs.windows(2).all(|pair| pair[0].0 <= pair[1].0)
}

/// Runs the passes of a sort as `MsmScratch::sort` does, on any pairs.
fn sorted(device: &Device, pairs: &[(u32, u32)], passes: &[u32]) -> Vec<(u32, u32)> {
    let (tile, n) = (4096, pairs.len());
    let tiles = n.div_ceil(tile) as u32 + 1; // one more than are needed, as a host that does not know the number
    let (keys, values): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
    let mut from: [Buffer<u32>; 2] = [
        device.upload(&keys).unwrap(),
        device.upload(&values).unwrap(),
    ];
    let mut to: [Buffer<u32>; 2] = [device.alloc(n).unwrap(), device.alloc(n).unwrap()];
    let count = device.upload(&[n as u32]).unwrap();
    let radix = 1 << passes.iter().max().unwrap();
    let counts = device.alloc::<u32>(radix * tiles as usize).unwrap();
    let totals = device.alloc::<u32>(radix).unwrap();
    let stream = device.stream().unwrap();
    let mut shift = 0;
    for bits in passes {
        let radix = 1_u32 << bits;
        let launch = |kernel, blocks, words: u32, arguments: &[_]| {
            let grid = Grid {
                blocks,
                threads: 256,
                shared_bytes: words * 4,
            };
            stream
                .launch(Module::Sort, kernel, grid, arguments)
                .unwrap();
        };
        launch(
            "sort_count",
            tiles,
            radix,
            args![&from[0], &count, shift, *bits, &counts],
        );
        launch("sort_scan", radix, 8, args![&counts, &totals, &count]);
        let arguments = args![
            &from[0], &from[1], &count, shift, *bits, &counts, &totals, &to[0], &to[1]
        ];
        launch(
            "sort_scatter",
            tiles,
            9 * radix + 2 * tile as u32 + 8,
            arguments,
        );
        std::mem::swap(&mut from, &mut to);
        shift += bits;
    }
    stream.synchronize().unwrap();
    from[0]
        .download()
        .unwrap()
        .into_iter()
        .zip(from[1].download().unwrap())
        .collect()
}

/// Values are the places before the sort: a stable sort is the only one that agrees.
#[test]
fn sort_is_stable_for_any_distribution() {
    let mut rng = StdRng::seed_from_u64(4);
    for device in test_devices() {
        for n in [1, 257, 4096, 4097, 9000] {
            let mut key = |kind: u32, i: u32| match kind {
                0 => rng.gen_range(0..1 << 19),
                1 => 7,
                2 => n as u32 - i,
                _ => (1 << 19) - 1 - u32::from(i.is_multiple_of(50)) * rng.gen_range(0..1 << 19),
            };
            for kind in 0..4 {
                let pairs: Vec<_> = (0..n as u32).map(|i| (key(kind, i), i)).collect();
                let mut expected = pairs.clone();
                expected.sort_by_key(|(key, _)| *key);
                // A block for each digit is much to emulate: the widest pass once.
                let passes: &[u32] = if n == 4097 && kind == 3 {
                    &[10, 9]
                } else {
                    &[6, 3, 5, 5]
                };
                let agrees = sorted(&device, &pairs, passes) == expected;
                assert!(agrees, "{n} pairs of kind {kind}, {passes:?}");
            }
        }
    }
}

#[test]
fn sorted_pairs_are_sorted() {
    for device in test_devices() {
        let scalars = random(2000, 3);
        let plan = plan(1000, 2, 9, 3);
        let pairs = pairs(&device, &plan, &scalars, 2);
        assert!(is_sorted(&pairs));
        assert_eq!(recomposed(&plan, &pairs, 2), scalars);
    }
}

fn xyzz_to_point(point: &G1Xyzz) -> G1Projective {
    // Lazy coordinates are below 2p.
    let reduce = |bytes: &FieldBytes| {
        let mut value = BigInt(bytes.0);
        if value >= Fq::MODULUS {
            value.sub_with_borrow(&Fq::MODULUS);
        }
        Fq::new_unchecked(value)
    };
    let (zz, zzz) = (reduce(&point.zz), reduce(&point.zzz));
    match (zz.inverse(), zzz.inverse()) {
        (Some(zz), Some(zzz)) => {
            ark_bn254::G1Affine::new(reduce(&point.x) * zz, reduce(&point.y) * zzz).into()
        }
        _ => G1Projective::ZERO,
    }
}

struct Accumulation<'a> {
    device: &'a Device,
    points: Vec<G1Projective>,
    buckets: usize,
    chunk_threads: u32,
    min_pairs: u32,
    /// Threads of a block that folds.
    block: u32,
}

impl Accumulation<'_> {
    /// The buckets that the kernels make of sorted pairs.
    fn run(&self, pairs: &[(u32, u32)]) -> Vec<G1Projective> {
        let (device, stream) = (self.device, self.device.stream().unwrap());
        let (keys, values): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
        let points: Vec<G1Affine> = self.points.iter().map(G1::to_device).collect();
        let (keys, values) = (
            device.upload(&keys).unwrap(),
            device.upload(&values).unwrap(),
        );
        let points = device.upload(&points).unwrap();
        let count = device.upload(&[pairs.len() as u32]).unwrap();
        let buckets = device.alloc_zeroed::<G1Xyzz>(self.buckets).unwrap();
        let chunks = (pairs.len() as u32)
            .div_ceil(self.min_pairs)
            .min(self.chunk_threads)
            .max(1);
        let slots = 2 * chunks as usize;
        let partial_keys = [
            device.alloc::<u32>(slots).unwrap(),
            device.alloc::<u32>(slots).unwrap(),
        ];
        let partials = [
            device.alloc::<G1Xyzz>(slots).unwrap(),
            device.alloc::<G1Xyzz>(slots).unwrap(),
        ];
        let (threads, min) = (self.chunk_threads, self.min_pairs);
        let arguments = args![
            &points,
            &keys,
            &values,
            &count,
            threads,
            min,
            &buckets,
            &partial_keys[0],
            &partials[0]
        ];
        stream
            .launch(
                Module::MsmG1,
                "msm_accumulate",
                Grid::covering(chunks.into(), 64),
                arguments,
            )
            .unwrap();
        let (mut left, mut level) = (2 * chunks, 0_u32);
        loop {
            let shared_bytes = self.block * 128 + (self.block + 3) * 4;
            let grid = Grid {
                blocks: left.div_ceil(self.block),
                threads: self.block,
                shared_bytes,
            };
            let (a, b) = (level as usize % 2, 1 - level as usize % 2);
            let arguments = args![
                &count,
                threads,
                min,
                level,
                &partial_keys[a],
                &partials[a],
                &partial_keys[b],
                &partials[b],
                &buckets,
            ];
            stream
                .launch(Module::MsmG1, "msm_combine", grid, arguments)
                .unwrap();
            if grid.blocks <= 1 {
                break;
            }
            (left, level) = (2 * grid.blocks, level + 1);
        }
        stream.synchronize().unwrap();
        buckets
            .download()
            .unwrap()
            .iter()
            .map(xyzz_to_point)
            .collect()
    }

    fn expected(&self, pairs: &[(u32, u32)]) -> Vec<G1Projective> {
        let mut buckets = vec![G1Projective::ZERO; self.buckets];
        for (key, value) in pairs {
            let point = self.points[(value & 0x7fff_ffff) as usize];
            buckets[*key as usize] += if value >> 31 == 1 { -point } else { point };
        }
        buckets
    }
}

/// Buckets of every length beside each other: inside a chunk, over two, over hundreds of chunks and several levels of folding.
#[test]
fn buckets_of_any_length() {
    let mut rng = StdRng::seed_from_u64(5);
    let lengths: [&[usize]; 6] = [
        &[1],
        &[5000],
        &[1, 4000, 1],
        &[3; 600],
        &[100, 1, 1, 700, 2, 33, 32, 31],
        &[0, 0, 64, 0, 64, 128, 0, 1],
    ];
    for device in test_devices() {
        for (chunk_threads, min_pairs, block) in [
            (10_000, 1, 32),
            (10_000, 4, 32),
            (64, 2, 128),
            (10_000, 8, 64),
            (3, 1, 32),
        ] {
            let points = G1::random(50, 6);
            for lengths in lengths {
                let all = Accumulation {
                    device: &device,
                    points: points.clone(),
                    buckets: lengths.len(),
                    chunk_threads,
                    min_pairs,
                    block,
                };
                let of_bucket = |(key, length): (usize, &usize)| vec![key as u32; *length];
                let keys = lengths.iter().enumerate().flat_map(of_bucket);
                let pairs: Vec<_> = keys
                    .map(|key| {
                        (
                            key,
                            rng.gen_range(0..50) | u32::from(rng.gen_bool(0.5)) << 31,
                        )
                    })
                    .collect();
                assert!(
                    all.run(&pairs) == all.expected(&pairs),
                    "{lengths:?}, {chunk_threads}, {min_pairs}, {block}"
                );
            }
        }
    }
}

/// Sums of bits against the sum of (b + 1) B_b.
#[test]
fn reduction_weighs_buckets_by_their_index() {
    for device in test_devices() {
        let stream = device.stream().unwrap();
        for (row_bits, column_bits, groups) in [(1, 1, 3), (2, 1, 1), (4, 3, 2), (5, 5, 1)] {
            let (bits, size) = (row_bits + column_bits, 1_usize << (row_bits + column_bits));
            let mut points = G1::random(groups as usize * size, 3);
            points
                .iter_mut()
                .step_by(3)
                .for_each(|point| *point = G1Projective::ZERO);
            let xyzz = |point: &G1Projective| {
                let affine = G1::to_device(point);
                let one = fq_bytes(&Fq::ONE);
                let finite = affine != G1Affine::default();
                if finite {
                    G1Xyzz {
                        x: affine.x,
                        y: affine.y,
                        zz: one,
                        zzz: one,
                    }
                } else {
                    G1Xyzz::zeroed()
                }
            };
            let buckets = device
                .upload(&points.iter().map(xyzz).collect::<Vec<_>>())
                .unwrap();
            let lines_of_group = (1_u32 << row_bits) + (1 << column_bits);
            let lines = device
                .alloc::<G1Xyzz>((groups * lines_of_group) as usize)
                .unwrap();
            let sums = device
                .alloc::<G1Jacobian>((groups * (bits + 1)) as usize)
                .unwrap();
            let grid = Grid::covering(u64::from(groups * lines_of_group) * 32, 128)
                .with_shared_bytes(128 * 128);
            let arguments = args![&buckets, row_bits, column_bits, groups, &lines];
            stream
                .launch(Module::MsmG1, "msm_lines", grid, arguments)
                .unwrap();
            let grid = Grid {
                blocks: groups * (bits + 1),
                ..grid
            };
            stream
                .launch(
                    Module::MsmG1,
                    "msm_bits",
                    grid,
                    args![&lines, row_bits, column_bits, &sums],
                )
                .unwrap();
            stream.synchronize().unwrap();
            let sums: Vec<_> = sums
                .download()
                .unwrap()
                .iter()
                .map(G1::from_jacobian)
                .collect();
            for (points, sums) in points.chunks(size).zip(sums.chunks(bits as usize + 1)) {
                let weighed = points
                    .iter()
                    .enumerate()
                    .map(|(b, point)| *point * Fr::from(b as u64 + 1));
                let of_bit = |(bit, sum): (usize, &G1Projective)| {
                    *sum * if bit == bits as usize {
                        Fr::ONE
                    } else {
                        Fr::from(1_u64 << bit)
                    }
                };
                let found: G1Projective = sums.iter().enumerate().map(of_bit).sum();
                assert_eq!(
                    found,
                    weighed.sum::<G1Projective>(),
                    "{row_bits} {column_bits}"
                );
            }
        }
    }
}

fn tables_agree<G: Oracle>(device: &Device, n: usize, window_bits: u32, tables: u32) {
    let stream = device.stream().unwrap();
    let plan = plan(n, 1, window_bits, tables);
    let points = G::random(n, 4);
    let affine: Vec<_> = points.iter().map(G::to_device).collect();
    let found = Bases::<G>::new(device, &stream, &affine, &plan)
        .unwrap()
        .download()
        .unwrap();
    let mut expected = points;
    for table in found.chunks(n) {
        let affine = G::Point::normalize_batch(&expected);
        let table: Vec<_> = table
            .iter()
            .map(|point| G::from_affine(point).into_affine())
            .collect();
        assert_eq!(table, affine);
        let factor = <G::Point as PrimeGroup>::ScalarField::from(2)
            .pow([u64::from(window_bits * plan.sets())]);
        expected.iter_mut().for_each(|point| *point *= factor);
    }
}

#[test]
fn tables_are_multiples() {
    for device in test_devices() {
        tables_agree::<G1>(&device, 1, 16, 16);
        tables_agree::<G1>(&device, 50, 20, 13);
        tables_agree::<G1>(&device, 33, 13, 3);
        tables_agree::<G2>(&device, 20, 17, 15);
        tables_agree::<G2>(&device, 35, 13, 2);
    }
}
