/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 (the polynomial of zlib and gzip), by libdeflate. */
#ifndef BASE_CRC_H
#define BASE_CRC_H

#include "common/base/slice.h"

/* Continues crc (0 to begin) over n bytes. */
uint32_t crc32_of(uint32_t crc, const void *p, size_t n);

#endif
