// needs: featurizer
/* Keys of takes from their chroma. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/core/rng.h"
#include "featurizer/dsp/key.h"

enum { MAJOR = 0, MINOR = 12 };

/* The triads of I IV V I, i iv v i in minor, as pitch classes over the tonic, with the partials of their
 * notes. */
static void play_chord(SongUnit *u, int tonic, int minor, int bar, Rng *r) {
    static const int roots[4] = {0, 5, 7, 0};
    int root = roots[bar % 4], third = minor ? 3 : 4;
    const int notes[3] = {root, root + third, root + 7};
    float largest = 0;
    for (int c = 0; c < 12; c++) u->chroma[c] = 0.1F * (float)rng_f64(r);
    for (int k = 0; k < 3; k++) {
        u->chroma[(tonic + notes[k]) % 12] += 1;
        u->chroma[(tonic + notes[k] + 7) % 12] += 0.3F; /* third partial */
        u->chroma[(tonic + notes[k] + 4) % 12] += 0.1F; /* fifth */
    }
    for (int c = 0; c < 12; c++) largest = u->chroma[c] > largest ? u->chroma[c] : largest;
    for (int c = 0; c < 12; c++) u->chroma[c] /= largest;
}

/* One take of n bars of four; from bar `turn` on in the second key. Every other unit outside the take is a
 * gap. */
static Song *make_song(int n_bars, int key, int turn, int other, uint64_t seed) {
    Song *s;
    Rng r = rng_at(seed, 1);
    assert_int_equal(song_new(&s, 1, 4 * n_bars + 1, 1, 1, n_bars), BS_OK);
    s->sample_rate_hz = 1000;
    s->takes[0] = (SongTake){1, 4 * n_bars, 0, 0, 1};
    s->units[0] = (SongUnit){0, UNIT_GAP, 0, -1, -1, -1, -1, -1, .key = 9};
    for (int i = 0; i < 4 * n_bars; i++) {
        int now = i / 4 < turn ? key : other;
        SongUnit *u = &s->units[1 + i];
        *u = (SongUnit){.start_sample = 1000 + 500 * i, .kind = UNIT_BEAT, .section = i / 4 >= turn};
        play_chord(u, now % 12, now >= MINOR, i / 4, &r);
    }
    s->n_samples = 1000 + 2000 * n_bars;
    return s;
}

static void find(Song *s) {
    Arena mem;
    arena_init(&mem, 1 << 24);
    assert_int_equal(keys_find(s, &mem), BS_OK);
    arena_drop(&mem);
}

static void hears_every_major_and_minor_key(void **state) {
    (void)state;
    for (int key = 0; key < SONG_KEYS; key++) {
        Song *s = make_song(16, key, 99, 0, (uint64_t)key);
        find(s);
        for (int u = 1; u < s->n_units; u++) assert_int_equal(s->units[u].key, key + 1);
        assert_int_equal(s->units[0].key, 0); /* outside takes there is none */
        song_free(s);
    }
}

static void hears_where_the_key_changes_within_a_bar(void **state) {
    (void)state;
    static const int turns[3][2] = {{0, 2}, {9, 4}, {MINOR + 4, 7}};
    for (int k = 0; k < 3; k++) {
        Song *s = make_song(32, turns[k][0], 16, turns[k][1], 7);
        find(s);
        int at = 1;
        while (at < s->n_units && s->units[at].key == turns[k][0] + 1) at++;
        assert_in_range(at, 1 + 4 * 15, 1 + 4 * 17);
        for (int u = 1 + 4 * 17; u < s->n_units; u++) assert_int_equal(s->units[u].key, turns[k][1] + 1);
        song_free(s);
    }
}

static void one_borrowed_chord_is_no_modulation(void **state) {
    (void)state;
    Song *s = make_song(16, 0, 99, 0, 3);
    Rng r = rng_at(5, 5);
    for (int i = 0; i < 4; i++) play_chord(&s->units[1 + 4 * 8 + i], 10, 0, 0, &r); /* B flat in C */
    find(s);
    for (int u = 1; u < s->n_units; u++) assert_int_equal(s->units[u].key, 1);
    song_free(s);
}

static void silence_has_a_key_like_its_neighbours(void **state) {
    (void)state;
    Song *s = make_song(16, 5, 99, 0, 3);
    for (int i = 20; i < 28; i++) memset(s->units[i].chroma, 0, sizeof s->units[i].chroma);
    find(s);
    for (int u = 1; u < s->n_units; u++) assert_int_equal(s->units[u].key, 6);
    song_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hears_every_major_and_minor_key),
        cmocka_unit_test(hears_where_the_key_changes_within_a_bar),
        cmocka_unit_test(one_borrowed_chord_is_no_modulation),
        cmocka_unit_test(silence_has_a_key_like_its_neighbours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
