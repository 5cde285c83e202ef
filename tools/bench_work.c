/* SPDX-License-Identifier: Apache-2.0 */
/* The workloads; see bench_work.h. */
#include "tools/bench_work.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/table/iter.h"
#include "proto/limits.h"

#define TIME_EVERY 32u                   /* operations, unless --histogram: the clock would be a good part of them */

static struct slice random_key(struct bench_thread *t, uint8_t *key)
{
	bench_key(key, t->o->key_size, rnd_below(&t->rnd, t->o->num));
	return slice_of(key, t->o->key_size);
}

/* ---- counting and timing ---- */

static void op_begin(struct bench_thread *t)
{
	uint64_t done = atomic_load_explicit(&t->done, memory_order_relaxed);

	t->last_ns = t->o->histogram || done % TIME_EVERY == 0 ? clock_mono_ns() : 0;
}

static void op_end(struct bench_thread *t, uint64_t entries)
{
	if (t->last_ns)
		bench_hist_add(&t->hist, clock_mono_ns() - t->last_ns);
	atomic_store_explicit(&t->done, atomic_load_explicit(&t->done, memory_order_relaxed) + entries, memory_order_relaxed);
}

static bool more(const struct bench_thread *t)
{
	return atomic_load_explicit(&t->done, memory_order_relaxed) < t->goal;
}

/* ---- writing ---- */

struct writing {
	struct bench_values values;
	struct bench_batch batch;
	uint8_t key[KEY_MAX_BYTES];
};

static void writing_begin(struct bench_thread *t, struct writing *w)
{
	*w = (struct writing){ .batch = { .entries = BUF_INIT, .request = BUF_INIT } };
	bench_values_init(&w->values, t->rnd.state, t->o->compression_ratio, t->o->value_size);
}

static void writing_end(struct writing *w)
{
	bench_values_fini(&w->values);
	bench_batch_fini(&w->batch);
}

/* Adds the operation on the key in w->key. */
static void add(struct bench_thread *t, struct writing *w, bool is_delete)
{
	struct write_op op = { .is_delete = is_delete, .key = slice_of(w->key, t->o->key_size) };

	if (!is_delete)
		op.value = bench_values_next(&w->values, t->o->value_size);
	bench_batch_add(&w->batch, &op);
	t->bytes += op.key.n + op.value.n;
}

/* One write of --batch-size entries; first: the number of its first key, UINT64_MAX: random ones. */
static void write_batch(struct bench_thread *t, struct writing *w, uint64_t first, bool is_delete)
{
	op_begin(t);
	bench_batch_reset(&w->batch);
	for (uint64_t i = 0; i < t->o->batch_size; i++) {
		bench_key(w->key, t->o->key_size, first == UINT64_MAX ? rnd_below(&t->rnd, t->o->num) : first + i);
		add(t, w, is_delete);
	}
	bench_db_write(t->db, &w->batch);
	op_end(t, t->o->batch_size);
}

static void fill_sequential(struct bench_thread *t)
{
	struct writing w;

	writing_begin(t, &w);
	while (more(t))
		write_batch(t, &w, atomic_load_explicit(&t->done, memory_order_relaxed), false);
	writing_end(&w);
}

static void write_random(struct bench_thread *t)
{
	struct writing w;

	writing_begin(t, &w);
	while (more(t))
		write_batch(t, &w, UINT64_MAX, false);
	writing_end(&w);
}

static void delete_random(struct bench_thread *t)
{
	struct writing w;

	writing_begin(t, &w);
	while (more(t))
		write_batch(t, &w, UINT64_MAX, true);
	writing_end(&w);
}

/* Beside readers. */
static void overwrite_meanwhile(struct bench_thread *t)
{
	struct writing w;

	writing_begin(t, &w);
	while (!atomic_load_explicit(t->others_done, memory_order_relaxed))
		write_batch(t, &w, UINT64_MAX, false);
	writing_end(&w);
}

static void compact_meanwhile(struct bench_thread *t)
{
	bench_db_compact_until(t->db, t->others_done);
}

/* ---- reading ---- */

static void get(struct bench_thread *t, struct bench_reader *r, struct slice key)
{
	op_begin(t);
	if (bench_reader_get(r, key)) {
		t->found++;
		t->bytes += t->o->key_size + t->o->value_size;
	}
	op_end(t, 1);
}

static void read_random(struct bench_thread *t)
{
	uint8_t key[KEY_MAX_BYTES];
	struct bench_reader r;

	bench_reader_init(&r, t->db);
	while (more(t))
		get(t, &r, random_key(t, key));
	bench_reader_fini(&r);
}

