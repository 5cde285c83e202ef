/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last step of a recovery: what was found is told, and the log is made true on disk, or cut where damage begins with the
 * rest put aside; see recovery.c.
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/base/conf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/stats/stats.h"
#include "common/table/filename.h"
#include "engine/recovery_priv.h"
#include "engine/recovery_repair.h"

/* The highest sequence that can still be seen behind the damage, or that somebody vouches for. Errors of the disk only
 * make it lower: it is for people. */
static struct seq last_behind(struct recovery *r, const struct finding *f)
{
	struct seq last = f->lost_to;

	for (size_t i = f->index; i < r->count; i++) {
		struct path p = path_wal(r->data_dir, r->segments[i].id);
		struct wal_reader *reader;
		struct wal_rest rest;

		if (r->segments[i].opening == WAL_OPENING_HEADER && r->segments[i].header.database == r->database &&
		    r->segments[i].header.last_seq.v > last.v)
			last = r->segments[i].header.last_seq;
		if (wal_reader_open(r->v, p.s, r->database, r->segments[i].id, &reader))
			continue;
		if (wal_reader_rest(reader, i == f->index && !f->whole ? f->offset : WAL_HEADER_BYTES, &rest) == ST_OK &&
		    rest.last_seq.v > last.v)
			last = rest.last_seq;
		wal_reader_close(&reader);
	}
	return last;
}

static void count_damage(enum wal_damage damage)
{
	static const enum metric by_kind[] = {
		[WAL_DAMAGE_CHECKSUM] = M_wal_checksum_mismatches, [WAL_DAMAGE_TRUNCATED] = M_wal_truncated_entries,
		[WAL_DAMAGE_UNDECODABLE] = M_wal_undecodable_entries, [WAL_DAMAGE_GAP] = M_wal_sequence_gaps,
	};

	stats_add(M_corruption_detected, 1);
	stats_add(by_kind[damage], 1);
	if (damage == WAL_DAMAGE_CHECKSUM)
		stats_add(M_crc32_verification_failed, 1);
}

void recovery__tell_damage(struct recovery *r, const struct finding *f)
{
	struct recovery_report *rp = r->rp;
	struct file_id id = f->index < r->count ? r->segments[f->index].id : r->floor;

	rp->damage = f->damage;
	rp->damaged_segment = id;
	rp->damaged_offset = f->offset;
	rp->lost_from = seq(rp->last_seq.v + 1);
	rp->damaged_bytes = f->whole && f->index < r->count ? r->segments[f->index].size : f->content_end - f->offset;
	rp->refused = r->mode != WAL_RECOVERY_TRUNCATE;
	rp->lost_to = last_behind(r, f);
	if (rp->lost_to.v < rp->lost_from.v)
		rp->lost_to = seq(0);
	snprintf(rp->sentence, sizeof rp->sentence,
		 "Acknowledged data in the write-ahead log is damaged: wal_%" PRIu64 ".log at offset %" PRIu64 " (%s). "
		 "Writes from sequence %" PRIu64 " on are affected. %s", id.v, f->offset, f->what, rp->lost_from.v,
		 r->mode == WAL_RECOVERY_TRUNCATE
			 ? "Everything before was kept, the rest was moved to quarantine/."
			 : "Nothing was changed. Restore the file from a backup, or start once with "
			   "WAL_RECOVERY_MODE=truncate to keep everything before and set the rest aside.");
	count_damage(f->damage);
}

/* The closing record that the last segment needs; empty when it needs none. */
static struct slice closing_of(const struct recovery *r, uint8_t bytes[WAL_HEAD_BYTES])
{
	if (!r->to_close)
		return (struct slice){ 0 };
	wal_closing_encode(r->database, r->end.id, r->end.last_seq, bytes);
	return slice_of(bytes, WAL_HEAD_BYTES);
}

/* Where the log ends now, made true on disk; everything behind it is gone. */
static enum st settle_end(struct recovery *r)
{
	uint8_t bytes[WAL_HEAD_BYTES];
	struct slice closing;
	enum st st;

	if (r->end.id.v == 0)
		return ST_OK;
	closing = closing_of(r, bytes);
	if (r->promise > r->end.length)
		r->promise = r->end.length;
	st = recovery__settle(r->v, r->data_dir, r->end.id, r->promise, r->end.length, closing);
	r->end.length += closing.n;
	r->rp->end = r->end;
	return st;
}

/* The header that stands for the floor's segment when that goes to quarantine: nothing follows what was flushed. */
static void stand_in(const struct recovery *r, uint8_t header[WAL_HEADER_BYTES])
{
	struct wal_header h = { .version = WAL_VERSION, .database = r->database, .id = r->floor, .last_seq = r->rp->last_seq };

	wal_header_encode(&h, header);
}

enum st recovery__set_aside(struct recovery *r, const struct finding *f)
{
	size_t first = f->whole ? f->index : f->index + 1, n = r->count > first ? r->count - first : 0;
	struct file_id *whole = mem_alloc((n + 1) * sizeof *whole);
	uint8_t closing[WAL_HEAD_BYTES], header[WAL_HEADER_BYTES];
	struct quarantine_order q = { .whole = whole, .whole_count = n, .keep_name = r->floor, .closing = closing_of(r, closing),
				      .stand_in = slice_of(header, sizeof header) };
	enum st st;

	stand_in(r, header);
	for (size_t i = 0; i < n; i++)
		whole[i] = r->segments[first + i].id;
	if (!f->whole) {
		q.cut = r->segments[f->index].id;
		q.offset = f->offset;
		q.content_end = f->content_end;
	}
	log_warn("%s", r->rp->sentence);
	st = recovery__quarantine(r->v, r->data_dir, &q, r->rp);
	mem_free(whole);
	if (r->end.id.v == 0 && r->floor.v)      /* nothing was read: the stand-in is the log */
		r->end = (struct wal_link){ r->floor, WAL_HEADER_BYTES, r->rp->last_seq };
	return st ? st : settle_end(r);
}

enum st recovery__settle_tail(struct recovery *r, struct file_id torn)
{
	struct recovery_report *rp = r->rp;
	enum st st = ST_OK;

	if (rp->torn_tail) {
		stats_add(M_wal_torn_tails, 1);
		rp->damaged_segment = torn.v ? torn : r->end.id;
		rp->damaged_offset = torn.v ? 0 : r->end.length;
		rp->refused = r->mode == WAL_RECOVERY_ABSOLUTE;
		snprintf(rp->sentence, sizeof rp->sentence,
			 "The write-ahead log ended in a torn tail (wal_%" PRIu64 ".log from offset %" PRIu64 " on): "
			 "nothing vouches for it%s", torn.v ? torn.v : r->end.id.v,
			 torn.v ? 0 : r->end.length, r->mode == WAL_RECOVERY_ABSOLUTE
				 ? ". WAL_RECOVERY_MODE=absolute refuses that; nothing was changed. Start with strict to cut it."
				 : "; it was cut.");
		if (r->mode == WAL_RECOVERY_ABSOLUTE)
			return fail(ST_CORRUPT, "%s", rp->sentence);
		log_warn("%s", rp->sentence);
	}
	if (torn.v)
		st = recovery__settle(r->v, r->data_dir, torn, 0, 0, (struct slice){ 0 });
	return st ? st : settle_end(r);
}
