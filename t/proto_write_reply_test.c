/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine answers: hello and replies. */
#include "t/check_main.h"

#include "common/base/coding.h"
#include "proto/write.h"
#include "proto/write.pb-c.h"
#include "t/proto_hostile.h"

static const struct write_reply good = { 41, ST_OK, 1700000000123, { 77 }, 0, "", false, { NULL, 0 } };
static const struct write_reply busy = { 42, ST_BUSY, 0, { 0 }, 250, "Too many writes: caf\xc3\xa9", false, { NULL, 0 } };

static struct buf hello_and_two(void)
{
	struct buf m = BUF_INIT;

	engine_hello_encode(0x1122334455667788, 4711, &m);
	engine_replies_add(&m, &good);
	engine_replies_add(&m, &busy);
	return m;
}

static void assert_same(const struct write_reply *a, const struct write_reply *b)
{
	ck_assert_uint_eq(a->request_id, b->request_id);
	ck_assert_int_eq(a->status, b->status);
	ck_assert_int_eq(a->timestamp_ms, b->timestamp_ms);
	ck_assert_uint_eq(a->first_sequence.v, b->first_sequence.v);
	ck_assert_uint_eq(a->retry_after_ms, b->retry_after_ms);
	ck_assert_str_eq(a->detail, b->detail);
}

START_TEST(hello_and_replies_come_out_as_they_went_in)
{
	struct buf m = hello_and_two();
	struct engine_message em;
	struct write_reply r;

	ck_assert_int_eq(engine_message_decode(buf_slice(&m), &em), ST_OK);
	ck_assert(em.has_hello);
	ck_assert_uint_eq(em.incarnation, 0x1122334455667788);
	ck_assert_uint_eq(em.pid, 4711);
	ck_assert(engine_message_next_reply(&em, &r));
	assert_same(&r, &good);
	ck_assert(engine_message_next_reply(&em, &r));
	assert_same(&r, &busy);
	ck_assert(!engine_message_next_reply(&em, &r));
	buf_fini(&m);
}
END_TEST

START_TEST(message_may_lack_hello_or_replies)
{
	struct buf m = BUF_INIT;
	struct engine_message em;
	struct write_reply r;

	ck_assert_int_eq(engine_message_decode(buf_slice(&m), &em), ST_OK);
	ck_assert(!em.has_hello && !engine_message_next_reply(&em, &r));
	engine_replies_add(&m, &good);
	ck_assert_int_eq(engine_message_decode(buf_slice(&m), &em), ST_OK);
	ck_assert(!em.has_hello && engine_message_next_reply(&em, &r));
	buf_reset(&m);
	engine_hello_encode(1, 2, &m);
	ck_assert_int_eq(engine_message_decode(buf_slice(&m), &em), ST_OK);
	ck_assert(em.has_hello && !engine_message_next_reply(&em, &r));
	buf_fini(&m);
}
END_TEST

START_TEST(generated_code_agrees_both_ways)
{
	struct buf m = hello_and_two();
	Lsm__EngineMessage *g = lsm__engine_message__unpack(NULL, m.n, m.p);
	uint8_t *bytes = mem_alloc(m.n);

	ck_assert_ptr_nonnull(g);
	ck_assert_uint_eq(g->hello->incarnation, 0x1122334455667788);
	ck_assert_uint_eq(g->n_replies, 2);
	ck_assert_uint_eq(g->replies[0]->first_sequence, 77);
	ck_assert_uint_eq(g->replies[1]->status, ST_BUSY);
	ck_assert_str_eq(g->replies[1]->detail, busy.detail);
	ck_assert_uint_eq(lsm__engine_message__get_packed_size(g), m.n);
	lsm__engine_message__pack(g, bytes);
	ck_assert_mem_eq(bytes, m.p, m.n);
	lsm__engine_message__free_unpacked(g, NULL);
	mem_free(bytes);
	buf_fini(&m);
}
END_TEST

START_TEST(detail_cut_inside_a_character_loses_the_character)
{
	struct write_reply r = { .request_id = 1, .status = ST_INVALID }, back;
	struct engine_message em;
	struct buf m = BUF_INIT;

	memset(r.detail, 'x', sizeof r.detail - 2);
	r.detail[sizeof r.detail - 2] = '\xc3';
	engine_replies_add(&m, &r);
	ck_assert_int_eq(engine_message_decode(buf_slice(&m), &em), ST_OK);
	ck_assert(engine_message_next_reply(&em, &back));
	ck_assert_uint_eq(strlen(back.detail), sizeof r.detail - 2);
	buf_fini(&m);
}
END_TEST

