/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that left the levels, and whoever still reads them; see retired.h. */
#include "engine/retired.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/stats/stats.h"
#include "common/table/filename.h"

#define RETIRED_MAGIC 0x7e71ed00u

struct kept {
	struct file_id table;
	uint64_t since;                  /* the first generation that does not name it, or a later one */
	uint64_t bytes, until_us;
};

struct retired {
	uint32_t magic;
	/* on loan */
	struct vfs *vfs;
	const char *data_dir;
	struct leases *leases;
	const struct board *board;
	/* guarded by lock */
	pthread_mutex_t lock;
	struct kept *list;
	size_t count, room;
};

struct retired *retired_new(struct vfs *v, const char *data_dir, struct leases *l, const struct board *b)
{
	struct retired *r = mem_zalloc(sizeof *r);

	obj_init(r, RETIRED_MAGIC);
	r->vfs = v;
	r->data_dir = data_dir;
	r->leases = l;
	r->board = b;
	must(pthread_mutex_init(&r->lock, NULL) == 0);
	leases_shut(l, true);
	return r;
}

void retired_free(struct retired **rp)
{
	struct retired *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	obj_check(r, RETIRED_MAGIC);
	pthread_mutex_destroy(&r->lock);
	mem_free(r->list);
	obj_fini(r);
	mem_free(r);
}

void retired_begin(struct retired *r)
{
	leases_shut(r->leases, false);
}

/* ---- the list ---- */

static bool any_needs(const struct lease *leases, size_t n, struct file_id table, uint64_t since)
{
	for (size_t i = 0; i < n; i++)
		if (lease_needs(&leases[i], table, since))
			return true;
	return false;
}

static uint64_t size_of(const struct retired *r, struct file_id table)
{
	struct vfs_file *f;
	uint64_t bytes = 0;

	if (vfs_open(r->vfs, path_sst(r->data_dir, table).s, VFS_READ, &f))
		return 0;
	if (vfs_size(f, &bytes))
		bytes = 0;
	vfs_close(&f);
	return bytes;
}

static void note(struct retired *r, struct file_id table, uint64_t since)
{
	struct kept k = { table, since, size_of(r, table), clock_mono_us() + LEASE_LIFE_MOST_US };

	pthread_mutex_lock(&r->lock);
	if (r->count == r->room)
		r->list = mem_resize(r->list, (r->room = r->room ? r->room * 2 : 16) * sizeof *r->list);
	r->list[r->count++] = k;
	pthread_mutex_unlock(&r->lock);
}

/* ---- start ---- */

struct orphans {
	struct retired *retired;
	const struct file_id *live;  size_t live_count;
	struct lease *leases;        size_t lease_count;
	struct file_id *kept;        size_t count, room;
};

static int id_order(const void *a, const void *b)
{
	uint64_t x = ((const struct file_id *)a)->v, y = ((const struct file_id *)b)->v;

	return (x > y) - (x < y);
}

static enum st on_file(void *ctx, const char *name)
{
	struct orphans *o = ctx;
	uint64_t next = board_next_generation(o->retired->board);
	struct file_id id;

	if (path_parse(name, &id) != DATA_NAME_SST || !any_needs(o->leases, o->lease_count, id, next) ||
	    (o->live_count && bsearch(&id, o->live, o->live_count, sizeof id, id_order)))
		return ST_OK;
	if (o->count == o->room)
		o->kept = mem_resize(o->kept, (o->room = o->room ? o->room * 2 : 16) * sizeof *o->kept);
	o->kept[o->count++] = id;
	return ST_OK;
}

enum st retired_adopt(struct retired *r, const struct file_id *live, size_t live_count, struct file_id **keptp, size_t *np)
{
	struct orphans o = { .retired = r, .live = live, .live_count = live_count };
	enum st st = ST_OK;

