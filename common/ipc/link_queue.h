/* SPDX-License-Identifier: Apache-2.0 */
/* A growing first-in first-out queue of link events, used for both directions of a link. The owner's lock guards it. */
#ifndef IPC_LINK_QUEUE_H
#define IPC_LINK_QUEUE_H

#include "common/ipc/link.h"

struct link_queue {
	struct link_event *ring;
	size_t capacity;      /* a power of two, or 0 */
	size_t first, count;
};

void link_queue_push(struct link_queue *q, struct link_event e);

/* The oldest event; LINK_NOTHING when there is none. */
struct link_event link_queue_pop(struct link_queue *q);

#endif
