/* SPDX-License-Identifier: Apache-2.0 */
/* Walks and steps over a view of memtables, both ways, with every bound; working threads. */
#include "frontend/scan_step.h"

#include <stdio.h>

#include "common/base/must.h"
#include "frontend/loop.h"
#include "frontend/workers.h"
#include "t/check_main.h"

static struct memtable *memtable;
static struct view *view;

static struct memtable *find(void *ctx, struct file_id id)
{
	(void)ctx;
	return id.v == 1 ? memtable_ref(memtable) : NULL;
}

static void put(const char *key, uint64_t s, bool tombstone, int64_t expires_at_ms)
{
	struct entry e = { .key = slice_str(key), .value = slice_str("v"), .seq = seq(s), .is_tombstone = tombstone,
			   .expires_at_ms = expires_at_ms };

	memtable_insert(memtable, &e);
}

/* b00 to b19; b05 deleted, b07 expired at 1000, b09 too new. */
static void begin_with(struct table_damage *damage, size_t damage_count)
{
	static struct file_id ids[1] = { { 1 } };
	struct view_desc desc = { .incarnation = 1, .memtables = ids, .memtable_count = 1, .damage = damage,
				  .damage_count = damage_count };
	char key[8];

	ck_assert_int_eq(memtable_new(ids[0], 1 << 20, &memtable), ST_OK);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(key, sizeof key, "b%02u", i);
		put(key, i == 9 ? 1000 : i + 1, false, i == 7 ? 1000 : 0);
	}
	put("b05", 50, true, 0);
	ck_assert_int_eq(view_new(&desc, find, NULL, NULL, &view), ST_OK);
}

static void begin(void)
{
	begin_with(NULL, 0);
}

static void end(void)
{
	view_unref(&view);
	memtable_unref(&memtable);
}

static struct walk walk_of(const char *start, const char *stop, bool reverse)
{
	return (struct walk){ .view = view, .seq = seq(100), .now_ms = 1000, .reverse = reverse,
			      .range = { slice_str(start), slice_str(stop) } };
}

static void expect(const char *start, const char *stop, bool reverse, const char *keys)
{
	struct walk w = walk_of(start, stop, reverse);
	struct buf got = BUF_INIT;
	const struct entry *e;

	while ((e = walk_next(&w)) != NULL)
		buf_append(&got, e->key.p + 1, e->key.n - 1);
	ck_assert_int_eq(w.st, ST_OK);
	ck_assert_str_eq(buf_cstr(&got), keys);
	walk_end(&w);
	buf_fini(&got);
}

START_TEST(a_walk_shows_what_is_visible_in_its_range)
{
	begin();
	expect("", "", false, "0001020304060810111213141516171819");
	expect("", "", true, "1918171615141312111008060403020100");
	expect("b03", "b08", false, "030406");
	expect("b03", "b08", true, "060403");
	expect("b05", "b0501", false, "");
	expect("b05", "b0501", true, "");
	expect("b18", "", false, "1819");
	expect("b18x", "", true, "19");
	expect("", "a", false, "");
	expect("", "a", true, "");
	expect("c", "", false, "");
	expect("c", "", true, "");
	expect("b08", "b03", false, "");
	expect("b08", "b03", true, "");
	expect("", "b03", true, "020100");
	end();
}
END_TEST

START_TEST(a_step_ends_at_its_limit_and_says_whether_something_is_left)
{
	struct scan_step s = { .form = SCAN_PAGE, .keys_only = true, .most_items = 3, .most_bytes = 1 << 20 };

	begin();
	s.walk = walk_of("b03", "b11", false);
	scan_step_run(&s);
	ck_assert_uint_eq(s.items, 3);
	ck_assert(!s.at_end);
	ck_assert(slice_eq(buf_slice(&s.last_key), slice_str("b06")));
	ck_assert_str_eq(buf_cstr(&s.out), "{\"key\":\"b03\",\"version\":4,\"timestamp\":0},"
			 "{\"key\":\"b04\",\"version\":5,\"timestamp\":0},{\"key\":\"b06\",\"version\":7,\"timestamp\":0}");
	scan_step_fini(&s);
	s = (struct scan_step){ .form = SCAN_PAGE, .most_items = 2, .most_bytes = 1 << 20, .walk = walk_of("b03", "b06", false) };
	scan_step_run(&s);
	ck_assert_uint_eq(s.items, 2);
	ck_assert(s.at_end);
	scan_step_fini(&s);
	end();
}
END_TEST

