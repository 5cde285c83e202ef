/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole engine in one process, without threads and links: open, write, rotate, flush, compact, close, open again. What
 * is read comes back through the board, as in a frontend: view bytes, memtables kept by id, tables by file.
 */
#ifndef T_ENGINE_WORLD_H
#define T_ENGINE_WORLD_H

#include <stdio.h>
#include <unistd.h>

#include "common/base/heritage.h"
#include "common/base/rand.h"
#include "common/table/table_writer.h"
#include "common/view/view.h"
#include "engine/flush.h"
#include "engine/jobs.h"
#include "engine/pick.h"
#include "engine/restore.h"
#include "engine/retired.h"
#include "proto/view_msg.h"
#include "t/engine_testlib.h"

#define WORLD_MEMTABLES 64

struct world {
	char dir[TESTLIB_DIR_MAX];
	struct vfs *vfs;
	const char *sqlite_vfs;          /* NULL: the default */
	unsigned codec;                  /* of flushes: none, unless a test sets it */
	struct conf conf;
	truth_changed_f *changed;        /* who is told when tables change; NULL: nobody */
	void *changed_ctx;
	struct board *board;             /* outlives an engine, as the supervisor's does */
	struct leases *leases;           /* so do these; NULL: there are none */
	struct retired *retired;
	struct database db;
	struct flush *flush;
	bool at_rest;                    /* for world_compact */
	uint64_t origin, request;
	/* a reader: memory files by id, never asked for again once it has them */
	struct memtable *known[WORLD_MEMTABLES];
	size_t known_count;
};

/* What flush takes for the wall clock. A test runs in a process of its own. */
static _Atomic int64_t world_now_ms;

static inline int64_t world_clock(void)
{
	return world_now_ms;
}

static inline void world_open(struct world *w)
{
	struct restore_config c = { .vfs = w->vfs, .conf = &w->conf, .sqlite_vfs = w->sqlite_vfs,
				    .truth = { w->board, NULL, w->changed, w->changed_ctx, NULL } };
	struct buf complaint = BUF_INIT;
	struct flush_config f;
	enum st st;

	if (w->leases)
		c.truth.retired = w->retired = retired_new(w->vfs, w->dir, w->leases, w->board);
	st = restore_open(&c, &w->db, &complaint);
	ck_assert_msg(st == ST_OK, "open: %s", buf_cstr(&complaint));
	buf_fini(&complaint);
	restore_publish(&w->db);
	if (w->retired)
		retired_begin(w->retired);
	f = (struct flush_config){ .truth = w->db.truth, .spare = w->db.spare,
				   .dir = { w->vfs, w->dir, truth_database(w->db.truth) },
				   .codec = w->codec, .wall_ms = world_clock };
	w->flush = flush_new(&f);
	w->db.writer.patience_ms = 0;
}

static inline void world_close(struct world *w)
{
	flush_free(&w->flush);
	restore_close(&w->db);
	retired_free(&w->retired);
}

static inline struct leases *world_leases(void)
{
	int fd = leases_create();
	struct leases *l;

	ck_ok(leases_attach(fd, SLOT_MAX - 1, &l));
	close(fd);
	return l;
}

/* A directory, a board and leases, nothing opened yet. */
static inline void world_prepare(struct world *w, struct vfs *v)
{
	int fd = board_create();

	*w = (struct world){ .vfs = v, .origin = 7 };
	testlib_dir(w->dir);
	conf_defaults(&w->conf);
	snprintf(w->conf.data_dir, sizeof(w->conf.data_dir), "%s", w->dir);
	w->conf.memtable_size_limit = 16384;
	snprintf(w->conf.run_dir, sizeof(w->conf.run_dir), "%s", w->dir);
	ck_ok(board_attach(fd, true, &w->board));
	close(fd);
	w->leases = world_leases();
}

static inline void world_begin(struct world *w, struct vfs *v)
{
	world_prepare(w, v);
	world_open(w);
}

static inline void world_forget_memtables(struct world *w)
{
	for (size_t i = 0; i < w->known_count; i++)
		memtable_unref(&w->known[i]);
	w->known_count = 0;
}

static inline void world_end(struct world *w)
{
	world_close(w);
	world_forget_memtables(w);
	board_detach(&w->board);
	leases_detach(&w->leases);
	testlib_remove(w->dir);
}

/* ---- writing ---- */

/* A batch of operations being gathered. */
struct world_batch { struct buf bytes; struct write_counts counts; };

static inline void world_put_until(struct world_batch *b, const char *key, const char *value, int64_t expires_at_ms)
{
	struct write_op op = { .is_delete = value == NULL, .key = slice_str(key), .expires_at_ms = expires_at_ms };

	if (value)
		op.value = slice_str(value);
	write_batch_add(&b->bytes, &op);
	b->counts.entries++;
}

static inline void world_put(struct world_batch *b, const char *key, const char *value)
{
	world_put_until(b, key, value, 0);
}

