/* The summary that `bandsaw edit` prints: lengths, takes, and where each piece comes from. */
#include "editor/summary.h"

#include "common/report/labels.h"

enum { MAX_LINES = 40 };

static const char *const fade_texts[FADE_COUNT] = {"", "half a beat of fade", "a beat of fade",
                                                   "two beats of fade", "four beats of fade"};

/* -1: between takes, or left out of an excerpt. */
static int32_t take_of(const Song *song, const EditSegment *s) {
    const int32_t take = song->units[song_unit_at(song, s->start_sample)].take;
    return take >= 0 && song_take_called(song, take) ? take : -1;
}

int32_t summary_takes_used(const Song *song, const Edit *edit) {
    bool used[SONG_MAX_TAKES] = {false};
    int32_t n = 0;
    for (int32_t i = 0; i < edit->n_segments; i++) {
        const int32_t t = take_of(song, &edit->segments[i]);
        if (t >= 0 && !used[t]) used[t] = true, n++;
    }
    return n;
}

int32_t summary_takes(const Song *song) {
    int32_t n = 0;
    for (int32_t t = 0; t < song->n_takes; t++) n += song_take_called(song, t) > 0;
    return n;
}

void summary_print(FILE *out, const char *path, const char *policy, const Song *song, const Cut *cut,
                   const MixPlan *plan) {
    const Edit *edit = &cut->edit;
    const double rate = edit->sample_rate_hz;
    char a[TIME_TEXT], b[TIME_TEXT];
    fprintf(out, "%s: %s of music out of %s, cut by %s\n", path, time_text((double)plan->n_samples / rate, a),
            time_text((double)song->n_samples / rate, b), policy);
    fprintf(out, "  from %d of %d takes, %d seam%s\n", summary_takes_used(song, edit), summary_takes(song),
            plan->n_seams, plan->n_seams == 1 ? "" : "s");
    int64_t at = plan->lead_in_samples;
    for (int32_t i = 0; i < edit->n_segments; i++) {
        const EditSegment *s = &edit->segments[i];
        if (i == MAX_LINES) {
            fprintf(out, "  ... and %d more\n", edit->n_segments - i);
            break;
        }
        const int32_t take = take_of(song, s);
        char name[24] = "between takes";
        if (take >= 0) snprintf(name, sizeof name, "take %d", song_take_called(song, take));
        fprintf(out, "%4d  %8s  %s, %s", i + 1, time_text((double)at / rate, a), name,
                time_text((double)s->start_sample / rate, b));
        fprintf(out, " to %s%s%s\n", time_text((double)s->end_sample / rate, b), s->fade ? ", " : "",
                fade_texts[s->fade]);
        at += s->end_sample - s->start_sample;
    }
}
