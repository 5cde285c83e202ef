/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object is read member by member into a struct op_in, then judged as a whole and encoded. Complaints are put into words
 * only when there is one. Pure.
 */
#include "frontend/v1_ops.h"

#include "common/base/coding.h"
#include "frontend/json_in.h"
#include "frontend/text.h"
#include "proto/write.h"

enum name { N_TYPE, N_KEY, N_VALUE, N_TTL, N_BASIC, N_KEY64 = N_BASIC, N_VALUE64, N_IF_VERSION, N_IF_ABSENT, N_COUNT };

static const struct { const char *text; size_t n; } names[N_COUNT] = {
#define NAME(s) { s, sizeof(s) - 1 }
	[N_TYPE] = NAME("type"),   [N_KEY] = NAME("key"),     [N_KEY64] = NAME("key_base64"),
	[N_VALUE] = NAME("value"), [N_VALUE64] = NAME("value_base64"), [N_TTL] = NAME("ttl"),
	[N_IF_VERSION] = NAME("if_version"), [N_IF_ABSENT] = NAME("if_absent"),
#undef NAME
};

/* One operation as it was said. */
struct op_in {
	unsigned given;                  /* bit 1 << enum name */
	struct slice texts[N_COUNT];     /* of the members that are strings */
	int64_t ttl, version;
	bool absent;
};

#define PUT_ALONE SIZE_MAX               /* in place of a count: the operation stands alone, without a list */

/* ---- complaints ---- */

static enum problem complain(struct v1_ops *ops, enum problem p, struct slice name, const char *what, const char *kind)
{
	buf_append_byte(ops->complaint, '"');
	if (ops->count != PUT_ALONE)
		buf_printf(ops->complaint, "operations[%zu].", ops->count);
	buf_printf(ops->complaint, "%.*s\" %s%s.", (int)(name.n < 64 ? name.n : 64), (const char *)name.p, what, kind);
	return p;
}

static enum problem complain_of(struct v1_ops *ops, enum problem p, enum name id, const char *what)
{
	return complain(ops, p, slice_of(names[id].text, names[id].n), what, "");
}

static enum problem not_json(struct v1_ops *ops, const struct json_in *j)
{
	json_in_complain(j, ops->complaint);
	return PROBLEM_JSON_INVALID;
}

/* Opens the object that a body is. */
static enum problem open_body(struct v1_ops *ops, struct json_in *j, struct slice body)
{
	char next;

	json_in_begin(j, body, ops->arena);
	next = json_in_next(j);
	if (json_in_open(j, '{'))
		return PROBLEM_NONE;
	if (next == 0 && j->at == j->end)
		buf_append_str(ops->complaint, "The body is empty; a JSON object is expected.");
	else if (next == 0)
		return not_json(ops, j);
	else
		buf_printf(ops->complaint, "The body must be a JSON object, not %s.", json_in_kind(next));
	return PROBLEM_JSON_INVALID;
}

/* ---- one member ---- */

/* N_COUNT: none that is known here. */
static enum name name_of(const struct v1_ops *ops, struct slice text)
{
	enum name id = 0;

	while (id < N_COUNT && (names[id].n != text.n || memcmp(names[id].text, text.p, text.n) != 0))
		id++;
	return (ops->basic && id >= N_BASIC) || (ops->count == PUT_ALONE && id == N_TYPE) ? N_COUNT : id;
}

static enum problem take_number(struct v1_ops *ops, struct json_in *j, enum name id, int64_t least, int64_t most, int64_t *vp)
{
	bool whole = true;

	if (!json_in_integer(j, vp, &whole))
		return not_json(ops, j);
	if (!whole)
		return complain_of(ops, PROBLEM_FIELD_TYPE, id, id == N_TTL ? "must be a whole number of seconds" : "must be a whole number");
	if (*vp < least || *vp > most)
		return complain_of(ops, PROBLEM_FIELD_VALUE, id, id == N_TTL ? "must be 1 to 3153600000 seconds"
									  : "must be a version, a whole number from 0 on");
	return PROBLEM_NONE;
}

