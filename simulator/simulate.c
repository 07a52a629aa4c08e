/* Workers take the next song from a counter. A song's seed is mix(seed, number), so songs are the same
 * whoever makes them and however many are made. */
#include "simulator/simulate.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/audio/mixdown.h"
#include "common/core/rng.h"
#include "common/host/file.h"
#include "simulator/master.h"
#include "simulator/piece.h"
#include "simulator/session.h"

enum { MAX_JOBS = 64, ERROR_BYTES = 1024 };

typedef struct Batch {
    const SimulateOptions *options;
    SimulateProgress progress;
    void *context;
    pthread_mutex_t lock; /* of all below, and of progress */
    int32_t next, n_done;
    Status status; /* the first failure */
    char error[ERROR_BYTES];
} Batch;

static Status name_file(char out[PATH_BYTES], const char *folder, const char *name, const char *ending) {
    char base[128];
    snprintf(base, sizeof base, "%s%s", name, ending);
    return path_join(out, folder, base);
}

static double beat_length(void *context, int64_t sample) {
    const Truth *t = context;
    int32_t u = truth_unit_at(t, sample < 0 ? 0 : sample >= t->n_samples ? t->n_samples - 1 : sample);
    return t->units[u].kind == UNIT_BEAT ? (double)(truth_unit_end(t, u) - t->units[u].start_sample)
                                         : truth_beat_samples(t, t->tune);
}

typedef struct Rendered {
    float *side[2]; /* left and right, n_samples each */
    int64_t n_samples, n_written;
} Rendered;

static Status song_add(void *to, const float *samples, int64_t n) {
    Rendered *song = to;
    if (n > song->n_samples - song->n_written) return fail(BS_TOO_BIG, "the song is longer than its plan");
    for (int64_t i = 0; i < n; i++)
        for (int c = 0; c < 2; c++) song->side[c][song->n_written + i] = samples[2 * i + c];
    song->n_written += n;
    return BS_OK;
}

/* Masters the song and writes it. */
static Status finish_song(Rendered *song, const Master *master, const char *path) {
    Bus bus = {song->side[0], song->side[1], song->n_written};
    if (master) master_apply(master, &bus, SESSION_RATE);
    float *frames = malloc(2 * (size_t)song->n_written * sizeof *frames);
    if (!frames) return fail(BS_NOMEM, "no memory for the edit");
    for (int64_t i = 0; i < song->n_written; i++)
        for (int c = 0; c < 2; c++) frames[2 * i + c] = song->side[c][i];
    Status st = audio_save(path, frames, song->n_written, 2, SESSION_RATE, 16);
    free(frames);
    return st;
}

/* master: NULL for the edit as it was cut. */
static Status write_edit(Truth *t, const Master *master, const char *raw, const char *path) {
    Status st = BS_OK;
    AudioReader *reader = NULL;
    MixPlan plan = {0};
    Rendered song = {0};
    TRY(audio_open(&reader, &raw, 1));
    TRY(mix_plan(&plan, &t->edit, reader, beat_length, t));
    song.n_samples = plan.n_samples;
    for (int c = 0; c < 2; c++) {
        song.side[c] = malloc((size_t)song.n_samples * sizeof *song.side[c]);
        if (!song.side[c]) st = fail(BS_NOMEM, "no memory for the edit");
    }
    TRY(st);
    TRY(mix_render_to(&plan, &t->edit, reader, song_add, &song, NULL, NULL));
    TRY(finish_song(&song, master, path));
out:
    for (int c = 0; c < 2; c++) free(song.side[c]);
    mix_plan_drop(&plan);
    audio_close(reader);
    return st;
}

typedef struct SongFiles {
    char name[TRUTH_NAME], raw[PATH_BYTES], edit[PATH_BYTES], tracks[PATH_BYTES], truth[PATH_BYTES];
} SongFiles;

static Status name_files(SongFiles *f, const SimulateOptions *o, int32_t number) {
    Status st = BS_OK;
    snprintf(f->name, sizeof f->name, "song%04d", number);
    TRY(name_file(f->raw, o->folder, f->name, "_raw.wav"));
    TRY(name_file(f->edit, o->folder, f->name, "_edit.wav"));
    TRY(name_file(f->tracks, o->folder, f->name, "_tracks"));
    TRY(name_file(f->truth, o->folder, f->name, ".truth.json"));
out:
    return st;
}

