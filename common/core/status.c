/* Status names, classes and the thread-local error text. */
#include "common/core/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *text;
    StatusClass class;
} rows[STATUS_COUNT] = {
#define STATUS(code, class_, text_) [code] = {.name = #code, .text = text_, .class = STATUS_##class_},
#include "common/core/status.def"
#undef STATUS
};

static _Thread_local char error_line[1024];

const char *status_name(Status st) { return st < STATUS_COUNT ? rows[st].name : "BS_?"; }
const char *status_text(Status st) { return st < STATUS_COUNT ? rows[st].text : "unknown status"; }
StatusClass status_class(Status st) { return st < STATUS_COUNT ? rows[st].class : STATUS_CALLER; }

/* One line, whatever file names or library messages brought in. */
static void flatten(char *s) {
    for (; *s; s++)
        if (*s == '\n' || *s == '\r' || *s == '\t') *s = ' ';
}

Status fail(Status st, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(error_line, sizeof error_line, format, args);
    va_end(args);
    flatten(error_line);
    return st;
}

Status fail_in(Status st, const char *format, ...) {
    char below[sizeof error_line];
    memcpy(below, error_line, sizeof below);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(error_line, sizeof error_line, format, args);
    va_end(args);
    if (n < 0) n = 0;
    if ((size_t)n < sizeof error_line &&
        snprintf(error_line + n, sizeof error_line - (size_t)n, ": %s", below) < 0)
        error_line[n] = 0;
    flatten(error_line);
    return st;
}

const char *error_text(void) { return error_line; }
void error_clear(void) { error_line[0] = 0; }

void bs_assert_failed(const char *condition, const char *file, int line) {
    fprintf(stderr, "bandsaw: bug: %s:%d: assertion failed: %s\n", file, line, condition);
    abort();
}
