/* SPDX-License-Identifier: Apache-2.0 */
/* The table cache: one open table per id, closed when it should be and never while somebody uses it. */
#include <dirent.h>
#include <pthread.h>
#include <sys/stat.h>

#include "common/table/filename.h"
#include "common/table/table_cache.h"
#include "common/vfs/vfs_impl.h"
#include "t/check_main.h"
#include "t/table_help.h"

static void make_tables(uint64_t n)
{
	help_begin();
	ck_assert_int_eq(mkdir(path_sst_dir(help_dir).s, 0777), 0);
	for (uint64_t id = 1; id <= n; id++) {
		struct help_set s = { NULL, 0, 0 };
		struct path path = path_sst(help_dir, file_id(id));
		char value[32];

		snprintf(value, sizeof(value), "of table %u", (unsigned)id);
		help_add(&s, slice_str("key"), slice_str(value), id, false, 0, 0);
		help_write_to(vfs_posix(), path.s, &s, (struct table_options){ .codec = 0 }, id);
		help_free(&s);
	}
}

/* How many descriptors of this process are tables. */
static unsigned open_tables(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	unsigned n = 0;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d))) {
		char link[300], target[600];
		ssize_t got;

		snprintf(link, sizeof(link), "/proc/self/fd/%s", e->d_name);
		got = readlink(link, target, sizeof(target) - 1);
		if (got > 0) {
			target[got] = 0;
			n += strstr(target, "/sst/sstable_") != NULL;
		}
	}
	closedir(d);
	return n;
}

static struct table_reader *get(struct table_cache *t, uint64_t id)
{
	struct read_cost cost = { .tables = 0 };
	struct table_reader *r;
	struct block_pin pin;
	char want[32];
	struct entry e;

	ck_assert_int_eq(table_cache_get(t, file_id(id), &r), ST_OK);
	ck_assert_uint_eq(table_props(r)->id.v, id);
	ck_assert_int_eq(table_get(r, slice_str("key"), SEQ_MAX, false, &cost, &e, &pin), ST_OK);
	snprintf(want, sizeof(want), "of table %u", (unsigned)id);
	ck_assert(slice_eq(e.value, slice_str(want)));
	block_pin_release(&pin);
	return r;
}

START_TEST(tables_beyond_max_open_are_closed_least_recently_used_first)
{
	struct table_cache *t;
	struct table_reader *r, *again;
	struct table_cache_use use;

	make_tables(200);
	t = table_cache_new(vfs_posix(), help_dir, DATABASE, NULL, 3);
	for (uint64_t id = 1; id <= 200; id++) {
		r = get(t, id);
		table_cache_release(t, &r);
		ck_assert_ptr_null(r);
		ck_assert_uint_eq(open_tables(), id < 3 ? id : 3);
	}
	use = table_cache_use(t);
	ck_assert(use.open == 3 && use.index_bytes > 0 && use.filter_bytes > 0);
	/* 198 to 200 are open; using 198 makes 199 the oldest. */
	unlink(path_sst(help_dir, file_id(199)).s);
	unlink(path_sst(help_dir, file_id(198)).s);
	r = get(t, 198);
	table_cache_release(t, &r);
	r = get(t, 1);
	table_cache_release(t, &r);
	ck_assert_int_eq(table_cache_get(t, file_id(199), &again), ST_NOT_FOUND);
	r = get(t, 198);
	table_cache_release(t, &r);
	table_cache_free(&t);
	ck_assert_uint_eq(open_tables(), 0);
	help_end();
}
END_TEST

START_TEST(tables_in_use_stay_open_and_are_shared_however_many)
{
	struct table_reader *r[100], *same;
	struct table_cache *t;

	make_tables(100);
	t = table_cache_new(vfs_posix(), help_dir, DATABASE, NULL, 2);
	for (uint64_t id = 1; id <= 100; id++)
		r[id - 1] = get(t, id);
	ck_assert_uint_eq(open_tables(), 100);
	ck_assert(table_cache_is_crowded(t));
	ck_assert_int_eq(table_cache_get(t, file_id(50), &same), ST_OK);
	ck_assert_ptr_eq(same, r[49]);
	table_cache_release(t, &same);
	for (uint64_t id = 1; id <= 100; id++)
		table_cache_release(t, &r[id - 1]);
	ck_assert_uint_eq(open_tables(), 2);
	ck_assert(!table_cache_is_crowded(t));
	table_cache_free(&t);
	help_end();
}
END_TEST

