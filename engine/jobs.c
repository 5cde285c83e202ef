/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders compactions and installs their results; see jobs.h.
 *
 * A compactor's place, and what moves it:
 *
 *   away --peer came--> idle --order--> working --done report or peer went--> idle or away
 *
 * A job is in memory only: after a restart of the engine its inputs are simply live tables again, its outputs orphans.
 */
#include "engine/jobs.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/proc.h"
#include "common/ipc/link.h"
#include "common/stats/stats.h"
#include "common/table/filename.h"
#include "engine/pick.h"
#include "proto/limits.h"

#define JOBS_MAGIC 0x6a6f6273u
#define RETRY_FIRST_US 500000u
#define RETRY_MOST_US 30000000u
#define RETRY_FULL_US 2000000u           /* at most, on a full disk: room may come back at any time */
#define ROOM_LOOK_MS 1000
#define LOOK_MS 30000

struct job {
	uint64_t number;
	int64_t started_ms;
	uint64_t ordered_us;
	uint32_t level0_count;           /* of the inputs */
	struct arena arena;              /* of all that is below */
	struct pick_job pick;
	struct file_id *inputs;          /* ids of pick.inputs */
	struct file_id first_output;
	uint32_t output_count;           /* ids reserved */
};

struct worker {
	struct link *link;
	uint64_t connection;             /* 0: away */
	struct job *job;                 /* NULL: idle */
};

struct jobs {
	uint32_t magic;

	/* fixed after start */
	struct worker *workers;
	unsigned worker_count;
	struct truth *truth;
	struct reserve *reserve;         /* NULL: the disk is never full */
	struct drain *drain;             /* NULL: nobody is told how fast it goes */
	struct install_dir dir;
	struct levels_conf levels_conf;
	uint64_t rest_us;                /* 0: never at rest */
	uint64_t table_size_target;
	unsigned codec, codec_last;              /* BLOCK_COMPRESSION_* */
	pthread_t thread;

	/* the thread's */
	struct seq rest_seq;             /* the last write, as of rest_since_us */
	uint64_t rest_since_us;
	uint64_t next_job, retry_us, retry_at_us;    /* retry_us 0: the last job went well */
	bool held_for_room;              /* there is something to do and no room for it */

	/* anybody's */
	int wake_fd;
	_Atomic bool woken, stop;
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
	j->rest_us = conf->compaction_rest_ms * 1000;
	j->table_size_target = conf->table_size_target;
	j->codec = conf->block_compression;
	j->codec_last = conf->block_compression_last;
	j->worker_count = (unsigned)conf->compactor_workers;
	j->workers = mem_zalloc(j->worker_count * sizeof(*j->workers));
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

/* ---- a job's life ---- */

static struct job *job_new(void)
{
	struct job *job = mem_zalloc(sizeof(*job));

	job->started_ms = clock_wall_ms();
	arena_init(&job->arena);
	return job;
}

static void job_free(struct job **jobp)
{
	arena_fini(&(*jobp)->arena);
	mem_drop(jobp);
}

static void tell_running(struct jobs *j)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < j->worker_count; i++)
		n += j->workers[i].job != NULL;
	stats_set(M_compaction_in_progress, n);
}

