/* Counterpart: a unit of another take with the same slot and phase. */
#include "common/song/counterpart.h"

int32_t song_counterpart(const Song *song, int32_t u, int32_t take) {
    const SongUnit *x = &song->units[u];
    if (x->slot < 0 || x->take < 0 || take < 0 || take >= song->n_takes ||
        song->takes[take].tune != song->takes[x->take].tune)
        return -1;
    const SongTake *t = &song->takes[take];
    for (int32_t v = t->first_unit; v < t->first_unit + t->n_units; v++)
        if (song->units[v].slot == x->slot && song->units[v].phase == x->phase) return v;
    return -1;
}

bool song_counterpart_range(const Song *song, int32_t first, int32_t end, int32_t take, int32_t *other_first,
                            int32_t *other_end) {
    int32_t a = first, b = end - 1;
    while (a < end && song->units[a].slot < 0) a++;
    while (b > a && song->units[b].slot < 0) b--;
    if (a >= end) return false;
    const int32_t x = song_counterpart(song, a, take), y = song_counterpart(song, b, take);
    if (x < 0 || y < x) return false;
    const int32_t from = x - (a - first), to = y + (end - b);
    if (from < 0 || to > song->n_units || to <= from) return false;
    for (int32_t u = from; u < to; u++)
        if (song->units[u].take != take) return false;
    *other_first = from;
    *other_end = to;
    return true;
}
