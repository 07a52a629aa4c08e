/* Prints what the environment says and does over many episodes as one number: masks, observations, rewards
 * of every step, and the edits. tests/system/local_env_bits.sh builds it in several ways and compares. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/env/env.h"
#include "tests/unit/env_jobs.h"
#include "tests/unit/song_maker.h"

typedef struct Digest {
    uint64_t h;
} Digest;

static void add(Digest *d, const void *p, size_t n) {
    const uint8_t *b = p;
    uint64_t h = d->h, x;
    for (; n >= 8; n -= 8, b += 8) {
        memcpy(&x, b, 8);
        h = (h ^ x) * 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
    }
    for (size_t i = 0; i < n; i++) h = (h ^ b[i]) * 0x100000001B3u;
    d->h = h;
}

static EnvObs obs;

static void play(Digest *d, Env *env, Rng *r) {
    while (!env_done(env)) {
        Status st;
        float terms[REWARD_TERMS] = {0};
        env_observe(env, &obs);
        int nth = (int)rng_below(r, (uint32_t)obs.n_legal), a = 0;
        if (rng_below(r, 3) == 0)
            for (int k = SPANS - 1; k >= 0; k--) /* a longer span than chance would choose */
                if (obs.mask[ACT_KEEP + k]) nth = 0;
        for (;; a++)
            if (obs.mask[a] && nth-- == 0) break;
        add(d, &obs, offsetof(EnvObs, mask));
        add(d, obs.mask, sizeof obs.mask);
        add(d, &obs.n_legal, sizeof obs.n_legal);
        float reward = env_step(env, a, terms, &st);
        add(d, &reward, sizeof reward);
        add(d, terms, sizeof terms);
    }
    const int32_t *units;
    const uint8_t *fades;
    int32_t n = env_out_units(env, &units, &fades);
    add(d, units, sizeof *units * (size_t)n);
    add(d, fades, (size_t)n);
}

int main(int argc, char **argv) {
    int64_t episodes = argc > 1 ? strtoll(argv[1], NULL, 10) : 2000, played = 0;
    Digest d = {0x62616e64};
    for (uint64_t seed = 1; played < episodes; seed++) {
        Song *song = env_jobs_song(seed);
        EnvSong *es;
        Env *env;
        if (!song || env_song_new(&es, song) != BS_OK || env_new(&env, es) != BS_OK) {
            fprintf(stderr, "env_digest: song %llu: %s\n", (unsigned long long)seed, error_text());
            return 1;
        }
        Rng r = rng_at(seed, 2);
        for (int i = 0; i < 20; i++) {
            Job job = env_jobs_job(song, &r, i % 2);
            if (env_reset(env, &job) != BS_OK) continue;
            play(&d, env, &r);
            played++;
        }
        env_free(env);
        env_song_free(es);
        song_free(song);
    }
    printf("%016llx\n", (unsigned long long)d.h);
    return 0;
}
