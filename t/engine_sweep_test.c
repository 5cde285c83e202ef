/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bad input: every file of a small database that was stopped cleanly is flipped, cut, zeroed, swapped, lengthened, exchanged
 * and taken away, and the database opened. What it answers then is what it answered before, or an error that says so: never
 * another value, never "not found" for what is there, no crash, and no allocation over 64 MiB.
 *
 * make check does a part; make sweep (LSM_SWEEP=1) every byte of tables, manifest and log, in about half an hour.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/base/log.h"
#include "t/engine_world.h"

#define KEYS 80u
#define FILES_MAX 32u
#define ALLOCATION_MAX ((size_t)64 << 20)
#define SECTOR 512u

/* ---- allocations (the linker sends them here) ---- */

static size_t largest;

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);

static void note_size(size_t n)
{
	if (n > largest)
		largest = n;
}

void *__wrap_malloc(size_t n)
{
	note_size(n);
	return __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n)
{
	note_size(count * n);
	return __real_calloc(count, n);
}

void *__wrap_realloc(void *p, size_t n)
{
	note_size(n);
	return __real_realloc(p, n);
}

/* ---- the database ---- */

struct image { char name[64]; uint8_t *p; size_t n; };          /* name: below the directory */

struct golden {
	struct image files[FILES_MAX];
	size_t count;
	char values[KEYS][48];           /* empty: not there */
};

static struct world w;
static struct golden ours, theirs;

static const char *key_of(unsigned i)
{
	static char key[16];

	snprintf(key, sizeof(key), "key%03u", i);
	return key;
}

static void put(struct golden *g, struct world_batch *b, unsigned i, const char *word)
{
	snprintf(g->values[i], sizeof(g->values[i]), "%s of %u %u", word ? word : "", i, i * i);
	if (!word)
		g->values[i][0] = 0;
	world_put(b, key_of(i), word ? g->values[i] : NULL);
}

/* Every step-th key from `from` on; every fifth of them is deleted. */
static void write_round(struct golden *g, unsigned from, unsigned step, const char *word)
{
	struct world_batch b = { .bytes = BUF_INIT };

	for (unsigned i = from; i < KEYS; i += step)
		put(g, &b, i, i % 5 == step % 5 ? NULL : word);
	ck_assert_int_eq(world_commit(&w, &b).status, ST_OK);
}

static void keep_file(struct golden *g, const char *folder, const char *name)
{
	struct image *f = &g->files[g->count++];
	struct path p;

	ck_assert_uint_le(g->count, FILES_MAX);
	snprintf(f->name, sizeof(f->name), "%.20s%s%.40s", folder, *folder ? "/" : "", name);
	p = path_join(w.dir, f->name);
	ck_ok(vfs_slurp(vfs_posix(), p.s, 1u << 26, &f->p, &f->n));
}

static void keep_folder(struct golden *g, const char *folder)
{
	DIR *d = opendir(path_join(w.dir, folder).s);
	struct dirent *e;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && strcmp(e->d_name, "retained") != 0)      /* only watchers read that */
			keep_file(g, folder, e->d_name);
	closedir(d);
}

/* Three tables over each other, three segments of log, stopped cleanly. */
static void make(struct golden *g, const char *flavour)
{
	world_prepare(&w, vfs_posix());
	w.conf.memtable_size_limit = 16384;
	world_open(&w);
	for (unsigned t = 1; t <= 3; t++) {
		write_round(g, t - 1, t, flavour);
		world_rotate(&w);
		world_flush_all(&w);
	}
	for (unsigned t = 2; t <= 4; t++) {
		write_round(g, t, 7 * t, flavour);
		write_round(g, t + 1, 7 * t, flavour);
		if (t < 4)
			world_rotate(&w);
	}
	world_close(&w);
	world_forget_memtables(&w);
	keep_file(g, "", "manifest.db");
	keep_folder(g, "wal");
	keep_folder(g, "sst");
	board_detach(&w.board);
	leases_detach(&w.leases);
	testlib_remove(w.dir);
}

/* ---- putting a database in place ---- */

static void remove_all(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
			struct path p = path_join(folder, e->d_name);

			if (unlink(p.s) != 0) {
				remove_all(p.s);
				ck_assert_int_eq(rmdir(p.s), 0);
			}
		}
	closedir(d);
}

