//! Every width of a committed value bites, on values out of it and on their bits.

use crate::verifier::{Kind, VERIFIER, Verifier};
use ark_bn254::Fr;
use ark_ff::{Field, One, PrimeField, Zero};
use std::collections::BTreeSet;

/// One value of a width: its signal and index, the constraint on its lowest bit, and the wires of its other bits.
struct Ranged {
    signal: &'static str,
    index: usize,
    lowest: usize,
    bits: Vec<usize>,
}

impl Ranged {
    /// The first value among some of a signal whose range check the compiler left as it is written.
    fn first(signal: &'static str, indices: impl IntoIterator<Item = usize>, width: usize) -> Self {
        let check = |index| Some((index, VERIFIER.range_check(signal, index)?));
        let (index, (lowest, bits)) = indices.into_iter().find_map(check).unwrap();
        assert_eq!(bits.len() + 1, width, "{signal}[{index}]");
        Self {
            signal,
            index,
            lowest,
            bits,
        }
    }

    fn label(&self) -> String {
        format!(
            "{}[{}] of {} bits",
            self.signal,
            self.index,
            self.bits.len() + 1
        )
    }
}

/// Limbs of 15 and 14 bits of every round; limbs of quotients, the topmost of each group; checked carries of each group.
fn classes(verifier: &Verifier) -> Vec<Ranged> {
    let mut classes = Vec::new();
    for signal in ["u1", "u2", "u3s", "u3"] {
        classes.push(Ranged::first(signal, [0, 2], 15));
        classes.push(Ranged::first(
            signal,
            (0..20).map(|number| 17 * number + 16),
            14,
        ));
    }
    let (mut limb, mut carry) = (0, 0);
    for group in &verifier.plan.groups {
        let top = limb + group.quotient_widths.len() - 1;
        classes.push(Ranged::first("r_limbs", limb..top, 75));
        let width = group.quotient_widths[top - limb];
        if verifier.range_check("r_limbs", top).is_some() {
            classes.push(Ranged::first("r_limbs", [top], width));
        }
        let clean = |i: &usize| verifier.range_check("k_checked", carry + i).is_some();
        let carries: Vec<usize> = (0..group.carry_widths.len()).filter(clean).collect();
        for i in [carries[0], carries[carries.len() - 1]] {
            classes.push(Ranged::first(
                "k_checked",
                [carry + i],
                group.carry_widths[i],
            ));
        }
        limb = top + 1;
        carry += group.carry_widths.len();
    }
    classes
}

#[test]
fn a_value_out_of_its_width_is_refused_by_its_range_check() {
    let verifier = &*VERIFIER;
    let classes = classes(verifier);
    let widths: BTreeSet<usize> = classes.iter().map(|class| class.bits.len() + 1).collect();
    assert!(
        widths.len() >= 15 && widths.is_superset(&[14, 15, 75, 17, 43, 46].into()),
        "{widths:?}"
    );
    for class in classes
        .iter()
        .filter(|class| !["u2", "u3s"].contains(&class.signal))
    {
        let width = class.bits.len() as u64 + 1;
        for value in [Fr::from(2u64).pow([width]), -Fr::one()] {
            let violated =
                verifier.verdict(&verifier.inputs_with(class.signal, class.index, |_| value));
            let others: Vec<&Kind> = violated
                .iter()
                .filter(|kind| {
                    !matches!(kind, Kind::Group(_)) && **kind != Kind::Lowest(class.lowest)
                })
                .collect();
            assert!(others.is_empty(), "{}: {others:?}", class.label());
            assert!(
                violated.contains(&Kind::Lowest(class.lowest)),
                "{}",
                class.label()
            );
        }
    }
}

#[test]
fn forged_bits_of_a_value_are_refused_by_their_own_constraints() {
    let verifier = &*VERIFIER;
    let mut implied = BTreeSet::new();
    for class in classes(verifier) {
        let value = verifier.witness[verifier.wire(class.signal, class.index)];
        // Another second bit makes the implied lowest one 2, 3, -1 or -2.
        let bit = verifier.witness[class.bits[0]];
        let violated =
            verifier.violated(&verifier.witness_with(&[(class.bits[0], Fr::one() - bit)]));
        assert!(
            violated.contains(&Kind::Lowest(class.lowest)),
            "{}",
            class.label()
        );
        let low = value.into_bigint().0[0] & 3;
        implied.insert(low);
        // Twice a bit instead of the next one: the same sum, so only the bit itself is wrong.
        let bits: Vec<Fr> = class
            .bits
            .iter()
            .map(|&wire| verifier.witness[wire])
            .collect();
        let Some(at) = (1..bits.len()).find(|&j| bits[j - 1].is_zero() && bits[j].is_one()) else {
            panic!("{} has no 1 after a 0", class.label());
        };
        let changes = [
            (class.bits[at - 1], Fr::from(2u64)),
            (class.bits[at], Fr::zero()),
        ];
        let violated = verifier.violated(&verifier.witness_with(&changes));
        assert!(
            violated.contains(&Kind::Bit(class.bits[at - 1])),
            "{}",
            class.label()
        );
        assert!(
            !violated.contains(&Kind::Lowest(class.lowest)),
            "{}",
            class.label()
        );
    }
    // 2 is the case of an even value whose second bit is 1.
    assert!(implied.contains(&2), "{implied:?}");
}
