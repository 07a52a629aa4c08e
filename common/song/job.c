/* Job: window arithmetic, checks and packed bytes. */
#include "common/song/job.h"
#include "common/song/excerpt.h"

#include <math.h>
#include <string.h>

const char *const reward_names[REWARD_TERMS] = {"content", "form", "transition", "tempo", "energy", "phrase"};

static bool playable(const Song *song, int32_t tune, int32_t u) {
    int16_t take = song->units[u].take;
    return take >= 0 && song->takes[take].tune == tune;
}

static int64_t longest_unit(const Song *song) {
    int64_t longest = 0;
    for (int32_t u = 0; u < song->n_units; u++) {
        int64_t n = song_unit_samples(song, u);
        if (n > longest && !song_unit_left_out(song, u)) longest = n;
    }
    return longest;
}

static int64_t music_samples(const Song *song, int32_t tune) {
    int64_t n = 0;
    for (int32_t u = 0; u < song->n_units; u++)
        if (playable(song, tune, u) && song->units[u].kind != UNIT_TAIL) n += song_unit_samples(song, u);
    return n;
}

void job_init(Job *job, const Song *song) {
    memset(job, 0, sizeof *job); /* padding too: Jobs are compared and hashed as bytes when packed */
    job->lo_samples = 0;
    job->hi_samples = song->n_samples;
    job->start_unit = job->end_unit = -1;
    for (int i = 0; i < REWARD_TERMS; i++) job->weights[i] = 1;
}

Status job_target(Job *job, const Song *song, double target_s, double tolerance_s) {
    double rate = song->sample_rate_hz;
    if (!(target_s > 0) || !(tolerance_s >= 0)) return fail(BS_INVALID, "job: a target of %g s", target_s);
    int64_t longest = longest_unit(song), room = 4 * music_samples(song, job->tune);
    if (room == 0) return fail(BS_CONFLICT, "no music of a tune was found in this recording");
    /* to tenths inwards: what the refusal names can be asked for as it is printed */
    double shortest_s = ceil((double)longest / rate * 10) / 10,
           longest_s = floor((double)room / rate * 10) / 10;
    if (target_s > longest_s)
        return fail(BS_CONFLICT,
                    "a target of %.1f s cannot be met: at most %.1f s can be made of this recording",
                    target_s, longest_s);
    if (target_s < shortest_s)
        return fail(BS_CONFLICT, "a target of %.1f s cannot be met: at least %.1f s is needed", target_s,
                    shortest_s);
    int64_t half = (int64_t)(tolerance_s * rate);
    if (2 * half < longest) half = longest / 2 + 1;
    int64_t middle = (int64_t)(target_s * rate);
    job->lo_samples = middle > half ? middle - half : 0;
    job->hi_samples = middle + half;
    return BS_OK;
}

Status job_keep(Job *job, const Song *song, double keep_ratio) {
    if (!(keep_ratio > 0) || keep_ratio > 4)
        return fail(BS_INVALID, "job: a keep ratio of %g, 0..4 is possible", keep_ratio);
    double target = keep_ratio * (double)song->n_samples / song->sample_rate_hz;
    return job_target(job, song, target, 0.05 * target);
}

static Status check_ranges(const JobRange *ranges, int32_t n, const Song *song, const char *what) {
    if (n < 0 || n > JOB_MAX_RANGES)
        return fail(BS_CONFLICT, "job: %d %s ranges, at most %d are possible", n, what, JOB_MAX_RANGES);
    for (int32_t i = 0; i < n; i++)
        if (ranges[i].first_unit < 0 || ranges[i].n_units < 1 ||
            ranges[i].n_units > song->n_units - ranges[i].first_unit)
            return fail(BS_CONFLICT, "job: %s range %d lies outside the recording", what, i + 1);
    return BS_OK;
}

static bool inside(const JobRange *ranges, int32_t n, int32_t u) {
    for (int32_t i = 0; i < n; i++)
        if (u >= ranges[i].first_unit && u - ranges[i].first_unit < ranges[i].n_units) return true;
    return false;
}

Status job_check(const Job *job, const Song *song) { return job_check_window(job, song, longest_unit(song)); }

