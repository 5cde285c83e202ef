/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commit thread's loop; see commit.h.
 *
 *   wait -> hold back -> drain the links: decode, admit, group_add -> group_commit -> one reply message per frontend -> wait
 *
 * A message lives in `held` from the moment it is received until its group is answered: the group's batches lie in it.
 * Waking: notify functions run on threads of nng and write an eventfd, once until the thread has seen it.
 */
#include "engine/commit_priv.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/proc.h"
#include "common/stats/stats.h"
#include "common/table/filename.h"
#include "engine/end.h"
#include "proto/damage_report.h"

#define COMMIT_MAGIC 0x636f6d6du
#define GROUP_BYTES (8u << 20)           /* a group is closed at this size */
#define PATIENCE_MS 1000u                /* at most this long a turn waits for the flush thread */
#define ALIVE_US 5000000u
#define HOLD_STEP_US 5000u               /* back-pressure is slept in steps, for a stop, a wish, a sync that is due */

static void wake(void *ctx)
{
	struct commit *c = ctx;
	uint64_t one = 1;

	if (!atomic_exchange(&c->woken, true))
		(void)!write(c->wake_fd, &one, sizeof(one));
}

enum st commit_listen(const struct conf *conf, struct commit **cp)
{
	struct commit *c = mem_zalloc(sizeof(*c));
	enum st st = ST_OK;

	*cp = NULL;
	obj_init(c, COMMIT_MAGIC);
	c->data_dir = conf->data_dir;
	c->read_bytes = conf->memory_limit ? conf->memory_limit : conf->cache_size_limit;
	c->asker_count = 2 * (unsigned)conf->frontend_workers;   /* a successor may serve beside its predecessor */
	c->first_slot = heritage_slot(conf, ROLE_FRONTEND, 0);
	c->askers = mem_zalloc(c->asker_count * sizeof(*c->askers));
	pthread_mutex_init(&c->wish.lock, NULL);
	pthread_cond_init(&c->wish.fulfilled, NULL);
	c->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (c->wake_fd < 0)
		st = fail(ST_INTERNAL, "the system refused an eventfd");
	for (unsigned i = 0; i < c->asker_count && !st; i++)
		st = link_listen(path_frontend_socket(conf->run_dir, i).s, WRITE_MESSAGE_MAX, wake, c,
				 &c->askers[i].link);
	if (!st)
		*cp = c;                 /* links are never closed, so a failed start leaves them to the process' end */
	return st;
}

/* ---- answers ---- */

static void send_bytes(struct asker *a, const struct buf *b)
{
	struct link_msg *m = link_msg_new(b->n);

	memcpy(link_msg_body(m), b->p, b->n);
	if (link_send(a->link, a->connection, &m))
		return;                  /* that frontend went; it asks again when it is back */
}

static void send_hello(struct commit *c, struct asker *a)
{
	struct buf b = BUF_INIT;

	engine_hello_encode(c->incarnation, (uint64_t)getpid(), &b);
	send_bytes(a, &b);
	buf_fini(&b);
}

static void send_replies(struct asker *a)
{
	if (a->replies.n == 0)
		return;
	send_bytes(a, &a->replies);
	buf_reset(&a->replies);
}

void commit__reply(struct asker *a, const struct write_reply *r)
{
	engine_replies_add(&a->replies, r);
	if (a->replies.n > ENGINE_MESSAGE_MAX / 2)
		send_replies(a);
}

/* ---- the group ---- */

_Noreturn static void end_on_io(void)
{
	log_error("The write-ahead log could not be written or synced. The engine ends; the next one reads what is on disk.");
	engine_end(EXIT_IO);
}

static void answer_group(struct commit *c)
{
	struct group *g = &c->writer->group;

	for (size_t i = 0; i < g->count; i++) {
		struct held *h = &c->held[i];

		if (h->connection == h->asker->connection)
			commit__reply(h->asker, &g->items[i].reply);
		link_msg_free(&h->msg);
	}
	c->held_count = 0;
	group_reset(g);
}

void commit__finish_group(struct commit *c)
{
	struct group *g = &c->writer->group;

	if (g->count > 0) {
		if (group_commit(g))
			end_on_io();
		answer_group(c);
		writer_pace(c->writer);
		writer_tell_sizes(c->writer);
	}
	for (unsigned i = 0; i < c->asker_count; i++)
		send_replies(&c->askers[i]);
}

/* ---- requests ---- */

void commit__hold(struct commit *c, struct asker *a, uint64_t connection, struct link_msg *m)
{
	if (c->held_count == c->held_capacity) {
		c->held_capacity = c->held_capacity ? c->held_capacity * 2 : 64;
		c->held = mem_resize(c->held, c->held_capacity * sizeof(*c->held));
	}
	c->held[c->held_count++] = (struct held){ a, connection, m };
}

