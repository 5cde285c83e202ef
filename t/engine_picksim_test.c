/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compaction played through: random writes, and every job that pick orders carried out on tables of entries in memory,
 * two at a time and finished in any order. What every job must keep, over thousands of them.
 */
#include "t/check_main.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/rand.h"
#include "common/table/entry.h"
#include "engine/pick.h"

enum { KEYS = 2000, KEY_BYTES = 8, VALUE_BYTES = 100, TOMBSTONE_BYTES = 16, TABLE_ENTRIES = 40, IDS = 200000, AT_ONCE = 2, RESTING = 4 };

struct item { unsigned key; uint64_t seq; bool tombstone; int64_t expires_ms; };
struct items { struct item *e; size_t n; };

/* A job under way. */
struct started { bool busy; struct arena arena; struct pick_job job; struct file_id ids[4096]; };

struct sim {
	struct version *v;
	struct rnd rnd;
	struct items *tables;            /* by id */
	struct item newest[KEYS];        /* the oracle; seq 0: never written */
	uint64_t next_id, next_seq;
	int64_t now_ms;
	struct started started[AT_ONCE];
	struct file_id resting[RESTING];         /* in order */
	size_t resting_count;
	unsigned jobs, moves, in_place;
	uint64_t written;                /* bytes of merges */
	struct levels_conf conf;
};

static char *key_text(unsigned key)
{
	static char text[4][KEY_BYTES];
	static unsigned at;
	char *s = text[at++ % 4];

	(void)snprintf(s, KEY_BYTES, "%06u", key);
	return s;
}

static bool is_dead(const struct item *e, int64_t now_ms)
{
	return e->seq == 0 || e->tombstone || (e->expires_ms && e->expires_ms <= now_ms);
}

/* ---- tables ---- */

static struct live_table table_of(struct sim *s, struct item *e, size_t n, unsigned level)
{
	struct live_table t = { .level = level, .created_ms = s->now_ms };
	struct table_facts *f = &t.facts;

	ck_assert_uint_lt(s->next_id, IDS);
	f->id = file_id(s->next_id++);
	s->tables[f->id.v] = (struct items){ mem_dup(e, n * sizeof(*e)), n };
	f->min_key = slice_str(strdup(key_text(e[0].key)));
	f->max_key = slice_str(strdup(key_text(e[n - 1].key)));
	f->min_seq = f->max_seq = seq(e[0].seq);
	f->entry_count = n;
	for (size_t i = 0; i < n; i++) {
		f->size_bytes += e[i].tombstone ? TOMBSTONE_BYTES : VALUE_BYTES;
		f->tombstone_count += e[i].tombstone;
		if (e[i].seq < f->min_seq.v)
			f->min_seq = seq(e[i].seq);
		if (e[i].seq > f->max_seq.v)
			f->max_seq = seq(e[i].seq);
		if (!e[i].expires_ms || e[i].tombstone)
			continue;
		if (!f->expiring_count++ || e[i].expires_ms < f->min_expires_ms)
			f->min_expires_ms = e[i].expires_ms;
		if (e[i].expires_ms > f->max_expires_ms)
			f->max_expires_ms = e[i].expires_ms;
	}
	f->uncompressed_bytes = f->size_bytes;
	return t;
}

static void free_keys(struct live_table *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free((void *)(uintptr_t)t[i].facts.min_key.p);
		free((void *)(uintptr_t)t[i].facts.max_key.p);
	}
}

static void commit(struct sim *s, const struct version_edit *e)
{
	ck_assert_int_eq(version_check(s->v, e), ST_OK);
	version_apply(s->v, e);
}

