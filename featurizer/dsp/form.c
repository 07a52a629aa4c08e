/* Aligning takes of one piece.
 *
 * The longest take gives the first form; every other take is aligned to it bar by bar:
 *     V[i][j] = like(i, j) - floor + max(V[i-1][j-1], V[i-1][j-2] - skip, V[i-1][j] - skip, best_i-1 - jump)
 * with one more state, "none", for bars that play nothing of the form. A take may thus start in the middle,
 * break off, go back and begin again. Bars a take plays past the form's end (or before its start) extend the
 * form. Then the form's sounds become means over all takes, and all takes are aligned once more. */
#include "featurizer/dsp/form.h"

#include <math.h>
#include <string.h>

#include "featurizer/dsp/chroma.h"

static void unit_length(float *v, int32_t n, bool centre) {
    double mean = 0, norm = 0;
    for (int32_t i = 0; i < n && centre; i++) mean += v[i] / n;
    for (int32_t i = 0; i < n; i++) v[i] -= (float)mean, norm += (double)v[i] * v[i];
    float scale = norm > 1e-9 ? (float)(1 / sqrt(norm)) : 0;
    for (int32_t i = 0; i < n; i++) v[i] *= scale;
}

static float dot(const float *a, const float *b, int32_t n) {
    float sum = 0;
    for (int32_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

float bar_likeness(const BarSound *a, const BarSound *b) {
    float sum = 0;
    int32_t n = a->n_beats > b->n_beats ? a->n_beats : b->n_beats;
    for (int32_t k = 0; k < n && k < a->n_beats && k < b->n_beats; k++) {
        float level = fabsf(a->level[k] - b->level[k]) / 10;
        sum += 0.65F * dot(a->chroma[k], b->chroma[k], CHROMA) +
               0.35F * dot(a->mel[k], b->mel[k], MEASURE_MEL) - 0.15F * (level > 1 ? 1 : level);
    }
    return n ? sum / (float)n : 0;
}

/* ---- one take against the form ----------------------------------------------------------------- */

double form_align_bars(const BarSound *bars, int32_t n_bars, const BarSound *form, int32_t n_slots,
                       double floor_likeness, Arena *mem, int32_t *slots, Status *st) {
    const double skip = 1.2, jump = 3, late_start = 0.5, leave = 1.5, over = 0.7, idle = 0.03;
    size_t width = (size_t)n_slots + 1; /* the last state is "none" */
    double *value = arena_alloc(mem, sizeof(double) * width),
           *next = arena_alloc(mem, sizeof(double) * width);
    int32_t *from = arena_alloc(mem, sizeof(int32_t) * width * (size_t)(n_bars + 1));
    if (!value || !next || !from) {
        *st = fail(BS_NOMEM, "form: out of memory for %d x %d bars", n_bars, n_slots);
        return 0;
    }
    for (int32_t i = 0; i < n_bars; i++) {
        int32_t top = n_slots;
        for (int32_t j = 0; j <= n_slots && i; j++)
            if (value[j] > value[top]) top = j;
        for (int32_t j = 0; j < n_slots; j++) {
            double best = j == 0 ? 0 : -late_start - 0.01 * j;
            int32_t pointer = -1;
            if (i > 0) {
                best = value[top] - jump, pointer = top;
                if (value[n_slots] - leave > best) best = value[n_slots] - leave, pointer = n_slots;
                if (value[j] - skip > best) best = value[j] - skip, pointer = j;
                if (j > 1 && value[j - 2] - skip > best) best = value[j - 2] - skip, pointer = j - 2;
                if (j > 0 && value[j - 1] > best) best = value[j - 1], pointer = j - 1;
            }
            next[j] = best + bar_likeness(&bars[i], &form[j]) - floor_likeness;
            from[(size_t)i * width + (size_t)j] = pointer;
        }
        next[n_slots] = (i ? value[n_slots] : 0) - idle;
        from[(size_t)i * width + (size_t)n_slots] = n_slots;
        for (int32_t j = 0; j < n_slots && i; j++) {
            double out = value[j] - (j == n_slots - 1 ? over : leave) - idle;
            if (out > next[n_slots]) next[n_slots] = out, from[(size_t)i * width + (size_t)n_slots] = j;
        }
        double *t = value;
        value = next, next = t;
    }
    int32_t j = n_slots;
    for (int32_t k = 0; k < n_slots; k++)
        if (value[k] > value[j]) j = k;
    double score = n_bars ? value[j] : 0;
    for (int32_t i = n_bars - 1; i >= 0; i--) {
        slots[i] = j < n_slots ? j : -1;
        j = from[(size_t)i * width + (size_t)j];
    }
    return score;
}

/* ---- bars of takes ----------------------------------------------------------------------------- */

static int32_t list_bars(const TakeBeats *t, int32_t meter, int32_t shift, Bar *bars) {
    int32_t n = 0;
    for (int32_t k = 0; k < t->track.n; k++) {
        int32_t phase = (t->phase[k] + shift) % meter;
        int32_t before = k ? (t->phase[k - 1] + shift) % meter : -1;
        if (k == 0 || phase <= before) bars[n++] = (Bar){k, 0, -1};
        bars[n - 1].n_beats++;
    }
    return n;
}

static void take_means(const TakeBeats *t, float *mel, float *level, Arena *scratch) {
    float *levels = arena_alloc(scratch, sizeof(float) * (size_t)(t->track.n + 1));
    memset(mel, 0, sizeof(float) * MEASURE_MEL);
    for (int32_t k = 0; k < t->track.n; k++) {
        if (levels) levels[k] = t->measures[k].level_db;
        for (int32_t g = 0; g < MEASURE_MEL; g++) mel[g] += t->measures[k].mel[g] / (float)t->track.n;
    }
    *level = levels ? median_of(levels, t->track.n) : 0;
}

static void sound_bars(const TakeBeats *t, const Bar *bars, int32_t n, int32_t meter, int32_t shift,
                       BarSound *sounds, Arena *scratch) {
    float mel[MEASURE_MEL], level;
    take_means(t, mel, &level, scratch);
    for (int32_t i = 0; i < n; i++) {
        BarSound *s = &sounds[i];
        memset(s, 0, sizeof *s);
        for (int32_t b = 0; b < bars[i].n_beats; b++) {
            int32_t k = bars[i].first_beat + b, phase = (t->phase[k] + shift) % meter;
            const Measure *m = &t->measures[k];
            memcpy(s->chroma[phase], m->chroma, sizeof m->chroma);
            unit_length(s->chroma[phase], CHROMA, true);
            for (int32_t g = 0; g < MEASURE_MEL; g++) s->mel[phase][g] = m->mel[g] - mel[g];
            unit_length(s->mel[phase], MEASURE_MEL, true);
            s->level[phase] = m->level_db - level;
            s->vocal[phase] = m->vocal;
            s->n_beats = phase + 1 > s->n_beats ? phase + 1 : s->n_beats;
        }
    }
}

typedef struct Workshop {
    Form *form;
    TakeBeats *takes;
    BarSound **sounds; /* per take */
    int32_t n_takes, meter;
    double floor;
    Arena *mem;
} Workshop;

static Status rebar(Workshop *w, int32_t t) {
    TakeBars *tb = &w->form->takes[t];
    tb->n = list_bars(&w->takes[t], w->meter, 0, tb->bars);
    sound_bars(&w->takes[t], tb->bars, tb->n, w->meter, 0, w->sounds[t], w->mem);
    return BS_OK;
}

/* What a likeness must pass to count: between what any two bars have in common and what the same bar of two
 * takes has. Within one take the best match of a bar elsewhere stands in for the latter. */
static double floor_of(const BarSound *a, int32_t n, Arena *mem) {
    if (n < 4) return 0.35;
    float *all = arena_alloc(mem, sizeof(float) * (size_t)n * 64),
          *best = arena_alloc(mem, sizeof(float) * (size_t)n);
    if (!all || !best) return 0.35;
    int32_t m = 0, step = n / 64 + 1;
    for (int32_t i = 0; i < n; i++) {
        best[i] = -1;
        for (int32_t j = i % step; j < n; j += step) {
            if (j == i) continue;
            float v = bar_likeness(&a[i], &a[j]);
            if (v > best[i]) best[i] = v;
            if (m < n * 64) all[m++] = v;
        }
    }
    double common = median_of(all, m), same = median_of(best, n), f = common + 0.3 * (same - common);
    return f < 0.2 ? 0.2 : f > 0.6 ? 0.6 : f;
}

/* ---- the form ---------------------------------------------------------------------------------- */

static Status align_take(Workshop *w, int32_t t, double *score) {
    Status st = BS_OK;
    Arena scratch;
    TakeBars *tb = &w->form->takes[t];
    arena_init(&scratch, w->mem->max_bytes);
    int32_t *slots = arena_alloc(&scratch, sizeof(int32_t) * (size_t)(tb->n + 1));
    if (!slots)
        st = fail(BS_NOMEM, "form: out of memory");
    else
        *score = form_align_bars(w->sounds[t], tb->n, w->form->sounds, w->form->n_slots, w->floor, &scratch,
                                 slots, &st);
    for (int32_t i = 0; i < tb->n && st == BS_OK; i++) tb->bars[i].slot = slots[i];
    arena_drop(&scratch);
    return st;
}

/* Turns a take's phases to where it fits the form best; its own downbeat evidence has a say. */
static Status mend_phase(Workshop *w, int32_t t) {
    Status st = BS_OK;
    double best = -1e30, own = bars_support(&w->takes[t], w->meter, 0);
    int32_t best_shift = 0;
    for (int32_t shift = 0; shift < w->meter; shift++) {
        double score = 0;
        bars_shift(&w->takes[t], w->meter, shift);
        TRY(rebar(w, t));
        TRY(align_take(w, t, &score));
        double bars = w->form->takes[t].n, support = bars_support(&w->takes[t], w->meter, 0) - own;
        score += 0.12 * support + (w->takes[t].phase[0] == 0 ? 0.05 * bars / (bars + 8) + 0.3 : 0);
        if (score > best + 1e-9) best = score, best_shift = shift;
        bars_shift(&w->takes[t], w->meter, w->meter - shift);
    }
    bars_shift(&w->takes[t], w->meter, best_shift);
    TRY(rebar(w, t));
    TRY(align_take(w, t, &best));
out:
    return st;
}

static Status extend_form(Workshop *w, int32_t t) {
    TakeBars *tb = &w->form->takes[t];
    Form *form = w->form;
    int32_t last = tb->n - 1, first = 0;
    while (last >= 0 && tb->bars[last].slot < 0) last--;
    while (first < tb->n && tb->bars[first].slot < 0) first++;
    if (last < 0) return BS_OK;
    int32_t after = tb->bars[last].slot == form->n_slots - 1 ? tb->n - 1 - last : 0;
    int32_t ahead = tb->bars[first].slot == 0 ? first : 0;
    if (after < 2) after = 0; /* one bar more is a ring-out */
    if (ahead < 2) ahead = 0;
    if (!after && !ahead) return BS_OK;
    if (form->n_slots + after + ahead > 4096) return BS_OK;
    BarSound *sounds = arena_alloc(w->mem, sizeof(BarSound) * (size_t)(form->n_slots + after + ahead));
    if (!sounds) return fail(BS_NOMEM, "form: out of memory");
    memcpy(sounds + ahead, form->sounds, sizeof(BarSound) * (size_t)form->n_slots);
    for (int32_t i = 0; i < ahead; i++) sounds[i] = w->sounds[t][i];
    for (int32_t i = 0; i < after; i++) sounds[ahead + form->n_slots + i] = w->sounds[t][last + 1 + i];
    for (int32_t k = 0; k < w->n_takes; k++)
        for (int32_t i = 0; i < form->takes[k].n; i++)
            if (form->takes[k].bars[i].slot >= 0) form->takes[k].bars[i].slot += ahead;
    for (int32_t i = 0; i < ahead; i++) tb->bars[i].slot = i;
    for (int32_t i = 0; i < after; i++) tb->bars[last + 1 + i].slot = ahead + form->n_slots + i;
    form->sounds = sounds;
    form->n_slots += after + ahead;
    return BS_OK;
}

static void average_form(Workshop *w) {
    Form *form = w->form;
    double like = 0;
    int32_t pairs = 0;
    for (int32_t t = 0; t < w->n_takes; t++)
        for (int32_t i = 0; i < form->takes[t].n && t != form->reference; i++) {
            int32_t slot = form->takes[t].bars[i].slot;
            if (slot < 0) continue;
            like += bar_likeness(&w->sounds[t][i], &form->sounds[slot]);
            pairs++;
        }
    form->likeness = pairs ? like / pairs : 0;
    for (int32_t s = 0; s < form->n_slots; s++) {
        BarSound sum;
        int32_t n = 0;
        memset(&sum, 0, sizeof sum);
        for (int32_t t = 0; t < w->n_takes; t++)
            for (int32_t i = 0; i < form->takes[t].n; i++) {
                if (form->takes[t].bars[i].slot != s) continue;
                const BarSound *b = &w->sounds[t][i];
                n++;
                sum.n_beats = b->n_beats > sum.n_beats ? b->n_beats : sum.n_beats;
                for (int32_t k = 0; k < b->n_beats; k++) {
                    for (int32_t c = 0; c < CHROMA; c++) sum.chroma[k][c] += b->chroma[k][c];
                    for (int32_t g = 0; g < MEASURE_MEL; g++) sum.mel[k][g] += b->mel[k][g];
                    sum.level[k] += b->level[k];
                    sum.vocal[k] += b->vocal[k];
                }
            }
        if (!n) continue;
        for (int32_t k = 0; k < sum.n_beats; k++) {
            unit_length(sum.chroma[k], CHROMA, false);
            unit_length(sum.mel[k], MEASURE_MEL, false);
            sum.level[k] /= (float)n;
            sum.vocal[k] /= (float)n;
        }
        form->sounds[s] = sum;
    }
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

Status form_align(Form *form, TakeBeats *takes, int32_t n_takes, int32_t meter, Arena *mem) {
    Status st = BS_OK;
    Workshop w = {form, takes, NULL, n_takes, meter, 0.35, mem};
    memset(form, 0, sizeof *form);
    form->takes = arena_alloc(mem, sizeof(TakeBars) * (size_t)(n_takes + 1));
    w.sounds = arena_alloc(mem, sizeof(BarSound *) * (size_t)(n_takes + 1));
    if (!form->takes || !w.sounds) return fail(BS_NOMEM, "form: out of memory");
    for (int32_t t = 0; t < n_takes; t++) {
        size_t room = (size_t)takes[t].track.n + 1;
        form->takes[t].bars = arena_alloc(mem, sizeof(Bar) * room);
        w.sounds[t] = arena_alloc(mem, sizeof(BarSound) * room);
        if (!form->takes[t].bars || !w.sounds[t]) return fail(BS_NOMEM, "form: out of memory");
        if (takes[t].track.n > takes[form->reference].track.n) form->reference = t;
    }
    if (!n_takes || !takes[form->reference].track.n) return BS_OK;

    /* begun twice: when the pooled evidence turns the downbeat, the bars are cut anew */
    for (int32_t round = 0; round < 2; round++) {
        for (int32_t t = 0; t < n_takes; t++) TRY(rebar(&w, t));
        TakeBars *ref = &form->takes[form->reference];
        form->n_slots = ref->n;
        form->sounds = arena_alloc(mem, sizeof(BarSound) * (size_t)ref->n);
        if (!form->sounds) return fail(BS_NOMEM, "form: out of memory");
        memcpy(form->sounds, w.sounds[form->reference], sizeof(BarSound) * (size_t)ref->n);
        for (int32_t i = 0; i < ref->n; i++) ref->bars[i].slot = i;
        w.floor = floor_of(form->sounds, form->n_slots, mem);
        for (int32_t t = 0; t < n_takes; t++)
            if (t != form->reference && takes[t].track.n) TRY(mend_phase(&w, t));
        int32_t shift = round ? 0 : pooled_shift(&w);
        if (!shift) break;
        for (int32_t t = 0; t < n_takes; t++) bars_shift(&takes[t], meter, shift);
    }
    for (int32_t t = 0; t < n_takes; t++)
        if (t != form->reference && takes[t].track.n) TRY(extend_form(&w, t));
    average_form(&w);
    for (int32_t t = 0; t < n_takes; t++) {
        double score;
        if (t != form->reference && takes[t].track.n) TRY(align_take(&w, t, &score));
    }
    average_form(&w);
out:
    return st;
}
