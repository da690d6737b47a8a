// A pass of a number-theoretic transform: the stages that belong to some neighbouring bits of the index, done on tiles
// in shared memory, in place.
//
// Natural to reversed order is decimation in frequency, from the highest bits of the index to the lowest; reversed to
// natural order is its transpose, decimation in time, from the lowest to the highest. Nothing is ever permuted. With
// an index written as (high, row, column), a pass over the row bits transforms the rows of every (high, column) as
// a transform of its own, whose steps of two bits (radix 4) take their factors from one small table, and
// multiplies the value of row frequency k by w^(k column), w of the order of (row, column), on the side of the lower
// bits. A step leaves out the factors that are one for all threads, so a transform of n = 2^20 in two passes takes
// 9.5 n products (half n log n = 10 n without that).
//
// What bounds a pass, for tiles of 2^11 values and 256 threads (a model; not measured): multiplying, 264 slots of the
// 32-bit multiplier each, 0.16 ms for the 9.5 n of 2^20 on an H200 at its full clock. Memory: each pass moves 64 n
// bytes and reads 32 n bytes of factors, 0.02 ms from the L2 cache or at 4.8 TB/s. Shared memory: 64 bytes a value and
// step at 128 bytes a clock and processor, an eighth of the time of the step's product. 64 KiB and at most 128
// registers a thread let two blocks share a processor of compute capability 8.0, 9.0 or 10.0, so that one moves its
// tile while the other multiplies: the 512 tiles of 2^20 are two rounds on 132 processors. Within 80 registers, for
// three blocks, the compiler spills.
#pragma once

#include "ntt/butterfly.hpp"
#include "ntt/roots.hpp"
#include "ntt/tile.hpp"

