/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated disk: what must survive a power cut does, what may not be relied on goes. */
#include "common/vfs/sim.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "t/check_main.h"

#define CUTS 150                /* random cuts where every outcome is to be seen */

static struct vfs_file *open_in(struct vfs *v, const char *path, enum vfs_open_flags flags)
{
	struct vfs_file *f;

	ck_assert_int_eq(vfs_open(v, path, flags, &f), ST_OK);
	return f;
}

/* A new file with this content, nothing synced. */
static void make(struct vfs *v, const char *path, const char *content)
{
	struct vfs_file *f = open_in(v, path, VFS_CREATE);

	ck_assert_int_eq(vfs_write(f, content, strlen(content), 0), ST_OK);
	vfs_close(&f);
}

static void sync_file(struct vfs *v, const char *path)
{
	struct vfs_file *f = open_in(v, path, VFS_WRITE);

	ck_assert_int_eq(vfs_sync_data(f), ST_OK);
	vfs_close(&f);
}

static void sync_dir(struct vfs *v, const char *path)
{
	ck_assert_int_eq(vfs_sync_dir(v, path), ST_OK);
}

/* A new file that survives whatever comes. */
static void make_safe(struct vfs *v, const char *path, const char *content)
{
	make(v, path, content);
	sync_file(v, path);
	sync_dir(v, "/");
}

/* Does the path name a file with this content? (NULL: is there no such name?) */
static bool holds(struct vfs *v, const char *path, const char *content)
{
	uint8_t *bytes;
	size_t n;
	bool same;
	enum st st = vfs_slurp(v, path, 1 << 20, &bytes, &n);

	if (st != ST_OK)
		return content == NULL && st == ST_NOT_FOUND;
	same = content != NULL && slice_eq(slice_of(bytes, n), slice_str(content));
	mem_free(bytes);
	return same;
}

static struct vfs *cut(struct vfs *v, enum sim_cut how, uint64_t seed)
{
	struct rnd rnd = { seed };

	return sim_after_power_cut(v, how, &rnd);
}

/* Is `path` there with `content` after a cut of this kind? */
static bool holds_after(struct vfs *v, enum sim_cut how, uint64_t seed, const char *path, const char *content)
{
	struct vfs *later = cut(v, how, seed);
	bool yes = holds(later, path, content);

	sim_free(&later);
	return yes;
}

/* In how many of CUTS random cuts is it so? */
static int times(struct vfs *v, enum sim_cut how, const char *path, const char *content)
{
	int n = 0;

	for (uint64_t seed = 0; seed < CUTS; seed++)
		n += holds_after(v, how, seed, path, content);
	return n;
}

/* After no cut of any kind may anything else be seen. */
static void always(struct vfs *v, const char *path, const char *content)
{
	ck_assert(holds_after(v, SIM_CUT_SYNCED_ONLY, 0, path, content));
	ck_assert(holds_after(v, SIM_CUT_ALL, 0, path, content));
	ck_assert_int_eq(times(v, SIM_CUT_RANDOM, path, content), CUTS);
	ck_assert_int_eq(times(v, SIM_CUT_PREFIX, path, content), CUTS);
}

/* By chance only: all kept, none kept, and both among the random cuts. */
static void by_chance(struct vfs *v, const char *path, const char *before, const char *after)
{
	int n = times(v, SIM_CUT_RANDOM, path, after), m = times(v, SIM_CUT_PREFIX, path, after);

	ck_assert(holds_after(v, SIM_CUT_SYNCED_ONLY, 0, path, before));
	ck_assert(holds_after(v, SIM_CUT_ALL, 0, path, after));
	ck_assert(n > 0 && n < CUTS && m > 0 && m < CUTS);
	ck_assert_int_gt(times(v, SIM_CUT_RANDOM, path, before), 0);
	ck_assert_int_gt(times(v, SIM_CUT_PREFIX, path, before), 0);
}

/* ---- content ---- */

START_TEST(synced_content_survives_and_later_writes_only_by_chance)
{
	struct vfs *v = sim_new();
	struct vfs_file *f;

	make_safe(v, "f", "one");
	always(v, "f", "one");
	f = open_in(v, "f", VFS_WRITE);
	ck_assert_int_eq(vfs_write(f, "two", 3, 0), ST_OK);
	by_chance(v, "f", "one", "two");
	ck_assert_int_eq(vfs_sync(f), ST_OK);
	always(v, "f", "two");
	ck_assert_int_eq(vfs_truncate(f, 1), ST_OK);
	by_chance(v, "f", "two", "t");
	ck_assert_int_eq(vfs_sync_data(f), ST_OK);
	always(v, "f", "t");
	vfs_close(&f);
	sim_free(&v);
	ck_assert_ptr_null(v);
}
END_TEST

