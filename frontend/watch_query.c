/* SPDX-License-Identifier: Apache-2.0 */
/* What a watcher asks for; see watch_query.h. */
#include "frontend/watch_query.h"

#include "frontend/query.h"
#include "proto/limits.h"

enum { PREFIX, SINCE, HEARTBEAT, PARAM_COUNT };

static enum problem read_last_id(struct http_request *r, struct watch_query *q, struct buf *complaint)
{
	struct query_param id = { .name = "Last-Event-ID", .value = http_request_field(r, HTTP_FIELD_LAST_EVENT_ID) };

	if (id.value.n == 0)
		return PROBLEM_NONE;     /* a client that has seen no event may send it so */
	id.given = q->has_since = true;
	return query_number(&id, 0, SEQ_MAX.v, &q->since.v, complaint);
}

enum problem watch_query_read(struct http_request *r, struct watch_query *q, struct buf *complaint)
{
	struct query_param params[PARAM_COUNT] = { [PREFIX] = { .name = "prefix" }, [SINCE] = { .name = "since" },
						   [HEARTBEAT] = { .name = "heartbeat" } };
	enum problem p = query_read(r->query, &r->arena, params, PARAM_COUNT, complaint);

	*q = (struct watch_query){ .heartbeat_s = WATCH_HEARTBEAT_S };
	if (!p)
		p = query_number(&params[SINCE], 0, SEQ_MAX.v, &q->since.v, complaint);
	if (!p)
		p = query_number(&params[HEARTBEAT], 1, WATCH_HEARTBEAT_MAX_S, &q->heartbeat_s, complaint);
	if (!p && params[PREFIX].value.n > KEY_MAX_BYTES) {
		buf_append_str(complaint, "The parameter prefix is longer than a key may be: 1024 bytes.");
		p = PROBLEM_PARAMETER_INVALID;
	}
	if (p)
		return p;
	q->prefix = params[PREFIX].value;
	q->has_since = params[SINCE].given;
	return read_last_id(r, q, complaint);
}
