/* The codec for blobs and the featurizer's requests. */
#include <string.h>

#include "common/net/wire_header.h"
#include "proto/bandsaw.pb-c.h"

static ProtobufCBinaryData binary(const Hash *h) {
    if (hash_is_zero(h)) return (ProtobufCBinaryData){0, NULL};
    return (ProtobufCBinaryData){HASH_BYTES, (uint8_t *)(uintptr_t)h->bytes};
}

Status wire_encode_blob(const BlobMessage *m, WireOut *out) {
    Bandsaw__Header h = BANDSAW__HEADER__INIT;
    Bandsaw__Get get = BANDSAW__GET__INIT;
    Bandsaw__Chunk chunk = BANDSAW__CHUNK__INIT;
    Bandsaw__Featurize featurize = BANDSAW__FEATURIZE__INIT;
    Bandsaw__Progress progress = BANDSAW__PROGRESS__INIT;
    Bandsaw__Done done = BANDSAW__DONE__INIT;
    Bandsaw__List list = BANDSAW__LIST__INIT;
    Bandsaw__Listing listing = BANDSAW__LISTING__INIT;
    bool bytes = false;
    switch (m->type) {
    case BLOB_GET:
        get.hash = binary(&m->hash);
        get.first_chunk = m->first_chunk;
        get.n_chunks = m->n_chunks;
        h.body_case = BANDSAW__HEADER__BODY_GET;
        h.get = &get;
        break;
    case BLOB_CHUNK:
        chunk.hash = binary(&m->hash);
        chunk.index = m->index;
        chunk.total_bytes = m->total_bytes;
        chunk.missing = m->missing;
        bytes = !m->missing;
        if (bytes) chunk.quick = hash_quick(m->bytes, m->n_bytes);
        h.body_case = BANDSAW__HEADER__BODY_CHUNK;
        h.chunk = &chunk;
        break;
    case BLOB_FEATURIZE:
        featurize.path = (char *)(uintptr_t)m->path;
        featurize.request = m->request;
        h.body_case = BANDSAW__HEADER__BODY_FEATURIZE;
        h.featurize = &featurize;
        break;
    case BLOB_PROGRESS:
        progress.request = m->request;
        progress.share = m->share;
        h.body_case = BANDSAW__HEADER__BODY_PROGRESS;
        h.progress = &progress;
        break;
    case BLOB_DONE:
        done.request = m->request;
        done.status = m->status;
        done.text = (char *)(uintptr_t)m->path;
        done.song = binary(&m->hash);
        h.body_case = BANDSAW__HEADER__BODY_DONE;
        h.done = &done;
        break;
    case BLOB_LIST:
        list.request = m->request;
        h.body_case = BANDSAW__HEADER__BODY_LIST;
        h.list = &list;
        break;
    case BLOB_LISTING:
        listing.request = m->request;
        listing.n_rows = m->n_rows;
        listing.total_rows = m->total_rows;
        listing.first_row = m->first_row;
        bytes = true;
        h.body_case = BANDSAW__HEADER__BODY_LISTING;
        h.listing = &listing;
        break;
    default:
        return fail(BS_INVALID, "wire: no blob message of type %d", m->type);
    }
    Status st = wire_header(&h, out);
    if (st == BS_OK && bytes) out->frames[out->n_frames++] = (Frame){m->bytes, m->n_bytes};
    return st;
}

static Status decode_chunk(const Bandsaw__Chunk *b, const Frame *frames, int n_frames, BlobMessage *m) {
    m->type = BLOB_CHUNK;
    if (!wire_hash(&m->hash, &b->hash, false)) return wire_bad("CHUNK: no hash");
    m->missing = b->missing != 0;
    if (n_frames != (m->missing ? 1 : 2)) return wire_bad("CHUNK: wrong number of frames");
    if (m->missing) return BS_OK;
    m->index = b->index;
    m->total_bytes = b->total_bytes;
    m->bytes = frames[1].bytes;
    m->n_bytes = frames[1].n_bytes;
    uint64_t start = (uint64_t)b->index * WIRE_CHUNK_BYTES;
    if (m->total_bytes <= start && !(m->total_bytes == 0 && start == 0))
        return wire_bad("CHUNK: past the end of its blob");
    uint64_t left = m->total_bytes - start;
    if (m->n_bytes != (left < WIRE_CHUNK_BYTES ? left : WIRE_CHUNK_BYTES))
        return wire_bad("CHUNK: wrong length");
    if (hash_quick(m->bytes, m->n_bytes) != b->quick)
        return wire_bad("CHUNK: bytes do not match their checksum");
    return BS_OK;
}

Status wire_decode_blob(const Bandsaw__Header *h, const Frame *frames, int n_frames, BlobMessage *m) {
    memset(m, 0, sizeof *m);
    switch (h->body_case) {
    case BANDSAW__HEADER__BODY_CHUNK:
        return decode_chunk(h->chunk, frames, n_frames, m);
    case BANDSAW__HEADER__BODY_GET:
        m->type = BLOB_GET;
        m->first_chunk = h->get->first_chunk;
        m->n_chunks = h->get->n_chunks;
        return wire_hash(&m->hash, &h->get->hash, false) ? BS_OK : wire_bad("GET: no hash");
    case BANDSAW__HEADER__BODY_FEATURIZE:
        m->type = BLOB_FEATURIZE;
        m->request = h->featurize->request;
        return wire_text(m->path, sizeof m->path, h->featurize->path)
                   ? BS_OK
                   : wire_bad("FEATURIZE: path is too long");
    case BANDSAW__HEADER__BODY_PROGRESS:
        m->type = BLOB_PROGRESS;
        m->request = h->progress->request;
        m->share = h->progress->share;
        return m->share >= 0 && m->share <= 1 ? BS_OK : wire_bad("PROGRESS: not a share");
    case BANDSAW__HEADER__BODY_DONE:
        m->type = BLOB_DONE;
        m->request = h->done->request;
        m->status = h->done->status;
        if (m->status >= STATUS_COUNT || !wire_hash(&m->hash, &h->done->song, true))
            return wire_bad("DONE: bad status or hash");
        return wire_text(m->path, sizeof m->path, h->done->text) ? BS_OK : wire_bad("DONE: text is too long");
    case BANDSAW__HEADER__BODY_LIST:
        m->type = BLOB_LIST;
        m->request = h->list->request;
        return BS_OK;
    case BANDSAW__HEADER__BODY_LISTING:
        m->type = BLOB_LISTING;
        m->request = h->listing->request;
        m->n_rows = h->listing->n_rows;
        m->total_rows = h->listing->total_rows;
        m->first_row = h->listing->first_row;
        if (n_frames != 2 || m->n_rows > WIRE_ROWS_MAX) return wire_bad("LISTING: no rows");
        m->bytes = frames[1].bytes;
        m->n_bytes = frames[1].n_bytes;
        return BS_OK;
    default:
        return wire_bad("a message that this build does not know");
    }
}
