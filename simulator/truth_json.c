/* Truth as JSON, docs/truth-format.md: one line a unit, take, section, flaw and segment, so that files are
 * easy to read, to diff and to write by hand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/file.h"
#include "common/host/json.h"
#include "common/report/edit_json.h"
#include "simulator/truth.h"

static const char *const kind_names[UNIT_KINDS] = {"beat", "free", "gap", "tail"};

/* ---- writing */

/* "key": "text", with what JSON forbids escaped. */
static void put_text(ByteWriter *w, const char *key, const char *text) {
    bytes_printf(w, "\"%s\": \"", key);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            bytes_printf(w, "\\%c", *c);
        else if (*c < 0x20)
            bytes_printf(w, "\\u%04x", *c);
        else
            bytes_put(w, c, 1);
    }
    bytes_printf(w, "\"");
}

static void put_units(const Truth *t, ByteWriter *w) {
    bytes_printf(w, "\"units\": [\n");
    for (int32_t u = 0; u < t->n_units; u++) {
        const TruthUnit *unit = &t->units[u];
        bytes_printf(w, "  {\"start_sample\": %lld, \"kind\": \"%s\"", (long long)unit->start_sample,
                     kind_names[unit->kind]);
        if (unit->take >= 0) bytes_printf(w, ", \"take\": %d", unit->take);
        if (unit->kind == UNIT_BEAT)
            bytes_printf(w, ", \"slot\": %d, \"phase\": %d", unit->slot, unit->phase);
        if (unit->flaw > 0) bytes_printf(w, ", \"flaw\": %.9g", (double)unit->flaw);
        bytes_printf(w, "}%s\n", u + 1 < t->n_units ? "," : "");
    }
    bytes_printf(w, "],\n");
}

Status truth_print(const Truth *t, ByteWriter *w) {
    bytes_printf(w, "{\n\"version\": %d,\n", TRUTH_VERSION);
    put_text(w, "name", t->name);
    bytes_printf(w, ",\n\"seed\": \"%llu\",\n\"sample_rate\": %d,\n\"n_samples\": %lld,\n\"tempo\": %.9g,\n",
                 (unsigned long long)t->seed, t->sample_rate_hz, (long long)t->n_samples,
                 (double)t->tempo_bpm);
    bytes_printf(w, "\"meter\": %d,\n", t->meter);
    put_text(w, "key", t->key);
    bytes_printf(w, ",\n\"n_slots\": %d,\n\"sections\": [\n", t->n_slots);
    for (int32_t s = 0; s < t->n_sections; s++) {
        bytes_printf(w, "  {");
        put_text(w, "name", t->sections[s].name);
        bytes_printf(w, ", \"label\": %d, \"first_slot\": %d, \"n_slots\": %d}%s\n", t->sections[s].label,
                     t->sections[s].first_slot, t->sections[s].n_slots, s + 1 < t->n_sections ? "," : "");
    }
    bytes_printf(w, "],\n\"takes\": [\n");
    for (int32_t k = 0; k < t->n_takes; k++) {
        const TruthTake *take = &t->takes[k];
        bytes_printf(w,
                     "  {\"first_sample\": %lld, \"end_sample\": %lld, \"complete\": %s, \"tempo\": %.9g, "
                     "\"gain_db\": %.9g}%s\n",
                     (long long)take->first_sample, (long long)take->end_sample,
                     take->complete ? "true" : "false", (double)take->tempo_bpm, (double)take->gain_db,
                     k + 1 < t->n_takes ? "," : "");
    }
    bytes_printf(w, "],\n");
    put_units(t, w);
    bytes_printf(w, "\"flaws\": [\n");
    for (int32_t f = 0; f < t->n_flaws; f++) {
        const TruthFlaw *flaw = &t->flaws[f];
        bytes_printf(
            w,
            "  {\"kind\": \"%s\", \"take\": %d, \"first_slot\": %d, \"n_slots\": %d, \"first_sample\": %lld, "
            "\"end_sample\": %lld, \"severity\": %.9g}%s\n",
            flaw_names[flaw->kind], flaw->take, flaw->first_slot, flaw->n_slots,
            (long long)flaw->first_sample, (long long)flaw->end_sample, (double)flaw->severity,
            f + 1 < t->n_flaws ? "," : "");
    }
    double rate = t->sample_rate_hz;
    bytes_printf(
        w, "],\n\"job\": {\"lo_samples\": %lld, \"hi_samples\": %lld, \"lo_s\": %.3f, \"hi_s\": %.3f},\n",
        (long long)t->lo_samples, (long long)t->hi_samples, (double)t->lo_samples / rate,
        (double)t->hi_samples / rate);
    bytes_printf(w, "\"segments\": [\n");
    for (int32_t i = 0; i < t->edit.n_segments; i++) {
        const EditSegment *s = &t->edit.segments[i];
        bytes_printf(w, "  [%lld, %lld, \"%s\"]%s\n", (long long)s->start_sample, (long long)s->end_sample,
                     edit_fade_names[s->fade], i + 1 < t->edit.n_segments ? "," : "");
    }
    bytes_printf(w, "]\n}\n");
    return w->bad ? fail(BS_NOMEM, "no memory for the truth of %s", t->name) : BS_OK;
}

