/* SPDX-License-Identifier: Apache-2.0 */
/* Tables on a disk that fails: every failure is told, nothing half-done stays, no answer is wrong. */
#include "common/table/table_cache.h"
#include "common/vfs/fault.h"
#include "common/vfs/sim.h"
#include "t/check_main.h"
#include "t/table_help.h"

#define DIR "/d"
#define FILE_NAME "/d/sst/sstable_7.sst"

/* Each test runs with an index in one piece and with one in partitions. */
static struct table_options options = { .codec = BLOCK_COMPRESSION_FAST, .database = DATABASE, .index_partition_bytes = 200 };

static void set_partitioned(bool yes) { options.index_flat_bytes = yes; }

static struct vfs *new_disk(void)
{
	struct vfs *v = sim_new();

	ck_assert_int_eq(vfs_mkdir(v, DIR), ST_OK);
	ck_assert_int_eq(vfs_mkdir(v, DIR "/sst"), ST_OK);
	ck_assert_int_eq(vfs_sync_dir(v, "/"), ST_OK);
	ck_assert_int_eq(vfs_sync_dir(v, DIR), ST_OK);
	return v;
}

static bool is_there(struct vfs *v)
{
	bool yes;

	ck_assert_int_eq(vfs_exists(v, FILE_NAME, &yes), ST_OK);
	return yes;
}

static enum st write_table(struct vfs *v, const struct help_set *s)
{
	struct table_writer *w;
	struct table_summary sum;
	enum st st = table_writer_begin(v, FILE_NAME, file_id(7), &options, &w);

	if (st)
		return st;
	for (size_t i = 0; i < s->n; i++)
		table_writer_add(w, &s->e[i]);
	st = table_writer_finish(w, &sum);
	table_writer_free(&w);
	return st;
}

static void expect_whole(struct vfs *v, const struct help_set *s)
{
	struct table_reader *r;
	struct iter *it;
	size_t i = 0;

	ck_assert_int_eq(table_open(v, FILE_NAME, file_id(7), DATABASE, NULL, &r), ST_OK);
	it = table_iter_new(r, true);
	for (iter_first(it); it->valid; iter_next(it), i++)
		ck_quick(help_same(&it->entry, &s->e[i]));
	ck_assert_int_eq(it->status, ST_OK);
	ck_assert_uint_eq(i, s->n);
	iter_free(&it);
	table_close(&r);
}

/* Writes and syncs only: for good, the disk can still remove a name. Everything: once. */
START_TEST(a_table_whose_nth_operation_fails_is_refused_and_removed)
{
	static const struct { unsigned kinds; bool for_good; enum st st;
	} sweeps[] = {
		{ FAULT_ALL, false, ST_IO },
		{ FAULT_WRITE, false, ST_FULL },
		{ FAULT_WRITE | FAULT_SYNC, true, ST_IO },
	};
	struct vfs *disk = new_disk(), *v = fault_new(disk);
	struct help_set s = { NULL, 0, 0 };
	struct rnd rnd = { 1 };
	uint64_t n = 0;

	set_partitioned(_i == 1);
	help_random(&s, &rnd, 8000, 400);
	do {
		enum st st;

		fault_arm(v, sweeps[_i].kinds, ++n, sweeps[_i].for_good, sweeps[_i].st);
		st = write_table(v, &s);
		ck_assert_int_eq(st, fault_fired(v) ? sweeps[_i].st : ST_OK);
		ck_assert_int_eq(is_there(disk), st == ST_OK);
	} while (fault_fired(v));
	ck_assert_uint_gt(n, 3);
	fault_arm(v, FAULT_ALL, 0, false, ST_IO);
	expect_whole(v, &s);
	fault_free(&v);
	sim_free(&disk);
	help_free(&s);
}
END_TEST

START_TEST(a_finished_table_survives_a_power_cut_once_its_name_is_synced)
{
	static const enum sim_cut cuts[] = { SIM_CUT_SYNCED_ONLY, SIM_CUT_ALL, SIM_CUT_RANDOM,
					     SIM_CUT_PREFIX };
	struct help_set s = { NULL, 0, 0 };
	struct vfs *disk = new_disk();
	struct rnd rnd = { 2 };

	set_partitioned(_i);
	help_random(&s, &rnd, 3000, 200);
	ck_assert_int_eq(write_table(disk, &s), ST_OK);
	for (int named = 0; named < 2; named++) {
		for (int i = 0; i < 40; i++) {
			struct vfs *after = sim_after_power_cut(disk, cuts[i % 4], &rnd);

			ck_assert(!named || is_there(after));
			if (is_there(after))
				expect_whole(after, &s);
			sim_free(&after);
		}
		ck_assert_int_eq(vfs_sync_dir(disk, DIR "/sst"), ST_OK);
	}
	sim_free(&disk);
	help_free(&s);
}
END_TEST

