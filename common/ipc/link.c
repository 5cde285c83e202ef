/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link over an nng pair0 socket (link.h). nng 1.5.2 has its own ideas about peers that come and go; this
 * file turns them into numbered connections.
 *
 *   nng tells        for a pipe that                                    here
 *   ADD_PRE          finished its handshake                             foreign uid: closed; else a candidate
 *   ADD_POST         pair0 took as its one peer                         candidate -> connection N+1, PEER_CAME
 *   a message        pair0 took; may be told before its ADD_POST        the same, then the message
 *   REM_POST         is being destroyed; may be told before ADD_POST    of the connection: PEER_WENT; else forgotten
 *
 * 1. nng tells REM_POST of a peer before pair0 lets go of it, and pair0 takes no other peer before that. So
 *    there is one connection at a time, and between PEER_WENT and the next PEER_CAME nothing is handed to
 *    nng.
 * 2. One send is with nng at a time. It is handed over with the lock held and only while the connection it is
 *    for stands; when that one goes, REM_POST cancels it, with the lock held, before pair0 could give it to
 *    the next peer. A message that pair0 had already begun to write dies with its pipe. Hence link.h's rule
 *    2.
 * 3. One receive is posted at a time, the next one after its message is in the queue, so messages keep their
 *    order. None is posted while the queue holds more than its share of bytes: the peer then waits.
 * 4. Our lock may be held when nng is called, never the other way round: nng calls back with no lock held,
 *    and finishes an operation that is begun or cancelled here on a thread of its own.
 *
 * Callbacks run on nng's task, reaper and end-point threads; everything else on whatever thread calls.
 */
#include "common/ipc/link.h"

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <nng/transport/ipc/ipc.h>
#include <pthread.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"

#define LINK_MAGIC 0x11a4c0deu

#define ALONE_US 1000000u            /* without a peer for so long: begin to listen or dial anew */
#define RECONNECT_MIN_MS 10
#define RECONNECT_MAX_MS 50
#define QUEUE_MIN_BYTES (1u << 20)   /* received, not yet taken: this or two of the largest messages */

struct link {
	/* fixed after open */
	uint32_t magic;
	bool listening;
	char *url;
	size_t queue_max_bytes;
	link_notify_f *notify;
	void *ctx;
	nng_socket socket;
	nng_aio *send_aio, *receive_aio;

	/* guarded by lock */
	pthread_mutex_t lock;
	int endpoint;                /* id of the listener or dialler; 0: none */
	int *candidates;             /* pipes that may become the peer or were refused */
	size_t candidate_count, candidate_capacity;
	int pipe;                    /* of the present connection; 0: none */
	uint64_t connection;         /* number of the present or last connection */
	uint64_t alone_since_us;
	struct link_events received;
	size_t received_bytes;
	bool receive_posted;
	struct link_events to_send;   /* all of it for the present connection */
	bool sending;                /* the send operation is with nng */
};

/* ---- messages ---- */

static nng_msg *nng_of(const struct link_msg *m)
{
	return (nng_msg *)(uintptr_t)m;
}

struct link_msg *link_msg_new(size_t n)
{
	nng_msg *m;

	must(nng_msg_alloc(&m, n) == 0);
	return (struct link_msg *)m;
}

uint8_t *link_msg_body(struct link_msg *m)
{
	return nng_msg_body(nng_of(m));
}

struct slice link_msg_slice(const struct link_msg *m)
{
	return slice_of(nng_msg_body(nng_of(m)), nng_msg_len(nng_of(m)));
}

void link_msg_free(struct link_msg **mp)
{
	if (*mp)
		nng_msg_free(nng_of(*mp));
	*mp = NULL;
}

/* ---- receiving; all with the lock held ---- */

/* Posts the receive operation unless enough is queued (3). */
static void post_receive(struct link *l)
{
	if (l->receive_posted || l->received_bytes > l->queue_max_bytes)
		return;
	l->receive_posted = true;
	nng_recv_aio(l->socket, l->receive_aio);
}

