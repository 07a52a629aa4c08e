/* Exact: a rolling hash finds, comparing decides.
 *
 * h(x[i..i+W)) = sum x[i+k] B^(W-1-k) mod 2^64, so h moves on by one sample with two multiplications. The
 * recording is known every W samples; any agreement of 2 W - 1 samples holds one whole block of it. */
#include "featurizer/align/exact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 512, MAX_CANDIDATES = 256, MIN_CHANGES = WINDOW / 8 };
static const uint64_t base = 0x9e3779b97f4a7c15u;

typedef struct Match {
    int64_t raw, edit, n;
} Match;

typedef struct Index {
    const int16_t *raw;
    int64_t n_raw;
    uint64_t mask;
    int32_t *first, *next; /* chains of blocks by hash; -1 ends one */
} Index;

void align_fold(const float *frames, int64_t n, int32_t n_channels, int16_t *out) {
    for (int64_t t = 0; t < n; t++) {
        uint32_t folded = 0;
        for (int32_t c = 0; c < n_channels; c++) {
            float v = frames[t * n_channels + c] * 32768.0F;
            v = v > 32767 ? 32767 : v < -32768 ? -32768 : v;
            folded = folded * 40503u + (uint32_t)(int32_t)lrintf(v);
        }
        out[t] = (int16_t)(uint16_t)(n_channels == 1 ? folded : folded ^ folded >> 16);
    }
}

static uint64_t hash_window(const int16_t *x) {
    uint64_t h = 0;
    for (int k = 0; k < WINDOW; k++) h = h * base + (uint16_t)x[k];
    return h;
}

/* Silence and hum-free pauses are found everywhere: they name no place. */
static bool says_something(const int16_t *x) {
    int n = 0;
    for (int k = 1; k < WINDOW; k++) n += x[k] != x[k - 1];
    return n >= MIN_CHANGES;
}

static Status index_make(Index *index, const int16_t *raw, int64_t n_raw) {
    int64_t n_blocks = n_raw / WINDOW;
    uint64_t n_chains = 1024;
    while (n_chains < 2 * (uint64_t)n_blocks) n_chains *= 2;
    *index = (Index){.raw = raw, .n_raw = n_raw, .mask = n_chains - 1};
    index->first = malloc(n_chains * sizeof *index->first);
    index->next = malloc((size_t)(n_blocks + 1) * sizeof *index->next);
    if (!index->first || !index->next)
        return fail(BS_NOMEM, "align: no memory for %lld blocks", (long long)n_blocks);
    for (uint64_t i = 0; i < n_chains; i++) index->first[i] = -1;
    for (int64_t b = n_blocks - 1; b >= 0; b--) { /* chains run from the recording's start */
        if (!says_something(raw + b * WINDOW)) continue;
        uint64_t h = hash_window(raw + b * WINDOW);
        int32_t *chain = &index->first[(h ^ h >> 32) & index->mask];
        index->next[b] = *chain;
        *chain = (int32_t)b;
    }
    return BS_OK;
}

static void index_drop(Index *index) {
    free(index->first);
    free(index->next);
}

/* The longest agreement that holds raw[r..r+W) = edit[e..e+W) and starts at or after edit `from`; n = 0 when
 * the samples differ after all. */
static Match extend(const Index *index, const int16_t *edit, int64_t n_edit, int64_t from, int64_t r,
                    int64_t e) {
    Match m = {r, e, 0};
    if (r < 0 || r + WINDOW > index->n_raw || memcmp(index->raw + r, edit + e, WINDOW * sizeof *edit) != 0)
        return m;
    int64_t end = e + WINDOW;
    while (end < n_edit && r + (end - e) < index->n_raw && edit[end] == index->raw[r + (end - e)]) end++;
    while (m.edit > from && m.raw > 0 && edit[m.edit - 1] == index->raw[m.raw - 1]) m.edit--, m.raw--;
    m.n = end - m.edit;
    return m;
}

/* The best place for the window at e: the longest; the one that goes on where the last match left wins ties.
 */
static Match find(const Index *index, const int16_t *edit, int64_t n_edit, const Match *last, int64_t e,
                  uint64_t h) {
    Match best = {0};
    int64_t from = last ? last->edit + last->n : 0;
    if (last) best = extend(index, edit, n_edit, from, last->raw + (e - last->edit), e);
    int n = 0;
    for (int32_t b = index->first[(h ^ h >> 32) & index->mask]; b >= 0 && n < MAX_CANDIDATES;
         b = index->next[b], n++) {
        Match m = extend(index, edit, n_edit, from, (int64_t)b * WINDOW, e);
        if (m.n > best.n) best = m;
    }
    return best;
}

