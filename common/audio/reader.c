/* Reading: files in order as one timeline.
 *
 * Opening decodes each file once from end to end: that count is the length (headers lie, above all those
 * of MP3s and of recordings that were cut off), the hash of what was decoded names the recording, and
 * damage is found before any work is done. A file that seeks exactly is then read in place; MP3 and OGG
 * decode to other last bits after a seek, and resampled files cannot seek, so these are unpacked into an
 * unlinked file ("spool") when they are first read out of order. A folder of tracks has readers
 * of its own, one a track. */
#include "common/audio/audio.h"
#include "common/audio/tracks.h"
#include "common/host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_FRAMES = 16384, MAX_SOURCES = 1024, MAX_CHANNELS = 64 };

typedef struct Source {
    char *path;
    SNDFILE *file; /* NULL where there are tracks */
    Tracks tracks; /* none: an ordinary file */
    int32_t rate_hz, n_channels;
    bool exact_seek;
    int64_t start, n_samples; /* on the timeline */
    int64_t position;         /* next frame `file` decodes; -1 unknown */
    int spool;                /* -1, or n_samples frames of n_channels floats at the timeline's rate */
    Hash pcm;
} Source;

struct AudioReader {
    AudioInfo info;
    int32_t n_sources;
    Source *sources;
    float *chunk, *scratch; /* CHUNK_FRAMES of the widest file; the same for tracks that are added up */
};

const char *const audio_extensions[] = {"wav",  "flac", "mp3", "ogg",  "aif",
                                        "aiff", "wave", "oga", "opus", NULL};

bool audio_is_named(const char *path) {
    if (path_base(path)[0] == '.') return false;
    for (const char *const *e = audio_extensions; *e; e++)
        if (!strcasecmp(path_extension(path), *e)) return true;
    return false;
}

static bool is_flac(const SF_INFO *info) { return (info->format & SF_FORMAT_TYPEMASK) == SF_FORMAT_FLAC; }

static bool seeks_exactly(const SF_INFO *info) {
    switch (info->format & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_PCM_S8:
    case SF_FORMAT_PCM_U8:
    case SF_FORMAT_PCM_16:
    case SF_FORMAT_PCM_24:
    case SF_FORMAT_PCM_32:
    case SF_FORMAT_FLOAT:
        return info->seekable;
    default:
        return false;
    }
}

static int32_t bits_of(const SF_INFO *info) {
    switch (info->format & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_PCM_S8:
    case SF_FORMAT_PCM_U8:
    case SF_FORMAT_PCM_16:
        return 16;
    case SF_FORMAT_PCM_24:
        return 24;
    default:
        return 32;
    }
}

static Status file_open(const char *path, SNDFILE **file, SF_INFO *info) {
    struct stat there;
    if (stat(path, &there))
        return fail(errno == ENOENT ? BS_NOT_FOUND : BS_IO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(there.st_mode)) return fail(BS_INVALID, "%s: is a folder, not an audio file", path);
    if (S_ISREG(there.st_mode) && there.st_size == 0) return fail(BS_CORRUPT, "%s: the file is empty", path);
    *info = (SF_INFO){0};
    /* By descriptor: given a name, libsndfile takes any bytes called .mp3 for one. */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(BS_IO, "%s: %s", path, strerror(errno));
    *file = sf_open_fd(fd, SFM_READ, info, SF_TRUE);
    if (!*file) { /* fd is closed */
        int error = sf_error(NULL);
        if (error == SF_ERR_UNRECOGNISED_FORMAT)
            return fail(BS_UNSUPPORTED, "%s: is not audio that can be read (wav, flac, ogg, mp3)", path);
        return fail(BS_CORRUPT, "%s: cannot be decoded, damaged or not audio: %s", path, sf_strerror(NULL));
    }
    if (info->channels < 1 || info->channels > MAX_CHANNELS || info->samplerate < 1000 ||
        info->samplerate > 1000000) {
        Status st = fail(BS_UNSUPPORTED, "%s: %d channels at %d Hz", path, info->channels, info->samplerate);
        sf_close(*file);
        *file = NULL;
        return st;
    }
    return BS_OK;
}

static Status spool_open(int *fd) {
    const char *folder = getenv("TMPDIR");
    char name[PATH_BYTES];
    int n = snprintf(name, sizeof name, "%s/bandsaw-XXXXXX", folder && *folder ? folder : "/tmp");
    if (n < 0 || n >= (int)sizeof name) return fail(BS_TOO_BIG, "$TMPDIR is too long");
    *fd = mkostemp(name, O_CLOEXEC);
    if (*fd < 0) return fail(BS_IO, "%s: no room to unpack audio: %s", name, strerror(errno));
    unlink(name);
    return BS_OK;
}

