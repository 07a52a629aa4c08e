#include "featurizer/pair.h"

#include <stdio.h>
#include <strings.h>

#include "common/audio/audio.h"
#include "common/host/file.h"
#include "common/report/edit_file.h"
#include "common/song/projection.h"

Status pair_hash(const Hash *song, const char *edit_path, Hash *out) {
    FileMap map;
    HashState state;
    const uint32_t versions[2] = {PAIR_VERSION, DEMO_VERSION};
    Status st = file_map(edit_path, &map);
    if (st != BS_OK) return st;
    hash_begin(&state);
    hash_add(&state, versions, sizeof versions);
    hash_add(&state, song->bytes, sizeof song->bytes);
    hash_add(&state, map.bytes, map.n_bytes);
    *out = hash_end(&state);
    file_unmap(&map);
    return BS_OK;
}

int64_t pair_foreign_samples(const Alignment *a) {
    int64_t n = 0;
    for (int32_t i = 0; i < a->n_others; i++) n += a->others[i].edit_end - a->others[i].edit_start;
    return (int64_t)((double)n * a->raw_rate_hz / a->edit_rate_hz);
}

/* Seconds of a beat in the tune that most of the edit is of; 0 where it has none. */
static double beat_seconds(const Song *song, const Edit *edit) {
    const int32_t tune = edit_tune(edit, song);
    const float tempo = tune < 0 ? 0 : song->tunes[tune].tempo_bpm;
    return tempo > 0 ? 60 / (double)tempo : 0;
}

Status pair_edit(Edit *out, const Alignment *a, const Song *song) {
    Edit plain;
    Status st = align_edit(a, 0, &plain);
    if (st != BS_OK) return st;
    st = align_edit(a, beat_seconds(song, &plain), out);
    edit_drop(&plain);
    return st;
}

static Status align_pair(Demo *out, const Song *song, const char *raw, const char *edit) {
    Alignment alignment;
    const char *raws[1] = {raw};
    Status st = align_files(raws, 1, edit, &alignment);
    if (st != BS_OK) return st;
    out->foreign_samples = pair_foreign_samples(&alignment);
    st = pair_edit(&out->made, &alignment, song);
    align_drop(&alignment);
    return st;
}

/* What an EDIT.json says of what the recording does not hold. */
static Status read_foreign(const char *path, int64_t *foreign) {
    Json *object;
    Status st = json_read(&object, path, 0);
    if (st != BS_OK) return st;
    if (json_has(object, "foreign_samples"))
        st = json_get_i64(object, "foreign_samples", 0, INT64_MAX / 4, foreign);
    json_free(object);
    return st;
}

static Status read_pair(Demo *out, const Song *song, const char *raw, const char *edit) {
    const int64_t start = 0;
    const SourceList sources = {.n = 1,
                                .sample_rate_hz = song->sample_rate_hz,
                                .n_channels = song->n_channels,
                                .paths = &raw,
                                .start = &start,
                                .samples = &song->n_samples,
                                .n_samples = song->n_samples};
    Status st = edit_file_read(&out->made, edit, &sources, NULL);
    if (st == BS_OK && !strcasecmp(path_extension(edit), "json"))
        st = read_foreign(edit, &out->foreign_samples);
    return st;
}

Status pair_read(Demo *out, const Song *song, const char *raw, const char *edit) {
    Status st = BS_OK;
    Projection projection = {0};
    demo_init(out);
    out->song = song->hash;
    TRY(audio_is_named(edit) ? align_pair(out, song, raw, edit) : read_pair(out, song, raw, edit));
    out->made.song = song->hash;
    st = projection_make(&projection, song, &out->made);
    if (st != BS_OK) TRY(fail_in(st, "%s", edit));
    TRY(projection_loss(&out->made, out->foreign_samples, &projection.edit, &out->loss));
    TRY(edit_copy(&out->projected, &projection.edit));
    out->weight = projection_weight(out->loss);
    if (!(out->weight > 0))
        st = fail(BS_UNSUPPORTED, "%s: only %.0f %% of it are whole beats of %s: too little to learn from",
                  edit, 100 * (1 - out->loss), raw);
out:
    projection_drop(&projection);
    if (st != BS_OK) demo_drop(out);
    return st;
}
