/* SPDX-License-Identifier: Apache-2.0 */
/* Decided writes against memtables, tables and both; over flushes, restarts, damage. */
#include <fcntl.h>

#include "t/engine_askhelp.h"

struct bench {
	struct world w;
	struct sight *sight;
	unsigned told;                   /* of damage */
};

static void on_damage(void *ctx, struct file_id table, uint64_t offset)
{
	struct bench *b = ctx;

	(void)table;
	(void)offset;
	b->told++;
}

static void begin(struct bench *b)
{
	*b = (struct bench){ .told = 0 };
	world_begin(&b->w, vfs_posix());
	b->w.conf.memtable_size_limit = 16384;
	b->sight = asking_sight(&b->w, on_damage, b);
}

static void end(struct bench *b)
{
	sight_free(&b->sight);
	world_end(&b->w);
}

static void to_tables(struct bench *b)
{
	world_rotate(&b->w);
	world_flush_all(&b->w);
}

static void reopen(struct bench *b)
{
	sight_free(&b->sight);
	world_close(&b->w);
	world_forget_memtables(&b->w);
	world_open(&b->w);
	b->sight = asking_sight(&b->w, on_damage, b);
}

static struct write_result ask(struct bench *b, struct write_ask a)
{
	return ask1(&b->w, b->sight, a);
}

/* ---- keys ---- */

START_TEST(a_key_in_a_memtable_is_decided_without_reading)
{
	struct asking a = { .readings = 0 };
	struct bench b;

	begin(&b);
	world_put1(&b.w, "k", "1");                      /* sequence 1 */
	asking_one(&a, ask_put("k", "2", WRITE_IF_VERSION, 1));
	asking_commit(&b.w, b.sight, &a);
	ck_assert_int_eq(asking_next(&a).status, ST_OK);
	ck_assert_uint_eq(a.readings, 0);
	world_rotate(&b.w);
	buf_reset(&a.batches);
	asking_one(&a, ask_put("k", "3", WRITE_IF_VERSION, 2));
	asking_commit(&b.w, b.sight, &a);
	ck_assert_int_eq(asking_next(&a).status, ST_OK);
	ck_assert_uint_eq(a.readings, 0);
	world_check1(&b.w, "k", "3");
	asking_fini(&a);
	end(&b);
}
END_TEST

START_TEST(a_key_in_a_table_is_read_first_and_one_that_is_nowhere_is_absent)
{
	struct asking a = { .readings = 0 };
	struct bench b;

	begin(&b);
	world_put1(&b.w, "k", "41");
	world_put1(&b.w, "gone", "1");
	world_put1(&b.w, "gone", NULL);
	to_tables(&b);
	asking_one(&a, ask_increment("k", 1));
	asking_one(&a, ask_put("gone", "new", WRITE_IF_ABSENT, 0));
	asking_one(&a, ask_put("never", "new", WRITE_IF_ABSENT, 0));
	asking_one(&a, ask_put("never", "newer", WRITE_IF_ABSENT, 0));
	asking_commit(&b.w, b.sight, &a);
	ck_assert_uint_eq(a.readings, 1);
	ck_assert_int_eq(asking_next(&a).value, 42);
	ck_assert_uint_eq(asking_next(&a).first_sequence.v, 5);
	ck_assert_int_eq(asking_next(&a).status, ST_OK);
	ck_assert_uint_eq(asking_next(&a).present.v, 6);
	world_check1(&b.w, "k", "42");
	world_check1(&b.w, "never", "new");
	asking_fini(&a);
	end(&b);
}
END_TEST

START_TEST(an_expired_entry_of_a_table_is_absent_and_a_living_one_keeps_its_expiry)
{
	int64_t future = INT64_C(1) << 50;
	struct world_reader r;
	struct read_cost cost = { 0 };
	struct view_pin pin;
	struct entry e;
	struct bench b;

	begin(&b);
	world_put1_until(&b.w, "old", "7", 1);
	world_put1_until(&b.w, "young", "7", future);
	to_tables(&b);
	ck_assert_int_eq(ask(&b, ask_put("old", "x", WRITE_IF_PRESENT, 0)).status, ST_PRECONDITION);
	ck_assert_int_eq(ask(&b, ask_increment("old", 1)).value, 1);
	ck_assert_int_eq(ask(&b, ask_increment("young", 1)).value, 8);
	r = world_reader(&b.w);
	ck_ok(view_get(r.view, slice_str("young"), r.seq, 0, false, &cost, &e, &pin));
	ck_assert_int_eq(e.expires_at_ms, future);
	view_pin_release(&pin);
	world_reader_end(&r);
	end(&b);
}
END_TEST

