#pragma once
/* Curves: a run's metrics.jsonl as columns of numbers, thinned for drawing. */
#include "common/core/status.h"
#include <stdint.h>

/* One column over x: each point is the mean of a bin of lines, with the smallest and largest in it. */
typedef struct Curve {
    int32_t n;
    double *x, *mean, *low, *high; /* owned, one block that x heads */
} Curve;

typedef struct RunLog RunLog;

/* Reads RUN_DIR/metrics.jsonl. Lines that are no JSON (a torn last line) are passed over; lines that a
 * later epoch of the run made again (the same or a smaller version after it) are replaced by it. */
Status run_log_open(RunLog **out, const char *run_dir);
void run_log_close(RunLog *log);
const char *run_log_name(const RunLog *log); /* the folder's own name */

/* x: a column, or "time" for hours since the first line. A tag that no line has gives n = 0. Lines where the
 * column is 0 before it was ever set (a loss of a stage not reached yet) are left out. */
typedef struct StageRange {
    int32_t first, last; /* of train/stage; a gauge keeps its last value when its stage is over */
} StageRange;
Status run_log_curve(const RunLog *log, const char *x, const char *tag, StageRange stages, int32_t max_points,
                     Curve *out);
/* Where train/stage rises to 1, 2, 3: the x of the first line of each, NaN where the run has none. */
enum { RUN_STAGES = 4 };
void run_log_stages(const RunLog *log, const char *x, double starts[RUN_STAGES]);
void curve_drop(Curve *curve);
