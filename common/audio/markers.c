/* Markers in WAV, FLAC, OGG and MP3 files.
 *
 * A Vorbis comment block, in FLAC and OGG alike: u32 length, vendor; u32 count; count times u32 length, text
 * (little-endian). Ours holds an entry COMMENT=filler, exactly as long as the chapters that
 * replace it, so nothing behind it moves. In OGG the block lies in pages, each with a checksum. */
#include "common/audio/markers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { MAX_CHAPTERS = 999, MAX_CHAP = 255, MAX_BYTES = 1 << 24, FILLER_KEY = 8 /* "COMMENT=" */ };

static Status put_at(int fd, const void *bytes, size_t n, int64_t at) {
    return pwrite(fd, bytes, n, (off_t)at) == (ssize_t)n ? BS_OK : fail(BS_IO, "markers cannot be written");
}

static Status get_at(int fd, void *bytes, size_t n, int64_t at) {
    return pread(fd, bytes, n, (off_t)at) == (ssize_t)n ? BS_OK : fail(BS_IO, "markers cannot be written");
}

static Status whole(const ByteWriter *w) { return w->bad ? fail(BS_NOMEM, "markers: out of memory") : BS_OK; }

static void be32(ByteWriter *w, uint32_t v) { bytes_u32(w, __builtin_bswap32(v)); }

/* ---- WAV */

static size_t label_bytes(const AudioMarker *m) { return strlen(m->label) + 1; }

size_t markers_wav_bytes(const AudioMarkers *markers) {
    size_t n = 8 + 4 + 8 + 4 + 2;
    for (int32_t i = 0; i < markers->n; i++) n += 24 + 8 + 4 + label_bytes(&markers->list[i]) + 1;
    return n;
}

Status markers_to_wav(int fd, const AudioMarkers *markers) {
    Status st = BS_OK;
    ByteWriter w, labels;
    bytes_init(&w, MAX_BYTES);
    bytes_init(&labels, MAX_BYTES);
    off_t end = lseek(fd, 0, SEEK_END);
    if (end & 1) bytes_u8(&w, 0);
    bytes_put(&w, "cue ", 4);
    bytes_u32(&w, (uint32_t)(4 + 24 * markers->n));
    bytes_u32(&w, (uint32_t)markers->n);
    bytes_put(&labels, "adtl", 4);
    for (int32_t i = 0; i < markers->n; i++) {
        const AudioMarker *m = &markers->list[i];
        const uint32_t id = (uint32_t)i + 1, at = (uint32_t)m->sample, n = (uint32_t)label_bytes(m);
        bytes_u32(&w, id);
        bytes_u32(&w, at);
        bytes_put(&w, "data", 4);
        bytes_u32(&w, 0);
        bytes_u32(&w, 0);
        bytes_u32(&w, at);
        bytes_put(&labels, "labl", 4);
        bytes_u32(&labels, 4 + n);
        bytes_u32(&labels, id);
        bytes_put(&labels, m->label, n);
        if (n & 1) bytes_u8(&labels, 0);
    }
    bytes_put(&w, "LIST", 4);
    bytes_u32(&w, (uint32_t)labels.n_bytes);
    bytes_put(&w, labels.bytes, labels.n_bytes);
    TRY(whole(&labels));
    TRY(whole(&w));
    TRY(put_at(fd, w.bytes, w.n_bytes, end));
    const uint32_t riff = (uint32_t)((uint64_t)end + w.n_bytes - 8);
    TRY(put_at(fd, &riff, 4, 4));
out:
    bytes_drop(&labels);
    bytes_drop(&w);
    return st;
}

/* ---- Vorbis comments */

static void put_entry(ByteWriter *w, const char *text) {
    bytes_u32(w, (uint32_t)strlen(text));
    bytes_put(w, text, strlen(text));
}

static int32_t n_chapters(const AudioMarkers *markers) {
    return markers->n < MAX_CHAPTERS ? markers->n : MAX_CHAPTERS;
}

static void put_chapters(ByteWriter *w, const AudioMarkers *markers, int32_t rate_hz) {
    for (int32_t i = 0; i < n_chapters(markers); i++) {
        char text[64 + AUDIO_LABEL_BYTES];
        const int64_t ms = markers->list[i].sample * 1000 / rate_hz;
        snprintf(text, sizeof text, "CHAPTER%03d=%02d:%02d:%02d.%03d", i + 1, (int)(ms / 3600000),
                 (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000));
        put_entry(w, text);
        snprintf(text, sizeof text, "CHAPTER%03dNAME=%s", i + 1, markers->list[i].label);
        put_entry(w, text);
    }
}

