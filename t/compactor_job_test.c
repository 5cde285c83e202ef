/* SPDX-License-Identifier: Apache-2.0 */
/* compactor/job.c and outputs.c on random inputs, held against an oracle (compactor_help.h). */
#include "t/compactor_help.h"

#define ROUNDS 25

START_TEST(outputs_hold_the_newest_version_of_each_key_and_what_must_hide_something)
{
	struct rnd rnd = { 1 };

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct compact_report r;
		struct help_job h;
		struct job *j;

		help_begin();
		help_job_begin(&h, vfs_posix(), help_dir, &rnd, 1 + rnd_below(&rnd, 1500));
		h.order.table_size_target = 4096u << rnd_below(&rnd, 5);
		j = job_new(h.vfs, h.dir, &h.order, HELP_NOW_MS);
		job_run(j, &r);
		ck_assert_int_eq(r.status, ST_OK);
		ck_assert(r.done && r.incarnation == 5 && r.job == 9 && r.bytes_read == r.bytes_total);
		help_check_outputs(&h, &r);
		ck_assert_uint_eq(help_files_in_tmp(&h), r.output_count);
		job_free(&j);
		help_job_end(&h);
		help_end();
	}
}
END_TEST

START_TEST(report_accounts_for_every_entry)
{
	struct rnd rnd = { 2 };
	struct compact_report r;
	struct help_job h;
	struct job *j;
	uint64_t kept = 0;

	help_begin();
	help_job_begin(&h, vfs_posix(), help_dir, &rnd, 3000);
	j = job_new(h.vfs, h.dir, &h.order, HELP_NOW_MS);
	job_run(j, &r);
	for (size_t t = 0; t < r.output_count; t++)
		kept += r.outputs[t].entry_count;
	ck_assert_uint_eq(r.entries_in, 3000);
	ck_assert_uint_eq(kept + r.dropped_overwritten + r.dropped_tombstones + r.dropped_expired, 3000);
	ck_assert(r.dropped_overwritten > 0 && r.dropped_tombstones > 0 && r.dropped_expired > 0 && kept > 0);
	job_free(&j);
	help_job_end(&h);
	help_end();
}
END_TEST

START_TEST(outputs_reach_the_target_size_and_only_the_last_may_be_small)
{
	struct rnd rnd = { 3 };
	struct compact_report r;
	struct help_job h;
	struct job *j;

	help_begin();
	help_job_begin(&h, vfs_posix(), help_dir, &rnd, 3000);
	h.order.table_size_target = 16384;
	j = job_new(h.vfs, h.dir, &h.order, HELP_NOW_MS);
	job_run(j, &r);
	ck_assert(r.output_count > 2);
	for (size_t t = 0; t + 1 < r.output_count; t++)
		ck_assert(r.outputs[t].size_bytes > 8192 && r.outputs[t].size_bytes < 2 * 16384);
	job_free(&j);
	help_job_end(&h);
	help_end();
}
END_TEST

START_TEST(last_reserved_id_takes_all_the_rest)
{
	struct rnd rnd = { 4 };
	struct compact_report r;
	struct help_job h;
	struct job *j;

	help_begin();
	help_job_begin(&h, vfs_posix(), help_dir, &rnd, 2000);
	h.order.table_size_target = 4096;
	h.order.output_id_count = 2;
	j = job_new(h.vfs, h.dir, &h.order, HELP_NOW_MS);
	job_run(j, &r);
	ck_assert_uint_eq(r.output_count, 2);
	ck_assert(r.outputs[1].size_bytes > 4 * 4096);
	help_check_outputs(&h, &r);
	job_free(&j);
	help_job_end(&h);
	help_end();
}
END_TEST

START_TEST(job_that_drops_everything_succeeds_without_a_table)
{
	struct rnd rnd = { 5 };
	struct compact_report r;
	struct help_job h;
	struct job *j;

	help_begin();
	h = (struct help_job){ .vfs = vfs_posix(), .dir = help_dir };
	help_folders(h.vfs, h.dir);
	for (uint64_t i = 1; i <= 100; i++)
		help_add(&h.all, slice_of(&i, 1), slice_of(NULL, 0), i, true, 0, 0);
	help_sort(&h.all);
	h.order = (struct compact_order){ .job = 1, .database = DATABASE, .table_size_target = 4096 };
	h.order.first_output_id = file_id(HELP_FIRST_OUTPUT);
	h.order.output_id_count = 1;
	help_write_inputs(&h, &rnd, 3, BLOCK_COMPRESSION_NONE);
	j = job_new(h.vfs, h.dir, &h.order, HELP_NOW_MS);
	job_run(j, &r);
	ck_assert_int_eq(r.status, ST_OK);
	ck_assert_uint_eq(r.output_count, 0);
	ck_assert_uint_eq(r.dropped_tombstones, 100);
	ck_assert_uint_eq(help_files_in_tmp(&h), 0);
	job_free(&j);
	help_job_end(&h);
	help_end();
}
END_TEST

