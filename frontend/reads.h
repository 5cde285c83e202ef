/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Point reads: key to HTTP answer, out of the attached view, without a message to anybody.
 *
 * 1. A read that needs the disk goes to a reading thread; all others are answered at once.
 * 2. When the newest view cannot be opened yet the read is held, at most READS_HOLD_US, rather than answered
 *    from an older one.
 *
 * Event loop thread only.
 */
#ifndef FRONTEND_READS_H
#define FRONTEND_READS_H

#include "frontend/attach.h"
#include "frontend/http_request.h"

struct loop;
struct pending;
struct reads;

enum { READS_HOLD_US = 2000000, READS_RETRY_MS = 5, READS_THREADS = 4 };

typedef void reads_flush_f(void *ctx);           /* after answers outside reads_get() */

/* pending: for telling the engine of damage; on loan, as the attachment is. */
void reads_new(struct loop *loop, struct attach *a, struct pending *pending, reads_flush_f *flush, void *ctx, struct reads **rp);
void reads_free(struct reads **rp);

/* Answers r with the value under r->key (decoded, in r's arena), now or later. */
void reads_get(struct reads *reads, struct http_request *r);

#endif
