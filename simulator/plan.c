/* Takes are drawn first, by the kind of rehearsal and the time there is; then what goes wrong in them, then
 * the pauses between, then the Job. */
#include "simulator/plan.h"

#include <stdlib.h>
#include <string.h>

#include "simulator/exact.h"
#include "simulator/piece.h"

static const double PAUSE_S = 3.2; /* a pause with its ring-out, about */

static int64_t samples_of(double seconds) { return (int64_t)(seconds * PLAN_RATE + 0.5); }
static bool chance(Rng *r, double p) { return rng_f64(r) < p; }
static int32_t pick(Rng *r, int32_t n) { return (int32_t)rng_below(r, (uint32_t)n); }

/* ---- what goes wrong */
static void add_flaw(TakePlan *take, FlawKind kind, int32_t first, int32_t n, double severity) {
    if (take->n_flaws == TAKE_MAX_FLAWS) return;
    if (first + n > take->end_slot) n = take->end_slot - first;
    take->flaws[take->n_flaws++] =
        (TakeFlaw){.kind = (uint8_t)kind, .first_slot = first, .n_slots = n, .severity = (float)severity};
}

static FlawKind draw_kind(Rng *r) {
    static const FlawKind kinds[] = {FLAW_WRONG_NOTES,   FLAW_WRONG_NOTES,   FLAW_LATE_HITS,  FLAW_LATE_HITS,
                                     FLAW_DROPOUT,       FLAW_DROPOUT,       FLAW_LEVEL_JUMP, FLAW_CLIPPED,
                                     FLAW_SLOPPY_TIMING, FLAW_SLOPPY_TIMING, FLAW_TALK_OVER};
    return kinds[pick(r, sizeof kinds / sizeof *kinds)];
}

/* care 0..1: how well this take goes. A take may go well from end to end. */
static void draw_flaws(TakePlan *take, Rng *r, double care) {
    int32_t bars = take->end_slot - take->first_slot;
    int32_t most = 1 + (int32_t)(bars * (1 - care) / 2.5);
    int32_t n = chance(r, 0.25 * care) ? 0 : 1 + pick(r, most);
    if (bars < 3 && chance(r, 0.5)) n = 0;
    for (int32_t i = 0; i < n; i++) {
        FlawKind kind = draw_kind(r);
        int32_t first = take->first_slot + pick(r, bars), over = 1 + pick(r, 2);
        add_flaw(take, kind, first, over, rng_between(r, 0.25, 1));
    }
}

/* ---- takes */
static TakePlan *add_take(Plan *p, Rng *r, int32_t tune, int32_t first, int32_t end) {
    PlanTake *slot = &p->takes[p->n_takes++];
    *slot = (PlanTake){.copy_of = -1};
    TakePlan *take = &slot->play;
    *take =
        (TakePlan){.tune = tune, .first_slot = first, .end_slot = end, .last_beats = p->tunes[tune].meter};
    double tempo = 0.025 * exact_normal(r);
    take->tempo_factor = (float)(1 + (tempo > 0.06 ? 0.06 : tempo < -0.06 ? -0.06 : tempo));
    take->gain_db = (float)rng_between(r, -2, 2);
    take->tilt = (float)rng_between(r, -0.5, 0.5);
    take->cents = (float)(5 * exact_normal(r));
    take->seed = rng_u64(r);
    return take;
}

/* The take ends where it should not: stops early, or falls apart. */
static void break_off(TakePlan *take, Rng *r, int32_t meter) {
    int32_t bars = take->end_slot - take->first_slot;
    bool false_start = bars <= 3;
    take->last_beats = 1 + pick(r, meter);
    int32_t over = bars > 3 ? 1 + pick(r, 2) : 1;
    add_flaw(take, false_start ? FLAW_FALSE_START : FLAW_BREAKDOWN, take->end_slot - over, over,
             rng_between(r, 0.8, 1));
}

static double take_s(const Plan *p, const TakePlan *take) {
    const Tune *t = &p->tunes[take->tune];
    return (take->end_slot - take->first_slot) * tune_bar_s(t) / (double)take->tempo_factor + PAUSE_S;
}

