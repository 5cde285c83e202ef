/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments, places and reading; see history.h.
 *
 * Marks: while records are read, now and then a place is noted in its segment, so that the next one who looks for a
 * version near it does not read the segment from its beginning.
 */
#include "frontend/history.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/table/filename.h"
#include "common/wal/wal_reader.h"

#define HISTORY_MAGIC 0x48697374u
#define MARK_BYTES (256u << 10)

struct mark { uint64_t offset; struct seq last; };

struct segment {
	struct wal_header header;
	struct mark *marks;
	size_t mark_count, mark_capacity;
};

struct open_file { struct wal_reader *reader; struct file_id id; uint64_t used; };

struct history {
	uint32_t magic;
	/* fixed after new */
	struct vfs *vfs;
	const char *data_dir;
	uint64_t database;
	/* moving */
	struct segment *chain;           /* oldest first */
	size_t count;
	struct open_file files[HISTORY_FILES];
	uint64_t uses;
};

struct history *history_new(struct vfs *v, const char *data_dir, uint64_t database)
{
	struct history *h = mem_zalloc(sizeof *h);

	obj_init(h, HISTORY_MAGIC);
	h->vfs = v;
	h->data_dir = data_dir;
	h->database = database;
	return h;
}

static void forget_segments(struct segment *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mem_free(list[i].marks);
	mem_free(list);
}

void history_free(struct history **hp)
{
	struct history *h = *hp;

	*hp = NULL;
	if (!h)
		return;
	obj_check(h, HISTORY_MAGIC);
	history_rest(h);
	forget_segments(h->chain, h->count);
	obj_fini(h);
	mem_free(h);
}

/* ---- files ---- */

static void close_file(struct open_file *f)
{
	wal_reader_close(&f->reader);
	*f = (struct open_file){ 0 };
}

void history_rest(struct history *h)
{
	for (size_t i = 0; i < HISTORY_FILES; i++)
		close_file(&h->files[i]);
}

/* Segments move from wal/ to wal/retained/, never back: in this order one is found if it is there. */
static enum st open_segment(struct history *h, struct file_id id, struct wal_reader **rp)
{
	enum st st = wal_reader_open_live(h->vfs, path_wal(h->data_dir, id).s, h->database, id, rp);

	if (st == ST_NOT_FOUND)
		st = wal_reader_open_live(h->vfs, path_retained(h->data_dir, id).s, h->database, id, rp);
	return st;
}

/* The segment's reader, on loan until another segment is asked for. */
static enum st reader_of(struct history *h, struct file_id id, struct wal_reader **rp)
{
	struct open_file *f = &h->files[0];
	enum st st;

	*rp = NULL;
	for (size_t i = 0; i < HISTORY_FILES; i++) {
		if (h->files[i].reader && h->files[i].id.v == id.v) {
			f = &h->files[i];
			break;
		}
		if (h->files[i].used < f->used)
			f = &h->files[i];
	}
	if (!f->reader || f->id.v != id.v) {
		close_file(f);
		st = open_segment(h, id, &f->reader);
		if (st)
			return st;
		f->id = id;
	}
	f->used = ++h->uses;
	*rp = f->reader;
	return ST_OK;
}

/* ---- the chain ---- */

struct ids { struct file_id *list; size_t count, capacity; };

static enum st note_name(void *ctx, const char *name)
{
	struct ids *ids = ctx;
	struct file_id id;

	if (path_parse(name, &id) != DATA_NAME_WAL)
		return ST_OK;
	if (ids->count == ids->capacity) {
		ids->capacity = ids->capacity ? ids->capacity * 2 : 16;
		ids->list = mem_resize(ids->list, ids->capacity * sizeof *ids->list);
	}
	ids->list[ids->count++] = id;
	return ST_OK;
}

static int newest_first(const void *a, const void *b)
{
	uint64_t x = ((const struct file_id *)a)->v, y = ((const struct file_id *)b)->v;

	return (x < y) - (x > y);
}

/* wal/ before wal/retained/, for segments move that way. */
static enum st list_segments(struct history *h, struct ids *ids)
{
	enum st st = vfs_list(h->vfs, path_wal_dir(h->data_dir).s, note_name, ids);

	if (!st || st == ST_NOT_FOUND)
		st = vfs_list(h->vfs, path_retained_dir(h->data_dir).s, note_name, ids);
	if (ids->count)
		qsort(ids->list, ids->count, sizeof *ids->list, newest_first);
	return st == ST_NOT_FOUND ? ST_OK : st;
}

