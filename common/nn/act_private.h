#pragma once
/* Private to common/nn: the two sets of kernels, made from the one text act_kernels.inc. */
#include "common/nn/act.h"

extern const ActKernels act_avx2, act_avx512;
