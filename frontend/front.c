/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handlers. Each takes a request and answers it, at once or through reads or pending. What they count:
 * write_operations per acknowledged single write or delete, batch_operations per acknowledged batch,
 * durations from a request's last byte read to its answer.
 */
#include "frontend/front.h"

#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/stats/stats.h"
#include "common/table/filename.h"
#include "common/vfs/vfs.h"
#include "frontend/access.h"
#include "frontend/attach.h"
#include "frontend/http_tls.h"
#include "frontend/json.h"
#include "frontend/loop.h"
#include "frontend/methods.h"
#include "frontend/operate.h"
#include "frontend/pending.h"
#include "frontend/reads.h"
#include "frontend/request_log.h"
#include "frontend/routes.h"
#include "frontend/urlcode.h"
#include "frontend/v1_batch.h"
#include "frontend/v1_mget.h"
#include "frontend/v1_read.h"
#include "frontend/v1_scan.h"
#include "frontend/v1_write.h"
#include "frontend/watch.h"
#include "frontend/write_refuse.h"

#define FRONT_MAGIC 0x46726e01u

enum { WORKERS = 2, SNAPSHOT_MEMTABLES = 8 };
enum { TICK_MS = 50, VIEW_TICKS = 4, BODIES_MIN_BYTES = 256 << 20 };

struct front {
	uint32_t magic;
	const struct conf *conf;
	struct http_server *server;
	struct attach *attach;
	struct reads *reads;
	struct pending *pending;
	struct operate operate;
	struct v1 v1;
	struct watch *watch;
	struct access *access;
	struct request_log *log;
	struct http_tls_context *tls;            /* NULL: plain HTTP */
	struct workers *workers;
	struct snapshots *snapshots;
	struct scans *scans;
	struct imports *imports;
	struct v1_scan v1_scan;
	struct loop_event *tick;
	unsigned ticks;
	struct buf batch, complaint, body;       /* scratch */
	struct cors cors;
};

/* ---- writes ---- */

static void answer_write(struct front *f, struct http_request *r, const struct write_result *reply)
{
	struct buf *out = &f->body;

	buf_reset(out);
	buf_append_str(out, "{\"success\":true");
	if (r->op == OP_WRITE) {
		buf_append_str(out, ",\"timestamp\":");
		buf_append_u64(out, (uint64_t)(reply->timestamp_ms / 1000));
	} else if (r->op == OP_BATCH) {
		buf_append_str(out, ",\"operationsCompleted\":");
		buf_append_u64(out, r->count);
	}
	buf_append(out, "}\n", 2);
	http_answer_json(r, buf_slice(out));
}

static void on_written(void *ctx, struct http_request *r, const struct write_result *reply, enum problem p)
{
	struct front *f = ctx;
	unsigned op = r->op;
	uint64_t arrived_us = r->arrived_us;

	if (r->written) {
		r->written(r->written_ctx, r, reply, p);
		return;
	}
	if (p) {
		write_refuse(r, reply, p);
	} else {
		stats_add(op == OP_BATCH ? M_batch_operations : M_write_operations, 1);
		answer_write(f, r, reply);
	}
	stats_time((enum operation)op, clock_mono_us() - arrived_us);
}

/* Whether r may touch every key of the batch; else it was answered. */
static bool may_change(struct front *f, struct http_request *r)
{
	struct write_walk w;
	struct write_op op;
	bool may = true;

	if (!access_is_confined(r))
		return true;
	buf_reset(&f->body);
	write_request_add_batch(&f->body, buf_slice(&f->batch));
	w = write_walk_begin(buf_slice(&f->body));
	while (may && write_walk_next(&w, &op))
		may = access_key(r, op.key);
	return may;
}

static void submit(struct front *f, struct http_request *r, enum operation op)
{
	r->op = op;
	if (!may_change(f, r))
		return;
	if (f->batch.n > WRITE_BATCH_MAX) {
		http_answer_problem(r, PROBLEM_BATCH_TOO_LARGE, "The operations of a batch are at most 64 MiB less 1 KiB.");
		return;
	}
	http_request_changes(r);
	pending_submit(f->pending, r, buf_slice(&f->batch));
	if (f->batch.capacity > (256 << 10))
		buf_fini(&f->batch);
}

