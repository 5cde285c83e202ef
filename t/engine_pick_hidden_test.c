/* SPDX-License-Identifier: Apache-2.0 */
/* pick_hidden by table: what lies where, and which table of the last level is rewritten under which covers. */
#include "t/check_main.h"

#include <stdio.h>

#include "engine/pick_hidden.h"

#define MOST 12
#define NOW_MS 1000000

/* Tables of ten entries. The newest sequence of a table is its id, the oldest `old` before it. */
struct row {
	uint64_t id;
	unsigned level;
	const char *min, *max;
	uint64_t size;
	unsigned tombstones;
	char state;                      /* 0, 'b' busy, 'r' at rest, 'x' half expired */
	uint64_t filtered, old;
};

#define T(i, l, from, to, bytes, ...) { .id = i, .level = l, .min = from, .max = to, .size = bytes, .tombstones = __VA_ARGS__ }

struct one_case {
	const char *name;
	struct row rows[MOST];
	uint64_t want[MOST];             /* covers in order, then the table; none: no job */
	uint64_t room;                   /* 0: any */
	bool hopeful;
	uint64_t covered;
};

static const struct one_case cases[] = {
	{ .name = "nothing in an empty database" },
	{ .name = "nothing where nothing is deleted",
	  .rows = { T(9, 0, "a", "z", 10, 0), T(1, 6, "a", "z", 100, 0) } },
	{ .name = "nothing above what is deleted",
	  .rows = { T(9, 0, "a", "b", 10, 10), T(1, 6, "c", "z", 100, 0) } },
	{ .name = "all that lies above covers, newest first, then by level; other tables do not",
	  .rows = { T(9, 0, "a", "z", 10, 4), T(8, 0, "c", "d", 10, 0), T(7, 0, "x", "y", 10, 0), T(6, 4, "a", "c", 10, 0),
		    T(5, 4, "d", "e", 10, 0), T(4, 5, "d", "e", 10, 0), T(1, 6, "b", "d", 100, 0) },
	  .want = { 9, 8, 6, 5, 4, 1 }, .covered = 9 },
	{ .name = "the table that loses most goes first",
	  .rows = { T(9, 0, "a", "z", 10, 8), T(8, 5, "c", "d", 10, 8), T(1, 6, "a", "b", 100, 0), T(2, 6, "c", "d", 100, 0) },
	  .want = { 9, 8, 2 }, .covered = 9 },
	{ .name = "a quarter of its entries has to be deleted above it, at most",
	  .rows = { T(9, 0, "a", "z", 10, 1), T(8, 0, "a", "z", 10, 1), T(1, 6, "a", "z", 100, 0) } },
	{ .name = "in all covers together",
	  .rows = { T(9, 0, "a", "z", 10, 2), T(8, 0, "a", "z", 10, 1), T(1, 6, "a", "z", 100, 0) },
	  .want = { 9, 8, 1 }, .covered = 9 },
	{ .name = "even where one table may hold all of it and nobody knows which",
	  .rows = { T(9, 0, "a", "z", 10, 3), T(1, 6, "a", "b", 99, 0), T(2, 6, "c", "d", 100, 0), T(3, 6, "e", "f", 99, 0) },
	  .want = { 9, 2 }, .covered = 9 },
	{ .name = "what has expired hides, too",
	  .rows = { T(9, 0, "a", "z", 10, 0, .state = 'x'), T(1, 6, "a", "z", 100, 0) },
	  .want = { 9, 1 }, .covered = 9 },
	{ .name = "what a table was rewritten under does not speak for it again",
	  .rows = { T(9, 0, "a", "z", 10, 10), T(8, 5, "a", "z", 10, 10), T(1, 6, "a", "z", 100, 0, .filtered = 9) } },
	{ .name = "what is newer does, and covers alone",
	  .rows = { T(9, 0, "a", "z", 10, 10), T(8, 5, "a", "z", 10, 10), T(1, 6, "a", "z", 100, 0, .filtered = 8) },
	  .want = { 9, 1 }, .covered = 9 },
	{ .name = "by as much as it is newer: what was merged with it is known",
	  .rows = { T(109, 5, "a", "z", 10, 10, .old = 99), T(1, 6, "a", "z", 100, 0, .filtered = 90) } },
	{ .name = "and enough of it is enough",
	  .rows = { T(109, 5, "a", "z", 10, 10, .old = 99), T(1, 6, "a", "z", 100, 0, .filtered = 60) },
	  .want = { 109, 1 }, .covered = 109 },
	{ .name = "another table that was not is next",
	  .rows = { T(9, 0, "a", "z", 10, 10), T(1, 6, "a", "b", 100, 0, .filtered = 9), T(2, 6, "c", "d", 50, 0) },
	  .want = { 9, 2 }, .covered = 9 },
	{ .name = "busy covers and those that rest are no covers",
	  .rows = { T(9, 0, "a", "z", 10, 10, .state = 'b'), T(8, 0, "a", "z", 10, 10, .state = 'r'), T(7, 0, "a", "z", 10, 3), T(1, 6, "a", "z", 100, 0) },
	  .want = { 7, 1 }, .covered = 7 },
	{ .name = "none but those",
	  .rows = { T(9, 0, "a", "z", 10, 10, .state = 'b'), T(8, 0, "a", "z", 10, 10, .state = 'r'), T(1, 6, "a", "z", 100, 0) } },
	{ .name = "a busy table stays as it is, and one that rests",
	  .rows = { T(9, 0, "a", "z", 10, 10), T(1, 6, "a", "b", 100, 0, .state = 'b'), T(2, 6, "c", "d", 100, 0, .state = 'r'), T(3, 6, "e", "f", 9, 0) },
	  .want = { 9, 3 }, .covered = 9 },
	{ .name = "there must be room for the table as it is",
	  .rows = { T(9, 0, "a", "z", 10, 10), T(1, 6, "a", "b", 100, 0), T(2, 6, "c", "d", 70, 0) }, .room = 70,
	  .want = { 9, 2 }, .covered = 9 },
	{ .name = "none fits",
	  .rows = { T(9, 0, "a", "z", 10, 10), T(1, 6, "a", "b", 100, 0), T(2, 6, "c", "d", 70, 0) }, .room = 69 },
	{ .name = "in hope, for twice what should be left of it",
	  .rows = { T(9, 0, "a", "b", 10, 8), T(1, 6, "a", "b", 100, 0), T(2, 6, "c", "d", 70, 0) }, .room = 41, .hopeful = true,
	  .want = { 9, 1 }, .covered = 9 },
	{ .name = "not for less",
	  .rows = { T(9, 0, "a", "b", 10, 8), T(1, 6, "a", "b", 100, 0) }, .room = 39, .hopeful = true },
};

