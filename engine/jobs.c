/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders compactions and installs their results; see jobs.h.
 *
 *   chooser.c: what is next --> underway.c: begin, send to the crew  ...  reports of parts --> underway.c: install, or drop
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
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/proc.h"
#include "engine/chooser.h"
#include "engine/underway.h"

#define JOBS_MAGIC 0x6a6f6273u
#define ASKED_LOOK_MS 1000
#define STUCK_US 600000000u              /* no sync of a table and no look at all inputs takes so long on a disk that works */

struct jobs {
	uint32_t magic;

	/* fixed after start */
	struct truth *truth;
	struct reserve *reserve;         /* NULL: the disk is never full */
	struct inspect *inspect;         /* NULL: nobody looks at damage */
	uint64_t stuck_us;
	pthread_t thread;

	/* the thread's */
	struct chooser chooser;
	struct underway under;
	uint64_t next_job;

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
	asked_init(&j->asked);
	j->chooser.levels = (struct levels_conf){ conf->compaction_trigger_ratio, conf->memtable_size_limit,
						  conf->level_size_ratio };
	j->chooser.rest_us = conf->compaction_rest_ms * 1000;
	j->chooser.table_size_target = conf->table_size_target;
	j->rate_limit = conf->compaction_rate_limit;
	j->stuck_us = STUCK_US;
	j->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (j->wake_fd < 0)
		st = fail(ST_INTERNAL, "the system refused an eventfd");
	if (!st)
		st = underway_listen(&j->under, conf, jobs_wake, j);
	if (!st)
		*jp = j;                 /* links are never closed, so a failed start leaves them to the process' end */
	return st;
}

/* ---- failures ---- */

/* On a full disk the reserve is given back for the next try. */
static void give_room(struct jobs *j, enum st st)
{
	if (st == ST_FULL && reserve_spend(j->reserve))
		log_info("Compaction goes on with what the reserve gave back.");
}

/* The job failed; culprit: the input that says so. What a compactor could not read may be damaged: once that is on record the
 * next job passes it over. */
static void give_up(struct jobs *j, struct compaction *job, enum st st, struct file_id culprit)
{
	if (j->inspect && compaction_reads(job, culprit))
		inspect_suspect(j->inspect, culprit, DAMAGE_WHOLE);
	chooser_failed(&j->chooser, job, st, culprit);
	give_room(j, st);
	underway_drop(&j->under, job);
	asked_fail(&j->asked, clock_mono_us());
}

/* ---- ordering ---- */

/* Has the job done by those who are idle. On failure it is the caller's again, otherwise it is under way, or, when one of them
 * is gone already, given up: no longer to be touched. */
static enum st order(struct jobs *j, struct compaction *job)
{
	enum st st = underway_begin(&j->under, job);

	if (!st && underway_send(&j->under, job, atomic_load(&j->rate_limit)))
		give_up(j, job, ST_CANCELLED, file_id(0));
	return st;
}

/* Fills job with the next thing to do; false: nothing. */
static bool choose(struct jobs *j, struct compaction *job)
{
	struct asked_status asked = asked_status(&j->asked);
	struct chooser_scene scene = { .running = j->under.jobs, .running_count = j->under.count,
				       .idle = crew_idle(&j->under.crew) > 0,
				       .asked = asked.state == ASKED_UNDER_WAY ? asked.up_to : seq(0) };

	return chooser_next(&j->chooser, &scene, job) && (job->pick.move || scene.idle);
}

/* Does or orders the next thing; false: there is nothing (more) to do now. */
static bool do_next(struct jobs *j)
{
	struct compaction *job = compaction_new();
	enum st st;
	bool move;

	if (!choose(j, job)) {
		compaction_free(&job);
		return false;
	}
	job->number = j->next_job++;
	move = job->pick.move;
	st = move ? compaction_move(job, j->truth) : order(j, job);
	if (st) {
		give_room(j, st);
		asked_fail(&j->asked, clock_mono_us());
		chooser_back_off(&j->chooser);
	}
	if (!st && move)
		asked_note(&j->asked, 0, 0, clock_mono_us());
	if (st || move)
		compaction_free(&job);
	return st == ST_OK;
}

/* ---- results ---- */

static void install(struct jobs *j, struct compaction *job)
{
	uint64_t in = job->pick.input_bytes, out = compaction_output_bytes(job), number = job->number;
	enum st st = underway_install(&j->under, job);

	if (st) {
		log_warn("Compaction %" PRIu64 " is worthless: %s.", number, st_text(st));
		give_up(j, job, st, file_id(0));
		return;
	}
	asked_note(&j->asked, in, out, clock_mono_us());
	chooser_went_well(&j->chooser);
}

static void share_rate(struct jobs *j)
{
	crew_share_rate(&j->under.crew, atomic_load(&j->rate_limit), NULL);
}

