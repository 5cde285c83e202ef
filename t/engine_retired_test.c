/* SPDX-License-Identifier: Apache-2.0 */
/* Replaced tables and whoever still reads them: what stays, for how long, over restarts, and with few tables open. */
#include "common/base/clock.h"
#include "common/stats/stats.h"
#include "t/model_db.h"

#define KEYS 900u
#define FEW_OPEN 3u

static uint64_t passed_us;

uint64_t __real_clock_mono_us(void);
uint64_t __wrap_clock_mono_us(void);
uint64_t __wrap_clock_mono_us(void)
{
	return __real_clock_mono_us() + passed_us;
}

static const char *key_of(unsigned i)
{
	static char key[16];

	snprintf(key, sizeof(key), "key%05u", i);
	return key;
}

/* All keys with this value, over many tables. */
static void put_all(struct model_db *db, const char *value)
{
	for (unsigned i = 0; i < KEYS;) {
		struct world_batch b = { .bytes = BUF_INIT };
		char text[200];

		for (unsigned end = i + 30; i < end; i++) {
			snprintf(text, sizeof(text), "%s of %u %0150u", value, i, i * 2654435761u);
			world_put(&b, key_of(i), text);
		}
		ck_assert_int_eq(world_commit(&db->w, &b).status, ST_OK);
		model_flush(db);
	}
	model_rotate(db, 0, 0);
	model_flush(db);
}

static void merge_all(struct model_db *db)
{
	db->w.at_rest = true;
	while (model_compact(db))
		;
}

static enum st on_name(void *ctx, const char *name)
{
	struct file_id id;

	*(unsigned *)ctx += path_parse(name, &id) == DATA_NAME_SST;
	return ST_OK;
}

static unsigned files(struct world *w)
{
	unsigned n = 0;

	ck_ok(vfs_list(w->vfs, path_sst_dir(w->dir).s, on_name, &n));
	return n;
}

static unsigned live_tables(struct world *w)
{
	const struct version *v = truth_lock(w->db.truth);
	size_t n = 0;

	for (unsigned level = 0; level < LEVEL_COUNT; level++)
		n += version_level(v, level).count;
	truth_unlock(w->db.truth);
	return (unsigned)n;
}

static void look(struct world *w)
{
	retired_look(w->retired, w->db.truth);
}

/* A reader of an older state that may have few tables open. */
struct snapshot { struct model_view v; uint64_t lease; };

static void snapshot_take(struct model_db *db, struct snapshot *s)
{
	s->v = model_view(db);
	ck_ok(lease_take(db->w.leases, db->w.board, view_desc(s->v.view), s->v.seq, 60000, &s->lease));
	view_retire(s->v.view);
}

static void snapshot_end(struct model_db *db, struct snapshot *s)
{
	lease_release(db->w.leases, s->lease);
	view_unref(&s->v.view);
}

/* Scans it: the outcome, and how many entries there were, all of this value. */
static enum st scan(struct model_db *db, struct snapshot *s, const char *value, unsigned *np)
{
	struct iter *it = view_iter_new(s->v.view, s->v.seq, 0);
	enum st st;

	*np = 0;
	for (iter_first(it); it->valid; iter_next(it), (*np)++) {
		ck_assert(memcmp(it->entry.value.p, value, strlen(value)) == 0);
		ck_assert_uint_le(table_cache_use(db->tables).open, FEW_OPEN + LEVEL_COUNT);
	}
	st = it->status;
	iter_free(&it);
	return st;
}

static void expect_whole(struct model_db *db, struct snapshot *s, const char *value)
{
	unsigned n;

	ck_ok(scan(db, s, value, &n));
	ck_assert_uint_eq(n, KEYS);
}

static void begin(struct model_db *db)
{
	stats_begin_private();
	model_prepare(db, false);
	db->w.conf.memtable_size_limit = 16384;
	db->w.conf.table_size_target = 4096;
	db->w.conf.compaction_trigger_ratio = 2;
	db->w.conf.wal_sync = WAL_SYNC_OFF;
	db->w.conf.block_compression = db->w.conf.block_compression_last = BLOCK_COMPRESSION_NONE;
	db->max_open_tables = FEW_OPEN;
	model_open(db);
	put_all(db, "old");
	merge_all(db);
	ck_assert_uint_gt(live_tables(&db->w), FEW_OPEN * 3);
}

static void end(struct model_db *db)
{
	model_close(db);
	model_remove(db);
}

static void replace_all(struct model_db *db)
{
	put_all(db, "new");
	merge_all(db);
}

/* ---- a lease keeps them ---- */

START_TEST(without_a_lease_replaced_tables_go_at_once)
{
	struct model_db db;
	struct snapshot s;
	unsigned n;

	begin(&db);
	snapshot_take(&db, &s);
	lease_release(db.w.leases, s.lease);
	replace_all(&db);
	ck_assert_uint_eq(files(&db.w), live_tables(&db.w));
	ck_assert_int_eq(scan(&db, &s, "old", &n), ST_UNAVAILABLE);
	snapshot_end(&db, &s);
	end(&db);
}
END_TEST

