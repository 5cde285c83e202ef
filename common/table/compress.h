/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block compression: zlib format always, zstd in a build that has it (configure --with-zstd). Any thread: each keeps
 * compressors and decompressors of its own for as long as it lives, so that no block pays for making one.
 */
#ifndef TABLE_COMPRESS_H
#define TABLE_COMPRESS_H

#include "common/base/slice.h"

/* How a block is stored; the numbers are a format. */
enum block_codec { CODEC_RAW = 0, CODEC_ZLIB = 1, CODEC_ZSTD = 2 };

/* Can this program read such a block? */
bool codec_is_built(enum block_codec codec);

/* Compresses raw into out (room: raw.n bytes) as a setting of BLOCK_COMPRESSION wants it. Gives the size, or 0 when
 * that would not save at least an eighth, or the setting is none: store the block as it is. */
size_t compress_block(unsigned setting, struct slice raw, uint8_t *out, enum block_codec *codecp);

/* True when stored is one whole stream of this codec, built in, and of exactly raw_n bytes, now at raw. */
bool decompress_block(enum block_codec codec, struct slice stored, uint8_t *raw, size_t raw_n);

#endif
