//! Poseidon as Yul, for the inline assembly of a contract.
//!
//! Sums of products are left unreduced while they fit 256 bits, which five values below r do: `mulmod` takes any word. What a
//! hash knows of its inputs beforehand (a tag, a digest of keys) is carried through the first round when the code is made.
//!
//! Variables are declared in the order in which the EVM can still reach them: it sees sixteen places deep.

use ark_ff::{AdditiveGroup, Field, PrimeField};
use trifold_verifier::Fr;
use trifold_verifier::poseidon::{FULL_ROUNDS, Parameters};

use super::recurrence::Recurrence;
use super::sum::{Term, sum};
use crate::text::{indent, modulus, word};

/// Values below r that a word holds the sum of.
pub const SUMMANDS: usize = 5;
/// Where the table of constants begins in memory: above what Solidity keeps for itself.
const TABLE: usize = 0x80;
const WORD: usize = 32;
/// Widest state whose next lanes are kept on the stack; wider ones go through memory.
const STACKED: usize = 7;
/// Lanes and factors that are on the stack together, at most, while the partial rounds turn.
const AT_HAND: usize = 8;

/// An input: known now, or a Yul expression for a word below r.
pub enum Input {
    Known(Fr),
    Given(String),
}

/// Where the recurrence's factors are that the stack has no room for.
#[derive(Clone, Copy)]
pub enum Factors {
    /// In the code, wherever one is used: the least gas.
    Inline,
    /// In memory: the least code.
    Stored,
}

/// Yul for one hash: `table` is run once, `body` then as often as one likes; it leaves the hash, below r, in `hash`.
pub struct Code {
    pub table: String,
    pub body: String,
}

impl Code {
    /// `inputs` are as many as the parameters' state has lanes but one.
    pub fn new(parameters: &Parameters, inputs: &[Input], factors: Factors) -> Self {
        let capacity = Input::Known(Fr::ZERO);
        let lanes = std::iter::once(&capacity).chain(inputs).collect();
        let recurrence = Recurrence::new(parameters);
        Writer {
            recurrence,
            inputs: lanes,
            factors,
            table: Vec::new(),
        }
        .code()
    }
}

struct Writer<'a> {
    recurrence: Recurrence,
    inputs: Vec<&'a Input>,
    factors: Factors,
    table: Vec<Fr>,
}

impl<'a> Writer<'a> {
    fn code(mut self) -> Code {
        let half = FULL_ROUNDS / 2;
        let stored = self.store_factors();
        let start = self.address();
        let first = self.first_rounds();
        self.put(half - 1);
        let middle = self.address();
        self.table.extend(self.recurrence.partial[1..].to_vec());
        let turned = self.address();
        (half..FULL_ROUNDS).for_each(|round| self.put(round));
        let end = self.address();
        let rounds = [
            self.s_boxes(),
            format!("at := add(at, {:#x})\n", WORD * self.width()),
            format!("if eq(at, {end:#x}) {{ break }}\n"),
            self.middle(middle, turned, &stored),
            self.matrix(),
        ];
        let body = [
            self.declarations(start),
            first,
            format!("for {{}} 1 {{}} {{\n{}}}\n", indent(&rounds.concat())),
            format!(
                "hash := mod({}, q)\n",
                sum(self.products(&self.recurrence.mds[0]), SUMMANDS)
            ),
        ];
        Code {
            table: self.stores(),
            body: body.concat(),
        }
    }

    /// Puts the factors that the stack has no room for into the table, if that is where they shall be, and says where they are.
    fn store_factors(&mut self) -> Vec<(Fr, String)> {
        let Recurrence {
            feedback, output, ..
        } = &self.recurrence;
        let distant = match self.factors {
            Factors::Inline => 0,
            Factors::Stored => usize::MAX,
        };
        let named = feedback
            .iter()
            .chain(output)
            .filter(|factor| **factor != Fr::ONE);
        let stored: Vec<Fr> = named.skip(self.at_hand()).take(distant).copied().collect();
        let place = |factor: &Fr| {
            self.table.push(*factor);
            (*factor, format!("mload({:#x})", self.address() - WORD))
        };
        stored.iter().map(place).collect()
    }

    /// How many factors of the recurrence the stack has room for.
    fn at_hand(&self) -> usize {
        AT_HAND.saturating_sub(self.width())
    }

    /// Puts the constants of the rounds before the middle one into the table, and says what comes before their loop: the
    /// inputs as lanes, or the first round where most of them are known.
    fn first_rounds(&mut self) -> String {
        let given = self
            .inputs
            .iter()
            .filter(|input| matches!(input, Input::Given(_)))
            .count();
        let apart = 2 * given < self.width();
        if apart {
            let known = self.known_after_first_round();
            let second = self.recurrence.full[1]
                .iter()
                .zip(known)
                .map(|(c, known)| *c + known);
            self.table.extend(second.collect::<Vec<_>>());
        } else {
            (0..2).for_each(|round| self.put(round));
        }
        (2..FULL_ROUNDS / 2 - 1).for_each(|round| self.put(round));
        if apart {
            self.first_round()
        } else {
            self.lanes()
        }
    }

