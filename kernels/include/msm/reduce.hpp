// From buckets to the sum over b of (b + 1) B_b, in two steps that are trees of any width. Bucket b = row * columns +
// column. First the sum of each row and of each column. Then, for each bit of b, the sum of all buckets whose index
// has that bit, which is a sum of rows or of columns, and the sum of all buckets. What is left, sum + sum over bits
// of 2^bit times that bit's, is a dozen additions for each group of buckets, and the host's.
#pragma once

#include "curve/jacobian.hpp"
#include "msm/chunks.hpp"

// The buckets of a group: 2^(row_bits + column_bits).
struct BucketGrid {
    u32 row_bits, column_bits;

    METHOD u32 rows() const { return 1u << row_bits; }
    METHOD u32 columns() const { return 1u << column_bits; }
    METHOD u32 lines() const { return rows() + columns(); }
    METHOD u32 sums() const { return row_bits + column_bits + 1; }
};

// The sum over `width` neighbouring threads, a power of two, with the first of them: each adds `serial` terms, then a
// tree adds the threads' sums. term(step) points to the thread's term, or to nothing. One addition in the text, two
// in time: each copy of it is thousands of instructions. shared: a point a thread.
template <class F, class Term, class Wait>
DEVICE Xyzz<F> sum_terms(u32 serial, u32 width, Xyzz<F>* shared, Term term, Wait wait) {
    Xyzz<F> sum = Xyzz<F>::infinity();
    u32 place = thread_index() & (width - 1), half = width / 2;
    NO_UNROLL for (u32 step = 0; step < serial || half > 0; step++) {
        const Xyzz<F>* next = nullptr;
        if (step < serial) {
            next = term(step);
        } else {
            if (place >= half && place < 2 * half) shared[thread_index()] = sum;
            wait();
            if (place < half) next = &shared[thread_index() + half];
            half /= 2;
        }
        if (next) sum.add(*next);
    }
    return sum;
}

// A warp a line: lines[group][row], then lines[group][rows + column].
template <class F>
DEVICE void sum_line(const Xyzz<F>* buckets, const BucketGrid& grid, u32 groups, u64 line, Xyzz<F>* lines) {
    if (line >= (u64)groups * grid.lines()) return;
    u32 group = (u32)(line / grid.lines()), index = (u32)(line % grid.lines());
    bool is_row = index < grid.rows();
    u32 length = is_row ? grid.columns() : grid.rows();
    u32 stride = is_row ? 1 : grid.columns();
    const Xyzz<F>* first = buckets + ((u64)group << (grid.row_bits + grid.column_bits));
    first += is_row ? index << grid.column_bits : index - grid.rows();

    auto term = [=](u32 step) {
        u32 i = step * warp_threads + lane_index();
        return i < length ? first + (u64)i * stride : nullptr;
    };
    Xyzz<F>* shared = shared_memory<Xyzz<F>>();
    Xyzz<F> sum = sum_terms(ceil_div(length, warp_threads), warp_threads, shared, term, [] { warp_barrier(); });
    if (lane_index() == 0) lines[line] = sum;
}

// The i-th of the numbers that have the bit, in order.
HD u32 with_bit(u32 i, u32 bit) { return (i >> bit << (bit + 1)) | 1u << bit | (i & ((1u << bit) - 1)); }

// A block a sum: sums[group][bit], then sums[group][bits] of all buckets.
template <class F>
DEVICE void sum_bit(const Xyzz<F>* lines, const BucketGrid& grid, Jacobian<F>* sums) {
    u32 group = block_index() / grid.sums(), bit = block_index() % grid.sums();
    const Xyzz<F>* rows = lines + (u64)group * grid.lines();
    bool all = bit == grid.row_bits + grid.column_bits;
    bool of_rows = bit >= grid.column_bits;
    const Xyzz<F>* from = of_rows ? rows : rows + grid.rows();
    u32 line_bit = of_rows ? bit - grid.column_bits : bit;
    u32 length = all ? grid.rows() : (of_rows ? grid.rows() : grid.columns()) / 2;

    auto term = [=](u32 step) {
        u32 i = step * block_threads() + thread_index();
        return i < length ? from + (all ? i : with_bit(i, line_bit)) : nullptr;
    };
    Xyzz<F>* shared = shared_memory<Xyzz<F>>();
    Xyzz<F> sum = sum_terms(ceil_div(length, block_threads()), block_threads(), shared, term, [] { barrier(); });
    if (thread_index() == 0) sums[block_index()] = Jacobian<F>::from_xyzz(sum);
}
