#pragma once
/* What pages are made of: the head with its style, text and names made safe, players and what plays on them.
 */
#include "common/core/bytes.h"

void page_head(ByteWriter *w, const char *title);
void page_foot(ByteWriter *w); /* the script that plays, and the end */
void page_text(ByteWriter *w, const char *text);
/* One word of a command line, shown on a page. */
void page_shell(ByteWriter *w, const char *word);
/* A player of the file, which is part [start, end) of what `of` names ("raw", "song0"), in seconds. */
void page_player(ByteWriter *w, const char *path, const char *page_folder, const char *of, double start_s,
                 double end_s);
/* A button that plays length_s of it from at_s on. */
void page_play(ByteWriter *w, const char *of, double at_s, double length_s, const char *text);
