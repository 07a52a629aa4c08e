/* Advantages per bar: sums in double, in step order, so they repeat to the bit. */
#include "learner/gae.h"

#include <math.h>

void gae_episode(int32_t n, const float *rewards, const float *values, const int32_t *bars, double lambda,
                 float *advantages, float *returns) {
    double next_value = 0, next_advantage = 0;
    for (int32_t t = n - 1; t >= 0; t--) {
        double decay = 1;
        for (int32_t bar = bars[t]; bar < bars[t + 1]; bar++) decay *= lambda;
        double delta = rewards[t] + next_value - values[t];
        next_advantage = delta + decay * next_advantage;
        next_value = values[t];
        advantages[t] = (float)next_advantage;
        returns[t] = (float)(next_advantage + next_value);
    }
}

void gae_normalise(float *advantages, size_t n) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) sum += advantages[i];
    double mean = n ? sum / (double)n : 0;
    for (size_t i = 0; i < n; i++) squares += (advantages[i] - mean) * (advantages[i] - mean);
    double deviation = n > 1 ? sqrt(squares / (double)n) : 0;
    for (size_t i = 0; i < n; i++)
        advantages[i] = deviation > 1e-8 ? (float)((advantages[i] - mean) / deviation) : 0;
}

double explained_variance(const float *returns, const float *values, size_t n) {
    double mean = 0, error_mean = 0, spread = 0, error = 0;
    for (size_t i = 0; i < n; i++) {
        mean += returns[i];
        error_mean += (double)returns[i] - values[i];
    }
    mean /= n ? (double)n : 1;
    error_mean /= n ? (double)n : 1;
    for (size_t i = 0; i < n; i++) {
        double e = (double)returns[i] - values[i] - error_mean;
        spread += (returns[i] - mean) * (returns[i] - mean);
        error += e * e;
    }
    return spread > 1e-12 ? 1 - error / spread : 0;
}
