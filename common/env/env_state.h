#pragma once
/* Private to common/env: the tables of a Song, the state of an episode, and what its files share.
 *
 * EnvSong holds everything that depends on the recording alone, so a step looks things up. Env is one
 * block: scalars that a search may save and restore by assignment, then arrays that an append changes and
 * state_pop undoes. */
#include <string.h>

#include "common/env/env.h"

enum {
    MENU_DYNAMIC = 6, /* open must, end, first allowed, next of the form, first unkept, playhead */
    MENU_STATIC = ENV_TARGETS - MENU_DYNAMIC,
    CONTEXT = 32,       /* chroma 12, level 1, 3 unused, timbre 12, 4 unused; scaled */
    CONTEXT_LEVEL = 12, /* column */
    CONTEXT_TIMBRE = 16,
    ARC = 16,        /* points of a tune's own energy arc */
    CURVE = 64,      /* points of the arc asked for, over the length of the edit */
    MAX_LABELS = 64, /* of sections in one tune; more share the last */
    MAX_METER = 32,
    MAX_OUT = ENV_MAX_UNITS, /* units in an edit */
    FREE_UNITS = 256,        /* appended without regard to pace */
    PACE_UNITS = 3072,       /* after that a unit is hi / PACE_UNITS long on average */
    TINY_UNITS = 240,        /* exempt from pace because a constraint asks for them */
    CUT_STEPS = 1024, /* later steps hold no CUT: with the limits above no episode passes ENV_MAX_STEPS */
};
_Static_assert(CUT_STEPS + 2 * (FREE_UNITS + PACE_UNITS + TINY_UNITS) <= ENV_MAX_STEPS, "episodes too long");

typedef struct EnvUnit {
    int32_t end[SPANS];    /* one past the last unit of the span that holds it */
    uint8_t starts[SPANS]; /* 1 at the first unit of the span */
    uint8_t spans,
        loops; /* bit k: no shorter span ends there too; span k starts here and LOOP may repeat it */
    uint8_t kind, phase, in_take, clean; /* clean: beats of one take on both sides of its start, at most 4 */
    int16_t take, tune;
    int32_t pos;           /* beat of the form: slot * meter + phase, -1 where it has none */
    int32_t pid;           /* index of that beat among those the tune plays, counted over all tunes, or -1 */
    int32_t section;       /* index into EnvSong.sections, -1 */
    int16_t label, offset; /* section label of its slot, and the slot's place in the section */
    float content;         /* worth of keeping it, per share of the window */
    float level;           /* dB over its bar against the tune's mean */
    float tempo_before, tempo_after; /* bpm over up to 4 beats that end, that start here; 0 unknown */
    float vocal, rank, bar_flaw;
    float flaw_ahead[SPANS]; /* mean flaw from it to the end of each span */
    int32_t slot, next_slot; /* bar of the form it plays, and the bar of the beat after it; -1 */
    int32_t song_slot;       /* as the Song has it: -1 in a tune that is its own form */
    float bar_cos, bar_sin;  /* of the place in the bar of the unit after it */
} EnvUnit;

typedef struct EnvTune {
    int32_t meter, n_slots, pid0, n_pid;
    double beat_samples, phrase_samples, longest_take_samples;
    int64_t music_samples, shortest_unit; /* its beats together; of its units and those of no tune */
    float arc[ARC];
    uint64_t label_next[MAX_LABELS]; /* bit y of row x: the form goes from a section x to a section y */
} EnvTune;

typedef struct EnvSection {
    int32_t first, end;
    float flaw;
} EnvSection;

/* A target's row of the observation (OBS_TARGET) in two parts: its first EDGE columns depend on where the
 * jump comes from, the others on the unit it goes to, but for lengths, which are in samples here. Behind
 * these a landing holds two integers: samples to the end of its section, and the unit. */
enum { EDGE = 8, LANDING = 16, LANDING_SECTION = 13, LANDING_UNIT = 14 };
_Static_assert((int)OBS_TARGET_KEPT == EDGE - 1, "kept is of the episode");
_Static_assert((int)ENV_TARGET_FEATURES <= EDGE + LANDING_SECTION, "columns lie before the integers");

