/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	cursor := base64url { version:u8 flags:u8 lease:u64 taken:u64 seq:u64 asked:u64 start_length:u16 start end crc:u32 }
 *
 * Numbers are little-endian; the CRC-32 is that of all before it.
 */
#include "frontend/cursor.h"

#include "common/base/coding.h"
#include "common/base/crc.h"
#include "common/base/hash.h"
#include "frontend/base64url.h"
#include "proto/limits.h"

enum { CURSOR_VERSION = 2, REVERSE = 1, KEYS_ONLY = 2, HEAD = 36, CRC = 4 };

uint64_t cursor_asked(const struct key_range *range)
{
	return hash64(range->start) * 31 + hash64(range->end);
}

void cursor_write(struct buf *out, const struct cursor *c)
{
	struct buf b = BUF_INIT;
	uint8_t *p = buf_reserve(&b, HEAD + c->rest.start.n + c->rest.end.n + CRC);

	p[0] = CURSOR_VERSION;
	p[1] = (uint8_t)((c->reverse ? REVERSE : 0) | (c->keys_only ? KEYS_ONLY : 0));
	put_u64(p + 2, c->lease);
	put_u64(p + 10, c->taken_us);
	put_u64(p + 18, c->seq.v);
	put_u64(p + 26, c->asked);
	p[34] = (uint8_t)c->rest.start.n;
	p[35] = (uint8_t)(c->rest.start.n >> 8);
	b.n = HEAD;
	buf_append_slice(&b, c->rest.start);
	buf_append_slice(&b, c->rest.end);
	put_u32(b.p + b.n, crc32_of(0, b.p, b.n));
	b.n += CRC;
	base64url_write(out, buf_slice(&b));
	buf_fini(&b);
}

bool cursor_read(struct slice text, struct buf *bytes, struct cursor *c)
{
	const uint8_t *p;
	size_t n, start;

	buf_reset(bytes);
	if (!base64url_read(text, bytes) || bytes->n < HEAD + CRC)
		return false;
	p = bytes->p;
	n = bytes->n - CRC;
	if (get_u32(p + n) != crc32_of(0, p, n) || p[0] != CURSOR_VERSION || p[1] > (REVERSE | KEYS_ONLY))
		return false;
	start = p[34] | (size_t)p[35] << 8;
	if (start > n - HEAD || start > KEY_MAX_BYTES + 1 || n - HEAD - start > KEY_MAX_BYTES + 1)
		return false;
	*c = (struct cursor){ .lease = get_u64(p + 2), .taken_us = get_u64(p + 10), .seq = seq(get_u64(p + 18)),
			      .asked = get_u64(p + 26), .reverse = p[1] & REVERSE, .keys_only = p[1] & KEYS_ONLY,
			      .rest.start = slice_of(p + HEAD, start),
			      .rest.end = slice_of(p + HEAD + start, n - HEAD - start) };
	return true;
}
