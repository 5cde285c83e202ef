/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compaction from order to commit, with the real compactor's job, in parts: whatever fails while it is installed, all
 * of it counts or nothing does; and a database shrinks to what lives in it.
 */
#include "t/engine_world.h"

#include "common/vfs/fault.h"
#include "compactor/job.h"
#include "engine/compaction.h"
#include "engine/pick_hidden.h"

#define KEYS 120u

static void key_of(unsigned k, char out[16])
{
	snprintf(out, 16, "key%05u", k);
}

/* Keys from, from + step ... in one batch, flushed. NULL deletes. */
static void write_keys(struct world *w, unsigned from, unsigned to, unsigned step, const char *value)
{
	struct world_batch b = { .bytes = BUF_INIT };
	char key[16];

	for (unsigned k = from; k < to; k += step) {
		key_of(k, key);
		world_put(&b, key, value);
	}
	(void)world_commit(w, &b);
	world_rotate(w);
	world_flush_all(w);
}

static void check_reader(struct world_reader *r, const char *even, const char *odd)
{
	char key[16];

	for (unsigned k = 0; k < KEYS; k++) {
		key_of(k, key);
		world_check(r, key, k % 2 ? odd : even);
	}
}

static void check_keys(struct world *w, const char *even, const char *odd)
{
	struct world_reader r = world_reader(w);

	check_reader(&r, even, odd);
	world_reader_end(&r);
}

typedef bool pick_f(const struct pick_question *q, struct arena *a, struct pick_job *jobp);

/* The next job, cut for three compactors, with its ids; NULL: none. */
static struct compaction *next_job_of(struct world *w, pick_f *pick)
{
	struct pick_question q = world_question(w, world_now_ms);
	struct compaction *c = compaction_new();
	struct file_id first;
	bool found;

	q.version = truth_lock(w->db.truth);
	found = pick(&q, &c->arena, &c->pick);
	if (found)
		compaction_own(c, q.version);
	truth_unlock(w->db.truth);
	if (!found) {
		compaction_free(&c);
		return NULL;
	}
	compaction_set_inputs(c);
	c->number = w->db.next_job++;
	if (c->pick.move)
		return c;
	ck_ok(truth_take_ids(w->db.truth, compaction_cut(c, 3, 1, w->conf.table_size_target), &first));
	compaction_set_ids(c, first);
	return c;
}

static struct compaction *next_job(struct world *w)
{
	return next_job_of(w, pick_next);
}

static struct compact_report do_part(struct world *w, struct compaction *c, size_t part, struct arena *a, struct job **jobp)
{
	struct compact_order common = { .incarnation = truth_incarnation(w->db.truth), .database = truth_database(w->db.truth),
					.table_size_target = w->conf.table_size_target }, *order = arena_alloc(a, sizeof(*order));
	struct compact_report r;
	struct buf b = BUF_INIT;

	compaction_encode(c, part, &common, &b);
	ck_ok(compact_order_decode(arena_dup(a, buf_slice(&b)), a, order));
	buf_fini(&b);
	*jobp = job_new(w->vfs, w->dir, order, world_now_ms);
	job_run(*jobp, &r);
	ck_ok(r.status);
	return r;
}

static void do_parts(struct world *w, struct compaction *c)
{
	for (size_t i = 0; i < c->part_count; i++) {
		struct compact_report r;
		struct arena a;
		struct job *job;

		arena_init(&a);
		r = do_part(w, c, i, &a, &job);
		ck_ok(compaction_take(c, i, &r));
		job_free(&job);
		arena_fini(&a);
	}
}

static enum st install(struct world *w, struct compaction *c)
{
	struct install_dir d = { w->vfs, w->dir, truth_database(w->db.truth) };

	return compaction_install(c, w->db.truth, &d);
}

static void compact_all(struct world *w)
{
	struct compaction *c;

	while ((c = next_job(w)) != NULL) {
		if (c->pick.move) {
			ck_ok(compaction_move(c, w->db.truth));
		} else {
			do_parts(w, c);
			ck_ok(install(w, c));
		}
		compaction_free(&c);
	}
}

static uint64_t table_bytes(struct world *w)
{
	return truth_table_bytes(w->db.truth);
}

