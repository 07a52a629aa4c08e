/* Around each seam the song and both lines are read side by side, half a second and the fade to each side.
 * The song there is what the mixdown makes of an edit that has only those two pieces, which is what it makes
 * of them in the whole edit. */
#include "simulator/judge_ear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/audio/mixdown.h"
#include "simulator/judge_sound.h"
#include "simulator/judge_terms.h"

enum {
    REACH_MS = 500,
    FADE_OUT_MS = 60, /* of the piece's end, not heard */
    OFFSET_MS = 50,
    MATCH_MS = 3000, /* compared to find the offset of a file */
    MEMORY = 8192    /* seams remembered; a power of two */
};

typedef struct Known {
    int64_t out, in, n_out, n_in; /* n_in 0: nothing */
    int32_t fade;
    SeamSound sound;
} Known;

typedef struct Block {
    float *x;
    int64_t room;
} Block;

struct JudgeEar {
    const Truth *truth;
    AudioReader *raw;
    int32_t wide, rate_hz;
    Block song, a, b, frames;
    Known *known; /* MEMORY, by hash */
};

void ear_close(JudgeEar *e) {
    if (!e) return;
    audio_close(e->raw);
    free(e->song.x);
    free(e->a.x);
    free(e->b.x);
    free(e->frames.x);
    free(e->known);
    free(e);
}

Status ear_open(JudgeEar **out, const Truth *t, const char *const *files, int32_t n_files) {
    Status st = BS_OK;
    JudgeEar *e = calloc(1, sizeof *e);
    *out = NULL;
    if (!e) return fail(BS_NOMEM, "no memory to hear %s", files[0]);
    e->truth = t;
    e->known = calloc(MEMORY, sizeof *e->known);
    if (!e->known) {
        st = fail(BS_NOMEM, "no memory to hear %s", files[0]);
        goto out;
    }
    TRY(audio_open(&e->raw, files, n_files));
    AudioInfo info = audio_info(e->raw);
    if (info.n_samples != t->n_samples || info.sample_rate_hz != t->sample_rate_hz) {
        st = fail(BS_INVALID, "%s: %lld samples at %d Hz, but the truth is of %lld at %d Hz", files[0],
                  (long long)info.n_samples, info.sample_rate_hz, (long long)t->n_samples, t->sample_rate_hz);
        goto out;
    }
    e->wide = info.n_channels;
    e->rate_hz = info.sample_rate_hz;
    *out = e;
    e = NULL;
out:
    ear_close(e);
    return st;
}

static Status make_room(Block *block, int64_t n) {
    if (n <= block->room) return BS_OK;
    float *larger = realloc(block->x, (size_t)n * sizeof *larger);
    if (!larger) return fail(BS_NOMEM, "no memory to hear %lld samples", (long long)n);
    *block = (Block){larger, n};
    return BS_OK;
}

/* Samples [at, at + n), zero where there are none. */
static Status read_mono(JudgeEar *e, AudioReader *reader, int64_t at, int64_t n, float *out) {
    Status st = BS_OK;
    const AudioInfo info = audio_info(reader);
    const int64_t first = at < 0 ? 0 : at, end = at + n < info.n_samples ? at + n : info.n_samples;
    int64_t got;
    memset(out, 0, (size_t)n * sizeof *out);
    if (end <= first) return BS_OK;
    TRY(make_room(&e->frames, (end - first) * info.n_channels));
    TRY(audio_read_at(reader, first, end - first, e->frames.x, &got));
    audio_mix_down(e->frames.x, got, info.n_channels, out + (first - at));
out:
    return st;
}

typedef struct Sink {
    float *mono;
    int64_t n, room;
    int32_t wide;
} Sink;

static Status take(void *to, const float *samples, int64_t n) {
    Sink *sink = to;
    if (n > sink->room - sink->n) n = sink->room - sink->n;
    audio_mix_down(samples, n, sink->wide, sink->mono + sink->n);
    sink->n += n;
    return BS_OK;
}

static double beat_length(void *context, int64_t at) {
    const Truth *t = context;
    int32_t u = truth_unit_at(t, at < t->n_samples ? at : t->n_samples - 1);
    return t->units[u].kind == UNIT_BEAT ? (double)(truth_unit_end(t, u) - t->units[u].start_sample)
                                         : 0.5 * t->sample_rate_hz;
}

