#pragma once
/* Log: one line for people on stderr: "time level program event key=value". Libraries return errors,
 * programs log. Rate-limited per call site (LOG_BURST lines in a second, then one that counts the rest).
 * Thread safe. */
#include <stdio.h>

typedef enum LogLevel { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR } LogLevel;

/* program: "actor-3"; level from --log or BANDSAW_LOG. Called once at start. */
void log_open(const char *program, LogLevel level);
LogLevel log_level(void);
LogLevel log_level_named(const char *name); /* "debug|info|warn|error"; LOG_INFO for anything else */

typedef struct LogSite {
    long window_s;
    unsigned n_in_window, n_dropped;
} LogSite;
void log_write(LogSite *site, LogLevel level, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* log_info("published", "version=%d bytes=%zu", v, n); the format may be "" */
#define LOG_AT(level, event, ...)                     \
    do {                                              \
        static LogSite site_;                         \
        log_write(&site_, level, event, __VA_ARGS__); \
    } while (0)
#define log_debug(event, ...) LOG_AT(LOG_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...)  LOG_AT(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...)  LOG_AT(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) LOG_AT(LOG_ERROR, event, __VA_ARGS__)
