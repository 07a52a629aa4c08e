// needs: featurizer simulator common/env
/* What is left of a person's edit when it has become units and actions of the environment: sessions and their
 * right edits are rendered, the edit is aligned with the recording, projected onto what was heard, parsed,
 * and replayed.
 *
 *     bench_project [-n sessions] [-s seed] [-l seconds] [-v]
 *
 * Twice: with the Song that is heard, and with the truth as a Song, which shows what the projection alone
 * loses. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/core/rng.h"
#include "common/env/env_retell.h"
#include "common/host/file.h"
#include "featurizer/featurize.h"
#include "featurizer/pair.h"
#include "simulator/simulate.h"
#include "tests/unit/truth_song.h"

enum { MAX_SESSIONS = 1024 };

typedef struct Totals {
    int32_t n_seams, n_projected, n_replayed; /* of these, within a quarter of a beat */
    int32_t n_cuts, n_of_tune;                /* seams as projected; between units of the tune */
    int32_t n_edits, n_whole, n_near;         /* edits; made by actions as projected; with changes */
    double loss[MAX_SESSIONS], replay_loss[MAX_SESSIONS];
} Totals;

static double cpu(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seams of the right edit that `edit` has within a quarter of a beat on both sides. */
static int32_t seams_kept(const Truth *t, const Edit *edit) {
    const Edit *right = &t->edit;
    const double quarter = truth_beat_samples(t, t->tune) / 4;
    int32_t n = 0;
    for (int32_t i = 1; i < right->n_segments; i++)
        for (int32_t k = 1; k < edit->n_segments; k++) {
            const double leave =
                (double)(edit->segments[k - 1].end_sample - right->segments[i - 1].end_sample);
            const double enter = (double)(edit->segments[k].start_sample - right->segments[i].start_sample);
            if (fabs(leave) > quarter || fabs(enter) > quarter) continue;
            n++;
            break;
        }
    return n;
}

/* Seams between units of the tune that is edited: of no other can an episode keep any. */
static int32_t seams_of_tune(const Song *song, const Projection *p) {
    int32_t n = 0;
    for (int32_t i = 1; i < p->n; i++) {
        if (p->units[i] == p->units[i - 1] + 1) continue;
        const int16_t a = song->units[p->units[i - 1]].take, b = song->units[p->units[i]].take;
        n += (a < 0 || song->takes[a].tune == p->tune) && (b < 0 || song->takes[b].tune == p->tune);
    }
    return n;
}

static Status retell(const Song *song, const Projection *p, Retelling *out) {
    Status st = BS_OK;
    EnvSong *es = NULL;
    Env *env = NULL;
    *out = (Retelling){0};
    TRY(env_song_new(&es, song));
    TRY(env_new(&env, es));
    TRY(env_retell(out, env, p));
out:
    env_free(env);
    env_song_free(es);
    return st;
}

static Status add_session(const Truth *t, const Song *song, const Edit *made, int64_t foreign, Totals *s,
                          const char *how, bool verbose) {
    Status st = BS_OK;
    Projection p = {0};
    Retelling told = {0};
    double loss = 1, told_loss = 1;
    const int32_t n = t->edit.n_segments - 1;
    int32_t n_told = 0;
    TRY(projection_make(&p, song, made));
    TRY(projection_loss(made, foreign, &p.edit, &loss));
    const Status made_by_actions = retell(song, &p, &told);
    if (made_by_actions == BS_OK) {
        TRY(projection_loss(made, foreign, &told.edit, &told_loss));
        n_told = seams_kept(t, &told.edit);
    } else if (verbose) {
        printf("#   %s\n", error_text());
    }
    const int32_t n_projected = seams_kept(t, &p.edit), n_in_tune = seams_of_tune(song, &p);
    s->n_seams += n, s->n_projected += n_projected, s->n_replayed += n_told;
    s->n_of_tune += n_in_tune, s->n_cuts += p.edit.n_segments - 1;
    s->n_whole += told.whole, s->n_near += !told.whole && made_by_actions == BS_OK;
    s->loss[s->n_edits] = loss, s->replay_loss[s->n_edits++] = told_loss;
    if (verbose)
        printf("# %s %s: %d seams, %d projected, %d replayed%s, loss %.3f, replayed %.3f\n", t->name, how, n,
               n_projected, n_told, told.whole ? "" : ", changed", loss, told_loss);
out:
    projection_drop(&p);
    retelling_drop(&told);
    return st;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

static void print_totals(const char *how, Totals *s) {
    double sum = 0, replay_sum = 0;
    for (int32_t i = 0; i < s->n_edits; i++) sum += s->loss[i], replay_sum += s->replay_loss[i];
    qsort(s->loss, (size_t)s->n_edits, sizeof *s->loss, by_size);
    qsort(s->replay_loss, (size_t)s->n_edits, sizeof *s->replay_loss, by_size);
    printf("project_%s_seams %d count\n", how, s->n_seams);
    printf("project_%s_cuts_projected %.4f share\n", how, share(s->n_projected, s->n_seams));
    printf("project_%s_cuts_replayed %.4f share\n", how, share(s->n_replayed, s->n_seams));
    printf("project_%s_cuts_of_one_tune %.4f share\n", how, share(s->n_of_tune, s->n_cuts));
    printf("project_%s_edits_as_projected %.4f share\n", how, share(s->n_whole, s->n_edits));
    printf("project_%s_edits_changed %.4f share\n", how, share(s->n_near, s->n_edits));
    printf("project_%s_loss_mean %.4f share\n", how, share(sum, s->n_edits));
    printf("project_%s_loss_median %.4f share\n", how, s->n_edits ? s->loss[s->n_edits / 2] : 0);
    printf("project_%s_replay_loss_mean %.4f share\n", how, share(replay_sum, s->n_edits));
    printf("project_%s_replay_loss_median %.4f share\n", how,
           s->n_edits ? s->replay_loss[s->n_edits / 2] : 0);
}

typedef struct Run {
    Totals heard, truth;
    int32_t n_pieces_seams, n_aligned; /* seams of the right edits; those that the aligner has */
    int32_t n_failed;
    double align_s, raw_s;
} Run;

static Status one_session(const char *folder, int32_t number, Run *run, bool verbose) {
    Status st = BS_OK;
    char raw[PATH_BYTES], edit[PATH_BYTES], truth_path[PATH_BYTES], name[64];
    Truth *truth = NULL;
    Song *heard = NULL, *known = NULL;
    Alignment a = {0};
    Edit made;
    int64_t foreign = 0;
    edit_init(&made);
    snprintf(name, sizeof name, "song%04d_raw.wav", number);
    TRY(path_join(raw, folder, name));
    snprintf(name, sizeof name, "song%04d_edit.wav", number);
    TRY(path_join(edit, folder, name));
    snprintf(name, sizeof name, "song%04d.truth.json", number);
    TRY(path_join(truth_path, folder, name));
    TRY(truth_read(&truth, truth_path));
    const char *raws[1] = {raw};
    const double from = cpu();
    st = align_files(raws, 1, edit, &a);
    run->align_s += cpu() - from;
    run->raw_s += (double)truth->n_samples / truth->sample_rate_hz;
    if (st != BS_OK) {
        printf("# %s: %s\n", truth->name, error_text());
        run->n_failed++;
        st = BS_OK;
        goto out;
    }
    TRY(align_edit(&a, truth_beat_samples(truth, truth->tune) / truth->sample_rate_hz, &made));
    foreign = pair_foreign_samples(&a);
    run->n_pieces_seams += truth->edit.n_segments - 1;
    run->n_aligned += seams_kept(truth, &made);
    TRY(featurize_files(raws, NULL, 1, NULL, NULL, NULL, &heard));
    TRY(add_session(truth, heard, &made, foreign, &run->heard, "heard", verbose));
    known = truth_song(truth);
    if (known) TRY(add_session(truth, known, &made, foreign, &run->truth, "truth", verbose));
out:
    truth_free(truth);
    song_free(heard);
    song_free(known);
    align_drop(&a);
    edit_drop(&made);
    return st;
}

int main(int argc, char **argv) {
    Status st = BS_OK;
    SimulateOptions o = {
        .n_songs = 16, .first_song = 1, .seed = 535300, .length_s = 90, .n_jobs = 1, .edits = true};
    char folder[] = "/tmp/bandsaw-bench-project-XXXXXX";
    bool verbose = false;
    Run *run = calloc(1, sizeof *run);
    for (int c; (c = getopt(argc, argv, "n:s:l:v")) != -1;) switch (c) {
        case 'n':
            o.n_songs = atoi(optarg);
            break;
        case 's':
            o.seed = strtoull(optarg, NULL, 10);
            break;
        case 'l':
            o.length_s = atof(optarg);
            break;
        default:
            verbose = true;
        }
    if (!run || o.n_songs > MAX_SESSIONS || !mkdtemp(folder)) return 1;
    o.folder = folder;
    st = simulate(&o, NULL, NULL);
    for (int32_t i = 1; i <= o.n_songs && st == BS_OK; i++) st = one_session(folder, i, run, verbose);
    if (st != BS_OK) fprintf(stderr, "bench_project: %s\n", error_text());
    dir_remove(folder);
    printf("project_align_failed %d count\n", run->n_failed);
    printf("project_cuts_aligned %.4f share\n", share(run->n_aligned, run->n_pieces_seams));
    printf("project_align_cpu %.4f of_recording\n", share(run->align_s, run->raw_s));
    print_totals("heard", &run->heard);
    print_totals("truth", &run->truth);
    free(run);
    return st == BS_OK ? 0 : 1;
}
