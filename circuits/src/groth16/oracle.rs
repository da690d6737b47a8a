//! The native relation of the verifier circuit: the checks that its constraints make, on its input signals.

use super::curve::{Point, WINDOW_COUNT};
use super::input_point::selections;
use super::layout::{KEY_COMB_START, KEY_NUMBERS, POWERS, REMAINDER_NUMBERS, ROUND2_NUMBERS};
use super::limbs::{NumberCode, integer, modulus_limbs};
use super::params::Mode;
use super::plan::{GroupPlan, Plan, WORD_BITS};
use super::ring::{Evaluations, Ring};
use super::scheme::{KeyReading, Powers, ProofNumbers, read_proof, reduction};
use super::transcript::{BitStream, Sponge, coefficients};
use crate::inputs::Inputs;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, One, PrimeField, Zero};

/// What the surrounding circuit states about the proofs.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Public input of each slot.
    pub x: &'a [Fr],
    /// Which slots are verified.
    pub active: &'a [bool],
    /// Digest of each key.
    pub digests: &'a [Fr],
    /// Key of each slot.
    pub key_of: &'a [usize],
}

/// The first check that fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A signal is missing or has another number of elements.
    #[error("signal {name} has {found} elements, the circuit has {expected}")]
    Shape {
        /// Signal.
        name: &'static str,
        /// Elements found.
        found: usize,
        /// Elements of the circuit.
        expected: usize,
    },
    /// The claim is for another number of slots, or names a key without a digest.
    #[error("the claim does not fit the circuit's slots and keys")]
    Claim,
    /// A value does not fit its width.
    #[error("{name}[{index}] does not have {bits} bits")]
    Range {
        /// Signal.
        name: &'static str,
        /// Flattened index.
        index: usize,
        /// Its width.
        bits: usize,
    },
    /// The digits of a slot do not stand for its public input.
    #[error("slot {0}: the digits do not stand for the public input")]
    Digits(usize),
    /// A key's words do not have the stated digest.
    #[error("key {0}: the words do not have the stated digest")]
    KeyDigest(usize),
    /// A challenge word after this round has no unique bits.
    #[error("a challenge after round {0} has no unique decomposition")]
    Challenge(usize),
    /// A group's equation does not hold at the evaluation point.
    #[error("group {0} does not hold")]
    Group(usize),
}

/// Decides whether the circuit accepts these signals for this claim.
pub fn check(plan: &Plan, inputs: &Inputs, claim: &Claim<'_>) -> Result<(), Refusal> {
    let signals = Signals::read(plan, inputs, claim)?;
    let challenges = Challenges::run(plan, &signals, claim)?;
    let sums = sums(plan, &signals, claim, &challenges);
    let ring = Evaluations::new(plan.params, challenges.point);
    let modulus = ring.limbs(&modulus_limbs(&plan.params), 1);
    let (mut limbs, mut checked, mut free) = (
        &signals.quotient_limbs[..],
        &signals.checked_carries[..],
        signals.free_carries,
    );
    for (index, (group, sum)) in plan.groups.iter().zip(sums).enumerate() {
        let part = Part {
            limbs: take(&mut limbs, group.quotient_widths.len()),
            checked: take(&mut checked, group.carry_widths.len()),
            free: take(&mut free, group.free_carries()),
        };
        if !part.holds(plan, group, sum, modulus, challenges.point) {
            return Err(Refusal::Group(index));
        }
    }
    Ok(())
}

/// The first `count` elements, which `rest` then lacks.
fn take<'a, T>(rest: &mut &'a [T], count: usize) -> &'a [T] {
    let (first, others) = rest.split_at(count);
    *rest = others;
    first
}

/// The signals, their ranges checked.
struct Signals<'a> {
    /// Unsigned limbs of the committed numbers.
    round1: Vec<Vec<u64>>,
    round2: Vec<Vec<u64>>,
    shared: Vec<Vec<u64>>,
    round3: Vec<Vec<u64>>,
    nonce: Fr,
    bits: Vec<Vec<bool>>,
    words: Vec<&'a [Fr]>,
    quotient_limbs: Vec<Fr>,
    checked_carries: Vec<Fr>,
    free_carries: &'a [Fr],
}

