/* SPDX-License-Identifier: Apache-2.0 */
/* The memtable against a sorted array, among threads, across processes, and with damaged bytes. */
#include "common/view/memtable.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/rand.h"
#include "t/check_main.h"
#include "t/iter_walk.h"

#define MIB (1u << 20)

/* ---- helpers ---- */

static struct memtable *make(uint64_t id, uint64_t capacity)
{
	struct memtable *m;

	ck_assert_int_eq(memtable_new(file_id(id), capacity, &m), ST_OK);
	return m;
}

static void put(struct memtable *m, const char *key, uint64_t s, const char *value)
{
	struct entry e = { .key = slice_str(key), .value = slice_str(value), .seq = seq(s) };

	memtable_insert(m, &e);
}

static bool get(struct memtable *m, const char *key, uint64_t s, struct entry *ep)
{
	return memtable_get(m, slice_str(key), seq(s), ep);
}

static bool value_is(const struct entry *e, const char *value)
{
	return slice_eq(e->value, slice_str(value));
}

/* ---- the oracle: entries in an array, sorted on demand ---- */

#define MODEL_MAX 6000

struct model {
	struct entry e[MODEL_MAX];
	size_t n;
};

static int model_cmp(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return entry_cmp(x->key, x->seq, y->key, y->seq);
}

static void model_sort(struct model *model)
{
	qsort(model->e, model->n, sizeof model->e[0], model_cmp);
}

/* Index of the first entry at or behind (key, s), in a sorted model. */
static size_t model_seek(const struct model *model, struct slice key, struct seq s)
{
	size_t i = 0;

	while (i < model->n && entry_cmp(model->e[i].key, model->e[i].seq, key, s) < 0)
		i++;
	return i;
}

static void model_free(struct model *model)
{
	for (size_t i = 0; i < model->n; i++) {
		mem_free((void *)(uintptr_t)model->e[i].key.p);
		mem_free((void *)(uintptr_t)model->e[i].value.p);
	}
	mem_free(model);
}

/* Keys of few letters and many lengths, so that prefixes of each other and of eight bytes are common. */
static struct slice random_bytes(struct rnd *rnd, size_t max, unsigned letters)
{
	size_t n = rnd_below(rnd, max + 1);
	uint8_t *p = mem_alloc(n + 1);

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(rnd_below(rnd, letters) * (255 / (letters - 1)));
	return slice_of(p, n);
}

static struct entry random_entry(struct rnd *rnd, const struct model *model, uint64_t s)
{
	struct entry e = {
		.value = random_bytes(rnd, 40, 256), .seq = seq(s),
		.timestamp_ms = (int64_t)rnd_below(rnd, 1000), .expires_at_ms = (int64_t)rnd_below(rnd, 5),
		.is_tombstone = rnd_below(rnd, 4) == 0,
	};

	if (model->n > 0 && rnd_below(rnd, 3) == 0) {
		struct slice old = model->e[rnd_below(rnd, model->n)].key;

		e.key = slice_of(mem_dup(old.p, old.n), old.n);
	} else {
		e.key = random_bytes(rnd, 20, 2);
	}
	if (e.is_tombstone)
		e.value.n = 0;
	return e;
}

static bool same(const struct entry *a, const struct entry *b)
{
	return slice_eq(a->key, b->key) && slice_eq(a->value, b->value) && a->seq.v == b->seq.v
	    && a->timestamp_ms == b->timestamp_ms && a->expires_at_ms == b->expires_at_ms
	    && a->is_tombstone == b->is_tombstone;
}

/* Fills both with n random entries, sequences in mixed order, one by one or as many at once as chance has it. */
static void fill(struct memtable *m, struct model *model, size_t n, struct rnd *rnd)
{
	size_t inserted = 0, next = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t s = i ^ 3;             /* not rising: neighbours change places */

		model->e[model->n] = random_entry(rnd, model, s + 1);
		model->n++;
		if (i < next && i + 1 < n)
			continue;
		if (i == inserted)
			memtable_insert(m, &model->e[i]);
		else
			memtable_insert_all(m, &model->e[inserted], i + 1 - inserted);
		inserted = i + 1;
		next = inserted + rnd_below(rnd, 3) * rnd_below(rnd, 40);
	}
	model_sort(model);
}

