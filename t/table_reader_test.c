/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader asks of the disk: how often, how much, and that it waits only when it may. */
#include "common/vfs/vfs_impl.h"
#include "t/check_main.h"
#include "t/table_help.h"

/* The operating system's files, watched; a read that may not wait finds its bytes in memory only when they are resident. */
static struct spy {
	struct vfs vfs;
	bool resident;
	unsigned reads, tries, forgets;      /* reads that may wait, and that may not */
	size_t largest;
	uint64_t read_at, forgotten;         /* the last one; bytes */
	bool exactly;
} spy;
struct spy_file { struct vfs_file file; struct vfs_file *inner; };

static struct vfs_file *inner(struct vfs_file *f) { return ((struct spy_file *)f)->inner; }

static void spy_close(struct vfs_file *f)
{
	vfs_close(&((struct spy_file *)f)->inner);
	free(f);
}

static enum st spy_read(struct vfs_file *f, void *p, size_t n, uint64_t offset, bool nowait, size_t *gotp)
{
	*gotp = 0;
	spy.tries += nowait;
	if (nowait && !spy.resident)
		return ST_BUSY;
	spy.reads += !nowait;
	spy.read_at = offset;
	spy.largest = n > spy.largest ? n : spy.largest;
	return vfs_read(inner(f), p, n, offset, false, gotp);
}

static enum st spy_size(struct vfs_file *f, uint64_t *sizep) { return vfs_size(inner(f), sizep); }
static void spy_forget(struct vfs_file *f, uint64_t offset, uint64_t n)
{
	spy.forgets++;
	spy.forgotten += n;
	ck_assert_uint_eq(offset, spy.read_at);
	vfs_forget_range(inner(f), offset, n);
}

static void spy_exactly(struct vfs_file *f)
{
	(void)f;
	spy.exactly = true;
}

static enum st spy_open(struct vfs *v, const char *path, enum vfs_open_flags flags, struct vfs_file **filep)
{
	static const struct vfs_file_ops ops = {
		.close = spy_close, .read = spy_read, .size = spy_size, .forget_cache = spy_forget,
		.read_exactly = spy_exactly
	};
	struct spy_file *f = calloc(1, sizeof(*f));
	enum st st = vfs_open(vfs_posix(), path, flags, &f->inner);

	(void)v;
	f->file.ops = &ops;
	*filep = st ? NULL : &f->file;
	if (st)
		free(f);
	return st;
}

static struct table_reader *open_watched(struct help_set *s, struct block_cache *cache, size_t n)
{
	static const struct vfs_ops ops = { .open = spy_open };
	struct rnd rnd = { 1 };
	struct table_reader *r;

	help_begin();
	help_random(s, &rnd, n, 300);
	help_write_to(vfs_posix(), help_path(), s, (struct table_options){ .codec = BLOCK_COMPRESSION_FAST },
		      7);
	spy = (struct spy){ .vfs = { &ops } };
	ck_assert_int_eq(table_open(&spy.vfs, help_path(), file_id(7), DATABASE, cache, &r), ST_OK);
	return r;
}

static enum st ask(struct table_reader *r, struct slice key, bool nowait, struct read_cost *cost)
{
	struct block_pin pin;
	struct entry e;
	enum st st = table_get(r, key, SEQ_MAX, nowait, cost, &e, &pin);

	if (st)
		ck_assert_ptr_null(pin.block);
	block_pin_release(&pin);
	return st;
}

START_TEST(opening_takes_two_reads)
{
	struct help_set s = { NULL, 0, 0 };
	struct table_reader *r = open_watched(&s, NULL, 20000);

	ck_assert_uint_eq(spy.reads, 2);
	ck_assert_uint_gt(table_memory(r), 1000);
	table_close(&r);
	help_free(&s);
	help_end();
}
END_TEST

START_TEST(a_point_read_is_one_read_and_none_when_cached)
{
	struct block_cache *cache = block_cache_new(64 << 20);
	struct help_set s = { NULL, 0, 0 };
	struct table_reader *r = open_watched(&s, cache, 20000);

	for (size_t i = 0; i < s.n; i += 97) {
		struct read_cost cost = { .tables = 0 };
		unsigned before = spy.reads;

		ck_assert_int_eq(ask(r, s.e[i].key, false, &cost), ST_OK);
		ck_assert_uint_eq(cost.tables, 1);
		ck_assert_uint_eq(cost.filter_checks, 1);
		ck_assert_uint_eq(cost.filter_useful, 0);
		ck_assert_uint_eq(cost.blocks_read + cost.blocks_cached, 1);
		ck_assert_uint_eq(spy.reads - before, cost.blocks_read);
		ck_assert_int_eq(ask(r, s.e[i].key, false, &cost), ST_OK);
		ck_assert_uint_eq(spy.reads - before, cost.blocks_read);
	}
	table_close(&r);
	block_cache_free(&cache);
	help_free(&s);
	help_end();
}
END_TEST

