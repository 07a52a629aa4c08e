// needs: common/net common/protocol common/host common/song
/* The codec: every message survives a round trip, broken frames are refused, and a ticket costs little. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/core/rng.h"
#include "common/net/wire.h"

static WireOut *out;
static WireIn *in;

static int set_up(void **state) {
    (void)state;
    out = malloc(sizeof *out);
    in = malloc(sizeof *in);
    wire_out_init(out);
    return 0;
}
static int tear_down(void **state) {
    (void)state;
    wire_out_drop(out);
    free(out);
    free(in);
    return 0;
}

static Job job_of(int64_t hi) {
    Job j;
    memset(&j, 0, sizeof j);
    j.hi_samples = hi;
    j.start_unit = j.end_unit = -1;
    for (int i = 0; i < REWARD_TERMS; i++) j.weights[i] = 1;
    return j;
}

static void fill_tickets(Message *m) {
    memset(m, 0, sizeof *m);
    m->type = MESSAGE_TICKETS;
    m->tickets =
        (Tickets){.epoch = 3, .n = TICKET_GROUP, .needs_weights = 1, .weights = {3, 41, hash_bytes("w", 1)}};
    for (uint64_t i = 0; i < TICKET_GROUP; i++)
        m->tickets.tickets[i] = (Ticket){.epoch = 3,
                                         .id = 80000 + i,
                                         .seed = rng_mix(i, 1),
                                         .song = hash_bytes("s", 1),
                                         .job = job_of(i < 4 ? 9000000 : 12000000),
                                         .min_version = 40,
                                         .exact_version = NO_VERSION};
}

static void round_trip(const Message *m) {
    assert_int_equal(wire_encode(m, out), BS_OK);
    assert_int_equal(wire_decode(out->frames, out->n_frames, in), BS_OK);
    assert_int_equal(in->blob.type, BLOB_NONE);
    assert_int_equal(in->message.type, m->type);
}

static size_t wire_bytes(void) { /* with ZMTP framing: 2 bytes a short frame, 9 a long one */
    size_t n = 0;
    for (int i = 0; i < out->n_frames; i++)
        n += out->frames[i].n_bytes + (out->frames[i].n_bytes > 255 ? 9 : 2);
    return n;
}

static void tickets_survive_a_round_trip(void **state) {
    (void)state;
    Message m;
    fill_tickets(&m);
    round_trip(&m);
    const Tickets *t = &in->message.tickets;
    assert_int_equal(t->n, TICKET_GROUP);
    assert_int_equal(t->weights.version, 41);
    assert_true(hash_equal(&t->weights.hash, &m.tickets.weights.hash));
    for (uint32_t i = 0; i < t->n; i++) {
        const Ticket *a = &t->tickets[i], *b = &m.tickets.tickets[i];
        assert_true(a->epoch == b->epoch && a->id == b->id && a->seed == b->seed && a->kind == b->kind);
        assert_true(a->min_version == b->min_version && a->exact_version == b->exact_version &&
                    hash_equal(&a->song, &b->song));
        assert_int_equal(a->job.hi_samples, b->job.hi_samples);
        assert_int_equal(a->job.end_unit, -1);
    }
    m.tickets.tickets[0].exact_version = 41;
    round_trip(&m);
    assert_int_equal(in->message.tickets.tickets[7].exact_version, 41);
}

static void results_survive_a_round_trip(void **state) {
    (void)state;
    uint8_t actions[64];
    float log_probs[64];
    for (int i = 0; i < 64; i++) {
        actions[i] = (uint8_t)i;
        log_probs[i] = -0.1f * (float)i;
    }
    Message m = {.type = MESSAGE_RESULT};
    m.result = (Result){.epoch = 3,
                        .id = 80001,
                        .weights = {.epoch = 3, .version = 41},
                        .n_steps = 64,
                        .actions = actions,
                        .log_probs = log_probs};
    round_trip(&m);
    Result *r = &in->message.result;
    assert_int_equal(r->n_steps, 64);
    assert_int_equal(r->weights.version, 41);
    assert_memory_equal(r->actions, actions, sizeof actions);
    assert_memory_equal(r->log_probs, log_probs, sizeof log_probs);
    result_drop(r);
    m.result = (Result){.epoch = 3, .id = TICKET_EVAL | 5, .failed = 1, .reason = "no such Song"};
    round_trip(&m);
    assert_true(in->message.result.failed && in->message.result.id == (TICKET_EVAL | 5));
    assert_string_equal(in->message.result.reason, "no such Song");
}

