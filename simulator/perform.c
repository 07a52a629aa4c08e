/* The parts are played one after another into one line and added to the mix; what players share (the beat,
 * the band's wander) is drawn before. Dropouts of the whole band and level jumps change the sound of every
 * line; talk over the music comes in through the singer's microphone; clipping happens in the recorder, after
 * the room. */
#include "simulator/perform.h"

#include <string.h>

#include "simulator/exact.h"
#include "simulator/piece.h"
#include "simulator/players.h"
#include "simulator/replay.h"

void take_times(TakeTimes *times, const Tune *tune, const TakePlan *plan, int32_t rate_hz) {
    Rng r = rng_at(plan->seed, 0x74696d65);
    double written_s = 60.0 / (double)tune->tempo_bpm, at = 0, wander = 0;
    const double *played =
        tune->piece ? tune->piece->beats + (tune->first_bar + plan->first_slot) * tune->meter : NULL;
    double depth = rng_between(&r, 0, 0.014) * (double)tune->drift, turns = rng_f64(&r);
    double rate = rng_between(&r, 0.005, 0.03), rush = rng_between(&r, -0.02, 0.02) * (double)tune->drift;
    double late = 0, loud = 0;
    times->n_beats = (plan->end_slot - plan->first_slot - 1) * tune->meter + plan->last_beats;
    for (int32_t b = 0; b <= times->n_beats; b++) {
        double share = (double)b / times->n_beats - 0.5;
        times->at[b] = at * rate_hz;
        wander = 0.9 * wander + 0.002 * (double)tune->drift * exact_normal(&r);
        late = 0.8 * late + 0.0025 * (double)tune->scatter * exact_normal(&r);
        loud = 0.92 * loud + 0.025 * exact_normal(&r);
        times->late_s[b] = (float)late;
        times->loud[b] = (float)(1 + loud);
        bool last = b == times->n_beats;
        double beat_s = played && !last ? (played[b + 1] - played[b]) / PIECE_RATE : written_s;
        at += beat_s / (double)plan->tempo_factor *
              (1 + depth * exact_sin(turns + rate * b) + rush * share + wander);
    }
    bool whole = plan->last_beats == tune->meter;
    times->tail_samples = (int64_t)(rng_between(&r, whole ? 1.0 : 0.4, whole ? 1.7 : 0.8) * rate_hz);
}

Mix mix_from(const Mix *mix, int64_t at, int64_t n) {
    Mix out;
    for (int i = 0; i < PARTS; i++)
        out.part[i] = (Bus){.left = mix->part[i].left + at, .right = mix->part[i].right + at, .n_samples = n};
    return out;
}

void bus_add(const Bus *bus, const float *line, float gain, float pan) {
    float left = 0.5f * gain * (1 - pan), right = 0.5f * gain * (1 + pan);
    for (int64_t i = 0; i < bus->n_samples; i++) {
        bus->left[i] += left * line[i];
        bus->right[i] += right * line[i];
    }
}

/* Gain from `first` to `end`, with 5 ms ramps so that the step itself does not click. */
static void scale_range(const Player *p, int64_t first, int64_t end, float gain) {
    float ramp = 0.005f * (float)p->synth->rate_hz;
    for (int64_t i = first < 0 ? 0 : first; i < end && i < p->line.n_samples; i++) {
        float in = (float)(i - first) / ramp, out = (float)(end - i) / ramp, share = in < out ? in : out;
        p->line.samples[i] *= 1 + (gain - 1) * (share < 1 ? share : 1);
    }
}

/* The range of a flaw in samples of the take; false when the take ends before. */
static bool flaw_range(const Player *p, const TakeFlaw *flaw, int64_t *first, int64_t *end) {
    const TakeTimes *t = p->times;
    int32_t meter = p->tune->meter, from = (flaw->first_slot - p->plan->first_slot) * meter;
    int32_t to = from + flaw->n_slots * meter;
    if (from >= t->n_beats) return false;
    *first = (int64_t)t->at[from];
    *end = (int64_t)t->at[to < t->n_beats ? to : t->n_beats];
    return true;
}