static struct version *build(const struct row *rows, size_t n)
{
	struct version *v = version_new();

	for (size_t i = 0; i < n && rows[i].id; i++) {
		const struct row *r = &rows[i];
		struct live_table t = { .facts = { .id = file_id(r->id), .size_bytes = r->size, .min_key = slice_str(r->min),
						   .max_key = slice_str(r->max), .min_seq = seq(r->id - r->old), .max_seq = seq(r->id),
						   .entry_count = 10, .tombstone_count = r->tombstones },
					.level = r->level, .created_ms = NOW_MS, .filtered = seq(r->filtered) };
		struct version_edit e = { .added = &t, .added_count = 1 };

		if (r->state == 'x') {
			t.facts.expiring_count = 5;
			t.facts.min_expires_ms = NOW_MS - 2;
			t.facts.max_expires_ms = NOW_MS - 1;
		}
		ck_assert_int_eq(version_check(v, &e), ST_OK);
		version_apply(v, &e);
		if (r->state == 'b')
			version_set_busy(v, file_id(r->id), true);
	}
	return v;
}

static void check_job(const struct one_case *c, bool found, const struct pick_job *job)
{
	size_t want = 0;

	while (want < MOST && c->want[want])
		want++;
	ck_assert_msg(found == (want > 0), "%s: %s", c->name, found ? "found a job" : "found none");
	if (!found)
		return;
	ck_assert_msg(job->input_count == want && job->cover_count == want - 1, "%s: %zu inputs", c->name, job->input_count);
	for (size_t i = 0; i < want; i++)
		ck_assert_msg(job->inputs[i]->facts.id.v == c->want[i], "%s: input %zu is %d", c->name, i,
			      (int)job->inputs[i]->facts.id.v);
	ck_assert(job->input_level == LEVEL_LAST && job->output_level == LEVEL_LAST && !job->move);
	ck_assert_msg(job->covered.v == c->covered, "%s: up to %d", c->name, (int)job->covered.v);
	ck_assert(slice_eq(job->min, job->inputs[want - 1]->facts.min_key) && slice_eq(job->max, job->inputs[want - 1]->facts.max_key));
	ck_assert_uint_eq(job->input_bytes, job->inputs[want - 1]->facts.size_bytes);
	ck_assert_uint_eq(job->input_entries, 10);
}

