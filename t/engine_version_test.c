/* SPDX-License-Identifier: Apache-2.0 */
/* Which edits are legal, and what a version shows after them. */
#include "engine/version.h"
#include "t/engine_testlib.h"

static void add(struct version *v, struct live_table t)
{
	struct version_edit e = { .added = &t, .added_count = 1 };

	ck_ok(version_check(v, &e));
	version_apply(v, &e);
}

static enum st check_add(const struct version *v, struct live_table t)
{
	struct version_edit e = { .added = &t, .added_count = 1 };

	return version_check(v, &e);
}

/* Level 1: c-f (id 10), m-p (id 11), x-x (id 12). */
static struct version *sample(void)
{
	struct version *v = version_new();

	add(v, testlib_table(11, 1, "m", "p", 1, 5));
	add(v, testlib_table(12, 1, "x", "x", 1, 5));
	add(v, testlib_table(10, 1, "c", "f", 1, 5));
	return v;
}

START_TEST(level_0_is_newest_first_and_deeper_levels_by_key)
{
	struct version *v = sample();
	struct level_list l;

	add(v, testlib_table(1, 0, "a", "z", 1, 10));
	add(v, testlib_table(3, 0, "b", "c", 21, 30));
	add(v, testlib_table(2, 0, "a", "z", 11, 20));
	l = version_level(v, 0);
	ck_assert_uint_eq(l.count, 3);
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(l.tables[i]->facts.id.v, 3 - i);
	l = version_level(v, 1);
	ck_assert_uint_eq(l.count, 3);
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(l.tables[i]->facts.id.v, 10 + i);
	ck_assert_uint_eq(l.bytes, 1010 + 1011 + 1012);
	version_free(&v);
	ck_assert_ptr_null(v);
}
END_TEST

START_TEST(an_overlap_on_a_deep_level_is_refused)
{
	static const struct { const char *first, *last; enum st want; } rows[] = {
		{ "a", "b", ST_OK }, { "g", "l", ST_OK }, { "fa", "lz", ST_OK }, { "q", "wz", ST_OK }, { "xa", "z", ST_OK },
		{ "a", "c", ST_CORRUPT }, { "f", "g", ST_CORRUPT }, { "d", "e", ST_CORRUPT }, { "a", "z", ST_CORRUPT },
		{ "x", "x", ST_CORRUPT }, { "p", "p", ST_CORRUPT },
	};
	struct version *v = sample();

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ck_assert_int_eq(check_add(v, testlib_table(50, 1, rows[i].first, rows[i].last, 1, 2)), rows[i].want);
		ck_ok(check_add(v, testlib_table(50, 0, rows[i].first, rows[i].last, 1, 2)));
		ck_ok(check_add(v, testlib_table(50, 2, rows[i].first, rows[i].last, 1, 2)));
	}
	version_free(&v);
}
END_TEST

START_TEST(added_tables_that_overlap_each_other_are_refused)
{
	struct live_table t[] = { testlib_table(50, 2, "a", "f", 1, 2), testlib_table(51, 2, "f", "k", 1, 2) };
	struct version_edit e = { .added = t, .added_count = 2 };
	struct version *v = sample();

	ck_assert_int_eq(version_check(v, &e), ST_CORRUPT);
	t[1].facts.min_key = slice_str("fa");
	ck_ok(version_check(v, &e));
	version_free(&v);
}
END_TEST

START_TEST(nonsense_is_refused)
{
	struct live_table same[] = { testlib_table(50, 0, "a", "b", 1, 2), testlib_table(50, 0, "c", "d", 1, 2) };
	struct file_id unknown = { 99 }, twice[] = { { 10 }, { 10 } };
	struct version_edit e = { .removed = &unknown, .removed_count = 1 };
	struct version *v = sample();

	ck_assert_int_eq(version_check(v, &e), ST_CORRUPT);
	e = (struct version_edit){ .removed = twice, .removed_count = 2 };
	ck_assert_int_eq(version_check(v, &e), ST_CORRUPT);
	e = (struct version_edit){ .added = same, .added_count = 2 };
	ck_assert_int_eq(version_check(v, &e), ST_CORRUPT);
	ck_assert_int_eq(check_add(v, testlib_table(10, 0, "a", "b", 1, 2)), ST_CORRUPT);
	ck_assert_int_eq(check_add(v, testlib_table(0, 0, "a", "b", 1, 2)), ST_CORRUPT);
	ck_assert_int_eq(check_add(v, testlib_table(50, LEVEL_COUNT, "a", "b", 1, 2)), ST_CORRUPT);
	ck_assert_int_eq(check_add(v, testlib_table(50, 0, "b", "a", 1, 2)), ST_CORRUPT);
	ck_assert_int_eq(check_add(v, testlib_table(50, 0, "a", "b", 3, 2)), ST_CORRUPT);
	ck_assert_uint_eq(version_level(v, 1).count, 3);
	version_free(&v);
}
END_TEST

