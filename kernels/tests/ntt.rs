//! Transforms against arkworks: every size, direction, order and tile, several vectors at once.

mod support;

use ark_bn254::Fr;
use ark_ff::FftField;
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use support::{bytes, download, emulator, emulator_with, random, upload};
use trifold_kernels::{
    Coset, Device, DeviceError, Direction, FieldBytes, MAX_TILE_LOG, MIN_TILE_LOG, Ntt, Order,
    test_devices,
};

const DIRECTIONS: [Direction; 2] = [Direction::Forward, Direction::Inverse];
const ORDERS: [Order; 2] = [Order::NaturalToReversed, Order::ReversedToNatural];

fn reversed(values: &[Fr]) -> Vec<Fr> {
    let bits = values.len().ilog2();
    let place = |i: usize| {
        if bits == 0 {
            0
        } else {
            i.reverse_bits() >> (usize::BITS - bits)
        }
    };
    (0..values.len()).map(|i| values[place(i)]).collect()
}

/// What arkworks makes of one vector.
fn expected(vector: &[Fr], direction: Direction, order: Order, shift: Option<Fr>) -> Vec<Fr> {
    let domain = Radix2EvaluationDomain::<Fr>::new(vector.len()).unwrap();
    let domain = shift.map_or(domain, |shift| domain.get_coset(shift).unwrap());
    let natural = if order == Order::NaturalToReversed {
        vector.to_vec()
    } else {
        reversed(vector)
    };
    let result = match direction {
        Direction::Forward => domain.fft(&natural),
        Direction::Inverse => domain.ifft(&natural),
    };
    if order == Order::NaturalToReversed {
        reversed(&result)
    } else {
        result
    }
}

fn agrees(
    device: &Device,
    ntt: &Ntt,
    log_n: u32,
    batch: usize,
    direction: Direction,
    order: Order,
    shift: Option<Fr>,
) {
    let values = random(batch << log_n, u64::from(log_n) + 1);
    let coset = shift.map(|shift| Coset::new(device, log_n, bytes(&shift)).unwrap());
    let stream = device.stream().unwrap();
    let data = upload(device, &values);
    ntt.transform(
        &stream,
        data.as_slice(),
        log_n,
        direction,
        order,
        coset.as_ref(),
    )
    .unwrap();
    stream.synchronize().unwrap();
    let found = download(&data);
    for (index, (found, vector)) in found
        .chunks(1 << log_n)
        .zip(values.chunks(1 << log_n))
        .enumerate()
    {
        assert!(
            found == expected(vector, direction, order, shift),
            "2^{log_n}, vector {index} of {batch}, {direction:?}, {order:?}, coset {shift:?}"
        );
    }
}

/// All four kinds of transforms, over the domain and over a coset.
fn agrees_in_all_ways(device: &Device, ntt: &Ntt, log_n: u32, batch: usize) {
    for (direction, order) in DIRECTIONS
        .into_iter()
        .flat_map(|direction| ORDERS.map(|order| (direction, order)))
    {
        for shift in [None, Some(Fr::GENERATOR)] {
            agrees(device, ntt, log_n, batch, direction, order, shift);
        }
    }
}

#[test]
fn sizes_up_to_2_11_agree_in_all_ways() {
    for device in test_devices() {
        let ntt = Ntt::new(&device, 14).unwrap();
        for log_n in 0..=11 {
            agrees_in_all_ways(&device, &ntt, log_n, 1);
        }
    }
}

#[test]
fn sizes_up_to_2_14_agree_with_the_tables_of_their_own_size() {
    for device in test_devices() {
        for log_n in 12..=14 {
            let ntt = Ntt::new(&device, log_n).unwrap();
            agrees_in_all_ways(&device, &ntt, log_n, 1);
        }
    }
}

#[test]
fn every_tile_and_size_of_table_agrees() {
    let device = emulator_with(0, 227 << 10);
    for tile_log in MIN_TILE_LOG..=MAX_TILE_LOG {
        for log_n in [tile_log - 1, tile_log, tile_log + 1, tile_log + 2] {
            let max_log_n = log_n + 3 * (log_n % 2);
            let ntt = Ntt::with_tile(&device, max_log_n, tile_log).unwrap();
            let direction = DIRECTIONS[log_n as usize / 2 % 2];
            let shift = [None, Some(Fr::from(7))][tile_log as usize % 2];
            for order in ORDERS {
                agrees(&device, &ntt, log_n, 2, direction, order, shift);
            }
        }
    }
}

#[test]
fn four_passes_agree() {
    let device = emulator(0);
    let ntt = Ntt::with_tile(&device, 10, MIN_TILE_LOG).unwrap();
    agrees_in_all_ways(&device, &ntt, 10, 2);
}

#[test]
fn vectors_that_do_not_fill_a_tile_agree() {
    for device in test_devices() {
        let ntt = Ntt::new(&device, 12).unwrap();
        for (log_n, batch) in [(0, 1000), (1, 3), (3, 5), (5, 77), (9, 3), (10, 5), (12, 3)] {
            agrees_in_all_ways(&device, &ntt, log_n, batch);
        }
    }
}

#[test]
fn the_order_of_threads_and_blocks_does_not_matter() {
    for seed in 1..=5 {
        let device = emulator(seed);
        let ntt = Ntt::with_tile(&device, 11, 7).unwrap();
        agrees_in_all_ways(&device, &ntt, 11, 2);
    }
}

#[test]
fn a_transform_of_2_16_agrees() {
    for device in test_devices() {
        let ntt = Ntt::new(&device, 16).unwrap();
        agrees(
            &device,
            &ntt,
            16,
            1,
            Direction::Inverse,
            Order::NaturalToReversed,
            None,
        );
        agrees(
            &device,
            &ntt,
            16,
            1,
            Direction::Forward,
            Order::ReversedToNatural,
            Some(Fr::GENERATOR),
        );
    }
}

#[test]
fn wrong_sizes_are_errors() {
    let device = emulator(0);
    let stream = device.stream().unwrap();
    assert!(matches!(
        Ntt::new(&device, 29),
        Err(DeviceError::Domain { log_n: 29, .. })
    ));
    let ntt = Ntt::new(&device, 4).unwrap();
    let data = device.alloc_zeroed::<FieldBytes>(24).unwrap();
    let transform = |log_n, coset| {
        ntt.transform(
            &stream,
            data.as_slice(),
            log_n,
            Direction::Forward,
            Order::NaturalToReversed,
            coset,
        )
    };
    assert!(matches!(
        transform(5, None),
        Err(DeviceError::Domain {
            log_n: 5,
            max_log_n: 4
        })
    ));
    assert!(matches!(
        transform(4, None),
        Err(DeviceError::Length {
            found: 24,
            expected: 32,
            ..
        })
    ));
    let coset = Coset::new(&device, 2, bytes(&Fr::GENERATOR)).unwrap();
    assert!(matches!(
        transform(3, Some(&coset)),
        Err(DeviceError::Domain { .. })
    ));
    assert!(transform(2, Some(&coset)).is_ok());
}
