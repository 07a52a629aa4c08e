#pragma once
/* Safetensors: u64 header length, JSON header, then raw little-endian data. Own parser, capped and fuzzed. */
#include "common/core/bytes.h"

enum {
    SAFETENSORS_MAX_HEADER = 1 << 20,
    SAFETENSORS_MAX_DIMS = 4,
    SAFETENSORS_NAME = 96,
    SAFETENSORS_MAX_TENSORS = 4096
};
typedef enum TensorType { TENSOR_F32, TENSOR_BF16, TENSOR_F64, TENSOR_I64, TENSOR_U8 } TensorType;

typedef struct TensorEntry {
    char name[SAFETENSORS_NAME];
    TensorType type;
    int32_t n_dims;
    int64_t dims[SAFETENSORS_MAX_DIMS];
    const void *data; /* in: borrowed; out: view into the bytes read */
    size_t n_bytes;
} TensorEntry;

typedef struct TensorMeta {
    const char *key, *value;
} TensorMeta;

Status safetensors_write(ByteWriter *out, const TensorEntry *entries, size_t n_entries,
                         const TensorMeta *meta, size_t n_meta);

/* A parsed file: entries view into `bytes`, which must outlive it. */
typedef struct Safetensors {
    TensorEntry *entries; /* owned */
    size_t n_entries;
    char **meta; /* key, value, key, value...; owned */
    size_t n_meta;
} Safetensors;
Status safetensors_read(Safetensors *out, const void *bytes, size_t n_bytes);
void safetensors_drop(Safetensors *s);
const TensorEntry *safetensors_find(const Safetensors *s, const char *name); /* NULL when missing */
const char *safetensors_meta(const Safetensors *s, const char *key);         /* NULL when missing */
