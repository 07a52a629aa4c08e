/* Flaws from comparison.
 *
 * A unit's references are the units of other takes in its place; where there are fewer than three, repeats of
 * the same music in other places join them. The unit's distance from the references' median, in four
 * respects, is put on one scale: robust deviations of the song (distance less the median distance, over 1.48
 * MAD). A flaw is likely where one respect stands out or several agree; a wrong note is short, so a unit
 * lends a third of its suspicion to its neighbours. */
#include "featurizer/dsp/flaw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "featurizer/dsp/chroma.h"

enum { REFERENCES = 24, RESPECTS = 4 };

typedef struct Index {
    int32_t *first, *list; /* units by place: list[first[p] .. first[p + 1]) */
    int32_t n;
} Index;

static Status index_by(Index *x, const Heard *units, int32_t n, int32_t n_places, bool by_music, Arena *mem) {
    x->n = n_places;
    x->first = arena_alloc(mem, sizeof(int32_t) * ((size_t)n_places + 2));
    x->list = arena_alloc(mem, sizeof(int32_t) * (size_t)(n + 1));
    if (!x->first || !x->list) return fail(BS_NOMEM, "flaws: out of memory");
    for (int32_t u = 0; u < n; u++) {
        int32_t p = by_music ? units[u].music_place : units[u].place;
        if (p >= 0) x->first[p + 2]++;
    }
    for (int32_t p = 0; p <= n_places; p++) x->first[p + 1] += x->first[p];
    for (int32_t u = 0; u < n; u++) {
        int32_t p = by_music ? units[u].music_place : units[u].place;
        if (p >= 0) x->list[x->first[p + 1]++] = u;
    }
    return BS_OK;
}

static int32_t references_of(const Heard *units, int32_t u, const Index *same, const Index *repeats,
                             int32_t *out) {
    int32_t n = 0, p = units[u].place, q = units[u].music_place;
    if (p < 0) return 0;
    for (int32_t i = same->first[p]; i < same->first[p + 1] && n < REFERENCES; i++)
        if (units[same->list[i]].take != units[u].take) out[n++] = same->list[i];
    if (n >= 3 || q < 0) return n;
    for (int32_t i = repeats->first[q]; i < repeats->first[q + 1] && n < REFERENCES; i++)
        if (units[repeats->list[i]].place != p) out[n++] = repeats->list[i];
    return n;
}

static void distances_of(const Heard *units, const Heard *u, const int32_t *refs, int32_t n,
                         float *distance) {
    float v[REFERENCES], chroma[CHROMA], apart = 0;
    for (int32_t c = 0; c < CHROMA; c++) {
        for (int32_t i = 0; i < n; i++) v[i] = units[refs[i]].m.chroma[c];
        chroma[c] = median_of(v, n);
    }
    distance[0] = 1 - chroma_likeness(u->m.chroma, chroma);
    for (int32_t g = 0; g < ONSET_BANDS; g++) {
        for (int32_t i = 0; i < n; i++) v[i] = units[refs[i]].m.hit[g];
        float hit = median_of(v, n);
        for (int32_t i = 0; i < n; i++) v[i] = units[refs[i]].m.onset[g];
        apart += fabsf(u->m.hit[g] - hit) + 4 * fabsf(u->m.onset[g] - median_of(v, n));
    }
    distance[1] = apart;
    for (int32_t i = 0; i < n; i++) v[i] = units[refs[i]].level_db;
    distance[2] = fabsf(u->level_db - median_of(v, n));
    for (int32_t i = 0; i < n; i++) v[i] = units[refs[i]].timing;
    float off = fabsf(u->timing - median_of(v, n));
    for (int32_t i = 0; i < n; i++) v[i] = units[refs[i]].rush;
    distance[3] = off + fmaxf(0, u->rush - median_of(v, n));
}

static void robust_scale(Heard *units, int32_t n, const uint8_t *known, Arena *mem) {
    float *v = arena_alloc(mem, sizeof(float) * (size_t)(n + 1));
    static const float least[RESPECTS] = {0.03F, 0.15F, 0.5F, 0.01F}; /* nothing finer is a difference */
    for (int32_t r = 0; r < RESPECTS && v; r++) {
        int32_t m = 0;
        for (int32_t u = 0; u < n; u++)
            if (known[u]) v[m++] = units[u].deviation[r];
        float middle = median_of(v, m);
        for (int32_t i = 0; i < m; i++) v[i] = fabsf(v[i] - middle);
        float spread = 1.4826F * median_of(v, m);
        if (spread < least[r]) spread = least[r];
        for (int32_t u = 0; u < n; u++) {
            float z = known[u] ? (units[u].deviation[r] - middle) / spread : 0;
            units[u].deviation[r] = z > 8 ? 8 : z < -8 ? -8 : z;
        }
    }
}

static float suspicion(const float *z) {
    static const float weight[RESPECTS] = {1, 0.8F, 0.8F, 0.8F};
    float most = 0, sum = 0;
    for (int32_t r = 0; r < RESPECTS; r++) {
        float v = z[r] > 0 ? weight[r] * z[r] : 0;
        if (v > most) most = v;
        sum += v;
    }
    return 0.6F * most + 0.3F * sum;
}

static void rank_places(Heard *units, const Index *same) {
    for (int32_t p = 0; p < same->n; p++)
        for (int32_t i = same->first[p]; i < same->first[p + 1]; i++) {
            Heard *u = &units[same->list[i]];
            int32_t others = 0, better = 0;
            for (int32_t j = same->first[p]; j < same->first[p + 1]; j++) {
                const Heard *v = &units[same->list[j]];
                if (v->take == u->take) continue;
                others++;
                better += v->flaw < u->flaw;
            }
            u->alternatives = others;
            u->rank = others ? (float)better / (float)others : 0.5F;
        }
}

Status flaws_find(Heard *units, int32_t n, int32_t n_places, Arena *mem) {
    Status st = BS_OK;
    Index same, repeats;
    uint8_t *known = arena_alloc(mem, (size_t)n + 1);
    float *raw = arena_alloc(mem, sizeof(float) * ((size_t)n + 2));
    if (!known || !raw) return fail(BS_NOMEM, "flaws: out of memory");
    TRY(index_by(&same, units, n, n_places, false, mem));
    TRY(index_by(&repeats, units, n, n_places, true, mem));
    for (int32_t u = 0; u < n; u++) {
        int32_t refs[REFERENCES], m = references_of(units, u, &same, &repeats, refs);
        units[u].rank = 0.5F;
        known[u] = m > 0;
        if (m) distances_of(units, &units[u], refs, m, units[u].deviation);
    }
    robust_scale(units, n, known, mem);
    for (int32_t u = 0; u < n; u++) raw[u] = known[u] ? suspicion(units[u].deviation) : 0;
    for (int32_t u = 0; u < n; u++) {
        if (units[u].take < 0) continue;
        float near = 0;
        if (u && units[u - 1].take == units[u].take) near = raw[u - 1];
        if (u + 1 < n && units[u + 1].take == units[u].take && raw[u + 1] > near) near = raw[u + 1];
        float s = raw[u] > near ? raw[u] : raw[u] + (near - raw[u]) / 3;
        units[u].flaw = known[u] ? 1 / (1 + expf(-(s - 3.0F))) : 0.1F;
    }
    rank_places(units, &same);
out:
    return st;
}
