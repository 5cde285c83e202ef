/* SPDX-License-Identifier: Apache-2.0 */
/* The control thread; see control.h. It waits at two descriptors: the door's, and one that says stop. */
#include "engine/control.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/door.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/proc.h"
#include "proto/limits.h"

#define CONTROL_MAGIC 0x656e6374u

struct control {
	uint32_t magic;
	struct commands commands;        /* fixed after start */
	struct door *door;               /* the thread's */
	pthread_t thread;
	int stop_fd;
	_Atomic bool stop;
};

static void answer(void *ctx, struct slice question, struct buf *out)
{
	struct control *c = ctx;
	struct buf text = BUF_INIT;
	struct command_reply r;
	struct command q;
	struct arena a;

	arena_init(&a);
	r.status = command_decode(question, &a, &q);
	if (r.status)
		buf_append_str(&text, "that is no command of this version's treaty\n");
	else
		r.status = commands_run(&c->commands, &q, &text);
	r.text = buf_cstr(&text);
	command_reply_encode(&r, out);
	buf_fini(&text);
	arena_fini(&a);
}

static void *run(void *arg)
{
	struct control *c = arg;
	struct pollfd fds[] = { { .fd = door_fd(c->door), .events = POLLIN }, { .fd = c->stop_fd, .events = POLLIN } };

	while (!atomic_load(&c->stop)) {
		if (poll(fds, 2, -1) > 0 && (fds[0].revents & POLLIN))
			door_turn(c->door);
	}
	return NULL;
}

static void control_free(struct control **cp)
{
	struct control *c = *cp;

	door_close(&c->door);
	if (c->stop_fd >= 0)
		close(c->stop_fd);
	obj_fini(c);
	mem_drop(cp);
}

enum st control_start(const char *path, const struct commands *commands, struct control **cp)
{
	struct control *c = mem_zalloc(sizeof(*c));
	enum st st;

	*cp = NULL;
	obj_init(c, CONTROL_MAGIC);
	c->commands = *commands;
	c->commands.stop = &c->stop;
	c->stop_fd = eventfd(0, EFD_CLOEXEC);
	st = c->stop_fd < 0 ? fail(ST_INTERNAL, "the system refused an eventfd") : ST_OK;
	if (!st)
		st = door_open(path, CONTROL_MESSAGE_MAX, answer, c, &c->door);
	if (st) {
		control_free(&c);
		return st;
	}
	c->thread = proc_thread("control", run, c);
	*cp = c;
	return ST_OK;
}

void control_stop(struct control **cp)
{
	struct control *c = *cp;
	uint64_t one = 1;

	if (!c)
		return;
	obj_check(c, CONTROL_MAGIC);
	atomic_store(&c->stop, true);
	(void)!write(c->stop_fd, &one, sizeof(one));
	pthread_join(c->thread, NULL);
	control_free(cp);
}
