/* Rows and recordings of a contest. */
#include "editor/contest.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/file.h"
#include "common/store/store.h"

enum { MAX_WEIGHT_BYTES = 1 << 30 };

bool row_draws(const ContestRow *row) {
    return row->kind == ROW_POLICY &&
           (row->policy == POLICY_NET || row->policy == POLICY_NET_BEST || row->policy == POLICY_RANDOM);
}

/* "NAME=net:FILE", "net:FILE", "retarget", "right". `text` is a copy that may be written to. */
static Status row_parse(char *text, ContestRow *row) {
    Status st = BS_OK;
    *row = (ContestRow){0};
    char *what = strchr(text, '='), *file = NULL;
    const char *name = text;
    if (what)
        *what++ = 0;
    else
        what = text;
    char *colon = strchr(what, ':');
    if (colon) {
        if (what == name) name = path_base(colon + 1);
        *colon = 0;
        file = colon + 1;
    }
    snprintf(row->name, sizeof row->name, "%s", name);
    if (!strcmp(what, "right") && !file) {
        row->kind = ROW_RIGHT;
        return BS_OK;
    }
    if (!strcmp(what, "greedy") || !strcmp(what, "best"))
        row->policy = *what == 'g' ? POLICY_NET_GREEDY : POLICY_NET_BEST;
    else
        TRY(policy_kind_named(&row->policy, what));
    if (file && !policy_needs_weights(row->policy))
        return fail(BS_INVALID, "--policies: \"%s:%s\": weights belong to net:, greedy: or best:", what,
                    file);
    if (policy_needs_weights(row->policy) && !file)
        return fail(BS_INVALID, "--policies: %s needs weights: %s:FILE", what, what);
    if (file) TRY(file_read(file, MAX_WEIGHT_BYTES, &row->weights, &row->n_weight_bytes));
out:
    return st;
}

Status rows_parse(const char *text, ContestRow *rows, int32_t *n_rows) {
    Status st = BS_OK;
    char *copy = strdup(text), *rest = copy, *part;
    *n_rows = 0;
    if (!copy) return fail(BS_NOMEM, "out of memory");
    while ((part = strsep(&rest, ","))) {
        while (isspace((unsigned char)*part)) part++;
        for (char *end = part + strlen(part); end > part && isspace((unsigned char)end[-1]);) *--end = 0;
        if (!*part) continue;
        if (*n_rows == CONTEST_MAX_ROWS) {
            st = fail(BS_TOO_BIG, "--policies: more than %d rows", CONTEST_MAX_ROWS);
            goto out;
        }
        TRY(row_parse(part, &rows[*n_rows]));
        for (int32_t i = 0; i < *n_rows; i++)
            if (!strcmp(rows[i].name, rows[*n_rows].name)) {
                st = fail(BS_INVALID, "--policies: two rows are called %s; NAME=... names one", rows[i].name);
                goto out;
            }
        ++*n_rows;
    }
    if (!*n_rows) st = fail(BS_INVALID, "--policies: no row");
out:
    if (st != BS_OK) {
        if (*n_rows < CONTEST_MAX_ROWS) ++*n_rows; /* the one that failed may hold weights */
        rows_drop(rows, *n_rows);
        *n_rows = 0;
    }
    free(copy);
    return st;
}

void rows_drop(ContestRow *rows, int32_t n_rows) {
    for (int32_t i = 0; i < n_rows; i++) {
        free(rows[i].weights);
        rows[i].weights = NULL;
    }
}

/* NAME_raw -> NAME.truth.json; a recording called NAME alone too. */
static bool find_truth(const char *data, const char *name, char path[4096]) {
    size_t n = strlen(name);
    if (n > 4 && !strcmp(name + n - 4, "_raw")) {
        snprintf(path, 4096, "%s/%.*s.truth.json", data, (int)(n - 4), name);
        if (file_exists(path)) return true;
    }
    snprintf(path, 4096, "%s/%s.truth.json", data, name);
    return file_exists(path);
}

Status contest_open(Contest *c, const char *data, int32_t max_sessions) {
    Status st = BS_OK;
    Store *store = NULL;
    StoreRow *rows = NULL;
    size_t n_rows = 0;
    char folder[PATH_BYTES], index[PATH_BYTES];
    TRY(path_join(folder, data, ".bandsaw"));
    TRY(path_join(index, folder, "store.db"));
    if (!file_exists(index)) {
        st = fail(BS_NOT_FOUND, "%s: no recording is featurized here; run: bandsaw featurize %s", data, data);
        goto out;
    }
    TRY(store_open(&store, folder, false));
    TRY(store_list(store, &rows, &n_rows));
    c->sessions = calloc(n_rows + 1, sizeof *c->sessions);
    if (!c->sessions) {
        st = fail(BS_NOMEM, "out of memory");
        goto out;
    }
    for (size_t i = 0; i < n_rows; i++) {
        if (max_sessions && c->n_sessions == max_sessions) break;
        ContestSession *s = &c->sessions[c->n_sessions];
        if (!find_truth(data, rows[i].name, s->truth_path)) {
            c->n_without_truth++;
            continue;
        }
        snprintf(s->name, sizeof s->name, "%s", rows[i].name);
        s->song = rows[i].song;
        c->n_sessions++;
    }
    if (!c->n_sessions) {
        st = fail(BS_NOT_FOUND, "%s: none of %zu recordings has a truth file (NAME.truth.json) beside it",
                  data, n_rows);
        goto out;
    }
    c->pairs = calloc((size_t)(c->n_sessions * c->jobs_per_song), sizeof *c->pairs);
    c->cells = calloc((size_t)(c->n_sessions * c->jobs_per_song * c->n_rows), sizeof *c->cells);
    if (!c->pairs || !c->cells) st = fail(BS_NOMEM, "out of memory");
out:
    free(rows);
    store_close(store);
    return st;
}

void contest_drop(Contest *c) {
    rows_drop(c->rows, c->n_rows);
    free(c->sessions);
    free(c->pairs);
    free(c->cells);
    *c = (Contest){0};
}
