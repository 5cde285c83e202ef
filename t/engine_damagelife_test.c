/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of damage under compaction: an engine's jobs and inspector with a real compactor's work, all in one process. A
 * damaged block is never laundered into an older value or into nothing, and never holds up a write.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/base/clock.h"
#include "common/stats/stats.h"
#include "common/vfs/fault.h"
#include "compactor/job.h"
#include "engine/inspect.h"
#include "t/engine_peer.h"
#include "t/engine_world.h"

#define KEYS 300u
#define LOOK_EVERY_US 2000
#define SLOW_TABLES 20u                  /* on level 0; writes stop at PRESSURE_LEVEL0_STOP */

struct bench {
	struct world w;
	struct vfs *disk;                /* fails on demand */
	struct jobs *jobs;
	struct inspect *inspect;
	struct install_dir dir;
	struct peer peer;
	pthread_t compactor;
	atomic_bool stop;
};

/* ---- the compactor ---- */

static void carry_out(struct bench *b, struct slice message)
{
	struct compact_order order;
	struct compact_report r;
	struct buf bytes = BUF_INIT;
	struct arena a;
	struct job *j;

	arena_init(&a);
	ck_ok(compact_order_decode(message, &a, &order));
	if (!order.cancel) {
		j = job_new(b->w.vfs, b->w.dir, &order, clock_wall_ms());
		job_run(j, &r);
		compact_report_encode(&r, &bytes);
		peer_send(&b->peer, buf_slice(&bytes));
		buf_fini(&bytes);
		job_free(&j);
	}
	arena_fini(&a);
}

static void *compact(void *arg)
{
	struct bench *b = arg;
	struct pollfd fd = { .fd = b->peer.wake[0], .events = POLLIN };
	char bytes[64];

	while (!atomic_load(&b->stop)) {
		struct link_event ev = link_receive(b->peer.link);

		if (ev.kind == LINK_MESSAGE) {
			carry_out(b, link_msg_slice(ev.msg));
			link_msg_free(&ev.msg);
		} else if (ev.kind == LINK_NOTHING && poll(&fd, 1, 20) > 0) {
			(void)!read(fd.fd, bytes, sizeof(bytes));
		}
	}
	return NULL;
}

/* ---- the engine ---- */

static void run(struct bench *b)
{
	b->dir = (struct install_dir){ b->w.vfs, b->w.dir, truth_database(b->w.db.truth) };
	b->inspect = inspect_new(b->w.db.truth, &b->dir);
	jobs_set_inspect(b->jobs, b->inspect);
	inspect_start(b->inspect);
	jobs_start(b->jobs, b->w.db.truth, &b->dir, b->w.db.next_job);
}

static void start(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	stats_begin_private();
	b->disk = fault_new(vfs_posix());
	world_prepare(&b->w, b->disk);
	b->w.conf.memtable_size_limit = 32 << 10;
	b->w.conf.level_size_ratio = 4;
	b->w.conf.table_size_target = 64 << 10;
	ck_ok(jobs_listen(&b->w.conf, &b->jobs));
	b->w.changed = jobs_wake;
	b->w.changed_ctx = b->jobs;
	world_open(&b->w);
}

static void start_compactor(struct bench *b)
{
	run(b);
	peer_dial(&b->peer, path_compactor_socket(b->w.dir, 0).s, COMPACT_MESSAGE_MAX);
	ck_assert_int_eq(pthread_create(&b->compactor, NULL, compact, b), 0);
}

static void end(struct bench *b)
{
	jobs_stop(b->jobs);
	inspect_stop(b->inspect);
	inspect_free(&b->inspect);
	atomic_store(&b->stop, true);
	pthread_join(b->compactor, NULL);
	peer_drop(&b->peer);
	world_end(&b->w);
	fault_free(&b->disk);
}

static size_t tables_on(struct bench *b, unsigned level)
{
	size_t n = version_level(truth_lock(b->w.db.truth), level).count;

	truth_unlock(b->w.db.truth);
	return n;
}

/* ---- data ---- */

static const char *key_of(unsigned i)
{
	static char key[16];

	snprintf(key, sizeof(key), "key%05u", i);
	return key;
}

