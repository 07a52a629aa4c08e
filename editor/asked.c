/* Asked: from what a person types to ranges of units. */
#include "editor/asked.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/host/file.h"
#include "common/report/edit_file.h"
#include "common/report/labels.h"
#include "common/report/marks.h"

static const double least_s = 0.02; /* of a unit inside a never range: less is the edge of a beat */

/* A flag for every unit, with the option that asked for it. */
typedef struct Wish {
    const char *option; /* of the range that is being read */
    const char **by;    /* n_units; NULL: not asked for */
    bool never;
} Wish;

typedef struct Wishes {
    const Song *song;
    int32_t tune;
    Wish must, never;
} Wishes;

/* ---- times to units ---- */

static int64_t sample_at(const Song *song, double at_s) {
    const double at = at_s * song->sample_rate_hz;
    return at < 0 ? 0 : at >= (double)song->n_samples ? song->n_samples - 1 : llround(at);
}

/* The unit whose start is nearest; n_units is the end of the recording. */
static int32_t edge_at(const Song *song, double at_s) {
    const int64_t at = sample_at(song, at_s);
    const int32_t u = song_unit_at(song, at);
    return at - song->units[u].start_sample <= song_unit_end(song, u) - at ? u : u + 1;
}

static Status check_times(const Song *song, const char *option, double from_s, double to_s) {
    const double end_s = (double)song->n_samples / song->sample_rate_hz;
    char a[TIME_TEXT], b[TIME_TEXT];
    if (to_s <= from_s)
        return fail(BS_INVALID, "%s %s-%s: a range ends after it begins", option, time_text(from_s, a),
                    time_text(to_s, b));
    if (from_s >= end_s)
        return fail(BS_CONFLICT, "%s: %s lies after the end of the recording at %s", option,
                    time_text(from_s, a), time_text(end_s, b));
    return BS_OK;
}

/* A must range is what lies between the beats nearest to its ends; a never range every unit that it touches.
 */
static Status wish_range(void *context, double from_s, double to_s) {
    const Wishes *w = ((void **)context)[0];
    Wish *wish = ((void **)context)[1];
    Status st = check_times(w->song, wish->option, from_s, to_s);
    if (st != BS_OK) return st;
    int32_t first = edge_at(w->song, from_s), end = edge_at(w->song, to_s);
    if (wish->never) {
        first = song_unit_at(w->song, sample_at(w->song, from_s + least_s));
        end = song_unit_at(w->song, sample_at(w->song, to_s > from_s + 2 * least_s ? to_s - least_s : to_s)) +
              1;
    }
    if (end <= first) end = first + 1;
    if (end > w->song->n_units) end = w->song->n_units, first = first < end ? first : end - 1;
    const bool label = !strncmp(wish->option, "label", 5); /* one recording's labels serve all its tunes */
    for (int32_t u = first; u < end; u++) {
        const int16_t take = w->song->units[u].take;
        if (!label || (take >= 0 && w->song->takes[take].tune == w->tune)) wish->by[u] = wish->option;
    }
    return BS_OK;
}

static Status wish_times(Wishes *w, Wish *wish, const char *option, const char *text) {
    void *context[2] = {w, wish};
    if (!text[0]) return BS_OK;
    wish->option = option;
    return asked_ranges(option, text, wish_range, context);
}

/* ---- "1:20-1:35.5, 2:00-2:10" ---- */

static Status one_range(const char *option, char *text, double *from_s, double *to_s) {
    char *dash = strchr(text, '-');
    if (!dash) return fail(BS_INVALID, "%s %s: expected two times like 1:20-1:35.5", option, text);
    *dash = 0;
    Status st = parse_duration(text, from_s);
    if (st == BS_OK) st = parse_duration(dash + 1, to_s);
    return st == BS_OK ? BS_OK : fail_in(st, "%s", option);
}

Status asked_ranges(const char *option, const char *text,
                    Status (*each)(void *context, double from_s, double to_s), void *context) {
    Status st = BS_OK;
    char copy[OPTION_TEXT_BYTES], *rest = copy;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *part; (part = strsep(&rest, ",")) != NULL;) {
        double from_s, to_s;
        part += strspn(part, " ");
        part[strcspn(part, " ")] = 0;
        if (!part[0]) continue;
        TRY(one_range(option, part, &from_s, &to_s));
        TRY(each(context, from_s, to_s));
    }
out:
    return st;
}

/* ---- labels ---- */

/* A label without an end reaches to the end of its take, or of its unit outside takes. */
static double take_end_s(const Song *song, double at_s) {
    int32_t u = song_unit_at(song, sample_at(song, at_s));
    const int16_t take = song->units[u].take;
    while (take >= 0 && u + 1 < song->n_units && song->units[u + 1].take == take) u++;
    return (double)song_unit_end(song, u) / song->sample_rate_hz;
}

