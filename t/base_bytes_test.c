/* SPDX-License-Identifier: Apache-2.0 */
/* Slices, buffers, arenas, checksums, hash, random numbers. */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/crc.h"
#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/base/rand.h"
#include "t/check_main.h"

START_TEST(slices_order_like_memcmp_with_a_prefix_first)
{
	static const char *const sorted[] = { "", "a", "aa", "ab", "b", "\x7f", "\x80", "\xff", "\xff\x01" };

	for (int i = 0; i < 9; i++)
		for (int j = 0; j < 9; j++) {
			int c = slice_cmp(slice_str(sorted[i]), slice_str(sorted[j]));

			ck_assert_int_eq((c > 0) - (c < 0), (i > j) - (i < j));
			ck_assert_int_eq(slice_eq(slice_str(sorted[i]), slice_str(sorted[j])), i == j);
		}
	ck_assert(slice_eq(slice_of(NULL, 0), slice_str("")));
	ck_assert_uint_eq(slice_shared(slice_str("abcd"), slice_str("abx")), 2);
	ck_assert_uint_eq(slice_shared(slice_str("ab"), slice_str("abx")), 2);
}
END_TEST

START_TEST(a_buffer_keeps_what_was_appended_while_it_grows)
{
	struct buf b = BUF_INIT;

	for (unsigned i = 0; i < 5000; i++) {
		buf_append_byte(&b, (uint8_t)i);
		buf_append(&b, &i, sizeof(i));
		buf_append(&b, NULL, 0);
	}
	ck_assert_uint_eq(b.n, 5000 * 5);
	for (unsigned i = 0; i < 5000; i++) {
		ck_assert_uint_eq(b.p[i * 5], (uint8_t)i);
		ck_assert_mem_eq(b.p + i * 5 + 1, &i, sizeof(i));
	}
	buf_reset(&b);
	ck_assert_uint_eq(b.n, 0);
	ck_assert_uint_ge(b.capacity, 5000 * 5);
	buf_fini(&b);
	ck_assert_ptr_null(b.p);
	buf_append_str(&b, "usable again");
	ck_assert_str_eq(buf_cstr(&b), "usable again");
	buf_fini(&b);
}
END_TEST

START_TEST(a_reserve_gives_room_and_uses_none)
{
	struct buf b = BUF_INIT;

	buf_append_str(&b, "x");
	memset(buf_reserve(&b, 100000), 'y', 100000);
	ck_assert_uint_eq(b.n, 1);
	ck_assert_str_eq(buf_cstr(&b), "x");
	ck_assert_uint_eq(b.n, 1);
	buf_fini(&b);
}
END_TEST

START_TEST(printing_into_a_buffer_fits_texts_of_any_length)
{
	struct buf b = BUF_INIT, long_text = BUF_INIT;

	for (int n = 0; n < 1000; n++) {
		buf_reset(&b);
		buf_append_str(&b, "<");
		buf_printf(&b, "%s>%d", buf_cstr(&long_text), n);
		ck_assert_uint_eq(b.p[0], '<');
		ck_assert_mem_eq(b.p + 1, long_text.p, (size_t)n);
		ck_assert_int_eq(atoi(buf_cstr(&b) + 1 + n + 1), n);
		buf_append_byte(&long_text, 'x');
	}
	buf_fini(&b);
	buf_fini(&long_text);
}
END_TEST

START_TEST(bytes_become_readable_and_never_leave_their_quotes)
{
	struct buf b = BUF_INIT;

	buf_append_readable(&b, slice_of("a\"\\\0~\x7f", 6));
	ck_assert_str_eq(buf_cstr(&b), "\"a\\x22\\x5c\\x00~\\x7f\"");
	buf_fini(&b);
}
END_TEST

START_TEST(numbers_are_appended_in_decimal)
{
	struct buf b = BUF_INIT;

	buf_append_u64(&b, 0);
	buf_append_byte(&b, ' ');
	buf_append_u64(&b, 10);
	buf_append_byte(&b, ' ');
	buf_append_u64(&b, UINT64_MAX);
	ck_assert_str_eq(buf_cstr(&b), "0 10 18446744073709551615");
	buf_fini(&b);
}
END_TEST

START_TEST(arena_objects_are_aligned_distinct_and_stay)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 1000, 5000, 100000 };
	uint8_t *objects[400];
	struct arena a;

	arena_init(&a);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 400; i++) {
			objects[i] = arena_alloc(&a, sizes[i % 8]);
			ck_assert_ptr_nonnull(objects[i]);
			ck_assert_uint_eq((uintptr_t)objects[i] % 16, 0);
			memset(objects[i], (int)(i & 0xff), sizes[i % 8]);
		}
		for (unsigned i = 0; i < 400; i++)
			for (size_t k = 0; k < sizes[i % 8]; k++)
				ck_assert_uint_eq(objects[i][k], i & 0xff);
		ck_assert_uint_ge(a.total_bytes, 50 * 106049);
		arena_reset(&a);
		ck_assert_uint_eq(a.total_bytes, 0);
	}
	arena_fini(&a);
}
END_TEST

