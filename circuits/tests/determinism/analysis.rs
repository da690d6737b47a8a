//! Is every wire of a constraint system fixed by its inputs?
//!
//! The analysis starts with the constant and the inputs known, and looks for constraints that leave their unknown
//! wires one value, all other wires having theirs in a given witness:
//!
//! 1. A constraint with one factor known is a linear equation between unknown wires. So is, with one more unknown, the
//!    bit L, a constraint `L (L - 1) = 0`. The equations are kept solved for wires that are no bits; one that is left
//!    with a single unknown wire fixes it. A coefficient that vanishes at the witness is none: this is why the answer
//!    holds for the witness's inputs.
//! 2. An equation whose unknowns are bits (wires with `b (b - 1) = 0`, or an L) fixes all of them when, up to a common
//!    factor, the coefficients are integers each greater than the sum of those below it, and their sum is below r. Two
//!    bits with `b c = 0` count as one digit, so base 3 is covered as well as base 2.
//! 3. When the sum of 2. is not below r, another equation between bits may bound those at the top: `T + h = C` with
//!    `h >= 0`, so that `T <= C`, and the word of which T are the top bits is below r.
//!
//! Nothing is concluded from a constraint that is quadratic in its unknown wires otherwise.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, PrimeField};
use num_bigint::BigUint;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Range;
use std::path::Path;
use std::sync::LazyLock;
use trifold_circuits::r1cs::{Matrix, R1cs};

/// What the analysis says about a constraint system and one of its witnesses.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Wires in no constraint.
    pub unused: Vec<usize>,
    /// Wires that no rule fixes, although their value matters.
    pub loose: Vec<usize>,
    /// Wires without a value whose coefficient is 0 in every constraint at this witness: the inverse of a zero.
    pub idle: Vec<usize>,
    /// Wires taken as known in place of inputs that have no wire.
    pub stand_ins: Vec<usize>,
}

/// The report for a witness that satisfies all constraints. `labels` are the wires' (see [`labels`]).
///
/// The compiler also eliminates inputs: it replaces one by what a linear constraint makes of other wires, of which one
/// then has the input's freedom. That wire is taken as known when nothing else is left to conclude: the unknown of a
/// limb's range check or of a square, as many as there are inputs without a wire and no more.
pub fn analyse(r1cs: &R1cs, labels: &[u64], witness: &[Fr]) -> Report {
    analyse_given(r1cs, labels, witness, &[])
}

/// As [`analyse`], with some more wires known.
pub fn analyse_given(r1cs: &R1cs, labels: &[u64], witness: &[Fr], given: &[usize]) -> Report {
    assert_eq!(r1cs.check(witness), Ok(()));
    let inputs = input_labels(r1cs);
    let is_input = |wire: &usize| inputs.contains(&labels[*wire]);
    let mut present: Vec<usize> = (1..r1cs.num_wires).filter(is_input).collect();
    let absent = (inputs.end - inputs.start) as usize - present.len();
    present.extend(given);
    let mut analysis = Analysis::new(r1cs, &present, witness);
    let mut stand_ins = Vec::new();
    analysis.run();
    while stand_ins.len() < absent
        && let Some(wire) = analysis.stand_in()
    {
        stand_ins.push(wire);
        analysis.learn(wire);
        analysis.run();
    }
    Report {
        stand_ins,
        ..analysis.report()
    }
}

/// Labels of the inputs of `main`: the constant has label 0, then come outputs, public inputs and private inputs.
pub fn input_labels(r1cs: &R1cs) -> Range<u64> {
    let first = 1 + r1cs.num_outputs as u64;
    first..first + (r1cs.num_public_inputs + r1cs.num_private_inputs) as u64
}

/// The label of each wire: its number among all signals, before the compiler eliminated any. Section 3 of an r1cs file.
pub fn labels(r1cs: &Path) -> Vec<u64> {
    let bytes = std::fs::read(r1cs).unwrap();
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let mut at = 12;
    while bytes[at..at + 4] != [3, 0, 0, 0] {
        at += 12 + number(at + 4) as usize;
    }
    let end = at + 12 + number(at + 4) as usize;
    (at + 12..end).step_by(8).map(number).collect()
}

