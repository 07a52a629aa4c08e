/* Featurize: decode, hear, write down.
 *
 * The recording is read once as a stream: for what only the original samples tell (are they numbers, do they
 * touch full scale, how loud is it), and as mono at the rate of the analyses. All decisions are made in
 * seconds on the analysis signal and rounded to samples of the recording at the very end, in one place. */
#include "featurizer/featurize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/audio/audio.h"
#include "featurizer/dsp/columns.h"
#include "featurizer/dsp/hearing.h"
#include "featurizer/dsp/key.h"
#include "featurizer/mono.h"

enum { CLIP_HOP = 512 };
static const double shortest_s = 4;

typedef struct Session {
    const char *const *paths;
    AudioReader *reader;
    AudioInfo info;
    int32_t n_clip;
    Loudness loudness;
    uint16_t *clipped; /* [n_clip] samples at full scale or in flat tops per CLIP_HOP frames */
    Mono mono;
    Arena mem;
    FeaturizeOptions how;
    StemLevels stems;
    Hash stems_hash; /* zero: heard in the mix */
    FeaturizeProgress progress;
    void *context;
} Session;

static void report(const Session *s, double share) {
    if (s->progress) s->progress(s->context, share);
}

/* ---- the original samples ---------------------------------------------------------------------- */

/* Counts the steps for which a channel has stood still, up there: a converter or a limiter cut the top off.
 */
static bool in_flat_top(float before, float now, uint8_t *still) {
    bool flat = fabsf(now - before) < 2.0F / 32768 && fabsf(now) > 0.2F;
    *still = flat ? (uint8_t)(*still < 8 ? *still + 1 : 8) : 0;
    return *still >= 3;
}

typedef struct Scan {
    Session *session;
    LoudnessMeter *meter;
    float *before; /* of each channel */
    uint8_t *still;
    float lowest, highest;
} Scan;

static Status scan_open(Scan *scan, Session *s) {
    const int32_t channels = s->info.n_channels;
    *scan = (Scan){.session = s, .lowest = INFINITY, .highest = -INFINITY};
    scan->before = arena_alloc(&s->mem, sizeof(float) * (size_t)channels);
    scan->still = arena_alloc(&s->mem, (size_t)channels);
    s->n_clip = (int32_t)(s->info.n_samples / CLIP_HOP + 1);
    s->clipped = arena_alloc(&s->mem, sizeof(uint16_t) * (size_t)s->n_clip);
    if (!s->clipped || !scan->before || !scan->still) return fail(BS_NOMEM, "%s: out of memory", s->paths[0]);
    return loudness_open_level(&scan->meter, channels, s->info.sample_rate_hz);
}

static Status scan_block(void *context, const float *frames, int64_t at, int64_t n) {
    Scan *scan = context;
    Session *s = scan->session;
    const int32_t channels = s->info.n_channels;
    for (int64_t i = 0; i < n; i++) {
        bool cut = false;
        for (int32_t c = 0; c < channels; c++) {
            float v = frames[i * channels + c];
            if (!(v - v == 0))
                return fail(BS_NONFINITE, "%s: sample %lld is not a number", s->paths[0],
                            (long long)(at + i));
            cut |= fabsf(v) >= 0.999F || in_flat_top(scan->before[c], v, &scan->still[c]);
            scan->before[c] = v;
            scan->lowest = v < scan->lowest ? v : scan->lowest;
            scan->highest = v > scan->highest ? v : scan->highest;
        }
        s->clipped[(at + i) / CLIP_HOP] = (uint16_t)(s->clipped[(at + i) / CLIP_HOP] + cut);
    }
    report(s, 0.35 * (double)at / (double)s->info.n_samples);
    return loudness_add(scan->meter, frames, n);
}

static Status scan_close(Scan *scan) {
    const Session *s = scan->session;
    scan->session->loudness = loudness_close(scan->meter);
    if (scan->highest - scan->lowest >= 4.0F / 32768) return BS_OK;
    return fail(BS_INVALID, "%s: this is silence%s", s->paths[0],
                fabsf(scan->highest) > 4.0F / 32768 ? ": a constant voltage and nothing else" : "");
}

