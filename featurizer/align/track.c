/* Scoring a window at a place: see correlate.h. What a score is worth against being nowhere: the
 * log-likelihood ratio of a correlation c over DEGREES independent samples, -DEGREES/2 log(1 - c^2); few
 * degrees, for music is alike where it is not the same. */
#include "featurizer/align/track.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "featurizer/align/correlate.h"
#include "featurizer/align/landmark.h"
#include "featurizer/align/pcm.h"

enum {
    LAGS = 384,  /* of places that landmarks propose */
    ON_LINE = 4, /* of a place that goes on from another: a tone is as alike a period off */
    HALF = TRACK_WINDOW / 2,
    WIDE = 3 * COARSE_HZ,
    PIECE = TRACK_WINDOW + 2 * LAGS,
    MAX_WEAK = 2
};
static const float wholly = 0.9F;
static const double degrees = 40, jump_cost = 6, into_nowhere = 3, same_place = 3.5;
static const float heard = 0.2F, nowhere_score = 0.22F, matched = 0.3F;
static const float rival_votes = 0.5F, rival_score = 0.85F; /* of the best */
static const float line_kept = 0.95F, crowded = 0.4F;
static const double fastest = 0.0062, speed_step = 0.0005;

/* What one search holds. */
typedef struct Search {
    Track *track;
    const float *raw, *edit;
    int64_t n_raw, n_edit;
    Correlator *correlator;
    LandmarkIndex *index;
    float *window, *piece;
    float *at_speed[TRACK_SPEEDS]; /* the edit at each speed; [0] is `edit` itself */
    int64_t n_at_speed[TRACK_SPEEDS];
    Landmark *marks[TRACK_SPEEDS]; /* of these */
    int64_t n_marks[TRACK_SPEEDS];
    double loudest;
} Search;

/* What is above `wholly` is as good: encoders and noise make the difference, and a path must not jump from
 * one equal place to the next for it. Whole pieces are told apart at full rate (places.h). */
static double worth(float score) {
    const double c = score > wholly ? wholly : score;
    return -0.5 * degrees * log(1 - c * c);
}

static void copy_piece(const float *x, int64_t n, int64_t at, int32_t length, float *out) {
    for (int32_t i = 0; i < length; i++) out[i] = at + i >= 0 && at + i < n ? x[at + i] : 0;
}

/* The edit's window k at a speed: its middle in samples of that signal. */
static int64_t middle(const Search *s, int32_t k, int32_t speed) {
    return llround((double)k * TRACK_HOP * s->track->speed[speed]);
}

static void hear_window(Search *s, int32_t k, int32_t speed) {
    copy_piece(s->at_speed[speed], s->n_at_speed[speed], middle(s, k, speed) - HALF, TRACK_WINDOW, s->window);
    correlator_hear(s->correlator, s->window);
}

/* The heard window near `place` of the recording (its middle). */
static Likeness compare(Search *s, double place, int sign, int32_t reach) {
    copy_piece(s->raw, s->n_raw, llround(place) - HALF - LAGS, PIECE, s->piece);
    Likeness l = correlator_find(s->correlator, s->piece, sign, reach);
    l.lag += (double)llround(place);
    return l;
}

static bool near(double a, double b) { return fabs(a - b) <= same_place; }

/* Scores a place for window k, which goes on from cell `from` (NULL: from none), unless it is there already.
 * Music of identical bars has more places than there is room for: those on the longest lines stay.
 * `heard_as` is the speed whose window the correlator holds now. */
static void add_cell(Search *s, int32_t k, int32_t speed, double place, const Cell *from, int *heard_as) {
    Track *t = s->track;
    Cell *cells = t->cells[k];
    const float before = from ? line_kept * from->line : 0;
    const uint8_t weak = from ? from->weak : 0;
    for (int32_t i = 0; i < t->n_cells[k]; i++)
        if (cells[i].speed == speed && fabs(cells[i].raw - place) <= (from ? same_place : 8)) {
            const float line = (float)worth(cells[i].score) + before;
            if (line > cells[i].line) cells[i].line = line;
            return;
        }
    if (place < -HALF || place > (double)s->n_raw + HALF) return;
    if (*heard_as != speed) hear_window(s, k, speed);
    *heard_as = speed;
    Likeness l = compare(s, place, t->sign, from ? ON_LINE : LAGS);
    Cell c = {.raw = l.lag, .score = l.score, .sign = l.signed_score < 0 ? -1 : 1, .speed = (uint8_t)speed};
    if (t->quiet[k]) c.raw = place, c.score = 0; /* nothing to hear: it coasts */
    c.weak = c.score >= heard || t->quiet[k] ? 0 : (uint8_t)(weak + 1);
    c.raw += (double)k * TRACK_HOP * t->speed[speed] - (double)middle(s, k, speed);
    c.line = (float)worth(c.score) + before;
    for (int32_t i = 0; i < t->n_cells[k]; i++)
        if (cells[i].speed == speed && near(cells[i].raw, c.raw)) return;
    int32_t at = t->n_cells[k];
    if (at == TRACK_CELLS) {
        at = 0;
        for (int32_t i = 1; i < TRACK_CELLS; i++)
            if (cells[i].line < cells[at].line) at = i;
        if (cells[at].line >= c.line) return;
    } else {
        t->n_cells[k]++;
    }
    cells[at] = c;
}