/* ---- one thread ---- */

START_TEST(get_sees_newest_version_not_above_sequence)
{
	struct memtable *m = make(1, MIB);
	struct entry e;

	put(m, "k", 10, "ten");
	put(m, "k", 30, "thirty");
	put(m, "k", 20, "twenty");
	ck_assert(!get(m, "k", 9, &e));
	ck_assert(get(m, "k", 10, &e) && value_is(&e, "ten"));
	ck_assert(get(m, "k", 25, &e) && value_is(&e, "twenty"));
	ck_assert(get(m, "k", SEQ_MAX.v, &e) && value_is(&e, "thirty"));
	ck_assert(!get(m, "", 30, &e) && !get(m, "kk", 30, &e) && !get(m, "j", 30, &e));
	memtable_unref(&m);
	ck_assert_ptr_null(m);
}
END_TEST

START_TEST(keys_that_differ_only_in_zeros_are_different)
{
	struct memtable *m = make(1, MIB);
	uint8_t zeros[12] = { 0 };
	struct entry e;

	for (size_t n = 0; n <= sizeof zeros; n++) {
		e = (struct entry){ .key = slice_of(zeros, n), .value = slice_of("0123456789ab", n),
				    .seq = seq(n + 1) };
		memtable_insert(m, &e);
	}
	for (size_t n = 0; n <= sizeof zeros; n++) {
		ck_assert(memtable_get(m, slice_of(zeros, n), SEQ_MAX, &e));
		ck_assert_uint_eq(e.value.n, n);
		ck_assert_uint_eq(e.seq.v, n + 1);
	}
	memtable_unref(&m);
}
END_TEST

START_TEST(agrees_with_a_sorted_array)
{
	struct rnd rnd = { (uint64_t)_i };
	struct memtable *m = make(7, 4 * MIB);
	struct model *model = mem_zalloc(sizeof *model);
	struct iter *it;
	size_t i = 0;

	fill(m, model, MODEL_MAX, &rnd);
	ck_assert_uint_eq(memtable_entries(m), MODEL_MAX);
	it = memtable_iter_new(m);
	for (iter_first(it); it->valid; iter_next(it), i++)
		ck_assert(same(&it->entry, &model->e[i]));
	ck_assert_int_eq(it->status, ST_OK);
	ck_assert_uint_eq(i, model->n);
	for (int round = 0; round < 2000; round++) {
		struct slice key = random_bytes(&rnd, 20, 2);
		struct seq s = seq(rnd_below(&rnd, MODEL_MAX + 2));
		struct entry e;
		bool found = memtable_get(m, key, s, &e);

		i = model_seek(model, key, s);
		ck_assert_int_eq(found, i < model->n && slice_eq(model->e[i].key, key));
		ck_assert(!found || same(&e, &model->e[i]));
		iter_seek(it, key, s);
		ck_assert_int_eq(it->valid, i < model->n);
		ck_assert(!it->valid || same(&it->entry, &model->e[i]));
		mem_free((void *)(uintptr_t)key.p);
	}
	walk_agrees(it, model->e, model->n, &rnd, 20000);
	iter_free(&it);
	memtable_unref(&m);
	model_free(model);
}
END_TEST

START_TEST(rising_falling_and_interleaved_runs_keep_order)
{
	struct memtable *m = make(1, 4 * MIB);
	struct entry prev = { .seq = seq(0) };
	char key[16];
	struct iter *it;
	uint64_t s = 0, n = 0;

	for (unsigned i = 0; i < 3000; i++) {
		unsigned at = i % 3 == 0 ? i : i % 3 == 1 ? 9000 - i : 3000 + i;

		snprintf(key, sizeof key, "key%06u", at);
		put(m, key, ++s, "v");
		if (i % 5 == 0)
			put(m, key, ++s, "w");
	}
	it = memtable_iter_new(m);
	for (iter_first(it); it->valid; iter_next(it), n++) {
		ck_assert(n == 0 || entry_cmp(prev.key, prev.seq, it->entry.key, it->entry.seq) < 0);
		prev = it->entry;
	}
	ck_assert_int_eq(it->status, ST_OK);
	ck_assert_uint_eq(n, s);
	iter_free(&it);
	memtable_unref(&m);
}
END_TEST

