/* bandsaw-featurizer: hears recordings.
 *
 *     featurize: every recording of a folder into DATA/.bandsaw, and people's edits into demonstrations
 *     serve:     the same Songs on the wire, until SIGTERM
 *     beats, takes: what was heard in a recording, as text
 *     stems:     a recording taken apart into drums, bass, vocals and the rest */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/host/config.h"
#include "common/host/file.h"
#include "common/host/log.h"
#include "common/host/progress.h"
#include "featurizer/batch.h"
#include "featurizer/describe.h"
#include "featurizer/featurize.h"
#include "featurizer/service.h"
#include "featurizer/stem_write.h"

enum { MAX_FILES = SONG_MAX_SOURCES };

typedef struct FeaturizeSettings {
#define OPTION(type, field, ...) option_##type field;
#include "featurizer/featurize.def"
#undef OPTION
} FeaturizeSettings;

typedef struct ServeSettings {
#define OPTION(type, field, ...) option_##type field;
#include "featurizer/serve.def"
#undef OPTION
} ServeSettings;

typedef struct StemsSettings {
#define OPTION(type, field, ...) option_##type field;
#include "featurizer/stems.def"
#undef OPTION
} StemsSettings;

static const Option featurize_options[] = {
#define OPTION(...) OPTION_ENTRY(FeaturizeSettings, __VA_ARGS__)
#include "featurizer/featurize.def"
#undef OPTION
};
static const Option serve_options[] = {
#define OPTION(...) OPTION_ENTRY(ServeSettings, __VA_ARGS__)
#include "featurizer/serve.def"
#undef OPTION
};

static const Option stems_options[] = {
#define OPTION(...) OPTION_ENTRY(StemsSettings, __VA_ARGS__)
#include "featurizer/stems.def"
#undef OPTION
};

static const ConfigTable featurize_table = {
    "bandsaw-featurizer featurize", "bandsaw featurize DATA [options]",
    "Hears every recording of a folder: NAME_raw.EXT, input/NAME.EXT and other audio files. NAME_edit.EXT "
    "and "
    "desired_output/NAME.EXT are what people made of them: sound, EDIT.json or a REAPER project. Results go "
    "to "
    "DATA/.bandsaw.",
    featurize_options, sizeof featurize_options / sizeof *featurize_options};
static const ConfigTable serve_table = {"bandsaw-featurizer serve", "bandsaw serve DATA [options]",
                                        "Serves the Songs of a folder to learners and actors, until SIGTERM.",
                                        serve_options, sizeof serve_options / sizeof *serve_options};
static const ConfigTable beats_table = {"bandsaw-featurizer beats", "bandsaw beats FILE...",
                                        "Prints seconds<TAB>position-in-bar for every beat of a recording.",
                                        NULL, 0};
static const ConfigTable takes_table = {"bandsaw-featurizer takes", "bandsaw takes FILE...",
                                        "Lists the takes of a recording; several files are one timeline.",
                                        NULL, 0};

static const ConfigTable stems_table = {
    "bandsaw-featurizer stems", "bandsaw stems FILE... -o FOLDER",
    "Takes a recording apart into drums, bass, vocals and the rest; several files are one timeline.",
    stems_options, sizeof stems_options / sizeof *stems_options};

static Status verb_featurize(int argc, char **argv) {
    FeaturizeSettings s;
    const char *data[1];
    int n;
    bool help;
    BatchCounts counts;
    Status st = config_parse(&featurize_table, &s, argc, argv, data, 1, &n, &help);
    if (st != BS_OK || help) return st;
    if (n == 0) return fail(BS_INVALID, "which folder? usage: %s", featurize_table.usage);
    if (s.stems[0] && strcmp(s.stems, "none") != 0 && access(s.stems, R_OK | X_OK) != 0)
        return fail(BS_NOT_FOUND, "--stems %s: no such folder", s.stems);
    st = batch_run(&(BatchOptions){.data = data[0],
                                   .n_workers = (int)s.workers,
                                   .force = s.force,
                                   .stems = s.stems,
                                   .max_bytes = s.store_mb << 20},
                   &counts);
    if (st == BS_OK && counts.n_failed)
        st = fail(BS_CORRUPT, "%d of %d recordings could not be heard; the others are kept", counts.n_failed,
                  counts.n_recordings);
    return st;
}

