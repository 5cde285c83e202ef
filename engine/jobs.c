/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders compactions and installs their results; see jobs.h.
 *
 * A compactor's place, and what moves it:
 *
 *   away --peer came--> idle --order--> working --done report or peer went--> idle or away
 *
 * A large job is cut into key ranges for all who are idle, and installed when every part is done; one that fails takes the
 * others with it.
 *
 * A job is in memory only: after a restart of the engine its inputs are simply live tables again, its outputs orphans.
 */
#include "engine/jobs.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/proc.h"
#include "common/ipc/link.h"
#include "common/stats/running.h"
#include "common/stats/stats.h"
#include "common/table/filename.h"
#include "engine/asked.h"
#include "engine/compaction.h"
#include "engine/inspect.h"
#include "engine/pick.h"
#include "proto/limits.h"

#define JOBS_MAGIC 0x6a6f6273u
#define RETRY_FIRST_US 500000u
#define RETRY_MOST_US 30000000u
#define RETRY_FULL_US 2000000u           /* at most, on a full disk: room may come back at any time */
#define ROOM_LOOK_MS 1000
#define LOOK_MS 30000
#define ASKED_LOOK_MS 1000
#define PART_TARGETS 4u                  /* a part of a job has at least so many table size targets */

struct worker {
	struct link *link;
	uint64_t connection;             /* 0: away */
	struct compaction *job;          /* NULL: idle */
	size_t part;                     /* of it */
};

struct jobs {
	uint32_t magic;

	/* fixed after start */
	struct worker *workers;
	unsigned worker_count;
	struct truth *truth;
	struct reserve *reserve;         /* NULL: the disk is never full */
	struct drain *drain;             /* NULL: nobody is told how fast it goes */
	struct inspect *inspect;         /* NULL: nobody looks at damage */
	struct install_dir dir;
	struct levels_conf levels_conf;
	uint64_t rest_us;                /* 0: never at rest */
	uint64_t table_size_target;
	unsigned codec, codec_last;              /* BLOCK_COMPRESSION_* */
	pthread_t thread;

	/* the thread's */
	struct seq rest_seq;             /* the last write, as of rest_since_us */
	uint64_t rest_since_us;
	struct compaction **running;     /* at most one a worker */
	size_t running_count;
	uint64_t rate_told;              /* what each worker was told last */
	uint64_t next_job, retry_us, retry_at_us;    /* retry_us 0: the last job went well */
	struct seq asked_seen;           /* what the latest pick was asked for */
	bool held_for_room;              /* there is something to do and no room for it */

	/* anybody's */
	int wake_fd;
	_Atomic bool woken, stop;
	struct asked asked;
	_Atomic uint64_t rate_limit;     /* bytes per second over all compactors; 0: none */
};

void jobs_wake(void *jobs)
{
	struct jobs *j = jobs;
	uint64_t one = 1;

	if (!atomic_exchange(&j->woken, true))
		(void)!write(j->wake_fd, &one, sizeof(one));
}

enum st jobs_listen(const struct conf *conf, struct jobs **jp)
{
	struct jobs *j = mem_zalloc(sizeof(*j));
	enum st st = ST_OK;

	*jp = NULL;
	obj_init(j, JOBS_MAGIC);
	j->levels_conf = (struct levels_conf){ conf->compaction_trigger_ratio, conf->memtable_size_limit,
					       conf->level_size_ratio };
	asked_init(&j->asked);
	j->rest_us = conf->compaction_rest_ms * 1000;
	j->table_size_target = conf->table_size_target;
	j->codec = conf->block_compression;
	j->codec_last = conf->block_compression_last;
	j->worker_count = (unsigned)conf->compactor_workers;
	j->workers = mem_zalloc(j->worker_count * sizeof(*j->workers));
	j->running = mem_zalloc(j->worker_count * sizeof(struct compaction *));
	j->rate_limit = conf->compaction_rate_limit;
	j->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (j->wake_fd < 0)
		st = fail(ST_INTERNAL, "the system refused an eventfd");
	for (unsigned i = 0; i < j->worker_count && !st; i++)
		st = link_listen(path_compactor_socket(conf->run_dir, i).s, COMPACT_MESSAGE_MAX, jobs_wake, j,
				 &j->workers[i].link);
	if (!st)
		*jp = j;                 /* links are never closed, so a failed start leaves them to the process' end */
	return st;
}