START_TEST(indexes_and_filters_are_bounded_in_bytes)
{
	struct table_cache *t;
	struct table_cache_use use;
	size_t of_one;

	make_tables(50);
	t = table_cache_new(vfs_posix(), help_dir, DATABASE, NULL, 100);
	for (uint64_t id = 1; id <= 50; id++) {
		struct table_reader *r = get(t, id);

		table_cache_release(t, &r);
	}
	use = table_cache_use(t);
	ck_assert_uint_eq(use.open, 50);
	of_one = (use.index_bytes + use.filter_bytes) / 50;
	table_cache_set_memory(t, of_one * 10);
	use = table_cache_use(t);
	ck_assert(use.open >= 9 && use.open <= 11 && use.index_bytes + use.filter_bytes <= of_one * 10);
	ck_assert_uint_eq(open_tables(), use.open);
	table_cache_free(&t);
	help_end();
}
END_TEST

START_TEST(a_cache_that_expects_more_than_it_may_hold_is_crowded_from_the_start)
{
	struct table_cache *t;
	struct table_reader *r;

	make_tables(2);
	t = table_cache_new(vfs_posix(), help_dir, DATABASE, NULL, 10);
	ck_assert(!table_cache_expect(t, 10) && !table_cache_is_crowded(t));
	ck_assert(table_cache_expect(t, 11) && table_cache_is_crowded(t));
	ck_assert(!table_cache_expect(t, 12) && table_cache_is_crowded(t));
	ck_assert(table_cache_expect(t, 10) && !table_cache_is_crowded(t));
	r = get(t, 1);
	table_cache_set_memory(t, 5 * (table_cache_use(t).index_bytes + table_cache_use(t).filter_bytes));
	ck_assert(!table_cache_expect(t, 5));
	ck_assert(table_cache_expect(t, 6) && table_cache_is_crowded(t));
	table_cache_release(t, &r);
	table_cache_free(&t);
	help_end();
}
END_TEST

START_TEST(a_missing_file_is_not_found_and_leaves_nothing)
{
	struct table_cache *t;
	struct table_reader *r;

	make_tables(1);
	t = table_cache_new(vfs_posix(), help_dir, DATABASE, NULL, 2);
	ck_assert_int_eq(table_cache_get(t, file_id(2), &r), ST_NOT_FOUND);
	ck_assert_ptr_null(r);
	ck_assert_uint_eq(table_cache_use(t).open, 0);
	table_cache_release(t, &r);
	table_cache_evict(t, file_id(2));
	table_cache_free(&t);
	help_end();
}
END_TEST

START_TEST(a_damaged_table_is_looked_at_once_until_it_is_evicted)
{
	struct path p;
	struct table_cache *t;
	struct table_reader *r;
	FILE *f;

	make_tables(1);
	p = path_sst(help_dir, file_id(1));
	t = table_cache_new(vfs_posix(), help_dir, DATABASE, NULL, 2);
	f = fopen(p.s, "r+b");
	ck_assert_int_eq(fseek(f, -4, SEEK_END), 0);
	ck_assert_uint_eq(fwrite("xxxx", 1, 4, f), 4);
	fclose(f);
	ck_assert_int_eq(table_cache_get(t, file_id(1), &r), ST_CORRUPT);
	ck_assert_int_eq(unlink(p.s), 0);
	ck_assert_int_eq(table_cache_get(t, file_id(1), &r), ST_CORRUPT);
	ck_assert_ptr_null(r);
	table_cache_evict(t, file_id(1));
	ck_assert_int_eq(table_cache_get(t, file_id(1), &r), ST_NOT_FOUND);
	table_cache_free(&t);
	help_end();
}
END_TEST

START_TEST(an_evicted_table_is_closed_at_once_or_with_its_last_user)
{
	struct table_cache *t;
	struct table_reader *a, *b, *fresh;

	make_tables(2);
	t = table_cache_new(vfs_posix(), help_dir, DATABASE, NULL, 10);
	a = get(t, 1);
	table_cache_release(t, &a);
	table_cache_evict(t, file_id(1));
	ck_assert_uint_eq(open_tables(), 0);
	a = get(t, 2);
	b = get(t, 2);
	table_cache_evict(t, file_id(2));
	table_cache_evict(t, file_id(2));
	ck_assert_uint_eq(open_tables(), 1);
	fresh = get(t, 2);
	ck_assert_ptr_ne(fresh, a);
	table_cache_release(t, &a);
	ck_assert_uint_eq(open_tables(), 2);
	table_cache_release(t, &b);
	ck_assert_uint_eq(open_tables(), 1);
	table_cache_release(t, &fresh);
	table_cache_free(&t);
	help_end();
}
END_TEST

