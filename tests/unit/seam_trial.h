#pragma once
/* One trial of seams: a recording, an edit, the song that the mixdown makes of them, and what is heard. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/audio/mixdown.h"
#include "common/host/file.h"
#include "tests/unit/seam_ear.h"

typedef struct SeamTrial {
    int64_t grid_error; /* samples; how far any segment is from where it is written */
    int64_t differing;  /* samples outside all ramps that are not those of the recording */
    double peak;        /* over the larger of full scale and the recording's own */
    int percussive, seams;
    EarReport heard;
} SeamTrial;

/* How a seam is joined, for a trial of the ear itself: as the plan says; cut hard at the grid; blended over
 * 60 ms around it whatever is played. */
typedef enum SeamHow { SEAM_PLANNED, SEAM_HARD, SEAM_BLIND } SeamHow;

enum { TRIAL_HALF = EAR_HZ };

static inline void trial_line(const float *raw, int64_t n_raw, int32_t wide, int64_t at, float *out) {
    for (int64_t i = 0; i < 2 * TRIAL_HALF; i++) {
        const int64_t y = at - TRIAL_HALF + i;
        float sum = 0;
        for (int32_t c = 0; c < wide && y >= 0 && y < n_raw; c++) sum += raw[y * wide + c] / (float)wide;
        out[i] = sum;
    }
}

static inline Status trial_song(const char *folder, const float *raw, int64_t n_raw, int32_t wide,
                                const Edit *edit, SeamHow how, MixPlan *plan, float **song) {
    Status st = BS_OK;
    char raw_path[PATH_BYTES], song_path[PATH_BYTES];
    const char *path = raw_path;
    AudioReader *r = NULL;
    AudioWriter *w = NULL;
    int64_t got;
    TRY(path_join(raw_path, folder, "raw.wav"));
    TRY(path_join(song_path, folder, "song.wav"));
    TRY(audio_save(raw_path, raw, n_raw, wide, edit->sample_rate_hz, 32));
    TRY(audio_open(&r, &path, 1));
    TRY(mix_plan(plan, edit, r, NULL, NULL));
    for (int32_t i = 0; how != SEAM_PLANNED && i < plan->n_seams; i++) {
        Seam *s = &plan->seams[i];
        s->fade_samples = how == SEAM_HARD ? 0 : 60 * EAR_MS;
        s->fade_start = s->out_sample - s->fade_samples / 2;
        s->gain = 1;
    }
    TRY(audio_create(&w, song_path, edit->sample_rate_hz, wide, 32));
    TRY(mix_render(plan, edit, r, w, NULL, NULL));
    st = audio_finish(w);
    w = NULL;
    if (st != BS_OK) goto out;
    audio_close(r);
    r = NULL;
    path = song_path;
    TRY(audio_open(&r, &path, 1));
    *song = malloc((size_t)(plan->n_samples * wide) * sizeof **song);
    if (!*song) return fail(BS_NOMEM, "out of memory");
    TRY(audio_read_at(r, 0, plan->n_samples, *song, &got));
out:
    audio_abandon(w);
    audio_close(r);
    return st;
}

/* Adds what is found to *trial. */
static inline Status trial_run(SeamTrial *trial, const char *folder, const float *raw, int64_t n_raw,
                               int32_t wide, const Edit *edit, SeamHow how) {
    Status st = BS_OK;
    MixPlan plan = {0};
    float *song = NULL, *lines = malloc(sizeof *lines * 6 * TRIAL_HALF);
    if (!lines) return fail(BS_NOMEM, "out of memory");
    float *x = lines, *a = x + 2 * TRIAL_HALF, *b = a + 2 * TRIAL_HALF;
    TRY(trial_song(folder, raw, n_raw, wide, edit, how, &plan, &song));
    double own = 1;
    for (int64_t i = 0; i < n_raw * wide; i++) own = fmax(own, fabsf(raw[i]));
    for (int64_t i = 0; i < plan.n_samples * wide; i++) trial->peak = fmax(trial->peak, fabsf(song[i]) / own);
    int64_t at = plan.lead_in_samples, from = plan.lead_fade_samples;
    for (int32_t i = 0; i <= plan.n_seams; i++) {
        const EditSegment *segment = &edit->segments[i];
        const Seam *s = &plan.seams[i];
        const int64_t to = i < plan.n_seams ? s->fade_start : plan.n_samples - plan.tail_fade_samples;
        for (int64_t y = from; y < to; y++)
            trial->differing += memcmp(song + y * wide, raw + (y - at + segment->start_sample) * wide,
                                       (size_t)wide * sizeof *raw) != 0;
        at += segment->end_sample - segment->start_sample;
        if (i == plan.n_seams) break;
        from = to + s->fade_samples;
        if (llabs(at - s->out_sample) > trial->grid_error) trial->grid_error = llabs(at - s->out_sample);
        trial->seams++;
        trial->percussive += s->percussive;
        trial_line(song, plan.n_samples, wide, s->out_sample, x);
        trial_line(raw, n_raw, wide, s->from_sample, a);
        trial_line(raw, n_raw, wide, s->to_sample, b);
        ear_listen(&trial->heard, x, a, b, 2 * TRIAL_HALF, TRIAL_HALF + s->fade_start - s->out_sample,
                   TRIAL_HALF + s->fade_start - s->out_sample + s->fade_samples - s->ring_samples);
    }
    if (at + plan.tail_samples != plan.n_samples)
        trial->grid_error = llabs(at + plan.tail_samples - plan.n_samples);
out:
    mix_plan_drop(&plan);
    free(song);
    free(lines);
    return st;
}
