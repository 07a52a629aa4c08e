// needs: featurizer simulator
/* Trains the flaw model on simulated sessions and writes featurizer/dsp/flaw_weights.inc.
 *
 *   train_flaw [-n sessions] [-r rows file] -o flaw_weights.inc
 *
 * Sessions are simulated with seeds of their own (50000 on) and lengths of 40 to 200 s, heard, and every beat
 * becomes four rows: as seen with all takes, with two others, with one other, alone. The target is the true
 * severity, 1 for beats heard where nobody plays the piece. One session in eight is kept out to stop by and
 * to report: AUC of bars and reliability (what was said against what was true), per view. -r keeps the rows
 * in a file, or reads them when it is there. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/audio/audio.h"
#include "common/core/rng.h"
#include "featurizer/dsp/flaw.h"
#include "featurizer/featurize.h"
#include "simulator/session.h"
#include "tests/train/fit.h"

enum { FIRST_SEED = 50000, HIDDEN = 12 };

/* ---- collecting -------------------------------------------------------------------------------- */

/* The severity of what is truly played at the middle of a unit; below 0 where that is no question. */
static float severity_at(const Truth *t, int64_t at) {
    const TruthUnit *u = &t->units[truth_unit_at(t, at >= t->n_samples ? t->n_samples - 1 : at)];
    return u->kind == UNIT_BEAT ? u->flaw : u->kind == UNIT_TAIL ? -1 : 1;
}

static Status collect(FitRows *rows, int32_t number) {
    const uint64_t seed = FIRST_SEED + (uint64_t)number;
    char path[] = "/tmp/train_flaw_XXXXXX.wav";
    const char *file = path;
    Status st = BS_OK;
    int fd = mkstemps(path, 4);
    if (fd < 0) return fail(BS_IO, "%s: cannot be made", path);
    close(fd);
    Session session = {0};
    Song *song = NULL;
    FlawRows flaws = {0};
    Rng r = rng_at(seed, 1);
    TRY(session_make(&session, "train", seed, rng_between(&r, 40, 200)));
    TRY(audio_save(path, session.samples, session.n_samples, 2, SESSION_RATE, 16));
    TRY(featurize_files(&file, NULL, 1, &(FeaturizeOptions){.flaw_rows = &flaws}, NULL, NULL, &song));
    for (int32_t v = 0; v < FLAW_VIEWS; v++)
        for (int32_t u = 0; u < flaws.n_units; u++) {
            const float *x = flaws.rows + ((size_t)v * (size_t)flaws.n_units + (size_t)u) * FLAW_INPUTS;
            float severity =
                severity_at(session.truth, (song->units[u].start_sample + song_unit_end(song, u)) / 2);
            if (x[0] == x[0] && severity >= 0) fit_add(rows, x, severity, number, song->units[u].bar, v);
        }
out:
    unlink(path);
    free(flaws.rows);
    song_free(song);
    session_drop(&session);
    return st;
}

/* ---- the report -------------------------------------------------------------------------------- */

typedef struct Judged {
    float said, truth;
} Judged;

static int by_said(const void *a, const void *b) {
    float x = ((const Judged *)a)->said, y = ((const Judged *)b)->said;
    return (x > y) - (x < y);
}

/* Bars with severity 0 against those from 0.2, by ranks. */
static double auc_of(Judged *j, int64_t n) {
    double ranks = 0, bad = 0, good = 0;
    qsort(j, (size_t)n, sizeof *j, by_said);
    for (int64_t i = 0; i < n; i++) {
        if (j[i].truth > 0 && j[i].truth < 0.2F) continue;
        if (j[i].truth > 0)
            ranks += good, bad++;
        else
            good++;
    }
    return bad > 0 && good > 0 ? ranks / (bad * good) : 0.5;
}

static void report(const FitNet *net, const FitRows *r) {
    static const char *const names[FLAW_VIEWS] = {"all takes", "two others", "one other", "alone"};
    Judged *bars = malloc(sizeof *bars * (size_t)(r->n + 1));
    BS_ASSERT(bars);
    for (int v = 0; v < FLAW_VIEWS; v++) {
        int64_t n = 0, last = -1;
        double said[10] = {0}, truth[10] = {0}, count[10] = {0};
        for (int64_t k = 0; k < r->n; k++) {
            if (r->tag[k] != v || r->session[k] % FIT_KEPT_OUT) continue;
            float y = 1 / (1 + expf(-fit_run(net, r->x + k * FLAW_INPUTS)));
            int bin = (int)(10 * y) > 9 ? 9 : (int)(10 * y);
            said[bin] += y, truth[bin] += r->target[k], count[bin]++;
            bool same = last >= 0 && r->group[last] == r->group[k] && r->session[last] == r->session[k];
            if (!same) bars[n++] = (Judged){0, 0};
            bars[n - 1].said = fmaxf(bars[n - 1].said, y);
            bars[n - 1].truth = fmaxf(bars[n - 1].truth, r->target[k]);
            last = k;
        }
        fprintf(stderr, "%s: AUC of bars %.4f over %lld bars; said/true (beats):", names[v], auc_of(bars, n),
                (long long)n);
        for (int b = 0; b < 10; b++)
            if (count[b] > 0)
                fprintf(stderr, " %.2f/%.2f (%.0f)", said[b] / count[b], truth[b] / count[b], count[b]);
        fprintf(stderr, "\n");
    }
    free(bars);
}

static const FitTask task = {
    .name = "flaw",
    .n_in = FLAW_INPUTS,
    .n_hidden = HIDDEN,
    .n_members = 10,
    .loss = FIT_LIKELIHOOD,
    .decay = 3e-4,
    .sources = {{'n', 300, collect}},
    .report = report,
};

int main(int argc, char **argv) { return fit_main(&task, argc, argv); }
