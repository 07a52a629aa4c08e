/* The codec for tickets; blobs are in wire_blob.c. Encoding fills a Bandsaw__Header of stack structs;
 * decoding copies out of the arena with every count checked. */
#include "common/net/wire.h"

#include <stdlib.h>
#include <string.h>

#include "common/net/wire_header.h"
#include "proto/bandsaw.pb-c.h"

void wire_out_init(WireOut *out) {
    memset(out, 0, sizeof *out);
    bytes_init(&out->jobs, TICKET_GROUP * JOB_MAX_BYTES);
}

void wire_out_drop(WireOut *out) { bytes_drop(&out->jobs); }

Status wire_header(Bandsaw__Header *h, WireOut *out) {
    size_t n = bandsaw__header__get_packed_size(h);
    if (n > WIRE_HEADER_MAX)
        return fail(BS_TOO_BIG, "wire: header of %zu bytes, the limit is %d", n, WIRE_HEADER_MAX);
    bandsaw__header__pack(h, out->header);
    out->frames[0] = (Frame){out->header, n};
    out->n_frames = 1;
    return BS_OK;
}

/* ---- out ---- */

static void put_weights(Bandsaw__Weights *out, const WeightsId *w) {
    bandsaw__weights__init(out);
    out->epoch = w->epoch;
    out->version = w->version;
    if (!hash_is_zero(&w->hash))
        out->hash = (ProtobufCBinaryData){HASH_BYTES, (uint8_t *)(uintptr_t)w->hash.bytes};
}

static void put_group(Bandsaw__Group *out, const GroupRef *g) {
    bandsaw__group__init(out);
    out->epoch = g->epoch;
    out->first_id = g->first_id;
    out->mask = g->mask;
}

typedef struct HeldOut {
    Bandsaw__Held held[HELD_MAX], *list[HELD_MAX];
    Bandsaw__Group group[HELD_MAX];
} HeldOut;

static void put_held(HeldOut *out, const Held *held, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        bandsaw__held__init(&out->held[i]);
        put_group(&out->group[i], &held[i].group);
        out->held[i].group = &out->group[i];
        out->held[i].done = held[i].done;
        out->held[i].version_plus_1 = held[i].version + 1; /* NO_VERSION + 1 = 0 */
        out->held[i].n_steps = held[i].n_steps;
        out->held[i].started = held[i].started;
        out->list[i] = &out->held[i];
    }
}

static char *text(const char *s) { return (char *)(uintptr_t)(s ? s : ""); }

static Status encode_hello(const Hello *m, WireOut *out) {
    Bandsaw__Header h = BANDSAW__HEADER__INIT;
    Bandsaw__Hello b = BANDSAW__HELLO__INIT;
    Bandsaw__Weights w;
    HeldOut held;
    put_weights(&w, &m->weights);
    put_held(&held, m->held, m->n_held);
    b.protocol = m->protocol;
    b.env_version = m->env_version;
    b.name = text(m->name);
    b.place = m->place;
    b.incarnation = m->incarnation;
    b.epoch = m->epoch;
    b.slots = m->slots;
    b.weights = &w;
    b.n_held = m->n_held;
    b.held = held.list;
    h.body_case = BANDSAW__HEADER__BODY_HELLO;
    h.hello = &b;
    return wire_header(&h, out);
}

static Status encode_welcome(const Welcome *m, WireOut *out) {
    Bandsaw__Header h = BANDSAW__HEADER__INIT;
    Bandsaw__Welcome b = BANDSAW__WELCOME__INIT;
    Bandsaw__Group group[HELD_MAX], *groups[HELD_MAX];
    Bandsaw__Weights weight[WEIGHTS_TOLD], *weights[WEIGHTS_TOLD];
    for (uint32_t i = 0; i < m->n_go_on; i++) {
        put_group(&group[i], &m->go_on[i]);
        groups[i] = &group[i];
    }
    for (uint32_t i = 0; i < m->n_weights; i++) {
        put_weights(&weight[i], &m->weights[i]);
        weights[i] = &weight[i];
    }
    b.epoch = m->epoch;
    b.refused = text(m->refused);
    b.n_go_on = m->n_go_on;
    b.go_on = groups;
    b.n_weights = m->n_weights;
    b.weights = weights;
    b.text = text(m->text);
    b.featurizer = text(m->featurizer);
    h.body_case = BANDSAW__HEADER__BODY_WELCOME;
    h.welcome = &b;
    return wire_header(&h, out);
}

