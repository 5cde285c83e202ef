/* SPDX-License-Identifier: Apache-2.0 */
/* compactor/drop.c by table: a stream of entries, the ranges below, the fate of each entry as a letter. */
#include "t/check_main.h"

#include "common/base/rand.h"
#include "compactor/drop.h"

#define NOW_MS 1000

/* One entry as text: the key, then '+' put, '-' tombstone, 'x' expired at NOW_MS, 'l' expires later. */
static struct entry entry_of(const char *text)
{
	size_t n = strlen(text);
	struct entry e = { .key = slice_of(text, n - 1) };

	e.is_tombstone = text[n - 1] == '-';
	e.expires_at_ms = text[n - 1] == 'x' ? NOW_MS : text[n - 1] == 'l' ? NOW_MS + 1 : 0;
	return e;
}

/* Feeds the words of stream; fates: k kept, o overwritten, t tombstone dropped, e expired dropped, b buried, one
 * per word. */
static void expect(const char *stream, const struct key_range *deeper, size_t deeper_count, const char *fates)
{
	static const char letters[] = { [DROP_KEEP] = 'k', [DROP_OVERWRITTEN] = 'o', [DROP_TOMBSTONE] = 't',
					[DROP_EXPIRED] = 'e', [DROP_BURIED] = 'b' };
	char copy[200], got[64] = "", *rest = copy, *word;
	struct drop d;
	size_t n = 0;

	ck_assert(strlen(stream) < sizeof copy);
	strcpy(copy, stream);
	drop_init(&d, deeper, deeper_count, NOW_MS);
	while ((word = strsep(&rest, " ")) != NULL) {
		struct entry e = entry_of(word);
		enum drop_verdict v;

		ck_assert_int_eq(drop_next(&d, &e, &v), ST_OK);
		memset(word, '~', strlen(word));          /* the key was a loan for the call */
		got[n++] = letters[v];
	}
	ck_assert_str_eq(got, fates);
	drop_fini(&d);
}

static struct key_range range(const char *min, const char *max)
{
	return (struct key_range){ slice_str(min), slice_str(max) };
}

START_TEST(newest_version_wins_and_older_ones_go)
{
	expect("a+ a+ a+ b+ c+ c+", NULL, 0, "kookko");
}
END_TEST

START_TEST(older_versions_go_even_where_deeper_ranges_cover_the_key)
{
	struct key_range deeper[] = { range("a", "z") };

	expect("a+ a- a+", deeper, 1, "koo");
}
END_TEST

START_TEST(tombstone_goes_with_what_it_hides_when_nothing_lies_deeper)
{
	expect("a- a+ b- c+ c-", NULL, 0, "totko");
}
END_TEST

START_TEST(tombstone_stays_where_a_deeper_range_covers_its_key)
{
	struct key_range deeper[] = { range("b", "d"), range("f", "f") };

	expect("a- b- c- d- dd- e- f- f+ g-", deeper, 2, "tkkkttkot");
}
END_TEST

START_TEST(range_ends_are_included_and_their_neighbours_are_not)
{
	struct key_range deeper[] = { range("bb", "bd") };

	expect("b- ba- bb- bba- bd- bda- c-", deeper, 1, "ttkkktt");
}
END_TEST

START_TEST(long_range_covers_keys_behind_the_end_of_a_later_short_one)
{
	struct key_range deeper[] = { range("a", "m"), range("b", "c"), range("d", "e") };

	expect("a- c- cc- f- m- n-", deeper, 3, "kkkkkt");
}
END_TEST

START_TEST(keys_between_two_tombstones_do_not_lose_the_ranges_they_pass)
{
	struct key_range deeper[] = { range("c", "k") };

	expect("a+ d+ e+ f- l-", deeper, 1, "kkkkt");
}
END_TEST

START_TEST(expired_entry_goes_when_nothing_lies_deeper)
{
	expect("ax a+ bl b+ c+", NULL, 0, "eokok");
}
END_TEST

START_TEST(expired_entry_becomes_a_tombstone_where_a_deeper_range_covers_its_key)
{
	struct key_range deeper[] = { range("a", "b") };

	expect("ax a+ bx cx", deeper, 1, "bobe");
}
END_TEST

START_TEST(entry_lives_until_its_millisecond)
{
	expect("al bx", NULL, 0, "ke");
}
END_TEST

START_TEST(expired_older_version_counts_as_overwritten)
{
	expect("a+ ax", NULL, 0, "ko");
}
END_TEST

START_TEST(key_that_goes_back_is_refused)
{
	struct entry b = entry_of("b+"), a = entry_of("a+");
	enum drop_verdict v;
	struct drop d;

	drop_init(&d, NULL, 0, NOW_MS);
	ck_assert_int_eq(drop_next(&d, &b, &v), ST_OK);
	ck_assert_int_eq(drop_next(&d, &a, &v), ST_CORRUPT);
	drop_fini(&d);
}
END_TEST

START_TEST(coverage_agrees_with_looking_at_every_range)
{
	struct rnd rnd = { 20260122 };

	for (unsigned round = 0; round < 500; round++) {
		struct key_range deeper[8];
		uint8_t bytes[8][2], key;
		size_t n = rnd_below(&rnd, 9);
		struct drop d;

		for (size_t i = 0, min = 0; i < n; i++) {
			min += rnd_below(&rnd, 20);
			bytes[i][0] = (uint8_t)min;
			bytes[i][1] = (uint8_t)(min + rnd_below(&rnd, 40));
			deeper[i].min = slice_of(&bytes[i][0], 1);
			deeper[i].max = slice_of(&bytes[i][1], 1);
		}
		drop_init(&d, deeper, n, NOW_MS);
		for (unsigned k = 0; k < 255; k += 1 + (unsigned)rnd_below(&rnd, 4)) {
			struct entry e = { .key = slice_of(&key, 1), .is_tombstone = true };
			bool covered = false;
			enum drop_verdict v;

			key = (uint8_t)k;
			for (size_t i = 0; i < n; i++)
				covered |= bytes[i][0] <= k && k <= bytes[i][1];
			ck_assert_int_eq(drop_next(&d, &e, &v), ST_OK);
			ck_assert_int_eq(v, covered ? DROP_KEEP : DROP_TOMBSTONE);
		}
		drop_fini(&d);
	}
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, newest_version_wins_and_older_ones_go);
	tcase_add_test(tc, older_versions_go_even_where_deeper_ranges_cover_the_key);
	tcase_add_test(tc, tombstone_goes_with_what_it_hides_when_nothing_lies_deeper);
	tcase_add_test(tc, tombstone_stays_where_a_deeper_range_covers_its_key);
	tcase_add_test(tc, range_ends_are_included_and_their_neighbours_are_not);
	tcase_add_test(tc, long_range_covers_keys_behind_the_end_of_a_later_short_one);
	tcase_add_test(tc, keys_between_two_tombstones_do_not_lose_the_ranges_they_pass);
	tcase_add_test(tc, expired_entry_goes_when_nothing_lies_deeper);
	tcase_add_test(tc, expired_entry_becomes_a_tombstone_where_a_deeper_range_covers_its_key);
	tcase_add_test(tc, entry_lives_until_its_millisecond);
	tcase_add_test(tc, expired_older_version_counts_as_overwritten);
	tcase_add_test(tc, key_that_goes_back_is_refused);
	tcase_add_test(tc, coverage_agrees_with_looking_at_every_range);
}

CHECK_MAIN("compactor/drop", suite)
