/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of common/table share: a directory of their own, a set of random entries with its oracle,
 * tables of it. */
#ifndef T_TABLE_HELP_H
#define T_TABLE_HELP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/conf.h"
#include "common/base/mem.h"
#include "common/base/rand.h"
#include "common/table/iter.h"
#include "common/table/table_reader.h"
#include "common/table/table_writer.h"
#include "t/check_main.h"

#define DATABASE 0x1234567890abcdefull

/* ck_assert() writes a mark each time, which is too slow for every entry of a table. */
#define ck_quick(x) do { if (!(x)) ck_abort_msg("%s", #x); } while (0)

static char help_dir[256];

static inline void help_begin(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(help_dir, sizeof(help_dir), "%s/table_test.XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(help_dir));
}

static inline void help_end(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf '%s'", help_dir);
	ck_assert_int_eq(system(command), 0);
}

static inline const char *help_path(void)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/table.sst", help_dir);
	return path;
}

/* Owned entries in entry order. */
struct help_set { struct entry *e; size_t n, room; };

static inline int help_cmp(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return entry_cmp(x->key, x->seq, y->key, y->seq);
}

static inline void help_add(struct help_set *s, struct slice key, struct slice value, uint64_t number,
			    bool tombstone, int64_t timestamp, int64_t expires)
{
	struct entry e = { .seq = seq(number), .timestamp_ms = timestamp, .expires_at_ms = expires,
			   .is_tombstone = tombstone };

	e.key = slice_of(mem_dup(key.p, key.n), key.n);
	e.value = slice_of(value.n ? mem_dup(value.p, value.n) : NULL, value.n);
	if (s->n == s->room) {
		s->room = s->room ? s->room * 2 : 64;
		s->e = mem_resize(s->e, s->room * sizeof(*s->e));
	}
	s->e[s->n++] = e;
}

static inline void help_sort(struct help_set *s)
{
	if (s->n > 0)
		qsort(s->e, s->n, sizeof(*s->e), help_cmp);
}

static inline void help_free(struct help_set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		mem_free((void *)(uintptr_t)s->e[i].key.p);
		mem_free((void *)(uintptr_t)s->e[i].value.p);
	}
	mem_free(s->e);
	*s = (struct help_set){ NULL, 0, 0 };
}

/* n random entries over few enough keys that many have several versions; keys and values of all kinds of
 * sizes. */
static inline void help_random(struct help_set *s, struct rnd *r, size_t n, size_t value_max)
{
	uint8_t key[1024], *value = mem_alloc(value_max + 1);

	for (size_t i = 0; i < n; i++) {
		size_t key_n = (size_t)snprintf((char *)key, sizeof(key), "key/%06u",
						(unsigned)rnd_below(r, n / 3 + 1));
		size_t value_n = rnd_below(r, 4) ? (size_t)rnd_below(r, value_max + 1) : 0;
		bool random_bytes = rnd_below(r, 2);

		if (rnd_below(r, 50) == 0) {
			size_t longer = 1 + (size_t)rnd_below(r, sizeof(key) - key_n);

			memset(key + key_n, (int)rnd_below(r, 256), longer);
			key_n += longer;
		}
		for (size_t j = 0; j < value_n; j++)
			value[j] = (uint8_t)(random_bytes ? rnd_next(r) : 'a' + j % 7);
		help_add(s, slice_of(key, key_n), slice_of(value, value_n), 1 + i,
			 value_n == 0 && rnd_below(r, 2), (int64_t)rnd_below(r, 1ull << 42) - 1000,
			 rnd_below(r, 3) ? 0 : (int64_t)rnd_below(r, 1ull << 42));
	}
	mem_free(value);
	help_sort(s);
}

static inline struct table_summary help_write_to(struct vfs *v, const char *path, const struct help_set *s,
						 struct table_options o, uint64_t id)
{
	struct table_writer *w;
	struct table_summary sum;

	o.database = DATABASE;
	ck_assert_int_eq(table_writer_begin(v, path, file_id(id), &o, &w), ST_OK);
	for (size_t i = 0; i < s->n; i++)
		table_writer_add(w, &s->e[i]);
	ck_assert_int_eq(table_writer_finish(w, &sum), ST_OK);
	sum.min_key = sum.max_key = slice_of(NULL, 0);
	table_writer_free(&w);
	return sum;
}

static inline struct table_reader *help_table(const struct help_set *s, struct table_options o,
					      struct block_cache *cache)
{
	struct table_reader *r;

	unlink(help_path());
	help_write_to(vfs_posix(), help_path(), s, o, 7);
	ck_assert_int_eq(table_open(vfs_posix(), help_path(), file_id(7), DATABASE, cache, &r), ST_OK);
	return r;
}

static inline bool help_same(const struct entry *a, const struct entry *b)
{
	return slice_eq(a->key, b->key) && slice_eq(a->value, b->value) && a->seq.v == b->seq.v &&
	       a->timestamp_ms == b->timestamp_ms && a->expires_at_ms == b->expires_at_ms &&
	       a->is_tombstone == b->is_tombstone;
}

/* What a point read must find: by plain search. NULL: nothing. */
static inline const struct entry *help_find(const struct help_set *s, struct slice key, uint64_t at)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (entry_cmp(s->e[middle].key, s->e[middle].seq, key, seq(at)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->n && slice_eq(s->e[low].key, key) ? &s->e[low] : NULL;
}

#endif
