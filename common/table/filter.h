/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bloom filter over user keys, made of cache lines: a key's bits are all in one line, so a check costs one
 * cache miss. See filter.c for the bytes. Immutable once loaded; any thread.
 */
#ifndef TABLE_FILTER_H
#define TABLE_FILTER_H

#include "common/base/buf.h"

/* Appends the filter of n keys, given as hash64() of each, to out. */
void filter_build(const uint64_t *hashes, size_t n, unsigned bits_per_key, struct buf *out);

struct filter {
	void *memory;                /* owned; lines point into it, at a cache line's beginning */
	const uint8_t *lines;
	uint64_t line_count;
	unsigned probes;
	size_t bytes;
};

bool filter_load(struct filter *f, struct slice bytes);      /* copies; false: damaged or not known */
void filter_fini(struct filter *f);

/* False: no key with this hash is in the table, for certain. */
bool filter_may_hold(const struct filter *f, uint64_t hash);

#endif
