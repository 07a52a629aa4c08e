/* Measures the frames: level, SuperFlux onset strength, log-mel.
 *
 * SuperFlux (Boeck, Widmer: "Maximum filter vibrato suppression for onset detection", DAFx 2013):
 * O(t) = sum over bands k of max(0, L(t, k) - max(L(t-2, k-1..k+1))), L = log10(1 + c |X|) on a filter
 * bank with 24 bands an octave. c follows the recording's own level, so a quiet recording is heard
 * like a loud one. */
#include "featurizer/dsp/frames.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "featurizer/dsp/chroma.h"
#include "featurizer/dsp/mel.h"
#include "featurizer/dsp/stft.h"

enum { ONSET_FFT = 1024, MEL_FFT = 2048, MAX_FILTERS = 256, LAG = 2 };

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

float percentile_of(float *v, int32_t n, double share) {
    if (n < 1) return 0;
    qsort(v, (size_t)n, sizeof *v, by_value);
    return v[(int32_t)(share * (n - 1) + 0.5)];
}

float median_of(float *v, int32_t n) { return percentile_of(v, n, 0.5); }

float frame_peak(const float *series, int32_t n, double frame, double reach) {
    int32_t a = (int32_t)ceil(frame - reach), b = (int32_t)floor(frame + reach);
    float best = 0;
    for (int32_t i = a < 0 ? 0 : a; i <= b && i < n; i++)
        if (series[i] > best) best = series[i];
    return best;
}

void frames_let_go(const Frames *f, int64_t end) {
    const int64_t page = sysconf(_SC_PAGESIZE), least = (int64_t)32 << 20;
    uintptr_t at = ((uintptr_t)f->samples + (uintptr_t)page - 1) / (uintptr_t)page * (uintptr_t)page;
    int64_t n_bytes = (int64_t)sizeof *f->samples * (end < f->n_samples ? end : f->n_samples);
    /* the kernel reclaims pages of files and leaves what has nowhere to go; an older one refuses, and nothing
     * is lost */
    if (f->n_samples >= least && n_bytes > page)
        (void)madvise((void *)at, (size_t)((n_bytes - page) / page * page), MADV_PAGEOUT);
}

static void measure_level(Frames *f) {
    const int32_t half = 441; /* 20 ms to either side */
    for (int32_t k = 0; k < f->n; k++) {
        int64_t a = (int64_t)k * FRAME_HOP - half, b = a + 2 * half;
        if (a < 0) a = 0;
        if (b > f->n_samples) b = f->n_samples;
        double sum = 0;
        for (int64_t i = a; i < b; i++) sum += (double)f->samples[i] * f->samples[i];
        if (k % FRAMES_LET_GO == 0) frames_let_go(f, a);
        f->level_db[k] = b > a ? (float)(10 * log10(sum / (double)(b - a) + 1e-10)) : -100.0F;
    }
}

typedef struct FluxBank {
    int32_t n, first[MAX_FILTERS], last[MAX_FILTERS], band[MAX_FILTERS];
} FluxBank;

static int32_t band_of(double hz) { return hz < 150 ? 0 : hz < 500 ? 1 : hz < 5000 ? 2 : 3; }

/* 24 bands an octave where the bins allow, single bins below. */
static void flux_bank(FluxBank *bank) {
    bank->n = 0;
    int32_t previous = 0;
    for (double hz = 30; hz < 10500 && bank->n < MAX_FILTERS; hz *= pow(2, 1.0 / 24)) {
        int32_t bin = (int32_t)(hz * ONSET_FFT / ANALYSIS_HZ + 0.5);
        if (bin <= previous) continue;
        bank->first[bank->n] = previous + 1;
        bank->last[bank->n] = bin;
        bank->band[bank->n++] = band_of(bin * (double)ANALYSIS_HZ / ONSET_FFT);
        previous = bin;
    }
}

static void spectral_rows(const FluxBank *bank, const float *power, float scale, float *row) {
    for (int32_t m = 0; m < bank->n; m++) {
        float sum = 0;
        for (int32_t b = bank->first[m]; b <= bank->last[m]; b++) sum += power[b];
        row[m] = log10f(1 + scale * sqrtf(sum));
    }
}

static float flatness_of(const float *power) {
    const int32_t a = 200 * ONSET_FFT / ANALYSIS_HZ, b = 6000 * ONSET_FFT / ANALYSIS_HZ;
    double logs = 0, sum = 0;
    for (int32_t i = a; i < b; i++) {
        logs += log((double)power[i] + 1e-12);
        sum += (double)power[i] + 1e-12;
    }
    return (float)(exp(logs / (b - a)) / (sum / (b - a)));
}

static void band_levels(Frames *f, int32_t k, const float *power) {
    double sum[ONSET_BANDS] = {0};
    for (int32_t b = 1; b <= ONSET_FFT / 2; b++)
        sum[band_of(b * (double)ANALYSIS_HZ / ONSET_FFT)] += power[b];
    /* a sine of amplitude 1 reads -3 dB: |X|^2 summed is amp^2 * n_fft^2 * 3/32 for a Hann window */
    for (int32_t g = 0; g < ONSET_BANDS; g++)
        f->band_db[g][k] = (float)(10 * log10(sum[g] * (16.0 / 3) / ((double)ONSET_FFT * ONSET_FFT) + 1e-10));
}

/* Local mean over a second taken away, negative parts dropped, then the recording's scale, at least `least`:
 * a band in which nothing is struck stays quiet. */