/* Landmarks [from, to) of a signal, as its time goes on. */
typedef struct MarkRange {
    int64_t from, to;
} MarkRange;

static void move_range(MarkRange *r, const Landmark *marks, int64_t n, int64_t first, int64_t last) {
    while (r->from < n && marks[r->from].at < first / LANDMARK_STEP) r->from++;
    while (r->to < n && marks[r->to].at < last / LANDMARK_STEP) r->to++;
}

/* Scores for window k what `marks` agree on; *many: more agree as well than there is room for. */
static void add_votes(Search *s, LandmarkQuery *query, const Landmark *marks, MarkRange r, int32_t k,
                      int32_t speed, int *heard_as, bool *many) {
    int64_t offsets[LANDMARK_CANDIDATES];
    float votes[LANDMARK_CANDIDATES];
    const int64_t at = middle(s, k, speed);
    const int32_t n = landmark_vote(query, marks + r.from, r.to - r.from, offsets, votes);
    *many = n == LANDMARK_CANDIDATES && votes[n - 1] > crowded * votes[0];
    for (int32_t i = 0; i < n; i++)
        if (votes[i] > 0.1F * votes[0]) add_cell(s, k, speed, (double)(at + offsets[i]), NULL, heard_as);
}

/* Candidates that landmarks of the half second around each window agree on; where there are as many as may
 * be and all are as good, those of the seconds before it and behind it too: a piece may end here. */
static Status propose(Search *s, int32_t speed) {
    Status st = BS_OK;
    MarkRange narrow = {0}, before = {0}, behind = {0};
    LandmarkQuery *query = NULL;
    TRY(landmarks_of(s->at_speed[speed], s->n_at_speed[speed], &s->marks[speed], &s->n_marks[speed]));
    TRY(landmark_query_new(&query, s->index, s->n_at_speed[speed]));
    const Landmark *marks = s->marks[speed];
    const int64_t n = s->n_marks[speed];
    for (int32_t k = 0; k < s->track->n_windows; k++) {
        const int64_t at = middle(s, k, speed);
        bool many = false;
        int heard_as = -1;
        move_range(&narrow, marks, n, at - HALF - 600, at + HALF);
        move_range(&before, marks, n, at - WIDE, at + HALF);
        move_range(&behind, marks, n, at - HALF - 600, at + WIDE);
        if (s->track->quiet[k]) continue;
        add_votes(s, query, marks, narrow, k, speed, &heard_as, &many);
        if (!many) continue;
        add_votes(s, query, marks, before, k, speed, &heard_as, &many);
        add_votes(s, query, marks, behind, k, speed, &heard_as, &many);
    }
out:
    landmark_query_free(query);
    return st;
}

/* Places of one window are tried in the next, and the one before, for as long as they are heard. */
static void spread(Search *s) {
    Track *t = s->track;
    for (int pass = 0; pass < 2; pass++) {
        const int step = pass ? -1 : 1;
        for (int32_t i = 1; i < t->n_windows; i++) {
            const int32_t k = pass ? t->n_windows - 1 - i : i, before = k - step;
            int heard_as = -1;
            for (int32_t c = 0; c < t->n_cells[before]; c++) {
                const Cell *x = &t->cells[before][c];
                if (x->weak > MAX_WEAK || (x->score < heard && !t->quiet[before] && !x->weak)) continue;
                double place = x->raw + step * TRACK_HOP * t->speed[x->speed];
                add_cell(s, k, x->speed, place, x, &heard_as);
            }
        }
    }
}

/* ---- polarity ---------------------------------------------------------------------------------- */

static const Cell *best_cell(const Track *t, int32_t k) {
    const Cell *best = NULL;
    for (int32_t i = 0; i < t->n_cells[k]; i++)
        if (!best || t->cells[k][i].score > best->score) best = &t->cells[k][i];
    return best;
}

