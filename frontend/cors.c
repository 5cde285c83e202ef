/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An origin is compared byte by byte, as browsers send it: scheme and host in small letters, the port only when it is
 * not the usual one. Answers that depend on the origin say so to caches. No cookies are used here, so none are allowed.
 */
#include "frontend/cors.h"

#define EXPOSED "ETag, Retry-After, Server-Timing, Durability"
#define ALLOWED "Accept, Authorization, Content-Encoding, Content-Type, If-Match, If-None-Match, Last-Event-ID"
#define PREFLIGHT_S "600"

static bool is_separator(uint8_t b)
{
	return b == ' ' || b == ',' || b == '\t';
}

void cors_init(struct cors *c, const char *setting)
{
	struct slice s = slice_str(setting);

	while (s.n && is_separator(s.p[0]))
		s = slice_of(s.p + 1, s.n - 1);
	while (s.n && is_separator(s.p[s.n - 1]))
		s.n--;
	c->origins = s;
	c->any = slice_eq(s, slice_str("*"));
}

static bool allows(const struct cors *c, struct slice origin)
{
	size_t at = 0, n;

	if (origin.n == 0)
		return false;
	if (c->any)
		return true;
	for (; at < c->origins.n; at += n + 1) {
		for (n = 0; at + n < c->origins.n && !is_separator(c->origins.p[at + n]); n++)
			;
		if (slice_eq(origin, slice_of(c->origins.p + at, n)))
			return true;
	}
	return false;
}

void cors_fields(const struct cors *c, struct slice origin, struct buf *out)
{
	if (!cors_is_on(c))
		return;
	if (!c->any)
		buf_append_str(out, "Vary: Origin\r\n");
	if (!allows(c, origin))
		return;
	buf_append_str(out, "Access-Control-Allow-Origin: ");
	buf_append_slice(out, c->any ? slice_str("*") : origin);
	buf_append_str(out, "\r\nAccess-Control-Expose-Headers: " EXPOSED "\r\n");
}

void cors_preflight_fields(const struct cors *c, struct slice origin, const char *methods, struct buf *out)
{
	if (!allows(c, origin))
		return;
	buf_append_str(out, "Access-Control-Allow-Methods: ");
	buf_append_str(out, methods);
	buf_append_str(out, "\r\nAccess-Control-Allow-Headers: " ALLOWED "\r\nAccess-Control-Max-Age: " PREFLIGHT_S "\r\n");
}
