/* Means, bootstrap intervals and paired differences, as a table and as JSON.
 *
 * Percentile bootstrap (Efron 1979): recordings are drawn with replacement, the mean taken; 2.5 % and 97.5 %
 * of DRAWS such means are the interval. The unit drawn is the recording, since two lengths asked of one
 * recording are no independent evidence. Differences are taken per pair first: what is common to a pair (a
 * hard recording, an odd length) cancels. */
#include "editor/eval_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "common/host/json.h"

enum { DRAWS = 10000 };

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

Interval interval_of(const double *values, int32_t n, uint64_t seed) {
    Interval out = {NAN, NAN, NAN};
    if (n < 1) return out;
    double sum = 0;
    for (int32_t i = 0; i < n; i++) sum += values[i];
    out.mean = sum / n;
    double *means = malloc(sizeof *means * DRAWS);
    if (!means) return out;
    Rng rng = rng_at(seed, 0x626f6f74);
    for (int32_t d = 0; d < DRAWS; d++) {
        sum = 0;
        for (int32_t i = 0; i < n; i++) sum += values[rng_below(&rng, (uint32_t)n)];
        means[d] = sum / n;
    }
    qsort(means, DRAWS, sizeof *means, by_value);
    out.low = means[DRAWS / 40];
    out.high = means[DRAWS - 1 - DRAWS / 40];
    free(means);
    return out;
}

typedef double (*CellValue)(const ContestCell *cell);
static double judge_of(const ContestCell *cell) { return cell->judge; }
static double share_of(const ContestCell *cell) { return 100 * (double)cell->of_right; }
static double reward_of(const ContestCell *cell) { return cell->reward; }
static double window_of(const ContestCell *cell) { return cell->in_window; }
static double gap_of(const ContestCell *cell) { return cell->gap_s; }
static double seams_of(const ContestCell *cell) { return cell->n_seams; }

/* Of row `a`, less row `b` of the same pair where b >= 0; a recording's pairs are averaged first. */
static Interval of_rows(const Contest *c, int32_t a, int32_t b, CellValue value) {
    const int32_t n = c->n_sessions, k = c->jobs_per_song;
    double *values = calloc((size_t)(n ? n : 1), sizeof *values);
    if (!values) return (Interval){NAN, NAN, NAN};
    for (int32_t i = 0; i < n * k; i++) {
        double v = value(&c->cells[i * c->n_rows + a]);
        if (b >= 0) v -= value(&c->cells[i * c->n_rows + b]);
        values[i / k] += v / k;
    }
    Interval out = interval_of(values, n, c->seed);
    free(values);
    return out;
}

static void put_interval(ByteWriter *w, Interval v, const char *sign) {
    char text[64];
    snprintf(text, sizeof text, "%s%.2f [%.2f, %.2f]", v.mean > 0 ? sign : "", v.mean, v.low, v.high);
    bytes_printf(w, " %-22s |", text);
}

static bool is_baseline(const ContestRow *row) {
    return row->kind == ROW_POLICY && !policy_needs_weights(row->policy);
}

static void put_differences(const Contest *c, ByteWriter *w) {
    int32_t n_baselines = 0;
    for (int32_t r = 0; r < c->n_rows; r++) n_baselines += is_baseline(&c->rows[r]);
    if (!n_baselines || c->n_rows < 2) return;
    bytes_printf(w, "\nJudge, difference to each baseline on the same recordings and lengths:\n\n| %-18s |",
                 "policy");
    for (int32_t r = 0; r < c->n_rows; r++)
        if (is_baseline(&c->rows[r])) bytes_printf(w, " - %-20s |", c->rows[r].name);
    bytes_printf(w, "\n|%.*s|", 20, "------------------------------");
    for (int32_t i = 0; i < n_baselines; i++) bytes_printf(w, "%.*s|", 24, "------------------------------");
    for (int32_t a = 0; a < c->n_rows; a++) {
        bytes_printf(w, "\n| %-18s |", c->rows[a].name);
        for (int32_t b = 0; b < c->n_rows; b++) {
            if (!is_baseline(&c->rows[b])) continue;
            if (a == b)
                bytes_printf(w, " %-22s |", "");
            else
                put_interval(w, of_rows(c, a, b, judge_of), "+");
        }
    }
    bytes_printf(w, "\n");
}

