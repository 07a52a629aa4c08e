// needs: common/audio common/song
/* Seams: the grid never shifts, what is kept is kept bit for bit, and nothing clicks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/audio/mixdown.h"
#include "common/core/rng.h"
#include "common/host/file.h"

enum { RATE = 44100 };

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/bandsaw-test-mixdown-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}
static int drop_folder(void **state) {
    (void)state;
    return dir_remove(folder) == BS_OK ? 0 : -1;
}

/* A recording and what a plan makes of it. */
typedef struct Mix {
    float *raw, *out;
    int64_t n_raw, n_out;
    int32_t wide;
    Edit edit;
    MixPlan plan;
} Mix;

static void render(Mix *m) {
    char raw[PATH_BYTES], song[PATH_BYTES];
    assert_int_equal(path_join(raw, folder, "raw.wav"), BS_OK);
    assert_int_equal(path_join(song, folder, "song.wav"), BS_OK);
    assert_int_equal(audio_save(raw, m->raw, m->n_raw, m->wide, RATE, 32), BS_OK);
    AudioReader *r;
    AudioWriter *w;
    const char *path = raw;
    assert_int_equal(audio_open(&r, &path, 1), BS_OK);
    assert_int_equal(mix_plan(&m->plan, &m->edit, r, NULL, NULL), BS_OK);
    assert_int_equal(audio_create(&w, song, RATE, m->wide, 32), BS_OK);
    assert_int_equal(mix_render(&m->plan, &m->edit, r, w, NULL, NULL), BS_OK);
    assert_int_equal(audio_finish(w), BS_OK);
    audio_close(r);
    path = song;
    assert_int_equal(audio_open(&r, &path, 1), BS_OK);
    m->n_out = audio_info(r).n_samples;
    m->out = malloc((size_t)(m->n_out * m->wide) * sizeof *m->out);
    int64_t got;
    assert_int_equal(audio_read_at(r, 0, m->n_out, m->out, &got), BS_OK);
    audio_close(r);
}

static void mix_drop(Mix *m) {
    free(m->raw);
    free(m->out);
    edit_drop(&m->edit);
    mix_plan_drop(&m->plan);
}

static void cut(Mix *m, int64_t start, int64_t end, Fade fade) {
    m->edit.sample_rate_hz = RATE;
    assert_int_equal(edit_append(&m->edit, start, end, fade), BS_OK);
}

/* A band: a click-like drum on each beat over a chord, a little different each time. */
static Mix a_band(int64_t beat, int n_beats, int32_t wide, uint64_t seed) {
    Mix m = {.n_raw = beat * n_beats, .wide = wide};
    m.raw = calloc((size_t)(m.n_raw * wide), sizeof *m.raw);
    assert_non_null(m.raw);
    Rng rng = rng_at(seed, 1);
    for (int64_t i = 0; i < m.n_raw; i++) {
        const int64_t in_beat = i % beat;
        const double drum = in_beat < RATE / 8 ? exp(-(double)in_beat / 1200) * (rng_f64(&rng) - 0.5) : 0;
        const double chord = 0.1 * sin((double)i * 0.031) + 0.1 * sin((double)i * 0.047);
        for (int32_t c = 0; c < wide; c++) m.raw[i * wide + c] = (float)(drum + chord * (c ? 0.9 : 1));
    }
    return m;
}

