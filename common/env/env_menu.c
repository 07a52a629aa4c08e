/* Menus: where a CROSSFADE or REORDER may go from here.
 *
 * All but six targets depend on the anchor alone (the unit after the last kept one), so they are chosen
 * once per Song together with what the jump costs; the six that depend on the episode come first:
 *   0 the first open must   1 the end unit   2 the first allowed beat   3 the next beat of the form
 *   (no_reorder)   4 the first unkept beat (no_loop)   5 the playhead
 * A target that is there twice is offered at its first place only. */
#include <stdlib.h>
#include <string.h>

#include "common/env/env_state.h"

enum {
    SAME_BEAT = 7,
    NEXT_BAR = 2,
    SAME_MUSIC = 4,
    FORM_SECTIONS = 4,
    TAKES = 6,
    DOWNBEATS = 1,
    PHRASES = 1,
    SECTIONS = 1,
    WINDOW = 256,
};

typedef struct Pick {
    int32_t *target;
    int32_t anchor;
    int n;
} Pick;

static void pick_add(Pick *p, int32_t v) {
    if (p->n == MENU_STATIC) return;
    for (int i = 0; i < p->n; i++)
        if (p->target[i] == v) return;
    p->target[p->n++] = v;
}

/* The units of the least flawed bars, the first of equal ones first. */
typedef struct Best {
    int32_t unit[8];
    int n, max;
} Best;

/* Adds the units that play beat `pid` outside `take`. */
static void best_performances(const EnvSong *es, const Pick *p, int32_t pid, int32_t take, Best *best) {
    for (int32_t i = es->pid_first[pid]; i < es->pid_first[pid + 1]; i++) {
        int32_t v = es->pid_units[i];
        float flaw = es->units[v].bar_flaw;
        if (es->units[v].take == take || v == p->anchor) continue;
        if (best->n == best->max && es->units[best->unit[best->max - 1]].bar_flaw <= flaw) continue;
        int at = best->n < best->max ? best->n++ : best->max - 1;
        for (; at > 0 && es->units[best->unit[at - 1]].bar_flaw > flaw; at--)
            best->unit[at] = best->unit[at - 1];
        best->unit[at] = v;
    }
}

static void pick_performances(const EnvSong *es, Pick *p, int32_t pid, int32_t take, int max) {
    Best best = {.max = max};
    best_performances(es, p, pid, take, &best);
    for (int i = 0; i < best.n; i++) pick_add(p, best.unit[i]);
}

/* Other beats of the form with the music of beat `pid`: another chorus. */
static void pick_same_music(const EnvSong *es, Pick *p, const EnvTune *tune, int32_t pid) {
    Best best = {.max = SAME_MUSIC};
    for (int32_t other = tune->pid0; other < tune->pid0 + tune->n_pid; other++)
        if (other != pid && es->music[other] == es->music[pid]) best_performances(es, p, other, -1, &best);
    for (int i = 0; i < best.n; i++) pick_add(p, best.unit[i]);
}

/* The beat of the form that comes at the anchor, -1 unknown; *take is who would play it uncut. */
static int32_t next_pid(const EnvSong *es, int32_t anchor, int32_t *take) {
    *take = -1;
    if (anchor < es->n && es->units[anchor].pid >= 0) {
        *take = es->units[anchor].take;
        return es->units[anchor].pid;
    }
    if (anchor == 0 || es->units[anchor - 1].pid < 0) return -1;
    const EnvUnit *x = &es->units[anchor - 1];
    int32_t last = es->tunes[x->tune].pid0 + es->tunes[x->tune].n_pid - 1;
    return x->pid < last ? x->pid + 1 : -1;
}

static int32_t tune_at(const EnvSong *es, int32_t anchor) {
    if (anchor > 0 && es->units[anchor - 1].tune >= 0) return es->units[anchor - 1].tune;
    for (int32_t u = anchor; u < es->n; u++)
        if (es->units[u].tune >= 0) return es->units[u].tune;
    return -1;
}