START_TEST(a_long_scan_reads_more_replaced_tables_than_may_be_open)
{
	struct model_db db;
	struct snapshot s;
	struct lease *list;
	unsigned before;

	begin(&db);
	before = live_tables(&db.w);
	snapshot_take(&db, &s);
	replace_all(&db);
	look(&db.w);
	ck_assert_uint_eq(files(&db.w), live_tables(&db.w) + before);
	expect_whole(&db, &s, "old");
	ck_assert_uint_eq(leases_list(db.w.leases, &list), 1);
	ck_assert_uint_gt(list[0].pinned_bytes, before * 1000);
	ck_assert_uint_eq(stats_sum(M_snapshot_pinned), list[0].pinned_bytes);
	ck_assert_uint_eq(stats_sum(M_snapshots), 1);
	mem_free(list);
	lease_release(db.w.leases, s.lease);
	look(&db.w);
	ck_assert_uint_eq(files(&db.w), live_tables(&db.w));
	ck_assert_uint_eq(stats_sum(M_snapshot_pinned), 0);
	snapshot_end(&db, &s);
	end(&db);
}
END_TEST

START_TEST(tables_that_came_after_the_lease_are_not_kept_for_it)
{
	struct model_db db;
	struct snapshot s;
	unsigned before;

	begin(&db);
	before = live_tables(&db.w);
	snapshot_take(&db, &s);
	for (unsigned i = 0; i < 3; i++) {
		replace_all(&db);
		look(&db.w);
		ck_assert_uint_eq(files(&db.w), live_tables(&db.w) + before);
	}
	expect_whole(&db, &s, "old");
	snapshot_end(&db, &s);
	end(&db);
}
END_TEST

START_TEST(an_engine_that_starts_leaves_what_leases_need)
{
	struct model_db db;
	struct snapshot s;
	unsigned before;

	begin(&db);
	before = live_tables(&db.w);
	snapshot_take(&db, &s);
	replace_all(&db);
	for (unsigned i = 0; i < 2; i++) {
		world_close(&db.w);
		world_open(&db.w);
		look(&db.w);
		ck_assert_uint_eq(files(&db.w), live_tables(&db.w) + before);
		expect_whole(&db, &s, "old");
	}
	lease_release(db.w.leases, s.lease);
	look(&db.w);
	ck_assert_uint_eq(files(&db.w), live_tables(&db.w));
	snapshot_end(&db, &s);
	end(&db);
}
END_TEST

/* ---- and not for ever ---- */

START_TEST(when_the_lease_has_run_out_the_scan_says_so)
{
	struct model_db db;
	struct snapshot s;
	unsigned n;

	begin(&db);
	snapshot_take(&db, &s);
	replace_all(&db);
	passed_us += 61u * 1000000u;
	look(&db.w);
	ck_assert_uint_eq(files(&db.w), live_tables(&db.w));
	ck_assert_int_eq(scan(&db, &s, "old", &n), ST_UNAVAILABLE);
	ck_assert_int_eq(lease_renew(db.w.leases, s.lease, 1000), ST_NOT_FOUND);
	snapshot_end(&db, &s);
	end(&db);
}
END_TEST

START_TEST(a_start_removes_what_no_lease_needs_any_more)
{
	struct model_db db;
	struct snapshot s;

	begin(&db);
	snapshot_take(&db, &s);
	replace_all(&db);
	world_close(&db.w);
	passed_us += 61u * 1000000u;
	world_open(&db.w);
	ck_assert_uint_eq(files(&db.w), live_tables(&db.w));
	snapshot_end(&db, &s);
	end(&db);
}
END_TEST

START_TEST(a_full_disk_ends_the_leases_that_keep_something)
{
	struct model_db db;
	struct snapshot old, idle;

	begin(&db);
	snapshot_take(&db, &old);
	replace_all(&db);
	snapshot_take(&db, &idle);        /* keeps nothing */
	retired_make_room(db.w.retired);
	look(&db.w);
	ck_assert_uint_eq(files(&db.w), live_tables(&db.w));
	ck_assert_int_eq(lease_renew(db.w.leases, old.lease, 1000), ST_NOT_FOUND);
	ck_assert_int_eq(lease_renew(db.w.leases, idle.lease, 1000), ST_OK);
	snapshot_end(&db, &old);
	snapshot_end(&db, &idle);
	end(&db);
}
END_TEST

START_TEST(what_a_leased_view_opens_late_does_not_stay_open)
{
	struct model_db db;
	struct snapshot s;

	begin(&db);
	snapshot_take(&db, &s);
	replace_all(&db);
	expect_whole(&db, &s, "old");
	snapshot_end(&db, &s);
	ck_assert_uint_eq(table_cache_use(db.tables).open, 0);
	end(&db);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, without_a_lease_replaced_tables_go_at_once);
	tcase_add_test(tc, a_long_scan_reads_more_replaced_tables_than_may_be_open);
	tcase_add_test(tc, tables_that_came_after_the_lease_are_not_kept_for_it);
	tcase_add_test(tc, an_engine_that_starts_leaves_what_leases_need);
	tcase_add_test(tc, when_the_lease_has_run_out_the_scan_says_so);
	tcase_add_test(tc, a_start_removes_what_no_lease_needs_any_more);
	tcase_add_test(tc, a_full_disk_ends_the_leases_that_keep_something);
	tcase_add_test(tc, what_a_leased_view_opens_late_does_not_stay_open);
}

CHECK_MAIN("engine/retired", suite)
