#pragma once
/* Outputs: the files that one `bandsaw edit` writes, under their names all together or not at all.
 *
 * outputs_plan says every name before any work, so that what exists already is refused first. Then each file
 * is added as bytes, the song as an open writer; outputs_commit gives them their names. Until then there are
 * temporary files only, which outputs_drop removes. */
#include "common/audio/audio.h"
#include "common/core/bytes.h"
#include "editor/edit_settings.h"

enum { OUTPUTS_MAX_EXPORTS = 16, OUTPUTS_MAX_FILES = 512, OUTPUTS_MAX_SONGS = 16 };

typedef enum ExportKind { EXPORT_RPP, EXPORT_OTIO, EXPORT_EDL, EXPORT_LABELS, EXPORT_KINDS } ExportKind;

/* What belongs to one song. */
typedef struct OutputNames {
    char song[OPTION_TEXT_BYTES + 16], json[OPTION_TEXT_BYTES + 16], plot[OPTION_TEXT_BYTES + 16];
    struct {
        ExportKind kind;
        char path[OPTION_TEXT_BYTES + 16];
    } exports[OUTPUTS_MAX_EXPORTS];
    int32_t n_exports;
} OutputNames;

/* The names for candidate k of n (from 0); with n > 1 each gets "-1", "-2", ... before its extension. */
Status outputs_names(OutputNames *out, const EditSettings *set, int32_t k, int32_t n);

typedef struct StagedFile {
    char *path, *temporary;
} StagedFile;

typedef struct Outputs {
    StagedFile files[OUTPUTS_MAX_FILES];
    int32_t n_files;
    struct {
        AudioWriter *writer;
        const char *path; /* borrowed */
    } songs[OUTPUTS_MAX_SONGS];
    int32_t n_songs;
} Outputs;

Status outputs_add(Outputs *o, const char *path, const void *bytes, size_t n_bytes);
/* Takes the writer, which has everything written; what it borrows must live until the end. */
void outputs_add_song(Outputs *o, const char *path, AudioWriter *writer);
Status outputs_commit(Outputs *o);
void outputs_drop(Outputs *o);
