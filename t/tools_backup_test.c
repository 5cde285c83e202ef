/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backups: each is a database with what it was taken from; unchanged tables are shared; damage is found; whatever
 * operation fails and whenever the power goes, a number stands for a whole one.
 */
#include "common/vfs/fault.h"
#include "common/vfs/sim.h"
#include "engine/checkpoint.h"
#include "engine/copydir.h"
#include "t/engine_sqlitevfs.h"
#include "t/engine_world.h"
#include "tools/backup.h"
#include "tools/backup_damage.h"

#define KEYS 40
#define CUT_COUNT 4

static const enum sim_cut cuts[] = { SIM_CUT_SYNCED_ONLY, SIM_CUT_ALL, SIM_CUT_RANDOM, SIM_CUT_PREFIX };

/* A database with two checkpoints, on a simulated disk: /one has values "1", /two has "2" in every second key. */
struct scene {
	struct vfs *sim;
	struct backup_set set;           /* /set */
};

static void world_at(struct world *w, struct vfs *v, const char *dir)
{
	int fd = board_create();

	*w = (struct world){ .vfs = v, .sqlite_vfs = SQLITEVFS_NAME, .origin = 7 };
	snprintf(w->dir, sizeof(w->dir), "%s", dir);
	conf_defaults(&w->conf);
	snprintf(w->conf.data_dir, sizeof(w->conf.data_dir), "%s", dir);
	w->conf.memtable_size_limit = 16384;
	ck_ok(board_attach(fd, true, &w->board));
	close(fd);
	sqlitevfs_use(v);
	world_open(w);
}

static void world_leave(struct world *w)
{
	sqlitevfs_use(w->vfs);
	world_close(w);
	world_forget_memtables(w);
	board_detach(&w->board);
}

static void put_all(struct world *w, unsigned step, const char *value)
{
	struct world_batch b = { .bytes = BUF_INIT };
	char key[16];

	for (unsigned i = 0; i < KEYS; i += step) {
		snprintf(key, sizeof(key), "key%02u", i);
		world_put(&b, key, value);
	}
	ck_assert_int_eq(world_commit(w, &b).status, ST_OK);
}

static void checkpoint(struct world *w, const char *dir)
{
	struct checkpoint_config c = { w->vfs, w->dir, w->db.truth };
	struct buf complaint = BUF_INIT;
	struct checkpoint_result r;

	world_rotate(w);
	ck_ok(checkpoint_make(&c, dir, &r, &complaint));
	buf_fini(&complaint);
}

static void begin(struct scene *s)
{
	struct world w;

	*s = (struct scene){ .sim = sim_new() };
	s->set = (struct backup_set){ s->sim, "/set", SQLITEVFS_NAME };
	testlib_folders(s->sim, "/data");
	ck_ok(vfs_mkdir(s->sim, "/set"));
	ck_ok(vfs_sync_dir(s->sim, "/"));
	world_at(&w, s->sim, "/data");
	put_all(&w, 1, "1");
	world_rotate(&w);
	world_flush_all(&w);             /* a table that both have */
	put_all(&w, 4, "1");
	checkpoint(&w, "/one");          /* and a segment that only this one has */
	put_all(&w, 2, "2");
	world_rotate(&w);
	world_flush_all(&w);
	checkpoint(&w, "/two");
	world_leave(&w);
}

static enum st take_with(const struct backup_set *set, const char *from, struct backup_report *rp)
{
	struct buf complaint = BUF_INIT;
	enum st st;

	sqlitevfs_use(set->vfs);
	st = backup_take(set, from, rp, &complaint);
	buf_fini(&complaint);
	return st;
}

static enum st verify(const struct backup_set *set, uint64_t number)
{
	struct buf complaint = BUF_INIT;
	struct backup_report r;
	enum st st;

	sqlitevfs_use(set->vfs);
	st = backup_verify(set, number, &r, &complaint);
	buf_fini(&complaint);
	return st;
}