Status markers_filler(const AudioMarkers *markers, int32_t rate_hz, char **text) {
    ByteWriter w;
    bytes_init(&w, MAX_BYTES);
    put_chapters(&w, markers, rate_hz);
    Status st = whole(&w);
    if (st == BS_OK) {
        const size_t n = w.n_bytes - 4 - FILLER_KEY;
        *text = malloc(n + 1);
        if (*text) {
            memset(*text, ' ', n);
            (*text)[0] = '-';
            (*text)[n - 1] = '-'; /* so that no encoder trims it */
            (*text)[n] = 0;
        } else {
            st = fail(BS_NOMEM, "markers: out of memory");
        }
    }
    bytes_drop(&w);
    return st;
}

/* The chapters over the filler in a comment block of n bytes. */
static Status replace_filler(uint8_t *block, size_t n, const AudioMarkers *markers, int32_t rate_hz) {
    Status st = BS_OK;
    ByteWriter w;
    bytes_init(&w, MAX_BYTES);
    put_chapters(&w, markers, rate_hz);
    TRY(whole(&w));
    ByteReader r = reader_of(block, n);
    read_raw(&r, read_u32(&r));
    const size_t count_at = r.at;
    const uint32_t count = read_u32(&r);
    for (uint32_t i = 0; i < count && !r.bad; i++) {
        const size_t at = r.at;
        const uint32_t length = read_u32(&r);
        const char *entry = read_raw(&r, length);
        if (!entry || length + 4 != w.n_bytes || strncasecmp(entry, "COMMENT=-", FILLER_KEY + 1)) continue;
        const uint32_t entries = count - 1 + 2 * (uint32_t)n_chapters(markers);
        memcpy(block + count_at, &entries, 4);
        memcpy(block + at, w.bytes, w.n_bytes);
        goto out;
    }
    st = fail(BS_UNSUPPORTED, "the encoder has no place for markers");
out:
    bytes_drop(&w);
    return st;
}