/* Whoever plays one part alone often plays a bar or two of what is before it, and runs on a little. */
static void lead_in(const Plan *p, TakePlan *take, Rng *r) {
    int32_t before = chance(r, 0.6) ? 1 + pick(r, 2) : 0, after = chance(r, 0.6) ? 1 + pick(r, 2) : 0,
            n_slots = p->tunes[take->tune].n_slots;
    take->first_slot = take->first_slot > before ? take->first_slot - before : 0;
    take->end_slot = take->end_slot + after < n_slots ? take->end_slot + after : n_slots;
}

/* A take of the whole form, of which some attempts fail before it: "again from the top", "from the second
 * chorus". */
static void add_attempts(Plan *p, Rng *r, int32_t tune, double *left_s) {
    const Tune *t = &p->tunes[tune];
    double bar_s = tune_bar_s(t);
    while (*left_s > bar_s + PAUSE_S && p->n_takes < PLAN_MAX_TAKES - 8) {
        int32_t room = (int32_t)((*left_s - PAUSE_S) / bar_s);
        double kind = rng_f64(r);
        TakePlan *take;
        if (room >= t->n_slots && kind < 0.5) {
            take = add_take(p, r, tune, 0, t->n_slots);
            draw_flaws(take, r, 0.55);
        } else if (kind < 0.6 && t->n_sections > 2) { /* from some section on, as far as time allows */
            int32_t section = 1 + pick(r, t->n_sections - 1);
            int32_t first = t->sections[section].first_slot, end = t->n_slots;
            if (end - first > room) end = first + room;
            take = add_take(p, r, tune, first, end);
            draw_flaws(take, r, 0.6);
            if (end < t->n_slots || chance(r, 0.2)) break_off(take, r, t->meter);
        } else if (kind < 0.72 && t->n_sections > 1) { /* one section alone */
            const TruthSection *s = &t->sections[pick(r, t->n_sections)];
            if (s->n_slots > room) continue;
            take = add_take(p, r, tune, s->first_slot, s->first_slot + s->n_slots);
            lead_in(p, take, r);
            draw_flaws(take, r, 0.7);
        } else { /* abandoned: a false start, or a breakdown on the way and, at times, a restart from there */
            int32_t most = room < t->n_slots - 1 ? room : t->n_slots - 1;
            int32_t end = chance(r, 0.5) && most > 3 ? 1 + pick(r, 3) : 1 + pick(r, most);
            take = add_take(p, r, tune, 0, end);
            if (end > 4) draw_flaws(take, r, 0.6);
            break_off(take, r, t->meter);
            int32_t section = t->slot_section[end - 1], from = t->sections[section].first_slot;
            *left_s -= take_s(p, take);
            if (chance(r, 0.5) || (t->n_slots - from) * bar_s + PAUSE_S > *left_s) continue;
            take = add_take(p, r, tune, from, t->n_slots);
            draw_flaws(take, r, 0.6);
        }
        *left_s -= take_s(p, take);
    }
}

/* Every section or pair of sections on its own, shuffled; then more of them. */
static void add_parts(Plan *p, Rng *r, int32_t tune, double *left_s) {
    const Tune *t = &p->tunes[tune];
    int32_t first[TUNE_MAX_SECTIONS], end[TUNE_MAX_SECTIONS], n = 0;
    for (int32_t s = 0; s < t->n_sections;) {
        int32_t over = 1 + pick(r, s + 1 < t->n_sections ? 2 : 1);
        first[n] = t->sections[s].first_slot;
        s += over;
        end[n++] = s < t->n_sections ? t->sections[s].first_slot : t->n_slots;
    }
    for (int32_t round = 0; round < 3; round++)
        for (int32_t i = 0; i < n && p->n_takes < PLAN_MAX_TAKES - 8; i++) {
            double needed = (end[i] - first[i]) * tune_bar_s(t) + PAUSE_S;
            if (round && (needed > *left_s || chance(r, 0.3))) continue;
            TakePlan *take = add_take(p, r, tune, first[i], end[i]);
            lead_in(p, take, r);
            draw_flaws(take, r, 0.7);
            *left_s -= take_s(p, take);
        }
}

