/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bump arena: many small objects, one free. A request lives in one; decoding fills it, the reply frees it.
 * One thread at a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "common/base/slice.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;
	uint8_t *at, *end;
	size_t total_bytes;      /* handed out since init or reset */
};

void arena_init(struct arena *a);
void arena_fini(struct arena *a);
void arena_reset(struct arena *a);                       /* keeps one chunk for the next use */
void *arena_alloc(struct arena *a, size_t n);            /* 16-byte aligned, uninitialised, never NULL */
void *arena_try(struct arena *a, size_t n);              /* as arena_alloc, NULL when memory is refused */
struct slice arena_dup(struct arena *a, struct slice s); /* good as long as the arena */

#endif
