/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The write edge seen from the frontend: one link, at most two messages of each lane in flight, everything else gathered.
 * A request id tells its lane: the bits from LANE_SHIFT on.
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
#define LANE_SHIFT 60

struct lane {
	uint64_t origin, next_id;
	struct gather gather;
	struct write_group *in_flight[PENDING_IN_FLIGHT];        /* oldest first */
	unsigned in_flight_count;
};

struct pending {
	uint32_t magic;
	struct link *link;
	int wake_fd;
	struct loop_event *turn;
	bool turn_set;
	pending_done_f *done;
	pending_flush_f *flush;
	void *ctx;

	uint64_t incarnation;                    /* of the last hello */
	uint64_t connection;                     /* that hello came on; 0 = no engine there */
	uint64_t away_since_us;

	struct lane lanes[PENDING_LANES];
	struct buf message;
};

/* ---- answering ---- */

/* Why there is no answer, for all of a group. */
static void give_up(struct pending *p, struct lane *l, struct write_group **groupp, enum problem why)
{
	struct http_request *r;

	while ((r = write_group_pop(*groupp)) != NULL)
		p->done(p->ctx, r, NULL, why);
	gather_release(&l->gather, groupp);
}

/* What a batch that was not applied is to the client: whatever leaves open whether it was says so. What was decided is
 * certain. */
static enum problem problem_for(const struct write_reply *reply, const struct write_result *result)
{
	enum st st = reply->status;

	if (st == ST_IO || st == ST_INTERNAL || st == ST_CORRUPT)
		return PROBLEM_OUTCOME_UNKNOWN;
	return problem_of(result->status);
}

/* One result a request, in their order. */
static void finish_group(struct pending *p, struct lane *l, struct write_group **groupp, const struct write_reply *reply)
{
	struct write_results w = write_results_begin(reply, buf_slice(&(*groupp)->batches));
	struct write_result result;
	struct http_request *r;

	while ((r = write_group_pop(*groupp)) != NULL) {
		if (write_results_next(&w, &result))
			p->done(p->ctx, r, &result, problem_for(reply, &result));
		else
			p->done(p->ctx, r, NULL, PROBLEM_OUTCOME_UNKNOWN);
	}
	gather_release(&l->gather, groupp);
}

static struct write_group *remove_in_flight(struct lane *l, unsigned i)
{
	struct write_group *group = l->in_flight[i];

	for (l->in_flight_count--; i < l->in_flight_count; i++)
		l->in_flight[i] = l->in_flight[i + 1];
	return group;
}

/* ---- sending ---- */

static uint64_t oldest_unanswered(const struct lane *l)
{
	return l->in_flight_count ? l->in_flight[0]->request_id : l->next_id;
}

/* Sends a group that is in flight on the present connection. When the connection is gone meanwhile the group
 * stays where it is and is sent again after the next greeting. */
static void send_group(struct pending *p, const struct lane *l, struct write_group *group)
{
	struct write_request w = {
		.incarnation = p->incarnation,
		.origin = l->origin,
		.request_id = group->request_id,
		.oldest_unanswered = oldest_unanswered(l),
		.batches = buf_slice(&group->batches),
		.sync = group->sync,
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

/* The second in flight may be answered again and again while the first is read for: so far, and no further. */
static bool may_send(const struct pending *p, const struct lane *l)
{
	return p->connection && l->in_flight_count < PENDING_IN_FLIGHT && l->next_id - oldest_unanswered(l) < ORIGIN_WINDOW_MAX;
}

static void pump_lane(struct pending *p, struct lane *l)
{
	while (may_send(p, l)) {
		struct write_group *group = gather_take(&l->gather);

		if (!group)
			return;
		l->in_flight[l->in_flight_count++] = group;
		group->request_id = l->next_id++;
		send_group(p, l, group);
	}
}

static void pump(struct pending *p)
{
	for (unsigned i = 0; i < PENDING_LANES; i++)
		pump_lane(p, &p->lanes[i]);
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

static bool has_room(const struct pending *p, size_t more)
{
	size_t count = 0, bytes = 0;

	for (unsigned i = 0; i < PENDING_LANES; i++) {
		count += p->lanes[i].gather.count;
		bytes += p->lanes[i].gather.bytes;
	}
	return count < PENDING_MAX_REQUESTS && (count == 0 || bytes + more <= PENDING_MAX_BYTES);
}

void pending_submit(struct pending *p, struct http_request *r, struct slice batch)
{
	pending_submit_ask(p, r, &(struct pending_ask){ .batch = batch, .lane = PENDING_PLAIN });
}

void pending_submit_ask(struct pending *p, struct http_request *r, const struct pending_ask *ask)
{
	struct lane *l = &p->lanes[ask->lane];

	if (!has_room(p, ask->batch.n)) {
		p->done(p->ctx, r, NULL, p->connection ? PROBLEM_OVERLOADED : PROBLEM_ENGINE_UNAVAILABLE);
		return;
	}
	gather_add(&l->gather, r, ask->batch, kind_of(ask->batch), ask->sync);
	if (!p->turn_set && may_send(p, l)) {
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
	uint64_t lane = reply->request_id >> LANE_SHIFT;
	struct lane *l = &p->lanes[lane < PENDING_LANES ? lane : PENDING_PLAIN];

	for (unsigned i = 0; i < l->in_flight_count; i++) {
		struct write_group *group = l->in_flight[i];

		if (group->request_id != reply->request_id)
			continue;
		remove_in_flight(l, i);
		finish_group(p, l, &group, reply);
		return;
	}
}

/* A greeting: from now on messages go to this engine; those in flight were for another one, or on another
 * connection. */
static void on_hello(struct pending *p, uint64_t incarnation, uint64_t connection)
{
	unsigned repeated = 0;

	for (unsigned i = 0; i < PENDING_LANES; i++)
		repeated += p->lanes[i].in_flight_count;
	if (incarnation != p->incarnation)
		log_info("engine %016llx is there, %u messages are repeated", (unsigned long long)incarnation, repeated);
	p->incarnation = incarnation;
	p->connection = connection;
	for (unsigned i = 0; i < PENDING_LANES; i++)
		for (unsigned k = 0; k < p->lanes[i].in_flight_count; k++)
			send_group(p, &p->lanes[i], p->lanes[i].in_flight[k]);
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

static void give_up_old(struct pending *p, struct lane *l, uint64_t now)
{
	struct write_group *group;

	while (l->in_flight_count && deadline(p, l->in_flight[0]->oldest_us) < now) {
		group = remove_in_flight(l, 0);
		give_up(p, l, &group, PROBLEM_OUTCOME_UNKNOWN);
	}
	while (l->gather.first && deadline(p, l->gather.first->oldest_us) < now) {
		group = gather_take(&l->gather);
		give_up(p, l, &group, p->connection ? PROBLEM_OVERLOADED : PROBLEM_ENGINE_UNAVAILABLE);
	}
}

void pending_tick(struct pending *p)
{
	uint64_t now = clock_mono_us();

	link_guard(p->link);
	for (unsigned i = 0; i < PENDING_LANES; i++)
		give_up_old(p, &p->lanes[i], now);
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
	for (uint64_t i = 0; i < PENDING_LANES; i++)
		p->lanes[i] = (struct lane){ .origin = rand_id(), .next_id = (i << LANE_SHIFT) + 1 };
	p->lanes[PENDING_RANGE].gather.most = 1;
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
