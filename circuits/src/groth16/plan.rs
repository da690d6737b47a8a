//! The static plan: groups of identities, quotient and carry widths, and the proof that nothing wraps around modulo r.
//!
//! A group's combination `H0(X)` of residuals has a quotient `R` by q and carries `K` with
//! `H0(X) - R(X) q(X) = (X - 2^w) K(X)`. Every m-th carry has a checked width; between two checked carries m
//! coefficients are summed with weights `2^(w i)`, and the sum stays below r, so that an equality modulo r is one of
//! integers. Every inequality is decided exactly.

use super::constant_key::ConstantKey;
use super::layout::{Layout, POWERS, QUOTIENT_NUMBERS, REMAINDER_NUMBERS};
use super::limbs::{base_modulus, modulus_limbs};
use super::params::{Mode, Params, cut};
use super::ring::{Bound, Bounds, Ring};
use super::scheme::{KeyReading, Powers, ProofNumbers, read_proof, reduction};
use ark_bn254::Fr;
use ark_ff::PrimeField;
use num_bigint::BigUint;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::Arc;

/// Bits of a transcript word that carry data.
pub const WORD_BITS: usize = 253;

/// Why the identities cannot be checked with a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No spacing of checked carries keeps a group's blocks below r.
    #[error("no spacing of checked carries keeps the group of {identities} identities below r")]
    NoSpacing {
        /// Members of the group.
        identities: usize,
    },
    /// No number of groups works.
    #[error("no division into at most {groups} groups can be checked")]
    NoGroups {
        /// Greatest number tried.
        groups: usize,
    },
    /// The quotient's limbs are too narrow for the bound.
    #[error("group {group}: the quotient needs {needed} bits, its limbs have {planned}")]
    Quotient {
        /// Group, 0 being the main identity.
        group: usize,
        /// Bits needed.
        needed: usize,
        /// Bits planned.
        planned: usize,
    },
    /// A block of coefficients may reach r.
    #[error("group {group}: block {block} may reach r with {bits} bits")]
    Block {
        /// Group, 0 being the main identity.
        group: usize,
        /// Block between two checked carries.
        block: usize,
        /// Bits of the greatest value.
        bits: u64,
    },
    /// A checked carry may not fit its width.
    #[error("group {group}: carry {block} needs {needed} bits, {planned} are planned")]
    Carry {
        /// Group, 0 being the main identity.
        group: usize,
        /// Block that the carry closes.
        block: usize,
        /// Bits needed.
        needed: u64,
        /// Bits planned.
        planned: usize,
    },
    /// The shape of a group's plan does not fit its polynomial.
    #[error("group {group}: degree {degree} is planned, the polynomial has degree {actual}")]
    Degree {
        /// Group, 0 being the main identity.
        group: usize,
        /// Planned degree.
        degree: usize,
        /// Degree of the bound.
        actual: usize,
    },
    /// The bounds of a constant key depend on the key: [`Plan::for_key`] takes it.
    #[error("the plan for a key that is built into the circuit depends on the key")]
    ConstantKey,
    /// An identity is in no group, or in two.
    #[error("identity {0} is not in exactly one group")]
    Membership(usize),
}

/// How one group is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPlan {
    /// Degree of `H0 - R q`, and number of carries.
    pub degree: usize,
    /// Spacing m of checked carries.
    pub spacing: usize,
    /// Widths in bits of the quotient's limbs, low first, signed.
    pub quotient_widths: Vec<usize>,
    /// Widths in bits of the checked carries `k_(m-1), k_(2m-1), ..`, signed.
    pub carry_widths: Vec<usize>,
}

impl GroupPlan {
    /// Whether carry `index` has a checked width.
    pub fn is_checked(&self, index: usize) -> bool {
        (index + 1).is_multiple_of(self.spacing)
            && (index + 1) / self.spacing <= self.carry_widths.len()
    }

    /// Carries without a checked width.
    pub fn free_carries(&self) -> usize {
        self.degree - self.carry_widths.len()
    }