/* Two pieces, rendered: e->song holds the first one's n_out samples and then n_in. */
static Status render(JudgeEar *e, const Edit *two, int64_t n_heard) {
    Status st = BS_OK;
    MixPlan plan = {0};
    TRY(mix_plan(&plan, two, e->raw, beat_length, (void *)(uintptr_t)e->truth));
    const int64_t most = plan.tail_samples + (int64_t)FADE_OUT_MS * e->rate_hz / 1000;
    if (plan.tail_fade_samples > most) plan.tail_fade_samples = most; /* the whole edit goes on there */
    TRY(make_room(&e->song, plan.n_samples));
    Sink sink = {.mono = e->song.x, .room = plan.n_samples, .wide = e->wide};
    TRY(mix_render_to(&plan, two, e->raw, take, &sink, NULL, NULL));
    memmove(e->song.x, e->song.x + plan.lead_in_samples, (size_t)n_heard * sizeof *e->song.x);
out:
    mix_plan_drop(&plan);
    return st;
}

/* What is read of each side of a seam. */
typedef struct Window {
    int64_t out, in; /* where A ends and B begins in the recording */
    int64_t n_out, n_in;
    int32_t fade_samples;
    Fade fade;
} Window;

static Window window_of(const JudgeEar *e, const EditSegment *a, const EditSegment *b) {
    Window w = {.out = a->end_sample, .in = b->start_sample, .fade = (Fade)b->fade};
    w.fade_samples = (int32_t)(fade_beats(w.fade) * beat_length((void *)(uintptr_t)e->truth, w.in));
    int64_t reach = (int64_t)REACH_MS * e->rate_hz / 1000 + w.fade_samples;
    w.n_out = a->end_sample - a->start_sample < reach ? a->end_sample - a->start_sample : reach;
    w.n_in = b->end_sample - b->start_sample < reach ? b->end_sample - b->start_sample : reach;
    return w;
}

static Status render_window(JudgeEar *e, const Window *w, const EditSegment *b) {
    Status st = BS_OK;
    Edit two;
    int64_t end = w->in + w->n_in + (int64_t)FADE_OUT_MS * e->rate_hz / 1000;
    edit_init(&two);
    two.sample_rate_hz = e->rate_hz;
    TRY(edit_append(&two, w->out - w->n_out, w->out, FADE_SHORT));
    TRY(edit_append(&two, w->in, end < b->end_sample ? end : b->end_sample, w->fade));
    TRY(render(e, &two, w->n_out + w->n_in));
out:
    edit_drop(&two);
    return st;
}

/* The song is in e->song. */
static Status listen(JudgeEar *e, const Window *w, SeamSound *sound) {
    Status st = BS_OK;
    const int64_t n = w->n_out + w->n_in;
    TRY(make_room(&e->a, n));
    TRY(make_room(&e->b, n));
    TRY(read_mono(e, e->raw, w->out - w->n_out, n, e->a.x));
    TRY(read_mono(e, e->raw, w->in - w->n_out, n, e->b.x));
    *sound = seam_listen(&(SeamLines){.song = e->song.x,
                                      .a = e->a.x,
                                      .b = e->b.x,
                                      .n_samples = (int32_t)n,
                                      .seam = (int32_t)w->n_out,
                                      .fade_samples = w->fade_samples,
                                      .rate_hz = e->rate_hz});
out:
    return st;
}

static Known *known_at(JudgeEar *e, const Window *w) {
    uint64_t key = (uint64_t)w->out * 0x9e3779b97f4a7c15u ^ (uint64_t)w->in * 0xc2b2ae3d27d4eb4fu;
    return &e->known[(key >> 40 ^ w->fade) & (MEMORY - 1)];
}

static bool is_known(const Known *k, const Window *w) {
    return k->n_in > 0 && k->out == w->out && k->in == w->in && k->n_out == w->n_out && k->n_in == w->n_in &&
           k->fade == (int32_t)w->fade;
}

static void add(Heard *heard, const SeamSound *s) {
    heard->n_seams++;
    heard->n_clicks += s->click;
    heard->n_flams += s->flam;
    heard->n_cut_notes += s->cut_note;
    heard->level_db += s->level_db;
    heard->fault += PRICE_CLICK * s->click + PRICE_FLAM * s->flam + PRICE_CUT_NOTE * s->cut_note +
                    PRICE_LEVEL_DB * s->level_db;
}

