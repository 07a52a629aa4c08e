/* Plans are made with FFTW_ESTIMATE, as in stft.c: the same machine gives the same bits. */
#include "featurizer/dsp/fft.h"

#include <fftw3.h>
#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t planner = PTHREAD_MUTEX_INITIALIZER;

void fft_lock(void) { pthread_mutex_lock(&planner); }
void fft_unlock(void) { pthread_mutex_unlock(&planner); }

Status fft_open(Fft **out, int32_t n) {
    *out = NULL;
    Fft *f = calloc(1, sizeof *f);
    if (!f) return fail(BS_NOMEM, "fft: out of memory");
    f->n = n;
    fft_lock();
    f->time = fftwf_alloc_real((size_t)n);
    f->freq = fftwf_alloc_complex((size_t)n / 2 + 1);
    if (f->time && f->freq) {
        f->forward = fftwf_plan_dft_r2c_1d(n, f->time, f->freq, FFTW_ESTIMATE | FFTW_PRESERVE_INPUT);
        f->inverse = fftwf_plan_dft_c2r_1d(n, f->freq, f->time, FFTW_ESTIMATE);
    }
    fft_unlock();
    if (!f->forward || !f->inverse) {
        fft_close(f);
        return fail(BS_NOMEM, "fft: out of memory for %d points", n);
    }
    *out = f;
    return BS_OK;
}

void fft_close(Fft *f) {
    if (!f) return;
    fft_lock();
    if (f->forward) fftwf_destroy_plan(f->forward);
    if (f->inverse) fftwf_destroy_plan(f->inverse);
    fftwf_free(f->time);
    fftwf_free(f->freq);
    fft_unlock();
    free(f);
}

void fft_forward(Fft *f) { fftwf_execute(f->forward); }
void fft_inverse(Fft *f) { fftwf_execute(f->inverse); }
