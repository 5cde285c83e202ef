/* SPDX-License-Identifier: Apache-2.0 */
/* Writes on their way, with a peer that plays the engine: lanes, results for each request, repeats under the same ids. */
#include "frontend/pending.h"

#include <stdio.h>
#include <unistd.h>

#include "common/ipc/link.h"
#include "frontend/loop.h"
#include "t/check_main.h"

enum { REQUESTS = ORIGIN_WINDOW_MAX + 16 };

/* A message as the engine got it. */
struct message { uint64_t origin, id, oldest; bool sync; struct write_counts counts; };

struct heard { bool done, answered; enum problem problem; struct write_result result; };

static struct rig {
	char path[64];
	struct loop *loop;
	struct pending *pending;
	struct link *link;
	struct http_pool pool;
	struct http_request *requests[REQUESTS];
	struct heard heard[REQUESTS];
	struct message messages[REQUESTS];
	unsigned message_count, wanted;
} rig;

static void on_done(void *ctx, struct http_request *r, const struct write_result *result, enum problem p)
{
	struct heard *h = &rig.heard[r->op];

	(void)ctx;
	ck_assert(!h->done);
	*h = (struct heard){ .done = true, .answered = result != NULL, .problem = p };
	if (result)
		h->result = *result;
	loop_stop(rig.loop);
}

static void nothing(void *ctx)
{
	(void)ctx;
}

/* The engine's side, every millisecond: takes what came; ends the loop when there is as much as wanted. */
static void look(void *ctx)
{
	struct link_event e;

	(void)ctx;
	while ((e = link_receive(rig.link)).kind != LINK_NOTHING) {
		struct message *m = &rig.messages[rig.message_count];
		struct write_request w;

		if (e.kind != LINK_MESSAGE)
			continue;
		ck_assert_int_eq(write_request_decode(link_msg_slice(e.msg), &w, &m->counts), ST_OK);
		m->origin = w.origin;
		m->id = w.request_id;
		m->oldest = w.oldest_unanswered;
		m->sync = w.sync;
		rig.message_count++;
		link_msg_free(&e.msg);
	}
	if (rig.message_count >= rig.wanted)
		loop_stop(rig.loop);
}

static void tick(void *ctx)
{
	pending_tick(ctx);
}

/* Runs until so many messages have come, all in all. */
static void run_until(unsigned messages)
{
	rig.wanted = messages;
	loop_run(rig.loop);
}

static enum st send_bytes(struct buf *b)
{
	struct link_msg *m = link_msg_new(b->n);

	memcpy(link_msg_body(m), b->p, b->n);
	buf_fini(b);
	return link_send(rig.link, 0, &m);
}

static enum st greet(uint64_t incarnation)
{
	struct buf b = BUF_INIT;

	engine_hello_encode(incarnation, 1, &b);
	return send_bytes(&b);
}

static void stop_soon(void *ctx)
{
	loop_stop(ctx);
}

/* Lets what was sent arrive. */
static void run_a_while(unsigned ms)
{
	struct loop_event *e = loop_later(rig.loop, stop_soon, rig.loop);

	rig.wanted = UINT32_MAX;
	loop_after(e, ms);
	loop_run(rig.loop);
	loop_forget(&e);
}

static void answer(const struct write_reply *r)
{
	struct buf b = BUF_INIT;

	engine_replies_add(&b, r);
	ck_assert_int_eq(send_bytes(&b), ST_OK);
}

/* Runs until the request is done. */
static void hear(unsigned request)
{
	rig.wanted = UINT32_MAX;
	while (!rig.heard[request].done)
		loop_run(rig.loop);
}

static void begin(void)
{
	bool greeted = false;

	snprintf(rig.path, sizeof rig.path, "/tmp/lsm-pending-%ld", (long)getpid());
	rig.loop = loop_new();
	ck_assert_int_eq(link_listen(rig.path, WRITE_MESSAGE_MAX, nothing, NULL, &rig.link), ST_OK);
	ck_assert_int_eq(pending_new(rig.loop, rig.path, on_done, nothing, NULL, &rig.pending), ST_OK);
	(void)loop_every(rig.loop, 1, look, NULL);
	(void)loop_every(rig.loop, 20, tick, rig.pending);
	for (unsigned i = 0; i < 2000 && !pending_engine_there(rig.pending); i++) {
		greeted = greeted || greet(5) == ST_OK;
		run_a_while(5);
	}
	ck_assert(pending_engine_there(rig.pending));
}

