/* bandsaw-actor: runs tickets. Asks nothing of whoever starts it but where the learner is.
 *
 *     for each group of tickets:
 *         its Song and weights, from the host's cache or whoever has them
 *         run every ticket as one whole episode
 *         send back what was done: actions and log-probabilities
 *
 * SIGTERM says BYE, so the tickets at hand go to others at once; kill -9 costs them five missed PINGs. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "actor/perform.h"
#include "actor/settings.h"
#include "common/host/clock.h"
#include "common/host/log.h"
#include "common/metrics/metrics.h"
#include "common/net/actor_link.h"

enum { NEXT_MS = 200, BLOB_MS = 60000, OVER_S = 5 };

typedef struct Actor {
    Settings settings;
    Net *net;
    ActorLink *link;
    MetricsServer *metrics;
    Shelf shelf;
    Performer performer;
    uint64_t running;      /* first ticket of the group at hand */
    int64_t steps_counted; /* of that group */
} Actor;

static volatile sig_atomic_t stop;

static void on_signal(int number) {
    (void)number;
    stop = 1;
}

static void listen_for_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static bool healthy(void *context, char *reason, size_t n) {
    (void)context;
    snprintf(reason, n, "%s", stop ? "stopping" : "");
    return !stop;
}

static Status actor_open(Actor *a) {
    Status st = BS_OK;
    const Settings *s = &a->settings;
    char cache[PATH_BYTES];
    int port = (int)s->metrics_port;
    if (!s->rendezvous[0])
        return fail(BS_INVALID, "--rendezvous FILE is needed: RUN/rendezvous of the learner");
    if (s->cache[0])
        snprintf(cache, sizeof cache, "%s", s->cache);
    else
        TRY(cache_default_folder(cache));
    TRY(performer_init(&a->performer));
    if (port >= 0) TRY(metrics_serve(&a->metrics, s->metrics_bind, &port, s->name, healthy, a));
    TRY(net_open(&a->net));
    ActorLinkOptions o = {.name = s->name,
                          .cache_folder = cache,
                          .slots = (uint32_t)s->slots,
                          .env_version = ENV_VERSION,
                          .give_up_ms = s->give_up_s < 0 ? -1 : 1000 * s->give_up_s};
    snprintf(o.reach.rendezvous, sizeof o.reach.rendezvous, "%s", s->rendezvous);
    snprintf(o.reach.keys, sizeof o.reach.keys, "%s", s->keys);
    TRY(actor_link_open(&a->link, a->net, &o));
    log_info("start", "rendezvous=%s slots=%" PRId64, s->rendezvous, s->slots);
out:
    return st;
}

static void actor_close(Actor *a) {
    if (a->link) actor_link_close(a->link);
    performer_drop(&a->performer);
    shelf_drop(&a->shelf);
    if (a->net) net_close(a->net);
    if (a->metrics) metrics_serve_stop(a->metrics);
}

/* ---- one group ---------------------------------------------------------------------------------- */

static void forget_policies(void *context) { performer_forget(context); }

static Status find_song(Actor *a, const Hash *hash, const EnvSong **es) {
    Status st = BS_OK;
    FileMap map = {0};
    if ((*es = shelf_find(&a->shelf, hash))) return BS_OK;
    TRY(actor_link_blob(a->link, hash, &map, BLOB_MS));
    TRY(shelf_put(&a->shelf, hash, map.bytes, map.n_bytes, forget_policies, &a->performer, es));
out:
    if (map.bytes) file_unmap(&map);
    return st == BS_OK ? st : fail_in(st, "song");
}

static Status find_policy(Actor *a, PolicyKind kind, const WeightsId *weights) {
    Status st = BS_OK;
    FileMap map = {0};
    if ((unsigned)kind >= POLICY_KINDS)
        return fail(BS_UNSUPPORTED, "policy kind %d is unknown here", (int)kind);
    if (performer_has(&a->performer, kind, &weights->hash)) return BS_OK;
    if (policy_needs_weights(kind)) TRY(actor_link_blob(a->link, &weights->hash, &map, BLOB_MS));
    TRY(performer_load(&a->performer, kind, &weights->hash, map.bytes, map.n_bytes));
out:
    if (map.bytes) file_unmap(&map);
    return st == BS_OK ? st : fail_in(st, "weights");
}

