#pragma once
/* Contest: rows (policies) against pairs (recording, Job), each cell scored by the judge and by the dense
 * reward. Memory holds scores and what is worth keeping of the Songs, not the Songs. */
#include "common/policy/policy.h"
#include "simulator/judge.h"

enum { CONTEST_MAX_ROWS = 16, CONTEST_NAME = 64 };

typedef enum RowKind { ROW_POLICY, ROW_RIGHT } RowKind;

typedef struct ContestRow {
    char name[CONTEST_NAME];
    RowKind kind;
    PolicyKind policy;
    void *weights; /* owned; NULL where none are needed */
    size_t n_weight_bytes;
} ContestRow;

/* Policies that draw are run once a seed. */
bool row_draws(const ContestRow *row);
/* "imitation=net:a.safetensors, crop, right": reads weights too. rows has room for CONTEST_MAX_ROWS. */
Status rows_parse(const char *text, ContestRow *rows, int32_t *n_rows);
void rows_drop(ContestRow *rows, int32_t n_rows);

typedef struct ContestSession {
    char name[SONG_NAME_BYTES]; /* as in the store */
    char truth_path[4096];
    Hash song;
    bool without_job; /* nothing that could be asked of it can be met: no beat was heard in it, say */
} ContestSession;

/* One (recording, Job), or what became of it. */
typedef struct ContestPair {
    int32_t session;
    Job job;
    double right_judge; /* of the right edit: what could be reached */
} ContestPair;

/* Means over seeds. */
typedef struct ContestCell {
    float judge, reward, in_window; /* in_window: share of edits whose length is asked for */
    float of_right;                 /* judge as a share of the right edit's for the same Job */
    float terms[REWARD_TERMS];
    float faults[JUDGE_PARTS]; /* of the judge: prices, 0 = nothing wrong */
    float gap_s;               /* talk, noise and silence kept */
    int32_t n_seams;
} ContestCell;

typedef struct Contest {
    ContestRow rows[CONTEST_MAX_ROWS];
    int32_t n_rows;
    ContestSession *sessions; /* owned */
    int32_t n_sessions, jobs_per_song, n_seeds;
    bool hear; /* the judge also listens to what the mixdown makes of each edit's seams */
    uint64_t seed;
    ContestPair *pairs;                     /* owned; n_sessions x jobs_per_song */
    ContestCell *cells;                     /* owned; pair-major: cells[pair * n_rows + row] */
    int32_t n_without_truth, n_without_job; /* recordings left out: before, by contest_run */
} Contest;

/* Recordings of DATA (featurized: DATA/.bandsaw) that have a truth file beside them. */
Status contest_open(Contest *c, const char *data, int32_t max_sessions);
void contest_drop(Contest *c);

/* Judges everything on n_threads threads. progress is called from one thread at a time. */
typedef void (*ContestProgress)(void *context, int32_t n_done, const char *name);
Status contest_run(Contest *c, const char *data, int32_t n_threads, ContestProgress progress, void *context);

/* The edit of one row for one pair, made again: results are functions of (song, job, seed, weights). The
 * best by the judge over the seeds. */
Status contest_edit(const Contest *c, const char *data, int32_t pair, int32_t row, Edit *out, Song **song);
