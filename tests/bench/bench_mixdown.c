// needs: common/audio simulator
/* What is heard at 1,000 seams over eight materials (tests/unit/seam_material.h) and at those of a simulated
 * session cut into single bars in random order; the same ear on the seams that a hard cut would make, for
 * comparison. Wrong grids and samples that differ outside ramps end it. Then how fast. bench_mixdown [SEED]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/audio/mixdown.h"
#include "common/core/rng.h"
#include "common/host/clock.h"
#include "common/host/file.h"
#include "simulator/session.h"
#include "tests/unit/seam_material.h"
#include "tests/unit/seam_trial.h"

enum { SEAMS = 125, SESSION_SEAMS = 150, WIDE = 2 };

static char folder[] = "/tmp/bandsaw-bench-mixdown-XXXXXX";

static int stop(const char *what) {
    fprintf(stderr, "bench_mixdown: %s: %s\n", what, error_text());
    dir_remove(folder);
    return 1;
}

static void add(SeamTrial *sum, const SeamTrial *t) {
    sum->seams += t->seams;
    sum->percussive += t->percussive;
    sum->differing += t->differing;
    if (t->grid_error > sum->grid_error) sum->grid_error = t->grid_error;
    sum->peak = fmax(sum->peak, t->peak);
    sum->heard.n_seams += t->heard.n_seams;
    sum->heard.flams += t->heard.flams;
    sum->heard.clicks += t->heard.clicks;
    sum->heard.n_attacks += t->heard.n_attacks;
    sum->heard.late += t->heard.late;
    sum->heard.lost += t->heard.lost;
    sum->heard.worst_ms = fmax(sum->heard.worst_ms, t->heard.worst_ms);
    sum->heard.n_levels += t->heard.n_levels;
    sum->heard.level_db += t->heard.level_db;
}

static Status listen_to(MaterialKind kind, SeamHow how, uint64_t seed, SeamTrial *trial) {
    Status st = BS_OK;
    Material m = material_make(kind, seed);
    Edit edit;
    TRY(material_edit(&m, SEAMS, true, seed, &edit));
    TRY(trial_run(trial, folder, m.samples, m.n, 1, &edit, how));
out:
    edit_drop(&edit);
    free(m.samples);
    return st;
}

/* Bars in random order, by truth. */
static Status random_bars(const Truth *t, Edit *edit) {
    Status st = BS_OK;
    Rng rng = rng_at(3, 3);
    edit_init(edit);
    edit->sample_rate_hz = SESSION_RATE;
    while (edit->n_segments <= SESSION_SEAMS) {
        int32_t u = (int32_t)rng_below(&rng, (uint32_t)(t->n_units - t->tunes[0].meter));
        if (!truth_bar_at(t, u)) continue;
        TRY(edit_append(edit, t->units[u].start_sample,
                        truth_unit_end(t, u + t->tunes[truth_unit_tune(t, u)].meter - 1), FADE_SHORT));
    }
out:
    return st;
}

static void print(const char *name, const SeamTrial *t) {
    const EarReport *h = &t->heard;
    const double hundreds = h->n_seams / 100.0;
    printf("mixdown_%s_seams %d seams\n", name, h->n_seams);
    printf("mixdown_%s_percussive %.1f %%\n", name, t->percussive / hundreds);
    printf("mixdown_%s_grid_error %lld samples\n", name, (long long)t->grid_error);
    printf("mixdown_%s_flams_or_clicks %.2f /100\n", name, (h->flams + h->clicks) / hundreds);
    printf("mixdown_%s_clicks %.2f /100\n", name, h->clicks / hundreds);
    printf("mixdown_%s_attacks %d attacks\n", name, h->n_attacks);
    printf("mixdown_%s_attacks_within_3_ms %.2f %%\n", name,
           h->n_attacks ? 100.0 * (h->n_attacks - h->late - h->lost) / h->n_attacks : 100);
    printf("mixdown_%s_attack_worst %.1f ms\n", name, h->worst_ms);
    if (h->n_levels) printf("mixdown_%s_level %.2f dB\n", name, h->level_db / h->n_levels);
}

static int speed(const Session *session, const Edit *edit) {
    char raw[PATH_BYTES], song[PATH_BYTES];
    const char *path = raw;
    AudioReader *reader;
    AudioWriter *writer;
    MixPlan plan;
    if (path_join(raw, folder, "fast.wav") || path_join(song, folder, "fast_song.wav")) return 1;
    if (audio_save(raw, session->samples, session->n_samples, WIDE, SESSION_RATE, 16)) return 1;
    if (audio_open(&reader, &path, 1)) return 1;
    const double t0 = clock_s();
    if (mix_plan(&plan, edit, reader, NULL, NULL)) return 1;
    const double t1 = clock_s();
    if (audio_create(&writer, song, SESSION_RATE, WIDE, 16) ||
        mix_render(&plan, edit, reader, writer, NULL, NULL) || audio_finish(writer))
        return 1;
    const double t2 = clock_s();
    audio_close(reader);
    printf("mixdown_plan %.2f ms/seam\n", 1000 * (t1 - t0) / plan.n_seams);
    printf("mixdown_render %.0f x realtime\n", (double)plan.n_samples / SESSION_RATE / (t2 - t1));
    mix_plan_drop(&plan);
    return 0;
}

int main(int argc, char **argv) {
    const uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 20260;
    SeamTrial all = {0}, hard = {0}, simulated = {0};
    Session session;
    Edit edit;
    if (!mkdtemp(folder)) return stop("folder");
    for (int k = 0; k < MATERIAL_KINDS; k++) {
        SeamTrial t = {0}, cut = {0};
        if (listen_to((MaterialKind)k, SEAM_PLANNED, seed + (uint64_t)k, &t)) return stop(material_names[k]);
        if (listen_to((MaterialKind)k, SEAM_HARD, seed + (uint64_t)k, &cut)) return stop(material_names[k]);
        printf("mixdown_%s_flams_or_clicks %.2f /100\n", material_names[k],
               100.0 * (t.heard.flams + t.heard.clicks) / t.heard.n_seams);
        add(&all, &t);
        add(&hard, &cut);
    }
    if (session_make(&session, "bench", seed, 90) || random_bars(session.truth, &edit))
        return stop("session");
    if (trial_run(&simulated, folder, session.samples, session.n_samples, WIDE, &edit, SEAM_PLANNED))
        return stop("session");
    if (all.grid_error || all.differing || all.peak > 1 || simulated.grid_error || simulated.differing) {
        fprintf(stderr,
                "bench_mixdown: wrong: grid error %lld, %lld samples differ outside ramps, peak %.4f\n",
                (long long)(all.grid_error + simulated.grid_error),
                (long long)(all.differing + simulated.differing), all.peak);
        dir_remove(folder);
        return 1;
    }
    print("all", &all);
    printf("mixdown_hard_cuts_flams_or_clicks %.2f /100\n",
           100.0 * (hard.heard.flams + hard.heard.clicks) / hard.heard.n_seams);
    print("session", &simulated);
    if (speed(&session, &edit)) return stop("speed");
    edit_drop(&edit);
    session_drop(&session);
    return dir_remove(folder) == BS_OK ? 0 : stop("clean up");
}