bool commit__admit(struct commit *c, const struct write_request *r, const struct write_counts *counts, uint64_t cost,
		   uint64_t bytes, struct write_reply *rp)
{
	struct writer *w = c->writer;
	struct applied_request before;
	enum st st;

	if (origins_find(w->origins, r->origin, r->request_id, &before))
		return true;             /* a repeat takes no room */
	if (writer_refuses(w, counts, rp))
		return false;
	if (writer_fits(w, cost, bytes))
		return true;
	commit__finish_group(c);
	st = writer_rotate(w, cost, bytes, rp);
	if (st == ST_IO)
		end_on_io();
	return st == ST_OK;
}

/* A message that is no request: told once, answered when it says to whom. */
static void refuse_undecodable(struct asker *a, enum st st, uint64_t request_id)
{
	struct write_reply r = { .request_id = request_id, .status = st };

	log_warn("A frontend sent a write request that is refused: %s.", st_text(st));
	if (request_id == 0)
		return;
	(void)snprintf(r.detail, sizeof(r.detail), "the engine refused the request: %s", st_text(st));
	commit__reply(a, &r);
}

/* True when the group took the message over. */
static bool take_request(struct commit *c, struct asker *a, const struct link_event *ev)
{
	struct write_request r = { 0 };
	struct write_counts counts;
	struct write_reply refusal = { 0 };
	enum st st = write_request_decode(link_msg_slice(ev->msg), &r, &counts);
	uint64_t cost;

	if (st) {
		refuse_undecodable(a, st, r.request_id);
		return false;
	}
	if (r.incarnation != c->incarnation) {
		send_hello(c, a);
		return false;
	}
	if (counts.asks > 0) {
		commit__take_asks(c, a, ev, &r, &counts);
		return true;
	}
	cost = group_cost_of(r.batches);
	if (!commit__admit(c, &r, &counts, cost, r.batches.n, &refusal)) {
		refusal.request_id = r.request_id;
		commit__reply(a, &refusal);
		return false;
	}
	group_add(&c->writer->group, &r, &counts, cost, NULL);
	commit__hold(c, a, ev->connection, ev->msg);
	return true;
}

static void take_damage(struct commit *c, struct slice message)
{
	struct damaged_block blocks[DAMAGE_REPORT_MAX];
	size_t n;

	if (damage_report_decode(message, blocks, &n) || !c->tell_damage)
		return;
	for (size_t i = 0; i < n; i++)
		c->tell_damage(c->damage_ctx, blocks[i].table, blocks[i].offset);
}

/* True when the group took the message over. */
static bool take_message(struct commit *c, struct asker *a, const struct link_event *ev)
{
	if (!damage_report_is(link_msg_slice(ev->msg)))
		return take_request(c, a, ev);
	take_damage(c, link_msg_slice(ev->msg));
	return false;
}

static void peer_came(struct commit *c, struct asker *a, uint64_t connection)
{
	a->connection = connection;
	buf_reset(&a->replies);
	send_hello(c, a);
}

/* All that one frontend has queued; true: the group is full and there may be more. */
static bool drain(struct commit *c, struct asker *a)
{
	while (c->writer->group.bytes < GROUP_BYTES) {
		struct link_event ev = link_receive(a->link);

		switch (ev.kind) {
		case LINK_NOTHING:
			return false;
		case LINK_MESSAGE:
			if (!take_message(c, a, &ev))
				link_msg_free(&ev.msg);
			break;
		case LINK_PEER_CAME:
			peer_came(c, a, ev.connection);
			break;
		case LINK_PEER_WENT:
			a->connection = 0;
			buf_reset(&a->replies);
			break;
		}
	}
	return true;
}

/* The group is empty. A refusal leaves everything as it was; the next turn asks again. */
static void clean_up(struct commit *c)
{
	struct write_reply unused = { 0 };

	if (writer_should_clean_up(c->writer) && writer_rotate(c->writer, 0, 0, &unused) == ST_IO)
		end_on_io();
}

/* One group. True: there is more to do right now. */
static bool turn(struct commit *c)
{
	bool more = false;

	atomic_store_explicit(&c->turn_us, clock_mono_us(), memory_order_relaxed);
	c->writer->patience_ms = PATIENCE_MS;
	commit__weigh_again(c);
	for (unsigned i = 0; i < c->asker_count; i++)
		more |= drain(c, &c->askers[(c->first_asker + i) % c->asker_count]);
	c->first_asker++;
	commit__finish_group(c);
	clean_up(c);
	return more;
}

/* ---- rotation by wish ---- */

enum st commit_rotate(struct commit *c, struct seq *lastp, struct write_reply *rp)
{
	struct wish *w = &c->wish;
	uint64_t mine;
	enum st st;

