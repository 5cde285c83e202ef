/* SPDX-License-Identifier: Apache-2.0 */
/* File names: what is made is parsed back, and nothing else is taken for ours. */
#include "common/table/filename.h"
#include "t/check_main.h"

START_TEST(names_stand_where_the_layout_says)
{
	static const struct { struct path (*make)(const char *); const char *want;
	} dirs[] = {
		{ path_manifest, "/d/manifest.db" },
		{ path_wal_dir, "/d/wal" },
		{ path_sst_dir, "/d/sst" },
		{ path_tmp_dir, "/d/tmp" },
		{ path_quarantine_dir, "/d/quarantine" },
		{ path_lock, "/d/LOCK" },
		{ path_ballast, "/d/ballast" },
		{ path_control_socket, "/d/control.sock" },
		{ path_handoff_socket, "/d/memtables.sock" },
	};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		ck_assert_str_eq(dirs[i].make("/d").s, dirs[i].want);
	ck_assert_str_eq(path_wal("/d", file_id(12)).s, "/d/wal/wal_12.log");
	ck_assert_str_eq(path_sst("/d", file_id(7)).s, "/d/sst/sstable_7.sst");
	ck_assert_str_eq(path_tmp_sst("/d", file_id(7)).s, "/d/tmp/sstable_7.sst");
	ck_assert_str_eq(path_frontend_socket("/d", 3).s, "/d/frontend-3.ipc");
	ck_assert_str_eq(path_compactor_socket("/d", 0).s, "/d/compactor-0.ipc");
	ck_assert_str_eq(path_join("/d", "x").s, "/d/x");
}
END_TEST

START_TEST(a_made_name_is_parsed_back)
{
	static const uint64_t ids[] = { 1, 9, 10, 1234567890, UINT64_MAX };

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct path wal = path_wal("/d", file_id(ids[i])), sst = path_sst("/d", file_id(ids[i]));
		struct file_id id;

		ck_assert_int_eq(path_parse(strrchr(wal.s, '/') + 1, &id), DATA_NAME_WAL);
		ck_assert(id.v == ids[i]);
		ck_assert_int_eq(path_parse(strrchr(sst.s, '/') + 1, &id), DATA_NAME_SST);
		ck_assert(id.v == ids[i]);
	}
}
END_TEST

START_TEST(a_name_that_we_would_not_make_is_not_ours)
{
	static const char *const names[] = {
		"",
		"wal_",
		"wal_.log",
		"wal_0.log",
		"wal_01.log",
		"wal_1.logs",
		"wal_1.lo",
		"wal_1",
		"wal_1.sst",
		"wal_+1.log",
		"wal_-1.log",
		"wal_ 1.log",
		"wal_1 .log",
		"Wal_1.log",
		"xwal_1.log",
		"sstable_1.log",
		"sstable_1.sst~",
		"sstable_.sst",
		"sstable_1a.sst",
		"sstable_18446744073709551616.sst",
		"sstable_99999999999999999999999.sst",
		"LOCK",
		"manifest.db",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct file_id id = { 5 };

		ck_assert_int_eq(path_parse(names[i], &id), DATA_NAME_OTHER);
		ck_assert_uint_eq(id.v, 0);
	}
}
END_TEST

START_TEST(the_longest_directory_and_the_longest_name_fit)
{
	char dir[CONF_STR_MAX], name[256];

	memset(dir, 'd', sizeof(dir));
	dir[sizeof(dir) - 1] = 0;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = 0;
	ck_assert_uint_eq(strlen(path_join(path_quarantine_dir(dir).s, name).s),
			  sizeof(dir) - 1 + strlen("/quarantine/") + 255);
}
END_TEST

START_TEST(a_parent_is_what_stands_before_the_last_slash)
{
	ck_assert_str_eq(path_parent("/a/b/c").s, "/a/b");
	ck_assert_str_eq(path_parent("a/b").s, "a");
	ck_assert_str_eq(path_parent("/a").s, "/");
	ck_assert_str_eq(path_parent("a").s, ".");
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_parent_is_what_stands_before_the_last_slash);
	tcase_add_test(tc, names_stand_where_the_layout_says);
	tcase_add_test(tc, a_made_name_is_parsed_back);
	tcase_add_test(tc, a_name_that_we_would_not_make_is_not_ours);
	tcase_add_test(tc, the_longest_directory_and_the_longest_name_fit);
}

CHECK_MAIN("table/filename", suite)
