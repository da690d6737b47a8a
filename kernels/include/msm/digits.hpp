// Scalars into signed digits. Digit w of a scalar s is d_w with s = sum of d_w 2^(c w), -2^(c-1) < d_w <= 2^(c-1). A
// scalar above (r - 1)/2 is replaced by r - s with all signs turned, so that -1 has one digit and not windows of
// them. Then |s| < 2^253, and ceil(254 / c) windows leave no carry.
//
// A digit that is not zero becomes a pair: the key is the bucket, group 2^(c-1) + |d| - 1 where group = proof * sets
// + set; the value is the point, table * points + index, its top bit the sign. Window w = table * sets + set.
#pragma once

#include "field/bn254.hpp"

// The digits of one scalar, lowest first.
struct DigitReader {
    u32 limb[8];
    u32 negative;
    u32 carry;

    static METHOD DigitReader of_zero() {
        DigitReader r;
        UNROLL for (int i = 0; i < 8; i++) r.limb[i] = 0;
        r.negative = r.carry = 0;
        return r;
    }

    static METHOD DigitReader of(Fr montgomery) {
        Fr plain = montgomery.from_montgomery();
        Fr modulus, complement;
        UNROLL for (int i = 0; i < 8; i++) modulus.limb[i] = FrParameters::modulus(i);
        Fr::subtract(modulus.limb, plain.limb, complement.limb);
        u32 above_half = Fr::subtract(complement.limb, plain.limb, modulus.limb);
        DigitReader r;
        UNROLL for (int i = 0; i < 8; i++) r.limb[i] = above_half ? complement.limb[i] : plain.limb[i];
        r.negative = above_half & 1;
        r.carry = 0;
        return r;
    }

    // The next digit, its sign without that of the scalar.
    METHOD i32 next(u32 window_bits) {
        u32 value = (limb[0] & ((1u << window_bits) - 1)) + carry;
        UNROLL for (int i = 0; i < 7; i++) limb[i] = funnel_shift_right(limb[i], limb[i + 1], window_bits);
        limb[7] >>= window_bits;
        carry = value > 1u << (window_bits - 1) ? 1 : 0;
        return (i32)value - (i32)(carry << window_bits);
    }
};

struct DigitPlan {
    u32 points, window_bits, windows, sets;
};

// How many digits of the warp's scalars are not zero.
DEVICE u32 count_digits(DigitReader reader, const DigitPlan& plan) {
    u32 total = 0;
    NO_UNROLL for (u32 w = 0; w < plan.windows; w++) {
        total += population_count(warp_ballot(reader.next(plan.window_bits) != 0));
    }
    return total;
}

// Writes the warp's pairs from `position` on, window by window, so that lanes write side by side.
DEVICE void write_digits(DigitReader reader, const DigitPlan& plan, u32 proof, u32 index, u32 position, u32* keys,
                         u32* values) {
    u32 set = 0, table = 0;
    NO_UNROLL for (u32 w = 0; w < plan.windows; w++) {
        i32 digit = reader.next(plan.window_bits);
        u32 mask = warp_ballot(digit != 0);
        if (digit != 0) {
            u32 place = position + population_count(mask & lanes_below());
            u32 negative = (digit < 0 ? 1 : 0) ^ reader.negative;
            u32 size = digit < 0 ? (u32)-digit : (u32)digit;
            keys[place] = ((proof * plan.sets + set) << (plan.window_bits - 1)) + size - 1;
            values[place] = (table * plan.points + index) | negative << 31;
        }
        position += population_count(mask);
        if (++set == plan.sets) {
            set = 0;
            table++;
        }
    }
}

// Reserves room for the block's pairs with one atomic addition; the calling warp's share starts at the result.
DEVICE u32 reserve(u32 warp_total, u32* count) {
    u32* starts = shared_memory<u32>();
    if (lane_index() == 0) starts[warp_index()] = warp_total;
    barrier();
    if (thread_index() == 0) {
        u32 total = 0;
        for (u32 w = 0; w < block_threads() / warp_threads; w++) {
            u32 size = starts[w];
            starts[w] = total;
            total += size;
        }
        u32 base = total > 0 ? atomic_add(count, total) : 0;
        for (u32 w = 0; w < block_threads() / warp_threads; w++) starts[w] += base;
    }
    barrier();
    return starts[warp_index()];
}
