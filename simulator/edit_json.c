/* Reads edits for the judge and for truth files. */
#include "simulator/edit_json.h"

#include <string.h>

const char *const edit_fade_names[FADE_COUNT] = {"short", "half", "1", "2", "4"};

static Status read_fade(const Json *segment, Fade *fade) {
    const char *text;
    Status st = json_at_text(segment, 2, &text);
    if (st != BS_OK) return st;
    for (int f = 0; f < FADE_COUNT; f++)
        if (strcmp(text, edit_fade_names[f]) == 0) {
            *fade = (Fade)f;
            return BS_OK;
        }
    return fail(BS_CORRUPT, "fade \"%.20s\" is none of short, half, 1, 2, 4", text);
}

Status edit_read_segments(Edit *edit, const Json *json, int64_t n_samples) {
    Status st = BS_OK;
    const Json *segments, *segment;
    size_t n;
    TRY(json_get_array(json, "segments", &segments, &n));
    if (n > EDIT_MAX_SEGMENTS) return fail(BS_TOO_BIG, "%zu segments; at most %d", n, EDIT_MAX_SEGMENTS);
    for (size_t i = 0; i < n; i++) {
        int64_t start, end;
        Fade fade = FADE_SHORT;
        TRY(json_at(segments, i, &segment));
        TRY(json_at_i64(segment, 0, 0, n_samples, &start));
        TRY(json_at_i64(segment, 1, 0, n_samples, &end));
        if (json_size(segment) > 2) TRY(read_fade(segment, &fade));
        if (end <= start)
            return fail(BS_CORRUPT, "segment %zu: %lld..%lld is empty", i, (long long)start, (long long)end);
        TRY(edit_append(edit, start, end, i ? fade : FADE_SHORT));
    }
out:
    return st;
}

Status edit_read_json(Edit *out, const char *path, int32_t sample_rate_hz, int64_t n_samples) {
    Status st = BS_OK;
    Json *json = NULL;
    int version;
    int32_t rate;
    edit_init(out);
    TRY(json_read(&json, path, 0));
    TRY(json_version(json, EDIT_VERSION, &version));
    TRY(json_get_i32(json, "sample_rate", 1000, 768000, &rate));
    if (rate != sample_rate_hz) {
        st = fail(BS_INVALID, "the edit counts samples at %d Hz, the recording has %d Hz", rate,
                  sample_rate_hz);
        goto out;
    }
    TRY(edit_read_segments(out, json, n_samples));
    out->sample_rate_hz = rate;
out:
    json_free(json);
    /* errors of the JSON reader name the file already */
    return st == BS_OK || strncmp(error_text(), path, strlen(path)) == 0 ? st : fail_in(st, "%s", path);
}