	pthread_mutex_lock(&w->lock);
	mine = ++w->made;
	atomic_store(&w->any, true);
	pthread_mutex_unlock(&w->lock);
	wake(c);
	pthread_mutex_lock(&w->lock);
	while (w->done < mine)
		pthread_cond_wait(&w->fulfilled, &w->lock);
	st = w->st;
	*lastp = w->last_seq;
	*rp = w->refusal;
	pthread_mutex_unlock(&w->lock);
	return st;
}

/* The group is empty. Nobody waits here for the flush thread: writers would wait with us. */
static void fulfil(struct commit *c)
{
	struct write_reply refusal = { 0 };
	struct wish *w = &c->wish;
	enum st st = ST_OK;
	uint64_t upto;

	pthread_mutex_lock(&w->lock);
	upto = w->made;
	atomic_store(&w->any, false);
	pthread_mutex_unlock(&w->lock);
	c->writer->patience_ms = 0;
	if (memtable_entries(c->writer->active) > 0)
		st = writer_rotate(c->writer, 0, 0, &refusal);
	if (st == ST_IO)
		end_on_io();
	pthread_mutex_lock(&w->lock);
	w->done = upto;
	w->st = st;
	w->last_seq = group_last_seq(&c->writer->group);
	w->refusal = refusal;
	pthread_cond_broadcast(&w->fulfilled);
	pthread_mutex_unlock(&w->lock);
}

/* ---- the thread ---- */

static void wait_for_work(struct commit *c)
{
	uint64_t due = group_sync_due_us(&c->writer->group, clock_mono_us()), n;
	struct pollfd p = { .fd = c->wake_fd, .events = POLLIN };
	int ready = 1;

	if (writer_delay_us(c->writer) == 0)
		stats_set(M_write_delay, 0);     /* nobody is held back any more */
	writer_tell_sizes(c->writer);            /* flush or compaction may be why it was woken */
	atomic_store(&c->waiting, true);
	if (due != UINT64_MAX)
		ready = poll(&p, 1, (int)(due / 1000 + 1));
	if (ready > 0)
		(void)!read(c->wake_fd, &n, sizeof(n));
	atomic_store_explicit(&c->turn_us, clock_mono_us(), memory_order_relaxed);
	atomic_store(&c->waiting, false);
	atomic_store(&c->woken, false);
}

static void sync_if_due(struct commit *c)
{
	if (group_sync_due_us(&c->writer->group, clock_mono_us()) == 0 && group_sync(&c->writer->group))
		end_on_io();
}

/* Back-pressure. All that was taken is answered; what is asked meanwhile becomes one larger group. */
static void hold_back(struct commit *c)
{
	uint64_t began = clock_mono_us(), until = began + writer_delay_us(c->writer), now = began;

	stats_set(M_write_delay, until - began);
	while (now < until && !atomic_load(&c->stop) && !atomic_load(&c->wish.any)) {
		sync_if_due(c);
		clock_sleep_us(until - now < HOLD_STEP_US ? until - now : HOLD_STEP_US);
		now = clock_mono_us();
	}
	if (now > began)
		stats_add(M_stalled_us, now - began);
}

static void *run(void *arg)
{
	struct commit *c = arg;
	bool more = true;

	while (!atomic_load(&c->stop)) {
		if (!more)
			wait_for_work(c);
		hold_back(c);
		more = turn(c);
		if (atomic_load(&c->wish.any))
			fulfil(c);
		sync_if_due(c);
	}
	return NULL;
}

void commit_tell_damage(struct commit *c, commit_damage_f *tell, void *ctx)
{
	c->tell_damage = tell;
	c->damage_ctx = ctx;
}

void commit_start(struct commit *c, struct writer *w, uint64_t incarnation)
{
	obj_check(c, COMMIT_MAGIC);
	c->writer = w;
	c->incarnation = incarnation;
	commit__asks_start(c, wake);
	atomic_store(&c->turn_us, clock_mono_us());
	c->thread = proc_thread("commit", run, c);
}

void commit_wake(struct commit *c)
{
	wake(c);
}

void commit_stop(struct commit *c)
{
	obj_check(c, COMMIT_MAGIC);
	atomic_store(&c->stop, true);
	wake(c);
	pthread_join(c->thread, NULL);
	commit__asks_stop(c);
}

bool commit_is_alive(const struct commit *c)
{
	uint64_t turn_us = atomic_load_explicit(&c->turn_us, memory_order_relaxed);

	return atomic_load(&c->waiting) || clock_mono_us() - turn_us < ALIVE_US;
}

/* The place of a frontend's twin that rests: nobody wants to connect there. */
static bool is_resting(const struct commit *c, unsigned i)
{
	unsigned twin = (i + c->asker_count / 2) % c->asker_count;

	return stats_worker_pid(c->first_slot + i) == 0 && stats_worker_pid(c->first_slot + twin) != 0;
}

void commit_guard(struct commit *c)
{
	for (unsigned i = 0; i < c->asker_count; i++)
		if (!is_resting(c, i))
			link_guard(c->askers[i].link);
}
