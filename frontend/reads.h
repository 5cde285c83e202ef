/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Point reads: key to entry, out of the attached view, without a message to anybody. Who asks says how it is answered.
 *
 * 1. A read that needs the disk goes to a reading thread; all others are answered at once.
 * 2. When the newest view cannot be opened yet the read is held, at most READS_HOLD_US, rather than answered
 *    from an older one.
 *
 * Event loop thread only.
 */
#ifndef FRONTEND_READS_H
#define FRONTEND_READS_H

#include "common/view/read_trace.h"
#include "frontend/attach.h"
#include "frontend/cold.h"
#include "frontend/http_request.h"

struct loop;
struct pending;
struct reads;

enum { READS_HOLD_US = 2000000, READS_RETRY_MS = 5, READS_THREADS = 4 };

typedef void reads_flush_f(void *ctx);           /* after answers outside reads_get() */

/* How a read came out. Times are in nanoseconds: until it was begun, on the event loop, with the reading threads. */
struct read_outcome {
	enum st st;                              /* ST_OK or ST_NOT_FOUND */
	const struct entry *entry;               /* ST_OK; key is r->key */
	const struct read_cost *cost;
	uint64_t wait_ns, memory_ns, disk_ns;
};

/* Answers r. scratch is empty, for whatever is to be written. All other outcomes are answered as problems. */
typedef void read_answer_f(struct http_request *r, const struct read_outcome *o, struct buf *scratch);

/* pending: for telling the engine of damage; on loan, as the attachment is. */
void reads_new(struct loop *loop, struct attach *a, struct pending *pending, reads_flush_f *flush, void *ctx, struct reads **rp);
void reads_free(struct reads **rp);

/* Answers r with what is under r->key (decoded, in r's arena), now or later. trace: NULL, or in r's arena. */
void reads_get(struct reads *reads, struct http_request *r, read_answer_f *answer, struct read_trace *trace);

/* {"key":...,"value":...,"timestamp":...}, or not_found. */
read_answer_f reads_answer_json;

#endif
