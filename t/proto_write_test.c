/* SPDX-License-Identifier: Apache-2.0 */
/* Write requests: round trips, agreement with protobuf-c's generated code, limits one by one, hostile bytes.
 */
#include "t/check_main.h"

#include "common/base/coding.h"
#include "proto/write.h"
#include "proto/write.pb-c.h"
#include "t/proto_hostile.h"

static struct write_op put_op(const char *key, const char *value, int64_t expires_at_ms)
{
	return (struct write_op){ false, slice_str(key), slice_str(value), expires_at_ms };
}

static struct write_op delete_op(const char *key)
{
	return (struct write_op){ true, slice_str(key), slice_of(NULL, 0), 0 };
}

/* Two batches: {put a=1, delete b}, {put c="" expiring}. */
static struct buf two_batches(void)
{
	struct buf batch = BUF_INIT, batches = BUF_INIT;
	struct write_op ops[] = { put_op("a", "1", 0), delete_op("b"), put_op("c", "", 1700000000000) };

	write_batch_add(&batch, &ops[0]);
	write_batch_add(&batch, &ops[1]);
	write_request_add_batch(&batches, buf_slice(&batch));
	buf_reset(&batch);
	write_batch_add(&batch, &ops[2]);
	write_request_add_batch(&batches, buf_slice(&batch));
	buf_fini(&batch);
	return batches;
}

static struct buf request_of(struct slice batches)
{
	struct write_request r = { 0x1122334455667788, 0x99aabbccddeeff00, 300, 200, batches, false };
	struct buf out = BUF_INIT;

	write_request_encode(&r, &out);
	return out;
}

static struct buf request_of_two(void)
{
	struct buf batches = two_batches(), out = request_of(buf_slice(&batches));

	buf_fini(&batches);
	return out;
}

/* A request of one batch holding these entry bytes, `copies` times. */
static struct buf request_of_entries(struct slice entries, unsigned copies)
{
	struct buf batch = BUF_INIT, batches = BUF_INIT, out;

	while (copies--)
		buf_append_slice(&batch, entries);
	write_request_add_batch(&batches, buf_slice(&batch));
	out = request_of(buf_slice(&batches));
	buf_fini(&batch);
	buf_fini(&batches);
	return out;
}

static enum st decode(struct buf message, struct write_request *rp, struct write_counts *cp)
{
	return write_request_decode(buf_slice(&message), rp, cp);
}

/* The status of a request with this one operation. */
static enum st status_of(const struct write_op *op)
{
	struct buf entry = BUF_INIT, m;
	struct write_request r;
	struct write_counts c;
	enum st st;

	write_batch_add(&entry, op);
	m = request_of_entries(buf_slice(&entry), 1);
	st = decode(m, &r, &c);
	buf_fini(&entry);
	buf_fini(&m);
	return st;
}

START_TEST(request_comes_out_as_it_went_in)
{
	struct buf batches = two_batches(), m = request_of(buf_slice(&batches));
	struct write_request r;
	struct write_counts c;

	ck_assert_int_eq(decode(m, &r, &c), ST_OK);
	ck_assert_uint_eq(r.incarnation, 0x1122334455667788);
	ck_assert_uint_eq(r.origin, 0x99aabbccddeeff00);
	ck_assert_uint_eq(r.request_id, 300);
	ck_assert_uint_eq(r.oldest_unanswered, 200);
	ck_assert(slice_eq(r.batches, buf_slice(&batches)));
	ck_assert_uint_eq(c.batches, 2);
	ck_assert_uint_eq(c.entries, 3);
	ck_assert_uint_eq(c.puts, 2);
	ck_assert_uint_eq(c.deletes, 1);
	ck_assert_uint_eq(c.key_value_bytes, 4);
	buf_fini(&batches);
	buf_fini(&m);
}
END_TEST

START_TEST(walk_yields_every_operation_in_order_with_its_batch)
{
	struct buf batches = two_batches();
	struct write_walk w = write_walk_begin(buf_slice(&batches));
	struct write_op op;

	ck_assert(write_walk_next(&w, &op));
	ck_assert(w.batch == 0 && !op.is_delete && op.expires_at_ms == 0);
	ck_assert(slice_eq(op.key, slice_str("a")) && slice_eq(op.value, slice_str("1")));
	ck_assert(write_walk_next(&w, &op));
	ck_assert(w.batch == 0 && op.is_delete && op.value.n == 0 && slice_eq(op.key, slice_str("b")));
	ck_assert(write_walk_next(&w, &op));
	ck_assert(w.batch == 1 && !op.is_delete && op.value.n == 0 && op.expires_at_ms == 1700000000000);
	ck_assert(!write_walk_next(&w, &op));
	ck_assert(!write_walk_next(&w, &op));
	buf_fini(&batches);
}
END_TEST

