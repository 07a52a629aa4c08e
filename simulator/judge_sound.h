#pragma once
/* What the judge hears at one seam, from three lines of sound that run beside each other: the song, the
 * recording as it would have gone on (A), and the recording as it came in (B). Nothing here shares code with
 * the mixdown, or knows where it put its ramp.
 *
 * A fault counts only where neither A nor B has it by itself: a flam that the band played is no fault of the
 * seam. Pure. */
#include <stdbool.h>
#include <stdint.h>

typedef struct SeamLines {
    const float *song, *a, *b; /* mono, n_samples each */
    int32_t n_samples, seam;   /* seam: the sample at which B should begin */
    int32_t fade_samples;      /* asked for, centred on the seam; 0: a short cut */
    int32_t rate_hz;
} SeamLines;

typedef struct SeamSound {
    bool click;    /* a jump of the waveform, three times over what either line makes near it */
    bool flam;     /* two attacks 12 to 45 ms apart, one from each line */
    bool cut_note; /* B's attack is not there, A's attack is chopped, or a sound stops dead that A carries on
                    */
    double level_db; /* step in level over 400 ms, beyond what either line makes there */
} SeamSound;

SeamSound seam_listen(const SeamLines *lines);