/* Queues an event; true when somebody has to be told. */
static bool queue_event(struct link *l, enum link_event_kind kind, struct link_msg *m)
{
	bool was_empty = l->received.count == 0;

	link_events_push(&l->received, (struct link_event){ kind, m, l->connection });
	if (m)
		l->received_bytes += link_msg_slice(m).n;
	return was_empty || kind != LINK_MESSAGE;
}

/* ---- connections; all with the lock held ---- */

static void add_candidate(struct link *l, int pipe)
{
	if (l->candidate_count == l->candidate_capacity) {
		l->candidate_capacity = l->candidate_capacity ? 2 * l->candidate_capacity : 4;
		l->candidates = mem_resize(l->candidates, l->candidate_capacity * sizeof *l->candidates);
	}
	l->candidates[l->candidate_count++] = pipe;
}

static bool is_candidate(const struct link *l, int pipe)
{
	for (size_t i = 0; i < l->candidate_count; i++)
		if (l->candidates[i] == pipe)
			return true;
	return false;
}

static void remove_candidate(struct link *l, int pipe)
{
	for (size_t i = 0; i < l->candidate_count; i++)
		if (l->candidates[i] == pipe) {
			l->candidates[i] = l->candidates[--l->candidate_count];
			return;
		}
}

/* nng speaks of a pipe that pair0 took: is it the present connection, begun now if need be? *tellp: it
 * was. */
static bool pipe_is_peer(struct link *l, int pipe, bool *tellp)
{
	if (l->pipe == pipe)
		return true;
	if (l->pipe || !is_candidate(l, pipe))
		return false;
	l->pipe = pipe;
	l->connection++;
	*tellp |= queue_event(l, LINK_PEER_CAME, NULL);
	return true;
}

/* Ends the present connection: nothing that was queued for it leaves any more (2). */
static void end_connection(struct link *l)
{
	struct link_event e;

	while ((e = link_events_pop(&l->to_send)).kind != LINK_NOTHING)
		link_msg_free(&e.msg);
	if (l->sending)
		nng_aio_cancel(l->send_aio);
	queue_event(l, LINK_PEER_WENT, NULL);
	l->pipe = 0;
	l->alone_since_us = clock_mono_us();
}

/* ---- what nng calls ---- */

static void on_receive(void *arg)
{
	struct link *l = arg;
	struct link_msg *m;
	bool tell = false;

	obj_check(l, LINK_MAGIC);
	if (nng_aio_result(l->receive_aio) != 0)
		return;                      /* the process is ending */
	m = (struct link_msg *)nng_aio_get_msg(l->receive_aio);
	pthread_mutex_lock(&l->lock);
	l->receive_posted = false;
	if (pipe_is_peer(l, nng_pipe_id(nng_msg_get_pipe(nng_of(m))), &tell))
		tell |= queue_event(l, LINK_MESSAGE, m);
	else
		link_msg_free(&m);           /* its connection has ended */
	post_receive(l);
	pthread_mutex_unlock(&l->lock);
	if (tell)
		l->notify(l->ctx);
}

/* Hands the next message to nng. Lock held, no send under way. */
static void send_next(struct link *l)
{
	struct link_event e = link_events_pop(&l->to_send);

	if (e.kind == LINK_NOTHING)
		return;
	l->sending = true;
	nng_aio_set_msg(l->send_aio, nng_of(e.msg));
	nng_send_aio(l->socket, l->send_aio);
}

static void on_sent(void *arg)
{
	struct link *l = arg;
	bool tell;

	obj_check(l, LINK_MAGIC);
	if (nng_aio_result(l->send_aio) != 0) {
		nng_msg_free(nng_aio_get_msg(l->send_aio));
		nng_aio_set_msg(l->send_aio, NULL);
	}
	pthread_mutex_lock(&l->lock);
	l->sending = false;
	send_next(l);
	tell = !l->sending;
	pthread_mutex_unlock(&l->lock);
	if (tell)
		l->notify(l->ctx);
}

