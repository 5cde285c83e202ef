/* SPDX-License-Identifier: Apache-2.0 */
/* A growing ring of link events (link_events.h). It grows by doubling and keeps its memory. */
#include "common/ipc/link_events.h"

#include "common/base/mem.h"

#define FIRST_CAPACITY 16u

/* Twice the room, the oldest event at the front. */
static void grow(struct link_events *q)
{
	size_t capacity = q->capacity ? 2 * q->capacity : FIRST_CAPACITY, tail = q->capacity - q->first;
	struct link_event *ring = mem_alloc(capacity * sizeof *ring);

	if (q->count) {
		memcpy(ring, q->ring + q->first, tail * sizeof *ring);
		memcpy(ring + tail, q->ring, q->first * sizeof *ring);
	}
	mem_free(q->ring);
	q->ring = ring;
	q->capacity = capacity;
	q->first = 0;
}

void link_events_push(struct link_events *q, struct link_event e)
{
	if (q->count == q->capacity)
		grow(q);
	q->ring[(q->first + q->count++) & (q->capacity - 1)] = e;
}

struct link_event link_events_pop(struct link_events *q)
{
	struct link_event e = { LINK_NOTHING, NULL, 0 };

	if (q->count == 0)
		return e;
	e = q->ring[q->first];
	q->first = (q->first + 1) & (q->capacity - 1);
	q->count--;
	return e;
}
