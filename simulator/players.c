/* Timing of a note = grid, swung + band's wander + player's wander + scatter. Flaws that are played (wrong
 * notes, late or missing hits, a player who stops) change notes here. */
#include "simulator/players.h"

#include "simulator/exact.h"

float flaw_at(const TakePlan *plan, int32_t slot, FlawKind kind) {
    float worst = 0;
    for (int32_t f = 0; f < plan->n_flaws; f++) {
        const TakeFlaw *flaw = &plan->flaws[f];
        bool apart = (flaw->kind == FLAW_BREAKDOWN || flaw->kind == FLAW_FALSE_START) &&
                     (kind == FLAW_WRONG_NOTES || kind == FLAW_LATE_HITS || kind == FLAW_SLOPPY_TIMING);
        if (flaw->kind != kind && !apart) continue;
        if (slot < flaw->first_slot || slot >= flaw->first_slot + flaw->n_slots) continue;
        if (flaw->severity > worst) worst = flaw->severity;
    }
    return worst;
}

Part dropout_part(const Tune *t, const TakePlan *plan, const TakeFlaw *flaw) {
    if (t->piece) return PARTS;
    static const Part order[] = {PART_DRUMS, PART_BASS, PART_GUITAR, PART_KEYS};
    int32_t label;
    tune_bar(t, flaw->first_slot, &label);
    uint64_t draw = rng_mix(plan->seed, (uint64_t)flaw->first_slot + 77);
    if (draw % 2) return PARTS;
    for (int i = 0; i < 4; i++) {
        Part part = order[(draw / 2 + (uint64_t)i) % 4];
        if (t->patterns[label].plays[part]) return part;
    }
    return PARTS;
}

static bool gone(const Player *p, int32_t slot) {
    for (int32_t f = 0; f < p->plan->n_flaws; f++) {
        const TakeFlaw *flaw = &p->plan->flaws[f];
        if (flaw->kind != FLAW_DROPOUT || slot < flaw->first_slot || slot >= flaw->first_slot + flaw->n_slots)
            continue;
        if (dropout_part(p->tune, p->plan, flaw) == p->part) return true;
    }
    return false;
}

static double bent(double f, double middle) {
    return f < 0.5 ? 2 * f * middle : middle + (f - 0.5) * 2 * (1 - middle);
}

/* Sample of a moment `beat` beats after the take's start, with nobody's wander. */
static double grid(const Player *p, double beat) {
    const TakeTimes *t = p->times;
    int32_t b = (int32_t)beat;
    double f = beat - b, half = f < 0.5 ? 0 : 0.5;
    if (b >= t->n_beats) return t->at[t->n_beats];
    f = half + 0.5 * bent(2 * (f - half), p->sixteenths);
    return t->at[b] + bent(f, p->swing) * (t->at[b + 1] - t->at[b]);
}

/* The same as played; -1 once the band has stopped. */
static int64_t moment(Player *p, int32_t slot, double beat, double scatter_s) {
    if (beat >= p->times->n_beats || beat < 0) return -1;
    int32_t b = (int32_t)beat;
    for (; p->beat < b; p->beat++) {
        p->late_s = 0.85 * p->late_s + 0.0022 * p->tune->scatter * exact_normal(&p->r);
        p->loud = 0.9 * p->loud + 0.045 * exact_normal(&p->r);
    }
    double sloppy = 1 + 11 * (double)flaw_at(p->plan, slot, FLAW_SLOPPY_TIMING);
    double late = (double)p->times->late_s[b] + p->late_s +
                  scatter_s * (double)p->tune->scatter * sloppy * exact_normal(&p->r);
    int64_t sample = (int64_t)(grid(p, beat) + late * p->synth->rate_hz + 0.5);
    return sample < 0 ? 0 : sample;
}

static int64_t length_of(const Player *p, double beat, double beats) {
    return (int64_t)(grid(p, beat + beats) - grid(p, beat));
}

