/* The actor's link thread, and its fetcher: a second thread that pulls announced weights into the host's
 * cache over a socket of its own, so that neither the link nor the compute thread waits for bytes or disks.
 */
#include "common/net/actor_link.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/queue.h"
#include "common/core/rng.h"
#include "common/host/clock.h"
#include "common/host/log.h"
#include "common/net/blob_service.h"
#include "common/net/net_socket.h"

enum {
    COMMANDS_MAX = 256,
    WAIT_MS = 50,
    TICK_MS = 50,
    WATCH_MS = 250, /* how often the rendezvous is looked at */
    RETRY_MIN_MS = 100,
    RETRY_MAX_MS = 2000,
    CONNECT_MS = 2000,
    CONNECTING_WAIT_MS = 5,
    BYE_LINGER_MS = 300,
    FETCH_SILENT_MS = 2000,
    WEIGHTS_KEPT = 16, /* of what this process fetched */
};

typedef enum CommandType { COMMAND_WANT, COMMAND_FINISHED, COMMAND_FETCHED, COMMAND_CLOSE } CommandType;
typedef struct Command {
    CommandType type;
    Result result;
    WeightsId weights;
    bool ok;
} Command;

struct ActorLink {
    ActorProtocol protocol;
    Net *net;
    ReachOptions reach;
    Cache *cache;
    Queue *commands, *work, *fetches;
    pthread_t thread, fetcher;
    bool running, fetching;
    BlobClient *for_weights; /* the fetcher's */

    /* link thread */
    void *dealer;
    Rendezvous where;
    int64_t retry_ms, watch_ms;
    bool over, connecting;
    WireOut out;
    SocketIn in;

    /* compute thread */
    bool wanted;
    char *welcome_copy;
    BlobClient *from_featurizer, *from_learner;
    char featurizer_used[PATH_BYTES];

    pthread_mutex_t lock; /* of what follows */
    uint64_t offered;     /* first id of the group last offered */
    bool abandoned;       /* that group is not wanted any more */
    int64_t n_steps;
    char *welcome;
    char featurizer[PATH_BYTES];
    char closed[256]; /* why */
};

/* ---- link thread ---- */

static void set_text(char **to, const char *text) {
    char *copy = strdup(text ? text : "");
    if (!copy) return;
    free(*to);
    *to = copy;
}

static void hang_up(ActorLink *link, int64_t wait_ms) {
    socket_close(link->dealer, 0);
    link->dealer = NULL;
    link->connecting = false;
    link->retry_ms = clock_ms() + wait_ms;
}

static int64_t jitter_ms(void) {
    return RETRY_MIN_MS + (int64_t)(random_u64() % (RETRY_MAX_MS - RETRY_MIN_MS));
}

static void offer(ActorLink *link, const ActorWork *work) {
    pthread_mutex_lock(&link->lock);
    link->offered = work->tickets[0].id;
    link->abandoned = false;
    link->n_steps = 0;
    pthread_mutex_unlock(&link->lock);
    Status st = queue_push(link->work, work, 0); /* empty: one offer for each COMMAND_WANT */
    BS_ASSERT(st != BS_TIMEOUT);
}

static void sink(void *context, const ActorAction *a) {
    ActorLink *link = context;
    switch (a->type) {
    case ACTOR_SEND:
        if (link->dealer && wire_encode(a->message, &link->out) == BS_OK)
            (void)socket_send(link->dealer, false, 0, &link->out);
        break;
    case ACTOR_OFFER:
        offer(link, a->work);
        break;
    case ACTOR_FETCH:
        queue_push(link->fetches, a->weights, 0);
        break;
    case ACTOR_ABANDON:
        pthread_mutex_lock(&link->lock);
        link->abandoned = true;
        pthread_mutex_unlock(&link->lock);
        break;
    case ACTOR_WELCOMED:
        pthread_mutex_lock(&link->lock);
        set_text(&link->welcome, a->message->welcome.text);
        snprintf(link->featurizer, sizeof link->featurizer, "%s",
                 a->message->welcome.featurizer ? a->message->welcome.featurizer : "");
        pthread_mutex_unlock(&link->lock);
        break;
    case ACTOR_RECONNECT:
        hang_up(link, jitter_ms());
        break;
    case ACTOR_CLOSED:
        pthread_mutex_lock(&link->lock);
        snprintf(link->closed, sizeof link->closed, "%s", a->text);
        link->abandoned = true;
        pthread_mutex_unlock(&link->lock);
        link->over = true;
        queue_shut(link->work);
        break;
    }
}

