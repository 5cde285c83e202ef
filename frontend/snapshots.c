/* SPDX-License-Identifier: Apache-2.0 */
/* A short list, looked through from its beginning. Whether one lives is asked of the shared leases, never remembered. */
#include "frontend/snapshots.h"

#include <inttypes.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/stats/stats.h"

#define SNAPSHOTS_MAGIC 0x536e7001u

struct snapshots {
	uint32_t magic;
	struct snapshots_setup setup;
	struct snapshot *list;
	size_t count;
	bool leaving;
};

static struct leases *leases_of(struct snapshots *s)
{
	return attach_leases(s->setup.attach);
}

static struct snapshot *add(struct snapshots *s, const struct snapshot *from)
{
	struct snapshot *snap = mem_dup(from, sizeof *from);

	snap->next = s->list;
	snap->users = 1;
	snap->share = -1;
	snap->used_us = clock_mono_us();
	s->list = snap;
	s->count++;
	return snap;
}

/* Takes it off the list and ends it. */
static void drop(struct snapshots *s, struct snapshot *snap)
{
	struct snapshot **at = &s->list;

	must(snap->users == 0);
	while (*at != snap)
		at = &(*at)->next;
	*at = snap->next;
	s->count--;
	if (snap->own)
		lease_give_up(leases_of(s), snap->facts.lease);
	if (snap->share >= 0)
		close(snap->share);
	view_unref(&snap->view);
	mem_free(snap);
}

/* ---- bounds ---- */

static bool has_memtable(const struct view *v, const struct memtable *m)
{
	size_t n = view_desc(v)->memtable_count;

	for (size_t i = 0; i < n; i++)
		if (view_memtable(v, i) == m)
			return true;
	return false;
}

/* Does a snapshot in front of this one hold it open? */
static bool is_open_before(const struct snapshots *s, const struct snapshot *snap, const struct memtable *m)
{
	for (const struct snapshot *other = s->list; other != snap; other = other->next)
		if (has_memtable(other->view, m))
			return true;
	return false;
}

/* What they have open or will come to: what shows each of them, and their memtables, those of the newest view too, as a flush
 * leaves them to the snapshots. */
static size_t descriptors(const struct snapshots *s)
{
	size_t n = s->count;

	for (const struct snapshot *snap = s->list; snap; snap = snap->next)
		for (size_t i = 0; i < view_desc(snap->view)->memtable_count; i++)
			n += !is_open_before(s, snap, view_memtable(snap->view, i));
	return n;
}

static bool goes_before(const struct snapshot *a, const struct snapshot *b)
{
	return a->ended != b->ended ? a->ended : a->used_us < b->used_us;
}

/* The one that goes first; used: among those that are used now. */
static struct snapshot *oldest(struct snapshots *s, bool used)
{
	struct snapshot *snap, *found = NULL;

	for (snap = s->list; snap; snap = snap->next)
		if (!snap->over && (snap->users > 0) == used && (!found || goes_before(snap, found)))
			found = snap;
	return found;
}

/* false: those that are used, or may be taken over, have too many descriptors by themselves. */
static bool free_descriptors(struct snapshots *s)
{
	struct snapshot *snap;

	while (descriptors(s) > s->setup.max_descriptors) {
		snap = s->leaving ? NULL : oldest(s, false);
		if (!snap)
			return false;
		drop(s, snap);
	}
	return true;
}

/* ---- use ---- */

/* One that has come may stay; ST_BUSY: it went, as there are no descriptors for it. */
static enum st admit(struct snapshots *s, struct snapshot **snapp)
{
	struct snapshot *snap = *snapp;

	if (free_descriptors(s))
		return ST_OK;
	*snapp = NULL;
	if (--snap->users == 0)
		drop(s, snap);
	return ST_BUSY;
}

enum st snapshots_take(struct snapshots *s, struct snapshot **snapp)
{
	struct snapshot snap = { .own = true };
	struct lease lease;
	enum st st = attach_lease(s->setup.attach, s->setup.idle_ms, &snap.view, &snap.facts.seq, &snap.facts.lease);

