/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one WAL segment through a window of the file that moves forward and grows when a record is larger.
 * Format: wal_format.h.
 */
#include "common/wal/wal_reader.h"

#include <inttypes.h>

#include "common/base/coding.h"
#include "common/base/mem.h"
#include "common/base/must.h"

#define WAL_READER_MAGIC 0x3a1f0e2du
#define WINDOW_BYTES (1u << 20)
#define ZEROS_READ_BYTES (64u << 20)     /* so many in a row are looked at; of more, what is no hole of the file */
#define LIVE_WINDOW_BYTES (64u << 10)    /* most of what lies behind is not written yet, and read again */

struct wal_reader {
	uint32_t magic;
	struct vfs_file *file;
	uint64_t size;
	struct file_id id;
	uint32_t seed;
	enum wal_opening opening;
	struct wal_header header;
	uint64_t at;
	bool closed;
	/* the window: file bytes [base, base + filled) */
	uint8_t *window;
	size_t least, capacity, filled;
	uint64_t base;
};

/* Makes bytes [offset, offset + n) of the file available at *pp; the caller saw to it that they lie inside
 * it. */
static enum st look(struct wal_reader *r, uint64_t offset, size_t n, const uint8_t **pp)
{
	size_t want = n > r->least ? n : r->least;
	enum st st;

	*pp = NULL;
	if (offset < r->base || offset + n > r->base + r->filled) {
		if (want > r->capacity) {
			r->window = mem_resize(r->window, want);
			r->capacity = want;
		}
		r->filled = 0;
		r->base = offset;
		st = vfs_read(r->file, r->window, want, offset, false, &r->filled);
		if (st)
			return st;
		if (r->filled < n)
			return fail(ST_IO, "WAL segment %" PRIu64 " became shorter while it was read", r->id.v);
	}
	*pp = r->window + (offset - r->base);
	return ST_OK;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static enum st read_header(struct wal_reader *r)
{
	size_t n = r->size < WAL_HEADER_BYTES ? (size_t)r->size : WAL_HEADER_BYTES;
	const uint8_t *p;
	enum st st;

	if (n == 0)
		return ST_OK;
	st = look(r, 0, n, &p);
	if (st)
		return st;
	if (n == WAL_HEADER_BYTES && wal_header_decode(p, &r->header))
		r->opening = WAL_OPENING_HEADER;
	else
		r->opening = all_zero(p, n) ? WAL_OPENING_ZERO : WAL_OPENING_BAD;
	return ST_OK;
}

static enum st open_reader(struct vfs *v, const char *path, uint64_t database, struct file_id id, bool live,
			   struct wal_reader **rp)
{
	struct wal_reader *r = mem_zalloc(sizeof *r);
	enum st st;

	*rp = NULL;
	obj_init(r, WAL_READER_MAGIC);
	r->id = id;
	r->seed = wal_crc_seed(database, id);
	r->at = WAL_HEADER_BYTES;
	r->opening = WAL_OPENING_ZERO;
	r->least = live ? LIVE_WINDOW_BYTES : WINDOW_BYTES;
	st = vfs_open(v, path, VFS_READ, &r->file);
	if (!st && !live)
		vfs_forget_cache(r->file);       /* after a failed sync the cache may show what the disk never got */
	if (!st)
		st = vfs_size(r->file, &r->size);
	if (!st)
		st = read_header(r);
	if (st)
		wal_reader_close(&r);
	*rp = r;
	return st;
}

enum st wal_reader_open(struct vfs *v, const char *path, uint64_t database, struct file_id id,
			struct wal_reader **rp)
{
	return open_reader(v, path, database, id, false, rp);
}

enum st wal_reader_open_live(struct vfs *v, const char *path, uint64_t database, struct file_id id,
			     struct wal_reader **rp)
{
	return open_reader(v, path, database, id, true, rp);
}

void wal_reader_close(struct wal_reader **rp)
{
	struct wal_reader *r = *rp;

	if (!r)
		return;
	obj_check(r, WAL_READER_MAGIC);
	vfs_close(&r->file);
	mem_free(r->window);
	obj_fini(r);
	mem_free(r);
	*rp = NULL;
}

uint64_t wal_reader_size(const struct wal_reader *r)
{
	obj_check(r, WAL_READER_MAGIC);
	return r->size;
}

enum wal_opening wal_reader_header(const struct wal_reader *r, struct wal_header *hp)
{
	obj_check(r, WAL_READER_MAGIC);
	*hp = r->header;
	return r->opening;
}

uint64_t wal_reader_offset(const struct wal_reader *r)
{
	obj_check(r, WAL_READER_MAGIC);
	return r->at;
}

void wal_reader_go_to(struct wal_reader *r, uint64_t offset)
{
	obj_check(r, WAL_READER_MAGIC);
	r->at = offset;
	r->closed = false;
}

enum st wal_reader_renew(struct wal_reader *r)
{
	obj_check(r, WAL_READER_MAGIC);
	r->filled = 0;
	return vfs_size(r->file, &r->size);
}

bool wal_reader_is_closed(const struct wal_reader *r)
{
	obj_check(r, WAL_READER_MAGIC);
	return r->closed;
}

/* Could a record with this head stand at offset at all? */
static bool fits(const struct wal_reader *r, uint64_t offset, const struct wal_record *rec)
{
	return rec->segment == (uint32_t)r->id.v && rec->length <= WAL_PAYLOAD_MAX &&
	       wal_record_bytes(rec->length) <= r->size - offset;
}

/* The record at offset, when there is one there; *whyp when not. */
static enum st record_at(struct wal_reader *r, uint64_t offset, struct wal_record *recp,
			 enum wal_damage *whyp)
{
	const uint8_t *p;
	enum st st;