/// A linear form: a constant and wires with their coefficients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    pub constant: Fr,
    pub terms: BTreeMap<usize, Fr>,
}

impl Form {
    /// A row of a matrix; the constant is wire 0.
    pub fn row(matrix: &Matrix, row: usize) -> Self {
        let mut form = Self::default();
        for (wire, value) in matrix.row(row).filter(|(_, value)| *value != Fr::ZERO) {
            match wire {
                0 => form.constant = value,
                _ => drop(form.terms.insert(wire, value)),
            }
        }
        form
    }

    fn is_zero(&self) -> bool {
        self.constant == Fr::ZERO && self.terms.is_empty()
    }

    fn times(mut self, factor: Fr) -> Self {
        self.constant *= factor;
        self.terms.values_mut().for_each(|value| *value *= factor);
        self
    }

    /// `other = s * self` on the wires; the constants are not looked at.
    fn ratio(&self, other: &Self) -> Option<Fr> {
        let (first, second) = (self.terms.values().next()?, other.terms.values().next()?);
        let ratio = match *second {
            second if second == *first => Fr::ONE,
            second if second == -*first => -Fr::ONE,
            second => second / first,
        };
        let same = |((w, a), (v, b)): ((&usize, &Fr), (&usize, &Fr))| w == v && *a * ratio == *b;
        let matches =
            self.terms.len() == other.terms.len() && self.terms.iter().zip(&other.terms).all(same);
        matches.then_some(ratio)
    }

    /// The wire that the form is, if it is one.
    fn wire(&self) -> Option<usize> {
        match self.terms.first_key_value() {
            Some((&wire, &value)) if self.terms.len() == 1 => {
                (value == Fr::ONE && self.constant == Fr::ZERO).then_some(wire)
            }
            _ => None,
        }
    }

    /// The wire that the form or its complement is, if one is.
    pub fn bit(&self) -> Option<usize> {
        self.wire().or_else(|| self.complement().wire())
    }

    /// `1 - self`, which is a bit when this is one.
    fn complement(&self) -> Self {
        let mut form = self.clone().times(-Fr::ONE);
        form.constant += Fr::ONE;
        form
    }
}

/// The form L of a constraint `L (L - 1) = 0`, up to a factor of either side and to `1 - L`.
pub fn bit_form(r1cs: &R1cs, row: usize) -> Option<Form> {
    let mut products = r1cs.c.row(row);
    if products.any(|(_, value)| value != Fr::ZERO) {
        return None;
    }
    let (a, b) = (Form::row(&r1cs.a, row), Form::row(&r1cs.b, row));
    let ratio = a.ratio(&b)?;
    // a (s a + t) = 0: the form is 0 or -t/s.
    let shift = ratio * a.constant - b.constant;
    let other = if ratio == Fr::ONE {
        shift
    } else {
        shift / ratio
    };
    if other == Fr::ONE {
        return Some(a);
    }
    Some(a.times(other.inverse()?))
}

struct Analysis<'a> {
    r1cs: &'a R1cs,
    /// Values of the wires, then of the forms L.
    values: Vec<Fr>,
    known: Vec<bool>,
    /// The forms L of constraints `L (L - 1) = 0` with more than one wire; they are unknowns numbered after the wires.
    forms: BTreeMap<usize, Form>,
    /// Products that a constraint makes 0, other than those of a bit and its complement.
    products: Vec<[Form; 2]>,
    /// Constraints by wire: any, those whose first factor it is in, those whose second.
    any: Incidence,
    factors: [Incidence; 2],
    /// Unknown wires of each constraint's factors.
    unknown: [Vec<u32>; 2],
    /// The systems [`ALL`], [`PLAIN`] and [`BITS`].
    systems: [System; 3],
    is_bit: Vec<bool>,
    /// Equations in `pending`.
    awaited: BTreeSet<(usize, usize)>,
    pending: VecDeque<Pending>,
}

