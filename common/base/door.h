/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A door: a local socket at which a process of ours answers questions, one question and one answer a connection.
 *
 *   question, answer := length:u32 little-endian, then that many bytes       then the answering side closes
 *
 * 1. The socket has mode 0600, and the peer's uid must be ours or root's.
 * 2. The answering side never waits for a peer: what is not whole is kept until it is, or until others need the place.
 * 3. What the bytes mean is the caller's: it decodes strictly and answers also what it cannot read.
 *
 * One thread at a time, the caller's. The asking side blocks and may be any thread.
 */
#ifndef BASE_DOOR_H
#define BASE_DOOR_H

#include "common/base/buf.h"
#include "common/base/status.h"

struct door;

/* Appends the answer to `question`; at most as many bytes as the door takes. */
typedef void door_answer_f(void *ctx, struct slice question, struct buf *answer);

/* Listens at path, in place of a socket that a dead process left there: a lock elsewhere says that nobody else serves. */
enum st door_open(const char *path, uint32_t message_max, door_answer_f *answer, void *ctx, struct door **dp) MUST_USE;
int door_fd(const struct door *d);       /* readable when door_turn() has something to do; for poll or epoll */
void door_turn(struct door *d);          /* serves all that can go on without waiting */
void door_close(struct door **dp);       /* removes the socket */

/* Asks at path and appends the answer. ST_UNAVAILABLE: nobody listens there; ST_TIMEOUT: no answer came in time; ST_IO: the
 * connection broke; ST_TOO_BIG: the answer is longer than message_max; ST_INVALID: the path is too long for a socket.
 * errno tells more. Logs nothing. */
enum st door_ask(const char *path, struct slice question, uint32_t message_max, unsigned timeout_s,
		 struct buf *answer) MUST_USE;

#endif
