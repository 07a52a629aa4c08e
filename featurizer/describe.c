/* Describe: tables of a Song. */
#include "featurizer/describe.h"

#include <math.h>

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

static void describe_take(const Song *song, int32_t t, FILE *out) {
    const SongTake *take = &song->takes[t];
    const SongTune *tune = &song->tunes[take->tune];
    uint8_t seen[SONG_MAX_SLOTS] = {0};
    int32_t n_bars = 0, n_slots = 0, last_bar = -1;
    for (int32_t i = take->first_unit; i < take->first_unit + take->n_units; i++) {
        const SongUnit *u = &song->units[i];
        if (u->bar >= 0 && u->bar != last_bar) {
            n_bars++;
            last_bar = u->bar;
        }
        if (u->slot >= 0 && !seen[u->slot]) {
            seen[u->slot] = 1;
            n_slots++;
        }
    }
    char start[32], end[32], slots[32];
    snprintf(slots, sizeof slots, "%d/%d", n_slots, tune->n_slots);
    fprintf(out, "%4d %5d %9s %9s %5d %9s  %.2f  %s\n", t + 1, take->tune + 1,
            clock_text(song, song->units[take->first_unit].start_sample, start),
            clock_text(song, song_unit_end(song, take->first_unit + take->n_units - 1), end), n_bars, slots,
            (double)take->flaw, take->complete ? "yes" : "no");
}

void describe_takes(const Song *song, FILE *out) {
    char length[32];
    fprintf(out, "%s, %d take%s", clock_text(song, song->n_samples, length), song->n_takes,
            song->n_takes == 1 ? "" : "s");
    for (int32_t t = 0; t < song->n_tunes; t++)
        fprintf(out, "; tune %d: %.1f bpm, %d beats a bar, %d bars", t + 1, (double)song->tunes[t].tempo_bpm,
                song->tunes[t].meter, song->tunes[t].n_slots);
    fprintf(out, "\ntake  tune     start       end  bars     slots  flaw  complete\n");
    for (int32_t t = 0; t < song->n_takes; t++) describe_take(song, t, out);
}
