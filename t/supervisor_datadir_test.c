/* SPDX-License-Identifier: Apache-2.0 */
/* Taking the data directory: made, refused, locked. */
#include "supervisor/datadir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t/check_main.h"

static char folder[] = "/tmp/lsm-datadir-XXXXXX";

static struct conf settings(const char *name)
{
	struct conf c;
	struct buf complaint = BUF_INIT;

	conf_defaults(&c);
	if (strstr(folder, "XXXXXX"))
		ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(c.data_dir, sizeof c.data_dir, "%s/%s", folder, name);
	ck_assert_int_eq(conf_finish(&c, false, &complaint), ST_OK);
	return c;
}

static void clean(void)
{
	char command[64];

	snprintf(command, sizeof command, "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(a_missing_directory_is_made_with_its_parents)
{
	struct conf c = settings("a/b/c");
	struct buf complaint = BUF_INIT;
	struct stat sb;
	int code = 0;

	ck_assert_int_eq(datadir_take(&c, &complaint, &code), ST_OK);
	ck_assert_int_eq(stat(c.run_dir, &sb), 0);
	ck_assert_int_eq(sb.st_mode & 0777, 0700);
	buf_fini(&complaint);
	clean();
}
END_TEST

START_TEST(a_directory_of_somebody_else_is_refused_and_untouched)
{
	struct conf c = settings("home");
	struct buf complaint = BUF_INIT;
	char name[256];
	int code = 0;
	FILE *f;

	mkdir(c.data_dir, 0700);
	snprintf(name, sizeof name, "%.200s/thesis", c.data_dir);
	f = fopen(name, "w");
	fclose(f);
	ck_assert_int_eq(datadir_take(&c, &complaint, &code), ST_INVALID);
	ck_assert_int_eq(code, EXIT_DATA);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&complaint), "thesis"));
	snprintf(name, sizeof name, "%.200s/LOCK", c.data_dir);
	ck_assert_int_ne(access(name, F_OK), 0);
	buf_fini(&complaint);
	clean();
}
END_TEST

static void make_file(const struct conf *c, const char *file)
{
	char name[256];
	FILE *f;

	snprintf(name, sizeof name, "%.200s/%s", c->data_dir, file);
	f = fopen(name, "w");
	ck_assert_ptr_nonnull(f);
	fclose(f);
}

/* As RocksDB and LevelDB leave them: they have a LOCK, too. */
START_TEST(a_database_of_another_kind_is_refused_although_it_has_a_lock_file)
{
	struct conf c = settings("rocks");
	struct buf complaint = BUF_INIT;
	int code = 0;

	mkdir(c.data_dir, 0700);
	make_file(&c, "LOCK");
	make_file(&c, "CURRENT");
	ck_assert_int_eq(datadir_take(&c, &complaint, &code), ST_INVALID);
	ck_assert_int_eq(code, EXIT_DATA);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&complaint), "CURRENT"));
	buf_fini(&complaint);
	clean();
}
END_TEST

/* A crash before the manifest was made. */
START_TEST(what_a_start_left_behind_that_did_not_come_far_is_no_stranger)
{
	struct conf c = settings("young");
	struct buf complaint = BUF_INIT;
	int code = 0;

	snprintf(c.run_dir, sizeof c.run_dir, "%.200s/sockets/here", c.data_dir);
	ck_assert_int_eq(datadir_take(&c, &complaint, &code), ST_OK);
	make_file(&c, "ballast");
	ck_assert_int_eq(datadir_take(&c, &complaint, &code), ST_OK);
	buf_fini(&complaint);
	clean();
}
END_TEST

START_TEST(a_second_one_is_refused_with_the_pid_of_the_first)
{
	struct conf c = settings("db");
	struct buf complaint = BUF_INIT;
	char expected[32];
	int code = 0, status;
	pid_t child;

	ck_assert_int_eq(datadir_take(&c, &complaint, &code), ST_OK);
	snprintf(expected, sizeof expected, "pid %d ", (int)getpid());
	child = fork();
	if (child == 0) {
		bool as_promised = datadir_take(&c, &complaint, &code) == ST_INVALID && code == EXIT_LOCKED &&
				   strstr(buf_cstr(&complaint), expected);
		_exit(as_promised ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	buf_fini(&complaint);
	clean();
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_missing_directory_is_made_with_its_parents);
	tcase_add_test(tc, a_directory_of_somebody_else_is_refused_and_untouched);
	tcase_add_test(tc, a_database_of_another_kind_is_refused_although_it_has_a_lock_file);
	tcase_add_test(tc, what_a_start_left_behind_that_did_not_come_far_is_no_stranger);
	tcase_add_test(tc, a_second_one_is_refused_with_the_pid_of_the_first);
}

CHECK_MAIN("supervisor/datadir", suite)
