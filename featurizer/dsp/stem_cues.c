/* Medians are taken by a sorting network over eight bins at a time, sums over neighbours by running sums:
 * everything is a loop over bins that becomes vector code. */
#include "featurizer/dsp/stem_cues.h"

#include <immintrin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "featurizer/dsp/approx.h"
#include "featurizer/dsp/frames.h"

enum {
    RING = 32,  /* frames kept */
    WIDE = 15,  /* of a median */
    LANES = 16, /* bins that are sorted at a time */
    PAD = 16,   /* zeros around a row */
    VOICE_F0 = 164,
    VOICE_PARTIALS = 10,
    BASS_F0 = 136,
    BASS_PARTIALS = 5,
    STEPS = 48, /* pitches an octave */
};
static const float voice_lowest_hz = 85, bass_lowest_hz = 36;

typedef enum Cue {
    CUE_HZ,        /* octaves from 1 kHz */
    CUE_LEVEL,     /* of the bin, against the recording's loud passages, octaves of amplitude */
    CUE_TONE,      /* median along time against the bin, octaves */
    CUE_HIT,       /* median along frequency against the bin */
    CUE_KEEP,      /* how well the bin's phase keeps its pace, -1..1 */
    CUE_KEEP_NEAR, /* the same around it */
    CUE_RISE,      /* against two frames before */
    CUE_FALL,      /* against two frames after */
    CUE_FALL_LATE, /* against six frames after */
    CUE_HITS_LOW,  /* share of hits in the frame below 200 Hz, to 2 kHz, above */
    CUE_HITS_MID,
    CUE_HITS_HIGH,
    CUE_HITS_NEAR, /* the same around the bin */
    CUE_PEAK,      /* of the bin against those around it */
    CUE_FRAME,     /* level of the frame */
    CUE_VOICE,     /* nearness to a partial of the swaying pitch, times how clear that pitch is */
    CUE_VOICED,    /* how clear it is */
    CUE_BASS,      /* the same of the steady pitch below 260 Hz */
    CUE_BASSED,
} Cue;
_Static_assert(CUE_BASSED + 1 == STEM_CUES, "one row for each cue");
_Static_assert((int)CUE_KEEP_NEAR == STEM_CUE_KEEP_NEAR && (int)CUE_VOICED == STEM_CUE_VOICED,
               "rows as told");

typedef struct Frame {
    float re[STEM_BINS], im[STEM_BINS], keep[STEM_BINS];
    float padded[PAD + STEM_BINS + PAD]; /* sizes; zeros around, for medians reach past the ends */
    float voice[VOICE_F0];
} Frame;

struct StemCues {
    int32_t n_bins;
    float hz_a_bin, scale; /* scale: |X| to amplitude against loud passages */
    int64_t n_pushed;
    Frame *ring; /* [RING] */
    float hz[STEM_BINS];
    int32_t near[STEM_BINS]; /* bins to either side that are near */
    int16_t voice_bin[VOICE_F0][VOICE_PARTIALS], bass_bin[BASS_F0][BASS_PARTIALS];
    /* of the frame whose cues are made */
    float tone[STEM_BINS], hit[STEM_BINS];
    double sum[STEM_BINS + 1], weighted[STEM_BINS + 1];
};

int32_t stem_fft(int32_t rate_hz) {
    int32_t n = (int32_t)((double)rate_hz * 2048 / 22050 / 64 + 0.5) * 64;
    return n < 64 ? 64 : n;
}

/* Sizes of a frame, of bins -PAD to STEM_BINS + PAD. */
static float *size_of(Frame *f) { return f->padded + PAD; }
static Frame *frame_at(const StemCues *c, int64_t k) { return &c->ring[(k + RING) % RING]; }

Status stem_loud_add(StemLoud *l, const float *mono, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        l->sum += (double)mono[i] * mono[i];
        if (++l->n_in_piece < l->rate_hz / 20) continue;
        if (l->n == l->room) {
            int64_t room = l->room ? 2 * l->room : 4096;
            float *power = realloc(l->power, sizeof *power * (size_t)room);
            if (!power) return fail(BS_NOMEM, "stems: out of memory");
            l->power = power, l->room = room;
        }
        l->power[l->n++] = (float)(l->sum / l->n_in_piece);
        l->sum = l->n_in_piece = 0;
    }
    return BS_OK;
}

float stem_loud_end(StemLoud *l) {
    float power = l->n ? percentile_of(l->power, (int32_t)l->n, 0.8) : 0;
    free(l->power);
    *l = (StemLoud){0};
    return sqrtf(power);
}