/* Whoever may write to the socket file may connect; only our own kind may stay. */
static void on_pipe_offered(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	struct link *l = arg;
	uint64_t uid;

	(void)event;
	if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) != 0 || uid != geteuid()) {
		log_warn("%s: a peer of another user was turned away", l->url);
		nng_pipe_close(pipe);
		return;
	}
	pthread_mutex_lock(&l->lock);
	add_candidate(l, nng_pipe_id(pipe));
	pthread_mutex_unlock(&l->lock);
}

static void on_pipe_taken(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	struct link *l = arg;
	bool tell = false;

	(void)event;
	pthread_mutex_lock(&l->lock);
	pipe_is_peer(l, nng_pipe_id(pipe), &tell);
	pthread_mutex_unlock(&l->lock);
	if (tell)
		l->notify(l->ctx);
}

static void on_pipe_gone(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	struct link *l = arg;
	bool was_peer;

	(void)event;
	pthread_mutex_lock(&l->lock);
	remove_candidate(l, nng_pipe_id(pipe));
	was_peer = l->pipe == nng_pipe_id(pipe);
	if (was_peer)
		end_connection(l);
	pthread_mutex_unlock(&l->lock);
	if (was_peer)
		l->notify(l->ctx);
}

/* ---- end points ---- */

static int begin_listening(struct link *l)
{
	nng_listener listener;
	int error = nng_listener_create(&listener, l->socket, l->url);

	if (error)
		return error;
	error = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, 0600);
	if (!error)
		error = nng_listener_start(listener, 0);
	if (error)
		nng_listener_close(listener);
	else
		l->endpoint = nng_listener_id(listener);
	return error;
}

/* The first attempt, too, is made in the background: nobody listening is no error. */
static int begin_dialling(struct link *l)
{
	nng_dialer dialer;
	int error = nng_dialer_create(&dialer, l->socket, l->url);

	if (error)
		return error;
	error = nng_dialer_start(dialer, NNG_FLAG_NONBLOCK);
	if (error)
		nng_dialer_close(dialer);
	else
		l->endpoint = nng_dialer_id(dialer);
	return error;
}

static int begin_endpoint(struct link *l)
{
	return l->listening ? begin_listening(l) : begin_dialling(l);
}

static void end_endpoint(struct link *l)
{
	nng_listener listener = { (uint32_t)l->endpoint };
	nng_dialer dialer = { (uint32_t)l->endpoint };

	if (!l->endpoint)
		return;
	if (l->listening)
		nng_listener_close(listener);
	else
		nng_dialer_close(dialer);
	l->endpoint = 0;
}

void link_guard(struct link *l)
{
	int error = 0;

	obj_check(l, LINK_MAGIC);
	pthread_mutex_lock(&l->lock);
	if (!l->pipe && clock_mono_us() - l->alone_since_us > ALONE_US) {
		end_endpoint(l);
		error = begin_endpoint(l);
		l->alone_since_us = clock_mono_us();
	}
	pthread_mutex_unlock(&l->lock);
	if (error)
		log_error("%s: cannot be reached anew: %s", l->url, nng_strerror(error));
}

/* ---- opening ---- */

/* RECVMAXSZ is taken over by end points made later, so it comes first. */
static int set_options(struct link *l, size_t max_bytes)
{
	int error = nng_socket_set_size(l->socket, NNG_OPT_RECVMAXSZ, max_bytes);

	if (!error)
		error = nng_socket_set_ms(l->socket, NNG_OPT_RECONNMINT, RECONNECT_MIN_MS);
	if (!error)
		error = nng_socket_set_ms(l->socket, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS);
	if (!error)
		error = nng_pipe_notify(l->socket, NNG_PIPE_EV_ADD_PRE, on_pipe_offered, l);
	if (!error)
		error = nng_pipe_notify(l->socket, NNG_PIPE_EV_ADD_POST, on_pipe_taken, l);
	if (!error)
		error = nng_pipe_notify(l->socket, NNG_PIPE_EV_REM_POST, on_pipe_gone, l);
	return error;
}

