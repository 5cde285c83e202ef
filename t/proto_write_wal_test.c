/* SPDX-License-Identifier: Apache-2.0 */
/* The WAL's payload: head, origins, and the batches of a request as they were. */
#include "t/check_main.h"

#include "proto/lsm.pb-c.h"
#include "proto/write.h"
#include "t/proto_hostile.h"

static const struct applied_request applied[] = { { 8, { 100 }, 1700000000001, { NULL, 0 } },
						   { 10, { 105 }, -5, { (const uint8_t *)"\x42\x02\x08\x0c\x42\x00", 6 } },
						   { 11, { 0 }, 0, { NULL, 0 } } };

static struct buf two_batches(void)
{
	struct buf batch = BUF_INIT, batches = BUF_INIT;
	struct write_op put = { false, slice_str("key"), slice_str("value"), 0 };
	struct write_op gone = { true, slice_str("gone"), slice_of(NULL, 0), 0 };

	write_batch_add(&batch, &put);
	write_request_add_batch(&batches, buf_slice(&batch));
	write_batch_add(&batch, &gone);
	write_request_add_batch(&batches, buf_slice(&batch));
	buf_fini(&batch);
	return batches;
}

static struct buf two_origins(void)
{
	struct buf origins = BUF_INIT;

	origin_state_encode(0xaaaaaaaaaaaaaaaa, 7, applied, 3, &origins);
	origin_state_encode(0xbbbbbbbbbbbbbbbb, 0, NULL, 0, &origins);
	return origins;
}

/* Head with or without origins, then batches or none. */
static struct buf payload_of(struct seq first, bool with_origins, struct slice batches)
{
	struct buf origins = two_origins(), out = BUF_INIT;
	struct wal_batch b = { .first_sequence = first, .timestamp_ms = 1700000000000, .origin = 0xcafe,
	    .request_id = 9 };

	if (with_origins)
		b.origins = buf_slice(&origins);
	wal_batch_encode_head(&b, &out);
	buf_append_slice(&out, batches);
	buf_fini(&origins);
	return out;
}

START_TEST(payload_comes_out_as_it_went_in)
{
	struct buf batches = two_batches(), m = payload_of(seq(1000), false, buf_slice(&batches));
	struct wal_batch b;
	struct write_counts c;

	ck_assert_int_eq(wal_batch_decode(buf_slice(&m), &b, &c), ST_OK);
	ck_assert_uint_eq(b.first_sequence.v, 1000);
	ck_assert_int_eq(b.timestamp_ms, 1700000000000);
	ck_assert_uint_eq(b.origin, 0xcafe);
	ck_assert_uint_eq(b.request_id, 9);
	ck_assert(slice_eq(b.batches, buf_slice(&batches)));
	ck_assert_uint_eq(b.origins.n, 0);
	ck_assert_uint_eq(c.batches, 2);
	ck_assert_uint_eq(c.entries, 3);
	ck_assert_uint_eq(c.deletes, 1);
	buf_fini(&batches);
	buf_fini(&m);
}
END_TEST

START_TEST(batches_of_a_request_are_valid_in_the_payload_as_they_are)
{
	struct buf batches = two_batches(), request = BUF_INIT, payload;
	struct write_request r = { 1, 2, 3, 3, buf_slice(&batches), false };
	struct wal_batch b;
	struct write_counts asked, written;

	write_request_encode(&r, &request);
	ck_assert_int_eq(write_request_decode(buf_slice(&request), &r, &asked), ST_OK);
	payload = payload_of(seq(1), true, r.batches);
	ck_assert_int_eq(wal_batch_decode(buf_slice(&payload), &b, &written), ST_OK);
	ck_assert(slice_eq(b.batches, r.batches));
	ck_assert_mem_eq(&asked, &written, sizeof asked);
	buf_fini(&batches);
	buf_fini(&request);
	buf_fini(&payload);
}
END_TEST

