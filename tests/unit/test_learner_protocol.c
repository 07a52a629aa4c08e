// needs: common/protocol common/song
/* The rules of the learner's machine one by one, with the messages written out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/protocol/learner_protocol.h"

enum { BATCH = 8, GROUP = 4 };

static LearnerProtocol p;
static struct {
    uint64_t peer;
    Message m;
} sent[512];
static int n_sent;
static Ticket delivered[64];
static bool delivered_failed[64];
static int n_delivered;
static int64_t now_ms;

static void sink(void *context, const LearnerAction *a) {
    (void)context;
    if (a->type == LEARNER_SEND && n_sent < 512) {
        sent[n_sent].peer = a->peer;
        sent[n_sent++].m = *a->message;
    }
    if (a->type == LEARNER_DELIVER && n_delivered < 64) {
        delivered_failed[n_delivered] = a->result->failed;
        delivered[n_delivered++] = *a->ticket;
    }
}

static Status step(LearnerEvent e) {
    char why[400];
    TicketCounters c;
    e.now_ms = now_ms;
    Status st = learner_protocol_step(&p, &e, sink, NULL);
    learner_protocol_counters(&p, &c);
    assert_true(counters_close(&c, why, sizeof why));
    return st;
}

static TicketCounters counters(void) {
    TicketCounters c;
    learner_protocol_counters(&p, &c);
    return c;
}

static void make(void *context, uint64_t id, Ticket *out) {
    (void)context;
    out->seed = id;
    out->song.bytes[0] = (uint8_t)(id / GROUP);
}
static bool needs_weights(uint8_t kind) { return kind == 0; }
static bool never_needs_weights(uint8_t kind) { return kind == 255; }

static LearnerRules rules_of(RunMode mode, uint32_t max_lag) {
    return (LearnerRules){.epoch = 5,
                          .mode = mode,
                          .batch = BATCH,
                          .group = GROUP,
                          .max_lag = max_lag,
                          .last_update = UINT64_MAX,
                          .make = make,
                          .needs_weights = needs_weights};
}

static void start(RunMode mode, uint32_t max_lag) {
    LearnerRules rules = rules_of(mode, max_lag);
    now_ms = 0;
    n_sent = n_delivered = 0;
    assert_int_equal(learner_protocol_init(&p, &rules, NULL, 0), BS_OK);
}

static int stop(void **state) {
    (void)state;
    learner_protocol_drop(&p);
    return 0;
}

static void publish(uint64_t version) {
    WeightsId w = {5, version, hash_bytes(&version, sizeof version)};
    assert_int_equal(step((LearnerEvent){.type = LEARNER_PUBLISH, .weights = &w}), BS_OK);
}

static void receive(uint64_t peer, Message m) {
    step((LearnerEvent){.type = LEARNER_RECEIVE, .peer = peer, .message = &m});
}

static void hello(uint64_t peer, uint32_t slots) {
    Message m = {.type = MESSAGE_HELLO};
    m.hello = (Hello){
        .protocol = PROTOCOL_VERSION, .name = "a", .place = peer, .incarnation = peer * 100, .slots = slots};
    receive(peer, m);
}

static void ping(uint64_t peer) { receive(peer, (Message){.type = MESSAGE_PING, .ping = {.epoch = 5}}); }

static void result(uint64_t peer, uint64_t epoch, uint64_t id, uint64_t version, bool failed) {
    Message m = {.type = MESSAGE_RESULT};
    m.result =
        (Result){.epoch = epoch, .id = id, .weights = {.epoch = epoch, .version = version}, .failed = failed};
    receive(peer, m);
}

static void verdict(uint64_t id, Verdict v) {
    assert_int_equal(step((LearnerEvent){.type = LEARNER_VERDICT, .id = id, .verdict = v}), BS_OK);
}

static int count_sent(MessageType type, uint64_t peer) {
    int n = 0;
    for (int i = 0; i < n_sent; i++) n += sent[i].m.type == type && sent[i].peer == peer;
    return n;
}
static const Message *last_sent(MessageType type, uint64_t peer) {
    for (int i = n_sent; i-- > 0;)
        if (sent[i].m.type == type && sent[i].peer == peer) return &sent[i].m;
    return NULL;
}

static void accept_and_train(uint64_t first, uint32_t n) {
    for (uint64_t id = first; id < first + n; id++) verdict(id, VERDICT_ACCEPT);
    for (uint64_t id = first; id < first + n; id++)
        assert_int_equal(step((LearnerEvent){.type = LEARNER_TRAINED, .ids = &id, .n = 1}), BS_OK);
}

/* ---- the learner ---- */