/* ---- who does what ---- */

static size_t compactors_there(const struct jobs *j)
{
	size_t n = 0;

	for (unsigned i = 0; i < j->worker_count; i++)
		n += j->workers[i].connection != 0;
	return n;
}

static struct stats_job describe(const struct compaction *job)
{
	struct stats_job d = { job->number, job->pick.input_bytes, compaction_bytes_read(job), job->pick.input_level,
			       job->pick.output_level, (uint32_t)job->part_count, { 0 } };

	(void)snprintf(d.reason, sizeof(d.reason), "%s", job->pick.reason);
	return d;
}

/* What people are told of running jobs, anew after every change. */
static void tell_running(struct jobs *j)
{
	struct stats_job told[STATS_JOBS_MOST];
	uint64_t bytes = 0, done = 0;
	size_t n = 0;

	for (size_t i = 0; i < j->running_count; i++) {
		struct stats_job d = describe(j->running[i]);

		bytes += d.bytes;
		done += d.done_bytes;
		if (n < STATS_JOBS_MOST)
			told[n++] = d;
	}
	stats_tell_jobs(told, n);
	stats_set(M_compaction_in_progress, j->running_count);
	stats_set(M_compactors, compactors_there(j));
	stats_set(M_compaction_running_bytes, bytes);
	stats_set(M_compaction_running_done, done);
}

static size_t idle_workers(const struct jobs *j)
{
	size_t n = 0;

	for (unsigned i = 0; i < j->worker_count; i++)
		n += j->workers[i].connection && !j->workers[i].job;
	return n;
}

/* Has nobody written for a while? */
static bool at_rest(struct jobs *j)
{
	struct seq newest = truth_visible(j->truth);
	uint64_t now = clock_mono_us();

	if (newest.v != j->rest_seq.v || truth_frozen_count(j->truth) > 0) {
		j->rest_seq = newest;
		j->rest_since_us = now;
	}
	return j->rest_us && now - j->rest_since_us >= j->rest_us;
}

/* What is under way. */
static size_t list_running(const struct jobs *j, struct pick_running *running, uint64_t *bytesp)
{
	*bytesp = 0;
	for (size_t i = 0; i < j->running_count; i++) {
		const struct pick_job *other = &j->running[i]->pick;

		running[i] = (struct pick_running){ other->input_level, other->output_level, other->min, other->max };
		*bytesp += other->input_bytes;
	}
	return j->running_count;
}

/* Room for a further job, where those that run may still write as much as they read. */
static uint64_t room_beside(uint64_t room, uint64_t running_bytes)
{
	return room == UINT64_MAX ? 0 : room > running_bytes ? room - running_bytes : 1;
}

static bool pick_within(struct jobs *j, struct compaction *job, uint64_t room)
{
	struct pick_running *running = arena_alloc(&job->arena, j->worker_count * sizeof(*running));
	bool hurry = reserve_refuses(j->reserve), rest = at_rest(j);
	struct pick_question q = { .levels = j->levels_conf, .table_size_target = j->table_size_target,
				   .running = running, .now_ms = clock_wall_ms(), .at_rest = rest || hurry, .hurry = hurry };
	struct asked_status asked = asked_status(&j->asked);
	uint64_t running_bytes;
	bool found;

	q.running_count = list_running(j, running, &running_bytes);
	q.asked = asked.state == ASKED_UNDER_WAY ? asked.up_to : seq(0);
	j->asked_seen = q.asked;
	q.room_bytes = room_beside(room, running_bytes);
	q.version = truth_lock(j->truth);
	found = pick_next(&q, &job->arena, &job->pick);
	if (found)
		compaction_own(job, q.version);
	truth_unlock(j->truth);
	return found;
}

