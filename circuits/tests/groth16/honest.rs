//! True statements are accepted, in every arrangement of slots and keys.

use crate::support::{check, honest_but, order, plan, snarkjs, synthetic};
use ark_bn254::Fr;
use ark_ff::{UniformRand, Zero};
use ark_std::test_rng;
use num_bigint::BigUint;
use trifold_circuits::groth16::advice::advise_dishonestly;
use trifold_circuits::groth16::comb::{DIGIT_BITS, columns};
use trifold_circuits::groth16::curve::Point;
use trifold_circuits::groth16::digits::{digit_bits, digit_words};
use trifold_circuits::groth16::input_point::InputPoint;
use trifold_circuits::groth16::oracle::{self, Claim, Refusal};
use trifold_circuits::groth16::{AdviceError, Mode, Slot, advise, flat};

#[test]
fn a_snarkjs_proof_is_accepted() {
    let instance = snarkjs();
    let (plan, key) = (plan(1), instance.prepared());
    let inputs = advise(&plan, &[&key], &[instance.slot()], &[0]).unwrap();
    assert_eq!(check(&plan, &inputs, &key, &[instance.x]), Ok(()));
}

#[test]
fn synthetic_proofs_are_accepted() {
    let plan = plan(1);
    for seed in 0..4 {
        let instance = synthetic(seed);
        let key = instance.prepared();
        let inputs = advise(&plan, &[&key], &[instance.slot()], &[0]).unwrap();
        assert_eq!(
            check(&plan, &inputs, &key, &[instance.x]),
            Ok(()),
            "seed {seed}"
        );
    }
}

#[test]
fn two_keys_in_one_circuit() {
    let (first, second) = (synthetic(10), synthetic(11));
    let (key0, key1) = (first.prepared(), second.prepared());
    let plan = plan(2);
    let inputs = advise(
        &plan,
        &[&key0, &key1],
        &[first.slot(), second.slot()],
        &[0, 1],
    )
    .unwrap();
    let x = [first.x, second.x];
    let digests = [key0.digest(), key1.digest()];
    let claim = Claim {
        x: &x,
        active: &[true; 2],
        digests: &digests,
        key_of: &[0, 1],
    };
    assert_eq!(oracle::check(&plan, &inputs, &claim), Ok(()));
    let swapped = Claim {
        key_of: &[1, 0],
        ..claim
    };
    assert_ne!(oracle::check(&plan, &inputs, &swapped), Ok(()));
    let foreign = Claim {
        digests: &[key1.digest(), key0.digest()],
        ..claim
    };
    assert_eq!(
        oracle::check(&plan, &inputs, &foreign),
        Err(Refusal::KeyDigest(0))
    );
    let error = advise(
        &plan,
        &[&key0, &key1],
        &[first.slot(), second.slot()],
        &[1, 0],
    );
    assert_eq!(error.unwrap_err(), AdviceError::Invalid { slot: 0 });
}

#[test]
fn an_inactive_slot_asks_for_nothing() {
    let instance = snarkjs();
    let key = instance.prepared();
    let plan = plan(3);
    let empty = |x| Slot { x, proof: None };
    let mut rng = test_rng();
    for others in [Fr::zero(), Fr::rand(&mut rng)] {
        let slots = [empty(others), instance.slot(), empty(others)];
        let inputs = advise(&plan, &[&key], &slots, &[0; 3]).unwrap();
        let x = slots.map(|slot| slot.x);
        let claim = Claim {
            x: &x,
            active: &[false, true, false],
            digests: &[key.digest()],
            key_of: &[0; 3],
        };
        assert_eq!(oracle::check(&plan, &inputs, &claim), Ok(()));
        for active in [[true, true, false], [false; 3], [true; 3]] {
            assert_ne!(
                oracle::check(
                    &plan,
                    &inputs,
                    &Claim {
                        active: &active,
                        ..claim
                    }
                ),
                Ok(())
            );
        }
    }
}

#[test]
fn no_slot_need_be_active() {
    let key = snarkjs().prepared();
    let plan = plan(1);
    let inputs = advise(
        &plan,
        &[&key],
        &[Slot {
            x: Fr::from(5u64),
            proof: None,
        }],
        &[0],
    )
    .unwrap();
    let claim = Claim {
        x: &[Fr::from(5u64)],
        active: &[false],
        digests: &[key.digest()],
        key_of: &[0],
    };
    assert_eq!(oracle::check(&plan, &inputs, &claim), Ok(()));
}

#[test]
fn every_digit_word_of_an_input_gives_the_same_point() {
    let instance = synthetic(3);
    let key = instance.prepared();
    let words: Vec<BigUint> = digit_words(instance.x, DIGIT_BITS).collect();
    assert!(words.len() >= 21, "{}", words.len());
    let point = |word: &BigUint| {
        let columns = columns(&digit_bits(word, DIGIT_BITS));
        let entry = |(entry, positive): (usize, bool)| key.comb()[entry].signed(positive);
        let entries: Vec<Point<_>> = columns.into_iter().map(entry).collect();
        InputPoint::new(Mode::Witness, &entries, key.ic0())
            .unwrap()
            .v
    };
    let expected = {
        let [ic0, ic1] = instance.key.gamma_abc_g1[..] else {
            panic!("two points")
        };
        ark_ec::CurveGroup::into_affine(ic1 * instance.x + ic0)
    };
    for point in words.iter().map(point) {
        assert_eq!((point.x, point.y), (expected.x, expected.y));
    }
}

#[test]
fn another_digit_word_is_accepted() {
    let instance = snarkjs();
    let (plan, key) = (plan(1), instance.prepared());
    for skipped_words in [1, 20] {
        let mut tamper = |_: usize, _: &mut _| {};
        let mut deviation = honest_but(&mut tamper);
        deviation.skipped_words = skipped_words;
        let inputs =
            advise_dishonestly(&plan, &[&key], &[instance.slot()], &[0], &mut deviation).unwrap();
        assert_eq!(check(&plan, &inputs, &key, &[instance.x]), Ok(()));
    }
}

#[test]
fn the_residue_witness_times_a_root_of_unity_is_accepted() {
    let instance = snarkjs();
    let (plan, key) = (plan(1), instance.prepared());
    let mut base = flat::one();
    base[1] = 7u64.into();
    let in_torus = flat::torus(&flat::power(&base, &flat::residue_order())).unwrap();
    assert_ne!(in_torus, flat::one());
    assert_eq!(
        flat::torus(&flat::power(&in_torus, &order::<Fr>())),
        Some(flat::one())
    );
    for (factor, accepted) in [(in_torus, true), (base, false)] {
        let mut tamper = |_: usize, _: &mut _| {};
        let mut deviation = honest_but(&mut tamper);
        deviation.witness_factor = factor;
        let inputs =
            advise_dishonestly(&plan, &[&key], &[instance.slot()], &[0], &mut deviation).unwrap();
        assert_eq!(check(&plan, &inputs, &key, &[instance.x]).is_ok(), accepted);
    }
}
