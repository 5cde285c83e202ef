/* SPDX-License-Identifier: Apache-2.0 */
/* What a restart must keep: acknowledged writes, answers to repeats, ids, time; and when it must refuse. */
#include <signal.h>
#include <sys/wait.h>

#include "t/engine_world.h"

START_TEST(what_was_synced_and_not_inserted_is_read_by_who_kept_the_old_memory_file)
{
	/* The engine dies between sync and insert: its memory file lacks the entry for ever. */
	struct write_op op = { .key = slice_str("late"), .value = slice_str("synced") };
	struct write_request r = { .origin = 9, .request_id = 1, .oldest_unanswered = 1 };
	struct write_counts counts = { .batches = 1, .entries = 1, .puts = 1 };
	struct buf batch = BUF_INIT, all = BUF_INIT;
	struct journal j;
	struct world w;

	world_begin(&w, vfs_posix());
	world_put1(&w, "early", "there");
	world_check1(&w, "early", "there");      /* the reader maps the memory file */
	write_batch_add(&batch, &op);
	write_request_add_batch(&all, buf_slice(&batch));
	r.batches = buf_slice(&all);
	group_add(&w.db.writer.group, &r, &counts, group_cost_of(r.batches), NULL);
	j = w.db.writer.group.journal;
	ck_ok(j.ops->write(j.ctx));
	ck_ok(j.ops->sync(j.ctx));
	group_reset(&w.db.writer.group);
	world_close(&w);
	world_open(&w);                          /* the reader still has what it had mapped */
	ck_assert_uint_gt(w.known_count, 0);
	world_check1(&w, "late", "synced");
	world_check1(&w, "early", "there");
	buf_fini(&batch);
	buf_fini(&all);
	world_end(&w);
}
END_TEST

/* Every id in the view, memtables first; *memtablesp says how many these are. */
static size_t ids_in_view(struct world *w, uint64_t ids[256], size_t *memtablesp)
{
	struct world_reader r = world_reader(w);
	const struct view_desc *d = view_desc(r.view);
	size_t n = 0;

	for (size_t i = 0; i < d->memtable_count; i++)
		ids[n++] = d->memtables[i].v;
	*memtablesp = n;
	for (unsigned l = 0; l < LEVEL_COUNT; l++)
		for (size_t i = 0; i < d->levels[l].count; i++)
			ids[n++] = d->levels[l].tables[i].id.v;
	world_reader_end(&r);
	return n;
}

START_TEST(memory_files_and_tables_never_get_an_id_of_an_earlier_life)
{
	/* invariant 5 */
	uint64_t highest = 0, ids[256];
	struct world w;

	world_begin(&w, vfs_posix());
	for (unsigned life = 0; life < 5; life++) {
		size_t n, memtables;

		world_flush_all(&w);
		world_put1(&w, "k", "v");
		world_rotate(&w);
		n = ids_in_view(&w, ids, &memtables);
		ck_assert_uint_eq(memtables, 2);
		for (size_t i = 0; i < memtables; i++)
			ck_assert_uint_gt(ids[i], highest);
		for (size_t i = 0; i < n; i++)
			highest = ids[i] > highest ? ids[i] : highest;
		world_close(&w);
		world_forget_memtables(&w);
		world_open(&w);
	}
	world_end(&w);
}
END_TEST

static struct write_reply write_as(struct world *w, uint64_t request, const char *value)
{
	struct world_batch b = { .bytes = BUF_INIT };

	world_put(&b, "key", value);
	return world_commit_as(w, &b, request);
}

START_TEST(a_request_repeated_to_a_later_engine_is_answered_and_not_applied_again)
{
	struct write_reply first, again;
	struct world w;

	world_begin(&w, vfs_posix());
	first = write_as(&w, 1, "first");
	write_as(&w, 2, "second");
	world_close(&w);
	world_open(&w);
	again = write_as(&w, 1, "first");
	ck_assert_int_eq(again.status, ST_OK);
	ck_assert_uint_eq(again.first_sequence.v, first.first_sequence.v);
	ck_assert_int_eq(again.timestamp_ms, first.timestamp_ms);
	world_check1(&w, "key", "second");
	world_end(&w);
}
END_TEST

