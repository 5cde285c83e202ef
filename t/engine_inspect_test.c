/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damage on record: what is found true, what is not, what reads answer from then on, and that nothing takes a record away
 * but the operator.
 */
#include <fcntl.h>

#include "common/stats/stats.h"
#include "common/vfs/fault.h"
#include "engine/inspect.h"
#include "t/engine_world.h"

#define KEYS 400u

struct bench {
	struct world w;
	struct vfs *disk;                /* fails on demand */
	struct inspect *inspect;
	struct install_dir dir;
};

static const char *key_of(unsigned i)
{
	static char key[4][16];
	static unsigned turn;

	snprintf(key[++turn % 4], sizeof(key[0]), "key%05u", i);
	return key[turn % 4];
}

static const char *value_of(unsigned i)
{
	static char value[80];

	snprintf(value, sizeof(value), "the value of %u, long enough for a block to hold some forty", i);
	return value;
}

static void put_all(struct world *w, const char *(*value)(unsigned))
{
	struct world_batch b = { .bytes = BUF_INIT };

	for (unsigned i = 0; i < KEYS; i++)
		world_put(&b, key_of(i), value(i));
	ck_assert_int_eq(world_commit(w, &b).status, ST_OK);
}

static const char *old_value(unsigned i)
{
	(void)i;
	return "old";
}

static void inspect_begin(struct bench *b)
{
	b->dir = (struct install_dir){ b->w.vfs, b->w.dir, truth_database(b->w.db.truth) };
	b->inspect = inspect_new(b->w.db.truth, &b->dir);
}

/* Two level-0 tables: every key with its old value, and with its value. */
static void start(struct bench *b)
{
	stats_begin_private();
	b->disk = fault_new(vfs_posix());
	world_prepare(&b->w, b->disk);
	b->w.conf.memtable_size_limit = 1 << 20;
	world_open(&b->w);
	put_all(&b->w, old_value);
	world_rotate(&b->w);
	put_all(&b->w, value_of);
	world_rotate(&b->w);
	world_flush_all(&b->w);
	inspect_begin(b);
}

static void end(struct bench *b)
{
	inspect_free(&b->inspect);
	world_end(&b->w);
	fault_free(&b->disk);
}

static void restart(struct bench *b)
{
	inspect_free(&b->inspect);
	world_close(&b->w);
	world_forget_memtables(&b->w);
	world_open(&b->w);
	inspect_begin(b);
}

static struct file_id newest(struct bench *b)
{
	struct file_id id = version_level(truth_lock(b->w.db.truth), 0).tables[0]->facts.id;

	truth_unlock(b->w.db.truth);
	return id;
}

static size_t live_tables(struct bench *b)
{
	const struct version *v = truth_lock(b->w.db.truth);
	size_t n = 0;

	for (unsigned level = 0; level < LEVEL_COUNT; level++)
		n += version_level(v, level).count;
	truth_unlock(b->w.db.truth);
	return n;
}

static void damage_at(struct bench *b, struct file_id table, int64_t at)
{
	int fd = open(path_sst(b->w.dir, table).s, O_RDWR | O_CLOEXEC);
	off_t offset = at < 0 ? lseek(fd, 0, SEEK_END) + at : at;
	uint8_t c;

	ck_assert(pread(fd, &c, 1, offset) == 1);
	c ^= 0x20;
	ck_assert(pwrite(fd, &c, 1, offset) == 1);
	close(fd);
}

/* What a read of the key ends in; *d tells of the damage. */
static enum st outcome(struct world_reader *r, const char *key, struct slice want, struct table_damage *d)
{
	struct read_cost cost = { .tables = 0 };
	struct view_pin pin = { 0 };
	struct entry e;
	enum st st = view_get(r->view, slice_str(key), r->seq, 0, false, &cost, &e, &pin);

	ck_assert(st != ST_OK || slice_eq(e.value, want));
	view_pin_release(&pin);
	*d = cost.damage;
	return st;
}

