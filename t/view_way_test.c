/* SPDX-License-Identifier: Apache-2.0 */
/* Which moves meet the one record there is, of the keys f to h in a table whose sequences go up to 50. */
#include "common/view/view_way.h"

#include "t/check_main.h"

enum { FORWARD = false, BACK = true };

struct move {
	bool back, asked;
	const char *from, *to;       /* NULL: an end */
	uint64_t seq;                /* of the entry it arrived at; 0: it was stopped there */
	const char *low, *high;      /* NULL: no bound */
	bool meets;
};

static const struct move moves[] = {
	/* what lies between the departure and the arrival */
	{ FORWARD, false, "a", "e", 9, NULL, NULL, false },
	{ FORWARD, false, "i", "z", 9, NULL, NULL, false },
	{ FORWARD, false, "a", "g", 99, NULL, NULL, true },
	{ FORWARD, false, "a", "z", 99, NULL, NULL, true },
	{ FORWARD, false, "g", "z", 99, NULL, NULL, true },
	{ BACK, false, "e", "a", 9, NULL, NULL, false },
	{ BACK, false, "z", "i", 9, NULL, NULL, false },
	{ BACK, false, "z", "g", 99, NULL, NULL, true },
	{ BACK, false, "z", "a", 99, NULL, NULL, true },
	{ BACK, false, "g", "a", 99, NULL, NULL, true },
	/* ends */
	{ FORWARD, false, NULL, "e", 9, NULL, NULL, false },
	{ FORWARD, false, "i", NULL, 0, NULL, NULL, false },
	{ FORWARD, false, "a", NULL, 0, NULL, NULL, true },
	{ FORWARD, false, NULL, NULL, 0, NULL, NULL, true },
	{ BACK, false, NULL, "i", 9, NULL, NULL, false },
	{ BACK, false, "e", NULL, 0, NULL, NULL, false },
	{ BACK, false, "z", NULL, 0, NULL, NULL, true },
	{ BACK, false, NULL, NULL, 0, NULL, NULL, true },
	/* the departure: only when it was asked for */
	{ FORWARD, false, "h", "z", 9, NULL, NULL, false },
	{ FORWARD, true, "h", "z", 9, NULL, NULL, true },
	{ BACK, false, "f", "a", 9, NULL, NULL, false },
	{ BACK, true, "f", "a", 9, NULL, NULL, true },
	/* the arrival: only what is newer than the record counts */
	{ FORWARD, false, "a", "f", 50, NULL, NULL, true },
	{ FORWARD, false, "a", "f", 51, NULL, NULL, false },
	{ FORWARD, true, "g", "g", 50, NULL, NULL, true },
	{ FORWARD, true, "g", "g", 51, NULL, NULL, false },
	{ BACK, false, "z", "h", 50, NULL, NULL, true },
	{ BACK, false, "z", "h", 51, NULL, NULL, false },
	/* a move that was stopped did not arrive */
	{ FORWARD, false, "a", "f", 0, NULL, NULL, false },
	{ FORWARD, false, "a", "g", 0, NULL, NULL, true },
	{ BACK, false, "z", "h", 0, NULL, NULL, false },
	{ BACK, false, "z", "g", 0, NULL, NULL, true },
	/* keys of interest */
	{ FORWARD, false, "a", "z", 9, NULL, "f", false },
	{ FORWARD, false, "a", "z", 9, NULL, "f1", true },
	{ FORWARD, false, "a", "g", 9, NULL, "c", false },
	{ BACK, false, "z", "a", 9, "i", NULL, false },
	{ BACK, false, "z", "a", 9, "h", NULL, true },
	{ BACK, false, "z", "g", 9, "k", NULL, false },
	{ FORWARD, false, NULL, NULL, 0, "i", "z", false },
	{ FORWARD, false, NULL, NULL, 0, "g", "g1", true },
};

static struct slice key_of(const char *text)
{
	return text ? slice_str(text) : slice_of(NULL, 0);
}

static const struct table_damage *go(struct view_way *w, const struct move *m)
{
	struct slice from = key_of(m->from);
	struct entry shown = { .key = key_of(m->to), .seq = seq(m->seq) };

	w->back = m->back;
	w->asked = m->asked;
	w->low = key_of(m->low);
	w->high = key_of(m->high);
	view_way_depart(w, m->from ? &from : NULL);
	if (m->to && m->seq == 0)
		return view_way_stopped(w, shown.key);
	return view_way_arrived(w, m->to ? &shown : NULL);
}

START_TEST(a_move_meets_what_it_goes_over)
{
	const struct table_damage on_record = { .record = 1, .table = file_id(7), .min = slice_str("f"), .max = slice_str("h"),
						.max_seq = seq(50) };
	const struct move *m = &moves[_i];
	struct damage_index record;
	struct view_way w = { .record = &record, .from = BUF_INIT };
	const struct table_damage *met;
	struct arena a;

	arena_init(&a);
	damage_index_init(&record, &on_record, 1, &a);
	met = go(&w, m);
	ck_assert_msg((met != NULL) == m->meets, "%s, from %s%s to %s: %s", m->back ? "back" : "forward",
		      m->from ? m->from : "an end", m->asked ? " (asked)" : "", m->to ? m->to : "an end",
		      met ? "meets it" : "does not meet it");
	buf_fini(&w.from);
	arena_fini(&a);
}
END_TEST

START_TEST(without_a_record_nothing_is_kept)
{
	struct damage_index record = { .count = 0 };
	struct view_way w = { .record = &record, .from = BUF_INIT };
	struct slice key = slice_str("f");

	view_way_depart(&w, &key);
	ck_assert(view_way_is_sound(&w));
	ck_assert_uint_eq(w.from.n, 0);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_loop_test(tc, a_move_meets_what_it_goes_over, 0, (int)(sizeof(moves) / sizeof(moves[0])));
	tcase_add_test(tc, without_a_record_nothing_is_kept);
}

CHECK_MAIN("view/way", suite)