/* A section's flaw in every take that plays it so far, and a pick-up of that section alone. */
static void fail_a_section(Plan *p, Rng *r, int32_t tune, double *left_s) {
    const Tune *t = &p->tunes[tune];
    if (t->n_sections < 3) return;
    const TruthSection *s = &t->sections[1 + pick(r, t->n_sections - 2)];
    for (int32_t k = 0; k < p->n_takes; k++) {
        TakePlan *take = &p->takes[k].play;
        int32_t end = s->first_slot + s->n_slots;
        if (take->tune != tune || take->first_slot > s->first_slot || take->end_slot < end) continue;
        FlawKind kind = draw_kind(r);
        int32_t over = s->n_slots > 2 ? s->n_slots - pick(r, 2) : s->n_slots;
        int32_t first = s->first_slot + pick(r, s->n_slots - over + 1);
        add_flaw(take, kind, first, over, rng_between(r, 0.6, 1));
    }
    TakePlan *take = add_take(p, r, tune, s->first_slot, s->first_slot + s->n_slots);
    lead_in(p, take, r);
    *left_s -= take_s(p, take);
}

/* Takes of one tune stay near each other but in no order; where the best one lies is anybody's guess. */
static void shuffle(Plan *p, Rng *r, int32_t from) {
    for (int32_t i = p->n_takes - 1; i > from; i--) {
        int32_t j = from + pick(r, i - from + 1);
        PlanTake swap = p->takes[i];
        p->takes[i] = p->takes[j];
        p->takes[j] = swap;
    }
}

/* Some bars get equal takes: the same flaw, or none, wherever they are played. */
static void level_some(Plan *p, Rng *r, int32_t tune) {
    if (!chance(r, 0.3)) return;
    const Tune *t = &p->tunes[tune];
    const TruthSection *s = &t->sections[pick(r, t->n_sections)];
    bool clean = chance(r, 0.5);
    double severity = rng_between(r, 0.3, 0.6);
    for (int32_t k = 0; k < p->n_takes; k++) {
        TakePlan *take = &p->takes[k].play;
        int32_t end = s->first_slot + s->n_slots, kept = 0;
        if (take->tune != tune || take->first_slot > s->first_slot || take->end_slot < end) continue;
        if (take->last_beats < t->meter) continue;
        for (int32_t f = 0; f < take->n_flaws; f++)
            if (take->flaws[f].first_slot >= end ||
                take->flaws[f].first_slot + take->flaws[f].n_slots <= s->first_slot)
                take->flaws[kept++] = take->flaws[f];
        take->n_flaws = kept;
        if (!clean) add_flaw(take, draw_kind(r), s->first_slot, s->n_slots, severity);
    }
}

static void rehearse(Plan *p, Rng *r, int32_t tune, double left_s) {
    int32_t before = p->n_takes;
    const Tune *t = &p->tunes[tune];
    Rehearsal what = tune == p->tune ? p->rehearsal : REHEARSE_RUNS;
    if (what == REHEARSE_PARTS) {
        add_parts(p, r, tune, &left_s);
    } else if (tune != p->tune || what == REHEARSE_IDEA || chance(r, 0.85)) {
        TakePlan *take = add_take(p, r, tune, 0, t->n_slots);
        draw_flaws(take, r, what == REHEARSE_IDEA ? 0.8 : 0.5);
        left_s -= take_s(p, take);
    } else { /* no take is complete: the form is there in two overlapping parts */
        const TruthSection *middle = &t->sections[t->n_sections / 2];
        TakePlan *take = add_take(p, r, tune, 0, middle->first_slot + middle->n_slots);
        draw_flaws(take, r, 0.6);
        left_s -= take_s(p, take);
        take = add_take(p, r, tune, middle->first_slot, t->n_slots);
        draw_flaws(take, r, 0.6);
        left_s -= take_s(p, take);
    }
    if (what == REHEARSE_FLY) left_s -= 8 * tune_bar_s(t);
    add_attempts(p, r, tune, &left_s);
    if (what == REHEARSE_FLY) fail_a_section(p, r, tune, &left_s);
    level_some(p, r, tune);
    shuffle(p, r, before);
}

