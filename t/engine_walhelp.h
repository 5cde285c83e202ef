/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the write-ahead log: writing small logs group by group, reading them back through
 * recovery_run() into a plain list, and files as images that can be damaged and put back.
 */
#ifndef T_ENGINE_WALHELP_H
#define T_ENGINE_WALHELP_H

#include "common/base/conf.h"
#include "engine/recovery.h"
#include "engine/wal.h"
#include "t/engine_testlib.h"

#define DB 0x1122334455667788u
#define ORIGIN 77u
#define REPLAYED_MAX 4096

/* ---- writing ---- */

struct pen {
	struct vfs *v;
	const char *dir;
	struct wal *wal;
	struct wal_link before;
	uint64_t last;                   /* last sequence appended */
	uint64_t request;
};

/* Begins segment id behind what was written so far. */
static inline enum st pen_begin(struct pen *p, uint64_t id, uint64_t preallocate)
{
	enum st st;

	if (p->wal) {
		p->before = wal_end(p->wal);
		wal_close(&p->wal);
	}
	st = wal_prepare(p->v, p->dir, file_id(id), preallocate, &p->wal);
	return st ? st : wal_begin(p->wal, DB, seq(p->last), &p->before, (struct slice){ 0 });
}

/* Appends one record of n puts. */
static inline void pen_append(struct pen *p, unsigned n)
{
	struct buf head = BUF_INIT, body = BUF_INIT;

	testlib_batch(&head, &body, p->last + 1, n, ORIGIN, ++p->request);
	wal_append(p->wal, seq(p->last + 1), n, buf_slice(&head), buf_slice(&body));
	p->last += n;
	buf_fini(&head);
	buf_fini(&body);
}

/* One group of two records, written and synced: acknowledged when this answers ST_OK. */
static inline enum st pen_group(struct pen *p)
{
	enum st st;

	pen_append(p, 1);
	pen_append(p, 2);
	st = wal_write(p->wal);
	return st ? st : wal_sync(p->wal);
}

/* ---- reading ---- */

struct replayed {
	struct recovery_report report;
	size_t segments, records, silent;        /* silent: records handed on for their origin only */
	uint64_t seqs[REPLAYED_MAX];
	size_t count;
	uint64_t last_request;
	uint64_t progress_done, progress_total;
};

static inline enum st replayed_segment(void *ctx, struct file_id id, uint64_t bytes)
{
	struct replayed *r = ctx;

	ck_assert(id.v && bytes);
	r->segments++;
	return ST_OK;
}

static inline enum st replayed_record(void *ctx, const struct wal_batch *b, const struct write_counts *counts)
{
	struct write_walk w = write_walk_begin(b->batches);
	struct replayed *r = ctx;
	struct write_op op;
	uint64_t s = b->first_sequence.v;

	r->records++;
	if (b->request_id)
		r->last_request = b->request_id;
	r->silent += counts->entries == 0;
	for (uint32_t i = 0; i < counts->entries; i++) {
		char key[32], value[64];

		ck_assert(write_walk_next(&w, &op));
		ck_assert_uint_lt(r->count, REPLAYED_MAX);
		snprintf(key, sizeof key, "key%06" PRIu64, s);
		snprintf(value, sizeof value, "value of %" PRIu64, s);
		ck_assert(slice_eq(op.key, slice_str(key)));
		ck_assert(slice_eq(op.value, slice_str(value)));
		r->seqs[r->count++] = s++;
	}
	return ST_OK;
}

static inline void replayed_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct replayed *r = ctx;

	r->progress_done = done;
	r->progress_total = total;
}

static inline enum st replay_from(struct vfs *v, const char *dir, unsigned mode, uint64_t floor,
				  uint64_t flushed, struct replayed *r)
{
	const struct recovery_sink sink = { r, replayed_segment, replayed_record, replayed_progress };

	const struct recovery_known known = { DB, file_id(floor), seq(flushed), seq(0) };

	*r = (struct replayed){ 0 };
	return recovery_run(v, dir, mode, &known, &sink, &r->report);
}

/* Everything handed on is 1, 2, ... without a hole, whatever else happened. */
static inline void check_dense(const struct replayed *r)
{
	for (size_t i = 0; i < r->count; i++)
		ck_assert_uint_eq(r->seqs[i], i + 1);
}

/* ---- images ---- */

struct image { uint8_t *p; size_t n; };

static inline struct image image_of(struct vfs *v, const char *path)
{
	struct image i;

	ck_ok(vfs_slurp(v, path, 1u << 26, &i.p, &i.n));
	return i;
}

static inline void image_put(struct vfs *v, const char *path, const uint8_t *p, size_t n)
{
	struct vfs_file *f;
	enum st st = vfs_unlink(v, path);

	ck_assert(st == ST_OK || st == ST_NOT_FOUND);
	ck_ok(vfs_open(v, path, VFS_CREATE, &f));
	ck_ok(vfs_write(f, p, n, 0));
	vfs_close(&f);
}

static inline bool image_is(struct vfs *v, const char *path, const uint8_t *p, size_t n)
{
	struct image now = image_of(v, path);
	bool same = now.n == n && memcmp(now.p, p, n) == 0;

	mem_free(now.p);
	return same;
}

#endif