/* What a menu holds for an anchor, entry by entry as EnvNow.menu has them: the first MENU_DYNAMIC are empty.
 */
typedef struct EnvMenu {
    _Alignas(64) int32_t target[ENV_TARGETS];
    int32_t samples[3][ENV_TARGETS]; /* of the first 1, 2, 4 units there; INT32_MAX past the end */
    int32_t fade_room[ENV_TARGETS];  /* longest fade in beats that handles and tempo allow */
    int32_t first_room;  /* the same for the tune's first beat, which is nearly always first allowed */
    int32_t first, tune; /* the tune it is made for */
    float first_edge[EDGE], edge[ENV_TARGETS][EDGE];
    int32_t pair[ENV_PAIRS][3]; /* first and end of the section, where to go on; -1 = none */
    int32_t pair_section[ENV_PAIRS];
    int32_t pair_seen[ENV_PAIRS][2]; /* first of the section, where to go on: as it is observed */
    int32_t pair_units[ENV_PAIRS],
        pair_most_units;             /* to append, with the unit where it goes on; most of all */
    int64_t pair_samples[ENV_PAIRS]; /* of the same; INT64_MAX: never legal */
    float pair_features[ENV_PAIRS][ENV_PAIR_FEATURES];
} EnvMenu;

struct EnvSong {
    const Song *song;
    uint64_t serial;
    int32_t n, n_pids, n_sections, n_takes;
    int64_t longest_unit;
    EnvUnit *units;      /* n */
    int64_t *start;      /* n + 1 */
    double *flaw_sum;    /* n + 1 */
    double *content_sum; /* n + 1: content x samples of the units before */
    float *context;      /* n x CONTEXT */
    float *landings;     /* n + 1 x LANDING; the last is that of no target */
    int32_t *pid_first;  /* n_pids + 1 offsets into pid_units */
    int32_t *pid_units;  /* units that play a beat of the form, by pid then time */
    float *best_flaw;    /* by music: of the bar of its best performance */
    int32_t *music; /* per beat of the form, the first one with the same music: of sections that come again */
    EnvTune *tunes;
    EnvSection *sections;
    uint8_t *other_key; /* n_takes x n_takes */
    EnvMenu *menus;     /* n + 1, by anchor */
    void *block;
};

/* What a seam costs before weights and normalisation. */
typedef struct Seam {
    float sound, fixed, tempo, phrase, phase, chroma, level;
} Seam;

typedef struct Tally {
    double terms[REWARD_TERMS];
    double form_worth; /* the part of the form term that units bring, without steps and ends */
} Tally;

/* Everything of the state that is small: a search saves it by assignment. */
typedef struct EnvNow {
    Tally tally;
    int64_t length, open_samples;
    int32_t playhead, last, before_last, n_out, cuts, owed, run, n_open, must_at, free_at, next_pid, n_steps,
        bars;
    int32_t last_slotted; /* last kept unit with a place in the form, -1 */
    int32_t place;        /* pid of the beat of the form that it stands for, -1 */
    int32_t furthest_slot, n_covered, last_action;
    uint8_t armed, done, rest_only;
    int32_t menu[ENV_TARGETS];
} EnvNow;

/* What the Job fixes for an episode. */
typedef struct EnvPlan {
    Job job;
    int64_t lo, hi, shortest, tiny;
    int32_t n_must, first_allowed, end;
    int32_t plain_tune;   /* never_sum is that of this tune without never ranges; -1: of a Job with some */
    uint8_t end_is_final; /* the end unit can be kept once only */
    uint8_t has_never;    /* the Job asks for some */
    uint8_t constrained;  /* any of must, end, no_loop, no_reorder */
    float per_sample;     /* 1 / hi */
    float per_phrase;     /* 1 / phrases expected in the window */
    float per_seam;       /* 1 / (2 phrases) */
    float copies;         /* times the form fits into hi */
    float curve[CURVE];
} EnvPlan;

