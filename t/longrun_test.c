/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A long random run whose counters, manifest, files and contents agree at the end: puts, overwrites, deletes, values that
 * expire, batches, reads and scans, with flush, jobs and a compactor on threads of their own beside the writer.
 *
 *	main: group -> log -> memtable, reads by view      flush thread      jobs thread <-> link <-> compactor thread: job_run
 *
 * LSM_LONGRUN_OPS says how many operations; `make longrun OPS=10000000` sets it. Every read on the way is held against
 * the oracle, every entry at the end.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "common/base/clock.h"
#include "t/engine_peer.h"
#include "t/model_check.h"

#define OPS_DEFAULT 200000
#define SEED 20260122
#define LEVEL0_MAX 30u
#define BURST 64u                        /* requests a group */

struct compactor {
	struct peer peer;
	pthread_t thread;
	_Atomic bool stop;
	uint64_t jobs, bytes_in, bytes_out, dropped;     /* of those that went well; after the end of the thread */
};

struct run {
	struct model_db db;
	struct oracle o;
	struct rnd rnd;
	struct jobs *jobs;
	struct compactor compactor;
	struct buf keep[BURST];
	uint64_t ops, target, requests, entries, puts, deletes, expiring, batches, reads, scanned;
};

/* ---- the compactor ---- */

static void carry_out(struct compactor *c, const char *data_dir, struct slice message)
{
	struct compact_order order;
	struct compact_report r;
	struct buf bytes = BUF_INIT;
	struct arena a;
	struct job *job;

	arena_init(&a);
	ck_ok(compact_order_decode(message, &a, &order));
	if (!order.cancel) {
		job = job_new(vfs_posix(), data_dir, &order, world_now_ms);
		job_run(job, &r);
		ck_assert_int_eq(r.status, ST_OK);
		compact_report_encode(&r, &bytes);
		c->jobs++;
		c->bytes_in += r.bytes_total;
		for (size_t i = 0; i < r.output_count; i++)
			c->bytes_out += r.outputs[i].size_bytes;
		c->dropped += r.dropped_overwritten + r.dropped_tombstones + r.dropped_expired;
		job_free(&job);
		peer_send(&c->peer, buf_slice(&bytes));
	}
	arena_fini(&a);
	buf_fini(&bytes);
}

static void *compact(void *arg)
{
	struct run *run = arg;
	struct compactor *c = &run->compactor;
	struct pollfd fd = { .fd = c->peer.wake[0], .events = POLLIN };
	char bytes[64];

	while (!atomic_load(&c->stop)) {
		struct link_event ev = link_receive(c->peer.link);

		if (ev.kind == LINK_MESSAGE) {
			carry_out(c, run->db.w.dir, link_msg_slice(ev.msg));
			link_msg_free(&ev.msg);
		} else if (ev.kind == LINK_NOTHING && poll(&fd, 1, 100) > 0) {
			(void)!read(fd.fd, bytes, sizeof(bytes));
		}
	}
	return NULL;
}

/* ---- begin and end ---- */

static uint64_t clamp(uint64_t n, uint64_t least, uint64_t most)
{
	return n < least ? least : n > most ? most : n;
}

static void begin(struct run *r, uint64_t ops)
{
	struct world *w = &r->db.w;
	struct install_dir dir;

	*r = (struct run){ .rnd = { SEED }, .target = ops };
	model_prepare(&r->db, false);
	w->conf.memtable_size_limit = clamp(ops / 2, 32 << 10, 4 << 20);
	w->conf.table_size_target = w->conf.memtable_size_limit;
	w->conf.wal_sync = WAL_SYNC_OFF;
	w->conf.compaction_rest_ms = 0;          /* when it is settled is ours to say */
	r->db.cache_bytes = 32 << 20;
	r->db.max_open_tables = 1000;
	oracle_begin(&r->o, (uint32_t)clamp(ops / 5, 1000, 2000000), KEYS_PLAIN, 100, SEED);
	oracle_sort(&r->o);
	world_now_ms = 1000000;
	oracle_clock(&r->o, world_now_ms);
	ck_ok(jobs_listen(&w->conf, &r->jobs));
	w->changed = jobs_wake;
	w->changed_ctx = r->jobs;
	model_open(&r->db);
	dir = (struct install_dir){ w->vfs, w->dir, truth_database(w->db.truth) };
	flush_start(w->flush);
	jobs_start(r->jobs, w->db.truth, &dir, w->db.next_job);
	peer_dial(&r->compactor.peer, path_compactor_socket(w->dir, 0).s, COMPACT_MESSAGE_MAX);
	ck_assert_int_eq(pthread_create(&r->compactor.thread, NULL, compact, r), 0);
	w->db.writer.patience_ms = 1000;
}

