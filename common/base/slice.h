/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slice: some bytes that belong to somebody else. Whoever hands one out says until when it is good.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *p;
	size_t n;
};

static inline struct slice slice_of(const void *p, size_t n)
{
	return (struct slice){ p, n };
}

static inline struct slice slice_str(const char *s)
{
	return (struct slice){ (const uint8_t *)s, strlen(s) };
}

/* Behind the last byte. An empty slice may have no bytes at all (NULL), to which nothing may be added. */
static inline const uint8_t *slice_end(struct slice s)
{
	return s.n ? s.p + s.n : s.p;
}

/* memcmp order, a prefix before its extensions: the order of user keys everywhere. */
static inline int slice_cmp(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Length of the common prefix. */
static inline size_t slice_shared(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n, i = 0;

	while (i < n && a.p[i] == b.p[i])
		i++;
	return i;
}

#endif
