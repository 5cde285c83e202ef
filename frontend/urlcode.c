/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Percent-decoding byte by byte. %00 is refused in texts: too many programs between a client and us end one there. Only
 * where bytes of any kind are meant it stands for the byte.
 */
#include "frontend/urlcode.h"

/* Value of a hexadecimal digit, 16 for any other byte. */
static unsigned hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10u : 16u;
}

static bool is_plain(uint8_t c)
{
	return c > 0x20 && c < 0x7f && c != '"' && c != '<' && c != '>' && c != '\\' && c != '^' &&
	       c != '`' && c != '{' && c != '|' && c != '}' && c != '#';
}

static bool decode(struct slice in, uint8_t *out, size_t *np, bool zeros)
{
	const uint8_t *p = in.p, *end = in.n ? in.p + in.n : in.p;        /* an empty slice may point nowhere */
	uint8_t *o = out;

	*np = 0;
	while (p < end) {
		unsigned hi, lo;

		if (*p != '%') {
			if (!is_plain(*p))
				return false;
			*o++ = *p++;
			continue;
		}
		if (end - p < 3 || (hi = hex_value(p[1])) > 15 || (lo = hex_value(p[2])) > 15 ||
		    (!zeros && (hi | lo) == 0))
			return false;
		*o++ = (uint8_t)(hi << 4 | lo);
		p += 3;
	}
	*np = (size_t)(o - out);
	return true;
}

bool urlcode_decode(struct slice in, uint8_t *out, size_t *np)
{
	return decode(in, out, np, false);
}

bool urlcode_decode_bytes(struct slice in, uint8_t *out, size_t *np)
{
	return decode(in, out, np, true);
}
