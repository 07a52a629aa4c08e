/* Writing REAPER projects. Times are seconds with twelve decimals: exact to the sample for days of music. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/host/file.h"
#include "common/report/labels.h"
#include "common/report/rpp.h"
#include "common/song/counterpart.h"

enum { MAX_TAKES_OF_ITEM = 16 };

typedef struct Project {
    ByteWriter *w;
    const Edit *edit;
    const SourceList *sources;
    const Song *song;
    const char *folder;
    double rate;
} Project;

/* In quotes that the text does not hold; REAPER knows three kinds. */
static void put_quoted(ByteWriter *w, const char *text) {
    const char quote = !strchr(text, '"') ? '"' : !strchr(text, '\'') ? '\'' : '`';
    bytes_put(w, &quote, 1);
    for (; *text; text++) {
        char c = (unsigned char)*text < ' ' ? ' ' : *text == '`' && quote == '`' ? '\'' : *text;
        bytes_put(w, &c, 1);
    }
    bytes_put(w, &quote, 1);
}

/* A line of the project's notes: what a file is, and where. */
static void put_note(const Project *p, const char *what, const char *path) {
    char place[PATH_BYTES], relative[PATH_BYTES];
    const bool is_sum = tracks_named(path, place);
    path_relative(relative, p->folder, place);
    if (is_sum) path_join(relative, relative, "*");
    bytes_printf(p->w, "    |%s ", what);
    put_quoted(p->w, relative);
    bytes_printf(p->w, "\n");
}

static const char *source_type(const char *path) {
    const char *extension = path_extension(path);
    return !strcasecmp(extension, "flac")                                   ? "FLAC"
           : !strcasecmp(extension, "mp3")                                  ? "MP3"
           : !strcasecmp(extension, "ogg") || !strcasecmp(extension, "oga") ? "VORBIS"
                                                                            : "WAVE";
}

/* ---- the tempo map: one point a bar of the song ---- */

static void put_tempo_point(const Project *p, double at_s, double bpm, int32_t meter) {
    bytes_printf(p->w, "    PT %.12f %.10f 1 %d 0 1\n", at_s, bpm, meter > 0 ? 4 << 16 | meter : 0);
}

static double tempo_of(const Song *song, int32_t u) {
    return song->units[u].tempo_bpm > 0                    ? (double)song->units[u].tempo_bpm
           : song->n_tunes && song->tunes[0].tempo_bpm > 0 ? (double)song->tunes[0].tempo_bpm
                                                           : 120;
}

/* Points at the starts of segments and bars; a bar's tempo makes its beats fill it exactly. */
static void put_tempo_map(const Project *p, const MixPlan *plan) {
    const Song *song = p->song;
    bytes_printf(p->w, "  <TEMPOENVEX\n    ACT 1 -1\n    VIS 1 0 1\n    LANEHEIGHT 0 0\n    ARM 0\n"
                       "    DEFSHAPE 1 -1 -1\n");
    int64_t at = plan->lead_in_samples;
    for (int32_t i = 0; i < p->edit->n_segments; i++) {
        const EditSegment *s = &p->edit->segments[i];
        for (int32_t u = song_unit_at(song, s->start_sample);
             u < song->n_units && song->units[u].start_sample < s->end_sample;) {
            int32_t v = u + 1, beats = 1;
            while (v < song->n_units && song->units[u].bar >= 0 && song->units[v].bar == song->units[u].bar)
                v++, beats++;
            const int64_t from =
                song->units[u].start_sample < s->start_sample ? s->start_sample : song->units[u].start_sample;
            double bpm = tempo_of(song, u);
            if (song->units[u].kind == UNIT_BEAT)
                bpm = 60.0 * beats * p->rate /
                      (double)(song_unit_end(song, v - 1) - song->units[u].start_sample);
            if (bpm > 20 && bpm < 960)
                put_tempo_point(
                    p, i || from > s->start_sample ? (double)(at + from - s->start_sample) / p->rate : 0, bpm,
                    beats);
            u = v;
        }
        at += s->end_sample - s->start_sample;
    }
    bytes_printf(p->w, "  >\n");
}

/* ---- items ---- */

static void put_source(const Project *p, const char *path) {
    char relative[PATH_BYTES];
    bytes_printf(p->w, "      <SOURCE %s\n        FILE ", source_type(path));
    put_quoted(p->w, path_relative(relative, p->folder, path));
    bytes_printf(p->w, "\n      >\n");
}

static void put_take(const Project *p, const char *name, double offset_s, const char *path) {
    bytes_printf(p->w, "      NAME ");
    put_quoted(p->w, name);
    bytes_printf(
        p->w,
        "\n      VOLPAN 1 0 1 -1\n      SOFFS %.12f\n      PLAYRATE 1 1 0 -1 0 0.0025\n      CHANMODE 0\n",
        offset_s);
    put_source(p, path);
}

static void take_name(const Project *p, int64_t sample, char out[64]) {
    char text[TIME_TEXT];
    const int32_t take =
        p->song && sample < p->song->n_samples ? p->song->units[song_unit_at(p->song, sample)].take : -1;
    time_text((double)sample / p->rate, text);
    if (take >= 0 && song_take_called(p->song, take))
        snprintf(out, 64, "take %d, %s", song_take_called(p->song, take), text);
    else
        snprintf(out, 64, "%s", text);
}

