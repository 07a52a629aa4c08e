// needs: common/song
/* song: packed bytes round trip and refuse damage; edits translate to units and back; jobs and windows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "common/song/edit.h"
#include "common/song/job.h"
#include "common/song/song.h"

enum { RATE = 8000, BEAT = 4000, BEATS = 16, TAKES = 2 };

/* Two takes of four bars, a gap before each, a tail after each. */
static Song *two_takes(void) {
    Song *s;
    int32_t per_take = BEATS + 2, n = TAKES * per_take;
    assert_int_equal(song_new(&s, 1, n, TAKES, 1, BEATS / 4), BS_OK);
    s->sample_rate_hz = RATE;
    s->n_channels = 2;
    s->tunes[0] = (SongTune){.meter = 4, .n_slots = BEATS / 4, .tempo_bpm = 120};
    int64_t at = 0;
    for (int32_t i = 0; i < n; i++) {
        SongUnit *u = &s->units[i];
        int32_t t = i / per_take, k = i % per_take;
        *u = (SongUnit){.start_sample = at,
                        .take = -1,
                        .bar = -1,
                        .phrase = -1,
                        .section = -1,
                        .slot = -1,
                        .kind = UNIT_GAP};
        if (k >= 1) u->take = (int16_t)t;
        if (k > BEATS) u->kind = UNIT_TAIL;
        if (k >= 1 && k <= BEATS) {
            u->kind = UNIT_BEAT;
            u->phase = (uint8_t)((k - 1) % 4);
            u->bar = t * 10 + (k - 1) / 4;
            u->phrase = u->section = t;
            u->slot = (k - 1) / 4;
            u->music = 1;
            u->tempo_bpm = 120;
        }
        at += u->kind == UNIT_BEAT ? BEAT : BEAT + 100;
    }
    for (int32_t t = 0; t < TAKES; t++)
        s->takes[t] = (SongTake){.first_unit = t * per_take + 1, .n_units = BEATS, .complete = 1};
    s->n_samples = at;
    s->sources[0] = (SongSource){.name = "a.wav", .n_samples = at};
    assert_int_equal(song_check(s), BS_OK);
    return s;
}

static void packed_song_comes_back_with_the_same_name(void **state) {
    (void)state;
    Song *s = two_takes(), *back;
    s->features[5] = 1.25f;
    ByteWriter w;
    bytes_init(&w, SONG_MAX_BYTES);
    assert_int_equal(song_pack(s, &w), BS_OK);
    assert_int_equal(song_unpack(&back, w.bytes, w.n_bytes), BS_OK);
    assert_true(hash_equal(&s->hash, &back->hash));
    assert_memory_equal(back->units, s->units, sizeof(SongUnit) * (size_t)s->n_units);
    assert_true(back->features[5] == 1.25f);
    ByteWriter again;
    bytes_init(&again, SONG_MAX_BYTES);
    assert_int_equal(song_pack(back, &again), BS_OK);
    assert_int_equal(again.n_bytes, w.n_bytes);
    assert_memory_equal(again.bytes, w.bytes, w.n_bytes);
    song_free(back);
    song_free(s);
    bytes_drop(&w);
    bytes_drop(&again);
}

static void damaged_song_is_refused_or_still_whole(void **state) {
    (void)state;
    Song *s = two_takes(), *back;
    ByteWriter w;
    bytes_init(&w, SONG_MAX_BYTES);
    assert_int_equal(song_pack(s, &w), BS_OK);
    for (size_t n = 0; n < w.n_bytes; n += 7) assert_int_not_equal(song_unpack(&back, w.bytes, n), BS_OK);
    Rng r = rng_at(3, 3);
    uint8_t *bytes = malloc(w.n_bytes);
    for (int i = 0; i < 3000; i++) {
        memcpy(bytes, w.bytes, w.n_bytes);
        bytes[rng_below(&r, i % 2 ? 600 : (uint32_t)w.n_bytes)] ^= (uint8_t)(1 + rng_below(&r, 255));
        if (song_unpack(&back, bytes, w.n_bytes) != BS_OK) continue;
        assert_int_equal(song_check(back), BS_OK);
        song_free(back);
    }
    bytes[4] = 99; /* a newer version */
    memcpy(bytes, w.bytes, 4);
    assert_int_equal(song_unpack(&back, bytes, w.n_bytes), BS_VERSION);
    free(bytes);
    bytes_drop(&w);
    song_free(s);
}