START_TEST(what_was_applied_is_known_after_its_segment_is_flushed_and_gone)
{
	struct write_reply first, again;
	struct world w;

	world_begin(&w, vfs_posix());
	first = write_as(&w, 1, "first");
	write_as(&w, 2, "second");
	for (unsigned i = 0; i < 3; i++) {
		world_rotate(&w);
		world_flush_all(&w);
		world_close(&w);
		world_forget_memtables(&w);
		world_open(&w);
		world_flush_all(&w);
	}
	again = write_as(&w, 1, "first");
	ck_assert_uint_eq(again.first_sequence.v, first.first_sequence.v);
	world_check1(&w, "key", "second");
	world_end(&w);
}
END_TEST

START_TEST(sequences_go_on_behind_everything_an_earlier_life_gave_out)
{
	struct write_reply before, after;
	struct world w;

	world_begin(&w, vfs_posix());
	before = write_as(&w, 1, "a");
	world_rotate(&w);
	world_flush_all(&w);
	world_close(&w);
	world_forget_memtables(&w);
	world_open(&w);                          /* the log is empty: only the manifest knows */
	after = write_as(&w, 2, "b");
	ck_assert_uint_eq(after.first_sequence.v, before.first_sequence.v + 1);
	ck_assert_int_ge(after.timestamp_ms, before.timestamp_ms);
	world_check1(&w, "key", "b");
	world_end(&w);
}
END_TEST

START_TEST(a_log_that_ends_before_what_readers_were_shown_is_refused)
{
	struct restore_config c;
	struct buf complaint = BUF_INIT;
	struct database db;
	struct world w;

	world_begin(&w, vfs_posix());
	world_put1(&w, "k", "v");
	world_close(&w);
	board_set_visible(w.board, seq(board_visible(w.board).v + 1));
	c = (struct restore_config){ .vfs = w.vfs, .conf = &w.conf, .truth = { .board = w.board } };
	ck_assert_int_eq(restore_open(&c, &db, &complaint), ST_CORRUPT);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&complaint), "acknowledged writes are missing"));
	buf_fini(&complaint);
	world_forget_memtables(&w);
	board_detach(&w.board);
	leases_detach(&w.leases);
	testlib_remove(w.dir);
}
END_TEST