Status job_check_window(const Job *job, const Song *song, int64_t longest_unit_samples) {
    Status st = BS_OK;
    bool asks = job->n_must > 0 || job->start_unit >= 0 || job->end_unit >= 0;
    if (job->tune < 0 || job->tune >= song->n_tunes)
        return fail(BS_CONFLICT, "job: tune %d, the recording has %d", job->tune, song->n_tunes);
    if (job->lo_samples < 0 || job->hi_samples < job->lo_samples)
        return fail(BS_CONFLICT, "job: a window from %lld to %lld samples", (long long)job->lo_samples,
                    (long long)job->hi_samples);
    if (job->hi_samples - job->lo_samples < longest_unit_samples)
        return fail(BS_CONFLICT, "job: the window is %.2f s wide, narrower than the longest unit (%.2f s)",
                    (double)(job->hi_samples - job->lo_samples) / song->sample_rate_hz,
                    (double)longest_unit_samples / song->sample_rate_hz);
    TRY(check_ranges(job->must, job->n_must, song, "must"));
    TRY(check_ranges(job->never, job->n_never, song, "never"));
    int32_t ends[2] = {job->start_unit, job->end_unit};
    for (int i = 0; i < 2; i++) {
        if (ends[i] < -1 || ends[i] >= song->n_units)
            return fail(BS_CONFLICT, "job: the %s lies outside the recording", i ? "end" : "start");
        if (ends[i] >= 0 && inside(job->never, job->n_never, ends[i]))
            return fail(BS_CONFLICT, "job: the %s lies in a never range", i ? "end" : "start");
    }
    int64_t needed = 0;
    for (int32_t u = 0; asks && u < song->n_units; u++) {
        bool must = inside(job->must, job->n_must, u);
        if (must && inside(job->never, job->n_never, u))
            return fail(BS_CONFLICT, "job: a must range and a never range overlap at %.2f s",
                        (double)song->units[u].start_sample / song->sample_rate_hz);
        if (must || u == job->start_unit || u == job->end_unit) needed += song_unit_samples(song, u);
    }
    if (needed > job->hi_samples)
        return fail(BS_CONFLICT, "job: what must be kept is %.1f s long, the window ends at %.1f s",
                    (double)needed / song->sample_rate_hz, (double)job->hi_samples / song->sample_rate_hz);
    for (int i = 0; i < REWARD_TERMS; i++)
        if (!(job->weights[i] >= 0 && job->weights[i] <= 100))
            return fail(BS_CONFLICT, "job: weight of %s is %g, 0..100 is possible", reward_names[i],
                        (double)job->weights[i]);
out:
    return st;
}

static void pack_ranges(ByteWriter *w, const JobRange *ranges, int32_t n) {
    bytes_u8(w, (uint8_t)n);
    for (int32_t i = 0; i < n; i++) {
        bytes_i32(w, ranges[i].first_unit);
        bytes_i32(w, ranges[i].n_units);
    }
}

static void unpack_ranges(ByteReader *r, JobRange *ranges, int32_t *n) {
    uint8_t count = read_u8(r);
    if (count > JOB_MAX_RANGES) {
        r->bad = true;
        count = 0;
    }
    *n = count;
    for (int32_t i = 0; i < count; i++) {
        ranges[i].first_unit = read_i32(r);
        ranges[i].n_units = read_i32(r);
    }
}

/* Flag bits say what is not as job_init made it, so that the usual Job is 21 bytes. */
enum { HAS_WEIGHTS = 1, HAS_CURVE = 2, NO_LOOP = 4, NO_REORDER = 8, HAS_ENDS = 16, HAS_RANGES = 32 };

Status job_pack(const Job *job, ByteWriter *w) {
    uint8_t flags = (uint8_t)((job->has_curve ? HAS_CURVE : 0) | (job->no_loop ? NO_LOOP : 0) |
                              (job->no_reorder ? NO_REORDER : 0));
    for (int i = 0; i < REWARD_TERMS; i++)
        if (job->weights[i] != 1) flags |= HAS_WEIGHTS;
    if (job->start_unit >= 0 || job->end_unit >= 0) flags |= HAS_ENDS;
    if (job->n_must || job->n_never) flags |= HAS_RANGES;
    bytes_u8(w, JOB_VERSION);
    bytes_u8(w, flags);
    bytes_u8(w, (uint8_t)job->tune);
    bytes_i64(w, job->lo_samples);
    bytes_i64(w, job->hi_samples);
    if (flags & HAS_RANGES) {
        pack_ranges(w, job->must, job->n_must);
        pack_ranges(w, job->never, job->n_never);
    }
    if (flags & HAS_ENDS) {
        bytes_i32(w, job->start_unit);
        bytes_i32(w, job->end_unit);
    }
    if (flags & HAS_WEIGHTS)
        for (int i = 0; i < REWARD_TERMS; i++) bytes_f32(w, job->weights[i]);
    if (flags & HAS_CURVE)
        for (int i = 0; i < JOB_CURVE; i++) bytes_f32(w, job->curve_db[i]);
    return w->bad ? fail(BS_TOO_BIG, "job: does not fit") : BS_OK;
}

Status job_unpack(Job *job, ByteReader *r) {
    memset(job, 0, sizeof *job);
    uint8_t version = read_u8(r), flags = read_u8(r);
    if (!r->bad && version != JOB_VERSION)
        return fail(BS_VERSION, "job: version %u, this program reads version %d", version, JOB_VERSION);
    job->tune = read_u8(r);
    job->lo_samples = read_i64(r);
    job->hi_samples = read_i64(r);
    job->start_unit = job->end_unit = -1;
    if (flags & HAS_RANGES) {
        unpack_ranges(r, job->must, &job->n_must);
        unpack_ranges(r, job->never, &job->n_never);
    }
    if (flags & HAS_ENDS) {
        job->start_unit = read_i32(r);
        job->end_unit = read_i32(r);
    }
    for (int i = 0; i < REWARD_TERMS; i++) job->weights[i] = flags & HAS_WEIGHTS ? read_f32(r) : 1;
    job->has_curve = (flags & HAS_CURVE) != 0;
    if (job->has_curve)
        for (int i = 0; i < JOB_CURVE; i++) job->curve_db[i] = read_f32(r);
    job->no_loop = (flags & NO_LOOP) != 0;
    job->no_reorder = (flags & NO_REORDER) != 0;
    return r->bad ? fail(BS_CORRUPT, "job: cut short") : BS_OK;
}