/* Several tables on the last level, then four over all of them on level 0. */
static void prepare(struct world *w, struct vfs *v)
{
	world_begin(w, v);
	w->conf.memtable_size_limit = 1 << 20;
	w->conf.table_size_target = 512;
	w->at_rest = true;
	write_keys(w, 0, KEYS, 1, "old");
	write_keys(w, 0, KEYS, 1, "old");       /* so that they are merged, not moved */
	compact_all(w);
	w->at_rest = false;
	for (unsigned i = 0; i < 3; i++)
		write_keys(w, 0, KEYS, 2, "middle");
	write_keys(w, 0, KEYS, 2, "new");
	check_keys(w, "new", "old");
}

static bool install_with_failure(uint64_t n, bool for_good)
{
	struct vfs *fault = fault_new(vfs_posix());
	struct compaction *c;
	struct world w;
	bool fired, done;
	enum st st;

	prepare(&w, fault);
	c = next_job(&w);
	ck_assert_uint_eq(c->part_count, 3);
	do_parts(&w, c);
	fault_arm(fault, FAULT_ALL, n, for_good, ST_IO);
	st = install(&w, c);
	fired = fault_fired(fault);
	fault_arm(fault, FAULT_ALL, 0, false, ST_OK);
	ck_assert(fired || st == ST_OK);
	done = version_level(truth_lock(w.db.truth), 0).count == 0;
	truth_unlock(w.db.truth);
	ck_assert(done == (st == ST_OK));
	if (st)
		install_remove(&(struct install_dir){ w.vfs, w.dir, truth_database(w.db.truth) }, c->first_output, c->id_count);
	compaction_free(&c);
	check_keys(&w, "new", "old");
	compact_all(&w);                         /* the next try */
	check_keys(&w, "new", "old");
	world_close(&w);
	world_forget_memtables(&w);
	world_open(&w);
	check_keys(&w, "new", "old");
	ck_assert_uint_eq(truth_level0_count(w.db.truth), 0);
	world_end(&w);
	fault_free(&fault);
	return fired;
}

START_TEST(whatever_fails_while_three_parts_are_installed_all_of_them_count_or_none)
{
	uint64_t n = 1;

	while (install_with_failure(n, n % 2 == 0))      /* a hiccup, a broken disk */
		n++;
	ck_assert_uint_gt(n, 20);
}
END_TEST

START_TEST(an_entry_that_got_lost_between_two_parts_is_missed)
{
	struct compaction *c;
	struct arena a;
	struct world w;

	prepare(&w, vfs_posix());
	c = next_job(&w);
	arena_init(&a);
	for (size_t i = 0; i < c->part_count; i++) {
		struct compact_report r;
		struct job *job;

		if (i == 1) {                    /* it begins behind the key where the one before ended */
			struct buf behind = BUF_INIT;

			buf_append_slice(&behind, c->parts[i].range.begin);
			buf_append_str(&behind, "+");
			c->parts[i].range.begin = arena_dup(&a, buf_slice(&behind));
			buf_fini(&behind);
		}
		r = do_part(&w, c, i, &a, &job);
		ck_ok(compaction_take(c, i, &r));
		job_free(&job);
	}
	ck_assert_int_eq(install(&w, c), ST_CORRUPT);
	check_keys(&w, "new", "old");
	compaction_free(&c);
	arena_fini(&a);
	world_end(&w);
}
END_TEST

START_TEST(a_part_may_not_report_what_lies_outside_its_range_or_ids)
{
	struct compact_report r, twisted;
	struct table_facts f;
	struct compaction *c;
	struct arena a;
	struct world w;
	struct job *job;

	prepare(&w, vfs_posix());
	c = next_job(&w);
	arena_init(&a);
	r = do_part(&w, c, 1, &a, &job);
	f = r.outputs[0];
	twisted = r;
	twisted.outputs = &f;
	twisted.output_count = 1;
	f.id.v += c->parts[1].id_count;
	ck_assert_int_eq(compaction_take(c, 1, &twisted), ST_INVALID);
	f = r.outputs[0];
	f.min_key = slice_str("key00000");
	ck_assert_int_eq(compaction_take(c, 1, &twisted), ST_INVALID);
	f = r.outputs[0];
	f.max_key = c->parts[1].range.end;
	ck_assert_int_eq(compaction_take(c, 1, &twisted), ST_INVALID);
	ck_ok(compaction_take(c, 1, &r));
	ck_assert_int_eq(compaction_take(c, 1, &r), ST_INVALID);         /* twice */
	job_free(&job);
	compaction_free(&c);
	arena_fini(&a);
	world_end(&w);
}
END_TEST