/* Everything outside the ramps is the recording, at the place the grid says. */
static void assert_exact_outside_ramps(const Mix *m) {
    const MixPlan *plan = &m->plan;
    int64_t sum = 0, at = plan->lead_in_samples, compared = 0;
    for (int32_t i = 0; i < m->edit.n_segments; i++)
        sum += m->edit.segments[i].end_sample - m->edit.segments[i].start_sample;
    assert_int_equal(sum, edit_samples(&m->edit));
    assert_int_equal(plan->n_samples, plan->lead_in_samples + sum + plan->tail_samples);
    assert_int_equal(m->n_out, plan->n_samples);
    int64_t from = plan->lead_fade_samples;
    for (int32_t i = 0; i < m->edit.n_segments; i++) {
        const EditSegment *s = &m->edit.segments[i];
        const int64_t end_at = at + s->end_sample - s->start_sample;
        int64_t to = plan->n_samples - plan->tail_fade_samples;
        if (i < plan->n_seams) {
            assert_int_equal(plan->seams[i].out_sample, end_at); /* grid error 0 */
            assert_int_equal(plan->seams[i].from_sample, s->end_sample);
            to = plan->seams[i].fade_start;
        }
        assert_true(to >= from);
        for (int64_t x = from; x < to; x++) {
            const int64_t y = x - at + s->start_sample;
            assert_true(y >= 0 && y < m->n_raw);
            for (int32_t c = 0; c < m->wide; c++)
                if (m->out[x * m->wide + c] != m->raw[y * m->wide + c]) assert_int_equal(x, -1);
        }
        compared += to - from;
        if (i < plan->n_seams) from = to + plan->seams[i].fade_samples;
        at = end_at;
    }
    assert_true(compared > m->n_out / 2);
}

static void a_single_segment_is_a_copy_with_faded_ends(void **state) {
    (void)state;
    Mix m = a_band(22050, 16, 2, 1);
    cut(&m, 22050, 22050 * 9, FADE_SHORT);
    render(&m);
    assert_int_equal(m.plan.n_seams, 0);
    assert_in_range(m.plan.lead_in_samples, 12 * 44, 20 * 44); /* 3 ms and a fade before the attack */
    assert_int_equal(m.plan.lead_fade_samples, 10 * 44);
    assert_true(m.plan.tail_fade_samples >= 40 * 44);
    assert_exact_outside_ramps(&m);
    assert_true(fabsf(m.out[0]) < 1e-4f);
    assert_true(fabsf(m.out[2 * (m.n_out - 1)]) < 1e-4f);
    mix_drop(&m);
}

static void kept_audio_is_bit_exact_outside_ramps(void **state) {
    (void)state;
    Mix m = a_band(22050, 64, 2, 2);
    cut(&m, 22050 * 4, 22050 * 8, FADE_SHORT);
    cut(&m, 22050 * 20, 22050 * 24, FADE_SHORT);
    cut(&m, 22050 * 12, 22050 * 20, FADE_1_BEAT);
    cut(&m, 22050 * 40, 22050 * 48, FADE_4_BEATS);
    cut(&m, 22050 * 44, 22050 * 48, FADE_SHORT); /* a loop */
    render(&m);
    assert_exact_outside_ramps(&m);
    assert_int_equal(m.plan.seams[1].fade_samples, 22050); /* half a second where no tempo is told */
    assert_int_equal(m.plan.seams[2].fade_samples, 4 * 22050);
    mix_drop(&m);
}

static void a_thousand_seams_shift_the_grid_by_nothing(void **state) {
    (void)state;
    const int64_t beat = 9973; /* of no round length */
    Mix m = a_band(beat, 120, 1, 3);
    Rng rng = rng_at(5, 5);
    int32_t last = -1;
    while (m.edit.n_segments < 1001) {
        int32_t from = (int32_t)rng_below(&rng, 116), n = 1 + (int32_t)rng_below(&rng, 4);
        if (from == last) continue;
        cut(&m, from * beat, (from + n) * beat,
            m.edit.n_segments && rng_below(&rng, 8) == 0 ? FADE_HALF_BEAT : FADE_SHORT);
        last = from + n;
    }
    render(&m);
    assert_int_equal(m.plan.n_seams, 1000);
    assert_exact_outside_ramps(&m);
    mix_drop(&m);
}