static void put_range(struct bench *b, unsigned first, unsigned end_key, const char *word)
{
	struct world_batch batch = { .bytes = BUF_INIT };

	for (unsigned i = first; i < end_key; i++) {
		char value[96];

		snprintf(value, sizeof(value), "%s value of %u, and so much more that a block is full with some forty", word, i);
		world_put(&batch, key_of(i), value);
	}
	ck_assert_int_eq(world_commit(&b->w, &batch).status, ST_OK);
}

static void flush(struct bench *b)
{
	world_rotate(&b->w);
	world_flush_all(&b->w);
}

static void damage(struct bench *b, struct file_id table, off_t at)
{
	int fd = open(path_sst(b->w.dir, table).s, O_RDWR | O_CLOEXEC);
	uint8_t c;

	ck_assert(pread(fd, &c, 1, at) == 1);
	c ^= 0x20;
	ck_assert(pwrite(fd, &c, 1, at) == 1);
	close(fd);
}

static struct file_id newest_of_level0(struct bench *b)
{
	struct file_id id = version_level(truth_lock(b->w.db.truth), 0).tables[0]->facts.id;

	truth_unlock(b->w.db.truth);
	return id;
}

/* Reads all keys: which are corrupt; the others begin with one of the words. */
static unsigned look(struct bench *b, bool corrupt[KEYS], const char *word)
{
	struct world_reader r = world_reader(&b->w);
	unsigned n = 0;

	for (unsigned i = 0; i < KEYS; i++) {
		struct read_cost cost = { .tables = 0 };
		struct view_pin pin = { 0 };
		struct entry e;
		enum st st = view_get(r.view, slice_str(key_of(i)), r.seq, 0, false, &cost, &e, &pin);

		if (st == ST_UNAVAILABLE) {      /* merged away under our eyes: a frontend takes the newer view */
			world_reader_end(&r);
			return look(b, corrupt, word);
		}
		ck_assert_msg(st == ST_OK || st == ST_CORRUPT, "%s: %s", key_of(i), st_text(st));
		ck_assert(st != ST_OK || memcmp(e.value.p, word, strlen(word)) == 0);
		view_pin_release(&pin);
		corrupt[i] = st == ST_CORRUPT;
		n += corrupt[i];
	}
	world_reader_end(&r);
	return n;
}

static uint64_t records(void)
{
	return stats_sum(M_damage_records);
}

/* The old values on the way down, the new ones in a level-0 table with a damaged block; corrupt: its keys. */
static unsigned prepare(struct bench *b, bool corrupt[KEYS])
{
	unsigned n;

	put_range(b, 0, KEYS, "old");
	flush(b);
	put_range(b, 0, KEYS, "new");
	flush(b);
	damage(b, newest_of_level0(b), 5000);
	n = look(b, corrupt, "new");
	ck_assert(n > 5 && n < KEYS / 2);
	return n;
}

START_TEST(writes_go_on_over_a_damaged_level0_table_for_hundreds_of_flushes)
{
	bool before[KEYS], after[KEYS];
	size_t most = 0;
	struct bench b;

	start(&b);
	ck_assert_uint_gt(prepare(&b, before), 0);
	start_compactor(&b);
	for (unsigned round = 0; round < 300; round++) {
		put_range(&b, 1000 + round % 7 * 40, 1000 + round % 7 * 40 + 60, "other");
		put_range(&b, 0, 1, "new");      /* every table overlaps the damaged one */
		put_range(&b, KEYS - 1, KEYS, "new");
		while (tables_on(&b, 0) >= SLOW_TABLES)
			usleep(LOOK_EVERY_US);   /* an engine would slow writes down here, and wait for good if damage blocked it */
		flush(&b);
		if (tables_on(&b, 0) > most)
			most = tables_on(&b, 0);
	}
	ck_assert_uint_le(most, SLOW_TABLES);
	while (tables_on(&b, 0) >= b.w.conf.compaction_trigger_ratio)
		usleep(LOOK_EVERY_US);
	ck_assert_uint_eq(records(), 1);
	look(&b, after, "new");
	for (unsigned i = 1; i < KEYS - 1; i++)
		ck_assert_msg(after[i] == before[i], "%s", key_of(i));
	end(&b);
}
END_TEST

/* Level 0 is gone: the damaged table was merged away, its block passed over. */
static void wait_merged(struct bench *b)
{
	for (unsigned i = 0; tables_on(b, 0) > 0; i++) {
		usleep(LOOK_EVERY_US);
		if (i % 100 == 99) {             /* a few more tables, so that the level has to be merged */
			put_range(b, 2000, 2010, "other");
			flush(b);
		}
	}
}

