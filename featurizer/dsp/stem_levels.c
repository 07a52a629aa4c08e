/* Power is that of the Hann window's spectrum, scaled back to a mean square. */
#include "featurizer/dsp/stem_levels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "featurizer/dsp/approx.h"
#include "featurizer/dsp/fft.h"
#include "featurizer/dsp/frames.h"
#include "featurizer/dsp/mlp.h"
#include "featurizer/dsp/stem_mask.h"
#include "featurizer/dsp/voice_weights.inc"

enum { FFT = 2048, HOP = FFT / 4, HALF = FFT / 2 };
static const float band_edges_hz[STEM_BANDS + 1] = {0, 100, 200, 400, 800, 1600, 3200, 6400, 12000};

typedef struct Listener {
    StemLevels *levels;
    const float *samples;
    int64_t n_samples;
    float loud;
    Fft *fft;
    float window[FFT];
    int32_t edge[STEM_BANDS + 1];
    float before[STEMS][STEM_BANDS]; /* levels of the last frame, octaves */
} Listener;

static Status levels_new(StemLevels *l, int64_t n_samples, Arena *mem) {
    *l = (StemLevels){.n = (int32_t)(1 + n_samples / STEM_LEVEL_HOP)};
    const size_t bytes = sizeof(float) * (size_t)l->n;
    bool have = (l->voice = arena_alloc(mem, bytes)) != NULL;
    for (int s = 0; s < STEMS; s++)
        have = have && (l->power[s] = arena_alloc(mem, bytes)) && (l->onset[s] = arena_alloc(mem, bytes));
    return have ? BS_OK : fail(BS_NOMEM, "stems: out of memory for %lld samples", (long long)n_samples);
}

static Status listener_open(Listener *x, StemLevels *l, float loud) {
    *x = (Listener){.levels = l, .loud = loud > 1e-5F ? loud : 1e-5F};
    for (int i = 0; i < FFT; i++) x->window[i] = (float)(0.5 - 0.5 * cos(2 * M_PI * i / FFT));
    for (int b = 0; b <= STEM_BANDS; b++) {
        int32_t bin = (int32_t)(band_edges_hz[b] * FFT / ANALYSIS_HZ);
        x->edge[b] = bin < HALF ? bin : HALF;
    }
    return fft_open(&x->fft, FFT);
}

/* The spectrum around sample `at`. */
static void transform(Listener *x, int64_t at) {
    for (int32_t i = 0; i < FFT; i++) {
        int64_t k = at - HALF + i;
        x->fft->time[i] = k >= 0 && k < x->n_samples ? x->window[i] * x->samples[k] : 0;
    }
    fft_forward(x->fft);
}

static Status loud_of(const float *samples, int64_t n, float *loud) {
    const Frames signal = {.samples = samples, .n_samples = n};
    const int64_t piece = (int64_t)FRAMES_LET_GO * FRAME_HOP;
    StemLoud l = {.rate_hz = ANALYSIS_HZ};
    Status st = BS_OK;
    for (int64_t at = 0; at < n && st == BS_OK; at += piece) {
        st = stem_loud_add(&l, samples + at, n - at < piece ? n - at : piece);
        frames_let_go(&signal, at + piece);
    }
    *loud = stem_loud_end(&l);
    return st;
}

/* Adds a frame of one stem: its bins' power times their share (NULL: 1). */
static void add_frame(Listener *x, int32_t frame, Stem stem, const float *power, const float *share) {
    const float scale = 16.0F / 3 / ((float)FFT * FFT), fine = 1e3F / (x->loud * x->loud);
    float all = 0, rise = 0;
    for (int b = 0; b < STEM_BANDS; b++) {
        float sum = 0;
        for (int32_t k = x->edge[b]; k < x->edge[b + 1]; k++) sum += share ? power[k] * share[k] : power[k];
        sum *= scale;
        all += sum;
        float level = approx_log2(1 + fine * sum);
        if (level > x->before[stem][b]) rise += level - x->before[stem][b];
        x->before[stem][b] = level;
    }
    x->levels->power[stem][frame] = all;
    x->levels->onset[stem][frame] = frame ? rise : 0;
}

/* ---- heard in the mix ---------------------------------------------------------------------------- */

