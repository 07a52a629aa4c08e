/* bandsaw train: featurizer, learner and actors as processes of one machine, and a progress line.
 *
 * The supervisor holds no training state. It restarts an actor that died, restarts a learner that was
 * killed with --resume, and ends everything in order: the first Ctrl-C lets the learner save, the second
 * kills. A program that keeps dying at once ends the run with the tail of its log. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/verbs.h"
#include "common/host/clock.h"
#include "common/host/config.h"
#include "common/host/json.h"
#include "common/host/progress.h"

enum { MAX_CHILDREN = 1026, MAX_PASSED = 200, MAX_QUICK_DEATHS = 5, QUICK_MS = 3000, STOP_MS = 90000 };

typedef struct TrainOptions {
#define OPTION(type, field, key, initial, min, max, choices, help) option_##type field;
#include "cli/options.def"
#undef OPTION
} TrainOptions;

static const Option option_rows[] = {
#define OPTION(type, field, key, initial, min, max, choices, help) \
    OPTION_ENTRY(TrainOptions, type, field, key, initial, min, max, choices, help)
#include "cli/options.def"
#undef OPTION
};
static const ConfigTable table = {
    .program = "bandsaw train",
    .usage = "bandsaw train DATA [--actors 2] [--run NAME] [options of the learner]",
    .about = "Trains a policy on the recordings of a folder. Options that are not listed go to the learner: "
             "'bandsaw learner --help'.",
    .options = option_rows,
    .n_options = sizeof option_rows / sizeof option_rows[0],
};

typedef struct Child {
    char name[32], log_path[PATH_BYTES];
    const char *program;
    char *args[MAX_PASSED + 16];
    pid_t pid;
    int64_t started_ms;
    int quick_deaths;
} Child;

typedef struct Supervisor {
    TrainOptions options;
    char data[PATH_BYTES], run_dir[PATH_BYTES], learner_rendezvous[PATH_BYTES],
        featurizer_rendezvous[PATH_BYTES], status_path[PATH_BYTES];
    char *passed[MAX_PASSED];
    int n_passed, n_children;
    Child *children; /* featurizer, learner, actors */
    bool progress_started;
    Progress progress;
} Supervisor;

static volatile sig_atomic_t interrupts;
static void on_signal(int sig) {
    (void)sig;
    interrupts++;
}

/* ---- arguments --------------------------------------------------------------------------------- */

static bool own_flag(const char *arg) {
    static const char *const names[] = {"--run",  "--actors", "--fresh",        "--featurize",
                                        "--help", "--config", "--print-config", "--options-markdown"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t n = strlen(names[i]);
        if (strncmp(arg, names[i], n) == 0 && (arg[n] == 0 || arg[n] == '=')) return true;
    }
    return strncmp(arg, "--train.", 8) == 0;
}

/* Splits argv into what train reads and what the learner gets. */
static Status split_arguments(Supervisor *s, int argc, char **argv, char **own, int *n_own) {
    *n_own = 0;
    own[(*n_own)++] = argv[0];
    for (int i = 1; i < argc; i++) {
        bool flag = strncmp(argv[i], "--", 2) == 0, mine = !flag || own_flag(argv[i]);
        bool has_value = flag && !strchr(argv[i], '=') && i + 1 < argc &&
                         strncmp(argv[i + 1], "--", 2) != 0 && strcmp(argv[i], "--help") != 0;
        for (int k = 0; k <= (has_value ? 1 : 0); k++) {
            if (!mine && s->n_passed == MAX_PASSED)
                return fail(BS_TOO_BIG, "more than %d options", MAX_PASSED);
            if (mine)
                own[(*n_own)++] = argv[i + k];
            else
                s->passed[s->n_passed++] = argv[i + k];
        }
        i += has_value ? 1 : 0;
    }
    return BS_OK;
}

/* ---- children ---------------------------------------------------------------------------------- */

static Child *child_add(Supervisor *s, const char *program, const char *name) {
    Child *c = &s->children[s->n_children++];
    *c = (Child){.program = program, .pid = -1};
    snprintf(c->name, sizeof c->name, "%s", name);
    snprintf(c->log_path, sizeof c->log_path, "%.4000s/%s.log", s->run_dir, name);
    return c;
}

static Status child_start(Child *c) {
    c->started_ms = clock_ms();
    return program_start(c->program, c->args, c->log_path, &c->pid);
}

