/* SPDX-License-Identifier: Apache-2.0 */
/* The merge of iterators, against one sorted list of everything. */
#include "t/check_main.h"
#include "t/iter_walk.h"
#include "t/table_help.h"

/* An iterator over a set, which may fail at an entry. */
struct list_iter {
	struct iter it;
	const struct help_set *set;
	size_t at, fail_at;
};

static void list_show(struct list_iter *l)
{
	l->it.status = l->at == l->fail_at ? ST_CORRUPT : ST_OK;
	l->it.valid = l->it.status == ST_OK && l->at < l->set->n;
	if (l->it.valid)
		l->it.entry = l->set->e[l->at];
}

static void list_free(struct iter *it) { free(it); }

static void list_first(struct iter *it)
{
	struct list_iter *l = (struct list_iter *)it;

	l->at = 0;
	list_show(l);
}

static void list_seek(struct iter *it, struct slice key, struct seq seq)
{
	struct list_iter *l = (struct list_iter *)it;

	for (l->at = 0; l->at < l->set->n; l->at++)
		if (entry_cmp(l->set->e[l->at].key, l->set->e[l->at].seq, key, seq) >= 0)
			break;
	list_show(l);
}

static void list_next(struct iter *it)
{
	((struct list_iter *)it)->at++;
	list_show((struct list_iter *)it);
}

/* `at` wraps to SIZE_MAX in front of the first. */
static void list_prev(struct iter *it)
{
	((struct list_iter *)it)->at--;
	list_show((struct list_iter *)it);
}

static void list_last(struct iter *it)
{
	((struct list_iter *)it)->at = ((struct list_iter *)it)->set->n;
	list_prev(it);
}

static void list_seek_last(struct iter *it, struct slice key, struct seq seq)
{
	struct list_iter *l = (struct list_iter *)it;
	const struct entry *e = l->set->e;

	l->at = walk_rank(e, l->set->n, key, seq);
	if (l->at == l->set->n || entry_cmp(e[l->at].key, e[l->at].seq, key, seq) > 0)
		l->at--;
	list_show(l);
}

static struct iter *list_new(const struct help_set *set, size_t fail_at)
{
	static const struct iter_ops ops = { list_free, list_first, list_seek, list_next,
					     list_last, list_seek_last, list_prev };
	struct list_iter *l = calloc(1, sizeof(*l));

	l->it.ops = &ops;
	l->set = set;
	l->fail_at = fail_at;
	return &l->it;
}

#define NEVER (SIZE_MAX - 1)
#define PARTS_MAX 12

/* Deals the entries of all out to n sets, some of which may stay empty. */
static void deal(const struct help_set *all, struct help_set *parts, size_t n, struct rnd *rnd)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct entry *e = &all->e[i];

		help_add(&parts[rnd_below(rnd, n) * rnd_below(rnd, n) / n], e->key, e->value, e->seq.v,
			 e->is_tombstone, e->timestamp_ms, e->expires_at_ms);
	}
}

static struct iter *merge_of(const struct help_set *parts, size_t n)
{
	struct iter *children[PARTS_MAX];

	for (size_t i = 0; i < n; i++)
		children[i] = list_new(&parts[i], NEVER);
	return merge_iter_new(children, n);
}

START_TEST(the_merge_is_the_sorted_whole)
{
	size_t n = (size_t)_i;
	struct help_set all = { NULL, 0, 0 }, parts[PARTS_MAX] = { { NULL, 0, 0 } };
	struct rnd rnd = { (uint64_t)_i };
	struct iter *it;

	help_random(&all, &rnd, n ? 1000 : 0, 8);
	if (n)
		deal(&all, parts, n, &rnd);
	it = merge_of(parts, n);
	for (int round = 0; round < 30; round++) {
		size_t from = round && all.n ? (size_t)rnd_below(&rnd, all.n) : 0;

		if (round == 0 || all.n == 0)
			iter_first(it);
		else
			iter_seek(it, all.e[from].key, all.e[from].seq);
		for (; from < all.n; from++, iter_next(it)) {
			ck_quick(it->valid);
			ck_quick(help_same(&it->entry, &all.e[from]));
		}
		ck_assert(!it->valid);
		ck_assert_int_eq(it->status, ST_OK);
	}
	walk_agrees(it, all.e, all.n, &rnd, 20000);
	iter_free(&it);
	help_free(&all);
	for (size_t i = 0; i < n; i++)
		help_free(&parts[i]);
}
END_TEST

