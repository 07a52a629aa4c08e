// needs: simulator
/* Sessions: the same bytes for the same seed on any number of threads, units that partition the timeline,
 * levels a recording would have, and sound where the truth says there is some. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/audio/audio.h"
#include "common/host/file.h"
#include "simulator/session.h"
#include "simulator/simulate.h"

/* Session 7 of 30 s, as gcc and clang make it, with and without optimisation. It changes only when the
 * music is meant to change. */
static const char GOLDEN[] = "6359aa0f2896561bb50b06ae31cbd647461fbc475b19f9d13ef2cdfeb91b793a";

static Hash sound_hash(const Session *s) {
    return hash_bytes(s->samples, (size_t)s->n_samples * 2 * sizeof(float));
}

static void the_same_seed_gives_the_same_bytes_on_every_build(void **state) {
    (void)state;
    Session s;
    char hex[HASH_HEX];
    assert_int_equal(session_make(&s, "song", 7, 30), BS_OK);
    Hash hash = sound_hash(&s);
    hash_hex(&hash, hex);
    session_drop(&s);
    assert_string_equal(hex, GOLDEN);
    assert_int_equal(session_make(&s, "song", 8, 30), BS_OK);
    Hash other = sound_hash(&s);
    assert_false(hash_equal(&hash, &other));
    session_drop(&s);
}

static Hash file_hash(const char *folder, const char *name) {
    char path[PATH_BYTES];
    void *bytes;
    size_t n;
    assert_int_equal(path_join(path, folder, name), BS_OK);
    assert_int_equal(file_read(path, 64 << 20, &bytes, &n), BS_OK);
    Hash hash = hash_bytes(bytes, n);
    free(bytes);
    return hash;
}

static void threads_do_not_change_the_files(void **state) {
    (void)state;
    static const char *const endings[] = {"_raw.wav", "_edit.wav", ".truth.json"};
    char one[] = "/tmp/bandsaw-one-XXXXXX", three[] = "/tmp/bandsaw-three-XXXXXX";
    assert_non_null(mkdtemp(one));
    assert_non_null(mkdtemp(three));
    SimulateOptions o = {
        .folder = one, .n_songs = 4, .first_song = 1, .seed = 5, .length_s = 20, .n_jobs = 1, .edits = true};
    assert_int_equal(simulate(&o, NULL, NULL), BS_OK);
    o.folder = three;
    o.n_jobs = 3;
    assert_int_equal(simulate(&o, NULL, NULL), BS_OK);
    for (int song = 1; song <= 4; song++)
        for (int e = 0; e < 3; e++) {
            char name[64];
            snprintf(name, sizeof name, "song%04d%s", song, endings[e]);
            Hash a = file_hash(one, name), b = file_hash(three, name);
            assert_true(hash_equal(&a, &b));
        }
    assert_int_equal(simulate(&o, NULL, NULL), BS_EXISTS);
    o.force = true;
    assert_int_equal(simulate(&o, NULL, NULL), BS_OK);
    dir_remove(one);
    dir_remove(three);
}

static void units_partition_the_timeline_and_takes(void **state) {
    (void)state;
    int n = getenv("N") ? atoi(getenv("N")) / 100 : 100;
    for (int i = 0; i < n; i++) {
        Truth *t;
        assert_int_equal(session_truth(&t, "song", (uint64_t)i, i % 4 ? 90 : 20 + i), BS_OK);
        assert_int_equal(truth_check(t), BS_OK);
        int32_t beats = 0;
        for (int32_t u = 0; u < t->n_units; u++) {
            const TruthUnit *unit = &t->units[u];
            int64_t length = truth_unit_end(t, u) - unit->start_sample;
            assert_true(length > 0);
            if (unit->kind != UNIT_BEAT) {
                assert_true(length <= 2 * t->sample_rate_hz);
                continue;
            }
            beats++;
            const TruthTake *take = &t->takes[unit->take];
            assert_true(unit->start_sample >= take->first_sample && truth_unit_end(t, u) <= take->end_sample);
            double bpm = 60.0 * t->sample_rate_hz / (double)length;
            assert_true(bpm > 60 && bpm < 195);
            assert_true(fabs(bpm / (double)take->tempo_bpm - 1) < 0.12);
            if (u && t->units[u - 1].kind == UNIT_BEAT) { /* the form goes on inside a take */
                assert_int_equal(unit->phase, (t->units[u - 1].phase + 1) % t->tunes[0].meter);
                assert_int_equal(unit->slot, t->units[u - 1].slot + (unit->phase == 0));
            }
        }
        assert_true(beats > t->tunes[0].n_slots * t->tunes[0].meter / 2);
        float best[TRUTH_MAX_SLOTS];
        truth_best_flaws(t, 0, best);
        for (int32_t s = 0; s < t->tunes[0].n_slots; s++)
            assert_true(best[s] <= 1); /* every bar is played whole somewhere */
        truth_free(t);
    }
}

