#pragma once
/* A learner and its actor in one process, without sockets: tickets of a curriculum, run by the policy they
 * ask for, replayed into episodes. */
#include "learner/update.h"
#include "tests/unit/learner_songs.h"

static inline Settings settings_default(void) {
    Settings s;
    char *argv[] = {(char *)"test", NULL};
    int n = 0;
    bool help = false;
    if (config_parse(&learner_config, &s, 1, argv, NULL, 0, &n, &help) != BS_OK) abort();
    snprintf(s.model, sizeof s.model, "tiny");
    s.batch = 64;
    return s;
}

/* The n tickets from id `first` on, run with `kind` and these weights; episodes by id. */
static inline void play_tickets(SongBook *songs, const Curriculum *c, PolicyKind kind,
                                const ByteWriter *weights, uint64_t first, int n, Episode **out) {
    Policy *policy;
    Trajectory t[TICKET_GROUP];
    if (policy_open(&policy, kind, weights ? weights->bytes : NULL, weights ? weights->n_bytes : 0) != BS_OK)
        abort();
    for (int i = 0; i < TICKET_GROUP; i++)
        if (trajectory_init(&t[i], ENV_MAX_STEPS) != BS_OK) abort();
    for (int g = 0; g < n; g += TICKET_GROUP) {
        Ticket tickets[TICKET_GROUP];
        Job jobs[TICKET_GROUP];
        uint64_t seeds[TICKET_GROUP];
        Env *env;
        for (int i = 0; i < TICKET_GROUP; i++) {
            curriculum_ticket((void *)(uintptr_t)c, first + (uint64_t)(g + i), &tickets[i]);
            jobs[i] = tickets[i].job;
            seeds[i] = tickets[i].seed;
        }
        int32_t song = songs_find(songs, &tickets[0].song);
        if (songs_env(songs, song, &env) != BS_OK) abort();
        Status st = policy_run(policy, songs->entries[song].es, TICKET_GROUP, jobs, seeds, t, NULL, NULL);
        if (st != BS_OK) print_error("%s\n", error_text());
        assert_int_equal(st, BS_OK);
        for (int i = 0; i < TICKET_GROUP; i++) {
            st = episode_new(&out[g + i], env, song, &jobs[i], t[i].actions, t[i].log_probs, t[i].n_steps);
            if (st != BS_OK) print_error("%s\n", error_text());
            assert_int_equal(st, BS_OK);
            out[g + i]->id = tickets[i].id;
            out[g + i]->kind = (uint8_t)kind;
        }
    }
    for (int i = 0; i < TICKET_GROUP; i++) trajectory_drop(&t[i]);
    policy_close(policy);
}

static inline void episodes_free(Episode **episodes, int n) {
    for (int i = 0; i < n; i++) episode_free(episodes[i]);
}

/* Those that can be trained on; returns how many. */
static inline int32_t usable(const Trainer *t, Episode **episodes, int n, Episode **out) {
    int32_t m = 0;
    for (int i = 0; i < n; i++)
        if (trainer_accepts(t, episodes[i])) out[m++] = episodes[i];
    return m;
}

static inline Hash trainer_hash(Trainer *t) {
    return hash_bytes(policy_net_params(t->net), sizeof(float) * policy_net_n_params(t->net));
}
