// MSM over G1.
#include "msm/kernels.hpp"

MSM_KERNELS(Fq, g1_threads, g1_accumulate_blocks, g1_sum_blocks)
