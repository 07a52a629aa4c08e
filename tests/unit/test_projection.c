// needs: common/env common/song
/* Projection: a person's cut in samples becomes whole units: breaths and pickups go with their seam, crumbs
 * go, the loss is what is no longer played; and what no actions make becomes the nearest that some do. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/env/env_retell.h"
#include "tests/unit/song_maker.h"

enum { MOST = 2048 };

/* A song of three takes, and its right edit in units. */
typedef struct Case {
    Song *song;
    int32_t units[MOST], n;
    uint8_t fades[MOST];
    Edit edit;
} Case;

static Case make_case(uint64_t seed) {
    Case c = {.song = song_make(seed, &(SongMakeOptions){.takes = 4, .flawed_bars = 0.3})};
    c.n = song_made_right(c.song, 0, 14, c.units, c.fades, MOST);
    assert_int_equal(edit_from_units(&c.edit, c.song, c.units, c.fades, c.n), BS_OK);
    return c;
}

static void drop_case(Case *c) {
    edit_drop(&c->edit);
    song_free(c->song);
}

static Projection project(const Case *c, const Edit *made) {
    Projection p;
    const Status st = projection_make(&p, c->song, made);
    if (st != BS_OK) print_error("%s\n", error_text());
    assert_int_equal(st, BS_OK);
    return p;
}

static double loss_of(const Edit *made, int64_t foreign, const Edit *projected) {
    double loss = -1;
    assert_int_equal(projection_loss(made, foreign, projected, &loss), BS_OK);
    return loss;
}

static double beat_at(const Case *c, int64_t sample) {
    return (double)song_unit_samples(c->song, song_unit_at(c->song, sample));
}

static void whole_units_stay_as_they_are(void **state) {
    (void)state;
    int32_t n_seams = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        Case c = make_case(seed);
        Projection p = project(&c, &c.edit);
        assert_int_equal(p.n, c.n);
        assert_memory_equal(p.units, c.units, sizeof *p.units * (size_t)c.n);
        assert_true(edit_equal(&p.edit, &c.edit));
        assert_true(loss_of(&c.edit, 0, &p.edit) == 0);
        n_seams += c.edit.n_segments - 1;
        projection_drop(&p);
        drop_case(&c);
    }
    assert_true(n_seams > 20);
}

/* Every seam `share` of a beat away, on both sides alike: before the attack, or at a pickup. */
static void seams_that_move_as_one_come_back_to_the_beat(void **state) {
    (void)state;
    static const double shares[] = {-0.12, 0.1, -0.3};
    for (uint64_t seed = 1; seed <= 20; seed++)
        for (size_t k = 0; k < sizeof shares / sizeof *shares; k++) {
            Case c = make_case(seed);
            Edit made;
            assert_int_equal(edit_copy(&made, &c.edit), BS_OK);
            for (int32_t i = 1; i < made.n_segments; i++) {
                const int64_t off = llround(shares[k] * beat_at(&c, made.segments[i].start_sample));
                made.segments[i - 1].end_sample += off;
                made.segments[i].start_sample += off;
            }
            Projection p = project(&c, &made);
            assert_true(edit_equal(&p.edit, &c.edit));
            projection_drop(&p);
            edit_drop(&made);
            drop_case(&c);
        }
}

/* Half a beat early on both sides: an edge on either hand is as near, but it must be the same hand. */
static void a_pickup_keeps_the_beat_going(void **state) {
    (void)state;
    int32_t n_seams = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        Case c = make_case(seed);
        Edit made;
        Rng rng = rng_at(seed, 9);
        assert_int_equal(edit_copy(&made, &c.edit), BS_OK);
        for (int32_t i = 1; i < made.n_segments; i++) {
            const double off = -0.5 * beat_at(&c, made.segments[i].start_sample);
            made.segments[i - 1].end_sample += llround(off + rng_between(&rng, -200, 200));
            made.segments[i].start_sample += llround(off + rng_between(&rng, -200, 200));
        }
        Projection p = project(&c, &made);
        assert_int_equal(p.n, c.n); /* no beat more, no beat less */
        for (int32_t i = 1; i < p.n; i++)
            if (p.units[i] != p.units[i - 1] + 1) {
                const SongUnit *on = &c.song->units[p.units[i - 1] + 1], *to = &c.song->units[p.units[i]];
                if (on->kind == UNIT_BEAT && to->kind == UNIT_BEAT) assert_int_equal(on->phase, to->phase);
                n_seams++;
            }
        projection_drop(&p);
        edit_drop(&made);
        drop_case(&c);
    }
    assert_true(n_seams > 20);
}

