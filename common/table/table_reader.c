/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads an open table: blocks, point reads, the whole-file check. Opening: table_open.c; scans: table_iter.c.
 *
 * A point read: key range -> filter -> index -> one data block (cache, or read + check + inflate) -> its
 * hash index -> one restart interval. It is one block for certain: the index tells apart the versions of a key
 * that lie in different blocks.
 *
 * Any thread.
 */
#include "common/table/table_reader.h"

#include <inttypes.h>

#include "common/base/crc.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/table/block.h"
#include "common/table/compress.h"
#include "common/table/format.h"
#include "common/table/table_reader_priv.h"

enum {
	STACK_BLOCK_BYTES = 8192,    /* stored blocks up to this size are read without asking the heap */
	VERIFY_BYTES = 1 << 20
};

/* ---- blocks ---- */

enum st table__read(struct table_reader *r, void *p, size_t n, uint64_t offset, bool nowait, bool *wholep)
{
	size_t got;
	enum st st = vfs_read(r->file, p, n, offset, nowait, &got);

	*wholep = st == ST_OK && got == n;
	return st;
}

/*
 * Is any of it not in memory it counts as not resident and is dropped as a whole, also where a file system cannot tell. The
 * file must be read exactly (vfs.h): what the kernel reads ahead of a pass would look like something that was in use.
 */
enum st table__read_past(struct table_reader *r, void *p, size_t n, uint64_t offset, struct table_reads *reads, bool *wholep)
{
	enum st st = table__read(r, p, n, offset, true, wholep);

	reads->bytes += n;
	if (st != ST_BUSY) {
		reads->resident += n;
		return st;
	}
	st = table__read(r, p, n, offset, false, wholep);
	vfs_forget_range(r->file, offset, n);
	return st;
}

const char *table__wrong(const struct table_reader *r, struct block_ref b, const uint8_t *stored, struct stored_block *bp)
{
	struct block_place place = { r->props.id, b.at.offset, b.type };

	bp->bytes = slice_of(stored, b.at.size);
	switch (format_check_block(slice_of(stored, b.at.size + BLOCK_TRAILER_BYTES), place, &bp->codec, &bp->raw_n)) {
	case BLOCK_SOUND:
		return NULL;
	case BLOCK_BAD_CRC:
		return table__bad_crc;
	case BLOCK_BAD_TRAILER:
		break;
	}
	return "the block's trailer makes no sense";
}

const char *table__inflate(const struct stored_block *b, uint8_t *raw)
{
	return decompress_block(b->codec, b->bytes, raw, b->raw_n) ? NULL : "the block does not decompress";
}

static enum st no_memory(const struct table_reader *r, size_t n)
{
	return fail(ST_FULL, "%s: no memory for %zu bytes", r->path, n);
}

/* It is a sound block, so it is not ST_CORRUPT and nobody's quarantine; told once per open table. */
static enum st codec_missing(struct table_reader *r, uint64_t offset)
{
	if (atomic_exchange(&r->codec_told, true))
		return ST_INTERNAL;
	return fail(ST_INTERNAL, "%s: the block at offset %" PRIu64 " is compressed with zstd, and this program was built without"
		    " it (configure --with-zstd)", r->path, offset);
}

/* A checked block, decompressed. *heldp is where the stored bytes are when they are not scratch: it is kept when it is the
 * answer (and becomes NULL). */
static enum st own_bytes(struct table_reader *r, const struct stored_block *b, struct cached_block **heldp,
			 struct cached_block **blockp, const char **wrongp)
{
	uint8_t *raw;

	if (b->codec == CODEC_RAW && *heldp) {
		*blockp = *heldp;
		*heldp = NULL;
		return ST_OK;
	}
	*blockp = cached_block_new(b->raw_n, &raw);
	if (!*blockp)
		return no_memory(r, b->raw_n);
	if (b->codec == CODEC_RAW)
		memcpy(raw, b->bytes.p, b->bytes.n);
	else
		*wrongp = table__inflate(b, raw);
	if (*wrongp)
		cached_block_free(blockp);
	return ST_OK;
}

/* Reads and checks a block; gives it decompressed, or in *wrongp why it is none. */
static enum st try_block(struct table_reader *r, struct block_ref ref, bool nowait, struct cached_block **blockp,
			 size_t *raw_np, const char **wrongp)
{
	size_t n = ref.at.size + BLOCK_TRAILER_BYTES;
	uint8_t scratch[STACK_BLOCK_BYTES], *stored = scratch;
	struct cached_block *held = NULL;
	struct stored_block b;
	bool whole;
	enum st st;

	*blockp = NULL;
	*wrongp = NULL;
	if (n > sizeof(scratch)) {
		held = cached_block_new(n, &stored);
		if (!held)
			return no_memory(r, n);
	}
	st = table__read(r, stored, n, ref.at.offset, nowait, &whole);
	if (st == ST_OK)
		*wrongp = whole ? table__wrong(r, ref, stored, &b) : "the file ends too early";
	if (st == ST_OK && !*wrongp)
		st = !codec_is_built(b.codec) ? codec_missing(r, ref.at.offset) : own_bytes(r, &b, &held, blockp, wrongp);
	if (*blockp)
		*raw_np = b.raw_n;
	cached_block_free(&held);
	return st;
}

/* The same with a second look at what is wrong, at the disk itself: memory can be damaged, too. A read that must not wait
 * cannot have it: ST_BUSY, and the next one does. */
static enum st fetch_block(struct table_reader *r, struct block_ref b, bool nowait, struct read_cost *cost,
			   struct cached_block **blockp, size_t *raw_np)
{
	const char *wrong;
	enum st st = try_block(r, b, nowait, blockp, raw_np, &wrong);

