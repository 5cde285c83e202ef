/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table's index in memory: which block may hold an entry, a data block or, with index_depth 2, a partition of
 * the index. Taken apart once, at open, so that a lookup is a binary search over a dense array of numbers. Immutable once loaded; any thread.
 */
#ifndef TABLE_TABLE_INDEX_H
#define TABLE_TABLE_INDEX_H

#include "common/table/entry.h"
#include "common/table/format.h"

/* Of one block; every entry of it is at or before (key, seq). */
struct index_slot {
	struct seq seq;
	uint64_t offset;             /* of the block */
	uint32_t size;               /* stored, without the trailer */
	uint32_t key_n;
	size_t key_at;               /* into keys */
};

struct table_index {
	size_t count;
	struct index_slot *slots;
	uint64_t *heads;             /* of each key: the 8 bytes behind the common prefix, big-endian */
	struct buf keys;
	size_t common;               /* bytes that all keys have in common */
};

/* Decodes the index block; the handles must cover [begin, end) of the file without a gap; TABLE_INDEX_ANYWHERE: from
 * where the first block lies. false: damaged, or larger than TABLE_INDEX_MEMORY_MAX. */
#define TABLE_INDEX_ANYWHERE UINT64_MAX
bool table_index_load(struct table_index *x, struct slice block, uint64_t begin, uint64_t end);
void table_index_fini(struct table_index *x);

/* The one block that holds the first entry at or behind (key, seq); when that entry is in the next block,
 * its key is another one. count: there is no such entry. */
size_t table_index_find(const struct table_index *x, struct slice key, struct seq seq);
size_t table_index_memory(const struct table_index *x);

#endif
