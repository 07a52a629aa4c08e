/* Takes by presence.
 *
 * Where the band plays is heard by presence.c; a take's front is then moved to the attack and its end back
 * over silence. What is silence is told by the level, read as a running median over 0.5 s, so that stick
 * clicks and coughs vanish and what keeps sounding stays: its histogram has two hills, playing and not
 * playing, and the threshold lies in the valley (Otsu: largest variance between the two classes). What parts
 * too much (a break of the band in mid-song) is put together again in hearing.c, where the beats tell that
 * the same grid goes on. */
#include "featurizer/dsp/takes.h"

#include <math.h>
#include <string.h>

#include "featurizer/dsp/presence.h"

enum { LEVELS = 240, HALF = 25 }; /* level steps of half a dB from -100; half the window of the median */

static int32_t level_step(float db) {
    int32_t s = (int32_t)((db + 100) * 2);
    return s < 0 ? 0 : s >= LEVELS ? LEVELS - 1 : s;
}

static float step_level(int32_t step) { return (float)step / 2 - 100; }

/* Running median over half a second. */
static void running_level(const float *db, int32_t n, float *out) {
    int32_t count[LEVELS] = {0}, held = 0;
    for (int32_t k = -HALF; k < n; k++) {
        if (k + HALF < n) count[level_step(db[k + HALF])]++, held++;
        if (k - HALF - 1 >= 0) count[level_step(db[k - HALF - 1])]--, held--;
        if (k < 0) continue;
        int32_t seen = 0, s = 0;
        while (s < LEVELS - 1 && (float)(seen += count[s]) < 0.5F * (float)held) s++;
        out[k] = step_level(s);
    }
}

/* Otsu's threshold between lo and hi; *apart = distance of the two means, *low_share = share below. */
static float valley(const float *db, int32_t n, float lo, float hi, float *apart, float *low_share) {
    double count[LEVELS] = {0}, all = 0, sum = 0;
    for (int32_t k = 0; k < n; k++) {
        float v = db[k] < lo ? lo : db[k] > hi ? hi : db[k];
        count[level_step(v)]++;
        all++;
        sum += level_step(v);
    }
    double below = 0, below_sum = 0, best = -1;
    int32_t first_best = 0, last_best = 0;
    *apart = 0, *low_share = 0;
    for (int32_t s = 0; s < LEVELS - 1; s++) {
        below += count[s];
        below_sum += count[s] * s;
        if (below <= 0 || below >= all) continue;
        double a = below_sum / below, b = (sum - below_sum) / (all - below);
        double between = below * (all - below) * (b - a) * (b - a);
        if (between > best * (1 + 1e-12)) {
            best = between;
            first_best = s;
            *apart = (float)((b - a) / 2);
            *low_share = (float)(below / all);
        }
        if (between >= best * (1 - 1e-12)) last_best = s; /* an empty valley is a plateau: take its middle */
    }
    return step_level((first_best + last_best) / 2 + 1);
}

static float threshold_of(const float *level, int32_t n, float loud_db, float soft_db) {
    float apart, low_share;
    float threshold = valley(level, n, loud_db - 45, loud_db, &apart, &low_share);
    /* soft music is still far above the room: the valley's upper slope is not the pauses' business */
    float near_floor = soft_db + 0.4F * (loud_db - soft_db);
    if (threshold > near_floor) threshold = near_floor;
    if (apart < 8 || low_share < 0.01F) threshold = loud_db - 30;
    if (threshold > loud_db - 10) threshold = loud_db - 10;
    return threshold < loud_db - 40 ? loud_db - 40 : threshold;
}

static bool silent_at(const Presence *p, int32_t b, const float *level, int32_t n, float silent_db) {
    return b >= 0 && b < p->n && p->on[b] && b * PRESENCE_HOP < n && level[b * PRESENCE_HOP] < silent_db;
}

/* Presence looks at seconds, so a short silence in what sounds like one take does not part it. It does here,
 * unless there are others within six seconds, for then they belong to the rhythm. Where the beats after it
 * lie as those before foretell, hearing.c joins the halves again, and longer soft passages are left to
 * presence. */
static void part_at_silence(Presence *p, const float *level, int32_t n, float threshold_db) {
    const int32_t shortest_blocks = 4, longest_blocks = 25, around_blocks = 60;
    const float silent_db = threshold_db - 10;
    for (int32_t b = 0; b < p->n;) {
        const int32_t first = b;
        int32_t others = 0;
        while (silent_at(p, b, level, n, silent_db)) b++;
        if (b - first >= shortest_blocks && b - first <= longest_blocks) {
            for (int32_t k = first - around_blocks; k < b + around_blocks; k++)
                others += (k < first || k >= b) && silent_at(p, k, level, n, silent_db);
            if (!others) memset(p->on + first, 0, (size_t)(b - first));
        }
        if (b == first) b++;
    }
}

