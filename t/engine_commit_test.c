/* SPDX-License-Identifier: Apache-2.0 */
/* The commit thread as a frontend meets it: hello, requests, repeats, wrong addresses, nonsense. */
#include "t/engine_world.h"

#include "common/base/clock.h"
#include "common/stats/stats.h"
#include "engine/commit.h"
#include "t/engine_askhelp.h"
#include "t/engine_peer.h"

struct client {
	struct world w;
	struct commit *commit;
	struct peer peer;
	struct engine_message message;   /* the last one received */
};

static void receive(struct client *c)
{
	ck_ok(engine_message_decode(peer_receive(&c->peer), &c->message));
}

static void begin(struct client *c)
{
	world_begin(&c->w, vfs_posix());
	ck_ok(commit_listen(&c->w.conf, &c->commit));
	commit_start(c->commit, &c->w.db.writer, truth_incarnation(c->w.db.truth));
	peer_dial(&c->peer, path_frontend_socket(c->w.dir, 0).s, ENGINE_MESSAGE_MAX);
	receive(c);
	ck_assert(c->message.has_hello);
	ck_assert_uint_eq(c->message.incarnation, truth_incarnation(c->w.db.truth));
}

static void end(struct client *c)
{
	peer_drop(&c->peer);
	commit_stop(c->commit);
	world_end(&c->w);
}

static void send_put(struct client *c, uint64_t incarnation, uint64_t request, const char *key, const char *value)
{
	struct write_request r = { .incarnation = incarnation, .origin = 5, .request_id = request, .oldest_unanswered = 1 };
	struct write_op op = { .key = slice_str(key), .value = slice_str(value) };
	struct buf batch = BUF_INIT, batches = BUF_INIT, all = BUF_INIT;

	write_batch_add(&batch, &op);
	write_request_add_batch(&batches, buf_slice(&batch));
	r.batches = buf_slice(&batches);
	write_request_encode(&r, &all);
	peer_send(&c->peer, buf_slice(&all));
	buf_fini(&batch);
	buf_fini(&batches);
	buf_fini(&all);
}

/* One request with these batches, one ask each. */
static void send_asks(struct client *c, uint64_t request, const struct write_ask *asks, size_t n)
{
	struct write_request r = { .incarnation = truth_incarnation(c->w.db.truth), .origin = 5, .request_id = request,
				   .oldest_unanswered = 1 };
	struct buf batches = BUF_INIT, all = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		struct buf batch = BUF_INIT;

		write_batch_add_ask(&batch, &asks[i]);
		write_request_add_batch(&batches, buf_slice(&batch));
		buf_fini(&batch);
	}
	r.batches = buf_slice(&batches);
	write_request_encode(&r, &all);
	peer_send(&c->peer, buf_slice(&all));
	buf_fini(&batches);
	buf_fini(&all);
}

/* The next reply, in whichever message it comes. */
static struct write_reply next_reply(struct client *c)
{
	struct write_reply r;

	while (!engine_message_next_reply(&c->message, &r))
		receive(c);
	return r;
}

START_TEST(a_connection_begins_with_a_hello_and_a_request_is_answered_and_readable)
{
	struct client c;
	struct write_reply r;

	begin(&c);
	send_put(&c, c.message.incarnation, 1, "k", "v");
	r = next_reply(&c);
	ck_assert_int_eq(r.status, ST_OK);
	ck_assert_uint_eq(r.request_id, 1);
	ck_assert_uint_eq(r.first_sequence.v, 1);
	world_check1(&c.w, "k", "v");
	end(&c);
}
END_TEST

START_TEST(many_requests_are_each_answered_once_and_in_order)
{
	struct client c;
	uint64_t incarnation;

	begin(&c);
	incarnation = c.message.incarnation;
	for (uint64_t i = 1; i <= 500; i++) {
		char key[16];

		snprintf(key, sizeof(key), "k%u", (unsigned)i);
		send_put(&c, incarnation, i, key, "v");
	}
	for (uint64_t i = 1; i <= 500; i++) {
		struct write_reply r = next_reply(&c);

		ck_assert_uint_eq(r.request_id, i);
		ck_assert_int_eq(r.status, ST_OK);
		ck_assert_uint_eq(r.first_sequence.v, i);
	}
	world_check1(&c.w, "k500", "v");
	end(&c);
}
END_TEST

START_TEST(a_request_for_another_incarnation_is_answered_with_a_hello_and_not_applied)
{
	struct client c;
	uint64_t incarnation;
	struct write_reply r;

	begin(&c);
	incarnation = c.message.incarnation;
	send_put(&c, incarnation + 1, 1, "k", "stray");
	receive(&c);
	ck_assert(c.message.has_hello);
	ck_assert(!engine_message_next_reply(&c.message, &r));
	world_check1(&c.w, "k", NULL);
	send_put(&c, incarnation, 1, "k", "addressed");
	ck_assert_int_eq(next_reply(&c).status, ST_OK);
	world_check1(&c.w, "k", "addressed");
	end(&c);
}
END_TEST