	*whyp = WAL_DAMAGE_NONE;
	if (offset >= r->size)
		return ST_NOT_FOUND;
	if (r->size - offset < WAL_HEAD_BYTES) {
		st = look(r, offset, (size_t)(r->size - offset), &p);
		if (!st && !all_zero(p, (size_t)(r->size - offset)))
			*whyp = WAL_DAMAGE_TRUNCATED;
		return st ? st : ST_NOT_FOUND;
	}
	st = look(r, offset, WAL_HEAD_BYTES, &p);
	if (st)
		return st;
	if (wal_head_is_zero(p))
		return ST_NOT_FOUND;
	wal_record_decode_head(p, recp);
	if (!fits(r, offset, recp)) {
		*whyp = recp->segment == (uint32_t)r->id.v ? WAL_DAMAGE_TRUNCATED : WAL_DAMAGE_CHECKSUM;
		return ST_NOT_FOUND;
	}
	st = look(r, offset, (size_t)wal_record_bytes(recp->length), &p);
	if (st)
		return st;
	if (!wal_record_holds(p, r->seed, recp)) {
		*whyp = WAL_DAMAGE_CHECKSUM;
		return ST_NOT_FOUND;
	}
	recp->offset = offset;
	recp->payload = slice_of(p + WAL_HEAD_BYTES, recp->length);
	return ST_OK;
}

enum st wal_reader_next(struct wal_reader *r, struct wal_record *recp, enum wal_damage *whyp)
{
	enum st st;

	obj_check(r, WAL_READER_MAGIC);
	*whyp = WAL_DAMAGE_NONE;
	if (r->closed)
		return ST_NOT_FOUND;
	st = record_at(r, r->at, recp, whyp);
	if (st)
		return st;
	r->at += wal_record_bytes(recp->length);
	r->closed = wal_record_closes(recp);
	return r->closed ? ST_NOT_FOUND : ST_OK;
}

/* What is left to be spent on bytes that look like a record and are none: a damaged file must not take for ever. */
#define REST_BUDGET_BYTES (256u << 20)

/* Takes a record at `place` into account, when one is there; *np: its bytes, else 0. Cheap refusals first. */
static enum st record_behind(struct wal_reader *r, uint64_t place, uint64_t offset, uint64_t *budgetp, struct wal_rest *restp,
			     uint64_t *np)
{
	enum wal_damage why;
	struct wal_record rec;
	const uint8_t *p;
	enum st st = look(r, place, WAL_HEAD_BYTES, &p);

	*np = 0;
	if (st)
		return st;
	wal_record_decode_head(p, &rec);
	if (rec.synced_upto > place || !fits(r, place, &rec) || wal_record_bytes(rec.length) > *budgetp)
		return ST_OK;
	st = record_at(r, place, &rec, &why);
	if (st) {
		*budgetp -= wal_record_bytes(rec.length);
		return st == ST_NOT_FOUND ? ST_OK : st;
	}
	*np = wal_record_bytes(rec.length);
	if (rec.count && rec.first_seq.v + rec.count - 1 > restp->last_seq.v)
		restp->last_seq = seq(rec.first_seq.v + rec.count - 1);
	if (!restp->promised && rec.synced_upto > offset) {
		restp->promised = true;
		restp->promised_at = place;
	}
	return ST_OK;
}

/* Zero bytes from offset on, as far as the window shows, in whole steps of 8: the preallocated rest of a segment is
 * most of what there is to look through. */
static uint64_t zeros_behind(const struct wal_reader *r, uint64_t offset)
{
	uint64_t at = offset, end = r->base + r->filled;

	while (at + 8 <= end && get_u64(r->window + (at - r->base)) == 0)
		at += 8;
	return at - offset;
}

/* The bytes to go on by from a place of eight zeros: as many as are zeros for certain, a multiple of 8. No segment of ours has
 * many behind its end. In a file that was made larger there may be terabytes of them, and to read them takes hours. */
static uint64_t pass_zeros(const struct wal_reader *r, uint64_t at, uint64_t *runp)
{
	uint64_t n = 8 + zeros_behind(r, at + 8), next;

	*runp += n;
	if (*runp < ZEROS_READ_BYTES)
		return n;
	next = vfs_next_data(r->file, at + n);
	return next > at + n ? (next - at) / 8 * 8 : n;
}

enum st wal_reader_rest(struct wal_reader *r, uint64_t offset, struct wal_rest *restp)
{
	uint64_t zeros = 0, budget = REST_BUDGET_BYTES, bytes = 0;
	const uint8_t *p;
	enum st st = ST_OK;

	obj_check(r, WAL_READER_MAGIC);
	*restp = (struct wal_rest){ .content_end = offset };
	for (uint64_t at = offset; at < r->size && !st; at += bytes ? bytes : 8) {
		size_t n = r->size - at < 8 ? (size_t)(r->size - at) : 8;

		bytes = 0;
		st = look(r, at, n, &p);
		if (st)
			break;
		if (all_zero(p, n)) {
			bytes = pass_zeros(r, at, &zeros);
			continue;
		}
		zeros = 0;
		while (p[n - 1] == 0)
			n--;
		restp->content_end = at + n;
		if (r->size - at >= WAL_HEAD_BYTES)
			st = record_behind(r, at, offset, &budget, restp, &bytes);
		if (bytes)
			restp->content_end = at + bytes;
	}
	return st;
}