static void the_other_messages_survive_a_round_trip(void **state) {
    (void)state;
    Message m = {.type = MESSAGE_HELLO};
    m.hello = (Hello){
        .protocol = 1, .name = "a", .place = 5, .incarnation = 6, .epoch = 2, .slots = 3, .n_held = 1};
    m.hello.held[0] =
        (Held){.group = {2, 16, 0xf0}, .done = 0x30, .version = NO_VERSION, .n_steps = 9, .started = 1};
    round_trip(&m);
    assert_memory_equal(&in->message.hello, &m.hello, sizeof m.hello);
    m = (Message){.type = MESSAGE_WELCOME};
    m.welcome =
        (Welcome){.epoch = 4, .n_go_on = 1, .n_weights = 1, .text = "spec small", .featurizer = "/run/f"};
    m.welcome.go_on[0] = (GroupRef){4, 8, 0xff};
    m.welcome.weights[0] = (WeightsId){4, 7, hash_bytes("x", 1)};
    round_trip(&m);
    assert_string_equal(in->message.welcome.text, "spec small");
    assert_string_equal(in->message.welcome.featurizer, "/run/f");
    assert_memory_equal(in->message.welcome.weights, m.welcome.weights, sizeof(WeightsId));
    m = (Message){.type = MESSAGE_PING};
    m.ping = (Ping){.epoch = 4, .steps = 100, .episodes = 2, .weights = {4, 7, hash_bytes("x", 1)}};
    round_trip(&m);
    assert_memory_equal(&in->message.ping, &m.ping, sizeof m.ping);
    m = (Message){.type = MESSAGE_ACK, .ack = {4, 9, 1}};
    round_trip(&m);
    assert_memory_equal(&in->message.ack, &m.ack, sizeof m.ack);
    m = (Message){.type = MESSAGE_CANCEL, .cancel = {4, 9, 3}};
    round_trip(&m);
    assert_memory_equal(&in->message.cancel, &m.cancel, sizeof m.cancel);
    m = (Message){.type = MESSAGE_WEIGHTS, .weights = {4, 9, hash_bytes("y", 1)}};
    round_trip(&m);
    assert_memory_equal(&in->message.weights, &m.weights, sizeof m.weights);
    for (MessageType t = MESSAGE_BYE; t <= MESSAGE_WHO; t += MESSAGE_WHO - MESSAGE_BYE) {
        m = (Message){.type = t, .epoch = 11};
        round_trip(&m);
        assert_int_equal(in->message.epoch, 11);
    }
}

static void blob_messages_survive_a_round_trip(void **state) {
    (void)state;
    static uint8_t bytes[WIRE_CHUNK_BYTES];
    BlobMessage m = {.type = BLOB_CHUNK,
                     .hash = hash_bytes("b", 1),
                     .index = 2,
                     .total_bytes = 2 * WIRE_CHUNK_BYTES + 5,
                     .bytes = bytes,
                     .n_bytes = 5};
    assert_int_equal(wire_encode_blob(&m, out), BS_OK);
    assert_int_equal(wire_decode(out->frames, out->n_frames, in), BS_OK);
    assert_int_equal(in->blob.type, BLOB_CHUNK);
    assert_int_equal(in->blob.n_bytes, 5);
    bytes[3] ^= 1; /* damaged on the way */
    assert_int_equal(wire_decode(out->frames, out->n_frames, in), BS_CORRUPT);
    m.n_bytes = 6; /* not what is left of the blob */
    assert_int_equal(wire_encode_blob(&m, out), BS_OK);
    assert_int_equal(wire_decode(out->frames, out->n_frames, in), BS_CORRUPT);
    m = (BlobMessage){.type = BLOB_DONE, .request = 9, .status = BS_CORRUPT, .path = "a.wav: 0 audio frames"};
    assert_int_equal(wire_encode_blob(&m, out), BS_OK);
    assert_int_equal(wire_decode(out->frames, out->n_frames, in), BS_OK);
    assert_string_equal(in->blob.path, m.path);
    assert_int_equal(in->blob.status, BS_CORRUPT);
}