START_TEST(sync_of_one_file_says_nothing_about_another)
{
	struct vfs *v = sim_new();

	make(v, "f", "f");
	make(v, "g", "g");
	sync_dir(v, "/");
	sync_file(v, "f");
	always(v, "f", "f");
	by_chance(v, "g", "", "g");
	sim_free(&v);
}
END_TEST

START_TEST(size_may_survive_without_its_bytes)
{
	struct vfs *v = sim_new();
	struct vfs_file *f;
	char zeros[601], *data = zeros;
	int with_hole = 0, too_short = 0;

	make_safe(v, "f", "");
	f = open_in(v, "f", VFS_WRITE);
	memset(data, 'x', 600);
	ck_assert_int_eq(vfs_write(f, data, 600, 0), ST_OK);
	for (uint64_t seed = 0; seed < CUTS; seed++) {
		struct vfs *later = cut(v, SIM_CUT_RANDOM, seed);
		uint8_t *bytes;
		size_t n;

		ck_assert_int_eq(vfs_slurp(later, "f", 1000, &bytes, &n), ST_OK);
		ck_assert(n == 600 || n == 0);
		too_short += n == 0;
		/* A sector is whole or not there at all. */
		for (size_t i = 0; i < n; i++)
			ck_assert_uint_eq(bytes[i], bytes[i / 512 * 512]);
		with_hole += n == 600 && bytes[0] == 0 && bytes[599] == 'x';
		mem_free(bytes);
		sim_free(&later);
	}
	ck_assert_int_gt(with_hole, 0);
	ck_assert_int_gt(too_short, 0);
	vfs_close(&f);
	sim_free(&v);
}
END_TEST

START_TEST(sector_is_what_it_was_at_some_moment)
{
	/* Round r overwrites bytes r and up of both sectors: at moment m they read 0..m, m, m ... */
	struct vfs *v = sim_new();
	struct vfs_file *f;
	uint8_t bytes[1024] = { 0 };
	bool seen[9] = { false };
	size_t got;

	make_safe(v, "f", "");
	f = open_in(v, "f", VFS_WRITE);
	ck_assert_int_eq(vfs_allocate(f, 1024), ST_OK);
	ck_assert_int_eq(vfs_sync_data(f), ST_OK);
	for (uint8_t r = 1; r <= 8; r++) {
		memset(bytes, r, sizeof bytes);
		ck_assert_int_eq(vfs_write(f, bytes, 512u - r, r), ST_OK);
		ck_assert_int_eq(vfs_write(f, bytes, 512u - r, 512u + r), ST_OK);
	}
	vfs_close(&f);
	for (uint64_t seed = 0; seed < CUTS; seed++) {
		struct vfs *later = cut(v, SIM_CUT_RANDOM, seed);

		f = open_in(later, "f", VFS_READ);
		ck_assert_int_eq(vfs_read(f, bytes, 1024, 0, false, &got), ST_OK);
		ck_assert_uint_eq(got, 1024);
		for (size_t sector = 0; sector < 2; sector++) {
			const uint8_t *p = bytes + 512 * sector;
			uint8_t moment = p[511];

			ck_assert_uint_le(moment, 8);
			seen[moment] = true;
			for (size_t i = 0; i < 512; i++)
				ck_assert_uint_eq(p[i], i < moment ? i : moment);
		}
		vfs_close(&f);
		sim_free(&later);
	}
	for (int moment = 0; moment <= 8; moment++)
		ck_assert(seen[moment]);
	sim_free(&v);
}
END_TEST