START_TEST(a_compaction_replaces_inputs_by_outputs_in_their_place)
{
	struct live_table out[] = { testlib_table(20, 1, "c", "j", 1, 9), testlib_table(21, 1, "k", "p", 1, 9) };
	struct file_id in[] = { { 10 }, { 11 }, { 1 } };
	struct version_edit e = { .added = out, .added_count = 2, .removed = in, .removed_count = 3 };
	struct version *v = sample();
	struct level_list l;

	add(v, testlib_table(1, 0, "c", "p", 6, 9));
	ck_ok(version_check(v, &e));
	version_apply(v, &e);
	l = version_level(v, 1);
	ck_assert_uint_eq(l.count, 3);
	ck_assert_uint_eq(l.tables[0]->facts.id.v, 20);
	ck_assert_uint_eq(l.tables[1]->facts.id.v, 21);
	ck_assert_uint_eq(l.tables[2]->facts.id.v, 12);
	ck_assert_uint_eq(l.bytes, 1020 + 1021 + 1012);
	ck_assert_uint_eq(version_level(v, 0).count, 0);
	ck_assert_uint_eq(version_level(v, 0).bytes, 0);
	ck_assert_ptr_null(version_find(v, file_id(10)));
	ck_assert_ptr_nonnull(version_find(v, file_id(21)));
	version_free(&v);
}
END_TEST

/* The edit lends the keys of the very table that leaves its level. */
START_TEST(a_table_moves_with_its_own_keys_on_loan)
{
	struct version *v = sample();
	struct live_table t = *version_find(v, file_id(11));
	struct file_id gone = { 11 };
	struct version_edit e = { .added = &t, .added_count = 1, .removed = &gone, .removed_count = 1 };

	t.level = 2;
	ck_ok(version_check(v, &e));
	version_apply(v, &e);
	ck_assert_uint_eq(version_level(v, 1).count, 2);
	ck_assert_uint_eq(version_level(v, 2).count, 1);
	ck_assert(slice_eq(version_level(v, 2).tables[0]->facts.min_key, slice_str("m")));
	version_free(&v);
}
END_TEST

START_TEST(a_check_changes_nothing_and_keys_are_copied)
{
	struct version *v = version_new();
	char first[] = "b", last[] = "d";

	ck_ok(check_add(v, testlib_table(1, 1, first, last, 1, 2)));
	ck_assert_uint_eq(version_level(v, 1).count, 0);
	add(v, testlib_table(1, 1, first, last, 1, 2));
	first[0] = last[0] = '!';
	ck_assert(slice_eq(version_find(v, file_id(1))->facts.min_key, slice_str("b")));
	ck_assert(slice_eq(version_find(v, file_id(1))->facts.max_key, slice_str("d")));
	version_free(&v);
}
END_TEST

START_TEST(a_description_shows_levels_marks_and_owns_its_keys)
{
	struct version *v = sample();
	struct view_desc d = { 0 };
	struct arena a;

	version_set_busy(v, file_id(11), true);
	ck_assert(version_is_busy(version_find(v, file_id(11))));
	ck_assert(!version_is_busy(version_find(v, file_id(10))));
	arena_init(&a);
	version_describe(v, &a, &d);
	version_free(&v);
	ck_assert_uint_eq(d.levels[0].count, 0);
	ck_assert_uint_eq(d.levels[1].count, 3);
	ck_assert_uint_eq(d.levels[1].tables[1].id.v, 11);
	ck_assert(d.levels[1].tables[1].compacting);
	ck_assert(!d.levels[1].tables[0].compacting);
	ck_assert(slice_eq(d.levels[1].tables[2].min_key, slice_str("x")));
	ck_assert_uint_eq(d.levels[1].tables[2].entry_count, 5);
	ck_assert_uint_eq(d.levels[1].tables[2].max_seq.v, 5);
	arena_fini(&a);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, level_0_is_newest_first_and_deeper_levels_by_key);
	tcase_add_test(tc, an_overlap_on_a_deep_level_is_refused);
	tcase_add_test(tc, added_tables_that_overlap_each_other_are_refused);
	tcase_add_test(tc, nonsense_is_refused);
	tcase_add_test(tc, a_compaction_replaces_inputs_by_outputs_in_their_place);
	tcase_add_test(tc, a_table_moves_with_its_own_keys_on_loan);
	tcase_add_test(tc, a_check_changes_nothing_and_keys_are_copied);
	tcase_add_test(tc, a_description_shows_levels_marks_and_owns_its_keys);
}

CHECK_MAIN("engine/version", suite)
