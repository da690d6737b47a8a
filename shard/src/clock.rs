//! Hybrid logical clock: 48 bits of Unix milliseconds above 16 bits of counter (Kulkarni et al., 2014).

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
}