static void end(void)
{
	unlink(rig.path);
}

static void submit(unsigned request, struct write_ask ask, unsigned ops, enum pending_lane lane, bool sync)
{
	struct pending_ask p = { .lane = lane, .sync = sync };
	struct buf batch = BUF_INIT;

	rig.requests[request] = http_request_new(&rig.pool);
	rig.requests[request]->op = request;
	while (ops--)
		write_batch_add_ask(&batch, &ask);
	p.batch = buf_slice(&batch);
	pending_submit_ask(rig.pending, rig.requests[request], &p);
	buf_fini(&batch);
}

static struct write_ask plain(const char *key)
{
	return (struct write_ask){ .op = { .key = slice_str(key), .value = slice_str("v") } };
}

static struct write_ask absent(const char *key)
{
	return (struct write_ask){ .op = { .key = slice_str(key) }, .condition = WRITE_IF_ABSENT };
}

static struct write_ask range(const char *key)
{
	return (struct write_ask){ .op = { .key = slice_str(key) }, .verb = WRITE_DELETE_RANGE };
}

START_TEST(each_request_gets_its_own_sequences)
{
	begin();
	submit(0, plain("a"), 3, PENDING_PLAIN, false);
	submit(1, plain("b"), 1, PENDING_PLAIN, false);
	run_until(1);
	ck_assert_uint_eq(rig.messages[0].counts.batches, 2);
	answer(&(struct write_reply){ .request_id = rig.messages[0].id, .timestamp_ms = 9, .first_sequence = seq(50), .synced = true });
	hear(1);
	ck_assert(rig.heard[0].problem == PROBLEM_NONE && rig.heard[0].result.first_sequence.v == 50);
	ck_assert_uint_eq(rig.heard[0].result.written, 3);
	ck_assert(rig.heard[1].result.first_sequence.v == 53 && rig.heard[1].result.synced);
	end();
}
END_TEST

START_TEST(each_decided_request_gets_its_own_result)
{
	struct buf results = BUF_INIT;
	struct write_reply r = { .timestamp_ms = 9 };

	begin();
	for (unsigned i = 0; i < 3; i++)
		submit(i, absent("a"), 1, PENDING_DECIDED, false);
	run_until(1);
	ck_assert_uint_eq(rig.messages[0].counts.asks, 3);
	write_result_encode(&(struct write_result){ .status = ST_PRECONDITION, .present = seq(4) }, &results);
	write_result_encode(&(struct write_result){ .first_sequence = seq(7), .written = 1 }, &results);
	write_result_encode(&(struct write_result){ .status = ST_CORRUPT }, &results);
	r.request_id = rig.messages[0].id;
	r.results = buf_slice(&results);
	answer(&r);
	hear(2);
	ck_assert(rig.heard[0].problem == PROBLEM_PRECONDITION && rig.heard[0].result.present.v == 4);
	ck_assert(rig.heard[1].problem == PROBLEM_NONE && rig.heard[1].result.first_sequence.v == 7);
	ck_assert(rig.heard[2].problem == PROBLEM_CORRUPT);      /* decided, so it is certain */
	buf_fini(&results);
	end();
}
END_TEST

START_TEST(an_answer_that_lacks_a_result_leaves_the_outcome_open)
{
	struct write_reply r = { .status = ST_IO };

	begin();
	submit(0, absent("a"), 1, PENDING_DECIDED, false);
	run_until(1);
	r.request_id = rig.messages[0].id;
	answer(&r);
	hear(0);
	ck_assert_int_eq(rig.heard[0].problem, PROBLEM_OUTCOME_UNKNOWN);
	end();
}
END_TEST

