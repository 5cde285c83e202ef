/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a job's tables (outputs.h). A new one begins when the present one has reached the order's target
 * size, as long as there is a reserved id left; the last one takes all the rest, however large, rather than
 * fail the job.
 *
 * Runs on the job thread.
 */
#include "compactor/outputs.h"

#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/table/filename.h"

void outputs_init(struct outputs *o, struct vfs *v, const char *data_dir, const struct compact_order *order,
		  const struct table_reads *reads)
{
	*o = (struct outputs){ .vfs = v, .data_dir = data_dir, .order = order, .reads = reads };
	o->options = (struct table_options){
		.codec = order->codec, .level = order->output_level, .database = order->database,
	};
	arena_init(&o->memory);
}

void outputs_fini(struct outputs *o)
{
	table_writer_free(&o->writer);
	mem_drop(&o->done);
	arena_fini(&o->memory);
}

/* By bytes: the tables share the entries evenly enough for a hint. */
void outputs_expect(struct outputs *o, uint64_t entries)
{
	const struct compact_order *order = o->order;
	uint64_t bytes = 0;

	for (size_t i = order->cover_count; i < order->input_count && !order->range_bytes; i++)
		bytes += order->inputs[i].size_bytes;
	bytes += order->range_bytes;
	if (bytes > order->table_size_target)
		entries = (uint64_t)((double)entries * (double)order->table_size_target / (double)bytes) + 1;
	o->options.expected_entries = entries;
}

static struct file_id next_id(const struct outputs *o)
{
	return file_id(o->order->first_output_id.v + o->done_count);
}

static enum st begin_table(struct outputs *o)
{
	struct file_id id = next_id(o);

	must(o->done_count < o->order->output_id_count);
	o->met_bytes = 0;
	return table_writer_begin(o->vfs, path_tmp_sst(o->data_dir, id).s, id, &o->options, &o->writer);
}

/* Notes a finished table; the summary's keys live in the writer, ours in the arena. */
static void note_table(struct outputs *o, const struct table_summary *s)
{
	if (o->done_count == o->done_room) {
		o->done_room = o->done_room ? o->done_room * 2 : 8;
		o->done = mem_resize(o->done, o->done_room * sizeof *o->done);
	}
	o->done[o->done_count] = (struct table_facts){
		.id = next_id(o), .size_bytes = s->size_bytes, .file_crc = s->file_crc,
		.min_key = arena_dup(&o->memory, s->min_key), .max_key = arena_dup(&o->memory, s->max_key),
		.min_seq = s->min_seq, .max_seq = s->max_seq, .entry_count = s->entry_count,
		.tombstone_count = s->tombstone_count, .uncompressed_bytes = s->uncompressed_bytes,
		.expiring_count = s->expiring_count, .min_expires_ms = s->min_expires_ms,
		.max_expires_ms = s->max_expires_ms,
	};
	o->done_bytes += s->size_bytes;
	o->done_count++;
}

/* Was most of what was read so far in the page cache? */
static bool is_hot(const struct outputs *o)
{
	return o->reads->resident > o->reads->bytes / 2;
}

static enum st end_table(struct outputs *o)
{
	struct table_summary s;
	enum st st;

	if (!is_hot(o))
		table_writer_forget(o->writer);
	st = table_writer_finish(o->writer, &s);
	if (st == ST_OK)
		note_table(o, &s);
	table_writer_free(&o->writer);
	return st;
}

static bool is_full(const struct outputs *o)
{
	bool another = o->done_count + 1 < o->order->output_id_count;

	return another && table_writer_size(o->writer) >= o->order->table_size_target;
}

/* Goes on in what lies below to the first table that ends at or behind the key. True: the table being written has met
 * enough of it and is to end before this key, so that its own compaction will not have to read too much. */
static bool meets_enough(struct outputs *o, struct slice key)
{
	const struct compact_order *order = o->order;

	for (; o->below_at < order->below_count && slice_cmp(order->below[o->below_at].max, key) < 0; o->below_at++)
		if (o->writer)
			o->met_bytes += order->below[o->below_at].bytes;
	return o->writer && order->below_limit && o->met_bytes > order->below_limit &&
	       o->done_count + 1 < order->output_id_count;
}

uint64_t outputs_written(const struct outputs *o)
{
	return o->done_bytes + (o->writer ? table_writer_size(o->writer) : 0);
}

enum st outputs_add(struct outputs *o, const struct entry *e)
{
	uint64_t before;
	enum st st = ST_OK;

	if (meets_enough(o, e->key))
		st = end_table(o);
	if (st)
		return st;
	if (!o->writer) {
		st = begin_table(o);
		if (st)
			return st;
	}
	before = table_writer_entries(o->writer);
	table_writer_add(o->writer, e);
	/* A writer keeps its error until the end. One that takes no more has one: stop merging. */
	if (table_writer_entries(o->writer) == before || is_full(o))
		return end_table(o);
	return ST_OK;
}

enum st outputs_finish(struct outputs *o)
{
	enum st st = o->writer ? end_table(o) : ST_OK;

	if (st || o->done_count == 0)
		return st;
	return vfs_sync_dir(o->vfs, path_tmp_dir(o->data_dir).s);
}

void outputs_remove(struct outputs *o)
{
	table_writer_free(&o->writer);
	while (o->done_count > 0) {
		o->done_count--;
		if (vfs_unlink(o->vfs, path_tmp_sst(o->data_dir, next_id(o)).s))
			continue;      /* logged where it failed; the engine empties tmp/ when it starts */
	}
}