/* Status of a message with one reply made of these bytes. */
static enum st status_of_reply(const char *bytes, size_t n)
{
	struct engine_message em;
	struct buf m = BUF_INIT;
	enum st st;

	wire_put_message(&m, 2, slice_of(bytes, n));
	st = engine_message_decode(buf_slice(&m), &em);
	buf_fini(&m);
	return st;
}

START_TEST(replies_that_cannot_be_are_invalid)
{
	char long_text[2 + 1 + 160] = "\x32\xa0\x01";

	memset(long_text + 3, 'x', sizeof long_text - 3);
	ck_assert_int_eq(status_of_reply("\x08\x01\x10\x0b", 4), ST_OK);
	ck_assert_int_eq(status_of_reply("\x10\x0e", 2), ST_INVALID);                          /* no such status */
	ck_assert_int_eq(status_of_reply("\x28\x80\x80\x80\x80\x10", 6), ST_INVALID);          /* above 32 bits */
	ck_assert_int_eq(status_of_reply("\x32\x02\xff\xfe", 4), ST_INVALID);                  /* no UTF-8 */
	ck_assert_int_eq(status_of_reply("\x32\x03x\0y", 5), ST_INVALID);                      /* a NUL */
	ck_assert_int_eq(status_of_reply("\x10\x01\x08\x01", 4), ST_INVALID);                  /* out of order */
	ck_assert_int_eq(status_of_reply("\x48\x01", 2), ST_INVALID);                          /* unknown field */
	ck_assert_int_eq(status_of_reply("\x38\x02", 2), ST_INVALID);                          /* synced is no number */
	ck_assert_int_eq(status_of_reply("\x42\x02\x08\x63", 4), ST_INVALID);                  /* a result without a known status */
	ck_assert_int_eq(status_of_reply("\x42\x02\x08\x0c\x38\x01", 6), ST_INVALID);          /* a field behind the results */
	ck_assert_int_eq(status_of_reply("\x20\x80\x80\x80\x80\x80\x80\x80\x80\x01", 10), ST_INVALID); /* sequence */
	ck_assert_int_eq(status_of_reply(long_text, sizeof long_text), ST_INVALID);
}
END_TEST

START_TEST(hello_behind_replies_or_twice_is_invalid)
{
	struct buf m = BUF_INIT;
	struct engine_message em;

	engine_replies_add(&m, &good);
	engine_hello_encode(1, 2, &m);
	ck_assert_int_eq(engine_message_decode(buf_slice(&m), &em), ST_INVALID);
	buf_reset(&m);
	engine_hello_encode(1, 2, &m);
	engine_hello_encode(1, 2, &m);
	ck_assert_int_eq(engine_message_decode(buf_slice(&m), &em), ST_INVALID);
	buf_fini(&m);
}
END_TEST

START_TEST(message_beyond_the_limit_is_too_big)
{
	uint8_t *zeros = mem_zalloc(ENGINE_MESSAGE_MAX + 1);
	struct engine_message em;

	ck_assert_int_eq(engine_message_decode(slice_of(zeros, ENGINE_MESSAGE_MAX + 1), &em), ST_TOO_BIG);
	mem_free(zeros);
}
END_TEST

static void try_message(struct slice message)
{
	struct engine_message em;
	struct write_reply r;

	if (engine_message_decode(message, &em))
		return;
	while (engine_message_next_reply(&em, &r)) {
		ck_assert_str_ne(st_text(r.status), "unknown");
		ck_assert_uint_lt(strlen(r.detail), sizeof r.detail);
	}
	ck_assert_uint_eq(em.rest.n, 0);
}

START_TEST(hostile_messages_are_refused_or_within_limits)
{
	struct buf m = hello_and_two();

	hostile_all(try_message, buf_slice(&m));
	buf_fini(&m);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, hello_and_replies_come_out_as_they_went_in);
	tcase_add_test(tc, message_may_lack_hello_or_replies);
	tcase_add_test(tc, generated_code_agrees_both_ways);
	tcase_add_test(tc, detail_cut_inside_a_character_loses_the_character);
	tcase_add_test(tc, replies_that_cannot_be_are_invalid);
	tcase_add_test(tc, hello_behind_replies_or_twice_is_invalid);
	tcase_add_test(tc, message_beyond_the_limit_is_too_big);
	tcase_add_test(tc, hostile_messages_are_refused_or_within_limits);
}

CHECK_MAIN("proto/write_reply", suite)
