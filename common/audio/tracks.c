/* A folder of synchronous tracks, and their sum. */
#include "common/audio/tracks.h"
#include "common/host/file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool tracks_named(const char *path, char place[PATH_BYTES]) {
    const size_t n = strlen(path);
    const bool named = n > 2 && !strcmp(path + n - 2, "/*");
    snprintf(place, PATH_BYTES, "%.*s", (int)(named ? n - 2 : n), path);
    return named;
}

/* In this order: a bass drum is a drum, a bass guitar a bass. Short words count only where they stand alone.
 */
static const struct {
    Stem stem;
    bool alone;
    const char *word;
} track_words[] = {
    {STEM_OTHER, false, "no_"},    {STEM_OTHER, false, "instrumental"},
    {STEM_DRUMS, false, "drum"},   {STEM_DRUMS, false, "perc"},
    {STEM_DRUMS, false, "kick"},   {STEM_DRUMS, false, "snare"},
    {STEM_DRUMS, false, "beat"},   {STEM_DRUMS, false, "cymbal"},
    {STEM_DRUMS, false, "hihat"},  {STEM_DRUMS, false, "overhead"},
    {STEM_DRUMS, false, "cajon"},  {STEM_DRUMS, true, "hat"},
    {STEM_DRUMS, true, "hh"},      {STEM_DRUMS, true, "oh"},
    {STEM_DRUMS, true, "bd"},      {STEM_DRUMS, true, "sd"},
    {STEM_DRUMS, true, "tom"},     {STEM_DRUMS, true, "toms"},
    {STEM_DRUMS, true, "kit"},     {STEM_BASS, false, "bass"},
    {STEM_VOCALS, false, "voc"},   {STEM_VOCALS, false, "vox"},
    {STEM_VOCALS, false, "voice"}, {STEM_VOCALS, false, "sing"},
    {STEM_VOCALS, false, "choir"}, {STEM_VOCALS, true, "rap"},
};

Stem track_stem(const char *name) {
    for (size_t i = 0; i < sizeof track_words / sizeof *track_words; i++) {
        const size_t n = strlen(track_words[i].word);
        for (const char *at = name; (at = strcasestr(at, track_words[i].word)); at++) {
            const bool alone =
                (at == name || !isalpha((unsigned char)at[-1])) && !isalpha((unsigned char)at[n]);
            if (alone || !track_words[i].alone) return track_words[i].stem;
        }
    }
    return STEM_OTHER;
}

static Status track_open(Track *track, const char *folder, const char *name) {
    Status st = BS_OK;
    char path[PATH_BYTES];
    const char *paths[] = {path};
    const size_t stem = strlen(name) - strlen(path_extension(name)) - 1;
    if (stem >= sizeof track->name) return fail(BS_TOO_BIG, "%s/%s: the name is too long", folder, name);
    memcpy(track->name, name, stem);
    track->name[stem] = 0;
    track->stem = track_stem(track->name);
    TRY(path_join(path, folder, name));
    track->path = strdup(path);
    if (!track->path) return fail(BS_NOMEM, "%s: out of memory", path);
    TRY(audio_open(&track->reader, paths, 1));
out:
    return st;
}

/* Rate and length of a recording, for a line that says how two differ. */
static const char *shape_text(const AudioInfo *info, char text[80]) {
    snprintf(text, 80, "%lld samples at %d Hz", (long long)info->n_samples, info->sample_rate_hz);
    return text;
}

static Status check_equal(const AudioInfo *a, const char *folder, const char *name, const AudioInfo *b,
                          const char *other) {
    char x[80], y[80];
    if (a->n_samples == b->n_samples && a->sample_rate_hz == b->sample_rate_hz) return BS_OK;
    return fail(BS_INVALID, "%s/%s: %s, but %s has %s; tracks must be equally long and of one rate", folder,
                name, shape_text(a, x), other, shape_text(b, y));
}

Status tracks_open(Tracks *out, const char *folder) {
    Status st = BS_OK;
    char **names = NULL;
    size_t n_names = 0;
    Tracks tracks = {0};
    TRY(dir_list(folder, &names, &n_names));
    tracks.list = calloc(n_names + 1, sizeof *tracks.list);
    if (!tracks.list) {
        st = fail(BS_NOMEM, "%s: out of memory", folder);
        goto out;
    }
    for (size_t i = 0; i < n_names; i++) {
        if (!audio_is_named(names[i])) continue;
        if (tracks.n == TRACKS_MAX) {
            st = fail(BS_TOO_BIG, "%s: more than %d tracks", folder, TRACKS_MAX);
            goto out;
        }
        Track *track = &tracks.list[tracks.n++], *first = &tracks.list[0];
        TRY(track_open(track, folder, names[i]));
        const AudioInfo info = audio_info(track->reader), like = audio_info(first->reader);
        TRY(check_equal(&info, folder, names[i], &like, first->name));
        for (Track *t = first; t < track; t++)
            if (!strcmp(t->name, track->name)) {
                st = fail(BS_INVALID, "%s/%s: another track is called %s too", folder, names[i], t->name);
                goto out;
            }
    }
    if (!tracks.n) {
        st = fail(BS_INVALID, "%s: holds no tracks (wav, flac, ogg, mp3)", folder);
        goto out;
    }
    *out = tracks;
    tracks = (Tracks){0};
out:
    tracks_drop(&tracks);
    free(names);
    return st;
}

void tracks_drop(Tracks *tracks) {
    for (int32_t i = 0; i < tracks->n; i++) {
        audio_close(tracks->list[i].reader);
        free(tracks->list[i].path);
    }
    free(tracks->list);
    *tracks = (Tracks){0};
}

Status tracks_match(const Tracks *tracks, const char *folder, const AudioReader *mix, const char *mix_name) {
    Status st = BS_OK;
    const AudioInfo want = audio_info(mix);
    for (int32_t i = 0; i < tracks->n; i++) {
        const AudioInfo info = audio_info(tracks->list[i].reader);
        TRY(check_equal(&info, folder, tracks->list[i].name, &want, mix_name));
    }
out:
    return st;
}

AudioInfo tracks_info(const Tracks *tracks) {
    AudioInfo info = audio_info(tracks->list[0].reader);
    for (int32_t i = 1; i < tracks->n; i++) {
        const AudioInfo other = audio_info(tracks->list[i].reader);
        if (other.n_channels > info.n_channels) info.n_channels = other.n_channels;
        if (other.bits > info.bits) info.bits = other.bits;
    }
    return info;
}

Status tracks_read(const Tracks *tracks, int64_t at, int64_t n, float *out, float *scratch) {
    Status st = BS_OK;
    const int32_t wide = tracks_info(tracks).n_channels;
    memset(out, 0, (size_t)(n * wide) * sizeof *out);
    for (int32_t i = 0; i < tracks->n; i++) {
        AudioReader *reader = tracks->list[i].reader;
        const int32_t own = audio_info(reader).n_channels;
        int64_t got;
        TRY(audio_read_at(reader, at, n, scratch, &got));
        for (int64_t t = 0; t < got; t++)
            for (int32_t c = 0; c < wide; c++) out[t * wide + c] += scratch[t * own + c % own];
    }
out:
    return st;
}