/* What only the original samples tell, and the signal of the analyses, in one go. */
static Status read_recording(Session *s) {
    Scan scan;
    Status st = scan_open(&scan, s);
    if (st == BS_OK) st = mono_read_seen(&s->mono, s->reader, ANALYSIS_HZ, scan_block, &scan);
    if (st == BS_OK) return scan_close(&scan);
    loudness_close(scan.meter);
    return fail_in(st, "%s", s->paths[0]);
}

static float clipped_share(const Session *s, int64_t from, int64_t to) {
    int64_t a = from / CLIP_HOP, b = (to - 1) / CLIP_HOP, sum = 0;
    for (int64_t k = a; k <= b && k < s->n_clip; k++) sum += s->clipped[k];
    double share = (double)sum / (double)((b - a + 1) * CLIP_HOP);
    return (float)(share > 1 ? 1 : share);
}

/* ---- stems that are there ----------------------------------------------------------------------- */

static bool tells_players_apart(const Tracks *tracks) {
    for (int32_t i = 1; i < tracks->n; i++)
        if (tracks->list[i].stem != tracks->list[0].stem) return true;
    return false;
}

/* Leaves s->stems empty where there are none. */
static Status measure_stems(Session *s, int32_t n_paths) {
    Status st = BS_OK;
    char folder[PATH_BYTES] = "";
    Tracks found = {0}, *tracks = &found;
    const char *asked = s->how.stems ? s->how.stems : "";
    const bool separated = !s->how.tracks || asked[0];
    if (!separated) {
        tracks = (Tracks *)s->how.tracks; /* read only but for their readers */
        if (!tells_players_apart(tracks)) return BS_OK;
    } else {
        if (!strcmp(asked, "none") || (n_paths > 1 && !asked[0])) return BS_OK;
        if (n_paths > 1)
            return fail(BS_INVALID, "%s: stems are of one file, this recording has %d", asked, n_paths);
        TRY(stem_files_find(folder, asked, s->paths[0]));
        if (!folder[0]) return BS_OK;
        TRY(tracks_open(&found, folder));
    }
    TRY(stem_files_measure(tracks, folder, separated, &s->mono, &s->stems, s->how.fit, &s->mem));
    s->stems_hash = stem_files_hash(tracks, &st);
out:
    tracks_drop(&found);
    return st;
}

/* ---- writing down ------------------------------------------------------------------------------ */

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static Status write_sources(Session *s, Song *song, const char *const *names) {
    Status st = BS_OK;
    for (int32_t i = 0; i < song->n_sources; i++) {
        SongSource *f = &song->sources[i];
        const char *name = names && names[i] ? names[i] : base_name(s->paths[i]);
        size_t length = strlen(name);
        if (length >= sizeof f->name) name += length - sizeof f->name + 1;
        memcpy(f->name, name, strlen(name) + 1);
        audio_source(s->reader, i, &f->start_sample, &f->n_samples);
        TRY(audio_pcm_hash(s->reader, i, &f->pcm));
    }
out:
    return st;
}

static void write_unit(SongUnit *u, const Stretch *x, const Hearing *h, const Measure *m) {
    u->kind = (uint8_t)x->kind;
    u->phase = (uint8_t)x->phase;
    u->take = (int16_t)x->take;
    u->bar = x->bar;
    u->phrase = x->phrase;
    u->section = x->section;
    u->slot = x->slot;
    u->loudness_db = m->level_db;
    memcpy(u->chroma, m->chroma, sizeof u->chroma);
    memcpy(u->timbre, m->timbre, sizeof u->timbre);
    u->vocal = m->vocal;
    memcpy(u->stem_db, m->stem_db, sizeof u->stem_db);
    if (x->beat < 0) return;
    const BeatTrack *t = &h->takes[x->take].track; /* over four beats to either side */
    if (t->tempo_bpm <= 0) return;
    int32_t a = x->beat - 4 < 0 ? 0 : x->beat - 4, b = x->beat + 4 > t->n ? t->n : x->beat + 4;
    u->tempo_bpm = (float)(60 * (b - a) / (t->time_s[b] - t->time_s[a]));
}

/* Where beat k would lie if the beats around it were even: the line through four to either side, without it.
 */
