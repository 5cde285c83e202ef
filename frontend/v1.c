/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of the native API take out of every request (v1.h). */
#include "frontend/v1.h"

#include <strings.h>

#include "frontend/access.h"
#include "frontend/urlcode.h"
#include "proto/limits.h"

bool v1_take_key(struct http_request *r, struct slice argument)
{
	enum problem p = PROBLEM_NONE;
	uint8_t *key = arena_alloc(&r->arena, argument.n + 1);
	size_t n;

	if (!urlcode_decode_bytes(argument, key, &n))
		p = PROBLEM_KEY_INVALID;
	else if (n == 0)
		p = PROBLEM_KEY_EMPTY;
	else if (n > KEY_MAX_BYTES)
		p = PROBLEM_KEY_TOO_LONG;
	r->key = slice_of(key, n);
	if (p) {
		http_answer_problem(r, p, NULL);
		return false;
	}
	return access_key(r, r->key);
}

static bool judge(struct v1 *v, struct http_request *r, enum problem p)
{
	if (p)
		http_answer_problem(r, p, buf_cstr(&v->complaint));
	return p == PROBLEM_NONE;
}

bool v1_take_query(struct v1 *v, struct http_request *r, struct query_param *params, size_t count)
{
	if (r->query.n == 0)
		return true;
	buf_reset(&v->complaint);
	return judge(v, r, query_read(r->query, &r->arena, params, count, &v->complaint));
}

bool v1_take_flag(struct v1 *v, struct http_request *r, const struct query_param *p, bool *vp)
{
	buf_reset(&v->complaint);
	return judge(v, r, query_flag(p, vp, &v->complaint));
}

bool v1_take_number(struct v1 *v, struct http_request *r, const struct query_param *p, uint64_t min, uint64_t max, uint64_t *vp)
{
	buf_reset(&v->complaint);
	return judge(v, r, query_number(p, min, max, vp, &v->complaint));
}

bool v1_is_type(struct slice content_type, const char *type)
{
	const uint8_t *semicolon = content_type.n ? memchr(content_type.p, ';', content_type.n) : NULL;
	size_t n = semicolon ? (size_t)(semicolon - content_type.p) : content_type.n;

	while (n > 0 && (content_type.p[n - 1] == ' ' || content_type.p[n - 1] == '\t'))
		n--;
	return n == strlen(type) && strncasecmp((const char *)content_type.p, type, n) == 0;
}

bool v1_takes_json(struct http_request *r)
{
	struct slice type = http_request_field(r, HTTP_FIELD_CONTENT_TYPE);

	if (!type.p || v1_is_type(type, "application/json"))
		return true;
	http_answer_problem(r, PROBLEM_MEDIA_TYPE, "The body must be application/json.");
	return false;
}
