/* Truth as text, docs/truth-format.md: one line a unit, take, section, flaw, copy and segment, so that files
 * are easy to read, to diff and to write by hand. */
#include "common/edits/edit_json.h"
#include "common/host/file.h"
#include "simulator/truth_private.h"

const char *const truth_kind_names[UNIT_KINDS] = {"beat", "free", "gap", "tail"};

/* "text", with what JSON forbids escaped. */
static void put_text(ByteWriter *w, const char *text) {
    bytes_printf(w, "\"");
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

/* Between the rows of a list. */
static const char *comma(int32_t i, int32_t n) { return i + 1 < n ? "," : ""; }

static void put_tunes(const Truth *t, ByteWriter *w) {
    bytes_printf(w, "\"tunes\": [\n");
    for (int32_t k = 0; k < t->n_tunes; k++) {
        const TruthTune *tune = &t->tunes[k];
        bytes_printf(w, "  {\"name\": ");
        put_text(w, tune->name);
        bytes_printf(w, ", \"key\": ");
        put_text(w, tune->key);
        bytes_printf(w, ", \"meter\": %d, \"n_slots\": %d, \"tempo\": %.9g, \"sections\": [\n", tune->meter,
                     tune->n_slots, (double)tune->tempo_bpm);
        for (int32_t s = 0; s < tune->n_sections; s++) {
            const TruthSection *section = &t->sections[tune->first_section + s];
            bytes_printf(w, "    {\"name\": ");
            put_text(w, section->name);
            bytes_printf(w, ", \"label\": %d, \"first_slot\": %d, \"n_slots\": %d}%s\n", section->label,
                         section->first_slot, section->n_slots, comma(s, tune->n_sections));
        }
        bytes_printf(w, "  ]}%s\n", comma(k, t->n_tunes));
    }
    bytes_printf(w, "],\n");
}

static void put_takes(const Truth *t, ByteWriter *w) {
    bytes_printf(w, "\"takes\": [\n");
    for (int32_t k = 0; k < t->n_takes; k++) {
        const TruthTake *take = &t->takes[k];
        bytes_printf(w,
                     "  {\"first_sample\": %lld, \"end_sample\": %lld, \"tune\": %d, \"complete\": %s, "
                     "\"tempo\": %.9g, \"gain_db\": %.9g}%s\n",
                     (long long)take->first_sample, (long long)take->end_sample, take->tune,
                     take->complete ? "true" : "false", (double)take->tempo_bpm, (double)take->gain_db,
                     comma(k, t->n_takes));
    }
    bytes_printf(w, "],\n");
}

static void put_units(const Truth *t, ByteWriter *w) {
    bytes_printf(w, "\"units\": [\n");
    for (int32_t u = 0; u < t->n_units; u++) {
        const TruthUnit *unit = &t->units[u];
        bytes_printf(w, "  {\"start_sample\": %lld, \"kind\": \"%s\"", (long long)unit->start_sample,
                     truth_kind_names[unit->kind]);
        if (unit->what != WHAT_UNKNOWN) bytes_printf(w, ", \"what\": \"%s\"", what_names[unit->what]);
        if (unit->take >= 0) bytes_printf(w, ", \"take\": %d", unit->take);
        if (unit->kind == UNIT_BEAT)
            bytes_printf(w, ", \"slot\": %d, \"phase\": %d", unit->slot, unit->phase);
        if (unit->flaw > 0) bytes_printf(w, ", \"flaw\": %.9g", (double)unit->flaw);
        if (unit->sustain > 0) bytes_printf(w, ", \"sustain\": %.9g", (double)unit->sustain);
        bytes_printf(w, "}%s\n", comma(u, t->n_units));
    }
    bytes_printf(w, "],\n");
}

static void put_flaws(const Truth *t, ByteWriter *w) {
    bytes_printf(w, "\"flaws\": [\n");
    for (int32_t f = 0; f < t->n_flaws; f++) {
        const TruthFlaw *flaw = &t->flaws[f];
        bytes_printf(
            w,
            "  {\"kind\": \"%s\", \"take\": %d, \"first_slot\": %d, \"n_slots\": %d, \"first_sample\": %lld, "
            "\"end_sample\": %lld, \"severity\": %.9g}%s\n",
            flaw_names[flaw->kind], flaw->take, flaw->first_slot, flaw->n_slots,
            (long long)flaw->first_sample, (long long)flaw->end_sample, (double)flaw->severity,
            comma(f, t->n_flaws));
    }
    bytes_printf(w, "],\n");
}

static void put_copies_and_tracks(const Truth *t, ByteWriter *w) {
    if (t->n_copies) bytes_printf(w, "\"copies\": [\n");
    for (int32_t c = 0; c < t->n_copies; c++)
        bytes_printf(w, "  {\"first_sample\": %lld, \"end_sample\": %lld, \"of_sample\": %lld}%s\n",
                     (long long)t->copies[c].first_sample, (long long)t->copies[c].end_sample,
                     (long long)t->copies[c].of_sample, comma(c, t->n_copies));
    if (t->n_copies) bytes_printf(w, "],\n");
    if (t->n_tracks) bytes_printf(w, "\"tracks\": [");
    for (int32_t i = 0; i < t->n_tracks; i++) {
        put_text(w, t->tracks[i]);
        bytes_printf(w, i + 1 < t->n_tracks ? ", " : "],\n");
    }
}

static void put_job(const Truth *t, ByteWriter *w) {
    double rate = t->sample_rate_hz;
    bytes_printf(w,
                 "\"job\": {\"tune\": %d, \"lo_samples\": %lld, \"hi_samples\": %lld, \"lo_s\": %.3f, "
                 "\"hi_s\": %.3f},\n",
                 t->tune, (long long)t->lo_samples, (long long)t->hi_samples, (double)t->lo_samples / rate,
                 (double)t->hi_samples / rate);
    bytes_printf(w, "\"segments\": [\n");
    for (int32_t i = 0; i < t->edit.n_segments; i++) {
        const EditSegment *s = &t->edit.segments[i];
        bytes_printf(w, "  [%lld, %lld, \"%s\"]%s\n", (long long)s->start_sample, (long long)s->end_sample,
                     edit_fade_names[s->fade], comma(i, t->edit.n_segments));
    }
    bytes_printf(w, "]\n");
}

Status truth_print(const Truth *t, ByteWriter *w) {
    bytes_printf(w, "{\n\"version\": %d,\n\"name\": ", TRUTH_VERSION);
    put_text(w, t->name);
    bytes_printf(w, ",\n\"seed\": \"%llu\",\n\"sample_rate\": %d,\n\"n_samples\": %lld,\n",
                 (unsigned long long)t->seed, t->sample_rate_hz, (long long)t->n_samples);
    put_tunes(t, w);
    put_takes(t, w);
    put_units(t, w);
    put_flaws(t, w);
    put_copies_and_tracks(t, w);
    put_job(t, w);
    bytes_printf(w, "}\n");
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
