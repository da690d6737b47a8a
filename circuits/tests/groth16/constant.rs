//! A key that the circuit contains: its plan, its tables, what is accepted and what is refused.

use crate::support::{
    Instance, check, constant_plan, honest_but, order, snarkjs, synthetic, verdict,
};
use ark_bn254::{Fq, Fr, G1Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, Field, One, PrimeField, Zero};
use num_bigint::BigUint;
use sha2::{Digest, Sha256};
use trifold_circuits::groth16::advice::{Numbers, advise_dishonestly};
use trifold_circuits::groth16::curve::Point;
use trifold_circuits::groth16::digits::{digit_bits, digit_words};
use trifold_circuits::groth16::fixed_base::{self, DIGIT_BITS, WINDOW_BITS, WINDOWS};
use trifold_circuits::groth16::input_point::InputPoint;
use trifold_circuits::groth16::layout::Layout;
use trifold_circuits::groth16::oracle::{self, Claim, Refusal};
use trifold_circuits::groth16::plan::PolynomialBounds;
use trifold_circuits::groth16::{
    AdviceError, ConstantKey, Mode, Params, Plan, PlanError, Slot, advise, generate,
};

fn accepted(instance: &Instance, skipped_words: usize) -> Result<(), Refusal> {
    let (plan, key) = (constant_plan(instance, 1), instance.prepared());
    let mut tamper = |_: usize, _: &mut _| {};
    let mut deviation = honest_but(&mut tamper);
    deviation.skipped_words = skipped_words;
    let slots = [instance.slot()];
    let inputs = advise_dishonestly(&plan, &[&key], &slots, &[0], &mut deviation).unwrap();
    check(&plan, &inputs, &key, &[instance.x])
}

#[test]
fn honest_proofs_are_accepted() {
    for instance in [snarkjs(), synthetic(20), synthetic(21)] {
        let (plan, key) = (constant_plan(&instance, 1), instance.prepared());
        let inputs = advise(&plan, &[&key], &[instance.slot()], &[0]).unwrap();
        assert_eq!(check(&plan, &inputs, &key, &[instance.x]), Ok(()));
        assert!(inputs.get("vkw").is_none());
    }
}

#[test]
fn two_proofs_and_an_empty_slot() {
    let instance = snarkjs();
    let (plan, key) = (constant_plan(&instance, 2), instance.prepared());
    let other = Fr::from(9u64);
    let empty = Slot {
        x: other,
        proof: None,
    };
    for (second, x, active) in [
        (instance.slot(), instance.x, [true, true]),
        (empty, other, [true, false]),
    ] {
        let inputs = advise(&plan, &[&key], &[instance.slot(), second], &[0, 0]).unwrap();
        let x = [instance.x, x];
        let digests = [key.digest()];
        let claim = |active| Claim {
            x: &x,
            active,
            digests: &digests,
            key_of: &[0, 0],
        };
        assert_eq!(oracle::check(&plan, &inputs, &claim(&active)), Ok(()));
        let others = [[true, !active[1]], [false, active[1]]];
        for others in &others {
            assert_ne!(oracle::check(&plan, &inputs, &claim(others)), Ok(()));
        }
    }
}

/// A third of all inputs have two digit words below 2^254, the others one.
fn with_two_words() -> Instance {
    let two = |instance: &Instance| digit_words(instance.x, DIGIT_BITS).count() == 2;
    (0..50).map(synthetic).find(two).unwrap()
}

#[test]
fn every_digit_word_of_an_input_gives_the_same_point() {
    let instance = with_two_words();
    let key = ConstantKey::new(&instance.key).unwrap();
    let words: Vec<BigUint> = digit_words(instance.x, DIGIT_BITS).collect();
    let [ic0, ic1] = instance.key.gamma_abc_g1[..] else {
        panic!("two points")
    };
    let expected = (ic1 * instance.x + ic0).into_affine();
    for word in &words {
        let windows = fixed_base::windows(&digit_bits(word, DIGIT_BITS));
        let places = windows.iter().zip(key.tables());
        let entries: Vec<Point<_>> = places
            .map(|(&(entry, positive), table)| table[entry].signed(positive))
            .collect();
        let point = InputPoint::new(Mode::Constant, &entries, key.prepared().ic0()).unwrap();
        assert_eq!((point.v.x, point.v.y), (expected.x, expected.y));
    }
}

#[test]
fn every_digit_word_is_accepted() {
    let instance = with_two_words();
    for skipped in 0..2 {
        assert_eq!(accepted(&instance, skipped), Ok(()), "{skipped}");
    }
}

