#pragma once
/* Advantages: generalised advantage estimation (Schulman et al. 2016) without discount, lambda per bar. Pure.
 */
#include <stddef.h>
#include <stdint.h>

/* One episode of n steps that ends. rewards, values: n; bars: n + 1, bars kept before each step and at the
 * end. Writes advantages and returns (= advantage + value), n each:
 *
 *     delta_t = r_t + V_{t+1} - V_t            V_n = 0
 *     A_t     = delta_t + lambda^(bars_{t+1} - bars_t) A_{t+1}
 *
 * so the horizon is a stretch of music, however many actions it took. */
void gae_episode(int32_t n, const float *rewards, const float *values, const int32_t *bars, double lambda,
                 float *advantages, float *returns);

/* Mean 0, deviation 1 over all n; all zero where n < 2 or nothing varies. */
void gae_normalise(float *advantages, size_t n);

/* 1 - var(returns - values) / var(returns); 0 where the returns do not vary. */
double explained_variance(const float *returns, const float *values, size_t n);
