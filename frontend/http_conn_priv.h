/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection from the inside, for the files that run it: http_conn.c (life, turns, bytes out), http_conn_in.c (bytes in),
 * http_conn_time.c (time-outs, drain), http_answer.c (order of answers), http_body.c and http_stream.c (requests and answers
 * without an end in sight).
 */
#ifndef FRONTEND_HTTP_CONN_PRIV_H
#define FRONTEND_HTTP_CONN_PRIV_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "frontend/http_conn.h"
#include "frontend/http_parse.h"
#include "frontend/http_tls.h"

#define HTTP_CONN_MAGIC 0x436f6e01u

struct http_conn {
	uint32_t magic;
	int fd;
	char client[46];                        /* its address, once somebody wanted to know */
	struct http_shared *shared;
	struct bufferevent *bev;
	struct http_tls *tls;                   /* NULL: plain */
	struct evbuffer *plain;                 /* with TLS: decrypted and not yet read */
	bool tls_full;                          /* there is more to decrypt than fitted in there */
	bool cut;                               /* ends so that the client notices */
	struct http_conn *prev, *next, *dirty_next;
	struct http_conn *later_next, **later_at;        /* in shared->later when later_at is set */
	struct http_parser parser;

	struct http_request *first, *last;      /* under way, in order */
	struct http_request *held;              /* the last of them, refused by the handler for the moment */
	struct http_request *body;              /* the last of them, when its body is handed on in pieces */
	unsigned waiting, changing, slow, streams;
	unsigned live;                          /* of the streams, those that do not end by themselves */
	unsigned deciding;                      /* requests that are decided at commit, not answered yet */
	size_t kept_bytes;                      /* of answers that wait for earlier ones */

	struct buf out;                         /* answers of this turn */
	bool dirty, reading, writing, no_more, eof, linger, broken, owes_continue;

	/* time and amounts, for http_conn_time.c */
	uint64_t since_s;                       /* when the present phase began */
	uint64_t body_s, body_input;            /* when the body was looked at, and the bytes of it since then */
	uint64_t taken_bytes;                   /* into the output, ever */
	uint64_t sent_bytes, sent_s;            /* of these, gone when last looked; when that changed */
	uint64_t counted_unsent;                /* in shared->unsent_bytes */
};

/* ---- http_conn.c ---- */

size_t http_conn__unsent(const struct http_conn *c);

/* Between two requests, as far as time is concerned; neither a handshake that drags on nor lingering is. */
bool http_conn__is_idle(const struct http_conn *c);

/* Keeps the count of all connections' unsent bytes up to date with this one. */
void http_conn__count_unsent(struct http_conn *c);

/* Sends what this turn answered; false when the connection is broken. The only place that writes to the client. */
bool http_conn__send(struct http_conn *c);

/* Ends it at once; it is gone with the next http_flush(). */
void http_conn__abandon(struct http_conn *c);

/* The same, and so that its client takes what it got for incomplete. */
void http_conn__cut(struct http_conn *c);

/* ---- http_conn_in.c ---- */

/* Reads what has arrived as far as it may. */
void http_conn__read(struct http_conn *c);
bool http_conn__may_read(const struct http_conn *c);

/* Whether the budget of all lets this client cause further answers; if not, it gets a turn when that has changed. */
bool http_conn__within_budget(const struct http_conn *c);

/* What the parser reads from, and how many bytes are there or behind it, not all of them plain ones yet. */
struct evbuffer *http_conn__input(struct http_conn *c);
size_t http_conn__input_bytes(struct http_conn *c);

/* Answers the request that is arriving, or ends its body, with a problem; the connection ends afterwards. */
void http_conn__refuse(struct http_conn *c, enum problem p);

/* Counts the body's bytes towards the budget of all. */
void http_conn__count_body(struct http_request *r);

/* ---- http_answer.c ---- */

void http_conn__mark_dirty(struct http_conn *c);         /* http_flush() will give it a turn */

/* The buffer for this turn's answers, from the shared spare ones and back. */
void http_conn__take_buffer(struct http_conn *c);
void http_conn__give_buffer(struct http_conn *c);

struct http_request *http_conn__pop_first(struct http_conn *c);
void http_conn__release_request(struct http_request **rp);

/* Moves the answers whose turn has come to the output. */
void http_conn__advance(struct http_conn *c);

/* An answer by a stream: its head into out, and its end. coded: it is gzip. bare: all of it, for whom only a head is due, or nothing. */
void http_answer__begin(struct http_request *r, struct buf *out, const struct http_answer *head, bool coded);
void http_answer__tell(const struct http_request *r, const struct http_done *d);
void http_answer__finish(struct http_request *r);
void http_answer__bare(struct http_request *r, const struct http_answer *head);

/* ---- http_body.c; c->body is set but for deliver ---- */

/* Reads the codings that r's client takes and used; decodes a body that came whole. */
enum problem http_body__check_codings(struct http_request *r);

bool http_body__wants(const struct http_conn *c);        /* whether more of it should be read */
void http_body__deliver(struct http_conn *c);            /* hands on what has come */
void http_body__fail(struct http_conn *c, enum problem p);
void http_body__orphaned(struct http_request *r);        /* the client went away while it came */
void http_body__drop(struct http_conn *c);               /* r was answered */

/* ---- http_stream.c ---- */

void http_stream__seal(struct http_stream *s);           /* before its bytes are sent */
void http_stream__now_first(struct http_stream *s);      /* its turn has come */
bool http_stream__wants(const struct http_stream *s, size_t unsent);      /* more() is due */
void http_stream__more(struct http_stream *s);
bool http_stream__finish(struct http_stream *s);         /* a drain has begun; false: told before, or need not be */
void http_stream__gone(struct http_request *r);

#endif