/* What was read is older than the memtable that was active: whatever came since is seen, wherever it is by then. */
START_TEST(what_was_written_after_the_reading_counts)
{
	for (unsigned flushes = 0; flushes < 3; flushes++) {
		struct asking a = { .readings = 0 };
		struct write_request r = { .origin = 9, .request_id = 1, .oldest_unanswered = 1 };
		struct prepare_job j;
		struct decided d;
		struct bench b;

		begin(&b);
		world_put1(&b.w, "k", "1");
		to_tables(&b);
		asking_one(&a, ask_put("k", "mine", WRITE_IF_VERSION, 1));
		r.batches = buf_slice(&a.batches);
		prepare_job_init(&j, r.batches, false);
		ck_assert_int_eq(asks_decide(&b.w.db.writer, &r, &j, &d), ST_BUSY);
		prepare_run(b.sight, &j, NULL);
		world_put1(&b.w, "k", "other");
		if (flushes > 0)
			world_rotate(&b.w);
		if (flushes > 1)
			world_flush_all(&b.w);
		if (flushes > 1) {       /* the reading does not say enough any more */
			ck_assert_int_eq(asks_decide(&b.w.db.writer, &r, &j, &d), ST_BUSY);
			prepare_run(b.sight, &j, NULL);
		}
		ck_ok(asks_decide(&b.w.db.writer, &r, &j, &d));
		ck_assert_uint_eq(d.entries, 0);
		decided_fini(&d);
		prepare_job_fini(&j);
		asking_fini(&a);
		end(&b);
	}
}
END_TEST

START_TEST(a_repeat_is_answered_as_the_first_time_in_a_later_life_too)
{
	struct asking a = { .readings = 0 };
	struct bench b;

	begin(&b);
	asking_one(&a, ask_put("k", "mine", WRITE_IF_ABSENT, 0));
	asking_one(&a, ask_put("k", "again", WRITE_IF_ABSENT, 0));
	asking_one(&a, ask_increment("n", 5));
	asking_commit_as(&b.w, b.sight, &a, 1);
	for (unsigned life = 0; life < 4; life++) {
		struct write_result r = asking_next(&a);

		ck_assert(r.status == ST_OK && r.first_sequence.v == 1);
		r = asking_next(&a);
		ck_assert(r.status == ST_PRECONDITION && r.present.v == 1);
		r = asking_next(&a);
		ck_assert(r.status == ST_OK && r.value == 5 && r.first_sequence.v == 2);
		world_check1(&b.w, "n", "5");
		if (life == 1)
			reopen(&b);              /* known from the record */
		if (life == 2) {
			to_tables(&b);           /* and from the head of the next segment */
			reopen(&b);
		}
		asking_commit_as(&b.w, b.sight, &a, 1);
	}
	ck_assert_uint_eq(board_visible(b.w.board).v, 2);
	asking_fini(&a);
	end(&b);
}
END_TEST

/* Nothing was written, so the log knows nothing: but this life does not decide twice. */
START_TEST(a_request_that_failed_is_not_decided_again)
{
	struct asking a = { .readings = 0 };
	struct bench b;

	begin(&b);
	asking_one(&a, ask_put("k", "mine", WRITE_IF_PRESENT, 0));
	asking_commit_as(&b.w, b.sight, &a, 50);
	ck_assert_int_eq(asking_next(&a).status, ST_PRECONDITION);
	world_put1(&b.w, "k", "other");
	asking_commit_as(&b.w, b.sight, &a, 50);
	ck_assert_int_eq(asking_next(&a).status, ST_PRECONDITION);
	world_check1(&b.w, "k", "other");
	asking_fini(&a);
	end(&b);
}
END_TEST

/* ---- damage ---- */

static struct file_id newest_table(struct bench *b)
{
	struct file_id id = version_level(truth_lock(b->w.db.truth), 0).tables[0]->facts.id;

	truth_unlock(b->w.db.truth);
	return id;
}

static void flip(struct bench *b, off_t at)
{
	int fd = open(path_sst(b->w.dir, newest_table(b)).s, O_RDWR | O_CLOEXEC);
	uint8_t c;

	ck_assert(pread(fd, &c, 1, at) == 1);
	c ^= 0x20;
	ck_assert(pwrite(fd, &c, 1, at) == 1);
	close(fd);
}

