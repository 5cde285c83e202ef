/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lsm-engine: the process that writes. Owns the write-ahead log, the memtables and the manifest; publishes the view that
 * frontends read; orders compactions.
 *
 *   lock the data directory -> listen -> open and replay -> first view -> threads -> ready -> watch
 *
 * Listening comes before opening, so that frontends are connected when the first view is published. The main thread
 * then only watches: heartbeat (while the commit thread makes turns), signals, the supervisor's end, the links' guard.
 */
#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/proc.h"
#include "common/stats/stats.h"
#include "common/table/filename.h"
#include "engine/commit.h"
#include "engine/control.h"
#include "engine/datalock.h"
#include "engine/debt.h"
#include "engine/end.h"
#include "engine/flush.h"
#include "engine/inspect.h"
#include "engine/jobs.h"
#include "engine/report.h"
#include "engine/reserve.h"
#include "engine/restore.h"
#include "engine/retired.h"

#define LOCK_WAIT_MS 5000u
#define WATCH_MS 100
#define NUDGE_EVERY_US 1000000u          /* while the disk is nearly full, all threads look around this often */
#define DISK_LEAST_BYTES (1u << 20)      /* less free than this at a failed start: the disk is full */
#define READERS_WAIT_US 100000u

struct engine {
	struct heritage heritage;
	int signal_fd;
	struct vfs *vfs;
	struct board *board;
	struct leases *leases;
	struct retired *retired;
	struct handoff_server *handoff;
	struct commit *commit;
	struct jobs *jobs;
	struct database db;
	struct flush *flush;
	struct control *control;
	struct reserve *reserve;
	struct retain *retain;
	uint64_t nudged_us;
	uint64_t told_generation;        /* the view that commit was woken for */
	struct inspect *inspect;
	struct debt_watch debt;
};

static void need(enum st st, enum exit_code code)
{
	if (st)
		engine_end(code);        /* said where it was born */
}

/* Refused for good: the sentence is for the operator. */
_Noreturn static void refuse(struct engine *e, struct buf *complaint, enum exit_code code)
{
	if (complaint->n)
		log_error("%s", buf_cstr(complaint));
	if (e->board)
		board_set_state(e->board, BOARD_REFUSING);
	engine_end(code);
}

/* ---- start ---- */

static void take_lock(struct engine *e)
{
	struct buf complaint = BUF_INIT;
	enum st st = datalock_take(e->heritage.conf.data_dir, LOCK_WAIT_MS, &complaint);

	if (st == ST_BUSY)
		refuse(e, &complaint, EXIT_LOCKED);
	need(st, EXIT_OSERR);
}

static void attach(struct engine *e)
{
	need(board_attach(HERITAGE_BOARD, true, &e->board), EXIT_OSERR);
	need(stats_begin(HERITAGE_SCOREBOARD, e->heritage.slot), EXIT_OSERR);
	need(leases_attach(HERITAGE_LEASES, e->heritage.slot, &e->leases), EXIT_OSERR);
	e->retired = retired_new(e->vfs, e->heritage.conf.data_dir, e->leases, e->board);
	board_set_state(e->board, BOARD_STARTING);
}

static void listen_to_all(struct engine *e)
{
	const struct conf *c = &e->heritage.conf;

	need(handoff_listen(path_handoff_socket(c->run_dir).s, &e->handoff), EXIT_OSERR);
	need(commit_listen(c, &e->commit), EXIT_OSERR);
	need(jobs_listen(c, &e->jobs), EXIT_OSERR);
}

static void tell_opened(const struct engine *e, uint64_t began_us)
{
	const struct recovery_report *r = &e->db.report;

	log_info("Database %s: %" PRIu32 " log segments, %" PRIu64 " records, %" PRIu64 " entries replayed, sequence %" PRIu64
		 ", %" PRIu64 " ms.", e->db.created ? "created" : "opened", r->segments, r->records, r->entries,
		 r->last_seq.v, (clock_mono_us() - began_us) / 1000);
}

/* sqlite tells of a full disk in several ways, not all of them by that name. */
static bool disk_is_full(const struct engine *e, enum st st)
{
	uint64_t bytes;

	return st == ST_FULL ||
	       (vfs_free_bytes(e->vfs, e->heritage.conf.data_dir, &bytes) == ST_OK && bytes < DISK_LEAST_BYTES);
}

static void open_database(struct engine *e)
{
	struct restore_config c = { .vfs = e->vfs, .conf = &e->heritage.conf,
				    .truth = { e->board, e->handoff, jobs_wake, e->jobs, e->retired }, .reserve = e->reserve,
				    .retain = e->retain, .beat = proc_beat };
	struct buf complaint = BUF_INIT;
	uint64_t began_us = clock_mono_us();
	enum st st = restore_open(&c, &e->db, &complaint);

	report_leave(&e->db.report, e->vfs, e->heritage.conf.data_dir, e->heritage.conf.run_dir);
	buf_reset(&complaint);           /* logged where it was born */
	if (st == ST_CORRUPT)
		refuse(e, &complaint, EXIT_DATA);
	if (st && disk_is_full(e, st)) {
		reserve_drop(e->vfs, e->heritage.conf.data_dir);        /* the next try has it */
		retain_remove(e->vfs, e->heritage.conf.data_dir);
		buf_printf(&complaint, "The disk of %s is full: the engine cannot start and tries again until there is room.",
			   e->heritage.conf.data_dir);
		refuse(e, &complaint, EXIT_FULL);
	}
	if (st)
		refuse(e, &complaint, EXIT_IO);
	buf_fini(&complaint);
	tell_opened(e, began_us);
}

