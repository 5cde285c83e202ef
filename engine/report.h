/* SPDX-License-Identifier: Apache-2.0 */
/* What a recovery found and did, as a value: for the engine, for the report in quarantine/, for people. */
#ifndef ENGINE_REPORT_H
#define ENGINE_REPORT_H

#include "engine/wal_format.h"

struct recovery_report {
	uint32_t segments;
	uint64_t records, entries, bytes;    /* entries: those handed on */
	bool torn_tail;                      /* an unacknowledged tail was cut */
	enum wal_damage damage;              /* of acknowledged data */
	struct file_id damaged_segment;
	uint64_t damaged_offset;
	struct seq lost_from, lost_to;       /* to: 0 = unknown */
	struct seq last_seq;                 /* last sequence recovered (or flushed, when the WAL is empty) */
	struct wal_link end;                 /* for the next segment's header */
	struct file_id highest_id;           /* of any file seen in wal/ */
	char sentence[512];                  /* for people, logged already; empty when nothing was found amiss */
};

#endif
