/* Tunes, forms and takes in words. */
#include <stdio.h>
#include <string.h>

#include "common/song/song_words.h"

const char *song_letter(int32_t index, char out[SONG_LETTER]) {
    if (index < 0)
        snprintf(out, SONG_LETTER, "?");
    else if (index < 26)
        snprintf(out, SONG_LETTER, "%c", 'A' + index);
    else
        snprintf(out, SONG_LETTER, "%c%d", 'A' + index % 26, index / 26);
    return out;
}

int32_t song_section_label(const Song *song, int32_t first, int32_t end) {
    for (int32_t u = first; u < end; u++)
        if (song->units[u].slot >= 0) {
            const SongTune *tune = &song->tunes[song->takes[song->units[u].take].tune];
            return song->slot_section[tune->first_slot_section + song->units[u].slot];
        }
    return -1;
}

/* Appends to a text of n_out bytes; ends it with "..." where it is full. */
static bool append(char *out, size_t n_out, const char *more) {
    size_t n = strlen(out), m = strlen(more);
    if (n + m + 5 < n_out) {
        memcpy(out + n, more, m + 1);
        return true;
    }
    if (n + 4 < n_out) memcpy(out + n, " ...", 5);
    return false;
}

static bool append_range(char *out, size_t n_out, const char *name, int32_t first, int32_t last) {
    char text[64];
    int n = snprintf(text, sizeof text, "%s%s%d", out[0] ? ", " : "", name, first + 1);
    if (last > first) snprintf(text + n, sizeof text - (size_t)n, "-%d", last + 1);
    return append(out, n_out, text);
}

const char *song_form_text(const Song *song, int32_t tune, char *out, size_t n_out) {
    const SongTune *t = &song->tunes[tune];
    const int32_t *label = song->slot_section + t->first_slot_section;
    char letter[SONG_LETTER], name[SONG_LETTER + 1];
    out[0] = 0;
    for (int32_t a = 0, b; a < t->n_slots; a = b) {
        for (b = a + 1; b < t->n_slots && label[b] == label[a];) b++;
        snprintf(name, sizeof name, "%s ", song_letter(label[a], letter));
        if (!append_range(out, n_out, name, a, b - 1)) break;
    }
    return out;
}

const char *song_slots_text(const Song *song, int32_t take, char *out, size_t n_out, int32_t *n_covered) {
    static _Thread_local uint8_t seen[SONG_MAX_SLOTS + 1];
    const SongTake *t = &song->takes[take];
    int32_t n_slots = song->tunes[t->tune].n_slots;
    bool fits = true;
    memset(seen, 0, sizeof seen);
    for (int32_t i = t->first_unit; i < t->first_unit + t->n_units; i++)
        if (song->units[i].slot >= 0) seen[song->units[i].slot] = 1;
    out[0] = 0;
    *n_covered = 0;
    for (int32_t a = 0, b; a < n_slots; a = b + 1) {
        for (b = a; b < n_slots && seen[b];) b++;
        *n_covered += b - a;
        if (b > a && fits) fits = append_range(out, n_out, "", a, b - 1);
    }
    return out;
}

const char *song_ending_text(const Song *song, int32_t take, char out[SONG_ENDING]) {
    const SongTake *t = &song->takes[take];
    int32_t n_slots = song->tunes[t->tune].n_slots, first = -1, last = -1, n_bars = 0;
    for (int32_t i = t->first_unit; i < t->first_unit + t->n_units; i++) {
        if (i == t->first_unit || song->units[i].bar != song->units[i - 1].bar)
            n_bars += song->units[i].bar >= 0;
        if (song->units[i].slot < 0) continue;
        if (first < 0) first = song->units[i].slot;
        last = song->units[i].slot;
    }
    if (!n_bars)
        snprintf(out, SONG_ENDING, "no pulse");
    else if (last < 0)
        snprintf(out, SONG_ENDING, "plays no bar of the form");
    else if (last == n_slots - 2 &&
             n_slots >= 8) /* the last bar is often the others' last chord ringing on */
        snprintf(out, SONG_ENDING, "all but the last bar of %d", n_slots);
    else if (last < n_slots - 1)
        snprintf(out, SONG_ENDING, "breaks off in bar %d of %d", last + 1, n_slots);
    else if (first > 0)
        snprintf(out, SONG_ENDING, "from bar %d to the end", first + 1);
    else
        snprintf(out, SONG_ENDING, "whole");
    return out;
}
