/* SPDX-License-Identifier: Apache-2.0 */
/* pick by table: which tables lie where, and which job must come of it. */
#include "t/check_main.h"

#include <stdio.h>

#include "common/base/rand.h"
#include "engine/pick.h"

#define MOST 8

struct row {
	uint64_t id;
	unsigned level;
	const char *min, *max;
	uint64_t size;
	char state;                      /* 0, 'b' busy, 'q' quarantined */
};

/* In the cases a memtable has 100 bytes, four tables trigger level 0: level 1 may have 400 bytes, level 2 4000. */
static const struct pick_conf conf = { .level0_trigger = 4, .memtable_size_limit = 100, .level_size_ratio = 10 };

struct one_case {
	const char *name;
	struct row rows[MOST];           /* level 0: the higher the id, the newer */
	struct { unsigned level; const char *min, *max; } running;
	const char *cursor;              /* of level 1 */
	uint64_t want[MOST];             /* inputs in order; none: no job */
	bool move;
	const char *deeper;              /* "a-c,f-g" */
	uint64_t room;                   /* 0: any */
	bool hurry;
};

static const struct one_case cases[] = {
	{ .name = "nothing to do in an empty database" },
	{ .name = "three tables do not trigger level 0",
	  .rows = { { 1, 0, "a", "z", 10, 0 }, { 2, 0, "a", "z", 10, 0 }, { 3, 0, "a", "z", 10, 0 } } },
	{ .name = "all of level 0, newest first, and what lies below, by key",
	  .rows = { { 1, 0, "a", "m", 10, 0 }, { 2, 0, "c", "p", 10, 0 }, { 3, 0, "a", "b", 10, 0 }, { 4, 0, "a", "d", 10, 0 },
		    { 5, 1, "a", "b", 10, 0 }, { 6, 1, "o", "q", 10, 0 }, { 7, 1, "r", "s", 10, 0 } },
	  .want = { 4, 3, 2, 1, 5, 6 } },
	{ .name = "the oldest table that meets nothing just moves",
	  .rows = { { 1, 0, "a", "b", 10, 0 }, { 2, 0, "c", "d", 10, 0 }, { 3, 0, "e", "f", 10, 0 }, { 4, 0, "g", "h", 10, 0 },
		    { 5, 1, "x", "z", 10, 0 } },
	  .want = { 1 }, .move = true },
	{ .name = "a table that something below meets does not move",
	  .rows = { { 1, 0, "a", "b", 10, 0 }, { 2, 0, "c", "d", 10, 0 }, { 3, 0, "e", "f", 10, 0 }, { 4, 0, "g", "h", 10, 0 },
		    { 5, 1, "b", "c", 10, 0 } },
	  .want = { 4, 3, 2, 1, 5 } },
	{ .name = "one job of level 0 at a time",
	  .rows = { { 1, 0, "a", "b", 10, 'b' }, { 2, 0, "c", "d", 10, 0 }, { 3, 0, "e", "f", 10, 0 }, { 4, 0, "g", "h", 10, 0 },
		    { 5, 0, "i", "j", 10, 0 }, { 6, 0, "k", "l", 10, 0 } } },
	{ .name = "a busy table below holds level 0 up",
	  .rows = { { 1, 0, "a", "m", 10, 0 }, { 2, 0, "c", "p", 10, 0 }, { 3, 0, "a", "b", 10, 0 }, { 4, 0, "a", "d", 10, 0 },
		    { 5, 1, "k", "l", 10, 'b' } } },
	{ .name = "what is newer than a quarantined table it meets stays above it",
	  .rows = { { 1, 0, "a", "d", 10, 0 }, { 2, 0, "c", "f", 10, 'q' }, { 3, 0, "a", "b", 10, 0 }, { 4, 0, "e", "h", 10, 0 },
		    { 5, 0, "g", "j", 10, 0 }, { 6, 0, "a", "b", 10, 0 } },
	  .want = { 6, 3, 1 } },
	{ .name = "a running job that writes there holds level 0 up",
	  .rows = { { 1, 0, "a", "b", 10, 0 }, { 2, 0, "c", "d", 10, 0 }, { 3, 0, "e", "f", 10, 0 }, { 4, 0, "g", "h", 10, 0 } },
	  .running = { 1, "a", "k" } },
	{ .name = "a level below its target stays",
	  .rows = { { 1, 1, "a", "b", 399, 0 } } },
	{ .name = "an over-full level gives the first table behind the cursor",
	  .rows = { { 1, 1, "a", "b", 200, 0 }, { 2, 1, "c", "d", 200, 0 }, { 3, 1, "e", "f", 200, 0 },
		    { 4, 2, "b", "c", 10, 0 }, { 5, 2, "d", "e", 10, 0 } },
	  .cursor = "b", .want = { 2, 4, 5 } },
	{ .name = "the cursor goes round",
	  .rows = { { 1, 1, "a", "b", 200, 0 }, { 2, 1, "c", "d", 200, 0 }, { 4, 2, "b", "c", 10, 0 } },
	  .cursor = "d", .want = { 1, 4 } },
	{ .name = "a table alone moves down",
	  .rows = { { 1, 1, "a", "b", 200, 0 }, { 2, 1, "c", "d", 200, 0 }, { 4, 2, "x", "z", 10, 0 } },
	  .want = { 1 }, .move = true },
	{ .name = "a busy table is passed over, and so is one above a busy table",
	  .rows = { { 1, 1, "a", "b", 400, 'b' }, { 2, 1, "c", "d", 400, 0 }, { 3, 1, "e", "f", 400, 0 },
		    { 4, 2, "d", "d", 10, 'b' }, { 5, 2, "f", "g", 10, 0 } },
	  .want = { 3, 5 } },
	{ .name = "nothing goes where a running job writes",
	  .rows = { { 1, 1, "a", "b", 400, 0 }, { 2, 1, "k", "l", 400, 0 } },
	  .running = { 2, "a", "f" }, .want = { 2 }, .move = true },
	{ .name = "what lies deeper is told, merged and in order",
	  .rows = { { 1, 1, "d", "h", 400, 0 }, { 2, 2, "c", "e", 10, 0 }, { 3, 3, "a", "c", 10, 0 }, { 4, 3, "g", "k", 10, 0 },
		    { 5, 4, "b", "d", 10, 0 }, { 6, 5, "x", "z", 10, 0 } },
	  .want = { 1, 2 }, .deeper = "a-d,g-k" },
	{ .name = "the last level has nowhere to go",
	  .rows = { { 1, 6, "a", "b", UINT64_C(1) << 50, 0 } } },
	{ .name = "the fullest level wins",
	  .rows = { { 1, 1, "a", "b", 500, 0 }, { 2, 2, "a", "b", 9000, 0 } },
	  .want = { 2 }, .move = true },
	{ .name = "when the fullest can do nothing the next one does",
	  .rows = { { 1, 1, "a", "b", 500, 0 }, { 2, 2, "k", "l", 9000, 0 }, { 3, 3, "k", "m", 10, 'q' } },
	  .want = { 1 }, .move = true },
	{ .name = "on a full disk one table of level 0 is reason enough",
	  .rows = { { 1, 0, "a", "m", 10, 0 }, { 2, 1, "b", "c", 10, 0 } },
	  .hurry = true, .want = { 1, 2 } },
	{ .name = "what does not fit on the disk is not begun",
	  .rows = { { 1, 0, "a", "m", 10, 0 }, { 2, 1, "b", "c", 10, 0 } },
	  .hurry = true, .room = 19 },
	{ .name = "what just fits is",
	  .rows = { { 1, 0, "a", "m", 10, 0 }, { 2, 1, "b", "c", 10, 0 } },
	  .hurry = true, .room = 20, .want = { 1, 2 } },
	{ .name = "a table that does not fit is passed over for one that does",
	  .rows = { { 1, 1, "a", "b", 300, 0 }, { 2, 1, "c", "d", 200, 0 }, { 3, 2, "b", "b", 100, 0 }, { 4, 2, "d", "d", 100, 0 } },
	  .room = 399, .want = { 2, 4 } },
	{ .name = "a move needs no room",
	  .rows = { { 1, 1, "a", "b", 500, 0 } },
	  .room = 1, .want = { 1 }, .move = true },
};

