#pragma once
/* Page: the report of `bandsaw edit`: one HTML file for a musician. What was kept and why, what each seam is
 * made of, which other takes there are and the command that would choose them, with players for the
 * recording, the songs and each seam. It needs no network, and nothing beside it but a recording that is too
 * long for it (page_sound.h). Several candidates make one page that compares them. */
#include "editor/edit_work.h"

/* `path` is where the page will lie: it names files relative to its folder. steps: at a step of their own. */
Status page_put(ByteWriter *w, const EditWork *work, const char *path, Steps *steps);
