/* Log: "2026-11-23T20:15:04.123Z INFO learner published version=12 bytes=812344" on stderr.
 *
 * Each line is built in one buffer and written by one write(2), so lines of many processes and threads
 * that share a terminal or file do not mix. */
#include "common/host/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { LOG_BURST = 10, LINE_BYTES = 2048 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char program_name[64] = "bandsaw";
static LogLevel lowest = LOG_INFO;

static const char *const level_names[] = {"DEBUG", "INFO", "WARN", "ERROR"};

void log_open(const char *program, LogLevel level) {
    pthread_mutex_lock(&lock);
    snprintf(program_name, sizeof program_name, "%s", program);
    lowest = level;
    pthread_mutex_unlock(&lock);
}

LogLevel log_level(void) {
    pthread_mutex_lock(&lock);
    LogLevel level = lowest;
    pthread_mutex_unlock(&lock);
    return level;
}

LogLevel log_level_named(const char *name) {
    for (int level = LOG_DEBUG; level <= LOG_ERROR; level++)
        if (!strcasecmp(name, level_names[level])) return (LogLevel)level;
    return LOG_INFO;
}

/* Appends, always leaving room for the newline. */
static size_t put(char *line, size_t at, const char *format, va_list args) {
    if (at >= LINE_BYTES - 2) return at;
    int n = vsnprintf(line + at, LINE_BYTES - 1 - at, format, args);
    if (n < 0) return at;
    return at + (size_t)n < LINE_BYTES - 2 ? at + (size_t)n : LINE_BYTES - 2;
}

__attribute__((format(printf, 3, 4))) static size_t putf(char *line, size_t at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    at = put(line, at, format, args);
    va_end(args);
    return at;
}

void log_write(LogSite *site, LogLevel level, const char *event, const char *format, ...) {
    char line[LINE_BYTES];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);

    pthread_mutex_lock(&lock);
    if (level < lowest) {
        pthread_mutex_unlock(&lock);
        return;
    }
    unsigned n_dropped = 0;
    if (site->window_s != (long)now.tv_sec) {
        n_dropped = site->n_dropped;
        site->window_s = (long)now.tv_sec;
        site->n_in_window = site->n_dropped = 0;
    }
    if (site->n_in_window++ >= LOG_BURST) {
        site->n_dropped++;
        pthread_mutex_unlock(&lock);
        return;
    }
    char program[sizeof program_name];
    memcpy(program, program_name, sizeof program);
    pthread_mutex_unlock(&lock);

    struct tm day;
    gmtime_r(&now.tv_sec, &day);
    size_t at = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &day);
    at = putf(line, at, ".%03ldZ %s %s %s", now.tv_nsec / 1000000, level_names[level], program, event);
    size_t text = at = putf(line, at, " ");
    va_list args;
    va_start(args, format);
    at = put(line, at, format, args);
    va_end(args);
    if (at == text) at--; /* nothing but the blank */
    if (n_dropped) at = putf(line, at, " not_shown=%u", n_dropped);
    for (size_t i = 0; i < at; i++)
        if ((unsigned char)line[i] < 32) line[i] = ' ';
    line[at++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, at);
    (void)written; /* there is nowhere to complain */
}
