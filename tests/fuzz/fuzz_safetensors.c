// needs: common/nn
/* Any bytes: read or refused, never worse; what is read stays inside the bytes and can be written again. */
#include "common/nn/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    Safetensors s;
    if (safetensors_read(&s, bytes, n_bytes) != BS_OK) return 0;
    for (size_t i = 0; i < s.n_entries; i++) {
        const TensorEntry *e = &s.entries[i];
        const uint8_t *data = e->data;
        BS_ASSERT(data >= bytes && e->n_bytes <= (size_t)(bytes + n_bytes - data));
        BS_ASSERT(safetensors_find(&s, e->name) == e);
    }
    ByteWriter w;
    Safetensors again;
    bytes_init(&w, 1 << 24);
    if (safetensors_write(&w, s.entries, s.n_entries, NULL, 0) == BS_OK) {
        BS_ASSERT(safetensors_read(&again, w.bytes, w.n_bytes) == BS_OK);
        BS_ASSERT(again.n_entries == s.n_entries);
        safetensors_drop(&again);
    }
    bytes_drop(&w);
    safetensors_drop(&s);
    return 0;
}