START_TEST(a_batch_knows_whether_it_holds_nothing_but_deletes)
{
	const struct write_op put = { .key = slice_str("k"), .value = slice_str("v") };
	const struct write_op grave = { .is_delete = true, .key = slice_str("k") };
	struct buf batch = BUF_INIT;

	write_batch_add(&batch, &grave);
	write_batch_add(&batch, &grave);
	ck_assert(write_batch_only_deletes(buf_slice(&batch)));
	write_batch_add(&batch, &put);
	ck_assert(!write_batch_only_deletes(buf_slice(&batch)));
	buf_reset(&batch);
	write_batch_add(&batch, &put);
	ck_assert(!write_batch_only_deletes(buf_slice(&batch)));
	buf_fini(&batch);
}
END_TEST

START_TEST(walk_of_nothing_ends_at_once)
{
	struct write_walk w = write_walk_begin(slice_of(NULL, 0));
	struct write_op op;

	ck_assert(!write_walk_next(&w, &op));
}
END_TEST

START_TEST(generated_code_reads_what_we_write)
{
	struct buf m = request_of_two();
	Lsm__WriteRequest *g = lsm__write_request__unpack(NULL, m.n, m.p);

	ck_assert_ptr_nonnull(g);
	ck_assert_uint_eq(g->incarnation, 0x1122334455667788);
	ck_assert_uint_eq(g->request_id, 300);
	ck_assert_uint_eq(g->oldest_unanswered, 200);
	ck_assert_uint_eq(g->n_batches, 2);
	ck_assert_uint_eq(g->batches[0]->n_entries, 2);
	ck_assert_int_eq(g->batches[0]->entries[1]->operation, LSM__WALENTRY__OPERATION__DELETE);
	ck_assert_mem_eq(g->batches[0]->entries[1]->key.data, "b", 1);
	ck_assert_int_eq(g->batches[1]->entries[0]->expires_at, 1700000000000);
	lsm__write_request__free_unpacked(g, NULL);
	buf_fini(&m);
}
END_TEST

START_TEST(generated_code_writes_the_same_bytes)
{
	struct buf m = request_of_two();
	Lsm__WriteRequest *g = lsm__write_request__unpack(NULL, m.n, m.p);
	uint8_t *bytes = mem_alloc(m.n);

	ck_assert_uint_eq(lsm__write_request__get_packed_size(g), m.n);
	lsm__write_request__pack(g, bytes);
	ck_assert_mem_eq(bytes, m.p, m.n);
	lsm__write_request__free_unpacked(g, NULL);
	mem_free(bytes);
	buf_fini(&m);
}
END_TEST

START_TEST(random_requests_agree_with_generated_code)
{
	struct rnd rnd = { 7 };
	uint8_t bytes[2048];

	memset(bytes, 'x', sizeof bytes);
	for (int round = 0; round < 300; round++) {
		struct buf batch = BUF_INIT, batches = BUF_INIT, m;
		uint64_t ops = 1 + rnd_below(&rnd, 20), key_value_bytes = 0;
		struct write_request r;
		struct write_counts c;

		for (uint64_t i = 0; i < ops; i++) {
			struct write_op op = { rnd_below(&rnd, 3) == 0, slice_of(bytes, 1 + rnd_below(&rnd, 1024)),
			    slice_of(NULL, 0), 0 };

			if (!op.is_delete) {
				op.value = slice_of(bytes, rnd_below(&rnd, sizeof bytes));
				op.expires_at_ms = (int64_t)(rnd_next(&rnd) >> (1 + rnd_below(&rnd, 63)));
			}
			key_value_bytes += op.key.n + op.value.n;
			write_batch_add(&batch, &op);
		}
		write_request_add_batch(&batches, buf_slice(&batch));
		m = request_of(buf_slice(&batches));
		ck_assert_int_eq(decode(m, &r, &c), ST_OK);
		ck_assert_uint_eq(c.entries, ops);
		ck_assert_uint_eq(c.key_value_bytes, key_value_bytes);

		Lsm__WriteRequest *g = lsm__write_request__unpack(NULL, m.n, m.p);
		struct write_walk w = write_walk_begin(r.batches);
		struct write_op op;

		for (size_t i = 0; i < g->batches[0]->n_entries; i++) {
			const Lsm__WALEntry *e = g->batches[0]->entries[i];

			ck_assert(write_walk_next(&w, &op));
			ck_assert_int_eq(op.is_delete, e->operation == LSM__WALENTRY__OPERATION__DELETE);
			ck_assert(slice_eq(op.key, slice_of(e->key.data, e->key.len)));
			ck_assert(slice_eq(op.value, slice_of(e->value.data, e->value.len)));
			ck_assert_int_eq(op.expires_at_ms, e->expires_at);
		}
		ck_assert(!write_walk_next(&w, &op));
		lsm__write_request__free_unpacked(g, NULL);
		buf_fini(&batch);
		buf_fini(&batches);
		buf_fini(&m);
	}
}
END_TEST

