/* Audacity labels and the way reports write times. */
#include "common/report/labels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/core/bytes.h"

const char *time_text(double seconds, char buf[TIME_TEXT]) {
    long long tenths = llround(seconds * 10);
    if (tenths < 0) tenths = 0;
    long long h = tenths / 36000, m = tenths / 600 % 60, s = tenths / 10 % 60;
    if (h)
        snprintf(buf, TIME_TEXT, "%lld:%02lld:%02lld.%lld", h, m, s, tenths % 10);
    else
        snprintf(buf, TIME_TEXT, "%lld:%02lld.%lld", m, s, tenths % 10);
    return buf;
}

const char *time_text_whole(double seconds, char buf[TIME_TEXT]) {
    time_text(seconds, buf);
    buf[strlen(buf) - 2] = 0;
    return buf;
}

double time_step(double span_s, int32_t most) {
    static const double steps[] = {1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800};
    double step = steps[0];
    for (size_t i = 0; i < sizeof steps / sizeof *steps && span_s / step > most; i++) step = steps[i];
    while (span_s / step > most) step *= 2;
    return step;
}

Status labels_put(ByteWriter *w, const Edit *edit, const Song *song, int64_t lead_in_samples) {
    const double rate = edit->sample_rate_hz;
    int64_t at = lead_in_samples;
    for (int32_t i = 0; i < edit->n_segments; i++) {
        const EditSegment *s = &edit->segments[i];
        const int64_t n = s->end_sample - s->start_sample;
        char from[TIME_TEXT], to[TIME_TEXT], take[32] = "";
        if (song && s->start_sample < song->n_samples) {
            int16_t t = song->units[song_unit_at(song, s->start_sample)].take;
            if (t >= 0 && song_take_called(song, t))
                snprintf(take, sizeof take, "take %d, ", song_take_called(song, t));
        }
        bytes_printf(w, "%.6f\t%.6f\t%s%s - %s\n", (double)at / rate, (double)(at + n) / rate, take,
                     time_text((double)s->start_sample / rate, from),
                     time_text((double)s->end_sample / rate, to));
        at += n;
    }
    return w->bad ? fail(BS_NOMEM, "labels: out of memory") : BS_OK;
}
