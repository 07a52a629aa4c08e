#pragma once
/* Events: TensorBoard event files, written here without TensorFlow.
 *
 * A file is a chain of TFRecords: u64 length, u32 masked crc32c of the length, the bytes, u32 masked crc32c
 * of the bytes; little-endian. Each holds one protobuf message Event{1: f64 wall_time, 2: i64 step,
 * 3: text file_version, 5: Summary{1: Value{1: tag, 2: f32 simple_value, 5: HistogramProto}}}.
 * One thread uses an EventFile. A new file at each open: a torn one is never continued. */
#include <stdint.h>

#include "common/core/status.h"

typedef struct EventFile EventFile;
Status event_file_open(EventFile **out, const char *folder);
void event_file_close(EventFile *f);
const char *event_file_path(const EventFile *f);

/* One event of many values: begin, add, end. What end returned BS_OK for is in the file. */
void event_begin(EventFile *f, double wall_s, int64_t step);
void event_scalar(EventFile *f, const char *tag, double value);
/* counts[i] values in (limits[i-1], limits[i]]. */
void event_histogram(EventFile *f, const char *tag, const double *limits, const double *counts, int n,
                     double sum);
Status event_end(EventFile *f);
