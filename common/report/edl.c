/* Writing CMX 3600. In a dissolve the second line starts where the blend does, so its clip is moved there. */
#include "common/report/edl.h"

#include <math.h>
#include <stdio.h>

#include "common/host/file.h"

enum { DAY_FRAMES = 24 * 3600 * EDL_FPS, MAX_EVENTS = 999, MAX_BLEND = 255 };

typedef struct List {
    ByteWriter *w;
    const SourceList *sources;
    double rate;
} List;

static int64_t frames_of(const List *l, int64_t samples) {
    return llround((double)samples * EDL_FPS / l->rate);
}

static void put_time(ByteWriter *w, int64_t frames) {
    bytes_printf(w, " %02lld:%02lld:%02lld:%02lld", (long long)frames / (3600 * EDL_FPS),
                 (long long)frames / (60 * EDL_FPS) % 60, (long long)frames / EDL_FPS % 60,
                 (long long)frames % EDL_FPS);
}

static void put_event(const List *l, int32_t number, int32_t source, const char *transition, int64_t from,
                      int64_t at, int64_t n) {
    bytes_printf(l->w, "%03d  RAW%05d AA    %-8s", number, source + 1, transition);
    put_time(l->w, from);
    put_time(l->w, from + n);
    put_time(l->w, at);
    put_time(l->w, at + n);
    bytes_printf(l->w, "\n");
}

/* Words on one line. */
static void put_line(ByteWriter *w, const char *before, const char *text) {
    bytes_printf(w, "%s", before);
    for (; *text; text++) {
        const char c = (unsigned char)*text < ' ' ? ' ' : *text;
        bytes_put(w, &c, 1);
    }
    bytes_printf(w, "\n");
}

/* A clip from frame `at` of the song on, for n frames: where that is in its file. */
static int64_t source_frame(const List *l, const Clip *c, int64_t at) {
    const int64_t from = frames_of(l, c->source_start) + at - frames_of(l, c->song_start);
    return from > 0 ? from : 0;
}

static void put_clip(const List *l, int32_t number, const Clip *c, const Clip *before, int64_t at, int64_t n,
                     int64_t blend) {
    char transition[32] = "C";
    if (blend > 0) { /* out of the clip before, which is named again */
        snprintf(transition, sizeof transition, "D    %03lld", (long long)blend);
        put_event(l, number, before->source, "C", source_frame(l, before, at), at, 0);
    }
    put_event(l, number, c->source, transition, source_frame(l, c, at), at, n);
    char name[PATH_BYTES];
    if (blend > 0) put_line(l->w, "* FROM CLIP NAME: ", source_name(name, l->sources->paths[before->source]));
    put_line(l->w, blend > 0 ? "* TO CLIP NAME: " : "* FROM CLIP NAME: ",
             source_name(name, l->sources->paths[c->source]));
}

Status edl_put(ByteWriter *w, const Edit *edit, const MixPlan *plan, const SourceList *sources,
               const char *title) {
    const List l = {w, sources, sources->sample_rate_hz};
    Clips clips;
    Status st = clips_cut(&clips, edit, plan, sources, CLIPS_ABUT);
    if (st != BS_OK) return st;
    if (frames_of(&l, sources->n_samples) >= DAY_FRAMES || frames_of(&l, plan->n_samples) >= DAY_FRAMES)
        TRY(fail(BS_UNSUPPORTED, "a decision list of CMX 3600 cannot name more than 24 hours"));
    if (clips.n > MAX_EVENTS)
        TRY(fail(BS_UNSUPPORTED, "a decision list of CMX 3600 has at most %d events, the song has %d",
                 MAX_EVENTS, clips.n));
    put_line(w, "TITLE: ", title);
    bytes_printf(w, "FCM: NON-DROP FRAME\n\n");
    /* events start where the blend into them does */
    for (int32_t i = 0; i < clips.n; i++) {
        const Clip *c = &clips.list[i], *next = i + 1 < clips.n ? &clips.list[i + 1] : NULL;
        const Clip *before = i ? &clips.list[i - 1] : NULL;
        int64_t blend = before ? frames_of(&l, before->fade_out + c->fade_in) : 0;
        int64_t blend_next = next ? frames_of(&l, c->fade_out + next->fade_in) : 0;
        if (blend < 2) blend = 0;
        if (blend_next < 2) blend_next = 0;
        const int64_t at = frames_of(&l, c->song_start - (blend ? c->fade_in : 0));
        const int64_t end = next ? frames_of(&l, next->song_start - (blend_next ? next->fade_in : 0))
                                 : frames_of(&l, c->song_start + c->n_samples);
        if (end <= at) continue; /* shorter than a frame */
        if (blend > end - at) blend = end - at;
        if (blend > MAX_BLEND) blend = MAX_BLEND;
        put_clip(&l, i + 1, c, before, at, end - at, blend);
        bytes_printf(w, "* BANDSAW SAMPLES %d %lld %lld\n", sources->sample_rate_hz,
                     (long long)c->source_start, (long long)(c->source_start + c->n_samples));
    }
    if (w->bad)
        st = fail(BS_TOO_BIG, "the decision list is larger than %zu bytes, or memory is out", w->max_bytes);
out:
    clips_drop(&clips);
    return st;
}
