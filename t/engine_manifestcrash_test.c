/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest on a simulated disk: the power goes at every event, every operation fails. A committed edit is
 * there after the next opening, an edit is there whole or not at all, and what an opening returned is never
 * taken back (invariants 4, 5, 8, 9).
 */
#include "common/vfs/fault.h"
#include "common/vfs/sim.h"
#include "engine/manifest.h"
#include "engine/manifest_schema.h"
#include "t/engine_manifest1.h"
#include "t/engine_sqlitevfs.h"
#include "t/engine_testlib.h"

#define DIR "/data"
#define EDITS 4
#define CUT_COUNT 4

static const enum sim_cut cuts[] = { SIM_CUT_SYNCED_ONLY, SIM_CUT_ALL, SIM_CUT_RANDOM, SIM_CUT_PREFIX };

struct work {
	uint64_t incarnation;            /* of the last opening that succeeded; 0: none */
	uint64_t committed, attempted;   /* edits */
	uint64_t reserved;               /* ids below this were given out */
	enum st st;
};

static struct vfs *disk_new(void)
{
	struct vfs *sim = sim_new();

	testlib_folders(sim, DIR);
	ck_ok(vfs_sync_dir(sim, "/"));
	return sim;
}

static enum st open_on(struct vfs *v, struct manifest **mp, struct manifest_state *sp)
{
	struct buf complaint = BUF_INIT;
	enum st st;

	sqlitevfs_use(v);
	st = manifest_open(v, path_manifest(DIR).s, SQLITEVFS_NAME, mp, sp, &complaint);
	ck_assert_uint_eq(complaint.n, 0);       /* a crash is no damage */
	buf_fini(&complaint);
	return st;
}

/* Edit n: job n replaces table n by table n + 1; everything says n. */
static enum st commit_edit(struct manifest *m, uint64_t n)
{
	struct live_table t = testlib_table(n + 1, 1, "a", "m", 1, 10);
	struct file_id gone = { n };
	struct job_row j = { .job = n, .reason = "test", .output_level = 1, .finished_ms = 1 };
	struct version_edit e = { .added = &t, .added_count = 1, .removed = &gone, .removed_count = n > 1, .job = &j,
				  .wal_floor = file_id(n), .flushed_seq = seq(n * 10) };

	return manifest_commit(m, &e);
}

static void edit_on(struct manifest *m, struct work *w, uint64_t upto)
{
	for (uint64_t n = w->committed + 1; n <= upto && !w->st; n++) {
		w->st = manifest_reserve_ids(m, file_id(n * 100));
		if (w->st)
			break;
		w->reserved = n * 100;
		w->attempted = n;
		w->st = commit_edit(m, n);
		if (!w->st)
			w->committed = n;
	}
}

/* A life of a manifest: made, edited, closed, opened again, edited. After a failed commit it must refuse. */
static struct work work_on(struct vfs *v)
{
	struct work w = { 0 };

	for (uint64_t life = 1; life <= 2 && !w.st; life++) {
		struct manifest_state s;
		struct manifest *m;

		w.st = open_on(v, &m, &s);
		if (w.st)
			break;
		w.incarnation = s.incarnation;
		manifest_state_fini(&s);
		edit_on(m, &w, life * EDITS / 2);
		if (w.st == ST_IO)
			ck_assert_int_eq(commit_edit(m, 1000), ST_IO);
		manifest_close(&m);
	}
	return w;
}

/* Opens and checks; edits seen. */
static uint64_t look(struct vfs *v, const struct work *w)
{
	struct manifest_state s;
	struct manifest *m;
	uint64_t seen;

	ck_ok(open_on(v, &m, &s));
	seen = s.flushed_seq.v / 10;
	ck_assert_uint_ge(seen, w->committed);
	ck_assert_uint_le(seen, w->attempted);
	ck_assert_uint_eq(s.wal_floor.v, seen);
	ck_assert_uint_eq(s.next_job, seen + 1);
	ck_assert_uint_eq(s.table_count, seen > 0);
	ck_assert(seen == 0 || s.tables[0].facts.id.v == seen + 1);
	ck_assert_uint_ge(s.next_id.v, w->reserved);
	ck_assert_uint_gt(s.incarnation, w->incarnation);
	manifest_state_fini(&s);
	manifest_close(&m);
	return seen;
}

/* What this opening returns, the one after a power cut returns too. */
static void look_for_good(struct vfs *disk, const struct work *w, struct rnd *rnd)
{
	struct manifest_state s;
	struct manifest *m;
	struct work again = *w;

	ck_ok(open_on(disk, &m, &s));
	again.committed = again.attempted = s.flushed_seq.v / 10;
	again.incarnation = s.incarnation;
	manifest_state_fini(&s);
	for (int c = 0; c < CUT_COUNT; c += 2) { /* while it is open: nothing depends on a clean close */
		struct vfs *next = sim_after_power_cut(disk, cuts[c], rnd);

		look(next, &again);
		sim_free(&next);
	}
	sqlitevfs_use(disk);
	manifest_close(&m);
	look(disk, &again);
}

