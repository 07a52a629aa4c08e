// needs: common/audio simulator
/* Mixdown of a simulated session cut into single bars in random order: correct first, then how fast, and
 * what is heard at the seams. Click ratio: largest second difference within 2 ms of a ramp, over the 99.9th
 * percentile of the second a side of it; the same for random places of the uncut recording. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/audio/mixdown.h"
#include "common/core/rng.h"
#include "common/host/clock.h"
#include "common/host/file.h"
#include "simulator/session.h"

enum { SEAMS = 150, WIDE = 2, RATE = SESSION_RATE };

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double second_difference(const float *x, int64_t i) {
    return fabs((double)x[WIDE * (i - 1)] - 2.0 * x[WIDE * i] + x[WIDE * (i + 1)]);
}

static double click_ratio(const float *x, int64_t n, int64_t from, int64_t to) {
    static double around[2 * RATE + RATE];
    double most = 0;
    int64_t lo = from - RATE, hi = to + RATE, k = 0;
    if (lo < 1) lo = 1;
    if (hi > n - 2) hi = n - 2;
    for (int64_t i = lo; i < hi && k < (int64_t)(sizeof around / sizeof *around); i++)
        around[k++] = second_difference(x, i);
    for (int64_t i = from - 88 < 1 ? 1 : from - 88; i < to + 88 && i < n - 2; i++)
        if (second_difference(x, i) > most) most = second_difference(x, i);
    qsort(around, (size_t)k, sizeof *around, by_value);
    double usual = around[(int64_t)(0.999 * (double)k)];
    return usual > 0 ? most / usual : 0;
}

static double percentile(double *values, int n, double share) {
    qsort(values, (size_t)n, sizeof *values, by_value);
    return values[(int)(share * (n - 1))];
}

static int stop(const char *what) {
    fprintf(stderr, "bench_mixdown: %s: %s\n", what, error_text());
    return 1;
}

/* Bars in random order, by truth. */
static Status random_bars(const Truth *t, Edit *edit) {
    Status st = BS_OK;
    Rng rng = rng_at(3, 3);
    edit_init(edit);
    edit->sample_rate_hz = RATE;
    while (edit->n_segments <= SEAMS) {
        int32_t u = (int32_t)rng_below(&rng, (uint32_t)(t->n_units - t->tunes[0].meter));
        if (!truth_bar_at(t, u)) continue;
        TRY(edit_append(edit, t->units[u].start_sample,
                        truth_unit_end(t, u + t->tunes[truth_unit_tune(t, u)].meter - 1), FADE_SHORT));
    }
out:
    return st;
}

int main(void) {
    char folder[] = "/tmp/bandsaw-bench-mixdown-XXXXXX", raw[PATH_BYTES], song[PATH_BYTES];
    Session session;
    Edit edit;
    MixPlan plan;
    AudioReader *reader;
    AudioWriter *writer;
    const char *path = raw;
    if (!mkdtemp(folder) || path_join(raw, folder, "raw.wav") || path_join(song, folder, "song.wav"))
        return stop("folder");
    if (session_make(&session, "bench", 11, 90) || random_bars(session.truth, &edit)) return stop("session");
    if (audio_save(raw, session.samples, session.n_samples, WIDE, RATE, 16)) return stop("save");
    double t0 = clock_s();
    if (audio_open(&reader, &path, 1) || mix_plan(&plan, &edit, reader, NULL, NULL)) return stop("plan");
    double t1 = clock_s();
    if (audio_create(&writer, song, RATE, WIDE, 16) || mix_render(&plan, &edit, reader, writer, NULL, NULL) ||
        audio_finish(writer))
        return stop("render");
    double t2 = clock_s();
    audio_close(reader);

    path = song;
    int64_t n;
    if (audio_open(&reader, &path, 1)) return stop("read back");
    float *out = malloc(sizeof *out * WIDE * (size_t)plan.n_samples);
    if (!out || audio_read_at(reader, 0, plan.n_samples, out, &n) || n != plan.n_samples)
        return stop("read back");
    audio_close(reader);

    int64_t grid_error = 0, differing = 0, at = plan.lead_in_samples;
    int n_percussive = 0, n_seams = 0;
    double *clicks = malloc(sizeof *clicks * SEAMS * 2), *uncut = malloc(sizeof *uncut * SEAMS);
    if (!clicks || !uncut) return stop("memory");
    for (int32_t i = 0; i < plan.n_seams; i++) {
        const Seam *s = &plan.seams[i];
        const EditSegment *a = &edit.segments[i];
        const int64_t begin = at;
        at += a->end_sample - a->start_sample;
        if (llabs(at - s->out_sample) > grid_error) grid_error = llabs(at - s->out_sample);
        int64_t from =
            i ? plan.seams[i - 1].fade_start + plan.seams[i - 1].fade_samples : plan.lead_fade_samples;
        for (int64_t x = from; x < s->fade_start; x++)
            differing += memcmp(out + WIDE * x, session.samples + WIDE * (x - begin + a->start_sample),
                                WIDE * sizeof *out) != 0;
        n_percussive += s->percussive;
        clicks[n_seams++] = click_ratio(out, plan.n_samples, s->fade_start, s->fade_start + s->fade_samples);
        int64_t y = s->to_sample; /* the same beat, uncut */
        uncut[i] = click_ratio(session.samples, session.n_samples, y - (s->out_sample - s->fade_start),
                               y - (s->out_sample - s->fade_start) + s->fade_samples);
    }
    if (grid_error || differing) {
        fprintf(stderr, "bench_mixdown: wrong: grid error %lld, %lld samples differ outside ramps\n",
                (long long)grid_error, (long long)differing);
        return 1;
    }
    const double minutes = (double)plan.n_samples / RATE / 60;
    printf("mixdown_seams %d seams\n", plan.n_seams);
    printf("mixdown_percussive %.1f %%\n", 100.0 * n_percussive / plan.n_seams);
    printf("mixdown_grid_error %lld samples\n", (long long)grid_error);
    printf("mixdown_click_ratio_p99 %.2f x\n", percentile(clicks, n_seams, 0.99));
    printf("mixdown_click_ratio_uncut_p99 %.2f x\n", percentile(uncut, plan.n_seams, 0.99));
    printf("mixdown_plan %.2f ms/seam\n", 1000 * (t1 - t0) / plan.n_seams);
    printf("mixdown_render %.0f x realtime\n", minutes * 60 / (t2 - t1));
    mix_plan_drop(&plan);
    edit_drop(&edit);
    session_drop(&session);
    free(out);
    free(clicks);
    free(uncut);
    return dir_remove(folder) == BS_OK ? 0 : stop("clean up");
}