/* An earlier passage, pasted two to four times behind a take: somebody tried a loop. */
static void paste_loop(Plan *p, Rng *r, double most_s) {
    int32_t k = pick(r, p->n_takes), n = 2 + pick(r, 3);
    const TakePlan *play = &p->takes[k].play;
    const Tune *t = &p->tunes[play->tune];
    const TruthSection *s = &t->sections[t->slot_section[play->first_slot]];
    int32_t bars = s->n_slots < 4 ? s->n_slots : 2 + 2 * pick(r, 2), first = play->first_slot;
    int32_t whole = play->end_slot - (play->last_beats < t->meter);
    if (first + bars > whole || n * bars * tune_bar_s(t) > most_s || p->n_takes + n > PLAN_MAX_TAKES) return;
    if (first + bars > s->first_slot + s->n_slots) return;
    int32_t behind = k + pick(r, p->n_takes - k);
    memmove(&p->takes[behind + 1 + n], &p->takes[behind + 1],
            (size_t)(p->n_takes - behind - 1) * sizeof p->takes[0]);
    p->n_takes += n;
    for (int32_t i = 1; i <= n; i++) {
        PlanTake *copy = &p->takes[behind + i];
        *copy = (PlanTake){.play = *play, .copy_of = k};
        copy->play.first_slot = first;
        copy->play.end_slot = first + bars;
        copy->play.last_beats = t->meter;
        copy->play.n_flaws = 0;
        for (int32_t f = 0; f < play->n_flaws; f++) {
            TakeFlaw flaw = play->flaws[f];
            if (flaw.first_slot >= first + bars) continue;
            if (flaw.first_slot + flaw.n_slots > first + bars) flaw.n_slots = first + bars - flaw.first_slot;
            copy->play.flaws[copy->play.n_flaws++] = flaw;
        }
    }
}

/* ---- time */
static void add_pause(Plan *p, Rng *r, int64_t *at, TruthWhat what, int64_t n, int32_t before) {
    if (n <= 0 || p->n_pauses == PLAN_MAX_PAUSES) return;
    p->pauses[p->n_pauses++] =
        (PlanPause){.at = *at, .n_samples = n, .what = (uint8_t)what, .before = before, .seed = rng_u64(r)};
    *at += n;
}

static void draw_pause(Plan *p, Rng *r, int64_t *at, int32_t before) {
    bool outer = before == 0 || before == p->n_takes;
    if (!outer && chance(r, 0.12)) { /* hardly a breath */
        add_pause(p, r, at, WHAT_SILENCE, samples_of(rng_between(r, 0.12, 0.5)), before);
        return;
    }
    add_pause(p, r, at, WHAT_SILENCE, samples_of(rng_between(r, 0.15, outer ? 1.5 : 1.0)), before);
    if (chance(r, 0.5)) add_pause(p, r, at, WHAT_TALK, samples_of(rng_between(r, 0.6, 3)), before);
    if (chance(r, 0.2)) add_pause(p, r, at, WHAT_NOISE, samples_of(rng_between(r, 0.4, 1.5)), before);
    if (chance(r, 0.12)) add_pause(p, r, at, WHAT_TUNING, samples_of(rng_between(r, 1, 3)), before);
    if (!outer && chance(r, 0.25))
        add_pause(p, r, at, WHAT_NOODLING, samples_of(rng_between(r, 1, 3)), before);
    if (chance(r, 0.7)) add_pause(p, r, at, WHAT_SILENCE, samples_of(rng_between(r, 0.1, 0.8)), before);
}

static void place_takes(Plan *p, Rng *r) {
    int64_t at = 0;
    for (int32_t k = 0; k < p->n_takes; k++) {
        PlanTake *take = &p->takes[k];
        const Tune *t = &p->tunes[take->play.tune];
        if (take->copy_of >= 0) { /* pastes follow each other on the sample */
            const PlanTake *of = &p->takes[take->copy_of];
            if (p->takes[k - 1].copy_of < 0) draw_pause(p, r, &at, k);
            take->from = (take->play.first_slot - of->play.first_slot) * t->meter;
            take->times = of->times;
            take->times.n_beats = (take->play.end_slot - take->play.first_slot) * t->meter;
            int64_t from = plan_beat_at(p, take->copy_of, take->from);
            for (int32_t b = 0; b <= take->times.n_beats; b++)
                take->times.at[b] = (double)(plan_beat_at(p, take->copy_of, take->from + b) - from);
            take->times.tail_samples = 0;
        } else {
            draw_pause(p, r, &at, k);
            take_times(&take->times, t, &take->play, PLAN_RATE);
            int64_t count = (int64_t)(take->times.at[1] * t->meter);
            if (chance(r, 0.5)) add_pause(p, r, &at, WHAT_COUNT_IN, count, k);
        }
        take->at = at;
        at += plan_take_samples(p, k);
    }
    draw_pause(p, r, &at, p->n_takes);
    p->n_samples = at;
}