/* What the value of a member must begin with. */
static char kind_wanted(enum name id)
{
	return id == N_TTL || id == N_IF_VERSION ? '0' : '"';
}

static enum problem take_value(struct v1_ops *ops, struct json_in *j, enum name id, struct op_in *in)
{
	char next = json_in_next(j);

	if (next == 0)
		return not_json(ops, j);
	if (id == N_IF_ABSENT ? next != 't' && next != 'f' : next != kind_wanted(id))
		return complain(ops, PROBLEM_FIELD_TYPE, slice_of(names[id].text, names[id].n),
				id == N_IF_ABSENT        ? "must be true or false, not "
				: kind_wanted(id) == '"' ? "must be a string, not "
				: id == N_TTL            ? "must be a number of seconds, not "
							 : "must be a number, not ",
				json_in_kind(next));
	switch (id) {
	case N_TTL:
		return take_number(ops, j, id, 1, TTL_MAX_SECONDS, &in->ttl);
	case N_IF_VERSION:
		return take_number(ops, j, id, 0, (int64_t)SEQ_MAX.v, &in->version);
	case N_IF_ABSENT:
		return json_in_bool(j, &in->absent) ? PROBLEM_NONE : not_json(ops, j);
	default:
		return json_in_string(j, &in->texts[id]) ? PROBLEM_NONE : not_json(ops, j);
	}
}

static enum problem take_members(struct v1_ops *ops, struct json_in *j, struct op_in *in)
{
	struct slice name;
	bool first = true;
	enum problem p;

	while (json_in_name(j, &first, &name)) {
		enum name id = name_of(ops, name);

		if (id == N_COUNT)
			return complain(ops, PROBLEM_FIELD_UNKNOWN, name, "is not a known field", "");
		if (in->given & 1u << id)
			return complain(ops, PROBLEM_JSON_INVALID, name, "stands twice", "");
		in->given |= 1u << id;
		p = take_value(ops, j, id, in);
		if (p)
			return p;
	}
	return j->wrong ? not_json(ops, j) : PROBLEM_NONE;
}

/* ---- one operation ---- */

static bool has(const struct op_in *in, enum name id)
{
	return in->given & 1u << id;
}

/* A text member or its base64 twin. */
static enum problem take_bytes(struct v1_ops *ops, const struct op_in *in, enum name plain, enum name coded, struct slice *sp)
{
	uint8_t *bytes;
	size_t n;

	if (has(in, plain) && has(in, coded))
		return complain_of(ops, PROBLEM_FIELD_VALUE, coded, "stands beside its plain form; one of them is meant");
	*sp = in->texts[plain];
	if (has(in, plain))
		return PROBLEM_NONE;
	if (!has(in, coded))
		return complain_of(ops, PROBLEM_FIELD_MISSING, plain, "is missing");
	bytes = arena_alloc(ops->arena, in->texts[coded].n);
	if (!text_unbase64(in->texts[coded], bytes, &n))
		return complain_of(ops, PROBLEM_FIELD_VALUE, coded, "is not base64 (RFC 4648, with padding)");
	*sp = slice_of(bytes, n);
	return PROBLEM_NONE;
}

/* The limits that hold in every form. */
static enum problem check_op(struct v1_ops *ops, const struct write_op *op)
{
	if (op->key.n == 0)
		return complain_of(ops, PROBLEM_KEY_EMPTY, N_KEY, "is empty; a key is 1 to 1024 bytes");
	if (op->key.n > KEY_MAX_BYTES)
		return complain_of(ops, PROBLEM_KEY_TOO_LONG, N_KEY, "is longer than 1024 bytes");
	if (op->value.n > VALUE_MAX_BYTES)
		return complain_of(ops, PROBLEM_VALUE_TOO_LARGE, N_VALUE, "is larger than 8 MiB");
	return PROBLEM_NONE;
}