/// Entry e of window i is `(2e + 1) 2^(7i) IC1`, against arkworks.
#[test]
fn tables_are_odd_multiples() {
    let instance = synthetic(22);
    let key = ConstantKey::new(&instance.key).unwrap();
    let ic1 = instance.key.gamma_abc_g1[1];
    let sizes: Vec<usize> = key.tables().iter().map(Vec::len).collect();
    assert_eq!(
        (sizes.len(), sizes[0], sizes[35], sizes[36]),
        (WINDOWS, 64, 64, 2)
    );
    for (window, table) in key.tables().iter().enumerate() {
        for entry in [0, 1, table.len() / 2, table.len() - 1] {
            let factor = Fr::from(2 * entry as u64 + 1)
                * Fr::from(2u64).pow([(WINDOW_BITS * window) as u64]);
            let expected = (ic1 * factor).into_affine();
            let point = table[entry];
            assert_eq!(
                (point.x, point.y),
                (expected.x, expected.y),
                "{window} {entry}"
            );
        }
    }
}

/// No sum before the last window reaches r, so that no addition before it needs an inverse: a sum of the windows below i
/// is odd and less than `2^(7i)`, the least entry of window i.
#[test]
fn only_the_last_window_can_meet_the_sum() {
    let widths = fixed_base::widths();
    let one = || BigUint::from(1u32);
    assert_eq!(
        (widths.len(), widths.iter().sum::<usize>()),
        (WINDOWS, DIGIT_BITS)
    );
    let mut sum = BigUint::ZERO;
    for (window, width) in widths.iter().enumerate() {
        let least = one() << (WINDOW_BITS * window);
        assert!(sum < least);
        sum += ((one() << *width) - 1u32) * least;
        assert_eq!(sum < order::<Fr>(), window + 1 < WINDOWS, "{window}");
    }
}

fn plus(point: G1Affine) -> G1Affine {
    (point + G1Affine::generator()).into_affine()
}

#[test]
fn false_statements_are_refused() {
    let honest = snarkjs();
    let (plan, key) = (constant_plan(&honest, 1), honest.prepared());
    type Change = fn(&mut Instance);
    let changes: [Change; 4] = [
        |i| i.x += Fr::one(),
        |i| i.proof.a = plus(i.proof.a),
        |i| i.proof.c = plus(i.proof.c),
        |i| i.proof = synthetic(1).proof,
    ];
    for change in changes {
        let mut instance = snarkjs();
        change(&mut instance);
        let error = advise(&plan, &[&key], &[instance.slot()], &[0]).unwrap_err();
        assert_eq!(error, AdviceError::Invalid { slot: 0 });
        let refused = verdict(&plan, &key, &[instance.slot()]);
        assert!(matches!(refused, Err(Refusal::Group(_))), "{refused:?}");
    }
}

#[test]
fn an_input_of_zero_and_one_that_meets_ic0() {
    let mut zero = snarkjs();
    zero.x = Fr::zero();
    let mut meeting = synthetic(5);
    meeting.key.gamma_abc_g1[0] = (meeting.key.gamma_abc_g1[1] * meeting.x).into_affine();
    for (instance, expected) in [
        (zero, AdviceError::ZeroInput { slot: 0 }),
        (meeting, AdviceError::DegenerateInput { slot: 0 }),
    ] {
        let (plan, key) = (constant_plan(&instance, 1), instance.prepared());
        let error = advise(&plan, &[&key], &[instance.slot()], &[0]).unwrap_err();
        assert_eq!(error, expected);
    }
}

/// The circuit contains its key: neither proofs under another key nor a claim about one.
#[test]
fn another_key_is_refused() {
    let (first, second) = (synthetic(10), synthetic(11));
    let (plan, key, other) = (
        constant_plan(&first, 1),
        first.prepared(),
        second.prepared(),
    );
    let error = advise(&plan, &[&other], &[second.slot()], &[0]).unwrap_err();
    assert_eq!(error, AdviceError::Key { slot: 0, key: 0 });
    let inputs = advise(&plan, &[&key], &[first.slot()], &[0]).unwrap();
    assert_eq!(
        check(&plan, &inputs, &other, &[first.x]),
        Err(Refusal::KeyDigest(0))
    );
    // Advice for the second key's circuit, in the first one's.
    let foreign_plan = constant_plan(&second, 1);
    let foreign = advise(&foreign_plan, &[&other], &[second.slot()], &[0]).unwrap();
    assert_ne!(check(&plan, &foreign, &key, &[second.x]), Ok(()));
    assert_ne!(plan.initial_value(), foreign_plan.initial_value());
}

