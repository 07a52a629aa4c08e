/* The dense reward: six terms, each a function of the Edit alone.
 *
 * Every term is a sum over appended units, over seams and over the edit's two ends, so it is added up
 * append by append in the order of the edit; whichever actions made the edit, the additions are the same
 * ones in the same order and the totals are equal to the bit. Equations and sources: docs/environment.md. */
#include <string.h>

#include "common/env/env_state.h"

typedef float V8 __attribute__((vector_size(32)));

static float maxf(float a, float b) { return a > b ? a : b; }
static float minf(float a, float b) { return a < b ? a : b; }

/* ---- seams --------------------------------------------------------------------------------------- */

/* acc += weight * (x - y)^2, lane by lane */
static inline void add_difference(V8 acc[4], const float *x, const float *y, float weight) {
    const V8 *a = (const V8 *)x, *b = (const V8 *)y;
    V8 w = {weight, weight, weight, weight, weight, weight, weight, weight};
    for (int i = 0; i < 4; i++) {
        V8 d = a[i] - b[i];
        acc[i] += w * (d * d);
    }
}

static inline float lanes(V8 x) { return ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7])); }

static inline bool goes_on(const EnvSong *es, int32_t from, int32_t to) {
    return to >= 0 && to < es->n && es->units[to].in_take && es->units[to].take == es->units[from].take;
}

/* What was expected against what comes, both ways over two beats: mean squared context distance M of
 * (a+1, b), (a+2, b+1), (a, b-1), (a-1, b-2), the near pairs twice; sound = M / (M + 4). M = 1 is what
 * another take of the same music differs by. */
static void seam_sound(const EnvSong *es, int32_t a, int32_t b, Seam *s) {
    const float *c = es->context;
    V8 acc[4] = {{0}, {0}, {0}, {0}};
    float weight = 0;
    if (goes_on(es, a, a + 1)) {
        add_difference(acc, c + (size_t)(a + 1) * CONTEXT, c + (size_t)b * CONTEXT, 2);
        weight += 2;
        if (goes_on(es, a, a + 2) && goes_on(es, b, b + 1)) {
            add_difference(acc, c + (size_t)(a + 2) * CONTEXT, c + (size_t)(b + 1) * CONTEXT, 1);
            weight += 1;
        }
    }
    if (goes_on(es, b, b - 1)) {
        add_difference(acc, c + (size_t)a * CONTEXT, c + (size_t)(b - 1) * CONTEXT, 2);
        weight += 2;
        if (goes_on(es, b, b - 2) && goes_on(es, a, a - 1)) {
            add_difference(acc, c + (size_t)(a - 1) * CONTEXT, c + (size_t)(b - 2) * CONTEXT, 1);
            weight += 1;
        }
    }
    if (weight == 0) {
        s->sound = 0.35f;
        s->chroma = s->level = 0;
        return;
    }
    float share = 1 / weight, level = acc[1][CONTEXT_LEVEL - 8] * share;
    float chroma = lanes(acc[0]) + ((acc[1][0] + acc[1][1]) + (acc[1][2] + acc[1][3]));
    float m = chroma * share + level + lanes(acc[2] + acc[3]) * share;
    s->sound = m / (m + 4);
    s->chroma = chroma * share / (chroma * share + 4);
    s->level = level / (level + 4);
}

/* 1 when the bar is broken: the beat that comes is not the one the bar goes on with. */
static float seam_phase(const EnvSong *es, const EnvUnit *a, const EnvUnit *b) {
    bool beat_a = a->in_take && a->kind == UNIT_BEAT, beat_b = b->in_take && b->kind == UNIT_BEAT;
    if (!beat_b) return 0.25f;
    if (!beat_a) return b->phase == 0 ? 0 : 0.5f;
    int meter = es->tunes[a->tune].meter;
    return (a->phase + 1 == meter ? 0 : a->phase + 1) == b->phase ? 0 : 1;
}

/* Two units of vocals cut through on either side. */
static float seam_vocal(const EnvSong *es, int32_t a, int32_t b) {
    const EnvUnit *x = es->units;
    float left = goes_on(es, a, a + 1) ? minf(x[a].vocal, x[a + 1].vocal) : 0;
    float right = goes_on(es, b, b - 1) ? minf(x[b - 1].vocal, x[b].vocal) : 0;
    return left + right;
}

