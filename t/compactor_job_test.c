/* SPDX-License-Identifier: Apache-2.0 */
/* compactor/job.c and outputs.c on random inputs, held against an oracle (compactor_help.h). */
#include "t/compactor_help.h"

#include <pthread.h>

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
	ck_assert_uint_eq(r.damaged_input.v, 0);         /* no input is to blame for it */
	ck_assert_uint_eq(help_files_in_tmp(&h), 1);
	job_free(&j);
	help_job_end(&h);
	help_end();
}
END_TEST

/* Runs the part of the order that lies in [begin, end), with ids of its own; what it made follows entry i of the oracle. */
static size_t run_part(struct help_job *h, struct slice begin, struct slice end, unsigned part, size_t i, uint64_t *inp)
{
	struct compact_report r;
	struct job *j;

	h->order.begin = begin;
	h->order.end = end;
	h->order.range_bytes = 1000;
	h->order.first_output_id = file_id(HELP_FIRST_OUTPUT + 100 * part);
	j = job_new(h->vfs, h->dir, &h->order, HELP_NOW_MS);
	job_run(j, &r);
	ck_assert_int_eq(r.status, ST_OK);
	*inp += r.entries_in;
	for (size_t t = 0; t < r.output_count; t++) {
		ck_assert(begin.n == 0 || slice_cmp(begin, r.outputs[t].min_key) <= 0);
		ck_assert(end.n == 0 || slice_cmp(r.outputs[t].max_key, end) < 0);
		i = help_check_output(h, path_tmp_sst(h->dir, r.outputs[t].id).s, &r.outputs[t], i);
	}
	job_free(&j);
	return i;
}

START_TEST(ranges_together_make_what_the_whole_order_makes)
{
	struct rnd rnd = { 77 };

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct help_job h;
		uint64_t in = 0;
		size_t i, a, b;

		help_begin();
		help_job_begin(&h, vfs_posix(), help_dir, &rnd, 10 + rnd_below(&rnd, 1500));
		a = (size_t)rnd_below(&rnd, h.all.n);
		b = a + (size_t)rnd_below(&rnd, h.all.n - a);
		while (b < h.all.n && slice_eq(h.all.e[a].key, h.all.e[b].key))
			b++;
		i = run_part(&h, slice_str(""), h.all.e[a].key, 0, 0, &in);
		i = run_part(&h, h.all.e[a].key, b < h.all.n ? h.all.e[b].key : slice_str(""), 1, i, &in);
		if (b < h.all.n)
			i = run_part(&h, h.all.e[b].key, slice_str(""), 2, i, &in);
		for (; i < h.all.n; i++)
			ck_assert(!help_stays(&h, i));
		ck_assert_uint_eq(in, h.all.n);
		help_job_end(&h);
		help_end();
	}
}
END_TEST

/* The last input is to be rewritten alone, the others are covers. False: there are none. */
static bool make_covers(struct help_job *h)
{
	struct compact_order *o = &h->order;

	o->cover_count = o->input_count - 1;
	o->inputs[o->cover_count].level = o->output_level = 6;
	for (size_t i = 0; i < h->all.n && o->begin.n == 0; i++)
		if (help_is_own(h, i))
			o->begin = h->all.e[i].key;
	return o->cover_count > 0;
}

START_TEST(with_covers_the_last_input_loses_what_they_hide_and_nothing_of_them_is_written)
{
	struct rnd rnd = { 5 };
	unsigned rounds = 0;

	while (rounds < ROUNDS) {
		uint64_t own = 0, kept = 0;
		struct compact_report r;
		struct help_job h;
		struct job *j;

		help_begin();
		help_job_begin(&h, vfs_posix(), help_dir, &rnd, 1 + rnd_below(&rnd, 1500));
		rounds += make_covers(&h);
		j = job_new(h.vfs, h.dir, &h.order, HELP_NOW_MS);
		job_run(j, &r);
		ck_assert_int_eq(r.status, ST_OK);
		help_check_outputs(&h, &r);
		for (size_t t = 0; t < r.output_count; t++)
			kept += r.outputs[t].entry_count;
		for (size_t i = 0; i < h.all.n; i++)
			own += help_is_own(&h, i);
		ck_assert_uint_eq(r.entries_in, own);
		ck_assert_uint_eq(kept + r.dropped_overwritten + r.dropped_tombstones + r.dropped_expired, own);
		ck_assert_uint_eq(r.bytes_total, h.inputs[h.order.cover_count].size_bytes);
		job_free(&j);
		help_job_end(&h);
		help_end();
	}
}
END_TEST