static void crumbs_go_and_what_is_lost_is_said(void **state) {
    (void)state;
    Case c = make_case(3);
    const EditSegment *first = &c.edit.segments[0];
    Edit made;
    edit_init(&made);
    made.sample_rate_hz = c.song->sample_rate_hz;
    const int64_t crumb = (int64_t)(0.2 * beat_at(&c, first->start_sample));
    assert_int_equal(edit_append(&made, first->start_sample, first->end_sample, FADE_SHORT), BS_OK);
    assert_int_equal(
        edit_append(&made, first->start_sample + 2 * crumb, first->start_sample + 3 * crumb, FADE_SHORT),
        BS_OK);
    Projection p = project(&c, &made);
    assert_int_equal(p.edit.n_segments, 1);
    assert_int_equal(p.edit.segments[0].start_sample, first->start_sample);
    const double length = (double)(first->end_sample - first->start_sample), lost = (double)crumb;
    assert_true(fabs(loss_of(&made, 0, &p.edit) - lost / (length + lost)) < 1e-9);
    assert_true(fabs(loss_of(&made, (int64_t)length, &p.edit) - (lost + length) / (2 * length + lost)) <
                1e-9);
    assert_true(projection_weight(0) == 1 && projection_weight(0.1) < projection_weight(0.05) &&
                projection_weight(1) == 0);
    projection_drop(&p);
    edit_drop(&made);
    drop_case(&c);
}

static void refuses_what_is_no_edit_of_the_song(void **state) {
    (void)state;
    Case c = make_case(4);
    Projection p;
    Edit made;
    assert_int_equal(edit_copy(&made, &c.edit), BS_OK);
    made.sample_rate_hz++;
    assert_int_equal(projection_make(&p, c.song, &made), BS_INVALID);
    made.sample_rate_hz--;
    made.segments[0].end_sample = c.song->n_samples + 1;
    assert_int_equal(projection_make(&p, c.song, &made), BS_INVALID);
    made.n_segments = 0;
    assert_int_equal(projection_make(&p, c.song, &made), BS_NOT_FOUND);
    assert_null(p.units);
    edit_drop(&made);
    drop_case(&c);
}

/* Random pieces of the song, as somebody would cut them who knows no menu. */
static void what_no_actions_make_becomes_the_nearest_that_some_do(void **state) {
    (void)state;
    int32_t n_changed = 0, n_rounds = 60;
    double total = 0;
    static uint8_t actions[ENV_MAX_STEPS], fades[ENV_MAX_UNITS], wanted_fades[ENV_MAX_UNITS];
    static int32_t units[ENV_MAX_UNITS], wanted[ENV_MAX_UNITS];
    for (int32_t round = 0; round < n_rounds; round++) {
        Case c = make_case(100 + (uint64_t)round);
        EnvSong *es;
        Env *env;
        Job job;
        Edit before, after;
        Rng rng = rng_at((uint64_t)round, 3);
        int32_t n = 0, n_actions;
        assert_int_equal(env_song_new(&es, c.song), BS_OK);
        assert_int_equal(env_new(&env, es), BS_OK);
        for (int piece = 0; piece < 5; piece++) {
            const SongTake *take = &c.song->takes[rng_below(&rng, (uint32_t)c.song->n_takes)];
            const int32_t from = take->first_unit + (int32_t)rng_below(&rng, (uint32_t)take->n_units / 2);
            const int32_t most = take->first_unit + take->n_units - from,
                          length = 8 + (int32_t)rng_below(&rng, 16);
            for (int32_t u = from; u < from + (length < most ? length : most); u++) {
                wanted_fades[n] = u == from && n ? (uint8_t)rng_below(&rng, FADE_COUNT) : FADE_SHORT;
                if (n && u == wanted[n - 1] + 1) wanted_fades[n] = FADE_SHORT;
                wanted[n++] = u;
            }
        }
        memcpy(units, wanted, sizeof units);
        memcpy(fades, wanted_fades, sizeof fades);
        job_init(&job, c.song);
        job.tune = 0;
        const int32_t n_wanted = n;
        const Status exact =
            env_parse(env, &job, wanted, wanted_fades, n, actions, ENV_MAX_STEPS, &n_actions);
        assert_int_equal(env_parse_near(env, &job, units, fades, &n, actions, ENV_MAX_STEPS, &n_actions),
                         BS_OK);
        assert_int_equal(env_replay(env, &job, actions, n_actions, &after, NULL, NULL), BS_OK);
        assert_int_equal(edit_from_units(&before, c.song, units, fades, n), BS_OK);
        assert_true(edit_equal(&before, &after)); /* units are what the actions make */
        edit_drop(&before);
        assert_int_equal(edit_from_units(&before, c.song, wanted, wanted_fades, n_wanted), BS_OK);
        if (exact == BS_OK) assert_true(edit_equal(&before, &after));
        n_changed += exact != BS_OK;
        total += loss_of(&before, 0, &after);
        edit_drop(&before);
        edit_drop(&after);
        env_free(env);
        env_song_free(es);
        drop_case(&c);
    }
    assert_in_range(n_changed, n_rounds / 4, n_rounds); /* long fades where there is no room */
    if (getenv("SHOW"))
        print_message("%d of %d changed, mean loss %.3f\n", n_changed, n_rounds, total / n_rounds);
    assert_true(total / n_rounds < 0.03);
}

