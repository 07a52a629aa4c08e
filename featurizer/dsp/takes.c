/* Takes by pauses.
 *
 * The level is read as a running median over 0.5 s, so stick clicks and coughs vanish and what keeps
 * sounding stays. Its histogram has two hills, playing and not playing; the threshold lies in the valley
 * (Otsu: largest variance between the two classes). Stretches above it become regions. Inside them, and among
 * them, music is where the bands of the spectrum are filled as in the body of the recording: talk, a player
 * noodling alone and a count-in lack some. What parts too much (a break of the band in mid-song) is put
 * together again in hearing.c, where the beats tell that the same grid goes on. */
#include "featurizer/dsp/takes.h"

#include <math.h>
#include <string.h>

enum { LEVELS = 240, HALF = 25 }; /* level steps of half a dB from -100; half the window of the median */

static int32_t level_step(float db) {
    int32_t s = (int32_t)((db + 100) * 2);
    return s < 0 ? 0 : s >= LEVELS ? LEVELS - 1 : s;
}

static float step_level(int32_t step) { return (float)step / 2 - 100; }

/* Running percentile over half a second. */
static void running_level(const float *db, int32_t n, float share, float *out) {
    int32_t count[LEVELS] = {0}, held = 0;
    for (int32_t k = -HALF; k < n; k++) {
        if (k + HALF < n) count[level_step(db[k + HALF])]++, held++;
        if (k - HALF - 1 >= 0) count[level_step(db[k - HALF - 1])]--, held--;
        if (k < 0) continue;
        int32_t seen = 0, s = 0;
        while (s < LEVELS - 1 && (float)(seen += count[s]) < share * (float)held) s++;
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

static void add_region(TakeMap *map, int32_t first, int32_t end) {
    int32_t bridge = (int32_t)(0.5 * FRAMES_PER_S);
    if (map->n && first - map->regions[map->n - 1].end < bridge)
        map->regions[map->n - 1].end = end;
    else if (map->n < TAKES_MAX)
        map->regions[map->n++] = (Region){first, end, end};
}

static void regions_by_level(TakeMap *map, const float *level, int32_t n) {
    int32_t open = -1;
    for (int32_t k = 0; k < n; k++) {
        if (open < 0 && level[k] > map->threshold_db) open = k;
        if (open >= 0 && level[k] < map->threshold_db - 3) {
            add_region(map, open, k);
            open = -1;
        }
    }
    if (open >= 0) add_region(map, open, n);
}

static void drop_regions(TakeMap *map, const bool *keep) {
    int32_t n = 0;
    for (int32_t r = 0; r < map->n; r++)
        if (keep[r]) map->regions[n++] = map->regions[r];
    map->n = n;
}

typedef struct Sound {
    float level, band[ONSET_BANDS], flatness, busy;
} Sound;

static float mean_of(const float *v, int32_t a, int32_t b) {
    double sum = 0;
    for (int32_t k = a; k < b; k++) sum += v[k];
    return b > a ? (float)(sum / (b - a)) : 0;
}

static Sound sound_of(const Frames *f, Region r) {
    Sound s;
    s.level = mean_of(f->level_db, r.first, r.end);
    for (int32_t g = 0; g < ONSET_BANDS; g++) s.band[g] = mean_of(f->band_db[g], r.first, r.end);
    s.flatness = mean_of(f->flatness, r.first, r.end);
    s.busy = mean_of(f->onset[0], r.first, r.end) + mean_of(f->onset[1], r.first, r.end);
    return s;
}

/* How far a region's sound is from the body of the recording, in dB and the like; 0 = the same. */
static float strangeness(const Sound *s, const Sound *body) {
    float d = 0.5F * fmaxf(0, body->level - s->level - 6);
    for (int32_t g = 0; g < ONSET_BANDS; g++) {
        float a = s->band[g] - s->level, b = body->band[g] - body->level;
        d += (g == 0 ? 0.5F : 0.3F) * fmaxf(0, fabsf(a - b) - 3);
    }
    d += 20 * fmaxf(0, s->flatness - body->flatness - 0.1F);
    return d;
}

static void judge_regions(TakeMap *map, const Frames *f) {
    if (map->n < 2) return;
    Sound sounds[TAKES_MAX];
    bool keep[TAKES_MAX];
    int32_t body = 0;
    for (int32_t r = 0; r < map->n; r++) {
        sounds[r] = sound_of(f, map->regions[r]);
        const Region *a = &map->regions[r], *b = &map->regions[body];
        if (a->end - a->first > b->end - b->first) body = r;
    }
    for (int32_t r = 0; r < map->n; r++) {
        double length_s = (map->regions[r].end - map->regions[r].first) / FRAMES_PER_S;
        float allowed = length_s > 12 ? 24 : 14;
        keep[r] = r == body || strangeness(&sounds[r], &sounds[body]) < allowed;
    }
    drop_regions(map, keep);
}

/* The running median blurs an edge by a quarter of a second: move it to the first and last frames that are
 * themselves loud. */
static void sharpen(TakeMap *map, const Frames *f) {
    int32_t reach = (int32_t)(0.4 * FRAMES_PER_S);
    for (int32_t r = 0; r < map->n; r++) {
        Region *g = &map->regions[r];
        int32_t low = r ? map->regions[r - 1].end : 0, a = g->first - reach < low ? low : g->first - reach;
        while (a < g->first && f->level_db[a] < map->threshold_db) a++;
        g->first = a;
        int32_t e = g->end;
        while (e > g->first + 1 && f->level_db[e - 1] < map->threshold_db - 3) e--;
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

/* Per band, how far the running level falls short of the body of the music, half in dB and half as a share of
 * the way down to the recording's floor; the mean
 * of the two emptiest bands, because a full band misses none. Bands that say nothing are left out. */
static Status measure_fullness(TakeMap *map, const Frames *f, Arena *mem) {
    float *level[ONSET_BANDS], *sorted = arena_alloc(mem, sizeof(float) * (size_t)f->n);
    float low[ONSET_BANDS], high[ONSET_BANDS];
    map->full = arena_alloc(mem, sizeof(float) * (size_t)f->n);
    if (!sorted || !map->full) return fail(BS_NOMEM, "takes: out of memory");
    for (int32_t g = 0; g < ONSET_BANDS; g++) {
        level[g] = arena_alloc(mem, sizeof(float) * (size_t)f->n);
        if (!level[g]) return fail(BS_NOMEM, "takes: out of memory");
        running_level(f->band_db[g], f->n, 0.65F, level[g]);
        memcpy(sorted, level[g], sizeof(float) * (size_t)f->n);
        low[g] = percentile_of(sorted, f->n, 0.03);
        int32_t n = 0;
        for (int32_t r = 0; r < map->n; r++)
            for (int32_t k = map->regions[r].first; k < map->regions[r].end; k++) sorted[n++] = level[g][k];
        high[g] = percentile_of(sorted, n, 0.4);
    }
    for (int32_t k = 0; k < f->n; k++) {
        float least[2] = {1, 1};
        for (int32_t g = 0; g < ONSET_BANDS; g++) {
            if (high[g] - low[g] < 8) continue;
            float short_db = high[g] - level[g][k],
                  v = 1 - 0.5F * short_db / (high[g] - low[g]) - 0.5F * short_db / 24;
            v = v < 0 ? 0 : v > 1 ? 1 : v;
            if (v < least[0])
                least[1] = least[0], least[0] = v;
            else if (v < least[1])
                least[1] = v;
        }
        map->full[k] = (least[0] + least[1]) / 2;
    }
    return BS_OK;
}

/* The first attack of the band at or before `at`: its bass and drums, so that clicks of a count-in do not
 * pass. */
static int32_t first_attack(const Frames *f, int32_t low, int32_t at) {
    int32_t k = at - (int32_t)(0.45 * FRAMES_PER_S);
    for (k = k < low ? low : k; k < at; k++)
        if (f->onset[0][k] + f->onset[1][k] > 0.9F) return k - 4 < low ? low : k - 4;
    return at - 8 < low ? low : at - 8;
}

/* Cuts a region where for some time not everybody plays: two states, music or not, with a clipped score so
 * that it is the length that counts; a change costs, inside a region twice. */
static Status cut_region(TakeMap *map, const Frames *f, Region r, Region *out, int32_t *n_out, Arena *mem) {
    const float change = 20, middle = 0.47F, clip = 0.25F;
    int32_t n = r.end - r.first;
    uint8_t *from = arena_alloc(mem, 2 * (size_t)n), *state = arena_alloc(mem, (size_t)n + 1);
    if (!from || !state) return fail(BS_NOMEM, "takes: out of memory");
    float value[2] = {0, 0};
    for (int32_t k = 0; k < n; k++) {
        float e = map->full[r.first + k] - middle, next[2];
        e = e > clip ? clip : e < -clip ? -clip : e;
        for (int32_t s = 0; s < 2; s++) {
            bool turn = k > 0 && value[1 - s] - change > value[s];
            next[s] = (turn ? value[1 - s] - change : value[s]) + (s ? e : -e);
            from[2 * k + s] = (uint8_t)(turn ? 1 - s : s);
        }
        value[0] = next[0], value[1] = next[1];
    }
    uint8_t s = value[1] >= value[0];
    for (int32_t k = n - 1; k >= 0; k--) {
        state[k] = s;
        s = from[2 * k + s];
    }
    for (int32_t k = 0; k < n;) {
        int32_t a = k;
        while (k < n && state[k] == state[a]) k++;
        if (!state[a]) continue;
        bool brief = a > 0 && *n_out && out[*n_out - 1].first >= r.first &&
                     r.first + a - out[*n_out - 1].end < (int32_t)(1.25 * FRAMES_PER_S);
        if (brief) { /* somebody rests for a bar */
            out[*n_out - 1].end = out[*n_out - 1].ring_end = r.first + k;
            continue;
        }
        if (*n_out == TAKES_MAX) break;
        int32_t low = *n_out && out[*n_out - 1].end > r.first ? out[*n_out - 1].end : r.first;
        int32_t first = a == 0 ? r.first : first_attack(f, low, r.first + a);
        out[(*n_out)++] = (Region){first, r.first + k, r.first + k};
    }
    return BS_OK;
}

/* Talk, noodling and count-ins at the edges and between takes that pauses by level did not part. */
static Status cut_by_fullness(TakeMap *map, const Frames *f, Arena *mem) {
    Status st = BS_OK;
    Region *out = arena_alloc(mem, sizeof(Region) * TAKES_MAX);
    if (!out) return fail(BS_NOMEM, "takes: out of memory");
    int32_t n_out = 0;
    for (int32_t r = 0; r < map->n; r++) TRY(cut_region(map, f, map->regions[r], out, &n_out, mem));
    map->n = 0;
    for (int32_t r = 0; r < n_out; r++) {
        double length_s = (out[r].end - out[r].first) / FRAMES_PER_S;
        if (length_s > 2 || (length_s > 0.7 && mean_of(map->full, out[r].first, out[r].end) > 0.6F))
            map->regions[map->n++] = out[r];
    }
out:
    return st;
}

Status takes_find(TakeMap *map, const Frames *f, Arena *mem) {
    Status st = BS_OK;
    memset(map, 0, sizeof *map);
    float *level = arena_alloc(mem, sizeof(float) * (size_t)f->n);
    float *sorted = arena_alloc(mem, sizeof(float) * (size_t)f->n);
    map->music = arena_alloc(mem, sizeof(float) * (size_t)f->n);
    if (!level || !sorted || !map->music) return fail(BS_NOMEM, "takes: out of memory");
    running_level(f->level_db, f->n, 0.5F, level);
    memcpy(sorted, level, sizeof(float) * (size_t)f->n);
    map->loud_db = percentile_of(sorted, f->n, 0.9);
    float floor_db = percentile_of(sorted, f->n, 0.03);
    memcpy(sorted, f->level_db, sizeof(float) * (size_t)f->n);
    if (percentile_of(sorted, f->n, 0.99) < -75) return fail(BS_INVALID, "this is silence");

    float apart, low_share;
    float threshold = valley(level, f->n, map->loud_db - 45, map->loud_db, &apart, &low_share);
    /* soft music is still far above the room: the valley's upper slope is not the pauses' business */
    float near_floor = floor_db + 0.4F * (map->loud_db - floor_db);
    if (threshold > near_floor) threshold = near_floor;
    if (apart < 8 || low_share < 0.01F) threshold = map->loud_db - 30;
    if (threshold > map->loud_db - 10) threshold = map->loud_db - 10;
    if (threshold < map->loud_db - 40) threshold = map->loud_db - 40;
    map->threshold_db = threshold;

    regions_by_level(map, level, f->n);
    bool keep[TAKES_MAX];
    for (int32_t r = 0; r < map->n; r++)
        keep[r] = map->regions[r].end - map->regions[r].first >= (int32_t)(0.6 * FRAMES_PER_S);
    drop_regions(map, keep);
    sharpen(map, f);
    TRY(measure_fullness(map, f, mem));
    TRY(cut_by_fullness(map, f, mem));
    judge_regions(map, f);
    follow_rings(map, f, level, floor_db < threshold - 6 ? floor_db : threshold - 6);
    for (int32_t k = 0; k < f->n; k++)
        map->music[k] = 0.3F / (1 + expf(-(level[k] - threshold) / 2)); /* loud, but in no take */
    for (int32_t r = 0; r < map->n; r++)
        for (int32_t k = map->regions[r].first; k < map->regions[r].end; k++)
            map->music[k] = 0.5F + 0.5F / (1 + expf(-(level[k] - threshold) / 2));
out:
    return st;
}
