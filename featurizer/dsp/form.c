/* Aligning takes of one piece: the form grows from the longest take.
 *
 * The take whose path through the form is worth most joins next; bars that it plays before the form's first
 * slot or after its last become slots, and the form's sounds become means over all takes that joined. Takes
 * that each play a part of the piece are thus put together where they overlap. A take that overlaps nothing
 * is a part that no other leads into or out of: it is put behind the form, and others may join it there. In
 * the end every take but the first is aligned once more to the whole form.
 *
 * A take of one verse may be of any verse with the same music: it gets the first that fits. */
#include "featurizer/dsp/form.h"

#include <string.h>

#include "featurizer/dsp/form_path.h"

typedef struct Workshop {
    Form *form;
    TakeBeats *takes;
    BarSound **sounds; /* per take */
    bool *joined;      /* per take: its slots are of the form */
    double *worth;     /* per take: of its path, until it has joined */
    int32_t n_takes, meter, first;
    double floor;
    Arena *mem;
} Workshop;

/* ---- one take against the form */

static void cut_bars(Workshop *w, int32_t t) {
    Arena scratch;
    arena_init(&scratch, w->mem->max_bytes);
    bar_sounds_of(&w->takes[t], w->meter, &w->form->takes[t], w->sounds[t], &scratch);
    arena_drop(&scratch);
}

static Status align_take(Workshop *w, int32_t t, double *worth) {
    Status st = BS_OK;
    Arena scratch;
    TakeBars *tb = &w->form->takes[t];
    arena_init(&scratch, w->mem->max_bytes);
    int32_t *places = arena_alloc(&scratch, sizeof(int32_t) * (size_t)(tb->n + 1));
    if (!places)
        st = fail(BS_NOMEM, "form: out of memory");
    else
        *worth = form_path(w->sounds[t], tb->n, w->form->sounds, w->form->n_slots, w->floor, &scratch, places,
                           &st);
    for (int32_t i = 0; i < tb->n && st == BS_OK; i++) tb->bars[i].slot = places[i];
    arena_drop(&scratch);
    return st;
}

/* Turns a take's phases to where it fits the form best; its own downbeat evidence has a say. */
static Status mend_phase(Workshop *w, int32_t t) {
    const double own_say = 0.05, starts_on_one = 0.12, long_start = 0.02;
    Status st = BS_OK;
    TakeBeats *take = &w->takes[t];
    double best = -1e30, own = bars_support(take, w->meter, 0), worth;
    int32_t best_shift = 0;
    for (int32_t shift = 0; shift < w->meter; shift++) {
        bars_shift(take, w->meter, shift);
        cut_bars(w, t);
        TRY(align_take(w, t, &worth));
        double bars = w->form->takes[t].n;
        worth += own_say * (bars_support(take, w->meter, 0) - own);
        if (take->phase[0] == 0) worth += starts_on_one + long_start * bars / (bars + 8);
        if (worth > best + 1e-9) best = worth, best_shift = shift;
        bars_shift(take, w->meter, w->meter - shift);
    }
    bars_shift(take, w->meter, best_shift);
    cut_bars(w, t);
    TRY(align_take(w, t, &w->worth[t]));
out:
    return st;
}

/* ---- the form */

/* Means over the bars that play each slot. */
static Status average_form(Workshop *w) {
    Status st = BS_OK;
    Form *form = w->form;
    Arena scratch;
    double like = 0;
    int32_t compared = 0;
    arena_init(&scratch, w->mem->max_bytes);
    BarSound *sums = arena_alloc(&scratch, sizeof(BarSound) * (size_t)(form->n_slots + 1));
    int32_t *n = arena_alloc(&scratch, sizeof(int32_t) * (size_t)(form->n_slots + 1));
    if (!sums || !n) TRY(fail(BS_NOMEM, "form: out of memory"));
    for (int32_t t = 0; t < w->n_takes; t++)
        for (int32_t i = 0; w->joined[t] && i < form->takes[t].n; i++) {
            const int32_t slot = form->takes[t].bars[i].slot;
            if (slot < 0) continue;
            bar_sound_add(&sums[slot], &w->sounds[t][i]);
            n[slot]++;
            if (t == w->first) continue;
            like += bar_likeness(&w->sounds[t][i], &form->sounds[slot]);
            compared++;
        }
    for (int32_t s = 0; s < form->n_slots; s++) {
        if (!n[s]) continue;
        bar_sound_scale(&sums[s], n[s]);
        form->sounds[s] = sums[s];
    }
    form->likeness = compared ? like / compared : 0;
out:
    arena_drop(&scratch);
    return st;
}

