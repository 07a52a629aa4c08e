#pragma once
/* The band of hear_synth.h, heard. */
#include "featurizer/dsp/hearing.h"
#include "tests/unit/hear_synth.h"

/* What is heard of it; mem is initialised here, and the caller's to drop. */
static inline Hearing *synth_hear(const Synth *s, Arena *mem) {
    arena_init(mem, (size_t)1 << 30);
    Hearing *h = arena_alloc(mem, sizeof *h);
    BS_ASSERT(h);
    const Status st = hear(h, s->samples, s->n, 0, NULL, mem);
    BS_ASSERT(st == BS_OK);
    return h;
}
