/* SPDX-License-Identifier: Apache-2.0 */
/* Health, metrics and what else operators ask; see operate.h. */
#include "frontend/operate.h"

#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/heritage.h"
#include "common/base/mem.h"
#include "common/stats/stats.h"
#include "common/table/filename.h"
#include "common/vfs/vfs.h"
#include "frontend/health_json.h"
#include "frontend/openapi.h"
#include "frontend/stats_json.h"

enum { RECOVERY_REPORT_MAX = 16 << 10 };

static struct health_facts gather_facts(struct operate *o)
{
	struct board *board = attach_board(o->attach);
	struct health_facts h = {
		.now_s = clock_wall_ms() / 1000,
		.memtable_bytes = stats_sum(M_memtable_size),
		.wal_bytes = stats_sum(M_wal_size),
		.disk_mark = stats_sum(M_disk_low_water),
		.disk_refuses = stats_sum(M_disk_writes_refused) != 0,
		.disk_resume = stats_sum(M_disk_resume),
		.stalled = stats_sum(M_write_stalled) != 0,
		.replay_eta_us = stats_sum(M_recovery_eta),
		.engine_there = pending_engine_there(o->pending),
		.engine_pid = stats_worker_pid(SLOT_ENGINE),
		.engine_state = board_state(board),
	};

	attach_tick(o->attach);
	h.desc = attach_desc(o->attach);
	h.directory_there = access(o->conf->data_dir, R_OK | X_OK) == 0;
	h.disk_known = h.directory_there && vfs_free_bytes(vfs_posix(), o->conf->data_dir, &h.disk_free) == ST_OK;
	board_replay(board, &h.replay_done, &h.replay_total);
	return h;
}

void operate_health(struct operate *o, struct http_request *r)
{
	struct health_facts h = gather_facts(o);
	uint8_t *recovery = NULL;
	struct http_answer a = { .status = health_judge(&h) == HEALTH_UNHEALTHY ? 503 : 200,
				 .type = "application/json",
				 .compress = true };

	if (vfs_slurp(vfs_posix(), path_recovery_report(o->conf->run_dir).s, RECOVERY_REPORT_MAX, &recovery, &h.recovery.n))
		h.recovery.n = 0;        /* none: nothing was found */
	h.recovery.p = recovery;
	buf_reset(&o->body);
	health_json_write(&o->body, &h);
	mem_free(recovery);
	a.body = buf_slice(&o->body);
	http_answer(r, &a);
}

void operate_ready(struct operate *o, struct http_request *r)
{
	static const struct http_answer ready = { .status = 200,
						  .type = "text/plain",
						  .body = { (const uint8_t *)"ok\n", 3 } };
	struct health_facts h = gather_facts(o);
	const char *why;

	buf_reset(&o->complaint);
	why = health_not_ready(&o->complaint, &h);
	if (why)
		http_answer_problem(r, PROBLEM_NOT_READY, why);
	else
		http_answer(r, &ready);
}

void operate_live(struct http_request *r)
{
	static const struct http_answer alive = { .status = 200,
						  .type = "text/plain",
						  .body = { (const uint8_t *)"ok\n", 3 } };

	http_answer(r, &alive);
}

void operate_openapi(struct http_request *r)
{
	struct http_answer a = { .status = 200, .type = "application/json", .body = openapi_document(), .compress = true };

	http_answer(r, &a);
}

void operate_metrics(struct operate *o, struct http_request *r)
{
	struct http_answer a = { .status = 200, .type = "text/plain; version=0.0.4; charset=utf-8", .compress = true };

	attach_watch_memory(o->attach);
	buf_reset(&o->body);
	stats_write_prometheus(&o->body);
	a.body = buf_slice(&o->body);
	http_answer(r, &a);
}

void operate_stats(struct operate *o, struct http_request *r)
{
	attach_tick(o->attach);
	buf_reset(&o->body);
	stats_json_write(&o->body, attach_desc(o->attach), board_visible(attach_board(o->attach)));
	http_answer_json(r, buf_slice(&o->body));
}
