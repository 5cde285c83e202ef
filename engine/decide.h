/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deciding what a request asks at its commit: conditions, increments. Pure; what keys are is asked of the caller.
 *
 *   batches that ask + what their keys are now  ->  batches of plain puts and deletes, and one result a batch
 *
 * 1. A batch is applied whole or not at all; a batch that fails changes nothing for the others.
 * 2. All conditions of a batch are held against the state before it; that is what the group has written so far (earlier
 *    batches of the request too), and below it what look() says.
 * 3. An entry that has expired at now_ms is absent. An increment keeps the expiry of the value it finds.
 * 4. What cannot be known (damage) fails the batch with that status: it never counts as absent.
 */
#ifndef ENGINE_DECIDE_H
#define ENGINE_DECIDE_H

#include "common/base/arena.h"
#include "engine/known.h"
#include "proto/write.h"

/* What the key is, apart from what the group has written. */
typedef struct present decide_look_f(void *ctx, struct slice key);

struct decide {
	int64_t now_ms;
	struct seq first;                /* of the first entry that is written */
	struct known *written;           /* by the group so far; what is decided is added, its bytes on loan */
	struct arena *texts;             /* values of increments: as long as `written` */
	decide_look_f *look;
	void *ctx;
};

/* What a request came to. */
struct decided {
	struct buf batches;              /* encoded as in a write_request, plain */
	struct buf results;
	uint32_t entries;
};

void decided_fini(struct decided *d);

/* ST_BUSY: look() did not know a key that is needed (ST_BUSY); nothing was decided. Range deletes are none of its (must). */
enum st decide_request(const struct decide *d, struct slice batches, struct decided *out) MUST_USE;

/* A range delete may come to so many bytes of deletes: with the frames of its batches it fits into one record of the log. */
#define DECIDE_RANGE_BYTES (WRITE_BATCH_MAX - (64u << 10))

/* What the deletion of a key takes in an encoded batch. */
size_t decide_delete_bytes(struct slice key);

/* The number that a value is as decimal text, without leading zeros or signs that say nothing; false: it is none. */
bool decide_number(struct slice text, int64_t *np);

#endif
