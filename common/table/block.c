/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads an lsm.Block in place; block_builder.c draws its bytes. Any thread on a block, one on a cursor.
 *
 * The lookup takes from the tags the intervals that can hold the key, mostly one or none, binary-searches
 * their restart points (whole keys) when there are several, and walks one interval. It never puts a key
 * together: with m = how many bytes the previous, smaller key has in common with the one looked for,
 * the next key
 *	shared >  m: differs from it at the same byte in the same way, so it is smaller too;
 *	shared <= m: begins with `shared` bytes of the one looked for; comparing the suffix decides.
 *
 * Keys are compressed against the one before, so going back means: from the restart point in front, walk up to
 * the current entry, and remember what was passed. Each interval is walked once that way.
 */
#include "common/table/block.h"

#include "common/base/coding.h"
#include "common/base/mem.h"
#include "common/table/block_builder.h"

/* Keys remembered for going back; an interval with more of them is walked several times. */
#define PAST_KEYS_MAX (1u << 20)

enum {
	TAG_ENTRY = 1 << 3 | WIRE_BYTES,
	TAG_RESTARTS = 2 << 3 | WIRE_BYTES,
	TAG_TAGS = 3 << 3 | WIRE_BYTES,

	TAG_SHARED = 1 << 3 | WIRE_VARINT,
	TAG_KEY = 2 << 3 | WIRE_BYTES,
	TAG_VALUE = 3 << 3 | WIRE_BYTES,
	TAG_SEQUENCE = 4 << 3 | WIRE_VARINT,
	TAG_TIMESTAMP = 5 << 3 | WIRE_VARINT,
	TAG_TOMBSTONE = 6 << 3 | WIRE_VARINT,
	TAG_EXPIRES = 7 << 3 | WIRE_VARINT
};

/* The part of an entry that decides whether the rest is worth decoding. */
struct head {
	size_t shared;
	struct slice suffix;
	const uint8_t *rest, *end;
};

/* An optional number field: fine (and 0) when it is not there, false when it is and is damaged. */
static inline bool get_number(const uint8_t **pp, const uint8_t *end, uint8_t tag, uint64_t *vp)
{
	*vp = 0;
	if (*pp == end || **pp != tag)
		return true;
	(*pp)++;
	return get_varint(pp, end, vp);
}

static inline bool get_bytes(const uint8_t **pp, const uint8_t *end, uint8_t tag, struct slice *sp)
{
	uint64_t n;

	*sp = slice_of(*pp, 0);
	if (*pp == end || **pp != tag)
		return true;
	(*pp)++;
	if (!get_varint(pp, end, &n) || n > (uint64_t)(end - *pp))
		return false;
	*sp = slice_of(*pp, (size_t)n);
	*pp += n;
	return true;
}

static inline bool decode_head(const uint8_t *p, const uint8_t *end, struct head *hp)
{
	uint64_t n, shared;

	if (p >= end || *p++ != TAG_ENTRY || !get_varint(&p, end, &n) || n > (uint64_t)(end - p))
		return false;
	hp->end = p + n;
	if (!get_number(&p, hp->end, TAG_SHARED, &shared) || shared > UINT32_MAX ||
	    !get_bytes(&p, hp->end, TAG_KEY, &hp->suffix))
		return false;
	hp->shared = (size_t)shared;
	hp->rest = p;
	return true;
}

/* Everything but the key. */
static inline bool decode_rest(const struct head *h, struct entry *ep)
{
	const uint8_t *p = h->rest;
	uint64_t timestamp, tombstone, expires;

	if (!get_bytes(&p, h->end, TAG_VALUE, &ep->value) ||
	    !get_number(&p, h->end, TAG_SEQUENCE, &ep->seq.v) ||
	    !get_number(&p, h->end, TAG_TIMESTAMP, &timestamp) ||
	    !get_number(&p, h->end, TAG_TOMBSTONE, &tombstone) ||
	    !get_number(&p, h->end, TAG_EXPIRES, &expires) || p != h->end || tombstone > 1)
		return false;
	ep->timestamp_ms = (int64_t)timestamp;
	ep->is_tombstone = tombstone;
	ep->expires_at_ms = (int64_t)expires;
	return true;
}

/* The tags, when there are some: they must count as many restart points as there are. */
static bool parse_tags(const uint8_t **pp, struct block *b)
{
	struct slice s;

	if (*pp == b->end || **pp != TAG_TAGS)
		return true;
	if (!get_bytes(pp, b->end, TAG_TAGS, &s) || s.n < 2 || s.p[0] == 0)
		return false;
	b->tag_interval = s.p[0];
	b->tags = s.p + 1;
	b->tag_count = s.n - 1;
	return (b->tag_count + b->tag_interval - 1) / b->tag_interval == b->restart_count;
}

