#pragma once
/* Frames: what is measured every 10 ms and every 46 ms of a recording, before anything is decided.
 *
 * All later analyses read only this. Everything is in the arena; read-only afterwards. */
#include "common/core/arena.h"
#include "featurizer/dsp/stem_levels.h"
#include <stdint.h>

enum {
    ANALYSIS_HZ = 22050, /* rate of the mono signal all analyses read */
    FRAME_HOP = 220,     /* about 10 ms: frame k is at sample k * FRAME_HOP */
    ONSET_BANDS = 4,     /* below 150 Hz, 150-500, 500-5000, above */
    WIDE_HOP = 1024,     /* frames of chroma */
    MEL_HOP = 512,
    MEL_BANDS = 128,
    CHROMA = 12,
    PITCHES = 60, /* semitones from C2 */
};

#define FRAMES_PER_S ((double)ANALYSIS_HZ / FRAME_HOP)

typedef struct Frames {
    const float *samples; /* borrowed, mono at ANALYSIS_HZ */
    int64_t n_samples;
    int32_t n;                   /* 10 ms frames */
    float *onset[ONSET_BANDS];   /* [n] onset strength per band, scaled so that its 95th percentile is 1 */
    float *level_db;             /* [n] level over 40 ms, floor -100 */
    float *band_db[ONSET_BANDS]; /* [n] level per band */
    float *flatness;             /* [n] geometric over arithmetic mean of the power from 200 Hz to 6 kHz */
    int32_t n_mel;
    float *log_mel; /* [n_mel x MEL_BANDS] dB, floor -100 */
    int32_t n_wide;
    float *chroma;    /* [n_wide x CHROMA], energy as heard: square root of summed peak power, unscaled */
    float *pitch;     /* [n_wide x PITCHES] magnitude of the partials by semitone */
    float *moved;     /* [n_wide] how far the harmony of the next 0.2 s is from that of the last, 0..1 */
    float *prominent; /* [n_wide] share of energy in prominent partials between 200 and 3500 Hz */
    float tuning;     /* of the recording against A = 440 Hz, in semitones, -0.5..0.5 */
    StemLevels stems; /* n is 0 until they are heard: hear() does */
} Frames;

/* Measures everything. `samples` is borrowed for as long as the Frames are used. */
Status frames_measure(Frames *f, Arena *mem, const float *samples, int64_t n_samples);

static inline double frame_time(double frame) { return frame * FRAME_HOP / ANALYSIS_HZ; }
/* Value of series[n] at a fractional frame, as the largest within `reach` frames. */
float frame_peak(const float *series, int32_t n, double frame, double reach);
/* Samples [0, end) of a long recording are not read for a while: their memory may go where it lies in a file.
 */
enum { FRAMES_LET_GO = 16384 }; /* frames between two calls */
void frames_let_go(const Frames *f, int64_t end);
/* Median by partial sorting; reorders v. */
float median_of(float *v, int32_t n);
float percentile_of(float *v, int32_t n, double share);