static enum problem take_type(struct v1_ops *ops, const struct op_in *in, bool *is_deletep)
{
	*is_deletep = slice_eq(in->texts[N_TYPE], slice_str("delete"));
	if (!has(in, N_TYPE))
		return complain_of(ops, PROBLEM_FIELD_MISSING, N_TYPE, "is missing");
	if (!*is_deletep && !slice_eq(in->texts[N_TYPE], slice_str("write")))
		return complain_of(ops, PROBLEM_FIELD_VALUE, N_TYPE, "must be \"write\" or \"delete\"");
	return PROBLEM_NONE;
}

static enum problem take_condition(struct v1_ops *ops, const struct op_in *in, struct write_ask *ask)
{
	if (in->absent && has(in, N_IF_VERSION))
		return complain_of(ops, PROBLEM_FIELD_VALUE, N_IF_ABSENT, "stands beside \"if_version\"; one of them is meant");
	if (in->absent || (has(in, N_IF_VERSION) && in->version == 0))
		ask->condition = WRITE_IF_ABSENT;
	else if (has(in, N_IF_VERSION))
		ask->condition = WRITE_IF_VERSION;
	ask->version = seq((uint64_t)in->version);
	return PROBLEM_NONE;
}

static enum problem take_written(struct v1_ops *ops, const struct op_in *in, struct write_op *op)
{
	enum problem p;

	if (op->is_delete && (in->given & (1u << N_VALUE | 1u << N_VALUE64 | 1u << N_TTL)))
		return complain_of(ops, PROBLEM_FIELD_UNKNOWN, has(in, N_TTL) ? N_TTL : has(in, N_VALUE) ? N_VALUE : N_VALUE64,
				   "does not belong into a delete");
	if (op->is_delete)
		return PROBLEM_NONE;
	p = take_bytes(ops, in, N_VALUE, N_VALUE64, &op->value);
	if (!p && has(in, N_TTL))
		op->expires_at_ms = (ops->now_ms > 0 ? ops->now_ms : 0) + in->ttl * 1000;
	return p;
}

/* Turns what was said into an operation and appends it. */
static enum problem add_op(struct v1_ops *ops, const struct op_in *in)
{
	struct write_ask ask = { .verb = WRITE_OP };
	enum problem p = ops->count == PUT_ALONE ? PROBLEM_NONE : take_type(ops, in, &ask.op.is_delete);

	if (!p)
		p = take_bytes(ops, in, N_KEY, N_KEY64, &ask.op.key);
	if (!p)
		p = take_written(ops, in, &ask.op);
	if (!p)
		p = check_op(ops, &ask.op);
	if (!p)
		p = take_condition(ops, in, &ask);
	if (p)
		return p;
	ops->decided |= ask.condition != WRITE_ALWAYS;
	write_batch_add_ask(ops->batch, &ask);
	ops->count++;
	return PROBLEM_NONE;
}

static enum problem too_many(struct v1_ops *ops)
{
	buf_append_str(ops->complaint, "A batch holds at most 10000 operations.");
	return PROBLEM_BATCH_TOO_LARGE;
}

static enum problem take_op(struct v1_ops *ops, struct json_in *j)
{
	struct op_in in = { .given = 0 };
	char next = json_in_next(j);
	enum problem p;

	if (ops->count == BATCH_MAX_OPS)
		return too_many(ops);
	if (next != 0 && next != '{') {
		buf_printf(ops->complaint, "\"operations[%zu]\" must be an object, not %s.", ops->count, json_in_kind(next));
		return PROBLEM_FIELD_TYPE;
	}
	if (!json_in_open(j, '{'))
		return not_json(ops, j);
	p = take_members(ops, j, &in);
	return p ? p : add_op(ops, &in);
}

/* ---- the three forms ---- */

static enum problem take_list(struct v1_ops *ops, struct json_in *j)
{
	char next = json_in_next(j);
	bool first = true;
	enum problem p;

	if (next != 0 && next != '[') {
		buf_printf(ops->complaint, "\"operations\" must be an array, not %s.", json_in_kind(next));
		return PROBLEM_FIELD_TYPE;
	}
	if (!json_in_open(j, '['))
		return not_json(ops, j);
	while (json_in_element(j, &first)) {
		p = take_op(ops, j);
		if (p)
			return p;
	}
	return j->wrong ? not_json(ops, j) : PROBLEM_NONE;
}

