/* bandsaw-editor: what a person runs on recordings and on runs. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "editor/verbs.h"

static const struct {
    const char *name, *about;
    Status (*run)(int argc, char **argv);
} verbs[] = {
    {"edit", "cut a song out of a recording", verb_edit},
    {"show", "what was heard in a recording, as a picture", verb_show},
    {"eval", "compare policies on recordings whose truth is known", verb_eval},
    {"align", "what a person's edit took of a recording", verb_align},
    {"plot", "learning curves of runs as a picture", verb_plot},
};

static void list_verbs(FILE *out) {
    fputs("usage: bandsaw-editor VERB ...   (VERB --help says more)\n", out);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        fprintf(out, "  %-6s %s\n", verbs[i].name, verbs[i].about);
}

int main(int argc, char **argv) {
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is a write that fails, like a full disk */
    if (argc > 1 && !strcmp(argv[1], "--version")) {
        puts("bandsaw-editor " BANDSAW_VERSION);
        return 0;
    }
    if (argc > 1 && !strcmp(argv[1], "--help")) {
        list_verbs(stdout);
        return 0;
    }
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(argv[1], verbs[i].name)) continue;
        Status st = verbs[i].run(argc - 1, argv + 1);
        if (st == BS_OK) return 0;
        fprintf(stderr, "bandsaw: %s\n", error_text()[0] ? error_text() : status_text(st));
        return status_class(st) == STATUS_CALLER ? 2 : 1;
    }
    if (argc > 1) fprintf(stderr, "bandsaw: no verb '%s'\n", argv[1]);
    list_verbs(stderr);
    return 2;
}
