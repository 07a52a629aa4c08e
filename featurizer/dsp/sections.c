/* Sections by dynamic programming over bars, mended by what comes back (repeats.h).
 *
 * A section is worth keeping together when it comes back elsewhere bar by bar, or when it repeats itself; a
 * boundary is good where the likeness of bars changes (Foote's checkerboard novelty), and lengths of 8, 4 and
 * 2 bars are likelier than others:
 *
 *     best[b] = max over a of best[a] + (b - a) (held(a, b) - odd(b - a)) + 2 novelty(a) - 1/2
 *
 * Phrases are two, four or eight bars of a section, cut in the same way where the bars change and where the
 * voice takes breath. */
#include "featurizer/dsp/sections.h"

#include <math.h>

#include "featurizer/dsp/repeats.h"

enum { LONGEST = 16, KERNEL = 4 };

static double odd_length(int32_t n) {
    return n == 4 || n == 8 ? 0 : n == 16 || n == 2 ? 0.06 : n % 4 == 0 ? 0.08 : n % 2 == 0 ? 0.15 : 0.3;
}

/* Mean likeness of [a, a + n) with the same stretch `lag` bars on, 0 = what any bars have, 1 = identical. */
static double repeats(const Likeness *l, int32_t a, int32_t n, int32_t lag) {
    double sum = 0;
    for (int32_t i = a; i < a + n; i++) sum += (likeness_at(l, i, i + lag) - l->common) / (1 - l->common);
    return sum > 0 ? sum / n : 0;
}

static double held(const Likeness *l, int32_t a, int32_t n) {
    double best = 0;
    for (int32_t lag = n; a + n + lag <= l->n && lag <= LIKENESS_REACH; lag++)
        best = fmax(best, repeats(l, a, n, lag));
    for (int32_t lag = n; a - lag >= 0 && lag <= LIKENESS_REACH; lag++)
        best = fmax(best, repeats(l, a, n, -lag));
    for (int32_t lag = 1; lag * 2 <= n; lag *= 2) best = fmax(best, 0.9 * repeats(l, a, n - lag, lag));
    return best;
}

static double novelty(const Likeness *l, int32_t at) {
    double same = 0, across = 0;
    int32_t n_same = 0, n_across = 0;
    for (int32_t i = at - KERNEL; i < at + KERNEL; i++)
        for (int32_t j = i + 1; j < at + KERNEL; j++) {
            if (i < 0 || j >= l->n) continue;
            if ((i < at) == (j < at))
                same += likeness_at(l, i, j), n_same++;
            else
                across += likeness_at(l, i, j), n_across++;
        }
    return n_same && n_across ? same / n_same - across / n_across : 0;
}

static Status cut_sections(Sections *s, const Form *form, const Likeness *l, Arena *mem) {
    int32_t n = form->n_slots;
    double *best = arena_alloc(mem, sizeof(double) * ((size_t)n + 1));
    int32_t *from = arena_alloc(mem, sizeof(int32_t) * ((size_t)n + 1));
    if (!best || !from) return fail(BS_NOMEM, "sections: out of memory");
    for (int32_t b = 1; b <= n; b++) best[b] = -1e30;
    for (int32_t a = 0; a < n; a++) {
        double here = best[a] + (a ? 2 * novelty(l, a) : 0) - 0.5;
        for (int32_t length = 1; length <= LONGEST && a + length <= n; length++) {
            double v = here + length * (held(l, a, length) - odd_length(length));
            if (v > best[a + length]) best[a + length] = v, from[a + length] = a;
        }
    }
    for (int32_t b = n; b > 0; b = from[b]) s->start[from[b]] = 1;
    return BS_OK;
}

/* How much the voice rests before the bar: its last beat against the bars on both sides, -1/2..1/2; 0 where
 * nobody sings. */
static double breath(const Form *form, int32_t at) {
    const BarSound *before = &form->sounds[at - 1], *after = &form->sounds[at];
    double sum = 0, n = before->n_beats + after->n_beats;
    for (int32_t k = 0; k < before->n_beats; k++) sum += before->vocal[k];
    for (int32_t k = 0; k < after->n_beats; k++) sum += after->vocal[k];
    double usual = n > 0 ? sum / n : 0;
    double last = before->n_beats ? before->vocal[before->n_beats - 1] : 0;
    return usual > 0.02 ? fmax(0, 1 - last / usual) - 0.5 : 0;
}

enum { LONGEST_PHRASE = 8 };

static double odd_phrase(int32_t n) {
    return n == 4 ? 0 : n == 2 || n == 8 ? 0.12 : n == 3 || n == 6 ? 0.6 : 0.9;
}

/* Phrases of the section [a, a + n). */
static Status cut_phrases(Sections *s, const Form *form, const Likeness *l, int32_t a, int32_t n,
                          Arena *mem) {
    double *best = arena_alloc(mem, sizeof(double) * ((size_t)n + 1));
    int32_t *from = arena_alloc(mem, sizeof(int32_t) * ((size_t)n + 1));
    if (!best || !from) return fail(BS_NOMEM, "sections: out of memory");
    for (int32_t b = 1; b <= n; b++) best[b] = -1e30;
    for (int32_t i = 0; i < n; i++) {
        double here = best[i] + (i ? novelty(l, a + i) + 0.8 * breath(form, a + i) : 0);
        for (int32_t length = 1; length <= LONGEST_PHRASE && i + length <= n; length++) {
            double v = here - odd_phrase(length);
            if (v > best[i + length]) best[i + length] = v, from[i + length] = i;
        }
    }
    for (int32_t b = n; b > 0; b = from[b]) s->phrase[a + from[b]] = 1;
    return BS_OK;
}

Status sections_find(Sections *s, const Form *form, Arena *mem) {
    Status st = BS_OK;
    Likeness l = {0};
    size_t n = (size_t)form->n_slots + 1;
    *s = (Sections){arena_alloc(mem, sizeof(int32_t) * n), arena_alloc(mem, n), arena_alloc(mem, n),
                    arena_alloc(mem, sizeof(int32_t) * n)};
    if (!s->label || !s->start || !s->phrase || !s->offset) return fail(BS_NOMEM, "sections: out of memory");
    if (!form->n_slots) return BS_OK;
    TRY(likeness_of_bars(&l, form, mem));
    TRY(cut_sections(s, form, &l, mem));
    TRY(repeats_cut(s, form, &l, mem));
    for (int32_t a = 0; a < form->n_slots; a += section_length(s, form->n_slots, a))
        TRY(cut_phrases(s, form, &l, a, section_length(s, form->n_slots, a), mem));
out:
    return st;
}
