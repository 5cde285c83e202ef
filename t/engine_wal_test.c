/* SPDX-License-Identifier: Apache-2.0 */
/* The writing side of the log, and its bytes. */
#include <sys/resource.h>

#include "common/base/coding.h"
#include "common/stats/stats.h"
#include "common/wal/wal_reader.h"
#include "t/engine_walhelp.h"

static char dir[TESTLIB_DIR_MAX];
static struct vfs *v;

static void setup(void)
{
	v = vfs_posix();
	testlib_dir(dir);
}

static void teardown(void)
{
	testlib_remove(dir);
}

static struct wal_reader *reader_of(uint64_t id, uint64_t database)
{
	struct wal_reader *r;

	ck_ok(wal_reader_open(v, path_wal(dir, file_id(id)).s, database, file_id(id), &r));
	return r;
}

START_TEST(a_header_comes_back_and_every_flipped_bit_is_noticed)
{
	struct wal_header h = { WAL_VERSION, DB, file_id(0x1234567890), seq(77), { file_id(5), 4096, seq(76) }, 63 }, got;
	uint8_t p[WAL_HEADER_BYTES];

	wal_header_encode(&h, p);
	ck_assert(wal_header_decode(p, &got));
	ck_assert_uint_eq(got.version, h.version);
	ck_assert_uint_eq(got.database, h.database);
	ck_assert_uint_eq(got.id.v, h.id.v);
	ck_assert_uint_eq(got.last_seq.v, h.last_seq.v);
	ck_assert_uint_eq(got.before.id.v, 5);
	ck_assert_uint_eq(got.before.length, 4096);
	ck_assert_uint_eq(got.before.last_seq.v, 76);
	ck_assert_uint_eq(got.least_kib, 63);
	for (size_t bit = 0; bit < 8 * sizeof p; bit++) {
		p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert(!wal_header_decode(p, &got));
		p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
END_TEST

/* The format is on disks: these bytes never change meaning (format at the top of wal_format.h). */
START_TEST(a_record_is_laid_out_as_documented)
{
	struct wal_record r = { .segment = 3, .count = 2, .first_seq = seq(0x0102), .synced_upto = 72 };
	static const uint8_t want[] = { 5, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0,
					72, 0, 0, 0, 0, 0, 0, 0, 'h', 'e', 'l', 'l', 'o', 0, 0, 0 };
	struct buf b = BUF_INIT;

	wal_record_encode(&b, wal_crc_seed(DB, file_id(3)), &r, slice_str("he"), slice_str("llo"));
	ck_assert_uint_eq(b.n, 40);
	ck_assert_mem_eq(b.p + 4, want, sizeof want);
	buf_fini(&b);
}
END_TEST

START_TEST(a_prepared_segment_is_preallocated_zeros_under_its_name)
{
	struct wal_header h;
	struct wal_reader *r;
	struct wal_rest rest;
	struct wal *w;

	ck_ok(wal_prepare(v, dir, file_id(6), 10000, &w));
	ck_assert_uint_eq(wal_id(w).v, 6);
	ck_assert_uint_eq(wal_bytes(w), 0);
	r = reader_of(6, DB);
	ck_assert_uint_eq(wal_reader_size(r), 10000);
	ck_assert_int_eq(wal_reader_header(r, &h), WAL_OPENING_ZERO);
	ck_ok(wal_reader_rest(r, 0, &rest));
	ck_assert_uint_eq(rest.content_end, 0);
	wal_reader_close(&r);
	wal_close(&w);
	ck_assert_ptr_null(w);
}
END_TEST

/* Invariant 5: an id has one file, ever. */
START_TEST(a_segment_that_exists_is_not_prepared_again)
{
	struct wal *w, *again;

	ck_ok(wal_prepare(v, dir, file_id(6), 10000, &w));
	ck_assert_int_ne(wal_prepare(v, dir, file_id(6), 10000, &again), ST_OK);
	ck_assert_ptr_null(again);
	wal_close(&w);
}
END_TEST

START_TEST(all_bytes_that_reach_the_file_are_counted)
{
	struct pen p = { .v = v, .dir = dir };

	stats_begin_private();
	ck_ok(pen_begin(&p, 1, 4096));
	pen_append(&p, 1);
	ck_ok(wal_write(p.wal));
	pen_append(&p, 3);
	ck_ok(wal_write(p.wal));
	ck_assert_uint_gt(wal_bytes(p.wal), WAL_HEADER_BYTES);
	ck_assert_uint_eq(stats_sum(M_wal_bytes), wal_bytes(p.wal));
	wal_close(&p.wal);
}
END_TEST

START_TEST(records_promise_what_was_synced_when_they_were_written)
{
	struct pen p = { .v = v, .dir = dir };
	struct wal_record rec;
	struct wal_reader *r;
	enum wal_damage why;
	uint64_t synced = 0;

	ck_ok(pen_begin(&p, 1, 4096));
	for (int i = 0; i < 3; i++) {
		pen_append(&p, 1);
		ck_ok(wal_write(p.wal));
		pen_append(&p, 1);
		ck_ok(wal_write(p.wal));
		ck_ok(wal_sync(p.wal));
	}
	r = reader_of(1, DB);
	for (int i = 0; i < 6; i++) {
		ck_ok(wal_reader_next(r, &rec, &why));
		ck_assert_uint_eq(rec.synced_upto, synced);
		ck_assert_uint_eq(rec.first_seq.v, (uint64_t)i + 1);
		if (i % 2 == 1)
			synced = wal_reader_offset(r);
	}
	ck_assert_int_eq(wal_reader_next(r, &rec, &why), ST_NOT_FOUND);
	ck_assert_int_eq(why, WAL_DAMAGE_NONE);
	ck_assert_uint_eq(wal_reader_offset(r), wal_bytes(p.wal));
	wal_reader_close(&r);
	wal_close(&p.wal);
}
END_TEST

START_TEST(a_segment_grows_beyond_what_was_preallocated)
{
	struct pen p = { .v = v, .dir = dir };
	struct replayed r;

	ck_ok(pen_begin(&p, 1, 100));
	for (int i = 0; i < 50; i++)
		ck_ok(pen_group(&p));
	pen_append(&p, 1000);
	ck_ok(wal_write(p.wal));
	ck_ok(wal_sync(p.wal));
	wal_close(&p.wal);
	ck_ok(replay_from(v, dir, WAL_RECOVERY_ABSOLUTE, 0, 0, &r));
	check_dense(&r);
	ck_assert_uint_eq(r.count, 1150);
}
END_TEST

START_TEST(nothing_reaches_the_file_before_write)
{
	struct pen p = { .v = v, .dir = dir };
	struct wal_record rec;
	struct wal_reader *r;
	enum wal_damage why;

	ck_ok(pen_begin(&p, 1, 4096));
	ck_ok(pen_group(&p));
	pen_append(&p, 5);
	r = reader_of(1, DB);
	for (int i = 0; i < 2; i++)
		ck_ok(wal_reader_next(r, &rec, &why));
	ck_assert_int_eq(wal_reader_next(r, &rec, &why), ST_NOT_FOUND);
	ck_assert_uint_lt(wal_reader_offset(r), wal_bytes(p.wal));
	wal_reader_close(&r);
	wal_close(&p.wal);
}
END_TEST

START_TEST(the_origin_state_opens_a_segment_and_uses_no_sequence)
{
	struct wal_link none = { 0 };
	struct buf origins = BUF_INIT;
	struct wal_record rec;
	struct wal_reader *r;
	struct write_counts counts;
	struct wal_batch b;
	enum wal_damage why;
	struct wal *w;

	origin_state_encode(ORIGIN, 4, &(struct applied_request){ 9, seq(5), 6, { NULL, 0 } }, 1, &origins);
	ck_ok(wal_prepare(v, dir, file_id(1), 4096, &w));
	ck_ok(wal_begin(w, DB, seq(41), &none, buf_slice(&origins)));
	ck_ok(wal_write(w));
	ck_ok(wal_sync(w));
	ck_assert_uint_eq(wal_end(w).last_seq.v, 41);
	r = reader_of(1, DB);
	ck_ok(wal_reader_next(r, &rec, &why));
	ck_assert_uint_eq(rec.count, 0);
	ck_assert_uint_eq(rec.first_seq.v, 42);
	ck_ok(wal_batch_decode(rec.payload, &b, &counts));
	ck_assert(slice_eq(b.origins, buf_slice(&origins)));
	wal_reader_close(&r);
	wal_close(&w);
	buf_fini(&origins);
}
END_TEST

/* Neither another database's records nor another segment's count as ours, whatever the file is called. */
START_TEST(records_hold_only_for_their_database_and_segment)
{
	struct pen p = { .v = v, .dir = dir };
	struct wal_record rec;
	struct wal_reader *r;
	enum wal_damage why;

	ck_ok(pen_begin(&p, 1, 4096));
	ck_ok(pen_group(&p));
	wal_close(&p.wal);
	r = reader_of(1, DB + 1);
	ck_assert_int_eq(wal_reader_next(r, &rec, &why), ST_NOT_FOUND);
	ck_assert_int_eq(why, WAL_DAMAGE_CHECKSUM);
	wal_reader_close(&r);
	ck_ok(vfs_rename(v, path_wal(dir, file_id(1)).s, path_wal(dir, file_id((1ull << 32) + 1)).s));
	r = reader_of((1ull << 32) + 1, DB);
	ck_assert_int_eq(wal_reader_next(r, &rec, &why), ST_NOT_FOUND);
	ck_assert_int_eq(why, WAL_DAMAGE_CHECKSUM);
	wal_reader_close(&r);
}
END_TEST

/* In KiB, the most there ever was. */
static long memory_kib(void)
{
	struct rusage u;

	ck_assert_int_eq(getrusage(RUSAGE_SELF, &u), 0);
	return u.ru_maxrss;
}

/* A segment of 200 MiB, all but its beginning a hole, whose first record says it has so many bytes. */
static struct wal_reader *reader_of_claim(uint64_t id, uint32_t length)
{
	struct pen p = { .v = v, .dir = dir };
	struct vfs_file *f;
	uint8_t head[WAL_HEAD_BYTES] = { 1 };

	ck_ok(pen_begin(&p, id, 4096));
	ck_ok(pen_group(&p));
	wal_close(&p.wal);
	put_u32(head + 4, length);
	put_u32(head + 8, (uint32_t)id);
	ck_ok(vfs_open(v, path_wal(dir, file_id(id)).s, VFS_WRITE, &f));
	ck_ok(vfs_write(f, head, sizeof head, WAL_HEADER_BYTES));
	ck_ok(vfs_truncate(f, 200u << 20));
	vfs_close(&f);
	return reader_of(id, DB);
}

START_TEST(what_a_record_says_of_its_length_costs_no_memory_beyond_what_a_writer_makes)
{
	const uint32_t claims[] = { WAL_PAYLOAD_MAX + 1, 64u << 20, 80u << 20, 96u << 20, 199u << 20, UINT32_MAX };
	struct wal_record rec;
	struct wal_reader *r;
	enum wal_damage why;
	long before = memory_kib();

	for (unsigned i = 0; i < 6; i++) {
		r = reader_of_claim(i + 1, claims[i]);
		ck_assert_int_eq(wal_reader_next(r, &rec, &why), ST_NOT_FOUND);
		ck_assert_int_eq(why, WAL_DAMAGE_TRUNCATED);
		wal_reader_close(&r);
		ck_assert_int_lt(memory_kib() - before, 32 << 10);
	}
	r = reader_of_claim(7, WAL_PAYLOAD_MAX);
	ck_assert_int_eq(wal_reader_next(r, &rec, &why), ST_NOT_FOUND);
	ck_assert_int_eq(why, WAL_DAMAGE_CHECKSUM);
	wal_reader_close(&r);
	ck_assert_uint_le(wal_record_bytes(WAL_PAYLOAD_MAX), 64u << 20);
}
END_TEST

START_TEST(the_largest_request_that_is_taken_makes_a_record_that_is_read)
{
	struct wal_batch b = { .first_sequence = SEQ_MAX, .timestamp_ms = INT64_MAX, .origin = UINT64_MAX,
			       .request_id = UINT64_MAX };
	struct buf head = BUF_INIT;

	wal_batch_encode_head(&b, &head);
	ck_assert_uint_gt(head.n, 20);
	ck_assert_uint_le(head.n + WRITE_MESSAGE_MAX, WAL_PAYLOAD_MAX);
	buf_fini(&head);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_header_comes_back_and_every_flipped_bit_is_noticed);
	tcase_add_test(tc, a_record_is_laid_out_as_documented);
	tcase_add_test(tc, a_prepared_segment_is_preallocated_zeros_under_its_name);
	tcase_add_test(tc, a_segment_that_exists_is_not_prepared_again);
	tcase_add_test(tc, all_bytes_that_reach_the_file_are_counted);
	tcase_add_test(tc, records_promise_what_was_synced_when_they_were_written);
	tcase_add_test(tc, a_segment_grows_beyond_what_was_preallocated);
	tcase_add_test(tc, nothing_reaches_the_file_before_write);
	tcase_add_test(tc, the_origin_state_opens_a_segment_and_uses_no_sequence);
	tcase_add_test(tc, records_hold_only_for_their_database_and_segment);
	tcase_add_test(tc, what_a_record_says_of_its_length_costs_no_memory_beyond_what_a_writer_makes);
	tcase_add_test(tc, the_largest_request_that_is_taken_makes_a_record_that_is_read);
}

CHECK_MAIN("engine/wal", suite)
