// Folds partial sums of equal keys. A block takes as many slots as it has threads and adds up each run of equal keys
// by a tree; a run within the block goes to its bucket, one that goes on beyond either end is one of the two partial
// sums that the block leaves for the next level. A level of one block leaves nothing.
#pragma once

#include "msm/accumulate.hpp"

// A run of equal keys among the block's slots.
struct Run {
    u32 start, end;
    bool open_before, open_after;
};

// keys[0] and keys[size + 1]: those beside the block, or no_key.
constexpr u32 no_key = 0xffffffffu;

// The first of keys[1 .. size + 1) that is at least `key`, counted from 0.
DEVICE u32 lower_bound(const u32* keys, u32 size, u32 key) {
    u32 low = 0, high = size;
    while (low < high) {
        u32 middle = (low + high) / 2;
        if (keys[1 + middle] < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

DEVICE Run find_run(const u32* keys, u32 size, u32 key) {
    Run run;
    run.start = lower_bound(keys, size, key);
    run.end = lower_bound(keys, size, key + 1);
    run.open_before = run.start == 0 && keys[0] == key;
    run.open_after = run.end == size && keys[size + 1] == key;
    return run;
}

// Leaves each run's sum with the thread of its first slot. shared: a point for each thread.
template <class F>
DEVICE void add_runs(Xyzz<F>& sum, const Run& run, bool valid, u32 longest, Xyzz<F>* shared) {
    u32 slot = thread_index(), position = slot - run.start;
    for (u32 distance = 1; distance < longest; distance *= 2) {
        u32 place = position & (2 * distance - 1);
        if (valid && place == distance) shared[slot] = sum;
        barrier();
        if (valid && place == 0 && slot + distance < run.end) sum.add(shared[slot + distance]);
    }
}

// One level. Blocks: at least one for each block_threads() slots. Shared: a point a thread, then threads + 3 words.
template <class F>
DEVICE void combine_level(const Partials<F>& in, u32 slots, const Partials<F>& out, Xyzz<F>* buckets) {
    u32 first = block_index() * block_threads(), slot = thread_index();
    if (first >= slots) return;
    u32 size = slots - first < block_threads() ? slots - first : block_threads();
    Xyzz<F>* points = shared_memory<Xyzz<F>>();
    u32* keys = reinterpret_cast<u32*>(points + block_threads());
    u32* longest = keys + block_threads() + 2;

    bool valid = slot < size;
    if (valid) keys[1 + slot] = in.keys[first + slot];
    if (slot == 0) {
        *longest = 0;
        keys[0] = first > 0 ? in.keys[first - 1] : no_key;
        keys[1 + size] = first + size < slots ? in.keys[first + size] : no_key;
    }
    barrier();
    u32 key = keys[1 + (valid ? slot : 0)];
    Run run = find_run(keys, size, key);
    if (valid && run.start == slot) atomic_max(longest, run.end - run.start);
    barrier();

    Xyzz<F> sum = valid ? in.get(first + slot) : Xyzz<F>::infinity();
    add_runs(sum, run, valid, *longest, points);
    if (!valid || run.start != slot) return;
    if (slot == 0) out.put(2 * block_index(), key);
    if (run.end == size) out.put(2 * block_index() + 1, key);
    if (run.open_before) {
        out.points[2 * block_index()] = sum;
    } else if (run.open_after) {
        out.points[2 * block_index() + 1] = sum;
    } else if (!sum.is_infinity()) {
        buckets[key] = sum;
    }
}
