#pragma once
/* Mono: the signal that all analyses read, mono at one rate. That of hours lies in an unlinked file in
 * $TMPDIR that is mapped, so that it need not stay in memory; that of minutes in memory, as that of hours
 * where the file has no room. */
#include "common/audio/audio.h"

typedef struct Mono {
    float *samples;
    int64_t n_samples;
    size_t n_mapped_bytes; /* 0: malloc'ed */
} Mono;

/* Room for n samples, silent. */
Status mono_new(Mono *mono, int64_t n_samples);
Status mono_read(Mono *mono, AudioReader *reader, int32_t rate_hz);
/* The same, for who wants to see the original samples on their way: n frames from `at` on. */
typedef Status (*MonoSeen)(void *context, const float *frames, int64_t at, int64_t n);
Status mono_read_seen(Mono *mono, AudioReader *reader, int32_t rate_hz, MonoSeen seen, void *context);
void mono_drop(Mono *mono);
