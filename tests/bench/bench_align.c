// needs: featurizer
/* What the aligner finds of edits with known truth: offsets, seams, labels, what is foreign, and its time as
 * a share of the recording's. Five kinds of material, each edited in the same ways, mastered, encoded.
 *
 *     bench_align [-n recordings of a kind] [-s seed] [-c part of a case] [-k kind] [-v]
 *
 * Seeds below 1000 are for trying things out; the default one is kept for reporting. */
#include <time.h>

#include "featurizer/align/align.h"
#include "tests/bench/align_material.h"

enum { MAX_SEAMS = 20000, RAW_S = 120 };
static const double missed_ms = 1000; /* what a seam that was not found counts */

typedef enum What {
    WHAT_MASTER = 1,
    WHAT_MP3 = 2,
    WHAT_LOOPS = 4,
    WHAT_FOREIGN = 8,
    WHAT_FLIP = 16,
    WHAT_48K = 32
} What;

typedef struct Case {
    const char *name;
    double fade_s, speed;
    int what;
} Case;

static const Case cases[] = {
    {"hard", 0, 1, 0},
    {"hard_mp3", 0, 1, WHAT_MP3},
    {"hard_master", 0, 1, WHAT_MASTER},
    {"hard_master_mp3", 0, 1, WHAT_MASTER | WHAT_MP3},
    {"fade10", 0.01, 1, 0},
    {"fade10_mp3", 0.01, 1, WHAT_MP3},
    {"fade10_master", 0.01, 1, WHAT_MASTER},
    {"fade10_master_mp3", 0.01, 1, WHAT_MASTER | WHAT_MP3},
    {"fade50", 0.05, 1, 0},
    {"fade50_mp3", 0.05, 1, WHAT_MP3},
    {"fade50_master", 0.05, 1, WHAT_MASTER},
    {"fade50_master_mp3", 0.05, 1, WHAT_MASTER | WHAT_MP3},
    {"fade200", 0.2, 1, 0},
    {"fade200_mp3", 0.2, 1, WHAT_MP3},
    {"fade200_master", 0.2, 1, WHAT_MASTER},
    {"fade200_master_mp3", 0.2, 1, WHAT_MASTER | WHAT_MP3},
    {"faster", 0.01, 1.005, WHAT_MP3},
    {"slower", 0.01, 0.995, WHAT_MP3},
    {"flip_mono_48k", 0.01, 1, WHAT_FLIP | WHAT_48K},
    {"loops_in_raw", 0.01, 1, WHAT_LOOPS | WHAT_MP3},
    {"foreign", 0.01, 1, WHAT_FOREIGN},
    {"foreign_master_mp3", 0.01, 1, WHAT_FOREIGN | WHAT_MASTER | WHAT_MP3},
};

typedef struct Sums {
    int n_pieces, n_exact, n_found_pieces;
    int n_labels, n_found_labels, n_right_labels;
    double other_s, found_other_s, right_other_s;
    double seams[MAX_SEAMS],
        ends[MAX_SEAMS]; /* ms from the truth: middle; share of a fade's length: its ends */
    int n_seams, n_ends;
    int n_ties, n_alike, n_alike_seams; /* pieces that are flagged; right but for what nobody can tell */
    double cpu_s, raw_s;
    int n_failed;
} Sums;

