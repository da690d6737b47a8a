// Numbers chosen for speed. Each says on which card and when it was measured, or "not measured": then it comes from
// the registers and instructions that the compiler reports. kernels/src/msm/tuning.rs has the host's share.
#pragma once

#include "portable.hpp"

// Radix sort: a tile is threads * items pairs. Not measured.
constexpr u32 sort_threads = 256;
constexpr u32 sort_items = 16;

// Threads of a block and blocks of a multiprocessor for the kernels that add points: as many as the registers allow
// on every architecture without a spill. `accumulate`: the inner loop of an MSM; `sum`: all others. Not measured.
constexpr u32 g1_threads = 128;
constexpr u32 g1_accumulate_blocks = 4;
constexpr u32 g1_sum_blocks = 3;
constexpr u32 g2_threads = 128;
constexpr u32 g2_accumulate_blocks = 2;
constexpr u32 g2_sum_blocks = 2;

// Points that share one inversion when tables are built. Not measured.
constexpr u32 inversion_share = 16;
