#pragma once
/* Marks in time against true ones, and aubio's beats of the same file. For benches. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Score {
    double hits, found, truth;
} Score;

static inline double score_f(Score s) { return s.found + s.truth > 0 ? 2 * s.hits / (s.found + s.truth) : 1; }

static inline void score_add(Score *to, Score s) {
    to->hits += s.hits;
    to->found += s.found;
    to->truth += s.truth;
}

static inline int marks_by_time(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Greedy one-to-one matching; sorts both. off (may be NULL) gets the n hits' found - truth. */
static inline Score marks_match(double *found, int32_t n_found, double *truth, int32_t n_truth,
                                double within_s, double *off) {
    Score s = {0, n_found, n_truth};
    qsort(found, (size_t)n_found, sizeof *found, marks_by_time);
    qsort(truth, (size_t)n_truth, sizeof *truth, marks_by_time);
    for (int32_t i = 0, j = 0; i < n_found && j < n_truth;) {
        if (fabs(found[i] - truth[j]) <= within_s) {
            if (off) off[(int32_t)s.hits] = found[i] - truth[j];
            s.hits++, i++, j++;
        } else if (found[i] < truth[j])
            i++;
        else
            j++;
    }
    return s;
}

/* Beats by `aubio beat`; -1 where aubio is not installed. path is one of our own making: no quotes in it. */
static inline int32_t marks_of_aubio(const char *path, double *at_s, int32_t room) {
    char line[1200];
    int32_t n = 0;
    snprintf(line, sizeof line, "command -v aubio >/dev/null || exit 9; aubio beat '%s' 2>/dev/null", path);
    FILE *pipe = popen(line, "r");
    if (!pipe) return -1;
    while (fgets(line, sizeof line, pipe))
        if (n < room && sscanf(line, "%lf", &at_s[n]) == 1) n++;
    return pclose(pipe) == 0 ? n : -1;
}