/* The first life of a database: written to and killed before anything was flushed. The machine starts anew, so no board tells. */
static void first_life(struct world *w)
{
	int status;
	pid_t pid;

	world_prepare(w, vfs_posix());
	pid = fork();
	if (pid == 0) {
		world_open(w);
		world_put1(w, "k", "v");
		kill(getpid(), SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	board_detach(&w->board);
	leases_detach(&w->leases);
}

static enum st second_life(struct world *w)
{
	struct buf complaint = BUF_INIT;
	int fd = board_create();
	struct database db;
	struct restore_config c;
	enum st st;

	ck_ok(board_attach(fd, true, &w->board));
	close(fd);
	c = (struct restore_config){ .vfs = w->vfs, .conf = &w->conf, .truth = { .board = w->board } };
	st = restore_open(&c, &db, &complaint);
	ck_assert_int_eq(st == ST_OK, complaint.n == 0);
	if (!st) {
		ck_assert_uint_eq(db.report.last_seq.v, 1);
		restore_close(&db);
	}
	buf_fini(&complaint);
	board_detach(&w->board);
	testlib_remove(w->dir);
	return st;
}

START_TEST(the_first_segment_of_all_is_missed_when_it_is_gone_or_empty)
{
	const struct file_id first = file_id(1);
	struct world w;

	for (unsigned how = 0; how < 3; how++) {
		first_life(&w);
		if (how == 1)
			ck_ok(vfs_unlink(w.vfs, path_wal(w.dir, first).s));
		else if (how == 2)
			ck_assert_int_eq(truncate(path_wal(w.dir, first).s, 0), 0);
		ck_assert_int_eq(second_life(&w), how ? ST_CORRUPT : ST_OK);
	}
}
END_TEST

START_TEST(a_table_that_is_missing_is_refused_with_a_sentence)
{
	struct restore_config c;
	struct buf complaint = BUF_INIT;
	struct database db;
	uint64_t ids[256];
	size_t memtables;
	struct world w;

	world_begin(&w, vfs_posix());
	world_put1(&w, "k", "v");
	world_rotate(&w);
	world_flush_all(&w);
	ck_assert_uint_eq(ids_in_view(&w, ids, &memtables), 2);
	world_close(&w);
	ck_ok(vfs_unlink(w.vfs, path_sst(w.dir, file_id(ids[1])).s));
	c = (struct restore_config){ .vfs = w.vfs, .conf = &w.conf, .truth = { .board = w.board } };
	ck_assert_int_eq(restore_open(&c, &db, &complaint), ST_CORRUPT);
	ck_assert_uint_gt(complaint.n, 0);
	buf_fini(&complaint);
	world_forget_memtables(&w);
	board_detach(&w.board);
	leases_detach(&w.leases);
	testlib_remove(w.dir);
}
END_TEST

/* ---- SIGKILL ---- */

#define KILL_KEYS 64

/* Writes for ever, round i putting i to every key in one batch, and tells each acknowledged round. */
_Noreturn static void write_until_killed(struct world *w, int tell_fd, uint64_t round)
{
	flush_start(w->flush);
	w->db.writer.patience_ms = 5000;
	for (;; round++) {
		struct world_batch b = { .bytes = BUF_INIT };
		char key[16], value[32];

		for (unsigned k = 0; k < KILL_KEYS; k++) {
			snprintf(key, sizeof(key), "key%u", k);
			snprintf(value, sizeof(value), "%llu", (unsigned long long)round);
			world_put(&b, key, value);
		}
		if (world_commit_as(w, &b, round).status != ST_OK || write(tell_fd, &round, sizeof(round)) != sizeof(round))
			_exit(1);
	}
}

/* The last round that was acknowledged before the kill. */
static uint64_t kill_one_life(struct world *w, uint64_t round, unsigned after_rounds)
{
	uint64_t acked = round - 1, got;
	int fds[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		world_open(w);
		write_until_killed(w, fds[1], round);
	}
	close(fds[1]);
	while (read(fds[0], &got, sizeof(got)) == sizeof(got)) {
		acked = got;
		if (acked >= round + after_rounds)
			kill(pid, SIGKILL);
	}
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return acked;
}

/* All keys must be of one round, acked or the one that was under way. */
static uint64_t check_round(struct world *w, uint64_t acked)
{
	struct world_reader r;
	char key[16], value[32];
	uint64_t round = acked;

	world_open(w);
	r = world_reader(w);
	if (board_visible(w->board).v > acked * KILL_KEYS)
		round++;
	snprintf(value, sizeof(value), "%llu", (unsigned long long)round);
	for (unsigned k = 0; k < KILL_KEYS; k++) {
		snprintf(key, sizeof(key), "key%u", k);
		world_check(&r, key, value);
	}
	world_reader_end(&r);
	world_close(w);
	world_forget_memtables(w);
	return round;
}

START_TEST(an_engine_killed_at_any_time_keeps_what_it_acknowledged_and_no_half_batch)
{
	/* invariants 1, 3, 4 */
	uint64_t round = 0;
	struct world w;

	world_begin(&w, vfs_posix());
	world_close(&w);
	for (unsigned life = 0; life < 12; life++) {
		uint64_t acked = kill_one_life(&w, round + 1, 3 + life * 7);

		round = check_round(&w, acked);
	}
	board_detach(&w.board);
	leases_detach(&w.leases);
	testlib_remove(w.dir);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, what_was_synced_and_not_inserted_is_read_by_who_kept_the_old_memory_file);
	tcase_add_test(tc, memory_files_and_tables_never_get_an_id_of_an_earlier_life);
	tcase_add_test(tc, a_request_repeated_to_a_later_engine_is_answered_and_not_applied_again);
	tcase_add_test(tc, what_was_applied_is_known_after_its_segment_is_flushed_and_gone);
	tcase_add_test(tc, sequences_go_on_behind_everything_an_earlier_life_gave_out);
	tcase_add_test(tc, a_log_that_ends_before_what_readers_were_shown_is_refused);
	tcase_add_test(tc, the_first_segment_of_all_is_missed_when_it_is_gone_or_empty);
	tcase_add_test(tc, a_table_that_is_missing_is_refused_with_a_sentence);
	tcase_add_test(tc, an_engine_killed_at_any_time_keeps_what_it_acknowledged_and_no_half_batch);
}

CHECK_MAIN("engine/restore", suite)
