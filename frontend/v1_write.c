/* SPDX-License-Identifier: Apache-2.0 */
/* One key, one operation, maybe a condition (v1_write.h). Event loop thread only. */
#include "frontend/v1_write.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/stats/stats.h"
#include "frontend/conditions.h"
#include "frontend/etag.h"
#include "frontend/json_in.h"
#include "frontend/write_refuse.h"

/* ---- answers ---- */

const char *v1_written_fields(struct buf *out, const struct write_result *w, uint64_t version)
{
	if (version)
		etag_append(out, version);
	buf_append_str(out, w->synced ? "Durability: synced\r\n" : "Durability: buffered\r\n");
	return buf_cstr(out);
}

bool v1_was_written(struct http_request *r, const struct write_result *w, enum problem p)
{
	if (!p)
		stats_add(r->op == OP_BATCH ? M_batch_operations : M_write_operations, 1);
	stats_time((enum operation)r->op, clock_mono_us() - r->arrived_us);
	if (p)
		write_refuse(r, w, p);
	return p == PROBLEM_NONE;
}

static void answer_empty(void *ctx, struct http_request *r, const struct write_result *w, enum problem p)
{
	struct http_answer a = { .status = 204 };
	struct v1 *v = ctx;

	if (!v1_was_written(r, w, p))
		return;
	buf_reset(&v->complaint);
	a.fields = v1_written_fields(&v->complaint, w, r->op == OP_WRITE ? w->first_sequence.v : 0);
	http_answer(r, &a);
}

static void answer_increment(void *ctx, struct http_request *r, const struct write_result *w, enum problem p)
{
	struct http_answer a = { .status = 200, .type = "application/json" };
	struct v1 *v = ctx;
	char body[96];

	if (!v1_was_written(r, w, p))
		return;
	buf_reset(&v->complaint);
	a.fields = v1_written_fields(&v->complaint, w, w->first_sequence.v);
	a.body = slice_of(body, (size_t)snprintf(body, sizeof body, "{\"value\":%" PRId64 ",\"version\":%" PRIu64 "}\n", w->value,
						 w->first_sequence.v));
	http_answer(r, &a);
}

/* ---- conditions ---- */

/* What If-Match asks. A tag that is no version, or a weak one, can never hold; it is asked as a version that no entry will
 * ever have, so that the refusal tells the present one. */
static bool take_match(struct slice field, struct write_ask *ask)
{
	struct etag_set set = etag_read(field, 0, false);

	if (set.form != ETAG_ANY && set.form != ETAG_ONE)
		return false;
	ask->condition = set.form == ETAG_ANY ? WRITE_IF_PRESENT : WRITE_IF_VERSION;
	ask->version = set.version && set.version < SEQ_MAX.v ? seq(set.version) : SEQ_MAX;
	return true;
}

/* false: answered. */
static bool take_conditions(struct http_request *r, struct write_ask *ask)
{
	struct slice match = http_request_field(r, HTTP_FIELD_IF_MATCH), none = http_request_field(r, HTTP_FIELD_IF_NONE_MATCH);
	bool fine = !(match.p && none.p);

	if (!conditions_take_no_date(r))
		return false;
	if (fine && match.p)
		fine = take_match(match, ask);
	if (fine && none.p) {
		fine = slice_eq(none, slice_str("*"));
		ask->condition = WRITE_IF_ABSENT;
	}
	if (!fine)
		http_answer_problem(r, PROBLEM_CONDITION, NULL);
	return fine;
}

/* ---- requests ---- */

bool v1_must_wait(const struct http_request *r)
{
	return r->waits && http_request_must_wait(r);
}

bool v1_submit(struct v1 *v, struct http_request *r, const struct pending_ask *ask, v1_written_f *written)
{
	if (ask->lane != PENDING_PLAIN) {
		r->waits = true;
		if (http_request_must_wait(r))
			return false;
		http_request_decides(r);
	}
	if (ask->batch.n > WRITE_BATCH_MAX) {
		http_answer_problem(r, PROBLEM_BATCH_TOO_LARGE, "The operations of a batch are at most 64 MiB less 1 KiB.");
		return true;
	}
	r->written = written;
	r->written_ctx = v;
	http_request_changes(r);
	pending_submit_ask(v->pending, r, ask);
	return true;
}

enum { BATCH_KEEP_BYTES = 256 << 10 };