/* What most windows say holds for all; tones may have fooled some. */
static void settle_sign(Search *s) {
    Track *t = s->track;
    double sum = 0;
    for (int32_t k = 0; k < t->n_windows; k++) {
        const Cell *c = best_cell(t, k);
        if (c) sum += c->sign * worth(c->score);
    }
    t->sign = sum < 0 ? -1 : 1;
    for (int32_t k = 0; k < t->n_windows; k++) {
        int heard_as = -1;
        for (int32_t i = 0; i < t->n_cells[k]; i++) {
            Cell *c = &t->cells[k][i];
            if (c->sign == t->sign || t->quiet[k]) continue;
            if (heard_as != c->speed) hear_window(s, k, c->speed);
            heard_as = c->speed;
            Likeness l = compare(s, c->raw, t->sign, LAGS);
            c->raw = l.lag + (double)k * TRACK_HOP * t->speed[c->speed] - (double)middle(s, k, c->speed);
            c->score = l.score;
            c->sign = (int8_t)t->sign;
        }
    }
}

/* ---- speed ------------------------------------------------------------------------------------- */

/* x at speed, linear between samples: for windows whose highs do not matter. */
static void stretch_window(const float *x, int64_t n, double mid, double speed, float *out) {
    for (int32_t i = 0; i < TRACK_WINDOW; i++) {
        double at = mid + (i - HALF) / speed;
        int64_t k = (int64_t)floor(at);
        float part = (float)(at - (double)k);
        out[i] = k >= 0 && k + 1 < n ? x[k] + part * (x[k + 1] - x[k]) : 0;
    }
}

/* The best score of window k's candidates at each speed of the grid. */
static void try_speeds(Search *s, int32_t k, int32_t n_grid, float *scores) {
    const Track *t = s->track;
    for (int32_t g = 0; g < n_grid; g++) {
        double speed = 1 + (g - n_grid / 2) * speed_step;
        stretch_window(s->edit, s->n_edit, (double)k * TRACK_HOP, speed, s->window);
        correlator_hear(s->correlator, s->window);
        scores[g] = 0;
        for (int32_t i = 0; i < t->n_cells[k] && i < 6; i++) {
            Likeness l = compare(s, t->cells[k][i].raw, 0, LAGS);
            if (l.score > scores[g]) scores[g] = l.score;
        }
    }
}

static bool is_lost(const Track *t, int32_t k) {
    const Cell *c = best_cell(t, k);
    return !t->quiet[k] && (!c || c->score < matched);
}

/* A speed at which windows that have no place get one; 0 when there is none. */
static double find_speed(Search *s) {
    enum { MAX_GRID = 32, TRIED = 32 };
    const Track *t = s->track;
    const int32_t n_grid = 2 * (int32_t)(fastest / speed_step) + 1;
    double sum[MAX_GRID] = {0};
    float scores[MAX_GRID];
    int32_t n_lost = 0, n = 0, best = 0;
    for (int32_t k = 0; k < t->n_windows; k++) n_lost += is_lost(t, k);
    if (n_lost < 8) return 0;
    const int32_t stride = n_lost / TRIED + 1;
    for (int32_t k = 0, i = 0; k < t->n_windows; k++) {
        if (!is_lost(t, k) || i++ % stride) continue;
        try_speeds(s, k, n_grid, scores);
        for (int32_t g = 0; g < n_grid; g++) sum[g] += worth(scores[g]);
        n++;
    }
    for (int32_t g = 1; g < n_grid; g++)
        if (sum[g] > sum[best]) best = g;
    double around = 0;
    for (int32_t g = 0; g < n_grid; g++) around += abs(g - best) > 1 ? sum[g] : 0;
    around /= n_grid;
    if (sum[best] < 2 * around + 0.15 * n * worth(matched)) return 0;
    double a = best > 0 ? sum[best - 1] : 0, b = best + 1 < n_grid ? sum[best + 1] : 0;
    double bend = a - 2 * sum[best] + b, shift = bend < 0 ? 0.5 * (a - b) / bend : 0;
    return 1 + (best + shift - n_grid / 2) * speed_step;
}

