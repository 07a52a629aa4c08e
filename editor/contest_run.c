/* Running a contest: threads take recordings one after the other and fill that recording's cells.
 *
 * Jobs are functions of (seed, song, index): around the length of the tune's form and by keep ratio in
 * turn; one that the right edit or the environment cannot meet is drawn again. Draws of policies are keyed
 * by (seed, song, index of the Job, index of the draw), so adding a row changes no other row. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "common/host/cache.h"
#include "common/host/file.h"
#include "editor/contest.h"
#include "editor/cut.h"
#include "simulator/judge.h"
#include "simulator/judge_ear.h"
#include "simulator/right_edit.h"

enum { MAX_DRAWS = 32 };

typedef struct Runner {
    Contest *contest;
    Cache *blobs;
    const char *data;
    atomic_int next_session;
    atomic_bool stop;
    pthread_mutex_t lock; /* of what follows */
    int32_t n_done;
    Status status;
    char error[1024];
    ContestProgress progress;
    void *context;
} Runner;

/* A recording on the bench. */
typedef struct Bench {
    const Contest *contest;
    int32_t session;
    Song *song;
    Truth *truth;
    JudgeEar *ear; /* NULL: the judge does not listen */
    EnvSong *es;
    Env *env;
    Policy *policies[CONTEST_MAX_ROWS]; /* opened when first needed, kept from recording to recording */
} Bench;

static void bench_clear(Bench *b) {
    env_free(b->env);
    env_song_free(b->es);
    song_free(b->song);
    ear_close(b->ear); /* borrows truth */
    truth_free(b->truth);
    b->ear = NULL;
    b->env = NULL;
    b->es = NULL;
    b->song = NULL;
    b->truth = NULL;
}

static void bench_drop(Bench *b) {
    bench_clear(b);
    for (int32_t r = 0; r < CONTEST_MAX_ROWS; r++) policy_close(b->policies[r]);
}

static Status open_ear(Bench *b, const char *data) {
    Status st = BS_OK;
    char paths[SONG_MAX_SOURCES][PATH_BYTES];
    const char *files[SONG_MAX_SOURCES];
    for (int32_t i = 0; i < b->song->n_sources; i++) {
        TRY(path_join(paths[i], data, b->song->sources[i].name));
        files[i] = paths[i];
    }
    TRY(ear_open(&b->ear, b->truth, files, b->song->n_sources));
    return BS_OK;
out:
    return fail_in(st, "the judge listens to recordings; --hear false does without");
}

static Status bench_load(Bench *b, Cache *blobs, const char *data, int32_t session) {
    Status st = BS_OK;
    FileMap map = {0};
    const ContestSession *s = &b->contest->sessions[session];
    bench_clear(b);
    b->session = session;
    TRY(cache_map(blobs, &s->song, &map));
    TRY(song_unpack(&b->song, map.bytes, map.n_bytes));
    TRY(truth_read(&b->truth, s->truth_path));
    if (b->truth->n_samples != b->song->n_samples || b->truth->sample_rate_hz != b->song->sample_rate_hz) {
        st = fail(BS_CORRUPT,
                  "%s: is not the truth of this recording: %lld samples at %d Hz, not %lld at %d Hz",
                  s->truth_path, (long long)b->truth->n_samples, b->truth->sample_rate_hz,
                  (long long)b->song->n_samples, b->song->sample_rate_hz);
        goto out;
    }
    if (b->contest->hear) TRY(open_ear(b, data));
    TRY(env_song_new(&b->es, b->song));
    TRY(env_new(&b->env, b->es));
out:
    if (map.bytes) file_unmap(&map);
    return st;
}

static uint64_t song_key(const Contest *c, const Song *song) {
    uint64_t head;
    memcpy(&head, song->hash.bytes, sizeof head);
    return rng_mix(c->seed, head);
}

/* The truth's number for the tune that a Job edits: the one most of its takes' sound belongs to. */
static int32_t tune_in_truth(const Bench *b, const Job *job) {
    const Song *song = b->song;
    double shared[TRUTH_MAX_TUNES] = {0};
    int32_t best = b->truth->tune;
    for (int32_t k = 0; k < song->n_takes; k++) {
        const SongTake *take = &song->takes[k];
        if (take->tune != job->tune || take->n_units < 1) continue;
        int64_t first = song->units[take->first_unit].start_sample,
                end = song_unit_end(song, take->first_unit + take->n_units - 1);
        int32_t tune = truth_tune_of(b->truth, first, end);
        if (tune >= 0) shared[tune] += (double)(end - first);
    }
    for (int32_t i = 0; i < b->truth->n_tunes; i++)
        if (shared[i] > shared[best]) best = i;
    return best;
}

