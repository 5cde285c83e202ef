/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of one of the engine's links, for tests that play a frontend or a compactor. */
#ifndef T_ENGINE_PEER_H
#define T_ENGINE_PEER_H

#include <poll.h>
#include <unistd.h>

#include "common/ipc/link.h"
#include "t/check_main.h"

#define PEER_WAIT_MS 60000       /* ends a test that would hang */

struct peer {
	struct link *link;
	int wake[2];
	struct link_msg *msg;            /* the last one received */
};

static inline void peer_wake(void *ctx)
{
	struct peer *p = ctx;

	(void)!write(p->wake[1], "x", 1);
}

static inline void peer_dial(struct peer *p, const char *path, size_t max_bytes)
{
	p->msg = NULL;
	ck_assert_int_eq(pipe(p->wake), 0);
	ck_assert_int_eq(link_dial(path, max_bytes, peer_wake, p, &p->link), ST_OK);
}

/* Waits for the next message; good until the next call. */
static inline struct slice peer_receive(struct peer *p)
{
	struct pollfd fd = { .fd = p->wake[0], .events = POLLIN };
	char bytes[64];

	if (p->msg)
		link_msg_free(&p->msg);
	for (;;) {
		struct link_event ev = link_receive(p->link);

		if (ev.kind == LINK_MESSAGE) {
			p->msg = ev.msg;
			return link_msg_slice(ev.msg);
		}
		if (ev.kind != LINK_NOTHING)
			continue;
		ck_assert_int_gt(poll(&fd, 1, PEER_WAIT_MS), 0);
		(void)!read(p->wake[0], bytes, sizeof(bytes));
	}
}

static inline void peer_send(struct peer *p, struct slice bytes)
{
	struct link_msg *m = link_msg_new(bytes.n);

	memcpy(link_msg_body(m), bytes.p, bytes.n);
	ck_assert_int_eq(link_send(p->link, 0, &m), ST_OK);
}

static inline void peer_drop(struct peer *p)
{
	if (p->msg)
		link_msg_free(&p->msg);
}

#endif