/* Every line of a take draws the same numbers here, so that the parts fall silent and jump together. */
static void sound_flaw(const Player *p, int32_t f) {
    const TakeFlaw *flaw = &p->plan->flaws[f];
    Rng r = rng_at(p->plan->seed, 0x666c6177 + (uint64_t)f);
    int64_t first, end;
    float s = flaw->severity;
    if (!flaw_range(p, flaw, &first, &end)) return;
    if (flaw->kind == FLAW_DROPOUT && dropout_part(p->tune, p->plan, flaw) == PARTS) {
        /* silent for a part that grows with the severity, under a second: not a pause */
        int64_t n = (int64_t)((double)(end - first) * (0.2 + 0.5 * (double)s)),
                most = p->synth->rate_hz * 9 / 10;
        if (n > most) n = most;
        first += (int64_t)(rng_f64(&r) * (double)(end - first - n));
        scale_range(p, first, first + n, s > 0.5f ? 0.02f : 0.12f);
    } else if (flaw->kind == FLAW_LEVEL_JUMP) {
        double db = (rng_f64(&r) < 0.7 ? -1 : 0.6) * (4 + 9 * (double)s);
        scale_range(p, first, end, (float)exact_gain(db));
    }
}

static void overdrive(const Line *line, float drive) {
    if (drive <= 0.05f) return;
    float after = 1 / (1 + 0.35f * drive);
    for (int64_t i = 0; i < line->n_samples; i++) {
        float x = line->samples[i] * (1 + 4 * drive), size = x < 0 ? -x : x;
        line->samples[i] = after * x / (1 + size);
    }
}

/* Tilt around 900 Hz, level, pan; the line is empty afterwards. */
static void finish(const Player *p, const Bus *bus, float level, float tilt, float pan) {
    float gain = level * (float)exact_gain((double)p->plan->gain_db), low = 0, k = 0.35f * tilt;
    float smooth = 6.2831853f * 900 / (float)p->synth->rate_hz;
    float straight = gain * (1 + k), dark = -2 * gain * k, left = 0.5f * (1 - pan), right = 0.5f * (1 + pan);
    float *x = p->line.samples;
    for (int64_t i = 0; i < p->line.n_samples; i++) {
        low += smooth * (x[i] - low) + 1e-20f;
        float y = straight * x[i] + dark * low;
        bus->left[i] += left * y;
        bus->right[i] += right * y;
    }
    memset(x, 0, (size_t)p->line.n_samples * sizeof *x);
}

/* Nothing rings past the end of the tail. */
static void fade_end(const Line *line, int64_t n) {
    for (int64_t i = 0; i < n && i < line->n_samples; i++)
        line->samples[line->n_samples - 1 - i] *= (float)i / (float)n;
}

static bool in_band(const Tune *t, Part part) {
    for (int l = 0; l < TUNE_LABELS; l++)
        if (t->patterns[l].plays[part]) return true;
    return false;
}

static void play_bars(Player *p, bool skins) {
    const TakePlan *plan = p->plan;
    for (int32_t slot = plan->first_slot; slot < plan->end_slot; slot++) {
        double bar = (double)(slot - plan->first_slot) * p->tune->meter;
        if (slot == plan->first_slot || tune_first_bar(p->tune, slot)) {
            p->voicing = (int32_t)rng_below(&p->r, 3);
            double manner = rng_f64(&p->r);
            p->manner = manner < 0.12 ? 1 : manner < 0.2 ? 2 : 0;
        }
        switch (p->part) {
        case PART_DRUMS:
            play_drums(p, slot, bar, skins);
            break;
        case PART_BASS:
            play_bass(p, slot, bar);
            break;
        case PART_GUITAR:
            play_guitar(p, slot, bar);
            break;
        case PART_KEYS:
            play_keys(p, slot, bar);
            break;
        case PART_LEAD:
            play_lead(p, slot, bar);
            break;
        default:
            play_voice(p, slot, bar);
        }
    }
}

