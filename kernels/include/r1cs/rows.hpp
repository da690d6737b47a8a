// Products of a sparse matrix with witnesses.
//
// Rows are cut into slices of one warp: a short row is one lane's, and rows of about the same length share a slice; a
// long row has a slice of its own, whose lanes take its entries in turns and add up; a giant row has a block. Slices
// lie in the order of their work, the longest first, and entry j of lane l of a slice lies at 32 j + l, so that a warp
// reads its entries in one piece whatever the matrix looks like. The matrices of circuits have rows of one to some
// hundred entries, unsorted: taken row by row in their order, the warps of `merge` would do 62 million steps for 12
// million entries.
//
// What bounds it (model; not measured): 32 bytes of witness from the L2 cache and a product for each entry, 8 bytes of
// the entry itself: 0.2 to 0.3 ms for the two matrices of `merge` on an H200.
#pragma once

#include "field/bn254.hpp"

namespace r1cs {

struct alignas(8) Entry {
    u32 column;
    u32 coefficient;
};

// Coefficients that need no product; others are places in the table, counted from FIRST_OF_TABLE.
constexpr u32 NOTHING = 0;
constexpr u32 ONE = 1;
constexpr u32 MINUS_ONE = 2;
constexpr u32 FIRST_OF_TABLE = 3;

// In place of the number of a row: the lane has none.
constexpr u32 NO_ROW = 0xffffffffu;

struct Matrix {
    const Entry* entries;
    // Slice s has the entries 32 starts[s] .. 32 starts[s + 1].
    const u32* starts;
    // Where the results go: for each slice of a long row its row, then for each other slice the rows of its lanes.
    const u32* rows;
    const Fr* table;
};

// sum + coefficient * witness[column], below 2p.
DEVICE Fr add_entry(const Fr& sum, const Entry& entry, const Fr* witness, const Fr* table) {
    if (entry.coefficient == NOTHING) return sum;
    Fr value = witness[entry.column];
    if (entry.coefficient >= FIRST_OF_TABLE) value = value * table[entry.coefficient - FIRST_OF_TABLE];
    if (entry.coefficient == MINUS_ONE) value = value.negated();
    return sum + value;
}

// The calling lane's share of the groups first, first + stride, .. < end of 32 entries each.
DEVICE Fr add_entries(const Matrix& matrix, const Fr* witness, u32 first, u32 end, u32 stride) {
    Fr sum = Fr::zero();
    const Entry* entry = matrix.entries + (u64)first * warp_threads + lane_index();
    Entry next = first < end ? *entry : Entry{0, NOTHING};
    NO_UNROLL for (u32 group = first; group < end; group += stride) {
        const Entry current = next;
        entry += (u64)stride * warp_threads;
        // Ahead of the product, so that the latency of the read is hidden behind it.
        if (end - group > stride) next = *entry;
        sum = add_entry(sum, current, witness, matrix.table);
    }
    return sum;
}

// The sum over the warp, in lane 0.
DEVICE Fr warp_sum(Fr sum) {
    NO_UNROLL for (u32 delta = warp_threads / 2; delta > 0; delta /= 2) {
        Fr other;
        UNROLL for (int i = 0; i < Fr::LIMBS; i += 2) {
            const u64 pair = warp_shuffle_down((u64)sum.limb[i + 1] << 32 | sum.limb[i], delta);
            other.limb[i] = (u32)pair;
            other.limb[i + 1] = (u32)(pair >> 32);
        }
        sum = sum + other;
    }
    return sum;
}

// The rows of one slice; the whole warp calls it.
DEVICE void multiply_slice(const Matrix& matrix, u32 slice, u32 long_slices, const Fr* witness, Fr* results) {
    const u32 first = matrix.starts[slice], end = matrix.starts[slice + 1];
    Fr sum = add_entries(matrix, witness, first, end, 1);
    if (slice < long_slices) {
        sum = warp_sum(sum);
        if (lane_index() == 0) results[matrix.rows[slice]] = sum.canonical();
    } else {
        const u32 row = matrix.rows[long_slices + (u64)(slice - long_slices) * warp_threads + lane_index()];
        if (row != NO_ROW) results[row] = sum.canonical();
    }
}

// One row by a whole block; `sums` is shared memory for a value of each warp.
DEVICE void multiply_giant(const Matrix& matrix, u32 slice, const Fr* witness, Fr* results, Fr* sums) {
    const u32 first = matrix.starts[slice], end = matrix.starts[slice + 1], warps = block_threads() / warp_threads;
    Fr sum = warp_sum(add_entries(matrix, witness, first + warp_index(), end, warps));
    if (lane_index() == 0) sums[warp_index()] = sum;
    barrier();
    if (thread_index() != 0) return;
    NO_UNROLL for (u32 warp = 1; warp < warps; warp++) sum = sum + sums[warp];
    results[matrix.rows[slice]] = sum.canonical();
}

} // namespace r1cs