START_TEST(a_repeat_gets_the_same_answer)
{
	struct client c;
	struct write_reply first, again;
	uint64_t incarnation;

	begin(&c);
	incarnation = c.message.incarnation;
	send_put(&c, incarnation, 1, "k", "v");
	first = next_reply(&c);
	send_put(&c, incarnation, 2, "k", "w");
	next_reply(&c);
	send_put(&c, incarnation, 1, "k", "v");
	again = next_reply(&c);
	ck_assert_uint_eq(again.request_id, 1);
	ck_assert_uint_eq(again.first_sequence.v, first.first_sequence.v);
	world_check1(&c.w, "k", "w");
	end(&c);
}
END_TEST

START_TEST(nonsense_is_refused_and_the_next_request_served)
{
	struct client c;
	uint64_t incarnation;

	begin(&c);
	incarnation = c.message.incarnation;
	peer_send(&c.peer, slice_str("this is no request"));
	send_put(&c, incarnation, 1, "k", "v");
	for (;;) {
		struct write_reply r = next_reply(&c);

		if (r.request_id != 1)
			continue;
		ck_assert_int_eq(r.status, ST_OK);
		break;
	}
	world_check1(&c.w, "k", "v");
	end(&c);
}
END_TEST

START_TEST(with_flush_behind_a_writer_is_told_to_come_back_and_reads_go_on)
{
	struct client c;
	struct write_reply r = { 0 };
	uint64_t incarnation, id = 0;
	char value[4000];

	begin(&c);               /* no flush thread: three memtables fill up and stay */
	incarnation = c.message.incarnation;
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	do {
		send_put(&c, incarnation, ++id, "k", value);
		r = next_reply(&c);
	} while (r.status == ST_OK && id < 1000);
	ck_assert_int_eq(r.status, ST_BUSY);
	ck_assert_uint_gt(r.retry_after_ms, 0);
	ck_assert_str_eq(r.detail, "flush is behind: 3 memtables wait for it");
	world_check1(&c.w, "k", value);
	flush_start(c.w.flush);
	do {
		send_put(&c, incarnation, ++id, "k", "small");
		r = next_reply(&c);
	} while (r.status == ST_BUSY && id < 10000);
	ck_assert_int_eq(r.status, ST_OK);
	world_check1(&c.w, "k", "small");
	commit_stop(c.commit);
	flush_stop(c.w.flush);
	world_end(&c.w);
}
END_TEST

/* Three memtables' worth of writes wait for flush: who writes on is answered, and the next one later. */
START_TEST(back_pressure_lets_the_answer_out_and_holds_the_next_group_back)
{
	uint64_t incarnation, id = 0, began, stalled;
	struct write_reply r = { 0 };
	struct client c;
	char value[2000];

	stats_begin_private();
	begin(&c);
	incarnation = c.message.incarnation;
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	atomic_store(&c.w.db.drain.flush_rate, 40000);           /* half way to the stop: 20 a second of these */
	while (truth_frozen_count(c.w.db.truth) < 2 || memtable_used(c.w.db.writer.active) < 12000) {
		send_put(&c, incarnation, ++id, "k", value);
		ck_assert_int_eq(next_reply(&c).status, ST_OK);
	}
	stalled = stats_sum(M_stalled_us);
	began = clock_mono_us();
	for (unsigned i = 0; i < 4; i++) {
		send_put(&c, incarnation, ++id, "k", "v");
		r = next_reply(&c);
		ck_assert_int_eq(r.status, ST_OK);
	}
	ck_assert_uint_gt(stats_sum(M_stalled_us), stalled);
	ck_assert_uint_ge(clock_mono_us() - began, 10000);
	end(&c);
}
END_TEST

/* The result of a request with one batch. */
static struct write_result result_of(const struct write_reply *reply)
{
	static const uint8_t batches[] = { 0x2a, 0x00 };
	struct write_results w = write_results_begin(reply, slice_of(batches, sizeof(batches)));
	struct write_result r;

	ck_assert(write_results_next(&w, &r));
	return r;
}

static struct write_result ask_one(struct client *c, uint64_t request, struct write_ask ask)
{
	struct write_reply r;

	send_asks(c, request, &ask, 1);
	r = next_reply(c);
	ck_assert_uint_eq(r.request_id, request);
	ck_assert_int_eq(r.status, ST_OK);
	return result_of(&r);
}

static uint64_t incarnation_of(const struct client *c)
{
	return truth_incarnation(c->w.db.truth);
}

static void put(struct client *c, uint64_t request, const char *key, const char *value)
{
	send_put(c, incarnation_of(c), request, key, value);
	ck_assert_int_eq(next_reply(c).status, ST_OK);
}