typedef enum VoiceSeries {
    V_SHARE,  /* of the frame's power that is the vocals', octaves */
    V_LEVEL,  /* of the vocals against the loud passages, octaves of power */
    V_BRIGHT, /* of the vocals' power, what lies above 800 Hz */
    V_DULL,   /* below 200 Hz */
    V_SWAY,   /* of the vocals' phases, how little they keep */
    V_ONSET,  /* what is struck in the vocals */
    V_CLEAR,  /* how clear the swaying pitch is */
    V_LOUD,   /* of the frame against the loud passages, octaves of power */
} VoiceSeries;
_Static_assert(V_LOUD + 1 == VOICE_SERIES, "one row for each series");

static float octaves(float x) { return approx_log2(x + 1e-7F); }

/* Shares and cues of a frame become the voice's series, the first of its views. */
static void describe_voice(Listener *x, int32_t frame, const float *power, const float *share,
                           const float *cues) {
    const StemLevels *l = x->levels;
    const float *keep = cues + STEM_CUE_KEEP_NEAR * STEM_BINS;
    float vocals = 1e-12F, high = 0, low = 0, sway = 0, all = 1e-12F,
          *v = l->voice_inputs + (size_t)frame * VOICE_INPUTS;
    for (int s = 0; s < STEMS; s++) all += l->power[s][frame];
    for (int32_t k = 0; k < STEM_BINS; k++) {
        float p = power[k] * share[k];
        vocals += p;
        sway += p * keep[k];
        if (k > 800 * FFT / ANALYSIS_HZ) high += p;
        if (k < 200 * FFT / ANALYSIS_HZ) low += p;
    }
    const float mine = l->power[STEM_VOCALS][frame], loud = x->loud * x->loud;
    v[V_SHARE * VOICE_VIEWS] = octaves(mine / all);
    v[V_LEVEL * VOICE_VIEWS] = octaves(mine / loud);
    v[V_BRIGHT * VOICE_VIEWS] = high / vocals;
    v[V_DULL * VOICE_VIEWS] = low / vocals;
    v[V_SWAY * VOICE_VIEWS] = 1 - sway / vocals;
    v[V_ONSET * VOICE_VIEWS] = l->onset[STEM_VOCALS][frame];
    v[V_CLEAR * VOICE_VIEWS] = cues[STEM_CUE_VOICED * STEM_BINS];
    v[V_LOUD * VOICE_VIEWS] = octaves(all / loud);
}

/* Means within a fifth of a second and within a second, and the most within half a second. */
static void add_views(StemLevels *l) {
    for (int s = 0; s < VOICE_SERIES; s++)
        for (int32_t k = 0; k < l->n; k++) {
            float *v = l->voice_inputs + (size_t)k * VOICE_INPUTS + s * VOICE_VIEWS, near = 0, wide = 0,
                  most = -1e30F;
            int32_t n_near = 0, n_wide = 0;
            for (int32_t i = k - 10 < 0 ? 0 : k - 10; i <= k + 10 && i < l->n; i++) {
                float at = l->voice_inputs[(size_t)i * VOICE_INPUTS + s * VOICE_VIEWS];
                wide += at, n_wide++;
                if (i >= k - 2 && i <= k + 2) near += at, n_near++;
                if (i >= k - 5 && i <= k + 5 && at > most) most = at;
            }
            v[1] = near / (float)n_near, v[2] = wide / (float)n_wide, v[3] = most;
        }
}

