/* SPDX-License-Identifier: Apache-2.0 */
/* The writer: what it refuses, and that nothing is left behind when it does not finish. */
#include "t/check_main.h"
#include "t/table_help.h"

static bool is_there(void) { return access(help_path(), F_OK) == 0; }

static struct table_writer *begin(void)
{
	struct table_options o = { .codec = BLOCK_COMPRESSION_FAST };
	struct table_writer *w;

	help_begin();
	ck_assert_int_eq(table_writer_begin(vfs_posix(), help_path(), file_id(7), &o, &w), ST_OK);
	ck_assert(is_there());
	return w;
}

static void add(struct table_writer *w, const char *key, uint64_t number)
{
	table_writer_add(w, &(struct entry){ .key = slice_str(key), .seq = seq(number) });
}

START_TEST(an_abandoned_table_leaves_no_file)
{
	struct table_writer *w = begin();

	add(w, "a", 1);
	table_writer_free(&w);
	ck_assert_ptr_null(w);
	ck_assert(!is_there());
	table_writer_free(&w);
	help_end();
}
END_TEST

START_TEST(a_finished_table_stays)
{
	struct table_writer *w = begin();
	struct table_summary sum;

	add(w, "a", 1);
	ck_assert_int_eq(table_writer_finish(w, &sum), ST_OK);
	ck_assert_uint_eq(table_writer_size(w), sum.size_bytes);
	table_writer_free(&w);
	ck_assert(is_there());
	help_end();
}
END_TEST

START_TEST(an_existing_file_is_not_overwritten)
{
	struct table_options o = { .codec = 0 };
	struct table_writer *w = begin(), *other;
	struct table_summary sum;

	add(w, "a", 1);
	ck_assert_int_ne(table_writer_begin(vfs_posix(), help_path(), file_id(7), &o, &other), ST_OK);
	ck_assert_ptr_null(other);
	ck_assert_int_eq(table_writer_finish(w, &sum), ST_OK);
	table_writer_free(&w);
	ck_assert(is_there());
	help_end();
}
END_TEST

static const struct { const char *key; uint64_t number; } second[] = {
	{ "b", 5 }, { "b", 6 }, { "a", 1 }, { "", 1 }, { "c", 1ull << 56 },
};

START_TEST(what_does_not_belong_behind_the_last_entry_is_refused_for_good)
{
	struct table_writer *w = begin();
	struct table_summary sum;

	add(w, "b", 5);
	add(w, second[_i].key, second[_i].number);
	add(w, "z", 1);
	ck_assert_uint_eq(table_writer_entries(w), 1);
	ck_assert_int_ne(table_writer_finish(w, &sum), ST_OK);
	ck_assert_uint_eq(sum.size_bytes, 0);
	ck_assert(!is_there());
	table_writer_free(&w);
	help_end();
}
END_TEST

START_TEST(size_on_the_way_foretells_the_file)
{
	struct rnd rnd = { 1 };
	struct help_set s = { NULL, 0, 0 };
	struct table_writer *w = begin();
	struct table_summary sum;
	uint64_t before = 0;

	help_random(&s, &rnd, 20000, 100);
	for (size_t i = 0; i < s.n; i++)
		table_writer_add(w, &s.e[i]);
	before = table_writer_size(w);
	ck_assert_uint_eq(table_writer_entries(w), s.n);
	ck_assert_int_eq(table_writer_finish(w, &sum), ST_OK);
	ck_assert_uint_ge(before, sum.size_bytes - sum.size_bytes / 50);
	ck_assert_uint_le(before, sum.size_bytes + sum.size_bytes / 50);
	table_writer_free(&w);
	help_free(&s);
	help_end();
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, an_abandoned_table_leaves_no_file);
	tcase_add_test(tc, a_finished_table_stays);
	tcase_add_test(tc, an_existing_file_is_not_overwritten);
	tcase_add_loop_test(tc, what_does_not_belong_behind_the_last_entry_is_refused_for_good, 0,
			    (int)(sizeof(second) / sizeof(second[0])));
	tcase_add_test(tc, size_on_the_way_foretells_the_file);
}

CHECK_MAIN("table/writer", suite)
