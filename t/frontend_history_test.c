/* SPDX-License-Identifier: Apache-2.0 */
/* The history: found and read over segments, while they are written, moved and removed, and never beyond what is visible. */
#include "frontend/history.h"

#include "common/stats/stats.h"
#include "common/wal/wal_format.h"
#include "t/engine_walhelp.h"

#define ROOM (64u << 10)                 /* prepared for a segment */

struct log {
	struct vfs *v;
	char dir[TESTLIB_DIR_MAX];
	struct pen pen;
	struct history *history;
	struct history_place place;
	uint64_t seen;                   /* last sequence that was read */
};

static void begin(struct log *l)
{
	stats_begin_private();
	*l = (struct log){ .v = vfs_posix() };
	testlib_dir(l->dir);
	ck_ok(vfs_mkdir(l->v, path_retained_dir(l->dir).s));
	l->pen = (struct pen){ .v = l->v, .dir = l->dir };
	l->history = history_new(l->v, l->dir, DB);
}

static void end(struct log *l)
{
	wal_close(&l->pen.wal);
	history_free(&l->history);
	testlib_remove(l->dir);
}

static void segment(struct log *l, uint64_t id, unsigned groups)
{
	ck_ok(pen_begin(&l->pen, id, ROOM));
	ck_ok(wal_write(l->pen.wal));
	ck_ok(wal_sync(l->pen.wal));
	for (unsigned i = 0; i < groups; i++)
		ck_ok(pen_group(&l->pen));
}

static enum history_got find_from(struct log *l, uint64_t since)
{
	struct seq oldest;

	l->seen = since;
	return history_find(l->history, seq(since), &l->place, &oldest);
}

static uint64_t oldest(struct log *l)
{
	struct history_place place;
	struct seq first;

	(void)history_find(l->history, SEQ_MAX, &place, &first);
	return first.v;
}

/* Reads on; every change behind `seen` comes once, in order, with its bytes. */
static enum history_got read_to(struct log *l, uint64_t visible)
{
	struct wal_batch b;
	uint32_t count;
	enum history_got got;

	while ((got = history_next(l->history, &l->place, seq(visible), &b, &count)) == HISTORY_OK) {
		struct write_walk w = write_walk_begin(b.batches);
		uint64_t s = b.first_sequence.v;
		struct write_op op;

		for (; write_walk_next(&w, &op); s++) {
			char key[32];

			if (s <= l->seen)
				continue;
			snprintf(key, sizeof key, "key%06" PRIu64, s);
			ck_assert_uint_eq(s, l->seen + 1);
			ck_assert(slice_eq(op.key, slice_str(key)));
			l->seen = s;
		}
		ck_assert_uint_eq(l->place.last.v, b.first_sequence.v + count - 1);
	}
	return got;
}

static void keep(struct log *l, uint64_t id)
{
	ck_ok(vfs_rename(l->v, path_wal(l->dir, file_id(id)).s, path_retained(l->dir, file_id(id)).s));
}

START_TEST(all_changes_are_read_over_segments_from_any_version)
{
	struct log l;

	begin(&l);
	segment(&l, 3, 5);
	segment(&l, 7, 5);
	segment(&l, 8, 0);
	segment(&l, 9, 5);
	for (uint64_t since = 0; since <= 45; since++) {
		ck_assert_int_eq(find_from(&l, since), HISTORY_OK);
		ck_assert_uint_le(l.place.last.v, since);
		ck_assert_int_eq(read_to(&l, 45), HISTORY_END);
		ck_assert_uint_eq(l.seen, 45);
	}
	ck_assert_uint_eq(oldest(&l), 1);
	end(&l);
}
END_TEST

START_TEST(what_is_not_visible_is_not_read)
{
	struct log l;

	begin(&l);
	segment(&l, 3, 4);               /* records end at 1, 3, 4, 6, 7, 9, 10, 12 */
	ck_assert_int_eq(find_from(&l, 0), HISTORY_OK);
	ck_assert_int_eq(read_to(&l, 0), HISTORY_END);
	ck_assert_uint_eq(l.seen, 0);
	ck_assert_int_eq(read_to(&l, 4), HISTORY_END);
	ck_assert_uint_eq(l.seen, 4);
	ck_assert_int_eq(read_to(&l, 12), HISTORY_END);
	ck_assert_uint_eq(l.seen, 12);
	end(&l);
}
END_TEST

START_TEST(a_log_that_grows_is_followed_into_its_next_segments)
{
	struct log l;

	begin(&l);
	ck_assert_int_eq(find_from(&l, 0), HISTORY_END);
	segment(&l, 1, 1);
	ck_assert_int_eq(find_from(&l, 0), HISTORY_OK);
	for (uint64_t id = 2; id < 40; id++) {
		ck_assert_int_eq(read_to(&l, l.pen.last), HISTORY_END);
		ck_assert_uint_eq(l.seen, l.pen.last);
		if (id % 5 == 0)
			segment(&l, id, 1);
		else
			ck_ok(pen_group(&l.pen));
		if (id % 7 == 0)
			history_rest(l.history);
	}
	end(&l);
}
END_TEST