/* One draw; BS_CONFLICT when it cannot be met. `right` is initialised by right_edit. */
static Status job_try(Bench *b, Rng *rng, int32_t k, Job *job, Edit *right) {
    Status st = BS_OK;
    const Truth *t = b->truth;
    job_init(job, b->song);
    const int32_t tune = tune_in_truth(b, job);
    const double form_s =
        t->tunes[tune].n_slots * t->tunes[tune].meter * truth_beat_samples(t, tune) / t->sample_rate_hz;
    const double raw_s = (double)t->n_samples / t->sample_rate_hz;
    const double target_s =
        k % 2 == 0 ? form_s * rng_between(rng, 0.8, 1.1) : raw_s * rng_between(rng, 0.15, 0.45);
    TRY(job_target(job, b->song, target_s, 0.05 * target_s));
    TRY(env_reset(b->env, job));
    TRY(right_edit(t, tune, job->lo_samples, job->hi_samples, right));
out:
    return st;
}

static Status job_draw(Bench *b, int32_t k, Job *job, Edit *right) {
    Status st = BS_CONFLICT;
    Rng rng = rng_at(song_key(b->contest, b->song), (uint64_t)k);
    for (int i = 0; i < MAX_DRAWS && st == BS_CONFLICT; i++) st = job_try(b, &rng, k, job, right);
    return st == BS_OK ? st : fail_in(st, "%s: no Job", b->contest->sessions[b->session].name);
}

static Status policy_of(Bench *b, int32_t r, Policy **out) {
    const ContestRow *row = &b->contest->rows[r];
    Status st = BS_OK;
    if (!b->policies[r]) st = policy_open(&b->policies[r], row->policy, row->weights, row->n_weight_bytes);
    *out = b->policies[r];
    return st;
}

static uint64_t draw_seed(const Bench *b, int32_t k, int32_t draw) {
    return rng_mix(rng_mix(song_key(b->contest, b->song), 0x6a6f62u + (uint64_t)k), (uint64_t)draw);
}

static Status make_cut(Bench *b, int32_t r, int32_t k, int32_t draw, const Job *job, const Edit *right,
                       Cut *cut) {
    Status st = BS_OK;
    Policy *policy;
    if (b->contest->rows[r].kind == ROW_RIGHT) return cut_of_edit(cut, right, b->es, job);
    TRY(policy_of(b, r, &policy));
    TRY(cut_make(cut, policy, b->es, b->env, job, draw_seed(b, k, draw)));
out:
    return st;
}

/* The judge's score of an edit, heard where there is an ear. */
static Status judge_edit(Bench *b, const Job *job, const Edit *edit, JudgeScore *score) {
    Status st = BS_OK;
    Heard heard;
    TRY(judge(b->truth, tune_in_truth(b, job), edit, job->lo_samples, job->hi_samples, score));
    if (!b->ear) return BS_OK;
    TRY(ear_hear(b->ear, edit, &heard));
    judge_add_sound(score, heard.fault);
out:
    return st;
}

static Status judge_cut(Bench *b, const ContestPair *pair, const Cut *cut, ContestCell *cell, float share) {
    const Job *job = &pair->job;
    JudgeScore score;
    Status st = judge_edit(b, job, &cut->edit, &score);
    if (st != BS_OK) return st;
    const int64_t n = edit_samples(&cut->edit);
    cell->judge += share * (float)score.score;
    cell->of_right += share * (float)(score.score / pair->right_judge);
    cell->gap_s += share * (float)score.gap_s;
    cell->n_seams += score.n_seams;
    cell->reward += share * cut->reward;
    for (int i = 0; i < JUDGE_PARTS; i++) cell->faults[i] += share * (float)score.faults[i];
    for (int i = 0; i < REWARD_TERMS; i++) cell->terms[i] += share * cut->terms[i];
    if (n >= job->lo_samples && n <= job->hi_samples) cell->in_window += share;
    return st;
}

static Status run_cell(Bench *b, int32_t r, int32_t k, const ContestPair *pair, const Edit *right,
                       ContestCell *cell) {
    Status st = BS_OK;
    Cut cut = {0};
    const int32_t n = row_draws(&b->contest->rows[r]) ? b->contest->n_seeds : 1;
    for (int32_t draw = 0; draw < n; draw++) {
        TRY(make_cut(b, r, k, draw, &pair->job, right, &cut));
        TRY(judge_cut(b, pair, &cut, cell, 1.0f / (float)n));
        cut_drop(&cut);
    }
    cell->n_seams /= n;
out:
    cut_drop(&cut);
    if (st != BS_OK) fail_in(st, "%s on %s", b->contest->rows[r].name, b->contest->sessions[b->session].name);
    return st;
}

