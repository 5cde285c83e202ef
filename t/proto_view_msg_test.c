/* SPDX-License-Identifier: Apache-2.0 */
/* The published view: round trips, agreement with generated code, order, many tables, hostile bytes. */
#include "t/check_main.h"

#include <stdio.h>

#include "proto/limits.h"
#include "proto/view.pb-c.h"
#include "proto/view_msg.h"
#include "t/proto_hostile.h"

static struct view_table table(uint64_t id, const char *min, const char *max, uint64_t max_seq)
{
	return (struct view_table){ .id = file_id(id), .size_bytes = 1000 * id, .entry_count = 10 * id,
	    .min_key = slice_str(min), .max_key = slice_str(max), .max_seq = seq(max_seq) };
}

/* Two memtables; level 0: 9, 8 (overlapping, newest first); level 2: 3, 4 (compacting), 5; damage in table 3
 * and in table 2, which is gone. */
static struct buf some_view(void)
{
	static struct file_id memtables[] = { { 12 }, { 11 } };
	struct view_table top[] = { table(9, "a", "z", 90), table(8, "c", "d", 80) };
	struct view_table deep[] = { table(3, "a", "b", 30), table(4, "c", "d", 40), table(5, "e", "f", 20) };
	struct table_damage damage[] = {
		{ .record = 4, .table = file_id(3), .min = slice_str("a"), .max = slice_str("az"), .max_seq = seq(30) },
		{ .record = 2, .table = file_id(2), .offset = 4106, .min = slice_of("b\0", 2), .max = slice_str("bz"), .max_seq = seq(9) },
	};
	struct view_desc v = { .incarnation = 0x1122334455667788, .generation = 300, .database = 0xdb,
	    .memtables = memtables, .memtable_count = 2, .damage = damage, .damage_count = 2 };
	struct buf out = BUF_INIT;

	deep[1].compacting = true;
	v.levels[0] = (struct view_level){ top, 2 };
	v.levels[2] = (struct view_level){ deep, 3 };
	view_desc_encode(&v, &out);
	return out;
}

START_TEST(view_comes_out_as_it_went_in)
{
	struct buf m = some_view();
	struct view_desc v;
	struct arena a;

	arena_init(&a);
	ck_assert_int_eq(view_desc_decode(buf_slice(&m), &a, &v), ST_OK);
	buf_fini(&m);                        /* the view must not need it */
	ck_assert_uint_eq(v.incarnation, 0x1122334455667788);
	ck_assert_uint_eq(v.generation, 300);
	ck_assert_uint_eq(v.database, 0xdb);
	ck_assert_uint_eq(v.memtable_count, 2);
	ck_assert_uint_eq(v.memtables[0].v, 12);
	ck_assert_uint_eq(v.memtables[1].v, 11);
	ck_assert_uint_eq(v.levels[0].count, 2);
	ck_assert_uint_eq(v.levels[1].count, 0);
	ck_assert_uint_eq(v.levels[2].count, 3);
	ck_assert_uint_eq(v.levels[0].tables[1].id.v, 8);
	ck_assert_uint_eq(v.levels[0].tables[1].max_seq.v, 80);
	ck_assert(slice_eq(v.levels[2].tables[1].min_key, slice_str("c")));
	ck_assert(slice_eq(v.levels[2].tables[1].max_key, slice_str("d")));
	ck_assert_uint_eq(v.levels[2].tables[1].size_bytes, 4000);
	ck_assert_uint_eq(v.levels[2].tables[1].entry_count, 40);
	ck_assert(v.levels[2].tables[1].compacting && !v.levels[2].tables[2].compacting);
	ck_assert_uint_eq(v.damage_count, 2);
	ck_assert_uint_eq(v.damage[0].record, 4);
	ck_assert_uint_eq(v.damage[1].table.v, 2);
	ck_assert_uint_eq(v.damage[1].offset, 4106);
	ck_assert(slice_eq(v.damage[1].min, slice_of("b\0", 2)) && slice_eq(v.damage[1].max, slice_str("bz")));
	ck_assert_uint_eq(v.damage[1].max_seq.v, 9);
	arena_fini(&a);
}
END_TEST

