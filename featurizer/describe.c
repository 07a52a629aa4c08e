/* Describe: tables of a Song. */
#include "featurizer/describe.h"

#include <math.h>

#include "common/song/song_words.h"

void describe_beats(const Song *song, FILE *out) {
    for (int32_t i = 0; i < song->n_units; i++)
        if (song->units[i].kind == UNIT_BEAT)
            fprintf(out, "%.3f\t%d\n", (double)song->units[i].start_sample / song->sample_rate_hz,
                    song->units[i].phase + 1);
}

/* "12:03.4" */
static const char *clock_text(const Song *song, int64_t at, char out[32]) {
    long tenths = lround(10 * (double)at / song->sample_rate_hz);
    snprintf(out, 32, "%ld:%02ld.%ld", tenths / 600, tenths / 10 % 60, tenths % 10);
    return out;
}

static void describe_tune(const Song *song, int32_t t, FILE *out) {
    const SongTune *tune = &song->tunes[t];
    char form[400];
    if (tune->tempo_bpm > 0)
        fprintf(out, "; tune %d: %.1f bpm, %d beats a bar, %d bars", t + 1, (double)tune->tempo_bpm,
                tune->meter, tune->n_slots);
    else
        fprintf(out, "; tune %d: no pulse, %d bars of seconds", t + 1, tune->n_slots);
    if (tune->n_slots) fprintf(out, " (%s)", song_form_text(song, t, form, sizeof form));
}

static void describe_take(const Song *song, int32_t t, FILE *out) {
    const SongTake *take = &song->takes[t];
    int32_t n_bars = 0, n_slots, last_bar = -1, n_beats = 0, n_clean = 0;
    for (int32_t i = take->first_unit; i < take->first_unit + take->n_units; i++) {
        const SongUnit *u = &song->units[i];
        n_beats++;
        n_clean += u->flaw < 0.5F;
        if (u->bar < 0 || u->bar == last_bar) continue;
        n_bars++;
        last_bar = u->bar;
    }
    char start[32], end[32], slots[64], part[32], ending[SONG_ENDING];
    song_slots_text(song, t, slots, sizeof slots, &n_slots);
    snprintf(part, sizeof part, "%d/%d", n_slots, song->tunes[take->tune].n_slots);
    fprintf(out, "%4d %5d %9s %9s %5d %9s  %5.2f  %4.0f %%  %-32s %s\n", t + 1, take->tune + 1,
            clock_text(song, song->units[take->first_unit].start_sample, start),
            clock_text(song, song_unit_end(song, take->first_unit + take->n_units - 1), end), n_bars, part,
            1 - (double)take->flaw, 100.0 * n_clean / n_beats, song_ending_text(song, t, ending), slots);
}

void describe_takes(const Song *song, FILE *out) {
    char length[32];
    fprintf(out, "%s, %d take%s", clock_text(song, song->n_samples, length), song->n_takes,
            song->n_takes == 1 ? "" : "s");
    for (int32_t t = 0; t < song->n_tunes; t++) describe_tune(song, t, out);
    fprintf(out, "\ntake  tune     start       end  bars     slots quality  clean  %-32s %s\n", "ending",
            "bars of the form");
    for (int32_t t = 0; t < song->n_takes; t++) describe_take(song, t, out);
}
