/* Synchronous tracks through one plan, and onto the disk together. */
#include "common/audio/mix_fade.h"
#include "common/host/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ROUNDED = 8 }; /* tracks: each adds up to 2^-24 by rounding to 24 bits, together under 1e-6 */

struct MixTracks {
    char folder[PATH_BYTES];
    bool made_folder;
    int32_t n;
    AudioWriter *writers[TRACKS_MAX];
    char *paths[TRACKS_MAX];
};

typedef struct Share { /* of all tracks, from that of one */
    void (*progress)(void *context, double share);
    void *context;
    double done, part;
} Share;

static void on_share(void *context, double share) {
    const Share *s = context;
    if (s->progress) s->progress(s->context, s->done + s->part * share);
}

Status mix_track_path(char path[4096], const char *folder, const Track *track) {
    char name[sizeof track->name + 8];
    snprintf(name, sizeof name, "%s.wav", track->name);
    return path_join(path, folder, name);
}

static Status write_track(MixTracks *m, const MixPlan *plan, const Edit *edit, const Track *track,
                          int32_t n_tracks, int32_t bits, Share *share) {
    Status st = BS_OK;
    char path[PATH_BYTES];
    const AudioInfo info = audio_info(track->reader);
    const bool adds_up = n_tracks <= MAX_ROUNDED && info.bits <= 24 && plan->gain == 1;
    if (!bits) bits = adds_up ? 24 : 32;
    TRY(mix_track_path(path, m->folder, track));
    m->paths[m->n] = strdup(path);
    if (!m->paths[m->n]) return fail(BS_NOMEM, "%s: out of memory", path);
    TRY(audio_create(&m->writers[m->n++], path, info.sample_rate_hz, info.n_channels, bits));
    if (bits < info.bits || plan->gain != 1) audio_set_dither(m->writers[m->n - 1]);
    TRY(mix_render(plan, edit, track->reader, m->writers[m->n - 1], on_share, share));
out:
    return st;
}

Status mix_tracks(MixTracks **out, const MixPlan *plan, const Edit *edit, const Tracks *tracks,
                  const char *folder, int32_t bits, void (*progress)(void *context, double share),
                  void *context) {
    Status st = BS_OK;
    Share share = {.progress = progress, .context = context, .part = 1.0 / tracks->n};
    MixTracks *m = calloc(1, sizeof *m);
    if (!m) return fail(BS_NOMEM, "%s: out of memory", folder);
    TRY(path_join(m->folder, folder, ""));
    m->made_folder = !file_exists(folder);
    TRY(dir_make(folder, 0777));
    for (int32_t i = 0; i < tracks->n; i++) {
        share.done = i * share.part;
        TRY(write_track(m, plan, edit, &tracks->list[i], tracks->n, bits, &share));
    }
    *out = m;
    m = NULL;
out:
    mix_tracks_abandon(m);
    return st;
}

static void drop(MixTracks *m) {
    for (int32_t i = 0; i < TRACKS_MAX; i++) free(m->paths[i]);
    free(m);
}

void mix_tracks_abandon(MixTracks *m) {
    if (!m) return;
    for (int32_t i = 0; i < m->n; i++) audio_abandon(m->writers[i]);
    if (m->made_folder) rmdir(m->folder);
    drop(m);
}

Status mix_tracks_finish(MixTracks *m) {
    Status st = BS_OK;
    for (int32_t i = 0; i < m->n; i++) {
        AudioWriter *writer = m->writers[i];
        m->writers[i] = NULL;
        st = audio_finish(writer);
        if (st == BS_OK) continue;
        while (--i >= 0) unlink(m->paths[i]);
        mix_tracks_abandon(m);
        return st;
    }
    drop(m);
    return st;
}