static void lay_out(int16_t *bins, int32_t n_f0, int32_t n_partials, float lowest_hz, const StemCues *c) {
    for (int32_t i = 0; i < n_f0; i++)
        for (int32_t h = 0; h < n_partials; h++) {
            double bin = (double)lowest_hz * exp2((double)i / STEPS) * (h + 1) / (double)c->hz_a_bin + 0.5;
            bins[i * n_partials + h] = (int16_t)(bin < c->n_bins ? bin : -1);
        }
}

Status stem_cues_open(StemCues **out, int32_t rate_hz, float loud) {
    *out = NULL;
    StemCues *c = calloc(1, sizeof *c);
    if (c) c->ring = calloc(RING, sizeof *c->ring);
    if (!c || !c->ring) {
        stem_cues_close(c);
        return fail(BS_NOMEM, "stems: out of memory");
    }
    int32_t n_fft = stem_fft(rate_hz), half = n_fft / 2 / 16 * 16;
    c->n_bins = half < STEM_BINS ? half : STEM_BINS;
    c->hz_a_bin = (float)rate_hz / (float)n_fft;
    c->scale = 1 / ((float)n_fft * (loud > 1e-5F ? loud : 1e-5F));
    for (int32_t k = 0; k < c->n_bins; k++) {
        c->hz[k] = (float)log2((k + 0.5) * (double)c->hz_a_bin / 1000);
        c->near[k] = k / 10 < 5 ? 5 : k / 10;
    }
    lay_out(&c->voice_bin[0][0], VOICE_F0, VOICE_PARTIALS, voice_lowest_hz, c);
    lay_out(&c->bass_bin[0][0], BASS_F0, BASS_PARTIALS, bass_lowest_hz, c);
    *out = c;
    return BS_OK;
}

void stem_cues_close(StemCues *c) {
    if (!c) return;
    free(c->ring);
    free(c);
}

int32_t stem_cues_bins(const StemCues *c) { return c->n_bins; }

/* ---- a frame comes in ---------------------------------------------------------------------------- */

/* Running sums of v and of v * w. */
static void sums(StemCues *c, const float *v, const float *w) {
    double s = 0, t = 0;
    for (int32_t k = 0; k < c->n_bins; k++) {
        c->sum[k] = s, c->weighted[k] = t;
        s += (double)v[k], t += (double)v[k] * (double)w[k];
    }
    c->sum[c->n_bins] = s, c->weighted[c->n_bins] = t;
}

static double between(const double *sum, int32_t n, int32_t a, int32_t b) {
    return sum[b < n ? b : n] - sum[a > 0 ? a : 0];
}

/* cos of the second difference of phase: 1 for a steady tone, whatever its frequency. */
static void phase_keeps(const StemCues *c, Frame *before, Frame *now, Frame *after) {
    const float *a = size_of(before), *b = size_of(now), *d = size_of(after);
    for (int32_t k = 0; k < c->n_bins; k++) {
        float sr = now->re[k] * now->re[k] - now->im[k] * now->im[k], si = 2 * now->re[k] * now->im[k];
        float or_ = before->re[k] * after->re[k] - before->im[k] * after->im[k];
        float oi = before->re[k] * after->im[k] + before->im[k] * after->re[k];
        float size = b[k] * b[k] * a[k] * d[k];
        now->keep[k] = (sr * or_ + si * oi) / (size + 1e-30F);
    }
}

/* How well each pitch explains the partials that sway. */
static void sing(StemCues *c, Frame *f) {
    const float *size = size_of(f);
    float sways[STEM_BINS] = {0}, one[STEM_BINS] = {0};
    for (int32_t k = 0; k < c->n_bins; k++) sways[k] = sqrtf(size[k]), one[k] = 1;
    sums(c, sways, one);
    for (int32_t k = 0; k < c->n_bins; k++) {
        float around = (float)(between(c->sum, c->n_bins, k - 6, k + 7) / 13);
        float above = sways[k] - around;
        one[k] = (above > 0 ? above : 0) * (1.05F - f->keep[k]);
    }
    for (int32_t i = 0; i < VOICE_F0; i++) {
        float sum = 0, weight = 1;
        for (int32_t h = 0; h < VOICE_PARTIALS; h++, weight *= 0.86F)
            if (c->voice_bin[i][h] > 0) sum += weight * one[c->voice_bin[i][h]];
        f->voice[i] = sum;
    }
}

void stem_cues_push(StemCues *c, const float (*spectrum)[2]) {
    Frame *f = frame_at(c, c->n_pushed);
    float *size = size_of(f);
    for (int32_t k = 0; k < c->n_bins; k++) {
        f->re[k] = c->scale * spectrum[k][0];
        f->im[k] = c->scale * spectrum[k][1];
        size[k] = sqrtf(f->re[k] * f->re[k] + f->im[k] * f->im[k]);
    }
    memset(f->voice, 0, sizeof f->voice);
    if (c->n_pushed > 1) {
        Frame *now = frame_at(c, c->n_pushed - 1);
        phase_keeps(c, frame_at(c, c->n_pushed - 2), now, f);
        sing(c, now);
    }
    c->n_pushed++;
}

