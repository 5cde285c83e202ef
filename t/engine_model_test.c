/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine against an oracle: random puts, deletes and batches, rotations, flushes, compactions, moves and restarts, in
 * any order; what is read through the published view must be what the oracle says, at every step.
 */
#include "t/engine_world.h"

#define KEYS 300
#define VALUE_BYTES 48

struct oracle { char value[KEYS][VALUE_BYTES]; };        /* empty: not there */

static void key_of(unsigned i, char key[16])
{
	snprintf(key, 16, "key%04u", i);
}

static void check_all(struct world *w, const struct oracle *o)
{
	struct world_reader r = world_reader(w);
	char key[16];

	for (unsigned i = 0; i < KEYS; i++) {
		key_of(i, key);
		world_check(&r, key, o->value[i][0] ? o->value[i] : NULL);
	}
	world_reader_end(&r);
}

/* The same through the iterator: every key that is there, in order, nothing else. */
static void check_scan(struct world *w, const struct oracle *o)
{
	struct world_reader r = world_reader(w);
	struct iter *it;
	char key[16];

	it = view_iter_new(r.view, r.seq, 0);
	iter_first(it);
	for (unsigned i = 0; i < KEYS; i++) {
		if (!o->value[i][0])
			continue;
		key_of(i, key);
		ck_assert(it->valid);
		ck_assert(slice_eq(it->entry.key, slice_str(key)));
		ck_assert(slice_eq(it->entry.value, slice_str(o->value[i])));
		iter_next(it);
	}
	ck_assert(!it->valid);
	ck_ok(it->status);
	iter_free(&it);
	world_reader_end(&r);
}

static void write_some(struct world *w, struct oracle *o, struct rnd *rnd)
{
	struct world_batch b = { .bytes = BUF_INIT };
	struct oracle after = *o;
	unsigned n = 1 + (unsigned)rnd_below(rnd, 8);
	char key[16];

	for (unsigned i = 0; i < n; i++) {
		unsigned k = (unsigned)rnd_below(rnd, KEYS);

		key_of(k, key);
		if (rnd_below(rnd, 4) == 0)
			after.value[k][0] = '\0';
		else
			snprintf(after.value[k], VALUE_BYTES, "%016llx%016llx", (unsigned long long)rnd_next(rnd),
				 (unsigned long long)rnd_next(rnd));
		world_put(&b, key, after.value[k][0] ? after.value[k] : NULL);
	}
	if (world_commit(w, &b).status == ST_OK)
		*o = after;
	else
		world_flush_all(w);      /* held back: three memtables wait */
}

static void step(struct world *w, struct oracle *o, struct rnd *rnd)
{
	unsigned what = (unsigned)rnd_below(rnd, 100);
	uint64_t visible = board_visible(w->board).v;
	enum st st;

	if (what < 80) {
		write_some(w, o, rnd);
	} else if (what < 84) {
		if (truth_frozen_count(w->db.truth) < 3)
			world_rotate(w);
	} else if (what < 90) {
		st = flush_oldest(w->flush);
		ck_assert(st == ST_OK || st == ST_NOT_FOUND);
	} else if (what < 97) {
		w->at_rest = rnd_below(rnd, 2);
		world_compact(w);
	} else {
		world_close(w);
		world_forget_memtables(w);
		world_open(w);
	}
	ck_assert_uint_ge(board_visible(w->board).v, visible);
}

static void run(uint64_t seed, unsigned steps)
{
	struct rnd rnd = { seed };
	struct oracle o = { 0 };
	struct world w;

	world_begin(&w, vfs_posix());
	w.conf.compaction_trigger_ratio = 2;
	w.conf.level_size_ratio = 2;
	w.conf.memtable_size_limit = 4096;
	for (unsigned i = 0; i < steps; i++) {
		step(&w, &o, &rnd);
		if (w.known_count > WORLD_MEMTABLES / 2)
			world_forget_memtables(&w);
		if (i % 20 == 0)
			check_all(&w, &o);
	}
	check_scan(&w, &o);
	world_close(&w);
	world_forget_memtables(&w);
	world_open(&w);
	check_all(&w, &o);
	check_scan(&w, &o);
	world_end(&w);
}

START_TEST(whatever_happens_in_whatever_order_reads_agree_with_the_oracle)
{
	run(1 + (uint64_t)_i, 1500);
}
END_TEST

/* A view is a snapshot: it goes on answering what it showed, however far the engine has gone. */
START_TEST(an_old_view_keeps_answering_as_it_did)
{
	struct rnd rnd = { 99 };
	struct oracle o = { 0 }, then;
	struct world_reader old;
	struct world w;
	char key[16];

	world_begin(&w, vfs_posix());
	w.conf.compaction_trigger_ratio = 2;
	for (unsigned i = 0; i < 400; i++)
		write_some(&w, &o, &rnd);
	world_flush_all(&w);
	for (unsigned i = 0; i < 50; i++)
		write_some(&w, &o, &rnd);
	then = o;
	old = world_reader(&w);
	ck_ok(view_pin_tables(old.view));
	for (unsigned i = 0; i < 400; i++)
		write_some(&w, &o, &rnd);
	world_flush_all(&w);
	world_rotate(&w);
	world_flush_all(&w);
	while (world_compact(&w))
		;
	for (unsigned i = 0; i < KEYS; i++) {
		key_of(i, key);
		world_check(&old, key, then.value[i][0] ? then.value[i] : NULL);
	}
	check_all(&w, &o);
	world_reader_end(&old);
	world_end(&w);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_loop_test(tc, whatever_happens_in_whatever_order_reads_agree_with_the_oracle, 0, 6);
	tcase_add_test(tc, an_old_view_keeps_answering_as_it_did);
}

CHECK_MAIN("engine/model", suite)
