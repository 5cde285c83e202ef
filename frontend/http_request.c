/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of requests. Event loop thread only. */
#include "frontend/http_request.h"

#include "common/base/mem.h"
#include "common/base/must.h"

#define HTTP_REQUEST_MAGIC 0x52715101u

enum { POOL_MAX = 1024, KEEP_BYTES = 8192 };

/* Empties a buffer, and gives its memory back when it grew large. */
static void settle(struct buf *b)
{
	if (b->capacity > KEEP_BYTES)
		buf_fini(b);
	else
		buf_reset(b);
}

struct http_request *http_request_new(struct http_pool *pool)
{
	struct http_request *r = pool->free;

	pool->used_count++;
	if (r) {
		pool->free = r->next;
		pool->free_count--;
		r->next = NULL;
		return r;
	}
	r = mem_zalloc(sizeof *r);
	obj_init(r, HTTP_REQUEST_MAGIC);
	arena_init(&r->arena);
	return r;
}

static void destroy(struct http_request *r)
{
	buf_fini(&r->body);
	buf_fini(&r->out);
	arena_fini(&r->arena);
	obj_fini(r);
	mem_free(r);
}

void http_request_free(struct http_pool *pool, struct http_request **rp)
{
	struct http_request *r = *rp;

	*rp = NULL;
	obj_check(r, HTTP_REQUEST_MAGIC);
	pool->used_count--;
	if (pool->free_count == POOL_MAX || r->arena.total_bytes > KEEP_BYTES) {
		destroy(r);
		return;
	}
	settle(&r->body);
	settle(&r->out);
	arena_reset(&r->arena);
	*r = (struct http_request){
		.magic = HTTP_REQUEST_MAGIC, .body = r->body, .out = r->out, .arena = r->arena
	};
	r->next = pool->free;
	pool->free = r;
	pool->free_count++;
}

void http_pool_fini(struct http_pool *pool)
{
	struct http_request *r;

	while ((r = pool->free) != NULL) {
		pool->free = r->next;
		destroy(r);
	}
	pool->free_count = 0;
}
