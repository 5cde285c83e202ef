/* SPDX-License-Identifier: Apache-2.0 */
/* The order of promises inside a group, against a journal that looks around whenever it is called. */
#include "t/check_main.h"

#include <stdio.h>
#include <unistd.h>

#include "common/base/conf.h"
#include "engine/group.h"

/* A journal that notes what was visible and inserted when it was asked to write and to sync, and fails on request. */
struct spy {
	struct board *board;
	struct memtable *memtable;
	unsigned appended, writes, syncs;
	size_t results_bytes;            /* in the heads of records */
	uint64_t visible_at_sync, entries_at_sync;
	enum st write_st, sync_st;
};

static void spy_append(void *ctx, struct seq first, uint32_t count, struct slice head, struct slice body)
{
	struct write_counts counts;
	struct wal_batch record;
	struct spy *s = ctx;

	(void)first;
	(void)body;
	ck_assert_int_eq(wal_batch_decode(head, &record, &counts), ST_OK);
	s->results_bytes += record.results.n;
	s->appended += count;
}

static enum st spy_write(void *ctx)
{
	struct spy *s = ctx;

	s->writes++;
	return s->write_st;
}

static enum st spy_sync(void *ctx)
{
	struct spy *s = ctx;

	s->syncs++;
	s->visible_at_sync = board_visible(s->board).v;
	s->entries_at_sync = memtable_entries(s->memtable);
	return s->sync_st;
}

static const struct journal_ops spy_ops = { spy_append, spy_write, spy_sync };

struct bench {
	struct spy spy;
	struct board *board;
	struct origins *origins;
	struct memtable *memtable;
	struct group group;
	struct buf bytes[8];             /* of requests, kept until the commit */
	unsigned used;
};

static void setup(struct bench *b, unsigned sync_mode, uint64_t sync_every_us)
{
	struct group_config c = { .sync_mode = sync_mode, .sync_every_us = sync_every_us, .last_seq = seq(100) };
	int fd = board_create();

	*b = (struct bench){ .used = 0 };
	ck_assert_int_eq(board_attach(fd, true, &b->board), ST_OK);
	close(fd);
	ck_assert_int_eq(memtable_new(file_id(1), 1 << 20, &b->memtable), ST_OK);
	b->origins = origins_new();
	c.board = b->board;
	c.origins = b->origins;
	group_init(&b->group, &c);
	b->spy = (struct spy){ .board = b->board, .memtable = b->memtable };
	b->group.journal = (struct journal){ &spy_ops, &b->spy };
	b->group.memtable = b->memtable;
}

static void teardown(struct bench *b)
{
	for (unsigned i = 0; i < b->used; i++)
		buf_fini(&b->bytes[i]);
	group_fini(&b->group);
	origins_free(&b->origins);
	memtable_unref(&b->memtable);
	board_detach(&b->board);
}

/* A request of one batch with n puts key0=value ... key<n-1>=value. */
static void add_synced(struct bench *b, uint64_t origin, uint64_t request, unsigned n, const char *key, const char *value,
		       bool sync)
{
	struct write_request r = { .origin = origin, .request_id = request, .oldest_unanswered = 1, .sync = sync };
	struct write_counts counts = { .batches = 1, .entries = n, .puts = n };
	struct buf batch = BUF_INIT, *all = &b->bytes[b->used++];

	ck_assert_uint_le(b->used, 8);
	*all = BUF_INIT;
	for (unsigned i = 0; i < n; i++) {
		char name[32];
		struct write_op op = { .value = slice_str(value) };

		snprintf(name, sizeof(name), "%s%u", key, i);
		op.key = slice_str(name);
		write_batch_add(&batch, &op);
	}
	write_request_add_batch(all, buf_slice(&batch));
	buf_fini(&batch);
	r.batches = buf_slice(all);
	group_add(&b->group, &r, &counts, group_cost_of(r.batches), NULL);
}

