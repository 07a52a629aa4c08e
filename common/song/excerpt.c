/* Which takes stay is decided first; then units are copied, and runs of what does not stay are joined. */
#include "common/song/excerpt.h"

#include <stdlib.h>
#include <string.h>

enum { AROUND = 2 }; /* units before a take that stay, and after its tail */

typedef struct Picked {
    const Song *song;
    bool stays[SONG_MAX_UNITS];
    bool take_stays[SONG_MAX_TAKES];
} Picked;

bool song_unit_left_out(const Song *song, int32_t u) {
    const int32_t take = song->units[u].take;
    if (take < 0 || song->takes[take].tune != song->n_tunes - 1) return false;
    const SongTune *tune = &song->tunes[song->n_tunes - 1];
    return song->units[u].kind == UNIT_FREE && tune->n_slots == 0 && tune->meter == 1 && tune->tempo_bpm == 0;
}

/* First and end unit of a take with what stays around it. */
static void reach_of(const Song *song, int32_t t, int32_t *first, int32_t *end) {
    const SongTake *take = &song->takes[t];
    *first = take->first_unit;
    *end = take->first_unit + take->n_units;
    while (*end < song->n_units && song->units[*end].kind == UNIT_TAIL && song->units[*end].take == t) ++*end;
    for (int k = 0; k<AROUND && * first> 0 && song->units[*first - 1].take < 0; k++) --*first;
    for (int k = 0; k < AROUND && *end < song->n_units && song->units[*end].take < 0; k++) ++*end;
}

static bool better(const SongTake *a, const SongTake *b) {
    if (a->complete != b->complete) return a->complete;
    return a->flaw < b->flaw;
}

/* Takes of the tune, the best first, while there is room; each costs its units and a unit for what is
 * between. */
static Status pick(Picked *p, int32_t tune, int32_t max_units, int32_t *n_left_out) {
    const Song *song = p->song;
    int32_t room = max_units - 1;
    bool seen[SONG_MAX_TAKES] = {false};
    *n_left_out = 0;
    for (int32_t n = 0; n < song->n_takes; n++) {
        int32_t best = -1, first, end;
        for (int32_t t = 0; t < song->n_takes; t++)
            if (!seen[t] && song->takes[t].tune == tune &&
                (best < 0 || better(&song->takes[t], &song->takes[best])))
                best = t;
        if (best < 0) break;
        seen[best] = true;
        reach_of(song, best, &first, &end);
        if (end - first + 1 > room) {
            ++*n_left_out;
            continue;
        }
        room -= end - first + 1;
        p->take_stays[best] = true;
        for (int32_t u = first; u < end; u++) p->stays[u] = true;
    }
    if (room == max_units - 1)
        return fail(BS_TOO_BIG, "no take of tune %d has at most %d units: split the recording", tune + 1,
                    max_units);
    return BS_OK;
}

static void fill(Song *out, const Picked *p, int32_t tune) {
    const Song *song = p->song;
    int32_t n_units = 0, n_takes = 0;
    for (int32_t u = 0; u < song->n_units; u++) {
        const bool joins = u > 0 && !p->stays[u] && !p->stays[u - 1];
        if (joins) continue;
        SongUnit *unit = &out->units[n_units];
        const int32_t take = song->units[u].take;
        *unit = song->units[u];
        memcpy(out->features + (size_t)n_units * SONG_FEATURES, song->features + (size_t)u * SONG_FEATURES,
               SONG_FEATURES * sizeof *out->features);
        if (!p->stays[u]) {
            *unit =
                (SongUnit){.start_sample = unit->start_sample, .kind = UNIT_FREE, .take = (int16_t)n_takes};
            unit->bar = unit->phrase = unit->section = unit->slot = -1;
            unit->loudness_db = SONG_SILENT_DB;
            for (int s = 0; s < STEMS; s++) unit->stem_db[s] = SONG_SILENT_DB;
            out->take_called[n_takes] = SONG_NO_NUMBER;
            out->takes[n_takes++] = (SongTake){.first_unit = n_units, .n_units = 1, .tune = 1};
        } else if (take >= 0) {
            if (song->takes[take].first_unit == u) {
                out->takes[n_takes] = song->takes[take];
                out->takes[n_takes].first_unit = n_units;
                out->take_called[n_takes] = song_take_called(song, take);
                out->takes[n_takes++].tune = 0;
            }
            unit->take = (int16_t)(n_takes - 1);
        }
        n_units++;
    }
    out->tunes[0] = song->tunes[tune];
    out->tunes[0].first_slot_section = 0;
    out->tune_called[0] = song_tune_called(song, tune);
    out->tune_called[1] = SONG_NO_NUMBER;
    out->tunes[1] = (SongTune){.meter = 1, .first_slot_section = out->tunes[0].n_slots};
    memcpy(out->slot_section, song->slot_section + song->tunes[tune].first_slot_section,
           (size_t)out->tunes[0].n_slots * sizeof *out->slot_section);
}

Status song_excerpt(Song **out, const Song *song, int32_t tune, int32_t max_units, int32_t *n_left_out) {
    Status st = BS_OK;
    Song *made = NULL;
    ByteWriter bytes;
    int32_t n_units = 0, n_takes = 0, left_out;
    *out = NULL;
    bytes_init(&bytes, SONG_MAX_BYTES);
    Picked *p = calloc(1, sizeof *p);
    if (!p) return fail(BS_NOMEM, "song: out of memory");
    p->song = song;
    TRY(pick(p, tune, max_units, &left_out));
    for (int32_t u = 0; u < song->n_units; u++) {
        const bool begins = !p->stays[u] && (u == 0 || p->stays[u - 1]);
        n_units += p->stays[u] || begins;
        n_takes += begins;
    }
    for (int32_t t = 0; t < song->n_takes; t++) n_takes += p->take_stays[t];
    TRY(song_new(&made, song->n_sources, n_units, n_takes, 2, song->tunes[tune].n_slots));
    made->sample_rate_hz = song->sample_rate_hz;
    made->n_channels = song->n_channels;
    made->n_samples = song->n_samples;
    made->featurizer_version = song->featurizer_version;
    made->stems = song->stems;
    memcpy(made->sources, song->sources, (size_t)song->n_sources * sizeof *made->sources);
    fill(made, p, tune);
    TRY(song_pack(made, &bytes));
    if (n_left_out) *n_left_out = left_out;
    *out = made;
    made = NULL;
out:
    song_free(made);
    bytes_drop(&bytes);
    free(p);
    return st;
}
