#pragma once
/* Real Fourier transforms of one length, in buffers of their own, over FFTW.
 *
 * A Fft belongs to one thread; opening and closing are safe from several. */
#include "common/core/status.h"
#include <stdint.h>

typedef struct Fft {
    int32_t n;        /* points */
    float *time;      /* [n] */
    float (*freq)[2]; /* [n / 2 + 1], real and imaginary */
    void *forward, *inverse;
} Fft;

Status fft_open(Fft **out, int32_t n);
void fft_close(Fft *fft);   /* NULL is fine */
void fft_forward(Fft *fft); /* time -> freq; time is kept */
void fft_inverse(Fft *fft); /* freq -> n x time; freq is lost */

/* FFTW's planner is not thread safe: who plans holds this. */
void fft_lock(void);
void fft_unlock(void);
