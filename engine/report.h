/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a recovery found and did, as a value and as JSON: for the engine, for the report in quarantine/, for people.
 *
 *	{ "kind": "checksum_mismatch", "file": "wal_7.log", "offset": 4096, "bytes": 512, "acknowledged": true,
 *	  "last_sequence_kept": 41, "lost_from_sequence": 42, "lost_to_sequence": 57, "mode": "truncate",
 *	  "action": "quarantined", "quarantined": ["wal_7_at_4096.bin"], "time_ms": 1705932000000,
 *	  "summary": "...", "what_to_do": "..." }
 *
 * action: refused (nothing was changed), quarantined, or cut (a torn tail). lost_to_sequence null: not known.
 */
#ifndef ENGINE_REPORT_H
#define ENGINE_REPORT_H

#include "common/table/filename.h"
#include "common/vfs/vfs.h"
#include "common/wal/wal_format.h"

struct recovery_report {
	uint32_t segments;
	uint64_t records, entries, bytes;    /* entries: those handed on */
	bool torn_tail;                      /* an unacknowledged tail was cut */
	enum wal_damage damage;              /* of acknowledged data */
	struct file_id damaged_segment;      /* or the one with the torn tail */
	uint64_t damaged_offset, damaged_bytes;  /* up to the last byte of the segment that is not zero */
	unsigned mode;                       /* WAL_RECOVERY_* */
	bool refused;                        /* nothing was changed, the engine does not start */
	struct seq lost_from, lost_to;       /* of damage; to: the last one that is known to have been there, 0 = unknown */
	struct seq last_seq;                 /* last sequence recovered (or flushed, when the WAL is empty) */
	struct wal_link end;                 /* for the next segment's header */
	struct file_id highest_id;           /* of any file seen in wal/ */
	char sentence[512];                  /* for people, logged already; empty when nothing was found amiss */
};

/* What was found, in one word: checksum_mismatch, truncated, undecodable, sequence_gap, torn_tail, or none. */
const char *report_kind(const struct recovery_report *r);

/* The report as a JSON object, with these files in quarantine. */
void report_print(const struct recovery_report *r, const struct buf *names, struct buf *out);

/* DATA_DIR/quarantine/wal_<id>_at_<offset>.<ext>, of where the damage is: bin, the bytes that were cut; json, the report. */
struct path report_set_aside(const struct recovery_report *r, const char *data_dir, const char *ext);

/* Leaves it in RUN_DIR/recovery.json, for health, lsmctl and people: the one that lies in quarantine/ when something was put
 * there. Removes an old one when there is nothing to report. The data directory is not changed. */
void report_leave(const struct recovery_report *r, struct vfs *v, const char *data_dir, const char *run_dir);

#endif
