/* The recording is read twice: how loud it is, then what is in it. */
#include "featurizer/stem_write.h"

#include <stdio.h>
#include <stdlib.h>

#include "featurizer/dsp/stems.h"

enum { BLOCK = 16384 };

typedef struct Work {
    const char *name; /* of the recording, for messages */
    AudioReader *reader;
    AudioInfo info;
    AudioWriter *writers[STEMS];
    Staged staged;
    float *block, *mono; /* BLOCK frames */
    FeaturizeProgress progress;
    void *context;
} Work;

static Status write_stems(void *context, const float *const stems[STEMS], int64_t n) {
    Work *w = context;
    Status st = BS_OK;
    for (int s = 0; s < STEMS && st == BS_OK; s++) st = audio_write(w->writers[s], stems[s], n);
    return st;
}

static Status read_block(Work *w, int64_t at, int64_t *n) {
    Status st = audio_read_at(w->reader, at, BLOCK, w->block, n);
    if (st == BS_OK && *n < 1) st = fail(BS_IO, "%s: ends early", w->name);
    return st;
}

static Status measure(Work *w, float *loud) {
    Status st = BS_OK;
    StemLoud l = {.rate_hz = w->info.sample_rate_hz};
    for (int64_t at = 0, n = 0; at < w->info.n_samples; at += n) {
        TRY(read_block(w, at, &n));
        audio_mix_down(w->block, n, w->info.n_channels, w->mono);
        for (int64_t i = 0; i < n; i++)
            if (!(w->mono[i] - w->mono[i] == 0))
                TRY(fail(BS_NONFINITE, "%s: sample %lld is not a number", w->name, (long long)(at + i)));
        TRY(stem_loud_add(&l, w->mono, n));
    }
out:
    *loud = stem_loud_end(&l);
    return st;
}

static Status split(Work *w, float loud) {
    Status st = BS_OK;
    StemSplitter *s = NULL;
    TRY(stems_open(&s, w->info.sample_rate_hz, w->info.n_channels, loud, &stem_net, write_stems, w));
    for (int64_t at = 0, n = 0; at < w->info.n_samples; at += n) {
        TRY(read_block(w, at, &n));
        TRY(stems_push(s, w->block, n));
        if (w->progress) w->progress(w->context, 0.1 + 0.9 * (double)at / (double)w->info.n_samples);
    }
    TRY(stems_finish(s));
out:
    stems_close(s);
    return st;
}

static Status create(Work *w, const StemWrite *how, const char *const *paths, int32_t n_paths) {
    Status st = BS_OK;
    char path[STEMS][PATH_BYTES];
    for (int s = 0; s < STEMS; s++) {
        char file[16];
        snprintf(file, sizeof file, "%s.wav", stem_names[s]);
        TRY(path_join(path[s], how->folder, file));
        for (int32_t i = 0; i < n_paths; i++)
            if (file_same(path[s], paths[i])) TRY(fail(BS_INVALID, "%s: is the recording itself", path[s]));
        TRY(file_may_write(path[s], how->force));
    }
    TRY(staged_folder(&w->staged, how->folder));
    for (int s = 0; s < STEMS; s++)
        TRY(audio_create(&w->writers[s], path[s], w->info.sample_rate_hz, w->info.n_channels, how->bits));
out:
    return st;
}

static Status finish(Work *w) {
    Status st = BS_OK;
    for (int s = 0; s < STEMS; s++) {
        AudioWriter *writer = w->writers[s];
        w->writers[s] = NULL;
        TRY(audio_stage(writer, &w->staged));
    }
    TRY(staged_commit(&w->staged));
out:
    return st;
}

Status stems_write(const char *const *paths, int32_t n_paths, const StemWrite *how,
                   FeaturizeProgress progress, void *context) {
    Status st = BS_OK;
    Work w = {.name = paths[0], .progress = progress, .context = context};
    float loud;
    TRY(audio_open(&w.reader, paths, n_paths));
    w.info = audio_info(w.reader);
    w.block = malloc(sizeof(float) * BLOCK * (size_t)w.info.n_channels);
    w.mono = malloc(sizeof(float) * BLOCK);
    if (!w.block || !w.mono) TRY(fail(BS_NOMEM, "%s: out of memory", paths[0]));
    TRY(create(&w, how, paths, n_paths));
    TRY(measure(&w, &loud));
    TRY(split(&w, loud));
    TRY(finish(&w));
out:
    for (int s = 0; s < STEMS; s++) audio_abandon(w.writers[s]);
    staged_drop(&w.staged);
    audio_close(w.reader);
    free(w.block);
    free(w.mono);
    return st;
}