/// Equations between all unknowns, solved for wires that are no bits.
const ALL: usize = 0;
/// Those of them without bits, which nothing may bring bits into.
const PLAIN: usize = 1;
/// Those that are left between bits only, solved for bits: this parts the words that one coefficient spans.
const BITS: usize = 2;

/// A constraint, or an equation of a system, that may say something.
enum Pending {
    Line(usize),
    Equation(usize, usize),
}

impl<'a> Analysis<'a> {
    fn new(r1cs: &'a R1cs, inputs: &[usize], witness: &[Fr]) -> Self {
        let count = r1cs.num_constraints();
        let mut analysis = Self {
            r1cs,
            values: witness.to_vec(),
            known: vec![false; r1cs.num_wires],
            forms: BTreeMap::new(),
            products: Vec::new(),
            any: Incidence::new(r1cs, &[&r1cs.a, &r1cs.b, &r1cs.c]),
            factors: [&r1cs.a, &r1cs.b].map(|matrix| Incidence::new(r1cs, &[matrix])),
            unknown: [vec![0; count], vec![0; count]],
            systems: Default::default(),
            is_bit: vec![false; r1cs.num_wires],
            awaited: BTreeSet::new(),
            pending: VecDeque::new(),
        };
        // The constant and the inputs are known.
        analysis.known[0] = true;
        inputs.iter().for_each(|&wire| analysis.known[wire] = true);
        analysis.find_bits();
        let bits = (0..).zip(&analysis.is_bit).filter(|(_, is_bit)| **is_bit);
        analysis.systems[ALL].unsolved = bits.map(|(wire, _)| wire).collect();
        analysis.start();
        analysis
    }

    fn find_bits(&mut self) {
        for row in 0..self.r1cs.num_constraints() {
            let Some(form) = bit_form(self.r1cs, row) else {
                if Form::row(&self.r1cs.c, row).is_zero() {
                    let factors = [&self.r1cs.a, &self.r1cs.b];
                    self.products
                        .push(factors.map(|matrix| Form::row(matrix, row)));
                }
                continue;
            };
            if let Some(wire) = form.bit() {
                self.is_bit[wire] = true;
                continue;
            }
            let terms = form
                .terms
                .iter()
                .map(|(&wire, &value)| value * self.values[wire]);
            let value = form.constant + terms.sum::<Fr>();
            self.forms.insert(self.values.len(), form);
            self.values.push(value);
            self.known.push(false);
            self.is_bit.push(true);
        }
    }

    fn start(&mut self) {
        for wire in (1..self.r1cs.num_wires).filter(|&wire| !self.known[wire]) {
            for (counts, incidence) in self.unknown.iter_mut().zip(&self.factors) {
                incidence
                    .rows(wire)
                    .iter()
                    .for_each(|&row| counts[row as usize] += 1);
            }
        }
        for row in 0..self.r1cs.num_constraints() {
            if self.unknown.iter().any(|counts| counts[row] == 0) {
                self.pending.push_back(Pending::Line(row));
            }
        }
        let line = |(&bit, form): (&usize, &Form)| {
            let terms = form.terms.iter().filter(|(wire, _)| !self.known[**wire]);
            let negated = terms.map(|(&wire, &value)| (wire, -value));
            negated.chain([(bit, Fr::ONE)]).collect()
        };
        let lines: Vec<BTreeMap<usize, Fr>> = self.forms.iter().map(line).collect();
        lines.into_iter().for_each(|line| self.insert(line));
    }

    fn insert(&mut self, line: BTreeMap<usize, Fr>) {
        if line.keys().all(|&wire| !self.is_bit[wire]) {
            let changed = self.systems[PLAIN].insert(line.clone());
            self.await_equations(PLAIN, changed);
        }
        let changed = self.systems[ALL].insert(line);
        self.await_equations(ALL, changed);
    }

    fn await_equations(&mut self, system: usize, indices: Vec<usize>) {
        for index in indices {
            if self.awaited.insert((system, index)) {
                self.pending.push_back(Pending::Equation(system, index));
            }
        }
    }