/* Version 2 lacks the hash of the stems (32 bytes at 44) and the stems' levels at the end of each unit;
 * version 1 also lacks tuning and loudness (12 bytes at 32) and the key before those levels. */
static void older_songs_are_read_without_what_they_lack(void **state) {
    (void)state;
    Song *s = two_takes(), *back;
    ByteWriter w;
    s->tuning_cents = 7;
    s->loudness_lufs = -14;
    s->stems.bytes[0] = 1;
    for (int32_t i = 0; i < s->n_units; i++) s->units[i].key = 3, s->units[i].stem_db[STEM_BASS] = -12;
    bytes_init(&w, SONG_MAX_BYTES);
    assert_int_equal(song_pack(s, &w), BS_OK);
    uint8_t *old = malloc(w.n_bytes);
    size_t head = 32 + 12 + HASH_BYTES + 20;
    for (int32_t i = 0; i < s->n_sources; i++) head += 2 + strlen(s->sources[i].name) + 8 + 8 + HASH_BYTES;
    for (uint8_t version = 1; version <= 2; version++) {
        const size_t key = version == 2, numbers = version == 2 ? 12 : 0;
        const size_t unit = 8 + 1 + 1 + 2 + 4 * 4 + 4 * (5 + SONG_CHROMA + SONG_TIMBRE) + key;
        size_t n = 32 + numbers, at = 32 + 12 + HASH_BYTES;
        memcpy(old, w.bytes, n);
        memcpy(old + n, w.bytes + at, head - at);
        n += head - at, at = head;
        for (int32_t i = 0; i < s->n_units; i++) {
            memcpy(old + n, w.bytes + at, unit);
            n += unit, at += unit + (1 - key) + 4 * STEMS;
        }
        memcpy(old + n, w.bytes + at, w.n_bytes - at);
        n += w.n_bytes - at;
        old[4] = version;
        assert_int_equal(song_unpack(&back, old, n), BS_OK);
        assert_true(back->tuning_cents == (version == 2 ? 7 : 0));
        assert_true(back->loudness_lufs == (version == 2 ? -14 : SONG_SILENT_LUFS));
        assert_true(hash_is_zero(&back->stems));
        for (int32_t i = 0; i < s->n_units; i++) {
            assert_int_equal(back->units[i].key, version == 2 ? 3 : 0);
            assert_true(back->units[i].stem_db[STEM_BASS] == SONG_SILENT_DB);
            assert_int_equal(back->units[i].start_sample, s->units[i].start_sample);
            assert_true(back->units[i].timbre[SONG_TIMBRE - 1] == s->units[i].timbre[SONG_TIMBRE - 1]);
        }
        assert_memory_equal(back->features, s->features, sizeof(float) * SONG_FEATURES * (size_t)s->n_units);
        song_free(back);
    }
    free(old);
    bytes_drop(&w);
    song_free(s);
}

static void keys_have_names(void **state) {
    (void)state;
    char text[SONG_KEY_TEXT];
    assert_string_equal(song_key_name(0, text), "");
    assert_string_equal(song_key_name(1, text), "C major");
    assert_string_equal(song_key_name(12, text), "B major");
    assert_string_equal(song_key_name(22, text), "A minor");
    assert_string_equal(song_key_name(25, text), "");
}

