/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds a table from entries given in order; see table_writer.c for the format. Used by flush and
 * compaction.
 *
 * 1. Sticky error: add() after a failure does nothing; finish() tells.
 * 2. finish() has written everything and synced the file (not its directory): invariant 3's first half.
 * 3. abandon(), or a failed finish(), removes the file.
 */
#ifndef TABLE_TABLE_WRITER_H
#define TABLE_TABLE_WRITER_H

#include "common/table/entry.h"
#include "common/vfs/vfs.h"

struct table_writer;

struct table_options {
	unsigned codec;              /* BLOCK_COMPRESSION_* */
	unsigned level;
	size_t block_bytes;          /* decompressed size aimed at; 0 = 3072 */
	unsigned restart_interval;   /* 0 = 16 */
	unsigned filter_bits_per_key;/* 0 = 10 */
	size_t index_flat_bytes;     /* an index of more is cut into partitions; 0 = 4 MiB */
	size_t index_partition_bytes;/* 0 = 16 KiB */
	uint64_t database;
	uint64_t expected_entries;   /* a hint; 0 = unknown */
};

struct table_summary {
	uint64_t size_bytes, entry_count, tombstone_count, uncompressed_bytes;
	uint64_t expiring_count;     /* entries with an expiry, tombstones not among them */
	int64_t min_expires_ms, max_expires_ms;      /* of those; 0 when there are none */
	uint32_t file_crc;           /* CRC-32 of the whole file */
	struct slice min_key, max_key;   /* good until the writer is freed */
	struct seq min_seq, max_seq;
};

enum st table_writer_begin(struct vfs *v, const char *path, struct file_id id, const struct table_options *o,
			   struct table_writer **wp) MUST_USE;
void table_writer_add(struct table_writer *w, const struct entry *e);
uint64_t table_writer_size(const struct table_writer *w);      /* bytes the file would have by now, about */
uint64_t table_writer_entries(const struct table_writer *w);
void table_writer_forget(struct table_writer *w);  /* once finished and synced, the file is not kept in the page cache */
enum st table_writer_finish(struct table_writer *w, struct table_summary *sp) MUST_USE;
void table_writer_free(struct table_writer **wp);              /* abandons when not finished */

#endif