/* Reads every key: its value or ST_CORRUPT, and ST_CORRUPT within [min, max] only. Gives how many were corrupt. */
static unsigned count_corrupt(struct bench *b, struct table_damage *rangep)
{
	struct world_reader r = world_reader(&b->w);
	unsigned corrupt = 0;

	for (unsigned i = 0; i < KEYS; i++) {
		struct table_damage d;
		enum st st = outcome(&r, key_of(i), slice_str(value_of(i)), &d);

		ck_assert(st == ST_OK || st == ST_CORRUPT);
		if (st == ST_OK)
			continue;
		corrupt++;
		ck_assert(slice_cmp(d.min, slice_str(key_of(i))) <= 0 && slice_cmp(slice_str(key_of(i)), d.max) <= 0);
		*rangep = d;
	}
	world_reader_end(&r);
	return corrupt;
}

static uint64_t records(struct bench *b)
{
	struct world_reader r = world_reader(&b->w);
	uint64_t n = view_desc(r.view)->damage_count;

	world_reader_end(&r);
	return n;
}

START_TEST(a_damaged_block_goes_on_record_once_with_its_keys)
{
	struct table_damage before, after;
	struct bench b;
	unsigned hit;

	start(&b);
	damage_at(&b, newest(&b), 5000);
	hit = count_corrupt(&b, &before);
	ck_assert(hit > 5 && hit < KEYS / 2);
	ck_assert_uint_eq(before.record, 0);
	inspect_suspect(b.inspect, before.table, before.offset);
	inspect_suspect(b.inspect, before.table, before.offset);
	ck_assert(inspect_one(b.inspect));
	ck_assert(!inspect_one(b.inspect));
	inspect_suspect(b.inspect, before.table, before.offset);
	ck_assert(inspect_one(b.inspect));
	ck_assert_uint_eq(records(&b), 1);
	ck_assert_uint_eq(stats_sum(M_damage_records), 1);
	ck_assert_uint_eq(stats_sum(M_corruption_detected), 1);
	ck_assert_uint_eq(stats_sum(M_crc32_verification_failed), 1);
	ck_assert_uint_eq(count_corrupt(&b, &after), hit);
	ck_assert_uint_eq(after.record, 1);
	ck_assert(after.table.v == before.table.v && after.offset == before.offset);
	ck_assert(slice_eq(after.min, before.min) || after.min.n > 0);
	ck_assert_uint_eq(live_tables(&b), 2);
	end(&b);
}
END_TEST

START_TEST(all_that_one_look_finds_goes_on_record_in_one_commit)
{
	uint64_t generation;
	struct bench b;

	start(&b);
	for (int64_t at = 2000; at < 16000; at += 5000)
		damage_at(&b, newest(&b), at);
	generation = board_generation(b.w.board);
	inspect_suspect(b.inspect, newest(&b), DAMAGE_WHOLE);
	ck_assert(inspect_one(b.inspect));
	ck_assert_uint_eq(records(&b), 3);
	ck_assert_uint_eq(board_generation(b.w.board), generation + 1);
	inspect_suspect(b.inspect, newest(&b), DAMAGE_WHOLE);    /* nothing new: nothing to commit */
	ck_assert(inspect_one(b.inspect));
	ck_assert_uint_eq(records(&b), 3);
	ck_assert_uint_eq(board_generation(b.w.board), generation + 1);
	restart(&b);
	ck_assert_uint_eq(records(&b), 3);
	end(&b);
}
END_TEST

START_TEST(a_sound_block_or_one_that_is_none_is_not_put_on_record)
{
	struct bench b;

	start(&b);
	inspect_suspect(b.inspect, newest(&b), 0);               /* a liar */
	inspect_suspect(b.inspect, newest(&b), 17);              /* no block begins there */
	inspect_suspect(b.inspect, newest(&b), DAMAGE_WHOLE);
	inspect_suspect(b.inspect, file_id(999), 0);             /* no such table */
	while (inspect_one(b.inspect))
		;
	ck_assert_uint_eq(records(&b), 0);
	ck_assert_uint_eq(stats_sum(M_corruption_detected), 0);
	end(&b);
}
END_TEST

