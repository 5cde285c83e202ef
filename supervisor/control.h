/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: where lsmctl asks the supervisor (common/base/door.h; the messages: proto/control.proto).
 */
#ifndef SUPERVISOR_CONTROL_H
#define SUPERVISOR_CONTROL_H

#include "common/base/status.h"
#include "proto/control.h"

struct control;

/* Fills the reply; texts in it stay good until the next call. */
typedef void control_answer_f(void *ctx, const struct control_request *q, struct control_reply *r);

/* Listens at path; poll_fd is an epoll instance in which control registers its descriptors with data.ptr = control. */
enum st control_open(const char *path, int poll_fd, control_answer_f *answer, void *ctx,
		     struct control **cp) MUST_USE;

/* Something is ready; serves all that can go on without waiting. */
void control_turn(struct control *c);

/* Removes the socket. */
void control_close(struct control **cp);

#endif