/* A part is done. The job is when all of them are. */
static void take_part(struct jobs *j, struct worker *w, const struct compact_report *r)
{
	struct compaction *job = w->job;
	enum st st = compaction_take(job, w->part, r);

	w->job = NULL;
	share_rate(j);
	if (st)
		give_up(j, job, st, file_id(0));
	else if (job->done_count == job->part_count)
		install(j, job);
}

/* The compactor's last word about the job that it is at. */
static void take_end(struct jobs *j, struct worker *w, const struct compact_report *r)
{
	struct compaction *job = w->job;

	if (r->status == ST_OK) {
		take_part(j, w, r);
		return;
	}
	log_warn("Compaction %" PRIu64 " failed: %s.", r->job, st_text(r->status));
	w->job = NULL;
	give_up(j, job, r->status, r->damaged_input);
}

static void take_report(struct jobs *j, struct worker *w, struct slice message)
{
	struct compact_report r;
	struct arena a;

	arena_init(&a);
	if (compact_report_decode(message, &a, &r)) {
		log_warn("A compactor sent a report that cannot be read.");
	} else if (r.incarnation != j->under.crew.incarnation || !r.job || r.job != (w->job ? w->job->number : w->owes)) {
		log_debug("A report of another life or job is ignored.");        /* invariant 7 */
	} else if (!w->job && r.done) {
		underway_settle(&j->under, w);
	} else if (r.done) {
		take_end(j, w, &r);
	} else if (w->job) {
		compaction_note(w->job, w->part, &r, clock_mono_us());
		underway_tell(&j->under);
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
			underway_tell(&j->under);
			break;
		case LINK_PEER_WENT:
			w->connection = 0;
			if (w->owes)
				underway_settle(&j->under, w);
			if (w->job) {
				log_warn("The compactor of compaction %" PRIu64 " went away.", w->job->number);
				give_up(j, w->job, ST_UNAVAILABLE, file_id(0));
			}
			underway_tell(&j->under);
			break;
		}
	}
}

/* One that comes no further: its compactor gets no other order before it says something (crew.h), and what it was reading is
 * under suspicion. */
static void give_up_stuck(struct jobs *j)
{
	struct compaction *job = underway_stuck(&j->under, j->stuck_us);

	if (!job)
		return;
	log_warn("Compaction %" PRIu64 " has come no further for %" PRIu64 " s and is given up.", job->number, j->stuck_us / 1000000);
	give_up(j, job, ST_TIMEOUT, file_id(0));
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
	struct asked_view v = { .running = j->under.count > 0 };

	if (s.state != ASKED_UNDER_WAY)
		return false;
	v.stuck = !held_back && s.up_to.v == j->chooser.asked.v && !j->chooser.held_for_room &&
		  !chooser_goes_round(&j->chooser) && crew_idle(&j->under.crew) > 0;
	asked_count(truth_lock(j->truth), s.up_to, &v);
	truth_unlock(j->truth);
	asked_look(&j->asked, &v, clock_mono_us());
	return asked_status(&j->asked).state == ASKED_UNDER_WAY;
}

/* How long to wait for work, with nothing begun. */
static int pause_ms(struct jobs *j, bool held_back)
{
	int ms = held_back ? chooser_held_ms(&j->chooser) : chooser_look_ms(&j->chooser);

	if (j->under.count > 0 && (uint64_t)ms > j->stuck_us / 1000)
		ms = (int)(j->stuck_us / 1000) + 1;
	return look_at_asked(j, held_back) && ms > ASKED_LOOK_MS ? ASKED_LOOK_MS : ms;
}

static void *run(void *arg)
{
	struct jobs *j = arg;

	while (!atomic_load(&j->stop)) {
		bool held_back;

		for (unsigned i = 0; i < j->under.crew.count; i++)
			drain(j, &j->under.crew.workers[i]);
		give_up_stuck(j);
		share_rate(j);
		held_back = chooser_held_ms(&j->chooser) > 0;
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

/* Writers are paced by what compaction may do, not only by what it did. */
static void tell_rate(struct jobs *j)
{
	if (j->under.drain)
		atomic_store(&j->under.drain->byte_limit, atomic_load(&j->rate_limit));
}

void jobs_set_world(struct jobs *j, struct reserve *r, struct drain *d)
{
	obj_check(j, JOBS_MAGIC);
	j->reserve = j->chooser.reserve = r;
	j->under.drain = d;
	tell_rate(j);
}

void jobs_set_patience(struct jobs *j, uint64_t us)
{
	obj_check(j, JOBS_MAGIC);
	j->stuck_us = us;
}

void jobs_start(struct jobs *j, struct truth *t, const struct install_dir *dir, uint64_t next_job)
{
	obj_check(j, JOBS_MAGIC);
	j->truth = j->chooser.truth = j->under.truth = t;
	j->under.dir = *dir;
	j->under.crew.incarnation = truth_incarnation(t);
	j->next_job = next_job ? next_job : 1;
	underway_tell(&j->under);       /* those of the engine before are no more */
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
	tell_rate(j);
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
	crew_guard(&j->under.crew);
}
