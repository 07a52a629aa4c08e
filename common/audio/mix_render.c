/* Rendering a plan: copies between ramps, blends inside them, one pass, memory of one block and one ramp. */
#include "common/audio/mix_fade.h"

#include <stdlib.h>

enum { BLOCK_FRAMES = 16384 };

typedef struct Render {
    const MixPlan *plan;
    AudioReader *reader;
    MixSink sink;
    void *to;
    int32_t wide;
    int64_t at; /* next output sample */
    float *block, *other;
    void (*progress)(void *context, double share);
    void *context;
} Render;

/* Lead-in and tail fades and the song's one gain, then out. `out` holds frames [at, at + n). */
static Status emit(Render *r, float *out, int64_t n) {
    const MixPlan *plan = r->plan;
    const int64_t fade_out = plan->n_samples - plan->tail_fade_samples;
    for (int64_t i = 0; i < n; i++) {
        const int64_t x = r->at + i;
        float gain = plan->gain;
        if (x < plan->lead_fade_samples) gain *= mix_edge(x, plan->lead_fade_samples);
        if (x >= fade_out) gain *= mix_edge(plan->n_samples - 1 - x, plan->tail_fade_samples);
        if (gain != 1)
            for (int32_t c = 0; c < r->wide; c++) out[i * r->wide + c] *= gain;
    }
    Status st = r->sink(r->to, out, n);
    r->at += n;
    if (r->progress) r->progress(r->context, (double)r->at / (double)plan->n_samples);
    return st;
}

/* Output up to `end` read at recording position output + shift. */
static Status copy_to(Render *r, int64_t end, int64_t shift) {
    Status st = BS_OK;
    while (r->at < end) {
        int64_t n = end - r->at < BLOCK_FRAMES ? end - r->at : BLOCK_FRAMES;
        TRY(mix_read(r->reader, r->at + shift, n, r->block));
        TRY(emit(r, r->block, n));
    }
out:
    return st;
}

static Status blend(Render *r, const Seam *seam) {
    Status st = BS_OK;
    const int64_t n_ramp = seam->fade_samples;
    for (int64_t done = 0; done < n_ramp;) {
        int64_t n = n_ramp - done < BLOCK_FRAMES ? n_ramp - done : BLOCK_FRAMES, x = r->at - seam->out_sample;
        TRY(mix_read(r->reader, x + seam->from_sample, n, r->block));
        TRY(mix_read(r->reader, x + seam->to_sample, n, r->other));
        for (int64_t i = 0; i < n; i++) {
            float wa, wb;
            mix_weights(seam, done + i, &wa, &wb);
            const float gain = 1 - (1 - seam->gain) * mix_hold(done + i, n_ramp);
            for (int32_t c = 0; c < r->wide; c++) {
                float *a = &r->block[i * r->wide + c];
                *a = (wa * *a + wb * r->other[i * r->wide + c]) * gain;
            }
        }
        TRY(emit(r, r->block, n));
        done += n;
    }
out:
    return st;
}

Status mix_render_to(const MixPlan *plan, const Edit *edit, AudioReader *reader, MixSink sink, void *to,
                     void (*progress)(void *context, double share), void *context) {
    Status st = BS_OK;
    const size_t bytes = sizeof(float) * BLOCK_FRAMES * (size_t)audio_info(reader).n_channels;
    Render r = {.plan = plan,
                .reader = reader,
                .sink = sink,
                .to = to,
                .wide = audio_info(reader).n_channels,
                .block = malloc(bytes),
                .other = malloc(bytes),
                .progress = progress,
                .context = context};
    if (!r.block || !r.other) {
        st = fail(BS_NOMEM, "mixdown: out of memory");
        goto out;
    }
    BS_ASSERT(plan->n_seams == edit->n_segments - 1);
    int64_t shift = edit->segments[0].start_sample - plan->lead_in_samples;
    for (int32_t i = 0; i < plan->n_seams; i++) {
        const Seam *seam = &plan->seams[i];
        TRY(copy_to(&r, seam->fade_start, shift));
        TRY(blend(&r, seam));
        shift = seam->to_sample - seam->out_sample;
    }
    TRY(copy_to(&r, plan->n_samples, shift));
out:
    free(r.block);
    free(r.other);
    return st;
}

static Status into_writer(void *to, const float *samples, int64_t n_samples) {
    return audio_write(to, samples, n_samples);
}

Status mix_render(const MixPlan *plan, const Edit *edit, AudioReader *reader, AudioWriter *writer,
                  void (*progress)(void *context, double share), void *context) {
    return mix_render_to(plan, edit, reader, into_writer, writer, progress, context);
}
