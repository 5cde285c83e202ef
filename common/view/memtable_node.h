/* SPDX-License-Identifier: Apache-2.0 */
/* One node of a memtable, as memtable.c reads it and memtable_insert.c writes it; the layout is drawn in memtable.c. */
#ifndef VIEW_MEMTABLE_NODE_H
#define VIEW_MEMTABLE_NODE_H

#include <string.h>

#include "common/view/memtable_priv.h"

#define MT_HEIGHT_BITS 31u                      /* of meta, behind the tombstone's */

/* What is searched for; the prefix made once. */
struct mt_key {
	struct slice key;
	uint64_t prefix, seq;
};

static inline uint64_t prefix_of(struct slice key)
{
	uint64_t v = 0;

	if (key.n > 0)
		memcpy(&v, key.p, key.n < 8 ? key.n : 8);
	return __builtin_bswap64(v);
}

/* Whatever stands there, no tower reaches beyond the slack. */
static inline unsigned node_height(const struct mt_node *n)
{
	unsigned height = ((unsigned)(n->meta >> 1) & MT_HEIGHT_BITS) + 1;

	return height < MT_HEIGHT ? height : MT_HEIGHT;
}

static inline uint64_t node_bytes(unsigned height, uint64_t key_n, uint64_t value_n)
{
	uint64_t n = sizeof(struct mt_node) + height * sizeof(mt_link) + key_n + value_n + MT_TIMES;

	return (n + MT_UNIT - 1) / MT_UNIT * MT_UNIT;
}

/* Marks m as damaged; says so the first time. Always false. */
bool memtable__damage(const struct memtable *m, const char *what);

/* The node a link names; NULL at the end of a list and for a link that leads out of the arena. */
static inline struct mt_node *node_at(const struct memtable *m, uint32_t link)
{
	uint64_t at = ((uint64_t)link - 1) * MT_UNIT;

	if (link == 0)
		return NULL;
	if (at > m->last_bytes) {
		(void)memtable__damage(m, "a link leads out of it");
		return NULL;
	}
	return (struct mt_node *)(void *)(m->arena + at);
}

static inline uint32_t link_of(const struct memtable *m, const struct mt_node *n)
{
	return (uint32_t)((uint64_t)((const uint8_t *)n - m->arena) / MT_UNIT + 1);
}

/* Key and value of a node; false when its lengths lead out of the arena. */
static inline bool node_bodies(const struct memtable *m, const struct mt_node *n, struct slice *keyp,
			struct slice *valuep)
{
	unsigned height = node_height(n);
	uint64_t at = (uint64_t)((const uint8_t *)n - m->arena);
	const uint8_t *body = (const uint8_t *)(n->next + height);

	if (node_bytes(height, n->key_n, n->value_n) > m->capacity_bytes - at)
		return memtable__damage(m, "an entry is longer than the room behind it");
	*keyp = slice_of(body, n->key_n);
	*valuep = slice_of(body + n->key_n, n->value_n);
	return true;
}

static inline bool node_entry(const struct memtable *m, const struct mt_node *n, struct entry *ep)
{
	if (!node_bodies(m, n, &ep->key, &ep->value))
		return false;
	ep->seq = seq(n->meta >> 8);
	memcpy(&ep->timestamp_ms, ep->value.p + ep->value.n, sizeof(int64_t));
	memcpy(&ep->expires_at_ms, ep->value.p + ep->value.n + sizeof(int64_t), sizeof(int64_t));
	ep->is_tombstone = n->meta & 1;
	return true;
}

static inline struct mt_key mt_key(struct slice key, struct seq seq)
{
	return (struct mt_key){ key, prefix_of(key), seq.v };
}

/* Is node n in front of k? A damaged node is not: the walk ends there. */
static inline bool node_before(const struct memtable *m, const struct mt_node *n, const struct mt_key *k)
{
	struct slice key = { 0 }, value;
	int c;

	if (n->prefix != k->prefix)
		return n->prefix < k->prefix;
	if (!node_bodies(m, n, &key, &value))
		return false;
	c = slice_cmp(key, k->key);
	return c ? c < 0 : (n->meta >> 8) > k->seq;
}

/* The first node at or behind k, NULL when there is none. towers, when given, receives for each level the
 * tower whose link passes over k. */
struct mt_node *memtable__search(const struct memtable *m, const struct mt_key *k, mt_link **towers);

#endif