#[test]
fn digits_of_another_input() {
    let instance = snarkjs();
    let (plan, key) = (constant_plan(&instance, 1), instance.prepared());
    let inputs = advise(&plan, &[&key], &[instance.slot()], &[0]).unwrap();
    let wrong = check(&plan, &inputs, &key, &[instance.x + Fr::one()]);
    assert_eq!(wrong, Err(Refusal::Digits(0)));
    for index in [0, 6, 7, 251, 252, 253] {
        let mut flipped = inputs.clone();
        let bit = &mut flipped.get_mut("e_bits").unwrap()[index];
        *bit = Fr::one() - *bit;
        let verdict = check(&plan, &flipped, &key, &[instance.x]);
        assert_eq!(verdict, Err(Refusal::Digits(0)), "{index}");
    }
}

#[test]
fn classes_fill_their_blocks() {
    let layout = Layout::new(Mode::Constant);
    let counts = [&layout.round1, &layout.round3, &layout.identities].map(|c| c.len());
    assert_eq!((counts, layout.key_words()), ([437, 222, 461], 0));
}

#[test]
fn plans_hold_and_refuse_broken_bounds() {
    let instance = snarkjs();
    let key = ConstantKey::new(&instance.key).unwrap();
    for proofs in 1..=2 {
        let plan = constant_plan(&instance, proofs);
        let bounds = PolynomialBounds::for_key(&key, &plan.layout, proofs);
        assert_eq!(plan.check(&bounds), Ok(()));
        for group in 0..plan.groups.len() {
            let mut narrow = plan.clone();
            *narrow.groups[group].carry_widths.last_mut().unwrap() -= 1;
            let refused = narrow.check(&bounds);
            assert!(matches!(refused, Err(PlanError::Carry { group: g, .. }) if g == group));
            let mut narrow = plan.clone();
            *narrow.groups[group].quotient_widths.last_mut().unwrap() -= 1;
            let refused = narrow.check(&bounds);
            assert!(matches!(refused, Err(PlanError::Quotient { group: g, .. }) if g == group));
            let mut wide = plan.clone();
            let changed = &mut wide.groups[group];
            changed.spacing += 1;
            let blocks = (changed.degree + 1).div_ceil(changed.spacing);
            changed.carry_widths = vec![254; blocks - 1];
            let refused = wide.check(&bounds);
            assert!(matches!(refused, Err(PlanError::Block { group: g, .. }) if g == group));
        }
    }
    let params = Params {
        coefficient_bits: 200,
        ..Params::DEPLOYED
    };
    let key = ConstantKey::with_params(&instance.key, params).unwrap();
    assert!(Plan::for_key(key, 1).is_err());
}

/// The bounds are those of this key: another key's constants are larger somewhere, smaller elsewhere.
#[test]
fn bounds_depend_on_the_key() {
    let layout = Layout::new(Mode::Constant);
    let bounds = [synthetic(30), synthetic(31)].map(|instance| {
        PolynomialBounds::for_key(&ConstantKey::new(&instance.key).unwrap(), &layout, 1)
    });
    let windows = layout.identities.range("window");
    for index in windows {
        assert_ne!(bounds[0].identity(index), bounds[1].identity(index));
    }
}

/// First, middle and last number of each class of each round, changed right after it is known.
#[test]
fn each_class_of_numbers_bites() {
    let instance = snarkjs();
    let (plan, key) = (constant_plan(&instance, 1), instance.prepared());
    let layout = &plan.layout;
    let round1 = ["points", "v", "m", "vinv", "c", "t", "l", "ck"];
    let round3 = [
        "az", "vmono", "cmono", "cz", "fr", "mz", "line", "n", "window",
    ];
    let samples = |round: usize, range: std::ops::Range<usize>| {
        let mut indices = vec![range.start, (range.start + range.end) / 2, range.end - 1];
        indices.dedup();
        indices.into_iter().map(move |index| (round, index))
    };
    let mut cases: Vec<(usize, usize)> = Vec::new();
    cases.extend(
        round1
            .iter()
            .flat_map(|name| samples(1, layout.round1.range(name))),
    );
    cases.extend([0, 5, 6, 138].map(|index| (2, index)));
    cases.extend(
        round3
            .iter()
            .flat_map(|name| samples(3, layout.round3.range(name))),
    );
    for (round, index) in cases {
        let mut tamper = |at: usize, numbers: &mut Numbers| {
            if at == round {
                let number = match round {
                    1 => &mut numbers.round1[0][index],
                    2 => &mut numbers.round2[index],
                    _ => &mut numbers.round3[0][index],
                };
                *number += Fq::one();
            }
        };
        let mut deviation = honest_but(&mut tamper);
        let slots = [instance.slot()];
        let inputs = advise_dishonestly(&plan, &[&key], &slots, &[0], &mut deviation).unwrap();
        let verdict = check(&plan, &inputs, &key, &[instance.x]);
        assert!(
            matches!(verdict, Err(Refusal::Group(_))),
            "round {round}, {index}: {verdict:?}"
        );
    }
}