START_TEST(prefix_cut_keeps_what_came_first_and_tears_the_last_at_a_sector)
{
	/* Writes of 1000 bytes at rising offsets in two files by turns, all of the same letter. */
	struct vfs *v = sim_new();
	struct vfs_file *f[2];
	uint8_t letters[1000];
	bool torn = false;

	make_safe(v, "0", "");
	make_safe(v, "1", "");
	memset(letters, 'a', sizeof letters);
	f[0] = open_in(v, "0", VFS_WRITE);
	f[1] = open_in(v, "1", VFS_WRITE);
	for (uint64_t i = 0; i < 10; i++)
		ck_assert_int_eq(vfs_write(f[i % 2], letters, 1000, i / 2 * 1000), ST_OK);
	for (uint64_t seed = 0; seed < CUTS; seed++) {
		struct vfs *later = cut(v, SIM_CUT_PREFIX, seed);
		uint8_t *bytes[2];
		size_t n[2];

		for (int i = 0; i < 2; i++) {
			ck_assert_int_eq(vfs_slurp(later, i ? "1" : "0", 10000, &bytes[i], &n[i]), ST_OK);
			for (size_t j = 0; j < n[i]; j++)
				ck_assert_uint_eq(bytes[i][j], 'a');
			mem_free(bytes[i]);
			torn = torn || n[i] % 1000 != 0;
			ck_assert(n[i] % 1000 == 0 || n[i] % 512 == 0);
		}
		ck_assert_uint_ge(n[0], n[1] / 1000 * 1000);
		ck_assert_uint_le(n[0] / 1000, n[1] / 1000 + 1);
		sim_free(&later);
	}
	ck_assert(torn);
	vfs_close(&f[0]);
	vfs_close(&f[1]);
	sim_free(&v);
}
END_TEST

START_TEST(lost_sync_shows_bytes_that_will_never_be_on_disk)
{
	struct vfs *v = sim_new();
	struct vfs_file *f;

	make_safe(v, "f", "old");
	f = open_in(v, "f", VFS_WRITE);
	ck_assert_int_eq(vfs_write(f, "new", 3, 0), ST_OK);
	ck_assert(sim_lose_unsynced(f));
	ck_assert(holds(v, "f", "new"));
	ck_assert_int_eq(vfs_sync(f), ST_OK);
	always(v, "f", "old");
	ck_assert_int_eq(vfs_write(f, "X", 1, 2), ST_OK);
	ck_assert_int_eq(vfs_sync(f), ST_OK);
	ck_assert(holds(v, "f", "neX"));
	always(v, "f", "olX");
	vfs_close(&f);
	f = NULL;
	ck_assert_int_eq(vfs_open(vfs_posix(), "/dev/null", VFS_READ, &f), ST_OK);
	ck_assert(!sim_lose_unsynced(f));
	vfs_close(&f);
	sim_free(&v);
}
END_TEST

/* ---- names ---- */

START_TEST(new_name_is_safe_only_after_its_directory_was_synced)
{
	struct vfs *v = sim_new();

	make(v, "f", "x");
	sync_file(v, "f");
	by_chance(v, "f", NULL, "x");
	sync_dir(v, "/");
	always(v, "f", "x");
	ck_assert_int_eq(vfs_unlink(v, "f"), ST_OK);
	by_chance(v, "f", "x", NULL);
	sync_dir(v, "/");
	always(v, "f", NULL);
	sim_free(&v);
}
END_TEST

START_TEST(sync_of_one_directory_says_nothing_about_another)
{
	struct vfs *v = sim_new();

	ck_assert_int_eq(vfs_mkdir(v, "/d"), ST_OK);
	ck_assert_int_eq(vfs_mkdir(v, "/d"), ST_OK);
	make(v, "/d/f", "x");
	sync_file(v, "/d/f");
	sync_dir(v, "/d");
	/* The directory's own name is not safe yet, and all in it goes with it. */
	by_chance(v, "/d/f", NULL, "x");
	sync_dir(v, "/");
	always(v, "/d/f", "x");
	make(v, "/d/g", "y");
	sync_file(v, "/d/g");
	sync_dir(v, "/");
	by_chance(v, "/d/g", NULL, "y");
	sim_free(&v);
}
END_TEST

START_TEST(rename_over_a_file_leaves_the_old_or_the_new)
{
	struct vfs *v = sim_new();
	int old_ones = 0;

	make_safe(v, "f", "old");
	make(v, "f.new", "new");
	sync_file(v, "f.new");
	ck_assert_int_eq(vfs_rename(v, "f.new", "f"), ST_OK);
	ck_assert(holds(v, "f", "new") && holds(v, "f.new", NULL));
	for (uint64_t seed = 0; seed < CUTS; seed++) {
		struct vfs *later = cut(v, seed % 2 ? SIM_CUT_RANDOM : SIM_CUT_PREFIX, seed);
		bool old = holds(later, "f", "old");

		old_ones += old;
		ck_assert(old || holds(later, "f", "new"));
		ck_assert(old || holds(later, "f.new", NULL));
		sim_free(&later);
	}
	ck_assert(old_ones > 0 && old_ones < CUTS);
	sync_dir(v, "/");
	always(v, "f", "new");
	always(v, "f.new", NULL);
	sim_free(&v);
}
END_TEST