START_TEST(each_layout_gives_the_job_it_must)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct one_case *c = &cases[i];
		struct version *v = build(c->rows, MOST);
		struct pick_question q = { .version = v, .table_size_target = 100, .now_ms = NOW_MS, .room_bytes = c->room,
					   .hopeful = c->hopeful };
		struct file_id resting[MOST];
		struct pick_job job;
		struct arena a;

		q.resting = resting;
		for (size_t t = 0; t < MOST && c->rows[t].id; t++)
			if (c->rows[t].state == 'r')
				resting[q.resting_count++] = file_id(c->rows[t].id);
		arena_init(&a);
		check_job(c, pick_hidden(&q, &a, &job), &job);
		arena_fini(&a);
		version_free(&v);
	}
}
END_TEST

START_TEST(nothing_is_rewritten_where_a_running_job_writes)
{
	static const struct row rows[MOST] = { T(9, 0, "a", "z", 10, 10), T(1, 6, "a", "b", 100, 0) };
	struct pick_running running = { 5, 6, slice_str("b"), slice_str("c") };
	struct version *v = build(rows, MOST);
	struct pick_question q = { .version = v, .table_size_target = 100, .now_ms = NOW_MS, .running = &running, .running_count = 1 };
	struct pick_job job;
	struct arena a;

	arena_init(&a);
	ck_assert(!pick_hidden(&q, &a, &job));
	running.min = slice_str("c");
	ck_assert(pick_hidden(&q, &a, &job));
	arena_fini(&a);
	version_free(&v);
}
END_TEST

/* A hundred tables of level 0 over one: the oldest come first, the others when that was done. */
START_TEST(of_many_covers_the_oldest_are_taken_and_the_others_the_next_time)
{
	struct row rows[101] = { T(1, 6, "a", "z", 100, 0) };
	struct version *v;

	for (uint64_t i = 1; i <= 100; i++)
		rows[i] = (struct row)T(1 + i, 0, "a", "z", 10, 1);
	for (unsigned round = 0; round < 3; round++) {
		struct pick_question q = { .table_size_target = 100, .now_ms = NOW_MS };
		struct pick_job job;
		struct arena a;

		arena_init(&a);
		q.version = v = build(rows, 101);
		ck_assert_int_eq(pick_hidden(&q, &a, &job), round < 2);
		if (round < 2) {
			ck_assert_uint_eq(job.cover_count, round == 0 ? PICK_COVERS_MOST : 100 - PICK_COVERS_MOST);
			ck_assert_uint_eq(job.covered.v, round == 0 ? 1 + PICK_COVERS_MOST : 101);
			rows[0].filtered = job.covered.v;
		}
		arena_fini(&a);
		version_free(&v);
	}
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, each_layout_gives_the_job_it_must);
	tcase_add_test(tc, nothing_is_rewritten_where_a_running_job_writes);
	tcase_add_test(tc, of_many_covers_the_oldest_are_taken_and_the_others_the_next_time);
}

CHECK_MAIN("engine/pick_hidden", suite)