static int begin(struct link *l, size_t max_bytes)
{
	int error = nng_pair0_open(&l->socket);

	if (error)
		return error;
	error = nng_aio_alloc(&l->send_aio, on_sent, l);
	if (!error)
		error = nng_aio_alloc(&l->receive_aio, on_receive, l);
	if (!error)
		error = set_options(l, max_bytes);
	if (!error)
		error = begin_endpoint(l);
	return error;
}

/* A link that never came to life: no operation was begun and no peer can have come. */
static void abandon(struct link *l)
{
	nng_close(l->socket);
	nng_aio_free(l->send_aio);
	nng_aio_free(l->receive_aio);
	pthread_mutex_destroy(&l->lock);
	mem_free(l->url);
	obj_fini(l);
	mem_free(l);
}

static enum st open_link(struct link *l, const char *path, size_t max_bytes, struct link **linkp)
{
	size_t longest = sizeof ((struct sockaddr_un *)NULL)->sun_path - 1;
	int error;

	*linkp = NULL;
	if (strlen(path) > longest) {
		mem_free(l);
		return fail(ST_INVALID, "%s: longer than the %zu bytes a socket's path may have", path,
		    longest);
	}
	obj_init(l, LINK_MAGIC);
	l->url = mem_printf("ipc://%s", path);
	l->queue_max_bytes = 2 * max_bytes > QUEUE_MIN_BYTES ? 2 * max_bytes : QUEUE_MIN_BYTES;
	l->alone_since_us = clock_mono_us();
	pthread_mutex_init(&l->lock, NULL);
	error = begin(l, max_bytes);
	if (error) {
		abandon(l);
		return fail(ST_IO, "%s: cannot be opened: %s", path, nng_strerror(error));
	}
	pthread_mutex_lock(&l->lock);
	post_receive(l);
	pthread_mutex_unlock(&l->lock);
	*linkp = l;
	return ST_OK;
}

static struct link *new_link(bool listening, link_notify_f *notify, void *ctx)
{
	struct link *l = mem_zalloc(sizeof *l);

	l->listening = listening;
	l->notify = notify;
	l->ctx = ctx;
	return l;
}

enum st link_listen(const char *path, size_t max_bytes, link_notify_f *notify, void *ctx, struct link **linkp)
{
	return open_link(new_link(true, notify, ctx), path, max_bytes, linkp);
}

enum st link_dial(const char *path, size_t max_bytes, link_notify_f *notify, void *ctx, struct link **linkp)
{
	return open_link(new_link(false, notify, ctx), path, max_bytes, linkp);
}

/* ---- use ---- */

struct link_event link_receive(struct link *l)
{
	struct link_event e;

	obj_check(l, LINK_MAGIC);
	pthread_mutex_lock(&l->lock);
	e = link_events_pop(&l->received);
	if (e.msg) {
		l->received_bytes -= link_msg_slice(e.msg).n;
		post_receive(l);
	}
	pthread_mutex_unlock(&l->lock);
	return e;
}

enum st link_send(struct link *l, uint64_t connection, struct link_msg **mp)
{
	bool there;

	obj_check(l, LINK_MAGIC);
	pthread_mutex_lock(&l->lock);
	there = l->pipe && (connection == 0 || connection == l->connection);
	if (there) {
		link_events_push(&l->to_send, (struct link_event){ LINK_MESSAGE, *mp, l->connection });
		*mp = NULL;
		if (!l->sending)
			send_next(l);
	}
	pthread_mutex_unlock(&l->lock);
	link_msg_free(mp);
	return there ? ST_OK : ST_UNAVAILABLE;
}

size_t link_unsent(struct link *l)
{
	size_t n;

	pthread_mutex_lock(&l->lock);
	n = l->to_send.count + l->sending;
	pthread_mutex_unlock(&l->lock);
	return n;
}
