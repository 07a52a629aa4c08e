#pragma once
/* Demos: DATA/.bandsaw/demos.jsonl, what people made of recordings: one line a demonstration
 * (common/edits/demo.h). Append-only; a pair has one line. One thread uses a DemoFile. */
#include "common/edits/demo.h"

typedef struct DemoFile DemoFile;
Status demo_file_open(DemoFile **out, const char *path); /* made at the first append */
void demo_file_close(DemoFile *file);
bool demo_file_has(const DemoFile *file, const Hash *pair);
Status demo_file_append(DemoFile *file, const Demo *demo);
