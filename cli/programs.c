/* Finding, becoming and starting the other programs. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/verbs.h"
#include "common/host/config.h"

enum { MAX_ARGS = 256 };

int complain(Status st) {
    fprintf(stderr, "bandsaw: %s\n", error_text()[0] ? error_text() : status_text(st));
    return status_class(st) == STATUS_CALLER ? 2 : 1;
}

int unknown_verb(const char *verb, const char *const *names, size_t n_names) {
    const char *near = nearest_name(verb, names, n_names);
    fprintf(stderr, "bandsaw: no verb '%s'%s%s%s; 'bandsaw --help' lists them\n", verb,
            near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
    return 2;
}

Status program_path(const char *name, char out[PATH_BYTES]) {
    char self[PATH_BYTES];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) return fail(BS_IO, "cannot find my own path: %s", strerror(errno));
    self[n] = 0;
    *strrchr(self, '/') = 0;
    return path_join(out, self, name);
}

/* argv of the program: its name, then `args`. */
static Status full_argv(const char *path, char *const *args, char *argv[MAX_ARGS]) {
    int n = 0;
    argv[n++] = (char *)path;
    for (; *args; args++) {
        if (n == MAX_ARGS - 1) return fail(BS_TOO_BIG, "more than %d arguments", MAX_ARGS - 2);
        argv[n++] = *args;
    }
    argv[n] = NULL;
    return BS_OK;
}

int program_become(const char *name, char **args) {
    Status st = BS_OK;
    char path[PATH_BYTES], *argv[MAX_ARGS];
    TRY(program_path(name, path));
    TRY(full_argv(path, args, argv));
    execv(path, argv);
    st = fail(BS_NOT_FOUND, "cannot run %s: %s", path, strerror(errno));
out:
    return complain(st);
}

Status program_start(const char *name, char *const *args, const char *log_path, pid_t *pid) {
    Status st = BS_OK;
    char path[PATH_BYTES], *argv[MAX_ARGS];
    int log_fd = -1;
    TRY(program_path(name, path));
    TRY(full_argv(path, args, argv));
    if (access(path, X_OK) != 0) return fail(BS_NOT_FOUND, "cannot run %s: %s", path, strerror(errno));
    if (log_path) {
        log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (log_fd < 0) return fail(BS_IO, "%s: %s", log_path, strerror(errno));
    }
    pid_t parent = getpid();
    *pid = fork();
    if (*pid < 0) st = fail(BS_NOMEM, "cannot start %s: %s", path, strerror(errno));
    if (*pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent) _exit(1);
        setpgid(0, 0); /* Ctrl-C reaches the supervisor alone, which ends the rest in order */
        if (log_fd >= 0) {
            dup2(log_fd, STDOUT_FILENO);
            dup2(log_fd, STDERR_FILENO);
        }
        execv(path, argv);
        _exit(127);
    }
out:
    if (log_fd >= 0) close(log_fd);
    return st;
}

Status program_run(const char *name, char *const *args, int *code) {
    pid_t pid;
    int status;
    Status st = program_start(name, args, NULL, &pid);
    if (st != BS_OK) return st;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return fail(BS_IO, "waiting for %s: %s", name, strerror(errno));
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return BS_OK;
}
