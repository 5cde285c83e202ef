/* SPDX-License-Identifier: Apache-2.0 */
/* Groups in a queue; one emptied group is kept, so that a steady stream of writes allocates nothing. */
#include "frontend/gather.h"

#include "common/base/mem.h"
#include "common/base/must.h"
#include "proto/write.h"

enum { KEEP_BYTES = 256 << 10 };

static void group_free(struct write_group *group)
{
	buf_fini(&group->batches);
	mem_free(group);
}

void gather_fini(struct gather *g)
{
	must(g->first == NULL);
	if (g->spare)
		group_free(g->spare);
	g->spare = NULL;
}

static bool is_closed(const struct gather *g, const struct write_group *group, size_t bytes, uint64_t now_us)
{
	size_t most = g->most ? g->most : WRITE_GATHER_BATCHES;

	return group->count >= most || group->batches.n + bytes > WRITE_GATHER_BYTES ||
	       now_us - group->oldest_us > GATHER_SPAN_US;
}

static struct write_group *open_group(struct gather *g, uint64_t now_us, enum gather_kind kind)
{
	struct write_group *group = g->spare;

	g->spare = NULL;
	if (!group)
		group = mem_zalloc(sizeof *group);
	group->oldest_us = now_us;
	group->kind = kind;
	if (g->last)
		g->last->next = group;
	else
		g->first = group;
	g->last = group;
	return group;
}

void gather_add(struct gather *g, struct http_request *r, struct slice batch, enum gather_kind kind, bool sync)
{
	struct write_group *group = g->last;
	size_t before;

	if (!group || group->kind != kind || is_closed(g, group, batch.n, r->arrived_us))
		group = open_group(g, r->arrived_us, kind);
	before = group->batches.n;
	write_request_add_batch(&group->batches, batch);
	group->sync |= sync;
	r->link = NULL;
	if (group->last)
		group->last->link = r;
	else
		group->first = r;
	group->last = r;
	group->count++;
	g->count++;
	g->bytes += group->batches.n - before;
}

struct write_group *gather_take(struct gather *g)
{
	struct write_group *group = g->first;

	if (!group)
		return NULL;
	g->first = group->next;
	if (!g->first)
		g->last = NULL;
	group->next = NULL;
	g->count -= group->count;
	g->bytes -= group->batches.n;
	return group;
}

void gather_release(struct gather *g, struct write_group **groupp)
{
	struct write_group *group = *groupp;

	*groupp = NULL;
	must(group->first == NULL);
	if (g->spare || group->batches.capacity > KEEP_BYTES) {
		group_free(group);
		return;
	}
	buf_reset(&group->batches);
	*group = (struct write_group){ .batches = group->batches };
	g->spare = group;
}

struct http_request *write_group_pop(struct write_group *group)
{
	struct http_request *r = group->first;

	if (!r)
		return NULL;
	group->first = r->link;
	if (!group->first)
		group->last = NULL;
	r->link = NULL;
	group->count--;
	return r;
}
