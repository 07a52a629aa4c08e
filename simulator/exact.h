#pragma once
/* Elementary functions from + - * / and floor alone: the same bits from every compiler, which libm does
 * not promise. Errors are below 1e-9, far under 16 bits of sound. Pure. */
#include "common/core/rng.h"

double exact_sin(double turns); /* sin(2 pi turns) */
double exact_cos(double turns);
double exact_exp2(double x);  /* |x| < 1000 */
double exact_gain(double db); /* 10 ^ (db / 20) */
double exact_hz(double midi); /* 69 = 440 Hz */
double exact_normal(Rng *r);  /* mean 0, deviation 1, never past 3.5: a sum of four uniforms */
double exact_log2(double x);  /* x > 0 */