	*snapp = NULL;
	if (st)
		return st;
	st = lease_find(leases_of(s), snap.facts.lease, &lease);
	if (st) {                        /* it was taken back at once: for want of room */
		view_unref(&snap.view);
		return ST_UNAVAILABLE;
	}
	snap.facts.taken_us = lease.taken_us;
	snap.facts.now_ms = clock_wall_ms();
	*snapp = add(s, &snap);
	return admit(s, snapp);
}

static bool is_named(const struct cursor *c, uint64_t lease, uint64_t taken_us, struct seq seq)
{
	return c->lease == lease && c->taken_us == taken_us && c->seq.v == seq.v;
}

/* Opens another frontend's. */
static enum st adopt(struct snapshots *s, const struct lease *lease, struct snapshot **snapp)
{
	pid_t pid = (pid_t)stats_worker_pid(lease->worker);
	struct snapshot_found found;
	struct snapshot snap = { .own = false };
	struct arena arena;
	enum st st;

	arena_init(&arena);
	st = snapshot_share_open(pid, lease->shown, lease->id, &arena, &found);
	if (!st)
		st = attach_view(s->setup.attach, &found.desc, snapshot_share_find, &found, &snap.view);
	if (!st) {
		snap.facts = found.facts;
		*snapp = add(s, &snap);
	}
	snapshot_found_release(&found);
	arena_fini(&arena);
	return st == ST_OK || st == ST_BUSY ? st : ST_NOT_FOUND;
}

/* The one of a lease, here already or opened; it has one user more. */
static enum st open_one(struct snapshots *s, const struct lease *lease, struct snapshot **snapp)
{
	struct snapshot *snap = s->list;

	while (snap && snap->facts.lease != lease->id)
		snap = snap->next;
	if (!snap)
		return adopt(s, lease, snapp);
	snap->users++;
	*snapp = snap;
	return ST_OK;
}

/* The same, while it may be taken over: then it is not where it was looked for, but somewhere else. */
static enum st open_where_it_is(struct snapshots *s, struct lease *lease, struct snapshot **snapp)
{
	struct lease before;
	enum st st;

	do {
		before = *lease;
		st = open_one(s, lease, snapp);
	} while (st == ST_NOT_FOUND && lease_find(leases_of(s), before.id, lease) == ST_OK && lease->worker != before.worker);
	return st;
}

enum st snapshots_find(struct snapshots *s, const struct cursor *c, struct snapshot **snapp)
{
	struct lease lease;
	struct snapshot *snap;
	enum st st = attach_leases(s->setup.attach) ? lease_find(leases_of(s), c->lease, &lease) : ST_NOT_FOUND;

	*snapp = NULL;
	if (st || !is_named(c, lease.id, lease.taken_us, lease.seq))
		return ST_NOT_FOUND;
	st = open_where_it_is(s, &lease, &snap);
	if (!st && !snap->own)
		st = admit(s, &snap);
	if (st)
		return st;
	if (snapshots_renew(s, snap)) {
		*snapp = snap;
		return ST_OK;
	}
	snapshots_done(s, &snap, false);
	return ST_NOT_FOUND;
}

bool snapshots_renew(struct snapshots *s, const struct snapshot *snap)
{
	uint64_t age_ms = (clock_mono_us() - snap->facts.taken_us) / 1000, left = s->setup.life_ms;

	if (age_ms >= left || snap->over)
		return false;
	left -= age_ms;
	return lease_renew(leases_of(s), snap->facts.lease, left < s->setup.idle_ms ? left : s->setup.idle_ms) == ST_OK;
}

/* To the other frontends; false: the system has no room for that now. */
static bool show(struct snapshots *s, struct snapshot *snap)
{
	if (snap->share >= 0)
		return true;
	snap->share = snapshot_share_new(&snap->facts, snap->view);
	if (snap->share < 0)
		return false;
	lease_show(leases_of(s), snap->facts.lease, snap->share);
	return true;
}

