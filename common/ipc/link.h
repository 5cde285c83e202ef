/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link: one full-duplex, ordered stream of messages between two processes (nng pair0 over ipc). The only
 * file that knows nng; how a message travels may change behind it.
 *
 * 1. A message arrives whole or not at all, in order, on the connection it was sent on. Nothing is repeated:
 *    when the peer goes, what was under way is lost and the upper layer decides (requests carry ids).
 * 2. Nothing queued for one connection is ever delivered to a later one.
 * 3. All calls are thread-safe. notify runs on a thread of nng: it must not block nor call back into the link
 *    except link_receive(); typically it writes an eventfd or signals a condition.
 * 4. A link lives until the process ends; there is no close (nng 1.5.2 frees sockets in flight).
 * 5. Who uses a link guards it: nng 1.5.2's listener goes deaf, and its dialler gives up, for ever, when the
 *    peer dies within the handshake. While no peer is connected, link_guard() begins anew, on either side.
 * 6. A dialling link may see connections that the listening one never took (it was deaf, or has another
 *    peer): they come and go without a message. So the listening side speaks first, and only that makes a
 *    connection real.
 */
#ifndef IPC_LINK_H
#define IPC_LINK_H

#include "common/base/status.h"
#include "common/ipc/link_events.h"

struct link;

/* Something happened: a message came when none was queued, the peer came or went, or the send queue ran
 * empty. */
typedef void link_notify_f(void *ctx);

/* path: socket file. max_bytes: larger messages end the connection. Peers of another uid are turned away. */
enum st link_listen(const char *path, size_t max_bytes, link_notify_f *notify, void *ctx, struct link **linkp) MUST_USE;
enum st link_dial(const char *path, size_t max_bytes, link_notify_f *notify, void *ctx, struct link **linkp) MUST_USE;

/* The next event in order; LINK_NOTHING when there is none. Never blocks. */
struct link_event link_receive(struct link *l);

/* Room for a message of n bytes; fill link_msg_body() and send or free it. */
struct link_msg *link_msg_new(size_t n);
uint8_t *link_msg_body(struct link_msg *m);
struct slice link_msg_slice(const struct link_msg *m);
void link_msg_free(struct link_msg **mp);

/* Queues the message for connection (0: the present one) and takes it over. ST_UNAVAILABLE (message freed)
 * when that connection is not there. */
enum st link_send(struct link *l, uint64_t connection, struct link_msg **mp) MUST_USE;

/* Messages queued or under way on our side. */
size_t link_unsent(struct link *l);

/* Call it every 100 ms or so, on both sides: listens or dials anew when there was no peer for a second. */
void link_guard(struct link *l);

#endif