static float loudness(Player *p, float velocity, double spread) {
    int32_t b = p->beat < p->times->n_beats ? p->beat : p->times->n_beats;
    double v = (double)velocity * (double)p->times->loud[b] * (1 + p->loud + spread * exact_normal(&p->r));
    return (float)(v < 0.05 ? 0.05 : v > 1.3 ? 1.3 : v);
}

static double hz_of(const Player *p, int32_t pitch) { return exact_hz(pitch + p->cents / 100); }

static int32_t semitone(Player *p) { return rng_f64(&p->r) < 0.5 ? 1 : -1; }

/* ---- drums */
static void hit(Player *p, int32_t slot, Drum drum, double beat, float velocity, float late) {
    double extra = 0;
    if (late > 0) {
        if (rng_f64(&p->r) < 0.3 * (double)late) return; /* missed */
        if (rng_f64(&p->r) < 0.3 + 0.5 * (double)late)
            extra = rng_between(&p->r, 0.03, 0.05 + 0.09 * (double)late);
    }
    int64_t at = moment(p, slot, beat, 0.0035);
    uint64_t noise = rng_u64(&p->r);
    if (at >= 0)
        synth_drum(p->synth, &p->line, drum, at + (int64_t)(extra * p->synth->rate_hz),
                   0.8f * loudness(p, velocity, 0.09), p->tune->kit_tone, noise);
}

static void play_fill(Player *p, int32_t slot, double bar, int32_t from, float late) {
    const Tune *t = p->tune;
    double dense = rng_between(&p->r, 0.35, 0.85);
    for (int32_t i = from; i < t->steps; i++) {
        float velocity = (float)rng_between(&p->r, 0.4, 0.9);
        Drum drum = rng_f64(&p->r) < 0.5 ? DRUM_TOM : DRUM_SNARE;
        double beat = bar + (double)i / t->steps_a_beat;
        if (rng_f64(&p->r) < dense) hit(p, slot, drum, beat, velocity, late);
        if (i % t->steps_a_beat == 0) hit(p, slot, DRUM_KICK, beat, 0.8f, late);
    }
}

/* Steps from which this bar is a fill; t->steps for none. Skins and cymbals must agree. */
static int32_t fill_from(const Player *p, int32_t slot) {
    const Tune *t = p->tune;
    Rng r = rng_at(p->plan->seed, 0x66696c6c0000 + (uint64_t)slot);
    bool last = tune_last_bar(t, slot), middle = (slot & 3) == 3;
    double chance = rng_f64(&r), length = rng_f64(&r);
    if (tune_holds_into(t, slot) || tune_holds_out_of(t, slot)) return t->steps;
    if (chance > (last ? 0.8 : middle ? 0.25 : 0.04)) return t->steps;
    return t->steps - (length < 0.5 ? 1 : length < 0.85 ? 2 : 3) * t->steps_a_beat;
}

void play_drums(Player *p, int32_t slot, double bar, bool skins) {
    const Tune *t = p->tune;
    int32_t label, fill = fill_from(p, slot);
    tune_bar(t, slot, &label);
    const TunePattern *pat = &t->patterns[label];
    if (!pat->plays[PART_DRUMS] || gone(p, slot)) return;
    float late = flaw_at(p->plan, slot, FLAW_LATE_HITS);
    bool first = tune_first_bar(t, slot);
    if (!skins && first && !t->held && rng_f64(&p->r) < 0.6) hit(p, slot, DRUM_CRASH, bar, 0.8f, 0);
    for (int32_t i = 0; i < t->steps; i++) {
        double beat = bar + (double)i / t->steps_a_beat;
        if (tune_held_back(t, slot, i)) continue;
        if (i == fill && skins) play_fill(p, slot, bar, fill, late);
        if (i >= fill) break;
        if (!skins) {
            bool thin = p->manner == 1 && i % t->steps_a_beat; /* this time only on the beat */
            bool open = pat->open_hat && i % 8 == 6;
            Drum drum = open ? DRUM_OPEN_HAT : p->manner == 2 ? DRUM_RIDE : (Drum)pat->hat_drum;
            if (pat->hat[i] > 0 && !thin) hit(p, slot, drum, beat, pat->hat[i], late * 0.5f);
            continue;
        }
        if (pat->kick[i] > 0)
            hit(p, slot, DRUM_KICK, beat, pat->kick[i], late);
        else if (i % 2 == 0 && i % t->steps_a_beat && rng_f64(&p->r) < 0.05)
            hit(p, slot, DRUM_KICK, beat, 0.6f, 0);
        if (pat->snare[i] > 0)
            hit(p, slot, (Drum)pat->snare_drum, beat, pat->snare[i], late);
        else if (i % 2 && rng_f64(&p->r) < 0.03)
            hit(p, slot, (Drum)pat->snare_drum, beat, 0.2f, 0);
    }
}

