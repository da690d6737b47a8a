//! The random point at which the sums of an epoch are compared, and the poles of their fractions.
//!
//! A pole stands for a tuple (position, b, c, family): position + b alpha + c alpha^2 + family alpha^3. Families are 0 for
//! credits, 1 for debits, 2 for the place of an account in its own numbering, and 2 + level for rewritten nodes.

use super::accounts::Account;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

/// gamma and alpha.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    pub gamma: Fr,
    pub alpha: Fr,
}

impl Challenge {
    /// `value / (gamma - pole)` of a credit.
    pub fn credit(&self, destination: Fr, value: Fr) -> Fr {
        value * self.fraction(destination, [Fr::ZERO; 2], 0)
    }

    /// `value / (gamma - pole)` of a debit.
    pub fn debit(&self, from: Fr, value: Fr) -> Fr {
        value * self.fraction(from, [Fr::ZERO; 2], 1)
    }

    /// The fraction of an account whose next message has this ordinal.
    pub fn numbered(&self, from: Fr, ordinal: Fr, key: Fr) -> Fr {
        self.fraction(from, [ordinal, key], 2)
    }

    /// The fraction of a node that was rewritten.
    pub fn node(&self, level: u8, position: Fr, old: Fr, new: Fr) -> Fr {
        self.fraction(position, [old, new], 2 + u64::from(level))
    }

    /// An account's step as its messages see it: the terms that must cancel theirs. `rest` is the balance less the debits.
    pub fn account_step(
        &self,
        index: u32,
        place: u64,
        old: Account,
        new: Account,
        rest: u64,
    ) -> Fr {
        let (from, rest) = (Fr::from(index), Fr::from(rest));
        let debit = self.debit(from, Fr::from(old.balance) - rest);
        let credit = self.credit(place.into(), Fr::from(new.balance) - rest);
        let advance = self.numbered(from, new.ordinal.into(), old.key)
            - self.numbered(from, old.ordinal.into(), old.key);
        debit + credit + advance
    }

    /// Where gamma is a pole, which nobody can bring about, there is no fraction, and no circuit has a witness.
    fn fraction(&self, position: Fr, [b, c]: [Fr; 2], family: u64) -> Fr {
        let Self { gamma, alpha } = *self;
        let pole = position + alpha * (b + alpha * (c + alpha * Fr::from(family)));
        (gamma - pole).inverse().unwrap_or_default()
    }
}