impl<'a> Signals<'a> {
    fn read(plan: &Plan, inputs: &'a Inputs, claim: &Claim<'_>) -> Result<Self, Refusal> {
        let (layout, proofs) = (&plan.layout, plan.proofs);
        let lengths = [claim.x.len(), claim.active.len(), claim.key_of.len()];
        if lengths != [proofs; 3] || claim.key_of.iter().any(|&key| key >= claim.digests.len()) {
            return Err(Refusal::Claim);
        }
        let numbers = |name, count: usize| read_numbers(plan, inputs, name, count);
        let bits = read_bits(inputs, proofs, layout.digit_bits())?;
        for (slot, (bits, x)) in bits.iter().zip(claim.x).enumerate() {
            let twice = bits
                .iter()
                .rev()
                .fold(Fr::zero(), |sum, &bit| sum.double() + Fr::from(bit))
                .double();
            if twice - (Fr::from(2u64).pow([layout.digit_bits() as u64]) - Fr::one()) != *x {
                return Err(Refusal::Digits(slot));
            }
        }
        let words = read_keys(plan, inputs, claim)?;
        let widths = |f: fn(&GroupPlan) -> &Vec<usize>| plan.groups.iter().flat_map(f).copied();
        let quotients: Vec<usize> = widths(|g| &g.quotient_widths).collect();
        let carries: Vec<usize> = widths(|g| &g.carry_widths).collect();
        let free = plan.groups.iter().map(GroupPlan::free_carries).sum();
        Ok(Self {
            round1: numbers("u1", proofs * layout.round1.len())?,
            round2: numbers("u2", ROUND2_NUMBERS)?,
            shared: numbers("u3s", POWERS.len())?,
            round3: numbers("u3", proofs * layout.round3.len())?,
            nonce: signal(inputs, "nonce", 1)?[0],
            bits,
            words,
            quotient_limbs: read_ranged(inputs, "r_limbs", &quotients)?,
            checked_carries: read_ranged(inputs, "k_checked", &carries)?,
            free_carries: signal(inputs, "k_free", free)?,
        })
    }
}

/// The words of each key, which have the stated digests; none where the circuit contains its key, whose digest alone
/// may then be stated.
fn read_keys<'a>(
    plan: &Plan,
    inputs: &'a Inputs,
    claim: &Claim<'_>,
) -> Result<Vec<&'a [Fr]>, Refusal> {
    if let Some(constant) = &plan.constant_key {
        let foreign = |digest: &Fr| *digest != constant.prepared().digest();
        return match claim.digests.iter().position(foreign) {
            Some(key) => Err(Refusal::KeyDigest(key)),
            None => Ok(Vec::new()),
        };
    }
    let words = signal(inputs, "vkw", claim.digests.len() * plan.layout.key_words())?;
    let words: Vec<&[Fr]> = words.chunks(plan.layout.key_words()).collect();
    for (key, (words, digest)) in words.iter().zip(claim.digests).enumerate() {
        let mut sponge = Sponge::new(plan.key_initial_value());
        sponge.absorb(words);
        if sponge.squeeze(1)[0] != *digest {
            return Err(Refusal::KeyDigest(key));
        }
    }
    Ok(words)
}

fn signal<'a>(
    inputs: &'a Inputs,
    name: &'static str,
    expected: usize,
) -> Result<&'a [Fr], Refusal> {
    let values = inputs.get(name).unwrap_or(&[]);
    if values.len() != expected {
        return Err(Refusal::Shape {
            name,
            found: values.len(),
            expected,
        });
    }
    Ok(values)
}

fn read_ranged(inputs: &Inputs, name: &'static str, widths: &[usize]) -> Result<Vec<Fr>, Refusal> {
    let values = signal(inputs, name, widths.len())?;
    for (index, (value, &bits)) in values.iter().zip(widths).enumerate() {
        if integer(*value).bits() as usize > bits {
            return Err(Refusal::Range { name, index, bits });
        }
    }
    Ok(values.to_vec())
}

fn read_numbers(
    plan: &Plan,
    inputs: &Inputs,
    name: &'static str,
    count: usize,
) -> Result<Vec<Vec<u64>>, Refusal> {
    let widths: Vec<usize> = plan
        .params
        .widths()
        .into_iter()
        .cycle()
        .take(count * plan.params.limbs())
        .collect();
    let values = read_ranged(inputs, name, &widths)?;
    let limbs: Vec<u64> = values
        .iter()
        .map(|value| value.into_bigint().0[0])
        .collect();
    Ok(limbs
        .chunks(plan.params.limbs())
        .map(<[u64]>::to_vec)
        .collect())
}

fn read_bits(inputs: &Inputs, proofs: usize, each: usize) -> Result<Vec<Vec<bool>>, Refusal> {
    let values = read_ranged(inputs, "e_bits", &vec![1; proofs * each])?;
    let bits: Vec<bool> = values.iter().map(Fr::is_one).collect();
    Ok(bits.chunks(each).map(<[bool]>::to_vec).collect())
}

/// The challenges that the transcript gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenges {
    /// Coefficients of the window values, slot after slot.
    pub windows: Vec<i128>,
    /// Signed limbs of z, low first.
    pub z: Vec<i128>,
    /// Coefficients inside a group.
    pub group: Vec<i128>,
    /// The evaluation point of limb polynomials.
    pub point: Fr,
}