static struct live_table table_of(const struct row *r)
{
	return (struct live_table){ .facts = { .id = file_id(r->id), .size_bytes = r->size, .min_key = slice_str(r->min),
					       .max_key = slice_str(r->max), .min_seq = seq(r->id), .max_seq = seq(r->id),
					       .entry_count = 1 },
				    .level = r->level, .quarantined = r->state == 'q' };
}

static struct version *build(const struct row *rows)
{
	struct version *v = version_new();

	for (size_t i = 0; i < MOST && rows[i].id; i++) {
		struct live_table t = table_of(&rows[i]);
		struct version_edit e = { .added = &t, .added_count = 1 };

		ck_assert_int_eq(version_check(v, &e), ST_OK);
		version_apply(v, &e);
		if (rows[i].state == 'b')
			version_set_busy(v, file_id(rows[i].id), true);
	}
	return v;
}

static void write_deeper(const struct pick_job *job, struct buf *out)
{
	for (size_t i = 0; i < job->deeper_count; i++) {
		buf_append_str(out, i ? "," : "");
		buf_append_slice(out, job->deeper[i].min);
		buf_append_str(out, "-");
		buf_append_slice(out, job->deeper[i].max);
	}
}

static void check_job(const struct one_case *c, bool found, const struct pick_job *job)
{
	struct buf deeper = BUF_INIT;
	size_t want = 0;

	while (want < MOST && c->want[want])
		want++;
	ck_assert_msg(found == (want > 0), "%s: %s", c->name, found ? "found a job" : "found none");
	if (!found)
		return;
	ck_assert_msg(job->input_count == want, "%s: %zu inputs", c->name, job->input_count);
	for (size_t i = 0; i < want; i++)
		ck_assert_msg(job->inputs[i]->facts.id.v == c->want[i], "%s: input %zu is %d", c->name, i,
			      (int)job->inputs[i]->facts.id.v);
	ck_assert_msg(job->move == c->move, "%s: move", c->name);
	ck_assert_uint_eq(job->output_level, job->input_level + 1);
	write_deeper(job, &deeper);
	if (c->deeper)
		ck_assert_str_eq(buf_cstr(&deeper), c->deeper);
	buf_fini(&deeper);
}

