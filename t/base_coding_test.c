/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as bytes, and the walk over protobuf fields. */
#include "common/base/coding.h"
#include "t/check_main.h"

START_TEST(varints_come_back_at_every_length_boundary)
{
	for (unsigned bits = 0; bits <= 64; bits++)
		for (uint64_t step = 0; step < 3; step++) {
			uint64_t v = (bits < 64 ? (uint64_t)1 << bits : 0) + step - 1, got = ~v;
			uint8_t bytes[VARINT_MAX_BYTES + 1];
			const uint8_t *p = bytes, *end = put_varint(bytes, v);

			ck_assert_uint_eq((size_t)(end - bytes), varint_size(v));
			ck_assert(get_varint(&p, end, &got));
			ck_assert_uint_eq(got, v);
			ck_assert_ptr_eq(p, end);
		}
	ck_assert_uint_eq(varint_size(127), 1);
	ck_assert_uint_eq(varint_size(128), 2);
	ck_assert_uint_eq(varint_size(UINT64_MAX), VARINT_MAX_BYTES);
}
END_TEST

START_TEST(a_cut_varint_is_refused_and_moves_nothing)
{
	uint8_t bytes[VARINT_MAX_BYTES];
	size_t n = (size_t)(put_varint(bytes, UINT64_MAX) - bytes);

	for (size_t cut = 0; cut < n; cut++) {
		const uint8_t *p = bytes;
		uint64_t v;

		ck_assert(!get_varint(&p, bytes + cut, &v));
		ck_assert_ptr_eq(p, bytes);
	}
}
END_TEST

START_TEST(a_varint_beyond_64_bits_is_refused)
{
	uint8_t bytes[12];
	const uint8_t *p = bytes;
	uint64_t v;

	memset(bytes, 0xff, sizeof(bytes));
	bytes[9] = 0x02;                                /* bit 65 */
	ck_assert(!get_varint(&p, bytes + sizeof(bytes), &v));
	memset(bytes, 0x80, sizeof(bytes));
	bytes[10] = 0x00;                               /* eleven bytes */
	ck_assert(!get_varint(&p, bytes + sizeof(bytes), &v));
	ck_assert_ptr_eq(p, bytes);
}
END_TEST

START_TEST(fixed_numbers_are_little_endian)
{
	uint8_t bytes[8];

	put_u32(bytes, 0x04030201);
	ck_assert_mem_eq(bytes, "\x01\x02\x03\x04", 4);
	put_u64(bytes, 0x0807060504030201);
	ck_assert_mem_eq(bytes, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	ck_assert_uint_eq(get_u64(bytes), 0x0807060504030201);
	ck_assert_uint_eq(get_u32(bytes + 4), 0x08070605);
}
END_TEST

START_TEST(fields_come_back_as_they_were_written)
{
	struct buf b = BUF_INIT;
	struct wire_reader r;
	struct wire_field f;

	wire_put_varint(&b, 1, 300);
	wire_put_fixed64(&b, 2, UINT64_MAX);
	wire_put_bytes(&b, (1u << 29) - 1, slice_str("text"));
	wire_put_message(&b, 16, slice_of(NULL, 0));
	r = wire_reader(buf_slice(&b));
	ck_assert_int_eq(wire_next(&r, &f), 1);
	ck_assert(f.number == 1 && f.type == WIRE_VARINT && f.value == 300);
	ck_assert_int_eq(wire_next(&r, &f), 1);
	ck_assert(f.number == 2 && f.type == WIRE_FIXED64 && f.value == UINT64_MAX);
	ck_assert_int_eq(wire_next(&r, &f), 1);
	ck_assert(f.number == (1u << 29) - 1 && f.type == WIRE_BYTES && slice_eq(f.bytes, slice_str("text")));
	ck_assert_int_eq(wire_next(&r, &f), 1);
	ck_assert(f.number == 16 && f.type == WIRE_BYTES && f.bytes.n == 0);
	ck_assert_int_eq(wire_next(&r, &f), 0);
	buf_fini(&b);
}
END_TEST

START_TEST(bytes_are_those_of_the_protobuf_specification)
{
	struct buf b = BUF_INIT;

	wire_put_varint(&b, 1, 150);
	wire_put_bytes(&b, 2, slice_str("testing"));
	ck_assert(slice_eq(buf_slice(&b), slice_str("\x08\x96\x01\x12\x07testing")));
	buf_fini(&b);
}
END_TEST

START_TEST(zero_and_empty_are_left_out)
{
	struct buf b = BUF_INIT;

	wire_put_varint(&b, 1, 0);
	wire_put_fixed64(&b, 2, 0);
	wire_put_bytes(&b, 3, slice_of(NULL, 0));
	ck_assert_uint_eq(b.n, 0);
	buf_fini(&b);
}
END_TEST

START_TEST(a_message_cut_inside_a_field_is_refused)
{
	static const uint8_t message[] = { 0x08, 0x96, 0x01, 0x15, 1, 2, 3, 4,
		0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x22, 2, 'h', 'i' };
	static const size_t whole[] = { 0, 3, 8, 17, 21 };

	for (size_t n = 0, w = 0; n <= sizeof(message); n++) {
		struct wire_reader r = wire_reader(slice_of(message, n));
		struct wire_field f;
		bool ends = n == whole[w];
		int got;

		while ((got = wire_next(&r, &f)) == 1)
			continue;
		ck_assert_int_eq(got, ends ? 0 : -1);
		w += ends;
	}
}
END_TEST

static const struct { const char *bytes; size_t n; } not_messages[] = {
	{ "\x00\x01", 2 },                              /* field 0 */
	{ "\x0b", 1 }, { "\x0c", 1 },                   /* groups */
	{ "\x0e\x01", 2 }, { "\x0f\x01", 2 },           /* types that do not exist */
	{ "\x80\x80\x80\x80\x10\x01", 6 },              /* field 2^29 */
	{ "\x88\x80\x80\x80\x80\x80\x80\x80\x80\x01\x01", 11 },
	{ "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 },         /* 2^64-1 bytes */
	{ "\xff", 1 },
};

START_TEST(what_is_no_protobuf_message_is_refused)
{
	struct wire_reader r = wire_reader(slice_of(not_messages[_i].bytes, not_messages[_i].n));
	struct wire_field f;

	ck_assert_int_eq(wire_next(&r, &f), -1);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, varints_come_back_at_every_length_boundary);
	tcase_add_test(tc, a_cut_varint_is_refused_and_moves_nothing);
	tcase_add_test(tc, a_varint_beyond_64_bits_is_refused);
	tcase_add_test(tc, fixed_numbers_are_little_endian);
	tcase_add_test(tc, fields_come_back_as_they_were_written);
	tcase_add_test(tc, bytes_are_those_of_the_protobuf_specification);
	tcase_add_test(tc, zero_and_empty_are_left_out);
	tcase_add_test(tc, a_message_cut_inside_a_field_is_refused);
	tcase_add_loop_test(tc, what_is_no_protobuf_message_is_refused, 0,
	    (int)(sizeof(not_messages) / sizeof(not_messages[0])));
}

CHECK_MAIN("base/coding", suite)
