#include "simulator/rate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/edits/edit_json.h"
#include "common/host/file.h"
#include "simulator/judge.h"
#include "simulator/spoil.h"

enum { JUDGMENT_VERSION = 1, MAX_OUT_BYTES = 1 << 30 };

/* ---- one session */

void rated_drop(Rated *rated) {
    for (int32_t i = 0; i < rated->n_edits; i++) edit_drop(&rated->edits[i]);
    rated->n_edits = 0;
}

/* Five in eight are the right edit with faults, two are blocks, one is chance. */
static SpoilKind kind_of(int32_t i, Rng *r) {
    static const SpoilKind kinds[] = {SPOIL_A_LITTLE, SPOIL_BLOCK, SPOIL_MORE,     SPOIL_A_LITTLE,
                                      SPOIL_MORE,     SPOIL_BLOCK, SPOIL_A_LITTLE, SPOIL_CHANCE};
    return i == 0 ? SPOIL_NOTHING : kinds[rng_below(r, sizeof kinds / sizeof *kinds)];
}

static Status add_edit(Rated *out, const Truth *t, double traits[TRAITS], Rng *r) {
    Status st = BS_OK;
    JudgeScore score;
    const int32_t i = out->n_edits;
    TRY(spoil(t, t->tune, &t->edit, kind_of(i, r), r, &out->edits[i]));
    out->n_edits++;
    TRY(judge(t, t->tune, &out->edits[i], t->lo_samples, t->hi_samples, &score));
    out->judge[i] = score.score;
    traits_of(t, t->tune, &out->edits[i], t->lo_samples, t->hi_samples, traits);
out:
    return st;
}

Status rate_session(Rated *out, const Truth *t, const RateOptions *o) {
    Status st = BS_OK;
    double traits[RATE_MAX_EDITS][TRAITS];
    Rng r = rng_at(rng_mix(o->seed, t->seed), 0x72617465);
    memset(out, 0, sizeof *out);
    if (t->edit.n_segments < 1)
        return fail(
            BS_INVALID,
            "%s: the truth holds no right edit (\"job\" and \"segments\"), and raters compare with it",
            t->name);
    for (int32_t i = 0; i < o->n_edits; i++) TRY(add_edit(out, t, traits[i], &r));
    out->n_raters = o->raters_a_session;
    for (int32_t k = 0; k < out->n_raters; k++) {
        out->raters[k] = (int32_t)rng_below(&r, (uint32_t)o->n_raters);
        const Rater rater = rater_of(o->seed, out->raters[k]);
        for (int32_t i = 0; i < out->n_edits; i++) out->feels[k][i] = rater_feels(&rater, traits[i], &r);
    }
    return BS_OK;
out:
    rated_drop(out);
    return st;
}

double rated_tau_judge(const Rated *x) {
    double sum = 0;
    for (int32_t k = 0; k < x->n_raters; k++) sum += kendall_tau(x->feels[k], x->judge, x->n_edits);
    return sum / x->n_raters;
}

double rated_tau_raters(const Rated *x) {
    double sum = 0;
    int n = 0;
    for (int32_t k = 0; k < x->n_raters; k++)
        for (int32_t j = 0; j < k; j++)
            if (x->raters[j] != x->raters[k]) {
                sum += kendall_tau(x->feels[k], x->feels[j], x->n_edits);
                n++;
            }
    return n ? sum / n : 0;
}

/* ---- lines */

static void put_edit(ByteWriter *w, const char *key, const Edit *e) {
    bytes_printf(w, ",\"%s\":{\"sample_rate\":%d,\"segments\":[", key, e->sample_rate_hz);
    for (int32_t i = 0; i < e->n_segments; i++)
        bytes_printf(w, "%s[%lld,%lld,\"%s\"]", i ? "," : "", (long long)e->segments[i].start_sample,
                     (long long)e->segments[i].end_sample, edit_fade_names[e->segments[i].fade]);
    bytes_printf(w, "]}");
}

