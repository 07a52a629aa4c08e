/* Planning the seams of a mixdown: where each ramp sits, how long it is, and with which gains.
 *
 * At output position x, A is the recording at x - out_sample + from_sample and B the recording at
 * x - out_sample + to_sample. Both lines exist on either side of the seam, so a ramp may sit anywhere
 * near it without moving a single sample of the grid: it only says when we change from one line to the
 * other. Attacks are what the ear times, so with an attack on either line the ramp goes into the quietest
 * place before the earlier one; without any, it is centred, within 15 ms where the lines agree best. */
#include "common/audio/mix_fade.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PROBE_BEFORE_MS = 120, /* what is read around a seam of each line */
    PROBE_AFTER_MS = 60,
    PROBE_MS = PROBE_BEFORE_MS + PROBE_AFTER_MS,
    ATTACK_FROM_MS = -35, /* where an attack of the written beat may be heard: beats are placed that well */
    ATTACK_TO_MS = 30,
    SEARCH_MS = 60, /* percussive ramps end 3 to 60 ms before the attack */
    GUARD_MS = 3,
    SUSTAINED_MS = 30,
    SHIFT_MS = 15,
    LEAD_MS = 5,
    TAIL_MS = 2000,
    CUT_MS = 40, /* fade-out into the last beat where nothing rings after it */
};
#define ATTACK_RATIO 4.0   /* 6 dB over what came before is an attack */
#define SILENCE      1e-10 /* mean square under which nothing is heard */
#define MAX_RAMP_S   16.0

typedef struct Probe {
    float *samples;          /* PROBE_MS */
    double energy[PROBE_MS]; /* mean square of each millisecond */
} Probe;

typedef struct Planner {
    AudioReader *reader;
    const Tracks *tracks; /* NULL: none */
    int32_t rate, wide;
    int64_t ms; /* samples in a millisecond */
    Probe a, b, drums;
    float *ramp_a, *ramp_b;
    int64_t ramp_room;
} Planner;

static double mean_square(const float *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
    return n ? sum / (double)n : 0;
}

static Status probe_read(const Planner *p, Probe *probe, AudioReader *reader, int64_t at) {
    const int64_t n_floats = p->ms * audio_info(reader).n_channels;
    Status st = mix_read(reader, at - PROBE_BEFORE_MS * p->ms, PROBE_MS * p->ms, probe->samples);
    if (st != BS_OK) return st;
    for (int i = 0; i < PROBE_MS; i++)
        probe->energy[i] = mean_square(probe->samples + i * n_floats, n_floats);
    return BS_OK;
}

/* Millisecond (relative to the seam) of the steepest rise near it, over 6 dB; ATTACK_TO_MS + 1 when none. */
static int attack_of(const Probe *probe) {
    int best = ATTACK_TO_MS + 1;
    double strength = 0;
    for (int t = ATTACK_FROM_MS; t <= ATTACK_TO_MS; t++) {
        const double *e = probe->energy + PROBE_BEFORE_MS + t;
        double before = 0, after = 0;
        for (int k = 1; k <= 20; k++) before += e[-k] / 20;
        for (int k = 0; k < 10; k++) after += e[k] / 10;
        double ratio = (after + SILENCE) / (before + SILENCE);
        if (ratio > strength) {
            strength = ratio;
            best = t;
        }
    }
    return strength >= ATTACK_RATIO ? best : ATTACK_TO_MS + 1;
}

/* Reads a line around `at`, and finds its attack: in the mix, or earlier in a track of drums, where nothing
 * covers it. */
static Status listen_at(Planner *p, Probe *probe, int64_t at, int *attack) {
    Status st = BS_OK;
    TRY(probe_read(p, probe, p->reader, at));
    *attack = attack_of(probe);
    for (int32_t i = 0; p->tracks && i < p->tracks->n; i++) {
        if (!p->tracks->list[i].drums) continue;
        TRY(probe_read(p, &p->drums, p->tracks->list[i].reader, at));
        const int earlier = attack_of(&p->drums);
        if (earlier < *attack) *attack = earlier;
    }
out:
    return st;
}

/* The quietest stretch that ends GUARD_MS before `attack`: long where it stays quiet, at least 2 ms. */
static void place_before_attack(const Planner *p, int attack, Seam *seam) {
    static const int lengths[] = {15, 10, 7, 5, 3, 2};
    double quietest = 0;
    int best_at = 0, best_n = 0;
    for (int k = (int)(sizeof lengths / sizeof *lengths) - 1; k >= 0; k--) {
        const int n = lengths[k];
        double least = -1;
        int at = 0;
        for (int t = attack - SEARCH_MS; t + n <= attack - GUARD_MS; t++) {
            double e = 0;
            for (int i = 0; i < n; i++)
                e += p->a.energy[PROBE_BEFORE_MS + t + i] + p->b.energy[PROBE_BEFORE_MS + t + i];
            if (least < 0 || e / n <= least) { /* of equals the last: nearest to the attack */
                least = e / n;
                at = t;
            }
        }
        if (best_n == 0) quietest = least + SILENCE;
        if (least <= 2 * quietest) {
            best_n = n;
            best_at = at;
        }
    }
    seam->fade_samples = (int32_t)(best_n * p->ms);
    seam->fade_start = seam->out_sample + best_at * p->ms;
    seam->percussive = 1;
}