static void song_check_names_what_is_broken(void **state) {
    (void)state;
    Song *s = two_takes();
    s->units[5].start_sample = s->units[4].start_sample;
    assert_int_equal(song_check(s), BS_CORRUPT);
    assert_non_null(strstr(error_text(), "unit 5"));
    song_free(s);
    s = two_takes();
    s->units[BEATS + 3].bar = s->units[BEATS].bar = 3;
    s->units[BEATS + 1].bar = 3; /* the tail joins the last bar */
    assert_int_equal(song_check(s), BS_OK);
    s->units[BEATS + 2].bar = 3; /* and the gap, and so the next take */
    assert_int_equal(song_check(s), BS_CORRUPT);
    song_free(s);
    s = two_takes();
    s->units[3].slot = 4;
    assert_int_equal(song_check(s), BS_CORRUPT);
    song_free(s);
}

static void unit_at_finds_the_unit_that_holds_a_sample(void **state) {
    (void)state;
    Song *s = two_takes();
    for (int32_t u = 0; u < s->n_units; u++) {
        assert_int_equal(song_unit_at(s, s->units[u].start_sample), u);
        assert_int_equal(song_unit_at(s, song_unit_end(s, u) - 1), u);
    }
    song_free(s);
}

static void edit_of_units_goes_to_samples_and_back(void **state) {
    (void)state;
    Song *s = two_takes();
    const int32_t units[] = {1, 2, 3, 4, 23, 24, 25, 26, 9, 9};
    const uint8_t fades[] = {0, 0, 0, 0, FADE_2_BEATS, 0, 0, 0, FADE_SHORT, FADE_SHORT};
    int32_t n = sizeof units / sizeof units[0], back[32], m;
    uint8_t back_fades[32];
    int64_t moved;
    Edit edit;
    assert_int_equal(edit_from_units(&edit, s, units, fades, n), BS_OK);
    assert_int_equal(edit.n_segments, 4);
    assert_true(edit_samples(&edit) == (int64_t)n * BEAT);
    assert_int_equal(edit_to_units(&edit, s, back, back_fades, 32, &m, &moved), BS_OK);
    assert_int_equal(m, n);
    assert_memory_equal(back, units, sizeof units);
    assert_memory_equal(back_fades, fades, sizeof fades);
    assert_true(moved == 0);
    assert_int_equal(edit_to_units(&edit, s, back, back_fades, 5, &m, NULL), BS_TOO_BIG);
    edit.segments[1].start_sample += 300; /* a cut by hand, 37 ms off the grid */
    edit.segments[1].end_sample -= 200;
    assert_int_equal(edit_to_units(&edit, s, back, back_fades, 32, &m, &moved), BS_OK);
    assert_int_equal(m, n);
    assert_memory_equal(back, units, sizeof units);
    assert_true(moved == 300);
    edit_drop(&edit);
    song_free(s);
}

static void packed_edit_comes_back_and_damage_is_refused(void **state) {
    (void)state;
    Edit edit, back;
    edit_init(&edit);
    assert_int_equal(edit_append(&edit, 0, 100, FADE_SHORT), BS_OK);
    assert_int_equal(edit_append(&edit, 100, 200, FADE_SHORT), BS_OK); /* goes on: one segment */
    assert_int_equal(edit_append(&edit, 50, 80, FADE_1_BEAT), BS_OK);
    assert_int_equal(edit_append(&edit, 80, 80, FADE_SHORT), BS_INVALID);
    edit.sample_rate_hz = 44100;
    assert_int_equal(edit.n_segments, 2);
    ByteWriter w;
    bytes_init(&w, 1 << 20);
    assert_int_equal(edit_pack(&edit, &w), BS_OK);
    assert_int_equal(edit_unpack(&back, w.bytes, w.n_bytes), BS_OK);
    assert_true(edit_equal(&edit, &back));
    edit_drop(&back);
    for (size_t n = 0; n < w.n_bytes; n++) assert_int_not_equal(edit_unpack(&back, w.bytes, n), BS_OK);
    bytes_drop(&w);
    edit_drop(&edit);
}

