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
#include "simulator/master.h"
#include "simulator/session.h"
#include "simulator/simulate.h"

/* Eight sessions of 20 s, as gcc and clang make them, with and without optimisation; MP3 is left to its
 * library. It changes only when the music is meant to change. */
static const char GOLDEN[] = "455837070c0c110629e337a13951895fd55e67f97e6fb33dfe100738f91efc0a";

static Hash sound_hash(const Session *s) {
    return hash_bytes(s->samples, (size_t)s->n_samples * 2 * sizeof(float));
}

static void the_same_seed_gives_the_same_bytes_on_every_build(void **state) {
    (void)state;
    Hash hashes[8];
    char hex[HASH_HEX];
    uint64_t seed = 7;
    for (int i = 0; i < 8; seed++) {
        Session s;
        Plan *p;
        assert_int_equal(plan_draw(&p, seed, 20), BS_OK);
        bool lossy = p->room.mp3;
        free(p);
        if (lossy) continue;
        assert_int_equal(session_make(&s, "song", seed, 20), BS_OK);
        hashes[i++] = sound_hash(&s);
        session_drop(&s);
    }
    assert_false(hash_equal(&hashes[0], &hashes[1]));
    Hash all = hash_bytes(hashes, sizeof hashes);
    hash_hex(&all, hex);
    assert_string_equal(hex, GOLDEN);
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
    SimulateOptions o = {.folder = one,
                         .n_songs = 4,
                         .first_song = 1,
                         .seed = 5,
                         .length_s = 20,
                         .n_jobs = 1,
                         .edits = true,
                         .master = true};
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

/* Where the loudest sample of [first, first + n) is. */
static int64_t peak_at(const float *x, int64_t first, int64_t n) {
    int64_t best = first;
    for (int64_t i = first; i < first + n; i++)
        if (fabsf(x[i]) > fabsf(x[best])) best = i;
    return best;
}

static void mastering_changes_tone_and_level_and_leaves_every_sample_in_its_place(void **state) {
    (void)state;
    enum { N = 10 * SESSION_RATE, STEP = SESSION_RATE / 2 };
    float *side[2] = {calloc(N, sizeof(float)), calloc(N, sizeof(float))};
    double levels = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        Master m;
        Rng r = rng_at(seed, 0);
        for (int64_t i = 0; i < N; i++)
            for (int c = 0; c < 2; c++)
                side[c][i] = i % STEP == 1000 ? 0.7f : (float)rng_between(&r, -0.05, 0.05);
        Bus bus = {side[0], side[1], N};
        master_draw(&m, seed);
        master_apply(&m, &bus, SESSION_RATE);
        for (int64_t at = STEP; at < N; at += STEP)
            for (int c = 0; c < 2; c++) assert_int_equal(peak_at(side[c], at, STEP), at + 1000);
        for (int64_t i = 0; i < N; i++) assert_true(fabsf(side[0][i]) <= 0.89f);
        double db = 10 * log10(music_power(&bus, SESSION_RATE));
        assert_true(fabs(db - (double)m.level_db) < 0.5);
        levels += db / 20;
    }
    assert_true(levels > -18 && levels < -13);
    free(side[0]);
    free(side[1]);
}

static void an_edit_is_mastered_unless_it_shall_not_be(void **state) {
    (void)state;
    char folder[] = "/tmp/bandsaw-master-XXXXXX";
    assert_non_null(mkdtemp(folder));
    SimulateOptions o = {.folder = folder,
                         .n_songs = 1,
                         .first_song = 1,
                         .seed = 5,
                         .length_s = 20,
                         .n_jobs = 1,
                         .edits = true,
                         .force = true};
    assert_int_equal(simulate(&o, NULL, NULL), BS_OK);
    Hash cut = file_hash(folder, "song0001_edit.wav"), raw = file_hash(folder, "song0001_raw.wav");
    o.master = true;
    assert_int_equal(simulate(&o, NULL, NULL), BS_OK);
    Hash mastered = file_hash(folder, "song0001_edit.wav"), again = file_hash(folder, "song0001_raw.wav");
    assert_true(hash_equal(&raw, &again));
    assert_false(hash_equal(&cut, &mastered));
    dir_remove(folder);
}