/* The take's bars before and after the form become slots; one bar more at the end is a ring-out. */
static Status join(Workshop *w, int32_t t) {
    Form *form = w->form;
    TakeBars *tb = &form->takes[t];
    int32_t before = 0, after = 0;
    for (int32_t i = 0; i < tb->n; i++) {
        before += tb->bars[i].slot == PATH_BEFORE;
        after += tb->bars[i].slot == PATH_AFTER;
    }
    if (after < 2 && form->n_slots) after = 0;
    if (form->n_slots + before > SONG_MAX_SLOTS) before = 0;
    if (form->n_slots + before + after > SONG_MAX_SLOTS) after = SONG_MAX_SLOTS - form->n_slots - before;
    BarSound *sounds = arena_alloc(w->mem, sizeof(BarSound) * (size_t)(form->n_slots + before + after + 1));
    if (!sounds) return fail(BS_NOMEM, "form: out of memory");
    memcpy(sounds + before, form->sounds, sizeof(BarSound) * (size_t)form->n_slots);
    for (int32_t k = 0; k < w->n_takes; k++)
        for (int32_t i = 0; (w->joined[k] || k == t) && i < form->takes[k].n; i++)
            if (form->takes[k].bars[i].slot >= 0) form->takes[k].bars[i].slot += before;
    for (int32_t i = 0, ahead = 0, behind = before + form->n_slots; i < tb->n; i++) {
        int32_t *slot = &tb->bars[i].slot;
        if (*slot >= 0) continue;
        *slot = *slot == PATH_BEFORE && before                                   ? ahead++
                : *slot == PATH_AFTER && behind < before + form->n_slots + after ? behind++
                                                                                 : -1;
        if (*slot >= 0) sounds[*slot] = w->sounds[t][i];
    }
    form->sounds = sounds;
    form->n_slots += before + after;
    w->joined[t] = true;
    return BS_OK;
}

/* The longest take left, if it is long enough to be a part of the piece. */
static int32_t longest_left(const Workshop *w) {
    const int32_t shortest_part = 3;
    int32_t longest = -1, bars = shortest_part - 1;
    for (int32_t t = 0; t < w->n_takes; t++)
        if (!w->joined[t] && w->form->takes[t].n > bars) longest = t, bars = w->form->takes[t].n;
    return longest;
}

/* Paths of takes that are left are looked for anew when the form has grown. */
static Status grow_form(Workshop *w) {
    const double least_worth = 0.12;
    Status st = BS_OK;
    Form *form = w->form;
    memset(w->joined, 0, sizeof *w->joined * (size_t)w->n_takes);
    form->n_slots = 0;
    for (int32_t at_n_slots = 0, next = w->first; next >= 0;) {
        bool linked = next != w->first && w->worth[next] > least_worth;
        if (linked) TRY(align_take(w, next, &w->worth[next]));
        for (int32_t i = 0; !linked && i < form->takes[next].n; i++)
            form->takes[next].bars[i].slot = PATH_AFTER;
        TRY(join(w, next));
        TRY(average_form(w));
        next = -1;
        for (int32_t t = 0; t < w->n_takes; t++) {
            if (w->joined[t] || !w->takes[t].track.n) continue;
            if (form->n_slots > at_n_slots) TRY(mend_phase(w, t));
            if (w->worth[t] > least_worth && (next < 0 || w->worth[t] > w->worth[next])) next = t;
        }
        at_n_slots = form->n_slots;
        if (next < 0) next = longest_left(w);
    }
out:
    return st;
}

