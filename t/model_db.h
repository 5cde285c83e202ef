/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database under the model: engine_world.h on a real or a simulated disk, compacted by compactor/job.c as its process
 * does it, read through caches that live as long as a frontend's.
 */
#ifndef T_MODEL_DB_H
#define T_MODEL_DB_H

#include "common/stats/stats.h"
#include "common/vfs/sim.h"
#include "compactor/job.h"
#include "engine/compaction.h"
#include "engine/pick_hidden.h"
#include "engine/pressure.h"
#include "t/engine_sqlitevfs.h"
#include "t/engine_world.h"

#define MODEL_SIM_DIR "/data"

struct model_db {
	struct world w;
	bool on_sim;
	uint64_t cache_bytes;
	size_t max_open_tables;
	struct block_cache *blocks;
	struct table_cache *tables;
	/* counted here, for the audit */
	uint64_t flushes, jobs, hidden, moves;
};

static inline void model_caches_new(struct model_db *db)
{
	db->blocks = block_cache_new(db->cache_bytes);
	db->tables = table_cache_new(db->w.vfs, db->w.dir, truth_database(db->w.db.truth), db->blocks, db->max_open_tables);
}

static inline void model_caches_free(struct model_db *db)
{
	table_cache_free(&db->tables);
	block_cache_free(&db->blocks);
}

static inline struct board *model_board(void)
{
	int fd = board_create();
	struct board *b;

	ck_ok(board_attach(fd, true, &b));
	close(fd);
	return b;
}

static inline void model_use_disk(struct model_db *db, struct vfs *v)
{
	db->w.vfs = v;
	if (db->on_sim)
		sqlitevfs_use(v);
}

/* Settings are the caller's to set in db->w.conf before model_open(). */
static inline void model_prepare(struct model_db *db, bool on_sim)
{
	struct world *w = &db->w;

	*db = (struct model_db){ .on_sim = on_sim, .max_open_tables = 100 };
	*w = (struct world){ .origin = 7 };
	conf_defaults(&w->conf);
	if (on_sim) {
		w->sqlite_vfs = SQLITEVFS_NAME;
		snprintf(w->dir, sizeof(w->dir), "%s", MODEL_SIM_DIR);
		model_use_disk(db, sim_new());
		testlib_folders(w->vfs, w->dir);
		ck_ok(vfs_sync_dir(w->vfs, "/"));
	} else {
		model_use_disk(db, vfs_posix());
		testlib_dir(w->dir);
	}
	snprintf(w->conf.data_dir, sizeof(w->conf.data_dir), "%s", w->dir);
	snprintf(w->conf.run_dir, sizeof(w->conf.run_dir), "%s", w->dir);
	w->board = model_board();
	w->leases = world_leases();
}

static inline void model_open(struct model_db *db)
{
	db->w.codec = db->w.conf.block_compression;
	world_open(&db->w);
	model_caches_new(db);
}

static inline void model_close(struct model_db *db)
{
	world_close(&db->w);
	world_forget_memtables(&db->w);
	model_caches_free(db);
}

static inline void model_remove(struct model_db *db)
{
	board_detach(&db->w.board);
	leases_detach(&db->w.leases);
	if (db->on_sim)
		sim_free(&db->w.vfs);
	else
		testlib_remove(db->w.dir);
}

/* ---- writing: several requests in one group, as the commit thread does ---- */

static inline void model_commit(struct model_db *db)
{
	struct group *g = &db->w.db.writer.group;

	ck_ok(group_commit(g));
	for (size_t i = 0; i < g->count; i++)
		ck_assert_int_eq(g->items[i].reply.status, ST_OK);
	group_reset(g);
}

static inline void model_flush(struct model_db *db)
{
	unsigned before = truth_frozen_count(db->w.db.truth);

	if (before == 0)
		return;
	ck_ok(flush_oldest(db->w.flush));
	db->flushes++;
}

static inline void model_rotate(struct model_db *db, uint64_t cost, size_t bytes)
{
	struct write_reply refusal = { 0 };

	while (truth_frozen_count(db->w.db.truth) >= PRESSURE_FROZEN_MAX)
		model_flush(db);
	ck_ok(writer_rotate(&db->w.db.writer, cost, bytes, &refusal));
}

/* Adds a request to the open group. The batch's bytes go into *keep, which must live until the commit. */
static inline void model_add(struct model_db *db, struct world_batch *b, uint64_t request, uint64_t oldest, struct buf *keep)
{
	struct write_request r = { .origin = db->w.origin, .request_id = request, .oldest_unanswered = oldest };
	uint64_t cost;

	write_request_add_batch(keep, buf_slice(&b->bytes));
	r.batches = buf_slice(keep);
	cost = group_cost_of(r.batches);
	if (!writer_fits(&db->w.db.writer, cost, keep->n)) {
		model_commit(db);
		model_rotate(db, cost, keep->n);
	}
	group_add(&db->w.db.writer.group, &r, &b->counts, cost, NULL);
}

