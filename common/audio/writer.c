/* Writing into a staged file, which gets its name when everything is on the disk.
 *
 * All bytes pass through our own write callback, so a full disk is seen whatever the encoder does with
 * its own error. Integer formats are scaled by 2^(bits-1) here: that is the inverse of decoding, so
 * samples that are copied come out as the bits that went in (libsndfile scales by 2^(bits-1) - 1). */
#include "common/audio/audio.h"
#include "common/audio/markers.h"
#include "common/core/rng.h"

#include <errno.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { CHUNK_FRAMES = 4096 };

struct AudioWriter {
    char path[PATH_BYTES];
    StagedFile staged;
    int error;                 /* errno of the first failed call, 0 while all is well */
    int64_t base, offset, end; /* libsndfile's file begins at byte `base` of ours, behind a tag */
    SNDFILE *file;
    int32_t format, rate_hz, n_channels, bits; /* 0 bits: floats go to the encoder as they are */
    bool dither;
    Rng noise;
    const AudioMarkers *markers; /* NULL: none */
    int64_t max_frames, n_frames;
    int *chunk;
};

static sf_count_t vio_length(void *user) { return ((AudioWriter *)user)->end; }
static sf_count_t vio_tell(void *user) { return ((AudioWriter *)user)->offset; }
static sf_count_t vio_seek(sf_count_t offset, int whence, void *user) {
    AudioWriter *w = user;
    if (whence == SEEK_CUR) offset += w->offset;
    if (whence == SEEK_END) offset += w->end;
    return w->offset = offset < 0 ? 0 : offset;
}
static sf_count_t vio_read(void *bytes, sf_count_t n, void *user) {
    AudioWriter *w = user;
    ssize_t got = pread(w->staged.fd, bytes, (size_t)n, (off_t)(w->base + w->offset));
    if (got > 0) w->offset += got;
    return got > 0 ? got : 0;
}
static sf_count_t vio_write(const void *bytes, sf_count_t n, void *user) {
    AudioWriter *w = user;
    sf_count_t done = 0;
    while (done < n && !w->error) {
        ssize_t put = pwrite(w->staged.fd, (const char *)bytes + done, (size_t)(n - done),
                             (off_t)(w->base + w->offset));
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) {
            w->error = put < 0 ? errno : ENOSPC;
            break;
        }
        done += put;
        w->offset += put;
        if (w->offset > w->end) w->end = w->offset;
    }
    return done;
}

static const char *why(int error) { return error == EFBIG ? "File size limit reached" : strerror(error); }

static bool mp3_has_rate(int rate_hz) {
    static const int rates[] = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        if (rates[i] == rate_hz) return true;
    return false;
}

static Status choose_format(const char *path, int32_t bits, SF_INFO *info, int32_t *int_bits) {
    const char *extension = path_extension(path);
    *int_bits = 0;
    if (!strcasecmp(extension, "wav")) {
        if (bits != 16 && bits != 24 && bits != 32)
            return fail(BS_INVALID, "%s: a wav has 16, 24 or 32 bits, not %d", path, bits);
        info->format = SF_FORMAT_WAV | (bits == 16   ? SF_FORMAT_PCM_16
                                        : bits == 24 ? SF_FORMAT_PCM_24
                                                     : SF_FORMAT_FLOAT);
        if (bits != 32) *int_bits = bits;
    } else if (!strcasecmp(extension, "flac")) {
        if (bits != 16 && bits != 24)
            return fail(BS_INVALID, "%s: a flac has 16 or 24 bits, not %d", path, bits);
        info->format = SF_FORMAT_FLAC | (bits == 16 ? SF_FORMAT_PCM_16 : SF_FORMAT_PCM_24);
        *int_bits = bits;
    } else if (!strcasecmp(extension, "ogg")) {
        info->format = SF_FORMAT_OGG | SF_FORMAT_VORBIS;
    } else if (!strcasecmp(extension, "mp3")) {
        if (info->channels > 2 || !mp3_has_rate(info->samplerate))
            return fail(BS_UNSUPPORTED, "%s: an mp3 cannot hold %d Hz with %d channels; write a flac", path,
                        info->samplerate, info->channels);
        info->format = SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III;
    } else {
        return fail(BS_UNSUPPORTED, "%s: the name must end in .wav, .flac, .ogg or .mp3", path);
    }
    if (!sf_format_check(info))
        return fail(BS_UNSUPPORTED, "%s: %s cannot hold %d Hz with %d channels", path, extension,
                    info->samplerate, info->channels);
    return BS_OK;
}

