// Transforms of two and four values in registers, without twiddle factors.
//
// Sums and differences that are multiplied or reduced next are left in [0, 4p) (field/lazy.hpp).
#pragma once

#include "field/bn254.hpp"
#include "field/lazy.hpp"

namespace ntt {

// The index that decimation gives to the value with index i of 2^Q.
template <u32 Q> HD constexpr u32 reversed(u32 i) { return Q == 2 ? (i >> 1 | (i & 1) << 1) : i; }

template <u32 Q> struct Butterfly;

template <> struct Butterfly<1> {
    // In: below 2p. Out: x[0] below 2p, x[1] below 4p.
    static METHOD void frequency(Fr (&x)[2], const Fr*) {
        Fr difference = lazy_difference(x[0], x[1]);
        x[0] = x[0] + x[1];
        x[1] = difference;
    }

    // In: below 2p. Out: below 4p.
    static METHOD void time(Fr (&x)[2], const Fr*) {
        Fr difference = lazy_difference(x[0], x[1]);
        x[0] = lazy_sum(x[0], x[1]);
        x[1] = difference;
    }
};

template <> struct Butterfly<2> {
    // From natural to reversed order; `quarter` is the root of order 4.
    // In: below 2p. Out: x[0] below 2p, the others below 4p.
    static METHOD void frequency(Fr (&x)[4], const Fr* quarter) {
        Fr difference_02 = x[0] - x[2];
        Fr difference_13 = lazy_difference(x[1], x[3]) * *quarter;
        Fr sum_02 = x[0] + x[2], sum_13 = x[1] + x[3];
        x[0] = sum_02 + sum_13;
        x[1] = lazy_difference(sum_02, sum_13);
        x[2] = lazy_sum(difference_02, difference_13);
        x[3] = lazy_difference(difference_02, difference_13);
    }

    // From reversed to natural order. In: below 2p. Out: below 4p.
    static METHOD void time(Fr (&x)[4], const Fr* quarter) {
        Fr difference_01 = x[0] - x[1];
        Fr difference_23 = lazy_difference(x[2], x[3]) * *quarter;
        Fr sum_01 = x[0] + x[1], sum_23 = x[2] + x[3];
        x[0] = lazy_sum(sum_01, sum_23);
        x[2] = lazy_difference(sum_01, sum_23);
        x[1] = lazy_sum(difference_01, difference_23);
        x[3] = lazy_difference(difference_01, difference_23);
    }
};

} // namespace ntt