static void units_partition_the_timeline_and_takes(void **state) {
    (void)state;
    int n = getenv("N") ? atoi(getenv("N")) / 100 : 100;
    for (int i = 0; i < n; i++) {
        Truth *t;
        assert_int_equal(session_truth(&t, "song", (uint64_t)i, i % 4 ? 90 : 20 + i), BS_OK);
        assert_int_equal(truth_check(t), BS_OK);
        for (int32_t u = 0; u < t->n_units; u++) {
            const TruthUnit *unit = &t->units[u];
            int64_t length = truth_unit_end(t, u) - unit->start_sample;
            assert_true(length > 0);
            if (unit->kind != UNIT_BEAT) {
                assert_true(length <= 2 * t->sample_rate_hz);
                assert_true(unit->kind == UNIT_TAIL || unit->what != WHAT_UNKNOWN);
                continue;
            }
            const TruthTake *take = &t->takes[unit->take];
            assert_true(unit->start_sample >= take->first_sample && truth_unit_end(t, u) <= take->end_sample);
            double bpm = 60.0 * t->sample_rate_hz / (double)length;
            assert_true(bpm > 48 && bpm < 240);
            assert_true(fabs(bpm / (double)take->tempo_bpm - 1) < 0.12);
            if (u && t->units[u - 1].kind == UNIT_BEAT && t->units[u - 1].take == unit->take) {
                /* the form goes on inside a take */
                assert_int_equal(unit->phase, (t->units[u - 1].phase + 1) % t->tunes[take->tune].meter);
                assert_int_equal(unit->slot, t->units[u - 1].slot + (unit->phase == 0));
            }
        }
        float best[TRUTH_MAX_SLOTS];
        truth_best_flaws(t, t->tune, best);
        for (int32_t s = 0; s < t->tunes[t->tune].n_slots; s++)
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

/* Power of what each player plays in a take. */
static double part_power(const Session *s, const TruthTake *take, int part) {
    double sum = 0;
    for (int64_t i = take->first_sample; s->tracks[part] && i < take->end_sample; i++)
        sum += (double)s->tracks[part][i] * (double)s->tracks[part][i];
    return sum;
}

static void nobody_drowns_the_band(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        Session s;
        assert_int_equal(session_make_tracks(&s, "song", seed, 20), BS_OK);
        double power[PARTS] = {0}, all = 0;
        for (int32_t k = 0; k < s.truth->n_takes; k++)
            for (int part = 0; part < PARTS; part++) power[part] += part_power(&s, &s.truth->takes[k], part);
        for (int part = 0; part < PARTS; part++) all += power[part];
        for (int part = 0; part < PARTS; part++) /* a tenth of the power at least is of the others */
            assert_true(power[part] < 0.9 * all);
        assert_true(power[PART_VOICE] < 0.8 * all);
        session_drop(&s);
    }
}

static void flaws_of_every_kind_leave_some_bars_equal_and_some_without_a_clean_take(void **state) {
    (void)state;
    int32_t kinds[FLAW_KINDS] = {0}, clean = 0, whole = 0, equal = 0, none_clean = 0, slots = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        Truth *t;
        float best[TRUTH_MAX_SLOTS];
        int32_t at_best[TRUTH_MAX_SLOTS] = {0};
        assert_int_equal(session_truth(&t, "song", seed, 90), BS_OK);
        const TruthTune *tune = &t->tunes[t->tune];
        for (int32_t k = 0; k < t->n_takes; k++) {
            if (!t->takes[k].complete) continue;
            bool flawed = false;
            for (int32_t f = 0; f < t->n_flaws; f++) flawed |= t->flaws[f].take == k;
            whole++;
            clean += !flawed;
        }
        for (int32_t f = 0; f < t->n_flaws; f++) kinds[t->flaws[f].kind]++;
        truth_best_flaws(t, t->tune, best);
        for (int32_t u = 0; u < t->n_units; u++)
            if (truth_bar_at(t, u) && truth_unit_tune(t, u) == t->tune)
                at_best[t->units[u].slot] += t->units[u].flaw <= best[t->units[u].slot];
        for (int32_t s = 0; s < tune->n_slots; s++) {
            slots++;
            equal += at_best[s] > 1;
            none_clean += best[s] > 0;
        }
        truth_free(t);
    }
    for (int k = 0; k < FLAW_OTHER; k++) assert_true(kinds[k] > 30);
    assert_true(clean * 4 < whole);       /* few takes are good from end to end */
    assert_true(equal * 10 > slots);      /* often more than one would do */
    assert_true(none_clean * 50 > slots); /* sometimes none is clean */
    assert_true(none_clean * 2 < slots);
}

static int compare_counts(int32_t a, int32_t b) { return a > b ? a - b : b - a; }

