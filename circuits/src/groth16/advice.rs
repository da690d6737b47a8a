//! Every value that the verifier circuit is given: committed numbers, quotients and carries.

use super::curve::{Point, WINDOW_COUNT};
use super::digits::{digit_bits, digit_words, header_words};
use super::flat::{self, Flat};
use super::input_point::{InputPoint, selections};
use super::key::PreparedKey;
use super::layout::{KEY_COMB_START, Layout, QUOTIENT_NUMBERS, REMAINDER_NUMBERS};
use super::limbs::{NumberCode, base_modulus, field, integer, modulus_limbs, signed_digits};
use super::params::{Mode, NUMBER_BITS, Params};
use super::plan::{GroupPlan, Plan};
use super::residue::{LoopTrace, ResidueTrace};
use super::ring::{Residues, Ring};
use super::scheme::{Powers, ProofNumbers, read_proof, reduction};
use super::transcript::{BitStream, Sponge, coefficients};
use super::wide::{Integers, Polynomial, Wide};
use crate::inputs::Inputs;
use ark_bn254::{Fq, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{AdditiveGroup, Field, Zero};
use num_bigint::BigUint;
use std::array::from_fn;

/// A Groth16 proof over BN254.
pub type Proof = ark_groth16::Proof<ark_bn254::Bn254>;

/// One place for a proof in the circuit.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a> {
    /// The public input. The transcript absorbs it even where no proof is verified.
    pub x: Fr,
    /// The proof; `None` leaves the slot inactive.
    pub proof: Option<&'a Proof>,
}

/// Why there is no advice. `slot` counts from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdviceError {
    /// The numbers of slots, keys or assignments do not fit the plan.
    #[error(
        "the plan is for {planned} proofs; {slots} slots and {assigned} assigned keys were given"
    )]
    Shape {
        /// Proofs of the plan.
        planned: usize,
        /// Slots given.
        slots: usize,
        /// Slots with a key.
        assigned: usize,
    },
    /// A slot's key is not among those given, is prepared for other parameters or is not the one that the circuit
    /// contains.
    #[error("slot {slot}: there is no key {key} that fits the plan")]
    Key {
        /// Slot.
        slot: usize,
        /// Index of the key.
        key: usize,
    },
    /// A point of the proof is the neutral element.
    #[error("slot {slot}: {point} is the point at infinity")]
    Infinity {
        /// Slot.
        slot: usize,
        /// Point of the proof.
        point: &'static str,
    },
    /// A point of the proof is not on its curve.
    #[error("slot {slot}: {point} is not on the curve")]
    OffCurve {
        /// Slot.
        slot: usize,
        /// Point of the proof.
        point: &'static str,
    },
    /// B is outside the subgroup of order r.
    #[error("slot {slot}: B is outside the subgroup of order r")]
    Subgroup {
        /// Slot.
        slot: usize,
    },
    /// The public input is 0, for which the comb has no start.
    #[error("slot {slot}: the public input is 0, which the circuit cannot read")]
    ZeroInput {
        /// Slot.
        slot: usize,
    },
    /// Every digit word of the public input leads to an addition of a point and itself or its negative.
    #[error("slot {slot}: the sum for this public input meets a point and itself or its negative")]
    DegenerateInput {
        /// Slot.
        slot: usize,
    },
    /// A step of the loop or a torus form is undefined.
    #[error("slot {slot}: a step of the pairing is undefined for these points")]
    DegeneratePairing {
        /// Slot.
        slot: usize,
    },
    /// The proof does not verify.
    #[error("slot {slot}: the proof does not verify for this public input and key")]
    Invalid {
        /// Slot.
        slot: usize,
    },
    /// An identity does not hold modulo q, which no valid proof causes.
    #[error("identity {0} does not hold")]
    Identity(String),
    /// A group's combination has no quotient within its bounds, which no valid proof causes.
    #[error("group {0} has no quotient within its bounds")]
    Quotient(usize),
}

