/* The learner's link thread: sockets and the state machine on one side, queues to the learner on the other.
 *
 * It never waits for the learner: there is room for a Delivery of every ticket that can be out. */
#include "common/net/learner_link.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/queue.h"
#include "common/host/clock.h"
#include "common/host/log.h"
#include "common/net/net_socket.h"
#include "common/protocol/learner_protocol.h"

enum {
    COMMANDS_MAX = 1024,
    WAIT_MS = 50,
    TICK_MS = 100,
    TURN_MS = 20,     /* then commands and the clock have their turn */
    WEIGHTS_KEPT = 8, /* older blobs are removed from the cache */
    BYE_MS = 300,
    BYE_LINGER_MS = 500,
    LOST_MAX = 64,
};

typedef enum CommandType {
    COMMAND_PUBLISH,
    COMMAND_VERDICT,
    COMMAND_TRAINED,
    COMMAND_EVALUATE,
    COMMAND_SNAPSHOT,
    COMMAND_CLOSE
} CommandType;

typedef struct Command {
    CommandType type;
    WeightsId weights;
    uint64_t id;
    Verdict verdict;
    void *list; /* owned: ids or tickets */
    uint32_t n;
    bool too_old;
    ByteWriter *snapshot;
} Command;

struct LearnerLink {
    LearnerProtocol protocol;
    Net *net;
    Cache *cache;
    void *router;
    Rendezvous where;
    char rendezvous[PATH_BYTES];
    char *welcome, *featurizer;
    Queue *commands, *deliveries, *replies;
    pthread_t thread;
    bool running;
    WireOut out;
    SocketIn in;
    Hash kept[WEIGHTS_KEPT];
    uint32_t n_kept;
    uint64_t lost[LOST_MAX]; /* peers found gone while sending; told to the state machine after its step */
    uint32_t n_lost;
    pthread_mutex_t lock;
    TicketCounters counters; /* under lock */
};

static void sink(void *context, const LearnerAction *a) {
    LearnerLink *link = context;
    if (a->type == LEARNER_REPORT) log_info("link", "%s", a->text);
    if (a->type == LEARNER_SEND) {
        Message *m = (Message *)(uintptr_t)a->message;
        if (m->type == MESSAGE_WELCOME) {
            m->welcome.text = link->welcome;
            m->welcome.featurizer = link->featurizer;
        }
        Status st = wire_encode(m, &link->out);
        if (st == BS_OK) st = socket_send(link->router, true, a->peer, &link->out);
        if (st == BS_CLOSED && link->n_lost < LOST_MAX) link->lost[link->n_lost++] = a->peer;
        if (st != BS_OK && st != BS_AGAIN && st != BS_CLOSED) log_warn("send", "%s", error_text());
    }
    if (a->type == LEARNER_DELIVER) {
        Delivery d = {.ticket = *a->ticket, .result = *a->result};
        a->result->actions = NULL;
        a->result->log_probs = NULL;
        Status st = queue_push(link->deliveries, &d, 0);
        BS_ASSERT(st != BS_TIMEOUT);
        if (st != BS_OK) result_drop(&d.result);
    }
}

static void step(LearnerLink *link, LearnerEvent event) {
    event.now_ms = clock_ms();
    if (learner_protocol_step(&link->protocol, &event, sink, link) != BS_OK)
        log_error("protocol", "%s", error_text());
    while (link->n_lost) {
        LearnerEvent lost = {
            .type = LEARNER_LOST, .now_ms = event.now_ms, .peer = link->lost[--link->n_lost]};
        (void)learner_protocol_step(&link->protocol, &lost, sink, link);
    }
}

static void receive(LearnerLink *link) {
    int64_t until_ms = clock_ms() + TURN_MS;
    do {
        Status st = socket_receive(link->router, true, &link->in);
        if (st == BS_AGAIN) return;
        if (st != BS_OK) {
            log_warn("message", "%s", error_text());
            continue;
        }
        WireIn *in = link->in.wire;
        if (in->blob.type == BLOB_GET) {
            socket_answer_get(link->router, link->in.peer, link->cache, &in->blob, &link->out);
        } else if (in->blob.type == BLOB_NONE) {
            step(link,
                 (LearnerEvent){.type = LEARNER_RECEIVE, .peer = link->in.peer, .message = &in->message});
            if (in->message.type == MESSAGE_RESULT) result_drop(&in->message.result);
        }
    } while (clock_ms() < until_ms);
}

