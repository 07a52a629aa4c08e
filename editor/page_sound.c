/* Sound in the page. Bit rates are constant, so what fits is known before anything is encoded. */
#include "editor/page_sound.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/audio/preview.h"
#include "common/host/file.h"
#include "editor/page_parts.h"

enum { BLOCK_FRAMES = 16384, MAX_MP3_BYTES = 2 * PAGE_SOUND_BYTES, MAX_WANTED = 1 << 20 };
static const double margin_s = 0.1, gap_s = 2; /* around a stretch; stretches that are nearer become one */

enum { SONG_COST = 2, SKETCH_COST = 1 };

void page_sound_init(PageSound *p, const EditWork *work, const char *folder, Steps *steps) {
    *p = (PageSound){.work = work, .folder = folder, .steps = steps, .left_bytes = PAGE_SOUND_BYTES};
    p->all = SKETCH_COST * (double)work->sources.n_samples;
    for (int32_t i = 0; i < work->n_songs; i++) p->all += SONG_COST * (double)work->songs[i].plan.n_samples;
}

static void did(PageSound *p, double cost) {
    p->done += cost;
    steps_at(p->steps, p->done / p->all);
}

void page_sound_drop(PageSound *p) { free(p->wanted); }

static double seconds(const PageSound *p, int64_t n_samples) {
    return (double)n_samples / p->work->sources.sample_rate_hz;
}

/* Without an encoder no sound finds room. */
static bool has_room(const PageSound *p, PreviewKind kind, int64_t n_samples) {
    return preview_bytes(kind, seconds(p, n_samples)) <= p->left_bytes;
}

static Status add_recording(PageSound *p, int64_t start, int64_t end, Preview *preview) {
    Status st = BS_OK;
    AudioReader *reader = p->work->reader;
    float *block = malloc(sizeof *block * BLOCK_FRAMES * (size_t)audio_info(reader).n_channels);
    if (!block) return fail(BS_NOMEM, "out of memory");
    for (int64_t at = start, got; at < end; at += got) {
        TRY(audio_read_at(reader, at, end - at < BLOCK_FRAMES ? end - at : BLOCK_FRAMES, block, &got));
        if (got < 1) TRY(fail(BS_IO, "the recording ends early"));
        TRY(preview_add(preview, block, got));
        did(p, SKETCH_COST * (double)got);
    }
out:
    free(block);
    return st;
}

typedef struct SongSound {
    PageSound *page;
    Preview *preview;
} SongSound;

static Status add_song(void *to, const float *samples, int64_t n_samples) {
    const SongSound *s = to;
    did(s->page, SONG_COST * (double)n_samples);
    return preview_add(s->preview, samples, n_samples);
}

/* The song `s`, or (NULL) a stretch of the recording, as MP3. */
static Status encode(PageSound *p, const EditedSong *s, const Stretch *stretch, ByteWriter *mp3) {
    Status st = BS_OK;
    AudioReader *reader = p->work->reader;
    const AudioInfo info = audio_info(reader);
    Preview *preview = NULL;
    TRY(preview_open(&preview, info.sample_rate_hz, info.n_channels, s ? PREVIEW_SONG : PREVIEW_SKETCH));
    if (s)
        TRY(mix_render_to(&s->plan, &s->cut.edit, reader, add_song, &(SongSound){p, preview}, NULL, NULL));
    else
        TRY(add_recording(p, stretch->start, stretch->end, preview));
    TRY(preview_finish(preview, mp3));
    p->left_bytes -= (int64_t)mp3->n_bytes;
out:
    preview_close(preview);
    return st;
}