static void job_window_is_never_narrower_than_the_longest_unit(void **state) {
    (void)state;
    Song *s = two_takes();
    Job job;
    job_init(&job, s);
    assert_int_equal(job_target(&job, s, 6, 0), BS_OK);
    assert_int_equal(job_check(&job, s), BS_OK);
    assert_true(job.hi_samples - job.lo_samples >= BEAT + 100);
    assert_true(job.lo_samples < 6 * RATE && job.hi_samples > 6 * RATE);
    job.hi_samples = job.lo_samples + BEAT;
    assert_int_equal(job_check(&job, s), BS_CONFLICT);
    assert_int_equal(job_target(&job, s, 600, 1), BS_CONFLICT);
    assert_non_null(strstr(error_text(), "64.0 s"));
    song_free(s);
}

static void job_that_contradicts_itself_is_refused_by_name(void **state) {
    (void)state;
    Song *s = two_takes();
    Job job;
    job_init(&job, s);
    job.n_must = job.n_never = 1;
    job.must[0] = (JobRange){2, 4};
    job.never[0] = (JobRange){5, 2};
    assert_int_equal(job_check(&job, s), BS_CONFLICT);
    assert_non_null(strstr(error_text(), "overlap"));
    job.n_never = 0;
    job.must[0] = (JobRange){2, 400};
    assert_int_equal(job_check(&job, s), BS_CONFLICT);
    job.n_must = 0;
    job.end_unit = 99;
    assert_int_equal(job_check(&job, s), BS_CONFLICT);
    song_free(s);
}

static void packed_job_comes_back_and_the_usual_one_is_small(void **state) {
    (void)state;
    Song *s = two_takes();
    Job job, back;
    job_init(&job, s);
    ByteWriter w;
    bytes_init(&w, JOB_MAX_BYTES);
    assert_int_equal(job_pack(&job, &w), BS_OK);
    assert_in_range(w.n_bytes, 1, 24);
    ByteReader r = reader_of(w.bytes, w.n_bytes);
    assert_int_equal(job_unpack(&back, &r), BS_OK);
    assert_memory_equal(&job, &back, sizeof job);
    w.n_bytes = 0;
    job.n_must = JOB_MAX_RANGES, job.n_never = JOB_MAX_RANGES;
    for (int i = 0; i < JOB_MAX_RANGES; i++) job.must[i] = job.never[i] = (JobRange){i, 1};
    job.end_unit = 7, job.no_loop = 1, job.weights[2] = .5f, job.has_curve = 1, job.curve_db[3] = -2;
    assert_int_equal(job_pack(&job, &w), BS_OK);
    r = reader_of(w.bytes, w.n_bytes);
    assert_int_equal(job_unpack(&back, &r), BS_OK);
    assert_memory_equal(&job, &back, sizeof job);
    r = reader_of(w.bytes, w.n_bytes - 1);
    assert_int_equal(job_unpack(&back, &r), BS_CORRUPT);
    bytes_drop(&w);
    song_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_song_comes_back_with_the_same_name),
        cmocka_unit_test(damaged_song_is_refused_or_still_whole),
        cmocka_unit_test(older_songs_are_read_without_what_they_lack),
        cmocka_unit_test(keys_have_names),
        cmocka_unit_test(song_check_names_what_is_broken),
        cmocka_unit_test(unit_at_finds_the_unit_that_holds_a_sample),
        cmocka_unit_test(edit_of_units_goes_to_samples_and_back),
        cmocka_unit_test(packed_edit_comes_back_and_damage_is_refused),
        cmocka_unit_test(job_window_is_never_narrower_than_the_longest_unit),
        cmocka_unit_test(job_that_contradicts_itself_is_refused_by_name),
        cmocka_unit_test(packed_job_comes_back_and_the_usual_one_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
