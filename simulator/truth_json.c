/* Reading truth files, docs/truth-format.md. Version 1 had one tune, whose fields stood at the top. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/edits/edit_json.h"
#include "common/host/json.h"
#include "simulator/truth_private.h"

static Status read_name(const Json *json, const char *key, char out[TRUTH_NAME]) {
    const char *text;
    Status st = json_get_text(json, key, &text);
    if (st == BS_OK) snprintf(out, TRUTH_NAME, "%s", text);
    return st;
}

static Status read_float(const Json *json, const char *key, float *out) {
    double value;
    Status st = json_get_f64(json, key, &value);
    if (st == BS_OK) *out = (float)value;
    return st;
}

static Status read_choice(const Json *json, const char *key, const char *const *names, int n, uint8_t *out) {
    const char *text;
    Status st = json_get_text(json, key, &text);
    if (st != BS_OK) return st;
    for (int i = 0; i < n; i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (uint8_t)i;
            return BS_OK;
        }
    return fail(BS_CORRUPT, "%s: \"%.40s\" is not known", key, text);
}

static Status read_unit(const Json *json, TruthUnit *unit) {
    Status st = BS_OK;
    int32_t take = -1, phase = 0;
    unit->slot = -1;
    TRY(json_get_i64(json, "start_sample", 0, INT64_MAX, &unit->start_sample));
    TRY(read_choice(json, "kind", truth_kind_names, UNIT_KINDS, &unit->kind));
    if (json_has(json, "what")) TRY(read_choice(json, "what", what_names, WHAT_KINDS, &unit->what));
    if (json_has(json, "take")) TRY(json_get_i32(json, "take", -1, TRUTH_MAX_TAKES - 1, &take));
    if (unit->kind == UNIT_BEAT) {
        TRY(json_get_i32(json, "slot", 0, TRUTH_MAX_SLOTS - 1, &unit->slot));
        TRY(json_get_i32(json, "phase", 0, TRUTH_MAX_METER - 1, &phase));
    }
    if (json_has(json, "flaw")) TRY(read_float(json, "flaw", &unit->flaw));
    if (json_has(json, "sustain")) TRY(read_float(json, "sustain", &unit->sustain));
    unit->take = (int16_t)take;
    unit->phase = (uint8_t)phase;
out:
    return st;
}

static Status read_take(const Json *json, TruthTake *take) {
    Status st = BS_OK;
    bool complete = false;
    TRY(json_get_i64(json, "first_sample", 0, INT64_MAX, &take->first_sample));
    TRY(json_get_i64(json, "end_sample", 0, INT64_MAX, &take->end_sample));
    if (json_has(json, "tune")) TRY(json_get_i32(json, "tune", 0, TRUTH_MAX_TUNES - 1, &take->tune));
    TRY(json_get_bool(json, "complete", &complete));
    if (json_has(json, "tempo")) TRY(read_float(json, "tempo", &take->tempo_bpm));
    if (json_has(json, "gain_db")) TRY(read_float(json, "gain_db", &take->gain_db));
    take->complete = complete;
out:
    return st;
}

static Status read_section(const Json *json, TruthSection *section) {
    Status st = BS_OK;
    if (json_has(json, "name")) TRY(read_name(json, "name", section->name));
    TRY(json_get_i32(json, "label", 0, 1 << 20, &section->label));
    TRY(json_get_i32(json, "first_slot", 0, TRUTH_MAX_SLOTS, &section->first_slot));
    TRY(json_get_i32(json, "n_slots", 1, TRUTH_MAX_SLOTS, &section->n_slots));
out:
    return st;
}

static Status read_flaw(const Json *json, TruthFlaw *flaw) {
    Status st = BS_OK;
    TRY(read_choice(json, "kind", flaw_names, FLAW_KINDS, &flaw->kind));
    TRY(json_get_i32(json, "take", 0, TRUTH_MAX_TAKES, &flaw->take));
    TRY(json_get_i32(json, "first_slot", 0, TRUTH_MAX_SLOTS, &flaw->first_slot));
    TRY(json_get_i32(json, "n_slots", 1, TRUTH_MAX_SLOTS, &flaw->n_slots));
    TRY(json_get_i64(json, "first_sample", 0, INT64_MAX, &flaw->first_sample));
    TRY(json_get_i64(json, "end_sample", 0, INT64_MAX, &flaw->end_sample));
    TRY(read_float(json, "severity", &flaw->severity));
out:
    return st;
}

static Status read_copy(const Json *json, TruthCopy *copy) {
    Status st = BS_OK;
    TRY(json_get_i64(json, "first_sample", 0, INT64_MAX, &copy->first_sample));
    TRY(json_get_i64(json, "end_sample", 0, INT64_MAX, &copy->end_sample));
    TRY(json_get_i64(json, "of_sample", 0, INT64_MAX, &copy->of_sample));
out:
    return st;
}

/* The lists of a document, found before there is a Truth to hold them; NULL where there is none. */
typedef struct Lists {
    const Json *document, *units, *takes, *tunes, *flaws, *copies, *tracks;
    size_t n_units, n_takes, n_tunes, n_sections, n_flaws, n_copies, n_tracks;
    int version;
} Lists;

