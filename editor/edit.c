/* bandsaw edit: a recording becomes a song.
 *
 * Listen (featurizer), decide (policy in the environment), write (mixdown). What can be refused is refused
 * before listening starts, and the song appears under its name when every byte of it is on the disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/audio/mixdown.h"
#include "common/host/config.h"
#include "common/host/file.h"
#include "common/host/progress.h"
#include "common/report/edit_json.h"
#include "common/report/labels.h"
#include "editor/cut.h"
#include "editor/show.h"
#include "editor/verbs.h"
#include "featurizer/featurize.h"

enum { MAX_POLICY_BYTES = 1 << 30, STEPS = 100 };

typedef struct Settings {
#define OPTION(type, field, key, initial, min, max, choices, help) option_##type field;
#include "editor/edit.def"
#undef OPTION
} Settings;

static const Option options[] = {
#define OPTION(...) OPTION_ENTRY(Settings, __VA_ARGS__)
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

/* Everything that one edit holds on to. */
typedef struct Work {
    Settings set;
    const char *files[SONG_MAX_SOURCES];
    int32_t n_files;
    char json[OPTION_TEXT_BYTES + 8];
    AudioReader *reader;
    Song *song;
    EnvSong *es;
    Env *env;
    Policy *policy;
    const char *policy_name;
    Job job;
    Cut cut;
    MixPlan plan;
    MixLoudness loudness;
} Work;

/* ---- what can be refused before any work */

static bool same_file(const char *a, const char *b) {
    struct stat x, y;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static Status check_free(const Work *w, const char *path) {
    for (int32_t i = 0; i < w->n_files; i++)
        if (same_file(path, w->files[i])) return fail(BS_INVALID, "%s: is the recording itself", path);
    if (file_exists(path) && !w->set.force)
        return fail(BS_EXISTS, "%s: exists already; --force writes over it", path);
    return BS_OK;
}

/* As asked; else what holds the recording exactly, or what a gain makes of it. */
static int32_t bits_for(const Work *w, const AudioInfo *info) {
    if (w->set.bits) return (int32_t)w->set.bits;
    const int32_t bits = w->set.loudness < 0 && info->bits == 16 ? 24 : info->bits;
    return bits == 32 && strcasecmp(path_extension(w->set.out), "wav") ? 24 : bits;
}

/* Opens the recording, and makes sure that the song can be written: by beginning to. */
static Status check_files(Work *w) {
    Status st = BS_OK;
    AudioWriter *probe = NULL;
    if (!w->n_files) return fail(BS_INVALID, "no recording given; usage: %s", table.usage);
    if (!w->set.out[0]) return fail(BS_INVALID, "no -o OUT given: where should the song go?");
    snprintf(w->json, sizeof w->json, "%s", w->set.json);
    if (!w->json[0]) snprintf(w->json, sizeof w->json, "%s.json", w->set.out);
    TRY(check_free(w, w->set.out));
    TRY(check_free(w, w->json));
    if (w->set.labels[0]) TRY(check_free(w, w->set.labels));
    TRY(audio_open(&w->reader, w->files, w->n_files));
    const AudioInfo info = audio_info(w->reader);
    TRY(audio_create(&probe, w->set.out, info.sample_rate_hz, info.n_channels, bits_for(w, &info)));
out:
    audio_abandon(probe);
    return st;
}

/* ---- which policy */

static bool shipped_policy(char path[PATH_BYTES]) {
    char self[PATH_BYTES];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) return false;
    self[n] = 0;
    for (int k = 0; k < 2; k++) { /* bin/bandsaw-editor -> . */
        char *slash = strrchr(self, '/');
        if (!slash) return false;
        *slash = 0;
    }
    return path_join(path, self, "share/bandsaw/policy.safetensors") == BS_OK && file_exists(path);
}

static Status choose_policy(Work *w) {
    Status st = BS_OK;
    char shipped[PATH_BYTES];
    const char *weights = w->set.policy[0] ? w->set.policy : NULL;
    void *bytes = NULL;
    size_t n_bytes = 0;
    PolicyKind kind = POLICY_NET_BEST;
    const bool baseline = strcmp(w->set.baseline, "none") != 0;
    if (baseline && weights)
        return fail(BS_INVALID, "--policy and --baseline: which of the two should edit?");
    if (baseline) {
        TRY(policy_kind_named(&kind, w->set.baseline));
    } else if (!weights && shipped_policy(shipped)) {
        weights = shipped;
    } else if (!weights) {
        kind = POLICY_RETARGET;
        if (!w->set.quiet) puts("no trained policy given: editing with retarget");
    }
    if (weights) TRY(file_read(weights, MAX_POLICY_BYTES, &bytes, &n_bytes));
    st = policy_open(&w->policy, kind, bytes, n_bytes);
    if (st != BS_OK && weights) fail_in(st, "%s", weights);
    w->policy_name = policy_names[kind];
out:
    free(bytes);
    return st;
}

/* ---- listen, decide, write */

static void on_share(void *context, double share) { progress_at(context, (int64_t)(share * STEPS), ""); }

/* Ends the line of a bar that an error cut short. */
static void leave_bar(const Progress *p) {
    if (p->terminal && !p->finished) fputc('\n', stderr);
}

static Status listen(Work *w) {
    Progress bar;
    const FeaturizeOptions how = {.meter = (int)w->set.meter};
    if (!w->set.quiet) progress_start(&bar, "listening", STEPS);
    Status st =
        featurize_files(w->files, NULL, w->n_files, &how, w->set.quiet ? NULL : on_share, &bar, &w->song);
    if (!w->set.quiet && st == BS_OK) {
        progress_at(&bar, STEPS, "");
        progress_end(&bar, "");
    } else if (!w->set.quiet) {
        leave_bar(&bar);
    }
    return st;
}

