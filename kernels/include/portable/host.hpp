// portable.hpp on the host: plain C++ over the emulator (emulator/emulator.hpp), for tests and sanitizers.
#pragma once

#include "../../emulator/emulator.hpp"

#define ON_DEVICE 0
// Only the carry chains and their like are always inlined: with the whole arithmetic inlined as on the card, sanitizers take
// minutes to compile.
#define PRIMITIVE [[maybe_unused]] static inline __attribute__((always_inline))
#define HD [[maybe_unused]] static inline
#define DEVICE [[maybe_unused]] static inline
#define DEVICE_NOINLINE [[maybe_unused]] static __attribute__((noinline))
// Member functions.
#define METHOD inline
#define METHOD_NOINLINE __attribute__((noinline))
#define CONSTANT [[maybe_unused]] static const
#define UNROLL
#define NO_UNROLL

// The kernels of this translation unit; the wrapper that the build makes for each module hands the list out.
[[maybe_unused]] static emulator::Kernel* emulator_kernels = nullptr;

#define KERNEL_BOUNDS(threads, min_blocks, name, parameters)                                                           \
    static void name parameters;                                                                                       \
    static emulator::Kernel name##_kernel(&emulator_kernels, #name, threads, emulator::Entry<&name>::kinds(),          \
                                          &emulator::Entry<&name>::call);                                              \
    static void name parameters
#define KERNEL(name, parameters) KERNEL_BOUNDS(256, 1, name, parameters)

PRIMITIVE u32 thread_index() { return emulator::position.thread; }
PRIMITIVE u32 block_index() { return emulator::position.block; }
PRIMITIVE u32 block_threads() { return emulator::position.threads; }
PRIMITIVE u32 grid_blocks() { return emulator::position.blocks; }
PRIMITIVE void* shared_memory_base() { return emulator::position.shared; }

// The place of the call is compared among the threads that meet.
PRIMITIVE void barrier(const char* file = __builtin_FILE(), u32 line = __builtin_LINE()) {
    emulator::meet_block({"barrier", file, line});
}
PRIMITIVE void warp_barrier(const char* file = __builtin_FILE(), u32 line = __builtin_LINE()) {
    emulator::meet_warp({"warp_barrier", file, line}, 0);
}
PRIMITIVE void memory_fence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

PRIMITIVE u32 warp_match_any(u32 value, const char* file = __builtin_FILE(), u32 line = __builtin_LINE()) {
    const u64* values = emulator::meet_warp({"warp_match_any", file, line}, value);
    u32 equal = 0;
    for (u32 lane = 0; lane < warp_threads; lane++) equal |= (u32)(values[lane] == value) << lane;
    return equal;
}
PRIMITIVE u32 warp_ballot(bool vote, const char* file = __builtin_FILE(), u32 line = __builtin_LINE()) {
    const u64* values = emulator::meet_warp({"warp_ballot", file, line}, vote);
    u32 votes = 0;
    for (u32 lane = 0; lane < warp_threads; lane++) votes |= (u32)values[lane] << lane;
    return votes;
}
PRIMITIVE bool warp_any(bool vote, const char* file = __builtin_FILE(), u32 line = __builtin_LINE()) {
    return warp_ballot(vote, file, line) != 0;
}
PRIMITIVE bool warp_all(bool vote, const char* file = __builtin_FILE(), u32 line = __builtin_LINE()) {
    return warp_ballot(vote, file, line) == 0xffffffffu;
}
template <typename T>
PRIMITIVE T warp_shuffle(T value, u32 lane, const char* file = __builtin_FILE(), u32 line = __builtin_LINE()) {
    return (T)emulator::meet_warp({"warp_shuffle", file, line}, value)[lane % warp_threads];
}
template <typename T>
PRIMITIVE T warp_shuffle_up(T value, u32 delta, const char* file = __builtin_FILE(), u32 line = __builtin_LINE()) {
    const u64* values = emulator::meet_warp({"warp_shuffle_up", file, line}, value);
    u32 lane = emulator::position.thread % warp_threads;
    return lane >= delta ? (T)values[lane - delta] : value;
}
template <typename T>
PRIMITIVE T warp_shuffle_down(T value, u32 delta, const char* file = __builtin_FILE(), u32 line = __builtin_LINE()) {
    const u64* values = emulator::meet_warp({"warp_shuffle_down", file, line}, value);
    u32 lane = emulator::position.thread % warp_threads;
    return delta < warp_threads - lane ? (T)values[lane + delta] : value;
}
template <typename T>
PRIMITIVE T warp_shuffle_xor(T value, u32 mask, const char* file = __builtin_FILE(), u32 line = __builtin_LINE()) {
    const u64* values = emulator::meet_warp({"warp_shuffle_xor", file, line}, value);
    return (T)values[(emulator::position.thread ^ mask) % warp_threads];
}

