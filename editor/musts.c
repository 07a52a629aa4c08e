/* Musts: a local search over where runs go and which bars make room. */
#include "editor/musts.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ROUNDS = 512 };

typedef struct Fitting {
    const EnvSong *es;
    const Song *song;
    const Job *job;
    const JobRange *runs;
    int32_t n_runs;
    Sequence *s;
    Sequence trial;
} Fitting;

static bool in_range(const JobRange *r, int32_t u) {
    return u >= r->first_unit && u - r->first_unit < r->n_units;
}

static bool in_runs(const Fitting *f, int32_t u) {
    for (int32_t i = 0; i < f->n_runs; i++)
        if (in_range(&f->runs[i], u)) return true;
    return false;
}

static int64_t length_of(const Song *song, const Sequence *s) {
    int64_t n = 0;
    for (int32_t i = 0; i < s->n; i++) n += song_unit_samples(song, s->units[i]);
    return n;
}

/* Positions [p, q) give way to units [first, first + n). False when there is no room. */
static bool replace(Sequence *s, int32_t p, int32_t q, int32_t first, int32_t n) {
    if (s->n - (q - p) + n > s->max) return false;
    memmove(s->units + p + n, s->units + q, sizeof *s->units * (size_t)(s->n - q));
    memmove(s->fades + p + n, s->fades + q, (size_t)(s->n - q));
    for (int32_t i = 0; i < n; i++) {
        s->units[p + i] = first + i;
        s->fades[p + i] = FADE_SHORT;
    }
    s->n += n - (q - p);
    if (p + n < s->n) s->fades[p + n] = FADE_SHORT; /* a new seam */
    return true;
}

static float value_of(const Fitting *f, int32_t p, int32_t q, int32_t first, int32_t n) {
    Sequence *t = (Sequence *)&f->trial;
    t->n = f->s->n;
    memcpy(t->units, f->s->units, sizeof *t->units * (size_t)t->n);
    memcpy(t->fades, f->s->fades, (size_t)t->n);
    if (!replace(t, p, q, first, n) || t->n == 0) return -1e9f;
    float terms[REWARD_TERMS];
    env_score(f->es, f->job, t->units, t->fades, t->n, terms);
    return env_score_total(f->job, terms);
}

/* ---- runs ---- */

static int32_t whole_at(const Sequence *s, const JobRange *run) {
    for (int32_t i = 0; i + run->n_units <= s->n; i++) {
        int32_t k = 0;
        while (k < run->n_units && s->units[i + k] == run->first_unit + k) k++;
        if (k == run->n_units) return i;
    }
    return -1;
}

static bool same_beat(const Song *song, int32_t a, int32_t b) {
    const SongUnit *x = &song->units[a], *y = &song->units[b];
    return a == b || (x->slot >= 0 && x->slot == y->slot && x->phase == y->phase && x->take >= 0 &&
                      y->take >= 0 && song->takes[x->take].tune == song->takes[y->take].tune);
}

/* What plays the same bars now: from the first beat of the run to its last. */
static bool stand_in(const Fitting *f, const JobRange *run, int32_t *p, int32_t *q) {
    const Sequence *s = f->s;
    const int32_t last = run->first_unit + run->n_units - 1;
    for (int32_t i = 0; i < s->n; i++) {
        if (!same_beat(f->song, s->units[i], run->first_unit)) continue;
        for (int32_t j = i; j < s->n && j - i < 2 * run->n_units + 4; j++) {
            if (in_runs(f, s->units[j]) && !in_range(run, s->units[j])) break; /* another run is in the way */
            if (!same_beat(f->song, s->units[j], last)) continue;
            *p = i;
            *q = j + 1;
            return true;
        }
    }
    return false;
}

static bool bar_ends(const Fitting *f, int32_t u) {
    return u + 1 >= f->song->n_units || f->song->units[u].bar < 0 ||
           f->song->units[u + 1].bar != f->song->units[u].bar;
}

/* May something go between positions i - 1 and i? Not into a run, nor before a start or after an end asked
 * for. */
static bool may_insert(const Fitting *f, int32_t i) {
    const Sequence *s = f->s;
    if (i == 0) return f->job->start_unit < 0;
    if (i == s->n) return f->job->end_unit < 0;
    const int32_t a = s->units[i - 1], b = s->units[i];
    if (!bar_ends(f, a)) return false;
    for (int32_t r = 0; r < f->n_runs; r++)
        if (b == a + 1 && in_range(&f->runs[r], a) && in_range(&f->runs[r], b)) return false;
    return true;
}

static bool place_run(Fitting *f, const JobRange *run) {
    Sequence *s = f->s;
    int32_t p, q, best = -1;
    float best_value = 0;
    if (whole_at(s, run) >= 0) return true;
    if (stand_in(f, run, &p, &q)) return replace(s, p, q, run->first_unit, run->n_units);
    for (int32_t i = s->n - 1; i >= 0; i--) /* scattered pieces of it go */
        if (in_range(run, s->units[i]) && !replace(s, i, i + 1, 0, 0)) return false;
    for (int32_t i = 0; i <= s->n; i++) {
        if (!may_insert(f, i)) continue;
        const float value = value_of(f, i, i, run->first_unit, run->n_units);
        if (best < 0 || value > best_value) best = i, best_value = value;
    }
    return best >= 0 && replace(s, best, best, run->first_unit, run->n_units);
}