static void nothing_goes_out_before_weights_are_published(void **state) {
    (void)state;
    start(RUN_ASYNC, 2);
    hello(1, 16);
    assert_int_equal(counters().issued, 0);
    publish(0);
    assert_int_equal(counters().issued, (0 + 1 + 2) * BATCH);
    publish(1);
    assert_int_equal(counters().issued, (1 + 1 + 2) * BATCH);
}

static void lockstep_waits_for_the_version_of_each_update(void **state) {
    (void)state;
    start(RUN_LOCKSTEP, 1);
    hello(1, 16);
    publish(0);
    assert_int_equal(counters().issued, 2 * BATCH); /* updates 0 and 1 both act with version 0 */
    const Tickets *t = &last_sent(MESSAGE_TICKETS, 1)->tickets;
    assert_int_equal(t->tickets[0].id, 12);
    assert_int_equal(t->tickets[0].exact_version, 0);
    publish(1);
    assert_int_equal(counters().issued, 3 * BATCH);
    assert_int_equal(last_sent(MESSAGE_TICKETS, 1)->tickets.tickets[0].exact_version, 1);
    assert_int_equal(last_sent(MESSAGE_TICKETS, 1)->tickets.weights.version, 1);
    result(1, 5, 16, 0, false); /* ticket 16 asks for version 1 */
    assert_int_equal(counters().invalid, 1);
    result(1, 5, 8, 0, false);
    assert_int_equal(counters().in_check, 1);
}

static void results_of_an_older_epoch_are_rolled_back(void **state) {
    (void)state;
    start(RUN_ASYNC, 2);
    hello(1, 2);
    publish(0);
    result(1, 4, 0, 0, false);
    assert_int_equal(counters().rollback, 1);
    assert_int_equal(n_delivered, 0);
    assert_int_equal(last_sent(MESSAGE_ACK, 1)->ack.epoch, 4); /* so that the actor forgets it */
    Message m = {.type = MESSAGE_RESULT};
    m.result = (Result){.epoch = 5, .id = 0, .weights = {.epoch = 4, .version = 0}};
    receive(1, m); /* this epoch's ticket with a lost future's weights */
    assert_int_equal(counters().rollback, 2);
    assert_int_equal(n_delivered, 0);
}

static void planners_results_of_an_older_epoch_are_rolled_back_too(void **state) {
    (void)state;
    LearnerRules rules = rules_of(RUN_ASYNC, 2);
    rules.needs_weights = never_needs_weights;
    now_ms = 0;
    n_sent = n_delivered = 0;
    assert_int_equal(learner_protocol_init(&p, &rules, NULL, 0), BS_OK);
    hello(1, 2);
    publish(0);
    result(1, 4, 0, 0, false);
    assert_int_equal(counters().rollback, 1);
    assert_int_equal(n_delivered, 0);
    Message m = {.type = MESSAGE_RESULT};
    m.result = (Result){.epoch = 5, .id = 0};
    receive(1, m);
    assert_int_equal(n_delivered, 1);
}

