/* Short-time Fourier transform over FFTW. Plans are made with FFTW_ESTIMATE: measuring would let the
 * machine's mood choose the algorithm, and with it the last bits. */
#include "featurizer/dsp/stft.h"

#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "featurizer/dsp/fft.h"

struct Stft {
    int32_t n_fft, hop;
    float *window, *in; /* [n_fft] */
    fftwf_complex *out; /* [n_fft / 2 + 1] */
    fftwf_plan plan;
};

Status stft_open(Stft **out, int32_t n_fft, int32_t hop) {
    *out = NULL;
    if (n_fft < 16 || n_fft > 1 << 20 || hop < 1)
        return fail(BS_INVALID, "stft: %d points, hop %d", n_fft, hop);
    Stft *s = calloc(1, sizeof *s);
    if (!s) return fail(BS_NOMEM, "stft: out of memory");
    s->n_fft = n_fft;
    s->hop = hop;
    fft_lock();
    s->window = fftwf_alloc_real((size_t)n_fft);
    s->in = fftwf_alloc_real((size_t)n_fft);
    s->out = fftwf_alloc_complex((size_t)n_fft / 2 + 1);
    if (s->window && s->in && s->out) s->plan = fftwf_plan_dft_r2c_1d(n_fft, s->in, s->out, FFTW_ESTIMATE);
    fft_unlock();
    if (!s->plan) {
        stft_close(s);
        return fail(BS_NOMEM, "stft: out of memory for %d points", n_fft);
    }
    for (int32_t i = 0; i < n_fft; i++) s->window[i] = (float)(0.5 - 0.5 * cos(2 * M_PI * i / n_fft));
    *out = s;
    return BS_OK;
}

void stft_close(Stft *s) {
    if (!s) return;
    fft_lock();
    if (s->plan) fftwf_destroy_plan(s->plan);
    fftwf_free(s->window);
    fftwf_free(s->in);
    fftwf_free(s->out);
    fft_unlock();
    free(s);
}

int32_t stft_bins(const Stft *s) { return s->n_fft / 2 + 1; }

int64_t stft_frames(const Stft *s, int64_t n_samples) { return 1 + n_samples / s->hop; }

void stft_power(Stft *s, const float *samples, int64_t n_samples, int64_t frame, float *power) {
    int64_t at = frame * s->hop - s->n_fft / 2;
    int32_t from = at < 0 ? (int32_t)(-at < s->n_fft ? -at : s->n_fft) : 0;
    int32_t to =
        n_samples - at < s->n_fft ? (int32_t)(n_samples - at > from ? n_samples - at : from) : s->n_fft;
    memset(s->in, 0, sizeof(float) * (size_t)s->n_fft);
    for (int32_t i = from; i < to; i++) s->in[i] = samples[at + i] * s->window[i];
    fftwf_execute(s->plan);
    for (int32_t b = 0; b <= s->n_fft / 2; b++)
        power[b] = s->out[b][0] * s->out[b][0] + s->out[b][1] * s->out[b][1];
}
