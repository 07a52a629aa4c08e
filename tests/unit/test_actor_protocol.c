// needs: common/protocol common/song
/* The rules of the actor's machine one by one, with the messages written out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/protocol/actor_protocol.h"

enum { GROUP = 4 };

static int64_t now_ms;
static ActorProtocol a;
static Message out[256];
static int n_out, n_offers, n_abandons, n_reconnects;
static ActorWork offered;
static WeightsId wanted;
static char closed[256];

static void sink(void *context, const ActorAction *act) {
    (void)context;
    if (act->type == ACTOR_SEND && n_out < 256) out[n_out++] = *act->message;
    if (act->type == ACTOR_OFFER) {
        offered = *act->work;
        n_offers++;
    }
    if (act->type == ACTOR_FETCH) wanted = *act->weights;
    n_abandons += act->type == ACTOR_ABANDON;
    n_reconnects += act->type == ACTOR_RECONNECT;
    if (act->type == ACTOR_CLOSED) strncpy(closed, act->text, sizeof closed - 1);
}

static void actor(ActorEvent e) {
    e.now_ms = now_ms;
    actor_protocol_step(&a, &e, sink, NULL);
}
static void tell(Message m) { actor((ActorEvent){.type = ACTOR_RECEIVE, .message = &m}); }
static int count_out(MessageType type) {
    int n = 0;
    for (int i = 0; i < n_out; i++) n += out[i].type == type;
    return n;
}

static void welcome(uint64_t epoch, uint64_t version) {
    Message m = {.type = MESSAGE_WELCOME};
    m.welcome = (Welcome){.epoch = epoch, .n_weights = 1};
    m.welcome.weights[0] = (WeightsId){epoch, version, hash_bytes(&version, sizeof version)};
    tell(m);
}
static void tickets(uint64_t epoch, uint64_t first, uint64_t oldest, uint64_t version) {
    Message m = {.type = MESSAGE_TICKETS};
    m.tickets = (Tickets){.epoch = epoch,
                          .n = GROUP,
                          .needs_weights = 1,
                          .weights = {epoch, version, hash_bytes(&version, sizeof version)}};
    for (uint64_t i = 0; i < GROUP; i++)
        m.tickets.tickets[i] =
            (Ticket){.epoch = epoch, .id = first + i, .min_version = oldest, .exact_version = NO_VERSION};
    tell(m);
}
static void finish(uint64_t epoch, uint64_t id) {
    Result r = {.epoch = epoch,
                .id = id,
                .n_steps = 1,
                .actions = calloc(1, 1),
                .log_probs = calloc(1, sizeof(float))};
    actor((ActorEvent){.type = ACTOR_FINISHED, .result = &r});
}

static void start(int64_t give_up_ms) {
    ActorRules rules = {.name = "a", .incarnation = 1, .slots = 2, .give_up_ms = give_up_ms};
    now_ms = 0;
    n_out = n_offers = n_abandons = n_reconnects = 0;
    closed[0] = 0;
    assert_int_equal(actor_protocol_init(&a, &rules, 0), BS_OK);
    actor((ActorEvent){.type = ACTOR_WANT});
    actor((ActorEvent){.type = ACTOR_CONNECTED});
    assert_int_equal(out[0].type, MESSAGE_HELLO);
}
static int stop(void **state) {
    (void)state;
    actor_protocol_drop(&a);
    return 0;
}

static void a_group_starts_when_its_weights_are_here_and_keeps_them(void **state) {
    (void)state;
    start(-1);
    welcome(5, 3);
    assert_int_equal(wanted.version, 3);
    tickets(5, 0, 3, 3);
    assert_int_equal(n_offers, 0);
    actor((ActorEvent){.type = ACTOR_FETCHED, .weights = wanted, .ok = true});
    assert_int_equal(n_offers, 1);
    assert_int_equal(offered.weights.version, 3);
    uint64_t four = 4;
    tell((Message){.type = MESSAGE_WEIGHTS, .weights = {5, 4, hash_bytes(&four, sizeof four)}});
    assert_int_equal(wanted.version, 4); /* at once, while the group runs */
    actor((ActorEvent){.type = ACTOR_FETCHED, .weights = wanted, .ok = true});
    tickets(5, 4, 3, 4);
    for (uint64_t id = 0; id < GROUP; id++) finish(5, id);
    actor((ActorEvent){.type = ACTOR_WANT});
    assert_int_equal(n_offers, 2);
    assert_int_equal(offered.weights.version, 4);
}

static void an_older_epoch_is_never_followed(void **state) {
    (void)state;
    start(-1);
    welcome(5, 3);
    tickets(4, 0, 0, 0);
    assert_int_equal(count_out(MESSAGE_PING), 0);
    tell((Message){.type = MESSAGE_BYE, .epoch = 4}); /* the end of another life */
    assert_string_equal(closed, "");
    actor((ActorEvent){.type = ACTOR_CONNECTED});
    welcome(4, 9);
    assert_int_equal(n_reconnects, 1);
    assert_true(a.epoch == 5 && a.old_epoch_dropped == 3);
}