    fn put(&mut self, round: usize) {
        self.table.extend(self.recurrence.full[round].iter());
    }

    /// Where the next constant will be in memory.
    fn address(&self) -> usize {
        TABLE + WORD * self.table.len()
    }

    fn stores(&self) -> String {
        let store =
            |(i, c): (usize, &Fr)| format!("mstore({:#x}, {})\n", TABLE + WORD * i, word(c));
        self.table.iter().enumerate().map(store).collect()
    }

    fn width(&self) -> usize {
        self.recurrence.width()
    }

    /// The last one is the easiest to reach. Where the next lanes are on the stack, the present ones have to be.
    fn declarations(&self, start: usize) -> String {
        let lanes: Vec<String> = (0..self.width()).map(|i| format!("x{i}")).collect();
        let (lanes, modulus) = (lanes.join(", "), modulus::<Fr>());
        let (before, after) = match self.stacked() {
            true => ("let square\n", ""),
            false => ("", "let square\n"),
        };
        format!("let at := {start:#x}\n{before}let spare\nlet q := {modulus}\nlet {lanes}\n{after}")
    }

    fn stacked(&self) -> bool {
        self.width() <= STACKED
    }

    fn lanes(&self) -> String {
        let lane = |(i, input): (usize, &&Input)| match input {
            Input::Known(value) => format!("x{i} := {}\n", word(value)),
            Input::Given(expression) => format!("x{i} := {expression}\n"),
        };
        self.inputs.iter().enumerate().map(lane).collect()
    }

    /// What the lanes that are known beforehand add to each lane in the first round.
    fn known_after_first_round(&self) -> Vec<Fr> {
        let lanes = self.inputs.iter().zip(&self.recurrence.full[0]);
        let power = |(input, constant): (&&Input, &Fr)| match input {
            Input::Known(value) => (*value + constant).pow([5]),
            Input::Given(_) => Fr::ZERO,
        };
        let known: Vec<Fr> = lanes.map(power).collect();
        let dot = |row: &Vec<Fr>| row.iter().zip(&known).map(|(a, b)| *a * b).sum();
        self.recurrence.mds.iter().map(dot).collect()
    }

    /// The round on the lanes that are given; what the others add is in the constants of the second round.
    fn first_round(&self) -> String {
        let inputs = self.inputs.iter().enumerate();
        let given: Vec<(usize, &String)> = inputs
            .filter_map(|(i, input)| match input {
                Input::Given(expression) => Some((i, expression)),
                Input::Known(_) => None,
            })
            .collect();
        let lane = |(i, expression): &(usize, &String)| {
            let constant = word(&self.recurrence.full[0][*i]);
            format!(
                "x{i} := add({expression}, {constant})\n{}\n",
                power(&format!("x{i}"))
            )
        };
        let row = |row: &Vec<Fr>| {
            let terms = given
                .iter()
                .map(|(i, _)| product(&row[*i], &format!("x{i}")));
            sum(terms.collect(), SUMMANDS - 1)
        };
        let powers: String = given.iter().map(lane).collect();
        powers + &self.assign(self.recurrence.mds.iter().map(row).collect())
    }

    fn matrix(&self) -> String {
        let rows = self
            .recurrence
            .mds
            .iter()
            .map(|row| sum(self.products(row), SUMMANDS - 1));
        self.assign(rows.collect())
    }

    /// A row of a matrix, times the lanes.
    fn products(&self, row: &[Fr]) -> Vec<Term> {
        row.iter()
            .enumerate()
            .map(|(i, factor)| product(factor, &format!("x{i}")))
            .collect()
    }

    /// Adds each lane's constant and raises it.
    fn s_boxes(&self) -> String {
        let lane = |i| {
            format!(
                "x{i} := add(x{i}, {})\n{}\n",
                constant(i),
                power(&format!("x{i}"))
            )
        };
        (0..self.width()).map(lane).collect()
    }

    /// The lanes' next values, all from their present ones.
    fn assign(&self, next: Vec<String>) -> String {
        let scratch = |i| TABLE + WORD * (self.table.len() + i);
        let (keep, take): (String, String) = next
            .iter()
            .enumerate()
            .map(|(i, value)| match self.stacked() {
                true => (format!("let z{i} := {value}\n"), format!("x{i} := z{i}\n")),
                false => (
                    format!("mstore({:#x}, {value})\n", scratch(i)),
                    format!("x{i} := mload({:#x})\n", scratch(i)),
                ),
            })
            .unzip();
        format!("{{\n{}}}\n", indent(&(keep + &take)))
    }

