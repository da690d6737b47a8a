// The one file that asks which compiler is at work. Everything else in kernels/ is written in its terms: functions,
// kernels, indices, barriers, warp collectives, atomics and carry chains, once for the card and for the emulator.
//
// Includes are written from the root of include/ ("field/fp.hpp"): NVRTC finds headers by their literal name. No standard
// header is used, for NVRTC has none. Blocks and grids are one-dimensional; a block is whole warps of 32 threads; all
// shared memory is dynamic.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int i32;
typedef long long i64;

static_assert(sizeof(u32) == 4 && sizeof(u64) == 8, "the kernels count on 32-bit int and 64-bit long long");

constexpr u32 warp_threads = 32;

#if defined(__CUDACC__)
#include "portable/cuda.hpp"
#else
#include "portable/host.hpp"
#endif

// What both sides say alike.

DEVICE u32 lane_index() { return thread_index() % warp_threads; }
DEVICE u32 warp_index() { return thread_index() / warp_threads; }
DEVICE u64 global_index() { return (u64)block_index() * block_threads() + thread_index(); }
DEVICE u64 global_threads() { return (u64)grid_blocks() * block_threads(); }
// One bit for each lane below the calling one.
DEVICE u32 lanes_below() { return (1u << lane_index()) - 1; }

// The block's dynamic shared memory, aligned to 16 bytes. There is one such block: carve it by hand.
template <typename T> DEVICE T* shared_memory() {
    static_assert(alignof(T) <= 16, "shared memory is aligned to 16 bytes");
    return reinterpret_cast<T*>(shared_memory_base());
}
