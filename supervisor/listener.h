/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening sockets: one per frontend, owned by the supervisor, so that connections wait in the kernel while a
 * frontend restarts. With several frontends each has its own socket on the same port (SO_REUSEPORT); a socket given by
 * systemd is shared by all of them.
 */
#ifndef SUPERVISOR_LISTENER_H
#define SUPERVISOR_LISTENER_H

#include "common/base/conf.h"

#define LISTENER_MAX 32

struct listeners {
	int fds[LISTENER_MAX];
	unsigned count;             /* 1 or one per frontend */
	char address[96];           /* "127.0.0.1:5000", the port as the kernel chose it */
};

/* With a sentence in complaint: ST_UNAVAILABLE when the address cannot be had, ST_INVALID when it may not (a socket of
 * systemd that others can reach, see conf_refuse_public()). */
enum st listeners_open(const struct conf *c, struct listeners *l, struct buf *complaint) MUST_USE;
int listeners_fd(const struct listeners *l, unsigned frontend);

#endif
