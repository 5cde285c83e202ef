/* SPDX-License-Identifier: Apache-2.0 */
/* jansson's tree of one line, walked once. Pure. */
#include "frontend/json_entry.h"

#include <jansson.h>

#include "frontend/text.h"
#include "proto/write.h"

#define EXPIRES_MAX_S 9e12               /* in milliseconds it still fits into 53 bits */

static enum problem complain(struct buf *complaint, enum problem p, const char *name, const char *what)
{
	buf_printf(complaint, "\"%.64s\" %s.", name, what);
	return p;
}

/* The bytes of a member that comes as text or as base64, decoded into scratch; found tells whether it was one of the two. */
static enum problem take_bytes(const char *name, const char *member, json_t *v, struct buf *scratch, struct slice *sp, bool *found)
{
	size_t n = strlen(name);
	bool coded;

	*found = strncmp(member, name, n) == 0 && (member[n] == '\0' || strcmp(member + n, "_base64") == 0);
	if (!*found)
		return PROBLEM_NONE;
	coded = member[n] != '\0';
	if (sp->p)
		return PROBLEM_FIELD_VALUE;
	if (!json_is_string(v))
		return PROBLEM_FIELD_TYPE;
	*sp = slice_of(json_string_value(v), json_string_length(v));
	if (!coded)
		return PROBLEM_NONE;
	buf_reset(scratch);
	if (!text_unbase64(*sp, buf_reserve(scratch, sp->n / 4 * 3 + 1), &scratch->n))
		return PROBLEM_FIELD_VALUE;
	*sp = slice_of(scratch->p, scratch->n);
	return PROBLEM_NONE;
}

static enum problem take_expiry(json_t *v, int64_t *ms)
{
	double s;

	if (!json_is_number(v))
		return PROBLEM_FIELD_TYPE;
	s = json_number_value(v);
	if (!(s >= 0.001 && s <= EXPIRES_MAX_S))
		return PROBLEM_FIELD_VALUE;
	*ms = (int64_t)(s * 1000 + 0.5);
	return PROBLEM_NONE;
}

static enum problem take_member(const char *name, json_t *v, struct write_op *op, struct buf *keys, struct buf *values)
{
	bool found;
	enum problem p = take_bytes("key", name, v, keys, &op->key, &found);

	if (!found && !p)
		p = take_bytes("value", name, v, values, &op->value, &found);
	if (found || p)
		return p;
	if (strcmp(name, "expires_at") == 0)
		return take_expiry(v, &op->expires_at_ms);
	if (strcmp(name, "version") == 0 || strcmp(name, "timestamp") == 0)
		return json_is_number(v) ? PROBLEM_NONE : PROBLEM_FIELD_TYPE;
	return PROBLEM_FIELD_UNKNOWN;
}

static enum problem check(const struct write_op *op, struct buf *complaint)
{
	if (!op->key.p || !op->value.p)
		return complain(complaint, PROBLEM_FIELD_MISSING, op->key.p ? "value" : "key", "is missing");
	if (op->key.n == 0)
		return complain(complaint, PROBLEM_KEY_EMPTY, "key", "is empty; a key is 1 to 1024 bytes");
	if (op->key.n > KEY_MAX_BYTES)
		return complain(complaint, PROBLEM_KEY_TOO_LONG, "key", "is longer than 1024 bytes");
	if (op->value.n > VALUE_MAX_BYTES)
		return complain(complaint, PROBLEM_VALUE_TOO_LARGE, "value", "is larger than 8 MiB");
	return PROBLEM_NONE;
}

static enum problem read_object(json_t *root, struct buf *batch, struct buf *complaint)
{
	struct buf keys = BUF_INIT, values = BUF_INIT;
	struct write_op op = { .is_delete = false };
	enum problem p = PROBLEM_NONE;
	const char *name;
	json_t *v;

	json_object_foreach(root, name, v) {
		p = take_member(name, v, &op, &keys, &values);
		if (p == PROBLEM_FIELD_UNKNOWN)
			complain(complaint, p, name, "is not a known field of an entry");
		else if (p)
			complain(complaint, p, name, "is given twice, has the wrong type, or a value that is not allowed");
		if (p)
			break;
	}
	if (!p)
		p = check(&op, complaint);
	if (!p)
		write_batch_add(batch, &op);
	buf_fini(&keys);
	buf_fini(&values);
	return p;
}

enum problem json_read_entry(struct slice line, struct buf *batch, struct buf *complaint)
{
	json_error_t error;
	json_t *root = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	enum problem p = PROBLEM_JSON_INVALID;

	if (root && json_is_object(root))
		p = read_object(root, batch, complaint);
	else if (root)
		buf_append_str(complaint, "A record is a JSON object.");
	else
		buf_printf(complaint, "Column %d: %s.", error.column, error.text);
	json_decref(root);
	return p;
}
