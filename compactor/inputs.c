/* SPDX-License-Identifier: Apache-2.0 */
/* The tables that a job reads; see inputs.h. */
#include "compactor/inputs.h"

#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/table/filename.h"

/* ---- one run ---- */

struct run {
	struct iter head;            /* first: iter_ops get this */
	struct inputs *in;
	size_t begin, end;           /* of the order's inputs */
	size_t at;                   /* the one that `it` reads, or that could not be opened; end = behind the last */
	struct table_reader *reader;
	struct iter *it;             /* NULL: no table is being read */
};

static struct run *self(struct iter *it)
{
	return (struct run *)it;
}

static enum st open_table(const struct inputs *in, size_t i, struct table_reader **rp)
{
	struct file_id id = in->order->inputs[i].id;

	return table_open(in->vfs, path_sst(in->data_dir, id).s, id, in->order->database, NULL, rp);
}

static void run_stop(struct run *r, enum st st)
{
	iter_free(&r->it);
	table_close(&r->reader);
	r->head.valid = false;
	r->head.status = st;
}

/* Turns to a table; false at the end of the run and on trouble (then status tells). */
static bool run_turn_to(struct run *r, size_t i)
{
	enum st st;

	run_stop(r, ST_OK);
	r->at = i;
	if (i == r->end)
		return false;
	st = open_table(r->in, i, &r->reader);
	if (st) {
		run_stop(r, st);
		return false;
	}
	r->it = table_pass_new(r->reader, &r->in->reads);
	table_iter_pass_over(r->it, &r->in->passed);
	return true;
}

static void run_show(struct run *r)
{
	r->head.valid = r->it->valid;
	r->head.status = r->it->status;
	r->head.entry = r->it->entry;
}

/* Has the present table ended well, so that the next one is due? */
static bool run_is_due(const struct run *r)
{
	return !r->it->valid && r->it->status == ST_OK;
}

static void run_first(struct iter *it)
{
	struct run *r = self(it);

	if (!run_turn_to(r, r->begin))
		return;
	for (iter_first(r->it); run_is_due(r); iter_first(r->it))
		if (!run_turn_to(r, r->at + 1))
			return;
	run_show(r);
}

/* An order for a range has only the tables that reach into it, so there is no need to look for the right one. */
static void run_seek(struct iter *it, struct slice key, struct seq seq)
{
	struct run *r = self(it);

	if (!run_turn_to(r, r->begin))
		return;
	for (iter_seek(r->it, key, seq); run_is_due(r); iter_seek(r->it, key, seq))
		if (!run_turn_to(r, r->at + 1))
			return;
	run_show(r);
}

static void run_next(struct iter *it)
{
	struct run *r = self(it);

	must(it->valid);
	for (iter_next(r->it); run_is_due(r); iter_first(r->it))
		if (!run_turn_to(r, r->at + 1))
			return;
	run_show(r);
}

static void run_free(struct iter *it)
{
	run_stop(self(it), ST_OK);
	mem_free(it);
}

/* A job goes forwards only. */
static const struct iter_ops run_ops = { .free = run_free, .first = run_first, .seek = run_seek, .next = run_next };

static struct run *run_new(struct inputs *in, size_t begin)
{
	struct run *r = mem_zalloc(sizeof *r);

	r->head.ops = &run_ops;
	r->in = in;
	r->begin = r->at = begin;
	r->end = begin + 1;
	return r;
}

/* ---- all of them ---- */

void inputs_init(struct inputs *in, struct vfs *v, const char *data_dir, const struct compact_order *order)
{
	*in = (struct inputs){ .vfs = v, .data_dir = data_dir, .order = order };
	in->runs = mem_zalloc((order->input_count + 1) * sizeof(struct run *));
	arena_init(&in->arena);
	damage_index_init(&in->passed, order->passed, order->passed_count, &in->arena);
}

void inputs_fini(struct inputs *in)
{
	if (!in->merge)
		for (size_t i = 0; i < in->run_count; i++)
			run_free(&in->runs[i]->head);
	iter_free(&in->merge);
	mem_free(in->runs);
	arena_fini(&in->arena);
	*in = (struct inputs){ .vfs = NULL };
}

/* Does table i continue the last run, whose tables end with the key `end` (3)? */
static bool continues(const struct inputs *in, size_t i, const struct table_props *p, struct slice end)
{
	const struct compact_input *t = &in->order->inputs[i];

	return i > 0 && t->level > 0 && t->level == t[-1].level && slice_cmp(end, p->min_key) < 0;
}

/* Takes table i into its run; end: where the last run ends, and ends now. */
static enum st look_at(struct inputs *in, size_t i, struct buf *end)
{
	const struct table_props *p;
	struct table_reader *reader;
	enum st st = open_table(in, i, &reader);

	if (st)
		return st;
	p = table_props(reader);
	if (continues(in, i, p, buf_slice(end)))
		in->runs[in->run_count - 1]->end++;
	else
		in->runs[in->run_count++] = run_new(in, i);
	buf_reset(end);
	buf_append_slice(end, p->max_key);
	if (i >= in->order->cover_count)
		in->entries += p->entry_count;
	table_close(&reader);
	return ST_OK;
}

enum st inputs_look(struct inputs *in, size_t *culpritp)
{
	struct buf end = BUF_INIT;
	enum st st = ST_OK;

	for (size_t i = 0; i < in->order->input_count && st == ST_OK; i++) {
		st = look_at(in, i, &end);
		*culpritp = i;
	}
	buf_fini(&end);
	return st;
}

struct iter *inputs_merge(struct inputs *in)
{
	struct iter **iters = mem_alloc((in->run_count + 1) * sizeof *iters);

	must(!in->merge);
	for (size_t i = 0; i < in->run_count; i++)
		iters[i] = &in->runs[i]->head;
	in->merge = merge_iter_new(iters, in->run_count);
	mem_free(iters);
	return in->merge;
}

size_t inputs_failed(const struct inputs *in)
{
	for (size_t i = 0; i < in->run_count; i++)
		if (in->runs[i]->head.status)
			return in->runs[i]->at;
	return in->order->input_count;
}

/* Is the merge's present entry the run's? */
static bool shows(const struct inputs *in, const struct run *r)
{
	return r->head.valid && r->head.entry.key.p == in->merge->entry.key.p;
}

size_t inputs_showing(const struct inputs *in)
{
	for (size_t i = 0; i < in->run_count; i++)
		if (shows(in, in->runs[i]))
			return in->runs[i]->at;
	return in->order->input_count;
}

bool inputs_shows_last(const struct inputs *in)
{
	return shows(in, in->runs[in->run_count - 1]);
}

bool inputs_last_is_over(const struct inputs *in)
{
	return !in->runs[in->run_count - 1]->head.valid;
}
