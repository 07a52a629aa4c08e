#pragma once
/* The editing environment: one episode cuts one tune of one Song into one Edit.
 *
 * The agent moves a playhead over the raw recording with one flat table of actions and one joint mask.
 * Pure and deterministic: no clock, no files, no libm beyond sqrt, fma, floor and fabs, nothing
 * allocated after creation. EnvSong holds tables computed once per Song and is shared read-only by any
 * number of Envs; an Env's state is one block that env_copy copies with one memcpy.
 *
 * States, masks and rewards with their equations: docs/environment.md. */
#include "common/song/edit.h"
#include "common/song/job.h"
#include "common/song/song.h"

enum {
    ENV_VERSION = 3, /* changes whenever the same actions could give another edit or reward */
    ENV_TARGETS = 32,
    ENV_PAIRS = 16,
    ENV_MAX_UNITS = 4096, /* of one tune with what lies between its takes */
    ENV_MAX_CUTS = 8,     /* in a row */
    ENV_MAX_STEPS = 8192, /* no episode is longer */
};

typedef enum Span { SPAN_BEAT, SPAN_BAR, SPAN_PHRASE, SPAN_SECTION, SPANS } Span;

/* The flat action table. */
enum {
    ACT_KEEP = 0,                                           /* + span */
    ACT_CUT = ACT_KEEP + SPANS,                             /* + span */
    ACT_REST = ACT_CUT + SPANS,                             /* cut the rest: the edit ends */
    ACT_LOOP = ACT_REST + 1,                                /* + span * 3 + (n - 2), n in 2..4 */
    ACT_CROSSFADE = ACT_LOOP + SPANS * 3,                   /* + target * FADE_COUNT + fade */
    ACT_REORDER = ACT_CROSSFADE + ENV_TARGETS * FADE_COUNT, /* + pair */
    ENV_ACTIONS = ACT_REORDER + ENV_PAIRS,                  /* 197 */
};

typedef enum ActionKind {
    KIND_KEEP,
    KIND_CUT,
    KIND_LOOP,
    KIND_CROSSFADE,
    KIND_REORDER,
    ACTION_KINDS
} ActionKind;
ActionKind env_action_kind(int action);
/* "KEEP bar", "LOOP phrase x3", "CROSSFADE 12 beat/2": for reports and logs; returns buf. */
const char *env_action_text(int action, char *buf, size_t buf_bytes);

/* What a step looks like from outside. Indices are units of the Song, -1 = none. The column names and
 * meanings of `step`, `target` and `pair` are rows in obs.def, from which docs/environment.md is made. */
enum {
#define OBS_STEP(name, width, text) OBS_##name, OBS_##name##_LAST = OBS_##name + (width)-1,
#include "common/env/obs.def"
#undef OBS_STEP
    ENV_STEP_FEATURES
};
enum {
#define OBS_TARGET(name, text) OBS_TARGET_##name,
#include "common/env/obs.def"
#undef OBS_TARGET
    ENV_TARGET_FEATURES
};
enum {
#define OBS_PAIR(name, text) OBS_PAIR_##name,
#include "common/env/obs.def"
#undef OBS_PAIR
    ENV_PAIR_FEATURES
};

typedef struct EnvObs {
    int32_t playhead, last_kept;
    int32_t target[ENV_TARGETS]; /* menu of CROSSFADE */
    int32_t pair[ENV_PAIRS][2];  /* menu of REORDER: section start, unit to go on at */
    float step[ENV_STEP_FEATURES];
    float target_features[ENV_TARGETS][ENV_TARGET_FEATURES];
    float pair_features[ENV_PAIRS][ENV_PAIR_FEATURES];
    uint8_t mask[ENV_ACTIONS]; /* 1 = legal */
    int32_t last_action, n_legal;
} EnvObs;

typedef struct EnvSong EnvSong; /* read-only after creation */
typedef struct Env Env;

/* Borrows `song`, which must outlive it. BS_TOO_BIG past ENV_MAX_UNITS. */
Status env_song_new(EnvSong **out, const Song *song);
void env_song_free(EnvSong *es);
const Song *env_song_song(const EnvSong *es);
/* A number that no other EnvSong of this process has or had: an address serves again, a serial does not. */
uint64_t env_song_serial(const EnvSong *es);

/* Borrows `es`. One allocation; may be reset to another Job any number of times. */
Status env_new(Env **out, const EnvSong *es);
void env_free(Env *env);
/* The same in env_bytes(es) bytes of the caller's, aligned to 64; not to be freed. */
Env *env_place(void *block, const EnvSong *es);
const EnvSong *env_song_of(const Env *env);
/* Both of the same EnvSong. */
void env_copy(Env *to, const Env *from);
size_t env_bytes(const EnvSong *es);