static int32_t largest_tune(const Song *song) {
    int64_t length[SONG_MAX_TUNES] = {0};
    int32_t best = 0;
    for (int32_t t = 0; t < song->n_takes; t++) {
        const SongTake *take = &song->takes[t];
        for (int32_t u = take->first_unit; u < take->first_unit + take->n_units; u++)
            length[take->tune] += song_unit_samples(song, u);
    }
    for (int32_t k = 1; k < song->n_tunes; k++)
        if (length[k] > length[best]) best = k;
    return best;
}

static Status make_job(Work *w) {
    const Song *song = w->song;
    double target_s;
    job_init(&w->job, song);
    if (w->set.tune > song->n_tunes)
        return fail(BS_INVALID, "--tune %lld: the recording has %d", (long long)w->set.tune, song->n_tunes);
    w->job.tune = w->set.tune ? (int32_t)w->set.tune - 1 : largest_tune(song);
    if (!w->set.target[0]) return job_keep(&w->job, song, w->set.keep);
    Status st = parse_duration(w->set.target, &target_s);
    if (st != BS_OK) return fail_in(st, "--target");
    return job_target(&w->job, song, target_s, target_s > 50 ? 0.02 * target_s : 1);
}

static Status decide(Work *w) {
    Status st = BS_OK;
    TRY(make_job(w));
    TRY(env_song_new(&w->es, w->song));
    TRY(env_new(&w->env, w->es));
    TRY(env_reset(w->env, &w->job)); /* says what cannot be met */
    TRY(cut_make(&w->cut, w->policy, w->es, w->env, &w->job, (uint64_t)w->set.seed));
out:
    return st;
}

static double beat_length(void *context, int64_t sample) {
    const Song *song = context;
    const SongUnit *unit =
        &song->units[song_unit_at(song, sample < song->n_samples ? sample : song->n_samples - 1)];
    double bpm = unit->tempo_bpm > 0 ? unit->tempo_bpm : song->n_tunes ? song->tunes[0].tempo_bpm : 0;
    return song->sample_rate_hz * 60.0 / (bpm > 0 ? bpm : 120);
}

static Status write_notes(Work *w) {
    Status st = BS_OK;
    int64_t starts[SONG_MAX_SOURCES], lengths[SONG_MAX_SOURCES];
    for (int32_t i = 0; i < w->n_files; i++) audio_source(w->reader, i, &starts[i], &lengths[i]);
    const EditNotes notes = {.sources = w->files,
                             .source_start = starts,
                             .source_samples = lengths,
                             .n_sources = w->n_files,
                             .policy = w->policy_name,
                             .seed = (uint64_t)w->set.seed,
                             .job = &w->job,
                             .terms = w->cut.terms,
                             .lead_in_samples = w->plan.lead_in_samples};
    TRY(edit_json_write(w->json, &w->cut.edit, &notes));
    if (w->set.labels[0]) {
        st = labels_write(w->set.labels, &w->cut.edit, w->song, w->plan.lead_in_samples);
        if (st != BS_OK) unlink(w->json);
    }
out:
    return st;
}

/* The song last: while it is not there, nothing is. */
static Status write_song(Work *w) {
    Status st = BS_OK;
    Progress bar;
    AudioWriter *writer = NULL;
    const AudioInfo info = audio_info(w->reader);
    const bool quiet = w->set.quiet;
    AudioMarkers markers = {0};
    const Edit *edit = &w->cut.edit;
    const int32_t bits = bits_for(w, &info);
    if (!quiet) progress_start(&bar, "writing", STEPS);
    TRY(mix_plan(&w->plan, edit, w->reader, beat_length, w->song));
    mix_plan_limit(&w->plan, w->job.hi_samples);
    if (w->set.loudness < 0)
        TRY(mix_loudness(&w->plan, edit, w->reader, w->set.loudness, &w->loudness, NULL, NULL));
    TRY(mix_markers(&w->plan, edit, &markers));
    TRY(audio_create_marked(&writer, w->set.out, info.sample_rate_hz, info.n_channels, bits, &markers));
    if (bits < info.bits || w->plan.gain != 1) audio_set_dither(writer);
    TRY(mix_render(&w->plan, edit, w->reader, writer, quiet ? NULL : on_share, &bar));
    TRY(write_notes(w));
    st = audio_finish(writer);
    writer = NULL;
    if (st != BS_OK) {
        unlink(w->json);
        if (w->set.labels[0]) unlink(w->set.labels);
    }
out:
    audio_abandon(writer);
    free(markers.list);
    if (!quiet && st == BS_OK)
        progress_end(&bar, "");
    else if (!quiet)
        leave_bar(&bar);
    return st;
}

Status verb_edit(int argc, char **argv) {
    Status st = BS_OK;
    Work w = {0};
    bool help = false;
    int n_files;
    TRY(config_parse(&table, &w.set, argc, argv, w.files, SONG_MAX_SOURCES, &n_files, &help));
    if (help) return BS_OK;
    w.n_files = n_files;
    TRY(check_files(&w));
    TRY(choose_policy(&w));
    TRY(listen(&w));
    TRY(decide(&w));
    TRY(write_song(&w));
    if (!w.set.quiet) show_cut(stdout, w.set.out, w.policy_name, w.song, &w.cut, &w.plan);
    if (!w.set.quiet && w.set.loudness < 0) {
        char text[MIX_LOUDNESS_TEXT];
        printf("  %s\n", mix_loudness_text(&w.loudness, w.set.loudness, text));
    }
out:
    mix_plan_drop(&w.plan);
    cut_drop(&w.cut);
    policy_close(w.policy);
    env_free(w.env);
    env_song_free(w.es);
    song_free(w.song);
    audio_close(w.reader);
    return st;
}
