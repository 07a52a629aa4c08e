/* Learner: how it starts, one update, and how weights go out. */
#include "learner/learner.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/host/clock.h"
#include "common/host/log.h"
#include "learner/checkpoint.h"
#include "learner/load.h"

bool learner_stopped(const Learner *l) { return l->stop && *l->stop; }

static bool stop_asked(void *context) { return learner_stopped(context); }

/* ---- start -------------------------------------------------------------------------------------- */

static bool healthy(void *context, char *reason, size_t n) {
    const Learner *l = context;
    snprintf(reason, n, "%s", l->ready ? "" : "starting");
    return l->ready;
}

static Status check_settings(const Settings *s) {
    if (!s->run[0]) return fail(BS_INVALID, "--run FOLDER is needed: where this run is kept");
    if (s->batch % TICKET_GROUP)
        return fail(BS_INVALID, "learner.batch is %" PRId64 ", a multiple of %d is needed", s->batch,
                    TICKET_GROUP);
    if (strcmp(s->mode, "lockstep") == 0 && s->max_lag > 1)
        return fail(BS_INVALID, "learner.max-lag is %" PRId64 ", lockstep allows 0 or 1", s->max_lag);
    return BS_OK;
}

static Curriculum curriculum_of(const Learner *l) {
    const Settings *s = &l->settings;
    return (Curriculum){.seed = (uint64_t)s->seed,
                        .epoch = l->run.epoch,
                        .batch = (uint32_t)s->batch,
                        .updates = {(uint64_t)s->retarget_updates, (uint64_t)s->demo_updates,
                                    (uint64_t)s->value_updates, (uint64_t)s->ppo_updates},
                        .mode = strcmp(s->mode, "lockstep") ? RUN_ASYNC : RUN_LOCKSTEP,
                        .max_lag = (uint32_t)s->max_lag,
                        .songs = &l->songs};
}

static Status open_run(Learner *l) {
    Status st = BS_OK;
    char path[PATH_BYTES];
    const Settings *s = &l->settings;
    TRY(run_open(&l->run, s->run));
    TRY(run_path(&l->run, "config", path));
    FILE *config = fopen(path, "w");
    if (config) {
        config_dump(&learner_config, s, config);
        fclose(config);
    }
    if (s->cache[0])
        snprintf(l->cache_folder, PATH_BYTES, "%s", s->cache);
    else
        TRY(cache_default_folder(l->cache_folder));
    TRY(cache_open(&l->cache, l->cache_folder));
    TRY(metrics_log_open(&l->log, l->run.folder, "learner"));
    l->metrics_port = (int)s->metrics_port;
    TRY(metrics_serve(&l->metrics, s->metrics_bind, &l->metrics_port, "learner", healthy, l));
    TRY(metrics_address_write(l->run.folder, s->metrics_bind, l->metrics_port));
    TRY(net_open(&l->net));
out:
    return st;
}

static Status open_data(Learner *l) {
    Status st = BS_OK;
    char demos[PATH_BYTES];
    TRY(load_featurizer_path(&l->settings, l->featurizer));
    TRY(load_songs(&l->songs, &l->settings, l->featurizer, l->net, l->cache, l->stop));
    TRY(load_keep_songs(&l->songs, l->run.folder));
    TRY(load_demos_path(&l->settings, demos));
    if (demos[0]) TRY(demos_load(&l->demos, demos, &l->songs, (uint64_t)l->settings.seed));
    metric_set(M_DEMONSTRATIONS_USED, l->demos.n_groups);
    metric_set(M_DEMONSTRATIONS_REFUSED, l->demos.n_refused);
    metric_set(M_DEMONSTRATIONS_UNKNOWN, l->demos.n_unknown);
    metric_set(M_DEMONSTRATION_WEIGHT, demos_mean_weight(&l->demos));
    log_info(
        "data",
        "songs=%d demonstrations=%d mean_weight=%.2f episodes=%d unknown=%d said_again=%d refused=%d%s%s%s",
        l->songs.n, l->demos.n_groups, demos_mean_weight(&l->demos), l->demos.n_episodes, l->demos.n_unknown,
        l->demos.n_said_again, l->demos.n_refused, l->demos.n_refused ? " first_refused=\"" : "",
        l->demos.first_refused, l->demos.n_refused ? "\"" : "");
out:
    return st;
}

static bool needs_weights(uint8_t kind) { return policy_needs_weights((PolicyKind)kind); }