static void arrays_that_differ_from_their_header_are_refused(void **state) {
    (void)state;
    uint8_t actions[64] = {0};
    float log_probs[64] = {0};
    Message m = {.type = MESSAGE_RESULT};
    m.result = (Result){.epoch = 3, .id = 1, .n_steps = 64, .actions = actions, .log_probs = log_probs};
    assert_int_equal(wire_encode(&m, out), BS_OK);
    out->frames[1].n_bytes--;
    assert_int_equal(wire_decode(out->frames, 3, in), BS_CORRUPT);
    out->frames[1].n_bytes++;
    assert_int_equal(wire_decode(out->frames, 2, in), BS_CORRUPT);
    m.result.n_steps = 64;
    Message ack = {.type = MESSAGE_ACK, .ack = {4, 9, 1}};
    assert_int_equal(wire_encode(&ack, out), BS_OK);
    out->frames[1] = (Frame){actions, 64};
    assert_int_equal(wire_decode(out->frames, 2, in), BS_CORRUPT);
    fill_tickets(&m);
    assert_int_equal(wire_encode(&m, out), BS_OK);
    out->frames[1].n_bytes -= 1;
    assert_int_equal(wire_decode(out->frames, 2, in), BS_CORRUPT);
}

/* Any byte of any header changed, and any length: never a crash, and no memory kept. */
static void damaged_headers_are_refused_or_read_safely(void **state) {
    (void)state;
    const char *env = getenv("N");
    uint64_t n = env ? strtoull(env, NULL, 10) : 10000;
    uint8_t header[WIRE_HEADER_MAX];
    Rng r = rng_at(1, 2);
    Message m;
    fill_tickets(&m);
    uint64_t refused = 0;
    for (uint64_t i = 0; i < n; i++) {
        assert_int_equal(wire_encode(&m, out), BS_OK);
        Frame f[2] = {{header, out->frames[0].n_bytes}, out->frames[1]};
        memcpy(header, out->header, f[0].n_bytes);
        for (uint32_t k = 0; k < 1 + i % 4; k++)
            header[rng_below(&r, (uint32_t)f[0].n_bytes)] = (uint8_t)rng_u64(&r);
        if (i % 5 == 0) f[0].n_bytes = rng_below(&r, (uint32_t)f[0].n_bytes);
        Status st = wire_decode(f, 2, in);
        refused += st != BS_OK;
        if (st == BS_OK && in->blob.type == BLOB_NONE && in->message.type == MESSAGE_RESULT)
            result_drop(&in->message.result);
    }
    assert_true(refused > n / 10);
}

/* 1 MiB of unknown fields makes protobuf-c allocate 44 times as much, were it not for header limit and arena.
 */
static void a_header_of_unknown_fields_cannot_grow_memory(void **state) {
    (void)state;
    uint8_t *big = malloc(1 << 20);
    for (int i = 0; i + 3 < 1 << 20; i += 3) memcpy(big + i, "\xf8\x07\x01", 3); /* field 127, varint 1 */
    Frame f = {big, 1 << 20};
    assert_int_equal(wire_decode(&f, 1, in), BS_CORRUPT);
    f.n_bytes = WIRE_HEADER_MAX / 3 * 3;
    assert_int_equal(wire_decode(&f, 1, in), BS_CORRUPT);
    free(big);
}

static void a_step_costs_less_than_sixteen_bytes_on_the_wire(void **state) {
    (void)state;
    uint8_t actions[64] = {0};
    float log_probs[64] = {0};
    Message m;
    fill_tickets(&m);
    assert_int_equal(wire_encode(&m, out), BS_OK);
    double bytes = (double)wire_bytes() / TICKET_GROUP;
    m = (Message){.type = MESSAGE_RESULT};
    m.result = (Result){.epoch = 3,
                        .id = 80001,
                        .weights = {.epoch = 3, .version = 41},
                        .n_steps = 64,
                        .actions = actions,
                        .log_probs = log_probs};
    assert_int_equal(wire_encode(&m, out), BS_OK);
    bytes += (double)wire_bytes();
    m = (Message){.type = MESSAGE_ACK, .ack = {3, 80001, 1}};
    assert_int_equal(wire_encode(&m, out), BS_OK);
    bytes += (double)wire_bytes();
    print_message("wire bytes_per_step %.2f B (64 steps, ticket + result + ack, ZMTP framing)\n", bytes / 64);
    assert_true(bytes / 64 < 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tickets_survive_a_round_trip),
        cmocka_unit_test(results_survive_a_round_trip),
        cmocka_unit_test(the_other_messages_survive_a_round_trip),
        cmocka_unit_test(blob_messages_survive_a_round_trip),
        cmocka_unit_test(arrays_that_differ_from_their_header_are_refused),
        cmocka_unit_test(damaged_headers_are_refused_or_read_safely),
        cmocka_unit_test(a_header_of_unknown_fields_cannot_grow_memory),
        cmocka_unit_test(a_step_costs_less_than_sixteen_bytes_on_the_wire),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
