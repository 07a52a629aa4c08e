/* The loudness of a song, and the names of its segments. */
#include "common/audio/mix_fade.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PEAK_MARGIN_DB 0.05 /* what meters differ by, and what rounding and dither of 16 bits add */

static Status into_meter(void *to, const float *samples, int64_t n_samples) {
    return loudness_add(to, samples, n_samples);
}

Status mix_loudness(MixPlan *plan, const Edit *edit, AudioReader *reader, double target_lufs,
                    MixLoudness *did, void (*progress)(void *context, double share), void *context) {
    Status st = BS_OK;
    LoudnessMeter *meter = NULL;
    plan->gain = 1;
    TRY(loudness_open(&meter, audio_info(reader).n_channels, plan->sample_rate_hz));
    TRY(mix_render_to(plan, edit, reader, into_meter, meter, progress, context));
    Loudness is = loudness_close(meter);
    meter = NULL;
    *did = (MixLoudness){.before_lufs = is.integrated_lufs,
                         .before_peak_db = is.true_peak_db,
                         .silent = is.integrated_lufs <= -70};
    if (!did->silent) {
        const double wanted = target_lufs - is.integrated_lufs,
                     room = MIX_PEAK_DB - PEAK_MARGIN_DB - is.true_peak_db;
        did->held_by_peak = room < wanted;
        did->gain_db = did->held_by_peak ? room : wanted;
        plan->gain = (float)pow(10, did->gain_db / 20);
    }
    did->after_lufs = did->before_lufs + did->gain_db;
    did->after_peak_db = did->before_peak_db + did->gain_db;
out:
    loudness_close(meter);
    return st;
}

const char *mix_loudness_text(const MixLoudness *did, double target_lufs, char text[MIX_LOUDNESS_TEXT]) {
    if (did->silent)
        snprintf(text, MIX_LOUDNESS_TEXT, "loudness: nothing to measure, left as it is");
    else if (did->held_by_peak)
        snprintf(text, MIX_LOUDNESS_TEXT,
                 "loudness: %.1f LUFS made %.1f (%+.1f dB); %.1f would take the peak over %.0f dBTP",
                 did->before_lufs, did->after_lufs, did->gain_db, target_lufs, MIX_PEAK_DB);
    else
        snprintf(text, MIX_LOUDNESS_TEXT, "loudness: %.1f LUFS made %.1f (%+.1f dB), peak %.1f dBTP",
                 did->before_lufs, did->after_lufs, did->gain_db, did->after_peak_db);
    return text;
}

Status mix_markers(const MixPlan *plan, const Edit *edit, AudioMarkers *markers) {
    *markers = (AudioMarkers){.n_samples = plan->n_samples};
    markers->list = calloc((size_t)edit->n_segments, sizeof *markers->list);
    if (!markers->list) return fail(BS_NOMEM, "mixdown: out of memory");
    int64_t at = plan->lead_in_samples;
    for (int32_t i = 0; i < edit->n_segments; i++) {
        const EditSegment *s = &edit->segments[i];
        const int64_t ms = s->start_sample * 1000 / plan->sample_rate_hz;
        AudioMarker *m = &markers->list[markers->n++];
        m->sample = at;
        snprintf(m->label, sizeof m->label, "%d raw %lld:%02d.%03d", i + 1, (long long)(ms / 60000),
                 (int)(ms / 1000 % 60), (int)(ms % 1000));
        at += s->end_sample - s->start_sample;
    }
    return BS_OK;
}
