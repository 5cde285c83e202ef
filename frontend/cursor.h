/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cursors: where a scan that was answered in part goes on, as opaque text for the client.
 *
 * 1. A cursor names the snapshot it belongs to (lease, moment it was taken, sequence) and holds all that is still to
 *    be read of it, so that the client needs to repeat nothing.
 * 2. It has a checksum: what a client has changed, cut or mixed up is refused, not guessed at. It is no secret and no
 *    permission: whoever may read the range may make one.
 *
 * Pure.
 */
#ifndef FRONTEND_CURSOR_H
#define FRONTEND_CURSOR_H

#include "common/base/buf.h"
#include "common/base/ids.h"
#include "frontend/key_range.h"

struct cursor {
	uint64_t lease, taken_us;
	struct seq seq;
	bool reverse, keys_only;
	uint64_t asked;                  /* which range was asked for at first: cursor_asked() */
	struct key_range rest;           /* what is still to be read */
};

/* Something that another range hardly has. */
uint64_t cursor_asked(const struct key_range *range);

void cursor_write(struct buf *out, const struct cursor *c);

/* false: that is none. bytes holds what the range points into. */
bool cursor_read(struct slice text, struct buf *bytes, struct cursor *c);

#endif
