// What scalars look like: the classes that decide what a multi-scalar multiplication costs.
#pragma once

#include "field/bn254.hpp"

namespace r1cs {

// By the absolute value, min(s, r - s).
enum Class : u32 { ZERO, PLUS_ONE, LESS_ONE, BELOW_2_16, BELOW_2_64, FULL, CLASSES };

// a < b as integers.
HD bool is_less(const Fr& a, const Fr& b) {
    u32 difference[Fr::LIMBS];
    return Fr::subtract(a.limb, b.limb, difference) != 0;
}

// For a value in Montgomery form.
HD Class classify(const Fr& value) {
    Fr scalar = value.from_montgomery();
    Fr opposite = value.negated().from_montgomery();
    const bool negative = is_less(opposite, scalar);
    if (negative) scalar = opposite;
    u32 above_64 = 0;
    UNROLL for (int i = 2; i < Fr::LIMBS; i++) above_64 |= scalar.limb[i];
    if (above_64 != 0) return FULL;
    if (scalar.limb[1] != 0 || scalar.limb[0] >> 16 != 0) return BELOW_2_64;
    if (scalar.limb[0] > 1) return BELOW_2_16;
    if (scalar.limb[0] == 0) return ZERO;
    return negative ? LESS_ONE : PLUS_ONE;
}

// Adds to each of the counts the number of scalars of that class. All threads of the grid call it.
DEVICE void count_classes(const Fr* scalars, u64 count, u64* counts) {
    u32 found[CLASSES] = {0, 0, 0, 0, 0, 0};
    for (u64 first = (u64)block_index() * block_threads(); first < count; first += global_threads()) {
        const u64 index = first + thread_index();
        const u32 mine = index < count ? (u32)classify(scalars[index]) : (u32)CLASSES;
        UNROLL for (u32 kind = 0; kind < CLASSES; kind++) found[kind] += population_count(warp_ballot(mine == kind));
    }
    if (lane_index() != 0) return;
    UNROLL for (u32 kind = 0; kind < CLASSES; kind++) atomic_add(&counts[kind], (u64)found[kind]);
}

} // namespace r1cs
