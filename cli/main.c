/* bandsaw: one front door. A verb either runs here or is handed, arguments and all, to the program that
 * knows it; programs are looked for beside this one. */
#include <stdio.h>
#include <string.h>

#include "cli/verbs.h"

typedef struct Verb {
    const char *name, *program; /* program NULL: runs here */
    int (*run)(int argc, char **argv);
    const char *help;
} Verb;

static const Verb verbs[] = {
    {"edit", "bandsaw-editor", NULL,
     "cut a song out of a recording: bandsaw edit rehearsal.wav -o song.flac --target 3:30"},
    {"show", "bandsaw-editor", NULL, "a recording on one sheet: takes, form, beats, key, loudness, mistakes"},
    {"takes", "bandsaw-featurizer", NULL, "list the takes of a recording"},
    {"beats", "bandsaw-featurizer", NULL, "print seconds<TAB>position-in-bar for every beat"},
    {"stems", "bandsaw-featurizer", NULL, "take a recording apart into drums, bass, vocals and the rest"},
    {"featurize", "bandsaw-featurizer", NULL, "hear every recording of a folder"},
    {"train", NULL, verb_train, "train a policy on a folder of recordings, on this machine"},
    {"eval", "bandsaw-editor", NULL, "compare policies on held-out recordings"},
    {"align", "bandsaw-editor", NULL, "say which ranges of a recording a person's edit of it consists of"},
    {"plot", "bandsaw-editor", NULL, "learning curves of a run as a picture"},
    {"simulate", "bandsaw-simulator", NULL, "make rehearsals with known truth"},
    {"judge", "bandsaw-simulator", NULL, "score an edit against the truth, 0 to 10"},
    {"rate", "bandsaw-simulator", NULL, "let simulated people compare edits of sessions with known truth"},
    {"serve", "bandsaw-featurizer", NULL, "the featurizer's service, for clusters"},
    {"learner", "bandsaw-learner", NULL, "the learner alone, for clusters"},
    {"actor", "bandsaw-actor", NULL, "one actor alone, for clusters"},
    {"config", NULL, NULL, "the options of a verb as they stand now, as a file that --config reads"},
    {"health", NULL, verb_health, "ask a program of a run whether it is well"},
    {"keygen", NULL, verb_keygen, "make the keys that encrypt links across hosts"},
};
enum { N_VERBS = sizeof verbs / sizeof verbs[0] };

static int usage(FILE *out) {
    fprintf(out, "Bandsaw turns raw music recordings into songs.\n\n  bandsaw VERB ...        bandsaw VERB "
                 "--help\n\n");
    for (int i = 0; i < N_VERBS; i++) fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].help);
    fprintf(out, "\n  --version  the version of this program\n");
    return out == stdout ? 0 : 2;
}

static const Verb *verb_named(const char *name) {
    for (int i = 0; i < N_VERBS; i++)
        if (strcmp(name, verbs[i].name) == 0) return &verbs[i];
    return NULL;
}

static int unknown(const char *name) {
    const char *names[N_VERBS];
    for (int i = 0; i < N_VERBS; i++) names[i] = verbs[i].name;
    return unknown_verb(name, names, N_VERBS);
}

static int run_verb(const Verb *verb, int argc, char **argv) {
    if (verb->run) return verb->run(argc, argv);
    bool alone = strcmp(verb->program + strlen("bandsaw-"), verb->name) == 0; /* it knows no other verb */
    return program_become(verb->program, alone ? argv + 1 : argv);
}

/* bandsaw config [VERB]: the verb itself prints them. */
static int run_config(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "learner";
    if (strcmp(name, "--help") == 0)
        return puts("bandsaw config [VERB]\n\nPrints the options of a verb (default: learner), environment "
                    "included."),
               0;
    const Verb *verb = verb_named(name);
    if (!verb) return unknown(name);
    char *args[] = {argc > 1 ? argv[1] : "learner", "--print-config", NULL};
    return run_verb(verb, 2, args);
}

int main(int argc, char **argv) {
    if (argc < 2) return usage(stderr);
    if (strcmp(argv[1], "--version") == 0) return puts("bandsaw " BANDSAW_VERSION), 0;
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return usage(stdout);
    if (strcmp(argv[1], "config") == 0) return run_config(argc - 1, argv + 1);
    const Verb *verb = verb_named(argv[1]);
    return verb ? run_verb(verb, argc - 1, argv + 1) : unknown(argv[1]);
}