    fn run(&mut self) {
        while let Some(pending) = self.pending.pop_front() {
            match pending {
                Pending::Line(row) => {
                    let line = self.line(row);
                    match line.len() {
                        1 => line.into_keys().for_each(|wire| self.learn(wire)),
                        _ => self.insert(line),
                    }
                }
                Pending::Equation(system, index) => {
                    self.awaited.remove(&(system, index));
                    let fixed = self.fixed_by(system, index);
                    fixed.into_iter().for_each(|wire| self.learn(wire));
                }
            }
        }
    }

    fn learn(&mut self, wire: usize) {
        if std::mem::replace(&mut self.known[wire], true) {
            return;
        }
        for system in [ALL, PLAIN, BITS] {
            let changed = self.systems[system].remove(wire);
            self.await_equations(system, changed);
        }
        if wire >= self.r1cs.num_wires {
            return;
        }
        for (factor, incidence) in self.factors.iter().enumerate() {
            for &row in incidence.rows(wire) {
                let row = row as usize;
                self.unknown[factor][row] -= 1;
                // Once is enough: the equation follows what is learned later.
                if self.unknown[factor][row] == 0 && self.unknown[1 - factor][row] > 0 {
                    self.pending.push_back(Pending::Line(row));
                }
            }
        }
    }

    /// Unknowns to which an equation leaves one value.
    fn fixed_by(&mut self, system: usize, index: usize) -> Vec<usize> {
        let Some(equation) = self.systems[system].equations.get(&index).cloned() else {
            return Vec::new();
        };
        let wires: Vec<usize> = equation.keys().copied().collect();
        if wires.len() == 1 {
            return wires;
        }
        if wires.iter().any(|&wire| !self.is_bit[wire]) {
            return Vec::new();
        }
        let is_unique = self.digit_sum(&equation).is_some_and(|sum| sum < modulus());
        if is_unique || self.top_is_bounded(&equation) {
            return wires;
        }
        if system == ALL {
            let changed = self.systems[BITS].insert(equation);
            self.await_equations(BITS, changed);
        }
        Vec::new()
    }

    /// Nonzero coefficients of the unknown wires of a constraint of which one factor is known.
    fn line(&self, row: usize) -> BTreeMap<usize, Fr> {
        let [a, b, c] = [&self.r1cs.a, &self.r1cs.b, &self.r1cs.c];
        let (factor, value) = match self.unknown[0][row] {
            0 => (b, a.product(row, &self.values)),
            _ => (a, b.product(row, &self.values)),
        };
        let mut coefficients = BTreeMap::new();
        let scaled = factor
            .row(row)
            .map(|(wire, coefficient)| (wire, coefficient * value));
        let negated = c.row(row).map(|(wire, coefficient)| (wire, -coefficient));
        for (wire, coefficient) in scaled.chain(negated).filter(|(wire, _)| !self.known[*wire]) {
            *coefficients.entry(wire).or_insert(Fr::ZERO) += coefficient;
        }
        coefficients.retain(|_, value| *value != Fr::ZERO);
        coefficients
    }

    /// The greatest sum of digits when no two choices of them have the same, `None` when some may.
    fn digit_sum(&self, equation: &BTreeMap<usize, Fr>) -> Option<BigUint> {
        if let Some(powers) = powers_of_two(equation) {
            let places: BTreeSet<u64> = powers.values().map(|(place, _)| *place).collect();
            let sum = places
                .iter()
                .map(|place| BigUint::from(1u32) << *place)
                .sum();
            return (places.len() == powers.len()).then_some(sum);
        }
        if equation.len() > MOST_DIGITS {
            return None;
        }
        let inverses = equation
            .values()
            .filter_map(|coefficient| coefficient.inverse());
        std::iter::once(Fr::ONE).chain(inverses).find_map(|scale| {
            let weights = equation
                .iter()
                .map(|(&wire, &value)| (magnitude(value * scale), wire));
            let mut weights: Vec<(BigUint, usize)> = weights.collect();
            weights.sort();
            self.ternary_sum(&weights)
        })
    }

