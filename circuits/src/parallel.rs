//! The same work for many items, on all cores where that is worth it.

use rayon::iter::{IntoParallelIterator, ParallelIterator};

/// Items from which on handing them to other cores takes less than the work itself: some hashes each.
const WORTH_IT: usize = 128;

/// `work` of every item, in their order.
pub fn map<T: Send, U: Send>(items: Vec<T>, work: impl Fn(T) -> U + Sync + Send) -> Vec<U> {
    match items.len() < WORTH_IT {
        true => items.into_iter().map(work).collect(),
        false => items.into_par_iter().map(work).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_stays() {
        for count in [0, 1, WORTH_IT - 1, WORTH_IT, 10 * WORTH_IT] {
            let doubled: Vec<usize> = (0..count).map(|item| 2 * item).collect();
            assert_eq!(map((0..count).collect(), |item| 2 * item), doubled);
        }
    }
}