START_TEST(empty_view_comes_out_empty)
{
	struct view_desc v = { .generation = 1 }, back;
	struct buf m = BUF_INIT;
	struct arena a;

	arena_init(&a);
	view_desc_encode(&v, &m);
	ck_assert_int_eq(view_desc_decode(buf_slice(&m), &a, &back), ST_OK);
	ck_assert_uint_eq(back.generation, 1);
	ck_assert_uint_eq(back.memtable_count, 0);
	arena_fini(&a);
	buf_fini(&m);
}
END_TEST

START_TEST(generated_code_agrees_both_ways)
{
	struct buf m = some_view();
	Lsm__View *g = lsm__view__unpack(NULL, m.n, m.p);
	uint8_t *bytes = mem_alloc(m.n);

	ck_assert_ptr_nonnull(g);
	ck_assert_uint_eq(g->generation, 300);
	ck_assert_uint_eq(g->n_memtables, 2);
	ck_assert_uint_eq(g->n_levels, 2);
	ck_assert_uint_eq(g->levels[1]->level, 2);
	ck_assert_uint_eq(g->levels[1]->n_tables, 3);
	ck_assert_uint_eq(g->n_damage, 2);
	ck_assert_uint_eq(lsm__view__get_packed_size(g), m.n);
	lsm__view__pack(g, bytes);
	ck_assert_mem_eq(bytes, m.p, m.n);
	lsm__view__free_unpacked(g, NULL);
	mem_free(bytes);
	buf_fini(&m);
}
END_TEST

/* A level of `count` tables with keys 000000, 000001, ... */
static struct buf view_of_many(size_t count)
{
	struct view_table *tables = mem_zalloc(count * sizeof *tables);
	char (*keys)[7] = mem_alloc(count * sizeof *keys);
	struct view_desc v = { .generation = 1 };
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < count; i++) {
		snprintf(keys[i], sizeof keys[i], "%06zu", i % 1000000);
		tables[i] = table(i + 1, keys[i], keys[i], 5);
	}
	v.levels[3] = (struct view_level){ tables, count };
	view_desc_encode(&v, &out);
	mem_free(tables);
	mem_free(keys);
	return out;
}

START_TEST(as_many_tables_as_a_database_may_have_pass_and_no_more)
{
	struct buf m = view_of_many(LIST_MAX);
	struct view_desc v;
	struct arena a;

	arena_init(&a);
	ck_assert_int_eq(view_desc_decode(buf_slice(&m), &a, &v), ST_OK);
	ck_assert_uint_eq(v.levels[3].count, LIST_MAX);
	ck_assert_uint_eq(v.levels[3].tables[LIST_MAX - 1].id.v, LIST_MAX);
	buf_fini(&m);
	m = view_of_many(LIST_MAX + 1);
	ck_assert_int_eq(view_desc_decode(buf_slice(&m), &a, &v), ST_INVALID);
	ck_assert_uint_eq(v.levels[3].count, 0);
	arena_fini(&a);
	buf_fini(&m);
}
END_TEST

/* Status of a view with these two tables on a level. */
static enum st status_of(unsigned level, struct view_table first, struct view_table second)
{
	struct view_table tables[] = { first, second };
	struct view_desc v = { .generation = 1 }, back;
	struct buf m = BUF_INIT;
	struct arena a;
	enum st st;

	arena_init(&a);
	v.levels[level] = (struct view_level){ tables, 2 };
	view_desc_encode(&v, &m);
	st = view_desc_decode(buf_slice(&m), &a, &back);
	arena_fini(&a);
	buf_fini(&m);
	return st;
}

