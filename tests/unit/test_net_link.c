// needs: common/net common/host common/song
/* The links over real sockets: a learner in this process, actors as processes of their own (this program
 * again, "actor FOLDER SPEED"), with a policy that is a pure function of the ticket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/rng.h"
#include "common/host/clock.h"
#include "common/host/log.h"
#include "common/net/actor_link.h"
#include "common/net/blob_service.h"
#include "common/net/learner_link.h"

enum { BATCH = 32, KIND_NET = 0, KIND_PLAN = 5 };

static char folder[256];

/* Every test has its own, with its own rendezvous and caches. */
static void fresh_folder(void) {
    if (folder[0]) dir_remove(folder);
    snprintf(folder, sizeof folder, "/tmp/bandsaw-link-XXXXXX");
    assert_non_null(mkdtemp(folder));
}

static void path_in(char out[PATH_BYTES], const char *name) {
    snprintf(out, PATH_BYTES, "%s/%s", folder, name);
}

/* ---- the policy: weights are one number, and it shows in every log-probability ---- */

static void fake_episode(const Ticket *t, const void *weights, size_t n_bytes, Result *r) {
    Rng rng = rng_at(t->seed, n_bytes ? hash_quick(weights, n_bytes) : 0);
    *r = (Result){.epoch = t->epoch, .id = t->id, .n_steps = 8 + (int32_t)rng_below(&rng, 56)};
    r->actions = malloc((size_t)r->n_steps);
    r->log_probs = malloc((size_t)r->n_steps * sizeof(float));
    for (int32_t i = 0; i < r->n_steps; i++) {
        r->actions[i] = (uint8_t)rng_below(&rng, 200);
        r->log_probs[i] = -rng_f32(&rng);
    }
}

static int actor_main(const char *at, const char *speed) {
    Net *net = NULL;
    ActorLink *link = NULL;
    ActorLinkOptions o = {.name = "test", .slots = 2, .give_up_ms = 20000};
    ActorWork work;
    snprintf(folder, sizeof folder, "%s", at);
    path_in(o.reach.rendezvous, "rendezvous");
    char cache[PATH_BYTES], name[32];
    path_in(cache, "actor-cache");
    o.cache_folder = cache;
    snprintf(name, sizeof name, "test-%d", (int)getpid());
    o.name = name;
    o.env_version = atoi(speed) < 0 ? 8 : 7;
    if (net_open(&net) != BS_OK || actor_link_open(&link, net, &o) != BS_OK) return 2;
    int pause_ms = atoi(speed);
    for (;;) {
        Status st = actor_link_next(link, &work, 1000);
        if (st == BS_TIMEOUT) continue;
        if (st != BS_OK) break;
        FileMap map = {0};
        FileMap song = {0};
        if (strcmp(actor_link_welcome(link), "songs") == 0) { /* from the featurizer that WELCOME named */
            if (actor_link_blob(link, &work.tickets[0].song, &song, 5000) != BS_OK) return 6;
            Hash is = hash_bytes(song.bytes, song.n_bytes);
            if (!hash_equal(&is, &work.tickets[0].song)) return 7;
            file_unmap(&song);
        }
        bool needs = !hash_is_zero(&work.weights.hash);
        if (needs && actor_link_blob(link, &work.weights.hash, &map, 5000) != BS_OK) return 3;
        for (uint32_t i = 0; i < work.n; i++) {
            Result r;
            if (!actor_link_progress(link, work.tickets[0].id, (int64_t)i * 8)) break;
            if (pause_ms) clock_sleep_ms(pause_ms);
            fake_episode(&work.tickets[i], map.bytes, map.n_bytes, &r);
            r.weights = work.weights;
            actor_link_result(link, &r);
        }
        if (needs) file_unmap(&map);
    }
    int rc = strstr(error_text(), "ended the run") ? 0 : strstr(error_text(), "environment") ? 5 : 4;
    actor_link_close(link);
    net_close(net);
    return rc;
}

