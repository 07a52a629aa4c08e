/* What a checkpoint of the learner holds:
 *
 *     weights.safetensors    fp32
 *     optimiser.safetensors  m, v; step in its metadata
 *     reference.safetensors  the imitation policy, once reinforcement has begun
 *     previous.safetensors   lockstep with lag 1: the served weights before the newest
 *     ledger                 which tickets are trained
 *     state                  counters and what a resumed run must agree on; packed, see below
 *     config                 the options, readable by --config
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/log.h"
#include "common/nn/safetensors.h"
#include "learner/checkpoint.h"
#include "learner/learner.h"

enum { STATE_VERSION = 1, STATE_MAX = 4096 };

/* ---- pieces ------------------------------------------------------------------------------------- */

static void put_state(const Learner *l, ByteWriter *w) {
    bytes_u32(w, STATE_VERSION);
    bytes_u64(w, l->updates);
    bytes_u64(w, l->env_steps);
    bytes_u64(w, l->episodes);
    bytes_i64(w, l->settings.seed);
    bytes_i64(w, l->settings.batch);
    bytes_text(w, l->settings.mode);
    bytes_text(w, l->settings.model);
    bytes_f64(w, metric_value(M_NONFINITE));
    bytes_f64(w, metric_value(M_CHECKPOINTS));
}

static Status get_state(Learner *l, const CheckpointFile *f) {
    char mode[64], model[64];
    ByteReader r = reader_of(f->bytes, f->n_bytes);
    uint32_t version = read_u32(&r);
    if (version != STATE_VERSION)
        return fail(BS_VERSION, "checkpoint state has version %u, this program reads %d", version,
                    STATE_VERSION);
    l->updates = read_u64(&r);
    l->env_steps = read_u64(&r);
    l->episodes = read_u64(&r);
    int64_t seed = read_i64(&r), batch = read_i64(&r);
    read_text(&r, mode, sizeof mode);
    read_text(&r, model, sizeof model);
    double nonfinite = read_f64(&r), checkpoints = read_f64(&r);
    if (r.bad) return fail(BS_CORRUPT, "checkpoint state cannot be read");
    if (seed != l->settings.seed || batch != l->settings.batch || strcmp(mode, l->settings.mode) ||
        strcmp(model, l->settings.model))
        return fail(BS_CONFLICT,
                    "the run has seed %" PRId64 ", batch %" PRId64
                    ", mode %s, model %s: resume it with the same, or start another run",
                    seed, batch, mode, model);
    metric_set(M_NONFINITE, nonfinite);
    metric_set(M_CHECKPOINTS, checkpoints);
    return BS_OK;
}

static Status put_optimiser(const AdamW *o, ByteWriter *w) {
    char step[32];
    snprintf(step, sizeof step, "%" PRId64, o->step);
    TensorEntry e[2] = {{.name = "m",
                         .type = TENSOR_F32,
                         .n_dims = 1,
                         .dims = {(int64_t)o->n_params},
                         .data = o->m,
                         .n_bytes = sizeof(float) * o->n_params},
                        {.name = "v",
                         .type = TENSOR_F32,
                         .n_dims = 1,
                         .dims = {(int64_t)o->n_params},
                         .data = o->v,
                         .n_bytes = sizeof(float) * o->n_params}};
    TensorMeta meta = {"step", step};
    return safetensors_write(w, e, 2, &meta, 1);
}

static Status get_optimiser(AdamW *o, const CheckpointFile *f) {
    Status st = BS_OK;
    Safetensors s = {0};
    size_t bytes = sizeof(float) * o->n_params;
    TRY(safetensors_read(&s, f->bytes, f->n_bytes));
    const TensorEntry *m = safetensors_find(&s, "m"), *v = safetensors_find(&s, "v");
    const char *step = safetensors_meta(&s, "step");
    if (!m || !v || !step || m->n_bytes != bytes || v->n_bytes != bytes) {
        st = fail(BS_CORRUPT, "optimiser state does not fit the policy");
        goto out;
    }
    memcpy(o->m, m->data, bytes);
    memcpy(o->v, v->data, bytes);
    o->step = strtoll(step, NULL, 10);
out:
    safetensors_drop(&s);
    return st;
}

/* Writes other parameters than those in the network: swapped in for the moment. */
static Status put_params(Trainer *t, const float *params, bool bf16, ByteWriter *w) {
    size_t bytes = sizeof(float) * policy_net_n_params(t->net);
    float *net = policy_net_params(t->net), *mine = malloc(bytes);
    if (!mine) return fail(BS_NOMEM, "checkpoint: out of memory");
    memcpy(mine, net, bytes);
    memcpy(net, params, bytes);
    Status st = policy_net_save(t->net, bf16, w);
    memcpy(net, mine, bytes);
    free(mine);
    return st;
}

/* ---- the whole ---------------------------------------------------------------------------------- */

static void list(CheckpointFile *files, int *n, const char *name, const ByteWriter *w) {
    if (w->n_bytes == 0) return;
    CheckpointFile *f = &files[(*n)++];
    snprintf(f->name, sizeof f->name, "%s", name);
    f->bytes = w->bytes;
    f->n_bytes = w->n_bytes;
}

static Status put_config(const Settings *s, ByteWriter *w) {
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f) return fail(BS_NOMEM, "checkpoint: out of memory");
    config_dump(&learner_config, s, f);
    fclose(f);
    bytes_put(w, text, n);
    free(text);
    return BS_OK;
}