    /// Constraints of the quotient and carries in units of 1/1012 constraint: one for each bit, and 38.25 for each
    /// word of 253 bits that the transcript absorbs.
    fn cost(&self) -> usize {
        let bits: usize = self.quotient_widths.iter().chain(&self.carry_widths).sum();
        bits * (1012 + 153) + self.free_carries() * COST_OF_WORD
    }
}

const COST_OF_WORD: usize = 38 * 1012 + 253;
const COST_OF_CHALLENGE: usize = 286 * 1012 + COST_OF_WORD;

/// The plan for a circuit that verifies a number of proofs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Parameters of the representation.
    pub params: Params,
    /// Orders of numbers and identities of one proof.
    pub layout: Layout,
    /// Proofs verified.
    pub proofs: usize,
    /// The key of all proofs where the circuit contains it.
    pub constant_key: Option<Arc<ConstantKey>>,
    /// Group 0 is the main identity alone; group g > 0 has the members `members[g - 1]`.
    pub groups: Vec<GroupPlan>,
    /// Global identity indices in the order in which coefficients are assigned.
    pub members: Vec<Vec<usize>>,
}

/// Bounds of every polynomial that a plan is about.
#[derive(Clone, Debug)]
pub struct PolynomialBounds {
    main: Bound,
    identities: Vec<Bound>,
    powers: Vec<Bound>,
    proofs: usize,
}

impl PolynomialBounds {
    /// Bounds for `proofs` proofs under keys that the circuit reads. All proofs have the same.
    pub fn new(params: Params, layout: &Layout, proofs: usize) -> Self {
        let word = Bound::digits(&params.word_widths(), params.word_limbs);
        let key = vec![word.clone(); layout.key_words() / 3];
        Self::read(params, layout, proofs, &KeyReading::Witness(&key), word)
    }

    /// Bounds for `proofs` proofs under a key that the circuit contains. Its table's entries are cut like committed
    /// numbers.
    pub fn for_key(key: &ConstantKey, layout: &Layout, proofs: usize) -> Self {
        let params = *key.prepared().params();
        let entry = Bound::digits(&params.widths(), 1);
        Self::read(params, layout, proofs, &KeyReading::Constant(key), entry)
    }

    /// `entry` bounds the coordinates that the digits of x select.
    fn read(
        params: Params,
        layout: &Layout,
        proofs: usize,
        key: &KeyReading<'_, Bound>,
        entry: Bound,
    ) -> Self {
        let ring = Bounds::new(params);
        let number = Bound::digits(&params.widths(), 1);
        let z = Bound::digits(&params.challenge_widths(), 1);
        let (powers, power_bounds) = Powers::new(&ring, z, &vec![number.clone(); POWERS.len()]);
        let mut numbers = ProofNumbers {
            round1: vec![number.clone(); layout.round1.len()],
            round3: vec![Some(number.clone()); layout.round3.len()],
            columns: vec![[entry.clone(), entry]; layout.selections()],
        };
        let reading = read_proof(&ring, layout, &powers, key, &mut numbers);
        let coefficient = coefficient_bound(&params);
        let windows = reading
            .windows
            .iter()
            .fold(ring.small(0), |sum, v| sum + &(v.clone() * &coefficient));
        let s = vec![number.clone(); REMAINDER_NUMBERS];
        let q = vec![number; QUOTIENT_NUMBERS];
        let main = windows * &ring.small(proofs as i64) + &reduction(&ring, &powers, &s, &q);
        Self {
            main,
            identities: reading.residuals,
            powers: power_bounds,
            proofs,
        }
    }

    /// Identities of all proofs and powers.
    pub fn count(&self) -> usize {
        self.proofs * self.identities.len() + self.powers.len()
    }

    /// Bound of the main identity's polynomial.
    pub fn main(&self) -> &Bound {
        &self.main
    }

    /// Bound of a residual by its global index.
    pub fn identity(&self, index: usize) -> &Bound {
        match index.checked_sub(self.proofs * self.identities.len()) {
            Some(power) => &self.powers[power],
            None => &self.identities[index % self.identities.len()],
        }
    }