static bool on_progress(void *context, int64_t n_steps) {
    Actor *a = context;
    if (n_steps > a->steps_counted) {
        metric_add(M_ACTOR_STEPS, (double)(n_steps - a->steps_counted));
        a->steps_counted = n_steps;
    }
    return !stop && actor_link_progress(a->link, a->running, n_steps);
}

static Status run_group(Actor *a, const ActorWork *w, Result *results) {
    Status st = BS_OK;
    const EnvSong *es;
    double start = clock_s();
    a->running = w->tickets[0].id;
    a->steps_counted = 0;
    TRY(find_song(a, &w->tickets[0].song, &es));
    TRY(find_policy(a, (PolicyKind)w->tickets[0].kind, &w->weights));
    metric_add(M_ACTOR_WAIT, clock_s() - start);
    TRY(performer_run(&a->performer, es, (int32_t)w->n, w->tickets, &w->weights, on_progress, a, results));
    metric_add(M_ACTOR_EPISODES, w->n);
    log_debug("group", "first=%" PRIu64 " n=%u seconds=%.3f", a->running, w->n, clock_s() - start);
out:
    if (st == BS_OK || st == BS_CLOSED) return st;
    log_warn("group-failed", "first=%" PRIu64 " reason=\"%s\"", a->running, error_text());
    char reason[sizeof results->reason];
    snprintf(reason, sizeof reason, "%s", error_text());
    for (uint32_t i = 0; i < w->n; i++) result_failed(&results[i], &w->tickets[i], reason);
    return BS_OK;
}

/* A learner that ends says so in its rendezvous, for actors that start too late to hear its BYE. They wait a
 * little: the next learner of the run may be about to write its own. */
static bool run_over(const Actor *a, double *since_s) {
    Rendezvous r;
    bool over = rendezvous_read(a->settings.rendezvous, &r) == BS_OK && r.ended;
    if (!over) *since_s = clock_s();
    return clock_s() - *since_s > OVER_S;
}

static Status act(Actor *a) {
    Status st = BS_OK;
    double not_over_s = clock_s();
    static ActorWork work;
    Result results[TICKET_GROUP];
    while (!stop) {
        double start = clock_s();
        st = actor_link_next(a->link, &work, NEXT_MS);
        metric_add(M_ACTOR_WAIT, clock_s() - start);
        if (st == BS_TIMEOUT) {
            if (!run_over(a, &not_over_s)) continue;
            log_info("end", "the run of this rendezvous is over");
            return BS_OK;
        }
        if (st == BS_CLOSED) {
            log_info("end", "%s", error_text());
            return BS_OK;
        }
        TRY(st);
        not_over_s = clock_s();
        if (run_group(a, &work, results) == BS_CLOSED) continue; /* every ticket of it was cancelled */
        for (uint32_t i = 0; i < work.n; i++) TRY(actor_link_result(a->link, &results[i]));
    }
    st = BS_OK;
out:
    return st;
}

int main(int argc, char **argv) {
    static Actor actor;
    int n_positional = 0;
    bool help = false;
    Status st = config_parse(&actor_config, &actor.settings, argc, argv, NULL, 0, &n_positional, &help);
    if (help) return 0;
    if (st == BS_OK) {
        log_open(actor.settings.name, log_level_named(actor.settings.log));
        listen_for_signals();
        st = actor_open(&actor);
        if (st == BS_OK) st = act(&actor);
    }
    if (st != BS_OK) fprintf(stderr, "bandsaw-actor: %s\n", error_text());
    actor_close(&actor);
    return st == BS_OK ? 0 : 1;
}
