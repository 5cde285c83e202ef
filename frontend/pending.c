/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The write edge seen from the frontend: one link, at most two messages in flight, everything else gathered.
 *
 * The end of a turn is an event activated by the first write of the turn: libevent runs it after all events
 * that were ready in the same turn, so that their writes travel together.
 */
#include "frontend/pending.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/rand.h"
#include "common/ipc/link.h"
#include "common/stats/stats.h"
#include "frontend/loop.h"

#define PENDING_MAGIC 0x506e6401u

struct pending {
	uint32_t magic;
	struct link *link;
	int wake_fd;
	struct loop_event *turn;
	bool turn_set;
	pending_done_f *done;
	pending_flush_f *flush;
	void *ctx;

	uint64_t origin, next_id;
	uint64_t incarnation;                    /* of the last hello */
	uint64_t connection;                     /* that hello came on; 0 = no engine there */
	uint64_t away_since_us;

	struct gather gather;
	struct write_group *in_flight[PENDING_IN_FLIGHT];        /* oldest first */
	unsigned in_flight_count;
	struct buf message;
};

/* ---- answering ---- */

static void finish_group(struct pending *p, struct write_group **groupp, const struct write_reply *reply,
			 enum problem why)
{
	struct http_request *r;

	while ((r = write_group_pop(*groupp)) != NULL)
		p->done(p->ctx, r, reply, why);
	gather_release(&p->gather, groupp);
}

static struct write_group *remove_in_flight(struct pending *p, unsigned i)
{
	struct write_group *group = p->in_flight[i];

	for (p->in_flight_count--; i < p->in_flight_count; i++)
		p->in_flight[i] = p->in_flight[i + 1];
	return group;
}

/* ---- sending ---- */

static uint64_t oldest_unanswered(const struct pending *p)
{
	return p->in_flight_count ? p->in_flight[0]->request_id : p->next_id;
}

/* Sends a group that is in flight on the present connection. When the connection is gone meanwhile the group
 * stays where it is and is sent again after the next greeting. */
static void send_group(struct pending *p, struct write_group *group)
{
	struct write_request w = {
		.incarnation = p->incarnation,
		.origin = p->origin,
		.request_id = group->request_id,
		.oldest_unanswered = oldest_unanswered(p),
		.batches = buf_slice(&group->batches),
	};
	struct link_msg *m;

	buf_reset(&p->message);
	write_request_encode(&w, &p->message);
	m = link_msg_new(p->message.n);
	memcpy(link_msg_body(m), p->message.p, p->message.n);
	if (p->message.capacity > (256 << 10))
		buf_fini(&p->message);
	group->connection = p->connection;
	if (link_send(p->link, p->connection, &m) == ST_OK)
		stats_add(M_engine_messages, 1);
}

static void pump(struct pending *p)
{
	while (p->connection && p->in_flight_count < PENDING_IN_FLIGHT) {
		struct write_group *group = gather_take(&p->gather);

		if (!group)
			return;
		p->in_flight[p->in_flight_count++] = group;
		group->request_id = p->next_id++;
		send_group(p, group);
	}
}

static void on_turn(void *ctx)
{
	struct pending *p = ctx;

	p->turn_set = false;
	pump(p);
}

/* Which messages these operations may travel in. */
static enum gather_kind kind_of(struct slice batch)
{
	if (stats_sum(M_disk_writes_refused) == 0)
		return GATHER_ALL;
	return write_batch_only_deletes(batch) ? GATHER_DELETES : GATHER_PUTS;
}

void pending_submit(struct pending *p, struct http_request *r, struct slice batch)
{
	bool full = p->gather.count >= PENDING_MAX_REQUESTS ||
		    (p->gather.count && p->gather.bytes + batch.n > PENDING_MAX_BYTES);

	if (full) {
		p->done(p->ctx, r, NULL, p->connection ? PROBLEM_OVERLOADED : PROBLEM_ENGINE_UNAVAILABLE);
		return;
	}
	gather_add(&p->gather, r, batch, kind_of(batch));
	if (!p->turn_set && p->connection && p->in_flight_count < PENDING_IN_FLIGHT) {
		p->turn_set = true;
		loop_end_of_turn(p->turn);
	}
}

bool pending_tell(struct pending *p, struct slice message)
{
	struct link_msg *m;

	if (!p->connection)
		return false;
	m = link_msg_new(message.n);
	memcpy(link_msg_body(m), message.p, message.n);
	return link_send(p->link, p->connection, &m) == ST_OK;
}

/* ---- receiving ---- */