static void add(struct bench *b, uint64_t origin, uint64_t request, unsigned n, const char *key, const char *value)
{
	add_synced(b, origin, request, n, key, value, false);
}

/* What a request came to: one put, and one result beside it. */
static void add_decided(struct bench *b, uint64_t request, uint64_t oldest_unanswered, const char *key, const char *value)
{
	struct write_request r = { .origin = 7, .request_id = request, .oldest_unanswered = oldest_unanswered };
	struct write_op op = { .key = slice_str(key), .value = slice_str(value) };
	struct decided d = { BUF_INIT, BUF_INIT, 1 };
	struct buf batch = BUF_INIT;

	write_batch_add(&batch, &op);
	write_request_add_batch(&d.batches, buf_slice(&batch));
	buf_fini(&batch);
	write_result_encode(&(struct write_result){ .first_sequence = seq(b->group.next_seq), .written = 1, .value = 5 }, &d.results);
	group_add_decided(&b->group, &r, &d, NULL);
	ck_assert_ptr_null(d.batches.p);
}

static const struct write_reply *reply(const struct bench *b, size_t i)
{
	ck_assert_uint_lt(i, b->group.count);
	return &b->group.items[i].reply;
}

static void check_value(const struct bench *b, const char *key, const char *value)
{
	struct entry e;

	ck_assert(memtable_get(b->memtable, slice_str(key), SEQ_MAX, &e));
	ck_assert(slice_eq(e.value, slice_str(value)));
}

START_TEST(nothing_is_visible_or_in_the_memtable_before_the_sync)
{
	/* invariants 1 and 2 */
	struct bench b;

	setup(&b, WAL_SYNC_ALWAYS, 0);
	add(&b, 7, 1, 3, "k", "v");
	ck_assert_uint_eq(board_visible(b.board).v, 0);
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	ck_assert_uint_eq(b.spy.syncs, 1);
	ck_assert_uint_eq(b.spy.visible_at_sync, 0);
	ck_assert_uint_eq(b.spy.entries_at_sync, 0);
	ck_assert_uint_eq(board_visible(b.board).v, 103);
	ck_assert_uint_eq(memtable_entries(b.memtable), 3);
	check_value(&b, "k2", "v");
	teardown(&b);
}
END_TEST

START_TEST(a_group_of_many_requests_is_written_and_synced_once)
{
	struct bench b;

	setup(&b, WAL_SYNC_ALWAYS, 0);
	for (unsigned i = 0; i < 5; i++)
		add(&b, 7, 1 + i, 2, "k", "v");
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	ck_assert_uint_eq(b.spy.writes, 1);
	ck_assert_uint_eq(b.spy.syncs, 1);
	ck_assert_uint_eq(b.spy.appended, 10);
	for (unsigned i = 0; i < 5; i++) {
		ck_assert_int_eq(reply(&b, i)->status, ST_OK);
		ck_assert_uint_eq(reply(&b, i)->request_id, 1 + i);
		ck_assert_uint_eq(reply(&b, i)->first_sequence.v, 101 + 2 * i);
	}
	teardown(&b);
}
END_TEST

static void check_unacknowledged(struct bench *b)
{
	add(b, 7, 1, 2, "k", "v");
	add(b, 8, 1, 2, "l", "v");
	ck_assert_int_eq(group_commit(&b->group), ST_IO);
	ck_assert(b->group.broken);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(reply(b, i)->status, ST_UNAVAILABLE);
	ck_assert_uint_eq(board_visible(b->board).v, 0);
	ck_assert_uint_eq(memtable_entries(b->memtable), 0);
}

START_TEST(a_failed_sync_acknowledges_nothing_and_shows_nothing)
{
	/* invariant 9 */
	struct bench b;

	setup(&b, WAL_SYNC_ALWAYS, 0);
	b.spy.sync_st = ST_IO;
	check_unacknowledged(&b);
	teardown(&b);
}
END_TEST

