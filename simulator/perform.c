/* Timing of a beat = grid + band's wander (an AR(1) chain) + the player's own scatter. Flaws that are played
 * (wrong notes, late hits) change notes; dropouts and level jumps change the sound
 * of the take; clipping happens in the recorder, after the room. */
#include "simulator/perform.h"

#include "simulator/exact.h"

void take_times(TakeTimes *times, const Tune *tune, const TakePlan *plan, int32_t rate_hz) {
    Rng r = rng_at(plan->seed, 0x74696d65);
    double beat_s = 60.0 / (tune->tempo_bpm * plan->tempo_factor), at = 0, wander = 0;
    double swing_depth = rng_between(&r, 0, 0.012), swing_turns = rng_f64(&r),
           swing_rate = rng_between(&r, 0.01, 0.03);
    times->n_beats = (plan->end_slot - plan->first_slot - 1) * tune->meter + plan->last_beats;
    for (int32_t b = 0; b <= times->n_beats; b++) {
        times->at[b] = at * rate_hz;
        wander = 0.9 * wander + 0.002 * exact_normal(&r);
        at += beat_s * (1 + swing_depth * exact_sin(swing_turns + swing_rate * b) + wander);
    }
    bool whole = plan->last_beats == tune->meter;
    times->tail_samples = (int64_t)(rng_between(&r, whole ? 1.0 : 0.4, whole ? 1.7 : 0.8) * rate_hz);
}

typedef struct Player {
    const Tune *tune;
    const TakePlan *plan;
    const TakeTimes *times;
    const Synth *synth;
    Bus *bus;
    Rng r;
    double late_s; /* of the band, now */
} Player;

static float flaw_at(const TakePlan *plan, int32_t slot, FlawKind kind) {
    float worst = 0;
    for (int32_t f = 0; f < plan->n_flaws; f++) {
        const TakeFlaw *flaw = &plan->flaws[f];
        bool falls_apart =
            flaw->kind == FLAW_BREAKDOWN && (kind == FLAW_WRONG_NOTES || kind == FLAW_LATE_HITS);
        if (flaw->kind != kind && !falls_apart) continue;
        if (slot < flaw->first_slot || slot >= flaw->first_slot + flaw->n_slots) continue;
        if (flaw->severity > worst) worst = flaw->severity;
    }
    return worst;
}

/* Sample of a moment `beat` beats after the take's start, with scatter; -1 once the band has stopped. */
static int64_t moment(Player *p, double beat, double scatter_s) {
    const TakeTimes *t = p->times;
    if (beat >= t->n_beats || beat < 0) return -1;
    int32_t b = (int32_t)beat;
    double at = t->at[b] + (beat - b) * (t->at[b + 1] - t->at[b]);
    double late = p->late_s + scatter_s * exact_normal(&p->r);
    int64_t sample = (int64_t)(at + late * p->synth->rate_hz + 0.5);
    return sample < 0 ? 0 : sample;
}

static int64_t length_of(const Player *p, double beat, double beats) {
    const TakeTimes *t = p->times;
    double end = beat + beats > t->n_beats ? t->n_beats : beat + beats;
    int32_t a = (int32_t)beat, b = (int32_t)end;
    double from = t->at[a] + (beat - a) * (t->at[a + 1 <= t->n_beats ? a + 1 : a] - t->at[a]);
    double to = t->at[b] + (b < t->n_beats ? (end - b) * (t->at[b + 1] - t->at[b]) : 0);
    return (int64_t)(to - from);
}

static void hit(Player *p, Drum drum, double beat, float velocity, float late) {
    double extra = 0;
    if (late > 0) {
        if (rng_f64(&p->r) < 0.25 * late) return; /* missed */
        if (rng_f64(&p->r) < 0.3 + 0.5 * late) extra = rng_between(&p->r, 0.03, 0.05 + 0.09 * late);
    }
    int64_t at = moment(p, beat, 0.0035);
    uint64_t noise = rng_u64(&p->r);
    float v = velocity * (1 + 0.09f * (float)exact_normal(&p->r));
    if (at >= 0)
        synth_drum(p->synth, p->bus, drum, at + (int64_t)(extra * p->synth->rate_hz), 0.8f * v,
                   p->tune->kit_tone, noise);
}