static void describe_children(Supervisor *s) {
    Child *featurizer = child_add(s, "bandsaw-featurizer", "featurizer");
    char *serve[] = {"serve", s->data, "--rendezvous", s->featurizer_rendezvous, NULL};
    memcpy(featurizer->args, serve, sizeof serve);

    Child *learner = child_add(s, "bandsaw-learner", "learner");
    char *learn[] = {"--data",   s->data, "--run", s->run_dir, "--featurizer", s->featurizer_rendezvous,
                     "--resume", "true"};
    int n = 0;
    for (size_t i = 0; i < sizeof learn / sizeof learn[0]; i++) learner->args[n++] = learn[i];
    for (int i = 0; i < s->n_passed; i++) learner->args[n++] = s->passed[i];

    for (int64_t i = 0; i < s->options.actors; i++) {
        char name[32];
        snprintf(name, sizeof name, "actor-%d", (int)i + 1);
        Child *actor = child_add(s, "bandsaw-actor", name);
        char *act[] = {"--rendezvous", s->learner_rendezvous, "--name", actor->name, NULL};
        memcpy(actor->args, act, sizeof act);
    }
}

static void show_tail(const char *path) {
    char *text = NULL;
    size_t n = 0;
    if (file_read(path, 64u << 20, (void **)&text, &n) != BS_OK) return;
    int lines = 0;
    char *from = text + n;
    while (from > text && lines < 6) lines += *--from == '\n';
    fprintf(stderr, "%s\n", from);
    free(text);
}

/* A child ended: BS_CLOSED when the run is over, BS_OK when it was started again. */
static Status child_ended(Supervisor *s, Child *c, int status) {
    c->pid = -1;
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0, learner = c == &s->children[1];
    if (learner && clean) return BS_CLOSED;
    if (interrupts) return learner ? BS_CLOSED : BS_OK;
    if (clean) return BS_OK; /* an actor to whom the learner said that the run is over */
    c->quick_deaths = clock_ms() - c->started_ms < QUICK_MS ? c->quick_deaths + 1 : 0;
    char how[64];
    if (WIFSIGNALED(status))
        snprintf(how, sizeof how, "was ended by signal %d", WTERMSIG(status));
    else
        snprintf(how, sizeof how, "ended with status %d", WEXITSTATUS(status));
    if (c->quick_deaths >= MAX_QUICK_DEATHS || (learner && WIFEXITED(status))) {
        progress_end(&s->progress, "");
        fprintf(stderr, "bandsaw: %s %s; the last lines of %s:\n", c->name, how, c->log_path);
        show_tail(c->log_path);
        return fail(BS_IO, "%s %s", c->name, how);
    }
    fprintf(stderr, "\nbandsaw: %s %s; starting it again\n", c->name, how);
    return child_start(c);
}

static Child *child_of(Supervisor *s, pid_t pid) {
    for (int i = 0; i < s->n_children; i++)
        if (s->children[i].pid == pid) return &s->children[i];
    return NULL;
}

/* Learner first, so that it says BYE; then the rest. */
static void stop_all(Supervisor *s) {
    int64_t until = clock_ms() + STOP_MS;
    for (int phase = 0; phase < 2; phase++) {
        for (int i = 0; i < s->n_children; i++)
            if (s->children[i].pid > 0 && (phase == 1 || i == 1)) kill(s->children[i].pid, SIGTERM);
        for (;;) {
            int left = 0, status;
            for (int i = 0; i < s->n_children; i++) {
                Child *c = &s->children[i];
                if (c->pid > 0 && (phase == 1 || i == 1) && waitpid(c->pid, &status, WNOHANG) == 0) {
                    left++;
                    if (interrupts >= 2 || clock_ms() > until) kill(c->pid, SIGKILL);
                } else if (phase == 1 || i == 1)
                    c->pid = -1;
            }
            if (left == 0) break;
            clock_sleep_ms(20);
        }
    }
}

/* ---- progress ---------------------------------------------------------------------------------- */