static void ramps_end_before_the_attack(void **state) {
    (void)state;
    Mix m = a_band(22050, 64, 1, 4);
    for (int k = 0; k < 7; k++) cut(&m, 22050 * (8 * k + 1), 22050 * (8 * k + 5), FADE_SHORT);
    render(&m);
    for (int32_t i = 0; i < m.plan.n_seams; i++) {
        const Seam *seam = &m.plan.seams[i];
        assert_true(seam->percussive);
        assert_true(seam->fade_start + seam->fade_samples <= seam->out_sample - 2 * 44);
        assert_true(seam->fade_start >= seam->out_sample - 64 * 44);
        assert_in_range(seam->fade_samples, 2 * 44, 15 * 45);
        /* from the end of the ramp on it is the new take: its attack is whole */
        const int64_t x = seam->out_sample;
        for (int64_t j = -2 * 44; j < 2000; j++) assert_true(m.out[x + j] == m.raw[seam->to_sample + j]);
    }
    mix_drop(&m);
}

/* Largest second difference in [from, to). */
static double roughness(const float *x, int64_t from, int64_t to) {
    double most = 0;
    for (int64_t i = from + 1; i + 1 < to; i++) {
        double d = fabs((double)x[i - 1] - 2.0 * x[i] + x[i + 1]);
        if (d > most) most = d;
    }
    return most;
}

static void a_hard_cut_would_click_and_a_seam_does_not(void **state) {
    (void)state;
    Mix m = {.n_raw = RATE * 20, .wide = 1};
    m.raw = malloc((size_t)m.n_raw * sizeof *m.raw);
    for (int64_t i = 0; i < m.n_raw; i++)
        m.raw[i] = (float)(0.4 * sin((double)i * 0.03) + 0.2 * sin((double)i * 0.071 + 1));
    Rng rng = rng_at(9, 9);
    for (int k = 0; k < 100; k++) {
        int64_t from = RATE + (int64_t)rng_below(&rng, RATE * 17);
        cut(&m, from, from + RATE, FADE_SHORT);
    }
    render(&m);
    const double usual = roughness(m.raw, 0, m.n_raw);
    double hard = 0;
    for (int32_t i = 0; i < m.plan.n_seams; i++) {
        const Seam *seam = &m.plan.seams[i];
        if (seam->from_sample == seam->to_sample) continue;
        assert_true(seam->fade_samples > 0);
        double d = fabs(m.raw[seam->from_sample - 1] - m.raw[seam->to_sample]);
        if (d > hard) hard = d;
        const int64_t a = seam->fade_start - 88, b = seam->fade_start + seam->fade_samples + 88;
        assert_true(roughness(m.out, a, b) < 1.5 * usual);
    }
    assert_true(hard > 20 * usual);
    mix_drop(&m);
}

static double level(const float *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
    return 10 * log10(sum / (double)n);
}

static void fades_keep_the_level_of_alike_and_of_unlike_sound(void **state) {
    (void)state;
    for (int alike = 0; alike < 2; alike++) {
        Mix m = {.n_raw = RATE * 24, .wide = 1};
        m.raw = malloc((size_t)m.n_raw * sizeof *m.raw);
        Rng rng = rng_at(11, 1);
        for (int64_t i = 0; i < m.n_raw; i++)
            m.raw[i] = alike && i >= RATE * 12 ? m.raw[i - RATE * 12] : 0.5f * (rng_f32(&rng) - 0.5f);
        cut(&m, RATE * 2, RATE * 6, FADE_SHORT);
        cut(&m, RATE * 18, RATE * 22, FADE_4_BEATS); /* 12 s on: the same noise when alike */
        render(&m);
        const Seam *seam = &m.plan.seams[0];
        assert_true(alike ? seam->correlation > 0.999f : fabsf(seam->correlation) < 0.02f);
        const double middle = level(m.out + seam->out_sample - RATE / 4, RATE / 2),
                     before = level(m.out + RATE, RATE);
        assert_true(fabs(middle - before) < 0.3);
        mix_drop(&m);
    }
}