START_TEST(committed_edits_survive_a_power_cut_at_every_event)
{
	bool died = true;

	for (uint64_t n = 1; died; n++) {
		struct vfs *dead = disk_new();
		struct work w;

		sim_die_at(dead, n);
		w = work_on(dead);
		died = w.st != ST_OK;
		for (int c = 0; c < CUT_COUNT; c++) {
			struct rnd rnd = { n };
			struct vfs *disk = sim_after_power_cut(dead, cuts[c], &rnd);

			look(disk, &w);
			look_for_good(disk, &w, &rnd);
			sim_free(&disk);
		}
		sim_free(&dead);
	}
}
END_TEST

/* A failed commit leaves the outcome open, but an opening decides it for good: also when what it read was
 * only in the page cache, because a sync had failed. */
START_TEST(a_failed_operation_is_decided_by_the_next_opening)
{
	static const unsigned kinds[] = { FAULT_WRITE, FAULT_SYNC, FAULT_META, FAULT_READ };

	for (int k = 0; k < 4; k++) {
		bool fired = true;

		for (uint64_t nth = 1; fired; nth++) {
			struct vfs *sim = disk_new(), *faulty = fault_new(sim);
			struct rnd rnd = { nth };
			struct work w;

			fault_arm(faulty, kinds[k], nth, false, _i ? ST_FULL : ST_IO);
			w = work_on(faulty);
			fired = fault_fired(faulty);
			ck_assert(fired || !w.st);
			look_for_good(sim, &w, &rnd);
			fault_free(&faulty);
			sim_free(&sim);
		}
	}
}
END_TEST

/* ---- damage ---- */

#define DAMAGE_STEPS 4

/* Step 1: two tables; 2: a block of table 1 on record; 3: table 2 on record, and it leaves; 4: record 1 is closed. */
static enum st damage_step(struct manifest *m, unsigned step)
{
	struct live_table t[] = { testlib_table(1, 1, "a", "m", 1, 10), testlib_table(2, 1, "n", "z", 11, 20) };
	struct file_id gone = { 2 };
	uint64_t closed = 1;
	struct damage_row block = { { 1, { 1 }, 4106, slice_of("b\0", 2), slice_str("c"), { 10 }, NULL }, "bad", 5 };
	struct damage_row whole = { { 2, { 2 }, DAMAGE_WHOLE, slice_str("n"), slice_str("z"), { 20 }, NULL }, "gone", 6 };
	struct version_edit edits[DAMAGE_STEPS] = {
		{ .added = t, .added_count = 2 },
		{ .damage = &block, .damage_count = 1 },
		{ .damage = &whole, .damage_count = 1, .removed = &gone, .removed_count = 1 },
		{ .mended = &closed, .mended_count = 1 },
	};

	return manifest_commit(m, &edits[step - 1]);
}

static unsigned damage_work(struct vfs *v)
{
	struct manifest_state s;
	struct manifest *m;
	unsigned done = 0;

	if (open_on(v, &m, &s))
		return 0;
	manifest_state_fini(&s);
	while (done < DAMAGE_STEPS && !damage_step(m, done + 1))
		done++;
	manifest_close(&m);
	return done;
}

/* How many steps are to be seen; each is there whole or not at all. */
static unsigned damage_seen(struct vfs *v)
{
	struct manifest_state s;
	struct manifest *m;
	unsigned seen;

	ck_ok(open_on(v, &m, &s));
	seen = s.next_damage > 2 ? 3 + (s.damage_count == 1) : s.next_damage > 1 ? 2 : s.table_count > 0;
	ck_assert_uint_eq(s.table_count, seen == 0 ? 0 : seen < 3 ? 2 : 1);
	ck_assert_uint_eq(s.damage_count, seen < 2 ? 0 : seen == 3 ? 2 : 1);
	for (size_t i = 0; i < s.damage_count; i++) {
		const struct table_damage *d = &s.damage[i];

		ck_assert(d->record == 1 ? d->table.v == 1 && d->offset == 4106 && slice_eq(d->min, slice_of("b\0", 2))
					 : d->table.v == 2 && d->offset == DAMAGE_WHOLE && slice_eq(d->max, slice_str("z")));
		ck_assert_uint_eq(d->max_seq.v, d->record == 1 ? 10 : 20);
	}
	manifest_state_fini(&s);
	manifest_close(&m);
	return seen;
}

START_TEST(damage_on_record_survives_a_power_cut_at_every_event)
{
	unsigned done = 0;

	for (uint64_t n = 1; done < DAMAGE_STEPS; n++) {
		struct vfs *dead = disk_new();

		sim_die_at(dead, n);
		done = damage_work(dead);
		for (int c = 0; c < CUT_COUNT; c++) {
			struct rnd rnd = { n };
			struct vfs *disk = sim_after_power_cut(dead, cuts[c], &rnd);
			unsigned seen = damage_seen(disk);

			ck_assert(seen == done || seen == done + 1);
			ck_assert_uint_eq(damage_seen(disk), seen);
			sim_free(&disk);
		}
		sim_free(&dead);
	}
}
END_TEST

