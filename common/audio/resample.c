/* Resampling by soxr (HQ), in pieces or at once.
 *
 * soxr's own count can be a sample off the exact ratio at the end; the output is cut or padded with
 * silence to round(n_in * rate_out / rate_in), so that lengths on a timeline are a function of lengths. */
#include "common/audio/audio.h"

#include <math.h>
#include <soxr.h>
#include <stdlib.h>
#include <string.h>

struct Resampler {
    soxr_t soxr;
    double ratio;
    int32_t n_channels;
    int64_t n_in, n_out;
};

enum { PAD_FRAMES = 8192 }; /* more than soxr holds back at any ratio audio files ask for */

Status resampler_open(Resampler **out, double rate_in, double rate_out, int32_t n_channels) {
    if (!(rate_in > 0) || !(rate_out > 0) || n_channels < 1)
        return fail(BS_INVALID, "resample: %g Hz to %g Hz with %d channels", rate_in, rate_out, n_channels);
    Resampler *r = calloc(1, sizeof *r);
    if (!r) return fail(BS_NOMEM, "resample: out of memory");
    soxr_error_t error = NULL;
    soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
    soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
    soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
    r->soxr = soxr_create(rate_in, rate_out, (unsigned)n_channels, &error, &io, &quality, &runtime);
    r->ratio = rate_out / rate_in;
    r->n_channels = n_channels;
    if (error) {
        Status st = fail(BS_UNSUPPORTED, "resample: %g Hz to %g Hz: %s", rate_in, rate_out, error);
        resampler_close(r);
        return st;
    }
    *out = r;
    return BS_OK;
}

void resampler_close(Resampler *r) {
    if (!r) return;
    if (r->soxr) soxr_delete(r->soxr);
    free(r);
}

static int64_t exact_length(const Resampler *r, int64_t n_in) { return llround((double)n_in * r->ratio); }

int64_t resampler_room(const Resampler *r, int64_t n_in) {
    return (int64_t)((double)n_in * r->ratio) + (int64_t)((double)PAD_FRAMES * (r->ratio > 1 ? r->ratio : 1));
}

Status resampler_push(Resampler *r, const float *in, int64_t n_in, float *out, int64_t *n_out) {
    size_t used = 0, made = 0, room = (size_t)resampler_room(r, n_in);
    soxr_error_t error = soxr_process(r->soxr, in, (size_t)n_in, &used, out, room, &made);
    if (error) return fail(BS_INVALID, "resample: %s", error);
    BS_ASSERT(!in || used == (size_t)n_in);
    r->n_in += n_in;
    int64_t n = (int64_t)made;
    if (!in) {
        int64_t rest = exact_length(r, r->n_in) - r->n_out;
        if (rest < 0) rest = 0;
        BS_ASSERT(rest <= (int64_t)room);
        for (int64_t i = n * r->n_channels; i < rest * r->n_channels; i++) out[i] = 0;
        n = rest;
    }
    r->n_out += n;
    *n_out = n;
    return BS_OK;
}

Status resample(const float *in, int64_t n_in, double rate_in, double rate_out, int32_t n_channels,
                float **out, int64_t *n_out) {
    Status st = BS_OK;
    Resampler *r = NULL;
    float *made = NULL;
    int64_t a = 0, b = 0;
    TRY(resampler_open(&r, rate_in, rate_out, n_channels));
    made =
        malloc((size_t)(resampler_room(r, n_in) + resampler_room(r, 0)) * (size_t)n_channels * sizeof *made);
    if (!made) {
        st = fail(BS_NOMEM, "resample: no memory for %lld samples", (long long)n_in);
        goto out;
    }
    TRY(resampler_push(r, in, n_in, made, &a));
    TRY(resampler_push(r, NULL, 0, made + a * n_channels, &b));
    *out = made;
    *n_out = a + b;
    made = NULL;
out:
    free(made);
    resampler_close(r);
    return st;
}
