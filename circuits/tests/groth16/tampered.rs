//! Every kind of committed value, challenge input, quotient and carry bites.

use crate::support::{check, honest_but, plan, snarkjs};
use ark_bn254::{Fq, Fr};
use ark_ff::{Field, One, PrimeField};
use trifold_circuits::groth16::advice::{Numbers, advise_dishonestly};
use trifold_circuits::groth16::layout::{POWERS, ROUND2_NUMBERS};
use trifold_circuits::groth16::oracle::{self, Claim, Refusal};
use trifold_circuits::groth16::{Plan, PreparedKey, advise};
use trifold_circuits::inputs::Inputs;

/// The verdict when the prover changes a number right after it is known and goes on from there.
fn with_number(
    plan: &Plan,
    key: &PreparedKey,
    round: usize,
    change: impl Fn(&mut Numbers),
) -> Result<(), Refusal> {
    let instance = snarkjs();
    let mut tamper = |at: usize, numbers: &mut Numbers| {
        if at == round {
            change(numbers);
        }
    };
    let mut deviation = honest_but(&mut tamper);
    let inputs =
        advise_dishonestly(plan, &[key], &[instance.slot()], &[0], &mut deviation).unwrap();
    check(plan, &inputs, key, &[instance.x])
}

/// First, middle and last member of each class.
fn samples(ranges: &[(&'static str, std::ops::Range<usize>)]) -> Vec<(&'static str, usize)> {
    let members = |(name, range): &(&'static str, std::ops::Range<usize>)| {
        let mut indices = vec![range.start, (range.start + range.end) / 2, range.end - 1];
        indices.dedup();
        indices
            .into_iter()
            .map(|index| (*name, index))
            .collect::<Vec<_>>()
    };
    ranges.iter().flat_map(members).collect()
}

#[test]
fn each_class_of_round_1() {
    let (plan, key) = (plan(1), snarkjs().prepared());
    let classes = ["points", "v", "vx", "vy", "m", "vinv", "c", "t", "l", "ck"];
    let ranges = classes.map(|name| (name, plan.layout.round1.range(name)));
    for (name, index) in samples(&ranges) {
        let verdict = with_number(&plan, &key, 1, |numbers| {
            numbers.round1[0][index] += Fq::one()
        });
        assert!(
            matches!(verdict, Err(Refusal::Group(_))),
            "{name} {index}: {verdict:?}"
        );
    }
}

#[test]
fn each_class_of_rounds_2_and_3() {
    let (plan, key) = (plan(1), snarkjs().prepared());
    for index in [0, 5, 6, 70, ROUND2_NUMBERS - 1] {
        let verdict = with_number(&plan, &key, 2, |numbers| numbers.round2[index] += Fq::one());
        assert_eq!(verdict, Err(Refusal::Group(0)), "{index}");
    }
    for index in [0, 10, 11, POWERS.len() - 1] {
        let verdict = with_number(&plan, &key, 3, |numbers| numbers.powers[index] += Fq::one());
        assert!(matches!(verdict, Err(Refusal::Group(_))), "{index}");
    }
    let classes = [
        "az", "vmono", "cmono", "cz", "fr", "mz", "line", "n", "window",
    ];
    let ranges = classes.map(|name| (name, plan.layout.round3.range(name)));
    for (name, index) in samples(&ranges) {
        let verdict = with_number(&plan, &key, 3, |numbers| {
            numbers.round3[0][index] += Fq::one()
        });
        assert!(
            matches!(verdict, Err(Refusal::Group(_))),
            "{name} {index}: {verdict:?}"
        );
    }
}

fn honest() -> (Plan, PreparedKey, Inputs, Fr) {
    let instance = snarkjs();
    let (plan, key) = (plan(1), instance.prepared());
    let inputs = advise(&plan, &[&key], &[instance.slot()], &[0]).unwrap();
    (plan, key, inputs, instance.x)
}

/// The verdict when one element of a signal is replaced after the fact.
fn with_element(name: &str, index: usize, change: impl Fn(Fr) -> Fr) -> Result<(), Refusal> {
    let (plan, key, mut inputs, x) = honest();
    let value = &mut inputs.get_mut(name).unwrap()[index];
    *value = change(*value);
    check(&plan, &inputs, &key, &[x])
}

#[test]
fn signals_changed_after_their_challenge() {
    let (plan, ..) = honest();
    let bump = |value: Fr| {
        if value.is_one() {
            value - Fr::one()
        } else {
            value + Fr::one()
        }
    };
    let free: usize = plan.groups.iter().map(|group| group.free_carries()).sum();
    let last = |name: &str| honest().2.get(name).unwrap().len() - 1;
    let cases = [
        ("u1", 17 * 100 + 3),
        ("u2", 17 * 7),
        ("u2", 17 * 3 + 16),
        ("u3s", 17 * 20),
        ("u3", 17 * 221 + 9),
        ("nonce", 0),
        ("r_limbs", 0),
        ("r_limbs", last("r_limbs")),
        ("k_checked", 5),
        ("k_checked", last("k_checked")),
        ("k_free", 0),
        ("k_free", free - 1),
    ];
    for (name, index) in cases {
        let verdict = with_element(name, index, bump);
        assert!(
            matches!(verdict, Err(Refusal::Group(_))),
            "{name}[{index}]: {verdict:?}"
        );
    }
}

#[test]
fn digits_and_words() {
    let flip = |value: Fr| Fr::one() - value;
    for index in [0, 42, 253, 257] {
        assert_eq!(with_element("e_bits", index, flip), Err(Refusal::Digits(0)));
    }
    for index in [0, 5, 197, 216, 1151] {
        let verdict = with_element("vkw", index, |value| value + Fr::one());
        assert_eq!(verdict, Err(Refusal::KeyDigest(0)));
    }
    let (plan, key, inputs, x) = honest();
    assert_eq!(
        check(&plan, &inputs, &key, &[x + Fr::one()]),
        Err(Refusal::Digits(0))
    );
}

#[test]
fn values_out_of_their_widths() {
    let two = Fr::from(2u64);
    let power = |bits: usize| two.pow([bits as u64]);
    let (plan, ..) = honest();
    let group = &plan.groups[1];
    let first = plan.groups[0].quotient_widths.len();
    let top = first + group.quotient_widths.len() - 1;
    let carry = plan.groups[0].carry_widths.len();
    let cases = [
        ("u1", 0, 15),
        ("u1", 16, 14),
        ("u2", 17 * 138 + 16, 14),
        ("u3s", 1, 15),
        ("u3", 33, 14),
        ("r_limbs", 0, 75),
        ("r_limbs", top, *group.quotient_widths.last().unwrap()),
        ("k_checked", 0, plan.groups[0].carry_widths[0]),
        ("k_checked", carry, group.carry_widths[0]),
        ("e_bits", 3, 1),
    ];
    for (name, index, bits) in cases {
        for value in [power(bits), -Fr::one()] {
            let verdict = with_element(name, index, |_| value);
            assert_eq!(verdict, Err(Refusal::Range { name, index, bits }));
        }
    }
}

#[test]
fn signals_of_another_shape() {
    let (plan, key, inputs, x) = honest();
    for name in [
        "u1",
        "u2",
        "u3s",
        "u3",
        "nonce",
        "e_bits",
        "vkw",
        "r_limbs",
        "k_checked",
        "k_free",
    ] {
        let mut short = inputs.clone();
        short.get_mut(name).unwrap().pop();
        let verdict = check(&plan, &short, &key, &[x]);
        assert!(
            matches!(verdict, Err(Refusal::Shape { name: found, .. }) if found == name),
            "{verdict:?}"
        );
    }
}

#[test]
fn claims_of_another_shape() {
    let (plan, key, inputs, x) = honest();
    let digests = [key.digest()];
    let claim = Claim {
        x: &[x],
        active: &[true],
        digests: &digests,
        key_of: &[0],
    };
    let others = [
        Claim {
            x: &[x, x],
            ..claim
        },
        Claim {
            active: &[],
            ..claim
        },
        Claim {
            key_of: &[1],
            ..claim
        },
        Claim {
            digests: &[],
            ..claim
        },
    ];
    for other in others {
        assert_eq!(oracle::check(&plan, &inputs, &other), Err(Refusal::Claim));
    }
}

/// The bits of a challenge word are unique: a word is refused when its top bits equal those of r, as adding r to a
/// smaller word needs.
#[test]
fn challenge_words_near_the_modulus() {
    use trifold_circuits::groth16::transcript::{coefficients, is_decomposable};
    let last = -Fr::one();
    assert!(!is_decomposable(&last));
    let mut edge = Fr::MODULUS;
    edge.0[3] &= !((1 << 30) - 1);
    edge.0[..3].fill(0);
    let edge = Fr::from_bigint(edge).unwrap();
    assert!(!is_decomposable(&edge));
    assert!(is_decomposable(&(edge - Fr::one())));
    assert_eq!(coefficients(&[edge - Fr::one(), last], 120, 4), None);
    let small = coefficients(
        &[Fr::from(5u64) + Fr::from(2u64).pow([120]) * Fr::from(7u64)],
        120,
        2,
    );
    assert_eq!(small, Some(vec![5 - (1 << 119), 7 - (1 << 119)]));
}
