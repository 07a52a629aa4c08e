/* The most likely path through 24 keys along a take.
 *
 * A unit's chroma is read as the relative frequencies of its pitch classes; how likely a key makes them is
 * their cross entropy with the key's profile (Albrecht, Shanahan: "The use of large corpora to train a new
 * type of key-finding algorithm", Music Perception 31(1), 2013). Recordings have partials and drums in every
 * class, so the profiles are mixed with an even one. A change of key costs as much as about eight bars can
 * tell, and less where a section begins. */
#include "featurizer/dsp/key.h"

#include <math.h>
#include <string.h>

static const double profiles[2][12] = {
    {0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081},
    {0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052},
};
static const double even = 0.2, weight_per_beat = 2.0, change = 9, change_at_section = 5;

static void log_profiles(double out[SONG_KEYS][12]) {
    for (int k = 0; k < SONG_KEYS; k++)
        for (int c = 0; c < 12; c++)
            out[k][c] = log((1 - even) * profiles[k / 12][(c + 12 - k % 12) % 12] + even / 12);
}

/* log likelihood of a unit under each key, against the mean of all keys */
static void unit_likelihoods(const SongUnit *u, double beats, double logs[SONG_KEYS][12], double *out) {
    double sum = 1e-9, mean = 0;
    for (int c = 0; c < 12; c++) sum += u->chroma[c];
    for (int k = 0; k < SONG_KEYS; k++) {
        out[k] = 0;
        for (int c = 0; c < 12; c++) out[k] += u->chroma[c] / sum * logs[k][c];
        mean += out[k] / SONG_KEYS;
    }
    for (int k = 0; k < SONG_KEYS; k++) out[k] = weight_per_beat * beats * (out[k] - mean);
}

static void take_keys(Song *song, const SongTake *take, double logs[SONG_KEYS][12], uint8_t *from) {
    double score[SONG_KEYS] = {0}, next[SONG_KEYS], own[SONG_KEYS];
    for (int32_t i = 0; i < take->n_units; i++) {
        int32_t u = take->first_unit + i;
        const SongUnit *unit = &song->units[u];
        double seconds = (double)song_unit_samples(song, u) / song->sample_rate_hz;
        bool at_section = i && unit->section != unit[-1].section;
        double cost = i == 0 ? 0 : at_section ? change_at_section : change;
        int best = 0;
        for (int k = 1; k < SONG_KEYS; k++)
            if (score[k] > score[best]) best = k;
        unit_likelihoods(unit, unit->kind == UNIT_BEAT ? 1 : 2 * seconds, logs, own);
        for (int k = 0; k < SONG_KEYS; k++) {
            bool stays = score[k] >= score[best] - cost;
            from[(size_t)i * SONG_KEYS + (size_t)k] = (uint8_t)(stays ? k : best);
            next[k] = (stays ? score[k] : score[best] - cost) + own[k];
        }
        memcpy(score, next, sizeof score);
    }
    int key = 0;
    for (int k = 1; k < SONG_KEYS; k++)
        if (score[k] > score[key]) key = k;
    for (int32_t i = take->n_units - 1; i >= 0; i--) {
        song->units[take->first_unit + i].key = (uint8_t)(key + 1);
        key = from[(size_t)i * SONG_KEYS + (size_t)key];
    }
}

Status keys_find(Song *song, Arena *mem) {
    double logs[SONG_KEYS][12];
    log_profiles(logs);
    int32_t longest = 0;
    for (int32_t t = 0; t < song->n_takes; t++)
        if (song->takes[t].n_units > longest) longest = song->takes[t].n_units;
    uint8_t *from = arena_alloc(mem, SONG_KEYS * (size_t)longest + 1);
    if (!from) return fail(BS_NOMEM, "keys: out of memory");
    for (int32_t u = 0; u < song->n_units; u++) song->units[u].key = 0;
    for (int32_t t = 0; t < song->n_takes; t++) take_keys(song, &song->takes[t], logs, from);
    return BS_OK;
}
