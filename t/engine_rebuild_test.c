/* SPDX-License-Identifier: Apache-2.0 */
/* Rebuilding memtables: the same as inserting one by one, whatever the order and however many batches it takes. */
#include "engine/rebuild.h"

#include "common/base/rand.h"
#include "t/engine_testlib.h"

#define CAPACITY (UINT64_C(256) << 20)

static struct memtable *fresh(uint64_t id)
{
	struct memtable *m;

	ck_ok(memtable_new(file_id(id), CAPACITY, &m));
	return m;
}

/* A record of n operations with keys out of few, so that there are many versions; also into m, one by one. */
static void add(struct rebuild *r, struct memtable *m, struct rnd *rnd, uint64_t first_seq, unsigned n, size_t value_bytes)
{
	struct wal_batch b = { .first_sequence = seq(first_seq), .timestamp_ms = (int64_t)(1000 + first_seq) };
	struct buf batch = BUF_INIT, batches = BUF_INIT;
	uint8_t *value = mem_zalloc(value_bytes + 1);
	struct write_walk w;
	struct write_op op;

	for (unsigned i = 0; i < n; i++) {
		char key[32];

		snprintf(key, sizeof(key), "%s%u", rnd_below(rnd, 2) ? "a long prefix " : "", (unsigned)rnd_below(rnd, 500));
		op = (struct write_op){ .is_delete = rnd_below(rnd, 4) == 0, .key = slice_str(key) };
		if (!op.is_delete)
			op.value = slice_of(value, value_bytes);
		write_batch_add(&batch, &op);
	}
	write_request_add_batch(&batches, buf_slice(&batch));
	b.batches = buf_slice(&batches);
	ck_ok(rebuild_add(r, &b));
	w = write_walk_begin(b.batches);
	for (uint64_t s = first_seq; write_walk_next(&w, &op); s++) {
		struct entry e = { .key = op.key, .value = op.value, .seq = seq(s), .timestamp_ms = b.timestamp_ms,
				   .is_tombstone = op.is_delete };

		memtable_insert(m, &e);
	}
	buf_fini(&batch);
	buf_fini(&batches);
	mem_free(value);
}

static void check_same(struct memtable *got, struct memtable *want)
{
	struct iter *a = memtable_iter_new(got), *b = memtable_iter_new(want);

	ck_assert_uint_eq(memtable_entries(got), memtable_entries(want));
	iter_first(a);
	for (iter_first(b); b->valid; iter_next(b), iter_next(a)) {
		ck_assert(a->valid);
		ck_assert_int_eq(entry_cmp(a->entry.key, a->entry.seq, b->entry.key, b->entry.seq), 0);
		ck_assert(slice_eq(a->entry.value, b->entry.value));
		ck_assert(a->entry.is_tombstone == b->entry.is_tombstone);
		ck_assert_int_eq(a->entry.timestamp_ms, b->entry.timestamp_ms);
	}
	ck_assert(!a->valid);
	iter_free(&a);
	iter_free(&b);
}

START_TEST(a_rebuilt_memtable_is_as_if_all_had_been_inserted_one_by_one)
{
	const struct { unsigned records, ops; size_t value_bytes; } shapes[] = {
		{ 0, 0, 0 }, { 1, 1, 0 }, { 2000, 3, 20 }, { 90, 1, 1 << 20 },  /* this one takes several batches */
		{ 3, 7, 8 << 20 },                                               /* and each of these records one alone */
	};
	struct memtable *got[5], *want[5];
	struct rebuild *r = rebuild_new();
	struct rnd rnd = { 7 };

	for (unsigned i = 0; i < 5; i++) {
		got[i] = fresh(10 + i);
		want[i] = fresh(20 + i);
		rebuild_into(r, got[i]);
		for (unsigned n = 0; n < shapes[i].records; n++)
			add(r, want[i], &rnd, 1 + n * shapes[i].ops, shapes[i].ops, shapes[i].value_bytes);
	}
	rebuild_finish(r);
	for (unsigned i = 0; i < 5; i++) {
		check_same(got[i], want[i]);
		memtable_unref(&got[i]);
		memtable_unref(&want[i]);
	}
	rebuild_free(&r);
}
END_TEST

START_TEST(a_memtable_that_is_too_small_is_told_before_anything_is_written_beside_it)
{
	struct rebuild *r = rebuild_new();
	struct memtable *m;
	struct wal_batch b = { .first_sequence = seq(1) };
	struct buf batch = BUF_INIT, batches = BUF_INIT;
	uint8_t value[10000] = { 0 };

	ck_ok(memtable_new(file_id(1), 8192, &m));
	rebuild_into(r, m);
	write_batch_add(&batch, &(struct write_op){ .key = slice_str("k"), .value = slice_of(value, sizeof(value)) });
	write_request_add_batch(&batches, buf_slice(&batch));
	b.batches = buf_slice(&batches);
	ck_assert_int_eq(rebuild_add(r, &b), ST_INTERNAL);
	rebuild_free(&r);
	ck_assert_uint_eq(memtable_entries(m), 0);
	memtable_unref(&m);
	buf_fini(&batch);
	buf_fini(&batches);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_rebuilt_memtable_is_as_if_all_had_been_inserted_one_by_one);
	tcase_add_test(tc, a_memtable_that_is_too_small_is_told_before_anything_is_written_beside_it);
}

CHECK_MAIN("engine/rebuild", suite)
