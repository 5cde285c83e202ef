/* SPDX-License-Identifier: Apache-2.0 */
/* A memtable's file as laid out (drawn in memtable.c), and what a process holds of one; for memtable*.c. */
#ifndef VIEW_MEMTABLE_PRIV_H
#define VIEW_MEMTABLE_PRIV_H

#include <stdatomic.h>

#include "common/base/rand.h"
#include "common/view/memtable.h"

#define MEMTABLE_MAGIC 0x3e37ab1eu
#define MT_HEIGHT 18
#define MT_PAGE 4096u
#define MT_UNIT 8u

typedef _Atomic uint32_t mt_link;

struct mt_header {
	/* fixed after creation */
	uint64_t magic;
	uint32_t version, reserved;
	uint64_t id, capacity_bytes;
	/* written by the writer after each insert */
	_Alignas(64) _Atomic uint64_t used_bytes;
	_Atomic uint64_t entries;
	/* the tower in front of all nodes */
	_Alignas(64) mt_link next[MT_HEIGHT];
};
_Static_assert(sizeof(struct mt_header) <= MT_PAGE, "the header is one page");

struct mt_node {
	uint64_t prefix, meta;
	uint32_t key_n, value_n;
	mt_link next[];          /* height of them, then the key, the value, the times */
};
_Static_assert(sizeof(struct mt_node) == 24, "the node's layout is a format");

#define MT_TIMES (2 * sizeof(int64_t))
#define MT_TALLEST (sizeof(struct mt_node) + MT_HEIGHT * sizeof(mt_link))

struct memtable {
	uint32_t magic;
	/* fixed after opening */
	struct file_id id;
	struct mt_header *header;
	uint8_t *arena;
	uint64_t map_bytes, capacity_bytes;
	uint64_t last_bytes;            /* the last offset in the arena where a node may begin */
	int fd;
	bool writable;                  /* not mapped from another process */
	atomic_bool *damaged;           /* points below: also found out by those who only read */
	/* any thread */
	_Atomic uint32_t refs;
	atomic_bool is_damaged;
	/* writer only */
	struct rnd rnd;
	uint64_t populated_bytes;
	mt_link *finger[MT_HEIGHT];     /* towers in front of the last insert, by level; with last */
	struct mt_node *last;           /* the node inserted last */
};

#endif
