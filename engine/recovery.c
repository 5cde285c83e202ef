/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the WAL back after a restart. Three steps:
 *
 *   look    list wal/, open each segment from the floor on, sort out never-begun ones and a torn newest header
 *   replay  segment by segment: is it the one that follows (link), then record by record into the sink
 *   settle  no damage: make the newest true on disk. Damage: refuse untouched, or cut and quarantine the rest
 *           (recovery_settle.c)
 *
 * Where replay stops is a `finding`. A segment with a successor must end where the successor's header says;
 * the newest may have a torn tail, told from damage by the promises of later records (wal_format.h, 3).
 */
#include "engine/recovery.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/conf.h"
#include "common/base/mem.h"
#include "common/table/filename.h"
#include "common/wal/wal_reader.h"
#include "engine/recovery_priv.h"
#include "engine/recovery_repair.h"

#define PROGRESS_BYTES (1u << 20)        /* progress is told so often */

/* ---- look ---- */

static enum st note_name(void *ctx, const char *name)
{
	struct recovery *r = ctx;
	struct file_id id;

	if (path_parse(name, &id) != DATA_NAME_WAL)
		return ST_OK;
	if (id.v > r->rp->highest_id.v)
		r->rp->highest_id = id;
	if (id.v == r->floor.v)
		r->floor_seen = true;
	if (id.v < r->floor.v)
		return ST_OK;
	if (r->count == r->capacity) {
		r->capacity = r->capacity ? r->capacity * 2 : 16;
		r->segments = mem_resize(r->segments, r->capacity * sizeof *r->segments);
	}
	r->segments[r->count++] = (struct segment){ .id = id };
	return ST_OK;
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = ((const struct segment *)a)->id.v, y = ((const struct segment *)b)->id.v;

	return (x > y) - (x < y);
}

static enum st look_into(struct recovery *r, struct segment *s)
{
	struct path p = path_wal(r->data_dir, s->id);
	struct wal_reader *reader;
	enum st st = wal_reader_open(r->v, p.s, r->database, s->id, &reader);

	if (st)
		return st;
	s->size = wal_reader_size(reader);
	s->opening = wal_reader_header(reader, &s->header);
	if (s->opening != WAL_OPENING_HEADER)
		st = wal_reader_rest(reader, 0, &s->rest);
	wal_reader_close(&reader);
	if (!st && s->opening == WAL_OPENING_HEADER &&
	    (s->header.version < WAL_VERSION_LEAST || s->header.version > WAL_VERSION)) {
		snprintf(r->rp->sentence, sizeof r->rp->sentence,
			 "WAL segment wal_%" PRIu64 ".log has format %u; this program knows %u to %u. "
			 "Nothing was changed: start the version that wrote it.",
			 s->id.v, s->header.version, WAL_VERSION_LEAST, WAL_VERSION);
		st = fail(ST_CORRUPT, "%s", r->rp->sentence);
	}
	return st;
}

static enum st any_name(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return ST_OK;
}

/* What could not be read: a folder in a segment's place? Nobody but people can say how it came there. */
static enum st refuse_folder(struct recovery *r, struct file_id id)
{
	struct path p = path_wal(r->data_dir, id);

	if (vfs_list(r->v, p.s, any_name, NULL))
		return ST_IO;
	snprintf(r->rp->sentence, sizeof r->rp->sentence,
		 "wal/wal_%" PRIu64 ".log is a directory, in the place of a WAL segment. Nothing was changed: move it away, and restore "
		 "the segment if there was one.", id.v);
	return fail(ST_CORRUPT, "%s", r->rp->sentence);
}

/* A prepared segment that was never begun is all zeros and means nothing; should it be one whose content was
 * wiped, its successor's link tells. The floor's was begun, and header and origins synced, before the manifest named it. */
static bool never_begun(const struct recovery *r, const struct segment *s)
{
	return s->opening == WAL_OPENING_ZERO && s->rest.content_end == 0 && s->id.v != r->floor.v;
}

/* It was in the folder's list a moment ago. */
static enum st refuse_link(struct recovery *r, struct file_id id)
{
	snprintf(r->rp->sentence, sizeof r->rp->sentence,
		 "wal/wal_%" PRIu64 ".log is a link that leads nowhere: is a disk not mounted? Nothing was changed.", id.v);
	return fail(ST_CORRUPT, "%s", r->rp->sentence);
}

