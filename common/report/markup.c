/* Markup: escapes, and base64 (RFC 4648). */
#include "common/report/markup.h"

#include <string.h>

void markup_text(ByteWriter *w, const char *text) {
    for (; *text; text++) {
        const char *safe = *text == '<'   ? "&lt;"
                           : *text == '>' ? "&gt;"
                           : *text == '&' ? "&amp;"
                           : *text == '"' ? "&quot;"
                                          : NULL;
        if (safe)
            bytes_put(w, safe, strlen(safe));
        else if ((unsigned char)*text >= ' ')
            bytes_put(w, text, 1);
    }
}

void markup_data_url(ByteWriter *w, const char *type, const void *bytes, size_t n_bytes) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *p = bytes;
    bytes_printf(w, "data:%s;base64,", type);
    for (size_t i = 0; i < n_bytes; i += 3) {
        const size_t n = n_bytes - i < 3 ? n_bytes - i : 3;
        const uint32_t three =
            (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (n > 2 ? (uint32_t)p[i + 2] : 0);
        char four[4] = {'=', '=', '=', '='};
        for (size_t k = 0; k <= n; k++) four[k] = digits[three >> (18 - 6 * k) & 63];
        bytes_put(w, four, sizeof four);
    }
}