#[test]
fn signals_changed_after_their_challenge() {
    let instance = snarkjs();
    let (plan, key) = (constant_plan(&instance, 1), instance.prepared());
    let inputs = advise(&plan, &[&key], &[instance.slot()], &[0]).unwrap();
    let names = [
        "u1",
        "u2",
        "u3s",
        "u3",
        "nonce",
        "r_limbs",
        "k_checked",
        "k_free",
    ];
    for name in names {
        let mut changed = inputs.clone();
        let values = changed.get_mut(name).unwrap();
        let middle = values.len() / 2;
        let even = values[middle].into_bigint().is_even();
        values[middle] += if even { Fr::one() } else { -Fr::one() };
        let verdict = check(&plan, &changed, &key, &[instance.x]);
        assert!(
            matches!(verdict, Err(Refusal::Group(_))),
            "{name}: {verdict:?}"
        );
    }
}

/// Divisions modulo r satisfy every group's equation, so only the widths of quotients and carries refuse them.
#[test]
fn quotients_modulo_r_are_too_wide() {
    let mut instance = snarkjs();
    instance.x += Fr::one();
    let (plan, key) = (constant_plan(&instance, 1), instance.prepared());
    let mut tamper = |_: usize, _: &mut Numbers| {};
    let mut deviation = honest_but(&mut tamper);
    deviation.divides_modulo_r = true;
    let slots = [instance.slot()];
    let inputs = advise_dishonestly(&plan, &[&key], &slots, &[0], &mut deviation).unwrap();
    let verdict = check(&plan, &inputs, &key, &[instance.x]);
    assert!(
        matches!(
            verdict,
            Err(Refusal::Range {
                name: "k_checked",
                ..
            })
        ),
        "{verdict:?}"
    );
}

/// SHA-256 of the numbers of round 1 for the snarkjs proof, in decimal, canonical, separated by single spaces; made by a
/// separate implementation of the scheme in Python that shares no code with this crate. They depend on no parameter.
const ROUND1_SHA256: &str = "3ffc48fad5d53f5f018baf186be4cb65e79e6a1b055708e34a4d79c223317365";

#[test]
fn numbers_of_round_1_are_those_of_a_separate_implementation() {
    let instance = snarkjs();
    let (plan, key) = (constant_plan(&instance, 1), instance.prepared());
    let mut round1 = Vec::new();
    let mut record = |round: usize, numbers: &mut Numbers| {
        if round == 1 {
            round1 = numbers.round1[0].iter().map(Fq::to_string).collect();
        }
    };
    let mut deviation = honest_but(&mut record);
    advise_dishonestly(&plan, &[&key], &[instance.slot()], &[0], &mut deviation).unwrap();
    let digest = Sha256::digest(round1.join(" "));
    assert_eq!(hex::encode(digest), ROUND1_SHA256);
}

/// As for keys that are read (`plan::plan_and_layout_are_frozen`), for the key of the snarkjs vectors.
#[test]
fn plan_and_layout_are_frozen() {
    let description = constant_plan(&snarkjs(), 1).description();
    assert_eq!(
        description.rsplit_once("plan=").unwrap().1,
        "d5e0a27e07e23c63417a2080159305368fed5c8ba5f47289ca12121e0a772c6c"
    );
}

/// The generated file has the plan and each of the key's constants, in the shapes that the circuit reads.
#[test]
fn the_generated_file_is_made_for_its_key() {
    let keys = [synthetic(1), synthetic(2)].map(|i| ConstantKey::new(&i.key).unwrap());
    let texts = keys.map(|key| generate::constant_key(&key, 1).unwrap());
    assert_ne!(texts[0], texts[1]);
    for text in &texts {
        let lines = |name: &str| {
            let start = text.find(&format!("function {name}() {{")).unwrap();
            let body = &text[start..][..text[start..].find("\n}").unwrap()];
            let rows = body.lines().filter(|line| line.matches(", ").count() == 16);
            rows.count()
        };
        assert_eq!(lines("g16_key_numbers"), 320);
        for window in 0..WINDOWS {
            assert_eq!(lines(&format!("g16_fixed_base_{window}")), 128);
        }
    }
}