struct Env {
    const EnvSong *es;
    EnvPlan plan;
    EnvNow now;
    /* views into the block that follows: */
    int32_t *never_sum;     /* n + 1 */
    int32_t *must_units;    /* plan.n_must, in the order they are offered */
    int32_t *short_unit;    /* n_pids: shortest allowed unit (or the must) of each beat of the form, -1 */
    int64_t *rest_samples;  /* n_pids + 1: sum of those from there on */
    uint16_t *kept;         /* n: times kept */
    uint16_t *place_kept;   /* n_pids: times something stood for that beat */
    uint16_t *section_kept; /* n_sections: different units kept */
    uint8_t *must;          /* n */
    int32_t *out;           /* MAX_OUT */
    int16_t *out_places;    /* MAX_OUT: pid that each stands for, where it has one of its own */
    uint8_t *out_fades;     /* MAX_OUT */
};

/* Eight values at once, anywhere. */
typedef int32_t I8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float F8 __attribute__((vector_size(32), aligned(4), may_alias));

static inline I8 all_of(int32_t x) { return (I8){x, x, x, x, x, x, x, x}; }
static inline F8 at_most(F8 x, F8 limit) {
    I8 over = x > limit;
    return (F8)((over & (I8)limit) | (~over & (I8)x));
}
/* n >= 32 bytes, few and known, at any address. The empty asm hides that this is memset and memcpy: gcc would
 * make string instructions of them, which take longer to start than these take. */
static inline void zero_bytes(void *to, size_t n) {
    char *p = to;
    I8 x = all_of(0);
    __asm__("" : "+x"(x));
    for (size_t i = 0; i + sizeof x <= n; i += sizeof x) memcpy(p + i, &x, sizeof x);
    memcpy(p + n - sizeof x, &x, sizeof x);
}
static inline void copy_bytes(void *to, const void *from, size_t n) {
    char *p = to;
    const char *q = from;
    I8 x;
    for (size_t i = 0; i + sizeof x <= n; i += sizeof x) {
        memcpy(&x, q + i, sizeof x);
        __asm__("" : "+x"(x));
        memcpy(p + i, &x, sizeof x);
    }
    if (n % sizeof x) memcpy(p + n - sizeof x, q + n - sizeof x, sizeof x);
}

static inline int64_t span_samples(const EnvSong *es, int32_t a, int32_t b) {
    return es->start[b] - es->start[a];
}
static inline bool unit_never(const Env *e, int32_t u) { return e->never_sum[u + 1] != e->never_sum[u]; }
static inline bool unit_open(const Env *e, int32_t u) { return e->must[u] && !e->kept[u]; }
static inline int32_t anchor_of(const Env *e) {
    return e->now.last < 0 ? e->plan.first_allowed : e->now.last + 1;
}
static inline int fade_units(int fade) { return fade <= FADE_1_BEAT ? 1 : fade == FADE_2_BEATS ? 2 : 4; }

/* One of the units that play a beat of the form. */
static inline const EnvUnit *beat_player(const EnvSong *es, int32_t pid) {
    return &es->units[es->pid_units[es->pid_first[pid]]];
}

/* The beat of the form (a pid) that unit u stands for after one that stood for `place` (-1: none): the next
 * if u plays its music, as a first chorus may for the second; else its own. The first stands for where its
 * music first is. */
static inline int32_t stands_for(const EnvSong *es, int32_t place, int32_t u) {
    const int32_t own = es->units[u].pid, next = place + 1;
    if (own >= 0 && place < 0) return es->music[own];
    if (own < 0 || next == es->n_pids) return own;
    return es->music[next] == es->music[own] ? next : own;
}

/* y plays what the form has after x. */
static inline bool same_music_next(const EnvSong *es, const EnvUnit *x, const EnvUnit *y) {
    const int32_t next = x->pid + 1;
    return x->pid >= 0 && y->pid >= 0 && next < es->n_pids && es->music[next] == es->music[y->pid];
}