START_TEST(origins_come_out_as_they_went_in)
{
	struct buf m = payload_of(seq(0), true, slice_of(NULL, 0));
	struct wal_batch b;
	struct write_counts c;
	struct origin_walk w;
	struct applied_request *list;
	uint64_t origin, floor;
	size_t n;

	ck_assert_int_eq(wal_batch_decode(buf_slice(&m), &b, &c), ST_OK);
	ck_assert_uint_eq(c.entries, 0);
	w.rest = b.origins;
	ck_assert(origin_walk_next(&w, &origin, &floor, &list, &n));
	ck_assert(origin == 0xaaaaaaaaaaaaaaaa && floor == 7 && n == 3);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(list[i].request_id, applied[i].request_id);
		ck_assert_uint_eq(list[i].first_sequence.v, applied[i].first_sequence.v);
		ck_assert_int_eq(list[i].timestamp_ms, applied[i].timestamp_ms);
		ck_assert(slice_eq(list[i].results, applied[i].results));
	}
	mem_free(list);
	ck_assert(origin_walk_next(&w, &origin, &floor, &list, &n));
	ck_assert(origin == 0xbbbbbbbbbbbbbbbb && floor == 0 && n == 0);
	mem_free(list);
	ck_assert(!origin_walk_next(&w, &origin, &floor, &list, &n));
	ck_assert_ptr_null(list);
	buf_fini(&m);
}
END_TEST

START_TEST(generated_code_reads_what_we_write)
{
	struct buf batches = two_batches(), m = payload_of(seq(1000), true, buf_slice(&batches));
	Lsm__WALBatch *g = lsm__walbatch__unpack(NULL, m.n, m.p);

	ck_assert_ptr_nonnull(g);
	ck_assert_uint_eq(g->first_sequence, 1000);
	ck_assert_uint_eq(g->origin, 0xcafe);
	ck_assert_uint_eq(g->n_batches, 2);
	ck_assert_uint_eq(g->batches[1]->n_entries, 2);
	ck_assert_uint_eq(g->n_origins, 2);
	ck_assert_uint_eq(g->origins[0]->floor, 7);
	ck_assert_uint_eq(g->origins[0]->n_applied, 3);
	ck_assert_int_eq(g->origins[0]->applied[1]->timestamp, -5);
	ck_assert_uint_eq(g->origins[0]->applied[1]->n_results, 2);
	ck_assert_uint_eq(g->origins[0]->applied[1]->results[0]->status, ST_PRECONDITION);
	lsm__walbatch__free_unpacked(g, NULL);
	buf_fini(&batches);
	buf_fini(&m);
}
END_TEST

/* Without origins the order of fields is that of generated code, so the bytes are the same. */
START_TEST(generated_code_writes_the_same_bytes)
{
	struct buf batches = two_batches(), m = payload_of(seq(1000), false, buf_slice(&batches));
	Lsm__WALBatch *g = lsm__walbatch__unpack(NULL, m.n, m.p);
	uint8_t *bytes = mem_alloc(m.n);

	ck_assert_uint_eq(lsm__walbatch__get_packed_size(g), m.n);
	lsm__walbatch__pack(g, bytes);
	ck_assert_mem_eq(bytes, m.p, m.n);
	lsm__walbatch__free_unpacked(g, NULL);
	mem_free(bytes);
	buf_fini(&batches);
	buf_fini(&m);
}
END_TEST

static enum st status_from(struct seq first)
{
	struct buf batches = two_batches(), m = payload_of(first, false, buf_slice(&batches));
	struct wal_batch b;
	struct write_counts c;
	enum st st = wal_batch_decode(buf_slice(&m), &b, &c);

	buf_fini(&batches);
	buf_fini(&m);
	return st;
}

START_TEST(entries_whose_sequences_do_not_exist_are_invalid)
{
	ck_assert_int_eq(status_from(seq(0)), ST_INVALID);
	ck_assert_int_eq(status_from(seq(1)), ST_OK);
	ck_assert_int_eq(status_from(seq(SEQ_MAX.v - 2)), ST_OK);
	ck_assert_int_eq(status_from(seq(SEQ_MAX.v - 1)), ST_INVALID);
}
END_TEST

START_TEST(origins_behind_batches_are_invalid)
{
	struct buf batches = two_batches(), origins = two_origins(), m = payload_of(seq(1), false, buf_slice(&batches));
	struct wal_batch b;
	struct write_counts c;

	buf_append_slice(&m, buf_slice(&origins));
	ck_assert_int_eq(wal_batch_decode(buf_slice(&m), &b, &c), ST_INVALID);
	buf_fini(&batches);
	buf_fini(&origins);
	buf_fini(&m);
}
END_TEST