/* What fits into the room there is; else what fits when the ballast is given back, which it then is. */
static bool pick_what_fits(struct jobs *j, struct compaction *job)
{
	uint64_t room = reserve_room(j->reserve), ballast = reserve_ballast(j->reserve);

	j->held_for_room = false;
	if (pick_within(j, job, room))
		return true;
	if (room == UINT64_MAX)
		return false;
	if (reserve_refuses(j->reserve) && ballast && idle_workers(j) > 0 && pick_within(j, job, room + ballast))
		return reserve_spend(j->reserve);
	j->held_for_room = pick_within(j, job, UINT64_MAX);
	return false;
}

static void tell_held(struct jobs *j, bool before)
{
	if (j->held_for_room && !before)
		log_warn("Compaction waits: the disk has no room for the output of any job that is due.");
}

/* Fills job with the next thing to do; false: nothing. */
static bool pick(struct jobs *j, struct compaction *job)
{
	bool before = j->held_for_room, found = pick_what_fits(j, job);

	tell_held(j, before);
	if (!found)
		return false;
	compaction_set_inputs(job);
	return true;
}

static void back_off(struct jobs *j)
{
	uint64_t most = reserve_refuses(j->reserve) ? RETRY_FULL_US : RETRY_MOST_US;

	asked_fail(&j->asked, clock_mono_us());
	j->retry_us = j->retry_us ? j->retry_us * 2 : RETRY_FIRST_US;
	if (j->retry_us > most)
		j->retry_us = most;
	j->retry_at_us = clock_mono_us() + j->retry_us;
}

/* On a full disk the reserve is given back for the next try. */
static void give_room(struct jobs *j, enum st st)
{
	if (st == ST_FULL && reserve_spend(j->reserve))
		log_info("Compaction goes on with what the reserve gave back.");
}

/* ---- messages ---- */

static enum st send(struct worker *w, const struct buf *b)
{
	struct link_msg *m = link_msg_new(b->n);

	memcpy(link_msg_body(m), b->p, b->n);
	return link_send(w->link, w->connection, &m);
}

/* A word about the job that the worker is at. Whether it arrives does not matter: one that is gone needs no word. */
static void send_word(struct jobs *j, struct worker *w, const struct compact_order *word)
{
	struct compact_order o = *word;
	struct buf b = BUF_INIT;

	o.incarnation = truth_incarnation(j->truth);
	o.job = w->job->number;
	compact_order_encode(&o, &b);
	if (send(w, &b))
		log_debug("a compactor is gone before it could be told");
	buf_fini(&b);
}

/* Each worker's share of the rate limit; 0: none. */
static uint64_t share_of_rate(const struct jobs *j)
{
	uint64_t working = 0, rate = atomic_load(&j->rate_limit);

	for (unsigned i = 0; i < j->worker_count; i++)
		working += j->workers[i].job != NULL;
	return rate == 0 ? 0 : rate / (working ? working : 1) + 1;
}

/* When the limit or the number of those at work changed: tells all but those of a job that is still to be ordered. */
static void share_rate(struct jobs *j, const struct compaction *fresh)
{
	struct compact_order word = { .adjust = true, .rate_limit = share_of_rate(j) };

	if (word.rate_limit == j->rate_told)
		return;
	j->rate_told = word.rate_limit;
	for (unsigned i = 0; i < j->worker_count; i++)
		if (j->workers[i].job && j->workers[i].job != fresh)
			send_word(j, &j->workers[i], &word);
}

/* ---- the end of a job ---- */

static void forget(struct jobs *j, struct compaction **jobp)
{
	for (size_t i = 0; i < j->running_count; i++)
		if (j->running[i] == *jobp)
			j->running[i] = j->running[--j->running_count];
	compaction_free(jobp);
	tell_running(j);
}

