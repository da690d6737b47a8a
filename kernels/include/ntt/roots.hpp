// Roots of unity of the scalar field, and the tables of them that the transforms read.
#pragma once

#include "field/bn254.hpp"

namespace ntt {

// r - 1 = 2^28 t with t odd: there are roots of unity of every order up to 2^28.
constexpr u32 TWO_ADICITY = 28;

// 5^((r-1)/2^28), of order 2^28; 5 generates the field's multiplicative group.
HD Fr two_adic_root() {
    constexpr u32 limbs[Fr::LIMBS] = {
        0x80d13d9cu, 0x636e7355u, 0x2445ffd6u, 0xa22bf374u, 0x1eb203d8u, 0x56452ac0u, 0x2963f9e7u, 0x1860ef94u,
    };
    Fr root;
    UNROLL for (int i = 0; i < Fr::LIMBS; i++) root.limb[i] = limbs[i];
    return root;
}

// The root of order 2^order_log whose powers the tables hold.
HD Fr root_of_unity(u32 order_log) {
    Fr root = two_adic_root();
    NO_UNROLL for (u32 i = order_log; i < TWO_ADICITY; i++) root = root.squared();
    return root;
}

HD Fr power(const Fr& base, u32 exponent) {
    Fr result = Fr::one();
    NO_UNROLL for (u32 bit = 32 - count_leading_zeros(exponent); bit-- > 0;) {
        result = result.squared();
        if (exponent >> bit & 1) result = result * base;
    }
    return result;
}

// (r + 1) / 2.
HD Fr half() {
    constexpr u32 limbs[Fr::LIMBS] = {
        0x1ffffffeu, 0x783c14d8u, 0x0c8d1eddu, 0xaf982f6fu, 0xfcfd4f45u, 0x8f5f7492u, 0x3d9cbfacu, 0x1f37631au,
    };
    Fr value;
    UNROLL for (int i = 0; i < Fr::LIMBS; i++) value.limb[i] = limbs[i];
    return value;
}

// The powers w^(first + k step) for some root w out of a table.
struct Factors {
    const Fr* table;
    u32 first;
    u32 step;
    // Order of w less one.
    u32 order_mask;
    // Place in the table of w^i: i << shift.
    u32 shift;
    // Places from here on, a power of two, hold the negatives of those from 0 on and are not in the table.
    u32 end;

    // HALVED: the table may end before the place.
    template <bool HALVED> METHOD Fr times(const Fr& x, u32 k) const {
        u32 place = ((first + k * step) & order_mask) << shift;
        if (!HALVED) return x * table[place];
        Fr product = x * table[place & (end - 1)];
        return place & end ? product.negated() : product;
    }
};

// Two tables: the powers of the root of the largest domain's order up to its half; and, close together for the cache,
// all powers of the root whose order is the largest of a tile's rows.
struct Tables {
    const Fr* roots;
    u32 roots_log;
    const Fr* steps;
    u32 steps_log;
    // The inverses of the roots instead.
    bool inverse;

    // Powers of the root of order 2^order_log, 1 <= order_log <= roots_log.
    METHOD Factors root(u32 order_log, u32 first, u32 step) const {
        return factors(roots, order_log, first, step, roots_log - order_log, 1u << (roots_log - 1));
    }

    // The same for order_log <= steps_log.
    METHOD Factors small_root(u32 order_log, u32 first, u32 step) const {
        return factors(steps, order_log, first, step, steps_log - order_log, 1u << steps_log);
    }

    // The root of order 4; for steps_log >= 2.
    METHOD const Fr* quarter() const { return steps + ((inverse ? 3u : 1u) << (steps_log - 2)); }

private:
    METHOD Factors factors(const Fr* table, u32 order_log, u32 first, u32 step, u32 shift, u32 end) const {
        return {table, inverse ? 0 - first : first, inverse ? 0 - step : step, (1u << order_log) - 1, shift, end};
    }
};

// Entries that one thread of a table's kernel makes.
constexpr u32 ENTRIES_PER_THREAD = 16;

// Powers of the root of order 2^order_log, from 0 up; this thread's share.
DEVICE void fill_roots(Fr* table, u32 count, u32 order_log) {
    u64 first = global_index() * ENTRIES_PER_THREAD;
    if (first >= count) return;
    Fr root = root_of_unity(order_log);
    Fr value = power(root, (u32)first);
    NO_UNROLL for (u32 i = 0; i < ENTRIES_PER_THREAD && first + i < count; i++) {
        table[first + i] = value.canonical();
        value = value * root;
    }
}

// shift^i / 2^divide_log, or shift^-i / 2^divide_log, at the bit-reversed place of i; this thread's share.
DEVICE void fill_scale(Fr* table, const Fr* shift, u32 log_n, u32 inverse, u32 divide_log) {
    u64 first = global_index() * ENTRIES_PER_THREAD;
    u64 count = 1ull << log_n;
    if (first >= count) return;
    Fr base = inverse ? shift->inverse() : *shift;
    Fr value = power(base, (u32)first) * power(half(), divide_log);
    NO_UNROLL for (u32 i = 0; i < ENTRIES_PER_THREAD && first + i < count; i++) {
        u32 place = log_n == 0 ? 0 : bit_reverse((u32)first + i) >> (32 - log_n);
        table[place] = value.canonical();
        value = value * base;
    }
}

} // namespace ntt
