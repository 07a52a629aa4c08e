/* Reading pieces: the frames that are needed come from the reader, are mixed to mono, and are resampled by a
 * Kaiser-windowed sinc. Its taps lie ready for every phase; what falls between two phases is a blend of both.
 */
#include "featurizer/align/pcm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "featurizer/mono.h"

enum { HALF = 32, PHASES = 512, CHUNK = 16384, LANES = 8 };
typedef float Lanes __attribute__((vector_size(LANES * sizeof(float)))); /* GCC, clang */
static const double same_cut = 1e-4; /* filters whose edges are nearer are one */

struct Pcm {
    AudioReader *reader;
    AudioInfo info;
    const char *path;
    float *frames, *mono; /* scratch: CHUNK frames; what one pcm_read needs */
    int64_t mono_room;
    Mono coarse;
    double *sinc; /* [HALF * PHASES + 1]: one side, of width HALF */
    double cut;   /* edge of the filter in `taps`, as a share of the recording's; 0: none yet */
    int32_t n_taps;
    float *taps; /* [PHASES + 1][n_taps]: row k is for positions k / PHASES behind a sample */
};

static double bessel0(double x) {
    double sum = 1, term = 1;
    for (int k = 1; k < 40; k++) {
        term *= x / 2 / k * (x / 2 / k);
        sum += term;
    }
    return sum;
}

static void make_sinc(double *table) {
    for (int i = 0; i <= HALF * PHASES; i++) {
        double x = (double)i / PHASES, w = x / HALF;
        double kaiser = bessel0(9 * sqrt(w < 1 ? 1 - w * w : 0)) / bessel0(9);
        table[i] = kaiser * (x > 0 ? sin(M_PI * x) / (M_PI * x) : 1);
    }
}

/* Frames [at, at + n) mixed to mono; zero outside. */
static Status read_mono(Pcm *p, int64_t at, int64_t n, float *out) {
    Status st = BS_OK;
    memset(out, 0, sizeof *out * (size_t)n);
    int64_t from = at < 0 ? -at : 0, to = p->info.n_samples - at < n ? p->info.n_samples - at : n;
    for (int64_t i = from, got; i < to; i += got) {
        TRY(audio_read_at(p->reader, at + i, to - i < CHUNK ? to - i : CHUNK, p->frames, &got));
        if (got < 1) return fail(BS_IO, "%s: ends early", p->path);
        audio_mix_down(p->frames, got, p->info.n_channels, out + i);
    }
out:
    return st;
}

const float *pcm_coarse(const Pcm *p, int64_t *n_samples) {
    *n_samples = p->coarse.n_samples;
    return p->coarse.samples;
}

/* ---- opening ----------------------------------------------------------------------------------- */

Status pcm_open(Pcm **out, const char *const *paths, int32_t n_paths) {
    Status st = BS_OK;
    *out = NULL;
    Pcm *p = calloc(1, sizeof *p);
    if (!p) return fail(BS_NOMEM, "%s: out of memory", paths[0]);
    p->path = paths[0];
    TRY(audio_open(&p->reader, paths, n_paths));
    p->info = audio_info(p->reader);
    p->mono_room = CHUNK;
    p->frames = malloc(sizeof *p->frames * CHUNK * (size_t)p->info.n_channels);
    p->mono = malloc(sizeof *p->mono * CHUNK);
    p->sinc = malloc(sizeof *p->sinc * (HALF * PHASES + 1));
    if (!p->frames || !p->mono || !p->sinc) TRY(fail(BS_NOMEM, "%s: out of memory", p->path));
    make_sinc(p->sinc);
    TRY(mono_read(&p->coarse, p->reader, COARSE_HZ));
    if (p->coarse.n_samples < 1) TRY(fail(BS_CORRUPT, "%s: 0 audio samples; is the file empty?", p->path));
    *out = p;
    p = NULL;
out:
    pcm_close(p);
    return st;
}

void pcm_close(Pcm *p) {
    if (!p) return;
    mono_drop(&p->coarse);
    audio_close(p->reader);
    free(p->frames);
    free(p->mono);
    free(p->sinc);
    free(p->taps);
    free(p);
}

AudioInfo pcm_info(const Pcm *p) { return p->info; }
const char *pcm_path(const Pcm *p) { return p->path; }

/* ---- pieces ------------------------------------------------------------------------------------ */

static double sinc_at(const double *sinc, double x) {
    const double at = fabs(x) * PHASES;
    const int k = (int)at;
    return k < HALF * PHASES ? sinc[k] + (at - k) * (sinc[k + 1] - sinc[k]) : 0;
}

/* Taps with the edge at `cut`: tap i of a row stands i + 1 - n_taps / 2 samples from the one before. */
static Status make_taps(Pcm *p, double cut) {
    if (fabs(p->cut - cut) < same_cut) return BS_OK;
    const int32_t n = (2 * (int32_t)ceil(HALF / cut) + LANES - 1) / LANES * LANES;
    float *taps = realloc(p->taps, sizeof *taps * (size_t)n * (PHASES + 1));
    if (!taps) return fail(BS_NOMEM, "%s: out of memory", p->path);
    for (int32_t k = 0; k <= PHASES; k++)
        for (int32_t i = 0; i < n; i++)
            taps[k * n + i] = (float)(cut * sinc_at(p->sinc, cut * (i + 1 - n / 2 - (double)k / PHASES)));
    p->taps = taps;
    p->n_taps = n;
    p->cut = cut;
    return BS_OK;
}

/* x at position `at` (in samples of x), x[0..] long enough on both sides. */
static float interpolate(const Pcm *p, const float *x, double at) {
    const int64_t before = (int64_t)at;
    const double phase = (at - (double)before) * PHASES;
    const int32_t k = (int32_t)phase, n = p->n_taps;
    const float part = (float)(phase - k);
    const float *low = p->taps + k * n, *high = low + n, *from = x + before + 1 - n / 2;
    Lanes a = {0}, b = {0}, x8, low8, high8;
    float sum = 0;
    for (int32_t i = 0; i < n; i += LANES) {
        memcpy(&x8, from + i, sizeof x8);
        memcpy(&low8, low + i, sizeof low8);
        memcpy(&high8, high + i, sizeof high8);
        a += x8 * low8;
        b += x8 * high8;
    }
    for (int32_t j = 0; j < LANES; j++) sum += a[j] + part * (b[j] - a[j]);
    return sum;
}

Status pcm_read(Pcm *p, double at, double step, int64_t n, float *out) {
    Status st = BS_OK;
    if (step == 1 && at == floor(at)) return read_mono(p, (int64_t)at, n, out);
    TRY(make_taps(p, step > 1 ? 0.98 / step : 1));
    const int64_t margin = p->n_taps / 2 + 2;
    const int64_t first = (int64_t)floor(at) - margin;
    const int64_t room = (int64_t)(step * (double)n) + 2 * margin + 4;
    if (room > p->mono_room) {
        float *more = realloc(p->mono, sizeof *more * (size_t)room);
        if (!more) return fail(BS_NOMEM, "%s: no memory for %lld samples", p->path, (long long)room);
        p->mono = more;
        p->mono_room = room;
    }
    TRY(read_mono(p, first, room, p->mono));
    for (int64_t i = 0; i < n; i++) out[i] = interpolate(p, p->mono, at - (double)first + step * (double)i);
out:
    return st;
}
