/* SPDX-License-Identifier: Apache-2.0 */
/* An open-addressing table, linear probing, at most half full; nothing is ever taken out. */
#include "engine/known.h"

#include "common/base/hash.h"
#include "common/base/mem.h"

#define KNOWN_LEAST 64u

struct slot {
	uint64_t hash;                   /* 0: free */
	struct slice key;
	struct present present;
};

struct known {
	struct slot *slots;
	size_t count, capacity;          /* a power of two */
};

struct present present_of(const struct entry *e)
{
	return (struct present){ .st = e->is_tombstone ? ST_NOT_FOUND : ST_OK, .version = e->seq, .value = e->value,
				 .expires_at_ms = e->expires_at_ms };
}

struct known *known_new(void)
{
	struct known *k = mem_zalloc(sizeof(*k));

	k->capacity = KNOWN_LEAST;
	k->slots = mem_zalloc(k->capacity * sizeof(*k->slots));
	return k;
}

void known_free(struct known **kp)
{
	if (!*kp)
		return;
	mem_free((*kp)->slots);
	mem_drop(kp);
}

static uint64_t hash_of(struct slice key)
{
	uint64_t h = hash64(key);

	return h ? h : 1;
}

/* Where the key is, or would be. */
static struct slot *place_of(const struct known *k, struct slice key, uint64_t hash)
{
	size_t i = hash & (k->capacity - 1);

	while (k->slots[i].hash && (k->slots[i].hash != hash || !slice_eq(k->slots[i].key, key)))
		i = (i + 1) & (k->capacity - 1);
	return &k->slots[i];
}

static void grow(struct known *k)
{
	struct known larger = { .capacity = k->capacity * 2 };

	larger.slots = mem_zalloc(larger.capacity * sizeof(*larger.slots));
	for (size_t i = 0; i < k->capacity; i++)
		if (k->slots[i].hash)
			*place_of(&larger, k->slots[i].key, k->slots[i].hash) = k->slots[i];
	mem_free(k->slots);
	k->slots = larger.slots;
	k->capacity = larger.capacity;
}

void known_put(struct known *k, struct slice key, const struct present *p)
{
	uint64_t hash = hash_of(key);
	struct slot *s;

	if (2 * (k->count + 1) > k->capacity)
		grow(k);
	s = place_of(k, key, hash);
	k->count += s->hash == 0;
	*s = (struct slot){ hash, key, *p };
}

const struct present *known_find(const struct known *k, struct slice key)
{
	const struct slot *s = place_of(k, key, hash_of(key));

	return s->hash ? &s->present : NULL;
}
