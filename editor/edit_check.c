/* What can be refused before any work: options that contradict each other, files that are in the way, a song
 * that cannot be written (by beginning to). */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/host/file.h"
#include "editor/edit_work.h"

/* An option that says nothing with --from, or only there. */
static Status check_options(const EditWork *w) {
    const EditSettings *s = &w->set;
    const bool from = s->from[0] != 0;
    const struct {
        const char *name;
        bool set, wants_from;
    } rows[] = {{"--swap", s->swap[0], true},
                {"--nudge", s->nudge[0], true},
                {"--drop", s->drop[0], true},
                {"--target", s->target[0], false},
                {"--must", s->must[0], false},
                {"--never", s->never[0], false},
                {"--start", s->start[0], false},
                {"--end", s->end[0], false},
                {"--prefer-take", s->prefer_take > 0, false},
                {"--no-loop", s->no_loop, false},
                {"--no-reorder", s->no_reorder, false},
                {"--lock", s->lock[0], false},
                {"--labels-in", s->labels_in[0], false},
                {"--candidates", s->candidates > 1, false},
                {"--policy", s->policy[0], false},
                {"--baseline", strcmp(s->baseline, "none") != 0, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!rows[i].set || rows[i].wants_from == from) continue;
        if (from)
            return fail(BS_INVALID,
                        "%s and --from: an edit that is there is only repaired; leave out one of them",
                        rows[i].name);
        return fail(BS_INVALID, "%s: which edit? name it with --from song.json", rows[i].name);
    }
    return BS_OK;
}

/* Of files that may not be there yet. */
static bool same_name(const char *a, const char *b) {
    char folder_a[PATH_BYTES], folder_b[PATH_BYTES];
    if (!strcmp(a, b)) return true;
    if (strcmp(path_base(a), path_base(b)) != 0) return false;
    path_folder(folder_a, a);
    path_folder(folder_b, b);
    return file_same(folder_a, folder_b);
}

Status edit_check_free(const EditWork *w, const char *option, const char *path) {
    for (int32_t i = 0; i < w->n_files; i++)
        if (file_same(path, w->files[i])) return fail(BS_INVALID, "%s: is the recording itself", path);
    if (w->set.from[0] && file_same(path, w->set.from))
        return fail(BS_INVALID, "%s: is the edit itself", path);
    for (int32_t i = 0; i < w->n_named; i++)
        if (same_name(path, w->named[i].path))
            return fail(BS_INVALID, "%s: %s and %s both write it; give one of them another name", path,
                        w->named[i].option, option);
    Status st = file_may_write(path, w->set.force);
    return st == BS_INVALID ? fail_in(st, "%s", option) : st;
}

/* path may be empty: then the option was not given. */
static Status add_named(EditWork *w, const char *option, const char *path) {
    if (!path[0]) return BS_OK;
    Status st = edit_check_free(w, option, path);
    if (st != BS_OK) return st;
    BS_ASSERT(w->n_named < OUTPUTS_MAX_FILES);
    w->named[w->n_named++] = (NamedOutput){option, path};
    return BS_OK;
}

static Status check_extension(const char *option, const char *path, const char *extension) {
    return !path[0] || !strcasecmp(path_extension(path), extension)
               ? BS_OK
               : fail(BS_INVALID, "%s %s: expected a name that ends in .%s", option, path, extension);
}

static Status check_outputs(EditWork *w) {
    Status st = BS_OK;
    const int32_t n = (int32_t)w->set.candidates;
    TRY(check_extension("--report", w->set.report, "html"));
    TRY(check_extension("--plot", w->set.plot, "svg"));
    TRY(add_named(w, "--report", w->set.report));
    for (int32_t k = 0; k < n; k++) {
        OutputNames *names = &w->songs[k].names;
        TRY(outputs_names(names, &w->set, k, n));
        TRY(add_named(w, "-o", names->song));
        TRY(add_named(w, w->set.json[0] ? "--json" : "-o", names->json));
        TRY(add_named(w, "--plot", names->plot));
        for (int32_t i = 0; i < names->n_exports; i++)
            TRY(add_named(w, i == 0 && w->set.labels[0] ? "--labels" : "--export", names->exports[i].path));
    }
out:
    return st;
}

static Status check_bits(const EditWork *w) {
    const char *format = path_extension(w->set.out);
    const bool has_bits = !strcasecmp(format, "wav") || !strcasecmp(format, "flac");
    if (!w->set.bits || has_bits || w->set.tracks[0]) return BS_OK;
    return fail(BS_INVALID, "--bits %lld: only wav and flac have a depth, %s has none; leave it out",
                (long long)w->set.bits, w->set.out);
}

/* The recording: as named, else as the edit of --from names it. */
static Status find_recording(EditWork *w, const char *usage) {
    if (w->set.from[0] && !w->n_files) {
        Status st = edit_file_sources(w->set.from, &w->found, &w->n_found);
        if (st != BS_OK) return st;
        for (int32_t i = 0; i < w->n_found; i++) w->files[w->n_files++] = w->found[i];
        if (!w->n_files)
            return fail(BS_INVALID, "%s: does not say which recording it is cut out of; name it",
                        w->set.from);
    }
    if (!w->n_files && w->set.tracks[0]) w->files[w->n_files++] = edit_tracks_sum(w);
    return w->n_files ? BS_OK : fail(BS_INVALID, "no recording given; usage: %s", usage);
}

static void view_sources(EditWork *w) {
    const AudioInfo info = audio_info(w->reader);
    for (int32_t i = 0; i < w->n_files; i++) audio_source(w->reader, i, &w->starts[i], &w->lengths[i]);
    w->sources = (SourceList){.n = w->n_files,
                              .sample_rate_hz = info.sample_rate_hz,
                              .n_channels = info.n_channels,
                              .paths = w->files,
                              .start = w->starts,
                              .samples = w->lengths,
                              .n_samples = info.n_samples};
}

/* As asked; else what holds the recording exactly, or what a gain makes of it. */
int32_t edit_bits(const EditWork *w) {
    const AudioInfo info = audio_info(w->reader);
    if (w->set.bits) return (int32_t)w->set.bits;
    const int32_t bits = w->set.loudness < 0 && info.bits == 16 ? 24 : info.bits;
    return bits == 32 && strcasecmp(path_extension(w->set.out), "wav") ? 24 : bits;
}

Status edit_check(EditWork *w, const char *usage) {
    Status st = BS_OK;
    AudioWriter *probe = NULL;
    TRY(check_options(w));
    TRY(find_recording(w, usage));
    if (!w->set.out[0]) return fail(BS_INVALID, "no -o OUT given: where should the song go?");
    TRY(check_bits(w));
    TRY(check_outputs(w));
    TRY(audio_open(&w->reader, w->files, w->n_files));
    view_sources(w);
    if (w->set.tracks[0]) TRY(edit_tracks_check(w));
    if (w->set.from[0]) TRY(edit_file_read(&w->given, w->set.from, &w->sources, &w->origin));
    TRY(audio_create(&probe, w->songs[0].names.song, w->sources.sample_rate_hz, w->sources.n_channels,
                     edit_bits(w)));
out:
    audio_abandon(probe);
    return st;
}