START_TEST(a_suspicion_of_the_whole_table_finds_every_damaged_block)
{
	struct table_damage d;
	struct bench b;

	start(&b);
	damage_at(&b, newest(&b), 100);
	damage_at(&b, newest(&b), 9000);
	inspect_suspect(b.inspect, newest(&b), DAMAGE_WHOLE);
	while (inspect_one(b.inspect))
		;
	ck_assert_uint_eq(records(&b), 2);
	ck_assert_uint_eq(stats_sum(M_corruption_detected), 2);
	ck_assert_uint_gt(count_corrupt(&b, &d), 20);
	end(&b);
}
END_TEST

START_TEST(a_block_that_the_disk_refuses_to_read_goes_on_record)
{
	struct bench b;

	start(&b);
	inspect_suspect(b.inspect, newest(&b), 0);
	fault_arm(b.disk, FAULT_READ, 3, false, ST_IO);          /* footer, end, block: once is no damage */
	ck_assert(inspect_one(b.inspect) && fault_fired(b.disk));
	ck_assert_uint_eq(records(&b), 0);
	inspect_suspect(b.inspect, newest(&b), 0);
	fault_arm(b.disk, FAULT_READ, 3, true, ST_IO);
	ck_assert(inspect_one(b.inspect));
	fault_arm(b.disk, FAULT_READ, 1, true, ST_IO);           /* the whole disk: nothing is concluded from that */
	inspect_suspect(b.inspect, newest(&b), 4096);
	ck_assert(inspect_one(b.inspect));
	fault_arm(b.disk, FAULT_ALL, 0, false, ST_IO);
	ck_assert_uint_eq(records(&b), 1);
	ck_assert_uint_eq(live_tables(&b), 2);
	end(&b);
}
END_TEST

/* The end of one file, and of no other one. */
START_TEST(a_table_whose_end_the_disk_refuses_to_read_leaves_and_its_keys_are_corrupt)
{
	struct file_id id, older;
	struct table_damage d;
	struct bench b;
	char name[32];

	start(&b);
	id = newest(&b);
	snprintf(name, sizeof(name), "sst/%s", strrchr(path_sst(b.w.dir, id).s, '/') + 1);
	fault_narrow(b.disk, name);
	fault_arm(b.disk, FAULT_READ, 1, false, ST_IO);          /* once is no damage */
	inspect_suspect(b.inspect, id, DAMAGE_WHOLE);
	ck_assert(inspect_one(b.inspect) && fault_fired(b.disk));
	ck_assert_uint_eq(records(&b), 0);
	fault_arm(b.disk, _i == 0 ? FAULT_READ : FAULT_READ | FAULT_META, 1, true, ST_IO);
	inspect_suspect(b.inspect, id, DAMAGE_WHOLE);
	ck_assert(inspect_one(b.inspect));
	fault_arm(b.disk, FAULT_ALL, 0, false, ST_IO);
	ck_assert_uint_eq(records(&b), 1);
	ck_assert_uint_eq(live_tables(&b), 1);
	older = newest(&b);
	ck_assert_uint_ne(older.v, id.v);
	ck_assert_uint_eq(count_corrupt(&b, &d), KEYS);          /* never the old value below it */
	ck_assert(d.offset == DAMAGE_WHOLE && d.table.v == id.v && d.record == 1);
	restart(&b);
	ck_assert_uint_eq(count_corrupt(&b, &d), KEYS);
	end(&b);
}
END_TEST

START_TEST(a_table_that_may_not_be_opened_is_not_damaged)
{
	struct bench b;

	start(&b);
	fault_narrow(b.disk, "/sst/");
	fault_arm(b.disk, FAULT_META, 1, true, _i == 0 ? ST_INTERNAL : ST_IO);   /* no descriptors; no disk */
	inspect_suspect(b.inspect, newest(&b), DAMAGE_WHOLE);
	ck_assert(inspect_one(b.inspect) && fault_fired(b.disk));
	fault_arm(b.disk, FAULT_ALL, 0, false, ST_IO);
	ck_assert_uint_eq(records(&b), 0);
	ck_assert_uint_eq(live_tables(&b), 2);
	end(&b);
}
END_TEST