Status table_print(const Contest *c, ByteWriter *w) {
    char hash[JUDGE_HASH];
    judge_hash(hash);
    bytes_printf(w,
                 "%d recordings, %d pairs of recording and length; means with 95 %% intervals (bootstrap "
                 "over recordings",
                 c->n_sessions, c->n_sessions * c->jobs_per_song);
    bytes_printf(w, "%s); judge %s%s\n\n",
                 c->n_seeds > 1 ? "; policies that draw: mean of several draws" : "", hash,
                 c->hear ? ", listening" : "");
    bytes_printf(w, "| %-18s | %-22s | %-8s | %-22s | %-9s | %-7s | %-5s |\n", "policy", "judge (0-10)",
                 "of right", "dense reward", "in window", "gap (s)", "seams");
    bytes_printf(w, "|--------------------|------------------------|----------|------------------------|-----"
                    "------|---------|---"
                    "----|\n");
    for (int32_t r = 0; r < c->n_rows; r++) {
        bytes_printf(w, "| %-18s |", c->rows[r].name);
        put_interval(w, of_rows(c, r, -1, judge_of), "");
        bytes_printf(w, " %6.1f %% |", of_rows(c, r, -1, share_of).mean);
        put_interval(w, of_rows(c, r, -1, reward_of), "");
        bytes_printf(w, " %7.1f %% | %7.2f | %5.1f |\n", 100 * of_rows(c, r, -1, window_of).mean,
                     of_rows(c, r, -1, gap_of).mean, of_rows(c, r, -1, seams_of).mean);
    }
    put_differences(c, w);
    if (c->n_without_truth)
        bytes_printf(w, "\n%d recordings without a truth file were left out.\n", c->n_without_truth);
    return w->bad ? fail(BS_NOMEM, "out of memory") : BS_OK;
}

/* ---- JSON */

static Json *interval_json(Interval v) {
    Json *list = json_new_array();
    const double values[3] = {v.mean, v.low, v.high};
    for (int i = 0; i < 3; i++)
        if (json_append(list, json_new_real(values[i])) != BS_OK) {
            json_free(list);
            return NULL;
        }
    return list;
}

static Json *row_json(const Contest *c, int32_t r) {
    Status st = BS_OK;
    Json *row = json_new_object(), *part = NULL, *whole;
    TRY(json_set_text(row, "name", c->rows[r].name));
    TRY(json_set(row, "judge", interval_json(of_rows(c, r, -1, judge_of))));
    TRY(json_set_f64(row, "of_right", of_rows(c, r, -1, share_of).mean / 100));
    TRY(json_set(row, "reward", interval_json(of_rows(c, r, -1, reward_of))));
    TRY(json_set_f64(row, "in_window", of_rows(c, r, -1, window_of).mean));
    part = json_new_object();
    for (int32_t b = 0; b < c->n_rows; b++)
        if (b != r) TRY(json_set(part, c->rows[b].name, interval_json(of_rows(c, r, b, judge_of))));
    whole = part;
    part = NULL;
    TRY(json_set(row, "judge_less", whole));
    return row;
out:
    json_free(part);
    json_free(row);
    return NULL;
}

static Json *faults_json(const ContestCell *cell) {
    Status st = BS_OK;
    Json *out = json_new_object();
    for (int i = 0; i < JUDGE_PARTS; i++) TRY(json_set_f64(out, judge_names[i], cell->faults[i]));
    return out;
out:
    json_free(out);
    return NULL;
}

static Json *cell_json(const ContestCell *cell) {
    Status st = BS_OK;
    Json *out = json_new_object();
    TRY(json_set(out, "judge_faults", faults_json(cell)));
    TRY(json_set_f64(out, "judge", cell->judge));
    TRY(json_set_f64(out, "of_right", cell->of_right));
    TRY(json_set_f64(out, "reward", cell->reward));
    TRY(json_set_f64(out, "in_window", cell->in_window));
    TRY(json_set_f64(out, "gap_s", cell->gap_s));
    TRY(json_set_i64(out, "seams", cell->n_seams));
    for (int i = 0; i < REWARD_TERMS; i++) TRY(json_set_f64(out, reward_names[i], cell->terms[i]));
    return out;
out:
    json_free(out);
    return NULL;
}

static Json *pair_json(const Contest *c, int32_t i) {
    Status st = BS_OK;
    const ContestPair *pair = &c->pairs[i];
    Json *out = json_new_object();
    TRY(json_set_text(out, "session", c->sessions[pair->session].name));
    TRY(json_set_i64(out, "lo_samples", pair->job.lo_samples));
    TRY(json_set_i64(out, "hi_samples", pair->job.hi_samples));
    TRY(json_set_f64(out, "right_judge", pair->right_judge));
    for (int32_t r = 0; r < c->n_rows; r++)
        TRY(json_set(out, c->rows[r].name, cell_json(&c->cells[i * c->n_rows + r])));
    return out;
out:
    json_free(out);
    return NULL;
}

Status table_write_json(const Contest *c, const char *path) {
    Status st = BS_OK;
    char hash[JUDGE_HASH];
    judge_hash(hash);
    Json *out = json_new_object(), *list = json_new_array(), *whole;
    TRY(json_set_i64(out, "version", 2));
    TRY(json_set_text(out, "judge", hash));
    TRY(json_set_bool(out, "listening", c->hear));
    TRY(json_set_i64(out, "seed", (int64_t)c->seed));
    TRY(json_set_i64(out, "seeds", c->n_seeds));
    for (int32_t r = 0; r < c->n_rows; r++) TRY(json_append(list, row_json(c, r)));
    whole = list;
    list = NULL;
    TRY(json_set(out, "rows", whole));
    list = json_new_array();
    for (int32_t i = 0; i < c->n_sessions * c->jobs_per_song; i++) TRY(json_append(list, pair_json(c, i)));
    whole = list;
    list = NULL;
    TRY(json_set(out, "pairs", whole));
    TRY(json_write(out, path, JSON_INDENTED));
out:
    json_free(list);
    json_free(out);
    return st;
}
