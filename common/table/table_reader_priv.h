/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that read tables share: the reader's inside, how a block is got, going over the blocks in order. */
#ifndef TABLE_TABLE_READER_PRIV_H
#define TABLE_TABLE_READER_PRIV_H

#include <stdatomic.h>

#include "common/base/buf.h"
#include "common/table/block.h"
#include "common/table/filter.h"
#include "common/table/table_index.h"
#include "common/table/table_reader.h"

struct known_damages;

#define TABLE_READER_MAGIC 0x74726561u

struct table_reader {
	uint32_t magic;
	/* fixed after open */
	struct vfs_file *file;
	char *path;
	bool first_look;             /* table_open.c: what is damaged is not told yet */
	struct block_cache *cache;
	struct table_props props;
	struct buf keys;             /* min_key, max_key */
	struct table_index index;    /* of the data blocks or, in a large table, of the index's partitions */
	bool partitioned;
	struct filter filter;
	uint64_t data_end;           /* data blocks lie in [0, data_end) */
	/* any thread */
	atomic_bool codec_told;      /* that a block needs a codec this program has not */
	_Atomic(struct known_damages *) damaged;     /* blocks found damaged; NULL: none yet */
};

/* ---- table_damaged.c ---- */

/* The data block, or partition of the index, that begins at offset is damaged: remembered, logged the first time;
 * ST_CORRUPT, with its keys in cost. what: how it was found out now, NULL when it was known. */
enum st table__block_damaged(struct table_reader *r, uint64_t offset, const char *what, struct read_cost *cost) MUST_USE;
bool table__is_known_damaged(const struct table_reader *r, uint64_t offset);
void table__forget_damage(struct table_reader *r);

extern const char table__bad_crc[];          /* a `what` */

/* ---- table_reader.c ---- */

/* A data block, or a partition of the index, as a part of a table that is read by and by. */
struct block_ref { struct block_handle at; enum block_type type; };

static inline struct block_ref data_block(struct block_handle h) { return (struct block_ref){ h, BLOCK_DATA }; }

static inline struct block_handle slot_handle(const struct table_reader *r, size_t slot)
{
	return (struct block_handle){ r->index.slots[slot].offset, r->index.slots[slot].size };
}

static inline struct slice slot_key(const struct table_reader *r, size_t slot)
{
	const struct index_slot *s = &r->index.slots[slot];

	return slice_of(r->index.keys.p + s->key_at, s->key_n);
}

/* The block, checked and decompressed, from the cache or the file. */
enum st table__block(struct table_reader *r, struct block_ref b, bool nowait, struct read_cost *cost,
		     struct slice *bytesp, struct block_pin *pinp) MUST_USE;

/* A block as it is in the file, checked. */
struct stored_block {
	struct slice bytes;
	enum block_codec codec;
	uint32_t raw_n;              /* size when decompressed */
};

/* What is wrong with the block, whose bytes and trailer begin at stored; NULL: nothing, and *bp is good as long as these. */
const char *table__wrong(const struct table_reader *r, struct block_ref b, const uint8_t *stored, struct stored_block *bp);

/* Decompresses a checked block that is not CODEC_RAW into raw, which has room for raw_n bytes. NULL, or what is wrong. */
const char *table__inflate(const struct stored_block *b, uint8_t *raw);

/* Reads n bytes at offset; *wholep: all of them were there. */
enum st table__read(struct table_reader *r, void *p, size_t n, uint64_t offset, bool nowait, bool *wholep) MUST_USE;
/* May wait, and leaves the page cache as it was; adds to *reads. */
enum st table__read_past(struct table_reader *r, void *p, size_t n, uint64_t offset, struct table_reads *reads,
			 bool *wholep) MUST_USE;

/* ---- index_cursor.c: the table's data blocks one after the other, both ways ---- */

struct index_cursor {
	struct table_reader *reader;
	/* the data block it stands at */
	struct block_handle at;
	struct slice key;            /* its index key: every entry is at or before (key, seq); good until it moves */
	struct seq seq;
	bool valid;
	/* where that stands in the index */
	size_t slot;
	struct block_cursor entries; /* in a large table: of the slot-th partition */
	struct block_pin pin;
};

void index_cursor_init(struct index_cursor *c, struct table_reader *r);
void index_cursor_fini(struct index_cursor *c);

/* Each moves it; ST_OK and not valid: there is no such block. A partition that cannot be read is an error; from there
 * index_cursor_skip() goes on to the next one, index_cursor_skip_back() to the one before. */
enum st index_cursor_first(struct index_cursor *c, struct read_cost *cost) MUST_USE;
enum st index_cursor_slot(struct index_cursor *c, size_t slot, struct read_cost *cost) MUST_USE;    /* its first block */
enum st index_cursor_last(struct index_cursor *c, struct read_cost *cost) MUST_USE;
enum st index_cursor_seek(struct index_cursor *c, struct slice key, struct seq seq, struct read_cost *cost) MUST_USE;
enum st index_cursor_next(struct index_cursor *c, struct read_cost *cost) MUST_USE;
enum st index_cursor_prev(struct index_cursor *c, struct read_cost *cost) MUST_USE;
enum st index_cursor_skip(struct index_cursor *c, struct read_cost *cost) MUST_USE;
enum st index_cursor_skip_back(struct index_cursor *c, struct read_cost *cost) MUST_USE;

/* What the entry of an index at (key, seq) says: where the data block is. false: the index makes no sense. */
bool table__data_handle(const struct table_reader *r, const struct entry *e, struct block_handle *hp);

#endif
