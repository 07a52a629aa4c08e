/* Planner: keeps the best candidate edits of one job, best first, and the two simple ways to find some.
 *
 * A plan need not be playable: menus hold 32 targets, so some jumps cannot be made. The caller asks for the
 * next best until env_parse finds actions. */
#include <stdlib.h>
#include <string.h>

#include "common/policy/policy_private.h"

enum { MAX_CANDIDATES = 48 };

typedef struct Candidate {
    float value;
    int32_t n, capacity;
    int32_t *units;
    uint8_t *fades;
} Candidate;

struct Planner {
    Candidate best[MAX_CANDIDATES]; /* sorted, highest value first */
    int32_t n, next;
    Plan *scratch;
};

Status planner_new(Planner **out) {
    Planner *p = calloc(1, sizeof *p);
    if (p) p->scratch = malloc(sizeof *p->scratch);
    *out = p;
    if (p && p->scratch) return BS_OK;
    free(p);
    *out = NULL;
    return fail(BS_NOMEM, "planner: out of memory");
}

void planner_free(Planner *p) {
    if (!p) return;
    for (int i = 0; i < MAX_CANDIDATES; i++) {
        free(p->best[i].units);
        free(p->best[i].fades);
    }
    free(p->scratch);
    free(p);
}

static bool candidate_room(Candidate *c, int32_t n) {
    if (n <= c->capacity) return true;
    int32_t *units = realloc(c->units, sizeof *units * (size_t)n);
    if (units) c->units = units;
    uint8_t *fades = realloc(c->fades, (size_t)n);
    if (fades) c->fades = fades;
    if (!units || !fades) return false;
    c->capacity = n;
    return true;
}

void planner_offer(Planner *p, float value, const int32_t *units, const uint8_t *fades, int32_t n) {
    if (p->n == MAX_CANDIDATES && value <= p->best[p->n - 1].value) return;
    for (int32_t i = 0; i < p->n; i++) /* the same edit is offered once */
        if (p->best[i].n == n && p->best[i].value == value &&
            memcmp(p->best[i].units, units, sizeof *units * (size_t)n) == 0)
            return;
    int32_t at = p->n < MAX_CANDIDATES ? p->n++ : MAX_CANDIDATES - 1;
    Candidate c = p->best[at]; /* its arrays serve again */
    if (!candidate_room(&c, n)) {
        p->best[at] = c;
        p->n = at;
        return;
    }
    c.value = value;
    c.n = n;
    memcpy(c.units, units, sizeof *units * (size_t)n);
    memcpy(c.fades, fades, (size_t)n);
    for (; at > 0 && p->best[at - 1].value < value; at--) p->best[at] = p->best[at - 1];
    p->best[at] = c;
}

Status planner_next(Planner *p, Plan *plan) {
    if (p->next == p->n) return BS_NOT_FOUND;
    const Candidate *c = &p->best[p->next++];
    plan->n = c->n;
    memcpy(plan->units, c->units, sizeof *c->units * (size_t)c->n);
    memcpy(plan->fades, c->fades, (size_t)c->n);
    return BS_OK;
}

Status planner_prepare(Planner *p, const EnvSong *es, const Job *job, PolicyKind kind) {
    Status st = BS_OK;
    p->n = p->next = 0;
    if (kind == POLICY_CROP) plan_crop(p, es, job, p->scratch);
    if (kind == POLICY_LAST_TAKE) plan_last_take(p, es, job, p->scratch);
    if (kind == POLICY_RETARGET) TRY(plan_retarget(p, es, job, p->scratch));
out:
    return st;
}

Status retarget_plan(const EnvSong *es, const Job *job, int32_t *units, uint8_t *fades, int32_t max,
                     int32_t *n) {
    Status st = BS_OK;
    Planner *p = NULL;
    TRY(planner_new(&p));
    TRY(planner_prepare(p, es, job, POLICY_RETARGET));
    if (p->n == 0 || p->best[0].n > max) {
        st = fail(BS_NOT_FOUND, "retarget: no edit of the asked length was found");
        goto out;
    }
    *n = p->best[0].n;
    memcpy(units, p->best[0].units, sizeof *units * (size_t)*n);
    memcpy(fades, p->best[0].fades, (size_t)*n);
out:
    planner_free(p);
    return st;
}

