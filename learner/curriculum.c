/* Curriculum: every draw is keyed by (run seed, what it is for, group), so nothing depends on order. */
#include "learner/curriculum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"

const char *const stage_names[STAGES] = {"imitate retarget", "imitate demonstrations", "value", "ppo"};

enum { FOR_SONG = 1, FOR_JOB = 2, JOB_TRIES = 16 };

uint64_t curriculum_updates(const Curriculum *c) {
    uint64_t n = 0;
    for (int s = 0; s < STAGES; s++) n += c->updates[s];
    return n;
}

Stage curriculum_stage(const Curriculum *c, uint64_t u) {
    Stage last = STAGE_RETARGET;
    for (int s = 0; s < STAGES; s++) {
        if (u < c->updates[s]) return (Stage)s;
        u -= c->updates[s];
        if (c->updates[s]) last = (Stage)s;
    }
    return last;
}

uint64_t curriculum_start(const Curriculum *c, Stage stage) {
    uint64_t n = 0;
    for (int s = 0; s < (int)stage; s++) n += c->updates[s];
    return n;
}

bool stage_imitates(Stage stage) { return stage == STAGE_RETARGET || stage == STAGE_DEMOS; }

PolicyKind stage_kind(Stage stage) { return stage_imitates(stage) ? POLICY_RETARGET : POLICY_NET; }

static uint64_t gcd(uint64_t a, uint64_t b) {
    while (b) {
        uint64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* i -> (a i + b) mod n with gcd(a, n) = 1 is a permutation, made without a table. */
int32_t curriculum_song(const Curriculum *c, uint64_t group) {
    uint64_t n = (uint64_t)c->songs->n, pass = group / n;
    Rng r = rng_at(rng_mix(c->seed, FOR_SONG), pass);
    uint64_t a = 1 + rng_u64(&r) % n, b = rng_u64(&r) % n;
    while (gcd(a, n) != 1) a = a % n + 1;
    return (int32_t)((a * (group % n) + b) % n);
}

/* Length of the tune played once: the mean of its complete takes, else its longest. */
static double form_seconds(const Song *song, int32_t tune) {
    double sum = 0, longest = 0;
    int n = 0;
    for (int32_t t = 0; t < song->n_takes; t++) {
        const SongTake *take = &song->takes[t];
        if (take->tune != tune) continue;
        int32_t last = take->first_unit + take->n_units - 1;
        double s = (double)(song_unit_end(song, last) - song->units[take->first_unit].start_sample) /
                   song->sample_rate_hz;
        if (s > longest) longest = s;
        if (take->complete) {
            sum += s;
            n++;
        }
    }
    return n ? sum / n : longest;
}

/* A window around a length that people ask for: the form once, give or take, or a share of the recording.
 * wide: keep ratio log-uniform in 0.03..1 instead, so that imitation sees every Job. */
static Status draw_window(Rng *r, const Song *song, bool wide, Job *job) {
    double timeline = (double)song->n_samples / song->sample_rate_hz, target;
    if (wide)
        target = timeline * exp(rng_between(r, log(0.03), 0));
    else if (rng_below(r, 2))
        target = form_seconds(song, job->tune) * rng_between(r, 0.8, 1.15);
    else
        target = timeline * rng_between(r, 0.15, 0.55);
    return job_target(job, song, target, target * rng_between(r, 0.03, 0.1));
}

void curriculum_job(const Curriculum *c, uint64_t group, int which, Job *job) {
    const Song *song = c->songs->entries[curriculum_song(c, group)].song;
    bool wide = which % 2 == 0 && stage_imitates(curriculum_stage(c, group * TICKET_GROUP / c->batch));
    Rng r = rng_at(rng_mix(c->seed, FOR_JOB), TICKET_GROUP * group + (uint64_t)which);
    for (int i = 0; i < JOB_TRIES; i++) {
        job_init(job, song);
        job->tune = (int32_t)rng_below(&r, (uint32_t)song->n_tunes);
        if (draw_window(&r, song, wide, job) == BS_OK && job_check(job, song) == BS_OK) return;
    }
    job_init(job, song); /* from nothing to all of it: every song allows that */
}

void curriculum_ticket(void *context, uint64_t id, Ticket *out) {
    const Curriculum *c = context;
    uint64_t group = id / TICKET_GROUP, u = id / c->batch;
    memset(out, 0, sizeof *out);
    out->epoch = c->epoch;
    out->id = id;
    out->seed = rng_mix(c->seed, id);
    out->song = c->songs->entries[curriculum_song(c, group)].song->hash;
    out->kind = (uint8_t)stage_kind(curriculum_stage(c, u));
    out->min_version = u > c->max_lag ? u - c->max_lag : 0;
    out->exact_version = c->mode == RUN_LOCKSTEP ? out->min_version : UINT64_MAX;
    /* A planner's edit does not depend on the seed: every ticket of its group gets a Job of its own. */
    int place = (int)(id % TICKET_GROUP), halves = place >= TICKET_GROUP / 2;
    curriculum_job(c, group, policy_needs_weights((PolicyKind)out->kind) ? halves : place, &out->job);
}
