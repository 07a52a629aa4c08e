/* bandsaw show: what was heard in a recording, as one sheet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/audio/audio.h"
#include "common/host/config.h"
#include "common/host/file.h"
#include "common/host/progress.h"
#include "common/report/sheet.h"
#include "editor/verbs.h"
#include "featurizer/featurize.h"

enum { BLOCK = 16384, PEAKS = 12000 };

typedef struct Settings {
#define OPTION(type, field, key, initial, min, max, choices, help) option_##type field;
#include "editor/show.def"
#undef OPTION
} Settings;

static const Option options[] = {
#define OPTION(...) OPTION_ENTRY(Settings, __VA_ARGS__)
#include "editor/show.def"
#undef OPTION
};

static const ConfigTable table = {
    .program = "bandsaw-editor",
    .usage = "bandsaw show FILE... -o picture.svg",
    .about = "Draws what was heard in a recording: takes, form, beats, key, loudness, mistakes. Several "
             "files are one "
             "recording, in the order given.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
};

/* Lowest and highest sample of each of PEAKS even pieces of the timeline, all channels. */
static Status read_peaks(const char *const *files, int32_t n_files, float *low, float *high) {
    Status st = BS_OK;
    AudioReader *reader = NULL;
    float *block = NULL;
    TRY(audio_open(&reader, files, n_files));
    AudioInfo info = audio_info(reader);
    block = malloc(sizeof *block * BLOCK * (size_t)info.n_channels);
    if (!block) TRY(fail(BS_NOMEM, "%s: out of memory", files[0]));
    memset(low, 0, sizeof *low * PEAKS);
    memset(high, 0, sizeof *high * PEAKS);
    for (int64_t at = 0, n = 0; at < info.n_samples; at += n) {
        TRY(audio_read_at(reader, at, BLOCK, block, &n));
        if (n < 1) TRY(fail(BS_IO, "%s: ends early", files[0]));
        for (int64_t i = 0; i < n; i++) {
            int64_t k = (at + i) * PEAKS / info.n_samples;
            for (int32_t c = 0; c < info.n_channels; c++) {
                float v = block[i * info.n_channels + c];
                if (v < low[k]) low[k] = v;
                if (v > high[k]) high[k] = v;
            }
        }
    }
out:
    free(block);
    audio_close(reader);
    return st;
}

static void on_progress(void *context, double share) { progress_at(context, (int64_t)(100 * share), ""); }

Status verb_show(int argc, char **argv) {
    Status st = BS_OK;
    Settings set;
    const char *files[SONG_MAX_SOURCES];
    int n = 0;
    bool help = false;
    Song *song = NULL;
    Progress progress;
    static float low[PEAKS], high[PEAKS];
    TRY(config_parse(&table, &set, argc, argv, files, SONG_MAX_SOURCES, &n, &help));
    if (help) return BS_OK;
    if (!n) return fail(BS_INVALID, "no recording given; usage: %s", table.usage);
    if (!set.out[0]) return fail(BS_INVALID, "where to? usage: %s", table.usage);
    if (strcasecmp(path_extension(set.out), "svg") != 0)
        return fail(BS_INVALID, "%s: pictures are SVG; give a name that ends in .svg", set.out);
    TRY(file_may_write(set.out, set.force));
    bool shown = !set.quiet && isatty(STDERR_FILENO);
    if (shown) progress_start(&progress, "listening", 100);
    st = featurize_files(files, NULL, n, &(FeaturizeOptions){.stems = set.stems}, shown ? on_progress : NULL,
                         &progress, &song);
    if (shown) progress_end(&progress, "");
    TRY(st);
    TRY(read_peaks(files, n, low, high));
    TRY(sheet_write(set.out, &(Sheet){song, path_base(files[0]), PEAKS, low, high}));
    if (!set.quiet)
        printf("%s: %d take%s of %d tune%s\n", set.out, song->n_takes, song->n_takes == 1 ? "" : "s",
               song->n_tunes, song->n_tunes == 1 ? "" : "s");
out:
    song_free(song);
    return st;
}