/* Mean level of [from, to) in dB. */
static double level_db(const Session *s, int64_t from, int64_t to) {
    double sum = 1e-12;
    for (int64_t i = 2 * from; i < 2 * to; i++) sum += (double)s->samples[i] * s->samples[i];
    return 10 * log10(sum / (double)(2 * (to - from)));
}

static void takes_sound_like_music_and_pauses_do_not(void **state) {
    (void)state;
    for (uint64_t seed = 20; seed < 24; seed++) {
        Session s;
        assert_int_equal(session_make(&s, "song", seed, 45), BS_OK);
        for (int64_t i = 0; i < 2 * s.n_samples; i++) {
            assert_true(s.samples[i] > -1 && s.samples[i] < 1);
            assert_true(floor((double)s.samples[i] * 32768) == (double)s.samples[i] * 32768);
        }
        for (int32_t k = 0; k < s.truth->n_takes; k++) {
            const TruthTake *take = &s.truth->takes[k];
            if (take->end_sample - take->first_sample < 5 * SESSION_RATE) continue;
            double level = level_db(&s, take->first_sample, take->end_sample);
            assert_true(level > -26 && level < -4);
        }
        for (int32_t u = 0; u < s.truth->n_units; u++) {
            if (s.truth->units[u].kind != UNIT_GAP) continue;
            double level = level_db(&s, s.truth->units[u].start_sample, truth_unit_end(s.truth, u));
            assert_true(level < -14);
        }
        session_drop(&s);
    }
}

static void flaws_are_spread_and_most_takes_have_some(void **state) {
    (void)state;
    int32_t kinds[FLAW_KINDS] = {0}, clean = 0, whole = 0, sessions = 0, no_clean = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        Truth *t;
        assert_int_equal(session_truth(&t, "song", seed, 90), BS_OK);
        bool any = false;
        for (int32_t k = 0; k < t->n_takes; k++) {
            if (!t->takes[k].complete) continue;
            bool flawed = false;
            for (int32_t f = 0; f < t->n_flaws; f++) flawed |= t->flaws[f].take == k;
            whole++;
            clean += !flawed;
            any |= !flawed;
        }
        for (int32_t f = 0; f < t->n_flaws; f++) kinds[t->flaws[f].kind]++;
        sessions++;
        no_clean += !any;
        truth_free(t);
    }
    for (int k = 0; k <= FLAW_BREAKDOWN; k++) assert_true(kinds[k] > 100);
    assert_true(clean * 6 < whole);
    assert_true(no_clean * 10 > sessions * 7);
}

static int compare_counts(int32_t a, int32_t b) { return a > b ? a - b : b - a; }

static void the_best_take_of_a_slot_is_anywhere(void **state) {
    (void)state;
    int32_t first = 0, last = 0;
    for (uint64_t seed = 0; seed < 400; seed++) { /* sessions of exactly two complete takes */
        Truth *t;
        int32_t take[2], n = 0;
        assert_int_equal(session_truth(&t, "song", seed, 90), BS_OK);
        for (int32_t k = 0; k < t->n_takes; k++)
            if (t->takes[k].complete && n++ < 2) take[n - 1] = k;
        if (n == 2) {
            double flaw[2] = {0};
            for (int32_t u = 0; u < t->n_units; u++)
                for (int i = 0; i < 2; i++)
                    if (t->units[u].kind == UNIT_BEAT && t->units[u].take == take[i])
                        flaw[i] += (double)t->units[u].flaw;
            first += flaw[0] < flaw[1];
            last += flaw[1] < flaw[0];
        }
        truth_free(t);
    }
    assert_true(first + last > 100);
    assert_true(compare_counts(first, last) * 5 < first + last);
}

static void lengths_out_of_range_are_refused(void **state) {
    (void)state;
    Session s;
    assert_int_equal(session_make(&s, "song", 1, 5), BS_INVALID);
    assert_int_equal(session_make(&s, "song", 1, 1e9), BS_INVALID);
    assert_int_equal(session_make(&s, "song", 1, NAN), BS_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_bytes_on_every_build),
        cmocka_unit_test(threads_do_not_change_the_files),
        cmocka_unit_test(units_partition_the_timeline_and_takes),
        cmocka_unit_test(takes_sound_like_music_and_pauses_do_not),
        cmocka_unit_test(flaws_are_spread_and_most_takes_have_some),
        cmocka_unit_test(the_best_take_of_a_slot_is_anywhere),
        cmocka_unit_test(lengths_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