/* The part of an append that rewards read: env_score and the state keep it in the same way. */
static inline void now_append(const EnvSong *es, EnvNow *now, int32_t u) {
    now->before_last = now->last;
    now->last = u;
    if (es->units[u].pid >= 0) {
        now->place = stands_for(es, now->place, u);
        now->last_slotted = u;
    }
    now->length += span_samples(es, u, u + 1);
}

/* env_reward.c */
Seam seam_of(const EnvSong *es, int32_t a, int32_t b);
float seam_transition(const Seam *s, int fade);
/* From unit `from`, which stands for the beat `place` of the form, to unit `to`. */
float form_step_cost(const EnvSong *es, int32_t from, int32_t place, int32_t to, float copies);
void reward_plan(const EnvSong *es, EnvPlan *plan);
/* Adds unit u, joined with `fade` to now->last; counts are those before it is kept. */
void reward_append(const EnvSong *es, const EnvPlan *plan, EnvNow *now, const uint16_t *place_kept, int32_t u,
                   int fade);
void reward_finish(const EnvSong *es, const EnvPlan *plan, EnvNow *now);
/* 0..1, before their weights. */
float start_cost(const EnvSong *es, int32_t u);
float end_cost(const EnvSong *es, int32_t before, int32_t u);
/* Mean content over units [a, b), at least -2; length of the form from u to its end, in samples. */
float mean_content(const EnvSong *es, int32_t a, int32_t b);
float form_left(const EnvSong *es, int32_t u);
float reward_start_cost(const EnvSong *es, int32_t u);
float reward_end_cost(const EnvSong *es, int32_t before, int32_t u);
int fade_room(const EnvSong *es, int32_t last, int32_t v);

/* env_menu.c */
void menus_make(EnvSong *es);
void menu_update(Env *e);
void edge_features(const EnvSong *es, int32_t last, int32_t v, const Seam *s, float edge[EDGE]);

/* Bars of the form from the one that comes after the beat `place` (-1: none) to the one that unit u then
 * stands for, / 16. */
static inline float form_distance(const EnvSong *es, int32_t place, int32_t u) {
    if (es->units[u].pid < 0) return 0;
    const int32_t next = place < 0 ? 0 : beat_player(es, place)->next_slot;
    const float d = (float)(beat_player(es, stands_for(es, place, u))->slot - next) / 16;
    return d > 2 ? 2 : d < -2 ? -2 : d;
}

/* env_mask.c */
bool append_fits_all(const Env *e, int32_t a, int32_t b, int32_t times, int32_t then);
/* May units [a, b) be appended `times` times, and unit `then` after them (-1: none)? */
static inline bool append_fits(const Env *e, int32_t a, int32_t b, int32_t times, int32_t then) {
    if (b > e->es->n || e->never_sum[b] != e->never_sum[a]) return false;
    if (then < 0 && !e->plan.constrained && e->now.n_out + (b - a) * times <= FREE_UNITS)
        return e->now.length + span_samples(e->es, a, b) * times <= e->plan.hi;
    return append_fits_all(e, a, b, times, then);
}
bool action_legal(const Env *e, int action);
/* Fills the mask and returns how many actions are legal. */
int legal_mask(const Env *e, uint8_t mask[ENV_ACTIONS]);
/* How many actions are legal, counted up to 2; *only is that one when it is 1. */
int legal_few(const Env *e, int *only);

/* env.c */
Status plan_make(Env *e, const Job *job);

/* env_parse.c: env_parse that says how many units were made at most, where it fails. */
Status parse_units(Env *e, const Job *job, const int32_t *units, const uint8_t *fades, int32_t n,
                   uint8_t *actions, int32_t max, int32_t *n_actions, int32_t *reached);
/* The fewest cuts from one unit to another; more than ENV_MAX_CUTS when that many do not get there. */
int cuts_between(const EnvSong *es, int32_t at, int32_t to);

/* env_step.c */
void state_apply(Env *e, int action, bool rewards);
void state_play_forced(Env *e, bool rewards);
void state_pop(Env *e, const EnvNow *before); /* undoes all since `before`, which was taken from e->now */
