// needs: featurizer simulator
/* How well and how fast recordings are heard, against the truth of simulated sessions.
 *
 *   bench_hearing [-n sessions] [-s seed] [-l seconds] [-v]     sessions simulated here (24, seed 4242, 90 s)
 *   bench_hearing [-v] FOLDER                                   NAME_raw.wav beside NAME.truth.json
 *
 * Prints `name value unit`; with -v a line a session on stderr. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/audio/audio.h"
#include "common/core/rng.h"
#include "featurizer/featurize.h"
#include "simulator/session.h"
#include "tests/bench/hear_scores.h"
#include "tests/bench/slot_scores.h"

enum { MAX_BARS = 1 << 16, MAX_MARKS = 1 << 15, MAX_OFFS = 1 << 17 };

typedef struct Totals {
    Score beats, downbeats, takes, takes_and_pastes, aubio, sections[2],
        phrases[2]; /* within 0.5 s, within 3 s */
    Seconds kinds;
    SlotScore slots, whole_slots; /* of all tunes, of those that some take plays whole */
    double octave_errors, meter_errors, tunes, sessions, seconds, audio_s;
    double pairs[2], pairs_right[2]; /* of takes of different tunes, of one tune */
    double off_s[MAX_OFFS];
    int32_t n_off, n_bars;
    bool have_aubio;
    float bar_score[MAX_BARS], bar_truth[MAX_BARS];
    uint8_t bar_view[MAX_BARS]; /* 0: one take plays it, 1: two, 2: three and more */
} Totals;

static double marks_a[MAX_MARKS], marks_b[MAX_MARKS], off_s[MAX_MARKS];

static Score score_beats(const Song *s, const Truth *t, bool down, double *off) {
    int32_t a = 0, b = 0;
    for (int32_t u = 0; u < s->n_units; u++)
        if (s->units[u].kind == UNIT_BEAT && (!down || s->units[u].phase == 0))
            marks_a[a++] = (double)s->units[u].start_sample / s->sample_rate_hz;
    for (int32_t u = 0; u < t->n_units; u++)
        if (t->units[u].kind == UNIT_BEAT && (!down || t->units[u].phase == 0))
            marks_b[b++] = (double)t->units[u].start_sample / t->sample_rate_hz;
    return marks_match(marks_a, a, marks_b, b, 0.07, off);
}

static bool follows_at_once(const Truth *t, int32_t k) {
    return k > 0 && k < t->n_takes && t->takes[k].first_sample == t->takes[k - 1].end_sample;
}

/* Where takes begin and end. A loop that was pasted follows on the sample: nothing parts what is heard there,
 * and `pastes` says whether it is asked for all the same. */
static Score score_takes(const Song *s, const Truth *t, bool pastes) {
    int32_t a = 0, b = 0;
    for (int32_t k = 0; k < s->n_takes; k++) {
        const SongTake *take = &s->takes[k];
        marks_a[a++] = (double)s->units[take->first_unit].start_sample / s->sample_rate_hz;
        marks_a[a++] = (double)song_unit_end(s, take->first_unit + take->n_units - 1) / s->sample_rate_hz;
    }
    for (int32_t k = 0; k < t->n_takes; k++) {
        if (pastes || !follows_at_once(t, k))
            marks_b[b++] = (double)t->takes[k].first_sample / t->sample_rate_hz;
        if (pastes || !follows_at_once(t, k + 1))
            marks_b[b++] = (double)t->takes[k].end_sample / t->sample_rate_hz;
    }
    return marks_match(marks_a, a, marks_b, b, 0.5, NULL);
}

/* Pairs of true takes: those of one tune should be of one, those of two of two. Takes of under 5 s tell
 * nobody. */
static void score_grouping(const Song *s, const Truth *t, Totals *sum) {
    int32_t as[TRUTH_MAX_TAKES];
    for (int32_t k = 0; k < t->n_takes; k++) {
        int64_t middle = (t->takes[k].first_sample + t->takes[k].end_sample) / 2;
        int32_t take = s->units[song_unit_at(s, middle)].take;
        bool brief = t->takes[k].end_sample - t->takes[k].first_sample < 5 * (int64_t)t->sample_rate_hz;
        as[k] = brief || take < 0 ? -1 : s->takes[take].tune;
    }
    for (int32_t a = 0; a < t->n_takes; a++)
        for (int32_t b = a + 1; b < t->n_takes; b++) {
            if (as[a] < 0 || as[b] < 0) continue;
            bool same = t->takes[a].tune == t->takes[b].tune;
            sum->pairs[same]++;
            sum->pairs_right[same] += same == (as[a] == as[b]);
        }
}