/* ---- medians ------------------------------------------------------------------------------------- */

/* Batcher's odd-even merge sort of fifteen, without what the middle one does not depend on. */
static const uint8_t network[49][2] = {
    {0, 1},  {2, 3},  {4, 5},  {6, 7},   {8, 9},   {10, 11}, {12, 13}, {0, 2},   {1, 3},   {4, 6},
    {5, 7},  {8, 10}, {9, 11}, {12, 14}, {1, 2},   {5, 6},   {9, 10},  {13, 14}, {0, 4},   {1, 5},
    {2, 6},  {3, 7},  {8, 12}, {9, 13},  {10, 14}, {2, 4},   {3, 5},   {10, 12}, {11, 13}, {1, 2},
    {3, 4},  {5, 6},  {9, 10}, {11, 12}, {13, 14}, {0, 8},   {1, 9},   {2, 10},  {3, 11},  {4, 12},
    {5, 13}, {6, 14}, {4, 8},  {5, 9},   {6, 10},  {7, 11},  {6, 8},   {7, 9},   {7, 8}};

static inline __m256 median(__m256 v[WIDE]) {
    for (size_t i = 0; i < sizeof network / sizeof *network; i++) {
        __m256 x = v[network[i][0]], y = v[network[i][1]];
        v[network[i][0]] = _mm256_min_ps(x, y);
        v[network[i][1]] = _mm256_max_ps(x, y);
    }
    return v[WIDE / 2];
}

static void medians(StemCues *c, int64_t frame) {
    const float *rows[WIDE], *here = size_of(frame_at(c, frame));
    __m256 v[WIDE];
    for (int32_t i = 0; i < WIDE; i++) rows[i] = size_of(frame_at(c, frame + i - WIDE / 2));
    for (int32_t k = 0; k < c->n_bins; k += LANES) {
        for (int32_t i = 0; i < WIDE; i++) v[i] = _mm256_loadu_ps(rows[i] + k);
        _mm256_storeu_ps(c->tone + k, median(v));
        for (int32_t i = 0; i < WIDE; i++) v[i] = _mm256_loadu_ps(here + k + i - WIDE / 2);
        _mm256_storeu_ps(c->hit + k, median(v));
    }
}

/* ---- pitches ------------------------------------------------------------------------------------- */

/* The clearest pitch, and how much of all it explains. */
static float clearest(const float *salience, int32_t n, float lowest_hz, float *hz) {
    int32_t best = 0;
    for (int32_t i = 1; i < n; i++)
        if (salience[i] > salience[best]) best = i;
    *hz = lowest_hz * exp2f((float)best / STEPS);
    return salience[best];
}

static void near_partials(const StemCues *c, float f0_hz, float clear, int32_t most, float *cue) {
    float step = c->hz_a_bin / f0_hz, width = 1 / (1.3F * step);
    for (int32_t k = 0; k < c->n_bins; k++) {
        float x = (float)k * step, off = x - (float)(int32_t)(x + 0.5F);
        float d = off * width;
        cue[k] = x > 0.5F && x < (float)most + 0.5F ? clear / (1 + d * d * d * d) : 0;
    }
}

static void hear_voice(const StemCues *c, int64_t frame, float *near, float *clear) {
    float s[VOICE_F0] = {0}, hz;
    for (int64_t k = frame - 2; k <= frame + 2; k++) {
        const float *v = frame_at(c, k)->voice;
        float weight = k == frame ? 1 : 0.5F;
        for (int32_t i = 0; i < VOICE_F0; i++) { /* it may have moved a quarter tone since */
            float most = v[i];
            if (k != frame)
                for (int32_t j = i < 2 ? 0 : i - 2; j <= i + 2 && j < VOICE_F0; j++)
                    most = v[j] > most ? v[j] : most;
            s[i] += weight * most / 3;
        }
    }
    float found = clearest(s, VOICE_F0, voice_lowest_hz, &hz);
    *clear = approx_log2(1 + 4 * found);
    near_partials(c, hz, *clear, 30, near);
}

static void hear_bass(const StemCues *c, float *near, float *clear) {
    float s[BASS_F0], hz;
    for (int32_t i = 0; i < BASS_F0; i++) {
        float weight = 1;
        s[i] = 0;
        for (int32_t h = 0; h < BASS_PARTIALS; h++, weight *= 0.7F)
            if (c->bass_bin[i][h] > 0) s[i] += weight * sqrtf(c->tone[c->bass_bin[i][h]]);
    }
    float found = clearest(s, BASS_F0, bass_lowest_hz, &hz);
    *clear = approx_log2(1 + 2 * found);
    near_partials(c, hz, *clear, 12, near);
}