START_TEST(a_failed_write_acknowledges_nothing_and_is_not_synced)
{
	struct bench b;

	setup(&b, WAL_SYNC_ALWAYS, 0);
	b.spy.write_st = ST_IO;
	check_unacknowledged(&b);
	ck_assert_uint_eq(b.spy.syncs, 0);
	teardown(&b);
}
END_TEST

START_TEST(a_broken_group_takes_no_more_requests)
{
	struct bench b;

	setup(&b, WAL_SYNC_ALWAYS, 0);
	b.spy.sync_st = ST_IO;
	check_unacknowledged(&b);
	group_reset(&b.group);
	b.spy.sync_st = ST_OK;
	add(&b, 7, 2, 1, "k", "v");      /* a must() ends the process */
	teardown(&b);
}
END_TEST

START_TEST(a_repeat_is_answered_as_the_first_time_and_not_applied)
{
	struct bench b;
	struct write_reply first;

	setup(&b, WAL_SYNC_ALWAYS, 0);
	add(&b, 7, 1, 1, "k", "first");
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	first = *reply(&b, 0);
	group_reset(&b.group);
	add(&b, 7, 1, 1, "k", "again");
	add(&b, 8, 1, 1, "l", "other origin");
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	ck_assert_int_eq(reply(&b, 0)->status, ST_OK);
	ck_assert_uint_eq(reply(&b, 0)->first_sequence.v, first.first_sequence.v);
	ck_assert_int_eq(reply(&b, 0)->timestamp_ms, first.timestamp_ms);
	ck_assert_uint_eq(memtable_entries(b.memtable), 2);
	check_value(&b, "k0", "first");
	teardown(&b);
}
END_TEST

START_TEST(a_repeat_within_one_group_is_applied_once)
{
	struct bench b;

	setup(&b, WAL_SYNC_ALWAYS, 0);
	add(&b, 7, 1, 2, "k", "first");
	add(&b, 7, 1, 2, "k", "again");
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	ck_assert_uint_eq(reply(&b, 0)->first_sequence.v, reply(&b, 1)->first_sequence.v);
	ck_assert_uint_eq(b.spy.appended, 2);
	ck_assert_uint_eq(memtable_entries(b.memtable), 2);
	ck_assert_uint_eq(board_visible(b.board).v, 102);
	teardown(&b);
}
END_TEST

START_TEST(a_group_of_repeats_only_writes_nothing)
{
	struct bench b;

	setup(&b, WAL_SYNC_ALWAYS, 0);
	add(&b, 7, 1, 1, "k", "v");
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	group_reset(&b.group);
	add(&b, 7, 1, 1, "k", "v");
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	ck_assert_uint_eq(b.spy.writes, 1);
	ck_assert_int_eq(reply(&b, 0)->status, ST_OK);
	teardown(&b);
}
END_TEST

START_TEST(timestamps_do_not_go_back_behind_an_earlier_life)
{
	struct bench b;
	int64_t future = INT64_C(1) << 50;

	setup(&b, WAL_SYNC_ALWAYS, 0);
	b.group.now_ms = future;
	add(&b, 7, 1, 1, "k", "v");
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	ck_assert_int_eq(reply(&b, 0)->timestamp_ms, future);
	teardown(&b);
}
END_TEST

START_TEST(without_sync_a_write_is_visible_after_the_write_alone)
{
	struct bench b;

	setup(&b, WAL_SYNC_OFF, 0);
	add(&b, 7, 1, 1, "k", "v");
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	ck_assert_uint_eq(b.spy.writes, 1);
	ck_assert_uint_eq(b.spy.syncs, 0);
	ck_assert_uint_eq(board_visible(b.board).v, 101);
	ck_assert_uint_eq(group_sync_due_us(&b.group, UINT64_MAX / 2), UINT64_MAX);
	ck_assert_int_eq(group_sync(&b.group), ST_OK);       /* as a rotation does */
	ck_assert_uint_eq(b.spy.syncs, 1);
	teardown(&b);
}
END_TEST

