/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request, from its first byte to its answer. It comes from a pool and goes back there, keeping some
 * memory, so that a steady stream of requests allocates nothing.
 *
 * 1. The connection owns it; the handler has it from http_handle_f until it answers, which ends it; when it
 *    answers by a stream, until that ends.
 * 2. When the client goes away meanwhile, conn becomes NULL and the handler still answers, to nobody.
 * 3. Event loop thread only.
 */
#ifndef FRONTEND_HTTP_REQUEST_H
#define FRONTEND_HTTP_REQUEST_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "frontend/http_fields.h"
#include "frontend/problem.h"

struct http_body_ops;
struct http_conn;
struct http_shared;
struct http_stream;
struct read_outcome;
struct read_trace;
struct reads;
struct reads_many;
struct write_result;

enum http_method {
	HTTP_M_GET, HTTP_M_HEAD, HTTP_M_POST, HTTP_M_PUT, HTTP_M_DELETE, HTTP_M_OPTIONS, HTTP_M_OTHER
};

/* A field that was sent (http_fields.def says which are kept); in the request's arena. */
struct http_field {
	struct http_field *next;
	enum http_field_id id;
	struct slice value;              /* without spaces at its ends */
};

struct http_request {
	uint32_t magic;

	/* what was asked; fixed when the handler sees it */
	enum http_method method;
	bool http10, keep_alive;
	struct slice path, query;        /* as sent, still percent-encoded; in the arena */
	struct http_field *fields;       /* read by http_request_field() */
	struct buf body;
	struct arena arena;              /* for the handler too */
	uint64_t began_us, arrived_us;   /* the first and the last byte were read */

	/* the connection's */
	struct http_shared *shared;
	struct http_conn *conn;
	struct http_request *next;       /* answered after this one */
	struct buf out;                  /* the answer, while earlier ones are missing */
	struct http_stream *stream;      /* it is answered by one */
	const struct http_body_ops *body_ops;    /* who takes the pieces of its body */
	void *body_ctx;
	struct gunzip *gunzip;           /* what decodes these, when they are coded */
	size_t body_at;                  /* of body, decoded already */
	unsigned takes;                  /* codings of the answer, by http_request_takes(); 0: not read yet */
	bool answered, changes, slow, pieces, body_paused, body_full;
	bool final;                      /* its answer ends the connection: nothing behind it is sent */
	uint64_t counted_bytes;          /* of the body, in the server's budget */

	bool decides;                    /* nothing behind it is begun before it is answered */
	/* access control's, and the logs' */
	struct slice prefix;             /* that all its keys must have; empty: none */
	unsigned token_line;             /* of the token that it came with; 0: without */
	bool routed;                     /* its path is one of ours */
	size_t argument_bytes;           /* of the path */
	uint64_t taken_us;               /* a handler took it */

	/* the handler's */
	struct http_request *link;       /* in a list of the handler's choice */
	unsigned op;                     /* enum operation */
	uint64_t count;
	struct slice key;
	void (*answer_read)(struct http_request *r, const struct read_outcome *o, struct buf *scratch);
	struct read_trace *trace;
	void (*written)(void *ctx, struct http_request *r, const struct write_result *result, enum problem p);
	void *written_ctx;               /* for whom its writes are answered; written NULL: for front */
	struct reads_many *many;
	void (*look_again)(struct reads *reads, struct http_request *r);
	void (*no_view)(struct reads *reads, struct http_request *r);
	bool waits;                      /* it was refused because it has to wait */
};

struct http_pool {
	struct http_request *free;
	size_t free_count, used_count;
};

struct http_request *http_request_new(struct http_pool *pool);
void http_request_free(struct http_pool *pool, struct http_request **rp);
void http_pool_fini(struct http_pool *pool);

/* The value of a field, good until r is answered; p is NULL when it was not sent, n is 0 when it is empty. */
struct slice http_request_field(const struct http_request *r, enum http_field_id id);
static inline bool http_request_has(const struct http_request *r, enum http_field_id id)
{
	return r->fields && http_request_field(r, id).p;
}

/* Which codings its client takes: bits of http_coding.h, not 0. */
unsigned http_request_takes(struct http_request *r);

/* Keeps a line of a field; false when it may not be repeated. */
bool http_request_add_field(struct http_request *r, enum http_field_id id, struct slice value);

#endif
