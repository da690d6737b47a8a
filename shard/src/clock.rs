//! Hybrid logical clock: 48 bits of Unix milliseconds above 16 bits of counter (Kulkarni et al., 2014).
//!
//! A shard gives every step a timestamp from [`tick`]; what it took in before counts as `last`, so order that others can know of
//! is in the timestamps, however far wall clocks are apart. Two shards may hit upon
//! the same one: [`Stamp`](trifold_verifier::verified::Stamp) tells them apart.

use trifold_circuits::snapshot::COUNTER_BITS;

/// The timestamp after `last` at wall time `now_milliseconds`; larger than `last` even when the wall clock stands still or
/// goes back. `None` when 64 bits are used up.
pub fn tick(last: u64, now_milliseconds: u64) -> Option<u64> {
    let wall = now_milliseconds.checked_mul(1 << COUNTER_BITS)?;
    Some(wall.max(last.checked_add(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};
    use trifold_verifier::verified::Stamp;

    #[test]
    fn timestamps_increase_whatever_the_wall_clock_does() {
        let mut last = 0;
        for now in [5, 5, 5, 4, 0, 6, 5] {
            let next = tick(last, now).unwrap();
            assert!(next > last && next >> COUNTER_BITS >= now);
            last = next;
        }
        assert_eq!(last >> COUNTER_BITS, 6);
        assert_eq!(tick(u64::MAX, 0), None);
        assert_eq!(tick(0, 1 << 48), None);
    }

    /// Wall clocks that are up to half a second apart, stand still, run fast and are set back.
    struct Wall {
        milliseconds: u64,
    }

    impl Wall {
        fn read(&mut self, random: &mut StdRng) -> u64 {
            match random.random_range(0..1000) {
                0 => self.milliseconds -= random.random_range(0..1000),
                1..400 => {}
                _ => self.milliseconds += random.random_range(0..3),
            }
            self.milliseconds
        }
    }

    #[test]
    fn ten_million_stamps_are_unique_and_keep_causal_order() {
        const SHARDS: usize = 1000;
        const STAMPS: usize = 10_000_000;
        const START: u64 = 1_790_000_000_000;
        let mut random = StdRng::seed_from_u64(9);
        let skewed = |random: &mut StdRng| Wall {
            milliseconds: START + random.random_range(0..1000),
        };
        let mut walls: Vec<Wall> = (0..SHARDS).map(|_| skewed(&mut random)).collect();
        let mut last = vec![0u64; SHARDS];
        let mut fastest = 0;
        let mut stamps = Vec::with_capacity(STAMPS);
        for _ in 0..STAMPS {
            let shard = random.random_range(0..SHARDS);
            let now = walls[shard].read(&mut random);
            fastest = fastest.max(now);
            // Every tenth step has taken something in from another shard.
            let from = random.random_range(0..10 * SHARDS);
            let received = last.get(from).copied().unwrap_or_default();
            let timestamp = tick(last[shard].max(received), now).unwrap();
            assert!(timestamp > last[shard] && timestamp > received);
            assert!(
                timestamp >> COUNTER_BITS <= fastest,
                "ahead of every wall clock"
            );
            last[shard] = timestamp;
            let shard = shard as u32;
            stamps.push(Stamp { timestamp, shard });
        }
        stamps.sort_unstable();
        assert!(
            stamps.is_sorted_by(|a, b| a < b),
            "two steps have one stamp"
        );
    }
}
