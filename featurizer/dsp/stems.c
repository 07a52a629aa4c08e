/* Frame k is centred k hops after the sample one hop before the first, so that every sample lies in four
 * frames. Analysis and synthesis windows are Hann; four of their products at a quarter's distance sum to 1.5.
 * Spectra wait STEM_REACH frames for their masks. Positions are counted from the first sample; the input ring
 * and the output rings hold what frames still need. */
#include "featurizer/dsp/stems.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "featurizer/dsp/fft.h"

enum { MADE = STEM_OTHER, WAIT = STEM_REACH + 1, TOP = 64 };

struct StemSplitter {
    int32_t n_fft, hop, half, n_channels, n_bins, n_input;
    int64_t n_in, n_out, n_analysed, n_synthesised; /* frames of samples; frames of spectra */
    const StemNet *net;
    StemSink sink;
    void *context;
    StemCues *cues;
    Fft *fft;
    float *window;        /* [n_fft] */
    float *input;         /* [n_channels x n_input] ring, by position */
    float *output;        /* [MADE x n_channels x n_fft] ring, by position */
    float (*spectra)[2];  /* [WAIT x n_channels x (half + 1)] */
    float (*mean)[2];     /* [half + 1] of the channels */
    float *rows, *shares; /* cues and masks of a frame */
    float *share;         /* [half + 1] of one stem */
    float *block;         /* [STEMS x n_channels x hop] going out */
};

static int32_t ring(int64_t at, int32_t n) { return (int32_t)((at % n + n) % n); }

Status stems_open(StemSplitter **out, int32_t rate_hz, int32_t n_channels, float loud, const StemNet *net,
                  StemSink sink, void *context) {
    Status st = BS_OK;
    *out = NULL;
    StemSplitter *s = calloc(1, sizeof *s);
    if (!s) return fail(BS_NOMEM, "stems: out of memory");
    s->n_fft = stem_fft(rate_hz), s->hop = s->n_fft / 4, s->half = s->n_fft / 2;
    s->n_input = s->n_fft + (WAIT + 2) * s->hop; /* the rest is made of it when a frame comes out */
    s->n_channels = n_channels, s->net = net, s->sink = sink, s->context = context;
    const size_t n_fft = (size_t)s->n_fft, half = (size_t)s->half + 1, wide = (size_t)n_channels;
    TRY(stem_cues_open(&s->cues, rate_hz, loud));
    TRY(fft_open(&s->fft, s->n_fft));
    s->n_bins = stem_cues_bins(s->cues);
    s->window = malloc(sizeof(float) * n_fft);
    s->input = calloc(wide * (size_t)s->n_input, sizeof(float));
    s->output = calloc(MADE * wide * n_fft, sizeof(float));
    s->spectra = calloc(WAIT * wide * half, sizeof *s->spectra);
    s->mean = calloc(half, sizeof *s->mean);
    s->rows = calloc(STEM_CUES * STEM_BINS, sizeof(float));
    s->shares = calloc(STEMS * STEM_BINS, sizeof(float));
    s->share = calloc(half, sizeof(float));
    s->block = calloc(STEMS * wide * (size_t)s->hop, sizeof(float));
    if (!s->window || !s->input || !s->output || !s->spectra || !s->mean || !s->rows || !s->shares ||
        !s->share || !s->block)
        TRY(fail(BS_NOMEM, "stems: out of memory"));
    for (int32_t i = 0; i < s->n_fft; i++) s->window[i] = (float)(0.5 - 0.5 * cos(2 * M_PI * i / s->n_fft));
    *out = s;
    s = NULL;
out:
    stems_close(s);
    return st;
}

void stems_close(StemSplitter *s) {
    if (!s) return;
    stem_cues_close(s->cues);
    fft_close(s->fft);
    free(s->window), free(s->input), free(s->output), free(s->spectra), free(s->mean), free(s->rows);
    free(s->shares), free(s->share), free(s->block);
    free(s);
}

static int64_t first_of(const StemSplitter *s, int64_t frame) { return (frame - 1) * s->hop - s->half; }

static float (*spectrum_of(StemSplitter *s, int64_t frame, int32_t channel))[2] {
    return s->spectra + (size_t)((frame % WAIT) * s->n_channels + channel) * ((size_t)s->half + 1);
}

