/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checkpoint opens as a database of its own with everything in it that was acknowledged, while the first one goes on;
 * whatever operation fails, and whenever the power goes, there is a whole one or none, and the first one is unharmed.
 */
#include "common/vfs/fault.h"
#include "common/vfs/sim.h"
#include "engine/checkpoint.h"
#include "t/engine_sqlitevfs.h"
#include "t/engine_world.h"

#define KEYS 60
#define CUT_COUNT 4

static const enum sim_cut cuts[] = { SIM_CUT_SYNCED_ONLY, SIM_CUT_ALL, SIM_CUT_RANDOM, SIM_CUT_PREFIX };

/* ---- a database in every state: tables on two levels, frozen memtables, an active one ---- */

static void put_round(struct world *w, unsigned round)
{
	struct world_batch b = { .bytes = BUF_INIT };
	char key[16], value[32];

	for (unsigned i = round % 3; i < KEYS; i += 3) {
		snprintf(key, sizeof(key), "key%03u", i);
		snprintf(value, sizeof(value), "round %u", round);
		world_put(&b, key, value);
	}
	world_put(&b, "round", round % 2 ? "odd" : "even");
	world_put(&b, "gone", round % 2 ? "not yet" : NULL);
	ck_assert_int_eq(world_commit(w, &b).status, ST_OK);
}

static void expect_rounds(struct world *w, unsigned rounds)
{
	struct world_reader r = world_reader(w);
	char key[16], value[32];

	for (unsigned i = 0; i < KEYS; i++) {
		unsigned last = rounds - 1 - (rounds - 1 + 3 - i % 3) % 3;

		snprintf(key, sizeof(key), "key%03u", i);
		snprintf(value, sizeof(value), "round %u", last);
		world_check(&r, key, value);
	}
	world_check(&r, "round", (rounds - 1) % 2 ? "odd" : "even");
	world_check(&r, "gone", (rounds - 1) % 2 ? "not yet" : NULL);
	world_reader_end(&r);
}

/* Returns how many rounds were put. */
static unsigned fill(struct world *w)
{
	unsigned round = 0;

	for (unsigned table = 0; table < 5; table++) {
		put_round(w, round++);
		world_rotate(w);
		world_flush_all(w);
		if (table == 3)
			while (world_compact(w))
				;
	}
	for (unsigned frozen = 0; frozen < 2; frozen++) {
		put_round(w, round++);
		world_rotate(w);
	}
	put_round(w, round++);
	return round;
}

static enum st make(struct world *w, const char *dir, struct checkpoint_result *rp)
{
	struct checkpoint_config c = { w->vfs, w->dir, w->db.truth };
	struct buf complaint = BUF_INIT;
	enum st st = checkpoint_make(&c, dir, rp, &complaint);

	ck_assert(st == ST_INVALID || complaint.n == 0);
	buf_fini(&complaint);
	return st;
}

/* Another engine's world in dir, on the same disk. */
static void world_at(struct world *w, struct vfs *v, const char *sqlite_vfs, const char *dir)
{
	int fd = board_create();

	*w = (struct world){ .vfs = v, .sqlite_vfs = sqlite_vfs, .origin = 7 };
	snprintf(w->dir, sizeof(w->dir), "%s", dir);
	conf_defaults(&w->conf);
	snprintf(w->conf.data_dir, sizeof(w->conf.data_dir), "%s", dir);
	w->conf.memtable_size_limit = 16384;
	ck_ok(board_attach(fd, true, &w->board));
	close(fd);
}

static void world_leave(struct world *w)
{
	world_close(w);
	world_forget_memtables(w);
	board_detach(&w->board);
}

static struct path beside(const struct world *w, const char *ending)
{
	struct path p;

	snprintf(p.s, sizeof(p.s), "%s%s", w->dir, ending);
	return p;
}

/* ---- on a real disk ---- */

START_TEST(a_checkpoint_opens_with_everything_that_was_acknowledged)
{
	struct checkpoint_result r;
	struct world w, copy;
	struct path dir;
	unsigned rounds;

	world_begin(&w, vfs_posix());
	dir = beside(&w, "-copy");
	rounds = fill(&w);
	world_rotate(&w);
	ck_ok(make(&w, dir.s, &r));
	ck_assert_uint_eq(r.last_seq.v, board_visible(w.board).v);
	ck_assert_uint_eq(r.segments, 3);
	ck_assert_uint_eq(r.tables, 2);
	world_at(&copy, vfs_posix(), NULL, dir.s);
	world_open(&copy);
	ck_assert_uint_eq(truth_database(copy.db.truth), truth_database(w.db.truth));
	ck_assert_uint_eq(board_visible(copy.board).v, r.last_seq.v);
	expect_rounds(&copy, rounds);
	world_leave(&copy);
	world_end(&w);
	testlib_remove(dir.s);
}
END_TEST

