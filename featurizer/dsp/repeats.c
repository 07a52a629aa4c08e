/* Bars get names, equal for the same music. In the row of names a section is a stretch that always goes
 * together: it begins where its first name has come after another one before, or where the name before it has
 * been followed by another, like the unbranched paths of an assembly graph. Sections of one bar join a
 * neighbour. */
#include "featurizer/dsp/repeats.h"

#include <math.h>
#include <string.h>

double likeness_at(const Likeness *l, int32_t i, int32_t j) {
    int32_t a = i < j ? i : j, lag = i < j ? j - i : i - j;
    return a < 0 || a + lag >= l->n || lag > LIKENESS_REACH
               ? 0
               : l->rows[(size_t)a * (LIKENESS_REACH + 1) + (size_t)lag];
}

Status likeness_of_bars(Likeness *l, const Form *form, Arena *mem) {
    int32_t n = form->n_slots, m = 0;
    l->n = n;
    l->rows = arena_alloc(mem, sizeof(float) * (size_t)n * (LIKENESS_REACH + 1));
    float *all = arena_alloc(mem, sizeof(float) * (size_t)n * 16);
    if (!l->rows || !all) return fail(BS_NOMEM, "sections: out of memory");
    for (int32_t i = 0; i < n; i++)
        for (int32_t lag = 0; lag <= LIKENESS_REACH && i + lag < n; lag++) {
            float v = bar_likeness(&form->sounds[i], &form->sounds[i + lag]);
            l->rows[(size_t)i * (LIKENESS_REACH + 1) + (size_t)lag] = v;
            if (lag && lag <= 16) all[m++] = v;
        }
    l->common = median_of(all, m);
    if (l->common < 0) l->common = 0;
    return BS_OK;
}

/* What two bars of the same music have in common: what bars and their slots have, where several takes tell.
 */
static double same_music(const Form *form) {
    const double of_one_take = 0.75, least = 0.5;
    return fmax(form->likeness > 0 ? form->likeness : of_one_take, least);
}

/* A bar is named after the bar before that is most like it, if a neighbour of each is like the other's too:
 * one bar alone is easily like another. name[n] counts from 0; returns how many there are. */
static int32_t name_bars(const Form *form, const Likeness *l, int32_t *name) {
    const double enough = 0.75 * same_music(form);
    int32_t n_names = 0;
    for (int32_t j = 0; j < l->n; j++) {
        double best = enough;
        name[j] = -1;
        for (int32_t i = 0; i < j; i++) {
            double like =
                fmin(likeness_at(l, i, j), fmax(likeness_at(l, i - 1, j - 1), likeness_at(l, i + 1, j + 1)));
            if (like > best) best = like, name[j] = name[i];
        }
        if (name[j] < 0) name[j] = n_names++;
    }
    return n_names;
}

static bool goes_on(const int32_t *name, int32_t j) { return j > 0 && name[j] == name[j - 1]; }

/* begins[name]: a section begins with this bar, wherever it is played. A bar played over and over is one. */
static void find_branches(const Sections *s, const int32_t *name, int32_t n, int32_t n_names, bool *begins,
                          int32_t *starts, int32_t *played) {
    for (int32_t j = 0; j < n; j++)
        if (!goes_on(name, j)) starts[name[j]] += s->start[j], played[name[j]]++;
    for (int32_t k = 0; k < n_names; k++) begins[k] = 2 * starts[k] >= played[k] && starts[k] > 0;
    for (int32_t j = 0; j < n; j++)
        for (int32_t i = 0; i < j && !goes_on(name, j); i++) {
            if (goes_on(name, i)) continue;
            const bool opening = i == 0;
            if (name[i] == name[j] && (opening || name[i - 1] != name[j - 1])) begins[name[j]] = true;
            if (!opening && name[i - 1] == name[j - 1] && name[i] != name[j])
                begins[name[i]] = begins[name[j]] = true;
        }
}

int32_t section_length(const Sections *s, int32_t n_slots, int32_t a) {
    int32_t b = a + 1;
    while (b < n_slots && !s->start[b]) b++;
    return b - a;
}

/* A bar alone joins its shorter neighbour. */
static void join_single_bars(Sections *s, int32_t n) {
    for (int32_t a = 0, before = 0; a < n;) {
        int32_t length = section_length(s, n, a), b = a + length;
        if (length == 1 && b < n && (a == 0 || section_length(s, n, b) <= a - before)) {
            s->start[b] = 0;
        } else if (length == 1 && a > 0) {
            s->start[a] = 0;
            a = b;
        } else {
            before = a;
            a = b;
        }
    }
}

static bool same_names(const int32_t *a, const int32_t *b, int32_t n) {
    return memcmp(a, b, sizeof *a * (size_t)n) == 0;
}

static void label_sections(Sections *s, const int32_t *name, int32_t n) {
    int32_t n_labels = 0;
    for (int32_t a = 0, length; a < n; a += length) {
        int32_t label = -1;
        length = section_length(s, n, a);
        for (int32_t b = 0, other; b < a && label < 0; b += other) {
            other = section_length(s, n, b);
            if (other == length && same_names(name + a, name + b, length)) label = s->label[b];
        }
        if (label < 0) label = n_labels++;
        for (int32_t k = 0; k < length; k++) s->label[a + k] = label, s->offset[a + k] = k;
    }
}

/* Halves every section of the first label that follows itself, unless that helps nothing because its halves
 * are the same; of four bars on, after an even bar. */
static bool halve_one_label(Sections *s, const int32_t *name, int32_t n) {
    for (int32_t a = 0, length; a < n; a += length) {
        length = section_length(s, n, a);
        if (length < 2 || a + length >= n || s->label[a + length] != s->label[a]) continue;
        const int32_t half = length >= 4 ? length / 4 * 2 : length / 2;
        if (same_names(name + a, name + a + half, length - half)) continue;
        for (int32_t b = 0; b < n; b++)
            if (s->label[b] == s->label[a] && s->offset[b] == half) s->start[b] = 1;
        return true;
    }
    return false;
}

Status repeats_cut(Sections *s, const Form *form, const Likeness *l, Arena *mem) {
    const int32_t n = form->n_slots;
    const size_t bytes = sizeof(int32_t) * (size_t)(n + 1);
    int32_t *name = arena_alloc(mem, bytes), *starts = arena_alloc(mem, bytes),
            *played = arena_alloc(mem, bytes);
    bool *begins = arena_alloc(mem, sizeof *begins * (size_t)(n + 1));
    if (!name || !starts || !played || !begins) return fail(BS_NOMEM, "sections: out of memory");
    find_branches(s, name, n, name_bars(form, l, name), begins, starts, played);
    for (int32_t j = 0; j < n; j++)
        if (!goes_on(name, j)) s->start[j] = j == 0 || begins[name[j]];
    join_single_bars(s, n);
    do label_sections(s, name, n);
    while (halve_one_label(s, name, n));
    return BS_OK;
}