START_TEST(a_page_that_meets_damage_goes_on_behind_its_last_item)
{
	struct table_damage lost = { .min = slice_str("b11"), .max = slice_str("b12"), .max_seq = seq(90) };
	static const struct { bool reverse; uint64_t items; const char *last; } cases[] = { { false, 3, "b10" }, { true, 4, "b13" } };

	begin_with(&lost, 1);
	for (unsigned i = 0; i < 2; i++) {
		struct scan_step s = { .form = SCAN_PAGE, .keys_only = true, .most_items = 100, .most_bytes = 1 << 20,
				       .walk = walk_of("b06", "b17", cases[i].reverse) };

		scan_step_run(&s);
		ck_assert_int_eq(s.walk.st, ST_CORRUPT);
		ck_assert_uint_eq(s.items, cases[i].items);
		ck_assert(slice_eq(buf_slice(&s.last_key), slice_str(cases[i].last)));
		scan_step_fini(&s);
	}
	end();
}
END_TEST

/* Damage on record over b11 and b12 is no concern of a range that has none of it. */
START_TEST(a_walk_up_to_damage_ends_well)
{
	struct table_damage lost = { .min = slice_str("b11"), .max = slice_str("b12"), .max_seq = seq(90) };

	begin_with(&lost, 1);
	expect("b08", "b11", false, "0810");
	expect("b08", "b11", true, "1008");
	expect("b08", "b1", false, "08");
	expect("b12\x01", "b15", false, "1314");
	expect("b12\x01", "b15", true, "1413");
	expect("b13", "b15", true, "1413");
	expect("b10x", "b11", false, "");
	expect("b10x", "b11", true, "");
	end();
}
END_TEST

START_TEST(a_scan_that_is_cancelled_does_not_walk_over_all_that_was_deleted)
{
	begin();
	for (unsigned i = 0; i < 1000; i++) {
		char key[16];

		snprintf(key, sizeof key, "c%04u", i);
		put(key, 20, true, 0);
	}
	put("d", 21, false, 0);
	for (int stopped = 0; stopped < 2; stopped++)
		for (int reverse = 0; reverse < 2; reverse++) {
			struct scan_step s = { .form = SCAN_LINES, .most_items = UINT64_MAX, .most_bytes = 1 << 20 };

			s.walk = walk_of("c", reverse ? "d" : "", reverse);
			atomic_store(&s.cancelled, stopped);
			scan_step_run(&s);
			ck_assert_int_eq(s.walk.st, stopped ? ST_CANCELLED : ST_OK);
			ck_assert_uint_eq(s.items, !stopped && !reverse);
			ck_assert(s.at_end);
			scan_step_fini(&s);
		}
	end();
}
END_TEST

/* Makes what is left of a walk that pauses its range, and has it begin anew; keeper holds its bound. */
static void begin_anew(struct walk *w, struct buf *keeper)
{
	struct buf bound = BUF_INIT, old = *keeper;

	ck_assert(walk_rest(w, &bound));
	walk_end(w);
	*(w->reverse ? &w->range.end : &w->range.start) = buf_slice(&bound);
	*keeper = bound;
	buf_fini(&old);
}

/* The items of steps that pause all the time; each pause goes on as well from what is said to be left of the range. */
static void expect_paused(const char *start, const char *stop, bool reverse, const char *keys)
{
	struct scan_step s = { .form = SCAN_PAGE, .keys_only = true, .most_items = 100, .most_bytes = 1 << 20, .most_us = 1 };
	struct buf got = BUF_INIT, bound = BUF_INIT;
	unsigned pauses = 0;

	s.walk = walk_of(start, stop, reverse);
	do {
		scan_step_run(&s);
		ck_assert_int_eq(s.walk.st, ST_OK);
		if (s.items)
			buf_append_slice(&got, slice_of(s.last_key.p + 1, s.last_key.n - 1));
		if (!s.walk.paused)
			continue;
		ck_assert(s.paused && !s.at_end);
		begin_anew(&s.walk, &bound);
		pauses++;
	} while (!s.at_end);
	ck_assert_str_eq(buf_cstr(&got), keys);
	ck_assert_uint_ge(pauses, 3);
	scan_step_fini(&s);
	buf_fini(&got);
	buf_fini(&bound);
}