static Status open_link(Learner *l, const ByteWriter *ledger) {
    const Settings *s = &l->settings;
    LearnerLinkOptions o = {.cache_folder = l->cache_folder,
                            .epoch = l->run.epoch,
                            .mode = l->curriculum.mode,
                            .batch = (uint32_t)s->batch,
                            .group = TICKET_GROUP,
                            .max_lag = (uint32_t)s->max_lag,
                            .env_version = ENV_VERSION,
                            .last_update = l->total,
                            .check_one_in = (uint32_t)s->check_one_in,
                            .make = curriculum_ticket,
                            .make_context = &l->curriculum,
                            .needs_weights = needs_weights,
                            .welcome = s->model,
                            .featurizer_rendezvous = l->featurizer};
    snprintf(o.listen.bind, sizeof o.listen.bind, "%.127s", s->listen);
    snprintf(o.listen.keys, sizeof o.listen.keys, "%s", s->keys);
    snprintf(o.listen.rendezvous, sizeof o.listen.rendezvous, "%s", l->run.rendezvous);
    o.listen.plaintext = s->plaintext;
    return learner_link_open(&l->link, l->net, &o, ledger->n_bytes ? ledger->bytes : NULL, ledger->n_bytes);
}

/* First act after a restore: publish. With lag 1 in lockstep the version before it is asked for too. */
static Status publish_start(Learner *l) {
    Status st = BS_OK;
    bool restored = l->updates > 0;
    if (l->newest.n_bytes && restored) {
        WeightsId id = {.epoch = l->run.epoch, .version = l->updates - 1};
        TRY(cache_put(l->cache, l->newest.bytes, l->newest.n_bytes, &id.hash));
        TRY(learner_link_publish(l->link, &id));
    }
    TRY(learner_publish(l));
    if (!restored) TRY(learner_save(l)); /* what an earlier run left in the folder is no longer the newest */
out:
    return st;
}

Status learner_open(Learner *l, const Settings *settings, const volatile int *stop) {
    Status st = BS_OK;
    ByteWriter ledger;
    memset(l, 0, sizeof *l);
    l->settings = *settings;
    l->stop = stop;
    l->started_s = l->reported_s = clock_s();
    songs_init(&l->songs);
    pool_init(&l->pool);
    bytes_init(&l->previous, CHECKPOINT_MAX_BYTES);
    bytes_init(&l->newest, CHECKPOINT_MAX_BYTES);
    bytes_init(&ledger, 64 << 20);
    TRY(check_settings(settings));
    TRY(open_run(l));
    TRY(open_data(l));
    l->curriculum = curriculum_of(l);
    l->total = curriculum_updates(&l->curriculum);
    nn_threads((int)settings->threads);
    TRY(trainer_new(&l->trainer, &l->settings, &l->songs, nn_ops_cpu()));
    size_t room = (size_t)l->trainer->max_episodes + 1;
    l->batch = calloc(room, sizeof *l->batch);
    l->trained_ids = calloc(room, sizeof *l->trained_ids);
    if (!l->batch || !l->trained_ids) {
        st = fail(BS_NOMEM, "learner: out of memory");
        goto out;
    }
    if (settings->resume) {
        st = learner_restore(l, &ledger);
        if (st == BS_NOT_FOUND) {
            log_info("resume", "nothing to resume in %s, a new run begins", l->run.checkpoints);
            st = BS_OK;
        }
        TRY(st);
    }
    l->first_update = l->updates;
    TRY(open_link(l, &ledger));
    TRY(publish_start(l));
    l->ready = true;
    log_info("start",
             "run=%s epoch=%" PRIu64 " version=%" PRIu64 " updates=%" PRIu64
             " mode=%s metrics=http://%s:%d seconds=%.2f",
             l->run.folder, l->run.epoch, l->updates, l->total, l->settings.mode, settings->metrics_bind,
             l->metrics_port, clock_s() - l->started_s);
out:
    bytes_drop(&ledger);
    return st;
}

static void drop_batch(Learner *l) {
    for (int32_t i = 0; i < l->n_tickets; i++) episode_free(l->batch[i]);
    l->n_batch = l->n_tickets = l->n_demos = 0;
}

void learner_close(Learner *l) {
    l->ready = false;
    if (l->link) learner_link_close(l->link);
    if (l->batch) drop_batch(l);
    pool_drop(&l->pool);
    trainer_free(l->trainer);
    demos_drop(&l->demos);
    songs_drop(&l->songs);
    bytes_drop(&l->previous);
    bytes_drop(&l->newest);
    free(l->batch);
    free(l->trained_ids);
    if (l->metrics) metrics_serve_stop(l->metrics);
    if (l->log) metrics_log_close(l->log);
    if (l->net) net_close(l->net);
    if (l->cache) cache_close(l->cache);
}