/* Nothing to flush, nothing to compact, nobody at it. */
static bool is_settled(struct run *r)
{
	struct world *w = &r->db.w;
	struct pick_question q = world_question(w, clock_wall_ms());    /* as the jobs thread does */
	struct pick_job p;
	struct arena a;
	bool found;

	if (truth_frozen_count(w->db.truth) > 0 || stats_sum(M_compaction_in_progress) > 0)
		return false;
	arena_init(&a);
	q.version = truth_lock(w->db.truth);
	found = pick_next(&q, &a, &p);
	truth_unlock(w->db.truth);
	arena_fini(&a);
	return !found && stats_sum(M_compaction_in_progress) == 0;
}

static void stop_threads(struct run *r)
{
	while (!is_settled(r))
		clock_sleep_us(20000);
	jobs_stop(r->jobs);
	atomic_store(&r->compactor.stop, true);
	pthread_join(r->compactor.thread, NULL);
	peer_drop(&r->compactor.peer);
	flush_stop(r->db.w.flush);
	r->db.w.changed = NULL;
}

/* ---- writing ---- */

static struct oracle_state draw_state(struct run *r)
{
	unsigned what = (unsigned)rnd_below(&r->rnd, 100);
	struct oracle_state s = { 0 };

	r->deletes += what < 12;
	if (what < 12)
		return s;
	s.version = ++r->o.versions;
	r->puts++;
	if (what < 24) {
		s.expires_ms = world_now_ms + 1 + (int64_t)rnd_below(&r->rnd, 20000);
		r->expiring++;
	}
	return s;
}

static void add_op(struct run *r, struct world_batch *b, struct buf *value)
{
	uint32_t key = (uint32_t)rnd_below(&r->rnd, r->o.count);
	struct oracle_state s = draw_state(r);
	struct write_op op = { .is_delete = s.version == 0, .expires_at_ms = s.expires_ms };
	uint8_t bytes[ORACLE_KEY_MAX];

	op.key = slice_of(bytes, oracle_key(&r->o, key, bytes));
	if (!op.is_delete)
		op.value = oracle_value(&r->o, s.version, value);
	write_batch_add(&b->bytes, &op);
	b->counts.entries++;
	oracle_set(&r->o, key, s, false);
}

static void rotate(struct run *r, uint64_t cost, size_t bytes)
{
	struct write_reply refusal = { 0 };
	enum st st;

	do
		st = writer_rotate(&r->db.w.db.writer, cost, bytes, &refusal);
	while (st == ST_BUSY);
	ck_ok(st);
	r->db.w.db.writer.patience_ms = 1000;
}

static void add_request(struct run *r, struct world_batch *b, uint64_t oldest, struct buf *keep)
{
	struct write_request q = { .origin = 7, .request_id = ++r->requests, .oldest_unanswered = oldest };
	uint64_t cost;

	buf_reset(keep);
	write_request_add_batch(keep, buf_slice(&b->bytes));
	q.batches = buf_slice(keep);
	cost = group_cost_of(q.batches);
	if (!writer_fits(&r->db.w.db.writer, cost, keep->n)) {
		model_commit(&r->db);
		rotate(r, cost, keep->n);
	}
	group_add(&r->db.w.db.writer.group, &q, &b->counts, cost, NULL);
	r->entries += b->counts.entries;
	r->ops += b->counts.entries;
}

/* A group of single writes and, now and then, batches. */
static void write_group(struct run *r)
{
	struct buf value = BUF_INIT;
	uint64_t oldest = r->requests + 1;

	while (truth_level0_count(r->db.w.db.truth) > LEVEL0_MAX)
		clock_sleep_us(2000);
	for (unsigned i = 0; i < BURST; i++) {
		bool is_batch = rnd_below(&r->rnd, 40) == 0;
		uint64_t n = is_batch ? 2 + rnd_below(&r->rnd, 60) : 1;
		struct world_batch b = { .bytes = BUF_INIT };

		while (n-- > 0)
			add_op(r, &b, &value);
		r->batches += is_batch;
		add_request(r, &b, oldest, &r->keep[i]);
		buf_fini(&b.bytes);
	}
	model_commit(&r->db);
	world_now_ms += (int64_t)rnd_below(&r->rnd, 20);
	oracle_clock(&r->o, world_now_ms);
	buf_fini(&value);
}

/* ---- reading ---- */

/* A view with its tables open: they may be compacted away while it is read. */
static struct model_view view_now(struct run *r)
{
	struct model_view v;
	enum st st;

	do {
		if (r->db.w.known_count > WORLD_MEMTABLES / 2)
			world_forget_memtables(&r->db.w);
		v.seq = board_visible(r->db.w.board);
		st = model_attach(&r->db, &v.view);
		if (!st)
			st = view_pin_tables(v.view);
		if (st)
			view_unref(&v.view);
	} while (st == ST_UNAVAILABLE);
	ck_ok(st);
	return v;
}