static double correlation_of(const float *a, const float *b, int64_t n) {
    double ab = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < n; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

/* Centred, moved by up to 15 ms to where the two lines agree best. */
static void place_sustained(const Planner *p, Seam *seam) {
    const int n = SUSTAINED_MS;
    double best = -2;
    int best_at = -n / 2;
    for (int k = 0; k <= 2 * SHIFT_MS; k++) {
        const int shift = k % 2 ? -(k + 1) / 2 : k / 2, t = shift - n / 2; /* 0, -1, 1, -2, 2, ... */
        const int64_t from = (PROBE_BEFORE_MS + t) * p->ms * p->wide;
        double rho = correlation_of(p->a.samples + from, p->b.samples + from, n * p->ms * p->wide);
        if (rho > best + 0.01) {
            best = rho;
            best_at = t;
        }
    }
    seam->fade_samples = (int32_t)(n * p->ms);
    seam->fade_start = seam->out_sample + best_at * p->ms;
}

/* Narrows [first, end) to where both lines have sound, unless less than `least` would be left. */
static void keep_to_recording(const Seam *seam, const AudioInfo *info, int64_t least, int64_t *first,
                              int64_t *end) {
    int64_t b_begins = seam->out_sample - seam->to_sample;
    int64_t a_ends = seam->out_sample + info->n_samples - seam->from_sample;
    int64_t lo = *first > b_begins ? *first : b_begins, hi = *end < a_ends ? *end : a_ends;
    if (hi - lo < least) return;
    *first = lo;
    *end = hi;
}

/* Into [first, end) of the output, shorter where it must be. */
static void clamp_ramp(Seam *seam, int64_t first, int64_t end) {
    if (seam->fade_samples > end - first) seam->fade_samples = (int32_t)(end - first);
    if (seam->fade_start < first) seam->fade_start = first;
    if (seam->fade_start > end - seam->fade_samples) seam->fade_start = end - seam->fade_samples;
}

static Status ramp_read(Planner *p, AudioReader *reader, const Seam *seam) {
    Status st = BS_OK;
    const int64_t n = seam->fade_samples, shift = seam->fade_start - seam->out_sample;
    const int64_t n_floats = n * audio_info(reader).n_channels;
    if (n_floats > p->ramp_room) {
        free(p->ramp_a);
        free(p->ramp_b);
        p->ramp_room = n_floats;
        p->ramp_a = malloc((size_t)n_floats * sizeof *p->ramp_a);
        p->ramp_b = malloc((size_t)n_floats * sizeof *p->ramp_b);
        if (!p->ramp_a || !p->ramp_b)
            return fail(BS_NOMEM, "mixdown: no memory for a ramp of %lld samples", (long long)n);
    }
    TRY(mix_read(reader, seam->from_sample + shift, n, p->ramp_a));
    TRY(mix_read(reader, seam->to_sample + shift, n, p->ramp_b));
out:
    return st;
}

/* The largest gain that keeps the blend under full scale, or under what it is made of if that is over. */
static float gain_of(const Planner *p, const Seam *seam, int32_t wide) {
    const int64_t n = seam->fade_samples;
    double ceiling = 1, lowering = 0;
    for (int64_t i = 0; i < n * wide; i++) {
        if (fabsf(p->ramp_a[i]) > ceiling) ceiling = fabsf(p->ramp_a[i]);
        if (fabsf(p->ramp_b[i]) > ceiling) ceiling = fabsf(p->ramp_b[i]);
    }
    for (int64_t i = 0; i < n; i++) {
        float wa, wb, hold = mix_hold(i, n);
        mix_weights(i, n, seam->correlation, &wa, &wb);
        for (int32_t c = 0; c < wide; c++) {
            double x = fabs((double)wa * p->ramp_a[i * wide + c] + (double)wb * p->ramp_b[i * wide + c]);
            if (x > ceiling && (1 - ceiling / x) / hold > lowering) lowering = (1 - ceiling / x) / hold;
        }
    }
    return lowering > 0 ? (float)(1 - lowering - 1e-6) : 1; /* less what rounding may add */
}

/* Correlation and gain of a placed ramp: the gain is one for the mix and all its tracks. */
static Status measure_ramp(Planner *p, Seam *seam) {
    Status st = BS_OK;
    TRY(ramp_read(p, p->reader, seam));
    double rho = correlation_of(p->ramp_a, p->ramp_b, (int64_t)seam->fade_samples * p->wide);
    seam->correlation = (float)(rho < -0.3 ? -0.3 : rho);
    seam->gain = gain_of(p, seam, p->wide);
    for (int32_t i = 0; p->tracks && i < p->tracks->n; i++) {
        AudioReader *reader = p->tracks->list[i].reader;
        TRY(ramp_read(p, reader, seam));
        const float gain = gain_of(p, seam, audio_info(reader).n_channels);
        if (gain < seam->gain) seam->gain = gain;
    }
out:
    return st;
}

static Status plan_seam(Planner *p, Seam *seam, Fade fade, double beat_samples, int64_t first, int64_t end) {
    Status st = BS_OK;
    seam->gain = 1;
    seam->fade_start = seam->out_sample;
    if (seam->from_sample == seam->to_sample) { /* the recording goes on */
        seam->correlation = 1;
        return BS_OK;
    }
    if (fade == FADE_SHORT) {
        int attack_a, attack_b;
        TRY(listen_at(p, &p->a, seam->from_sample, &attack_a));
        TRY(listen_at(p, &p->b, seam->to_sample, &attack_b));
        int attack = attack_a < attack_b ? attack_a : attack_b;
        if (attack <= ATTACK_TO_MS)
            place_before_attack(p, attack, seam);
        else
            place_sustained(p, seam);
    } else {
        double n = fade_beats(fade) * beat_samples, most = MAX_RAMP_S * p->rate;
        seam->fade_samples = (int32_t)(n < most ? n : most);
        seam->fade_start = seam->out_sample - seam->fade_samples / 2;
    }
    clamp_ramp(seam, first, end);
    if (seam->fade_samples > 0) TRY(measure_ramp(p, seam));
out:
    return st;
}

/* How long the recording rings on after `at` without a new attack, in milliseconds up to TAIL_MS. */
static Status ring_out(Planner *p, int64_t at, int64_t *n_samples, int64_t *fade_samples) {
    Status st = BS_OK;
    enum { STEP = 10, BACK = 100 };
    const int64_t step = STEP * p->ms, n_steps = (BACK + TAIL_MS) / STEP;
    float *block = malloc((size_t)(n_steps * step * p->wide) * sizeof *block);
    if (!block) return fail(BS_NOMEM, "mixdown: out of memory");
    TRY(mix_read(p->reader, at - BACK * p->ms, n_steps * step, block));
    double before = 0, least = 0;
    for (int i = 0; i < BACK / STEP; i++)
        before += mean_square(block + i * step * p->wide, step * p->wide) * STEP / BACK;
    least = before;
    int64_t k = BACK / STEP;
    for (; k < n_steps; k++) {
        double e = mean_square(block + k * step * p->wide, step * p->wide);
        if (e > ATTACK_RATIO * least + SILENCE || e > 2 * before + SILENCE) break; /* something begins */
        if (e < least) least = e;
        if (e < 1e-6 * before + SILENCE) { /* 60 dB down: it has rung out */
            k++;
            break;
        }
    }
    int64_t ring = (k - BACK / STEP) * step, left = audio_info(p->reader).n_samples - at;
    if (k < n_steps && ring > 0 && least >= 1e-6 * before + SILENCE) ring -= step; /* clear of what begins */
    *n_samples = ring < left ? ring : left;
    *fade_samples = *n_samples > CUT_MS * p->ms ? *n_samples : CUT_MS * p->ms;
out:
    free(block);
    return st;
}

static Status planner_init(Planner *p, AudioReader *reader, const Tracks *tracks) {
    const AudioInfo info = audio_info(reader);
    *p = (Planner){.reader = reader, .tracks = tracks, .rate = info.sample_rate_hz, .wide = info.n_channels};
    p->ms = p->rate / 1000;
    const int32_t widest = tracks && tracks->n && tracks_info(tracks).n_channels > p->wide
                               ? tracks_info(tracks).n_channels
                               : p->wide;
    const size_t bytes = sizeof(float) * (size_t)(PROBE_MS * p->ms * widest);
    p->a.samples = malloc(bytes);
    p->b.samples = malloc(bytes);
    p->drums.samples = malloc(bytes);
    return p->a.samples && p->b.samples && p->drums.samples ? BS_OK
                                                            : fail(BS_NOMEM, "mixdown: out of memory");
}

static void planner_drop(Planner *p) {
    free(p->a.samples);
    free(p->b.samples);
    free(p->drums.samples);
    free(p->ramp_a);
    free(p->ramp_b);
}

static Status edit_check(const Edit *edit, const AudioInfo *info) {
    if (!edit->n_segments) return fail(BS_INVALID, "mixdown: the edit is empty");
    if (edit->sample_rate_hz != info->sample_rate_hz)
        return fail(BS_INVALID, "mixdown: the edit is at %d Hz, the recording at %d Hz", edit->sample_rate_hz,
                    info->sample_rate_hz);
    for (int32_t i = 0; i < edit->n_segments; i++) {
        const EditSegment *s = &edit->segments[i];
        if (s->start_sample < 0 || s->end_sample <= s->start_sample || s->end_sample > info->n_samples ||
            s->fade >= FADE_COUNT)
            return fail(BS_INVALID, "mixdown: segment %d is [%lld, %lld), but the recording has %lld samples",
                        i, (long long)s->start_sample, (long long)s->end_sample, (long long)info->n_samples);
    }
    return BS_OK;
}

Status mix_plan(MixPlan *out, const Edit *edit, AudioReader *reader, BeatLength beat_length, void *context) {
    return mix_plan_tracks(out, edit, reader, NULL, beat_length, context);
}

Status mix_plan_tracks(MixPlan *out, const Edit *edit, AudioReader *reader, const Tracks *tracks,
                       BeatLength beat_length, void *context) {
    Status st = BS_OK;
    const AudioInfo info = audio_info(reader);
    MixPlan plan = {0};
    Planner p = {0};
    TRY(edit_check(edit, &info));
    TRY(planner_init(&p, reader, tracks));
    plan.n_seams = edit->n_segments - 1;
    plan.sample_rate_hz = info.sample_rate_hz;
    plan.gain = 1;
    plan.seams = calloc((size_t)edit->n_segments, sizeof *plan.seams);
    if (!plan.seams) {
        st = fail(BS_NOMEM, "mixdown: out of memory");
        goto out;
    }
    const EditSegment *first = &edit->segments[0], *last = &edit->segments[plan.n_seams];
    plan.lead_in_samples = first->start_sample < LEAD_MS * p.ms ? first->start_sample : LEAD_MS * p.ms;
    plan.lead_fade_samples = plan.lead_in_samples;
    int64_t at = plan.lead_in_samples, free_from = plan.lead_fade_samples;
    for (int32_t i = 0; i < plan.n_seams; i++) {
        const EditSegment *a = &edit->segments[i], *b = &edit->segments[i + 1];
        const int64_t n_a = a->end_sample - a->start_sample, n_b = b->end_sample - b->start_sample;
        Seam *seam = &plan.seams[i];
        at += n_a;
        *seam = (Seam){.out_sample = at, .from_sample = a->end_sample, .to_sample = b->start_sample};
        double beat = beat_length ? beat_length(context, b->start_sample) : 0.5 * info.sample_rate_hz;
        int64_t lowest = at - n_a / 2 > free_from ? at - n_a / 2 : free_from, highest = at + n_b / 2;
        keep_to_recording(seam, &info, 2 * p.ms, &lowest, &highest);
        TRY(plan_seam(&p, seam, (Fade)b->fade, beat, lowest, highest));
        free_from = seam->fade_start + seam->fade_samples;
    }
    int64_t length = last->end_sample - last->start_sample;
    TRY(ring_out(&p, last->end_sample, &plan.tail_samples, &plan.tail_fade_samples));
    plan.n_samples = at + length + plan.tail_samples;
    if (plan.tail_fade_samples > plan.tail_samples + length / 2)
        plan.tail_fade_samples = plan.tail_samples + length / 2;
    *out = plan;
    plan.seams = NULL;
out:
    planner_drop(&p);
    free(plan.seams);
    return st;
}

void mix_plan_drop(MixPlan *plan) {
    free(plan->seams);
    *plan = (MixPlan){0};
}

void mix_plan_limit(MixPlan *plan, int64_t max_samples) {
    int64_t over = plan->n_samples - max_samples;
    int64_t cut = over < plan->tail_samples ? over : plan->tail_samples;
    if (cut > 0) {
        plan->tail_samples -= cut;
        plan->n_samples -= cut;
        over -= cut;
        int64_t least = (int64_t)plan->sample_rate_hz * CUT_MS / 1000, fade = plan->tail_fade_samples - cut;
        if (least > plan->tail_fade_samples) least = plan->tail_fade_samples;
        plan->tail_fade_samples = fade > least ? fade : least;
    }
    cut = over < plan->lead_in_samples ? over : plan->lead_in_samples;
    if (cut > 0) {
        plan->lead_in_samples -= cut;
        plan->n_samples -= cut;
        for (int32_t i = 0; i < plan->n_seams; i++) {
            plan->seams[i].out_sample -= cut;
            plan->seams[i].fade_start -= cut;
        }
    }
}