static size_t count(const struct backup_set *set)
{
	uint64_t *numbers;
	size_t n;

	ck_ok(backup_list(set, &numbers, &n));
	mem_free(numbers);
	return n;
}

static void expect_values(struct vfs *v, const char *dir, const char *even, const char *odd)
{
	struct world_reader r;
	struct world w;
	char key[16];

	world_at(&w, v, dir);
	r = world_reader(&w);
	for (unsigned i = 0; i < KEYS; i++) {
		snprintf(key, sizeof(key), "key%02u", i);
		world_check(&r, key, i % 2 ? odd : even);
	}
	world_reader_end(&r);
	world_leave(&w);
}

START_TEST(each_backup_opens_with_what_it_was_taken_from)
{
	struct backup_report r;
	struct scene s;

	begin(&s);
	ck_ok(take_with(&s.set, "/one", &r));
	ck_assert_uint_eq(r.number, 1);
	ck_assert_uint_eq(r.linked, 0);
	ck_ok(take_with(&s.set, "/two", &r));
	ck_assert_uint_eq(r.number, 2);
	ck_assert_uint_eq(count(&s.set), 2);
	ck_ok(verify(&s.set, 1));
	ck_ok(verify(&s.set, 2));
	expect_values(s.sim, "/set/000001", "1", "1");
	expect_values(s.sim, "/set/000002", "2", "1");
	sim_free(&s.sim);
}
END_TEST

START_TEST(a_table_that_the_last_backup_has_is_linked_and_others_are_copied)
{
	struct backup_report r;
	struct scene s;

	begin(&s);
	ck_ok(take_with(&s.set, "/one", &r));
	ck_assert_uint_eq(r.tables, 1);
	ck_ok(take_with(&s.set, "/two", &r));
	ck_assert_uint_eq(r.tables, 3);
	ck_assert_uint_eq(r.linked, 1);
	ck_assert_uint_eq(r.copied, 2 + 2 + 1);  /* two tables, two segments, the manifest */
	ck_ok(take_with(&s.set, "/two", &r));
	ck_assert_uint_eq(r.linked, 3);
	sim_free(&s.sim);
}
END_TEST

/* What links share outlives the one it came from. */
START_TEST(removing_a_backup_leaves_the_others_whole)
{
	struct backup_report r;
	struct scene s;

	begin(&s);
	ck_ok(take_with(&s.set, "/one", &r));
	ck_ok(take_with(&s.set, "/two", &r));
	ck_ok(backup_remove(&s.set, 1));
	ck_assert_uint_eq(count(&s.set), 1);
	ck_ok(verify(&s.set, 2));
	expect_values(s.sim, "/set/000002", "2", "1");
	ck_ok(take_with(&s.set, "/two", &r));
	ck_assert_uint_eq(r.number, 3);
	sim_free(&s.sim);
}
END_TEST

/* Of those with ids from `id` on. */
static struct path next_table(struct vfs *v, const char *dir, uint64_t *id)
{
	for (;; ++*id) {
		struct path p = path_sst(dir, file_id(*id));
		bool there;

		ck_ok(vfs_exists(v, p.s, &there));
		if (there)
			return p;
		ck_assert_uint_lt(*id, 10000);
	}
}

static struct path first_table(struct vfs *v, const char *dir)
{
	uint64_t id = 1;

	return next_table(v, dir, &id);
}

/* Of three. */
static struct path last_table(struct vfs *v, const char *dir)
{
	uint64_t id = 1;

	for (unsigned i = 0; i < 2; i++, id++)
		(void)next_table(v, dir, &id);
	return next_table(v, dir, &id);
}

START_TEST(a_table_that_rots_in_a_backup_is_found)
{
	struct backup_report r;
	struct scene s;

	begin(&s);
	ck_ok(take_with(&s.set, "/one", &r));
	ck_ok(sim_flip(s.sim, first_table(s.sim, "/set/000001").s, 100, 1));
	ck_assert_int_eq(verify(&s.set, 1), ST_CORRUPT);
	sim_free(&s.sim);
}
END_TEST