static Status verb_serve(int argc, char **argv) {
    Status st = BS_OK;
    ServeSettings s;
    ServiceOptions o = {0};
    Service *service = NULL;
    const char *data[1];
    int n, signal_number;
    bool help;
    sigset_t ends;
    TRY(config_parse(&serve_table, &s, argc, argv, data, 1, &n, &help));
    if (help) return BS_OK;
    if (n == 0) TRY(fail(BS_INVALID, "which folder? usage: %s", serve_table.usage));
    if (access(data[0], R_OK | X_OK) != 0) TRY(fail(BS_NOT_FOUND, "%s: no such folder", data[0]));
    log_open("featurizer", log_level_named(s.log));
    if (s.rendezvous[0])
        TRY(path_join(o.listen.rendezvous, s.rendezvous, ""));
    else
        TRY(path_join(o.listen.rendezvous, data[0], ".bandsaw/featurizer.rendezvous"));
    snprintf(o.listen.bind, sizeof o.listen.bind, "%.127s", s.bind);
    snprintf(o.listen.keys, sizeof o.listen.keys, "%s", s.keys);
    o.listen.plaintext = s.plaintext;
    o.data = data[0];
    o.metrics_bind = s.metrics_bind;
    o.metrics_port = (int)s.metrics_port;
    o.max_bytes = s.store_mb << 20;
    sigemptyset(&ends); /* blocked before the first thread, so that only sigwait sees them */
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    TRY(service_open(&service, &o));
    log_info("serving", "data=%s rendezvous=%s metrics_port=%d", data[0], o.listen.rendezvous,
             service_metrics_port(service));
    sigwait(&ends, &signal_number);
    log_info("end", "signal=%s", signal_number == SIGTERM ? "SIGTERM" : "SIGINT");
out:
    service_close(service);
    return st;
}

static void show(void *context, double share) { progress_at(context, (int64_t)(100 * share), ""); }

static Status verb_describe(const ConfigTable *table, int argc, char **argv,
                            void (*describe)(const Song *, FILE *)) {
    const char *paths[MAX_FILES];
    int n;
    bool help, shown = isatty(STDERR_FILENO);
    Song *song = NULL;
    Progress progress;
    Status st = config_parse(table, NULL, argc, argv, paths, MAX_FILES, &n, &help);
    if (st != BS_OK || help) return st;
    if (n == 0) return fail(BS_INVALID, "which file? usage: %s", table->usage);
    if (shown) progress_start(&progress, "listening", 100);
    st = featurize_files(paths, NULL, n, NULL, shown ? show : NULL, &progress, &song);
    if (shown) progress_end(&progress, "");
    if (st == BS_OK) describe(song, stdout);
    if (st == BS_OK && (fflush(stdout) != 0 || ferror(stdout)))
        st = fail(BS_IO, "standard output: cannot be written");
    song_free(song);
    return st;
}

static Status verb_stems(int argc, char **argv) {
    StemsSettings s;
    const char *paths[MAX_FILES];
    int n;
    bool help;
    Progress progress;
    Status st = config_parse(&stems_table, &s, argc, argv, paths, MAX_FILES, &n, &help);
    if (st != BS_OK || help) return st;
    if (n == 0) return fail(BS_INVALID, "which file? usage: %s", stems_table.usage);
    if (!s.out[0]) return fail(BS_INVALID, "where to? usage: %s", stems_table.usage);
    if (s.bits != 16 && s.bits != 24 && s.bits != 32)
        return fail(BS_INVALID, "--bits %lld: 16, 24 or 32 are possible", (long long)s.bits);
    bool shown = !s.quiet && isatty(STDERR_FILENO);
    if (shown) progress_start(&progress, "taking apart", 100);
    st = stems_write(paths, n, &(StemWrite){s.out, (int32_t)s.bits, s.force}, shown ? show : NULL, &progress);
    if (shown) progress_end(&progress, "");
    return st;
}

int main(int argc, char **argv) {
    const char *verb = argc > 1 ? argv[1] : "";
    Status st;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is a write that fails, like a full disk */
    if (!strcmp(verb, "featurize"))
        st = verb_featurize(argc - 1, argv + 1);
    else if (!strcmp(verb, "serve"))
        st = verb_serve(argc - 1, argv + 1);
    else if (!strcmp(verb, "beats"))
        st = verb_describe(&beats_table, argc - 1, argv + 1, describe_beats);
    else if (!strcmp(verb, "takes"))
        st = verb_describe(&takes_table, argc - 1, argv + 1, describe_takes);
    else if (!strcmp(verb, "stems"))
        st = verb_stems(argc - 1, argv + 1);
    else if (!strcmp(verb, "--version"))
        return puts("bandsaw-featurizer " BANDSAW_VERSION), 0;
    else
        st = fail(BS_INVALID, "usage: bandsaw-featurizer featurize | serve | beats | takes | stems ...; "
                              "--help after one says more");
    if (st == BS_OK) return 0;
    fprintf(stderr, "bandsaw: %s\n", error_text()[0] ? error_text() : status_text(st));
    return status_class(st) == STATUS_CALLER ? 2 : 1;
}