/* Whatever of an unfinished table survives is refused or, when all of it does, right. */
START_TEST(a_table_cut_off_by_a_power_cut_is_refused_or_whole)
{
	struct help_set s = { NULL, 0, 0 };
	struct rnd rnd = { 3 };
	uint64_t events, refused = 0;
	struct vfs *disk = new_disk();

	set_partitioned(_i);
	help_random(&s, &rnd, 5000, 400);
	events = sim_events(disk);
	ck_assert_int_eq(write_table(disk, &s), ST_OK);
	events = sim_events(disk) - events;
	sim_free(&disk);
	for (uint64_t n = 1; n <= events; n++) {
		disk = new_disk();
		sim_die_at(disk, n);
		ck_assert_int_ne(write_table(disk, &s), ST_OK);
		for (int i = 0; i < 12; i++) {
			struct vfs *after =
				sim_after_power_cut(disk, i % 2 ? SIM_CUT_RANDOM : SIM_CUT_PREFIX, &rnd);
			struct table_reader *r;
			enum st st = table_open(after, FILE_NAME, file_id(7), DATABASE, NULL, &r);

			ck_assert(st == ST_OK || st == ST_NOT_FOUND || st == ST_CORRUPT);
			refused += st == ST_CORRUPT;
			if (st == ST_OK) {
				struct iter *it = table_iter_new(r, true);
				size_t k = 0;

				for (iter_first(it); it->valid; iter_next(it), k++)
					ck_quick(help_same(&it->entry, &s.e[k]));
				ck_assert(it->status == ST_CORRUPT || (it->status == ST_OK && k == s.n));
				iter_free(&it);
			}
			table_close(&r);
			sim_free(&after);
		}
		sim_free(&disk);
	}
	ck_assert_uint_gt(refused, 0);
	help_free(&s);
}
END_TEST

START_TEST(a_read_that_fails_is_an_error_and_never_not_found)
{
	struct vfs *disk = new_disk(), *v = fault_new(disk);
	struct help_set s = { NULL, 0, 0 };
	struct rnd rnd = { 4 };
	struct table_reader *r;
	struct iter *it;

	set_partitioned(_i);
	help_random(&s, &rnd, 2000, 100);
	ck_assert_int_eq(write_table(disk, &s), ST_OK);
	for (uint64_t n = 1; n <= 4; n++) {
		fault_arm(v, FAULT_ALL, n, false, ST_IO);      /* open, size, two reads */
		ck_assert_int_eq(table_open(v, FILE_NAME, file_id(7), DATABASE, NULL, &r), ST_IO);
		ck_assert_ptr_null(r);
	}
	fault_arm(v, FAULT_ALL, 0, false, ST_IO);
	ck_assert_int_eq(table_open(v, FILE_NAME, file_id(7), DATABASE, NULL, &r), ST_OK);
	for (size_t i = 0; i < s.n; i++) {
		struct read_cost cost = { .tables = 0 };
		struct block_pin pin;
		struct entry e;

		for (uint64_t n = 1; n <= 1 + (uint64_t)_i; n++) {      /* the partition, the block */
			fault_arm(v, FAULT_READ, n, false, ST_IO);
			ck_quick(table_get(r, s.e[i].key, s.e[i].seq, false, &cost, &e, &pin) == ST_IO);
			ck_quick(cost.corrupt_blocks == 0 && !pin.block);
		}
		ck_quick(table_get(r, s.e[i].key, s.e[i].seq, false, &cost, &e, &pin) == ST_OK);
		ck_quick(help_same(&e, &s.e[i]));
		block_pin_release(&pin);
	}
	it = table_iter_new(r, false);
	fault_arm(v, FAULT_READ, 3, true, ST_IO);
	for (iter_first(it); it->valid; iter_next(it))
		;
	ck_assert_int_eq(it->status, ST_IO);
	ck_assert_int_eq(table_verify_file(r, 0), ST_IO);
	fault_arm(v, FAULT_ALL, 0, false, ST_IO);
	iter_first(it);
	ck_assert(it->valid);
	iter_free(&it);
	table_close(&r);
	fault_free(&v);
	sim_free(&disk);
	help_free(&s);
}
END_TEST

START_TEST(a_table_that_cannot_be_opened_now_can_be_opened_later)
{
	struct vfs *disk = new_disk(), *v = fault_new(disk);
	struct help_set s = { NULL, 0, 0 };
	struct table_cache *t = table_cache_new(v, DIR, DATABASE, NULL, 4);
	struct table_reader *r;

	help_add(&s, slice_str("k"), slice_str("v"), 1, false, 0, 0);
	ck_assert_int_eq(write_table(disk, &s), ST_OK);
	fault_arm(v, FAULT_READ, 2, false, ST_IO);
	ck_assert_int_eq(table_cache_get(t, file_id(7), &r), ST_IO);
	ck_assert_ptr_null(r);
	ck_assert_uint_eq(table_cache_use(t).open, 0);
	ck_assert_int_eq(table_cache_get(t, file_id(7), &r), ST_OK);
	table_cache_release(t, &r);
	table_cache_free(&t);
	fault_free(&v);
	sim_free(&disk);
	help_free(&s);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_loop_test(tc, a_table_whose_nth_operation_fails_is_refused_and_removed, 0, 3);
	tcase_add_loop_test(tc, a_finished_table_survives_a_power_cut_once_its_name_is_synced, 0, 2);
	tcase_add_loop_test(tc, a_table_cut_off_by_a_power_cut_is_refused_or_whole, 0, 2);
	tcase_add_loop_test(tc, a_read_that_fails_is_an_error_and_never_not_found, 0, 2);
	tcase_add_test(tc, a_table_that_cannot_be_opened_now_can_be_opened_later);
}

CHECK_MAIN("table/fault", suite)