/* Both write, rotate, flush, compact, restart. */
START_TEST(the_copy_and_the_first_one_go_separate_ways)
{
	struct checkpoint_result r;
	struct world w, copy;
	struct path dir;
	unsigned rounds;

	world_begin(&w, vfs_posix());
	dir = beside(&w, "-copy");
	rounds = fill(&w);
	world_rotate(&w);
	ck_ok(make(&w, dir.s, &r));
	world_at(&copy, vfs_posix(), NULL, dir.s);
	world_open(&copy);
	world_flush_all(&w);
	world_flush_all(&copy);
	copy.origin = 8;                 /* not the requests of the first one again */
	world_put1(&copy, "where", "in the copy");
	put_round(&w, rounds);
	world_put1(&w, "where", "in the first one");
	world_rotate(&copy);
	world_flush_all(&copy);
	world_flush_all(&w);
	while (world_compact(&copy) || world_compact(&w))
		;
	world_close(&w);
	world_close(&copy);
	world_forget_memtables(&w);
	world_forget_memtables(&copy);
	world_open(&w);
	world_open(&copy);
	expect_rounds(&w, rounds + 1);
	expect_rounds(&copy, rounds);
	world_check1(&w, "where", "in the first one");
	world_check1(&copy, "where", "in the copy");
	world_leave(&copy);
	world_end(&w);
	testlib_remove(dir.s);
}
END_TEST

/* What was put after the last rotation may be missing, but never in part. */
START_TEST(writes_after_the_rotation_are_not_in_it)
{
	struct checkpoint_result r;
	struct world w, copy;
	struct path dir;
	unsigned rounds;

	world_begin(&w, vfs_posix());
	dir = beside(&w, "-copy");
	rounds = fill(&w);
	ck_ok(make(&w, dir.s, &r));
	world_at(&copy, vfs_posix(), NULL, dir.s);
	world_open(&copy);
	expect_rounds(&copy, rounds - 1);
	world_leave(&copy);
	world_end(&w);
	testlib_remove(dir.s);
}
END_TEST

START_TEST(an_empty_database_has_checkpoints_too)
{
	struct checkpoint_result r;
	struct world w, copy;
	struct path dir;

	world_begin(&w, vfs_posix());
	dir = beside(&w, "-copy");
	ck_ok(make(&w, dir.s, &r));
	world_at(&copy, vfs_posix(), NULL, dir.s);
	world_open(&copy);
	world_check1(&copy, "k", NULL);
	world_leave(&copy);
	world_end(&w);
	testlib_remove(dir.s);
}
END_TEST

START_TEST(a_directory_that_is_there_is_refused_and_left_alone)
{
	struct checkpoint_result r;
	struct path dir, nowhere;
	struct world w;

	world_begin(&w, vfs_posix());
	dir = beside(&w, "-copy");
	nowhere = beside(&w, "-missing/copy");
	ck_ok(vfs_mkdir(vfs_posix(), dir.s));
	ck_assert_int_eq(make(&w, dir.s, &r), ST_INVALID);
	ck_assert_int_eq(make(&w, nowhere.s, &r), ST_INVALID);
	ck_ok(vfs_rmdir(vfs_posix(), dir.s));            /* it is as empty as it was */
	world_end(&w);
}
END_TEST

/* A copy whose log lost its end says so: the manifest in it promises more. */
START_TEST(a_checkpoint_that_lost_its_end_is_refused)
{
	struct restore_config c;
	struct buf complaint = BUF_INIT;
	struct checkpoint_result r;
	struct world w, copy;
	struct path dir;

	world_begin(&w, vfs_posix());
	dir = beside(&w, "-copy");
	fill(&w);
	world_rotate(&w);
	ck_ok(make(&w, dir.s, &r));
	ck_ok(vfs_unlink(vfs_posix(), path_wal(dir.s, memtable_id(w.db.writer.active)).s));
	for (uint64_t id = memtable_id(w.db.writer.active).v - 1; vfs_unlink(vfs_posix(), path_wal(dir.s, file_id(id)).s); id--)
		;
	world_at(&copy, vfs_posix(), NULL, dir.s);
	c = (struct restore_config){ .vfs = copy.vfs, .conf = &copy.conf, .truth = { .board = copy.board } };
	ck_assert_int_eq(restore_open(&c, &copy.db, &complaint), ST_CORRUPT);
	buf_fini(&complaint);
	board_detach(&copy.board);
	world_end(&w);
	testlib_remove(dir.s);
}
END_TEST