static void step(ActorLink *link, ActorEvent event) {
    event.now_ms = clock_ms();
    actor_protocol_step(&link->protocol, &event, sink, link);
}

static void connect_when_due(ActorLink *link) {
    if (link->over) return;
    if (link->dealer && link->connecting) { /* HELLO would be lost before the connection stands */
        if (socket_writable(link->dealer)) {
            link->connecting = false;
            step(link, (ActorEvent){.type = ACTOR_CONNECTED});
        } else if (clock_ms() > link->retry_ms) {
            hang_up(link, WATCH_MS);
        }
        return;
    }
    if (link->dealer || clock_ms() < link->retry_ms) return;
    Status st = socket_reach(link->net, &link->reach, &link->where, &link->dealer);
    if (st == BS_OK && link->where.epoch < link->protocol.epoch) { /* left by a learner that is gone */
        hang_up(link, WATCH_MS);
    } else if (st != BS_OK) { /* nothing to reach yet: looking again costs a small file */
        log_debug("reach", "%s", error_text());
        link->retry_ms = clock_ms() + WATCH_MS;
    } else {
        link->connecting = true;
        link->retry_ms = clock_ms() + CONNECT_MS;
    }
}

/* A learner that starts again writes a new rendezvous: do not wait for five missed PINGs. And one that ended
 * says so there too, for those whom its BYE did not reach. */
static void watch(ActorLink *link) {
    Rendezvous now;
    if (link->over || clock_ms() < link->watch_ms || !link->where.role[0]) return;
    link->watch_ms = clock_ms() + WATCH_MS;
    if (rendezvous_read(link->reach.rendezvous, &now) != BS_OK || now.epoch < link->where.epoch) return;
    if (now.ended) {
        Message bye = {.type = MESSAGE_BYE, .epoch = now.epoch};
        if (now.epoch == link->protocol.epoch)
            step(link, (ActorEvent){.type = ACTOR_RECEIVE, .message = &bye});
        return;
    }
    if (now.epoch == link->where.epoch && strcmp(now.local, link->where.local) == 0 &&
        strcmp(now.remote, link->where.remote) == 0)
        return;
    hang_up(link, 0);
}

static void receive(ActorLink *link) {
    while (link->dealer && !link->over) {
        Status st = socket_receive(link->dealer, false, &link->in);
        if (st == BS_AGAIN) return;
        if (st != BS_OK) {
            log_warn("message", "%s", error_text());
            continue;
        }
        WireIn *in = link->in.wire;
        if (in->blob.type != BLOB_NONE) continue;
        step(link, (ActorEvent){.type = ACTOR_RECEIVE, .message = &in->message});
        if (in->message.type == MESSAGE_RESULT) result_drop(&in->message.result);
    }
}

static bool obey(ActorLink *link) {
    Command c;
    while (queue_pop(link->commands, &c, 0) == BS_OK) {
        if (c.type == COMMAND_CLOSE) return false;
        if (c.type == COMMAND_WANT) step(link, (ActorEvent){.type = ACTOR_WANT});
        if (c.type == COMMAND_FINISHED) step(link, (ActorEvent){.type = ACTOR_FINISHED, .result = &c.result});
        if (c.type == COMMAND_FETCHED)
            step(link, (ActorEvent){.type = ACTOR_FETCHED, .weights = c.weights, .ok = c.ok});
    }
    return true;
}

static void *link_main(void *argument) {
    ActorLink *link = argument;
    int64_t tick_ms = 0;
    while (obey(link)) {
        watch(link);
        connect_when_due(link);
        receive(link);
        if (clock_ms() - tick_ms >= TICK_MS) {
            tick_ms = clock_ms();
            pthread_mutex_lock(&link->lock);
            int64_t n_steps = link->n_steps;
            pthread_mutex_unlock(&link->lock);
            step(link, (ActorEvent){.type = ACTOR_STEPS, .n_steps = (uint32_t)n_steps});
            step(link, (ActorEvent){.type = ACTOR_TICK});
        }
        socket_wait(link->dealer, queue_fd(link->commands), link->connecting ? CONNECTING_WAIT_MS : WAIT_MS);
    }
    step(link, (ActorEvent){.type = ACTOR_END});
    queue_shut(link->work);
    socket_close(link->dealer, BYE_LINGER_MS);
    link->dealer = NULL;
    return NULL;
}