static void talk_over(const Player *p) {
    for (int32_t f = 0; f < p->plan->n_flaws; f++) {
        int64_t first, end;
        const TakeFlaw *flaw = &p->plan->flaws[f];
        if (flaw->kind != FLAW_TALK_OVER || !flaw_range(p, flaw, &first, &end)) continue;
        synth_talk(p->synth, &p->line, first, end - first, 0.3f + flaw->severity,
                   rng_mix(p->plan->seed, (uint64_t)f));
    }
}

/* A finished recording has two sides and no parts. */
static Status perform_piece(const Player *all, const Mix *mix) {
    Rng r = rng_at(all->plan->seed, 0x706c61790000);
    float tilt = all->plan->tilt + 0.2f * (float)exact_normal(&r);
    for (int side = 0; side < 2; side++) {
        Status st = replay_take(all->tune, all->plan, all->times, &all->line, side);
        if (st != BS_OK) return st;
        talk_over(all);
        for (int32_t f = 0; f < all->plan->n_flaws; f++) sound_flaw(all, f);
        fade_end(&all->line, all->synth->rate_hz / 4);
        finish(all, &mix->part[0], 1, tilt, side ? 1 : -1);
    }
    return BS_OK;
}

Status take_perform(const Tune *tune, const TakePlan *plan, const TakeTimes *times, const Synth *synth,
                    const Mix *mix, float *scratch) {
    static const float pans[PARTS] = {0, 0.02f, -0.3f, 0.35f, 0.2f, -0.05f};
    Line line = {.samples = scratch, .n_samples = mix->part[0].n_samples};
    memset(scratch, 0, (size_t)line.n_samples * sizeof *scratch);
    if (tune->piece)
        return perform_piece(
            &(Player){.tune = tune, .plan = plan, .times = times, .synth = synth, .line = line}, mix);
    for (int part = -1; part < PARTS; part++) { /* the drums are two lines: skins, then cymbals */
        bool cymbals = part == PART_DRUMS;
        Player p = {.tune = tune, .plan = plan, .times = times, .synth = synth, .line = line};
        p.part = part < 0 ? PART_DRUMS : (Part)part;
        p.r = rng_at(plan->seed, 0x706c61790000 + (uint64_t)(part + 1));
        p.cents = (double)plan->cents + 2 * exact_normal(&p.r);
        p.swing = (double)tune->swing + (tune->swing > 0.5f ? 0.012 * exact_normal(&p.r) : 0);
        p.sixteenths = (double)tune->swing_sixteenths;
        float tilt = plan->tilt + 0.2f * (float)exact_normal(&p.r);
        float level = tune->levels[p.part] * (float)exact_gain(0.8 * exact_normal(&p.r));
        if (p.part != PART_VOICE && !in_band(tune, p.part)) continue;
        if (p.part != PART_VOICE || in_band(tune, p.part)) play_bars(&p, !cymbals);
        if (p.part == PART_GUITAR) overdrive(&line, tune->drive);
        if (cymbals && plan->last_beats == tune->meter && plan->end_slot == tune->n_slots && !tune->held)
            synth_drum(synth, &line, DRUM_CRASH, (int64_t)times->at[times->n_beats - tune->meter], 0.6f,
                       tune->kit_tone, plan->seed); /* the last chord rings out */
        if (p.part == PART_VOICE) talk_over(&p);
        for (int32_t f = 0; f < plan->n_flaws; f++) sound_flaw(&p, f);
        fade_end(&line, synth->rate_hz / 4);
        finish(&p, &mix->part[p.part], level, tilt, cymbals ? -0.3f : pans[p.part]);
    }
    return BS_OK;
}