START_TEST(cancelled_job_says_so_and_leaves_no_file)
{
	struct rnd rnd = { 6 };
	struct compact_report r;
	struct help_job h;
	struct job *j;

	help_begin();
	help_job_begin(&h, vfs_posix(), help_dir, &rnd, 1000);
	j = job_new(h.vfs, h.dir, &h.order, HELP_NOW_MS);
	job_cancel(j);
	job_run(j, &r);
	ck_assert_int_eq(r.status, ST_CANCELLED);
	ck_assert(r.done && r.output_count == 0);
	ck_assert_uint_eq(help_files_in_tmp(&h), 0);
	job_free(&j);
	help_job_end(&h);
	help_end();
}
END_TEST

START_TEST(discarded_outputs_are_gone)
{
	struct rnd rnd = { 7 };
	struct compact_report r;
	struct help_job h;
	struct job *j;

	help_begin();
	help_job_begin(&h, vfs_posix(), help_dir, &rnd, 1000);
	j = job_new(h.vfs, h.dir, &h.order, HELP_NOW_MS);
	job_run(j, &r);
	ck_assert(r.status == ST_OK && help_files_in_tmp(&h) > 1);
	job_discard(j);
	ck_assert_uint_eq(help_files_in_tmp(&h), 0);
	job_free(&j);
	help_job_end(&h);
	help_end();
}
END_TEST

/* Changes one byte in the middle of a file. */
static void flip(const char *path)
{
	FILE *f = fopen(path, "r+b");
	long size;
	int c;

	ck_assert_ptr_nonnull(f);
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	fseek(f, size / 2, SEEK_SET);
	c = fgetc(f);
	fseek(f, size / 2, SEEK_SET);
	fputc(c ^ 0x20, f);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(damaged_input_is_named_and_nothing_is_left)
{
	struct rnd rnd = { 8 };

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct compact_report r;
		struct help_job h;
		struct job *j;
		size_t victim;

		help_begin();
		help_job_begin(&h, vfs_posix(), help_dir, &rnd, 800);
		victim = rnd_below(&rnd, h.order.input_count);
		flip(path_sst(h.dir, h.inputs[victim].id).s);
		j = job_new(h.vfs, h.dir, &h.order, HELP_NOW_MS);
		job_run(j, &r);
		ck_assert_int_eq(r.status, ST_CORRUPT);
		ck_assert_uint_eq(r.damaged_input.v, h.inputs[victim].id.v);
		ck_assert(r.detail.n > 0 && r.output_count == 0);
		ck_assert_uint_eq(help_files_in_tmp(&h), 0);
		job_free(&j);
		help_job_end(&h);
		help_end();
	}
}
END_TEST

START_TEST(missing_input_is_named)
{
	struct rnd rnd = { 9 };
	struct compact_report r;
	struct help_job h;
	struct job *j;

	help_begin();
	help_job_begin(&h, vfs_posix(), help_dir, &rnd, 200);
	h.inputs[0].id = file_id(77);
	j = job_new(h.vfs, h.dir, &h.order, HELP_NOW_MS);
	job_run(j, &r);
	ck_assert_int_eq(r.status, ST_NOT_FOUND);
	ck_assert_uint_eq(r.damaged_input.v, 77);
	job_free(&j);
	help_job_end(&h);
	help_end();
}
END_TEST

START_TEST(input_of_another_database_is_refused)
{
	struct rnd rnd = { 10 };
	struct compact_report r;
	struct help_job h;
	struct job *j;

	help_begin();
	help_job_begin(&h, vfs_posix(), help_dir, &rnd, 200);
	h.order.database = DATABASE + 1;
	j = job_new(h.vfs, h.dir, &h.order, HELP_NOW_MS);
	job_run(j, &r);
	ck_assert_int_eq(r.status, ST_CORRUPT);
	ck_assert_uint_eq(r.damaged_input.v, h.inputs[0].id.v);
	job_free(&j);
	help_job_end(&h);
	help_end();
}
END_TEST

START_TEST(file_of_a_reserved_id_is_never_overwritten)
{
	struct rnd rnd = { 11 };
	struct compact_report r;
	struct help_job h;
	struct job *j;
	FILE *f;

	help_begin();
	help_job_begin(&h, vfs_posix(), help_dir, &rnd, 2000);
	f = fopen(path_tmp_sst(h.dir, file_id(HELP_FIRST_OUTPUT + 1)).s, "w");
	ck_assert(f && fclose(f) == 0);
	j = job_new(h.vfs, h.dir, &h.order, HELP_NOW_MS);
	job_run(j, &r);
	ck_assert_int_eq(r.status, ST_IO);
	ck_assert_uint_eq(help_files_in_tmp(&h), 1);
	job_free(&j);
	help_job_end(&h);
	help_end();
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, outputs_hold_the_newest_version_of_each_key_and_what_must_hide_something);
	tcase_add_test(tc, report_accounts_for_every_entry);
	tcase_add_test(tc, outputs_reach_the_target_size_and_only_the_last_may_be_small);
	tcase_add_test(tc, last_reserved_id_takes_all_the_rest);
	tcase_add_test(tc, job_that_drops_everything_succeeds_without_a_table);
	tcase_add_test(tc, cancelled_job_says_so_and_leaves_no_file);
	tcase_add_test(tc, discarded_outputs_are_gone);
	tcase_add_test(tc, damaged_input_is_named_and_nothing_is_left);
	tcase_add_test(tc, missing_input_is_named);
	tcase_add_test(tc, input_of_another_database_is_refused);
	tcase_add_test(tc, file_of_a_reserved_id_is_never_overwritten);
}

CHECK_MAIN("compactor/job", suite)