/* Samples before the first and from n_in on are silence. */
static void analyse(StemSplitter *s, int64_t frame) {
    const int64_t at = first_of(s, frame);
    memset(s->mean, 0, sizeof *s->mean * ((size_t)s->half + 1));
    for (int32_t c = 0; c < s->n_channels; c++) {
        const float *in = s->input + (size_t)c * (size_t)s->n_input;
        int32_t from = ring(at, s->n_input);
        for (int32_t i = 0; i < s->n_fft; i++) {
            bool inside = at + i >= 0 && at + i < s->n_in;
            s->fft->time[i] = inside ? s->window[i] * in[from] : 0;
            if (++from == s->n_input) from = 0;
        }
        fft_forward(s->fft);
        memcpy(spectrum_of(s, frame, c), s->fft->freq, sizeof *s->spectra * ((size_t)s->half + 1));
        for (int32_t k = 0; k <= s->half; k++)
            for (int p = 0; p < 2; p++) s->mean[k][p] += s->fft->freq[k][p] / (float)s->n_channels;
    }
    stem_cues_push(s->cues, (const float(*)[2])s->mean);
    s->n_analysed++;
}

/* Above the last bin with cues, the mean of the highest. */
static void spread_share(StemSplitter *s, Stem stem) {
    const float *shares = s->shares + (size_t)stem * STEM_BINS;
    float top = 0;
    for (int32_t k = s->n_bins - TOP; k < s->n_bins; k++) top += shares[k] / TOP;
    memcpy(s->share, shares, sizeof(float) * (size_t)s->n_bins);
    for (int32_t k = s->n_bins; k <= s->half; k++) s->share[k] = top;
}

static void synthesise(StemSplitter *s, int64_t frame) {
    const int64_t at = first_of(s, frame);
    const float gain = 1 / (1.5F * (float)s->n_fft);
    stem_cues_make(s->cues, frame, s->rows);
    stem_mask(s->net, s->rows, s->n_bins, s->shares);
    for (int stem = 0; stem < MADE; stem++) {
        spread_share(s, (Stem)stem);
        for (int32_t c = 0; c < s->n_channels; c++) {
            float *out = s->output + (size_t)(stem * s->n_channels + c) * (size_t)s->n_fft;
            const float(*spectrum)[2] = (const float(*)[2])spectrum_of(s, frame, c);
            for (int32_t k = 0; k <= s->half; k++) {
                s->fft->freq[k][0] = gain * s->share[k] * spectrum[k][0];
                s->fft->freq[k][1] = gain * s->share[k] * spectrum[k][1];
            }
            fft_inverse(s->fft);
            int32_t to = ring(at, s->n_fft);
            for (int32_t i = 0; i < s->n_fft; i++) {
                out[to] += s->window[i] * s->fft->time[i];
                if (++to == s->n_fft) to = 0;
            }
        }
    }
    s->n_synthesised++;
}

/* The first hop of a frame is whole once the frame is in. */
static Status put_out(StemSplitter *s, int64_t frame) {
    const int64_t at = first_of(s, frame);
    const float *stems[STEMS];
    int64_t n = 0;
    for (int stem = 0; stem < STEMS; stem++)
        stems[stem] = s->block + (size_t)stem * (size_t)(s->n_channels * s->hop);
    for (int32_t i = 0; i < s->hop; i++) {
        const bool inside = at + i >= 0 && at + i < s->n_in;
        for (int32_t c = 0; c < s->n_channels; c++) {
            float rest = s->input[(size_t)c * (size_t)s->n_input + (size_t)ring(at + i, s->n_input)];
            for (int stem = 0; stem < MADE; stem++) {
                float *v = s->output + (size_t)(stem * s->n_channels + c) * (size_t)s->n_fft +
                           ring(at + i, s->n_fft);
                if (inside) s->block[(size_t)(stem * s->hop + n) * (size_t)s->n_channels + (size_t)c] = *v;
                rest -= *v;
                *v = 0;
            }
            if (inside)
                s->block[(size_t)(STEM_OTHER * s->hop + n) * (size_t)s->n_channels + (size_t)c] = rest;
        }
        n += inside;
    }
    s->n_out += n;
    return n ? s->sink(s->context, stems, n) : BS_OK;
}

static Status run_frame(StemSplitter *s) {
    analyse(s, s->n_analysed);
    const int64_t ready = s->n_analysed - 1 - STEM_REACH;
    if (ready < 0) return BS_OK;
    synthesise(s, ready);
    return put_out(s, ready);
}

Status stems_push(StemSplitter *s, const float *samples, int64_t n) {
    Status st = BS_OK;
    for (int64_t i = 0; i < n; i++) {
        const int32_t at = ring(s->n_in, s->n_input);
        for (int32_t c = 0; c < s->n_channels; c++)
            s->input[(size_t)c * (size_t)s->n_input + (size_t)at] = samples[i * s->n_channels + c];
        s->n_in++;
        if (s->n_in == first_of(s, s->n_analysed) + s->n_fft) TRY(run_frame(s));
    }
out:
    return st;
}

Status stems_finish(StemSplitter *s) {
    Status st = BS_OK;
    while (s->n_out < s->n_in) TRY(run_frame(s));
out:
    return st;
}