/* ---- crop -------------------------------------------------------------------------------------- */

static bool bar_starts(const Song *song, int32_t u) {
    const SongUnit *unit = &song->units[u];
    return unit->take >= 0 && (u == 0 || unit->bar < 0 || song->units[u - 1].bar != unit->bar);
}

static void offer_scored(Planner *p, const EnvSong *es, const Job *job, const int32_t *units,
                         const uint8_t *fades, int32_t n) {
    float terms[REWARD_TERMS];
    env_score(es, job, units, fades, n, terms);
    planner_offer(p, env_score_total(job, terms), units, fades, n);
}

/* The contiguous block of the asked length with the highest dense reward: every bar as a start, and as ends
 * the longest that fits, and the last bar edge and the last phrase edge inside the window. */
void plan_crop(Planner *p, const EnvSong *es, const Job *job, Plan *scratch) {
    const Song *song = env_song_song(es);
    for (int32_t start = 0; start < song->n_units; start++) {
        if (!bar_starts(song, start)) continue;
        int32_t longest = -1, bar_edge = -1, phrase_edge = -1;
        int64_t length = 0;
        for (int32_t u = start, n = 0; u < song->n_units && n < ENV_MAX_STEPS; u++) {
            length += song_unit_samples(song, u);
            if (length > job->hi_samples) break;
            scratch->units[n] = u;
            scratch->fades[n++] = FADE_SHORT;
            if (length < job->lo_samples) continue;
            const SongUnit *now = &song->units[u], *next = u + 1 < song->n_units ? now + 1 : NULL;
            longest = n;
            if (!next || next->bar != now->bar) bar_edge = n;
            if (!next || next->phrase != now->phrase) phrase_edge = n;
        }
        const int32_t ends[3] = {longest, bar_edge, phrase_edge};
        for (int k = 0; k < 3; k++)
            if (ends[k] > 0) offer_scored(p, es, job, scratch->units, scratch->fades, ends[k]);
    }
}

/* ---- last take --------------------------------------------------------------------------------- */

/* The take that a musician without time would use for a bar: the last complete one that plays it, else the
 * last one; -1 when no take does. first[] gets the unit it starts at. */
static int32_t last_take_of(const Song *song, int32_t tune, int32_t slot, bool complete) {
    for (int32_t t = song->n_takes - 1; t >= 0; t--) {
        const SongTake *take = &song->takes[t];
        if (take->tune != tune || (complete && !take->complete)) continue;
        for (int32_t u = take->first_unit; u < take->first_unit + take->n_units; u++)
            if (song->units[u].slot == slot) return u;
    }
    return -1;
}

void plan_last_take(Planner *p, const EnvSong *es, const Job *job, Plan *scratch) {
    const Song *song = env_song_song(es);
    int64_t length = 0;
    int32_t n = 0, n_slots = song->tunes[job->tune].n_slots;
    bool more = n_slots > 0;
    while (more) { /* the form, again from its start while the window wants more */
        int32_t before = n;
        for (int32_t slot = 0; slot < n_slots && more; slot++) {
            int32_t u = last_take_of(song, job->tune, slot, true);
            if (u < 0) u = last_take_of(song, job->tune, slot, false);
            for (; u >= 0 && u < song->n_units && song->units[u].slot == slot; u++) {
                length += song_unit_samples(song, u);
                if (length > job->hi_samples || n == ENV_MAX_STEPS) {
                    more = false;
                    break;
                }
                scratch->units[n] = u;
                scratch->fades[n++] = FADE_SHORT;
                if (length >= job->lo_samples) offer_scored(p, es, job, scratch->units, scratch->fades, n);
            }
        }
        if (n == before || length >= job->lo_samples) more = false;
    }
}
