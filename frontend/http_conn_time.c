/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time-outs of connections, looked at once a second, and their end when the server drains.
 *
 *	idle       no request for idle_s seconds
 *	head       not complete after head_s seconds; a handshake of TLS likewise
 *	body       less than body_rate bytes a second, taken over body_s seconds in which we would have read
 *	output     no byte taken for write_s seconds; for hurry_s when the server has too much of it to keep
 *	linger     see http_conn.c
 *
 * Neither idle nor head runs while we do not read.
 *
 * Event loop thread only.
 */
#include "frontend/http_conn_priv.h"
#include "frontend/http_date.h"

enum { LINGER_S = 2 };

/* Whether the client has not taken anything for too long. */
static bool is_stuck(struct http_conn *c)
{
	struct http_shared *s = c->shared;
	size_t unsent = evbuffer_get_length(bufferevent_get_output(c->bev));
	uint64_t sent = c->taken_bytes - unsent, patience = s->limits.write_s;

	if (unsent == 0 || sent != c->sent_bytes) {
		c->sent_bytes = sent;
		c->sent_s = s->second;
		return false;
	}
	if (s->unsent_bytes > s->limits.max_unsent && patience > s->limits.hurry_s)
		patience = s->limits.hurry_s;
	return s->second - c->sent_s > patience;
}

/* Whether the body comes too slowly. While we do not take it it is not the client's fault; the socket may be read all the
 * same, to notice the client's end. */
static bool body_is_slow(struct http_conn *c)
{
	struct http_shared *s = c->shared;
	const struct http_limits *l = &s->limits;
	bool takes = c->reading && (!c->body || http_body__wants(c)), slow;

	if (takes && s->second - c->body_s <= l->body_s)
		return false;
	slow = takes && c->body_input < (uint64_t)l->body_rate * l->body_s;
	c->body_s = s->second;
	c->body_input = 0;
	return slow;
}

static void check_time(struct http_conn *c)
{
	const struct http_limits *l = &c->shared->limits;
	uint64_t age = c->shared->second - c->since_s;

	if (c->linger) {
		if (age > LINGER_S)
			http_conn__abandon(c);
	} else if (is_stuck(c)) {
		http_conn__cut(c);       /* what it got is not all, and the system keeps nothing of the rest */
	} else if (c->parser.in_body) {
		if (body_is_slow(c))
			http_conn__refuse(c, PROBLEM_REQUEST_TIMEOUT);
	} else if (!c->first && http_conn__unsent(c) == 0) {
		if (!c->reading)
			c->since_s = c->shared->second;  /* what it sends lies with us */
		else if (c->tls && !http_tls_is_open(c->tls)) {
			if (age > l->head_s)
				http_conn__abandon(c);
		} else if (c->parser.in_head && age > l->head_s)
			http_conn__refuse(c, PROBLEM_REQUEST_TIMEOUT);
		else if (!c->parser.in_head && age > l->idle_s)
			http_conn__abandon(c);
	}
}

/* Each one once; those that end at once take themselves out of the list. */
static void tell_streams(struct http_conn *c)
{
	struct http_request *r = c->first;

	while (r)
		r = r->stream && http_stream__finish(r->stream) ? c->first : r->next;
}

void http_conn_tick(struct http_shared *s)
{
	struct http_conn *c;

	s->second++;
	s->flushing = true;              /* no connection goes while we walk along them */
	http_date_refresh();
	for (c = s->conns; c; c = c->next) {
		http_conn__count_unsent(c);
		check_time(c);
		if (s->draining)
			tell_streams(c);
	}
	s->flushing = false;
	http_flush(s);
}

void http_conn_drain(struct http_shared *s)
{
	struct http_conn *c;

	s->draining = s->flushing = true;
	for (c = s->conns; c; c = c->next)
		tell_streams(c);
	s->flushing = false;
	http_flush(s);
}

void http_conn_close_idle(struct http_shared *s)
{
	struct http_conn *c;

	for (c = s->conns; c; c = c->next)
		if (http_conn__is_idle(c) && http_conn__unsent(c) == 0)
			http_conn__abandon(c);
	http_flush(s);
}

void http_conn_cut_streams(struct http_shared *s)
{
	struct http_conn *c;

	for (c = s->conns; c; c = c->next)
		if (c->streams)
			http_conn__cut(c);
	http_flush(s);
}
