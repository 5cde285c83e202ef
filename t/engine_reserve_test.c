/* SPDX-License-Identifier: Apache-2.0 */
/* The reserve: when writes are refused, when the ballast goes and comes back, and that nothing swings. */
#include "engine/reserve.h"

#include "common/stats/stats.h"
#include "common/vfs/vfs_impl.h"
#include "engine/retain.h"
#include "t/engine_testlib.h"

#define MARK 800000u
#define BALLAST (MARK / 2)
#define SEGMENT 200000u
#define BACK (MARK + MARK / 8 + SEGMENT)         /* from here on writes are accepted again */

/* The operating system's files on a disk whose free bytes the test sets; the ballast takes its part of them. */
struct disk {
	struct vfs head;
	struct vfs_ops ops;
	uint64_t free_without_ballast;
	uint64_t kept_bytes;             /* taken by what is kept for watchers, while it is there */
	bool no_room;                    /* a new file cannot be made, whatever the free bytes say */
	char dir[TESTLIB_DIR_MAX];
	struct reserve *reserve;
};

static uint64_t ballast_size(struct disk *d)
{
	struct vfs_file *f;
	uint64_t size = 0;

	if (vfs_open(vfs_posix(), path_ballast(d->dir).s, VFS_READ, &f))
		return 0;
	ck_ok(vfs_size(f, &size));
	vfs_close(&f);
	return size;
}

static enum st disk_free_bytes(struct vfs *v, const char *path, uint64_t *bytesp)
{
	struct disk *d = (struct disk *)v;

	(void)path;
	*bytesp = d->free_without_ballast - ballast_size(d);
	if (d->kept_bytes && stats_sum(M_watch_retained) > 0)
		*bytesp -= d->kept_bytes;
	return ST_OK;
}

static enum st disk_open(struct vfs *v, const char *path, enum vfs_open_flags flags, struct vfs_file **fp)
{
	struct disk *d = (struct disk *)v;

	*fp = NULL;
	if (d->no_room && flags == VFS_CREATE)
		return ST_FULL;
	return vfs_open(vfs_posix(), path, flags, fp);
}

static void begin(struct disk *d, uint64_t free_bytes)
{
	stats_begin_private();
	*d = (struct disk){ .ops = *vfs_posix()->ops, .free_without_ballast = free_bytes };
	d->ops.free_bytes = disk_free_bytes;
	d->ops.open = disk_open;
	d->head.ops = &d->ops;
	testlib_dir(d->dir);
	d->reserve = reserve_new(&d->head, d->dir, MARK, SEGMENT);
	(void)reserve_look(d->reserve);
}

static void end(struct disk *d)
{
	reserve_free(&d->reserve);
	testlib_remove(d->dir);
}

static bool refuses_at(struct disk *d, uint64_t free_without_ballast)
{
	d->free_without_ballast = free_without_ballast;
	(void)reserve_look(d->reserve);
	return reserve_refuses(d->reserve);
}

START_TEST(a_roomy_disk_gets_its_ballast_and_takes_writes)
{
	struct disk d;

	begin(&d, BACK + BALLAST);
	ck_assert(!reserve_refuses(d.reserve));
	ck_assert_uint_eq(ballast_size(&d), BALLAST);
	ck_assert_uint_eq(stats_sum(M_disk_reserve), BALLAST);
	ck_assert_uint_eq(stats_sum(M_disk_low_water), MARK);
	ck_assert_uint_eq(stats_sum(M_disk_writes_refused), 0);
	end(&d);
}
END_TEST

START_TEST(a_disk_without_room_for_the_ballast_takes_no_writes_until_there_is)
{
	struct disk d;

	begin(&d, BACK + BALLAST - 1);
	ck_assert(reserve_refuses(d.reserve));
	ck_assert_uint_ge(stats_sum(M_disk_resume), MARK + SEGMENT);
	ck_assert_uint_eq(ballast_size(&d), 0);
	ck_assert_uint_eq(stats_sum(M_disk_writes_refused), 1);
	d.no_room = true;
	ck_assert(refuses_at(&d, 2 * BACK));     /* a quota, perhaps: free bytes that are not to be had */
	d.no_room = false;
	ck_assert(!refuses_at(&d, 2 * BACK));
	ck_assert_uint_eq(ballast_size(&d), BALLAST);
	end(&d);
}
END_TEST

