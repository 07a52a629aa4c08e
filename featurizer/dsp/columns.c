/* One function a group of rows; the standardisation reads "as is" from the table itself. */
#include "featurizer/dsp/columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void sound_columns(float *row, const Measure *m, const UnitExtras *x) {
    static const float weight[ONSET_BANDS] = {0.35F, 0.2F, 0.3F, 0.15F};
    memcpy(row + FEATURE_MEL, m->mel, sizeof m->mel);
    memcpy(row + FEATURE_CHROMA, m->chroma, sizeof m->chroma);
    row[FEATURE_LOUDNESS] = m->level_db;
    for (int32_t g = 0; g < ONSET_BANDS; g++) row[FEATURE_ONSET] += weight[g] * m->onset[g];
    row[FEATURE_ONSET_LOW] = m->onset[0];
    row[FEATURE_ONSET_HIGH] = m->onset[3];
    row[FEATURE_ATTACK] = m->attack;
    memcpy(row + FEATURE_STEM_LEVEL, m->stem_db, sizeof m->stem_db);
    memcpy(row + FEATURE_STEM_ONSET, m->stem_onset, sizeof m->stem_onset);
    row[FEATURE_CLIPPED] = x->clipped;
    row[FEATURE_VOCAL] = m->vocal;
    for (int32_t k = 0; k < UNIT_KINDS; k++) row[FEATURE_KIND + k] = x->kind[k];
}

static void grid_columns(float *row, const Song *s, int32_t u, const Heard *h, const UnitExtras *x) {
    const SongUnit *unit = &s->units[u];
    double seconds = (double)song_unit_samples(s, u) / s->sample_rate_hz;
    row[FEATURE_LENGTH] = (float)log(seconds > 1e-4 ? seconds : 1e-4);
    row[FEATURE_TIMING] = h->timing;
    row[FEATURE_BEAT_CONFIDENCE] = x->beat_confidence;
    row[FEATURE_DOWNBEAT_CONFIDENCE] = x->downbeat_confidence;
    if (unit->take < 0) return;
    const SongTake *take = &s->takes[unit->take];
    const SongTune *tune = &s->tunes[take->tune];
    if (unit->tempo_bpm > 0 && tune->tempo_bpm > 0) {
        double octaves = log2(unit->tempo_bpm / tune->tempo_bpm);
        row[FEATURE_TEMPO] = (float)(octaves > 1 ? 1 : octaves < -1 ? -1 : octaves);
    }
    if (unit->kind == UNIT_BEAT) {
        row[FEATURE_BAR_PHASE] = (float)cos(2 * M_PI * unit->phase / tune->meter);
        row[FEATURE_BAR_PHASE + 1] = (float)sin(2 * M_PI * unit->phase / tune->meter);
    }
    if (unit->slot >= 0 && tune->n_slots > 0) {
        row[FEATURE_FORM_PLACE] = (float)unit->slot / (float)tune->n_slots;
        row[FEATURE_FORM_PLACE + 1] = 1;
    }
    int32_t in = u - take->first_unit;
    row[FEATURE_TAKE_PLACE] = in >= take->n_units ? 1 : (float)in / (float)take->n_units;
    const SongUnit *before = u ? unit - 1 : NULL, *after = u + 1 < s->n_units ? unit + 1 : NULL;
    if (unit->phrase >= 0) {
        row[FEATURE_EDGES] = !before || before->phrase != unit->phrase;
        row[FEATURE_EDGES + 1] = !after || after->phrase != unit->phrase;
    }
    if (unit->section >= 0) {
        row[FEATURE_EDGES + 2] = !before || before->section != unit->section;
        row[FEATURE_EDGES + 3] = !after || after->section != unit->section;
    }
}

static void slot_columns(float *row, const Song *s, int32_t u, const Heard *h) {
    row[FEATURE_ALTERNATIVES] = h->alternatives > 8 ? 1 : (float)h->alternatives / 8;
    memcpy(row + FEATURE_DEVIATION, h->deviation, sizeof h->deviation);
    row[FEATURE_RANK] = h->rank;
    row[FEATURE_FLAW] = h->flaw;
    row[FEATURE_TAKE_FLAW] = s->units[u].take >= 0 ? s->takes[s->units[u].take].flaw : 0;
}

static void standardise(Song *s, int32_t column) {
    double sum = 0, square = 0;
    float *v = s->features + column;
    for (int32_t u = 0; u < s->n_units; u++) sum += v[(size_t)u * SONG_FEATURES];
    double mean = sum / s->n_units;
    for (int32_t u = 0; u < s->n_units; u++) {
        double d = v[(size_t)u * SONG_FEATURES] - mean;
        square += d * d;
    }
    double deviation = sqrt(square / s->n_units);
    for (int32_t u = 0; u < s->n_units; u++) {
        double z = deviation > 1e-6 ? (v[(size_t)u * SONG_FEATURES] - mean) / deviation : 0;
        v[(size_t)u * SONG_FEATURES] = (float)(z > 4 ? 4 : z < -4 ? -4 : z);
    }
}

Status columns_fill(Song *song, const Heard *heard, const UnitExtras *extras) {
    for (int32_t u = 0; u < song->n_units; u++) {
        float *row = song->features + (size_t)u * SONG_FEATURES;
        memset(row, 0, sizeof(float) * SONG_FEATURES);
        sound_columns(row, &heard[u].m, &extras[u]);
        grid_columns(row, song, u, &heard[u], &extras[u]);
        slot_columns(row, song, u, &heard[u]);
    }
    for (int32_t r = 0; r < song_n_feature_rows; r++)
        for (int32_t c = 0; c < song_feature_rows[r].width && !strstr(song_feature_rows[r].text, "as is");
             c++)
            standardise(song, song_feature_rows[r].column + c);
    return BS_OK;
}