START_TEST(a_missing_table_ends_the_backup)
{
	struct backup_report r;
	struct scene s;

	begin(&s);
	ck_ok(vfs_unlink(s.sim, first_table(s.sim, "/two").s));
	ck_assert_int_eq(take_with(&s.set, "/two", &r), ST_CORRUPT);
	ck_assert_uint_eq(count(&s.set), 0);
	sim_free(&s.sim);
}
END_TEST

static void read_list(const struct scene *s, uint64_t number, struct buf *list)
{
	buf_reset(list);
	ck_ok(backup_damage_read(s->sim, backup_path(&s->set, number), list));
}

START_TEST(a_damaged_table_is_not_linked_and_the_backup_tells_of_it)
{
	struct buf list = BUF_INIT;
	struct backup_report r;
	struct path table;
	struct scene s;

	begin(&s);
	table = first_table(s.sim, "/two");
	ck_ok(sim_flip(s.sim, table.s, 100, 1));
	ck_ok(take_with(&s.set, "/two", &r));
	ck_assert_uint_eq(r.damaged, 1);
	read_list(&s, 1, &list);
	ck_assert_msg(strstr(buf_cstr(&list), "level 0, keys \"key00\" to \"key39\": the file's checksum is"), "%s",
		      buf_cstr(&list));
	ck_assert_int_eq(verify(&s.set, 1), ST_CORRUPT);
	ck_ok(take_with(&s.set, "/two", &r));    /* and once more, for it still is */
	ck_assert_uint_eq(r.linked, 2);
	ck_assert_uint_eq(r.damaged, 1);
	ck_ok(sim_flip(s.sim, table.s, 100, 1));
	ck_ok(take_with(&s.set, "/two", &r));    /* mended */
	ck_assert_uint_eq(r.linked, 2);
	ck_assert_uint_eq(r.damaged, 0);
	ck_ok(verify(&s.set, 3));
	read_list(&s, 3, &list);
	ck_assert_uint_eq(list.n, 0);
	ck_ok(take_with(&s.set, "/two", &r));
	ck_assert_uint_eq(r.linked, 3);
	buf_fini(&list);
	sim_free(&s.sim);
}
END_TEST

START_TEST(a_list_of_damage_goes_with_its_backup)
{
	struct buf list = BUF_INIT;
	struct backup_report r;
	struct scene s;

	begin(&s);
	ck_ok(sim_flip(s.sim, last_table(s.sim, "/two").s, 100, 1));
	ck_ok(take_with(&s.set, "/two", &r));
	ck_ok(backup_remove(&s.set, 1));
	read_list(&s, 1, &list);
	ck_assert_uint_eq(list.n, 0);
	ck_ok(take_with(&s.set, "/two", &r));
	ck_ok(copydir_clear(s.sim, "/set/000001"));      /* by hand */
	ck_ok(take_with(&s.set, "/one", &r));            /* has the number again, and the table is sound there */
	ck_assert_uint_eq(r.number, 1);
	read_list(&s, 1, &list);
	ck_assert_uint_eq(list.n, 0);
	buf_fini(&list);
	sim_free(&s.sim);
}
END_TEST

static enum st unlink_segments(void *ctx, const char *name)
{
	return vfs_unlink(ctx, path_join("/set/000001/wal", name).s);
}

START_TEST(a_backup_whose_log_is_cut_or_gone_is_found)
{
	struct backup_report r;
	struct scene s;

	begin(&s);
	ck_ok(take_with(&s.set, "/one", &r));
	ck_ok(verify(&s.set, 1));
	ck_ok(vfs_list(s.sim, "/set/000001/wal", unlink_segments, s.sim));
	ck_assert_int_eq(verify(&s.set, 1), ST_CORRUPT);
	sim_free(&s.sim);
}
END_TEST

struct pruned { unsigned removed, unreadable, sound; };

