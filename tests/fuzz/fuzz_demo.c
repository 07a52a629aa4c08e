// needs: common/edits
/* Lines of demos.jsonl: any bytes either make a whole demonstration, which writes and reads the same, or one
 * line of error. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/edits/demo.h"

static void check_edit(const Edit *edit) {
    BS_ASSERT(edit->n_segments > 0 && edit->sample_rate_hz > 0);
    for (int32_t i = 0; i < edit->n_segments; i++)
        BS_ASSERT(edit->segments[i].start_sample >= 0 &&
                  edit->segments[i].end_sample > edit->segments[i].start_sample);
}

static void check_round_trip(const Demo *demo) {
    Demo again;
    Json *line;
    char *text;
    size_t n;
    BS_ASSERT(demo_to_json(demo, &line) == BS_OK);
    BS_ASSERT(json_dump(line, JSON_ONE_LINE, &text, &n) == BS_OK);
    BS_ASSERT(demo_parse(&again, "again", text, n) == BS_OK);
    BS_ASSERT(edit_equal(&demo->made, &again.made) && edit_equal(&demo->projected, &again.projected));
    BS_ASSERT(hash_equal(&demo->song, &again.song) && hash_equal(&demo->pair, &again.pair));
    BS_ASSERT(!strcmp(demo->name, again.name) && demo->weight == again.weight && demo->loss == again.loss);
    demo_drop(&again);
    json_free(line);
    free(text);
}

static void check(const void *bytes, size_t n_bytes) {
    Demo demo;
    if (demo_parse(&demo, "line", bytes, n_bytes) != BS_OK) {
        BS_ASSERT(error_text()[0] != 0);
        return;
    }
    check_edit(&demo.made);
    BS_ASSERT(demo.weight >= 0 && demo.weight <= 1 && demo.loss >= 0 && demo.loss <= 1);
    if (demo.projected.n_segments) {
        check_edit(&demo.projected);
        check_round_trip(&demo);
    }
    demo_drop(&demo);
}

#define HASH_TEXT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
static const char sound[] =
    "{\"version\":2,\"song\":\"" HASH_TEXT "\",\"name\":\"a\",\"pair\":\"" HASH_TEXT
    "\",\"edit\":{\"sample_rate\":44100,\"segments\":[[5,900,\"short\"],[10,20,\"half\"]]},\"foreign_"
    "samples\":12,"
    "\"projected\":{\"sample_rate\":44100,\"segments\":[[0,1000,\"short\"]]},\"loss\":0.03,\"weight\":0.9}";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    char line[sizeof sound];
    check(bytes, n_bytes);
    memcpy(line, sound, sizeof sound);
    for (size_t i = 0; i + 1 < n_bytes; i += 2)
        line[(bytes[i] * 2U + (bytes[i + 1] >> 7)) % (sizeof sound - 1)] = (char)(bytes[i + 1] & 0x7f);
    check(line, sizeof sound - 1);
    return 0;
}