/* The batch as one request, committed alone; the answer. Frees the batch. */
static inline struct write_reply world_commit_as(struct world *w, struct world_batch *b, uint64_t request)
{
	struct write_request r = { .origin = w->origin, .request_id = request, .oldest_unanswered = 1 };
	struct write_reply reply = { 0 };
	struct buf all = BUF_INIT;
	uint64_t cost;
	enum st st = ST_OK;

	write_request_add_batch(&all, buf_slice(&b->bytes));
	r.batches = buf_slice(&all);
	cost = group_cost_of(r.batches);
	if (!writer_fits(&w->db.writer, cost, all.n))
		st = writer_rotate(&w->db.writer, cost, all.n, &reply);
	if (!st) {
		group_add(&w->db.writer.group, &r, &b->counts, cost, NULL);
		ck_ok(group_commit(&w->db.writer.group));
		reply = w->db.writer.group.items[0].reply;
		group_reset(&w->db.writer.group);
	}
	buf_fini(&all);
	buf_fini(&b->bytes);
	return reply;
}

static inline struct write_reply world_commit(struct world *w, struct world_batch *b)
{
	return world_commit_as(w, b, ++w->request);
}

static inline void world_put1(struct world *w, const char *key, const char *value)
{
	struct world_batch b = { .bytes = BUF_INIT };

	world_put(&b, key, value);
	ck_assert_int_eq(world_commit(w, &b).status, ST_OK);
}

static inline void world_put1_until(struct world *w, const char *key, const char *value, int64_t expires_at_ms)
{
	struct world_batch b = { .bytes = BUF_INIT };

	world_put_until(&b, key, value, expires_at_ms);
	ck_assert_int_eq(world_commit(w, &b).status, ST_OK);
}

static inline void world_rotate(struct world *w)
{
	struct write_reply reply = { 0 };

	ck_ok(writer_rotate(&w->db.writer, 0, 0, &reply));
}

static inline void world_flush_all(struct world *w)
{
	while (truth_frozen_count(w->db.truth) > 0)
		ck_ok(flush_oldest(w->flush));
}

/* ---- reading, as a frontend does ---- */

static inline struct memtable *world_find(void *ctx, struct file_id id)
{
	struct world *w = ctx;
	struct memtable *m;

	for (size_t i = 0; i < w->known_count; i++)
		if (memtable_id(w->known[i]).v == id.v)
			return memtable_ref(w->known[i]);
	m = truth_find_memtable(w->db.truth, id);
	if (!m)
		return NULL;             /* it became a table since the view was loaded */
	ck_assert_uint_lt(w->known_count, WORLD_MEMTABLES);
	w->known[w->known_count++] = memtable_ref(m);
	return m;
}

struct world_reader {
	struct table_cache *tables;
	struct view *view;
	struct seq seq;
};

/* The board's view; ST_UNAVAILABLE: it is no longer the newest. */
static inline enum st world_attach(struct world *w, struct table_cache *tables, struct view **vp, uint64_t *generationp)
{
	struct buf bytes = BUF_INIT;
	struct view_desc desc;
	struct arena a;
	enum st st;

	arena_init(&a);
	ck_ok(board_load(w->board, &bytes, generationp));
	ck_ok(view_desc_decode(buf_slice(&bytes), &a, &desc));
	st = view_new(&desc, world_find, w, tables, vp);
	arena_fini(&a);
	buf_fini(&bytes);
	return st;
}

static inline struct world_reader world_reader(struct world *w)
{
	struct world_reader r = { .seq = board_visible(w->board) };
	uint64_t generation;
	enum st st;

	r.tables = table_cache_new(w->vfs, w->dir, truth_database(w->db.truth), NULL, 100);
	do {
		st = world_attach(w, r.tables, &r.view, &generation);
	} while (st == ST_UNAVAILABLE && board_generation(w->board) != generation);
	ck_ok(st);
	return r;
}

static inline void world_reader_end(struct world_reader *r)
{
	view_unref(&r->view);
	table_cache_free(&r->tables);
}

/* Key must read as value; NULL: it must not be there. */
static inline void world_check(struct world_reader *r, const char *key, const char *value)
{
	struct view_pin pin = { 0 };
	struct read_cost cost = { 0 };
	struct entry e;
	enum st st = view_get(r->view, slice_str(key), r->seq, world_now_ms, false, &cost, &e, &pin);

	ck_assert_msg(st == (value ? ST_OK : ST_NOT_FOUND), "%s: %s, wanted %s", key, st_text(st), value ? value : "none");
	if (st || !value)
		return;
	ck_assert_msg(slice_eq(e.value, slice_str(value)), "%s is %.*s, wanted %s", key, (int)e.value.n,
		      (const char *)e.value.p, value);
	view_pin_release(&pin);
}

static inline void world_check1(struct world *w, const char *key, const char *value)
{
	struct world_reader r = world_reader(w);

	world_check(&r, key, value);
	world_reader_end(&r);
}

/* ---- compacting, with this process as its own compactor ---- */

