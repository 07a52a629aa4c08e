// needs: common/policy common/model common/nn common/env common/song common/host simulator
/* What is lost by mishearing, in points of the judge: `retarget` cuts the same sessions as they were heard,
 * and as an ear without faults would have heard them, with one part of that ear after the other taken from
 * the Song.
 *
 *   build/bench/bench_misheard DATA    a folder that `bandsaw simulate` made and `bandsaw featurize` heard
 *
 * The judge goes by truth alone here. Lines are `name value unit`; dense rewards stand beside, and what the
 * right edits of the truth files would get. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/file.h"
#include "common/host/json.h"
#include "common/policy/policy.h"
#include "simulator/judge.h"
#include "tests/unit/truth_song.h"

typedef enum Ear {
    HEARD,             /* the Song as it is */
    HEARD_TRUE_FLAWS,  /* the same, but flaws are known */
    TRUE_FORM,         /* beats, takes, slots and sections are known; flaws and sound are heard */
    TRUE_FORM_NO_FLAW, /* the same, and no flaw is heard at all */
    TRUE_ALL,
    RIGHT_EDIT, /* nobody listens: the right edit under the dense reward of TRUE_ALL */
    EARS
} Ear;

static const char *const ear_names[EARS] = {"heard",          "heard_true_flaws", "true_form",
                                            "true_form_deaf", "true_all",         "right_edit"};

typedef struct Totals {
    double judged[EARS], dense[EARS];
    int32_t n[EARS];
} Totals;

static int32_t units[ENV_MAX_UNITS];
static uint8_t fades[ENV_MAX_UNITS];

/* ---- Songs ---- */

static const TruthUnit *truth_at(const Truth *t, int64_t sample) {
    int32_t low = 0, high = t->n_units;
    while (high - low > 1) {
        const int32_t mid = low + (high - low) / 2;
        *(t->units[mid].start_sample <= sample ? &low : &high) = mid;
    }
    return &t->units[low];
}

static int64_t middle_of(const Song *s, int32_t u) {
    return (s->units[u].start_sample + song_unit_end(s, u)) / 2;
}

static bool of_tune(const Truth *t, const TruthUnit *u) {
    return u->kind == UNIT_BEAT && t->takes[u->take].tune == t->tune;
}

/* The tune that shares most time with the one the truth file asks for. */
static int32_t heard_tune(const Song *s, const Truth *t) {
    int64_t shared[SONG_MAX_TUNES] = {0};
    int32_t best = 0;
    for (int32_t u = 0; u < s->n_units; u++)
        if (s->units[u].take >= 0 && of_tune(t, truth_at(t, middle_of(s, u))))
            shared[s->takes[s->units[u].take].tune] += song_unit_samples(s, u);
    for (int32_t i = 1; i < s->n_tunes; i++)
        if (shared[i] > shared[best]) best = i;
    return best;
}

static void know_flaws(Song *s, const Truth *t) {
    for (int32_t u = 0; u < s->n_units; u++) {
        const TruthUnit *x = truth_at(t, middle_of(s, u));
        s->units[u].flaw = of_tune(t, x) ? x->flaw : 1;
    }
}

/* Beats sound as they were heard where they lie. */
static void take_sound(Song *to, const Song *heard) {
    for (int32_t u = 0; u < to->n_units; u++) {
        SongUnit *x = &to->units[u];
        const SongUnit *y = &heard->units[song_unit_at(heard, middle_of(to, u))];
        if (x->kind != UNIT_BEAT) continue;
        memcpy(x->chroma, y->chroma, sizeof x->chroma);
        memcpy(x->timbre, y->timbre, sizeof x->timbre);
        x->loudness_db = y->loudness_db;
        x->vocal = y->vocal;
        x->flaw = y->flaw;
    }
}

static void hear_no_flaws(Song *s) {
    for (int32_t u = 0; u < s->n_units; u++) s->units[u].flaw = 0.1F;
}

/* ---- cutting and judging ---- */

static Status cut_and_judge(const Song *s, int32_t tune, const Truth *t, Ear ear, Totals *totals) {
    Status st = BS_OK;
    EnvSong *es = NULL;
    Job job;
    Edit edit;
    JudgeScore score;
    float terms[REWARD_TERMS];
    int32_t n;
    edit_init(&edit);
    TRY(env_song_new(&es, s));
    job_init(&job, s);
    job.tune = tune;
    job.lo_samples = t->lo_samples;
    job.hi_samples = t->hi_samples;
    if (ear == RIGHT_EDIT)
        TRY(edit_to_units(&t->edit, s, units, fades, ENV_MAX_UNITS, &n, NULL));
    else
        TRY(retarget_plan(es, &job, units, fades, ENV_MAX_UNITS, &n));
    env_score(es, &job, units, fades, n, terms);
    TRY(edit_from_units(&edit, s, units, fades, n));
    TRY(judge(t, t->tune, &edit, t->lo_samples, t->hi_samples, &score));
    totals->judged[ear] += score.score;
    totals->dense[ear] += (double)env_score_total(&job, terms);
    totals->n[ear]++;
out:
    edit_drop(&edit);
    env_song_free(es);
    return st;
}