static void put_file(const char *name, const uint8_t *p, size_t n)
{
	int fd = open(path_join(w.dir, name).s, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert(fd >= 0 && (n == 0 || write(fd, p, n) == (ssize_t)n));
	close(fd);
}

static void restore_all(void)
{
	remove_all(w.dir);
	testlib_folders(vfs_posix(), w.dir);
	for (size_t i = 0; i < ours.count; i++)
		put_file(ours.files[i].name, ours.files[i].p, ours.files[i].n);
}

/* ---- the question ---- */

static unsigned asked, refused, partly;          /* cases; not opened; opened, and some key an error */

static bool check_keys(struct world_reader *r)
{
	bool all = true;

	for (unsigned i = 0; i < KEYS; i++) {
		struct read_cost cost = { .tables = 0 };
		struct view_pin pin = { 0 };
		struct entry e;
		enum st st = view_get(r->view, slice_str(key_of(i)), r->seq, 0, false, &cost, &e, &pin);

		if (st == ST_OK)
			ck_assert_msg(slice_eq(e.value, slice_str(ours.values[i])) && ours.values[i][0], "%s is %.*s, not %s",
				      key_of(i), (int)e.value.n, (const char *)e.value.p, ours.values[i]);
		else if (st == ST_NOT_FOUND)
			ck_assert_msg(!ours.values[i][0], "%s is gone", key_of(i));
		all &= st == ST_OK || st == ST_NOT_FOUND;
		view_pin_release(&pin);
	}
	return all;
}

static bool check_scan(struct world_reader *r)
{
	struct iter *it = view_iter_new(r->view, r->seq, 0);
	unsigned i = 0;
	enum st st;

	for (iter_first(it); it->valid; iter_next(it), i++) {
		while (i < KEYS && !ours.values[i][0])
			i++;
		ck_assert(i < KEYS && slice_eq(it->entry.key, slice_str(key_of(i))));
		ck_assert(slice_eq(it->entry.value, slice_str(ours.values[i])));
	}
	while (i < KEYS && !ours.values[i][0])
		i++;
	st = it->status;
	iter_free(&it);
	ck_assert_msg(st != ST_OK || i == KEYS, "a scan ends at key %u as if there were no more", i);
	return st == ST_OK;
}

/* Opens what lies there and asks for everything. */
static void ask(const char *what)
{
	struct restore_config c = { .vfs = vfs_posix(), .conf = &w.conf };
	struct buf complaint = BUF_INIT;
	struct world_reader r;
	bool all;
	int fd = board_create();
	enum st st;

	ck_ok(board_attach(fd, true, &w.board));
	close(fd);
	c.truth.board = w.board;
	largest = 0;
	asked++;
	st = restore_open(&c, &w.db, &complaint);
	if (st) {
		refused++;
		ck_assert_msg(st != ST_CORRUPT || complaint.n > 0, "%s: refused without a word", what);
		ck_assert_msg(st == ST_CORRUPT || st == ST_IO || st == ST_INVALID || st == ST_FULL, "%s: %s", what, st_text(st));
	} else {
		restore_publish(&w.db);
		r = world_reader(&w);
		all = check_keys(&r);
		all &= check_scan(&r);
		partly += !all;
		world_reader_end(&r);
		world_forget_memtables(&w);
		restore_close(&w.db);
	}
	board_detach(&w.board);
	buf_fini(&complaint);
	ck_assert_msg(largest <= ALLOCATION_MAX, "%s: %zu bytes were asked for", what, largest);
}

/* ---- one file ---- */

static size_t step_of(size_t n, size_t cases)
{
	return getenv("LSM_SWEEP") || n <= cases ? 1 : n / cases;
}

/* The file with these bytes in the place of its own. */
static void ask_with(const struct image *f, const uint8_t *p, size_t n, const char *what)
{
	char text[160];

	snprintf(text, sizeof(text), "%s %s", f->name, what);
	restore_all();
	put_file(f->name, p, n);
	ask(text);
}

/* Bytes that are looked at: of a log, not all of the zeros behind its end. */
static size_t content(const struct image *f)
{
	size_t n = f->n;

	while (n > 0 && f->p[n - 1] == 0)
		n--;
	return n + SECTOR < f->n ? n + SECTOR : f->n;
}

static void flip_bytes(const struct image *f, size_t cases)
{
	static const uint8_t masks[] = { 0x01, 0x80, 0xff, 0x10 };
	uint8_t *copy = mem_dup(f->p, f->n);
	size_t n = content(f), k = 0;
	char what[64];

	for (size_t at = 0; at < n; at += step_of(n, cases), k++) {
		copy[at] ^= masks[k % 4];
		snprintf(what, sizeof(what), "flipped at %zu", at);
		ask_with(f, copy, f->n, what);
		copy[at] = f->p[at];
	}
	mem_free(copy);
}

/* Every byte around each place where this word stands. */
static void flip_around(const struct image *f, const char *word, size_t reach)
{
	uint8_t *copy = mem_dup(f->p, f->n);
	size_t n = strlen(word), done = 0;
	char what[64];

	for (size_t i = 0; i + n <= f->n; i++) {
		if (memcmp(f->p + i, word, n) != 0)
			continue;
		for (size_t at = i > reach + done ? i - reach : done; at < f->n && at < i + n + reach; at++) {
			copy[at] ^= at % 2 ? 0x04 : 0x40;
			snprintf(what, sizeof(what), "flipped at %zu, near %s", at, word);
			ask_with(f, copy, f->n, what);
			copy[at] = f->p[at];
			done = at + 1;
		}
	}
	mem_free(copy);
}

static void cut(const struct image *f, size_t cases)
{
	size_t n = content(f);
	char what[64];

	for (size_t at = 0; at < n; at += step_of(n, cases)) {
		snprintf(what, sizeof(what), "cut to %zu", at);
		ask_with(f, f->p, at, what);
	}
	ask_with(f, f->p, f->n - 1, "without its last byte");
}

static void damage_sectors(const struct image *f, size_t cases)
{
	size_t sectors = content(f) / SECTOR;
	uint8_t *copy = mem_dup(f->p, f->n);
	char what[64];

	for (size_t s = 0; s < sectors; s += step_of(sectors, cases)) {
		uint8_t *here = copy + s * SECTOR, *other = copy + (s + 1) % sectors * SECTOR, spare[SECTOR];

		snprintf(what, sizeof(what), "sector %zu zeroed", s);
		memset(here, 0, SECTOR);
		ask_with(f, copy, f->n, what);
		memcpy(here, other, SECTOR);
		snprintf(what, sizeof(what), "sector %zu a copy of the next", s);
		ask_with(f, copy, f->n, what);
		memcpy(spare, f->p + s * SECTOR, SECTOR);
		memcpy(other, spare, SECTOR);
		snprintf(what, sizeof(what), "sector %zu swapped with the next", s);
		ask_with(f, copy, f->n, what);
		memcpy(copy, f->p, f->n);
	}
	mem_free(copy);
}

static void lengthen(const struct image *f)
{
	uint8_t *copy = mem_zalloc(f->n + 4096);

	memcpy(copy, f->p, f->n);
	ask_with(f, copy, f->n + 1, "with a zero behind");
	ask_with(f, copy, f->n + 4096, "with zeros behind");
	for (size_t i = 0; i < 4096; i++)
		copy[f->n + i] = (uint8_t)(i * 37 + 1);
	ask_with(f, copy, f->n + 4096, "with noise behind");
	mem_free(copy);
	restore_all();
	ck_assert_int_eq(truncate(path_join(w.dir, f->name).s, (off_t)1 << 30), 0);
	ask("a file of one GiB");
}

static void exchange(const struct image *f)
{
	for (size_t i = 0; i < ours.count; i++)
		if (&ours.files[i] != f)
			ask_with(f, ours.files[i].p, ours.files[i].n, ours.files[i].name);
	for (size_t i = 0; i < theirs.count; i++)
		if (strcmp(theirs.files[i].name, f->name) == 0)
			ask_with(f, theirs.files[i].p, theirs.files[i].n, "of another database");
	ask_with(f, (const uint8_t *)"hello\n", 6, "a text");
	restore_all();
	ck_assert_int_eq(unlink(path_join(w.dir, f->name).s), 0);
	ask("a file that is missing");
	ck_assert(mkdir(path_join(w.dir, f->name).s, 0700) == 0 || access(path_join(w.dir, f->name).s, F_OK) == 0);
	ask("a folder in the place of a file");
}

/* ---- the tests ---- */

static void begin(void)
{
	log_set_level((enum log_level)(LOG_LEVEL_ERROR + 1));
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	make(&theirs, "foreign");
	make(&ours, "value");
	world_prepare(&w, vfs_posix());
	w.conf.memtable_size_limit = 16384;
	board_detach(&w.board);
	restore_all();
	ask("as it was");
	ck_assert(refused == 0 && partly == 0);
}

static void finish(void)
{
	leases_detach(&w.leases);
	testlib_remove(w.dir);
	for (size_t i = 0; i < ours.count; i++)
		mem_free(ours.files[i].p);
	for (size_t i = 0; i < theirs.count; i++)
		mem_free(theirs.files[i].p);
}

/* near: words of which every byte around is flipped, where what stands in a file is denser than its size. */
static void sweep(const char *prefix, size_t flips, size_t cuts, size_t sectors, const char *const *near)
{
	begin();
	for (size_t i = 0; i < ours.count; i++) {
		const struct image *f = &ours.files[i];

		if (strncmp(f->name, prefix, strlen(prefix)) != 0)
			continue;
		flip_bytes(f, flips);
		for (const char *const *word = near; *word; word++)
			flip_around(f, *word, 60);
		cut(f, cuts);
		damage_sectors(f, sectors);
		lengthen(f);
		exchange(f);
	}
	ck_assert_uint_gt(refused, 0);
	printf("# %s*: %u cases, %u refused, %u with keys that are an error\n", prefix, asked, refused, partly);
	finish();
}

static const char *const nowhere[] = { NULL };

START_TEST(a_bad_table_is_an_error_or_makes_no_difference)
{
	sweep("sst/", 120, 30, 10, nowhere);
	ck_assert_uint_gt(partly, 50);
}
END_TEST

START_TEST(a_bad_log_is_refused_or_makes_no_difference)
{
	sweep("wal/", 60, 15, 4, nowhere);
	ck_assert_uint_eq(partly, 0);
}
END_TEST

START_TEST(a_bad_manifest_is_refused_or_makes_no_difference)
{
	/* A key of the table files; a row of the table meta. */
	static const char *const words[] = { "key07", "promised_seq", "database", NULL };

	sweep("manifest.db", 300, 40, 24, words);
	ck_assert_uint_eq(partly, 0);
}
END_TEST

/* Files that are none of ours, in every folder: left alone or removed, never taken for data. */
START_TEST(files_that_do_not_belong_here_make_no_difference)
{
	static const char *const names[] = { "LOCK", "unknown", "manifest.db-journal", "tmp/sstable_1.sst", "tmp/noise", "sst/noise",
					     "sst/sstable_900.sst", "sst/sstable_1.sst.bak", "wal/noise", "wal/wal_1.log.old",
					     "quarantine/sstable_1.sst", "quarantine/noise" };
	uint8_t noise[5000];

	begin();
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 131 + 7);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		for (int size = 0; size < 3; size++) {
			restore_all();
			ck_ok(vfs_mkdir(vfs_posix(), path_quarantine_dir(w.dir).s));
			put_file(names[i], noise, size == 0 ? 0 : size == 1 ? 100 : sizeof(noise));
			ask(names[i]);
			ck_assert_msg(partly == 0, "%s", names[i]);
		}
	ck_assert_uint_eq(refused, 0);
	finish();
}
END_TEST

static void suite(TCase *tc)
{
	tcase_set_timeout(tc, getenv("LSM_SWEEP") ? 7200 : 120);
	tcase_add_test(tc, a_bad_table_is_an_error_or_makes_no_difference);
	tcase_add_test(tc, a_bad_log_is_refused_or_makes_no_difference);
	tcase_add_test(tc, a_bad_manifest_is_refused_or_makes_no_difference);
	tcase_add_test(tc, files_that_do_not_belong_here_make_no_difference);
}

CHECK_MAIN("engine/sweep", suite)