START_TEST(no_insert_takes_more_than_its_cost)
{
	struct memtable *m = make(3, MIB);
	struct rnd rnd = { 3 };
	uint8_t bytes[300] = { 0 };
	uint64_t s = 0;

	for (;;) {
		struct entry e = { .key = slice_of(bytes, rnd_below(&rnd, 100)),
				   .value = slice_of(bytes, rnd_below(&rnd, 300)), .seq = seq(++s) };
		uint64_t room = memtable_room(m), cost = memtable_cost(e.key.n, e.value.n);

		if (room < cost)
			break;
		memtable_insert(m, &e);
		ck_assert_uint_le(room - memtable_room(m), cost);
		ck_assert_uint_ge(room - memtable_room(m), e.key.n + e.value.n);
	}
	ck_assert_uint_eq(memtable_used(m) + memtable_room(m), MIB);
	ck_assert_uint_eq(memtable_entries(m), s - 1);
	memtable_unref(&m);
}
END_TEST

START_TEST(iterator_keeps_the_memtable)
{
	struct memtable *m = make(1, MIB);
	struct iter *it = memtable_iter_new(m);

	put(m, "a", 1, "x");
	memtable_unref(&m);
	iter_first(it);
	ck_assert(it->valid && value_is(&it->entry, "x"));
	iter_next(it);
	ck_assert(!it->valid);
	ck_assert_int_eq(it->status, ST_OK);
	iter_free(&it);
}
END_TEST

START_TEST(too_large_a_capacity_is_refused)
{
	struct memtable *m;

	ck_assert_int_eq(memtable_new(file_id(1), (32ull << 30) + 8, &m), ST_INVALID);
	ck_assert_ptr_null(m);
	m = make(1, 32ull << 30);
	put(m, "k", 1, "v");
	ck_assert_uint_eq(memtable_entries(m), 1);
	memtable_unref(&m);
}
END_TEST

/* ---- handing out ---- */