static double even_time(const BeatTrack *t, int32_t k) {
    int32_t a = k - 4 < 0 ? 0 : k - 4, b = k + 4 > t->n - 1 ? t->n - 1 : k + 4;
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (int32_t i = a; i <= b; i++) {
        if (i == k) continue;
        double dx = i - k, dy = t->time_s[i] - t->time_s[k];
        n++, x += dx, y += dy, xx += dx * dx, xy += dx * dy;
    }
    double bottom = n * xx - x * x;
    return n >= 3 && bottom > 1e-9 ? t->time_s[k] + (y * xx - x * xy) / bottom : t->time_s[k];
}

static void hear_beat(Heard *u, const Stretch *x, const Hearing *h) {
    const TakeBeats *tb = &h->takes[x->take];
    const BeatTrack *t = &tb->track;
    int32_t k = x->beat;
    double length = t->time_s[k + 1] - t->time_s[k], around[8];
    int32_t n = 0;
    for (int32_t i = k - 4; i <= k + 4; i++)
        if (i != k && i >= 0 && i < t->n && n < 8) around[n++] = t->time_s[i + 1] - t->time_s[i];
    float v[8];
    for (int32_t i = 0; i < n; i++) v[i] = (float)around[i];
    double usual = n ? median_of(v, n) : length;
    double off = (t->time_s[k] - even_time(t, k)) / usual;
    u->bar = x->bar;
    u->phase = x->phase;
    u->timing = (float)(off > 0.5 ? 0.5 : off < -0.5 ? -0.5 : off);
    u->rush = (float)fabs(log(length / usual));
    if (x->slot < 0) return;
    int32_t i = h->tune_of[x->take];
    const HeardTune *tune = &h->tunes[i];
    const Sections *sections = &tune->sections;
    int32_t base = 0, offset = sections->offset[x->slot];
    for (int32_t j = 0; j < i; j++) base += h->tunes[j].meter * h->tunes[j].form.n_slots;
    u->place = base + x->slot * tune->meter + x->phase;
    /* one number per (label, offset, phase): the first slot with this label and offset stands for all */
    for (int32_t j = 0; j <= x->slot; j++)
        if (sections->label[j] == sections->label[x->slot] && sections->offset[j] == offset) {
            u->music_place = base + j * tune->meter + x->phase;
            break;
        }
}

static void doubt(UnitExtras *x, SongUnit *u, const Stretch *s, const Hearing *h, double start_s,
                  double end_s) {
    int32_t a = (int32_t)(start_s * FRAMES_PER_S), b = (int32_t)(end_s * FRAMES_PER_S) + 1;
    double music = 0;
    if (b > h->frames.n) b = h->frames.n;
    for (int32_t k = a; k < b; k++) music += h->map.music[k] / (b - a);
    if (s->kind == UNIT_TAIL) music = 0.5;
    u->music = (float)(music > 1 ? 1 : music < 0 ? 0 : music);
    float pulse = 0;
    if (s->beat >= 0) {
        const TakeBeats *t = &h->takes[s->take];
        float strength = t->track.strength[s->beat];
        pulse = t->track.tempo_bpm > 0 ? 0.4F + 0.6F * t->track.confidence : 0;
        x->beat_confidence = t->track.confidence * (strength > 1 ? 1 : strength);
        x->downbeat_confidence = 1 / (1 + expf(-2 * t->evidence[s->beat]));
    }
    x->kind[UNIT_BEAT] = u->music * pulse;
    x->kind[UNIT_FREE] = u->music * (1 - pulse);
    x->kind[s->kind == UNIT_TAIL ? UNIT_TAIL : UNIT_GAP] += 1 - u->music;
    if (s->kind == UNIT_TAIL) x->kind[UNIT_FREE] = 0, x->kind[UNIT_GAP] = 0.5F;
}

