/* Sections are cut where hearing hears one begin; each counts as music of its own, so that the truth never
 * says of two passages that they are the same unless they are. */
#include "simulator/piece.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/audio/audio.h"
#include "featurizer/featurize.h"

enum { MIN_SECTION = 2, MAX_SECTION = 8, MIN_FORM = 4 }; /* bars */
static const double BEFORE_S = 0.5, BEHIND_S = 2;

void piece_free(Piece *p) {
    if (p) free(p->beats);
    free(p);
}

/* Whether the bar that begins at unit u is whole. */
static bool whole_bar(const Song *s, int32_t u, int32_t meter) {
    if (u + meter > s->n_units) return false;
    for (int32_t k = 0; k < meter; k++) {
        const SongUnit *unit = &s->units[u + k];
        if (unit->kind != UNIT_BEAT || unit->phase != k || unit->take != s->units[u].take) return false;
    }
    return true;
}

static int32_t meter_at(const Song *s, int32_t u) {
    return s->units[u].take < 0 ? 0 : s->tunes[s->takes[s->units[u].take].tune].meter;
}

/* The longest run of whole bars: its first unit; *n_bars gets its length. */
static int32_t longest_run(const Song *s, int32_t *n_bars) {
    int32_t best = 0;
    *n_bars = 0;
    for (int32_t u = 0; u < s->n_units;) {
        int32_t meter = meter_at(s, u), first = u, n = 0;
        while (meter > 0 && meter <= 6 && u < s->n_units && meter_at(s, u) == meter &&
               whole_bar(s, u, meter)) {
            u += meter;
            n++;
        }
        if (n > *n_bars) {
            *n_bars = n;
            best = first;
        }
        if (n == 0) u++;
    }
    return best;
}

void piece_cut_sections(Piece *p, const Song *s, int32_t first) {
    int32_t before = s->units[first].section;
    p->n_sections = 0;
    p->first_bar[p->n_sections++] = 0;
    for (int32_t bar = 1; bar < p->n_bars; bar++) {
        int32_t here = s->units[first + bar * p->meter].section,
                long_so_far = bar - p->first_bar[p->n_sections - 1];
        bool begins = here != before && long_so_far >= MIN_SECTION;
        if (p->n_bars - bar >= MIN_SECTION && (begins || long_so_far == MAX_SECTION)) {
            if (p->n_sections == PIECE_MAX_SECTIONS)
                p->n_bars = bar;
            else
                p->first_bar[p->n_sections++] = bar;
        }
        before = here;
    }
    p->first_bar[p->n_sections] = p->n_bars;
}

Status piece_hear(Piece **out, const char *path) {
    Status st = BS_OK;
    Song *song = NULL;
    Piece *p = calloc(1, sizeof *p);
    *out = NULL;
    if (!p) return fail(BS_NOMEM, "no memory for %s", path);
    TRY(featurize_files(&path, NULL, 1, NULL, NULL, NULL, &song));
    int32_t first = longest_run(song, &p->n_bars);
    if (p->n_bars < PIECE_MIN_BARS) {
        st = fail(BS_INVALID, "%s: %d bars are heard to follow each other; at least %d are needed", path,
                  p->n_bars, PIECE_MIN_BARS);
        goto out;
    }
    p->meter = meter_at(song, first);
    snprintf(p->path, sizeof p->path, "%s", path);
    snprintf(p->name, sizeof p->name, "%.40s", path_base(path));
    int32_t n_beats = p->n_bars * p->meter;
    p->beats = malloc(((size_t)n_beats + 1) * sizeof *p->beats);
    if (!p->beats) {
        st = fail(BS_NOMEM, "no memory for %s", path);
        goto out;
    }
    for (int32_t b = 0; b <= n_beats; b++) {
        int64_t at = b < n_beats ? song->units[first + b].start_sample : song_unit_end(song, first + b - 1);
        p->beats[b] = (double)at * PIECE_RATE / song->sample_rate_hz;
    }
    piece_cut_sections(p, song, first);
    *out = p;
    p = NULL;
out:
    piece_free(p);
    song_free(song);
    return st;
}

Status pieces_hear(Pieces *out, const char *folder, PieceLeftOut left_out, void *context) {
    Status st = BS_OK;
    char **names = NULL;
    size_t n_names = 0;
    int32_t n_recordings = 0;
    char last[512] = "";
    *out = (Pieces){0};
    TRY(dir_list(folder, &names, &n_names));
    out->list = calloc(n_names + 1, sizeof *out->list);
    if (!out->list) {
        st = fail(BS_NOMEM, "no memory for the recordings of %s", folder);
        goto out;
    }
    for (size_t i = 0; i < n_names; i++) {
        char path[PATH_BYTES];
        if (!audio_is_named(names[i])) continue;
        TRY(path_join(path, folder, names[i]));
        n_recordings++;
        if (piece_hear(&out->list[out->n], path) == BS_OK) {
            out->n++;
            continue;
        }
        snprintf(last, sizeof last, "%s", error_text());
        if (left_out) left_out(context, last);
    }
    if (n_recordings == 0)
        st = fail(BS_NOT_FOUND, "%s: no WAV, FLAC, OGG or MP3 is in it", folder);
    else if (out->n == 0)
        st = fail(BS_NOT_FOUND, "%s: none of its %d recordings can be used; the last: %s", folder,
                  n_recordings, last);
out:
    free(names);
    if (st != BS_OK) pieces_drop(out);
    return st;
}