START_TEST(an_interval_sync_falls_due_only_when_something_is_unsynced)
{
	struct bench b;
	uint64_t hour_us = UINT64_C(3600) * 1000000;

	setup(&b, WAL_SYNC_INTERVAL, hour_us);
	ck_assert_uint_eq(group_sync_due_us(&b.group, b.group.last_sync_us + 2 * hour_us), UINT64_MAX);
	add(&b, 7, 1, 1, "k", "v");
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	ck_assert_uint_eq(b.spy.syncs, 0);
	ck_assert_uint_eq(group_sync_due_us(&b.group, b.group.last_sync_us), hour_us);
	ck_assert_uint_eq(group_sync_due_us(&b.group, b.group.last_sync_us + hour_us), 0);
	ck_assert_int_eq(group_sync(&b.group), ST_OK);
	ck_assert_uint_eq(group_sync_due_us(&b.group, b.group.last_sync_us + hour_us), UINT64_MAX);
	teardown(&b);
}
END_TEST

START_TEST(who_asks_for_a_sync_gets_one_and_everybody_in_the_group_knows)
{
	struct bench b;

	setup(&b, WAL_SYNC_OFF, 0);
	add(&b, 7, 1, 1, "k", "v");
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	ck_assert(!reply(&b, 0)->synced);
	group_reset(&b.group);
	add(&b, 7, 2, 1, "k", "v");
	add_synced(&b, 8, 1, 1, "l", "v", true);
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	ck_assert_uint_eq(b.spy.syncs, 1);
	ck_assert(reply(&b, 0)->synced && reply(&b, 1)->synced);
	group_reset(&b.group);
	add(&b, 7, 3, 1, "k", "v");                      /* a wish is not for ever */
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	ck_assert_uint_eq(b.spy.syncs, 1);
	ck_assert(!reply(&b, 0)->synced);
	group_reset(&b.group);
	add_synced(&b, 7, 3, 1, "k", "v", true);         /* a repeat, whose first time was not synced */
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	ck_assert_uint_eq(b.spy.syncs, 2);
	ck_assert(reply(&b, 0)->synced);
	teardown(&b);
}
END_TEST

START_TEST(every_reply_says_synced_where_every_group_is)
{
	struct bench b;

	setup(&b, WAL_SYNC_ALWAYS, 0);
	add(&b, 7, 1, 1, "k", "v");
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	ck_assert(reply(&b, 0)->synced);
	teardown(&b);
}
END_TEST

START_TEST(a_sync_that_was_asked_for_and_fails_acknowledges_nothing)
{
	struct bench b;

	setup(&b, WAL_SYNC_OFF, 0);
	add(&b, 7, 1, 1, "k", "v");
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	group_reset(&b.group);
	b.spy.sync_st = ST_IO;
	add_synced(&b, 7, 1, 1, "k", "v", true);         /* a repeat */
	ck_assert_int_eq(group_commit(&b.group), ST_IO);
	ck_assert_int_eq(reply(&b, 0)->status, ST_UNAVAILABLE);
	teardown(&b);
}
END_TEST

START_TEST(what_was_decided_is_written_with_its_results_and_repeated_with_them)
{
	struct write_reply r;
	struct write_results w;
	struct write_result result;
	struct bench b;

	setup(&b, WAL_SYNC_ALWAYS, 0);
	add_decided(&b, 1, 1, "n", "5");
	add(&b, 7, 1, 1, "n", "again");                  /* a repeat in the same group */
	add_decided(&b, 2, 2, "m", "5");                 /* settles the first: what it said may be gone */
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	ck_assert_uint_gt(b.spy.results_bytes, 0);
	ck_assert_uint_eq(b.spy.appended, 2);
	check_value(&b, "n", "5");
	for (unsigned i = 0; i < 2; i++) {
		r = *reply(&b, i);
		w = write_results_begin(&r, b.group.items[0].batches);
		ck_assert(write_results_next(&w, &result));
		ck_assert(result.value == 5 && result.first_sequence.v == 101);
	}
	teardown(&b);
}
END_TEST