static void a_sum_over_full_scale_is_lowered_inside_its_fade_only(void **state) {
    (void)state;
    Mix m = {.n_raw = RATE * 20, .wide = 2};
    m.raw = malloc((size_t)(m.n_raw * 2) * sizeof *m.raw);
    for (int64_t i = 0; i < m.n_raw; i++) {
        const double w = i < RATE * 10 ? 0.05 : 0.05003; /* slowly in and out of phase */
        m.raw[2 * i] = m.raw[2 * i + 1] = (float)(0.98 * sin((double)i * w));
    }
    cut(&m, RATE, RATE * 6, FADE_SHORT);
    cut(&m, RATE * 12, RATE * 18, FADE_4_BEATS);
    render(&m);
    const Seam *seam = &m.plan.seams[0];
    assert_true(seam->gain < 1);
    float most = 0;
    for (int64_t i = 0; i < 2 * m.n_out; i++) most = fmaxf(most, fabsf(m.out[i]));
    assert_true(most <= 1);
    assert_exact_outside_ramps(&m);
    assert_true(roughness(m.raw, 0, 2000) * 3 >
                roughness(m.out, 0, 2 * m.n_out)); /* lowered without a step */
    mix_drop(&m);
}

static void a_recording_that_goes_on_has_no_ramp(void **state) {
    (void)state;
    Mix m = a_band(22050, 16, 1, 8);
    m.edit = (Edit){.sample_rate_hz = RATE, .n_segments = 2, .capacity = 2};
    m.edit.segments = calloc(2, sizeof *m.edit.segments);
    m.edit.segments[0] = (EditSegment){22050, 44100, FADE_SHORT};
    m.edit.segments[1] = (EditSegment){44100, 88200, FADE_SHORT};
    render(&m);
    assert_int_equal(m.plan.seams[0].fade_samples, 0);
    assert_exact_outside_ramps(&m);
    mix_drop(&m);
}

static void seams_at_the_very_ends_of_the_recording_are_rendered(void **state) {
    (void)state;
    Mix m = a_band(22050, 8, 1, 8);
    cut(&m, 0, m.n_raw, FADE_SHORT);
    cut(&m, 0, m.n_raw, FADE_2_BEATS);
    cut(&m, m.n_raw - 30, m.n_raw, FADE_SHORT); /* shorter than any ramp wants to be */
    cut(&m, 0, 3, FADE_SHORT);
    cut(&m, 100, 22050, FADE_4_BEATS);
    render(&m);
    assert_int_equal(m.plan.lead_in_samples, 0);
    int64_t end = 0;
    for (int32_t i = 0; i < m.plan.n_seams; i++) {
        assert_true(m.plan.seams[i].fade_start >= end);
        end = m.plan.seams[i].fade_start + m.plan.seams[i].fade_samples;
        assert_true(end <= m.plan.n_samples);
    }
    assert_exact_outside_ramps(&m);
    mix_drop(&m);
}

static void a_last_chord_rings_out_and_a_new_attack_is_not_heard(void **state) {
    (void)state;
    for (int attack = 0; attack < 2; attack++) {
        Mix m = {.n_raw = RATE * 10, .wide = 1};
        m.raw = calloc((size_t)m.n_raw, sizeof *m.raw);
        for (int64_t i = 0; i < m.n_raw; i++) m.raw[i] = (float)(0.5 * sin((double)i * 0.05));
        for (int64_t i = RATE * 4; i < m.n_raw; i++)
            m.raw[i] *= (float)exp(-(double)(i - RATE * 4) / (0.4 * RATE));
        if (attack)
            for (int64_t i = RATE * 9 / 2; i < RATE * 6; i++) m.raw[i] = i % 100 < 50 ? 0.9f : -0.9f;
        cut(&m, RATE, RATE * 4, FADE_SHORT);
        render(&m);
        if (attack)
            assert_in_range(m.plan.tail_samples, RATE * 4 / 10, RATE / 2);
        else
            assert_in_range(m.plan.tail_samples, RATE * 3 / 2, RATE * 2);
        float most = 0;
        for (int64_t i = m.n_out - m.plan.tail_samples; i < m.n_out; i++) most = fmaxf(most, fabsf(m.out[i]));
        assert_true(most < 0.6f);
        assert_exact_outside_ramps(&m);
        mix_drop(&m);
    }
}

