/* SPDX-License-Identifier: Apache-2.0 */
/* The low-water mark and the ballast; see reserve.h. */
#include "engine/reserve.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/stats/stats.h"
#include "common/table/filename.h"
#include "engine/retain.h"

enum reserve_state { RESERVE_SPENT, RESERVE_LOW, RESERVE_PLENTY };

struct reserve {
	/* fixed after new */
	struct vfs *vfs;
	const char *data_dir;
	uint64_t mark, ballast_bytes, segment_bytes;
	struct retain *retain;

	pthread_mutex_t lock;
	/* written under the lock, read by anybody */
	_Atomic int state;
	_Atomic bool ballast;            /* it is on the disk, with all its blocks */
};

uint64_t reserve_mark(const struct conf *c)
{
	uint64_t two = 2 * c->memtable_size_limit;

	if (c->disk_low_water)
		return c->disk_low_water;
	return two > RESERVE_LEAST_MARK ? two : RESERVE_LEAST_MARK;
}

/* ---- the ballast ---- */

void reserve_drop(struct vfs *v, const char *data_dir)
{
	if (vfs_unlink(v, path_ballast(data_dir).s))
		return;                  /* not there, or logged: then it stays for a later try */
}

/* The file, new or of an earlier life, with exactly its blocks. */
static enum st allocate(struct reserve *r)
{
	struct path p = path_ballast(r->data_dir);
	uint64_t size = 0;
	struct vfs_file *f;
	enum st st = vfs_open(r->vfs, p.s, VFS_WRITE, &f);

	if (st == ST_NOT_FOUND)
		st = vfs_open(r->vfs, p.s, VFS_CREATE, &f);
	if (st)
		return st;
	st = vfs_size(f, &size);
	if (!st && size > r->ballast_bytes)
		st = vfs_truncate(f, r->ballast_bytes);
	if (!st)
		st = vfs_allocate(f, r->ballast_bytes);
	if (!st)
		st = vfs_sync(f);        /* where blocks are found only when they are written, this tells */
	vfs_close(&f);
	return st;
}

static bool make_ballast(struct reserve *r)
{
	r->ballast = r->ballast || allocate(r) == ST_OK;
	if (!r->ballast)
		reserve_drop(r->vfs, r->data_dir);       /* half of one would only take the room */
	return r->ballast;
}

static bool ballast_on_disk(const struct reserve *r)
{
	bool there;

	return vfs_exists(r->vfs, path_ballast(r->data_dir).s, &there) == ST_OK && there;
}

/* ---- life ---- */

struct reserve *reserve_new(struct vfs *v, const char *data_dir, uint64_t mark, uint64_t segment_bytes)
{
	struct reserve *r = mem_zalloc(sizeof(*r));

	r->vfs = v;
	r->data_dir = data_dir;
	r->mark = mark;
	r->ballast_bytes = mark / 2;
	r->segment_bytes = segment_bytes;
	pthread_mutex_init(&r->lock, NULL);
	if (mark && ballast_on_disk(r))
		(void)make_ballast(r);
	atomic_store(&r->state, !mark || r->ballast ? RESERVE_PLENTY : RESERVE_SPENT);
	return r;
}

void reserve_set_retain(struct reserve *r, struct retain *retain)
{
	r->retain = retain;
}

void reserve_free(struct reserve **rp)
{
	struct reserve *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	mem_free(r);
}

/* ---- states ---- */

static uint64_t resume_at(const struct reserve *r, bool spent)
{
	return r->mark + r->mark / 8 + r->segment_bytes + (spent ? r->ballast_bytes : 0);
}

uint64_t reserve_resume(const struct reserve *r)
{
	return r ? resume_at(r, atomic_load_explicit(&r->state, memory_order_relaxed) == RESERVE_SPENT) : 0;
}