/* Runs of blocks in which the band plays, 0.6 s or longer. */
static void regions_by_presence(TakeMap *map, const Presence *p, int32_t n) {
    const int32_t shortest_blocks = 6;
    for (int32_t b = 0; b < p->n && map->n < TAKES_MAX;) {
        int32_t first = b;
        while (b < p->n && p->on[b] == p->on[first]) b++;
        if (!p->on[first] || b - first < shortest_blocks) continue;
        int32_t end = b * PRESENCE_HOP < n ? b * PRESENCE_HOP : n;
        map->regions[map->n++] = (Region){first * PRESENCE_HOP, end, end};
    }
}

/* A take begins with an attack of several players: the one within 0.2 s whose frame and rise of the level are
 * strongest, for presence is good to a tenth, and a second beat is often struck harder than the first. Its
 * end, where the last beat gives way to ringing, is moved back over silence. */
static void sharpen(TakeMap *map, const Frames *f) {
    const int32_t reach = (int32_t)(0.2 * FRAMES_PER_S), back = 2 * reach, wide = 10;
    for (int32_t r = 0; r < map->n; r++) {
        Region *g = &map->regions[r];
        int32_t low = r ? map->regions[r - 1].end : 0, at = g->first;
        float best = 0;
        for (int32_t k = at - reach; k <= at + reach; k++) {
            if (k < low + wide || k + wide >= f->n || k >= g->end - wide) continue;
            float attack = 0, rise = 0;
            for (int32_t b = 0; b < ONSET_BANDS; b++) attack += f->onset[b][k];
            for (int32_t i = 1; i <= wide; i++)
                rise += (f->level_db[k + i] - f->level_db[k - i]) / (float)wide;
            float score =
                (attack + 0.15F * fmaxf(0, rise)) * (1 - 0.5F * fabsf((float)(k - at)) / (float)reach);
            if (score > best) best = score, g->first = k;
        }
        g->first = g->first - 4 < low ? low : g->first - 4;
        int32_t e = g->end;
        while (e > g->end - back && e > g->first + 1 && f->level_db[e - 1] < map->threshold_db - 3) e--;
        g->end = e;
    }
}

/* A take rings until it stands no more than 4 dB over the floor, six seconds at most. */
static void follow_rings(TakeMap *map, const Frames *f, const float *level, float floor_db) {
    for (int32_t r = 0; r < map->n; r++) {
        Region *g = &map->regions[r];
        int32_t high = r + 1 < map->n ? map->regions[r + 1].first : f->n;
        int32_t ring = g->end, most = ring + (int32_t)(6 * FRAMES_PER_S);
        while (ring < high && ring < most && level[ring] > floor_db + 4 && f->level_db[ring] > floor_db + 4)
            ring++;
        g->ring_end = ring;
    }
}

static Status measure_levels(const Frames *f, Arena *mem, float *level, float *loud_db, float *soft_db) {
    float *sorted = arena_alloc(mem, sizeof(float) * (size_t)f->n);
    if (!sorted) return fail(BS_NOMEM, "takes: out of memory");
    running_level(f->level_db, f->n, level);
    memcpy(sorted, level, sizeof(float) * (size_t)f->n);
    *loud_db = percentile_of(sorted, f->n, 0.9);
    *soft_db = percentile_of(sorted, f->n, 0.03);
    memcpy(sorted, f->level_db, sizeof(float) * (size_t)f->n);
    if (percentile_of(sorted, f->n, 0.99) < -75) return fail(BS_INVALID, "this is silence");
    return BS_OK;
}

Status takes_levels(const Frames *f, Arena *mem, float *loud_db, float *soft_db) {
    float *level = arena_alloc(mem, sizeof(float) * (size_t)f->n);
    if (!level) return fail(BS_NOMEM, "takes: out of memory");
    return measure_levels(f, mem, level, loud_db, soft_db);
}

Status takes_find(TakeMap *map, const Frames *f, Arena *mem) {
    Status st = BS_OK;
    Presence presence;
    float soft_db;
    memset(map, 0, sizeof *map);
    float *level = arena_alloc(mem, sizeof(float) * (size_t)f->n);
    map->music = arena_alloc(mem, sizeof(float) * (size_t)f->n);
    map->odds = arena_alloc(mem, sizeof(float) * (size_t)f->n);
    if (!level || !map->music || !map->odds) return fail(BS_NOMEM, "takes: out of memory");
    TRY(measure_levels(f, mem, level, &map->loud_db, &soft_db));
    map->threshold_db = threshold_of(level, f->n, map->loud_db, soft_db);
    TRY(presence_find(&presence, f, map->loud_db, soft_db, mem));
    for (int32_t k = 0; k < f->n; k++) {
        map->music[k] = presence.music[k / PRESENCE_HOP];
        map->odds[k] = presence.odds[k / PRESENCE_HOP];
    }
    part_at_silence(&presence, level, f->n, map->threshold_db);
    regions_by_presence(map, &presence, f->n);
    sharpen(map, f);
    follow_rings(map, f, level, fminf(soft_db, map->threshold_db - 6));
out:
    return st;
}
