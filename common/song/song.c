/* Song: one block, its invariants, and its packed bytes (layout in docs/formats.md). */
#include "common/song/song.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const FeatureRow song_feature_rows[] = {
#define FEATURE(name, width, text) {#name, text, FEATURE_##name, width},
#include "common/song/features.def"
#undef FEATURE
};
const int song_n_feature_rows = sizeof song_feature_rows / sizeof song_feature_rows[0];

const char *const stem_names[STEMS] = {"drums", "bass", "vocals", "other"};

/* ---- life -------------------------------------------------------------------------------------- */

static size_t padded(size_t n) { return (n + 63) & ~(size_t)63; }

Status song_new(Song **out, int32_t n_sources, int32_t n_units, int32_t n_takes, int32_t n_tunes,
                int32_t n_slot_sections) {
    *out = NULL;
    if (n_sources < 1 || n_sources > SONG_MAX_SOURCES)
        return fail(BS_INVALID, "song: %d files, 1..%d are possible", n_sources, SONG_MAX_SOURCES);
    if (n_units < 1 || n_units > SONG_MAX_UNITS)
        return fail(BS_INVALID, "song: %d units, 1..%d are possible", n_units, SONG_MAX_UNITS);
    if (n_takes < 0 || n_takes > SONG_MAX_TAKES)
        return fail(BS_INVALID, "song: %d takes, 0..%d are possible", n_takes, SONG_MAX_TAKES);
    if (n_tunes < 0 || n_tunes > SONG_MAX_TUNES)
        return fail(BS_INVALID, "song: %d tunes, 0..%d are possible", n_tunes, SONG_MAX_TUNES);
    if (n_slot_sections < 0 || n_slot_sections > SONG_MAX_SLOTS * SONG_MAX_TUNES)
        return fail(BS_INVALID, "song: %d slots are too many", n_slot_sections);

    size_t sources = padded(sizeof(SongSource) * (size_t)n_sources),
           units = padded(sizeof(SongUnit) * (size_t)n_units);
    size_t takes = padded(sizeof(SongTake) * (size_t)n_takes),
           tunes = padded(sizeof(SongTune) * (size_t)n_tunes);
    size_t of_takes = padded(sizeof(int32_t) * (size_t)n_takes),
           of_tunes = padded(sizeof(int32_t) * (size_t)n_tunes);
    size_t slots = padded(sizeof(int32_t) * (size_t)n_slot_sections);
    size_t features = padded(sizeof(float) * SONG_FEATURES * (size_t)n_units);
    size_t head = padded(sizeof(Song)),
           bytes = head + sources + units + takes + tunes + of_takes + of_tunes + slots + features;
    char *block = aligned_alloc(64, bytes);
    if (!block) return fail(BS_NOMEM, "song: cannot allocate %zu bytes", bytes);
    memset(block, 0, bytes);

    Song *s = (Song *)(void *)block;
    block += head;
    s->sources = (SongSource *)(void *)block, block += sources;
    s->units = (SongUnit *)(void *)block, block += units;
    s->takes = (SongTake *)(void *)block, block += takes;
    s->tunes = (SongTune *)(void *)block, block += tunes;
    s->take_called = (int32_t *)(void *)block, block += of_takes;
    s->tune_called = (int32_t *)(void *)block, block += of_tunes;
    s->slot_section = (int32_t *)(void *)block, block += slots;
    s->features = (float *)(void *)block;
    s->n_sources = n_sources;
    s->n_units = n_units;
    s->n_takes = n_takes;
    s->n_tunes = n_tunes;
    s->n_slot_sections = n_slot_sections;
    *out = s;
    return BS_OK;
}

void song_free(Song *song) { free(song); }

static int32_t number_of(int32_t called, int32_t place) {
    return called == SONG_NO_NUMBER ? 0 : called ? called : place + 1;
}

int32_t song_take_called(const Song *s, int32_t take) { return number_of(s->take_called[take], take); }
int32_t song_tune_called(const Song *s, int32_t tune) { return number_of(s->tune_called[tune], tune); }

int32_t song_take_numbered(const Song *s, int64_t number) {
    for (int32_t t = 0; t < s->n_takes && number > 0; t++)
        if (song_take_called(s, t) == number) return t;
    return -1;
}