static float seam_tempo(const EnvUnit *a, const EnvUnit *b) {
    if (a->tempo_before <= 0 || b->tempo_after <= 0) return 0;
    float x = maxf(a->tempo_before, b->tempo_after) / minf(a->tempo_before, b->tempo_after) - 1;
    return 0.7f * x * x / (x * x + 0.065f * 0.065f);
}

static float edge_cost(bool phrase, bool bar) { return phrase ? 0 : bar ? 0.35f : 0.6f; }

/* Leaving after a phrase and entering at one costs nothing; a pickup (the same distance before a phrase
 * on both sides, less than a bar) almost nothing. */
static float seam_phrase(const EnvSong *es, int32_t a, int32_t b) {
    const EnvUnit *x = &es->units[a], *y = &es->units[b];
    float leave = edge_cost(x->end[SPAN_PHRASE] == a + 1, x->end[SPAN_BAR] == a + 1);
    float enter = edge_cost(y->starts[SPAN_PHRASE], y->starts[SPAN_BAR]);
    int32_t left = x->end[SPAN_PHRASE] - (a + 1), right = y->end[SPAN_PHRASE] - b;
    int32_t meter = x->tune >= 0 ? es->tunes[x->tune].meter : 4;
    if (left == right && left > 0 && left < meter) return 0.1f;
    return leave + enter;
}

Seam seam_of(const EnvSong *es, int32_t a, int32_t b) {
    Seam s = {0};
    if (b == a + 1) return s;
    const EnvUnit *x = &es->units[a], *y = &es->units[b];
    bool on = same_music_next(es, x, y);
    seam_sound(es, a, b, &s);
    s.phase = seam_phase(es, x, y);
    float vocal = seam_vocal(es, a, b);
    float key = x->take >= 0 && y->take >= 0 ? es->other_key[x->take * es->n_takes + y->take] : 0;
    s.fixed = 0.03f + s.phase + (on ? 0.05f : 0.15f) * vocal + 0.5f * key;
    s.sound *= on ? 0.4f : 1;
    s.tempo = seam_tempo(x, y);
    s.phrase = (on ? 0.15f : 1) * seam_phrase(es, a, b);
    return s;
}

/* A longer blend hides a difference in sound and costs a little clarity. */
float seam_transition(const Seam *s, int fade) {
    static const float hide[FADE_COUNT] = {1, 0.95f, 0.9f, 0.88f, 0.86f};
    static const float blur[FADE_COUNT] = {0, 0.01f, 0.02f, 0.03f, 0.05f};
    return s->fixed + hide[fade] * s->sound + blur[fade];
}

/* Longest fade in beats that the handles and tempo of both sides allow, 0 = only a short one. */
int fade_room(const EnvSong *es, int32_t last, int32_t v) {
    if (last < 0 || last + 1 >= es->n || v >= es->n) return 0;
    int room =
        es->units[v].clean < es->units[last + 1].clean ? es->units[v].clean : es->units[last + 1].clean;
    float x = es->units[last].tempo_before, y = es->units[v].tempo_after;
    if (x <= 0 || y <= 0 || maxf(x, y) > 1.04f * minf(x, y)) return 0;
    return room;
}

/* ---- form ---------------------------------------------------------------------------------------- */

static const float STAND_IN = 0.05f; /* to another section's performance of the same music */

/* 3 = section edge, 2 = phrase, 1 = bar, 0 = inside a bar */
static int edge_before(const EnvUnit *x) {
    return x->starts[SPAN_SECTION] ? 3 : x->starts[SPAN_PHRASE] ? 2 : x->starts[SPAN_BAR] ? 1 : 0;
}
static int edge_after(const EnvUnit *x, int32_t u) {
    return x->end[SPAN_SECTION] == u + 1  ? 3
           : x->end[SPAN_PHRASE] == u + 1 ? 2
           : x->end[SPAN_BAR] == u + 1    ? 1
                                          : 0;
}

/* Cost of playing `to` after `from`, two units with a place in the form: 0 when it is the next beat, little
 * when it plays the same music. Least between whole sections in an order the form has, most in the middle of
 * a bar; skipping costs more when the window has room for the whole form, repeating when it has not. */
