/* EnvSong: what of an episode depends on the recording alone, computed once.
 *
 * Distances between units are Euclidean in a context vector whose parts are scaled by the tune's own
 * variation: how much two performances of the same beat differ, and how much neighbours differ. So a seam
 * cost of 1 means the same in a loud dense song and in a quiet sparse one. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/env/env_state.h"
#include "common/song/excerpt.h"

/* cos and sin of 2 pi / m for m = 0..MAX_METER: no libm here. */
static void turn_of(int m, double *c, double *s) {
    static const double cosine[] = {1,
                                    1,
                                    -1,
                                    -0.5,
                                    0,
                                    0.30901699437494745,
                                    0.5,
                                    0.6234898018587336,
                                    0.7071067811865476,
                                    0.766044443118978,
                                    0.8090169943749475,
                                    0.8412535328311812,
                                    0.8660254037844387,
                                    0.8854560256532099,
                                    0.9009688679024191,
                                    0.9135454576426009,
                                    0.9238795325112867};
    static const double sine[] = {0,
                                  0,
                                  0,
                                  0.8660254037844386,
                                  1,
                                  0.9510565162951535,
                                  0.8660254037844386,
                                  0.7818314824680298,
                                  0.7071067811865475,
                                  0.6427876096865393,
                                  0.5877852522924731,
                                  0.5406408174555976,
                                  0.5,
                                  0.4647231720437686,
                                  0.4338837391175581,
                                  0.4067366430758002,
                                  0.3826834323650898};
    if (m > 16) m = 16;
    *c = cosine[m];
    *s = sine[m];
}

static void bar_place(int phase, int meter, float *c, float *s) {
    double c1, s1, x = 1, y = 0;
    turn_of(meter, &c1, &s1);
    for (int i = 0; i < phase; i++) {
        double t = x * c1 - y * s1;
        y = x * s1 + y * c1;
        x = t;
    }
    *c = (float)x;
    *s = (float)y;
}

static void make_units(EnvSong *es) {
    const Song *s = es->song;
    for (int32_t u = 0; u < es->n; u++) {
        const SongUnit *su = &s->units[u];
        EnvUnit *x = &es->units[u];
        x->kind = su->kind;
        x->phase = su->phase;
        x->take = su->take;
        x->tune = su->take >= 0 ? (int16_t)s->takes[su->take].tune : -1;
        x->in_take = su->take >= 0 && (su->kind == UNIT_BEAT || su->kind == UNIT_FREE);
        x->pos = x->pid = x->section = x->slot = x->next_slot = -1;
        x->song_slot = su->slot;
        x->label = x->offset = -1;
        x->vocal = su->vocal;
        es->start[u] = su->start_sample;
        es->flaw_sum[u + 1] = es->flaw_sum[u] + su->flaw;
        int32_t meter = x->tune >= 0 ? s->tunes[x->tune].meter : 4;
        bar_place((su->phase + 1) % meter, meter, &x->bar_cos, &x->bar_sin);
        if (!x->in_take || su->kind != UNIT_BEAT) x->bar_cos = x->bar_sin = 0;
    }
    es->start[es->n] = s->n_samples;
    for (int k = 0; k < SPANS; k++) {
        for (int32_t u = es->n - 1; u >= 0; u--) {
            const SongUnit *a = &s->units[u], *b = u + 1 < es->n ? a + 1 : NULL;
            int32_t ia[] = {-1, a->bar, a->phrase, a->section};
            int32_t ib[] = {-2, b ? b->bar : -2, b ? b->phrase : -2, b ? b->section : -2};
            EnvUnit *x = &es->units[u];
            x->end[k] = k && ia[k] >= 0 && ia[k] == ib[k] ? es->units[u + 1].end[k] : u + 1;
            if (k && x->end[k] < x->end[k - 1]) x->end[k] = x->end[k - 1];
        }
        for (int32_t u = 0; u < es->n; u++)
            es->units[u].starts[k] = u == 0 || es->units[u - 1].end[k] != es->units[u].end[k];
    }
}

/* Which spans of a unit are worth an action: those that end where a shorter one ends are not. */
static void make_spans(EnvSong *es) {
    for (int32_t u = 0; u < es->n; u++) {
        EnvUnit *x = &es->units[u];
        for (int k = 0; k < SPANS; k++) {
            bool loops = x->kind == UNIT_BEAT && x->starts[k];
            for (int i = 0; i < k; i++) loops &= !(x->starts[i] && x->end[i] == x->end[k]);
            x->spans |= (uint8_t)((k == 0 || x->end[k] != x->end[k - 1]) << k);
            x->loops |= (uint8_t)(loops << k);
        }
    }
}

