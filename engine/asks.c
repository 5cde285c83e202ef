/* SPDX-License-Identifier: Apache-2.0 */
/* Deciding with what memtables and earlier readings say; see asks.h. Commit thread. */
#include "engine/asks.h"

#include "common/base/clock.h"
#include "common/base/coding.h"
#include "common/base/mem.h"
#include "common/base/must.h"

#define NUMBER_BYTES 20u

uint64_t asks_cost(struct slice batches)
{
	struct slice batch;
	struct write_ask ask;
	uint64_t cost = 0;

	while (write_batches_next(&batches, &batch))
		while (write_asks_next(&batch, &ask))
			if (ask.verb != WRITE_DELETE_RANGE)
				cost += memtable_cost(ask.op.key.n, ask.verb == WRITE_INCREMENT ? NUMBER_BYTES : ask.op.value.n);
	return cost;
}

uint64_t asks_bytes(const struct write_request *r, const struct write_counts *counts)
{
	return r->batches.n + (uint64_t)counts->batches * WRITE_DECIDED_ROOM;
}

/* ---- the memtables of this moment ---- */

struct sources {
	struct truth *truth;
	struct memtable **memtables;     /* newest first */
	size_t count;
	size_t newer;                    /* so many of them are to be looked at before what was read */
	const struct prepare_job *job;   /* NULL: nothing that counts was read */
};

static struct sources sources_take(const struct writer *w, const struct prepare_job *j)
{
	struct sources s = { .truth = w->conf.truth };
	size_t i = 0;

	s.count = truth_take_memtables(s.truth, &s.memtables);
	s.newer = s.count;
	if (!j->done)
		return s;
	while (i < s.count && memtable_id(s.memtables[i]).v != j->active.v)
		i++;
	if (i < s.count) {
		s.job = j;
		s.newer = i + 1;
	}
	return s;
}

static void sources_give(struct sources *s)
{
	truth_give_memtables(&s->memtables, s->count);
}

/* ---- keys ---- */

static struct present look(void *ctx, struct slice key)
{
	const struct sources *s = ctx;
	const struct present *read;
	struct entry e;

	for (size_t i = 0; i < s->count; i++) {
		if (memtable_get(s->memtables[i], key, SEQ_MAX, &e))
			return present_of(&e);
		if (memtable_damaged(s->memtables[i]))
			return (struct present){ .st = ST_CORRUPT };
	}
	if (!s->job)
		return (struct present){ .st = ST_BUSY };
	if (s->job->st)
		return (struct present){ .st = s->job->st };
	read = known_find(s->job->known, key);
	return read ? *read : (struct present){ .st = ST_BUSY };
}

enum st asks_decide(struct writer *w, const struct write_request *r, const struct prepare_job *j, struct decided *out)
{
	struct group *g = &w->group;
	struct sources s = sources_take(w, j);
	struct decide d = { .look = look, .ctx = &s, .texts = &g->texts };
	enum st st;

	group_open(g);
	d.now_ms = g->now_ms;
	d.first = seq(g->next_seq);
	d.written = group_written(g);
	st = decide_request(&d, r->batches, out);
	sources_give(&s);
	return st;
}

/* ---- ranges ---- */

/* Keys in order from two sides: memtables, whose newest version of a key decides, and what was read. */
struct range {
	struct iter *it;                 /* over the memtables that are newer */
	struct slice end;
	int64_t now_ms;
	const uint8_t *at, *read_end;    /* in the keys that were read */
	struct slice read;               /* the next of them; NULL: none is left */
	struct decided *out;
	struct buf batch;
	uint32_t in_batch;
	uint64_t bytes;
};

static void next_read(struct range *g)
{
	uint64_t n;

	g->read = slice_of(NULL, 0);
	if (g->at == g->read_end)
		return;
	must(get_varint(&g->at, g->read_end, &n) && n <= (uint64_t)(g->read_end - g->at));
	g->read = slice_of(g->at, n);
	g->at += n;
}

