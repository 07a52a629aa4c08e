/* Demos: JSON line -> Edit -> units -> canonical actions under relabelled Jobs. */
#include "learner/demos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "common/host/file.h"
#include "common/host/json.h"

#define DEMO_ID (1ull << 62) /* above every ticket's id, below evaluations */

enum { FOR_WINDOW = 11, FOR_DRAW = 12 };

void demos_drop(Demos *demos) {
    for (int32_t i = 0; i < demos->n_episodes; i++) episode_free(demos->episodes[i]);
    free(demos->episodes);
    free(demos->group);
    *demos = (Demos){0};
}

/* ---- one edit ----------------------------------------------------------------------------------- */

/* The tune most of its units belong to. */
static int32_t tune_of(const Song *song, const int32_t *units, int32_t n) {
    int32_t votes[SONG_MAX_TUNES] = {0}, best = 0;
    for (int32_t i = 0; i < n; i++) {
        int16_t take = song->units[units[i]].take;
        if (take >= 0) votes[song->takes[take].tune]++;
    }
    for (int32_t t = 1; t < song->n_tunes; t++)
        if (votes[t] > votes[best]) best = t;
    return best;
}

/* Variant 0 is centred and 5 % to each side; the others are 3-10 % wide, with the edit off their middle. */
static Status relabel(const Song *song, int32_t tune, int64_t n_samples, Rng *r, int variant, Job *job) {
    Status st = BS_OK;
    double length = (double)n_samples / song->sample_rate_hz;
    double tolerance = variant ? length * rng_between(r, 0.03, 0.1) : 0.05 * length;
    double target = length + (variant ? tolerance * rng_between(r, -0.8, 0.8) : 0);
    job_init(job, song);
    job->tune = tune;
    TRY(job_target(job, song, target, tolerance));
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

typedef struct Scratch {
    int32_t units[ENV_MAX_STEPS];
    uint8_t fades[ENV_MAX_STEPS], actions[ENV_MAX_STEPS];
    float zeros[ENV_MAX_STEPS];
} Scratch;

Status demos_add(Demos *demos, SongBook *songs, int32_t song_index, const Edit *edit, uint64_t seed) {
    Status st = BS_OK, why = BS_NOT_FOUND;
    const Song *song = songs->entries[song_index].song;
    Scratch *s = calloc(1, sizeof *s);
    int32_t *group = realloc(demos->group, sizeof *group * (size_t)(demos->n_groups + 2));
    int32_t n_units = 0, first = demos->n_episodes;
    int64_t n_samples = 0;
    Env *env;
    if (group) demos->group = group;
    if (!s || !group) {
        free(s);
        return fail(BS_NOMEM, "demonstrations: out of memory");
    }
    TRY(edit_to_units(edit, song, s->units, s->fades, ENV_MAX_STEPS, &n_units, NULL));
    TRY(songs_env(songs, song_index, &env));
    for (int32_t i = 0; i < n_units; i++) n_samples += song_unit_samples(song, s->units[i]);
    for (int variant = 0; variant < TICKET_GROUP; variant++) {
        Rng r = rng_at(rng_mix(seed, FOR_WINDOW), (uint64_t)variant);
        int32_t n_steps = 0;
        Episode *e = NULL;
        Job job;
        why = relabel(song, tune_of(song, s->units, n_units), n_samples, &r, variant, &job);
        if (why == BS_OK)
            why = env_parse(env, &job, s->units, s->fades, n_units, s->actions, ENV_MAX_STEPS, &n_steps);
        if (why == BS_OK) why = episode_new(&e, env, song_index, &job, s->actions, s->zeros, n_steps);
        if (why == BS_OK && n_steps == 0) {
            episode_free(e);
            why = fail(BS_NOT_FOUND, "demonstration: nothing in it was anyone's choice");
        }
        if (why != BS_OK) {
            if (variant == 0) break; /* the widest was no use: neither are the others */
            continue;
        }
        TRY(keep(demos, e));
    }
    if (demos->n_episodes > first) {
        demos->group[0] = 0;
        demos->group[++demos->n_groups] = demos->n_episodes;
    } else {
        st = why;
    }
out:
    free(s);
    return st;
}

/* ---- the file ----------------------------------------------------------------------------------- */

static Status read_segment(const Json *row, Edit *edit) {
    static const char *const fades[FADE_COUNT] = {"short", "half", "1", "2", "4"};
    Status st = BS_OK;
    int64_t start, end;
    const char *name;
    TRY(json_at_i64(row, 0, 0, INT64_MAX / 2, &start));
    TRY(json_at_i64(row, 1, 1, INT64_MAX / 2, &end));
    TRY(json_at_text(row, 2, &name));
    int fade = 0;
    while (fade < FADE_COUNT && strcmp(name, fades[fade]) != 0) fade++;
    if (fade == FADE_COUNT) return fail(BS_CORRUPT, "a fade '%s': short, half, 1, 2, 4", name);
    TRY(edit_append(edit, start, end, (Fade)fade));
out:
    return st;
}

static Status read_edit(const Json *line, const Song *song, Edit *edit) {
    Status st = BS_OK;
    const Json *body, *segments, *row;
    size_t n;
    int32_t rate;
    TRY(json_get_object(line, "edit", &body));
    TRY(json_get_i32(body, "sample_rate", 1, 1 << 20, &rate));
    if (rate != song->sample_rate_hz)
        return fail(BS_CORRUPT, "edit at %d Hz of a song at %d Hz", rate, song->sample_rate_hz);
    edit->sample_rate_hz = rate;
    edit->song = song->hash;
    TRY(json_get_array(body, "segments", &segments, &n));
    for (size_t i = 0; i < n; i++) {
        TRY(json_at(segments, i, &row));
        TRY(read_segment(row, edit));
    }
    if (edit->n_segments > 0 && edit->segments[edit->n_segments - 1].end_sample > song->n_samples)
        st = fail(BS_CORRUPT, "edit reads past the end of its song");
out:
    return st;
}

typedef struct Line {
    const char *text;
    size_t n_bytes;
    int32_t song, number;
} Line;

static int by_song(const void *a, const void *b) {
    const Line *x = a, *y = b;
    return x->song != y->song ? (x->song < y->song ? -1 : 1)
                              : (x->number > y->number) - (x->number < y->number);
}

/* Which song a line is about: -1 when it is not in the book. */
static Status line_song(const Line *line, const SongBook *songs, int32_t *song) {
    Status st = BS_OK;
    Json *json = NULL;
    Hash hash;
    int version;
    TRY(json_parse(&json, "demos.jsonl", line->text, line->n_bytes));
    TRY(json_version(json, 1, &version));
    TRY(json_get_hash(json, "song", &hash));
    *song = songs_find(songs, &hash);
out:
    json_free(json);
    return st;
}

static Status add_line(Demos *demos, const Line *line, SongBook *songs, uint64_t seed) {
    Status st = BS_OK;
    Json *json = NULL;
    Edit edit;
    edit_init(&edit);
    TRY(json_parse(&json, "demos.jsonl", line->text, line->n_bytes));
    TRY(read_edit(json, songs->entries[line->song].song, &edit));
    TRY(demos_add(demos, songs, line->song, &edit, rng_mix(seed, (uint64_t)line->number)));
out:
    json_free(json);
    edit_drop(&edit);
    return st;
}

static void count_bad(Demos *demos, const Line *line) {
    if (demos->n_bad++ == 0)
        snprintf(demos->first_bad, sizeof demos->first_bad, "line %d: %.200s", line->number, error_text());
}

Status demos_load(Demos *out, const char *path, SongBook *songs, uint64_t seed) {
    Status st = BS_OK;
    void *bytes = NULL;
    size_t n_bytes = 0;
    Line *lines = NULL;
    int32_t n = 0, n_newlines = 1;
    *out = (Demos){0};
    if (!file_exists(path)) return BS_OK;
    TRY(file_read(path, DEMOS_MAX_BYTES, &bytes, &n_bytes));
    for (size_t i = 0; i < n_bytes; i++) n_newlines += ((char *)bytes)[i] == '\n';
    lines = calloc((size_t)n_newlines, sizeof *lines);
    if (!lines) {
        st = fail(BS_NOMEM, "%s: out of memory", path);
        goto out;
    }
    for (char *at = bytes, *end = at + n_bytes; at < end;) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end; /* a line without its newline may be torn: the parser says */
        Line line = {.text = at, .n_bytes = (size_t)(stop - at), .number = ++out->n_lines};
        at = stop + 1;
        if (line.n_bytes == 0) continue;
        if (line_song(&line, songs, &line.song) != BS_OK)
            count_bad(out, &line);
        else if (line.song < 0)
            out->n_unknown++;
        else
            lines[n++] = line;
    }
    qsort(lines, (size_t)n, sizeof *lines, by_song);
    for (int32_t i = 0; i < n; i++) {
        Status one = add_line(out, &lines[i], songs, seed);
        if (one == BS_NOMEM) {
            st = one;
            goto out;
        }
        if (one != BS_OK) count_bad(out, &lines[i]);
    }
out:
    free(lines);
    free(bytes);
    return st;
}

/* ---- drawing ------------------------------------------------------------------------------------ */

int32_t demos_draw(const Demos *demos, uint64_t seed, uint64_t u, int32_t n_wanted, Episode **out) {
    if (demos->n_groups == 0) return 0;
    uint64_t n_groups = (uint64_t)demos->n_groups,
             per_update = ((uint64_t)n_wanted + TICKET_GROUP - 1) / TICKET_GROUP;
    int32_t n = 0;
    for (uint64_t k = u * per_update; k < (u + 1) * per_update && n < n_wanted; k++) {
        /* stride through the groups from a start that changes with each pass over them */
        uint64_t g = (rng_mix(rng_mix(seed, FOR_DRAW), k / n_groups) + k) % n_groups;
        for (int32_t i = demos->group[g]; i < demos->group[g + 1] && n < n_wanted + TICKET_GROUP; i++)
            out[n++] = demos->episodes[i];
    }
    return n;
}