/* The edit so that its samples are the recording's at this speed. */
static Status add_speed(Search *s, double speed) {
    Track *t = s->track;
    const int32_t i = t->n_speeds;
    const int64_t n = (int64_t)((double)s->n_edit * speed);
    float *x = malloc(sizeof *x * (size_t)(n + 1));
    if (!x) return fail(BS_NOMEM, "align: no memory for %lld samples", (long long)n);
    for (int64_t k = 0; k < n; k++) { /* cubic (Catmull-Rom) */
        double at = (double)k / speed;
        int64_t j = (int64_t)at;
        float p = (float)(at - (double)j), y[4];
        for (int m = 0; m < 4; m++) {
            int64_t q = j - 1 + m;
            y[m] = s->edit[q < 0 ? 0 : q >= s->n_edit ? s->n_edit - 1 : q];
        }
        x[k] =
            y[1] + 0.5F * p *
                       (y[2] - y[0] +
                        p * (2 * y[0] - 5 * y[1] + 4 * y[2] - y[3] + p * (3 * (y[1] - y[2]) + y[3] - y[0])));
    }
    s->at_speed[i] = x;
    s->n_at_speed[i] = n;
    t->speed[i] = speed;
    t->n_speeds++;
    return BS_OK;
}

/* ---- the path ---------------------------------------------------------------------------------- */

bool track_goes_on(const Track *t, const Cell *a, const Cell *b) {
    return a->speed == b->speed && near(b->raw - a->raw, TRACK_HOP * t->speed[a->speed]);
}

/* Viterbi. States of a window: its cells, then nowhere. */
static Status find_path(Track *t) {
    typedef struct Step {
        int8_t from[TRACK_CELLS + 1];
    } Step;
    enum { NOWHERE = TRACK_CELLS };
    Status st = BS_OK;
    double now[TRACK_CELLS + 1], next[TRACK_CELLS + 1];
    Step *steps = calloc((size_t)t->n_windows, sizeof *steps);
    if (!steps) return fail(BS_NOMEM, "align: no memory for %d windows", t->n_windows);
    for (int32_t k = 0; k < t->n_windows; k++) {
        int32_t best = NOWHERE; /* of the window before */
        const int32_t n_before = k ? t->n_cells[k - 1] : 0;
        for (int32_t i = 0; i < n_before; i++)
            if (now[i] > now[best]) best = i;
        for (int32_t j = 0; j < t->n_cells[k]; j++) {
            const Cell *c = &t->cells[k][j];
            double value = worth(c->score);
            int32_t from = NOWHERE;
            double top = k ? now[NOWHERE] - into_nowhere : 0;
            if (k && best != NOWHERE && now[best] - jump_cost > top) top = now[best] - jump_cost, from = best;
            for (int32_t i = 0; i < n_before; i++)
                if (now[i] > top && track_goes_on(t, &t->cells[k - 1][i], c)) top = now[i], from = i;
            next[j] = top + value;
            steps[k].from[j] = (int8_t)from;
        }
        next[NOWHERE] = k ? now[NOWHERE] : 0;
        steps[k].from[NOWHERE] = NOWHERE;
        if (k && best != NOWHERE && now[best] - into_nowhere > next[NOWHERE]) {
            next[NOWHERE] = now[best] - into_nowhere;
            steps[k].from[NOWHERE] = (int8_t)best;
        }
        if (!t->quiet[k]) next[NOWHERE] += worth(nowhere_score);
        memcpy(now, next, sizeof now);
    }
    int32_t state = NOWHERE;
    for (int32_t i = 0; t->n_windows && i < t->n_cells[t->n_windows - 1]; i++)
        if (now[i] > now[state]) state = i;
    for (int32_t k = t->n_windows - 1; k >= 0; k--) {
        t->path[k] = state == NOWHERE ? -1 : state;
        state = steps[k].from[state];
    }
    free(steps);
    return st;
}

/* ---- rivals ------------------------------------------------------------------------------------ */

static Status push_rival(Track *t, Rival rival) {
    Rival *more = realloc(t->rivals, sizeof *more * (size_t)(t->n_rivals + 1));
    if (!more) return fail(BS_NOMEM, "align: no memory for %d places", t->n_rivals + 1);
    t->rivals = more;
    more[t->n_rivals++] = rival;
    return BS_OK;
}

/* Of the path's windows first..last, which go on from each other. */
static Status add_rivals(Search *s, LandmarkQuery *query, int32_t first, int32_t last) {
    Status st = BS_OK;
    Track *t = s->track;
    int64_t offsets[LANDMARK_CANDIDATES];
    float votes[LANDMARK_CANDIDATES];
    int32_t clear = first; /* the window that is heard best */
    for (int32_t k = first; k <= last; k++)
        if (t->cells[k][t->path[k]].score > t->cells[clear][t->path[clear]].score) clear = k;
    const Cell *own = &t->cells[clear][t->path[clear]];
    const int32_t speed = own->speed;
    MarkRange r = {0};
    move_range(&r, s->marks[speed], s->n_marks[speed], middle(s, first, speed) - HALF - TRACK_HOP / 2,
               middle(s, last, speed) + HALF + TRACK_HOP / 2);
    const int32_t n = landmark_vote(query, s->marks[speed] + r.from, r.to - r.from, offsets, votes);
    hear_window(s, clear, speed);
    for (int32_t i = 0; i < n && votes[i] > rival_votes * votes[0]; i++) {
        const double place = (double)(middle(s, clear, speed) + offsets[i]);
        const Likeness l = compare(s, place, t->sign, 2 * LANDMARK_STEP);
        if (fabs(place - own->raw) > 2 * LANDMARK_STEP && l.score > rival_score * own->score)
            TRY(push_rival(t, (Rival){first, l.lag - own->raw}));
    }
out:
    return st;
}

