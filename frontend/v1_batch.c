/* SPDX-License-Identifier: Apache-2.0 */
/* A body in one of three forms becomes one batch (v1_batch.h). Event loop thread only. */
#include "frontend/v1_batch.h"

#include "common/base/clock.h"
#include "common/stats/stats.h"
#include "frontend/access.h"
#include "frontend/conditions.h"
#include "frontend/v1_ops.h"

enum { BATCH_KEEP_BYTES = 256 << 10 };

static void answer_versions(void *ctx, struct http_request *r, const struct write_result *w, enum problem p)
{
	struct v1 *v = ctx;
	struct buf *out = &v->complaint;
	struct http_answer a = { .status = 200, .type = "application/json", .compress = true };
	uint64_t i;
	size_t fields;

	if (!v1_was_written(r, w, p))
		return;
	buf_reset(out);
	(void)v1_written_fields(out, w, 0);
	buf_append_byte(out, 0);
	fields = out->n;
	buf_append_str(out, "{\"versions\":[");
	for (i = 0; i < r->count; i++) {
		if (i)
			buf_append_byte(out, ',');
		buf_append_u64(out, w->first_sequence.v + i);
	}
	buf_append_str(out, "]}\n");
	a.fields = (const char *)out->p;
	a.body = slice_of(out->p + fields, out->n - fields);
	http_answer(r, &a);
}

typedef enum problem ops_reader_f(struct v1_ops *ops, struct slice body);

/* Who reads a body of this type; NULL: nobody. */
static ops_reader_f *reader_of(const struct http_request *r)
{
	struct slice type = http_request_field(r, HTTP_FIELD_CONTENT_TYPE);

	if (!type.p || v1_is_type(type, "application/json"))
		return v1_ops_json;
	if (v1_is_type(type, "application/x-ndjson"))
		return v1_ops_ndjson;
	return v1_is_type(type, "application/x-protobuf") ? v1_ops_protobuf : NULL;
}

/* false: answered. */
static bool may_change(struct http_request *r, struct slice batch)
{
	struct write_ask ask;
	bool may = true;

	if (!access_is_confined(r))
		return true;
	while (may && write_asks_next(&batch, &ask))
		may = access_key(r, ask.op.key);
	return may;
}

static bool submit_ops(struct v1 *v, struct http_request *r, const struct v1_ops *ops, bool sync)
{
	struct write_result nothing = { .status = ST_OK, .synced = true };
	struct pending_ask ask = { .batch = ops->bytes, .lane = ops->decided ? PENDING_DECIDED : PENDING_PLAIN, .sync = sync };

	r->count = ops->count;
	if (ops->count)
		return v1_submit(v, r, &ask, answer_versions);
	answer_versions(v, r, &nothing, PROBLEM_NONE);
	return true;
}

bool v1_batch(struct v1 *v, struct http_request *r)
{
	struct query_param params[] = { { .name = "sync" } };
	struct v1_ops ops = { .arena = &r->arena, .batch = &v->batch, .complaint = &v->complaint, .now_ms = clock_wall_ms() };
	ops_reader_f *read_ops = reader_of(r);
	bool sync = false, begun = true;
	enum problem p;

	if (v1_must_wait(r))
		return false;
	r->op = OP_BATCH;
	if (!read_ops) {
		http_answer_problem(r, PROBLEM_MEDIA_TYPE, "A batch is application/json, application/x-ndjson or application/x-protobuf.");
		return true;
	}
	if (!conditions_take_none(r) || !v1_take_query(v, r, params, 1) || !v1_take_flag(v, r, &params[0], &sync))
		return true;
	buf_reset(&v->batch);
	buf_reset(&v->complaint);
	p = read_ops(&ops, buf_slice(&r->body));
	if (p)
		http_answer_problem(r, p, buf_cstr(&v->complaint));
	else if (may_change(r, ops.bytes))
		begun = submit_ops(v, r, &ops, sync);
	if (v->batch.capacity > BATCH_KEEP_BYTES)
		buf_fini(&v->batch);
	return begun;
}