/* ---- migration ---- */

static sqlite3 *raw_open(struct vfs *v)
{
	sqlite3 *db;

	sqlitevfs_use(v);
	ck_assert_int_eq(sqlite3_open_v2(path_manifest(DIR).s, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, SQLITEVFS_NAME),
			 SQLITE_OK);
	return db;
}

static struct vfs *disk_of_format_1(void)
{
	struct vfs *disk = disk_new();
	sqlite3 *db = raw_open(disk);

	ck_assert_int_eq(sqlite3_exec(db, manifest1_sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	ck_ok(vfs_sync_dir(disk, DIR));
	return disk;
}

static int raw_number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;
	int v;

	ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(s), SQLITE_ROW);
	v = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return v;
}

/* The manifest is of format 1 or of ours, and nothing in between; its format. */
static int expect_whole_format(struct vfs *disk)
{
	sqlite3 *db = raw_open(disk);
	int format = raw_number(db, "PRAGMA user_version");

	ck_assert(format == 1 || format == MANIFEST_USER_VERSION);
	ck_assert_int_eq(raw_number(db, "SELECT count(*) FROM sqlite_schema WHERE name IN ('damage', 'dead_tables')"),
			 format == 1 ? 0 : 2);
	ck_assert_int_eq(raw_number(db, "SELECT count(*) FROM pragma_table_info('files')"), format == 1 ? 17 : 20);
	ck_assert_int_eq(raw_number(db, "SELECT count(*) FROM pragma_table_info('jobs')"), format == 1 ? 13 : 15);
	ck_assert_int_eq(raw_number(db, "SELECT count(*) FROM garbage"), format == 1 ? 1 : 2);
	ck_assert_int_eq(raw_number(db, "SELECT (SELECT count(*) FROM files) + (SELECT count(*) FROM lineage)"), 4);
	sqlite3_close(db);
	return format;
}

static void expect_migrated(struct vfs *disk)
{
	struct manifest_state s;
	struct manifest *m;

	ck_ok(open_on(disk, &m, &s));
	ck_assert_uint_eq(s.database, 4711);
	ck_assert_uint_eq(s.table_count, 2);
	ck_assert_uint_eq(s.next_id.v, 64);
	manifest_state_fini(&s);
	manifest_close(&m);
	ck_assert_int_eq(expect_whole_format(disk), MANIFEST_USER_VERSION);
}

START_TEST(a_power_cut_in_a_migration_leaves_the_old_format_or_the_new_one)
{
	unsigned seen[MANIFEST_USER_VERSION + 1] = { 0 };
	enum st st = ST_IO;

	for (uint64_t n = 1; st; n++) {
		struct vfs *dead = disk_of_format_1();
		struct manifest_state s;
		struct manifest *m;

		sim_die_at(dead, n);
		st = open_on(dead, &m, &s);
		manifest_state_fini(&s);
		manifest_close(&m);
		for (int c = 0; c < CUT_COUNT; c++) {
			struct rnd rnd = { n };
			struct vfs *disk = sim_after_power_cut(dead, cuts[c], &rnd);

			seen[expect_whole_format(disk)]++;
			expect_migrated(disk);
			sim_free(&disk);
		}
		sim_free(&dead);
	}
	ck_assert_uint_gt(seen[1], 0);
	ck_assert_uint_gt(seen[MANIFEST_USER_VERSION], 0);
}
END_TEST

START_TEST(a_failed_operation_in_a_migration_leaves_the_old_format_or_the_new_one)
{
	bool fired = true;

	for (uint64_t nth = 1; fired; nth++) {
		struct vfs *sim = disk_of_format_1(), *faulty = fault_new(sim);
		struct manifest_state s;
		struct manifest *m;
		enum st st;

		fault_arm(faulty, FAULT_ALL, nth, false, _i ? ST_FULL : ST_IO);
		st = open_on(faulty, &m, &s);
		fired = fault_fired(faulty);
		ck_assert(fired || !st);
		manifest_state_fini(&s);
		manifest_close(&m);
		expect_whole_format(sim);
		expect_migrated(sim);
		fault_free(&faulty);
		sim_free(&sim);
	}
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, damage_on_record_survives_a_power_cut_at_every_event);
	tcase_add_test(tc, committed_edits_survive_a_power_cut_at_every_event);
	tcase_add_loop_test(tc, a_failed_operation_is_decided_by_the_next_opening, 0, 2);
	tcase_add_test(tc, a_power_cut_in_a_migration_leaves_the_old_format_or_the_new_one);
	tcase_add_loop_test(tc, a_failed_operation_in_a_migration_leaves_the_old_format_or_the_new_one, 0, 2);
}

CHECK_MAIN("engine/manifestcrash", suite)
