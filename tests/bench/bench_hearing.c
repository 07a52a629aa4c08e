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

enum { MAX_BARS = 1 << 16, MAX_MARKS = 1 << 15 };

typedef struct Score {
    double hits, found, truth;
} Score;

typedef struct Totals {
    Score beats, downbeats, takes;
    double octave_errors, meter_errors, sessions, bias_s, bias_n, slot_right, slot_all, bar_right, seconds,
        audio_s;
    double phrase_marks, gap_in_takes_s, music_missed_s;
    int32_t n_bars;
    float bar_score[MAX_BARS];
    bool bar_flawed[MAX_BARS];
} Totals;

static double f_of(Score s) { return s.found + s.truth > 0 ? 2 * s.hits / (s.found + s.truth) : 1; }

static int by_time(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Greedy one-to-one matching of two sorted lists. */
static Score match(double *found, int32_t n_found, double *truth, int32_t n_truth, double within_s,
                   double *bias) {
    Score s = {0, n_found, n_truth};
    qsort(found, (size_t)n_found, sizeof *found, by_time);
    qsort(truth, (size_t)n_truth, sizeof *truth, by_time);
    for (int32_t i = 0, j = 0; i < n_found && j < n_truth;) {
        if (fabs(found[i] - truth[j]) <= within_s) {
            if (bias) *bias += found[i] - truth[j];
            s.hits++, i++, j++;
        } else if (found[i] < truth[j])
            i++;
        else
            j++;
    }
    return s;
}

static void add(Score *to, Score s) {
    to->hits += s.hits;
    to->found += s.found;
    to->truth += s.truth;
}

static double marks_a[MAX_MARKS], marks_b[MAX_MARKS];

static Score score_beats(const Song *s, const Truth *t, bool down, double *bias) {
    int32_t a = 0, b = 0;
    for (int32_t u = 0; u < s->n_units; u++)
        if (s->units[u].kind == UNIT_BEAT && (!down || s->units[u].phase == 0))
            marks_a[a++] = (double)s->units[u].start_sample / s->sample_rate_hz;
    for (int32_t u = 0; u < t->n_units; u++)
        if (t->units[u].kind == UNIT_BEAT && (!down || t->units[u].phase == 0))
            marks_b[b++] = (double)t->units[u].start_sample / t->sample_rate_hz;
    return match(marks_a, a, marks_b, b, 0.07, bias);
}

static Score score_takes(const Song *s, const Truth *t) {
    int32_t a = 0, b = 0;
    for (int32_t k = 0; k < s->n_takes; k++) {
        const SongTake *take = &s->takes[k];
        marks_a[a++] = (double)s->units[take->first_unit].start_sample / s->sample_rate_hz;
        marks_a[a++] = (double)song_unit_end(s, take->first_unit + take->n_units - 1) / s->sample_rate_hz;
    }
    for (int32_t k = 0; k < t->n_takes; k++) {
        marks_b[b++] = (double)t->takes[k].first_sample / t->sample_rate_hz;
        marks_b[b++] = (double)t->takes[k].end_sample / t->sample_rate_hz;
    }
    return match(marks_a, a, marks_b, b, 0.5, NULL);
}

/* The unit of the Song nearest to a time, and how far it is. */
static int32_t nearest_beat(const Song *s, int64_t at, int64_t *off) {
    int32_t u = song_unit_at(s, at);
    int32_t best = -1;
    for (int32_t v = u; v <= u + 1 && v < s->n_units; v++) {
        int64_t d = llabs(s->units[v].start_sample - at);
        if (s->units[v].kind == UNIT_BEAT && (best < 0 || d < *off)) best = v, *off = d;
    }
    return best;
}

static void score_slots(const Song *s, const Truth *t, double *right, double *all) {
    enum { SPREAD = 512 };
    int32_t votes[2 * SPREAD + 1] = {0}, best = SPREAD;
    double beat = truth_beat_samples(t, t->tune);
    for (int pass = 0; pass < 2; pass++)
        for (int32_t u = 0; u < t->n_units; u++) {
            const TruthUnit *x = &t->units[u];
            if (x->kind != UNIT_BEAT || truth_unit_tune(t, u) != t->tune) continue;
            int64_t off = 0;
            int32_t v = nearest_beat(s, x->start_sample, &off);
            if (pass) ++*all;
            if (v < 0 || off > beat / 4 || s->units[v].slot < 0) continue;
            int32_t shift = s->units[v].slot * s->tunes[0].meter + s->units[v].phase -
                            x->slot * t->tunes[t->tune].meter - x->phase;
            if (shift < -SPREAD || shift > SPREAD) continue;
            if (!pass) {
                votes[shift + SPREAD]++;
                if (votes[shift + SPREAD] > votes[best]) best = shift + SPREAD;
            } else
                *right += shift + SPREAD == best;
        }
}

static void score_flaws(const Song *s, const Truth *t, Totals *sum) {
    for (int32_t u = 0; u < t->n_units; u++) {
        if (!truth_bar_at(t, u)) continue;
        double truth = 0, score = 0;
        for (int32_t k = 0; k < t->tunes[truth_unit_tune(t, u)].meter; k++) {
            truth += t->units[u + k].flaw / t->tunes[truth_unit_tune(t, u)].meter;
            int64_t middle = (t->units[u + k].start_sample + truth_unit_end(t, u + k)) / 2;
            score += s->units[song_unit_at(s, middle)].flaw / t->tunes[truth_unit_tune(t, u)].meter;
        }
        if (truth > 0 && truth < 0.2) continue; /* neither */
        if (sum->n_bars == MAX_BARS) return;
        sum->bar_score[sum->n_bars] = (float)score;
        sum->bar_flawed[sum->n_bars++] = truth > 0;
    }
}

static double auc(const Totals *t) {
    double wins = 0, pairs = 0;
    for (int32_t i = 0; i < t->n_bars; i++)
        for (int32_t j = 0; j < t->n_bars; j++)
            if (t->bar_flawed[i] && !t->bar_flawed[j]) {
                pairs++;
                wins += t->bar_score[i] > t->bar_score[j] ? 1 : t->bar_score[i] == t->bar_score[j] ? 0.5 : 0;
            }
    return pairs > 0 ? wins / pairs : 0.5;
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

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
    double bias = 0, right = 0, all = 0;
    Score beats = score_beats(song, truth, false, &bias), downs = score_beats(song, truth, true, NULL),
          takes = score_takes(song, truth);
    score_slots(song, truth, &right, &all);
    score_flaws(song, truth, sum);
    double octaves = song->tunes[0].tempo_bpm > 0
                         ? log2(song->tunes[0].tempo_bpm / truth->tunes[truth->tune].tempo_bpm)
                         : 9;
    add(&sum->beats, beats);
    add(&sum->downbeats, downs);
    add(&sum->takes, takes);
    sum->bias_s += bias;
    sum->bias_n += beats.hits;
    sum->octave_errors += fabs(octaves) > 0.3;
    sum->meter_errors += song->tunes[0].meter != truth->tunes[truth->tune].meter;
    sum->slot_right += right;
    sum->slot_all += all;
    if (verbose)
        fprintf(stderr,
                "%-10s beat %.3f down %.3f takes %.3f (%d of %d) slots %.3f (%d of %d) tempo %.1f/%.1f meter "
                "%d/%d "
                "bias %.1f ms %.2f s\n",
                truth->name, f_of(beats), f_of(downs), f_of(takes), song->n_takes, truth->n_takes,
                all > 0 ? right / all : 1, song->tunes[0].n_slots, truth->tunes[truth->tune].n_slots,
                song->tunes[0].tempo_bpm, truth->tunes[truth->tune].tempo_bpm, song->tunes[0].meter,
                truth->tunes[truth->tune].meter, beats.hits > 0 ? 1000 * bias / beats.hits : 0, took);
out:
    song_free(song);
    return st;
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
    printf("hearing.sessions %.0f sessions\n", sum.sessions);
    printf("hearing.beat_f %.4f F\n", f_of(sum.beats));
    printf("hearing.downbeat_f %.4f F\n", f_of(sum.downbeats));
    printf("hearing.octave_errors %.4f share\n", sum.octave_errors / sum.sessions);
    printf("hearing.meter_errors %.4f share\n", sum.meter_errors / sum.sessions);
    printf("hearing.beat_bias %.2f ms\n", sum.bias_n > 0 ? 1000 * sum.bias_s / sum.bias_n : 0);
    printf("hearing.take_boundary_f %.4f F\n", f_of(sum.takes));
    printf("hearing.slots_right %.4f share\n", sum.slot_all > 0 ? sum.slot_right / sum.slot_all : 1);
    printf("hearing.flaw_auc %.4f AUC\n", auc(&sum));
    printf("hearing.seconds_per_minute %.3f s\n", 60 * sum.seconds / sum.audio_s);
    return 0;
}
