/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compaction as the engine sees it: orders jobs from compactors and installs what they made.
 *
 *   pick -> reserve ids -> mark inputs busy -> order  ...  report -> believe the tables -> manifest and next view -> unlink
 *
 * 1. Only the engine changes the manifest and removes live files; a compactor can at worst waste a job (invariant 6).
 * 2. A report counts only for the incarnation and the job that it names (invariant 7).
 * 3. A table is installed after this process opened it, read all of it, synced it and its name (invariant 3); inputs are
 *    removed after the commit (invariant 4).
 * 4. A job that fails leaves no trace but its ids. An input that is to blame for it rests, longer each time, and so do all of
 *    them when compactors die of jobs with them; other jobs go on. When none is to blame the next job waits, whichever it is.
 * 5. A job begins only when its output, at most as large as its input, fits on the disk beside those of the running ones.
 *    While writes are refused for want of room, level 0 is compacted whatever it holds: there may be deletes in it.
 * 6. What a compactor cannot read is looked at (inspect.h); blocks on record are passed over by the next job, whose order names
 *    them, and their table goes to quarantine/ when it is merged away. So damage holds up nothing for long.
 * 7. A job that comes no further for ten minutes is given up. Its compactor is told to stop; one that cannot, as its thread does
 *    not come back from the system, ends after a while (compactor/runner.h), and the supervisor starts another.
 *
 * A thread of its own. No other one removes tables, but for those that cannot be read at all: what was picked is copied, and a
 * result whose inputs are gone is worthless.
 */
#ifndef ENGINE_JOBS_H
#define ENGINE_JOBS_H

#include "common/base/conf.h"
#include "engine/asked.h"
#include "engine/drain.h"
#include "engine/inspect.h"
#include "engine/install.h"
#include "engine/reserve.h"
#include "engine/truth.h"

struct jobs;

/* Listens for the compactors of this configuration; messages wait until the thread starts. */
enum st jobs_listen(const struct conf *conf, struct jobs **jp) MUST_USE;

/* Before the start; on loan, either may be NULL: how full the disk is, and who is told how fast it goes. */
void jobs_set_world(struct jobs *j, struct reserve *r, struct drain *d);
void jobs_set_inspect(struct jobs *j, struct inspect *i);        /* so too: who looks at what cannot be read */
void jobs_set_patience(struct jobs *j, uint64_t us);     /* so too: other than ten minutes (7) */
void jobs_start(struct jobs *j, struct truth *t, const struct install_dir *dir, uint64_t next_job);
void jobs_wake(void *jobs);                  /* the tables changed; fits truth_changed_f; any thread */
/* Bytes that all compactors together read and write per second, from now on; 0: no limit. Any thread. */
void jobs_set_rate(struct jobs *j, uint64_t bytes_per_second);

/* Takes everything up to a sequence, which is in tables, to the last level. Any thread. */
void jobs_compact(struct jobs *j, struct seq up_to);
struct asked_status jobs_asked(struct jobs *j);

void jobs_stop(struct jobs *j);              /* after what it is doing; running jobs are given up */
void jobs_guard(struct jobs *j);             /* link_guard() for every link */

#endif
