/* SPDX-License-Identifier: Apache-2.0 */
/* Queries of the calls about ranges. */
#include "frontend/v1_scan.h"

#include "common/stats/stats.h"
#include "frontend/access.h"
#include "frontend/conditions.h"
#include "frontend/media.h"
#include "frontend/write_refuse.h"

/* ---- the query ---- */

enum { P_PREFIX, P_START, P_END, P_LIMIT, P_REVERSE, P_KEYS_ONLY, P_CURSOR, LIST_PARAMS };
enum { P_ALL = P_END + 1, P_SYNC, DELETE_PARAMS };

static enum problem read_range(struct v1_scan *v, struct http_request *r, const struct query_param *params,
			       struct key_range *range)
{
	return key_range_read(&params[P_PREFIX], &params[P_START], &params[P_END], &r->arena, range, &v->complaint);
}

static void refuse(struct v1_scan *v, struct http_request *r, enum problem p)
{
	http_answer_problem(r, p, buf_cstr(&v->complaint));
}

static enum problem complain(struct v1_scan *v, enum problem p, const char *sentence)
{
	buf_reset(&v->complaint);
	buf_append_str(&v->complaint, sentence);
	return p;
}

/* What is given beside a cursor must be what the cursor was made with. */
static enum problem check_repeated(struct v1_scan *v, const struct query_param *params, const struct scan_ask *ask,
				   const struct cursor *c)
{
	bool ranged = params[P_PREFIX].given || params[P_START].given || params[P_END].given;

	if ((ranged && cursor_asked(&ask->range) != c->asked) || (params[P_REVERSE].given && ask->reverse != c->reverse) ||
	    (params[P_KEYS_ONLY].given && ask->keys_only != c->keys_only))
		return complain(v, PROBLEM_CURSOR_INVALID, "The cursor belongs to a scan with other parameters. Beside a cursor "
				"only limit may change; the others may be left out.");
	return PROBLEM_NONE;
}

/* From here on the cursor says what is asked. */
static enum problem read_cursor(struct v1_scan *v, const struct query_param *params, struct scan_ask *ask, struct cursor *c)
{
	enum problem p;

	if (!cursor_read(params[P_CURSOR].value, &v->cursor, c))
		return PROBLEM_CURSOR_INVALID;
	p = check_repeated(v, params, ask, c);
	ask->range = c->rest;
	ask->reverse = c->reverse;
	ask->keys_only = c->keys_only;
	ask->cursor = c;
	return p;
}

static enum problem read_list(struct v1_scan *v, struct http_request *r, struct scan_ask *ask, struct cursor *c)
{
	struct query_param params[LIST_PARAMS] = {
		[P_PREFIX] = { .name = "prefix" }, [P_START] = { .name = "start" }, [P_END] = { .name = "end" },
		[P_LIMIT] = { .name = "limit" }, [P_REVERSE] = { .name = "reverse" },
		[P_KEYS_ONLY] = { .name = "keys_only" }, [P_CURSOR] = { .name = "cursor" },
	};
	enum problem p = query_read(r->query, &r->arena, params, LIST_PARAMS, &v->complaint);

	if (!p)
		p = read_range(v, r, params, &ask->range);
	if (!p)
		p = query_number(&params[P_LIMIT], 1, V1_LIMIT_MAX, &ask->limit, &v->complaint);
	if (!p)
		p = query_flag(&params[P_REVERSE], &ask->reverse, &v->complaint);
	if (!p)
		p = query_flag(&params[P_KEYS_ONLY], &ask->keys_only, &v->complaint);
	if (p || ask->form == SCAN_PAGE)
		return p || !params[P_CURSOR].given ? p : read_cursor(v, params, ask, c);
	if (params[P_LIMIT].given || params[P_CURSOR].given)
		return complain(v, PROBLEM_PARAMETER_INVALID, "A stream has all of the range: it takes no limit and no cursor.");
	return PROBLEM_NONE;
}

