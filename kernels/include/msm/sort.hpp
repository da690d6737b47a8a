// Stable least-significant-digit radix sort of (key, value) pairs, whose number is known on the device only. A pass
// is three kernels: each tile counts its digits, each digit's counts are scanned over the tiles, each tile puts its
// pairs in place. Nothing depends on how the keys are distributed.
#pragma once

#include "portable.hpp"
#include "tuning.hpp"

constexpr u32 sort_tile = sort_threads * sort_items;

HD u32 sort_tiles(u32 count) { return count / sort_tile + (count % sort_tile != 0); }

// Sum of the values of the threads before this one; `total` gets that of the block. `scratch`: one word a warp.
DEVICE u32 block_exclusive_sum(u32 value, u32* scratch, u32& total) {
    u32 sum = value;
    for (u32 delta = 1; delta < warp_threads; delta *= 2) {
        u32 below = warp_shuffle_up(sum, delta);
        if (lane_index() >= delta) sum += below;
    }
    if (lane_index() == warp_threads - 1) scratch[warp_index()] = sum;
    barrier();
    u32 before = 0;
    total = 0;
    for (u32 w = 0; w < block_threads() / warp_threads; w++) {
        if (w < warp_index()) before += scratch[w];
        total += scratch[w];
    }
    barrier();
    return before + sum - value;
}

// counts[digit][tile] = how many keys of the tile have that digit.
DEVICE void count_tile(const u32* keys, u32 count, u32 shift, u32 bits, u32* counts) {
    u32 tiles = sort_tiles(count), radix = 1u << bits;
    if (block_index() >= tiles) return;
    u32* counters = shared_memory<u32>();
    for (u32 digit = thread_index(); digit < radix; digit += block_threads()) counters[digit] = 0;
    barrier();
    u32 first = block_index() * sort_tile;
    u32 last = count - first < sort_tile ? count : first + sort_tile;
    for (u32 i = first + thread_index(); i < last; i += block_threads()) {
        atomic_add(&counters[keys[i] >> shift & (radix - 1)], 1u);
    }
    barrier();
    for (u32 digit = thread_index(); digit < radix; digit += block_threads()) {
        counts[(u64)digit * tiles + block_index()] = counters[digit];
    }
}

// One block a digit: counts[digit][..] becomes its exclusive sums, totals[digit] the sum.
DEVICE void scan_digit(u32* counts, u32* totals, u32 count) {
    u32 tiles = sort_tiles(count);
    u32* row = counts + (u64)block_index() * tiles;
    u32 running = 0;
    for (u32 first = 0; first < tiles; first += block_threads()) {
        u32 tile = first + thread_index(), sum;
        u32 before = block_exclusive_sum(tile < tiles ? row[tile] : 0, shared_memory<u32>(), sum);
        if (tile < tiles) row[tile] = running + before;
        running += sum;
    }
    if (thread_index() == 0) totals[block_index()] = running;
}

// One tile of pairs on its way to its places.
struct SortTile {
    u32* warp_counts; // [warp][digit]: first how many, then where within the tile
    u32* offsets;     // [digit]: from the place within the tile to the place among all
    u32* keys;        // the tile, sorted by digit
    u32* values;
    u32* scratch;
    u32 first, size, shift, bits;

    METHOD u32 digit(u32 key) const { return key >> shift & ((1u << bits) - 1); }
    METHOD u32* counts_of_warp() const { return warp_counts + (warp_index() << bits); }
    METHOD u32 place_of(u32 item) const { return (warp_index() * sort_items + item) * warp_threads + lane_index(); }

    static METHOD SortTile carve(u32 count, u32 shift, u32 bits) {
        SortTile t;
        u32 radix = 1u << bits;
        t.warp_counts = shared_memory<u32>();
        t.offsets = t.warp_counts + radix * (sort_threads / warp_threads);
        t.keys = t.offsets + radix;
        t.values = t.keys + sort_tile;
        t.scratch = t.values + sort_tile;
        t.first = block_index() * sort_tile;
        t.size = count - t.first < sort_tile ? count - t.first : sort_tile;
        t.shift = shift;
        t.bits = bits;
        return t;
    }

    // Each key's number among the equal digits of its warp, in order; leaves each warp's counts.
    METHOD void rank(const u32* all_keys, u32 (&key)[sort_items], u32 (&rank)[sort_items]) const {
        u32* counts = counts_of_warp();
        UNROLL for (u32 item = 0; item < sort_items; item++) {
            u32 place = place_of(item);
            bool valid = place < size;
            key[item] = valid ? all_keys[first + place] : 0;
            u32 equal = warp_match_any(valid ? digit(key[item]) : 0xffffffffu);
            u32 before = valid ? counts[digit(key[item])] : 0;
            rank[item] = before + population_count(equal & lanes_below());
            warp_barrier();
            if (valid && (equal & lanes_below()) == 0) counts[digit(key[item])] = before + population_count(equal);
            warp_barrier();
        }
    }

    // Turns the warps' counts into places within the tile, and finds each digit's offset. A thread has `each` digits.
    METHOD void place_digits(const u32* counts, const u32* totals, u32 tiles) const {
        u32 radix = 1u << bits, each = radix > sort_threads ? radix / sort_threads : 1;
        u32 from = thread_index() * each, in_tile = 0, in_all = 0, ignored;
        for (u32 d = from; d < from + each && d < radix; d++) {
            for (u32 w = 0; w < sort_threads / warp_threads; w++) in_tile += warp_counts[w * radix + d];
            in_all += totals[d];
        }
        u32 place = block_exclusive_sum(in_tile, scratch, ignored);
        u32 base = block_exclusive_sum(in_all, scratch, ignored);
        for (u32 d = from; d < from + each && d < radix; d++) {
            offsets[d] = base + counts[(u64)d * tiles + block_index()] - place;
            base += totals[d];
            for (u32 w = 0; w < sort_threads / warp_threads; w++) {
                u32 size = warp_counts[w * radix + d];
                warp_counts[w * radix + d] = place;
                place += size;
            }
        }
    }
};

// counts and totals as count_tile and scan_digit leave them.
DEVICE void scatter_tile(const u32* keys, const u32* values, u32 count, u32 shift, u32 bits, const u32* counts,
                         const u32* totals, u32* sorted_keys, u32* sorted_values) {
    u32 tiles = sort_tiles(count);
    if (block_index() >= tiles) return;
    SortTile tile = SortTile::carve(count, shift, bits);
    u32 words = (sort_threads / warp_threads) << bits;
    for (u32 i = thread_index(); i < words; i += sort_threads) tile.warp_counts[i] = 0;
    barrier();
    u32 key[sort_items], rank[sort_items];
    tile.rank(keys, key, rank);
    barrier();
    tile.place_digits(counts, totals, tiles);
    barrier();
    UNROLL for (u32 item = 0; item < sort_items; item++) {
        if (tile.place_of(item) >= tile.size) continue;
        u32 place = tile.counts_of_warp()[tile.digit(key[item])] + rank[item];
        tile.keys[place] = key[item];
        tile.values[place] = values[tile.first + tile.place_of(item)];
    }
    barrier();
    for (u32 i = thread_index(); i < tile.size; i += sort_threads) {
        u32 place = tile.offsets[tile.digit(tile.keys[i])] + i;
        sorted_keys[place] = tile.keys[i];
        sorted_values[place] = tile.values[i];
    }
}