static void a_new_epoch_cancels_what_is_held(void **state) {
    (void)state;
    start(-1);
    welcome(5, 3);
    actor((ActorEvent){.type = ACTOR_FETCHED, .weights = wanted, .ok = true});
    tickets(5, 0, 0, 3);
    assert_int_equal(n_offers, 1);
    finish(5, 0);
    assert_int_equal(count_out(MESSAGE_RESULT), 1);
    actor((ActorEvent){.type = ACTOR_CONNECTED});
    assert_int_equal(out[n_out - 1].hello.n_held, 1);
    assert_int_equal(out[n_out - 1].hello.held[0].group.mask, 15);
    assert_int_equal(out[n_out - 1].hello.held[0].done, 1);
    welcome(6, 3);
    assert_int_equal(n_abandons, 1);
    finish(5, 1); /* was under way: dropped */
    now_ms = 10;
    assert_int_equal(count_out(MESSAGE_RESULT), 1);
    assert_int_equal(wanted.epoch, 6);
}

static void the_same_epoch_may_say_go_on(void **state) {
    (void)state;
    start(-1);
    welcome(5, 3);
    actor((ActorEvent){.type = ACTOR_FETCHED, .weights = wanted, .ok = true});
    tickets(5, 0, 0, 3);
    tickets(5, 4, 0, 3);
    finish(5, 0);
    actor((ActorEvent){.type = ACTOR_CONNECTED});
    Message m = {.type = MESSAGE_WELCOME};
    m.welcome = (Welcome){.epoch = 5, .n_go_on = 1};
    m.welcome.go_on[0] = (GroupRef){5, 0, 7}; /* all but ticket 3, and not the second group */
    tell(m);
    assert_int_equal(n_abandons, 0);
    assert_int_equal(count_out(MESSAGE_RESULT), 2); /* sent again on the new connection */
    finish(5, 1);
    finish(5, 3); /* not wanted */
    assert_int_equal(count_out(MESSAGE_RESULT), 3);
    now_ms = 1000;
    actor((ActorEvent){.type = ACTOR_TICK});
    assert_int_equal(out[n_out - 1].type, MESSAGE_PING);
    assert_int_equal(out[n_out - 1].ping.n_held, 1);
    assert_int_equal(out[n_out - 1].ping.held[0].group.mask, 7);
}

static void results_are_sent_again_until_acknowledged(void **state) {
    (void)state;
    start(-1);
    welcome(5, 3);
    actor((ActorEvent){.type = ACTOR_FETCHED, .weights = wanted, .ok = true});
    tickets(5, 0, 0, 3);
    finish(5, 2);
    for (now_ms = 0; now_ms < 4000; now_ms += 100) actor((ActorEvent){.type = ACTOR_TICK});
    assert_true(count_out(MESSAGE_RESULT) >= 2);
    tell((Message){.type = MESSAGE_ACK, .ack = {5, 2, 1}});
    int n = count_out(MESSAGE_RESULT);
    for (; now_ms < 9000; now_ms += 100) {
        actor((ActorEvent){.type = ACTOR_TICK});
        if (now_ms % 1000 == 0) tell((Message){.type = MESSAGE_PING, .ping = {.epoch = 5}});
    }
    assert_int_equal(count_out(MESSAGE_RESULT), n);
}

static void a_cancelled_group_is_given_up(void **state) {
    (void)state;
    start(-1);
    welcome(5, 3);
    actor((ActorEvent){.type = ACTOR_FETCHED, .weights = wanted, .ok = true});
    tickets(5, 0, 0, 3);
    tell((Message){.type = MESSAGE_CANCEL, .cancel = {5, 0, 3}});
    assert_int_equal(n_abandons, 0); /* two of it are still wanted */
    tell((Message){.type = MESSAGE_CANCEL, .cancel = {5, 2, 3}});
    assert_int_equal(n_abandons, 1);
}

static void a_silent_learner_is_looked_for_and_one_that_stays_away_given_up(void **state) {
    (void)state;
    start(30000);
    welcome(5, 3);
    for (; now_ms < 5200; now_ms += 100) actor((ActorEvent){.type = ACTOR_TICK});
    assert_int_equal(n_reconnects, 1);
    assert_true(count_out(MESSAGE_PING) >= 4);
    for (; now_ms < 31000; now_ms += 100) actor((ActorEvent){.type = ACTOR_TICK});
    assert_string_equal(closed, "no learner for too long");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_group_starts_when_its_weights_are_here_and_keeps_them, stop),
        cmocka_unit_test_teardown(an_older_epoch_is_never_followed, stop),
        cmocka_unit_test_teardown(a_new_epoch_cancels_what_is_held, stop),
        cmocka_unit_test_teardown(the_same_epoch_may_say_go_on, stop),
        cmocka_unit_test_teardown(results_are_sent_again_until_acknowledged, stop),
        cmocka_unit_test_teardown(a_cancelled_group_is_given_up, stop),
        cmocka_unit_test_teardown(a_silent_learner_is_looked_for_and_one_that_stays_away_given_up, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
