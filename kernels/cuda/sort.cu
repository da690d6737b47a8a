// Digits of the scalars of an MSM, and their sort by bucket: what lists of points in G1 and in G2 can share.
#include "msm/digits.hpp"
#include "msm/sort.hpp"

// scalars: [batch][scalar_stride], Montgomery; map[i]: the scalar of point i. Blocks: batch * ceil(points / threads).
// Shared: one word a warp. *count starts at zero.
KERNEL_BOUNDS(sort_threads, 1, msm_digits,
              (const Fr* scalars, u64 scalar_stride, const u32* map, u32 points, u32 window_bits, u32 windows, u32 sets,
               u32* keys, u32* values, u32* count)) {
    u32 tiles = points / block_threads() + (points % block_threads() != 0);
    u32 proof = block_index() / tiles;
    u32 index = block_index() % tiles * block_threads() + thread_index();
    DigitPlan plan = {points, window_bits, windows, sets};
    DigitReader reader = DigitReader::of_zero();
    if (index < points) reader = DigitReader::of(scalars[proof * scalar_stride + map[index]]);
    u32 total = count_digits(reader, plan);
    u32 position = reserve(total, count);
    if (total > 0) write_digits(reader, plan, proof, index, position, keys, values);
}

// Blocks: a tile each, at least as many as the pairs need. Shared: 2^bits words.
KERNEL_BOUNDS(sort_threads, 1, sort_count, (const u32* keys, const u32* count, u32 shift, u32 bits, u32* counts)) {
    count_tile(keys, *count, shift, bits, counts);
}

// Blocks: 2^bits. Shared: one word a warp.
KERNEL(sort_scan, (u32* counts, u32* totals, const u32* count)) { scan_digit(counts, totals, *count); }

// Blocks: a tile each. Shared: (warps + 1) 2^bits + 2 tile + warps words.
KERNEL_BOUNDS(sort_threads, 1, sort_scatter,
              (const u32* keys, const u32* values, const u32* count, u32 shift, u32 bits, const u32* counts,
               const u32* totals, u32* sorted_keys, u32* sorted_values)) {
    scatter_tile(keys, values, *count, shift, bits, counts, totals, sorted_keys, sorted_values);
}
