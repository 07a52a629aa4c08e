/* One bar for several steps, in hundredths of the whole. */
#include "editor/steps.h"

#include <stdio.h>

enum { HUNDREDTHS = 100 };

void steps_start(Steps *s, const char *what, bool shown) {
    *s = (Steps){.shown = shown, .part = 0};
    if (shown) progress_start(&s->bar, what, HUNDREDTHS);
}

void steps_next(Steps *s, double part) {
    s->done += s->part;
    s->part = part;
    steps_at(s, 0);
}

void steps_at(void *steps, double share) {
    Steps *s = steps;
    if (s->shown) progress_at(&s->bar, (int64_t)(HUNDREDTHS * (s->done + s->part * share)), "");
}

void steps_end(Steps *s, bool well) {
    if (!s->shown) return;
    if (well) {
        s->bar.done = HUNDREDTHS;
        progress_end(&s->bar, "");
    } else if (s->bar.terminal && !s->bar.finished) {
        fputc('\n', stderr);
    }
}
