// A tile of field elements in shared memory.
//
// An element is kept as two halves of 16 bytes in two arrays, so that neighbouring lanes that move neighbouring
// elements use neighbouring 16-byte words. Eight lanes are served at once and conflict when two of their words agree
// modulo eight. The place of element e is e with its low three bits changed by bits 3 and 4, which makes the
// eight places distinct whichever two-bit or one-bit field of e the threads leave out, for tiles of any number of
// columns (checked over all of them). The upper halves begin four words later than the lower ones end, so that a copy
// whose lanes take turns between lower and upper halves does not conflict either.
#pragma once

#include "field/bn254.hpp"

namespace ntt {

struct alignas(16) Half {
    u32 word[4];
};

// Words between the lower halves and the upper ones; a tile takes 32 bytes an element and 64 more.
constexpr u32 HALVES_APART = 4;

struct Tile {
    Half* halves;
    // At least 3.
    u32 elements_log;

    METHOD u32 elements() const { return 1u << elements_log; }

    // The place of half 0 or 1 of an element.
    METHOD u32 place(u32 element, u32 half) const {
        return (element ^ (0x2570u >> (element >> 1 & 12) & 7)) + half * (elements() + HALVES_APART);
    }

    METHOD Fr load(u32 element) const {
        Half low = halves[place(element, 0)], high = halves[place(element, 1)];
        Fr x;
        UNROLL for (int i = 0; i < 4; i++) {
            x.limb[i] = low.word[i];
            x.limb[i + 4] = high.word[i];
        }
        return x;
    }

    METHOD void store(u32 element, const Fr& x) const {
        Half low, high;
        UNROLL for (int i = 0; i < 4; i++) {
            low.word[i] = x.limb[i];
            high.word[i] = x.limb[i + 4];
        }
        halves[place(element, 0)] = low;
        halves[place(element, 1)] = high;
    }
};

} // namespace ntt
