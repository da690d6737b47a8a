//! Label values that others choose, at most so many of them.

use std::collections::BTreeSet;

/// What stands for all values beyond the bound.
pub(super) const OTHER: &str = "other";

/// The first values seen; later ones are [`OTHER`].
pub(super) struct Bounded {
    limit: usize,
    seen: BTreeSet<String>,
}

impl Bounded {
    pub fn new(limit: usize) -> Self {
        let seen = BTreeSet::new();
        Self { limit, seen }
    }

    /// The value, or what stands for it.
    pub fn label(&mut self, value: &str) -> String {
        let room = self.seen.len() < self.limit;
        if self.seen.contains(value) || (room && self.seen.insert(value.to_owned())) {
            return value.to_owned();
        }
        OTHER.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_bound_everything_is_other() {
        let mut bounded = Bounded::new(2);
        let labels = ["a", "b", "c", "a", "d"].map(|value| bounded.label(value));
        assert_eq!(labels, ["a", "b", "other", "a", "other"]);
    }
}
