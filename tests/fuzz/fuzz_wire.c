// needs: common/net common/protocol common/host common/song
/* Bytes from anyone: up to three frames (u16 length each, the last takes the rest) through the decoder. What
 * decodes must encode again. */
#include <stdlib.h>
#include <string.h>

#include "common/net/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static WireIn in;
    static WireOut out;
    Frame frames[WIRE_FRAMES];
    int n = 0;
    if (!out.jobs.max_bytes) wire_out_init(&out);
    while (n < WIRE_FRAMES && size >= 2) {
        size_t length = (size_t)data[0] | (size_t)data[1] << 8;
        data += 2;
        size -= 2;
        if (length > size || n == WIRE_FRAMES - 1) length = size;
        frames[n++] = (Frame){data, length};
        data += length;
        size -= length;
    }
    if (wire_decode(frames, n, &in) != BS_OK) return 0;
    if (in.blob.type == BLOB_NONE) {
        if (wire_encode(&in.message, &out) != BS_OK) abort();
        if (in.message.type == MESSAGE_RESULT) result_drop(&in.message.result);
    } else if (wire_encode_blob(&in.blob, &out) != BS_OK) {
        abort();
    }
    return 0;
}