START_TEST(key_is_one_to_the_limit_of_bytes)
{
	char *key = mem_zalloc(KEY_MAX_BYTES + 1);
	struct write_op op = { false, slice_of(key, KEY_MAX_BYTES), slice_of(NULL, 0), 0 };

	ck_assert_int_eq(status_of(&op), ST_OK);
	op.key.n++;
	ck_assert_int_eq(status_of(&op), ST_TOO_BIG);
	op.key.n = 0;
	ck_assert_int_eq(status_of(&op), ST_INVALID);
	mem_free(key);
}
END_TEST

START_TEST(value_beyond_the_limit_is_too_big)
{
	char *value = mem_zalloc(VALUE_MAX_BYTES + 1);
	struct write_op op = { false, slice_str("k"), slice_of(value, VALUE_MAX_BYTES), 0 };

	ck_assert_int_eq(status_of(&op), ST_OK);
	op.value.n++;
	ck_assert_int_eq(status_of(&op), ST_TOO_BIG);
	mem_free(value);
}
END_TEST

START_TEST(delete_with_value_or_expiry_is_invalid)
{
	struct write_op op = delete_op("k");

	ck_assert_int_eq(status_of(&op), ST_OK);
	op.value = slice_str("v");
	ck_assert_int_eq(status_of(&op), ST_INVALID);
	op = delete_op("k");
	op.expires_at_ms = 1;
	ck_assert_int_eq(status_of(&op), ST_INVALID);
}
END_TEST

START_TEST(expiry_before_1970_is_invalid)
{
	struct write_op op = put_op("k", "v", -1);

	ck_assert_int_eq(status_of(&op), ST_INVALID);
}
END_TEST

START_TEST(batch_holds_one_to_the_limit_of_operations)
{
	struct write_op op = put_op("k", "v", 0);
	struct write_request r;
	struct write_counts c;
	struct buf entry = BUF_INIT, m;

	write_batch_add(&entry, &op);
	m = request_of_entries(buf_slice(&entry), BATCH_MAX_OPS);
	ck_assert_int_eq(decode(m, &r, &c), ST_OK);
	ck_assert_uint_eq(c.entries, BATCH_MAX_OPS);
	buf_fini(&m);
	m = request_of_entries(buf_slice(&entry), BATCH_MAX_OPS + 1);
	ck_assert_int_eq(decode(m, &r, &c), ST_TOO_BIG);
	buf_fini(&m);
	m = request_of_entries(buf_slice(&entry), 0);
	ck_assert_int_eq(decode(m, &r, &c), ST_INVALID);
	buf_fini(&m);
	m = request_of(slice_of(NULL, 0));
	ck_assert_int_eq(decode(m, &r, &c), ST_INVALID);
	buf_fini(&m);
	buf_fini(&entry);
}
END_TEST

START_TEST(message_beyond_the_limit_is_too_big)
{
	uint8_t *zeros = mem_zalloc(WRITE_MESSAGE_MAX + 1);
	struct write_request r;
	struct write_counts c;

	ck_assert_int_eq(write_request_decode(slice_of(zeros, WRITE_MESSAGE_MAX + 1), &r, &c), ST_TOO_BIG);
	ck_assert_int_eq(write_request_decode(slice_of(zeros, WRITE_MESSAGE_MAX), &r, &c), ST_INVALID);
	mem_free(zeros);
}
END_TEST

