/* SPDX-License-Identifier: Apache-2.0 */
/* What recovery.c finds out and recovery_settle.c acts on: the log as it is being read back. */
#ifndef ENGINE_RECOVERY_PRIV_H
#define ENGINE_RECOVERY_PRIV_H

#include "engine/recovery.h"
#include "common/wal/wal_reader.h"

struct segment {
	struct file_id id;
	uint64_t size;
	enum wal_opening opening;
	struct wal_header header;
	struct wal_rest rest;            /* of the whole file, when it has no header */
};

/* Damage of acknowledged data, and where. whole: the segment cannot be used at all. */
struct finding {
	enum wal_damage damage;
	size_t index;                    /* of segments; their count: behind all of them */
	uint64_t offset, content_end;
	bool whole;
	struct seq lost_to;
	char what[200];
};

struct recovery {
	/* fixed */
	struct vfs *v;
	const char *data_dir;
	unsigned mode;
	uint64_t database;
	struct file_id floor;
	struct seq flushed, promised;
	const struct recovery_sink *sink;
	/* after look */
	struct segment *segments;
	size_t count, capacity;
	bool floor_seen;
	uint64_t total_bytes;
	/* replay */
	struct seq last;                 /* last sequence read */
	struct wal_link end;             /* of the last segment read */
	uint64_t promise;                /* highest in the last segment read */
	bool to_close;                   /* it has no closing record and needs one before its file is cut */
	uint64_t done_bytes, told_bytes;
	struct recovery_report *rp;
};

/* Puts damage into the report and counts it. */
void recovery__tell_damage(struct recovery *r, const struct finding *f);

/* No damage; perhaps a torn tail, in the newest segment or (its header: torn) in one more behind it. */
enum st recovery__settle_tail(struct recovery *r, struct file_id torn) MUST_USE;

/* Damage, and what is before it is kept: the rest goes to quarantine. */
enum st recovery__set_aside(struct recovery *r, const struct finding *f) MUST_USE;

#endif