/* What a Job without never ranges is checked against. */
static void make_limits(EnvSong *es) {
    for (int32_t t = 0; t < es->song->n_tunes; t++) es->tunes[t].shortest_unit = INT64_MAX;
    for (int32_t u = 0; u < es->n; u++) {
        int64_t samples = span_samples(es, u, u + 1);
        const EnvUnit *x = &es->units[u];
        if (samples > es->longest_unit && !song_unit_left_out(es->song, u)) es->longest_unit = samples;
        for (int32_t t = 0; t < es->song->n_tunes; t++) {
            if (x->tune >= 0 && x->tune != t) continue;
            if (samples < es->tunes[t].shortest_unit) es->tunes[t].shortest_unit = samples;
            if (x->kind == UNIT_BEAT) es->tunes[t].music_samples += samples;
        }
    }
}

/* Beats of one take on both sides of a unit's start, at most 4: the handles of a long fade. */
static void make_handles(EnvSong *es) {
    const EnvUnit *x = es->units;
    for (int32_t u = 1; u < es->n; u++) {
        int n = 0;
        while (n < 4 && u + n < es->n && u - n - 1 >= 0 && x[u + n].kind == UNIT_BEAT && x[u + n].take >= 0 &&
               x[u - n - 1].kind == UNIT_BEAT && x[u + n].take == x[u].take && x[u - n - 1].take == x[u].take)
            n++;
        es->units[u].clean = (uint8_t)n;
    }
    for (int32_t u = 0; u < es->n; u++) {
        double sum[2] = {0, 0};
        int count[2] = {0, 0};
        for (int d = 0; d < 4; d++)
            for (int side = 0; side < 2; side++) {
                int32_t v = side ? u + d : u - d;
                if (v < 0 || v >= es->n || x[v].take != x[u].take || x[v].kind != UNIT_BEAT) continue;
                float bpm = es->song->units[v].tempo_bpm;
                if (bpm > 0) sum[side] += bpm, count[side]++;
            }
        es->units[u].tempo_before = count[0] ? (float)(sum[0] / count[0]) : 0;
        es->units[u].tempo_after = count[1] ? (float)(sum[1] / count[1]) : 0;
    }
}

