/* --tracks: the same edit on synchronous tracks. OUT.flac has them in OUT_tracks/NAME.wav. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
        if (edit_same_file(folder, w->set.tracks))
            return fail(BS_INVALID, "%s: is the folder of the tracks itself", folder);
        for (int32_t i = 0; i < w->tracks.n; i++) {
            TRY(mix_track_path(path, folder, &w->tracks.list[i]));
            TRY(edit_check_free(w, "--tracks", path));
        }
    }
out:
    return st;
}

Status edit_tracks_render(EditWork *w, EditedSong *s) {
    char folder[PATH_BYTES];
    if (!w->tracks.n) return BS_OK;
    tracks_folder(s, folder);
    return mix_tracks(&s->tracks, &s->plan, &s->cut.edit, &w->tracks, folder, (int32_t)w->set.bits, NULL,
                      NULL);
}

Status edit_tracks_finish(EditWork *w) {
    Status st = BS_OK;
    for (int32_t k = 0; k < w->n_songs && st == BS_OK; k++) {
        MixTracks *made = w->songs[k].tracks;
        w->songs[k].tracks = NULL;
        if (made) st = mix_tracks_finish(made);
    }
    if (st != BS_OK) edit_tracks_remove(w);
    return st;
}

void edit_tracks_remove(EditWork *w) {
    char folder[PATH_BYTES], path[PATH_BYTES];
    for (int32_t k = 0; k < w->n_songs && w->tracks.n; k++) {
        tracks_folder(&w->songs[k], folder);
        for (int32_t i = 0; i < w->tracks.n; i++)
            if (mix_track_path(path, folder, &w->tracks.list[i]) == BS_OK) unlink(path);
        rmdir(folder);
    }
}

void edit_tracks_drop(EditWork *w) {
    for (int32_t k = 0; w->songs && k < w->set.candidates; k++) mix_tracks_abandon(w->songs[k].tracks);
    tracks_drop(&w->tracks);
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