static Status spool_write(int fd, const char *path, const float *samples, int64_t n_floats) {
    const char *p = (const char *)samples;
    for (size_t left = (size_t)n_floats * sizeof *samples; left;) {
        ssize_t put = write(fd, p, left);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0)
            return fail(BS_IO, "%s: no room to unpack it (set TMPDIR to a larger disk): %s", path,
                        strerror(errno));
        p += put;
        left -= (size_t)put;
    }
    return BS_OK;
}

/* What one pass over a file does beside counting. */
typedef struct Pass {
    HashState *hash;      /* of decoded samples; NULL: not wanted */
    Resampler *resampler; /* to the timeline's rate; NULL: same rate */
    float *resampled;     /* room for one chunk */
    int spool;            /* -1: not wanted */
} Pass;

static Status pass_out(const Pass *pass, const Source *s, const float *in, int64_t n, int64_t *n_timeline) {
    Status st = BS_OK;
    const float *samples = in;
    int64_t made = n;
    if (pass->resampler) {
        TRY(resampler_push(pass->resampler, in, n, pass->resampled, &made));
        samples = pass->resampled;
    }
    if (pass->spool >= 0 && made) TRY(spool_write(pass->spool, s->path, samples, made * s->n_channels));
    *n_timeline += made;
out:
    return st;
}

/* Decodes a whole file from its current start. */
static Status decode_all(AudioReader *r, const Source *s, const Pass *pass, int64_t *n_decoded,
                         int64_t *n_timeline) {
    Status st = BS_OK;
    *n_decoded = *n_timeline = 0;
    for (;;) {
        sf_count_t n = sf_readf_float(s->file, r->chunk, CHUNK_FRAMES);
        if (n <= 0) break;
        for (int64_t i = 0; i < n * s->n_channels; i++)
            if (!isfinite(r->chunk[i])) {
                st = fail(BS_NONFINITE, "%s: sample %lld is not a number", s->path,
                          (long long)(*n_decoded + i / s->n_channels));
                goto out;
            }
        if (pass->hash) hash_add(pass->hash, r->chunk, (size_t)(n * s->n_channels) * sizeof(float));
        TRY(pass_out(pass, s, r->chunk, n, n_timeline));
        *n_decoded += n;
    }
    if (pass->resampler) TRY(pass_out(pass, s, NULL, 0, n_timeline));
out:
    return st;
}

static Status spool_source(AudioReader *r, Source *s) {
    Status st = BS_OK;
    Pass pass = {.spool = -1};
    int64_t n_decoded, n_timeline;
    TRY(spool_open(&pass.spool));
    if (s->rate_hz != r->info.sample_rate_hz) {
        TRY(resampler_open(&pass.resampler, s->rate_hz, r->info.sample_rate_hz, s->n_channels));
        int64_t room = resampler_room(pass.resampler, CHUNK_FRAMES);
        pass.resampled = malloc((size_t)room * (size_t)s->n_channels * sizeof *pass.resampled);
        if (!pass.resampled) {
            st = fail(BS_NOMEM, "%s: out of memory", s->path);
            goto out;
        }
    }
    sf_close(s->file);
    s->file = NULL;
    SF_INFO info;
    TRY(file_open(s->path, &s->file, &info));
    TRY(decode_all(r, s, &pass, &n_decoded, &n_timeline));
    if (n_timeline != s->n_samples) {
        st = fail(BS_IO, "%s: changed while it was read", s->path);
        goto out;
    }
    s->spool = pass.spool;
    pass.spool = -1;
out:
    s->position = -1;
    if (pass.spool >= 0) close(pass.spool);
    resampler_close(pass.resampler);
    free(pass.resampled);
    return st;
}

/* What a source has, beside what the first one settled for all. */
static Status source_shape(AudioReader *r, Source *s, AudioInfo info) {
    if (!r->info.sample_rate_hz)
        r->info = (AudioInfo){
            .sample_rate_hz = info.sample_rate_hz, .n_channels = info.n_channels, .bits = info.bits};
    if (info.n_channels > r->info.n_channels)
        return fail(BS_UNSUPPORTED, "%s: %d channels, but the first file has %d; put the widest file first",
                    s->path, info.n_channels, r->info.n_channels);
    s->rate_hz = info.sample_rate_hz;
    s->n_channels = info.n_channels;
    if (!r->chunk) r->chunk = malloc(sizeof *r->chunk * CHUNK_FRAMES * (size_t)r->info.n_channels);
    return r->chunk ? BS_OK : fail(BS_NOMEM, "%s: out of memory", s->path);
}