static pid_t start_actor(const char *speed) {
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "test_net_link", "actor", folder, speed, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static int wait_for(pid_t pid) {
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- the learner ---- */

/* context: the hashes of two Songs, or NULL where actors need none. */
static void make(void *context, uint64_t id, Ticket *out) {
    const Hash *songs = context;
    out->seed = rng_mix(7, id);
    if (songs) out->song = songs[id / TICKET_GROUP % 2];
    out->kind = KIND_NET;
    out->job.lo_samples = 1000;
    out->job.hi_samples = 2000 + (int64_t)(id % TICKET_GROUP / 4);
    out->job.start_unit = out->job.end_unit = -1;
}
static bool needs_weights(uint8_t kind) { return kind == KIND_NET; }

typedef struct Side {
    Net *net;
    Cache *cache;
    LearnerLink *link;
    char cache_folder[PATH_BYTES];
    uint64_t epoch;
    Hash songs[2]; /* [1] lies in the learner's cache only */
    Cache *song_cache;
    BlobServer *featurizer;
} Side;

/* A featurizer that holds one Song, beside the learner that holds the other. */
static void songs_start(Side *s, char rendezvous[PATH_BYTES]) {
    ListenOptions listen = {0};
    char path[PATH_BYTES];
    static uint8_t bytes[3000000];
    path_in(path, "song-cache");
    path_in(listen.rendezvous, "featurizer");
    memcpy(rendezvous, listen.rendezvous, PATH_BYTES);
    assert_int_equal(cache_open(&s->song_cache, path), BS_OK);
    assert_int_equal(cache_put(s->song_cache, bytes, sizeof bytes, &s->songs[0]), BS_OK);
    assert_int_equal(cache_put(s->cache, bytes, sizeof bytes - 1, &s->songs[1]), BS_OK);
    assert_int_equal(blob_serve(&s->featurizer, s->net, &listen, "featurizer", s->song_cache, NULL), BS_OK);
}

static bool with_songs;

static void learner_start(Side *s, RunMode mode, uint32_t max_lag, uint64_t last_update, uint64_t epoch,
                          const ByteWriter *ledger) {
    LearnerLinkOptions o = {.mode = mode,
                            .batch = BATCH,
                            .group = TICKET_GROUP,
                            .max_lag = max_lag,
                            .last_update = last_update,
                            .epoch = epoch,
                            .check_one_in = 4,
                            .make = make,
                            .needs_weights = needs_weights,
                            .env_version = 7,
                            .welcome = "hello"};
    memset(s, 0, sizeof *s);
    s->epoch = epoch;
    path_in(o.listen.rendezvous, "rendezvous");
    path_in(s->cache_folder, "learner-cache");
    o.cache_folder = s->cache_folder;
    assert_int_equal(net_open(&s->net), BS_OK);
    assert_int_equal(cache_open(&s->cache, s->cache_folder), BS_OK);
    char featurizer[PATH_BYTES];
    if (with_songs) {
        songs_start(s, featurizer);
        o.make_context = s->songs;
        o.featurizer_rendezvous = featurizer;
        o.welcome = "songs";
    }
    assert_int_equal(
        learner_link_open(&s->link, s->net, &o, ledger ? ledger->bytes : NULL, ledger ? ledger->n_bytes : 0),
        BS_OK);
}

static void learner_stop(Side *s) {
    learner_link_close(s->link);
    blob_serve_stop(s->featurizer);
    cache_close(s->song_cache);
    cache_close(s->cache);
    net_close(s->net);
}

static void publish(Side *s, uint64_t version, uint64_t value) {
    WeightsId w = {.epoch = s->epoch, .version = version};
    uint64_t blob[64];
    for (int i = 0; i < 64; i++) blob[i] = rng_mix(value, (uint64_t)i);
    assert_int_equal(cache_put(s->cache, blob, sizeof blob, &w.hash), BS_OK);
    assert_int_equal(learner_link_publish(s->link, &w), BS_OK);
}

static void check_counters(Side *s, TicketCounters *c) {
    ByteWriter w;
    char why[512];
    bytes_init(&w, 1 << 20);
    assert_int_equal(learner_link_snapshot(s->link, &w), BS_OK); /* also: all commands so far are done */
    bytes_drop(&w);
    learner_link_counters(s->link, c);
    assert_true(counters_close(c, why, sizeof why));
}

/* The replay: the ticket run again with the weights it names must give the same bytes. */
static void check_delivery(Side *s, const Delivery *d) {
    FileMap map;
    Result again;
    assert_false(d->result.failed);
    assert_int_equal(cache_map(s->cache, &d->result.weights.hash, &map), BS_OK);
    fake_episode(&d->ticket, map.bytes, map.n_bytes, &again);
    file_unmap(&map);
    assert_int_equal(again.n_steps, d->result.n_steps);
    assert_memory_equal(again.actions, d->result.actions, (size_t)again.n_steps);
    assert_memory_equal(again.log_probs, d->result.log_probs, (size_t)again.n_steps * sizeof(float));
    result_drop(&again);
}

/* One update: a batch of results in, trained, the next version out. In lockstep exactly the update's ids. */
static uint64_t trained_ids[BATCH];

static void update(Side *s, uint64_t u, RunMode mode) {
    static Delivery early[4 * BATCH]; /* lockstep: results of the next update may come first */
    static uint32_t n_early;
    uint32_t n = 0;
    if (u == 0 || mode == RUN_ASYNC) n_early = 0;
    while (n < BATCH) {
        Delivery d;
        Status st = BS_NOT_FOUND;
        for (uint32_t i = 0; i < n_early; i++) {
            if (early[i].ticket.id / BATCH != u) continue;
            d = early[i];
            early[i] = early[--n_early];
            st = BS_OK;
            break;
        }
        if (st != BS_OK) {
            st = learner_link_take(s->link, &d, 15000);
            assert_int_equal(st, BS_OK);
            check_delivery(s, &d);
            result_drop(&d.result);
            assert_int_equal(d.result.weights.epoch, s->epoch);
            assert_int_equal(learner_link_verdict(s->link, d.ticket.id, VERDICT_ACCEPT), BS_OK);
        }
        if (mode == RUN_LOCKSTEP && d.ticket.id / BATCH != u) {
            early[n_early++] = d;
            continue;
        }
        if (mode == RUN_LOCKSTEP) assert_int_equal(d.result.weights.version, u ? u - 1 : 0);
        trained_ids[n++] = d.ticket.id;
    }
    assert_int_equal(learner_link_trained(s->link, trained_ids, n, false), BS_OK);
    publish(s, u + 1, u + 1);
}

static void tickets_songs_and_weights_reach_the_actor_and_results_come_back(void **state) {
    (void)state;
    Side s;
    TicketCounters c;
    fresh_folder();
    with_songs = true;
    learner_start(&s, RUN_ASYNC, 2, 10, 1, NULL);
    with_songs = false;
    pid_t actor = start_actor("0");
    publish(&s, 0, 0);
    for (uint64_t u = 0; u < 10; u++) update(&s, u, RUN_ASYNC);
    check_counters(&s, &c);
    assert_int_equal(c.trained, 10 * BATCH);
    assert_true(c.actors == 1);
    learner_stop(&s);
    assert_int_equal(wait_for(actor), 0);
}

/* ---- the learner as a process of its own, to be killed: "learner FOLDER EPOCH MODE UPDATES" ----
 * Its checkpoint is one file: version, the ids trained so far, the ledger. */

typedef struct Checkpoint {
    uint64_t version, n_trained, trained[4096];
} Checkpoint;

static void checkpoint_write(Side *s, Checkpoint *c) {
    ByteWriter w;
    char path[PATH_BYTES];
    path_in(path, "checkpoint");
    bytes_init(&w, 1 << 20);
    bytes_put(&w, c, sizeof *c);
    assert_int_equal(learner_link_snapshot(s->link, &w), BS_OK);
    assert_int_equal(file_replace(path, w.bytes, w.n_bytes), BS_OK);
    bytes_drop(&w);
}

static bool checkpoint_read(Checkpoint *c, ByteWriter *ledger) {
    void *bytes = NULL;
    size_t n = 0;
    char path[PATH_BYTES];
    path_in(path, "checkpoint");
    if (!file_exists(path) || file_read(path, 1 << 20, &bytes, &n) != BS_OK) return false;
    memcpy(c, bytes, sizeof *c);
    if (ledger) bytes_put(ledger, (char *)bytes + sizeof *c, n - sizeof *c);
    free(bytes);
    return true;
}

static char learner_args[3][16]; /* epoch, mode, updates */

static void learner_process(void **state) {
    (void)state;
    static Checkpoint c;
    ByteWriter ledger;
    Side s;
    uint64_t epoch = strtoull(learner_args[0], NULL, 10), updates = strtoull(learner_args[2], NULL, 10);
    RunMode mode = strcmp(learner_args[1], "lockstep") == 0 ? RUN_LOCKSTEP : RUN_ASYNC;
    bytes_init(&ledger, 1 << 20);
    bool resumed = checkpoint_read(&c, &ledger);
    learner_start(&s, mode, 1, updates, epoch, resumed ? &ledger : NULL);
    if (mode == RUN_LOCKSTEP && c.version) publish(&s, c.version - 1, c.version - 1);
    publish(&s, c.version, c.version);
    while (c.version < updates) {
        update(&s, c.version, mode);
        memcpy(c.trained + c.n_trained, trained_ids, sizeof trained_ids);
        c.n_trained += BATCH;
        c.version++;
        checkpoint_write(&s, &c);
    }
    TicketCounters counters;
    check_counters(&s, &counters);
    assert_int_equal(counters.trained, updates * BATCH);
    for (int i = 0; i < 1000 && counters.actors < 3; i++) { /* so that all are told BYE */
        clock_sleep_ms(10);
        learner_link_counters(s.link, &counters);
    }
    assert_int_equal(counters.actors, 3);
    bytes_drop(&ledger);
    learner_stop(&s);
}

static pid_t start_learner(const char *epoch, const char *mode, const char *updates) {
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "test_net_link", "learner", folder, epoch, mode, updates, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void wait_for_version(uint64_t version) {
    static Checkpoint c;
    for (int i = 0; i < 1500; i++) {
        if (checkpoint_read(&c, NULL) && c.version >= version) return;
        clock_sleep_ms(10);
    }
    assert_true(!"the learner gets on");
}

static void a_killed_learner_resumes_with_a_new_epoch_and_the_same_actors(void **state) {
    const char *mode = *state;
    static Checkpoint c;
    fresh_folder();
    pid_t actors[3], learner = start_learner("1", mode, "12");
    for (int i = 0; i < 3; i++) actors[i] = start_actor("1");
    wait_for_version(3);
    kill(learner, SIGKILL);
    assert_int_equal(wait_for(learner), -1);
    learner = start_learner("2", mode, "12");
    assert_int_equal(wait_for(learner), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(wait_for(actors[i]), 0); /* told BYE: they lived through it */
    assert_true(checkpoint_read(&c, NULL));
    assert_int_equal(c.n_trained, 12 * BATCH);
    for (uint64_t i = 0; i < c.n_trained; i++)
        for (uint64_t j = 0; j < i; j++) assert_true(c.trained[i] != c.trained[j]);
}

static void tickets_of_a_killed_actor_run_elsewhere(void **state) {
    (void)state;
    Side s;
    TicketCounters c;
    pid_t actors[3];
    fresh_folder();
    learner_start(&s, RUN_LOCKSTEP, 1, 8, 1, NULL);
    for (int i = 0; i < 3; i++) actors[i] = start_actor("5");
    publish(&s, 0, 0);
    for (uint64_t u = 0; u < 2; u++) update(&s, u, RUN_LOCKSTEP);
    kill(actors[1], SIGKILL);
    double killed_s = clock_s();
    wait_for(actors[1]);
    for (uint64_t u = 2; u < 8; u++) update(&s, u, RUN_LOCKSTEP);
    double took_s = clock_s() - killed_s;
    print_message("kill -9 of an actor: 6 updates later after %.1f s\n", took_s);
    assert_true(took_s < 7);
    check_counters(&s, &c);
    assert_int_equal(c.trained, 8 * BATCH);
    assert_int_equal(c.failed, 0);
    assert_true(c.reissued > 0);
    assert_int_equal(c.mismatched, 0);
    assert_true(c.checked > 0); /* one ticket in four ran twice */
    learner_stop(&s);
    assert_int_equal(wait_for(actors[0]), 0);
    assert_int_equal(wait_for(actors[2]), 0);
}

static void an_actor_with_another_environment_is_refused(void **state) {
    (void)state;
    Side s;
    fresh_folder();
    learner_start(&s, RUN_ASYNC, 1, 8, 1, NULL);
    publish(&s, 0, 0);
    pid_t actor = start_actor("-1");
    assert_int_equal(wait_for(actor), 5);
    learner_stop(&s);
}

int main(int argc, char **argv) {
    log_open("test", getenv("BANDSAW_LOG") ? LOG_DEBUG : LOG_ERROR);
    if (argc == 4 && strcmp(argv[1], "actor") == 0) return actor_main(argv[2], argv[3]);
    if (argc == 6 && strcmp(argv[1], "learner") == 0) {
        snprintf(folder, sizeof folder, "%s", argv[2]);
        for (int i = 0; i < 3; i++) snprintf(learner_args[i], sizeof learner_args[i], "%s", argv[3 + i]);
        const struct CMUnitTest process[] = {cmocka_unit_test(learner_process)};
        if (!freopen("/dev/null", "w", stdout)) return 1; /* errors are on stderr */
        return cmocka_run_group_tests(process, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tickets_songs_and_weights_reach_the_actor_and_results_come_back),
        cmocka_unit_test(tickets_of_a_killed_actor_run_elsewhere),
        cmocka_unit_test_prestate(a_killed_learner_resumes_with_a_new_epoch_and_the_same_actors, "async"),
        cmocka_unit_test_prestate(a_killed_learner_resumes_with_a_new_epoch_and_the_same_actors, "lockstep"),
        cmocka_unit_test(an_actor_with_another_environment_is_refused),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    if (folder[0]) dir_remove(folder);
    return rc;
}