START_TEST(a_large_record_and_a_segment_beyond_its_room_are_read)
{
	struct log l;

	begin(&l);
	segment(&l, 1, 1);
	pen_append(&l.pen, 9000);        /* several windows long */
	ck_ok(wal_write(l.pen.wal));
	ck_ok(wal_sync(l.pen.wal));
	ck_ok(pen_group(&l.pen));
	ck_assert_int_eq(find_from(&l, 0), HISTORY_OK);
	ck_assert_int_eq(read_to(&l, l.pen.last), HISTORY_END);
	ck_assert_uint_eq(l.seen, l.pen.last);
	end(&l);
}
END_TEST

START_TEST(a_torn_tail_is_not_read_and_what_replaces_it_is)
{
	const uint8_t torn[100] = { 1, 2, 3, 4, 5, 6, 7 };
	struct vfs_file *f;
	struct log l;

	begin(&l);
	segment(&l, 1, 2);
	ck_assert_int_eq(find_from(&l, 0), HISTORY_OK);
	ck_assert_int_eq(read_to(&l, 6), HISTORY_END);
	ck_ok(vfs_open(l.v, path_wal(l.dir, file_id(1)).s, VFS_WRITE, &f));
	ck_ok(vfs_write(f, torn, sizeof torn, wal_bytes(l.pen.wal)));
	vfs_close(&f);
	ck_assert_int_eq(read_to(&l, 6), HISTORY_END);
	ck_ok(pen_group(&l.pen));
	ck_assert_int_eq(read_to(&l, 9), HISTORY_END);
	ck_assert_uint_eq(l.seen, 9);
	end(&l);
}
END_TEST

/* As a recovery does: a closing record, the rest cut, the next segment behind it. */
START_TEST(a_segment_that_recovery_closed_leads_to_the_next)
{
	uint8_t closing[WAL_HEAD_BYTES];
	struct vfs_file *f;
	struct log l;

	begin(&l);
	segment(&l, 1, 2);
	ck_assert_int_eq(find_from(&l, 0), HISTORY_OK);
	ck_assert_int_eq(read_to(&l, 3), HISTORY_END);
	l.pen.before = wal_end(l.pen.wal);
	wal_closing_encode(DB, file_id(1), seq(6), closing);
	ck_ok(vfs_open(l.v, path_wal(l.dir, file_id(1)).s, VFS_WRITE, &f));
	ck_ok(vfs_write(f, closing, sizeof closing, l.pen.before.length));
	ck_ok(vfs_truncate(f, l.pen.before.length + sizeof closing));
	vfs_close(&f);
	l.pen.before.length += sizeof closing;
	wal_close(&l.pen.wal);
	segment(&l, 5, 2);
	ck_assert_int_eq(read_to(&l, 12), HISTORY_END);
	ck_assert_uint_eq(l.seen, 12);
	end(&l);
}
END_TEST

START_TEST(kept_segments_belong_to_it_and_a_place_survives_the_move)
{
	struct log l;

	begin(&l);
	for (uint64_t id = 1; id <= 4; id++)
		segment(&l, id, 3);
	keep(&l, 1);
	ck_assert_int_eq(find_from(&l, 2), HISTORY_OK);
	ck_assert_int_eq(read_to(&l, 4), HISTORY_END);
	keep(&l, 2);
	keep(&l, 3);
	history_rest(l.history);
	ck_assert_int_eq(read_to(&l, 36), HISTORY_END);
	ck_assert_uint_eq(l.seen, 36);
	end(&l);
}
END_TEST

START_TEST(what_was_removed_is_gone_and_the_oldest_is_named)
{
	struct history_place place;
	struct seq first;
	struct log l, other;

	begin(&l);
	for (uint64_t id = 1; id <= 3; id++)
		segment(&l, id, 3);
	ck_assert_int_eq(find_from(&l, 0), HISTORY_OK);
	other = l;
	ck_assert_int_eq(find_from(&other, 9), HISTORY_OK);
	history_rest(l.history);
	ck_ok(vfs_unlink(l.v, path_wal(l.dir, file_id(1)).s));
	place = l.place;
	ck_assert_int_eq(read_to(&l, 27), HISTORY_GONE);
	ck_assert_int_eq(memcmp(&place, &l.place, sizeof place), 0);
	ck_assert_int_eq(history_find(l.history, seq(8), &place, &first), HISTORY_GONE);
	ck_assert_uint_eq(first.v, 10);
	ck_assert_int_eq(history_find(l.history, seq(9), &place, &first), HISTORY_OK);
	ck_assert_int_eq(read_to(&other, 27), HISTORY_END);
	end(&l);
}
END_TEST