static Status find_rivals(Search *s) {
    Status st = BS_OK;
    Track *t = s->track;
    LandmarkQuery *query = NULL;
    int64_t longest = 0;
    for (int32_t k = 0; k < t->n_speeds; k++)
        if (s->n_at_speed[k] > longest) longest = s->n_at_speed[k];
    TRY(landmark_query_new(&query, s->index, longest));
    for (int32_t first = 0, last; first < t->n_windows; first = last + 1) {
        last = first;
        if (t->path[first] < 0) continue;
        while (last + 1 < t->n_windows && t->path[last + 1] >= 0 &&
               track_goes_on(t, &t->cells[last][t->path[last]], &t->cells[last + 1][t->path[last + 1]]))
            last++;
        TRY(add_rivals(s, query, first, last));
    }
out:
    landmark_query_free(query);
    return st;
}

/* ---- all of it --------------------------------------------------------------------------------- */

static void find_quiet(Search *s) {
    Track *t = s->track;
    double loudest = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int32_t k = 0; k < t->n_windows; k++) {
            double sum = 1e-20;
            copy_piece(s->edit, s->n_edit, (int64_t)k * TRACK_HOP - HALF, TRACK_WINDOW, s->window);
            for (int32_t i = 0; i < TRACK_WINDOW; i++) sum += (double)s->window[i] * s->window[i];
            loudest = sum > loudest ? sum : loudest;
            t->quiet[k] = sum < 1e-7 * loudest;
        }
}

static Status make_room(Track *t, Search *s) {
    t->cells = calloc((size_t)t->n_windows, sizeof *t->cells);
    t->n_cells = calloc((size_t)t->n_windows, sizeof *t->n_cells);
    t->path = calloc((size_t)t->n_windows, sizeof *t->path);
    t->quiet = calloc((size_t)t->n_windows, 1);
    s->window = malloc(sizeof *s->window * TRACK_WINDOW);
    s->piece = malloc(sizeof *s->piece * PIECE);
    return t->cells && t->n_cells && t->path && t->quiet && s->window && s->piece
               ? BS_OK
               : fail(BS_NOMEM, "align: no memory for %d windows", t->n_windows);
}

Status track_find(Track *t, const float *raw, int64_t n_raw, const float *edit, int64_t n_edit) {
    Status st = BS_OK;
    Search s = {.track = t, .raw = raw, .n_raw = n_raw, .edit = edit, .n_edit = n_edit};
    *t = (Track){.n_windows = (int32_t)(n_edit / TRACK_HOP + 1), .n_speeds = 1, .speed = {1}};
    s.at_speed[0] = (float *)edit; /* borrowed, only read */
    s.n_at_speed[0] = n_edit;
    TRY(make_room(t, &s));
    find_quiet(&s);
    TRY(correlator_open(&s.correlator, TRACK_WINDOW, LAGS));
    TRY(landmark_index_new(&s.index, raw, n_raw));
    TRY(propose(&s, 0));
    while (t->n_speeds < TRACK_SPEEDS) {
        double speed = find_speed(&s);
        if (speed == 0) break;
        TRY(add_speed(&s, speed));
        TRY(propose(&s, t->n_speeds - 1));
    }
    settle_sign(&s);
    spread(&s);
    TRY(find_path(t));
    TRY(find_rivals(&s));
out:
    for (int32_t i = 1; i < t->n_speeds; i++) free(s.at_speed[i]);
    for (int32_t i = 0; i < t->n_speeds; i++) free(s.marks[i]);
    landmark_index_free(s.index);
    correlator_close(s.correlator);
    free(s.window);
    free(s.piece);
    if (st != BS_OK) track_drop(t);
    return st;
}

void track_drop(Track *t) {
    free(t->cells);
    free(t->n_cells);
    free(t->path);
    free(t->quiet);
    free(t->rivals);
    *t = (Track){0};
}
