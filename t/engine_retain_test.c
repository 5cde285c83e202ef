/* SPDX-License-Identifier: Apache-2.0 */
/* Segments kept for watchers: how many, which after a restart, and that they go when they must. */
#include "engine/retain.h"

#include <sys/stat.h>

#include "common/stats/stats.h"
#include "common/vfs/sim.h"
#include "t/engine_walhelp.h"

#define SEGMENT (256u << 10)             /* what is prepared */

struct shelf {
	struct vfs *v;
	char dir[TESTLIB_DIR_MAX];
	struct pen pen;
	struct retain *retain;
};

static void open_shelf(struct shelf *s, uint64_t limit)
{
	stats_begin_private();
	*s = (struct shelf){ .v = vfs_posix() };
	testlib_dir(s->dir);
	ck_ok(vfs_mkdir(s->v, path_retained_dir(s->dir).s));
	s->pen = (struct pen){ .v = s->v, .dir = s->dir };
	s->retain = retain_new(s->v, s->dir, limit);
}

static void close_shelf(struct shelf *s)
{
	wal_close(&s->pen.wal);
	retain_free(&s->retain);
	testlib_remove(s->dir);
}

/* A segment of n groups; its content's length is known when the next one is begun. */
static void write_segment(struct shelf *s, uint64_t id, unsigned groups)
{
	ck_ok(pen_begin(&s->pen, id, SEGMENT));
	for (unsigned i = 0; i < groups; i++)
		ck_ok(pen_group(&s->pen));
}

static bool there(struct shelf *s, struct path p)
{
	bool yes;

	ck_ok(vfs_exists(s->v, p.s, &yes));
	return yes;
}

static bool is_kept(struct shelf *s, uint64_t id)
{
	return there(s, path_retained(s->dir, file_id(id)));
}

/* Segments 1 to n of 20 groups each, all but the last flushed and given away. */
static uint64_t fill(struct shelf *s, uint64_t n)
{
	uint64_t bytes = 0;

	for (uint64_t id = 1; id <= n; id++) {
		write_segment(s, id, 20);
		if (id == 1)
			continue;
		bytes = s->pen.before.length;
		ck_assert(retain_take(s->retain, file_id(id - 1), bytes));
	}
	return bytes;
}

static void start_again(struct shelf *s, uint64_t limit, uint64_t floor)
{
	retain_free(&s->retain);
	s->retain = retain_new(s->v, s->dir, limit);
	ck_ok(retain_begin(s->retain, DB, file_id(floor)));
}

START_TEST(as_many_are_kept_as_have_the_limit)
{
	struct shelf s;
	uint64_t bytes;

	open_shelf(&s, 10000);
	bytes = fill(&s, 8);
	ck_assert_uint_gt(bytes, 2000);
	for (uint64_t id = 1; id < 8; id++) {
		ck_assert(!there(&s, path_wal(s.dir, file_id(id))));
		ck_assert_int_eq(is_kept(&s, id), (7 - id) * bytes < 10000);
	}
	ck_assert_uint_ge(stats_sum(M_watch_retained), 10000);
	ck_assert_uint_lt(stats_sum(M_watch_retained), 10000 + bytes);
	close_shelf(&s);
}
END_TEST

START_TEST(unused_room_is_given_back_and_the_bytes_stay)
{
	struct image before, after;
	struct shelf s;
	struct stat sb;

	open_shelf(&s, 1 << 20);
	write_segment(&s, 1, 20);
	before = image_of(s.v, path_wal(s.dir, file_id(1)).s);
	write_segment(&s, 2, 1);
	ck_assert(retain_take(s.retain, file_id(1), s.pen.before.length));
	after = image_of(s.v, path_retained(s.dir, file_id(1)).s);
	ck_assert_uint_eq(after.n, SEGMENT);
	ck_assert_uint_eq(before.n, after.n);
	ck_assert_int_eq(memcmp(before.p, after.p, after.n), 0);
	ck_assert_int_eq(stat(path_retained(s.dir, file_id(1)).s, &sb), 0);
	ck_assert_uint_le((uint64_t)sb.st_blocks * 512, s.pen.before.length + 4096);
	mem_free(before.p);
	mem_free(after.p);
	close_shelf(&s);
}
END_TEST

