/* bandsaw edit: a recording becomes a song.
 *
 * Listen (featurizer), decide (policy in the environment), write (mixdown); or take an edit that is there,
 * repair it where that is asked, and write it. What can be refused is refused before listening starts, and
 * files appear under their names when every byte of all of them is on the disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/file.h"
#include "editor/alternatives.h"
#include "editor/edit_work.h"
#include "editor/fit.h"
#include "editor/repair.h"
#include "editor/summary.h"
#include "editor/verbs.h"
#include "featurizer/featurize.h"

static const Option options[] = {
#define OPTION(...) OPTION_ENTRY(EditSettings, __VA_ARGS__)
#include "editor/edit.def"
#undef OPTION
};

static const ConfigTable table = {
    .program = "bandsaw-editor",
    .usage = "bandsaw edit FILE... -o OUT [--target 3:30 | --keep 0.35] [options]",
    .about = "Cuts a song out of a recording. Several files are one recording, in the order given.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
};

/* As the edit says, else the one that it has most of, else the first. */
static int32_t tune_of_given(const EditWork *w) {
    if (w->origin.tune >= 0 && w->origin.tune < w->song->n_tunes) return w->origin.tune;
    const int32_t tune = edit_tune(&w->given, w->song);
    return tune < 0 ? 0 : tune;
}

static Status check_tune(const EditWork *w) {
    return w->set.tune <= w->song->n_tunes ? BS_OK
                                           : fail(BS_INVALID, "--tune %lld: the recording has %d",
                                                  (long long)w->set.tune, w->song->n_tunes);
}

static Status listen(EditWork *w) {
    Steps steps;
    StemFit fit;
    const FeaturizeOptions how = {.meter = (int)w->set.meter,
                                  .stems = w->set.stems,
                                  .tracks = w->tracks.n ? &w->tracks : NULL,
                                  .reader = w->reader,
                                  .fit = &fit};
    steps_start(&steps, "listening", !w->set.quiet);
    steps_next(&steps, 1);
    Status st = featurize_files(w->files, NULL, w->n_files, &how, steps_at, &steps, &w->song);
    steps_end(&steps, st == BS_OK);
    if (st == BS_OK && fit.n && !w->set.quiet)
        fprintf(stderr, "stems: %d files; they sum to the recording but for %.1f dB of it\n", fit.n,
                fit.residual_db);
    if (st == BS_OK) st = check_tune(w);
    if (st == BS_OK && w->set.from[0] && !w->set.tune) w->set.tune = tune_of_given(w) + 1;
    if (st == BS_OK) st = fit_to_episode(&w->song, &w->set.tune, w->set.quiet);
    if (st == BS_OK) st = env_song_new(&w->es, w->song);
    if (st == BS_OK) st = env_new(&w->env, w->es);
    return st;
}

/* ---- a new edit */

static Status make_job(const EditWork *w, Job *job) {
    const Song *song = w->song;
    double target_s;
    job_init(job, song);
    job->tune = w->set.tune ? (int32_t)w->set.tune - 1 : asked_tune(song);
    if (!w->set.target[0]) return job_keep(job, song, w->set.keep);
    Status st = parse_duration(w->set.target, &target_s);
    if (st != BS_OK) return fail_in(st, "--target");
    return job_target(job, song, target_s, target_s > 50 ? 0.02 * target_s : 1);
}

static Status make_cuts(EditWork *w) {
    Status st = BS_OK;
    Job job;
    Cut cuts[DECIDE_MAX] = {0};
    TRY(make_job(w, &job));
    TRY(asked_make(&w->asked, &w->set, w->song, &w->sources, &job));
    const Decide how = {.policy = w->policy,
                        .sampler = w->sampler,
                        .es = w->es,
                        .env = w->env,
                        .asked = &w->asked,
                        .prefer_take = song_take_numbered(w->song, w->set.prefer_take),
                        .seed = (uint64_t)w->set.seed};
    st = decide(&how, cuts, (int32_t)w->set.candidates, &w->n_songs);
    for (int32_t i = 0; i < w->n_songs; i++) w->songs[i].cut = cuts[i];
    if (st == BS_OK && w->n_songs < w->set.candidates && !w->set.quiet)
        fprintf(stderr, "only %d songs were found that differ by a tenth or more\n", w->n_songs);
out:
    return st;
}