/* Keys that lie among those that there are, and are none of them: one byte longer. */
static void read_missing(struct bench_thread *t)
{
	uint8_t key[KEY_MAX_BYTES + 1];
	struct bench_reader r;

	bench_reader_init(&r, t->db);
	while (more(t)) {
		(void)random_key(t, key);
		key[t->o->key_size] = '0';
		get(t, &r, slice_of(key, t->o->key_size + 1));
	}
	bench_reader_fini(&r);
}

/* A scan that failed must not pass for one that came to the end. */
static void check(const struct iter *it)
{
	if (!it->valid && it->status) {
		fprintf(stderr, "lsm-bench: a scan failed: %s\n", st_text(it->status));
		_exit(EXIT_CRASH);
	}
}

static void see(struct bench_thread *t, const struct iter *it)
{
	t->found++;
	t->bytes += it->entry.key.n + it->entry.value.n;
}

static void scan(struct bench_thread *t, void (*begin)(struct iter *it), void (*step)(struct iter *it))
{
	struct bench_reader r;
	struct iter *it;

	bench_reader_init(&r, t->db);
	it = bench_reader_iter(&r);
	op_begin(t);
	for (begin(it); it->valid; step(it)) {
		see(t, it);
		op_end(t, 1);
		if (!more(t))
			break;
		op_begin(t);
	}
	check(it);
	iter_free(&it);
	bench_reader_fini(&r);
}

static void read_sequential(struct bench_thread *t)
{
	scan(t, iter_first, iter_next);
}

static void read_reverse(struct bench_thread *t)
{
	scan(t, iter_last, iter_prev);
}

/* A scan of --seek-nexts steps from a random key on; the iterator is made for each, as db_bench does. */
static void seek_random(struct bench_thread *t)
{
	uint8_t key[KEY_MAX_BYTES];
	struct bench_reader r;

	bench_reader_init(&r, t->db);
	while (more(t)) {
		struct slice k = random_key(t, key);
		struct iter *it;

		op_begin(t);
		it = bench_reader_iter(&r);
		iter_seek(it, k, SEQ_MAX);
		if (it->valid && slice_eq(it->entry.key, k))
			t->found++;
		for (uint64_t i = 0; i < t->o->seek_nexts && it->valid; i++) {
			t->bytes += it->entry.key.n + it->entry.value.n;
			iter_next(it);
		}
		check(it);
		iter_free(&it);
		op_end(t, 1);
	}
	bench_reader_fini(&r);
}

/* ---- the table ---- */

const struct bench_work bench_works[] = {
	{ .name = "fillseq", .loop = fill_sequential, .fresh = true, .help = "write --num keys in order, from empty" },
	{ .name = "fillrandom", .loop = write_random, .fresh = true, .help = "write --num random keys, from empty" },
	{ .name = "overwrite", .loop = write_random, .help = "write --num random keys" },
	{ .name = "fillsync", .loop = write_random, .fresh = true, .sync = true, .divide = 1000,
	  .help = "write --num / 1000 random keys, each on disk when answered, from empty" },
	{ .name = "deleterandom", .loop = delete_random, .help = "delete --num random keys" },
	{ .name = "readrandom", .loop = read_random, .reads = true, .tells_found = true, .help = "read random keys" },
	{ .name = "readmissing", .loop = read_missing, .reads = true, .tells_found = true,
	  .help = "read keys that are not there" },
	{ .name = "readseq", .loop = read_sequential, .reads = true, .help = "scan in key order" },
	{ .name = "readreverse", .loop = read_reverse, .reads = true, .help = "scan from the last key back" },
	{ .name = "seekrandom", .loop = seek_random, .reads = true, .tells_found = true,
	  .help = "begin a scan at random keys, go --seek-nexts steps" },
	{ .name = "readwhilewriting", .loop = read_random, .reads = true, .tells_found = true,
	  .beside = overwrite_meanwhile, .help = "readrandom while one more thread overwrites" },
	{ .name = "readwhilecompacting", .loop = read_random, .reads = true, .tells_found = true,
	  .beside = compact_meanwhile, .help = "readrandom while all tables are compacted again and again" },
	{ .name = "flush", .once = bench_db_flush, .help = "memtables to tables" },
	{ .name = "waitforcompaction", .once = bench_db_settle, .help = "wait until compaction finds nothing to do" },
	{ .name = "compact", .once = bench_db_compact, .help = "everything into one level" },
	{ .name = "levelstats", .once = bench_db_print_levels, .help = "tables and bytes on each level" },
	{ .name = "stats", .once = bench_db_print_stats, .help = "bytes written by this process since it opened the database" },
	{ .name = "serialization", .help = "1000 entries as protobuf and as JSON: sizes and times" },
	{ .name = NULL }
};

const struct bench_work *bench_work_find(const char *name, size_t n)
{
	for (const struct bench_work *w = bench_works; w->name; w++)
		if (strlen(w->name) == n && memcmp(w->name, name, n) == 0)
			return w;
	return NULL;
}
