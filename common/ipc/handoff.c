/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handing out memtables over AF_UNIX seqpacket sockets (handoff.h). One packet per memtable:
 *
 *   data     file id, 8 bytes little-endian
 *   control  one descriptor (SCM_RIGHTS)
 *
 * 1. A reader is greeted (sent all living memtables) and put on the list with the lock held, and a push sends
 *    with the lock held: each reader is sent each memtable once, in the order of the pushes.
 * 2. Nobody waits for a reader: a packet that cannot be sent at once costs it the connection. What was sent
 *    before stays takeable.
 * 3. Between bind and listen the socket file gets its mode, so there is no moment in which others could
 *    connect.
 *
 * Server: `accept` is a thread of its own, push and retire come from any other. Client: the thread that owns
 * it.
 */
#include "common/ipc/handoff.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/coding.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/proc.h"

#define HANDOFF_SERVER_MAGIC 0x4a2d0ff5u
#define HANDOFF_CLIENT_MAGIC 0x4a2d0ffcu

#define BACKLOG 64
#define RETRY_ACCEPT_US 10000
#define PACKET_BYTES 8

struct living { struct file_id id; int fd; };

struct handoff_server {
	/* fixed after listen */
	uint32_t magic;
	int listener;

	/* guarded by lock */
	pthread_mutex_t lock;
	struct living *living;   size_t living_count, living_capacity;     /* in the order of the pushes */
	int *readers;            size_t reader_count, reader_capacity;
};

struct handoff_client {
	uint32_t magic;
	int fd;                      /* -1: none */
	bool lost;                   /* nothing more comes from it; closed when connecting anew */
	char *path;
};

/* Room for a control message with one descriptor, aligned as the kernel wants it. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* ---- both sides ---- */

static enum st make_address(const char *path, struct sockaddr_un *ap)
{
	*ap = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof ap->sun_path)
		return fail(ST_INVALID, "%s: longer than the %zu bytes a socket's path may have", path,
		    sizeof ap->sun_path - 1);
	memcpy(ap->sun_path, path, strlen(path));
	return ST_OK;
}

/* The process at the other end runs as the user we are. */
static bool peer_is_us(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof peer;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && peer.uid == geteuid();
}

/* ---- server ---- */

/* 0 or the errno with which it could not be sent. */
static int send_living(int reader, const struct living *m)
{
	uint8_t packet[PACKET_BYTES];
	struct iovec iov = { packet, sizeof packet };
	union control control = { .bytes = { 0 } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
	    .msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	put_u64(packet, m->id.v);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof m->fd);
	memcpy(CMSG_DATA(c), &m->fd, sizeof m->fd);
	return sendmsg(reader, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof packet ? 0 : errno;
}

/* Ends the connection of a reader that could not be sent to. */
static void cut_off(int reader, int error)
{
	if (error != EPIPE && error != ECONNRESET)
		log_warn("a reader does not take its memtables and is cut off: %s", strerror(error));
	close(reader);
}

/* Lock held. Takes over the reader. */
static void greet(struct handoff_server *h, int reader)
{
	for (size_t i = 0; i < h->living_count; i++) {
		int error = send_living(reader, &h->living[i]);

		if (error) {
			cut_off(reader, error);
			return;
		}
	}
	if (h->reader_count == h->reader_capacity) {
		h->reader_capacity = h->reader_capacity ? 2 * h->reader_capacity : 8;
		h->readers = mem_resize(h->readers, h->reader_capacity * sizeof *h->readers);
	}
	h->readers[h->reader_count++] = reader;
}

/* Lock held. Closes the sockets of readers that went; a push would find out, but there may be none
 * for long. */
static void sweep(struct handoff_server *h)
{
	size_t kept = 0;

	for (size_t i = 0; i < h->reader_count; i++) {
		struct pollfd p = { .fd = h->readers[i] };

		if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)))
			close(h->readers[i]);
		else
			h->readers[kept++] = h->readers[i];
	}
	h->reader_count = kept;
}

static void *accept_readers(void *arg)
{
	struct handoff_server *h = arg;

	for (;;) {
		int reader = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC);

		if (reader < 0) {
			if (errno != EINTR && errno != ECONNABORTED)
				clock_sleep_us(RETRY_ACCEPT_US);     /* no descriptor left */
			continue;
		}
		if (!peer_is_us(reader)) {
			log_warn("a reader of another user was turned away");
			close(reader);
			continue;
		}
		pthread_mutex_lock(&h->lock);
		sweep(h);
		greet(h, reader);
		pthread_mutex_unlock(&h->lock);
	}
	return NULL;
}

/* Removes what a process before us left; nothing that is no socket. */
static void remove_old(const char *path)
{
	struct stat sb;

	if (lstat(path, &sb) == 0 && S_ISSOCK(sb.st_mode))
		unlink(path);
}

static enum st open_listener(const char *path, int *fdp)
{
	struct sockaddr_un address;
	enum st st = make_address(path, &address);
	int fd;

	*fdp = -1;
	if (st)
		return st;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(ST_IO, "%s: no socket: %s", path, strerror(errno));
	remove_old(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || chmod(path, 0600) != 0 ||
	    listen(fd, BACKLOG) != 0) {
		st = fail(ST_IO, "%s: cannot listen: %s", path, strerror(errno));
		close(fd);
		return st;
	}
	*fdp = fd;
	return ST_OK;
}

enum st handoff_listen(const char *path, struct handoff_server **hp)
{
	struct handoff_server *h;
	int listener;
	enum st st;