static void a_result_that_comes_twice_is_dropped(void **state) {
    (void)state;
    start(RUN_ASYNC, 2);
    hello(1, 2);
    publish(0);
    for (int i = 0; i < 3; i++) result(1, 5, 0, 0, false);
    assert_int_equal(n_delivered, 1);
    verdict(0, VERDICT_ACCEPT);
    result(1, 5, 0, 0, false);
    uint64_t id = 0;
    assert_int_equal(step((LearnerEvent){.type = LEARNER_TRAINED, .ids = &id, .n = 1}), BS_OK);
    result(1, 5, 0, 0, false);
    assert_int_equal(counters().duplicate, 4);
    assert_int_equal(step((LearnerEvent){.type = LEARNER_TRAINED, .ids = &id, .n = 1}), BS_INVALID);
    assert_int_equal(counters().trained, 1);
}

static void what_is_too_old_at_the_start_of_an_update_is_stale(void **state) {
    (void)state;
    start(RUN_ASYNC, 1);
    hello(1, 2);
    publish(0);
    Message m = {.type = MESSAGE_PING, .ping = {.epoch = 5, .n_held = 2}};
    m.ping.held[0] = (Held){.group = {5, 0, 15}, .version = 0, .started = 1};
    m.ping.held[1] = (Held){.group = {5, 4, 15}, .version = NO_VERSION};
    receive(1, m);
    publish(1);
    assert_int_equal(counters().stale, 0);
    publish(2); /* lag 2 > 1 */
    assert_int_equal(counters().stale, GROUP);
    assert_int_equal(last_sent(MESSAGE_CANCEL, 1)->cancel.mask, 15);
    result(1, 5, 1, 0, false); /* it was under way */
    result(1, 5, 4, 0, false); /* and this one started with old weights unseen */
    assert_int_equal(counters().refused_stale + counters().duplicate, 2);
    assert_int_equal(counters().stale, GROUP + 1);
    assert_int_equal(n_delivered, 0);
}

static void a_silent_actors_tickets_run_elsewhere(void **state) {
    (void)state;
    start(RUN_ASYNC, 0);
    hello(1, 2);
    publish(0);
    assert_int_equal(count_sent(MESSAGE_TICKETS, 1), 2);
    hello(2, 2);
    for (now_ms = 0; now_ms <= 5200; now_ms += 100) {
        if (now_ms % 1000 == 0) ping(2);
        step((LearnerEvent){.type = LEARNER_TICK});
    }
    assert_int_equal(count_sent(MESSAGE_TICKETS, 2), 2);
    assert_int_equal(counters().reissued, BATCH);
    assert_int_equal(counters().actors, 1);
}

static void a_group_that_no_ping_names_is_sent_again(void **state) {
    (void)state;
    start(RUN_ASYNC, 0);
    hello(1, 2);
    publish(0);
    now_ms = 1000;
    ping(1); /* may have crossed the tickets */
    assert_int_equal(counters().reissued, 0);
    now_ms = 3000;
    ping(1);
    assert_int_equal(counters().reissued, BATCH);
    assert_int_equal(count_sent(MESSAGE_TICKETS, 1), 4);
}

static void no_progress_for_a_minute_is_a_loss_but_length_is_not(void **state) {
    (void)state;
    start(RUN_ASYNC, 0);
    hello(1, 2);
    publish(0);
    Message m = {.type = MESSAGE_PING, .ping = {.epoch = 5, .n_held = 2}};
    m.ping.held[0] = (Held){.group = {5, 0, 15}, .version = 0, .started = 1};
    m.ping.held[1] = (Held){.group = {5, 4, 15}, .version = NO_VERSION};
    for (now_ms = 0; now_ms < 200000; now_ms += 1000) { /* slow, but it moves */
        m.ping.held[0].n_steps = (uint32_t)(now_ms / 40000);
        receive(1, m);
        step((LearnerEvent){.type = LEARNER_TICK});
    }
    assert_int_equal(counters().reissued, 0);
    for (; now_ms < 270000; now_ms += 1000) {
        receive(1, m);
        step((LearnerEvent){.type = LEARNER_TICK});
    }
    assert_true(counters().reissued > 0);
    assert_true(count_sent(MESSAGE_CANCEL, 1) >= 2);
}

