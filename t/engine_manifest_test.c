/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest on a real file system: edits come back, refusals change nothing, kill -9 tears nothing. */
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "engine/manifest.h"
#include "engine/manifest_schema.h"
#include "t/engine_manifest1.h"
#include "t/engine_testlib.h"

static char dir[TESTLIB_DIR_MAX];

static void setup(void)
{
	testlib_dir(dir);
}

static void teardown(void)
{
	testlib_remove(dir);
}

static struct manifest *open_state(struct manifest_state *s)
{
	struct path p = path_manifest(dir);
	struct buf complaint = BUF_INIT;
	struct manifest *m;

	ck_ok(manifest_open(vfs_posix(), p.s, NULL, &m, s, &complaint));
	ck_assert_uint_eq(complaint.n, 0);
	buf_fini(&complaint);
	return m;
}

static struct manifest *open_plain(void)
{
	struct manifest_state s;
	struct manifest *m = open_state(&s);

	manifest_state_fini(&s);
	return m;
}

/* Opening must refuse, with a sentence that holds `word`, and leave the file as it is. */
static void expect_refusal(const char *word)
{
	struct path p = path_manifest(dir);
	struct buf complaint = BUF_INIT;
	uint8_t *before = NULL, *after = NULL;
	size_t n_before = 0, n_after = 0;
	struct manifest_state s;
	struct manifest *m;
	enum st there = vfs_slurp(vfs_posix(), p.s, 1u << 24, &before, &n_before);

	ck_assert_int_eq(manifest_open(vfs_posix(), p.s, NULL, &m, &s, &complaint), ST_CORRUPT);
	ck_assert_ptr_null(m);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&complaint), word));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&complaint), p.s));
	ck_assert_int_eq(vfs_slurp(vfs_posix(), p.s, 1u << 24, &after, &n_after), there);
	ck_assert_uint_eq(n_before, n_after);
	if (n_before)
		ck_assert_mem_eq(before, after, n_before);
	mem_free(before);
	mem_free(after);
	buf_fini(&complaint);
}