/* The cheapest seams from a = anchor - 1 among beats of the tune in phase, at least a bar away. */
static void pick_cheapest(const EnvSong *es, Pick *p, int32_t tune) {
    int32_t best[MENU_STATIC], a = p->anchor - 1;
    float costs[MENU_STATIC];
    int n = 0, max = MENU_STATIC - p->n;
    if (a < 0 || max <= 0) return;
    int32_t lo = p->anchor > WINDOW ? p->anchor - WINDOW : 0;
    int32_t hi = p->anchor + WINDOW < es->n ? p->anchor + WINDOW : es->n;
    const EnvUnit *x = &es->units[a];
    int phase = x->kind == UNIT_BEAT && x->in_take ? (x->phase + 1) % es->tunes[tune].meter : 0;
    for (int32_t v = lo; v < hi; v++) {
        const EnvUnit *y = &es->units[v];
        if (y->tune != tune || y->kind != UNIT_BEAT || y->phase != phase) continue;
        if (v > a - es->tunes[tune].meter && v < p->anchor + es->tunes[tune].meter) continue;
        bool there = false;
        for (int i = 0; i < p->n; i++) there |= p->target[i] == v;
        if (there) continue;
        Seam s = seam_of(es, a, v);
        float cost = seam_transition(&s, FADE_SHORT) + s.tempo + s.phrase;
        if (x->pid >= 0 && y->pid >= 0) cost += form_step_cost(es, a, x->pid, v, 1);
        if (n == max && costs[max - 1] <= cost) continue;
        int at = n < max ? n++ : max - 1;
        for (; at > 0 && costs[at - 1] > cost; at--) best[at] = best[at - 1], costs[at] = costs[at - 1];
        best[at] = v;
        costs[at] = cost;
    }
    for (int i = 0; i < n; i++) pick_add(p, best[i]);
}

/* The sections of the form, nearest to beat `pid` first, each where it is performed best. */
static void pick_form_sections(const EnvSong *es, Pick *p, int32_t tune, int32_t pid) {
    int32_t best[FORM_SECTIONS], far[FORM_SECTIONS], n = 0;
    for (int32_t i = 0; i < es->n_sections; i++) {
        const EnvSection *s = &es->sections[i];
        const int32_t at = es->units[s->first].pid;
        if (es->units[s->first].tune != tune || at < 0 || s->first == p->anchor) continue;
        const int32_t d = abs(at - pid);
        int32_t k = 0;
        while (k < n && es->units[es->sections[best[k]].first].pid != at) k++;
        if (k < n) { /* there already: the better performance */
            if (s->flaw < es->sections[best[k]].flaw) best[k] = i;
            continue;
        }
        if (n == FORM_SECTIONS && far[n - 1] <= d) continue;
        for (k = n < FORM_SECTIONS ? n++ : n - 1; k > 0 && far[k - 1] > d; k--)
            best[k] = best[k - 1], far[k] = far[k - 1];
        best[k] = i;
        far[k] = d;
    }
    for (int32_t k = 0; k < n; k++) pick_add(p, es->sections[best[k]].first);
}

static bool has_take(const EnvSong *es, const Pick *p, int32_t take) {
    for (int i = 0; i < p->n; i++)
        if (es->units[p->target[i]].take == take) return true;
    return false;
}

/* Where takes begin that the menu has no place in, the nearest to the anchor: cuts lead on from there. */
static void pick_takes(const EnvSong *es, Pick *p, int32_t tune) {
    int32_t first[TAKES], far[TAKES], n = 0;
    for (int32_t t = 0; t < es->song->n_takes; t++) {
        const int32_t v = es->song->takes[t].first_unit, d = abs(v - p->anchor);
        if (es->song->takes[t].tune != tune || v == p->anchor || has_take(es, p, t)) continue;
        if (n == TAKES && far[n - 1] <= d) continue;
        int k = n < TAKES ? n++ : n - 1;
        for (; k > 0 && far[k - 1] > d; k--) first[k] = first[k - 1], far[k] = far[k - 1];
        first[k] = v;
        far[k] = d;
    }
    for (int k = 0; k < n; k++) pick_add(p, first[k]);
}

