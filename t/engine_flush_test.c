/* SPDX-License-Identifier: Apache-2.0 */
/* Flush: what a table of it holds, in which order things become durable, and that no failure loses anything. */
#include "t/engine_world.h"

#include "common/vfs/fault.h"
#include "common/vfs/vfs_impl.h"

/* ---- what is written ---- */

static struct table_facts level0(struct world *w, size_t i)
{
	struct table_facts f;
	struct level_list l = version_level(truth_lock(w->db.truth), 0);

	ck_assert_uint_lt(i, l.count);
	f = l.tables[i]->facts;
	truth_unlock(w->db.truth);
	return f;
}

static size_t level0_count(struct world *w)
{
	return truth_level0_count(w->db.truth);
}

static void rotate_and_flush(struct world *w)
{
	world_rotate(w);
	ck_ok(flush_oldest(w->flush));
}

static void delete1(struct world *w, const char *key)
{
	world_put1(w, key, NULL);
}

START_TEST(only_the_newest_version_of_a_key_is_written)
{
	struct world w;

	world_begin(&w, vfs_posix());
	for (unsigned i = 0; i < 10; i++)
		world_put1(&w, "k", i < 9 ? "old" : "new");
	world_put1(&w, "l", "other");
	rotate_and_flush(&w);
	ck_assert_uint_eq(level0(&w, 0).entry_count, 2);
	world_check1(&w, "k", "new");
	world_end(&w);
}
END_TEST

START_TEST(the_first_table_has_no_tombstones_and_later_ones_keep_them)
{
	struct world w;

	world_begin(&w, vfs_posix());
	world_put1(&w, "k", "v");
	delete1(&w, "gone");
	rotate_and_flush(&w);
	ck_assert_uint_eq(level0(&w, 0).entry_count, 1);
	ck_assert_uint_eq(level0(&w, 0).tombstone_count, 0);
	delete1(&w, "k");
	rotate_and_flush(&w);
	ck_assert_uint_eq(level0(&w, 0).tombstone_count, 1);
	world_check1(&w, "k", NULL);
	world_check1(&w, "gone", NULL);
	world_end(&w);
}
END_TEST

START_TEST(what_has_expired_is_not_flushed_when_nothing_lies_below)
{
	struct world w;

	world_begin(&w, vfs_posix());
	world_put1(&w, "over", "older");
	world_put1_until(&w, "over", "newer", 1000);
	world_put1_until(&w, "live", "v", 1001);
	world_now_ms = 1000;
	rotate_and_flush(&w);
	ck_assert_uint_eq(level0(&w, 0).entry_count, 1);
	world_check1(&w, "live", "v");
	world_check1(&w, "over", NULL);
	world_now_ms = 0;                        /* the clock is set back: gone is gone, and nothing older comes up */
	world_check1(&w, "over", NULL);
	world_end(&w);
}
END_TEST

START_TEST(what_has_expired_is_flushed_as_a_tombstone_over_other_tables)
{
	struct world w;

	world_begin(&w, vfs_posix());
	world_put1(&w, "k", "older");
	rotate_and_flush(&w);
	world_put1_until(&w, "k", "newer", 1000);
	world_put1_until(&w, "live", "v", 1001);
	world_now_ms = 1000;
	rotate_and_flush(&w);
	ck_assert_uint_eq(level0(&w, 0).entry_count, 2);
	ck_assert_uint_eq(level0(&w, 0).tombstone_count, 1);
	world_now_ms = 0;
	world_check1(&w, "k", NULL);
	world_check1(&w, "live", "v");
	world_end(&w);
}
END_TEST

START_TEST(a_moment_of_expiry_survives_restart_and_flush)
{
	struct world w;

	world_begin(&w, vfs_posix());
	world_put1_until(&w, "k", "v", 1000);
	world_close(&w);
	world_forget_memtables(&w);
	world_open(&w);
	for (unsigned i = 0; i < 2; i++) {
		world_now_ms = 999;
		world_check1(&w, "k", "v");
		world_now_ms = 1000;
		world_check1(&w, "k", NULL);
		world_now_ms = 0;
		world_rotate(&w);
		world_flush_all(&w);
	}
	ck_assert_uint_eq(level0_count(&w), 1);
	world_end(&w);
}
END_TEST

START_TEST(an_overwrite_and_a_delete_take_the_expiry_away)
{
	struct world w;

	world_begin(&w, vfs_posix());
	world_put1_until(&w, "kept", "short", 1000);
	world_put1(&w, "kept", "for good");
	world_put1_until(&w, "longer", "short", 1000);
	world_put1_until(&w, "longer", "long", 2000);
	world_put1_until(&w, "deleted", "short", 1000);
	delete1(&w, "deleted");
	for (unsigned i = 0; i < 2; i++) {
		world_now_ms = 1500;
		world_check1(&w, "kept", "for good");
		world_check1(&w, "longer", "long");
		world_check1(&w, "deleted", NULL);
		world_rotate(&w);
		world_flush_all(&w);
	}
	world_now_ms = 2000;
	world_check1(&w, "kept", "for good");
	world_check1(&w, "longer", NULL);
	world_end(&w);
}
END_TEST

