/* Gains solve the normal equations G g = b with G_ij = <s_i, s_j> and b_i = <s_i, mix>; the lag is where the
 * loudest six seconds of the mix and of the stems' sum agree best. */
#include "featurizer/stem_files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "featurizer/dsp/fft.h"
#include "featurizer/dsp/frames.h"

enum { EXCERPT = 1 << 17, LATEST = 4096 };
static const double longest_difference_s = 0.15; /* what encoders add */
static const double most_residual_db = -8;       /* above it, they are of other music */

Hash stem_files_hash(Tracks *tracks, Status *st) {
    HashState state;
    hash_begin(&state);
    hash_add(&state, "bandsaw stems", 13);
    for (int32_t i = 0; i < tracks->n && *st == BS_OK; i++) {
        Hash pcm = {0};
        const uint8_t stem = (uint8_t)tracks->list[i].stem;
        *st = audio_pcm_hash(tracks->list[i].reader, 0, &pcm);
        hash_add(&state, &stem, 1);
        hash_add(&state, pcm.bytes, HASH_BYTES);
    }
    return hash_end(&state);
}

static double dot(const float *a, const float *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
    return sum;
}

/* The stretch of EXCERPT / 2 samples with the most power. */
static int64_t loudest(const float *x, int64_t n) {
    const int64_t length = EXCERPT / 2;
    int64_t best = 0;
    double most = -1;
    for (int64_t at = 0; at + length <= n; at += length / 2) {
        double power = dot(x + at, x + at, length);
        if (power > most) most = power, best = at;
    }
    return best;
}

static void spectrum_of(Fft *fft, const float *x, int64_t n, int64_t at) {
    for (int64_t i = 0; i < EXCERPT; i++) fft->time[i] = i < EXCERPT / 2 && at + i < n ? x[at + i] : 0;
    fft_forward(fft);
}

static Status find_lag(const Mono *mix, const Mono *sum, int64_t *lag) {
    Status st = BS_OK;
    Fft *a = NULL, *b = NULL;
    TRY(fft_open(&a, EXCERPT));
    TRY(fft_open(&b, EXCERPT));
    const int64_t at = loudest(mix->samples, mix->n_samples);
    spectrum_of(a, mix->samples, mix->n_samples, at);
    spectrum_of(b, sum->samples, sum->n_samples, at);
    for (int32_t k = 0; k <= EXCERPT / 2; k++) { /* sum times the conjugate of mix */
        float re = b->freq[k][0] * a->freq[k][0] + b->freq[k][1] * a->freq[k][1];
        float im = b->freq[k][1] * a->freq[k][0] - b->freq[k][0] * a->freq[k][1];
        b->freq[k][0] = re, b->freq[k][1] = im;
    }
    fft_inverse(b);
    *lag = 0;
    for (int64_t k = -LATEST; k <= LATEST; k++)
        if (b->time[(k + EXCERPT) % EXCERPT] > b->time[(*lag + EXCERPT) % EXCERPT] * 1.0001F) *lag = k;
out:
    fft_close(a);
    fft_close(b);
    return st;
}

/* to += gain * from, `lag` samples earlier. */
static void add(Mono *to, const Mono *from, double gain, int64_t lag) {
    for (int64_t i = lag < 0 ? -lag : 0; i < to->n_samples && i + lag < from->n_samples; i++)
        to->samples[i] += (float)gain * from->samples[i + lag];
}

/* Gaussian elimination with pivots; what has no energy of its own gets gain 0. */
static void solve(double g[STEM_FILES_MOST][STEM_FILES_MOST], double *b, int32_t n, double *x) {
    for (int32_t i = 0; i < n; i++) {
        int32_t p = i;
        for (int32_t r = i + 1; r < n; r++)
            if (fabs(g[r][i]) > fabs(g[p][i])) p = r;
        for (int32_t c = 0; c < n; c++) {
            double t = g[i][c];
            g[i][c] = g[p][c], g[p][c] = t;
        }
        double t = b[i];
        b[i] = b[p], b[p] = t;
        for (int32_t r = i + 1; r < n && fabs(g[i][i]) > 1e-12; r++) {
            double f = g[r][i] / g[i][i];
            for (int32_t c = i; c < n; c++) g[r][c] -= f * g[i][c];
            b[r] -= f * b[i];
        }
    }
    for (int32_t i = n - 1; i >= 0; i--) {
        for (int32_t c = i + 1; c < n; c++) b[i] -= g[i][c] * x[c];
        x[i] = fabs(g[i][i]) > 1e-12 ? b[i] / g[i][i] : 0;
    }
}