/* A beat that is written up to 30 ms late is still struck whole. */
static void the_first_attack_is_whole(void **state) {
    (void)state;
    Mix m = a_band(22050, 16, 1, 1);
    cut(&m, 22050 * 2 + 30 * 44, 22050 * 5, FADE_SHORT);
    render(&m);
    assert_true(m.plan.lead_in_samples > 42 * 44);
    assert_exact_outside_ramps(&m);
    const int64_t attack = m.plan.lead_in_samples - 30 * 44;
    for (int64_t i = -2 * 44; i < 1000; i++) assert_true(m.out[attack + i] == m.raw[22050 * 2 + i]);
    mix_drop(&m);
}

static void music_that_would_go_on_is_faded_out_over_two_beats(void **state) {
    (void)state;
    Mix m = a_band(22050, 32, 1, 1);
    cut(&m, 22050 * 2, 22050 * 18, FADE_SHORT);
    render(&m);
    assert_int_equal(m.plan.tail_samples, 0);
    assert_int_equal(m.plan.tail_fade_samples, 2 * 22050);
    assert_exact_outside_ramps(&m);
    mix_drop(&m);
}

/* The old take ends in a cymbal; the new one is struck before that has died away. */
static void a_last_cymbal_rings_on_under_what_follows(void **state) {
    (void)state;
    Mix m = a_band(22050, 40, 1, 1);
    Rng rng = rng_at(3, 3);
    const int64_t end = 22050 * 16;
    for (int64_t i = end - 22050; i < end + RATE * 5; i++)
        m.raw[i] = (float)(0.4 * rng_between(&rng, -1, 1) * exp(-(double)(i - end + 22050) / RATE));
    cut(&m, 22050 * 4, end, FADE_SHORT);
    cut(&m, 22050 * 28, 22050 * 36, FADE_SHORT);
    render(&m);
    const Seam *seam = &m.plan.seams[0];
    assert_in_range(seam->ring_samples, RATE / 2, RATE * 3 / 2);
    assert_exact_outside_ramps(&m);
    const int64_t ramp_end = seam->fade_start + seam->fade_samples, change = ramp_end - seam->ring_samples;
    assert_true(change < seam->out_sample); /* the attack is all the new line's, the cymbal only under it */
    for (int64_t x = change; x < ramp_end; x++) {
        const double old = m.out[x] - m.raw[x - seam->out_sample + seam->to_sample],
                     rings = m.raw[x - seam->out_sample + seam->from_sample],
                     share = 0.5 + 0.5 * cos(M_PI * (double)(x - seam->fade_start) / seam->fade_samples);
        assert_true(fabs(old - share * rings) < 1e-3);
    }
    mix_drop(&m);
}

/* The same under a line at full scale: there is no room for the cymbal, and the line is not turned down for
 * it. */
static void nothing_rings_under_a_line_at_full_scale(void **state) {
    (void)state;
    Mix m = a_band(22050, 40, 1, 1);
    Rng rng = rng_at(3, 3);
    const int64_t end = 22050 * 16;
    for (int64_t i = end - 22050; i < end + RATE * 5; i++)
        m.raw[i] = (float)(0.4 * rng_between(&rng, -1, 1) * exp(-(double)(i - end + 22050) / RATE));
    for (int64_t i = 22050 * 27; i < 22050 * 37; i++) m.raw[i] = (float)fmin(1, fmax(-1, 20 * m.raw[i]));
    cut(&m, 22050 * 4, end, FADE_SHORT);
    cut(&m, 22050 * 28, 22050 * 36, FADE_SHORT);
    render(&m);
    const Seam *seam = &m.plan.seams[0];
    assert_true(seam->gain >= 0.5F && (seam->gain >= 0.8F || seam->ring_samples == 0));
    assert_exact_outside_ramps(&m);
    mix_drop(&m);
}

