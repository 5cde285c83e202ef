/* SPDX-License-Identifier: Apache-2.0 */
/* The truth's insides, for truth.c, truth_memtables.c and truth_edits.c. */
#ifndef ENGINE_TRUTH_PRIV_H
#define ENGINE_TRUTH_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "engine/truth.h"

#define TRUTH_MAGIC 0x74727574u

struct truth {
	uint32_t magic;

	/* fixed after new */
	struct truth_config conf;
	uint64_t database, incarnation;

	/* guarded by edit_lock */
	pthread_mutex_t edit_lock;
	struct manifest *manifest;
	struct idpool ids;

	/* guarded by lock */
	pthread_mutex_t lock;
	pthread_cond_t moved;            /* the list of frozen memtables changed, or truth_wake() */
	struct version *version;
	struct frozen *frozen;           /* oldest first */
	size_t frozen_count, frozen_capacity;
	struct memtable *active;

	/* changed under lock, read by anybody */
	_Atomic unsigned level0;
	_Atomic uint64_t table_bytes, frozen_bytes, frozen_wal_bytes;
};

/* Puts what is now onto the board, as the next view. State lock held. */
void truth__publish(struct truth *t);

/* The version changed: its numbers for those who take no lock. State lock held. */
void truth__count_tables(struct truth *t);

/* ---- truth_memtables.c ---- */

/* Takes the oldest frozen memtable, which has this id, off the list; its reference is the caller's. State lock held. */
struct memtable *truth__drop_oldest(struct truth *t, struct file_id id);

#endif
