/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace of one point read: where it looked, in which order, and what each place cost. Only reads that are asked to
 * explain themselves have one (read_cost.trace); the others test a pointer. Pure; the reading thread's.
 */
#ifndef VIEW_READ_TRACE_H
#define VIEW_READ_TRACE_H

#include "common/table/table_reader.h"

enum { READ_TRACE_STEPS = 64, READ_TRACE_MEMTABLE = -1 };

enum read_found {
	READ_NOTHING,                /* looked through; in a table: its filter had said maybe */
	READ_FILTERED,               /* the table's filter, or its range of sequences, said no */
	READ_VALUE, READ_TOMBSTONE, READ_EXPIRED,
	READ_UNREADABLE              /* damaged, missing, or the disk would have been waited for */
};

struct read_step {
	struct file_id id;
	int level;                   /* READ_TRACE_MEMTABLE, or the table's */
	enum read_found found;
	uint32_t ns, blocks_cached, blocks_read;
};

struct read_trace {
	unsigned count, left_off;    /* steps; further ones that had no room */
	uint64_t mark_ns;            /* the last step's end */
	int64_t now_ms;              /* decides expiry */
	struct read_step steps[READ_TRACE_STEPS];
};

void read_trace_begin(const struct read_cost *cost, int64_t now_ms);      /* nothing without a trace */
/* What came of a place; cost has a trace. before: the cost when it was asked, e: with ST_OK. */
void read_trace_step(const struct read_cost *cost, const struct read_cost *before, struct file_id id, int level,
		     enum st st, const struct entry *e);

#endif
