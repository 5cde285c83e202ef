/* SPDX-License-Identifier: Apache-2.0 */
/* A row for each path, compared one after the other: length and bytes. */
#include "frontend/routes.h"

static const struct row {
	const char *pattern;
	size_t length;
	enum route calls[HTTP_M_OTHER];          /* by method; NONE: not with this one */
} rows[] = {
#define ROW(pattern, ...) { pattern, sizeof(pattern) - 1, { __VA_ARGS__ } }
	ROW("/api/read/", [HTTP_M_GET] = ROUTE_READ),
	ROW("/v1/kv/", [HTTP_M_GET] = ROUTE_V1_GET, [HTTP_M_PUT] = ROUTE_V1_PUT, [HTTP_M_DELETE] = ROUTE_V1_DELETE),
	ROW("/v1/increment/", [HTTP_M_POST] = ROUTE_V1_INCREMENT),
	ROW("/v1/batch", [HTTP_M_POST] = ROUTE_V1_BATCH),
	ROW("/v1/mget", [HTTP_M_POST] = ROUTE_V1_MGET),
	ROW("/api/write", [HTTP_M_POST] = ROUTE_WRITE),
	ROW("/api/delete/", [HTTP_M_DELETE] = ROUTE_DELETE),
	ROW("/api/batch", [HTTP_M_POST] = ROUTE_BATCH),
	ROW("/v1/watch", [HTTP_M_GET] = ROUTE_WATCH),
	ROW("/api/stats", [HTTP_M_GET] = ROUTE_STATS),
	ROW("/api/health", [HTTP_M_GET] = ROUTE_HEALTH),
	ROW("/api/metrics", [HTTP_M_GET] = ROUTE_METRICS),
	ROW("/metrics", [HTTP_M_GET] = ROUTE_METRICS),
	ROW("/v1/kv", [HTTP_M_GET] = ROUTE_V1_LIST, [HTTP_M_DELETE] = ROUTE_V1_DELETE_RANGE),
	ROW("/v1/snapshots", [HTTP_M_GET] = ROUTE_V1_SNAPSHOTS),
	ROW("/v1/snapshots/", [HTTP_M_DELETE] = ROUTE_V1_SNAPSHOT_DELETE),
	ROW("/v1/export", [HTTP_M_GET] = ROUTE_V1_EXPORT),
	ROW("/openapi.json", [HTTP_M_GET] = ROUTE_OPENAPI),
	ROW("/v1/import", [HTTP_M_POST] = ROUTE_V1_IMPORT),
	ROW("/livez", [HTTP_M_GET] = ROUTE_LIVE),
	ROW("/readyz", [HTTP_M_GET] = ROUTE_READY),
#undef ROW
};

enum { ROW_COUNT = sizeof rows / sizeof *rows };

static bool fits(const struct row *row, struct slice path)
{
	bool open = row->pattern[row->length - 1] == '/';

	return (open ? path.n >= row->length : path.n == row->length) &&
	       memcmp(path.p, row->pattern, row->length) == 0;
}

static unsigned methods_of(const struct row *row)
{
	unsigned methods = 1u << HTTP_M_OPTIONS, m;

	for (m = 0; m < HTTP_M_OTHER; m++)
		if (row->calls[m])
			methods |= 1u << m;
	return methods & 1u << HTTP_M_GET ? methods | 1u << HTTP_M_HEAD : methods;
}

static struct route_match every_path(enum http_method method, struct slice path)
{
	struct route_match m = { .route = method == HTTP_M_OPTIONS ? ROUTE_OPTIONS : ROUTE_NONE, .argument = { path.p, 0 } };
	size_t i;

	for (i = 0; i < ROW_COUNT; i++)
		m.methods |= methods_of(&rows[i]);
	return m;
}

struct route_match routes_find(enum http_method method, struct slice path)
{
	enum http_method wanted = method == HTTP_M_HEAD ? HTTP_M_GET : method;
	size_t i;

	for (i = 0; i < ROW_COUNT; i++) {
		const struct row *row = &rows[i];
		struct slice rest;

		if (!fits(row, path))
			continue;
		rest = slice_of(path.p + row->length, path.n - row->length);
		if (wanted < HTTP_M_OTHER && row->calls[wanted])
			return (struct route_match){ row->calls[wanted], rest, 0 };
		return (struct route_match){ method == HTTP_M_OPTIONS ? ROUTE_OPTIONS : ROUTE_WRONG_METHOD, rest,
					     methods_of(row) };
	}
	if (slice_eq(path, slice_str("*")))
		return every_path(method, path);
	return (struct route_match){ ROUTE_NONE, slice_of(path.p, 0), 0 };
}

struct access_need routes_need(enum route route)
{
	static const struct access_need nothing = { NEEDS_NOTHING, false, false }, look = { NEEDS_READER, false, false },
					read = { NEEDS_READER, true, true }, write = { NEEDS_WRITER, true, true },
					list = { NEEDS_READER, true, false }, sweep = { NEEDS_WRITER, true, false },
					all = { NEEDS_ADMIN, true, false };

	switch (route) {
	case ROUTE_OPTIONS:              /* a browser asks it before it sends the token */
	case ROUTE_OPENAPI:
	case ROUTE_LIVE:
	case ROUTE_READY:        return nothing;
	case ROUTE_NONE:
	case ROUTE_WRONG_METHOD:
	case ROUTE_STATS:
	case ROUTE_HEALTH:
	case ROUTE_METRICS:      return look;
	case ROUTE_V1_LIST:
	case ROUTE_V1_EXPORT:
	case ROUTE_READ:
	case ROUTE_V1_GET:
	case ROUTE_V1_MGET:
	case ROUTE_WATCH:        return read;
	case ROUTE_V1_DELETE_RANGE:
	case ROUTE_WRITE:
	case ROUTE_DELETE:
	case ROUTE_BATCH:
	case ROUTE_V1_PUT:
	case ROUTE_V1_DELETE:
	case ROUTE_V1_INCREMENT:
	case ROUTE_V1_BATCH:     return write;
	case ROUTE_V1_SNAPSHOTS: return list;
	case ROUTE_V1_IMPORT:
	case ROUTE_V1_SNAPSHOT_DELETE: return sweep;
	}
	return all;
}

void routes_write_methods(unsigned methods, struct buf *out)
{
	static const char *const names[] = {
		[HTTP_M_GET] = "GET", [HTTP_M_HEAD] = "HEAD",     [HTTP_M_POST] = "POST",
		[HTTP_M_PUT] = "PUT", [HTTP_M_DELETE] = "DELETE", [HTTP_M_OPTIONS] = "OPTIONS",
	};
	const char *between = "";
	unsigned m;

	for (m = 0; m < HTTP_M_OTHER; m++) {
		if (!(methods & 1u << m))
			continue;
		buf_append_str(out, between);
		buf_append_str(out, names[m]);
		between = ", ";
	}
}
