#pragma once
/* Outputs: the names of the files that one `bandsaw edit` writes, said before any work, so that what is in
 * the way is refused first. */
#include "editor/edit_settings.h"

enum { OUTPUTS_MAX_EXPORTS = 16, OUTPUTS_MAX_FILES = 512 };

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
