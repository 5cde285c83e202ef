/* SPDX-License-Identifier: Apache-2.0 */
/* Entity tags: what a field means, by table, and what is no list of tags. */
#include "frontend/etag.h"

#include "t/check_main.h"

static const struct {
	const char *field;
	enum etag_form form;
	uint64_t version;
	bool strong, weak;               /* matches version 17 */
} fields[] = {
	{ "*", ETAG_ANY, 0, true, true },
	{ "\"17\"", ETAG_ONE, 17, true, true },
	{ " \"17\"\t", ETAG_ONE, 17, true, true },
	{ "W/\"17\"", ETAG_ONE, 0, false, true },
	{ "\"18\"", ETAG_ONE, 18, false, false },
	{ "\"\"", ETAG_ONE, 0, false, false },
	{ "\"017\"", ETAG_ONE, 0, false, false },
	{ "\"17 \"", ETAG_ONE, 0, false, false },
	{ "\"abc,def\"", ETAG_ONE, 0, false, false },
	{ "\"99999999999999999999999\"", ETAG_ONE, 0, false, false },
	{ "\"1\", \"17\"", ETAG_LIST, 17, true, true },
	{ "\"17\",\"1\" , W/\"2\"", ETAG_LIST, 0, true, true },
	{ "\"1\",\"2\"", ETAG_LIST, 2, false, false },
	{ "\"17\",", ETAG_ONE, 17, true, true },
	{ ", \"17\"", ETAG_ONE, 17, true, true },
	{ "\"1\", ,\t,\"17\" ,", ETAG_LIST, 17, true, true },
};

START_TEST(fields_mean_what_the_table_says)
{
	size_t i;

	for (i = 0; i < sizeof fields / sizeof *fields; i++) {
		struct slice field = slice_str(fields[i].field);
		struct etag_set strong = etag_read(field, 17, false), weak = etag_read(field, 17, true);

		ck_assert_msg(strong.form == fields[i].form && weak.form == fields[i].form, "form of %s", fields[i].field);
		ck_assert_msg(strong.matches == fields[i].strong && weak.matches == fields[i].weak, "matches of %s",
			      fields[i].field);
		ck_assert_msg(strong.version == fields[i].version, "version of %s", fields[i].field);
	}
}
END_TEST

START_TEST(what_is_no_list_of_tags_is_malformed)
{
	static const char *const wrong[] = { "", " ", "17", "\"17", "17\"", "w/\"17\"", "W\"17\"", "W/ \"17\"", ",", " , ,", "\"1\",x", "x,\"1\"",
					     "\"1\" \"2\"", "*,\"1\"", "\"1\",*", "**", "\"1\"x" };
	size_t i;

	for (i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(etag_read(slice_str(wrong[i]), 17, true).form == ETAG_MALFORMED, "%s was accepted", wrong[i]);
}
END_TEST

START_TEST(a_version_of_none_matches_no_tag)
{
	ck_assert(!etag_read(slice_str("\"0\""), 0, true).matches);
	ck_assert(!etag_read(slice_str("\"abc\""), 0, true).matches);
}
END_TEST

START_TEST(what_is_written_is_read)
{
	struct buf out = BUF_INIT;
	struct slice tag;

	etag_append(&out, 72057594037927935ull);
	ck_assert(slice_eq(buf_slice(&out), slice_str("ETag: \"72057594037927935\"\r\n")));
	tag = slice_of(out.p + 6, out.n - 8);
	ck_assert_uint_eq(etag_read(tag, 0, false).version, 72057594037927935ull);
	buf_fini(&out);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, fields_mean_what_the_table_says);
	tcase_add_test(tc, what_is_no_list_of_tags_is_malformed);
	tcase_add_test(tc, a_version_of_none_matches_no_tag);
	tcase_add_test(tc, what_is_written_is_read);
}

CHECK_MAIN("frontend/etag", add)