START_TEST(results_stand_between_head_and_batches_and_come_out_as_they_went_in)
{
	struct buf batches = two_batches(), results = BUF_INIT, m = BUF_INIT;
	struct wal_batch b = { .first_sequence = seq(7), .origin = 1, .request_id = 2 }, back;
	struct write_counts c;

	write_result_encode(&(struct write_result){ .status = ST_PRECONDITION, .present = seq(5) }, &results);
	write_result_encode(&(struct write_result){ .first_sequence = seq(7), .written = 2 }, &results);
	b.results = buf_slice(&results);
	wal_batch_encode_head(&b, &m);
	buf_append_slice(&m, buf_slice(&batches));
	ck_assert_int_eq(wal_batch_decode(buf_slice(&m), &back, &c), ST_OK);
	ck_assert(slice_eq(back.results, buf_slice(&results)));
	ck_assert(slice_eq(back.batches, buf_slice(&batches)));
	buf_append_slice(&m, buf_slice(&results));
	ck_assert_int_eq(wal_batch_decode(buf_slice(&m), &back, &c), ST_INVALID);
	buf_fini(&batches);
	buf_fini(&results);
	buf_fini(&m);
}
END_TEST

/* The log holds what was decided: a condition in it was written by nobody. */
START_TEST(operations_that_ask_are_invalid_in_a_payload)
{
	struct write_ask ask = { .op.key = slice_str("k"), .verb = WRITE_INCREMENT, .by = 1 };
	struct buf batch = BUF_INIT, batches = BUF_INIT, m;
	struct wal_batch b;
	struct write_counts c;

	write_batch_add_ask(&batch, &ask);
	write_request_add_batch(&batches, buf_slice(&batch));
	m = payload_of(seq(1), false, buf_slice(&batches));
	ck_assert_int_eq(wal_batch_decode(buf_slice(&m), &b, &c), ST_INVALID);
	buf_fini(&batch);
	buf_fini(&batches);
	buf_fini(&m);
}
END_TEST

START_TEST(empty_payload_is_an_empty_state)
{
	struct wal_batch b;
	struct write_counts c;

	ck_assert_int_eq(wal_batch_decode(slice_str(""), &b, &c), ST_OK);
	ck_assert_uint_eq(c.entries + b.origins.n + b.batches.n, 0);
}
END_TEST

static void try_payload(struct slice message)
{
	struct wal_batch b;
	struct write_counts c;
	struct write_walk w;
	struct write_op op;
	struct origin_walk o;
	struct applied_request *list;
	uint64_t origin, floor;
	uint32_t entries = 0;
	size_t n;

	if (wal_batch_decode(message, &b, &c))
		return;
	for (w = write_walk_begin(b.batches); write_walk_next(&w, &op); entries++)
		ck_assert(op.key.n >= 1 && op.key.n <= KEY_MAX_BYTES);
	ck_assert_uint_eq(entries, c.entries);
	for (o.rest = b.origins; origin_walk_next(&o, &origin, &floor, &list, &n);) {
		for (size_t i = 0; i < n; i++)
			ck_assert_uint_le(list[i].first_sequence.v, SEQ_MAX.v);
		mem_free(list);
	}
	ck_assert_uint_eq(o.rest.n, 0);
}

START_TEST(hostile_payloads_are_refused_or_within_limits)
{
	struct buf batches = two_batches(), m = payload_of(seq(1000), true, buf_slice(&batches));

	hostile_all(try_payload, buf_slice(&m));
	buf_fini(&batches);
	buf_fini(&m);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, payload_comes_out_as_it_went_in);
	tcase_add_test(tc, batches_of_a_request_are_valid_in_the_payload_as_they_are);
	tcase_add_test(tc, origins_come_out_as_they_went_in);
	tcase_add_test(tc, generated_code_reads_what_we_write);
	tcase_add_test(tc, generated_code_writes_the_same_bytes);
	tcase_add_test(tc, entries_whose_sequences_do_not_exist_are_invalid);
	tcase_add_test(tc, origins_behind_batches_are_invalid);
	tcase_add_test(tc, results_stand_between_head_and_batches_and_come_out_as_they_went_in);
	tcase_add_test(tc, operations_that_ask_are_invalid_in_a_payload);
	tcase_add_test(tc, empty_payload_is_an_empty_state);
	tcase_add_test(tc, hostile_payloads_are_refused_or_within_limits);
}

CHECK_MAIN("proto/write_wal", suite)