START_TEST(what_the_filter_denies_is_not_read)
{
	struct help_set s = { NULL, 0, 0 };
	struct table_reader *r = open_watched(&s, NULL, 5000);
	struct read_cost cost = { .tables = 0 };
	unsigned before = spy.reads;

	for (unsigned i = 0; i < 1000; i++) {
		char key[32];

		snprintf(key, sizeof(key), "key/%06u/absent", i);
		ck_assert_int_eq(ask(r, slice_str(key), false, &cost), ST_NOT_FOUND);
	}
	ck_assert_uint_eq(cost.tables, 1000);
	ck_assert_uint_eq(cost.filter_checks, 1000);
	ck_assert_uint_gt(cost.filter_useful, 950);
	ck_assert_uint_eq(spy.reads - before, 1000 - cost.filter_useful);
	table_close(&r);
	help_free(&s);
	help_end();
}
END_TEST

START_TEST(a_read_that_may_not_wait_answers_busy_until_the_block_is_cached)
{
	struct block_cache *cache = block_cache_new(64 << 20);
	struct help_set s = { NULL, 0, 0 };
	struct table_reader *r = open_watched(&s, cache, 5000);
	struct read_cost cost = { .tables = 0 };

	ck_assert_int_eq(ask(r, s.e[100].key, true, &cost), ST_BUSY);
	ck_assert_uint_eq(cost.blocks_read, 0);
	ck_assert_int_eq(ask(r, s.e[100].key, true, &cost), ST_BUSY);
	ck_assert_int_eq(ask(r, s.e[100].key, false, &cost), ST_OK);
	ck_assert_int_eq(ask(r, s.e[100].key, true, &cost), ST_OK);
	ck_assert_uint_eq(cost.corrupt_blocks, 0);
	table_close(&r);
	block_cache_free(&cache);
	help_free(&s);
	help_end();
}
END_TEST

/* A pass over a table, in memory or not: reads large pieces past the block cache. */
static void check_pass(bool resident)
{
	struct block_cache *cache = block_cache_new(64 << 20);
	struct table_reads reads = { 0, 0 };
	struct block_cache_stats st;
	struct help_set s = { NULL, 0, 0 };
	struct table_reader *r = open_watched(&s, cache, 30000);
	uint64_t size = table_props(r)->size_bytes;
	struct iter *it;
	size_t n = 0;

	ck_assert_uint_gt(size, 2 << 20);
	spy = (struct spy){ .vfs = spy.vfs, .resident = resident };
	it = table_pass_new(r, &reads);
	for (iter_first(it); it->valid; iter_next(it))
		n++;
	ck_assert_int_eq(it->status, ST_OK);
	ck_assert_uint_eq(n, s.n);
	iter_free(&it);
	ck_assert(spy.exactly);
	ck_assert_uint_ge(spy.tries, 3);
	ck_assert_uint_le(spy.tries, size / (1 << 20) + 1);
	ck_assert_uint_le(spy.largest, 1 << 20);
	ck_assert_uint_eq(spy.reads, resident ? 0 : spy.tries);
	ck_assert_uint_eq(spy.forgets, spy.reads);
	ck_assert(reads.bytes > 2 << 20 && reads.bytes < size + (1 << 20));
	ck_assert_uint_eq(reads.resident, resident ? reads.bytes : 0);
	ck_assert_uint_eq(spy.forgotten, reads.bytes - reads.resident);
	block_cache_stats(cache, &st);
	ck_assert_uint_eq(st.used_bytes, 0);
	table_close(&r);
	block_cache_free(&cache);
	help_free(&s);
	help_end();
}

START_TEST(a_pass_forgets_each_piece_that_came_from_the_disk)
{
	check_pass(false);
}
END_TEST

START_TEST(a_pass_leaves_in_memory_what_was_there)
{
	check_pass(true);
}
END_TEST

START_TEST(the_check_of_a_whole_file_leaves_the_page_cache_as_it_was)
{
	struct help_set s = { NULL, 0, 0 };
	struct table_reader *r = open_watched(&s, NULL, 30000);
	uint64_t size = table_props(r)->size_bytes;

	for (int resident = 0; resident < 2; resident++) {
		spy = (struct spy){ .vfs = spy.vfs, .resident = resident };
		ck_assert_int_eq(table_verify_file(r, 0), ST_CORRUPT);
		ck_assert_uint_eq(spy.forgotten, resident ? 0 : size);
		ck_assert_uint_eq(spy.reads > 0, !resident);
		ck_assert(spy.exactly);
	}
	table_close(&r);
	help_free(&s);
	help_end();
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, opening_takes_two_reads);
	tcase_add_test(tc, a_point_read_is_one_read_and_none_when_cached);
	tcase_add_test(tc, what_the_filter_denies_is_not_read);
	tcase_add_test(tc, a_read_that_may_not_wait_answers_busy_until_the_block_is_cached);
	tcase_add_test(tc, a_pass_forgets_each_piece_that_came_from_the_disk);
	tcase_add_test(tc, a_pass_leaves_in_memory_what_was_there);
	tcase_add_test(tc, the_check_of_a_whole_file_leaves_the_page_cache_as_it_was);
}

CHECK_MAIN("table/reader", suite)
