/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encodes entries as one lsm.Block.
 *
 *	block    = [ restarts [ tags ] entry { entry } ]
 *	restarts = 0x12 varint(4 * n) n * fixed32        field 2, packed: where in the block entries begin
 *	tags     = 0x1a varint(1 + m) interval m * tag   field 3, the hash index: a byte an entry, m of them
 *	entry    = 0x0a varint(length) fields            field 1, a BlockEntry
 *
 * 1. restarts and tags stand before the entries (protobuf allows any order), so that a reader finds them
 *    without a walk.
 * 2. Within an entry, fields stand in ascending order and defaults are left out: our reader accepts nothing
 *    else.
 * 3. The first entry of the block, and every one that restarts names, has shared = 0.
 * 4. A block with tags has a restart point at every interval-th entry, so that the i-th tag tells the interval to
 *    walk: i / interval. The tag of an entry is byte 4 of its key's XXH3 (filter.c uses the bytes around it).
 *    A key whose tag is missing is not in the block. Index blocks have no tags.
 *
 * A byte an entry, in the order of the entries, rather than a table of buckets: of 35 keys in a block some 13 %
 * meet a second entry with their tag, and nothing else ever collides; buckets would need more bytes for less.
 */
#include "common/table/block_builder.h"

#include "common/base/coding.h"
#include "common/base/must.h"

void block_builder_init(struct block_builder *b, unsigned restart_interval, bool tagged)
{
	must(!tagged || restart_interval <= BLOCK_TAGGED_INTERVAL_MAX);
	*b = (struct block_builder){ .interval = restart_interval, .tagged = tagged };
}

void block_builder_fini(struct block_builder *b)
{
	buf_fini(&b->entries);
	buf_fini(&b->restarts);
	buf_fini(&b->tags);
	buf_fini(&b->last_key);
	buf_fini(&b->block);
}

static size_t number_size(uint64_t v) { return v ? 1 + varint_size(v) : 0; }
static size_t bytes_size(size_t n) { return n ? 1 + varint_size(n) + n : 0; }

static uint8_t *put_number(uint8_t *p, uint8_t tag, uint64_t v)
{
	if (v == 0)
		return p;
	*p++ = tag;
	return put_varint(p, v);
}

static uint8_t *put_bytes(uint8_t *p, uint8_t tag, const uint8_t *bytes, size_t n)
{
	if (n == 0)
		return p;
	*p++ = tag;
	p = put_varint(p, n);
	memcpy(p, bytes, n);
	return p + n;
}

/* Decides how much of the key is shared with the one before, and notes a restart point where it is time. */
static size_t begin_entry(struct block_builder *b, struct slice key)
{
	uint8_t at[4];

	if (b->restarts.n > 0 && b->since_restart < b->interval) {
		b->since_restart++;
		return slice_shared(buf_slice(&b->last_key), key);
	}
	put_u32(at, (uint32_t)b->entries.n);
	buf_append(&b->restarts, at, sizeof(at));
	b->since_restart = 1;
	return 0;
}

void block_builder_add(struct block_builder *b, const struct entry *e, uint64_t key_hash)
{
	size_t shared = begin_entry(b, e->key), suffix = e->key.n - shared, n;
	uint8_t *p;

	n = number_size(shared) + bytes_size(suffix) + bytes_size(e->value.n) + number_size(e->seq.v) +
	    number_size((uint64_t)e->timestamp_ms) + number_size(e->is_tombstone) +
	    number_size((uint64_t)e->expires_at_ms);
	p = buf_reserve(&b->entries, 1 + VARINT_MAX_BYTES + n);
	*p++ = 1 << 3 | WIRE_BYTES;
	p = put_varint(p, n);
	p = put_number(p, 1 << 3 | WIRE_VARINT, shared);
	p = put_bytes(p, 2 << 3 | WIRE_BYTES, e->key.p + shared, suffix);
	p = put_bytes(p, 3 << 3 | WIRE_BYTES, e->value.p, e->value.n);
	p = put_number(p, 4 << 3 | WIRE_VARINT, e->seq.v);
	p = put_number(p, 5 << 3 | WIRE_VARINT, (uint64_t)e->timestamp_ms);
	p = put_number(p, 6 << 3 | WIRE_VARINT, e->is_tombstone);
	p = put_number(p, 7 << 3 | WIRE_VARINT, (uint64_t)e->expires_at_ms);
	b->entries.n = (size_t)(p - b->entries.p);
	if (b->tagged)
		buf_append_byte(&b->tags, block_tag(key_hash));

	b->last_key.n = shared;
	buf_append(&b->last_key, e->key.p + shared, suffix);
}

bool block_builder_empty(const struct block_builder *b) { return b->restarts.n == 0; }

static size_t head_size(const struct block_builder *b)
{
	return bytes_size(b->restarts.n) + (b->tags.n ? bytes_size(1 + b->tags.n) : 0);
}

size_t block_builder_size(const struct block_builder *b) { return head_size(b) + b->entries.n; }

static uint8_t *put_tags(uint8_t *p, const struct block_builder *b)
{
	if (b->tags.n == 0)
		return p;
	*p++ = 3 << 3 | WIRE_BYTES;
	p = put_varint(p, 1 + b->tags.n);
	*p++ = (uint8_t)b->interval;
	memcpy(p, b->tags.p, b->tags.n);
	return p + b->tags.n;
}

struct slice block_builder_finish(struct block_builder *b)
{
	uint32_t head = (uint32_t)head_size(b);
	uint8_t *p;

	for (size_t i = 0; i < b->restarts.n; i += 4)
		put_u32(b->restarts.p + i, get_u32(b->restarts.p + i) + head);
	buf_reset(&b->block);
	p = buf_reserve(&b->block, head + b->entries.n + 1);
	p = put_bytes(p, 2 << 3 | WIRE_BYTES, b->restarts.p, b->restarts.n);
	p = put_tags(p, b);
	if (b->entries.n > 0)
		memcpy(p, b->entries.p, b->entries.n);
	b->block.n = head + b->entries.n;

	buf_reset(&b->entries);
	buf_reset(&b->restarts);
	buf_reset(&b->tags);
	buf_reset(&b->last_key);
	return buf_slice(&b->block);
}
