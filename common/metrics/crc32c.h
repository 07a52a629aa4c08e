#pragma once
/* Crc32c: the Castagnoli checksum of TFRecord files, polynomial 0x1EDC6F41 reflected. */
#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(const void *bytes, size_t n_bytes);
uint32_t crc32c_by_table(const void *bytes, size_t n_bytes); /* what the fast one is checked against */
/* TFRecord stores ((c >> 15) | (c << 17)) + 0xa282ead8, so that checksums of checksums stay good. */
uint32_t crc32c_masked(const void *bytes, size_t n_bytes);
