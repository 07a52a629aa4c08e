// needs: featurizer
/* Mel spectra against librosa's, from the same samples: golden vectors and their script are in tests/golden.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "featurizer/dsp/mel.h"
#include "featurizer/dsp/stft.h"
#include "tests/golden/mel.inc"

enum { N = 12000, FFT = 2048, HOP = 512 };

static void make_signal(float *x) {
    uint32_t state = 1;
    for (int i = 0; i < N; i++) {
        state = state * 1664525U + 1013904223U;
        float v = (float)((int32_t)(state >> 9) - (1 << 22)) / (float)(1 << 22);
        x[i] = v * (float)(1 + i / 1500) / 8;
    }
}

static void compare(double rate, int n_mels, double low, double high, const float *golden) {
    static const int64_t frames[4] = {0, 5, 12, N / HOP};
    static float x[N], power[FFT / 2 + 1], mel[128];
    MelBank bank;
    Stft *stft;
    Arena mem;
    arena_init(&mem, 1 << 24);
    make_signal(x);
    assert_int_equal(stft_open(&stft, FFT, HOP), BS_OK);
    assert_int_equal(stft_frames(stft, N), N / HOP + 1);
    assert_int_equal(mel_bank_new(&bank, &mem, rate, FFT, n_mels, low, high), BS_OK);
    for (int k = 0; k < 4; k++) {
        stft_power(stft, x, N, frames[k], power);
        mel_apply(&bank, power, mel);
        for (int m = 0; m < n_mels; m++) {
            double want = golden[k * n_mels + m];
            assert_true(fabs(mel[m] - want) <= 1e-5 * want);
        }
    }
    stft_close(stft);
    arena_drop(&mem);
}

static void default_mel_is_librosas_to_1e_5(void **state) {
    (void)state;
    compare(22050, 128, 0, 11025, golden_mel_22050[0]);
}

static void mel_of_another_rate_and_range_is_librosas_too(void **state) {
    (void)state;
    compare(44100, 40, 30, 16000, golden_mel_44100[0]);
}

static void the_scale_and_its_inverse_agree(void **state) {
    (void)state;
    assert_true(fabs(mel_of_hz(1000) - 15) < 1e-12);
    assert_true(fabs(mel_of_hz(6400) - 42) < 1e-9);
    for (double hz = 0; hz < 20000; hz += 37) assert_true(fabs(hz_of_mel(mel_of_hz(hz)) - hz) < 1e-8);
}

static void frames_past_the_end_are_silent(void **state) {
    (void)state;
    float x[100], power[33];
    Stft *stft;
    for (int i = 0; i < 100; i++) x[i] = 1;
    assert_int_equal(stft_open(&stft, 64, 16), BS_OK);
    stft_power(stft, x, 100, 1000, power);
    for (int b = 0; b < 33; b++) assert_true(power[b] == 0);
    stft_power(stft, x, 0, 0, power);
    for (int b = 0; b < 33; b++) assert_true(power[b] == 0);
    stft_close(stft);
    assert_int_equal(stft_open(&stft, 3, 16), BS_INVALID);
    assert_null(stft);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_mel_is_librosas_to_1e_5),
        cmocka_unit_test(mel_of_another_rate_and_range_is_librosas_too),
        cmocka_unit_test(the_scale_and_its_inverse_agree),
        cmocka_unit_test(frames_past_the_end_are_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