static void count_pruned(void *ctx, uint64_t number, enum backup_fate fate)
{
	struct pruned *p = ctx;

	ck_assert_uint_gt(number, 0);
	*(fate == BACKUP_REMOVED ? &p->removed : fate == BACKUP_UNREADABLE ? &p->unreadable : &p->sound) += 1;
}

static struct pruned prune(const struct scene *s, uint64_t keep, enum st expected)
{
	struct pruned p = { 0 };

	sqlitevfs_use(s->sim);
	ck_assert_int_eq(backup_prune(&s->set, keep, count_pruned, &p), expected);
	return p;
}

static void lose_manifest(struct vfs *v, const char *dir)
{
	ck_ok(vfs_unlink(v, path_manifest(dir).s));
	ck_ok(copydir_write(v, path_manifest(dir).s, "", 0));
}

/* The newest number is no reason to remove the last one that is any good. */
START_TEST(pruning_counts_only_those_that_can_be_read_and_leaves_the_others)
{
	struct backup_report r;
	struct pruned p;
	struct scene s;

	begin(&s);
	ck_ok(take_with(&s.set, "/one", &r));
	ck_ok(take_with(&s.set, "/two", &r));
	ck_ok(take_with(&s.set, "/two", &r));
	ck_ok(take_with(&s.set, "/two", &r));
	lose_manifest(s.sim, "/set/000003");
	ck_ok(vfs_unlink(s.sim, first_table(s.sim, "/set/000004").s));
	ck_ok(vfs_mkdir(s.sim, "/set/000777"));
	p = prune(&s, 2, ST_OK);
	ck_assert_uint_eq(p.removed, 0);
	p = prune(&s, 1, ST_OK);
	ck_assert_uint_eq(p.removed, 1);
	ck_assert_uint_eq(p.unreadable, 3);
	ck_assert_uint_eq(count(&s.set), 4);
	ck_ok(verify(&s.set, 2));
	sim_free(&s.sim);
}
END_TEST

START_TEST(pruning_leaves_the_newest_without_damage)
{
	struct backup_report r;
	struct pruned p;
	struct scene s;

	begin(&s);
	ck_ok(take_with(&s.set, "/one", &r));
	ck_ok(take_with(&s.set, "/one", &r));
	ck_ok(sim_flip(s.sim, last_table(s.sim, "/two").s, 100, 1));
	for (unsigned i = 0; i < 2; i++) {
		ck_ok(take_with(&s.set, "/two", &r));
		ck_assert_uint_eq(r.damaged, 1);
	}
	p = prune(&s, 2, ST_OK);
	ck_assert_uint_eq(p.removed, 1);
	ck_assert_uint_eq(p.sound, 1);
	ck_assert_uint_eq(count(&s.set), 3);
	ck_ok(verify(&s.set, 2));
	sim_free(&s.sim);
}
END_TEST

START_TEST(pruning_removes_nothing_when_none_can_be_read)
{
	struct backup_report r;
	struct scene s;

	begin(&s);
	ck_ok(take_with(&s.set, "/one", &r));
	ck_ok(take_with(&s.set, "/two", &r));
	lose_manifest(s.sim, "/set/000001");
	lose_manifest(s.sim, "/set/000002");
	ck_assert_uint_eq(prune(&s, 1, ST_NOT_FOUND).removed, 0);
	ck_assert_uint_eq(count(&s.set), 2);
	sim_free(&s.sim);
}
END_TEST