static int compare_keys(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Places in the form, and for each the units that play it. A tune without slots is its own form. */
static Status make_form(EnvSong *es) {
    const Song *s = es->song;
    int64_t *keys = malloc(sizeof *keys * (size_t)(es->n + 1));
    if (!keys) return fail(BS_NOMEM, "environment: out of memory");
    int32_t n_keys = 0;
    for (int32_t t = 0; t < s->n_tunes; t++) {
        int32_t next = 0, meter = s->tunes[t].meter;
        bool slots = false;
        for (int32_t u = 0; u < es->n; u++)
            if (es->units[u].tune == t && es->units[u].kind == UNIT_BEAT && s->units[u].slot >= 0)
                slots = true;
        for (int32_t u = 0; u < es->n; u++) {
            EnvUnit *x = &es->units[u];
            if (x->tune != t || x->kind != UNIT_BEAT) continue;
            if (slots && s->units[u].slot < 0) continue;
            x->pos = slots ? s->units[u].slot * meter + s->units[u].phase : next++;
            x->slot = x->pos / meter;
            x->next_slot = (x->pos + 1) / meter;
            keys[n_keys++] = (int64_t)t << 48 | (int64_t)x->pos << 16 | u;
        }
    }
    qsort(keys, (size_t)n_keys, sizeof *keys, compare_keys);
    es->n_pids = 0;
    for (int32_t t = 0; t < s->n_tunes; t++) es->tunes[t].pid0 = -1;
    for (int32_t i = 0; i < n_keys; i++) {
        if (!i || keys[i] >> 16 != keys[i - 1] >> 16) es->pid_first[es->n_pids++] = i;
        int32_t u = (int32_t)(keys[i] & 0xffff), t = (int32_t)(keys[i] >> 48);
        es->pid_units[i] = u;
        es->units[u].pid = es->n_pids - 1;
        if (es->tunes[t].pid0 < 0) es->tunes[t].pid0 = es->n_pids - 1;
        es->tunes[t].n_pid = es->n_pids - es->tunes[t].pid0;
    }
    es->pid_first[es->n_pids] = n_keys;
    for (int32_t t = 0; t < s->n_tunes; t++)
        if (es->tunes[t].pid0 < 0) es->tunes[t].pid0 = 0;
    free(keys);
    return BS_OK;
}

static int label_index(int32_t *seen, int *n_seen, int32_t label) {
    for (int i = 0; i < *n_seen; i++)
        if (seen[i] == label) return i;
    if (*n_seen == MAX_LABELS) return MAX_LABELS - 1;
    seen[*n_seen] = label;
    return (*n_seen)++;
}

static void make_tunes(EnvSong *es) {
    const Song *s = es->song;
    for (int32_t t = 0; t < s->n_tunes; t++) {
        EnvTune *tune = &es->tunes[t];
        const SongTune *st = &s->tunes[t];
        tune->meter = st->meter;
        tune->n_slots = st->n_slots;
        double beats = 0, beat_samples = 0, phrases = 0, phrase_samples = 0;
        for (int32_t u = 0; u < es->n; u++) {
            const EnvUnit *x = &es->units[u];
            if (x->tune != t || x->kind != UNIT_BEAT) continue;
            beats++;
            beat_samples += (double)span_samples(es, u, u + 1);
            phrase_samples += (double)span_samples(es, u, u + 1);
            phrases += x->starts[SPAN_PHRASE];
        }
        tune->beat_samples = beats > 0 ? beat_samples / beats : (double)s->sample_rate_hz / 2;
        tune->phrase_samples = phrases > 0 ? phrase_samples / phrases : 16 * tune->beat_samples;
        if (tune->phrase_samples < 4 * tune->beat_samples) tune->phrase_samples = 4 * tune->beat_samples;
        tune->longest_take_samples = tune->beat_samples;
        for (int32_t k = 0; k < s->n_takes; k++) {
            const SongTake *take = &s->takes[k];
            if (take->tune != t) continue;
            double x = (double)span_samples(es, take->first_unit, take->first_unit + take->n_units);
            if (x > tune->longest_take_samples) tune->longest_take_samples = x;
        }
        int32_t seen[MAX_LABELS], offset = 0;
        int n_seen = 0, last = -1;
        const int32_t *labels = s->slot_section ? s->slot_section + st->first_slot_section : NULL;
        for (int32_t slot = 0; labels && slot < st->n_slots; slot++) {
            int label = label_index(seen, &n_seen, labels[slot]);
            offset = label == last ? offset + 1 : 0;
            if (last >= 0 && label != last) tune->label_next[last] |= (uint64_t)1 << label;
            last = label;
            for (int32_t u = 0; u < es->n; u++)
                if (es->units[u].tune == t && s->units[u].slot == slot) {
                    es->units[u].label = (int16_t)label;
                    es->units[u].offset = (int16_t)offset;
                }
        }
    }
}

/* Beats of sections with one label are the same music: bar for bar, beat for beat. */
static void make_music(EnvSong *es) {
    for (int32_t i = 0; i < es->n_pids; i++) {
        const EnvUnit *x = &es->units[es->pid_units[es->pid_first[i]]];
        es->music[i] = i;
        if (x->label < 0 || x->label == MAX_LABELS - 1) continue;
        for (int32_t k = es->tunes[x->tune].pid0; k < i; k++) {
            const EnvUnit *y = &es->units[es->pid_units[es->pid_first[k]]];
            if (y->label != x->label || y->offset != x->offset || y->phase != x->phase) continue;
            es->music[i] = es->music[k];
            break;
        }
    }
}

static void make_sections(EnvSong *es) {
    for (int32_t u = 0; u < es->n;) {
        const EnvUnit *x = &es->units[u];
        int32_t end = x->end[SPAN_SECTION];
        if (!x->in_take || es->song->units[u].section < 0) {
            u++;
            continue;
        }
        for (int32_t v = u; v < end; v++) es->units[v].section = es->n_sections;
        es->sections[es->n_sections++] =
            (EnvSection){u, end, (float)((es->flaw_sum[end] - es->flaw_sum[u]) / (end - u))};
        u = end;
    }
}

/* Mean flaw over the bar that holds a unit: single beats are heard too unsurely to judge them alone. */
static void make_bar_flaws(EnvSong *es) {
    for (int32_t u = 0; u < es->n; u++) {
        EnvUnit *x = &es->units[u];
        for (int k = 0; k < SPANS; k++)
            x->flaw_ahead[k] = (float)((es->flaw_sum[x->end[k]] - es->flaw_sum[u]) / (x->end[k] - u));
        x->bar_flaw = x->starts[SPAN_BAR] ? x->flaw_ahead[SPAN_BAR] : x[-1].bar_flaw;
    }
}

/* The least flaw among the performances of each music. */
static void make_best(EnvSong *es) {
    for (int32_t i = 0; i < es->n_pids; i++) {
        float *best = &es->best_flaw[es->music[i]];
        if (es->music[i] == i) *best = 1;
        for (int32_t k = es->pid_first[i]; k < es->pid_first[i + 1]; k++) {
            const float flaw = es->units[es->pid_units[k]].bar_flaw;
            if (flaw < *best) *best = flaw;
        }
    }
}

/* Worth of each unit: music (1 - 0.6 f^2 - 3.5 R - 0.2 D - 0.2 take flaw) - 6 (1 - music). f is the flaw of
 * its bar; R in 0..1 how surely another take plays the beat better: the difference to the best performance
 * says more than f, and soon says it all. */
static void make_content(EnvSong *es) {
    const Song *s = es->song;
    make_best(es);
    for (int32_t u = 0; u < es->n; u++) {
        EnvUnit *x = &es->units[u];
        const SongUnit *su = &s->units[u];
        float below = 0, others = 0, deviation = 0;
        const float best = x->pid >= 0 ? es->best_flaw[es->music[x->pid]] : x->bar_flaw;
        for (int32_t i = x->pid >= 0 ? es->pid_first[x->pid] : 0;
             x->pid >= 0 && i < es->pid_first[x->pid + 1]; i++) {
            int32_t v = es->pid_units[i];
            if (v == u) continue;
            others++;
            below += es->units[v].bar_flaw < x->bar_flaw;
        }
        x->rank = others > 0 ? below / others : 0;
        const float *row = s->features + (size_t)u * SONG_FEATURES + FEATURE_DEVIATION;
        for (int i = 0; i < 4; i++) deviation += row[i] > 0 ? row[i] / 16 : 0;
        float take_flaw = su->take >= 0 ? s->takes[su->take].flaw : 0;
        float regret = (x->bar_flaw - best - 0.08f) / 0.2f;
        regret = regret < 0 ? 0 : regret > 1 ? 1 : regret;
        float worse = 0.6f * x->bar_flaw * x->bar_flaw + 3.5f * regret + 0.2f * deviation + 0.2f * take_flaw;
        x->content = su->music * (1 - worse) - 6 * (1 - su->music);
        float kept = x->kind == UNIT_TAIL ? 0 : x->content;
        es->content_sum[u + 1] = es->content_sum[u] + (double)kept * (double)span_samples(es, u, u + 1);
    }
}

float mean_content(const EnvSong *es, int32_t a, int32_t b) {
    float mean = (float)((es->content_sum[b] - es->content_sum[a]) / (double)span_samples(es, a, b));
    return mean < -2 ? -2 : mean;
}

float form_left(const EnvSong *es, int32_t u) {
    const EnvUnit *x = &es->units[u];
    if (x->pid < 0) return 0;
    const EnvTune *t = &es->tunes[x->tune];
    return (float)((t->pid0 + t->n_pid - x->pid) * t->beat_samples);
}

/* Level of each unit over its bar against the tune's mean, and the tune's own arc over its form. */
static void make_levels(EnvSong *es) {
    const Song *s = es->song;
    for (int32_t t = 0; t < s->n_tunes; t++) {
        double sum = 0, n = 0, arc[ARC] = {0}, arc_n[ARC] = {0};
        for (int32_t u = 0; u < es->n; u++)
            if (es->units[u].tune == t && es->units[u].in_take) sum += s->units[u].loudness_db, n++;
        double mean = n > 0 ? sum / n : -20;
        for (int32_t u = 0; u < es->n; u++) {
            EnvUnit *x = &es->units[u];
            if (x->tune != t || !x->starts[SPAN_BAR]) continue;
            double level = 0;
            for (int32_t v = u; v < x->end[SPAN_BAR]; v++) level += s->units[v].loudness_db - mean;
            level /= x->end[SPAN_BAR] - u;
            for (int32_t v = u; v < x->end[SPAN_BAR]; v++) es->units[v].level = (float)level;
        }
        for (int32_t u = 0; u < es->n; u++) {
            const EnvUnit *x = &es->units[u];
            if (x->tune != t || x->pid < 0) continue;
            int32_t i = (x->pid - es->tunes[t].pid0) * ARC / es->tunes[t].n_pid;
            arc[i] += x->level;
            arc_n[i]++;
        }
        for (int i = 0; i < ARC; i++) es->tunes[t].arc[i] = arc_n[i] > 0 ? (float)(arc[i] / arc_n[i]) : 0;
    }
    for (int32_t u = 0; u < es->n; u++)
        if (es->units[u].tune < 0) es->units[u].level = -20;
}

static float fallback_scale(double sum, double n, float otherwise) {
    return n > 0 && sum > 0 ? (float)(sum / n) : otherwise;
}

/* Context vectors: parts divided by their own mean squared difference, between takes where there are
 * other takes, else half of that between neighbours. */
static void make_context(EnvSong *es) {
    const Song *s = es->song;
    for (int32_t u = 0; u < es->n; u++) {
        const SongUnit *su = &s->units[u];
        float *x = es->context + (size_t)u * CONTEXT, norm = 0;
        for (int i = 0; i < SONG_CHROMA; i++) norm += su->chroma[i] * su->chroma[i];
        norm = norm > 1e-9f ? 1 / __builtin_sqrtf(norm) : 0;
        for (int i = 0; i < SONG_CHROMA; i++) x[i] = su->chroma[i] * norm;
        x[CONTEXT_LEVEL] = su->loudness_db;
        for (int i = 0; i < SONG_TIMBRE; i++) x[CONTEXT_TIMBRE + i] = su->timbre[i];
    }
    double near[3] = {0}, across[3] = {0}, n_near = 0, n_across = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int32_t i = 0; i + 1 < (pass ? es->pid_first[es->n_pids] : es->n); i++) {
            int32_t a = pass ? es->pid_units[i] : i, b = pass ? es->pid_units[i + 1] : i + 1;
            const EnvUnit *ua = &es->units[a], *ub = &es->units[b];
            if (pass ? ua->pid != ub->pid : !(ua->in_take && ub->in_take && ua->take == ub->take)) continue;
            const float *x = es->context + (size_t)a * CONTEXT, *y = es->context + (size_t)b * CONTEXT;
            double *sum = pass ? across : near;
            for (int k = 0; k < CONTEXT; k++)
                sum[k < CONTEXT_LEVEL    ? 0
                    : k < CONTEXT_TIMBRE ? 1
                                         : 2] += (double)((x[k] - y[k]) * (x[k] - y[k]));
            *(pass ? &n_across : &n_near) += 1;
        }
    static const float weight[3] = {0.5f, 0.15f, 0.35f}, least[3] = {1e-3f, 0.25f, 1e-3f};
    float gain[3];
    for (int k = 0; k < 3; k++) {
        float close = 0.5f * fallback_scale(near[k], n_near, 2 * least[k]);
        float v = n_across >= 16 ? fallback_scale(across[k], n_across, close) : close;
        if (v > 2 * close) v = 2 * close;
        if (v < 0.2f * close) v = 0.2f * close;
        if (v < least[k]) v = least[k];
        gain[k] = __builtin_sqrtf(weight[k] / v);
    }
    for (int32_t u = 0; u < es->n; u++) {
        float *x = es->context + (size_t)u * CONTEXT;
        for (int k = 0; k < CONTEXT; k++) x[k] *= gain[k < CONTEXT_LEVEL ? 0 : k < CONTEXT_TIMBRE ? 1 : 2];
    }
}

