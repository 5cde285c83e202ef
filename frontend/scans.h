/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scans: a range of keys to a client, as a page with a cursor or as a stream of any length, at one snapshot.
 *
 *	            no view yet: tried again every 5 ms, at most 2 s
 *	             v  |
 *	asked ---> HELD ---> STEP <--> (stream is full)
 *	                      | ^
 *	                      v |  step by step on a working thread
 *	                   written ---> answered, or the stream's end
 *
 * 1. Everything that may wait for the disk runs on a working thread; the next step runs while the client takes what the
 *    last one brought, and no further ahead: constant memory, however long the range.
 * 2. Each step renews the lease. When it is over the scan ends with "gone"; a client that takes nothing holds a lease no
 *    longer than snapshots.h allows.
 * 3. What goes wrong before the first byte is a problem with its status. Later a stream ends with a last line
 *    {"error": problem} (none in protobuf) and without its last chunk.
 * 4. A client that goes away ends its scan with the step under way.
 * 5. At most SCANS_MAX are under way; further ones are refused at once.
 *
 * Event loop thread only, but for the steps.
 */
#ifndef FRONTEND_SCANS_H
#define FRONTEND_SCANS_H

#include "frontend/http_conn.h"
#include "frontend/pending.h"
#include "frontend/scan_step.h"
#include "frontend/snapshots.h"
#include "frontend/workers.h"

struct loop;
struct scans;

enum { SCANS_MAX = 32, SCANS_HOLD_US = 2000000, SCANS_RETRY_MS = 5 };

struct scans_setup {
	struct loop *loop;
	struct snapshots *snapshots;     /* on loan, as the others */
	struct workers *workers;
	struct pending *pending;         /* for telling the engine of damage */
	workers_flush_f *flush;          /* after answers outside scans_begin() */
	void *ctx;
};

void scans_new(const struct scans_setup *setup, struct scans **sp);
void scans_free(struct scans **sp);              /* nothing may be under way */

struct scan_ask {
	enum scan_form form;
	struct key_range range;          /* on loan for the call, as the cursor */
	bool reverse, keys_only;
	uint64_t limit;                  /* items of a page */
	const struct cursor *cursor;     /* NULL: from the beginning */
};

/* Answers r, now or later. */
void scans_begin(struct scans *s, struct http_request *r, const struct scan_ask *ask);

#endif