int32_t song_unit_at(const Song *s, int64_t at) {
    int32_t lo = 0, hi = s->n_units; /* units[lo] starts at or before `at` */
    while (hi - lo > 1) {
        int32_t mid = lo + (hi - lo) / 2;
        if (s->units[mid].start_sample <= at)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* ---- invariants -------------------------------------------------------------------------------- */

static bool finite_f32(float v) { return v - v == 0; }
static bool share(float v) { return v >= 0 && v <= 1; }

static Status check_timeline(const Song *s) {
    if (s->sample_rate_hz < 1000 || s->sample_rate_hz > 1000000)
        return fail(BS_CORRUPT, "song: sample rate %d Hz", s->sample_rate_hz);
    if (s->n_channels < 1 || s->n_channels > 64) return fail(BS_CORRUPT, "song: %d channels", s->n_channels);
    if (!finite_f32(s->loudness_lufs) || !finite_f32(s->loudness_range_lu) ||
        !(s->tuning_cents >= -50 && s->tuning_cents <= 50))
        return fail(BS_CORRUPT, "song: its loudness or its tuning is no number in range");
    if (s->n_samples < 1 || s->n_samples > (int64_t)1 << 48)
        return fail(BS_CORRUPT, "song: %lld samples", (long long)s->n_samples);
    int64_t at = 0;
    for (int32_t i = 0; i < s->n_sources; i++) {
        const SongSource *f = &s->sources[i];
        if (!memchr(f->name, 0, sizeof f->name))
            return fail(BS_CORRUPT, "song: file %d: its name has no end", i);
        if (f->start_sample != at || f->n_samples < 1 || f->n_samples > s->n_samples - at)
            return fail(BS_CORRUPT, "song: file %d does not follow the one before", i);
        at += f->n_samples;
    }
    if (at != s->n_samples) return fail(BS_CORRUPT, "song: its files do not cover the timeline");
    return BS_OK;
}

static Status check_unit(const Song *s, int32_t i) {
    const SongUnit *u = &s->units[i], *before = i ? u - 1 : NULL;
    if (before ? u->start_sample <= before->start_sample : u->start_sample != 0)
        return fail(BS_CORRUPT, "song: unit %d does not follow the one before", i);
    if (u->start_sample >= s->n_samples) return fail(BS_CORRUPT, "song: unit %d starts after the end", i);
    if (u->kind >= UNIT_KINDS) return fail(BS_CORRUPT, "song: unit %d has kind %d", i, u->kind);
    if (u->take < -1 || u->take >= s->n_takes)
        return fail(BS_CORRUPT, "song: unit %d names take %d", i, u->take);
    if (u->key > SONG_KEYS) return fail(BS_CORRUPT, "song: unit %d has key %d", i, u->key);
    if (u->kind == UNIT_BEAT && u->take < 0) return fail(BS_CORRUPT, "song: beat %d is in no take", i);
    if (u->slot >= 0) {
        if (u->take < 0) return fail(BS_CORRUPT, "song: unit %d has a slot outside takes", i);
        const SongTune *t = &s->tunes[s->takes[u->take].tune];
        if (u->slot >= t->n_slots || u->phase >= t->meter)
            return fail(BS_CORRUPT, "song: unit %d: slot %d, phase %d are outside the form", i, u->slot,
                        u->phase);
    } else if (u->slot != -1)
        return fail(BS_CORRUPT, "song: unit %d has slot %d", i, u->slot);
    const int32_t groups[3] = {u->bar, u->phrase, u->section};
    const int32_t earlier[3] = {before ? before->bar : -1, before ? before->phrase : -1,
                                before ? before->section : -1};
    for (int g = 0; g < 3; g++) {
        if (groups[g] < -1 || groups[g] > SONG_MAX_UNITS)
            return fail(BS_CORRUPT, "song: unit %d has a bar, phrase or section number out of range", i);
        bool same = groups[g] >= 0 && groups[g] == earlier[g];
        if (same && (before->take != u->take || before->kind == UNIT_TAIL))
            return fail(BS_CORRUPT, "song: a bar, phrase or section crosses a take at unit %d", i);
    }
    float plain[] = {u->loudness_db, u->tempo_bpm};
    for (size_t k = 0; k < sizeof plain / sizeof *plain; k++)
        if (!finite_f32(plain[k])) return fail(BS_CORRUPT, "song: unit %d has a value that is not finite", i);
    if (u->tempo_bpm < 0 || !share(u->flaw) || !share(u->music) || !share(u->vocal))
        return fail(BS_CORRUPT, "song: unit %d has a likelihood outside 0..1", i);
    for (int k = 0; k < SONG_CHROMA; k++)
        if (!share(u->chroma[k])) return fail(BS_CORRUPT, "song: unit %d has chroma outside 0..1", i);
    for (int k = 0; k < SONG_TIMBRE; k++)
        if (!finite_f32(u->timbre[k]))
            return fail(BS_CORRUPT, "song: unit %d has a value that is not finite", i);
    for (int k = 0; k < STEMS; k++)
        if (!finite_f32(u->stem_db[k]))
            return fail(BS_CORRUPT, "song: unit %d has a value that is not finite", i);
    return BS_OK;
}

static Status check_takes(const Song *s) {
    int32_t slots = 0;
    for (int32_t t = 0; t < s->n_tunes; t++) {
        const SongTune *tune = &s->tunes[t];
        if (tune->meter < 1 || tune->meter > 32 || tune->n_slots < 0 || tune->n_slots > SONG_MAX_SLOTS)
            return fail(BS_CORRUPT, "song: tune %d: %d slots of %d beats", t, tune->n_slots, tune->meter);
        if (!finite_f32(tune->tempo_bpm) || tune->tempo_bpm < 0)
            return fail(BS_CORRUPT, "song: tune %d has no tempo", t);
        if (tune->first_slot_section != slots || tune->n_slots > s->n_slot_sections - slots)
            return fail(BS_CORRUPT, "song: tune %d: its slots do not follow the tune before", t);
        slots += tune->n_slots;
    }
    if (slots != s->n_slot_sections) return fail(BS_CORRUPT, "song: slots without a tune");
    int32_t at = 0;
    for (int32_t t = 0; t < s->n_takes; t++) {
        const SongTake *take = &s->takes[t];
        if (take->tune < 0 || take->tune >= s->n_tunes)
            return fail(BS_CORRUPT, "song: take %d names tune %d", t, take->tune);
        if (take->first_unit < at || take->n_units < 1 || take->n_units > s->n_units - take->first_unit)
            return fail(BS_CORRUPT, "song: take %d lies outside the units", t);
        if (!share(take->flaw)) return fail(BS_CORRUPT, "song: take %d has a likelihood outside 0..1", t);
        at = take->first_unit + take->n_units;
    }
    return BS_OK;
}

static Status check_membership(const Song *s) {
    for (int32_t t = 0; t < s->n_takes; t++)
        for (int32_t i = 0; i < s->takes[t].n_units; i++) {
            const SongUnit *u = &s->units[s->takes[t].first_unit + i];
            if (u->take != t || u->kind == UNIT_TAIL || u->kind == UNIT_GAP)
                return fail(BS_CORRUPT, "song: unit %d is not of take %d", s->takes[t].first_unit + i, t);
        }
    for (int32_t i = 0; i < s->n_units; i++) {
        const SongUnit *u = &s->units[i];
        if (u->take < 0) continue;
        const SongTake *take = &s->takes[u->take];
        bool inside = i >= take->first_unit && i < take->first_unit + take->n_units;
        if (!inside && !(u->kind == UNIT_TAIL && i >= take->first_unit))
            return fail(BS_CORRUPT, "song: unit %d claims take %d from outside", i, u->take);
    }
    return BS_OK;
}

Status song_check(const Song *s) {
    Status st = BS_OK;
    TRY(check_timeline(s));
    TRY(check_takes(s));
    for (int32_t i = 0; i < s->n_units; i++) TRY(check_unit(s, i));
    TRY(check_membership(s));
    for (size_t i = 0; i < (size_t)s->n_units * SONG_FEATURES; i++)
        if (!finite_f32(s->features[i]))
            return fail(BS_CORRUPT, "song: feature %zu of unit %zu is not finite", i % SONG_FEATURES,
                        i / SONG_FEATURES);
out:
    return st;
}

/* ---- packed bytes ------------------------------------------------------------------------------ */

static const char magic[4] = {'B', 'S', 'N', 'G'};

const char *song_key_name(uint8_t key, char out[SONG_KEY_TEXT]) {
    static const char *const notes[12] = {"C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"};
    out[0] = 0;
    if (key >= 1 && key <= SONG_KEYS)
        snprintf(out, SONG_KEY_TEXT, "%s %s", notes[(key - 1) % 12], key > 12 ? "minor" : "major");
    return out;
}

static void pack_unit(ByteWriter *w, const SongUnit *u) {
    bytes_i64(w, u->start_sample);
    bytes_u8(w, u->kind);
    bytes_u8(w, u->phase);
    bytes_u16(w, (uint16_t)u->take);
    bytes_i32(w, u->bar);
    bytes_i32(w, u->phrase);
    bytes_i32(w, u->section);
    bytes_i32(w, u->slot);
    bytes_f32(w, u->loudness_db);
    bytes_f32(w, u->tempo_bpm);
    bytes_f32(w, u->flaw);
    bytes_f32(w, u->music);
    bytes_f32(w, u->vocal);
    for (int k = 0; k < SONG_CHROMA; k++) bytes_f32(w, u->chroma[k]);
    for (int k = 0; k < SONG_TIMBRE; k++) bytes_f32(w, u->timbre[k]);
    bytes_u8(w, u->key);
    for (int k = 0; k < STEMS; k++) bytes_f32(w, u->stem_db[k]);
}

static void unpack_unit(ByteReader *r, uint32_t version, SongUnit *u) {
    u->start_sample = read_i64(r);
    u->kind = read_u8(r);
    u->phase = read_u8(r);
    u->take = (int16_t)read_u16(r);
    u->bar = read_i32(r);
    u->phrase = read_i32(r);
    u->section = read_i32(r);
    u->slot = read_i32(r);
    u->loudness_db = read_f32(r);
    u->tempo_bpm = read_f32(r);
    u->flaw = read_f32(r);
    u->music = read_f32(r);
    u->vocal = read_f32(r);
    for (int k = 0; k < SONG_CHROMA; k++) u->chroma[k] = read_f32(r);
    for (int k = 0; k < SONG_TIMBRE; k++) u->timbre[k] = read_f32(r);
    u->key = version > 1 ? read_u8(r) : 0;
    for (int k = 0; k < STEMS; k++) u->stem_db[k] = version > 2 ? read_f32(r) : SONG_SILENT_DB;
}

Status song_pack(Song *song, ByteWriter *w) {
    Status st = BS_OK;
    TRY(song_check(song));
    size_t begin = w->n_bytes;
    bytes_put(w, magic, sizeof magic);
    bytes_u32(w, SONG_VERSION);
    bytes_u32(w, SONG_FEATURES);
    bytes_u32(w, song->featurizer_version);
    bytes_i32(w, song->sample_rate_hz);
    bytes_i32(w, song->n_channels);
    bytes_i64(w, song->n_samples);
    bytes_f32(w, song->tuning_cents);
    bytes_f32(w, song->loudness_lufs);
    bytes_f32(w, song->loudness_range_lu);
    bytes_hash(w, &song->stems);
    bytes_i32(w, song->n_sources);
    bytes_i32(w, song->n_units);
    bytes_i32(w, song->n_takes);
    bytes_i32(w, song->n_tunes);
    bytes_i32(w, song->n_slot_sections);
    for (int32_t i = 0; i < song->n_sources; i++) {
        bytes_text(w, song->sources[i].name);
        bytes_i64(w, song->sources[i].start_sample);
        bytes_i64(w, song->sources[i].n_samples);
        bytes_hash(w, &song->sources[i].pcm);
    }
    for (int32_t i = 0; i < song->n_units; i++) pack_unit(w, &song->units[i]);
    for (int32_t i = 0; i < song->n_takes; i++) {
        bytes_i32(w, song->takes[i].first_unit);
        bytes_i32(w, song->takes[i].n_units);
        bytes_i32(w, song->takes[i].tune);
        bytes_f32(w, song->takes[i].flaw);
        bytes_u8(w, song->takes[i].complete);
    }
    for (int32_t i = 0; i < song->n_tunes; i++) {
        bytes_i32(w, song->tunes[i].meter);
        bytes_i32(w, song->tunes[i].n_slots);
        bytes_f32(w, song->tunes[i].tempo_bpm);
        bytes_i32(w, song->tunes[i].first_slot_section);
    }
    for (int32_t i = 0; i < song->n_slot_sections; i++) bytes_i32(w, song->slot_section[i]);
    bytes_put(w, song->features, sizeof(float) * SONG_FEATURES * (size_t)song->n_units);
    if (w->bad) return fail(BS_TOO_BIG, "song: does not fit into %zu bytes", w->max_bytes);
    song->hash = hash_bytes(w->bytes + begin, w->n_bytes - begin);
out:
    return st;
}

Status song_unpack(Song **out, const void *bytes, size_t n_bytes) {
    Status st = BS_OK;
    Song *s = NULL;
    *out = NULL;
    if (n_bytes > SONG_MAX_BYTES) return fail(BS_TOO_BIG, "song: %zu bytes", n_bytes);
    ByteReader r = reader_of(bytes, n_bytes);
    const void *head = read_raw(&r, sizeof magic);
    if (!head || memcmp(head, magic, sizeof magic) != 0)
        return fail(BS_CORRUPT, "song: these bytes are not a Song");
    uint32_t version = read_u32(&r), n_features = read_u32(&r);
    if (version < 1 || version > SONG_VERSION || n_features != SONG_FEATURES)
        return fail(BS_VERSION,
                    "song: version %u with %u features, this program reads up to version %d with %d", version,
                    n_features, SONG_VERSION, SONG_FEATURES);
    uint32_t featurizer = read_u32(&r);
    int32_t rate = read_i32(&r), channels = read_i32(&r);
    int64_t n_samples = read_i64(&r);
    float tuning = version > 1 ? read_f32(&r) : 0, lufs = version > 1 ? read_f32(&r) : SONG_SILENT_LUFS,
          range = version > 1 ? read_f32(&r) : 0;
    Hash stems = version > 2 ? read_hash(&r) : (Hash){0};
    int32_t n_sources = read_i32(&r), n_units = read_i32(&r), n_takes = read_i32(&r), n_tunes = read_i32(&r),
            n_slots = read_i32(&r);
    if (r.bad) return fail(BS_CORRUPT, "song: cut short");
    if ((size_t)(n_units > 0 ? n_units : 0) * SONG_FEATURES * sizeof(float) > n_bytes)
        return fail(BS_CORRUPT, "song: %d units do not fit into %zu bytes", n_units, n_bytes);
    TRY(song_new(&s, n_sources, n_units, n_takes, n_tunes, n_slots));
    s->featurizer_version = featurizer;
    s->sample_rate_hz = rate;
    s->n_channels = channels;
    s->n_samples = n_samples;
    s->tuning_cents = tuning;
    s->loudness_lufs = lufs;
    s->loudness_range_lu = range;
    s->stems = stems;
    for (int32_t i = 0; i < n_sources; i++) {
        read_text(&r, s->sources[i].name, sizeof s->sources[i].name);
        s->sources[i].start_sample = read_i64(&r);
        s->sources[i].n_samples = read_i64(&r);
        s->sources[i].pcm = read_hash(&r);
    }
    for (int32_t i = 0; i < n_units; i++) unpack_unit(&r, version, &s->units[i]);
    for (int32_t i = 0; i < n_takes; i++) {
        s->takes[i].first_unit = read_i32(&r);
        s->takes[i].n_units = read_i32(&r);
        s->takes[i].tune = read_i32(&r);
        s->takes[i].flaw = read_f32(&r);
        s->takes[i].complete = read_u8(&r);
    }
    for (int32_t i = 0; i < n_tunes; i++) {
        s->tunes[i].meter = read_i32(&r);
        s->tunes[i].n_slots = read_i32(&r);
        s->tunes[i].tempo_bpm = read_f32(&r);
        s->tunes[i].first_slot_section = read_i32(&r);
    }
    for (int32_t i = 0; i < n_slots; i++) s->slot_section[i] = read_i32(&r);
    size_t feature_bytes = sizeof(float) * SONG_FEATURES * (size_t)n_units;
    const void *features = read_raw(&r, feature_bytes);
    if (features) memcpy(s->features, features, feature_bytes);
    if (r.bad || r.at != n_bytes) {
        st = fail(BS_CORRUPT, "song: %s", r.bad ? "cut short or not finite" : "bytes after the end");
        goto out;
    }
    TRY(song_check(s));
    s->hash = hash_bytes(bytes, n_bytes);
    *out = s;
    s = NULL;
out:
    song_free(s);
    return st;
}
