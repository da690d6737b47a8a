// The kernels of an MSM over one group, for msm_g1.cu and msm_g2.cu: F its coordinates' field, THREADS and the two
// numbers of blocks their bounds.
#pragma once

#include "msm/accumulate.hpp"
#include "msm/combine.hpp"
#include "msm/reduce.hpp"
#include "msm/tables.hpp"

#define MSM_KERNELS(F, THREADS, ACCUMULATE_BLOCKS, SUM_BLOCKS)                                                         \
    /* Threads: at least as many as there are chunks. */                                                               \
    KERNEL_BOUNDS(THREADS, ACCUMULATE_BLOCKS, msm_accumulate,                                                          \
                  (const Affine<F>* points, const u32* keys, const u32* values, const u32* count, u32 chunk_threads,   \
                   u32 min_pairs, Xyzz<F>* buckets, u32* partial_keys, Xyzz<F>* partials)) {                           \
        SortedPairs pairs = {keys, values, *count};                                                                    \
        Partials<F> out = {partial_keys, partials};                                                                    \
        accumulate_chunk(points, pairs, {chunk_threads, min_pairs}, (u32)global_index(), buckets, out);                \
    }                                                                                                                  \
    /* Shared: a point a thread, then threads + 3 words. */                                                            \
    KERNEL_BOUNDS(THREADS, SUM_BLOCKS, msm_combine,                                                                    \
                  (const u32* count, u32 chunk_threads, u32 min_pairs, u32 level, u32* in_keys, Xyzz<F>* in,           \
                   u32* out_keys, Xyzz<F>* out, Xyzz<F>* buckets)) {                                                   \
        ChunkPlan plan = {chunk_threads, min_pairs};                                                                   \
        Partials<F> from = {in_keys, in}, to = {out_keys, out};                                                        \
        combine_level(from, plan.partials(*count, level, block_threads()), to, buckets);                               \
    }                                                                                                                  \
    /* A warp a line. Shared: a point a thread. */                                                                     \
    KERNEL_BOUNDS(THREADS, SUM_BLOCKS, msm_lines,                                                                      \
                  (const Xyzz<F>* buckets, u32 row_bits, u32 column_bits, u32 groups, Xyzz<F>* lines)) {               \
        sum_line(buckets, {row_bits, column_bits}, groups, global_index() / warp_threads, lines);                      \
    }                                                                                                                  \
    /* A block a sum, of a power of two threads. Shared: a point a thread. */                                          \
    KERNEL_BOUNDS(THREADS, SUM_BLOCKS, msm_bits,                                                                       \
                  (const Xyzz<F>* lines, u32 row_bits, u32 column_bits, Jacobian<F>* sums)) {                          \
        sum_bit(lines, {row_bits, column_bits}, sums);                                                                 \
    }                                                                                                                  \
    KERNEL_BOUNDS(THREADS, SUM_BLOCKS, msm_double,                                                                     \
                  (const Affine<F>* points, u32 n, u32 doublings, Xyzz<F>* multiples)) {                               \
        u64 i = global_index();                                                                                        \
        if (i < n) multiples[i] = doubled_times(points[i], doublings);                                                 \
    }                                                                                                                  \
    /* Threads: at least n / inversion_share. */                                                                       \
    KERNEL_BOUNDS(THREADS, SUM_BLOCKS, msm_affine, (const Xyzz<F>* multiples, u32 n, Affine<F>* points)) {             \
        to_affine(multiples, n, (u32)global_index(), ceil_div(n, inversion_share), points);                            \
    }
