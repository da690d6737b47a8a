//! The compiled circuit for one proof, its honest witness, and which constraints a witness violates.

use crate::analysis::{Form, bit_form, labels};
use crate::circuit::Circuit;
use crate::native::{Instance, check, honest_but, plan, snarkjs};
use ark_bn254::Fr;
use ark_ff::{Field, One, Zero};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;
use trifold_circuits::artifacts::{Checkout, Manifest};
use trifold_circuits::groth16::advice::{Deviation, Numbers, advise_dishonestly};
use trifold_circuits::groth16::oracle::{Challenges, Claim, Refusal, challenges};
use trifold_circuits::groth16::{Plan, PreparedKey, advise};
use trifold_circuits::inputs::Inputs;

pub static VERIFIER: LazyLock<Verifier> = LazyLock::new(Verifier::new);

/// The input signals of `verify_one.circom` in their order, with their sizes.
const SIGNALS: [(&str, usize); 12] = [
    ("x", 1),
    ("key", 1),
    ("u1", 541 * 17),
    ("u2", 139 * 17),
    ("u3s", 21 * 17),
    ("u3", 222 * 17),
    ("nonce", 1),
    ("e_bits", 258),
    ("vkw", 1152),
    ("r_limbs", 69),
    ("k_checked", 149),
    ("k_free", 251),
];

pub struct Verifier {
    pub circuit: Circuit,
    pub labels: Vec<u64>,
    pub plan: Plan,
    pub instance: Instance,
    pub key: PreparedKey,
    pub inputs: Inputs,
    pub witness: Vec<Fr>,
    pub challenges: Challenges,
    /// Wires by label.
    wires: HashMap<u64, usize>,
    /// Constraints `L (L - 1) = 0`, except those of single wires.
    pub forms: BTreeMap<usize, Form>,
    /// Constraints `b (b - 1) = 0` by wire.
    pub bits: BTreeMap<usize, usize>,
    /// The equation of each group.
    pub groups: Vec<usize>,
}

/// What a violated constraint says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// This wire is a bit.
    Bit(usize),
    /// The lowest bit of a value, implied by the others, is one. By constraint.
    Lowest(usize),
    /// The equation of a group.
    Group(usize),
    /// Anything else.
    Other(usize),
}

impl Verifier {
    fn new() -> Self {
        let manifest = Manifest::load(&Checkout::find().unwrap()).unwrap();
        let spec = manifest.get("verify-one").unwrap();
        let artifact = Checkout::find().unwrap().compile(spec, &|_| {}).unwrap();
        let labels = labels(&artifact.r1cs);
        let (instance, plan) = (snarkjs(), plan(1));
        let key = instance.prepared();
        let advice = advise(&plan, &[&key], &[instance.slot()], &[0]).unwrap();
        let claim = Claim {
            x: &[instance.x],
            active: &[true],
            digests: &[key.digest()],
            key_of: &[0],
        };
        let challenges = challenges(&plan, &advice, &claim).unwrap();
        let mut verifier = Self {
            circuit: Circuit::listed("verify-one"),
            wires: (0..)
                .zip(&labels)
                .map(|(wire, &label)| (label, wire))
                .collect(),
            labels,
            inputs: with_claim(advice, instance.x, key.digest()),
            plan,
            instance,
            key,
            witness: Vec::new(),
            challenges,
            forms: BTreeMap::new(),
            bits: BTreeMap::new(),
            groups: Vec::new(),
        };
        verifier.witness = verifier.circuit.honest_witness(&verifier.inputs);
        verifier.sort_constraints();
        verifier
    }

    fn sort_constraints(&mut self) {
        let r1cs = &self.circuit.r1cs;
        for row in 0..r1cs.num_constraints() {
            match bit_form(r1cs, row) {
                None => {}
                Some(form) => match form.bit() {
                    Some(wire) => drop(self.bits.insert(wire, row)),
                    None => drop(self.forms.insert(row, form)),
                },
            }
        }
        // (xi - 2^15) K = .. is the only product with that factor.
        let factor = self.challenges.point - Fr::from(1u64 << 15);
        let has_factor = |row: &usize| {
            [&r1cs.a, &r1cs.b]
                .iter()
                .any(|matrix| matrix.product(*row, &self.witness) == factor)
        };
        let rows: Vec<usize> = (0..r1cs.num_constraints()).filter(has_factor).collect();
        let mut first_free = 0;
        for group in &self.plan.groups {
            let carry = self.wire("k_free", first_free);
            first_free += group.free_carries();
            let contains = |row: &&usize| {
                [&r1cs.a, &r1cs.b]
                    .iter()
                    .any(|m| m.row(**row).any(|(wire, _)| wire == carry))
            };
            let found: Vec<&usize> = rows.iter().filter(contains).collect();
            assert_eq!(found.len(), 1);
            self.groups.push(*found[0]);
        }
        assert_eq!(rows.len(), self.groups.len());
    }