namespace ntt {

// What a pass does, each on its own.
enum Option : u32 {
    // Take the inverse roots in the steps of one kind.
    FREQUENCY_INVERSE = 1,
    TIME_INVERSE = 256,
    // The results are the transform's, to be canonical; else they are below 2p.
    LAST_PASS = 2,
    // Multiply by the scale before the steps, after them, or between the two kinds.
    SCALE_BEFORE = 4,
    SCALE_BETWEEN = 8,
    SCALE_AFTER = 16,
    // The values that are scaled lie in natural order; the scale itself always lies in reversed order.
    SCALE_NATURAL = 32,
    // Kinds of steps, for the pass over neighbouring values, which may have both.
    FREQUENCY = 64,
    TIME = 128,
};

// STRIDED: rows lie 2^low apart, low > 0. Otherwise they are neighbours, low = 0, and there is one column.
template <bool STRIDED> struct Pass {
    Fr* data;
    // Values in all vectors together.
    u64 total;
    u32 log_n;
    // Bits of the index below the rows.
    u32 low;
    u32 rows_log;
    // Neighbouring columns in a tile that is strided. Another holds as many whole sets of rows as fill it.
    u32 strided_columns_log;
    u32 options;
    const Fr* scale;
    u32 scale_log;
    Tile tile;
    Tables tables;

    METHOD bool has(Option option) const { return (options & option) != 0; }

    METHOD u32 columns_log() const { return STRIDED ? strided_columns_log : 0; }

    // The first column of this block's tile.
    METHOD u32 first_column() const { return (block_index() << columns_log()) & ((1u << low) - 1); }

    // Where in memory an element of the tile is.
    METHOD u64 index(u32 element) const {
        if (!STRIDED) return ((u64)block_index() << tile.elements_log) + element;
        u64 high = block_index() >> (low - columns_log());
        u32 row = element >> columns_log(), column = element & ((1u << columns_log()) - 1);
        return (high << (low + rows_log)) + ((u64)row << low) + first_column() + column;
    }

    // The factors of a group of values of a step of Q bits, by frequency within the step: in the innermost step those
    // between the passes, otherwise powers of the step's own root.
    template <u32 Q, bool INNERMOST> METHOD Factors factors(u32 element, u32 size_log) const {
        const u32 row = element >> columns_log();
        if (!INNERMOST) return tables.small_root(size_log, 0, row & ((1u << (size_log - Q)) - 1));
        const u32 column = first_column() + (element & ((1u << columns_log()) - 1));
        const u32 frequency = bit_reverse(row) >> (32 - rows_log);
        return tables.root(low + rows_log, frequency * column, column << (rows_log - Q));
    }
};

// `value` with `count` zero bits put in at bit `at`.
HD u32 open_gap(u32 value, u32 at, u32 count) {
    u32 low = value & ((1u << at) - 1);
    return (value - low) << count | low;
}

// Halves that a thread moves at once, so that their latencies overlap.
constexpr u32 MOVES = 4;

// Loads the block's tile; places past the end are zero. Lanes take turns between the halves of an element: a warp moves
// 512 bytes in whole rows of the tile.
template <bool STRIDED> DEVICE void load_tile(const Pass<STRIDED>& pass) {
    const Half* data = reinterpret_cast<const Half*>(pass.data);
    const u32 halves = 2 * pass.tile.elements(), stride = block_threads();
    NO_UNROLL for (u32 first = thread_index(); first < halves; first += MOVES * stride) {
        Half moved[MOVES];
        UNROLL for (u32 move = 0; move < MOVES; move++) {
            const u32 i = first + move * stride;
            const u64 index = pass.index(i >> 1);
            moved[move] = {{0, 0, 0, 0}};
            if (i < halves && index < pass.total) moved[move] = data[2 * index + (i & 1)];
        }
        UNROLL for (u32 move = 0; move < MOVES; move++) {
            const u32 i = first + move * stride;
            if (i < halves) pass.tile.halves[pass.tile.place(i >> 1, i & 1)] = moved[move];
        }
    }
    barrier();
}

template <bool STRIDED> DEVICE void store_tile(const Pass<STRIDED>& pass) {
    Half* data = reinterpret_cast<Half*>(pass.data);
    for (u32 i = thread_index(); i < 2 * pass.tile.elements(); i += block_threads()) {
        const u64 index = pass.index(i >> 1);
        if (index < pass.total) data[2 * index + (i & 1)] = pass.tile.halves[pass.tile.place(i >> 1, i & 1)];
    }
}

// Multiplies every value of the tile by the scale of its place.
template <bool STRIDED> DEVICE void scale_tile(const Pass<STRIDED>& pass) {
    NO_UNROLL for (u32 i = thread_index(); i < pass.tile.elements(); i += block_threads()) {
        u32 place = (u32)pass.index(i) & ((1u << pass.log_n) - 1);
        if (pass.has(SCALE_NATURAL) && pass.log_n > 0) place = bit_reverse(place) >> (32 - pass.log_n);
        Fr scaled = pass.tile.load(i) * pass.scale[place & ((1u << pass.scale_log) - 1)];
        pass.tile.store(i, scaled.canonical());
    }
    barrier();
}

// Decimation in frequency of the top Q of the lowest `size_log` bits of the rows; `INNERMOST` if there are no more.
// In and out: below 2p.
template <u32 Q, bool INNERMOST, bool STRIDED> DEVICE void frequency_step(const Pass<STRIDED>& pass, u32 size_log) {
    const u32 below = pass.columns_log() + size_log - Q;
    NO_UNROLL for (u32 group = thread_index(); group < pass.tile.elements() >> Q; group += block_threads()) {
        const u32 first = open_gap(group, below, Q);
        const Factors factors = pass.template factors<Q, INNERMOST>(first, size_log);
        Fr x[1 << Q];
        UNROLL for (u32 slot = 0; slot < 1 << Q; slot++) x[slot] = pass.tile.load(first + (slot << below));
        Butterfly<Q>::frequency(x, pass.tables.quarter());
        UNROLL for (u32 slot = 0; slot < 1 << Q; slot++) {
            if (INNERMOST ? STRIDED : slot > 0) {
                x[slot] = factors.template times<INNERMOST>(x[slot], reversed<Q>(slot));
            } else if (slot > 0) {
                x[slot] = x[slot].below_2p();
            }
            if (INNERMOST && pass.has(LAST_PASS)) x[slot] = x[slot].canonical();
            pass.tile.store(first + (slot << below), x[slot]);
        }
    }
    barrier();
}

// Decimation in time of the same bits. In: below 4p, or below 2p if innermost. Out: below 4p, or below 2p if the step
// is the pass's last.
template <u32 Q, bool INNERMOST, bool STRIDED> DEVICE void time_step(const Pass<STRIDED>& pass, u32 size_log) {
    const u32 below = pass.columns_log() + size_log - Q;
    NO_UNROLL for (u32 group = thread_index(); group < pass.tile.elements() >> Q; group += block_threads()) {
        const u32 first = open_gap(group, below, Q);
        const Factors factors = pass.template factors<Q, INNERMOST>(first, size_log);
        Fr x[1 << Q];
        UNROLL for (u32 slot = 0; slot < 1 << Q; slot++) {
            x[slot] = pass.tile.load(first + (slot << below));
            if (INNERMOST ? STRIDED : slot > 0) {
                x[slot] = factors.template times<INNERMOST>(x[slot], reversed<Q>(slot));
            } else if (!INNERMOST) {
                x[slot] = x[slot].below_2p();
            }
        }
        Butterfly<Q>::time(x, pass.tables.quarter());
        UNROLL for (u32 slot = 0; slot < 1 << Q; slot++) {
            if (size_log == pass.rows_log) {
                x[slot] = x[slot].below_2p();
                if (pass.has(LAST_PASS)) x[slot] = x[slot].canonical();
            }
            pass.tile.store(first + (slot << below), x[slot]);
        }
    }
    barrier();
}

// All rows of the tile, natural to reversed order. A pass that is strided has at least two bits of rows.
template <bool STRIDED> DEVICE void decimate_in_frequency(Pass<STRIDED>& pass) {
    pass.tables.inverse = pass.has(FREQUENCY_INVERSE);
    if (!STRIDED && pass.rows_log == 1) return frequency_step<1, true>(pass, 1);
    if (pass.rows_log % 2 == 1) frequency_step<1, false>(pass, pass.rows_log);
    NO_UNROLL for (u32 size_log = pass.rows_log & ~1u; size_log > 2; size_log -= 2) {
        frequency_step<2, false>(pass, size_log);
    }
    if (STRIDED || pass.rows_log > 0) frequency_step<2, true>(pass, 2);
}

// All rows of the tile, reversed to natural order.
template <bool STRIDED> DEVICE void decimate_in_time(Pass<STRIDED>& pass) {
    pass.tables.inverse = pass.has(TIME_INVERSE);
    if (!STRIDED && pass.rows_log == 1) return time_step<1, true>(pass, 1);
    if (STRIDED || pass.rows_log > 0) time_step<2, true>(pass, 2);
    NO_UNROLL for (u32 size_log = 4; size_log <= pass.rows_log; size_log += 2) time_step<2, false>(pass, size_log);
    if (pass.rows_log % 2 == 1) time_step<1, false>(pass, pass.rows_log);
}

} // namespace ntt
