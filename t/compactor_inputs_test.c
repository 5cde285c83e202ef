/* SPDX-License-Identifier: Apache-2.0 */
/* compactor/inputs.c: what a job has open at a time, what it leaves in the page cache, and which table it blames. */
#include "t/compactor_watch.h"

#include <unistd.h>

#define ENTRIES 6000
#define TABLES_A_LEVEL 30
#define LEVEL0 3
#define DEEP 2

/* Random entries dealt out to tables of level 0 and of deeper levels, these cut into many that are disjoint. */
struct deep {
	struct help_job h;
	struct compact_input inputs[LEVEL0 + DEEP * (TABLES_A_LEVEL + 1)];
};

static void write_table(struct deep *d, const struct help_set *s, unsigned level)
{
	size_t i = d->h.order.input_count++;
	struct file_id id = file_id(100 + i);
	struct table_summary sum = help_write_to(vfs_posix(), path_sst(help_dir, id).s, s,
						 (struct table_options){ .codec = BLOCK_COMPRESSION_FAST }, id.v);

	d->inputs[i] = (struct compact_input){ id, level, sum.size_bytes };
}

/* Pieces of about the same size that have no key in common. */
static void write_level(struct deep *d, const struct help_set *s, unsigned level)
{
	size_t from = 0;

	for (size_t to = 1; to <= s->n; to++)
		if (to == s->n || (to - from >= s->n / TABLES_A_LEVEL && !slice_eq(s->e[to - 1].key, s->e[to].key))) {
			write_table(d, &(struct help_set){ s->e + from, to - from, 0 }, level);
			from = to;
		}
}

static void deep_begin(struct deep *d, uint64_t seed)
{
	struct help_set parts[LEVEL0 + DEEP] = { { NULL, 0, 0 } };
	struct rnd rnd = { seed };

	help_begin();
	*d = (struct deep){ .h = { .vfs = vfs_posix(), .dir = help_dir, .now_ms = HELP_NOW_MS } };
	help_folders(vfs_posix(), help_dir);
	help_random(&d->h.all, &rnd, ENTRIES, 300);
	d->h.order = (struct compact_order){
		.incarnation = 5, .job = 9, .database = DATABASE, .output_level = 2, .inputs = d->inputs,
		.first_output_id = file_id(HELP_FIRST_OUTPUT), .output_id_count = 50,
		.table_size_target = 65536, .codec = BLOCK_COMPRESSION_FAST,
	};
	for (size_t p = 0; p < LEVEL0 + DEEP; p++)
		parts[p].e = mem_alloc(ENTRIES * sizeof(*parts[p].e));
	for (size_t i = 0; i < d->h.all.n; i++) {
		struct help_set *p = &parts[rnd_below(&rnd, LEVEL0 + DEEP)];

		p->e[p->n++] = d->h.all.e[i];
	}
	for (size_t p = 0; p < LEVEL0 + DEEP; p++) {
		if (p < LEVEL0)
			write_table(d, &parts[p], 0);
		else
			write_level(d, &parts[p], (unsigned)(p - LEVEL0 + 1));
		mem_free(parts[p].e);
	}
}

static void deep_end(struct deep *d)
{
	help_free(&d->h.all);
	help_end();
}

/* Runs the order under watch. */
static struct job *run(struct deep *d, struct compact_report *rp)
{
	struct job *j = job_new(&watch.vfs, help_dir, &d->h.order, HELP_NOW_MS);

	job_run(j, rp);
	ck_assert_uint_eq(watch.open, 0);
	return j;
}

START_TEST(however_many_tables_a_job_reads_one_of_each_deeper_level_is_open)
{
	struct compact_report r;
	struct deep d;
	struct job *j;

	deep_begin(&d, 1);
	ck_assert_uint_gt(d.h.order.input_count, DEEP * (TABLES_A_LEVEL - 3));
	watch_begin();
	j = run(&d, &r);
	ck_assert_int_eq(r.status, ST_OK);
	ck_assert_uint_eq(r.entries_in, ENTRIES);
	help_check_outputs(&d.h, &r);
	ck_assert_uint_eq(watch.most_open, LEVEL0 + DEEP);
	ck_assert_uint_eq(watch.opened, 2 * d.h.order.input_count);      /* a look, and the merge */
	job_free(&j);
	deep_end(&d);
}
END_TEST

START_TEST(a_range_begins_and_ends_in_the_midst_of_a_level)
{
	struct compact_report r;
	uint64_t in_range = 0;
	struct deep d;
	struct job *j;

	deep_begin(&d, 2);
	d.h.order.begin = d.h.all.e[ENTRIES / 3].key;
	d.h.order.end = d.h.all.e[ENTRIES / 2].key;
	d.h.order.range_bytes = 1000;
	for (size_t i = 0; i < d.h.all.n; i++)
		in_range += slice_cmp(d.h.order.begin, d.h.all.e[i].key) <= 0 &&
			    slice_cmp(d.h.all.e[i].key, d.h.order.end) < 0;
	watch_begin();
	j = run(&d, &r);
	ck_assert_int_eq(r.status, ST_OK);
	ck_assert_uint_eq(r.entries_in, in_range);
	ck_assert_uint_eq(watch.most_open, LEVEL0 + DEEP);
	job_free(&j);
	deep_end(&d);
}
END_TEST