/* ---- bass */
void play_bass(Player *p, int32_t slot, double bar) {
    const Tune *t = p->tune;
    int32_t label;
    const TuneBar *music = tune_bar(t, slot, &label);
    const TunePattern *pat = &t->patterns[label];
    if (!pat->plays[PART_BASS] || gone(p, slot)) return;
    float late = flaw_at(p->plan, slot, FLAW_LATE_HITS), wrong = flaw_at(p->plan, slot, FLAW_WRONG_NOTES);
    for (int32_t i = 0; i < t->steps; i++) {
        if (pat->bass[i] == 0 || tune_held_back(t, slot, i)) continue;
        int32_t next = i + 1;
        while (next < t->steps && pat->bass[next] == 0) next++;
        int32_t pitch =
            pat->bass_step[i] == 1 ? music->fifth : music->bass + (pat->bass_step[i] == 2 ? 12 : 0);
        if (i + 4 >= t->steps && rng_f64(&p->r) < 0.15) pitch += 7; /* an ornament of this take */
        if (wrong > 0 && rng_f64(&p->r) < 0.5 * (double)wrong) pitch += semitone(p);
        double beat = bar + (double)i / t->steps_a_beat;
        if (late > 0 && rng_f64(&p->r) < 0.2 * (double)late) continue;
        int64_t at = moment(p, slot, beat, 0.004);
        if (at < 0) continue;
        if (late > 0 && rng_f64(&p->r) < 0.5 * (double)late)
            at += (int64_t)(rng_between(&p->r, 0.04, 0.11) * p->synth->rate_hz);
        int64_t length = (int64_t)(0.9 * (double)length_of(p, beat, (double)(next - i) / t->steps_a_beat));
        float velocity = loudness(p, pat->bass[i] * pat->energy, 0.08);
        static const String string = {.decay_s = 2.2f, .bright = 0.3f, .damp_s = 0.04f, .gain = 0.85f};
        if (t->plucked_bass)
            synth_pluck(p->synth, &p->line, &string, at, length, hz_of(p, pitch), velocity, rng_u64(&p->r));
        else
            synth_note(p->synth, &p->line, &t->bass, at, length, hz_of(p, pitch), velocity);
    }
}

/* ---- chords */
/* The chord as voiced now, with wrong notes when the plan wants some. */
static void voiced(Player *p, int32_t pitches[4], const TuneBar *music, float wrong) {
    for (int32_t i = 0; i < 4; i++) pitches[i] = music->chord[i] + (i < p->voicing ? 12 : 0);
    if (wrong <= 0 || rng_f64(&p->r) > 0.4 + 0.6 * (double)wrong) return;
    int32_t step = semitone(p), one = (int32_t)rng_below(&p->r, 4);
    for (int32_t i = 0; i < 4; i++)
        if (wrong > 0.6f || i == one) pitches[i] += step;
}

static void strum(Player *p, const int32_t pitches[4], int64_t at, int64_t length, float velocity, bool up) {
    double spread = 0, each = rng_between(&p->r, 0.002, 0.012);
    int32_t strings = rng_f64(&p->r) < 0.6 ? 4 : 3;
    for (int32_t i = 0; i < strings; i++) {
        int32_t pitch = pitches[up ? strings - 1 - i : i];
        spread += each;
        uint64_t noise = rng_u64(&p->r);
        synth_pluck(p->synth, &p->line, &p->tune->guitar, at + (int64_t)(spread * p->synth->rate_hz), length,
                    hz_of(p, pitch), 0.62f * velocity, noise);
    }
}