/* What must be in the file before the sound. */
static Status markers_before(AudioWriter *w) {
    Status st = BS_OK;
    ByteWriter tag;
    bytes_init(&tag, 1 << 24);
    if (w->format == SF_FORMAT_MPEG) {
        TRY(markers_id3(w->markers, w->rate_hz, &tag));
        if (pwrite(w->staged.fd, tag.bytes, tag.n_bytes, 0) != (ssize_t)tag.n_bytes) {
            w->error = errno ? errno : ENOSPC;
            st = fail(BS_IO, "%s: cannot be written: %s; nothing was kept", w->path, strerror(w->error));
        }
        w->base = (int64_t)tag.n_bytes;
    }
out:
    bytes_drop(&tag);
    return st;
}

static Status markers_reserve(AudioWriter *w) {
    Status st = BS_OK;
    char *filler = NULL;
    TRY(markers_filler(w->markers, w->rate_hz, &filler));
    if (sf_set_string(w->file, SF_STR_COMMENT, filler))
        st = fail(BS_UNSUPPORTED, "%s: takes no markers: %s", w->path, sf_strerror(w->file));
out:
    free(filler);
    return st;
}

static Status markers_after(AudioWriter *w) {
    if (!w->markers) return BS_OK;
    switch (w->format) {
    case SF_FORMAT_WAV:
        return markers_to_wav(w->staged.fd, w->markers);
    case SF_FORMAT_FLAC:
        return markers_to_flac(w->staged.fd, w->markers, w->rate_hz);
    case SF_FORMAT_OGG:
        return markers_to_ogg(w->staged.fd, w->markers, w->rate_hz);
    default:
        return BS_OK;
    }
}

Status audio_create(AudioWriter **out, const char *path, int32_t sample_rate_hz, int32_t n_channels,
                    int32_t bits) {
    return audio_create_marked(out, path, sample_rate_hz, n_channels, bits, NULL);
}

Status audio_create_marked(AudioWriter **out, const char *path, int32_t sample_rate_hz, int32_t n_channels,
                           int32_t bits, const AudioMarkers *markers) {
    Status st = BS_OK;
    BS_ASSERT(!markers || markers->n <= AUDIO_MAX_MARKERS);
    AudioWriter *w = calloc(1, sizeof *w);
    if (!w) return fail(BS_NOMEM, "%s: out of memory", path);
    w->staged.fd = -1;
    w->n_channels = n_channels;
    w->rate_hz = sample_rate_hz;
    w->max_frames = INT64_MAX;
    w->noise = rng_at(0, 0);
    w->markers = markers && markers->n ? markers : NULL;
    SF_INFO info = {.samplerate = sample_rate_hz, .channels = n_channels};
    if (strlen(path) >= sizeof w->path) {
        st = fail(BS_TOO_BIG, "%.60s...: the path is too long", path);
        goto out;
    }
    memcpy(w->path, path, strlen(path) + 1);
    TRY(choose_format(path, bits, &info, &w->bits));
    w->format = info.format & SF_FORMAT_TYPEMASK;
    if (w->format == SF_FORMAT_WAV)
        w->max_frames = (UINT32_MAX - 4096 - (w->markers ? (int64_t)markers_wav_bytes(w->markers) : 0)) /
                        (n_channels * (bits / 8));
    w->chunk = malloc(sizeof *w->chunk * CHUNK_FRAMES * (size_t)n_channels);
    if (!w->chunk) {
        st = fail(BS_NOMEM, "%s: out of memory", path);
        goto out;
    }
    TRY(staged_file_open(&w->staged, path));
    if (w->markers) TRY(markers_before(w));
    SF_VIRTUAL_IO io = {vio_length, vio_seek, vio_read, vio_write, vio_tell};
    w->file = sf_open_virtual(&io, SFM_WRITE, &info, w);
    if (!w->file) {
        st = w->error ? fail(BS_IO, "%s: cannot be written: %s", path, why(w->error))
                      : fail(BS_UNSUPPORTED, "%s: %d Hz with %d channels cannot be written: %s", path,
                             sample_rate_hz, n_channels, sf_strerror(NULL));
        goto out;
    }
    double quality = 0.7, compression = 0.15;
    if (w->format == SF_FORMAT_OGG)
        sf_command(w->file, SFC_SET_VBR_ENCODING_QUALITY, &quality, sizeof quality);
    if (w->format == SF_FORMAT_MPEG)
        sf_command(w->file, SFC_SET_COMPRESSION_LEVEL, &compression, sizeof compression);
    sf_command(w->file, SFC_SET_ADD_PEAK_CHUNK, NULL, SF_FALSE); /* it holds the time of day */
    if (w->markers && (w->format == SF_FORMAT_FLAC || w->format == SF_FORMAT_OGG)) TRY(markers_reserve(w));
    *out = w;
    w = NULL;
out:
    audio_abandon(w);
    return st;
}