/* ---- cues ---------------------------------------------------------------------------------------- */

static float octaves(float x) { return approx_log2(x + 1e-6F); }

static void levels(const StemCues *c, int64_t frame, float *cues) {
    const float *now = size_of(frame_at(c, frame)), *before = size_of(frame_at(c, frame - 2));
    const float *after = size_of(frame_at(c, frame + 2)), *late = size_of(frame_at(c, frame + 6));
    float *restrict level = cues + CUE_LEVEL * STEM_BINS, *restrict tone = cues + CUE_TONE * STEM_BINS;
    float *restrict hit = cues + CUE_HIT * STEM_BINS, *restrict rise = cues + CUE_RISE * STEM_BINS;
    float *restrict fall = cues + CUE_FALL * STEM_BINS, *restrict fall_late =
                                                            cues + CUE_FALL_LATE * STEM_BINS;
    for (int32_t k = 0; k < c->n_bins; k++) {
        float here = octaves(now[k]);
        float was = before[k] > before[k - 1] ? before[k] : before[k - 1];
        was = before[k + 1] > was ? before[k + 1] : was;
        float will = after[k] > after[k - 1] ? after[k] : after[k - 1];
        will = after[k + 1] > will ? after[k + 1] : will;
        level[k] = here;
        tone[k] = octaves(c->tone[k]) - here;
        hit[k] = octaves(c->hit[k]) - here;
        rise[k] = here - octaves(was);
        fall[k] = here - octaves(will);
        fall_late[k] = here - octaves(late[k]);
    }
}

static void neighbours(StemCues *c, int64_t frame, float *cues) {
    Frame *f = frame_at(c, frame);
    const float *size = size_of(f);
    float power[STEM_BINS], hits[STEM_BINS];
    for (int32_t k = 0; k < c->n_bins; k++) {
        float t = c->tone[k] * c->tone[k], h = c->hit[k] * c->hit[k];
        power[k] = size[k] * size[k] + 1e-12F;
        hits[k] = h / (h + t + 1e-12F);
    }
    sums(c, power, hits);
    const int32_t n = c->n_bins, low = (int32_t)(200 / c->hz_a_bin), mid = (int32_t)(2000 / c->hz_a_bin);
    const int32_t edges[4] = {0, low < n ? low : n, mid < n ? mid : n, n};
    for (int32_t g = 0; g < 3; g++) {
        double all = between(c->sum, n, edges[g], edges[g + 1]);
        float share = all > 0 ? (float)(between(c->weighted, n, edges[g], edges[g + 1]) / all) : 0;
        float *row = cues + (CUE_HITS_LOW + g) * STEM_BINS;
        for (int32_t k = 0; k < n; k++) row[k] = share;
    }
    float level = 0.5F * octaves((float)c->sum[n]);
    float *near = cues + CUE_HITS_NEAR * STEM_BINS, *peak = cues + CUE_PEAK * STEM_BINS;
    float *all = cues + CUE_FRAME * STEM_BINS;
    for (int32_t k = 0; k < n; k++) {
        int32_t a = k - c->near[k], b = k + c->near[k] + 1;
        double sum = between(c->sum, n, a, b);
        near[k] = (float)(between(c->weighted, n, a, b) / sum);
        peak[k] = (float)(sum / (2 * c->near[k] + 1));
        all[k] = level;
    }
    for (int32_t k = 0; k < n; k++) peak[k] = 0.5F * (approx_log2(power[k]) - approx_log2(peak[k]));
    sums(c, power, f->keep);
    float *keep_near = cues + CUE_KEEP_NEAR * STEM_BINS;
    for (int32_t k = 0; k < n; k++)
        keep_near[k] = (float)(between(c->weighted, n, k - 3, k + 4) / between(c->sum, n, k - 3, k + 4));
}

void stem_cues_make(StemCues *c, int64_t frame, float *cues) {
    float clear;
    medians(c, frame);
    levels(c, frame, cues);
    neighbours(c, frame, cues);
    memcpy(cues + CUE_HZ * STEM_BINS, c->hz, sizeof c->hz);
    memcpy(cues + CUE_KEEP * STEM_BINS, frame_at(c, frame)->keep, sizeof(float) * (size_t)c->n_bins);
    hear_voice(c, frame, cues + CUE_VOICE * STEM_BINS, &clear);
    for (int32_t k = 0; k < c->n_bins; k++) cues[CUE_VOICED * STEM_BINS + (size_t)k] = clear;
    hear_bass(c, cues + CUE_BASS * STEM_BINS, &clear);
    for (int32_t k = 0; k < c->n_bins; k++) cues[CUE_BASSED * STEM_BINS + (size_t)k] = clear;
}