static void hash_shape(HashState *hash, Source *s) {
    int32_t shape[2] = {s->rate_hz, s->n_channels};
    hash_add(hash, shape, sizeof shape);
    s->pcm = hash_end(hash);
}

static Status tracks_source_open(AudioReader *r, Source *s, const char *folder) {
    Status st = BS_OK;
    HashState hash;
    TRY(tracks_open(&s->tracks, folder));
    const AudioInfo info = tracks_info(&s->tracks);
    TRY(source_shape(r, s, info));
    if (s->rate_hz != r->info.sample_rate_hz) {
        st = fail(BS_UNSUPPORTED, "%s: tracks at %d Hz after a file at %d Hz", s->path, s->rate_hz,
                  r->info.sample_rate_hz);
        goto out;
    }
    if (!r->scratch) r->scratch = malloc(sizeof *r->scratch * CHUNK_FRAMES * (size_t)r->info.n_channels);
    if (!r->scratch) {
        st = fail(BS_NOMEM, "%s: out of memory", s->path);
        goto out;
    }
    s->n_samples = info.n_samples;
    hash_begin(&hash);
    for (int64_t at = 0; at < s->n_samples; at += CHUNK_FRAMES) {
        const int64_t n = s->n_samples - at < CHUNK_FRAMES ? s->n_samples - at : CHUNK_FRAMES;
        TRY(tracks_read(&s->tracks, at, n, r->chunk, r->scratch));
        hash_add(&hash, r->chunk, (size_t)(n * s->n_channels) * sizeof(float));
    }
    hash_shape(&hash, s);
out:
    return st;
}

static Status source_open(AudioReader *r, Source *s, const char *path, int64_t start) {
    Status st = BS_OK;
    SF_INFO info;
    HashState hash;
    *s = (Source){.path = strdup(path), .spool = -1, .start = start};
    if (!s->path) return fail(BS_NOMEM, "%s: out of memory", path);
    char folder[PATH_BYTES];
    if (tracks_named(path, folder)) return tracks_source_open(r, s, folder);
    TRY(file_open(path, &s->file, &info));
    TRY(source_shape(
        r, s,
        (AudioInfo){.sample_rate_hz = info.samplerate, .n_channels = info.channels, .bits = bits_of(&info)}));
    s->exact_seek = seeks_exactly(&info) && s->rate_hz == r->info.sample_rate_hz;
    hash_begin(&hash);
    int64_t n_decoded, n_timeline;
    TRY(decode_all(r, s, &(Pass){.hash = &hash, .spool = -1}, &n_decoded, &n_timeline));
    hash_shape(&hash, s);
    if (is_flac(&info) && (n_decoded < info.frames || sf_error(s->file))) {
        st = fail(BS_CORRUPT, "%s: holds %.1f s of %.1f s: the file is truncated or damaged", path,
                  (double)n_decoded / s->rate_hz, (double)info.frames / s->rate_hz);
        goto out;
    }
    if (!n_decoded) {
        st = fail(BS_CORRUPT, "%s: 0 audio samples; is the file empty?", path);
        goto out;
    }
    if (sf_error(s->file)) {
        st = fail(BS_CORRUPT, "%s: damaged after %.1f s: %s", path, (double)n_decoded / s->rate_hz,
                  sf_strerror(s->file));
        goto out;
    }
    s->position = n_decoded;
    s->n_samples = s->rate_hz == r->info.sample_rate_hz
                       ? n_decoded
                       : llround((double)n_decoded * ((double)r->info.sample_rate_hz / s->rate_hz));
out:
    return st;
}

Status audio_open(AudioReader **out, const char *const *paths, int32_t n_paths) {
    Status st = BS_OK;
    if (n_paths < 1 || n_paths > MAX_SOURCES)
        return fail(BS_INVALID, "%d audio files; 1 to %d make a recording", n_paths, MAX_SOURCES);
    AudioReader *r = calloc(1, sizeof *r);
    if (r) r->sources = calloc((size_t)n_paths, sizeof *r->sources);
    if (!r || !r->sources) {
        st = fail(BS_NOMEM, "%s: out of memory", paths[0]);
        goto out;
    }
    for (int32_t i = 0; i < n_paths; i++) {
        r->n_sources = i + 1;
        TRY(source_open(r, &r->sources[i], paths[i], r->info.n_samples));
        r->info.n_samples += r->sources[i].n_samples;
    }
    *out = r;
    r = NULL;
out:
    audio_close(r);
    return st;
}

