/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of JSON text (json_in.h). Pure. */
#include "frontend/json_in.h"

#include "frontend/text_scan.h"

void json_in_begin(struct json_in *j, struct slice text, struct arena *arena)
{
	*j = (struct json_in){ text.p, text.p, slice_end(text), arena, NULL };
}

static bool wrong(struct json_in *j, const char *what)
{
	if (!j->wrong)
		j->wrong = what;
	return false;
}

/* The next byte that is no white space, 0 at the end and after an error. */
static uint8_t peek(struct json_in *j)
{
	if (j->wrong)
		return 0;
	while (j->at < j->end && (*j->at == ' ' || *j->at == '\n' || *j->at == '\r' || *j->at == '\t'))
		j->at++;
	return j->at < j->end ? *j->at : 0;
}

char json_in_next(struct json_in *j)
{
	uint8_t c = peek(j);

	if (c == '-' || (c >= '0' && c <= '9'))
		return '0';
	return c == '{' || c == '[' || c == '"' || c == 't' || c == 'f' || c == 'n' ? (char)c : 0;
}

const char *json_in_kind(char next)
{
	switch (next) {
	case '{': return "an object";
	case '[': return "an array";
	case '"': return "a string";
	case '0': return "a number";
	case 't':
	case 'f': return "a boolean";
	case 'n': return "null";
	}
	return "something else";
}

bool json_in_open(struct json_in *j, char bracket)
{
	if (peek(j) != (uint8_t)bracket)
		return wrong(j, bracket == '{' ? "an object is expected" : "an array is expected");
	j->at++;
	return true;
}

/* Steps over what stands between two elements; false behind the last one. */
static bool go_on(struct json_in *j, bool *firstp, uint8_t close)
{
	uint8_t c = peek(j);
	bool first = *firstp;

	*firstp = false;
	if (c == close) {
		j->at++;
		return false;
	}
	if (first)
		return !j->wrong;
	if (c != ',')
		return wrong(j, close == '}' ? "',' or '}' is expected" : "',' or ']' is expected");
	j->at++;
	return true;
}

bool json_in_name(struct json_in *j, bool *firstp, struct slice *namep)
{
	if (!go_on(j, firstp, '}'))
		return false;
	if (peek(j) != '"')
		return wrong(j, "a name in quotes is expected");
	if (!json_in_string(j, namep))
		return false;
	if (peek(j) != ':')
		return wrong(j, "':' is expected");
	j->at++;
	return true;
}

bool json_in_element(struct json_in *j, bool *firstp)
{
	return go_on(j, firstp, ']');
}

/* ---- strings ---- */

/* Goes from *pp, inside a string, to its next quote or backslash; false at a byte that may not stand there. */
static bool run(struct json_in *j, const uint8_t **pp)
{
	const uint8_t *p = *pp, *end = j->end;
	uint64_t w;
	size_t n = 1;

	while (n && p < end) {
		while (end - p >= 8 && (memcpy(&w, p, 8), text_special_bytes(w) == 0))
			p += 8;
		if (p == end || *p == '"' || *p == '\\')
			break;
		n = *p < 0x20 ? 0 : *p < 0x80 ? 1 : text_utf8_length(p, end);
		p += n;
	}
	*pp = p;
	if (n && p < end)
		return true;
	j->at = p;
	if (p == end)
		return wrong(j, "a string does not end");
	return wrong(j, *p < 0x20 ? "a control character must be escaped in a string" : "a string is not UTF-8");
}

/* The 16 bits of four hexadecimal digits at p; above 0xffff: they are none. */
static uint32_t hex4(const uint8_t *p, const uint8_t *end)
{
	uint32_t v = 0;
	unsigned i;

	if (end - p < 4)
		return UINT32_MAX;
	for (i = 0; i < 4; i++) {
		uint8_t c = p[i], low = c | 0x20;

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if (low >= 'a' && low <= 'f')
			v = v << 4 | (uint32_t)(low - 'a' + 10);
		else
			return UINT32_MAX;
	}
	return v;
}

static uint8_t *put_utf8(uint8_t *o, uint32_t c)
{
	if (c < 0x80) {
		*o++ = (uint8_t)c;
		return o;
	}
	if (c < 0x800) {
		*o++ = (uint8_t)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*o++ = (uint8_t)(0xe0 | c >> 12);
		} else {
			*o++ = (uint8_t)(0xf0 | c >> 18);
			*o++ = (uint8_t)(0x80 | (c >> 12 & 63));
		}
		*o++ = (uint8_t)(0x80 | (c >> 6 & 63));
	}
	*o++ = (uint8_t)(0x80 | (c & 63));
	return o;
}

/* "\uXXXX", for what lies beyond 16 bits a pair of them; *pp stands behind the u. */
static bool unescape_code(struct json_in *j, const uint8_t **pp, uint8_t **op)
{
	const uint8_t *p = *pp;
	uint32_t c = hex4(p, j->end), low;

	j->at = p - 2;
	if (c == UINT32_MAX)
		return wrong(j, "\\u is not followed by four hexadecimal digits");
	p += 4;
	if (c >= 0xd800 && c <= 0xdfff) {
		low = j->end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2, j->end) : UINT32_MAX;
		if (c > 0xdbff || low < 0xdc00 || low > 0xdfff)
			return wrong(j, "half of a surrogate pair stands alone");
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		p += 6;
	}
	*op = put_utf8(*op, c);
	*pp = p;
	return true;
}