static enum st look_around(struct recovery *r)
{
	struct path dir = path_wal_dir(r->data_dir);
	enum st st = vfs_list(r->v, dir.s, note_name, r);
	size_t kept = 0;

	if (st == ST_NOT_FOUND)
		return ST_OK;            /* no folder, no segments; a floor will be missed */
	if (st)
		return st;
	if (r->count)
		qsort(r->segments, r->count, sizeof *r->segments, by_id);
	for (size_t i = 0; i < r->count; i++) {
		st = look_into(r, &r->segments[i]);
		if (st == ST_NOT_FOUND)
			return refuse_link(r, r->segments[i].id);
		if (st)
			return st == ST_IO ? refuse_folder(r, r->segments[i].id) : st;
		if (!never_begun(r, &r->segments[i]))
			r->segments[kept++] = r->segments[i];
	}
	r->count = kept;
	for (size_t i = 0; i < kept; i++)
		r->total_bytes += r->segments[i].size;
	return ST_OK;
}

/* ---- findings ---- */

__attribute__((format(printf, 5, 6))) static void
find(struct finding *f, enum wal_damage damage, size_t index, uint64_t offset, const char *fmt, ...)
{
	va_list ap;

	f->damage = damage;
	f->index = index;
	f->offset = f->content_end = offset;
	va_start(ap, fmt);
	vsnprintf(f->what, sizeof f->what, fmt, ap);
	va_end(ap);
}

__attribute__((format(printf, 4, 5))) static void
find_whole(struct finding *f, enum wal_damage damage, size_t index, const char *fmt, ...)
{
	va_list ap;

	find(f, damage, index, 0, "%s", "");
	f->whole = true;
	va_start(ap, fmt);
	vsnprintf(f->what, sizeof f->what, fmt, ap);
	va_end(ap);
}

/* ---- replay ---- */

/* The sequences a segment begins with: those of the segment before, or, when these were flushed, the flushed
 * ones. */
static void check_start(const struct recovery *r, size_t i, struct finding *f)
{
	const struct wal_header *h = &r->segments[i].header;

	if (h->last_seq.v > r->last.v && h->last_seq.v > r->flushed.v) {
		find_whole(f, WAL_DAMAGE_GAP, i, "sequences %" PRIu64 " to %" PRIu64 " are missing before it",
			   (r->last.v > r->flushed.v ? r->last.v : r->flushed.v) + 1, h->last_seq.v);
		f->lost_to = h->last_seq;
	} else if (h->last_seq.v < h->before.last_seq.v) {
		find_whole(f, WAL_DAMAGE_GAP, i, "its header contradicts itself");
	}
}

/* Is segment i the one that follows what was read? */
static void check_link(const struct recovery *r, size_t i, struct finding *f)
{
	const struct segment *s = &r->segments[i];
	const struct wal_header *h = &s->header;
	uint64_t before = h->before.id.v;

	if (s->opening != WAL_OPENING_HEADER)
		find_whole(f, s->size ? WAL_DAMAGE_CHECKSUM : WAL_DAMAGE_TRUNCATED, i, "%s", s->rest.content_end
			   ? "its header is damaged" : "it is empty, but its header was on disk before the manifest named it");
	else if (h->database != r->database)
		find_whole(f, WAL_DAMAGE_GAP, i, "it belongs to another database");
	else if (h->id.v != s->id.v)
		find_whole(f, WAL_DAMAGE_GAP, i, "it was written as segment %" PRIu64, h->id.v);
	else if (i == 0 ? before != 0 && before >= r->floor.v : before != r->end.id.v)
		find_whole(f, WAL_DAMAGE_GAP, i, "segment %" PRIu64 ", which it follows, is missing", before);
	else if (i > 0 && (h->before.length != r->end.length || h->before.last_seq.v != r->end.last_seq.v))
		find_whole(f, WAL_DAMAGE_GAP, i, "it follows another state of segment %" PRIu64, before);
	else
		check_start(r, i, f);
	if (f->damage == WAL_DAMAGE_GAP && f->whole && s->opening == WAL_OPENING_HEADER && h->database == r->database)
		f->lost_to = h->last_seq;
}

static enum st hand_on(struct recovery *r, const struct wal_record *rec, struct wal_batch *b,
		       struct write_counts *counts)
{
	if (rec->count == 0 || rec->first_seq.v + rec->count - 1 <= r->flushed.v)
		*counts = (struct write_counts){ 0 };
	r->rp->records++;
	r->rp->entries += counts->entries;
	if (r->sink->progress && r->done_bytes + rec->offset >= r->told_bytes + PROGRESS_BYTES) {
		r->told_bytes = r->done_bytes + rec->offset;
		r->sink->progress(r->sink->ctx, r->told_bytes, r->total_bytes);
	}
	return r->sink->record(r->sink->ctx, b, counts);
}

