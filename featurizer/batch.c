/* Batch: workers take the next recording from a common counter. Demonstrations are written as soon as all
 * that come before them in the list are in, so a run that is killed has lost none but the last few. */
#include "featurizer/batch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/host/progress.h"
#include "featurizer/dataset.h"
#include "featurizer/demos.h"
#include "featurizer/ingest.h"
#include "featurizer/pair.h"

enum { MAX_WORKERS = 256 };

typedef struct Outcome {
    StoreRow row;
    bool over, done, known, paired;
    Demo demo;
} Outcome;

typedef struct Batch {
    Ingest ingest;
    const Recording *recordings;
    Outcome *outcomes;
    int n;
    pthread_mutex_t lock;        /* of what follows and of stderr */
    int next, n_done, n_written; /* n_written: outcomes whose demonstration is in the file, in order */
    DemoFile *demos;
    Status written;
    BatchCounts counts;
    Progress progress;
} Batch;

static void complain(Batch *b, const char *text) {
    fprintf(stderr, "%sbandsaw: %s\n", b->progress.terminal ? "\r\033[K" : "", text);
}

static Status load_song(const Batch *b, const Hash *hash, Song **song) {
    FileMap map;
    Status st = BS_NOT_FOUND;
    /* another worker may make room between the two */
    for (int tries = 0; tries < 3 && st == BS_NOT_FOUND; tries++) {
        st = ingest_restore(&b->ingest, hash);
        if (st == BS_OK) st = cache_map(store_blobs(b->ingest.store), hash, &map);
    }
    if (st != BS_OK) return st;
    st = song_unpack(song, map.bytes, map.n_bytes);
    file_unmap(&map);
    return st;
}

static Status make_demo(Batch *b, const Recording *r, Outcome *o) {
    Status st = BS_OK;
    char raw[PATH_BYTES], edit[PATH_BYTES];
    Hash pair;
    Song *song = NULL;
    TRY(path_join(raw, b->ingest.root, r->file));
    TRY(path_join(edit, b->ingest.root, r->edit));
    TRY(pair_hash(&o->row.song, edit, &pair));
    pthread_mutex_lock(&b->lock);
    const bool has = demo_file_has(b->demos, &pair);
    pthread_mutex_unlock(&b->lock);
    if (has) goto out;
    TRY(load_song(b, &o->row.song, &song));
    TRY(pair_read(&o->demo, song, raw, edit));
    o->demo.pair = pair;
    snprintf(o->demo.name, sizeof o->demo.name, "%s", r->name);
    o->paired = true;
out:
    song_free(song);
    return st;
}

/* What a person made of the recording, unless the file holds it. A bad pair stops nothing else. */
static void pair(Batch *b, const Recording *r, Outcome *o) {
    if (!r->edit[0] || make_demo(b, r, o) == BS_OK) return;
    pthread_mutex_lock(&b->lock);
    b->counts.n_refused_pairs++;
    complain(b, error_text());
    pthread_mutex_unlock(&b->lock);
}

/* Under the lock. */
static void write_demos(Batch *b) {
    for (; b->n_written < b->n && b->outcomes[b->n_written].over && b->written == BS_OK; b->n_written++) {
        Outcome *o = &b->outcomes[b->n_written];
        if (!o->paired) continue;
        if (!demo_file_has(b->demos, &o->demo.pair)) {
            b->written = demo_file_append(b->demos, &o->demo);
            b->counts.n_demos += b->written == BS_OK;
            if (b->written != BS_OK) complain(b, error_text());
        }
        demo_drop(&o->demo);
        o->paired = false;
    }
}

static void *work(void *context) {
    Batch *b = context;
    for (;;) {
        pthread_mutex_lock(&b->lock);
        int i = b->next < b->n ? b->next++ : -1;
        pthread_mutex_unlock(&b->lock);
        if (i < 0) return NULL;
        Outcome *o = &b->outcomes[i];
        Status st = ingest_file(&b->ingest, b->recordings[i].file, NULL, NULL, &o->row, &o->known);
        o->done = st == BS_OK;
        if (o->done) pair(b, &b->recordings[i], o);
        pthread_mutex_lock(&b->lock);
        if (st != BS_OK) complain(b, error_text());
        b->counts.n_failed += st != BS_OK;
        b->counts.n_known += o->done && o->known;
        b->counts.n_heard += o->done && !o->known;
        o->over = true;
        write_demos(b);
        progress_at(&b->progress, ++b->n_done, b->recordings[i].name);
        pthread_mutex_unlock(&b->lock);
    }
}

static int run_workers(Batch *b, int n_wanted) {
    pthread_t threads[MAX_WORKERS];
    int n = 0;
    if (n_wanted > b->n) n_wanted = b->n;
    if (n_wanted > MAX_WORKERS) n_wanted = MAX_WORKERS;
    while (n < n_wanted && pthread_create(&threads[n], NULL, work, b) == 0) n++;
    if (n == 0) work(b); /* no thread to be had: this one does it */
    for (int i = 0; i < n; i++) pthread_join(threads[i], NULL);
    return n;
}

Status batch_run(const BatchOptions *options, BatchCounts *counts) {
    Status st = BS_OK;
    char folder[PATH_BYTES], path[PATH_BYTES];
    Recording *recordings = NULL;
    StoreRow *rows = NULL;
    size_t n_recordings = 0, n_rows;
    Store *store = NULL;
    DemoFile *demos = NULL;
    Batch b = {.lock = PTHREAD_MUTEX_INITIALIZER};
    *counts = (BatchCounts){0};
    TRY(dataset_scan(options->data, &recordings, &n_recordings));
    TRY(path_join(folder, options->data, ".bandsaw"));
    TRY(path_join(path, folder, "demos.jsonl"));
    TRY(store_open(&store, folder, true));
    if (store_was_rebuilt(store))
        fprintf(stderr, "bandsaw: %s/store.db was damaged; it was made again from the blobs\n", folder);
    TRY(store_list(store, &rows, &n_rows));
    TRY(demo_file_open(&demos, path));
    b.outcomes = calloc(n_recordings, sizeof *b.outcomes);
    if (!b.outcomes) TRY(fail(BS_NOMEM, "%s: no memory for %zu recordings", options->data, n_recordings));
    b.ingest = (Ingest){.store = store,
                        .root = options->data,
                        .force = options->force,
                        .stems = options->stems,
                        .ask_samples = n_rows > 0,
                        .max_bytes = options->max_bytes};
    b.demos = demos;
    b.recordings = recordings;
    b.n = (int)n_recordings;
    b.counts.n_recordings = b.n;

    progress_start(&b.progress, "featurize", b.n);
    run_workers(&b, options->n_workers > 0 ? options->n_workers : (int)sysconf(_SC_NPROCESSORS_ONLN));
    char note[160];
    snprintf(note, sizeof note, "%d heard, %d known, %d failed, %d new demonstrations, %d pairs refused",
             b.counts.n_heard, b.counts.n_known, b.counts.n_failed, b.counts.n_demos,
             b.counts.n_refused_pairs);
    progress_end(&b.progress, note);
    *counts = b.counts;
    if (b.written != BS_OK) st = fail(b.written, "%s: cannot be written; what was heard is kept", path);
out:
    for (size_t i = 0; b.outcomes && i < n_recordings; i++)
        if (b.outcomes[i].paired) demo_drop(&b.outcomes[i].demo);
    free(b.outcomes);
    free(rows);
    free(recordings);
    demo_file_close(demos);
    store_close(store);
    pthread_mutex_destroy(&b.lock);
    return st;
}
