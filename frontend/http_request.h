/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request, from its first byte to its answer. It comes from a pool and goes back there, keeping some
 * memory, so that a steady stream of requests allocates nothing.
 *
 * 1. The connection owns it; the handler has it from http_handle_f until it answers, which ends it.
 * 2. When the client goes away meanwhile, conn becomes NULL and the handler still answers, to nobody.
 * 3. Event loop thread only.
 */
#ifndef FRONTEND_HTTP_REQUEST_H
#define FRONTEND_HTTP_REQUEST_H

#include "common/base/arena.h"
#include "common/base/buf.h"

struct http_conn;
struct http_shared;

enum http_method { HTTP_M_GET, HTTP_M_HEAD, HTTP_M_POST, HTTP_M_DELETE, HTTP_M_OTHER };

struct http_request {
	uint32_t magic;

	/* what was asked; fixed when the handler sees it */
	enum http_method method;
	bool http10, keep_alive;
	struct slice path, query;        /* as sent, still percent-encoded; in the arena */
	struct buf body;
	struct arena arena;              /* for the handler too */
	uint64_t arrived_us;             /* the last byte was read */

	/* the connection's */
	struct http_shared *shared;
	struct http_conn *conn;
	struct http_request *next;       /* answered after this one */
	struct buf out;                  /* the answer, while earlier ones are missing */
	bool answered, changes, slow;
	uint64_t counted_bytes;          /* of the body, in the server's budget */

	/* the handler's */
	struct http_request *link;       /* in a list of the handler's choice */
	unsigned op;                     /* enum operation */
	uint64_t count;
	struct slice key;
};

struct http_pool {
	struct http_request *free;
	size_t free_count, used_count;
};

struct http_request *http_request_new(struct http_pool *pool);
void http_request_free(struct http_pool *pool, struct http_request **rp);
void http_pool_fini(struct http_pool *pool);

#endif
