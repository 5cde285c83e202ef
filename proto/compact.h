/* SPDX-License-Identifier: Apache-2.0 */
/* The compaction edge as plain structs (compact.proto). Decoded messages own their memory: an arena the
 * caller gives. */
#ifndef PROTO_COMPACT_H
#define PROTO_COMPACT_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/ids.h"
#include "common/base/status.h"
#include "common/table/damage.h"

struct key_range { struct slice min, max; };                                  /* both included */
struct compact_input { struct file_id id; uint32_t level; uint64_t size_bytes; };

struct compact_below { struct slice max; uint64_t bytes; };

struct compact_order {
	uint64_t incarnation, job, database;
	bool cancel;
	struct compact_input *inputs;  size_t input_count;       /* newest data first */
	size_t cover_count;                                      /* of them: they stay, and hide entries of the last one; 0: a merge */
	uint32_t output_level;
	struct file_id first_output_id;  uint32_t output_id_count;
	uint64_t table_size_target;
	unsigned codec;
	struct key_range *deeper;  size_t deeper_count;          /* sorted by min */
	struct slice begin, end;                                 /* keys in [begin, end); empty: without bound */
	uint64_t range_bytes;                                    /* of the inputs in that range, about; 0: all */
	struct compact_below *below;  size_t below_count;        /* sorted */
	uint64_t below_limit;                                    /* an output may meet so many bytes of it; 0: any number */
	bool adjust;                                             /* only the rate limit changes, of the job under way */
	uint64_t rate_limit;                                     /* bytes per second; 0: none */
	struct table_damage *passed;  size_t passed_count;       /* table and offset of blocks to be passed over; no more of it */
};

/* A finished table as the manifest will name it; also what a flush produces. */
struct table_facts {
	struct file_id id;
	uint64_t size_bytes;
	uint32_t file_crc;
	struct slice min_key, max_key;
	struct seq min_seq, max_seq;
	uint64_t entry_count, tombstone_count, uncompressed_bytes;
	uint64_t expiring_count;                     /* entries with an expiry, tombstones not among them */
	int64_t min_expires_ms, max_expires_ms;      /* of those; 0 when there are none */
};

struct compact_report {
	uint64_t incarnation, job;
	bool done;
	enum st status;
	struct slice detail;
	uint64_t bytes_read, bytes_total, entries_in, dropped_overwritten, dropped_tombstones, dropped_expired, duration_us, throttled_us;
	struct table_facts *outputs;  size_t output_count;
	struct file_id damaged_input;
};

void compact_order_encode(const struct compact_order *o, struct buf *out);
enum st compact_order_decode(struct slice message, struct arena *a, struct compact_order *op) MUST_USE;
void compact_report_encode(const struct compact_report *r, struct buf *out);
enum st compact_report_decode(struct slice message, struct arena *a, struct compact_report *rp) MUST_USE;

#endif
