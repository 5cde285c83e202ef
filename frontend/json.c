/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A body becomes jansson's tree, the tree is walked once with the list of members allowed where we stand, and
 * the operations go straight into the batch's wire format while the tree still holds their bytes.
 */
#include "frontend/json.h"

#include <jansson.h>

#include "proto/write.h"

enum { VALUES_MAX = 10 * BATCH_MAX_OPS };        /* in a body; an operation has at most 9 of "[{:," */

/* What an object may hold. */
struct member {
	const char *name;
	json_t **valuep;
};

/* Where we are, for complaints ("operations[3]." or ""), and when: a ttl counts from now_ms. */
struct place {
	const char *prefix;
	struct buf *complaint;
	int64_t now_ms;
};

static const char *kind_of(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:  return "an object";
	case JSON_ARRAY:   return "an array";
	case JSON_STRING:  return "a string";
	case JSON_INTEGER:
	case JSON_REAL:    return "a number";
	case JSON_TRUE:
	case JSON_FALSE:   return "a boolean";
	case JSON_NULL:    return "null";
	}
	return "something else";
}

static enum problem complain(const struct place *at, enum problem p, const char *name, const char *what,
			     const char *kind)
{
	buf_printf(at->complaint, "\"%s%.64s\" %s%s.", at->prefix, name, what, kind);
	return p;
}

static const struct member *member_of(const struct member *members, const char *name)
{
	for (; members->name; members++)
		if (strcmp(members->name, name) == 0)
			return members;
	return NULL;
}

/* Sorts the members of object into *valuep; an unknown one is refused. Absent ones stay NULL. */
static enum problem take_members(json_t *object, const struct member *members, const struct place *at)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value) {
		const struct member *m = member_of(members, name);

		if (!m)
			return complain(at, PROBLEM_FIELD_UNKNOWN, name, "is not a known field", "");
		*m->valuep = value;
	}
	return PROBLEM_NONE;
}

static enum problem take_string(json_t *v, const char *name, const struct place *at, struct slice *sp)
{
	if (!v)
		return complain(at, PROBLEM_FIELD_MISSING, name, "is missing", "");
	if (!json_is_string(v))
		return complain(at, PROBLEM_FIELD_TYPE, name, "must be a string, not ", kind_of(v));
	*sp = slice_of(json_string_value(v), json_string_length(v));
	return PROBLEM_NONE;
}

static enum problem take_key(json_t *v, const struct place *at, struct slice *sp)
{
	enum problem p = take_string(v, "key", at, sp);

	if (p)
		return p;
	if (sp->n == 0)
		return complain(at, PROBLEM_KEY_EMPTY, "key", "is empty; a key is 1 to 1024 bytes", "");
	if (sp->n > KEY_MAX_BYTES)
		return complain(at, PROBLEM_KEY_TOO_LONG, "key", "is longer than 1024 bytes", "");
	return PROBLEM_NONE;
}

static enum problem take_value(json_t *v, const struct place *at, struct slice *sp)
{
	enum problem p = take_string(v, "value", at, sp);

	if (p)
		return p;
	if (sp->n > VALUE_MAX_BYTES)
		return complain(at, PROBLEM_VALUE_TOO_LARGE, "value", "is larger than 8 MiB", "");
	return PROBLEM_NONE;
}

/* "ttl" is optional: seconds from now. Turned into the moment of expiry here, once, so that everything behind (the
 * log, a replay, a repeated message) has the moment and no clock. */
static enum problem take_ttl(json_t *v, const struct place *at, int64_t *expires_at_msp)
{
	json_int_t ttl;

	if (!v)
		return PROBLEM_NONE;
	if (json_is_real(v))
		return complain(at, PROBLEM_FIELD_TYPE, "ttl", "must be a whole number of seconds", "");
	if (!json_is_integer(v))
		return complain(at, PROBLEM_FIELD_TYPE, "ttl", "must be a number of seconds, not ", kind_of(v));
	ttl = json_integer_value(v);
	if (ttl < 1 || ttl > TTL_MAX_SECONDS)
		return complain(at, PROBLEM_FIELD_VALUE, "ttl", "must be 1 to 3153600000 seconds", "");
	*expires_at_msp = (at->now_ms > 0 ? at->now_ms : 0) + (int64_t)ttl * 1000;
	return PROBLEM_NONE;
}

/* Are there more values than the largest batch has? Each but the first stands behind one of "[{:,", so those
 * outside of strings are counted. The tree of an accepted body must not cost many times the body: jansson takes
 * up to 100 bytes for a value of two. */
static bool has_too_many_values(struct slice body)
{
	bool in_string = false;
	size_t i, values = 0;

	for (i = 0; i < body.n && values <= VALUES_MAX; i++)
		switch (body.p[i]) {
		case '"':
			in_string = !in_string;
			break;
		case '\\':
			i += in_string;
			break;
		case '[':
		case '{':
		case ':':
		case ',':
			values += !in_string;
			break;
		}
	return values > VALUES_MAX;
}

