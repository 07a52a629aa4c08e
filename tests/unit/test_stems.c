// needs: featurizer simulator
/* A mix taken apart: its stems sum to it, however it is pushed; each is nearer to the truth than the mix is;
 * a mask that gains nothing is left out; what is heard in a mix tells who plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "featurizer/dsp/stems.h"
#include "tests/bench/stem_mixes.h"

typedef struct Made {
    float *stem[STEMS];
    int32_t n_channels;
    int64_t n, room;
} Made;

static Status keep(void *context, const float *const stems[STEMS], int64_t n) {
    Made *m = context;
    assert_true(m->n + n <= m->room);
    for (int s = 0; s < STEMS; s++)
        memcpy(m->stem[s] + m->n * m->n_channels, stems[s], sizeof(float) * (size_t)(n * m->n_channels));
    m->n += n;
    return BS_OK;
}

static void drop(Made *m) {
    for (int s = 0; s < STEMS; s++) free(m->stem[s]);
}

static Made split(const float *mix, int64_t n, int32_t n_channels, int32_t rate_hz, int64_t block,
                  const StemNet *net) {
    Made made = {.n_channels = n_channels, .room = n};
    StemSplitter *s;
    for (int i = 0; i < STEMS; i++) made.stem[i] = calloc((size_t)(n * n_channels + 1), sizeof(float));
    assert_int_equal(stems_open(&s, rate_hz, n_channels, 0.1F, net, keep, &made), BS_OK);
    for (int64_t at = 0; at < n; at += block)
        assert_int_equal(stems_push(s, mix + at * n_channels, at + block < n ? block : n - at), BS_OK);
    assert_int_equal(stems_finish(s), BS_OK);
    stems_close(s);
    return made;
}

/* Hits of noise over a chord and a low tone, unlike on the two sides. */
static void play(float *x, int64_t n, int32_t n_channels, int32_t rate_hz) {
    Rng r = rng_at(3, 3);
    for (int64_t i = 0; i < n; i++) {
        double t = (double)i / rate_hz, hit = exp(-fmod(t, 0.5) * 30) * rng_between(&r, -0.5, 0.5);
        for (int32_t c = 0; c < n_channels; c++)
            x[i * n_channels + c] =
                (float)(hit + (c ? 0.05 : 0.1) * (sin(2070 * t) + sin(2607 * t)) + 0.2 * sin(380 * t));
    }
}

static void stems_sum_to_the_mix_at_every_rate(void **state) {
    (void)state;
    static const struct {
        int32_t rate_hz, n_channels;
        int64_t n;
    } as[] = {{44100, 2, 90001},   {48000, 1, 50000}, {8000, 1, 20000},
              {192000, 2, 100000}, {44100, 6, 30000}, {44100, 1, 7}};
    for (size_t k = 0; k < sizeof as / sizeof *as; k++) {
        const int64_t n = as[k].n * as[k].n_channels;
        float *mix = malloc(sizeof *mix * (size_t)n);
        play(mix, as[k].n, as[k].n_channels, as[k].rate_hz);
        Made made = split(mix, as[k].n, as[k].n_channels, as[k].rate_hz, 4096, &stem_net);
        assert_int_equal(made.n, as[k].n);
        for (int64_t i = 0; i < n; i++) {
            double sum = 0;
            for (int s = 0; s < STEMS; s++) sum += (double)made.stem[s][i];
            assert_true(fabs(sum - (double)mix[i]) < 1e-6);
        }
        drop(&made);
        free(mix);
    }
}

static void stems_are_the_same_however_the_mix_is_pushed(void **state) {
    (void)state;
    enum { N = 40000 };
    static float mix[2 * N];
    play(mix, N, 2, 44100);
    Made whole = split(mix, N, 2, 44100, N, &stem_net), pieces = split(mix, N, 2, 44100, 333, &stem_net);
    for (int s = 0; s < STEMS; s++) assert_memory_equal(whole.stem[s], pieces.stem[s], sizeof mix);
    drop(&whole);
    drop(&pieces);
}

static double gain_of(const StemMix *m, const StemNet *net, Stem stem) {
    Made made = split(m->mix, m->n, 1, m->rate_hz, 8192, net);
    double gain = stem_sdr(m->stem[stem], made.stem[stem], m->n) - stem_sdr(m->stem[stem], m->mix, m->n);
    drop(&made);
    return gain;
}