/* One entry made by hand: fields as (number, type, value). */
static void put_raw(struct buf *b, uint32_t field, enum wire_type type, uint64_t value)
{
	uint8_t *p = buf_reserve(b, 2 * VARINT_MAX_BYTES), *begin = p;

	p = put_varint(p, (uint64_t)field << 3 | type);
	if (type == WIRE_VARINT)
		p = put_varint(p, value);
	else if (type == WIRE_FIXED64)
		put_u64(p, value), p += 8;
	else
		put_u32(p, (uint32_t)value), p += 4;
	b->n += (size_t)(p - begin);
}

/* Status of a request whose one entry is key "k" between two extra fields (type -1: none). */
static enum st status_with(uint32_t before, int before_type, uint64_t before_value, uint32_t after,
			   int after_type, uint64_t after_value)
{
	struct buf inner = BUF_INIT, entry = BUF_INIT, m;
	struct write_request r;
	struct write_counts c;
	enum st st;

	if (before_type >= 0)
		put_raw(&inner, before, (enum wire_type)before_type, before_value);
	wire_put_bytes(&inner, 4, slice_str("k"));
	if (after_type >= 0)
		put_raw(&inner, after, (enum wire_type)after_type, after_value);
	wire_put_message(&entry, 1, buf_slice(&inner));
	m = request_of_entries(buf_slice(&entry), 1);
	st = decode(m, &r, &c);
	buf_fini(&inner);
	buf_fini(&entry);
	buf_fini(&m);
	return st;
}

START_TEST(entry_with_foreign_fields_is_invalid)
{
	ck_assert_int_eq(status_with(0, -1, 0, 0, -1, 0), ST_OK);
	ck_assert_int_eq(status_with(3, WIRE_VARINT, 1, 0, -1, 0), ST_OK);
	ck_assert_int_eq(status_with(3, WIRE_VARINT, 4, 0, -1, 0), ST_INVALID);       /* no such operation */
	ck_assert_int_eq(status_with(3, WIRE_FIXED32, 1, 0, -1, 0), ST_INVALID);      /* wrong wire type */
	ck_assert_int_eq(status_with(1, WIRE_VARINT, 5, 0, -1, 0), ST_INVALID);       /* a sequence of its own */
	ck_assert_int_eq(status_with(2, WIRE_VARINT, 5, 0, -1, 0), ST_INVALID);       /* a timestamp of its own */
	ck_assert_int_eq(status_with(0, -1, 0, 6, WIRE_VARINT, 1), ST_INVALID);       /* is_batch */
	ck_assert_int_eq(status_with(0, -1, 0, 14, WIRE_VARINT, 1), ST_INVALID);      /* unknown */
	ck_assert_int_eq(status_with(0, -1, 0, 8, WIRE_FIXED64, 1), ST_INVALID);      /* wrong wire type */
	ck_assert_int_eq(status_with(0, -1, 0, 3, WIRE_VARINT, 0), ST_INVALID);       /* out of order */
	ck_assert_int_eq(status_with(0, -1, 0, 4, WIRE_VARINT, 0), ST_INVALID);       /* key twice */
	ck_assert_int_eq(status_with(0, -1, 0, 8, WIRE_VARINT, 1), ST_OK);
}
END_TEST

/* Status of a request with this head and then one good batch and `behind`. */
static enum st status_of_head(const struct write_request *head, struct slice behind)
{
	struct buf batch = BUF_INIT, m = BUF_INIT;
	struct write_op op = put_op("k", "v", 0);
	struct write_request r;
	struct write_counts c;
	enum st st;

	write_request_encode(head, &m);
	write_batch_add(&batch, &op);
	write_request_add_batch(&m, buf_slice(&batch));
	buf_append_slice(&m, behind);
	st = decode(m, &r, &c);
	buf_fini(&batch);
	buf_fini(&m);
	return st;
}

