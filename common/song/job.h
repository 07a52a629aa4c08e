#pragma once
/* Job: what is asked of an edit. Part of the observation; packed into every ticket.
 *
 * The window [lo, hi] is never narrower than the song's longest unit, so it can always be met to the
 * unit; job_fit widens it. Plain data of fixed size: copied by assignment. */
#include "common/song/song.h"

enum { JOB_VERSION = 1, JOB_MAX_RANGES = 16, JOB_CURVE = 8, JOB_MAX_BYTES = 512, REWARD_TERMS = 6 };

typedef enum RewardTerm {
    REWARD_CONTENT,
    REWARD_FORM,
    REWARD_TRANSITION,
    REWARD_TEMPO,
    REWARD_ENERGY,
    REWARD_PHRASE
} RewardTerm;
extern const char *const reward_names[REWARD_TERMS];

typedef struct JobRange {
    int32_t first_unit, n_units;
} JobRange;

typedef struct Job {
    int64_t lo_samples, hi_samples; /* length of the finished edit */
    int32_t tune;                   /* which tune is edited */
    int32_t n_must, n_never;
    JobRange must[JOB_MAX_RANGES], never[JOB_MAX_RANGES];
    int32_t start_unit, end_unit; /* -1: free */
    uint8_t no_loop, no_reorder;
    float weights[REWARD_TERMS]; /* of the reward terms; job_init gives the defaults */
    uint8_t has_curve;
    float curve_db[JOB_CURVE]; /* energy asked for, relative to the mean, over the edit's length */
} Job;

/* Everything free, default weights, window [0, whole song]. */
void job_init(Job *job, const Song *song);

/* Window of +-tolerance around a target; widened to hold the song's longest unit of the tune.
 * BS_CONFLICT with the nearest that can be met when the song has not that much music. */
Status job_target(Job *job, const Song *song, double target_s, double tolerance_s);
Status job_keep(Job *job, const Song *song, double keep_ratio); /* of the timeline; default 0.35 */
enum { JOB_KEEP_PERCENT = 35 };

/* BS_CONFLICT naming what conflicts: window too narrow, must and never overlap, must longer than hi,
 * ranges outside the song. */
Status job_check(const Job *job, const Song *song);
/* The same for who knows the song's longest unit already. */
Status job_check_window(const Job *job, const Song *song, int64_t longest_unit_samples);

Status job_pack(const Job *job, ByteWriter *w);
Status job_unpack(Job *job, ByteReader *r);