static void play_drums(Player *p, int32_t slot, double bar, const TunePattern *pat, bool fill, bool crash) {
    float late = flaw_at(p->plan, slot, FLAW_LATE_HITS);
    int32_t steps = 4 * p->tune->meter,
            fill_from = fill ? steps - 4 - 4 * (int32_t)rng_below(&p->r, 2) : steps;
    if (crash) hit(p, DRUM_CRASH, bar, 0.8f, 0);
    for (int32_t i = 0; i < steps; i++) {
        double beat = bar + 0.25 * i;
        if (i >= fill_from) {
            float velocity = (float)rng_between(&p->r, 0.4, 0.9);
            Drum drum = rng_f64(&p->r) < 0.5 ? DRUM_TOM : DRUM_SNARE;
            if (rng_f64(&p->r) < 0.7) hit(p, drum, beat, velocity, late);
            if (i % 4 == 0) hit(p, DRUM_KICK, beat, 0.8f, late);
            continue;
        }
        if (pat->kick[i] > 0) hit(p, DRUM_KICK, beat, pat->kick[i], late);
        if (pat->snare[i] > 0) hit(p, DRUM_SNARE, beat, pat->snare[i], late);
        if (pat->snare[i] == 0 && i % 2 && rng_f64(&p->r) < 0.03) hit(p, DRUM_SNARE, beat, 0.2f, 0);
        if (pat->hat[i] > 0)
            hit(p, pat->open_hat && i % 8 == 6 ? DRUM_OPEN_HAT : DRUM_HAT, beat, pat->hat[i], late * 0.5f);
    }
}

static void play_bass(Player *p, int32_t slot, double bar, const TuneBar *music, const TunePattern *pat) {
    float late = flaw_at(p->plan, slot, FLAW_LATE_HITS);
    int32_t steps = 4 * p->tune->meter;
    for (int32_t i = 0; i < steps; i++) {
        if (pat->bass[i] == 0) continue;
        int32_t next = i + 1;
        while (next < steps && pat->bass[next] == 0) next++;
        int32_t pitch = music->bass + (i == pat->bass_octave_step ? 12 : 0);
        if (i + 4 >= steps && rng_f64(&p->r) < 0.15) pitch += 7; /* an ornament of this take */
        double beat = bar + 0.25 * i;
        int64_t at = moment(p, beat, 0.004);
        if (at < 0) continue;
        if (late > 0 && rng_f64(&p->r) < 0.5 * late)
            at += (int64_t)(rng_between(&p->r, 0.04, 0.11) * p->synth->rate_hz);
        synth_note(p->synth, p->bus, &p->tune->bass, at,
                   (int64_t)(0.9 * (double)length_of(p, beat, 0.25 * (next - i))), exact_hz(pitch),
                   pat->bass[i] * pat->energy * (1 + 0.08f * (float)exact_normal(&p->r)));
    }
}

static void play_chords(Player *p, int32_t slot, double bar, const TuneBar *music, const TunePattern *pat,
                        int32_t voicing) {
    float wrong = flaw_at(p->plan, slot, FLAW_WRONG_NOTES);
    for (int32_t b = 0; b < p->tune->meter; b += pat->chord_beats) {
        int32_t pitches[3] = {music->root, music->third, music->fifth};
        if (wrong > 0 && rng_f64(&p->r) < 0.4 + 0.6 * wrong) {
            int32_t step = rng_f64(&p->r) < 0.5 ? 1 : -1;
            if (wrong > 0.6)
                for (int32_t i = 0; i < 3; i++) pitches[i] += step;
            else
                pitches[rng_below(&p->r, 3)] += step;
        }
        double strum = 0;
        for (int32_t i = 0; i < 3; i++) {
            int32_t pitch = pitches[i] + (i < voicing ? 12 : 0);
            int64_t at = moment(p, bar + b, 0.004);
            if (at < 0) continue;
            strum += rng_between(&p->r, 0, 0.008);
            synth_note(p->synth, p->bus, &p->tune->chords, at + (int64_t)(strum * p->synth->rate_hz),
                       (int64_t)(0.92 * (double)length_of(p, bar + b, pat->chord_beats)), exact_hz(pitch),
                       pat->energy * (1 + 0.1f * (float)exact_normal(&p->r)));
        }
    }
}

static void play_lead(Player *p, int32_t slot, double bar, const TuneBar *music, const TunePattern *pat) {
    if (!pat->lead) return;
    float wrong = flaw_at(p->plan, slot, FLAW_WRONG_NOTES);
    for (int32_t n = 0; n < music->n_notes; n++) {
        const TuneNote *note = &music->notes[n];
        int32_t pitch = note->pitch;
        if (wrong > 0 && rng_f64(&p->r) < 0.35 + 0.6 * wrong) pitch += rng_f64(&p->r) < 0.5 ? 1 : -1;
        if (note->beats <= 0.5f && rng_f64(&p->r) < 0.08) continue; /* left out this time */
        int64_t at = moment(p, bar + note->beat, 0.007);
        if (at < 0) continue;
        int64_t length = (int64_t)(0.92 * (double)length_of(p, bar + note->beat, note->beats));
        float velocity = note->velocity * pat->energy * (1 + 0.12f * (float)exact_normal(&p->r));
        synth_note(p->synth, p->bus, &p->tune->lead, at, length, exact_hz(pitch), velocity);
    }
}

