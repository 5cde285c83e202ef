/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's door: decodes the question, encodes the answer. On the supervisor's only thread. */
#include "supervisor/control.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "common/base/door.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "proto/limits.h"

#define CONTROL_MAGIC 0x6c7a01c4u

struct control {
	uint32_t magic;
	control_answer_f *answer;
	void *ctx;
	struct door *door;
};

static void answer(void *ctx, struct slice question, struct buf *out)
{
	struct control *c = ctx;
	struct control_request request;
	struct control_reply reply;
	struct arena a;

	memset(&reply, 0, sizeof reply);
	arena_init(&a);
	if (control_request_decode(question, &a, &request) == ST_OK)
		c->answer(c->ctx, &request, &reply);
	else
		reply = (struct control_reply){ .status = ST_INVALID, .detail = "that is no request of this version's treaty" };
	control_reply_encode(&reply, out);
	arena_fini(&a);
}

static enum st watch(struct control *c, int poll_fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

	if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, door_fd(c->door), &e) != 0)
		return fail(ST_INTERNAL, "epoll: %s", strerror(errno));
	return ST_OK;
}

enum st control_open(const char *path, int poll_fd, control_answer_f *answer_to, void *ctx, struct control **cp)
{
	struct control *c = mem_zalloc(sizeof *c);
	enum st st;

	obj_init(c, CONTROL_MAGIC);
	c->answer = answer_to;
	c->ctx = ctx;
	st = door_open(path, CONTROL_MESSAGE_MAX, answer, c, &c->door);
	if (!st)
		st = watch(c, poll_fd);
	if (st)
		control_close(&c);
	*cp = c;
	return st;
}

void control_turn(struct control *c)
{
	obj_check(c, CONTROL_MAGIC);
	door_turn(c->door);
}

void control_close(struct control **cp)
{
	if (!*cp)
		return;
	door_close(&(*cp)->door);
	obj_fini(*cp);
	mem_drop(cp);
}