static void tell(const struct reserve *r, uint64_t free_bytes)
{
	if (reserve_refuses(r))
		log_warn("The disk has %" PRIu64 " MiB left, and writes need more than %" PRIu64 " MiB (DISK_LOW_WATER): they "
			 "are refused until %" PRIu64 " MiB are free. Reads and deletes go on.", free_bytes >> 20, r->mark >> 20,
			 (reserve_resume(r) + (1 << 20) - 1) >> 20);
	else
		log_info("The disk has %" PRIu64 " MiB left: writes are accepted.", free_bytes >> 20);
}

static void give_back(struct reserve *r)
{
	if (r->ballast)
		log_warn("The disk is full: %" PRIu64 " MiB of reserve are given back for flush, compaction and deletes.",
			 r->ballast_bytes >> 20);
	r->ballast = false;
	atomic_store(&r->state, RESERVE_SPENT);
	reserve_drop(r->vfs, r->data_dir);
}

/* The state drawing of reserve.h. */
static void judge(struct reserve *r, uint64_t free_bytes)
{
	uint64_t back = resume_at(r, false);

	switch ((enum reserve_state)atomic_load(&r->state)) {
	case RESERVE_PLENTY:
		if (free_bytes >= r->mark)
			break;
		atomic_store(&r->state, RESERVE_LOW);
		/* fallthrough */
	case RESERVE_LOW:
		if (free_bytes >= back)
			atomic_store(&r->state, RESERVE_PLENTY);
		else if (free_bytes < r->mark / 4)
			give_back(r);
		break;
	case RESERVE_SPENT:
		if (free_bytes >= resume_at(r, true) && make_ballast(r))
			atomic_store(&r->state, RESERVE_PLENTY);
		break;
	}
}

static void show(const struct reserve *r, uint64_t free_bytes)
{
	stats_set(M_disk_free, free_bytes);
	stats_set(M_disk_reserve, r->ballast ? r->ballast_bytes : 0);
	stats_set(M_disk_low_water, r->mark);
	stats_set(M_disk_resume, reserve_refuses(r) ? reserve_resume(r) : 0);
	stats_set(M_disk_writes_refused, reserve_refuses(r));
}

/* Free bytes, after what is kept for watchers made room if there is need of it. */
static enum st measure(const struct reserve *r, uint64_t *bytesp)
{
	enum st st = vfs_free_bytes(r->vfs, r->data_dir, bytesp);

	if (!st && (*bytesp < r->mark || reserve_refuses(r)) && retain_drop(r->retain) > 0)
		st = vfs_free_bytes(r->vfs, r->data_dir, bytesp);
	return st;
}

bool reserve_look(struct reserve *r)
{
	bool before = reserve_refuses(r), changed;
	uint64_t bytes;

	if (measure(r, &bytes))
		return false;
	pthread_mutex_lock(&r->lock);
	if (r->mark)
		judge(r, bytes);
	changed = reserve_refuses(r) != before;
	if (changed)
		tell(r, bytes);
	show(r, bytes);
	pthread_mutex_unlock(&r->lock);
	return changed;
}

bool reserve_refuses(const struct reserve *r)
{
	return r && atomic_load_explicit(&r->state, memory_order_relaxed) != RESERVE_PLENTY;
}

bool reserve_spend(struct reserve *r)
{
	bool had;

	if (!r)
		return false;
	had = retain_drop(r->retain) > 0;
	if (r->mark == 0)
		return had;
	pthread_mutex_lock(&r->lock);
	had |= r->ballast;
	give_back(r);
	pthread_mutex_unlock(&r->lock);
	return had;
}

uint64_t reserve_room(const struct reserve *r)
{
	uint64_t bytes;

	if (!r || r->mark == 0 || vfs_free_bytes(r->vfs, r->data_dir, &bytes))
		return UINT64_MAX;
	return bytes > r->mark / 8 ? bytes - r->mark / 8 : 0;
}

uint64_t reserve_ballast(const struct reserve *r)
{
	return r && r->ballast ? r->ballast_bytes : 0;
}