static void pick_targets(const EnvSong *es, Pick *p) {
    int32_t take, tune = tune_at(es, p->anchor), pid = next_pid(es, p->anchor, &take);
    if (tune < 0) return;
    const EnvUnit *x = es->units;
    int32_t meter = es->tunes[tune].meter, last_pid = es->tunes[tune].pid0 + es->tunes[tune].n_pid - 1;
    if (pid >= 0) {
        pick_performances(es, p, pid, take, SAME_BEAT);
        int32_t next = pid, here = x[es->pid_units[es->pid_first[pid]]].pos;
        while (next < last_pid && x[es->pid_units[es->pid_first[next]]].pos / meter <= here / meter) next++;
        if (next != pid) pick_performances(es, p, next, -1, NEXT_BAR);
        pick_same_music(es, p, &es->tunes[tune], pid);
    }
    pick_form_sections(es, p, tune, pid < 0 ? es->tunes[tune].pid0 : pid);
    pick_takes(es, p, tune);
    int n[3] = {DOWNBEATS, PHRASES, SECTIONS};
    static const Span span[3] = {SPAN_BAR, SPAN_PHRASE, SPAN_SECTION};
    for (int k = 0; k < 3; k++)
        for (int32_t v = p->anchor + 1; v < es->n && n[k] > 0; v++)
            if (x[v].tune == tune && x[v].kind == UNIT_BEAT && x[v].starts[span[k]]) pick_add(p, v), n[k]--;
    for (int32_t v = p->anchor - meter; v >= 0; v--)
        if (x[v].tune == tune && x[v].kind == UNIT_BEAT && x[v].starts[SPAN_SECTION]) {
            pick_add(p, v);
            break;
        }
    pick_cheapest(es, p, tune);
}

/* How a target looks from `last` (-1: start of the edit) over seam `s`: the first columns of its row. */
void edge_features(const EnvSong *es, int32_t last, int32_t v, const Seam *s, float edge[EDGE]) {
    const EnvUnit *x = &es->units[v];
    edge[OBS_TARGET_THERE] = 1;
    edge[OBS_TARGET_TRANSITION] = last >= 0 && v != last + 1 ? seam_transition(s, FADE_SHORT) : 0;
    edge[OBS_TARGET_TEMPO] = s->tempo;
    edge[OBS_TARGET_PHRASE] = s->phrase;
    edge[OBS_TARGET_PHASE] = s->phase == 0;
    edge[OBS_TARGET_FORM_STEP] = form_distance(es, last < 0 ? -1 : es->units[last].pid, v);
    edge[OBS_TARGET_SAME_SLOT] = last >= 0 && same_music_next(es, &es->units[last], x);
    edge[OBS_TARGET_KEPT] = 0;
}

/* And wherever it is seen from: the others. */
static void landing_features(const EnvSong *es, int32_t v, float landing[LANDING]) {
    const EnvUnit *x = &es->units[v];
    landing[OBS_TARGET_FLAW - EDGE] = x->bar_flaw;
    landing[OBS_TARGET_RANK - EDGE] = x->rank;
    landing[OBS_TARGET_PHRASE_START - EDGE] = x->starts[SPAN_PHRASE] && x->in_take;
    landing[OBS_TARGET_SECTION_START - EDGE] = x->starts[SPAN_SECTION] && x->in_take;
    int32_t end = v + 1;
    if (x->take >= 0 && x->in_take) {
        const SongTake *take = &es->song->takes[x->take];
        end = take->first_unit + take->n_units;
    }
    landing[OBS_TARGET_RUN_LENGTH - EDGE] = (float)span_samples(es, v, end > v ? end : v + 1);
    landing[OBS_TARGET_WORTH_BAR - EDGE] = mean_content(es, v, x->end[SPAN_BAR]);
    landing[OBS_TARGET_WORTH_PHRASE - EDGE] = mean_content(es, v, x->end[SPAN_PHRASE]);
    landing[OBS_TARGET_WORTH_SECTION - EDGE] = mean_content(es, v, x->end[SPAN_SECTION]);
    landing[OBS_TARGET_START - EDGE] = 0; /* only before the first unit */
    float section = (float)span_samples(es, v, x->end[SPAN_SECTION]);
    landing[OBS_TARGET_SECTION_LENGTH - EDGE] = section;
    landing[OBS_TARGET_FORM_LEFT - EDGE] = form_left(es, v);
    int32_t whole[2] = {section < 0x7fffff00 ? (int32_t)section : INT32_MAX, v};
    memcpy(landing + LANDING_SECTION, whole, sizeof whole);
}

