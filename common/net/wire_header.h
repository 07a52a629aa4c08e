#pragma once
/* What wire.c and wire_blob.c share; both include proto/bandsaw.pb-c.h, nobody else sees protobuf-c. */
#include "common/net/wire.h"

typedef struct Bandsaw__Header Bandsaw__Header;
typedef struct ProtobufCBinaryData ProtobufCBinaryData;

Status wire_header(Bandsaw__Header *h, WireOut *out);
Status wire_bad(const char *what);
bool wire_hash(Hash *out, const ProtobufCBinaryData *b, bool may_be_empty);
bool wire_text(char *out, size_t out_bytes, const char *s);
Status wire_decode_blob(const Bandsaw__Header *h, const Frame *frames, int n_frames, BlobMessage *m);