    /// The sum of weights, in ascending order, each greater than the sum of those before it; bits that exclude each other
    /// make one digit.
    fn ternary_sum(&self, weights: &[(BigUint, usize)]) -> Option<BigUint> {
        let mut sum = BigUint::ZERO;
        let mut rest = weights;
        while let [(weight, wire), others @ ..] = rest {
            if *weight <= sum {
                return None;
            }
            rest = others;
            let mut greatest = weight;
            if let [(next, other), others @ ..] = rest
                && *next > weight + &sum
                && self.exclude_each_other(*wire, *other)
            {
                (greatest, rest) = (next, others);
            }
            sum += greatest;
        }
        Some(sum)
    }

    /// Whether a constraint says that the product of two bits is 0.
    fn exclude_each_other(&self, one: usize, two: usize) -> bool {
        let form = |unknown: usize| match self.forms.get(&unknown) {
            Some(form) => form.clone(),
            None => Form {
                terms: [(unknown, Fr::ONE)].into(),
                ..Form::default()
            },
        };
        let (one, two) = (form(one), form(two));
        let is_multiple = |form: &Form, of: &Form| {
            of.ratio(form)
                .is_some_and(|ratio| form.constant == ratio * of.constant)
        };
        self.products.iter().any(|[a, b]| {
            is_multiple(a, &one) && is_multiple(b, &two)
                || is_multiple(b, &one) && is_multiple(a, &two)
        })
    }

    /// Rule 3 for `sum 2^j b_j = known`: another equation keeps the bits from being those of the sum plus r.
    fn top_is_bounded(&self, equation: &BTreeMap<usize, Fr>) -> bool {
        let mut places = BTreeMap::new();
        for (wire, (place, is_negative)) in powers_of_two(equation).unwrap_or_default() {
            if is_negative || places.insert(place, wire).is_some() {
                return false;
            }
        }
        let Some((_, top)) = places.last_key_value() else {
            return false;
        };
        let all = &self.systems[ALL];
        let others = all.places.get(top).into_iter().flatten();
        let others = others.map(|index| &all.equations[index]);
        others
            .filter(|other| *other != equation)
            .any(|other| self.bounds_top(other, &places))
    }

    /// Whether an equation says `T + h = C` with integers `h >= 0` and T the topmost bits of a word, such that the word
    /// is below r. `places` has the word's bits by their exponents.
    fn bounds_top(&self, equation: &BTreeMap<usize, Fr>, places: &BTreeMap<u64, usize>) -> bool {
        let (Some((&greatest, top)), Some(powers)) =
            (places.last_key_value(), powers_of_two(equation))
        else {
            return false;
        };
        let is_sum_of_bits = powers
            .iter()
            .all(|(wire, (_, negative))| self.is_bit[*wire] && !negative);
        let own = powers.get(top).map(|(own, _)| *own);
        let Some(shift) = own
            .and_then(|own| greatest.checked_sub(own))
            .filter(|_| is_sum_of_bits)
        else {
            return false;
        };
        let is_in_top =
            |(wire, (own, _)): &(&usize, &(u64, bool))| places.get(&(own + shift)) == Some(*wire);
        let in_top = powers.iter().filter(is_in_top).count() as u64;
        let power = |wire: &usize| BigUint::from(1u32) << powers[wire].0;
        let left: BigUint = equation.keys().map(power).sum();
        let bound: Fr = equation
            .keys()
            .map(|wire| Fr::from(power(wire)) * self.values[*wire])
            .sum();
        let bound = BigUint::from(bound.into_bigint());
        // The left side is below r, so the equation modulo r is one of integers.
        in_top == greatest + 1 - shift && left < modulus() && (bound + 1u32) << shift <= modulus()
    }