/* One that is read for holds up nobody of another lane; each lane has ids of its own. */
START_TEST(lanes_do_not_wait_for_each_other)
{
	begin();
	submit(0, range("a"), 1, PENDING_RANGE, false);
	submit(1, range("b"), 1, PENDING_RANGE, false);
	submit(2, absent("a"), 1, PENDING_DECIDED, false);
	submit(3, plain("a"), 1, PENDING_PLAIN, false);
	run_until(4);            /* range deletes travel alone */
	for (unsigned i = 0; i < 4; i++)
		for (unsigned k = 0; k < i; k++)
			ck_assert(rig.messages[i].id != rig.messages[k].id);
	for (unsigned i = 4; i < 12; i++) {      /* nothing but plain writes is answered, and they go on */
		struct message *m = NULL;

		for (unsigned k = 0; k < rig.message_count; k++)
			if (rig.messages[k].counts.asks == 0)
				m = &rig.messages[k];
		ck_assert_ptr_nonnull(m);
		answer(&(struct write_reply){ .request_id = m->id, .first_sequence = seq(i) });
		hear(i - 1);
		submit(i, plain("a"), 1, PENDING_PLAIN, false);
		run_until(i + 1);
		ck_assert_uint_eq(rig.messages[i].oldest, rig.messages[i].id);
		ck_assert_uint_eq(rig.messages[i].id, m->id + 1);
	}
	ck_assert(!rig.heard[0].done && !rig.heard[2].done);
	end();
}
END_TEST

START_TEST(a_wish_for_a_sync_goes_with_the_message_and_not_with_the_next)
{
	begin();
	submit(0, plain("a"), 1, PENDING_PLAIN, true);
	submit(1, plain("a"), 1, PENDING_PLAIN, false);
	run_until(1);
	answer(&(struct write_reply){ .request_id = rig.messages[0].id, .first_sequence = seq(1), .synced = true });
	hear(1);
	submit(2, plain("a"), 1, PENDING_PLAIN, false);
	run_until(2);
	ck_assert(rig.messages[0].sync && !rig.messages[1].sync);
	end();
}
END_TEST

START_TEST(a_new_engine_gets_the_unanswered_of_all_lanes_under_the_same_ids)
{
	struct message first[3];

	begin();
	submit(0, plain("a"), 1, PENDING_PLAIN, false);
	submit(1, absent("a"), 1, PENDING_DECIDED, false);
	submit(2, range("a"), 1, PENDING_RANGE, false);
	run_until(3);
	memcpy(first, rig.messages, sizeof first);
	ck_assert_int_eq(greet(6), ST_OK);
	run_until(6);
	for (unsigned i = 0; i < 3; i++) {
		unsigned same = 0;

		for (unsigned k = 3; k < 6; k++)
			same += rig.messages[k].id == first[i].id && rig.messages[k].origin == first[i].origin;
		ck_assert_uint_eq(same, 1);
	}
	end();
}
END_TEST

/* The first is read for all the time: the engine must not be asked for more than it remembers. */
START_TEST(no_lane_runs_ahead_of_what_the_engine_remembers)
{
	unsigned n = 1;

	begin();
	submit(0, absent("slow"), 1, PENDING_DECIDED, false);
	run_until(1);
	for (; n < ORIGIN_WINDOW_MAX; n++) {
		submit(n, absent("a"), 1, PENDING_DECIDED, false);
		run_until(n + 1);        /* each is decoded: the window is checked there */
		answer(&(struct write_reply){ .request_id = rig.messages[n].id, .first_sequence = seq(n) });
		hear(n);
	}
	submit(n, absent("a"), 1, PENDING_DECIDED, false);
	run_a_while(50);
	ck_assert_uint_eq(rig.message_count, n);
	answer(&(struct write_reply){ .request_id = rig.messages[0].id, .first_sequence = seq(1) });
	run_until(n + 1);
	ck_assert_uint_eq(rig.messages[n].oldest, rig.messages[n].id);
	end();
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, no_lane_runs_ahead_of_what_the_engine_remembers);
	tcase_add_test(tc, each_request_gets_its_own_sequences);
	tcase_add_test(tc, each_decided_request_gets_its_own_result);
	tcase_add_test(tc, an_answer_that_lacks_a_result_leaves_the_outcome_open);
	tcase_add_test(tc, lanes_do_not_wait_for_each_other);
	tcase_add_test(tc, a_wish_for_a_sync_goes_with_the_message_and_not_with_the_next);
	tcase_add_test(tc, a_new_engine_gets_the_unanswered_of_all_lanes_under_the_same_ids);
}

CHECK_MAIN("frontend/pending", suite)
