/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reply's hot loop: most values are plain ASCII, so eight bytes are looked at in one step and copied when
 * none of them is a control, a quote, a backslash or 8-bit. The rest goes byte by byte.
 *
 * U+007F and U+2028 need no escape.
 */
#include "frontend/text.h"

#include "frontend/text_scan.h"

size_t text_utf8_length(const uint8_t *p, const uint8_t *end)
{
	size_t left = (size_t)(end - p);

	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		return left >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
	if ((p[0] & 0xf0) == 0xe0) {
		if (left < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
			return 0;
		return (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ? 0 : 3;
	}
	if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		if (left < 4 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80)
			return 0;
		return (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f) ? 0 : 4;
	}
	return 0;
}

/* Writes the escape of an ASCII byte that needs one. */
static uint8_t *put_escape(uint8_t *o, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	static const char shorts[0x20] = {
		['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'
	};

	*o++ = '\\';
	if (c >= 0x20 || shorts[c]) {
		*o++ = c >= 0x20 ? c : (uint8_t)shorts[c];
		return o;
	}
	memcpy(o, "u00", 3);
	o[3] = (uint8_t)hex[c >> 4];
	o[4] = (uint8_t)hex[c & 15];
	return o + 5;
}

enum { QUOTE_PIECE = 4096 };     /* input bytes escaped per reservation */

/* Escapes from *pp on, at most to end, into o; false at a byte that is no UTF-8 (*pp stands there). all_end
 * bounds a sequence that reaches over the piece. */
static bool escape_piece(const uint8_t **pp, const uint8_t *end, const uint8_t *all_end, uint8_t **op)
{
	const uint8_t *p = *pp;
	uint8_t *o = *op;
	bool valid = true;

	while (p < end) {
		uint64_t w;
		size_t n;

		while (end - p >= 8 && (memcpy(&w, p, 8), text_special_bytes(w) == 0)) {
			memcpy(o, &w, 8);
			p += 8;
			o += 8;
		}
		if (p == end)
			break;
		if (*p < 0x80) {
			if (*p < 0x20 || *p == '"' || *p == '\\')
				o = put_escape(o, *p++);
			else
				*o++ = *p++;
			continue;
		}
		n = text_utf8_length(p, all_end);
		if (n == 0) {
			valid = false;
			break;
		}
		memcpy(o, p, n);
		p += n;
		o += n;
	}
	*pp = p;
	*op = o;
	return valid;
}

/* Quotes s; at a wrong byte stops with false, or (any) writes U+FFFD for it. */
static bool quote(struct buf *out, struct slice s, bool any)
{
	const uint8_t *p = s.p, *end = s.p + s.n;

	buf_append_byte(out, '"');
	while (p < end) {
		const uint8_t *stop = (size_t)(end - p) > QUOTE_PIECE ? p + QUOTE_PIECE : end;
		size_t used = out->n;
		uint8_t *from = buf_reserve(out, (size_t)(stop - p) * 6 + 4), *o = from;
		bool valid = escape_piece(&p, stop, end, &o);

		out->n = used + (size_t)(o - from);
		if (valid)
			continue;
		if (!any)
			return false;
		buf_append(out, "\xef\xbf\xbd", 3);
		p++;
	}
	buf_append_byte(out, '"');
	return true;
}

bool text_quote(struct buf *out, struct slice s)
{
	size_t before = out->n;

	if (quote(out, s, false))
		return true;
	out->n = before;
	return false;
}

void text_quote_any(struct buf *out, struct slice s)
{
	(void)quote(out, s, true);
}

void text_member(struct buf *out, const char *name, struct slice s)
{
	size_t before = out->n;

	buf_append_byte(out, '"');
	buf_append_str(out, name);
	buf_append(out, "\":", 2);
	if (text_quote(out, s))
		return;
	out->n = before;
	buf_append_byte(out, '"');
	buf_append_str(out, name);
	buf_append_str(out, "_base64\":\"");
	text_base64(out, s);
	buf_append_byte(out, '"');
}

void text_base64(struct buf *out, struct slice s)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t total = (s.n + 2) / 3 * 4;
	uint8_t *o;
	size_t i;

	if (total == 0)
		return;
	o = buf_reserve(out, total);
	for (i = 0; i < s.n; i += 3) {
		size_t left = s.n - i;
		uint32_t v = (uint32_t)s.p[i] << 16 | (left > 1 ? (uint32_t)s.p[i + 1] << 8 : 0) |
			     (left > 2 ? s.p[i + 2] : 0u);

		*o++ = (uint8_t)digits[v >> 18];
		*o++ = (uint8_t)digits[v >> 12 & 63];
		*o++ = left > 1 ? (uint8_t)digits[v >> 6 & 63] : '=';
		*o++ = left > 2 ? (uint8_t)digits[v & 63] : '=';
	}
	out->n += total;
}

/* Value of a digit, 64 for any other byte. */
static uint32_t base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 0u;
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26u;
	if (c >= '0' && c <= '9')
		return c - '0' + 52u;
	return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* How many of the last four digits are padding. */
static size_t padding_of(struct slice text)
{
	if (text.n == 0 || text.p[text.n - 1] != '=')
		return 0;
	return text.p[text.n - 2] == '=' ? 2 : 1;
}

bool text_unbase64(struct slice text, uint8_t *out, size_t *np)
{
	size_t padding, i, k, n = 0;

	*np = 0;
	if (text.n % 4 != 0)
		return false;
	padding = padding_of(text);
	for (i = 0; i < text.n; i += 4) {
		size_t digits = i + 4 == text.n ? 4 - padding : 4;
		uint32_t v = 0;

		for (k = 0; k < 4; k++) {
			uint32_t d = k < digits ? base64_value(text.p[i + k]) : 0;

			if (d > 63)
				return false;
			v = v << 6 | d;
		}
		if (v & ((1u << 8 * (4 - digits)) - 1))
			return false;    /* bits that say nothing are zero */
		for (k = 0; k + 1 < digits; k++)
			out[n++] = (uint8_t)(v >> (16 - 8 * k));
	}
	*np = n;
	return true;
}
