/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log on a simulated disk: the power goes at every event of writing and of recovering, and every
 * operation fails once or for good. What was acknowledged (pen_group answered ST_OK: synced) must always be
 * there; what was not may be there as a prefix.
 */
#include "common/vfs/fault.h"
#include "common/vfs/sim.h"
#include "t/engine_walhelp.h"

#define DIR "/data"
#define SEEDS 3
#define ALL_CUTS { SIM_CUT_SYNCED_ONLY, SIM_CUT_ALL, SIM_CUT_RANDOM, SIM_CUT_PREFIX }
#define CUT_COUNT 4

/* What a writer knows of its work. */
struct work {
	uint64_t acked, attempted;       /* sequences */
	bool failed;
};

static struct vfs *disk_new(void)
{
	struct vfs *sim = sim_new();

	testlib_folders(sim, DIR);
	ck_ok(vfs_sync_dir(sim, "/"));
	return sim;
}

/* After the first failure a few more tries: none may be acknowledged (invariant 9). */
static void insist(struct pen *p)
{
	for (int i = 0; i < 3 && p->wal; i++)
		ck_assert_int_ne(pen_group(p), ST_OK);
}

static bool write_groups(struct pen *p, int groups, struct work *w)
{
	for (int i = 0; i < groups; i++) {
		enum st st = pen_group(p);

		w->attempted = p->last;
		if (st) {
			insist(p);
			return false;
		}
		w->acked = p->last;
	}
	return true;
}

/* Two segments of three groups, the last group so large that the file must grow; then a record that is
 * written and never synced. */
static struct work work_on(struct vfs *v)
{
	struct pen p = { .v = v, .dir = DIR };
	struct work w = { 0 };

	for (uint64_t id = 1; id <= 2 && !w.failed; id++)
		w.failed = pen_begin(&p, id, 1024) != ST_OK || !write_groups(&p, 3, &w);
	if (!w.failed) {
		pen_append(&p, 40);
		w.attempted = p.last;
		w.failed = wal_write(p.wal) != ST_OK;
	}
	wal_close(&p.wal);
	return w;
}

static uint64_t events_of_work(void)
{
	struct vfs *sim = disk_new();
	uint64_t before = sim_events(sim), n;
	struct work w = work_on(sim);

	ck_assert(!w.failed);
	n = sim_events(sim) - before;
	sim_free(&sim);
	return n;
}

/* A disk on which the writer died at its n-th event. */
static struct vfs *dead_disk(uint64_t n, struct work *w)
{
	struct vfs *sim = disk_new();

	sim_die_at(sim, n);
	*w = work_on(sim);
	return sim;
}

static void check_work(const struct replayed *r, const struct work *w)
{
	check_dense(r);
	ck_assert_uint_ge(r->count, w->acked);
	ck_assert_uint_le(r->count, w->attempted);
	ck_assert_uint_ne(r->count % 3, 2);      /* a record is whole or not there: groups are 1 + 2 entries */
}

/* Recovers and checks; then the power goes again: what was returned is returned again (invariant 8). */
static void recover_for_good(struct vfs *disk, const struct work *w, struct rnd *rnd)
{
	static const enum sim_cut cuts[] = ALL_CUTS;
	struct replayed first, again;

	ck_ok(replay_from(disk, DIR, WAL_RECOVERY_STRICT, 0, 0, &first));
	check_work(&first, w);
	for (int c = 0; c < CUT_COUNT; c++) {
		struct vfs *next = sim_after_power_cut(disk, cuts[c], rnd);

		ck_ok(replay_from(next, DIR, WAL_RECOVERY_ABSOLUTE, 0, 0, &again));
		ck_assert_uint_eq(again.count, first.count);
		sim_free(&next);
	}
}

/* Invariant 1. */
START_TEST(acknowledged_groups_survive_a_power_cut_at_every_event)
{
	static const enum sim_cut cuts[] = ALL_CUTS;
	uint64_t events = events_of_work();

	ck_assert_uint_gt(events, 20);
	for (uint64_t n = 1; n <= events + 1; n++) {
		struct work w;
		struct vfs *dead = dead_disk(n, &w);

		for (int c = 0; c < CUT_COUNT; c++) {
			for (uint64_t seed = 1; seed <= SEEDS; seed++) {
				struct rnd rnd = { n * 1000 + seed };
				struct vfs *disk = sim_after_power_cut(dead, cuts[c], &rnd);

				recover_for_good(disk, &w, &rnd);
				sim_free(&disk);
			}
		}
		sim_free(&dead);
	}
}
END_TEST