    fn group(&self, params: &Params, members: &[usize]) -> Bound {
        let sum = members
            .iter()
            .fold(Bound(Vec::new()), |sum, &index| sum + self.identity(index));
        sum * &coefficient_bound(params)
    }
}

fn coefficient_bound(params: &Params) -> Bound {
    Bound(vec![BigUint::from(1u32) << (params.coefficient_bits - 1)])
}

/// Most groups that the planner tries.
const MOST_GROUPS: usize = 8;
/// Greatest spacing of checked carries that the planner tries.
const MOST_SPACING: usize = 11;
/// Weights, in tenths of a bit for each coefficient, by which a residual's length counts in its size.
const LENGTH_WEIGHTS: [u64; 7] = [0, 3, 7, 10, 15, 30, 200];

impl Plan {
    /// The plan for `proofs` proofs under keys that the circuit reads.
    pub fn new(mode: Mode, params: Params, proofs: usize) -> Result<Self, PlanError> {
        if mode == Mode::Constant {
            return Err(PlanError::ConstantKey);
        }
        let layout = Layout::new(mode);
        let bounds = PolynomialBounds::new(params, &layout, proofs);
        Self::cheapest(params, layout, &bounds, None)
    }

    /// The plan for `proofs` proofs under a key that the circuit contains.
    pub fn for_key(key: ConstantKey, proofs: usize) -> Result<Self, PlanError> {
        let layout = Layout::new(Mode::Constant);
        let bounds = PolynomialBounds::for_key(&key, &layout, proofs);
        let params = *key.prepared().params();
        Self::cheapest(params, layout, &bounds, Some(Arc::new(key)))
    }

    /// The cheapest plan: residuals sorted by size and cut into equal groups.
    fn cheapest(
        params: Params,
        layout: Layout,
        bounds: &PolynomialBounds,
        constant_key: Option<Arc<ConstantKey>>,
    ) -> Result<Self, PlanError> {
        let main = plan_group(&params, bounds.main(), 1)?;
        let mut best: Option<(usize, Vec<GroupPlan>, Vec<Vec<usize>>)> = None;
        let orders = LENGTH_WEIGHTS.map(|weight| by_size(bounds, weight));
        for groups in 1..=MOST_GROUPS {
            for order in &orders {
                let size = order.len().div_ceil(groups);
                let members: Vec<Vec<usize>> = order.chunks(size).map(<[usize]>::to_vec).collect();
                let planned: Result<Vec<_>, _> = members
                    .iter()
                    .map(|m| plan_group(&params, &bounds.group(&params, m), m.len()))
                    .collect();
                let Ok(planned) = planned else { continue };
                let cost = planned.iter().map(GroupPlan::cost).sum::<usize>()
                    + size * params.coefficient_bits * COST_OF_CHALLENGE / WORD_BITS;
                if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
                    best = Some((cost, planned, members));
                }
            }
        }
        let (_, mut groups, members) = best.ok_or(PlanError::NoGroups {
            groups: MOST_GROUPS,
        })?;
        groups.insert(0, main);
        let plan = Self {
            params,
            layout,
            proofs: bounds.proofs,
            constant_key,
            groups,
            members,
        };
        plan.check(bounds)?;
        Ok(plan)
    }

    /// Decides every inequality of the plan anew.
    pub fn check(&self, bounds: &PolynomialBounds) -> Result<(), PlanError> {
        let mut seen = vec![0usize; bounds.count()];
        for &index in self.members.iter().flatten() {
            *seen.get_mut(index).ok_or(PlanError::Membership(index))? += 1;
        }
        if let Some(index) = seen.iter().position(|&times| times != 1) {
            return Err(PlanError::Membership(index));
        }
        check_group(&self.params, bounds.main(), &self.groups[0], 0)?;
        for (i, members) in self.members.iter().enumerate() {
            check_group(
                &self.params,
                &bounds.group(&self.params, members),
                &self.groups[i + 1],
                i + 1,
            )?;
        }
        Ok(())
    }

    /// What the identities read the key from: the circuit's own, or these numbers.
    pub fn key_reading<'a, E>(&'a self, numbers: &'a [E]) -> KeyReading<'a, E> {
        match &self.constant_key {
            Some(key) => KeyReading::Constant(key),
            None => KeyReading::Witness(numbers),
        }
    }

    /// Members of the largest group.
    pub fn group_size(&self) -> usize {
        self.members.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// Words squeezed for `count` coefficients.
    pub fn coefficient_words(&self, count: usize) -> usize {
        (count * self.params.coefficient_bits).div_ceil(WORD_BITS)
    }

    /// Mode, number of proofs, parameters, a key that the circuit contains, layout and plan as text: what the transcript's initial value binds.
    pub fn description(&self) -> String {
        let Params {
            limb_bits,
            coefficient_bits,
            ..
        } = self.params;
        let digest = Sha256::digest(self.body());
        let mut text = format!(
            "trifold/groth16/v1 mode={} proofs={} kappa={coefficient_bits} limb={limb_bits} z={} words={} ",
            self.layout.mode.letter(),
            self.proofs,
            self.params.challenge_bits(),
            self.layout.key_words(),
        );
        if let Some(key) = &self.constant_key {
            write!(text, "key={} ", key.prepared().digest()).expect("a string takes everything");
        }
        text.push_str("plan=");
        for byte in digest {
            write!(text, "{byte:02x}").expect("a string takes everything");
        }
        text
    }

    /// Initial capacity of the transcript's sponge.
    pub fn initial_value(&self) -> Fr {
        initial_value(&self.description())
    }

    /// Initial capacity of the sponge that digests a verifying key; the same for every number of proofs.
    pub fn key_initial_value(&self) -> Fr {
        key_initial_value(&self.params, &self.layout)
    }

    fn body(&self) -> String {
        let mut text = format!("{:?}\n{}", self.params, self.layout);
        for (i, group) in self.groups.iter().enumerate() {
            writeln!(text, "group {i}: {group:?}").expect("a string takes everything");
        }
        for (i, members) in self.members.iter().enumerate() {
            writeln!(text, "members {}: {members:?}", i + 1).expect("a string takes everything");
        }
        text
    }
}