enum problem v1_ops_json(struct v1_ops *ops, struct slice body)
{
	bool first = true, seen = false;
	struct slice name;
	struct json_in j;
	enum problem p = open_body(ops, &j, body);

	if (p)
		return p;
	while (json_in_name(&j, &first, &name)) {
		if (seen || !slice_eq(name, slice_str("operations"))) {
			buf_printf(ops->complaint, "\"%.*s\" %s.", (int)(name.n < 64 ? name.n : 64), (const char *)name.p,
				   seen ? "is one member too many: \"operations\" is the only one" : "is not a known field");
			return PROBLEM_FIELD_UNKNOWN;
		}
		seen = true;
		p = take_list(ops, &j);
		if (p)
			return p;
	}
	if (!json_in_end(&j))
		return not_json(ops, &j);
	if (!seen) {
		buf_append_str(ops->complaint, "\"operations\" is missing.");
		return PROBLEM_FIELD_MISSING;
	}
	ops->bytes = buf_slice(ops->batch);
	return PROBLEM_NONE;
}

enum problem v1_ops_put(struct v1_ops *ops, struct slice body)
{
	struct op_in in = { .given = 0 };
	struct json_in j;
	enum problem p = open_body(ops, &j, body);

	ops->basic = true;
	ops->count = PUT_ALONE;
	if (!p)
		p = take_members(ops, &j, &in);
	if (!p && !json_in_end(&j))
		p = not_json(ops, &j);
	if (!p)
		p = add_op(ops, &in);
	ops->count = 1;
	ops->bytes = buf_slice(ops->batch);
	return p;
}

enum problem v1_ops_ndjson(struct v1_ops *ops, struct slice body)
{
	const uint8_t *p = body.p, *end = slice_end(body);
	struct json_in j;

	while (p < end) {
		const uint8_t *stop = memchr(p, '\n', (size_t)(end - p));
		struct slice line = slice_of(p, (size_t)((stop ? stop : end) - p));
		enum problem problem;

		p = stop ? stop + 1 : end;
		json_in_begin(&j, line, ops->arena);
		if (json_in_next(&j) == 0 && j.at == j.end)
			continue;
		problem = take_op(ops, &j);
		if (!problem && !json_in_end(&j))
			problem = not_json(ops, &j);
		if (problem == PROBLEM_JSON_INVALID)
			buf_printf(ops->complaint, " (In the object of operation %zu.)", ops->count);
		if (problem)
			return problem;
	}
	ops->bytes = buf_slice(ops->batch);
	return PROBLEM_NONE;
}

static enum problem no_entry(struct v1_ops *ops)
{
	buf_printf(ops->complaint, "Entry %zu of the message is no put or delete of lsm.WriteBatch, or its fields are not in rising order.",
		   ops->count);
	return PROBLEM_PROTOBUF;
}

/* The next entry, with its limits. */
static enum problem take_entry(struct v1_ops *ops, struct slice *rest)
{
	struct wire_reader r = wire_reader(*rest);
	struct wire_field f;
	struct write_ask ask;

	if (ops->count == BATCH_MAX_OPS)
		return too_many(ops);
	if (wire_next(&r, &f) <= 0 || f.number != 1 || !write_asks_next(rest, &ask) || ask.verb != WRITE_OP)
		return no_entry(ops);
	if (ask.op.expires_at_ms < 0 || (ask.op.is_delete && (ask.op.value.n || ask.op.expires_at_ms)))
		return no_entry(ops);
	ops->decided |= ask.condition != WRITE_ALWAYS;
	return check_op(ops, &ask.op);
}

enum problem v1_ops_protobuf(struct v1_ops *ops, struct slice body)
{
	struct slice rest = body;

	for (; rest.n > 0; ops->count++) {
		enum problem p = take_entry(ops, &rest);

		if (p)
			return p;
	}
	ops->bytes = body;
	return PROBLEM_NONE;
}