static void write_takes(Song *song, const Hearing *h) {
    for (int32_t t = 0; t < song->n_takes; t++) {
        SongTake *take = &song->takes[t];
        double flaw = 0;
        take->tune = h->tune_of[t];
        for (int32_t u = 0; u < song->n_units; u++) {
            const SongUnit *unit = &song->units[u];
            if (unit->take != t || unit->kind == UNIT_TAIL) continue;
            if (!take->n_units) take->first_unit = u;
            take->n_units++;
            flaw += unit->flaw;
            if (unit->slot >= 0 && unit->slot == h->tunes[h->tune_of[t]].form.n_slots - 1) take->complete = 1;
        }
        take->flaw = (float)(flaw / take->n_units);
    }
}

/* What of a take's units is told against the take itself: its level, its spectrum, its bands; whether it
 * broke off before the form's end. */
static Status level_take(Session *s, const Hearing *h, int32_t t, const Stretches *cut, Heard *heard) {
    float *levels = arena_alloc(&s->mem, sizeof(float) * (size_t)cut->n);
    int32_t *own = arena_alloc(&s->mem, sizeof(int32_t) * (size_t)cut->n), n = 0, n_beats = 0, last_slot = -1;
    if (!levels || !own) return fail(BS_NOMEM, "featurize: out of memory");
    for (int32_t u = 0; u < cut->n; u++) {
        if (cut->list[u].take != t || cut->list[u].kind == UNIT_TAIL) continue;
        levels[n++] = heard[u].m.level_db;
        if (cut->list[u].beat < 0) continue;
        own[n_beats++] = u;
        last_slot = cut->list[u].slot;
    }
    float middle = median_of(levels, n), mel[MEASURE_MEL] = {0};
    for (int32_t i = 0; i < n_beats; i++)
        for (int32_t g = 0; g < MEASURE_MEL; g++) mel[g] += heard[own[i]].m.mel[g] / (float)n_beats;
    for (int32_t u = 0; u < cut->n; u++)
        if (cut->list[u].take == t) heard[u].level_db = heard[u].m.level_db - middle;
    for (int32_t i = 0; i < n_beats; i++) {
        Heard *x = &heard[own[i]];
        for (int32_t g = 0; g < MEASURE_MEL; g++) x->take_mel[g] = x->m.mel[g] - mel[g];
        x->from_start = (float)i;
        x->to_end = (float)(n_beats - 1 - i);
        x->broken = last_slot != h->tunes[h->tune_of[t]].form.n_slots - 1;
    }
    return deviation_scale(heard, own, n_beats, &s->mem);
}

static Status write_song(Session *s, const Hearing *h, const char *const *names, int32_t n_paths,
                         Song **out) {
    Status st = BS_OK;
    Stretches cut;
    TRY(stretches_cut(h, &cut, &s->mem));
    int32_t n_slots = 0, n_places = 1;
    for (int32_t i = 0; i < h->n_tunes; i++) {
        n_slots += h->tunes[i].form.n_slots;
        n_places += h->tunes[i].form.n_slots * h->tunes[i].meter;
    }
    TRY(song_new(out, n_paths, cut.n, h->n_takes, h->n_tunes, n_slots));
    Song *song = *out;
    song->sample_rate_hz = s->info.sample_rate_hz;
    song->n_channels = s->info.n_channels;
    song->n_samples = s->info.n_samples;
    song->featurizer_version = FEATURIZER_VERSION;
    song->stems = s->stems_hash;
    song->tuning_cents = 100 * h->frames.tuning;
    song->loudness_lufs = (float)s->loudness.integrated_lufs;
    song->loudness_range_lu = (float)s->loudness.range_lu;
    TRY(write_sources(s, song, names));
    for (int32_t i = 0, at = 0; i < h->n_tunes; at += h->tunes[i++].form.n_slots) {
        const HeardTune *tune = &h->tunes[i];
        song->tunes[i] = (SongTune){tune->meter, tune->form.n_slots, (float)tune->tempo_bpm, at};
        for (int32_t j = 0; j < tune->form.n_slots; j++) song->slot_section[at + j] = tune->sections.label[j];
    }

    Heard *heard = arena_alloc(&s->mem, sizeof(Heard) * (size_t)cut.n);
    UnitExtras *extras = arena_alloc(&s->mem, sizeof(UnitExtras) * (size_t)cut.n);
    if (!heard || !extras) return fail(BS_NOMEM, "featurize: out of memory");
    double rate = s->info.sample_rate_hz;
    for (int32_t u = 0; u < cut.n; u++) { /* samples, kept in order whatever rounding does */
        int64_t at = llround(cut.list[u].start_s * rate), least = u ? song->units[u - 1].start_sample + 1 : 0;
        int64_t most = song->n_samples - (cut.n - u);
        song->units[u].start_sample = at < least ? least : at > most ? most : at;
    }
    for (int32_t u = 0; u < cut.n; u++) {
        const Stretch *x = &cut.list[u];
        double start_s = (double)song->units[u].start_sample / rate,
               end_s = (double)song_unit_end(song, u) / rate;
        measure_span(&h->frames, start_s, end_s, &heard[u].m);
        write_unit(&song->units[u], x, h, &heard[u].m);
        heard[u].take = x->take;
        heard[u].place = heard[u].music_place = heard[u].bar = -1;
        heard[u].clipped = clipped_share(s, song->units[u].start_sample, song_unit_end(song, u));
        if (x->beat >= 0) {
            detail_span(&h->frames, start_s, end_s, &heard[u].d);
            hear_beat(&heard[u], x, h);
        }
        doubt(&extras[u], &song->units[u], x, h, start_s, end_s);
        extras[u].clipped = heard[u].clipped;
    }
    for (int32_t t = 0; t < h->n_takes; t++) TRY(level_take(s, h, t, &cut, heard));
    TRY(flaws_find(heard, cut.n, n_places, &s->mem, s->how.flaw_rows));
    for (int32_t u = 0; u < cut.n; u++) song->units[u].flaw = heard[u].flaw;
    write_takes(song, h);
    TRY(keys_find(song, &s->mem));
    TRY(columns_fill(song, heard, extras));
out:
    return st;
}

