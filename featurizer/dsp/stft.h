#pragma once
/* Short-time Fourier power spectra, framed exactly as librosa.stft does by default.
 *
 * Periodic Hann window of n_fft, frame k centred on sample k * hop, zeros outside the signal. A Stft
 * belongs to one thread; opening and closing are safe from several. */
#include "common/core/status.h"
#include <stdint.h>

typedef struct Stft Stft;
Status stft_open(Stft **out, int32_t n_fft, int32_t hop);
void stft_close(Stft *s);                              /* NULL is fine */
int32_t stft_bins(const Stft *s);                      /* n_fft / 2 + 1 */
int64_t stft_frames(const Stft *s, int64_t n_samples); /* 1 + n_samples / hop */
/* |X|^2 of frame `frame` into power[stft_bins]. */
void stft_power(Stft *s, const float *samples, int64_t n_samples, int64_t frame, float *power);