/* Where the successor says this segment ends; UINT64_MAX when nobody says. */
static uint64_t named_end(const struct recovery *r, size_t i)
{
	const struct segment *next = &r->segments[i + 1];

	if (i + 1 == r->count || next->opening != WAL_OPENING_HEADER || next->header.before.id.v != r->segments[i].id.v)
		return UINT64_MAX;
	return next->header.before.length;
}

static enum st take_record(struct recovery *r, size_t i, const struct wal_record *rec, struct finding *f)
{
	struct write_counts counts;
	struct wal_batch b;

	if (rec->first_seq.v != r->last.v + 1) {
		find(f, WAL_DAMAGE_GAP, i, rec->offset, "sequence %" PRIu64 " follows %" PRIu64, rec->first_seq.v, r->last.v);
		return ST_OK;
	}
	if (rec->offset + wal_record_bytes(rec->length) > named_end(r, i)) {
		find(f, WAL_DAMAGE_GAP, i, rec->offset, "it goes on where the next segment says it ends");
		return ST_OK;
	}
	if (wal_batch_decode(rec->payload, &b, &counts) || counts.entries != rec->count ||
	    (rec->count && b.first_sequence.v != rec->first_seq.v)) {
		find(f, WAL_DAMAGE_UNDECODABLE, i, rec->offset, "a record with a good checksum does not decode");
		return ST_OK;
	}
	r->last.v += rec->count;
	if (rec->synced_upto > r->promise)
		r->promise = rec->synced_upto;
	return hand_on(r, rec, &b, &counts);
}

/* Reading stopped before the end that somebody vouches for, by a promise or by the successor's header. */
static void judge_hole(size_t i, uint64_t at, uint64_t size, uint64_t vouched, enum wal_damage why,
		       struct finding *f)
{
	if (why == WAL_DAMAGE_NONE)
		why = size < vouched ? WAL_DAMAGE_TRUNCATED : WAL_DAMAGE_CHECKSUM;
	find(f, why, i, at, "%s; it was on disk up to %" PRIu64 " at least", wal_damage_text(why), vouched);
}

/* What does the place where reading stopped mean? */
static enum st judge_end(struct recovery *r, size_t i, struct wal_reader *reader, enum wal_damage why,
			 struct finding *f)
{
	uint64_t at = wal_reader_offset(reader), named = named_end(r, i);
	uint64_t size = wal_reader_size(reader), least = (uint64_t)r->segments[i].header.least_kib << 10;
	struct wal_rest rest;
	enum st st;

	if (named != UINT64_MAX && at == named)
		return ST_OK;
	st = wal_reader_rest(reader, at, &rest);
	if (st)
		return st;
	if (named != UINT64_MAX) {
		judge_hole(i, at, size, named, why, f);
	} else if (rest.promised) {
		judge_hole(i, at, size, rest.promised_at, why, f);
	} else if (size < least && !wal_reader_is_closed(reader)) {
		find(f, WAL_DAMAGE_TRUNCATED, i, at, "the file has %" PRIu64 " bytes; it had %" PRIu64 " at least before it was begun",
		     size, least);
	} else if (rest.content_end > at) {
		r->rp->torn_tail = true;
		r->rp->damaged_bytes = rest.content_end - at;
	}
	f->content_end = rest.content_end;
	return ST_OK;
}

static enum st replay_records(struct recovery *r, size_t i, struct wal_reader *reader, struct finding *f)
{
	enum wal_damage why;
	struct wal_record rec;
	uint64_t end = wal_reader_offset(reader);
	enum st st;

	for (;;) {
		st = wal_reader_next(reader, &rec, &why);
		if (st)
			break;
		st = take_record(r, i, &rec, f);
		if (st)
			return st;
		if (f->damage)
			break;
		end = wal_reader_offset(reader);
	}
	if (st == ST_NOT_FOUND)
		end = wal_reader_offset(reader);         /* behind the closing record */
	r->to_close = !wal_reader_is_closed(reader) && end < (uint64_t)r->segments[i].header.least_kib << 10;
	r->end = (struct wal_link){ r->segments[i].id, end, r->last };
	r->rp->bytes += end;
	if (st == ST_NOT_FOUND)
		return judge_end(r, i, reader, why, f);
	if (f->damage) {
		struct wal_rest rest;

		st = wal_reader_rest(reader, f->offset, &rest);
		f->content_end = rest.content_end;
	}
	return st;
}