START_TEST(a_power_cut_leaves_whole_backups_only)
{
	unsigned seen[3] = { 0 };
	enum st st = ST_IO;

	for (uint64_t n = 1; st; n++) {
		struct backup_report r;
		struct scene s;

		begin(&s);
		ck_ok(take_with(&s.set, "/one", &r));
		sim_die_at(s.sim, n);
		st = take_with(&s.set, "/two", &r);
		for (int c = 0; c < CUT_COUNT; c++) {
			struct rnd rnd = { n };
			struct vfs *disk = sim_after_power_cut(s.sim, cuts[c], &rnd);
			struct backup_set set = { disk, "/set", SQLITEVFS_NAME };
			size_t whole = count(&set);

			ck_assert(whole == 1 || whole == 2);
			ck_assert(st || whole == 2);
			seen[whole]++;
			for (uint64_t i = 1; i <= whole; i++)
				ck_ok(verify(&set, i));
			expect_values(disk, "/set/000001", "1", "1");
			if (whole == 2)
				expect_values(disk, "/set/000002", "2", "1");
			ck_ok(backup_tidy(&set));
			sim_free(&disk);
		}
		sim_free(&s.sim);
	}
	ck_assert_uint_gt(seen[1], 0);
	ck_assert_uint_gt(seen[2], 0);
}
END_TEST

START_TEST(a_power_cut_while_removing_leaves_whole_backups_only)
{
	enum st st = ST_IO;

	for (uint64_t n = 1; st; n++) {
		struct backup_report r;
		struct scene s;

		begin(&s);
		ck_ok(take_with(&s.set, "/one", &r));
		ck_ok(take_with(&s.set, "/two", &r));
		sim_die_at(s.sim, n);
		st = backup_remove(&s.set, 1);
		for (int c = 0; c < CUT_COUNT; c++) {
			struct rnd rnd = { n };
			struct vfs *disk = sim_after_power_cut(s.sim, cuts[c], &rnd);
			struct backup_set set = { disk, "/set", SQLITEVFS_NAME };

			if (count(&set) == 2)
				ck_ok(verify(&set, 1));
			ck_ok(verify(&set, 2));
			ck_ok(backup_tidy(&set));
			sim_free(&disk);
		}
		sim_free(&s.sim);
	}
}
END_TEST

START_TEST(whichever_operation_fails_there_is_none_and_the_next_one_succeeds)
{
	bool fired = true;

	for (uint64_t nth = 1; fired; nth++) {
		struct backup_report r;
		struct scene s;
		struct vfs *faulty;
		enum st st;

		begin(&s);
		faulty = fault_new(s.sim);
		s.set.vfs = faulty;
		fault_arm(faulty, FAULT_ALL, nth, false, _i ? ST_FULL : ST_IO);
		st = take_with(&s.set, "/one", &r);
		fired = fault_fired(faulty);
		ck_assert(fired == (st != ST_OK));
		fault_arm(faulty, FAULT_ALL, 0, false, ST_OK);
		ck_assert_uint_eq(count(&s.set), !st);
		ck_ok(take_with(&s.set, "/two", &r));
		ck_assert_uint_eq(r.number, st ? 1 : 2);
		ck_ok(verify(&s.set, r.number));
		fault_free(&faulty);
		sim_free(&s.sim);
	}
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, each_backup_opens_with_what_it_was_taken_from);
	tcase_add_test(tc, a_table_that_the_last_backup_has_is_linked_and_others_are_copied);
	tcase_add_test(tc, removing_a_backup_leaves_the_others_whole);
	tcase_add_test(tc, a_table_that_rots_in_a_backup_is_found);
	tcase_add_test(tc, a_missing_table_ends_the_backup);
	tcase_add_test(tc, a_damaged_table_is_not_linked_and_the_backup_tells_of_it);
	tcase_add_test(tc, a_list_of_damage_goes_with_its_backup);
	tcase_add_test(tc, pruning_leaves_the_newest_without_damage);
	tcase_add_test(tc, a_backup_whose_log_is_cut_or_gone_is_found);
	tcase_add_test(tc, pruning_counts_only_those_that_can_be_read_and_leaves_the_others);
	tcase_add_test(tc, pruning_removes_nothing_when_none_can_be_read);
	tcase_add_test(tc, a_power_cut_leaves_whole_backups_only);
	tcase_add_test(tc, a_power_cut_while_removing_leaves_whole_backups_only);
	tcase_add_loop_test(tc, whichever_operation_fails_there_is_none_and_the_next_one_succeeds, 0, 2);
}

CHECK_MAIN("tools/backup", suite)