static void handle_write(struct front *f, struct http_request *r)
{
	enum problem p;

	buf_reset(&f->batch);
	buf_reset(&f->complaint);
	p = json_read_write(buf_slice(&r->body), clock_wall_ms(), &f->batch, &f->complaint);
	if (p)
		http_answer_problem(r, p, buf_cstr(&f->complaint));
	else
		submit(f, r, OP_WRITE);
}

static void handle_batch(struct front *f, struct http_request *r)
{
	struct write_result nothing = { .status = ST_OK };
	enum problem p;

	buf_reset(&f->batch);
	buf_reset(&f->complaint);
	p = json_read_batch(buf_slice(&r->body), clock_wall_ms(), &f->batch, &r->count, &f->complaint);
	r->op = OP_BATCH;
	if (p)
		http_answer_problem(r, p, buf_cstr(&f->complaint));
	else if (r->count == 0)
		answer_write(f, r, &nothing);
	else
		submit(f, r, OP_BATCH);
}

/* ---- keys in the path ---- */

/* Decodes the key into r->key; false when it was refused (and r answered). */
static bool take_key(struct http_request *r, struct slice argument)
{
	enum problem p = PROBLEM_NONE;
	uint8_t *key = arena_alloc(&r->arena, argument.n + 1);
	size_t n;

	if (!urlcode_decode(argument, key, &n))
		p = PROBLEM_KEY_INVALID;
	else if (n == 0)
		p = PROBLEM_KEY_EMPTY;
	else if (n > KEY_MAX_BYTES)
		p = PROBLEM_KEY_TOO_LONG;
	if (p)
		http_answer_problem(r, p, NULL);
	if (p || !access_key(r, slice_of(key, n)))
		return false;
	r->key = slice_of(key, n);
	return true;
}

static void handle_delete(struct front *f, struct http_request *r, struct slice argument)
{
	struct write_op op = { .is_delete = true };

	if (!take_key(r, argument))
		return;
	op.key = r->key;
	buf_reset(&f->batch);
	write_batch_add(&f->batch, &op);
	submit(f, r, OP_DELETE);
}

static void handle_read(struct front *f, struct http_request *r, struct slice argument)
{
	if (take_key(r, argument))
		reads_get(f->reads, r, reads_answer_json, NULL);
}

/* ---- all of them ---- */

static void handle_other(struct front *f, struct http_request *r, const struct route_match *m)
{
	uint64_t arrived_us = r->arrived_us;

	switch (m->route) {
	case ROUTE_STATS:   operate_stats(&f->operate, r); break;
	case ROUTE_HEALTH:  operate_health(&f->operate, r); break;
	case ROUTE_METRICS: operate_metrics(&f->operate, r); break;
	case ROUTE_READY:   operate_ready(&f->operate, r); break;
	case ROUTE_LIVE:    operate_live(r); break;
	case ROUTE_OPENAPI: operate_openapi(r); break;
	case ROUTE_OPTIONS: methods_answer_options(r, m); break;
	case ROUTE_WRONG_METHOD: methods_answer_wrong(r, m); break;
	default:
		http_answer_problem(r, PROBLEM_ROUTE_NOT_FOUND, NULL);
	}
	stats_time(OP_OTHER, clock_mono_us() - arrived_us);
}

/* The native calls on ranges of keys; false: it is none of them. */
static bool handle_ranges(struct front *f, struct http_request *r, const struct route_match *m)
{
	switch (m->route) {
	case ROUTE_V1_LIST:            v1_list(&f->v1_scan, r); return true;
	case ROUTE_V1_DELETE_RANGE:    v1_delete_range(&f->v1_scan, r); return true;
	case ROUTE_V1_EXPORT:          v1_export(&f->v1_scan, r); return true;
	case ROUTE_V1_IMPORT:          v1_import(&f->v1_scan, r); return true;
	case ROUTE_V1_SNAPSHOTS:       v1_snapshots(&f->v1_scan, r); return true;
	case ROUTE_V1_SNAPSHOT_DELETE: v1_snapshot_delete(&f->v1_scan, r, m->argument); return true;
	default:                       return false;
	}
}