static void landings_make(EnvSong *es) {
    for (int32_t v = 0; v < es->n; v++) landing_features(es, v, es->landings + (size_t)v * LANDING);
    static const int32_t nowhere[2] = {-2, -1}; /* fits no window, lies after no playhead */
    memcpy(es->landings + (size_t)es->n * LANDING + LANDING_SECTION, nowhere, sizeof nowhere);
}

/* The eight sections nearest to the anchor, each going on here or at the next section. */
static void pick_pairs(const EnvSong *es, EnvMenu *m, int32_t anchor) {
    enum { NEAREST = ENV_PAIRS / 2 };
    int32_t near[NEAREST], far[NEAREST], n = 0, next = -1, tune = tune_at(es, anchor);
    for (int32_t i = 0; i < es->n_sections; i++) {
        int32_t first = es->sections[i].first, d = first > anchor ? first - anchor : anchor - first;
        if (es->units[first].tune != tune) continue;
        if (first > anchor && next < 0) next = first;
        if (n == NEAREST && far[NEAREST - 1] <= d) continue;
        int32_t at = n < NEAREST ? n++ : NEAREST - 1;
        for (; at > 0 && far[at - 1] > d; at--) near[at] = near[at - 1], far[at] = far[at - 1];
        near[at] = i;
        far[at] = d;
    }
    for (int i = 0; i < ENV_PAIRS; i++) {
        int32_t go_on = i % 2 ? next : anchor < es->n ? anchor : -1;
        m->pair[i][0] = m->pair[i][1] = m->pair[i][2] = m->pair_section[i] = -1;
        m->pair_seen[i][0] = m->pair_seen[i][1] = -1;
        m->pair_samples[i] = INT64_MAX;
        if (i / 2 >= n || go_on < 0 || anchor == 0 || (i % 2 && next == anchor)) continue;
        const EnvSection *s = &es->sections[near[i / 2]];
        if (s->first == anchor || s->end == go_on) continue;
        m->pair[i][0] = s->first;
        m->pair[i][1] = s->end;
        m->pair[i][2] = go_on;
        m->pair_seen[i][0] = s->first;
        m->pair_seen[i][1] = go_on;
        m->pair_section[i] = near[i / 2];
        m->pair_units[i] = s->end - s->first + 1;
        if (m->pair_units[i] > m->pair_most_units) m->pair_most_units = m->pair_units[i];
        if (es->units[go_on].tune < 0 ||
            es->units[go_on].tune == tune) /* units of other tunes are never kept */
            m->pair_samples[i] = span_samples(es, s->first, s->end) + span_samples(es, go_on, go_on + 1);
        Seam in = seam_of(es, anchor - 1, s->first), back = seam_of(es, s->end - 1, go_on);
        float *row = m->pair_features[i];
        row[OBS_PAIR_THERE] = 1;
        row[OBS_PAIR_IN] = seam_transition(&in, FADE_SHORT) + in.tempo + in.phrase;
        row[OBS_PAIR_OUT] = seam_transition(&back, FADE_SHORT) + back.tempo + back.phrase;
        row[OBS_PAIR_LENGTH] = (float)span_samples(es, s->first, s->end);
        row[OBS_PAIR_FLAW] = s->flaw;
        row[OBS_PAIR_WORTH] = mean_content(es, s->first, s->end);
        row[OBS_PAIR_FORM_STEP] = form_distance(es, anchor == 0 ? -1 : es->units[anchor - 1].pid, s->first);
    }
}

static void edge_fill(const EnvSong *es, int32_t last, int32_t v, float edge[EDGE]) {
    Seam s = {0};
    if (last >= 0) s = seam_of(es, last, v);
    edge_features(es, last, v, &s, edge);
}

static int32_t first_beat(const EnvSong *es, int32_t tune) {
    for (int32_t u = 0; u < es->n; u++)
        if (es->units[u].tune == tune && es->units[u].kind == UNIT_BEAT) return u;
    return -1;
}