/// The challenges for these signals.
pub fn challenges(plan: &Plan, inputs: &Inputs, claim: &Claim<'_>) -> Result<Challenges, Refusal> {
    Challenges::run(plan, &Signals::read(plan, inputs, claim)?, claim)
}

impl Challenges {
    fn run(plan: &Plan, signals: &Signals<'_>, claim: &Claim<'_>) -> Result<Self, Refusal> {
        let bits = plan.params.coefficient_bits;
        let mut sponge = Sponge::new(plan.initial_value());
        let mut words = header(plan, signals, claim);
        words.extend(number_words(plan, signals.round1.iter()));
        sponge.absorb(&words);
        let count = plan.proofs * WINDOW_COUNT;
        let squeezed = sponge.squeeze(plan.coefficient_words(count));
        let windows = coefficients(&squeezed, bits, count).ok_or(Refusal::Challenge(1))?;
        sponge.absorb(&number_words(plan, signals.round2.iter()));
        let z = coefficients(
            &sponge.squeeze(1),
            plan.params.limb_bits,
            plan.params.challenge_limbs,
        )
        .ok_or(Refusal::Challenge(2))?;
        sponge.absorb(&number_words(
            plan,
            signals.shared.iter().chain(&signals.round3),
        ));
        let size = plan.group_size();
        let squeezed = sponge.squeeze(plan.coefficient_words(size));
        let group = coefficients(&squeezed, bits, size).ok_or(Refusal::Challenge(3))?;
        sponge.absorb(&quotient_words(plan, signals));
        Ok(Self {
            windows,
            z,
            group,
            point: sponge.squeeze(1)[0],
        })
    }
}

fn header(plan: &Plan, signals: &Signals<'_>, claim: &Claim<'_>) -> Vec<Fr> {
    let flags: u64 = claim
        .active
        .iter()
        .enumerate()
        .map(|(slot, &active)| u64::from(active) << slot)
        .sum();
    let mut words = vec![signals.nonce, Fr::from(flags)];
    for ((bits, x), key) in signals.bits.iter().zip(claim.x).zip(claim.key_of) {
        if plan.layout.mode == Mode::Witness {
            words.push(claim.digests[*key]);
        }
        words.push(*x);
        for part in [&bits[..WORD_BITS], &bits[WORD_BITS..]] {
            words.push(
                part.iter()
                    .rev()
                    .fold(Fr::zero(), |sum, &bit| sum.double() + Fr::from(bit)),
            );
        }
    }
    words
}

fn number_words<'a>(plan: &Plan, numbers: impl Iterator<Item = &'a Vec<u64>>) -> Vec<Fr> {
    let widths = plan.params.widths();
    let mut stream = BitStream::default();
    for number in numbers {
        for (&limb, &width) in number.iter().zip(&widths) {
            stream.push(&[limb], width);
        }
    }
    stream.words()
}

fn quotient_words(plan: &Plan, signals: &Signals<'_>) -> Vec<Fr> {
    let mut stream = BitStream::default();
    let (mut limbs, mut carries) = (&signals.quotient_limbs[..], &signals.checked_carries[..]);
    for group in &plan.groups {
        let quotient = take(&mut limbs, group.quotient_widths.len())
            .iter()
            .zip(&group.quotient_widths);
        let checked = take(&mut carries, group.carry_widths.len())
            .iter()
            .zip(&group.carry_widths);
        for (value, &width) in quotient.chain(checked) {
            stream.push(&value.into_bigint().0, width);
        }
    }
    let mut words = stream.words();
    words.extend_from_slice(signals.free_carries);
    words
}