    /// The one unknown of a limb's range check besides its bits, or of a square.
    fn stand_in(&self) -> Option<usize> {
        const LIMB_TERMS: usize = 16;
        let is_open = |wire: &usize| !self.known[*wire] && !self.is_bit[*wire];
        let equations = self.systems[ALL]
            .equations
            .values()
            .filter(|e| e.len() <= LIMB_TERMS);
        let open = equations.filter_map(|equation| {
            let mut wires = equation.keys().copied().filter(is_open);
            wires.next().filter(|_| wires.next().is_none())
        });
        open.min().or_else(|| {
            let is_square = |row: &usize| {
                self.unknown.iter().all(|counts| counts[*row] == 1)
                    && Form::row(&self.r1cs.a, *row)
                        .ratio(&Form::row(&self.r1cs.b, *row))
                        .is_some()
            };
            let row = (0..self.r1cs.num_constraints()).find(is_square)?;
            self.r1cs.a.row(row).map(|(wire, _)| wire).find(is_open)
        })
    }

    fn report(&self) -> Report {
        let is_unused = |wire: &usize| self.any.rows(*wire).is_empty();
        let (unused, rest): (Vec<_>, Vec<_>) = (1..self.r1cs.num_wires)
            .filter(|&wire| !self.known[wire] || is_unused(&wire))
            .partition(is_unused);
        let (idle, loose) = rest.into_iter().partition(|&wire| self.is_idle(wire));
        Report {
            unused,
            loose,
            idle,
            ..Report::default()
        }
    }

    /// Whether the coefficient of a wire is 0 in each of its constraints, all others having their values.
    fn is_idle(&self, wire: usize) -> bool {
        self.any.rows(wire).iter().all(|&row| {
            let row = row as usize;
            let is_line = self.unknown.iter().any(|counts| counts[row] == 0);
            is_line && !self.line(row).contains_key(&wire)
        })
    }
}

/// Linear equations between unknowns. Each that is not between bits only has a pivot, a wire that no other contains.
#[derive(Default)]
struct System {
    /// Unknowns that are no pivots.
    unsolved: BTreeSet<usize>,
    equations: BTreeMap<usize, BTreeMap<usize, Fr>>,
    /// The equation whose pivot a wire is.
    pivots: HashMap<usize, usize>,
    /// The equations that a wire is in.
    places: HashMap<usize, BTreeSet<usize>>,
    next: usize,
}

impl System {
    /// Adds an equation and gives those that are new or other ones now.
    fn insert(&mut self, line: BTreeMap<usize, Fr>) -> Vec<usize> {
        let mut equation = BTreeMap::new();
        for (wire, value) in line {
            match self.pivots.get(&wire) {
                // The pivot of a solved equation stands for the rest of it.
                Some(index) => subtract(&mut equation, &self.equations[index], wire, value),
                None => add(&mut equation, wire, value),
            }
        }
        if equation.is_empty() {
            return Vec::new();
        }
        let index = self.next;
        self.next += 1;
        // The latest wire: what a constraint defines rather than what it is defined by.
        let mut wires = equation.keys().copied().rev();
        let Some(pivot) = wires.find(|wire| !self.unsolved.contains(wire)) else {
            self.put(index, equation);
            return vec![index];
        };
        let inverse = equation[&pivot]
            .inverse()
            .expect("only nonzero coefficients are kept");
        equation.values_mut().for_each(|value| *value *= inverse);
        let mut changed: Vec<usize> = self
            .places
            .get(&pivot)
            .into_iter()
            .flatten()
            .copied()
            .collect();
        for &index in &changed {
            let old = self.take(index);
            let (value, mut new) = (old[&pivot], old);
            subtract(&mut new, &equation, usize::MAX, value);
            self.put(index, new);
        }
        self.pivots.insert(pivot, index);
        self.put(index, equation);
        changed.push(index);
        changed
    }

    /// Takes a wire that became known out of all equations and gives those.
    fn remove(&mut self, wire: usize) -> Vec<usize> {
        let changed: Vec<usize> = self.places.remove(&wire).into_iter().flatten().collect();
        for index in &changed {
            if let Some(equation) = self.equations.get_mut(index) {
                equation.remove(&wire);
            }
        }
        // Without its pivot an equation has to be solved for another wire.
        if let Some(index) = self.pivots.remove(&wire) {
            let rest = self.take(index);
            let mut again = self.insert(rest);
            again.extend(changed);
            return again;
        }
        changed
    }

