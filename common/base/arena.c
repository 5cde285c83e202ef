/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bump arena (arena.h): a chain of chunks, newest first; allocations are cut from the newest. An object too large
 * for a chunk gets one of its own.
 */
#include "common/base/arena.h"

#include "common/base/mem.h"

#define CHUNK_BYTES 4096u
#define ALIGNMENT 16u

struct arena_chunk {
	struct arena_chunk *next;
	size_t bytes;               /* behind this header */
};

void arena_init(struct arena *a)
{
	*a = (struct arena){ NULL, NULL, NULL, 0 };
}

static void use_chunk(struct arena *a, struct arena_chunk *c)
{
	a->at = (uint8_t *)(c + 1);
	a->end = a->at + c->bytes;
}

static void free_chunks(struct arena_chunk *c)
{
	while (c) {
		struct arena_chunk *next = c->next;

		mem_free(c);
		c = next;
	}
}

void arena_fini(struct arena *a)
{
	free_chunks(a->chunks);
	arena_init(a);
}

void arena_reset(struct arena *a)
{
	struct arena_chunk *keep = a->chunks;

	a->total_bytes = 0;
	if (!keep)
		return;
	if (keep->bytes > 16 * CHUNK_BYTES) {
		arena_fini(a);
		return;
	}
	free_chunks(keep->next);
	keep->next = NULL;
	use_chunk(a, keep);
}

void *arena_try(struct arena *a, size_t n)
{
	size_t rounded = n ? (n + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1) : ALIGNMENT, bytes;
	struct arena_chunk *c;
	void *p;

	if (n > SIZE_MAX / 2)
		return NULL;
	if ((size_t)(a->end - a->at) < rounded) {
		bytes = rounded > CHUNK_BYTES ? rounded : CHUNK_BYTES;
		c = mem_try(sizeof *c + bytes);
		if (!c)
			return NULL;
		c->bytes = bytes;
		c->next = a->chunks;
		a->chunks = c;
		use_chunk(a, c);
	}
	p = a->at;
	a->at += rounded;
	a->total_bytes += rounded;
	return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
	void *p = arena_try(a, n);

	if (!p)
		mem_refused(n);
	return p;
}

struct slice arena_dup(struct arena *a, struct slice s)
{
	void *p = arena_alloc(a, s.n);

	if (s.n)
		memcpy(p, s.p, s.n);
	return slice_of(p, s.n);
}