/* ---- fetcher ---- */

static void *fetch_main(void *argument) {
    ActorLink *link = argument;
    BlobClient *client = link->for_weights;
    Hash kept[WEIGHTS_KEPT];
    uint32_t n_kept = 0;
    WeightsId w;
    while (queue_pop(link->fetches, &w, -1) == BS_OK) {
        bool had = cache_has(link->cache, &w.hash);
        Status st = had ? BS_OK : blob_fetch(client, &w.hash, link->cache, FETCH_SILENT_MS);
        if (st == BS_OK) { /* map it once: that verifies it */
            FileMap map;
            st = cache_map(link->cache, &w.hash, &map);
            if (st == BS_OK) file_unmap(&map);
        }
        if (st != BS_OK && st != BS_CLOSED)
            log_warn("weights", "version=%llu %s", (unsigned long long)w.version, error_text());
        if (st == BS_OK && !had) {
            char path[PATH_BYTES];
            if (n_kept >= WEIGHTS_KEPT &&
                cache_path(link->cache, &kept[n_kept % WEIGHTS_KEPT], path) == BS_OK)
                unlink(path);
            kept[n_kept++ % WEIGHTS_KEPT] = w.hash;
        }
        Command c = {.type = COMMAND_FETCHED, .weights = w, .ok = st == BS_OK};
        if (queue_push(link->commands, &c, -1) != BS_OK) break;
    }
    return NULL;
}

/* ---- compute thread ---- */

Status actor_link_open(ActorLink **out, Net *net, const ActorLinkOptions *o) {
    ActorRules rules = {.slots = o->slots,
                        .env_version = o->env_version,
                        .give_up_ms = o->give_up_ms,
                        .incarnation = random_u64()};
    char host[128] = "";
    Status st = BS_OK;
    ActorLink *link = calloc(1, sizeof *link);
    if (!link) return fail(BS_NOMEM, "actor link: no memory");
    gethostname(host, sizeof host - 1);
    snprintf(rules.name, sizeof rules.name, "%.40s", o->name ? o->name : "actor");
    rules.place = rng_mix(hash_quick(host, strlen(host)), hash_quick(rules.name, strlen(rules.name)));
    link->net = net;
    link->reach = o->reach;
    pthread_mutex_init(&link->lock, NULL);
    wire_out_init(&link->out);
    link->welcome = strdup("");
    link->welcome_copy = strdup("");
    if (!link->welcome || !link->welcome_copy) TRY(fail(BS_NOMEM, "actor link: no memory"));
    TRY(actor_protocol_init(&link->protocol, &rules, clock_ms()));
    TRY(socket_in_init(&link->in));
    TRY(cache_open(&link->cache, o->cache_folder));
    TRY(queue_open(&link->commands, sizeof(Command), COMMANDS_MAX));
    TRY(queue_open(&link->work, sizeof(ActorWork), 1));
    TRY(queue_open(&link->fetches, sizeof(WeightsId), 4));
    TRY(blob_client_open(&link->for_weights, net, &link->reach));
    if (pthread_create(&link->fetcher, NULL, fetch_main, link) != 0)
        TRY(fail(BS_NOMEM, "actor link: no thread"));
    link->fetching = true;
    if (pthread_create(&link->thread, NULL, link_main, link) != 0)
        TRY(fail(BS_NOMEM, "actor link: no thread"));
    link->running = true;
    *out = link;
    link = NULL;
out:
    actor_link_close(link);
    return st;
}