START_TEST(damage_fails_the_batch_that_meets_it_and_no_other)
{
	struct asking a = { .readings = 0 };
	struct write_result r;
	struct bench b;

	begin(&b);
	world_put1(&b.w, "k", "1");
	to_tables(&b);
	flip(&b, 10);
	asking_one(&a, ask_put("k", "x", WRITE_IF_ABSENT, 0));
	asking_one(&a, ask_increment("k", 1));
	asking_one(&a, ask_put("else", "x", WRITE_IF_ABSENT, 0));
	asking_one(&a, ask_put("k", "healed", WRITE_ALWAYS, 0));
	asking_one(&a, ask_put("k", "x", WRITE_IF_ABSENT, 0));
	asking_commit(&b.w, b.sight, &a);
	r = asking_next(&a);
	ck_assert(r.status == ST_CORRUPT && r.failed_index == 0 && r.written == 0);
	ck_assert_int_eq(asking_next(&a).status, ST_CORRUPT);
	ck_assert_int_eq(asking_next(&a).status, ST_OK);
	ck_assert_int_eq(asking_next(&a).status, ST_OK);
	ck_assert_uint_eq(asking_next(&a).present.v, 3);
	ck_assert_uint_gt(b.told, 0);
	world_check1(&b.w, "k", "healed");
	asking_fini(&a);
	end(&b);
}
END_TEST

START_TEST(a_range_with_damage_in_it_is_not_deleted)
{
	struct bench b;

	begin(&b);
	world_put1(&b.w, "k", "1");
	to_tables(&b);
	flip(&b, 10);
	world_put1(&b.w, "l", "1");
	ck_assert_int_eq(ask(&b, ask_range("a", "z")).status, ST_CORRUPT);
	world_check1(&b.w, "l", "1");
	end(&b);
}
END_TEST

/* ---- ranges ---- */

START_TEST(a_range_delete_takes_what_is_there_from_begin_to_end_and_nothing_else)
{
	struct write_result r;
	struct bench b;

	begin(&b);
	world_put1(&b.w, "a", "1");                      /* before it */
	world_put1(&b.w, "b", "1");                      /* in a table */
	world_put1(&b.w, "c", "1");                      /* in a table, deleted there */
	world_put1(&b.w, "c", NULL);
	world_put1(&b.w, "d", "1");                      /* in a table, deleted in a memtable */
	world_put1(&b.w, "e", "1");                      /* in both */
	world_put1_until(&b.w, "f", "1", 1);             /* expired */
	world_put1(&b.w, "z", "1");                      /* its end */
	to_tables(&b);
	world_put1(&b.w, "d", NULL);
	world_put1(&b.w, "e", "2");
	world_rotate(&b.w);
	world_put1(&b.w, "g", "1");                      /* in a memtable only, two versions */
	world_put1(&b.w, "g", "2");
	world_put1_until(&b.w, "h", "2", 1);
	r = ask(&b, ask_range("b", "z"));
	ck_assert_int_eq(r.status, ST_OK);
	ck_assert_uint_eq(r.written, 3);                 /* b, e, g */
	ck_assert_uint_eq(r.first_sequence.v, 14);
	ck_assert_uint_eq(board_visible(b.w.board).v, 16);
	world_now_ms = 1000000;
	for (const char *k = "bcdefgh"; *k; k++)
		world_check1(&b.w, (char[]){ *k, 0 }, NULL);
	world_check1(&b.w, "a", "1");
	world_check1(&b.w, "z", "1");
	r = ask(&b, ask_range("b", "z"));
	ck_assert(r.status == ST_OK && r.written == 0 && r.first_sequence.v == 0);
	ck_assert_uint_eq(board_visible(b.w.board).v, 16);
	end(&b);
}
END_TEST

START_TEST(a_range_without_bounds_is_everything)
{
	struct bench b;

	begin(&b);
	world_put1(&b.w, "\x01", "1");
	to_tables(&b);
	world_put1(&b.w, "\xff\xff", "1");
	ck_assert_uint_eq(ask(&b, ask_range("\x02", "")).written, 1);
	ck_assert_uint_eq(ask(&b, ask_range("", "")).written, 1);
	ck_assert_uint_eq(ask(&b, ask_range("z", "a")).written, 0);
	world_check1(&b.w, "\x01", NULL);
	end(&b);
}
END_TEST

/* Between the reading and the commit: a new key, a deleted one, a changed one; here, frozen, flushed. */
START_TEST(what_changed_while_a_range_was_read_is_deleted_as_it_is_then)
{
	for (unsigned flushes = 0; flushes < 3; flushes++) {
		struct write_request r = { .origin = 9, .request_id = 1, .oldest_unanswered = 1 };
		struct asking a = { .readings = 0 };
		struct write_walk walk;
		struct prepare_job j;
		struct write_op op;
		struct decided d;
		struct bench b;
		char found[8] = "";

		begin(&b);
		world_put1(&b.w, "a", "1");
		world_put1(&b.w, "b", "1");
		world_put1(&b.w, "c", "1");
		to_tables(&b);
		asking_one(&a, ask_range("a", "z"));
		r.batches = buf_slice(&a.batches);
		prepare_job_init(&j, r.batches, true);
		prepare_run(b.sight, &j, NULL);
		ck_assert_uint_eq(j.key_count, 3);
		world_put1(&b.w, "a", NULL);
		world_put1(&b.w, "c", "2");
		world_put1(&b.w, "d", "1");
		if (flushes > 0)
			world_rotate(&b.w);
		if (flushes > 1) {
			world_flush_all(&b.w);
			ck_assert_int_eq(asks_decide_range(&b.w.db.writer, &r, &j, &d), ST_BUSY);
			prepare_run(b.sight, &j, NULL);
		}
		ck_ok(asks_decide_range(&b.w.db.writer, &r, &j, &d));
		walk = write_walk_begin(buf_slice(&d.batches));
		while (write_walk_next(&walk, &op)) {
			ck_assert(op.is_delete && op.key.n == 1);
			strncat(found, (const char *)op.key.p, 1);
		}
		ck_assert_str_eq(found, "bcd");
		decided_fini(&d);
		prepare_job_fini(&j);
		asking_fini(&a);
		end(&b);
	}
}
END_TEST

