// MSM over G2.
#include "msm/kernels.hpp"

MSM_KERNELS(Fq2, g2_threads, g2_accumulate_blocks, g2_sum_blocks)