void actor_link_close(ActorLink *link) {
    if (!link) return;
    Command c = {.type = COMMAND_CLOSE};
    if (link->fetching) { /* first: it may be waiting to tell the link thread something */
        queue_shut(link->fetches);
        blob_client_abort(link->for_weights);
        pthread_join(link->fetcher, NULL);
    }
    if (link->running) {
        queue_push(link->commands, &c, -1);
        pthread_join(link->thread, NULL);
    }
    while (link->commands && queue_pop(link->commands, &c, 0) == BS_OK)
        if (c.type == COMMAND_FINISHED) result_drop(&c.result);
    blob_client_close(link->for_weights);
    blob_client_close(link->from_featurizer);
    blob_client_close(link->from_learner);
    socket_close(link->dealer, 0);
    queue_close(link->commands);
    queue_close(link->work);
    queue_close(link->fetches);
    cache_close(link->cache);
    socket_in_drop(&link->in);
    wire_out_drop(&link->out);
    actor_protocol_drop(&link->protocol);
    pthread_mutex_destroy(&link->lock);
    free(link->welcome);
    free(link->welcome_copy);
    free(link);
}

Status actor_link_next(ActorLink *link, ActorWork *out, int timeout_ms) {
    Command want = {.type = COMMAND_WANT};
    if (!link->wanted) {
        Status st = queue_push(link->commands, &want, -1);
        if (st != BS_OK) return st;
        link->wanted = true;
    }
    Status st = queue_pop(link->work, out, timeout_ms);
    if (st == BS_OK) link->wanted = false;
    pthread_mutex_lock(&link->lock);
    set_text(&link->welcome_copy, link->welcome);
    if (st == BS_CLOSED) fail(BS_CLOSED, "%s", link->closed[0] ? link->closed : "the link is closed");
    pthread_mutex_unlock(&link->lock);
    return st;
}

const char *actor_link_welcome(ActorLink *link) { return link->welcome_copy; }

bool actor_link_progress(ActorLink *link, uint64_t first_ticket_id, int64_t n_steps) {
    pthread_mutex_lock(&link->lock);
    bool go_on = first_ticket_id == link->offered && !link->abandoned;
    if (go_on) link->n_steps = n_steps;
    pthread_mutex_unlock(&link->lock);
    return go_on;
}

Status actor_link_result(ActorLink *link, Result *result) {
    Command c = {.type = COMMAND_FINISHED, .result = *result};
    result->actions = NULL;
    result->log_probs = NULL;
    Status st = queue_push(link->commands, &c, -1);
    if (st != BS_OK) result_drop(&c.result);
    return st;
}

/* The client for Songs, made again when a WELCOME names another featurizer. */
static BlobClient *featurizer_client(ActorLink *link) {
    char path[PATH_BYTES];
    pthread_mutex_lock(&link->lock);
    memcpy(path, link->featurizer, sizeof path);
    pthread_mutex_unlock(&link->lock);
    if (strcmp(path, link->featurizer_used) != 0 || !path[0]) {
        blob_client_close(link->from_featurizer);
        link->from_featurizer = NULL;
    }
    if (path[0] && !link->from_featurizer) {
        ReachOptions reach = link->reach;
        memcpy(reach.rendezvous, path, sizeof path);
        if (blob_client_open(&link->from_featurizer, link->net, &reach) != BS_OK) return NULL;
        memcpy(link->featurizer_used, path, sizeof path);
    }
    return link->from_featurizer;
}

Status actor_link_blob(ActorLink *link, const Hash *hash, FileMap *map, int timeout_ms) {
    Status st = cache_map(link->cache, hash, map);
    if (st == BS_OK) return BS_OK;
    int64_t deadline_ms = clock_ms() + timeout_ms;
    for (bool first = true; first || clock_ms() < deadline_ms; first = false) {
        int64_t left = deadline_ms - clock_ms();
        int wait_ms = left < FETCH_SILENT_MS ? (left > 0 ? (int)left : 0) : FETCH_SILENT_MS;
        BlobClient *client = featurizer_client(link);
        st = client ? blob_fetch(client, hash, link->cache, wait_ms) : BS_NOT_FOUND;
        if (st != BS_OK) {
            if (!link->from_learner) st = blob_client_open(&link->from_learner, link->net, &link->reach);
            if (link->from_learner) st = blob_fetch(link->from_learner, hash, link->cache, wait_ms);
        }
        if (st == BS_OK) st = cache_map(link->cache, hash, map);
        if (st == BS_OK || st == BS_NOT_FOUND) return st;
    }
    return st;
}