bool block_parse(struct slice bytes, struct block *bp)
{
	const uint8_t *p = bytes.p, *end;
	uint64_t n;

	*bp = (struct block){ .begin = p, .entries = p, .end = p };
	if (bytes.n == 0)
		return true;
	bp->end = end = p + bytes.n;
	if (*p++ != TAG_RESTARTS || !get_varint(&p, end, &n) || n > (uint64_t)(end - p) || n == 0 ||
	    n % 4 != 0)
		return false;
	bp->restarts = p;
	bp->restart_count = (size_t)n / 4;
	p += n;
	if (!parse_tags(&p, bp))
		return false;
	bp->entries = p;
	return get_u32(bp->restarts) == (uint64_t)(bp->entries - bp->begin) && bp->entries < end;
}

/* Compares the entry at the i-th restart point with (key, seq): *cp as memcmp. */
static bool compare_restart(const struct block *b, size_t i, struct slice key, struct seq seq, int *cp)
{
	uint32_t at = get_u32(b->restarts + 4 * i);
	struct entry e;
	struct head h;

	if (at < (uint64_t)(b->entries - b->begin) || at >= (uint64_t)(b->end - b->begin) ||
	    !decode_head(b->begin + at, b->end, &h) || h.shared != 0)
		return false;
	*cp = slice_cmp(h.suffix, key);
	if (*cp == 0) {
		if (!decode_rest(&h, &e))
			return false;
		*cp = (e.seq.v < seq.v) - (e.seq.v > seq.v);
	}
	return true;
}

/* Of the restart points low to high - 1 the last before (key, seq), or low. */
static bool find_restart(const struct block *b, size_t low, size_t high, struct slice key, struct seq seq,
			 const uint8_t **atp)
{
	int c;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (!compare_restart(b, middle, key, seq, &c))
			return false;
		if (c < 0)
			low = middle;
		else
			high = middle;
	}
	*atp = b->begin + get_u32(b->restarts + 4 * low);
	return *atp >= b->entries && *atp < b->end;
}

/* Narrows the restart points down to those behind which an entry has the key's tag; false: there is none. */
static bool find_tag(const struct block *b, uint8_t tag, size_t *lowp, size_t *highp)
{
	const uint8_t *first = memchr(b->tags, tag, b->tag_count);
	const uint8_t *last;

	if (!first)
		return false;
	last = memrchr(first, tag, (size_t)(b->tags + b->tag_count - first));
	*lowp = (size_t)(first - b->tags) / b->tag_interval;
	*highp = (size_t)(last - b->tags) / b->tag_interval + 1;
	return true;
}

/* Walks from p to the first entry at or behind (key, seq). *samep: it is one of key. */
static enum block_step walk(const struct block *b, const uint8_t *p, struct slice key, struct seq seq,
			    struct entry *ep, bool *samep)
{
	size_t matched = 0, previous_n = 0;
	struct head h;

	for (; p < b->end; p = h.end) {
		struct slice rest;
		int c;

		if (!decode_head(p, b->end, &h) || h.shared > previous_n)
			return BLOCK_DAMAGED;
		previous_n = h.shared + h.suffix.n;
		if (h.shared > matched)
			continue;
		rest = slice_of(key.p + h.shared, key.n - h.shared);
		matched = h.shared + slice_shared(h.suffix, rest);
		c = slice_cmp(h.suffix, rest);
		if (c < 0)
			continue;
		*samep = c == 0;
		if (!decode_rest(&h, ep))
			return BLOCK_DAMAGED;
		if (c > 0 || ep->seq.v <= seq.v)
			return BLOCK_AT;
	}
	return BLOCK_END;
}

enum block_step block_find(const struct block *b, struct slice key, uint64_t key_hash, struct seq seq,
			   struct entry *ep)
{
	size_t low = 0, high = b->restart_count;
	enum block_step step;
	const uint8_t *p;
	bool same;

	if (high == 0 || (b->tag_count > 0 && !find_tag(b, block_tag(key_hash), &low, &high)))
		return BLOCK_END;
	if (!find_restart(b, low, high, key, seq, &p))
		return BLOCK_DAMAGED;
	step = walk(b, p, key, seq, ep, &same);
	if (step != BLOCK_AT)
		return step;
	ep->key = key;
	return same ? BLOCK_AT : BLOCK_END;
}

enum block_step block_seek(const struct block *b, struct slice key, struct seq seq, struct entry *ep)
{
	const uint8_t *p;
	bool same;

	if (b->restart_count == 0)
		return BLOCK_END;
	return find_restart(b, 0, b->restart_count, key, seq, &p) ? walk(b, p, key, seq, ep, &same) : BLOCK_DAMAGED;
}

/* ---- the cursor ---- */

void block_cursor_init(struct block_cursor *c)
{
	*c = (struct block_cursor){ .key = BUF_INIT, .past_keys = BUF_INIT };
}

