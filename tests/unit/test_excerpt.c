// needs: common/policy
/* Recordings of hours: one tune of them as an episode can hold it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "common/policy/policy.h"
#include "common/song/excerpt.h"
#include "tests/unit/song_maker.h"

static Song *a_long_song(void) {
    const SongMakeOptions o = {.takes = 12, .tunes = 3, .sections = 8, .bars_per_section = 8};
    Song *song = song_make(17, &o);
    assert_true(song->n_units > 3000);
    return song;
}

/* Every unit that stays is the one of the recording, at its place; what is left out is one unit a stretch. */
static void an_excerpt_keeps_the_timeline(void **state) {
    (void)state;
    Song *song = a_long_song(), *part;
    int32_t left_out;
    for (int32_t tune = 0; tune < 3; tune++) {
        assert_int_equal(song_excerpt(&part, song, tune, 2000, &left_out), BS_OK);
        assert_int_equal(left_out, 0);
        assert_true(part->n_units <= 2000);
        assert_int_equal(part->n_samples, song->n_samples);
        assert_int_equal(part->tunes[0].n_slots, song->tunes[tune].n_slots);
        int32_t beats = 0, all_beats = 0, stretches = 0;
        for (int32_t u = 0; u < part->n_units; u++) {
            const SongUnit *x = &part->units[u];
            if (song_unit_left_out(part, u)) {
                stretches++;
                assert_int_equal(song_take_called(part, x->take), 0);
                assert_true(u == 0 || !song_unit_left_out(part, u - 1));
                continue;
            }
            const int32_t v = song_unit_at(song, x->start_sample);
            assert_int_equal(song->units[v].start_sample, x->start_sample);
            assert_int_equal(song_unit_samples(song, v), song_unit_samples(part, u));
            assert_memory_equal(part->features + (size_t)u * SONG_FEATURES,
                                song->features + (size_t)v * SONG_FEATURES, SONG_FEATURES * sizeof(float));
            assert_int_equal(x->slot, song->units[v].slot);
            assert_true(x->take < 0 || part->takes[x->take].tune == 0);
            assert_true(x->take < 0 || song->takes[song->units[v].take].tune == tune);
            beats += x->kind == UNIT_BEAT;
            if (x->take < 0) continue;
            assert_int_equal(song_take_called(part, x->take), song->units[v].take + 1);
            assert_int_equal(song_take_numbered(part, song->units[v].take + 1), x->take);
        }
        for (int32_t v = 0; v < song->n_units; v++)
            all_beats += song->units[v].kind == UNIT_BEAT && song->takes[song->units[v].take].tune == tune;
        assert_int_equal(beats, all_beats);
        assert_true(stretches >= 4);
        assert_int_equal(song_tune_called(part, 0), tune + 1);
        assert_int_equal(song_tune_called(part, 1), 0);
        assert_int_equal(song_take_numbered(part, 0), -1);
        song_free(part);
    }
    song_free(song);
}

static void takes_that_have_no_room_are_counted(void **state) {
    (void)state;
    Song *song = a_long_song(), *part;
    int32_t left_out;
    const int32_t take = song->takes[0].n_units;
    assert_int_equal(song_excerpt(&part, song, 0, 2 * take + 40, &left_out), BS_OK);
    assert_true(part->n_units <= 2 * take + 40);
    assert_int_equal(left_out, 2);
    song_free(part);
    assert_int_equal(song_excerpt(&part, song, 0, 20, NULL), BS_TOO_BIG);
    assert_null(part);
    song_free(song);
}

static bool overlaps_other_tunes(const Song *song, const Edit *edit, int32_t tune) {
    for (int32_t i = 0; i < edit->n_segments; i++)
        for (int32_t u = song_unit_at(song, edit->segments[i].start_sample);
             u < song->n_units && song->units[u].start_sample < edit->segments[i].end_sample; u++)
            if (song->units[u].take >= 0 && song->takes[song->units[u].take].tune != tune) return true;
    return false;
}

/* Whoever plays: what is left out is never kept, and the window is met. */
static void edits_of_an_excerpt_are_edits_of_the_recording(void **state) {
    (void)state;
    Song *song = a_long_song(), *part;
    EnvSong *es;
    Env *env;
    Job job;
    assert_int_equal(song_excerpt(&part, song, 1, 2000, NULL), BS_OK);
    assert_int_equal(env_song_new(&es, part), BS_OK);
    assert_int_equal(env_new(&env, es), BS_OK);
    job_init(&job, part);
    const double music_s = (double)song->takes[1].n_units * 0.5;
    assert_int_equal(job_target(&job, part, music_s, 3), BS_OK);
    assert_true(job.hi_samples - job.lo_samples <= 7 * part->sample_rate_hz);
    static const PolicyKind kinds[] = {POLICY_RANDOM, POLICY_CROP, POLICY_RETARGET};
    for (uint64_t seed = 0; seed < 12; seed++) {
        Policy *policy;
        Trajectory steps;
        Edit edit;
        float terms[REWARD_TERMS];
        edit_init(&edit);
        assert_int_equal(policy_open(&policy, kinds[seed % 3], NULL, 0), BS_OK);
        assert_int_equal(trajectory_init(&steps, ENV_MAX_STEPS), BS_OK);
        assert_int_equal(policy_run(policy, es, 1, &job, &seed, &steps, NULL, NULL), BS_OK);
        assert_int_equal(env_replay(env, &job, steps.actions, steps.n_steps, &edit, NULL, terms), BS_OK);
        assert_in_range(edit_samples(&edit), job.lo_samples, job.hi_samples);
        assert_false(overlaps_other_tunes(song, &edit, 1));
        edit_drop(&edit);
        trajectory_drop(&steps);
        policy_close(policy);
    }
    env_free(env);
    env_song_free(es);
    song_free(part);
    song_free(song);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_excerpt_keeps_the_timeline),
        cmocka_unit_test(takes_that_have_no_room_are_counted),
        cmocka_unit_test(edits_of_an_excerpt_are_edits_of_the_recording),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
