/* SPDX-License-Identifier: Apache-2.0 */
/* gzip there and back, in pieces of any size, and everything that is no gzip. */
#include "frontend/gzip.h"

#include <stdio.h>

#include "t/check_main.h"

enum { SIZE = 300000 };

static struct buf plain, coded, out;

static void make_plain(void)
{
	size_t i;

	buf_reset(&plain);
	for (i = 0; plain.n < SIZE; i++)
		buf_printf(&plain, "{\"key\":\"user:%zu\",\"value\":\"%zx\"}\n", i, i * 2654435761u % 100003);
}

static void encode(enum gzip_width width, size_t step)
{
	struct gzip *z = gzip_new(width);
	size_t at, n;

	buf_reset(&coded);
	for (at = 0; at < plain.n; at += n) {
		n = plain.n - at < step ? plain.n - at : step;
		gzip_write(z, slice_of(plain.p + at, n), GZIP_GATHER, &coded);
	}
	gzip_write(z, slice_of(NULL, 0), GZIP_FINISH, &coded);
	gzip_free(&z);
}

/* Decodes bytes in pieces of at most `step`, taking at most `max` at a time; false when it is no gzip. */
static bool decode(struct gunzip *z, struct slice bytes, size_t step, size_t max)
{
	size_t at, n, before;

	buf_reset(&out);
	for (at = 0; at < bytes.n; at += n) {
		struct slice in;

		n = bytes.n - at < step ? bytes.n - at : step;
		in = slice_of(bytes.p + at, n);
		do {
			before = out.n;
			if (!gunzip_read(z, &in, max, &out))
				return false;
			ck_assert_uint_le(out.n - before, max);
		} while (out.n - before == max);
		ck_assert_uint_eq(in.n, 0);
	}
	return true;
}

START_TEST(what_was_written_is_read_again_in_pieces_of_any_size)
{
	static const size_t steps[] = { 1, 7, 1000, 65536, SIZE * 2 };
	size_t i;

	make_plain();
	for (i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct gunzip *z = gunzip_new();

		encode(i % 2 ? GZIP_WIDE : GZIP_NARROW, steps[i]);
		ck_assert_uint_lt(coded.n, plain.n / 2);
		ck_assert(decode(z, buf_slice(&coded), steps[4 - i], i % 2 ? 100 : 70000));
		ck_assert(gunzip_at_end(z));
		ck_assert(slice_eq(buf_slice(&out), buf_slice(&plain)));
		gunzip_free(&z);
	}
}
END_TEST

START_TEST(what_was_flushed_can_be_read_at_once)
{
	struct gzip *z = gzip_new(GZIP_NARROW);
	struct gunzip *u = gunzip_new();
	unsigned i;

	for (i = 0; i < 100; i++) {
		struct slice in;
		char text[40];

		snprintf(text, sizeof text, "data: event %u\n\n", i);
		buf_reset(&coded);
		buf_reset(&out);
		gzip_write(z, slice_str(text), GZIP_GATHER, &coded);
		gzip_write(z, slice_of(NULL, 0), GZIP_FLUSH, &coded);
		in = buf_slice(&coded);
		ck_assert(gunzip_read(u, &in, 1000, &out));
		ck_assert(slice_eq(buf_slice(&out), slice_str(text)) && !gunzip_at_end(u));
	}
	gzip_free(&z);
	gunzip_free(&u);
}
END_TEST

START_TEST(documents_may_follow_each_other)
{
	struct gunzip *z = gunzip_new();
	struct buf twice = BUF_INIT;

	make_plain();
	encode(GZIP_WIDE, SIZE);
	buf_append_slice(&twice, buf_slice(&coded));
	buf_append_slice(&twice, buf_slice(&coded));
	ck_assert(decode(z, buf_slice(&twice), 1000, 1000) && gunzip_at_end(z));
	ck_assert_uint_eq(out.n, 2 * plain.n);
	gunzip_free(&z);
	buf_fini(&twice);
}
END_TEST

START_TEST(an_object_that_was_reset_knows_nothing_of_before)
{
	struct gzip *z = gzip_new(GZIP_WIDE);
	struct gunzip *u = gunzip_new();

	make_plain();
	gzip_write(z, slice_str("something else"), GZIP_GATHER, &coded);
	gzip_reset(z);
	buf_reset(&coded);
	gzip_write(z, buf_slice(&plain), GZIP_FINISH, &coded);
	ck_assert(decode(u, slice_of(coded.p, coded.n / 2), SIZE, SIZE) && !gunzip_at_end(u));
	gunzip_reset(u);
	ck_assert(decode(u, buf_slice(&coded), SIZE, 2 * SIZE) && gunzip_at_end(u));
	ck_assert(slice_eq(buf_slice(&out), buf_slice(&plain)));
	gzip_free(&z);
	gunzip_free(&u);
}
END_TEST

/* Nobody takes a cut or flipped document for a whole one, unless it says the same: some bits mean nothing. */
START_TEST(damage_is_found)
{
	size_t at;

	make_plain();
	plain.n = 3000;
	encode(GZIP_WIDE, SIZE);
	for (at = 0; at < coded.n; at++) {
		struct gunzip *z = gunzip_new();

		ck_assert(decode(z, slice_of(coded.p, at), SIZE, 100) && !gunzip_at_end(z));
		gunzip_free(&z);
		z = gunzip_new();
		coded.p[at] ^= 0x40;
		if (decode(z, buf_slice(&coded), SIZE, 100) && gunzip_at_end(z))
			ck_assert_msg(slice_eq(buf_slice(&out), buf_slice(&plain)), "byte %zu", at);
		coded.p[at] ^= 0x40;
		gunzip_free(&z);
	}
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, what_was_written_is_read_again_in_pieces_of_any_size);
	tcase_add_test(tc, what_was_flushed_can_be_read_at_once);
	tcase_add_test(tc, documents_may_follow_each_other);
	tcase_add_test(tc, an_object_that_was_reset_knows_nothing_of_before);
	tcase_add_test(tc, damage_is_found);
}

CHECK_MAIN("frontend/gzip", add)