static void a_plan_can_be_held_to_a_length(void **state) {
    (void)state;
    MixPlan plan = {.lead_in_samples = 10,
                    .tail_samples = 100,
                    .tail_fade_samples = 100,
                    .n_samples = 1110,
                    .sample_rate_hz = 1000};
    mix_plan_limit(&plan, 2000);
    assert_int_equal(plan.n_samples, 1110);
    mix_plan_limit(&plan, 1050);
    assert_int_equal(plan.n_samples, 1050);
    assert_int_equal(plan.tail_samples, 40);
    assert_int_equal(plan.tail_fade_samples, 40); /* not into the last beat */
    mix_plan_limit(&plan, 1003);
    assert_int_equal(plan.lead_in_samples, 3);
    mix_plan_limit(&plan, 900);
    assert_int_equal(plan.n_samples, 1000); /* never into a segment */
}

/* Loudness of the whole song after one gain; what is asked is reached, or the peak says why not. */
static void loudness_is_one_gain_that_keeps_the_peak(void **state) {
    (void)state;
    static const struct {
        float level;
        double target;
        bool held;
    } cases[] = {{0.1f, -23, false}, {0.9f, -23, false}, {0.1f, -1.5, true}, {1.4f, -0.5, true}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        Mix m = a_band(22050, 16, 2, 1);
        for (int64_t i = 0; i < m.n_raw * 2; i++) m.raw[i] *= cases[k].level * 2;
        cut(&m, 22050, 22050 * 5, FADE_SHORT);
        cut(&m, 22050 * 8, 22050 * 14, FADE_SHORT);
        render(&m);
        char raw[PATH_BYTES], song[PATH_BYTES], text[MIX_LOUDNESS_TEXT];
        const char *path = raw;
        AudioReader *r;
        AudioWriter *w;
        MixLoudness did;
        Loudness after;
        assert_int_equal(path_join(raw, folder, "raw.wav"), BS_OK);
        assert_int_equal(path_join(song, folder, "loud.wav"), BS_OK);
        assert_int_equal(audio_open(&r, &path, 1), BS_OK);
        assert_int_equal(mix_loudness(&m.plan, &m.edit, r, cases[k].target, &did, NULL, NULL), BS_OK);
        assert_int_equal(did.held_by_peak, cases[k].held);
        assert_non_null(
            strstr(mix_loudness_text(&did, cases[k].target, text), cases[k].held ? "over" : "peak"));
        assert_int_equal(audio_create(&w, song, RATE, 2, 32), BS_OK);
        assert_int_equal(mix_render(&m.plan, &m.edit, r, w, NULL, NULL), BS_OK);
        assert_int_equal(audio_finish(w), BS_OK);
        audio_close(r);
        path = song;
        float *loud = malloc(sizeof *loud * 2 * (size_t)m.n_out);
        int64_t got;
        assert_int_equal(audio_open(&r, &path, 1), BS_OK);
        assert_int_equal(audio_read_at(r, 0, m.n_out, loud, &got), BS_OK);
        assert_int_equal(got, m.n_out);
        audio_close(r);
        for (int64_t i = 0; i < 2 * m.n_out; i++) /* one gain, everywhere */
            assert_true(fabs(loud[i] - (double)m.out[i] * m.plan.gain) < 1e-6);
        assert_int_equal(loudness_measure(loud, m.n_out, 2, RATE, &after), BS_OK);
        assert_true(after.true_peak_db <= MIX_PEAK_DB);
        assert_true(fabs(after.integrated_lufs - did.after_lufs) < 0.05);
        if (cases[k].held)
            assert_true(after.true_peak_db > MIX_PEAK_DB - 0.1 && after.integrated_lufs < cases[k].target);
        else
            assert_true(fabs(after.integrated_lufs - cases[k].target) < 0.1);
        free(loud);
        mix_drop(&m);
    }
}

