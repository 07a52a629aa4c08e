#pragma once
/* Annotated music in a folder: NAME.wav and NAME.beats, a line "seconds<TAB>place in the bar" for every beat,
 * as `bandsaw beats` prints them (tests/train/compose.py makes such a folder). Names that begin with the same
 * number are of one kind, and are kept out of a fit together. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/audio/audio.h"

enum { ANNOTATED_BEATS = 4096, ANNOTATED_FILES = 4096 };

typedef struct Annotated {
    int32_t kind, rate_hz, n_beats;
    int64_t n_samples;
    float *samples; /* mono */
    double at_s[ANNOTATED_BEATS + 1];
} Annotated;

static inline int annotated_order(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Paths without extension, in order; the caller frees each and the list. */
static inline int32_t annotated_list(const char *folder, char ***list) {
    DIR *dir = opendir(folder);
    int32_t n = 0;
    *list = calloc(ANNOTATED_FILES, sizeof **list);
    BS_ASSERT(*list);
    for (struct dirent *e; dir && (e = readdir(dir)) && n < ANNOTATED_FILES;) {
        size_t length = strlen(e->d_name);
        if (length < 7 || strcmp(e->d_name + length - 6, ".beats") != 0) continue;
        if (asprintf(&(*list)[n], "%s/%.*s", folder, (int)length - 6, e->d_name) > 0) n++;
    }
    if (dir) closedir(dir);
    qsort(*list, (size_t)n, sizeof **list, annotated_order);
    return n;
}

static inline Status annotated_beats(const char *path, Annotated *a) {
    FILE *f = fopen(path, "r");
    if (!f) return fail(BS_IO, "%s: cannot be read", path);
    while (a->n_beats < ANNOTATED_BEATS && fscanf(f, "%lf %*d", &a->at_s[a->n_beats]) == 1) a->n_beats++;
    fclose(f);
    if (a->n_beats < 2) return fail(BS_CORRUPT, "%s: no beats", path);
    a->at_s[a->n_beats] = 2 * a->at_s[a->n_beats - 1] - a->at_s[a->n_beats - 2];
    return BS_OK;
}

/* a->samples is the caller's to free, whatever comes back. */
static inline Status annotated_read(const char *name, Annotated *a) {
    Status st = BS_OK;
    char path[4096];
    const char *paths[] = {path};
    AudioReader *reader = NULL;
    float *all = NULL;
    int64_t n_read = 0;
    const char *base = strrchr(name, '/');
    *a = (Annotated){.kind = atoi(base ? base + 1 : name)};
    snprintf(path, sizeof path, "%s.beats", name);
    TRY(annotated_beats(path, a));
    snprintf(path, sizeof path, "%s.wav", name);
    TRY(audio_open(&reader, paths, 1));
    AudioInfo info = audio_info(reader);
    all = malloc(sizeof(float) * (size_t)(info.n_samples * info.n_channels));
    a->samples = malloc(sizeof(float) * (size_t)info.n_samples);
    BS_ASSERT(all && a->samples);
    TRY(audio_read_at(reader, 0, info.n_samples, all, &n_read));
    audio_mix_down(all, n_read, info.n_channels, a->samples);
    a->n_samples = n_read, a->rate_hz = info.sample_rate_hz;
out:
    free(all);
    audio_close(reader);
    return st;
}