static void score_flaws(const Song *s, const Truth *t, Totals *sum) {
    for (int32_t u = 0; u < t->n_units; u++) {
        if (!truth_bar_at(t, u) || sum->n_bars == MAX_BARS) continue;
        int32_t meter = t->tunes[truth_unit_tune(t, u)].meter, others = 0;
        double truth = 0, score = 0;
        for (int32_t k = 0; k < meter; k++) {
            truth += t->units[u + k].flaw / meter;
            int64_t middle = (t->units[u + k].start_sample + truth_unit_end(t, u + k)) / 2;
            score += s->units[song_unit_at(s, middle)].flaw / meter;
        }
        for (int32_t v = 0; v < t->n_units; v++)
            others += t->units[v].kind == UNIT_BEAT && t->units[v].phase == 0 &&
                      t->units[v].slot == t->units[u].slot && t->units[v].take != t->units[u].take &&
                      truth_unit_tune(t, v) == truth_unit_tune(t, u);
        sum->bar_score[sum->n_bars] = (float)score;
        sum->bar_view[sum->n_bars] = (uint8_t)(others > 1 ? 2 : others);
        sum->bar_truth[sum->n_bars++] = (float)truth;
    }
}

/* Bars without flaw against those whose mean severity is 0.2 or more; view -1: all. */
static double auc(const Totals *t, int view) {
    double wins = 0, pairs = 0;
    for (int32_t i = 0; i < t->n_bars; i++)
        for (int32_t j = 0; j < t->n_bars && t->bar_truth[i] >= 0.2F; j++) {
            if (t->bar_truth[j] > 0 || (view >= 0 && (t->bar_view[i] != view || t->bar_view[j] != view)))
                continue;
            pairs++;
            wins += t->bar_score[i] > t->bar_score[j] ? 1 : t->bar_score[i] == t->bar_score[j] ? 0.5 : 0;
        }
    return pairs > 0 ? wins / pairs : 0.5;
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* the machine may be shared */
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Per true tune: is its tempo heard in the right octave, and its metre? */
static void score_tunes(const Song *s, const Truth *t, Totals *sum) {
    for (int32_t i = 0; i < t->n_tunes; i++) {
        const SongTune *as = &s->tunes[tune_heard_as(s, t, i)];
        double octaves = as->tempo_bpm > 0 ? log2(as->tempo_bpm / t->tunes[i].tempo_bpm) : 9;
        sum->tunes++;
        sum->octave_errors += fabs(octaves) > 0.3;
        sum->meter_errors += as->meter != t->tunes[i].meter;
    }
}

static void score_aubio(const char *path, const Truth *t, Totals *sum) {
    int32_t n = marks_of_aubio(path, marks_a, MAX_MARKS), b = 0;
    for (int32_t u = 0; u < t->n_units; u++)
        if (t->units[u].kind == UNIT_BEAT)
            marks_b[b++] = (double)t->units[u].start_sample / t->sample_rate_hz;
    if (n < 0) return;
    sum->have_aubio = true;
    score_add(&sum->aubio, marks_match(marks_a, n, marks_b, b, 0.07, NULL));
}

static void add_slots(SlotScore *sum, const SlotScore *x) {
    sum->right += x->right, sum->alike += x->alike, sum->all += x->all;
}

static double share(double part, double all) { return all > 0 ? part / all : 1; }

static Status measure(const char *path, const Truth *truth, Totals *sum, bool verbose) {
    Status st = BS_OK;
    Song *song = NULL;
    double start = now_s();
    TRY(featurize_files(&path, NULL, 1, NULL, NULL, NULL, &song));
    double took = now_s() - start;
    TRY(song_check(song));
    sum->seconds += took;
    sum->audio_s += (double)song->n_samples / song->sample_rate_hz;
    sum->sessions++;
    double bias = 0;
    SlotScore slots = {0};
    Score beats = score_beats(song, truth, false, off_s);
    for (int32_t i = 0; i < (int32_t)beats.hits; i++) {
        bias += off_s[i];
        if (sum->n_off < MAX_OFFS) sum->off_s[sum->n_off++] = off_s[i];
    }
    Score downs = score_beats(song, truth, true, NULL), takes = score_takes(song, truth, false);
    for (int32_t tune = 0; tune < truth->n_tunes; tune++) {
        const SlotScore score = score_tune_slots(song, truth, tune);
        add_slots(&slots, &score);
        if (tune_is_whole(truth, tune)) add_slots(&sum->whole_slots, &score);
    }
    add_slots(&sum->slots, &slots);
    score_grouping(song, truth, sum);
    for (int i = 0; i < 2; i++) {
        score_add(&sum->sections[i], score_edges(song, truth, false, i ? 3 : 0.5));
        score_add(&sum->phrases[i], score_edges(song, truth, true, i ? 3 : 0.5));
    }
    add_seconds(&sum->kinds, song, truth);
    score_tunes(song, truth, sum);
    score_flaws(song, truth, sum);
    score_aubio(path, truth, sum);
    score_add(&sum->beats, beats);
    score_add(&sum->downbeats, downs);
    score_add(&sum->takes, takes);
    score_add(&sum->takes_and_pastes, score_takes(song, truth, true));
    if (!verbose) goto out;
    fprintf(stderr, "%-10s beat %.3f down %.3f takes %.3f (%d of %d) slots %.3f tunes %d of %d:", truth->name,
            score_f(beats), score_f(downs), score_f(takes), song->n_takes, truth->n_takes,
            share(slots.right, slots.all), song->n_tunes, truth->n_tunes);
    for (int32_t i = 0; i < truth->n_tunes; i++) {
        const SongTune *as = &song->tunes[tune_heard_as(song, truth, i)];
        fprintf(stderr, " %.0f/%.0f bpm, metre %d/%d, form %d/%d;", as->tempo_bpm, truth->tunes[i].tempo_bpm,
                as->meter, truth->tunes[i].meter, as->n_slots, truth->tunes[i].n_slots);
    }
    fprintf(stderr, " bias %.1f ms %.2f s\n", beats.hits > 0 ? 1000 * bias / beats.hits : 0, took);
out:
    song_free(song);
    return st;
}

/* What was said of beats against what is true, as the mean distance over tenths. */
static double calibration_error(const Totals *t) {
    double said[10] = {0}, truth[10] = {0}, n[10] = {0}, sum = 0;
    for (int32_t i = 0; i < t->n_bars; i++) {
        int b = (int)(10 * t->bar_score[i]) > 9 ? 9 : (int)(10 * t->bar_score[i]);
        said[b] += t->bar_score[i], truth[b] += t->bar_truth[i], n[b]++;
    }
    for (int b = 0; b < 10; b++) sum += fabs(said[b] - truth[b]);
    return t->n_bars ? sum / t->n_bars : 0;
}

static double jitter_p90(Totals *t, double bias) {
    for (int32_t i = 0; i < t->n_off; i++) t->off_s[i] = fabs(t->off_s[i] - bias);
    qsort(t->off_s, (size_t)t->n_off, sizeof(double), marks_by_time);
    return t->n_off ? t->off_s[(int32_t)(0.9 * (t->n_off - 1))] : 0;
}

static Status from_simulator(int32_t n, uint64_t seed, double length_s, Totals *sum, bool verbose) {
    Status st = BS_OK;
    char path[] = "/tmp/bench_hearing_XXXXXX.wav";
    int file = mkstemps(path, 4);
    if (file < 0) return fail(BS_IO, "%s: cannot be made", path);
    close(file);
    for (int32_t i = 0; i < n && st == BS_OK; i++) {
        Session session;
        char name[32];
        snprintf(name, sizeof name, "song%04d", i + 1);
        st = session_make(&session, name, rng_mix(seed, (uint64_t)i), length_s);
        if (st == BS_OK) st = audio_save(path, session.samples, session.n_samples, 2, SESSION_RATE, 16);
        if (st == BS_OK) st = measure(path, session.truth, sum, verbose);
        session_drop(&session);
    }
    unlink(path);
    return st;
}

static Status from_folder(const char *folder, Totals *sum, bool verbose) {
    Status st = BS_OK;
    DIR *dir = opendir(folder);
    if (!dir) return fail(BS_NOT_FOUND, "%s: no such folder", folder);
    for (struct dirent *e; st == BS_OK && (e = readdir(dir));) {
        char raw[1024], text[1024];
        size_t n = strlen(e->d_name);
        if (n < 12 || n > 200 || strcmp(e->d_name + n - 11, ".truth.json") != 0) continue;
        snprintf(text, sizeof text, "%s/%s", folder, e->d_name);
        snprintf(raw, sizeof raw, "%s/%.*s_raw.wav", folder, (int)(n - 11), e->d_name);
        Truth *truth = NULL;
        st = truth_read(&truth, text);
        if (st == BS_OK) st = measure(raw, truth, sum, verbose);
        truth_free(truth);
    }
    closedir(dir);
    return st;
}

int main(int argc, char **argv) {
    static Totals sum;
    int32_t n = 24;
    uint64_t seed = 4242;
    double length_s = 90;
    bool verbose = false;
    for (int c; (c = getopt(argc, argv, "n:s:l:v")) != -1;) {
        if (c == 'n') n = atoi(optarg);
        if (c == 's') seed = strtoull(optarg, NULL, 10);
        if (c == 'l') length_s = atof(optarg);
        if (c == 'v') verbose = true;
        if (c == '?') return 2;
    }
    Status st = optind < argc ? from_folder(argv[optind], &sum, verbose)
                              : from_simulator(n, seed, length_s, &sum, verbose);
    if (st != BS_OK || sum.sessions < 1) {
        fprintf(stderr, "bench_hearing: %s\n", st != BS_OK ? error_text() : "no sessions");
        return 1;
    }
    double bias = 0;
    for (int32_t i = 0; i < sum.n_off; i++) bias += sum.off_s[i] / sum.n_off;
    printf("hearing.sessions %.0f sessions\n", sum.sessions);
    printf("hearing.beat_f %.4f F\n", score_f(sum.beats));
    if (!sum.have_aubio)
        fprintf(stderr, "bench_hearing: SKIPPED: aubio's beat F (apt-get install aubio-tools)\n");
    if (sum.have_aubio) printf("hearing.aubio_beat_f %.4f F\n", score_f(sum.aubio));
    printf("hearing.downbeat_f %.4f F\n", score_f(sum.downbeats));
    printf("hearing.octave_errors %.4f share\n", sum.octave_errors / sum.tunes);
    printf("hearing.meter_errors %.4f share\n", sum.meter_errors / sum.tunes);
    printf("hearing.beat_bias %.2f ms\n", 1000 * bias);
    printf("hearing.beat_jitter_p90 %.2f ms\n", 1000 * jitter_p90(&sum, bias));
    printf("hearing.take_boundary_f %.4f F\n", score_f(sum.takes));
    printf("hearing.take_boundary_f.with_pastes %.4f F\n", score_f(sum.takes_and_pastes));
    printf("hearing.pairs_of_one_tune_together %.4f share\n", share(sum.pairs_right[1], sum.pairs[1]));
    printf("hearing.pairs_of_two_tunes_apart %.4f share\n", share(sum.pairs_right[0], sum.pairs[0]));
    printf("hearing.slots_right %.4f share\n", share(sum.slots.right, sum.slots.all));
    printf("hearing.slots_right.whole_take %.4f share\n", share(sum.whole_slots.right, sum.whole_slots.all));
    printf("hearing.slots_alike %.4f share\n", share(sum.slots.alike, sum.slots.all));
    printf("hearing.slots_alike.whole_take %.4f share\n", share(sum.whole_slots.alike, sum.whole_slots.all));
    for (int i = 0; i < 2; i++) {
        printf("hearing.section_f_%s %.4f F\n", i ? "3s" : "half_s", score_f(sum.sections[i]));
        printf("hearing.phrase_f_%s %.4f F\n", i ? "3s" : "half_s", score_f(sum.phrases[i]));
    }
    printf("hearing.gap_f %.4f F\n", score_f(sum.kinds.gap));
    printf("hearing.talk_in_gaps %.4f share\n", sum.kinds.talk.hits / fmax(1e-9, sum.kinds.talk.truth));
    printf("hearing.music_f %.4f F\n", score_f(sum.kinds.music));
    printf("hearing.flaw_auc %.4f AUC\n", auc(&sum, -1));
    printf("hearing.flaw_auc.three_takes %.4f AUC\n", auc(&sum, 2));
    printf("hearing.flaw_auc.two_takes %.4f AUC\n", auc(&sum, 1));
    printf("hearing.flaw_auc.one_take %.4f AUC\n", auc(&sum, 0));
    printf("hearing.flaw_calibration_error %.4f severity\n", calibration_error(&sum));
    printf("hearing.seconds_per_minute %.3f s\n", 60 * sum.seconds / sum.audio_s);
    return 0;
}