/* ---- one update --------------------------------------------------------------------------------- */

static double rate_of_update(const Learner *l, Stage stage) {
    const Settings *s = &l->settings;
    const Curriculum *c = &l->curriculum;
    if (stage_imitates(stage))
        return learning_rate(s->imitation_lr, s->warmup, l->updates,
                             c->updates[STAGE_RETARGET] + c->updates[STAGE_DEMOS]);
    if (stage == STAGE_VALUE) return s->imitation_lr;
    return learning_rate(s->lr, s->warmup, l->updates - curriculum_start(c, STAGE_PPO),
                         c->updates[STAGE_PPO]);
}

/* Once in a start: whose weights made what is trained first. Of this epoch, or no actor heard of the restart.
 */
static void tell_first(const Learner *l, Episode *const *episodes, int32_t n) {
    uint64_t first_version = UINT64_MAX, epoch = 0;
    for (int32_t i = 0; i < n; i++) {
        if (!policy_needs_weights((PolicyKind)episodes[i]->kind) || i >= l->n_tickets) continue;
        if (!epoch || episodes[i]->epoch < epoch) epoch = episodes[i]->epoch;
        if (episodes[i]->version < first_version) first_version = episodes[i]->version;
    }
    if (epoch)
        log_info("first-trained", "epoch=%" PRIu64 " weights_epoch=%" PRIu64 " weights_version=%" PRIu64,
                 l->run.epoch, epoch, first_version);
}

Status learner_train(Learner *l) {
    Status st = BS_OK;
    double start = clock_s();
    Stage stage = curriculum_stage(&l->curriculum, l->updates);
    Episode **usable = malloc(sizeof *usable * ((size_t)l->n_batch + 1));
    int32_t n_usable = 0;
    if (!usable) return fail(BS_NOMEM, "learner: out of memory");
    for (int32_t i = 0; i < l->n_batch; i++)
        if (trainer_accepts(l->trainer, l->batch[i])) usable[n_usable++] = l->batch[i];
    UpdateInput in = {.stage = stage,
                      .update = l->updates,
                      .fresh_optimiser =
                          !stage_imitates(stage) && l->updates == curriculum_start(&l->curriculum, stage),
                      .lr = (float)rate_of_update(l, stage),
                      .episodes = usable,
                      .n_episodes = n_usable,
                      .stop = stop_asked,
                      .stop_context = l};
    TRY(trainer_update(l->trainer, &in, &l->stats));
    if (l->updates == l->first_update) tell_first(l, usable, n_usable);
    TRY(learner_link_trained(l->link, l->trained_ids, (uint32_t)l->n_tickets, false));
    l->updates++;
    l->env_steps += (uint64_t)l->stats.n_steps;
    l->episodes += (uint64_t)n_usable;
    l->update_s = clock_s() - start;
    metric_set(M_LR, in.lr);
    metric_set(M_STAGE, stage);
out:
    free(usable);
    return st;
}

/* Old weights leave the cache once nobody may act with them any more. */
static void forget_old(Learner *l, uint64_t version) {
    char path[PATH_BYTES];
    WeightsId *old = &l->served[version % SERVED_KEPT];
    if (hash_is_zero(&old->hash)) return;
    for (int i = 0; i < SERVED_KEPT; i++)
        if (&l->served[i] != old && hash_equal(&l->served[i].hash, &old->hash)) return;
    if (cache_path(l->cache, &old->hash, path) == BS_OK) unlink(path);
}

Status learner_publish(Learner *l) {
    Status st = BS_OK;
    WeightsId id = {.epoch = l->run.epoch, .version = l->updates};
    ByteWriter last = l->previous;
    l->previous = l->newest;
    l->newest = last;
    l->newest.n_bytes = 0;
    TRY(policy_net_save(l->trainer->net, true, &l->newest));
    TRY(cache_put(l->cache, l->newest.bytes, l->newest.n_bytes, &id.hash));
    TRY(learner_link_publish(l->link, &id));
    if (!hash_equal(&l->served[id.version % SERVED_KEPT].hash, &id.hash)) forget_old(l, id.version);
    l->served[id.version % SERVED_KEPT] = id;
out:
    return st;
}