/* The first column of the first row. */
static void text(const char *sql, char *to, size_t n)
{
	struct path p = path_manifest(dir);
	sqlite3 *db;
	sqlite3_stmt *s;

	ck_assert_int_eq(sqlite3_open_v2(p.s, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(s), SQLITE_ROW);
	ck_assert_int_lt(snprintf(to, n, "%s", (const char *)sqlite3_column_text(s, 0)), (int)n);
	sqlite3_finalize(s);
	sqlite3_close(db);
}

static int64_t number(const char *sql)
{
	char digits[64];

	text(sql, digits, sizeof digits);
	return strtoll(digits, NULL, 10);
}

static void change(const char *sql)
{
	struct path p = path_manifest(dir);
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(p.s, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static const struct live_table *find_table(const struct manifest_state *s, uint64_t id)
{
	for (size_t i = 0; i < s->table_count; i++)
		if (s->tables[i].facts.id.v == id)
			return &s->tables[i];
	return NULL;
}

START_TEST(an_empty_directory_gets_a_manifest_with_first_values)
{
	struct manifest_state s;
	struct manifest *m = open_state(&s);

	ck_assert(s.created);
	ck_assert_uint_ne(s.database, 0);
	ck_assert_uint_eq(s.incarnation, 1);
	ck_assert_uint_eq(s.next_id.v, 1);
	ck_assert_uint_eq(s.next_job, 1);
	ck_assert_uint_eq(s.wal_floor.v, 0);
	ck_assert_uint_eq(s.table_count, 0);
	manifest_close(&m);
	ck_assert_ptr_null(m);
}
END_TEST

START_TEST(reopening_sees_every_fact_of_an_edit)
{
	struct live_table t[] = { testlib_table(7, 0, "a\x01", "m", 1, 50), testlib_table(8, 1, "", "\xff\xff", 51, 90) };
	struct version_edit e = { .added = t, .added_count = 2, .wal_floor = file_id(9), .flushed_seq = seq(90) };
	struct manifest_state s, again;
	struct manifest *m = open_state(&s);
	const struct live_table *got;

	t[1].facts.max_seq = SEQ_MAX;
	t[1].facts.min_key = slice_of("x\0y", 3);
	ck_ok(manifest_commit(m, &e));
	manifest_close(&m);

	m = open_state(&again);
	ck_assert(!again.created);
	ck_assert_uint_eq(again.database, s.database);
	ck_assert_uint_eq(again.incarnation, 2);
	ck_assert_uint_eq(again.wal_floor.v, 9);
	ck_assert_uint_eq(again.flushed_seq.v, 90);
	ck_assert_uint_eq(again.table_count, 2);
	ck_assert_uint_ge(again.next_id.v, 9);
	got = find_table(&again, 8);
	ck_assert_ptr_nonnull(got);
	ck_assert(slice_eq(got->facts.min_key, t[1].facts.min_key));
	ck_assert(slice_eq(got->facts.max_key, t[1].facts.max_key));
	ck_assert_uint_eq(got->facts.max_seq.v, SEQ_MAX.v);
	ck_assert_uint_eq(got->facts.min_seq.v, 51);
	ck_assert_uint_eq(got->facts.file_crc, 0xfedcba98);
	ck_assert_uint_eq(got->facts.size_bytes, 1008);
	ck_assert_uint_eq(got->facts.entry_count, 40);
	ck_assert_uint_eq(got->facts.tombstone_count, 1);
	ck_assert_uint_eq(got->facts.uncompressed_bytes, 4000);
	ck_assert_uint_eq(got->facts.expiring_count, 1);
	ck_assert_int_eq(got->facts.min_expires_ms, 1700000001000);
	ck_assert_int_eq(got->facts.max_expires_ms, 1700000002000);
	ck_assert_int_eq(got->created_ms, 1700000000000);
	ck_assert_uint_eq(got->level, 1);
	manifest_state_fini(&s);
	manifest_state_fini(&again);
	manifest_close(&m);
}
END_TEST

static struct job_row job_row(uint64_t job)
{
	return (struct job_row){
		.job = job, .reason = "level 0 has 2 tables", .input_level = 0, .output_level = 1, .bytes_in = 2000,
		.bytes_out = 1500, .entries_in = 20, .dropped_overwritten = 3, .duration_us = 1000, .started_ms = 1699999999000, .finished_ms = 1700000000000,
		.sub_jobs = 1,
	};
}

START_TEST(a_compaction_leaves_its_lineage_in_the_views)
{
	struct live_table in[] = { testlib_table(1, 0, "a", "m", 1, 10), testlib_table(2, 0, "b", "z", 11, 20) };
	struct live_table out[] = { testlib_table(3, 1, "a", "z", 1, 20) };
	struct file_id gone[] = { { 1 }, { 2 } };
	struct job_row j = job_row(5);
	struct version_edit flush = { .added = in, .added_count = 2 };
	struct version_edit compaction = { .added = out, .added_count = 1, .removed = gone, .removed_count = 2, .job = &j };
	struct manifest_state s;
	struct manifest *m = open_plain();

	ck_ok(manifest_commit(m, &flush));
	ck_ok(manifest_commit(m, &compaction));
	ck_assert_int_eq(number("SELECT count(*) FROM live_tables"), 1);
	ck_assert_int_eq(number("SELECT tables FROM levels WHERE level = 1"), 1);
	ck_assert_int_eq(number("SELECT count(*) FROM lineage WHERE file = 3 AND parent IN (1, 2)"), 2);
	ck_assert_int_eq(number("SELECT count(*) FROM dead_tables"), 2);
	ck_assert_int_eq(number("SELECT count(*) FROM garbage"), 1);
	ck_assert_int_eq(number("SELECT job FROM compactions WHERE inputs = '1,2' AND outputs = '3'"), 5);
	manifest_close(&m);
	m = open_state(&s);
	ck_assert_uint_eq(s.table_count, 1);
	ck_assert_uint_eq(s.next_job, 6);
	manifest_state_fini(&s);
	manifest_close(&m);
}
END_TEST

START_TEST(a_moved_table_stays_live_on_its_new_level)
{
	struct live_table t = testlib_table(1, 1, "a", "m", 1, 10);
	struct file_id gone = { 1 };
	struct job_row j = job_row(1);
	struct version_edit flush = { .added = &t, .added_count = 1 };
	struct version_edit move = { .added = &t, .added_count = 1, .removed = &gone, .removed_count = 1, .job = &j };
	struct manifest_state s;
	struct manifest *m = open_plain();

	ck_ok(manifest_commit(m, &flush));
	t.level = 2;
	ck_ok(manifest_commit(m, &move));
	manifest_close(&m);
	m = open_state(&s);
	ck_assert_uint_eq(s.table_count, 1);
	ck_assert_uint_eq(s.tables[0].level, 2);
	manifest_state_fini(&s);
	manifest_close(&m);
}
END_TEST

START_TEST(an_edit_that_does_not_fit_changes_nothing_and_the_manifest_goes_on)
{
	struct live_table t = testlib_table(1, 0, "a", "m", 1, 10), u = testlib_table(2, 0, "a", "m", 11, 20);
	struct live_table both[] = { u, t };
	struct file_id unknown = { 99 };
	struct version_edit good = { .added = &t, .added_count = 1 };
	struct version_edit twice = { .added = both, .added_count = 2, .wal_floor = file_id(50) };
	struct version_edit removes_unknown = { .added = &u, .added_count = 1, .removed = &unknown, .removed_count = 1 };
	struct manifest *m = open_plain();

	ck_ok(manifest_commit(m, &good));
	ck_assert_int_eq(manifest_commit(m, &twice), ST_CORRUPT);
	ck_assert_int_eq(manifest_commit(m, &removes_unknown), ST_CORRUPT);
	ck_assert_int_eq(number("SELECT count(*) FROM files"), 1);
	ck_assert_int_eq(number("SELECT value FROM meta WHERE name = 'wal_floor'"), 0);
	good.added = &u;
	ck_ok(manifest_commit(m, &good));
	manifest_close(&m);
}
END_TEST

START_TEST(floors_and_ids_never_go_back)
{
	struct version_edit high = { .wal_floor = file_id(9), .flushed_seq = seq(100) };
	struct version_edit low = { .wal_floor = file_id(3), .flushed_seq = seq(20) };
	struct manifest_state s;
	struct manifest *m = open_plain();

	ck_ok(manifest_commit(m, &high));
	ck_ok(manifest_commit(m, &low));
	ck_ok(manifest_reserve_ids(m, file_id(64)));
	ck_ok(manifest_reserve_ids(m, file_id(32)));
	manifest_close(&m);
	m = open_state(&s);
	ck_assert_uint_eq(s.wal_floor.v, 9);
	ck_assert_uint_eq(s.flushed_seq.v, 100);
	ck_assert_uint_eq(s.next_id.v, 64);
	manifest_state_fini(&s);
	manifest_close(&m);
}
END_TEST

START_TEST(old_jobs_and_their_dead_tables_are_forgotten)
{
	struct live_table t = testlib_table(1, 0, "a", "m", 1, 10), u = testlib_table(2, 1, "a", "m", 1, 10);
	struct file_id gone = { 1 };
	struct job_row old = job_row(3), newest = job_row(3 + MANIFEST_JOBS_KEPT);
	struct version_edit flush = { .added = &t, .added_count = 1 };
	struct version_edit first = { .added = &u, .added_count = 1, .removed = &gone, .removed_count = 1, .job = &old };
	struct version_edit last = { .job = &newest };
	struct manifest *m = open_plain();

	ck_ok(manifest_commit(m, &flush));
	ck_ok(manifest_commit(m, &first));
	ck_ok(manifest_commit(m, &last));
	ck_assert_int_eq(number("SELECT count(*) FROM jobs"), 1);
	ck_assert_int_eq(number("SELECT count(*) FROM job_inputs"), 0);
	ck_assert_int_eq(number("SELECT count(*) FROM files"), 1);
	ck_assert_int_eq(number("SELECT id FROM live_tables JOIN files USING (min_seq)"), 2);
	manifest_close(&m);
}
END_TEST

START_TEST(people_may_read_while_the_manifest_is_open)
{
	struct live_table t = testlib_table(1, 0, "a", "m", 1, 10);
	struct version_edit e = { .added = &t, .added_count = 1 };
	struct manifest *m = open_plain();

	ck_assert_int_eq(number("SELECT count(*) FROM live_tables"), 0);
	ck_ok(manifest_commit(m, &e));
	ck_assert_int_eq(number("SELECT count(*) FROM live_tables"), 1);
	manifest_close(&m);
}
END_TEST

START_TEST(a_missing_or_empty_manifest_beside_tables_is_refused)
{
	struct path p = path_manifest(dir), sst = path_sst(dir, file_id(4));

	testlib_put_file(vfs_posix(), sst.s, "table", 5);
	expect_refusal("missing or empty");
	testlib_put_file(vfs_posix(), p.s, "", 0);
	expect_refusal("missing or empty");
}
END_TEST

START_TEST(a_missing_manifest_beside_wal_segments_is_refused)
{
	struct path wal = path_wal(dir, file_id(4));

	testlib_put_file(vfs_posix(), wal.s, "log", 3);
	expect_refusal("missing or empty");
}
END_TEST

START_TEST(a_file_that_is_no_database_is_refused)
{
	struct path p = path_manifest(dir);
	char noise[8192];

	memset(noise, 'x', sizeof noise);
	testlib_put_file(vfs_posix(), p.s, noise, sizeof noise);
	expect_refusal("not an sqlite database");
	ck_assert_int_eq(unlink(p.s), 0);
	testlib_put_file(vfs_posix(), p.s, noise, 100);
	expect_refusal("cut short");
	ck_assert_int_eq(unlink(p.s) + mkdir(p.s, 0700), 0);
	expect_refusal("is a directory");
}
END_TEST

START_TEST(a_foreign_database_is_refused)
{
	change("CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')");
	expect_refusal("another application");
	change("PRAGMA application_id = 17");
	expect_refusal("another application");
}
END_TEST

START_TEST(a_newer_format_is_refused)
{
	struct manifest *m = open_plain();

	manifest_close(&m);
	change("PRAGMA user_version = 4");
	expect_refusal("has format 4");
	change("PRAGMA user_version = -1");
	expect_refusal("has format -1");
}
END_TEST

START_TEST(a_manifest_of_format_1_is_migrated_and_keeps_every_row)
{
	struct manifest_state s;
	struct manifest *m;
	const struct live_table *t;

	change(manifest1_sql);
	m = open_state(&s);
	ck_assert(!s.created);
	ck_assert_uint_eq(s.database, 4711);
	ck_assert_uint_eq(s.incarnation, 4);
	ck_assert_uint_eq(s.wal_floor.v, 9);
	ck_assert_uint_eq(s.flushed_seq.v, 90);
	ck_assert_uint_eq(s.promised_seq.v, 95);
	ck_assert_uint_eq(s.next_id.v, 64);
	ck_assert_uint_eq(s.next_job, 6);
	ck_assert_uint_eq(s.table_count, 2);
	t = find_table(&s, 3);
	ck_assert(slice_eq(t->facts.min_key, slice_of("a", 2)));
	ck_assert(slice_eq(t->facts.max_key, slice_of("z\xff", 2)));
	ck_assert_uint_eq(t->facts.file_crc, 4275878552);
	ck_assert_int_eq(number("PRAGMA user_version"), MANIFEST_USER_VERSION);
	ck_assert_int_eq(number("SELECT count(*) FROM lineage WHERE file = 3 AND parent = 1 AND job = 5"), 1);
	ck_assert_int_eq(number("SELECT dropped_tombstones FROM compactions WHERE inputs = '1' AND outputs = '3'"), 2);
	ck_assert_int_eq(number("SELECT count(*) FROM files WHERE expiring = 0 AND max_expires_ms = 0"), 3);
	ck_assert_int_eq(number("SELECT sub_jobs FROM jobs WHERE started_ms = 0"), 1);
	manifest_state_fini(&s);
	manifest_close(&m);
}
END_TEST

START_TEST(a_migrated_manifest_takes_edits_like_a_new_one)
{
	struct live_table t = testlib_table(80, 1, "n", "p", 91, 99);
	struct file_id gone[] = { { 3 } };
	struct job_row j = job_row(6);
	struct version_edit e = { .added = &t, .added_count = 1, .removed = gone, .removed_count = 1, .job = &j };
	struct manifest *m;

	change(manifest1_sql);
	m = open_plain();
	ck_ok(manifest_commit(m, &e));
	ck_assert_int_eq(number("SELECT count(*) FROM lineage WHERE file = 80 AND parent = 3"), 1);
	ck_assert_int_eq(number("SELECT started_ms FROM jobs WHERE job = 6"), 1699999999000);
	manifest_close(&m);
}
END_TEST

/* So that a step that was once released is not changed in place. */
START_TEST(a_migrated_manifest_has_the_schema_of_a_new_one)
{
	static const char all[] = "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema ORDER BY type, name)";
	char fresh[16384], migrated[16384];
	struct path p = path_manifest(dir);
	struct manifest *m = open_plain();

	text(all, fresh, sizeof fresh);
	manifest_close(&m);
	ck_assert_int_eq(unlink(p.s), 0);
	change(manifest1_sql);
	m = open_plain();
	text(all, migrated, sizeof migrated);
	manifest_close(&m);
	ck_assert_uint_gt(strlen(fresh), 1000);
	ck_assert_str_eq(fresh, migrated);
}
END_TEST

START_TEST(garbage_tells_what_share_of_a_table_is_dead)
{
	struct live_table t[] = { testlib_table(1, 0, "a", "m", 1, 100), testlib_table(2, 0, "b", "n", 101, 200),
				  testlib_table(3, 0, "c", "o", 201, 300) };
	struct version_edit e = { .added = t, .added_count = 3 };
	struct manifest *m = open_plain();

	t[0].facts.tombstone_count = 25;
	ck_ok(manifest_commit(m, &e));
	manifest_close(&m);
	change("UPDATE files SET expiring = 60, min_expires_ms = 5, max_expires_ms = 9 WHERE id = 2");
	change("UPDATE files SET expiring = 60, min_expires_ms = 9e15, max_expires_ms = 9e15 WHERE id = 3");
	ck_assert_int_eq(number("SELECT tombstones + expired FROM garbage WHERE name = 'sstable_1.sst'"), 26);
	ck_assert_int_eq(number("SELECT percent FROM garbage WHERE name = 'sstable_2.sst'"), 61);
	ck_assert_int_eq(number("SELECT garbage_bytes FROM garbage WHERE name = 'sstable_2.sst'"), 1002 * 61 / 100);
	ck_assert_int_eq(number("SELECT tombstones + expired FROM garbage WHERE name = 'sstable_3.sst'"), 1);
}
END_TEST

START_TEST(a_damaged_database_is_refused)
{
	struct path p = path_manifest(dir);
	struct manifest *m = open_plain();
	uint8_t junk[4096];
	struct vfs_file *f;
	uint64_t size;

	manifest_close(&m);
	memset(junk, 0x5a, sizeof junk);
	ck_ok(vfs_open(vfs_posix(), p.s, VFS_WRITE, &f));
	ck_ok(vfs_size(f, &size));
	ck_assert_uint_gt(size, 2 * sizeof junk);
	ck_ok(vfs_write(f, junk, sizeof junk, sizeof junk));
	vfs_close(&f);
	expect_refusal("damaged");
}
END_TEST

START_TEST(an_interrupted_creation_is_done_again)
{
	struct manifest_state s;
	struct manifest *m;

	change("PRAGMA journal_mode = WAL");     /* as far as a creation gets before its transaction */
	m = open_state(&s);
	ck_assert(s.created);
	manifest_state_fini(&s);
	manifest_close(&m);
}
END_TEST

/* Writes edits until it is killed: job n replaces table n by table n + 1; ids are reserved before. */
static _Noreturn void commit_for_ever(int told)
{
	struct manifest *m = open_plain();
	struct live_table t = testlib_table(1, 1, "a", "m", 1, 10);
	struct version_edit first = { .added = &t, .added_count = 1 };

	ck_ok(manifest_commit(m, &first));
	for (uint64_t n = 1;; n++) {
		struct file_id gone = { n };
		struct job_row j = job_row(n);
		struct version_edit e = { .added = &t, .added_count = 1, .removed = &gone, .removed_count = 1, .job = &j,
					  .flushed_seq = seq(n), .wal_floor = file_id(n) };

		t = testlib_table(n + 1, 1, "a", "m", 1, 10);
		ck_ok(manifest_reserve_ids(m, file_id(n + 2)));
		ck_ok(manifest_commit(m, &e));
		ck_assert_int_eq(write(told, &n, sizeof n), sizeof n);
	}
}

/* Invariants 4 and 5: what was committed is there whole, ids given out before the kill are not given out
 * again. */
START_TEST(kill_9_in_the_middle_of_commits_tears_nothing)
{
	uint64_t n = 0, last = 0, seen;
	struct manifest_state s;
	struct manifest *m;
	int pipe_fds[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(pipe_fds), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		commit_for_ever(pipe_fds[1]);
	close(pipe_fds[1]);
	for (int i = 0; i < 40 + 37 * _i; i++) {
		ck_assert_int_eq(read(pipe_fds[0], &n, sizeof n), sizeof n);
		last = n;
	}
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	while (read(pipe_fds[0], &n, sizeof n) == sizeof n)
		last = n;
	close(pipe_fds[0]);

	m = open_state(&s);
	ck_assert_uint_eq(s.table_count, 1);
	seen = s.tables[0].facts.id.v - 1;
	ck_assert(seen == last || seen == last + 1);
	ck_assert_uint_eq(s.flushed_seq.v, seen);
	ck_assert_uint_eq(s.wal_floor.v, seen);
	ck_assert_uint_eq(s.next_job, seen + 1);
	ck_assert_uint_ge(s.next_id.v, last + 2);
	manifest_state_fini(&s);
	ck_assert_int_eq(number("SELECT count(*) FROM jobs"), (int64_t)seen);
	ck_assert_int_eq(number("SELECT count(*) FROM dead_tables"), (int64_t)seen);
	manifest_close(&m);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, an_empty_directory_gets_a_manifest_with_first_values);
	tcase_add_test(tc, reopening_sees_every_fact_of_an_edit);
	tcase_add_test(tc, a_compaction_leaves_its_lineage_in_the_views);
	tcase_add_test(tc, a_moved_table_stays_live_on_its_new_level);
	tcase_add_test(tc, an_edit_that_does_not_fit_changes_nothing_and_the_manifest_goes_on);
	tcase_add_test(tc, floors_and_ids_never_go_back);
	tcase_add_test(tc, old_jobs_and_their_dead_tables_are_forgotten);
	tcase_add_test(tc, people_may_read_while_the_manifest_is_open);
	tcase_add_test(tc, a_missing_or_empty_manifest_beside_tables_is_refused);
	tcase_add_test(tc, a_missing_manifest_beside_wal_segments_is_refused);
	tcase_add_test(tc, a_file_that_is_no_database_is_refused);
	tcase_add_test(tc, a_foreign_database_is_refused);
	tcase_add_test(tc, a_newer_format_is_refused);
	tcase_add_test(tc, a_manifest_of_format_1_is_migrated_and_keeps_every_row);
	tcase_add_test(tc, a_migrated_manifest_takes_edits_like_a_new_one);
	tcase_add_test(tc, a_migrated_manifest_has_the_schema_of_a_new_one);
	tcase_add_test(tc, garbage_tells_what_share_of_a_table_is_dead);
	tcase_add_test(tc, a_damaged_database_is_refused);
	tcase_add_test(tc, an_interrupted_creation_is_done_again);
	tcase_add_loop_test(tc, kill_9_in_the_middle_of_commits_tears_nothing, 0, 4);
}

CHECK_MAIN("engine/manifest", suite)
