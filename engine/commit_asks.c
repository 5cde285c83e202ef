/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that ask, from their arrival until they are in the group or refused.
 *
 *   received -> weigh -> in the group                       what its keys are is known in memory
 *                 |  ^-- read for, on a thread of prepare.c <--+
 *                 +--------------------------------------------+   not yet, or not any more
 *
 * One that is read for is overtaken by others, those of its own frontend too: whoever wants an order waits for the answer.
 * What is set aside is bounded, and so is how often; beyond that the answer is ST_BUSY.
 *
 * Commit thread.
 */
#include <stdio.h>

#include "common/base/mem.h"
#include "common/stats/stats.h"
#include "engine/commit_priv.h"

#define PARKED_MAX 1024u                 /* requests that are read for; and so many bytes of them, or one */
#define PARKED_BYTES (128u << 20)
#define READINGS_MAX 16u                 /* for one request, while memtables are flushed faster than it is read for */
#define PARKED_RETRY_MS 1000u

/* A request that asks, from its arrival until it is in the group or refused. */
struct parked {
	struct prepare_job job;          /* first: the lists of prepare.c hold these */
	struct asker *asker;
	uint64_t connection;
	struct link_msg *msg;
	struct write_request request;
	struct write_counts counts;
	unsigned readings;
};

/* The message is the request's or the group's; the rest goes. */
static void parked_free(struct parked *p)
{
	if (p->msg)
		link_msg_free(&p->msg);
	prepare_job_fini(&p->job);
	mem_free(p);
}

static void refuse_parked(struct parked *p, struct write_reply *refusal)
{
	refusal->request_id = p->request.request_id;
	if (p->connection == p->asker->connection)
		commit__reply(p->asker, refusal);
	parked_free(p);
}

static void into_group(struct commit *c, struct parked *p)
{
	commit__hold(c, p->asker, p->connection, p->msg);
	p->msg = NULL;
	parked_free(p);
}

/* Has it read for. */
static void park(struct commit *c, struct parked *p)
{
	struct write_reply busy = { .status = ST_BUSY, .retry_after_ms = PARKED_RETRY_MS };

	if (++p->readings > READINGS_MAX) {
		(void)snprintf(busy.detail, sizeof(busy.detail), "what was read to decide the write was overtaken %u times", READINGS_MAX);
		refuse_parked(p, &busy);
		return;
	}
	if (c->parked_count >= PARKED_MAX || (c->parked_count && c->parked_bytes + p->request.batches.n > PARKED_BYTES)) {
		(void)snprintf(busy.detail, sizeof(busy.detail), "too many writes wait for what they are decided upon");
		refuse_parked(p, &busy);
		return;
	}
	c->parked_count++;
	c->parked_bytes += p->request.batches.n;
	stats_add(M_decided_waits, 1);
	prepare_submit(c->prepare, &p->job);
}

/* A range delete has a group of its own: nothing else has to know what it deletes. */
static void weigh_range(struct commit *c, struct parked *p)
{
	struct write_reply refusal = { 0 };
	struct decided d;

	commit__finish_group(c);
	if (asks_decide_range(c->writer, &p->request, &p->job, &d)) {
		park(c, p);
		return;
	}
	if (!commit__admit(c, &p->request, &p->counts, group_cost_of(buf_slice(&d.batches)), d.batches.n + d.results.n, &refusal)) {
		decided_fini(&d);
		refuse_parked(p, &refusal);
		return;
	}
	group_add_decided(&c->writer->group, &p->request, &d, NULL);
	into_group(c, p);
	commit__finish_group(c);
}

static void weigh_keys(struct commit *c, struct parked *p)
{
	uint64_t cost = asks_cost(p->request.batches), bytes = asks_bytes(&p->request, &p->counts);
	struct write_reply refusal = { 0 };
	struct decided d;

	if (!commit__admit(c, &p->request, &p->counts, cost, bytes, &refusal)) {
		refuse_parked(p, &refusal);
		return;
	}
	if (asks_decide(c->writer, &p->request, &p->job, &d)) {
		park(c, p);
		return;
	}
	group_add_decided(&c->writer->group, &p->request, &d, NULL);
	into_group(c, p);
}

/* Into the group, refused, or parked. */
static void weigh(struct commit *c, struct parked *p)
{
	struct write_reply refusal = { 0 };
	struct applied_request before;

	if (origins_find(c->writer->origins, p->request.origin, p->request.request_id, &before)) {
		group_add(&c->writer->group, &p->request, &p->counts, 0, NULL);
		into_group(c, p);
	} else if (writer_refuses(c->writer, &p->counts, &refusal)) {
		refuse_parked(p, &refusal);
	} else if (p->counts.ranges) {
		weigh_range(c, p);
	} else {
		weigh_keys(c, p);
	}
}

void commit__take_asks(struct commit *c, struct asker *a, const struct link_event *ev, const struct write_request *r,
		      const struct write_counts *counts)
{
	struct parked *p = mem_zalloc(sizeof(*p));

	prepare_job_init(&p->job, r->batches, counts->ranges > 0);
	p->asker = a;
	p->connection = ev->connection;
	p->msg = ev->msg;
	p->request = *r;
	p->counts = *counts;
	stats_add(M_decided_writes, counts->batches);
	weigh(c, p);
}

/* What was read for meanwhile. */
void commit__weigh_again(struct commit *c)
{
	struct prepare_job *j, *next;

	if (c->parked_count == 0)
		return;
	for (j = prepare_take_done(c->prepare); j; j = next) {
		struct parked *p = (struct parked *)j;

		next = j->next;
		c->parked_count--;
		c->parked_bytes -= p->request.batches.n;
		weigh(c, p);
	}
}

void commit__asks_start(struct commit *c, void (*wake)(void *ctx))
{
	struct sight_config conf = { .truth = c->writer->conf.truth, .vfs = vfs_posix(), .data_dir = c->data_dir,
				     .budget_bytes = c->read_bytes, .tell_damage = c->tell_damage, .damage_ctx = c->damage_ctx };

	c->sight = sight_new(&conf);
	c->prepare = prepare_start(c->sight, wake, c);
}

void commit__asks_stop(struct commit *c)
{
	struct prepare_job *j, *next;

	for (j = prepare_stop(&c->prepare); j; j = next) {
		next = j->next;
		parked_free((struct parked *)j);
	}
	sight_free(&c->sight);
}
