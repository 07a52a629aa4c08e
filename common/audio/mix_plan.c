/* Planning a mixdown: the ramp of each seam, with which gains, and the ends of the song.
 *
 * At output position x, A is the recording at x - out_sample + from_sample and B the recording at
 * x - out_sample + to_sample. Both lines exist on either side of the seam, so a ramp may sit anywhere
 * near it without moving a single sample of the grid: it only says when we change from one line to the
 * other. mix_place.c says where. */
#include "common/audio/mix_fade.h"
#include "common/audio/mix_place.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEAST_MS = 2,        /* of a ramp, where the recording leaves so much */
    RING_MS = 1500,      /* what rings on under the next segment, and after the last, at most */
    RING_LEAST_MS = 150, /* less is not worth a ramp */
    STRUCK_MS = 40,      /* after the change, within which the new line strikes */
    TAIL_MS = 2000,
    CUT_MS = 40, /* fade-out into the last beat where the recording ends there */
};
#define MAX_RAMP_S     16.0
#define FADE_OUT_BEATS 2.0  /* where the music goes on */
#define RING_FALL      16.0 /* 12 dB: it dies away */
#define TAIL_FALL      4.0
/* Of a blend: a ring for which it would have to go lower is left away; any other blend rather clips. */
#define RING_LEAST_GAIN  0.8F
#define BLEND_LEAST_GAIN 0.5F

typedef struct Planner {
    AudioReader *reader;
    const Tracks *tracks; /* NULL: none */
    Place place;
    int32_t rate, wide;
    int64_t ms; /* samples in a millisecond */
    BeatLength beat_length;
    void *context;
    float *ramp_a, *ramp_b;
    int64_t ramp_room;
} Planner;

static double beat_samples(const Planner *p, int64_t at) {
    return p->beat_length ? p->beat_length(p->context, at) : 0.5 * p->rate;
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

/* A struck seam whose old line dies away rather than strikes again, and does not cover what is struck: it
 * rings on under the new one. */
static Status ring_under(Planner *p, Seam *seam, int64_t end) {
    Status st = BS_OK;
    const int64_t ramp_end = seam->fade_start + seam->fade_samples, shift = ramp_end - seam->out_sample;
    const int64_t room = end - ramp_end, most = room < RING_MS * p->ms ? room : RING_MS * p->ms;
    int64_t n;
    Ring ring;
    if (!seam->percussive || most < RING_LEAST_MS * p->ms) return BS_OK;
    TRY(place_ring(&p->place, shift + seam->from_sample, (int32_t)(most / p->ms), &n, &ring));
    if (ring.fall < RING_FALL || n < RING_LEAST_MS * p->ms) return BS_OK;
    TRY(probe_read(&p->place.b, p->reader, shift + seam->to_sample, 0, STRUCK_MS));
    double struck = 0;
    for (int32_t t = 0; t < STRUCK_MS; t++) struck = fmax(struck, probe_energy(&p->place.b, t));
    if (ring.before > struck) return BS_OK;
    seam->ring_samples = (int32_t)n;
    seam->fade_samples += (int32_t)n;
out:
    return st;
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
        mix_weights(seam, i, &wa, &wb);
        for (int32_t c = 0; c < wide; c++) {
            double x = fabs((double)wa * p->ramp_a[i * wide + c] + (double)wb * p->ramp_b[i * wide + c]);
            if (x > ceiling && (1 - ceiling / x) / hold > lowering) lowering = (1 - ceiling / x) / hold;
        }
    }
    return lowering > 0 ? (float)(1 - lowering - 1e-6) : 1; /* less what rounding may add */
}

