/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting compactions into ranges: by table, and that nothing is ever left out or held twice. */
#include "t/check_main.h"

#include <stdio.h>

#include "common/base/rand.h"
#include "engine/parts.h"

struct in { unsigned level; const char *min, *max; uint64_t bytes; };

static const struct row {
	const char *name;
	struct in in[6];
	size_t most;
	uint64_t least;
	const char *cuts;                /* "d k" */
} rows[] = {
	{ "one compactor, one range", { { 0, "a", "z", 100 }, { 1, "a", "m", 100 }, { 1, "n", "z", 100 } }, 1, 1, "" },
	{ "two halves, where a table begins", { { 0, "a", "z", 100 }, { 1, "a", "m", 100 }, { 1, "n", "z", 100 } }, 2, 1, "n" },
	{ "a small job is not cut", { { 0, "a", "z", 100 }, { 1, "a", "m", 100 }, { 1, "n", "z", 100 } }, 2, 151, "" },
	{ "one of level 0 alone neither", { { 0, "a", "z", 100 }, { 0, "b", "y", 100 } }, 2, 1, "" },
	{ "by bytes, not by tables", { { 5, "a", "b", 300 }, { 6, "a", "b", 10 }, { 6, "c", "d", 10 }, { 6, "e", "f", 320 } }, 2, 1, "e" },
	{ "not before the first key", { { 5, "a", "b", 1 }, { 6, "a", "z", 300 } }, 2, 1, "" },
	{ "three", { { 6, "a", "b", 10 }, { 6, "c", "d", 10 }, { 6, "e", "f", 10 }, { 6, "g", "h", 10 }, { 6, "i", "j", 10 },
		     { 6, "k", "l", 10 } }, 3, 1, "e i" },
};

static struct pick_job job_of(const struct in *in, size_t n, struct live_table *tables, struct arena *a)
{
	struct pick_job job;

	pick__begin(&job, 0, LEVEL_LAST);
	for (size_t i = 0; i < n && in[i].min; i++) {
		tables[i] = (struct live_table){ .level = in[i].level, .facts = { .size_bytes = in[i].bytes, .min_key = slice_str(in[i].min),
										  .max_key = slice_str(in[i].max) } };
		pick__add(&job, a, &tables[i]);
	}
	return job;
}

/* (1) of parts.h */
static void check_whole(const struct part_range *r, size_t n)
{
	ck_assert_uint_eq(r[0].begin.n, 0);
	ck_assert_uint_eq(r[n - 1].end.n, 0);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_ge(r[i].bytes, 1);
		if (i > 0)
			ck_assert(r[i].begin.n > 0 && slice_eq(r[i].begin, r[i - 1].end));
		if (i > 1)
			ck_assert(slice_cmp(r[i - 1].begin, r[i].begin) < 0);
	}
}

START_TEST(ranges_are_cut_where_tables_begin_and_hold_about_the_same)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct live_table tables[6];
		struct buf cuts = BUF_INIT;
		struct part_range *r;
		struct pick_job job;
		struct arena a;
		size_t n;

		arena_init(&a);
		job = job_of(rows[i].in, 6, tables, &a);
		n = parts_cut(&job, rows[i].most, rows[i].least, &a, &r);
		check_whole(r, n);
		for (size_t p = 1; p < n; p++) {
			buf_append_str(&cuts, p > 1 ? " " : "");
			buf_append_slice(&cuts, r[p].begin);
		}
		ck_assert_msg(strcmp(buf_cstr(&cuts), rows[i].cuts) == 0, "%s: %s", rows[i].name, buf_cstr(&cuts));
		buf_fini(&cuts);
		arena_fini(&a);
	}
}
END_TEST

START_TEST(every_table_meets_the_ranges_of_its_keys)
{
	struct rnd rnd = { 5 };

	for (unsigned round = 0; round < 500; round++) {
		static char keys[40][2][8];
		struct in in[40];
		struct live_table tables[40];
		struct part_range *r;
		struct pick_job job;
		struct arena a;
		size_t n, count = 1 + rnd_below(&rnd, 40);

		for (size_t i = 0; i < count; i++) {
			unsigned from = (unsigned)rnd_below(&rnd, 1000), to = from + (unsigned)rnd_below(&rnd, 100);

			(void)snprintf(keys[i][0], sizeof(keys[i][0]), "%05u", from);
			(void)snprintf(keys[i][1], sizeof(keys[i][1]), "%05u", to);
			in[i] = (struct in){ (unsigned)rnd_below(&rnd, 3), keys[i][0], keys[i][1], 1 + rnd_below(&rnd, 100) };
		}
		arena_init(&a);
		job = job_of(in, count, tables, &a);
		n = parts_cut(&job, 1 + rnd_below(&rnd, 8), 1 + rnd_below(&rnd, 100), &a, &r);
		check_whole(r, n);
		for (size_t i = 0; i < count; i++)
			for (size_t p = 0; p < n; p++) {
				bool below = r[p].end.n && slice_cmp(r[p].end, tables[i].facts.min_key) <= 0;
				bool above = r[p].begin.n && slice_cmp(tables[i].facts.max_key, r[p].begin) < 0;

				ck_assert(parts_meet(&r[p], &tables[i].facts) == (!below && !above));
			}
		arena_fini(&a);
	}
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, ranges_are_cut_where_tables_begin_and_hold_about_the_same);
	tcase_add_test(tc, every_table_meets_the_ranges_of_its_keys);
}

CHECK_MAIN("engine/parts", suite)
