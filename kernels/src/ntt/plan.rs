//! Which bits of the index each pass of a transform is for.

use crate::stream::Grid;

/// Sizes of a tile, as the logarithm of its values.
pub const MIN_TILE_LOG: u32 = 4;
pub const MAX_TILE_LOG: u32 = 12;

/// A row of a tile has at least four neighbouring values, 128 bytes, so that every transfer is of whole sectors.
const MIN_COLUMNS_LOG: u32 = 2;
/// A step of radix four is the least that a strided pass does.
const MIN_STRIDED_ROWS_LOG: u32 = 2;
/// Values of a thread, in a tile that is big enough.
const VALUES_PER_THREAD_LOG: u32 = 3;
/// What the kernels are compiled for.
const MAX_THREADS: u32 = 256;
const WARP_THREADS: u32 = 32;
const VALUE_BYTES: u32 = 32;
/// Between the halves of a tile (`ntt/tile.hpp`).
const TILE_GAP_BYTES: u32 = 64;

/// Tiles of 64 KiB where two blocks with one each fit a multiprocessor, else of 32 KiB.
pub fn best_tile_log(shared_bytes_per_block: u32) -> u32 {
    if shared_bytes_per_block >= 2 * tile_bytes(11) {
        11
    } else {
        10
    }
}

/// The biggest tile not above `tile_log` that a block can hold.
pub fn fitting_tile_log(tile_log: u32, shared_bytes_per_block: u32) -> u32 {
    let sizes = MIN_TILE_LOG..=tile_log.min(MAX_TILE_LOG);
    sizes
        .rev()
        .find(|log| tile_bytes(*log) <= shared_bytes_per_block)
        .unwrap_or(MIN_TILE_LOG)
}

fn tile_bytes(tile_log: u32) -> u32 {
    (VALUE_BYTES << tile_log) + TILE_GAP_BYTES
}

/// One pass: its rows are the index's bits `low..low + rows_log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    pub low: u32,
    pub rows_log: u32,
    /// Neighbouring columns in a tile; 0 for the pass over neighbouring rows.
    pub columns_log: u32,
}

/// The passes from the highest bits of the index to the lowest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub log_n: u32,
    pub tile_log: u32,
    pub strided: Vec<Pass>,
    /// Over neighbouring values.
    pub rows: Pass,
}

impl Plan {
    /// As few passes as tiles of this size allow; the strided ones share their bits evenly.
    pub fn new(log_n: u32, tile_log: u32) -> Self {
        let rest = log_n.saturating_sub(tile_log);
        let passes = rest.div_ceil(tile_log - MIN_COLUMNS_LOG);
        let mut left = rest.max(MIN_STRIDED_ROWS_LOG * passes);
        let rows = Pass {
            low: 0,
            rows_log: log_n - left,
            columns_log: 0,
        };
        let strided = (1..=passes).rev().map(|passes_left| {
            let rows_log = left.div_ceil(passes_left);
            left -= rows_log;
            Pass {
                low: rows.rows_log + left,
                rows_log,
                columns_log: tile_log - rows_log,
            }
        });
        Self {
            log_n,
            tile_log,
            strided: strided.collect(),
            rows,
        }
    }

    /// One block for each tile of the vectors' `total` values.
    pub fn grid(&self, total: u64) -> Grid {
        let threads = 1_u32 << (self.tile_log - VALUES_PER_THREAD_LOG);
        let threads = threads.clamp(WARP_THREADS, MAX_THREADS);
        let tiles = total.div_ceil(1 << self.tile_log);
        let blocks = u32::try_from(tiles).unwrap_or(u32::MAX);
        Grid {
            blocks,
            threads,
            shared_bytes: tile_bytes(self.tile_log),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_cover_every_bit_once_and_fit_their_tiles() {
        for tile_log in MIN_TILE_LOG..=MAX_TILE_LOG {
            for log_n in 0..=28 {
                let plan = Plan::new(log_n, tile_log);
                let mut next = log_n;
                for pass in &plan.strided {
                    assert_eq!(
                        pass.low + pass.rows_log,
                        next,
                        "2^{log_n}, tiles of 2^{tile_log}"
                    );
                    assert_eq!(pass.rows_log + pass.columns_log, tile_log);
                    assert!(
                        pass.rows_log >= MIN_STRIDED_ROWS_LOG
                            && pass.columns_log >= MIN_COLUMNS_LOG
                    );
                    assert!(pass.columns_log <= pass.low);
                    next = pass.low;
                }
                assert_eq!(plan.rows.rows_log, next);
                assert!(next <= tile_log);
            }
        }
    }

    #[test]
    fn the_domain_of_the_deployed_circuits_takes_two_passes() {
        assert_eq!(Plan::new(20, 11).strided.len(), 1);
        assert_eq!(Plan::new(28, 11).strided.len(), 2);
    }
}
