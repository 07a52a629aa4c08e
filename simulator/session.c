/* The sound of a plan: takes and pauses into one bus (or one a part), the room over all of it, then what
 * happens in the recorder: overloads, pastes, sixteen bits. */
#include "simulator/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "simulator/exact.h"
#include "simulator/pause.h"
#include "simulator/piece.h"
#include "simulator/plan_truth.h"

/* The recorder's input is driven too hard for the bars of the flaw: louder by up to 9 dB, and flat from a
 * share of its highest peak on. */
static void overload(const Plan *p, Bus *bus, int32_t k, const TakeFlaw *flaw) {
    const PlanTake *take = &p->takes[k];
    int32_t meter = p->tunes[take->play.tune].meter,
            from = (flaw->first_slot - take->play.first_slot) * meter;
    int64_t first = plan_beat_at(p, k, from), end = plan_beat_at(p, k, from + flaw->n_slots * meter);
    float drive = 1.4f + 1.4f * flaw->severity, ramp = PLAN_RATE / 100, peak = 1e-6f;
    for (int64_t i = first; i < end; i++) {
        peak = fmaxf(peak, fabsf(bus->left[i]));
        peak = fmaxf(peak, fabsf(bus->right[i]));
    }
    float limit = fminf(0.99f, drive * peak / (1.3f + 2.5f * flaw->severity));
    for (int64_t i = first; i < end; i++) {
        float in = (float)(i - first) / ramp, out = (float)(end - i) / ramp;
        float gain = 1 + (drive - 1) * fminf(1, fminf(in, out));
        bus->left[i] = fmaxf(-limit, fminf(limit, gain * bus->left[i]));
        bus->right[i] = fmaxf(-limit, fminf(limit, gain * bus->right[i]));
    }
}

static void paste(const Plan *p, float *channel) {
    for (int32_t k = 0; k < p->n_takes; k++) {
        const PlanTake *take = &p->takes[k];
        if (take->copy_of < 0) continue;
        int64_t of = plan_beat_at(p, take->copy_of, take->from),
                n = (int64_t)take->times.at[take->times.n_beats];
        memcpy(channel + take->at, channel + of, (size_t)n * sizeof *channel);
    }
}

static Status play_all(const Plan *p, const Synth *synth, const Mix *mix, float *scratch) {
    for (int32_t i = 0; i < p->n_pauses; i++) pause_sound(p, &p->pauses[i], synth, mix, scratch);
    for (int32_t k = 0; k < p->n_takes; k++) {
        if (p->takes[k].copy_of >= 0) continue;
        Mix take = mix_from(mix, p->takes[k].at, plan_take_samples(p, k));
        Status st = take_perform(&p->tunes[p->takes[k].play.tune], &p->takes[k].play, &p->takes[k].times,
                                 synth, &take, scratch);
        if (st != BS_OK) return st;
    }
    return BS_OK;
}

static float on_grid(float x) { return floorf(x * 32767.0f + 0.5f) / 32768.0f; }

/* What each microphone hears, at one gain for all of them. */
static Status keep_tracks(const Plan *p, const Mix *mix, Session *out) {
    float peak = 1e-9f;
    for (int part = 0; part < PARTS; part++) {
        if (!plan_has_part(p, (Part)part)) continue;
        const Bus *bus = &mix->part[part];
        out->tracks[part] = malloc((size_t)p->n_samples * sizeof(float));
        if (!out->tracks[part]) return fail(BS_NOMEM, "no memory for a track");
        for (int64_t i = 0; i < p->n_samples; i++) {
            float x = out->tracks[part][i] = bus->left[i] + bus->right[i];
            if (x > peak) peak = x;
            if (-x > peak) peak = -x;
        }
        paste(p, out->tracks[part]);
    }
    for (int part = 0; part < PARTS; part++)
        for (int64_t i = 0; out->tracks[part] && i < p->n_samples; i++)
            out->tracks[part][i] = on_grid(0.9f / peak * out->tracks[part][i]);
    return BS_OK;
}

