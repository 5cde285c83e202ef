/* SPDX-License-Identifier: Apache-2.0 */
/* What table_reader.c and table_iter.c share: the reader's inside and how a data block is got. */
#ifndef TABLE_TABLE_READER_PRIV_H
#define TABLE_TABLE_READER_PRIV_H

#include <stdatomic.h>

#include "common/base/buf.h"
#include "common/table/filter.h"
#include "common/table/table_index.h"
#include "common/table/table_reader.h"

#define TABLE_READER_MAGIC 0x74726561u

struct table_reader {
	uint32_t magic;
	/* fixed after open */
	struct vfs_file *file;
	char *path;
	struct block_cache *cache;
	struct table_props props;
	struct buf keys;             /* min_key, max_key */
	struct table_index index;
	struct filter filter;
	uint64_t data_end;           /* data blocks lie in [0, data_end) */
	/* any thread */
	atomic_uint complaints;
};

/* Damage at offset: ST_CORRUPT, logged (the first few times per open table), counted in cost. */
enum st table__damaged(struct table_reader *r, uint64_t offset, const char *what,
		       struct read_cost *cost) MUST_USE;

/* The slot-th data block, checked and decompressed, from the cache or the file. */
enum st table__block(struct table_reader *r, size_t slot, bool nowait, struct read_cost *cost,
		     struct slice *bytesp, struct block_pin *pinp) MUST_USE;

/* A data block as it is in the file, checked. */
struct stored_block {
	struct slice bytes;
	enum block_codec codec;
	uint32_t raw_n;              /* size when decompressed */
};

/* Checks the slot-th block, whose bytes and trailer begin at stored; *bp is good as long as these. */
enum st table__check(struct table_reader *r, size_t slot, const uint8_t *stored, struct read_cost *cost,
		     struct stored_block *bp) MUST_USE;

/* Decompresses a checked block of CODEC_ZLIB into raw, which has room for raw_n bytes. */
enum st table__inflate(struct table_reader *r, size_t slot, const struct stored_block *b, uint8_t *raw,
		       struct read_cost *cost) MUST_USE;

/* Reads n bytes at offset, all of them; the file cannot be shorter. */
enum st table__read(struct table_reader *r, void *p, size_t n, uint64_t offset, bool nowait,
		    struct read_cost *cost) MUST_USE;

#endif
