/* SPDX-License-Identifier: Apache-2.0 */
/* One WAL segment in stock; see spare.h. */
#include "engine/spare.h"

#include <pthread.h>

#include "common/base/mem.h"
#include "common/table/filename.h"

#define SMALL_BYTES (1u << 20)           /* of a segment while there is little room on the disk */

struct spare {
	/* fixed after new */
	struct vfs *vfs;
	const char *data_dir;
	struct truth *truth;
	uint64_t standard_bytes;

	pthread_mutex_t lock;
	/* guarded by lock */
	struct wal *wal;                 /* of standard_bytes; NULL: none in stock */
};

struct spare *spare_new(struct vfs *v, const char *data_dir, struct truth *t, uint64_t standard_bytes)
{
	struct spare *s = mem_zalloc(sizeof(*s));

	*s = (struct spare){ .vfs = v, .data_dir = data_dir, .truth = t, .standard_bytes = standard_bytes };
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

/* Left behind it would mean nothing, so a failure is no trouble. */
void spare_discard(struct spare *s, struct wal **wp)
{
	struct path p;

	if (!*wp)
		return;
	p = path_wal(s->data_dir, wal_id(*wp));
	wal_close(wp);
	if (vfs_unlink(s->vfs, p.s))
		return;
}

enum st spare_undo(struct spare *s, struct wal **wp)
{
	struct path file = path_wal(s->data_dir, wal_id(*wp)), dir = path_wal_dir(s->data_dir);
	enum st st;

	wal_close(wp);
	st = vfs_unlink(s->vfs, file.s);
	return st ? st : vfs_sync_dir(s->vfs, dir.s);
}

void spare_free(struct spare **sp)
{
	struct spare *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	spare_discard(s, &s->wal);
	pthread_mutex_destroy(&s->lock);
	mem_free(s);
}

static enum st prepare(struct spare *s, uint64_t bytes, struct wal **wp)
{
	struct file_id id;
	enum st st = truth_take_ids(s->truth, 1, &id);

	*wp = NULL;
	if (!st)
		st = wal_prepare(s->vfs, s->data_dir, id, bytes, wp);
	return st;
}

enum st spare_fill(struct spare *s)
{
	enum st st = ST_OK;

	pthread_mutex_lock(&s->lock);
	if (!s->wal)
		st = prepare(s, s->standard_bytes, &s->wal);
	pthread_mutex_unlock(&s->lock);
	return st;
}

enum st spare_take(struct spare *s, uint64_t bytes, bool sparing, struct wal **wp, uint64_t *allocatedp)
{
	enum st st = ST_OK;

	*wp = NULL;
	pthread_mutex_lock(&s->lock);
	if (s->wal && bytes <= s->standard_bytes) {
		*allocatedp = s->standard_bytes;
		*wp = s->wal;
		s->wal = NULL;
	} else {
		spare_discard(s, &s->wal);
		*allocatedp = sparing && s->standard_bytes > SMALL_BYTES ? SMALL_BYTES : s->standard_bytes;
		if (*allocatedp < bytes)
			*allocatedp = bytes;
		st = prepare(s, *allocatedp, wp);
	}
	pthread_mutex_unlock(&s->lock);
	return st;
}