static void silence_has_no_loudness_to_change(void **state) {
    (void)state;
    Mix m = {.n_raw = RATE * 4, .wide = 1};
    m.raw = calloc((size_t)m.n_raw, sizeof *m.raw);
    cut(&m, 0, RATE, FADE_SHORT);
    cut(&m, RATE * 2, RATE * 3, FADE_SHORT);
    render(&m);
    char raw[PATH_BYTES], text[MIX_LOUDNESS_TEXT];
    const char *path = raw;
    AudioReader *r;
    MixLoudness did;
    assert_int_equal(path_join(raw, folder, "raw.wav"), BS_OK);
    assert_int_equal(audio_open(&r, &path, 1), BS_OK);
    assert_int_equal(mix_loudness(&m.plan, &m.edit, r, -14, &did, NULL, NULL), BS_OK);
    audio_close(r);
    assert_true(did.silent && m.plan.gain == 1);
    assert_non_null(strstr(mix_loudness_text(&did, -14, text), "left as it is"));
    for (int64_t i = 0; i < m.n_out; i++) assert_true(m.out[i] == 0);
    mix_drop(&m);
}

static void each_segment_has_a_marker_where_it_begins(void **state) {
    (void)state;
    Mix m = a_band(22050, 16, 1, 1);
    cut(&m, 22050 * 2, 22050 * 5, FADE_SHORT);
    cut(&m, 22050 * 8, 22050 * 14, FADE_SHORT);
    render(&m);
    AudioMarkers markers;
    assert_int_equal(mix_markers(&m.plan, &m.edit, &markers), BS_OK);
    assert_int_equal(markers.n, 2);
    assert_int_equal(markers.list[0].sample, m.plan.lead_in_samples);
    assert_int_equal(markers.list[1].sample, m.plan.seams[0].out_sample);
    assert_string_equal(markers.list[1].label, "2 raw 0:04.000");
    free(markers.list);
    mix_drop(&m);
}

static void an_edit_of_another_recording_is_refused(void **state) {
    (void)state;
    char raw[PATH_BYTES];
    float silence[1000] = {0};
    assert_int_equal(path_join(raw, folder, "short.wav"), BS_OK);
    assert_int_equal(audio_save(raw, silence, 1000, 1, RATE, 16), BS_OK);
    AudioReader *r;
    const char *path = raw;
    assert_int_equal(audio_open(&r, &path, 1), BS_OK);
    Edit edit;
    MixPlan plan;
    edit_init(&edit);
    edit.sample_rate_hz = RATE;
    assert_int_equal(mix_plan(&plan, &edit, r, NULL, NULL), BS_INVALID);
    assert_int_equal(edit_append(&edit, 10, 1001, FADE_SHORT), BS_OK);
    assert_int_equal(mix_plan(&plan, &edit, r, NULL, NULL), BS_INVALID);
    edit.segments[0].end_sample = 1000;
    edit.sample_rate_hz = 48000;
    assert_int_equal(mix_plan(&plan, &edit, r, NULL, NULL), BS_INVALID);
    edit_drop(&edit);
    audio_close(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_segment_is_a_copy_with_faded_ends),
        cmocka_unit_test(kept_audio_is_bit_exact_outside_ramps),
        cmocka_unit_test(a_thousand_seams_shift_the_grid_by_nothing),
        cmocka_unit_test(ramps_end_before_the_attack),
        cmocka_unit_test(a_hard_cut_would_click_and_a_seam_does_not),
        cmocka_unit_test(fades_keep_the_level_of_alike_and_of_unlike_sound),
        cmocka_unit_test(a_sum_over_full_scale_is_lowered_inside_its_fade_only),
        cmocka_unit_test(a_recording_that_goes_on_has_no_ramp),
        cmocka_unit_test(seams_at_the_very_ends_of_the_recording_are_rendered),
        cmocka_unit_test(a_last_chord_rings_out_and_a_new_attack_is_not_heard),
        cmocka_unit_test(the_first_attack_is_whole),
        cmocka_unit_test(music_that_would_go_on_is_faded_out_over_two_beats),
        cmocka_unit_test(a_last_cymbal_rings_on_under_what_follows),
        cmocka_unit_test(nothing_rings_under_a_line_at_full_scale),
        cmocka_unit_test(a_plan_can_be_held_to_a_length),
        cmocka_unit_test(loudness_is_one_gain_that_keeps_the_peak),
        cmocka_unit_test(silence_has_no_loudness_to_change),
        cmocka_unit_test(each_segment_has_a_marker_where_it_begins),
        cmocka_unit_test(an_edit_of_another_recording_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