static double cpu(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(double *x, int n, double q) {
    if (!n) return 0;
    qsort(x, (size_t)n, sizeof *x, by_size);
    int at = (int)(q * n);
    return x[at < n ? at : n - 1];
}

/* ---- truth ------------------------------------------------------------------------------------- */

/* Phrases copied over later ones, as loops pasted in a session are. */
static void paste_loops(Mat *raw, uint64_t seed) {
    Rng r = rng_at(seed, 41);
    for (int i = 0; i < 6; i++) {
        int64_t n = (int64_t)(rng_between(&r, 4, 9) * MAT_RATE);
        int64_t from = (int64_t)(rng_f64(&r) * (double)(raw->n - 3 * n)), to = from + n;
        for (int k = 0; k < 2; k++, to += n)
            memcpy(raw->x + 2 * to, raw->x + 2 * from, sizeof(float) * 2 * (size_t)n);
    }
}

/* Two pieces become foreign, and one more is covered by a loud voice. */
static void add_foreign(MatEdit *e, Mat *m, MatKind kind, uint64_t seed, int32_t covered[1]) {
    Mat other = mat_recording(kind == MAT_TONAL ? MAT_BAND : MAT_TONAL, rng_mix(seed, 99), 40);
    Rng r = rng_at(seed, 43);
    for (int i = 0; i < 2; i++) {
        int32_t p = e->n * (i + 1) / 3;
        int64_t from = (int64_t)(rng_f64(&r) * 20 * MAT_RATE);
        for (int64_t t = e->at[p]; t < e->at[p + 1]; t++)
            for (int k = 0; k < 2; k++) m->x[2 * t + k] = other.x[2 * (from + t - e->at[p]) + k];
        e->piece[p].raw_start = -1;
    }
    covered[0] = e->n - 2;
    for (int64_t t = e->at[covered[0]]; t < e->at[covered[0] + 1]; t++)
        for (int k = 0; k < 2; k++)
            m->x[2 * t + k] += 4 * other.x[2 * (t - e->at[covered[0]] + 9 * MAT_RATE) + k];
    free(other.x);
}

typedef enum Label { LABEL_ON, LABEL_LOOP, LABEL_REORDER, LABEL_REUSE } Label;

/* What a person would call piece i: again, back to a place not yet used, back to one used before. */
static Label label_of(const int64_t (*range)[2], int i) {
    if (i == 0 || range[i][0] < 0 || range[i - 1][0] < 0 || range[i][0] >= range[i - 1][1] - MAT_RATE / 20)
        return LABEL_ON;
    if (llabs(range[i][0] - range[i - 1][0]) < MAT_RATE / 20) return LABEL_LOOP;
    for (int k = 0; k < i; k++)
        if (range[k][0] >= 0 && range[i][0] < range[k][1] && range[i][1] > range[k][0]) return LABEL_REUSE;
    return LABEL_REORDER;
}

/* ---- scoring ----------------------------------------------------------------------------------- */

static const AlignPiece *piece_at(const Alignment *a, int64_t at) {
    for (int32_t i = 0; i < a->n_pieces; i++)
        if (a->pieces[i].edit_start <= at && at < a->pieces[i].edit_end) return &a->pieces[i];
    return NULL;
}

static double place_of(const AlignPiece *p, double at) {
    return (double)p->raw_start + p->rate * (at - (double)p->edit_start);
}

/* Does the recording sound the same for n samples from `a` and from `b` on? What differs lies 30 dB under
 * what is heard in the tenth of a second around. Equal bars of a drum machine cannot be told apart by anyone.
 */
static bool same_sound(const Mat *raw, double a, double b, int64_t n) {
    const int64_t x = llround(a), y = llround(b), around = MAT_RATE / 20;
    double apart = 0, power = 0;
    for (int64_t t = -around; t < n + around; t++) {
        if (x + t < 0 || y + t < 0 || x + t >= raw->n || y + t >= raw->n) continue;
        const double p = raw->x[2 * (x + t)], q = raw->x[2 * (y + t)];
        power += 0.5 * (p * p + q * q);
        if (t >= 0 && t < n) apart += (p - q) * (p - q);
    }
    return apart <= 1e-3 * power;
}

typedef enum Verdict { ELSEWHERE, EXACT, ALIKE } Verdict;

static Verdict judge_place(const AlignPiece *p, double at, double place, const Mat *raw, int64_t n) {
    const double here = place_of(p, at);
    if (fabs(here - place) <= 1.5) return EXACT;
    for (int32_t i = 0; i < p->n_alternatives; i++)
        if (fabs(here + (double)(p->alternatives[i] - p->raw_start) - place) <= 1.5) return EXACT;
    return p->tie && same_sound(raw, here - (double)n / 2, place - (double)n / 2, n) ? ALIKE : ELSEWHERE;
}

/* What one edit is judged by. */
typedef struct Trial {
    const Alignment *a;
    const MatEdit *e;
    const Mat *raw;
    double scale;           /* samples of the edit's file in one of the truth's */
    const int32_t *covered; /* piece under something else, or NULL */
    bool verbose;
} Trial;

static void score_pieces(const Trial *t, Sums *s) {
    for (int32_t i = 0; i < t->e->n; i++) {
        const MatPiece *x = &t->e->piece[i];
        if (x->raw_start < 0 || (t->covered && *t->covered == i)) continue;
        const int64_t n = t->e->at[i + 1] - t->e->at[i];
        const double mid = (double)t->e->at[i] + 0.5 * (double)n,
                     place = (double)x->raw_start + 0.5 * (double)n;
        const AlignPiece *p = piece_at(t->a, llround(mid * t->scale));
        const Verdict verdict = p ? judge_place(p, mid * t->scale, place, t->raw, n * 8 / 10) : ELSEWHERE;
        s->n_pieces++;
        s->n_exact += verdict != ELSEWHERE;
        s->n_alike += verdict == ALIKE;
        s->n_ties += p && p->tie;
        if (verdict == ELSEWHERE && t->verbose)
            printf("#   piece %d at %.3f s: %s, raw %.4f s, truth %.4f s%s\n", i,
                   (double)t->e->at[i] / MAT_RATE, p ? "elsewhere" : "not found",
                   p ? place_of(p, mid * t->scale) / MAT_RATE : 0, place / MAT_RATE,
                   p && same_sound(t->raw, place_of(p, mid * t->scale) - 0.4 * (double)n,
                                   place - 0.4 * (double)n, n * 8 / 10)
                       ? ", sounds the same"
                       : "");
    }
    s->n_found_pieces += t->a->n_pieces;
}

/* Between seam i and where it was found, does what was found sound like what is true? */
static bool seam_is_alike(const Trial *t, int32_t i, double found) {
    if (t->scale != 1) return false;
    const double at = (double)t->e->at[i], from = fmin(at, found), to = fmax(at, found);
    const AlignPiece *p = piece_at(t->a, llround(from + (to - from) / 2));
    if (!p) return false;
    const double truth =
        found > at ? (double)t->e->piece[i].raw_start : (double)t->e->piece[i - 1].raw_end - (at - found);
    return same_sound(t->raw, place_of(p, from), truth, llround(to - from));
}

static void score_seams(const Trial *t, Sums *s) {
    const MatEdit *e = t->e;
    const double hz = t->a->edit_rate_hz;
    for (int32_t i = 1; i < e->n; i++) {
        if (e->piece[i].raw_start < 0 || e->piece[i - 1].raw_start < 0) continue;
        if (t->covered && (i == *t->covered || i == *t->covered + 1)) continue;
        if (e->piece[i].raw_start == e->piece[i - 1].raw_end) continue;
        const double at = (double)e->at[i] * t->scale, half = 0.5 * (double)e->piece[i].fade * t->scale;
        double best = missed_ms, ends = 1, middle = 0;
        for (int32_t k = 0; k < t->a->n_pieces; k++) {
            const AlignPiece *p = &t->a->pieces[k];
            const double mid = 0.5 * (double)(p->join.start + p->join.end), off = 1000 * fabs(mid - at) / hz;
            if (!p->joined || off >= best) continue;
            best = off;
            middle = mid;
            if (half > 0)
                ends = (fabs((double)p->join.start - at + half) + fabs((double)p->join.end - at - half)) /
                       (4 * half);
        }
        if (best > 0.05 && best < missed_ms && seam_is_alike(t, i, middle)) s->n_alike_seams++, best = 0;
        if (s->n_seams < MAX_SEAMS) s->seams[s->n_seams++] = best;
        if (half > 0 && s->n_ends < MAX_SEAMS) s->ends[s->n_ends++] = ends;
        if (best > 2 && t->verbose)
            printf("#   seam %d at %.3f s: off by %.1f ms (law %d, raw %.3f -> %.3f)\n", i,
                   (double)e->at[i] / MAT_RATE, best, e->piece[i].law,
                   (double)e->piece[i - 1].raw_end / MAT_RATE, (double)e->piece[i].raw_start / MAT_RATE);
    }
}

/* Seams found where truth has none. */
static void list_false_seams(const Trial *t) {
    for (int32_t k = 0; k < t->a->n_pieces; k++) {
        const AlignPiece *p = &t->a->pieces[k];
        double off = INFINITY;
        for (int32_t i = 0; i <= t->e->n; i++)
            off = fmin(off, fabs((double)p->edit_start / t->scale - (double)t->e->at[i]));
        if (off < 0.1 * MAT_RATE) continue;
        printf("#   false seam at %.3f s: raw %.4f -> %.4f, %.3f s long, score %.2f%s, shape %s %.1f ms\n",
               (double)p->edit_start / t->scale / MAT_RATE, k ? (double)p[-1].raw_end / MAT_RATE : -1,
               (double)p->raw_start / MAT_RATE, (double)(p->edit_end - p->edit_start) / t->scale / MAT_RATE,
               (double)p->score, p->tie ? ", tie" : "", align_shape_names[p->join.shape],
               (double)(p->join.end - p->join.start) / 44.1);
    }
}

static void score_labels(const Alignment *a, const MatEdit *e, double scale, Sums *s) {
    static int64_t truth[MAT_MAX_PIECES][2], found[4096][2];
    static Label found_label[4096];
    int32_t n_found = a->n_pieces < 4096 ? a->n_pieces : 4096;
    for (int32_t i = 0; i < e->n; i++) truth[i][0] = e->piece[i].raw_start, truth[i][1] = e->piece[i].raw_end;
    for (int32_t i = 0; i < n_found; i++) {
        found[i][0] = a->pieces[i].joined || i == 0 ? a->pieces[i].raw_start : a->pieces[i].raw_start;
        found[i][1] = a->pieces[i].raw_end;
    }
    for (int32_t i = 0; i < n_found; i++) {
        found_label[i] = a->pieces[i].joined ? label_of((const int64_t(*)[2])found, i) : LABEL_ON;
        s->n_found_labels += found_label[i] != LABEL_ON;
    }
    for (int32_t i = 1; i < e->n; i++) {
        const Label label = label_of((const int64_t(*)[2])truth, i);
        if (label == LABEL_ON) continue;
        s->n_labels++;
        for (int32_t k = 0; k < n_found; k++)
            if (fabs((double)a->pieces[k].edit_start - (double)e->at[i] * scale) < 0.1 * a->edit_rate_hz &&
                found_label[k] == label) {
                s->n_right_labels++;
                break;
            }
    }
}

static double overlap_s(const Alignment *a, double from, double to) {
    double sum = 0;
    for (int32_t i = 0; i < a->n_others; i++) {
        double lo = fmax(from, (double)a->others[i].edit_start), hi = fmin(to, (double)a->others[i].edit_end);
        if (hi > lo) sum += hi - lo;
    }
    return sum / a->edit_rate_hz;
}

static void score_others(const Alignment *a, const MatEdit *e, double scale, const int32_t *covered,
                         Sums *s) {
    for (int32_t i = 0; i < e->n; i++) {
        if (e->piece[i].raw_start >= 0 && !(covered && i == *covered)) continue;
        double from = (double)e->at[i] * scale, to = (double)e->at[i + 1] * scale;
        s->other_s += (to - from) / a->edit_rate_hz;
        s->right_other_s += overlap_s(a, from, to);
    }
    s->found_other_s += overlap_s(a, 0, (double)a->n_edit);
}

/* ---- one edit ---------------------------------------------------------------------------------- */

static Status change_speed(Mat *m, double speed) {
    float *made;
    int64_t n;
    Status st = resample(m->x, m->n, MAT_RATE * speed, MAT_RATE, 2, &made, &n);
    if (st != BS_OK) return st;
    free(m->x);
    *m = (Mat){made, n};
    return BS_OK;
}

static Status run_case(const Case *c, const Mat *given, MatKind kind, uint64_t seed, Sums *s, bool verbose) {
    Status st = BS_OK;
    char raw_path[64], path[64];
    int32_t covered = -1;
    Alignment a = {0};
    Mat raw = mat_new(given->n), m = {0};
    memcpy(raw.x, given->x, sizeof(float) * 2 * (size_t)raw.n);
    snprintf(raw_path, sizeof raw_path, "/tmp/bandsaw-bench-align-%d-raw.wav", (int)getpid());
    snprintf(path, sizeof path, "/tmp/bandsaw-bench-align-%d.%s", (int)getpid(),
             c->what & WHAT_MP3 ? "mp3" : "wav");
    if (c->what & WHAT_LOOPS) paste_loops(&raw, seed);
    MatEdit e = mat_cut(raw.n, rng_mix(seed, 7), 16, c->fade_s, 1);
    m = mat_render(&raw, &e);
    if (c->what & WHAT_FOREIGN) add_foreign(&e, &m, kind, seed, &covered);
    if (c->what & WHAT_MASTER) mat_master(&m, seed);
    if (c->speed != 1) TRY(change_speed(&m, c->speed));
    if (c->what & WHAT_FLIP)
        for (int64_t i = 0; i < 2 * m.n; i++) m.x[i] *= -0.7F;
    const int rate = c->what & WHAT_48K ? 48000 : MAT_RATE;
    const double scale = (double)rate / MAT_RATE / c->speed;
    TRY(mat_save(raw_path, &raw, 2, MAT_RATE));
    TRY(mat_save(path, &m, c->what & WHAT_FLIP ? 1 : 2, rate));
    const char *paths[1] = {raw_path};
    const double from = cpu();
    st = align_files(paths, 1, path, &a);
    s->cpu_s += cpu() - from;
    s->raw_s += (double)raw.n / MAT_RATE;
    if (st != BS_OK) {
        s->n_failed++;
        printf("# %s kind %d: %s\n", c->name, kind, error_text());
        st = BS_OK;
    }
    const int32_t *hidden = covered >= 0 ? &covered : NULL;
    if (verbose)
        printf("# %s kind %d: %d pieces of %d, %d others, matched %.3f, %.1f dB%s, %.3f of the time\n",
               c->name, kind, a.n_pieces, e.n, a.n_others, (double)a.matched, (double)a.ratio_db,
               a.plain ? ", plain" : "", (cpu() - from) * MAT_RATE / (double)raw.n);
    const Trial trial = {&a, &e, &raw, scale, hidden, verbose};
    score_pieces(&trial, s);
    score_seams(&trial, s);
    score_labels(&a, &e, scale, s);
    if (verbose) list_false_seams(&trial);
    score_others(&a, &e, scale, hidden, s);
out:
    unlink(raw_path);
    unlink(path);
    align_drop(&a);
    free(raw.x);
    free(m.x);
    return st;
}

static double share(double part, double whole) { return whole > 0 ? part / whole : 1; }
static double f_of(double right, double truth, double found) { return share(2 * right, truth + found); }

static void print_sums(const char *name, Sums *s) {
    printf("align_%s_offsets_exact %.4f share\n", name, share(s->n_exact, s->n_pieces));
    printf("align_%s_offsets_alike %.4f share\n", name, share(s->n_alike, s->n_pieces));
    printf("align_%s_ties %.4f share\n", name, share(s->n_ties, s->n_pieces));
    printf("align_%s_pieces_found %.3f of_true\n", name, share(s->n_found_pieces, s->n_pieces));
    printf("align_%s_seam_error_median %.3f ms\n", name, quantile(s->seams, s->n_seams, 0.5));
    printf("align_%s_seam_error_p95 %.3f ms\n", name, quantile(s->seams, s->n_seams, 0.95));
    printf("align_%s_seams_alike %.4f share\n", name, share(s->n_alike_seams, s->n_seams));
    if (s->n_ends)
        printf("align_%s_fade_ends_median %.3f of_length\n", name, quantile(s->ends, s->n_ends, 0.5));
    printf("align_%s_labels_f %.3f F\n", name, f_of(s->n_right_labels, s->n_labels, s->n_found_labels));
    if (s->other_s > 0)
        printf("align_%s_other_f %.3f F\n", name, f_of(s->right_other_s, s->other_s, s->found_other_s));
    else
        printf("align_%s_other_false %.4f share\n", name, share(s->found_other_s, s->raw_s));
    printf("align_%s_cpu %.4f of_recording\n", name, share(s->cpu_s, s->raw_s));
    fflush(stdout);
}

int main(int argc, char **argv) {
    int n = 1, c, first = 0, last = MAT_KINDS;
    uint64_t seed = 424200;
    const char *only = "";
    bool verbose = false;
    while ((c = getopt(argc, argv, "n:s:c:k:v")) != -1) {
        if (c == 'n')
            n = atoi(optarg);
        else if (c == 's')
            seed = strtoull(optarg, NULL, 10);
        else if (c == 'c')
            only = optarg;
        else if (c == 'k')
            first = atoi(optarg), last = first + 1;
        else
            verbose = true;
    }
    Sums *sums = calloc(sizeof cases / sizeof *cases, sizeof *sums), *one;
    if (!sums) return 1;
    int n_failed = 0;
    for (int i = 0; i < n; i++)
        for (int kind = first; kind < last; kind++) {
            Mat raw = mat_recording((MatKind)kind, rng_mix(seed, (uint64_t)(i * MAT_KINDS + kind)), RAW_S);
            for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
                if (*only && !strstr(cases[k].name, only)) continue;
                one = &sums[k];
                if (run_case(&cases[k], &raw, (MatKind)kind,
                             rng_mix(seed + 1, (uint64_t)(i * MAT_KINDS + kind)), one, verbose) != BS_OK) {
                    fprintf(stderr, "bench_align: %s\n", error_text());
                    return 1;
                }
                n_failed += one->n_failed;
            }
            free(raw.x);
        }
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        if (sums[k].n_pieces) print_sums(cases[k].name, &sums[k]);
    free(sums);
    return n_failed ? 1 : 0;
}