START_TEST(find_gives_what_is_open_and_opens_nothing)
{
	struct table_cache *t;
	struct table_reader *r, *found;

	make_tables(1);
	t = table_cache_new(vfs_posix(), help_dir, DATABASE, NULL, 10);
	ck_assert_ptr_null(table_cache_find(t, file_id(1)));
	ck_assert_uint_eq(open_tables(), 0);
	r = get(t, 1);
	table_cache_release(t, &r);
	found = table_cache_find(t, file_id(1));
	ck_assert_ptr_nonnull(found);
	table_cache_evict(t, file_id(1));
	ck_assert_ptr_null(table_cache_find(t, file_id(1)));
	ck_assert_uint_eq(open_tables(), 1);
	table_cache_release(t, &found);
	ck_assert_uint_eq(open_tables(), 0);
	table_cache_free(&t);
	table_cache_free(&t);
	help_end();
}
END_TEST

START_TEST(the_database_is_checked_once_it_is_known)
{
	struct table_cache *t;
	struct table_reader *r;

	make_tables(2);
	t = table_cache_new(vfs_posix(), help_dir, 0, NULL, 10);
	r = get(t, 1);
	table_cache_release(t, &r);
	table_cache_set_database(t, 99);
	ck_assert_uint_eq(table_cache_database(t), 99);
	ck_assert_int_eq(table_cache_get(t, file_id(2), &r), ST_CORRUPT);
	table_cache_free(&t);
	help_end();
}
END_TEST

/* The operating system's files; each open is met by an eviction of what is being opened. */
static struct table_cache *met;

static enum st open_and_evict(struct vfs *v, const char *path, enum vfs_open_flags flags,
			      struct vfs_file **filep)
{
	(void)v;
	table_cache_evict(met, file_id(1));
	return vfs_open(vfs_posix(), path, flags, filep);
}

START_TEST(a_table_evicted_while_it_is_opened_does_not_stay)
{
	static const struct vfs_ops ops = { .open = open_and_evict };
	struct vfs v = { &ops };
	struct table_reader *r, *other;

	make_tables(2);
	met = table_cache_new(&v, help_dir, DATABASE, NULL, 10);
	r = get(met, 1);
	ck_assert_ptr_null(table_cache_find(met, file_id(1)));
	other = get(met, 2);
	table_cache_release(met, &r);
	table_cache_release(met, &other);
	ck_assert_uint_eq(open_tables(), 1);
	table_cache_free(&met);
	help_end();
}
END_TEST

static void *use_and_evict(void *arg)
{
	struct table_cache *t = arg;
	struct rnd rnd = { (uint64_t)(uintptr_t)&rnd };

	for (int i = 0; i < 3000; i++) {
		uint64_t id = 1 + rnd_below(&rnd, 8);
		struct table_reader *r = get(t, id);

		if (rnd_below(&rnd, 5) == 0)
			table_cache_evict(t, file_id(id));
		table_cache_release(t, &r);
	}
	return NULL;
}

START_TEST(threads_that_open_use_and_evict_at_once_agree)
{
	struct table_cache *t;
	pthread_t threads[4];

	make_tables(8);
	t = table_cache_new(vfs_posix(), help_dir, DATABASE, NULL, 3);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, use_and_evict, t), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_le(open_tables(), 3);
	table_cache_free(&t);
	ck_assert_uint_eq(open_tables(), 0);
	help_end();
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, tables_beyond_max_open_are_closed_least_recently_used_first);
	tcase_add_test(tc, indexes_and_filters_are_bounded_in_bytes);
	tcase_add_test(tc, a_cache_that_expects_more_than_it_may_hold_is_crowded_from_the_start);
	tcase_add_test(tc, tables_in_use_stay_open_and_are_shared_however_many);
	tcase_add_test(tc, a_missing_file_is_not_found_and_leaves_nothing);
	tcase_add_test(tc, a_damaged_table_is_looked_at_once_until_it_is_evicted);
	tcase_add_test(tc, an_evicted_table_is_closed_at_once_or_with_its_last_user);
	tcase_add_test(tc, find_gives_what_is_open_and_opens_nothing);
	tcase_add_test(tc, the_database_is_checked_once_it_is_known);
	tcase_add_test(tc, a_table_evicted_while_it_is_opened_does_not_stay);
	tcase_add_test(tc, threads_that_open_use_and_evict_at_once_agree);
}

CHECK_MAIN("table/table_cache", suite)