static bool handle(void *ctx, struct http_request *r)
{
	struct front *f = ctx;
	struct route_match m = routes_find(r->method, r->path);

	r->routed = m.route != ROUTE_NONE;
	r->argument_bytes = m.argument.n;
	r->taken_us = r->shared->now_us;
	if (!access_admit(f->access, r, routes_need(m.route)))
		return true;
	if (http_request_is_behind_a_decision(r))
		return false;
	switch (m.route) {
	case ROUTE_WRITE:
		handle_write(f, r);
		return true;
	case ROUTE_BATCH:
		handle_batch(f, r);
		return true;
	case ROUTE_DELETE:
		handle_delete(f, r, m.argument);
		return true;
	case ROUTE_V1_PUT:
		return v1_put(&f->v1, r, m.argument);
	case ROUTE_V1_DELETE:
		return v1_delete(&f->v1, r, m.argument);
	case ROUTE_V1_INCREMENT:
		return v1_increment(&f->v1, r, m.argument);
	case ROUTE_V1_BATCH:
		return v1_batch(&f->v1, r);
	default:
		if (http_request_must_wait(r))
			return false;
	}
	if (m.route == ROUTE_READ)
		handle_read(f, r, m.argument);
	else if (m.route == ROUTE_V1_GET)
		v1_get(&f->v1, r, m.argument);
	else if (m.route == ROUTE_V1_MGET)
		v1_mget(&f->v1, r);
	else if (m.route == ROUTE_WATCH)
		watch_begin(f->watch, r);
	else if (!handle_ranges(f, r, &m))
		handle_other(f, r, &m);
	return true;
}

/* The body of a request that is refused anyway is not waited for: it comes in pieces, and nobody takes them. */
static enum http_plan plan(void *ctx, const struct http_request *r)
{
	const struct front *f = ctx;
	struct route_match m = routes_find(r->method, r->path);

	if (m.route == ROUTE_V1_IMPORT)
		return HTTP_PIECES;
	return access_would_admit(f->access, r, routes_need(m.route)) ? HTTP_WHOLE : HTTP_PIECES;
}

static void on_tick(void *ctx)
{
	struct front *f = ctx;

	request_log_tick(f->log);
	pending_tick(f->pending);
	if (++f->ticks % VIEW_TICKS)
		return;
	attach_tick(f->attach);
	snapshots_tick(f->snapshots);
	attach_watch_memory(f->attach);
}

static void flush(void *ctx)
{
	struct front *f = ctx;

	http_server_flush(f->server);
}

static void make_scans(struct front *f, const struct front_setup *setup)
{
	struct loop *loop = setup->loop;
	const struct conf *conf = f->conf;
	struct snapshots_setup snapshots = {
		.attach = f->attach,
		.idle_ms = conf->snapshot_idle_s * 1000,
		.life_ms = conf->snapshot_life_s * 1000,
		.max = conf->snapshots_max,
		.max_bytes = conf->memtable_size_limit * SNAPSHOT_MEMTABLES,
		.max_descriptors = setup->snapshot_descriptors,
	};
	struct scans_setup scans = { .loop = loop, .pending = f->pending, .flush = flush, .ctx = f };
	struct imports_setup imports = { .loop = loop, .pending = f->pending, .patience_us = IMPORT_PATIENCE_US,
					 .flush = flush, .ctx = f };

	workers_new(loop, WORKERS, flush, f, &f->workers);
	snapshots_new(&snapshots, &f->snapshots);
	scans.workers = f->workers;
	scans.snapshots = f->snapshots;
	scans_new(&scans, &f->scans);
	imports_new(&imports, &f->imports);
	f->v1_scan = (struct v1_scan){ .scans = f->scans, .snapshots = f->snapshots, .pending = f->pending,
					.imports = f->imports };
}

/* Among all frontends, before and after a restart: a client does not notice which one it comes to. */
static void share_sessions(struct front *f)
{
	if (f->tls)
		http_tls_share_sessions(f->tls, board_secret(attach_board(f->attach)));
}

