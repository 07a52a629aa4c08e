/* Steps: what each action does to the state. Legality is decided in env_mask.c before. */
#include <string.h>

#include "common/env/env_state.h"

static void append_unit(Env *e, int32_t u, int fade, bool rewards) {
    const EnvSong *es = e->es;
    EnvNow *now = &e->now;
    const EnvUnit *x = &es->units[u];
    bool seam = now->last >= 0 && u != now->last + 1;
    if (!seam) fade = FADE_SHORT;
    BS_ASSERT(now->n_out < MAX_OUT);
    if (rewards) reward_append(es, &e->plan, now, e->place_kept, u, fade);
    if (unit_open(e, u)) {
        now->n_open--;
        now->open_samples -= span_samples(es, u, u + 1);
    }
    if (e->kept[u]++ == 0 && x->section >= 0) e->section_kept[x->section]++;
    if (x->pid >= now->next_pid) now->next_pid = x->pid + 1;
    now->run = seam ? 1 : now->run + 1;
    now->bars += x->kind == UNIT_BEAT && x->in_take && x->phase == 0;
    now_append(es, now, u);
    if (x->pid >= 0) {
        const int32_t slot = beat_player(es, now->place)->song_slot;
        if (e->place_kept[now->place]++ == 0) now->n_covered++;
        if (slot > now->furthest_slot) now->furthest_slot = slot;
    }
    e->out[now->n_out] = u;
    e->out_places[now->n_out] = (int16_t)now->place;
    e->out_fades[now->n_out++] = (uint8_t)fade;
}

/* Appends [a, b) and leaves the playhead after it; the armed fade joins its first unit. */
static void append_span(Env *e, int32_t a, int32_t b, bool rewards) {
    EnvNow *now = &e->now;
    for (int32_t u = a; u < b; u++) {
        append_unit(e, u, now->armed, rewards);
        now->armed = FADE_SHORT;
    }
    now->owed = now->owed > b - a ? now->owed - (b - a) : 0;
    now->cuts = 0;
    now->playhead = b;
}

static void settle(Env *e) {
    EnvNow *now = &e->now;
    menu_update(e);
    now->rest_only =
        now->n_out > 0 && !now->owed && now->length >= e->plan.lo && now->n_open == 0 &&
        (e->plan.end < 0 || now->last == e->plan.end) &&
        (now->length + e->plan.shortest > e->plan.hi || (e->plan.end_is_final && e->kept[e->plan.end]));
}

void state_apply(Env *e, int action, bool rewards) {
    EnvNow *now = &e->now;
    int32_t p = now->playhead;
    if (action < ACT_CUT) {
        append_span(e, p, e->es->units[p].end[action - ACT_KEEP], rewards);
    } else if (action < ACT_REST) {
        now->playhead = e->es->units[p].end[action - ACT_CUT];
        now->cuts++;
    } else if (action == ACT_REST) {
        if (rewards) reward_finish(e->es, &e->plan, now);
        now->done = 1;
        now->last_action = action;
        return;
    } else if (action < ACT_CROSSFADE) {
        int32_t end = e->es->units[p].end[(action - ACT_LOOP) / 3];
        for (int times = (action - ACT_LOOP) % 3 + 2; times > 0; times--) append_span(e, p, end, rewards);
    } else if (action < ACT_REORDER) {
        int fade = (action - ACT_CROSSFADE) % FADE_COUNT;
        now->playhead = now->menu[(action - ACT_CROSSFADE) / FADE_COUNT];
        now->armed = (uint8_t)fade;
        now->owed = fade_units(fade);
    } else {
        const int32_t *pair = e->es->menus[now->last + 1].pair[action - ACT_REORDER];
        append_span(e, pair[0], pair[1], rewards);
        now->playhead = pair[2];
        now->owed = 1;
    }
    now->last_action = action;
    settle(e);
}

void state_play_forced(Env *e, bool rewards) {
    int only;
    while (!e->now.done) {
        int n = legal_few(e, &only);
        BS_ASSERT(n > 0);
        if (n > 1) return;
        state_apply(e, only, rewards);
    }
}

void state_pop(Env *e, const EnvNow *before) {
    const EnvUnit *units = e->es->units;
    for (int32_t i = e->now.n_out - 1; i >= before->n_out; i--) {
        int32_t u = e->out[i];
        if (--e->kept[u] == 0 && units[u].section >= 0) e->section_kept[units[u].section]--;
        if (units[u].pid >= 0) e->place_kept[e->out_places[i]]--;
    }
    e->now = *before;
}

Status env_reset(Env *e, const Job *job) {
    const EnvSong *es = e->es;
    EnvNow *now = &e->now;
    Status st = BS_OK;
    memset(now, 0, sizeof *now);
    now->done = 1;
    TRY(plan_make(e, job));
    memset(e->kept, 0, (size_t)es->n * sizeof *e->kept);
    memset(e->place_kept, 0, (size_t)es->n_pids * sizeof *e->place_kept);
    memset(e->section_kept, 0, (size_t)es->n_sections * sizeof *e->section_kept);
    now->done = 0;
    now->last = now->before_last = now->last_slotted = now->place = now->last_action = -1;
    now->furthest_slot = -1;
    now->n_open = e->plan.n_must;
    for (int32_t i = 0; i < e->plan.n_must; i++)
        now->open_samples += span_samples(es, e->must_units[i], e->must_units[i] + 1);
    if (job->start_unit >= 0) {
        now->playhead = job->start_unit;
        now->owed = 1;
    }
    settle(e);
    if (job->start_unit >= 0 && !append_fits(e, job->start_unit, job->start_unit + 1, 1, -1)) {
        now->done = 1;
        st = fail(BS_CONFLICT, "job: starting at unit %d leaves no way to meet the other constraints",
                  job->start_unit);
        goto out;
    }
    state_play_forced(e, true);
out:
    return st;
}

float env_step(Env *e, int action, float terms[REWARD_TERMS], Status *st) {
    if (!action_legal(e, action)) {
        char text[64];
        *st = fail(BS_INVALID, "%s is not legal here", env_action_text(action, text, sizeof text));
        return 0;
    }
    Tally before = e->now.tally;
    float sum = 0;
    if (e->now.n_steps == 0) memset(&before, 0, sizeof before); /* what was forced at the start counts here */
    e->now.n_steps++;
    state_apply(e, action, true);
    state_play_forced(e, true);
    for (int i = 0; i < REWARD_TERMS; i++) {
        float d = (float)(e->now.tally.terms[i] - before.terms[i]);
        if (terms) terms[i] += d;
        sum += e->plan.job.weights[i] * d;
    }
    *st = BS_OK;
    return sum;
}