/* Writes n keys from `first` on, each `step` apart, as one memtable that is flushed at once. */
static void flush(struct sim *s, unsigned first, unsigned n, unsigned step, bool tombstone, int64_t expires_ms)
{
	struct item e[KEYS];
	struct live_table t;
	struct version_edit edit = { .added = &t, .added_count = 1 };
	size_t count = 0;

	for (unsigned key = first; key < KEYS && count < n; key += step) {
		e[count] = (struct item){ key, ++s->next_seq, tombstone, tombstone ? 0 : expires_ms };
		s->newest[key] = e[count++];
	}
	if (count == 0)
		return;
	t = table_of(s, e, count, 0);
	commit(s, &edit);
	free_keys(&t, 1);
}

/* ---- jobs ---- */

/* Every entry counts the levels it may still go, and itself: what each job must make less (5). */
static uint64_t work_left(const struct sim *s)
{
	uint64_t sum = 0;

	for (unsigned n = 0; n < LEVEL_COUNT; n++) {
		struct level_list l = version_level(s->v, n);

		for (size_t i = 0; i < l.count; i++)
			sum += l.tables[i]->facts.entry_count * (1 + LEVEL_LAST - n);
	}
	return sum;
}

static const struct item *find_in(const struct sim *s, const struct live_table *t, unsigned key)
{
	const struct items *list = &s->tables[t->facts.id.v];
	size_t low = 0, high = list->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (list->e[mid].key < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low < list->n && list->e[low].key == key ? &list->e[low] : NULL;
}

/* Reads a key as a view does, and checks that age grows with depth on the way. */
static struct item read_key(const struct sim *s, unsigned key)
{
	struct item found = { .seq = 0 };
	uint64_t last = UINT64_MAX;

	for (unsigned n = 0; n < LEVEL_COUNT; n++) {
		struct level_list l = version_level(s->v, n);

		for (size_t i = 0; i < l.count; i++) {
			const struct item *e = find_in(s, l.tables[i], key);

			if (!e)
				continue;
			ck_assert_uint_lt(e->seq, last);
			last = e->seq;
			if (!found.seq)
				found = *e;
		}
	}
	return found;
}

static void check_reads(const struct sim *s)
{
	for (unsigned key = 0; key < KEYS; key++) {
		struct item got = read_key(s, key);

		if (is_dead(&s->newest[key], s->now_ms))
			ck_assert_msg(is_dead(&got, s->now_ms), "key %u came back", key);
		else
			ck_assert_msg(got.seq == s->newest[key].seq, "key %u is lost or old", key);
	}
}

static bool is_covered(const struct pick_job *job, unsigned key)
{
	struct slice text = slice_str(key_text(key));

	for (size_t i = 0; i < job->deeper_count; i++)
		if (slice_cmp(job->deeper[i].min, text) <= 0 && slice_cmp(text, job->deeper[i].max) <= 0)
			return true;
	return false;
}

static int item_order(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->seq > y->seq ? -1 : 1;
}

/* What drop.c keeps of the merged inputs. */
static struct items merge(struct sim *s, const struct started *st)
{
	struct items all = { mem_alloc((st->job.input_entries + 1) * sizeof(*all.e)), 0 };
	size_t kept = 0;

	for (size_t i = 0; i < st->job.input_count; i++) {
		const struct items *list = &s->tables[st->ids[i].v];

		memcpy(all.e + all.n, list->e, list->n * sizeof(*list->e));
		all.n += list->n;
	}
	ck_assert_uint_eq(all.n, st->job.input_entries);
	qsort(all.e, all.n, sizeof(*all.e), item_order);
	for (size_t i = 0; i < all.n; i++) {
		struct item e = all.e[i];

		if (is_dead(&e, s->now_ms)) {
			e.tombstone = true;
			e.expires_ms = 0;
		}
		while (i + 1 < all.n && all.e[i + 1].key == e.key)
			i++;
		if (!e.tombstone || is_covered(&st->job, e.key))
			all.e[kept++] = e;
	}
	all.n = kept;
	return all;
}

static bool rests(const struct sim *s, struct file_id id)
{
	for (size_t i = 0; i < s->resting_count; i++)
		if (s->resting[i].v == id.v)
			return true;
	return false;
}

static bool start_job(struct sim *s, bool at_rest)
{
	struct pick_running running[AT_ONCE];
	struct pick_question q = { .version = s->v, .levels = s->conf, .table_size_target = TABLE_ENTRIES * VALUE_BYTES,
				   .running = running, .now_ms = s->now_ms, .at_rest = at_rest,
				   .resting = s->resting, .resting_count = s->resting_count };
	struct started *st = NULL;

	for (unsigned i = 0; i < AT_ONCE; i++) {
		const struct pick_job *job = &s->started[i].job;

		if (s->started[i].busy)
			running[q.running_count++] = (struct pick_running){ job->input_level, job->output_level, job->min, job->max };
		else
			st = &s->started[i];
	}
	if (!st)
		return false;
	arena_init(&st->arena);
	st->busy = pick_next(&q, &st->arena, &st->job);
	if (!st->busy) {
		arena_fini(&st->arena);
		return false;
	}
	ck_assert_uint_le(st->job.input_count, 4096);
	for (size_t i = 0; i < st->job.input_count; i++) {
		ck_assert(!version_is_busy(version_find(s->v, st->job.inputs[i]->facts.id)) && !rests(s, st->job.inputs[i]->facts.id));
		st->ids[i] = st->job.inputs[i]->facts.id;
		version_set_busy(s->v, st->ids[i], true);
	}
	return true;
}

static void finish_move(struct sim *s, struct started *st)
{
	struct live_table t = *version_find(s->v, st->ids[0]);
	struct version_edit e = { .added = &t, .added_count = 1, .removed = st->ids, .removed_count = 1 };

	ck_assert_uint_eq(st->job.input_count, 1);
	t.level = st->job.output_level;
	commit(s, &e);
	s->moves++;
}

static void finish_merge(struct sim *s, struct started *st)
{
	struct items all = merge(s, st);
	struct live_table added[512];
	struct version_edit e = { .added = added, .removed = st->ids, .removed_count = st->job.input_count };

	for (size_t i = 0; i < all.n; i += TABLE_ENTRIES) {
		size_t n = all.n - i < TABLE_ENTRIES ? all.n - i : TABLE_ENTRIES;

		ck_assert_uint_lt(e.added_count, 512);
		added[e.added_count++] = table_of(s, all.e + i, n, st->job.output_level);
	}
	commit(s, &e);
	for (size_t i = 0; i < e.added_count; i++)
		s->written += added[i].facts.size_bytes;
	free_keys(added, e.added_count);
	mem_free(all.e);
	s->in_place += st->job.input_level == st->job.output_level;
}

static void finish_job(struct sim *s, struct started *st)
{
	uint64_t before = work_left(s);

	if (st->job.move)
		finish_move(s, st);
	else
		finish_merge(s, st);
	ck_assert_uint_lt(work_left(s), before);
	arena_fini(&st->arena);
	st->busy = false;
	s->jobs++;
	if (s->jobs % 32 == 0)
		check_reads(s);
}

/* Does all there is to do. */
static void settle(struct sim *s, bool at_rest)
{
	s->resting_count = 0;
	for (;;) {
		struct started *st = &s->started[rnd_below(&s->rnd, AT_ONCE)];
		bool any = start_job(s, at_rest);

		if (st->busy && (!any || rnd_below(&s->rnd, 2))) {
			finish_job(s, st);
			any = true;
		}
		for (unsigned i = 0; i < AT_ONCE; i++)
			any |= s->started[i].busy;
		if (!any)
			break;
	}
	check_reads(s);
}

/* ---- playing ---- */

static struct sim *begin(uint64_t seed)
{
	struct sim *s = mem_zalloc(sizeof(*s));

	s->v = version_new();
	s->rnd = (struct rnd){ seed };
	s->tables = mem_zalloc(IDS * sizeof(*s->tables));
	s->next_id = 1;
	s->now_ms = 1000000;
	s->conf = (struct levels_conf){ 4, 333, 4 };
	return s;
}

static void end(struct sim *s)
{
	for (size_t i = 0; i < IDS; i++)
		mem_free(s->tables[i].e);
	mem_free(s->tables);
	version_free(&s->v);
	mem_free(s);
}

static uint64_t bytes_on(const struct sim *s, unsigned from, unsigned to)
{
	uint64_t sum = 0;

	for (unsigned n = from; n <= to; n++)
		sum += version_level(s->v, n).bytes;
	return sum;
}

static uint64_t live_bytes(const struct sim *s)
{
	uint64_t sum = 0;

	for (unsigned key = 0; key < KEYS; key++)
		sum += is_dead(&s->newest[key], s->now_ms) ? 0 : VALUE_BYTES;
	return sum;
}

static void random_flush(struct sim *s, bool with_expiry)
{
	unsigned what = (unsigned)rnd_below(&s->rnd, 10), first = (unsigned)rnd_below(&s->rnd, KEYS);
	unsigned n = 1 + (unsigned)rnd_below(&s->rnd, 80), step = 1 + (unsigned)rnd_below(&s->rnd, 40);
	int64_t expires = with_expiry && what >= 7 ? s->now_ms + 1 + (int64_t)rnd_below(&s->rnd, 2000) : 0;

	flush(s, what == 9 ? first : first % 200, n, step, what < 3, expires);
	s->now_ms += (int64_t)rnd_below(&s->rnd, 20);
}

static int id_order(const void *a, const void *b)
{
	uint64_t x = ((const struct file_id *)a)->v, y = ((const struct file_id *)b)->v;

	return (x > y) - (x < y);
}

/* Some tables rest, others no more: of each level any, of level 0 often. */
static void random_rest(struct sim *s)
{
	s->resting_count = 0;
	for (unsigned i = 0; i < RESTING; i++) {
		struct level_list l = version_level(s->v, i < 2 ? 0 : (unsigned)rnd_below(&s->rnd, LEVEL_COUNT));

		if (l.count > 0)
			s->resting[s->resting_count++] = l.tables[rnd_below(&s->rnd, l.count)]->facts.id;
	}
	qsort(s->resting, s->resting_count, sizeof(*s->resting), id_order);
}

static void play(uint64_t seed, bool with_expiry, bool with_rests)
{
	struct sim *s = begin(seed);

	for (unsigned i = 0; i < 500; i++) {
		unsigned which = (unsigned)rnd_below(&s->rnd, AT_ONCE);

		random_flush(s, with_expiry);
		if (with_rests && rnd_below(&s->rnd, 4) == 0)
			random_rest(s);
		if (rnd_below(&s->rnd, 3))
			(void)start_job(s, rnd_below(&s->rnd, 10) == 0);
		if (s->started[which].busy && rnd_below(&s->rnd, 2))
			finish_job(s, &s->started[which]);
		if (rnd_below(&s->rnd, 20) == 0)
			settle(s, rnd_below(&s->rnd, 2));
	}
	settle(s, true);
	ck_assert_uint_gt(s->jobs, 300);
	ck_assert_uint_gt(s->moves, 0);
	ck_assert_uint_gt(live_bytes(s), 0);
	if (with_expiry)
		ck_assert_uint_gt(s->in_place, 0);
	else
		ck_assert_uint_le(bytes_on(s, 0, LEVEL_LAST) * 100, live_bytes(s) * 115);
	end(s);
}

START_TEST(every_job_makes_progress_loses_nothing_and_leaves_little_garbage)
{
	play(1 + (uint64_t)_i, false, false);
}
END_TEST

START_TEST(with_entries_that_expire_too)
{
	play(100 + (uint64_t)_i, true, false);
}
END_TEST

START_TEST(with_tables_at_rest_that_jobs_go_round)
{
	play(200 + (uint64_t)_i, false, true);
}
END_TEST

START_TEST(a_database_most_of_which_is_deleted_shrinks_by_itself)
{
	struct sim *s = begin(1);
	uint64_t full;

	for (unsigned part = 0; part < 50; part++)
		flush(s, part, 40, 50, false, 0);
	settle(s, true);
	full = bytes_on(s, 0, LEVEL_LAST);
	ck_assert_uint_eq(full, KEYS * VALUE_BYTES);
	flush(s, 0, KEYS / 20 * 19, 1, true, 0);
	ck_assert_uint_gt(bytes_on(s, 0, LEVEL_LAST), full);
	settle(s, true);
	ck_assert_uint_eq(bytes_on(s, 0, LEVEL_LAST), full / 20);
	end(s);
}
END_TEST

START_TEST(what_expires_goes_though_nothing_is_written_any_more)
{
	struct sim *s = begin(1);

	for (unsigned part = 0; part < 50; part++)
		flush(s, part, 40, 50, false, s->now_ms + 1000 + part);
	settle(s, true);
	ck_assert_uint_eq(bytes_on(s, 0, LEVEL_LAST), KEYS * VALUE_BYTES);
	s->now_ms += 1025;
	settle(s, false);
	ck_assert_uint_le(bytes_on(s, 0, LEVEL_LAST), KEYS * VALUE_BYTES * 3 / 4);
	s->now_ms += 1000;
	settle(s, false);
	ck_assert_uint_eq(bytes_on(s, 0, LEVEL_LAST), 0);
	end(s);
}
END_TEST

START_TEST(in_order_of_keys_nothing_is_ever_rewritten)
{
	struct sim *s = begin(1);

	for (unsigned first = 0; first < KEYS; first += 40) {
		flush(s, first, 40, 1, false, 0);
		settle(s, false);
	}
	settle(s, true);
	ck_assert_uint_eq(s->jobs, s->moves);
	ck_assert_uint_gt(s->moves, KEYS / 50);
	ck_assert_uint_eq(bytes_on(s, 0, LEVEL_LAST), KEYS * VALUE_BYTES);
	end(s);
}
END_TEST

/* Random keys over and over, level 0's batch a third of the database: level 0 straight to the last level would write each
 * byte 2.9 times here (less than 4, for batches have keys in common); gathered first it is 1.8 times. */
START_TEST(batches_that_gather_are_written_less_often)
{
	enum { BATCHES = 20, FLUSHED = 42 };
	struct sim *s = begin(7);
	uint64_t flushed = 0;

	s->conf = (struct levels_conf){ 4, FLUSHED * VALUE_BYTES * 4 / 3, 10 };
	flush(s, 0, KEYS, 1, false, 0);
	settle(s, true);
	s->written = 0;
	for (unsigned i = 0; i < BATCHES * 16; i++) {
		unsigned step = 40 + (unsigned)rnd_below(&s->rnd, 7);

		flush(s, (unsigned)rnd_below(&s->rnd, step), FLUSHED, step, false, 0);
		flushed += version_level(s->v, 0).tables[0]->facts.size_bytes;
		settle(s, false);
	}
	ck_assert_uint_le(s->written * 10, flushed * 21);
	end(s);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_loop_test(tc, every_job_makes_progress_loses_nothing_and_leaves_little_garbage, 0, 4);
	tcase_add_loop_test(tc, with_entries_that_expire_too, 0, 4);
	tcase_add_loop_test(tc, with_tables_at_rest_that_jobs_go_round, 0, 4);
	tcase_add_test(tc, a_database_most_of_which_is_deleted_shrinks_by_itself);
	tcase_add_test(tc, what_expires_goes_though_nothing_is_written_any_more);
	tcase_add_test(tc, batches_that_gather_are_written_less_often);
	tcase_add_test(tc, in_order_of_keys_nothing_is_ever_rewritten);
}

CHECK_MAIN("engine/picksim", suite)