/* The other takes of the same bars, so that their first beat lies where the kept one's does. */
static void put_other_takes(const Project *p, const Clip *clip, const char *const *paths) {
    const EditSegment *s = &p->edit->segments[clip->segment];
    if (!p->song || s->start_sample >= p->song->n_samples || clip->grid < 0) return;
    const int32_t u = song_unit_at(p->song, s->start_sample);
    int32_t n = 0;
    for (int32_t t = 0; t < p->song->n_takes && n < MAX_TAKES_OF_ITEM; t++) {
        if (t == p->song->units[u].take) continue;
        const int32_t v = song_counterpart(p->song, u, t);
        if (v < 0) continue;
        const int64_t beat =
            p->song->units[v].start_sample + s->start_sample - p->song->units[u].start_sample;
        const int64_t from = beat - clip->grid;
        if (from < 0 || from >= p->sources->n_samples) continue;
        const int32_t k = source_at(p->sources, from);
        char name[64];
        take_name(p, beat, name);
        bytes_printf(p->w, "      TAKE\n");
        put_take(p, name, (double)(from - p->sources->start[k]) / p->rate, paths[k]);
        n++;
    }
}

static void put_item(const Project *p, const Clip *clip, const char *const *paths, int32_t group) {
    ByteWriter *w = p->w;
    const EditSegment *s = &p->edit->segments[clip->segment];
    const int shape = clip->correlation > 0.7f ? 0 : 1; /* linear for what is alike, else equal power */
    char name[64];
    take_name(p, s->start_sample, name);
    bytes_printf(w, "    <ITEM\n      POSITION %.12f\n      SNAPOFFS %.12f\n      LENGTH %.12f\n",
                 (double)clip->song_start / p->rate, (double)(clip->grid > 0 ? clip->grid : 0) / p->rate,
                 (double)clip->n_samples / p->rate);
    bytes_printf(
        w,
        "      LOOP 0\n      ALLTAKES 0\n      FADEIN %d %.12f 0 %d 0 0 0\n      FADEOUT 1 %.12f 0 1 0 0 0\n",
        shape, (double)clip->fade_in / p->rate, shape, (double)clip->fade_out / p->rate);
    bytes_printf(w, "      MUTE 0 0\n      SEL 0\n");
    const int64_t beat = clip->source_start + clip->grid;
    if (clip->grid < 0)
        bytes_printf(w, "      <NOTES\n        |beat %.12f\n      >\n", (double)beat / p->rate);
    if (group) bytes_printf(w, "      GROUP %d\n", group);
    put_take(p, name, (double)clip->source_start / p->rate, paths[clip->source]);
    put_other_takes(p, clip, paths);
    bytes_printf(w, "    >\n");
}

Status rpp_put(ByteWriter *w, const Edit *edit, const MixPlan *plan, const SourceList *sources,
               const Song *song, const RppTrack *tracks, int32_t n_tracks, const char *title,
               const char *folder) {
    const Project p = {w, edit, sources, song, folder, sources->sample_rate_hz};
    const RppTrack whole = {title, sources->paths};
    Clips clips;
    Status st = clips_cut(&clips, edit, plan, sources, CLIPS_OVERLAP);
    if (st != BS_OK) return st;
    const bool grouped = n_tracks > 1;
    bytes_printf(w, "<REAPER_PROJECT 0.1 \"6.0/bandsaw\" 0\n  <NOTES 0 2\n");
    for (int32_t i = 0; i < sources->n; i++) put_note(&p, "recording", sources->paths[i]);
    for (int32_t t = 0; t < n_tracks; t++) put_note(&p, "track", tracks[t].paths[0]);
    const int32_t first = song ? song_unit_at(song, edit->segments[0].start_sample) : 0;
    bytes_printf(w, "  >\n  RIPPLE 0\n  SAMPLERATE %d 1 0\n  TEMPO %.10f %d 4\n", sources->sample_rate_hz,
                 song ? tempo_of(song, first) : 120,
                 song && song->n_tunes && song->tunes[0].meter > 0 ? song->tunes[0].meter : 4);
    if (song) put_tempo_map(&p, plan);
    bytes_printf(w, "  MARKER 1 %.12f END 0\n",
                 (double)(plan->lead_in_samples + edit_samples(edit)) / p.rate);
    if (n_tracks == 0) tracks = &whole;
    for (int32_t t = 0; t < (grouped ? n_tracks : 1); t++) {
        bytes_printf(w, "  <TRACK\n    NAME ");
        put_quoted(w, tracks[t].name);
        bytes_printf(w, "\n    NCHAN 2\n");
        for (int32_t i = 0; i < clips.n; i++)
            put_item(&p, &clips.list[i], tracks[t].paths, grouped ? i + 1 : 0);
        bytes_printf(w, "  >\n");
    }
    bytes_printf(w, ">\n");
    clips_drop(&clips);
    return w->bad ? fail(BS_TOO_BIG, "the project is larger than %zu bytes, or memory is out", w->max_bytes)
                  : BS_OK;
}
