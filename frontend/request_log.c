/* SPDX-License-Identifier: Apache-2.0 */
/* The counting and telling of request_log.h. */
#include "frontend/request_log.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/stats/stats.h"
#include "frontend/line_log.h"
#include "frontend/request_line.h"

#define REQUEST_LOG_MAGIC 0x526c6701u

enum { SLOW_PER_SECOND = 20 };

struct request_log {
	uint32_t magic;
	bool with_keys;
	struct line_log *lines;          /* NULL: no access log */
	uint64_t slow_us;                /* 0: no request is slow */
	uint64_t second;                 /* for which slow ones are counted */
	unsigned told, untold;           /* in this second */
	struct buf line;
};

enum st request_log_new(const struct conf *c, struct request_log **lp)
{
	struct request_log *l = mem_zalloc(sizeof *l);
	struct buf complaint = BUF_INIT;
	enum st st = ST_OK;

	obj_init(l, REQUEST_LOG_MAGIC);
	l->with_keys = c->log_keys != 0;
	if (strcmp(c->access_log, "off") != 0)
		st = line_log_open(c->access_log, &l->lines, &complaint);
	if (st) {
		log_error("%s", buf_cstr(&complaint));
		request_log_free(&l);
	}
	buf_fini(&complaint);
	*lp = l;
	return st;
}

void request_log_free(struct request_log **lp)
{
	struct request_log *l = *lp;

	if (!l)
		return;
	obj_check(l, REQUEST_LOG_MAGIC);
	line_log_close(&l->lines);
	buf_fini(&l->line);
	obj_fini(l);
	mem_drop(lp);
}

void request_log_reopen(struct request_log *l)
{
	obj_check(l, REQUEST_LOG_MAGIC);
	if (l->lines)
		line_log_reopen(l->lines);
}

void request_log_tick(struct request_log *l)
{
	obj_check(l, REQUEST_LOG_MAGIC);
	l->slow_us = stats_sum(M_slow_request_threshold);
}

static void count(unsigned status)
{
	if (status < 300)
		stats_add(M_http_2xx, 1);
	else if (status < 400)
		stats_add(M_http_3xx, 1);
	else if (status < 500)
		stats_add(M_http_4xx, 1);
	else
		stats_add(M_http_5xx, 1);
}

static void tell_access(struct request_log *l, const struct request_facts *f)
{
	buf_reset(&l->line);
	request_line_access(&l->line, f);
	if (!line_log_add(l->lines, buf_slice(&l->line)))
		stats_add(M_access_log_dropped, 1);
}

static void tell_slow(struct request_log *l, const struct request_facts *f, uint64_t now_us)
{
	stats_add(M_slow_requests, 1);
	if (now_us / 1000000 != l->second) {
		if (l->untold)
			log_warn("%u more requests were slow", l->untold);
		l->second = now_us / 1000000;
		l->told = l->untold = 0;
	}
	if (l->told == SLOW_PER_SECOND) {
		l->untold++;
		return;
	}
	l->told++;
	buf_reset(&l->line);
	request_line_slow(&l->line, f);
	log_warn("%s", buf_cstr(&l->line));
}

static uint64_t between(uint64_t from, uint64_t to)
{
	return from && to > from ? to - from : 0;
}

void request_log_done(void *ctx, const struct http_request *r, const struct http_done *d)
{
	struct request_log *l = ctx;
	struct request_facts f;
	uint64_t now, taken;

	count(d->status);
	if (!l->lines && !l->slow_us)
		return;
	now = clock_mono_us();
	taken = r->taken_us ? r->taken_us : r->arrived_us;       /* refused before a handler saw it */
	f = (struct request_facts){
		.wall_ms = clock_wall_ms(), .client = http_request_client(r), .method = r->method,
		.path = r->path, .query = r->query, .argument_bytes = r->argument_bytes, .routed = r->routed,
		.with_keys = l->with_keys, .status = d->status, .bytes = d->bytes, .token_line = r->token_line,
		.receive_us = between(r->began_us, r->arrived_us), .hold_us = between(r->arrived_us, taken),
		.serve_us = between(taken, now),
	};
	if (l->lines)
		tell_access(l, &f);
	if (l->slow_us && !d->stream && f.hold_us + f.serve_us >= l->slow_us)
		tell_slow(l, &f, now);
}
