/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one table. Immutable after open, so any thread may read; blocks come from the cache when one is
 * given.
 *
 * 1. Every block is checked (CRC) when it comes from the file, never again from the cache.
 * 2. A block that does not check is read once more, past the page cache. Is it still damaged it answers ST_CORRUPT
 *    (logged once, naming file and offset) for the keys in it, nothing else: never an older value, never not-found
 *    (invariant 8). An open table does not look at it again.
 * 3. nowait: a read that would wait for the disk answers ST_BUSY and changes nothing.
 */
#ifndef TABLE_TABLE_READER_H
#define TABLE_TABLE_READER_H

#include "common/table/block_cache.h"
#include "common/table/damage.h"
#include "common/table/iter.h"
#include "common/vfs/vfs.h"

struct table_reader;

struct table_props {
	struct file_id id;
	uint64_t database, size_bytes, entry_count, tombstone_count, uncompressed_bytes;
	unsigned level;
	int64_t created_at_ms;
	struct slice min_key, max_key;      /* good as long as the reader */
	struct seq min_seq, max_seq;
	uint64_t expiring_count;            /* entries with an expiry, tombstones not among them */
	int64_t min_expires_ms, max_expires_ms;     /* of those; 0 when there are none */
};

/* Opens and checks footer, index, filter, properties; the file must say it is this id of this database (0
 * = any). cache may be NULL. ST_NOT_FOUND when there is no such file; ST_CORRUPT with file and offset
 * logged. */
enum st table_open(struct vfs *v, const char *path, struct file_id id, uint64_t database,
		   struct block_cache *cache, struct table_reader **rp) MUST_USE;
void table_close(struct table_reader **rp);
const struct table_props *table_props(const struct table_reader *r);
size_t table_memory(const struct table_reader *r);          /* bytes held: index, filter */
size_t table_filter_memory(const struct table_reader *r);   /* of these: the filter */

/* What point reads cost, added to by each call; whoever owns the scoreboard carries it there. */
struct read_trace;
struct read_cost {
	uint32_t tables, filter_checks, filter_useful, blocks_cached, blocks_read;
	uint32_t corrupt_blocks, crc_failures;      /* damage met; crc_failures of it found by a checksum now */
	struct table_damage damage;                 /* on ST_CORRUPT of a block, keys good as long as the reader; on
	                                             * ST_IO what could not be read, without keys */
	struct read_trace *trace;                   /* NULL: nobody asks; view/read_trace.h */
};

/* The newest version of key with sequence <= seq. ep->value is good until pin is released, ep->key is the
 * caller's key. ST_NOT_FOUND when the table has none. */
enum st table_get(struct table_reader *r, struct slice key, struct seq seq, bool nowait,
		  struct read_cost *cost, struct entry *ep, struct block_pin *pin) MUST_USE;

/* What a pass read of tables, and how much of that was in the page cache already. */
struct table_reads { uint64_t bytes, resident; };

/* All entries. readahead: for compaction; reads large pieces past the cache and leaves the page cache as it was: a piece
 * that had to come from the disk is dropped, one that was there stays. A pass is that, and adds to *reads as it reads. */
struct iter *table_iter_new(struct table_reader *r, bool readahead);
struct iter *table_pass_new(struct table_reader *r, struct table_reads *reads);

/* The blocks on record that are this table's are passed over, as if they held nothing: for whoever keeps to that record
 * (damage.h). It is on loan. */
void table_iter_pass_over(struct iter *it, const struct damage_index *record);

/* What it met, when its status is ST_CORRUPT; keys good as long as the reader. */
const struct table_damage *table_iter_damage(const struct iter *it);

/* Looks at the data block that begins at offset, or at every one (DAMAGE_WHOLE), from the file and down to each entry; tells
 * of those that are damaged, a block that the disk refuses twice among them. ST_NOT_FOUND: no block begins there. */
typedef void table_scrub_f(void *ctx, const struct table_damage *d);
enum st table_scrub(struct table_reader *r, uint64_t offset, table_scrub_f *found, void *ctx) MUST_USE;

bool table_is_bad_crc(const char *what);     /* did a checksum find it? */

/* Reads the whole file and compares its CRC-32; leaves the page cache as it was. */
enum st table_verify_file(struct table_reader *r, uint32_t file_crc) MUST_USE;

#endif