START_TEST(tables_that_an_order_has_in_another_order_are_merged_all_the_same)
{
	struct compact_report r;
	struct compact_input first;
	struct deep d;
	struct job *j;

	deep_begin(&d, 3);
	first = d.inputs[LEVEL0];
	d.inputs[LEVEL0] = d.inputs[LEVEL0 + 5];
	d.inputs[LEVEL0 + 5] = first;
	watch_begin();
	j = run(&d, &r);
	ck_assert_int_eq(r.status, ST_OK);
	help_check_outputs(&d.h, &r);
	ck_assert_uint_eq(watch.most_open, LEVEL0 + DEEP + 2);
	job_free(&j);
	deep_end(&d);
}
END_TEST

/* Nothing is left of the job, and it blames the i-th input. */
static void check_blames(struct deep *d, size_t i, enum st st)
{
	struct compact_report r;
	struct job *j = run(d, &r);

	ck_assert_int_eq(r.status, st);
	ck_assert_uint_eq(r.damaged_input.v, d->inputs[i].id.v);
	ck_assert_uint_eq(r.output_count, 0);
	ck_assert_uint_eq(help_files_in_tmp(&d->h), 0);
	job_free(&j);
}

static void flip(const char *path)
{
	FILE *f = fopen(path, "r+b");
	int c;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fseek(f, 200, SEEK_SET), 0);
	c = fgetc(f);
	ck_assert_int_eq(fseek(f, 200, SEEK_SET), 0);
	fputc(c ^ 0x20, f);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(a_damaged_table_in_the_midst_of_a_level_is_named)
{
	static const size_t victims[] = { LEVEL0 + 1, LEVEL0 + 17, LEVEL0 + TABLES_A_LEVEL + 5 };

	for (size_t i = 0; i < sizeof(victims) / sizeof(victims[0]); i++) {
		struct deep d;

		deep_begin(&d, 4 + i);
		flip(path_sst(help_dir, d.inputs[victims[i]].id).s);
		watch_begin();
		check_blames(&d, victims[i], ST_CORRUPT);
		deep_end(&d);
	}
}
END_TEST

START_TEST(a_missing_table_in_the_midst_of_a_level_is_named_before_any_other_is_read)
{
	struct deep d;

	deep_begin(&d, 8);
	ck_assert_int_eq(unlink(path_sst(help_dir, d.inputs[LEVEL0 + 1].id).s), 0);
	watch_begin();
	check_blames(&d, LEVEL0 + 1, ST_NOT_FOUND);
	ck_assert_uint_eq(watch.opened, LEVEL0 + 1);
	deep_end(&d);
}
END_TEST

START_TEST(a_table_that_is_gone_when_the_merge_comes_to_it_is_named)
{
	struct deep d;

	deep_begin(&d, 9);
	watch_begin();
	watch.vanishes = d.inputs[LEVEL0 + 7].id.v;
	check_blames(&d, LEVEL0 + 7, ST_NOT_FOUND);
	ck_assert_uint_eq(watch.vanishes_opened, 2);
	deep_end(&d);
}
END_TEST

/* With inputs [from, to) in memory; each is one piece. */
static void check_page_cache(size_t from, size_t to, bool outputs_stay)
{
	struct compact_report r;
	struct deep d;
	struct job *j;

	deep_begin(&d, 10);
	to = to < d.h.order.input_count ? to : d.h.order.input_count;
	watch_begin();
	watch.hot_from = d.inputs[0].id.v + from;
	watch.hot_to = d.inputs[0].id.v + to;
	j = run(&d, &r);
	ck_assert_int_eq(r.status, ST_OK);
	ck_assert_uint_gt(r.output_count, 1);
	ck_assert_uint_eq(watch.inputs_forgotten, d.h.order.input_count - (to - from));
	ck_assert_uint_eq(watch.outputs_forgotten, outputs_stay ? 0 : r.output_count);
	help_check_outputs(&d.h, &r);
	job_free(&j);
	deep_end(&d);
}

START_TEST(a_job_on_a_cold_database_leaves_nothing_in_the_page_cache)
{
	check_page_cache(0, 0, false);
}
END_TEST

START_TEST(inputs_that_were_in_memory_stay_and_outputs_take_their_place)
{
	check_page_cache(0, SIZE_MAX, true);
}
END_TEST

START_TEST(outputs_stay_when_most_of_the_bytes_of_inputs_did_and_only_then)
{
	check_page_cache(0, LEVEL0, true);       /* three fifths */
	check_page_cache(LEVEL0, SIZE_MAX, false);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, however_many_tables_a_job_reads_one_of_each_deeper_level_is_open);
	tcase_add_test(tc, a_job_on_a_cold_database_leaves_nothing_in_the_page_cache);
	tcase_add_test(tc, inputs_that_were_in_memory_stay_and_outputs_take_their_place);
	tcase_add_test(tc, outputs_stay_when_most_of_the_bytes_of_inputs_did_and_only_then);
	tcase_add_test(tc, a_range_begins_and_ends_in_the_midst_of_a_level);
	tcase_add_test(tc, tables_that_an_order_has_in_another_order_are_merged_all_the_same);
	tcase_add_test(tc, a_damaged_table_in_the_midst_of_a_level_is_named);
	tcase_add_test(tc, a_missing_table_in_the_midst_of_a_level_is_named_before_any_other_is_read);
	tcase_add_test(tc, a_table_that_is_gone_when_the_merge_comes_to_it_is_named);
}

CHECK_MAIN("compactor/inputs", suite)
