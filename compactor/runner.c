/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The job thread (runner.h). It shares with its starter: the job (whose calls say who may use them), the
 * report, which is the thread's until `finished` is set, and the eventfd.
 */
#include "compactor/runner.h"

#include <linux/ioprio.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/proc.h"

#define RUNNER_MAGIC 0x72756e72u
#define NICE 5
#define LOWEST 7                         /* of the eight levels in a class */

struct runner {
	uint32_t magic;
	/* fixed after new */
	struct vfs *vfs;
	const char *data_dir;
	int wake_fd;
	/* of the job at hand */
	struct job *job;
	pthread_t thread;
	bool joined, cancelled;
	uint64_t cancelled_us;           /* when it was first */
	struct compact_report report;
	_Atomic bool finished;
};

struct runner *runner_new(struct vfs *v, const char *data_dir, int wake_fd)
{
	struct runner *r = mem_zalloc(sizeof *r);

	obj_init(r, RUNNER_MAGIC);
	r->vfs = v;
	r->data_dir = data_dir;
	r->wake_fd = wake_fd;
	return r;
}

enum runner_state runner_state(const struct runner *r)
{
	obj_check(r, RUNNER_MAGIC);
	return !r->job ? RUNNER_IDLE : atomic_load(&r->finished) ? RUNNER_FINISHED : RUNNER_RUNNING;
}

/*
 * A compaction should yield to writes and reads whenever both want the machine, and yet never starve: level 0
 * would pile up until writes are held back. So it is a little nice and last in the best effort class, not in
 * the idle one. On Linux both calls are about the calling thread only. Refused (in some containers), the job
 * runs all the same.
 */
static void lower_priority(void)
{
	if (setpriority(PRIO_PROCESS, 0, NICE) != 0)
		log_debug("the job thread keeps its CPU priority");
	if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, LOWEST)) != 0)
		log_debug("the job thread keeps its I/O priority");
}

static void *run(void *arg)
{
	struct runner *r = arg;

	lower_priority();
	job_run(r->job, &r->report);
	atomic_store(&r->finished, true);
	(void)!eventfd_write(r->wake_fd, 1);
	return NULL;
}

void runner_start(struct runner *r, const struct compact_order *order)
{
	must(runner_state(r) == RUNNER_IDLE);
	atomic_store(&r->finished, false);
	r->joined = r->cancelled = false;
	r->job = job_new(r->vfs, r->data_dir, order, clock_wall_ms());
	r->thread = proc_thread("job", run, r);
}

void runner_cancel(struct runner *r)
{
	if (runner_state(r) == RUNNER_IDLE)
		return;
	if (!r->cancelled)
		r->cancelled_us = clock_mono_us();
	r->cancelled = true;
	job_cancel(r->job);
}

bool runner_is_overdue(const struct runner *r, uint64_t now_us)
{
	return runner_state(r) == RUNNER_RUNNING && r->cancelled && now_us >= r->cancelled_us + RUNNER_WIND_DOWN_US;
}

bool runner_cancelled(const struct runner *r)
{
	return runner_state(r) != RUNNER_IDLE && r->cancelled;
}

void runner_set_rate(struct runner *r, uint64_t bytes_per_second)
{
	if (runner_state(r) != RUNNER_IDLE)
		job_set_rate(r->job, bytes_per_second);
}

void runner_progress(struct runner *r, struct compact_report *rp)
{
	must(runner_state(r) != RUNNER_IDLE);
	job_progress(r->job, rp);
}

const struct compact_report *runner_collect(struct runner *r)
{
	must(runner_state(r) != RUNNER_IDLE);
	if (!r->joined)
		must(pthread_join(r->thread, NULL) == 0);
	r->joined = true;
	/* The cancellation may have come when the job had just succeeded; whoever asked wants no outputs. */
	if (r->cancelled && r->report.status == ST_OK) {
		job_discard(r->job);
		r->report.status = ST_CANCELLED;
		r->report.output_count = 0;
	}
	return &r->report;
}

void runner_release(struct runner *r, bool keep)
{
	must(runner_state(r) == RUNNER_FINISHED && r->joined);
	if (!keep)
		job_discard(r->job);
	job_free(&r->job);
}

void runner_free(struct runner **rp)
{
	struct runner *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	if (runner_state(r) != RUNNER_IDLE) {
		runner_cancel(r);
		(void)runner_collect(r);
		runner_release(r, false);
	}
	obj_fini(r);
	mem_free(r);
}