static struct segment *known(struct history *h, struct file_id id)
{
	for (size_t i = h->count; i-- > 0;)
		if (h->chain[i].header.id.v == id.v)
			return &h->chain[i];
	return NULL;
}

/* Its header, when it is one of ours that was begun; NOT_FOUND otherwise. */
static enum st look_into(struct history *h, struct file_id id, struct wal_header *hp)
{
	struct wal_reader *r;
	enum st st = open_segment(h, id, &r);

	if (st)
		return st;
	if (wal_reader_header(r, hp) != WAL_OPENING_HEADER || hp->version < WAL_VERSION_LEAST ||
	    hp->version > WAL_VERSION || hp->database != h->database ||
	    hp->id.v != id.v)
		st = ST_NOT_FOUND;
	wal_reader_close(&r);
	return st;
}

/* The segment as it is known, or as its header says; it is the caller's. */
static enum st take_segment(struct history *h, struct file_id id, struct segment *sp)
{
	struct segment *s = known(h, id);

	*sp = (struct segment){ 0 };
	if (!s)
		return look_into(h, id, &sp->header);
	*sp = *s;
	s->marks = NULL;
	s->mark_count = s->mark_capacity = 0;
	return ST_OK;
}

static void newest_last(struct segment *list, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct segment s = list[i];

		list[i] = list[n - 1 - i];
		list[n - 1 - i] = s;
	}
}

/* The segment before, of which nothing is missing; 0: there is none. */
static uint64_t follows(const struct wal_header *h)
{
	return h->before.last_seq.v == h->last_seq.v ? h->before.id.v : 0;
}

/* Reads anew which segments there are: from the newest that was begun backwards, as the headers lead (1). */
static enum st renew_chain(struct history *h)
{
	struct ids ids = { 0 };
	enum st st = list_segments(h, &ids);
	struct segment *list = mem_zalloc((ids.count + 1) * sizeof *list);
	uint64_t wanted = 0;             /* 0: whichever is the newest */
	size_t n = 0;

	for (size_t i = 0; i < ids.count && !st; i++) {
		if ((n && ids.list[i].v != wanted) || (n && list[n - 1].header.id.v == ids.list[i].v))
			continue;
		st = take_segment(h, ids.list[i], &list[n]);
		if (st == ST_NOT_FOUND) {
			st = ST_OK;      /* prepared only, or removed since it was listed */
			continue;
		}
		if (!st)
			wanted = follows(&list[n++].header);
	}
	mem_free(ids.list);
	if (st) {
		forget_segments(list, n);
		return st;
	}
	newest_last(list, n);
	forget_segments(h->chain, h->count);
	h->chain = list;
	h->count = n;
	return ST_OK;
}

/* ---- places ---- */

static struct history_place beginning_of(const struct segment *s)
{
	return (struct history_place){ s->header.id, WAL_HEADER_BYTES, s->header.last_seq };
}

static struct history_place nearest(const struct segment *s, struct seq since)
{
	struct history_place place = beginning_of(s);
	size_t low = 0, high = s->mark_count;

	while (low < high) {             /* the last mark that is not behind since */
		size_t middle = (low + high) / 2;

		if (s->marks[middle].last.v <= since.v)
			low = middle + 1;
		else
			high = middle;
	}
	if (low) {
		place.offset = s->marks[low - 1].offset;
		place.last = s->marks[low - 1].last;
	}
	return place;
}

static void note_mark(struct history *h, const struct history_place *place)
{
	struct segment *s = known(h, place->segment);
	uint64_t before;

	if (!s)
		return;
	before = s->mark_count ? s->marks[s->mark_count - 1].offset : WAL_HEADER_BYTES;
	if (place->offset < before + MARK_BYTES)
		return;
	if (s->mark_count == s->mark_capacity) {
		s->mark_capacity = s->mark_capacity ? s->mark_capacity * 2 : 16;
		s->marks = mem_resize(s->marks, s->mark_capacity * sizeof *s->marks);
	}
	s->marks[s->mark_count++] = (struct mark){ place->offset, place->last };
}

enum history_got history_find(struct history *h, struct seq since, struct history_place *placep, struct seq *oldestp)
{
	size_t i;

	obj_check(h, HISTORY_MAGIC);
	*placep = (struct history_place){ 0 };
	*oldestp = seq(0);
	if (renew_chain(h))
		return HISTORY_BROKEN;
	if (h->count == 0)
		return HISTORY_END;
	*oldestp = seq(h->chain[0].header.last_seq.v + 1);
	for (i = h->count; i > 0 && h->chain[i - 1].header.last_seq.v > since.v; i--)
		;
	if (i == 0)
		return HISTORY_GONE;
	*placep = nearest(&h->chain[i - 1], since);
	return HISTORY_OK;
}