START_TEST(a_memtable_with_nothing_to_keep_leaves_no_table_and_its_segment_goes)
{
	struct world w;
	struct path segment;
	bool there;

	world_begin(&w, vfs_posix());
	world_rotate(&w);                        /* empty */
	delete1(&w, "never was");
	segment = path_wal(w.dir, memtable_id(w.db.writer.active));
	world_rotate(&w);                        /* tombstones only, with no table below */
	world_flush_all(&w);
	ck_assert_uint_eq(level0_count(&w), 0);
	ck_ok(vfs_exists(w.vfs, segment.s, &there));
	ck_assert(!there);
	world_close(&w);
	world_open(&w);
	ck_assert_uint_eq(w.db.report.segments, 1);
	ck_assert_uint_eq(w.db.report.entries, 0);
	world_end(&w);
}
END_TEST

START_TEST(what_is_flushed_is_not_replayed)
{
	struct world w;

	world_begin(&w, vfs_posix());
	world_put1(&w, "a", "1");
	rotate_and_flush(&w);
	world_put1(&w, "b", "2");
	world_close(&w);
	world_forget_memtables(&w);
	world_open(&w);
	ck_assert_uint_eq(w.db.report.entries, 1);
	world_check1(&w, "a", "1");
	world_check1(&w, "b", "2");
	world_end(&w);
}
END_TEST

/* ---- in which order ---- */

/* Passes everything to the operating system and notes when the names of tables and segments change. */
struct spy {
	struct vfs head;
	struct world *w;
	bool renamed, synced_sst, synced_tmp;
	unsigned unlinked_wal;
	bool right;                      /* every step found what it must find */
};

static const struct vfs_ops *real(void)
{
	return vfs_posix()->ops;
}

static enum st spy_open(struct vfs *v, const char *path, enum vfs_open_flags flags, struct vfs_file **fp)
{
	(void)v;
	return real()->open(vfs_posix(), path, flags, fp);
}

static enum st spy_mkdir(struct vfs *v, const char *path)
{
	(void)v;
	return real()->mkdir(vfs_posix(), path);
}

static enum st spy_rename(struct vfs *v, const char *from, const char *to)
{
	struct spy *s = (struct spy *)v;

	s->renamed = true;
	s->right &= level0_count(s->w) == 0;
	return real()->rename(vfs_posix(), from, to);
}

static enum st spy_link(struct vfs *v, const char *from, const char *to)
{
	(void)v;
	return real()->link(vfs_posix(), from, to);
}

static enum st spy_unlink(struct vfs *v, const char *path)
{
	struct spy *s = (struct spy *)v;

	if (strstr(path, "/wal/")) {     /* invariant 4: only when the table is live; invariant 3: and its name durable */
		s->unlinked_wal++;
		s->right &= level0_count(s->w) == 1 && s->synced_sst && s->synced_tmp;
	}
	return real()->unlink(vfs_posix(), path);
}

static enum st spy_sync_dir(struct vfs *v, const char *path)
{
	struct spy *s = (struct spy *)v;

	if (strstr(path, "/sst")) {
		s->synced_sst = s->renamed;
		s->right &= level0_count(s->w) == 0;
	}
	if (strstr(path, "/tmp") && s->renamed)
		s->synced_tmp = true;
	return real()->sync_dir(vfs_posix(), path);
}

static enum st spy_exists(struct vfs *v, const char *path, bool *yesp)
{
	(void)v;
	return real()->exists(vfs_posix(), path, yesp);
}

static enum st spy_free_bytes(struct vfs *v, const char *path, uint64_t *bytesp)
{
	(void)v;
	return real()->free_bytes(vfs_posix(), path, bytesp);
}

static enum st spy_list(struct vfs *v, const char *path, vfs_each_f *each, void *ctx)
{
	(void)v;
	return real()->list(vfs_posix(), path, each, ctx);
}

static const struct vfs_ops spy_ops = {
	.open = spy_open, .mkdir = spy_mkdir, .rename = spy_rename, .link = spy_link, .unlink = spy_unlink,
	.sync_dir = spy_sync_dir, .exists = spy_exists, .free_bytes = spy_free_bytes, .list = spy_list,
};

START_TEST(file_then_name_then_manifest_then_unlink)
{
	/* invariants 3 and 4 */
	struct world w;
	struct spy spy = { .head = { &spy_ops }, .w = &w };

	world_begin(&w, &spy.head);
	world_put1(&w, "k", "v");
	world_rotate(&w);
	spy = (struct spy){ .head = { &spy_ops }, .w = &w, .right = true };
	ck_ok(flush_oldest(w.flush));
	ck_assert(spy.renamed);
	ck_assert_uint_eq(spy.unlinked_wal, 1);
	ck_assert(spy.right);
	world_end(&w);
}
END_TEST

/* ---- failures ---- */

static void check_data(struct world *w)
{
	world_check1(w, "first", "1");
	world_check1(w, "second", "2");
	world_check1(w, "deleted", NULL);
}

