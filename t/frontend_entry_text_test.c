/* SPDX-License-Identifier: Apache-2.0 */
/* Entries as JSON and as messages, byte by byte. */
#include "frontend/entry_text.h"

#include "common/base/coding.h"
#include "t/check_main.h"

static struct entry sample(void)
{
	return (struct entry){ .key = slice_str("k\"1"), .value = slice_of("\xff\0", 2), .seq = seq(17),
			       .timestamp_ms = 1705932000999, .expires_at_ms = 1705935600250 };
}

START_TEST(an_entry_is_a_json_object)
{
	struct entry e = sample();
	struct buf out = BUF_INIT;

	entry_text_json(&out, &e, false);
	ck_assert_str_eq(buf_cstr(&out), "{\"key\":\"k\\\"1\",\"value_base64\":\"/wA=\",\"version\":17,"
			 "\"timestamp\":1705932000,\"expires_at\":1705935600.25}");
	buf_reset(&out);
	e.expires_at_ms = 0;
	entry_text_json(&out, &e, true);
	ck_assert_str_eq(buf_cstr(&out), "{\"key\":\"k\\\"1\",\"version\":17,\"timestamp\":1705932000}");
	buf_fini(&out);
}
END_TEST

START_TEST(seconds_have_as_many_decimals_as_needed)
{
	static const struct { int64_t ms; const char *text; } cases[] = {
		{ 0, "0" }, { 1000, "1" }, { 1, "0.001" }, { 1020, "1.02" }, { 1300, "1.3" }, { 1705935600999, "1705935600.999" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = BUF_INIT;

		entry_text_seconds(&out, cases[i].ms);
		ck_assert_str_eq(buf_cstr(&out), cases[i].text);
		buf_fini(&out);
	}
}
END_TEST

START_TEST(an_entry_is_a_message_with_its_length_in_front)
{
	struct entry e = sample();
	struct buf out = BUF_INIT;
	const uint8_t *p;
	struct wire_reader r;
	struct wire_field f;
	uint64_t n, seen = 0;

	entry_text_protobuf(&out, &e);
	p = out.p;
	ck_assert(get_varint(&p, out.p + out.n, &n));
	ck_assert_uint_eq(n, out.n - (size_t)(p - out.p));
	r = wire_reader(slice_of(p, n));
	while (wire_next(&r, &f) > 0) {
		seen |= 1u << f.number;
		switch (f.number) {
		case 1: ck_assert(slice_eq(f.bytes, e.key)); break;
		case 2: ck_assert(slice_eq(f.bytes, e.value)); break;
		case 3: ck_assert_uint_eq(f.value, 1705932000999); break;
		case 5: ck_assert_uint_eq(f.value, 17); break;
		case 6: ck_assert_uint_eq(f.value, 1705935600250); break;
		default: ck_abort_msg("field %u", f.number);
		}
	}
	ck_assert_uint_eq(seen, 1 << 1 | 1 << 2 | 1 << 3 | 1 << 5 | 1 << 6);
	buf_fini(&out);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, an_entry_is_a_json_object);
	tcase_add_test(tc, seconds_have_as_many_decimals_as_needed);
	tcase_add_test(tc, an_entry_is_a_message_with_its_length_in_front);
}

CHECK_MAIN("frontend/entry_text", add)
