/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reading and writing JSON text have in common: finding bytes that need care, eight at a time, and UTF-8 as RFC 3629
 * has it: no overlong forms, no surrogates, nothing above U+10FFFF. Pure.
 */
#ifndef FRONTEND_TEXT_SCAN_H
#define FRONTEND_TEXT_SCAN_H

#include "common/base/slice.h"

#define TEXT_ONES 0x0101010101010101ull
#define TEXT_HIGH 0x8080808080808080ull

/* High bit set in each byte of w that is below 0x20, '"', '\\' or 8-bit; exact for "is there any", which is
 * asked. */
static inline uint64_t text_special_bytes(uint64_t w)
{
	uint64_t quote = w ^ (TEXT_ONES * '"'), slash = w ^ (TEXT_ONES * '\\');

	return ((w - TEXT_ONES * 0x20) | (quote - TEXT_ONES) | (slash - TEXT_ONES) | w) & TEXT_HIGH;
}

/* Length of the UTF-8 sequence at p (8-bit first byte), 0 when it is none. */
size_t text_utf8_length(const uint8_t *p, const uint8_t *end);

#endif
