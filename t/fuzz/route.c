/* SPDX-License-Identifier: Apache-2.0 */
/* What a request is about, from its first byte as the method and the rest as a path; and the values of fields, from the same. */
#include "frontend/routes.h"

#include "frontend/cors.h"
#include "frontend/etag.h"
#include "frontend/http_coding.h"
#include "t/fuzz/fuzz.h"

FUZZ_SEEDS("route",
	FUZZ_SEED("0/api/read/user%3A1"), FUZZ_SEED("2/api/write"), FUZZ_SEED("4/api/delete/a/b"), FUZZ_SEED("5*"), FUZZ_SEED("1/metrics"),
	FUZZ_SEED("3/v1/kv/a"), FUZZ_SEED("0/"), FUZZ_SEED("0"), FUZZ_SEED("6/livez"), FUZZ_SEED("0gzip;q=0.5, identity; q=0, *;q=1.000"),
	FUZZ_SEED("0W/\"17\", \"18\" , *"), FUZZ_SEED("0\"18446744073709551615\""), FUZZ_SEED("0*"), FUZZ_SEED("0https://app.example"),
	FUZZ_SEED("0x-gzip"), FUZZ_SEED("0null"));

static void has_a_route_or_none(enum http_method method, struct slice path)
{
	struct route_match m = routes_find(method, path);
	struct buf out = BUF_INIT;

	must(m.argument.n <= path.n);
	if (m.argument.n)
		must(m.argument.p + m.argument.n == path.p + path.n);
	if (m.route == ROUTE_WRONG_METHOD || m.route == ROUTE_OPTIONS) {
		must(m.methods & 1u << HTTP_M_OPTIONS);
		must(m.route == ROUTE_OPTIONS || method == HTTP_M_OTHER || !(m.methods & 1u << method));
		routes_write_methods(m.methods, &out);
		must(out.n > 0);
	}
	if (method == HTTP_M_HEAD)
		must(m.route == routes_find(HTTP_M_GET, path).route);
	buf_fini(&out);
}

/* No line break of a client may reach our own fields. */
static void holds_no_line_break(struct slice origin)
{
	struct cors cors;
	struct buf out = BUF_INIT;
	size_t i, lines = 0;

	cors_init(&cors, "https://app.example https://b.example");
	cors_fields(&cors, origin, &out);
	cors_preflight_fields(&cors, origin, "GET, HEAD", &out);
	for (i = 0; i < out.n; i++)
		lines += out.p[i] == '\n';
	must(lines <= 8);
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice rest;
	unsigned takes;

	if (n == 0)
		return 0;
	rest = slice_of(bytes + 1, n - 1);
	has_a_route_or_none((enum http_method)(bytes[0] % (HTTP_M_OTHER + 1)), rest);
	takes = http_coding_accepted(rest);
	must(!(takes & HTTP_PREFERS_GZIP) || takes & HTTP_TAKES_GZIP);
	(void)http_coding_of(rest);
	must(etag_read(rest, 17, false).matches <= etag_read(rest, 17, true).matches);
	holds_no_line_break(rest);
	return 0;
}
