/* SPDX-License-Identifier: Apache-2.0 */
/* From a version and a list of memtables to bytes on the board. */
#include "engine/publish.h"

#include "common/stats/stats.h"
#include "proto/view_msg.h"

enum st publish_view(struct board *b, const struct version *v, const struct view_desc *head)
{
	struct view_desc desc = *head;
	struct buf bytes = BUF_INIT;
	uint64_t generation;
	struct arena a;
	enum st st;

	arena_init(&a);
	version_describe(v, &a, &desc);
	desc.generation = board_next_generation(b);
	view_desc_encode(&desc, &bytes);
	st = board_publish(b, buf_slice(&bytes), &generation);
	buf_fini(&bytes);
	arena_fini(&a);
	return st;
}

void publish_levels(const struct version *v, uint64_t *table_bytesp)
{
	*table_bytesp = 0;
	stats_set(M_damage_records, version_damages(v)->count);
	for (unsigned n = 0; n < LEVEL_COUNT; n++) {
		struct level_list l = version_level(v, n);

		stats_set_level(M_sstable_files, n, l.count);
		stats_set_level(M_sstable_bytes, n, l.bytes);
		*table_bytesp += l.bytes;
	}
}