/* Sessions and pieces from elsewhere on seeds that neither the trainer nor the bench has. */
static void every_stem_is_nearer_to_the_truth_than_the_mix(void **state) {
    (void)state;
    double gain[STEMS] = {0};
    int n[STEMS] = {0};
    for (int i = 0; i < 8; i++) {
        StemMix m;
        if (i < 4)
            assert_int_equal(stem_mix_make(&m, 880001 + (uint64_t)i, 25, 44100, false), BS_OK);
        else
            assert_int_equal(stem_mix_elsewhere(&m, i - 4, 880001, 44100), BS_OK);
        for (int s = 0; s < STEMS; s++) {
            if (stem_sdr(m.stem[s], m.mix, m.n) < -25) continue;
            gain[s] += gain_of(&m, &stem_net, (Stem)s);
            n[s]++;
        }
        stem_mix_drop(&m);
    }
    for (int s = 0; s < STEMS; s++) {
        printf("%s: %.1f dB over the mix\n", stem_names[s], gain[s] / n[s]);
        assert_true(n[s] > 0 && gain[s] / n[s] > 1);
        assert_true(stem_net.gain_db[s] >= STEM_LEAST_GAIN_DB);
    }
}

/* A network that says a quarter for every stem, whatever it hears: as good as the mix. */
static void a_mask_that_gains_nothing_is_left_out(void **state) {
    (void)state;
    static const float zeros[STEMS * 8 + STEM_CUES * 8], scale[STEM_CUES];
    StemNet useless = {8, zeros, scale, zeros, zeros, zeros, zeros, {1, 1, 1, 1}};
    StemMix m;
    assert_int_equal(stem_mix_elsewhere(&m, 0, 4711, 22050), BS_OK);
    const double gain = gain_of(&m, &useless, STEM_DRUMS);
    assert_true(fabs(gain) < 0.1); /* that is what the trainer measures, and writes beside the weights */
    useless.gain_db[STEM_DRUMS] = (float)gain;
    Made made = split(m.mix, m.n, 1, m.rate_hz, 8192, &useless);
    for (int64_t i = 0; i < m.n; i++) {
        assert_true(made.stem[STEM_DRUMS][i] == 0);
        assert_true(fabsf(made.stem[STEM_OTHER][i] - 0.5F * m.mix[i]) <
                    1e-4F); /* its quarter went to the rest */
    }
    drop(&made);
    stem_mix_drop(&m);
}

static void a_singer_is_heard_in_the_mix(void **state) {
    (void)state;
    double hits = 0, said = 0, truth = 0;
    for (int i = 0; i < 3; i++) {
        StemMix m;
        Arena mem;
        arena_init(&mem, (size_t)1 << 30);
        assert_int_equal(stem_mix_make(&m, 770001 + (uint64_t)i, 40, ANALYSIS_HZ, false), BS_OK);
        Frames f = {.samples = m.mix, .n_samples = m.n};
        assert_int_equal(stem_levels_hear(&f.stems, &f, &mem), BS_OK);
        float *sings = malloc(sizeof *sings * (size_t)f.stems.n);
        assert_int_equal(stem_mix_sings(&m, f.stems.n, sings), BS_OK);
        for (int32_t k = 0; k < f.stems.n; k++) {
            bool heard = f.stems.voice[k] > 0.5F;
            hits += heard && sings[k] > 0, said += heard, truth += sings[k] > 0;
        }
        free(sings);
        stem_mix_drop(&m);
        arena_drop(&mem);
    }
    printf("somebody sings: F %.3f\n", 2 * hits / (said + truth));
    assert_true(truth > 0 && 2 * hits / (said + truth) > 0.75);
}

/* Drums alone are heard as drums, a low tone as bass. */
static void levels_of_a_mix_tell_who_plays(void **state) {
    (void)state;
    StemMix m;
    Arena mem;
    double power[2][STEMS] = {0};
    arena_init(&mem, (size_t)1 << 30);
    assert_int_equal(stem_mix_elsewhere(&m, 0, 99, ANALYSIS_HZ), BS_OK);
    for (int i = 0; i < 2; i++) {
        Frames f = {.samples = m.stem[i == 0 ? STEM_DRUMS : STEM_BASS], .n_samples = m.n};
        assert_int_equal(stem_levels_hear(&f.stems, &f, &mem), BS_OK);
        for (int s = 0; s < STEMS; s++)
            for (int32_t k = 0; k < f.stems.n; k++) power[i][s] += (double)f.stems.power[s][k];
    }
    for (int s = 0; s < STEMS; s++) {
        if (s != STEM_DRUMS) assert_true(power[0][STEM_DRUMS] > 2 * power[0][s]);
        if (s != STEM_BASS) assert_true(power[1][STEM_BASS] > 2 * power[1][s]);
    }
    stem_mix_drop(&m);
    arena_drop(&mem);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stems_sum_to_the_mix_at_every_rate),
        cmocka_unit_test(stems_are_the_same_however_the_mix_is_pushed),
        cmocka_unit_test(every_stem_is_nearer_to_the_truth_than_the_mix),
        cmocka_unit_test(a_mask_that_gains_nothing_is_left_out),
        cmocka_unit_test(a_singer_is_heard_in_the_mix),
        cmocka_unit_test(levels_of_a_mix_tell_who_plays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