static void read_some(struct run *r)
{
	struct model_view v = view_now(r);

	for (unsigned i = 0; i < 100; i++)
		check_key(&r->o, &v, r->o.now, (uint32_t)rnd_below(&r->rnd, r->o.count), i % 2);
	check_scan(&r->o, &v, r->o.now, &r->rnd, 100);
	view_unref(&v.view);
	r->reads += 100;
	r->scanned++;
	r->ops += 101;
}

/* ---- what must agree ---- */

static void check_counters(const struct run *r, const struct audit *a)
{
	const struct compactor *c = &r->compactor;
	uint64_t flushed = stats_sum(M_flush_bytes);

	ck_assert_uint_eq(r->entries, r->puts + r->deletes);
	ck_assert_uint_eq(stats_sum(M_wal_entries_written), r->entries);
	ck_assert_uint_eq(board_visible(r->db.w.board).v, r->entries);          /* dense from 1 */
	ck_assert_uint_eq(stats_sum(M_compactions), c->jobs);
	ck_assert_uint_eq(stats_sum(M_compaction_bytes_read), c->bytes_in);
	ck_assert_uint_eq(stats_sum(M_compaction_bytes_written), c->bytes_out);
	ck_assert_uint_eq(flushed + c->bytes_out - c->bytes_in, a->bytes);      /* what came, less what went, is there */
	ck_assert_uint_eq(stats_sum(M_table_stored_bytes), flushed + c->bytes_out);
}

static void check_level_gauges(struct run *r)
{
	for (unsigned n = 0; n < LEVEL_COUNT; n++) {
		struct level_list l = version_level(truth_lock(r->db.w.db.truth), n);

		ck_assert_uint_eq(stats_sum_level(M_sstable_files, n), l.count);
		ck_assert_uint_eq(stats_sum_level(M_sstable_bytes, n), l.bytes);
		truth_unlock(r->db.w.db.truth);
	}
}

static void tell(const struct run *r, const struct audit *a, uint64_t took_us)
{
	const struct compactor *c = &r->compactor;
	double seconds = (double)took_us / 1e6, flushed = (double)stats_sum(M_flush_bytes);

	fprintf(stderr, "longrun: %llu operations in %.1f s, %.0f/s: %llu puts (%llu of them expire), %llu deletes, in %llu "
		"requests, %llu of them batches; %llu reads, %llu scans\n", (unsigned long long)r->ops, seconds,
		(double)r->ops / seconds, (unsigned long long)r->puts, (unsigned long long)r->expiring,
		(unsigned long long)r->deletes, (unsigned long long)r->requests, (unsigned long long)r->batches,
		(unsigned long long)r->reads, (unsigned long long)r->scanned);
	fprintf(stderr, "longrun: %llu flushes of %.1f MB, %llu jobs read %.1f MB and wrote %.1f MB, %llu entries dropped, write "
		"amplification %.2f; left: %llu tables, %llu entries, %.1f MB\n",
		(unsigned long long)stats_sum(M_flushes), flushed / 1e6, (unsigned long long)c->jobs, (double)c->bytes_in / 1e6,
		(double)c->bytes_out / 1e6, (unsigned long long)c->dropped, (flushed + (double)c->bytes_out) / flushed,
		(unsigned long long)a->tables, (unsigned long long)a->entries, (double)a->bytes / 1e6);
}

static void run_all(uint64_t ops)
{
	uint64_t began_us = clock_mono_us(), took_us;
	static struct run r;
	struct audit a;

	log_set_level(LOG_LEVEL_WARN);
	stats_begin_private();
	begin(&r, ops);
	while (r.ops < r.target) {
		write_group(&r);
		if (rnd_below(&r.rnd, 8) == 0)
			read_some(&r);
	}
	stop_threads(&r);
	took_us = clock_mono_us() - began_us;
	a = audit_files(&r.db);
	check_counters(&r, &a);
	check_level_gauges(&r);
	tell(&r, &a, took_us);
	(void)audit_all(&r.db, &r.o);
	check_level_gauges(&r);
	model_close(&r.db);
	model_remove(&r.db);
	oracle_end(&r.o);
	for (unsigned i = 0; i < BURST; i++)
		buf_fini(&r.keep[i]);
}

START_TEST(counters_manifest_files_and_contents_agree_after_a_long_random_run)
{
	const char *ops = getenv("LSM_LONGRUN_OPS");

	run_all(ops && *ops ? strtoull(ops, NULL, 10) : OPS_DEFAULT);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, counters_manifest_files_and_contents_agree_after_a_long_random_run);
}

CHECK_MAIN("longrun", suite)