static Status check_length(const Tracks *tracks, const char *folder, const Mono *mix) {
    const AudioInfo info = tracks_info(tracks);
    const double stems_s = (double)info.n_samples / info.sample_rate_hz,
                 mix_s = (double)mix->n_samples / ANALYSIS_HZ;
    if (fabs(stems_s - mix_s) <= longest_difference_s) return BS_OK;
    return fail(BS_INVALID, "%s: stems of %.2f s, but the recording has %.2f s; they are of another one",
                folder, stems_s, mix_s);
}

/* Reads each, finds their gains, and adds them up by stem. */
static Status refit_tracks(const Tracks *tracks, const char *folder, const Mono *mix, Mono sums[STEMS],
                           StemFit *fit) {
    Status st = BS_OK;
    Mono read[STEM_FILES_MOST] = {0}, all = {0};
    double g[STEM_FILES_MOST][STEM_FILES_MOST], b[STEM_FILES_MOST], mix_power = 1e-12, left = 0;
    if (tracks->n > STEM_FILES_MOST)
        return fail(BS_TOO_BIG, "%s: %d files; a separation has at most %d", folder, tracks->n,
                    STEM_FILES_MOST);
    TRY(mono_new(&all, mix->n_samples));
    for (int32_t i = 0; i < tracks->n; i++) {
        TRY(mono_read(&read[i], tracks->list[i].reader, ANALYSIS_HZ));
        add(&all, &read[i], 1, 0);
    }
    TRY(find_lag(mix, &all, &fit->lag));
    int64_t n = mix->n_samples;
    for (int32_t i = 0; i < tracks->n; i++)
        if (read[i].n_samples - fit->lag < n) n = read[i].n_samples - fit->lag;
    const int64_t from = fit->lag < 0 ? -fit->lag : 0;
    for (int32_t i = 0; i < tracks->n; i++) {
        const float *s = read[i].samples + from + fit->lag;
        for (int32_t j = 0; j < tracks->n; j++) g[i][j] = dot(s, read[j].samples + from + fit->lag, n - from);
        b[i] = dot(s, mix->samples + from, n - from);
    }
    solve(g, b, tracks->n, fit->gain);
    fit->n = tracks->n;
    memset(all.samples, 0, sizeof *all.samples * (size_t)all.n_samples);
    for (int32_t i = 0; i < tracks->n; i++) {
        add(&all, &read[i], fit->gain[i], fit->lag);
        add(&sums[tracks->list[i].stem], &read[i], fit->gain[i], fit->lag);
    }
    for (int64_t i = 0; i < mix->n_samples; i++) {
        double off = (double)mix->samples[i] - (double)all.samples[i];
        left += off * off;
        mix_power += (double)mix->samples[i] * mix->samples[i];
    }
    fit->residual_db = 10 * log10(left / mix_power + 1e-12);
    if (fit->residual_db > most_residual_db)
        st = fail(BS_INVALID,
                  "%s: these stems do not sum to the recording (they leave %.1f dB of it); are they another "
                  "song's?",
                  folder, fit->residual_db);
out:
    for (int32_t i = 0; i < STEM_FILES_MOST; i++) mono_drop(&read[i]);
    mono_drop(&all);
    return st;
}

static Status add_tracks(const Tracks *tracks, Mono sums[STEMS]) {
    Status st = BS_OK;
    for (int32_t i = 0; i < tracks->n && st == BS_OK; i++) {
        Mono read;
        st = mono_read(&read, tracks->list[i].reader, ANALYSIS_HZ);
        if (st != BS_OK) break;
        add(&sums[tracks->list[i].stem], &read, 1, 0);
        mono_drop(&read);
    }
    return st;
}

Status stem_files_measure(const Tracks *tracks, const char *folder, bool refit, const Mono *mix,
                          StemLevels *levels, StemFit *fit, Arena *mem) {
    Status st = BS_OK;
    Mono sums[STEMS] = {0};
    const float *stems[STEMS];
    StemFit own = {0};
    TRY(check_length(tracks, folder, mix));
    for (int s = 0; s < STEMS; s++) {
        TRY(mono_new(&sums[s], mix->n_samples));
        stems[s] = sums[s].samples;
    }
    TRY(refit ? refit_tracks(tracks, folder, mix, sums, &own) : add_tracks(tracks, sums));
    TRY(stem_levels_measure(levels, stems, mix->samples, mix->n_samples, mem));
    if (fit) *fit = own;
out:
    for (int s = 0; s < STEMS; s++) mono_drop(&sums[s]);
    return st;
}
