/* Progress: on a terminal one line redrawn ten times a second at most; elsewhere a line every five seconds.
 */
#include "common/host/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/host/clock.h"

enum { BAR_CELLS = 28 };

static void show(Progress *p, const char *note) {
    double share = p->total > 0 ? (double)p->done / (double)p->total : 1;
    if (share > 1) share = 1;
    double spent_s = clock_s() - p->started_s;
    char left[32] = "";
    if (share > 0 && share < 1) {
        long s = (long)(spent_s * (1 - share) / share + 0.5);
        snprintf(left, sizeof left, " %ld:%02ld left", s / 60, s % 60);
    } else if (share >= 1) {
        snprintf(left, sizeof left, " in %.1f s", spent_s);
    }
    if (!p->terminal) {
        fprintf(stderr, "%s: %lld/%lld (%.0f %%)%s%s%s\n", p->what, (long long)p->done, (long long)p->total,
                100 * share, left, note[0] ? ", " : "", note);
        return;
    }
    char bar[BAR_CELLS + 1];
    int full = (int)(share * BAR_CELLS);
    memset(bar, '.', BAR_CELLS);
    memset(bar, '#', (size_t)full);
    bar[BAR_CELLS] = 0;
    fprintf(stderr, "\r\033[K%s [%s] %lld/%lld%s %.40s", p->what, bar, (long long)p->done,
            (long long)p->total, left, note);
}

void progress_start(Progress *p, const char *what, int64_t total) {
    *p = (Progress){
        .what = what, .total = total, .started_s = clock_s(), .terminal = isatty(STDERR_FILENO) == 1};
    p->shown_s = p->started_s;
    if (p->terminal) show(p, "");
}

void progress_at(Progress *p, int64_t done, const char *note) {
    p->done = done;
    double now = clock_s();
    if (now - p->shown_s < (p->terminal ? 0.1 : 5.0)) return;
    p->shown_s = now;
    show(p, note);
}

void progress_end(Progress *p, const char *note) {
    if (p->finished) return;
    p->finished = true;
    show(p, note);
    if (p->terminal) fputc('\n', stderr);
}