static Status put_player(PageSound *p, ByteWriter *w, const char *path, const char *of, const EditedSong *s,
                         const Stretch *stretch, bool inside) {
    Status st = BS_OK;
    char name[PATH_BYTES], label[PATH_BYTES + 64];
    ByteWriter mp3;
    bytes_init(&mp3, MAX_MP3_BYTES);
    if (inside) TRY(encode(p, s, stretch, &mp3));
    if (inside)
        snprintf(label, sizeof label, "%s, in this page as MP3 (%.1f MB)", source_name(name, path),
                 (double)mp3.n_bytes / 1e6);
    else
        snprintf(label, sizeof label, "%s, beside this page", source_name(name, path));
    page_player(w, label, of, seconds(p, stretch->start), seconds(p, stretch->end));
    if (inside)
        page_mp3(w, mp3.bytes, mp3.n_bytes);
    else
        page_file(w, path, p->folder);
    page_player_end(w);
out:
    bytes_drop(&mp3);
    return st;
}

Status page_sound_song(PageSound *p, ByteWriter *w, const EditedSong *s, const char *of) {
    const Stretch all = {0, s->plan.n_samples};
    const bool inside = has_room(p, PREVIEW_SONG, all.end);
    Status st = put_player(p, w, s->names.song, of, s, &all, inside);
    if (st != BS_UNSUPPORTED || !inside) return st;
    p->left_bytes = 0;
    return put_player(p, w, s->names.song, of, s, &all, false);
}

void page_sound_want(PageSound *p, int64_t start, int64_t end) {
    if (p->n_wanted == p->room) {
        const int32_t room = p->room ? 2 * p->room : 64;
        Stretch *grown = room > MAX_WANTED ? NULL : realloc(p->wanted, sizeof *grown * (size_t)room);
        p->bad |= !grown;
        if (!grown) return;
        p->wanted = grown;
        p->room = room;
    }
    const int64_t margin = (int64_t)(margin_s * p->work->sources.sample_rate_hz);
    const int64_t last = p->work->sources.n_samples;
    p->wanted[p->n_wanted++] =
        (Stretch){start > margin ? start - margin : 0, end + margin < last ? end + margin : last};
}

static int by_start(const void *a, const void *b) {
    const Stretch *x = a, *y = b;
    return x->start != y->start ? (x->start > y->start) - (x->start < y->start)
                                : (x->end > y->end) - (x->end < y->end);
}

/* Overlapping stretches, and those that nearly touch, become one. */
static void merge(PageSound *p) {
    const int64_t gap = (int64_t)(gap_s * p->work->sources.sample_rate_hz);
    int32_t n = 0;
    qsort(p->wanted, (size_t)p->n_wanted, sizeof *p->wanted, by_start);
    for (int32_t i = 0; i < p->n_wanted; i++) {
        const Stretch s = p->wanted[i];
        if (n && s.start <= p->wanted[n - 1].end + gap) {
            if (s.end > p->wanted[n - 1].end) p->wanted[n - 1].end = s.end;
        } else {
            p->wanted[n++] = s;
        }
    }
    p->n_wanted = n;
}

/* What buttons play, without players of its own. */
static Status put_wanted(PageSound *p, ByteWriter *w) {
    Status st = BS_OK;
    ByteWriter mp3;
    bytes_init(&mp3, MAX_MP3_BYTES);
    merge(p);
    for (int32_t i = 0; i < p->n_wanted; i++) {
        const Stretch *s = &p->wanted[i];
        if (!has_room(p, PREVIEW_SKETCH, s->end - s->start)) continue;
        mp3.n_bytes = 0;
        TRY(encode(p, NULL, s, &mp3));
        page_player(w, NULL, "raw", seconds(p, s->start), seconds(p, s->end));
        page_mp3(w, mp3.bytes, mp3.n_bytes);
        page_player_end(w);
    }
out:
    bytes_drop(&mp3);
    return st;
}

Status page_sound_recording(PageSound *p, ByteWriter *w) {
    Status st = BS_OK;
    const SourceList *sources = &p->work->sources;
    const bool whole = has_room(p, PREVIEW_SKETCH, sources->n_samples);
    if (p->bad) return fail(BS_NOMEM, "no memory for what %d buttons play", p->n_wanted);
    if (!whole) TRY(put_wanted(p, w));
    for (int32_t i = 0; i < sources->n; i++)
        TRY(put_player(p, w, sources->paths[i], "raw", NULL,
                       &(Stretch){sources->start[i], sources->start[i] + sources->samples[i]}, whole));
out:
    return st;
}