static void end_batch(struct range *g)
{
	if (g->in_batch == 0)
		return;
	write_request_add_batch(&g->out->batches, buf_slice(&g->batch));
	buf_reset(&g->batch);
	g->in_batch = 0;
}

static void delete_key(struct range *g, struct slice key)
{
	struct write_op op = { .is_delete = true, .key = key };

	g->out->entries++;
	g->bytes += decide_delete_bytes(key);
	if (g->bytes > DECIDE_RANGE_BYTES)
		return;
	write_batch_add(&g->batch, &op);
	if (++g->in_batch == BATCH_MAX_OPS)
		end_batch(g);
}

/* Behind all versions of the key at which the iterator stands. */
static void skip_versions(struct range *g, struct buf *key)
{
	buf_reset(key);
	buf_append_slice(key, g->it->entry.key);
	while (g->it->valid && slice_eq(g->it->entry.key, buf_slice(key)))
		iter_next(g->it);
}

static bool is_at_memtables(const struct range *g)
{
	return g->it->valid && (g->end.n == 0 || slice_cmp(g->it->entry.key, g->end) < 0);
}

static void walk(struct range *g)
{
	struct buf key = BUF_INIT;

	next_read(g);
	for (;;) {
		bool here = is_at_memtables(g);
		int order = !here ? 1 : !g->read.p ? -1 : slice_cmp(g->it->entry.key, g->read);

		if (!here && !g->read.p)
			break;
		if (order > 0) {
			delete_key(g, g->read);
			next_read(g);
			continue;
		}
		if (!g->it->entry.is_tombstone && !entry_has_expired(&g->it->entry, g->now_ms))
			delete_key(g, g->it->entry.key);
		if (order == 0)
			next_read(g);
		skip_versions(g, &key);
	}
	end_batch(g);
	buf_fini(&key);
}

static struct iter *iterate(const struct sources *s, struct slice begin)
{
	struct iter **children = mem_alloc(s->newer * sizeof(struct iter *)), *it;

	for (size_t i = 0; i < s->newer; i++)
		children[i] = memtable_iter_new(s->memtables[i]);
	it = merge_iter_new(children, s->newer);
	mem_free(children);
	iter_seek(it, begin, SEQ_MAX);
	return it;
}

/* What was read is good: the deletes. */
static enum st range_keys(const struct sources *s, const struct write_ask *ask, int64_t now_ms, struct decided *out)
{
	const struct buf *keys = &s->job->keys;
	struct range g = { .it = iterate(s, ask->op.key), .end = ask->end, .now_ms = now_ms, .at = keys->p,
			   .read_end = slice_end(buf_slice(keys)), .out = out };
	enum st st;

	walk(&g);
	st = g.it->status ? g.it->status : g.bytes > DECIDE_RANGE_BYTES ? ST_TOO_BIG : ST_OK;
	iter_free(&g.it);
	buf_fini(&g.batch);
	return st;
}

static void range_result(struct group *g, struct decided *out, enum st st, uint64_t keys_met)
{
	struct write_result r = { .status = st };

	if (st == ST_TOO_BIG)
		r.keys = keys_met;
	if (st) {
		buf_reset(&out->batches);
		out->entries = 0;
	}
	r.written = out->entries;
	r.first_sequence = seq(out->entries ? g->next_seq : 0);
	write_result_encode(&r, &out->results);
}

enum st asks_decide_range(struct writer *w, const struct write_request *r, const struct prepare_job *j, struct decided *out)
{
	struct sources s = sources_take(w, j);
	struct slice batches = r->batches, batch;
	struct write_ask ask;
	enum st st;

	must(w->group.count == 0 && write_batches_next(&batches, &batch) && write_asks_next(&batch, &ask));
	*out = (struct decided){ BUF_INIT, BUF_INIT, 0 };
	group_open(&w->group);
	if (!s.job) {
		sources_give(&s);
		return ST_BUSY;
	}
	st = j->st ? j->st : range_keys(&s, &ask, w->group.now_ms, out);
	range_result(&w->group, out, st, j->st ? j->key_count : out->entries);
	sources_give(&s);
	return ST_OK;
}