	*hp = NULL;
	st = open_listener(path, &listener);
	if (st)
		return st;
	h = mem_zalloc(sizeof *h);
	obj_init(h, HANDOFF_SERVER_MAGIC);
	h->listener = listener;
	pthread_mutex_init(&h->lock, NULL);
	pthread_detach(proc_thread("handoff", accept_readers, h));
	*hp = h;
	return ST_OK;
}

void handoff_push(struct handoff_server *h, struct file_id id, int fd)
{
	struct living m = { id, fd };
	size_t kept = 0;

	obj_check(h, HANDOFF_SERVER_MAGIC);
	pthread_mutex_lock(&h->lock);
	if (h->living_count == h->living_capacity) {
		h->living_capacity = h->living_capacity ? 2 * h->living_capacity : 8;
		h->living = mem_resize(h->living, h->living_capacity * sizeof *h->living);
	}
	h->living[h->living_count++] = m;
	for (size_t i = 0; i < h->reader_count; i++) {
		int error = send_living(h->readers[i], &m);

		if (error)
			cut_off(h->readers[i], error);
		else
			h->readers[kept++] = h->readers[i];
	}
	h->reader_count = kept;
	pthread_mutex_unlock(&h->lock);
}

void handoff_retire(struct handoff_server *h, struct file_id id)
{
	size_t kept = 0;

	obj_check(h, HANDOFF_SERVER_MAGIC);
	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < h->living_count; i++)
		if (h->living[i].id.v != id.v)
			h->living[kept++] = h->living[i];
	h->living_count = kept;
	pthread_mutex_unlock(&h->lock);
}

size_t handoff_readers(struct handoff_server *h)
{
	size_t n;

	obj_check(h, HANDOFF_SERVER_MAGIC);
	pthread_mutex_lock(&h->lock);
	sweep(h);
	n = h->reader_count;
	pthread_mutex_unlock(&h->lock);
	return n;
}

/* ---- client ---- */

void handoff_client_new(const char *path, struct handoff_client **cp)
{
	struct handoff_client *c = mem_zalloc(sizeof *c);

	obj_init(c, HANDOFF_CLIENT_MAGIC);
	c->fd = -1;
	c->path = mem_strdup(path);
	*cp = c;
}

static void disconnect(struct handoff_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->lost = false;
}

void handoff_client_free(struct handoff_client **cp)
{
	if (!*cp)
		return;
	obj_check(*cp, HANDOFF_CLIENT_MAGIC);
	disconnect(*cp);
	mem_free((*cp)->path);
	obj_fini(*cp);
	mem_drop(cp);
}

/* Nobody listens, or too many wait already. */
static bool is_absence(int error)
{
	return error == ENOENT || error == ECONNREFUSED || error == EAGAIN;
}

enum st handoff_connect(struct handoff_client *c)
{
	struct sockaddr_un address;
	enum st st;
	int fd, error;

	obj_check(c, HANDOFF_CLIENT_MAGIC);
	if (c->fd >= 0 && !c->lost)
		return ST_OK;
	disconnect(c);
	st = make_address(c->path, &address);
	if (st)
		return st;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(ST_IO, "%s: no socket: %s", c->path, strerror(errno));
	if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
		error = errno;
		close(fd);
		return is_absence(error) ? ST_UNAVAILABLE :
		    fail(ST_IO, "%s: cannot connect: %s", c->path, strerror(error));
	}
	if (!peer_is_us(fd)) {
		close(fd);
		return fail(ST_IO, "%s: belongs to another user", c->path);
	}
	c->fd = fd;
	return ST_OK;
}

int handoff_fd(const struct handoff_client *c)
{
	return c->fd;
}

/* Sleeps until there is something to read, or wait_ms passed. */
static void wait_readable(int fd, int wait_ms)
{
	uint64_t end_us = clock_mono_us() + (uint64_t)wait_ms * 1000, now_us;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while ((now_us = clock_mono_us()) < end_us) {
		int left_ms = (int)((end_us - now_us + 999) / 1000);

		if (poll(&p, 1, left_ms) >= 0 || errno != EINTR)
			return;
	}
}

/* The one descriptor that came with a packet; -1 when it was none or several (which are closed). */
static int descriptor_of(struct msghdr *msg)
{
	int fd = -1, one, count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; CMSG_LEN(at + sizeof one) <= c->cmsg_len; at += sizeof one) {
			memcpy(&one, CMSG_DATA(c) + at, sizeof one);
			if (count++ > 0)
				close(one);
			else
				fd = one;
		}
	}
	if (count > 1) {
		close(fd);
		fd = -1;
	}
	return fd;
}

enum st handoff_take(struct handoff_client *c, int wait_ms, struct file_id *idp, int *fdp)
{
	uint8_t packet[PACKET_BYTES];
	struct iovec iov = { packet, sizeof packet };
	union control control = { .bytes = { 0 } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
	    .msg_controllen = sizeof control };
	ssize_t n;

	obj_check(c, HANDOFF_CLIENT_MAGIC);
	*idp = file_id(0);
	*fdp = -1;
	if (c->fd < 0 || c->lost)
		return ST_UNAVAILABLE;
	if (wait_ms > 0)
		wait_readable(c->fd, wait_ms);
	n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return ST_NOT_FOUND;
	if (n <= 0) {
		c->lost = true;
		return ST_UNAVAILABLE;
	}
	*fdp = descriptor_of(&msg);
	if (n == sizeof packet && *fdp >= 0 && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		*idp = file_id(get_u64(packet));
		return ST_OK;
	}
	if (*fdp >= 0)
		close(*fdp);
	*fdp = -1;
	c->lost = true;              /* whoever connects anew is sent everything */
	return fail(ST_IO, "%s: a memtable came without its descriptor, or none is left to take it", c->path);
}