START_TEST(what_is_written_or_deleted_anew_answers_and_the_record_survives_restarts)
{
	struct table_damage d;
	struct world_reader r;
	struct bench b;
	char first[16];
	unsigned hit;

	start(&b);
	damage_at(&b, newest(&b), 100);
	inspect_suspect(b.inspect, newest(&b), 0);
	ck_assert(inspect_one(b.inspect));
	hit = count_corrupt(&b, &d);
	ck_assert_uint_gt(hit, 10);
	snprintf(first, sizeof(first), "%s", key_of(1));
	world_put1(&b.w, key_of(0), value_of(0));
	world_put1(&b.w, first, NULL);
	for (int life = 0; life < 3; life++) {           /* from the memtable, from the log, from a table */
		if (life > 0)
			restart(&b);
		if (life == 2) {
			world_rotate(&b.w);
			world_flush_all(&b.w);
		}
		ck_assert_uint_eq(records(&b), 1);
		r = world_reader(&b.w);
		ck_assert_int_eq(outcome(&r, key_of(0), slice_str(value_of(0)), &d), ST_OK);
		ck_assert_int_eq(outcome(&r, first, slice_str(""), &d), ST_NOT_FOUND);
		ck_assert_int_eq(outcome(&r, key_of(2), slice_str(""), &d), ST_CORRUPT);
		world_reader_end(&r);
	}
	end(&b);
}
END_TEST

START_TEST(a_forgotten_record_is_gone_for_good_and_its_number_is_not_used_again)
{
	struct table_damage d;
	struct bench b;

	start(&b);
	damage_at(&b, newest(&b), 100);
	inspect_suspect(b.inspect, newest(&b), 0);
	ck_assert(inspect_one(b.inspect));
	damage_at(&b, newest(&b), 100);                  /* restored */
	ck_assert_uint_gt(count_corrupt(&b, &d), 0);
	ck_assert_int_eq(truth_forget_damage(b.w.db.truth, 7), ST_NOT_FOUND);
	ck_ok(truth_forget_damage(b.w.db.truth, 1));
	ck_assert_int_eq(truth_forget_damage(b.w.db.truth, 1), ST_NOT_FOUND);
	ck_assert_uint_eq(count_corrupt(&b, &d), 0);
	restart(&b);
	ck_assert_uint_eq(count_corrupt(&b, &d), 0);
	damage_at(&b, newest(&b), 100);
	inspect_suspect(b.inspect, newest(&b), 0);
	ck_assert(inspect_one(b.inspect));
	ck_assert_uint_gt(count_corrupt(&b, &d), 0);
	ck_assert_uint_eq(d.record, 2);
	end(&b);
}
END_TEST

/* 0: the footer is damaged; 1: the file is cut; 2: it is missing. */
START_TEST(a_table_of_which_nothing_can_be_read_leaves_and_its_keys_are_corrupt)
{
	struct file_id id, older;
	struct table_damage d;
	struct bench b;
	bool there;

	start(&b);
	id = newest(&b);
	if (_i == 0)
		damage_at(&b, id, -1);
	else if (_i == 1)
		ck_assert_int_eq(truncate(path_sst(b.w.dir, id).s, 300), 0);
	else
		ck_assert_int_eq(unlink(path_sst(b.w.dir, id).s), 0);
	inspect_suspect(b.inspect, id, DAMAGE_WHOLE);
	ck_assert(inspect_one(b.inspect));
	ck_assert_uint_eq(live_tables(&b), 1);
	ck_assert_uint_eq(records(&b), 1);
	older = newest(&b);
	ck_assert_uint_ne(older.v, id.v);
	ck_ok(vfs_exists(b.w.vfs, path_sst(b.w.dir, id).s, &there));
	ck_assert(!there);
	ck_ok(vfs_exists(b.w.vfs, path_quarantine_sst(b.w.dir, id).s, &there));
	ck_assert(there == (_i != 2));
	ck_assert_uint_eq(count_corrupt(&b, &d), KEYS);          /* never the old value below it */
	ck_assert(d.offset == DAMAGE_WHOLE && d.table.v == id.v && d.record == 1);
	restart(&b);                                             /* it is not missed */
	ck_assert_uint_eq(count_corrupt(&b, &d), KEYS);
	world_put1(&b.w, key_of(3), value_of(3));
	ck_assert_uint_eq(count_corrupt(&b, &d), KEYS - 1);
	end(&b);
}
END_TEST