void menus_make(EnvSong *es) {
    int32_t tune = -1, first = -1;
    landings_make(es);
    for (int32_t anchor = 0; anchor <= es->n; anchor++) {
        EnvMenu *m = &es->menus[anchor];
        Pick p = {m->target + MENU_DYNAMIC, anchor, 0};
        pick_targets(es, &p);
        for (int i = 0; i < ENV_TARGETS; i++) {
            int32_t v = i >= MENU_DYNAMIC && i - MENU_DYNAMIC < p.n ? m->target[i] : -1;
            m->target[i] = v;
            for (int k = 0; k < 3; k++) {
                int64_t x = v >= 0 && v + (1 << k) <= es->n ? span_samples(es, v, v + (1 << k)) : INT32_MAX;
                m->samples[k][i] = x < INT32_MAX ? (int32_t)x : INT32_MAX;
            }
            if (v < 0) continue;
            edge_fill(es, anchor - 1, v, m->edge[i]);
            m->fade_room[i] = fade_room(es, anchor - 1, v);
        }
        if (tune_at(es, anchor) != tune) {
            tune = tune_at(es, anchor);
            first = first_beat(es, tune);
        }
        m->first = first;
        m->tune = tune;
        if (first >= 0) {
            edge_fill(es, anchor - 1, first, m->first_edge);
            m->first_room = fade_room(es, anchor - 1, first);
        }
        pick_pairs(es, m, anchor);
    }
}

int env_song_targets(const EnvSong *es, int32_t anchor, int32_t targets[ENV_TARGETS]) {
    int n = 0;
    if (anchor < 0 || anchor > es->n) return 0;
    for (int i = MENU_DYNAMIC; i < ENV_TARGETS; i++)
        if (es->menus[anchor].target[i] >= 0) targets[n++] = es->menus[anchor].target[i];
    return n;
}

/* The entries that depend on the episode, -1 = none. */
static void menu_dynamic(Env *e, int32_t anchor, int32_t own[MENU_DYNAMIC]) {
    const EnvSong *es = e->es;
    EnvNow *now = &e->now;
    for (int i = 0; i < MENU_DYNAMIC; i++) own[i] = -1;
    if (e->plan.constrained) {
        if (now->n_open > 0) {
            while (e->kept[e->must_units[now->must_at]]) now->must_at++;
            own[0] = e->must_units[now->must_at];
        }
        own[1] = e->plan.end;
        if (e->plan.job.no_reorder && now->next_pid < es->n_pids) {
            int32_t pid = now->next_pid;
            while (pid < es->n_pids && e->short_unit[pid] < 0) pid++;
            if (pid < es->n_pids) own[3] = e->short_unit[pid];
        }
        if (e->plan.job.no_loop) {
            while (now->free_at < es->n &&
                   (e->kept[now->free_at] || unit_never(e, now->free_at) ||
                    es->units[now->free_at].kind != UNIT_BEAT || now->free_at == e->plan.end))
                now->free_at++;
            if (now->free_at < es->n) own[4] = now->free_at;
        }
    }
    own[2] = e->plan.first_allowed;
    if (now->playhead < es->n && now->playhead != anchor) own[5] = now->playhead;
}

void menu_update(Env *e) {
    int32_t anchor = anchor_of(e), own[MENU_DYNAMIC], *menu = e->now.menu;
    const I8 *fixed = (const I8 *)e->es->menus[anchor].target;
    I8 rest[ENV_TARGETS / 8] = {fixed[0], fixed[1], fixed[2], fixed[3]};
    menu_dynamic(e, anchor, own);
    for (int i = 0; i < MENU_DYNAMIC; i++) {
        if (own[i] < 0) continue;
        for (int k = 0; k < i; k++)
            if (own[k] == own[i]) own[i] = -1;
        for (int k = 0; k < ENV_TARGETS / 8; k++) rest[k] |= rest[k] == own[i]; /* offered once: -1 */
    }
    memcpy(menu, rest, sizeof rest);
    memcpy(menu, own, sizeof own);
}
_Static_assert(ENV_TARGETS == 32, "four vectors of eight");