static enum st replay_segment(struct recovery *r, size_t i, struct finding *f)
{
	struct segment *s = &r->segments[i];
	struct path p = path_wal(r->data_dir, s->id);
	struct wal_reader *reader;
	enum st st;

	check_link(r, i, f);
	if (f->damage)
		return ST_OK;
	r->last = s->header.last_seq;
	r->promise = 0;
	r->rp->segments++;
	st = r->sink->segment(r->sink->ctx, s->id, s->size);
	if (st)
		return st;
	st = wal_reader_open(r->v, p.s, r->database, s->id, &reader);
	if (st)
		return st;
	st = replay_records(r, i, reader, f);
	wal_reader_close(&reader);
	r->done_bytes += s->size;
	if (!st && r->sink->progress)
		r->sink->progress(r->sink->ctx, r->done_bytes, r->total_bytes);
	return st;
}

/* The newest segment's header (it is not the floor's) never reached the disk whole, and no record says that it did: nothing in it was
 * ever acknowledged. */
static bool newest_is_torn(const struct recovery *r)
{
	const struct segment *s = r->count ? &r->segments[r->count - 1] : NULL;

	return s && s->opening != WAL_OPENING_HEADER && !s->rest.promised && s->id.v != r->floor.v;
}

static enum st replay(struct recovery *r, struct finding *f)
{
	enum st st = ST_OK;

	if (r->floor.v && !r->floor_seen) {
		find_whole(f, WAL_DAMAGE_GAP, 0, "segment wal_%" PRIu64 ".log, the first one needed, is missing", r->floor.v);
		return ST_OK;
	}
	for (size_t i = 0; i < r->count && !st && !f->damage; i++)
		st = replay_segment(r, i, f);
	return st;
}

/* ---- the whole ---- */

/* Nothing in the log says that it went on behind its end; the manifest may. */
static void check_promise(const struct recovery *r, struct finding *f)
{
	struct seq last = r->last.v > r->flushed.v ? r->last : r->flushed;

	if (last.v >= r->promised.v)
		return;
	if (f->damage) {                 /* that is where; this is how far */
		f->lost_to = f->lost_to.v < r->promised.v ? r->promised : f->lost_to;
		return;
	}
	find(f, WAL_DAMAGE_TRUNCATED, r->count ? r->count - 1 : 0, r->end.length,
	     "it ends at sequence %" PRIu64 ", but the last clean stop left sequences up to %" PRIu64, last.v, r->promised.v);
	f->lost_to = r->promised;
	f->whole = r->count == 0;
}

static enum st run(struct recovery *r)
{
	struct file_id torn = file_id(0);
	struct finding f = { 0 };
	enum st st = look_around(r);

	if (st)
		return st;
	if (newest_is_torn(r)) {
		torn = r->segments[--r->count].id;
		r->rp->torn_tail = true;
		r->rp->damaged_bytes = r->segments[r->count].rest.content_end;
	}
	st = replay(r, &f);
	if (st)
		return st;
	check_promise(r, &f);
	r->rp->last_seq = r->last.v > r->flushed.v ? r->last : r->flushed;
	r->rp->end = r->end;
	if (!f.damage)
		return recovery__settle_tail(r, torn);
	recovery__tell_damage(r, &f);
	if (r->mode != WAL_RECOVERY_TRUNCATE)
		return fail(ST_CORRUPT, "%s", r->rp->sentence);
	if (torn.v) {
		st = recovery__settle(r->v, r->data_dir, torn, 0, 0, (struct slice){ 0 });
		if (st)
			return st;
	}
	return recovery__set_aside(r, &f);
}

enum st recovery_run(struct vfs *v, const char *data_dir, unsigned mode, const struct recovery_known *known,
		     const struct recovery_sink *sink, struct recovery_report *rp)
{
	struct recovery r = {
		.v = v,
		.data_dir = data_dir,
		.mode = mode,
		.database = known->database,
		.floor = known->floor,
		.flushed = known->flushed_seq,
		.promised = known->promised_seq,
		.sink = sink,
		.rp = rp,
	};
	enum st st;

	*rp = (struct recovery_report){ .mode = mode };
	st = run(&r);
	mem_free(r.segments);
	return st;
}