/* After random cuts: how often the file has its old name only, the new one only, both. Never none. */
static void count_names(struct vfs *v, int counts[3])
{
	memset(counts, 0, 3 * sizeof counts[0]);
	for (uint64_t seed = 0; seed < CUTS; seed++) {
		struct vfs *later = cut(v, SIM_CUT_RANDOM, seed);
		bool old = holds(later, "a/f", "x"), new = holds(later, "b/f", "x");

		ck_assert(old || new);
		counts[old && new ? 2 : new]++;
		sim_free(&later);
	}
}

START_TEST(rename_between_directories_never_loses_the_file)
{
	struct vfs *v = sim_new();
	int counts[3];

	ck_assert_int_eq(vfs_mkdir(v, "a"), ST_OK);
	ck_assert_int_eq(vfs_mkdir(v, "b"), ST_OK);
	make_safe(v, "a/f", "x");
	sync_dir(v, "a");
	ck_assert_int_eq(vfs_rename(v, "a/f", "b/f"), ST_OK);
	count_names(v, counts);
	ck_assert(counts[0] > 0 && counts[1] > 0 && counts[2] > 0);
	if (_i == 0) {
		/* The new name first: it is safe, the old one may come back beside it. */
		sync_dir(v, "b");
		always(v, "b/f", "x");
		count_names(v, counts);
		ck_assert(counts[1] > 0 && counts[2] > 0);
		sync_dir(v, "a");
	} else {
		/* The old name first: nothing is safe before the new one is. */
		sync_dir(v, "a");
		count_names(v, counts);
		ck_assert(counts[0] > 0 && counts[1] > 0);
		sync_dir(v, "b");
	}
	always(v, "a/f", NULL);
	always(v, "b/f", "x");
	sim_free(&v);
}
END_TEST

START_TEST(no_cut_leaves_a_name_that_operations_cannot_lead_to)
{
	/* f is moved away and made anew: the new f may not stand where the old one still is. */
	struct vfs *v = sim_new();

	make_safe(v, "f", "first");
	ck_assert_int_eq(vfs_rename(v, "f", "g"), ST_OK);
	make(v, "f", "second");
	sync_file(v, "f");
	for (uint64_t seed = 0; seed < CUTS; seed++) {
		struct vfs *later = cut(v, SIM_CUT_RANDOM, seed);
		bool is_first = holds(later, "f", "first");

		ck_assert(is_first || holds(later, "g", "first"));
		ck_assert(!is_first || holds(later, "g", NULL));
		sim_free(&later);
	}
	sim_free(&v);
}
END_TEST

START_TEST(link_gives_one_file_two_names)
{
	struct vfs *v = sim_new();

	make_safe(v, "f", "x");
	ck_assert_int_eq(vfs_link(v, "f", "g"), ST_OK);
	ck_assert_int_eq(vfs_link(v, "f", "g"), ST_IO);
	by_chance(v, "g", NULL, "x");
	ck_assert_int_eq(vfs_unlink(v, "f"), ST_OK);
	ck_assert(holds(v, "g", "x"));
	sync_dir(v, "/");
	always(v, "g", "x");
	always(v, "f", NULL);
	sim_free(&v);
}
END_TEST

START_TEST(only_an_empty_directory_can_be_removed_and_a_cut_may_bring_it_back)
{
	struct vfs *v = sim_new(), *after;
	struct rnd rnd = { 1 };
	struct vfs_file *f;
	bool there;

	ck_assert_int_eq(vfs_mkdir(v, "/d"), ST_OK);
	ck_assert_int_eq(vfs_open(v, "/d/a", VFS_CREATE, &f), ST_OK);
	vfs_close(&f);
	ck_assert_int_eq(vfs_sync_dir(v, "/"), ST_OK);
	ck_assert_int_eq(vfs_rmdir(v, "/d"), ST_IO);
	ck_assert_int_eq(vfs_rmdir(v, "/d/a"), ST_IO);
	ck_assert(vfs_exists(v, "/d/.", &there) == ST_OK && there);
	ck_assert(vfs_exists(v, "/d/a/.", &there) == ST_OK && !there);
	ck_assert_int_eq(vfs_unlink(v, "/d/a"), ST_OK);
	ck_assert_int_eq(vfs_rmdir(v, "/d"), ST_OK);
	ck_assert_int_eq(vfs_rmdir(v, "/d"), ST_NOT_FOUND);
	after = sim_after_power_cut(v, SIM_CUT_SYNCED_ONLY, &rnd);
	ck_assert_int_eq(vfs_exists(after, "/d", &there), ST_OK);
	ck_assert(there);
	sim_free(&after);
	sim_free(&v);
}
END_TEST