bool snapshots_name(struct snapshots *s, struct snapshot *snap, struct cursor *c)
{
	c->lease = snap->facts.lease;
	c->taken_us = snap->facts.taken_us;
	c->seq = snap->facts.seq;
	return !snap->own || show(s, snap);
}

/* ---- room ---- */

static bool names(const struct view_desc *d, struct file_id memtable)
{
	for (size_t i = 0; i < d->memtable_count; i++)
		if (d->memtables[i].v == memtable.v)
			return true;
	return false;
}

/* Does the newest view, or a snapshot in front of this one, have the memtable too? */
static bool is_counted(struct snapshots *s, const struct snapshot *snap, struct file_id memtable)
{
	const struct view_desc *now = attach_desc(s->setup.attach);

	if (!now || names(now, memtable))
		return true;
	for (const struct snapshot *other = s->list; other != snap; other = other->next)
		if (!other->over && names(view_desc(other->view), memtable))
			return true;
	return false;
}

/* Memory of memtables that only snapshots hold. */
static uint64_t old_bytes(struct snapshots *s)
{
	uint64_t bytes = 0;

	for (struct snapshot *snap = s->list; snap; snap = snap->next) {
		const struct view_desc *d = view_desc(snap->view);

		for (size_t i = 0; !snap->over && i < d->memtable_count; i++)
			if (!is_counted(s, snap, d->memtables[i]))
				bytes += memtable_used(view_memtable(snap->view, i));
	}
	return bytes;
}

static size_t kept_count(const struct snapshots *s)
{
	size_t n = 0;

	for (const struct snapshot *snap = s->list; snap; snap = snap->next)
		n += snap->users == 0;
	return n;
}

/* Who leaves keeps all for those that take it over: they know whether they have room. */
static void make_room(struct snapshots *s)
{
	struct snapshot *snap;

	if (s->leaving)
		return;
	while (kept_count(s) > s->setup.max)
		drop(s, oldest(s, false));
	(void)free_descriptors(s);
	while (s->list && old_bytes(s) > s->setup.max_bytes) {
		snap = oldest(s, false);
		if (snap) {
			drop(s, snap);
			continue;
		}
		snap = oldest(s, true);
		snap->over = true;
		if (snap->own)
			lease_give_up(leases_of(s), snap->facts.lease);
	}
}

void snapshots_done(struct snapshots *s, struct snapshot **snapp, bool keep)
{
	struct snapshot *snap = *snapp;

	*snapp = NULL;
	snap->used_us = clock_mono_us();
	snap->ended = !keep;
	if (snap->share >= 0 || !snap->own)
		lease_set_ended(leases_of(s), snap->facts.lease, snap->ended);
	if (--snap->users == 0 && (snap->over || (!keep && (!snap->own || snap->share < 0))))
		drop(s, snap);
	make_room(s);
}

/* ---- what others leave behind ---- */

/* What was done with it at other frontends. */
static void learn(const struct snapshots *s, struct snapshot *snap, const struct lease *lease)
{
	uint64_t idle_us = s->setup.idle_ms * 1000, renewed_us = lease->expires_us > idle_us ? lease->expires_us - idle_us : 0;

	if (renewed_us > snap->used_us)
		snap->used_us = renewed_us;
	snap->ended = lease->ended;
}

/* From one that leaves; of those that try, one gets it. Its turn to go for want of room comes as if it had been here all the time. */
static void take_over(struct snapshots *s, const struct lease *lease)
{
	struct snapshot *snap;

	if (open_one(s, lease, &snap) != ST_OK)
		return;
	if (!snap->over)
		snap->share = snapshot_share_new(&snap->facts, snap->view);
	snap->own = snap->share >= 0 && lease_take_over(leases_of(s), lease, snap->share);
	if (!snap->own && snap->share >= 0) {
		close(snap->share);
		snap->share = -1;
	}
	snap->users--;
	if (snap->users == 0 && snap->own) {
		snap->used_us = 0;
		learn(s, snap, lease);
	}
	if (snap->users == 0 && !snap->own)
		drop(s, snap);
	make_room(s);
}