static void the_best_take_of_a_slot_is_anywhere(void **state) {
    (void)state;
    int32_t first = 0, last = 0;
    for (uint64_t seed = 0; seed < 600; seed++) { /* sessions of exactly two complete takes */
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

static void sessions_are_of_many_kinds(void **state) {
    (void)state;
    enum { SESSIONS = 200 };
    int32_t meters[TRUTH_MAX_METER + 1] = {0}, tunes[4] = {0}, whats[WHAT_KINDS] = {0}, talk_over = 0,
                                     held = 0;
    int32_t slow = 0, fast = 0, pasted = 0, backwards = 0;
    for (uint64_t seed = 0; seed < SESSIONS; seed++) {
        Truth *t;
        assert_int_equal(session_truth(&t, "song", 9000 + seed, 90), BS_OK);
        const TruthTune *tune = &t->tunes[t->tune];
        bool over = false, rings = false, back = false;
        meters[tune->meter]++;
        tunes[t->n_tunes]++;
        slow += tune->tempo_bpm < 80;
        fast += tune->tempo_bpm > 160;
        pasted += t->n_copies > 0;
        assert_true(tune->tempo_bpm >= 55 && tune->tempo_bpm <= TUNE_MAX_BPM);
        for (int32_t u = 0; u < t->n_units; u++) {
            const TruthUnit *unit = &t->units[u];
            if (unit->kind == UNIT_BEAT)
                over |= unit->what == WHAT_TALK;
            else
                whats[unit->what]++;
            rings |= unit->sustain > 0.5f && unit->phase == 0;
        }
        for (int32_t k = 1; k < t->n_takes; k++)
            back |= t->takes[k].tune == t->tune && t->takes[k - 1].tune == t->tune;
        talk_over += over;
        held += rings;
        backwards += back;
        truth_free(t);
    }
    assert_true(meters[3] > 10 && meters[4] > 80 && meters[6] > 5);
    assert_true(tunes[1] > 100 && tunes[2] > 20 && tunes[3] > 5);
    for (int w = WHAT_SILENCE; w < WHAT_KINDS; w++) assert_true(whats[w] > 40);
    assert_true(slow > 20 && fast > 20 && pasted > 8 && talk_over > 30 && held > 50 && backwards > 100);
}

static void pasted_loops_repeat_samples_and_beats(void **state) {
    (void)state;
    int found = 0;
    for (uint64_t seed = 0; found < 2; seed++) {
        Truth *t;
        Session s;
        assert_int_equal(session_truth(&t, "song", seed, 40), BS_OK);
        int32_t copies = t->n_copies;
        truth_free(t);
        if (copies == 0) continue;
        found++;
        assert_int_equal(session_make(&s, "song", seed, 40), BS_OK);
        for (int32_t i = 0; i < s.truth->n_copies; i++) {
            const TruthCopy *copy = &s.truth->copies[i];
            int64_t n = copy->end_sample - copy->first_sample, away = copy->first_sample - copy->of_sample;
            assert_memory_equal(s.samples + 2 * copy->first_sample, s.samples + 2 * copy->of_sample,
                                (size_t)n * 2 * sizeof(float));
            for (int32_t u = 0; u < s.truth->n_units; u++) {
                const TruthUnit *unit = &s.truth->units[u];
                if (unit->start_sample < copy->first_sample || unit->start_sample >= copy->end_sample)
                    continue;
                const TruthUnit *of = &s.truth->units[truth_unit_at(s.truth, unit->start_sample - away)];
                assert_int_equal(of->start_sample, unit->start_sample - away);
                assert_int_equal(of->slot, unit->slot);
                assert_int_equal(of->phase, unit->phase);
                assert_true(of->flaw == unit->flaw);
            }
        }
        session_drop(&s);
    }
}

static void tracks_are_as_long_as_the_recording_and_leave_it_alone(void **state) {
    (void)state;
    Session plain, apart;
    assert_int_equal(session_make(&plain, "song", 31, 25), BS_OK);
    assert_int_equal(session_make_tracks(&apart, "song", 31, 25), BS_OK);
    Hash a = sound_hash(&plain), b = sound_hash(&apart);
    assert_true(hash_equal(&a, &b));
    assert_true(apart.truth->n_tracks > 2);
    int32_t n = 0;
    for (int part = 0; part < PARTS; part++) {
        assert_null(plain.tracks[part]);
        if (!apart.tracks[part]) continue;
        double power = 0;
        for (int64_t i = 0; i < apart.n_samples; i++)
            power += (double)apart.tracks[part][i] * (double)apart.tracks[part][i];
        assert_string_equal(apart.truth->tracks[n++], part_names[part]);
        assert_true(isfinite(power));
    }
    assert_int_equal(n, apart.truth->n_tracks);
    session_drop(&plain);
    session_drop(&apart);
}

/* A session whose recording is nothing but the room over what is played. */
static uint64_t plain_seed(double length_s) {
    for (uint64_t seed = 0;; seed++) {
        Plan *p;
        assert_int_equal(plan_draw(&p, seed, length_s), BS_OK);
        bool plain = p->room.mono && !p->room.mp3;
        for (int32_t k = 0; k < p->n_takes; k++) {
            plain &= p->takes[k].copy_of < 0;
            for (int32_t f = 0; f < p->takes[k].play.n_flaws; f++)
                plain &= p->takes[k].play.flaws[f].kind != FLAW_CLIPPED;
        }
        free(p);
        if (plain) return seed;
    }
}

static void the_sum_of_the_tracks_in_the_room_is_the_recording(void **state) {
    (void)state;
    uint64_t seed = plain_seed(25);
    Session s;
    Plan *p;
    Synth synth;
    assert_int_equal(plan_draw(&p, seed, 25), BS_OK);
    assert_int_equal(session_make_tracks(&s, "song", seed, 25), BS_OK);
    float *sum = calloc((size_t)s.n_samples * 2, sizeof *sum);
    assert_non_null(sum);
    Bus bus = {.left = sum, .right = sum + s.n_samples, .n_samples = s.n_samples};
    for (int part = 0; part < PARTS; part++)
        for (int64_t i = 0; s.tracks[part] && i < s.n_samples; i++)
            bus.left[i] = bus.right[i] += s.tracks[part][i];
    synth_init(&synth, SESSION_RATE);
    assert_int_equal(room_apply(&p->room, &synth, &bus), BS_OK);
    double error = 0, power = 0;
    for (int64_t i = 0; i < s.n_samples; i++) {
        double off = (double)bus.left[i] - (double)s.samples[2 * i];
        error += off * off;
        power += (double)s.samples[2 * i] * (double)s.samples[2 * i];
    }
    assert_true(error < 1e-5 * power); /* what sixteen bits a track leave */
    free(sum);
    free(p);
    session_drop(&s);
}

static void tracks_are_files_of_one_length_beside_the_recording(void **state) {
    (void)state;
    char folder[] = "/tmp/bandsaw-tracks-XXXXXX", path[PATH_BYTES];
    assert_non_null(mkdtemp(folder));
    SimulateOptions o = {.folder = folder,
                         .n_songs = 1,
                         .first_song = 3,
                         .seed = 5,
                         .length_s = 20,
                         .n_jobs = 1,
                         .tracks = true};
    assert_int_equal(simulate(&o, NULL, NULL), BS_OK);
    Truth *t;
    assert_int_equal(path_join(path, folder, "song0003.truth.json"), BS_OK);
    assert_int_equal(truth_read(&t, path), BS_OK);
    char **names;
    size_t n_names;
    assert_int_equal(path_join(path, folder, "song0003_tracks"), BS_OK);
    assert_int_equal(dir_list(path, &names, &n_names), BS_OK);
    assert_int_equal(n_names, t->n_tracks);
    free(names);
    for (int32_t i = 0; i < t->n_tracks; i++) {
        AudioReader *reader;
        snprintf(path, sizeof path, "%s/song0003_tracks/%s.wav", folder, t->tracks[i]);
        const char *paths[] = {path};
        assert_int_equal(audio_open(&reader, paths, 1), BS_OK);
        assert_int_equal(audio_info(reader).n_samples, t->n_samples);
        assert_int_equal(audio_info(reader).n_channels, 1);
        audio_close(reader);
    }
    truth_free(t);
    dir_remove(folder);
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
        cmocka_unit_test(mastering_changes_tone_and_level_and_leaves_every_sample_in_its_place),
        cmocka_unit_test(an_edit_is_mastered_unless_it_shall_not_be),
        cmocka_unit_test(units_partition_the_timeline_and_takes),
        cmocka_unit_test(takes_sound_like_music_and_pauses_do_not),
        cmocka_unit_test(nobody_drowns_the_band),
        cmocka_unit_test(flaws_of_every_kind_leave_some_bars_equal_and_some_without_a_clean_take),
        cmocka_unit_test(sessions_are_of_many_kinds),
        cmocka_unit_test(pasted_loops_repeat_samples_and_beats),
        cmocka_unit_test(tracks_are_as_long_as_the_recording_and_leave_it_alone),
        cmocka_unit_test(the_sum_of_the_tracks_in_the_room_is_the_recording),
        cmocka_unit_test(tracks_are_files_of_one_length_beside_the_recording),
        cmocka_unit_test(the_best_take_of_a_slot_is_anywhere),
        cmocka_unit_test(lengths_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
