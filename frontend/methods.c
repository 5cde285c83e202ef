/* SPDX-License-Identifier: Apache-2.0 */
/* Allow, and for browsers the same once more under another name. */
#include "frontend/methods.h"

/* "Allow: GET, HEAD, OPTIONS\r\n". */
static const char *write_allow(const struct route_match *m, struct buf *out)
{
	buf_append_str(out, "Allow: ");
	routes_write_methods(m->methods, out);
	buf_append_str(out, "\r\n");
	return buf_cstr(out);
}

void methods_answer_wrong(struct http_request *r, const struct route_match *m)
{
	struct buf fields = BUF_INIT;

	http_answer_problem_with(r, PROBLEM_METHOD_NOT_ALLOWED, NULL, write_allow(m, &fields));
	buf_fini(&fields);
}

void methods_answer_options(struct http_request *r, const struct route_match *m)
{
	const struct cors *cors = r->shared->cors;
	struct slice origin = http_request_field(r, HTTP_FIELD_ORIGIN);
	struct buf fields = BUF_INIT, methods = BUF_INIT;
	struct http_answer a = { .status = 204 };

	write_allow(m, &fields);
	if (cors && http_request_field(r, HTTP_FIELD_CORS_METHOD).n) {
		routes_write_methods(m->methods, &methods);
		cors_preflight_fields(cors, origin, buf_cstr(&methods), &fields);
	}
	a.fields = buf_cstr(&fields);
	http_answer(r, &a);
	buf_fini(&fields);
	buf_fini(&methods);
}