/* ---- an edit that is there */

/* What it was made for, as far as it says; else its own length, five per cent to each side. */
static void job_of_given(EditWork *w) {
    Job *job = &w->asked.job;
    const double length_s = (double)edit_samples(&w->given) / w->song->sample_rate_hz;
    job_init(job, w->song);
    job->tune = (int32_t)w->set.tune - 1;
    if (w->origin.hi_samples > 0) {
        job->lo_samples = w->origin.lo_samples;
        job->hi_samples = w->origin.hi_samples;
    } else if (job_target(job, w->song, length_s, 0.05 * length_s) != BS_OK) {
        job->hi_samples = edit_samples(&w->given); /* it is there, whatever a Job allows */
    }
}

static int32_t best_take(void *context, int32_t segment) {
    EditWork *w = context;
    Alternative list[ALTERNATIVES_MAX];
    return alternatives_of(w->es, &w->asked.job, &w->given, segment, list) ? list[0].take : -1;
}

static Status take_given(EditWork *w) {
    Status st = BS_OK;
    Edit repaired = {0};
    const RepairOptions how = {.nudge = w->set.nudge, .swap = w->set.swap, .drop = w->set.drop};
    job_of_given(w);
    TRY(repair(&repaired, &w->given, w->song, &how, best_take, w));
    TRY(cut_of_edit(&w->songs[0].cut, &repaired, w->es, &w->asked.job));
    w->songs[0].cut.edit.song = w->song->hash;
    w->n_songs = 1;
    w->policy_name = w->origin.policy[0] ? w->origin.policy : "hand";
out:
    edit_drop(&repaired);
    return st;
}

/* ---- all */

static void print_songs(const EditWork *w) {
    int64_t n_bytes;
    for (int32_t i = 0; i < w->n_songs; i++) {
        const EditedSong *s = &w->songs[i];
        summary_print(stdout, s->names.song, w->policy_name, w->song, &s->cut, &s->plan);
        if (w->set.loudness < 0) {
            char text[MIX_LOUDNESS_TEXT];
            printf("  %s\n", mix_loudness_text(&s->loudness, w->set.loudness, text));
        }
    }
    if (w->set.report[0] && file_size(w->set.report, &n_bytes) == BS_OK)
        printf("%s: the report, %.1f MB with its sound\n", w->set.report, (double)n_bytes / 1e6);
}

static void drop_work(EditWork *w) {
    staged_drop(&w->staged);
    for (int32_t i = 0; w->songs && i < w->set.candidates; i++) {
        mix_plan_drop(&w->songs[i].plan);
        cut_drop(&w->songs[i].cut);
    }
    tracks_drop(&w->tracks);
    free(w->songs);
    edit_drop(&w->given);
    edit_file_drop_sources(w->found, w->n_found);
    policy_close(w->policy);
    policy_close(w->sampler);
    env_free(w->env);
    env_song_free(w->es);
    song_free(w->song);
    audio_close(w->reader);
    free(w);
}

Status verb_edit(int argc, char **argv) {
    Status st = BS_OK;
    bool help = false;
    int n_files;
    EditWork *w = calloc(1, sizeof *w);
    if (!w) return fail(BS_NOMEM, "out of memory");
    TRY(config_parse(&table, &w->set, argc, argv, w->files, SONG_MAX_SOURCES, &n_files, &help));
    if (help) goto out;
    w->n_files = n_files;
    w->songs = calloc((size_t)w->set.candidates, sizeof *w->songs);
    if (!w->songs) TRY(fail(BS_NOMEM, "out of memory"));
    TRY(edit_check(w, table.usage));
    if (!w->set.from[0]) TRY(edit_choose_policy(w));
    TRY(listen(w));
    TRY(w->set.from[0] ? take_given(w) : make_cuts(w));
    TRY(edit_write(w));
    if (!w->set.quiet) print_songs(w);
out:
    drop_work(w);
    return st;
}