START_TEST(each_layout_gives_the_job_it_must)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct one_case *c = &cases[i];
		struct pick_running running = { .output_level = c->running.level };
		struct version *v = build(c->rows);
		struct pick_cursors cursors = { 0 };
		struct pick_conf with = conf;
		struct pick_job job;
		struct arena a;

		arena_init(&a);
		with.room_bytes = c->room;
		with.hurry = c->hurry;
		if (c->running.min) {
			running.min = slice_str(c->running.min);
			running.max = slice_str(c->running.max);
		}
		if (c->cursor) {
			cursors.level[1].key[0] = (uint8_t)c->cursor[0];
			cursors.level[1].n = 1;
		}
		check_job(c, pick_next(v, &with, &running, c->running.min != NULL, &cursors, &a, &job), &job);
		arena_fini(&a);
		version_free(&v);
	}
}
END_TEST

START_TEST(the_reason_is_a_sentence_for_people)
{
	const struct row rows[MOST] = { { 1, 0, "a", "m", 10, 0 }, { 2, 0, "c", "p", 10, 0 }, { 3, 0, "a", "b", 10, 0 },
					{ 4, 0, "a", "d", 10, 0 } };
	struct pick_cursors cursors = { 0 };
	struct version *v = build(rows);
	struct pick_job job;
	struct arena a;

	arena_init(&a);
	ck_assert(pick_next(v, &conf, NULL, 0, &cursors, &a, &job));
	ck_assert_str_eq(job.reason, "level 0 has 4 tables");
	arena_fini(&a);
	version_free(&v);
}
END_TEST

/* One table on level 1 above many small ones on level 3. */
static struct version *build_above_many(struct live_table *many, char (*keys)[8], size_t n)
{
	const struct row rows[MOST] = { { 1, 1, "0", "9", 400, 0 } };
	struct version *v = build(rows);
	struct version_edit e = { .added = many, .added_count = n };

