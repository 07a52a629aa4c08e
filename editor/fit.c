#include "editor/fit.h"

#include <stdio.h>

#include "common/env/env.h"
#include "common/song/excerpt.h"
#include "editor/asked.h"

Status fit_to_episode(Song **song, int64_t *tune, bool quiet) {
    Status st = BS_OK;
    Song *excerpt;
    int32_t n_left_out;
    if ((*song)->n_units <= ENV_MAX_UNITS || !(*song)->n_tunes) return BS_OK;
    const int32_t wanted = *tune ? (int32_t)*tune - 1 : asked_tune(*song);
    TRY(song_excerpt(&excerpt, *song, wanted, ENV_MAX_UNITS, &n_left_out));
    if (!quiet)
        printf("a long recording: tune %d of %d is edited%s\n", wanted + 1, (*song)->n_tunes,
               n_left_out ? ", its best takes" : "");
    song_free(*song);
    *song = excerpt;
    *tune = 1;
out:
    return st;
}
