/* Sections by dynamic programming over bars (after Marmoret, Cohen, Bimbot: "Convolutive block-matching
 * segmentation", 2023).
 *
 * A stretch [a, b) is worth the mean likeness of its bars within seven bars of each other, so both a constant
 * texture and a repeated pattern hold together; it pays for lengths that are not multiples of 8, 4 or 2.
 * Stretches of the same length whose bars match one by one share a label. Phrases are four bars. */
#include "featurizer/dsp/sections.h"

#include <math.h>

enum { LONGEST = 16, BAND = 7 };

static double odd_length(int32_t n) { return n % 8 == 0 ? 0 : n % 4 == 0 ? 0.03 : n % 2 == 0 ? 0.12 : 0.2; }

/* near[i * (BAND + 1) + d] = likeness of bars i and i + d */
static double worth(const float *near, int32_t a, int32_t b) {
    double sum = 0;
    for (int32_t i = a; i < b; i++)
        for (int32_t d = 1; d <= BAND && i + d < b; d++) {
            double v = near[i * (BAND + 1) + d];
            sum += 2 * (v > 0 ? v : 0);
        }
    return sum / (b - a);
}

static Status cut_sections(Sections *s, const Form *form, Arena *mem) {
    int32_t n = form->n_slots;
    float *near = arena_alloc(mem, sizeof(float) * (size_t)n * (BAND + 1));
    double *best = arena_alloc(mem, sizeof(double) * ((size_t)n + 1));
    int32_t *from = arena_alloc(mem, sizeof(int32_t) * ((size_t)n + 1));
    if (!near || !best || !from) return fail(BS_NOMEM, "sections: out of memory");
    for (int32_t i = 0; i < n; i++)
        for (int32_t d = 1; d <= BAND && i + d < n; d++)
            near[i * (BAND + 1) + d] = bar_likeness(&form->sounds[i], &form->sounds[i + d]);
    double scale =
        0; /* what an eight-bar stretch is worth on average, so that penalties mean the same everywhere */
    int32_t windows = 0;
    for (int32_t a = 0; a + 8 <= n; a++) scale += worth(near, a, a + 8), windows++;
    scale = windows && scale > 0.05 * windows ? scale / windows : 1;
    for (int32_t b = 1; b <= n; b++) {
        best[b] = -1e30;
        for (int32_t length = 1; length <= LONGEST && length <= b; length++) {
            double v = best[b - length] +
                       (worth(near, b - length, b) / scale - 1.5 * odd_length(length)) * length - 1.2;
            if (v > best[b]) best[b] = v, from[b] = b - length;
        }
    }
    for (int32_t b = n; b > 0; b = from[b]) s->start[from[b]] = 1;
    return BS_OK;
}

static double match(const Form *form, int32_t a, int32_t b, int32_t n) {
    double sum = 0;
    for (int32_t i = 0; i < n; i++) sum += bar_likeness(&form->sounds[a + i], &form->sounds[b + i]);
    return sum / n;
}

static int32_t length_at(const Sections *s, int32_t a, int32_t n) {
    int32_t b = a + 1;
    while (b < n && !s->start[b]) b++;
    return b - a;
}

static void name_sections(Sections *s, const Form *form) {
    double enough = form->likeness > 0 ? 0.85 * form->likeness : 0.6;
    if (enough < 0.45) enough = 0.45;
    int32_t n = form->n_slots, labels = 0;
    for (int32_t a = 0; a < n; a += length_at(s, a, n)) {
        int32_t length = length_at(s, a, n), label = -1;
        double best = enough;
        for (int32_t b = 0; b < a; b += length_at(s, b, n)) {
            int32_t other = length_at(s, b, n), common = other < length ? other : length;
            if (common * 2 <= other || common * 2 <= length) continue;
            double v = match(form, a, b, common);
            if (v > best) best = v, label = s->label[b];
        }
        if (label < 0) label = labels++;
        for (int32_t i = 0; i < length; i++) s->label[a + i] = label, s->offset[a + i] = i;
    }
}

static void cut_phrases(Sections *s, int32_t n) {
    for (int32_t a = 0; a < n; a += length_at(s, a, n)) {
        int32_t length = length_at(s, a, n);
        for (int32_t i = 0; i < length; i += 4)
            if (i == 0 || length - i >= 2) s->phrase[a + i] = 1;
    }
}

Status sections_find(Sections *s, const Form *form, Arena *mem) {
    Status st = BS_OK;
    size_t n = (size_t)form->n_slots + 1;
    *s = (Sections){arena_alloc(mem, sizeof(int32_t) * n), arena_alloc(mem, n), arena_alloc(mem, n),
                    arena_alloc(mem, sizeof(int32_t) * n)};
    if (!s->label || !s->start || !s->phrase || !s->offset) return fail(BS_NOMEM, "sections: out of memory");
    if (!form->n_slots) return BS_OK;
    TRY(cut_sections(s, form, mem));
    name_sections(s, form);
    cut_phrases(s, form->n_slots);
out:
    return st;
}