START_TEST(a_step_pauses_in_a_long_way_over_what_was_deleted)
{
	struct scan_step s = { .form = SCAN_LINES, .most_items = UINT64_MAX, .most_bytes = 1 << 20, .most_us = 1 };
	unsigned steps = 0, items = 0;

	begin();
	for (unsigned i = 0; i < 1000; i++) {
		char key[16];

		snprintf(key, sizeof key, "c%04u", i);
		put(key, i == 500 ? 1000 : 20, i != 500, 0);     /* one of them is too new */
		put(key, 10, false, 0);
	}
	put("d", 21, false, 0);
	put("d", 20, true, 0);
	put("e", 20, false, 0);
	expect_paused("b19", "e", false, "190500");
	expect_paused("b19", "d", true, "050019");
	for (int reverse = 0; reverse < 2; reverse++) {
		s.walk = walk_of("b", "e", reverse);
		for (s.at_end = false; !s.at_end; steps++) {
			scan_step_run(&s);
			items += (unsigned)s.items;
		}
		walk_end(&s.walk);
	}
	ck_assert_uint_eq(items, 2 * 19);
	ck_assert_uint_ge(steps, 8);
	s.walk = walk_of("b", "c", false);               /* what was deleted behind the range is not gone over */
	s.at_end = false;
	scan_step_run(&s);
	ck_assert(s.at_end && s.items == 17);
	walk_end(&s.walk);
	s.walk = walk_of("d", "", true);
	s.at_end = false;
	scan_step_run(&s);
	ck_assert(s.at_end && s.items == 2);
	scan_step_fini(&s);
	end();
}
END_TEST

static void put_versions(const char *key, uint64_t first, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		put(key, first + i, false, 0);
}

static void expect_rest(const struct walk *w, bool forward, struct slice rest)
{
	struct buf bound = BUF_INIT;

	ck_assert(w->paused);
	ck_assert(walk_rest(w, &bound) == forward);
	ck_assert(slice_eq(buf_slice(&bound), rest));
	buf_fini(&bound);
}

START_TEST(a_page_that_pauses_among_older_versions_does_not_begin_the_next_with_the_same_item)
{
	struct scan_step s = { .form = SCAN_PAGE, .keys_only = true, .most_items = 1, .most_bytes = 1 << 20, .most_us = 1 };

	begin();
	put_versions("c", 1, 600);
	put("d", 601, false, 0);
	s.walk = walk_of("c", "", false);
	s.walk.seq = seq(1000);
	scan_step_run(&s);
	ck_assert_uint_eq(s.items, 1);
	ck_assert(slice_eq(buf_slice(&s.last_key), slice_str("c")) && !s.at_end);
	expect_rest(&s.walk, true, slice_of("c", 2));
	scan_step_fini(&s);
	end();
}
END_TEST

/* Only versions that are too new have been passed over: the same range would be walked again. */
START_TEST(a_walk_tells_when_a_pause_has_not_come_forward)
{
	begin();
	put_versions("c", 101, 600);
	for (int reverse = 0; reverse < 2; reverse++) {
		struct walk w = walk_of("c", "c\x01", reverse);

		w.until_us = 1;
		ck_assert_ptr_null(walk_next(&w));
		expect_rest(&w, reverse, reverse ? slice_of("c", 2) : slice_str("c"));
		walk_end(&w);
		w = walk_of("c", "", reverse);
		w.range.end = slice_of("c", 2);
		w.until_us = 1;
		ck_assert_ptr_null(walk_next(&w));
		expect_rest(&w, false, reverse ? slice_of("c", 2) : slice_str("c"));
		walk_end(&w);
	}
	end();
}
END_TEST

