/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a watcher asks for: GET /v1/watch?prefix=&since=&heartbeat=, and the field Last-Event-ID, which a client sends
 * that was cut off; it wins over since. Pure.
 */
#ifndef FRONTEND_WATCH_QUERY_H
#define FRONTEND_WATCH_QUERY_H

#include "common/base/ids.h"
#include "frontend/http_request.h"
#include "frontend/problem.h"

enum { WATCH_HEARTBEAT_S = 15, WATCH_HEARTBEAT_MAX_S = 3600 };

struct watch_query {
	struct slice prefix;             /* in the request's arena */
	bool has_since;                  /* no: from now on */
	struct seq since;
	uint64_t heartbeat_s;
};

/* A problem other than NONE: complaint says what is wrong. */
enum problem watch_query_read(struct http_request *r, struct watch_query *q, struct buf *complaint);

#endif
