/* Align: search, measure, learn the tone, fit seams; and what can be refused is refused in that order. */
#include "featurizer/align/align.h"

#include <math.h>
#include <stdlib.h>

#include "featurizer/align/pieces.h"

static const double shortest_s = 1;
static const float least_share = 0.1F; /* of the edit in pieces: less is chance */

const char *const align_shape_names[FADE_SHAPES] = {"cut", "linear", "power", "sine", "cosine", "dip"};
const char *const align_other_names[OTHER_KINDS] = {"unknown", "silence", "covered"};

const char *const align_move_names[ALIGN_MOVES] = {"start", "cut", "loop", "reuse", "reorder"};

AlignMove align_move(const Alignment *a, int32_t i) {
    const AlignPiece *p = &a->pieces[i];
    const int64_t same = a->raw_rate_hz / 20;
    if (i == 0 || !p->joined) return MOVE_START;
    if (llabs(p->raw_start - p[-1].raw_start) < same) return MOVE_LOOP;
    for (int32_t k = 0; k < i; k++) {
        const AlignPiece *q = &a->pieces[k];
        const int64_t from = q->raw_start > p->raw_start ? q->raw_start : p->raw_start;
        const int64_t to = q->raw_end < p->raw_end ? q->raw_end : p->raw_end;
        if (to - from > same) return MOVE_REUSE;
    }
    return p->raw_start < p[-1].raw_end - same ? MOVE_REORDER : MOVE_CUT;
}

static Status check_sound(const Pcm *pcm) {
    int64_t n;
    const float *x = pcm_coarse(pcm, &n);
    float peak = 0;
    for (int64_t i = 0; i < n; i++) peak = fabsf(x[i]) > peak ? fabsf(x[i]) : peak;
    if (peak < 1e-5F) return fail(BS_CORRUPT, "%s: only silence; nothing to align", pcm_path(pcm));
    if ((double)n < shortest_s * COARSE_HZ)
        return fail(BS_INVALID, "%s: %.2f s are too short to align; at least %g s are needed", pcm_path(pcm),
                    (double)n / COARSE_HZ, shortest_s);
    return BS_OK;
}

static Status refuse(const Pcm *raw, const Pcm *edit) {
    return fail(BS_UNSUPPORTED, "%s: no part of it is heard in %s; is it an edit of another recording?",
                pcm_path(edit), pcm_path(raw));
}

/* Most of an edit is of the recording, or it has been dubbed over; but an "edit" that holds all of a shorter
 * "recording" and much else besides is the recording. */
static Status check_order(const Alignment *a, const char *raw, const char *edit) {
    const double raw_s = (double)a->n_raw / a->raw_rate_hz, edit_s = (double)a->n_edit / a->edit_rate_hz;
    if (edit_s < 1.2 * raw_s || a->matched > 0.75F) return BS_OK;
    return fail(BS_CONFLICT,
                "%s: lasts %.1f s, the recording %s %.1f s, and only %.0f %% of it come from there; "
                "are the two mixed up?",
                edit, edit_s, raw, raw_s, 100 * (double)a->matched);
}

Status align_files(const char *const *raws, int32_t n_raws, const char *edit_path, Alignment *out) {
    Status st = BS_OK;
    Pcm *raw = NULL, *edit = NULL;
    Track track = {0};
    Run *runs = NULL;
    int32_t n_runs = 0;
    int64_t n_raw, n_edit;
    *out = (Alignment){0};
    TRY(pcm_open(&raw, raws, n_raws));
    TRY(pcm_open(&edit, &edit_path, 1));
    TRY(check_sound(raw));
    TRY(check_sound(edit));
    const AudioInfo a = pcm_info(raw), b = pcm_info(edit);
    *out = (Alignment){.raw_rate_hz = a.sample_rate_hz,
                       .edit_rate_hz = b.sample_rate_hz,
                       .n_raw = a.n_samples,
                       .n_edit = b.n_samples};
    const float *x = pcm_coarse(raw, &n_raw), *y = pcm_coarse(edit, &n_edit);
    TRY(track_find(&track, x, n_raw, y, n_edit));
    TRY(runs_of(&track, a.sample_rate_hz, b.sample_rate_hz, &runs, &n_runs));
    if (!n_runs) TRY(refuse(raw, edit));
    TRY(runs_refine(runs, n_runs, raw, edit, track.sign));
    TRY(pieces_make(runs, n_runs, &track, raw, edit, out));
    if (!out->n_pieces || out->matched < least_share) TRY(refuse(raw, edit));
    TRY(check_order(out, pcm_path(raw), edit_path));
out:
    if (st != BS_OK) align_drop(out);
    free(runs);
    track_drop(&track);
    pcm_close(edit);
    pcm_close(raw);
    return st;
}

void align_drop(Alignment *a) {
    free(a->pieces);
    free(a->others);
    *a = (Alignment){0};
}

/* By its length in beats; without beats, what is past 60 ms is half of one. */
static Fade fade_of(const AlignPiece *p, double rate_hz, double beat_s) {
    const double length_s = (double)(p->join.end - p->join.start) / rate_hz;
    if (!p->joined || length_s < 0.06) return FADE_SHORT;
    if (!(beat_s > 0)) return FADE_HALF_BEAT;
    const double beats = length_s / beat_s;
    return beats < 0.25   ? FADE_SHORT
           : beats < 0.75 ? FADE_HALF_BEAT
           : beats < 1.5  ? FADE_1_BEAT
           : beats < 3    ? FADE_2_BEATS
                          : FADE_4_BEATS;
}

Status align_edit(const Alignment *a, double beat_s, Edit *out) {
    Status st = BS_OK;
    edit_init(out);
    out->sample_rate_hz = a->raw_rate_hz;
    for (int32_t i = 0; i < a->n_pieces; i++) {
        const AlignPiece *p = &a->pieces[i];
        TRY(edit_append(out, p->raw_start, p->raw_end, i ? fade_of(p, a->edit_rate_hz, beat_s) : FADE_SHORT));
    }
out:
    if (st != BS_OK) edit_drop(out);
    return st;
}