void pieces_drop(Pieces *p) {
    for (int32_t i = 0; i < p->n; i++) piece_free(p->list[i]);
    free(p->list);
    *p = (Pieces){0};
}

void tune_from_piece(Tune *t, const Piece *p, Rng *r, double form_s) {
    int32_t first = (int32_t)rng_below(r, (uint32_t)p->n_sections), end = first;
    double length = form_s * PIECE_RATE, bars = 0;
    t->n_slots = 0;
    while (end - first < TUNE_MAX_SECTIONS && first >= 0) {
        const double *beats = p->beats;
        bool more = end < p->n_sections;
        int32_t from = p->first_bar[more            ? first
                                    : first - 1 < 0 ? 0
                                                    : first - 1],
                to = p->first_bar[more ? end + 1 : end];
        if ((!more && first == 0) || to - from > TUNE_MAX_SLOTS) break;
        bars = beats[to * p->meter] - beats[from * p->meter];
        if (bars > 1.2 * length && t->n_slots >= MIN_FORM) break;
        if (more)
            end++;
        else
            first--; /* from near the end on: take what is before */
        t->n_slots = to - from;
        if (bars > 0.85 * length && t->n_slots >= MIN_FORM) break;
    }
    t->piece = p;
    t->first_bar = p->first_bar[first];
    t->n_sections = end - first;
    t->meter = p->meter;
    t->held = HELD_NOT;
    t->drift = 1;
    memset(t->patterns, 0, sizeof t->patterns); /* nobody's part is known */
    for (int32_t i = 0; i < t->n_sections; i++) {
        TruthSection *s = &t->sections[i];
        int32_t bar = p->first_bar[first + i];
        *s = (TruthSection){.label = i, .first_slot = bar - t->first_bar};
        s->n_slots = p->first_bar[first + i + 1] - bar;
        snprintf(s->name, sizeof s->name, "part %d", first + i + 1);
        for (int32_t k = 0; k < s->n_slots; k++) t->slot_section[s->first_slot + k] = i;
    }
    int32_t n_beats = t->n_slots * t->meter;
    const double *beats = p->beats + t->first_bar * p->meter;
    t->tempo_bpm = (float)(60.0 * PIECE_RATE * n_beats / (beats[n_beats] - beats[0]));
}

Status excerpt_read(Excerpt *out, const Tune *t) {
    Status st = BS_OK;
    AudioReader *reader = NULL;
    float *samples = NULL, *at_rate = NULL;
    const Piece *p = t->piece;
    const char *path = p->path;
    const double *beats = p->beats + t->first_bar * p->meter;
    *out = (Excerpt){.ends_piece = t->first_bar + t->n_slots == p->n_bars};
    TRY(audio_open(&reader, &path, 1));
    AudioInfo info = audio_info(reader);
    double rate = (double)info.sample_rate_hz / PIECE_RATE;
    int64_t from = (int64_t)((beats[0] - BEFORE_S * PIECE_RATE) * rate),
            to = (int64_t)((beats[t->n_slots * t->meter] + BEHIND_S * PIECE_RATE) * rate), n_read;
    if (from < 0) from = 0;
    if (to > info.n_samples) to = info.n_samples;
    samples = malloc((size_t)(to - from) * (size_t)info.n_channels * sizeof *samples);
    if (!samples) {
        st = fail(BS_NOMEM, "no memory for %.0f s of %s", (double)(to - from) / info.sample_rate_hz, path);
        goto out;
    }
    TRY(audio_read_at(reader, from, to - from, samples, &n_read));
    if (info.sample_rate_hz == PIECE_RATE) {
        at_rate = samples;
        samples = NULL;
        out->n = n_read;
    } else {
        TRY(resample(samples, n_read, info.sample_rate_hz, PIECE_RATE, info.n_channels, &at_rate, &out->n));
    }
    out->beat_offset = (double)from / rate;
    for (int c = 0; c < 2; c++) {
        int32_t channel = c < info.n_channels ? c : 0;
        out->side[c] = malloc((size_t)out->n * sizeof(float) + 1);
        if (!out->side[c]) {
            st = fail(BS_NOMEM, "no memory for %s", path);
            goto out;
        }
        for (int64_t i = 0; i < out->n; i++) out->side[c][i] = at_rate[i * info.n_channels + channel];
    }
out:
    audio_close(reader);
    free(samples);
    free(at_rate);
    if (st != BS_OK) excerpt_drop(out);
    return st;
}

void excerpt_drop(Excerpt *e) {
    free(e->side[0]);
    free(e->side[1]);
    *e = (Excerpt){0};
}
