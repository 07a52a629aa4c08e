/* Cutting the timeline: gaps of at most two seconds, takes beat by beat, the ring-out after each take. */
#include <math.h>
#include <string.h>

#include "common/song/song.h"
#include "featurizer/dsp/hearing.h"

enum { FREE_BARS = 4, FREE_SECTION_BARS = 16 };
static const double longest_s = 1.99, free_s = 1.0, least_s = 0.02;

typedef struct Cutter {
    const Hearing *h;
    Stretches *out;
    int32_t room, bar, phrase, section; /* numbers of the last bar, phrase and section given out */
} Cutter;

static Stretch *add(Cutter *c, double start_s, int32_t kind, int32_t take) {
    if (c->out->n == c->room) return NULL;
    Stretch *s = &c->out->list[c->out->n++];
    *s = (Stretch){start_s, kind, take, -1, -1, -1, -1, -1, 0};
    return s;
}

static void add_pieces(Cutter *c, double from_s, double to_s, double piece_s, int32_t kind, int32_t take) {
    int32_t n = (int32_t)ceil((to_s - from_s) / piece_s - 1e-9);
    for (int32_t i = 0; i < n; i++) add(c, from_s + (to_s - from_s) * i / n, kind, take);
}

static void add_beats(Cutter *c, int32_t take) {
    const Hearing *h = c->h;
    const TakeBeats *tb = &h->takes[take];
    const HeardTune *tune = &h->tunes[h->tune_of[take]];
    const TakeBars *bars = &tune->form.takes[h->member[take]];
    int32_t slot_before = -2, since = 0;
    for (int32_t b = 0; b < bars->n; b++) {
        int32_t slot = bars->bars[b].slot;
        bool follows = b > 0 && (slot >= 0 ? slot == slot_before + 1 : slot_before == -1);
        bool section, phrase;
        since = follows ? since + 1 : 0;
        if (slot >= 0) {
            section = !follows || tune->sections.start[slot];
            phrase = section || tune->sections.phrase[slot];
        } else {
            section = since % FREE_SECTION_BARS == 0;
            phrase = since % FREE_BARS == 0;
        }
        c->bar++;
        c->section += section;
        c->phrase += phrase;
        slot_before = slot;
        for (int32_t k = 0; k < bars->bars[b].n_beats; k++) {
            int32_t beat = bars->bars[b].first_beat + k;
            Stretch *s = add(c, tb->track.time_s[beat], UNIT_BEAT, take);
            if (!s) return;
            s->beat = beat;
            s->bar = c->bar;
            s->phrase = c->phrase;
            s->section = c->section;
            s->slot = slot;
            s->phase = tb->phase[beat];
        }
    }
}

static void add_free(Cutter *c, double from_s, double to_s, int32_t take) {
    int32_t first = c->out->n;
    add_pieces(c, from_s, to_s, free_s, UNIT_FREE, take);
    for (int32_t i = first; i < c->out->n; i++) {
        c->section += (i - first) % (FREE_SECTION_BARS * 2) == 0;
        c->phrase += (i - first) % (FREE_BARS * 2) == 0;
        c->out->list[i].bar = ++c->bar;
        c->out->list[i].phrase = c->phrase;
        c->out->list[i].section = c->section;
    }
}

static double take_start(const Hearing *h, int32_t t) {
    const BeatTrack *track = &h->takes[t].track;
    return track->n ? fmax(0, track->time_s[0]) : frame_time(h->map.regions[t].first);
}

Status stretches_cut(const Hearing *h, Stretches *out, Arena *mem) {
    double end_s = (double)h->frames.n_samples / ANALYSIS_HZ, at = 0;
    size_t room = (size_t)(end_s / free_s) + 64;
    for (int32_t t = 0; t < h->n_takes; t++) room += (size_t)h->takes[t].track.n + 8;
    *out = (Stretches){0, arena_alloc(mem, sizeof(Stretch) * room)};
    if (!out->list) return fail(BS_NOMEM, "hearing: out of memory");
    Cutter c = {h, out, (int32_t)room, -1, -1, -1};
    for (int32_t t = 0; t < h->n_takes; t++) {
        const BeatTrack *track = &h->takes[t].track;
        double start = take_start(h, t), limit = t + 1 < h->n_takes ? take_start(h, t + 1) : end_s;
        if (start > at) {
            bool sliver = start - at < least_s && out->n && out->list[out->n - 1].kind != UNIT_BEAT;
            if (!sliver) add_pieces(&c, at, start, longest_s, UNIT_GAP, -1);
        }
        double over = track->n ? track->time_s[track->n] : frame_time(h->map.regions[t].end);
        if (over > limit) over = limit;
        if (track->n)
            add_beats(&c, t);
        else
            add_free(&c, start, over, t);
        double ring = fmin(limit, frame_time(h->map.regions[t].ring_end));
        at = over;
        if (ring - over > 0.05) {
            double tail = fmin(ring - over, longest_s);
            if (limit - over - tail < least_s && limit - over <= longest_s) tail = limit - over;
            add(&c, over, UNIT_TAIL, t);
            at = over + tail;
        }
    }
    if (end_s - at > (out->n ? least_s : 0)) add_pieces(&c, at, end_s, longest_s, UNIT_GAP, -1);
    if (out->n) out->list[0].start_s = 0;
    return BS_OK;
}