static inline bool world_is_deeper(const struct pick_job *job, struct slice key)
{
	for (size_t i = 0; i < job->deeper_count; i++)
		if (slice_cmp(job->deeper[i].min, key) <= 0 && slice_cmp(key, job->deeper[i].max) <= 0)
			return true;
	return false;
}

/* Newest version of each key; a tombstone, or an expired one's, only when something lies deeper. */
static inline void world_merge(const struct pick_job *job, struct table_reader **readers, struct table_writer *out)
{
	struct iter **children = mem_alloc(job->input_count * sizeof(*children)), *it;
	struct buf last = BUF_INIT;
	struct entry e;
	bool any = false;

	for (size_t i = 0; i < job->input_count; i++)
		children[i] = table_iter_new(readers[i], true);
	it = merge_iter_new(children, job->input_count);
	for (iter_first(it); it->valid; iter_next(it)) {
		bool older = any && slice_eq(buf_slice(&last), it->entry.key);

		if (older)
			continue;
		any = true;
		buf_reset(&last);
		buf_append_slice(&last, it->entry.key);
		e = it->entry;
		if (entry_has_expired(&e, world_now_ms))
			e = entry_buried(&e);
		if (!e.is_tombstone || world_is_deeper(job, e.key))
			table_writer_add(out, &e);
	}
	ck_ok(it->status);
	iter_free(&it);
	mem_free(children);
	buf_fini(&last);
}

static inline struct table_facts world_facts(struct file_id id, const struct table_summary *s)
{
	return (struct table_facts){ id, s->size_bytes, s->file_crc, s->min_key, s->max_key, s->min_seq, s->max_seq,
				     s->entry_count, s->tombstone_count, s->uncompressed_bytes, s->expiring_count,
				     s->min_expires_ms, s->max_expires_ms };
}

static inline void world_merge_job(struct world *w, const struct pick_job *job, struct version_edit *edit,
				   struct live_table *added, struct table_writer **outp)
{
	struct install_dir d = { w->vfs, w->dir, truth_database(w->db.truth) };
	struct table_reader **readers = mem_alloc(job->input_count * sizeof(struct table_reader *));
	struct table_options o = { .database = d.database, .level = job->output_level };
	struct table_summary summary;
	struct file_id id;

	for (size_t i = 0; i < job->input_count; i++)
		ck_ok(table_open(w->vfs, path_sst(w->dir, job->inputs[i]->facts.id).s, job->inputs[i]->facts.id, d.database,
				 NULL, &readers[i]));
	ck_ok(truth_take_ids(w->db.truth, 1, &id));
	ck_ok(table_writer_begin(w->vfs, path_tmp_sst(w->dir, id).s, id, &o, outp));
	world_merge(job, readers, *outp);
	for (size_t i = 0; i < job->input_count; i++)
		table_close(&readers[i]);
	mem_free(readers);
	edit->added_count = table_writer_entries(*outp) > 0;
	if (!edit->added_count)
		return;
	ck_ok(table_writer_finish(*outp, &summary));
	added->facts = world_facts(id, &summary);
	ck_ok(install_table(&d, &added->facts, true));
	ck_ok(install_sync_dirs(&d));
}

/* What to compact next, as the jobs thread asks it; to be asked under truth_lock(). */
static inline struct pick_question world_question(struct world *w, int64_t now_ms)
{
	return (struct pick_question){ .levels = { w->conf.compaction_trigger_ratio, w->conf.memtable_size_limit,
						   w->conf.level_size_ratio },
				       .table_size_target = w->conf.table_size_target, .now_ms = now_ms,
				       .at_rest = w->at_rest };
}

/* Does the next compaction; false: there is none to do. */
static inline bool world_compact(struct world *w)
{
	struct pick_question q = world_question(w, world_now_ms);
	struct job_row row = { .job = w->db.next_job, .finished_ms = 1 };
	struct table_writer *out = NULL;
	struct live_table added;
	struct version_edit edit = { .added = &added, .added_count = 1, .job = &row };
	struct file_id removed[256];
	struct pick_job job;
	struct arena a;
	bool found;

	arena_init(&a);
	q.version = truth_lock(w->db.truth);
	found = pick_next(&q, &a, &job);
	truth_unlock(w->db.truth);
	if (found) {
		ck_assert_uint_le(job.input_count, 256);
		for (size_t i = 0; i < job.input_count; i++)
			removed[i] = job.inputs[i]->facts.id;
		edit.removed = removed;
		edit.removed_count = job.input_count;
		row.reason = job.reason;
		row.input_level = job.input_level;
		row.output_level = job.output_level;
		w->db.next_job++;
		added = *job.inputs[0];
		if (!job.move)
			world_merge_job(w, &job, &edit, &added, &out);
		added.level = job.output_level;
		ck_ok(truth_commit(w->db.truth, &edit));
		for (size_t i = 0; i < job.input_count && !job.move; i++)
			ck_ok(vfs_unlink(w->vfs, path_sst(w->dir, removed[i]).s));
		if (out)
			table_writer_free(&out);
	}
	arena_fini(&a);
	return found;
}

#endif