static void three_failed_attempts_fail_the_ticket_and_the_learner_hears_of_it(void **state) {
    (void)state;
    start(RUN_ASYNC, 0);
    hello(1, 2);
    hello(2, 2);
    publish(0);
    for (int i = 0; i < TICKET_MAX_ATTEMPTS; i++) {
        assert_int_equal(n_delivered, 0);
        result(1 + (uint64_t)i % 2, 5, 0, 0, true);
    }
    assert_int_equal(n_delivered, 1);
    assert_true(delivered_failed[0]);
    assert_int_equal(delivered[0].id, 0);
    assert_int_equal(counters().failed, 1);
    assert_int_equal(counters().issued, BATCH + GROUP); /* replaced by a new group */
}

static void three_invalid_results_turn_an_actor_away(void **state) {
    (void)state;
    start(RUN_ASYNC, 0);
    hello(1, 2);
    publish(0);
    for (uint64_t id = 0; id < 3; id++) {
        result(1, 5, id, 0, false);
        verdict(id, VERDICT_INVALID);
    }
    assert_int_equal(counters().turned_away, 1);
    assert_int_equal(counters().actors, 0);
    assert_int_equal(counters().outstanding, BATCH); /* all back, waiting for another */
    assert_string_not_equal(last_sent(MESSAGE_WELCOME, 1)->welcome.refused, "");
    hello(1, 2);
    assert_int_equal(counters().actors, 0);
}

static void a_reconnected_actor_goes_on_with_what_it_holds(void **state) {
    (void)state;
    start(RUN_ASYNC, 0);
    hello(1, 2);
    publish(0);
    Message m = {.type = MESSAGE_HELLO};
    m.hello = (Hello){
        .protocol = PROTOCOL_VERSION, .name = "a", .place = 1, .incarnation = 100, .slots = 2, .n_held = 2};
    m.hello.held[0] = (Held){.group = {5, 0, 15}, .done = 3, .version = 0, .started = 1};
    m.hello.held[1] = (Held){.group = {4, 4, 15}}; /* of an older epoch */
    receive(9, m);
    const Welcome *w = &last_sent(MESSAGE_WELCOME, 9)->welcome;
    assert_int_equal(w->n_go_on, 1);
    assert_int_equal(w->go_on[0].first_id, 0);
    assert_int_equal(w->go_on[0].mask, 15);
    assert_int_equal(counters().actors, 1);
    assert_int_equal(counters().reissued, GROUP); /* the other group was lost on the way */
    assert_int_equal(count_sent(MESSAGE_TICKETS, 9), 1);
}

static void a_second_run_that_differs_is_noticed(void **state) {
    (void)state;
    LearnerRules rules = rules_of(RUN_ASYNC, 0);
    rules.check_one_in = 1;
    now_ms = 0;
    n_sent = n_delivered = 0;
    assert_int_equal(learner_protocol_init(&p, &rules, NULL, 0), BS_OK);
    hello(1, 4);
    publish(0);
    uint8_t action = 7;
    float log_prob = -1;
    Message m = {.type = MESSAGE_RESULT};
    m.result = (Result){.epoch = 5,
                        .id = 0,
                        .weights = {.epoch = 5},
                        .n_steps = 1,
                        .actions = &action,
                        .log_probs = &log_prob};
    receive(1, m);
    m.result.id = 1;
    receive(1, m);
    hello(2, 4);
    assert_int_equal(count_sent(MESSAGE_TICKETS, 2), 2);
    m.result.id = 0;
    receive(2, m);
    assert_int_equal(counters().checked, 1);
    assert_int_equal(counters().mismatched, 0);
    log_prob = -2;
    m.result.id = 1;
    receive(2, m);
    assert_int_equal(counters().checked, 2);
    assert_int_equal(counters().mismatched, 1);
}