/// The input signals of the verifier for these proofs; slot p uses `keys[key_of[p]]`.
///
/// A plan for a key that the circuit contains takes that key only. Refuses proofs that do not verify. The numbers of an inactive slot are 0.
pub fn advise(
    plan: &Plan,
    keys: &[&PreparedKey],
    slots: &[Slot<'_>],
    key_of: &[usize],
) -> Result<Inputs, AdviceError> {
    Advisor {
        plan,
        keys,
        slots,
        key_of,
        deviation: None,
    }
    .run()
}

/// How a dishonest prover departs from the honest one: for tests that a circuit refuses or accepts what it does.
#[doc(hidden)]
pub struct Deviation<'a> {
    /// Called after each of the rounds 1 to 3 with its number and all numbers so far.
    pub tamper: &'a mut dyn FnMut(usize, &mut Numbers),
    /// Digit words of each public input that are passed over.
    pub skipped_words: usize,
    /// Multiplies the residue witness.
    pub witness_factor: Flat,
    /// Whether quotients and carries are divisions modulo r instead of divisions of integers.
    pub divides_modulo_r: bool,
}

/// Advice for a statement that need not be true, as far as it can be made; false identities are no error.
#[doc(hidden)]
pub fn advise_dishonestly(
    plan: &Plan,
    keys: &[&PreparedKey],
    slots: &[Slot<'_>],
    key_of: &[usize],
    deviation: &mut Deviation<'_>,
) -> Result<Inputs, AdviceError> {
    Advisor {
        plan,
        keys,
        slots,
        key_of,
        deviation: Some(deviation),
    }
    .run()
}

/// The committed numbers of all rounds, in the layout's orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Round 1 of each proof.
    pub round1: Vec<Vec<Fq>>,
    /// S, then Q.
    pub round2: Vec<Fq>,
    /// Powers of z.
    pub powers: Vec<Fq>,
    /// Round 3 of each proof.
    pub round3: Vec<Vec<Fq>>,
}

struct Advisor<'a, 'b> {
    plan: &'a Plan,
    keys: &'a [&'a PreparedKey],
    slots: &'a [Slot<'a>],
    key_of: &'a [usize],
    /// None for the honest prover, to whom a false statement is an error.
    deviation: Option<&'a mut Deviation<'b>>,
}

/// What is known of a slot before the first challenge.
struct Opening {
    word: BigUint,
    selections: Vec<(usize, bool)>,
    round1: Vec<Fq>,
    /// The window polynomials; none for an inactive slot.
    polynomials: Vec<Vec<Fq>>,
}

struct Quotient {
    limbs: Vec<i128>,
    carries: Vec<Fr>,
}

impl Advisor<'_, '_> {
    fn run(mut self) -> Result<Inputs, AdviceError> {
        self.check_shape()?;
        let openings: Vec<Opening> = (0..self.slots.len())
            .map(|slot| self.open(slot))
            .collect::<Result<_, _>>()?;
        let mut numbers = Numbers {
            round1: openings.iter().map(|o| o.round1.clone()).collect(),
            ..Numbers::default()
        };
        self.tamper(1, &mut numbers);
        let mut nonce = 0u64;
        loop {
            let mut attempt = numbers.clone();
            if let Some(quotients) = self.attempt(nonce, &openings, &mut attempt)? {
                return Ok(self.inputs(nonce, &openings, &attempt, &quotients));
            }
            nonce += 1;
        }
    }

    fn tamper(&mut self, round: usize, numbers: &mut Numbers) {
        if let Some(deviation) = &mut self.deviation {
            (deviation.tamper)(round, numbers);
        }
    }

    fn is_honest(&self) -> bool {
        self.deviation.is_none()
    }