int64_t plan_beat_at(const Plan *p, int32_t k, int32_t beat) {
    const TakeTimes *times = &p->takes[k].times;
    return p->takes[k].at + (int64_t)times->at[beat < times->n_beats ? beat : times->n_beats];
}

/* Form once, shorter, or longer; the window holds a bar and 6 % at least. */
static void draw_job(Plan *p, Rng *r) {
    const Tune *t = &p->tunes[p->tune];
    double bar_s = tune_bar_s(t), form_s = t->n_slots * bar_s, kind = rng_f64(r), share;
    if (p->rehearsal == REHEARSE_IDEA)
        share = rng_between(r, 1.5, 2.8);
    else if (p->rehearsal == REHEARSE_RUNS)
        share = kind < 0.45 ? 1 : kind < 0.8 ? rng_between(r, 0.4, 0.9) : rng_between(r, 1.1, 1.6);
    else
        share = kind < 0.7 ? 1 : rng_between(r, 0.7, 1.3);
    double target_s = form_s * share, wide_s = 0.06 * target_s > bar_s ? 0.06 * target_s : bar_s;
    p->lo_samples = samples_of(target_s - wide_s);
    p->hi_samples = samples_of(target_s + wide_s);
    if (p->lo_samples < 1) p->lo_samples = 1;
}

static void draw_kind_of_session(Plan *p, Rng *r, double length_s) {
    double kind = rng_f64(r), more = rng_f64(r);
    p->rehearsal = kind < 0.28   ? REHEARSE_RUNS
                   : kind < 0.51 ? REHEARSE_PARTS
                   : kind < 0.63 ? REHEARSE_FLY
                                 : REHEARSE_IDEA;
    if (length_s < 30 && p->rehearsal == REHEARSE_FLY) p->rehearsal = REHEARSE_RUNS;
    p->n_tunes = length_s < 50 || more < 0.72 ? 1 : more < 0.93 ? 2 : 3;
    p->tune = p->n_tunes > 1 ? pick(r, p->n_tunes) : 0;
}

static Status draw(Plan **out, uint64_t seed, double length_s, const Piece *piece) {
    if (!(length_s >= 20 && length_s <= 1800))
        return fail(BS_INVALID, "a session of %g s; 20 to 1800 are allowed", length_s);
    Plan *p = calloc(1, sizeof *p);
    if (!p) return fail(BS_NOMEM, "no memory for a session");
    Rng r = rng_at(seed, 0x73657373696f6e);
    p->seed = seed;
    draw_kind_of_session(p, &r, length_s);
    if (piece) p->n_tunes = 1, p->tune = 0;
    double others_s = 0.2 * length_s * (p->n_tunes - 1), main_s = length_s - others_s - 2;
    for (int32_t i = 0; i < p->n_tunes; i++) {
        bool main = i == p->tune, idea = main && p->rehearsal == REHEARSE_IDEA;
        double share = idea ? rng_between(&r, 0.12, 0.22) : rng_between(&r, 0.28, 0.38);
        bool held = chance(&r, 0.7);
        tune_compose(&p->tunes[i], rng_mix(seed, (uint64_t)i), main ? share * main_s : 0.16 * length_s, held,
                     idea || !main);
        if (piece) tune_from_piece(&p->tunes[i], piece, &r, share * main_s);
        rehearse(p, &r, i, main ? main_s : 0.2 * length_s);
    }
    if (p->n_tunes > 1 && chance(&r, 0.3)) shuffle(p, &r, 0); /* tunes in turn */
    room_draw(&p->room, seed);
    if (chance(&r, 0.12) && length_s >= 40) paste_loop(p, &r, 0.2 * length_s);
    for (int32_t k = 0; k < p->n_takes; k++)
        if (p->takes[k].copy_of >= 0) p->room.mp3 = false; /* pastes are equal sample for sample */
    place_takes(p, &r);
    draw_job(p, &r);
    *out = p;
    return BS_OK;
}

Status plan_draw(Plan **out, uint64_t seed, double length_s) { return draw(out, seed, length_s, NULL); }
Status plan_draw_from(Plan **out, uint64_t seed, double length_s, const Piece *piece) {
    return draw(out, seed, length_s, piece);
}