static void begin(struct v1_scan *v, struct http_request *r, const struct scan_ask *ask)
{
	if (access_range(r, ask->range.start, ask->range.end))
		scans_begin(v->scans, r, ask);
}

void v1_list(struct v1_scan *v, struct http_request *r)
{
	struct slice accept = http_request_field(r, HTTP_FIELD_ACCEPT);
	bool lines = media_is_preferred(accept, MEDIA_NDJSON, MEDIA_JSON);
	struct scan_ask ask = { .form = lines ? SCAN_LINES : SCAN_PAGE, .limit = V1_LIMIT_DEFAULT };
	struct cursor c;
	enum problem p;

	buf_reset(&v->complaint);
	if (!lines && media_wish(accept, MEDIA_JSON) == MEDIA_REFUSED) {
		http_answer_problem(r, PROBLEM_NOT_ACCEPTABLE, "This comes as application/json or application/x-ndjson.");
		return;
	}
	p = read_list(v, r, &ask, &c);
	if (p) {
		refuse(v, r, p);
		return;
	}
	begin(v, r, &ask);
}

void v1_export(struct v1_scan *v, struct http_request *r)
{
	struct slice accept = http_request_field(r, HTTP_FIELD_ACCEPT);
	bool protobuf = media_is_preferred(accept, MEDIA_PROTOBUF, MEDIA_NDJSON);
	struct scan_ask ask = { .form = protobuf ? SCAN_PROTOBUF : SCAN_LINES };
	struct query_param params[] = {
		[P_PREFIX] = { .name = "prefix" }, [P_START] = { .name = "start" }, [P_END] = { .name = "end" },
	};
	enum problem p;

	buf_reset(&v->complaint);
	if (!protobuf && media_wish(accept, MEDIA_NDJSON) == MEDIA_REFUSED) {
		http_answer_problem(r, PROBLEM_NOT_ACCEPTABLE, "An export comes as application/x-ndjson or application/x-protobuf.");
		return;
	}
	p = query_read(r->query, &r->arena, params, sizeof params / sizeof *params, &v->complaint);
	if (!p)
		p = read_range(v, r, params, &ask.range);
	if (p)
		refuse(v, r, p);
	else
		begin(v, r, &ask);
}

void v1_import(struct v1_scan *v, struct http_request *r)
{
	struct slice type = http_request_field(r, HTTP_FIELD_CONTENT_TYPE);
	struct query_param params[] = { { .name = "skip" } };
	bool protobuf = media_is(type, MEDIA_PROTOBUF);
	uint64_t skip = 0;
	enum problem p;

	if (!conditions_take_none(r))
		return;
	buf_reset(&v->complaint);
	if (!protobuf && !media_is(type, MEDIA_NDJSON)) {
		http_answer_problem(r, PROBLEM_MEDIA_TYPE, "An import is application/x-ndjson or application/x-protobuf.");
		return;
	}
	p = query_read(r->query, &r->arena, params, 1, &v->complaint);
	if (!p)
		p = query_number(&params[0], 0, UINT64_MAX, &skip, &v->complaint);
	if (p)
		refuse(v, r, p);
	else
		imports_begin(v->imports, r, protobuf ? IMPORT_PROTOBUF : IMPORT_LINES, skip);
}

/* ---- snapshots ---- */

/* Takes no parameters; false: it was given some, and r is answered. */
static bool takes_none(struct v1_scan *v, struct http_request *r)
{
	enum problem p = query_read(r->query, &r->arena, NULL, 0, &v->complaint);

	if (p)
		refuse(v, r, p);
	return !p;
}

void v1_snapshots(struct v1_scan *v, struct http_request *r)
{
	if (!takes_none(v, r))
		return;
	buf_reset(&v->scratch);
	snapshots_write(v->snapshots, &v->scratch);
	http_answer_json(r, buf_slice(&v->scratch));
}

/* false: no id as snapshots_write() writes them. */
static bool read_id(struct slice s, uint64_t *idp)
{
	*idp = 0;
	if (s.n == 0 || s.n > 16)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		*idp = *idp << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return true;
}