/* Parses the body; NULL with a complaint when it is no JSON object. */
static json_t *load(struct slice body, enum problem *pp, struct buf *complaint)
{
	json_error_t error;
	json_t *root;

	*pp = PROBLEM_BATCH_TOO_LARGE;
	if (body.n > VALUES_MAX && has_too_many_values(body)) {
		buf_append_str(complaint, "The body holds more values than a batch of 10000 operations.");
		return NULL;
	}
	root = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	*pp = PROBLEM_NONE;
	if (root && json_is_object(root))
		return root;
	*pp = PROBLEM_JSON_INVALID;
	if (body.n == 0)
		buf_append_str(complaint, "The body is empty; a JSON object is expected.");
	else if (root)
		buf_printf(complaint, "The body must be a JSON object, not %s.", kind_of(root));
	else
		buf_printf(complaint, "Line %d, column %d: %s.", error.line, error.column, error.text);
	json_decref(root);
	return NULL;
}

/* "operations" of a write body is a common mix-up; it is told as an unknown field like any other. */
static enum problem read_put(json_t *object, const struct place *at, struct write_op *op)
{
	json_t *key = NULL, *value = NULL, *ttl = NULL;
	const struct member members[] = {
		{ "key", &key }, { "value", &value }, { "ttl", &ttl }, { NULL, NULL }
	};
	enum problem p = take_members(object, members, at);

	if (!p)
		p = take_key(key, at, &op->key);
	if (!p)
		p = take_value(value, at, &op->value);
	return p ? p : take_ttl(ttl, at, &op->expires_at_ms);
}

enum problem json_read_write(struct slice body, int64_t now_ms, struct buf *batch, struct buf *complaint)
{
	const struct place at = { "", complaint, now_ms };
	struct write_op op = { 0 };
	enum problem p;
	json_t *root = load(body, &p, complaint);

	if (!root)
		return p;
	p = read_put(root, &at, &op);
	if (!p)
		write_batch_add(batch, &op);
	json_decref(root);
	return p;
}

static enum problem read_type(json_t *v, const struct place *at, bool *is_deletep)
{
	struct slice type;
	enum problem p = take_string(v, "type", at, &type);

	if (p)
		return p;
	*is_deletep = slice_eq(type, slice_str("delete"));
	if (!*is_deletep && !slice_eq(type, slice_str("write")))
		return complain(at, PROBLEM_FIELD_VALUE, "type", "must be \"write\" or \"delete\"", "");
	return PROBLEM_NONE;
}

static enum problem read_operation(json_t *object, const struct place *at, struct write_op *op)
{
	json_t *type = NULL, *key = NULL, *value = NULL, *ttl = NULL;
	const struct member members[] = {
		{ "type", &type }, { "key", &key }, { "value", &value }, { "ttl", &ttl }, { NULL, NULL }
	};
	enum problem p;

	if (!json_is_object(object)) {
		buf_printf(at->complaint, "\"%.*s\" must be an object, not %s.", (int)strlen(at->prefix) - 1,
			   at->prefix, kind_of(object));
		return PROBLEM_FIELD_TYPE;
	}
	p = take_members(object, members, at);
	if (!p)
		p = read_type(type, at, &op->is_delete);
	if (!p)
		p = take_key(key, at, &op->key);
	if (p)
		return p;
	if (op->is_delete && (value || ttl))
		return complain(at, PROBLEM_FIELD_UNKNOWN, value ? "value" : "ttl", "does not belong into a delete", "");
	if (op->is_delete)
		return PROBLEM_NONE;
	p = take_value(value, at, &op->value);
	return p ? p : take_ttl(ttl, at, &op->expires_at_ms);
}

static enum problem read_operations(json_t *list, int64_t now_ms, struct buf *batch, struct buf *complaint)
{
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		char prefix[48];
		const struct place at = { prefix, complaint, now_ms };
		struct write_op op = { 0 };
		enum problem p;

		snprintf(prefix, sizeof prefix, "operations[%zu].", i);
		p = read_operation(json_array_get(list, i), &at, &op);
		if (p)
			return p;
		write_batch_add(batch, &op);
	}
	return PROBLEM_NONE;
}

static enum problem read_list(json_t *root, json_t **listp, struct buf *complaint)
{
	const struct member members[] = { { "operations", listp }, { NULL, NULL } };
	const struct place at = { "", complaint, 0 };
	enum problem p = take_members(root, members, &at);

	if (p)
		return p;
	if (!*listp)
		return complain(&at, PROBLEM_FIELD_MISSING, "operations", "is missing", "");
	if (!json_is_array(*listp))
		return complain(&at, PROBLEM_FIELD_TYPE, "operations", "must be an array, not ",
				kind_of(*listp));
	if (json_array_size(*listp) > BATCH_MAX_OPS)
		return complain(&at, PROBLEM_BATCH_TOO_LARGE, "operations",
				"holds more than 10000 operations", "");
	return PROBLEM_NONE;
}

enum problem json_read_batch(struct slice body, int64_t now_ms, struct buf *batch, size_t *countp,
			     struct buf *complaint)
{
	size_t before = batch->n;
	json_t *list = NULL;
	enum problem p;
	json_t *root = load(body, &p, complaint);

	*countp = 0;
	if (!root)
		return p;
	p = read_list(root, &list, complaint);
	if (!p)
		p = read_operations(list, now_ms, batch, complaint);
	if (p)
		batch->n = before;
	else
		*countp = json_array_size(list);
	json_decref(root);
	return p;
}
