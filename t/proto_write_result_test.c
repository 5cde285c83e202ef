/* SPDX-License-Identifier: Apache-2.0 */
/* What came of each batch: told by results, or following from the reply. */
#include "t/check_main.h"

#include "common/base/mem.h"
#include "proto/write.h"
#include "proto/write.pb-c.h"

static void add_batch(struct buf *batches, unsigned ops)
{
	struct write_op op = { .key = slice_str("k"), .value = slice_str("v") };
	struct buf batch = BUF_INIT;

	while (ops--)
		write_batch_add(&batch, &op);
	write_request_add_batch(batches, buf_slice(&batch));
	buf_fini(&batch);
}

/* The reply as it arrives; its results lie in m. */
static struct write_reply through_the_wire(const struct write_reply *r, struct buf *m)
{
	struct engine_message em;
	struct write_reply back;

	engine_replies_add(m, r);
	ck_assert_int_eq(engine_message_decode(buf_slice(m), &em), ST_OK);
	ck_assert(engine_message_next_reply(&em, &back));
	return back;
}

START_TEST(without_results_each_batch_follows_from_the_first_sequence_and_the_counts)
{
	struct write_reply reply = { .request_id = 1, .timestamp_ms = 5, .first_sequence = seq(100), .synced = true };
	struct buf batches = BUF_INIT, m = BUF_INIT;
	struct write_results w;
	struct write_result r;

	add_batch(&batches, 3);
	add_batch(&batches, 1);
	reply = through_the_wire(&reply, &m);
	w = write_results_begin(&reply, buf_slice(&batches));
	ck_assert(write_results_next(&w, &r));
	ck_assert(r.status == ST_OK && r.first_sequence.v == 100 && r.written == 3 && r.synced && r.timestamp_ms == 5);
	ck_assert(write_results_next(&w, &r));
	ck_assert(r.first_sequence.v == 103 && r.written == 1);
	ck_assert(!write_results_next(&w, &r));
	buf_fini(&batches);
	buf_fini(&m);
}
END_TEST

START_TEST(a_refused_request_is_refused_for_every_batch)
{
	struct write_reply reply = { .status = ST_BUSY, .retry_after_ms = 250, .detail = "flush is behind" };
	struct buf batches = BUF_INIT;
	struct write_results w;
	struct write_result r;

	add_batch(&batches, 1);
	add_batch(&batches, 1);
	w = write_results_begin(&reply, buf_slice(&batches));
	for (unsigned i = 0; i < 2; i++) {
		ck_assert(write_results_next(&w, &r));
		ck_assert(r.status == ST_BUSY && r.retry_after_ms == 250 && r.written == 0);
		ck_assert_str_eq(r.detail, "flush is behind");
	}
	ck_assert(!write_results_next(&w, &r));
	buf_fini(&batches);
}
END_TEST

START_TEST(results_tell_each_batch_with_a_sentence)
{
	static const struct { struct write_result r; const char *says; } cases[] = {
		{ { .first_sequence = { 7 }, .written = 2 }, "" },
		{ { .status = ST_PRECONDITION, .failed_index = 3, .present = { 41 } },
		  "the key of operation 3 has version 41; nothing was changed" },
		{ { .status = ST_PRECONDITION }, "the key of operation 0 has no value; nothing was changed" },
		{ { .status = ST_CONFLICT, .reason = WRITE_NO_NUMBER, .present = { 9 } },
		  "the value is no decimal number of 64 signed bits; nothing was changed" },
		{ { .status = ST_CONFLICT, .reason = WRITE_OVERFLOW }, "the sum does not fit into 64 signed bits; nothing was changed" },
		{ { .status = ST_TOO_BIG, .keys = 123456 },
		  "the range holds 123456 keys or more, too many for one write; nothing was changed, delete it in parts" },
		{ { .first_sequence = { 9 }, .written = 1, .value = INT64_MIN }, "" },
	};
	const size_t n = sizeof cases / sizeof *cases;
	struct buf batches = BUF_INIT, results = BUF_INIT, m = BUF_INIT;
	struct write_reply reply = { .request_id = 1, .timestamp_ms = 5, .synced = true };
	struct write_results w;
	struct write_result r;

	for (size_t i = 0; i < n; i++) {
		add_batch(&batches, 1);
		write_result_encode(&cases[i].r, &results);
	}
	reply.results = buf_slice(&results);
	reply = through_the_wire(&reply, &m);
	w = write_results_begin(&reply, buf_slice(&batches));
	for (size_t i = 0; i < n; i++) {
		const struct write_result *want = &cases[i].r;

		ck_assert(write_results_next(&w, &r));
		ck_assert(r.status == want->status && r.first_sequence.v == want->first_sequence.v && r.written == want->written);
		ck_assert(r.failed_index == want->failed_index && r.present.v == want->present.v && r.value == want->value);
		ck_assert(r.reason == want->reason && r.keys == want->keys && r.synced && r.timestamp_ms == 5);
		ck_assert_str_eq(r.detail, cases[i].says);
	}
	ck_assert(!write_results_next(&w, &r));
	buf_fini(&batches);
	buf_fini(&results);
	buf_fini(&m);
}
END_TEST

START_TEST(generated_code_agrees_both_ways)
{
	struct write_result r = { .status = ST_PRECONDITION, .first_sequence = seq(1), .written = 2, .failed_index = 3,
				  .present = seq(4), .value = -5, .reason = WRITE_OVERFLOW, .keys = 6 };
	struct buf results = BUF_INIT, m = BUF_INIT;
	struct write_reply reply = { .request_id = 9, .synced = true };
	Lsm__EngineMessage *g;
	Lsm__BatchResult *b;
	uint8_t *bytes;

	write_result_encode(&r, &results);
	write_result_encode(&(struct write_result){ .status = ST_OK }, &results);
	reply.results = buf_slice(&results);
	engine_replies_add(&m, &reply);
	g = lsm__engine_message__unpack(NULL, m.n, m.p);
	ck_assert_ptr_nonnull(g);
	ck_assert(g->replies[0]->synced);
	ck_assert_uint_eq(g->replies[0]->n_results, 2);
	b = g->replies[0]->results[0];
	ck_assert(b->status == ST_PRECONDITION && b->first_sequence == 1 && b->written == 2 && b->failed_index == 3);
	ck_assert(b->present_version == 4 && b->value == -5 && b->reason == WRITE_OVERFLOW && b->keys == 6);
	ck_assert_uint_eq(lsm__engine_message__get_packed_size(g), m.n);
	bytes = mem_alloc(m.n);
	lsm__engine_message__pack(g, bytes);
	ck_assert_mem_eq(bytes, m.p, m.n);
	lsm__engine_message__free_unpacked(g, NULL);
	mem_free(bytes);
	buf_fini(&results);
	buf_fini(&m);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, without_results_each_batch_follows_from_the_first_sequence_and_the_counts);
	tcase_add_test(tc, a_refused_request_is_refused_for_every_batch);
	tcase_add_test(tc, results_tell_each_batch_with_a_sentence);
	tcase_add_test(tc, generated_code_agrees_both_ways);
}

CHECK_MAIN("proto/write_result", suite)
