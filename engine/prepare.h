/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that read what a write needs before it can be decided, so that the commit thread waits for no disk.
 *
 *   commit thread --prepare_submit--> keys thread or ranges thread --wake--> prepare_take_done --> commit thread
 *
 * A range delete may take seconds, so it has a thread of its own. What comes back is good as long as the memtable `active`
 * is not flushed: the commit thread still has to look into that one and newer ones.
 */
#ifndef ENGINE_PREPARE_H
#define ENGINE_PREPARE_H

#include "common/base/arena.h"
#include "engine/sight.h"
#include "proto/write.h"

/* A request that is read for; embedded in what the commit thread keeps of it. */
struct prepare_job {
	struct prepare_job *next;        /* in the lists here */
	struct slice batches;            /* checked, on loan until it is done */
	bool is_range;                   /* one range delete, or conditions and increments */

	/* what was found */
	bool done;
	enum st st;                      /* OK; TOO_BIG (range), CORRUPT, UNAVAILABLE */
	struct file_id active;
	struct known *known;             /* keys that were looked at */
	struct arena bytes;              /* their values */
	struct buf keys;                 /* of the range: varint length and bytes, in order */
	uint64_t key_count;
};

void prepare_job_init(struct prepare_job *j, struct slice batches, bool is_range);
void prepare_job_fini(struct prepare_job *j);

/* Reads for it, here and now, whatever was found before. stop: may be NULL. */
void prepare_run(struct sight *s, struct prepare_job *j, const atomic_bool *stop);

struct prepare;

/* wake(ctx): something is done; on a thread of its own. */
struct prepare *prepare_start(struct sight *s, void (*wake)(void *ctx), void *ctx);
void prepare_submit(struct prepare *p, struct prepare_job *j);
struct prepare_job *prepare_take_done(struct prepare *p);        /* a list by next, oldest first; NULL: none */

/* Waits for the threads; the list of all that was not taken yet, done or not. */
struct prepare_job *prepare_stop(struct prepare **pp);

#endif
