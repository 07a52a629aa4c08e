// needs: featurizer
/* What the aligner finds of edits with known truth: offsets, seams, labels, what is foreign, and its time as
 * a share of the recording's. Six kinds of material, each edited in the same ways, mastered, encoded.
 *
 *     bench_align [-n recordings of a kind] [-s seed] [-c treatment] [-k kind] [-v]
 *
 * -c takes a treatment's name, or a part of names that ends with *. -v says what went wrong, and where. Seeds
 * below 1000 are for trying things out; the default one is kept for reporting. */
#include <time.h>

#include "featurizer/align/align.h"
#include "tests/bench/align_material.h"
#include "tests/bench/align_scores.h"

enum { RAW_S = 120, N_PIECES = 16 };

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

enum { N_CASES = sizeof cases / sizeof *cases };

static double cpu(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
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

/* Where n samples begin that have no pause in them, or the shortest. */
static int64_t unbroken(const Mat *m, int64_t n, Rng *r) {
    enum { TRIES = 30, PART = MAT_RATE / 4 };
    int64_t best = 0;
    double loudest = -1;
    for (int i = 0; i < TRIES; i++) {
        const int64_t from = (int64_t)(rng_f64(r) * (double)(m->n - n));
        double least = INFINITY;
        for (int64_t at = from; at + PART <= from + n; at += PART) {
            double power = 0;
            for (int64_t t = at; t < at + PART; t++) power += (double)m->x[2 * t] * m->x[2 * t];
            least = fmin(least, power);
        }
        if (least > loudest) loudest = least, best = from;
    }
    return best;
}

/* Two pieces become foreign, and one more is covered by something loud. */
static void add_foreign(MatEdit *e, Mat *m, MatKind kind, uint64_t seed, int32_t *covered) {
    Mat other = mat_recording(kind == MAT_TONAL ? MAT_BAND : MAT_TONAL, rng_mix(seed, 99), 40);
    Rng r = rng_at(seed, 43);
    *covered = e->n - 2;
    for (int i = 0; i < 3; i++) {
        const bool covers = i == 2;
        const int32_t p = covers ? *covered : e->n * (i + 1) / 3;
        const int64_t n = e->at[p + 1] - e->at[p], from = unbroken(&other, n, &r);
        for (int64_t t = 0; t < 2 * n; t++) {
            float *x = &m->x[2 * e->at[p] + t];
            *x = covers ? *x + 4 * other.x[2 * from + t] : other.x[2 * from + t];
        }
        if (!covers) e->piece[p].raw_start = -1;
    }
    free(other.x);
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

/* Makes the edit of `raw` that the case names, and saves both. */
static Status make_edit(const Case *c, Mat *raw, MatKind kind, uint64_t seed, const char *raw_path,
                        const char *path, Trial *t, MatEdit *e) {
    Status st = BS_OK;
    Mat m = {0};
    const int rate = c->what & WHAT_48K ? 48000 : MAT_RATE;
    if (c->what & WHAT_LOOPS) paste_loops(raw, seed);
    *e = mat_cut(raw->n, rng_mix(seed, 7), N_PIECES, c->fade_s, 1);
    m = mat_render(raw, e);
    if (c->what & WHAT_FOREIGN) add_foreign(e, &m, kind, seed, &t->covered);
    if (c->what & WHAT_MASTER) mat_master(&m, seed);
    if (c->speed != 1) TRY(change_speed(&m, c->speed));
    if (c->what & WHAT_FLIP)
        for (int64_t i = 0; i < 2 * m.n; i++) m.x[i] *= -0.7F;
    t->scale = (double)rate / MAT_RATE / c->speed;
    TRY(mat_save(raw_path, raw, 2, MAT_RATE));
    TRY(mat_save(path, &m, c->what & WHAT_FLIP ? 1 : 2, rate));
out:
    free(m.x);
    return st;
}

static Status run_case(const Case *c, const Mat *given, MatKind kind, uint64_t seed, bool verbose, Sums *s) {
    Status st = BS_OK;
    char raw_path[64], path[64];
    Alignment a = {0};
    MatEdit e;
    Mat raw = mat_new(given->n);
    Trial trial = {.a = &a, .e = &e, .raw = &raw, .covered = -1, .verbose = verbose};
    memcpy(raw.x, given->x, sizeof(float) * 2 * (size_t)raw.n);
    snprintf(raw_path, sizeof raw_path, "/tmp/bandsaw-bench-align-%d-raw.wav", (int)getpid());
    snprintf(path, sizeof path, "/tmp/bandsaw-bench-align-%d.%s", (int)getpid(),
             c->what & WHAT_MP3 ? "mp3" : "wav");
    TRY(make_edit(c, &raw, kind, seed, raw_path, path, &trial, &e));
    const char *paths[1] = {raw_path};
    const double from = cpu();
    const Status aligned = align_files(paths, 1, path, &a);
    s->cpu_s = cpu() - from;
    s->raw_s = (double)raw.n / MAT_RATE;
    s->n_failed = aligned != BS_OK;
    if (aligned != BS_OK) printf("# %s of %s: %s\n", c->name, mat_kind_names[kind], error_text());
    if (verbose)
        printf("# %s of %s: %d pieces of %d, %d others, matched %.3f, %.1f dB%s, %.3f of the time\n", c->name,
               mat_kind_names[kind], a.n_pieces, e.n, a.n_others, (double)a.matched, (double)a.ratio_db,
               a.plain ? ", plain" : "", s->cpu_s / s->raw_s);
    score_trial(&trial, s);
out:
    unlink(raw_path);
    unlink(path);
    align_drop(&a);
    free(raw.x);
    return st;
}

static bool is_named(const char *name, const char *asked) {
    const size_t n = strlen(asked);
    return !n || !strcmp(name, asked) || (asked[n - 1] == '*' && !strncmp(name, asked, n - 1));
}

int main(int argc, char **argv) {
    int n = 1, c, first = 0, last = MAT_KINDS, n_failed = 0;
    uint64_t seed = 730200;
    const char *asked = "";
    bool verbose = false;
    static Sums of_case[N_CASES], played[N_CASES], of_kind[MAT_KINDS], all; /* played: by people */
    while ((c = getopt(argc, argv, "n:s:c:k:v")) != -1) {
        if (c == 'n')
            n = atoi(optarg);
        else if (c == 's')
            seed = strtoull(optarg, NULL, 10);
        else if (c == 'c')
            asked = optarg;
        else if (c == 'k')
            first = atoi(optarg), last = first + 1;
        else if (c == 'v')
            verbose = true;
        else
            return 2;
    }
    for (int i = 0; i < n; i++)
        for (int kind = first; kind < last; kind++) {
            const uint64_t number = (uint64_t)(i * MAT_KINDS + kind);
            Mat raw = mat_recording((MatKind)kind, rng_mix(seed, number), RAW_S);
            for (int k = 0; k < N_CASES; k++) {
                Sums one = {0};
                if (!is_named(cases[k].name, asked)) continue;
                if (run_case(&cases[k], &raw, (MatKind)kind, rng_mix(seed + 1, number), verbose, &one) !=
                    BS_OK) {
                    fprintf(stderr, "bench_align: %s\n", error_text());
                    return 1;
                }
                n_failed += one.n_failed;
                sums_add(&of_case[k], &one);
                if (kind != MAT_DRUMS) sums_add(&played[k], &one);
                sums_add(&of_kind[kind], &one);
                sums_add(&all, &one);
                sums_drop(&one);
            }
            free(raw.x);
        }
    for (int k = 0; k < N_CASES; k++)
        if (of_case[k].n_pieces)
            print_sums(cases[k].name, &of_case[k]), print_played(cases[k].name, &played[k]);
    for (int kind = 0; kind < MAT_KINDS; kind++)
        if (of_kind[kind].n_pieces) print_sums(mat_kind_names[kind], &of_kind[kind]);
    print_sums("all", &all);
    for (int k = 0; k < N_CASES; k++) sums_drop(&of_case[k]), sums_drop(&played[k]);
    for (int kind = 0; kind < MAT_KINDS; kind++) sums_drop(&of_kind[kind]);
    sums_drop(&all);
    return n_failed ? 1 : 0;
}