Status learner_save(Learner *l) {
    Status st = BS_OK;
    CheckpointFile files[CHECKPOINT_FILES] = {0};
    int n = 0;
    enum { WEIGHTS, OPTIMISER, REFERENCE, LEDGER, STATE, CONFIG, PIECES };
    ByteWriter w[PIECES];
    for (int i = 0; i < PIECES; i++) bytes_init(&w[i], CHECKPOINT_MAX_BYTES);
    TRY(run_check(&l->run));
    TRY(policy_net_save(l->trainer->net, false, &w[WEIGHTS]));
    TRY(put_optimiser(&l->trainer->optimiser, &w[OPTIMISER]));
    if (l->trainer->has_reference) TRY(put_params(l->trainer, l->trainer->reference, false, &w[REFERENCE]));
    TRY(learner_link_snapshot(l->link, &w[LEDGER]));
    put_state(l, &w[STATE]);
    TRY(put_config(&l->settings, &w[CONFIG]));
    list(files, &n, "weights.safetensors", &w[WEIGHTS]);
    list(files, &n, "optimiser.safetensors", &w[OPTIMISER]);
    list(files, &n, "reference.safetensors", &w[REFERENCE]);
    if (l->curriculum.mode == RUN_LOCKSTEP && l->curriculum.max_lag > 0)
        list(files, &n, "previous.safetensors", &l->previous);
    list(files, &n, "ledger", &w[LEDGER]);
    list(files, &n, "state", &w[STATE]);
    list(files, &n, "config", &w[CONFIG]);
    for (int i = 0; i < PIECES; i++)
        if (w[i].bad) {
            st = fail(BS_NOMEM, "checkpoint: out of memory");
            goto out;
        }
    TRY(checkpoint_write(l->run.checkpoints, l->updates, l->run.epoch, files, n, (int)l->settings.keep));
    metric_add(M_CHECKPOINTS, 1);
    log_debug("checkpoint", "version=%" PRIu64, l->updates);
out:
    for (int i = 0; i < PIECES; i++) bytes_drop(&w[i]);
    return st;
}

static void skipped(void *context, const char *path, const char *why) {
    (void)context;
    log_warn("checkpoint-skipped", "path=%s reason=\"%s\"", path, why);
}

static Status find(const Checkpoint *c, const char *name, const CheckpointFile **f) {
    *f = checkpoint_find(c, name);
    return *f ? BS_OK : fail(BS_CORRUPT, "%s: %s is missing", c->path, name);
}

Status learner_restore(Learner *l, ByteWriter *ledger) {
    Status st = BS_OK;
    Trainer *t = l->trainer;
    Checkpoint c;
    const CheckpointFile *f;
    size_t bytes = sizeof(float) * policy_net_n_params(t->net);
    TRY(checkpoint_load(l->run.checkpoints, &c, skipped, NULL));
    TRY(find(&c, "state", &f));
    TRY(get_state(l, f));
    if ((f = checkpoint_find(&c, "reference.safetensors"))) {
        TRY(policy_net_load(t->net, f->bytes, f->n_bytes));
        memcpy(t->reference, policy_net_params(t->net), bytes);
        t->has_reference = true;
    }
    TRY(find(&c, "weights.safetensors", &f));
    TRY(policy_net_load(t->net, f->bytes, f->n_bytes));
    TRY(find(&c, "optimiser.safetensors", &f));
    TRY(get_optimiser(&t->optimiser, f));
    TRY(find(&c, "ledger", &f));
    bytes_put(ledger, f->bytes, f->n_bytes);
    if ((f = checkpoint_find(&c, "previous.safetensors"))) bytes_put(&l->newest, f->bytes, f->n_bytes);
    log_info("resume", "checkpoint=%s version=%" PRIu64, c.path, l->updates);
out:
    if (st != BS_NOT_FOUND) checkpoint_drop(&c);
    return st;
}

Status learner_finish(Learner *l) {
    Status st = BS_OK;
    Trainer *t = l->trainer;
    char hex[HASH_HEX + 1];
    ByteWriter policy, imitation, exact;
    bytes_init(&policy, CHECKPOINT_MAX_BYTES);
    bytes_init(&imitation, CHECKPOINT_MAX_BYTES);
    bytes_init(&exact, CHECKPOINT_MAX_BYTES);
    TRY(policy_net_save(t->net, true, &policy));
    TRY(put_params(t, t->has_reference ? t->reference : policy_net_params(t->net), true, &imitation));
    TRY(policy_net_save(t->net, false, &exact));
    TRY(run_write(&l->run, "imitation.safetensors", imitation.bytes, imitation.n_bytes));
    TRY(run_write(&l->run, "policy.safetensors", policy.bytes, policy.n_bytes));
    Hash h = hash_bytes(exact.bytes, exact.n_bytes);
    hash_hex(&h, hex);
    log_info("end", "updates=%" PRIu64 " steps=%" PRIu64 " weights=%s", l->updates, l->env_steps, hex);
    hex[HASH_HEX - 1] = '\n';
    TRY(run_write(&l->run, "weights.hash", hex, HASH_HEX));
out:
    bytes_drop(&policy);
    bytes_drop(&imitation);
    bytes_drop(&exact);
    return st;
}
