/* SPDX-License-Identifier: Apache-2.0 */
/* Encodes entries, given in order, as one lsm.Block; see block_builder.c for the bytes. One thread. */
#ifndef TABLE_BLOCK_BUILDER_H
#define TABLE_BLOCK_BUILDER_H

#include "common/base/buf.h"
#include "common/table/entry.h"

struct block_builder {
	struct buf entries;          /* encoded so far */
	struct buf restarts;         /* offsets into entries, 4 bytes each */
	struct buf last_key;         /* of the entry added last */
	struct buf block;            /* what finish() returns */
	unsigned interval;           /* entries from one restart point to the next */
	unsigned since_restart;
};

void block_builder_init(struct block_builder *b, unsigned restart_interval);
void block_builder_fini(struct block_builder *b);
void block_builder_add(struct block_builder *b, const struct entry *e);

bool block_builder_empty(const struct block_builder *b);
size_t block_builder_size(const struct block_builder *b);       /* bytes finish() would return */

/* The block, good until the next finish(); the builder is empty again. */
struct slice block_builder_finish(struct block_builder *b);

#endif