/* All or nothing: whoever is at a part of it stops. The inputs stay what they were, the outputs go (4). */
static void give_up(struct jobs *j, struct compaction *job)
{
	struct compact_order word = { .cancel = true };

	for (unsigned i = 0; i < j->worker_count; i++) {
		if (j->workers[i].job != job)
			continue;
		if (j->workers[i].connection)
			send_word(j, &j->workers[i], &word);
		j->workers[i].job = NULL;
	}
	install_remove(&j->dir, job->first_output, job->id_count);
	truth_set_busy(j->truth, job->inputs, job->pick.input_count, false);
	forget(j, &job);
	back_off(j);
}

/* ---- ordering ---- */

static enum st send_part(struct jobs *j, struct worker *w, const struct compaction *job, size_t part)
{
	struct compact_order common = { .incarnation = truth_incarnation(j->truth), .database = j->dir.database,
					.table_size_target = j->table_size_target, .codec = j->codec,
					.rate_limit = j->rate_told };
	struct buf b = BUF_INIT;
	enum st st;

	if (job->pick.output_level == LEVEL_LAST)
		common.codec = j->codec_last;
	compaction_encode(job, part, &common, &b);
	st = send(w, &b);
	buf_fini(&b);
	return st;
}

/* Gives each part of the job to an idle worker. */
static enum st send_parts(struct jobs *j, struct compaction *job)
{
	size_t part = 0;
	enum st st = ST_OK;

	for (unsigned i = 0; i < j->worker_count && part < job->part_count; i++) {
		if (!j->workers[i].connection || j->workers[i].job)
			continue;
		j->workers[i].job = job;
		j->workers[i].part = part++;
	}
	share_rate(j, job);
	for (unsigned i = 0; i < j->worker_count && !st; i++)
		if (j->workers[i].job == job)
			st = send_part(j, &j->workers[i], job, j->workers[i].part);
	return st;
}

/* Has the job done by those who are idle. On failure it is the caller's again, otherwise it is among the running, or, when one
 * of them is gone already, given up: no longer to be touched. */
static enum st order(struct jobs *j, struct compaction *job)
{
	uint32_t ids = compaction_cut(job, idle_workers(j), j->table_size_target * PART_TARGETS, j->table_size_target);
	struct file_id first;
	enum st st = truth_take_ids(j->truth, ids, &first);

	if (st)
		return st;
	compaction_set_ids(job, first);
	truth_set_busy(j->truth, job->inputs, job->pick.input_count, true);
	job->ordered_us = clock_mono_us();
	j->running[j->running_count++] = job;
	log_info("Compaction %" PRIu64 " begins: %s; %zu tables, %" PRIu64 " KiB, from level %u to level %u, in %zu parts.",
		 job->number, job->pick.reason, job->pick.input_count, job->pick.input_bytes >> 10, job->pick.input_level,
		 job->pick.output_level, job->part_count);
	if (send_parts(j, job))
		give_up(j, job);
	tell_running(j);
	return ST_OK;
}

/* Does or orders the next thing; false: there is nothing (more) to do now. */
static bool do_next(struct jobs *j)
{
	struct compaction *job = compaction_new();
	bool idle = idle_workers(j) > 0, move;
	enum st st = ST_OK;

	if (!pick(j, job) || !(job->pick.move || idle)) {
		compaction_free(&job);
		return false;
	}
	job->number = j->next_job++;
	move = job->pick.move;
	st = move ? compaction_move(job, j->truth) : order(j, job);
	if (st) {
		give_room(j, st);
		back_off(j);
	}
	if (!st && move)
		asked_note(&j->asked, 0, 0, clock_mono_us());
	if (st || move)
		compaction_free(&job);
	return st == ST_OK;
}

/* ---- results ---- */

static void tell_result(const struct compaction *job)
{
	const struct compact_report *s = &job->sums;

	stats_add(M_compactions, 1);     /* bytes and time the compactor counts, with those of jobs that failed */
	log_info("Compaction %" PRIu64 " is installed: %zu tables, %" PRIu64 " KiB, %" PRIu64 " of %" PRIu64
		 " entries dropped, %" PRIu64 " ms.", job->number, compaction_output_count(job),
		 compaction_output_bytes(job) >> 10, s->dropped_overwritten + s->dropped_tombstones + s->dropped_expired,
		 s->entries_in, s->duration_us / 1000);
}

