/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of levels by table: what lies where, and which shape must come of it. */
#include "t/check_main.h"

#include "engine/levels.h"

/* A memtable has 1000 bytes, 750 as a table while tables are not compressed; four of them trigger level 0, sixteen are B, 12000. */
static const struct levels_conf conf = { 4, 1000, 10 };

static struct version *build(const uint64_t *bytes, unsigned level0_tables, uint64_t raw_factor)
{
	struct version *v = version_new();
	uint64_t id = 1;

	for (unsigned n = 0; n < LEVEL_COUNT; n++) {
		unsigned tables = n == 0 ? level0_tables : bytes[n] > 0;

		for (unsigned i = 0; i < tables; i++) {
			uint64_t size = n == 0 ? bytes[0] / level0_tables : bytes[n];
			struct live_table t = { .level = n,
						.facts = { .id = file_id(id), .size_bytes = size, .min_key = slice_str("a"),
							   .max_key = slice_str("z"), .min_seq = seq(id), .max_seq = seq(id),
							   .entry_count = 1, .uncompressed_bytes = size * raw_factor } };
			struct version_edit e = { .added = &t, .added_count = 1 };

			ck_assert_int_eq(version_check(v, &e), ST_OK);
			version_apply(v, &e);
			id++;
		}
	}
	return v;
}

static const struct shape {
	const char *name;
	uint64_t bytes[LEVEL_COUNT];
	unsigned level0_tables;
	uint64_t raw_factor;
	unsigned base;
	uint64_t target[LEVEL_COUNT];    /* of levels 1 to 5 */
	uint64_t debt;
} shapes[] = {
	{ "empty", { 0 }, 0, 1, 6, { 0 }, 0 },
	{ "three tables on level 0 owe nothing", { 900 }, 3, 1, 6, { 0 }, 0 },
	{ "four go to the last level while it holds a quarter of that", { 3000, 0, 0, 0, 0, 0, 750 }, 4, 1, 6, { 0 }, 3750 },
	{ "eight when it holds twice as much, not seven", { 5250, 0, 0, 0, 0, 0, 1500 }, 7, 1, 6, { 0 }, 0 },
	{ "but eight", { 6000, 0, 0, 0, 0, 0, 1500 }, 8, 1, 6, { 0 }, 7500 },
	{ "fifteen wait when it is large", { 15000, 0, 0, 0, 0, 0, 25000 }, 15, 1, 5, { 0, 0, 0, 0, 0, 30000 }, 0 },
	{ "sixteen never", { 16000, 0, 0, 0, 0, 0, 25000 }, 16, 1, 5, { 0, 0, 0, 0, 0, 30000 }, 16000 },
	{ "they are merged with what gathered before them", { 16000, 0, 0, 0, 0, 14000, 25000 }, 16, 1, 5,
	  { 0, 0, 0, 0, 0, 30000 }, 16000 + 14000 },
	{ "until that is enough to go on", { 16000, 0, 0, 0, 0, 14001, 25000 }, 16, 1, 5, { 0, 0, 0, 0, 0, 30000 },
	  16000 + 14001 + 25000 },
	{ "nothing gathers in front of less than 1.75 B", { 0, 0, 0, 0, 0, 0, 20999 }, 0, 1, 6, { 0 }, 0 },
	{ "two batches in front of that", { 0, 0, 0, 0, 0, 0, 21000 }, 0, 1, 5, { 0, 0, 0, 0, 0, 18000 }, 0 },
	{ "a small database needs no level between", { 0, 0, 0, 0, 0, 0, 89000 }, 0, 1, 5, { 0, 0, 0, 0, 0, 42000 }, 0 },
	{ "a larger one gets one, half way in fan-out", { 0, 0, 0, 0, 0, 0, 192000 }, 0, 1, 4, { 0, 0, 0, 0, 30000, 48001 }, 0 },
	{ "and two", { 0, 0, 0, 0, 0, 0, 12000 * 343 }, 0, 1, 3, { 0, 0, 0, 42000, 84001, 588001 }, 0 },
	{ "tables that shrink to a quarter make level 0's batch that small", { 0, 0, 0, 0, 0, 0, 48000 }, 0, 4, 4,
	  { 0, 0, 0, 0, 7500, 12001 }, 0 },
	{ "a level above the shape is the base until it is empty", { 0, 0, 0, 500, 0, 0, 192000 }, 0, 1, 3,
	  { 0, 0, 0, 0, 30000, 48001 }, 500 },
	{ "a level over its size owes that, and what it meets below", { 0, 0, 0, 0, 0, 96002, 192000 }, 0, 1, 4,
	  { 0, 0, 0, 0, 30000, 48001 }, 48001 + 96000 },
	{ "what level 0 brings may make the level below too large", { 48001, 0, 0, 0, 0, 48001, 192000 }, 16, 1, 4,
	  { 0, 0, 0, 0, 30000, 48001 }, 48001 + 48001 + 48001 + 95999 },
};

START_TEST(the_ends_decide_the_levels_between_and_what_is_owed)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		const struct shape *s = &shapes[i];
		struct version *v = build(s->bytes, s->level0_tables, s->raw_factor);
		struct levels l;
		uint64_t debt;

		levels_measure(v, &conf, &l);
		debt = levels_debt(&l);
		ck_assert_msg(l.base == s->base, "%s: base %u", s->name, l.base);
		for (unsigned n = 1; n < LEVEL_LAST; n++)
			ck_assert_msg(l.target[n] >= s->target[n] - (s->target[n] > 1) && l.target[n] <= s->target[n],
				      "%s: target %u is %llu", s->name, n, (unsigned long long)l.target[n]);
		ck_assert_msg(l.target[LEVEL_LAST] == UINT64_MAX, "%s: the last level", s->name);
		ck_assert_msg(debt + 2 >= s->debt && debt <= s->debt + 2, "%s: debt %llu", s->name, (unsigned long long)debt);
		version_free(&v);
	}
}
END_TEST

START_TEST(scores_count_what_is_free)
{
	const uint64_t bytes[LEVEL_COUNT] = { 4000, 0, 10, 0, 0, 96002, 192000 };
	struct version *v = build(bytes, 4, 1);
	struct levels l;

	levels_measure(v, &conf, &l);
	ck_assert(levels_score(&l, 0) == 1);
	ck_assert(levels_score(&l, 1) == 0);
	ck_assert(levels_score(&l, 2) == 1);     /* should be empty */
	ck_assert(levels_score(&l, 5) > 1.99 && levels_score(&l, 5) < 2.01);
	ck_assert(levels_score(&l, 6) == 0);
	version_set_busy(v, file_id(1), true);
	version_set_busy(v, file_id(2), true);
	version_set_busy(v, version_level(v, 5).tables[0]->facts.id, true);
	levels_measure(v, &conf, &l);
	ck_assert(levels_score(&l, 0) == 0.5);
	ck_assert(levels_score(&l, 5) == 0);
	ck_assert_uint_eq(l.base, 2);
	version_free(&v);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, the_ends_decide_the_levels_between_and_what_is_owed);
	tcase_add_test(tc, scores_count_what_is_free);
}

CHECK_MAIN("engine/levels", suite)
