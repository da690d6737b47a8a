//! Numbers chosen for speed, the host's share of `include/tuning.hpp`. Each says on which card and when it was measured, or "not
//! measured": then it comes from registers and instructions that the compiler reports.

/// As `sort_threads` in `tuning.hpp`, which must change with it.
pub const SORT_THREADS: u32 = 256;
/// As `sort_threads * sort_items` in `tuning.hpp`, which must change with them.
pub const SORT_TILE: u32 = 4096;
/// Most threads of a block that scans. Not measured.
pub const MAX_SCAN_THREADS: u32 = 256;
/// Most bits of a pass of the sort: two passes for windows of up to 21 bits. Not measured.
pub const SORT_BITS: u32 = 10;

/// As `g1_threads` and `g2_threads` in `tuning.hpp`, which must change with it. A power of two.
pub const SUM_THREADS: u32 = 128;
/// As `inversion_share` in `tuning.hpp`, which must change with it.
pub const INVERSION_SHARE: u32 = 16;

/// `g1_threads * g1_accumulate_blocks` of `tuning.hpp`: by registers (at most 128 a thread), sm_80 to sm_120.
pub const G1_RESIDENT_THREADS: u32 = 512;
/// `g2_threads * g2_accumulate_blocks` of `tuning.hpp`: by registers (at most 255 a thread), sm_80 to sm_120.
pub const G2_RESIDENT_THREADS: u32 = 256;
/// Chunks of pairs for each resident thread: more balance the multiprocessors better, fewer leave less to fold. Not measured.
pub const CHUNK_WAVES: u32 = 2;
/// Fewest pairs of a chunk. Not measured.
pub const MIN_CHUNK_PAIRS: u32 = 8;

/// Integer multiply-add slots of a mixed and of a full addition in G1, counted in the code of sm_90 with two slots for an
/// IMAD.WIDE or IMAD.HI.
pub const G1_ADD_SLOTS: [f64; 2] = [2400.0, 3500.0];
/// The same in G2: three products and two reductions for each product in Fq2.
pub const G2_ADD_SLOTS: [f64; 2] = [7400.0, 10_600.0];

/// Points whose tables are built at once: bounds the memory of the building.
pub const TABLE_PIECE: usize = 1 << 18;
