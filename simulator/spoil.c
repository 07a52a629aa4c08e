/* The right edit becomes a list of units, faults change the list, and the list becomes an edit again. */
#include "simulator/spoil.h"

#include <stdlib.h>
#include <string.h>

typedef struct List {
    const Truth *t;
    int32_t tune, n, room, *units;
} List;

static bool of_tune(const List *l, int32_t u) {
    return l->t->units[u].kind == UNIT_BEAT && truth_unit_tune(l->t, u) == l->tune;
}

static Status list_units(List *l, const Edit *edit) {
    int32_t n = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int32_t i = 0; i < edit->n_segments; i++)
            for (int32_t u = truth_unit_at(l->t, edit->segments[i].start_sample);
                 u < l->t->n_units && l->t->units[u].start_sample < edit->segments[i].end_sample; u++)
                if (pass)
                    l->units[l->n++] = u;
                else
                    n++;
        l->room = 2 * n + 16;
        if (!pass) l->units = malloc((size_t)l->room * sizeof *l->units);
        if (!l->units) return fail(BS_NOMEM, "no memory for an edit of %d units", n);
    }
    return BS_OK;
}

/* list[first, end) becomes n of `with`; dropped where there is no room. */
static void replace(List *l, int32_t first, int32_t end, const int32_t *with, int32_t n) {
    if (l->n - (end - first) + n > l->room) return;
    memmove(&l->units[first + n], &l->units[end], (size_t)(l->n - end) * sizeof *l->units);
    if (n) memcpy(&l->units[first], with, (size_t)n * sizeof *with);
    l->n += n - (end - first);
}

/* One to eight bars from `first` on by another take, wherever one plays them. */
static void change_take(List *l, int32_t first, int32_t n_bars, Rng *r) {
    const Truth *t = l->t;
    const int32_t meter = t->tunes[l->tune].meter;
    for (int32_t i = first; i + meter <= l->n && i < first + n_bars * meter; i += meter) {
        int32_t others = 0, chosen = -1;
        for (int32_t u = 0; u < t->n_units; u++)
            if (truth_bar_at(t, u) && of_tune(l, u) && t->units[u].slot == t->units[l->units[i]].slot &&
                t->units[u].take != t->units[l->units[i]].take && rng_below(r, (uint32_t)++others) == 0)
                chosen = u;
        for (int32_t k = 0; chosen >= 0 && k < meter; k++) l->units[i + k] = chosen + k;
    }
}

/* A pause of one to four units from anywhere. */
static void keep_pause(List *l, int32_t at, Rng *r) {
    int32_t pause[4], n = 1 + (int32_t)rng_below(r, 4), from = (int32_t)rng_below(r, (uint32_t)l->t->n_units),
                      found = 0;
    for (int32_t k = 0; k < l->t->n_units && found < n; k++) {
        int32_t u = (from + k) % l->t->n_units;
        if (l->t->units[u].kind == UNIT_GAP) pause[found++] = u;
    }
    replace(l, at, at, pause, found);
}

static int32_t next_section(const List *l, int32_t i) {
    const Truth *t = l->t;
    int32_t section = truth_slot_section(t, l->tune, t->units[l->units[i]].slot);
    while (i < l->n && truth_slot_section(t, l->tune, t->units[l->units[i]].slot) == section) i++;
    return i;
}

static void add_fault(List *l, Rng *r) {
    const int32_t meter = l->t->tunes[l->tune].meter;
    int32_t bar = (int32_t)rng_below(r, (uint32_t)(l->n / meter + 1)) * meter;
    if (bar >= l->n) bar = 0;
    const int32_t end = next_section(l, bar);
    switch (rng_below(r, 6)) {
    case 0:
        change_take(l, bar, 1 + (int32_t)rng_below(r, 8), r);
        break;
    case 1:
        replace(l, bar, bar + 1, NULL, 0);
        break;
    case 2:
        if (end - bar < l->n) replace(l, bar, end, NULL, 0);
        break;
    case 3:
        replace(l, end, end, &l->units[bar], end - bar);
        break;
    case 4:
        keep_pause(l, bar, r);
        break;
    default:
        if (l->n > 2 * meter) replace(l, 0, 1 + (int32_t)rng_below(r, (uint32_t)(2 * meter - 1)), NULL, 0);
    }
}

static Status spoil_list(List *l, int n_faults, Rng *r, Edit *out) {
    Status st = BS_OK;
    for (int i = 0; i < n_faults && l->n > 2; i++) add_fault(l, r);
    for (int32_t i = 0; i < l->n; i++)
        TRY(edit_append(out, l->t->units[l->units[i]].start_sample, truth_unit_end(l->t, l->units[i]),
                        FADE_SHORT));
out:
    return st;
}

static Status block(const List *l, int64_t length, Rng *r, Edit *out) {
    const Truth *t = l->t;
    int32_t first = -1, n = 0;
    for (int32_t u = 0; u < t->n_units; u++)
        if (of_tune(l, u) && t->n_samples - t->units[u].start_sample > length / 2 &&
            rng_below(r, (uint32_t)++n) == 0)
            first = u;
    if (first < 0) return fail(BS_CONFLICT, "the tune has no beats");
    int64_t start = t->units[first].start_sample,
            end = start + length < t->n_samples ? start + length : t->n_samples;
    return edit_append(out, start, end, FADE_SHORT);
}

static Status chance(const Truth *t, int64_t length, Rng *r, Edit *out) {
    Status st = BS_OK;
    while (edit_samples(out) < length) {
        int64_t n = (int64_t)(rng_between(r, 1, 4) * t->sample_rate_hz);
        if (n > t->n_samples) n = t->n_samples;
        int64_t at = (int64_t)(rng_f64(r) * (double)(t->n_samples - n));
        TRY(edit_append(out, at, at + n, FADE_SHORT));
    }
out:
    return st;
}

Status spoil(const Truth *t, int32_t tune, const Edit *right, SpoilKind kind, Rng *r, Edit *out) {
    Status st = BS_OK;
    List l = {.t = t, .tune = tune};
    const int64_t length = edit_samples(right);
    edit_init(out);
    switch (kind) {
    case SPOIL_NOTHING:
        TRY(edit_copy(out, right));
        break;
    case SPOIL_BLOCK:
        TRY(block(&l, length, r, out));
        break;
    case SPOIL_CHANCE:
        TRY(chance(t, length, r, out));
        break;
    default:
        TRY(list_units(&l, right));
        TRY(spoil_list(&l, kind == SPOIL_A_LITTLE ? 1 : 2 + (int)rng_below(r, 3), r, out));
    }
    out->sample_rate_hz = t->sample_rate_hz;
out:
    free(l.units);
    if (st != BS_OK) edit_drop(out);
    return st;
}