static void evaluations_run_beside_training_and_are_counted_apart(void **state) {
    (void)state;
    start(RUN_ASYNC, 0);
    Ticket t[3] = {{.id = 7, .exact_version = NO_VERSION},
                   {.id = 9, .exact_version = NO_VERSION},
                   {.id = 10, .exact_version = 77}};
    publish(0);
    assert_int_equal(step((LearnerEvent){.type = LEARNER_EVALUATE, .tickets = t, .n = 3}), BS_OK);
    hello(1, 16);
    assert_int_equal(n_delivered, 1); /* version 77 is nowhere */
    assert_true(delivered_failed[0]);
    assert_int_equal(counters().issued, BATCH + 3);
    result(1, 5, TICKET_EVAL | 7, 0, false);
    assert_int_equal(delivered[1].id, TICKET_EVAL | 7);
    accept_and_train(TICKET_EVAL | 7, 1);
    assert_int_equal(counters().evaluated, 1);
    assert_int_equal(counters().trained, 0);
}

static void a_snapshot_brings_back_what_was_trained_and_issues_the_rest_again(void **state) {
    (void)state;
    start(RUN_ASYNC, 1);
    hello(1, 16);
    publish(0);
    for (uint64_t id = 0; id < 12; id++) result(1, 5, id, 0, false);
    accept_and_train(2, 6);
    verdict(0, VERDICT_ACCEPT); /* buffered only: lost with the learner */
    ByteWriter w;
    bytes_init(&w, 1 << 16);
    learner_protocol_snapshot(&p, &w);
    learner_protocol_drop(&p);
    LearnerRules rules = rules_of(RUN_ASYNC, 1);
    rules.epoch = 6;
    n_sent = 0;
    assert_int_equal(learner_protocol_init(&p, &rules, w.bytes, w.n_bytes), BS_OK);
    assert_int_equal(counters().trained, 6);
    assert_int_equal(counters().issued, 6);
    WeightsId v = {6, 0, {{0}}};
    hello(1, 16);
    step((LearnerEvent){.type = LEARNER_PUBLISH, .weights = &v});
    uint64_t again = 0;
    for (int i = 0; i < n_sent; i++)
        for (uint32_t k = 0; sent[i].m.type == MESSAGE_TICKETS && k < sent[i].m.tickets.n; k++) {
            uint64_t id = sent[i].m.tickets.tickets[k].id;
            assert_true(id < 2 || id >= 8);
            again++;
        }
    assert_int_equal(counters().issued, 6 + again);
    LearnerProtocol q;
    for (size_t n = 0; n < w.n_bytes; n++) /* cut anywhere: refused */
        assert_int_equal(learner_protocol_init(&q, &rules, w.bytes, n), BS_CORRUPT);
    bytes_drop(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(nothing_goes_out_before_weights_are_published, stop),
        cmocka_unit_test_teardown(lockstep_waits_for_the_version_of_each_update, stop),
        cmocka_unit_test_teardown(results_of_an_older_epoch_are_rolled_back, stop),
        cmocka_unit_test_teardown(planners_results_of_an_older_epoch_are_rolled_back_too, stop),
        cmocka_unit_test_teardown(a_result_that_comes_twice_is_dropped, stop),
        cmocka_unit_test_teardown(what_is_too_old_at_the_start_of_an_update_is_stale, stop),
        cmocka_unit_test_teardown(a_silent_actors_tickets_run_elsewhere, stop),
        cmocka_unit_test_teardown(a_group_that_no_ping_names_is_sent_again, stop),
        cmocka_unit_test_teardown(no_progress_for_a_minute_is_a_loss_but_length_is_not, stop),
        cmocka_unit_test_teardown(three_failed_attempts_fail_the_ticket_and_the_learner_hears_of_it, stop),
        cmocka_unit_test_teardown(three_invalid_results_turn_an_actor_away, stop),
        cmocka_unit_test_teardown(a_reconnected_actor_goes_on_with_what_it_holds, stop),
        cmocka_unit_test_teardown(a_second_run_that_differs_is_noticed, stop),
        cmocka_unit_test_teardown(evaluations_run_beside_training_and_are_counted_apart, stop),
        cmocka_unit_test_teardown(a_snapshot_brings_back_what_was_trained_and_issues_the_rest_again, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
