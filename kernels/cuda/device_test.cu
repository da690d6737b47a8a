// Kernels that only the tests of the device layer use.
#include "portable.hpp"

// out[i] = a[i] + b
KERNEL(add_word, (const u32* a, u32 b, u32* out, u64 n)) {
    u64 i = global_index();
    if (i < n) out[i] = a[i] + b;
}

// Sums the block's words through shared memory, a tree of barriers, and adds them to *sum.
KERNEL(block_sum, (const u32* in, u64 n, u64* sum)) {
    u32* tile = shared_memory<u32>();
    u64 i = global_index();
    tile[thread_index()] = i < n ? in[i] : 0;
    for (u32 half = block_threads() / 2; half > 0; half /= 2) {
        barrier();
        if (thread_index() < half) tile[thread_index()] += tile[thread_index() + half];
    }
    if (thread_index() == 0) atomic_add(sum, (u64)tile[0]);
}

// Eight words for each thread: what every warp service answers.
KERNEL(warp_services, (const u32* in, u32* out)) {
    u32 value = in[global_index()];
    u32* mine = out + 8 * global_index();
    mine[0] = warp_match_any(value);
    mine[1] = warp_ballot(value % 2 == 1);
    mine[2] = warp_shuffle(value, 31 - lane_index());
    mine[3] = warp_shuffle_up(value, 3);
    mine[4] = warp_shuffle_down(value, 3);
    mine[5] = warp_shuffle_xor(value, 1);
    mine[6] = (u32)(warp_shuffle((u64)value << 32 | lane_index(), 7) >> 32);
    mine[7] = (warp_any(value == 7) ? 1 : 0) + (warp_all(value < 100) ? 2 : 0);
}

// Every thread works on the same words.
KERNEL(atomic_services, (u32* words, u64* doubles)) {
    u32 i = (u32)global_index();
    atomic_add(&words[0], i);
    atomic_max(&words[1], i);
    atomic_min(&words[2], i);
    atomic_or(&words[3], 1u << i % 32);
    atomic_and(&words[4], ~(1u << i % 32));
    if (atomic_compare_exchange(&words[5], 0u, 1u) == 0) atomic_add(&words[6], 1u);
    atomic_add(&doubles[0], (u64)i << 32);
    atomic_compare_exchange(&doubles[1], (u64)i, (u64)i + 1);
    if (atomic_exchange(&words[7], 1) == 0) atomic_add(&words[8], 1u);
}

// Eight words for each thread: bit services.
KERNEL(bit_services, (const u32* in, u32* out)) {
    u32 value = in[global_index()];
    u32* mine = out + 8 * global_index();
    mine[0] = count_leading_zeros(value);
    mine[1] = population_count(value);
    mine[2] = bit_reverse(value);
    mine[3] = find_first_set(value);
    mine[4] = funnel_shift_left(value, ~value, 5);
    mine[5] = funnel_shift_right(value, ~value, 5);
    mine[6] = lanes_below();
    mine[7] = load_readonly(in + global_index());
}

// 256-bit a + b, a - b and the low 128 bits of a * b, each by a carry chain; the last word is the carry, borrow or the next
// word of the product. `in`: 16 words for each thread, `out`: 9 + 9 + 5.
KERNEL(carry_chains, (const u32* in, u32* out)) {
    const u32* a = in + 16 * global_index();
    const u32* b = a + 8;
    u32* sum = out + 23 * global_index();
    u32* difference = sum + 9;
    u32* product = sum + 18;
    sum[0] = add_cc(a[0], b[0]);
    UNROLL for (u32 i = 1; i < 8; i++) sum[i] = addc_cc(a[i], b[i]);
    sum[8] = addc(0, 0);
    difference[0] = sub_cc(a[0], b[0]);
    UNROLL for (u32 i = 1; i < 8; i++) difference[i] = subc_cc(a[i], b[i]);
    difference[8] = subc(0, 0);
    u32 low[5] = {0, 0, 0, 0, 0};
    UNROLL for (u32 i = 0; i < 4; i++) {
        low[i] = mad_lo_cc(a[0], b[i], low[i]);
        UNROLL for (u32 j = 1; i + j < 4; j++) low[i + j] = madc_lo_cc(a[j], b[i], low[i + j]);
        low[4] = madc_lo(a[4 - i], b[i], low[4]);
        low[i + 1] = mad_hi_cc(a[0], b[i], low[i + 1]);
        UNROLL for (u32 j = 1; i + j < 3; j++) low[i + j + 1] = madc_hi_cc(a[j], b[i], low[i + j + 1]);
        if (i < 3) low[4] = madc_hi(a[3 - i], b[i], low[4]);
    }
    UNROLL for (u32 i = 0; i < 5; i++) product[i] = low[i];
}

// Wrong on purpose: the upper half of the block leaves before the barrier.
KERNEL(divergent_barrier, (u32* out)) {
    if (thread_index() >= block_threads() / 2) return;
    barrier();
    out[thread_index()] = 1;
}

// Wrong on purpose: one lane stays away from the collective.
KERNEL(divergent_warp, (u32* out)) {
    if (lane_index() == 5) return;
    out[thread_index()] = warp_ballot(true);
}

// Wrong on purpose: two halves of the block meet at different barriers.
KERNEL(two_barriers, (u32* out)) {
    if (thread_index() < block_threads() / 2) {
        barrier();
    } else {
        barrier();
    }
    out[thread_index()] = 1;
}

// Wrong without a barrier: each thread reads what its neighbour has written.
KERNEL(order_dependent, (u32* out)) {
    u32* tile = shared_memory<u32>();
    tile[thread_index()] = thread_index();
    out[thread_index()] = tile[(thread_index() + block_threads() - 1) % block_threads()];
}

KERNEL_BOUNDS(64, 1, bounded, (u32* out)) { out[thread_index()] = block_threads(); }

// Fills all shared memory it is given, one word a thread and round, and counts the words that kept their value.
KERNEL_BOUNDS(1024, 1, fill_shared, (u32* kept, u32 words)) {
    u32* tile = shared_memory<u32>();
    for (u32 i = thread_index(); i < words; i += block_threads()) tile[i] = i;
    barrier();
    for (u32 i = thread_index(); i < words; i += block_threads())
        if (tile[words - 1 - i] == words - 1 - i) atomic_add(kept, 1u);
}