/* The cache holds the newest few versions only. */
static void keep_weights(LearnerLink *link, const Hash *hash) {
    if (hash_is_zero(hash)) return;
    for (uint32_t i = 0; i < link->n_kept; i++) {
        if (!hash_equal(&link->kept[i], hash)) continue;
        memmove(&link->kept[i], &link->kept[i + 1], (link->n_kept - i - 1) * sizeof *hash);
        link->n_kept--;
    }
    if (link->n_kept == WEIGHTS_KEPT) {
        char path[PATH_BYTES];
        if (cache_path(link->cache, &link->kept[0], path) == BS_OK) unlink(path);
        memmove(&link->kept[0], &link->kept[1], (WEIGHTS_KEPT - 1) * sizeof *hash);
        link->n_kept--;
    }
    link->kept[link->n_kept++] = *hash;
}

static void publish_counters(LearnerLink *link) {
    TicketCounters c;
    learner_protocol_counters(&link->protocol, &c);
    pthread_mutex_lock(&link->lock);
    link->counters = c;
    pthread_mutex_unlock(&link->lock);
}

static bool obey(LearnerLink *link) {
    Command c;
    while (queue_pop(link->commands, &c, 0) == BS_OK) {
        switch (c.type) {
        case COMMAND_PUBLISH:
            keep_weights(link, &c.weights.hash);
            step(link, (LearnerEvent){.type = LEARNER_PUBLISH, .weights = &c.weights});
            break;
        case COMMAND_VERDICT:
            step(link, (LearnerEvent){.type = LEARNER_VERDICT, .id = c.id, .verdict = c.verdict});
            break;
        case COMMAND_TRAINED:
            step(link,
                 (LearnerEvent){.type = LEARNER_TRAINED, .ids = c.list, .n = c.n, .too_old = c.too_old});
            break;
        case COMMAND_EVALUATE:
            step(link, (LearnerEvent){.type = LEARNER_EVALUATE, .tickets = c.list, .n = c.n});
            break;
        case COMMAND_SNAPSHOT: {
            learner_protocol_snapshot(&link->protocol, c.snapshot);
            publish_counters(link);
            Status st = c.snapshot->bad ? BS_NOMEM : BS_OK;
            queue_push(link->replies, &st, 0);
            break;
        }
        case COMMAND_CLOSE:
            return false;
        }
        free(c.list);
    }
    return true;
}

/* Whoever still speaks is told that the run is over. Reading on matters: a socket closed with unread bytes
 * takes what it sent last with it. */
static void say_bye(LearnerLink *link) {
    TicketCounters c;
    Message bye = {.type = MESSAGE_BYE, .epoch = link->protocol.rules.epoch};
    learner_protocol_counters(&link->protocol, &c);
    rendezvous_end(link->rendezvous, &link->where);
    step(link, (LearnerEvent){.type = LEARNER_END});
    publish_counters(link);
    for (int64_t until_ms = clock_ms() + (c.actors ? BYE_MS : 0); clock_ms() < until_ms;) {
        Status st = socket_receive(link->router, true, &link->in);
        if (st == BS_AGAIN) socket_wait(link->router, -1, 20);
        if (st != BS_OK || link->in.wire->blob.type != BLOB_NONE) continue;
        if (link->in.wire->message.type == MESSAGE_RESULT) result_drop(&link->in.wire->message.result);
        if (link->in.wire->message.type == MESSAGE_BYE) continue;
        if (wire_encode(&bye, &link->out) == BS_OK)
            (void)socket_send(link->router, true, link->in.peer, &link->out);
    }
}

static void *link_main(void *argument) {
    LearnerLink *link = argument;
    int64_t tick_ms = clock_ms();
    while (obey(link)) {
        receive(link);
        if (clock_ms() - tick_ms >= TICK_MS) {
            tick_ms = clock_ms();
            step(link, (LearnerEvent){.type = LEARNER_TICK});
        }
        publish_counters(link);
        socket_wait(link->router, queue_fd(link->commands), WAIT_MS);
    }
    say_bye(link);
    queue_shut(link->deliveries);
    socket_close(link->router, BYE_LINGER_MS);
    link->router = NULL;
    return NULL;
}

