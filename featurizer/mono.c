/* Mono: blocks of the recording are mixed, resampled and put one after the other. */
#include "featurizer/mono.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/host/file.h"

enum { BLOCK = 16384, MAPPED_FROM_BYTES = 128 << 20, LET_GO_BYTES = 16 << 20 };

/* The room is taken at once: a full disk must show here, not as a signal later. */
static bool map_file(Mono *m, size_t n_bytes) {
    const char *folder = getenv("TMPDIR");
    char name[PATH_BYTES];
    int n = snprintf(name, sizeof name, "%s/bandsaw-XXXXXX", folder && *folder ? folder : "/tmp");
    if (n < 0 || n >= (int)sizeof name) return false;
    int fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0) return false;
    unlink(name);
    void *at = MAP_FAILED;
    if (posix_fallocate(fd, 0, (off_t)n_bytes) == 0)
        at = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED) return false;
    m->samples = at;
    m->n_mapped_bytes = n_bytes;
    return true;
}

/* What is written of a mapped file stays in the file when its pages leave this process. *gone: bytes that
 * have left. */
static void let_go(const Mono *m, size_t *gone) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE),
                 written = sizeof *m->samples * (size_t)m->n_samples / page * page;
    if (!m->n_mapped_bytes || written < *gone + LET_GO_BYTES) return;
    (void)madvise((char *)m->samples + *gone, written - *gone, MADV_DONTNEED);
    *gone = written;
}

Status mono_new(Mono *m, int64_t n_samples) {
    const size_t n_bytes = sizeof *m->samples * (size_t)(n_samples > 0 ? n_samples : 1);
    *m = (Mono){.n_samples = n_samples};
    if (n_bytes < MAPPED_FROM_BYTES || !map_file(m, n_bytes)) m->samples = calloc(1, n_bytes);
    return m->samples ? BS_OK : fail(BS_NOMEM, "no memory for %lld samples", (long long)n_samples);
}

Status mono_read(Mono *m, AudioReader *reader, int32_t rate_hz) {
    return mono_read_seen(m, reader, rate_hz, NULL, NULL);
}

Status mono_read_seen(Mono *m, AudioReader *reader, int32_t rate_hz, MonoSeen seen, void *context) {
    Status st = BS_OK;
    const AudioInfo info = audio_info(reader);
    Resampler *resampler = NULL;
    float *block = malloc(sizeof *block * BLOCK * (size_t)info.n_channels);
    *m = (Mono){0};
    TRY(resampler_open(&resampler, info.sample_rate_hz, rate_hz, 1));
    int64_t k = 0;
    size_t gone = 0;
    TRY(mono_new(m, resampler_room(resampler, info.n_samples) + resampler_room(resampler, BLOCK)));
    m->n_samples = 0;
    if (!block) TRY(fail(BS_NOMEM, "no memory for a block of audio"));
    for (int64_t at = 0, n = 0; at < info.n_samples; at += n) {
        TRY(audio_read_at(reader, at, BLOCK, block, &n));
        if (n < 1) TRY(fail(BS_IO, "ends %lld samples early", (long long)(info.n_samples - at)));
        if (seen) TRY(seen(context, block, at, n));
        audio_mix_down(block, n, info.n_channels, block);
        TRY(resampler_push(resampler, block, n, m->samples + m->n_samples, &k));
        m->n_samples += k;
        let_go(m, &gone);
    }
    TRY(resampler_push(resampler, NULL, 0, m->samples + m->n_samples, &k));
    m->n_samples += k;
out:
    resampler_close(resampler);
    free(block);
    if (st != BS_OK) mono_drop(m);
    return st;
}

void mono_drop(Mono *m) {
    if (m->n_mapped_bytes)
        munmap(m->samples, m->n_mapped_bytes);
    else
        free(m->samples);
    *m = (Mono){0};
}