START_TEST(a_fresh_arena_gives_distinct_empty_objects)
{
	struct arena a;
	void *first;

	arena_init(&a);
	first = arena_alloc(&a, 0);
	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_ne(arena_alloc(&a, 0), first);
	ck_assert_uint_eq(arena_dup(&a, slice_of(NULL, 0)).n, 0);
	arena_fini(&a);
}
END_TEST

START_TEST(an_arena_copy_outlives_its_original)
{
	char original[] = "original";
	struct arena a;
	struct slice copy;

	arena_init(&a);
	copy = arena_dup(&a, slice_str(original));
	memset(original, 'x', sizeof(original) - 1);
	ck_assert(slice_eq(copy, slice_str("original")));
	arena_fini(&a);
}
END_TEST

START_TEST(an_absurd_size_is_refused_and_leaves_the_arena_usable)
{
	struct arena a;

	arena_init(&a);
	ck_assert_ptr_null(arena_try(&a, SIZE_MAX));
	ck_assert_ptr_null(arena_try(&a, SIZE_MAX / 2 + 1));
	ck_assert_ptr_nonnull(arena_try(&a, 1));
	arena_fini(&a);
}
END_TEST

START_TEST(crc_is_that_of_zlib_and_continues)
{
	ck_assert_uint_eq(crc32_of(0, "123456789", 9), 0xcbf43926);
	ck_assert_uint_eq(crc32_of(crc32_of(0, "1234", 4), "56789", 5), 0xcbf43926);
	ck_assert_uint_eq(crc32_of(0, "", 0), 0);
	ck_assert_uint_eq(crc32_of(0x12345678, NULL, 0), 0x12345678);
}
END_TEST

START_TEST(hash_is_xxh3_of_64_bits)
{
	ck_assert_uint_eq(hash64(slice_str("")), 0x2d06800538d394c2);
	ck_assert_uint_ne(hash64(slice_str("a")), hash64(slice_str("b")));
	ck_assert_uint_eq(hash64(slice_of("abc\0def", 3)), hash64(slice_str("abc")));
}
END_TEST

START_TEST(the_generator_is_splitmix64)
{
	struct rnd r = { 1234567 };

	/* The published first values for this seed. */
	ck_assert_uint_eq(rnd_next(&r), 6457827717110365317u);
	ck_assert_uint_eq(rnd_next(&r), 3203168211198807973u);
	ck_assert_uint_eq(rnd_next(&r), 9817491932198370423u);
	for (int i = 0; i < 1000; i++)
		ck_assert_uint_lt(rnd_below(&r, 7), 7);
}
END_TEST

START_TEST(true_ids_differ_and_are_never_zero)
{
	uint64_t ids[64];

	for (int i = 0; i < 64; i++) {
		ids[i] = rand_id();
		ck_assert_uint_ne(ids[i], 0);
		for (int j = 0; j < i; j++)
			ck_assert_uint_ne(ids[i], ids[j]);
	}
}
END_TEST

START_TEST(printed_and_copied_strings_are_ones_own)
{
	char *s = mem_printf("%s-%d", "a", 7), *t = mem_strdup(s);

	ck_assert_str_eq(s, "a-7");
	ck_assert_str_eq(t, "a-7");
	ck_assert_ptr_ne(s, t);
	mem_drop(&s);
	ck_assert_ptr_null(s);
	mem_free(t);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, bytes_become_readable_and_never_leave_their_quotes);
	tcase_add_test(tc, slices_order_like_memcmp_with_a_prefix_first);
	tcase_add_test(tc, a_buffer_keeps_what_was_appended_while_it_grows);
	tcase_add_test(tc, a_reserve_gives_room_and_uses_none);
	tcase_add_test(tc, printing_into_a_buffer_fits_texts_of_any_length);
	tcase_add_test(tc, numbers_are_appended_in_decimal);
	tcase_add_test(tc, arena_objects_are_aligned_distinct_and_stay);
	tcase_add_test(tc, a_fresh_arena_gives_distinct_empty_objects);
	tcase_add_test(tc, an_arena_copy_outlives_its_original);
	tcase_add_test(tc, an_absurd_size_is_refused_and_leaves_the_arena_usable);
	tcase_add_test(tc, crc_is_that_of_zlib_and_continues);
	tcase_add_test(tc, hash_is_xxh3_of_64_bits);
	tcase_add_test(tc, the_generator_is_splitmix64);
	tcase_add_test(tc, true_ids_differ_and_are_never_zero);
	tcase_add_test(tc, printed_and_copied_strings_are_ones_own);
}

CHECK_MAIN("base/bytes", suite)
