#pragma once
/* Learner: everything bandsaw-learner holds, and the acts of its main loop. One compute thread; the link
 * thread only reads the curriculum and the songs, which never change after learner_open. */
#include "common/metrics/metrics.h"
#include "common/net/blob_service.h"
#include "common/net/learner_link.h"
#include "learner/demos.h"
#include "learner/pool.h"
#include "learner/run.h"
#include "learner/update.h"

enum { SERVED_KEPT = 8 }; /* versions of the weights whose blobs stay in the cache */

typedef struct Learner {
    Settings settings;
    Run run;
    Net *net;
    Cache *cache;
    char cache_folder[PATH_BYTES], featurizer[PATH_BYTES];
    SongBook songs;
    Demos demos;
    Curriculum curriculum;
    Trainer *trainer;
    LearnerLink *link;
    Pool pool;

    uint64_t updates, total; /* made; to make */
    uint64_t first_update;   /* of this start */
    uint64_t env_steps, episodes;
    WeightsId served[SERVED_KEPT]; /* by version % SERVED_KEPT */
    ByteWriter previous;           /* lockstep with lag 1: the served blob before the newest */
    ByteWriter newest;

    /* the batch at hand */
    Episode **batch;       /* tickets' and demonstrations' episodes that can be trained on, by id */
    uint64_t *trained_ids; /* of the tickets, whether or not they could be trained on */
    int32_t n_batch, n_tickets, n_demos;
    UpdateStats stats;
    double wait_s, update_s;

    MetricsLog *log;
    MetricsServer *metrics;
    int metrics_port;
    double started_s, reported_s;
    volatile bool ready;
    uint64_t steps_reported;
    uint64_t n_failed_in_a_row;
    const volatile int *stop; /* set by a signal */
} Learner;

/* learner.c */
Status learner_open(Learner *l, const Settings *settings, const volatile int *stop);
void learner_close(Learner *l);
bool learner_stopped(const Learner *l);

/* collect.c: waits for the batch of the next update: results are replayed and judged as they come. BS_CLOSED
 * when stopped. */
Status learner_collect(Learner *l);

/* learner.c: one update with the batch at hand; BS_CLOSED when stopped, nothing has changed then. */
Status learner_train(Learner *l);
/* Saves the weights of version `updates` into the cache and tells every actor. */
Status learner_publish(Learner *l);

/* save.c */
Status learner_save(Learner *l);                        /* a checkpoint */
Status learner_restore(Learner *l, ByteWriter *ledger); /* from the newest; BS_NOT_FOUND when there is none */
Status learner_finish(Learner *l);                      /* policy, imitation and hash of a finished run */

/* report.c: metrics of the update just made, one line, status.json */
Status learner_record(Learner *l);
void learner_mirror_counters(Learner *l);
