/* SPDX-License-Identifier: Apache-2.0 */
/* What table_reader.c and table_iter.c share: the reader's inside and how a data block is got. */
#ifndef TABLE_TABLE_READER_PRIV_H
#define TABLE_TABLE_READER_PRIV_H

#include <stdatomic.h>

#include "common/base/buf.h"
#include "common/table/filter.h"
#include "common/table/table_index.h"
#include "common/table/table_reader.h"

struct known_damage;

#define TABLE_READER_MAGIC 0x74726561u

struct table_reader {
	uint32_t magic;
	/* fixed after open */
	struct vfs_file *file;
	char *path;
	bool first_look;             /* at the file's end: what is damaged is not told yet */
	struct block_cache *cache;
	struct table_props props;
	struct buf keys;             /* min_key, max_key */
	struct table_index index;
	struct filter filter;
	uint64_t data_end;           /* data blocks lie in [0, data_end) */
	/* any thread */
	atomic_bool codec_told;      /* that a block needs a codec this program has not */
	_Atomic(struct known_damage *) damaged;      /* data blocks found damaged, newest first; never shorter */
};

/* ---- table_damaged.c ---- */

/* The data block is damaged: remembered, logged the first time; ST_CORRUPT, with its keys in cost. what: how it was found
 * out now, NULL when it was known. */
enum st table__block_damaged(struct table_reader *r, size_t slot, const char *what, struct read_cost *cost) MUST_USE;
bool table__is_known_damaged(const struct table_reader *r, size_t slot);
void table__forget_damage(struct table_reader *r);

extern const char table__bad_crc[];          /* a `what` */

/* ---- table_reader.c ---- */

/* The slot-th data block, checked and decompressed, from the cache or the file. */
enum st table__block(struct table_reader *r, size_t slot, bool nowait, struct read_cost *cost,
		     struct slice *bytesp, struct block_pin *pinp) MUST_USE;

/* A data block as it is in the file, checked. */
struct stored_block {
	struct slice bytes;
	enum block_codec codec;
	uint32_t raw_n;              /* size when decompressed */
};

/* What is wrong with the slot-th block, whose bytes and trailer begin at stored; NULL: nothing, and *bp is good as long as
 * these. */
const char *table__wrong(const struct table_reader *r, size_t slot, const uint8_t *stored, struct stored_block *bp);

/* Decompresses a checked block that is not CODEC_RAW into raw, which has room for raw_n bytes. NULL, or what is wrong. */
const char *table__inflate(const struct stored_block *b, uint8_t *raw);

/* Reads n bytes at offset; *wholep: all of them were there. */
enum st table__read(struct table_reader *r, void *p, size_t n, uint64_t offset, bool nowait, bool *wholep) MUST_USE;

#endif
