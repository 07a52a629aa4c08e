#pragma once
/* Tracks: a folder of files that were recorded at the same time, as they come from a multitrack recorder or a
 * separation: one file an instrument, all of one rate and length. Their sum is the mix.
 *
 * One Edit serves all of them: the seams are planned once, on the mix, and every track is rendered by that
 * plan. Rendering is linear in what is read, so the sum of the edited tracks is the edit of their sum, to the
 * depth of the files that are written. */
#include "common/audio/audio.h"
#include "common/song/song.h"

enum { TRACKS_MAX = 256 };

typedef struct Track {
    char name[256]; /* of its file, without folder and extension */
    char *path;     /* of its file; owned */
    AudioReader *reader;
    Stem stem; /* by its name; attacks are looked for in the drums beside the mix */
} Track;

typedef struct Tracks {
    Track *list; /* by name, bytewise */
    int32_t n;
} Tracks;

/* Who plays on a track of this name: "kick in" is drums, "Lead Vox" vocals, "no_drums" and what names nobody
 * else is other. */
Stem track_stem(const char *name);

/* FOLDER/ with a star behind it names the sum of the tracks in FOLDER: `place` gets FOLDER. Else false, and
 * `place` gets the path itself. */
bool tracks_named(const char *path, char place[4096]);

/* Every audio file of a folder. One line names what is wrong: no such file, two of one name, a
 * rate or length that differs from the first track's. */
Status tracks_open(Tracks *out, const char *folder);
void tracks_drop(Tracks *tracks);
/* Are they as long and of the rate of `mix`? */
Status tracks_match(const Tracks *tracks, const char *folder, const AudioReader *mix, const char *mix_name);
AudioInfo tracks_info(const Tracks *tracks); /* of their sum: the most channels and bits of any */
/* The sum of frames [at, at + n), narrower tracks spread over the channels. Room for n frames in each. */
Status tracks_read(const Tracks *tracks, int64_t at, int64_t n, float *out, float *scratch);