static void on_reply(struct pending *p, const struct write_reply *reply)
{
	unsigned i;

	for (i = 0; i < p->in_flight_count; i++) {
		struct write_group *group = p->in_flight[i];

		if (group->request_id != reply->request_id)
			continue;
		remove_in_flight(p, i);
		finish_group(p, &group, reply, problem_of(reply->status));
		return;
	}
}

/* A greeting: from now on messages go to this engine; those in flight were for another one, or on another
 * connection. */
static void on_hello(struct pending *p, uint64_t incarnation, uint64_t connection)
{
	unsigned i;

	if (incarnation != p->incarnation)
		log_info("engine %016llx is there, %u messages are repeated", (unsigned long long)incarnation,
			 p->in_flight_count);
	p->incarnation = incarnation;
	p->connection = connection;
	for (i = 0; i < p->in_flight_count; i++)
		send_group(p, p->in_flight[i]);
}

static void on_message(struct pending *p, struct slice bytes, uint64_t connection)
{
	struct engine_message m;
	struct write_reply reply;

	if (engine_message_decode(bytes, &m) != ST_OK)
		return;
	if (m.has_hello)
		on_hello(p, m.incarnation, connection);
	while (engine_message_next_reply(&m, &reply))
		on_reply(p, &reply);
}

/* A connection that never greeted (link.h 6) comes and goes unnoticed. */
static void on_went(struct pending *p, uint64_t connection)
{
	if (connection != p->connection)
		return;
	log_warn("the engine is away: writes are held for up to %d s", PENDING_HOLD_US / 1000000);
	p->away_since_us = clock_mono_us();
	p->connection = 0;
}

static void on_wake(void *ctx)
{
	struct pending *p = ctx;
	struct link_event e;
	uint64_t count;

	if (read(p->wake_fd, &count, sizeof count) != sizeof count)
		return;
	while ((e = link_receive(p->link)).kind != LINK_NOTHING) {
		if (e.kind == LINK_PEER_WENT) {
			on_went(p, e.connection);
		} else if (e.kind == LINK_MESSAGE) {
			on_message(p, link_msg_slice(e.msg), e.connection);
			link_msg_free(&e.msg);
		}
	}
	pump(p);
	p->flush(p->ctx);
}

/* Runs on a thread of the link. */
static void on_notify(void *ctx)
{
	struct pending *p = ctx;
	uint64_t one = 1;

	if (write(p->wake_fd, &one, sizeof one) != sizeof one)
		log_error("cannot wake the event loop");
}

/* ---- time ---- */

/* When a request that arrived then is given up. */
static uint64_t deadline(const struct pending *p, uint64_t arrived_us)
{
	uint64_t from = arrived_us > p->away_since_us ? arrived_us : p->away_since_us;

	return p->connection ? from + PENDING_SLOW_US : from + PENDING_HOLD_US;
}

void pending_tick(struct pending *p)
{
	uint64_t now = clock_mono_us();
	struct write_group *group;

	link_guard(p->link);
	while (p->in_flight_count && deadline(p, p->in_flight[0]->oldest_us) < now) {
		group = remove_in_flight(p, 0);
		finish_group(p, &group, NULL, PROBLEM_OUTCOME_UNKNOWN);
	}
	while (p->gather.first && deadline(p, p->gather.first->oldest_us) < now) {
		group = gather_take(&p->gather);
		finish_group(p, &group, NULL,
			     p->connection ? PROBLEM_OVERLOADED : PROBLEM_ENGINE_UNAVAILABLE);
	}
	pump(p);
	p->flush(p->ctx);
}

/* ---- life ---- */

enum st pending_new(struct loop *loop, const char *socket_path, pending_done_f *done, pending_flush_f *flush,
		    void *ctx, struct pending **pp)
{
	struct pending *p = mem_zalloc(sizeof *p);

	*pp = NULL;
	obj_init(p, PENDING_MAGIC);
	p->done = done;
	p->flush = flush;
	p->ctx = ctx;
	p->origin = rand_id();
	p->next_id = 1;
	p->away_since_us = clock_mono_us();
	p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	must(p->wake_fd >= 0);
	(void)loop_watch(loop, p->wake_fd, on_wake, p);
	p->turn = loop_later(loop, on_turn, p);
	*pp = p;         /* lives as long as the process, as the link does */
	return link_dial(socket_path, ENGINE_MESSAGE_MAX, on_notify, p, &p->link);
}

bool pending_engine_there(const struct pending *p)
{
	return p->connection != 0;
}