START_TEST(head_of_a_request_is_checked)
{
	struct slice none = slice_of(NULL, 0);

	ck_assert_int_eq(status_of_head(&(struct write_request){ 0, 1, 1, 1, none, false }, none), ST_OK);
	ck_assert_int_eq(status_of_head(&(struct write_request){ 9, 1, 1, 0, none, false }, none), ST_OK);
	ck_assert_int_eq(status_of_head(&(struct write_request){ 9, 0, 1, 1, none, false }, none), ST_INVALID);
	ck_assert_int_eq(status_of_head(&(struct write_request){ 9, 1, 0, 0, none, false }, none), ST_INVALID);
	ck_assert_int_eq(status_of_head(&(struct write_request){ 9, 1, 1, 2, none, false }, none), ST_INVALID);
	ck_assert_int_eq(status_of_head(&(struct write_request){ 9, 1, ORIGIN_WINDOW_MAX, 1, none, false }, none), ST_OK);
	ck_assert_int_eq(status_of_head(&(struct write_request){ 9, 1, ORIGIN_WINDOW_MAX + 1, 1, none, false }, none),
	    ST_INVALID);
}
END_TEST

START_TEST(fields_behind_the_batches_are_invalid)
{
	struct write_request head = { 9, 1, 1, 1, slice_of(NULL, 0), false };

	ck_assert_int_eq(status_of_head(&head, slice_str("\x18\x01")), ST_INVALID);         /* request_id again */
	ck_assert_int_eq(status_of_head(&head, slice_str("\x30\x02")), ST_INVALID);         /* sync that is no bool */
	ck_assert_int_eq(status_of_head(&head, slice_str("\x30\x01\x30\x01")), ST_INVALID); /* and twice */
	ck_assert_int_eq(status_of_head(&head, slice_str("\x38\x01")), ST_INVALID);         /* field 7 */
	ck_assert_int_eq(status_of_head(&head, slice_str("\x28\x01")), ST_INVALID);         /* 5 as a number */
	ck_assert_int_eq(status_of_head(&head, slice_str("\x2b")), ST_INVALID);             /* a group */
}
END_TEST

/* What is accepted is within the limits and can be walked to its end. */
static void try_request(struct slice message)
{
	struct write_request r;
	struct write_counts c;
	struct write_walk w;
	struct write_op op;
	uint32_t n = 0;

	if (write_request_decode(message, &r, &c))
		return;
	if (c.asks > 0)
		return;
	for (w = write_walk_begin(r.batches); write_walk_next(&w, &op); n++) {
		ck_assert(op.key.n >= 1 && op.key.n <= KEY_MAX_BYTES && op.value.n <= VALUE_MAX_BYTES);
		ck_assert(op.expires_at_ms >= 0 && (!op.is_delete || op.value.n == 0));
	}
	ck_assert_uint_eq(n, c.entries);
	ck_assert_uint_eq(w.batch + 1, c.batches);
}

START_TEST(hostile_requests_are_refused_or_within_limits)
{
	struct buf m = request_of_two();

	hostile_all(try_request, buf_slice(&m));
	buf_fini(&m);
}
END_TEST

static void walk_anything(struct slice bytes)
{
	struct write_walk w = write_walk_begin(bytes);
	struct write_op op;
	size_t n = 0;

	while (write_walk_next(&w, &op))
		n++;
	ck_assert_uint_le(n, bytes.n);
}

START_TEST(walk_stays_inside_any_bytes)
{
	struct buf batches = two_batches();

	hostile_all(walk_anything, buf_slice(&batches));
	buf_fini(&batches);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, request_comes_out_as_it_went_in);
	tcase_add_test(tc, walk_yields_every_operation_in_order_with_its_batch);
	tcase_add_test(tc, a_batch_knows_whether_it_holds_nothing_but_deletes);
	tcase_add_test(tc, walk_of_nothing_ends_at_once);
	tcase_add_test(tc, generated_code_reads_what_we_write);
	tcase_add_test(tc, generated_code_writes_the_same_bytes);
	tcase_add_test(tc, random_requests_agree_with_generated_code);
	tcase_add_test(tc, key_is_one_to_the_limit_of_bytes);
	tcase_add_test(tc, value_beyond_the_limit_is_too_big);
	tcase_add_test(tc, delete_with_value_or_expiry_is_invalid);
	tcase_add_test(tc, expiry_before_1970_is_invalid);
	tcase_add_test(tc, batch_holds_one_to_the_limit_of_operations);
	tcase_add_test(tc, message_beyond_the_limit_is_too_big);
	tcase_add_test(tc, entry_with_foreign_fields_is_invalid);
	tcase_add_test(tc, head_of_a_request_is_checked);
	tcase_add_test(tc, fields_behind_the_batches_are_invalid);
	tcase_add_test(tc, hostile_requests_are_refused_or_within_limits);
	tcase_add_test(tc, walk_stays_inside_any_bytes);
}

CHECK_MAIN("proto/write", suite)
