/* SPDX-License-Identifier: Apache-2.0 */
/* Shares of memory and descriptors, by table. */
#include "frontend/shares.h"

#include "t/check_main.h"

#define MIB (UINT64_C(1) << 20)

START_TEST(blocks_get_what_indexes_and_filters_leave_and_never_less_than_an_eighth)
{
	static const struct { uint64_t limit, cache, memtables, held, blocks, tables; unsigned workers; uint64_t engine; } rows[] = {
		{ 0, 256 * MIB, 0, 0, 256 * MIB, 224 * MIB, 1, 0 },
		{ 0, 256 * MIB, 999 * MIB, 0, 256 * MIB, 224 * MIB, 1, 0 },         /* memtables are beside CACHE_SIZE_LIMIT */
		{ 0, 256 * MIB, 0, 0, 64 * MIB, 56 * MIB, 4, 0 },
		{ 0, 256 * MIB, 0, 100 * MIB, 156 * MIB, 224 * MIB, 1, 0 },
		{ 0, 256 * MIB, 0, 224 * MIB, 32 * MIB, 224 * MIB, 1, 0 },
		{ 0, 256 * MIB, 0, 900 * MIB, 32 * MIB, 224 * MIB, 1, 0 },
		{ 0, 0, 0, 5 * MIB, 0, 8 * MIB, 1, 0 },
		{ 1024 * MIB, 1, 24 * MIB, 0, 1000 * MIB, 875 * MIB, 1, 0 },
		{ 1024 * MIB, 1, 224 * MIB, 100 * MIB, 300 * MIB, 350 * MIB, 2, 0 },
		{ 100 * MIB, 1, 200 * MIB, 0, 0, 8 * MIB, 1, 0 },
		{ 0, 256 * MIB, 0, 0, 120 * MIB, 105 * MIB, 2, 16 * MIB },
		{ 1024 * MIB, 1, 200 * MIB, 100 * MIB, 300 * MIB, 350 * MIB, 2, 24 * MIB },
		{ 0, 0, 0, 0, 0, 8 * MIB, 1, 1 * MIB },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct memory_setup m = { .memory_limit = rows[i].limit, .cache_size_limit = rows[i].cache,
					  .workers = rows[i].workers };
		struct memory_share s = memory_share(&m, &(struct memory_taken){ rows[i].memtables, rows[i].engine, rows[i].held });

		ck_assert_msg(s.block_bytes == rows[i].blocks && s.table_bytes == rows[i].tables, "row %zu: %llu, %llu", i,
			      (unsigned long long)s.block_bytes, (unsigned long long)s.table_bytes);
	}
}
END_TEST

START_TEST(under_one_limit_all_parts_together_stay_within_it)
{
	for (uint64_t memtables = 0; memtables <= 200; memtables += 25)
		for (uint64_t held = 0; held <= 350; held += 7) {
			struct memory_setup m = { .memory_limit = 1024 * MIB, .workers = 2 };
			struct memory_taken taken = { memtables * MIB, 24 * MIB, held * MIB };
			struct memory_share s = memory_share(&m, &taken);

			ck_assert_uint_le(2 * s.table_bytes, 1024 * MIB - (memtables + 24) * MIB);
			if (held * MIB <= s.table_bytes)
				ck_assert_uint_le((memtables + 24) * MIB + 2 * (held * MIB + s.block_bytes), 1024 * MIB);
		}
}
END_TEST

START_TEST(the_parts_of_all_frontends_are_the_whole_budget)
{
	struct memory_setup m = { .cache_size_limit = 1000, .memtable_size_limit = 100, .workers = 3 };
	uint64_t sum = 0;

	for (m.index = 0; m.index < 3; m.index++)
		sum += memory_budget_part(&m);
	ck_assert_uint_eq(sum, 1400);
	m.memory_limit = 77;
	m.index = 0;
	ck_assert_uint_eq(memory_budget_part(&m), 27);
}
END_TEST

START_TEST(connections_get_what_was_asked_for_and_tables_at_least_a_quarter)
{
	static const struct { uint64_t limit, asked, connections; size_t tables, snapshots; } rows[] = {
		{ 1048576, 10000, 10000, 1038192, 320 },
		{ 20000, 10000, 10000, 9616, 320 },
		{ 13717, 10000, 10000, 3333, 320 },
		{ 1024, 10000, 630, 210, 120 },
		{ 1024, 16, 16, 824, 120 },
		{ 128, 10000, 36, 12, 16 },
	};
	struct descriptor_share s;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ck_assert(descriptor_share(rows[i].limit, rows[i].asked, &s));
		ck_assert_msg(s.connections == rows[i].connections && s.tables == rows[i].tables && s.snapshots == rows[i].snapshots,
			      "row %zu: %llu, %zu, %zu", i, (unsigned long long)s.connections, s.tables, s.snapshots);
		ck_assert_uint_le(s.connections + s.tables + s.snapshots, rows[i].limit - 64);
	}
	ck_assert(!descriptor_share(127, 16, &s));
	ck_assert(!descriptor_share(0, 16, &s));
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, blocks_get_what_indexes_and_filters_leave_and_never_less_than_an_eighth);
	tcase_add_test(tc, under_one_limit_all_parts_together_stay_within_it);
	tcase_add_test(tc, the_parts_of_all_frontends_are_the_whole_budget);
	tcase_add_test(tc, connections_get_what_was_asked_for_and_tables_at_least_a_quarter);
}

CHECK_MAIN("frontend/shares", suite)