static Status wish_marks(Wishes *w, const Marks *marks) {
    Status st = BS_OK;
    for (int32_t i = 0; i < marks->n; i++) {
        const Mark *m = &marks->list[i];
        if (m->kind == MARK_OTHER) continue;
        Wish *wish = m->kind == MARK_KEEP ? &w->must : &w->never;
        void *context[2] = {w, wish};
        wish->option = m->kind == MARK_KEEP ? "label KEEP" : "label DROP";
        double end_s = isfinite(m->end_s) ? m->end_s : take_end_s(w->song, m->start_s);
        if (m->end_s > take_end_s(w->song, m->start_s) && m->kind == MARK_KEEP)
            end_s = m->end_s; /* a person said so */
        TRY(wish_range(context, m->start_s, end_s));
    }
out:
    return st;
}

static Status wish_labels(Wishes *w, const char *labels, const SourceList *sources) {
    Status st = BS_OK;
    Marks marks = {0};
    for (int32_t k = 0; k < sources->n; k++) { /* cue points of the recording's own files */
        FileMap map;
        if (strcasecmp(path_extension(sources->paths[k]), "wav") != 0 ||
            file_map(sources->paths[k], &map) != BS_OK)
            continue;
        st = marks_wav(&marks, map.bytes, map.n_bytes, (double)sources->start[k] / sources->sample_rate_hz);
        file_unmap(&map);
        if (st != BS_OK) goto out;
    }
    if (labels[0]) TRY(marks_read(&marks, labels, sources));
    marks_settle(&marks);
    TRY(wish_marks(w, &marks));
out:
    marks_drop(&marks);
    return st;
}

/* ---- start, end, lock ---- */

/* --start: the bar that starts nearest; --end: the bar that ends nearest. */
static int32_t bar_edge(const Song *song, double at_s, bool end) {
    const double rate = song->sample_rate_hz;
    int32_t best = -1;
    double least = 0;
    for (int32_t u = 0; u < song->n_units; u++) {
        const bool edge = end ? u + 1 == song->n_units || song->units[u + 1].bar != song->units[u].bar
                              : u == 0 || song->units[u - 1].bar != song->units[u].bar;
        if (song->units[u].bar < 0 || song->units[u].kind != UNIT_BEAT || !edge) continue;
        const int64_t at = end ? song_unit_end(song, u) : song->units[u].start_sample;
        const double distance = fabs((double)at / rate - at_s);
        if (best < 0 || distance < least) best = u, least = distance;
    }
    return best;
}

static Status ask_edge(const Song *song, const char *option, const char *text, bool end, int32_t *unit) {
    double at_s;
    if (!text[0]) return BS_OK;
    Status st = parse_duration(text, &at_s);
    if (st != BS_OK) return fail_in(st, "%s", option);
    st = check_times(song, option, at_s - 0.001, at_s);
    if (st != BS_OK && !end) return st;
    *unit = bar_edge(song, at_s, end);
    if (*unit < 0) return fail(BS_CONFLICT, "%s %s: the recording has no bars", option, text);
    return BS_OK;
}

static Status ask_lock(Asked *a, Wishes *w, const char *path, const SourceList *sources) {
    Status st = BS_OK;
    Edit edit;
    TRY(edit_file_read(&edit, path, sources, NULL));
    if (edit.sample_rate_hz != w->song->sample_rate_hz)
        TRY(fail(BS_CONFLICT, "--lock %s: is at %d Hz, the recording at %d Hz", path, edit.sample_rate_hz,
                 w->song->sample_rate_hz));
    if (edit.n_segments > JOB_MAX_RANGES)
        TRY(fail(BS_TOO_BIG,
                 "--lock %s: %d pieces; at most %d can be locked: leave out those that may change", path,
                 edit.n_segments, JOB_MAX_RANGES));
    for (int32_t i = 0; i < edit.n_segments; i++) {
        const double rate = edit.sample_rate_hz;
        const EditSegment *s = &edit.segments[i];
        if (s->end_sample > w->song->n_samples)
            TRY(fail(BS_CONFLICT, "--lock %s: piece %d lies after the end of the recording", path, i + 1));
        int32_t first = edge_at(w->song, (double)s->start_sample / rate),
                end = edge_at(w->song, (double)s->end_sample / rate);
        if (end <= first) continue;
        for (int32_t u = first; u < end; u++) w->must.by[u] = "--lock"; /* played twice: kept at least once */
        a->locked[a->n_locked++] = (JobRange){first, end - first};
    }
out:
    edit_drop(&edit);
    return st;
}

/* ---- all of them together ---- */

static Status to_ranges(const Wish *wish, int32_t n_units, const char *what, JobRange *ranges, int32_t *n) {
    *n = 0;
    for (int32_t u = 0; u < n_units; u++) {
        if (!wish->by[u]) continue;
        int32_t first = u;
        while (u + 1 < n_units && wish->by[u + 1]) u++;
        if (*n == JOB_MAX_RANGES)
            return fail(BS_CONFLICT, "more than %d separate parts to %s (%s); at most %d are possible",
                        JOB_MAX_RANGES, what, wish->by[first], JOB_MAX_RANGES);
        ranges[(*n)++] = (JobRange){first, u + 1 - first};
    }
    return BS_OK;
}

