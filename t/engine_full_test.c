/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that is full at the n-th operation, for every n, for a moment or until somebody makes room: writer, rotation
 * and flush. Nothing acknowledged is lost, and when there is room again everything goes on.
 */
#include "t/engine_world.h"

#include "common/vfs/fault.h"

#define PUTS 12u
#define ROTATE_EVERY 3u

struct drill {
	struct world w;
	struct vfs *fault;
	bool acknowledged[PUTS];
	unsigned restarts;
};

static void reopen(struct drill *d)
{
	world_close(&d->w);
	world_forget_memtables(&d->w);
	world_open(&d->w);
}

/* The process ends and the next one finds room. */
static void restart(struct drill *d)
{
	fault_arm(d->fault, FAULT_ALL, 0, false, ST_OK);
	d->restarts++;
	reopen(d);
}

static const char *key_of(unsigned i, char out[16])
{
	snprintf(out, 16, "key%u", i);
	return out;
}

/* One put, as the commit thread does it. When the log fails nobody is answered, and the process ends. */
static void put(struct drill *d, unsigned i)
{
	struct write_request r = { .origin = d->w.origin, .request_id = ++d->w.request, .oldest_unanswered = 1 };
	struct group *g = &d->w.db.writer.group;
	struct world_batch b = { .bytes = BUF_INIT };
	struct buf all = BUF_INIT;
	char key[16];
	enum st st;

	world_put(&b, key_of(i, key), key);
	write_request_add_batch(&all, buf_slice(&b.bytes));
	r.batches = buf_slice(&all);
	group_add(g, &r, &b.counts, group_cost_of(r.batches), NULL);
	st = group_commit(g);
	d->acknowledged[i] = st == ST_OK;
	group_reset(g);
	if (st)
		restart(d);
	buf_fini(&all);
	buf_fini(&b.bytes);
}

/* A rotation and a flush; either may be refused. */
static void rotate_and_flush(struct drill *d)
{
	struct write_reply reply = { 0 };
	enum st st = writer_rotate(&d->w.db.writer, 0, 0, &reply);

	if (st == ST_IO)
		restart(d);
	else
		ck_assert(st == ST_OK || (st == ST_FULL && reply.detail[0]));
	st = flush_oldest(d->w.flush);
	ck_assert(st == ST_OK || st == ST_FULL || st == ST_NOT_FOUND);
}

static void check(struct drill *d)
{
	char key[16];

	for (unsigned i = 0; i < PUTS; i++)
		if (d->acknowledged[i])
			world_check1(&d->w, key_of(i, key), key);
}

/* False when the whole drill has fewer operations. */
static bool drill(unsigned kinds, uint64_t n, bool for_good, unsigned *restartsp)
{
	struct drill d = { .restarts = 0 };
	bool fired;

	d.fault = fault_new(vfs_posix());
	world_begin(&d.w, d.fault);
	fault_arm(d.fault, kinds, n, for_good, ST_FULL);
	for (unsigned i = 0; i < PUTS; i++) {
		put(&d, i);
		if (i % ROTATE_EVERY == ROTATE_EVERY - 1)
			rotate_and_flush(&d);
	}
	fired = fault_fired(d.fault) || d.restarts;
	fault_arm(d.fault, FAULT_ALL, 0, false, ST_OK);          /* room again */
	check(&d);
	world_put1(&d.w, "after", "all");
	world_rotate(&d.w);
	world_flush_all(&d.w);
	check(&d);
	reopen(&d);
	check(&d);
	world_check1(&d.w, "after", "all");
	world_end(&d.w);
	fault_free(&d.fault);
	*restartsp += d.restarts;
	return fired;
}

static void sweep(unsigned kinds, uint64_t at_least, unsigned *restartsp)
{
	for (unsigned for_good = 0; for_good < 2; for_good++) {
		uint64_t n = 1;

		while (drill(kinds, n, for_good == 1, restartsp))
			n++;
		ck_assert_uint_gt(n, at_least);          /* it did sweep over something */
	}
}

/* What a disk with working preallocation can refuse: new files and blocks, names, what tables write. */
START_TEST(whichever_name_or_block_is_refused_the_engine_waits_and_goes_on)
{
	unsigned restarts = 0;

	sweep(FAULT_META, 20, &restarts);
	ck_assert_uint_eq(restarts, 0);
}
END_TEST

/* Where even preallocated blocks are not safe (a disk that copies on write), the log itself may find no room. */
START_TEST(whichever_write_or_sync_finds_no_room_nothing_acknowledged_is_lost)
{
	unsigned restarts = 0;

	sweep(FAULT_WRITE | FAULT_SYNC, 20, &restarts);
	ck_assert_uint_gt(restarts, 0);
}
END_TEST

static enum st count_name(void *ctx, const char *name)
{
	*(unsigned *)ctx += strcmp(name, "retained") != 0;       /* what is kept for watchers lies beside them */
	return ST_OK;
}

static unsigned segments_on_disk(struct world *w)
{
	unsigned n = 0;

	ck_ok(vfs_list(w->vfs, path_wal_dir(w->dir).s, count_name, &n));
	return n;
}

START_TEST(a_segment_whose_header_finds_no_room_is_removed_and_the_one_before_goes_on)
{
	const unsigned kinds[] = { FAULT_WRITE, FAULT_SYNC };
	struct vfs *fault = fault_new(vfs_posix());
	struct write_reply reply = { 0 };
	struct world w;

	world_begin(&w, fault);
	world_put1(&w, "k", "v");
	for (unsigned i = 0; i < 2; i++) {
		fault_arm(fault, kinds[i], i == 0 ? 1 : 3, false, ST_FULL);      /* syncs: new file, its name, header */
		ck_assert_int_eq(writer_rotate(&w.db.writer, 0, 0, &reply), ST_FULL);
		ck_assert(fault_fired(fault));
		fault_arm(fault, FAULT_ALL, 0, false, ST_OK);
		ck_assert_uint_eq(segments_on_disk(&w), 1);
		world_put1(&w, "l", i ? "second" : "first");
	}
	world_close(&w);
	world_forget_memtables(&w);
	world_open(&w);
	world_check1(&w, "k", "v");
	world_check1(&w, "l", "second");
	world_end(&w);
	fault_free(&fault);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_segment_whose_header_finds_no_room_is_removed_and_the_one_before_goes_on);
	tcase_add_test(tc, whichever_name_or_block_is_refused_the_engine_waits_and_goes_on);
	tcase_add_test(tc, whichever_write_or_sync_finds_no_room_nothing_acknowledged_is_lost);
}

CHECK_MAIN("engine/full", suite)