void play_guitar(Player *p, int32_t slot, double bar) {
    const Tune *t = p->tune;
    int32_t label, pitches[4];
    const TuneBar *music = tune_bar(t, slot, &label);
    const TunePattern *pat = &t->patterns[label];
    if (!pat->plays[PART_GUITAR] || gone(p, slot)) return;
    voiced(p, pitches, music, flaw_at(p->plan, slot, FLAW_WRONG_NOTES));
    for (int32_t i = 0, picked = (int32_t)rng_below(&p->r, 4); i < t->steps; i++) {
        if (tune_held_back(t, slot, i)) continue;
        bool off = i % t->steps_a_beat != 0;
        float stroke = pat->guitar[i];
        if (stroke > 0 && off && rng_f64(&p->r) < 0.06) stroke = 0; /* left out this time */
        if (stroke == 0 && off && i % 2 == 0 && t->guitar_role == GUITAR_STRUM && rng_f64(&p->r) < 0.04)
            stroke = 0.5f;
        if (stroke == 0) continue;
        int32_t next = i + 1;
        while (next < t->steps && pat->guitar[next] == 0) next++;
        double beat = bar + (double)i / t->steps_a_beat, beats = (double)(next - i) / t->steps_a_beat;
        int64_t at = moment(p, slot, beat, 0.004);
        if (at < 0) continue;
        float velocity = loudness(p, stroke * pat->energy, 0.1);
        if (t->guitar_role == GUITAR_PICK) {
            int32_t pitch = pitches[i == 0 ? 0 : picked++ % 4] + (i == 0 ? -12 : 0);
            uint64_t noise = rng_u64(&p->r);
            synth_pluck(p->synth, &p->line, &t->guitar, at, length_of(p, beat, 2 * beats), hz_of(p, pitch),
                        velocity, noise);
        } else if (t->guitar_role == GUITAR_POWER) {
            int32_t power[4] = {pitches[0] - 12, pitches[0] - 5, pitches[0], pitches[0]};
            if (pitches[0] != music->chord[0] && p->voicing == 0) power[2]++;
            strum(p, power, at, (int64_t)(0.85 * (double)length_of(p, beat, beats)), velocity, false);
        } else {
            strum(p, pitches, at, (int64_t)(0.95 * (double)length_of(p, beat, beats)), velocity, off);
        }
    }
}

static void play_pad(Player *p, int32_t slot, double bar, const TunePattern *pat, const int32_t pitches[4]) {
    const Tune *t = p->tune;
    for (int32_t i = 0; i < 3; i++) {
        int64_t at = moment(p, slot, bar, 0.012);
        if (at < 0) continue;
        int64_t length = length_of(p, bar, t->meter), early = p->synth->rate_hz / 8;
        float velocity = loudness(p, 1.1f * pat->energy, 0.05);
        synth_note(p->synth, &p->line, &t->pad, at > early ? at - early : 0, length + early,
                   hz_of(p, pitches[i]), velocity);
    }
}

void play_keys(Player *p, int32_t slot, double bar) {
    const Tune *t = p->tune;
    int32_t label, pitches[4];
    const TuneBar *music = tune_bar(t, slot, &label);
    const TunePattern *pat = &t->patterns[label];
    if (!pat->plays[PART_KEYS] || gone(p, slot)) return;
    float wrong = flaw_at(p->plan, slot, FLAW_WRONG_NOTES);
    voiced(p, pitches, music, wrong);
    if (t->keys_role == KEYS_PAD) {
        play_pad(p, slot, bar, pat, pitches);
        return;
    }
    for (int32_t i = 0, tone = 0; i < t->steps; i++) {
        if (pat->keys[i] == 0 || tune_held_back(t, slot, i)) continue;
        int32_t next = i + 1;
        while (next < t->steps && pat->keys[next] == 0) next++;
        double beat = bar + (double)i / t->steps_a_beat, beats = (double)(next - i) / t->steps_a_beat;
        bool arpeggio = t->keys_role == KEYS_ARPEGGIO;
        for (int32_t k = 0; k < (arpeggio ? 1 : 3 + (p->voicing == 2)); k++) {
            int32_t pitch = arpeggio ? pitches[tone++ % 4] + 12 : pitches[k];
            int64_t at = moment(p, slot, beat, 0.004);
            if (at < 0) continue;
            int64_t length = (int64_t)(0.92 * (double)length_of(p, beat, arpeggio ? 2 * beats : beats));
            float velocity = loudness(p, pat->keys[i] * pat->energy, 0.1);
            if (t->organ)
                synth_note(p->synth, &p->line, &t->pad, at, length, hz_of(p, pitch), velocity);
            else
                synth_chime(p->synth, &p->line, &t->chime, at, length, hz_of(p, pitch), velocity);
        }
    }
}

