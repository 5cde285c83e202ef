/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control edge: between plain structs and protobuf-c's.
 *
 * Runs in the supervisor's loop and in lsmctl.
 */
#include "proto/control.h"

#include "proto/control.pb-c.h"
#include "proto/fields.h"
#include "proto/limits.h"
#include "proto/unpack.h"

static char *text(struct arena *a, const char *s)
{
	return unpack_text(a, slice_str(s ? s : ""));
}

void control_request_encode(const struct control_request *r, struct buf *out)
{
	Lsm__ControlRequest m = LSM__CONTROL_REQUEST__INIT;
	struct arena a;

	arena_init(&a);
	m.verb = (Lsm__ControlRequest__Verb)r->verb;
	m.worker = text(&a, r->worker);
	m.setting = text(&a, r->setting);
	m.value = text(&a, r->value);
	unpack_reverse(&m.base, out);
	arena_fini(&a);
}

enum st control_request_decode(struct slice message, struct arena *a, struct control_request *rp)
{
	ProtobufCMessage *base;
	Lsm__ControlRequest *m;
	enum st st;

	*rp = (struct control_request){ .verb = CONTROL_NONE, .worker = "", .setting = "", .value = "" };
	st = unpack_strict(&lsm__control_request__descriptor, message, CONTROL_MESSAGE_MAX, a, &base);
	if (st)
		return st;
	m = (Lsm__ControlRequest *)base;
	if (m->verb == LSM__CONTROL_REQUEST__VERB__NONE)
		return fail(ST_INVALID, "control request that asks for nothing");
	if (m->verb == LSM__CONTROL_REQUEST__VERB__RESTART && m->worker[0] == '\0')
		return fail(ST_INVALID, "restart of no worker");
	if (m->verb == LSM__CONTROL_REQUEST__VERB__SET && (m->setting[0] == '\0' || m->value[0] == '\0'))
		return fail(ST_INVALID, "a setting without name or value");
	*rp = (struct control_request){ .verb = (enum control_verb)m->verb, .worker = m->worker,
	    .setting = m->setting, .value = m->value };
	return ST_OK;
}

static Lsm__WorkerStatus *worker_message(struct arena *a, const struct worker_status *w)
{
	Lsm__WorkerStatus *m = arena_alloc(a, sizeof *m);

	lsm__worker_status__init(m);
	m->name = text(a, w->name);
	m->pid = w->pid;
	m->state = text(a, w->state);
	m->uptime_ms = w->uptime_ms;
	m->restarts = w->restarts;
	m->last_end = text(a, w->last_end);
	return m;
}

void control_reply_encode(const struct control_reply *r, struct buf *out)
{
	Lsm__ControlReply m = LSM__CONTROL_REPLY__INIT;
	struct arena a;

	arena_init(&a);
	m.status = (uint32_t)r->status;
	m.detail = text(&a, r->detail);
	m.supervisor_pid = r->supervisor_pid;
	m.listen = text(&a, r->listen);
	m.data_dir = text(&a, r->data_dir);
	m.version = text(&a, r->version);
	m.uptime_ms = r->uptime_ms;
	m.tls = r->tls;
	m.reloads = r->reloads;
	m.reload_failures = r->reload_failures;
	m.n_workers = r->worker_count;
	m.workers = arena_alloc(&a, r->worker_count * sizeof *m.workers);
	for (size_t i = 0; i < r->worker_count; i++)
		m.workers[i] = worker_message(&a, &r->workers[i]);
	unpack_reverse(&m.base, out);
	arena_fini(&a);
}

static struct worker_status worker_plain(const Lsm__WorkerStatus *m)
{
	return (struct worker_status){ .name = m->name, .state = m->state, .last_end = m->last_end, .pid = m->pid,
	    .uptime_ms = m->uptime_ms, .restarts = m->restarts };
}

static struct control_reply reply_plain(const Lsm__ControlReply *m, struct arena *a)
{
	struct control_reply r = { .status = (enum st)m->status, .detail = m->detail, .listen = m->listen,
	    .data_dir = m->data_dir, .version = m->version, .supervisor_pid = m->supervisor_pid,
	    .uptime_ms = m->uptime_ms, .worker_count = m->n_workers, .tls = m->tls, .reloads = m->reloads,
	    .reload_failures = m->reload_failures };

	r.workers = arena_alloc(a, m->n_workers * sizeof *r.workers);
	for (size_t i = 0; i < m->n_workers; i++)
		r.workers[i] = worker_plain(m->workers[i]);
	return r;
}

enum st control_reply_decode(struct slice message, struct arena *a, struct control_reply *rp)
{
	ProtobufCMessage *base;
	enum st st;

	*rp = (struct control_reply){ .detail = "", .listen = "", .data_dir = "", .version = "" };
	st = unpack_strict(&lsm__control_reply__descriptor, message, CONTROL_MESSAGE_MAX, a, &base);
	if (st)
		return st;
	if (!fields_status_known(((Lsm__ControlReply *)base)->status))
		return fail(ST_INVALID, "control reply with unknown status %u", ((Lsm__ControlReply *)base)->status);
	*rp = reply_plain((Lsm__ControlReply *)base, a);
	return ST_OK;
}