static bool submit_one(struct v1 *v, struct http_request *r, const struct write_ask *ask, bool sync, v1_written_f *written)
{
	struct pending_ask p = { .sync = sync };
	bool begun;

	p.lane = ask->verb == WRITE_OP && ask->condition == WRITE_ALWAYS ? PENDING_PLAIN : PENDING_DECIDED;
	buf_reset(&v->batch);
	write_batch_add_ask(&v->batch, ask);
	p.batch = buf_slice(&v->batch);
	begun = v1_submit(v, r, &p, written);
	if (v->batch.capacity > BATCH_KEEP_BYTES)
		buf_fini(&v->batch);
	return begun;
}

/* Key, conditions and ?sync; ttl NULL: the call knows no such parameter. */
static bool take_write(struct v1 *v, struct http_request *r, struct slice argument, struct write_ask *ask, bool *syncp, uint64_t *ttlp)
{
	struct query_param params[] = { { .name = "sync" }, { .name = "ttl" } };

	if (!v1_take_key(r, argument) || !v1_take_query(v, r, params, ttlp ? 2 : 1) || !v1_take_flag(v, r, &params[0], syncp) ||
	    (ttlp && !v1_take_number(v, r, &params[1], 1, TTL_MAX_SECONDS, ttlp)) || !take_conditions(r, ask))
		return false;
	ask->op.key = r->key;
	return true;
}

bool v1_put(struct v1 *v, struct http_request *r, struct slice argument)
{
	struct write_ask ask = { .verb = WRITE_OP };
	uint64_t ttl = 0;
	bool sync = false;

	if (v1_must_wait(r))
		return false;
	r->op = OP_WRITE;
	if (!conditions_take_no_part(r) || !take_write(v, r, argument, &ask, &sync, &ttl))
		return true;
	if (r->body.n > VALUE_MAX_BYTES) {
		http_answer_problem(r, PROBLEM_VALUE_TOO_LARGE, NULL);
		return true;
	}
	ask.op.value = buf_slice(&r->body);
	if (ttl)
		ask.op.expires_at_ms = clock_wall_ms() + (int64_t)ttl * 1000;
	return submit_one(v, r, &ask, sync, answer_empty);
}

bool v1_delete(struct v1 *v, struct http_request *r, struct slice argument)
{
	struct write_ask ask = { .op.is_delete = true };
	bool sync = false;

	if (v1_must_wait(r))
		return false;
	r->op = OP_DELETE;
	if (!take_write(v, r, argument, &ask, &sync, NULL))
		return true;
	return submit_one(v, r, &ask, sync, answer_empty);
}

/* {"by":n}, {} or nothing. */
static enum problem read_by(struct v1 *v, struct http_request *r, int64_t *byp)
{
	struct slice name;
	bool first = true, whole = true, seen = false;
	struct json_in j;

	json_in_begin(&j, buf_slice(&r->body), &r->arena);
	if (r->body.n == 0)
		return PROBLEM_NONE;
	(void)json_in_open(&j, '{');
	while (json_in_name(&j, &first, &name)) {
		if (seen || !slice_eq(name, slice_str("by"))) {
			buf_append_str(&v->complaint, "The only member is \"by\", once.");
			return PROBLEM_FIELD_UNKNOWN;
		}
		seen = true;
		if (json_in_next(&j) != '0' || (json_in_integer(&j, byp, &whole) && !whole)) {
			buf_append_str(&v->complaint, "\"by\" must be a whole number of 64 signed bits.");
			return PROBLEM_FIELD_VALUE;
		}
	}
	if (json_in_end(&j))
		return PROBLEM_NONE;
	json_in_complain(&j, &v->complaint);
	return PROBLEM_JSON_INVALID;
}

bool v1_increment(struct v1 *v, struct http_request *r, struct slice argument)
{
	struct write_ask ask = { .verb = WRITE_INCREMENT, .by = 1 };
	bool sync = false;
	enum problem p;

	if (http_request_must_wait(r))
		return false;
	r->op = OP_WRITE;
	if (!v1_takes_json(r) || !take_write(v, r, argument, &ask, &sync, NULL))
		return true;
	buf_reset(&v->complaint);
	p = read_by(v, r, &ask.by);
	if (p) {
		http_answer_problem(r, p, buf_cstr(&v->complaint));
		return true;
	}
	return submit_one(v, r, &ask, sync, answer_increment);
}