void audio_set_dither(AudioWriter *w) { w->dither = w->bits == 16; }

/* Rounds to the grid of the file; what was decoded from as many bits comes out unchanged. The noise is the
 * difference of two uniform draws, from one random number. */
static void to_integers(AudioWriter *w, const float *in, int64_t n, int *out) {
    const float scale = w->bits == 16 ? 32768.0f : 8388608.0f;
    const float top = scale - 1;
    const int shift = 32 - w->bits;
    for (int64_t i = 0; i < n; i++) {
        const float exact = in[i] * scale;
        float v = rintf(exact);
        if (w->dither && v != exact) {
            const uint64_t u = rng_u64(&w->noise);
            v = rintf(exact + ((float)(u >> 40) - (float)(u & 0xffffff)) * 0x1p-24f);
        }
        if (!(v < top)) v = top; /* and not a number */
        if (v < -scale) v = -scale;
        out[i] = (int)((unsigned)(int)v << shift);
    }
}

Status audio_write(AudioWriter *w, const float *samples, int64_t n_samples) {
    if (n_samples > w->max_frames - w->n_frames)
        return fail(BS_TOO_BIG, "%s: longer than a wav file can be; write a flac", w->path);
    for (int64_t at = 0; at < n_samples && !w->error;) {
        int64_t n = n_samples - at < CHUNK_FRAMES ? n_samples - at : CHUNK_FRAMES;
        sf_count_t put;
        if (w->bits) {
            to_integers(w, samples + at * w->n_channels, n * w->n_channels, w->chunk);
            put = sf_writef_int(w->file, w->chunk, n);
        } else {
            put = sf_writef_float(w->file, samples + at * w->n_channels, n);
        }
        if (put != n && !w->error)
            return fail(BS_IO, "%s: writing failed: %s; nothing was kept", w->path, sf_strerror(w->file));
        at += n;
    }
    w->n_frames += n_samples;
    if (w->error) return fail(BS_IO, "%s: writing failed: %s; nothing was kept", w->path, why(w->error));
    return BS_OK;
}

Status audio_stage(AudioWriter *w, Staged *staged) {
    Status st = BS_OK;
    int closed = sf_close(w->file);
    w->file = NULL;
    if (!w->error && !closed) {
        errno = 0;
        st = markers_after(w);
        if (st == BS_IO) w->error = errno ? errno : ENOSPC;
    }
    if (w->error)
        st = fail(BS_IO, "%s: writing failed: %s; nothing was kept", w->path, why(w->error));
    else if (st != BS_OK)
        fail_in(st, "%s", w->path);
    else if (closed)
        st = fail(BS_IO, "%s: writing failed: %s; nothing was kept", w->path, sf_error_number(closed));
    else
        st = staged_add(staged, &w->staged);
    audio_abandon(w);
    return st;
}

Status audio_finish(AudioWriter *w) {
    Staged alone = {0};
    Status st = audio_stage(w, &alone);
    return st == BS_OK ? staged_commit(&alone) : st;
}

void audio_abandon(AudioWriter *w) {
    if (!w) return;
    if (w->file) sf_close(w->file);
    staged_file_drop(&w->staged);
    free(w->chunk);
    free(w);
}

Status audio_save(const char *path, const float *samples, int64_t n_samples, int32_t n_channels,
                  int32_t rate_hz, int32_t bits) {
    Status st = BS_OK;
    AudioWriter *w = NULL;
    TRY(audio_create(&w, path, rate_hz, n_channels, bits));
    TRY(audio_write(w, samples, n_samples));
    AudioWriter *finishing = w;
    w = NULL;
    TRY(audio_finish(finishing));
out:
    audio_abandon(w);
    return st;
}
