#pragma once
/* Mixdown: an Edit and the recording become the song. DESIGN: the written grid never shifts.
 *
 * A seam joins A-out and B-in. Struck seams change over before the attack (lowest energy in [-60, -3] ms,
 * 5-15 ms); where the old line dies away instead of striking again, it rings on under the new one. Sustained
 * seams get longer, centred fades, and fades of beats keep clear of hits that would sound twice. The gain law
 * comes from measured correlation. No ramp moves the grid; outside the ramps listed in the plan, output
 * samples equal input samples bit for bit. */
#include "common/audio/tracks.h"
#include "common/song/edit.h"

typedef struct Seam {
    int64_t out_sample;             /* grid position of the seam in the output */
    int64_t from_sample, to_sample; /* the recording: where A ends and B starts, on the written grid */
    int64_t fade_start;             /* output position where the ramp begins (may be before out_sample) */
    int32_t fade_samples;
    int32_t ring_samples; /* the last part of the ramp, where B is all there and A still rings under it */
    float correlation;    /* measured rho, clipped to [-.3, 1] */
    float gain;           /* <= 1: lowers the sum inside this fade so that it stays under full scale */
    uint8_t percussive;
} Seam;

typedef struct MixPlan {
    int32_t n_seams;
    Seam *seams;
    int64_t lead_in_samples, tail_samples; /* before the first and after the last segment */
    int64_t lead_fade_samples, tail_fade_samples;
    int64_t n_samples; /* of the whole output */
    int32_t sample_rate_hz;
    float gain; /* of the whole output: 1, or what mix_loudness chose */
} MixPlan;

/* Measures the recording around each seam. Unit tempo for long fades: beat_samples(context, sample) gives
 * the local length of a beat; NULL: half a second. */
typedef double (*BeatLength)(void *context, int64_t sample);
Status mix_plan(MixPlan *out, const Edit *edit, AudioReader *reader, BeatLength beat_length, void *context);
/* The same for a mix and the tracks that are in it (tracks_match must hold): one plan for all of them. */
Status mix_plan_tracks(MixPlan *out, const Edit *edit, AudioReader *reader, const Tracks *tracks,
                       BeatLength beat_length, void *context);
void mix_plan_drop(MixPlan *plan);

/* Shortens the tail, then the lead-in, so that the output has at most max_samples; never cuts a segment. */
void mix_plan_limit(MixPlan *plan, int64_t max_samples);

/* One gain for the whole song, so that it has `target_lufs` (EBU R128) and its true peak stays under
 * MIX_PEAK_DB: the smaller of the two gains is taken. Renders once to measure. A song of silence is left
 * alone. *did says what was chosen; before and after are loudness and peak of the song. */
#define MIX_PEAK_DB (-1.0)
typedef struct MixLoudness {
    double before_lufs, before_peak_db, gain_db, after_lufs, after_peak_db;
    bool held_by_peak, silent;
} MixLoudness;
Status mix_loudness(MixPlan *plan, const Edit *edit, AudioReader *reader, double target_lufs,
                    MixLoudness *did, void (*progress)(void *context, double share), void *context);
/* One line of it for people, without a line end. */
enum { MIX_LOUDNESS_TEXT = 160 };
const char *mix_loudness_text(const MixLoudness *did, double target_lufs, char text[MIX_LOUDNESS_TEXT]);

/* Where each segment begins in the song, named by its number and its place in the recording. Owned: free
 * markers->list. */
Status mix_markers(const MixPlan *plan, const Edit *edit, AudioMarkers *markers);

/* Streams the song into `writer`. progress may be NULL. */
Status mix_render(const MixPlan *plan, const Edit *edit, AudioReader *reader, AudioWriter *writer,
                  void (*progress)(void *context, double share), void *context);

/* Renders into any sink: what mix_render does with a writer. */
typedef Status (*MixSink)(void *to, const float *samples, int64_t n_samples);
Status mix_render_to(const MixPlan *plan, const Edit *edit, AudioReader *reader, MixSink sink, void *to,
                     void (*progress)(void *context, double share), void *context);

/* The tracks by the mix's plan, staged as FOLDER/NAME.wav. bits: 0 keeps up to 8 tracks of integers in 24
 * bits and others in 32 (float), so that they add up to the mix within 1e-6. */
Status mix_tracks(const MixPlan *plan, const Edit *edit, const Tracks *tracks, const char *folder,
                  int32_t bits, Staged *staged, void (*progress)(void *context, double share), void *context);
/* Where track i goes. */
Status mix_track_path(char path[4096], const char *folder, const Track *track);