/* Takes of one tune in another key: their mean chroma fits clearly better after a rotation. */
static void make_keys(EnvSong *es) {
    const Song *s = es->song;
    float mean[SONG_MAX_TAKES][SONG_CHROMA];
    memset(mean, 0, sizeof mean);
    for (int32_t u = 0; u < es->n; u++)
        if (es->units[u].in_take && es->units[u].take < SONG_MAX_TAKES)
            for (int i = 0; i < SONG_CHROMA; i++) mean[es->units[u].take][i] += s->units[u].chroma[i];
    for (int32_t a = 0; a < es->n_takes; a++)
        for (int32_t b = 0; b < es->n_takes; b++) {
            float xx = 1e-9f, yy = 1e-9f, best = 0, here = 0;
            int best_turn = 0;
            for (int i = 0; i < SONG_CHROMA; i++)
                xx += mean[a][i] * mean[a][i], yy += mean[b][i] * mean[b][i];
            for (int turn = 0; turn < SONG_CHROMA; turn++) {
                float dot = 0;
                for (int i = 0; i < SONG_CHROMA; i++) dot += mean[a][i] * mean[b][(i + turn) % SONG_CHROMA];
                dot /= __builtin_sqrtf(xx) * __builtin_sqrtf(yy);
                if (turn == 0) here = dot;
                if (dot > best) best = dot, best_turn = turn;
            }
            es->other_key[a * es->n_takes + b] = best_turn != 0 && best - here > 0.1f;
        }
}

