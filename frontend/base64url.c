/* SPDX-License-Identifier: Apache-2.0 */
/* Six bits a digit, most significant first. Pure. */
#include "frontend/base64url.h"

#define WRONG 64u

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* 0 to 63, or WRONG. */
static uint32_t digit_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 0u;
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26u;
	if (c >= '0' && c <= '9')
		return c - '0' + 52u;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : WRONG;
}

void base64url_write(struct buf *out, struct slice s)
{
	uint8_t *o = buf_reserve(out, s.n / 3 * 4 + 4), *from = o;
	uint32_t bits = 0, held = 0;
	size_t i;

	for (i = 0; i < s.n; i++) {
		bits = bits << 8 | s.p[i];
		for (held += 8; held >= 6; held -= 6)
			*o++ = (uint8_t)digits[bits >> (held - 6) & 63];
	}
	if (held)
		*o++ = (uint8_t)digits[bits << (6 - held) & 63];
	out->n += (size_t)(o - from);
}

bool base64url_read(struct slice text, struct buf *out)
{
	uint8_t *o = buf_reserve(out, text.n / 4 * 3 + 3);
	uint32_t bits = 0, held = 0;
	size_t i;

	if (text.n % 4 == 1)
		return false;
	for (i = 0; i < text.n; i++) {
		uint32_t v = digit_value(text.p[i]);

		if (v == WRONG)
			return false;
		bits = bits << 6 | v;
		held += 6;
		if (held >= 8) {
			held -= 8;
			*o++ = (uint8_t)(bits >> held);
		}
	}
	if (bits & ((1u << held) - 1))   /* bits that no byte has */
		return false;
	out->n += text.n * 6 / 8;
	return true;
}