static Status measure_ramp_at_once(Planner *p, Seam *seam) {
    Status st = BS_OK;
    TRY(ramp_read(p, p->reader, seam));
    const int64_t n_in = seam->fade_samples - seam->ring_samples;
    double rho = mix_correlation(p->ramp_a, p->ramp_b, n_in * p->wide);
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

/* Correlation and gain of a placed ramp: the gain is one for the mix and all its tracks. Where the new line
 * is at full scale, what rings under it has no room: nobody wants the new line turned down, or over, for it.
 */
static Status measure_ramp(Planner *p, Seam *seam) {
    Status st = measure_ramp_at_once(p, seam);
    if (st == BS_OK && seam->ring_samples && seam->gain < RING_LEAST_GAIN) {
        seam->fade_samples -= seam->ring_samples;
        seam->ring_samples = 0;
        st = measure_ramp_at_once(p, seam);
    }
    if (seam->gain < BLEND_LEAST_GAIN) seam->gain = BLEND_LEAST_GAIN;
    return st;
}

static Status plan_seam(Planner *p, Seam *seam, Fade fade, int64_t first, int64_t end) {
    Status st = BS_OK;
    seam->gain = 1;
    seam->fade_start = seam->out_sample;
    if (seam->from_sample == seam->to_sample) { /* the recording goes on */
        seam->correlation = 1;
        return BS_OK;
    }
    if (fade == FADE_SHORT) {
        TRY(place_short(&p->place, seam));
    } else {
        double n = fade_beats(fade) * beat_samples(p, seam->to_sample), most = MAX_RAMP_S * p->rate;
        if (n > most) n = most;
        if (n > (double)(end - first)) n = (double)(end - first);
        TRY(place_long(&p->place, seam, (int64_t)n));
    }
    clamp_ramp(seam, first, end);
    if (fade == FADE_SHORT) TRY(ring_under(p, seam, end));
    if (seam->fade_samples > 0) TRY(measure_ramp(p, seam));
out:
    return st;
}

/* Where the last segment ends, the recording rings out; or it ends too; or the music would go on and is faded
 * out over the last beats. */
static Status plan_tail(Planner *p, MixPlan *plan, const EditSegment *last) {
    Status st = BS_OK;
    const int64_t length = last->end_sample - last->start_sample;
    const bool over = audio_info(p->reader).n_samples - last->end_sample < CUT_MS * p->ms;
    Ring ring;
    TRY(place_ring(&p->place, last->end_sample, TAIL_MS, &plan->tail_samples, &ring));
    if (ring.fall > TAIL_FALL && plan->tail_samples > CUT_MS * p->ms) {
        plan->tail_fade_samples = plan->tail_samples;
    } else {
        const double beats = over ? 0 : FADE_OUT_BEATS * beat_samples(p, last->end_sample - 1);
        int64_t fade = (int64_t)beats < length / 4 ? (int64_t)beats : length / 4;
        if (fade < CUT_MS * p->ms) fade = CUT_MS * p->ms < length / 2 ? CUT_MS * p->ms : length / 2;
        if (!over) plan->tail_samples = 0;
        plan->tail_fade_samples = plan->tail_samples + fade;
    }
out:
    return st;
}

static void planner_init(Planner *p, AudioReader *reader, const Tracks *tracks, BeatLength beat_length,
                         void *context) {
    const AudioInfo info = audio_info(reader);
    *p = (Planner){.reader = reader,
                   .tracks = tracks,
                   .beat_length = beat_length,
                   .context = context,
                   .rate = info.sample_rate_hz,
                   .wide = info.n_channels,
                   .ms = info.sample_rate_hz / 1000};
    place_init(&p->place, reader, tracks);
}

static void planner_drop(Planner *p) {
    place_drop(&p->place);
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
    MixPlan plan = {.sample_rate_hz = info.sample_rate_hz, .gain = 1};
    Planner p;
    planner_init(&p, reader, tracks, beat_length, context);
    TRY(edit_check(edit, &info));
    plan.n_seams = edit->n_segments - 1;
    plan.seams = calloc((size_t)edit->n_segments, sizeof *plan.seams);
    if (!plan.seams) {
        st = fail(BS_NOMEM, "mixdown: out of memory");
        goto out;
    }
    const EditSegment *first = &edit->segments[0], *last = &edit->segments[plan.n_seams];
    TRY(place_lead_in(&p.place, first->start_sample, &plan.lead_in_samples, &plan.lead_fade_samples));
    int64_t at = plan.lead_in_samples, free_from = at;
    for (int32_t i = 0; i < plan.n_seams; i++) {
        const EditSegment *a = &edit->segments[i], *b = &edit->segments[i + 1];
        const int64_t n_a = a->end_sample - a->start_sample, n_b = b->end_sample - b->start_sample;
        Seam *seam = &plan.seams[i];
        at += n_a;
        *seam = (Seam){.out_sample = at, .from_sample = a->end_sample, .to_sample = b->start_sample};
        int64_t lowest = at - n_a / 2 > free_from ? at - n_a / 2 : free_from, highest = at + n_b / 2;
        keep_to_recording(seam, &info, LEAST_MS * p.ms, &lowest, &highest);
        TRY(plan_seam(&p, seam, (Fade)b->fade, lowest, highest));
        free_from = seam->fade_start + seam->fade_samples;
    }
    TRY(plan_tail(&p, &plan, last));
    plan.n_samples = at + last->end_sample - last->start_sample + plan.tail_samples;
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
