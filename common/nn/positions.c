/* Sinusoidal positions without libm: sin and cos of the lowest angle by their series, every further row by
 * rotation, sin(a + w) = sin a cos w + cos a sin w, in double. The error grows with the row: at row 16384
 * it is still below 1e-11, far under a float's. */
#include "common/nn/nn.h"

/* exp(-x) for 0 <= x < 10: the series at x / 1024, squared ten times. */
static double exp_minus(double x) {
    double r = -x / 1024, term = 1, sum = 1;
    for (int i = 1; i < 12; i++) term *= r / i, sum += term;
    for (int i = 0; i < 10; i++) sum *= sum;
    return sum;
}

void nn_positions(float *table, int n, int d) {
    for (int c = 0; 2 * c < d; c++) {
        double w = exp_minus(9.210340371976184 * 2 * c / d); /* ln 10000 */
        double sine = 0, cosine = 0, term = 1;
        for (int i = 0; i < 24; i++) {
            if (i % 2)
                sine += i % 4 == 1 ? term : -term;
            else
                cosine += i % 4 == 0 ? term : -term;
            term *= w / (i + 1);
        }
        double s = 0, k = 1;
        for (int i = 0; i < n; i++) {
            table[(size_t)i * d + 2 * c] = (float)s;
            if (2 * c + 1 < d) table[(size_t)i * d + 2 * c + 1] = (float)k;
            double next = s * cosine + k * sine;
            k = k * cosine - s * sine;
            s = next;
        }
    }
}
