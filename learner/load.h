#pragma once
/* Loading: where the run's songs and demonstrations come from. */
#include "common/net/blob_service.h"
#include "learner/settings.h"
#include "learner/songs.h"

/* DATA/.bandsaw unless the options say otherwise; "" where there is no data folder. */
Status load_featurizer_path(const Settings *s, char out[PATH_BYTES]);
Status load_demos_path(const Settings *s, char out[PATH_BYTES]);

/* Every song of --songs, else all that the featurizer lists; from the cache, else from the featurizer. Songs
 * on which no episode can run are left out by name. Waits for the featurizer to come up, until *stop.
 * BS_NOT_FOUND when no song is left. */
Status load_songs(SongBook *songs, const Settings *s, const char *featurizer, Net *net, Cache *cache,
                  const volatile int *stop);
/* RUN/songs: their hashes, one a line, in the form that --songs reads. The featurizer evicts none of them. */
Status load_keep_songs(const SongBook *songs, const char *run);
