#pragma once
/* What pages are made of: the head with its style, names made safe, players and what plays on them. */
#include "common/core/bytes.h"
#include "common/host/file.h"

void page_head(ByteWriter *w, const char *title);
void page_foot(ByteWriter *w); /* the script that plays, and the end */
/* One word of a command line, shown on a page. */
void page_shell(ByteWriter *w, const char *word);
/* A player of part [start, end) of what `of` names ("raw", "song0"), in seconds; without a label it is not
 * seen, and plays for buttons only. Then one of the two that say what it plays, then its end. */
void page_player(ByteWriter *w, const char *label, const char *of, double start_s, double end_s);
void page_mp3(ByteWriter *w, const void *bytes, size_t n_bytes);
void page_file(ByteWriter *w, const char *path, const char *page_folder);
void page_player_end(ByteWriter *w);
/* A button that plays length_s of it from at_s on. */
void page_play(ByteWriter *w, const char *of, double at_s, double length_s, const char *text);
