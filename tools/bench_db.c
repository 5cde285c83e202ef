/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing the database in this process, and waiting for its threads; see bench_db.h. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/rand.h"
#include "common/stats/stats.h"
#include "engine/datalock.h"
#include "tools/bench_db_priv.h"

#define LOCK_WAIT_MS 2000u
#define OPEN_TABLES 4096u
#define QUIET_US 500000u                 /* nothing done for so long, after the time of rest has passed: settled */
#define LOOK_EVERY_US 10000u

void bench__need(enum st st, const char *what)
{
	if (!st)
		return;
	fprintf(stderr, "lsm-bench: %s: %s\n", what, st_text(st));
	_exit(EXIT_OSERR);
}

_Noreturn static void refuse(struct buf *complaint, enum st st)
{
	fprintf(stderr, "lsm-bench: %s\n", complaint->n ? buf_cstr(complaint) : st_text(st));
	_exit(EXIT_OSERR);
}

/* ---- opening ---- */

static void make_conf(struct bench_db *db, const struct bench_db_config *c)
{
	struct buf complaint = BUF_INIT;
	enum st st;

	conf_defaults(&db->conf);
	must(strlen(c->dir) < CONF_STR_MAX);
	strcpy(db->conf.data_dir, c->dir);
	db->conf.memtable_size_limit = c->write_buffer_size;
	db->conf.cache_size_limit = c->cache_size;
	db->conf.block_compression = db->conf.block_compression_last = c->compression;
	db->conf.compactor_workers = c->compactors;
	db->conf.wal_sync = WAL_SYNC_OFF;
	db->conf.log_level = 2;          /* of compactors: warnings and errors */
	st = conf_finish(&db->conf, false, &complaint);
	if (!st)
		st = vfs_mkdir(vfs_posix(), db->conf.run_dir);
	if (!st)
		st = datalock_take(db->conf.data_dir, LOCK_WAIT_MS, &complaint);
	if (st)
		refuse(&complaint, st);
	buf_fini(&complaint);
}

static int config_file(const struct conf *c)
{
	int fd = memfd_create("config", MFD_CLOEXEC);
	struct buf text = BUF_INIT;

	conf_write(c, &text);
	if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n)
		bench__need(ST_INTERNAL, "no memory file for the settings");
	buf_fini(&text);
	return fd;
}

static void start_compactors(struct bench_db *db, const char *programs, int board, int scoreboard)
{
	struct worker_heritage h = { .config = config_file(&db->conf), .board = board, .scoreboard = scoreboard, .leases = -1,
				     .listener = -1 };

	for (unsigned i = 0; i < db->conf.compactor_workers; i++) {
		worker_init(&db->compactors[i], &db->conf, ROLE_COMPACTOR, i);
		bench__need(worker_spawn(&db->compactors[i], programs, &h), "no compactor");
	}
	close(h.config);
}

static void open_database(struct bench_db *db)
{
	struct restore_config c = { .vfs = vfs_posix(), .conf = &db->conf, .truth = { .board = db->board, .changed = jobs_wake, .changed_ctx = db->jobs } };
	struct buf complaint = BUF_INIT;
	enum st st = restore_open(&c, &db->db, &complaint);

	if (st)
		refuse(&complaint, st);
	buf_fini(&complaint);
	restore_publish(&db->db);
	db->dir = (struct install_dir){ vfs_posix(), db->conf.data_dir, truth_database(db->db.truth) };
}

static void start_threads(struct bench_db *db)
{
	struct flush_config f = { .truth = db->db.truth, .spare = db->db.spare, .drain = &db->db.drain, .dir = db->dir,
				  .codec = db->conf.block_compression };

	db->flush = flush_new(&f);
	flush_start(db->flush);
	jobs_set_world(db->jobs, NULL, &db->db.drain);
	jobs_start(db->jobs, db->db.truth, &db->dir, db->db.next_job);
}

struct bench_db *bench_db_open(const struct bench_db_config *c)
{
	struct bench_db *db = mem_zalloc(sizeof *db);
	int board = board_create(), scoreboard = stats_create();