static Status optional_list(const Json *json, const char *key, const Json **out, size_t *n) {
    return json_has(json, key) ? json_get_array(json, key, out, n) : BS_OK;
}

static Status find_lists(const Json *json, Lists *l) {
    Status st = BS_OK;
    const Json *row, *sections;
    size_t n;
    *l = (Lists){.document = json, .n_tunes = 1};
    TRY(json_version(json, TRUTH_VERSION, &l->version));
    TRY(json_get_array(json, "units", &l->units, &l->n_units));
    TRY(json_get_array(json, "takes", &l->takes, &l->n_takes));
    if (l->version > 1) TRY(json_get_array(json, "tunes", &l->tunes, &l->n_tunes));
    for (size_t i = 0; i < l->n_tunes; i++) {
        row = json;
        if (l->tunes) TRY(json_at(l->tunes, i, &row));
        TRY(json_get_array(row, "sections", &sections, &n));
        l->n_sections += n;
    }
    TRY(optional_list(json, "flaws", &l->flaws, &l->n_flaws));
    TRY(optional_list(json, "copies", &l->copies, &l->n_copies));
    TRY(optional_list(json, "tracks", &l->tracks, &l->n_tracks));
    if (l->n_units > TRUTH_MAX_UNITS || l->n_takes > TRUTH_MAX_TAKES || l->n_tunes > TRUTH_MAX_TUNES ||
        l->n_sections > TRUTH_MAX_SECTIONS || l->n_flaws > TRUTH_MAX_FLAWS ||
        l->n_copies > TRUTH_MAX_COPIES || l->n_tracks > TRUTH_MAX_TRACKS)
        return fail(BS_TOO_BIG, "too many units, takes, tunes, sections, flaws, copies or tracks");
out:
    return st;
}

/* Errors of the JSON reader name the file and the place already; others are told here. */
static Status in_row(Status st, const char *what, int32_t i) {
    return st == BS_OK || strchr(error_text(), '[') ? st : fail_in(st, "%s %d", what, i);
}

static Status read_tune(const Json *json, Truth *t, int32_t k) {
    Status st = BS_OK;
    TruthTune *tune = &t->tunes[k];
    const Json *sections, *row;
    size_t n;
    tune->first_section = k ? tune[-1].first_section + tune[-1].n_sections : 0;
    TRY(json_get_i32(json, "meter", 1, TRUTH_MAX_METER, &tune->meter));
    TRY(json_get_i32(json, "n_slots", 1, TRUTH_MAX_SLOTS, &tune->n_slots));
    if (json_has(json, "name")) TRY(read_name(json, "name", tune->name));
    if (json_has(json, "key")) TRY(read_name(json, "key", tune->key));
    if (json_has(json, "tempo")) TRY(read_float(json, "tempo", &tune->tempo_bpm));
    TRY(json_get_array(json, "sections", &sections, &n));
    tune->n_sections = (int32_t)n;
    for (int32_t i = 0; i < tune->n_sections; i++) {
        TRY(json_at(sections, (size_t)i, &row));
        TRY(in_row(read_section(row, &t->sections[tune->first_section + i]), "section", i));
    }
out:
    return st;
}

