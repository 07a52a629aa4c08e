/* Attacks: the energy of the next 10 ms over that of the last 20; of the sound, and of its first difference,
 * in which a hi-hat is not covered by a bass. */
#include "common/audio/mix_listen.h"
#include "common/audio/mix_fade.h"

#include <math.h>
#include <stdlib.h>

#define ATTACK_RATIO 4.0  /* 6 dB over what came before is an attack */
#define WEAK_RATIO   16.0 /* 12 dB less steep than the steepest is none ... */
#define CLEAR_RATIO  64.0 /* ... but 18 dB always are: after silence a hi-hat rises steeper than any drum */
#define FAINT_RATIO  32.0

enum { APART_MS = 6 };

static double mean_square(const float *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
    return n ? sum / (double)n : 0;
}

double mix_correlation(const float *a, const float *b, int64_t n) {
    double ab = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < n; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

static double mean_square_edge(const float *x, int64_t n, int32_t wide) {
    double sum = 0;
    for (int64_t i = wide; i < n; i++) sum += ((double)x[i] - x[i - wide]) * ((double)x[i] - x[i - wide]);
    return n > wide ? sum / (double)(n - wide) : 0;
}

Status probe_read(Probe *probe, AudioReader *reader, int64_t at, int32_t before_ms, int32_t after_ms) {
    Status st = BS_OK;
    const AudioInfo info = audio_info(reader);
    const int64_t ms = info.sample_rate_hz / 1000, n_ms = before_ms + after_ms;
    const int64_t n_block = ms * info.n_channels, n_floats = n_ms * n_block;
    if (n_floats > probe->room_floats || n_ms > probe->room_ms) {
        probe_drop(probe);
        probe->samples = malloc((size_t)n_floats * sizeof *probe->samples);
        probe->energy = malloc((size_t)n_ms * sizeof *probe->energy);
        probe->edge = malloc((size_t)n_ms * sizeof *probe->edge);
        probe->rise = malloc((size_t)n_ms * sizeof *probe->rise);
        if (!probe->samples || !probe->energy || !probe->edge || !probe->rise)
            return fail(BS_NOMEM, "mixdown: out of memory");
        probe->room_floats = n_floats;
        probe->room_ms = n_ms;
    }
    probe->before_ms = before_ms;
    probe->n_ms = (int32_t)n_ms;
    TRY(mix_read(reader, at - before_ms * ms, n_ms * ms, probe->samples));
    for (int64_t i = 0; i < n_ms; i++) {
        const float *x = probe->samples + i * n_block;
        probe->energy[i] = mean_square(x, n_block);
        probe->edge[i] = mean_square_edge(x, n_block, info.n_channels);
    }
out:
    return st;
}

void probe_drop(Probe *probe) {
    free(probe->samples);
    free(probe->energy);
    free(probe->edge);
    free(probe->rise);
    *probe = (Probe){0};
}

double probe_energy(const Probe *probe, int32_t at_ms) { return probe->energy[probe->before_ms + at_ms]; }

static double loudest_of(const double *curve, int32_t n) {
    double most = 0;
    for (int32_t i = 0; i < n; i++) most = fmax(most, curve[i]);
    return most;
}

/* Rise of a curve at place i; 1 where what comes is fainter than `faint`. */
static double rise_at(const double *curve, int32_t i, double faint) {
    double before = MIX_SILENCE, after = MIX_SILENCE;
    for (int k = 1; k <= MIX_BEFORE_MS; k++) before += curve[i - k] / MIX_BEFORE_MS;
    for (int k = 0; k < MIX_AFTER_MS; k++) after += curve[i + k] / MIX_AFTER_MS;
    return after < faint ? 1 : after / before;
}

int32_t probe_attacks(const Probe *probe, const Probe *other, int32_t from_ms, int32_t to_ms,
                      int32_t at_ms[MIX_MAX_ATTACKS]) {
    BS_ASSERT(from_ms - MIX_BEFORE_MS >= -probe->before_ms);
    BS_ASSERT(to_ms + MIX_AFTER_MS <= probe->n_ms - probe->before_ms);
    const double faint = fmax(loudest_of(probe->energy, probe->n_ms), loudest_of(other->energy, other->n_ms));
    const double faint_edge =
        fmax(loudest_of(probe->edge, probe->n_ms), loudest_of(other->edge, other->n_ms));
    double *rise = probe->rise, steepest = 0;
    for (int32_t t = from_ms; t <= to_ms; t++) {
        const int32_t i = probe->before_ms + t;
        rise[i] = fmax(rise_at(probe->energy, i, faint / FAINT_RATIO),
                       rise_at(probe->edge, i, faint_edge / FAINT_RATIO));
        steepest = fmax(steepest, rise[i]);
    }
    const double least = fmax(ATTACK_RATIO, fmin(steepest / WEAK_RATIO, CLEAR_RATIO));
    int32_t n = 0;
    double last = 0; /* of the attack found last: the steepest within APART_MS is one */
    for (int32_t t = from_ms; t <= to_ms && n < MIX_MAX_ATTACKS; t++) {
        const double now = rise[probe->before_ms + t];
        if (now < least) continue;
        if (n && t - at_ms[n - 1] <= APART_MS) {
            if (now <= last) continue;
            n--;
        }
        at_ms[n++] = t;
        last = now;
    }
    return n;
}
