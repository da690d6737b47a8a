// portable.hpp on the card (nvcc and NVRTC).
#pragma once

#define ON_DEVICE 1
#define HD __device__ __forceinline__
#define DEVICE __device__ __forceinline__
#define DEVICE_NOINLINE __device__ __noinline__
// Member functions.
#define METHOD __device__ __forceinline__
#define METHOD_NOINLINE __device__ __noinline__
#define CONSTANT static __device__ __constant__ const
#define UNROLL _Pragma("unroll")
#define NO_UNROLL _Pragma("unroll 1")

// At most `threads` threads a block, and registers few enough that `min_blocks` blocks fit on a multiprocessor. Without
// bounds, a block has at most 256 threads, which fits with any number of registers.
#define KERNEL(name, parameters) extern "C" __global__ void __launch_bounds__(256) name parameters
#define KERNEL_BOUNDS(threads, min_blocks, name, parameters)                                                           \
    extern "C" __global__ void __launch_bounds__(threads, min_blocks) name parameters

DEVICE u32 thread_index() { return threadIdx.x; }
DEVICE u32 block_index() { return blockIdx.x; }
DEVICE u32 block_threads() { return blockDim.x; }
DEVICE u32 grid_blocks() { return gridDim.x; }

DEVICE void barrier() { __syncthreads(); }
DEVICE void warp_barrier() { __syncwarp(); }
DEVICE void memory_fence() { __threadfence(); }

extern "C" {
extern __shared__ uint4 trifold_shared_memory[];
}
DEVICE void* shared_memory_base() { return trifold_shared_memory; }

constexpr u32 all_lanes = 0xffffffffu;
DEVICE u32 warp_match_any(u32 value) { return __match_any_sync(all_lanes, value); }
DEVICE u32 warp_ballot(bool vote) { return __ballot_sync(all_lanes, vote); }
DEVICE bool warp_any(bool vote) { return __any_sync(all_lanes, vote); }
DEVICE bool warp_all(bool vote) { return __all_sync(all_lanes, vote); }
template <typename T> DEVICE T warp_shuffle(T value, u32 lane) { return __shfl_sync(all_lanes, value, (int)lane); }
template <typename T> DEVICE T warp_shuffle_up(T value, u32 delta) { return __shfl_up_sync(all_lanes, value, delta); }
template <typename T> DEVICE T warp_shuffle_down(T value, u32 delta) {
    return __shfl_down_sync(all_lanes, value, delta);
}
template <typename T> DEVICE T warp_shuffle_xor(T value, u32 mask) {
    return __shfl_xor_sync(all_lanes, value, (int)mask);
}

// Relaxed, of device scope, on shared or global memory; the old value is returned.
DEVICE u32 atomic_add(u32* address, u32 value) { return atomicAdd(address, value); }
DEVICE u64 atomic_add(u64* address, u64 value) { return atomicAdd(address, value); }
DEVICE u32 atomic_max(u32* address, u32 value) { return atomicMax(address, value); }
DEVICE u32 atomic_min(u32* address, u32 value) { return atomicMin(address, value); }
DEVICE u32 atomic_or(u32* address, u32 value) { return atomicOr(address, value); }
DEVICE u32 atomic_and(u32* address, u32 value) { return atomicAnd(address, value); }
DEVICE u32 atomic_exchange(u32* address, u32 value) { return atomicExch(address, value); }
DEVICE u32 atomic_compare_exchange(u32* address, u32 expected, u32 desired) {
    return atomicCAS(address, expected, desired);
}
DEVICE u64 atomic_compare_exchange(u64* address, u64 expected, u64 desired) {
    return atomicCAS(address, expected, desired);
}

DEVICE u32 count_leading_zeros(u32 value) { return (u32)__clz((int)value); }
DEVICE u32 population_count(u32 value) { return (u32)__popc(value); }
DEVICE u32 bit_reverse(u32 value) { return __brev(value); }
// One more than the index of the lowest set bit; 0 for 0.
DEVICE u32 find_first_set(u32 value) { return (u32)__ffs((int)value); }
// The upper word of (high:low) << shift, and the lower word of (high:low) >> shift; shift modulo 32.
DEVICE u32 funnel_shift_left(u32 low, u32 high, u32 shift) { return __funnelshift_l(low, high, shift); }
DEVICE u32 funnel_shift_right(u32 low, u32 high, u32 shift) { return __funnelshift_r(low, high, shift); }

// Through the read-only cache: only for memory that nothing writes while the kernel runs.
DEVICE u32 load_readonly(const u32* address) { return __ldg(address); }
DEVICE u64 load_readonly(const u64* address) { return __ldg(address); }

// Asks for the sector at a global address to be brought to the L2 cache; nothing waits for it.
DEVICE void prefetch(const void* address) { asm volatile("prefetch.global.L2 [%0];" ::"l"(address)); }

// Carry chains. Each is one PTX instruction; `volatile` keeps the order that the condition code needs.
#define CARRY_2(name, instruction)                                                                                     \
    DEVICE u32 name(u32 a, u32 b) {                                                                                    \
        u32 r;                                                                                                         \
        asm volatile(instruction " %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));                                           \
        return r;                                                                                                      \
    }
#define CARRY_3(name, instruction)                                                                                     \
    DEVICE u32 name(u32 a, u32 b, u32 c) {                                                                             \
        u32 r;                                                                                                         \
        asm volatile(instruction " %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(c));                               \
        return r;                                                                                                      \
    }
CARRY_2(add_cc, "add.cc.u32")
CARRY_2(addc_cc, "addc.cc.u32")
CARRY_2(addc, "addc.u32")
CARRY_2(sub_cc, "sub.cc.u32")
CARRY_2(subc_cc, "subc.cc.u32")
CARRY_2(subc, "subc.u32")
CARRY_3(mad_lo_cc, "mad.lo.cc.u32")
CARRY_3(madc_lo_cc, "madc.lo.cc.u32")
CARRY_3(madc_lo, "madc.lo.u32")
CARRY_3(mad_hi_cc, "mad.hi.cc.u32")
CARRY_3(madc_hi_cc, "madc.hi.cc.u32")
CARRY_3(madc_hi, "madc.hi.u32")
#undef CARRY_2
#undef CARRY_3

// Without a carry; the compiler may move these freely.
DEVICE u32 mul_lo(u32 a, u32 b) { return a * b; }
DEVICE u32 mul_hi(u32 a, u32 b) { return __umulhi(a, b); }
DEVICE u32 mad_lo(u32 a, u32 b, u32 c) { return a * b + c; }
DEVICE u32 mad_hi(u32 a, u32 b, u32 c) { return __umulhi(a, b) + c; }
DEVICE u64 mul_wide(u32 a, u32 b) { return (u64)a * b; }
DEVICE u64 mad_wide(u32 a, u32 b, u64 c) { return (u64)a * b + c; }