/* One escape; *pp stands at the backslash. */
static bool unescape(struct json_in *j, const uint8_t **pp, uint8_t **op)
{
	static const uint8_t plain[256] = { ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
					    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t' };
	const uint8_t *p = *pp + 1;

	if (p < j->end && *p == 'u') {
		*pp = p + 1;
		return unescape_code(j, pp, op);
	}
	if (p == j->end || !plain[*p]) {
		j->at = p;
		return wrong(j, "an unknown escape in a string");
	}
	*(*op)++ = plain[*p];
	*pp = p + 1;
	return true;
}

/* How many bytes of text, from p on, belong to the string: an upper bound of what they stand for. */
static size_t rest_of_string(const struct json_in *j, const uint8_t *p)
{
	const uint8_t *from = p;

	while (p < j->end && *p != '"')
		p += *p == '\\' && j->end - p > 1 ? 2 : 1;
	return (size_t)(p - from);
}

/* The first escape stands at p; the string began at from. */
static bool string_with_escapes(struct json_in *j, const uint8_t *from, const uint8_t *p, struct slice *sp)
{
	size_t head = (size_t)(p - from);
	uint8_t *out = arena_alloc(j->arena, head + rest_of_string(j, p) + 1), *o = out;

	memcpy(o, from, head);
	o += head;
	while (*p != '"') {
		const uint8_t *piece;

		if (!unescape(j, &p, &o))
			return false;
		piece = p;
		if (!run(j, &p))
			return false;
		memcpy(o, piece, (size_t)(p - piece));
		o += p - piece;
	}
	*sp = slice_of(out, (size_t)(o - out));
	j->at = p + 1;
	return true;
}

bool json_in_string(struct json_in *j, struct slice *sp)
{
	const uint8_t *from, *p;

	if (peek(j) != '"')
		return wrong(j, "a string is expected");
	from = p = j->at + 1;
	if (!run(j, &p))
		return false;
	if (*p == '\\')
		return string_with_escapes(j, from, p, sp);
	*sp = slice_of(from, (size_t)(p - from));
	j->at = p + 1;
	return true;
}

/* ---- other values ---- */

static bool literal(struct json_in *j, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(j->end - j->at) < n || memcmp(j->at, text, n) != 0)
		return wrong(j, "true or false is expected");
	j->at += n;
	return true;
}

bool json_in_bool(struct json_in *j, bool *vp)
{
	*vp = peek(j) == 't';
	return !j->wrong && literal(j, *vp ? "true" : "false");
}

static size_t digits_at(const uint8_t *p, const uint8_t *end)
{
	size_t n = 0;

	while (p + n < end && p[n] >= '0' && p[n] <= '9')
		n++;
	return n;
}

/* The sum of digits as a number of this sign; false: it does not fit. */
static bool to_integer(const uint8_t *p, size_t n, bool negative, int64_t *vp)
{
	uint64_t v = 0, most = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
	size_t i;

	for (i = 0; i < n; i++) {
		uint64_t digit = (uint64_t)p[i] - '0';

		if (v > (most - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*vp = negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

/* Fraction and exponent; *pp moves behind them. false: they are not complete. */
static bool skip_fraction(const uint8_t **pp, const uint8_t *end)
{
	const uint8_t *p = *pp;
	size_t n;

	if (p < end && *p == '.') {
		n = digits_at(++p, end);
		p += n;
		if (n == 0)
			return false;
	}
	if (p < end && (*p | 0x20) == 'e') {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		n = digits_at(p, end);
		p += n;
		if (n == 0)
			return false;
	}
	*pp = p;
	return true;
}

bool json_in_integer(struct json_in *j, int64_t *vp, bool *wholep)
{
	bool negative = peek(j) == '-';
	const uint8_t *digits = j->at + negative, *p;
	size_t n = j->wrong ? 0 : digits_at(digits, j->end);

	*vp = 0;
	if (n == 0 || (n > 1 && *digits == '0'))
		return wrong(j, "a number is expected");
	p = digits + n;
	if (!skip_fraction(&p, j->end))
		return wrong(j, "a number is not complete");
	*wholep = p == digits + n && to_integer(digits, n, negative, vp);
	j->at = p;
	return true;
}

bool json_in_end(struct json_in *j)
{
	(void)peek(j);
	return !j->wrong && (j->at == j->end || wrong(j, "something follows behind the end"));
}

void json_in_complain(const struct json_in *j, struct buf *complaint)
{
	const uint8_t *p, *line = j->begin;
	size_t lines = 1;

	for (p = j->begin; p < j->at; p++)
		if (*p == '\n') {
			lines++;
			line = p + 1;
		}
	buf_printf(complaint, "Line %zu, column %zu: %s.", lines, (size_t)(j->at - line) + 1,
		   j->wrong ? j->wrong : "a value is expected");
}