START_TEST(a_damaged_table_left_in_sst_by_a_crash_is_kept_and_not_taken_for_an_orphan)
{
	struct file_id id;
	struct bench b;
	bool there;

	start(&b);
	id = newest(&b);
	damage_at(&b, id, -1);
	inspect_suspect(b.inspect, id, DAMAGE_WHOLE);
	ck_assert(inspect_one(b.inspect));
	ck_ok(vfs_rename(b.w.vfs, path_quarantine_sst(b.w.dir, id).s, path_sst(b.w.dir, id).s));
	restart(&b);
	ck_ok(vfs_exists(b.w.vfs, path_quarantine_sst(b.w.dir, id).s, &there));
	ck_assert(there);
	end(&b);
}
END_TEST

START_TEST(a_folder_without_any_table_is_a_lost_mount_and_not_damage)
{
	struct bench b;
	char *away;

	start(&b);
	away = mem_printf("%s/away", b.w.dir);
	ck_ok(vfs_rename(b.w.vfs, path_sst_dir(b.w.dir).s, away));
	ck_ok(vfs_mkdir(b.w.vfs, path_sst_dir(b.w.dir).s));
	inspect_suspect(b.inspect, newest(&b), DAMAGE_WHOLE);
	ck_assert(inspect_one(b.inspect));
	ck_assert_uint_eq(live_tables(&b), 2);
	ck_assert_uint_eq(records(&b), 0);
	mem_free(away);
	end(&b);
}
END_TEST

struct listed { unsigned n; struct slice what; uint64_t record; int64_t found_ms; };

static void on_listed(void *ctx, const struct damage_row *row)
{
	struct listed *l = ctx;

	l->n++;
	l->record = row->at.record;
	l->found_ms = row->found_ms;
	ck_assert_str_eq(row->what, "the block's checksum is wrong");
}

START_TEST(the_record_tells_what_was_found_and_when)
{
	struct listed l = { .n = 0 };
	struct bench b;

	start(&b);
	damage_at(&b, newest(&b), 100);
	inspect_suspect(b.inspect, newest(&b), 0);
	ck_assert(inspect_one(b.inspect));
	ck_ok(truth_list_damage(b.w.db.truth, on_listed, &l));
	ck_assert(l.n == 1 && l.record == 1 && l.found_ms > 1700000000000);
	end(&b);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_damaged_block_goes_on_record_once_with_its_keys);
	tcase_add_test(tc, all_that_one_look_finds_goes_on_record_in_one_commit);
	tcase_add_test(tc, a_sound_block_or_one_that_is_none_is_not_put_on_record);
	tcase_add_test(tc, a_suspicion_of_the_whole_table_finds_every_damaged_block);
	tcase_add_test(tc, a_block_that_the_disk_refuses_to_read_goes_on_record);
	tcase_add_loop_test(tc, a_table_whose_end_the_disk_refuses_to_read_leaves_and_its_keys_are_corrupt, 0, 2);
	tcase_add_loop_test(tc, a_table_that_may_not_be_opened_is_not_damaged, 0, 2);
	tcase_add_test(tc, what_is_written_or_deleted_anew_answers_and_the_record_survives_restarts);
	tcase_add_test(tc, a_forgotten_record_is_gone_for_good_and_its_number_is_not_used_again);
	tcase_add_loop_test(tc, a_table_of_which_nothing_can_be_read_leaves_and_its_keys_are_corrupt, 0, 3);
	tcase_add_test(tc, a_damaged_table_left_in_sst_by_a_crash_is_kept_and_not_taken_for_an_orphan);
	tcase_add_test(tc, a_folder_without_any_table_is_a_lost_mount_and_not_damage);
	tcase_add_test(tc, the_record_tells_what_was_found_and_when);
}

CHECK_MAIN("engine/inspect", suite)