static Status record(const Plan *p, const Synth *synth, Bus *bus, Session *out) {
    Status st = room_apply(&p->room, synth, bus);
    if (st != BS_OK) return st;
    for (int32_t k = 0; k < p->n_takes; k++)
        for (int32_t f = 0; f < p->takes[k].play.n_flaws; f++)
            if (p->takes[k].play.flaws[f].kind == FLAW_CLIPPED && p->takes[k].copy_of < 0)
                overload(p, bus, k, &p->takes[k].play.flaws[f]);
    paste(p, bus->left);
    paste(p, bus->right);
    for (int64_t i = 0; i < p->n_samples; i++) {
        out->samples[2 * i] = bus->left[i];
        out->samples[2 * i + 1] = bus->right[i];
    }
    if (p->room.mp3) st = room_mp3(out->samples, p->n_samples, PLAN_RATE);
    for (int64_t i = 0; i < 2 * p->n_samples; i++) out->samples[i] = on_grid(out->samples[i]);
    out->n_samples = p->n_samples;
    return st;
}

static Status render(const Plan *p, Session *out, bool tracks) {
    Status st = BS_OK;
    Synth synth;
    Mix mix;
    size_t n = (size_t)p->n_samples;
    float *memory = calloc((tracks ? 2 * PARTS : 2) * n, sizeof(float));
    float *scratch = malloc(n * sizeof(float));
    out->samples = malloc(2 * n * sizeof(float));
    if (!memory || !scratch || !out->samples) {
        st = fail(BS_NOMEM, "no memory for %.0f s of sound", (double)p->n_samples / PLAN_RATE);
        goto out;
    }
    for (size_t part = 0; part < PARTS; part++) {
        float *left = memory + (tracks ? 2 * part * n : 0);
        mix.part[part] = (Bus){.left = left, .right = left + n, .n_samples = p->n_samples};
    }
    synth_init(&synth, PLAN_RATE);
    TRY(play_all(p, &synth, &mix, scratch));
    if (tracks) TRY(keep_tracks(p, &mix, out));
    for (size_t part = 1; tracks && part < PARTS; part++)
        for (size_t i = 0; i < 2 * n; i++) memory[i] += memory[2 * part * n + i];
    TRY(record(p, &synth, &mix.part[0], out));
out:
    free(memory);
    free(scratch);
    return st;
}

Status session_truth(Truth **out, const char *name, uint64_t seed, double length_s) {
    *out = NULL;
    Plan *p;
    Status st = plan_draw(&p, seed, length_s);
    if (st != BS_OK) return st;
    st = plan_truth(out, p, name, false);
    free(p);
    return st;
}

static Status make(Session *out, const char *name, uint64_t seed, double length_s, bool tracks,
                   const Piece *piece) {
    *out = (Session){0};
    Plan *p;
    Excerpt excerpt = {0};
    Status st = piece ? plan_draw_from(&p, seed, length_s, piece) : plan_draw(&p, seed, length_s);
    if (st != BS_OK) return st;
    if (piece) {
        TRY(excerpt_read(&excerpt, &p->tunes[0]));
        p->tunes[0].excerpt = &excerpt;
    }
    TRY(render(p, out, tracks));
    TRY(plan_truth(&out->truth, p, name, tracks));
out:
    excerpt_drop(&excerpt);
    free(p);
    if (st != BS_OK) session_drop(out);
    return st;
}

Status session_make(Session *out, const char *name, uint64_t seed, double length_s) {
    return make(out, name, seed, length_s, false, NULL);
}
Status session_make_tracks(Session *out, const char *name, uint64_t seed, double length_s) {
    return make(out, name, seed, length_s, true, NULL);
}
Status session_make_from(Session *out, const char *name, uint64_t seed, double length_s, const Piece *piece) {
    return make(out, name, seed, length_s, false, piece);
}

void session_drop(Session *s) {
    truth_free(s->truth);
    free(s->samples);
    for (int part = 0; part < PARTS; part++) free(s->tracks[part]);
    *s = (Session){0};
}