/* Jobs that are equal byte for byte travel once. */
static Status encode_tickets(const Tickets *m, WireOut *out) {
    Bandsaw__Header h = BANDSAW__HEADER__INIT;
    Bandsaw__Tickets b = BANDSAW__TICKETS__INIT;
    Bandsaw__Weights w;
    uint64_t ids[TICKET_GROUP], seeds[TICKET_GROUP], oldest[TICKET_GROUP];
    uint32_t job_index[TICKET_GROUP], n_jobs = 0;
    size_t at[TICKET_GROUP + 1] = {0};
    out->jobs.n_bytes = 0;
    out->jobs.bad = false;
    for (uint32_t i = 0; i < m->n; i++) {
        Status st = job_pack(&m->tickets[i].job, &out->jobs);
        if (st == BS_OK && out->jobs.bad) st = fail(BS_TOO_BIG, "wire: the Jobs of a group do not fit");
        if (st != BS_OK) return st;
        size_t n = out->jobs.n_bytes - at[n_jobs];
        uint32_t j = 0;
        while (j < n_jobs && (at[j + 1] - at[j] != n ||
                              memcmp(out->jobs.bytes + at[j], out->jobs.bytes + at[n_jobs], n) != 0))
            j++;
        job_index[i] = j;
        if (j == n_jobs)
            at[++n_jobs] = out->jobs.n_bytes;
        else
            out->jobs.n_bytes = at[n_jobs];
        ids[i] = m->tickets[i].id;
        seeds[i] = m->tickets[i].seed;
        oldest[i] = m->tickets[i].min_version;
    }
    put_weights(&w, &m->weights);
    b.epoch = m->epoch;
    b.song = (ProtobufCBinaryData){HASH_BYTES, (uint8_t *)(uintptr_t)m->tickets[0].song.bytes};
    b.kind = m->tickets[0].kind;
    b.needs_weights = m->needs_weights;
    b.weights = &w;
    b.exact_plus_1 = m->tickets[0].exact_version + 1;
    b.n_ids = b.n_seeds = b.n_min_versions = b.n_job_index = m->n;
    b.ids = ids;
    b.seeds = seeds;
    b.min_versions = oldest;
    b.job_index = job_index;
    b.n_jobs = n_jobs;
    h.body_case = BANDSAW__HEADER__BODY_TICKETS;
    h.tickets = &b;
    Status st = wire_header(&h, out);
    out->frames[out->n_frames++] = (Frame){out->jobs.bytes, out->jobs.n_bytes};
    return st;
}

static Status encode_result(const Result *m, WireOut *out) {
    Bandsaw__Header h = BANDSAW__HEADER__INIT;
    Bandsaw__Result b = BANDSAW__RESULT__INIT;
    b.epoch = m->epoch;
    b.id = m->id;
    b.weights_epoch = m->weights.epoch;
    b.weights_version = m->weights.version;
    b.n_steps = (uint32_t)m->n_steps;
    b.failed = m->failed;
    b.reason = text(m->reason);
    h.body_case = BANDSAW__HEADER__BODY_RESULT;
    h.result = &b;
    Status st = wire_header(&h, out);
    if (m->n_steps > 0) {
        out->frames[out->n_frames++] = (Frame){m->actions, (size_t)m->n_steps};
        out->frames[out->n_frames++] = (Frame){m->log_probs, (size_t)m->n_steps * sizeof(float)};
    }
    return st;
}

static Status encode_ping(const Ping *m, WireOut *out) {
    Bandsaw__Header h = BANDSAW__HEADER__INIT;
    Bandsaw__Ping b = BANDSAW__PING__INIT;
    Bandsaw__Weights w;
    HeldOut held;
    put_weights(&w, &m->weights);
    put_held(&held, m->held, m->n_held);
    b.epoch = m->epoch;
    b.weights = &w;
    b.steps = m->steps;
    b.episodes = m->episodes;
    b.n_held = m->n_held;
    b.held = held.list;
    h.body_case = BANDSAW__HEADER__BODY_PING;
    h.ping = &b;
    return wire_header(&h, out);
}

