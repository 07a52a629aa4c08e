#pragma once
/* Mel spectra as librosa.feature.melspectrogram defines them.
 *
 * Slaney's scale (linear 200/3 Hz below 1 kHz, then log steps of ln(6.4)/27), triangles on FFT bins,
 * each scaled to unit area (2 / (f[m+2] - f[m])). Plain data after creation, read by any thread. */
#include "common/core/arena.h"
#include <stdint.h>

typedef struct MelBank {
    int32_t n_mels, n_bins;
    int32_t *first, *count, *offset; /* per band: its bins in `weights` */
    float *weights;
} MelBank;

double mel_of_hz(double hz);
double hz_of_mel(double mel);

/* Bands between low_hz and high_hz (librosa: 0 and rate / 2). In the arena. */
Status mel_bank_new(MelBank *bank, Arena *mem, double rate_hz, int32_t n_fft, int32_t n_mels, double low_hz,
                    double high_hz);
/* out[n_mels] = bank x power[n_bins] */
void mel_apply(const MelBank *bank, const float *power, float *out);