static enum st make_parts(struct front *f, const struct front_setup *setup)
{
	const struct conf *conf = setup->conf;
	struct path handoff = path_handoff_socket(conf->run_dir),
		    link = path_frontend_socket(conf->run_dir, setup->index);
	struct attach_setup attach = {
		.loop = setup->loop,
		.board_fd = setup->board_fd,
		.leases = setup->leases,
		.handoff_path = handoff.s,
		.data_dir = conf->data_dir,
		.memory = { conf->memory_limit, conf->cache_size_limit, conf->memtable_size_limit,
			    (unsigned)conf->frontend_workers, setup->number },
		.max_open_tables = setup->max_open_tables,
	};
	struct watch_setup watch = { .loop = setup->loop, .data_dir = conf->data_dir, .max_watchers = conf->max_watchers,
				     .flush = flush, .ctx = f };
	enum st st = attach_new(&attach, &f->attach);

	if (st)
		return st;
	st = pending_new(setup->loop, link.s, on_written, flush, f, &f->pending);
	if (st)
		return st;
	reads_new(setup->loop, f->attach, f->pending, flush, f, &f->reads);
	f->operate = (struct operate){ .conf = conf, .attach = f->attach, .pending = f->pending };
	f->v1.reads = f->reads;
	f->v1.pending = f->pending;
	share_sessions(f);
	make_scans(f, setup);
	watch.attach = f->attach;
	return watch_new(&watch, &f->watch);
}

/* Reads the certificate and its key; those that were read before stay when these are wrong. */
static enum st load_tls(struct front *f, const char *on_failure)
{
	struct buf complaint = BUF_INIT;
	struct http_tls_context *fresh;
	enum st st;

	if (!f->conf->tls_cert_file[0])
		return ST_OK;
	st = http_tls_context_new(f->conf->tls_cert_file, f->conf->tls_key_file, &fresh, &complaint);
	if (st) {
		log_error("%s%s", buf_cstr(&complaint), on_failure);
	} else {
		http_tls_context_free(&f->tls);
		f->tls = fresh;
	}
	buf_fini(&complaint);
	return st;
}

/* What stands in files of the operator's: a wrong one refuses the start. */
static enum st open_files(struct front *f)
{
	enum st st = access_new(f->conf->auth_tokens_file, &f->access);

	if (!st)
		st = load_tls(f, "");
	if (!st)
		st = request_log_new(f->conf, &f->log);
	return st;
}

/* Nothing but its files was opened. */
static enum st give_up(struct front *f, enum st st)
{
	access_free(&f->access);
	http_tls_context_free(&f->tls);
	request_log_free(&f->log);
	obj_fini(f);
	mem_free(f);
	return st;
}

enum st front_new(const struct front_setup *setup, struct front **fp)
{
	struct http_limits limits = http_limits_default;
	struct front *f = mem_zalloc(sizeof *f);
	enum st st;

	*fp = NULL;
	obj_init(f, FRONT_MAGIC);
	f->conf = setup->conf;
	st = open_files(f);
	if (st)
		return give_up(f, st);
	limits.max_body = f->conf->max_body_bytes;
	limits.max_bodies = limits.max_body * 4 > BODIES_MIN_BYTES ? limits.max_body * 4 : BODIES_MIN_BYTES;
	limits.max_unsent = f->conf->max_unsent_bytes;
	http_server_new(setup->loop, setup->listener, setup->max_connections, &limits, handle, f,
			&f->server);
	cors_init(&f->cors, f->conf->cors_allow_origin);
	http_server_cors(f->server, &f->cors);
	http_server_tls(f->server, f->tls);
	http_server_plan(f->server, plan);
	http_server_done(f->server, request_log_done, f->log);
	st = make_parts(f, setup);
	if (st)
		return st;       /* the caller ends the process */
	f->tick = loop_every(setup->loop, TICK_MS, on_tick, f);
	*fp = f;
	return ST_OK;
}

struct http_server *front_server(struct front *f)
{
	return f->server;
}

void front_reload(struct front *f)
{
	bool fine = access_reload(f->access) == ST_OK;

	watch_tokens_changed(f->watch, f->access);
	fine &= load_tls(f, "; the certificate read before stays in use") == ST_OK;
	share_sessions(f);
	http_server_tls(f->server, f->tls);
	request_log_reopen(f->log);
	stats_add(fine ? M_reloads : M_reload_failures, 1);
}

bool front_leave(struct front *f)
{
	return snapshots_leave(f->snapshots);
}

void front_end(struct front *f)
{
	request_log_free(&f->log);
}

bool front_can_read(const struct front *f)
{
	return attach_desc(f->attach) != NULL;
}