/* ---- reading ---- */

/* The next record of the place's own segment; NOT_FOUND: there is none, and *endp is where it would begin. */
static enum st next_here(struct history *h, const struct history_place *place, struct wal_record *recp, uint64_t *endp,
			 enum wal_damage *whyp)
{
	struct wal_reader *r;
	enum st st = reader_of(h, place->segment, &r);

	if (st)
		return st == ST_NOT_FOUND ? ST_UNAVAILABLE : st;
	wal_reader_go_to(r, place->offset);
	st = wal_reader_next(r, recp, whyp);
	if (st == ST_NOT_FOUND && !wal_reader_is_closed(r)) {
		st = wal_reader_renew(r);        /* it may have been written since the file was looked at */
		if (!st)
			st = wal_reader_next(r, recp, whyp);
	}
	*endp = wal_reader_offset(r);
	return st;
}

static enum history_got damaged(const struct history_place *place, const char *what)
{
	enum st st = fail(ST_CORRUPT, "WAL segment %" PRIu64 " cannot be read for watchers at offset %" PRIu64 ": %s",
			  place->segment.v, place->offset, what);

	(void)st;
	return HISTORY_BROKEN;
}

/* Where the history goes on behind the end of a segment, which something is known to do. */
static enum history_got next_segment(struct history *h, struct history_place *place, uint64_t end)
{
	struct history_place found;
	enum history_got got;
	struct seq oldest;

	if (renew_chain(h))
		return HISTORY_BROKEN;
	for (size_t i = h->count; i-- > 0;) {
		const struct wal_header *s = &h->chain[i].header;

		if (s->before.id.v == place->segment.v && s->before.length == end && s->last_seq.v == place->last.v) {
			*place = beginning_of(&h->chain[i]);
			return HISTORY_OK;
		}
	}
	got = history_find(h, place->last, &found, &oldest);
	if (got == HISTORY_OK && found.segment.v <= place->segment.v)
		return damaged(place, "nothing is there, and something should be");
	if (got == HISTORY_OK)
		*place = found;
	return got;
}

/* The place's segment has gone. */
static enum history_got look_up(struct history *h, struct history_place *place)
{
	struct history_place found;
	struct seq oldest;
	enum history_got got = history_find(h, place->last, &found, &oldest);

	if (got == HISTORY_OK && found.segment.v == place->segment.v)
		return HISTORY_END;      /* it went and came, or goes just now: the next look tells */
	if (got == HISTORY_OK)
		*place = found;
	return got;
}

/* Moves the place behind a record; what it changes is in b. */
static enum history_got take(const struct wal_record *rec, struct history_place *place, struct wal_batch *b, uint32_t *countp)
{
	struct write_counts counts;

	*countp = rec->count;
	if (rec->count && rec->first_seq.v != place->last.v + 1)
		return damaged(place, "a gap in the sequence");
	if (rec->count && (wal_batch_decode(rec->payload, b, &counts) || counts.entries != rec->count ||
			   b->first_sequence.v != rec->first_seq.v))
		return damaged(place, "an undecodable record");
	place->offset = rec->offset + wal_record_bytes(rec->length);
	place->last.v += rec->count;
	return HISTORY_OK;
}

enum history_got history_next(struct history *h, struct history_place *place, struct seq visible, struct wal_batch *b,
			      uint32_t *countp)
{
	struct history_place at = *place;
	enum history_got got = HISTORY_OK;

	obj_check(h, HISTORY_MAGIC);
	*countp = 0;
	while (got == HISTORY_OK && *countp == 0 && at.last.v < visible.v) {
		enum wal_damage why = WAL_DAMAGE_NONE;
		struct wal_record rec;
		uint64_t end = 0;
		enum st st = next_here(h, &at, &rec, &end, &why);

		if (st == ST_OK)
			got = take(&rec, &at, b, countp);
		else if (st == ST_UNAVAILABLE)
			got = look_up(h, &at);
		else if (st != ST_NOT_FOUND)
			got = HISTORY_BROKEN;
		else if (why == WAL_DAMAGE_NONE)
			got = next_segment(h, &at, end);
		else
			got = damaged(&at, wal_damage_text(why));
	}
	if (got == HISTORY_OK || got == HISTORY_END)
		*place = at;
	if (got == HISTORY_OK && *countp == 0)
		return HISTORY_END;
	if (got == HISTORY_OK)
		note_mark(h, place);
	return got;
}
