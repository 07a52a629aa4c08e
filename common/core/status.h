#pragma once
/* Status: how every call that can fail reports, with one line of text for people.
 *
 * The text is thread-local: fail() sets it, the caller chain may put context before it, and main
 * prints it once. Functions that own something have one shape:
 *
 *     Status st = BS_OK;
 *     TRY(thing_open(&thing));
 *     ...
 * out:
 *     thing_close(thing);
 *     return st;
 */
#include <stdbool.h>
#include <stddef.h>

typedef enum Status {
#define STATUS(code, class, text) code,
#include "common/core/status.def"
#undef STATUS
    STATUS_COUNT
} Status;

typedef enum StatusClass {
    STATUS_NONE,
    STATUS_CALLER,
    STATUS_LATER,
    STATUS_INPUT,
    STATUS_MACHINE,
    STATUS_NUMERIC
} StatusClass;

const char *status_name(Status st);
const char *status_text(Status st);
StatusClass status_class(Status st);

#undef fail /* cmocka's macro of that name, in tests */

/* Sets this thread's error text (at most 1023 bytes, one line) and returns `st`. */
Status fail(Status st, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " before the text of an error that came from below; returns `st`. */
Status fail_in(Status st, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The text of the last failure on this thread; "" when there was none. Valid until the next one. */
const char *error_text(void);
void error_clear(void);

#define TRY(call)                  \
    do {                           \
        st = (call);               \
        if (st != BS_OK) goto out; \
    } while (0)

/* For bugs only, never for input or environment; always compiled. `condition` has no side effects. */
#define BS_ASSERT(condition) ((condition) ? (void)0 : bs_assert_failed(#condition, __FILE__, __LINE__))
_Noreturn void bs_assert_failed(const char *condition, const char *file, int line);