static void show_progress(Supervisor *s) {
    Json *status = NULL;
    int64_t update, total;
    double sps = 0, mean_return = 0, lag = 0;
    const char *stage = "";
    if (!file_exists(s->status_path) || json_read(&status, s->status_path, 0) != BS_OK) return;
    if (json_get_i64(status, "update", 0, INT64_MAX, &update) == BS_OK &&
        json_get_i64(status, "total", 1, INT64_MAX, &total) == BS_OK) {
        if (json_has(status, "steps_per_s")) json_get_f64(status, "steps_per_s", &sps);
        if (json_has(status, "return")) json_get_f64(status, "return", &mean_return);
        if (json_has(status, "lag")) json_get_f64(status, "lag", &lag);
        if (json_has(status, "stage")) json_get_text(status, "stage", &stage);
        if (!s->progress_started) {
            progress_start(&s->progress, "training", total);
            s->progress_started = true;
        }
        char note[160];
        snprintf(note, sizeof note, "%s  %.0f steps/s  return %.3f  lag %.2f", stage, sps, mean_return, lag);
        progress_at(&s->progress, update, note);
    }
    json_free(status);
}

static Status supervise(Supervisor *s) {
    Status st = BS_OK;
    for (int i = 0; i < s->n_children; i++) TRY(child_start(&s->children[i]));
    bool told = false;
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        Child *c = pid > 0 ? child_of(s, pid) : NULL;
        if (c) {
            st = child_ended(s, c, status);
            if (st == BS_CLOSED) break;
            if (st != BS_OK) goto out;
            continue;
        }
        if (interrupts && !told) {
            fprintf(stderr, "\nbandsaw: saving and stopping; Ctrl-C again to kill\n");
            told = true;
            if (s->children[1].pid > 0) kill(s->children[1].pid, SIGTERM);
        }
        if (interrupts >= 2) break;
        show_progress(s);
        clock_sleep_ms(100);
    }
    st = BS_OK;
    show_progress(s);
    if (s->progress_started) progress_end(&s->progress, interrupts ? "stopped" : "done");
out:
    stop_all(s);
    return st;
}

/* ---- the verb ---------------------------------------------------------------------------------- */

static Status prepare(Supervisor *s) {
    Status st = BS_OK;
    char work[PATH_BYTES], runs[PATH_BYTES];
    if (!file_exists(s->data)) return fail(BS_NOT_FOUND, "%s: no such folder", s->data);
    if (strchr(s->options.run, '/') || s->options.run[0] == 0 || s->options.run[0] == '.')
        return fail(BS_INVALID, "a run's name has no '/' and does not start with '.': '%s'", s->options.run);
    TRY(path_join(work, s->data, ".bandsaw"));
    TRY(path_join(runs, work, "runs"));
    TRY(path_join(s->run_dir, runs, s->options.run));
    if (s->options.fresh) TRY(dir_remove(s->run_dir));
    TRY(dir_make(s->run_dir, 0755));
    TRY(path_join(s->learner_rendezvous, s->run_dir, "rendezvous"));
    TRY(path_join(s->featurizer_rendezvous, s->run_dir, "featurizer.rendezvous"));
    TRY(path_join(s->status_path, s->run_dir, "status.json"));
    /* What an earlier start left would send actors to nobody. */
    unlink(s->featurizer_rendezvous);
    unlink(s->learner_rendezvous);
    unlink(s->status_path);
    if (s->options.featurize) {
        int code;
        char *args[] = {"featurize", s->data, NULL};
        TRY(program_run("bandsaw-featurizer", args, &code));
        if (code != 0)
            st = fail(BS_IO, "not every recording of %s could be heard; --featurize false trains on the rest",
                      s->data);
    }
out:
    return st;
}

int verb_train(int argc, char **argv) {
    Status st = BS_OK;
    static Supervisor s;
    char **own = calloc((size_t)argc + 1, sizeof *own);
    const char *positional[1];
    int n_own = 0, n_positional = 0;
    bool help = false;
    s.children = calloc(MAX_CHILDREN, sizeof *s.children);
    if (!own || !s.children) {
        st = fail(BS_NOMEM, "out of memory");
        goto out;
    }
    TRY(split_arguments(&s, argc, argv, own, &n_own));
    TRY(config_parse(&table, &s.options, n_own, own, positional, 1, &n_positional, &help));
    if (help) goto out;
    if (n_positional != 1) {
        st = fail(BS_INVALID, "which folder? usage: %s", table.usage);
        goto out;
    }
    snprintf(s.data, sizeof s.data, "%s", positional[0]);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    TRY(prepare(&s));
    describe_children(&s);
    TRY(supervise(&s));
    char policy[PATH_BYTES];
    TRY(path_join(policy, s.run_dir, "policy.safetensors"));
    if (file_exists(policy)) printf("policy: %s\n", policy);
out:
    free(own);
    free(s.children);
    return st == BS_OK ? 0 : complain(st);
}