Status truth_write(const Truth *t, const char *path) {
    Status st = BS_OK;
    ByteWriter w;
    bytes_init(&w, TRUTH_MAX_BYTES);
    TRY(truth_check(t));
    TRY(truth_print(t, &w));
    TRY(file_replace(path, w.bytes, w.n_bytes));
out:
    bytes_drop(&w);
    return st;
}

/* ---- reading */
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
    TRY(read_choice(json, "kind", kind_names, UNIT_KINDS, &unit->kind));
    if (json_has(json, "take")) TRY(json_get_i32(json, "take", -1, TRUTH_MAX_TAKES - 1, &take));
    if (unit->kind == UNIT_BEAT) {
        TRY(json_get_i32(json, "slot", 0, TRUTH_MAX_SLOTS - 1, &unit->slot));
        TRY(json_get_i32(json, "phase", 0, TRUTH_MAX_METER - 1, &phase));
    }
    if (json_has(json, "flaw")) TRY(read_float(json, "flaw", &unit->flaw));
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
    TRY(json_get_bool(json, "complete", &complete));
    if (json_has(json, "tempo")) TRY(read_float(json, "tempo", &take->tempo_bpm));
    if (json_has(json, "gain_db")) TRY(read_float(json, "gain_db", &take->gain_db));
    take->complete = complete;
out:
    return st;
}

static Status read_section(const Json *json, TruthSection *section) {
    Status st = BS_OK;
    TRY(read_name(json, "name", section->name));
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

/* Errors of the JSON reader name the file and the place already; others are told here. */
static Status in_row(Status st, const char *what, int32_t i) {
    return strchr(error_text(), '[') ? st : fail_in(st, "%s %d", what, i);
}

static Status read_arrays(Truth *t, const Json *units, const Json *takes, const Json *sections,
                          const Json *flaws) {
    Status st = BS_OK;
    const Json *row;
    for (int32_t i = 0; i < t->n_units; i++) {
        TRY(json_at(units, (size_t)i, &row));
        if ((st = read_unit(row, &t->units[i])) != BS_OK) return in_row(st, "unit", i);
    }
    for (int32_t i = 0; i < t->n_takes; i++) {
        TRY(json_at(takes, (size_t)i, &row));
        if ((st = read_take(row, &t->takes[i])) != BS_OK) return in_row(st, "take", i);
    }
    for (int32_t i = 0; i < t->n_sections; i++) {
        TRY(json_at(sections, (size_t)i, &row));
        if ((st = read_section(row, &t->sections[i])) != BS_OK) return in_row(st, "section", i);
    }
    for (int32_t i = 0; i < t->n_flaws; i++) {
        TRY(json_at(flaws, (size_t)i, &row));
        if ((st = read_flaw(row, &t->flaws[i])) != BS_OK) return in_row(st, "flaw", i);
    }
out:
    return st;
}

static Status parse_document(Truth **out, const Json *json) {
    Status st = BS_OK;
    Truth *t = NULL;
    const Json *units, *takes, *sections, *flaws = NULL, *job;
    const char *seed;
    size_t n_units, n_takes, n_sections, n_flaws = 0;
    int version;
    TRY(json_version(json, TRUTH_VERSION, &version));
    TRY(json_get_array(json, "units", &units, &n_units));
    TRY(json_get_array(json, "takes", &takes, &n_takes));
    TRY(json_get_array(json, "sections", &sections, &n_sections));
    if (json_has(json, "flaws")) TRY(json_get_array(json, "flaws", &flaws, &n_flaws));
    if (n_units > TRUTH_MAX_UNITS || n_takes > TRUTH_MAX_TAKES || n_sections > TRUTH_MAX_SECTIONS ||
        n_flaws > TRUTH_MAX_FLAWS)
        return fail(BS_TOO_BIG, "too many units, takes, sections or flaws");
    TRY(truth_new(&t, (int32_t)n_units, (int32_t)n_takes, (int32_t)n_sections, (int32_t)n_flaws));
    TRY(read_name(json, "name", t->name));
    TRY(json_get_i32(json, "sample_rate", 1000, 768000, &t->sample_rate_hz));
    TRY(json_get_i64(json, "n_samples", 1, INT64_MAX, &t->n_samples));
    TRY(json_get_i32(json, "meter", 1, TRUTH_MAX_METER, &t->meter));
    TRY(json_get_i32(json, "n_slots", 1, TRUTH_MAX_SLOTS, &t->n_slots));
    if (json_has(json, "tempo")) TRY(read_float(json, "tempo", &t->tempo_bpm));
    if (json_has(json, "key")) TRY(read_name(json, "key", t->key));
    if (json_has(json, "seed")) {
        TRY(json_get_text(json, "seed", &seed));
        t->seed = strtoull(seed, NULL, 10);
    }
    TRY(read_arrays(t, units, takes, sections, flaws));
    if (json_has(json, "job")) {
        TRY(json_get_object(json, "job", &job));
        TRY(json_get_i64(job, "lo_samples", 0, INT64_MAX, &t->lo_samples));
        TRY(json_get_i64(job, "hi_samples", 0, INT64_MAX, &t->hi_samples));
    }
    if (json_has(json, "segments")) TRY(edit_json_segments(&t->edit, json, t->n_samples));
    t->edit.sample_rate_hz = t->sample_rate_hz;
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
