/* bandsaw-learner: tickets out, trajectories in, updates, weights out.
 *
 *     restore, publish
 *     while updates are left:
 *         collect   results as they come: replay, judge, buffer, until there is a batch
 *         train     imitation of planners and people, then PPO on the network's own episodes
 *         publish   version + 1, told to every actor at once
 *         report    metrics; now and then a checkpoint
 *
 * SIGTERM and SIGINT give up the update at hand and leave a valid checkpoint; kill -9 loses at most what came
 * after the last one. */
#include <signal.h>
#include <stdio.h>

#include "common/host/log.h"
#include "learner/learner.h"

static volatile int stop;

static void on_signal(int number) {
    (void)number;
    stop = 1;
}

static void listen_for_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static Status learn(Learner *l) {
    Status st = BS_OK;
    while (l->updates < l->total) {
        TRY(run_check(&l->run));
        TRY(learner_collect(l));
        TRY(learner_train(l));
        TRY(learner_publish(l));
        TRY(learner_record(l));
        if (l->updates % (uint64_t)l->settings.checkpoint_every == 0 && l->updates < l->total)
            TRY(learner_save(l));
    }
out:
    if (st == BS_CLOSED && stop) {
        st = learner_save(l);
        if (st == BS_OK) log_info("stopped", "updates=%llu", (unsigned long long)l->updates);
        return st;
    }
    if (st != BS_OK) return st;
    st = learner_save(l);
    return st == BS_OK ? learner_finish(l) : st;
}

int main(int argc, char **argv) {
    static Learner learner;
    static Settings settings;
    int n_positional = 0;
    bool help = false;
    Status st = config_parse(&learner_config, &settings, argc, argv, NULL, 0, &n_positional, &help);
    if (help) return 0;
    log_open("learner", st == BS_OK ? log_level_named(settings.log) : LOG_INFO);
    if (st == BS_OK) {
        listen_for_signals();
        st = learner_open(&learner, &settings, &stop);
        if (st == BS_OK) st = learn(&learner);
        if (st == BS_CLOSED && stop) st = BS_OK;
        /* After a failure nothing is closed: that would tell the actors that the run is over, and whoever
         * supervises may start the next learner. */
        if (st == BS_OK)
            learner_close(&learner);
        else
            fprintf(stderr, "bandsaw-learner: %s\n", error_text());
    } else {
        fprintf(stderr, "bandsaw-learner: %s\n", error_text());
    }
    return st == BS_OK ? 0 : 1;
}