/* Starts an episode; BS_CONFLICT naming what cannot be met. Plays what is forced at the start. */
Status env_reset(Env *env, const Job *job);

/* Everything the agent sees now, written into the caller's struct. Only while not done. */
void env_observe(const Env *env, EnvObs *obs);
/* Only the mask (n_legal returned): for policies that need no features. */
int env_legal(const Env *env, uint8_t mask[ENV_ACTIONS]);

/* Plays one action (and then whatever is forced: a state with one legal action is no step). The reward
 * of each term, unweighted, is added into `terms` (may be NULL); the weighted sum is returned.
 * BS_INVALID in *st when the action is not legal; the state is then unchanged. */
float env_step(Env *env, int action, float terms[REWARD_TERMS], Status *st);
bool env_done(const Env *env);
int64_t env_out_samples(const Env *env);
/* The dense reward so far, unweighted; once done, what env_score says of the edit, to the bit. */
void env_terms(const Env *env, float terms[REWARD_TERMS]);
int32_t env_bars_kept(const Env *env); /* bars appended so far: the clock of lambda "per bar" */

/* The units appended so far in order and their joins; views into the state. */
int32_t env_out_units(const Env *env, const int32_t **units, const uint8_t **fades);
Status env_edit(const Env *env, Edit *out);

/* Plays `actions` from a reset. edit, rewards (n_actions, weighted) and terms (as env_terms) may be NULL.
 * BS_CORRUPT naming the step when one is illegal, or when they do not end the episode. */
Status env_replay(Env *env, const Job *job, const uint8_t *actions, int32_t n_actions, Edit *edit,
                  float *rewards, float terms[REWARD_TERMS]);

/* The canonical actions that make exactly these units and fades under this job. BS_NOT_FOUND when none
 * do, or the search passes its bound on nodes. actions has room for max. */
Status env_parse(Env *env, const Job *job, const int32_t *units, const uint8_t *fades, int32_t n,
                 uint8_t *actions, int32_t max, int32_t *n_actions);

/* The same for an edit that was made elsewhere: units that the Job forbids go, then seams are changed (where
 * they leave and enter, their fades, runs left out), as cheaply as some actions allow. units and fades (room
 * for ENV_MAX_UNITS) become what those make, *n its length. */
Status env_parse_near(Env *env, const Job *job, int32_t *units, uint8_t *fades, int32_t *n, uint8_t *actions,
                      int32_t max, int32_t *n_actions);

/* The dense reward of an edit without playing it: sums of each term, unweighted. */
void env_score(const EnvSong *es, const Job *job, const int32_t *units, const uint8_t *fades, int32_t n,
               float terms[REWARD_TERMS]);
float env_score_total(const Job *job, const float terms[REWARD_TERMS]);

/* For planners (retarget): the cost >= 0 of the seam a -> b (units; b need not follow a), as the reward
 * has it: transition, tempo and phrase terms under the job's weights. 0 for uncut neighbours. */
float env_seam_cost(const EnvSong *es, const Job *job, int32_t a, int32_t b, Fade fade);
/* What a seam a -> b is made of, before weights and normalisers, all >= 0 and 0 for uncut neighbours: sound
 * (chroma and level are parts of it), place in the bar, tempo, phrase; and cost, which is env_seam_cost. */
typedef struct EnvSeam {
    float sound, chroma, level, phase, tempo, phrase, cost;
} EnvSeam;
EnvSeam env_seam(const EnvSong *es, const Job *job, int32_t a, int32_t b, Fade fade);
/* Where CROSSFADE may always go from `anchor` (the unit after the last kept one); returns how many. The
 * menu holds these, and up to six more that depend on the episode. */
int env_song_targets(const EnvSong *es, int32_t anchor, int32_t targets[ENV_TARGETS]);
/* And the worth of keeping unit u once: content term under the job's weights, before form. */
float env_unit_worth(const EnvSong *es, const Job *job, int32_t u);
/* Beats of the form are numbered; sections with one label play the same music, so a unit may stand for
 * another beat than its own. The beat that u stands for after one that stood for `place` (-1: none); -1 where
 * it has no place in the form. And all that it may stand for, in order; returns how many. */
int32_t env_stands_for(const EnvSong *es, int32_t place, int32_t u);
int env_places(const EnvSong *es, int32_t u, int32_t max, int32_t *places);
/* What a change of place in the form costs when `b` follows `a`, which stands for `place`, weighted; a = -1:
 * the edit starts at b; b = -1: it ends with a, uncut from a - 1. */
float env_form_cost(const EnvSong *es, const Job *job, int32_t a, int32_t place, int32_t b);
