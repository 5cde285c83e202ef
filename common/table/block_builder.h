/* SPDX-License-Identifier: Apache-2.0 */
/* Encodes entries, given in order, as one lsm.Block; see block_builder.c for the bytes. One thread. */
#ifndef TABLE_BLOCK_BUILDER_H
#define TABLE_BLOCK_BUILDER_H

#include "common/base/buf.h"
#include "common/table/entry.h"

#define BLOCK_TAGGED_INTERVAL_MAX 255u

/* What the hash index keeps of a key's hash64(). */
static inline uint8_t block_tag(uint64_t key_hash) { return (uint8_t)(key_hash >> 32); }

struct block_builder {
	struct buf entries;          /* encoded so far */
	struct buf restarts;         /* offsets into entries, 4 bytes each */
	struct buf tags;             /* of each entry, when tagged */
	struct buf last_key;         /* of the entry added last */
	struct buf block;            /* what finish() returns */
	unsigned interval;           /* entries from one restart point to the next */
	unsigned since_restart;
	bool tagged;
};

void block_builder_init(struct block_builder *b, unsigned restart_interval, bool tagged);
void block_builder_fini(struct block_builder *b);
/* key_hash: hash64(e->key), wanted by a tagged builder only. */
void block_builder_add(struct block_builder *b, const struct entry *e, uint64_t key_hash);

bool block_builder_empty(const struct block_builder *b);
size_t block_builder_size(const struct block_builder *b);       /* bytes finish() would return */

/* The block, good until the next finish(); the builder is empty again. */
struct slice block_builder_finish(struct block_builder *b);

#endif