static void an_edit_is_retold_in_a_window_of_its_own(void **state) {
    (void)state;
    int32_t n_whole = 0, n_changed = 0;
    for (uint64_t seed = 200; seed < 230; seed++) {
        Case c = make_case(seed);
        EnvSong *es;
        Env *env;
        Retelling told;
        Edit again;
        assert_int_equal(env_song_new(&es, c.song), BS_OK);
        assert_int_equal(env_new(&env, es), BS_OK);
        if (seed % 2) /* a fade for which there is no room at the start of a run that short */
            assert_int_equal(edit_append(&c.edit, c.song->units[3].start_sample,
                                         c.song->units[5].start_sample, FADE_4_BEATS),
                             BS_OK);
        Projection p = project(&c, &c.edit);
        assert_int_equal(env_retell(&told, env, &p), BS_OK);
        assert_int_equal(told.whole, edit_equal(&told.edit, &p.edit));
        n_whole += told.whole;
        n_changed += !told.whole;
        const int64_t length = edit_samples(&told.edit);
        assert_true(told.job.lo_samples <= length && length <= told.job.hi_samples);
        assert_int_equal(told.job.tune, p.tune);
        assert_int_equal(env_replay(env, &told.job, told.actions, told.n_actions, &again, NULL, NULL), BS_OK);
        assert_true(edit_equal(&again, &told.edit));
        assert_true(loss_of(&c.edit, 0, &told.edit) < 0.1);
        edit_drop(&again);
        retelling_drop(&told);
        projection_drop(&p);
        env_free(env);
        env_song_free(es);
        drop_case(&c);
    }
    assert_true(n_whole >= 10 && n_changed >= 10);
}

static void what_is_too_short_for_any_job_is_refused(void **state) {
    (void)state;
    Case c = make_case(5);
    EnvSong *es;
    Env *env;
    Retelling told;
    Edit made;
    edit_init(&made);
    made.sample_rate_hz = c.song->sample_rate_hz;
    assert_int_equal(
        edit_append(&made, c.song->units[4].start_sample, c.song->units[5].start_sample, FADE_SHORT), BS_OK);
    assert_int_equal(env_song_new(&es, c.song), BS_OK);
    assert_int_equal(env_new(&env, es), BS_OK);
    Projection p = project(&c, &made);
    assert_int_equal(env_retell(&told, env, &p), BS_CONFLICT);
    assert_null(told.units);
    projection_drop(&p);
    edit_drop(&made);
    env_free(env);
    env_song_free(es);
    drop_case(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_units_stay_as_they_are),
        cmocka_unit_test(seams_that_move_as_one_come_back_to_the_beat),
        cmocka_unit_test(a_pickup_keeps_the_beat_going),
        cmocka_unit_test(crumbs_go_and_what_is_lost_is_said),
        cmocka_unit_test(refuses_what_is_no_edit_of_the_song),
        cmocka_unit_test(what_no_actions_make_becomes_the_nearest_that_some_do),
        cmocka_unit_test(an_edit_is_retold_in_a_window_of_its_own),
        cmocka_unit_test(what_is_too_short_for_any_job_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