Status stem_levels_hear(StemLevels *l, const Frames *f, Arena *mem) {
    Status st = BS_OK;
    StemCues *cues = NULL;
    Listener *x = arena_alloc(mem, sizeof *x);
    float *rows = arena_alloc(mem, sizeof(float) * (STEM_CUES + STEMS + 1) * STEM_BINS);
    float *shares = rows + STEM_CUES * STEM_BINS, loud;
    enum { SKIP = STEM_LEVEL_HOP / HOP, RING = STEM_REACH + 1 };
    float(*power)[HALF + 1] = arena_alloc(mem, sizeof *power * RING); /* until their cues are there */
    TRY(levels_new(l, f->n_samples, mem));
    l->voice_inputs = arena_alloc(mem, sizeof(float) * VOICE_INPUTS * (size_t)l->n);
    if (!x || !rows || !power || !l->voice_inputs) return fail(BS_NOMEM, "stems: out of memory");
    TRY(loud_of(f->samples, f->n_samples, &loud));
    TRY(listener_open(x, l, loud));
    TRY(stem_cues_open(&cues, ANALYSIS_HZ, loud));
    x->samples = f->samples, x->n_samples = f->n_samples;
    for (int64_t k = 0; k < (int64_t)(l->n - 1) * SKIP + RING; k++) {
        transform(x, k * HOP);
        if (k % FRAMES_LET_GO == 0) frames_let_go(f, k * HOP);
        for (int32_t i = 0; i <= HALF; i++)
            power[k % RING][i] =
                x->fft->freq[i][0] * x->fft->freq[i][0] + x->fft->freq[i][1] * x->fft->freq[i][1];
        stem_cues_push(cues, (const float(*)[2])x->fft->freq);
        const int64_t ready = k - STEM_REACH;
        if (ready < 0 || ready % SKIP) continue;
        const int32_t frame = (int32_t)(ready / SKIP);
        const float *p = power[ready % RING];
        stem_cues_make(cues, ready, rows);
        stem_mask(&stem_net, rows, STEM_BINS, shares);
        for (int s = 0; s < STEMS; s++) add_frame(x, frame, (Stem)s, p, shares + s * STEM_BINS);
        describe_voice(x, frame, p, shares + STEM_VOCALS * STEM_BINS, rows);
    }
    add_views(l);
    for (int32_t k = 0; k < l->n; k++)
        l->voice[k] = 1 / (1 + expf(-mlp_run(&voice_net, l->voice_inputs + (size_t)k * VOICE_INPUTS)));
out:
    stem_cues_close(cues);
    if (x) fft_close(x->fft);
    return st;
}

/* ---- measured in stems that are there ------------------------------------------------------------- */

/* Somebody sings where the vocals are not far below their own loud passages, nor drowned in the mix: what
 * other players leave in a vocal track is both. Over a quarter of a second. */
static void voice_by_level(StemLevels *l, float loud_vocals) {
    for (int32_t k = 0; k < l->n; k++) {
        double vocals = 0, all = 1e-12;
        for (int32_t i = k - 2 < 0 ? 0 : k - 2; i <= k + 2 && i < l->n; i++) {
            vocals += (double)l->power[STEM_VOCALS][i];
            for (int s = 0; s < STEMS; s++) all += (double)l->power[s][i];
        }
        double own_db = 10 * log10(vocals / 5 / ((double)loud_vocals * loud_vocals + 1e-12) + 1e-9);
        double mix_db = 10 * log10(vocals / all + 1e-9);
        l->voice[k] = (float)(1 / (1 + exp(-(own_db + 22) / 2)) / (1 + exp(-(mix_db + 26) / 2)));
    }
}

Status stem_levels_measure(StemLevels *l, const float *const stems[STEMS], const float *mix,
                           int64_t n_samples, Arena *mem) {
    Status st = BS_OK;
    Listener *x = arena_alloc(mem, sizeof *x);
    float *power = arena_alloc(mem, sizeof(float) * (HALF + 1)), loud, loud_vocals = 0;
    TRY(levels_new(l, n_samples, mem));
    if (!x || !power) return fail(BS_NOMEM, "stems: out of memory");
    TRY(loud_of(mix, n_samples, &loud));
    TRY(listener_open(x, l, loud));
    x->n_samples = n_samples;
    for (int s = 0; s < STEMS; s++) {
        x->samples = stems[s];
        for (int32_t k = 0; k < l->n && stems[s]; k++) {
            transform(x, (int64_t)k * STEM_LEVEL_HOP);
            for (int32_t i = 0; i <= HALF; i++)
                power[i] = x->fft->freq[i][0] * x->fft->freq[i][0] + x->fft->freq[i][1] * x->fft->freq[i][1];
            add_frame(x, k, (Stem)s, power, NULL);
        }
    }
    if (stems[STEM_VOCALS]) TRY(loud_of(stems[STEM_VOCALS], n_samples, &loud_vocals));
    if (stems[STEM_VOCALS]) voice_by_level(l, loud_vocals);
out:
    if (x) fft_close(x->fft);
    return st;
}