/// See [`Plan::key_initial_value`].
pub fn key_initial_value(params: &Params, layout: &Layout) -> Fr {
    initial_value(&format!(
        "trifold/groth16-key/v1 mode={} limb={} word={:?} words={}",
        layout.mode.letter(),
        params.limb_bits,
        params.word_widths(),
        layout.key_words(),
    ))
}

/// The first 31 bytes of a text's SHA-256, big-endian.
fn initial_value(text: &str) -> Fr {
    Fr::from_be_bytes_mod_order(&Sha256::digest(text)[..31])
}

fn by_size(bounds: &PolynomialBounds, weight: u64) -> Vec<usize> {
    let size = |index: usize| {
        let coefficients = &bounds.identity(index).0;
        let bits = coefficients.iter().map(BigUint::bits).max().unwrap_or(0);
        10 * bits + weight * coefficients.len() as u64
    };
    let mut order: Vec<usize> = (0..bounds.count()).collect();
    order.sort_by_key(|&index| (std::cmp::Reverse(size(index)), index));
    order
}

/// Bits of the quotient by q of a polynomial within `bound`, with its sign.
fn quotient_bits(params: &Params, bound: &Bound) -> usize {
    let value = weighted(params, &bound.0);
    let modulus = base_modulus().into_parts().1;
    (value / modulus + 1u32).bits() as usize + 1
}

/// `sum c_i 2^(w i)`.
fn weighted(params: &Params, coefficients: &[BigUint]) -> BigUint {
    let positions = coefficients.iter().enumerate();
    positions.fold(BigUint::ZERO, |sum, (i, c)| {
        sum + (c << (params.limb_bits * i))
    })
}