float form_step_cost(const EnvSong *es, int32_t from, int32_t place, int32_t to, float copies) {
    static const float by_edge[4] = {1, 0.6f, 0.35f, 0.12f};
    const EnvUnit *x = &es->units[from], *y = &es->units[to];
    if (stands_for(es, place, to) == place + 1) return y->pid == place + 1 || to == from + 1 ? 0 : STAND_IN;
    int leave = edge_after(x, from), enter = edge_before(y);
    float cost = by_edge[leave < enter ? leave : enter];
    if (leave == 3 && enter == 3 && x->label >= 0 && y->label >= 0 &&
        (es->tunes[x->tune].label_next[x->label] >> y->label & 1))
        cost *= 0.5f;
    bool back = y->pid <= place;
    bool needed = back ? copies > 1.05f : copies < 0.95f;
    if (!needed && cost < (back ? 0.8f : 0.4f)) cost = back ? 0.8f : 0.4f; /* however clean the cut */
    cost *= needed ? 0.7f : 1.3f;
    return to == from + 1 ? 0.3f * cost : cost;
}

/* Worth of the (r+1)-th copy of a beat of the form, when the form fits `copies` times into the window. */
static float copy_worth(int r, float copies) {
    if (r == 0) return 1;
    return (float)r < copies - 0.05f ? 0.5f : -1;
}

float start_cost(const EnvSong *es, int32_t u) {
    const EnvUnit *x = &es->units[u];
    if (!x->in_take) return 1;
    if (x->pid >= 0 && es->music[x->pid] == es->tunes[x->tune].pid0)
        return x->pid == es->music[x->pid] ? 0 : 0.1f;
    if (u == es->song->takes[x->take].first_unit) return 0.1f;
    if (x->kind != UNIT_BEAT) return 0.8f;
    static const float by_edge[4] = {1, 0.7f, 0.4f, 0.2f};
    return by_edge[edge_before(x)];
}

float end_cost(const EnvSong *es, int32_t before, int32_t u) {
    const EnvUnit *x = &es->units[u];
    if (x->kind == UNIT_TAIL) return before == u - 1 ? 0 : 0.5f;
    if (!x->in_take) return 1;
    if (x->pid >= 0 && x->pid == es->tunes[x->tune].pid0 + es->tunes[x->tune].n_pid - 1) return 0.05f;
    const SongTake *take = &es->song->takes[x->take];
    if (u == take->first_unit + take->n_units - 1) return 0.1f;
    if (x->kind != UNIT_BEAT) return 0.8f;
    static const float by_edge[4] = {1, 0.75f, 0.45f, 0.25f};
    return by_edge[edge_after(x, u)];
}

/* ---- the sum ------------------------------------------------------------------------------------- */

static const float START_WEIGHT = 0.4f, END_WEIGHT = 0.3f, TAIL_INSIDE = 2, ENERGY_WEIGHT = 0.5f;

float reward_start_cost(const EnvSong *es, int32_t u) { return START_WEIGHT * start_cost(es, u); }
float reward_end_cost(const EnvSong *es, int32_t before, int32_t u) {
    return END_WEIGHT * end_cost(es, before, u);
}

/* Normalisers: units by their share of hi, steps in the form by the phrases expected in hi, seams by twice
 * as many: a change of take that nobody hears must cost less than the mistake it mends. */
void reward_plan(const EnvSong *es, EnvPlan *plan) {
    const EnvTune *tune = &es->tunes[plan->job.tune];
    float hi = (float)plan->hi;
    plan->per_sample = 1 / hi;
    float phrases = hi / (float)tune->phrase_samples;
    plan->per_phrase = 1 / maxf(2, phrases);
    plan->per_seam = 0.5f * plan->per_phrase;
    float form = (float)(tune->n_pid * tune->beat_samples);
    plan->copies = form > 0 ? hi / form : 1;
    int n = plan->job.has_curve ? JOB_CURVE : ARC;
    const float *points = plan->job.has_curve ? plan->job.curve_db : tune->arc;
    for (int i = 0; i < CURVE; i++) {
        float x = (i + 0.5f) / CURVE * (float)n - 0.5f;
        if (x < 0) x = 0;
        if (x > (float)(n - 1)) x = (float)(n - 1);
        int k = (int)x;
        if (k > n - 2) k = n - 2;
        plan->curve[i] = points[k] + (points[k + 1] - points[k]) * (x - (float)k);
    }
}

/* Squared distance to the arc asked for, 6 dB counts half. */
static float energy_cost(const EnvPlan *plan, float level, int64_t at) {
    int i = (int)((float)at * plan->per_sample * CURVE);
    float d = level - plan->curve[i < CURVE ? i : CURVE - 1];
    return d * d / (d * d + 36);
}