/* ---- length ---- */

/* The end of the bar that position i starts, if it may leave; i otherwise. */
static int32_t removable(const Fitting *f, int32_t i) {
    const Sequence *s = f->s;
    int32_t j = i;
    for (; j < s->n; j++) {
        const int32_t u = s->units[j];
        if (in_runs(f, u) || (j == 0 && u == f->job->start_unit) || (j == s->n - 1 && u == f->job->end_unit))
            return i;
        if (bar_ends(f, u) || (j + 1 < s->n && s->units[j + 1] != u + 1)) return j + 1;
    }
    return j;
}

static bool shorten(Fitting *f) {
    Sequence *s = f->s;
    int32_t best = -1, best_end = 0;
    float best_value = 0;
    for (int32_t i = 0; i < s->n; i++) {
        if (i > 0 && s->units[i] == s->units[i - 1] + 1 && !bar_ends(f, s->units[i - 1])) continue;
        const int32_t end = removable(f, i);
        if (end == i || end - i == s->n) continue;
        const float value = value_of(f, i, end, 0, 0);
        if (best < 0 || value > best_value) best = i, best_end = end, best_value = value;
    }
    return best >= 0 && replace(s, best, best_end, 0, 0);
}

static bool allowed(const Fitting *f, int32_t u) {
    const SongUnit *x = &f->song->units[u];
    if (x->take < 0 || f->song->takes[x->take].tune != f->job->tune || x->kind == UNIT_TAIL) return false;
    for (int32_t i = 0; i < f->job->n_never; i++)
        if (in_range(&f->job->never[i], u)) return false;
    for (int32_t i = 0; f->job->no_loop && i < f->s->n; i++)
        if (f->s->units[i] == u) return false;
    return true;
}

/* The bar that follows somewhere joins, where that is worth most and fits. */
static bool lengthen(Fitting *f, int64_t room) {
    Sequence *s = f->s;
    int32_t best = -1, best_n = 0;
    float best_value = 0;
    for (int32_t i = 1; i <= s->n; i++) {
        if (!may_insert(f, i)) continue;
        const int32_t first = s->units[i - 1] + 1;
        int32_t n = 0;
        int64_t length = 0;
        if (i < s->n && s->units[i] == first) continue;
        while (first + n < f->song->n_units && allowed(f, first + n)) {
            length += song_unit_samples(f->song, first + n);
            if (bar_ends(f, first + n++)) break;
        }
        if (n == 0 || length > room) continue;
        const float value = value_of(f, i, i, first, n);
        if (best < 0 || value > best_value) best = i, best_n = n, best_value = value;
    }
    return best >= 0 && replace(s, best, best, s->units[best - 1] + 1, best_n);
}

static bool fit_length(Fitting *f) {
    for (int round = 0; round < MAX_ROUNDS; round++) {
        const int64_t length = length_of(f->song, f->s);
        if (length > f->job->hi_samples) {
            if (!shorten(f)) return false;
        } else if (length < f->job->lo_samples) {
            if (!lengthen(f, f->job->hi_samples - length)) return false;
        } else
            return true;
    }
    return false;
}

bool musts_fit(const EnvSong *es, const Job *job, const JobRange *runs, int32_t n_runs, Sequence *s) {
    Fitting f = {es, env_song_song(es), job, runs, n_runs, s, {.max = s->max}};
    f.trial.units = malloc(sizeof *f.trial.units * (size_t)s->max);
    f.trial.fades = malloc((size_t)s->max);
    bool ok = f.trial.units && f.trial.fades;
    for (int32_t i = 0; i < n_runs && ok; i++) ok = place_run(&f, &runs[i]);
    ok = ok && fit_length(&f);
    for (int32_t i = 0; i < n_runs && ok; i++) ok = whole_at(s, &runs[i]) >= 0;
    free(f.trial.units);
    free(f.trial.fades);
    return ok;
}

bool musts_hold(const Song *song, const Job *job, const Sequence *s) {
    const int64_t length = length_of(song, s);
    if (!s->n || length < job->lo_samples || length > job->hi_samples) return false;
    if (job->start_unit >= 0 && s->units[0] != job->start_unit) return false;
    if (job->end_unit >= 0 && s->units[s->n - 1] != job->end_unit) return false;
    int32_t *count = calloc((size_t)song->n_units, sizeof *count);
    bool ok = count != NULL;
    for (int32_t i = 0; i < s->n && ok; i++) {
        const int32_t u = s->units[i];
        const int16_t take = song->units[u].take;
        ok = take < 0 || song->takes[take].tune == job->tune;
        for (int32_t k = 0; k < job->n_never && ok; k++) ok = !in_range(&job->never[k], u);
        ok = ok && !(job->no_loop && count[u]++);
    }
    for (int32_t k = 0; k < job->n_must && ok; k++)
        for (int32_t u = job->must[k].first_unit; u < job->must[k].first_unit + job->must[k].n_units && ok;
             u++) {
            ok = false;
            for (int32_t i = 0; i < s->n && !ok; i++) ok = s->units[i] == u;
        }
    free(count);
    return ok;
}