static void put_head(ByteWriter *w, const char *kind, const Truth *t, const char *name, int32_t rater) {
    bytes_printf(w,
                 "{\"version\":%d,\"kind\":\"%s\",\"rater\":\"simulated-%d\",\"name\":\"%s\",\"tune\":%d,"
                 "\"lo_samples\":%lld,\"hi_samples\":%lld",
                 JUDGMENT_VERSION, kind, rater, name, t->tune, (long long)t->lo_samples,
                 (long long)t->hi_samples);
}

static void put_session(ByteWriter *w, const Rated *x, const Truth *t, const char *name, const RateOptions *o,
                        RateReport *report) {
    Rng r = rng_at(rng_mix(o->seed, t->seed), 0x70616972);
    for (int32_t k = 0; k < x->n_raters; k++) {
        const Rater rater = rater_of(o->seed, x->raters[k]);
        for (int32_t i = 0; i < x->n_edits; i++) {
            put_head(w, "rating", t, name, x->raters[k]);
            put_edit(w, "edit", &x->edits[i]);
            bytes_printf(w, ",\"stars\":%d}\n", rater_stars(&rater, x->feels[k][i]));
            report->n_ratings++;
        }
        for (int32_t p = 0; p < o->n_pairs; p++) {
            int32_t a = (int32_t)rng_below(&r, (uint32_t)x->n_edits),
                    b = (a + 1 + (int32_t)rng_below(&r, (uint32_t)x->n_edits - 1)) % x->n_edits;
            Choice choice = rater_prefers(&rater, x->feels[k][a], x->feels[k][b]);
            put_head(w, "pair", t, name, x->raters[k]);
            put_edit(w, "a", &x->edits[a]);
            put_edit(w, "b", &x->edits[b]);
            bytes_printf(w, ",\"choice\":\"%s\"}\n", choice_names[choice]);
            report->n_comparisons++;
            report->n_ties += choice == CHOICE_TIE;
        }
    }
}

/* ---- a folder */

static Status rate_file(ByteWriter *w, const RateOptions *o, const char *file, size_t n_name,
                        RateReport *report) {
    Status st = BS_OK;
    char path[PATH_BYTES], name[PATH_BYTES];
    Truth *t = NULL;
    Rated *rated = malloc(sizeof *rated);
    if (!rated) return fail(BS_NOMEM, "no memory to rate %s", file);
    rated->n_edits = 0;
    if (strpbrk(file, "\"\\")) {
        st = fail(BS_INVALID, "%s: a name of a session may hold no quotes and no backslashes", file);
        goto out;
    }
    TRY(path_join(path, o->folder, file));
    TRY(truth_read(&t, path));
    snprintf(name, sizeof name, "%.*s", (int)n_name, file);
    TRY(rate_session(rated, t, o));
    put_session(w, rated, t, name, o, report);
    report->tau_judge += rated_tau_judge(rated);
    report->tau_raters += rated_tau_raters(rated);
    report->n_sessions++;
    if (w->bad) st = fail(BS_NOMEM, "%s: more judgments than fit into memory", o->folder);
out:
    rated_drop(rated);
    free(rated);
    truth_free(t);
    return st;
}

Status rate(const RateOptions *o, RateReport *report) {
    Status st = BS_OK;
    char **names = NULL;
    size_t n_names = 0;
    ByteWriter w;
    bytes_init(&w, MAX_OUT_BYTES);
    *report = (RateReport){0};
    TRY(dir_list(o->folder, &names, &n_names));
    for (size_t i = 0; i < n_names; i++) {
        const char *ending = strstr(names[i], ".truth.json");
        if (ending && !ending[strlen(".truth.json")])
            TRY(rate_file(&w, o, names[i], (size_t)(ending - names[i]), report));
    }
    if (!report->n_sessions) {
        st = fail(BS_NOT_FOUND, "%s: no NAME.truth.json here; bandsaw simulate makes some", o->folder);
        goto out;
    }
    report->tau_judge /= report->n_sessions;
    report->tau_raters /= report->n_sessions;
    TRY(file_replace(o->out, w.bytes, w.n_bytes));
out:
    free(names);
    bytes_drop(&w);
    return st;
}
