/* Four beats around the place (two before, two after) against what is usual in the take; how the level goes
 * on after it; where in the bar it is; and how far from the edge that presence and the grid gave. */
#include "featurizer/dsp/edge_cues.h"

#include <math.h>
#include <string.h>

#include "featurizer/dsp/chroma.h"

enum { WINDOWS = 4, COLOURS = 4, NEAR = 8, USUAL_MOST = 4096 };

typedef struct Usual {
    float level_db, colour[COLOURS], drums_db, bass_db;
} Usual;

static float clampf(float x, float lo, float hi) { return x < lo ? lo : x > hi ? hi : x; }

static float mean_s(const float *v, int32_t n, double from_s, double to_s) {
    int32_t a = (int32_t)(from_s * FRAMES_PER_S), b = (int32_t)(to_s * FRAMES_PER_S) + 1;
    double sum = 0;
    if (a < 0) a = 0;
    if (a > n - 1) a = n - 1;
    if (b > n) b = n;
    if (b <= a) b = a + 1;
    for (int32_t k = a; k < b; k++) sum += v[k];
    return (float)(sum / (b - a));
}

static double length_at(const BeatTrack *t, bool at_end) {
    float length[NEAR];
    int32_t n = t->n < NEAR ? t->n : NEAR, from = at_end ? t->n - n : 0;
    for (int32_t k = 0; k < n; k++) length[k] = (float)(t->time_s[from + k + 1] - t->time_s[from + k]);
    return median_of(length, n);
}

double edge_time(const BeatTrack *t, int32_t beat) {
    if (beat < 0) return t->time_s[0] + beat * length_at(t, false);
    return beat <= t->n ? t->time_s[beat] : t->time_s[t->n] + (beat - t->n) * length_at(t, true);
}

int32_t edge_phase(const TakeBeats *take, int32_t meter, int32_t beat) {
    const int32_t last = take->track.n - 1, from = beat < 0 ? 0 : beat > last ? last : beat;
    return ((take->phase[from] + beat - from) % meter + meter) % meter;
}

static void colours_of(const Measure *m, float *colour) {
    const int32_t wide = MEASURE_MEL / COLOURS;
    for (int32_t c = 0; c < COLOURS; c++) {
        colour[c] = 0;
        for (int32_t i = 0; i < wide; i++) colour[c] += m->mel[c * wide + i] / (float)wide;
    }
}

static Usual usual_of(const TakeBeats *take) {
    Usual u = {0};
    float levels[USUAL_MOST], colour[COLOURS];
    const int32_t n = take->track.n < USUAL_MOST ? take->track.n : USUAL_MOST;
    for (int32_t k = 0; k < n; k++) {
        const Measure *m = &take->measures[k];
        levels[k] = m->level_db;
        colours_of(m, colour);
        for (int32_t c = 0; c < COLOURS; c++) u.colour[c] += colour[c] / (float)n;
        u.drums_db += m->stem_db[STEM_DRUMS] / (float)n;
        u.bass_db += m->stem_db[STEM_BASS] / (float)n;
    }
    u.level_db = median_of(levels, n);
    return u;
}

/* A beat's length of time as fifteen numbers. */
static float *beat_cues(float *x, const EdgeView *v, const Usual *usual, const Measure *m, double from_s,
                        double to_s) {
    float colour[COLOURS], struck = 0;
    colours_of(m, colour);
    *x++ = clampf(m->level_db - usual->level_db, -40, 20) / 10;
    for (int32_t c = 0; c < COLOURS; c++) *x++ = clampf(colour[c] - usual->colour[c], -40, 20) / 10;
    for (int32_t g = 0; g < ONSET_BANDS; g++) {
        *x++ = m->hit[g];
        struck += m->onset[g];
    }
    *x++ = struck;
    *x++ = clampf(m->stem_db[STEM_DRUMS] - usual->drums_db, -40, 20) / 10;
    *x++ = clampf(m->stem_db[STEM_BASS] - usual->bass_db, -40, 20) / 10;
    *x++ = m->vocal;
    *x++ = clampf(mean_s(v->odds, v->f->n, from_s, to_s), -8, 8);
    *x++ = mean_s(v->music, v->f->n, from_s, to_s);
    return x;
}