START_TEST(tables_out_of_order_or_impossible_are_invalid)
{
	struct view_table ab = table(1, "a", "b", 5), cd = table(2, "c", "d", 6), bc = table(3, "b", "c", 4);
	struct view_table wrong = cd;

	ck_assert_int_eq(status_of(1, ab, cd), ST_OK);
	ck_assert_int_eq(status_of(1, cd, ab), ST_INVALID);
	ck_assert_int_eq(status_of(1, ab, bc), ST_INVALID);          /* they share "b" */
	ck_assert_int_eq(status_of(0, ab, bc), ST_OK);
	ck_assert_int_eq(status_of(0, ab, cd), ST_INVALID);          /* the older one first */
	wrong.id = file_id(0);
	ck_assert_int_eq(status_of(1, ab, wrong), ST_INVALID);
	wrong = cd;
	wrong.min_key = slice_str("e");
	ck_assert_int_eq(status_of(1, ab, wrong), ST_INVALID);
	wrong.min_key = slice_str("");
	ck_assert_int_eq(status_of(1, ab, wrong), ST_INVALID);
}
END_TEST

static enum st status_of_damage(struct table_damage first, struct table_damage second)
{
	struct table_damage damage[] = { first, second };
	struct view_desc v = { .generation = 1, .damage = damage, .damage_count = 2 }, back;
	struct buf m = BUF_INIT;
	struct arena a;
	enum st st;

	arena_init(&a);
	view_desc_encode(&v, &m);
	st = view_desc_decode(buf_slice(&m), &a, &back);
	arena_fini(&a);
	buf_fini(&m);
	return st;
}

START_TEST(damage_out_of_order_or_impossible_is_invalid)
{
	struct table_damage ab = { .record = 1, .table = file_id(1), .min = slice_str("a"), .max = slice_str("b") };
	struct table_damage bc = ab, wrong;

	bc.min = slice_str("b");
	bc.max = slice_str("c");
	ck_assert_int_eq(status_of_damage(ab, bc), ST_OK);
	ck_assert_int_eq(status_of_damage(ab, ab), ST_OK);
	ck_assert_int_eq(status_of_damage(bc, ab), ST_INVALID);
	wrong = bc;
	wrong.record = 0;
	ck_assert_int_eq(status_of_damage(ab, wrong), ST_INVALID);
	wrong = bc;
	wrong.table = file_id(0);
	ck_assert_int_eq(status_of_damage(ab, wrong), ST_INVALID);
	wrong = bc;
	wrong.max = slice_str("a");
	ck_assert_int_eq(status_of_damage(ab, wrong), ST_INVALID);
	wrong = bc;
	wrong.max = slice_str("");
	ck_assert_int_eq(status_of_damage(ab, wrong), ST_INVALID);
}
END_TEST

static void try_view(struct slice message)
{
	struct view_desc v;
	struct arena a;

	arena_init(&a);
	if (view_desc_decode(message, &a, &v) == ST_OK)
		for (unsigned level = 0; level < LEVEL_COUNT; level++)
			for (size_t i = 0; i < v.levels[level].count; i++)
				ck_assert(slice_cmp(v.levels[level].tables[i].min_key,
				    v.levels[level].tables[i].max_key) <= 0);
	for (size_t i = 0; i < v.damage_count; i++)
		ck_assert(v.damage[i].record && slice_cmp(v.damage[i].min, v.damage[i].max) <= 0);
	arena_fini(&a);
}

START_TEST(hostile_views_are_refused_or_sound)
{
	struct buf m = some_view();

	hostile_all(try_view, buf_slice(&m));
	buf_fini(&m);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, view_comes_out_as_it_went_in);
	tcase_add_test(tc, empty_view_comes_out_empty);
	tcase_add_test(tc, generated_code_agrees_both_ways);
	tcase_add_test(tc, as_many_tables_as_a_database_may_have_pass_and_no_more);
	tcase_add_test(tc, tables_out_of_order_or_impossible_are_invalid);
	tcase_add_test(tc, damage_out_of_order_or_impossible_is_invalid);
	tcase_add_test(tc, hostile_views_are_refused_or_sound);
}

CHECK_MAIN("proto/view_msg", suite)