START_TEST(handed_out_descriptor_can_only_be_read)
{
	struct memtable *m = make(9, MIB), *r;
	int fd = memtable_fd(m), copy = dup(fd);
	struct entry e;
	struct stat sb;

	put(m, "k", 1, "v");
	ck_assert_int_eq(fstat(fd, &sb), 0);
	ck_assert_ptr_eq(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	ck_assert_int_eq((int)pwrite(fd, "x", 1, 0), -1);
	ck_assert_int_eq(ftruncate(fd, 0), -1);
	ck_assert_int_eq(ftruncate(fd, sb.st_size * 2), -1);
	ck_assert_int_eq(memtable_map(file_id(9), copy, &r), ST_OK);
	ck_assert_int_eq(memtable_fd(r), copy);      /* and can be handed on */
	ck_assert(get(r, "k", 1, &e) && value_is(&e, "v"));
	ck_assert_int_eq(mprotect((void *)((uintptr_t)e.key.p & ~4095ul), 4096, PROT_READ | PROT_WRITE), -1);
	put(m, "l", 2, "w");
	ck_assert(get(r, "l", 2, &e) && value_is(&e, "w"));
	memtable_unref(&m);
	ck_assert(get(r, "k", 1, &e) && value_is(&e, "v"));
	memtable_unref(&r);
}
END_TEST

START_TEST(mapping_takes_the_descriptor_and_refuses_what_is_none)
{
	struct memtable *m = make(9, MIB), *r;
	int wrong_id = dup(memtable_fd(m)), plain = memfd_create("plain", 0), closed = dup(plain);

	ck_assert_int_eq(memtable_map(file_id(8), wrong_id, &r), ST_CORRUPT);
	ck_assert_ptr_null(r);
	ck_assert_int_eq(fcntl(wrong_id, F_GETFD), -1);
	ck_assert_int_eq(ftruncate(plain, MIB), 0);
	ck_assert_int_eq(memtable_map(file_id(9), plain, &r), ST_CORRUPT);
	close(closed);
	ck_assert_int_eq(memtable_map(file_id(9), closed, &r), ST_CORRUPT);
	memtable_unref(&m);
}
END_TEST

/* ---- one writer, many readers: entry i has key and value that say i ---- */

#define SHARED_ENTRIES 20000u

static void shared_put(struct memtable *m, uint64_t i)
{
	uint64_t key = __builtin_bswap64(i * 0x9e3779b97f4a7c15u), value[4] = { i, ~i, i * 3, i ^ 0x5555 };
	struct entry e = { .key = slice_of(&key, sizeof key), .value = slice_of(value, sizeof value),
			   .seq = seq(i + 1), .timestamp_ms = (int64_t)i };

	memtable_insert(m, &e);
}

/* Does the entry tell one and the same number in all its parts? */
static bool shared_is_whole(const struct entry *e)
{
	uint64_t i = e->seq.v - 1, key, value[4];

	if (e->key.n != sizeof key || e->value.n != sizeof value)
		return false;
	memcpy(&key, e->key.p, sizeof key);
	memcpy(value, e->value.p, sizeof value);
	return key == __builtin_bswap64(i * 0x9e3779b97f4a7c15u) && value[0] == i && value[1] == ~i
	    && value[2] == i * 3 && value[3] == (i ^ 0x5555) && e->timestamp_ms == (int64_t)i;
}

/* Reads until everything is there; what was counted as inserted must be found, and every entry be whole. */
static bool read_until_full(struct memtable *m, uint64_t seed)
{
	struct rnd rnd = { seed };
	uint64_t there;

	do {
		there = memtable_entries(m);
		for (int i = 0; there > 0 && i < 200; i++) {
			uint64_t which = rnd_below(&rnd, there);
			uint64_t key = __builtin_bswap64(which * 0x9e3779b97f4a7c15u);
			struct entry e;

			if (!memtable_get(m, slice_of(&key, sizeof key), SEQ_MAX, &e) || !shared_is_whole(&e))
				return false;
		}
	} while (there < SHARED_ENTRIES);
	return true;
}

static bool scan_is_whole(struct memtable *m, uint64_t *np)
{
	struct iter *it = memtable_iter_new(m);
	uint64_t n = 0;
	bool whole = true;

	for (*np = 0, iter_first(it); it->valid && whole; iter_next(it), ++*np)
		whole = shared_is_whole(&it->entry);
	whole = whole && it->status == ST_OK;
	/* Back again it meets at least as many. */
	for (iter_last(it); it->valid && whole; iter_prev(it), n++)
		whole = shared_is_whole(&it->entry);
	whole = whole && it->status == ST_OK && n >= *np;
	iter_free(&it);
	return whole;
}

static bool read_all_along(struct memtable *m, uint64_t seed)
{
	uint64_t before = 0, n;

	while (memtable_entries(m) < SHARED_ENTRIES) {
		if (!scan_is_whole(m, &n) || n < before)
			return false;
		before = n;
	}
	return read_until_full(m, seed);
}

static void *reader_thread(void *arg)
{
	struct memtable *m = arg;
	bool ok = read_until_full(m, (uintptr_t)&ok);

	memtable_unref(&m);
	return (void *)(uintptr_t)ok;
}

static void *scanner_thread(void *arg)
{
	struct memtable *m = arg;
	bool ok = read_all_along(m, (uintptr_t)&ok);

	memtable_unref(&m);
	return (void *)(uintptr_t)ok;
}

START_TEST(threads_see_whole_entries_while_one_writes)
{
	struct memtable *m = make(5, 16 * MIB);
	pthread_t threads[4];
	uint64_t n;

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, i % 2 ? reader_thread : scanner_thread,
						memtable_ref(m)), 0);
	for (uint64_t i = 0; i < SHARED_ENTRIES; i++)
		shared_put(m, i);
	for (int i = 0; i < 4; i++) {
		void *ok;

		ck_assert_int_eq(pthread_join(threads[i], &ok), 0);
		ck_assert_ptr_nonnull(ok);
	}
	ck_assert(scan_is_whole(m, &n));
	ck_assert_uint_eq(n, SHARED_ENTRIES);
	memtable_unref(&m);
}
END_TEST