/* Below, tables of 100 bytes end at every twentieth entry. */
static void set_below(struct help_job *h, struct compact_below *below, size_t room)
{
	h->order.below = below;
	h->order.below_limit = 350;
	for (size_t i = 19; i < h->all.n && h->order.below_count < room; i += 20) {
		struct slice max = h->all.e[i].key;

		if (h->order.below_count == 0 || slice_cmp(below[h->order.below_count - 1].max, max) < 0)
			below[h->order.below_count++] = (struct compact_below){ max, 100 };
	}
}

START_TEST(an_output_ends_before_it_meets_too_much_below)
{
	static struct compact_below below[200];
	struct rnd rnd = { 78 };
	struct compact_report r;
	struct help_job h;
	struct job *j;

	help_begin();
	help_job_begin(&h, vfs_posix(), help_dir, &rnd, 2000);
	h.order.table_size_target = 1 << 30;
	set_below(&h, below, 200);
	j = job_new(h.vfs, h.dir, &h.order, HELP_NOW_MS);
	job_run(j, &r);
	ck_assert_int_eq(r.status, ST_OK);
	ck_assert_uint_gt(r.output_count, h.order.below_count / 6);
	ck_assert_uint_lt(r.output_count, h.order.below_count / 2);
	for (size_t t = 0; t < r.output_count; t++) {
		unsigned meets = 0;

		for (size_t i = 0; i < h.order.below_count; i++)
			meets += slice_cmp(below[i].max, r.outputs[t].min_key) >= 0 &&
				 (i == 0 || slice_cmp(below[i - 1].max, r.outputs[t].max_key) < 0);
		ck_assert_uint_le(meets, 5);             /* three and a half, and those it begins and ends in */
	}
	help_check_outputs(&h, &r);
	job_free(&j);
	help_job_end(&h);
	help_end();
}
END_TEST

struct slow { struct job *job; struct compact_report report; };

static void *run_slowly(void *arg)
{
	struct slow *s = arg;

	job_run(s->job, &s->report);
	return NULL;
}

/* At a byte per second it would take for ever. */
static void run_limited(bool cancel, struct slow *s)
{
	struct rnd rnd = { 79 };
	struct compact_report r;
	struct help_job h;
	pthread_t thread;

	help_begin();
	help_job_begin(&h, vfs_posix(), help_dir, &rnd, 5000);
	h.order.rate_limit = 1;
	s->job = job_new(h.vfs, h.dir, &h.order, HELP_NOW_MS);
	ck_assert_int_eq(pthread_create(&thread, NULL, run_slowly, s), 0);
	do
		job_progress(s->job, &r);
	while (r.throttled_us == 0);
	if (cancel)
		job_cancel(s->job);
	else
		job_set_rate(s->job, 0);
	pthread_join(thread, NULL);
	if (!cancel)
		help_check_outputs(&h, &s->report);
	job_free(&s->job);
	help_job_end(&h);
	help_end();
}

START_TEST(a_rate_limit_holds_a_job_up_until_it_is_changed)
{
	struct slow s;

	run_limited(false, &s);
	ck_assert_int_eq(s.report.status, ST_OK);
	ck_assert_uint_gt(s.report.throttled_us, 0);
	ck_assert_uint_le(s.report.throttled_us, s.report.duration_us + 1000);
}
END_TEST

START_TEST(a_job_that_waits_for_its_rate_can_be_cancelled)
{
	struct slow s;

	run_limited(true, &s);
	ck_assert_int_eq(s.report.status, ST_CANCELLED);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, with_covers_the_last_input_loses_what_they_hide_and_nothing_of_them_is_written);
	tcase_add_test(tc, ranges_together_make_what_the_whole_order_makes);
	tcase_add_test(tc, an_output_ends_before_it_meets_too_much_below);
	tcase_add_test(tc, a_rate_limit_holds_a_job_up_until_it_is_changed);
	tcase_add_test(tc, a_job_that_waits_for_its_rate_can_be_cancelled);
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
