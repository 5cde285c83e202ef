/* SPDX-License-Identifier: Apache-2.0 */
/* The report of damage: round trip, generated code, and that it is never taken for a write request nor the other way round. */
#include "proto/damage_report.h"

#include "proto/write.h"
#include "proto/write.pb-c.h"
#include "t/check_main.h"
#include "t/proto_hostile.h"

static struct buf some_report(size_t n)
{
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		damage_report_add(&out, (struct damaged_block){ file_id(7 + i), i == 1 ? DAMAGE_WHOLE : 4096 * i });
	return out;
}

START_TEST(report_comes_out_as_it_went_in)
{
	struct damaged_block b[DAMAGE_REPORT_MAX];
	struct buf m = some_report(3);
	Lsm__DamageReport *g = lsm__damage_report__unpack(NULL, m.n, m.p);
	size_t n;

	ck_assert(damage_report_is(buf_slice(&m)));
	ck_assert_int_eq(damage_report_decode(buf_slice(&m), b, &n), ST_OK);
	ck_assert_uint_eq(n, 3);
	ck_assert(b[0].table.v == 7 && b[0].offset == 0);
	ck_assert(b[1].table.v == 8 && b[1].offset == DAMAGE_WHOLE);
	ck_assert(b[2].table.v == 9 && b[2].offset == 8192);
	ck_assert(g && g->n_blocks == 3 && g->blocks[2]->table == 9 && g->blocks[2]->offset == 8192);
	lsm__damage_report__free_unpacked(g, NULL);
	buf_fini(&m);
}
END_TEST

START_TEST(a_report_is_no_write_request_and_a_write_request_no_report)
{
	struct write_request w = { .incarnation = 1, .origin = 2, .request_id = 3, .oldest_unanswered = 3 }, back;
	struct write_counts counts;
	struct buf m = BUF_INIT, report = some_report(1);

	write_request_encode(&w, &m);
	ck_assert(!damage_report_is(buf_slice(&m)));
	ck_assert(!damage_report_is(slice_of(NULL, 0)));
	ck_assert_int_ne(write_request_decode(buf_slice(&report), &back, &counts), ST_OK);
	buf_fini(&m);
	buf_fini(&report);
}
END_TEST

START_TEST(a_report_has_at_most_its_number_of_blocks)
{
	struct damaged_block b[DAMAGE_REPORT_MAX];
	struct buf m = some_report(DAMAGE_REPORT_MAX);
	size_t n;

	ck_assert_int_eq(damage_report_decode(buf_slice(&m), b, &n), ST_OK);
	ck_assert_uint_eq(n, DAMAGE_REPORT_MAX);
	damage_report_add(&m, (struct damaged_block){ file_id(1), 0 });
	ck_assert_int_eq(damage_report_decode(buf_slice(&m), b, &n), ST_TOO_BIG);
	buf_fini(&m);
}
END_TEST

static void try_report(struct slice message)
{
	struct damaged_block b[DAMAGE_REPORT_MAX];
	size_t n;

	if (damage_report_decode(message, b, &n) == ST_OK)
		for (size_t i = 0; i < n; i++)
			ck_assert_uint_ne(b[i].table.v, 0);
}

START_TEST(hostile_reports_are_refused_or_sound)
{
	struct buf m = some_report(5);

	hostile_all(try_report, buf_slice(&m));
	buf_fini(&m);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, report_comes_out_as_it_went_in);
	tcase_add_test(tc, a_report_is_no_write_request_and_a_write_request_no_report);
	tcase_add_test(tc, a_report_has_at_most_its_number_of_blocks);
	tcase_add_test(tc, hostile_reports_are_refused_or_sound);
}

CHECK_MAIN("proto/damage_report", suite)
