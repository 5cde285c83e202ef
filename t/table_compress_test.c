/* SPDX-License-Identifier: Apache-2.0 */
/* Block compression: only where it pays, and back to exactly what it was. */
#include <pthread.h>

#include "common/base/conf.h"
#include "common/base/mem.h"
#include "common/base/rand.h"
#include "common/table/compress.h"
#include "t/check_main.h"

#define N 5000u

/* n bytes, of which one in `noise` is random. */
static uint8_t *text(size_t n, uint64_t noise)
{
	uint8_t *p = mem_alloc(n);
	struct rnd rnd = { n };

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(rnd_below(&rnd, noise) ? 'a' + i % 5 : rnd_next(&rnd));
	return p;
}

static const unsigned settings[] = { BLOCK_COMPRESSION_FAST, BLOCK_COMPRESSION_SMALL,
#ifdef HAVE_LIBZSTD
				     BLOCK_COMPRESSION_ZSTD
#endif
};
#define SETTINGS (int)(sizeof(settings) / sizeof(settings[0]))

START_TEST(what_was_compressed_comes_back_and_nothing_else_does)
{
	uint8_t *raw = text(N, 10), *stored = mem_alloc(2 * N), *back = mem_alloc(2 * N + 1);
	enum block_codec codec;
	size_t n = compress_block(settings[_i], slice_of(raw, N), stored, &codec);

	ck_assert_uint_gt(n, 0);
	ck_assert_uint_le(n, N - N / 8);
	ck_assert_int_eq(codec, settings[_i] == BLOCK_COMPRESSION_ZSTD ? CODEC_ZSTD : CODEC_ZLIB);
	ck_assert(codec_is_built(codec));
	ck_assert(decompress_block(codec, slice_of(stored, n), back, N));
	ck_assert_mem_eq(back, raw, N);
	ck_assert(!decompress_block(codec, slice_of(stored, n), back, N - 1));
	ck_assert(!decompress_block(codec, slice_of(stored, n), back, N + 1));
	ck_assert(!decompress_block(codec, slice_of(stored, n - 1), back, N));
	stored[n] = 0;
	ck_assert(!decompress_block(codec, slice_of(stored, n + 1), back, N));
	ck_assert(!decompress_block(codec, slice_of(stored, 0), back, N));
	/* Two streams are not one. */
	memcpy(stored + n, stored, n);
	ck_assert(!decompress_block(codec, slice_of(stored, 2 * n), back, 2 * N));
	mem_free(raw);
	mem_free(stored);
	mem_free(back);
}
END_TEST

START_TEST(what_would_not_shrink_by_an_eighth_is_not_compressed)
{
	uint8_t *noise = text(N, 1), *nearly = text(N, 1), *stored = mem_alloc(N);
	enum block_codec codec;

	memset(nearly, 'x', N / 10);
	ck_assert_uint_eq(compress_block(settings[_i], slice_of(noise, N), stored, &codec), 0);
	ck_assert_int_eq(codec, CODEC_RAW);
	ck_assert_uint_eq(compress_block(settings[_i], slice_of(nearly, N), stored, &codec), 0);
	ck_assert_uint_eq(compress_block(settings[_i], slice_of(noise, 1), stored, &codec), 0);
	memset(nearly, 'x', N / 5);
	ck_assert_uint_gt(compress_block(settings[_i], slice_of(nearly, N), stored, &codec), 0);
	ck_assert_uint_eq(compress_block(BLOCK_COMPRESSION_NONE, slice_of(nearly, N), stored, &codec), 0);
	ck_assert_int_eq(codec, CODEC_RAW);
	mem_free(noise);
	mem_free(nearly);
	mem_free(stored);
}
END_TEST

static void *squeeze(void *arg)
{
	uint8_t *raw = text(N, 3 + (uintptr_t)arg), *stored = mem_alloc(N), *back = mem_alloc(N);
	bool good = true;

	for (int i = 0; i < 200; i++) {
		enum block_codec codec;
		size_t n = compress_block(settings[i % SETTINGS], slice_of(raw, N), stored, &codec);

		good = good && n > 0 && decompress_block(codec, slice_of(stored, n), back, N) &&
		       memcmp(raw, back, N) == 0;
	}
	mem_free(raw);
	mem_free(stored);
	mem_free(back);
	return good ? arg : NULL;
}

START_TEST(threads_do_not_share_a_compressor)
{
	pthread_t threads[4];

	for (uintptr_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, squeeze, (void *)(i + 1)), 0);
	for (uintptr_t i = 0; i < 4; i++) {
		void *end;

		ck_assert_int_eq(pthread_join(threads[i], &end), 0);
		ck_assert_ptr_eq(end, (void *)(i + 1));
	}
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_loop_test(tc, what_was_compressed_comes_back_and_nothing_else_does, 0, SETTINGS);
	tcase_add_loop_test(tc, what_would_not_shrink_by_an_eighth_is_not_compressed, 0, SETTINGS);
	tcase_add_test(tc, threads_do_not_share_a_compressor);
}

CHECK_MAIN("table/compress", suite)