/* All that was written goes to tables. */
static void make_cold(struct client *c)
{
	struct write_reply unused = { 0 };
	struct seq last;

	ck_ok(commit_rotate(c->commit, &last, &unused));
	world_flush_all(&c->w);
}

START_TEST(conditions_and_increments_are_decided_against_tables_and_memtables)
{
	struct client c;
	struct write_result r;

	begin(&c);
	put(&c, 101, "cold", "41");
	make_cold(&c);
	ck_assert_int_eq(ask_one(&c, 1, ask_increment("cold", 1)).value, 42);
	ck_assert_int_eq(ask_one(&c, 2, ask_increment("cold", 1)).value, 43);
	r = ask_one(&c, 3, ask_put("cold", "x", WRITE_IF_VERSION, 1));
	ck_assert(r.status == ST_PRECONDITION && r.present.v == 3);
	ck_assert_int_eq(ask_one(&c, 4, ask_put("new", "x", WRITE_IF_ABSENT, 0)).status, ST_OK);
	ck_assert_int_eq(ask_one(&c, 5, ask_put("new", "y", WRITE_IF_ABSENT, 0)).status, ST_PRECONDITION);
	r = ask_one(&c, 3, ask_put("cold", "x", WRITE_IF_VERSION, 1));
	ck_assert(r.status == ST_PRECONDITION && r.present.v == 3);      /* a repeat */
	world_check1(&c.w, "new", "x");
	world_check1(&c.w, "cold", "43");
	end(&c);
}
END_TEST

START_TEST(a_range_delete_is_one_write_among_others)
{
	struct client c;
	struct write_result r;

	begin(&c);
	put(&c, 1, "a1", "v");
	put(&c, 2, "b1", "v");
	make_cold(&c);
	put(&c, 3, "a2", "v");
	r = ask_one(&c, 4, ask_range("a", "b"));
	ck_assert(r.status == ST_OK && r.written == 2 && r.first_sequence.v == 4);
	world_check1(&c.w, "a1", NULL);
	world_check1(&c.w, "a2", NULL);
	world_check1(&c.w, "b1", "v");
	end(&c);
}
END_TEST

/* Many requests at once, each increments a hot key, a cold one and its own: nothing is lost, nothing done twice. */
START_TEST(increments_of_many_requests_at_once_add_up)
{
	struct client c;
	uint64_t sum = 0;
	char own[16];

	begin(&c);
	put(&c, 301, "hot", "0");
	put(&c, 302, "cold", "0");
	make_cold(&c);
	flush_start(c.w.flush);
	for (uint64_t i = 1; i <= 300; i++) {
		struct write_ask asks[3] = { ask_increment("hot", 1), ask_increment("cold", (int64_t)i) };

		snprintf(own, sizeof(own), "own%u", (unsigned)i);
		asks[2] = ask_increment(own, 7);
		send_asks(&c, i, asks, 3);
		sum += i;
	}
	for (uint64_t i = 1; i <= 300; i++)
		ck_assert_int_eq(next_reply(&c).status, ST_OK);
	world_check1(&c.w, "hot", "300");
	snprintf(own, sizeof(own), "%u", (unsigned)sum);
	world_check1(&c.w, "cold", own);
	world_check1(&c.w, "own300", "7");
	flush_stop(c.w.flush);
	end(&c);
}
END_TEST

/* Stopped in the midst of it: what is read for is let go of, unanswered. */
START_TEST(a_stop_lets_go_of_what_is_read_for)
{
	struct client c;

	begin(&c);
	put(&c, 201, "k", "0");
	make_cold(&c);
	for (uint64_t i = 1; i <= 200; i++)
		send_asks(&c, i, &(struct write_ask){ .op.key = slice_str(i % 2 ? "k" : "l"), .verb = WRITE_INCREMENT, .by = 1 }, 1);
	ck_assert_int_eq(next_reply(&c).status, ST_OK);
	end(&c);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, conditions_and_increments_are_decided_against_tables_and_memtables);
	tcase_add_test(tc, a_range_delete_is_one_write_among_others);
	tcase_add_test(tc, increments_of_many_requests_at_once_add_up);
	tcase_add_test(tc, a_stop_lets_go_of_what_is_read_for);
	tcase_add_test(tc, back_pressure_lets_the_answer_out_and_holds_the_next_group_back);
	tcase_add_test(tc, a_connection_begins_with_a_hello_and_a_request_is_answered_and_readable);
	tcase_add_test(tc, many_requests_are_each_answered_once_and_in_order);
	tcase_add_test(tc, a_request_for_another_incarnation_is_answered_with_a_hello_and_not_applied);
	tcase_add_test(tc, a_repeat_gets_the_same_answer);
	tcase_add_test(tc, nonsense_is_refused_and_the_next_request_served);
	tcase_add_test(tc, with_flush_behind_a_writer_is_told_to_come_back_and_reads_go_on);
}

CHECK_MAIN("engine/commit", suite)