/* Before anything is made, so that a refused call writes nothing. */
static Status refuse_existing(const SimulateOptions *o) {
    Status st = BS_OK;
    for (int32_t i = 0; i < o->n_songs; i++) {
        SongFiles f;
        TRY(name_files(&f, o, o->first_song + i));
        TRY(file_may_write(f.raw, false));
        TRY(file_may_write(f.truth, false));
        if (o->edits) TRY(file_may_write(f.edit, false));
        if (o->tracks && file_exists(f.tracks))
            TRY(fail(BS_EXISTS, "%s: exists already; --force writes over it", f.tracks));
    }
out:
    return st;
}

/* A part that this session lacks must not lie there from another. */
static Status write_tracks(const Session *s, const char *folder) {
    Status st = BS_OK;
    TRY(dir_make(folder, 0777));
    for (int part = 0; part < PARTS; part++) {
        char path[PATH_BYTES];
        TRY(name_file(path, folder, part_names[part], ".wav"));
        if (s->tracks[part])
            TRY(audio_save(path, s->tracks[part], s->n_samples, 1, SESSION_RATE, 16));
        else
            unlink(path);
    }
out:
    return st;
}

static Status make_song(const SimulateOptions *o, const SongFiles *f, int32_t number) {
    Status st = BS_OK;
    Session session = {0};
    uint64_t seed = rng_mix(o->seed, (uint64_t)number);
    if (o->pieces) {
        const Piece *piece = o->pieces->list[rng_mix(seed, 0x7069656365) % (uint64_t)o->pieces->n];
        TRY(session_make_from(&session, f->name, seed, o->length_s, piece));
    } else {
        TRY((o->tracks ? session_make_tracks : session_make)(&session, f->name, seed, o->length_s));
    }
    TRY(audio_save(f->raw, session.samples, session.n_samples, 2, SESSION_RATE, 16));
    if (o->tracks) TRY(write_tracks(&session, f->tracks));
    if (o->edits) {
        Master master;
        master_draw(&master, seed);
        TRY(write_edit(session.truth, o->master ? &master : NULL, f->raw, f->edit));
    }
    TRY(truth_write(session.truth, f->truth));
out:
    session_drop(&session);
    return st == BS_OK ? st : fail_in(st, "%s", f->name);
}

static void *work(void *arg) {
    Batch *b = arg;
    for (;;) {
        pthread_mutex_lock(&b->lock);
        int32_t i = b->status == BS_OK && b->next < b->options->n_songs ? b->next++ : -1;
        pthread_mutex_unlock(&b->lock);
        if (i < 0) return NULL;
        SongFiles files;
        int32_t number = b->options->first_song + i;
        Status st = name_files(&files, b->options, number);
        if (st == BS_OK) st = make_song(b->options, &files, number);
        pthread_mutex_lock(&b->lock);
        if (st != BS_OK && b->status == BS_OK) {
            b->status = st;
            snprintf(b->error, sizeof b->error, "%s", error_text());
        }
        b->n_done++;
        if (st == BS_OK && b->progress) b->progress(b->context, b->n_done, files.name);
        pthread_mutex_unlock(&b->lock);
    }
}

Status simulate(const SimulateOptions *o, SimulateProgress progress, void *context) {
    if (o->pieces && o->tracks)
        return fail(BS_INVALID, "finished recordings have no tracks: leave out --tracks or --from");
    Status st = dir_make(o->folder, 0777);
    if (st == BS_OK && !o->force) st = refuse_existing(o);
    if (st != BS_OK) return st;
    Batch batch = {.options = o, .progress = progress, .context = context};
    pthread_t threads[MAX_JOBS];
    int32_t n = o->n_jobs < 1 ? 1 : o->n_jobs > MAX_JOBS ? MAX_JOBS : o->n_jobs, started = 0;
    pthread_mutex_init(&batch.lock, NULL);
    while (started < n - 1 && pthread_create(&threads[started], NULL, work, &batch) == 0) started++;
    work(&batch);
    for (int32_t i = 0; i < started; i++) pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&batch.lock);
    return batch.status == BS_OK ? BS_OK : fail(batch.status, "%s", batch.error);
}