static Status run_session(Bench *b, Runner *run, int32_t session) {
    Status st = BS_OK;
    Contest *c = run->contest;
    Edit right;
    edit_init(&right);
    TRY(bench_load(b, run->blobs, run->data, session));
    for (int32_t k = 0; k < c->jobs_per_song; k++) {
        ContestPair *pair = &c->pairs[session * c->jobs_per_song + k];
        JudgeScore best;
        pair->session = session;
        st = job_draw(b, k, &pair->job, &right);
        if (st == BS_CONFLICT) {
            c->sessions[session].without_job = true;
            st = BS_OK;
            goto out;
        }
        TRY(st);
        TRY(judge_edit(b, &pair->job, &right, &best));
        pair->right_judge = best.score;
        for (int32_t r = 0; r < c->n_rows && !run->stop; r++)
            TRY(run_cell(b, r, k, pair, &right, &c->cells[(session * c->jobs_per_song + k) * c->n_rows + r]));
        edit_drop(&right);
    }
out:
    edit_drop(&right);
    return st;
}

static void *work(void *context) {
    Runner *run = context;
    Bench bench = {.contest = run->contest};
    for (;;) {
        const int32_t session = run->next_session++;
        if (session >= run->contest->n_sessions || run->stop) break;
        Status st = run_session(&bench, run, session);
        pthread_mutex_lock(&run->lock);
        if (st != BS_OK && run->status == BS_OK) {
            run->status = st;
            memcpy(run->error, error_text(), strlen(error_text()) + 1);
            run->stop = true;
        }
        run->n_done++;
        if (run->progress) run->progress(run->context, run->n_done, run->contest->sessions[session].name);
        pthread_mutex_unlock(&run->lock);
    }
    bench_drop(&bench);
    return NULL;
}

static Status open_blobs(const char *data, Cache **blobs) {
    char folder[PATH_BYTES];
    Status st = path_join(folder, data, ".bandsaw/blobs");
    return st == BS_OK ? cache_open(blobs, folder) : st;
}

/* Recordings of which nothing can be asked are left out of all means. */
static void leave_out(Contest *c) {
    const int32_t jobs = c->jobs_per_song, cells = jobs * c->n_rows;
    int32_t n = 0;
    for (int32_t s = 0; s < c->n_sessions; s++) {
        if (c->sessions[s].without_job) continue;
        c->sessions[n] = c->sessions[s];
        memmove(&c->pairs[n * jobs], &c->pairs[s * jobs], sizeof *c->pairs * (size_t)jobs);
        memmove(&c->cells[n * cells], &c->cells[s * cells], sizeof *c->cells * (size_t)cells);
        for (int32_t k = 0; k < jobs; k++) c->pairs[n * jobs + k].session = n;
        n++;
    }
    c->n_without_job = c->n_sessions - n;
    c->n_sessions = n;
}

Status contest_run(Contest *c, const char *data, int32_t n_threads, ContestProgress progress, void *context) {
    Status st = BS_OK;
    Runner run = {.contest = c,
                  .data = data,
                  .progress = progress,
                  .context = context,
                  .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[64];
    int32_t n_started = 0;
    TRY(open_blobs(data, &run.blobs));
    if (n_threads > 64) n_threads = 64;
    while (n_started < n_threads && !pthread_create(&threads[n_started], NULL, work, &run)) n_started++;
    if (!n_started) work(&run);
    for (int32_t i = 0; i < n_started; i++) pthread_join(threads[i], NULL);
    if (run.status != BS_OK) st = fail(run.status, "%s", run.error);
    leave_out(c);
    if (st == BS_OK && !c->n_sessions)
        st = fail(BS_NOT_FOUND, "no edit of any recording of %s can be asked for", data);
out:
    cache_close(run.blobs);
    return st;
}

Status contest_edit(const Contest *c, const char *data, int32_t pair, int32_t row, Edit *out, Song **song) {
    Status st = BS_OK;
    Cache *blobs = NULL;
    Bench b = {.contest = c};
    Cut cut = {0};
    Edit right;
    float best = -1;
    const int32_t k = pair % c->jobs_per_song, n = row_draws(&c->rows[row]) ? c->n_seeds : 1;
    const Job *job = &c->pairs[pair].job;
    edit_init(&right);
    edit_init(out);
    TRY(open_blobs(data, &blobs));
    TRY(bench_load(&b, blobs, data, c->pairs[pair].session));
    if (c->rows[row].kind == ROW_RIGHT)
        TRY(right_edit(b.truth, tune_in_truth(&b, job), job->lo_samples, job->hi_samples, &right));
    for (int32_t draw = 0; draw < n; draw++) {
        ContestCell cell = {0};
        TRY(make_cut(&b, row, k, draw, job, &right, &cut));
        TRY(judge_cut(&b, &c->pairs[pair], &cut, &cell, 1));
        if (cell.judge > best) {
            best = cell.judge;
            edit_drop(out);
            *out = cut.edit;
            edit_init(&cut.edit);
        }
        cut_drop(&cut);
    }
    *song = b.song;
    b.song = NULL;
out:
    if (st != BS_OK) edit_drop(out);
    cut_drop(&cut);
    edit_drop(&right);
    bench_drop(&b);
    cache_close(blobs);
    return st;
}
