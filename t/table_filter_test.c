/* SPDX-License-Identifier: Apache-2.0 */
/* The filter: never wrong about a key that is there, seldom wrong about one that is not. */
#include <stdio.h>

#include "common/base/coding.h"
#include "common/base/hash.h"
#include "common/base/rand.h"
#include "common/table/filter.h"
#include "t/check_main.h"

#define KEYS 100000u

static uint64_t hash_of(const char *what, uint64_t i)
{
	char key[40];

	return hash64(
		slice_of(key, (size_t)snprintf(key, sizeof(key), "%s/%llu", what, (unsigned long long)i)));
}

static struct filter make(size_t n, unsigned bits)
{
	uint64_t *hashes = calloc(n + 1, sizeof(*hashes));
	struct buf b = BUF_INIT;
	struct filter f;

	for (size_t i = 0; i < n; i++)
		hashes[i] = hash_of("there", i);
	filter_build(hashes, n, bits, &b);
	ck_assert(filter_load(&f, buf_slice(&b)));
	buf_fini(&b);
	free(hashes);
	return f;
}

static double false_positives(const struct filter *f)
{
	size_t wrong = 0;

	for (size_t i = 0; i < KEYS; i++)
		wrong += filter_may_hold(f, hash_of("absent", i));
	return (double)wrong / KEYS;
}

START_TEST(a_key_that_is_there_is_never_denied)
{
	static const size_t counts[] = { 1, 2, 51, 52, 1000, KEYS };

	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		for (unsigned bits = 1; bits <= 32; bits += 6) {
			struct filter f = make(counts[c], bits);

			for (size_t i = 0; i < counts[c]; i++)
				if (!filter_may_hold(&f, hash_of("there", i)))
					ck_abort_msg("key %zu of %zu is denied", i, counts[c]);
			filter_fini(&f);
		}
	}
}
END_TEST

START_TEST(at_10_bits_per_key_under_2_percent_of_absent_keys_pass)
{
	struct filter f = make(KEYS, 10);

	ck_assert_double_lt(false_positives(&f), 0.02);
	ck_assert_uint_le(f.bytes, KEYS * 10 / 8 + 64);
	filter_fini(&f);
}
END_TEST

START_TEST(more_bits_let_fewer_absent_keys_pass)
{
	struct filter few = make(KEYS, 4), more = make(KEYS, 8), many = make(KEYS, 16);

	ck_assert_double_lt(false_positives(&more), false_positives(&few));
	ck_assert_double_lt(false_positives(&many), false_positives(&more));
	filter_fini(&few);
	filter_fini(&more);
	filter_fini(&many);
}
END_TEST

START_TEST(a_filter_of_no_keys_denies_all)
{
	struct filter f = make(0, 10);

	ck_assert_double_eq(false_positives(&f), 0);
	filter_fini(&f);
}
END_TEST

START_TEST(a_filter_whose_head_makes_no_sense_is_refused)
{
	static const struct { size_t at; uint32_t value;
	} changes[] = {
		{ 0, 0 }, { 0, 2 }, { 4, 0 },  { 4, 17 },           { 4, 0xffffffffu }, { 8, 0 },
		{ 8, 1 }, { 8, 3 }, { 12, 1 }, { 12, 0x04000000u }, /* times 64: 2 lines again in 64 bits */
	};
	uint64_t hashes[60] = { 1 };
	struct buf b = BUF_INIT;
	struct filter f;

	filter_build(hashes, 60, 10, &b);
	ck_assert_uint_eq(b.n, 16 + 2 * 64);
	ck_assert(filter_load(&f, buf_slice(&b)));
	filter_fini(&f);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		uint8_t copy[16 + 128];

		memcpy(copy, b.p, sizeof(copy));
		put_u32(copy + changes[i].at, changes[i].value);
		ck_assert(!filter_load(&f, slice_of(copy, sizeof(copy))));
	}
	for (size_t n = 0; n < b.n; n++)
		ck_assert(!filter_load(&f, slice_of(b.p, n)));
	buf_fini(&b);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_key_that_is_there_is_never_denied);
	tcase_add_test(tc, at_10_bits_per_key_under_2_percent_of_absent_keys_pass);
	tcase_add_test(tc, more_bits_let_fewer_absent_keys_pass);
	tcase_add_test(tc, a_filter_of_no_keys_denies_all);
	tcase_add_test(tc, a_filter_whose_head_makes_no_sense_is_refused);
}

CHECK_MAIN("table/filter", suite)
