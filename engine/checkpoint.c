/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a checkpoint; see checkpoint.h.
 *
 *   clear DIR.partial -> make it -> hold the truth { link tables, link segments, read the active one's head and the
 *   manifest } -> write these two -> sync files, folders, DIR.partial -> rename -> sync the parent
 */
#include "engine/checkpoint.h"

#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/table/filename.h"
#include "common/wal/wal_reader.h"
#include "engine/copydir.h"

struct work {
	const struct checkpoint_config *c;
	struct path dir, partial, parent;
	struct file_id head;             /* the segment that is a copy */
	uint8_t *head_copy, *manifest;   /* what is written when the truth is no longer held */
	size_t head_bytes, manifest_bytes;
	struct checkpoint_result result;
};

/* ---- gathering, while the truth is held ---- */

static enum st link_tables(struct work *w, const struct truth_cut *cut)
{
	enum st st = ST_OK;

	for (size_t i = 0; i < cut->table_count && !st; i++) {
		struct file_id id = cut->tables[i].id;

		st = vfs_link(w->c->vfs, path_sst(w->c->data_dir, id).s, path_sst(w->partial.s, id).s);
		w->result.table_bytes += cut->tables[i].size_bytes;
	}
	w->result.tables = cut->table_count;
	return st;
}

static enum st link_segments(struct work *w, const struct truth_cut *cut)
{
	enum st st = ST_OK;

	for (size_t i = 0; i < cut->sealed_count && !st; i++)
		st = vfs_link(w->c->vfs, path_wal(w->c->data_dir, cut->sealed[i]).s,
			      path_wal(w->partial.s, cut->sealed[i]).s);
	w->result.segments = cut->sealed_count;
	return st;
}

/* Where header and origins (if there are any) of the active segment end, and the last sequence before it. Both are safe on
 * disk since before it became the active one; what is appended meanwhile, perhaps half of it, lies behind. */
static enum st measure_head(struct work *w, size_t *bytesp)
{
	struct path from = path_wal(w->c->data_dir, w->head);
	struct wal_header header = { 0 };
	struct wal_record first;
	enum wal_damage why;
	struct wal_reader *r;
	enum st st = wal_reader_open(w->c->vfs, from.s, truth_database(w->c->truth), w->head, &r);

	if (st)
		return st;
	if (wal_reader_header(r, &header) != WAL_OPENING_HEADER)
		st = fail(ST_CORRUPT, "%s: the active segment has no header", from.s);
	*bytesp = (size_t)wal_reader_offset(r);
	if (!st)
		st = wal_reader_next(r, &first, &why);
	if (!st && first.count == 0)
		*bytesp = (size_t)wal_reader_offset(r);
	w->result.last_seq = header.last_seq;
	wal_reader_close(&r);
	return st == ST_NOT_FOUND ? ST_OK : st;
}

/* The copy is no longer than what is in it. */
static void drop_least(uint8_t header[WAL_HEADER_BYTES])
{
	struct wal_header h;

	if (!wal_header_decode(header, &h))
		return;                  /* measure_head() read it a moment ago; else the copy's first start refuses it */
	h.least_kib = 0;
	wal_header_encode(&h, header);
}

static enum st read_head(struct work *w)
{
	struct path from = path_wal(w->c->data_dir, w->head);
	struct vfs_file *in;
	enum st st = measure_head(w, &w->head_bytes);
	size_t got;

	if (!st)
		st = vfs_open(w->c->vfs, from.s, VFS_READ, &in);
	if (st)
		return st;
	w->head_copy = mem_alloc(w->head_bytes);
	st = vfs_read(in, w->head_copy, w->head_bytes, 0, false, &got);
	vfs_close(&in);
	if (!st && got < w->head_bytes)
		st = fail(ST_IO, "%s became shorter", from.s);
	if (!st)
		drop_least(w->head_copy);
	return st;
}

static enum st gather(struct work *w, const struct truth_cut *cut)
{
	struct file_id floor = cut->sealed_count ? cut->sealed[0] : cut->active;
	enum st st;

	w->head = cut->active;
	st = link_tables(w, cut);
	if (!st)
		st = link_segments(w, cut);
	if (!st)
		st = read_head(w);
	if (!st)
		st = truth_manifest_image(w->c->truth, floor, w->result.last_seq, &w->manifest, &w->manifest_bytes);
	return st;
}

static enum st gather_held(struct work *w)
{
	struct truth_cut cut;
	uint64_t began_us;
	enum st st;

	truth_hold(w->c->truth, &cut);
	began_us = clock_mono_us();
	st = gather(w, &cut);
	w->result.held_us = clock_mono_us() - began_us;
	truth_release(w->c->truth, &cut);
	return st;
}

/* ---- making it last ---- */

/* Linked files were synced before the truth knew them. */
static enum st settle(struct work *w)
{
	struct vfs *v = w->c->vfs;
	enum st st = copydir_write(v, path_manifest(w->partial.s).s, w->manifest, w->manifest_bytes);

	if (!st)
		st = copydir_write(v, path_wal(w->partial.s, w->head).s, w->head_copy, w->head_bytes);
	return st ? st : copydir_sync_names(v, w->partial.s);
}

/* ---- is the place fit ---- */

static enum st refuse(struct buf *complaint, const char *path, const char *what)
{
	buf_printf(complaint, "%s %s\n", path, what);
	return ST_INVALID;
}

static enum st check_place(const struct work *w, struct buf *complaint)
{
	bool there = false;
	enum st st = vfs_exists(w->c->vfs, w->dir.s, &there);

	if (st)
		return st;
	if (there)
		return refuse(complaint, w->dir.s, "is there already; give a name that is not");
	st = vfs_exists(w->c->vfs, w->parent.s, &there);
	if (!st && !there)
		return refuse(complaint, w->parent.s, "does not exist");
	if (st)
		return st;
	st = copydir_clear(w->c->vfs, w->partial.s);
	return st == ST_IO ? refuse(complaint, w->partial.s, "is in the way and cannot be removed; does it hold other things?") :
			     st;
}

enum st checkpoint_make(const struct checkpoint_config *c, const char *dir, struct checkpoint_result *rp,
			struct buf *complaint)
{
	struct work w = { .c = c, .parent = path_parent(dir) };
	enum st st, undo;

	snprintf(w.dir.s, sizeof(w.dir.s), "%s", dir);
	snprintf(w.partial.s, sizeof(w.partial.s), "%s" CHECKPOINT_PARTIAL, dir);
	st = check_place(&w, complaint);
	if (st)
		return st;
	st = copydir_make(c->vfs, w.partial.s);
	if (!st)
		st = gather_held(&w);
	if (!st)
		st = settle(&w);
	if (!st)
		st = copydir_name(c->vfs, w.partial.s, w.dir.s);
	mem_free(w.head_copy);
	mem_free(w.manifest);
	if (st) {
		undo = copydir_clear(c->vfs, w.partial.s);
		(void)undo;              /* what stays is cleared by the next one */
		return st;
	}
	*rp = w.result;
	return ST_OK;
}
