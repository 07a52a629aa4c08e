#pragma once
/* What a contest says: means with intervals, and paired differences. */
#include "common/core/bytes.h"
#include "editor/contest.h"

typedef struct Interval {
    double mean, low, high; /* 95 %, percentile bootstrap over pairs */
} Interval;

/* values[n]; the same seed draws the same pairs. n = 0: all NaN. */
Interval interval_of(const double *values, int32_t n, uint64_t seed);

/* Markdown, readable as it stands. */
Status table_print(const Contest *c, ByteWriter *out);
Status table_write_json(const Contest *c, const char *path);
