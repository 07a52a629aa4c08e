/* Preview: frames are mixed down, brought to a rate that MP3 has, and encoded into memory by libsndfile. */
#include "common/audio/preview.h"
#include "common/audio/audio.h"

#include <sndfile.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_FRAMES = 8192, MAX_MP3_BYTES = 256 << 20 };

/* libsndfile maps 0..1 to 320..32 kbit/s and takes the rate that MP3 has below. */
static const struct {
    double compression;
    int32_t kbits;
} kinds[] = {[PREVIEW_SONG] = {0.7, 112}, [PREVIEW_SKETCH] = {0.9, 56}};

struct Preview {
    int32_t n_in, n_out;  /* channels */
    Resampler *resampler; /* NULL: the rate is one of MP3 */
    SNDFILE *file;
    float *block, *resampled; /* BLOCK_FRAMES of n_out channels; the same at the other rate */
    uint8_t *bytes;           /* the MP3 so far */
    int64_t n_bytes, capacity, offset;
};

static sf_count_t memory_length(void *user) { return ((Preview *)user)->n_bytes; }
static sf_count_t memory_tell(void *user) { return ((Preview *)user)->offset; }
static sf_count_t memory_seek(sf_count_t offset, int whence, void *user) {
    Preview *p = user;
    if (whence == SEEK_CUR) offset += p->offset;
    if (whence == SEEK_END) offset += p->n_bytes;
    return p->offset = offset < 0 ? 0 : offset;
}
static sf_count_t memory_read(void *to, sf_count_t n, void *user) {
    Preview *p = user;
    if (n > p->n_bytes - p->offset) n = p->n_bytes - p->offset;
    if (n <= 0) return 0;
    memcpy(to, p->bytes + p->offset, (size_t)n);
    p->offset += n;
    return n;
}
static sf_count_t memory_write(const void *from, sf_count_t n, void *user) {
    Preview *p = user;
    const int64_t end = p->offset + n;
    if (end > MAX_MP3_BYTES) return 0;
    if (end > p->capacity) {
        const int64_t capacity = 2 * end;
        uint8_t *grown = realloc(p->bytes, (size_t)capacity);
        if (!grown) return 0;
        p->bytes = grown;
        p->capacity = capacity;
    }
    if (p->offset > p->n_bytes) memset(p->bytes + p->n_bytes, 0, (size_t)(p->offset - p->n_bytes));
    memcpy(p->bytes + p->offset, from, (size_t)n);
    p->offset = end;
    if (end > p->n_bytes) p->n_bytes = end;
    return n;
}

Status preview_open(Preview **out, int32_t rate_hz, int32_t n_channels, PreviewKind kind) {
    Status st = BS_OK;
    const bool kept = rate_hz == 44100 || rate_hz == 48000 || rate_hz == 32000;
    Preview *p = calloc(1, sizeof *p);
    if (!p) return fail(BS_NOMEM, "preview: out of memory");
    p->n_in = n_channels;
    p->n_out = kind == PREVIEW_SONG && n_channels == 2 ? 2 : 1;
    int64_t room = BLOCK_FRAMES;
    if (!kept) {
        TRY(resampler_open(&p->resampler, rate_hz, 44100, p->n_out));
        room = resampler_room(p->resampler, BLOCK_FRAMES);
    }
    p->block = malloc(sizeof *p->block * BLOCK_FRAMES * (size_t)p->n_out);
    p->resampled = malloc(sizeof *p->resampled * (size_t)(room * p->n_out));
    if (!p->block || !p->resampled) {
        st = fail(BS_NOMEM, "preview: out of memory");
        goto out;
    }
    SF_INFO info = {.samplerate = kept ? rate_hz : 44100,
                    .channels = p->n_out,
                    .format = SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III};
    SF_VIRTUAL_IO io = {memory_length, memory_seek, memory_read, memory_write, memory_tell};
    p->file = sf_open_virtual(&io, SFM_WRITE, &info, p);
    if (!p->file) {
        st = fail(BS_UNSUPPORTED, "preview: no MP3 can be written: %s", sf_strerror(NULL));
        goto out;
    }
    int mode = SF_BITRATE_MODE_CONSTANT; /* players seek in it exactly */
    double compression = kinds[kind].compression;
    sf_command(p->file, SFC_SET_BITRATE_MODE, &mode, sizeof mode);
    sf_command(p->file, SFC_SET_COMPRESSION_LEVEL, &compression, sizeof compression);
    *out = p;
    p = NULL;
out:
    preview_close(p);
    return st;
}

static Status encode(Preview *p, const float *samples, int64_t n) {
    if (sf_writef_float(p->file, samples, n) == n) return BS_OK;
    return fail(BS_TOO_BIG, "preview: %s", sf_strerror(p->file));
}

Status preview_add(void *preview, const float *samples, int64_t n_samples) {
    Status st = BS_OK;
    Preview *p = preview;
    for (int64_t at = 0; at < n_samples;) {
        const int64_t n = n_samples - at < BLOCK_FRAMES ? n_samples - at : BLOCK_FRAMES;
        const float *in = samples + at * p->n_in;
        int64_t made = n;
        if (p->n_in == p->n_out)
            memcpy(p->block, in, sizeof *in * (size_t)(n * p->n_in));
        else
            audio_mix_down(in, n, p->n_in, p->block);
        if (p->resampler) TRY(resampler_push(p->resampler, p->block, n, p->resampled, &made));
        TRY(encode(p, p->resampler ? p->resampled : p->block, made));
        at += n;
    }
out:
    return st;
}

Status preview_finish(Preview *p, ByteWriter *out) {
    Status st = BS_OK;
    int64_t made = 0;
    if (p->resampler) {
        TRY(resampler_push(p->resampler, NULL, 0, p->resampled, &made));
        TRY(encode(p, p->resampled, made));
    }
    const int closed = sf_close(p->file);
    p->file = NULL;
    if (closed)
        st = fail(BS_TOO_BIG, "preview: %s", sf_error_number(closed));
    else
        bytes_put(out, p->bytes, (size_t)p->n_bytes);
out:
    return st;
}

void preview_close(Preview *p) {
    if (!p) return;
    if (p->file) sf_close(p->file);
    resampler_close(p->resampler);
    free(p->block);
    free(p->resampled);
    free(p->bytes);
    free(p);
}

int64_t preview_bytes(PreviewKind kind, double seconds) {
    return (int64_t)(seconds * 1000 / 8 * kinds[kind].kbits);
}
