/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memtables of the truth: one active, the frozen ones behind it until each is a table.
 *
 *   frozen[0] oldest ... frozen[n-1] newest, active         (the view lists them the other way round)
 *
 * 1. All of it under the state lock and no other, so nobody here waits for a disk.
 * 2. Once the first view is published (truth_begin()) there is an active memtable.
 * 3. A memtable leaves from the old end only, in the edit that names its table (truth_edits.c).
 *
 * Waiting: `moved` is signalled whenever the list of frozen memtables changes. The flush thread waits for the first, the
 * commit thread for room, the control thread for what it wants flushed. The commit thread rotates; any may look.
 */
#include <time.h>

#include "common/base/mem.h"
#include "common/base/must.h"
#include "engine/truth_priv.h"

static void hand_out(struct truth *t, struct memtable *m)
{
	if (t->conf.handoff)
		handoff_push(t->conf.handoff, memtable_id(m), memtable_fd(m));
}

static void count_frozen(struct truth *t)
{
	uint64_t arena = 0, wal = 0;

	for (size_t i = 0; i < t->frozen_count; i++) {
		arena += memtable_used(t->frozen[i].memtable);
		wal += t->frozen[i].wal_bytes;
	}
	atomic_store_explicit(&t->frozen_bytes, arena, memory_order_relaxed);
	atomic_store_explicit(&t->frozen_wal_bytes, wal, memory_order_relaxed);
}

static void push_frozen(struct truth *t, const struct frozen *f)
{
	if (t->frozen_count == t->frozen_capacity) {
		t->frozen_capacity = t->frozen_capacity ? t->frozen_capacity * 2 : 4;
		t->frozen = mem_resize(t->frozen, t->frozen_capacity * sizeof(*t->frozen));
	}
	t->frozen[t->frozen_count++] = *f;
	count_frozen(t);
}

void truth_add_recovered(struct truth *t, const struct frozen *f)
{
	pthread_mutex_lock(&t->lock);
	must(!t->active);
	push_frozen(t, f);
	pthread_mutex_unlock(&t->lock);
}

void truth_begin(struct truth *t, struct memtable *active)
{
	pthread_mutex_lock(&t->lock);
	must(!t->active);
	t->active = memtable_ref(active);
	for (size_t i = 0; i < t->frozen_count; i++)
		hand_out(t, t->frozen[i].memtable);
	hand_out(t, t->active);
	truth__publish(t);
	pthread_cond_broadcast(&t->moved);
	pthread_mutex_unlock(&t->lock);
}

void truth_rotate(struct truth *t, struct memtable *fresh, struct seq last_seq, uint64_t wal_bytes)
{
	struct frozen f;

	pthread_mutex_lock(&t->lock);
	must(t->active);
	f = (struct frozen){ t->active, memtable_id(t->active), last_seq, wal_bytes };
	push_frozen(t, &f);
	t->active = memtable_ref(fresh);
	hand_out(t, t->active);
	truth__publish(t);
	pthread_cond_broadcast(&t->moved);
	pthread_mutex_unlock(&t->lock);
}

bool truth_oldest(struct truth *t, struct frozen *fp, struct file_id *next_walp)
{
	bool found;

	pthread_mutex_lock(&t->lock);
	found = t->frozen_count > 0;
	if (found) {
		*fp = t->frozen[0];
		memtable_ref(fp->memtable);
		*next_walp = t->frozen_count > 1 ? t->frozen[1].wal_id : memtable_id(t->active);
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

size_t truth_take_memtables(struct truth *t, struct memtable ***listp)
{
	struct memtable **list;
	size_t n = 0;

	pthread_mutex_lock(&t->lock);
	list = mem_alloc((t->frozen_count + 1) * sizeof(struct memtable *));
	list[n++] = memtable_ref(t->active);
	for (size_t i = t->frozen_count; i-- > 0;)
		list[n++] = memtable_ref(t->frozen[i].memtable);
	pthread_mutex_unlock(&t->lock);
	*listp = list;
	return n;
}

void truth_give_memtables(struct memtable ***listp, size_t n)
{
	for (size_t i = 0; i < n; i++)
		memtable_unref(&(*listp)[i]);
	mem_drop(listp);
}

unsigned truth_frozen_count(struct truth *t)
{
	unsigned n;

	pthread_mutex_lock(&t->lock);
	n = (unsigned)t->frozen_count;
	pthread_mutex_unlock(&t->lock);
	return n;
}

uint64_t truth_frozen_bytes(const struct truth *t)
{
	return atomic_load_explicit(&t->frozen_bytes, memory_order_relaxed);
}

uint64_t truth_frozen_wal_bytes(const struct truth *t)
{
	return atomic_load_explicit(&t->frozen_wal_bytes, memory_order_relaxed);
}

struct memtable *truth_find_memtable(void *truth, struct file_id id)
{
	struct truth *t = truth;
	struct memtable *m = NULL;

	pthread_mutex_lock(&t->lock);
	if (memtable_id(t->active).v == id.v)
		m = memtable_ref(t->active);
	for (size_t i = 0; !m && i < t->frozen_count; i++)
		if (memtable_id(t->frozen[i].memtable).v == id.v)
			m = memtable_ref(t->frozen[i].memtable);
	pthread_mutex_unlock(&t->lock);
	return m;
}

struct memtable *truth__drop_oldest(struct truth *t, struct file_id id)
{
	struct memtable *m;

	must(t->frozen_count > 0 && memtable_id(t->frozen[0].memtable).v == id.v);
	m = t->frozen[0].memtable;
	t->frozen_count--;
	memmove(t->frozen, t->frozen + 1, t->frozen_count * sizeof(*t->frozen));
	count_frozen(t);
	return m;
}

/* ---- waiting ---- */

static struct timespec in_ms(unsigned ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	return until;
}

bool truth_wait_below(struct truth *t, unsigned n, unsigned timeout_ms)
{
	struct timespec until = in_ms(timeout_ms);
	bool below;
	int rc = 0;

	pthread_mutex_lock(&t->lock);
	while (t->frozen_count >= n && rc == 0)
		rc = pthread_cond_timedwait(&t->moved, &t->lock, &until);
	below = t->frozen_count < n;
	pthread_mutex_unlock(&t->lock);
	return below;
}

static bool is_flushed(const struct truth *t, struct seq upto)
{
	return t->frozen_count == 0 || t->frozen[0].last_seq.v > upto.v;
}

bool truth_wait_flushed(struct truth *t, struct seq upto, unsigned timeout_ms)
{
	struct timespec until = in_ms(timeout_ms);
	bool flushed;
	int rc = 0;

	pthread_mutex_lock(&t->lock);
	while (!is_flushed(t, upto) && rc == 0)
		rc = pthread_cond_timedwait(&t->moved, &t->lock, &until);
	flushed = is_flushed(t, upto);
	pthread_mutex_unlock(&t->lock);
	return flushed;
}

bool truth_wait_frozen(struct truth *t, unsigned timeout_ms)
{
	struct timespec until = in_ms(timeout_ms);
	bool some;

	pthread_mutex_lock(&t->lock);
	if (t->frozen_count == 0)
		(void)pthread_cond_timedwait(&t->moved, &t->lock, &until);
	some = t->frozen_count > 0;
	pthread_mutex_unlock(&t->lock);
	return some;
}

void truth_wake(struct truth *t)
{
	pthread_mutex_lock(&t->lock);
	pthread_cond_broadcast(&t->moved);
	pthread_mutex_unlock(&t->lock);
}