void block_cursor_fini(struct block_cursor *c)
{
	buf_fini(&c->key);
	buf_fini(&c->past_keys);
	mem_drop(&c->past);
}

/* Puts the cursor in front of the entry at p, whose key shares nothing. */
static void stand_before(struct block_cursor *c, const uint8_t *p)
{
	buf_reset(&c->key);
	c->past_n = 0;
	c->at = c->next = p;
}

bool block_cursor_open(struct block_cursor *c, struct slice bytes)
{
	if (!block_parse(bytes, &c->block))
		return false;
	stand_before(c, c->block.entries);
	return true;
}

enum block_step block_cursor_first(struct block_cursor *c)
{
	stand_before(c, c->block.entries);
	return block_cursor_next(c);
}

/* Decodes the entry at `next`. */
static enum block_step step(struct block_cursor *c)
{
	struct head h;

	c->at = c->next;
	if (c->next == c->block.end)
		return BLOCK_END;
	if (!decode_head(c->next, c->block.end, &h) || h.shared > c->key.n || !decode_rest(&h, &c->entry))
		return BLOCK_DAMAGED;
	c->key.n = h.shared;
	buf_append_slice(&c->key, h.suffix);
	c->entry.key = buf_slice(&c->key);
	c->next = h.end;
	return BLOCK_AT;
}

enum block_step block_cursor_next(struct block_cursor *c)
{
	c->past_n = 0;
	return step(c);
}

enum block_step block_cursor_seek(struct block_cursor *c, struct slice key, struct seq seq)
{
	const uint8_t *p;
	enum block_step s;

	stand_before(c, c->block.entries);
	if (c->block.restart_count == 0)
		return BLOCK_END;
	if (!find_restart(&c->block, 0, c->block.restart_count, key, seq, &p))
		return BLOCK_DAMAGED;
	stand_before(c, p);
	while ((s = step(c)) == BLOCK_AT)
		if (entry_cmp(c->entry.key, c->entry.seq, key, seq) >= 0)
			break;
	return s;
}

/* ---- going back ---- */

/* The last restart point in front of p, by place alone; NULL when restarts make no sense. */
static const uint8_t *restart_before(const struct block *b, const uint8_t *p)
{
	uint64_t limit = (uint64_t)(p - b->begin);
	size_t low = 0, high = b->restart_count;
	const uint8_t *found;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (get_u32(b->restarts + 4 * middle) < limit)
			low = middle;
		else
			high = middle;
	}
	found = b->begin + get_u32(b->restarts + 4 * low);
	return found >= b->entries && found < p ? found : NULL;
}

static void remember(struct block_cursor *c)
{
	if (c->past_keys.n + c->key.n > PAST_KEYS_MAX) {
		c->past_n = 0;
		buf_reset(&c->past_keys);
	}
	if (c->past_n == c->past_room) {
		c->past_room = c->past_room ? c->past_room * 2 : 16;
		c->past = mem_resize(c->past, c->past_room * sizeof(*c->past));
	}
	c->past[c->past_n++] = (struct block_past){ c->at, c->entry, c->past_keys.n };
	buf_append(&c->past_keys, c->key.p, c->key.n);
}

/* Remembers the entries from the restart point in front of `until` to there; at least one, or damage. */
static bool remember_until(struct block_cursor *c, const uint8_t *until)
{
	const uint8_t *p = restart_before(&c->block, until);

	if (!p)
		return false;
	stand_before(c, p);
	buf_reset(&c->past_keys);
	while (c->next < until) {
		if (step(c) != BLOCK_AT)
			return false;
		remember(c);
	}
	c->at = until;
	return c->next == until;
}

enum block_step block_cursor_prev(struct block_cursor *c)
{
	const struct block_past *p;

	if (c->at == c->block.entries)
		return BLOCK_END;
	if (c->past_n == 0 && !remember_until(c, c->at))
		return BLOCK_DAMAGED;
	p = &c->past[--c->past_n];
	c->next = c->at;
	c->at = p->at;
	c->entry = p->entry;
	buf_reset(&c->key);
	buf_append(&c->key, c->past_keys.p + p->key_at, p->entry.key.n);
	c->entry.key = buf_slice(&c->key);
	return BLOCK_AT;
}

enum block_step block_cursor_last(struct block_cursor *c)
{
	stand_before(c, c->block.end);
	return block_cursor_prev(c);
}

enum block_step block_cursor_seek_last(struct block_cursor *c, struct slice key, struct seq seq)
{
	enum block_step s = block_cursor_seek(c, key, seq);

	if (s == BLOCK_AT && entry_cmp(c->entry.key, c->entry.seq, key, seq) == 0)
		return s;
	return s == BLOCK_DAMAGED ? s : block_cursor_prev(c);
}
