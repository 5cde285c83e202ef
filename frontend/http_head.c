/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Line by line with memchr: each line must end in CR LF; the first is method SP target SP version, each with
 * exactly one space; no other begins with a space, a tab or a colon; the empty one ends the head. What stands
 * inside the fields is llhttp's business.
 */
#include "frontend/http_head.h"

bool http_head_is_token_byte(uint8_t c)
{
	if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
		return true;
	return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(struct slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!http_head_is_token_byte(s.p[i]))
			return false;
	return s.n > 0;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* "HTTP/1.1" and "HTTP/1.0"; another digit pair is a version we do not speak, anything else is garbage. */
static enum problem check_version(struct http_head *h, struct slice v)
{
	if (v.n != 8 || memcmp(v.p, "HTTP/", 5) != 0 || !is_digit(v.p[5]) || v.p[6] != '.' ||
	    !is_digit(v.p[7]))
		return PROBLEM_MALFORMED;
	if (v.p[5] != '1' || v.p[7] > '1')
		return PROBLEM_VERSION;
	h->http10 = v.p[7] == '0';
	return PROBLEM_NONE;
}

static enum problem check_target(struct slice t)
{
	size_t i;

	if (t.n == 0)
		return PROBLEM_MALFORMED;
	for (i = 0; i < t.n; i++)
		if (t.p[i] <= 0x20 || t.p[i] >= 0x7f || t.p[i] == '#')
			return PROBLEM_TARGET;
	return PROBLEM_NONE;
}

/* Methods that llhttp knows by name; others stop its parser. */
static bool method_is_known(struct slice m)
{
	static const char *const known[] = { "GET", "HEAD",  "POST",    "DELETE",
					     "PUT", "PATCH", "OPTIONS", "TRACE" };
	size_t i;

	for (i = 0; i < sizeof known / sizeof *known; i++)
		if (slice_eq(m, slice_str(known[i])))
			return true;
	return false;
}

/* The request line without its CR LF. */
static enum problem check_request_line(struct http_head *h, struct slice line)
{
	const uint8_t *end = line.p + line.n;
	const uint8_t *sp1 = memchr(line.p, ' ', line.n), *sp2;
	enum problem p;

	if (!sp1 || !(sp2 = memchr(sp1 + 1, ' ', (size_t)(end - sp1 - 1))))
		return PROBLEM_MALFORMED;
	h->method = slice_of(line.p, (size_t)(sp1 - line.p));
	h->target = slice_of(sp1 + 1, (size_t)(sp2 - sp1 - 1));
	if (!is_token(h->method))
		return PROBLEM_MALFORMED;
	p = check_version(h, slice_of(sp2 + 1, (size_t)(end - sp2 - 1)));
	if (p == PROBLEM_NONE)
		p = check_target(h->target);
	if (p == PROBLEM_NONE && !method_is_known(h->method))
		p = PROBLEM_METHOD_UNKNOWN;
	return p;
}

static enum problem check_line(struct http_head *h, struct slice line)
{
	if (h->lines == 0)
		return check_request_line(h, line);
	if (line.n && (line.p[0] == ' ' || line.p[0] == '\t' || line.p[0] == ':'))
		return PROBLEM_MALFORMED;
	return h->lines > HTTP_HEAD_MAX_FIELDS && line.n ? PROBLEM_HEAD_TOO_LARGE : PROBLEM_NONE;
}

static enum problem too_large(const struct http_head *h)
{
	return h->lines == 0 ? PROBLEM_TARGET_TOO_LONG : PROBLEM_HEAD_TOO_LARGE;
}

enum http_head_state http_head_scan(struct http_head *h, struct slice bytes, size_t *lengthp,
				    enum problem *problemp)
{
	*lengthp = 0;
	*problemp = PROBLEM_NONE;
	for (;;) {
		const uint8_t *line = bytes.p + h->line;
		const uint8_t *lf = memchr(line, '\n', bytes.n - h->line);
		size_t n;

		if (!lf || (size_t)(lf + 1 - bytes.p) > HTTP_HEAD_MAX_BYTES) {
			*problemp = bytes.n >= HTTP_HEAD_MAX_BYTES ? too_large(h) : PROBLEM_NONE;
			return *problemp ? HTTP_HEAD_BAD : HTTP_HEAD_MORE;
		}
		n = (size_t)(lf - line);
		if (n == 0 || line[n - 1] != '\r')
			*problemp = PROBLEM_MALFORMED;
		else
			*problemp = check_line(h, slice_of(line, n - 1));
		if (*problemp)
			return HTTP_HEAD_BAD;
		if (h->lines == 0)
			h->target_at = (size_t)(h->target.p - bytes.p);
		h->lines++;
		h->line += n + 1;
		if (n == 1)
			break;
	}
	h->target.p = bytes.p + h->target_at;
	h->method.p = bytes.p;
	*lengthp = h->line;
	return HTTP_HEAD_COMPLETE;
}

/* ":" and up to five digits, or nothing. */
static bool port_valid(struct slice s)
{
	size_t i;

	if (s.n == 0)
		return true;
	if (s.p[0] != ':' || s.n > 6)
		return false;
	for (i = 1; i < s.n; i++)
		if (!is_digit(s.p[i]))
			return false;
	return true;
}

/* What a registered name or an IPv4 address is made of (RFC 3986 3.2.2); % is not looked behind. */
static const bool host_bytes[256] = {
	['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
	['-'] = true, ['.'] = true, ['_'] = true, ['~'] = true, ['%'] = true, ['!'] = true, ['$'] = true, ['&'] = true,
	['\''] = true, ['('] = true, [')'] = true, ['*'] = true, ['+'] = true, [';'] = true, ['='] = true,
};

bool http_head_host_valid(struct slice v)
{
	size_t i = 0;

	if (v.n && v.p[0] == '[') {
		for (i = 1; i < v.n && v.p[i] != ']'; i++)
			if (v.p[i] == 0 || !strchr("0123456789abcdefABCDEF:.", v.p[i]))
				return false;
		return i > 1 && i < v.n && port_valid(slice_of(v.p + i + 1, v.n - i - 1));
	}
	while (i < v.n && host_bytes[v.p[i]])
		i++;
	return i > 0 && port_valid(slice_of(v.p + i, v.n - i));
}
