/* SPDX-License-Identifier: Apache-2.0 */
/* base64url read back as it was written, and nothing else taken. */
#include "frontend/base64url.h"

#include "t/check_main.h"

START_TEST(what_was_written_is_read)
{
	uint8_t bytes[300];
	size_t i, n;

	for (i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	for (n = 0; n < sizeof bytes; n++) {
		struct buf url = BUF_INIT, back = BUF_INIT;

		base64url_write(&url, slice_of(bytes, n));
		ck_assert_uint_eq(url.n, (n * 8 + 5) / 6);
		for (i = 0; i < url.n; i++)
			ck_assert(strchr("+/=", url.p[i]) == NULL);
		ck_assert(base64url_read(buf_slice(&url), &back));
		ck_assert(slice_eq(buf_slice(&back), slice_of(bytes, n)));
		buf_fini(&url);
		buf_fini(&back);
	}
}
END_TEST

START_TEST(what_no_encoder_writes_is_refused)
{
	static const char *const wrong[] = { "A", "AAAAA", "AB", "AAB", "AA==", "AA+/", "AA/A" };
	struct buf out = BUF_INIT;
	size_t i;

	buf_append_str(&out, "x");
	for (i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(!base64url_read(slice_str(wrong[i]), &out), "%s", wrong[i]);
	ck_assert_uint_eq(out.n, 1);
	buf_fini(&out);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, what_was_written_is_read);
	tcase_add_test(tc, what_no_encoder_writes_is_refused);
}

CHECK_MAIN("frontend/base64url", add)
