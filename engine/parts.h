/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cutting a large compaction into key ranges that several compactors work on at once. Pure.
 *
 * 1. The ranges hold every key once: [without bound, k1) [k1, k2) ... [kn, without bound), with k1 < k2 < ... < kn. So
 *    all versions of a key are in one range, and a table reaches into as many as its keys do.
 * 2. They are cut where a table below level 0 begins, so that their bytes are about the same; tables of level 0 are taken
 *    to spread like those. A job of level 0 alone is not cut.
 */
#ifndef ENGINE_PARTS_H
#define ENGINE_PARTS_H

#include "engine/pick_job.h"

struct part_range {
	struct slice begin, end;         /* [begin, end); empty: without bound; on loan from the job's arena */
	uint64_t bytes;                  /* of the job's inputs, about; at least 1 */
};

/* At most `most` ranges (at least 1), of at least `least_bytes` each. */
size_t parts_cut(const struct pick_job *job, size_t most, uint64_t least_bytes, struct arena *a,
		 struct part_range **partsp);

/* Does the table reach into the range? */
bool parts_meet(const struct part_range *p, const struct table_facts *t);

#endif
