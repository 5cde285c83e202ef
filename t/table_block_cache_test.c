/* SPDX-License-Identifier: Apache-2.0 */
/* The block cache: bounded, fair to what is read again and again, and never a byte gone from under a pin. */
#include <pthread.h>

#include "common/base/mem.h"
#include "common/base/rand.h"
#include "common/table/block_cache.h"
#include "t/check_main.h"

#define BLOCK 4096u
#define CAPACITY (8u << 20)

/* Inserts a block whose bytes tell where it belongs. */
static struct slice insert(struct block_cache *c, uint64_t table, uint64_t offset, size_t n, struct block_pin *pinp)
{
	uint8_t *p;
	struct cached_block *b = cached_block_new(n, &p);

	ck_assert_ptr_nonnull(b);
	memset(p, (int)((table * 31 + offset / BLOCK) & 0xff), n);
	return block_cache_insert(c, file_id(table), offset, &b, n, pinp);
}

static void put(struct block_cache *c, uint64_t table, uint64_t offset, size_t n)
{
	struct block_pin pin;

	insert(c, table, offset, n, &pin);
	block_pin_release(&pin);
}

static bool has(struct block_cache *c, uint64_t table, uint64_t offset)
{
	struct block_pin pin;
	struct slice s;
	bool found = block_cache_find(c, file_id(table), offset, &pin, &s);

	if (found)
		for (size_t i = 0; i < s.n; i += 511)
			if (s.p[i] != ((table * 31 + offset / BLOCK) & 0xff))
				ck_abort_msg("a block holds another one's bytes");
	block_pin_release(&pin);
	return found;
}

START_TEST(never_more_bytes_than_allowed)
{
	static const uint64_t capacities[] = { 1000, 10000, 300000, 1 << 20, CAPACITY };
	struct rnd rnd = { 1 };

	for (size_t k = 0; k < sizeof(capacities) / sizeof(capacities[0]); k++) {
		struct block_cache *c = block_cache_new(capacities[k]);
		struct block_cache_stats st;

		for (uint64_t i = 0; i < 5000; i++) {
			put(c, 1 + rnd_below(&rnd, 3), i * BLOCK, 1 + (size_t)rnd_below(&rnd, 20000));
			block_cache_stats(c, &st);
			ck_assert_uint_le(st.used_bytes, capacities[k]);
		}
		ck_assert_uint_eq(st.capacity_bytes, capacities[k]);
		ck_assert_uint_gt(st.used_bytes, capacities[k] < 20000 ? 0 : capacities[k] / 2);
		ck_assert_uint_gt(st.evictions, 0);
		block_cache_free(&c);
		ck_assert_ptr_null(c);
	}
}
END_TEST

START_TEST(a_block_comes_back_by_table_and_offset)
{
	struct block_cache *c = block_cache_new(CAPACITY);
	struct block_cache_stats st;

	for (uint64_t t = 1; t <= 10; t++)
		for (uint64_t i = 0; i < 100; i++)
			put(c, t, i * BLOCK, BLOCK);
	for (uint64_t t = 1; t <= 10; t++)
		for (uint64_t i = 0; i < 100; i++)
			ck_assert(has(c, t, i * BLOCK));
	ck_assert(!has(c, 11, 0));
	ck_assert(!has(c, 1, 1));
	block_cache_stats(c, &st);
	ck_assert_uint_eq(st.hits, 1000);
	ck_assert_uint_eq(st.misses, 2);
	block_cache_free(&c);
}
END_TEST

START_TEST(a_scan_does_not_sweep_out_what_is_read_again_and_again)
{
	struct block_cache *c = block_cache_new(CAPACITY);
	uint64_t hot = CAPACITY / BLOCK / 4, kept = 0;

	for (uint64_t i = 0; i < hot; i++)
		put(c, 1, i * BLOCK, BLOCK);
	/* A scan of ten times the cache; meanwhile the hot blocks are read every now and then. */
	for (uint64_t i = 0; i < 10 * CAPACITY / BLOCK; i++) {
		put(c, 2, i * BLOCK, BLOCK);
		has(c, 1, i % hot * BLOCK);
	}
	for (uint64_t i = 0; i < hot; i++)
		kept += has(c, 1, i * BLOCK);
	ck_assert_uint_eq(kept, hot);
	block_cache_free(&c);
}
END_TEST

START_TEST(a_scan_spares_what_was_read_twice_even_when_nobody_reads_it_meanwhile)
{
	struct block_cache *c = block_cache_new(CAPACITY);
	uint64_t hot = CAPACITY / BLOCK / 2, kept = 0;

	for (uint64_t i = 0; i < hot; i++) {
		put(c, 1, i * BLOCK, BLOCK);
		has(c, 1, i * BLOCK);
	}
	for (uint64_t i = 0; i < 20 * CAPACITY / BLOCK; i++)
		put(c, 2, i * BLOCK, BLOCK);
	for (uint64_t i = 0; i < hot; i++)
		kept += has(c, 1, i * BLOCK);
	ck_assert_uint_eq(kept, hot);
	block_cache_free(&c);
}
END_TEST

START_TEST(a_new_working_set_takes_the_place_of_an_old_one)
{
	struct block_cache *c = block_cache_new(CAPACITY);
	uint64_t n = CAPACITY / BLOCK / 2, kept = 0;

	for (uint64_t set = 1; set <= 3; set++)
		for (uint64_t round = 0; round < 3; round++)
			for (uint64_t i = 0; i < n; i++)
				if (!has(c, set, i * BLOCK)) {
					put(c, set, i * BLOCK, BLOCK);
					has(c, set, i * BLOCK);
				}
	for (uint64_t i = 0; i < n; i++)
		kept += has(c, 3, i * BLOCK);
	ck_assert_uint_gt(kept, n * 9 / 10);
	block_cache_free(&c);
}
END_TEST