/* ---- tunes on top */
typedef struct Sounding {
    int64_t at, length;
    int32_t pitch;
    float velocity;
} Sounding;

/* One note of a melody as played now; false when it is left out. */
static bool phrased(Player *p, int32_t slot, double bar, const TuneNote *note, double scatter_s,
                    Sounding *out) {
    const Tune *t = p->tune;
    float wrong = flaw_at(p->plan, slot, FLAW_WRONG_NOTES);
    out->pitch = note->pitch;
    if (wrong > 0 && rng_f64(&p->r) < 0.35 + 0.6 * (double)wrong) out->pitch += semitone(p);
    bool short_note = note->beats * (float)t->steps_a_beat <= 2;
    if (short_note && rng_f64(&p->r) < 0.08) return false;
    if (tune_held_back(t, slot, (int32_t)(note->beat * (float)t->steps_a_beat))) return false;
    double beat = bar + (double)note->beat;
    out->at = moment(p, slot, beat, scatter_s);
    out->length = (int64_t)(0.92 * (double)length_of(p, beat, (double)note->beats));
    out->velocity = loudness(p, note->velocity, 0.12);
    return out->at >= 0;
}

void play_lead(Player *p, int32_t slot, double bar) {
    const Tune *t = p->tune;
    int32_t label;
    const TuneBar *music = tune_bar(t, slot, &label);
    const TunePattern *pat = &t->patterns[label];
    if (!pat->plays[PART_LEAD] || gone(p, slot)) return;
    for (int32_t n = 0; n < music->lead.n_notes; n++) {
        Sounding s;
        if (!phrased(p, slot, bar, &music->lead.notes[n], 0.007, &s)) continue;
        int64_t grace = (int64_t)(0.06 * p->synth->rate_hz);
        if (rng_f64(&p->r) < 0.06 && s.at > grace) /* an ornament of this take */
            synth_note(p->synth, &p->line, &t->lead, s.at - grace, grace, hz_of(p, s.pitch - 2),
                       0.7f * s.velocity);
        synth_note(p->synth, &p->line, &t->lead, s.at, s.length, hz_of(p, s.pitch), s.velocity * pat->energy);
    }
}

void play_voice(Player *p, int32_t slot, double bar) {
    const Tune *t = p->tune;
    int32_t label;
    const TuneBar *music = tune_bar(t, slot, &label);
    const TunePattern *pat = &t->patterns[label];
    if (!pat->plays[PART_VOICE] || gone(p, slot)) return;
    for (int32_t n = 0; n < music->sung.n_notes; n++) {
        Sounding s;
        if (!phrased(p, slot, bar, &music->sung.notes[n], 0.010, &s)) continue;
        double hz = hz_of(p, s.pitch) * (1 + 0.004 * exact_normal(&p->r));
        uint64_t word = rng_mix((uint64_t)slot, (uint64_t)n), noise = rng_u64(&p->r);
        double from = p->last_hz > 0 ? p->last_hz : hz * 0.94;
        synth_sing(p->synth, &p->line, &t->singer, s.at, s.length, from, hz, (int32_t)(word % SYNTH_VOWELS),
                   s.velocity, noise);
        p->last_hz = hz;
    }
}