static Status whiten(float *o, int32_t n, float least, Arena *mem) {
    double *sum = arena_alloc(mem, sizeof(double) * ((size_t)n + 1));
    float *sorted = arena_alloc(mem, sizeof(float) * (size_t)n);
    if (!sum || !sorted) return fail(BS_NOMEM, "frames: out of memory");
    for (int32_t i = 0; i < n; i++) sum[i + 1] = sum[i] + o[i];
    int32_t half = (int32_t)(0.5 * FRAMES_PER_S), m = 0;
    for (int32_t i = 0; i < n; i++) {
        int32_t a = i - half < 0 ? 0 : i - half, b = i + half + 1 > n ? n : i + half + 1;
        float v = o[i] - (float)((sum[b] - sum[a]) / (b - a));
        o[i] = v > 0 ? v : 0;
        if (v > 0) sorted[m++] = v;
    }
    float scale = percentile_of(sorted, m, 0.90);
    if (scale < least) scale = least;
    for (int32_t i = 0; i < n; i++) {
        o[i] /= scale;
        if (o[i] > 2) o[i] = 2;
    }
    return BS_OK;
}

static Status measure_onsets(Frames *f, Arena *mem) {
    Status st = BS_OK;
    Stft *stft = NULL;
    FluxBank bank;
    flux_bank(&bank);
    float power[ONSET_FFT / 2 + 1];
    float rows[LAG + 1][MAX_FILTERS];
    memset(rows, 0, sizeof rows);
    float *levels = arena_alloc(mem, sizeof(float) * (size_t)f->n);
    if (!levels) return fail(BS_NOMEM, "frames: out of memory");
    memcpy(levels, f->level_db, sizeof(float) * (size_t)f->n);
    float loud = percentile_of(levels, f->n, 0.9);
    float scale = 0.4F * powf(10, -loud / 20);
    TRY(stft_open(&stft, ONSET_FFT, FRAME_HOP));
    for (int32_t k = 0; k < f->n; k++) {
        stft_power(stft, f->samples, f->n_samples, k, power);
        if (k % FRAMES_LET_GO == 0) frames_let_go(f, (int64_t)k * FRAME_HOP);
        f->flatness[k] = flatness_of(power);
        band_levels(f, k, power);
        float *now = rows[k % (LAG + 1)];
        const float *then = rows[(k + 1) % (LAG + 1)]; /* LAG frames ago */
        spectral_rows(&bank, power, scale, now);
        if (k < LAG) continue;
        for (int32_t m = 0; m < bank.n; m++) {
            float before = then[m];
            if (m > 0 && then[m - 1] > before) before = then[m - 1];
            if (m + 1 < bank.n && then[m + 1] > before) before = then[m + 1];
            if (now[m] > before) f->onset[bank.band[m]][k] += now[m] - before;
        }
    }
    int32_t filters[ONSET_BANDS] = {0};
    for (int32_t m = 0; m < bank.n; m++) filters[bank.band[m]]++;
    for (int32_t g = 0; g < ONSET_BANDS; g++) TRY(whiten(f->onset[g], f->n, 0.06F * (float)filters[g], mem));
out:
    stft_close(stft);
    return st;
}

static Status measure_mel(Frames *f, Arena *mem) {
    Status st = BS_OK;
    Stft *stft = NULL;
    MelBank bank;
    float power[MEL_FFT / 2 + 1];
    TRY(mel_bank_new(&bank, mem, ANALYSIS_HZ, MEL_FFT, MEL_BANDS, 0, ANALYSIS_HZ / 2.0));
    TRY(stft_open(&stft, MEL_FFT, MEL_HOP));
    for (int32_t k = 0; k < f->n_mel; k++) {
        float *row = f->log_mel + (size_t)k * MEL_BANDS;
        stft_power(stft, f->samples, f->n_samples, k, power);
        if (k % FRAMES_LET_GO == 0) frames_let_go(f, (int64_t)k * MEL_HOP);
        mel_apply(&bank, power, row);
        for (int32_t m = 0; m < MEL_BANDS; m++) row[m] = 10 * log10f(row[m] + 1e-10F);
    }
out:
    stft_close(stft);
    return st;
}

Status frames_measure(Frames *f, Arena *mem, const float *samples, int64_t n_samples) {
    Status st = BS_OK;
    memset(f, 0, sizeof *f);
    f->samples = samples;
    f->n_samples = n_samples;
    f->n = (int32_t)(1 + n_samples / FRAME_HOP);
    f->n_mel = (int32_t)(1 + n_samples / MEL_HOP);
    f->n_wide = (int32_t)(1 + n_samples / WIDE_HOP);
    size_t bytes = sizeof(float) * (size_t)f->n;
    bool have = (f->level_db = arena_alloc(mem, bytes)) && (f->flatness = arena_alloc(mem, bytes));
    for (int32_t g = 0; g < ONSET_BANDS; g++)
        have = have && (f->onset[g] = arena_alloc(mem, bytes)) && (f->band_db[g] = arena_alloc(mem, bytes));
    have = have && (f->log_mel = arena_alloc(mem, sizeof(float) * MEL_BANDS * (size_t)f->n_mel)) &&
           (f->chroma = arena_alloc(mem, sizeof(float) * CHROMA * (size_t)f->n_wide)) &&
           (f->pitch = arena_alloc(mem, sizeof(float) * PITCHES * (size_t)f->n_wide)) &&
           (f->moved = arena_alloc(mem, sizeof(float) * (size_t)f->n_wide)) &&
           (f->prominent = arena_alloc(mem, sizeof(float) * (size_t)f->n_wide));
    if (!have) return fail(BS_NOMEM, "frames: out of memory for %lld samples", (long long)n_samples);
    measure_level(f);
    TRY(measure_onsets(f, mem));
    TRY(measure_mel(f, mem));
    TRY(chroma_measure(f));
    frames_let_go(f, n_samples);
out:
    return st;
}
