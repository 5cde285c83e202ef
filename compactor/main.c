/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lsm-compactor: takes orders from the engine, has them carried out, reports.
 *
 *	idle --order--> working --job ends--> report --> idle
 *	                   | cancel, or the engine went
 *	                   v
 *	                winding down --job ends--> outputs removed --> idle, or on to an order that waits
 *
 * 1. A result counts only for the engine incarnation that ordered it (invariant 7): when the connection the
 *    order came on is gone, the job is cancelled and its outputs removed.
 * 2. Outputs are kept only when a report that names them could be sent.
 * 3. Every order gets a last word on the connection it came on, a cancelled one too: the engine waits for it.
 * 4. Each turn guards the link, also when nothing happens: without that a compactor whose engine died within the
 *    handshake would never hear of a later one, and the engine would think it has no compactor.
 *
 * Threads: main (this loop: link, signals, heartbeat, lifeline), job (runner.c), and those of nng.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/must.h"
#include "common/base/proc.h"
#include "common/ipc/link.h"
#include "common/stats/stats.h"
#include "common/table/filename.h"
#include "compactor/runner.h"
#include "proto/limits.h"

#define BEAT_MS 500
#define PROGRESS_MS 200

struct compactor {
	int wake_fd, signal_fd;
	struct link *link;
	struct runner *runner;
	/* the order at hand */
	struct arena memory;
	struct compact_order order;
	uint64_t connection;             /* it came on this one */
	uint64_t progress_due_us;
	/* an order that waits for the job before it to wind down; NULL: none */
	struct link_msg *waiting;
	uint64_t waiting_connection;
	uint64_t waiting_job, waiting_incarnation;
	uint64_t waiting_rate;           /* the last word on its bytes per second */
};

static void wake(void *ctx)
{
	struct compactor *c = ctx;

	(void)!eventfd_write(c->wake_fd, 1);
}

/* ---- reports ---- */

static enum st send_report(struct compactor *c, uint64_t connection, const struct compact_report *r)
{
	struct buf b = BUF_INIT;
	struct link_msg *m;

	compact_report_encode(r, &b);
	m = link_msg_new(b.n);
	memcpy(link_msg_body(m), b.p, b.n);
	buf_fini(&b);
	return link_send(c->link, connection, &m);
}

static void send_progress(struct compactor *c)
{
	struct compact_report r;
	uint64_t now = clock_mono_us();

	if (runner_state(c->runner) != RUNNER_RUNNING || now < c->progress_due_us)
		return;
	c->progress_due_us = now + PROGRESS_MS * 1000u;
	runner_progress(c->runner, &r);
	if (send_report(c, c->connection, &r))
		runner_cancel(c->runner);
}

/* The last word about an order that was never begun. */
static void answer(struct compactor *c, uint64_t connection, const struct compact_order *o, enum st st, const char *why)
{
	struct compact_report r = { .incarnation = o->incarnation, .job = o->job, .done = true, .status = st,
				    .detail = slice_str(why) };

	if (send_report(c, connection, &r))
		log_debug("and the engine that asked is gone already");
}

static void refuse(struct compactor *c, uint64_t connection, const struct compact_order *o)
{
	log_warn("Compaction job %llu refused: job %llu is under way.", (unsigned long long)o->job,
		 (unsigned long long)c->order.job);
	answer(c, connection, o, ST_BUSY, "another job is under way");
}

static void forget_waiting(struct compactor *c, const struct compact_order *o)
{
	link_msg_free(&c->waiting);
	answer(c, c->waiting_connection, o, ST_CANCELLED, "cancelled before it was begun");
}

/* ---- orders ---- */

/* An order that cannot be read has no number to answer under, and the engine would wait for it without end. A link that
 * ends tells the engine to give the job up, so the process does. */
_Noreturn static void end_on_nonsense(void)
{
	log_error("A message of the engine cannot be read: are both of one version? The compactor ends, so that the engine "
		  "gives its job up.");
	exit(EXIT_CRASH);
}

static void start(struct compactor *c, struct link_msg **mp, uint64_t connection)
{
	arena_reset(&c->memory);
	if (compact_order_decode(link_msg_slice(*mp), &c->memory, &c->order))
		end_on_nonsense();
	if (!c->order.cancel && !c->order.adjust) {
		c->connection = connection;
		c->progress_due_us = clock_mono_us() + PROGRESS_MS * 1000u;
		runner_start(c->runner, &c->order);
	}
	link_msg_free(mp);
}

static void keep_waiting(struct compactor *c, struct link_msg **mp, uint64_t connection, const struct compact_order *o)
{
	if (c->waiting)
		link_msg_free(&c->waiting);
	c->waiting = *mp;
	*mp = NULL;
	c->waiting_connection = connection;
	c->waiting_job = o->job;
	c->waiting_incarnation = o->incarnation;
	c->waiting_rate = o->rate_limit;
}