    fn check_shape(&self) -> Result<(), AdviceError> {
        let (planned, slots, assigned) = (self.plan.proofs, self.slots.len(), self.key_of.len());
        if planned != slots || planned != assigned {
            return Err(AdviceError::Shape {
                planned,
                slots,
                assigned,
            });
        }
        for (slot, &key) in self.key_of.iter().enumerate() {
            let known = self
                .keys
                .get(key)
                .is_some_and(|key| self.is_planned_for(key));
            if !known {
                return Err(AdviceError::Key { slot, key });
            }
        }
        Ok(())
    }

    fn is_planned_for(&self, key: &PreparedKey) -> bool {
        let constant_key = self.plan.constant_key.as_deref();
        *key.params() == self.plan.params
            && constant_key.is_none_or(|constant| constant.prepared() == key)
    }

    fn key(&self, slot: usize) -> &PreparedKey {
        self.keys[self.key_of[slot]]
    }

    fn is_active(&self, slot: usize) -> bool {
        self.slots[slot].proof.is_some()
    }

    // ---- before the first challenge

    fn open(&self, slot: usize) -> Result<Opening, AdviceError> {
        let Slot { x, proof } = self.slots[slot];
        let Some(proof) = proof else {
            let word = digit_words(x, self.plan.layout.digit_bits())
                .next()
                .expect("the first digit word is below r");
            return Ok(Opening {
                selections: self.selections(&word),
                word,
                round1: vec![Fq::ZERO; self.plan.layout.round1.len()],
                polynomials: Vec::new(),
            });
        };
        if x.is_zero() {
            return Err(AdviceError::ZeroInput { slot });
        }
        if self.is_honest() {
            check_points(slot, proof)?;
        }
        let skipped = self
            .deviation
            .as_ref()
            .map_or(0, |deviation| deviation.skipped_words);
        let (word, selections, point) = digit_words(x, self.plan.layout.digit_bits())
            .skip(skipped)
            .find_map(|word| {
                let selections = self.selections(&word);
                let point = self.input_point(slot, &selections)?;
                Some((word, selections, point))
            })
            .ok_or(AdviceError::DegenerateInput { slot })?;
        let degenerate = AdviceError::DegeneratePairing { slot };
        let trace = LoopTrace::new(proof.a, proof.b).ok_or(degenerate.clone())?;
        if self.is_honest() && !trace.closed {
            return Err(AdviceError::Subgroup { slot });
        }
        let factor = self
            .deviation
            .as_ref()
            .map_or(flat::one(), |deviation| deviation.witness_factor);
        let residue = ResidueTrace::new(self.key(slot), &trace, point.v, proof.c, &factor)
            .ok_or(degenerate)?;
        if self.is_honest() && !residue.closed {
            return Err(AdviceError::Invalid { slot });
        }
        let round1 = round1(&self.plan.layout, proof, &point, &trace, &residue);
        Ok(Opening {
            word,
            selections,
            round1,
            polynomials: residue.polynomials,
        })
    }

    fn selections(&self, word: &BigUint) -> Vec<(usize, bool)> {
        let layout = &self.plan.layout;
        selections(layout.mode, &digit_bits(word, layout.digit_bits()))
    }

    /// The selected entries, signs applied.
    fn entries(&self, slot: usize, selections: &[(usize, bool)]) -> Vec<Point<Fq>> {
        let places = selections.iter().enumerate();
        places
            .map(|(place, &(entry, positive))| {
                let point = match &self.plan.constant_key {
                    Some(key) => key.tables()[place][entry],
                    None => self.key(slot).comb()[entry],
                };
                point.signed(positive)
            })
            .collect()
    }

    fn input_point(&self, slot: usize, selections: &[(usize, bool)]) -> Option<InputPoint> {
        let entries = self.entries(slot, selections);
        InputPoint::new(self.plan.layout.mode, &entries, self.key(slot).ic0())
    }

    // ---- the rounds