static void take_over_left(struct snapshots *s)
{
	struct lease *list;
	size_t n;

	if (!attach_leases(s->setup.attach) || !leases_any_leaving(leases_of(s)))
		return;
	n = leases_list(leases_of(s), &list);
	for (size_t i = 0; i < n; i++)
		if (list[i].shown >= 0 && leases_is_leaving(leases_of(s), list[i].worker))
			take_over(s, &list[i]);
	mem_free(list);
}

void snapshots_tick(struct snapshots *s)
{
	struct snapshot *snap, *next;
	struct lease lease;

	for (snap = s->list; snap; snap = next) {
		next = snap->next;
		if (snap->users)
			continue;
		if (lease_find(leases_of(s), snap->facts.lease, &lease) == ST_OK)
			learn(s, snap, &lease);
		else
			drop(s, snap);
	}
	if (!s->leaving)
		take_over_left(s);
	make_room(s);
}

bool snapshots_leave(struct snapshots *s)
{
	struct snapshot *snap, *next;
	struct lease lease;
	bool done = true;

	if (!attach_leases(s->setup.attach))
		return true;
	s->leaving = true;
	leases_leave(leases_of(s));
	for (snap = s->list; snap; snap = next) {
		next = snap->next;
		if (lease_find(leases_of(s), snap->facts.lease, &lease) != ST_OK || !lease_is_held_here(leases_of(s), &lease))
			snap->own = false;       /* not ours to release any more */
		if (snap->users == 0 && (!snap->own || snap->share < 0))
			drop(s, snap);
		else
			done = false;
	}
	return done;
}

/* ---- for people ---- */

static void write_one(struct buf *out, const struct lease *l, uint64_t now_us)
{
	buf_printf(out, "{\"id\":\"%" PRIx64 "\",\"sequence\":%" PRIu64 ",\"age_seconds\":%" PRIu64
		   ",\"expires_in_seconds\":%" PRIu64 ",\"pinned_bytes\":%" PRIu64 "}", l->id, l->seq.v,
		   (now_us - l->taken_us) / 1000000, (l->expires_us - now_us) / 1000000, l->pinned_bytes);
}

void snapshots_write(struct snapshots *s, struct buf *out)
{
	struct lease *list = NULL;
	size_t n = attach_leases(s->setup.attach) ? leases_list(leases_of(s), &list) : 0, i;
	uint64_t now = clock_mono_us();

	buf_append_str(out, "{\"snapshots\":[");
	for (i = 0; i < n; i++) {
		if (list[i].taken_us > now || list[i].expires_us < now)
			continue;
		if (out->p[out->n - 1] == '}')
			buf_append_byte(out, ',');
		write_one(out, &list[i], now);
	}
	buf_append_str(out, "]}\n");
	mem_free(list);
}

bool snapshots_release(struct snapshots *s, uint64_t id)
{
	struct lease lease;

	if (!attach_leases(s->setup.attach) || lease_find(leases_of(s), id, &lease) != ST_OK)
		return false;
	lease_release(leases_of(s), id);
	snapshots_tick(s);
	return true;
}

/* ---- life ---- */

void snapshots_new(const struct snapshots_setup *setup, struct snapshots **sp)
{
	struct snapshots *s = mem_zalloc(sizeof *s);

	obj_init(s, SNAPSHOTS_MAGIC);
	s->setup = *setup;
	*sp = s;
}

void snapshots_free(struct snapshots **sp)
{
	struct snapshots *s = *sp;

	*sp = NULL;
	obj_check(s, SNAPSHOTS_MAGIC);
	while (s->list)
		drop(s, s->list);
	obj_fini(s);
	mem_free(s);
}