START_TEST(it_is_stuck_when_a_part_that_is_not_done_comes_no_further)
{
	struct compaction_part parts[2] = { { .done = false } };
	struct compaction c = { .ordered_us = 1000, .parts = parts, .part_count = 2 };
	struct compact_report r = { .bytes_read = 7, .entries_in = 1 };

	ck_assert(!compaction_is_stuck(&c, 1099, 100) && compaction_is_stuck(&c, 1100, 100));
	compaction_note(&c, 0, &r, 1050);
	ck_assert(compaction_is_stuck(&c, 1100, 100));           /* the other one */
	parts[1].done = true;
	ck_assert(!compaction_is_stuck(&c, 1149, 100) && compaction_is_stuck(&c, 1150, 100));
	compaction_note(&c, 0, &r, 1140);                        /* a report, and nothing new in it */
	ck_assert(compaction_is_stuck(&c, 1150, 100));
	r.throttled_us = 1;
	compaction_note(&c, 0, &r, 1145);                        /* it waits for its rate */
	ck_assert(!compaction_is_stuck(&c, 1244, 100) && compaction_is_stuck(&c, 1245, 100));
	ck_assert_uint_eq(parts[0].bytes_read, 7);
}
END_TEST

START_TEST(a_database_most_of_which_is_deleted_shrinks_when_it_rests)
{
	struct world w;
	uint64_t full;

	prepare(&w, vfs_posix());
	w.at_rest = true;
	compact_all(&w);
	full = table_bytes(&w);
	write_keys(&w, 0, KEYS - 8, 1, NULL);
	ck_assert_uint_gt(table_bytes(&w), full);
	compact_all(&w);
	ck_assert_uint_lt(table_bytes(&w), full / 5);    /* 8 of 120 entries, and what a table has beside them */
	write_keys(&w, KEYS - 8, KEYS, 1, NULL);
	compact_all(&w);
	ck_assert_uint_eq(table_bytes(&w), 0);
	check_keys(&w, NULL, NULL);
	world_end(&w);
}
END_TEST

static size_t tables_on(struct world *w, unsigned level)
{
	size_t n = version_level(truth_lock(w->db.truth), level).count;

	truth_unlock(w->db.truth);
	return n;
}

/* One table at a time; how many. What can be read stays the same at every step. */
static unsigned rewrite_hidden(struct world *w, const char *even, const char *odd)
{
	struct compaction *c;
	unsigned n = 0;

	for (; (c = next_job_of(w, pick_hidden)) != NULL; n++) {
		uint64_t covers = table_bytes(w) - c->pick.input_bytes;

		ck_assert(c->pick.cover_count > 0 && c->part_count == 1);
		ck_assert(c->pick.input_count == c->pick.cover_count + 1);
		do_parts(w, c);
		ck_assert_uint_le(compaction_output_bytes(c), c->pick.input_bytes);
		ck_ok(install(w, c));
		ck_assert_uint_eq(table_bytes(w), covers + compaction_output_bytes(c));
		compaction_free(&c);
		check_keys(w, even, odd);
	}
	return n;
}

START_TEST(what_is_hidden_goes_table_by_table_and_everything_reads_as_before)
{
	struct world_reader old;         /* what it has read it keeps open */
	size_t last;
	struct world w;
	uint64_t before;

	prepare(&w, vfs_posix());
	last = tables_on(&w, LEVEL_LAST);
	ck_assert_uint_gt(last, 3);
	ck_assert_uint_eq(rewrite_hidden(&w, "new", "old"), 0);         /* nothing is deleted */
	old = world_reader(&w);
	check_reader(&old, "new", "old");
	write_keys(&w, 0, KEYS, 2, NULL);
	before = table_bytes(&w);
	ck_assert_uint_eq(rewrite_hidden(&w, NULL, "old"), last);       /* each of them once */
	ck_assert_uint_lt(table_bytes(&w), before);
	ck_assert_uint_eq(tables_on(&w, 0), 5);
	check_reader(&old, "new", "old");
	world_reader_end(&old);
	world_close(&w);
	world_forget_memtables(&w);
	world_open(&w);
	check_keys(&w, NULL, "old");
	write_keys(&w, 1, KEYS, 2, NULL);
	(void)rewrite_hidden(&w, NULL, NULL);
	ck_assert_uint_eq(tables_on(&w, LEVEL_LAST), 0);                /* all of them are gone, without an output */
	compact_all(&w);
	check_keys(&w, NULL, NULL);
	world_end(&w);
}
END_TEST