/* Depth two: the power goes at every event of the recovery as well. */
START_TEST(a_power_cut_inside_recovery_loses_nothing)
{
	static const enum sim_cut cuts[] = ALL_CUTS;
	uint64_t events = events_of_work();

	for (uint64_t n = 1; n <= events + 1; n++) {
		struct work w;
		struct vfs *dead = dead_disk(n, &w);

		for (int c = 0; c < CUT_COUNT; c++) {
			enum st st = ST_IO;

			for (uint64_t m = 1; st != ST_OK; m++) {
				struct rnd rnd = { n * 1000 + m };
				struct vfs *disk = sim_after_power_cut(dead, cuts[c], &rnd), *next;
				struct replayed r;

				sim_die_at(disk, m);
				st = replay_from(disk, DIR, WAL_RECOVERY_STRICT, 0, 0, &r);
				next = sim_after_power_cut(disk, cuts[((uint64_t)c + m) % CUT_COUNT], &rnd);
				recover_for_good(next, &w, &rnd);
				sim_free(&next);
				sim_free(&disk);
			}
		}
		sim_free(&dead);
	}
}
END_TEST

/* A process that dies leaves the disk as it was: nothing written is lost, and what recovery returns is then
 * made safe, also what a failed sync had left in memory only. */
static void after_a_fault(struct vfs *sim, const struct work *w)
{
	struct rnd rnd = { 5 };
	struct vfs *cut = sim_after_power_cut(sim, SIM_CUT_SYNCED_ONLY, &rnd);

	recover_for_good(cut, w, &rnd);
	sim_free(&cut);
	recover_for_good(sim, w, &rnd);
}

/* Invariant 9: nothing is acknowledged after a failed sync or write (insist), and nothing acknowledged is
 * lost. */
START_TEST(nothing_is_acknowledged_after_a_failed_operation_and_nothing_acknowledged_is_lost)
{
	static const unsigned kinds[] = { FAULT_WRITE, FAULT_SYNC, FAULT_META };
	enum st answer = _i % 2 ? ST_IO : ST_FULL;
	bool for_good = _i / 2;

	for (int k = 0; k < 3; k++) {
		bool fired = true;

		for (uint64_t nth = 1; fired; nth++) {
			struct vfs *sim = disk_new(), *faulty = fault_new(sim);
			struct work w;

			fault_arm(faulty, kinds[k], nth, for_good, answer);
			w = work_on(faulty);
			fired = fault_fired(faulty);
			ck_assert(fired || !w.failed);
			fault_free(&faulty);
			after_a_fault(sim, &w);
			sim_free(&sim);
		}
	}
}
END_TEST

/* Recovery itself meets a failing disk: it says so, and the next one still finds everything. */
START_TEST(a_failed_operation_inside_recovery_is_reported_and_harmless)
{
	bool fired = true;

	for (uint64_t nth = 1; fired; nth++) {
		struct vfs *sim = disk_new(), *faulty;
		struct work w = work_on(sim);
		struct replayed r;
		enum st st;

		faulty = fault_new(sim);
		fault_arm(faulty, FAULT_ALL, nth, false, ST_IO);
		st = replay_from(faulty, DIR, WAL_RECOVERY_STRICT, 0, 0, &r);
		fired = fault_fired(faulty);
		ck_assert_int_eq(st, fired ? ST_IO : ST_OK);
		fault_free(&faulty);
		after_a_fault(sim, &w);
		sim_free(&sim);
	}
}
END_TEST

/* Damage in the first segment; truncate mode dies at every event of its repair, the power goes, it starts
 * again: in the end everything before the damage is there, in strict mode too. */
START_TEST(a_power_cut_inside_a_repair_is_repaired_by_the_next_one)
{
	static const enum sim_cut cuts[] = ALL_CUTS;

	for (int c = 0; c < CUT_COUNT; c++) {
		enum st st = ST_IO;

		for (uint64_t m = 1; st != ST_OK; m++) {
			struct rnd rnd = { m };
			struct vfs *disk = disk_new(), *next, *last;
			struct work w = work_on(disk);
			struct replayed r, again;

			ck_assert(!w.failed);
			ck_ok(sim_flip(disk, path_wal(DIR, file_id(1)).s, 500, 0x20));
			sim_die_at(disk, m);
			st = replay_from(disk, DIR, WAL_RECOVERY_TRUNCATE, 1, 0, &r);
			next = sim_after_power_cut(disk, cuts[c], &rnd);
			ck_ok(replay_from(next, DIR, WAL_RECOVERY_TRUNCATE, 1, 0, &r));
			check_dense(&r);
			ck_assert_uint_gt(r.count, 0);
			last = sim_after_power_cut(next, cuts[c], &rnd);
			ck_ok(replay_from(last, DIR, WAL_RECOVERY_ABSOLUTE, 1, 0, &again));
			ck_assert_uint_eq(again.count, r.count);
			ck_assert_uint_eq(again.report.end.id.v, 1);
			sim_free(&last);
			sim_free(&next);
			sim_free(&disk);
		}
	}
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, acknowledged_groups_survive_a_power_cut_at_every_event);
	tcase_add_test(tc, a_power_cut_inside_recovery_loses_nothing);
	tcase_add_loop_test(tc, nothing_is_acknowledged_after_a_failed_operation_and_nothing_acknowledged_is_lost, 0, 4);
	tcase_add_test(tc, a_failed_operation_inside_recovery_is_reported_and_harmless);
	tcase_add_test(tc, a_power_cut_inside_a_repair_is_repaired_by_the_next_one);
}

CHECK_MAIN("engine/walcrash", suite)