START_TEST(removed_file_is_readable_while_open)
{
	struct vfs *v = sim_new();
	struct vfs_file *f;
	char c;
	size_t got;

	make_safe(v, "f", "x");
	f = open_in(v, "f", VFS_READ);
	ck_assert_int_eq(vfs_unlink(v, "f"), ST_OK);
	sync_dir(v, "/");
	ck_assert_int_eq(vfs_read(f, &c, 1, 0, true, &got), ST_OK);
	ck_assert(got == 1 && c == 'x');
	ck_assert_int_eq(vfs_write(f, "y", 1, 0), ST_IO);
	vfs_close(&f);
	sync_dir(v, "/");
	sim_free(&v);
}
END_TEST

/* ---- the disk after a cut, and its end ---- */

START_TEST(disk_after_a_cut_is_another_one_and_all_safe)
{
	struct vfs *v = sim_new(), *later;

	make_safe(v, "f", "one");
	make(v, "g", "unsafe");
	later = cut(v, SIM_CUT_ALL, 0);
	ck_assert_int_eq(vfs_unlink(later, "f"), ST_OK);
	make(later, "h", "later");
	ck_assert(holds(v, "f", "one") && holds(v, "h", NULL));
	make(v, "i", "still usable");
	ck_assert(holds(later, "i", NULL));
	sim_free(&v);
	always(later, "g", "unsafe");
	by_chance(later, "f", "one", NULL);
	sim_free(&later);
}
END_TEST

START_TEST(dead_disk_fails_everything_and_changes_nothing)
{
	struct vfs *v = sim_new();
	struct vfs_file *f, *g;
	uint64_t events, size;
	size_t got;
	bool yes;
	char c;

	make_safe(v, "f", "x");
	f = open_in(v, "f", VFS_WRITE);
	events = sim_events(v);
	sim_die_at(v, 2);
	ck_assert_int_eq(vfs_write(f, "y", 1, 0), ST_OK);
	ck_assert_int_eq(vfs_read(f, &c, 1, 0, false, &got), ST_OK);
	ck_assert_int_eq(vfs_write(f, "z", 1, 0), ST_IO);
	ck_assert_int_eq(vfs_sync(f), ST_IO);
	ck_assert_int_eq(vfs_read(f, &c, 1, 0, false, &got), ST_IO);
	ck_assert_int_eq(vfs_size(f, &size), ST_IO);
	ck_assert_int_eq(vfs_open(v, "f", VFS_READ, &g), ST_IO);
	ck_assert_int_eq(vfs_open(v, "new", VFS_CREATE, &g), ST_IO);
	ck_assert_int_eq(vfs_unlink(v, "f"), ST_IO);
	ck_assert_int_eq(vfs_sync_dir(v, "/"), ST_IO);
	ck_assert_int_eq(vfs_exists(v, "f", &yes), ST_IO);
	ck_assert_uint_eq(sim_events(v), events + 1);
	by_chance(v, "f", "x", "y");
	sim_die_at(v, 0);
	ck_assert(holds(v, "f", "y") && holds(v, "new", NULL));
	vfs_close(&f);
	sim_free(&v);
}
END_TEST