/* Gain from `first` to `end`, with 5 ms ramps so that the step itself does not click. */
static void scale_range(const Player *p, int64_t first, int64_t end, float gain) {
    float ramp = 0.005f * (float)p->synth->rate_hz;
    for (int64_t i = first < 0 ? 0 : first; i < end && i < p->bus->n_samples; i++) {
        float in = (float)(i - first) / ramp, out = (float)(end - i) / ramp, share = in < out ? in : out;
        float g = 1 + (gain - 1) * (share < 1 ? share : 1);
        p->bus->left[i] *= g;
        p->bus->right[i] *= g;
    }
}

static void sound_flaw(Player *p, const TakeFlaw *flaw) {
    const TakeTimes *t = p->times;
    int32_t meter = p->tune->meter, from = (flaw->first_slot - p->plan->first_slot) * meter;
    int32_t to = from + flaw->n_slots * meter;
    if (from >= t->n_beats) return;
    if (to > t->n_beats) to = t->n_beats;
    int64_t first = (int64_t)t->at[from], end = (int64_t)t->at[to];
    float s = flaw->severity;
    if (flaw->kind ==
        FLAW_DROPOUT) { /* silent for a part that grows with the severity, under a second: not a pause */
        int64_t n = (int64_t)((double)(end - first) * (0.2 + 0.5 * s)), most = p->synth->rate_hz * 9 / 10;
        if (n > most) n = most;
        first += (int64_t)(rng_f64(&p->r) * (double)(end - first - n));
        scale_range(p, first, first + n, s > 0.5f ? 0.02f : 0.12f);
    } else if (flaw->kind == FLAW_LEVEL_JUMP) {
        double db = (rng_f64(&p->r) < 0.7 ? -1 : 0.6) * (4 + 9 * s);
        scale_range(p, first, end, (float)exact_gain(db));
    }
}

/* One-pole tilt and level of the whole take. */
static void tone(const Player *p) {
    float gain = (float)exact_gain(p->plan->gain_db), tilt = 0.35f * p->plan->tilt, l = 0, r = 0;
    float smooth = 6.2831853f * 900 / (float)p->synth->rate_hz;
    for (int64_t i = 0; i < p->bus->n_samples; i++) {
        l += smooth * (p->bus->left[i] - l);
        r += smooth * (p->bus->right[i] - r);
        p->bus->left[i] = gain * (p->bus->left[i] + tilt * (p->bus->left[i] - 2 * l));
        p->bus->right[i] = gain * (p->bus->right[i] + tilt * (p->bus->right[i] - 2 * r));
    }
}

void take_perform(const Tune *tune, const TakePlan *plan, const TakeTimes *times, const Synth *synth,
                  Bus *bus) {
    Player p = {.tune = tune,
                .plan = plan,
                .times = times,
                .synth = synth,
                .bus = bus,
                .r = rng_at(plan->seed, 0x706c6179)};
    int32_t voicing = 0;
    for (int32_t slot = plan->first_slot; slot < plan->end_slot; slot++) {
        int32_t label;
        const TuneBar *music = tune_bar(tune, slot, &label);
        const TunePattern *pattern = &tune->patterns[label];
        const TruthSection *section = &tune->sections[tune->slot_section[slot]];
        bool first = slot == section->first_slot, last = slot + 1 == section->first_slot + section->n_slots;
        double bar = (double)(slot - plan->first_slot) * tune->meter;
        if (first) voicing = (int32_t)rng_below(&p.r, 3);
        p.late_s = 0.7 * p.late_s + 0.003 * exact_normal(&p.r);
        bool fill = last && rng_f64(&p.r) < 0.8;
        bool crash = first && rng_f64(&p.r) < 0.7;
        play_drums(&p, slot, bar, pattern, fill, crash);
        play_bass(&p, slot, bar, music, pattern);
        play_chords(&p, slot, bar, music, pattern, voicing);
        play_lead(&p, slot, bar, music, pattern);
    }
    if (plan->last_beats == tune->meter && plan->end_slot == tune->n_slots) /* the last chord rings out */
        synth_drum(synth, bus, DRUM_CRASH, (int64_t)times->at[times->n_beats - tune->meter], 0.6f,
                   tune->kit_tone, plan->seed);
    tone(&p);
    for (int32_t f = 0; f < plan->n_flaws; f++) sound_flaw(&p, &plan->flaws[f]);
}
