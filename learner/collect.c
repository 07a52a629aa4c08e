/* Collecting: take a result, replay it, say what it is worth; until the next update has its batch. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/clock.h"
#include "common/host/log.h"
#include "learner/learner.h"

enum { TAKE_MS = 200, QUIET_TAKES = 8 };

static bool same_ticket(const Delivery *d) {
    return d->ticket.id == d->result.id && (d->ticket.id & TICKET_EVAL) == 0;
}

static Status replay(Learner *l, const Delivery *d, Episode **out) {
    Status st = BS_OK;
    Env *env;
    *out = NULL;
    int32_t song = songs_find(&l->songs, &d->ticket.song);
    if (song < 0) return fail(BS_CORRUPT, "replay: its song is not one of this run");
    TRY(songs_env(&l->songs, song, &env));
    TRY(episode_new(out, env, song, &d->ticket.job, d->result.actions, d->result.log_probs,
                    d->result.n_steps));
    (*out)->id = d->ticket.id;
    (*out)->kind = d->ticket.kind;
    (*out)->epoch = d->result.weights.epoch;
    (*out)->version = d->result.weights.version;
out:
    return st;
}

static Status judge(Learner *l, Delivery *d) {
    Status st = BS_OK;
    Episode *episode = NULL;
    if (!same_ticket(d)) return BS_OK;
    if (d->result.failed) {
        log_warn("ticket-failed", "id=%" PRIu64 " reason=\"%s\"", d->ticket.id, d->result.reason);
        if (++l->n_failed_in_a_row > 4 * (uint64_t)l->settings.batch)
            return fail(BS_CONFLICT, "every ticket fails: %s", d->result.reason);
        return pool_add(&l->pool, d->ticket.id, NULL);
    }
    Status replayed = replay(l, d, &episode);
    if (replayed == BS_NOMEM || replayed == BS_IO) return replayed;
    if (replayed != BS_OK) {
        log_warn("result-invalid", "id=%" PRIu64 " actor=%016" PRIx64 " reason=\"%s\"", d->ticket.id,
                 d->result.incarnation, error_text());
        return learner_link_verdict(l->link, d->ticket.id, VERDICT_INVALID);
    }
    l->n_failed_in_a_row = 0;
    TRY(pool_add(&l->pool, d->ticket.id, episode));
    TRY(learner_link_verdict(l->link, d->ticket.id, VERDICT_ACCEPT));
out:
    return st;
}

/* Nothing is with an actor and nothing will be: what is here is all there will be for this update. */
static bool nothing_comes(Learner *l) {
    TicketCounters c;
    learner_link_counters(l->link, &c);
    return c.actors > 0 && c.outstanding == 0 && c.in_check == 0;
}

static Status drop_too_old(Learner *l) {
    Status st = BS_OK;
    int32_t n = pool_choose_too_old(&l->pool, &l->curriculum, l->updates);
    if (n == 0) return BS_OK;
    uint64_t *ids = malloc(sizeof *ids * (size_t)n);
    if (!ids) return fail(BS_NOMEM, "collect: out of memory");
    for (int32_t i = 0; i < n; i++) ids[i] = l->pool.items[l->pool.chosen[i]].id;
    TRY(learner_link_trained(l->link, ids, (uint32_t)n, true));
    pool_take(&l->pool, NULL);
out:
    free(ids);
    return st;
}

/* Moves the items chosen out of the pool into the batch, and demonstrations beside them. */
static Status form_batch(Learner *l) {
    int32_t n_items = l->pool.n_chosen;
    PoolItem *items = malloc(sizeof *items * ((size_t)n_items + 1));
    if (!items) return fail(BS_NOMEM, "collect: out of memory");
    pool_take(&l->pool, items);
    l->n_batch = l->n_tickets = l->n_demos = 0;
    for (int32_t i = 0; i < n_items; i++) {
        Episode *e = items[i].episode;
        if (!e) continue;
        l->trained_ids[l->n_tickets++] = items[i].id;
        l->batch[l->n_batch++] = e;
    }
    free(items);
    if (curriculum_stage(&l->curriculum, l->updates) == STAGE_DEMOS) {
        l->n_demos = demos_draw(&l->demos, (uint64_t)l->settings.seed, l->updates, (int32_t)l->settings.batch,
                                l->batch + l->n_batch);
        l->n_batch += l->n_demos;
    }
    return BS_OK;
}

Status learner_collect(Learner *l) {
    Status st = BS_OK;
    double start = clock_s();
    int quiet = 0;
    TRY(drop_too_old(l));
    while (!pool_choose(&l->pool, &l->curriculum, l->updates, quiet >= QUIET_TAKES)) {
        Delivery d;
        if (learner_stopped(l)) {
            st = fail(BS_CLOSED, "stopped");
            goto out;
        }
        st = learner_link_take(l->link, &d, TAKE_MS);
        if (st == BS_TIMEOUT) {
            TRY(run_check(&l->run));
            quiet = nothing_comes(l) ? quiet + 1 : 0;
            learner_mirror_counters(l);
            continue;
        }
        TRY(st);
        quiet = 0;
        st = judge(l, &d);
        result_drop(&d.result);
        TRY(st);
    }
    TRY(form_batch(l));
out:
    l->wait_s = clock_s() - start;
    metric_add(M_LEARNER_WAIT, l->wait_s);
    return st;
}
