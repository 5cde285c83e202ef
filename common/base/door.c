/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A door, both sides; see door.h.
 *
 * A few connections at most, each with a buffer: read until a whole question is there, answer, close. Answers are small
 * and the socket's buffer takes them in one send. A peer that sends rubbish or too much is dropped at once; one that sends
 * nothing, when all places are taken and somebody else comes.
 *
 * When the process has no descriptor left for a newcomer, the listening socket is not looked at for REST_MS: it stays
 * readable, and the caller's thread would spin.
 */
#include "common/base/door.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/coding.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"

#define DOOR_MAGIC 0x6c7a01c3u
#define PEERS_MAX 8
#define LENGTH_BYTES 4u
#define READ_BYTES 4096u
#define REST_MS 200

struct peer {
	int fd;                         /* -1: free */
	uint64_t number;                /* the smaller, the longer it is here */
	struct buf in;
};

struct door {
	uint32_t magic;
	door_answer_f *answer;
	void *ctx;
	uint32_t message_max;
	int poll_fd, listen_fd, rest_fd;        /* rest_fd: a timer, readable when a rest is over */
	bool resting, told;                     /* told: in the log, since the last newcomer that was let in */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	uint64_t peers_seen;
	struct peer peers[PEERS_MAX];
};

/* ---- answering ---- */

static int watch(struct door *d, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = d };

	return epoll_ctl(d->poll_fd, EPOLL_CTL_ADD, fd, &e);
}

static enum st open_socket(struct door *d)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	memcpy(a.sun_path, d->path, sizeof a.sun_path);
	(void)unlink(d->path);
	d->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	d->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	d->rest_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (d->poll_fd < 0 || d->listen_fd < 0 || d->rest_fd < 0 || bind(d->listen_fd, (struct sockaddr *)&a, sizeof a) != 0 ||
	    chmod(d->path, 0600) != 0 || listen(d->listen_fd, PEERS_MAX) != 0 || watch(d, d->listen_fd) != 0 ||
	    watch(d, d->rest_fd) != 0)
		return fail(ST_UNAVAILABLE, "control socket %s: %s", d->path, strerror(errno));
	return ST_OK;
}

enum st door_open(const char *path, uint32_t message_max, door_answer_f *answer, void *ctx, struct door **dp)
{
	struct door *d;
	enum st st;

	*dp = NULL;
	if (strlen(path) >= sizeof d->path)
		return fail(ST_INVALID, "control socket %s: the path is too long; set RUN_DIR to a shorter one", path);
	d = mem_zalloc(sizeof *d);
	obj_init(d, DOOR_MAGIC);
	d->answer = answer;
	d->ctx = ctx;
	d->message_max = message_max;
	d->poll_fd = d->listen_fd = d->rest_fd = -1;
	strcpy(d->path, path);
	for (int i = 0; i < PEERS_MAX; i++)
		d->peers[i].fd = -1;
	st = open_socket(d);
	if (st)
		door_close(&d);
	*dp = d;
	return st;
}

