/* Clock: two clocks of the kernel, and a sleep that ends early only on a signal. */
#include "common/host/clock.h"

#include <errno.h>
#include <time.h>

static double seconds(clockid_t which) {
    struct timespec t;
    clock_gettime(which, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int64_t clock_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

double clock_s(void) { return seconds(CLOCK_MONOTONIC); }
double clock_wall_s(void) { return seconds(CLOCK_REALTIME); }

void clock_sleep_ms(int ms) {
    if (ms <= 0) return;
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}