/* Who has read a segment to its end goes on although it was removed, and gone is only what comes after a hole. */
START_TEST(a_place_at_the_end_of_a_removed_segment_goes_on)
{
	struct log l;

	begin(&l);
	segment(&l, 1, 3);
	ck_assert_int_eq(find_from(&l, 0), HISTORY_OK);
	ck_assert_int_eq(read_to(&l, 9), HISTORY_END);
	history_rest(l.history);
	segment(&l, 2, 3);
	ck_ok(vfs_unlink(l.v, path_wal(l.dir, file_id(1)).s));
	ck_assert_int_eq(read_to(&l, 18), HISTORY_END);
	ck_assert_uint_eq(l.seen, 18);
	segment(&l, 3, 3);
	segment(&l, 4, 3);
	ck_ok(vfs_unlink(l.v, path_wal(l.dir, file_id(2)).s));
	ck_ok(vfs_unlink(l.v, path_wal(l.dir, file_id(3)).s));
	ck_assert_int_eq(read_to(&l, 36), HISTORY_GONE);
	end(&l);
}
END_TEST

START_TEST(a_hole_in_the_chain_and_another_database_end_it)
{
	struct log l;

	begin(&l);
	for (uint64_t id = 1; id <= 4; id++)
		segment(&l, id, 3);
	ck_ok(vfs_unlink(l.v, path_wal(l.dir, file_id(2)).s));
	ck_assert_uint_eq(oldest(&l), 19);
	history_free(&l.history);
	l.history = history_new(l.v, l.dir, DB + 1);
	ck_assert_int_eq(find_from(&l, 0), HISTORY_END);
	end(&l);
}
END_TEST

START_TEST(sequences_that_a_recovery_gave_up_end_it)
{
	struct log l;

	begin(&l);
	segment(&l, 1, 3);
	l.pen.before = wal_end(l.pen.wal);
	wal_close(&l.pen.wal);
	l.pen.last = 50;                 /* tables had more than the log */
	segment(&l, 2, 1);
	ck_assert_uint_eq(oldest(&l), 51);
	ck_assert_int_eq(find_from(&l, 9), HISTORY_GONE);
	end(&l);
}
END_TEST

START_TEST(damage_where_something_is_visible_is_told)
{
	struct vfs_file *f;
	struct log l;

	begin(&l);
	segment(&l, 1, 4);
	ck_ok(vfs_open(l.v, path_wal(l.dir, file_id(1)).s, VFS_WRITE, &f));
	ck_ok(vfs_write(f, "?", 1, WAL_HEADER_BYTES + 300));
	vfs_close(&f);
	ck_assert_int_eq(find_from(&l, 0), HISTORY_OK);
	ck_assert_int_eq(read_to(&l, 12), HISTORY_BROKEN);
	ck_assert_uint_lt(l.seen, 12);
	ck_assert_int_eq(read_to(&l, l.seen), HISTORY_END);
	ck_ok(vfs_open(l.v, path_wal(l.dir, file_id(1)).s, VFS_WRITE, &f));
	ck_ok(vfs_truncate(f, WAL_HEADER_BYTES));
	vfs_close(&f);
	ck_assert_int_eq(find_from(&l, 0), HISTORY_OK);
	ck_assert_int_eq(read_to(&l, 12), HISTORY_BROKEN);
	end(&l);
}
END_TEST

START_TEST(a_version_is_found_near_where_it_lies_once_it_was_read)
{
	struct log l;

	begin(&l);
	segment(&l, 1, 0);
	for (unsigned i = 0; i < 600; i++) {
		pen_append(&l.pen, 40);
		ck_ok(wal_write(l.pen.wal));
	}
	ck_assert_int_eq(find_from(&l, 20000), HISTORY_OK);
	ck_assert_uint_eq(l.place.last.v, 0);
	ck_assert_int_eq(read_to(&l, 24000), HISTORY_END);
	for (uint64_t since = 0; since <= 24000; since += 777) {
		ck_assert_int_eq(find_from(&l, since), HISTORY_OK);
		ck_assert_uint_le(l.place.last.v, since);
		ck_assert_uint_lt(since - l.place.last.v, 10000);
		ck_assert_int_eq(read_to(&l, 24000), HISTORY_END);
		ck_assert_uint_eq(l.seen, 24000);
	}
	end(&l);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, all_changes_are_read_over_segments_from_any_version);
	tcase_add_test(tc, what_is_not_visible_is_not_read);
	tcase_add_test(tc, a_log_that_grows_is_followed_into_its_next_segments);
	tcase_add_test(tc, a_large_record_and_a_segment_beyond_its_room_are_read);
	tcase_add_test(tc, a_torn_tail_is_not_read_and_what_replaces_it_is);
	tcase_add_test(tc, a_segment_that_recovery_closed_leads_to_the_next);
	tcase_add_test(tc, kept_segments_belong_to_it_and_a_place_survives_the_move);
	tcase_add_test(tc, what_was_removed_is_gone_and_the_oldest_is_named);
	tcase_add_test(tc, a_place_at_the_end_of_a_removed_segment_goes_on);
	tcase_add_test(tc, a_hole_in_the_chain_and_another_database_end_it);
	tcase_add_test(tc, sequences_that_a_recovery_gave_up_end_it);
	tcase_add_test(tc, damage_where_something_is_visible_is_told);
	tcase_add_test(tc, a_version_is_found_near_where_it_lies_once_it_was_read);
}

CHECK_MAIN("frontend/history", suite)