	make_conf(db, c);
	bench__need(board_attach(board, true, &db->board), "no board");
	bench__need(stats_begin(scoreboard, SLOT_ENGINE), "no scoreboard");
	bench__need(jobs_listen(&db->conf, &db->jobs), "no socket for compactors");
	start_compactors(db, c->programs, board, scoreboard);
	close(board);
	close(scoreboard);
	db->origin = rand_id();
	pthread_mutex_init(&db->commit, NULL);
	pthread_mutex_init(&db->opening, NULL);
	open_database(db);
	db->blocks = block_cache_new(db->conf.cache_size_limit);
	db->tables = table_cache_new(vfs_posix(), db->conf.data_dir, db->dir.database, db->blocks, OPEN_TABLES);
	start_threads(db);
	return db;
}

/* ---- closing ---- */

static void stop_compactor(struct worker *w)
{
	kill(w->pid, SIGTERM);
	while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	close(w->lifeline);
}

void bench_db_close(struct bench_db *db)
{
	jobs_stop(db->jobs);
	for (unsigned i = 0; i < db->conf.compactor_workers; i++)
		stop_compactor(&db->compactors[i]);
	flush_stop(db->flush);
	flush_free(&db->flush);
	if (db->view)
		view_unref(&db->view);
	restore_close(&db->db);
	table_cache_free(&db->tables);
	block_cache_free(&db->blocks);
	board_detach(&db->board);
	mem_free(db);                    /* its jobs stay: links are never closed */
}

void bench_db_set_sync(struct bench_db *db, bool sync)
{
	db->db.writer.group.conf.sync_mode = sync ? WAL_SYNC_ALWAYS : WAL_SYNC_OFF;
}

/* ---- waiting ---- */

/* A compactor that ended would be waited for without end. */
static void check_compactors(struct bench_db *db)
{
	for (unsigned i = 0; i < db->conf.compactor_workers; i++) {
		struct worker *w = &db->compactors[i];

		(void)worker_listen(w);
		if (waitpid(w->pid, NULL, WNOHANG) == w->pid) {
			fprintf(stderr, "lsm-bench: %s ended\n", w->name);
			_exit(EXIT_CRASH);
		}
	}
}

void bench_db_flush(struct bench_db *db)
{
	pthread_mutex_lock(&db->commit);
	if (memtable_entries(db->db.writer.active) > 0)
		bench__rotate(db, 0, 0);
	pthread_mutex_unlock(&db->commit);
	while (!truth_wait_below(db->db.truth, 1, 100))
		check_compactors(db);
}

void bench_db_settle(struct bench_db *db)
{
	uint64_t quiet_us = db->conf.compaction_rest_ms * 1000 + QUIET_US;       /* what a database at rest merges counts too */
	uint64_t quiet_since = clock_mono_us(), seen = 0;

	while (clock_mono_us() - quiet_since < quiet_us) {
		uint64_t generation = board_generation(db->board);

		if (generation != seen || truth_frozen_count(db->db.truth) > 0 || stats_sum(M_compaction_in_progress) > 0)
			quiet_since = clock_mono_us();
		seen = generation;
		check_compactors(db);
		clock_sleep_us(LOOK_EVERY_US);
	}
}

/* ---- figures ---- */

void bench_db_figures(struct bench_db *db, struct bench_db_figures *f)
{
	*f = (struct bench_db_figures){ .wal_bytes = stats_sum(M_wal_bytes), .flush_bytes = stats_sum(M_flush_bytes),
					.compaction_bytes = stats_sum(M_compaction_bytes_written),
					.table_bytes = truth_table_bytes(db->db.truth),
					.stalled_us = stats_sum(M_stalled_us) };
}

void bench_db_print_levels(struct bench_db *db)
{
	const struct version *v = truth_lock(db->db.truth);

	puts("Level Files Size(MB)\n--------------------");
	for (unsigned n = 0; n < LEVEL_COUNT; n++) {
		struct level_list l = version_level(v, n);

		printf("%5u %5zu %8.1f\n", n, l.count, (double)l.bytes / (1 << 20));
	}
	truth_unlock(db->db.truth);
}

void bench_db_print_stats(struct bench_db *db)
{
	struct bench_db_figures f;

	bench_db_figures(db, &f);
	printf("wal bytes written: %llu\nflush bytes written: %llu\ncompaction bytes written: %llu\ntable bytes: %llu\n"
	       "stalled seconds: %.3f\n", (unsigned long long)f.wal_bytes, (unsigned long long)f.flush_bytes,
	       (unsigned long long)f.compaction_bytes, (unsigned long long)f.table_bytes, (double)f.stalled_us / 1e6);
}
