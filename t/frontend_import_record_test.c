/* SPDX-License-Identifier: Apache-2.0 */
/* Records of imports: cut where they end, read as they were written, and anything else refused with a sentence. */
#include "frontend/import_record.h"

#include "frontend/entry_text.h"
#include "proto/write.h"
#include "t/check_main.h"

static struct buf batch, complaint;

static enum problem read_record(enum import_form form, struct slice s)
{
	buf_reset(&batch);
	buf_reset(&complaint);
	return import_record_read(form, s, &batch, &complaint);
}

/* The one put of the batch. */
static struct write_op written(void)
{
	struct buf batches = BUF_INIT;
	struct slice rest, one;
	struct write_ask ask;

	write_request_add_batch(&batches, buf_slice(&batch));
	rest = buf_slice(&batches);
	ck_assert(write_batches_next(&rest, &one));
	one = buf_slice(&batch);
	ck_assert(write_asks_next(&one, &ask));
	ck_assert(!write_asks_next(&one, &ask) || one.n == 0);
	buf_fini(&batches);
	return ask.op;
}

START_TEST(what_an_export_writes_an_import_reads)
{
	static const char *const values[] = { "", "plain", "q\"\\\n\x01", "\xff\xfe", "\xc3\xa4" };
	static const int64_t expiries[] = { 0, 1, 1705935600250, 253402300799999 };

	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		for (size_t k = 0; k < sizeof expiries / sizeof *expiries; k++) {
			struct entry e = { .key = slice_of("k\0\xff", 3), .value = slice_str(values[i]), .seq = seq(9),
					   .timestamp_ms = 5, .expires_at_ms = expiries[k] };

			for (unsigned form = IMPORT_LINES; form <= IMPORT_PROTOBUF; form++) {
				struct buf text = BUF_INIT;
				struct slice inside;
				struct write_op op;
				size_t used;

				if (form == IMPORT_LINES)
					entry_text_json(&text, &e, false);
				else
					entry_text_protobuf(&text, &e);
				if (form == IMPORT_LINES)
					buf_append_byte(&text, '\n');
				ck_assert_int_eq(import_cut(form, buf_slice(&text), false, &inside, &used), IMPORT_RECORD);
				ck_assert_uint_eq(used, text.n);
				ck_assert_int_eq(read_record(form, inside), PROBLEM_NONE);
				op = written();
				ck_assert(slice_eq(op.key, e.key) && slice_eq(op.value, e.value) && !op.is_delete);
				ck_assert_int_eq(op.expires_at_ms, e.expires_at_ms);
				buf_fini(&text);
			}
		}
}
END_TEST

START_TEST(records_are_cut_where_they_end)
{
	static const struct { enum import_form form; const char *bytes; size_t n; bool at_end; enum import_cut cut; size_t used; } cases[] = {
		{ IMPORT_LINES, "{}\n{}\n", 6, false, IMPORT_RECORD, 3 },
		{ IMPORT_LINES, "{}", 2, false, IMPORT_MORE, 0 },
		{ IMPORT_LINES, "{}", 2, true, IMPORT_RECORD, 2 },
		{ IMPORT_LINES, " \r\n{}\n", 6, false, IMPORT_BLANK, 3 },
		{ IMPORT_LINES, "", 0, true, IMPORT_MORE, 0 },
		{ IMPORT_PROTOBUF, "\x02xy\x01", 4, false, IMPORT_RECORD, 3 },
		{ IMPORT_PROTOBUF, "\x03xy", 3, false, IMPORT_MORE, 0 },
		{ IMPORT_PROTOBUF, "\x03xy", 3, true, IMPORT_BAD, 0 },
		{ IMPORT_PROTOBUF, "\x80", 1, false, IMPORT_MORE, 0 },
		{ IMPORT_PROTOBUF, "\x80", 1, true, IMPORT_BAD, 0 },
		{ IMPORT_PROTOBUF, "\xff\xff\xff\xff\x7f", 5, false, IMPORT_BAD, 0 },
		{ IMPORT_PROTOBUF, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11, false, IMPORT_BAD, 0 },
		{ IMPORT_PROTOBUF, "", 0, true, IMPORT_MORE, 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice inside;
		size_t used = 0;

		ck_assert_msg(import_cut(cases[i].form, slice_of(cases[i].bytes, cases[i].n), cases[i].at_end, &inside, &used) ==
			      cases[i].cut, "case %zu", i);
		ck_assert_msg(used == cases[i].used, "case %zu", i);
	}
}
END_TEST

START_TEST(what_is_no_entry_is_refused_with_a_sentence)
{
	static const struct { const char *line; enum problem problem; } cases[] = {
		{ "x", PROBLEM_JSON_INVALID },
		{ "[]", PROBLEM_JSON_INVALID },
		{ "{\"key\":\"a\"}", PROBLEM_FIELD_MISSING },
		{ "{\"value\":\"a\"}", PROBLEM_FIELD_MISSING },
		{ "{\"key\":\"\",\"value\":\"a\"}", PROBLEM_KEY_EMPTY },
		{ "{\"key\":1,\"value\":\"a\"}", PROBLEM_FIELD_TYPE },
		{ "{\"key\":\"a\",\"key_base64\":\"YQ==\",\"value\":\"a\"}", PROBLEM_FIELD_VALUE },
		{ "{\"key\":\"a\",\"value_base64\":\"?\"}", PROBLEM_FIELD_VALUE },
		{ "{\"key\":\"a\",\"value\":\"b\",\"key\":\"c\"}", PROBLEM_JSON_INVALID },
		{ "{\"key\":\"a\",\"value\":\"b\",\"expires_at\":-1}", PROBLEM_FIELD_VALUE },
		{ "{\"key\":\"a\",\"value\":\"b\",\"expires_at\":\"1\"}", PROBLEM_FIELD_TYPE },
		{ "{\"key\":\"a\",\"value\":\"b\",\"version\":\"1\"}", PROBLEM_FIELD_TYPE },
		{ "{\"key\":\"a\",\"value\":\"b\",\"k\":1}", PROBLEM_FIELD_UNKNOWN },
		{ "{\"error\":{\"code\":\"corrupt\"}}", PROBLEM_FIELD_UNKNOWN },
	};
	static const struct { const char *bytes; size_t n; enum problem problem; } messages[] = {
		{ "", 0, PROBLEM_KEY_EMPTY },
		{ "\x0a\x01", 2, PROBLEM_INVALID },
		{ "\x0a\x01k\x20\x01", 5, PROBLEM_FIELD_VALUE },       /* a tombstone */
		{ "\x0a\x01k\x3a\x01x", 6, PROBLEM_FIELD_VALUE },      /* field 7 */
		{ "\x08\x01", 2, PROBLEM_FIELD_VALUE },                /* a key that is a number */
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ck_assert_msg(read_record(IMPORT_LINES, slice_str(cases[i].line)) == cases[i].problem, "%s", cases[i].line);
		ck_assert(complaint.n > 0 && batch.n == 0);
	}
	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
		ck_assert_msg(read_record(IMPORT_PROTOBUF, slice_of(messages[i].bytes, messages[i].n)) == messages[i].problem, "message %zu", i);
		ck_assert(complaint.n > 0 && batch.n == 0);
	}
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, what_an_export_writes_an_import_reads);
	tcase_add_test(tc, records_are_cut_where_they_end);
	tcase_add_test(tc, what_is_no_entry_is_refused_with_a_sentence);
}

CHECK_MAIN("frontend/import_record", add)