/* Changes `heard`. What one ear cannot cut is left out of its mean, and said. */
static void session(Song *heard, const Truth *t, Totals *totals) {
    Song *song = truth_song(t);
    const int32_t tune = heard_tune(heard, t);
    Status st[EARS] = {BS_OK};
    if (!song) return;
    st[HEARD] = cut_and_judge(heard, tune, t, HEARD, totals);
    st[TRUE_ALL] = cut_and_judge(song, t->tune, t, TRUE_ALL, totals);
    st[RIGHT_EDIT] = cut_and_judge(song, t->tune, t, RIGHT_EDIT, totals);
    take_sound(song, heard);
    st[TRUE_FORM] = cut_and_judge(song, t->tune, t, TRUE_FORM, totals);
    hear_no_flaws(song);
    st[TRUE_FORM_NO_FLAW] = cut_and_judge(song, t->tune, t, TRUE_FORM_NO_FLAW, totals);
    know_flaws(heard, t);
    st[HEARD_TRUE_FLAWS] = cut_and_judge(heard, tune, t, HEARD_TRUE_FLAWS, totals);
    for (int ear = 0; ear < EARS; ear++)
        if (st[ear] != BS_OK) fprintf(stderr, "%s: no edit under %s\n", t->name, ear_names[ear]);
    song_free(song);
}

/* ---- the folder ---- */

/* A line of demos.jsonl: every simulated session has a demonstration. */
static Status open_session(const char *data, const Json *demo, Song **song, Truth **truth) {
    Status st = BS_OK;
    const char *hash, *name;
    char path[PATH_BYTES], truth_path[PATH_BYTES], text[PATH_BYTES];
    void *bytes = NULL;
    size_t n_bytes;
    TRY(json_get_text(demo, "song", &hash));
    TRY(json_get_text(demo, "name", &name));
    if (snprintf(path, sizeof path, "%s/.bandsaw/blobs/%.2s/%s", data, hash, hash) >= PATH_BYTES)
        TRY(fail(BS_TOO_BIG, "%s: the path is too long", data));
    TRY(file_read(path, SONG_MAX_BYTES, &bytes, &n_bytes));
    TRY(song_unpack(song, bytes, n_bytes));
    if (snprintf(text, sizeof text, "%s.truth.json", name) >= PATH_BYTES)
        TRY(fail(BS_TOO_BIG, "%s: the name is too long", name));
    TRY(path_join(truth_path, data, text));
    TRY(truth_read(truth, truth_path));
out:
    free(bytes);
    return st;
}

int main(int argc, char **argv) {
    Totals totals = {0};
    char path[PATH_BYTES], line[1 << 16];
    if (argc != 2) {
        fprintf(stderr, "usage: %s DATA\n", argv[0]);
        return 2;
    }
    if (path_join(path, argv[1], ".bandsaw/demos.jsonl") != BS_OK) return 2;
    FILE *demos = fopen(path, "r");
    if (!demos) {
        fprintf(stderr, "%s: cannot be read: featurize the folder first\n", path);
        return 1;
    }
    while (fgets(line, sizeof line, demos)) {
        Json *demo = NULL;
        Song *song = NULL;
        Truth *truth = NULL;
        Status st = json_parse(&demo, path, line, strlen(line));
        if (st == BS_OK) st = open_session(argv[1], demo, &song, &truth);
        if (st == BS_OK)
            session(song, truth, &totals);
        else
            fprintf(stderr, "%s\n", error_text());
        truth_free(truth);
        song_free(song);
        json_free(demo);
    }
    fclose(demos);
    for (int ear = 0; ear < EARS; ear++) {
        if (!totals.n[ear]) continue;
        printf("judge_%s %.2f of_10\n", ear_names[ear], totals.judged[ear] / totals.n[ear]);
        printf("dense_%s %.2f reward\n", ear_names[ear], totals.dense[ear] / totals.n[ear]);
        printf("sessions_%s %d count\n", ear_names[ear], totals.n[ear]);
    }
    return totals.n[HEARD] ? 0 : 1;
}
