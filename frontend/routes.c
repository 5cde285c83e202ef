/* SPDX-License-Identifier: Apache-2.0 */
/* Ten rows, compared one after the other: length and bytes. */
#include "frontend/routes.h"

#define ALLOW_GET "Allow: GET, HEAD\r\n"

static const struct row {
	const char *pattern;
	size_t length;
	enum http_method method;
	enum route route;
	const char *allow;
} rows[] = {
#define ROW(pattern, method, route, allow)                                                                   \
	{                                                                                                    \
		pattern, sizeof(pattern) - 1, HTTP_M_##method, ROUTE_##route, allow                          \
	}
	ROW("/api/read/", GET, READ, ALLOW_GET),
	ROW("/api/write", POST, WRITE, "Allow: POST\r\n"),
	ROW("/api/delete/", DELETE, DELETE, "Allow: DELETE\r\n"),
	ROW("/api/batch", POST, BATCH, "Allow: POST\r\n"),
	ROW("/api/stats", GET, STATS, ALLOW_GET),
	ROW("/api/health", GET, HEALTH, ALLOW_GET),
	ROW("/api/metrics", GET, METRICS, ALLOW_GET),
	ROW("/livez", GET, LIVE, ALLOW_GET),
	ROW("/readyz", GET, READY, ALLOW_GET),
#undef ROW
};

static bool fits(const struct row *row, struct slice path)
{
	bool open = row->pattern[row->length - 1] == '/';

	return (open ? path.n >= row->length : path.n == row->length) &&
	       memcmp(path.p, row->pattern, row->length) == 0;
}

struct route_match routes_find(enum http_method method, struct slice path)
{
	enum http_method wanted = method == HTTP_M_HEAD ? HTTP_M_GET : method;
	size_t i;

	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *row = &rows[i];
		struct slice rest;

		if (!fits(row, path))
			continue;
		rest = slice_of(path.p + row->length, path.n - row->length);
		if (row->method != wanted)
			return (struct route_match){ ROUTE_WRONG_METHOD, rest, row->allow };
		return (struct route_match){ row->route, rest, NULL };
	}
	return (struct route_match){ ROUTE_NONE, slice_of(path.p, 0), NULL };
}