static struct worker *idle_worker(struct jobs *j)
{
	for (unsigned i = 0; i < j->worker_count; i++)
		if (j->workers[i].connection && !j->workers[i].job)
			return &j->workers[i];
	return NULL;
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

/* What the other workers are at. */
static size_t list_running(const struct jobs *j, struct pick_running *running, uint64_t *bytesp)
{
	size_t count = 0;

	*bytesp = 0;
	for (unsigned i = 0; i < j->worker_count; i++) {
		const struct job *other = j->workers[i].job;

		if (!other)
			continue;
		running[count++] = (struct pick_running){ other->pick.input_level, other->pick.output_level, other->pick.min,
							  other->pick.max };
		*bytesp += other->pick.input_bytes;
	}
	return count;
}

/* Room for a further job, where those that run may still write as much as they read. */
static uint64_t room_beside(uint64_t room, uint64_t running_bytes)
{
	return room == UINT64_MAX ? 0 : room > running_bytes ? room - running_bytes : 1;
}

static bool pick_within(struct jobs *j, struct job *job, uint64_t room)
{
	struct pick_running *running = arena_alloc(&job->arena, j->worker_count * sizeof(*running));
	bool hurry = reserve_refuses(j->reserve), rest = at_rest(j);
	struct pick_question q = { .levels = j->levels_conf, .table_size_target = j->table_size_target,
				   .running = running, .now_ms = clock_wall_ms(), .at_rest = rest || hurry, .hurry = hurry };
	uint64_t running_bytes;
	bool found;

	q.running_count = list_running(j, running, &running_bytes);
	q.room_bytes = room_beside(room, running_bytes);
	q.version = truth_lock(j->truth);
	found = pick_next(&q, &job->arena, &job->pick);
	truth_unlock(j->truth);
	return found;
}

/* What fits into the room there is; else what fits when the ballast is given back, which it then is. */
static bool pick_what_fits(struct jobs *j, struct job *job)
{
	uint64_t room = reserve_room(j->reserve), ballast = reserve_ballast(j->reserve);

	j->held_for_room = false;
	if (pick_within(j, job, room))
		return true;
	if (room == UINT64_MAX)
		return false;
	if (reserve_refuses(j->reserve) && ballast && idle_worker(j) && pick_within(j, job, room + ballast))
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
static bool pick(struct jobs *j, struct job *job)
{
	bool before = j->held_for_room, found = pick_what_fits(j, job);

	tell_held(j, before);
	if (!found)
		return false;
	job->inputs = arena_alloc(&job->arena, job->pick.input_count * sizeof(*job->inputs));
	for (size_t i = 0; i < job->pick.input_count; i++) {
		job->inputs[i] = job->pick.inputs[i]->facts.id;
		job->level0_count += job->pick.inputs[i]->level == 0;
	}
	return true;
}

static void back_off(struct jobs *j)
{
	uint64_t most = reserve_refuses(j->reserve) ? RETRY_FULL_US : RETRY_MOST_US;

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

/* The inputs stay what they were, the outputs go (4). */
static void give_up(struct jobs *j, struct worker *w, bool remove_outputs)
{
	struct job *job = w->job;

	if (remove_outputs)
		install_remove(&j->dir, job->first_output, job->output_count);
	truth_set_busy(j->truth, job->inputs, job->pick.input_count, false);
	job_free(&w->job);
	back_off(j);
	tell_running(j);
}

/* ---- ordering ---- */

static struct job_row row_of(const struct job *job)
{
	return (struct job_row){ .job = job->number, .reason = job->pick.reason, .input_level = job->pick.input_level,
				 .output_level = job->pick.output_level, .bytes_in = job->pick.input_bytes,
				 .started_ms = job->started_ms, .finished_ms = clock_wall_ms(), .sub_jobs = 1 };
}

/* Nothing meets it below: the table stays as it is, only its level changes. */
static enum st move(struct jobs *j, const struct job *job)
{
	struct live_table moved = *job->pick.inputs[0];
	struct job_row row = row_of(job);
	struct version_edit edit = { .added = &moved, .added_count = 1, .removed = job->inputs, .removed_count = 1,
				     .job = &row };

	moved.level = job->pick.output_level;
	row.bytes_out = row.bytes_in;
	return truth_commit(j->truth, &edit);
}

static void encode_order(const struct jobs *j, const struct job *job, struct buf *out)
{
	const struct pick_job *p = &job->pick;
	bool is_last = p->output_level > 0 && p->deeper_count == 0;      /* nothing older below */
	struct compact_input *inputs = mem_alloc(p->input_count * sizeof(*inputs));
	struct compact_order o = { .incarnation = truth_incarnation(j->truth), .job = job->number,
				   .database = j->dir.database, .inputs = inputs, .input_count = p->input_count,
				   .output_level = p->output_level, .first_output_id = job->first_output,
				   .output_id_count = job->output_count, .table_size_target = j->table_size_target,
				   
				   .codec = is_last ? j->codec_last : j->codec, .deeper = p->deeper, .deeper_count = p->deeper_count };

	for (size_t i = 0; i < p->input_count; i++)
		inputs[i] = (struct compact_input){ p->inputs[i]->facts.id, p->inputs[i]->level,
						    p->inputs[i]->facts.size_bytes };
	compact_order_encode(&o, out);
	mem_free(inputs);
}

static enum st send_order(struct jobs *j, struct worker *w, const struct job *job)
{
	struct buf b = BUF_INIT;
	struct link_msg *m;
	enum st st;

	encode_order(j, job, &b);
	m = link_msg_new(b.n);
	memcpy(link_msg_body(m), b.p, b.n);
	buf_fini(&b);
	st = link_send(w->link, w->connection, &m);
	return st;
}

/* Gives the job to the worker; on failure it is the caller's again. */
static enum st order(struct jobs *j, struct worker *w, struct job *job)
{
	enum st st;

	job->output_count = (uint32_t)(job->pick.input_bytes / j->table_size_target * 2 + 8);
	st = truth_take_ids(j->truth, job->output_count, &job->first_output);
	if (st)
		return st;
	truth_set_busy(j->truth, job->inputs, job->pick.input_count, true);
	st = send_order(j, w, job);
	if (st) {
		truth_set_busy(j->truth, job->inputs, job->pick.input_count, false);
		return st;
	}
	w->job = job;
	job->ordered_us = clock_mono_us();
	tell_running(j);
	log_info("Compaction %" PRIu64 " begins: %s; %zu tables, %" PRIu64 " KiB, from level %u to level %u.", job->number,
		 job->pick.reason, job->pick.input_count, job->pick.input_bytes >> 10, job->pick.input_level,
		 job->pick.output_level);
	return ST_OK;
}

/* Does or orders the next thing; false: there is nothing (more) to do now. */
static bool do_next(struct jobs *j)
{
	struct worker *w = idle_worker(j);
	struct job *job = job_new();
	enum st st = ST_OK;
	bool did = false;

	if (!pick(j, job)) {
		job_free(&job);
		return false;
	}
	if (job->pick.move || w)
		job->number = j->next_job++;
	if (job->pick.move) {
		st = move(j, job);
		did = st == ST_OK;
	} else if (w) {
		st = order(j, w, job);
		did = st == ST_OK;
	}
	if (st) {
		give_room(j, st);
		back_off(j);
	}
	if (!did || job->pick.move)
		job_free(&job);
	return did;
}

/* ---- results ---- */

static bool ours(const struct job *job, const struct compact_report *r)
{
	for (size_t i = 0; i < r->output_count; i++) {
		uint64_t id = r->outputs[i].id.v;

		if (id < job->first_output.v || id - job->first_output.v >= job->output_count)
			return false;
		if (i > 0 && id <= r->outputs[i - 1].id.v)
			return false;
	}
	return true;
}

static enum st believe(struct jobs *j, const struct job *job, const struct compact_report *r)
{
	enum st st = ST_OK;

	if (!ours(job, r))
		return fail(ST_INVALID, "compaction %" PRIu64 " reports tables that it was not told to make", job->number);
	for (size_t i = 0; i < r->output_count && !st; i++)
		st = install_table(&j->dir, &r->outputs[i], true);
	if (!st && r->output_count > 0)
		st = install_sync_dirs(&j->dir);
	return st;
}

static uint64_t bytes_out(const struct compact_report *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->output_count; i++)
		sum += r->outputs[i].size_bytes;
	return sum;
}

static enum st commit_result(struct jobs *j, const struct job *job, const struct compact_report *r)
{
	struct live_table *added = mem_alloc((r->output_count + 1) * sizeof(*added));
	struct job_row row = row_of(job);
	struct version_edit edit = { .added = added, .added_count = r->output_count, .removed = job->inputs,
				     .removed_count = job->pick.input_count, .job = &row };
	enum st st;

	for (size_t i = 0; i < r->output_count; i++)
		added[i] = (struct live_table){ .facts = r->outputs[i], .level = job->pick.output_level,
						.created_ms = row.finished_ms };
	row.bytes_out = bytes_out(r);
	row.entries_in = r->entries_in;
	row.dropped_overwritten = r->dropped_overwritten;
	row.dropped_tombstones = r->dropped_tombstones;
	row.dropped_expired = r->dropped_expired;
	row.duration_us = r->duration_us;
	st = truth_commit(j->truth, &edit);
	mem_free(added);
	return st;
}

/* After the commit (invariant 4). Readers with an older view hold the files open or load the newer view. */
static void remove_inputs(struct jobs *j, const struct job *job)
{
	for (size_t i = 0; i < job->pick.input_count; i++)
		if (vfs_unlink(j->dir.vfs, path_sst(j->dir.data_dir, job->inputs[i]).s))
			log_warn("Table %" PRIu64 " was replaced and could not be removed; the next start does.",
				 job->inputs[i].v);
}

static void tell_result(const struct job *job, const struct compact_report *r)
{
	uint64_t written = bytes_out(r);

	stats_add(M_compactions, 1);     /* bytes and time the compactor counts, with those of jobs that failed */
	log_info("Compaction %" PRIu64 " is installed: %zu tables, %" PRIu64 " KiB, %" PRIu64 " of %" PRIu64
		 " entries dropped, %" PRIu64 " ms.", job->number, r->output_count, written >> 10,
		 r->dropped_overwritten + r->dropped_tombstones + r->dropped_expired, r->entries_in, r->duration_us / 1000);
}

/* From the order to the commit: what the job brought down, and what it moved. */
static void note_speed(struct jobs *j, const struct job *job, const struct compact_report *r)
{
	uint64_t us = clock_mono_us() - job->ordered_us;

	if (!j->drain)
		return;
	drain_note(&j->drain->level0_rate, job->level0_count * j->levels_conf.memtable_size_limit, us);
	drain_note(&j->drain->byte_rate, job->pick.input_bytes + bytes_out(r), us);
}

static void install(struct jobs *j, struct worker *w, const struct compact_report *r)
{
	enum st st = believe(j, w->job, r);

	if (!st)
		st = commit_result(j, w->job, r);
	if (st) {
		log_warn("Compaction %" PRIu64 " is worthless: %s.", w->job->number, st_text(st));
		give_room(j, st);
		give_up(j, w, true);
		return;
	}
	remove_inputs(j, w->job);
	note_speed(j, w->job, r);
	tell_result(w->job, r);
	job_free(&w->job);
	j->retry_us = 0;
	tell_running(j);
}

static void quarantine(struct jobs *j, const struct job *job, struct file_id table)
{
	for (size_t i = 0; i < job->pick.input_count; i++) {
		if (job->inputs[i].v != table.v)
			continue;
		log_error("Table %" PRIu64 " is damaged: it is left out of compaction, its readable part goes on serving. "
			  "Restore it from a backup.", table.v);
		truth_quarantine(j->truth, table, "found damaged by a compaction");
	}
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
		install(j, w, &r);
	} else if (r.done) {
		log_warn("Compaction %" PRIu64 " failed: %s.", r.job, st_text(r.status));
		if (r.status == ST_CORRUPT)
			quarantine(j, w->job, r.damaged_input);
		give_room(j, r.status);
		give_up(j, w, true);
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
			break;
		case LINK_PEER_WENT:
			w->connection = 0;
			if (w->job) {
				log_warn("The compactor of compaction %" PRIu64 " went away.", w->job->number);
				give_up(j, w, true);
			}
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

static void *run(void *arg)
{
	struct jobs *j = arg;

	while (!atomic_load(&j->stop)) {
		bool held_back;

		for (unsigned i = 0; i < j->worker_count; i++)
			drain(j, &j->workers[i]);
		held_back = patience(j) > 0;
		if (!held_back && do_next(j))
			continue;
		wait_for_work(j, held_back ? patience(j) : j->held_for_room ? ROOM_LOOK_MS : look_again(j));
	}
	return NULL;
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
	j->thread = proc_thread("jobs", run, j);
}

void jobs_stop(struct jobs *j)
{
	obj_check(j, JOBS_MAGIC);
	atomic_store(&j->stop, true);
	jobs_wake(j);
	pthread_join(j->thread, NULL);
}

void jobs_guard(struct jobs *j)
{
	for (unsigned i = 0; i < j->worker_count; i++)
		link_guard(j->workers[i].link);
}