Status wire_encode(const Message *m, WireOut *out) {
    Bandsaw__Header h = BANDSAW__HEADER__INIT;
    Bandsaw__Group g;
    Bandsaw__Weights w;
    Bandsaw__Epoch e = BANDSAW__EPOCH__INIT;
    e.epoch = m->epoch;
    switch (m->type) {
    case MESSAGE_HELLO:
        return encode_hello(&m->hello, out);
    case MESSAGE_WELCOME:
        return encode_welcome(&m->welcome, out);
    case MESSAGE_TICKETS:
        return encode_tickets(&m->tickets, out);
    case MESSAGE_RESULT:
        return encode_result(&m->result, out);
    case MESSAGE_PING:
        return encode_ping(&m->ping, out);
    case MESSAGE_ACK:
        put_group(&g, &m->ack);
        h.body_case = BANDSAW__HEADER__BODY_ACK;
        h.ack = &g;
        return wire_header(&h, out);
    case MESSAGE_CANCEL:
        put_group(&g, &m->cancel);
        h.body_case = BANDSAW__HEADER__BODY_CANCEL;
        h.cancel = &g;
        return wire_header(&h, out);
    case MESSAGE_WEIGHTS:
        put_weights(&w, &m->weights);
        h.body_case = BANDSAW__HEADER__BODY_WEIGHTS;
        h.weights = &w;
        return wire_header(&h, out);
    case MESSAGE_BYE:
        h.body_case = BANDSAW__HEADER__BODY_BYE;
        h.bye = &e;
        return wire_header(&h, out);
    case MESSAGE_WHO:
        h.body_case = BANDSAW__HEADER__BODY_WHO;
        h.who = &e;
        return wire_header(&h, out);
    case MESSAGE_TYPES:
        break;
    }
    return fail(BS_INVALID, "wire: no message of type %d", m->type);
}

/* ---- in ---- */

Status wire_bad(const char *what) { return fail(BS_CORRUPT, "wire: %s", what); }

bool wire_hash(Hash *out, const ProtobufCBinaryData *b, bool may_be_empty) {
    *out = (Hash){0};
    if (b->len == 0) return may_be_empty;
    if (b->len != HASH_BYTES) return false;
    memcpy(out->bytes, b->data, HASH_BYTES);
    return true;
}

bool wire_text(char *out, size_t out_bytes, const char *s) {
    size_t n = strlen(s);
    if (n >= out_bytes) return false;
    memcpy(out, s, n + 1);
    return true;
}

static bool get_weights(WeightsId *out, const Bandsaw__Weights *w) {
    *out = (WeightsId){0};
    if (!w) return true;
    out->epoch = w->epoch;
    out->version = w->version;
    return wire_hash(&out->hash, &w->hash, true);
}

static bool get_group(GroupRef *out, const Bandsaw__Group *g) {
    if (!g) return false;
    *out = (GroupRef){g->epoch, g->first_id, g->mask};
    return true;
}

static bool get_held(Held *out, uint32_t *n_out, Bandsaw__Held *const *held, size_t n) {
    if (n > HELD_MAX) return false;
    for (size_t i = 0; i < n; i++) {
        if (!get_group(&out[i].group, held[i]->group)) return false;
        out[i].done = held[i]->done;
        out[i].version = held[i]->version_plus_1 - 1;
        out[i].n_steps = held[i]->n_steps;
        out[i].started = held[i]->started != 0;
    }
    *n_out = (uint32_t)n;
    return true;
}

static Status decode_hello(const Bandsaw__Hello *b, Hello *m) {
    memset(m, 0, sizeof *m);
    m->protocol = b->protocol;
    m->env_version = b->env_version;
    m->place = b->place;
    m->incarnation = b->incarnation;
    m->epoch = b->epoch;
    m->slots = b->slots;
    if (!wire_text(m->name, sizeof m->name, b->name)) return wire_bad("HELLO: name is too long");
    if (!get_weights(&m->weights, b->weights)) return wire_bad("HELLO: bad weights");
    if (!get_held(m->held, &m->n_held, b->held, b->n_held)) return wire_bad("HELLO: bad list of held groups");
    return BS_OK;
}