/* From the order to the commit: what the job brought down, and what it moved. */
static void note_speed(struct jobs *j, const struct compaction *job)
{
	uint64_t us = clock_mono_us() - job->ordered_us;

	if (!j->drain)
		return;
	drain_note(&j->drain->level0_rate, job->level0_count * j->levels_conf.memtable_size_limit, us);
	drain_note(&j->drain->byte_rate, job->pick.input_bytes + compaction_output_bytes(job), us);
}

static void install(struct jobs *j, struct compaction *job)
{
	enum st st = compaction_install(job, j->truth, &j->dir);

	if (st) {
		log_warn("Compaction %" PRIu64 " is worthless: %s.", job->number, st_text(st));
		give_room(j, st);
		give_up(j, job);
		return;
	}
	note_speed(j, job);
	asked_note(&j->asked, job->pick.input_bytes, compaction_output_bytes(job), clock_mono_us());
	tell_result(job);
	forget(j, &job);
	j->retry_us = 0;
}

/* A part is done. The job is when all of them are. */
static void take_part(struct jobs *j, struct worker *w, const struct compact_report *r)
{
	struct compaction *job = w->job;
	enum st st = compaction_take(job, w->part, r);

	w->job = NULL;
	share_rate(j, NULL);
	if (st)
		give_up(j, job);
	else if (job->done_count == job->part_count)
		install(j, job);
}

/* What it could not read may be damaged: the next job passes it over once it is on record. */
static void suspect(struct jobs *j, const struct compaction *job, struct file_id table)
{
	for (size_t i = 0; i < job->pick.input_count; i++)
		if (job->inputs[i].v == table.v && j->inspect)
			inspect_suspect(j->inspect, table, DAMAGE_WHOLE);
}

static void take_report(struct jobs *j, struct worker *w, struct slice message)
{
	struct compact_report r;
	struct arena a;

	arena_init(&a);
	if (compact_report_decode(message, &a, &r)) {
		log_warn("A compactor sent a report that cannot be read.");
	} else if (!w->job || r.incarnation != truth_incarnation(j->truth) || r.job != w->job->number) {
		log_debug("A report of another life or job is ignored.");        /* invariant 7 */
	} else if (r.done && r.status == ST_OK) {
		take_part(j, w, &r);
	} else if (r.done) {
		log_warn("Compaction %" PRIu64 " failed: %s.", r.job, st_text(r.status));
		suspect(j, w->job, r.damaged_input);
		give_room(j, r.status);
		give_up(j, w->job);
	} else {
		w->job->parts[w->part].bytes_read = r.bytes_read;
		tell_running(j);
	}
	arena_fini(&a);
}

/* ---- the thread ---- */

static void drain(struct jobs *j, struct worker *w)
{
	for (;;) {
		struct link_event ev = link_receive(w->link);

		switch (ev.kind) {
		case LINK_NOTHING:
			return;
		case LINK_MESSAGE:
			take_report(j, w, link_msg_slice(ev.msg));
			link_msg_free(&ev.msg);
			break;
		case LINK_PEER_CAME:
			w->connection = ev.connection;
			tell_running(j);
			break;
		case LINK_PEER_WENT:
			w->connection = 0;
			if (w->job) {
				log_warn("The compactor of compaction %" PRIu64 " went away.", w->job->number);
				give_up(j, w->job);
			}
			tell_running(j);
			break;
		}
	}
}

/* Milliseconds that the next job is held back. */
static int patience(const struct jobs *j)
{
	uint64_t now = clock_mono_us();

	return j->retry_us && j->retry_at_us > now ? (int)((j->retry_at_us - now) / 1000 + 1) : 0;
}

/* Milliseconds until something may be to be done that nobody tells of: rest, or what expires. */
static int look_again(const struct jobs *j)
{
	uint64_t now = clock_mono_us(), rest_at = j->rest_since_us + j->rest_us;

	return j->rest_us && rest_at > now ? (int)((rest_at - now) / 1000 + 1) : LOOK_MS;
}