/* The life of the reading process: its own mapping of the descriptor; the exit code says what it saw. */
static int reader_process(int fd)
{
	struct memtable *m;
	uint64_t n;
	bool ok;

	if (memtable_map(file_id(5), fd, &m) != ST_OK)
		return 2;
	ok = read_all_along(m, 11) && scan_is_whole(m, &n) && n == SHARED_ENTRIES;
	memtable_unref(&m);
	return ok ? 0 : 1;
}

START_TEST(another_process_sees_whole_entries_while_one_writes)
{
	struct memtable *m = make(5, 16 * MIB);
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(reader_process(dup(memtable_fd(m))));
	for (uint64_t i = 0; i < SHARED_ENTRIES; i++)
		shared_put(m, i);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	memtable_unref(&m);
}
END_TEST

/* ---- damage ---- */

/* The file's bytes as they are now. */
static uint8_t *file_copy(struct memtable *m, size_t *np)
{
	struct stat sb;
	uint8_t *p;

	ck_assert_int_eq(fstat(memtable_fd(m), &sb), 0);
	*np = (size_t)sb.st_size;
	p = mem_alloc(*np);
	ck_assert_int_eq((int)pread(memtable_fd(m), p, *np, 0), (int)*np);
	return p;
}

/* A sealed memory file of these bytes. */
static int file_of(const uint8_t *p, size_t n)
{
	int fd = memfd_create("damaged", MFD_ALLOW_SEALING);

	ck_assert_int_eq((int)pwrite(fd, p, n, 0), (int)n);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	return fd;
}

/* Everything a reader can do; must end, whatever the bytes. */
static void read_everything(struct memtable *m, struct rnd *rnd)
{
	struct iter *it = memtable_iter_new(m);
	uint64_t sum = 0;

	for (int i = 0; i < 20; i++) {
		struct slice key = random_bytes(rnd, 20, 2);
		struct entry e;

		if (memtable_get(m, key, SEQ_MAX, &e))
			for (size_t j = 0; j < e.value.n; j++)
				sum += e.value.p[j];
		iter_seek(it, key, SEQ_MAX);
		iter_seek_last(it, key, SEQ_MAX);
		mem_free((void *)(uintptr_t)key.p);
	}
	for (iter_last(it); it->valid; iter_prev(it))
		for (size_t j = 0; j < it->entry.key.n; j++)
			sum += it->entry.key.p[j];
	ck_assert(it->status == ST_OK || (it->status == ST_CORRUPT && memtable_damaged(m)));
	for (iter_first(it); it->valid; iter_next(it))
		for (size_t j = 0; j < it->entry.key.n; j++)
			sum += it->entry.key.p[j];
	ck_assert(it->status == ST_OK || it->status == ST_CORRUPT);
	ck_assert(it->status == ST_OK || memtable_damaged(m));
	ck_assert_uint_ne(sum, 1);
	iter_free(&it);
}

static void read_damaged(const uint8_t *p, size_t n, struct rnd *rnd)
{
	struct memtable *r;

	if (memtable_map(file_id(7), file_of(p, n), &r) != ST_OK)
		return;
	read_everything(r, rnd);
	memtable_unref(&r);
}

static uint8_t *sound_file(struct memtable **mp, struct rnd *rnd, size_t *np)
{
	struct model *model = mem_zalloc(sizeof *model);

	*mp = make(7, 64 << 10);
	fill(*mp, model, 300, rnd);
	model_free(model);
	return file_copy(*mp, np);
}

START_TEST(every_damaged_header_byte_is_survived)
{
	struct rnd rnd = { 5 };
	struct memtable *m;
	size_t n;
	uint8_t *p = sound_file(&m, &rnd, &n);

	for (size_t at = 0; at < 256; at++)
		for (unsigned bit = 0; bit < 8; bit += 3) {
			p[at] ^= (uint8_t)(1u << bit);
			read_damaged(p, n, &rnd);
			p[at] ^= (uint8_t)(1u << bit);
		}
	mem_free(p);
	memtable_unref(&m);
}
END_TEST