/* ---- the one call ------------------------------------------------------------------------------ */

static Status pack_once(Song *song) {
    ByteWriter w;
    bytes_init(&w, SONG_MAX_BYTES);
    Status st = song_pack(song, &w);
    bytes_drop(&w);
    return st;
}

Status featurize_files(const char *const *paths, const char *const *names, int32_t n_paths,
                       const FeaturizeOptions *options, FeaturizeProgress progress, void *context,
                       Song **out) {
    Status st = BS_OK;
    Session s = {.paths = paths,
                 .progress = progress,
                 .context = context,
                 .how = options ? *options : (FeaturizeOptions){0}};
    Song *song = NULL;
    Hearing *h = NULL;
    *out = NULL;
    if (s.how.fit) *s.how.fit = (StemFit){0};
    arena_init(&s.mem, (size_t)16 << 30);
    if (n_paths < 1 || n_paths > SONG_MAX_SOURCES)
        return fail(BS_INVALID, "featurize: %d files, 1..%d are possible", n_paths, SONG_MAX_SOURCES);
    s.reader = s.how.reader;
    if (!s.reader) TRY(audio_open(&s.reader, paths, n_paths));
    s.info = audio_info(s.reader);
    double seconds = (double)s.info.n_samples / s.info.sample_rate_hz;
    if (seconds < shortest_s) {
        st = fail(BS_INVALID, "%s: %.1f seconds are too short, a recording needs %.0f", paths[0], seconds,
                  shortest_s);
        goto out;
    }
    TRY(read_recording(&s));
    report(&s, 0.35);
    h = arena_alloc(&s.mem, sizeof *h);
    if (!h) {
        st = fail(BS_NOMEM, "%s: out of memory", paths[0]);
        goto out;
    }
    TRY(measure_stems(&s, n_paths));
    st = hear(h, s.mono.samples, s.mono.n_samples, s.how.meter, s.stems.n ? &s.stems : NULL, &s.mem);
    if (st != BS_OK) {
        fail_in(st, "%s", paths[0]);
        goto out;
    }
    report(&s, 0.85);
    TRY(write_song(&s, h, names, n_paths, &song));
    TRY(pack_once(song));
    report(&s, 1);
    *out = song;
    song = NULL;
out:
    song_free(song);
    mono_drop(&s.mono);
    if (!s.how.reader) audio_close(s.reader);
    arena_drop(&s.mem);
    return st;
}