    /// The wire of an input, unless the compiler eliminated it.
    pub fn find_wire(&self, signal: &str, index: usize) -> Option<usize> {
        let before = SIGNALS.iter().take_while(|(name, _)| *name != signal);
        let label = 1 + before.map(|(_, size)| size).sum::<usize>() + index;
        self.wires.get(&(label as u64)).copied()
    }

    pub fn wire(&self, signal: &str, index: usize) -> usize {
        self.find_wire(signal, index)
            .unwrap_or_else(|| panic!("{signal}[{index}] has no wire"))
    }

    /// Constraints that a witness violates.
    pub fn violated(&self, witness: &[Fr]) -> BTreeSet<Kind> {
        let r1cs = &self.circuit.r1cs;
        let holds = |row: &usize| {
            r1cs.a.product(*row, witness) * r1cs.b.product(*row, witness)
                == r1cs.c.product(*row, witness)
        };
        let rows = (0..r1cs.num_constraints()).filter(|row| !holds(row));
        let violated: BTreeSet<Kind> = rows.map(|row| self.kind(row)).collect();
        assert_eq!(self.circuit.check(witness).is_ok(), violated.is_empty());
        violated
    }

    fn kind(&self, row: usize) -> Kind {
        if let Some(group) = self.groups.iter().position(|&own| own == row) {
            return Kind::Group(group);
        }
        match bit_form(&self.circuit.r1cs, row) {
            None => Kind::Other(row),
            Some(form) => form.bit().map_or(Kind::Lowest(row), Kind::Bit),
        }
    }

    /// Constraints violated by the witness that follows from some inputs.
    pub fn verdict(&self, inputs: &Inputs) -> BTreeSet<Kind> {
        self.violated(&self.circuit.witness(inputs))
    }

    /// The honest inputs, one element changed.
    pub fn inputs_with(&self, signal: &str, index: usize, change: impl Fn(Fr) -> Fr) -> Inputs {
        let mut inputs = self.inputs.clone();
        let value = &mut inputs.get_mut(signal).unwrap()[index];
        *value = change(*value);
        inputs
    }

    /// The honest witness, some wires changed.
    pub fn witness_with(&self, changes: &[(usize, Fr)]) -> Vec<Fr> {
        let mut witness = self.witness.clone();
        for &(wire, value) in changes {
            assert_ne!(witness[wire], value);
            witness[wire] = value;
        }
        witness
    }

    /// The constraint on the lowest bit of an input, and the input's other bits, `bits[j - 1]` the one of `2^j`; nothing
    /// where the compiler eliminated one of these wires.
    pub fn range_check(&self, signal: &str, index: usize) -> Option<(usize, Vec<usize>)> {
        let wire = self.find_wire(signal, index)?;
        let own = |form: &Form| {
            (form.constant.is_zero() && form.terms.get(&wire)?.is_one())
                .then(|| self.bits_of(form))?
        };
        self.forms
            .iter()
            .find_map(|(row, form)| Some((*row, own(form)?)))
    }

    /// The bits of a form `value - sum 2^j b_j`, 1 <= j, of one further wire or none.
    fn bits_of(&self, form: &Form) -> Option<Vec<usize>> {
        let weight = |j: usize| -Fr::from(2u64).pow([j as u64]);
        let bit = |j: usize| {
            form.terms
                .iter()
                .find(|(_, value)| **value == weight(j))
                .map(|(wire, _)| *wire)
        };
        let bits: Vec<usize> = (1..).map_while(bit).collect();
        let are_bits = bits.iter().all(|wire| self.bits.contains_key(wire));
        (are_bits && bits.len() + 1 == form.terms.len()).then_some(bits)
    }

    /// What a prover brings who departs from the honest one, with the native verdict.
    pub fn dishonest(
        &self,
        instance: &Instance,
        deviation: &mut Deviation<'_>,
    ) -> (Inputs, Result<(), Refusal>) {
        let slots = [instance.slot()];
        let advice = advise_dishonestly(&self.plan, &[&self.key], &slots, &[0], deviation).unwrap();
        let verdict = check(&self.plan, &advice, &self.key, &[instance.x]);
        (with_claim(advice, instance.x, self.key.digest()), verdict)
    }

    /// [`Verifier::dishonest`] for the honest proof with numbers changed as soon as they are known.
    pub fn tampered(
        &self,
        tamper: &mut dyn FnMut(usize, &mut Numbers),
    ) -> (Inputs, Result<(), Refusal>) {
        self.dishonest(&self.instance, &mut honest_but(tamper))
    }
}

fn with_claim(mut advice: Inputs, x: Fr, key: Fr) -> Inputs {
    advice.insert("x", [x]);
    advice.insert("key", [key]);
    advice
}
