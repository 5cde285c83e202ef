/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block compression in zlib format. Any thread: each keeps a compressor and a decompressor of its own for as
 * long as it lives, so that no block pays for making one.
 */
#ifndef TABLE_COMPRESS_H
#define TABLE_COMPRESS_H

#include "common/base/slice.h"

/* Compresses raw into out (room: raw.n bytes); codec is BLOCK_COMPRESSION_FAST or _SMALL. Gives the size,
 * or 0 when that would not save at least an eighth: store the block as it is. */
size_t compress_block(unsigned codec, struct slice raw, uint8_t *out);

/* True when stored is one whole zlib stream of exactly raw_n bytes, now at raw. */
bool decompress_block(struct slice stored, uint8_t *raw, size_t raw_n);

#endif