/* The flush thread cannot wait until they are read. */
START_TEST(terabytes_of_nothing_behind_a_segment_hold_nothing_up)
{
	struct vfs_file *f;
	struct shelf s;

	open_shelf(&s, 1 << 20);
	write_segment(&s, 1, 20);
	write_segment(&s, 2, 1);
	ck_ok(vfs_open(s.v, path_wal(s.dir, file_id(1)).s, VFS_WRITE, &f));
	ck_ok(vfs_truncate(f, UINT64_C(4) << 40));
	vfs_close(&f);
	ck_assert(retain_take(s.retain, file_id(1), s.pen.before.length));
	ck_assert(is_kept(&s, 1));
	close_shelf(&s);
}
END_TEST

START_TEST(content_behind_the_length_that_is_said_is_not_touched)
{
	struct image before, after;
	struct shelf s;

	open_shelf(&s, 1 << 20);
	write_segment(&s, 1, 20);
	before = image_of(s.v, path_wal(s.dir, file_id(1)).s);
	write_segment(&s, 2, 1);
	ck_assert(retain_take(s.retain, file_id(1), 100));
	after = image_of(s.v, path_retained(s.dir, file_id(1)).s);
	ck_assert_uint_eq(before.n, after.n);
	ck_assert_int_eq(memcmp(before.p, after.p, after.n), 0);
	ck_assert_uint_eq(stats_sum(M_watch_retained), SEGMENT);
	mem_free(before.p);
	mem_free(after.p);
	close_shelf(&s);
}
END_TEST

START_TEST(a_start_finds_what_was_kept_and_what_was_flushed_and_not_moved)
{
	struct shelf s;
	uint64_t total;

	open_shelf(&s, 1 << 20);
	(void)fill(&s, 5);
	write_segment(&s, 6, 1);         /* 5 is flushed and still in wal/ */
	total = stats_sum(M_watch_retained) + s.pen.before.length;
	start_again(&s, 1 << 20, 6);
	for (uint64_t id = 1; id <= 5; id++)
		ck_assert(is_kept(&s, id));
	ck_assert(!there(&s, path_wal(s.dir, file_id(5))));
	ck_assert(there(&s, path_wal(s.dir, file_id(6))));
	ck_assert_uint_eq(stats_sum(M_watch_retained), total);
	close_shelf(&s);
}
END_TEST

START_TEST(a_start_removes_what_is_not_of_the_chain)
{
	struct shelf s;

	open_shelf(&s, 1 << 20);
	(void)fill(&s, 6);
	testlib_put_file(s.v, path_retained(s.dir, file_id(77)).s, "foreign", 7);
	ck_ok(vfs_unlink(s.v, path_retained(s.dir, file_id(3)).s));
	start_again(&s, 1 << 20, 6);
	ck_assert(!is_kept(&s, 1) && !is_kept(&s, 2) && !is_kept(&s, 77));
	ck_assert(is_kept(&s, 4) && is_kept(&s, 5));
	close_shelf(&s);
}
END_TEST

START_TEST(another_database_is_not_ours)
{
	struct shelf s;

	open_shelf(&s, 1 << 20);
	(void)fill(&s, 3);
	retain_free(&s.retain);
	s.retain = retain_new(s.v, s.dir, 1 << 20);
	ck_ok(retain_begin(s.retain, DB + 1, file_id(3)));
	ck_assert(!is_kept(&s, 1) && !is_kept(&s, 2));
	ck_assert(there(&s, path_wal(s.dir, file_id(3))));
	close_shelf(&s);
}
END_TEST

START_TEST(a_limit_of_zero_keeps_nothing)
{
	struct shelf s;

	open_shelf(&s, 1 << 20);
	(void)fill(&s, 3);
	start_again(&s, 0, 3);
	ck_assert(!is_kept(&s, 1) && !is_kept(&s, 2));
	write_segment(&s, 4, 1);
	ck_assert(!retain_take(s.retain, file_id(3), s.pen.before.length));
	ck_assert(there(&s, path_wal(s.dir, file_id(3))));
	ck_assert(!retain_take(NULL, file_id(3), s.pen.before.length));
	close_shelf(&s);
}
END_TEST

START_TEST(all_of_them_go_at_once)
{
	struct shelf s;
	uint64_t bytes;

	open_shelf(&s, 1 << 20);
	(void)fill(&s, 4);
	bytes = stats_sum(M_watch_retained);
	ck_assert_uint_gt(bytes, 0);
	ck_assert_uint_eq(retain_drop(s.retain), bytes);
	ck_assert(!is_kept(&s, 1) && !is_kept(&s, 2) && !is_kept(&s, 3));
	ck_assert_uint_eq(stats_sum(M_watch_retained), 0);
	ck_assert_uint_eq(retain_drop(s.retain), 0);
	ck_assert_uint_eq(retain_drop(NULL), 0);
	close_shelf(&s);
}
END_TEST

/* ---- power cuts ---- */

