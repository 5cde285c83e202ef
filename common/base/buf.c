/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer (buf.h). One thread at a time. */
#include "common/base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/base/must.h"

#define BUF_FIRST_BYTES 256u

void buf_fini(struct buf *b)
{
	mem_free(b->p);
	*b = BUF_INIT;
}

void buf_reset(struct buf *b)
{
	b->n = 0;
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
	size_t want = b->n + n, capacity = b->capacity ? b->capacity : BUF_FIRST_BYTES;

	must(want >= n && want <= SIZE_MAX / 4);
	if (want > b->capacity) {
		while (capacity < want)
			capacity += capacity / 2 + 64;
		b->p = mem_resize(b->p, capacity);
		b->capacity = capacity;
	}
	return b->p + b->n;
}

void buf_append(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	memcpy(buf_reserve(b, n), p, n);
	b->n += n;
}

void buf_append_slice(struct buf *b, struct slice s)
{
	buf_append(b, s.p, s.n);
}

void buf_append_str(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s));
}

void buf_append_byte(struct buf *b, uint8_t c)
{
	*buf_reserve(b, 1) = c;
	b->n++;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	buf_reserve(b, 64);
	n = vsnprintf((char *)b->p + b->n, b->capacity - b->n, fmt, ap);
	must(n >= 0);
	if ((size_t)n >= b->capacity - b->n) {
		buf_reserve(b, (size_t)n + 1);
		vsnprintf((char *)b->p + b->n, b->capacity - b->n, fmt, again);
	}
	b->n += (size_t)n;
	va_end(again);
	va_end(ap);
}

void buf_append_u64(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	buf_append(b, digits + at, sizeof digits - at);
}

void buf_append_readable(struct buf *b, struct slice s)
{
	buf_append_byte(b, '"');
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e || s.p[i] == '"' || s.p[i] == '\\')
			buf_printf(b, "\\x%02x", s.p[i]);
		else
			buf_append_byte(b, s.p[i]);
	buf_append_byte(b, '"');
}

struct slice buf_slice(const struct buf *b)
{
	return slice_of(b->p, b->n);
}

const char *buf_cstr(struct buf *b)
{
	*buf_reserve(b, 1) = '\0';
	return (const char *)b->p;
}
