/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer of a link made of plain system calls: it speaks nng's wire protocol exactly as well as a test wants.
 *
 *   handshake, both ways   00 'S' 'P' 00  protocol (2 bytes, pair0 = 0x0010)  00 00
 *   message                01  length (8 bytes, big-endian)  body
 */
#ifndef T_IPC_RAW_PEER_H
#define T_IPC_RAW_PEER_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static inline struct sockaddr_un raw_address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	memcpy(a.sun_path, path, strlen(path) + 1);
	return a;
}

/* A connected socket, or -1 with errno. */
static inline int raw_connect(const char *path)
{
	struct sockaddr_un a = raw_address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	close(fd);
	return -1;
}

static inline int raw_listen(const char *path)
{
	struct sockaddr_un a = raw_address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 16) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Reads n bytes; how many came before the end. */
static inline size_t raw_read(int fd, void *p, size_t n)
{
	size_t done = 0;
	ssize_t got;

	while (done < n && (got = recv(fd, (char *)p + done, n - done, 0)) > 0)
		done += (size_t)got;
	return done;
}

static inline int raw_write(int fd, const void *p, size_t n)
{
	return send(fd, p, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/* Our half of the handshake and the other's; nonzero when both went through. */
static inline int raw_handshake(int fd)
{
	static const uint8_t hello[8] = { 0, 'S', 'P', 0, 0, 0x10, 0, 0 };
	uint8_t theirs[8];

	return raw_write(fd, hello, sizeof hello) && raw_read(fd, theirs, sizeof theirs) == sizeof theirs &&
	    memcmp(hello, theirs, sizeof hello) == 0;
}

static inline void raw_head(uint8_t head[9], uint64_t n)
{
	head[0] = 1;
	for (int i = 0; i < 8; i++)
		head[1 + i] = (uint8_t)(n >> (56 - 8 * i));
}

static inline int raw_send(int fd, const void *p, size_t n)
{
	uint8_t head[9];

	raw_head(head, n);
	return raw_write(fd, head, sizeof head) && (n == 0 || raw_write(fd, p, n));
}

/* Reads the length of the next message; 0 when none comes any more. */
static inline int raw_receive_head(int fd, uint64_t *np)
{
	uint8_t head[9];

	if (raw_read(fd, head, sizeof head) != sizeof head || head[0] != 1)
		return 0;
	*np = 0;
	for (int i = 0; i < 8; i++)
		*np = *np << 8 | head[1 + i];
	return 1;
}

#endif /* T_IPC_RAW_PEER_H */