static bool rewrite_with_failure(uint64_t n, bool for_good)
{
	struct vfs *fault = fault_new(vfs_posix());
	struct compaction *c;
	struct world w;
	bool fired;
	enum st st;

	prepare(&w, fault);
	write_keys(&w, 0, KEYS, 2, NULL);
	c = next_job_of(&w, pick_hidden);
	do_parts(&w, c);
	fault_arm(fault, FAULT_ALL, n, for_good, ST_IO);
	st = install(&w, c);
	fired = fault_fired(fault);
	fault_arm(fault, FAULT_ALL, 0, false, ST_OK);
	ck_assert(fired || st == ST_OK);
	check_keys(&w, NULL, "old");
	if (st)
		install_remove(&(struct install_dir){ w.vfs, w.dir, truth_database(w.db.truth) }, c->first_output, c->id_count);
	compaction_free(&c);
	ck_assert_uint_eq(tables_on(&w, 0), 5);
	world_close(&w);
	world_forget_memtables(&w);
	world_open(&w);
	check_keys(&w, NULL, "old");
	compact_all(&w);
	check_keys(&w, NULL, "old");
	world_end(&w);
	fault_free(&fault);
	return fired;
}

START_TEST(whatever_fails_while_a_table_without_what_is_hidden_is_installed_nothing_is_lost)
{
	for (unsigned for_good = 0; for_good < 2; for_good++)
		for (uint64_t n = 1; rewrite_with_failure(n, for_good); n++)
			ck_assert_uint_lt(n, 1000);
}
END_TEST

START_TEST(a_job_that_is_picked_anew_passes_over_its_own_damage_only)
{
	struct live_table t = { .facts = { .id = file_id(5), .min_key = slice_str("a"), .max_key = slice_str("z") } };
	struct table_damage at = { .record = 1, .table = file_id(5), .offset = 7, .min = slice_str("b"), .max = slice_str("c") };
	const struct live_table *input = &t;
	struct compaction *c = compaction_new();
	struct version *v = version_new();

	version_set_damages(v, &at, 1, 2);
	for (unsigned round = 0; round < 3; round++) {
		c->pick = (struct pick_job){ .inputs = &input, .input_count = 1, .min = t.facts.min_key, .max = t.facts.max_key };
		compaction_own(c, v);
		ck_assert_uint_eq(c->passed_count, 1);
		ck_assert_uint_eq(c->pick.deeper_count, 1);
	}
	version_free(&v);
	compaction_free(&c);
}
END_TEST

/* Large, with small tables: were all of them reported with the longest keys, no message could hold it. */
START_TEST(however_large_a_job_is_its_report_fits_into_a_message)
{
	static const uint8_t key[KEY_MAX_BYTES];
	struct compaction *c = compaction_new();
	struct compact_report r = { .incarnation = UINT64_MAX, .job = UINT64_MAX, .done = true };
	struct buf b = BUF_INIT;

	c->pick.input_bytes = UINT64_C(1) << 40;
	r.output_count = compaction_cut(c, 1, 1, 4096);
	ck_assert_uint_le(r.output_count, LIST_MAX);
	r.outputs = arena_alloc(&c->arena, r.output_count * sizeof(*r.outputs));
	for (size_t i = 0; i < r.output_count; i++)
		r.outputs[i] = (struct table_facts){ file_id(UINT64_MAX), UINT64_MAX, UINT32_MAX, slice_of(key, sizeof(key)),
						     slice_of(key, sizeof(key)), SEQ_MAX, SEQ_MAX, UINT64_MAX, UINT64_MAX,
						     UINT64_MAX, UINT64_MAX, INT64_MAX, INT64_MAX };
	compact_report_encode(&r, &b);
	ck_assert_uint_le(b.n, COMPACT_MESSAGE_MAX);
	buf_fini(&b);
	compaction_free(&c);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, whatever_fails_while_three_parts_are_installed_all_of_them_count_or_none);
	tcase_add_test(tc, what_is_hidden_goes_table_by_table_and_everything_reads_as_before);
	tcase_add_test(tc, whatever_fails_while_a_table_without_what_is_hidden_is_installed_nothing_is_lost);
	tcase_add_test(tc, a_job_that_is_picked_anew_passes_over_its_own_damage_only);
	tcase_add_test(tc, however_large_a_job_is_its_report_fits_into_a_message);
	tcase_add_test(tc, an_entry_that_got_lost_between_two_parts_is_missed);
	tcase_add_test(tc, a_part_may_not_report_what_lies_outside_its_range_or_ids);
	tcase_add_test(tc, it_is_stuck_when_a_part_that_is_not_done_comes_no_further);
	tcase_add_test(tc, a_database_most_of_which_is_deleted_shrinks_when_it_rests);
}

CHECK_MAIN("engine/compaction", suite)
