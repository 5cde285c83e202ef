/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads an lsm.Block in place: a point lookup, and a cursor over all entries. The bytes need not be trusted:
 * every length, offset and shared prefix is checked against the block, and what does not fit is
 * BLOCK_DAMAGED.
 */
#ifndef TABLE_BLOCK_H
#define TABLE_BLOCK_H

#include "common/base/buf.h"
#include "common/table/entry.h"

enum block_step { BLOCK_AT, BLOCK_END, BLOCK_DAMAGED };

/* A block taken apart; good as long as its bytes. */
struct block {
	const uint8_t *begin, *entries, *end;
	const uint8_t *restarts;
	size_t restart_count;
	const uint8_t *tags;         /* one an entry; tag_count 0: the block has no hash index */
	size_t tag_count, tag_interval;
};

bool block_parse(struct slice bytes, struct block *bp);      /* false: damaged */

/* BLOCK_AT: the newest version of key with sequence <= seq, its value on loan from the block, its key the
 * caller's. BLOCK_END: there is none in this block. */
enum block_step block_find(const struct block *b, struct slice key, uint64_t key_hash, struct seq seq,
			   struct entry *ep);

/* BLOCK_AT: the first entry at or behind (key, seq), on loan from the block; its key is not put together. */
enum block_step block_seek(const struct block *b, struct slice key, struct seq seq, struct entry *ep);

/* An entry that the cursor passed on its way to a later one: going back need not decode it again. */
struct block_past { const uint8_t *at; struct entry entry; size_t key_at; };

/* entry is good until the cursor moves; after BLOCK_END or BLOCK_DAMAGED only first(), last(), seek() and
 * seek_last() may follow. */
struct block_cursor {
	struct block block;
	const uint8_t *at, *next;    /* where the current entry begins and ends */
	struct buf key;
	struct entry entry;
	/* going back: the entries in front of the current one, up to a restart point; keys in past_keys */
	struct block_past *past;
	size_t past_n, past_room;
	struct buf past_keys;
};

void block_cursor_init(struct block_cursor *c);
void block_cursor_fini(struct block_cursor *c);
bool block_cursor_open(struct block_cursor *c, struct slice bytes);  /* false: damaged; bytes are on loan */
enum block_step block_cursor_first(struct block_cursor *c);
enum block_step block_cursor_next(struct block_cursor *c);
/* To the first entry at or behind (key, seq). */
enum block_step block_cursor_seek(struct block_cursor *c, struct slice key, struct seq seq);
enum block_step block_cursor_last(struct block_cursor *c);
enum block_step block_cursor_prev(struct block_cursor *c);
/* To the last entry at or before (key, seq). */
enum block_step block_cursor_seek_last(struct block_cursor *c, struct slice key, struct seq seq);

#endif