/* More operations than a batch may have: one record of several batches, whole after a restart. */
START_TEST(a_large_range_delete_is_one_record_and_survives)
{
	const unsigned n = 2 * BATCH_MAX_OPS + 7;
	struct asking a = { .readings = 0 };
	struct write_reply none = { 0 };
	struct bench b;
	char key[16];

	begin(&b);
	for (unsigned i = 0; i < n;) {
		struct world_batch batch = { .bytes = BUF_INIT };

		for (unsigned k = 0; k < 9000 && i < n; k++, i++) {
			snprintf(key, sizeof(key), "k%06u", i);
			world_put(&batch, key, "v");
		}
		ck_assert_int_eq(world_commit(&b.w, &batch).status, ST_OK);
		world_flush_all(&b.w);
	}
	ck_ok(writer_rotate(&b.w.db.writer, n * memtable_cost(8, 0), 1 << 20, &none));
	world_flush_all(&b.w);
	asking_one(&a, ask_range("k", "l"));
	asking_commit_as(&b.w, b.sight, &a, 77);
	ck_assert_uint_eq(asking_next(&a).written, n);
	reopen(&b);
	world_check1(&b.w, "k000000", NULL);
	world_check1(&b.w, "k020006", NULL);
	asking_commit_as(&b.w, b.sight, &a, 77);
	ck_assert_uint_eq(asking_next(&a).written, n);   /* not again, and as the first time */
	ck_assert_uint_eq(board_visible(b.w.board).v, 2 * n);
	asking_fini(&a);
	end(&b);
}
END_TEST

START_TEST(a_range_that_comes_to_too_much_is_refused_with_what_was_met)
{
	struct buf keys = BUF_INIT;
	struct sight_range r = { .most = 30, .keys = &keys };
	struct file_id active;
	struct view *v;
	struct bench b;

	begin(&b);
	world_put1(&b.w, "a", "1");
	world_put1(&b.w, "b", "1");
	world_put1(&b.w, "c", "1");
	world_put1(&b.w, "d", "1");
	world_put1(&b.w, "e", "1");
	ck_ok(sight_view(b.sight, &v, &active));
	ck_assert_int_eq(sight_range(b.sight, v, &r), ST_TOO_BIG);       /* 7 bytes each */
	ck_assert_uint_eq(r.count, 5);
	buf_reset(&keys);
	r.most = 35;
	ck_ok(sight_range(b.sight, v, &r));
	ck_assert_uint_eq(r.count, 5);
	view_unref(&v);
	buf_fini(&keys);
	end(&b);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_key_in_a_memtable_is_decided_without_reading);
	tcase_add_test(tc, a_key_in_a_table_is_read_first_and_one_that_is_nowhere_is_absent);
	tcase_add_test(tc, an_expired_entry_of_a_table_is_absent_and_a_living_one_keeps_its_expiry);
	tcase_add_test(tc, what_was_written_after_the_reading_counts);
	tcase_add_test(tc, a_repeat_is_answered_as_the_first_time_in_a_later_life_too);
	tcase_add_test(tc, a_request_that_failed_is_not_decided_again);
	tcase_add_test(tc, damage_fails_the_batch_that_meets_it_and_no_other);
	tcase_add_test(tc, a_range_with_damage_in_it_is_not_deleted);
	tcase_add_test(tc, a_range_delete_takes_what_is_there_from_begin_to_end_and_nothing_else);
	tcase_add_test(tc, a_range_without_bounds_is_everything);
	tcase_add_test(tc, what_changed_while_a_range_was_read_is_deleted_as_it_is_then);
	tcase_add_test(tc, a_large_range_delete_is_one_record_and_survives);
	tcase_add_test(tc, a_range_that_comes_to_too_much_is_refused_with_what_was_met);
}

CHECK_MAIN("engine/asks", suite)
