/* SPDX-License-Identifier: Apache-2.0 */
/* The operating system's files behind vfs.h. */
#include "common/vfs/vfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "t/check_main.h"

static char dir[200];

static void begin(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof dir, "%s/vfs_test.XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void end(void)
{
	char command[300];

	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

/* The path of a name in the test's directory; good until the fourth call from now. */
static const char *at(const char *name)
{
	static char paths[4][300];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", dir, name);
	return path;
}

static struct vfs_file *open_at(const char *name, enum vfs_open_flags flags)
{
	struct vfs_file *f;

	ck_assert_int_eq(vfs_open(vfs_posix(), at(name), flags, &f), ST_OK);
	return f;
}

static void make(const char *name, const char *content)
{
	struct vfs_file *f = open_at(name, VFS_CREATE);

	ck_assert_int_eq(vfs_write(f, content, strlen(content), 0), ST_OK);
	vfs_close(&f);
	ck_assert_ptr_null(f);
}

static void expect(const char *name, const char *content)
{
	uint8_t *bytes;
	size_t n;

	ck_assert_int_eq(vfs_slurp(vfs_posix(), at(name), 1000, &bytes, &n), ST_OK);
	ck_assert(slice_eq(slice_of(bytes, n), slice_str(content)));
	mem_free(bytes);
}

static bool exists(const char *name)
{
	bool yes;

	ck_assert_int_eq(vfs_exists(vfs_posix(), at(name), &yes), ST_OK);
	return yes;
}

/* ---- files ---- */

START_TEST(written_bytes_are_read_back_at_their_offsets)
{
	struct vfs_file *f;
	char bytes[10] = "";
	uint64_t size;
	size_t got;

	begin();
	f = open_at("f", VFS_CREATE);
	ck_assert_int_eq(vfs_write(f, "world", 5, 6), ST_OK);
	ck_assert_int_eq(vfs_write(f, "hello ", 6, 0), ST_OK);
	ck_assert_int_eq(vfs_sync_data(f), ST_OK);
	ck_assert_int_eq(vfs_sync(f), ST_OK);
	ck_assert_int_eq(vfs_size(f, &size), ST_OK);
	ck_assert_uint_eq(size, 11);
	ck_assert_int_eq(vfs_read(f, bytes, 10, 4, false, &got), ST_OK);
	ck_assert_uint_eq(got, 7);
	ck_assert_int_eq(memcmp(bytes, "o world", 7), 0);
	ck_assert_int_eq(vfs_read(f, bytes, 10, 11, false, &got), ST_OK);
	ck_assert_uint_eq(got, 0);
	vfs_close(&f);
	end();
}
END_TEST

START_TEST(opening_follows_its_flags)
{
	struct vfs_file *f;

	begin();
	ck_assert_int_eq(vfs_open(vfs_posix(), at("f"), VFS_READ, &f), ST_NOT_FOUND);
	ck_assert_ptr_null(f);
	ck_assert_int_eq(vfs_open(vfs_posix(), at("f"), VFS_WRITE, &f), ST_NOT_FOUND);
	ck_assert_int_eq(vfs_open(vfs_posix(), at("no/f"), VFS_CREATE, &f), ST_NOT_FOUND);
	make("f", "x");
	ck_assert_int_eq(vfs_open(vfs_posix(), at("f"), VFS_CREATE, &f), ST_IO);
	ck_assert_ptr_null(f);
	f = open_at("f", VFS_READ);
	ck_assert_int_eq(vfs_write(f, "y", 1, 0), ST_IO);
	vfs_close(&f);
	f = open_at("f", VFS_WRITE);
	ck_assert_int_eq(vfs_write(f, "y", 1, 1), ST_OK);
	vfs_close(&f);
	expect("f", "xy");
	end();
}
END_TEST

START_TEST(descriptors_are_not_inherited)
{
	int first = dup(0);
	struct vfs_file *f;

	close(first);
	begin();
	f = open_at("f", VFS_CREATE);
	ck_assert_int_eq(fcntl(first, F_GETFD), FD_CLOEXEC);
	vfs_close(&f);
	ck_assert_int_eq(fcntl(first, F_GETFD), -1);
	end();
}
END_TEST

START_TEST(read_that_may_not_wait_reads_the_same_or_is_busy)
{
	struct vfs_file *f;
	char bytes[8] = "";
	size_t got;
	enum st st;

	begin();
	make("f", "content");
	f = open_at("f", VFS_READ);
	st = vfs_read(f, bytes, 7, 0, true, &got);
	/* Just written, so in memory, where the file system can tell. */
	ck_assert(st == ST_OK || st == ST_BUSY);
	ck_assert_uint_eq(got, st == ST_OK ? 7 : 0);
	ck_assert(st == ST_BUSY || memcmp(bytes, "content", 7) == 0);
	vfs_close(&f);
	end();
}
END_TEST

START_TEST(allocated_bytes_are_zero_and_nothing_is_lost)
{
	const uint64_t size = 200000;
	struct vfs_file *f;
	uint64_t now;
	uint8_t *bytes;
	enum st st;
	size_t n;

	begin();
	make("f", "front");
	f = open_at("f", VFS_WRITE);
	ck_assert_int_eq(vfs_allocate(f, size), ST_OK);
	ck_assert_int_eq(vfs_allocate(f, 100), ST_OK);
	ck_assert_int_eq(vfs_size(f, &now), ST_OK);
	ck_assert_uint_eq(now, size);
	ck_assert_int_eq(vfs_slurp(vfs_posix(), at("f"), size, &bytes, &n), ST_OK);
	ck_assert_int_eq(memcmp(bytes, "front", 5), 0);
	for (size_t i = 5; i < n; i++)
		ck_assert_uint_eq(bytes[i], 0);
	mem_free(bytes);
	st = vfs_release(f, 5);
	ck_assert(st == ST_OK || st == ST_INVALID);      /* not every file system can */
	ck_assert_int_eq(vfs_size(f, &now), ST_OK);
	ck_assert_uint_eq(now, size);
	ck_assert_int_eq(vfs_slurp(vfs_posix(), at("f"), size, &bytes, &n), ST_OK);
	ck_assert_uint_eq(n, size);
	ck_assert_int_eq(memcmp(bytes, "front\0", 6), 0);
	mem_free(bytes);
	vfs_forget_cache(f);
	ck_assert_int_eq(vfs_truncate(f, 3), ST_OK);
	vfs_close(&f);
	expect("f", "fro");
	end();
}
END_TEST

/* A disk's file; of one that is in memory only (tmpfs) nothing can be forgotten. */
START_TEST(a_hole_is_passed_and_what_lies_behind_it_is_not)
{
	struct vfs_file *f;

	begin();
	f = open_at("f", VFS_CREATE);
	ck_assert_int_eq(vfs_write(f, "a", 1, 0), ST_OK);
	ck_assert_int_eq(vfs_write(f, "b", 1, 1 << 30), ST_OK);
	ck_assert_int_eq(vfs_truncate(f, UINT64_C(1) << 31), ST_OK);
	ck_assert_uint_eq(vfs_next_data(f, 0), 0);
	ck_assert_uint_le(vfs_next_data(f, 1 << 20), 1 << 30);
	ck_assert_uint_eq(vfs_next_data(f, 1 << 30), 1 << 30);
	ck_assert_uint_ge(vfs_next_data(f, (1 << 30) + (1 << 20)), (1 << 30) + (1 << 20));
	ck_assert_uint_eq(vfs_next_data(f, UINT64_C(1) << 32), UINT64_C(1) << 32);       /* behind its end */
	vfs_close(&f);
	end();
}
END_TEST

START_TEST(read_exactly_brings_nothing_else_into_memory)
{
	enum { PIECE = 1 << 20, PIECES = 6 };
	uint8_t *bytes = mem_zalloc(PIECE);
	struct vfs_file *f;
	size_t got;

	begin();
	ck_assert_int_eq(vfs_open(vfs_posix(), at("large"), VFS_CREATE, &f), ST_OK);
	for (uint64_t i = 0; i < PIECES; i++)
		ck_assert_int_eq(vfs_write(f, bytes, PIECE, i * PIECE), ST_OK);
	ck_assert_int_eq(vfs_sync(f), ST_OK);
	vfs_forget_cache(f);
	vfs_read_exactly(f);
	/* Being asked without waiting the kernel may begin to read: what was asked about first may be there the next time. */
	if (vfs_read(f, bytes, PIECE, (PIECES - 1) * PIECE, true, &got) == ST_BUSY)
		for (uint64_t i = 0; i < PIECES - 1; i++) {
			ck_assert_int_eq(vfs_read(f, bytes, PIECE, i * PIECE, true, &got), ST_BUSY);
			ck_assert_int_eq(vfs_read(f, bytes, PIECE, i * PIECE, false, &got), ST_OK);
			vfs_forget_range(f, i * PIECE, PIECE);
		}
	mem_free(bytes);
	vfs_close(&f);
	ck_assert_int_eq(vfs_unlink(vfs_posix(), at("large")), ST_OK);
	end();
}
END_TEST

START_TEST(no_space_is_full)
{
	struct vfs_file *f;

	ck_assert_int_eq(vfs_open(vfs_posix(), "/dev/full", VFS_WRITE, &f), ST_OK);
	ck_assert_int_eq(vfs_write(f, "x", 1, 0), ST_FULL);
	vfs_close(&f);
}
END_TEST

START_TEST(offsets_beyond_the_last_are_invalid)
{
	struct vfs_file *f;
	char c;
	size_t got;

	begin();
	f = open_at("f", VFS_CREATE);
	ck_assert_int_eq(vfs_read(f, &c, 1, UINT64_MAX, false, &got), ST_INVALID);
	ck_assert_int_eq(vfs_write(f, "x", 1, INT64_MAX), ST_INVALID);
	vfs_close(&f);
	end();
}
END_TEST

START_TEST(slurp_keeps_to_its_bound)
{
	uint8_t *bytes;
	size_t n;

	begin();
	make("f", "four");
	make("empty", "");
	ck_assert_int_eq(vfs_slurp(vfs_posix(), at("f"), 3, &bytes, &n), ST_TOO_BIG);
	ck_assert_ptr_null(bytes);
	ck_assert_int_eq(vfs_slurp(vfs_posix(), at("none"), 3, &bytes, &n), ST_NOT_FOUND);
	expect("f", "four");
	expect("empty", "");
	end();
}
END_TEST

/* ---- names ---- */

START_TEST(names_come_move_and_go)
{
	uint64_t free_bytes;

	begin();
	ck_assert_int_eq(vfs_mkdir(vfs_posix(), at("d")), ST_OK);
	ck_assert_int_eq(vfs_mkdir(vfs_posix(), at("d")), ST_OK);
	make("d/a", "a");
	ck_assert_int_eq(vfs_mkdir(vfs_posix(), at("d/a")), ST_IO);
	ck_assert_int_eq(vfs_rename(vfs_posix(), at("d/a"), at("b")), ST_OK);
	ck_assert(!exists("d/a") && exists("b") && !exists("b/below a file") && !exists("b/.") && exists("d/."));
	ck_assert_int_eq(vfs_link(vfs_posix(), at("b"), at("d/c")), ST_OK);
	ck_assert_int_eq(vfs_link(vfs_posix(), at("b"), at("d/c")), ST_IO);
	ck_assert_int_eq(vfs_unlink(vfs_posix(), at("b")), ST_OK);
	ck_assert_int_eq(vfs_unlink(vfs_posix(), at("b")), ST_NOT_FOUND);
	ck_assert_int_eq(vfs_rename(vfs_posix(), at("b"), at("e")), ST_NOT_FOUND);
	expect("d/c", "a");
	ck_assert_int_eq(vfs_sync_dir(vfs_posix(), at("d")), ST_OK);
	ck_assert_int_eq(vfs_sync_dir(vfs_posix(), at("none")), ST_NOT_FOUND);
	ck_assert_int_eq(vfs_rmdir(vfs_posix(), at("d")), ST_IO);        /* not empty */
	ck_assert_int_eq(vfs_rmdir(vfs_posix(), at("d/c")), ST_IO);      /* no directory */
	ck_assert_int_eq(vfs_unlink(vfs_posix(), at("d/c")), ST_OK);
	ck_assert_int_eq(vfs_rmdir(vfs_posix(), at("d")), ST_OK);
	ck_assert_int_eq(vfs_rmdir(vfs_posix(), at("d")), ST_NOT_FOUND);
	ck_assert_int_eq(vfs_free_bytes(vfs_posix(), dir, &free_bytes), ST_OK);
	ck_assert_uint_gt(free_bytes, 0);
	ck_assert_int_eq(vfs_free_bytes(vfs_posix(), at("none"), &free_bytes), ST_NOT_FOUND);
	end();
}
END_TEST

static enum st count_letters(void *ctx, const char *name)
{
	unsigned *seen = ctx;

	ck_assert_uint_eq(strlen(name), 1);
	ck_assert_uint_eq(seen[(uint8_t)name[0]], 0);
	seen[(uint8_t)name[0]]++;
	return name[0] == 'x' ? ST_CANCELLED : ST_OK;
}

START_TEST(list_tells_every_name_once_and_stops_when_told)
{
	unsigned seen[256] = { 0 };

	begin();
	make("a", "");
	make("b", "");
	ck_assert_int_eq(vfs_mkdir(vfs_posix(), at("c")), ST_OK);
	ck_assert_int_eq(vfs_list(vfs_posix(), dir, count_letters, seen), ST_OK);
	ck_assert_uint_eq(seen['a'] + seen['b'] + seen['c'], 3);
	make("x", "");
	memset(seen, 0, sizeof seen);
	ck_assert_int_eq(vfs_list(vfs_posix(), dir, count_letters, seen), ST_CANCELLED);
	ck_assert_int_eq(vfs_list(vfs_posix(), at("none"), count_letters, seen), ST_NOT_FOUND);
	end();
}
END_TEST

START_TEST(what_the_system_refuses_to_open_is_not_what_the_disk_refuses_to_read)
{
	struct rlimit limit, none;
	struct vfs_file *f;

	begin();
	make("f", "content");
	ck_assert_int_eq(vfs_open(vfs_posix(), at("f/below"), VFS_READ, &f), ST_IO);     /* f is no directory */
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ 0, limit.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(vfs_open(vfs_posix(), at("f"), VFS_READ, &f), ST_INTERNAL);
	ck_assert_int_eq(vfs_open(vfs_posix(), at("g"), VFS_CREATE, &f), ST_IO);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	expect("f", "content");
	end();
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, written_bytes_are_read_back_at_their_offsets);
	tcase_add_test(tc, opening_follows_its_flags);
	tcase_add_test(tc, descriptors_are_not_inherited);
	tcase_add_test(tc, read_that_may_not_wait_reads_the_same_or_is_busy);
	tcase_add_test(tc, allocated_bytes_are_zero_and_nothing_is_lost);
	tcase_add_test(tc, no_space_is_full);
	tcase_add_test(tc, a_hole_is_passed_and_what_lies_behind_it_is_not);
	tcase_add_test(tc, read_exactly_brings_nothing_else_into_memory);
	tcase_add_test(tc, offsets_beyond_the_last_are_invalid);
	tcase_add_test(tc, slurp_keeps_to_its_bound);
	tcase_add_test(tc, names_come_move_and_go);
	tcase_add_test(tc, what_the_system_refuses_to_open_is_not_what_the_disk_refuses_to_read);
	tcase_add_test(tc, list_tells_every_name_once_and_stops_when_told);
}

CHECK_MAIN("vfs/posix", suite)