START_TEST(a_pause_does_not_pass_over_damage)
{
	struct table_damage lost = { .min = slice_str("c0300"), .max = slice_str("c0310"), .max_seq = seq(90) };

	begin_with(&lost, 1);
	for (unsigned i = 0; i < 1000; i++) {
		char key[16];

		snprintf(key, sizeof key, "c%04u", i);
		put(key, 20, true, 0);
	}
	for (int reverse = 0; reverse < 2; reverse++) {
		struct walk w = walk_of("c", "d", reverse);
		struct buf bound = BUF_INIT;
		unsigned pauses = 0;

		for (;;) {
			w.until_us = 1;
			ck_assert_ptr_null(walk_next(&w));
			if (!w.paused)
				break;
			begin_anew(&w, &bound);
			pauses++;
		}
		ck_assert_int_eq(w.st, ST_CORRUPT);
		ck_assert_uint_ge(pauses, 1);
		walk_end(&w);
		buf_fini(&bound);
	}
	end();
}
END_TEST

START_TEST(steps_of_a_stream_follow_each_other)
{
	struct scan_step s = { .form = SCAN_LINES, .most_items = UINT64_MAX, .most_bytes = 100 };
	unsigned steps = 0, items = 0, lines = 0;

	begin();
	s.walk = walk_of("", "", true);
	while (!s.at_end) {
		scan_step_run(&s);
		items += (unsigned)s.items;
		steps++;
	}
	for (size_t i = 0; i < s.out.n; i++)
		lines += s.out.p[i] == '\n';
	ck_assert_uint_eq(items, 17);
	ck_assert_uint_eq(lines, 17);
	ck_assert_uint_gt(steps, 5);
	scan_step_fini(&s);
	s = (struct scan_step){ .form = SCAN_PROTOBUF, .most_items = UINT64_MAX, .most_bytes = 1 << 20, .walk = walk_of("", "", false) };
	scan_step_run(&s);
	ck_assert(s.at_end && s.items == 17 && s.out.p[1] == 0x0a);
	scan_step_fini(&s);
	end();
}
END_TEST

/* ---- working threads ---- */

enum { PIECES = 200 };

static struct piece { struct work work; unsigned ran, done; } pieces[PIECES];
static unsigned done_count, flush_count;
static struct loop *loop;

static void on_run(struct work *w)
{
	((struct piece *)w)->ran++;
}

static void on_done(struct work *w)
{
	((struct piece *)w)->done++;
	if (++done_count == PIECES)
		loop_stop(loop);
}

static void on_flush(void *ctx)
{
	++*(unsigned *)ctx;
}

START_TEST(every_piece_of_work_runs_once_and_comes_back)
{
	struct workers *workers;

	loop = loop_new();
	workers_new(loop, 3, on_flush, &flush_count, &workers);
	for (unsigned i = 0; i < PIECES; i++) {
		pieces[i].work = (struct work){ .run = on_run, .done = on_done };
		workers_submit(workers, &pieces[i].work);
	}
	loop_run(loop);
	for (unsigned i = 0; i < PIECES; i++)
		ck_assert(pieces[i].ran == 1 && pieces[i].done == 1);
	workers_free(&workers);
	ck_assert_ptr_null(workers);
	loop_free(&loop);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, a_walk_shows_what_is_visible_in_its_range);
	tcase_add_test(tc, a_step_ends_at_its_limit_and_says_whether_something_is_left);
	tcase_add_test(tc, a_page_that_meets_damage_goes_on_behind_its_last_item);
	tcase_add_test(tc, a_walk_up_to_damage_ends_well);
	tcase_add_test(tc, a_scan_that_is_cancelled_does_not_walk_over_all_that_was_deleted);
	tcase_add_test(tc, a_step_pauses_in_a_long_way_over_what_was_deleted);
	tcase_add_test(tc, a_page_that_pauses_among_older_versions_does_not_begin_the_next_with_the_same_item);
	tcase_add_test(tc, a_walk_tells_when_a_pause_has_not_come_forward);
	tcase_add_test(tc, a_pause_does_not_pass_over_damage);
	tcase_add_test(tc, steps_of_a_stream_follow_each_other);
	tcase_add_test(tc, every_piece_of_work_runs_once_and_comes_back);
}

CHECK_MAIN("frontend/scan_step", add)