	obj_check(r, RETIRED_MAGIC);
	o.lease_count = leases_list(r->leases, &o.leases);
	if (o.lease_count > 0)
		st = vfs_list(r->vfs, path_sst_dir(r->data_dir).s, on_file, &o);
	for (size_t i = 0; i < o.count; i++)
		note(r, o.kept[i], board_next_generation(r->board));
	if (o.count > 0)
		log_info("%zu tables that no edit names stay for now: snapshots are being read.", o.count);
	mem_free(o.leases);
	*keptp = o.kept;
	*np = o.count;
	return st;
}

/* ---- the end of a table ---- */

static enum st remove_now(struct vfs *v, const char *data_dir, struct truth *t, struct file_id table)
{
	struct path from = path_sst(data_dir, table);
	const struct version *version = truth_lock(t);
	bool damaged = damages_of_table(version_damages(version), table) > 0;
	enum st st;

	truth_unlock(t);
	st = damaged ? vfs_rename(v, from.s, path_quarantine_sst(data_dir, table).s) : vfs_unlink(v, from.s);
	if (damaged && !st)
		st = vfs_sync_dir(v, path_quarantine_dir(data_dir).s);
	return st == ST_NOT_FOUND && damaged ? ST_OK : st;
}

static bool keep(struct retired *r, struct file_id table)
{
	uint64_t since = board_generation(r->board);
	struct lease *leases;
	size_t n = leases_list(r->leases, &leases);
	bool needed = any_needs(leases, n, table, since);

	mem_free(leases);
	if (needed)
		note(r, table, since);
	return needed;
}

enum st retired_table(const struct install_dir *d, struct truth *t, struct file_id table)
{
	struct retired *r = truth_retired(t);

	if (r && keep(r, table))
		return ST_OK;
	return remove_now(d->vfs, d->data_dir, t, table);
}

static void tell_pinned(const struct retired *r, const struct lease *leases, size_t n)
{
	uint64_t all = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t bytes = 0;

		for (size_t k = 0; k < r->count; k++)
			if (lease_needs(&leases[i], r->list[k].table, r->list[k].since))
				bytes += r->list[k].bytes;
		lease_set_pinned(r->leases, leases[i].id, bytes);
	}
	for (size_t k = 0; k < r->count; k++)
		all += r->list[k].bytes;
	stats_set(M_snapshots, n);
	stats_set(M_snapshot_pinned, all);
}

/* Takes those that nobody needs off the list; heap memory. Lock held. */
static size_t take_free(struct retired *r, const struct lease *leases, size_t n, struct file_id **outp)
{
	struct file_id *out = mem_alloc((r->count + 1) * sizeof *out);
	uint64_t now = clock_mono_us();
	size_t count = 0, left = 0;

	for (size_t i = 0; i < r->count; i++) {
		if (now < r->list[i].until_us && any_needs(leases, n, r->list[i].table, r->list[i].since))
			r->list[left++] = r->list[i];
		else
			out[count++] = r->list[i].table;
	}
	r->count = left;
	*outp = out;
	return count;
}

void retired_look(struct retired *r, struct truth *t)
{
	struct lease *leases;
	struct file_id *out;
	size_t n, count;

	obj_check(r, RETIRED_MAGIC);
	n = leases_list(r->leases, &leases);
	pthread_mutex_lock(&r->lock);
	count = take_free(r, leases, n, &out);
	tell_pinned(r, leases, n);
	pthread_mutex_unlock(&r->lock);
	for (size_t i = 0; i < count; i++)
		if (remove_now(r->vfs, r->data_dir, t, out[i]))
			log_warn("Table %" PRIu64 " was replaced and could not be removed; the next start does.", out[i].v);
	mem_free(out);
	mem_free(leases);
}

void retired_make_room(struct retired *r)
{
	uint64_t since = 0;

	obj_check(r, RETIRED_MAGIC);
	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < r->count; i++)
		if (r->list[i].since > since)
			since = r->list[i].since;
	pthread_mutex_unlock(&r->lock);
	if (since == 0)
		return;
	log_warn("The disk is full: snapshots that keep replaced tables are ended.");
	leases_revoke(r->leases, since - 1);
}
