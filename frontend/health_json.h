/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /api/health: seven validators and the verdict.
 *
 *	healthy    reads and writes are served
 *	degraded   reads are served, but the engine is away or refuses writes (flush or compaction may be too far
 *	           behind), ranges of keys are damaged, or the
 *	           disk is nearly full: less than twice DISK_LOW_WATER (200 all the same: restarting this process would not help)
 *	unhealthy  nothing can be read: no view, or the data directory is not there (503)
 *
 * The facts are gathered by the caller, the verdict is pure.
 */
#ifndef FRONTEND_HEALTH_JSON_H
#define FRONTEND_HEALTH_JSON_H

#include "common/base/buf.h"
#include "common/table/view_desc.h"
#include "common/view/board.h"

struct health_facts {
	int64_t now_s;
	const struct view_desc *desc;    /* NULL: nothing to read from yet */
	uint64_t memtable_bytes, wal_bytes, disk_free;
	uint64_t disk_mark;              /* below it the engine refuses writes; 0: not known yet */
	bool disk_known, directory_there;
	bool disk_refuses;               /* and now it does */
	uint64_t disk_resume;            /* until so much is free; 0: not known */
	bool stalled;                    /* it refuses them as busy: flush or compaction is behind */
	bool engine_there;               /* greets and takes writes */
	int engine_pid;                  /* 0 = not running */
	enum board_state engine_state;
	struct slice recovery;           /* report.h's JSON of what the last start found; empty: nothing */
	uint64_t replay_done, replay_total, replay_eta_us;
};

enum health { HEALTH_HEALTHY, HEALTH_DEGRADED, HEALTH_UNHEALTHY };

enum health health_judge(const struct health_facts *f);
/* "ok", "refusing", "replaying", "starting" or "down". */
const char *health_engine_word(const struct health_facts *f);
void health_json_write(struct buf *out, const struct health_facts *f);

/* Why the server is not ready, as a sentence; NULL when it is. out holds it. */
const char *health_not_ready(struct buf *out, const struct health_facts *f);

#endif
