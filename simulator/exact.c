/* Taylor polynomials after range reduction: sine on [-1/8, 1/8] turns, exp2 on [-1/2, 1/2], log2 by the
 * odd series of (m - 1) / (m + 1) on [1/sqrt 2, sqrt 2]. */
#include "simulator/exact.h"

#include <math.h>
#include <string.h>

static const double TWO_PI = 6.283185307179586, LN2 = 0.6931471805599453;

static double sine(double x) { /* |x| <= pi/4 */
    double y = x * x;
    return x * (1 - y / 6 * (1 - y / 20 * (1 - y / 42 * (1 - y / 72 * (1 - y / 110)))));
}
static double cosine(double x) {
    double y = x * x;
    return 1 - y / 2 * (1 - y / 12 * (1 - y / 30 * (1 - y / 56 * (1 - y / 90 * (1 - y / 132)))));
}

double exact_sin(double turns) {
    double quarter = floor(turns * 4 + 0.5);
    double x = (turns - quarter / 4) * TWO_PI;
    switch ((int64_t)quarter & 3) {
    case 0:
        return sine(x);
    case 1:
        return cosine(x);
    case 2:
        return -sine(x);
    default:
        return -cosine(x);
    }
}
double exact_cos(double turns) { return exact_sin(turns + 0.25); }

double exact_exp2(double x) {
    double whole = floor(x + 0.5), f = (x - whole) * LN2, term = 1, sum = 1;
    for (int i = 1; i <= 12; i++) {
        term = term * f / i;
        sum += term;
    }
    uint64_t bits = (uint64_t)((int64_t)whole + 1023) << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return sum * scale;
}
double exact_gain(double db) { return exact_exp2(db * 0.16609640474436813); }
double exact_hz(double midi) { return 440 * exact_exp2((midi - 69) / 12); }

double exact_normal(Rng *r) {
    double sum = 0;
    for (int i = 0; i < 4; i++) sum += rng_f64(r);
    return (sum - 2) * 1.7320508075688772;
}

double exact_log2(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int64_t exponent = (int64_t)(bits >> 52) - 1023;
    bits = (bits & 0xFFFFFFFFFFFFFu) | (uint64_t)1023 << 52;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m /= 2;
        exponent++;
    }
    double z = (m - 1) / (m + 1), y = z * z, term = z, sum = 0;
    for (int i = 1; i < 24; i += 2) {
        sum += term / i;
        term *= y;
    }
    return (double)exponent + 2 * sum / LN2;
}
