/* Synchronous tracks through one plan, onto the disk. */
#include "common/audio/mix_fade.h"
#include "common/host/file.h"

#include <stdio.h>

enum { MAX_ROUNDED = 8 }; /* tracks: each adds up to 2^-24 by rounding to 24 bits, together under 1e-6 */

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

static Status write_track(const MixPlan *plan, const Edit *edit, const Track *track, int32_t n_tracks,
                          const char *folder, int32_t bits, Share *share, Staged *staged) {
    Status st = BS_OK;
    char path[PATH_BYTES];
    AudioWriter *writer = NULL;
    const AudioInfo info = audio_info(track->reader);
    const bool adds_up = n_tracks <= MAX_ROUNDED && info.bits <= 24 && plan->gain == 1;
    if (!bits) bits = adds_up ? 24 : 32;
    TRY(mix_track_path(path, folder, track));
    TRY(audio_create(&writer, path, info.sample_rate_hz, info.n_channels, bits));
    if (bits < info.bits || plan->gain != 1) audio_set_dither(writer);
    TRY(mix_render(plan, edit, track->reader, writer, on_share, share));
    st = audio_stage(writer, staged);
    writer = NULL;
out:
    audio_abandon(writer);
    return st;
}

Status mix_tracks(const MixPlan *plan, const Edit *edit, const Tracks *tracks, const char *folder,
                  int32_t bits, Staged *staged, void (*progress)(void *context, double share),
                  void *context) {
    Status st = BS_OK;
    Share share = {.progress = progress, .context = context, .part = 1.0 / tracks->n};
    TRY(staged_folder(staged, folder));
    for (int32_t i = 0; i < tracks->n; i++) {
        share.done = i * share.part;
        TRY(write_track(plan, edit, &tracks->list[i], tracks->n, folder, bits, &share, staged));
    }
out:
    return st;
}
