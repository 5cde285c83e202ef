/* SPDX-License-Identifier: Apache-2.0 */
/* What goes on record: nothing twice, all of a table at once, and never more than there is room for. */
#include "engine/damages.h"

#include <stdio.h>

#include "common/base/mem.h"
#include "common/base/rand.h"
#include "engine/version.h"
#include "t/check_main.h"

#define KEYS 100000u

/* Keys of six digits; four are used at a time. */
static struct slice key_of(uint64_t i)
{
	static char keys[4][8];
	static unsigned turn;

	snprintf(keys[++turn % 4], sizeof keys[0], "%06u", (unsigned)i);
	return slice_str(keys[turn % 4]);
}

static struct damage_row row_of(uint64_t table, uint64_t offset, struct slice min, struct slice max, uint64_t max_seq)
{
	return (struct damage_row){ .at = { .table = file_id(table), .offset = offset, .min = min, .max = max,
					    .max_seq = seq(max_seq) }, .what = "bad", .found_ms = 1 };
}

/* Carries a plan out. */
static void apply(struct damages *d, const struct damages_plan *p)
{
	for (size_t i = 0; i < p->closed_count; i++) {
		ck_assert_ptr_nonnull(damages_record(d, p->closed[i]));
		damages_drop(d, p->closed[i]);
	}
	for (size_t i = 0; i < p->count; i++)
		damages_add(d, &p->rows[i].at);
}

static enum st put(struct damages *d, const struct damage_row *rows, size_t n, bool whole)
{
	struct damages_plan p;
	struct arena a;
	enum st st;

	arena_init(&a);
	st = damages_plan(d, rows, n, whole, &a, &p);
	if (!st)
		apply(d, &p);
	arena_fini(&a);
	return st;
}

static const struct table_damage *hides(const struct damages *d, struct slice key, uint64_t found)
{
	for (size_t i = 0; i < d->count; i++)
		if (slice_cmp(d->list[i].min, key) <= 0 && slice_cmp(key, d->list[i].max) <= 0 && found <= d->list[i].max_seq.v)
			return &d->list[i];
	return NULL;
}

START_TEST(nothing_goes_on_record_twice_and_numbers_rise)
{
	struct damage_row rows[] = { row_of(1, 0, slice_str("a"), slice_str("c"), 9), row_of(1, 4096, slice_str("d"), slice_str("e"), 9),
				     row_of(1, 8192, slice_str("f"), slice_str("g"), 9) };
	struct damages d;

	damages_init(&d);
	ck_assert_int_eq(put(&d, &rows[1], 1, false), ST_OK);
	ck_assert_int_eq(put(&d, rows, 3, false), ST_OK);
	ck_assert_uint_eq(d.count, 3);
	ck_assert_uint_eq(d.next, 4);
	for (uint64_t i = 1; i < 4; i++)
		ck_assert_ptr_nonnull(damages_record(&d, i));
	ck_assert_int_eq(put(&d, rows, 3, false), ST_OK);
	ck_assert_uint_eq(d.next, 4);
	damages_fini(&d);
}
END_TEST

START_TEST(a_whole_table_takes_the_place_of_its_blocks)
{
	struct damage_row rows[] = { row_of(1, 0, slice_str("b"), slice_str("c"), 9), row_of(1, 4096, slice_str("d"), slice_str("e"), 9),
				     row_of(2, 0, slice_str("b"), slice_str("c"), 9) };
	struct damage_row whole = row_of(1, DAMAGE_WHOLE, slice_str("a"), slice_str("z"), 9);
	struct damages d;

	damages_init(&d);
	ck_assert_int_eq(put(&d, rows, 2, false), ST_OK);
	ck_assert_int_eq(put(&d, &rows[2], 1, false), ST_OK);
	ck_assert_int_eq(put(&d, &whole, 1, true), ST_OK);
	ck_assert_uint_eq(d.count, 2);
	ck_assert_uint_eq(damages_of_table(&d, file_id(1)), 1);
	ck_assert(damages_has(&d, file_id(1), DAMAGE_WHOLE) && damages_has(&d, file_id(2), 0));
	damages_fini(&d);
}
END_TEST

START_TEST(there_is_room_for_so_many_blocks_and_then_only_for_whole_tables)
{
	struct damage_row *rows = mem_zalloc((DAMAGES_MAX + 1) * sizeof *rows);
	struct damage_row whole = row_of(2, DAMAGE_WHOLE, slice_str("000000"), slice_str("999999"), 9);
	struct damages d;

	damages_init(&d);
	for (size_t i = 0; i <= DAMAGES_MAX; i++)
		rows[i] = row_of(1, i * 4096, slice_str("a"), slice_str("b"), 9);
	ck_assert_int_eq(put(&d, rows, DAMAGES_MAX + 1, false), ST_TOO_BIG);
	ck_assert_uint_eq(d.count, 0);
	ck_assert_int_eq(put(&d, rows, DAMAGES_MAX, false), ST_OK);
	rows[0].at.table = file_id(2);
	ck_assert_int_eq(put(&d, rows, 1, false), ST_TOO_BIG);
	ck_assert_int_eq(put(&d, &whole, 1, true), ST_OK);
	ck_assert_uint_le(d.count, DAMAGES_MAX + 1);
	damages_fini(&d);
	mem_free(rows);
}
END_TEST

/* However many tables are lost: the records stay bounded, and what was out of reach once stays so. */
START_TEST(no_number_of_lost_tables_goes_beyond_the_bound_or_uncovers_a_key)
{
	struct rnd rnd = { 7 };
	struct damages d;

	damages_init(&d);
	for (uint64_t table = 1; table < DAMAGES_MAX * 2; table++) {
		uint64_t min = rnd_below(&rnd, KEYS), max = min + rnd_below(&rnd, 20);
		struct damage_row row = row_of(table, DAMAGE_WHOLE, key_of(min), key_of(max), 1 + rnd_below(&rnd, 1000));

		ck_assert_int_eq(put(&d, &row, 1, true), ST_OK);
		ck_assert_uint_le(d.count, DAMAGES_MAX + 1);
		ck_assert_uint_eq(d.next > table, true);
		ck_assert_ptr_nonnull(hides(&d, row.at.min, row.at.max_seq.v));
		ck_assert_ptr_nonnull(hides(&d, row.at.max, row.at.max_seq.v));
	}
	rnd = (struct rnd){ 7 };
	for (uint64_t table = 1; table < DAMAGES_MAX * 2; table++) {
		uint64_t min = rnd_below(&rnd, KEYS), max = min + rnd_below(&rnd, 20), most = 1 + rnd_below(&rnd, 1000);

		ck_assert_ptr_nonnull(hides(&d, key_of(min), most));
		ck_assert_ptr_nonnull(hides(&d, key_of(max), most));
	}
	damages_fini(&d);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, nothing_goes_on_record_twice_and_numbers_rise);
	tcase_add_test(tc, a_whole_table_takes_the_place_of_its_blocks);
	tcase_add_test(tc, there_is_room_for_so_many_blocks_and_then_only_for_whole_tables);
	tcase_add_test(tc, no_number_of_lost_tables_goes_beyond_the_bound_or_uncovers_a_key);
}

CHECK_MAIN("engine/damages", suite)
