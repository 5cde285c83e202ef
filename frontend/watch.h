/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watchers: GET /v1/watch, changes as they become visible, as Server-Sent Events (sse.h), from a version on or from now on.
 *
 *   request --> waits for its seat in the feed --> stream --events, comments--> ...   until the client goes, a drain, or
 *                  `--> problem: gone, not ready                                       `event: gone`
 *
 * 1. A client that comes back with the last id that it has seen misses nothing and gets nothing twice, whichever frontend
 *    it meets, as long as the log reaches back so far.
 * 2. Without an engine a watcher stays and gets comments; events go on when there is one again.
 * 3. A client that does not read costs what the stream and its seat hold, no more.
 * 4. Whose token was taken away, or may no longer read what is watched, has its stream ended at the reload: coming back it
 *    is refused.
 *
 * Event loop thread only.
 */
#ifndef FRONTEND_WATCH_H
#define FRONTEND_WATCH_H

#include "frontend/access.h"
#include "frontend/attach.h"
#include "frontend/http_conn.h"

struct watch;

struct watch_setup {
	struct loop *loop;               /* on loan, as the others */
	struct attach *attach;
	const char *data_dir;
	uint64_t max_watchers;
	void (*flush)(void *ctx);        /* at the end of a turn that wrote */
	void *ctx;
};

enum st watch_new(const struct watch_setup *setup, struct watch **wp) MUST_USE;

void watch_begin(struct watch *w, struct http_request *r);       /* takes over r */

/* Tokens were read anew: ends the watches of those that may not watch any more. */
void watch_tokens_changed(struct watch *w, const struct access *a);

#endif
