/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server of the control socket, on the supervisor's only thread.
 *
 * A few connections at most, each with a buffer: read until a whole request is there, answer, close. Replies are small
 * and the socket's buffer takes them in one send; a peer that sends rubbish, too much, or nothing is dropped.
 */
#include "supervisor/control.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/coding.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "proto/limits.h"

#define CONTROL_MAGIC 0x6c7a01c3u
#define PEERS_MAX 8
#define PEER_PATIENCE_US 5000000u      /* a request that is not there by then will not come */
#define LENGTH_BYTES 4u

struct peer {
	int fd;                         /* -1: free */
	uint64_t since_us;
	struct buf in;
};

struct control {
	uint32_t magic;
	control_answer_f *answer;
	void *ctx;
	int poll_fd, listen_fd;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct peer peers[PEERS_MAX];
};

static int watch(struct control *c, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

	return epoll_ctl(c->poll_fd, EPOLL_CTL_ADD, fd, &e);
}

static enum st open_socket(struct control *c)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	memcpy(a.sun_path, c->path, sizeof a.sun_path);
	(void)unlink(c->path);          /* the run directory's lock says that nobody serves here */
	c->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->listen_fd < 0 || bind(c->listen_fd, (struct sockaddr *)&a, sizeof a) != 0 || chmod(c->path, 0600) != 0 ||
	    listen(c->listen_fd, PEERS_MAX) != 0 || watch(c, c->listen_fd) != 0)
		return fail(ST_UNAVAILABLE, "control socket %s: %s", c->path, strerror(errno));
	return ST_OK;
}

enum st control_open(const char *path, int poll_fd, control_answer_f *answer, void *ctx, struct control **cp)
{
	struct control *c;
	enum st st;

	*cp = NULL;
	if (strlen(path) >= sizeof c->path)
		return fail(ST_INVALID, "control socket %s: the path is too long; set RUN_DIR to a shorter one", path);
	c = mem_zalloc(sizeof *c);
	obj_init(c, CONTROL_MAGIC);
	c->answer = answer;
	c->ctx = ctx;
	c->poll_fd = poll_fd;
	strcpy(c->path, path);
	for (int i = 0; i < PEERS_MAX; i++)
		c->peers[i].fd = -1;
	st = open_socket(c);
	if (st)
		control_close(&c);
	*cp = c;
	return st;
}

static void drop_peer(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	buf_fini(&p->in);
}

static bool is_friend(int fd)
{
	struct ucred who;
	socklen_t n = sizeof who;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 && (who.uid == geteuid() || who.uid == 0);
}

static void accept_peers(struct control *c)
{
	uint64_t now = clock_mono_us();

	for (int i = 0; i < PEERS_MAX; i++) {
		struct peer *p = &c->peers[i];

		if (p->fd >= 0 && now - p->since_us > PEER_PATIENCE_US)
			drop_peer(p);
		if (p->fd >= 0)
			continue;
		p->fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		p->since_us = now;
		if (p->fd >= 0 && (!is_friend(p->fd) || watch(c, p->fd) != 0))
			drop_peer(p);
	}
}

static void reply_to(struct control *c, struct peer *p, struct slice message)
{
	struct control_request request;
	struct control_reply reply;
	struct arena a;
	struct buf out = BUF_INIT;

	memset(&reply, 0, sizeof reply);
	arena_init(&a);
	buf_append(&out, "\0\0\0", LENGTH_BYTES);
	if (control_request_decode(message, &a, &request) == ST_OK)
		c->answer(c->ctx, &request, &reply);
	else
		reply = (struct control_reply){ .status = ST_INVALID, .detail = "that is no request of this version's treaty" };
	control_reply_encode(&reply, &out);
	put_u32(out.p, (uint32_t)(out.n - LENGTH_BYTES));
	(void)!send(p->fd, out.p, out.n, MSG_NOSIGNAL);
	buf_fini(&out);
	arena_fini(&a);
}

/* True when the peer is done with, one way or another. */
static bool serve(struct control *c, struct peer *p)
{
	for (;;) {
		uint8_t *at = buf_reserve(&p->in, 4096);
		ssize_t n = read(p->fd, at, 4096);
		uint32_t length;

		if (n < 0)
			return errno != EAGAIN && errno != EINTR;
		if (n == 0)
			return true;
		p->in.n += (size_t)n;
		if (p->in.n < LENGTH_BYTES)
			continue;
		length = get_u32(p->in.p);
		if (length > CONTROL_MESSAGE_MAX)
			return true;
		if (p->in.n < LENGTH_BYTES + length)
			continue;
		reply_to(c, p, slice_of(p->in.p + LENGTH_BYTES, length));
		return true;
	}
}

void control_turn(struct control *c)
{
	obj_check(c, CONTROL_MAGIC);
	accept_peers(c);
	for (int i = 0; i < PEERS_MAX; i++)
		if (c->peers[i].fd >= 0 && serve(c, &c->peers[i]))
			drop_peer(&c->peers[i]);
}

void control_close(struct control **cp)
{
	struct control *c = *cp;

	if (!c)
		return;
	for (int i = 0; i < PEERS_MAX; i++)
		drop_peer(&c->peers[i]);
	if (c->listen_fd >= 0) {
		close(c->listen_fd);
		(void)unlink(c->path);
	}
	obj_fini(c);
	mem_drop(cp);
}
