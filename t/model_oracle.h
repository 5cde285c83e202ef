/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a database must answer, kept in memory: one state per key number, and what was done since the last moment from
 * which nothing can be lost.
 *
 * 1. A version is a number that is never used twice; the value's bytes follow from it, so that the oracle needs none.
 * 2. `undo` holds the changes since oracle_forget(): taking them back request by request leads through every state that
 *    a power cut may leave.
 * 3. The clock may be set back. What had expired before that may show again or not, as something may have freed it.
 */
#ifndef T_MODEL_ORACLE_H
#define T_MODEL_ORACLE_H

#include <stdio.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/rand.h"
#include "t/check_main.h"

enum oracle_keys { KEYS_SHORT, KEYS_PLAIN, KEYS_PREFIXED, KEYS_BINARY, KEYS_LONG, KEY_SHAPES };

struct oracle_state { uint64_t version; int64_t expires_ms; };           /* version 0: not there; expires 0: never */
struct oracle_change { uint32_t key; bool opens_request; struct oracle_state before; };

struct oracle {
	/* fixed */
	uint32_t count;                  /* of keys */
	uint32_t value_max;
	enum oracle_keys shape;
	uint64_t seed;
	uint32_t *order;                 /* key numbers in key order; only with oracle_sort() */
	/* moves */
	struct oracle_state *now;
	uint64_t versions;               /* given out */
	int64_t now_ms, latest_ms;       /* latest: now_ms was never more */
	struct oracle_change *undo;
	size_t undo_count, undo_room;
	bool remember;                   /* whether changes go into undo */
};

enum oracle_says { SAYS_ABSENT, SAYS_PRESENT, SAYS_EITHER };

static inline uint64_t oracle_mix(uint64_t a, uint64_t b)
{
	struct rnd r = { a * 0x9e3779b97f4a7c15u ^ b };

	return rnd_next(&r);
}

static inline void oracle_begin(struct oracle *o, uint32_t count, enum oracle_keys shape, uint32_t value_max, uint64_t seed)
{
	*o = (struct oracle){ .count = count, .value_max = value_max, .shape = shape, .seed = seed };
	o->now = mem_zalloc(count * sizeof(*o->now));
}

static inline void oracle_end(struct oracle *o)
{
	mem_drop(&o->now);
	mem_drop(&o->order);
	mem_drop(&o->undo);
}

/* ---- keys and values ---- */

#define ORACLE_KEY_MAX 1024

/* The key of this number; its length. */
static inline size_t oracle_key(const struct oracle *o, uint32_t number, uint8_t key[ORACLE_KEY_MAX])
{
	uint64_t hash = oracle_mix(o->seed, number);
	char *text = (char *)key;
	size_t n;

	switch (o->shape) {
	case KEYS_PLAIN:
		return (size_t)snprintf(text, ORACLE_KEY_MAX, "key%08u", number);
	case KEYS_PREFIXED:
		memset(key, 'p', 200);
		return 200 + (size_t)snprintf(text + 200, ORACLE_KEY_MAX - 200, "/%u", number);
	case KEYS_BINARY:
		memcpy(key, &hash, 3);
		for (n = 3; n < 5; n++)
			key[n] = number & (1u << n) ? 0xff : 0x00;
		memcpy(key + n, &number, sizeof(number));
		return n + sizeof(number);
	case KEYS_LONG:
		n = (size_t)snprintf(text, ORACLE_KEY_MAX, "%u-", number);
		memset(key + n, 'x', ORACLE_KEY_MAX - n);
		return n + (hash % 8 == 0 ? hash / 8 % (ORACLE_KEY_MAX - n + 1) : hash % 40);
	default:
		return (size_t)snprintf(text, ORACLE_KEY_MAX, "%u", number);
	}
}

/* The value of a version into out: runs and noise, so that some of it can be compressed. */
static inline struct slice oracle_value(const struct oracle *o, uint64_t version, struct buf *out)
{
	struct rnd r = { oracle_mix(o->seed, version) };
	size_t n = o->value_max ? rnd_below(&r, o->value_max + 1) : 0;
	uint8_t *p;

	buf_reset(out);
	p = buf_reserve(out, n + 16);
	for (size_t i = 0; i < n;) {
		uint64_t noise = rnd_next(&r);

		if (noise % 3 == 0)
			memset(p + i, (int)(noise >> 8 & 0x7f), 8);
		else
			memcpy(p + i, &noise, 8);
		i += 8;
	}
	out->n = n;
	return buf_slice(out);
}

/* Every key in order, for scans. */
struct oracle_sorting { size_t n; uint32_t number; uint8_t key[ORACLE_KEY_MAX]; };

static inline int oracle_compare(const void *a, const void *b)
{
	const struct oracle_sorting *x = a, *y = b;

	return slice_cmp(slice_of(x->key, x->n), slice_of(y->key, y->n));
}

static inline void oracle_sort(struct oracle *o)
{
	struct oracle_sorting *all;

	o->order = mem_alloc(o->count * sizeof(*o->order));
	for (uint32_t i = 0; i < o->count; i++)
		o->order[i] = i;
	if (o->shape == KEYS_PLAIN)
		return;                  /* in the order of their numbers as they are */
	all = mem_alloc(o->count * sizeof(*all));
	for (uint32_t i = 0; i < o->count; i++) {
		all[i].number = i;
		all[i].n = oracle_key(o, i, all[i].key);
	}
	qsort(all, o->count, sizeof(*all), oracle_compare);
	for (uint32_t i = 0; i < o->count; i++)
		o->order[i] = all[i].number;
	mem_free(all);
}

/* ---- what it says ---- */

static inline enum oracle_says oracle_says(const struct oracle *o, const struct oracle_state *s)
{
	if (s->version == 0)
		return SAYS_ABSENT;
	if (s->expires_ms == 0 || s->expires_ms > o->latest_ms)
		return SAYS_PRESENT;
	return s->expires_ms <= o->now_ms ? SAYS_ABSENT : SAYS_EITHER;
}

static inline void oracle_clock(struct oracle *o, int64_t now_ms)
{
	o->now_ms = now_ms;
	if (now_ms > o->latest_ms)
		o->latest_ms = now_ms;
}

/* ---- changes ---- */

static inline void oracle_set(struct oracle *o, uint32_t key, struct oracle_state s, bool opens_request)
{
	if (o->remember) {
		if (o->undo_count == o->undo_room) {
			o->undo_room = o->undo_room ? o->undo_room * 2 : 256;
			o->undo = mem_resize(o->undo, o->undo_room * sizeof(*o->undo));
		}
		o->undo[o->undo_count++] = (struct oracle_change){ key, opens_request, o->now[key] };
	}
	o->now[key] = s;
}

/* The oldest n changes cannot be lost any more. */
static inline void oracle_forget(struct oracle *o, size_t n)
{
	o->undo_count -= n;
	if (n > 0)
		memmove(o->undo, o->undo + n, o->undo_count * sizeof(*o->undo));
}

/* Takes the last change back; *keyp is its key, *openedp whether a request began with it. */
static inline bool oracle_undo(struct oracle *o, uint32_t *keyp, bool *openedp)
{
	const struct oracle_change *c;

	if (o->undo_count == 0)
		return false;
	c = &o->undo[--o->undo_count];
	*keyp = c->key;
	*openedp = c->opens_request;
	o->now[c->key] = c->before;
	return true;
}

#endif