/* The take's place in the whole form. */
static Status place_take(Workshop *w, int32_t t) {
    Status st = BS_OK;
    TakeBars *tb = &w->form->takes[t];
    TRY(align_take(w, t, &w->worth[t]));
    for (int32_t i = 0; i < tb->n; i++)
        if (tb->bars[i].slot < 0) tb->bars[i].slot = -1;
    w->joined[t] = true;
out:
    return st;
}

/* The downbeat all takes together support, now that they agree among themselves. */
static int32_t pooled_shift(const Workshop *w) {
    double best = -1e30;
    int32_t shift = 0;
    for (int32_t p = 0; p < w->meter; p++) {
        double sum = 0;
        for (int32_t t = 0; t < w->n_takes; t++) sum += bars_support(&w->takes[t], w->meter, p);
        if (sum > best + 1e-6) best = sum, shift = (w->meter - p) % w->meter;
    }
    return shift;
}

static Status open_workshop(Workshop *w) {
    const size_t n = (size_t)w->n_takes + 1;
    w->form->takes = arena_alloc(w->mem, sizeof(TakeBars) * n);
    w->sounds = arena_alloc(w->mem, sizeof(BarSound *) * n);
    w->joined = arena_alloc(w->mem, sizeof *w->joined * n);
    w->worth = arena_alloc(w->mem, sizeof *w->worth * n);
    if (!w->form->takes || !w->sounds || !w->joined || !w->worth)
        return fail(BS_NOMEM, "form: out of memory");
    for (int32_t t = 0; t < w->n_takes; t++) {
        const size_t room = (size_t)w->takes[t].track.n + 1;
        w->form->takes[t].bars = arena_alloc(w->mem, sizeof(Bar) * room);
        w->sounds[t] = arena_alloc(w->mem, sizeof(BarSound) * room);
        if (!w->form->takes[t].bars || !w->sounds[t]) return fail(BS_NOMEM, "form: out of memory");
        if (w->takes[t].track.n > w->takes[w->first].track.n) w->first = t;
    }
    return BS_OK;
}

Status form_align(Form *form, TakeBeats *takes, int32_t n_takes, int32_t meter, Arena *mem) {
    Status st = BS_OK;
    Workshop w = {.form = form, .takes = takes, .n_takes = n_takes, .meter = meter, .mem = mem};
    memset(form, 0, sizeof *form);
    TRY(open_workshop(&w));
    if (!n_takes || !takes[w.first].track.n) return BS_OK;

    /* begun twice: when the pooled evidence turns the downbeat, the bars are cut anew */
    for (int32_t round = 0; round < 2; round++) {
        for (int32_t t = 0; t < n_takes; t++) cut_bars(&w, t);
        w.floor = bar_sounds_floor(w.sounds[w.first], form->takes[w.first].n, mem);
        TRY(grow_form(&w));
        int32_t shift = round ? 0 : pooled_shift(&w);
        if (!shift) break;
        for (int32_t t = 0; t < n_takes; t++) bars_shift(&takes[t], meter, shift);
    }
    for (int32_t t = 0; t < n_takes; t++)
        if (t != w.first && takes[t].track.n) TRY(place_take(&w, t));
    TRY(average_form(&w));
out:
    return st;
}

void form_trim(Form *form, int32_t n_takes) {
    int32_t first = form->n_slots, end = 0;
    for (int32_t t = 0; t < n_takes; t++)
        for (int32_t i = 0; i < form->takes[t].n; i++) {
            const int32_t slot = form->takes[t].bars[i].slot;
            if (slot >= 0 && slot < first) first = slot;
            if (slot >= end) end = slot + 1;
        }
    if (first > end) first = end;
    for (int32_t t = 0; t < n_takes; t++)
        for (int32_t i = 0; i < form->takes[t].n; i++)
            if (form->takes[t].bars[i].slot >= 0) form->takes[t].bars[i].slot -= first;
    if (first) form->sounds += first;
    form->n_slots = end - first;
}