	for (size_t i = 0; i < n; i++) {
		struct row r = { 2 + i, 3, keys[i], keys[i], 1, 0 };

		(void)snprintf(keys[i], sizeof(keys[i]), "%06zu", i);
		many[i] = table_of(&r);
	}
	ck_assert_int_eq(version_check(v, &e), ST_OK);
	version_apply(v, &e);
	return v;
}

START_TEST(very_many_deeper_ranges_are_told_as_fewer_that_cover_them_all)
{
	enum { TABLES = 10001 };
	static char keys[TABLES][8];
	static struct live_table many[TABLES];
	struct version *v = build_above_many(many, keys, TABLES);
	struct pick_cursors cursors = { 0 };
	struct pick_job job;
	struct arena a;
	size_t at = 0;

	arena_init(&a);
	ck_assert(pick_next(v, &conf, NULL, 0, &cursors, &a, &job));
	ck_assert_uint_eq(job.input_count, 1);
	ck_assert_uint_le(job.deeper_count, 4096);
	ck_assert_uint_gt(job.deeper_count, 2048);
	for (size_t i = 0; i < job.deeper_count; i++) {
		ck_assert(slice_eq(job.deeper[i].min, slice_str(keys[at])));
		while (at < TABLES && slice_cmp(slice_str(keys[at]), job.deeper[i].max) <= 0)
			at++;
		ck_assert(slice_eq(job.deeper[i].max, slice_str(keys[at - 1])));
	}
	ck_assert_uint_eq(at, TABLES);
	arena_fini(&a);
	version_free(&v);
}
END_TEST

/* ---- many random steps: what every job must keep ---- */

static void random_flush(struct version *v, struct rnd *rnd, uint64_t id)
{
	char min[2] = { (char)('a' + rnd_below(rnd, 20)), 0 }, max[2] = { (char)(min[0] + (int)rnd_below(rnd, 6)), 0 };
	struct row r = { id, 0, min, max, 50 + rnd_below(rnd, 200), 0 };
	struct live_table t = table_of(&r);
	struct version_edit e = { .added = &t, .added_count = 1 };

	ck_assert_int_eq(version_check(v, &e), ST_OK);
	version_apply(v, &e);
}

/* Does the job as a compactor would: one table of the whole range takes the place of the inputs. */
static void apply(struct version *v, const struct pick_job *job, uint64_t id)
{
	struct file_id removed[64];
	struct live_table t = *job->inputs[0];
	struct version_edit e = { .added = &t, .added_count = 1, .removed = removed, .removed_count = job->input_count };

	ck_assert_uint_le(job->input_count, 64);
	for (size_t i = 0; i < job->input_count; i++)
		removed[i] = job->inputs[i]->facts.id;
	t.level = job->output_level;
	if (!job->move) {
		t.facts.id = file_id(id);
		t.facts.min_key = job->min;
		t.facts.max_key = job->max;
		t.facts.size_bytes = job->input_bytes / 2;
	}
	ck_assert_int_eq(version_check(v, &e), ST_OK);
	version_apply(v, &e);
}

START_TEST(every_job_leaves_a_legal_version_and_work_comes_to_an_end)
{
	struct pick_cursors cursors = { 0 };
	struct version *v = version_new();
	struct rnd rnd = { 7 };
	uint64_t id = 1;

	for (int flush = 0; flush < 300; flush++) {
		struct pick_job job;
		struct arena a;
		int jobs = 0;

		random_flush(v, &rnd, id++);
		arena_init(&a);
		while (pick_next(v, &conf, NULL, 0, &cursors, &a, &job)) {
			pick_advance(&cursors, &job);
			apply(v, &job, id++);
			ck_assert_int_lt(++jobs, 1000);
			arena_reset(&a);
		}
		arena_fini(&a);
		ck_assert_uint_lt(version_level(v, 0).count, 4);
		ck_assert_uint_lt(version_level(v, 1).bytes, 400);
	}
	version_free(&v);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, each_layout_gives_the_job_it_must);
	tcase_add_test(tc, very_many_deeper_ranges_are_told_as_fewer_that_cover_them_all);
	tcase_add_test(tc, the_reason_is_a_sentence_for_people);
	tcase_add_test(tc, every_job_leaves_a_legal_version_and_work_comes_to_an_end);
}

CHECK_MAIN("engine/pick", suite)