    /// When `at` comes to the middle: another matrix, the partial rounds, and back to lanes.
    fn middle(&self, middle: usize, turned: usize, stored: &[(Fr, String)]) -> String {
        let step = WORD * self.width();
        let factors = self.factors_at_hand();
        let declare = |(factor, name): &(Fr, String)| format!("let {name} := {}\n", word(factor));
        let declarations: String = factors.iter().map(declare).collect();
        let names = [&factors, stored].concat();
        let turns = format!(
            "{declarations}for {{}} lt(at, {turned:#x}) {{ at := add(at, {step:#x}) }} {{\n{}}}\n",
            indent(&self.turn(&names)),
        );
        let steps = [
            self.assign(self.entering()),
            format!("{{\n{}}}\n", indent(&turns)),
            self.assign(self.leaving()),
            "continue\n".into(),
        ];
        format!("if eq(at, {middle:#x}) {{\n{}}}\n", indent(&steps.concat()))
    }

    /// What the lanes become before the partial rounds: s with its first constant, and the registers, the oldest first.
    fn entering(&self) -> Vec<String> {
        let Recurrence { enter, partial, .. } = &self.recurrence;
        let mut first = self.products(&enter[0]);
        first.push(Term::Reduced(word(&partial[0])));
        let registers = enter[1..]
            .iter()
            .rev()
            .map(|row| sum(self.products(row), SUMMANDS));
        std::iter::once(sum(first, SUMMANDS))
            .chain(registers)
            .collect()
    }

    /// Those factors with their names: they are shorter to name than to write.
    fn factors_at_hand(&self) -> Vec<(Fr, String)> {
        let Recurrence {
            feedback, output, ..
        } = &self.recurrence;
        let named = feedback
            .iter()
            .chain(output)
            .filter(|factor| **factor != Fr::ONE);
        let first = named.take(self.at_hand()).enumerate();
        first
            .map(|(i, factor)| (*factor, format!("k{i}")))
            .collect()
    }

    /// As many partial rounds as there are registers.
    fn turn(&self, names: &[(Fr, String)]) -> String {
        let t = self.width();
        let register = |i: usize| match i % t {
            0 => "spare".into(),
            i => format!("x{i}"),
        };
        let times =
            |factor: &Fr, register: String| match names.iter().find(|(known, _)| known == factor) {
                Some((_, name)) => Term::Reduced(format!("mulmod({name}, {register}, q)")),
                None => product(factor, &register),
            };
        let Recurrence {
            feedback, output, ..
        } = &self.recurrence;
        let round = |k: usize| {
            let older = |i: usize| register(k + t - i);
            let mut newest = vec![Term::Reduced("mulmod(mulmod(y, y, q), x0, q)".into())];
            newest.extend(
                feedback
                    .iter()
                    .enumerate()
                    .map(|(i, a)| times(a, older(i + 1))),
            );
            let outputs = output.iter().enumerate();
            let mut next = vec![Term::Reduced(constant(k))];
            next.extend(outputs.map(|(i, b)| times(b, older(i))));
            let (newest, next) = (sum(newest, SUMMANDS), sum(next, SUMMANDS));
            let text = format!(
                "let y := mulmod(x0, x0, q)\n{} := {newest}\nx0 := {next}\n",
                register(k)
            );
            format!("{{\n{}}}\n", indent(&text))
        };
        (0..t).map(round).collect()
    }

    /// From the registers back to the lanes. Lane 0 takes along its constant of the next round.
    fn leaving(&self) -> Vec<String> {
        let row = |row: &Vec<Fr>| {
            let factors = row[1..].iter().rev().enumerate();
            let terms = factors.map(|(i, factor)| product(factor, &format!("x{}", i + 1)));
            sum(terms.collect(), SUMMANDS - 1)
        };
        let leave = &self.recurrence.leave;
        let first = sum(vec![product(&leave[0][0], "x0")], SUMMANDS - 1);
        std::iter::once(first)
            .chain(leave[1..].iter().map(row))
            .collect()
    }
}

/// The i-th constant from where `at` is.
fn constant(i: usize) -> String {
    match i {
        0 => "mload(at)".into(),
        i => format!("mload(add(at, {:#x}))", WORD * i),
    }
}

/// Raises a variable to the fifth power.
fn power(x: &str) -> String {
    format!("square := mulmod({x}, {x}, q)\n{x} := mulmod(mulmod(square, square, q), {x}, q)")
}

fn product(factor: &Fr, variable: &str) -> Term {
    match *factor == Fr::ONE {
        true => Term::Unreduced(variable.into()),
        false => Term::Reduced(format!("mulmod({}, {variable}, q)", word(factor))),
    }
}

const _: () = assert!(
    Fr::MODULUS.0[3] >> 61 == 1,
    "five values below r fit 256 bits"
);