/* An order is cancelled or its rate changed: the one at hand, or the one that waits. */
static void take_word(struct compactor *c, const struct compact_order *o)
{
	bool at_hand = o->job == c->order.job && o->incarnation == c->order.incarnation;
	bool waits = c->waiting && o->job == c->waiting_job && o->incarnation == c->waiting_incarnation;

	if (!at_hand && !waits)
		log_debug("the job that this is about has ended");
	else if (at_hand && o->cancel)
		runner_cancel(c->runner);
	else if (at_hand)
		runner_set_rate(c->runner, o->rate_limit);
	else if (o->cancel)
		forget_waiting(c, o);
	else
		c->waiting_rate = o->rate_limit;
}

/* A message while a job is at hand: a word about it, or an order that has to wait or is refused. */
static void take_in_between(struct compactor *c, struct link_msg **mp, uint64_t connection)
{
	struct compact_order o;
	struct arena a;

	arena_init(&a);
	if (compact_order_decode(link_msg_slice(*mp), &a, &o) != ST_OK) {
		log_warn("A message of the engine was not understood and is left.");
	} else if (o.cancel || o.adjust) {
		take_word(c, &o);
	} else if (runner_cancelled(c->runner)) {
		keep_waiting(c, mp, connection, &o);
	} else {
		refuse(c, connection, &o);
	}
	if (*mp)
		link_msg_free(mp);
	arena_fini(&a);
}

static void take_link_events(struct compactor *c)
{
	struct link_event e;

	while ((e = link_receive(c->link)).kind != LINK_NOTHING) {
		switch (e.kind) {
		case LINK_MESSAGE:
			if (runner_state(c->runner) == RUNNER_IDLE)
				start(c, &e.msg, e.connection);
			else
				take_in_between(c, &e.msg, e.connection);
			break;
		case LINK_PEER_CAME:
			log_debug("the engine is there");
			break;
		case LINK_PEER_WENT:
			runner_cancel(c->runner);
			if (c->waiting)
				link_msg_free(&c->waiting);
			break;
		case LINK_NOTHING:
			break;
		}
	}
}

/* The job ended: report, or clear away. */
static void take_result(struct compactor *c)
{
	const struct compact_report *r;
	bool sent;

	if (runner_state(c->runner) != RUNNER_FINISHED)
		return;
	r = runner_collect(c->runner);
	sent = send_report(c, c->connection, r) == ST_OK;
	if (!sent)
		log_info("Compaction job %llu: the engine that ordered it is gone, its result does not count",
			 (unsigned long long)r->job);
	runner_release(c->runner, sent && r->status == ST_OK);
	if (!c->waiting)
		return;
	start(c, &c->waiting, c->waiting_connection);
	runner_set_rate(c->runner, c->waiting_rate);
}

/* A thread that does not come back from the system holds up everything that is ordered from here on. The supervisor starts
 * another process. */
static void end_when_stuck(const struct compactor *c)
{
	if (!runner_is_overdue(c->runner, clock_mono_us()))
		return;
	log_error("Compaction job %llu was cancelled and does not end; the compactor does. Is the disk well?",
		  (unsigned long long)c->order.job);
	exit(EXIT_CRASH);
}

/* ---- the loop ---- */

/* One turn; false when the process is to end. */
static bool turn(struct compactor *c)
{
	struct pollfd fds[] = {
		{ .fd = c->wake_fd, .events = POLLIN },
		{ .fd = c->signal_fd, .events = POLLIN },
		{ .fd = HERITAGE_LIFELINE, .events = POLLRDHUP },
	};
	eventfd_t count;
	int n = poll(fds, 3, runner_state(c->runner) == RUNNER_IDLE ? BEAT_MS : PROGRESS_MS);

	must(n >= 0 || errno == EINTR);
	proc_beat();
	if (n > 0 && fds[2].revents)
		exit(EXIT_ORPHAN);           /* what is in tmp/ goes when an engine starts */
	if (n > 0 && fds[1].revents)
		return false;
	if (n > 0 && fds[0].revents)
		(void)!eventfd_read(c->wake_fd, &count);
	link_guard(c->link);
	take_link_events(c);
	take_result(c);
	send_progress(c);
	end_when_stuck(c);
	return true;
}

int main(int argc, char **argv)
{
	static struct heritage h;
	static struct compactor c;
	struct path socket;

	proc_begin(ROLE_COMPACTOR, argc, argv, &h);
	if (stats_begin(HERITAGE_SCOREBOARD, h.slot))
		return EXIT_OSERR;
	c.signal_fd = proc_signal_fd();
	c.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	must(c.wake_fd >= 0);
	arena_init(&c.memory);
	c.runner = runner_new(vfs_posix(), h.conf.data_dir, c.wake_fd);
	socket = path_compactor_socket(h.conf.run_dir, h.index);
	if (link_dial(socket.s, COMPACT_MESSAGE_MAX, wake, &c, &c.link))
		return EXIT_OSERR;
	proc_ready();
	while (turn(&c))
		continue;
	runner_free(&c.runner);
	arena_fini(&c.memory);
	return EXIT_DONE;
}