static Status check_unit(const Wishes *w, const Job *job, const char *option, int32_t u) {
    char at[TIME_TEXT];
    const int16_t take = w->song->units[u].take;
    time_text((double)w->song->units[u].start_sample / w->song->sample_rate_hz, at);
    if (w->never.by[u])
        return fail(BS_CONFLICT, "%s and %s ask for opposites at %s", option, w->never.by[u], at);
    if (take >= 0 && w->song->takes[take].tune != job->tune)
        return fail(BS_CONFLICT, "%s: %s is not in tune %d, which is edited; see --tune", option, at,
                    song_tune_called(w->song, job->tune));
    return BS_OK;
}

static Status check_wishes(const Wishes *w, const Job *job) {
    Status st = BS_OK;
    int64_t needed = 0;
    const char *by = NULL;
    for (int32_t u = 0; u < w->song->n_units; u++)
        if (w->must.by[u]) {
            TRY(check_unit(w, job, w->must.by[u], u));
            needed += song_unit_samples(w->song, u);
            by = w->must.by[u];
        }
    if (job->start_unit >= 0) TRY(check_unit(w, job, "--start", job->start_unit));
    if (job->end_unit >= 0) TRY(check_unit(w, job, "--end", job->end_unit));
    if (needed > job->hi_samples) {
        const double rate = w->song->sample_rate_hz;
        char a[TIME_TEXT], b[TIME_TEXT];
        st = fail(BS_CONFLICT, "%s asks for %s of the recording, and the song may last %s; see --target", by,
                  time_text((double)needed / rate, a), time_text((double)job->hi_samples / rate, b));
    }
out:
    return st;
}

static void name_options(Asked *a, const EditSettings *set, const Wishes *w) {
    const char *names[16];
    int n = 0;
    const char *last = NULL;
    for (int k = 0; k < 2; k++)
        for (int32_t u = 0; u < w->song->n_units; u++) {
            const char *by = (k ? w->never.by : w->must.by)[u];
            bool there = !by || by == last;
            for (int i = 0; i < n && !there; i++) there = !strcmp(names[i], by);
            if (!there && n < 8) names[n++] = by;
            last = by;
        }
    if (set->start[0]) names[n++] = "--start";
    if (set->end[0]) names[n++] = "--end";
    if (set->no_loop) names[n++] = "--no-loop";
    if (set->no_reorder) names[n++] = "--no-reorder";
    if (n) names[n++] = set->target[0] ? "--target" : "--keep";
    for (int i = 0; i < n; i++) {
        const size_t length = strlen(a->options);
        snprintf(a->options + length, sizeof a->options - length, "%s%s", i ? ", " : "", names[i]);
    }
}

Status asked_make(Asked *out, const EditSettings *set, const Song *song, const SourceList *sources,
                  const Job *job) {
    Status st = BS_OK;
    Asked a = {.job = *job};
    Wishes w = {.song = song, .tune = job->tune, .never.never = true};
    w.must.by = calloc((size_t)song->n_units, sizeof *w.must.by);
    w.never.by = calloc((size_t)song->n_units, sizeof *w.never.by);
    if (!w.must.by || !w.never.by) TRY(fail(BS_NOMEM, "out of memory"));
    TRY(wish_labels(&w, set->labels_in, sources));
    TRY(wish_times(&w, &w.must, "--must", set->must));
    TRY(wish_times(&w, &w.never, "--never", set->never));
    if (set->lock[0]) TRY(ask_lock(&a, &w, set->lock, sources));
    TRY(ask_edge(song, "--start", set->start, false, &a.job.start_unit));
    TRY(ask_edge(song, "--end", set->end, true, &a.job.end_unit));
    if (set->prefer_take && song_take_numbered(song, set->prefer_take) < 0)
        TRY(fail(BS_INVALID, "--prefer-take %lld: no such take of what is edited; bandsaw takes lists them",
                 (long long)set->prefer_take));
    a.job.no_loop = set->no_loop;
    a.job.no_reorder = set->no_reorder;
    name_options(&a, set, &w);
    TRY(check_wishes(&w, &a.job));
    TRY(to_ranges(&w.must, song->n_units, "keep", a.job.must, &a.job.n_must));
    TRY(to_ranges(&w.never, song->n_units, "leave out", a.job.never, &a.job.n_never));
    *out = a;
out:
    free(w.must.by);
    free(w.never.by);
    return st;
}

int32_t asked_tune(const Song *song) {
    int64_t length[SONG_MAX_TUNES] = {0};
    int32_t best = 0;
    for (int32_t t = 0; t < song->n_takes; t++) {
        const SongTake *take = &song->takes[t];
        for (int32_t u = take->first_unit; u < take->first_unit + take->n_units; u++)
            length[take->tune] += song_unit_samples(song, u);
    }
    for (int32_t k = 1; k < song->n_tunes; k++)
        if (length[k] > length[best]) best = k;
    return best;
}