/* "fLaC", then metadata blocks: last flag (1 bit), type (7), length (24, big-endian); type 4 is comments. */
Status markers_to_flac(int fd, const AudioMarkers *markers, int32_t rate_hz) {
    Status st = BS_OK;
    uint8_t *block = NULL;
    for (int64_t at = 4;;) {
        uint8_t head[4];
        TRY(get_at(fd, head, 4, at));
        const size_t n = (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
        at += 4;
        if ((head[0] & 0x7f) == 4) {
            block = malloc(n);
            if (!block) return fail(BS_NOMEM, "markers: out of memory");
            TRY(get_at(fd, block, n, at));
            TRY(replace_filler(block, n, markers, rate_hz));
            TRY(put_at(fd, block, n, at));
            break;
        }
        if (head[0] & 0x80) return fail(BS_UNSUPPORTED, "the encoder has no place for markers");
        at += (int64_t)n;
    }
out:
    free(block);
    return st;
}

static uint32_t ogg_checksum(const uint8_t *bytes, size_t n) {
    uint32_t crc = 0;
    for (size_t i = 0; i < n; i++) {
        crc ^= (uint32_t)bytes[i] << 24;
        for (int k = 0; k < 8; k++) crc = crc << 1 ^ (crc & 0x80000000 ? 0x04c11db7 : 0);
    }
    return crc;
}

enum { PAGE_HEAD = 27, PAGE_BYTES = PAGE_HEAD + 255 + 255 * 255 };

/* One page: `n` bytes in all, of which from `body` on `n_packet` belong to the packet it begins with, which
 * ends in it when `last`. */
typedef struct Page {
    uint8_t bytes[PAGE_BYTES];
    size_t n, body, n_packet;
    bool last;
} Page;

static Status page_get(int fd, int64_t at, Page *page) {
    Status st = BS_OK;
    TRY(get_at(fd, page->bytes, PAGE_HEAD, at));
    if (memcmp(page->bytes, "OggS", 4)) return fail(BS_UNSUPPORTED, "the encoder has no place for markers");
    const size_t n_laces = page->bytes[26];
    const uint8_t *laces = page->bytes + PAGE_HEAD;
    TRY(get_at(fd, page->bytes + PAGE_HEAD, n_laces, at + PAGE_HEAD));
    page->body = page->n = PAGE_HEAD + n_laces;
    page->n_packet = 0;
    page->last = false;
    for (size_t i = 0; i < n_laces; i++) {
        page->n += laces[i];
        if (!page->last) page->n_packet += laces[i];
        if (laces[i] < 255) page->last = true;
    }
    TRY(get_at(fd, page->bytes + page->body, page->n - page->body, at + (int64_t)page->body));
out:
    return st;
}

static Status page_put(int fd, int64_t at, Page *page) {
    memset(page->bytes + 22, 0, 4);
    const uint32_t crc = ogg_checksum(page->bytes, page->n);
    memcpy(page->bytes + 22, &crc, 4);
    return put_at(fd, page->bytes, page->n, at);
}

/* The second packet is "\3vorbis", the comment block, and a bit; it begins with the second page. Two passes:
 * collect the packet, write it back. */
Status markers_to_ogg(int fd, const AudioMarkers *markers, int32_t rate_hz) {
    Status st = BS_OK;
    enum { MAGIC = 7 };
    uint8_t *packet = NULL;
    size_t n = 0, put = 0;
    Page *page = malloc(sizeof *page);
    if (!page) return fail(BS_NOMEM, "markers: out of memory");
    TRY(page_get(fd, 0, page));
    const int64_t begin = (int64_t)page->n;
    int64_t at = begin;
    do {
        TRY(page_get(fd, at, page));
        uint8_t *grown = realloc(packet, n + page->n_packet);
        if (!grown) {
            st = fail(BS_NOMEM, "markers: out of memory");
            goto out;
        }
        packet = grown;
        memcpy(packet + n, page->bytes + page->body, page->n_packet);
        n += page->n_packet;
        at += (int64_t)page->n;
    } while (!page->last);
    if (n < MAGIC || memcmp(packet, "\3vorbis", MAGIC)) {
        st = fail(BS_UNSUPPORTED, "the encoder has no place for markers");
        goto out;
    }
    TRY(replace_filler(packet + MAGIC, n - MAGIC, markers, rate_hz));
    for (at = begin; put < n; at += (int64_t)page->n) {
        TRY(page_get(fd, at, page));
        memcpy(page->bytes + page->body, packet + put, page->n_packet);
        put += page->n_packet;
        TRY(page_put(fd, at, page));
    }
out:
    free(packet);
    free(page);
    return st;
}

/* ---- ID3v2.3 */

static void frame_head(ByteWriter *w, const char *id, size_t n_bytes) {
    bytes_put(w, id, 4);
    be32(w, (uint32_t)n_bytes);
    bytes_u16(w, 0);
}

Status markers_id3(const AudioMarkers *markers, int32_t rate_hz, ByteWriter *tag) {
    enum { FRAME_HEAD = 10, UNUSED = 0xffffffff };
    Status st = BS_OK;
    ByteWriter toc, chaps;
    const int32_t n = markers->n < MAX_CHAP ? markers->n : MAX_CHAP;
    bytes_init(&toc, MAX_BYTES);
    bytes_init(&chaps, MAX_BYTES);
    bytes_put(&toc, "toc", 4);
    bytes_u8(&toc, 3); /* at the top, in order */
    bytes_u8(&toc, (uint8_t)n);
    for (int32_t i = 0; i < n; i++) {
        const AudioMarker *m = &markers->list[i];
        const int64_t end = i + 1 < markers->n ? m[1].sample : markers->n_samples;
        char id[16];
        const size_t id_bytes = (size_t)snprintf(id, sizeof id, "chp%d", i + 1) + 1;
        const size_t title = 1 + strlen(m->label);
        bytes_put(&toc, id, id_bytes);
        frame_head(&chaps, "CHAP", id_bytes + 16 + FRAME_HEAD + title);
        bytes_put(&chaps, id, id_bytes);
        be32(&chaps, (uint32_t)(m->sample * 1000 / rate_hz));
        be32(&chaps, (uint32_t)(end * 1000 / rate_hz));
        be32(&chaps, UNUSED);
        be32(&chaps, UNUSED);
        frame_head(&chaps, "TIT2", title);
        bytes_u8(&chaps, 0); /* ISO 8859-1 */
        bytes_put(&chaps, m->label, title - 1);
    }
    TRY(whole(&toc));
    TRY(whole(&chaps));
    const size_t n_bytes = FRAME_HEAD + toc.n_bytes + chaps.n_bytes;
    bytes_put(tag, "ID3\3\0\0", 6);
    for (int shift = 21; shift >= 0; shift -= 7) bytes_u8(tag, (uint8_t)(n_bytes >> shift & 0x7f));
    frame_head(tag, "CTOC", toc.n_bytes);
    bytes_put(tag, toc.bytes, toc.n_bytes);
    bytes_put(tag, chaps.bytes, chaps.n_bytes);
    st = whole(tag);
out:
    bytes_drop(&toc);
    bytes_drop(&chaps);
    return st;
}