START_TEST(refused_operations_are_no_events)
{
	struct vfs *v = sim_new();
	struct vfs_file *f;
	uint64_t events;

	make_safe(v, "f", "x");
	ck_assert_int_eq(vfs_mkdir(v, "d"), ST_OK);
	events = sim_events(v);
	ck_assert_int_eq(vfs_open(v, "f", VFS_CREATE, &f), ST_IO);
	ck_assert_int_eq(vfs_open(v, "none/f", VFS_CREATE, &f), ST_NOT_FOUND);
	ck_assert_int_eq(vfs_open(v, "none", VFS_READ, &f), ST_NOT_FOUND);
	ck_assert_int_eq(vfs_open(v, "d", VFS_READ, &f), ST_IO);
	ck_assert_int_eq(vfs_unlink(v, "none"), ST_NOT_FOUND);
	ck_assert_int_eq(vfs_unlink(v, "d"), ST_INVALID);
	ck_assert_int_eq(vfs_rename(v, "none", "f"), ST_NOT_FOUND);
	ck_assert_int_eq(vfs_rename(v, "f", "d"), ST_IO);
	ck_assert_int_eq(vfs_sync_dir(v, "f"), ST_IO);
	ck_assert_int_eq(sim_flip(v, "f", 1, 1), ST_INVALID);
	ck_assert_int_eq(sim_flip(v, "none", 0, 1), ST_NOT_FOUND);
	ck_assert_uint_eq(sim_events(v), events);
	sim_free(&v);
}
END_TEST

START_TEST(flipped_byte_is_flipped_for_good)
{
	struct vfs *v = sim_new();
	struct vfs_file *f;

	make_safe(v, "f", "abc");
	ck_assert_int_eq(sim_flip(v, "f", 1, 'b' ^ 'x'), ST_OK);
	always(v, "f", "axc");
	f = open_in(v, "f", VFS_WRITE);
	ck_assert_int_eq(vfs_write(f, "def", 3, 0), ST_OK);
	ck_assert_int_eq(sim_flip(v, "f", 2, 1), ST_OK);
	ck_assert(holds(v, "f", "deg"));
	by_chance(v, "f", "axb", "deg");
	vfs_close(&f);
	sim_free(&v);
}
END_TEST

/* ---- the same as the operating system ---- */

#define NAMES 5

struct pair { struct vfs *sim; char dir[200]; };

static enum st collect(void *ctx, const char *name)
{
	strcat(ctx, name);
	return ST_OK;
}

static int by_letter(const void *a, const void *b)
{
	return *(const char *)a - *(const char *)b;
}

/* Everything below root as one line: per directory the names in order, then all contents. */
static void describe(struct vfs *v, const char *root, struct buf *out)
{
	char names[100], path[320];
	uint8_t *bytes;
	size_t n;

	for (int d = 0; d < 2; d++) {
		names[0] = '\0';
		snprintf(path, sizeof path, "%s/%d", root, d);
		ck_assert_int_eq(vfs_list(v, path, collect, names), ST_OK);
		qsort(names, strlen(names), 1, by_letter);
		buf_printf(out, "|%s:", names);
		for (const char *name = names; *name; name++) {
			snprintf(path, sizeof path, "%s/%d/%c", root, d, *name);
			ck_assert_int_eq(vfs_slurp(v, path, 1 << 20, &bytes, &n), ST_OK);
			buf_printf(out, "%zu ", n);
			buf_append(out, bytes, n);
			mem_free(bytes);
		}
	}
}

/* One random operation, the same for the same random numbers; its outcome. */
static enum st random_operation(struct vfs *v, const char *root, struct rnd *rnd)
{
	char a[320], b[320], bytes[700];
	enum vfs_open_flags flags = (enum vfs_open_flags)rnd_below(rnd, 3);
	uint64_t what = rnd_below(rnd, 8), offset = rnd_below(rnd, 2000), n = rnd_below(rnd, sizeof bytes);
	struct vfs_file *f;
	enum st st;

	memset(bytes, 'a' + (int)rnd_below(rnd, 26), sizeof bytes);
	snprintf(a, sizeof a, "%s/%d/%c", root, (int)rnd_below(rnd, 2), 'a' + (int)rnd_below(rnd, NAMES));
	snprintf(b, sizeof b, "%s/%d/%c", root, (int)rnd_below(rnd, 2), 'a' + (int)rnd_below(rnd, NAMES));
	if (what == 0)
		return vfs_rename(v, a, b);
	if (what == 1)
		return vfs_link(v, a, b);
	if (what == 2)
		return vfs_unlink(v, a);
	st = vfs_open(v, a, flags, &f);
	if (st)
		return st;
	if (flags != VFS_READ)
		st = what == 3 ? vfs_truncate(f, offset) : what == 4 ? vfs_allocate(f, offset)
		     : vfs_write(f, bytes, n, offset);
	vfs_close(&f);
	return st;
}