/* One flush whose n-th file operation fails; false when it has fewer. */
static bool flush_with_failure(uint64_t n, bool for_good, enum st failure)
{
	struct vfs *fault = fault_new(vfs_posix());
	struct world w;
	bool fired;
	enum st st;

	world_begin(&w, fault);
	world_put1(&w, "first", "1");
	world_put1(&w, "deleted", "x");
	rotate_and_flush(&w);
	world_put1(&w, "second", "2");
	delete1(&w, "deleted");
	world_rotate(&w);
	fault_arm(fault, FAULT_ALL, n, for_good, failure);
	st = flush_oldest(w.flush);
	fired = fault_fired(fault);
	fault_arm(fault, FAULT_ALL, 0, false, ST_OK);
	ck_assert(fired || st == ST_OK);
	check_data(&w);
	world_flush_all(&w);             /* the next try */
	check_data(&w);
	ck_assert_uint_eq(level0_count(&w), 2);
	world_close(&w);
	world_forget_memtables(&w);
	world_open(&w);
	check_data(&w);
	world_end(&w);
	fault_free(&fault);
	return fired;
}

START_TEST(whichever_operation_fails_nothing_is_lost_and_the_next_flush_succeeds)
{
	const enum st failures[] = { ST_IO, ST_FULL };

	for (unsigned f = 0; f < 2; f++)
		for (unsigned for_good = 0; for_good < 2; for_good++) {
			uint64_t n = 1;

			while (flush_with_failure(n, for_good == 1, failures[f]))
				n++;
			ck_assert_uint_gt(n, 8);         /* it did sweep over something */
		}
}
END_TEST

/* A full disk when the next segment is to be made: the writer is told so, and goes on when there is room again. */
START_TEST(a_full_disk_refuses_writes_without_harm)
{
	struct vfs *fault = fault_new(vfs_posix());
	struct write_reply reply = { 0 };
	struct world w;

	world_begin(&w, fault);
	world_put1(&w, "k", "v");
	for (uint64_t n = 1; n <= 2; n++) {      /* the new file, its room */
		fault_arm(fault, FAULT_META, n, true, ST_FULL);
		ck_assert_int_eq(writer_rotate(&w.db.writer, 0, 0, &reply), ST_FULL);
		ck_assert_str_eq(reply.detail, "the disk is full");
		fault_arm(fault, FAULT_ALL, 0, false, ST_OK);
		world_put1(&w, "l", "goes on in the old segment");
	}
	world_rotate(&w);
	world_put1(&w, "m", "goes on in a new one");
	world_close(&w);
	world_forget_memtables(&w);
	world_open(&w);
	world_check1(&w, "k", "v");
	world_check1(&w, "l", "goes on in the old segment");
	world_check1(&w, "m", "goes on in a new one");
	world_end(&w);
	fault_free(&fault);
}
END_TEST

static enum st count_name(void *ctx, const char *name)
{
	(void)name;
	(*(unsigned *)ctx)++;
	return ST_OK;
}

static unsigned segments_on_disk(struct world *w)
{
	unsigned n = 0;

	ck_ok(vfs_list(w->vfs, path_wal_dir(w->dir).s, count_name, &n));
	return n;
}

/* No memtable is that large: a segment was taken for nothing. */
START_TEST(a_rotation_that_gets_no_memtable_leaves_no_segment_behind)
{
	struct write_reply reply = { 0 };
	const uint64_t too_much = UINT64_C(64) << 30;
	struct world w;
	unsigned segments;

	world_begin(&w, vfs_posix());
	world_put1(&w, "k", "v");
	segments = segments_on_disk(&w);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(writer_rotate(&w.db.writer, too_much, 0, &reply), ST_UNAVAILABLE);
		ck_assert_uint_eq(segments_on_disk(&w), segments);
		world_put1(&w, "l", "goes on in the old segment");
	}
	world_rotate(&w);
	world_end(&w);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, only_the_newest_version_of_a_key_is_written);
	tcase_add_test(tc, the_first_table_has_no_tombstones_and_later_ones_keep_them);
	tcase_add_test(tc, what_has_expired_is_not_flushed_when_nothing_lies_below);
	tcase_add_test(tc, what_has_expired_is_flushed_as_a_tombstone_over_other_tables);
	tcase_add_test(tc, a_moment_of_expiry_survives_restart_and_flush);
	tcase_add_test(tc, an_overwrite_and_a_delete_take_the_expiry_away);
	tcase_add_test(tc, a_memtable_with_nothing_to_keep_leaves_no_table_and_its_segment_goes);
	tcase_add_test(tc, what_is_flushed_is_not_replayed);
	tcase_add_test(tc, file_then_name_then_manifest_then_unlink);
	tcase_add_test(tc, whichever_operation_fails_nothing_is_lost_and_the_next_flush_succeeds);
	tcase_add_test(tc, a_full_disk_refuses_writes_without_harm);
	tcase_add_test(tc, a_rotation_that_gets_no_memtable_leaves_no_segment_behind);
}

CHECK_MAIN("engine/flush", suite)
