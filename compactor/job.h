/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One compaction, from the engine's order to the report: look at the inputs, merge, drop, write, sync.
 *
 *	new -> run (on the job thread) -> [discard] -> free
 *
 * 1. A run that does not end in ST_OK leaves no file of its own behind.
 * 2. Inputs are only read. Nothing here names a file outside DATA_DIR/tmp for writing (invariant 6).
 * 3. An input that is damaged or missing, or that the disk does not read, is named in damaged_input (ST_CORRUPT, ST_NOT_FOUND,
 *    ST_IO); when an output cannot be written nobody is.
 * 4. cancel and progress may be called from any thread while another one runs; the rest by one thread at a
 *    time.
 */
#ifndef COMPACTOR_JOB_H
#define COMPACTOR_JOB_H

#include "common/vfs/vfs.h"
#include "proto/compact.h"

struct job;

/* order and data_dir are on loan until free. now_ms: what has expired by then may be dropped. */
struct job *job_new(struct vfs *v, const char *data_dir, const struct compact_order *order, int64_t now_ms);
void job_free(struct job **jp);          /* keeps the finished outputs of a run that ended in ST_OK */

/* Carries the order out; the final report into *rp, its slices good until free. Once. */
void job_run(struct job *j, struct compact_report *rp);

/* Another bound on the bytes read and written per second, for the rest of the run; any thread. 0: none. */
void job_set_rate(struct job *j, uint64_t bytes_per_second);

/* Makes a run end soon in ST_CANCELLED. */
void job_cancel(struct job *j);

/* How far a run is, as a report that is not done. */
void job_progress(struct job *j, struct compact_report *rp);

/* After a run: nobody will take the outputs, so they go. */
void job_discard(struct job *j);

#endif
