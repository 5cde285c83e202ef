/* SPDX-License-Identifier: Apache-2.0 */
/* The index over damage on record: the same answers as a walk over the list, with thousands of overlapping ranges. */
#include "common/table/damage.h"

#include <stdio.h>

#include "common/base/mem.h"
#include "common/base/rand.h"
#include "t/check_main.h"

#define RECORDS 3000u
#define KEYS 4000u
#define TABLES 40u

static char keys[KEYS][8];

static struct slice key_of(uint64_t i)
{
	return slice_str(keys[i]);
}

static struct table_damage *draw(struct rnd *rnd, size_t n, unsigned widest)
{
	struct table_damage *list = mem_zalloc((n + 1) * sizeof *list);

	for (unsigned i = 0; i < KEYS; i++)
		snprintf(keys[i], sizeof keys[i], "k%05u", i);
	for (size_t i = 0; i < n; i++) {
		uint64_t min = rnd_below(rnd, KEYS), width = rnd_below(rnd, 50) ? rnd_below(rnd, 3) : rnd_below(rnd, widest);

		list[i] = (struct table_damage){ .record = i + 1, .table = file_id(1 + rnd_below(rnd, TABLES)),
						 .offset = rnd_below(rnd, 1000) * 4096, .min = key_of(min),
						 .max = key_of(min + width < KEYS ? min + width : KEYS - 1),
						 .max_seq = seq(1 + rnd_below(rnd, 1000)) };
	}
	return list;
}

static bool holds(const struct table_damage *d, struct slice key)
{
	return slice_cmp(d->min, key) <= 0 && slice_cmp(key, d->max) <= 0;
}

static void same_hiding(const struct damage_index *x, struct slice key, struct seq found)
{
	const struct table_damage *d = damage_hides(x, key, found);
	bool any = false;

	for (size_t i = 0; i < x->count && !any; i++)
		any = holds(&x->list[i], key) && found.v <= x->list[i].max_seq.v;
	ck_assert(any == (d != NULL));
	ck_assert(!d || (holds(d, key) && found.v <= d->max_seq.v));
}

static void same_of_key(const struct damage_index *x, struct file_id table, struct slice key)
{
	const struct table_damage *d = damage_of_key(x, table, key);
	bool any = false;

	for (size_t i = 0; i < x->count && !any; i++)
		any = x->list[i].table.v == table.v && holds(&x->list[i], key);
	ck_assert(any == (d != NULL));
	ck_assert(!d || (d->table.v == table.v && holds(d, key)));
}

static void same_furthest(const struct damage_index *x, const struct slice *end, bool at_end)
{
	const struct table_damage *d = damage_furthest(x, end, at_end), *best = NULL;

	for (size_t i = 0; i < x->count; i++) {
		int order = end ? slice_cmp(x->list[i].min, *end) : -1;

		if ((order < 0 || (order == 0 && at_end)) && (!best || slice_cmp(x->list[i].max, best->max) > 0))
			best = &x->list[i];
	}
	ck_assert((best != NULL) == (d != NULL));
	ck_assert(!d || slice_eq(d->max, best->max));
}

START_TEST(answers_are_those_of_a_walk_over_the_list)
{
	static const size_t sizes[] = { 0, 1, 2, 17, 400, RECORDS };
	struct rnd rnd = { (uint64_t)_i };
	size_t n = sizes[(size_t)_i % (sizeof sizes / sizeof *sizes)];
	struct table_damage *list = draw(&rnd, n, _i % 2 ? KEYS : 10);
	struct damage_index x;
	struct arena a;

	arena_init(&a);
	damage_index_init(&x, list, n, &a);
	for (unsigned i = 0; i < 2000; i++) {
		struct slice key = key_of(rnd_below(&rnd, KEYS));

		same_hiding(&x, key, seq(rnd_below(&rnd, 1100)));
		same_hiding(&x, slice_of(key.p, key.n - rnd_below(&rnd, 2)), seq(rnd_below(&rnd, 1100)));
		same_of_key(&x, file_id(rnd_below(&rnd, TABLES + 2)), key);
		same_furthest(&x, i % 10 ? &key : NULL, i % 2);
	}
	for (size_t i = 0; i < n; i++) {
		const struct table_damage *d = damage_find(&x, list[i].table, list[i].offset);

		ck_assert(d && d->table.v == list[i].table.v && d->offset == list[i].offset);
		same_hiding(&x, list[i].min, list[i].max_seq);
		same_hiding(&x, list[i].max, seq(list[i].max_seq.v + 1));
	}
	ck_assert_ptr_null(damage_find(&x, file_id(TABLES + 1), 0));
	ck_assert_ptr_null(damage_find(&x, file_id(1), 1));
	arena_fini(&a);
	mem_free(list);
}
END_TEST

/* From a view that was not made by us: nothing is trusted but the memory. */
START_TEST(a_range_that_is_the_wrong_way_round_hides_nothing_and_harms_nobody)
{
	struct table_damage list[] = {
		{ .table = { 1 }, .min = slice_str("m"), .max = slice_str("c"), .max_seq = { 9 } },
		{ .table = { 1 }, .min = slice_str("d"), .max = slice_str("e"), .max_seq = { 5 } },
	};
	struct damage_index x;
	struct arena a;

	arena_init(&a);
	damage_index_init(&x, list, 2, &a);
	ck_assert_ptr_null(damage_hides(&x, slice_str("m"), seq(0)));
	ck_assert_ptr_null(damage_hides(&x, slice_str("g"), seq(0)));
	ck_assert_ptr_eq(damage_hides(&x, slice_str("d"), seq(0)), &list[1]);
	arena_fini(&a);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_loop_test(tc, answers_are_those_of_a_walk_over_the_list, 0, 18);
	tcase_add_test(tc, a_range_that_is_the_wrong_way_round_hides_nothing_and_harms_nobody);
}

CHECK_MAIN("table/damageindex", suite)