static void *take_part(char *base, size_t *at, size_t bytes) {
    void *p = base ? base + *at : NULL;
    *at += (bytes + 63) & ~(size_t)63;
    return p;
}

/* Gives every table its place; with base NULL only counts. */
static size_t lay_out(EnvSong *es, char *base) {
    const Song *s = es->song;
    size_t n = (size_t)es->n;
    size_t at = 0;
    es->units = take_part(base, &at, n * sizeof *es->units);
    es->start = take_part(base, &at, (n + 1) * sizeof *es->start);
    es->flaw_sum = take_part(base, &at, (n + 1) * sizeof *es->flaw_sum);
    es->content_sum = take_part(base, &at, (n + 1) * sizeof *es->content_sum);
    es->context = take_part(base, &at, n * CONTEXT * sizeof *es->context);
    es->landings = take_part(base, &at, (n + 1) * LANDING * sizeof *es->landings);
    es->pid_first = take_part(base, &at, (n + 1) * sizeof *es->pid_first);
    es->pid_units = take_part(base, &at, (n + 1) * sizeof *es->pid_units);
    es->music = take_part(base, &at, (n + 1) * sizeof *es->music);
    es->best_flaw = take_part(base, &at, (n + 1) * sizeof *es->best_flaw);
    es->tunes = take_part(base, &at, (size_t)s->n_tunes * sizeof *es->tunes);
    es->sections = take_part(base, &at, (n + 1) * sizeof *es->sections);
    es->other_key = take_part(base, &at, (size_t)s->n_takes * (size_t)s->n_takes + 1);
    es->menus = take_part(base, &at, (n + 1) * sizeof *es->menus);
    return at;
}