/* A yes that nobody remembers would be a guess. */
START_TEST(a_repeat_whose_results_are_gone_hears_that_the_outcome_is_unknown)
{
	struct write_request late = { .origin = 7, .request_id = 1, .oldest_unanswered = 2 };
	struct write_counts counts = { .batches = 1, .entries = 1, .puts = 1, .asks = 1 };
	struct bench b;

	setup(&b, WAL_SYNC_ALWAYS, 0);
	add_decided(&b, 1, 1, "n", "5");
	add_decided(&b, 2, 2, "m", "5");                 /* settles the first */
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	late.batches = buf_slice(&b.bytes[0]);
	group_reset(&b.group);
	group_add(&b.group, &late, &counts, 0, NULL);
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	ck_assert_int_eq(reply(&b, 0)->status, ST_IO);
	ck_assert_uint_eq(b.spy.appended, 2);
	check_value(&b, "n", "5");
	teardown(&b);
}
END_TEST

START_TEST(the_group_knows_what_it_has_written_whenever_it_was_added)
{
	const struct present *p;
	struct bench b;

	setup(&b, WAL_SYNC_ALWAYS, 0);
	add(&b, 7, 1, 2, "k", "old");
	add(&b, 7, 2, 1, "k", "new");
	p = known_find(group_written(&b.group), slice_str("k0"));
	ck_assert(p && p->version.v == 103 && slice_eq(p->value, slice_str("new")));
	ck_assert_uint_eq(known_find(group_written(&b.group), slice_str("k1"))->version.v, 102);
	ck_assert_ptr_null(known_find(group_written(&b.group), slice_str("l0")));
	add(&b, 7, 3, 1, "l", "later");
	ck_assert_uint_eq(known_find(group_written(&b.group), slice_str("l0"))->version.v, 104);
	ck_assert_int_eq(group_commit(&b.group), ST_OK);
	group_reset(&b.group);
	ck_assert_ptr_null(known_find(group_written(&b.group), slice_str("k0")));
	teardown(&b);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, who_asks_for_a_sync_gets_one_and_everybody_in_the_group_knows);
	tcase_add_test(tc, every_reply_says_synced_where_every_group_is);
	tcase_add_test(tc, a_sync_that_was_asked_for_and_fails_acknowledges_nothing);
	tcase_add_test(tc, what_was_decided_is_written_with_its_results_and_repeated_with_them);
	tcase_add_test(tc, a_repeat_whose_results_are_gone_hears_that_the_outcome_is_unknown);
	tcase_add_test(tc, the_group_knows_what_it_has_written_whenever_it_was_added);
	tcase_add_test(tc, nothing_is_visible_or_in_the_memtable_before_the_sync);
	tcase_add_test(tc, a_group_of_many_requests_is_written_and_synced_once);
	tcase_add_test(tc, a_failed_sync_acknowledges_nothing_and_shows_nothing);
	tcase_add_test(tc, a_failed_write_acknowledges_nothing_and_is_not_synced);
	tcase_add_test_raise_signal(tc, a_broken_group_takes_no_more_requests, 6);
	tcase_add_test(tc, a_repeat_is_answered_as_the_first_time_and_not_applied);
	tcase_add_test(tc, a_repeat_within_one_group_is_applied_once);
	tcase_add_test(tc, a_group_of_repeats_only_writes_nothing);
	tcase_add_test(tc, timestamps_do_not_go_back_behind_an_earlier_life);
	tcase_add_test(tc, without_sync_a_write_is_visible_after_the_write_alone);
	tcase_add_test(tc, an_interval_sync_falls_due_only_when_something_is_unsynced);
}

CHECK_MAIN("engine/group", suite)
