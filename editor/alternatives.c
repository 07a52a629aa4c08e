/* Alternatives: the edit with one segment from elsewhere, scored again. */
#include "editor/alternatives.h"

#include <stdlib.h>

#include "editor/cut.h"
#include "editor/repair.h"

float alternatives_flaw(const Song *song, int64_t start_sample, int64_t end_sample) {
    double flaw = 0, length = 0;
    for (int32_t u = song_unit_at(song, start_sample);
         u < song->n_units && song->units[u].start_sample < end_sample; u++) {
        flaw += (double)song->units[u].flaw * (double)song_unit_samples(song, u);
        length += (double)song_unit_samples(song, u);
    }
    return length > 0 ? (float)(flaw / length) : 0;
}

/* The dense reward of the segments in `list`; false when they are no edit. */
static bool reward_of(const EnvSong *es, const Job *job, const EditSegment *list, int32_t n, float *reward) {
    Edit edit;
    Cut cut = {0};
    Status st = BS_OK;
    edit_init(&edit);
    edit.sample_rate_hz = env_song_song(es)->sample_rate_hz;
    for (int32_t i = 0; i < n; i++)
        TRY(edit_append(&edit, list[i].start_sample, list[i].end_sample, (Fade)list[i].fade));
    TRY(cut_of_edit(&cut, &edit, es, job));
    *reward = cut.reward;
out:
    cut_drop(&cut);
    edit_drop(&edit);
    return st == BS_OK;
}

int32_t alternatives_of(const EnvSong *es, const Job *job, const Edit *edit, int32_t segment,
                        Alternative list[ALTERNATIVES_MAX]) {
    const Song *song = env_song_song(es);
    EditSegment *s = edit->segments, kept = s[segment], other;
    float now, then;
    int32_t n = 0;
    if (!reward_of(es, job, s, edit->n_segments, &now)) return 0;
    for (int32_t t = 0; t < song->n_takes; t++) {
        if (!repair_counterpart(song, &kept, t, &other)) continue;
        s[segment] = other;
        const bool scored = reward_of(es, job, s, edit->n_segments, &then);
        s[segment] = kept;
        if (!scored) continue;
        const Alternative a = {t, other.start_sample, other.end_sample,
                               alternatives_flaw(song, other.start_sample, other.end_sample), then - now};
        int32_t at = n < ALTERNATIVES_MAX ? n++ : ALTERNATIVES_MAX;
        for (; at > 0 && list[at - 1].gain < a.gain; at--)
            if (at < ALTERNATIVES_MAX) list[at] = list[at - 1];
        if (at < ALTERNATIVES_MAX) list[at] = a;
    }
    return n;
}