static atomic_uint_fast64_t next_serial = 1;

Status env_song_new(EnvSong **out, const Song *song) {
    Status st = BS_OK;
    EnvSong *es = NULL;
    *out = NULL;
    if (song->n_units > ENV_MAX_UNITS)
        return fail(BS_TOO_BIG, "%d units; an episode holds at most %d: split the recording", song->n_units,
                    ENV_MAX_UNITS);
    if (song->n_units < 1 || song->n_tunes < 1) return fail(BS_INVALID, "no music found: nothing to edit");
    for (int32_t t = 0; t < song->n_tunes; t++)
        if (song->tunes[t].meter < 1 || song->tunes[t].meter > MAX_METER)
            return fail(BS_UNSUPPORTED, "tune %d has %d beats in a bar; 1 to %d are supported", t,
                        song->tunes[t].meter, MAX_METER);
    if (song->n_takes > SONG_MAX_TAKES) return fail(BS_TOO_BIG, "%d takes", song->n_takes);
    es = calloc(1, sizeof *es);
    if (!es) return fail(BS_NOMEM, "environment: out of memory");
    es->song = song;
    es->serial = atomic_fetch_add(&next_serial, 1);
    es->n = song->n_units;
    es->n_takes = song->n_takes;
    size_t bytes = lay_out(es, NULL);
    if (posix_memalign(&es->block, 64, bytes)) {
        es->block = NULL;
        st = fail(BS_NOMEM, "environment: out of memory");
        goto out;
    }
    memset(es->block, 0, bytes);
    lay_out(es, es->block);
    make_units(es);
    make_spans(es);
    make_limits(es);
    make_handles(es);
    TRY(make_form(es));
    make_tunes(es);
    make_music(es);
    make_sections(es);
    make_bar_flaws(es);
    make_content(es);
    make_levels(es);
    make_context(es);
    make_keys(es);
    menus_make(es);
    *out = es;
    es = NULL;
out:
    env_song_free(es);
    return st;
}

void env_song_free(EnvSong *es) {
    if (!es) return;
    free(es->block);
    free(es);
}

const Song *env_song_song(const EnvSong *es) { return es->song; }
uint64_t env_song_serial(const EnvSong *es) { return es->serial; }
