#pragma once
/* Demos: DATA/.bandsaw/demos.jsonl, what people made of recordings: one line a demonstration,
 * {"version":1,"song":hex,"name":"song0001","edit":{"sample_rate":44100,"segments":[[start,end,"short"],...]}}.
 * Append-only; one line a Song. One thread uses a DemoFile. */
#include "common/song/edit.h"

typedef struct DemoFile DemoFile;
Status demo_file_open(DemoFile **out, const char *path); /* made at the first append */
void demo_file_close(DemoFile *file);
bool demo_file_has(const DemoFile *file, const Hash *song);
Status demo_file_append(DemoFile *file, const Hash *song, const char *name, const Edit *edit);
