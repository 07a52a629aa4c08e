// needs: common/net common/protocol common/host common/song
/* The ticket link on one host, light actors as threads of one process: tickets a second through ledger, codec
 * and sockets, and the time from publish to adopted by every actor. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "common/host/clock.h"
#include "common/host/log.h"
#include "common/net/actor_link.h"
#include "common/net/learner_link.h"

enum { BATCH = 256, UPDATES = 40, ACTORS = 4, STEPS = 64, WEIGHTS_BYTES = 2 << 20, ROUNDS = 30 };

static char folder[64];
static Net *net;
static double adopted_s[ROUNDS + UPDATES + 2][ACTORS]; /* first group with that version */
static atomic_int n_adopted[ROUNDS + UPDATES + 2];

static void make(void *context, uint64_t id, Ticket *out) {
    (void)context;
    out->seed = id;
    out->job.hi_samples = 1000 + (int64_t)(id / 4 % 2);
    out->job.start_unit = out->job.end_unit = -1;
}
static bool needs_weights(uint8_t kind) { return kind == 0; }

static void *actor(void *argument) {
    int me = (int)(intptr_t)argument;
    char cache[PATH_BYTES], name[16];
    ActorLink *link = NULL;
    ActorLinkOptions o = {.slots = 2, .give_up_ms = 10000};
    ActorWork work;
    snprintf(o.reach.rendezvous, PATH_BYTES, "%s/rendezvous", folder);
    snprintf(cache, sizeof cache, "%s/cache-%d", folder, me);
    snprintf(name, sizeof name, "actor-%d", me);
    o.name = name;
    o.cache_folder = cache;
    if (actor_link_open(&link, net, &o) != BS_OK) return NULL;
    uint64_t newest = UINT64_MAX;
    for (;;) {
        Status st = actor_link_next(link, &work, 500);
        if (st == BS_TIMEOUT) continue;
        if (st != BS_OK) break;
        if (work.weights.version != newest) {
            newest = work.weights.version;
            adopted_s[newest][me] = clock_s();
            atomic_fetch_add(&n_adopted[newest], 1);
        }
        for (uint32_t i = 0; i < work.n; i++) {
            Result r = {.epoch = work.tickets[i].epoch,
                        .id = work.tickets[i].id,
                        .weights = work.weights,
                        .n_steps = STEPS};
            r.actions = calloc(STEPS, 1);
            r.log_probs = calloc(STEPS, sizeof(float));
            if (actor_link_result(link, &r) != BS_OK) break;
        }
    }
    actor_link_close(link);
    return NULL;
}

static bool publish(LearnerLink *link, Cache *cache, uint64_t version) {
    static uint64_t blob[WEIGHTS_BYTES / 8];
    WeightsId w = {.epoch = 1, .version = version};
    for (size_t i = 0; i < WEIGHTS_BYTES / 8; i++) blob[i] = rng_mix(version, i);
    return cache_put(cache, blob, sizeof blob, &w.hash) == BS_OK && learner_link_publish(link, &w) == BS_OK;
}

/* One batch in, all trained. */
static bool update(LearnerLink *link) {
    uint64_t ids[BATCH];
    for (uint32_t n = 0; n < BATCH; n++) {
        Delivery d;
        if (learner_link_take(link, &d, 10000) != BS_OK || d.result.n_steps != STEPS) return false;
        ids[n] = d.ticket.id;
        result_drop(&d.result);
        learner_link_verdict(link, d.ticket.id, VERDICT_ACCEPT);
    }
    return learner_link_trained(link, ids, BATCH, false) == BS_OK;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void) {
    LearnerLink *link = NULL;
    Cache *cache = NULL;
    pthread_t threads[ACTORS];
    char cache_at[PATH_BYTES], why[400];
    log_open("bench", LOG_ERROR);
    snprintf(folder, sizeof folder, "/tmp/bandsaw-bench-XXXXXX");
    if (!mkdtemp(folder)) return 1;
    snprintf(cache_at, sizeof cache_at, "%s/cache", folder);
    LearnerLinkOptions o = {.epoch = 1,
                            .batch = BATCH,
                            .group = TICKET_GROUP,
                            .max_lag = 2,
                            .last_update = UINT64_MAX,
                            .make = make,
                            .needs_weights = needs_weights,
                            .cache_folder = cache_at};
    snprintf(o.listen.rendezvous, PATH_BYTES, "%s/rendezvous", folder);
    if (net_open(&net) != BS_OK || cache_open(&cache, cache_at) != BS_OK ||
        learner_link_open(&link, net, &o, NULL, 0) != BS_OK)
        return 1;
    for (int i = 0; i < ACTORS; i++) pthread_create(&threads[i], NULL, actor, (void *)(intptr_t)i);
    bool ok = publish(link, cache, 0) && update(link);

    /* Publish to adopted: the next version every 150 ms, while tickets flow. */
    double delay_ms[ROUNDS * ACTORS];
    int n = 0;
    uint64_t version = 0;
    for (int round = 0; round < ROUNDS && ok; round++) {
        ok = update(link);
        version++;
        double at_s = clock_s();
        ok = ok && publish(link, cache, version);
        at_s = clock_s();
        for (int i = 0; i < 400 && atomic_load(&n_adopted[version]) < ACTORS; i++) clock_sleep_ms(5);
        for (int a = 0; a < ACTORS; a++)
            if (adopted_s[version][a] > 0) delay_ms[n++] = 1000 * (adopted_s[version][a] - at_s);
    }
    double start_s = clock_s();
    for (int u = 0; u < UPDATES && ok; u++) ok = update(link) && publish(link, cache, ++version);
    double took_s = clock_s() - start_s;
    TicketCounters c;
    learner_link_counters(link, &c);
    ok = ok && counters_close(&c, why, sizeof why);
    learner_link_close(link);
    for (int i = 0; i < ACTORS; i++) pthread_join(threads[i], NULL);
    cache_close(cache);
    net_close(net);
    dir_remove(folder);
    if (!ok) {
        fprintf(stderr, "bench_net: %s\n", error_text());
        return 1;
    }
    qsort(delay_ms, (size_t)n, sizeof delay_ms[0], by_value);
    printf("net_tickets %.0f 1/s\n", UPDATES * BATCH / took_s);
    printf("net_steps %.0f 1/s\n", (double)UPDATES * BATCH * STEPS / took_s);
    if (n)
        printf("net_adopt_p50 %.1f ms\nnet_adopt_p99 %.1f ms\nnet_adopt_seen %d of %d\n", delay_ms[n / 2],
               delay_ms[n * 99 / 100], n, ROUNDS * ACTORS);
    return 0;
}
