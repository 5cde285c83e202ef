/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything into one level: what the database would be if compaction had no end. One job over all live tables, carried
 * out in this process by the compactor's own code, installed by the engine's.
 */
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/proc.h"
#include "common/table/filename.h"
#include "compactor/job.h"
#include "tools/bench_db_priv.h"

/* All that one compaction of everything needs. */
struct whole {
	struct compact_order order;
	struct file_id *ids;
	struct compact_report report;
};

/* Lists all live tables, newest data first, and the deepest level among them. */
static void gather(struct bench_db *db, struct whole *w)
{
	const struct version *v = truth_lock(db->db.truth);
	size_t room = 0;

	for (unsigned level = 0; level < LEVEL_COUNT; level++)
		room += version_level(v, level).count;
	w->order.inputs = mem_alloc((room + 1) * sizeof *w->order.inputs);
	w->ids = mem_alloc((room + 1) * sizeof *w->ids);
	for (unsigned level = 0; level < LEVEL_COUNT; level++) {
		struct level_list l = version_level(v, level);

		if (l.count > 0 && level > w->order.output_level)
			w->order.output_level = level;
		for (size_t i = 0; i < l.count; i++) {
			const struct table_facts *f = &l.tables[i]->facts;

			w->ids[w->order.input_count] = f->id;
			w->order.inputs[w->order.input_count++] = (struct compact_input){ f->id, level, f->size_bytes };
		}
	}
	truth_unlock(db->db.truth);
}

static uint64_t input_bytes(const struct whole *w)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < w->order.input_count; i++)
		sum += w->order.inputs[i].size_bytes;
	return sum;
}

static void fill_order(struct bench_db *db, struct whole *w)
{
	w->order.incarnation = truth_incarnation(db->db.truth);
	w->order.job = UINT64_MAX >> 1;          /* beyond those of the jobs thread */
	w->order.database = db->dir.database;
	w->order.table_size_target = db->conf.table_size_target;
	w->order.codec = db->conf.block_compression;
	w->order.output_id_count = (uint32_t)(input_bytes(w) / w->order.table_size_target * 2 + 8);
	bench__need(truth_take_ids(db->db.truth, w->order.output_id_count, &w->order.first_output_id), "no file ids");
}

static void install(struct bench_db *db, const struct whole *w)
{
	const struct compact_report *r = &w->report;
	struct live_table *added = mem_alloc((r->output_count + 1) * sizeof *added);
	struct version_edit edit = { .added = added, .added_count = r->output_count, .removed = w->ids,
				     .removed_count = w->order.input_count };

	for (size_t i = 0; i < r->output_count; i++) {
		bench__need(install_table(&db->dir, &r->outputs[i], false), "a compacted table is wrong");
		added[i] = (struct live_table){ .facts = r->outputs[i], .level = w->order.output_level,
						.created_ms = clock_wall_ms() };
	}
	bench__need(install_sync_dirs(&db->dir), "the directories cannot be synced");
	bench__need(truth_commit(db->db.truth, &edit), "the manifest refuses the compaction");
	for (size_t i = 0; i < w->order.input_count; i++)
		bench__need(vfs_unlink(db->dir.vfs, path_sst(db->dir.data_dir, w->ids[i]).s), "an old table stays");
	mem_free(added);
}

/* The job's thread and the one that may cancel it. */
struct task {
	struct job *job;
	struct compact_report *report;
	atomic_bool ended;
};

static void *carry_out(void *arg)
{
	struct task *t = arg;

	job_run(t->job, t->report);
	atomic_store(&t->ended, true);
	return NULL;
}

/* Runs the job; when *stop (may be NULL) comes before its end it is cancelled. */
static void run(struct bench_db *db, struct whole *w, const atomic_bool *stop)
{
	struct task t = { .job = job_new(db->dir.vfs, db->dir.data_dir, &w->order, clock_wall_ms()), .report = &w->report };
	pthread_t thread = proc_thread("compact", carry_out, &t);

	while (stop && !atomic_load(&t.ended) && !atomic_load(stop))
		clock_sleep_us(1000);
	if (stop && atomic_load(stop))
		job_cancel(t.job);
	pthread_join(thread, NULL);
	if (w->report.status != ST_CANCELLED) {
		bench__need(w->report.status, "the compaction failed");
		install(db, w);
	}
	job_free(&t.job);
}

static void compact(struct bench_db *db, const atomic_bool *stop)
{
	struct whole w = { .order = { .output_level = 1 } };

	gather(db, &w);
	if (w.order.input_count > 0) {
		fill_order(db, &w);
		truth_set_busy(db->db.truth, w.ids, w.order.input_count, true);
		run(db, &w, stop);
		truth_set_busy(db->db.truth, w.ids, w.order.input_count, false);
	}
	mem_free(w.order.inputs);
	mem_free(w.ids);
}

void bench_db_compact(struct bench_db *db)
{
	bench_db_flush(db);
	bench_db_settle(db);
	compact(db, NULL);
}

void bench_db_compact_until(struct bench_db *db, const atomic_bool *stop)
{
	while (!atomic_load(stop))
		compact(db, stop);
}