    /// The later rounds for one nonce; `None` when a challenge has no unique bits and another nonce is needed.
    fn attempt(
        &mut self,
        nonce: u64,
        openings: &[Opening],
        numbers: &mut Numbers,
    ) -> Result<Option<Vec<Quotient>>, AdviceError> {
        let plan = self.plan;
        let bits = plan.params.coefficient_bits;
        let code = NumberCode::number(&plan.params);
        let mut sponge = Sponge::new(plan.initial_value());
        let mut words = self.header(nonce, openings);
        words.extend(stream(&code, numbers.round1.iter().flatten()));
        sponge.absorb(&words);
        let windows = plan.proofs * WINDOW_COUNT;
        let squeezed = sponge.squeeze(plan.coefficient_words(windows));
        let Some(rho_windows) = coefficients(&squeezed, bits, windows) else {
            return Ok(None);
        };

        numbers.round2 = main_quotient(&rho_windows, openings);
        self.tamper(2, numbers);
        sponge.absorb(&stream(&code, &numbers.round2));
        let squeezed = sponge.squeeze(1);
        let Params {
            limb_bits,
            challenge_limbs,
            ..
        } = plan.params;
        let Some(z) = coefficients(&squeezed, limb_bits, challenge_limbs) else {
            return Ok(None);
        };

        self.derive(&z, openings, numbers)?;
        self.tamper(3, numbers);
        sponge.absorb(&stream(
            &code,
            numbers.powers.iter().chain(numbers.round3.iter().flatten()),
        ));
        let size = plan.group_size();
        let squeezed = sponge.squeeze(plan.coefficient_words(size));
        let Some(rho) = coefficients(&squeezed, bits, size) else {
            return Ok(None);
        };
        let groups = self.groups(&code, &z, openings, numbers, &rho_windows, &rho);
        let quotients = groups.iter().zip(&plan.groups).enumerate();
        quotients
            .map(|(i, (h, group))| self.quotient(i, h, group))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    fn header(&self, nonce: u64, openings: &[Opening]) -> Vec<Fr> {
        let flags: u64 = (0..self.slots.len())
            .map(|slot| u64::from(self.is_active(slot)) << slot)
            .sum();
        let mut words = vec![Fr::from(nonce), Fr::from(flags)];
        for (slot, opening) in openings.iter().enumerate() {
            if self.plan.layout.mode == Mode::Witness {
                words.push(self.key(slot).digest());
            }
            words.push(self.slots[slot].x);
            words.extend(header_words(&opening.word));
        }
        words
    }

    /// The numbers of round 3: powers of z, and what z defines for each proof.
    fn derive(
        &self,
        z: &[i128],
        openings: &[Opening],
        numbers: &mut Numbers,
    ) -> Result<(), AdviceError> {
        let ring = Residues::new(&self.plan.params);
        let layout = &self.plan.layout;
        let (powers, _) = Powers::new(&ring, ring.limbs(z, 1), &[]);
        numbers.powers = powers.committed().to_vec();
        numbers.round3.clear();
        for (slot, opening) in openings.iter().enumerate() {
            if !self.is_active(slot) {
                numbers.round3.push(vec![Fq::ZERO; layout.round3.len()]);
                continue;
            }
            let key = self.key(slot);
            let entries = self.entries(slot, &opening.selections);
            let mut proof = ProofNumbers {
                round1: numbers.round1[slot].clone(),
                round3: vec![None; layout.round3.len()],
                columns: entries
                    .into_iter()
                    .map(|point| [point.x, point.y])
                    .collect(),
            };
            let key = self.plan.key_reading(key.numbers());
            let reading = read_proof(&ring, layout, &powers, &key, &mut proof);
            if self.is_honest() {
                self.check_residuals(slot, &reading.residuals)?;
            }
            numbers.round3.push(
                proof
                    .round3
                    .into_iter()
                    .map(Option::unwrap_or_default)
                    .collect(),
            );
        }
        Ok(())
    }

    fn check_residuals(&self, slot: usize, residuals: &[Fq]) -> Result<(), AdviceError> {
        match residuals.iter().position(|residual| !residual.is_zero()) {
            None => Ok(()),
            Some(index) => {
                let name = self.plan.layout.identities.name(index);
                Err(AdviceError::Identity(format!("{name} of slot {slot}")))
            }
        }
    }

    /// The combined polynomial of each group, the main identity first.
    fn groups(
        &self,
        code: &NumberCode,
        z: &[i128],
        openings: &[Opening],
        numbers: &Numbers,
        rho_windows: &[i128],
        rho: &[i128],
    ) -> Vec<Polynomial> {
        let plan = self.plan;
        let ring = Integers::new(plan.params);
        let read = |number: &Fq| ring.limbs(&code.signed(*number), 1);
        let read_all = |numbers: &[Fq]| numbers.iter().map(read).collect::<Vec<_>>();
        let (powers, power_residuals) =
            Powers::new(&ring, ring.limbs(z, 1), &read_all(&numbers.powers));
        let (s, q) = numbers.round2.split_at(REMAINDER_NUMBERS);
        let main = Polynomial::default() - &reduction(&ring, &powers, &read_all(s), &read_all(q));
        let mut sums = vec![main];
        let own = plan.layout.identities.len();
        let mut residuals: Vec<Option<Vec<Polynomial>>> = Vec::new();
        for (slot, opening) in openings.iter().enumerate() {
            if !self.is_active(slot) {
                residuals.push(None);
                continue;
            }
            let words: Vec<Polynomial> = self
                .key(slot)
                .signed_words()
                .map(|w| ring.limbs(w, plan.params.word_limbs))
                .collect();
            let select = |(place, &(entry, positive)): (usize, &(usize, bool))| {
                let [x, y] = match &plan.constant_key {
                    Some(key) => {
                        let Point { x, y } = key.tables()[place][entry];
                        [read(&x), read(&y)]
                    }
                    None => from_fn(|i| words[KEY_COMB_START + 2 * entry + i].clone()),
                };
                [x, if positive { y } else { -y }]
            };
            let mut proof = ProofNumbers {
                round1: read_all(&numbers.round1[slot]),
                round3: numbers.round3[slot]
                    .iter()
                    .map(|number| Some(read(number)))
                    .collect(),
                columns: opening.selections.iter().enumerate().map(select).collect(),
            };
            let key = plan.key_reading(&words);
            let reading = read_proof(&ring, &plan.layout, &powers, &key, &mut proof);
            for (j, window) in reading.windows.iter().enumerate() {
                sums[0].add_multiple(window, rho_windows[WINDOW_COUNT * slot + j]);
            }
            residuals.push(Some(reading.residuals));
        }
        residuals.push(Some(power_residuals));
        for members in &plan.members {
            let mut sum = Polynomial::default();
            for (&index, &coefficient) in members.iter().zip(rho) {
                let block = (index / own).min(plan.proofs);
                if let Some(residuals) = &residuals[block] {
                    sum.add_multiple(&residuals[index - block * own], coefficient);
                }
            }
            sums.push(sum);
        }
        sums
    }

    /// The quotient by q of a group's polynomial, and the carries of the difference.
    fn quotient(
        &self,
        index: usize,
        h: &Polynomial,
        group: &GroupPlan,
    ) -> Result<Quotient, AdviceError> {
        if self
            .deviation
            .as_ref()
            .is_some_and(|deviation| deviation.divides_modulo_r)
        {
            return Ok(quotient_modulo_r(&self.plan.params, h, group));
        }
        let params = &self.plan.params;
        let value = h.at_power_of_two(params.limb_bits);
        let modulus = base_modulus();
        let quotient = &value / &modulus;
        let limbs = signed_digits(&quotient, &group.quotient_widths);
        let fits = limbs.is_some() && &quotient * &modulus == value;
        let limbs = limbs.unwrap_or_else(|| vec![0; group.quotient_widths.len()]);
        let (carries, exact) = carries(params, h, &limbs, group);
        if self.is_honest() && !(fits && exact) {
            return Err(AdviceError::Quotient(index));
        }
        Ok(Quotient { limbs, carries })
    }

    // ---- signals

    fn inputs(
        &self,
        nonce: u64,
        openings: &[Opening],
        numbers: &Numbers,
        quotients: &[Quotient],
    ) -> Inputs {
        let code = NumberCode::number(&self.plan.params);
        let limbs = |numbers: &[Fq]| {
            numbers
                .iter()
                .flat_map(|&number| code.unsigned(number))
                .map(Fr::from)
                .collect::<Vec<_>>()
        };
        let mut inputs = Inputs::new();
        inputs.insert(
            "u1",
            numbers.round1.iter().flat_map(|numbers| limbs(numbers)),
        );
        inputs.insert("u2", limbs(&numbers.round2));
        inputs.insert("u3s", limbs(&numbers.powers));
        inputs.insert(
            "u3",
            numbers.round3.iter().flat_map(|numbers| limbs(numbers)),
        );
        inputs.insert("nonce", [Fr::from(nonce)]);
        let bits = openings
            .iter()
            .flat_map(|opening| digit_bits(&opening.word, self.plan.layout.digit_bits()));
        inputs.insert("e_bits", bits.map(Fr::from));
        if self.plan.layout.mode == Mode::Witness {
            inputs.insert("vkw", self.keys.iter().flat_map(|key| key.words()));
        }
        self.quotient_signals(quotients, &mut inputs);
        inputs
    }

    fn quotient_signals(&self, quotients: &[Quotient], inputs: &mut Inputs) {
        let (mut limbs, mut checked, mut free) = (Vec::new(), Vec::new(), Vec::new());
        for (quotient, group) in quotients.iter().zip(&self.plan.groups) {
            for (&limb, width) in quotient.limbs.iter().zip(&group.quotient_widths) {
                limbs.push(Fr::from(limb + (1i128 << (width - 1))));
            }
            for (i, carry) in quotient.carries.iter().enumerate() {
                if group.is_checked(i) {
                    let width = group.carry_widths[(i + 1) / group.spacing - 1];
                    checked.push(*carry + Fr::from(2u64).pow([width as u64 - 1]));
                } else {
                    free.push(*carry);
                }
            }
        }
        inputs.insert("r_limbs", limbs);
        inputs.insert("k_checked", checked);
        inputs.insert("k_free", free);
    }
}

/// `h - R q`, whose value at `2^w` is 0 for the true quotient.
fn difference(params: &Params, h: &Polynomial, limbs: &[i128], group: &GroupPlan) -> Vec<Wide> {
    let ring = Integers::new(*params);
    let product = ring.limbs(limbs, params.quotient_limbs) * &ring.limbs(&modulus_limbs(params), 1);
    let mut difference = (h.clone() - &product).0;
    difference.resize(group.degree + 1, Wide::default());
    difference
}

/// The carries, and whether every division was exact.
fn carries(params: &Params, h: &Polynomial, limbs: &[i128], group: &GroupPlan) -> (Vec<Fr>, bool) {
    let difference = difference(params, h, limbs, group);
    let mut carry = Wide::default();
    let mut exact = true;
    let mut carries = Vec::with_capacity(group.degree);
    for coefficient in &difference[..group.degree] {
        let (next, divides) = carry.minus(*coefficient).shifted(params.limb_bits);
        exact &= divides;
        carry = next;
        carries.push(field(&carry.to_integer()));
    }
    (carries, exact && carry == difference[group.degree])
}

/// A quotient and carries for which the group's equation holds modulo r whatever its polynomial.
fn quotient_modulo_r(params: &Params, h: &Polynomial, group: &GroupPlan) -> Quotient {
    let value: Fr = field(&h.at_power_of_two(params.limb_bits));
    let modulus: Fr = field(&base_modulus());
    let quotient = integer(value / modulus);
    let limbs = signed_digits(&quotient, &group.quotient_widths).unwrap_or_default();
    let step = Fr::from(1u64 << params.limb_bits);
    let mut carry = Fr::zero();
    let coefficients = difference(params, h, &limbs, group);
    let carries = coefficients[..group.degree].iter().map(|coefficient| {
        carry = (carry - field::<Fr>(&coefficient.to_integer())) / step;
        carry
    });
    Quotient {
        carries: carries.collect(),
        limbs,
    }
}

fn check_points(slot: usize, proof: &Proof) -> Result<(), AdviceError> {
    for (point, value) in [("A", &proof.a), ("C", &proof.c)] {
        check_g1(slot, point, value)?;
    }
    check_g2(slot, &proof.b)
}

fn check_g1(slot: usize, point: &'static str, value: &G1Affine) -> Result<(), AdviceError> {
    if value.is_zero() {
        return Err(AdviceError::Infinity { slot, point });
    }
    if !value.is_on_curve() {
        return Err(AdviceError::OffCurve { slot, point });
    }
    Ok(())
}

fn check_g2(slot: usize, value: &G2Affine) -> Result<(), AdviceError> {
    if value.is_zero() {
        return Err(AdviceError::Infinity { slot, point: "B" });
    }
    if !value.is_on_curve() {
        return Err(AdviceError::OffCurve { slot, point: "B" });
    }
    if !value.is_in_correct_subgroup_assuming_on_curve() {
        return Err(AdviceError::Subgroup { slot });
    }
    Ok(())
}

/// The numbers of round 1 in the layout's order.
fn round1(
    layout: &Layout,
    proof: &Proof,
    point: &InputPoint,
    trace: &LoopTrace,
    residue: &ResidueTrace,
) -> Vec<Fq> {
    let Proof { a, b, c } = proof;
    let mut numbers = vec![
        a.x, a.y, c.x, c.y, b.x.c0, b.x.c1, b.y.c0, b.y.c1, point.v.x, point.v.y,
    ];
    for part in [
        &point.abscissas,
        &point.ordinates,
        &point.slopes,
        &point.inverses,
    ] {
        numbers.extend(part);
    }
    numbers.extend(residue.c);
    numbers.extend(residue.states.iter().flatten());
    numbers.extend(trace.slopes.iter().flat_map(|slope| [slope.c0, slope.c1]));
    for point in &trace.checkpoints {
        numbers.extend([point.x.c0, point.x.c1, point.y.c0, point.y.c1]);
    }
    debug_assert_eq!(numbers.len(), layout.round1.len());
    numbers
}

/// S and Q: the weighted sum of all window polynomials divided by the flat modulus.
fn main_quotient(rho: &[i128], openings: &[Opening]) -> Vec<Fq> {
    let mut sum = vec![Fq::ZERO; QUOTIENT_NUMBERS + 12];
    for (polynomials, rho) in openings.iter().zip(rho.chunks(WINDOW_COUNT)) {
        for (polynomial, &rho) in polynomials.polynomials.iter().zip(rho) {
            let rho = Fq::from(rho);
            for (target, coefficient) in sum.iter_mut().zip(polynomial) {
                *target += rho * coefficient;
            }
        }
    }
    let (quotient, remainder) = flat::divide(sum);
    remainder.into_iter().step_by(2).chain(quotient).collect()
}

/// The bit stream of committed numbers, 254 bits each, as words.
pub fn stream<'a>(code: &NumberCode, numbers: impl IntoIterator<Item = &'a Fq>) -> Vec<Fr> {
    let mut stream = BitStream::default();
    for &number in numbers {
        stream.push(&code.encode(number).0, NUMBER_BITS);
    }
    stream.words()
}