/* How it dies away, or was silent before: levels around the place, and over two seconds further out. */
static float *level_cues(float *x, const EdgeView *v, EdgeSide side, const Usual *usual, double at_s,
                         double out_s) {
    static const double bounds[] = {-0.12, -0.02, 0.02, 0.12, 0.12, 0.3, 0.3, 0.6};
    const Frames *f = v->f;
    for (int i = 0; i < 8; i += 2) {
        float level = mean_s(f->level_db, f->n, at_s + bounds[i], at_s + bounds[i + 1]);
        *x++ = clampf(level - usual->level_db, -40, 20) / 10;
    }
    const double from_s = side == EDGE_START ? out_s - 2 : out_s, to_s = from_s + 2;
    *x++ = clampf(mean_s(f->level_db, f->n, from_s, to_s) - usual->level_db, -40, 20) / 10;
    *x++ = clampf(mean_s(v->odds, f->n, from_s, to_s), -8, 8);
    return x;
}

static float *place_cues(float *x, const EdgeView *v, EdgeSide side, int32_t beat, double at_s) {
    const BeatTrack *t = &v->take->track;
    const bool end = side == EDGE_END;
    const float moved = (float)(beat - (end ? t->n : 0));
    const double length = length_at(t, end);
    const double edge_s = frame_time(end ? v->region.end : v->region.first);
    const double room_s = end ? v->to_s - at_s : at_s - v->from_s;
    const int32_t phase = edge_phase(v->take, v->meter, beat);
    *x++ = phase == 0;
    *x++ = (float)phase / (float)v->meter;
    *x++ = moved;
    *x++ = fabsf(moved);
    *x++ = moved == 0;
    *x++ = clampf((float)((edge_s - at_s) / length), -8, 8);
    *x++ = clampf((float)(edge_s - at_s), -4, 4);
    *x++ = (float)length;
    *x++ = v->meter == 3;
    *x++ = v->meter == 6;
    *x++ = logf((float)t->n);
    *x++ = clampf((float)room_s, 0, 4);
    return x;
}

/* Beat k, beyond those that were found, can be one: the first half of it sounds, and there is room. */
static bool can_be_added(const EdgeView *v, int32_t k) {
    const double from_s = edge_time(&v->take->track, k), to_s = edge_time(&v->take->track, k + 1);
    if (from_s < fmax(0, v->from_s) || to_s > v->to_s) return false;
    return mean_s(v->f->level_db, v->f->n, from_s, 0.5 * (from_s + to_s)) >= v->silent_db;
}

void edge_places(const EdgeView *v, EdgeSide side, EdgePlaces *out) {
    const BeatTrack *t = &v->take->track;
    const Usual usual = usual_of(v->take);
    const int32_t found = side == EDGE_END ? t->n : 0;
    int32_t least = found, most = found;
    if (side == EDGE_START) {
        most = EDGE_REACH < t->n - 1 ? EDGE_REACH : t->n - 1;
        while (least > -EDGE_REACH && can_be_added(v, least - 1)) least--;
    } else {
        least = found - EDGE_REACH > 1 ? found - EDGE_REACH : 1;
        while (most < found + EDGE_REACH && can_be_added(v, most)) most++;
    }
    memset(out, 0, sizeof *out);
    for (int32_t beat = least; beat <= most; beat++) {
        const double at_s = edge_time(t, beat);
        float *cues = out->cues[out->n] + (side == EDGE_END ? EDGE_SIDE_CUES : 0), *x = cues;
        Measure m[WINDOWS];
        double time_s[WINDOWS + 1];
        for (int32_t w = 0; w <= WINDOWS; w++) time_s[w] = edge_time(t, beat - 2 + w);
        for (int32_t w = 0; w < WINDOWS; w++) {
            const int32_t k = beat - 2 + w;
            if (k >= 0 && k < t->n)
                m[w] = v->take->measures[k];
            else
                measure_span(v->f, time_s[w], time_s[w + 1], &m[w]);
            x = beat_cues(x, v, &usual, &m[w], time_s[w], time_s[w + 1]);
        }
        *x++ = chroma_likeness(m[0].chroma, m[1].chroma);
        *x++ = chroma_likeness(m[1].chroma, m[2].chroma);
        *x++ = chroma_likeness(m[2].chroma, m[3].chroma);
        x = level_cues(x, v, side, &usual, at_s, side == EDGE_START ? time_s[0] : time_s[WINDOWS]);
        x = place_cues(x, v, side, beat, at_s);
        BS_ASSERT(x - cues == EDGE_SIDE_CUES);
        out->beat[out->n] = beat;
        out->time_s[out->n++] = at_s;
    }
}
