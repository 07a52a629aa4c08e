/* Cutting an Edit into clips: at output position x a segment plays the recording at x - out + start. */
#include "common/report/clips.h"

#include <stdlib.h>

#include "common/host/file.h"

void clips_drop(Clips *clips) {
    free(clips->list);
    *clips = (Clips){0};
}

const char *source_name(char out[PATH_BYTES], const char *path) {
    tracks_named(path, out);
    return path_base(out);
}

int32_t source_at(const SourceList *sources, int64_t at) {
    int32_t i = 0;
    while (i + 1 < sources->n && at >= sources->start[i + 1]) i++;
    return i;
}

typedef struct Piece {
    int64_t begin, end, fade_in, fade_out; /* of the song */
    int64_t ring;                          /* the last part, where the next piece is all there */
    float correlation;
} Piece;

static Piece piece_of(const Edit *edit, const MixPlan *plan, int32_t i, ClipStyle style) {
    Piece p = {
        .end = plan->n_samples, .fade_in = plan->lead_fade_samples, .fade_out = plan->tail_fade_samples};
    const bool abut = style == CLIPS_ABUT;
    if (abut) p.fade_in = p.fade_out = 0;
    if (i > 0) {
        const Seam *s = &plan->seams[i - 1];
        const int32_t change = s->fade_samples - s->ring_samples;
        p.begin = s->fade_start + (abut ? change / 2 : 0);
        p.fade_in = abut ? change / 2 : change;
        p.correlation = s->correlation;
    }
    if (i + 1 < edit->n_segments) {
        const Seam *s = &plan->seams[i];
        const int32_t change = s->fade_samples - s->ring_samples;
        p.end = s->fade_start + (abut ? change / 2 : s->fade_samples);
        p.fade_out = abut ? change - change / 2 : s->fade_samples;
        p.ring = abut ? 0 : s->ring_samples;
    }
    return p;
}

/* The piece without what the recording does not have, cut where its files meet. */
static void put_piece(Clips *clips, int32_t i, Piece p, int64_t out, int64_t start,
                      const SourceList *sources) {
    const int64_t shift = start - out;
    if (p.begin + shift < 0) p.begin = -shift;
    if (p.end + shift > sources->n_samples) p.end = sources->n_samples - shift;
    bool first = true;
    for (int64_t x = p.begin; x < p.end;) {
        const int32_t k = source_at(sources, x + shift);
        const int64_t border = sources->start[k] + sources->samples[k] - shift;
        if (border < p.end && border >= p.end - p.ring) { /* no piece only rings: it ends with its file */
            p.fade_out -= p.end - border;
            p.end = border;
        }
        const int64_t end = border < p.end ? border : p.end;
        clips->list[clips->n++] = (Clip){.segment = i,
                                         .source = k,
                                         .song_start = x,
                                         .n_samples = end - x,
                                         .source_start = x + shift - sources->start[k],
                                         .grid = first ? out - x : 0,
                                         .fade_in = first ? p.fade_in : 0,
                                         .fade_out = end == p.end ? p.fade_out : 0,
                                         .correlation = first ? p.correlation : 1};
        first = false;
        x = end;
    }
}

Status clips_cut(Clips *out, const Edit *edit, const MixPlan *plan, const SourceList *sources,
                 ClipStyle style) {
    *out = (Clips){0};
    /* a segment is cut at most once for every file */
    out->list = calloc((size_t)edit->n_segments * (size_t)sources->n + 1, sizeof *out->list);
    if (!out->list) return fail(BS_NOMEM, "clips: out of memory");
    int64_t at = plan->lead_in_samples;
    for (int32_t i = 0; i < edit->n_segments; i++) {
        const EditSegment *s = &edit->segments[i];
        put_piece(out, i, piece_of(edit, plan, i, style), at, s->start_sample, sources);
        at += s->end_sample - s->start_sample;
    }
    return BS_OK;
}
