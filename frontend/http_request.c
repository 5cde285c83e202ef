/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of requests, and the fields of one. Event loop thread only. */
#include "frontend/http_request.h"

#include "common/base/mem.h"
#include "common/base/must.h"
#include "frontend/http_coding.h"

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

static struct http_field *field_of(const struct http_request *r, enum http_field_id id)
{
	struct http_field *f = r->fields;

	while (f && f->id != id)
		f = f->next;
	return f;
}

struct slice http_request_field(const struct http_request *r, enum http_field_id id)
{
	const struct http_field *f = field_of(r, id);

	return f ? f->value : slice_of(NULL, 0);
}

unsigned http_request_takes(struct http_request *r)
{
	const struct http_field *f = field_of(r, HTTP_FIELD_ACCEPT_ENCODING);

	if (!r->takes)
		r->takes = f ? http_coding_accepted(f->value) : HTTP_TAKES_IDENTITY;
	return r->takes;
}

/* "a" and "b" become "a, b". */
static struct slice join(struct arena *arena, struct slice a, struct slice b)
{
	uint8_t *p = arena_alloc(arena, a.n + 2 + b.n);

	memcpy(p, a.p, a.n);
	memcpy(p + a.n, ", ", 2);
	memcpy(p + a.n + 2, b.p, b.n);
	return slice_of(p, a.n + 2 + b.n);
}

bool http_request_add_field(struct http_request *r, enum http_field_id id, struct slice value)
{
	struct http_field *f = field_of(r, id);

	if (f && http_field_kind(id) != HTTP_KIND_LIST)
		return false;
	if (f) {
		f->value = join(&r->arena, f->value, value);
		return true;
	}
	f = arena_alloc(&r->arena, sizeof *f);
	f->next = r->fields;
	f->id = id;
	f->value = arena_dup(&r->arena, value);
	r->fields = f;
	return true;
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