Status ear_hear(JudgeEar *e, const Edit *edit, Heard *heard) {
    Status st = BS_OK;
    *heard = (Heard){0};
    for (int32_t i = 1; i < edit->n_segments; i++) {
        const EditSegment *b = &edit->segments[i];
        if (b[-1].end_sample == b->start_sample) continue;
        Window w = window_of(e, &b[-1], b);
        Known *known = known_at(e, &w);
        if (!is_known(known, &w)) {
            SeamSound sound;
            TRY(render_window(e, &w, b));
            TRY(listen(e, &w, &sound));
            *known = (Known){w.out, w.in, w.n_out, w.n_in, (int32_t)w.fade, sound};
        }
        add(heard, &known->sound);
    }
out:
    return st;
}

/* ---- a file */

/* Where in the song the edit begins, and how loud it is against the recording. */
static Status find_offset(JudgeEar *e, const Edit *edit, AudioReader *song, const char *path, int64_t *offset,
                          double *gain) {
    Status st = BS_OK;
    const EditSegment *s = &edit->segments[0];
    const int64_t most = (int64_t)OFFSET_MS * e->rate_hz / 1000;
    int64_t n = s->end_sample - s->start_sample, longest = (int64_t)MATCH_MS * e->rate_hz / 1000;
    if (n > longest) n = longest;
    TRY(make_room(&e->a, n));
    TRY(make_room(&e->song, n + 2 * most));
    TRY(read_mono(e, e->raw, s->start_sample, n, e->a.x));
    TRY(read_mono(e, song, -most, n + 2 * most, e->song.x));
    double best = 0;
    *gain = 0;
    for (int64_t k = 0; k <= 2 * most; k++) {
        double ab = 0, aa = 0, bb = 0;
        for (int64_t i = 0; i < n; i += 3) {
            double x = (double)e->a.x[i], y = (double)e->song.x[i + k];
            ab += x * y;
            aa += x * x;
            bb += y * y;
        }
        if (ab <= 0 || aa <= 0 || bb <= 0 || ab / sqrt(aa * bb) <= best) continue;
        best = ab / sqrt(aa * bb);
        *gain = ab / aa;
        *offset = k - most;
    }
    if (best < 0.5)
        return fail(BS_INVALID,
                    "%s: is no rendering of this edit: its beginning is another one (correlation %.2f)", path,
                    best);
out:
    return st;
}

static Status check_song(const JudgeEar *e, const Edit *edit, AudioReader *song, const char *path) {
    const AudioInfo info = audio_info(song);
    if (info.sample_rate_hz != e->rate_hz)
        return fail(BS_INVALID, "%s: %d Hz, but the recording has %d Hz", path, info.sample_rate_hz,
                    e->rate_hz);
    if (info.n_samples < edit_samples(edit) - (int64_t)OFFSET_MS * e->rate_hz / 1000)
        return fail(BS_INVALID, "%s: is no rendering of this edit: %.1f s long, but the edit is %.1f s", path,
                    (double)info.n_samples / e->rate_hz, (double)edit_samples(edit) / e->rate_hz);
    return BS_OK;
}

Status ear_hear_file(JudgeEar *e, const Edit *edit, const char *path, Heard *heard) {
    Status st = BS_OK;
    AudioReader *song = NULL;
    int64_t at = 0;
    double gain;
    *heard = (Heard){0};
    TRY(audio_open(&song, &path, 1));
    TRY(check_song(e, edit, song, path));
    TRY(find_offset(e, edit, song, path, &at, &gain));
    for (int32_t i = 1; i < edit->n_segments; i++) {
        const EditSegment *b = &edit->segments[i];
        SeamSound sound;
        at += b[-1].end_sample - b[-1].start_sample;
        if (b[-1].end_sample == b->start_sample) continue;
        Window w = window_of(e, &b[-1], b);
        TRY(make_room(&e->song, w.n_out + w.n_in));
        TRY(read_mono(e, song, at - w.n_out, w.n_out + w.n_in, e->song.x));
        for (int64_t k = 0; k < w.n_out + w.n_in; k++) e->song.x[k] = (float)((double)e->song.x[k] / gain);
        TRY(listen(e, &w, &sound));
        add(heard, &sound);
    }
out:
    audio_close(song);
    return st;
}
