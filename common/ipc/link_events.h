/* SPDX-License-Identifier: Apache-2.0 */
/* What happens on a link, and a growing first-in first-out queue of it (used inside, guarded by the link's
 * lock). */
#ifndef IPC_LINK_EVENTS_H
#define IPC_LINK_EVENTS_H

#include "common/base/slice.h"

struct link_msg;                     /* a received or outgoing message; owns its bytes */

enum link_event_kind { LINK_NOTHING, LINK_MESSAGE, LINK_PEER_CAME, LINK_PEER_WENT };

struct link_event {
	enum link_event_kind kind;
	struct link_msg *msg;            /* LINK_MESSAGE: now the caller's */
	uint64_t connection;             /* counts connections from 1 */
};

struct link_events {
	struct link_event *ring;
	size_t capacity;                 /* a power of two, or 0 */
	size_t first, count;
};

void link_events_push(struct link_events *q, struct link_event e);

/* The oldest event; LINK_NOTHING when there is none. */
struct link_event link_events_pop(struct link_events *q);

#endif