PRIMITIVE u32 atomic_add(u32* address, u32 value) { return __atomic_fetch_add(address, value, __ATOMIC_RELAXED); }
PRIMITIVE u64 atomic_add(u64* address, u64 value) { return __atomic_fetch_add(address, value, __ATOMIC_RELAXED); }
PRIMITIVE u32 atomic_or(u32* address, u32 value) { return __atomic_fetch_or(address, value, __ATOMIC_RELAXED); }
PRIMITIVE u32 atomic_and(u32* address, u32 value) { return __atomic_fetch_and(address, value, __ATOMIC_RELAXED); }
PRIMITIVE u32 atomic_exchange(u32* address, u32 value) { return __atomic_exchange_n(address, value, __ATOMIC_RELAXED); }
template <typename T> PRIMITIVE T emulator_compare_exchange(T* address, T expected, T desired) {
    __atomic_compare_exchange_n(address, &expected, desired, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return expected;
}
PRIMITIVE u32 atomic_compare_exchange(u32* address, u32 expected, u32 desired) {
    return emulator_compare_exchange(address, expected, desired);
}
PRIMITIVE u64 atomic_compare_exchange(u64* address, u64 expected, u64 desired) {
    return emulator_compare_exchange(address, expected, desired);
}
PRIMITIVE u32 atomic_max(u32* address, u32 value) {
    u32 old = __atomic_load_n(address, __ATOMIC_RELAXED), seen;
    while (old < value && (seen = emulator_compare_exchange(address, old, value)) != old) old = seen;
    return old;
}
PRIMITIVE u32 atomic_min(u32* address, u32 value) {
    u32 old = __atomic_load_n(address, __ATOMIC_RELAXED), seen;
    while (old > value && (seen = emulator_compare_exchange(address, old, value)) != old) old = seen;
    return old;
}

PRIMITIVE u32 count_leading_zeros(u32 value) { return value ? (u32)__builtin_clz(value) : 32; }
PRIMITIVE u32 population_count(u32 value) { return (u32)__builtin_popcount(value); }
PRIMITIVE u32 find_first_set(u32 value) { return (u32)__builtin_ffs((int)value); }
PRIMITIVE u32 bit_reverse(u32 value) {
    u32 reversed = 0;
    for (u32 bit = 0; bit < 32; bit++) reversed |= (value >> bit & 1) << (31 - bit);
    return reversed;
}
PRIMITIVE u32 funnel_shift_left(u32 low, u32 high, u32 shift) {
    return (u32)(((u64)high << 32 | low) << (shift % 32) >> 32);
}
PRIMITIVE u32 funnel_shift_right(u32 low, u32 high, u32 shift) { return (u32)(((u64)high << 32 | low) >> (shift % 32)); }

PRIMITIVE u32 load_readonly(const u32* address) { return *address; }
PRIMITIVE u64 load_readonly(const u64* address) { return *address; }
PRIMITIVE void prefetch(const void* address) { __builtin_prefetch(address); }

// The exact twins of the PTX carry instructions. The flag is the condition code's carry bit: carry out of an addition,
// borrow out of a subtraction. A fiber is never switched inside a chain, so one flag per host thread is enough.
PRIMITIVE u32 emulator_keep_carry(u64 sum) {
    emulator::carry = (u32)(sum >> 32) & 1;
    return (u32)sum;
}
PRIMITIVE u32 add_cc(u32 a, u32 b) { return emulator_keep_carry((u64)a + b); }
PRIMITIVE u32 addc_cc(u32 a, u32 b) { return emulator_keep_carry((u64)a + b + emulator::carry); }
PRIMITIVE u32 addc(u32 a, u32 b) { return (u32)((u64)a + b + emulator::carry); }
PRIMITIVE u32 sub_cc(u32 a, u32 b) { return emulator_keep_carry((u64)a - b); }
PRIMITIVE u32 subc_cc(u32 a, u32 b) { return emulator_keep_carry((u64)a - b - emulator::carry); }
PRIMITIVE u32 subc(u32 a, u32 b) { return (u32)((u64)a - b - emulator::carry); }

PRIMITIVE u32 mul_lo(u32 a, u32 b) { return (u32)((u64)a * b); }
PRIMITIVE u32 mul_hi(u32 a, u32 b) { return (u32)((u64)a * b >> 32); }
PRIMITIVE u64 mul_wide(u32 a, u32 b) { return (u64)a * b; }
PRIMITIVE u64 mad_wide(u32 a, u32 b, u64 c) { return (u64)a * b + c; }
PRIMITIVE u32 mad_lo(u32 a, u32 b, u32 c) { return (u32)((u64)mul_lo(a, b) + c); }
PRIMITIVE u32 mad_hi(u32 a, u32 b, u32 c) { return (u32)((u64)mul_hi(a, b) + c); }
PRIMITIVE u32 mad_lo_cc(u32 a, u32 b, u32 c) { return add_cc(mul_lo(a, b), c); }
PRIMITIVE u32 madc_lo_cc(u32 a, u32 b, u32 c) { return addc_cc(mul_lo(a, b), c); }
PRIMITIVE u32 madc_lo(u32 a, u32 b, u32 c) { return addc(mul_lo(a, b), c); }
PRIMITIVE u32 mad_hi_cc(u32 a, u32 b, u32 c) { return add_cc(mul_hi(a, b), c); }
PRIMITIVE u32 madc_hi_cc(u32 a, u32 b, u32 c) { return addc_cc(mul_hi(a, b), c); }
PRIMITIVE u32 madc_hi(u32 a, u32 b, u32 c) { return addc(mul_hi(a, b), c); }