void reward_append(const EnvSong *es, const EnvPlan *plan, EnvNow *now, const uint16_t *place_kept, int32_t u,
                   int fade) {
    double *terms = now->tally.terms;
    const EnvUnit *x = &es->units[u];
    int32_t last = now->last;
    float share = (float)span_samples(es, u, u + 1) * plan->per_sample;

    float content = x->kind == UNIT_TAIL ? 0 : x->content * share;
    if (last >= 0 && es->units[last].kind == UNIT_TAIL)
        content -= TAIL_INSIDE * (float)span_samples(es, last, last + 1) * plan->per_sample;
    terms[REWARD_CONTENT] += content;

    float worth = 0, form = 0;
    if (x->pid >= 0) {
        worth = copy_worth(place_kept[stands_for(es, now->place, u)], plan->copies) * share;
        if (now->last_slotted >= 0)
            form -= form_step_cost(es, now->last_slotted, now->place, u, plan->copies) * plan->per_phrase;
    } else if (x->in_take && x->kind == UNIT_BEAT) {
        worth = 0.3f * share;
    }
    now->tally.form_worth += worth;
    if (last < 0) form -= START_WEIGHT * start_cost(es, u);
    terms[REWARD_FORM] += worth + form;

    terms[REWARD_ENERGY] -= ENERGY_WEIGHT * share * energy_cost(plan, x->level, now->length);

    if (last >= 0 && u != last + 1) {
        Seam s = seam_of(es, last, u);
        terms[REWARD_TRANSITION] -= seam_transition(&s, fade) * plan->per_seam;
        terms[REWARD_TEMPO] -= s.tempo * plan->per_seam;
        terms[REWARD_PHRASE] -= s.phrase * plan->per_seam;
    }
}

/* What units bring was counted by their share of hi; by their share of what the edit came to be, a longer
 * edit is worth no more than a shorter one. */
void reward_finish(const EnvSong *es, const EnvPlan *plan, EnvNow *now) {
    double *terms = now->tally.terms, more = (double)plan->hi / (double)now->length - 1;
    terms[REWARD_CONTENT] += more * terms[REWARD_CONTENT];
    terms[REWARD_FORM] += more * now->tally.form_worth;
    terms[REWARD_ENERGY] += more * terms[REWARD_ENERGY];
    now->tally.terms[REWARD_FORM] -= END_WEIGHT * end_cost(es, now->before_last, now->last);
}

void env_score(const EnvSong *es, const Job *job, const int32_t *units, const uint8_t *fades, int32_t n,
               float terms[REWARD_TERMS]) {
    EnvPlan plan = {.job = *job, .lo = job->lo_samples, .hi = job->hi_samples > 0 ? job->hi_samples : 1};
    EnvNow now = {.last = -1, .before_last = -1, .last_slotted = -1, .place = -1};
    static _Thread_local uint16_t place_kept[ENV_MAX_UNITS];
    reward_plan(es, &plan);
    memset(place_kept, 0, (size_t)es->n_pids * sizeof *place_kept);
    for (int32_t i = 0; i < n; i++) {
        int32_t u = units[i];
        BS_ASSERT(u >= 0 && u < es->n);
        reward_append(es, &plan, &now, place_kept, u, fades ? fades[i] : FADE_SHORT);
        now_append(es, &now, u);
        if (es->units[u].pid >= 0) place_kept[now.place]++;
    }
    if (n > 0) reward_finish(es, &plan, &now);
    for (int i = 0; i < REWARD_TERMS; i++) terms[i] = (float)now.tally.terms[i];
}

float env_score_total(const Job *job, const float terms[REWARD_TERMS]) {
    float sum = 0;
    for (int i = 0; i < REWARD_TERMS; i++) sum += job->weights[i] * terms[i];
    return sum;
}

float env_seam_cost(const EnvSong *es, const Job *job, int32_t a, int32_t b, Fade fade) {
    if (b == a + 1) return 0;
    float phrases = (float)job->hi_samples / (float)es->tunes[job->tune].phrase_samples;
    Seam s = seam_of(es, a, b);
    return (job->weights[REWARD_TRANSITION] * seam_transition(&s, fade) +
            job->weights[REWARD_TEMPO] * s.tempo + job->weights[REWARD_PHRASE] * s.phrase) /
           (2 * maxf(2, phrases));
}

float env_unit_worth(const EnvSong *es, const Job *job, int32_t u) {
    if (es->units[u].kind == UNIT_TAIL) return 0;
    return job->weights[REWARD_CONTENT] * es->units[u].content * (float)span_samples(es, u, u + 1) /
           (float)job->hi_samples;
}