START_TEST(a_damaged_block_merged_away_leaves_its_keys_corrupt_and_its_file_in_quarantine)
{
	bool before[KEYS], after[KEYS];
	struct file_id damaged;
	struct bench b;
	bool there;

	start(&b);
	prepare(&b, before);
	damaged = newest_of_level0(&b);
	start_compactor(&b);
	for (unsigned i = 0; i < 4; i++) {
		put_range(&b, 1000 * i, 1000 * i + 1, "new");
		flush(&b);
	}
	wait_merged(&b);
	ck_assert_uint_eq(records(), 1);
	do {                                     /* soon after the commit */
		usleep(LOOK_EVERY_US);
		ck_ok(vfs_exists(b.w.vfs, path_quarantine_sst(b.w.dir, damaged).s, &there));
	} while (!there);
	ck_ok(vfs_exists(b.w.vfs, path_sst(b.w.dir, damaged).s, &there));
	ck_assert(!there);
	look(&b, after, "new");
	ck_assert(!after[0]);                    /* written after the damage */
	for (unsigned i = 1; i < KEYS; i++)
		ck_assert_msg(after[i] == before[i], "%s", key_of(i));
	end(&b);
}
END_TEST

START_TEST(what_is_deleted_after_the_damage_stays_not_found_through_every_merge)
{
	bool before[KEYS];
	struct world_batch batch = { .bytes = BUF_INIT };
	struct world_reader r;
	struct bench b;

	start(&b);
	prepare(&b, before);
	start_compactor(&b);
	inspect_suspect(b.inspect, newest_of_level0(&b), DAMAGE_WHOLE);
	while (records() == 0)
		usleep(LOOK_EVERY_US);
	for (unsigned i = 0; i < KEYS; i++)
		if (before[i])
			world_put(&batch, key_of(i), NULL);
	ck_assert_int_eq(world_commit(&b.w, &batch).status, ST_OK);
	for (unsigned i = 0; i < 6; i++) {
		put_range(&b, 1000 * i + 1000, 1000 * i + 1001, "new");
		flush(&b);
	}
	wait_merged(&b);
	r = world_reader(&b.w);
	for (unsigned i = 0; i < KEYS; i++)
		if (before[i])
			world_check(&r, key_of(i), NULL);
	world_reader_end(&r);
	end(&b);
}
END_TEST

/* 0: it is missing; 1: it is cut; 2: the disk does not read it, however often it is tried. */
static void put_out_of_reach(struct bench *b, struct file_id id, int how)
{
	static char name[32];

	if (how == 0)
		ck_assert_int_eq(unlink(path_sst(b->w.dir, id).s), 0);
	else if (how == 1)
		ck_assert_int_eq(truncate(path_sst(b->w.dir, id).s, 200), 0);
	snprintf(name, sizeof(name), "sst/sstable_%llu.", (unsigned long long)id.v);
	fault_narrow(b->disk, name);
	if (how == 2)
		fault_arm(b->disk, FAULT_READ, 1, true, ST_IO);
}

START_TEST(a_level0_table_that_cannot_be_opened_does_not_hold_up_compaction)
{
	bool after[KEYS];
	struct file_id id;
	struct bench b;

	start(&b);
	put_range(&b, 0, KEYS, "old");
	flush(&b);
	put_range(&b, 0, KEYS, "new");
	flush(&b);
	id = newest_of_level0(&b);
	put_out_of_reach(&b, id, _i);
	start_compactor(&b);
	for (unsigned i = 0; i < 4; i++) {
		put_range(&b, 0, 1, "new");
		flush(&b);
	}
	wait_merged(&b);
	ck_assert_uint_eq(records(), 1);
	ck_assert_uint_eq(look(&b, after, "new"), KEYS - 1);
	end(&b);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, writes_go_on_over_a_damaged_level0_table_for_hundreds_of_flushes);
	tcase_add_test(tc, a_damaged_block_merged_away_leaves_its_keys_corrupt_and_its_file_in_quarantine);
	tcase_add_test(tc, what_is_deleted_after_the_damage_stays_not_found_through_every_merge);
	tcase_add_loop_test(tc, a_level0_table_that_cannot_be_opened_does_not_hold_up_compaction, 0, 3);
}

CHECK_MAIN("engine/damagelife", suite)