/* ---- compaction ---- */

/* Carries a part's order out as it arrives in its compactor's process. */
static inline void model_part(struct model_db *db, struct compaction *c, size_t part)
{
	struct compact_order common = { .incarnation = truth_incarnation(db->w.db.truth),
					.database = truth_database(db->w.db.truth),
					.table_size_target = db->w.conf.table_size_target,
					.codec = db->w.conf.block_compression }, order;
	struct compact_report r;
	struct buf b = BUF_INIT;
	struct arena a;
	struct job *job;

	if (c->pick.deeper_count == 0)
		common.codec = db->w.conf.block_compression_last;
	arena_init(&a);
	compaction_encode(c, part, &common, &b);
	ck_ok(compact_order_decode(buf_slice(&b), &a, &order));
	job = job_new(db->w.vfs, db->w.dir, &order, world_now_ms);
	job_run(job, &r);
	ck_ok(r.status);
	ck_ok(compaction_take(c, part, &r));
	job_free(&job);
	buf_fini(&b);
	arena_fini(&a);
}

/* Large jobs in up to three parts. */
static inline void model_merge(struct model_db *db, struct compaction *c)
{
	struct install_dir d = { db->w.vfs, db->w.dir, truth_database(db->w.db.truth) };
	uint64_t target = db->w.conf.table_size_target;
	struct file_id first;

	ck_ok(truth_take_ids(db->w.db.truth, compaction_cut(c, 3, target, target), &first));
	compaction_set_ids(c, first);
	for (size_t i = 0; i < c->part_count; i++)
		model_part(db, c, i);
	ck_ok(compaction_install(c, db->w.db.truth, &d));
}

/* pick_next() or pick_hidden(). */
typedef bool model_pick_f(const struct pick_question *q, struct arena *a, struct pick_job *jobp);

/* Does the next compaction; false: there is none to do. */
static inline bool model_compact_what(struct model_db *db, model_pick_f *pick)
{
	struct pick_question q = world_question(&db->w, world_now_ms);
	struct compaction *c = compaction_new();
	bool found;

	q.version = truth_lock(db->w.db.truth);
	found = pick(&q, &c->arena, &c->pick);
	truth_unlock(db->w.db.truth);
	if (found) {
		compaction_set_inputs(c);
		c->number = db->w.db.next_job;
		if (c->pick.move)
			ck_ok(compaction_move(c, db->w.db.truth));
		else
			model_merge(db, c);
		db->w.db.next_job++;
		*(c->pick.move ? &db->moves : c->pick.cover_count ? &db->hidden : &db->jobs) += 1;
	}
	compaction_free(&c);
	return found;
}

static inline bool model_compact(struct model_db *db)
{
	return model_compact_what(db, pick_next);
}

/* Rewrites a table of the last level alone, without what tables above it hide. */
static inline bool model_compact_hidden(struct model_db *db)
{
	return model_compact_what(db, pick_hidden);
}

/* ---- reading ---- */

struct model_view { struct view *view; struct seq seq; };

static inline struct memtable *model_find(void *ctx, struct file_id id)
{
	struct world *w = ctx;
	struct memtable *m;

	for (size_t i = 0; i < w->known_count; i++)
		if (memtable_id(w->known[i]).v == id.v)
			return memtable_ref(w->known[i]);
	m = truth_find_memtable(w->db.truth, id);
	if (m && w->known_count < WORLD_MEMTABLES)
		w->known[w->known_count++] = memtable_ref(m);
	return m;
}

/* ST_UNAVAILABLE: flushed or compacted meanwhile, there is a newer one. */
static inline enum st model_attach(struct model_db *db, struct view **vp)
{
	struct buf bytes = BUF_INIT;
	struct view_desc desc;
	uint64_t generation;
	size_t tables = 0;
	struct arena a;
	enum st st;

	arena_init(&a);
	ck_ok(board_load(db->w.board, &bytes, &generation));
	ck_ok(view_desc_decode(buf_slice(&bytes), &a, &desc));
	for (unsigned n = 0; n < LEVEL_COUNT; n++)
		tables += desc.levels[n].count;
	(void)table_cache_expect(db->tables, tables);
	st = view_new(&desc, model_find, &db->w, db->tables, vp);
	arena_fini(&a);
	buf_fini(&bytes);
	return st;
}

/* The newest view, as a frontend attaches to it. */
static inline struct model_view model_view(struct model_db *db)
{
	struct model_view v = { .seq = board_visible(db->w.board) };

	if (db->w.known_count > WORLD_MEMTABLES / 2)
		world_forget_memtables(&db->w);
	ck_ok(model_attach(db, &v.view));
	return v;
}

#endif
