/* Demos: JSON line -> Edit -> units -> canonical actions under relabelled Jobs. */
#include "learner/demos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "common/env/env_retell.h"
#include "common/host/file.h"

#define DEMO_ID (1ull << 62) /* above every ticket's id, below evaluations */

enum { DEMOS_MAX_BYTES = 256 << 20, FOR_WINDOW = 11, FOR_DRAW = 12 };

void demos_drop(Demos *demos) {
    for (int32_t i = 0; i < demos->n_episodes; i++) episode_free(demos->episodes[i]);
    free(demos->episodes);
    free(demos->groups);
    *demos = (Demos){0};
}

/* ---- one edit ----------------------------------------------------------------------------------- */

/* A window 3 to 10 % wide to each side, with the edit off its middle. */
static Status relabel(const Song *song, int32_t tune, int64_t n_samples, Rng *r, Job *job) {
    Status st = BS_OK;
    const double length = (double)n_samples / song->sample_rate_hz;
    const double tolerance = length * rng_between(r, 0.03, 0.1);
    job_init(job, song);
    job->tune = tune;
    TRY(job_target(job, song, length + tolerance * rng_between(r, -0.8, 0.8), tolerance));
    TRY(job_check(job, song));
    if (n_samples < job->lo_samples || n_samples > job->hi_samples)
        st = fail(BS_CONFLICT, "demonstration: its window misses its length");
out:
    return st;
}

static Status keep(Demos *demos, Episode *e) {
    Episode **grown = realloc(demos->episodes, sizeof *grown * (size_t)(demos->n_episodes + 1));
    if (!grown) {
        episode_free(e);
        return fail(BS_NOMEM, "demonstrations: out of memory");
    }
    demos->episodes = grown;
    e->id = DEMO_ID + (uint64_t)demos->n_episodes;
    demos->episodes[demos->n_episodes++] = e;
    return BS_OK;
}

/* The retelling under its own window first, which is the widest it needs; then under others. */
static Status keep_variants(Demos *demos, Env *env, int32_t song_index, Retelling *told, uint64_t seed) {
    Status st = BS_OK;
    const Song *song = env_song_song(env_song_of(env));
    const int64_t n_samples = edit_samples(&told->edit);
    float *zeros = calloc(ENV_MAX_STEPS, sizeof *zeros);
    if (!zeros) return fail(BS_NOMEM, "demonstrations: out of memory");
    if (told->n_actions == 0) TRY(fail(BS_NOT_FOUND, "demonstration: nothing in it was anyone's choice"));
    for (int variant = 0; variant < TICKET_GROUP; variant++) {
        Rng r = rng_at(rng_mix(seed, FOR_WINDOW), (uint64_t)variant);
        Episode *e = NULL;
        Job job = told->job;
        int32_t n = told->n_actions;
        if (variant > 0) {
            st = relabel(song, told->job.tune, n_samples, &r, &job);
            if (st == BS_OK)
                st =
                    env_parse(env, &job, told->units, told->fades, told->n, told->actions, ENV_MAX_STEPS, &n);
            if (st == BS_NOMEM) goto out;
            if (st != BS_OK || n == 0) continue;
        }
        TRY(episode_new(&e, env, song_index, &job, told->actions, zeros, n));
        TRY(keep(demos, e));
    }
    st = BS_OK;
out:
    free(zeros);
    return st;
}

Status demos_add(Demos *demos, SongBook *songs, int32_t song_index, const Demo *demo, uint64_t seed) {
    Status st = BS_OK;
    const int32_t first = demos->n_episodes;
    DemoGroup *groups = realloc(demos->groups, sizeof *groups * (size_t)(demos->n_groups + 1));
    Projection projection = {0};
    Retelling told = {0};
    Env *env;
    double loss;
    if (!groups) return fail(BS_NOMEM, "demonstrations: out of memory");
    demos->groups = groups;
    if (!(demo->weight > 0)) return fail(BS_UNSUPPORTED, "demonstration: muted: its weight is 0");
    TRY(songs_env(songs, song_index, &env));
    TRY(projection_make(&projection, songs->entries[song_index].song, &demo->made));
    TRY(env_retell(&told, env, &projection));
    TRY(projection_loss(&demo->made, demo->foreign_samples, &told.edit, &loss));
    const double own = projection_weight(loss), weight = own < demo->weight ? own : demo->weight;
    if (!(weight > 0))
        TRY(fail(BS_UNSUPPORTED, "demonstration: %.0f %% of it are lost in actions", 100 * loss));
    TRY(keep_variants(demos, env, song_index, &told, seed));
    demos->sum_weights += weight;
    demos->groups[demos->n_groups++] = (DemoGroup){first, demos->n_episodes - first, demos->sum_weights};
out:
    projection_drop(&projection);
    retelling_drop(&told);
    while (st != BS_OK && demos->n_episodes > first) episode_free(demos->episodes[--demos->n_episodes]);
    return st;
}

/* ---- the file ----------------------------------------------------------------------------------- */

typedef struct Line {
    const char *text;
    size_t n_bytes;
    uint64_t name; /* hashed */
    bool named;
    int32_t song, number;
} Line;

static int compare(int64_t a, int64_t b) { return (a > b) - (a < b); }