static Status decode_welcome(const Bandsaw__Welcome *b, Welcome *m) {
    memset(m, 0, sizeof *m);
    m->epoch = b->epoch;
    if (!wire_text(m->refused, sizeof m->refused, b->refused))
        return wire_bad("WELCOME: refusal is too long");
    if (b->n_go_on > HELD_MAX || b->n_weights > WEIGHTS_TOLD) return wire_bad("WELCOME: lists are too long");
    for (size_t i = 0; i < b->n_go_on; i++)
        if (!get_group(&m->go_on[i], b->go_on[i])) return wire_bad("WELCOME: bad group");
    for (size_t i = 0; i < b->n_weights; i++)
        if (!get_weights(&m->weights[i], b->weights[i])) return wire_bad("WELCOME: bad weights");
    m->n_go_on = (uint32_t)b->n_go_on;
    m->n_weights = (uint32_t)b->n_weights;
    m->text = b->text;
    m->featurizer = b->featurizer;
    return BS_OK;
}

static Status decode_tickets(const Bandsaw__Tickets *b, const Frame *frames, int n_frames, Tickets *m) {
    size_t n = b->n_ids;
    Job jobs[TICKET_GROUP];
    Hash song;
    memset(m, 0, sizeof *m);
    if (n < 1 || n > TICKET_GROUP || b->n_seeds != n || b->n_min_versions != n || b->n_job_index != n)
        return wire_bad("TICKETS: lists differ in length");
    if (n_frames != 2 || b->n_jobs < 1 || b->n_jobs > n || frames[1].n_bytes > TICKET_GROUP * JOB_MAX_BYTES)
        return wire_bad("TICKETS: no frame of Jobs");
    if (!wire_hash(&song, &b->song, false)) return wire_bad("TICKETS: no Song");
    if (b->kind > UINT8_MAX || !get_weights(&m->weights, b->weights))
        return wire_bad("TICKETS: bad kind or weights");
    ByteReader r = reader_of(frames[1].bytes, frames[1].n_bytes);
    for (uint32_t j = 0; j < b->n_jobs; j++) {
        Status st = job_unpack(&jobs[j], &r);
        if (st != BS_OK) return fail_in(BS_CORRUPT, "wire: TICKETS");
    }
    if (r.bad || r.at != r.n_bytes) return wire_bad("TICKETS: Jobs do not fill their frame");
    m->epoch = b->epoch;
    m->n = (uint32_t)n;
    m->needs_weights = b->needs_weights != 0;
    for (size_t i = 0; i < n; i++) {
        if (b->job_index[i] >= b->n_jobs) return wire_bad("TICKETS: no such Job");
        if (i && (b->ids[i] <= b->ids[i - 1] || b->ids[i] - b->ids[0] >= 64))
            return wire_bad("TICKETS: ids out of order");
        m->tickets[i] = (Ticket){.epoch = b->epoch,
                                 .id = b->ids[i],
                                 .seed = b->seeds[i],
                                 .song = song,
                                 .job = jobs[b->job_index[i]],
                                 .kind = (uint8_t)b->kind,
                                 .min_version = b->min_versions[i],
                                 .exact_version = b->exact_plus_1 - 1};
    }
    return BS_OK;
}

static Status decode_result(const Bandsaw__Result *b, const Frame *frames, int n_frames, Result *m) {
    memset(m, 0, sizeof *m);
    m->epoch = b->epoch;
    m->id = b->id;
    m->weights.epoch = b->weights_epoch;
    m->weights.version = b->weights_version;
    m->failed = b->failed != 0;
    if (!wire_text(m->reason, sizeof m->reason, b->reason)) return wire_bad("RESULT: reason is too long");
    size_t n = b->n_steps;
    if (n > RESULT_MAX_STEPS || (m->failed && n)) return wire_bad("RESULT: too many steps");
    if (n_frames != (n ? 3 : 1)) return wire_bad("RESULT: wrong number of frames");
    if (n == 0) return BS_OK;
    if (frames[1].n_bytes != n || frames[2].n_bytes != n * sizeof(float))
        return wire_bad("RESULT: arrays are not as long as the header says");
    m->actions = malloc(n);
    m->log_probs = malloc(n * sizeof(float));
    if (!m->actions || !m->log_probs) {
        result_drop(m);
        return fail(BS_NOMEM, "wire: no memory for %zu steps", n);
    }
    memcpy(m->actions, frames[1].bytes, n);
    memcpy(m->log_probs, frames[2].bytes, n * sizeof(float));
    m->n_steps = (int32_t)n;
    return BS_OK;
}

