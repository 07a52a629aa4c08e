#pragma once
/* Wire: messages as frames and back. A header frame (protobuf, proto/bandsaw.proto) and at most two array
 * frames, whose sizes must be what the header says.
 *
 * Decoding is for bytes from anywhere: the header is parsed in a fixed arena inside WireIn, every count is
 * checked against a limit, arrays are copied only after that, and what does not fit is BS_CORRUPT. */
#include "common/core/bytes.h"
#include "common/protocol/message.h"

enum {
    WIRE_HEADER_MAX = 64 << 10,
    WIRE_ARENA_BYTES = 256 << 10,
    WIRE_FRAMES = 3, /* header and arrays */
    WIRE_CHUNK_BYTES = 1 << 20,
    WIRE_PATH_BYTES = 1024,
    WIRE_ROWS_MAX = 1024, /* rows in one LISTING */
};

typedef enum BlobMessageType {
    BLOB_NONE,
    BLOB_GET,       /* hash, first_chunk, n_chunks */
    BLOB_CHUNK,     /* hash, index, total_bytes, bytes; or missing */
    BLOB_FEATURIZE, /* request, path */
    BLOB_PROGRESS,  /* request, share */
    BLOB_DONE,      /* request, status, text, hash of the song */
    BLOB_LIST,      /* request */
    BLOB_LISTING    /* request, rows first_row.. as bytes (text name, hash, f64 seconds) */
} BlobMessageType;

typedef struct BlobMessage {
    BlobMessageType type;
    Hash hash;
    uint32_t first_chunk, n_chunks, index, status, n_rows, total_rows, first_row;
    uint64_t total_bytes, request;
    double share;
    bool missing;
    const void *bytes; /* borrowed from the frame */
    size_t n_bytes;
    char path[WIRE_PATH_BYTES]; /* FEATURIZE; the text of DONE */
} BlobMessage;

typedef struct Frame {
    const void *bytes;
    size_t n_bytes;
} Frame;

typedef struct WireOut {
    Frame frames[WIRE_FRAMES]; /* into the buffers below, or borrowed from the message */
    int n_frames;
    uint8_t header[WIRE_HEADER_MAX];
    ByteWriter jobs;
} WireOut;
void wire_out_init(WireOut *out);
void wire_out_drop(WireOut *out);
/* `out` is valid until the next call with it, and while the message lives. */
Status wire_encode(const Message *m, WireOut *out);
Status wire_encode_blob(const BlobMessage *m, WireOut *out);

/* What came: blob.type is BLOB_NONE when it is a Message. Texts of a WELCOME point into `arena`; the arrays
 * of a RESULT are owned by the message (result_drop unless somebody took them). */
typedef struct WireIn {
    Message message;
    BlobMessage blob;
    size_t used;
    _Alignas(16) uint8_t arena[WIRE_ARENA_BYTES];
} WireIn;
Status wire_decode(const Frame *frames, int n_frames, WireIn *in);