int door_fd(const struct door *d)
{
	return d->poll_fd;
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

/* A free place, or that of the peer that has kept us waiting longest. */
static struct peer *place(struct door *d)
{
	struct peer *oldest = &d->peers[0];

	for (int i = 0; i < PEERS_MAX; i++) {
		if (d->peers[i].fd < 0)
			return &d->peers[i];
		if (d->peers[i].number < oldest->number)
			oldest = &d->peers[i];
	}
	drop_peer(oldest);
	return oldest;
}

/* Looks at the listening socket, or not. */
static void listen_to(struct door *d, bool yes)
{
	struct epoll_event e = { .events = yes ? EPOLLIN : 0, .data.ptr = d };

	must(epoll_ctl(d->poll_fd, EPOLL_CTL_MOD, d->listen_fd, &e) == 0);
	d->resting = !yes;
}

static void rest(struct door *d)
{
	struct itimerspec until = { .it_value = { .tv_nsec = REST_MS * 1000000l } };

	if (!d->told)
		log_warn("%s: somebody asks and cannot be let in: %s; tried again every %d ms", d->path, strerror(errno), REST_MS);
	d->told = true;
	must(timerfd_settime(d->rest_fd, 0, &until, NULL) == 0);
	listen_to(d, false);
}

/* False while the door rests. */
static bool is_open(struct door *d)
{
	uint64_t times;

	if (d->resting && read(d->rest_fd, &times, sizeof times) == (ssize_t)sizeof times)
		listen_to(d, true);
	return !d->resting;
}

static bool serve(struct door *d, struct peer *p);

/* A newcomer is read from at once, so that one who has asked already is answered before anybody takes his place. */
static void accept_peers(struct door *d)
{
	int fd;

	while ((fd = accept4(d->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct peer *p;

		if (!is_friend(fd) || watch(d, fd) != 0) {
			close(fd);
			continue;
		}
		p = place(d);
		p->fd = fd;
		p->number = ++d->peers_seen;
		d->told = false;
		if (serve(d, p))
			drop_peer(p);
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		rest(d);
}

static void answer(struct door *d, struct peer *p, struct slice question)
{
	struct buf out = BUF_INIT;

	buf_append(&out, "\0\0\0", LENGTH_BYTES);
	d->answer(d->ctx, question, &out);
	must(out.n - LENGTH_BYTES <= d->message_max);
	put_u32(out.p, (uint32_t)(out.n - LENGTH_BYTES));
	(void)!send(p->fd, out.p, out.n, MSG_NOSIGNAL);
	buf_fini(&out);
}

/* True when the peer is done with, one way or another. */
static bool serve(struct door *d, struct peer *p)
{
	for (;;) {
		uint8_t *at = buf_reserve(&p->in, READ_BYTES);
		ssize_t n = read(p->fd, at, READ_BYTES);
		uint32_t length;

		if (n < 0)
			return errno != EAGAIN && errno != EINTR;
		if (n == 0)
			return true;
		p->in.n += (size_t)n;
		if (p->in.n < LENGTH_BYTES)
			continue;
		length = get_u32(p->in.p);
		if (length > d->message_max)
			return true;
		if (p->in.n < LENGTH_BYTES + length)
			continue;
		answer(d, p, slice_of(p->in.p + LENGTH_BYTES, length));
		return true;
	}
}

void door_turn(struct door *d)
{
	obj_check(d, DOOR_MAGIC);
	for (int i = 0; i < PEERS_MAX; i++)
		if (d->peers[i].fd >= 0 && serve(d, &d->peers[i]))
			drop_peer(&d->peers[i]);
	if (is_open(d))
		accept_peers(d);
}

void door_close(struct door **dp)
{
	struct door *d = *dp;

	if (!d)
		return;
	for (int i = 0; i < PEERS_MAX; i++)
		drop_peer(&d->peers[i]);
	if (d->listen_fd >= 0) {
		close(d->listen_fd);
		(void)unlink(d->path);
	}
	if (d->rest_fd >= 0)
		close(d->rest_fd);
	if (d->poll_fd >= 0)
		close(d->poll_fd);
	obj_fini(d);
	mem_drop(dp);
}

/* ---- asking ---- */

static enum st dial(const char *path, unsigned timeout_s, int *fdp)
{
	struct timeval patience = { .tv_sec = timeout_s };
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	*fdp = -1;
	if (strlen(path) >= sizeof a.sun_path)
		return ST_INVALID;
	strcpy(a.sun_path, path);
	*fdp = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fdp < 0 || setsockopt(*fdp, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
	    setsockopt(*fdp, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0)
		return ST_IO;
	return connect(*fdp, (struct sockaddr *)&a, sizeof a) == 0 ? ST_OK : ST_UNAVAILABLE;
}

static enum st send_question(int fd, struct slice question)
{
	struct buf out = BUF_INIT;
	bool sent;

	buf_append(&out, "\0\0\0", LENGTH_BYTES);
	put_u32(out.p, (uint32_t)question.n);
	buf_append_slice(&out, question);
	sent = send(fd, out.p, out.n, MSG_NOSIGNAL) == (ssize_t)out.n;
	buf_fini(&out);
	return sent ? ST_OK : ST_IO;
}

static enum st receive(int fd, size_t n, struct buf *to)
{
	while (n > 0) {
		ssize_t got = read(fd, buf_reserve(to, n), n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return ST_TIMEOUT;
		if (got <= 0)
			return ST_IO;
		to->n += (size_t)got;
		n -= (size_t)got;
	}
	return ST_OK;
}

static enum st receive_answer(int fd, uint32_t message_max, struct buf *to)
{
	struct buf head = BUF_INIT;
	enum st st = receive(fd, LENGTH_BYTES, &head);
	uint32_t n = st ? 0 : get_u32(head.p);

	buf_fini(&head);
	if (st)
		return st;
	return n > message_max ? ST_TOO_BIG : receive(fd, n, to);
}

enum st door_ask(const char *path, struct slice question, uint32_t message_max, unsigned timeout_s, struct buf *answer_to)
{
	int fd;
	enum st st = dial(path, timeout_s, &fd);

	if (!st)
		st = send_question(fd, question);
	if (!st)
		st = receive_answer(fd, message_max, answer_to);
	if (fd >= 0) {
		int kept = errno;

		close(fd);
		errno = kept;
	}
	return st;
}
