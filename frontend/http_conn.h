/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections: bytes in, requests to the handler, answers out in the order of the requests.
 *
 * 1. All requests that are there are handed over in one turn and their answers written at once.
 * 2. Answers leave in the order of their requests, whenever they are given.
 * 3. A request that only reads is not begun while an earlier one on its connection still changes something
 *    (RFC 9112 9.3.2): the handler says so by refusing it, and gets it again.
 * 4. A client that does not read is not read from: beyond OUT_MAX bytes of unsent answers nothing more is
 *    taken in. Answers that come later cannot be known by their size, so only SLOW_MAX of these are awaited.
 *    The unsent bytes of all connections together are bounded, too: beyond max_unsent who has some of them is
 *    not read from, beyond twice as much nobody is, and whoever takes none is cut off early.
 * 5. After a problem that makes the next request's beginning uncertain the connection ends, but not before
 *    the client could read the answer.
 * 6. Behind a request that is answered by a stream (http_stream.h), and behind one whose body is handed on in
 *    pieces (http_body.h), nothing is read before the stream, or the body, has ended.
 *
 * Event loop thread only. No locks.
 */
#ifndef FRONTEND_HTTP_CONN_H
#define FRONTEND_HTTP_CONN_H

#include "frontend/cors.h"
#include "frontend/http_request.h"
#include "frontend/problem.h"

struct event;
struct event_base;
struct http_conn;
struct http_tls_context;

/* Takes a request. false: not before the earlier ones on its connection are answered; it is offered again. */
typedef bool http_handle_f(void *ctx, struct http_request *r);

/* How the body of a request comes to its handler. */
enum http_plan {
	HTTP_WHOLE,                      /* with the request, in r->body */
	HTTP_PIECES                      /* as it arrives, of any length: http_body.h */
};

/* Looks at a request whose head was read (method, path, query, fields). NULL: all HTTP_WHOLE. */
typedef enum http_plan http_plan_f(void *ctx, const struct http_request *r);

/* What became of a request; told once for each, as soon as it is answered. */
struct http_done {
	unsigned status;
	uint64_t bytes;                  /* of the body, before it was compressed */
	bool stream;                     /* answered bit by bit, maybe for long */
};
typedef void http_done_f(void *ctx, const struct http_request *r, const struct http_done *d);

struct http_limits {
	uint64_t max_body;               /* bytes of one body that comes whole */
	uint64_t max_bodies;             /* bytes of all bodies together */
	uint64_t max_unsent;             /* bytes of answers that all clients together have not taken */
	unsigned head_s, idle_s, write_s;        /* time-outs, seconds: a head, between requests, no byte taken */
	unsigned hurry_s;                        /* in place of write_s while max_unsent is exceeded */
	unsigned body_s, body_rate;      /* a body brings on average body_rate bytes per second over body_s seconds */
};

extern const struct http_limits http_limits_default;

enum { HTTP_SPARE_BUFFERS = 16 };

/* What the connections of one event loop share. */
struct http_shared {
	struct event_base *base;
	struct http_limits limits;
	http_handle_f *handle;
	http_plan_f *plan;
	void *ctx;
	void (*on_close)(struct http_shared *s);
	struct http_tls_context *tls;    /* NULL: connections begin without TLS */
	struct buf wire;                 /* with TLS: what the turn that goes on has to send; else empty */
	http_done_f *done;               /* NULL: nobody is told */
	void *done_ctx;

	struct http_pool pool;
	struct http_conn *conns, *dirty;
	struct http_conn *later;         /* their streams are written on in the loop's next turn */
	struct event *again;
	size_t count;
	uint64_t unsent_bytes;           /* of all connections, as counted at their last turn or tick */
	uint64_t body_bytes;             /* of all requests that are arriving or being handled */
	uint64_t now_us;                 /* when this turn's bytes were read */
	uint64_t second;                 /* counts ticks */
	bool draining, flushing;
	bool starved;                    /* somebody waits for unsent_bytes to fall */
	struct buf spare[HTTP_SPARE_BUFFERS];
	unsigned spare_count;
	struct buf problem;              /* the body of the problem being answered */
	const struct cors *cors;         /* NULL: no fields for other origins */
	struct gzip *gzip;               /* for answers that are there as a whole */
	struct gunzip *gunzip;           /* for bodies that came as a whole */
	struct buf coded, plain, extra;  /* scratch: out of gzip, out of gunzip, further fields */
	uint64_t gzip_bytes;             /* memory of the compressors of streams */
};

void http_shared_init(struct http_shared *s, struct event_base *base, const struct http_limits *limits,
		      http_handle_f *handle, void *ctx);
void http_shared_fini(struct http_shared *s);    /* ends all connections */

void http_conn_open(struct http_shared *s, int fd);      /* takes over a connected, non-blocking socket */
void http_conn_tick(struct http_shared *s);              /* every second: time-outs */
void http_conn_drain(struct http_shared *s);             /* each connection ends with its next answers */
void http_conn_close_idle(struct http_shared *s);        /* those that are between two requests */
void http_conn_cut_streams(struct http_shared *s);       /* those that are in the middle of one */

/* Writes what was answered since; at the end of every turn that answered outside http_handle_f. */
void http_flush(struct http_shared *s);

/* ---- for the handler ---- */

struct http_answer {
	unsigned status;
	const char *type;                /* Content-Type; NULL: none, with an empty body */
	const char *fields;              /* further header lines, each with CR LF; or NULL */
	struct slice body;               /* on loan */
	bool close;
	bool compress;                   /* may go as gzip, when it is long and the client prefers that */
};

/* Answers and thereby ends r; its memory is gone afterwards. */
void http_answer(struct http_request *r, const struct http_answer *a);
void http_answer_json(struct http_request *r, struct slice body);        /* 200 */
void http_answer_problem(struct http_request *r, enum problem p, const char *detail);
void http_answer_problem_with(struct http_request *r, enum problem p, const char *detail, const char *fields);
void http_answer_problem_members(struct http_request *r, enum problem p, struct slice members);   /* further ones */

/* A problem with more to it than its row: all members may be left out. */
struct problem_answer {
	const char *detail, *fields;     /* fields as in struct http_answer */
	struct slice members;            /* further ones of the document, each behind a comma */
};
void http_answer_problem_of(struct http_request *r, enum problem p, const struct problem_answer *how);

/* The address of r's client in numbers; "-" when it has none, or is gone. Good until r is answered. */
const char *http_request_client(const struct http_request *r);

/* r will change something: later reads of its client wait. */
void http_request_changes(struct http_request *r);
bool http_request_must_wait(const struct http_request *r);

/* r changes something depending on what is stored, or bit by bit: whatever its client asks behind it waits for its answer, to
 * the end of it when that is a stream. */
void http_request_decides(struct http_request *r);
bool http_request_is_behind_a_decision(const struct http_request *r);

/* r is answered later, with bytes of unknown number: its client may not ask for many of these at a time. */
void http_request_is_slow(struct http_request *r);

#endif