/// `bound` with the quotient's product by q added.
fn with_quotient(params: &Params, bound: &Bound, widths: &[usize]) -> Bound {
    let modulus: Vec<BigUint> = modulus_limbs(params)
        .iter()
        .map(|limb| BigUint::from(limb.unsigned_abs()))
        .collect();
    bound.clone() + &(Bound(modulus) * &Bound::digits(widths, params.quotient_limbs))
}

fn plan_group(params: &Params, bound: &Bound, identities: usize) -> Result<GroupPlan, PlanError> {
    let mut quotient_widths = cut(
        quotient_bits(params, bound),
        params.limb_bits * params.quotient_limbs,
    );
    let top = quotient_widths.len() - 1;
    quotient_widths[top] = quotient_widths[top].max(2);
    let total = with_quotient(params, bound, &quotient_widths);
    (1..=MOST_SPACING)
        .map_while(|spacing| {
            let carry_widths = carry_widths(params, &total, spacing)?;
            let degree = total.0.len() - 1;
            Some(GroupPlan {
                degree,
                spacing,
                quotient_widths: quotient_widths.clone(),
                carry_widths,
            })
        })
        .min_by_key(GroupPlan::cost)
        .ok_or(PlanError::NoSpacing { identities })
}

/// Least widths of checked carries, or `None` when a block may reach r.
fn carry_widths(params: &Params, total: &Bound, spacing: usize) -> Option<Vec<usize>> {
    let modulus = BigUint::from(Fr::MODULUS);
    let mut carry = BigUint::ZERO;
    let mut widths = Vec::new();
    let blocks = total.0.chunks(spacing);
    let last = blocks.len() - 1;
    for (index, block) in blocks.enumerate() {
        let sum = weighted(params, block) + &carry;
        if index == last {
            return (sum < modulus).then_some(widths);
        }
        let width = (&sum >> (params.limb_bits * spacing)).bits() as usize + 1;
        carry = BigUint::from(1u32) << (width - 1);
        if sum + (&carry << (params.limb_bits * spacing)) >= modulus {
            return None;
        }
        widths.push(width);
    }
    None
}

/// Decides whether `plan` fits polynomials within `bound`.
fn check_group(
    params: &Params,
    bound: &Bound,
    plan: &GroupPlan,
    group: usize,
) -> Result<(), PlanError> {
    let needed = quotient_bits(params, bound);
    let planned = plan.quotient_widths.iter().sum();
    let limb = params.limb_bits * params.quotient_limbs;
    let (_, full) = plan.quotient_widths.split_last().unwrap_or((&0, &[]));
    if needed > planned || full.iter().any(|&width| width != limb) {
        return Err(PlanError::Quotient {
            group,
            needed,
            planned,
        });
    }
    let total = with_quotient(params, bound, &plan.quotient_widths);
    let actual = total.0.len() - 1;
    let blocks = total.0.chunks(plan.spacing.max(1));
    if actual != plan.degree || plan.spacing == 0 || blocks.len() != plan.carry_widths.len() + 1 {
        return Err(PlanError::Degree {
            group,
            degree: plan.degree,
            actual,
        });
    }
    check_blocks(params, blocks, plan, group)
}

fn check_blocks(
    params: &Params,
    blocks: std::slice::Chunks<'_, BigUint>,
    plan: &GroupPlan,
    group: usize,
) -> Result<(), PlanError> {
    let modulus = BigUint::from(Fr::MODULUS);
    let shift = params.limb_bits * plan.spacing;
    let mut carry = BigUint::ZERO;
    for (index, block) in blocks.enumerate() {
        let sum = weighted(params, block) + &carry;
        let mut reach = sum.clone();
        if let Some(&width) = plan.carry_widths.get(index) {
            let needed = (&sum >> shift).bits() + 1;
            if needed > width as u64 {
                return Err(PlanError::Carry {
                    group,
                    block: index,
                    needed,
                    planned: width,
                });
            }
            carry = BigUint::from(1u32) << (width - 1);
            reach += &carry << shift;
        }
        if reach >= modulus {
            return Err(PlanError::Block {
                group,
                block: index,
                bits: reach.bits(),
            });
        }
    }
    Ok(())
}
