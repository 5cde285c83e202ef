/* SPDX-License-Identifier: Apache-2.0 */
/* Segments kept for watchers; see retain.h. Oldest first in the list; the lock is held while files are removed. */
#include "engine/retain.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/stats/stats.h"
#include "common/table/filename.h"
#include "common/wal/wal_reader.h"

#define HOLE_BYTES (64u << 20)           /* one of so many is passed, not read */
#define PIECE_BYTES ((size_t)64 << 10)

struct kept { struct file_id id; uint64_t bytes; };

struct retain {
	/* fixed after new */
	struct vfs *vfs;
	const char *data_dir;
	uint64_t limit;

	pthread_mutex_t lock;
	/* guarded by lock */
	struct kept *list;
	size_t count, capacity;
	uint64_t total;
};

struct retain *retain_new(struct vfs *v, const char *data_dir, uint64_t limit_bytes)
{
	struct retain *r = mem_zalloc(sizeof(*r));

	*r = (struct retain){ .vfs = v, .data_dir = data_dir, .limit = limit_bytes };
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

void retain_free(struct retain **rp)
{
	struct retain *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	mem_free(r->list);
	mem_free(r);
}

/* ---- the list (lock held) ---- */

static void push(struct retain *r, struct file_id id, uint64_t bytes)
{
	if (r->count == r->capacity) {
		r->capacity = r->capacity ? r->capacity * 2 : 16;
		r->list = mem_resize(r->list, r->capacity * sizeof(*r->list));
	}
	r->list[r->count++] = (struct kept){ id, bytes };
	r->total += bytes;
}

/* One that cannot be removed is found by the next start. */
static void remove_file(struct vfs *v, const char *data_dir, struct file_id id)
{
	if (vfs_unlink(v, path_retained(data_dir, id).s))
		return;
}

static void remove_oldest(struct retain *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		remove_file(r->vfs, r->data_dir, r->list[i].id);
		r->total -= r->list[i].bytes;
	}
	r->count -= n;
	memmove(r->list, r->list + n, r->count * sizeof(*r->list));
}

/* Without the oldest ones the others must still have what was asked for. */
static void trim(struct retain *r)
{
	uint64_t left = r->total;
	size_t n = 0;

	while (n < r->count && left - r->list[n].bytes >= r->limit)
		left -= r->list[n++].bytes;
	if (n)
		remove_oldest(r, n);
	stats_set(M_watch_retained, r->total);
}

/* ---- keeping ---- */

static bool all_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* Are there nothing but zeros from offset on? For a segment that was read back, the length of its content is a guess. */
static enum st is_empty_behind(struct vfs_file *f, uint64_t offset, bool *yesp)
{
	uint8_t *piece = mem_alloc(PIECE_BYTES);
	size_t got = PIECE_BYTES;
	enum st st = ST_OK;

	*yesp = true;
	while (!st && *yesp && got == PIECE_BYTES) {
		st = vfs_read(f, piece, PIECE_BYTES, offset, false, &got);
		*yesp = !st && all_zero(piece, got);
		offset += got;
		if (vfs_next_data(f, offset) >= offset + HOLE_BYTES)
			offset = vfs_next_data(f, offset);
	}
	mem_free(piece);
	return st;
}

/* Gives back what lies behind the content, when that is nothing; what the file takes on the disk from now on. */
static enum st give_back_tail(struct retain *r, struct file_id id, uint64_t content_bytes, uint64_t *bytesp)
{
	struct vfs_file *f;
	bool empty;
	enum st st = vfs_open(r->vfs, path_wal(r->data_dir, id).s, VFS_WRITE, &f);

	if (st)
		return st;
	*bytesp = content_bytes;
	st = is_empty_behind(f, content_bytes, &empty);
	if (!st)
		st = empty ? vfs_release(f, content_bytes) : ST_INVALID;
	if (st == ST_INVALID)
		st = vfs_size(f, bytesp);
	vfs_close(&f);
	return st;
}

bool retain_take(struct retain *r, struct file_id id, uint64_t content_bytes)
{
	uint64_t bytes;

	if (!r || r->limit == 0 || give_back_tail(r, id, content_bytes, &bytes))
		return false;
	pthread_mutex_lock(&r->lock);
	if (vfs_rename(r->vfs, path_wal(r->data_dir, id).s, path_retained(r->data_dir, id).s)) {
		pthread_mutex_unlock(&r->lock);
		return false;
	}
	push(r, id, bytes);
	trim(r);
	pthread_mutex_unlock(&r->lock);
	return true;
}

