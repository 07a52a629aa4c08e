#pragma once
/* Markup: text and bytes as they stand in SVG and HTML. */
#include "common/core/bytes.h"

/* Text or an attribute's value: what means something else there is escaped, control characters are left out.
 */
void markup_text(ByteWriter *w, const char *text);
/* A URL that holds its bytes itself: data:TYPE;base64,... */
void markup_data_url(ByteWriter *w, const char *type, const void *bytes, size_t n_bytes);
