#pragma once
/* Audio: PCM in and out. libsndfile decodes and encodes WAV, FLAC, OGG and MP3 at the file's own rate.
 *
 * Samples are interleaved float32 frames; "sample" counts are frames (one per channel). All errors are one
 * line naming the file. */
#include "common/core/hash.h"
#include "common/host/staged.h"
#include <stdint.h>

/* Extensions of what can be read, NULL after the last. Is this the name of such a file, and not a hidden one?
 */
extern const char *const audio_extensions[];
bool audio_is_named(const char *path);

typedef struct AudioInfo {
    int32_t sample_rate_hz, n_channels;
    int64_t n_samples;
    int32_t bits; /* what holds the first file's samples exactly: 16, 24, or 32 (float; also lossy formats) */
} AudioInfo;

/* A reader over several files as one timeline. Files of another rate than the first are resampled
 * (soxr HQ), of fewer channels are spread, of more are refused. FOLDER/ with a star behind it is the
 * sum of the tracks in it.
 * Streams: memory does not grow with length. Opening decodes every file once, which counts and names it and
 * finds damage before any work is done. What cannot be read out of order bit for bit (MP3, OGG, resampled
 * files) is unpacked into an unlinked file in $TMPDIR the first time that is asked for. One thread uses a
 * reader. */
typedef struct AudioReader AudioReader;
Status audio_open(AudioReader **out, const char *const *paths, int32_t n_paths);
void audio_close(AudioReader *reader);
AudioInfo audio_info(const AudioReader *reader); /* n_samples is exact: counted by decoding */
/* The part of the timeline that file `i` covers. */
void audio_source(const AudioReader *reader, int32_t i, int64_t *start_sample, int64_t *n_samples);
/* Reads frames [at, at + n) into out (n * n_channels floats); short only at the end: *n_read. */
Status audio_read_at(AudioReader *reader, int64_t at, int64_t n, float *out, int64_t *n_read);
/* Hash of file i's decoded samples. */
Status audio_pcm_hash(AudioReader *reader, int32_t i, Hash *hash);

/* The mean of the channels; mono may be `in` itself. */
void audio_mix_down(const float *in, int64_t n_samples, int32_t n_channels, float *mono);

/* Names of places in a file, in order. Labels are ASCII. */
enum { AUDIO_LABEL_BYTES = 64, AUDIO_MAX_MARKERS = 65536 };
typedef struct AudioMarker {
    int64_t sample;
    char label[AUDIO_LABEL_BYTES];
} AudioMarker;
typedef struct AudioMarkers {
    AudioMarker *list;
    int32_t n;
    int64_t n_samples; /* length of the file they are in */
} AudioMarkers;

/* Writes a staged file: whole under its name or not there. The format follows
 * the extension (wav, flac, ogg, mp3); bits: 16, 24, 32 (float) for wav; 16, 24 for flac. The same samples
 * and markers give the same bytes (but for the serial number of an OGG). */
typedef struct AudioWriter AudioWriter;
Status audio_create(AudioWriter **out, const char *path, int32_t sample_rate_hz, int32_t n_channels,
                    int32_t bits);
/* With markers: WAV cue points with labels (all that start in 32 bits), FLAC and OGG CHAPTER comments (the
 * first 999), MP3 ID3v2 chapters (the first 255). Borrows markers until it is finished. */
Status audio_create_marked(AudioWriter **out, const char *path, int32_t sample_rate_hz, int32_t n_channels,
                           int32_t bits, const AudioMarkers *markers);
/* Before the first write: samples that do not fit the grid of a 16-bit file get triangular noise of one step
 * before they are rounded; samples that fit stay as they are. No effect on other files. */
void audio_set_dither(AudioWriter *writer);
Status audio_write(AudioWriter *writer, const float *samples, int64_t n_samples);
Status audio_finish(AudioWriter *writer);                /* closes in any case */
Status audio_stage(AudioWriter *writer, Staged *staged); /* the same, but for the name; closes in any case */
void audio_abandon(AudioWriter *writer);                 /* NULL is fine; removes what was written */

/* Convenience for tests and the simulator. */
Status audio_save(const char *path, const float *samples, int64_t n_samples, int32_t n_channels,
                  int32_t rate_hz, int32_t bits);

Status resample(const float *in, int64_t n_in, double rate_in, double rate_out, int32_t n_channels,
                float **out, int64_t *n_out);

/* The same in pieces, for what does not fit in memory. push(NULL, 0, ...) ends the input; after it, the
 * total written is round(n_in * rate_out / rate_in). out has room for resampler_room(n_in) frames. */
typedef struct Resampler Resampler;
Status resampler_open(Resampler **out, double rate_in, double rate_out, int32_t n_channels);
void resampler_close(Resampler *r);
int64_t resampler_room(const Resampler *r, int64_t n_in);
Status resampler_push(Resampler *r, const float *in, int64_t n_in, float *out, int64_t *n_out);

/* EBU R128. Silence, or nothing above the gate: integrated -70; no peak: -120. */
typedef struct Loudness {
    double integrated_lufs, range_lu, true_peak_db;
} Loudness;
Status loudness_measure(const float *samples, int64_t n_samples, int32_t n_channels, int32_t rate_hz,
                        Loudness *out);
/* The same in pieces, for what does not fit in memory. */
typedef struct LoudnessMeter LoudnessMeter;
Status loudness_open(LoudnessMeter **out, int32_t n_channels, int32_t rate_hz);
/* Without the true peak, which costs more than all the rest: it reads -120. */
Status loudness_open_level(LoudnessMeter **out, int32_t n_channels, int32_t rate_hz);
Status loudness_add(LoudnessMeter *meter, const float *samples, int64_t n_samples);
Loudness loudness_close(LoudnessMeter *meter); /* of all that was added; NULL gives silence */