static Status decode_ping(const Bandsaw__Ping *b, Ping *m) {
    memset(m, 0, sizeof *m);
    m->epoch = b->epoch;
    m->steps = b->steps;
    m->episodes = b->episodes;
    if (!get_weights(&m->weights, b->weights)) return wire_bad("PING: bad weights");
    if (!get_held(m->held, &m->n_held, b->held, b->n_held)) return wire_bad("PING: bad list of held groups");
    return BS_OK;
}

/* A bump allocator over WireIn.arena; freeing is nothing. */
static void *arena_take(void *context, size_t n) {
    WireIn *in = context;
    n = (n + 15) & ~(size_t)15;
    if (n > sizeof in->arena - in->used) return NULL;
    void *p = in->arena + in->used;
    in->used += n;
    return p;
}
static void arena_ignore(void *context, void *p) {
    (void)context;
    (void)p;
}

Status wire_decode(const Frame *frames, int n_frames, WireIn *in) {
    in->blob.type = BLOB_NONE;
    in->used = 0;
    if (n_frames < 1 || n_frames > WIRE_FRAMES) return wire_bad("wrong number of frames");
    if (frames[0].n_bytes > WIRE_HEADER_MAX) return wire_bad("header is too long");
    ProtobufCAllocator arena = {.alloc = arena_take, .free = arena_ignore, .allocator_data = in};
    const Bandsaw__Header *h = bandsaw__header__unpack(&arena, frames[0].n_bytes, frames[0].bytes);
    if (!h) return wire_bad("header does not parse");
    Message *m = &in->message;
    bool arrays = n_frames > 1;
    switch (h->body_case) {
    case BANDSAW__HEADER__BODY_TICKETS:
        m->type = MESSAGE_TICKETS;
        return decode_tickets(h->tickets, frames, n_frames, &m->tickets);
    case BANDSAW__HEADER__BODY_RESULT:
        m->type = MESSAGE_RESULT;
        return decode_result(h->result, frames, n_frames, &m->result);
    case BANDSAW__HEADER__BODY_CHUNK:
    case BANDSAW__HEADER__BODY_LISTING:
        return wire_decode_blob(h, frames, n_frames, &in->blob);
    default:
        break;
    }
    if (arrays) return wire_bad("frames that no header announced");
    switch (h->body_case) {
    case BANDSAW__HEADER__BODY_HELLO:
        m->type = MESSAGE_HELLO;
        return decode_hello(h->hello, &m->hello);
    case BANDSAW__HEADER__BODY_WELCOME:
        m->type = MESSAGE_WELCOME;
        return decode_welcome(h->welcome, &m->welcome);
    case BANDSAW__HEADER__BODY_PING:
        m->type = MESSAGE_PING;
        return decode_ping(h->ping, &m->ping);
    case BANDSAW__HEADER__BODY_ACK:
        m->type = MESSAGE_ACK;
        return get_group(&m->ack, h->ack) ? BS_OK : wire_bad("ACK");
    case BANDSAW__HEADER__BODY_CANCEL:
        m->type = MESSAGE_CANCEL;
        return get_group(&m->cancel, h->cancel) ? BS_OK : wire_bad("CANCEL");
    case BANDSAW__HEADER__BODY_WEIGHTS:
        m->type = MESSAGE_WEIGHTS;
        return get_weights(&m->weights, h->weights) ? BS_OK : wire_bad("WEIGHTS");
    case BANDSAW__HEADER__BODY_BYE:
        m->type = MESSAGE_BYE;
        m->epoch = h->bye->epoch;
        return BS_OK;
    case BANDSAW__HEADER__BODY_WHO:
        m->type = MESSAGE_WHO;
        m->epoch = h->who->epoch;
        return BS_OK;
    default:
        return wire_decode_blob(h, frames, n_frames, &in->blob);
    }
}