START_TEST(below_the_mark_writes_are_refused_and_the_ballast_stays)
{
	struct disk d;

	begin(&d, BACK + BALLAST);
	ck_assert(!refuses_at(&d, MARK + BALLAST));
	ck_assert(refuses_at(&d, MARK - 1 + BALLAST));
	ck_assert(refuses_at(&d, MARK / 4 + BALLAST));
	ck_assert_uint_eq(ballast_size(&d), BALLAST);
	ck_assert(refuses_at(&d, BACK - 1 + BALLAST));
	ck_assert(!refuses_at(&d, BACK + BALLAST));
	end(&d);
}
END_TEST

START_TEST(a_quarter_of_the_mark_or_a_full_disk_costs_the_ballast_and_it_comes_back)
{
	for (unsigned asked = 0; asked < 2; asked++) {
		struct disk d;

		begin(&d, BACK + BALLAST);
		if (asked)
			ck_assert(reserve_spend(d.reserve));
		else
			ck_assert(refuses_at(&d, MARK / 4 - 1 + BALLAST));
		ck_assert(reserve_refuses(d.reserve));
		ck_assert_uint_eq(ballast_size(&d), 0);
		ck_assert(!reserve_spend(d.reserve));    /* once only */
		ck_assert(refuses_at(&d, BACK + BALLAST - 1));
		ck_assert(!refuses_at(&d, BACK + BALLAST));
		ck_assert_uint_eq(ballast_size(&d), BALLAST);
		end(&d);
	}
}
END_TEST

/* Once at most after each move of somebody else, who fills the disk and empties it again. The segment that the engine
 * prepares when writes are accepted again is part of the game. */
START_TEST(what_is_done_by_ourselves_never_moves_the_answer_to_and_fro)
{
	const uint64_t most = 3 * BACK, step = MARK / 16;
	struct disk d;

	begin(&d, most);
	for (uint64_t n = 0; n <= 2 * most; n += step) {
		uint64_t others = n <= most ? n : 2 * most - n, segment = 0;
		unsigned changes = 0;

		for (unsigned i = 0; i < 6; i++) {
			uint64_t gone = others + segment, back = reserve_ballast(d.reserve);

			d.free_without_ballast = gone < most - back ? most - gone : back;
			if (reserve_look(d.reserve)) {
				changes++;
				segment = reserve_refuses(d.reserve) ? 0 : SEGMENT;
			}
		}
		ck_assert_uint_le(changes, 1);
	}
	ck_assert(!reserve_refuses(d.reserve));
	end(&d);
}
END_TEST

START_TEST(a_ballast_of_an_earlier_life_is_taken_over_in_the_size_that_is_wanted_now)
{
	for (uint64_t size = BALLAST / 2; size <= 2 * BALLAST; size += BALLAST / 2) {
		struct disk d;

		begin(&d, BACK + BALLAST);
		reserve_free(&d.reserve);
		ck_assert_uint_eq(ballast_size(&d), BALLAST);
		ck_assert_int_eq(truncate(path_ballast(d.dir).s, (off_t)size), 0);
		d.reserve = reserve_new(&d.head, d.dir, MARK, SEGMENT);
		ck_assert_uint_eq(ballast_size(&d), BALLAST);
		ck_assert(!refuses_at(&d, MARK + BALLAST));      /* it was running before: no head-room is asked for */
		reserve_drop(&d.head, d.dir);
		ck_assert_uint_eq(ballast_size(&d), 0);
		end(&d);
	}
}
END_TEST

START_TEST(compaction_may_fill_all_but_an_eighth_of_the_mark)
{
	struct disk d;

	begin(&d, BACK + BALLAST);
	d.free_without_ballast = MARK + BALLAST;
	ck_assert_uint_eq(reserve_room(d.reserve), MARK - MARK / 8);
	ck_assert_uint_eq(reserve_ballast(d.reserve), BALLAST);
	d.free_without_ballast = MARK / 8 + BALLAST;
	ck_assert_uint_eq(reserve_room(d.reserve), 0);
	(void)reserve_spend(d.reserve);
	ck_assert_uint_eq(reserve_room(d.reserve), BALLAST);
	ck_assert_uint_eq(reserve_ballast(d.reserve), 0);
	end(&d);
}
END_TEST