/* ---- on a simulated disk ---- */

static void sim_begin(struct world *w, struct vfs *sim, struct vfs *v)
{
	testlib_folders(sim, "/data");
	ck_ok(vfs_sync_dir(sim, "/"));
	sqlitevfs_use(v);
	world_at(w, v, SQLITEVFS_NAME, "/data");
	world_open(w);
}

static void expect_whole(struct vfs *disk, const char *dir, unsigned rounds)
{
	struct world w;

	sqlitevfs_use(disk);
	world_at(&w, disk, SQLITEVFS_NAME, dir);
	world_open(&w);
	expect_rounds(&w, rounds);
	world_leave(&w);
}

static bool there(struct vfs *v, const char *path)
{
	bool yes;

	ck_ok(vfs_exists(v, path, &yes));
	return yes;
}

START_TEST(a_power_cut_leaves_a_whole_checkpoint_or_none)
{
	unsigned whole = 0, none = 0;
	enum st st = ST_IO;

	for (uint64_t n = 1; st; n++) {
		struct vfs *dead = sim_new();
		struct checkpoint_result r;
		unsigned rounds;
		struct world w;

		sim_begin(&w, dead, dead);
		rounds = fill(&w);
		world_rotate(&w);
		sim_die_at(dead, n);
		st = make(&w, "/copy", &r);
		for (int c = 0; c < CUT_COUNT; c++) {
			struct rnd rnd = { n };
			struct vfs *disk = sim_after_power_cut(dead, cuts[c], &rnd);
			bool found = there(disk, "/copy");

			ck_assert(st || found);
			whole += found;
			none += !found;
			if (found)
				expect_whole(disk, "/copy", rounds);
			expect_whole(disk, "/data", rounds);
			sim_free(&disk);
		}
		sim_die_at(dead, 0);
		sqlitevfs_use(dead);
		world_leave(&w);
		sim_free(&dead);
	}
	ck_assert_uint_gt(whole, 0);
	ck_assert_uint_gt(none, 0);
}
END_TEST

START_TEST(whichever_operation_fails_there_is_none_and_the_next_one_succeeds)
{
	bool fired = true;

	for (uint64_t nth = 1; fired; nth++) {
		struct vfs *sim = sim_new(), *faulty = fault_new(sim);
		struct checkpoint_result r;
		unsigned rounds;
		struct world w;
		enum st st;

		sim_begin(&w, sim, faulty);
		rounds = fill(&w);
		world_rotate(&w);
		fault_arm(faulty, FAULT_ALL, nth, false, _i ? ST_FULL : ST_IO);
		st = make(&w, "/copy", &r);
		fired = fault_fired(faulty);
		ck_assert(fired == (st != ST_OK));
		ck_assert(there(sim, "/copy") == !st);
		fault_arm(faulty, FAULT_ALL, 0, false, ST_OK);
		world_flush_all(&w);
		put_round(&w, rounds++);
		world_rotate(&w);
		if (st)
			ck_ok(make(&w, "/copy", &r));
		ck_assert(!there(sim, "/copy.partial"));
		expect_whole(sim, "/copy", st ? rounds : rounds - 1);
		sqlitevfs_use(faulty);
		expect_rounds(&w, rounds);
		world_leave(&w);
		fault_free(&faulty);
		sim_free(&sim);
	}
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_checkpoint_opens_with_everything_that_was_acknowledged);
	tcase_add_test(tc, the_copy_and_the_first_one_go_separate_ways);
	tcase_add_test(tc, writes_after_the_rotation_are_not_in_it);
	tcase_add_test(tc, an_empty_database_has_checkpoints_too);
	tcase_add_test(tc, a_directory_that_is_there_is_refused_and_left_alone);
	tcase_add_test(tc, a_checkpoint_that_lost_its_end_is_refused);
	tcase_add_test(tc, a_power_cut_leaves_a_whole_checkpoint_or_none);
	tcase_add_loop_test(tc, whichever_operation_fails_there_is_none_and_the_next_one_succeeds, 0, 2);
}

CHECK_MAIN("engine/checkpoint", suite)
