#pragma once
/* What one `bandsaw edit` holds on to, and the steps that its files do. Inside the verb only. */
#include "common/audio/mixdown.h"
#include "common/report/clips.h"
#include "common/report/edit_file.h"
#include "common/report/rpp.h"
#include "editor/asked.h"
#include "editor/decide.h"
#include "editor/outputs.h"
#include "editor/steps.h"

typedef struct EditedSong {
    OutputNames names;
    Cut cut;
    MixPlan plan;
    MixLoudness loudness;
} EditedSong;

typedef struct NamedOutput {
    const char *option, *path; /* which option names it; both borrowed */
} NamedOutput;

typedef struct EditWork {
    EditSettings set;
    const char *files[SONG_MAX_SOURCES]; /* the recording */
    int32_t n_files;
    char **found; /* named by the edit of --from; owned */
    int32_t n_found;
    int64_t starts[SONG_MAX_SOURCES], lengths[SONG_MAX_SOURCES];
    SourceList sources; /* views of the three above */
    Tracks tracks;      /* none without --tracks */
    char tracks_sum[OPTION_TEXT_BYTES + 8];
    AudioReader *reader;
    Song *song;
    EnvSong *es;
    Env *env;
    Policy *policy, *sampler;
    const char *policy_name;
    Edit given; /* of --from */
    EditOrigin origin;
    Asked asked;
    EditedSong *songs;                    /* set.candidates */
    int32_t n_songs;                      /* made */
    NamedOutput named[OUTPUTS_MAX_FILES]; /* all but the tracks */
    int32_t n_named;
    Staged staged; /* written, without names yet */
} EditWork;

/* edit_check.c: opens the recording, and refuses what can be refused before any work. */
Status edit_check(EditWork *w, const char *usage);
int32_t edit_bits(const EditWork *w); /* depth of the song */
/* Refuses an input, what another option names, a folder, and without --force what is there. */
Status edit_check_free(const EditWork *w, const char *option, const char *path);

/* edit_tracks.c: the same edit on synchronous tracks. */
const char *edit_tracks_sum(EditWork *w); /* names the recording that is the sum of the tracks */
Status edit_tracks_check(EditWork *w);
/* Does nothing without tracks. */
Status edit_tracks_render(EditWork *w, const EditedSong *s, Steps *steps);
Status edit_tracks_rpp(const EditWork *w, const EditedSong *s, const char *title, const char *folder,
                       ByteWriter *out);

/* edit_policy.c: who cuts; one that draws as well when several songs are wanted. */
Status edit_choose_policy(EditWork *w);

/* edit_write.c: the songs, and all that lies beside them, whole or not at all. */
Status edit_write(EditWork *w);
double edit_beat_length(void *song, int64_t sample);