/* Five segments on a disk that dies at the n-th event of giving four of them away; what lay in them. True: it did not die. */
static bool live_and_die(struct vfs *sim, uint64_t n, struct image *segments)
{
	struct shelf s = { .v = sim, .dir = "/data" };
	uint64_t length[6] = { 0 };
	bool all = true;

	ck_ok(vfs_mkdir(sim, s.dir));
	ck_ok(vfs_mkdir(sim, path_wal_dir(s.dir).s));
	ck_ok(vfs_mkdir(sim, path_retained_dir(s.dir).s));
	s.pen = (struct pen){ .v = sim, .dir = s.dir };
	s.retain = retain_new(sim, s.dir, 4000);         /* less than all of them have */
	for (uint64_t id = 1; id <= 5; id++) {
		write_segment(&s, id, 20);
		length[id - 1] = s.pen.before.length;
	}
	for (uint64_t id = 1; id < 5; id++) {
		segments[id] = image_of(sim, path_wal(s.dir, file_id(id)).s);
		segments[id].n = length[id];
	}
	ck_ok(vfs_sync_dir(sim, "/"));
	ck_ok(vfs_sync_dir(sim, s.dir));
	ck_ok(vfs_sync_dir(sim, path_wal_dir(s.dir).s));
	ck_ok(vfs_sync_dir(sim, path_retained_dir(s.dir).s));
	sim_die_at(sim, n);
	for (uint64_t id = 1; id < 5; id++)
		all &= retain_take(s.retain, file_id(id), length[id]);
	wal_close(&s.pen.wal);
	retain_free(&s.retain);
	return all;
}

/* A start on what the power cut left: the newest of the chain are kept, none of them has lost anything. */
static unsigned start_on(struct vfs *disk, const struct image *segments)
{
	struct shelf s = { .v = disk, .dir = "/data", .retain = retain_new(disk, "/data", 4000) };
	unsigned kept = 0;

	ck_ok(retain_begin(s.retain, DB, file_id(5)));
	ck_assert(there(&s, path_wal(s.dir, file_id(5))));
	for (uint64_t id = 4; id > 0; id--) {
		struct image now;

		if (!is_kept(&s, id))
			continue;
		ck_assert_msg(kept == 4 - id, "%llu is kept, and one that came after it is not", (unsigned long long)id);
		now = image_of(disk, path_retained(s.dir, file_id(id)).s);
		ck_assert(now.n >= segments[id].n && memcmp(now.p, segments[id].p, segments[id].n) == 0);
		mem_free(now.p);
		kept++;
	}
	retain_free(&s.retain);
	return kept;
}

START_TEST(a_power_cut_leaves_a_chain)
{
	static const enum sim_cut cuts[] = { SIM_CUT_SYNCED_ONLY, SIM_CUT_ALL, SIM_CUT_RANDOM, SIM_CUT_PREFIX };
	unsigned kept = 0, cases = 0;
	bool lived = false;

	stats_begin_private();
	for (uint64_t n = 1; !lived; n++) {
		struct image segments[6] = { { 0 } };
		struct vfs *sim = sim_new();

		lived = live_and_die(sim, n, segments);
		for (size_t c = 0; c < sizeof(cuts) / sizeof(*cuts); c++) {
			struct rnd rnd = { n };
			struct vfs *disk = sim_after_power_cut(sim, cuts[c], &rnd);

			kept += start_on(disk, segments);
			cases++;
			sim_free(&disk);
		}
		for (uint64_t id = 1; id < 5; id++)
			mem_free(segments[id].p);
		sim_free(&sim);
	}
	ck_assert_uint_ge(cases, 4 * 5);         /* four renames at least, and the end */
	ck_assert_uint_ge(kept, cases);          /* often two or more of them */
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, as_many_are_kept_as_have_the_limit);
	tcase_add_test(tc, unused_room_is_given_back_and_the_bytes_stay);
	tcase_add_test(tc, terabytes_of_nothing_behind_a_segment_hold_nothing_up);
	tcase_add_test(tc, content_behind_the_length_that_is_said_is_not_touched);
	tcase_add_test(tc, a_start_finds_what_was_kept_and_what_was_flushed_and_not_moved);
	tcase_add_test(tc, a_start_removes_what_is_not_of_the_chain);
	tcase_add_test(tc, another_database_is_not_ours);
	tcase_add_test(tc, a_limit_of_zero_keeps_nothing);
	tcase_add_test(tc, all_of_them_go_at_once);
	tcase_add_test(tc, a_power_cut_leaves_a_chain);
}

CHECK_MAIN("engine/retain", suite)