START_TEST(random_damage_is_survived)
{
	struct rnd rnd = { 6 };
	struct memtable *m;
	size_t n;
	uint8_t *p = sound_file(&m, &rnd, &n), *q = mem_alloc(n);
	size_t used = 4096 + (size_t)memtable_used(m);

	for (int round = 0; round < 1500; round++) {
		memcpy(q, p, n);
		for (uint64_t i = 0, flips = 1 + rnd_below(&rnd, 8); i < flips; i++)
			q[rnd_below(&rnd, used)] ^= (uint8_t)(1 + rnd_below(&rnd, 255));
		read_damaged(q, n, &rnd);
	}
	mem_free(p);
	mem_free(q);
	memtable_unref(&m);
}
END_TEST

START_TEST(links_in_a_circle_end_as_corrupt)
{
	struct memtable *m = make(7, 64 << 10), *r;
	uint32_t link = 1;              /* the first node, from itself */
	size_t n;
	uint8_t *p;
	struct entry e;
	struct iter *it;

	put(m, "a", 1, "x");
	put(m, "b", 2, "y");
	p = file_copy(m, &n);
	memcpy(p + 4096 + 24, &link, sizeof link);
	ck_assert_int_eq(memtable_map(file_id(7), file_of(p, n), &r), ST_OK);
	it = memtable_iter_new(r);
	iter_first(it);
	ck_assert(it->valid);
	ck_assert(!memtable_damaged(r));
	iter_next(it);
	ck_assert(!it->valid);
	ck_assert_int_eq(it->status, ST_CORRUPT);
	for (iter_last(it); it->valid; iter_prev(it))
		;
	ck_assert_int_eq(it->status, ST_CORRUPT);
	ck_assert(!get(r, "c", 9, &e));
	ck_assert(memtable_damaged(r));
	iter_free(&it);
	memtable_unref(&r);
	memtable_unref(&m);
	mem_free(p);
}
END_TEST

START_TEST(link_out_of_the_file_is_reported_as_damage)
{
	struct memtable *m = make(7, 64 << 10), *r;
	uint32_t link = UINT32_MAX;
	size_t n;
	uint8_t *p;
	struct entry e;

	put(m, "a", 1, "x");
	p = file_copy(m, &n);
	memcpy(p + 4096 + 24, &link, sizeof link);
	ck_assert_int_eq(memtable_map(file_id(7), file_of(p, n), &r), ST_OK);
	ck_assert(get(r, "a", 1, &e));
	ck_assert(!get(r, "b", 1, &e));
	ck_assert(memtable_damaged(r));
	memtable_unref(&r);
	memtable_unref(&m);
	mem_free(p);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, get_sees_newest_version_not_above_sequence);
	tcase_add_test(tc, keys_that_differ_only_in_zeros_are_different);
	tcase_add_loop_test(tc, agrees_with_a_sorted_array, 1, 4);
	tcase_add_test(tc, rising_falling_and_interleaved_runs_keep_order);
	tcase_add_test(tc, no_insert_takes_more_than_its_cost);
	tcase_add_test(tc, iterator_keeps_the_memtable);
	tcase_add_test(tc, too_large_a_capacity_is_refused);
	tcase_add_test(tc, handed_out_descriptor_can_only_be_read);
	tcase_add_test(tc, mapping_takes_the_descriptor_and_refuses_what_is_none);
	tcase_add_test(tc, threads_see_whole_entries_while_one_writes);
	tcase_add_test(tc, another_process_sees_whole_entries_while_one_writes);
	tcase_add_test(tc, every_damaged_header_byte_is_survived);
	tcase_add_test(tc, random_damage_is_survived);
	tcase_add_test(tc, links_in_a_circle_end_as_corrupt);
	tcase_add_test(tc, link_out_of_the_file_is_reported_as_damage);
}

CHECK_MAIN("view/memtable", suite)