START_TEST(behaves_as_the_operating_system_does)
{
	const char *tmp = getenv("TMPDIR");
	char dir[200], command[300], path[320];
	struct vfs *v = sim_new(), *both[2] = { v, vfs_posix() };
	struct buf seen[2] = { BUF_INIT, BUF_INIT };

	snprintf(dir, sizeof dir, "%s/sim_test.XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	for (int i = 0; i < 2; i++)
		for (int d = 0; d < 2; d++) {
			snprintf(path, sizeof path, "%s/%d", i ? dir : "", d);
			ck_assert_int_eq(vfs_mkdir(both[i], path), ST_OK);
		}
	for (uint64_t round = 0; round < 1500; round++) {
		struct rnd one = { round }, other = { round };

		ck_assert_int_eq(random_operation(v, "", &one), random_operation(vfs_posix(), dir, &other));
	}
	describe(v, "", &seen[0]);
	describe(vfs_posix(), dir, &seen[1]);
	ck_assert(slice_eq(buf_slice(&seen[0]), buf_slice(&seen[1])));
	buf_fini(&seen[0]);
	buf_fini(&seen[1]);
	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
	sim_free(&v);
}
END_TEST

/* ---- everything at random: what was promised is there ---- */

/* A file that was synced, with its directory, since its last change holds one thing only. */
START_TEST(what_was_synced_last_is_there_after_any_cut)
{
	struct vfs *v = sim_new();
	struct rnd rnd = { (uint64_t)_i };
	char safe[NAMES][24] = { "" }, path[2] = "a", content[24];
	bool is_safe[NAMES] = { false };

	for (int round = 0; round < 200; round++) {
		unsigned k = (unsigned)rnd_below(&rnd, NAMES);
		struct vfs_file *f;
		struct vfs *later;

		path[0] = (char)('a' + k);
		snprintf(content, sizeof content, "content %d", round);
		(void)!vfs_unlink(v, path);
		f = open_in(v, path, VFS_CREATE);
		ck_assert_int_eq(vfs_write(f, content, strlen(content), 0), ST_OK);
		is_safe[k] = rnd_below(&rnd, 2);
		if (is_safe[k]) {
			ck_assert_int_eq(vfs_sync_data(f), ST_OK);
			sync_dir(v, "/");
			memcpy(safe[k], content, sizeof content);
		}
		vfs_close(&f);
		later = cut(v, (enum sim_cut)rnd_below(&rnd, 4), rnd_next(&rnd));
		for (k = 0; k < NAMES; k++) {
			path[0] = (char)('a' + k);
			ck_assert(!is_safe[k] || holds(later, path, safe[k]));
		}
		if (rnd_below(&rnd, 4) == 0) {
			sim_free(&v);
			v = later;
		} else {
			sim_free(&later);
		}
	}
	sim_free(&v);
}
END_TEST

/* The recipe for a file that is there or not at all, as the README tells it. */
static enum st replace(struct vfs *v)
{
	struct vfs_file *f;
	enum st st = vfs_open(v, "d/f.new", VFS_CREATE, &f);

	if (st)
		return st;
	st = vfs_write(f, "new", 3, 0);
	st = st ? st : vfs_sync(f);
	vfs_close(&f);
	st = st ? st : vfs_rename(v, "d/f.new", "d/f");
	return st ? st : vfs_sync_dir(v, "d");
}

START_TEST(replaced_file_is_old_or_new_wherever_the_power_goes)
{
	bool done = false;
	uint64_t n;

	for (n = 1; !done; n++)
		for (uint64_t seed = 0; seed < 50; seed++) {
			struct vfs *v = sim_new(), *later;

			ck_assert_int_eq(vfs_mkdir(v, "d"), ST_OK);
			make_safe(v, "d/f", "old");
			sync_dir(v, "d");
			sim_die_at(v, n);
			done = replace(v) == ST_OK;
			later = cut(v, (enum sim_cut)(seed % 4), seed);
			ck_assert(holds(later, "d/f", done ? "new" : "old") || holds(later, "d/f", "new"));
			sim_free(&later);
			sim_free(&v);
		}
	ck_assert_uint_eq(n, 7);
}
END_TEST

static void *writing_thread(void *arg)
{
	static _Atomic int number;
	char path[20];
	struct vfs *v = arg;
	struct vfs_file *f;

	snprintf(path, sizeof path, "thread%d", ++number);
	if (vfs_open(v, path, VFS_CREATE, &f) != ST_OK)
		return NULL;
	for (uint64_t i = 0; i < 200; i++)
		if (vfs_write(f, path, sizeof path, i * sizeof path) != ST_OK || vfs_sync(f) != ST_OK
		    || vfs_sync_dir(v, "/") != ST_OK)
			return NULL;
	vfs_close(&f);
	return v;
}

static void cut_now(void *ctx)
{
	struct vfs **disks = ctx;
	struct rnd rnd = { 1 };

	disks[1] = sim_after_power_cut(disks[0], SIM_CUT_ALL, &rnd);
}

START_TEST(power_may_be_cut_in_the_midst_of_things)
{
	struct vfs *disks[2] = { sim_new(), NULL };
	struct vfs_file *f = open_in(disks[0], "file", VFS_CREATE);
	uint64_t size;

	sim_call_at(disks[0], 2, cut_now, disks);
	ck_assert_int_eq(vfs_write(f, "one", 3, 0), ST_OK);
	ck_assert_ptr_null(disks[1]);
	ck_assert_int_eq(vfs_write(f, "two", 3, 3), ST_OK);
	ck_assert_ptr_nonnull(disks[1]);
	ck_assert_int_eq(vfs_write(f, "three", 5, 6), ST_OK);
	vfs_close(&f);
	f = open_in(disks[1], "file", VFS_READ);
	ck_assert_int_eq(vfs_size(f, &size), ST_OK);
	ck_assert_uint_eq(size, 3);              /* before the second write, and not again */
	vfs_close(&f);
	sim_free(&disks[1]);
	sim_free(&disks[0]);
}
END_TEST

START_TEST(threads_may_use_one_disk)
{
	struct vfs *v = sim_new();
	pthread_t threads[4];
	uint64_t size;

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, writing_thread, v), 0);
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct vfs *later = cut(v, SIM_CUT_RANDOM, seed);

		sim_free(&later);
	}
	for (int i = 0; i < 4; i++) {
		void *ok;

		ck_assert_int_eq(pthread_join(threads[i], &ok), 0);
		ck_assert_ptr_nonnull(ok);
	}
	for (int i = 1; i <= 4; i++) {
		char path[20];
		struct vfs_file *f;

		snprintf(path, sizeof path, "thread%d", i);
		f = open_in(v, path, VFS_READ);
		ck_assert_int_eq(vfs_size(f, &size), ST_OK);
		ck_assert_uint_eq(size, 200 * sizeof path);
		vfs_close(&f);
	}
	sim_free(&v);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, synced_content_survives_and_later_writes_only_by_chance);
	tcase_add_test(tc, sync_of_one_file_says_nothing_about_another);
	tcase_add_test(tc, size_may_survive_without_its_bytes);
	tcase_add_test(tc, sector_is_what_it_was_at_some_moment);
	tcase_add_test(tc, prefix_cut_keeps_what_came_first_and_tears_the_last_at_a_sector);
	tcase_add_test(tc, lost_sync_shows_bytes_that_will_never_be_on_disk);
	tcase_add_test(tc, new_name_is_safe_only_after_its_directory_was_synced);
	tcase_add_test(tc, sync_of_one_directory_says_nothing_about_another);
	tcase_add_test(tc, rename_over_a_file_leaves_the_old_or_the_new);
	tcase_add_loop_test(tc, rename_between_directories_never_loses_the_file, 0, 2);
	tcase_add_test(tc, no_cut_leaves_a_name_that_operations_cannot_lead_to);
	tcase_add_test(tc, link_gives_one_file_two_names);
	tcase_add_test(tc, only_an_empty_directory_can_be_removed_and_a_cut_may_bring_it_back);
	tcase_add_test(tc, removed_file_is_readable_while_open);
	tcase_add_test(tc, disk_after_a_cut_is_another_one_and_all_safe);
	tcase_add_test(tc, dead_disk_fails_everything_and_changes_nothing);
	tcase_add_test(tc, refused_operations_are_no_events);
	tcase_add_test(tc, flipped_byte_is_flipped_for_good);
	tcase_add_test(tc, behaves_as_the_operating_system_does);
	tcase_add_loop_test(tc, what_was_synced_last_is_there_after_any_cut, 1, 6);
	tcase_add_test(tc, replaced_file_is_old_or_new_wherever_the_power_goes);
	tcase_add_test(tc, power_may_be_cut_in_the_midst_of_things);
	tcase_add_test(tc, threads_may_use_one_disk);
}

CHECK_MAIN("vfs/sim", suite)