static void wait_for_work(struct jobs *j, int timeout_ms)
{
	struct pollfd p = { .fd = j->wake_fd, .events = POLLIN };
	uint64_t n;

	if (poll(&p, 1, timeout_ms) > 0)
		(void)!read(j->wake_fd, &n, sizeof(n));
	atomic_store(&j->woken, false);
}

/* With nothing begun: is what was asked for done, or cannot be? True: look again soon. */
static bool look_at_asked(struct jobs *j, bool held_back)
{
	struct asked_status s = asked_status(&j->asked);
	struct asked_view v = { .running = j->running_count > 0 };

	if (s.state != ASKED_UNDER_WAY)
		return false;
	v.stuck = !held_back && s.up_to.v == j->asked_seen.v && !j->held_for_room && idle_workers(j) > 0;
	asked_count(truth_lock(j->truth), s.up_to, &v);
	truth_unlock(j->truth);
	asked_look(&j->asked, &v, clock_mono_us());
	return asked_status(&j->asked).state == ASKED_UNDER_WAY;
}

/* How long to wait for work, with nothing begun. */
static int pause_ms(struct jobs *j, bool held_back)
{
	int ms = held_back ? patience(j) : j->held_for_room ? ROOM_LOOK_MS : look_again(j);

	return look_at_asked(j, held_back) && ms > ASKED_LOOK_MS ? ASKED_LOOK_MS : ms;
}

static void *run(void *arg)
{
	struct jobs *j = arg;

	while (!atomic_load(&j->stop)) {
		bool held_back;

		for (unsigned i = 0; i < j->worker_count; i++)
			drain(j, &j->workers[i]);
		share_rate(j, NULL);
		held_back = patience(j) > 0;
		if (!held_back && do_next(j))
			continue;
		wait_for_work(j, pause_ms(j, held_back));
	}
	return NULL;
}

void jobs_set_inspect(struct jobs *j, struct inspect *i)
{
	obj_check(j, JOBS_MAGIC);
	j->inspect = i;
}

void jobs_set_world(struct jobs *j, struct reserve *r, struct drain *d)
{
	obj_check(j, JOBS_MAGIC);
	j->reserve = r;
	j->drain = d;
}

void jobs_start(struct jobs *j, struct truth *t, const struct install_dir *dir, uint64_t next_job)
{
	obj_check(j, JOBS_MAGIC);
	j->truth = t;
	j->dir = *dir;
	j->next_job = next_job ? next_job : 1;
	tell_running(j);                 /* those of the engine before are no more */
	j->thread = proc_thread("jobs", run, j);
}

void jobs_stop(struct jobs *j)
{
	obj_check(j, JOBS_MAGIC);
	atomic_store(&j->stop, true);
	jobs_wake(j);
	pthread_join(j->thread, NULL);
}

void jobs_set_rate(struct jobs *j, uint64_t bytes_per_second)
{
	obj_check(j, JOBS_MAGIC);
	atomic_store(&j->rate_limit, bytes_per_second);
	jobs_wake(j);
}

void jobs_compact(struct jobs *j, struct seq up_to)
{
	obj_check(j, JOBS_MAGIC);
	asked_begin(&j->asked, up_to, clock_mono_us());
	jobs_wake(j);
}

struct asked_status jobs_asked(struct jobs *j)
{
	struct asked_status s = asked_status(&j->asked);
	struct asked_view v;

	obj_check(j, JOBS_MAGIC);
	if (s.state != ASKED_UNDER_WAY)
		return s;
	asked_count(truth_lock(j->truth), s.up_to, &v);
	truth_unlock(j->truth);
	s.left = v.left;
	s.left_bytes = v.left_bytes;
	return s;
}

void jobs_guard(struct jobs *j)
{
	for (unsigned i = 0; i < j->worker_count; i++)
		link_guard(j->workers[i].link);
}
