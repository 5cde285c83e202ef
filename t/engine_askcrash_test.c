/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decided writes and power cuts, on a simulated disk: at every event of committing them the power goes, the next life reads
 * the log, and the asker repeats what it has no answer to. Whatever was on disk by then, each request has happened once,
 * whole, and is answered the same as it was or would have been.
 */
#include "common/vfs/sim.h"
#include "t/engine_sqlitevfs.h"
#include "t/engine_askhelp.h"

#define CUT_COUNT 4
#define REQUESTS 3u

static const enum sim_cut cuts[] = { SIM_CUT_SYNCED_ONLY, SIM_CUT_ALL, SIM_CUT_RANDOM, SIM_CUT_PREFIX };

/* What a request was answered, batch by batch. */
struct heard { bool answered; struct write_result results[3]; };

static void world_at(struct world *w, struct vfs *v)
{
	int fd = board_create();

	*w = (struct world){ .vfs = v, .sqlite_vfs = SQLITEVFS_NAME, .origin = 7 };
	snprintf(w->dir, sizeof(w->dir), "/data");
	conf_defaults(&w->conf);
	snprintf(w->conf.data_dir, sizeof(w->conf.data_dir), "/data");
	w->conf.memtable_size_limit = 16384;
	ck_ok(board_attach(fd, true, &w->board));
	close(fd);
	sqlitevfs_use(v);
	world_open(w);
}

static void world_leave(struct world *w)
{
	world_close(w);
	world_forget_memtables(w);
	board_detach(&w->board);
}

/* Request 1 to REQUESTS: an increment of what is in a table, a put on condition that the first request makes true and every
 * other one finds false, and a range delete. */
static void compose(struct asking *a, unsigned request)
{
	if (request == REQUESTS) {
		asking_one(a, ask_range("r", "s"));
		return;
	}
	asking_one(a, ask_increment("n", 1));
	asking_one(a, ask_put("first", request == 1 ? "1" : "2", WRITE_IF_ABSENT, 0));
	asking_one(a, ask_put("r2", "x", WRITE_ALWAYS, 0));
}

/* Asks request i; false: the log failed, there is no answer. */
static bool ask(struct world *w, struct sight *s, unsigned i, struct heard *h)
{
	struct write_request r = { .origin = w->origin, .request_id = i, .oldest_unanswered = 1 };
	struct group *g = &w->db.writer.group;
	struct asking a = { .readings = 0 };
	struct applied_request before;
	struct write_counts counts = { .entries = 1, .asks = 1 };
	struct prepare_job j;
	struct decided d;

	compose(&a, i);
	r.batches = buf_slice(&a.batches);
	prepare_job_init(&j, r.batches, i == REQUESTS);
	if (origins_find(w->db.writer.origins, w->origin, i, &before)) {
		group_add(g, &r, &counts, 0, NULL);
	} else {
		while (asking_decide(w, &r, i == REQUESTS, &j, &d) == ST_BUSY)
			prepare_run(s, &j, NULL);
		group_add_decided(g, &r, &d, NULL);
	}
	h->answered = group_commit(g) == ST_OK;
	if (h->answered) {
		struct write_results it = write_results_begin(&g->items[0].reply, r.batches);

		for (unsigned b = 0; write_results_next(&it, &h->results[b]); b++)
			;
	}
	group_reset(g);
	prepare_job_fini(&j);
	asking_fini(&a);
	return h->answered;
}

static void expect_same(const struct heard *a, const struct heard *b)
{
	for (unsigned i = 0; i < 3; i++) {
		const struct write_result *x = &a->results[i], *y = &b->results[i];

		ck_assert_int_eq(x->status, y->status);
		ck_assert_uint_eq(x->first_sequence.v, y->first_sequence.v);
		ck_assert_uint_eq(x->written, y->written);
		ck_assert_uint_eq(x->present.v, y->present.v);
		ck_assert_int_eq(x->value, y->value);
	}
}

/* The next life: every request is asked (again), and all is as if nothing had happened. */
static void expect_once(struct vfs *disk, const struct heard *first, const struct heard *whole)
{
	struct sight *s;
	struct world w;

	world_at(&w, disk);
	s = asking_sight(&w, NULL, NULL);
	for (unsigned i = 1; i <= REQUESTS; i++) {
		struct heard again = { .answered = false };

		ck_assert(ask(&w, s, i, &again));
		if (first[i].answered)
			expect_same(&first[i], &again);
		expect_same(&whole[i], &again);
	}
	world_check1(&w, "n", "43");
	world_check1(&w, "first", "1");
	world_check1(&w, "r1", NULL);
	world_check1(&w, "r2", NULL);
	sight_free(&s);
	world_leave(&w);
}

/* Fills a database, then asks until the disk dies at its n-th event (0: never). True: all were answered. */
static bool life(struct vfs *disk, uint64_t n, struct heard heard[REQUESTS + 1], struct world *w)
{
	unsigned answered = 0;
	struct sight *s;

	testlib_folders(disk, "/data");
	ck_ok(vfs_sync_dir(disk, "/"));
	world_at(w, disk);
	w->request = 100;
	world_put1(w, "n", "41");
	world_put1(w, "r1", "v");
	world_rotate(w);
	world_flush_all(w);
	s = asking_sight(w, NULL, NULL);
	sim_die_at(disk, n);
	for (unsigned i = 1; i <= REQUESTS; i++)
		answered += i == answered + 1 && ask(w, s, i, &heard[i]);
	sight_free(&s);
	return answered == REQUESTS;
}

START_TEST(whenever_the_power_goes_each_request_happens_once_and_is_answered_alike)
{
	struct heard whole[REQUESTS + 1] = { { .answered = false } };
	struct vfs *disk = sim_new();
	unsigned unanswered = 0;
	bool done = false;
	struct world w;

	ck_assert(life(disk, 0, whole, &w));
	ck_assert_int_eq(whole[2].results[1].status, ST_PRECONDITION);
	ck_assert_uint_eq(whole[REQUESTS].results[0].written, 2);
	world_leave(&w);
	sim_free(&disk);
	for (uint64_t n = 1; !done; n++) {
		struct heard first[REQUESTS + 1] = { { .answered = false } };
		struct vfs *dead = sim_new();

		done = life(dead, n, first, &w);
		unanswered += !done;
		for (unsigned c = 0; c < CUT_COUNT; c++) {
			struct rnd rnd = { n };
			struct vfs *after = sim_after_power_cut(dead, cuts[c], &rnd);

			expect_once(after, first, whole);
			sim_free(&after);
		}
		sim_die_at(dead, 0);
		sqlitevfs_use(dead);
		world_leave(&w);
		sim_free(&dead);
	}
	ck_assert_uint_ge(unanswered, REQUESTS);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, whenever_the_power_goes_each_request_happens_once_and_is_answered_alike);
}

CHECK_MAIN("engine/askcrash", suite)
