/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What recovery writes: it makes the end of the newest segment true on disk, and moves what was cut out of
 * the way. Each step can be interrupted by a power cut and done again from the start.
 */
#ifndef ENGINE_RECOVERY_REPAIR_H
#define ENGINE_RECOVERY_REPAIR_H

#include "common/vfs/vfs.h"
#include "engine/report.h"

/* Writes bytes [from, upto) of the segment again, puts the closing record behind them and syncs, then cuts the file
 * there: what was read can no longer vanish, what was not read is gone for good. closing may be empty. */
enum st recovery__settle(struct vfs *v, const char *data_dir, struct file_id id, uint64_t from,
			 uint64_t upto, struct slice closing) MUST_USE;

/* What goes to quarantine: the bytes [offset, content_end) of cut (0 = of none), and whole segments. */
struct quarantine_order {
	struct file_id cut;
	uint64_t offset, content_end;
	const struct file_id *whole;  size_t whole_count;    /* rising; on loan */
	struct slice closing;        /* stands behind what is left of `cut`; may be empty */
	struct file_id keep_name;    /* when it goes, or is missing, a segment of these bytes takes its place (the floor) */
	struct slice stand_in;
};

/* Writes the report and the cut bytes, then moves the whole segments, newest first, so that an interrupted
 * run finds the same damage again; at last the segment that is to be cut becomes a file of its own, cut there, so that a
 * checkpoint with which it was shared keeps what it had. To settle what is left is recovery__settle()'s. */
enum st recovery__quarantine(struct vfs *v, const char *data_dir, const struct quarantine_order *q,
			     const struct recovery_report *r) MUST_USE;

#endif