/// The combination of each group at the evaluation point, the main identity first.
fn sums(plan: &Plan, signals: &Signals<'_>, claim: &Claim<'_>, challenges: &Challenges) -> Vec<Fr> {
    let ring = Evaluations::new(plan.params, challenges.point);
    let layout = &plan.layout;
    let at = |numbers: &[Vec<u64>]| {
        numbers
            .iter()
            .map(|number| evaluate(plan, &ring, number))
            .collect::<Vec<Fr>>()
    };
    let (powers, power_residuals) =
        Powers::new(&ring, ring.limbs(&challenges.z, 1), &at(&signals.shared));
    let round2 = at(&signals.round2);
    let (s, q) = round2.split_at(REMAINDER_NUMBERS);
    let mut main = -reduction(&ring, &powers, s, q);
    let keys: Vec<Vec<Fr>> = signals
        .words
        .iter()
        .map(|words| key_numbers(plan, words, challenges.point))
        .collect();
    let mut residuals = Vec::new();
    for slot in 0..plan.proofs {
        let key = plan.key_reading(keys.get(claim.key_of[slot]).map_or(&[], Vec::as_slice));
        let own1 = &signals.round1[slot * layout.round1.len()..][..layout.round1.len()];
        let own3 = &signals.round3[slot * layout.round3.len()..][..layout.round3.len()];
        let mut proof = ProofNumbers {
            round1: at(own1),
            round3: at(own3).into_iter().map(Some).collect(),
            columns: select(plan, &ring, &key, &signals.bits[slot]),
        };
        let reading = read_proof(&ring, layout, &powers, &key, &mut proof);
        let active = Fr::from(claim.active[slot]);
        let rho = &challenges.windows[WINDOW_COUNT * slot..];
        main += active
            * reading
                .windows
                .iter()
                .zip(rho)
                .map(|(v, &rho)| *v * Fr::from(rho))
                .sum::<Fr>();
        residuals.extend(
            reading
                .residuals
                .into_iter()
                .map(|residual| active * residual),
        );
    }
    residuals.extend(power_residuals);
    let group = |members: &Vec<usize>| {
        members
            .iter()
            .zip(&challenges.group)
            .map(|(&index, &rho)| residuals[index] * Fr::from(rho))
            .sum()
    };
    std::iter::once(main)
        .chain(plan.members.iter().map(group))
        .collect()
}

fn evaluate(plan: &Plan, ring: &Evaluations, limbs: &[u64]) -> Fr {
    let widths = plan.params.widths();
    let signed = limbs
        .iter()
        .zip(widths)
        .map(|(&limb, width)| i128::from(limb) - (1i128 << (width - 1)));
    ring.limbs(&signed.collect::<Vec<_>>(), 1)
}

/// The numbers of a key at the point, from words that only the key's digest bounds.
fn key_numbers(plan: &Plan, words: &[Fr], point: Fr) -> Vec<Fr> {
    let base = point.pow([plan.params.word_limbs as u64]);
    let value = |words: &[Fr]| {
        words
            .iter()
            .rev()
            .fold(Fr::zero(), |sum, word| sum * base + word)
    };
    let numbers: Vec<Fr> = words.chunks(words.len() / KEY_NUMBERS).map(value).collect();
    debug_assert_eq!(numbers.len(), KEY_NUMBERS);
    numbers
}

/// The entries that the digits select, signs applied: of the comb's table among the key's numbers, or of the tables that
/// the circuit contains.
fn select(
    plan: &Plan,
    ring: &Evaluations,
    key: &KeyReading<'_, Fr>,
    bits: &[bool],
) -> Vec<[Fr; 2]> {
    let code = NumberCode::number(&plan.params);
    let entry = |place: usize, entry: usize| match key {
        KeyReading::Witness(numbers) => [0, 1].map(|i| numbers[KEY_COMB_START + 2 * entry + i]),
        KeyReading::Constant(key) => {
            let Point { x, y } = key.tables()[place][entry];
            [x, y].map(|value| ring.limbs(&code.signed(value), 1))
        }
    };
    let selections = selections(plan.layout.mode, bits).into_iter().enumerate();
    selections
        .map(|(place, (index, positive))| {
            let [x, y] = entry(place, index);
            [x, if positive { y } else { -y }]
        })
        .collect()
}

/// One group's part of round 4, offset-coded where its width is checked.
struct Part<'a> {
    limbs: &'a [Fr],
    checked: &'a [Fr],
    free: &'a [Fr],
}

impl Part<'_> {
    /// `(xi - 2^w) K(xi) = H0(xi) - R(xi) q(xi)`.
    fn holds(&self, plan: &Plan, group: &GroupPlan, sum: Fr, modulus: Fr, point: Fr) -> bool {
        let centred = |value: Fr, width: usize| value - Fr::from(2u64).pow([width as u64 - 1]);
        let base = point.pow([plan.params.quotient_limbs as u64]);
        let limbs = self.limbs.iter().zip(&group.quotient_widths).rev();
        let quotient = limbs.fold(Fr::zero(), |sum, (&limb, &width)| {
            sum * base + centred(limb, width)
        });
        let (mut checked, mut free) = (
            self.checked.iter().zip(&group.carry_widths),
            self.free.iter(),
        );
        let mut carries = Vec::with_capacity(group.degree);
        for index in 0..group.degree {
            let next = match group.is_checked(index) {
                true => checked.next().map(|(&carry, &width)| centred(carry, width)),
                false => free.next().copied(),
            };
            carries.push(next.unwrap_or_default());
        }
        let carry = carries
            .iter()
            .rev()
            .fold(Fr::zero(), |sum, carry| sum * point + carry);
        let step = point - Fr::from(1u64 << plan.params.limb_bits);
        step * carry == sum - quotient * modulus
    }
}
