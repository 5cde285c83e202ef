/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the listening sockets, or takes systemd's. Run by the supervisor's only thread at start.
 *
 * SO_REUSEPORT would let a second server of the same user take a share of our connections unnoticed. So the address is
 * first bound once without it, which fails while anybody listens there.
 */
#include "supervisor/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>
#endif

#define LISTEN_BACKLOG 4096

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static enum st parse_address(const struct conf *c, union address *a, socklen_t *np, struct buf *complaint)
{
	const char *host = strcmp(c->host, "localhost") == 0 ? "127.0.0.1" : c->host;

	memset(a, 0, sizeof *a);
	if (inet_pton(AF_INET, host, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons((uint16_t)c->port);
		*np = sizeof a->v4;
		return ST_OK;
	}
	if (inet_pton(AF_INET6, host, &a->v6.sin6_addr) == 1) {
		a->v6.sin6_family = AF_INET6;
		a->v6.sin6_port = htons((uint16_t)c->port);
		*np = sizeof a->v6;
		return ST_OK;
	}
	buf_printf(complaint, "HOST=%s: not an IP address; give one such as 127.0.0.1, 0.0.0.0 or ::1", c->host);
	return ST_INVALID;
}

static int set_on(int fd, int level, int name)
{
	int on = 1;

	return setsockopt(fd, level, name, &on, sizeof on);
}

/* A bound socket, or -1 with errno. */
static int bind_one(const union address *a, socklen_t n, bool share_port)
{
	int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), saved;

	if (fd < 0)
		return -1;
	if (set_on(fd, SOL_SOCKET, SO_REUSEADDR) == 0 && (!share_port || set_on(fd, SOL_SOCKET, SO_REUSEPORT) == 0) &&
	    set_on(fd, IPPROTO_TCP, TCP_NODELAY) == 0 && bind(fd, &a->any, n) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static void name_address(struct listeners *l)
{
	union address a;
	socklen_t n = sizeof a;
	char text[INET6_ADDRSTRLEN] = "?";
	struct buf b = BUF_INIT;

	memset(&a, 0, sizeof a);
	if (getsockname(l->fds[0], &a.any, &n) == 0) {
		if (a.any.sa_family == AF_INET6) {
			inet_ntop(AF_INET6, &a.v6.sin6_addr, text, sizeof text);
			buf_printf(&b, "[%s]:%u", text, ntohs(a.v6.sin6_port));
		} else if (a.any.sa_family == AF_INET) {
			inet_ntop(AF_INET, &a.v4.sin_addr, text, sizeof text);
			buf_printf(&b, "%s:%u", text, ntohs(a.v4.sin_port));
		}
	}
	strncpy(l->address, b.n ? buf_cstr(&b) : "a socket of systemd", sizeof l->address - 1);
	buf_fini(&b);
}

#ifdef HAVE_LIBSYSTEMD
static bool take_from_systemd(struct listeners *l)
{
	if (sd_listen_fds(1) < 1)
		return false;
	l->fds[0] = fcntl(SD_LISTEN_FDS_START, F_DUPFD_CLOEXEC, 64);
	l->count = 1;
	return l->fds[0] >= 0 && fcntl(l->fds[0], F_SETFL, O_NONBLOCK) == 0;
}
#else
static bool take_from_systemd(struct listeners *l)
{
	(void)l;
	return false;
}
#endif

/* HOST has no say in where a socket of systemd listens, so it is looked at here. Sockets of other kinds are files with
 * permissions of their own. */
static enum st check_public(const struct conf *c, struct listeners *l, struct buf *complaint)
{
	const char *wrong = conf_refuse_public(c);
	union address a;
	socklen_t n = sizeof a;
	char text[INET6_ADDRSTRLEN] = "";

	memset(&a, 0, sizeof a);
	if (!wrong || getsockname(l->fds[0], &a.any, &n) != 0)
		return ST_OK;
	if (a.any.sa_family == AF_INET)
		inet_ntop(AF_INET, &a.v4.sin_addr, text, sizeof text);
	else if (a.any.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &a.v6.sin6_addr, text, sizeof text);
	if (!text[0] || conf_is_loopback(text))
		return ST_OK;
	buf_printf(complaint, "the socket of systemd listens on %s: %s", l->address, wrong);
	close(l->fds[0]);
	l->count = 0;
	return ST_INVALID;
}

static enum st refuse(const struct conf *c, struct listeners *l, struct buf *complaint)
{
	buf_printf(complaint, "cannot listen on %s port %llu: %s%s", c->host, (unsigned long long)c->port, strerror(errno),
		   errno == EADDRINUSE ? "; another program has it: stop that one or set PORT" :
		   errno == EACCES ? "; ports below 1024 need privileges: set PORT or use the systemd socket unit" : "");
	while (l->count > 0)
		close(l->fds[--l->count]);
	return ST_UNAVAILABLE;
}

static void take_port(int fd, union address *a)
{
	socklen_t n = sizeof *a;

	(void)getsockname(fd, &a->any, &n);
}

enum st listeners_open(const struct conf *c, struct listeners *l, struct buf *complaint)
{
	union address a;
	socklen_t n = 0;
	bool share_port = c->frontend_workers > 1;
	int probe;
	enum st st;

	memset(l, 0, sizeof *l);
	if (take_from_systemd(l)) {
		name_address(l);
		return check_public(c, l, complaint);
	}
	st = parse_address(c, &a, &n, complaint);
	if (st)
		return st;
	if (share_port) {
		probe = bind_one(&a, n, false);
		if (probe < 0)
			return refuse(c, l, complaint);
		take_port(probe, &a);
		close(probe);
	}
	for (unsigned i = 0; i < c->frontend_workers; i++) {
		int fd = bind_one(&a, n, share_port);

		if (fd < 0)
			return refuse(c, l, complaint);
		l->fds[l->count++] = fd;
		if (listen(fd, LISTEN_BACKLOG) != 0)
			return refuse(c, l, complaint);
	}
	name_address(l);
	return ST_OK;
}

int listeners_fd(const struct listeners *l, unsigned frontend)
{
	return l->fds[frontend < l->count ? frontend : 0];
}