void audio_close(AudioReader *r) {
    if (!r) return;
    for (int32_t i = 0; i < r->n_sources; i++) {
        Source *s = &r->sources[i];
        if (s->file) sf_close(s->file);
        if (s->path && s->spool >= 0) close(s->spool);
        tracks_drop(&s->tracks);
        free(s->path);
    }
    free(r->sources);
    free(r->chunk);
    free(r->scratch);
    free(r);
}

AudioInfo audio_info(const AudioReader *r) { return r->info; }

void audio_source(const AudioReader *r, int32_t i, int64_t *start_sample, int64_t *n_samples) {
    BS_ASSERT(i >= 0 && i < r->n_sources);
    *start_sample = r->sources[i].start;
    *n_samples = r->sources[i].n_samples;
}

Status audio_pcm_hash(AudioReader *r, int32_t i, Hash *hash) {
    BS_ASSERT(i >= 0 && i < r->n_sources);
    *hash = r->sources[i].pcm;
    return BS_OK;
}

/* A decoder at the end of its file starts over. */
static Status rewind_source(Source *s) {
    sf_close(s->file);
    s->file = NULL;
    SF_INFO info;
    Status st = file_open(s->path, &s->file, &info);
    s->position = st == BS_OK ? 0 : -1;
    return st;
}

/* At most CHUNK_FRAMES frames at `at` of source s, in its own channels, into r->chunk. */
static Status source_read(AudioReader *r, Source *s, int64_t at, int64_t n) {
    Status st = BS_OK;
    if (s->tracks.n) return tracks_read(&s->tracks, at, n, r->chunk, r->scratch);
    if (s->spool < 0 && !s->exact_seek && (at != s->position || s->rate_hz != r->info.sample_rate_hz)) {
        if (at == 0 && s->rate_hz == r->info.sample_rate_hz)
            TRY(rewind_source(s));
        else
            TRY(spool_source(r, s));
    }
    if (s->spool >= 0) {
        size_t frame = (size_t)s->n_channels * sizeof(float), want = (size_t)n * frame, got = 0;
        while (got < want) {
            ssize_t k =
                pread(s->spool, (char *)r->chunk + got, want - got, (off_t)((size_t)at * frame + got));
            if (k < 0 && errno == EINTR) continue;
            if (k <= 0) return fail(BS_IO, "%s: unpacked audio cannot be read: %s", s->path, strerror(errno));
            got += (size_t)k;
        }
        return BS_OK;
    }
    if (at != s->position) {
        if (sf_seek(s->file, at, SEEK_SET) != at)
            return fail(BS_IO, "%s: cannot seek to %lld: %s", s->path, (long long)at, sf_strerror(s->file));
        s->position = at;
    }
    if (sf_readf_float(s->file, r->chunk, n) != n) {
        s->position = -1;
        return fail(BS_IO, "%s: %lld samples at %lld cannot be read any more: %s", s->path, (long long)n,
                    (long long)at, sf_strerror(s->file));
    }
    s->position = at + n;
out:
    return st;
}

Status audio_read_at(AudioReader *r, int64_t at, int64_t n, float *out, int64_t *n_read) {
    Status st = BS_OK;
    *n_read = 0;
    if (at < 0) return fail(BS_INVALID, "read at sample %lld", (long long)at);
    const int32_t wide = r->info.n_channels;
    for (int32_t i = 0; i < r->n_sources && n > 0; i++) {
        Source *s = &r->sources[i];
        while (n > 0 && at < s->start + s->n_samples) {
            int64_t k = s->start + s->n_samples - at;
            if (k > n) k = n;
            if (k > CHUNK_FRAMES) k = CHUNK_FRAMES;
            TRY(source_read(r, s, at - s->start, k));
            if (s->n_channels == wide) {
                memcpy(out, r->chunk, (size_t)(k * wide) * sizeof *out);
            } else {
                for (int64_t t = 0; t < k; t++)
                    for (int32_t c = 0; c < wide; c++)
                        out[t * wide + c] = r->chunk[t * s->n_channels + c % s->n_channels];
            }
            out += k * wide;
            at += k;
            n -= k;
            *n_read += k;
        }
    }
out:
    return st;
}

void audio_mix_down(const float *in, int64_t n_samples, int32_t n_channels, float *mono) {
    for (int64_t t = 0; t < n_samples; t++) {
        float sum = 0;
        for (int32_t c = 0; c < n_channels; c++) sum += in[t * n_channels + c];
        mono[t] = sum / (float)n_channels;
    }
}