static Status push(Match **list, int32_t *n, int32_t *capacity, Match m) {
    if (*n == *capacity) {
        int32_t more = *capacity ? 2 * *capacity : 64;
        if (more > EDIT_MAX_SEGMENTS)
            return fail(BS_TOO_BIG, "align: more than %d pieces", EDIT_MAX_SEGMENTS / 2);
        Match *grown = realloc(*list, (size_t)more * sizeof **list);
        if (!grown) return fail(BS_NOMEM, "align: no memory for %d pieces", more);
        *list = grown;
        *capacity = more;
    }
    (*list)[(*n)++] = m;
    return BS_OK;
}

static Status find_all(const Index *index, const int16_t *edit, int64_t n_edit, Match **list, int32_t *n) {
    Status st = BS_OK;
    int32_t capacity = 0;
    uint64_t h = 0, top = 1;
    for (int k = 1; k < WINDOW; k++) top *= base;
    bool fresh = true; /* h has to be made anew */
    int n_changes = 0;
    for (int64_t e = 0; e + WINDOW <= n_edit;) {
        if (fresh) {
            h = hash_window(edit + e);
            n_changes = 0;
            for (int k = 1; k < WINDOW; k++) n_changes += edit[e + k] != edit[e + k - 1];
            fresh = false;
        }
        Match m = {0};
        if (n_changes >= MIN_CHANGES) m = find(index, edit, n_edit, *n ? &(*list)[*n - 1] : NULL, e, h);
        if (m.n > 0) {
            TRY(push(list, n, &capacity, m));
            e = m.edit + m.n;
            fresh = true;
            continue;
        }
        if (e + WINDOW < n_edit) {
            h = (h - (uint16_t)edit[e] * top) * base + (uint16_t)edit[e + WINDOW];
            n_changes += (edit[e + WINDOW] != edit[e + WINDOW - 1]) - (edit[e + 1] != edit[e]);
        }
        e++;
    }
out:
    return st;
}

/* ---- matches to segments */

static Status check_gaps(const Match *m, int32_t n, int64_t n_edit, double rate, AlignReport *report) {
    int64_t at = 0, matched = 0;
    Status st = n ? BS_OK
                  : fail(BS_UNSUPPORTED, "no part of the edit agrees with the recording sample for sample; "
                                         "was it encoded with loss, or changed in level?");
    for (int32_t i = 0; i <= n; i++) {
        int64_t to = i < n ? m[i].edit : n_edit, gap = to - at;
        double limit_s = i == 0 ? 2 : i == n ? 8 : 0.5;
        if (gap > report->unmatched_end - report->unmatched_start) {
            report->unmatched_start = at;
            report->unmatched_end = to;
        }
        if (st == BS_OK && (double)gap > limit_s * rate)
            st = fail(BS_UNSUPPORTED, "from %.2f s to %.2f s it agrees with no part of the recording",
                      (double)at / rate, (double)to / rate);
        if (i < n) {
            matched += m[i].n;
            at = m[i].edit + m[i].n;
        }
    }
    report->matched = n_edit ? (double)matched / (double)n_edit : 0;
    return st;
}

Status align_exact(const int16_t *raw, int64_t n_raw, const int16_t *edit, int64_t n_edit,
                   int32_t sample_rate_hz, Edit *out, AlignReport *report) {
    Status st = BS_OK;
    Index index = {0};
    Match *m = NULL;
    int32_t n = 0;
    const double rate = sample_rate_hz;
    *report = (AlignReport){0};
    edit_init(out);
    out->sample_rate_hz = sample_rate_hz;
    if (n_raw / WINDOW > INT32_MAX)
        return fail(BS_TOO_BIG, "align: %lld samples are too many", (long long)n_raw);
    TRY(index_make(&index, raw, n_raw));
    TRY(find_all(&index, edit, n_edit, &m, &n));
    TRY(check_gaps(m, n, n_edit, rate, report));
    Fade fade = FADE_SHORT;
    for (int32_t i = 0; i < n; i++) {
        int64_t start = m[i].raw, end = m[i].raw + m[i].n;
        if (i > 0) { /* the second half of the seam before, then the first half of the one behind */
            int64_t gap = m[i].edit - (m[i - 1].edit + m[i - 1].n);
            start -= gap - gap / 2;
        }
        if (i + 1 < n) end += (m[i + 1].edit - (m[i].edit + m[i].n)) / 2;
        start = start < 0 ? 0 : start;
        end = end > n_raw ? n_raw : end;
        TRY(edit_append(out, start, end, fade));
        if (i + 1 < n)
            fade = (double)(m[i + 1].edit - (m[i].edit + m[i].n)) > 0.06 * rate ? FADE_HALF_BEAT : FADE_SHORT;
    }
    report->n_seams = out->n_segments - 1;
out:
    if (st != BS_OK) edit_drop(out);
    index_drop(&index);
    free(m);
    return st;
}