	if (st == ST_OK && wrong) {
		vfs_forget_cache(r->file);
		st = nowait ? ST_BUSY : try_block(r, b, false, blockp, raw_np, &wrong);
		if (st == ST_OK && !wrong)
			log_warn("%s: the block at offset %" PRIu64 " was damaged in memory and is sound on disk.", r->path,
				 b.at.offset);
	}
	if (st == ST_OK && wrong)
		return table__block_damaged(r, b.at.offset, wrong, cost);
	if (st == ST_IO)
		cost->damage = (struct table_damage){ .table = r->props.id, .offset = b.at.offset };
	return st;
}

enum st table__block(struct table_reader *r, struct block_ref b, bool nowait, struct read_cost *cost,
		     struct slice *bytesp, struct block_pin *pinp)
{
	uint64_t offset = b.at.offset;
	struct cached_block *block;
	size_t n = 0;
	enum st st;

	pinp->block = NULL;
	if (r->cache && block_cache_find(r->cache, r->props.id, offset, pinp, bytesp)) {
		cost->blocks_cached++;
		return ST_OK;
	}
	if (table__is_known_damaged(r, offset))
		return table__block_damaged(r, offset, NULL, cost);
	st = fetch_block(r, b, nowait, cost, &block, &n);
	if (st)
		return st;
	cost->blocks_read++;
	*bytesp = block_cache_insert(r->cache, r->props.id, offset, &block, n, pinp);
	return ST_OK;
}

/* ---- point reads ---- */

/* What is looked for. */
struct question { struct slice key; uint64_t hash; struct seq seq; };

/* The data block that a key would be in; ST_NOT_FOUND: none would. */
static enum st locate(struct table_reader *r, const struct question *q, bool nowait, struct read_cost *cost,
		      struct block_handle *hp)
{
	size_t slot = table_index_find(&r->index, q->key, q->seq);
	struct block_ref partition;
	struct block_pin pin;
	struct slice bytes;
	struct entry e;
	struct block b;
	enum st st;

	if (slot == r->index.count)
		return ST_NOT_FOUND;
	*hp = slot_handle(r, slot);
	if (!r->partitioned)
		return ST_OK;
	partition = (struct block_ref){ *hp, BLOCK_INDEX };
	st = table__block(r, partition, nowait, cost, &bytes, &pin);
	if (st == ST_OK && (!block_parse(bytes, &b) || block_seek(&b, q->key, q->seq, &e) != BLOCK_AT ||
			    !table__data_handle(r, &e, hp)))
		st = table__block_damaged(r, partition.at.offset, "the index partition is not well formed", cost);
	block_pin_release(&pin);
	return st;
}

static enum st find_in_block(struct table_reader *r, uint64_t offset, struct slice bytes, const struct question *q,
			     struct read_cost *cost, struct entry *ep)
{
	enum block_step step = BLOCK_DAMAGED;
	struct block b;

	if (block_parse(bytes, &b))
		step = block_find(&b, q->key, q->hash, q->seq, ep);
	if (step == BLOCK_AT)
		return ST_OK;
	if (step == BLOCK_END)
		return ST_NOT_FOUND;
	return table__block_damaged(r, offset, "the block is not well formed", cost);
}

enum st table_get(struct table_reader *r, struct slice key, struct seq seq, bool nowait,
		  struct read_cost *cost, struct entry *ep, struct block_pin *pin)
{
	struct question q = { key, hash64(key), seq };
	struct block_handle h;
	struct slice bytes;
	enum st st;

	obj_check(r, TABLE_READER_MAGIC);
	*ep = (struct entry){ .key = key };
	pin->block = NULL;
	cost->tables++;
	if (slice_cmp(key, r->props.min_key) < 0 || slice_cmp(key, r->props.max_key) > 0 ||
	    seq.v < r->props.min_seq.v)
		return ST_NOT_FOUND;
	cost->filter_checks++;
	if (!filter_may_hold(&r->filter, q.hash)) {
		cost->filter_useful++;
		return ST_NOT_FOUND;
	}
	st = locate(r, &q, nowait, cost, &h);
	if (st == ST_OK)
		st = table__block(r, data_block(h), nowait, cost, &bytes, pin);
	if (st == ST_OK)
		st = find_in_block(r, h.offset, bytes, &q, cost, ep);
	if (st)
		block_pin_release(pin);
	return st;
}

/* ---- the whole file ---- */

static enum st crc_of_file(struct table_reader *r, uint8_t *piece, uint32_t *crcp)
{
	struct table_reads reads = { 0, 0 };
	uint64_t size = r->props.size_bytes;

	*crcp = 0;
	for (uint64_t at = 0; at < size; ) {
		size_t n = (size_t)(size - at < VERIFY_BYTES ? size - at : VERIFY_BYTES);
		bool whole;
		enum st st = table__read_past(r, piece, n, at, &reads, &whole);

		if (st)
			return st;
		if (!whole)
			return fail(ST_CORRUPT, "%s: damaged at offset %" PRIu64 ": the file ends too early", r->path, at);
		*crcp = crc32_of(*crcp, piece, n);
		at += n;
	}
	return ST_OK;
}

enum st table_verify_file(struct table_reader *r, uint32_t file_crc)
{
	uint8_t *piece;
	uint32_t crc;
	enum st st;

	obj_check(r, TABLE_READER_MAGIC);
	vfs_read_exactly(r->file);
	piece = mem_alloc(VERIFY_BYTES);
	st = crc_of_file(r, piece, &crc);
	mem_free(piece);
	if (st)
		return st;
	return crc == file_crc
		       ? ST_OK
		       : fail(ST_CORRUPT, "%s: the file's checksum is %08" PRIx32 " and should be %08" PRIx32,
			      r->path, crc, file_crc);
}
