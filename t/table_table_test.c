/* SPDX-License-Identifier: Apache-2.0 */
/* Tables written and read back: everything that goes in comes out, and nothing else. */
#include <pthread.h>

#include "t/check_main.h"
#include "t/iter_walk.h"
#include "t/table_help.h"

/* Every option that changes the bytes, in small and large. */
static const struct table_options shapes[] = {
	{ .codec = BLOCK_COMPRESSION_NONE },
	{ .codec = BLOCK_COMPRESSION_FAST },
	{ .codec = BLOCK_COMPRESSION_SMALL },
#ifdef HAVE_LIBZSTD
	{ .codec = BLOCK_COMPRESSION_ZSTD, .block_bytes = 1000 },
#endif
	{ .codec = BLOCK_COMPRESSION_FAST, .block_bytes = 1, .restart_interval = 1 },
	{ .codec = BLOCK_COMPRESSION_FAST,
	  .block_bytes = 300,
	  .restart_interval = 3,
	  .filter_bits_per_key = 2 },
	{ .codec = BLOCK_COMPRESSION_FAST, .block_bytes = 300, .index_flat_bytes = 1, .index_partition_bytes = 200 },
	{ .codec = BLOCK_COMPRESSION_NONE, .block_bytes = 1, .index_flat_bytes = 1, .index_partition_bytes = 1 },
	{ .codec = BLOCK_COMPRESSION_NONE,
	  .block_bytes = 100000,
	  .restart_interval = 200,
	  .filter_bits_per_key = 20 },
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static void expect_iterates(struct iter *it, const struct help_set *s, size_t from)
{
	for (size_t i = from; i < s->n; i++, iter_next(it)) {
		ck_quick(it->valid);
		ck_quick(help_same(&it->entry, &s->e[i]));
	}
	ck_quick(!it->valid);
	ck_quick(it->status == ST_OK);
}

static uint32_t blocks_above;        /* a point read's data block, in a table with partitions */

static void expect_get(struct table_reader *r, const struct help_set *s, struct slice key, uint64_t at)
{
	const struct entry *want = help_find(s, key, at);
	struct read_cost cost = { .tables = 0 };
	struct block_pin pin;
	struct entry e;
	enum st st = table_get(r, key, seq(at), false, &cost, &e, &pin);

	ck_quick(st == (want ? ST_OK : ST_NOT_FOUND));
	ck_quick(cost.blocks_read + cost.blocks_cached <= 1 + blocks_above);
	ck_quick(!want || help_same(&e, want));
	block_pin_release(&pin);
}

static void check_everything(struct table_reader *r, const struct help_set *s, struct rnd *rnd)
{
	for (int readahead = 0; readahead < 2; readahead++) {
		struct iter *it = table_iter_new(r, readahead);

		iter_first(it);
		expect_iterates(it, s, 0);
		for (int i = 0; i < 20; i++) {
			size_t at = (size_t)rnd_below(rnd, s->n);

			iter_seek(it, s->e[at].key, s->e[at].seq);
			expect_iterates(it, s, at);
		}
		walk_agrees(it, s->e, s->n, rnd, 5000);
		iter_last(it);
		for (size_t i = s->n; i-- > 0; iter_prev(it))
			ck_quick(it->valid && help_same(&it->entry, &s->e[i]));
		ck_quick(!it->valid && it->status == ST_OK);
		iter_free(&it);
	}
	for (size_t i = 0; i < s->n; i++) {
		expect_get(r, s, s->e[i].key, SEQ_MAX.v);
		expect_get(r, s, s->e[i].key, s->e[i].seq.v);
		expect_get(r, s, s->e[i].key, s->e[i].seq.v - 1);
		expect_get(r, s, s->e[i].key, rnd_below(rnd, s->n + 2));
	}
}

START_TEST(what_is_written_is_read_back_in_every_shape)
{
	struct block_cache *cache = block_cache_new(_i % 2 ? 100000 : 0);
	struct rnd rnd = { (uint64_t)_i };
	struct help_set s = { NULL, 0, 0 };
	struct table_reader *r;

	help_begin();
	help_random(&s, &rnd, 3000, 200);
	blocks_above = shapes[_i].index_flat_bytes != 0;
	r = help_table(&s, shapes[_i], _i % 3 ? cache : NULL);
	check_everything(r, &s, &rnd);
	table_close(&r);
	block_cache_free(&cache);
	help_free(&s);
	help_end();
}
END_TEST

START_TEST(keys_that_were_never_written_are_not_found)
{
	struct rnd rnd = { 5 };
	struct help_set s = { NULL, 0, 0 };
	struct table_reader *r;
	uint8_t key[1100];

	help_begin();
	help_random(&s, &rnd, 2000, 50);
	r = help_table(&s, shapes[4], NULL);
	for (int i = 0; i < 10000; i++) {
		size_t n = 1 + (size_t)rnd_below(&rnd, 12);

		memcpy(key, "key/00000000", 12);
		for (size_t j = (size_t)rnd_below(&rnd, n); j < n; j++)
			key[j] = (uint8_t)rnd_next(&rnd);
		expect_get(r, &s, slice_of(key, n), 1 + rnd_below(&rnd, s.n));
	}
	table_close(&r);
	help_free(&s);
	help_end();
}
END_TEST

START_TEST(get_sees_newest_visible_version_though_versions_span_blocks)
{
	struct help_set s = { NULL, 0, 0 };
	struct table_reader *r;

	help_begin();
	for (uint64_t i = 1; i <= 3000; i++) {
		char value[64];

		snprintf(value, sizeof(value), "the value of version %llu", (unsigned long long)i);
		help_add(&s,
			 slice_str(i % 3   ? "b"
				   : i % 2 ? "a"
					   : "c"),
			 slice_str(value), i, i % 10 == 0, 0, 0);
	}
	help_sort(&s);
	r = help_table(&s, (struct table_options){ .codec = BLOCK_COMPRESSION_FAST, .block_bytes = 256 },
		       NULL);
	for (uint64_t at = 0; at <= 3001; at++) {
		expect_get(r, &s, slice_str("a"), at);
		expect_get(r, &s, slice_str("b"), at);
		expect_get(r, &s, slice_str("c"), at);
		expect_get(r, &s, slice_str("bb"), at);
	}
	table_close(&r);
	help_free(&s);
	help_end();
}
END_TEST

START_TEST(an_8_mib_value_comes_back_and_does_not_burden_its_neighbours)
{
	struct block_cache *cache = block_cache_new(512 << 20);     /* a shard has room for such a block */
	struct block_cache_stats stats;
	size_t n = 8u << 20;
	uint8_t *value = mem_alloc(n);
	struct rnd rnd = { 7 };
	struct help_set s = { NULL, 0, 0 };
	struct read_cost cost = { .tables = 0 };
	struct table_reader *r;
	struct block_pin pin;
	struct entry e;

	help_begin();
	for (size_t i = 0; i < n; i++)
		value[i] = (uint8_t)rnd_next(&rnd);
	help_add(&s, slice_str("a"), slice_str("small"), 1, false, 0, 0);
	help_add(&s, slice_str("b"), slice_of(value, n), 2, false, 0, 0);
	memset(value, 'x', n);
	help_add(&s, slice_str("c"), slice_of(value, n), 3, false, 0, 0);
	help_add(&s, slice_str("d"), slice_str("small"), 4, false, 0, 0);
	r = help_table(&s, (struct table_options){ .codec = BLOCK_COMPRESSION_FAST }, cache);
	for (size_t i = 0; i < s.n; i += 3) {
		ck_assert_int_eq(table_get(r, s.e[i].key, SEQ_MAX, false, &cost, &e, &pin), ST_OK);
		block_pin_release(&pin);
	}
	block_cache_stats(cache, &stats);
	ck_assert_uint_lt(stats.used_bytes, 10000);
	check_everything(r, &s, &rnd);
	ck_assert_uint_lt(table_props(r)->size_bytes, n + n / 10);
	table_close(&r);
	block_cache_free(&cache);
	mem_free(value);
	help_free(&s);
	help_end();
}
END_TEST

START_TEST(a_large_index_is_read_by_and_by)
{
	struct table_options o = { .codec = BLOCK_COMPRESSION_NONE, .block_bytes = 1 };
	struct help_set s = { NULL, 0, 0 };
	struct rnd rnd = { 12 };
	struct table_reader *r;
	size_t flat;

	help_begin();
	help_random(&s, &rnd, 20000, 10);
	r = help_table(&s, o, NULL);
	flat = table_memory(r);
	table_close(&r);
	o.index_flat_bytes = 100000;
	r = help_table(&s, o, NULL);
	ck_assert_uint_lt(table_memory(r), flat / 10);
	blocks_above = 1;
	for (size_t i = 0; i < s.n; i += 100)
		expect_get(r, &s, s.e[i].key, s.e[i].seq.v);
	table_close(&r);
	help_free(&s);
	help_end();
}
END_TEST

START_TEST(a_table_without_entries_is_a_table)
{
	struct help_set s = { NULL, 0, 0 };
	struct table_reader *r;
	struct iter *it;

	help_begin();
	r = help_table(&s, shapes[1], NULL);
	it = table_iter_new(r, true);
	iter_first(it);
	ck_assert(!it->valid);
	ck_assert_int_eq(it->status, ST_OK);
	walk_agrees(it, NULL, 0, &(struct rnd){ 1 }, 20);
	iter_free(&it);
	expect_get(r, &s, slice_str("a"), SEQ_MAX.v);
	table_close(&r);
	help_end();
}
END_TEST

START_TEST(summary_and_properties_tell_the_same_truth)
{
	struct rnd rnd = { 8 };
	struct help_set s = { NULL, 0, 0 };
	uint64_t tombstones = 0, expiring = 0, low = UINT64_MAX, high = 0;
	int64_t first_ms = INT64_MAX, last_ms = 0;
	const struct table_props *p;
	struct table_options o = { .codec = BLOCK_COMPRESSION_SMALL, .level = 3 };
	struct table_summary sum;
	struct table_reader *r;

	help_begin();
	help_random(&s, &rnd, 8000, 400);
	for (size_t i = 0; i < s.n; i++) {
		tombstones += s.e[i].is_tombstone;
		if (s.e[i].expires_at_ms && !s.e[i].is_tombstone) {
			expiring++;
			first_ms = s.e[i].expires_at_ms < first_ms ? s.e[i].expires_at_ms : first_ms;
			last_ms = s.e[i].expires_at_ms > last_ms ? s.e[i].expires_at_ms : last_ms;
		}
		low = s.e[i].seq.v < low ? s.e[i].seq.v : low;
		high = s.e[i].seq.v > high ? s.e[i].seq.v : high;
	}
	sum = help_write_to(vfs_posix(), help_path(), &s, o, 9);
	ck_assert_int_eq(table_open(vfs_posix(), help_path(), file_id(9), 0, NULL, &r), ST_OK);
	p = table_props(r);
	ck_assert_uint_eq(p->id.v, 9);
	ck_assert(p->database == DATABASE);
	ck_assert_uint_eq(p->level, 3);
	ck_assert_uint_eq(p->entry_count, s.n);
	ck_assert_uint_eq(sum.entry_count, s.n);
	ck_assert_uint_eq(p->tombstone_count, tombstones);
	ck_assert_uint_eq(sum.tombstone_count, tombstones);
	ck_assert_uint_gt(expiring, 1);
	ck_assert(p->expiring_count == expiring && sum.expiring_count == expiring);
	ck_assert(p->min_expires_ms == first_ms && sum.min_expires_ms == first_ms);
	ck_assert(p->max_expires_ms == last_ms && sum.max_expires_ms == last_ms);
	ck_assert_uint_eq(p->size_bytes, sum.size_bytes);
	ck_assert_uint_eq(p->uncompressed_bytes, sum.uncompressed_bytes);
	ck_assert_uint_eq(p->min_seq.v, low);
	ck_assert_uint_eq(sum.min_seq.v, low);
	ck_assert_uint_eq(p->max_seq.v, high);
	ck_assert_uint_eq(sum.max_seq.v, high);
	ck_assert(slice_eq(p->min_key, s.e[0].key));
	ck_assert(slice_eq(p->max_key, s.e[s.n - 1].key));
	ck_assert(p->created_at_ms > 1700000000000);
	ck_assert_int_eq(table_verify_file(r, sum.file_crc), ST_OK);
	ck_assert_int_eq(table_verify_file(r, sum.file_crc ^ 1), ST_CORRUPT);
	table_close(&r);
	help_free(&s);
	help_end();
}
END_TEST

/* What table_verify_file() logs, with stderr led into a file. */
static const char *said_by_the_check(struct table_reader *r, uint32_t crc, enum st *stp)
{
	static char text[4096];
	FILE *log = tmpfile();
	int keep = dup(STDERR_FILENO);
	size_t n;

	ck_assert_ptr_nonnull(log);
	ck_assert_int_eq(dup2(fileno(log), STDERR_FILENO), STDERR_FILENO);
	*stp = table_verify_file(r, crc);
	ck_assert_int_eq(dup2(keep, STDERR_FILENO), STDERR_FILENO);
	close(keep);
	rewind(log);
	n = fread(text, 1, sizeof(text) - 1, log);
	text[n] = '\0';
	fclose(log);
	return text;
}

START_TEST(the_check_of_a_file_that_was_cut_since_it_was_opened_says_so)
{
	struct help_set s = { NULL, 0, 0 };
	struct rnd rnd = { 9 };
	struct table_reader *r;
	const char *said;
	enum st st;

	help_begin();
	help_random(&s, &rnd, 100, 100);
	r = help_table(&s, shapes[0], NULL);
	ck_assert_int_eq(truncate(help_path(), (off_t)table_props(r)->size_bytes / 2), 0);
	said = said_by_the_check(r, 0, &st);
	ck_assert_int_eq(st, ST_CORRUPT);
	ck_assert_msg(strstr(said, "table.sst: damaged at offset 0: the file ends too early"), "%s", said);
	table_close(&r);
	help_free(&s);
	help_end();
}
END_TEST

START_TEST(a_foreign_table_is_refused)
{
	struct help_set s = { NULL, 0, 0 };
	struct table_reader *r;

	help_begin();
	help_add(&s, slice_str("k"), slice_str("v"), 1, false, 0, 0);
	r = help_table(&s, shapes[0], NULL);
	table_close(&r);
	ck_assert_int_eq(table_open(vfs_posix(), help_path(), file_id(8), DATABASE, NULL, &r), ST_CORRUPT);
	ck_assert_ptr_null(r);
	ck_assert_int_eq(table_open(vfs_posix(), help_path(), file_id(7), DATABASE + 1, NULL, &r),
			 ST_CORRUPT);
	ck_assert_ptr_null(r);
	ck_assert_int_eq(table_open(vfs_posix(), help_path(), file_id(0), 0, NULL, &r), ST_OK);
	table_close(&r);
	unlink(help_path());
	ck_assert_int_eq(table_open(vfs_posix(), help_path(), file_id(7), DATABASE, NULL, &r), ST_NOT_FOUND);
	help_free(&s);
	help_end();
}
END_TEST

static struct shared { struct table_reader *r; struct help_set s; } shared;

static void *read_at_random(void *arg)
{
	struct rnd rnd = { (uint64_t)(uintptr_t)arg };
	struct iter *it = table_iter_new(shared.r, rnd.state % 2);

	for (int i = 0; i < 2000; i++)
		expect_get(shared.r, &shared.s, shared.s.e[rnd_below(&rnd, shared.s.n)].key,
			   1 + rnd_below(&rnd, shared.s.n));
	iter_first(it);
	expect_iterates(it, &shared.s, 0);
	iter_free(&it);
	return NULL;
}

START_TEST(threads_at_once_read_one_table)
{
	struct block_cache *cache = block_cache_new(100000);     /* too small: blocks come and go */
	struct rnd rnd = { 10 };
	pthread_t threads[4];

	help_begin();
	help_random(&shared.s, &rnd, 5000, 100);
	shared.r = help_table(&shared.s, shapes[1], cache);
	for (uintptr_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_at_random, (void *)i), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	table_close(&shared.r);
	block_cache_free(&cache);
	help_free(&shared.s);
	help_end();
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_loop_test(tc, what_is_written_is_read_back_in_every_shape, 0, (int)SHAPES);
	tcase_add_test(tc, keys_that_were_never_written_are_not_found);
	tcase_add_test(tc, get_sees_newest_visible_version_though_versions_span_blocks);
	tcase_add_test(tc, an_8_mib_value_comes_back_and_does_not_burden_its_neighbours);
	tcase_add_test(tc, a_large_index_is_read_by_and_by);
	tcase_add_test(tc, a_table_without_entries_is_a_table);
	tcase_add_test(tc, summary_and_properties_tell_the_same_truth);
	tcase_add_test(tc, the_check_of_a_file_that_was_cut_since_it_was_opened_says_so);
	tcase_add_test(tc, a_foreign_table_is_refused);
	tcase_add_test(tc, threads_at_once_read_one_table);
}

CHECK_MAIN("table/table", suite)