void v1_snapshot_delete(struct v1_scan *v, struct http_request *r, struct slice id)
{
	static const struct http_answer done = { .status = 204 };
	uint64_t lease;

	if (!takes_none(v, r))
		return;
	if (read_id(id, &lease) && snapshots_release(v->snapshots, lease))
		http_answer(r, &done);
	else
		http_answer_problem(r, PROBLEM_NOT_FOUND, "There is no snapshot with this id.");
}

/* ---- range delete ---- */

static enum problem read_delete(struct v1_scan *v, struct http_request *r, struct key_range *range, bool *syncp)
{
	struct query_param params[DELETE_PARAMS] = {
		[P_PREFIX] = { .name = "prefix" }, [P_START] = { .name = "start" }, [P_END] = { .name = "end" },
		[P_ALL] = { .name = "all" }, [P_SYNC] = { .name = "sync" },
	};
	bool bounded, all = false;
	enum problem p = query_read(r->query, &r->arena, params, DELETE_PARAMS, &v->complaint);

	if (!p)
		p = read_range(v, r, params, range);
	if (!p)
		p = query_flag(&params[P_ALL], &all, &v->complaint);
	if (!p)
		p = query_flag(&params[P_SYNC], syncp, &v->complaint);
	if (p)
		return p;
	bounded = range->start.n || range->end.n;
	if (!bounded && !all)
		return complain(v, PROBLEM_PARAMETER_INVALID, "Nothing says which keys: name a prefix, a start or an end. All keys of "
				"the database are deleted with all=true.");
	if (bounded && all)
		return complain(v, PROBLEM_PARAMETER_INVALID, "All keys, or those in a range: not both.");
	return PROBLEM_NONE;
}

static void answer_deleted(struct v1_scan *v, struct http_request *r, uint64_t deleted, uint64_t version)
{
	buf_reset(&v->scratch);
	buf_append_str(&v->scratch, "{\"deleted\":");
	buf_append_u64(&v->scratch, deleted);
	buf_append_str(&v->scratch, ",\"version\":");
	if (version)
		buf_append_u64(&v->scratch, version);
	else
		buf_append_str(&v->scratch, "null");
	buf_append_str(&v->scratch, "}\n");
	http_answer_json(r, buf_slice(&v->scratch));
}

static void on_written(void *ctx, struct http_request *r, const struct write_result *result, enum problem p)
{
	struct v1_scan *v = ctx;
	uint64_t first, last;

	if (!result || result->status != ST_OK) {
		write_refuse(r, result, p);
		return;
	}
	first = result->first_sequence.v;
	last = first ? first + result->written - 1 : 0;
	stats_add(M_write_operations, 1);
	answer_deleted(v, r, result->written, last);
}

void v1_delete_range(struct v1_scan *v, struct http_request *r)
{
	struct write_ask ask = { .verb = WRITE_DELETE_RANGE };
	struct pending_ask send = { .lane = PENDING_RANGE };
	struct key_range range;
	enum problem p;

	if (!conditions_take_none(r))
		return;
	buf_reset(&v->complaint);
	p = read_delete(v, r, &range, &send.sync);
	if (p) {
		refuse(v, r, p);
		return;
	}
	if (!access_range(r, range.start, range.end))
		return;
	if (key_range_is_empty(&range)) {
		answer_deleted(v, r, 0, 0);
		return;
	}
	ask.op.is_delete = true;
	ask.op.key = range.start;
	ask.end = range.end;
	buf_reset(&v->scratch);
	write_batch_add_ask(&v->scratch, &ask);
	send.batch = buf_slice(&v->scratch);
	r->written = on_written;
	r->written_ctx = v;
	http_request_decides(r);
	pending_submit_ask(v->pending, r, &send);
}

void v1_scan_fini(struct v1_scan *v)
{
	buf_fini(&v->scratch);
	buf_fini(&v->complaint);
	buf_fini(&v->cursor);
}
