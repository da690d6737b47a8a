// Sums of buckets from the sorted pairs. A thread adds the points of one chunk; a bucket that lies within the chunk
// is done, and one that goes on beyond either end becomes a partial sum, for combine.hpp.
//
// Every chunk leaves two partial sums: its first key's in slot 2t and its last key's in slot 2t + 1, infinity where
// there is nothing open. So the slots are sorted by key, and their number follows from that of the pairs.
#pragma once

#include "curve/xyzz.hpp"
#include "msm/chunks.hpp"

// Partial sums with their keys. Lazy coordinates; infinity has its ZZ written, nothing else.
template <class F>
struct Partials {
    u32* keys;
    Xyzz<F>* points;

    METHOD void put(u32 slot, u32 key) const {
        keys[slot] = key;
        points[slot].zz = F::zero();
    }
    METHOD Xyzz<F> get(u32 slot) const {
        if (points[slot].is_infinity()) return Xyzz<F>::infinity();
        return points[slot];
    }
};

struct SortedPairs {
    const u32* keys;
    const u32* values;
    u32 count;
};

// The start of the point that comes next, on its way to the cache while the current one is added.
template <class F>
DEVICE void prefetch_point(const Affine<F>* points, u32 value) {
    const Affine<F>* p = points + (value & 0x7fffffffu);
    for (u32 sector = 0; sector < sizeof(Affine<F>); sector += 32) prefetch(reinterpret_cast<const u8*>(p) + sector);
}

// buckets: zero (infinity) where no pair is. Keys and values are read when they are needed: they are in the first
// cache, and a register that carries them over an addition would be spilled.
template <class F>
DEVICE void accumulate_chunk(const Affine<F>* points, const SortedPairs& pairs, const ChunkPlan& plan, u32 chunk,
                             Xyzz<F>* buckets, const Partials<F>& partials) {
    u32 length = plan.length(pairs.count);
    if (chunk >= ceil_div(pairs.count, length)) return;
    u32 first = chunk * length;
    u32 last = pairs.count - first < length ? pairs.count : first + length;

    u32 key = pairs.keys[first];
    partials.put(2 * chunk, key);
    partials.put(2 * chunk + 1, pairs.keys[last - 1]);
    bool open = first > 0 && pairs.keys[first - 1] == key;

    Xyzz<F> sum = Xyzz<F>::infinity();
    NO_UNROLL for (u32 i = first; i < last; i++) {
        if (i + 1 < last) prefetch_point(points, pairs.values[i + 1]);
        u32 value = pairs.values[i];
        sum.add(points[value & 0x7fffffffu], value >> 31);
        key = pairs.keys[i];
        if (i + 1 < last && pairs.keys[i + 1] == key) continue;
        if (open) {
            partials.points[2 * chunk] = sum;
        } else if (i + 1 == last && last < pairs.count && pairs.keys[last] == key) {
            partials.points[2 * chunk + 1] = sum;
        } else {
            buckets[key] = sum;
        }
        open = false;
        sum = Xyzz<F>::infinity();
    }
}