START_TEST(a_child_that_fails_ends_the_merge_with_its_status)
{
	struct help_set a = { NULL, 0, 0 }, b = { NULL, 0, 0 };
	uint64_t number = 1;

	for (char c = 'a'; c < 'k'; c++)
		help_add((c - 'a') % 2 ? &a : &b, slice_of(&c, 1), slice_str("v"), number++, false, 0, 0);
	for (size_t fail_at = 0; fail_at <= a.n; fail_at++) {
		struct iter *children[2] = { list_new(&a, fail_at), list_new(&b, NEVER) };
		struct iter *it = merge_iter_new(children, 2);
		size_t seen = 0;

		for (iter_first(it); it->valid; iter_next(it))
			ck_assert_uint_eq(it->entry.seq.v, ++seen);
		ck_assert_int_eq(it->status, ST_CORRUPT);
		/* The failing entry itself, and all behind the one before it, are not shown. */
		ck_assert_uint_le(seen, 2 * fail_at);
		iter_seek(it, slice_str("z"), SEQ_MAX);
		ck_assert(!it->valid);
		for (seen = 0, iter_last(it); it->valid; iter_prev(it), seen++)
			ck_assert_uint_eq(it->entry.seq.v, a.n + b.n - seen);
		ck_assert_int_eq(it->status, fail_at < a.n ? ST_CORRUPT : ST_OK);
		ck_assert_uint_le(seen, fail_at < a.n ? 2 * (a.n - fail_at) : a.n + b.n);
		iter_free(&it);
	}
	help_free(&a);
	help_free(&b);
}
END_TEST

START_TEST(equal_entries_come_in_the_order_of_the_children_both_ways)
{
	struct help_set sets[3] = { { NULL, 0, 0 } };
	struct iter *it;
	const char *values[3] = { "first", "second", "third" };

	for (size_t i = 0; i < 3; i++)
		help_add(&sets[i], slice_str("k"), slice_str(values[i]), 1, false, 0, 0);
	it = merge_of(sets, 3);
	iter_first(it);
	for (size_t step = 0; step < 2; step++, iter_next(it))
		ck_assert(slice_eq(it->entry.value, slice_str(values[step])));
	for (size_t step = 2; step > 0; step--, iter_prev(it))
		ck_assert(slice_eq(it->entry.value, slice_str(values[step])));
	iter_next(it);
	ck_assert(slice_eq(it->entry.value, slice_str(values[1])));
	iter_free(&it);
	for (size_t i = 0; i < 3; i++)
		help_free(&sets[i]);
}
END_TEST

START_TEST(tables_merge_like_lists)
{
	struct help_set all = { NULL, 0, 0 }, parts[3] = { { NULL, 0, 0 } };
	struct table_reader *readers[3];
	struct iter *children[3], *it;
	struct rnd rnd = { 3 };
	size_t i = 0;

	help_begin();
	help_random(&all, &rnd, 5000, 100);
	deal(&all, parts, 3, &rnd);
	for (size_t n = 0; n < 3; n++) {
		readers[n] = help_table(&parts[n], (struct table_options){ .codec = BLOCK_COMPRESSION_FAST },
					NULL);
		children[n] = table_iter_new(readers[n], n != 1);
	}
	it = merge_iter_new(children, 3);
	for (iter_first(it); it->valid; iter_next(it), i++)
		ck_assert(help_same(&it->entry, &all.e[i]));
	ck_assert_int_eq(it->status, ST_OK);
	ck_assert_uint_eq(i, all.n);
	walk_agrees(it, all.e, all.n, &rnd, 50000);
	iter_free(&it);
	for (size_t n = 0; n < 3; n++) {
		table_close(&readers[n]);
		help_free(&parts[n]);
	}
	help_free(&all);
	help_end();
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_loop_test(tc, the_merge_is_the_sorted_whole, 0, PARTS_MAX + 1);
	tcase_add_test(tc, a_child_that_fails_ends_the_merge_with_its_status);
	tcase_add_test(tc, equal_entries_come_in_the_order_of_the_children_both_ways);
	tcase_add_test(tc, tables_merge_like_lists);
}

CHECK_MAIN("table/merge_iter", suite)