/* A frontend that is connected when memtables are pushed can follow to the view that names them, even when this engine
 * dies the next moment. So those that read already are given the time to come back. */
static void wait_for_readers(const struct engine *e)
{
	uint64_t until = clock_mono_us() + READERS_WAIT_US;

	if (board_generation(e->board) == 0)
		return;
	while (handoff_readers(e->handoff) < e->heritage.conf.frontend_workers && clock_mono_us() < until)
		clock_sleep_us(500);
}

static void start_threads(struct engine *e)
{
	struct install_dir dir = { e->vfs, e->heritage.conf.data_dir, truth_database(e->db.truth) };
	struct flush_config f = { .truth = e->db.truth, .spare = e->db.spare, .reserve = e->reserve,
				  .retain = e->retain, .drain = &e->db.drain, .dir = dir,
				  .codec = e->heritage.conf.block_compression };

	(void)reserve_look(e->reserve);
	e->inspect = inspect_new(e->db.truth, &dir);
	commit_tell_damage(e->commit, inspect_suspect, e->inspect);
	commit_start(e->commit, &e->db.writer, truth_incarnation(e->db.truth));
	e->flush = flush_new(&f);
	flush_start(e->flush);
	inspect_start(e->inspect);
	jobs_set_world(e->jobs, e->reserve, &e->db.drain);
	jobs_set_inspect(e->jobs, e->inspect);
	jobs_start(e->jobs, e->db.truth, &dir, e->db.next_job);
}

static void open_control(struct engine *e)
{
	const struct conf *conf = &e->heritage.conf;
	struct commands c = { .vfs = e->vfs, .conf = conf, .truth = e->db.truth, .commit = e->commit, .jobs = e->jobs };

	need(control_start(path_engine_socket(conf->run_dir).s, &c, &e->control), EXIT_OSERR);
}

static void start(struct engine *e, int argc, char **argv)
{
	proc_begin(ROLE_ENGINE, argc, argv, &e->heritage);
	e->signal_fd = proc_signal_fd();
	e->vfs = vfs_posix();
	take_lock(e);
	attach(e);
	listen_to_all(e);
	e->reserve = reserve_new(e->vfs, e->heritage.conf.data_dir, reserve_mark(&e->heritage.conf),
				 restore_segment_bytes(&e->heritage.conf));
	e->retain = retain_new(e->vfs, e->heritage.conf.data_dir, e->heritage.conf.watch_retain_bytes);
	reserve_set_retain(e->reserve, e->retain);
	open_database(e);
	wait_for_readers(e);
	restore_publish(&e->db);
	retired_begin(e->retired);
	start_threads(e);
	open_control(e);
	board_set_state(e->board, BOARD_SERVING);
	proc_ready();
}

/* ---- watch ---- */

/* Threads that have nothing to do or wait for room look again when the answer changed, and now and then while it is no. */
static void watch_disk(struct engine *e)
{
	uint64_t now = clock_mono_us();
	bool changed = reserve_look(e->reserve);

	if (reserve_refuses(e->reserve))
		retired_make_room(e->retired);
	if (!changed && (!reserve_refuses(e->reserve) || now - e->nudged_us < NUDGE_EVERY_US))
		return;
	e->nudged_us = now;
	commit_wake(e->commit);
	truth_wake(e->db.truth);
	jobs_wake(e->jobs);
}

/* Sizes of memtables, log and tables are told by the commit thread, which sleeps while nobody writes. A flush or a compaction
 * changes them all the same. */
static void have_sizes_told(struct engine *e)
{
	uint64_t generation = board_generation(e->board);

	if (generation == e->told_generation)
		return;
	e->told_generation = generation;
	commit_wake(e->commit);
}

/* One look around; false when the engine is asked to end. */
static bool watch(struct engine *e)
{
	struct pollfd p = { .fd = e->signal_fd, .events = POLLIN };

	if (poll(&p, 1, WATCH_MS) > 0)
		return false;
	if (proc_orphaned())
		engine_end(EXIT_ORPHAN);
	if (commit_is_alive(e->commit))
		proc_beat();
	commit_guard(e->commit);
	jobs_guard(e->jobs);
	watch_disk(e);
	have_sizes_told(e);
	retired_look(e->retired, e->db.truth);
	debt_look(&e->debt, e->db.truth, &e->heritage.conf, &e->db.drain);
	return true;
}

/* Everything acknowledged is in the log: no flush is needed, only a sync where WAL_SYNC left one out. */
static void stop(struct engine *e)
{
	log_info("Stopping.");
	control_stop(&e->control);
	commit_stop(e->commit);
	jobs_stop(e->jobs);
	inspect_stop(e->inspect);
	inspect_free(&e->inspect);
	flush_stop(e->flush);
	flush_free(&e->flush);
	restore_close(&e->db);
	retired_free(&e->retired);
	leases_detach(&e->leases);
	reserve_free(&e->reserve);
	retain_free(&e->retain);
	log_info("Stopped.");
}

int main(int argc, char **argv)
{
	static struct engine e;

	start(&e, argc, argv);
	while (watch(&e))
		;
	stop(&e);
	engine_end(EXIT_DONE);
}
