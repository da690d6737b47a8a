// How the sorted pairs are shared out, from their number, which is known on the device only. Chunk t is pairs [t L,
// (t + 1) L): all chunks are equally long, whatever the buckets are, and there are as many as fill the card once or
// twice.
#pragma once

#include "portable.hpp"

HD u32 ceil_div(u32 a, u32 b) { return a / b + (a % b != 0); }

struct ChunkPlan {
    u32 threads;   // that the card runs at once, some number of times
    u32 min_pairs; // of a chunk: below this, folding the partial sums costs more than it gains

    METHOD u32 length(u32 pairs) const {
        u32 share = ceil_div(pairs, threads);
        return share > min_pairs ? share : min_pairs;
    }
    METHOD u32 chunks(u32 pairs) const { return ceil_div(pairs, length(pairs)); }

    // Partial sums that a level of folding finds; 0 if the level before was the last. A chunk leaves two, and so does
    // a block.
    METHOD u32 partials(u32 pairs, u32 level, u32 block) const {
        u32 partials = 2 * chunks(pairs);
        for (u32 l = 0; l < level; l++) {
            if (partials <= block) return 0;
            partials = 2 * ceil_div(partials, block);
        }
        return partials;
    }
};
