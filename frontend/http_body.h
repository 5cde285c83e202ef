/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies that are handed on piece by piece as they arrive, however long they are, in constant memory.
 *
 * A request for which http_plan_f said HTTP_PIECES is given to the handler when its head is complete:
 *
 *	                      started           piece, piece, ...
 *	handler has r --------------> READING <------------------> PAUSED
 *	      |                          |
 *	      | answered: the body is    |  end(PROBLEM_NONE): the body is complete
 *	      | not read                 `-> end(problem): it broke off; nothing more comes
 *
 * 1. Nothing is read from the client before the start nor in a pause: a slow handler makes a slow client.
 *    A client that expects 100 Continue gets it with the start.
 * 2. r may be answered at any time, also inside piece() and end(); then no more calls come. Answered before its
 *    body is complete, its connection ends afterwards.
 * 3. After end(problem) r is still to be answered, with this problem or a better one. r->conn is NULL when the
 *    client is gone.
 *
 * Event loop thread only. As after answers, http_flush() follows what is done outside the HTTP layer's own calls.
 */
#ifndef FRONTEND_HTTP_BODY_H
#define FRONTEND_HTTP_BODY_H

#include "frontend/http_conn.h"

struct http_body_ops {
	/* The next bytes, at least one; good until the function returns or r is answered. */
	void (*piece)(void *ctx, struct http_request *r, struct slice bytes);
	void (*end)(void *ctx, struct http_request *r, enum problem p);
};

/* Once for a request. The calls come later, but end() at once when the client is gone. */
void http_body_start(struct http_request *r, const struct http_body_ops *ops, void *ctx);

void http_body_pause(struct http_request *r);
void http_body_resume(struct http_request *r);

#endif
