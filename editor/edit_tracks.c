/* --tracks: the same edit on synchronous tracks. OUT.flac has them in OUT_tracks/NAME.wav. */
#include <stdio.h>
#include <string.h>

#include "common/host/file.h"
#include "editor/edit_work.h"

static void tracks_folder(const EditedSong *s, char folder[PATH_BYTES]) {
    const char *song = s->names.song, *extension = path_extension(song);
    const size_t stem = strlen(song) - strlen(extension) - (*extension ? 1 : 0);
    snprintf(folder, PATH_BYTES, "%.*s_tracks", (int)stem, song);
}

const char *edit_tracks_sum(EditWork *w) {
    snprintf(w->tracks_sum, sizeof w->tracks_sum, "%s/*", w->set.tracks);
    return w->tracks_sum;
}

Status edit_tracks_check(EditWork *w) {
    Status st = BS_OK;
    char folder[PATH_BYTES], path[PATH_BYTES];
    TRY(tracks_open(&w->tracks, w->set.tracks));
    TRY(tracks_match(&w->tracks, w->set.tracks, w->reader, w->files[0]));
    for (int32_t k = 0; k < w->set.candidates; k++) {
        tracks_folder(&w->songs[k], folder);
        if (file_same(folder, w->set.tracks))
            return fail(BS_INVALID, "%s: is the folder of the tracks itself", folder);
        for (int32_t i = 0; i < w->tracks.n; i++) {
            TRY(mix_track_path(path, folder, &w->tracks.list[i]));
            TRY(edit_check_free(w, "--tracks", path));
        }
    }
out:
    return st;
}

Status edit_tracks_render(EditWork *w, const EditedSong *s, Steps *steps) {
    char folder[PATH_BYTES];
    if (!w->tracks.n) return BS_OK;
    tracks_folder(s, folder);
    return mix_tracks(&s->plan, &s->cut.edit, &w->tracks, folder, (int32_t)w->set.bits, &w->staged, steps_at,
                      steps);
}

Status edit_tracks_rpp(const EditWork *w, const EditedSong *s, const char *title, const char *folder,
                       ByteWriter *out) {
    RppTrack tracks[TRACKS_MAX];
    const char *paths[TRACKS_MAX];
    const bool one_file = w->n_files == 1; /* the tracks are of the whole timeline */
    for (int32_t i = 0; i < w->tracks.n; i++) {
        paths[i] = w->tracks.list[i].path;
        tracks[i] = (RppTrack){.name = w->tracks.list[i].name, .paths = &paths[i]};
    }
    return rpp_put(out, &s->cut.edit, &s->plan, &w->sources, w->song, tracks, one_file ? w->tracks.n : 0,
                   title, folder);
}