static int by_song(const void *a, const void *b) {
    const Line *x = a, *y = b;
    return x->song != y->song ? compare(x->song, y->song) : compare(x->number, y->number);
}

/* Which song a line is about: -1 when it is not in the book. */
static Status line_song(Line *line, const SongBook *songs) {
    Demo demo;
    Status st = demo_parse(&demo, "demos.jsonl", line->text, line->n_bytes);
    if (st != BS_OK) return st;
    line->song = songs_find(songs, &demo.song);
    line->name = hash_quick(demo.name, strlen(demo.name));
    line->named = demo.name[0];
    demo_drop(&demo);
    return BS_OK;
}

static Status add_line(Demos *demos, const Line *line, SongBook *songs, uint64_t seed) {
    Demo demo;
    Status st = demo_parse(&demo, "demos.jsonl", line->text, line->n_bytes);
    if (st != BS_OK) return st;
    st = demos_add(demos, songs, line->song, &demo, rng_mix(seed, (uint64_t)line->number));
    demo_drop(&demo);
    return st;
}

static void count_refused(Demos *demos, const Line *line) {
    if (demos->n_refused++ == 0)
        snprintf(demos->first_refused, sizeof demos->first_refused, "line %d: %.200s", line->number,
                 error_text());
}

/* A later line of the same recording says it anew: people edit again, and hear better. A line without a name
 * stands alone. */
static bool said_again(const Line *lines, int32_t n, int32_t i) {
    for (int32_t k = i + 1; k < n && lines[i].named && lines[k].song == lines[i].song; k++)
        if (lines[k].name == lines[i].name) return true;
    return false;
}

static Status find_lines(Demos *out, const SongBook *songs, char *text, size_t n_bytes, Line **lines,
                         int32_t *n) {
    int32_t n_newlines = 1;
    for (size_t i = 0; i < n_bytes; i++) n_newlines += text[i] == '\n';
    *lines = calloc((size_t)n_newlines, sizeof **lines);
    if (!*lines) return fail(BS_NOMEM, "demonstrations: out of memory");
    for (char *at = text, *end = at + n_bytes; at < end;) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end; /* a line without its newline may be torn: the parser says */
        Line line = {.text = at, .n_bytes = (size_t)(stop - at), .number = ++out->n_lines};
        at = stop + 1;
        if (line.n_bytes == 0) continue;
        const Status st = line_song(&line, songs);
        if (st == BS_NOMEM) return st;
        if (st != BS_OK)
            count_refused(out, &line);
        else if (line.song < 0)
            out->n_unknown++;
        else
            (*lines)[(*n)++] = line;
    }
    qsort(*lines, (size_t)*n, sizeof **lines, by_song);
    return BS_OK;
}

Status demos_load(Demos *out, const char *path, SongBook *songs, uint64_t seed) {
    Status st = BS_OK;
    void *bytes = NULL;
    size_t n_bytes = 0;
    Line *lines = NULL;
    int32_t n = 0;
    *out = (Demos){0};
    if (!file_exists(path)) return BS_OK;
    TRY(file_read(path, DEMOS_MAX_BYTES, &bytes, &n_bytes));
    TRY(find_lines(out, songs, bytes, n_bytes, &lines, &n));
    for (int32_t i = 0; i < n; i++) {
        if (said_again(lines, n, i)) {
            out->n_said_again++;
            continue;
        }
        const Status one = add_line(out, &lines[i], songs, seed);
        if (one == BS_NOMEM) TRY(one);
        if (one != BS_OK) count_refused(out, &lines[i]);
    }
out:
    free(lines);
    free(bytes);
    return st;
}

double demos_mean_weight(const Demos *demos) {
    return demos->n_groups ? demos->sum_weights / demos->n_groups : 0;
}

/* ---- drawing ------------------------------------------------------------------------------------ */

/* The group in whose share of all weights `at` lies. */
static const DemoGroup *group_at(const Demos *demos, double at) {
    int32_t low = 0, high = demos->n_groups - 1;
    while (low < high) {
        const int32_t middle = (low + high) / 2;
        if (at < demos->groups[middle].sum)
            high = middle;
        else
            low = middle + 1;
    }
    return &demos->groups[low];
}

int32_t demos_draw(const Demos *demos, uint64_t seed, uint64_t u, int32_t n_wanted, Episode **out) {
    if (demos->n_groups == 0) return 0;
    const uint64_t n_groups = (uint64_t)demos->n_groups,
                   per_update = ((uint64_t)n_wanted + TICKET_GROUP - 1) / TICKET_GROUP;
    int32_t n = 0;
    for (uint64_t k = u * per_update; k < (u + 1) * per_update && n < n_wanted; k++) {
        /* even steps through the sum of weights from a start that changes with each pass over them */
        Rng r = rng_at(rng_mix(seed, FOR_DRAW), k / n_groups);
        const uint64_t step = (rng_u64(&r) % n_groups + k) % n_groups;
        const double at = ((double)step + rng_between(&r, 0, 1)) / (double)n_groups;
        const DemoGroup *g = group_at(demos, at * demos->sum_weights);
        for (int32_t i = 0; i < g->n && n < n_wanted + TICKET_GROUP; i++)
            out[n++] = demos->episodes[g->first + i];
    }
    return n;
}
