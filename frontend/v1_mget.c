/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in, items out (v1_mget.h). write_item() runs on any thread, the rest on the event loop. */
#include "frontend/v1_mget.h"

#include <inttypes.h>
#include <stdio.h>

#include "frontend/access.h"
#include "frontend/conditions.h"
#include "frontend/json_in.h"
#include "frontend/reads_many.h"
#include "frontend/text.h"
#include "proto/limits.h"

/* ---- the answer ---- */

#define OPENING "{\"items\":["

static void write_item(struct buf *out, struct slice key, enum st st, const struct entry *e)
{
	buf_append_str(out, out->n ? ",{" : OPENING "{");
	text_member(out, "key", key);
	if (st == ST_OK) {
		buf_append_str(out, ",\"found\":true,");
		text_member(out, "value", e->value);
		buf_append_str(out, ",\"version\":");
		buf_append_u64(out, e->seq.v);
		buf_append_str(out, ",\"timestamp\":");
		buf_append_u64(out, (uint64_t)(e->timestamp_ms / 1000));
	} else {
		buf_append_str(out, st == ST_NOT_FOUND ? ",\"found\":false" : ",\"error\":\"corrupt\"");
	}
	buf_append_byte(out, '}');
}

static void answer_too_large(struct http_request *r, size_t at)
{
	char members[40];
	struct problem_answer a = {
		.members = { (const uint8_t *)members, (size_t)snprintf(members, sizeof members, ",\"index\":%zu", at) }
	};

	http_answer_problem_of(r, PROBLEM_ANSWER_TOO_LARGE, &a);
}

static void answer_items(struct http_request *r, struct reads_many *m, enum st st)
{
	struct buf out = m->out;

	if (st == ST_TOO_BIG) {
		answer_too_large(r, m->at);
	} else if (st) {
		http_answer_problem(r, problem_of(st), NULL);
	} else {
		buf_append_str(&out, m->count ? "" : OPENING);
		buf_printf(&out, "],\"version\":%" PRIu64 "}\n", m->seq.v);
		http_answer_json(r, buf_slice(&out));
	}
	buf_fini(&out);
}

/* ---- the keys ---- */

struct keys { struct slice *list; size_t count, room; bool seen, coded; };

static enum problem complain(struct v1 *v, const struct keys *k, enum problem p, const char *what)
{
	buf_printf(&v->complaint, "\"keys%s[%zu]\" %s.", k->coded ? "_base64" : "", k->count, what);
	return p;
}

static enum problem check_key(struct v1 *v, const struct keys *k, struct slice key)
{
	if (key.n == 0)
		return complain(v, k, PROBLEM_KEY_EMPTY, "is empty; a key is 1 to 1024 bytes");
	if (key.n > KEY_MAX_BYTES)
		return complain(v, k, PROBLEM_KEY_TOO_LONG, "is longer than 1024 bytes");
	return PROBLEM_NONE;
}

static enum problem decode_key(struct v1 *v, struct http_request *r, const struct keys *k, struct slice *keyp)
{
	uint8_t *bytes = arena_alloc(&r->arena, keyp->n);
	size_t n;

	if (!text_unbase64(*keyp, bytes, &n))
		return complain(v, k, PROBLEM_FIELD_VALUE, "is not base64 (RFC 4648, with padding)");
	*keyp = slice_of(bytes, n);
	return PROBLEM_NONE;
}

static void make_room(struct http_request *r, struct keys *k)
{
	size_t room = k->room ? k->room * 4 : 64;
	struct slice *list;

	if (k->count < k->room)
		return;
	list = arena_alloc(&r->arena, room * sizeof *list);
	if (k->count)
		memcpy(list, k->list, k->count * sizeof *list);
	k->list = list;
	k->room = room;
}

static enum problem take_key(struct v1 *v, struct http_request *r, struct keys *k, struct json_in *j)
{
	char next = json_in_next(j);
	enum problem p = PROBLEM_NONE;
	struct slice key;

	if (k->count == BATCH_MAX_OPS) {
		buf_append_str(&v->complaint, "At most 10000 keys are read at once.");
		return PROBLEM_BATCH_TOO_LARGE;
	}
	if (next != 0 && next != '"')
		return complain(v, k, PROBLEM_FIELD_TYPE, "must be a string");
	if (!json_in_string(j, &key))
		return PROBLEM_NONE;     /* told at the end */
	if (k->coded)
		p = decode_key(v, r, k, &key);
	if (!p)
		p = check_key(v, k, key);
	make_room(r, k);
	k->list[k->count] = key;
	k->count += p == PROBLEM_NONE;
	return p;
}

static enum problem take_list(struct v1 *v, struct http_request *r, struct keys *k, struct json_in *j)
{
	enum problem p = PROBLEM_NONE;
	char next = json_in_next(j);
	bool first = true;

	if (next != 0 && next != '[') {
		buf_printf(&v->complaint, "\"keys%s\" must be an array, not %s.", k->coded ? "_base64" : "", json_in_kind(next));
		return PROBLEM_FIELD_TYPE;
	}
	(void)json_in_open(j, '[');
	while (!p && json_in_element(j, &first))
		p = take_key(v, r, k, j);
	return p;
}

static enum problem read_keys(struct v1 *v, struct http_request *r, struct keys *k)
{
	enum problem p = PROBLEM_NONE;
	struct slice name;
	bool first = true;
	struct json_in j;

	json_in_begin(&j, buf_slice(&r->body), &r->arena);
	(void)json_in_open(&j, '{');
	while (!p && json_in_name(&j, &first, &name)) {
		k->coded = slice_eq(name, slice_str("keys_base64"));
		if (k->seen || (!k->coded && !slice_eq(name, slice_str("keys")))) {
			buf_append_str(&v->complaint, "The only member is \"keys\" or \"keys_base64\", one of them, once.");
			return PROBLEM_FIELD_UNKNOWN;
		}
		k->seen = true;
		p = take_list(v, r, k, &j);
	}
	if (p)
		return p;
	if (!json_in_end(&j)) {
		json_in_complain(&j, &v->complaint);
		return PROBLEM_JSON_INVALID;
	}
	if (!k->seen)
		buf_append_str(&v->complaint, "\"keys\" is missing.");
	return k->seen ? PROBLEM_NONE : PROBLEM_FIELD_MISSING;
}

/* false: answered. */
static bool may_read(struct http_request *r, const struct keys *k)
{
	bool may = true;
	size_t i;

	for (i = 0; may && access_is_confined(r) && i < k->count; i++)
		may = access_key(r, k->list[i]);
	return may;
}

void v1_mget(struct v1 *v, struct http_request *r)
{
	struct keys keys = { .count = 0 };
	struct reads_many *m;
	enum problem p;

	if (!v1_takes_json(r) || !conditions_take_none(r) || !v1_take_query(v, r, NULL, 0))
		return;
	buf_reset(&v->complaint);
	p = read_keys(v, r, &keys);
	if (p) {
		http_answer_problem(r, p, buf_cstr(&v->complaint));
		return;
	}
	if (!may_read(r, &keys))
		return;
	m = arena_alloc(&r->arena, sizeof *m);
	*m = (struct reads_many){ .keys = keys.list, .count = keys.count, .max_bytes = MGET_MAX_BYTES, .item = write_item,
				  .done = answer_items };
	reads_get_many(v->reads, r, m);
}