    fn take(&mut self, index: usize) -> BTreeMap<usize, Fr> {
        let equation = self.equations.remove(&index).unwrap_or_default();
        for wire in equation.keys() {
            if let Some(places) = self.places.get_mut(wire) {
                places.remove(&index);
            }
        }
        equation
    }

    fn put(&mut self, index: usize, equation: BTreeMap<usize, Fr>) {
        for &wire in equation.keys() {
            self.places.entry(wire).or_default().insert(index);
        }
        self.equations.insert(index, equation);
    }
}

/// The smaller of the integers that stand for a value and its negative.
fn magnitude(value: Fr) -> BigUint {
    let [positive, negative] = [value, -value].map(|value| BigUint::from(value.into_bigint()));
    positive.min(negative)
}

/// The coefficients as powers of two, up to a common factor that makes the least of them and the first sign positive:
/// exponent, and whether the sign differs.
fn powers_of_two(equation: &BTreeMap<usize, Fr>) -> Option<BTreeMap<usize, (u64, bool)>> {
    let power = |value: &Fr| match (POWERS.get(value), POWERS.get(&-*value)) {
        (Some(place), _) => Some((*place, false)),
        (_, Some(place)) => Some((*place, true)),
        _ => None,
    };
    let powers: Option<Vec<(i64, bool)>> = equation.values().map(power).collect();
    let powers = powers?;
    let least = powers.iter().map(|(place, _)| *place).min()?;
    let sign = powers[0].1;
    let scaled = powers
        .iter()
        .map(|(place, negative)| ((place - least) as u64, *negative != sign));
    Some(equation.keys().copied().zip(scaled).collect())
}

/// More bits than any sum has whose weights are no powers of two.
const MOST_DIGITS: usize = 64;

/// 2^j and j for -253 <= j <= 253.
static POWERS: LazyLock<HashMap<Fr, i64>> = LazyLock::new(|| {
    let half = Fr::from(2u64).inverse().expect("2 is not 0");
    let up = (0..254).map(|j| (Fr::from(2u64).pow([j as u64]), j));
    up.chain((1..254).map(|j| (half.pow([j as u64]), -j)))
        .collect()
});

fn modulus() -> BigUint {
    Fr::MODULUS.into()
}

fn add(equation: &mut BTreeMap<usize, Fr>, wire: usize, value: Fr) {
    let sum = equation.entry(wire).or_insert(Fr::ZERO);
    *sum += value;
    if *sum == Fr::ZERO {
        equation.remove(&wire);
    }
}

/// `equation - factor * other`, without the wire `except`.
fn subtract(
    equation: &mut BTreeMap<usize, Fr>,
    other: &BTreeMap<usize, Fr>,
    except: usize,
    factor: Fr,
) {
    for (&wire, &value) in other.iter().filter(|(wire, _)| **wire != except) {
        add(equation, wire, -factor * value);
    }
}

/// The constraints of each wire in some matrices: those of wire `w` are `rows[starts[w]..starts[w + 1]]`.
struct Incidence {
    starts: Vec<usize>,
    rows: Vec<u32>,
}

impl Incidence {
    fn new(r1cs: &R1cs, matrices: &[&Matrix]) -> Self {
        let mut pairs = Vec::new();
        for row in 0..r1cs.num_constraints() {
            for matrix in matrices {
                let wires = matrix.row(row).filter(|(_, value)| *value != Fr::ZERO);
                pairs.extend(wires.map(|(wire, _)| (wire as u32, row as u32)));
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        let mut starts = vec![0; r1cs.num_wires + 1];
        for &(wire, _) in &pairs {
            starts[wire as usize + 1] += 1;
        }
        for wire in 0..r1cs.num_wires {
            starts[wire + 1] += starts[wire];
        }
        let rows = pairs.into_iter().map(|(_, row)| row).collect();
        Self { starts, rows }
    }

    fn rows(&self, wire: usize) -> &[u32] {
        &self.rows[self.starts[wire]..self.starts[wire + 1]]
    }
}
