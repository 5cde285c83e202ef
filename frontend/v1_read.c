/* SPDX-License-Identifier: Apache-2.0 */
/* The value goes from where it lies straight into the connection's buffer; only the fields are written here. */
#include "frontend/v1_read.h"

#include "frontend/etag.h"
#include "frontend/http_date.h"
#include "frontend/v1_explain.h"

static void append_ms(struct buf *out, const char *stage, uint64_t ns)
{
	uint64_t us = ns / 1000;
	char digits[3] = { (char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10), (char)('0' + us % 10) };

	buf_append_str(out, stage);
	buf_append_str(out, ";dur=");
	buf_append_u64(out, us / 1000);
	buf_append_byte(out, '.');
	buf_append(out, digits, sizeof digits);
}

static void append_timing(struct buf *out, const struct read_outcome *o)
{
	append_ms(out, "Server-Timing: wait", o->wait_ns);
	append_ms(out, ", memory", o->memory_ns);
	if (o->disk_ns)
		append_ms(out, ", disk", o->disk_ns);
	buf_append(out, "\r\n", 2);
}

static const char *entry_fields(struct buf *out, const struct read_outcome *o)
{
	etag_append(out, o->entry->seq.v);
	buf_append_str(out, "Last-Modified: ");
	http_date_append(out, o->entry->timestamp_ms / 1000);
	buf_append(out, "\r\n", 2);
	append_timing(out, o);
	return buf_cstr(out);
}

static struct etag_set condition(const struct http_request *r, enum http_field_id id, uint64_t version)
{
	struct slice field = http_request_field(r, id);

	return etag_read(field, version, id == HTTP_FIELD_IF_NONE_MATCH);
}

/* Not in the words of a write: there was nothing to be changed. */
static void refuse_match(struct http_request *r, uint64_t version, struct buf *out)
{
	struct problem_answer a = { .detail = version ? "The key has another version than the request asks for."
						      : "No value is stored under this key, and the request asks for one." };
	struct buf fields = BUF_INIT;

	buf_append_str(out, ",\"version\":");
	buf_append_u64(out, version);
	a.members = buf_slice(out);
	if (version)
		etag_append(&fields, version);
	a.fields = version ? buf_cstr(&fields) : NULL;
	http_answer_problem_of(r, PROBLEM_PRECONDITION, &a);
	buf_fini(&fields);
}

static void answer_value(struct http_request *r, const struct read_outcome *o, struct buf *out)
{
	struct http_answer a = { .status = 200, .type = "application/octet-stream" };
	uint64_t version = o->st == ST_OK ? o->entry->seq.v : 0;

	if (http_request_has(r, HTTP_FIELD_IF_MATCH) && !(version && condition(r, HTTP_FIELD_IF_MATCH, version).matches)) {
		refuse_match(r, version, out);
		return;
	}
	if (o->st != ST_OK) {
		append_timing(out, o);
		http_answer_problem_with(r, PROBLEM_NOT_FOUND, NULL, buf_cstr(out));
		return;
	}
	a.fields = entry_fields(out, o);
	a.body = o->entry->value;
	if (http_request_has(r, HTTP_FIELD_IF_NONE_MATCH) && condition(r, HTTP_FIELD_IF_NONE_MATCH, version).matches)
		a = (struct http_answer){ .status = 304, .fields = a.fields };
	http_answer(r, &a);
}

static void answer_explained(struct http_request *r, const struct read_outcome *o, struct buf *out)
{
	struct http_answer a = { .status = 200, .type = "application/json", .compress = true };

	v1_explain_write(out, r->key, o, r->trace);
	a.body = buf_slice(out);
	http_answer(r, &a);
}

/* What cannot be understood is refused before anything is looked up. */
static bool understands_conditions(const struct http_request *r)
{
	return (!http_request_has(r, HTTP_FIELD_IF_MATCH) || condition(r, HTTP_FIELD_IF_MATCH, 0).form != ETAG_MALFORMED) &&
	       (!http_request_has(r, HTTP_FIELD_IF_NONE_MATCH) || condition(r, HTTP_FIELD_IF_NONE_MATCH, 0).form != ETAG_MALFORMED);
}

void v1_get(struct v1 *v, struct http_request *r, struct slice argument)
{
	struct query_param params[] = { { .name = "explain" } };
	struct read_trace *trace = NULL;
	bool explain = false;

	if (!v1_take_key(r, argument) || !v1_take_query(v, r, params, 1) || !v1_take_flag(v, r, &params[0], &explain))
		return;
	if (!understands_conditions(r)) {
		http_answer_problem(r, PROBLEM_CONDITION, NULL);
		return;
	}
	if (explain)
		trace = arena_alloc(&r->arena, sizeof *trace);
	reads_get(v->reads, r, explain ? answer_explained : answer_value, trace);
}