uint64_t retain_drop(struct retain *r)
{
	uint64_t bytes = 0;

	if (!r)
		return 0;
	pthread_mutex_lock(&r->lock);
	if (r->count) {
		bytes = r->total;
		remove_oldest(r, r->count);
		log_warn("The disk is nearly full: %" PRIu64 " MiB of log kept for watchers are given back.", bytes >> 20);
		stats_set(M_watch_retained, 0);
	}
	pthread_mutex_unlock(&r->lock);
	return bytes;
}

/* ---- start ---- */

struct found { struct file_id id; bool in_wal; };

struct search {
	struct file_id floor;            /* of what is listed: only below it; 0: everything */
	bool in_wal;
	struct found *list;
	size_t count, capacity;
};

static enum st note_name(void *ctx, const char *name)
{
	struct search *s = ctx;
	struct file_id id;

	if (path_parse(name, &id) != DATA_NAME_WAL || (s->floor.v && id.v >= s->floor.v))
		return ST_OK;
	if (s->count == s->capacity) {
		s->capacity = s->capacity ? s->capacity * 2 : 16;
		s->list = mem_resize(s->list, s->capacity * sizeof(*s->list));
	}
	s->list[s->count++] = (struct found){ id, s->in_wal };
	return ST_OK;
}

static enum st look_around(struct retain *r, struct file_id floor, struct search *s)
{
	enum st st = vfs_list(r->vfs, path_retained_dir(r->data_dir).s, note_name, s);

	if (st && st != ST_NOT_FOUND)
		return st;
	if (floor.v == 0 || r->limit == 0)
		return ST_OK;
	s->floor = floor;
	s->in_wal = true;
	return vfs_list(r->vfs, path_wal_dir(r->data_dir).s, note_name, s);
}

static struct found *find(struct search *s, struct file_id id)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->list[i].id.v == id.v)
			return &s->list[i];
	return NULL;
}

/* The header at path, if it is one of this database's segment. */
static bool read_header(struct retain *r, const char *path, uint64_t database, struct file_id id, struct wal_header *hp)
{
	struct wal_reader *reader;
	bool good;

	if (wal_reader_open(r->vfs, path, database, id, &reader))
		return false;
	good = wal_reader_header(reader, hp) == WAL_OPENING_HEADER && hp->version >= WAL_VERSION_LEAST &&
	       hp->version <= WAL_VERSION &&
	       hp->database == database && hp->id.v == id.v;
	wal_reader_close(&reader);
	return good;
}

/* From the floor backwards, as the headers lead; what belongs to the chain is moved to its place and listed, newest first. */
static void follow_chain(struct retain *r, uint64_t database, struct file_id floor, struct search *s)
{
	struct wal_header h;
	bool good = read_header(r, path_wal(r->data_dir, floor).s, database, floor, &h);

	while (good && h.before.id.v) {
		struct found *f = find(s, h.before.id);
		struct path there = path_retained(r->data_dir, h.before.id), wal = path_wal(r->data_dir, h.before.id);
		uint64_t bytes = h.before.length;

		if (!f || !read_header(r, f->in_wal ? wal.s : there.s, database, h.before.id, &h))
			return;
		if (f->in_wal && vfs_rename(r->vfs, wal.s, there.s))
			return;
		push(r, f->id, bytes);
		f->id = file_id(0);      /* it is not to be removed */
		good = h.before.id.v < r->list[r->count - 1].id.v;
	}
}

static void oldest_first(struct retain *r)
{
	for (size_t i = 0; i < r->count / 2; i++) {
		struct kept k = r->list[i];

		r->list[i] = r->list[r->count - 1 - i];
		r->list[r->count - 1 - i] = k;
	}
}

enum st retain_begin(struct retain *r, uint64_t database, struct file_id floor)
{
	struct search s = { 0 };
	enum st st = look_around(r, floor, &s);

	pthread_mutex_lock(&r->lock);
	if (!st && floor.v && r->limit)
		follow_chain(r, database, floor, &s);
	oldest_first(r);
	for (size_t i = 0; i < s.count && !st; i++)
		if (s.list[i].id.v && !s.list[i].in_wal)
			remove_file(r->vfs, r->data_dir, s.list[i].id);
	trim(r);
	pthread_mutex_unlock(&r->lock);
	mem_free(s.list);
	return st;
}

void retain_remove(struct vfs *v, const char *data_dir)
{
	struct search s = { 0 };

	if (vfs_list(v, path_retained_dir(data_dir).s, note_name, &s) == ST_OK)
		for (size_t i = 0; i < s.count; i++)
			remove_file(v, data_dir, s.list[i].id);
	mem_free(s.list);
}