Status learner_link_open(LearnerLink **out, Net *net, const LearnerLinkOptions *o, const void *ledger,
                         size_t ledger_bytes) {
    LearnerRules rules = {.epoch = o->epoch,
                          .mode = o->mode,
                          .batch = o->batch,
                          .group = o->group,
                          .max_lag = o->max_lag,
                          .last_update = o->last_update,
                          .check_one_in = o->check_one_in,
                          .env_version = o->env_version,
                          .make = o->make,
                          .make_context = o->make_context,
                          .needs_weights = o->needs_weights};
    Status st = BS_OK;
    LearnerLink *link = calloc(1, sizeof *link);
    if (!link) return fail(BS_NOMEM, "learner link: no memory");
    link->net = net;
    pthread_mutex_init(&link->lock, NULL);
    wire_out_init(&link->out);
    TRY(learner_protocol_init(&link->protocol, &rules, ledger, ledger_bytes));
    publish_counters(link);
    TRY(socket_in_init(&link->in));
    link->welcome = strdup(o->welcome ? o->welcome : "");
    link->featurizer = strdup(o->featurizer_rendezvous ? o->featurizer_rendezvous : "");
    if (!link->welcome || !link->featurizer) TRY(fail(BS_NOMEM, "learner link: no memory"));
    if (strlen(link->welcome) + strlen(link->featurizer) > WELCOME_MAX_BYTES)
        TRY(fail(BS_TOO_BIG, "the welcome text is longer than %d bytes", WELCOME_MAX_BYTES));
    TRY(cache_open(&link->cache, o->cache_folder));
    TRY(queue_open(&link->commands, sizeof(Command), COMMANDS_MAX));
    TRY(queue_open(&link->deliveries, sizeof(Delivery), link->protocol.ledger.capacity + EVALS_MAX));
    TRY(queue_open(&link->replies, sizeof(Status), 1));
    memcpy(link->rendezvous, o->listen.rendezvous, sizeof link->rendezvous);
    TRY(socket_listen(net, &o->listen, "learner", o->epoch, &link->router, &link->where));
    if (pthread_create(&link->thread, NULL, link_main, link) != 0)
        TRY(fail(BS_NOMEM, "learner link: no thread"));
    link->running = true;
    *out = link;
    link = NULL;
out:
    learner_link_close(link);
    return st;
}

void learner_link_close(LearnerLink *link) {
    if (!link) return;
    Command c = {.type = COMMAND_CLOSE};
    Delivery d;
    if (link->running) {
        queue_push(link->commands, &c, -1);
        pthread_join(link->thread, NULL);
        while (queue_pop(link->deliveries, &d, 0) == BS_OK) result_drop(&d.result);
    }
    socket_close(link->router, 0);
    queue_close(link->commands);
    queue_close(link->deliveries);
    queue_close(link->replies);
    cache_close(link->cache);
    socket_in_drop(&link->in);
    wire_out_drop(&link->out);
    learner_protocol_drop(&link->protocol);
    pthread_mutex_destroy(&link->lock);
    free(link->welcome);
    free(link->featurizer);
    free(link);
}

Status learner_link_publish(LearnerLink *link, const WeightsId *weights) {
    if (!hash_is_zero(&weights->hash) && !cache_has(link->cache, &weights->hash))
        return fail(BS_NOT_FOUND, "weights to publish are not in the cache %s", cache_folder(link->cache));
    return queue_push(link->commands, &(Command){.type = COMMAND_PUBLISH, .weights = *weights}, -1);
}

Status learner_link_take(LearnerLink *link, Delivery *out, int timeout_ms) {
    return queue_pop(link->deliveries, out, timeout_ms);
}

Status learner_link_verdict(LearnerLink *link, uint64_t id, Verdict verdict) {
    return queue_push(link->commands, &(Command){.type = COMMAND_VERDICT, .id = id, .verdict = verdict}, -1);
}

static Status push_list(LearnerLink *link, Command c, const void *list, size_t item_bytes) {
    if (c.n == 0) return BS_OK;
    c.list = malloc(c.n * item_bytes);
    if (!c.list) return fail(BS_NOMEM, "learner link: no memory for %u items", c.n);
    memcpy(c.list, list, c.n * item_bytes);
    Status st = queue_push(link->commands, &c, -1);
    if (st != BS_OK) free(c.list);
    return st;
}

Status learner_link_trained(LearnerLink *link, const uint64_t *ids, uint32_t n, bool too_old) {
    return push_list(link, (Command){.type = COMMAND_TRAINED, .n = n, .too_old = too_old}, ids, sizeof *ids);
}

Status learner_link_evaluate(LearnerLink *link, const Ticket *tickets, uint32_t n) {
    return push_list(link, (Command){.type = COMMAND_EVALUATE, .n = n}, tickets, sizeof *tickets);
}

Status learner_link_snapshot(LearnerLink *link, ByteWriter *out) {
    Status st = queue_push(link->commands, &(Command){.type = COMMAND_SNAPSHOT, .snapshot = out}, -1), answer;
    if (st == BS_OK) st = queue_pop(link->replies, &answer, -1);
    if (st != BS_OK) return fail(st, "learner link is closed");
    return answer == BS_OK ? BS_OK : fail(answer, "the ledger does not fit its snapshot");
}

void learner_link_counters(LearnerLink *link, TicketCounters *out) {
    pthread_mutex_lock(&link->lock);
    *out = link->counters;
    pthread_mutex_unlock(&link->lock);
}