START_TEST(without_a_mark_or_a_reserve_nothing_is_ever_refused)
{
	struct disk d;
	struct conf c;

	begin(&d, BACK + BALLAST);
	reserve_free(&d.reserve);
	reserve_drop(&d.head, d.dir);
	d.reserve = reserve_new(&d.head, d.dir, 0, SEGMENT);
	ck_assert(!refuses_at(&d, 0));
	ck_assert(!reserve_spend(d.reserve));
	ck_assert_uint_eq(reserve_room(d.reserve), UINT64_MAX);
	ck_assert_uint_eq(ballast_size(&d), 0);
	ck_assert(!reserve_refuses(NULL));
	ck_assert(!reserve_spend(NULL));
	ck_assert_uint_eq(reserve_room(NULL), UINT64_MAX);
	conf_defaults(&c);
	ck_assert_uint_eq(reserve_mark(&c), 2 * c.memtable_size_limit);
	c.memtable_size_limit = 4096;
	ck_assert_uint_eq(reserve_mark(&c), RESERVE_LEAST_MARK);
	c.disk_low_water = 1;
	ck_assert_uint_eq(reserve_mark(&c), 1);
	end(&d);
}
END_TEST

#define KEPT 300000u

/* One kept segment that takes KEPT of the disk while it is there. */
static struct retain *keep(struct disk *d)
{
	struct retain *r = retain_new(&d->head, d->dir, KEPT);
	uint8_t *bytes = mem_zalloc(KEPT);

	ck_ok(vfs_mkdir(&d->head, path_retained_dir(d->dir).s));
	testlib_put_file(&d->head, path_wal(d->dir, file_id(3)).s, bytes, KEPT);
	mem_free(bytes);
	ck_assert(retain_take(r, file_id(3), KEPT));
	reserve_set_retain(d->reserve, r);
	return r;
}

START_TEST(what_is_kept_for_watchers_goes_before_a_write_is_refused)
{
	struct retain *r;
	struct disk d;

	begin(&d, BACK + BALLAST + KEPT);
	r = keep(&d);
	d.kept_bytes = KEPT;
	ck_assert(!refuses_at(&d, MARK + BALLAST + KEPT));
	ck_assert_uint_eq(stats_sum(M_watch_retained), KEPT);
	ck_assert(!refuses_at(&d, MARK + BALLAST + KEPT - 1));
	ck_assert_uint_eq(stats_sum(M_watch_retained), 0);
	ck_assert(refuses_at(&d, MARK + BALLAST - 1));
	retain_free(&r);
	end(&d);
}
END_TEST

START_TEST(who_meets_a_full_disk_gets_the_room_of_what_is_kept_for_watchers)
{
	struct retain *r;
	struct disk d;

	begin(&d, BACK + BALLAST);
	reserve_free(&d.reserve);
	d.reserve = reserve_new(&d.head, d.dir, 0, SEGMENT);
	r = keep(&d);
	ck_assert(reserve_spend(d.reserve));
	ck_assert_uint_eq(stats_sum(M_watch_retained), 0);
	ck_assert(!reserve_spend(d.reserve));
	retain_free(&r);
	end(&d);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, what_is_kept_for_watchers_goes_before_a_write_is_refused);
	tcase_add_test(tc, who_meets_a_full_disk_gets_the_room_of_what_is_kept_for_watchers);
	tcase_add_test(tc, a_roomy_disk_gets_its_ballast_and_takes_writes);
	tcase_add_test(tc, a_disk_without_room_for_the_ballast_takes_no_writes_until_there_is);
	tcase_add_test(tc, below_the_mark_writes_are_refused_and_the_ballast_stays);
	tcase_add_test(tc, a_quarter_of_the_mark_or_a_full_disk_costs_the_ballast_and_it_comes_back);
	tcase_add_test(tc, what_is_done_by_ourselves_never_moves_the_answer_to_and_fro);
	tcase_add_test(tc, a_ballast_of_an_earlier_life_is_taken_over_in_the_size_that_is_wanted_now);
	tcase_add_test(tc, compaction_may_fill_all_but_an_eighth_of_the_mark);
	tcase_add_test(tc, without_a_mark_or_a_reserve_nothing_is_ever_refused);
}

CHECK_MAIN("engine/reserve", suite)
