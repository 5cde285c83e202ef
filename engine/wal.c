/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes one WAL segment. Format: wal_format.h; rules: wal.h.
 *
 *   0          synced        written         length              allocated
 *   |------------|--------------|---------------|-------------------|
 *     on disk      in the file    in the buffer   zeros
 *
 * prepared -> (wal_begin) -> begun -> (failed write or sync) -> broken, for good.
 */
#include "engine/wal.h"

#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/stats/stats.h"
#include "common/table/filename.h"

#define WAL_MAGIC 0x3a11096fu
#define WAL_GROW_BYTES (4u << 20)        /* more blocks when the preallocated ones are used up */
#define WAL_BUFFER_KEEP (4u << 20)       /* a buffer that had to grow beyond this is given back */

struct wal {
	uint32_t magic;
	/* fixed after prepare */
	struct vfs_file *file;
	struct file_id id;
	/* fixed after begin */
	bool begun;
	uint32_t seed;
	/* moving */
	struct buf buffer;
	uint64_t written, synced, allocated;
	struct seq last_seq;
	enum st broken;                  /* the first failure; ST_OK while there is none */
};

static enum st prepare_file(struct vfs *v, const char *data_dir, struct wal *w, uint64_t bytes)
{
	struct path file = path_wal(data_dir, w->id), dir = path_wal_dir(data_dir);
	enum st st = vfs_open(v, file.s, VFS_CREATE, &w->file);

	if (st)
		return st;
	st = vfs_allocate(w->file, bytes);
	if (!st)
		st = vfs_sync(w->file);
	if (!st)
		st = vfs_sync_dir(v, dir.s);
	if (st) {
		enum st undo;

		vfs_close(&w->file);
		undo = vfs_unlink(v, file.s);
		(void)undo;              /* logged; what stays behind is an empty segment, which means nothing */
	}
	return st;
}

enum st wal_prepare(struct vfs *v, const char *data_dir, struct file_id id, uint64_t preallocate_bytes,
		    struct wal **wp)
{
	struct wal *w = mem_zalloc(sizeof *w);
	enum st st;

	*wp = NULL;
	must(id.v != 0);
	obj_init(w, WAL_MAGIC);
	w->id = id;
	w->allocated = preallocate_bytes > WAL_HEADER_BYTES ? preallocate_bytes : WAL_HEADER_BYTES;
	st = prepare_file(v, data_dir, w, w->allocated);
	if (st)
		wal_close(&w);
	*wp = w;
	return st;
}

/* What was allocated is on disk, as a size, since wal_prepare(). Room for a closing record is left. */
static uint32_t least_kib(const struct wal *w)
{
	uint64_t kib = w->allocated > WAL_HEAD_BYTES ? (w->allocated - WAL_HEAD_BYTES) >> 10 : 0;

	return kib > UINT32_MAX ? UINT32_MAX : (uint32_t)kib;
}

enum st wal_begin(struct wal *w, uint64_t database, struct seq last_seq, const struct wal_link *before,
		  struct slice origins)
{
	struct wal_header h = { WAL_VERSION, database, w->id, last_seq, *before, least_kib(w) };

	obj_check(w, WAL_MAGIC);
	must(!w->begun);
	w->begun = true;
	w->seed = wal_crc_seed(database, w->id);
	w->last_seq = last_seq;
	wal_header_encode(&h, buf_reserve(&w->buffer, WAL_HEADER_BYTES));
	w->buffer.n += WAL_HEADER_BYTES;
	if (origins.n)
		wal_append(w, seq(last_seq.v + 1), 0, origins, (struct slice){ 0 });
	return w->broken;
}

void wal_append(struct wal *w, struct seq first_seq, uint32_t count, struct slice head, struct slice body)
{
	struct wal_record r = {
		.segment = (uint32_t)w->id.v,
		.count = count,
		.first_seq = first_seq,
		.synced_upto = w->synced,
	};

	obj_check(w, WAL_MAGIC);
	if (w->broken)
		return;
	must(w->begun && first_seq.v == w->last_seq.v + 1);
	must(head.n + body.n <= WAL_PAYLOAD_MAX);
	wal_record_encode(&w->buffer, w->seed, &r, head, body);
	w->last_seq.v += count;
}

/* Disk blocks for all that is buffered. */
static enum st grow(struct wal *w)
{
	uint64_t want = wal_bytes(w);
	enum st st;

	if (want <= w->allocated)
		return ST_OK;
	want = (want + WAL_GROW_BYTES - 1) / WAL_GROW_BYTES * WAL_GROW_BYTES;
	st = vfs_allocate(w->file, want);
	if (!st)
		w->allocated = want;
	return st;
}

enum st wal_write(struct wal *w)
{
	obj_check(w, WAL_MAGIC);
	if (w->broken || w->buffer.n == 0)
		return w->broken;
	w->broken = grow(w);
	if (!w->broken)
		w->broken = vfs_write(w->file, w->buffer.p, w->buffer.n, w->written);
	if (w->broken)
		return w->broken;
	w->written += w->buffer.n;
	stats_add(M_wal_bytes, w->buffer.n);
	if (w->buffer.capacity > WAL_BUFFER_KEEP)
		buf_fini(&w->buffer);
	buf_reset(&w->buffer);
	return ST_OK;
}

enum st wal_sync(struct wal *w)
{
	uint64_t upto = w->written;

	obj_check(w, WAL_MAGIC);
	if (w->broken || w->synced == upto)
		return w->broken;
	w->broken = vfs_sync_data(w->file);
	if (!w->broken)
		w->synced = upto;
	return w->broken;
}

uint64_t wal_bytes(const struct wal *w)
{
	obj_check(w, WAL_MAGIC);
	return w->written + w->buffer.n;
}

struct file_id wal_id(const struct wal *w)
{
	obj_check(w, WAL_MAGIC);
	return w->id;
}

struct wal_link wal_end(const struct wal *w)
{
	obj_check(w, WAL_MAGIC);
	must(w->begun && w->buffer.n == 0 && w->synced == w->written);
	return (struct wal_link){ w->id, w->written, w->last_seq };
}

void wal_close(struct wal **wp)
{
	struct wal *w = *wp;

	if (!w)
		return;
	obj_check(w, WAL_MAGIC);
	vfs_close(&w->file);
	buf_fini(&w->buffer);
	obj_fini(w);
	mem_free(w);
	*wp = NULL;
}
