// needs: featurizer
/* Beats of music that the simulator does not make (elsewhere.h), beside aubio's on the same files.
 *
 *   bench_elsewhere [-n pieces] [-s seed] [-v] [-o folder]     56 pieces in 14 styles, seed 9001; -o keeps
 * them
 *
 * Prints `name value unit`; with -v a line a piece on stderr. */
#include <string.h>
#include <unistd.h>

#include "common/audio/audio.h"
#include "featurizer/featurize.h"
#include "tests/bench/elsewhere.h"
#include "tests/bench/marks.h"

typedef struct Totals {
    Score beats[ELSEWHERE_STYLES + 1], downs, aubio;
    double f_sum, octave, meter, aubio_octave, n, off[1 << 16];
    int32_t n_off;
    bool have_aubio;
} Totals;

static double median_tempo(const double *at, int32_t n) {
    double v[ELSEWHERE_MAX_BEATS];
    int32_t m = 0;
    for (int32_t i = 1; i < n && m < ELSEWHERE_MAX_BEATS; i++) v[m++] = at[i] - at[i - 1];
    qsort(v, (size_t)m, sizeof *v, marks_by_time);
    return m ? 60 / v[m / 2] : 0;
}

static Status measure(int32_t number, uint64_t seed, const char *path, Totals *t, bool verbose) {
    static double found[4096], downs[4096], truth[4096], true_downs[4096], theirs[4096], off[4096];
    Status st = BS_OK;
    Song *song = NULL;
    Piece p;
    int32_t n = 0, n_down = 0, n_true = 0, n_true_down = 0;
    piece_make(&p, number, seed);
    TRY(audio_save(path, p.samples, p.n_samples, 1, ELSEWHERE_HZ, 16));
    TRY(featurize_files(&path, NULL, 1, NULL, NULL, NULL, &song));
    for (int32_t u = 0; u < song->n_units && n < 4096; u++) {
        if (song->units[u].kind != UNIT_BEAT) continue;
        found[n++] = (double)song->units[u].start_sample / song->sample_rate_hz;
        if (song->units[u].phase == 0) downs[n_down++] = found[n - 1];
    }
    for (int32_t k = 0; k < p.n_beats; k++) {
        truth[n_true++] = p.at_s[k];
        if ((k + p.first_phase) % p.meter == 0) true_downs[n_true_down++] = p.at_s[k];
    }
    double bpm = median_tempo(found, n);
    Score s = marks_match(found, n, truth, n_true, 0.07, off),
          d = marks_match(downs, n_down, true_downs, n_true_down, 0.07, NULL);
    int32_t style = number % ELSEWHERE_STYLES, n_theirs = marks_of_aubio(path, theirs, 4096);
    double their_bpm = n_theirs > 1 ? median_tempo(theirs, n_theirs) : 0;
    Score a = marks_match(theirs, n_theirs < 0 ? 0 : n_theirs, truth, n_true, 0.07, NULL);
    score_add(&t->beats[style], s);
    score_add(&t->beats[ELSEWHERE_STYLES], s);
    score_add(&t->downs, d);
    score_add(&t->aubio, a);
    t->have_aubio |= n_theirs >= 0;
    for (int32_t i = 0; i < (int32_t)s.hits && t->n_off < 1 << 16; i++) t->off[t->n_off++] = off[i];
    t->n++;
    t->octave += !(bpm > 0 && fabs(log2(bpm / p.bpm)) < 0.2);
    t->aubio_octave += !(their_bpm > 0 && fabs(log2(their_bpm / p.bpm)) < 0.2);
    t->meter += song->tunes[0].meter != p.meter;
    if (verbose)
        fprintf(stderr,
                "%-14s beat %.3f down %.3f aubio %.3f tempo %.1f/%.1f meter %d/%d takes %d conf %.2f\n",
                p.style, score_f(s), score_f(d), score_f(a), bpm, p.bpm, song->tunes[0].meter, p.meter,
                song->n_takes,
                (double)song->features[(size_t)song->takes[0].first_unit * SONG_FEATURES + FEATURE_KIND]);
out:
    song_free(song);
    free(p.samples);
    return st;
}

int main(int argc, char **argv) {
    static Totals t;
    int32_t n = 4 * ELSEWHERE_STYLES;
    uint64_t seed = 9001;
    bool verbose = false;
    const char *folder = NULL;
    for (int c; (c = getopt(argc, argv, "n:s:vo:")) != -1;) {
        if (c == 'n') n = atoi(optarg);
        if (c == 's') seed = strtoull(optarg, NULL, 10);
        if (c == 'v') verbose = true;
        if (c == 'o') folder = optarg;
        if (c == '?') return 2;
    }
    char made[] = "/tmp/bench_elsewhere_XXXXXX.wav", path[1024];
    int file = mkstemps(made, 4);
    if (file < 0) return 1;
    close(file);
    Status st = BS_OK;
    for (int32_t i = 0; i < n && st == BS_OK; i++) {
        snprintf(path, sizeof path, "%s/piece%03d.wav", folder ? folder : "", i);
        st = measure(i, seed, folder ? path : made, &t, verbose);
    }
    unlink(made);
    if (st != BS_OK || t.n < 1) {
        fprintf(stderr, "bench_elsewhere: %s\n", st != BS_OK ? error_text() : "no pieces");
        return 1;
    }
    double bias = 0;
    qsort(t.off, (size_t)t.n_off, sizeof(double), marks_by_time);
    for (int32_t i = 0; i < t.n_off; i++) bias += t.off[i] / t.n_off;
    for (int32_t i = 0; i < t.n_off; i++) t.off[i] = fabs(t.off[i] - bias);
    qsort(t.off, (size_t)t.n_off, sizeof(double), marks_by_time);
    printf("elsewhere.pieces %.0f pieces\n", t.n);
    printf("elsewhere.beat_f %.4f F\n", score_f(t.beats[ELSEWHERE_STYLES]));
    for (int s = 0; s < ELSEWHERE_STYLES && s < n; s++)
        printf("elsewhere.beat_f.%s %.4f F\n", piece_styles[s].name, score_f(t.beats[s]));
    printf("elsewhere.downbeat_f %.4f F\n", score_f(t.downs));
    printf("elsewhere.octave_errors %.4f share\n", t.octave / t.n);
    printf("elsewhere.meter_errors %.4f share\n", t.meter / t.n);
    printf("elsewhere.beat_bias %.2f ms\n", 1000 * bias);
    printf("elsewhere.beat_jitter_p90 %.2f ms\n", t.n_off ? 1000 * t.off[(int32_t)(0.9 * (t.n_off - 1))] : 0);
    if (t.have_aubio) {
        printf("elsewhere.aubio_beat_f %.4f F\n", score_f(t.aubio));
        printf("elsewhere.aubio_octave_errors %.4f share\n", t.aubio_octave / t.n);
    }
    return 0;
}
