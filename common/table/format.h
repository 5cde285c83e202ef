/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of a table file: what stands around its blocks. Numbers are little-endian.
 *
 *	table      = { data } { partition } filter properties index footer       nothing between them, nothing behind
 *	data, partition, filter, properties, index = stored trailer
 *	stored     = the block's bytes, or their zlib stream or zstd frame
 *	trailer    = type u8, codec u8, raw_size u32, crc u32        10 bytes
 *	footer     = filter handle, properties handle, index handle, id u64, database u64,
 *	             flags u32 (0), version u32 (2), index_depth u32 (1 or 2), 40 zeros, crc u32,
 *	             magic "LSMTABLE"                                128 bytes
 *	handle     = offset u64, size u64                            size: of stored, without the trailer
 *
 *	data       is an lsm.Block (block_builder.c), about 3 KiB of it, more only for a single large entry
 *	filter     is a bloom filter over the table's user keys (filter.c)
 *	properties is an lsm.SSTable without entries
 *	index      is an lsm.Block with one entry per data block: value an lsm.BlockHandle, (key, sequence) at
 *	           or behind the last entry of the block and before the first entry of the next one
 *	           index_depth 2, for large tables: such an index is cut into partitions of about 16 KiB, each an
 *	           lsm.Block, and index has one entry per partition: its handle, the (key, sequence) of its last
 *	           entry. With index_depth 1 there are no partitions
 *
 * 1. A block's crc is CRC-32 over stored, type, codec, raw_size, and then (not stored) the block's offset u64
 *    and the table's id u64: a block that is sound in itself but in the wrong place is found out.
 * 2. The footer's crc covers all of it before the crc.
 * 3. Only data blocks are compressed. No block's raw_size is above BLOCK_RAW_MAX unless codec is CODEC_RAW,
 *    where it is the stored size.
 * 4. A reader refuses a version, index depth, flag, type or codec that it does not know.
 */
#ifndef TABLE_FORMAT_H
#define TABLE_FORMAT_H

#include "common/base/buf.h"
#include "common/base/ids.h"
#include "common/table/compress.h"

#define BLOCK_TRAILER_BYTES 10u
#define TABLE_FOOTER_BYTES 128u
/* Sanity bounds of this room; the house's limits are narrower. */
#define TABLE_KEY_MAX (64u << 10)
#define TABLE_VALUE_MAX (16u << 20)
#define BLOCK_RAW_MAX (TABLE_VALUE_MAX + TABLE_KEY_MAX + 4096u)

/* What open reads at once, and what it makes of it, stays below these; a writer's own limits are narrower. */
#define TABLE_TAIL_MAX (64u << 20)           /* filter, properties and index */
#define TABLE_INDEX_MEMORY_MAX (48u << 20)

/* An index that would take more memory than this is cut into partitions of that size. */
#define INDEX_FLAT_BYTES (4u << 20)
#define INDEX_PARTITION_BYTES (16u << 10)

enum block_type { BLOCK_DATA = 1, BLOCK_FILTER = 2, BLOCK_PROPERTIES = 3, BLOCK_INDEX = 4 };

struct block_handle { uint64_t offset, size; };

/* Where a block lies and what it must be: all that its crc covers besides the stored bytes. */
struct block_place { struct file_id table; uint64_t offset; enum block_type type; };

/* Appends the trailer to out, whose last stored_n bytes are the block as stored. */
void format_put_trailer(struct buf *out, size_t stored_n, struct block_place place, enum block_codec codec,
			uint32_t raw_n);

enum block_fault { BLOCK_SOUND, BLOCK_BAD_CRC, BLOCK_BAD_TRAILER };

/* Checks stored, which ends with its trailer. */
enum block_fault format_check_block(struct slice stored_and_trailer, struct block_place place,
				    enum block_codec *codecp, uint32_t *raw_np);

/* An lsm.BlockHandle message in at most HANDLE_MAX_BYTES; gives its length. */
#define HANDLE_MAX_BYTES 22
size_t format_put_handle(uint8_t *p, struct block_handle h);
bool format_get_handle(struct slice message, struct block_handle *hp);

/* Does the block end before `end` of the file, and is it no larger than a block may be? */
static inline bool format_handle_fits(struct block_handle h, uint64_t end)
{
	return h.size <= BLOCK_RAW_MAX && h.offset < end && end - h.offset >= h.size + BLOCK_TRAILER_BYTES;
}

struct table_footer {
	struct block_handle filter, properties, index;
	unsigned index_depth;
	struct file_id id;
	uint64_t database;
};

void format_put_footer(struct buf *out, const struct table_footer *f);

/* Takes a footer apart; NULL when it is sound and its handles fit a file of file_bytes, else what is
 * wrong. */
const char *format_get_footer(const uint8_t *p, uint64_t file_bytes, struct table_footer *fp);

#endif