START_TEST(a_smaller_capacity_holds_at_once_and_a_larger_one_is_used)
{
	struct block_cache *c = block_cache_new(CAPACITY);
	struct block_cache_stats st;
	const uint64_t capacities[] = { CAPACITY / 2, CAPACITY / 100, 0, CAPACITY };

	for (size_t k = 0; k < sizeof(capacities) / sizeof(*capacities); k++) {
		for (uint64_t i = 0; i < 2 * CAPACITY / BLOCK; i++)
			put(c, 1, i * BLOCK, BLOCK);
		block_cache_set_capacity(c, capacities[k]);
		block_cache_stats(c, &st);
		ck_assert_uint_le(st.used_bytes, capacities[k]);
		ck_assert_uint_eq(st.capacity_bytes, capacities[k]);
	}
	for (uint64_t i = 0; i < 2 * CAPACITY / BLOCK; i++)
		put(c, 2, i * BLOCK, BLOCK);
	block_cache_stats(c, &st);
	ck_assert_uint_gt(st.used_bytes, CAPACITY * 9 / 10);
	ck_assert_uint_le(st.used_bytes, CAPACITY);
	block_cache_free(&c);
}
END_TEST

START_TEST(hits_and_misses_are_counted_once_each)
{
	struct block_cache *c = block_cache_new(CAPACITY);
	struct block_cache_stats st;

	for (uint64_t i = 0; i < 100; i++)
		put(c, 1, i * BLOCK, BLOCK);
	for (uint64_t i = 0; i < 130; i++)
		ck_assert(has(c, 1, i * BLOCK) == (i < 100));
	block_cache_stats(c, &st);
	ck_assert(st.hits == 100 && st.misses == 30 && st.evictions == 0);
	block_cache_free(&c);
}
END_TEST

START_TEST(capacity_0_keeps_nothing_and_a_pin_alone_owns_the_bytes)
{
	struct block_cache *c = _i ? block_cache_new(0) : NULL;
	struct block_pin pin, none = { NULL };
	struct slice s = insert(c, 1, 0, 100, &pin);

	ck_assert_uint_eq(s.n, 100);
	ck_assert_uint_eq(s.p[99], 31);
	if (c)
		ck_assert(!has(c, 1, 0));
	block_pin_release(&pin);
	block_pin_release(&pin);
	block_pin_release(&none);
	block_cache_free(&c);
}
END_TEST

START_TEST(pinned_bytes_outlive_their_eviction)
{
	struct block_cache *c = block_cache_new(1 << 20);
	struct block_pin pins[64];
	struct slice s[64];

	for (uint64_t i = 0; i < 64; i++)
		s[i] = insert(c, 1, i * BLOCK, BLOCK, &pins[i]);
	for (uint64_t i = 0; i < 2000; i++)
		put(c, 2, i * BLOCK, BLOCK);
	for (uint64_t i = 0; i < 64; i++) {
		ck_assert(!has(c, 1, i * BLOCK));
		for (size_t j = 0; j < BLOCK; j++)
			if (s[i].p[j] != ((31 + i) & 0xff))
				ck_abort_msg("pinned bytes changed");
		block_pin_release(&pins[i]);
	}
	block_cache_free(&c);
}
END_TEST

START_TEST(the_second_of_two_equal_inserts_gets_the_first_ones_bytes)
{
	struct block_cache *c = block_cache_new(CAPACITY);
	struct block_pin a, b;
	struct slice x = insert(c, 1, 0, 10, &a);
	struct slice y = insert(c, 1, 0, 10, &b);

	ck_assert_ptr_eq(x.p, y.p);
	block_pin_release(&a);
	block_pin_release(&b);
	block_cache_free(&c);
}
END_TEST

static void *hammer(void *arg)
{
	struct block_cache *c = arg;
	struct rnd rnd = { (uint64_t)(uintptr_t)&rnd };

	for (int i = 0; i < 30000; i++) {
		uint64_t offset = rnd_below(&rnd, 600) * BLOCK;

		if (!has(c, 1, offset))
			put(c, 1, offset, 1 + (size_t)rnd_below(&rnd, BLOCK));
	}
	return NULL;
}

START_TEST(threads_at_once_see_whole_blocks_only)
{
	struct block_cache *c = block_cache_new(1 << 20);
	struct block_cache_stats st;
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer, c), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	block_cache_stats(c, &st);
	ck_assert_uint_eq(st.hits + st.misses, 4 * 30000);
	ck_assert_uint_le(st.used_bytes, 1 << 20);
	block_cache_free(&c);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, never_more_bytes_than_allowed);
	tcase_add_test(tc, a_block_comes_back_by_table_and_offset);
	tcase_add_test(tc, a_scan_does_not_sweep_out_what_is_read_again_and_again);
	tcase_add_test(tc, a_scan_spares_what_was_read_twice_even_when_nobody_reads_it_meanwhile);
	tcase_add_test(tc, a_new_working_set_takes_the_place_of_an_old_one);
	tcase_add_test(tc, a_smaller_capacity_holds_at_once_and_a_larger_one_is_used);
	tcase_add_test(tc, hits_and_misses_are_counted_once_each);
	tcase_add_loop_test(tc, capacity_0_keeps_nothing_and_a_pin_alone_owns_the_bytes, 0, 2);
	tcase_add_test(tc, pinned_bytes_outlive_their_eviction);
	tcase_add_test(tc, the_second_of_two_equal_inserts_gets_the_first_ones_bytes);
	tcase_add_test(tc, threads_at_once_see_whole_blocks_only);
}

CHECK_MAIN("table/block_cache", suite)