static Status read_lists(Truth *t, const Lists *l) {
    Status st = BS_OK;
    const Json *row = l->document;
    for (int32_t i = 0; i < t->n_tunes; i++) {
        if (l->tunes) TRY(json_at(l->tunes, (size_t)i, &row));
        TRY(in_row(read_tune(row, t, i), "tune", i));
    }
    for (int32_t i = 0; i < t->n_takes; i++) {
        TRY(json_at(l->takes, (size_t)i, &row));
        TRY(in_row(read_take(row, &t->takes[i]), "take", i));
    }
    for (int32_t i = 0; i < t->n_units; i++) {
        TRY(json_at(l->units, (size_t)i, &row));
        TRY(in_row(read_unit(row, &t->units[i]), "unit", i));
    }
    for (int32_t i = 0; i < t->n_flaws; i++) {
        TRY(json_at(l->flaws, (size_t)i, &row));
        TRY(in_row(read_flaw(row, &t->flaws[i]), "flaw", i));
    }
    for (int32_t i = 0; i < t->n_copies; i++) {
        TRY(json_at(l->copies, (size_t)i, &row));
        TRY(in_row(read_copy(row, &t->copies[i]), "copy", i));
    }
    for (t->n_tracks = 0; t->n_tracks < (int32_t)l->n_tracks; t->n_tracks++) {
        const char *name;
        TRY(json_at_text(l->tracks, (size_t)t->n_tracks, &name));
        snprintf(t->tracks[t->n_tracks], TRUTH_NAME, "%s", name);
    }
out:
    return st;
}

static Status read_job(const Json *json, Truth *t) {
    Status st = BS_OK;
    const Json *job;
    if (json_has(json, "job")) {
        TRY(json_get_object(json, "job", &job));
        if (json_has(job, "tune")) TRY(json_get_i32(job, "tune", 0, TRUTH_MAX_TUNES - 1, &t->tune));
        TRY(json_get_i64(job, "lo_samples", 0, INT64_MAX, &t->lo_samples));
        TRY(json_get_i64(job, "hi_samples", 0, INT64_MAX, &t->hi_samples));
    }
    if (json_has(json, "segments")) TRY(edit_json_segments(&t->edit, json, t->n_samples));
    t->edit.sample_rate_hz = t->sample_rate_hz;
out:
    return st;
}

static Status parse_document(Truth **out, const Json *json) {
    Status st = BS_OK;
    Truth *t = NULL;
    Lists l;
    const char *seed;
    TRY(find_lists(json, &l));
    TRY(truth_new(&t, (TruthCounts){.n_units = (int32_t)l.n_units,
                                    .n_takes = (int32_t)l.n_takes,
                                    .n_tunes = (int32_t)l.n_tunes,
                                    .n_sections = (int32_t)l.n_sections,
                                    .n_flaws = (int32_t)l.n_flaws,
                                    .n_copies = (int32_t)l.n_copies}));
    TRY(read_name(json, "name", t->name));
    TRY(json_get_i32(json, "sample_rate", 1000, 768000, &t->sample_rate_hz));
    TRY(json_get_i64(json, "n_samples", 1, INT64_MAX, &t->n_samples));
    if (json_has(json, "seed")) {
        TRY(json_get_text(json, "seed", &seed));
        t->seed = strtoull(seed, NULL, 10);
    }
    TRY(read_lists(t, &l));
    if (l.version == 1) snprintf(t->tunes[0].name, TRUTH_NAME, "%s", t->name);
    TRY(read_job(json, t));
    TRY(truth_check(t));
    *out = t;
    t = NULL;
out:
    truth_free(t);
    return st;
}

Status truth_parse(Truth **out, const void *bytes, size_t n_bytes) {
    *out = NULL;
    Json *json = NULL;
    Status st = json_parse(&json, "truth", bytes, n_bytes);
    if (st == BS_OK) st = parse_document(out, json);
    json_free(json);
    return st;
}

Status truth_read(Truth **out, const char *path) {
    *out = NULL;
    Json *json = NULL;
    Status st = json_read(&json, path, TRUTH_MAX_BYTES);
    if (st != BS_OK) return st;
    st = parse_document(out, json);
    if (st != BS_OK && strncmp(error_text(), path, strlen(path)) != 0) fail_in(st, "%s", path);
    json_free(json);
    return st;
}
